//! CSV pushes

use std::ffi::c_char;
use std::time::Duration;

use serde::Deserialize;

use super::argument::{Grows, json, text};
use super::ask;
use super::delivery::{family_number, state_number};
use super::error::renkei_error;
use super::status::renkei_status;
use super::store::renkei_store;
use super::write::{Named, and};
use crate::error::Result;
use crate::job::JobState;
use crate::outbound::{PushRequest, PushRun};
use crate::query::Condition;

/// What is asked for when a CSV push is started, as JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    database: String,
    list: String,
    push: String,
    search: Option<String>,
    condition: Option<Condition>,
    records: Option<Vec<Named>>,
    memo: Option<String>,
    token: Option<String>,
}

impl Form {
    fn request(self) -> Result<PushRequest> {
        let mut request = PushRequest::new(self.database, self.list, self.push);
        request = and(request, self.search, PushRequest::search);
        request = and(request, self.condition, PushRequest::filter);
        request = and(request, Named::selectors(self.records)?, PushRequest::records);
        request = and(request, self.memo, PushRequest::memo);
        Ok(and(request, self.token, PushRequest::token))
    }
}

/// The run waits: what it sends is on its way.
pub const RENKEI_RUN_RESERVED: u32 = 1;
/// What was sent was taken, and records are updated at present.
pub const RENKEI_RUN_RUNNING: u32 = 2;
/// The run ended as it should.
pub const RENKEI_RUN_COMPLETED: u32 = 3;
/// The run ended with an error.
pub const RENKEI_RUN_FAILED: u32 = 4;
/// The run ended because it was asked to.
pub const RENKEI_RUN_CANCELLED: u32 = 5;

pub(super) fn run_number(state: JobState) -> u32 {
    match state {
        JobState::Reserved => RENKEI_RUN_RESERVED,
        JobState::Running => RENKEI_RUN_RUNNING,
        JobState::Completed => RENKEI_RUN_COMPLETED,
        JobState::Failed => RENKEI_RUN_FAILED,
        JobState::Cancelled => RENKEI_RUN_CANCELLED,
    }
}

/// How a run of a CSV push stands at the last commit. Make one by renkei_push_info_init.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct renkei_push_info {
    /// The size of this struct.
    pub size: usize,
    /// The id of the run.
    pub run_id: i64,
    /// The id of the database.
    pub database_id: i64,
    /// The id of the list.
    pub list_id: i64,
    /// The delivery; 0 when none was made, or it is not kept any more.
    pub delivery_id: i64,
    /// Records that were written as CSV.
    pub records: u64,
    /// Lines of CSV, without the header line.
    pub lines: u64,
    /// The size of the body.
    pub bytes: u64,
    /// Records updated after success.
    pub updated: u64,
    /// Records that could not be updated.
    pub not_updated: u64,
    /// When it is tried next; 0 when it is not.
    pub next_attempt_at: i64,
    /// When it was started, in milliseconds since 1970.
    pub created_at: i64,
    /// When it ended; 0 when it has not.
    pub ended_at: i64,
    /// RENKEI_RUN_RESERVED and so on.
    pub state: u32,
    /// How the delivery stands: RENKEI_DELIVERY_WAITING and so on; 0 when there is none.
    pub delivery_state: u32,
    /// The last status that the receiver answered; 0 when it did not.
    pub status: u32,
    /// How far the last attempt came, if it failed: RENKEI_BEFORE_SENDING and so on; else 0.
    pub family: u32,
    /// The attempts that were made.
    pub attempts: u32,
    /// Always 0.
    pub reserved: u32,
}

// SAFETY: a size, then integers without padding between.
unsafe impl Grows for renkei_push_info {
    const NAME: &'static str = "renkei_push_info";
    const FIRST: usize = size_of::<Self>();
}

fn info(run: &PushRun) -> renkei_push_info {
    renkei_push_info {
        size: 0,
        run_id: run.run_id,
        database_id: run.database_id,
        list_id: run.list_id,
        delivery_id: run.delivery_id.unwrap_or(0),
        records: run.records,
        lines: run.lines,
        bytes: run.bytes,
        updated: run.updated,
        not_updated: run.not_updated,
        next_attempt_at: run.next_attempt_at.unwrap_or(0),
        created_at: run.created_at,
        ended_at: run.ended_at.unwrap_or(0),
        state: run_number(run.state),
        delivery_state: run.delivery_state.map_or(0, state_number),
        status: run.status.unwrap_or(0).into(),
        family: family_number(run.family),
        attempts: run.attempts,
        reserved: 0,
    }
}

/// Starts a CSV push that stands in the sub-menu of a list: writes the records as CSV into the store, all of one moment, and
/// queues them; a worker sends them. out_run_id receives the id of the run. A body that cannot be made is no error of this
/// call: the run has failed then, before sending.
///
/// request is a JSON object with database, list and push (each by code or id), and search, condition, records (an array of
/// objects with "key" or "id"), memo and token (a second request with the same token gives the first one's run).
///
/// Rust: `Store::push`, `PushRequest::new`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_push_start(
    store: *const renkei_store,
    request: *const c_char,
    request_len: usize,
    out_run_id: *mut i64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::value(store, (out_run_id, "out_run_id"), out_error, |store| {
            let form: Form = json(request, request_len, "request")?;
            Ok(store.push(&form.request()?)?.run_id)
        })
    }
}

/// How a run of a CSV push stands.
///
/// Rust: `Store::push_run`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_push_status(
    store: *const renkei_store,
    run_id: i64,
    out_info: *mut renkei_push_info,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe { ask::filled(store, (out_info, "out_info"), out_error, |store| Ok(info(&store.push_run(run_id)?))) }
}

/// How a run of a CSV push stands, as a JSON object, with its memo, SHA-256, first bytes of the answer and error. The caller
/// frees the JSON by renkei_free.
///
/// Rust: `Store::push_run`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_push_status_json(
    store: *const renkei_store,
    run_id: i64,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe { ask::json(store, out_json, out_json_len, out_error, |store| store.push_run(run_id)) }
}

/// Waits until a run of a CSV push has ended, or the time in milliseconds is over; how it stands then. Somebody else must send
/// it: a worker that was started, or another process.
///
/// Rust: `Store::wait_push`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_push_wait(
    store: *const renkei_store,
    run_id: i64,
    timeout_ms: u64,
    out_info: *mut renkei_push_info,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::filled(store, (out_info, "out_info"), out_error, |store| {
            Ok(info(&store.wait_push(run_id, Duration::from_millis(timeout_ms))?))
        })
    }
}

/// Cancels a run of a CSV push. One that waits is cancelled at once; one that is being sent is not called back, but not tried
/// again. RENKEI_CONFLICT when it has ended already.
///
/// Rust: `Store::cancel_push`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_push_cancel(
    store: *const renkei_store,
    run_id: i64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe { ask::done(store, out_error, |store| store.cancel_push(run_id)) }
}

/// The latest runs of CSV pushes, newest first, as a JSON array of what renkei_push_status_json gives: those of one list by
/// its id, or of all lists when it is 0. The caller frees the JSON.
///
/// Rust: `Store::push_runs`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_push_runs(
    store: *const renkei_store,
    list_id: i64,
    limit: u64,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::json(store, out_json, out_json_len, out_error, |store| {
            store.push_runs(Some(list_id).filter(|id| *id != 0), limit)
        })
    }
}

/// The CSV pushes of a database, as a JSON array of definitions. The caller frees the JSON.
///
/// Rust: `Store::csv_pushes`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_push_all(
    store: *const renkei_store,
    database: *const c_char,
    database_len: usize,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::json(store, out_json, out_json_len, out_error, |store| {
            store.csv_pushes(text(database, database_len, "database")?)
        })
    }
}
