//! The audit log: who did what, when, from where, and what came of it.

use std::net::IpAddr;
use std::sync::PoisonError;
use std::time::Duration;

use rusqlite::Connection;
use serde::Serialize;

use super::calls::State;
use super::door::Roster;
use super::journal::{self, Line};
use super::settings;
use crate::error::{Code, Error, Result, shorten};
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

/// Lines that anybody can cause, as many as he likes.
#[derive(Debug, Default)]
pub(super) struct Flood {
    minute: i64,
    noted: u64,
    dropped: u64,
}

/// So many of them are noted within a minute by one process; further ones are counted.
const FLOOD: u64 = 600;

impl Flood {
    /// Whether one more is noted, and how many before it were not.
    fn note(&mut self, now: Timestamp) -> (bool, u64) {
        let minute = now.0.div_euclid(60_000);
        let mut dropped = 0;
        if minute != self.minute {
            dropped = std::mem::take(&mut self.dropped);
            (self.minute, self.noted) = (minute, 0);
        }
        self.noted += 1;
        if self.noted > FLOOD {
            self.dropped += 1;
        }
        (self.noted <= FLOOD, dropped)
    }
}

/// Keeps a line. One without an action only tells that a token was used.
pub(super) fn insert(connection: &Connection, line: &Line) -> Result<()> {
    let address = line.address.map(|address| address.to_string());
    if let Some(token) = line.token {
        let sql = "UPDATE renkei_token SET last_used_at = ?2, last_address = ?3
            WHERE id = ?1 AND ifnull(last_used_at, 0) < ?2";
        connection.prepare_cached(sql)?.execute((token, line.at, &address))?;
    }
    let Some(action) = &line.action else { return Ok(()) };
    let sql = "INSERT INTO renkei_audit (at, user_id, token_id, address, action, database_id, subject, result)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let values = (line.at, line.user, line.token, &address, action, line.database, &line.subject, &line.result);
    connection.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

/// Keeps a line about what was done in the open transaction: it is there when that is.
pub(crate) fn note(
    store: &Store,
    connection: &Connection,
    action: &str,
    database: Option<i64>,
    subject: impl Into<String>,
) -> Result<()> {
    let subject = bounded(&subject.into(), SUBJECT);
    let line = Line { action: Some(action.to_owned()), database, subject, result: "ok".to_owned(), ..Line::of(store) };
    insert(connection, &line)
}

/// The longest action and result, and the longest subject, in characters.
const WORD: usize = 100;
const SUBJECT: usize = 1_000;

fn bounded(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// Takes what was noted into the store, and deletes what has been kept long enough, with tokens that ended as long ago.
pub(crate) fn sweep(store: &Store) -> Result<()> {
    journal::take(store)?;
    let settings = settings::load(&*store.reading()?)?.unwrap_or_default();
    let before = store.now().before(Duration::from_secs(u64::from(settings.audit_days) * 24 * 60 * 60)).0;
    // In portions, between which others get their turn.
    let sql =
        "DELETE FROM renkei_audit WHERE id IN (SELECT id FROM renkei_audit WHERE at < ?1 ORDER BY at LIMIT 10000)";
    let is_due = "SELECT 1 FROM renkei_audit WHERE at < ?1";
    while store.reading()?.prepare_cached(is_due)?.exists([before])? {
        store.write(|writing| Ok(writing.prepare_cached(sql)?.execute([before])?))?;
    }
    let ended = "renkei_token WHERE min(ifnull(expires_at, 9e18), ifnull(revoked_at, 9e18)) < ?1";
    if store.reading()?.prepare_cached(&format!("SELECT 1 FROM {ended}"))?.exists([before])? {
        store.write(|writing| Ok(writing.prepare_cached(&format!("DELETE FROM {ended}"))?.execute([before])?))?;
    }
    Ok(())
}

impl Store {
    /// Remembers a call in the audit log, under the user, the token and the address of this handle.
    ///
    /// The library itself notes what is done to definitions (`definitions.apply`, `definitions.remove`) and tokens
    /// (`token.issue`, `token.revoke`), in the transaction that does it. Calls of the Web API are noted by whoever answers
    /// them, with this. Records that the host writes itself are not noted: each tells who created and who updated it last.
    ///
    /// The line is appended to a file beside the store (`-audit`), which waits for no writer; from there it is taken into the
    /// store when the log is read, and by [`Worker`](crate::Worker)s. It outlives the process; after a failure of power
    /// or of the operating system the last seconds may be missing.
    ///
    /// Of lines without a user and of calls refused because they were too many, which anybody can cause without end, each
    /// process notes 600 a minute and counts the rest in one line `audit.dropped`.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn note_audit(&self, entry: &AuditEntry) -> Result<()> {
        let line = Line {
            action: Some(bounded(&entry.action, WORD)),
            database: entry.database,
            subject: bounded(&entry.subject, SUBJECT),
            result: bounded(&entry.result, WORD),
            ..Line::of(self)
        };
        let line = Line { address: line.address.or(entry.address), ..line };
        if line.user.is_none() || line.result == Code::CallsExceeded.as_str() {
            let flood = &self.access_state::<State>().flood;
            let (noted, dropped) = flood.lock().unwrap_or_else(PoisonError::into_inner).note(self.now());
            if dropped > 0 {
                let action = Some("audit.dropped".to_owned());
                let summary = Line { user: None, token: None, address: None, database: None, ..line.clone() };
                journal::append(
                    self,
                    &Line { action, subject: dropped.to_string(), result: String::new(), ..summary },
                )?;
            }
            if !noted {
                return Ok(());
            }
        }
        journal::append(self, &line)
    }

    /// Reads the audit log. For the host and administrators.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = renkei::Store::create(dir.path().join("s.db"))?;
    /// use renkei::{AuditEntry, AuditQuery};
    ///
    /// store.note_audit(&AuditEntry::new("apirecord/view").subject("000000007").result("ok"))?;
    /// let page = store.audit(&AuditQuery::new().action("apirecord/view"))?;
    /// assert_eq!(page.lines[0].subject, "000000007");
    /// # Ok::<(), renkei::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Code::AdministratorOnly`]; [`Code::DefinitionNotFound`] for a user that there is not; [`Code::Argument`] when
    /// [`AuditQuery::after`] was given what no page told.
    pub fn audit(&self, query: &AuditQuery) -> Result<AuditPage> {
        super::demand_administrator(self, &*self.reading()?, "audit")?;
        // On a full disk the log is still read, without the last lines.
        journal::try_take(self);
        let reading = self.reading()?;
        let user = match &query.user {
            Some(code) => Some(Roster::of(self, &reading)?.by_code(code)?.id),
            None => None,
        };
        let (until, before) = match &query.after {
            Some(text) => place(text)?,
            None => (i64::MAX, i64::MAX),
        };
        let until = until.min(query.until.map_or(i64::MAX, |moment| moment.0.saturating_sub(1)));
        let limit = query.limit.unwrap_or(100).min(self.limits().page_records);
        let sql = "SELECT a.id, a.at, u.code, a.token_id, a.address, a.action, a.database_id, a.subject, a.result
            FROM renkei_audit a LEFT JOIN renkei_user u ON u.id = a.user_id
            WHERE a.at >= ?1 AND a.at <= ?2 AND (a.at < ?2 OR a.id < ?3) AND (?4 IS NULL OR a.user_id = ?4)
              AND (?5 IS NULL OR a.token_id = ?5) AND (?6 IS NULL OR a.action = ?6)
              AND (?7 IS NULL OR a.database_id = ?7)
            ORDER BY a.at DESC, a.id DESC LIMIT ?8";
        let since = query.since.map_or(i64::MIN, |moment| moment.0);
        let mut statement = reading.prepare_cached(sql)?;
        let mut rows = statement.query(rusqlite::params![
            since,
            until,
            before,
            user,
            query.token,
            query.action,
            query.database,
            i64::try_from(limit).unwrap_or(i64::MAX),
        ])?;
        let mut lines = Vec::new();
        while let Some(row) = rows.next()? {
            lines.push(AuditLine {
                id: row.get(0)?,
                at: row.get(1)?,
                user: row.get(2)?,
                token: row.get(3)?,
                address: row.get::<_, Option<String>>(4)?.and_then(|text| text.parse().ok()),
                action: row.get(5)?,
                database: row.get(6)?,
                subject: row.get(7)?,
                result: row.get(8)?,
            });
        }
        let is_full = lines.len() as u64 == limit;
        let next = lines.last().filter(|_| is_full).map(|line| format!("{}-{}", line.at, line.id));
        Ok(AuditPage { lines, next })
    }
}

/// Where a page ended.
fn place(text: &str) -> Result<(i64, i64)> {
    let found = text.rsplit_once('-').and_then(|(at, id)| Some((at.parse().ok()?, id.parse().ok()?)));
    found.ok_or_else(|| {
        let rule = format!("\"{}\" is no place in the audit log", shorten(text));
        Error::new(Code::Argument).with_rule(rule)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floods_are_counted_and_told_later() {
        let mut flood = Flood::default();
        let noted = (0..1_000).filter(|_| flood.note(Timestamp(120_000)).0).count();
        assert_eq!(noted, 600);
        assert_eq!(flood.note(Timestamp(180_000)), (true, 400));
        assert_eq!(flood.note(Timestamp(180_001)), (true, 0));
    }
}
