//! Whether one record fulfils a condition, which is compiled once for many.

use rusqlite::Connection;

use super::compile::{condition_sql, row_condition_sql};
use super::condition::Condition;
use super::rows::One;
use super::{Piece, prepared};
use crate::error::{Code, Result};
use crate::schema::{Catalog, Cell, Table};
use crate::store::Store;

/// A condition that is asked of single records or detail rows.
pub(crate) struct Matcher {
    /// The id is its first parameter.
    piece: Piece,
    /// Whether the id is that of a detail row.
    of_rows: bool,
}

impl Matcher {
    /// A condition on records; with `of_rows` one on detail rows, if it names detail fields only.
    pub(crate) fn new(
        store: &Store,
        catalog: &Catalog,
        table: &Table,
        condition: &Condition,
        of_rows: bool,
    ) -> Result<Matcher> {
        let on_rows = match (&table.details, of_rows) {
            (Some(details), true) => match row_condition_sql(Some(store), catalog, table, condition) {
                Ok(piece) => Some((details, piece)),
                Err(error) if matches!(error.code(), Code::QueryField | Code::QueryShape) => None,
                Err(error) => return Err(error),
            },
            _ => None,
        };
        let of_rows = on_rows.is_some();
        let (mut whole, condition) = match on_rows {
            Some((details, piece)) => {
                (Piece::new(format!("SELECT 1 FROM {} d WHERE d._id = ? AND (", details.sql)), piece)
            }
            None => {
                let piece = condition_sql(Some(store), catalog, table, condition)?;
                (Piece::new(format!("SELECT 1 FROM {} t WHERE t._id = ? AND (", table.header.sql)), piece)
            }
        };
        whole.binds.push(Cell::Null);
        whole.append(condition);
        whole.push(")");
        Ok(Matcher { piece: whole, of_rows })
    }

    /// Whether the record, or the detail row of it, fulfils the condition.
    pub(crate) fn holds(&self, connection: &Connection, record: i64, row: One) -> Result<bool> {
        let id = match row {
            One::Row(id) if self.of_rows => id,
            _ => record,
        };
        let binds = std::iter::once(Cell::Int(id)).chain(self.piece.binds.iter().skip(1).map(Cell::borrowed));
        prepared(connection, &self.piece.sql, |statement| Ok(statement.exists(rusqlite::params_from_iter(binds))?))
    }
}
