//! What is stored follows a changed definition, or is told where it does not fit.

use rusqlite::Connection;

use super::alter::interchangeable;
use super::invalid;
use crate::error::{Broken, Code, Error, Result, Violation, Words, shorten, words};
use crate::schema::catalog::{Catalog, Column, Layout, NUMBER_LIMIT};
use crate::schema::deferred::forget_deferred;
use crate::schema::definition::{Database, Field, FieldKind};
use crate::schema::value::Cell;
use crate::schema::{DateTime, ValueFormat, bigram, ddl, names};
use crate::store::quote;

/// Values that were copied through links are stored in the form of their source, and follow when that changes.
pub(super) fn settle_copies(connection: &Connection, before: &Catalog, after: &Catalog) -> Result<()> {
    for table in after.tables() {
        let old = before.tables().iter().find(|old| old.id == table.id);
        for (layout, is_details) in
            std::iter::once((&table.header, false)).chain(table.details.iter().map(|it| (it, true)))
        {
            let old = old.and_then(|old| if is_details { old.details.as_ref() } else { Some(&old.header) });
            for (_, column) in layout.stored().filter(|(_, column)| column.source.is_some()) {
                let Some(old) = old.and_then(|old| old.columns.iter().find(|old| old.id == column.id)) else {
                    continue;
                };
                if old.source.is_none() {
                    continue;
                }
                let (from, to) = (old.effective(), column.effective());
                let same_type = std::mem::discriminant(&from.field.kind) == std::mem::discriminant(&to.field.kind);
                let same = from.id == to.id || same_type && from.labels.is_none() && to.linked.is_none();
                if !same && !interchangeable(&from.field, &to.field) {
                    let rule = words!(
                        "「{}」の参照元は別の項目に変更できません。新しい項目を追加してください",
                        "\"{}\" cannot take its values from another field; add a new field",
                        column.field.code
                    );
                    return Err(invalid(&table.definition, rule));
                }
                if let (Some(from), Some(to)) = (from.scale(), to.scale()) {
                    rescale(connection, &table.definition, &layout.sql, &column.field, from, to)?;
                }
                if from.id == to.id && from.field.kind != to.field.kind && to.labels.is_some() {
                    let mut offenders = Offenders::default();
                    judge_values(connection, &table.definition, layout, is_details, column, &mut offenders)?;
                    offenders.refuse(&table.definition)?;
                }
            }
        }
    }
    Ok(())
}

/// Stored numbers follow a change of the decimal places that are kept.
pub(super) fn rescale(
    connection: &Connection,
    database: &Database,
    table: &str,
    field: &Field,
    from: u8,
    to: u8,
) -> Result<()> {
    let column = quote(&field.code);
    if to > from {
        let power = 10i64.pow(u32::from(to - from));
        let limit = NUMBER_LIMIT / power;
        let large: Option<i64> = connection.query_row(
            &format!("SELECT max(abs({column})) FROM {table} WHERE abs({column}) > {limit}"),
            [],
            |row| row.get(0),
        )?;
        if large.is_some() {
            let rule = words!(
                "「{}」に、小数{to}桁では桁数が多すぎる数値があります",
                "a number of \"{}\" has too many digits for {to} decimal places",
                field.code
            );
            return Err(Error::new(Code::DefinitionStored).with_name(&database.code).with_rule(rule));
        }
        scale_all(connection, table, field, &format!("{column} * {power}"))?;
    } else if to < from {
        let power = 10i64.pow(u32::from(from - to));
        let cut: i64 = connection.query_row(
            &format!("SELECT count(*) FROM {table} WHERE {column} % {power} <> 0"),
            [],
            |row| row.get(0),
        )?;
        if cut > 0 {
            let rule = words!(
                "「{}」に、小数が{to}桁を超える数値が{cut}件あります",
                "{cut} numbers of \"{}\" have more than {to} decimal places",
                field.code
            );
            return Err(Error::new(Code::DefinitionStored).with_name(&database.code).with_rule(rule));
        }
        scale_all(connection, table, field, &format!("{column} / {power}"))?;
    }
    Ok(())
}

/// Gives every number of a field its new form.
fn scale_all(connection: &Connection, table: &str, field: &Field, scaled: &str) -> Result<()> {
    let column = quote(&field.code);
    let set =
        |to: &str| connection.execute_batch(&format!("UPDATE {table} SET {column} = {to} WHERE {column} IS NOT NULL"));
    if !field.unique {
        return Ok(set(scaled)?);
    }
    // A unique index is judged at each row, where 10 may come before what was 10 has gone: all go by numbers that none has.
    const APART: i64 = 4 * (NUMBER_LIMIT + 1);
    set(&format!("{scaled} + {APART}"))?;
    Ok(set(&format!("{column} - {APART}"))?)
}

/// Brings values, indexes and full-text tables in line with the definition.
pub(super) fn settle(
    connection: &Connection,
    database: &Database,
    layout: &Layout,
    is_details: bool,
    old: Option<&Vec<Field>>,
    now: DateTime,
) -> Result<()> {
    if let Some(old) = old {
        for (_, column) in layout.stored() {
            let before = old.iter().find(|before| before.id == Some(column.id));
            fill_default(connection, layout, column, before, now)?;
            check_stored(connection, database, layout, is_details, column, before)?;
        }
    }
    let wanted = ddl::indexes(layout, is_details);
    // Made by hand, as every index of ours is, and so has its SQL; the primary keys have none.
    let mut statement = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = ?1 AND sql IS NOT NULL")?;
    let existing: Vec<String> =
        statement.query_map([&layout.table], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    for name in existing.iter().filter(|name| !wanted.iter().any(|index| index.name == **name)) {
        // The index that keeps the order of detail rows is made with their table.
        if is_details && *name == names::index(&layout.table, "_record") {
            continue;
        }
        connection.execute_batch(&format!("DROP INDEX {}", quote(name)))?;
    }
    for index in wanted.iter().filter(|index| !existing.contains(&index.name)) {
        if let Some(field) = &index.unique {
            check_unique(connection, database, layout, is_details, field)?;
        }
        connection.execute_batch(&index.sql)?;
    }
    if let (false, Some(id)) = (is_details, database.id) {
        forget_deferred(connection, id)?;
    }
    settle_full_text(connection, layout)
}

/// A field that is added with a default gives it to the records that exist.
fn fill_default(
    connection: &Connection,
    layout: &Layout,
    column: &Column,
    before: Option<&Field>,
    now: DateTime,
) -> Result<()> {
    if before.is_some() {
        return Ok(());
    }
    let defaults = &layout.plan().defaults;
    let default = defaults.iter().find(|(at, _)| layout.columns[*at].id == column.id);
    if let Some((_, default)) = default {
        let sql = format!("UPDATE {} SET {} = ?1", layout.sql, column.sql);
        connection.execute(&sql, [default.cell(column, now)])?;
    }
    Ok(())
}

/// What a record is called in a message: its key, or the key and the row.
pub(in crate::schema) fn record_name(database: &Database, is_details: bool) -> String {
    let key = database.fields.iter().find(|field| field.is_key()).map_or("_id", |field| field.code.as_str());
    match is_details {
        false => format!("t.{}", quote(key)),
        true => format!(
            "(SELECT h.{} FROM {} h WHERE h._id = t._record) || ' / ' || t._position",
            quote(key),
            quote(&names::header(&database.code))
        ),
    }
}

/// Records that do not fit: the first are named, the others counted.
#[derive(Default)]
struct Offenders {
    named: Vec<Words>,
    more: u64,
}

impl Offenders {
    fn add(&mut self, record: String, message: Words) {
        if self.named.len() < 5 {
            self.named.push(words!("{record}: {message}", "{record}: {message}"; message));
        } else {
            self.more += 1;
        }
    }

    fn refuse(self, database: &Database) -> Result<()> {
        refuse_stored(database, self.named, self.more)
    }
}

/// Judges every stored value of a field whose rules have changed; the error names the first that do not fit.
fn check_stored(
    connection: &Connection,
    database: &Database,
    layout: &Layout,
    is_details: bool,
    column: &Column,
    before: Option<&Field>,
) -> Result<()> {
    let mut offenders = Offenders::default();
    let record = record_name(database, is_details);
    let (sql, table) = (&column.sql, &layout.sql);
    if column.field.required && !before.is_some_and(|before| before.required && !before.retired) {
        let mut statement =
            connection.prepare(&format!("SELECT {record} FROM {table} t WHERE t.{sql} IS NULL LIMIT 1000"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let violation = Violation::new(Broken::new(Code::Required), &column.field.code, &column.field.name, "");
            offenders.add(row.get(0)?, Words::of(|language| violation.message(language)));
        }
    }
    // While a field is out of use its rules may change unchecked.
    if before.is_some_and(|before| before.retired || before.kind != column.field.kind) && has_rules(&column.field) {
        judge_values(connection, database, layout, is_details, column, &mut offenders)?;
    }
    offenders.refuse(database)
}

/// Judges every stored value of a column.
fn judge_values(
    connection: &Connection,
    database: &Database,
    layout: &Layout,
    is_details: bool,
    column: &Column,
    offenders: &mut Offenders,
) -> Result<()> {
    let record = record_name(database, is_details);
    let (sql, table) = (&column.sql, &layout.sql);
    let mut statement =
        connection.prepare(&format!("SELECT {record}, t.{sql} FROM {table} t WHERE t.{sql} IS NOT NULL"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if let Some(message) = stored_fault(column, &Cell::from_sql(row.get_ref(1)?)?) {
            offenders.add(row.get(0)?, message);
        }
    }
    Ok(())
}

/// Why a stored value does not obey the rules of its column, if it does not.
pub(in crate::schema) fn stored_fault(column: &Column, cell: &Cell<'_>) -> Option<Words> {
    let stored = column.text(cell, ValueFormat::Raw);
    let violation = |broken| {
        let violation = Violation::new(broken, &column.field.code, &column.field.name, stored.as_str());
        Words::of(|language| violation.message(language))
    };
    let gone = || {
        words!(
            "選択肢が定義にありません。残して`\"retired\": true`としてください",
            "its choice is missing in the definition; keep it and set `\"retired\": true`"
        )
    };
    // A label that was taken away has no text any more.
    match (cell, &column.effective().field.kind) {
        (Cell::Int(number), FieldKind::Choice { .. }) => column.labels().label(*number).is_none().then(gone),
        (Cell::Text(set), FieldKind::Choices { .. }) => {
            (column.labels().set(set).count() != set.matches('[').count()).then(gone)
        }
        (Cell::Text(key), FieldKind::Key { .. }) => match column.check_text(&stored) {
            // Padded in another way it would not be found any more.
            Ok(Cell::Text(now)) if now != *key => {
                Some(words!("キーが「{now}」になります", "its key would be \"{now}\" now"))
            }
            other => other.err().map(violation),
        },
        _ => column.check_text(&stored).err().map(violation),
    }
}

pub(in crate::schema) fn has_rules(field: &Field) -> bool {
    matches!(
        field.kind,
        FieldKind::Key { .. }
            | FieldKind::DetailKey { .. }
            | FieldKind::Text { .. }
            | FieldKind::Multiline { .. }
            | FieldKind::Number { .. }
            | FieldKind::Choice { .. }
            | FieldKind::Choices { .. }
            | FieldKind::Email {}
            | FieldKind::Url {}
            | FieldKind::Phone {}
    )
}

fn check_unique(
    connection: &Connection,
    database: &Database,
    layout: &Layout,
    is_details: bool,
    field: &str,
) -> Result<()> {
    let Some(column) = layout.columns.iter().find(|column| column.field.code == field) else { return Ok(()) };
    let group = match matches!(column.field.kind, FieldKind::DetailKey { .. }) {
        true => format!("t._record, t.{}", column.sql),
        false => format!("t.{}", column.sql),
    };
    let record = record_name(database, is_details);
    let sql = format!(
        "SELECT group_concat({record}, ', '), t.{} FROM {} t WHERE t.{} IS NOT NULL GROUP BY {group} HAVING count(*) > 1 LIMIT 5",
        column.sql, layout.sql, column.sql
    );
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let mut offenders = Vec::new();
    while let Some(row) = rows.next()? {
        let value = column.text(&Cell::from_sql(row.get_ref(1)?)?, ValueFormat::Raw);
        let records: String = row.get(0)?;
        let (records, name) = (shorten(&records), &column.field.name);
        offenders
            .push(words!("{records}の{name}「{value}」が重複しています", "{records} have the same {name} \"{value}\""));
    }
    refuse_stored(database, offenders, 0)
}

fn refuse_stored(database: &Database, mut offenders: Vec<Words>, more: u64) -> Result<()> {
    if offenders.is_empty() {
        return Ok(());
    }
    if more > 0 {
        offenders.push(words!("ほか{more}件", "and {more} more"));
    }
    Err(Error::new(Code::DefinitionStored).with_name(&database.code).with_rule(Words::list(&offenders, "; ")))
}

/// Creates the full-text tables that are missing and fills them; drops those that are not wanted any more.
fn settle_full_text(connection: &Connection, layout: &Layout) -> Result<()> {
    let prefix = names::full_text_prefix(&layout.table);
    let mut statement = connection.prepare(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE%' AND substr(name, 1, length(?1)) = ?1",
    )?;
    let existing: Vec<String> = statement.query_map([&prefix], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let wanted = |name: &str| layout.columns.iter().any(|column| column.full_text.as_deref() == Some(&quote(name)));
    for name in existing.iter().filter(|name| !wanted(name)) {
        connection.execute_batch(&format!("DROP TABLE {}", quote(name)))?;
    }
    for column in &layout.columns {
        let Some(full_text) = &column.full_text else { continue };
        if existing.iter().any(|name| &quote(name) == full_text) {
            continue;
        }
        connection.execute_batch(&ddl::create_full_text(full_text))?;
        let mut insert = connection.prepare(&format!("INSERT INTO {full_text} (rowid, t) VALUES (?1, ?2)"))?;
        let sql = format!("SELECT _id, {} FROM {} WHERE {} IS NOT NULL", column.sql, layout.sql, column.sql);
        let mut select = connection.prepare(&sql)?;
        let mut rows = select.query([])?;
        let mut tokens = String::new();
        while let Some(row) = rows.next()? {
            let text = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
            bigram::tokens(text, &mut tokens);
            insert.execute((row.get_ref(0)?.as_i64().map_err(rusqlite::Error::from)?, &tokens))?;
        }
    }
    Ok(())
}
