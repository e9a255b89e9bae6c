//! Conditions and columns of a record as it was at another moment: a row of bound values takes the place of its table.
//!
//! What is reached through links is read as it stands now; so are the users that fields name.

use rusqlite::Connection;

use super::compile::snapshot_condition_sql;
use super::condition::Condition;
use super::{Piece, Row, Selection, prepared};
use crate::error::{Code, Error, Result, words};
use crate::schema::{Catalog, Cell, DETAIL_SYSTEM, HEADER_SYSTEM, Layout, Snapshot, Table};
use crate::store::Store;

/// Whether a record fulfilled a condition at the moment of the snapshot.
///
/// # Errors
///
/// When the condition does not fit the database; [`Code::QueryShape`] when it is about detail rows that were not kept.
pub(crate) fn holds(
    store: &Store,
    connection: &Connection,
    catalog: &Catalog,
    table: &Table,
    condition: &Condition,
    snapshot: &Snapshot,
) -> Result<bool> {
    let rows = rows_source(table, snapshot)?;
    let mut piece = header_source(table, snapshot).wrap("SELECT 1 FROM ", " t WHERE ");
    piece.append(snapshot_condition_sql(store, catalog, table, condition, &rows)?);
    prepared(connection, &piece.sql, |statement| Ok(statement.exists(rusqlite::params_from_iter(&piece.binds))?))
}

impl Selection<'_> {
    /// Hands each line of a record as it was to `work`: as [`Selection::for_each`] of a query for that record alone.
    pub(crate) fn of_snapshot(
        &self,
        connection: &Connection,
        snapshot: &Snapshot,
        mut work: impl FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut piece = header_source(self.table(), snapshot).wrap(&format!("SELECT {} FROM ", self.columns()), " t");
        if self.is_on_details() {
            let rows = rows_source(self.table(), snapshot)?.ok_or_else(not_kept)?;
            piece.append(rows.wrap(" LEFT JOIN ", " d ON d._record = t._id"));
        }
        piece.push(&self.joined());
        if self.is_on_details() {
            piece.push(" ORDER BY d._position");
        }
        prepared(connection, &piece.sql, |statement| {
            let mut rows = statement.query(rusqlite::params_from_iter(&piece.binds))?;
            while let Some(row) = rows.next()? {
                work(&self.row(row, row.get(0)?))?;
            }
            Ok(())
        })
    }
}

/// The error for detail rows that nobody has kept.
pub(super) fn not_kept() -> Error {
    let rule = words!("このイベントの明細行は保存されていません", "the detail rows of this event were not kept");
    Error::new(Code::QueryShape).with_rule(rule)
}

fn names<'a>(layout: &'a Layout, system: &'a [&'a str]) -> impl Iterator<Item = &'a str> + 'a {
    system.iter().copied().chain(layout.plan().stored.iter().map(|at| layout.columns[*at].sql.as_str()))
}

/// The one row that stands for the table.
fn header_source(table: &Table, snapshot: &Snapshot) -> Piece {
    let columns: Vec<String> = names(&table.header, HEADER_SYSTEM).map(|name| format!("? AS {name}")).collect();
    Piece::bound(format!("(SELECT {})", columns.join(", ")), snapshot.header.clone())
}

/// The rows that stand for the table of detail rows: one bound JSON array, so that the statement is the same for any number.
fn rows_source(table: &Table, snapshot: &Snapshot) -> Result<Option<Piece>> {
    let Some((layout, rows)) = table.details.as_ref().zip(snapshot.rows.as_ref()) else { return Ok(None) };
    let columns: Vec<String> =
        names(layout, DETAIL_SYSTEM).enumerate().map(|(at, name)| format!("j.value ->> {at} AS {name}")).collect();
    let json = |cell: &Cell<'_>| match cell {
        Cell::Null => serde_json::Value::Null,
        Cell::Int(int) => (*int).into(),
        Cell::Text(text) => text.as_ref().into(),
    };
    let rows: Vec<Vec<serde_json::Value>> = rows.iter().map(|row| row.iter().map(json).collect()).collect();
    let rows = serde_json::to_string(&rows)
        .map_err(|error| Error::new(Code::Internal).with_rule("detail rows cannot be written").with_source(error))?;
    let sql = format!("(SELECT {} FROM json_each(?) j)", columns.join(", "));
    Ok(Some(Piece::bound(sql, vec![Cell::Text(rows.into())])))
}
