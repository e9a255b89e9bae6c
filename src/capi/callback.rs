//! Callbacks

use std::ffi::c_void;
use std::io;

use crate::error::{Code, Error};

/// Takes bytes that the library writes. Anything but 0 asks it to stop: the call then ends with RENKEI_CANCELLED.
/// Called on the thread of the call. It must not throw nor longjmp out.
pub type renkei_write_fn =
    Option<unsafe extern "C" fn(user_data: *mut c_void, bytes: *const c_void, len: usize) -> i32>;

/// Gives bytes to the library: fills at most capacity bytes, and says in *out_len how many; 0 is the end. Anything but 0 as
/// the result asks the library to stop: the call then ends with RENKEI_CANCELLED. Called on the thread of the call. It must
/// not throw nor longjmp out.
pub type renkei_read_fn = Option<
    unsafe extern "C" fn(user_data: *mut c_void, buffer: *mut c_void, capacity: usize, out_len: *mut usize) -> i32,
>;

/// Where bytes go: a function of the caller.
pub(super) struct Sink {
    write: unsafe extern "C" fn(*mut c_void, *const c_void, usize) -> i32,
    user_data: *mut c_void,
}

impl Sink {
    pub(super) fn new(write: renkei_write_fn, user_data: *mut c_void) -> Result<Sink, Error> {
        let write = write.ok_or_else(|| super::argument::null("write"))?;
        Ok(Sink { write, user_data })
    }
}

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        // SAFETY: the caller of the ABI gave both together.
        match unsafe { (self.write)(self.user_data, bytes.as_ptr().cast(), bytes.len()) } {
            0 => Ok(bytes.len()),
            _ => Err(stopped("write")),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where bytes come from: a function of the caller.
pub(super) struct Source {
    read: unsafe extern "C" fn(*mut c_void, *mut c_void, usize, *mut usize) -> i32,
    user_data: *mut c_void,
}

impl Source {
    pub(super) fn new(read: renkei_read_fn, user_data: *mut c_void) -> Result<Source, Error> {
        let read = read.ok_or_else(|| super::argument::null("read"))?;
        Ok(Source { read, user_data })
    }
}

impl io::Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let mut len = 0;
        // SAFETY: the caller of the ABI gave both together.
        let result = unsafe { (self.read)(self.user_data, buffer.as_mut_ptr().cast(), buffer.len(), &raw mut len) };
        if result != 0 {
            return Err(stopped("read"));
        }
        if len > buffer.len() {
            let error = Error::new(Code::BadLength).with_rule("out_len of the callback read").with_value(len);
            return Err(io::Error::other(error));
        }
        Ok(len)
    }
}

pub(super) fn stopped(name: &str) -> io::Error {
    io::Error::other(Error::new(Code::CallbackFailed).with_rule(name))
}

/// The pointer that goes with a callback. It travels to other threads where the header says that the callback does.
#[derive(Clone, Copy)]
pub(super) struct UserData(pub(super) *mut c_void);

// SAFETY: the library only hands it back; the header says on which threads.
unsafe impl Send for UserData {}
// SAFETY: as above.
unsafe impl Sync for UserData {}
