//! When the plain indexes of a database wait for an import that fills it.

use super::reservation::Loaded;
use super::setting::ImportMode;
use crate::error::Result;
use crate::job::Claim;
use crate::schema::{Catalog, Table, adopt_indexes, defer_indexes, forget_deferred, restore_indexes};
use crate::store::{Store, Writing};

/// A smaller file is imported before it pays.
const LEAST_BYTES: u64 = 1 << 20;
/// While somebody else writes too, the indexes of so few records are made at once: he waits for some 30 ms, once, and
/// never for an index at the end.
const FEW_RECORDS: u64 = 50_000;
/// The indexes of so many records are not put off further: making them keeps others from writing for over a second.
const MANY_RECORDS: u64 = 2_000_000;

/// Whether indexes wait for this run.
pub(super) struct Indexes {
    wait: bool,
}

impl Indexes {
    /// At the beginning of a run, in its first transaction.
    pub(super) fn begin(writing: &Writing<'_>, table: &Table, loaded: &Loaded, claim: &Claim) -> Result<Indexes> {
        let is_fresh = loaded.counts.total == 0 && loaded.source.bytes() >= LEAST_BYTES;
        let fills = loaded.setting.mode != ImportMode::Update && !loaded.dry_run;
        let wait =
            adopt_indexes(writing, table, claim.id)? || is_fresh && fills && defer_indexes(writing, table, claim.id)?;
        Ok(Indexes { wait })
    }

    pub(super) fn wait(&self) -> bool {
        self.wait
    }

    /// Whether to put them off no longer, `inserted` records into the import.
    pub(super) fn are_due(&self, inserted: u64, somebody_waits: bool) -> bool {
        self.wait && (inserted >= MANY_RECORDS || somebody_waits && inserted <= FEW_RECORDS)
    }

    /// Makes them.
    pub(super) fn make(&mut self, writing: &Writing<'_>, table: &Table) -> Result<()> {
        if self.wait {
            restore_indexes(writing, table)?;
            self.wait = false;
        }
        Ok(())
    }
}

/// Makes the indexes that still wait for an import which has ended without making them.
pub(crate) fn make_left_indexes(store: &Store) -> Result<()> {
    let sql = "SELECT d.database_id FROM renkei_deferred_index d LEFT JOIN renkei_job j ON j.id = d.job_id
        WHERE j.id IS NULL OR j.state NOT IN ('reserved', 'running')";
    let left = |connection: &rusqlite::Connection| -> Result<Vec<i64>> {
        let mut statement = connection.prepare_cached(sql)?;
        Ok(statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
    };
    // Looking needs no turn to write, and mostly there are none.
    if left(&*store.reading()?)?.is_empty() {
        return Ok(());
    }
    store.write(|writing| {
        let catalog = Catalog::of(store, writing)?;
        for database in left(writing)? {
            match catalog.table_by_id(database) {
                Ok(table) => restore_indexes(writing, table)?,
                Err(_) => forget_deferred(writing, database)?,
            }
        }
        Ok(())
    })
}
