//! The SQL of tables, indexes and views.

use rusqlite::Connection;

use super::bigram;
use super::catalog::{Catalog, Column, Layout, Table};
use super::definition::{Database, Field, FieldKind};
use super::names;
use crate::error::Result;
use crate::store::{quote, quote_text};

/// Columns that every header table has. Times are milliseconds since 1970 in UTC; users are ids, 0 is the host itself.
const HEADER_COLUMNS: &str = "_id INTEGER PRIMARY KEY,
    _revision INTEGER NOT NULL,
    _created_at INTEGER NOT NULL,
    _created_by INTEGER NOT NULL,
    _updated_at INTEGER NOT NULL,
    _updated_by INTEGER NOT NULL,
    _approval INTEGER NOT NULL DEFAULT 0";

/// Creates the tables of a new database. Indexes and views follow separately.
pub(super) fn create_tables(connection: &Connection, database: &Database) -> Result<()> {
    let columns =
        |fields: &[Field]| -> String { fields.iter().filter_map(column).map(|sql| format!(",\n    {sql}")).collect() };
    let header = names::header(&database.code);
    let sql = format!("CREATE TABLE {} (\n    {HEADER_COLUMNS}{}\n) STRICT", quote(&header), columns(&database.fields));
    connection.execute_batch(&sql)?;
    if !database.details.is_empty() {
        create_details(connection, database)?;
    }
    Ok(())
}

pub(super) fn create_details(connection: &Connection, database: &Database) -> Result<()> {
    let columns: String = database.details.iter().filter_map(column).map(|sql| format!(",\n    {sql}")).collect();
    let (details, header) = (quote(&names::details(&database.code)), quote(&names::header(&database.code)));
    let sql = format!(
        "CREATE TABLE {details} (\n    _id INTEGER PRIMARY KEY,
    _record INTEGER NOT NULL REFERENCES {header} (_id) ON DELETE CASCADE,
    _position INTEGER NOT NULL{columns}\n) STRICT;
{}",
        create_order_index(database)
    );
    connection.execute_batch(&sql)?;
    Ok(())
}

/// The index that keeps the order of detail rows.
pub(super) fn create_order_index(database: &Database) -> String {
    let details = names::details(&database.code);
    let name = names::index(&details, "_record");
    format!("CREATE UNIQUE INDEX {} ON {} (_record, _position)", quote(&name), quote(&details))
}

/// The column of a field; reference fields have none.
pub(super) fn column(field: &Field) -> Option<String> {
    let reference = match &field.kind {
        FieldKind::Reference { .. } => return None,
        FieldKind::Link { database: target } => format!(" REFERENCES {} (_id)", quote(&names::header(target))),
        FieldKind::User {} => " REFERENCES renkei_user (id)".to_owned(),
        FieldKind::File { .. } => " REFERENCES renkei_file (id)".to_owned(),
        _ => String::new(),
    };
    Some(format!("{} {}{reference}", quote(&field.code), sql_type(field)))
}

/// Dependent fields hold what their source holds, text or number, so they alone are untyped.
pub(super) fn sql_type(field: &Field) -> &'static str {
    match &field.kind {
        FieldKind::Key { .. }
        | FieldKind::DetailKey { .. }
        | FieldKind::Text { .. }
        | FieldKind::Multiline { .. }
        | FieldKind::Choices { .. }
        | FieldKind::Email {}
        | FieldKind::Url {}
        | FieldKind::Phone {}
        | FieldKind::AutoNumber { .. } => "TEXT",
        FieldKind::Dependent { .. } => "ANY",
        _ => "INTEGER",
    }
}

/// An index that a definition asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Index {
    pub(super) name: String,
    pub(super) sql: String,
    /// The field whose uniqueness it keeps.
    pub(super) unique: Option<String>,
}

/// Every index a layout asks for: keys and unique fields, chosen fields, and links (for the deletion of what they name).
pub(super) fn indexes(layout: &Layout, is_details: bool) -> Vec<Index> {
    let mut found = Vec::new();
    for (_, column) in layout.stored() {
        let field = &column.field;
        let within_record = matches!(field.kind, FieldKind::DetailKey { .. });
        let unique =
            field.unique || field.is_key() || within_record || matches!(field.kind, FieldKind::AutoNumber { .. });
        let linked = matches!(field.kind, FieldKind::Link { .. });
        if unique {
            let name = names::unique_index(&layout.table, &field.code);
            let columns = match within_record && is_details {
                true => format!("_record, {}", column.sql),
                false => column.sql.clone(),
            };
            let sql = format!("CREATE UNIQUE INDEX {} ON {} ({columns})", quote(&name), layout.sql);
            found.push(Index { name, sql, unique: Some(field.code.clone()) });
        } else if field.index || linked {
            let name = names::index(&layout.table, &field.code);
            let sql = format!("CREATE INDEX {} ON {} ({})", quote(&name), layout.sql, column.sql);
            found.push(Index { name, sql, unique: None });
        }
    }
    found
}

/// Bytes of new entries that a full-text table gathers in memory before it writes a segment. Segments have to be merged
/// later, and FTS5's own figure of 1 MiB makes an import write, and merge, eight times as many.
const FULL_TEXT_MEMORY: u32 = 8 << 20;

/// The full-text table of a column. It keeps neither the texts nor their lengths, so an entry is taken out by being told
/// what it was; keeping them would take an import twice as long.
pub(super) fn create_full_text(full_text: &str) -> String {
    format!(
        "CREATE VIRTUAL TABLE {full_text} USING fts5(t, content='', columnsize=0, detail=none, tokenize='{}');
         INSERT INTO {full_text} ({full_text}, rank) VALUES ('hashsize', {FULL_TEXT_MEMORY})",
        bigram::TOKENIZER
    )
}

pub(super) fn drop_views(connection: &Connection) -> Result<()> {
    let mut statement = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'view' AND name LIKE '%\\_\\_view' ESCAPE '\\'")?;
    let views: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    for view in views {
        connection.execute_batch(&format!("DROP VIEW {}", quote(&view)))?;
    }
    Ok(())
}

/// One view a database, for people who open the file with any SQLite tool: display names, labels, ISO dates.
pub(super) fn create_views(connection: &Connection, catalog: &Catalog) -> Result<()> {
    for table in catalog.tables() {
        connection.execute_batch(&view(catalog, table, &table.header, &names::view(table.code())))?;
        if let Some(details) = &table.details {
            let name = names::view(&names::details(table.code()));
            connection.execute_batch(&view(catalog, table, details, &name))?;
        }
    }
    Ok(())
}

fn view(catalog: &Catalog, table: &Table, layout: &Layout, name: &str) -> String {
    let mut columns = Vec::new();
    if layout.table == table.code() {
        columns.push(format!("t._id AS {}", quote("[ID]")));
    } else {
        let key = table.key();
        columns.push(format!(
            "(SELECT h.{} FROM {} h WHERE h._id = t._record) AS {}",
            key.sql,
            table.header.sql,
            quote(&key.field.name)
        ));
        columns.push(format!("t._position AS {}", quote("行")));
    }
    for column in &layout.columns {
        let value = match &column.source {
            // Read through the link.
            Some(source) if !column.is_stored() => {
                let link = &layout.columns[source.link];
                let target = quote(&names::header(&source.database));
                let inner = shown(catalog, &source.column, &format!("r.{}", source.sql));
                format!("(SELECT {inner} FROM {target} r WHERE r._id = t.{})", link.sql)
            }
            _ => shown(catalog, column.effective(), &format!("t.{}", column.sql)),
        };
        columns.push(format!("{value} AS {}", quote(&column.field.name)));
    }
    format!("CREATE VIEW {} AS SELECT {} FROM {} t", quote(name), columns.join(",\n    "), layout.sql)
}

/// SQL that shows a stored value as people write it.
fn shown(catalog: &Catalog, column: &Column, sql: &str) -> String {
    match &column.field.kind {
        FieldKind::Number { scale, .. } | FieldKind::Calculated { scale, .. } if *scale > 0 => {
            let power = 10i64.pow(u32::from(*scale));
            format!(
                "CASE WHEN {sql} IS NOT NULL THEN CASE WHEN {sql} < 0 THEN '-' ELSE '' END
        || printf('%d.%0{scale}d', abs({sql}) / {power}, abs({sql}) % {power}) END"
            )
        }
        FieldKind::Date { .. } => format!("date({sql} * 86400, 'unixepoch')"),
        FieldKind::DateTime { .. } => format!("datetime({sql}, 'unixepoch')"),
        FieldKind::Time { .. } => format!("time({sql}, 'unixepoch')"),
        FieldKind::Choice { .. } => {
            let labels = column.labels();
            let cases: String = labels
                .numbers()
                .filter_map(|number| labels.label(number).map(|label| (number, label)))
                .map(|(number, label)| format!(" WHEN {number} THEN {}", quote_text(label)))
                .collect();
            if cases.is_empty() { sql.to_owned() } else { format!("CASE {sql}{cases} END") }
        }
        // Each label nests the expression one deeper, and SQLite's limit is 1,000: beyond, the numbers are shown.
        FieldKind::Choices { choices } if choices.len() <= 300 => {
            // Not by replacing, which would find numbers in labels too.
            let labels = column.labels();
            let parts: String = labels
                .numbers()
                .filter_map(|number| labels.label(number).map(|label| (number, label)))
                .map(|(number, label)| {
                    let label = quote_text(&format!("{label},"));
                    format!(" || CASE WHEN instr({sql}, '[{number}]') THEN {label} ELSE '' END")
                })
                .collect();
            format!("CASE WHEN {sql} IS NOT NULL THEN rtrim(''{parts}, ',') END")
        }
        FieldKind::Link { database } => match catalog.table(database) {
            Ok(target) => {
                format!("(SELECT l.{} FROM {} l WHERE l._id = {sql})", target.key().sql, target.header.sql)
            }
            Err(_) => sql.to_owned(),
        },
        FieldKind::User {} => format!("(SELECT u.name FROM renkei_user u WHERE u.id = {sql})"),
        FieldKind::File { .. } => format!("(SELECT f.name FROM renkei_file f WHERE f.id = {sql})"),
        _ => sql.to_owned(),
    }
}
