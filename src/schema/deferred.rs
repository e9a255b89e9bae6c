//! Plain indexes that wait until a load has filled an empty database.
//!
//! An index in the order of its table is cheap to keep; one in random order costs a load nearly half its time, and a
//! fifth of that when it is sorted once at the end. Only indexes that serve searches wait: uniqueness is kept from the
//! first record on. That they wait is noted in the store, so whoever comes after a crash makes them.

use rusqlite::{Connection, OptionalExtension};

use super::catalog::Table;
use super::ddl;
use crate::error::Result;
use crate::store::quote;

/// Memory of the sort, in KiB: beyond, sorted runs go to temporary files.
const SORT_KIB: i64 = 6 << 10;

/// Drops the plain indexes of a database that has no records; whether there were any. `owner` is the job that fills it.
pub(crate) fn defer_indexes(connection: &Connection, table: &Table, owner: i64) -> Result<bool> {
    let sql = format!("SELECT 1 FROM {} LIMIT 1", table.header.sql);
    if connection.prepare(&sql)?.exists([])? {
        return Ok(false);
    }
    let mut found = false;
    for index in plain_indexes(table) {
        connection.execute_batch(&format!("DROP INDEX IF EXISTS {}", quote(&index.name)))?;
        found = true;
    }
    if found {
        let sql = "INSERT OR REPLACE INTO renkei_deferred_index (database_id, job_id) VALUES (?1, ?2)";
        connection.prepare_cached(sql)?.execute((table.id, owner))?;
    }
    Ok(found)
}

/// Whether indexes of a database wait. From now on they wait for `owner`.
pub(crate) fn adopt_indexes(connection: &Connection, table: &Table, owner: i64) -> Result<bool> {
    let sql = "UPDATE renkei_deferred_index SET job_id = ?2 WHERE database_id = ?1 RETURNING 1";
    Ok(connection.prepare_cached(sql)?.query_row((table.id, owner), |_| Ok(())).optional()?.is_some())
}

/// Makes the indexes of a database that wait. Takes about a second for a million records, in which nobody else writes.
pub(crate) fn restore_indexes(connection: &Connection, table: &Table) -> Result<()> {
    let mut statement = connection.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'index' AND name = ?1")?;
    let kept: i64 = connection.query_row("PRAGMA cache_size", [], |row| row.get(0))?;
    // The sort may take as much memory as the cache, so the cache gives its own back for the time being.
    connection.execute_batch("PRAGMA shrink_memory")?;
    connection.pragma_update(None, "cache_size", -SORT_KIB)?;
    connection.query_row("PRAGMA threads = 1", [], |_| Ok(()))?;
    let mut made = Ok(());
    for index in plain_indexes(table) {
        if !statement.exists([&index.name])? {
            made = made.and_then(|()| connection.execute_batch(&index.sql));
        }
    }
    connection.pragma_update(None, "cache_size", kept)?;
    made?;
    forget_deferred(connection, table.id)
}

/// Notes that no indexes of a database wait any more.
pub(crate) fn forget_deferred(connection: &Connection, database: i64) -> Result<()> {
    connection.prepare_cached("DELETE FROM renkei_deferred_index WHERE database_id = ?1")?.execute([database])?;
    Ok(())
}

fn plain_indexes(table: &Table) -> impl Iterator<Item = ddl::Index> {
    ddl::indexes(&table.header, false).into_iter().filter(|index| index.unique.is_none())
}
