//! Exports that are read

use std::ffi::{c_char, c_void};
use std::io::Read;

use super::argument::{Out, OutStruct, call, json, null};
use super::ask;
use super::error::renkei_error;
use super::export::{exported, renkei_exported};
use super::handle::{self, ExclusiveNoun, Noun};
use super::status::renkei_status;
use super::store::renkei_store;
use crate::error::{Code, Error, words};
use crate::export::{Export, ExportStream};

/// An export that is read piece by piece as fast as somebody asks for it. For one thread at a time.
pub struct renkei_export_stream(());

pub(super) struct Body(ExportStream);

// SAFETY: one call at a time has it, which `EXCLUSIVE` says.
unsafe impl Sync for Body {}

impl Noun for Body {
    type Opaque = renkei_export_stream;
    const KIND: u8 = 43;
    const NAME: &'static str = "export stream";
    const EXCLUSIVE: bool = true;
}

impl ExclusiveNoun for Body {}

/// Begins an export whose bytes are read by renkei_export_stream_read: for spec see renkei_export_to. It is made on a thread of
/// its own, which waits when nobody reads. Until it is closed by renkei_export_stream_close, it holds on to one moment of the
/// store.
///
/// Rust: `Store::export_stream`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_export_stream_open(
    store: *const renkei_store,
    spec: *const c_char,
    spec_len: usize,
    out_export_stream: *mut *mut renkei_export_stream,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::value(store, (out_export_stream, "out_export_stream"), out_error, |store| {
            let export: Export = json(spec, spec_len, "spec")?;
            Ok(handle::give(Body(store.export_stream(&export)?)))
        })
    }
}

/// Reads at most capacity bytes, in the encoding of the export; out_len receives how many came, and 0 at the end. When it
/// failed, what came before is not the whole.
///
/// Rust: reading an `ExportStream`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_export_stream_read(
    export_stream: *mut renkei_export_stream,
    buffer: *mut c_void,
    capacity: usize,
    out_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_len, "out_len")?;
            let mut stream = handle::get::<Body>(export_stream)?;
            out.set(stream.0.read(writable(buffer, capacity, "buffer")?)?);
            Ok(())
        })
    }
}

/// Memory of the caller's that is to be filled.
///
/// # Safety
///
/// `buffer` is NULL, or may be written to for `capacity` bytes.
pub(super) unsafe fn writable<'a>(buffer: *mut c_void, capacity: usize, name: &str) -> crate::Result<&'a mut [u8]> {
    if buffer.is_null() {
        return Err(null(name));
    }
    if isize::try_from(capacity).is_err() {
        return Err(Error::new(Code::BadLength).with_rule("capacity").with_value(capacity));
    }
    // SAFETY: as promised by the caller; it is cleared first, since what it has may be nothing at all.
    unsafe {
        buffer.cast::<u8>().write_bytes(0, capacity);
        Ok(std::slice::from_raw_parts_mut(buffer.cast(), capacity))
    }
}

/// What was exported. RENKEI_USAGE before the end was read.
///
/// Rust: `ExportStream::exported`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_export_stream_exported(
    export_stream: *const renkei_export_stream,
    out_exported: *mut renkei_exported,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = OutStruct::new(out_exported, "out_exported")?;
            let stream = handle::get::<Body>(export_stream)?;
            let Some(read) = stream.0.exported() else {
                let rule = words!("エクスポートがまだ終わりまで読まれていません", "the export was not read to its end");
                return Err(Error::new(Code::Argument).with_rule(rule));
            };
            out.set(&exported(read));
            Ok(())
        })
    }
}

/// Closes an export, also one that was not read to its end. NULL is allowed.
///
/// Rust: dropping an `ExportStream`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn renkei_export_stream_close(export_stream: *mut renkei_export_stream) -> renkei_status {
    // SAFETY: no output is given.
    unsafe { call(std::ptr::null_mut(), || handle::close::<Body>(export_stream)) }
}
