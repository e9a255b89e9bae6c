//! Proposals from CSV files

use std::ffi::{c_char, c_void};
use std::io::Cursor;

use super::argument::{bytes, call, optional_json, out_bytes, text};
use super::error::renkei_error;
use super::status::renkei_status;
use crate::csv::detect;
use crate::error::{Code, Error, Result};
use crate::import::{InferOptions, infer, infer_path};
use crate::store::other::open_other;

/// Proposes a definition for the records of a CSV file: its database, and the import setting for files like it. options is a
/// JSON object with encoding, delimiter, header, rows, key, automatic_key, index, database and name, each of which may be
/// absent, or NULL. The answer is a JSON object, whose "database" and "setting" go into a blueprint; the caller frees it by
/// renkei_free.
///
/// Rust: `infer_path`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_infer_path(
    path: *const c_char,
    path_len: usize,
    options: *const c_char,
    options_len: usize,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = out_bytes(out_json, out_json_len, "out_json")?;
            let path = text(path, path_len, "path")?;
            let options: InferOptions = optional_json(options, options_len, "options")?;
            out.give_json(&infer_path(path, &options)?)
        })
    }
}

/// As renkei_infer_path, of a file that is in memory.
///
/// Rust: `infer`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_infer_memory(
    bytes: *const c_void,
    bytes_len: usize,
    options: *const c_char,
    options_len: usize,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = out_bytes(out_json, out_json_len, "out_json")?;
            let file = Cursor::new(self::bytes(bytes.cast(), bytes_len, "bytes")?);
            let options: InferOptions = optional_json(options, options_len, "options")?;
            out.give_json(&infer(file, &options)?)
        })
    }
}

/// A delimiter given as a code point; 0 is to be found out.
fn delimiter(given: u32) -> Result<Option<char>> {
    match (given, char::from_u32(given)) {
        (0, _) => Ok(None),
        (_, Some(delimiter)) => Ok(Some(delimiter)),
        (_, None) => Err(Error::new(Code::Argument).with_rule(format!("{given} is no character"))),
    }
}

/// Finds out the encoding of a CSV file, and its delimiter if none is given (as a Unicode code point; 0 is none). The answer is
/// a JSON object with encoding, bom and delimiter, which the caller frees by renkei_free.
///
/// Rust: `csv::detect`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_csv_detect_path(
    path: *const c_char,
    path_len: usize,
    delimiter: u32,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = out_bytes(out_json, out_json_len, "out_json")?;
            let file = open_other(text(path, path_len, "path")?.as_ref())?;
            out.give_json(&detect(file, self::delimiter(delimiter)?)?)
        })
    }
}

/// As renkei_csv_detect_path, of a file that is in memory.
///
/// Rust: `csv::detect`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_csv_detect_memory(
    bytes: *const c_void,
    bytes_len: usize,
    delimiter: u32,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = out_bytes(out_json, out_json_len, "out_json")?;
            let file = self::bytes(bytes.cast(), bytes_len, "bytes")?;
            out.give_json(&detect(file, self::delimiter(delimiter)?)?)
        })
    }
}
