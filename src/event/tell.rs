//! Telling: what the writer of records has done.

use rusqlite::Connection;
use serde::Serialize;

use super::{What, Whats};
use crate::error::{Code, Error, Result};
use crate::schema::{Heard, Snapshot, Table};
use crate::store::{Cause, Origin, Store};

/// Tells what one writer does to records of one database.
pub(crate) struct Teller {
    heard: Whats,
    details: bool,
    cause: Cause,
    chain: Option<String>,
}

impl Teller {
    /// `None` where nobody listens.
    pub(crate) fn of(store: &Store, table: &Table) -> Option<Teller> {
        let heard = table.heard;
        if heard == Heard::default() {
            return None;
        }
        let cause = store.cause();
        let bits = if cause.origin == Origin::Import { heard.import_events } else { heard.events };
        let heard = Whats(bits & !What::Imported.bit());
        if heard == Whats::default() {
            return None;
        }
        let chain = (!cause.chain.is_empty()).then(|| serde_json::to_string(&cause.chain).unwrap_or_default());
        Some(Teller { heard, details: table.heard.details, cause, chain })
    }

    /// Whether anybody wants to know that.
    pub(crate) fn is_heard(&self, what: What) -> bool {
        self.heard.0 & what.bit() != 0
    }

    /// The record as it stands, with whatever listeners need of it.
    pub(crate) fn look(&self, connection: &Connection, table: &Table, id: i64) -> Result<Snapshot> {
        Snapshot::read(connection, table, id, self.details)?
            .ok_or_else(|| Error::new(Code::Internal).with_rule("a record vanished inside a transaction"))
    }

    /// Tells what was done to a record, which `before` shows as it was, and `after` as it is.
    pub(crate) fn tell(
        &self,
        connection: &Connection,
        table: &Table,
        what: What,
        (before, after): (Option<&Snapshot>, Option<&Snapshot>),
        (now, actor): (i64, i64),
    ) -> Result<()> {
        let id = before.or(after).and_then(|one| one.system("_id")).and_then(|cell| cell.int());
        let old = before.map(|before| match after {
            Some(after) => before.difference(table, after),
            None => before.to_json(table),
        });
        let rows_before = before.filter(|before| after.is_none_or(|after| after.rows != before.rows));
        self.insert(
            connection,
            table,
            (what, id),
            (now, actor),
            [
                old,
                after.map(|after| after.to_json(table)),
                rows_before.and_then(|before| before.rows_to_json(table)),
                after.and_then(|after| after.rows_to_json(table)),
            ],
        )
    }

    fn insert(
        &self,
        connection: &Connection,
        table: &Table,
        (what, record): (What, Option<i64>),
        (now, actor): (i64, i64),
        [before, after, before_rows, after_rows]: [Option<String>; 4],
    ) -> Result<()> {
        let sql =
            "INSERT INTO renkei_event (database_id, what, record_id, at, actor, origin, run_id, chain, before, after,
            before_rows, after_rows) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
        connection.prepare_cached(sql)?.execute(rusqlite::params![
            table.id,
            what.bit(),
            record,
            now,
            actor,
            self.cause.origin.as_str(),
            self.cause.run,
            self.chain,
            before,
            after,
            before_rows,
            after_rows,
        ])?;
        Ok(())
    }
}

/// Tells that an import has ended, in the transaction in which it does.
pub(crate) fn tell_import<T: Serialize>(
    store: &Store,
    connection: &Connection,
    table: &Table,
    import: i64,
    end: impl FnOnce() -> T,
) -> Result<()> {
    if table.heard.import_events & What::Imported.bit() == 0 {
        return Ok(());
    }
    let counts = serde_json::to_string(&end())
        .map_err(|error| Error::new(Code::Internal).with_rule("counts cannot be written").with_source(error))?;
    let cause = Cause::run(Origin::Import, import);
    let teller = Teller { heard: Whats::default(), details: false, cause, chain: None };
    let by = (store.now().0, store.actor.unwrap_or(0));
    teller.insert(connection, table, (What::Imported, None), by, [None, Some(counts), None, None])
}
