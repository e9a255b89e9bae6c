//! What most functions do: they ask a store for one thing, and give it to C in one of four ways.
//!
//! `work` is run with the store once the outputs were looked at, and cleared.

use std::ffi::c_char;

use serde::Serialize;

use super::argument::{Grows, Out, OutStruct, call, out_bytes};
use super::error::renkei_error;
use super::handle;
use super::status::renkei_status;
use super::store::renkei_store;
use crate::error::Result;
use crate::store::Store;

/// A call that gives nothing.
///
/// # Safety
///
/// As the contract of `capi`; so for all functions here.
pub(super) unsafe fn done(
    store: *const renkei_store,
    out_error: *mut *mut renkei_error,
    work: impl FnOnce(&Store) -> Result<()>,
) -> renkei_status {
    // SAFETY: as promised by the caller.
    unsafe { call(out_error, || work(&*handle::get::<Store>(store)?)) }
}

/// A call that gives a number or a handle.
///
/// # Safety
///
/// As [`done`].
pub(super) unsafe fn value<T>(
    store: *const renkei_store,
    (out, name): (*mut T, &str),
    out_error: *mut *mut renkei_error,
    work: impl FnOnce(&Store) -> Result<T>,
) -> renkei_status {
    // SAFETY: as promised by the caller.
    unsafe {
        call(out_error, || {
            let out = Out::new(out, name)?;
            out.set(work(&*handle::get::<Store>(store)?)?);
            Ok(())
        })
    }
}

/// A call that fills a struct.
///
/// # Safety
///
/// As [`done`].
pub(super) unsafe fn filled<T: Grows>(
    store: *const renkei_store,
    (out, name): (*mut T, &str),
    out_error: *mut *mut renkei_error,
    work: impl FnOnce(&Store) -> Result<T>,
) -> renkei_status {
    // SAFETY: as promised by the caller.
    unsafe {
        call(out_error, || {
            let out = OutStruct::new(out, name)?;
            out.set(&work(&*handle::get::<Store>(store)?)?);
            Ok(())
        })
    }
}

/// A call that gives JSON, which C owns.
///
/// # Safety
///
/// As [`done`].
pub(super) unsafe fn json<T: Serialize>(
    store: *const renkei_store,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
    work: impl FnOnce(&Store) -> Result<T>,
) -> renkei_status {
    // SAFETY: as promised by the caller.
    unsafe {
        call(out_error, || {
            let out = out_bytes(out_json, out_json_len, "out_json")?;
            out.give_json(&work(&*handle::get::<Store>(store)?)?)
        })
    }
}
