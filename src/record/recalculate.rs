//! Calculating all records of a database anew, after an expression has changed.

use std::sync::Arc;

use rusqlite::Connection;

use super::calculate::needs_header;
use super::writer::Writer;
use super::{Selector, Slot};
use crate::error::{Code, Error, Language, Result};
use crate::schema::Table;
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
                    writer.recalculate_rows(id, details, &current.cells, &mut violations)?;
                }
            }
            writer.recalculate_header(id, &mut current.cells, &mut violations)?;
            if let Some(violation) = violations.first() {
                let rule = format!("{}: {}", writer.last_key(), violation.message(Language::English));
                return Err(Error::new(Code::DefinitionStored).with_name(table.code()).with_rule(rule));
            }
        }
    }
    writer.finish()
}
