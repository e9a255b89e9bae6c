//! The system tables, and how a file of an older version is brought up to date.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::error::{Code, Error, Result, Words, words};

/// One step a version, in order; a released step is never changed.
const STEPS: &[&str] = &[include_str!("migration_001.sql")];

/// "RNKI" in the file header tells our files from other SQLite files.
pub(super) const APPLICATION_ID: i32 = 0x524e_4b49;

/// The format that this crate writes.
pub(super) const VERSION: i32 = STEPS.len() as i32;

/// Creates the system tables of a new file, or applies the steps that an older file lacks. One transaction: a crash
/// leaves the old format or the new one.
///
/// What the header of the file did not tell, since it stands in the write-ahead log only, is judged here.
pub(super) fn migrate(connection: &Connection, path: &Path, create: bool) -> Result<()> {
    // In one transaction, so that what another process just creates is seen whole or not at all.
    connection.execute_batch("BEGIN")?;
    let judged = judge(connection, path, create);
    connection.execute_batch("ROLLBACK")?;
    if judged? == VERSION {
        return Ok(());
    }
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let result = (|| {
        // Another process may have been faster while we waited for the lock.
        let from = judge(connection, path, create)?;
        if from == VERSION {
            connection.execute_batch("ROLLBACK")?;
            return Ok(());
        }
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

/// A store without anything, in memory: what the system tables look like.
pub(super) fn model() -> Result<Connection> {
    let connection = Connection::open_in_memory()?;
    for step in STEPS {
        connection.execute_batch(step)?;
    }
    Ok(connection)
}

pub(super) fn foreign_program() -> Words {
    words!("別のプログラムのSQLiteファイルです", "it is an SQLite file of another program")
}

/// The format of the file; refuses a file of another program or of a newer version.
fn judge(connection: &Connection, path: &Path, create: bool) -> Result<i32> {
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i32>(0));
    let owner = number("PRAGMA application_id")?;
    let version = number("PRAGMA user_version")?;
    let refusal = if owner == APPLICATION_ID {
        (version > VERSION).then(|| Error::new(Code::StoreNewer).with_rule(words!("形式{version}", "format {version}")))
    } else if owner != 0 || number("SELECT count(*) FROM sqlite_schema")? > 0 {
        Some(Error::new(Code::StoreForeign).with_rule(foreign_program()))
    } else {
        (!create).then(|| Error::new(Code::StoreForeign).with_rule(words!("空のファイルです", "it is empty")))
    };
    let Some(error) = refusal else { return Ok(version) };
    // Closing must not move the log into a file that is not ours to write to.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Err(error.with_value(path.display()))
}
