//! Who listens to what.

use rusqlite::Connection;

use super::take::forget_unwanted;
use super::{What, Whats};
use crate::error::Result;
use crate::store::definitions_changed;

/// What a definition wants to hear of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Interest {
    /// The id of the definition.
    pub(crate) listener: i64,
    /// The sort of definition, by which its room finds it.
    pub(crate) kind: &'static str,
    pub(crate) database: i64,
    /// What it hears of records that are not written by imports.
    pub(crate) records: Whats,
    /// Whether it hears the same of every line of an import.
    pub(crate) of_imports: bool,
    /// Whether it hears how imports end.
    pub(crate) ends_of_imports: bool,
    /// Whether the detail rows before and after are kept for it.
    pub(crate) details: bool,
}

impl Interest {
    /// In nothing yet.
    pub(crate) fn new(listener: i64, kind: &'static str, database: i64) -> Interest {
        Interest {
            listener,
            kind,
            database,
            records: Whats::default(),
            of_imports: false,
            ends_of_imports: false,
            details: false,
        }
    }

    /// What is heard outside of imports, and of imports, as it is kept.
    pub(crate) fn bits(&self) -> (u8, u8) {
        let ends = if self.ends_of_imports { What::Imported.bit() } else { 0 };
        (self.records.0, ends | if self.of_imports { self.records.0 } else { 0 })
    }
}

/// Notes what a definition wants to hear from now on, in the transaction that saves it.
pub(crate) fn listen(connection: &Connection, interest: &Interest) -> Result<()> {
    let (events, import_events) = interest.bits();
    // Who is new hears what happens from now on; who is known goes on where it was.
    let sql = "INSERT INTO renkei_listener (id, kind, database_id, events, import_events, details, taken)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'renkei_event'), 0))
        ON CONFLICT (id) DO UPDATE SET events = excluded.events, import_events = excluded.import_events,
            details = excluded.details";
    connection.prepare_cached(sql)?.execute((
        interest.listener,
        interest.kind,
        interest.database,
        events,
        import_events,
        interest.details,
    ))?;
    forget_unwanted(connection, interest.database)?;
    definitions_changed(connection)
}

/// Takes a listener out, and forgets what waited for it alone. Nothing happens where there is none.
pub(crate) fn unlisten(connection: &Connection, listener: i64) -> Result<()> {
    let sql = "DELETE FROM renkei_listener WHERE id = ?1 RETURNING database_id";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([listener])?;
    let Some(row) = rows.next()? else { return Ok(()) };
    let database = row.get(0)?;
    drop(rows);
    forget_unwanted(connection, database)?;
    definitions_changed(connection)
}
