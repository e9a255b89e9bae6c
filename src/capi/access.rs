//! Access: rights, tokens, calls, the audit log

use std::ffi::c_char;
use std::net::IpAddr;
use std::time::Duration;

use serde::Deserialize;

use super::argument::{Grows, Out, call, json, optional_json, optional_text, options, out_bytes, text};
use super::ask;
use super::error::renkei_error;
use super::handle;
use super::status::renkei_status;
use super::store::{no_such, renkei_store};
use crate::access::{AddressRange, AuditEntry, AuditQuery, NewToken, Right};
use crate::error::{Code, Error, Result};
use crate::store::{Store, Timestamp};

/// To see records.
pub const RENKEI_RIGHT_VIEW: u32 = 1;
/// To register records.
pub const RENKEI_RIGHT_REGISTER: u32 = 2;
/// To update records.
pub const RENKEI_RIGHT_UPDATE: u32 = 3;
/// To delete records.
pub const RENKEI_RIGHT_DELETE: u32 = 4;
/// To import.
pub const RENKEI_RIGHT_IMPORT: u32 = 5;
/// To export.
pub const RENKEI_RIGHT_EXPORT: u32 = 6;
/// To change definitions.
pub const RENKEI_RIGHT_MANAGE: u32 = 7;

fn right_of(right: u32) -> Result<Right> {
    match right {
        RENKEI_RIGHT_VIEW => Ok(Right::View),
        RENKEI_RIGHT_REGISTER => Ok(Right::Register),
        RENKEI_RIGHT_UPDATE => Ok(Right::Update),
        RENKEI_RIGHT_DELETE => Ok(Right::Delete),
        RENKEI_RIGHT_IMPORT => Ok(Right::Import),
        RENKEI_RIGHT_EXPORT => Ok(Right::Export),
        RENKEI_RIGHT_MANAGE => Ok(Right::Manage),
        other => Err(no_such("right", other)),
    }
}

/// An address of IPv4 or IPv6 that the caller gives as a text.
pub(super) fn address_of(address: &str, name: &str) -> Result<IpAddr> {
    address.parse().map_err(|error| {
        let fault = format!("{name} \"{address}\" is no address of IPv4 or IPv6, such as 192.0.2.7 or 2001:db8::7");
        Error::new(Code::Argument).with_rule(fault).with_source(error)
    })
}

/// On whose behalf the handle acts: a user as a JSON object, with his rights, or NULL for the host itself. The caller frees
/// the JSON by renkei_free. Users are defined by a blueprint, and all of them listed by renkei_user_all.
///
/// Rust: `Store::acting_user`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_access_acting_user(
    store: *const renkei_store,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = out_bytes(out_json, out_json_len, "out_json")?;
            match handle::get::<Store>(store)?.acting_user()? {
                Some(user) => out.give_json(&user),
                None => Ok(()),
            }
        })
    }
}

/// Whether whoever the handle acts for has a right (RENKEI_RIGHT_VIEW to RENKEI_RIGHT_MANAGE) in a database, by its code or
/// id. Every call is judged all the same; this is to know beforehand.
///
/// Rust: `Store::may`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_access_may(
    store: *const renkei_store,
    database: *const c_char,
    database_len: usize,
    right: u32,
    out_may: *mut i32,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::value(store, (out_may, "out_may"), out_error, |store| {
            let database = text(database, database_len, "database")?;
            Ok(store.may(database, right_of(right)?)?.into())
        })
    }
}

/// The settings of access as a JSON object: calls_per_minute, addresses, trusted_proxies, audit_days. They are set by a
/// blueprint, under "access". The caller frees the JSON by renkei_free.
///
/// RENKEI_DENIED for all but the host and administrators, as for tokens and for reading the audit log.
///
/// Rust: `Store::access`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_access_settings(
    store: *const renkei_store,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe { ask::json(store, out_json, out_json_len, out_error, |store| store.access()) }
}

/// The address of a caller: that of the peer of the connection, or what a trusted proxy says in X-Forwarded-For. forwarded_for
/// is the value of that header (of several, joined by commas), or NULL where there is none. out_address is NULL when the proxy
/// tells nothing that can be believed. The caller frees the text by renkei_free.
///
/// Rust: `Store::client_address`, `client_address`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_access_client_address(
    store: *const renkei_store,
    peer: *const c_char,
    peer_len: usize,
    forwarded_for: *const c_char,
    forwarded_for_len: usize,
    out_address: *mut *mut c_char,
    out_address_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = out_bytes(out_address, out_address_len, "out_address")?;
            let store = handle::get::<Store>(store)?;
            let peer = address_of(text(peer, peer_len, "peer")?, "peer")?;
            let forwarded = optional_text(forwarded_for, forwarded_for_len, "forwarded_for")?;
            let found = match forwarded {
                Some(forwarded) => store.client_address(peer, forwarded)?,
                None => Some(peer.to_canonical()),
            };
            if let Some(address) = found {
                out.give(address.to_string());
            }
            Ok(())
        })
    }
}

/// Counts one call against the calls per minute of whoever the handle acts for. RENKEI_LIMIT when there were too many:
/// renkei_error_retry_after tells how long to wait. The Web API (renkei_webapi_handle) counts by itself.
///
/// Rust: `Store::count_call`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_access_count_call(
    store: *const renkei_store,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe { ask::done(store, out_error, |store| store.count_call()) }
}

/// What a token may be bound to. Make one by renkei_token_options_init; a member that is 0 or NULL stands for its default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct renkei_token_options {
    /// The size of this struct.
    pub size: usize,
    /// What it is for, as people call it.
    pub name: *const c_char,
    /// Its length, or RENKEI_NTS.
    pub name_len: usize,
    /// From where it may be used, as a JSON array of ranges such as ["192.0.2.0/24", "2001:db8::7"]. Default: anywhere.
    pub addresses: *const c_char,
    /// Its length, or RENKEI_NTS.
    pub addresses_len: usize,
    /// It expires after so many milliseconds. Default: never.
    pub expires_in_ms: u64,
    /// It expires at this moment, in milliseconds since 1970. Not together with `expires_in_ms`.
    pub expires_at: i64,
}

// SAFETY: a size, then integers and pointers without padding between; all zeros are a value.
unsafe impl Grows for renkei_token_options {
    const NAME: &'static str = "renkei_token_options";
    const FIRST: usize = size_of::<Self>();
}

/// Issues a token for a user, by his code. options may be NULL. out_id receives the id by which it is revoked; out_secret what
/// the caller sends in X-HD-apitoken: 64 characters that are shown this once and kept nowhere. The caller frees them by
/// renkei_free.
///
/// Rust: `Store::issue_token`, `NewToken::of`, `NewToken::name`, `NewToken::expires_in`, `NewToken::expires_at`,
/// `NewToken::address`, `IssuedToken::id`, `IssuedToken::secret`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_token_issue(
    store: *const renkei_store,
    user: *const c_char,
    user_len: usize,
    options: *const renkei_token_options,
    out_id: *mut i64,
    out_secret: *mut *mut c_char,
    out_secret_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let (id, secret) = (Out::new(out_id, "out_id"), out_bytes(out_secret, out_secret_len, "out_secret"));
            let (id, secret) = (id?, secret?);
            let store = handle::get::<Store>(store)?;
            let mut token = NewToken::of(text(user, user_len, "user")?);
            let given = self::options(options)?;
            if let Some(name) = optional_text(given.name, given.name_len, "name")? {
                token = token.name(name);
            }
            let ranges: Vec<AddressRange> = optional_json(given.addresses, given.addresses_len, "addresses")?;
            token = ranges.into_iter().fold(token, NewToken::address);
            token = match (given.expires_in_ms, given.expires_at) {
                (0, 0) => token,
                (time, 0) => token.expires_in(Duration::from_millis(time)),
                (0, moment) => token.expires_at(Timestamp(moment)),
                _ => {
                    let fault = "a token expires after some time or at some moment, not both";
                    return Err(Error::new(Code::Argument).with_rule(fault));
                }
            };
            let issued = store.issue_token(&token)?;
            id.set(issued.id());
            secret.give(issued.secret());
            Ok(())
        })
    }
}

/// Every token, also those that have ended, as a JSON array of objects with id, user, name, created_at, expires_at,
/// revoked_at, addresses, last_used_at and last_address; the secrets are not among it. The caller frees the JSON by
/// renkei_free.
///
/// Rust: `Store::tokens`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_token_all(
    store: *const renkei_store,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe { ask::json(store, out_json, out_json_len, out_error, |store| store.tokens()) }
}

/// Ends a token, in all processes at once. To end it twice is no error.
///
/// Rust: `Store::revoke_token`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_token_revoke(
    store: *const renkei_store,
    id: i64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe { ask::done(store, out_error, |store| store.revoke_token(id)) }
}

/// A view of the store that acts on behalf of the user whose token secret is, when it may be used from address, which is that
/// of the caller (see renkei_access_client_address), or NULL when it is not known. The caller closes it by renkei_store_close.
///
/// RENKEI_DENIED when it is not a token, was revoked, has expired, is of a user who is not active, or may not be used from
/// there. Do not tell callers which of these it was.
///
/// Rust: `Store::authenticate`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_token_authenticate(
    store: *const renkei_store,
    secret: *const c_char,
    secret_len: usize,
    address: *const c_char,
    address_len: usize,
    out_store: *mut *mut renkei_store,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::value(store, (out_store, "out_store"), out_error, |store| {
            let secret = text(secret, secret_len, "secret")?;
            let address = optional_text(address, address_len, "address")?;
            let address = address.map(|address| address_of(address, "address")).transpose()?;
            Ok(handle::give(store.authenticate(secret, address)?))
        })
    }
}

/// Which lines of the audit log are read, as JSON.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct AuditSelection {
    user: Option<String>,
    token: Option<i64>,
    action: Option<String>,
    database: Option<i64>,
    since: Option<i64>,
    until: Option<i64>,
    limit: Option<u64>,
    after: Option<String>,
}

impl AuditSelection {
    fn query(self) -> AuditQuery {
        /// Narrows a query by what was given.
        fn with<T>(
            query: AuditQuery,
            given: Option<T>,
            narrow: impl FnOnce(AuditQuery, T) -> AuditQuery,
        ) -> AuditQuery {
            match given {
                Some(value) => narrow(query, value),
                None => query,
            }
        }
        let query = with(AuditQuery::new(), self.user, AuditQuery::user);
        let query = with(query, self.token, AuditQuery::token);
        let query = with(query, self.action, AuditQuery::action);
        let query = with(query, self.database, AuditQuery::database);
        let query = with(query, self.since.map(Timestamp), AuditQuery::since);
        let query = with(query, self.until.map(Timestamp), AuditQuery::until);
        let query = with(query, self.limit, AuditQuery::limit);
        with(query, self.after, AuditQuery::after)
    }
}

/// A page of the audit log, the latest lines first. query is a JSON object with user, token, action, database (its id), since,
/// until (milliseconds since 1970), limit (100 unless given) and after, or NULL for the latest of all. The answer is a JSON
/// object: "lines", each with id, at, user, token, address, action, database, subject and result; and "next", which is put
/// into "after" for the next page, or null behind the last one. The caller frees the JSON by renkei_free.
///
/// Rust: `Store::audit`, `AuditQuery::new`, `AuditQuery::user`, `AuditQuery::token`, `AuditQuery::action`,
/// `AuditQuery::database`, `AuditQuery::since`, `AuditQuery::until`, `AuditQuery::limit`, `AuditQuery::after`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_audit_page(
    store: *const renkei_store,
    query: *const c_char,
    query_len: usize,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::json(store, out_json, out_json_len, out_error, |store| {
            let query: AuditSelection = optional_json(query, query_len, "query")?;
            store.audit(&query.query())
        })
    }
}

/// A line of the audit log to be, as JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AuditNote {
    action: String,
    #[serde(default)]
    database: Option<i64>,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    result: String,
    #[serde(default)]
    address: Option<IpAddr>,
}

impl AuditNote {
    fn entry(self) -> AuditEntry {
        let mut entry = AuditEntry::new(self.action).subject(self.subject).result(self.result);
        if let Some(database) = self.database {
            entry = entry.database(database);
        }
        if let Some(address) = self.address {
            entry = entry.address(address);
        }
        entry
    }
}

/// Notes in the audit log what whoever the handle acts for has done. entry is a JSON object with action (such as
/// "orders/print"), and database (its id), subject, result and address where they are known. The Web API notes by itself.
///
/// Rust: `Store::note_audit`, `AuditEntry::new`, `AuditEntry::database`, `AuditEntry::subject`, `AuditEntry::result`,
/// `AuditEntry::address`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_audit_note(
    store: *const renkei_store,
    entry: *const c_char,
    entry_len: usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::done(store, out_error, |store| {
            let note: AuditNote = json(entry, entry_len, "entry")?;
            store.note_audit(&note.entry())
        })
    }
}
