//! Owned texts and bytes

use std::collections::HashMap;
use std::ffi::{c_char, c_void};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::argument::{Out, call};
use super::error::renkei_error;
use super::handle;
use super::status::renkei_status;
use crate::error::{Code, Error, Result};

/// Addresses and numbers that nobody chooses are spread by one multiplication.
#[derive(Default)]
pub(super) struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn write_u64(&mut self, number: u64) {
        let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }
}

pub(super) type SpreadMap<K, V> = HashMap<K, V, BuildHasherDefault<Spread>>;

/// The length and the capacity of each piece of memory that C has.
type Given = SpreadMap<usize, (usize, usize)>;

/// What C has, so that a piece that is freed twice is found out. In parts, so that threads do not wait for each other.
static GIVEN: [Mutex<Option<Given>>; 16] = [const { Mutex::new(None) }; 16];

fn part(address: usize) -> MutexGuard<'static, Option<Given>> {
    GIVEN[(address >> 6) % GIVEN.len()].lock().unwrap_or_else(PoisonError::into_inner)
}

/// An owned text or bytes, and its length.
pub(super) struct OutBytes<'a> {
    pub(super) bytes: Out<'a, *mut c_char>,
    pub(super) len: Out<'a, usize>,
}

impl OutBytes<'_> {
    /// Gives the bytes to C, with a NUL behind them.
    pub(super) fn give(self, bytes: impl Into<Vec<u8>>) {
        let mut bytes = bytes.into();
        let len = bytes.len();
        bytes.push(0);
        let mut bytes = std::mem::ManuallyDrop::new(bytes);
        let address = bytes.as_mut_ptr();
        part(address.addr()).get_or_insert_default().insert(address.addr(), (bytes.len(), bytes.capacity()));
        self.bytes.set(address.cast());
        self.len.set(len);
    }

    /// Gives a value as JSON.
    pub(super) fn give_json(self, value: &impl serde::Serialize) -> Result<()> {
        let json = serde_json::to_vec(value)
            .map_err(|error| Error::new(Code::Internal).with_rule("a result cannot be written").with_source(error))?;
        self.give(json);
        Ok(())
    }
}

/// Frees a text or bytes that the library gave, by an argument that is not const.
///
/// What is borrowed (const) is not freed. NULL is allowed. What was freed already, or came from elsewhere, is refused with
/// RENKEI_BAD_HANDLE and left alone.
///
/// Rust: dropping a `String` or `Vec`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn renkei_free(memory: *mut c_void) -> renkei_status {
    // SAFETY: no output is given.
    unsafe {
        call(std::ptr::null_mut(), || {
            if memory.is_null() {
                return Ok(());
            }
            let found = part(memory.addr()).as_mut().and_then(|given| given.remove(&memory.addr()));
            let Some((len, capacity)) = found else {
                return Err(Error::new(Code::BadHandle).with_rule("text"));
            };
            // SAFETY: `give` made it of a vector of this length and capacity, and nobody freed it since.
            drop(Vec::from_raw_parts(memory.cast::<u8>(), len, capacity));
            Ok(())
        })
    }
}

/// How many handles and owned texts are open: 0 when a program has closed and freed everything.
///
/// For tests of hosts: handles are not memory of their own, so memory checkers do not see when one is forgotten.
///
/// Rust: dropping everything
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_open_count(out_count: *mut usize, out_error: *mut *mut renkei_error) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_count, "out_count")?;
            let count = |part: &Mutex<Option<Given>>| {
                part.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map_or(0, HashMap::len)
            };
            out.set(handle::open_count() + GIVEN.iter().map(count).sum::<usize>());
            Ok(())
        })
    }
}
