//! A record as it was at one moment, apart from its table.
//!
//! It is kept as JSON under the ids of its fields, in the form in which values are stored: so it is read rightly after
//! fields were renamed, and what a field has that came later is nothing.

use rusqlite::Connection;
use serde_json::{Map, Value as Json};

use super::catalog::{Layout, Table};
use super::plan::{DETAIL_SYSTEM, HEADER_SYSTEM};
use super::value::Cell;
use crate::error::{Code, Error, Result, words};

/// A record, or what was known of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Snapshot {
    /// The system columns and the stored ones, in the order of the plan.
    pub(crate) header: Vec<Cell<'static>>,
    /// Its detail rows, where they were kept: each as the header, in their order.
    pub(crate) rows: Option<Vec<Vec<Cell<'static>>>>,
}

impl Snapshot {
    /// A record as it stands in its table; `None` if there is none with this id.
    pub(crate) fn read(connection: &Connection, table: &Table, id: i64, details: bool) -> Result<Option<Snapshot>> {
        let plan = table.header.plan();
        let mut statement = connection.prepare_cached(&plan.select_whole)?;
        let mut found = statement.query([id])?;
        let Some(row) = found.next()? else { return Ok(None) };
        let header = cells(row, HEADER_SYSTEM.len() + plan.stored.len())?;
        let rows = match &table.details {
            Some(layout) if details => {
                let plan = layout.plan();
                let mut statement = connection.prepare_cached(&plan.select_whole)?;
                let mut found = statement.query([id])?;
                let mut rows = Vec::new();
                while let Some(row) = found.next()? {
                    rows.push(cells(row, DETAIL_SYSTEM.len() + plan.stored.len())?);
                }
                Some(rows)
            }
            _ => None,
        };
        Ok(Some(Snapshot { header, rows }))
    }

    /// The header as one JSON object.
    pub(crate) fn to_json(&self, table: &Table) -> String {
        let mut out = String::with_capacity(16 * self.header.len());
        write(&mut out, &table.header, HEADER_SYSTEM, &self.header, |_| true);
        out
    }

    /// What of the header differs from `other`, as one JSON object.
    pub(crate) fn difference(&self, table: &Table, other: &Snapshot) -> String {
        let mut out = String::new();
        let differs = |at: usize| self.header.get(at) != other.header.get(at);
        write(&mut out, &table.header, HEADER_SYSTEM, &self.header, differs);
        out
    }

    /// The detail rows as a JSON array of objects.
    pub(crate) fn rows_to_json(&self, table: &Table) -> Option<String> {
        let (rows, layout) = self.rows.as_ref().zip(table.details.as_ref())?;
        let mut out = String::from("[");
        for row in rows {
            if out.len() > 1 {
                out.push(',');
            }
            write(&mut out, layout, DETAIL_SYSTEM, row, |_| true);
        }
        out.push(']');
        Some(out)
    }

    /// Reads what was kept: the header from the first of `layers` that has something for a column.
    pub(crate) fn from_json(table: &Table, layers: &[&str], rows: Option<&str>) -> Result<Snapshot> {
        let layers = layers.iter().map(|json| object(json)).collect::<Result<Vec<_>>>()?;
        let layers: Vec<&Map<String, Json>> = layers.iter().collect();
        let header = aligned(&table.header, HEADER_SYSTEM, &layers)?;
        let rows = match (rows, &table.details) {
            (Some(json), Some(layout)) => {
                let rows: Vec<Map<String, Json>> = serde_json::from_str(json).map_err(damaged)?;
                Some(rows.iter().map(|row| aligned(layout, DETAIL_SYSTEM, &[row])).collect::<Result<_>>()?)
            }
            _ => None,
        };
        Ok(Snapshot { header, rows })
    }

    /// A system column of the header.
    pub(crate) fn system(&self, name: &str) -> Option<&Cell<'static>> {
        HEADER_SYSTEM.iter().position(|other| *other == name).and_then(|at| self.header.get(at))
    }

    /// The columns of the header, by their places in the layout, whose values differ from those of `other`.
    pub(crate) fn changed<'a>(&'a self, table: &'a Table, other: &'a Snapshot) -> impl Iterator<Item = usize> + 'a {
        let stored = table.header.plan().stored.iter().enumerate();
        let differs =
            |at: usize| self.header.get(HEADER_SYSTEM.len() + at) != other.header.get(HEADER_SYSTEM.len() + at);
        stored.filter(move |(at, _)| differs(*at)).map(|(_, column)| *column)
    }

    /// Whether the detail rows have other values in a column, by its place in their layout, than those of `other`; also when
    /// there are more of them or fewer. Without rows that were kept they have not.
    pub(crate) fn has_changed_rows(&self, table: &Table, other: &Snapshot, column: usize) -> bool {
        let at = table.details.as_ref().and_then(|layout| layout.plan().stored.iter().position(|at| *at == column));
        let (Some(at), Some(own), Some(others)) = (at, &self.rows, &other.rows) else { return false };
        let at = DETAIL_SYSTEM.len() + at;
        own.len() != others.len() || own.iter().zip(others).any(|(one, other)| one.get(at) != other.get(at))
    }
}

fn cells(row: &rusqlite::Row<'_>, count: usize) -> Result<Vec<Cell<'static>>> {
    (0..count).map(|at| Ok(Cell::from_sql(row.get_ref(at)?)?.into_owned())).collect()
}

/// What a column is kept under.
fn names<'a>(layout: &'a Layout, system: &'a [&'a str]) -> impl Iterator<Item = String> + 'a {
    let stored = layout.plan().stored.iter().map(|at| layout.columns[*at].id.to_string());
    system.iter().map(|name| name.to_string()).chain(stored)
}

fn write(out: &mut String, layout: &Layout, system: &[&str], cells: &[Cell<'_>], keep: impl Fn(usize) -> bool) {
    use std::fmt::Write as _;
    out.push('{');
    let begin = out.len();
    let stored = &layout.plan().stored;
    for (at, cell) in cells.iter().enumerate().filter(|(at, _)| keep(*at)) {
        if out.len() > begin {
            out.push(',');
        }
        let _ = match at.checked_sub(system.len()) {
            None => write!(out, "\"{}\":", system[at]),
            Some(at) => write!(out, "\"{}\":", layout.columns[stored[at]].id),
        };
        match cell {
            Cell::Null => out.push_str("null"),
            Cell::Int(int) => {
                let _ = write!(out, "{int}");
            }
            // A text is always written.
            Cell::Text(text) => out.push_str(&serde_json::to_string(text).unwrap_or_default()),
        }
    }
    out.push('}');
}

fn object(json: &str) -> Result<Map<String, Json>> {
    serde_json::from_str(json).map_err(damaged)
}

fn damaged(error: serde_json::Error) -> Error {
    Error::new(Code::StoreCorrupt)
        .with_rule(words!("イベントを読み取れません", "an event is not readable"))
        .with_source(error)
}

fn aligned(layout: &Layout, system: &[&str], layers: &[&Map<String, Json>]) -> Result<Vec<Cell<'static>>> {
    let cell = |name: String| match layers.iter().find_map(|layer| layer.get(&name)) {
        None | Some(Json::Null) => Ok(Cell::Null),
        Some(Json::String(text)) => Ok(Cell::Text(text.clone().into())),
        Some(number) => match number.as_i64() {
            Some(int) => Ok(Cell::Int(int)),
            None => Err(Error::new(Code::StoreCorrupt)
                .with_rule(words!("イベントの値「{number}」", "the value {number} of an event"))),
        },
    };
    names(layout, system).map(cell).collect()
}
