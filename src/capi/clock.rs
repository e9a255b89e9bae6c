//! A clock for tests

use std::sync::Arc;
use std::time::Duration;

use super::argument::{Out, call};
use super::error::renkei_error;
use super::handle::{self, Noun};
use super::status::renkei_status;
use crate::store::{Clock, ManualClock, Timestamp};

/// A clock that stands still until it is turned: for tests of hosts. For any number of threads.
pub struct renkei_clock(());

pub(super) struct Body(pub(super) Arc<ManualClock>);

impl Noun for Body {
    type Opaque = renkei_clock;
    const KIND: u8 = 3;
    const NAME: &'static str = "clock";
    const EXCLUSIVE: bool = false;
}

/// Makes a clock that shows a moment, in milliseconds since 1970-01-01 00:00:00 UTC. It is given to a store by the option
/// `clock`, and freed by renkei_clock_free.
///
/// Rust: `ManualClock::new`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_clock_new(
    milliseconds: i64,
    out_clock: *mut *mut renkei_clock,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_clock, "out_clock")?;
            out.set(handle::give(Body(Arc::new(ManualClock::new(Timestamp(milliseconds))))));
            Ok(())
        })
    }
}

/// Turns a clock forward.
///
/// Rust: `ManualClock::advance`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_clock_advance(
    clock: *mut renkei_clock,
    milliseconds: u64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            handle::get::<Body>(clock)?.0.advance(Duration::from_millis(milliseconds));
            Ok(())
        })
    }
}

/// Sets a clock, in milliseconds since 1970.
///
/// Rust: `ManualClock::set`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_clock_set(
    clock: *mut renkei_clock,
    milliseconds: i64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            handle::get::<Body>(clock)?.0.set(Timestamp(milliseconds));
            Ok(())
        })
    }
}

/// What a clock shows, in milliseconds since 1970.
///
/// Rust: `Clock::now`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_clock_now(
    clock: *const renkei_clock,
    out_milliseconds: *mut i64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_milliseconds, "out_milliseconds")?;
            out.set(handle::get::<Body>(clock)?.0.now().0);
            Ok(())
        })
    }
}

/// Frees a clock; stores that have it go on with it. NULL is allowed.
///
/// Rust: dropping a `ManualClock`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn renkei_clock_free(clock: *mut renkei_clock) -> renkei_status {
    // SAFETY: no output is given.
    unsafe { call(std::ptr::null_mut(), || handle::close::<Body>(clock)) }
}
