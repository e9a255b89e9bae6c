//! Logging

use std::cell::Cell;
use std::ffi::{c_char, c_void};
use std::sync::{PoisonError, RwLock};

use log::{Level, LevelFilter, Log, Metadata, Record};

use super::argument::call;
use super::callback::UserData;
use super::error::renkei_error;
use super::status::renkei_status;
use crate::error::{Code, Error};

/// The level of a message: something failed.
pub const RENKEI_LOG_ERROR: u32 = 1;
/// The level of a message: something is odd.
pub const RENKEI_LOG_WARN: u32 = 2;
/// The level of a message: something was done.
pub const RENKEI_LOG_INFO: u32 = 3;
/// The level of a message: for the search of faults.
pub const RENKEI_LOG_DEBUG: u32 = 4;
/// The level of a message: everything.
pub const RENKEI_LOG_TRACE: u32 = 5;

/// Takes a message of the library, lent for the time of the call, with no NUL behind it. Called on any thread, also on those
/// of workers, and on several at once. It must not call the library, and not throw nor longjmp out.
pub type renkei_log_fn =
    Option<unsafe extern "C" fn(user_data: *mut c_void, level: u32, message: *const c_char, message_len: usize)>;

type Callback = unsafe extern "C" fn(*mut c_void, u32, *const c_char, usize);

static CALLBACK: RwLock<Option<(Callback, UserData)>> = RwLock::new(None);

thread_local!(static INSIDE: Cell<bool> = const { Cell::new(false) });

struct ToCallback;

impl Log for ToCallback {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        // A message about the callback itself would never end.
        if !self.enabled(record.metadata()) || INSIDE.replace(true) {
            return;
        }
        if let Some((callback, user_data)) = *CALLBACK.read().unwrap_or_else(PoisonError::into_inner) {
            let message = record.args().to_string();
            let level = match record.level() {
                Level::Error => RENKEI_LOG_ERROR,
                Level::Warn => RENKEI_LOG_WARN,
                Level::Info => RENKEI_LOG_INFO,
                Level::Debug => RENKEI_LOG_DEBUG,
                Level::Trace => RENKEI_LOG_TRACE,
            };
            // SAFETY: the caller of the ABI gave both together.
            unsafe { callback(user_data.0, level, message.as_ptr().cast(), message.len()) };
        }
        INSIDE.set(false);
    }

    fn flush(&self) {}
}

/// Sends the messages of the library, up to a level (RENKEI_LOG_ERROR to RENKEI_LOG_TRACE), to a function. There is one for
/// the whole process; a later call sets another one, and NULL none. When the call returns, the function set before is not
/// called any more. In a Rust program that has a logger already the call is refused with RENKEI_CONFLICT.
///
/// Rust: `log::set_logger`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_log_set(
    callback: renkei_log_fn,
    user_data: *mut c_void,
    level: u32,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            if INSIDE.get() {
                return Err(Error::new(Code::Argument).with_rule("a log function cannot be changed by itself"));
            }
            let filter = match (callback, level) {
                (None, _) => LevelFilter::Off,
                (_, RENKEI_LOG_ERROR) => LevelFilter::Error,
                (_, RENKEI_LOG_WARN) => LevelFilter::Warn,
                (_, RENKEI_LOG_INFO) => LevelFilter::Info,
                (_, RENKEI_LOG_DEBUG) => LevelFilter::Debug,
                (_, RENKEI_LOG_TRACE) => LevelFilter::Trace,
                _ => return Err(Error::new(Code::Argument).with_rule(format!("there is no log level {level}"))),
            };
            let mut current = CALLBACK.write().unwrap_or_else(PoisonError::into_inner);
            static OURS: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
            if !OURS.get_or_init(|| log::set_logger(&ToCallback).is_ok()) {
                return Err(Error::new(Code::JobState).with_value("log").with_rule("has a logger already"));
            }
            *current = callback.map(|callback| (callback, UserData(user_data)));
            log::set_max_level(filter);
            Ok(())
        })
    }
}
