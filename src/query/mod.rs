//! Which records are meant, in which order, and what is read of them: conditions become SQL with bound values.

mod aggregate;
mod bucket;
mod compile;
mod condition;
pub(crate) mod invariants;
mod list;
mod matcher;
mod menu;
mod page;
mod path;
mod rows;
mod snapshot;
#[cfg(test)]
mod tests;
mod values;

pub use aggregate::{AggregateRow, AggregateSort, Aggregation, Function, GroupBy, Measure};
pub use bucket::Bucket;
pub use condition::{Condition, Test};
pub use list::{List, ListColumn, Search};
pub use menu::{Menu, MenuEntry};
pub use page::{Cursor, Query, Sort};
pub use rows::Row;

pub(crate) use aggregate::{
    CACHE_KIB as AGGREGATE_CACHE_KIB, Group, Texts as AggregateTexts, aggregate, check_aggregation,
};
pub(crate) use list::{NamesFields, heading, save_list, save_search};
pub(crate) use matcher::Matcher;
pub(crate) use page::page_ids;
pub(crate) use path::{System, exists as has_field, relabel, renamed as renamed_path};
#[cfg(feature = "capi")]
pub(crate) use rows::{Lines, Typed};
pub(crate) use rows::{One, Selection};
pub(crate) use snapshot::holds;

use rusqlite::{Connection, Statement};

use crate::access::{Door, Right};
use crate::error::Result;
use crate::schema::{Catalog, Cell, Table};
use crate::store::Store;
use compile::condition_sql;

/// Statements longer than this are not worth a place among those kept prepared.
const KEPT_SQL: usize = 8 << 10;

/// SQL and the values bound to its parameters, in their order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Piece {
    pub(crate) sql: String,
    pub(crate) binds: Vec<Cell<'static>>,
    /// The full-text table whose answer to the bound value is the whole answer: it can be counted without the records.
    full_text: Option<String>,
}

impl Piece {
    fn new(sql: impl Into<String>) -> Piece {
        Piece { sql: sql.into(), ..Piece::default() }
    }

    fn bound(sql: impl Into<String>, binds: Vec<Cell<'static>>) -> Piece {
        Piece { sql: sql.into(), binds, full_text: None }
    }

    fn push(&mut self, sql: &str) {
        self.sql.push_str(sql);
        self.full_text = None;
    }

    fn append(&mut self, other: Piece) {
        self.sql.push_str(&other.sql);
        self.binds.extend(other.binds);
        self.full_text = None;
    }

    fn wrap(mut self, before: &str, after: &str) -> Piece {
        self.sql.insert_str(0, before);
        self.sql.push_str(after);
        self.full_text.take_if(|_| !before.is_empty() || !after.is_empty());
        self
    }
}

/// Prepares `sql`, keeps it for the next time where that pays, and runs `work` on it.
fn prepared<T>(connection: &Connection, sql: &str, work: impl FnOnce(&mut Statement<'_>) -> Result<T>) -> Result<T> {
    match sql.len() <= KEPT_SQL {
        true => work(&mut *connection.prepare_cached(sql)?),
        false => work(&mut connection.prepare(sql)?),
    }
}

/// Judges a condition against its database; whether it is about detail rows.
pub(crate) fn check(store: &Store, catalog: &Catalog, table: &Table, condition: &Condition) -> Result<bool> {
    compile::check(store, catalog, table, condition)
}

/// How many records of `table` fulfil `condition`.
pub(crate) fn count(
    store: &Store,
    connection: &Connection,
    catalog: &Catalog,
    table: &Table,
    condition: Option<&Condition>,
) -> Result<u64> {
    let mut piece = Piece::new(format!("SELECT count(*) FROM {} t", table.header.sql));
    if let Some(condition) = condition {
        let condition = condition_sql(Some(store), catalog, table, condition)?;
        match &condition.full_text {
            Some(full_text) => {
                piece.sql = format!("SELECT count(*) FROM {full_text} WHERE {full_text} MATCH ?");
                piece.binds = condition.binds;
            }
            None => {
                piece.push(" WHERE ");
                piece.append(condition);
            }
        }
    }
    let count: i64 = prepared(connection, &piece.sql, |statement| {
        Ok(statement.query_row(rusqlite::params_from_iter(&piece.binds), |row| row.get(0))?)
    })?;
    Ok(count.unsigned_abs())
}

impl Store {
    /// How many records of a database fulfil `condition`; all of them without one.
    ///
    /// # Errors
    ///
    /// When the database does not exist, or the condition does not fit it; see [`Condition`].
    pub fn count(&self, database: &str, condition: Option<&Condition>) -> Result<u64> {
        let reading = self.reading()?;
        let door = Door::open(self, &reading)?;
        count(self, &reading, door.catalog(), door.table(database, Right::View)?, condition)
    }
}
