//! The system tables, and how a file of an older version is brought up to date.

use rusqlite::Connection;

use crate::error::Result;

/// One step a version, in order; a released step is never changed.
const STEPS: &[&str] = &[include_str!("migration_001.sql")];

/// "RNKI" in the file header tells our files from other SQLite files.
pub(super) const APPLICATION_ID: i32 = 0x524e_4b49;

/// The format that this crate writes.
pub(super) const VERSION: i32 = STEPS.len() as i32;

/// Creates the system tables of a new file, or applies the steps that an older file lacks. One transaction: a crash
/// leaves the old format or the new one.
pub(super) fn migrate(connection: &Connection) -> Result<()> {
    if version(connection)? == VERSION {
        return Ok(());
    }
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let result = (|| {
        // Another process may have been faster while we waited for the lock.
        let from = version(connection)?;
        for step in STEPS.iter().skip(usize::try_from(from).unwrap_or(0)) {
            connection.execute_batch(step)?;
        }
        connection.pragma_update(None, "application_id", APPLICATION_ID)?;
        connection.pragma_update(None, "user_version", VERSION)?;
        connection.execute_batch("COMMIT")?;
        // The header must say whose file it is even to one who does not read the write-ahead log.
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    })();
    if result.is_err() && !connection.is_autocommit() {
        let _ = connection.execute_batch("ROLLBACK");
    }
    result
}

fn version(connection: &Connection) -> Result<i32> {
    Ok(connection.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}
