//! Deliveries

use std::ffi::{c_char, c_void};
use std::time::Duration;

use serde::Deserialize;

use super::argument::{Grows, bytes, json, null, optional_json, text};
use super::ask;
use super::error::renkei_error;
use super::status::renkei_status;
use super::store::renkei_store;
use crate::error::{Code, Error, Result, words};
use crate::outbound::{
    Body, Channel, DeliveryFilter, DeliveryState, DeliveryStatus, ErrorFamily, NewDelivery, Priority, Sending,
};
use crate::store::Timestamp;
use crate::template::SlottedText;

/// A delivery to be made, as JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    url: SlottedText,
    channel: Option<Channel>,
    method: Option<String>,
    #[serde(default)]
    headers: Vec<Header>,
    text: Option<SlottedText>,
    json: Option<serde_json::Value>,
    file: Option<i64>,
    #[serde(default)]
    sending: Sending,
    order_key: Option<String>,
    #[serde(default)]
    priority: Priority,
    due_at: Option<i64>,
    token: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    name: String,
    value: SlottedText,
}

/// Reads a delivery and the bytes of its body; NULL is none beside what the JSON has.
///
/// # Safety
///
/// As the contract of `capi`.
pub(super) unsafe fn new_delivery(
    delivery: *const c_char,
    delivery_len: usize,
    body: *const c_void,
    body_len: usize,
) -> Result<NewDelivery> {
    // SAFETY: as promised by the caller.
    let (form, body): (Form, Option<&[u8]>) = unsafe {
        let form = json(delivery, delivery_len, "delivery")?;
        (form, if body.is_null() { None } else { Some(bytes(body.cast(), body_len, "body")?) })
    };
    let channel = form.channel.unwrap_or(Channel::Http);
    let usual = if channel == Channel::Http { "POST" } else { "" };
    let mut new = NewDelivery::http(form.method.as_deref().unwrap_or(usual), form.url).sending(form.sending);
    new.channel = channel;
    for header in form.headers {
        new = new.header(header.name, header.value);
    }
    new = match (body, form.text, form.json, form.file) {
        (None, None, None, None) => new,
        (Some(bytes), None, None, None) => new.body(bytes),
        (None, Some(text), None, None) => {
            let (text, slots) = text.into_parts();
            new.body = Body::Bytes(text.into_bytes(), slots);
            new
        }
        (None, None, Some(json), None) => new.json(&json),
        (None, None, None, Some(file)) => new.file(file),
        _ => {
            let rule = words!(
                "本文を指定できるのは`text`、`json`、`file`、またはバイト列のいずれか1つです",
                "a body is a \"text\", a \"json\", a \"file\" or bytes, and one of these only"
            );
            return Err(Error::new(Code::Argument).with_rule(rule));
        }
    };
    new.priority = form.priority;
    new.order_key = form.order_key;
    new.due_at = form.due_at.map(Timestamp);
    new.token = form.token;
    Ok(new)
}

/// The delivery waits for its first attempt, or the next.
pub const RENKEI_DELIVERY_WAITING: u32 = 1;
/// The delivery waits for an earlier one with the same order key.
pub const RENKEI_DELIVERY_BEHIND: u32 = 2;
/// The delivery is being sent, or was when its worker died.
pub const RENKEI_DELIVERY_SENDING: u32 = 3;
/// The receiver took the delivery.
pub const RENKEI_DELIVERY_DELIVERED: u32 = 4;
/// The delivery was given up: a dead letter, which can be replayed.
pub const RENKEI_DELIVERY_FAILED: u32 = 5;
/// The delivery was cancelled.
pub const RENKEI_DELIVERY_CANCELLED: u32 = 6;

/// How far an attempt came that failed: nothing has reached the receiver.
pub const RENKEI_BEFORE_SENDING: u32 = 1;
/// How far an attempt came that failed: it may have arrived, but no whole answer came.
pub const RENKEI_UNANSWERED: u32 = 2;
/// How far an attempt came that failed: the receiver answered, and refused.
pub const RENKEI_ANSWER_REFUSED: u32 = 3;

pub(super) fn state_number(state: DeliveryState) -> u32 {
    match state {
        DeliveryState::Waiting => RENKEI_DELIVERY_WAITING,
        DeliveryState::Behind => RENKEI_DELIVERY_BEHIND,
        DeliveryState::Sending => RENKEI_DELIVERY_SENDING,
        DeliveryState::Delivered => RENKEI_DELIVERY_DELIVERED,
        DeliveryState::Failed => RENKEI_DELIVERY_FAILED,
        DeliveryState::Cancelled => RENKEI_DELIVERY_CANCELLED,
    }
}

pub(super) fn family_number(family: Option<ErrorFamily>) -> u32 {
    match family {
        None => 0,
        Some(ErrorFamily::BeforeSending) => RENKEI_BEFORE_SENDING,
        Some(ErrorFamily::Unanswered) => RENKEI_UNANSWERED,
        Some(ErrorFamily::Answer) => RENKEI_ANSWER_REFUSED,
    }
}

/// How a delivery stands at the last commit. Make one by renkei_delivery_info_init.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct renkei_delivery_info {
    /// The size of this struct.
    pub size: usize,
    /// The id of the delivery.
    pub id: i64,
    /// When it was made, in milliseconds since 1970.
    pub created_at: i64,
    /// When it is or was due.
    pub due_at: i64,
    /// When it was first taken up; 0 when it was not.
    pub started_at: i64,
    /// When it ended; 0 when it has not.
    pub ended_at: i64,
    /// When it is given up; 0 when its plan sets no deadline.
    pub expires_at: i64,
    /// The size of its body, without secrets.
    pub body_bytes: u64,
    /// RENKEI_DELIVERY_WAITING and so on.
    pub state: u32,
    /// The last status that a receiver answered; 0 when none did.
    pub status: u32,
    /// How far the last attempt came, if it failed: RENKEI_BEFORE_SENDING and so on; else 0.
    pub family: u32,
    /// The attempts that were made.
    pub attempts: u32,
    /// How often a worker died while it held the delivery, which may have been sent then.
    pub interrupted: u32,
    /// Whether it was asked to end while it was sent.
    pub cancel_asked: u32,
}

// SAFETY: a size, then integers without padding between.
unsafe impl Grows for renkei_delivery_info {
    const NAME: &'static str = "renkei_delivery_info";
    const FIRST: usize = size_of::<Self>();
}

fn info(status: &DeliveryStatus) -> renkei_delivery_info {
    renkei_delivery_info {
        size: 0,
        id: status.id,
        created_at: status.created_at,
        due_at: status.due_at,
        started_at: status.started_at.unwrap_or(0),
        ended_at: status.ended_at.unwrap_or(0),
        expires_at: status.expires_at.unwrap_or(0),
        body_bytes: status.body_bytes,
        state: state_number(status.state),
        status: status.status.unwrap_or(0).into(),
        family: family_number(status.family),
        attempts: status.attempts,
        interrupted: status.interrupted,
        cancel_asked: status.cancel_asked.into(),
    }
}

/// Puts a message into the queue of deliveries: a worker sends it, at least once, and tries again by its plan. out_delivery_id
/// receives its id. For the host and administrators, as all functions about deliveries.
///
/// delivery is a JSON object with "url", and "method" (default: POST), "headers" (an array of objects with "name" and
/// "value"), "sending" (timeouts, retry plan, authentication, signature: see `Sending` in the documentation of the Rust crate),
/// "order_key", "priority" (high, normal, low), "due_at" (milliseconds since 1970), "token" (the same token gives the same
/// delivery), "channel" (http or mail). Its body is one of "text", "json", "file" (the id of a stored file, which belongs to
/// the delivery from then on), or the bytes at body, at most 1 MiB; none when body is NULL. URL, headers and text may have
/// places for secrets: {"text": "Token ", "slots": [{"at": 6, "secret": "core-token"}]}.
///
/// Rust: `Store::deliver`, `NewDelivery::http`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_delivery_queue(
    store: *const renkei_store,
    delivery: *const c_char,
    delivery_len: usize,
    body: *const c_void,
    body_len: usize,
    out_delivery_id: *mut i64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::value(store, (out_delivery_id, "out_delivery_id"), out_error, |store| {
            store.deliver(&new_delivery(delivery, delivery_len, body, body_len)?)
        })
    }
}

/// How a delivery stands.
///
/// Rust: `Store::delivery`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_delivery_status(
    store: *const renkei_store,
    delivery_id: i64,
    out_info: *mut renkei_delivery_info,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe { ask::filled(store, (out_info, "out_info"), out_error, |store| Ok(info(&store.delivery(delivery_id)?))) }
}

/// How a delivery stands, as a JSON object, with its message id, URL, target, SHA-256 and error. The caller frees the JSON by
/// renkei_free.
///
/// Rust: `Store::delivery`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_delivery_status_json(
    store: *const renkei_store,
    delivery_id: i64,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe { ask::json(store, out_json, out_json_len, out_error, |store| store.delivery(delivery_id)) }
}

/// The deliveries that a filter means, newest first, as a JSON array of what renkei_delivery_status_json gives: at most limit,
/// made before the delivery with the id before unless that is 0. filter is a JSON object with any of state, kind, setting_id,
/// run_id, target and ended_since, or NULL for all. The caller frees the JSON.
///
/// Rust: `Store::deliveries`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_delivery_all(
    store: *const renkei_store,
    filter: *const c_char,
    filter_len: usize,
    before: i64,
    limit: u64,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::json(store, out_json, out_json_len, out_error, |store| {
            let filter: DeliveryFilter = optional_json(filter, filter_len, "filter")?;
            store.deliveries(&filter, Some(before).filter(|before| *before != 0), limit)
        })
    }
}

/// The attempts of a delivery, in order, as a JSON array: times, address, status, first bytes of the answer, error. The caller
/// frees the JSON.
///
/// Rust: `Store::attempts`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_delivery_attempts(
    store: *const renkei_store,
    delivery_id: i64,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe { ask::json(store, out_json, out_json_len, out_error, |store| store.attempts(delivery_id)) }
}

/// Waits until a delivery has ended, or the time in milliseconds is over; how it stands then. Somebody else must send it: a
/// worker that was started, or another process.
///
/// Rust: `Store::wait_delivery`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_delivery_wait(
    store: *const renkei_store,
    delivery_id: i64,
    timeout_ms: u64,
    out_info: *mut renkei_delivery_info,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::filled(store, (out_info, "out_info"), out_error, |store| {
            Ok(info(&store.wait_delivery(delivery_id, Duration::from_millis(timeout_ms))?))
        })
    }
}

/// Cancels a delivery. One that waits is cancelled at once; one that is being sent is not called back, but not tried again.
/// RENKEI_CONFLICT when it has ended already.
///
/// Rust: `Store::cancel_delivery`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_delivery_cancel(
    store: *const renkei_store,
    delivery_id: i64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe { ask::done(store, out_error, |store| store.cancel_delivery(delivery_id)) }
}

/// Sends a delivery again that has ended, however it ended: the same bytes with the same id, by its plan from the beginning.
/// RENKEI_CONFLICT when it has not ended.
///
/// Rust: `Store::replay_delivery`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_delivery_replay(
    store: *const renkei_store,
    delivery_id: i64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe { ask::done(store, out_error, |store| store.replay_delivery(delivery_id)) }
}

/// As renkei_delivery_replay, for several: all of them, or none.
///
/// Rust: `Store::replay_deliveries`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_delivery_replay_all(
    store: *const renkei_store,
    delivery_ids: *const i64,
    count: usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::done(store, out_error, |store| {
            if delivery_ids.is_null() {
                return Err(null("delivery_ids"));
            }
            if count > isize::MAX as usize / size_of::<i64>() {
                return Err(Error::new(Code::BadLength).with_rule("count").with_value(count));
            }
            store.replay_deliveries(std::slice::from_raw_parts(delivery_ids, count))
        })
    }
}

/// Replays every failed delivery that a filter means, such as {"ended_since": 1769819400000}, or all when it is NULL; how
/// many. See renkei_delivery_all; the state in the filter is not looked at.
///
/// Rust: `Store::replay_failed`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_delivery_replay_failed(
    store: *const renkei_store,
    filter: *const c_char,
    filter_len: usize,
    out_count: *mut u64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::value(store, (out_count, "out_count"), out_error, |store| {
            let filter: DeliveryFilter = optional_json(filter, filter_len, "filter")?;
            store.replay_failed(&filter)
        })
    }
}

/// The figures of the queue at one moment, as a JSON object: counts, ages, latencies, targets. The caller frees the JSON.
///
/// Rust: `Store::delivery_metrics`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_delivery_metrics(
    store: *const renkei_store,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe { ask::json(store, out_json, out_json_len, out_error, |store| store.delivery_metrics()) }
}

/// Every target that something was or is to be sent to, and how it stands, as a JSON array. The caller frees the JSON.
///
/// Rust: `Store::targets`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_target_all(
    store: *const renkei_store,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe { ask::json(store, out_json, out_json_len, out_error, |store| store.targets()) }
}

/// Lets deliveries go to a target again: one that was disabled, whose circuit is open, or that asked to be left alone. It is
/// named by its code, or by its origin such as "https://api.example.com:443".
///
/// Rust: `Store::enable_target`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_target_enable(
    store: *const renkei_store,
    target: *const c_char,
    target_len: usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe { ask::done(store, out_error, |store| store.enable_target(text(target, target_len, "target")?)) }
}

/// Sends nothing more to a target until it is enabled again; what is on its way is not called back. why is kept with it.
///
/// Rust: `Store::disable_target`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_target_disable(
    store: *const renkei_store,
    target: *const c_char,
    target_len: usize,
    why: *const c_char,
    why_len: usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::done(store, out_error, |store| {
            let target = text(target, target_len, "target")?;
            store.disable_target(target, text(why, why_len, "why")?)
        })
    }
}
