//! What crosses the boundary: a call and its outcome, texts, outputs, structs that begin with their size.

use std::any::Any;
use std::ffi::{CStr, c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::error::{self, renkei_error};
use super::memory::OutBytes;
use super::status::{RENKEI_OK, renkei_status, status_of};
use crate::error::{Code, Error, Result};
use crate::record::Selector;

/// A length that says: up to the NUL.
pub(super) const NUL_TERMINATED: usize = usize::MAX;

/// Runs a call: its error, or its panic, becomes a status and an error handle.
///
/// # Safety
///
/// `out_error` is NULL or may be written to.
pub(super) unsafe fn call(out_error: *mut *mut renkei_error, work: impl FnOnce() -> Result<()>) -> renkei_status {
    if !out_error.is_null() {
        // SAFETY: as promised by the caller.
        unsafe { *out_error = std::ptr::null_mut() };
    }
    let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(panicked(&*panic)));
    match result {
        Ok(()) => RENKEI_OK,
        // SAFETY: as promised by the caller.
        Err(error) => unsafe { failed(error, out_error) },
    }
}

/// # Safety
///
/// As [`call`].
#[cold]
unsafe fn failed(error: Error, out_error: *mut *mut renkei_error) -> renkei_status {
    let status = status_of(&error);
    if !out_error.is_null() {
        // SAFETY: as promised by the caller.
        unsafe { *out_error = error::give(error) };
    }
    status
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    log::error!("a call ended by a panic: {}", text.unwrap_or("of unknown cause"));
    Error::new(Code::Panicked).with_rule(text.unwrap_or("of unknown cause"))
}

#[cold]
pub(super) fn null(name: &str) -> Error {
    Error::new(Code::NullPointer).with_rule(name)
}

/// Where an output goes. It is cleared when the call begins, and set when all went well.
pub(super) struct Out<'a, T>(&'a mut T);

impl<'a, T> Out<'a, T> {
    /// # Safety
    ///
    /// `pointer` is NULL or may be written to.
    #[inline]
    pub(super) unsafe fn new(pointer: *mut T, name: &str) -> Result<Out<'a, T>> {
        if pointer.is_null() {
            return Err(null(name));
        }
        // SAFETY: as promised by the caller. All outputs are integers and pointers, for which zero is a value.
        unsafe {
            pointer.write_bytes(0, 1);
            Ok(Out(&mut *pointer))
        }
    }

    pub(super) fn set(self, value: T) {
        *self.0 = value;
    }
}

/// An owned text or bytes on its way out.
///
/// # Safety
///
/// The pointers are NULL or may be written to.
pub(super) unsafe fn out_bytes<'a>(bytes: *mut *mut c_char, len: *mut usize, name: &str) -> Result<OutBytes<'a>> {
    // SAFETY: as promised by the caller.
    let (bytes, len) = unsafe { out_pair(bytes, len, name)? };
    Ok(OutBytes { bytes, len })
}

/// Two outputs, the second of which is the length of the first. Both are cleared before either is found missing.
///
/// # Safety
///
/// The pointers are NULL or may be written to.
#[inline]
unsafe fn out_pair<'a, T>(of: *mut T, len: *mut usize, name: &str) -> Result<(Out<'a, T>, Out<'a, usize>)> {
    // SAFETY: as promised by the caller.
    match unsafe { (Out::new(of, name), Out::new(len, "")) } {
        (Ok(of), Ok(len)) => Ok((of, len)),
        (Err(error), _) => Err(error),
        (Ok(_), Err(_)) => Err(null_length(name)),
    }
}

#[cold]
fn null_length(name: &str) -> Error {
    null(&format!("{name}_len"))
}

/// A borrowed text on its way out.
pub(super) struct OutStr<'a> {
    text: Out<'a, *const c_char>,
    len: Out<'a, usize>,
}

impl OutStr<'_> {
    /// The text must stay until the header says.
    pub(super) fn lend(self, text: &str) {
        self.lend_bytes(text.as_bytes());
    }

    /// As [`OutStr::lend`].
    pub(super) fn lend_bytes(self, bytes: &[u8]) {
        self.text.set(bytes.as_ptr().cast());
        self.len.set(bytes.len());
    }
}

/// # Safety
///
/// The pointers are NULL or may be written to.
#[inline]
pub(super) unsafe fn out_str<'a>(text: *mut *const c_char, len: *mut usize, name: &str) -> Result<OutStr<'a>> {
    // SAFETY: as promised by the caller.
    let (text, len) = unsafe { out_pair(text, len, name)? };
    Ok(OutStr { text, len })
}

/// Bytes that the caller gives.
///
/// # Safety
///
/// `pointer` is NULL, or readable for `len` bytes.
pub(super) unsafe fn bytes<'a>(pointer: *const u8, len: usize, name: &str) -> Result<&'a [u8]> {
    if pointer.is_null() {
        return Err(null(name));
    }
    if isize::try_from(len).is_err() {
        return Err(Error::new(Code::BadLength).with_rule(name).with_value(len));
    }
    // SAFETY: as promised by the caller.
    Ok(unsafe { std::slice::from_raw_parts(pointer, len) })
}

/// Memory of the caller that the library fills.
///
/// # Safety
///
/// `pointer` is NULL, or may be written to for `len` bytes until the end of the call.
pub(super) unsafe fn buffer<'a>(pointer: *mut c_void, len: usize, name: &str) -> Result<&'a mut [u8]> {
    if pointer.is_null() {
        return Err(null(name));
    }
    if isize::try_from(len).is_err() {
        return Err(Error::new(Code::BadLength).with_rule(name).with_value(len));
    }
    // SAFETY: as promised by the caller. What stands there does not matter: it is cleared, so that it is initialized.
    unsafe {
        pointer.cast::<u8>().write_bytes(0, len);
        Ok(std::slice::from_raw_parts_mut(pointer.cast(), len))
    }
}

/// Bytes that the caller gives where others give a text: they may end with a NUL, and need not be UTF-8.
///
/// # Safety
///
/// `pointer` is NULL, or readable for `len` bytes, or up to a NUL when `len` is [`NUL_TERMINATED`].
#[inline]
pub(super) unsafe fn raw_text<'a>(pointer: *const c_char, len: usize, name: &str) -> Result<&'a [u8]> {
    // SAFETY: as promised by the caller.
    match len {
        NUL_TERMINATED if !pointer.is_null() => Ok(unsafe { CStr::from_ptr(pointer) }.to_bytes()),
        _ => unsafe { bytes(pointer.cast(), len, name) },
    }
}

/// A text that the caller gives.
///
/// # Safety
///
/// As [`raw_text`].
pub(super) unsafe fn text<'a>(pointer: *const c_char, len: usize, name: &str) -> Result<&'a str> {
    // SAFETY: as promised by the caller.
    let given = unsafe { raw_text(pointer, len, name)? };
    std::str::from_utf8(given)
        .map_err(|error| Error::new(Code::BadUtf8).with_rule(name).with_value(error.valid_up_to()).with_source(error))
}

/// A text that may be left out, by NULL.
///
/// # Safety
///
/// As [`text`].
pub(super) unsafe fn optional_text<'a>(pointer: *const c_char, len: usize, name: &str) -> Result<Option<&'a str>> {
    match pointer.is_null() {
        true => Ok(None),
        // SAFETY: as promised by the caller.
        false => unsafe { text(pointer, len, name) }.map(Some),
    }
}

/// A document that the caller gives as JSON.
///
/// # Safety
///
/// As [`text`].
pub(super) unsafe fn json<T: serde::de::DeserializeOwned>(pointer: *const c_char, len: usize, name: &str) -> Result<T> {
    // SAFETY: as promised by the caller.
    read_json(unsafe { text(pointer, len, name)? }, name)
}

/// As [`json`]; NULL stands for the default.
///
/// # Safety
///
/// As [`text`].
pub(super) unsafe fn optional_json<T: serde::de::DeserializeOwned + Default>(
    pointer: *const c_char,
    len: usize,
    name: &str,
) -> Result<T> {
    // SAFETY: as promised by the caller.
    match unsafe { optional_text(pointer, len, name)? } {
        Some(text) => read_json(text, name),
        None => Ok(T::default()),
    }
}

fn read_json<T: serde::de::DeserializeOwned>(text: &str, name: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| Error::json_as(Code::JsonInvalid, error).with_name(name))
}

/// Which record is meant: by its key, or with a NULL key by its id.
///
/// # Safety
///
/// As [`text`].
pub(super) unsafe fn selector(key: *const c_char, key_len: usize, id: i64) -> Result<Selector> {
    // SAFETY: as promised by the caller.
    match (unsafe { optional_text(key, key_len, "key")? }, id) {
        (Some(key), 0) => Ok(Selector::Key(key.to_owned())),
        (None, 0) => Err(null("key (and the id is 0)")),
        (None, id) => Ok(Selector::Id(id)),
        (Some(_), _) => {
            Err(Error::new(Code::Argument).with_rule("a record is named by its key or by its id, not by both"))
        }
    }
}

/// A struct of the header that begins with its size, which may grow in later versions.
///
/// # Safety
///
/// The type is `repr(C)`, begins with its size as `usize`, has no padding, and every pattern of bits is a value of it.
pub(super) unsafe trait Grows: Copy {
    const NAME: &'static str;
    /// The size of its first version.
    const FIRST: usize;

    /// The struct as the library's defaults have it; all zero but the size.
    fn cleared() -> Self {
        // SAFETY: zeros are a value, as promised by the trait.
        let mut cleared: Self = unsafe { std::mem::zeroed() };
        // SAFETY: it begins with its size.
        unsafe { *(&raw mut cleared).cast::<usize>() = size_of::<Self>() };
        cleared
    }
}

/// The size that the caller wrote at the beginning of a struct.
///
/// # Safety
///
/// `pointer` is readable for a `usize`.
unsafe fn given_size<T: Grows>(pointer: *const T) -> Result<usize> {
    // SAFETY: as promised by the caller.
    let size = unsafe { pointer.cast::<usize>().read_unaligned() };
    if (T::FIRST..=1 << 16).contains(&size) {
        return Ok(size);
    }
    let fault =
        format!("its size is {size}, where {} is expected: initialize it with {}_init()", size_of::<T>(), T::NAME);
    Err(Error::new(Code::BadStruct).with_rule(T::NAME).with_value(fault))
}

/// Options that the caller gives; NULL stands for the defaults.
///
/// # Safety
///
/// `pointer` is NULL, or readable for the size that stands there.
pub(super) unsafe fn options<T: Grows>(pointer: *const T) -> Result<T> {
    let mut read = T::cleared();
    if pointer.is_null() {
        return Ok(read);
    }
    // SAFETY: as promised by the caller and by the trait.
    unsafe {
        let size = given_size(pointer)?;
        let known = size.min(size_of::<T>());
        let given = std::slice::from_raw_parts(pointer.cast::<u8>(), size);
        if given[known..].iter().any(|byte| *byte != 0) {
            let fault = "it has options that this version of the library does not know";
            return Err(Error::new(Code::BadStruct).with_rule(T::NAME).with_value(fault));
        }
        std::ptr::copy_nonoverlapping(given.as_ptr(), (&raw mut read).cast::<u8>(), known);
    }
    Ok(read)
}

/// Where a struct goes that the library fills.
pub(super) struct OutStruct<T: Grows> {
    pointer: *mut T,
    size: usize,
}

impl<T: Grows> OutStruct<T> {
    /// # Safety
    ///
    /// `pointer` is NULL, or may be written to for the size that stands there, until the result is dropped.
    pub(super) unsafe fn new(pointer: *mut T, name: &str) -> Result<OutStruct<T>> {
        if pointer.is_null() {
            return Err(null(name));
        }
        // SAFETY: as promised by the caller.
        unsafe {
            let size = given_size(pointer)?;
            pointer.cast::<u8>().add(size_of::<usize>()).write_bytes(0, size - size_of::<usize>());
            Ok(OutStruct { pointer, size })
        }
    }

    /// # Safety
    ///
    /// As [`OutStruct::new`]; NULL is no struct.
    pub(super) unsafe fn optional(pointer: *mut T, name: &str) -> Result<Option<OutStruct<T>>> {
        match pointer.is_null() {
            true => Ok(None),
            // SAFETY: as promised by the caller.
            false => unsafe { OutStruct::new(pointer, name) }.map(Some),
        }
    }

    /// Fills as much of it as the caller knows.
    pub(super) fn set(self, value: &T) {
        let skipped = size_of::<usize>();
        let known = self.size.min(size_of::<T>());
        // SAFETY: both are that long, and the caller of `new` promised that it may be written.
        unsafe {
            let from = std::ptr::from_ref(value).cast::<u8>().add(skipped);
            std::ptr::copy_nonoverlapping(from, self.pointer.cast::<u8>().add(skipped), known - skipped);
        }
    }
}
