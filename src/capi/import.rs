//! Imports

use std::ffi::{c_char, c_void};
use std::fs::File;
use std::io::BufWriter;
use std::time::Duration;

use super::argument::{Grows, Out, call, optional_text, options, text};
use super::ask;
use super::callback::{Sink, renkei_write_fn};
use super::error::renkei_error;
use super::handle;
use super::status::renkei_status;
use super::store::renkei_store;
use crate::error::{Code, Error, Result};
use crate::import::{ImportRequest, ImportStatus};
use crate::job::JobState;
use crate::store::{Store, Timestamp};

/// What is asked for when an import is reserved. Make one by renkei_import_request_init, and set upload or path.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct renkei_import_request {
    /// The size of this struct.
    pub size: usize,
    /// The upload to be imported; 0 when it is a path.
    pub upload: i64,
    /// The file to be imported, read in place when the import runs; NULL when it is an upload.
    pub path: *const c_char,
    /// Its length, or RENKEI_NTS.
    pub path_len: usize,
    /// A token of the client's own: a second request with the same token gives the first one's import. NULL is none.
    pub token: *const c_char,
    /// Its length, or RENKEI_NTS.
    pub token_len: usize,
    /// Not before this moment, in milliseconds since 1970; 0 is at once.
    pub run_at: i64,
    /// Whether a file with the same bytes as one that this setting has imported gives that import.
    pub once_per_content: u32,
    /// Whether it is only tried: counts and rejects as of a real run, but nothing is kept.
    pub dry_run: u32,
}

// SAFETY: a size, then integers and pointers without padding between.
unsafe impl Grows for renkei_import_request {
    const NAME: &'static str = "renkei_import_request";
    const FIRST: usize = size_of::<Self>();
}

/// The import waits for its turn.
pub const RENKEI_IMPORT_RESERVED: u32 = 1;
/// The import is run at present, or was when its runner died.
pub const RENKEI_IMPORT_RUNNING: u32 = 2;
/// The import ended as it should; there may be rejects.
pub const RENKEI_IMPORT_COMPLETED: u32 = 3;
/// The import ended with an error: see renkei_import_status_json.
pub const RENKEI_IMPORT_FAILED: u32 = 4;
/// The import ended because it was asked to.
pub const RENKEI_IMPORT_CANCELLED: u32 = 5;

/// How an import stands at the last commit. At every moment total = inserted + updated + unchanged + rejected + skipped +
/// unprocessed. Make one by renkei_import_info_init.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct renkei_import_info {
    /// The size of this struct.
    pub size: usize,
    /// The id of the import.
    pub process_id: i64,
    /// The id of the database.
    pub database_id: i64,
    /// Data lines read so far.
    pub total: u64,
    /// Lines that became a new record.
    pub inserted: u64,
    /// Lines that changed a record, or added a detail row to one.
    pub updated: u64,
    /// Lines whose record had these values already.
    pub unchanged: u64,
    /// Lines that were refused.
    pub rejected: u64,
    /// Lines without any value.
    pub skipped: u64,
    /// Lines that were good, but of an import that was taken back as a whole.
    pub unprocessed: u64,
    /// Refused cells, and lines refused as a whole.
    pub reject_cells: u64,
    /// The size of the file.
    pub bytes_total: u64,
    /// How much of it is done.
    pub bytes_done: u64,
    /// When it was reserved, in milliseconds since 1970.
    pub created_at: i64,
    /// When it was first run; 0 when it was not.
    pub started_at: i64,
    /// When it ended; 0 when it has not.
    pub ended_at: i64,
    /// RENKEI_IMPORT_RESERVED and so on.
    pub state: u32,
    /// Whether it is a dry run.
    pub dry_run: u32,
    /// Whether it was asked to end.
    pub cancel_asked: u32,
    /// Always 0.
    pub reserved: u32,
}

// SAFETY: a size, then integers without padding between.
unsafe impl Grows for renkei_import_info {
    const NAME: &'static str = "renkei_import_info";
    const FIRST: usize = size_of::<Self>();
}

fn info(status: &ImportStatus) -> renkei_import_info {
    let counts = &status.counts;
    renkei_import_info {
        size: 0,
        process_id: status.process_id,
        database_id: status.database_id,
        total: counts.total,
        inserted: counts.inserted,
        updated: counts.updated,
        unchanged: counts.unchanged,
        rejected: counts.rejected,
        skipped: counts.skipped,
        unprocessed: counts.unprocessed,
        reject_cells: counts.reject_cells,
        bytes_total: status.bytes_total,
        bytes_done: status.bytes_done,
        created_at: status.created_at,
        started_at: status.started_at.unwrap_or(0),
        ended_at: status.ended_at.unwrap_or(0),
        state: match status.state {
            JobState::Reserved => RENKEI_IMPORT_RESERVED,
            JobState::Running => RENKEI_IMPORT_RUNNING,
            JobState::Completed => RENKEI_IMPORT_COMPLETED,
            JobState::Failed => RENKEI_IMPORT_FAILED,
            JobState::Cancelled => RENKEI_IMPORT_CANCELLED,
        },
        dry_run: status.dry_run.into(),
        cancel_asked: status.cancel_asked.into(),
        reserved: 0,
    }
}

/// # Safety
///
/// As the contract of `capi`.
unsafe fn request(database: &str, setting: &str, pointer: *const renkei_import_request) -> Result<ImportRequest> {
    if pointer.is_null() {
        return Err(super::argument::null("request"));
    }
    // SAFETY: as promised by the caller.
    let (given, path, token) = unsafe {
        let given = options(pointer)?;
        let path = optional_text(given.path, given.path_len, "path")?;
        (given, path, optional_text(given.token, given.token_len, "token")?)
    };
    let mut request = match (given.upload, path) {
        (0, Some(path)) => ImportRequest::path(database, setting, path),
        (upload, None) if upload != 0 => ImportRequest::upload(database, setting, upload),
        _ => {
            return Err(Error::new(Code::Argument).with_rule("an import is of an upload or of a path, and of one only"));
        }
    };
    if let Some(token) = token {
        request = request.token(token);
    }
    if given.once_per_content != 0 {
        request = request.once_per_content();
    }
    if given.dry_run != 0 {
        request = request.dry_run();
    }
    if given.run_at != 0 {
        request = request.at(Timestamp(given.run_at));
    }
    Ok(request)
}

/// Reserves an import by a setting of a database (each by code or id): a worker runs it. out_process_id receives the id of the
/// import, and out_existed 1 when it had been reserved before, by the same token or the same content.
///
/// Rust: `Store::reserve_import`, `ImportRequest::upload`, `ImportRequest::path`, `ImportRequest::token`,
/// `ImportRequest::once_per_content`, `ImportRequest::dry_run`, `ImportRequest::at`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_import_reserve(
    store: *const renkei_store,
    database: *const c_char,
    database_len: usize,
    setting: *const c_char,
    setting_len: usize,
    request: *const renkei_import_request,
    out_process_id: *mut i64,
    out_existed: *mut i32,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let (id, existed) = (Out::new(out_process_id, "out_process_id"), Out::new(out_existed, "out_existed"));
            let (id, existed) = (id?, existed?);
            let store = handle::get::<Store>(store)?;
            let database = text(database, database_len, "database")?;
            let setting = text(setting, setting_len, "setting")?;
            let reserved = store.reserve_import(&self::request(database, setting, request)?)?;
            id.set(reserved.process_id);
            existed.set(reserved.existed.into());
            Ok(())
        })
    }
}

/// How an import stands.
///
/// Rust: `Store::import_status`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_import_status(
    store: *const renkei_store,
    process_id: i64,
    out_info: *mut renkei_import_info,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::filled(store, (out_info, "out_info"), out_error, |store| Ok(info(&store.import_status(process_id)?)))
    }
}

/// How an import stands, as a JSON object, with its setting, encoding and error. The caller frees the JSON by renkei_free.
///
/// Rust: `Store::import_status`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_import_status_json(
    store: *const renkei_store,
    process_id: i64,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe { ask::json(store, out_json, out_json_len, out_error, |store| store.import_status(process_id)) }
}

/// The latest imports, newest first, as a JSON array of what renkei_import_status_json gives. The caller frees the JSON.
///
/// Rust: `Store::imports`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_import_all(
    store: *const renkei_store,
    limit: u64,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe { ask::json(store, out_json, out_json_len, out_error, |store| store.imports(limit)) }
}

/// Waits until an import has ended, or the time in milliseconds is over; how it stands then. Somebody else must run it: a
/// worker that was started, or another process.
///
/// Rust: `Store::wait_import`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_import_wait(
    store: *const renkei_store,
    process_id: i64,
    timeout_ms: u64,
    out_info: *mut renkei_import_info,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::filled(store, (out_info, "out_info"), out_error, |store| {
            Ok(info(&store.wait_import(process_id, Duration::from_millis(timeout_ms))?))
        })
    }
}

/// Ends an import, from any thread. One that waits is ended at once, one that runs within a second: what a partial import has
/// written stays, an atomic one is taken back. RENKEI_CONFLICT when it has ended already.
///
/// Rust: `Store::cancel_import`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_import_cancel(
    store: *const renkei_store,
    process_id: i64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe { ask::done(store, out_error, |store| store.cancel_import(process_id)) }
}

/// The refused cells of an import in file order, as a JSON array: at most limit, after the first skip. The caller frees the
/// JSON by renkei_free.
///
/// Rust: `Store::rejects`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_import_rejects(
    store: *const renkei_store,
    process_id: i64,
    skip: u64,
    limit: u64,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe { ask::json(store, out_json, out_json_len, out_error, |store| store.rejects(process_id, skip, limit)) }
}

/// Gives the refused lines as a CSV file to a function piece by piece, in the encoding of the import: every column as it
/// stood, then the line number, the codes and the messages. Mended, it can be imported again by the same setting. out_lines
/// receives the number of lines.
///
/// Rust: `Store::write_rejects`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_import_rejects_to(
    store: *const renkei_store,
    process_id: i64,
    write: renkei_write_fn,
    user_data: *mut c_void,
    out_lines: *mut u64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::value(store, (out_lines, "out_lines"), out_error, |store| {
            store.write_rejects(process_id, Sink::new(write, user_data)?)
        })
    }
}

/// As renkei_import_rejects_to, to a file, which is made or replaced.
///
/// Rust: `Store::write_rejects`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_import_rejects_path(
    store: *const renkei_store,
    process_id: i64,
    path: *const c_char,
    path_len: usize,
    out_lines: *mut u64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::value(store, (out_lines, "out_lines"), out_error, |store| {
            let path = text(path, path_len, "path")?;
            store.refuse_file_of_a_store(path.as_ref())?;
            // An import that does not exist leaves the file alone.
            store.import_status(process_id)?;
            let mut file = BufWriter::new(File::create(path)?);
            let lines = store.write_rejects(process_id, &mut file)?;
            file.into_inner().map_err(|error| Error::from(error.into_error()))?;
            Ok(lines)
        })
    }
}
