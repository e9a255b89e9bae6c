//! What records that exist get when their database is redefined: calculations and automatic numbers.

use std::sync::Arc;

use rusqlite::Connection;

use super::calculate::{Which, calculate, needs_header};
use super::writer::Writer;
use super::{Selector, Slot};
use crate::error::{Code, Error, Result, Words};
use crate::schema::{Cell, FieldKind, Table};
use crate::store::Store;

/// Calculates every record of a database anew. Revisions and times stay: nobody has changed the records.
pub(crate) fn recalculate(store: &Store, connection: &Connection, table: &Arc<Table>) -> Result<()> {
    let mut writer = Writer::new(store, connection, table);
    let mut last = 0i64;
    let sql = format!("SELECT _id FROM {} WHERE _id > ?1 ORDER BY _id LIMIT 1000", table.header.sql);
    loop {
        let mut statement = connection.prepare_cached(&sql)?;
        let ids: Vec<i64> = statement.query_map([last], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        let Some(greatest) = ids.last() else { break };
        last = *greatest;
        for id in ids {
            let slots = vec![Slot::Absent; table.header.columns.len()];
            let Some(mut current) = writer.compare_all(&Selector::Id(id), &slots)? else { continue };
            let mut violations = Vec::new();
            if let Some(details) = &table.details {
                let has_calculations = needs_header(details) || !details.calculated.is_empty();
                if has_calculations {
                    // Rows see the header as it will be; what is wrong with that is told with the header itself.
                    let mut header = current.cells.clone();
                    calculate(&table.header, Which::WithoutRows, &mut header, &[], &[], None, &mut Vec::new());
                    writer.recalculate_rows(id, details, &header, &mut violations)?;
                }
            }
            writer.recalculate_header(id, &mut current.cells, &mut violations)?;
            if let Some(violation) = violations.first() {
                let rule = Words::of(|language| format!("{}: {}", writer.last_key(), violation.message(language)));
                return Err(Error::new(Code::DefinitionStored).with_name(table.code()).with_rule(rule));
            }
        }
    }
    writer.finish()
}

/// Gives automatic numbers to the records, or detail rows, that have none: the field is new, or in use again. They are
/// numbered in their order, and as of this day.
pub(crate) fn number(store: &Store, connection: &Connection, table: &Arc<Table>, field: i64) -> Result<()> {
    let mut writer = Writer::new(store, connection, table);
    for layout in std::iter::once(&table.header).chain(&table.details) {
        let Some(at) = layout.columns.iter().position(|column| column.id == field) else { continue };
        let column = &layout.columns[at];
        let FieldKind::AutoNumber { format } = &column.field.kind else { continue };
        let order = if std::ptr::eq(layout, &table.header) { "_id" } else { "_record, _position" };
        let sql = format!("SELECT _id FROM {} WHERE {} IS NULL ORDER BY {order}", layout.sql, column.sql);
        let ids: Vec<i64> =
            connection.prepare(&sql)?.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        let mut update =
            connection.prepare(&format!("UPDATE {} SET {} = ?2 WHERE _id = ?1", layout.sql, column.sql))?;
        for id in ids {
            let number = Cell::Text(writer.counters.issue(connection, field, format)?.into());
            update.execute((id, &number))?;
            writer.index_text(layout, at, id, &Cell::Null, &number)?;
        }
    }
    writer.finish()
}
