//! Taking: events in their order, forgotten when they are consumed.

use rusqlite::{Connection, OptionalExtension};

use super::{MOST_RUNS, WANTED, What};
use crate::error::{Code, Error, Result, Words, words};
use crate::schema::{Snapshot, Table};
use crate::store::{Cause, Link, Origin, Timestamp};

/// A listener for which something waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    /// The id of the definition.
    pub(crate) listener: i64,
    pub(crate) database: i64,
    /// When the first of what waits happened.
    pub(crate) since: Timestamp,
}

/// Something that happened.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// Greater than those of all events before, of whatever database.
    pub(crate) id: i64,
    pub(crate) what: What,
    /// The record, unless it is the end of an import.
    pub(crate) record: Option<i64>,
    pub(crate) at: Timestamp,
    /// The user who did it; `None` is the host.
    pub(crate) actor: Option<i64>,
    pub(crate) cause: Cause,
    before: Option<String>,
    after: Option<String>,
    before_rows: Option<String>,
    after_rows: Option<String>,
}

impl Event {
    /// The record as it was before; `None` where it was not yet.
    pub(crate) fn before(&self, table: &Table) -> Result<Option<Snapshot>> {
        let Some(before) = &self.before else { return Ok(None) };
        let layers: Vec<&str> = std::iter::once(before.as_str()).chain(self.after.as_deref()).collect();
        let rows = self.before_rows.as_deref().or(self.after_rows.as_deref());
        Snapshot::from_json(table, &layers, rows).map(Some)
    }

    /// The record as it was afterwards; `None` where it was no more.
    pub(crate) fn after(&self, table: &Table) -> Result<Option<Snapshot>> {
        match (&self.after, self.what) {
            (Some(after), What::Registered | What::Updated) => {
                Snapshot::from_json(table, &[after], self.after_rows.as_deref()).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// How an import has ended.
    pub(crate) fn counts<T: serde::de::DeserializeOwned>(&self) -> Option<T> {
        let counts = self.after.as_ref().filter(|_| self.what == What::Imported)?;
        serde_json::from_str(counts).ok()
    }

    /// Whether detail rows were added, changed or taken away; known where a listener needs detail rows.
    #[cfg(test)]
    pub(crate) fn has_changed_rows(&self) -> bool {
        self.before_rows.is_some() && self.after_rows.is_some()
    }

    /// The cause of what the run `run` of the setting `code` writes, which is started by this event.
    ///
    /// # Errors
    ///
    /// [`Code::EventLoop`] when so many runs have led to this event that there must be no more.
    pub(crate) fn next_cause(&self, origin: Origin, run: i64, code: &str) -> Result<Cause> {
        let mut chain = self.cause.chain.clone();
        if chain.len() >= MOST_RUNS {
            let named: Vec<Words> = chain.iter().map(|link| Words::both(link.to_string(), link.to_string())).collect();
            let named = Words::list(&named, " → ");
            let rule = words!("{MOST_RUNS}回まで: {named}", "at most {MOST_RUNS}: {named}"; named);
            return Err(Error::new(Code::EventLoop).with_name(code).with_value(chain.len()).with_rule(rule));
        }
        chain.push(Link(run, code.to_owned()));
        Ok(Cause { origin, run: Some(run), chain })
    }
}

/// The listeners of a kind for which something waits.
pub(crate) fn due(connection: &Connection, kind: &str) -> Result<Vec<Due>> {
    // Mostly nothing waits at all.
    if !connection.prepare_cached("SELECT 1 FROM renkei_event LIMIT 1")?.exists([])? {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT l.id, l.database_id, (SELECT e.at FROM renkei_event e INDEXED BY renkei_event_database
            WHERE {WANTED} AND e.id > l.taken ORDER BY e.id LIMIT 1) since
         FROM renkei_listener l WHERE l.kind = ?1 AND since IS NOT NULL ORDER BY since, l.id"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Due { listener: row.get(0)?, database: row.get(1)?, since: Timestamp(row.get(2)?) })
    };
    Ok(statement.query_map([kind], read)?.collect::<rusqlite::Result<_>>()?)
}

/// How much waits for a listener, and how much was dropped because it had waited for too long.
pub(crate) fn standing(connection: &Connection, listener: i64) -> Result<(u64, u64)> {
    let sql = format!(
        "SELECT (SELECT count(*) FROM renkei_event e INDEXED BY renkei_event_database WHERE {WANTED} AND e.id > l.taken),
            l.missed FROM renkei_listener l WHERE l.id = ?1"
    );
    let found: Option<(i64, i64)> =
        connection.prepare_cached(&sql)?.query_row([listener], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    Ok(found.map_or((0, 0), |(waiting, missed)| (waiting.unsigned_abs(), missed.unsigned_abs())))
}

/// The first of what waits for a listener, in order, at most so many.
pub(crate) fn waiting(connection: &Connection, listener: i64, most: usize) -> Result<Vec<Event>> {
    let sql = format!(
        "SELECT e.id, e.what, e.record_id, e.at, e.actor, e.origin, e.run_id, e.chain, e.before, e.after, e.before_rows,
            e.after_rows
         FROM renkei_listener l JOIN renkei_event e INDEXED BY renkei_event_database ON {WANTED} AND e.id > l.taken
         WHERE l.id = ?1 ORDER BY e.id LIMIT ?2"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query((listener, i64::try_from(most).unwrap_or(i64::MAX)))?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        let unreadable = || {
            let rule = words!("イベント{id}を読み取れません", "the event {id} is not readable");
            Error::new(Code::StoreCorrupt).with_rule(rule)
        };
        let origin: String = row.get(5)?;
        let chain: Option<String> = row.get(7)?;
        let chain = chain.map(|chain| serde_json::from_str(&chain)).transpose();
        events.push(Event {
            id,
            what: What::from_stored(row.get(1)?).ok_or_else(unreadable)?,
            record: row.get(2)?,
            at: Timestamp(row.get(3)?),
            actor: Some(row.get(4)?).filter(|actor| *actor != 0),
            cause: Cause {
                origin: Origin::from_text(&origin).ok_or_else(unreadable)?,
                run: row.get(6)?,
                chain: chain.map_err(|error| unreadable().with_source(error))?.unwrap_or_default(),
            },
            before: row.get(8)?,
            after: row.get(9)?,
            before_rows: row.get(10)?,
            after_rows: row.get(11)?,
        });
    }
    Ok(events)
}

/// Notes that a listener has consumed everything up to the event `last`, in the transaction of what it did about it.
pub(crate) fn forget(connection: &Connection, listener: i64, last: i64) -> Result<()> {
    let sql = "SELECT database_id, taken FROM renkei_listener WHERE id = ?1";
    let found = connection.prepare_cached(sql)?.query_row([listener], |row| Ok((row.get(0)?, row.get(1)?)));
    // It may have been taken out meanwhile.
    let Some((database, taken)): Option<(i64, i64)> = found.optional()? else { return Ok(()) };
    let sql = "UPDATE renkei_listener SET taken = ?2 WHERE id = ?1 AND taken < ?2";
    connection.prepare_cached(sql)?.execute((listener, last))?;
    drop_unwanted(connection, database, taken, last)
}

/// Deletes what nobody waits for among the events of a database.
pub(super) fn forget_unwanted(connection: &Connection, database: i64) -> Result<()> {
    drop_unwanted(connection, database, 0, i64::MAX)
}

fn drop_unwanted(connection: &Connection, database: i64, after: i64, last: i64) -> Result<()> {
    let sql = format!(
        "DELETE FROM renkei_event AS e WHERE e.database_id = ?1 AND e.id > ?2 AND e.id <= ?3
            AND NOT EXISTS (SELECT 1 FROM renkei_listener l WHERE {WANTED} AND l.taken < e.id)"
    );
    connection.prepare_cached(&sql)?.execute((database, after, last))?;
    Ok(())
}

/// Drops what happened before `before` and was not consumed since, and notes how much that was for each listener.
pub(crate) fn sweep(connection: &Connection, before: Timestamp) -> Result<()> {
    let sql = "SELECT max(id) FROM renkei_event WHERE at < ?1";
    let last: Option<i64> = connection.prepare_cached(sql)?.query_row([before.0], |row| row.get(0))?;
    let Some(last) = last else { return Ok(()) };
    let sql = format!(
        "UPDATE renkei_listener AS l SET taken = max(l.taken, ?1), missed = l.missed + (SELECT count(*)
            FROM renkei_event e WHERE {WANTED} AND e.id > l.taken AND e.id <= ?1)"
    );
    connection.prepare_cached(&sql)?.execute([last])?;
    let dropped = connection.prepare_cached("DELETE FROM renkei_event WHERE id <= ?1")?.execute([last])?;
    log::warn!("{dropped} events were dropped that nobody had consumed in time");
    Ok(())
}
