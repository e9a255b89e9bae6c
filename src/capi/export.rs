//! Exports

use std::ffi::{c_char, c_void};

use super::argument::{Grows, OutStruct, call, json, options, out_bytes, text};
use super::callback::{Sink, renkei_write_fn};
use super::error::renkei_error;
use super::handle;
use super::status::renkei_status;
use super::store::renkei_store;
use crate::error::Result;
use crate::export::{Export, Exported};
use crate::store::Store;

/// Is told the number of lines written: before the first, about ten times a second, and at the end. Anything but 0 asks the
/// library to stop: the call then ends with RENKEI_CANCELLED. Called on the thread of the call. It must not throw nor longjmp
/// out.
pub type renkei_export_progress_fn = Option<unsafe extern "C" fn(user_data: *mut c_void, lines: u64) -> i32>;

/// Is told each of the first 1000 characters that the encoding does not have (with "unmappable": "report" in the format), when
/// the export is written: the record of the file counted from 1, a header being the first, the column counted from 1, and the
/// character as a Unicode code point. It must not throw nor longjmp out.
pub type renkei_unmapped_fn =
    Option<unsafe extern "C" fn(user_data: *mut c_void, record: u64, column: usize, character: u32)>;

/// How an export is watched. Make one by renkei_export_options_init; all members may be NULL.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct renkei_export_options {
    /// The size of this struct.
    pub size: usize,
    /// Is told how far the export is.
    pub progress: renkei_export_progress_fn,
    /// What `progress` is called with.
    pub progress_user_data: *mut c_void,
    /// Is told which characters could not be written.
    pub unmapped: renkei_unmapped_fn,
    /// What `unmapped` is called with.
    pub unmapped_user_data: *mut c_void,
}

// SAFETY: a size, then pointers without padding between; NULL is a value of a callback.
unsafe impl Grows for renkei_export_options {
    const NAME: &'static str = "renkei_export_options";
    const FIRST: usize = size_of::<Self>();
}

/// What an export wrote. Make one by renkei_exported_init.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct renkei_exported {
    /// The size of this struct.
    pub size: usize,
    /// How many records.
    pub records: u64,
    /// How many lines of CSV, without the header line: more than records where there are detail rows.
    pub lines: u64,
    /// How many bytes.
    pub bytes: u64,
    /// How many characters the encoding does not have; each stands as "?".
    pub unmapped_count: u64,
}

// SAFETY: a size, then integers without padding between.
unsafe impl Grows for renkei_exported {
    const NAME: &'static str = "renkei_exported";
    const FIRST: usize = size_of::<Self>();
}

/// The callbacks of an export.
struct Watch(renkei_export_options);

impl Watch {
    fn goes_on(&self, lines: u64) -> bool {
        match self.0.progress {
            // SAFETY: the caller of the ABI gave both together.
            Some(progress) => unsafe { progress(self.0.progress_user_data, lines) == 0 },
            None => true,
        }
    }

    fn end(&self, exported: &Exported, out: Option<OutStruct<renkei_exported>>) {
        if let Some(unmapped) = self.0.unmapped {
            for at in &exported.unmapped {
                // SAFETY: the caller of the ABI gave both together.
                unsafe { unmapped(self.0.unmapped_user_data, at.record, at.column, at.character.into()) };
            }
        }
        if let Some(out) = out {
            out.set(&renkei_exported {
                size: 0,
                records: exported.records,
                lines: exported.lines,
                bytes: exported.bytes,
                unmapped_count: exported.unmapped_count,
            });
        }
    }
}

/// Reads what all exports take.
///
/// # Safety
///
/// As the contract of `capi`.
unsafe fn given(
    spec: *const c_char,
    spec_len: usize,
    options: *const renkei_export_options,
    out_exported: *mut renkei_exported,
) -> Result<(Option<OutStruct<renkei_exported>>, Export, Watch)> {
    // SAFETY: as promised by the caller.
    unsafe {
        let out = OutStruct::optional(out_exported, "out_exported")?;
        Ok((out, json(spec, spec_len, "spec")?, Watch(self::options(options)?)))
    }
}

/// Writes an export as CSV and gives it to a function in pieces of about 64 KiB. spec is a JSON object with database, and
/// list, search, columns, condition, sort, limit, values, headings, format and so on: see `Export` in the documentation of the
/// Rust crate. Memory does not grow with the number of records, and all of them are of one moment. options and out_exported
/// may be NULL.
///
/// Rust: `Store::export`, `Store::export_with_progress`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_export_to(
    store: *const renkei_store,
    spec: *const c_char,
    spec_len: usize,
    write: renkei_write_fn,
    user_data: *mut c_void,
    options: *const renkei_export_options,
    out_exported: *mut renkei_exported,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let (out, export, watch) = given(spec, spec_len, options, out_exported)?;
            let store = handle::get::<Store>(store)?;
            let sink = Sink::new(write, user_data)?;
            let exported = store.export_with_progress(&export, sink, |lines| watch.goes_on(lines))?;
            watch.end(&exported, out);
            Ok(())
        })
    }
}

/// Writes an export to a file, as renkei_export_to. The file takes its place when it is whole and safe on the disk: after a
/// failure the old one is there. A pipe or a terminal is written to as it is (on Unix also a descriptor, as "/dev/fd/3").
///
/// Rust: `Store::export_to_path`, `Store::export_to_path_with_progress`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_export_path(
    store: *const renkei_store,
    spec: *const c_char,
    spec_len: usize,
    path: *const c_char,
    path_len: usize,
    options: *const renkei_export_options,
    out_exported: *mut renkei_exported,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let (out, export, watch) = given(spec, spec_len, options, out_exported)?;
            let store = handle::get::<Store>(store)?;
            let path = text(path, path_len, "path")?;
            let exported = store.export_to_path_with_progress(&export, path, |lines| watch.goes_on(lines))?;
            watch.end(&exported, out);
            Ok(())
        })
    }
}

/// Writes an export to memory, as renkei_export_to. The caller frees the bytes, which are in the encoding of the export, by
/// renkei_free.
///
/// Rust: `Store::export`, `Store::export_with_progress`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_export_memory(
    store: *const renkei_store,
    spec: *const c_char,
    spec_len: usize,
    options: *const renkei_export_options,
    out_bytes: *mut *mut c_char,
    out_bytes_len: *mut usize,
    out_exported: *mut renkei_exported,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let bytes = self::out_bytes(out_bytes, out_bytes_len, "out_bytes")?;
            let (out, export, watch) = given(spec, spec_len, options, out_exported)?;
            let store = handle::get::<Store>(store)?;
            let mut written = Vec::new();
            let exported = store.export_with_progress(&export, &mut written, |lines| watch.goes_on(lines))?;
            watch.end(&exported, out);
            bytes.give(written);
            Ok(())
        })
    }
}
