//! Ending calls from another thread

use super::argument::{Out, call};
use super::error::renkei_error;
use super::handle::{self, Noun};
use super::status::renkei_status;
use crate::store::Cancel;

/// A sign by which calls are ended from another thread; see renkei_store_cancellable. For any number of threads.
pub struct renkei_cancel(());

impl Noun for Cancel {
    type Opaque = renkei_cancel;
    const KIND: u8 = 2;
    const NAME: &'static str = "cancel sign";
    const EXCLUSIVE: bool = false;
}

/// Makes a sign that is not shown yet. The caller frees it by renkei_cancel_free.
///
/// Rust: `Cancel::new`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_cancel_new(
    out_cancel: *mut *mut renkei_cancel,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_cancel, "out_cancel")?;
            out.set(handle::give(Cancel::new()));
            Ok(())
        })
    }
}

/// Shows the sign, from any thread, for good: calls that see it end with RENKEI_CANCELLED within moments, and what they have
/// written is taken back.
///
/// Rust: `Cancel::cancel`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_cancel_show(
    cancel: *mut renkei_cancel,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            handle::get::<Cancel>(cancel)?.cancel();
            Ok(())
        })
    }
}

/// Whether the sign is shown.
///
/// Rust: `Cancel::is_cancelled`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_cancel_is_shown(
    cancel: *const renkei_cancel,
    out_is_shown: *mut i32,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_is_shown, "out_is_shown")?;
            out.set(handle::get::<Cancel>(cancel)?.is_cancelled().into());
            Ok(())
        })
    }
}

/// Frees a sign; stores made with it keep seeing it. NULL is allowed.
///
/// Rust: dropping a `Cancel`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn renkei_cancel_free(cancel: *mut renkei_cancel) -> renkei_status {
    // SAFETY: no output is given.
    unsafe { call(std::ptr::null_mut(), || handle::close::<Cancel>(cancel)) }
}
