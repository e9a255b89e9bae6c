//! Http sends

use std::ffi::c_char;
use std::time::Duration;

use serde::Deserialize;

use super::argument::{Grows, json, text};
use super::ask;
use super::error::renkei_error;
use super::push::run_number;
use super::status::renkei_status;
use super::store::renkei_store;
use super::write::{Named, and};
use crate::error::Result;
use crate::outbound::{HttpSendRequest, HttpSendRun, Trigger};

/// What is asked for when an http send is started, as JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    trigger: Trigger,
    database: String,
    list: String,
    send: String,
    records: Vec<Named>,
    memo: Option<String>,
    token: Option<String>,
}

impl Form {
    fn request(self) -> Result<HttpSendRequest> {
        let records = self.records.into_iter().map(Named::selector).collect::<Result<Vec<_>>>()?;
        let mut request = HttpSendRequest::of(self.trigger, self.database, self.list, self.send, records);
        request = and(request, self.memo, HttpSendRequest::memo);
        Ok(and(request, self.token, HttpSendRequest::token))
    }
}

/// How a run of an http send stands at the last commit. Make one by renkei_http_send_info_init.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct renkei_http_send_info {
    /// The size of this struct.
    pub size: usize,
    /// The id of the run.
    pub run_id: i64,
    /// The id of the database.
    pub database_id: i64,
    /// The id of the list.
    pub list_id: i64,
    /// Records whose message was taken.
    pub delivered: u64,
    /// Records whose message could not be made, or was given up.
    pub failed: u64,
    /// Records whose message was cancelled.
    pub cancelled: u64,
    /// Records whose message is on its way.
    pub waiting: u64,
    /// When it was started, in milliseconds since 1970.
    pub created_at: i64,
    /// When it ended; 0 when it has not.
    pub ended_at: i64,
    /// RENKEI_RUN_RESERVED and so on: completed when every record has its result, also where sending failed.
    pub state: u32,
    /// Always 0.
    pub reserved: u32,
}

// SAFETY: a size, then integers without padding between.
unsafe impl Grows for renkei_http_send_info {
    const NAME: &'static str = "renkei_http_send_info";
    const FIRST: usize = size_of::<Self>();
}

fn info(run: &HttpSendRun) -> renkei_http_send_info {
    renkei_http_send_info {
        size: 0,
        run_id: run.run_id,
        database_id: run.database_id,
        list_id: run.list_id,
        delivered: run.delivered,
        failed: run.failed,
        cancelled: run.cancelled,
        waiting: run.waiting,
        created_at: run.created_at,
        ended_at: run.ended_at.unwrap_or(0),
        state: run_number(run.state),
        reserved: 0,
    }
}

/// Starts an http send: makes a message for each record and queues it, all in one transaction; a worker sends them. out_run_id
/// receives the id of the run. A record whose message cannot be made fails by itself, and the others are sent.
///
/// request is a JSON object with trigger ("button" for one record, "pulldown" for up to 100; others are refused), database,
/// list, send (each by code or id), records (an array of objects with "key" or "id"), and memo and token (a second request
/// with the same token gives the first one's run).
///
/// Rust: `Store::http_send`, `HttpSendRequest::of`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_http_send_start(
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
            Ok(store.http_send(&form.request()?)?.run_id)
        })
    }
}

/// How a run of an http send stands.
///
/// Rust: `Store::http_send_run`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_http_send_status(
    store: *const renkei_store,
    run_id: i64,
    out_info: *mut renkei_http_send_info,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe { ask::filled(store, (out_info, "out_info"), out_error, |store| Ok(info(&store.http_send_run(run_id)?))) }
}

/// How a run of an http send stands, as a JSON object, with every record under "items". The caller frees the JSON by
/// renkei_free.
///
/// Rust: `Store::http_send_run`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_http_send_status_json(
    store: *const renkei_store,
    run_id: i64,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe { ask::json(store, out_json, out_json_len, out_error, |store| store.http_send_run(run_id)) }
}

/// Waits until a run of an http send has ended, or the time in milliseconds is over; how it stands then. Somebody else must
/// send it: a worker that was started, or another process.
///
/// Rust: `Store::wait_http_send`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_http_send_wait(
    store: *const renkei_store,
    run_id: i64,
    timeout_ms: u64,
    out_info: *mut renkei_http_send_info,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::filled(store, (out_info, "out_info"), out_error, |store| {
            Ok(info(&store.wait_http_send(run_id, Duration::from_millis(timeout_ms))?))
        })
    }
}

/// Cancels what of a run of an http send is on its way, as renkei_delivery_cancel; out_count receives how many records that
/// were. RENKEI_CONFLICT when it has ended already.
///
/// Rust: `Store::cancel_http_send`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_http_send_cancel(
    store: *const renkei_store,
    run_id: i64,
    out_count: *mut u64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe { ask::value(store, (out_count, "out_count"), out_error, |store| store.cancel_http_send(run_id)) }
}

/// The latest runs of http sends, newest first, as a JSON array of what renkei_http_send_status_json gives. The caller frees
/// the JSON.
///
/// Rust: `Store::http_send_runs`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_http_send_runs(
    store: *const renkei_store,
    limit: u64,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe { ask::json(store, out_json, out_json_len, out_error, |store| store.http_send_runs(limit)) }
}

/// The http sends of a database, as a JSON array of definitions. The caller frees the JSON.
///
/// Rust: `Store::http_sends`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_http_send_all(
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
            store.http_sends(text(database, database_len, "database")?)
        })
    }
}
