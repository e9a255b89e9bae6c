//! The audit log: who did what, when, from where, and what came of it.

use std::net::IpAddr;

use serde::Serialize;

use crate::error::Result;
use crate::store::{Store, Timestamp};

/// What is to be remembered of one call.
///
/// ```
/// use renkei::AuditEntry;
///
/// let entry = AuditEntry::new("apirecord/update").database(100_001).subject("000000007").result("200");
/// ```
#[derive(Debug, Clone)]
pub struct AuditEntry {
    pub(super) action: String,
    pub(super) database: Option<i64>,
    pub(super) subject: String,
    pub(super) result: String,
    pub(super) address: Option<IpAddr>,
}

impl AuditEntry {
    /// An entry about a function, such as `apirecord/update`.
    pub fn new(action: impl Into<String>) -> AuditEntry {
        AuditEntry {
            action: action.into(),
            database: None,
            subject: String::new(),
            result: String::new(),
            address: None,
        }
    }

    /// The id of the database.
    pub fn database(mut self, id: i64) -> AuditEntry {
        self.database = Some(id);
        self
    }

    /// What it was done to: a key, a process id, a file id.
    pub fn subject(mut self, subject: impl Into<String>) -> AuditEntry {
        self.subject = subject.into();
        self
    }

    /// What came of it: `ok`, or the code of a refusal.
    pub fn result(mut self, code: impl Into<String>) -> AuditEntry {
        self.result = code.into();
        self
    }

    /// The address of the caller, where the handle does not know it from [`Store::authenticate`].
    pub fn address(mut self, address: IpAddr) -> AuditEntry {
        self.address = Some(address);
        self
    }
}

/// One line of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AuditLine {
    /// Its number.
    pub id: i64,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// The code of the user; `None` for the host itself, and for callers that are not known.
    pub user: Option<String>,
    /// The id of the token.
    pub token: Option<i64>,
    /// The address of the caller.
    pub address: Option<IpAddr>,
    /// What was done.
    pub action: String,
    /// The id of the database.
    pub database: Option<i64>,
    /// What it was done to.
    pub subject: String,
    /// What came of it.
    pub result: String,
}

/// Which lines of the audit log are read: the latest first.
#[derive(Debug, Clone, Default)]
pub struct AuditQuery {
    pub(super) user: Option<String>,
    pub(super) token: Option<i64>,
    pub(super) action: Option<String>,
    pub(super) database: Option<i64>,
    pub(super) since: Option<Timestamp>,
    pub(super) until: Option<Timestamp>,
    pub(super) limit: Option<u64>,
    pub(super) after: Option<String>,
}

impl AuditQuery {
    /// Every line.
    pub fn new() -> AuditQuery {
        AuditQuery::default()
    }

    /// Those of a user, by his code.
    pub fn user(mut self, code: impl Into<String>) -> AuditQuery {
        self.user = Some(code.into());
        self
    }

    /// Those of a token.
    pub fn token(mut self, id: i64) -> AuditQuery {
        self.token = Some(id);
        self
    }

    /// Those of a function.
    pub fn action(mut self, action: impl Into<String>) -> AuditQuery {
        self.action = Some(action.into());
        self
    }

    /// Those about a database.
    pub fn database(mut self, id: i64) -> AuditQuery {
        self.database = Some(id);
        self
    }

    /// Those from this moment on.
    pub fn since(mut self, moment: Timestamp) -> AuditQuery {
        self.since = Some(moment);
        self
    }

    /// Those before this moment.
    pub fn until(mut self, moment: Timestamp) -> AuditQuery {
        self.until = Some(moment);
        self
    }

    /// At most so many. Default: 100.
    pub fn limit(mut self, lines: u64) -> AuditQuery {
        self.limit = Some(lines);
        self
    }

    /// Those after a page; see [`AuditPage::next`].
    pub fn after(mut self, next: impl Into<String>) -> AuditQuery {
        self.after = Some(next.into());
        self
    }
}

/// Some lines of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AuditPage {
    /// The lines, the latest first.
    pub lines: Vec<AuditLine>,
    /// Where the next page begins, if there may be more.
    pub next: Option<String>,
}

impl Store {
    /// Remembers a call in the audit log, under the user, the token and the address of this handle.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn note_audit(&self, entry: &AuditEntry) -> Result<()> {
        let _ = (&entry.action, &entry.database, &entry.subject, &entry.result, &entry.address);
        unimplemented!()
    }

    /// Reads the audit log. For the host and administrators.
    ///
    /// # Errors
    ///
    /// [`Code::Argument`](crate::Code::Argument) when [`AuditQuery::after`] was given what no page told.
    pub fn audit(&self, query: &AuditQuery) -> Result<AuditPage> {
        let _ = (
            &query.user,
            query.token,
            &query.action,
            query.database,
            query.since,
            query.until,
            query.limit,
            &query.after,
        );
        unimplemented!()
    }
}
