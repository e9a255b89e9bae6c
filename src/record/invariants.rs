//! What must hold in records beside the rules of their fields: system columns, detail rows, numbers, calculations, files.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::Connection;

use super::calculate::{Which, calculate, needs_rows};
use super::writer::Writer;
use super::{Selector, Slot};
use crate::error::{Code, Findings, Result, Words, words};
use crate::schema::{AutoNumber, Catalog, Cell, Column, FieldKind, Layout, NumberDate, Table, invariants, names};
use crate::store::{Store, quote};

/// System columns have values that can be, and the rows of a record are numbered without a gap.
pub(crate) fn inspect_records(connection: &Connection, table: &Table, findings: &mut Findings) -> Result<()> {
    let key = &table.key().sql;
    let sql = format!(
        "SELECT {key}, _id, _revision < 1 OR _id < 1, _approval NOT IN (0, 1),
            _created_by <> 0 AND NOT EXISTS (SELECT 1 FROM renkei_user u WHERE u.id = _created_by)
            OR _updated_by <> 0 AND NOT EXISTS (SELECT 1 FROM renkei_user u WHERE u.id = _updated_by)
         FROM {}",
        table.header.sql
    );
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let faults: [bool; 3] = [row.get(2)?, row.get(3)?, row.get(4)?];
        for (_, column) in faults.iter().zip(["_revision", "_approval", "_created_by"]).filter(|(bad, _)| **bad) {
            let (key, id): (Option<String>, i64) = (row.get(0)?, row.get(1)?);
            let key = key.unwrap_or_else(|| format!("_id {id}"));
            findings.add(Code::CheckRecord, table.code(), format!("{key} ({column})"));
        }
    }
    if table.definition.details.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "SELECT (SELECT {key} FROM {} WHERE _id = _record), count(*), max(_position) FROM {} GROUP BY _record
         HAVING min(_position) <> 1 OR max(_position) <> count(*)",
        table.header.sql,
        quote(&names::details(table.code()))
    );
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (key, count, last): (Option<String>, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let key = key.unwrap_or_default();
        let place = words!("{key}（{count}行、最後は{last}）", "{key} ({count} rows, the last is no. {last})");
        findings.add(Code::CheckDetails, table.code(), place);
    }
    Ok(())
}

/// No counter of automatic numbers is behind a number that it has given.
///
/// Keys are left out: they may be given by the caller too, and a number that is taken gives way to the next.
pub(crate) fn inspect_numbers(connection: &Connection, table: &Table, findings: &mut Findings) -> Result<()> {
    for layout in std::iter::once(&table.header).chain(&table.details) {
        for column in &layout.columns {
            if let FieldKind::AutoNumber { format } = &column.field.kind {
                inspect_counter(connection, layout, column, format, findings)?;
            }
        }
    }
    Ok(())
}

fn inspect_counter(
    connection: &Connection,
    layout: &Layout,
    column: &Column,
    format: &AutoNumber,
    findings: &mut Findings,
) -> Result<()> {
    let mut statement = connection.prepare("SELECT period, last FROM renkei_counter WHERE field_id = ?1")?;
    let counters = statement.query_map([column.id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let counters: Vec<(String, i64)> = counters.collect::<rusqlite::Result<_>>()?;
    let serial = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<i64>().ok())?;
    let period = match format.date {
        NumberDate::None => 0,
        NumberDate::Year => 4,
        NumberDate::Month => 6,
        NumberDate::Day => 8,
    };
    let sql = format!("SELECT {0} FROM {1} WHERE {0} IS NOT NULL", column.sql, layout.sql);
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let number = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
        // Numbers of earlier forms are not looked at.
        let Some(bare) = number.strip_prefix(&*format.prefix).and_then(|rest| rest.strip_suffix(&*format.suffix))
        else {
            continue;
        };
        if !bare
            .get(period..)
            .is_some_and(|digits| digits.len() >= usize::from(format.digits) && serial(digits).is_some())
        {
            continue;
        }
        // Nor is one that another counter has given, when the date had another form.
        let is_given = |(period, last): &(String, i64)| {
            bare.strip_prefix(&**period).and_then(serial).is_some_and(|given| given <= *last)
        };
        if !counters.iter().any(is_given) {
            let last = counters.iter().filter(|(period, _)| bare.starts_with(&**period)).map(|(_, last)| last).max();
            let last = last.map_or_else(|| "-".to_owned(), i64::to_string);
            let place = words!("{number}（採番は{last}まで）", "{number} (the counter is at {last})");
            findings.add(Code::CheckNumber, invariants::column_name(layout, column), place);
        }
    }
    Ok(())
}

/// Calculated fields have what their expressions give.
pub(crate) fn inspect_calculations(
    store: &Store,
    connection: &Connection,
    table: &Arc<Table>,
    findings: &mut Findings,
) -> Result<()> {
    let layouts = || std::iter::once(&table.header).chain(&table.details);
    if layouts().all(|layout| layout.calculated.is_empty()) {
        return Ok(());
    }
    let mut writer = Writer::new(store, connection, table);
    let sql = format!("SELECT _id FROM {}", table.header.sql);
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let slots = vec![Slot::Absent; table.header.columns.len()];
        let Some(current) = writer.compare_all(&Selector::Id(id), &slots)? else { continue };
        let stored = match table.details.is_some() {
            true => writer.read_rows(id)?,
            false => Vec::new(),
        };
        let key = writer.last_key().to_owned();
        if let Some(details) = &table.details {
            for (at, row) in stored.iter().enumerate() {
                let mut cells = row.clone();
                let mut violations = Vec::new();
                calculate(details, Which::All, &mut cells, &current.cells, &[], Some(at + 1), &mut violations);
                tell_differences(details, &cells, row, &format!("{key} / {}", at + 1), findings);
            }
        }
        let mut cells = current.cells.clone();
        let mut violations = Vec::new();
        let rows = if needs_rows(&table.header) { &stored[..] } else { &[] };
        calculate(&table.header, Which::All, &mut cells, &[], rows, None, &mut violations);
        tell_differences(&table.header, &cells, &current.cells, &key, findings);
    }
    Ok(())
}

fn tell_differences(
    layout: &Layout,
    expected: &[Cell<'_>],
    stored: &[Cell<'_>],
    record: &str,
    findings: &mut Findings,
) {
    for at in layout.calculated.iter().filter(|at| expected[**at] != stored[**at]) {
        let column = &layout.columns[*at];
        let shown = |cell: &Cell<'_>| column.text(cell, crate::schema::ValueFormat::Raw);
        let (is, should) = (shown(&stored[*at]), shown(&expected[*at]));
        let place = words!("{record}: 「{is}」、正しくは「{should}」", "{record}: \"{is}\", not \"{should}\"");
        findings.add(Code::CheckCalculation, invariants::column_name(layout, column), place);
    }
}

/// A stored file belongs to one record, or to none; and a record has no file that is not its own.
pub(crate) fn inspect_files(connection: &Connection, catalog: &Catalog, findings: &mut Findings) -> Result<()> {
    let mut owners: HashMap<i64, i64> = HashMap::new();
    let mut fault = |id: i64, why: Words| {
        findings.add(Code::CheckFile, "", words!("ファイル{id}: {why}", "file {id}: {why}"; why));
    };
    for table in catalog.tables() {
        for (sql, column) in invariants::file_columns(table) {
            let sql = format!("SELECT {column} FROM {sql} WHERE {column} IS NOT NULL");
            let mut statement = connection.prepare(&sql)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let id: i64 = row.get(0)?;
                if owners.insert(id, table.id).is_some() {
                    fault(id, words!("2つのレコードに属しています", "it belongs to two records"));
                }
            }
        }
    }
    let mut statement = connection.prepare("SELECT id, state, database_id FROM renkei_file WHERE state <> 0")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, state, database): (i64, i64, Option<i64>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        match (state, owners.get(&id)) {
            (2, Some(owner)) if database == Some(*owner) => {}
            (2, Some(_)) => fault(id, words!("データベースが異なります", "it is of another database")),
            (2, None) => fault(id, words!("どのレコードにもありません", "no record has it")),
            (_, Some(_)) => {
                fault(id, words!("レコードに属していないことになっています", "it is not marked as a record's"))
            }
            (_, None) => {}
        }
    }
    Ok(())
}
