//! What must hold between definitions and tables, and between the rules of fields and the stored values.

mod full_text;

use rusqlite::Connection;

pub(crate) use full_text::inspect_full_text;

use super::catalog::{Catalog, Column, Layout, Table};
use super::change::stored::{has_rules, record_name, stored_fault};
use super::date::{Date, DateTime, Time};
use super::definition::{Database, Field, FieldKind};
use super::documents::{self, Document, kind_words};
use super::plan::{DETAIL_SYSTEM, HEADER_SYSTEM};
use super::value::Cell;
use super::{ddl, names, validate};
use crate::error::{Code, Error, Findings, Kind, Result, Words, words};
use crate::store::quote;

/// The databases as they are defined, if they can be read and fit together.
pub(crate) fn inspect_databases(connection: &Connection, findings: &mut Findings) -> Result<Option<Catalog>> {
    let Some(databases) = inspect_documents::<Database>(connection, findings)? else { return Ok(None) };
    let mut told = |error: &Error| {
        findings.add(Code::CheckDefinition, "", Words::of(|language| error.message(language)));
    };
    let mut sound = true;
    for database in &databases {
        if let Err(error) = validate::validate(database, &databases) {
            told(&error);
            sound = false;
        }
        let fields = database.fields.iter().chain(&database.details);
        if database.id.is_none() || fields.clone().any(|field| field.id.is_none()) {
            told(&Error::new(Code::DefinitionInvalid).with_name(&database.code).with_rule("id: null"));
            sound = false;
        }
    }
    match super::check_ids(connection) {
        Err(error) if error.kind() == Kind::Definition => told(&error),
        // It could not be read at all, which says nothing of the definitions.
        other => other?,
    }
    if !sound {
        return Ok(None);
    }
    match Catalog::compile(databases) {
        Ok(catalog) => Ok(Some(catalog)),
        Err(error) => {
            told(&error);
            Ok(None)
        }
    }
}

/// Kinds of definitions that belong to no database.
const FREE: [&str; 3] = [Database::KIND, "target", "mail_server"];

/// Every definition of a kind is readable and is kept under its own id and code, in a database that exists; `None` if
/// one is not readable.
pub(crate) fn inspect_documents<D: Document>(
    connection: &Connection,
    findings: &mut Findings,
) -> Result<Option<Vec<D>>> {
    let sql = "SELECT d.id, d.code, d.database_id IS NULL, b.id IS NOT NULL FROM renkei_definition d
        LEFT JOIN renkei_definition b ON b.id = d.database_id AND b.kind = 'database'
        WHERE d.kind = ?1 ORDER BY d.id";
    let mut statement = connection.prepare(sql)?;
    let kept = statement.query_map([D::KIND], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    let kept: Vec<(i64, String, bool, bool)> = kept.collect::<rusqlite::Result<_>>()?;
    let kind = kind_words(D::KIND);
    for (id, code, is_free, belongs) in &kept {
        if *is_free != FREE.contains(&D::KIND) || !is_free && !belongs {
            let place = words!("{kind}「{code}」（{id}）", "the {kind} \"{code}\" ({id})"; kind);
            findings.add(Code::CheckOrphan, "renkei_definition", place);
        }
    }
    let read: Vec<D> = match documents::load(connection) {
        Ok(read) => read,
        Err(error) if error.code() == Code::StoreCorrupt => {
            findings.add(Code::CheckDefinition, "", Words::of(|language| error.message(language)));
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    for ((id, code, ..), document) in kept.iter().zip(&read) {
        if document.id() != Some(*id) || document.code() != code {
            let place = words!(
                "{kind}「{code}」（{id}）の文書のIDまたはコードが異なります",
                "the document of the {kind} \"{code}\" ({id}) has another id or code"; kind
            );
            findings.add(Code::CheckDefinition, "", place);
        }
    }
    Ok(Some(read))
}

/// The ids that stand in the definitions of databases only.
pub(crate) fn field_ids(catalog: &Catalog) -> impl Iterator<Item = i64> {
    catalog.tables().iter().flat_map(|table| fields(&table.definition).filter_map(|field| field.id))
}

fn fields(database: &Database) -> impl Iterator<Item = &Field> {
    database.fields.iter().chain(&database.details)
}

/// What stands in the list of the file's tables.
struct Entry {
    kind: String,
    name: String,
    sql: String,
    known: bool,
}

/// Tables, indexes, full-text tables and views are those that the definitions ask for.
pub(crate) fn inspect_tables(connection: &Connection, catalog: &Catalog, findings: &mut Findings) -> Result<()> {
    let sql = "SELECT type, name, sql FROM sqlite_schema
        WHERE sql IS NOT NULL AND substr(name, 1, 7) NOT IN ('renkei_', 'sqlite_')";
    let mut statement = connection.prepare(sql)?;
    let read =
        |row: &rusqlite::Row<'_>| Ok(Entry { kind: row.get(0)?, name: row.get(1)?, sql: row.get(2)?, known: false });
    let mut entries: Vec<Entry> = statement.query_map([], read)?.collect::<rusqlite::Result<_>>()?;
    for table in catalog.tables() {
        inspect_table(connection, table, &mut entries, findings)?;
    }
    for entry in entries.iter().filter(|entry| !entry.known) {
        findings.add(Code::CheckOther, "", format!("{} {}", entry.kind, entry.name));
    }
    let mut statement = connection.prepare("SELECT table_name FROM renkei_last_id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        let belongs = |table: &Table| [names::header(table.code()), names::details(table.code())].contains(&name);
        if !catalog.tables().iter().any(|table| belongs(table)) {
            findings.add(Code::CheckOrphan, "renkei_last_id", name);
        }
    }
    Ok(())
}

fn inspect_table(connection: &Connection, table: &Table, entries: &mut [Entry], findings: &mut Findings) -> Result<()> {
    let definition = &table.definition;
    let code = table.code();
    let waits: bool =
        connection.prepare("SELECT 1 FROM renkei_deferred_index WHERE database_id = ?1")?.exists([table.id])?;
    let mut parts = vec![(names::header(code), HEADER_SYSTEM, &definition.fields, Some(&table.header), false)];
    if !definition.details.is_empty() {
        parts.push((names::details(code), DETAIL_SYSTEM, &definition.details, table.details.as_ref(), true));
    }
    for (name, system, fields, layout, is_details) in parts {
        let Some(entry) = entries.iter_mut().find(|entry| entry.kind == "table" && entry.name == name) else {
            findings.add(Code::CheckTable, &name, words!("ありません", "it is missing"));
            continue;
        };
        entry.known = true;
        if !entry.sql.trim_end().ends_with("STRICT") {
            findings.add(Code::CheckTable, &name, words!("STRICTではありません", "it is not STRICT"));
        }
        inspect_columns(connection, &name, system, fields, findings)?;
        let mut wanted = layout.map(|layout| ddl::indexes(layout, is_details)).unwrap_or_default();
        if is_details {
            let sql = ddl::create_order_index(definition);
            wanted.push(ddl::Index { name: names::index(&name, "_record"), sql, unique: Some(String::new()) });
        }
        for index in wanted {
            match entries.iter_mut().find(|entry| entry.kind == "index" && entry.name == index.name) {
                Some(entry) => {
                    entry.known = true;
                    if entry.sql != index.sql {
                        let place = words!("{}の定義が異なります", "{} is another one", index.name);
                        findings.add(Code::CheckIndex, &name, place);
                    }
                }
                None if waits && !is_details && index.unique.is_none() => {}
                None => {
                    let place = words!("{}がありません", "{} is missing", index.name);
                    findings.add(Code::CheckIndex, &name, place);
                }
            }
        }
        for column in layout.iter().flat_map(|layout| &layout.columns) {
            let Some(full_text) = &column.full_text else { continue };
            let own = names::full_text(&name, &column.field.code);
            match entries.iter().any(|entry| entry.kind == "table" && entry.name == own) {
                true => {}
                false => {
                    findings.add(Code::CheckIndex, &name, words!("{full_text}がありません", "{full_text} is missing"))
                }
            }
            // SQLite keeps what belongs to it in tables named after it.
            let beside = format!("{own}_");
            let own = entries.iter_mut().filter(|entry| entry.name == own || entry.name.starts_with(&beside));
            own.for_each(|entry| entry.known = true);
        }
        if layout.is_none() {
            // While all fields of the rows are out of use, their indexes stay as they are.
            let marks = [names::index(&name, ""), names::unique_index(&name, "")];
            let own = entries.iter_mut().filter(|entry| marks.iter().any(|mark| entry.name.starts_with(mark)));
            own.for_each(|entry| entry.known = true);
        } else {
            inspect_view(connection, &name, entries, findings)?;
        }
    }
    Ok(())
}

fn inspect_columns(
    connection: &Connection,
    table: &str,
    system: &[&str],
    fields: &[Field],
    findings: &mut Findings,
) -> Result<()> {
    let own = fields.iter().filter(|field| ddl::column(field).is_some());
    let wanted: Vec<(&str, &str)> = system
        .iter()
        .map(|name| (*name, "INTEGER"))
        .chain(own.map(|field| (field.code.as_str(), ddl::sql_type(field))))
        .collect();
    let mut statement = connection.prepare("SELECT name, type FROM pragma_table_info(?1)")?;
    let found = statement.query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let found: Vec<(String, String)> = found.collect::<rusqlite::Result<_>>()?;
    for (name, kind) in &wanted {
        match found.iter().find(|(other, _)| other == name) {
            None => {
                findings.add(Code::CheckTable, table, words!("列{name}がありません", "the column {name} is missing"))
            }
            Some((_, other)) if other != kind => {
                findings.add(
                    Code::CheckTable,
                    table,
                    words!("列{name}の型が{other}です", "the column {name} is {other}"),
                );
            }
            Some(_) => {}
        }
    }
    for (name, _) in found.iter().filter(|(name, _)| !wanted.iter().any(|(other, _)| other == name)) {
        findings.add(Code::CheckOther, "", format!("column {table}.{name}"));
    }
    Ok(())
}

fn inspect_view(connection: &Connection, table: &str, entries: &mut [Entry], findings: &mut Findings) -> Result<()> {
    let view = names::view(table);
    if let Some(entry) = entries.iter_mut().find(|entry| entry.kind == "view" && entry.name == view) {
        entry.known = true;
    }
    match connection.prepare(&format!("SELECT * FROM {} LIMIT 0", quote(&view))) {
        Ok(_) => Ok(()),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::Unknown) => {
            findings.add(Code::CheckView, table, error);
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// Every stored value obeys the rules of its field, and every value that must be there is.
pub(crate) fn inspect_values(connection: &Connection, table: &Table, findings: &mut Findings) -> Result<()> {
    for (layout, is_details) in std::iter::once((&table.header, false)).chain(table.details.iter().map(|it| (it, true)))
    {
        let columns: String = layout.stored().map(|(_, column)| format!(", t.{}", column.sql)).collect();
        let record = record_name(&table.definition, is_details);
        let sql = format!("SELECT t._id{columns} FROM {} t", layout.sql);
        let mut name_of = connection.prepare(&format!("SELECT {record} FROM {} t WHERE t._id = ?1", layout.sql))?;
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            for (at, (_, column)) in layout.stored().enumerate() {
                let fault = match Cell::from_sql(row.get_ref(at + 1)?) {
                    Ok(Cell::Null) if is_required(column) => Some(words!("値がありません", "it has no value")),
                    Ok(Cell::Null) => None,
                    Ok(cell) => cell_fault(column, &cell),
                    Err(error) => Some(Words::of(|language| error.message(language))),
                };
                let Some(fault) = fault else { continue };
                let id: i64 = row.get(0)?;
                let named: Option<String> = name_of.query_row([id], |row| row.get(0))?;
                let named = named.unwrap_or_else(|| format!("_id {id}"));
                let name = column_name(layout, column);
                findings.add(Code::CheckValue, name, words!("{named}: {fault}", "{named}: {fault}"; fault));
            }
        }
    }
    Ok(())
}

fn is_required(column: &Column) -> bool {
    column.field.required || column.field.is_key()
}

fn cell_fault(column: &Column, cell: &Cell<'_>) -> Option<Words> {
    let cannot_be = |int: i64| words!("{int}という値はありえません", "there is no value {int}");
    match (&column.effective().field.kind, cell) {
        (FieldKind::Date { .. }, Cell::Int(int)) => {
            let value = i32::try_from(*int).ok().and_then(Date::from_days);
            value.is_none().then(|| cannot_be(*int))
        }
        (FieldKind::DateTime { .. }, Cell::Int(int)) => DateTime::from_seconds(*int).is_none().then(|| cannot_be(*int)),
        (FieldKind::Time { .. }, Cell::Int(int)) => {
            let value = i32::try_from(*int).ok().and_then(Time::from_seconds);
            value.is_none().then(|| cannot_be(*int))
        }
        // What was copied obeyed the rules of its source when it was; only its label must still be known.
        (FieldKind::Choice { .. } | FieldKind::Choices { .. }, _) => stored_fault(column, cell),
        _ if column.source.is_none() && has_rules(&column.field) => stored_fault(column, cell),
        _ => None,
    }
}

/// Plain indexes that wait for an import belong to a database that exists. `open` are the jobs that have not ended.
pub(crate) fn inspect_deferred(
    connection: &Connection,
    catalog: &Catalog,
    open: &[i64],
    findings: &mut Findings,
) -> Result<()> {
    let mut statement = connection.prepare("SELECT database_id, job_id FROM renkei_deferred_index")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (database, job): (i64, i64) = (row.get(0)?, row.get(1)?);
        match catalog.table_by_id(database) {
            Err(_) => findings.add(Code::CheckOrphan, "renkei_deferred_index", database),
            Ok(table) if !open.contains(&job) => {
                let place = words!("インポート{job}は終了しています", "the import {job} has ended");
                findings.add(Code::CheckDeferredIndex, table.code(), place);
            }
            Ok(_) => {}
        }
    }
    Ok(())
}

/// Ids of databases and fields that stand in rows elsewhere exist: `table.column` is looked through.
pub(crate) fn inspect_owners(
    connection: &Connection,
    catalog: &Catalog,
    (table, column): (&str, &str),
    of_fields: bool,
    findings: &mut Findings,
) -> Result<()> {
    let known = |id: i64| match of_fields {
        true => catalog.tables().iter().any(|table| fields(&table.definition).any(|field| field.id == Some(id))),
        false => catalog.table_by_id(id).is_ok(),
    };
    let sql = format!("SELECT DISTINCT {column} FROM {table} WHERE {column} IS NOT NULL AND {column} <> 0");
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        if !known(id) {
            findings.add(Code::CheckOrphan, table, format!("{column} {id}"));
        }
    }
    Ok(())
}

/// The file columns of a database, also those out of use, each with the SQL table it stands in.
pub(crate) fn file_columns(table: &Table) -> impl Iterator<Item = (String, String)> {
    let of = |fields: &[Field], name: String| -> Vec<(String, String)> {
        let files = fields.iter().filter(|field| matches!(field.kind, FieldKind::File { .. }));
        files.map(|field| (quote(&name), quote(&field.code))).collect()
    };
    let code = table.code();
    let header = of(&table.definition.fields, names::header(code));
    header.into_iter().chain(of(&table.definition.details, names::details(code)))
}

/// How a layout is called in a finding, with one of its columns.
pub(crate) fn column_name(layout: &Layout, column: &Column) -> String {
    format!("{}.{}", layout.table, column.field.code)
}
