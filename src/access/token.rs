//! Tokens: the credential of the Web API, shown once and kept as a hash.

use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;

use super::AddressRange;
use crate::error::Result;
use crate::store::{Store, Timestamp};

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
    /// When it was used last, to the minute.
    pub last_used_at: Option<i64>,
    /// From where it was used last.
    pub last_address: Option<IpAddr>,
}

impl Store {
    /// A handle that acts on behalf of the user whose token `secret` is, if it may be used from `address`, which is that of
    /// the caller (see [`client_address`](crate::client_address)); `None` when it is not known.
    ///
    /// # Errors
    ///
    /// [`Code::TokenUnknown`](crate::Code::TokenUnknown), [`TokenRevoked`](crate::Code::TokenRevoked),
    /// [`TokenExpired`](crate::Code::TokenExpired), [`UserInactive`](crate::Code::UserInactive),
    /// [`AddressDenied`](crate::Code::AddressDenied), looked for in this order. Callers should not be told more than that they
    /// are refused.
    pub fn authenticate(&self, secret: &str, address: Option<IpAddr>) -> Result<Store> {
        let _ = (secret, address);
        unimplemented!()
    }

    /// Issues a token. For the host and administrators.
    ///
    /// # Errors
    ///
    /// [`Code::DefinitionNotFound`](crate::Code::DefinitionNotFound) when there is no such user.
    pub fn issue_token(&self, token: &NewToken) -> Result<IssuedToken> {
        let _ = (token, IssuedToken { id: 0, secret: String::new() });
        unimplemented!()
    }

    /// Every token, also those that have ended, by id. For the host and administrators.
    pub fn tokens(&self) -> Result<Vec<Token>> {
        unimplemented!()
    }

    /// Ends a token. For the host and administrators.
    ///
    /// # Errors
    ///
    /// [`Code::TokenNotFound`](crate::Code::TokenNotFound). Revoking twice is no error.
    pub fn revoke_token(&self, id: i64) -> Result<()> {
        let _ = id;
        unimplemented!()
    }
}
