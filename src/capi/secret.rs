//! Secrets

use std::ffi::{c_char, c_void};
use std::sync::Arc;

use zeroize::Zeroizing;

use super::argument::{bytes, call, out_bytes, text};
use super::ask;
use super::callback::UserData;
use super::error::renkei_error;
use super::handle;
use super::status::renkei_status;
use super::store::{renkei_store, renkei_store_options};
use crate::error::{Code, Error, Result, words};
use crate::store::{SecretVault, Store, StoreOptions};

/// How many bytes the key of a store has.
pub const RENKEI_SECRET_KEY_BYTES: usize = 32;

/// There is no secret of this name: an answer of renkei_secret_vault_fn.
pub const RENKEI_NO_SECRET: i32 = 1;

/// The longest secret, in bytes.
const LONGEST: usize = 16_384;

/// Writes the key by which secrets are sealed, RENKEI_SECRET_KEY_BYTES bytes, to out_key. Anything but 0 says that there is
/// none at present: what needs a secret is tried again later then. Called each time the key is needed, on any thread, and on
/// several at once. It must not throw nor longjmp out.
pub type renkei_secret_key_fn = Option<unsafe extern "C" fn(user_data: *mut c_void, out_key: *mut u8) -> i32>;

/// Writes the secret of a name, lent for the time of the call, to buffer, whose capacity every secret has room in, and its
/// length to *out_len. 0 says that it is there, RENKEI_NO_SECRET that there is none of this name, anything else that nobody can
/// say at present: what needs it is tried again later then. Called at each attempt to send something with it, on any thread,
/// and on several at once; the buffer is overwritten afterwards. It must not throw nor longjmp out.
pub type renkei_secret_vault_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        name: *const c_char,
        name_len: usize,
        buffer: *mut c_char,
        capacity: usize,
        out_len: *mut usize,
    ) -> i32,
>;

struct VaultOfCaller(
    unsafe extern "C" fn(*mut c_void, *const c_char, usize, *mut c_char, usize, *mut usize) -> i32,
    UserData,
);

impl SecretVault for VaultOfCaller {
    fn secret(&self, name: &str) -> Result<Option<String>, String> {
        let mut buffer = Zeroizing::new(vec![0u8; LONGEST]);
        let mut len = 0;
        // SAFETY: the caller of the ABI gave both together.
        let answer = unsafe {
            let buffer = buffer.as_mut_ptr().cast();
            (self.0)(self.1.0, name.as_ptr().cast(), name.len(), buffer, LONGEST, &raw mut len)
        };
        match answer {
            0 => {}
            RENKEI_NO_SECRET => return Ok(None),
            other => return Err(format!("secret_vault: {other}")),
        }
        let value = buffer.get(..len).ok_or_else(|| format!("secret_vault: out_len = {len}"))?;
        std::str::from_utf8(value).map(|value| Some(value.to_owned())).map_err(|_| "secret_vault: UTF-8".to_owned())
    }
}

/// A key of the caller's.
///
/// # Safety
///
/// `pointer` is NULL, or readable for `len` bytes.
unsafe fn key(pointer: *const u8, len: usize, name: &str) -> Result<[u8; RENKEI_SECRET_KEY_BYTES]> {
    // SAFETY: as promised by the caller.
    let given = unsafe { bytes(pointer, len, name)? };
    given.try_into().map_err(|_| Error::new(Code::BadLength).with_rule(name).with_value(len))
}

/// Sets how the secrets of a store are kept.
///
/// # Safety
///
/// As the contract of `capi`.
pub(super) unsafe fn options(given: &renkei_store_options, options: &mut StoreOptions) -> Result<()> {
    match (given.secret_key.is_null(), given.secret_key_from, given.secret_vault) {
        (true, None, None) => {}
        (false, None, None) => {
            // SAFETY: as promised by the caller.
            options.secret_key(unsafe { key(given.secret_key, given.secret_key_len, "secret_key")? });
        }
        (true, Some(ask), None) => {
            let user_data = UserData(given.secret_key_user_data);
            options.secret_key_from(move || {
                let mut key = [0; RENKEI_SECRET_KEY_BYTES];
                // SAFETY: the caller of the ABI gave both together.
                match unsafe { ask({ user_data }.0, key.as_mut_ptr()) } {
                    0 => Ok(key),
                    other => Err(format!("secret_key_from: {other}")),
                }
            });
        }
        (true, None, Some(vault)) => {
            options.secret_vault(Arc::new(VaultOfCaller(vault, UserData(given.secret_vault_user_data))));
        }
        _ => {
            let rule = words!(
                "`secret_key`、`secret_key_from`、`secret_vault`のうち指定できるのは1つだけです",
                "only one of secret_key, secret_key_from and secret_vault may be given"
            );
            return Err(Error::new(Code::Argument).with_rule(rule));
        }
    }
    Ok(())
}

/// Keeps a secret, or another value for it, sealed by the key of the store: see the options secret_key and secret_key_from.
/// Whatever names it uses the new value at its next attempt. For the host and administrators, as all functions about secrets.
///
/// Rust: `Store::put_secret`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_secret_put(
    store: *const renkei_store,
    name: *const c_char,
    name_len: usize,
    secret: *const c_char,
    secret_len: usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::done(store, out_error, |store| {
            let name = text(name, name_len, "name")?;
            store.put_secret(name, text(secret, secret_len, "secret")?)
        })
    }
}

/// Forgets a secret. What names it can be sent no more until there is another.
///
/// Rust: `Store::remove_secret`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_secret_remove(
    store: *const renkei_store,
    name: *const c_char,
    name_len: usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe { ask::done(store, out_error, |store| store.remove_secret(text(name, name_len, "name")?)) }
}

/// The names of the secrets that are kept in the file, as a JSON array. Their values cannot be read back. The caller frees the
/// JSON by renkei_free.
///
/// Rust: `Store::secret_names`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_secret_names(
    store: *const renkei_store,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe { ask::json(store, out_json, out_json_len, out_error, |store| store.secret_names()) }
}

/// Seals every secret by another key of RENKEI_SECRET_KEY_BYTES bytes, in one transaction. The store must be opened with that
/// one from then on.
///
/// Rust: `Store::reseal_secrets`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_secret_reseal(
    store: *const renkei_store,
    new_key: *const u8,
    new_key_len: usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe { ask::done(store, out_error, |store| store.reseal_secrets(key(new_key, new_key_len, "new_key")?)) }
}

/// A new secret for signing by Standard Webhooks, "whsec_...", from the random source of the store. It is not kept: give it to
/// renkei_secret_put and to the receiver. The caller frees the text by renkei_free.
///
/// Rust: `Store::new_signing_secret`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_secret_new_signing(
    store: *const renkei_store,
    out_secret: *mut *mut c_char,
    out_secret_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = out_bytes(out_secret, out_secret_len, "out_secret")?;
            out.give(handle::get::<Store>(store)?.new_signing_secret());
            Ok(())
        })
    }
}
