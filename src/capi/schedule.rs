//! Schedules

use std::ffi::c_char;

use super::argument::json;
use super::ask;
use super::error::renkei_error;
use super::status::renkei_status;
use super::store::renkei_store;
use crate::schedule::Schedule;
use crate::store::Timestamp;

/// The first count moments later than after, at most 1000, at which something with a schedule is done: a JSON array of
/// milliseconds since 1970-01-01 00:00:00 UTC. schedule is a JSON object such as {"when": {"cron": "0 9 * * mon-fri"}}: see
/// `Schedule` in the documentation of the Rust crate. The caller frees the JSON by renkei_free.
///
/// Rust: `Store::next_runs`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_schedule_next_runs(
    store: *const renkei_store,
    schedule: *const c_char,
    schedule_len: usize,
    after: i64,
    count: usize,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::json(store, out_json, out_json_len, out_error, |store| {
            let schedule: Schedule = json(schedule, schedule_len, "schedule")?;
            let runs = store.next_runs(&schedule, Timestamp(after), count)?;
            Ok(runs.into_iter().map(|run| run.0).collect::<Vec<_>>())
        })
    }
}
