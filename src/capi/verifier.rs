//! Signatures of webhooks

use std::ffi::{c_char, c_void};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use super::argument::{Out, bytes, call, text};
use super::error::renkei_error;
use super::handle::{self, Noun};
use super::status::renkei_status;
use crate::outbound::WebhookVerifier;
use crate::store::Timestamp;

/// Verifies messages signed by Standard Webhooks, as a receiver does. For any number of threads.
pub struct renkei_verifier(());

pub(super) struct Body(RwLock<WebhookVerifier>);

impl Noun for Body {
    type Opaque = renkei_verifier;
    const KIND: u8 = 42;
    const NAME: &'static str = "verifier";
    const EXCLUSIVE: bool = false;
}

/// Makes a verifier that knows no secret yet. tolerance_ms says how far the time of a message may be from now, so that old ones
/// cannot be sent again by others; 0 stands for 5 minutes. The caller frees it by renkei_verifier_free.
///
/// Rust: `WebhookVerifier::new`, `WebhookVerifier::tolerance`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_verifier_new(
    tolerance_ms: u64,
    out_verifier: *mut *mut renkei_verifier,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_verifier, "out_verifier")?;
            let verifier = match tolerance_ms {
                0 => WebhookVerifier::new(),
                tolerance => WebhookVerifier::new().tolerance(Duration::from_millis(tolerance)),
            };
            out.set(handle::give(Body(RwLock::new(verifier))));
            Ok(())
        })
    }
}

/// Adds a secret ("whsec_..." in base64, or any other text): a signature by any of them holds.
///
/// Rust: `WebhookVerifier::secret`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_verifier_add(
    verifier: *mut renkei_verifier,
    secret: *const c_char,
    secret_len: usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let body = handle::get::<Body>(verifier)?;
            let secret = text(secret, secret_len, "secret")?;
            let mut known = body.0.write().unwrap_or_else(PoisonError::into_inner);
            *known = known.clone().secret(secret)?;
            Ok(())
        })
    }
}

/// Verifies a message by its headers webhook-id, webhook-timestamp and webhook-signature, and its body as it came. now is in
/// milliseconds since 1970. RENKEI_OK says that it is genuine; every other status that it is not to be believed (the code is
/// "signature.invalid" where the signature or the time is wrong).
///
/// Rust: `WebhookVerifier::verify`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_verifier_verify(
    verifier: *const renkei_verifier,
    webhook_id: *const c_char,
    webhook_id_len: usize,
    timestamp: *const c_char,
    timestamp_len: usize,
    signature: *const c_char,
    signature_len: usize,
    bytes: *const c_void,
    bytes_len: usize,
    now: i64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let body = handle::get::<Body>(verifier)?;
            let id = text(webhook_id, webhook_id_len, "webhook_id")?;
            let timestamp = text(timestamp, timestamp_len, "timestamp")?;
            let signature = text(signature, signature_len, "signature")?;
            let bytes = self::bytes(bytes.cast(), bytes_len, "bytes")?;
            let known = body.0.read().unwrap_or_else(PoisonError::into_inner);
            known.verify(id, timestamp, signature, bytes, Timestamp(now))
        })
    }
}

/// Frees a verifier. NULL is allowed.
///
/// Rust: dropping a `WebhookVerifier`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn renkei_verifier_free(verifier: *mut renkei_verifier) -> renkei_status {
    // SAFETY: no output is given.
    unsafe { call(std::ptr::null_mut(), || handle::close::<Body>(verifier)) }
}
