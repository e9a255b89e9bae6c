//! Files and uploads

use std::ffi::{c_char, c_void};
use std::io::{Read, Write};

use super::argument::{bytes, call, out_bytes, text};
use super::ask;
use super::callback::{Sink, Source, renkei_read_fn, renkei_write_fn};
use super::error::renkei_error;
use super::handle;
use super::status::renkei_status;
use super::store::renkei_store;
use crate::store::Store;
use crate::store::other::open_other;

/// Stores bytes as a file, to be the value of a file field: see renkei_values_set_file. Unless a record takes it, it is
/// deleted after 24 hours. name is the name that people see. out_id receives the id.
///
/// Rust: `Store::put_file`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_file_put(
    store: *const renkei_store,
    name: *const c_char,
    name_len: usize,
    bytes: *const c_void,
    bytes_len: usize,
    out_id: *mut i64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::value(store, (out_id, "out_id"), out_error, |store| {
            let name = text(name, name_len, "name")?;
            Ok(store.put_file(name, self::bytes(bytes.cast(), bytes_len, "bytes")?)?.id)
        })
    }
}

/// As renkei_file_put, with the bytes that a function gives piece by piece.
///
/// Rust: `Store::put_file`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_file_put_from(
    store: *const renkei_store,
    name: *const c_char,
    name_len: usize,
    read: renkei_read_fn,
    user_data: *mut c_void,
    out_id: *mut i64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::value(store, (out_id, "out_id"), out_error, |store| {
            let name = text(name, name_len, "name")?;
            Ok(store.put_file(name, Source::new(read, user_data)?)?.id)
        })
    }
}

/// What is known of a stored file, as a JSON object: id, name, bytes, sha256. The caller frees the JSON by renkei_free.
///
/// Rust: `Store::file`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_file_info(
    store: *const renkei_store,
    id: i64,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe { ask::json(store, out_json, out_json_len, out_error, |store| store.file(id)) }
}

/// The bytes of a stored file, in memory, which the caller frees by renkei_free.
///
/// Rust: `Store::read_file`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_file_read(
    store: *const renkei_store,
    id: i64,
    out_bytes: *mut *mut c_char,
    out_bytes_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = self::out_bytes(out_bytes, out_bytes_len, "out_bytes")?;
            let store = handle::get::<Store>(store)?;
            let mut read = Vec::new();
            store.read_file(id)?.read_to_end(&mut read)?;
            out.give(read);
            Ok(())
        })
    }
}

/// The bytes of a stored file, given to a function piece by piece.
///
/// Rust: `Store::read_file`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_file_read_to(
    store: *const renkei_store,
    id: i64,
    write: renkei_write_fn,
    user_data: *mut c_void,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::done(store, out_error, |store| {
            let mut sink = Sink::new(write, user_data)?;
            let mut file = store.read_file(id)?;
            let mut piece = vec![0; 64 << 10];
            loop {
                let read = file.read(&mut piece)?;
                if read == 0 {
                    return Ok(());
                }
                sink.write_all(&piece[..read])?;
            }
        })
    }
}

/// Keeps bytes for an import within the next 24 hours. out_id receives the id of the upload, which renkei_import_reserve takes.
///
/// Rust: `Store::upload`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_upload_put(
    store: *const renkei_store,
    name: *const c_char,
    name_len: usize,
    bytes: *const c_void,
    bytes_len: usize,
    out_id: *mut i64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::value(store, (out_id, "out_id"), out_error, |store| {
            let name = text(name, name_len, "name")?;
            Ok(store.upload(name, self::bytes(bytes.cast(), bytes_len, "bytes")?)?.id)
        })
    }
}

/// As renkei_upload_put, with the bytes that a function gives piece by piece.
///
/// Rust: `Store::upload`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_upload_put_from(
    store: *const renkei_store,
    name: *const c_char,
    name_len: usize,
    read: renkei_read_fn,
    user_data: *mut c_void,
    out_id: *mut i64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::value(store, (out_id, "out_id"), out_error, |store| {
            let name = text(name, name_len, "name")?;
            Ok(store.upload(name, Source::new(read, user_data)?)?.id)
        })
    }
}

/// As renkei_upload_put, with the bytes of a file. (A file that stays where it is can be imported in place: see
/// renkei_import_request.)
///
/// Rust: `Store::upload`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_upload_put_path(
    store: *const renkei_store,
    name: *const c_char,
    name_len: usize,
    path: *const c_char,
    path_len: usize,
    out_id: *mut i64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::value(store, (out_id, "out_id"), out_error, |store| {
            let (name, path) = (text(name, name_len, "name")?, text(path, path_len, "path")?);
            Ok(store.upload(name, open_other(path.as_ref())?)?.id)
        })
    }
}
