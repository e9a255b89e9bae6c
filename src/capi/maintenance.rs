//! Backups and checks

use std::ffi::{c_char, c_void};

use super::argument::{Grows, Out, call, options, out_bytes, text};
use super::ask;
use super::error::renkei_error;
use super::handle;
use super::status::renkei_status;
use super::store::renkei_store;
use crate::maintenance::{BackupOptions, CheckOptions};
use crate::store::Store;

/// Is told how far a backup is: before the first byte, about ten times a second, and at the end; is_checking is 1 when all is
/// copied and the copy is being checked. Anything but 0 asks the library to stop: the call then ends with RENKEI_CANCELLED, and
/// nothing is left. Called on the thread of the call. It must not throw nor longjmp out.
pub type renkei_backup_progress_fn =
    Option<unsafe extern "C" fn(user_data: *mut c_void, bytes_done: u64, bytes_total: u64, is_checking: i32) -> i32>;

/// How a backup is made. Make one by renkei_backup_options_init; a member that is 0 or NULL stands for its default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct renkei_backup_options {
    /// The size of this struct.
    pub size: usize,
    /// Is told how far the backup is.
    pub progress: renkei_backup_progress_fn,
    /// What `progress` is called with.
    pub progress_user_data: *mut c_void,
    /// At most so many bytes a second, on the average. Default: as fast as the disk.
    pub bytes_per_second: u64,
    /// Whether the check of the copy is left out.
    pub unchecked: u32,
    /// Always 0.
    pub reserved: u32,
}

// SAFETY: a size, then pointers and integers without padding between; NULL is a value of a callback.
unsafe impl Grows for renkei_backup_options {
    const NAME: &'static str = "renkei_backup_options";
    const FIRST: usize = size_of::<Self>();
}

/// Is told how many parts of a check are done, and how many there are as far as it is known, after each part. Anything but 0
/// asks the library to stop: the call then ends with RENKEI_CANCELLED. Called on the thread of the call. It must not throw nor
/// longjmp out.
pub type renkei_check_progress_fn = Option<unsafe extern "C" fn(user_data: *mut c_void, done: u64, total: u64) -> i32>;

/// How a store is checked. Make one by renkei_check_options_init; a member that is 0 or NULL stands for its default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct renkei_check_options {
    /// The size of this struct.
    pub size: usize,
    /// Is told how far the check is.
    pub progress: renkei_check_progress_fn,
    /// What `progress` is called with.
    pub progress_user_data: *mut c_void,
    /// Whether what takes long is left out: every entry of indexes, the rules of every stored value, the bytes of files.
    pub quick: u32,
    /// Always 0.
    pub reserved: u32,
}

// SAFETY: a size, then pointers and integers without padding between; NULL is a value of a callback.
unsafe impl Grows for renkei_check_options {
    const NAME: &'static str = "renkei_check_options";
    const FIRST: usize = size_of::<Self>();
}

/// Copies the store to a new file at path, while others go on reading and writing; out_bytes receives the size of the copy. The
/// copy is the store as it was when the call began, checked, safe on the disk, and a store like any. A file that exists is
/// never overwritten; after a failure nothing is left. options may be NULL. For the host and administrators.
///
/// Rust: `Store::backup`, `Store::backup_with`, `BackupOptions::bytes_per_second`, `BackupOptions::unchecked`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_store_backup(
    store: *const renkei_store,
    path: *const c_char,
    path_len: usize,
    options: *const renkei_backup_options,
    out_bytes: *mut u64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::value(store, (out_bytes, "out_bytes"), out_error, |store| {
            let path = text(path, path_len, "path")?;
            let given = self::options(options)?;
            let mut options = BackupOptions::new();
            if given.bytes_per_second != 0 {
                options = options.bytes_per_second(given.bytes_per_second);
            }
            if given.unchecked != 0 {
                options = options.unchecked();
            }
            let made = store.backup_with(path, &options, |at| match given.progress {
                Some(tell) => tell(given.progress_user_data, at.bytes_done, at.bytes_total, at.checking.into()) == 0,
                None => true,
            })?;
            Ok(made.bytes)
        })
    }
}

/// Checks the whole store, as of one moment, while others go on reading and writing. out_is_sound is 1 when nothing is wrong.
/// out_json is the report, a JSON object: sound, quick, examined (how much was looked at), findings, and message (ja and en) for
/// people; the caller frees it by renkei_free. Nothing is changed, and what is wrong is no error of this call. options may be
/// NULL. For the host and administrators.
///
/// Rust: `Store::check`, `Store::check_with`, `CheckOptions::quick`, `CheckReport::is_sound`, `CheckReport::to_json`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_store_check(
    store: *const renkei_store,
    options: *const renkei_check_options,
    out_is_sound: *mut i32,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let (is_sound, json) =
                (Out::new(out_is_sound, "out_is_sound"), out_bytes(out_json, out_json_len, "out_json"));
            let (is_sound, json) = (is_sound?, json?);
            let store = handle::get::<Store>(store)?;
            let given = self::options(options)?;
            let options = if given.quick != 0 { CheckOptions::new().quick() } else { CheckOptions::new() };
            let report = store.check_with(&options, |at| match given.progress {
                Some(tell) => tell(given.progress_user_data, at.done, at.total) == 0,
                None => true,
            })?;
            json.give_json(&report.to_json())?;
            is_sound.set(report.is_sound().into());
            Ok(())
        })
    }
}
