//! Tokens: the credential of the Web API, shown once and kept as a hash.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::calls::{CallWindow, State};
use super::door::Roster;
use super::journal::{self, Line};
use super::user::{bounds_fault, ranges_from_json, ranges_to_json};
use super::{AddressRange, audit};
use crate::error::{Code, Error, Result};
use crate::store::{Derived, Store, Timestamp, Visit, next_id};

/// The time of last use is told to the store once in this time, in milliseconds.
const USED: u64 = 60_000;

/// A token to be issued.
///
/// ```
/// use std::time::Duration;
/// use renkei::NewToken;
///
/// let token = NewToken::of("shop@example.com")
///     .name("EC site")
///     .expires_in(Duration::from_secs(365 * 24 * 60 * 60))
///     .address("203.0.113.0/24".parse()?);
/// # Ok::<(), renkei::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct NewToken {
    pub(super) user: String,
    pub(super) name: String,
    pub(super) expires: Expiry,
    pub(super) addresses: Vec<AddressRange>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Expiry {
    Never,
    In(Duration),
    At(Timestamp),
}

impl NewToken {
    /// A token for a user, by his code. It does not expire and may be used from anywhere, unless that is asked for.
    pub fn of(user: impl Into<String>) -> NewToken {
        NewToken { user: user.into(), name: String::new(), expires: Expiry::Never, addresses: Vec::new() }
    }

    /// What it is for, as people call it.
    pub fn name(mut self, name: impl Into<String>) -> NewToken {
        self.name = name.into();
        self
    }

    /// It expires after this time.
    pub fn expires_in(mut self, time: Duration) -> NewToken {
        self.expires = Expiry::In(time);
        self
    }

    /// It expires at this moment.
    pub fn expires_at(mut self, moment: Timestamp) -> NewToken {
        self.expires = Expiry::At(moment);
        self
    }

    /// It may be used from these addresses, and from others that are added; without any, from anywhere.
    pub fn address(mut self, range: AddressRange) -> NewToken {
        self.addresses.push(range);
        self
    }
}

/// A token that was just issued: the only time at which its secret can be seen.
#[derive(Clone)]
pub struct IssuedToken {
    id: i64,
    secret: String,
}

impl IssuedToken {
    /// The id by which it is revoked.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// What the caller sends (`X-HD-apitoken`): 64 digits and letters. It is kept nowhere.
    pub fn secret(&self) -> &str {
        &self.secret
    }
}

impl std::fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedToken").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What is known of a token. The secret is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Token {
    /// The id by which it is revoked.
    pub id: i64,
    /// The code of its user.
    pub user: String,
    /// What it is for.
    pub name: String,
    /// When it was issued, in milliseconds since 1970.
    pub created_at: i64,
    /// When it expires.
    pub expires_at: Option<i64>,
    /// When it was revoked.
    pub revoked_at: Option<i64>,
    /// From where it may be used; empty for anywhere.
    pub addresses: Vec<AddressRange>,
    /// When it was used last, to about a minute.
    pub last_used_at: Option<i64>,
    /// From where it was used last.
    pub last_address: Option<IpAddr>,
}

/// SHA-256 of a secret. A fast hash is right here: a secret is 256 random bits, and nobody guesses them.
fn hash_of(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// By which a token is found. How long that takes may tell something of the hash of what was sent, and nothing of the
/// secrets.
pub(super) fn finder(hash: &[u8; 32]) -> i64 {
    hash.iter().take(8).fold(0, |all, byte| all << 8 | i64::from(*byte))
}

/// A token as it is kept.
struct Kept {
    id: i64,
    user: i64,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
    addresses: String,
    last_used_at: Option<i64>,
    /// The version of the definitions at that moment.
    definitions: i64,
}

/// The token with this secret. Whether there is one is decided by a comparison that takes the same time for every hash.
fn find(connection: &Connection, secret: &str) -> Result<Option<Kept>> {
    let hash = hash_of(secret);
    let sql = "SELECT hash, id, user_id, expires_at, revoked_at, addresses, last_used_at,
        (SELECT value FROM renkei_meta WHERE name = 'definitions') FROM renkei_token WHERE finder = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([finder(&hash)])?;
    let mut found = None;
    while let Some(row) = rows.next()? {
        if bool::from(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?.ct_eq(&hash)) {
            found = Some(Kept {
                id: row.get(1)?,
                user: row.get(2)?,
                expires_at: row.get(3)?,
                revoked_at: row.get(4)?,
                addresses: row.get(5)?,
                last_used_at: row.get(6)?,
                definitions: row.get(7)?,
            });
        }
    }
    Ok(found)
}

/// Refuses an address that is on none of the lists that there are.
fn demand_address(address: Option<IpAddr>, lists: [(&str, &[AddressRange]); 3]) -> Result<()> {
    for (whose, ranges) in lists {
        let is_allowed = |address: IpAddr| ranges.iter().any(|range| range.contains(address));
        if !ranges.is_empty() && !address.is_some_and(is_allowed) {
            let shown = address.map_or_else(|| "unknown".to_owned(), |address| address.to_string());
            return Err(Error::new(Code::AddressDenied).with_value(shown).with_rule(whose));
        }
    }
    Ok(())
}

impl Store {
    /// A handle that acts on behalf of the user whose token `secret` is, if it may be used from `address`, which is that of
    /// the caller (see [`Store::client_address`]); `None` when it is not known.
    ///
    /// The address must be in each of the allow-lists that are not empty: those of the settings of access, of the user, and
    /// of the token.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = renkei::Store::create(dir.path().join("s.db"))?;
    /// use renkei::{Blueprint, Code, NewToken, Right, User};
    ///
    /// store.apply(&Blueprint::new().user(User::new("shop", "EC連携").allow_everywhere([Right::View, Right::Register])))?;
    /// let issued = store.issue_token(&NewToken::of("shop"))?;
    /// let caller = store.authenticate(issued.secret(), "192.0.2.7".parse().ok())?;
    /// assert_eq!(caller.acting_user()?.unwrap().code, "shop");
    /// store.revoke_token(issued.id())?;
    /// assert_eq!(store.authenticate(issued.secret(), None).unwrap_err().code(), Code::TokenRevoked);
    /// # Ok::<(), renkei::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Code::TokenUnknown`], [`Code::TokenRevoked`], [`Code::TokenExpired`], [`Code::UserInactive`],
    /// [`Code::AddressDenied`], looked for in this order. Callers should not be told more than that they are refused.
    pub fn authenticate(&self, secret: &str, address: Option<IpAddr>) -> Result<Store> {
        self.admit(secret, address).map(|(caller, _)| caller)
    }

    /// As [`Store::authenticate`], with the window in which the calls of this user are counted, if they are. It all comes by
    /// one statement, as long as the definitions stay as they are.
    pub(crate) fn admit(&self, secret: &str, address: Option<IpAddr>) -> Result<(Store, Option<CallWindow>)> {
        let address = address.map(|address| address.to_canonical());
        let token = find(&*self.glance()?, secret.trim())?.ok_or_else(|| Error::new(Code::TokenUnknown))?;
        let now = self.now();
        let ended = |code: Code, at: i64| Err(Error::new(code).with_value(token.id).with_rule(Timestamp(at)));
        if let Some(at) = token.revoked_at {
            return ended(Code::TokenRevoked, at);
        }
        if let Some(at) = token.expires_at.filter(|at| *at <= now.0) {
            return ended(Code::TokenExpired, at);
        }
        let roster = match self.derived(Derived::Access, token.definitions) {
            Some(kept) => kept,
            None => Roster::of(self, &*self.reading()?)?,
        };
        let member = roster.active(token.user)?;
        let own = ranges_from_json(&token.addresses)?;
        let lists = [
            ("the settings of access", &roster.settings.addresses[..]),
            ("the user", &member.user.addresses[..]),
            ("the token", &own[..]),
        ];
        demand_address(address, lists)?;
        let visit = Some(Arc::new(Visit { token: token.id, address }));
        let caller = Store { actor: Some(token.user), visit, ..self.clone() };
        if token.last_used_at.is_none_or(|at| now.0.abs_diff(at) >= USED) {
            caller.tell_use(token.id, now);
        }
        Ok((caller, CallWindow::of(&roster, Some(member))))
    }

    /// Notes that a token is used, unless this process has just done so.
    fn tell_use(&self, token: i64, now: Timestamp) {
        let used = &self.access_state::<State>().used;
        {
            let mut used = used.lock().unwrap_or_else(PoisonError::into_inner);
            if used.get(&token).is_some_and(|before| now.0.abs_diff(before.0) < USED) {
                return;
            }
            used.insert(token, now);
        }
        // Not worth refusing the call for.
        if let Err(error) = journal::append(self, &Line::of(self)) {
            log::warn!("the use of token {token} was not noted: {error}");
        }
    }

    /// Issues a token. For the host and administrators.
    ///
    /// Its secret is 256 random bits, shown this once; the store keeps a hash of it.
    ///
    /// # Errors
    ///
    /// [`Code::AdministratorOnly`]; [`Code::DefinitionNotFound`] when there is no such user; [`Code::Argument`] when it
    /// would have expired already, or has more than 1,000 ranges of addresses.
    pub fn issue_token(&self, token: &NewToken) -> Result<IssuedToken> {
        let now = self.now();
        let refusal = |rule: String| Err(Error::new(Code::Argument).with_rule(rule));
        let expires_at = match token.expires {
            Expiry::Never => None,
            Expiry::In(time) => Some(now.after(time)),
            Expiry::At(moment) => Some(moment),
        };
        if let Some(at) = expires_at.filter(|at| *at <= now) {
            return refusal(format!("the token would have expired already ({at})"));
        }
        if let Some(rule) = bounds_fault(&token.addresses, None) {
            return refusal(rule);
        }
        let mut bytes = [0; 32];
        self.random(&mut bytes);
        let secret: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let hash = hash_of(&secret);
        let id = self.write(|writing| {
            super::demand_administrator(self, writing, "issue_token")?;
            let user = Roster::of(self, writing)?.by_code(&token.user)?.id;
            let id = next_id(writing)?;
            let sql = "INSERT INTO renkei_token (id, user_id, name, hash, finder, addresses, created_at, created_by,
                expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
            writing.prepare_cached(sql)?.execute(rusqlite::params![
                id,
                user,
                token.name,
                &hash[..],
                finder(&hash),
                ranges_to_json(&token.addresses)?,
                now.0,
                self.actor,
                expires_at.map(|at| at.0),
            ])?;
            audit::note(self, writing, "token.issue", None, format!("{id} ({})", token.user))?;
            Ok(id)
        })?;
        Ok(IssuedToken { id, secret })
    }

    /// Every token, also those that have ended and are not swept yet, by id. For the host and administrators.
    ///
    /// # Errors
    ///
    /// [`Code::AdministratorOnly`].
    pub fn tokens(&self) -> Result<Vec<Token>> {
        super::demand_administrator(self, &*self.reading()?, "tokens")?;
        journal::try_take(self);
        let reading = self.reading()?;
        let sql = "SELECT t.id, u.code, t.name, t.created_at, t.expires_at, t.revoked_at, t.addresses, t.last_used_at,
            t.last_address FROM renkei_token t JOIN renkei_user u ON u.id = t.user_id ORDER BY t.id";
        let mut statement = reading.prepare_cached(sql)?;
        let mut rows = statement.query([])?;
        let mut tokens = Vec::new();
        while let Some(row) = rows.next()? {
            tokens.push(Token {
                id: row.get(0)?,
                user: row.get(1)?,
                name: row.get(2)?,
                created_at: row.get(3)?,
                expires_at: row.get(4)?,
                revoked_at: row.get(5)?,
                addresses: ranges_from_json(row.get_ref(6)?.as_str().map_err(rusqlite::Error::from)?)?,
                last_used_at: row.get(7)?,
                last_address: row.get::<_, Option<String>>(8)?.and_then(|text| text.parse().ok()),
            });
        }
        Ok(tokens)
    }

    /// Ends a token: from the return of this call on it opens nothing, in no process. For the host and administrators.
    ///
    /// # Errors
    ///
    /// [`Code::AdministratorOnly`], [`Code::TokenNotFound`]. Revoking twice is no error.
    pub fn revoke_token(&self, id: i64) -> Result<()> {
        self.write(|writing| {
            super::demand_administrator(self, writing, "revoke_token")?;
            let sql = "SELECT revoked_at FROM renkei_token WHERE id = ?1";
            let before: Option<Option<i64>> =
                writing.prepare_cached(sql)?.query_row([id], |row| row.get(0)).optional()?;
            match before {
                None => Err(Error::new(Code::TokenNotFound).with_value(id)),
                Some(Some(_)) => Ok(()),
                Some(None) => {
                    let sql = "UPDATE renkei_token SET revoked_at = ?2 WHERE id = ?1";
                    writing.prepare_cached(sql)?.execute((id, self.now().0))?;
                    audit::note(self, writing, "token.revoke", None, id.to_string())
                }
            }
        })
    }
}
