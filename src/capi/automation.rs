//! Automations

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
use crate::automation::{AutomationRequest, AutomationRun, ReceivedMail};
use crate::error::Result;
use crate::outbound::Trigger;
use crate::query::Condition;

/// What is asked for when an automation is started, as JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    trigger: Trigger,
    database: String,
    automation: String,
    list: Option<String>,
    search: Option<String>,
    condition: Option<Condition>,
    records: Option<Vec<Named>>,
    memo: Option<String>,
    token: Option<String>,
}

impl Form {
    fn request(self) -> Result<AutomationRequest> {
        let mut request = AutomationRequest::of(self.trigger, self.database, self.automation);
        request = and(request, self.list, AutomationRequest::list);
        request = and(request, self.search, AutomationRequest::search);
        request = and(request, self.condition, AutomationRequest::filter);
        request = and(request, Named::selectors(self.records)?, AutomationRequest::records);
        request = and(request, self.memo, AutomationRequest::memo);
        Ok(and(request, self.token, AutomationRequest::token))
    }
}

/// How a run of an automation stands at the last commit. At every moment total = completed + failed + waiting + unprocessed.
/// Make one by renkei_automation_info_init.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct renkei_automation_info {
    /// The size of this struct.
    pub size: usize,
    /// The id of the run.
    pub run_id: i64,
    /// The id of the database.
    pub database_id: i64,
    /// The id of the list from which it was started; 0 when it was from none.
    pub list_id: i64,
    /// Records, or detail rows, for which it was started.
    pub total: u64,
    /// Records that came to the end of the parts.
    pub completed: u64,
    /// Records that were stopped by an error.
    pub failed: u64,
    /// Records that stand between two parts, or wait for an answer.
    pub waiting: u64,
    /// Records for which nothing was done yet.
    pub unprocessed: u64,
    /// When it was started, in milliseconds since 1970.
    pub created_at: i64,
    /// When it was first run; 0 when it was not.
    pub started_at: i64,
    /// When it ended; 0 when it has not.
    pub ended_at: i64,
    /// RENKEI_RUN_RESERVED and so on: reserved also while records wait for answers; completed when every record has come to
    /// its end, also where parts failed.
    pub state: u32,
    /// Always 0.
    pub reserved: u32,
}

// SAFETY: a size, then integers without padding between.
unsafe impl Grows for renkei_automation_info {
    const NAME: &'static str = "renkei_automation_info";
    const FIRST: usize = size_of::<Self>();
}

fn info(run: &AutomationRun) -> renkei_automation_info {
    renkei_automation_info {
        size: 0,
        run_id: run.run_id,
        database_id: run.database_id,
        list_id: run.list_id.unwrap_or(0),
        total: run.total,
        completed: run.completed,
        failed: run.failed,
        waiting: run.waiting,
        unprocessed: run.unprocessed,
        created_at: run.created_at,
        started_at: run.started_at.unwrap_or(0),
        ended_at: run.ended_at.unwrap_or(0),
        state: run_number(run.state),
        reserved: 0,
    }
}

/// Starts an automation for records; a worker runs it, part by part, and does nothing twice. out_run_id receives the id of the
/// run. Automations are defined by a blueprint, under "automations".
///
/// request is a JSON object with trigger ("button", "pulldown" or "sub_menu" of a list, "settings_screen" for run now, "api"
/// for a call of the host), database and automation (each by code or id), list (where it is started from a list), and search,
/// condition, records (an array of objects with "key" or "id"), memo and token (a second request with the same token gives the
/// first one's run). A trigger that the automation does not name is refused, and so is every one but "button" and "pulldown"
/// for an automation that sends by HTTP.
///
/// Rust: `Store::start_automation`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_automation_start(
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
            Ok(store.start_automation(&form.request()?)?.run_id)
        })
    }
}

/// A mail that the host has received, as JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MailForm {
    from: String,
    subject: String,
    text: String,
    message_id: Option<String>,
}

/// Takes in a templated mail for an automation (database and automation by code or id): registers a record from its labelled
/// lines and starts the automation for it, both or neither. out_run_id receives the id of the run. Which mails there are, and
/// that their senders are who they say, is the host's affair.
///
/// mail is a JSON object with from (an address, or a name and an address in <>), subject, text, all decoded, and message_id:
/// the same mail, handed in twice, is taken once.
///
/// Rust: `Store::receive_mail`, `ReceivedMail::message_id`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_automation_receive_mail(
    store: *const renkei_store,
    database: *const c_char,
    database_len: usize,
    automation: *const c_char,
    automation_len: usize,
    mail: *const c_char,
    mail_len: usize,
    out_run_id: *mut i64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::value(store, (out_run_id, "out_run_id"), out_error, |store| {
            let database = text(database, database_len, "database")?;
            let automation = text(automation, automation_len, "automation")?;
            let form: MailForm = json(mail, mail_len, "mail")?;
            let mail = ReceivedMail::new(form.from, form.subject, form.text);
            let mail = and(mail, form.message_id, ReceivedMail::message_id);
            Ok(store.receive_mail(database, automation, &mail)?.run_id)
        })
    }
}

/// What renkei_automation_start would do, as a JSON object with counts and the entries of the journal: a dry run. Nothing is
/// changed, nothing is sent; others wait for their turn to write meanwhile. The caller frees the JSON by renkei_free.
///
/// Rust: `Store::plan_automation`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_automation_plan(
    store: *const renkei_store,
    request: *const c_char,
    request_len: usize,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::json(store, out_json, out_json_len, out_error, |store| {
            let form: Form = json(request, request_len, "request")?;
            store.plan_automation(&form.request()?)
        })
    }
}

/// How a run of an automation stands.
///
/// Rust: `Store::automation_run`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_automation_status(
    store: *const renkei_store,
    run_id: i64,
    out_info: *mut renkei_automation_info,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe { ask::filled(store, (out_info, "out_info"), out_error, |store| Ok(info(&store.automation_run(run_id)?))) }
}

/// How a run of an automation stands, as a JSON object, with its automation, trigger, memo, the chain of automations that led
/// to it, and its error. The caller frees the JSON by renkei_free.
///
/// Rust: `Store::automation_run`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_automation_status_json(
    store: *const renkei_store,
    run_id: i64,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe { ask::json(store, out_json, out_json_len, out_error, |store| store.automation_run(run_id)) }
}

/// The journal of a run, record by record and part by part, as a JSON array: at most limit entries, behind the entry that is
/// named by its item and its place among those of the item, both counted from 1; from the beginning when both are 0. The
/// caller frees the JSON.
///
/// Rust: `Store::automation_entries`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_automation_entries(
    store: *const renkei_store,
    run_id: i64,
    after_item: u64,
    after_place: u64,
    limit: u64,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::json(store, out_json, out_json_len, out_error, |store| {
            let after = Some((after_item, after_place)).filter(|after| *after != (0, 0));
            store.automation_entries(run_id, after, limit)
        })
    }
}

/// Waits until a run of an automation has ended, or the time in milliseconds is over; how it stands then. Somebody else must
/// run it: a worker that was started, or another process.
///
/// Rust: `Store::wait_automation`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_automation_wait(
    store: *const renkei_store,
    run_id: i64,
    timeout_ms: u64,
    out_info: *mut renkei_automation_info,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::filled(store, (out_info, "out_info"), out_error, |store| {
            Ok(info(&store.wait_automation(run_id, Duration::from_millis(timeout_ms))?))
        })
    }
}

/// Ends a run of an automation: one that waits is ended at once, one that runs within a second. What is done stays done.
/// RENKEI_CONFLICT when it has ended already.
///
/// Rust: `Store::cancel_automation`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_automation_cancel(
    store: *const renkei_store,
    run_id: i64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe { ask::done(store, out_error, |store| store.cancel_automation(run_id)) }
}

/// The latest runs of automations, newest first, as a JSON array of what renkei_automation_status_json gives: those of one
/// automation by its id, or of all when it is 0. The caller frees the JSON.
///
/// Rust: `Store::automation_runs`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_automation_runs(
    store: *const renkei_store,
    automation_id: i64,
    limit: u64,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::json(store, out_json, out_json_len, out_error, |store| {
            store.automation_runs(Some(automation_id).filter(|id| *id != 0), limit)
        })
    }
}

/// The automations of a database, as a JSON array of definitions. The caller frees the JSON.
///
/// Rust: `Store::automations`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_automation_all(
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
            store.automations(text(database, database_len, "database")?)
        })
    }
}
