//! Making databases what their definitions say, also when records exist already.
//!
//! A set of definitions is applied at once, in the transaction of the caller: a definition that does not fit the stored
//! records, or another definition, leaves everything as it was. What a change would do is found by doing it and rolling
//! back.

use rusqlite::Connection;
use serde::Serialize;

use super::catalog::{Catalog, Column, Layout};
use super::definition::{Choice, Database, Field, FieldKind};
use super::format::ValueFormat;
use super::value::Cell;
use super::{bigram, ddl, documents, names, validate};
use crate::error::{Code, Error, Language, Result, Violation};
use crate::store::{next_id, quote};

/// One thing that applying a definition did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What sort of definition it is, such as `database` or `list`.
    pub kind: &'static str,
    /// The code of the definition.
    pub code: String,
    /// Whether it is new.
    pub action: Action,
    /// What is done, in a few words.
    pub what: String,
}

/// Whether a definition is new or known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It did not exist.
    Create,
    /// It existed and differs.
    Change,
    /// It was taken away.
    Remove,
}

/// What came of a set of definitions.
pub(crate) struct Defined {
    pub(crate) changes: Vec<Change>,
    /// The databases whose calculated fields are to be calculated anew.
    pub(crate) recalculate: Vec<i64>,
}

/// Creates or changes databases; those of the store that are not among `wanted` stay as they are.
pub(crate) fn define(connection: &Connection, wanted: Vec<Database>) -> Result<Defined> {
    let stored: Vec<Database> = documents::load(connection)?;
    let mut all = stored.clone();
    let mut pairs = Vec::new();
    for mut database in wanted {
        let old = find_old(&stored, &database)?.cloned();
        if pairs.iter().any(|(_, other): &(Option<Database>, Database)| other.code == database.code) {
            return Err(invalid(&database, format!("the code \"{}\" stands twice in one document", database.code)));
        }
        database.id = database.id.or(old.as_ref().and_then(|old| old.id));
        match &old {
            Some(old) => all.iter_mut().filter(|other| other.id == old.id).for_each(|other| *other = database.clone()),
            None => all.push(database.clone()),
        }
        pairs.push((old, database));
    }
    for database in &all {
        validate::validate(database, &all)?;
        let same = all.iter().filter(|other| other.code.eq_ignore_ascii_case(&database.code)).count();
        if same > 1 {
            return Err(invalid(database, "another database has the same code".to_owned()));
        }
    }
    let mut changes = Vec::new();
    let mut changed = Vec::new();
    for (old, mut database) in pairs {
        assign_ids(connection, old.as_ref(), &mut database)?;
        if old.as_ref() == Some(&database) {
            continue;
        }
        documents::save(connection, None, &mut database)?;
        changed.push((old, database));
    }
    if changed.is_empty() {
        return Ok(Defined { changes, recalculate: Vec::new() });
    }
    // Views name the tables and columns that change, also those of other databases.
    ddl::drop_views(connection)?;
    for (old, database) in &changed {
        match old {
            None => {
                ddl::create_tables(connection, database)?;
                changes.push(change(database, Action::Create, format!("new, with {} fields", count(database))));
            }
            Some(old) => alter_tables(connection, old, database, &mut changes)?,
        }
    }
    let catalog = Catalog::load(connection)?;
    let mut recalculate = Vec::new();
    for (old, database) in &changed {
        let table = catalog.table(&database.code)?;
        let mut layouts = vec![(&table.header, false)];
        layouts.extend(table.details.as_ref().map(|details| (details, true)));
        for (layout, is_details) in layouts {
            let old_fields = old.as_ref().map(|old| if is_details { &old.details } else { &old.fields });
            settle(connection, &catalog, database, layout, is_details, old_fields, &mut changes)?;
        }
        let stale = |fields: &[Field], old: &[Field]| {
            fields.iter().any(|field| {
                matches!(field.kind, FieldKind::Calculated { .. })
                    && old.iter().find(|other| other.id == field.id).is_none_or(|other| other.kind != field.kind)
            })
        };
        if let Some(old) = old
            && (stale(&database.fields, &old.fields) || stale(&database.details, &old.details))
        {
            recalculate.push(table.id);
        }
    }
    ddl::create_views(connection, &catalog)?;
    Ok(Defined { changes, recalculate })
}

fn count(database: &Database) -> usize {
    database.fields.len() + database.details.len()
}

fn change(database: &Database, action: Action, what: String) -> Change {
    Change { kind: "database", code: database.code.clone(), action, what }
}

fn invalid(database: &Database, rule: String) -> Error {
    Error::new(Code::DefinitionInvalid).with_name(&database.code).with_rule(rule)
}

fn find_old<'a>(stored: &'a [Database], wanted: &Database) -> Result<Option<&'a Database>> {
    let by_code = stored.iter().find(|old| old.code == wanted.code);
    let Some(id) = wanted.id else { return Ok(by_code) };
    match (stored.iter().find(|old| old.id == Some(id)), by_code) {
        (Some(old), _) => Ok(Some(old)),
        (None, Some(old)) => {
            Err(invalid(wanted, format!("its id is {}, not {id}; ids do not change", old.id.unwrap_or_default())))
        }
        (None, None) => Ok(None),
    }
}

/// Fields keep their ids by id or code, labels by id or label; new ones get the next.
fn assign_ids(connection: &Connection, old: Option<&Database>, database: &mut Database) -> Result<()> {
    if database.id.is_none() {
        database.id = Some(next_id(connection)?);
    }
    let empty = Vec::new();
    let parts = [
        (&mut database.fields, old.map_or(&empty, |old| &old.fields)),
        (&mut database.details, old.map_or(&empty, |old| &old.details)),
    ];
    for (fields, old_fields) in parts {
        for field in fields.iter_mut() {
            let old = find_field(old_fields, field);
            field.id = match field.id.or(old.and_then(|old| old.id)) {
                Some(id) => {
                    crate::store::reserve_id(connection, id)?;
                    Some(id)
                }
                None => Some(next_id(connection)?),
            };
            let choices_of = |field: &Field| match &field.kind {
                FieldKind::Choice { choices } | FieldKind::Choices { choices } => Some(choices.clone()),
                _ => None,
            };
            let old_choices = old.and_then(choices_of).unwrap_or_default();
            if let FieldKind::Choice { choices } | FieldKind::Choices { choices } = &mut field.kind {
                number_choices(choices, &old_choices);
            }
        }
    }
    Ok(())
}

fn number_choices(choices: &mut [Choice], old: &[Choice]) {
    for at in 0..choices.len() {
        if choices[at].id.is_none() {
            let known = old.iter().find(|old| old.label == choices[at].label).and_then(|old| old.id);
            choices[at].id = known.filter(|id| !choices.iter().any(|other| other.id == Some(*id)));
        }
    }
    let mut last = choices.iter().chain(old).filter_map(|choice| choice.id).max().unwrap_or(0);
    for choice in choices.iter_mut().filter(|choice| choice.id.is_none()) {
        last += 1;
        choice.id = Some(last);
    }
}

fn find_field<'a>(fields: &'a [Field], wanted: &Field) -> Option<&'a Field> {
    match wanted.id {
        Some(id) => fields.iter().find(|field| field.id == Some(id)),
        None => fields.iter().find(|field| field.code == wanted.code),
    }
}

/// Renames and adds tables and columns.
fn alter_tables(connection: &Connection, old: &Database, new: &Database, changes: &mut Vec<Change>) -> Result<()> {
    let mut note = |what: String| changes.push(change(new, Action::Change, what));
    if old.code != new.code {
        let rename = |from: String, to: String| format!("ALTER TABLE {} RENAME TO {}", quote(&from), quote(&to));
        connection.execute_batch(&rename(names::header(&old.code), names::header(&new.code)))?;
        if !old.details.is_empty() {
            connection.execute_batch(&rename(names::details(&old.code), names::details(&new.code)))?;
        }
        let sql = "UPDATE OR REPLACE renkei_last_id SET table_name = ?2 WHERE table_name = ?1";
        for name in [names::header, names::details] {
            connection.execute(sql, (name(&old.code), name(&new.code)))?;
        }
        note(format!("renamed from \"{}\"", old.code));
    }
    if old.name != new.name {
        note(format!("shown as \"{}\" instead of \"{}\"", new.name, old.name));
    }
    if old.approval != new.approval {
        note(if new.approval { "keeps an approval state" } else { "no longer keeps an approval state" }.to_owned());
    }
    if old.details.is_empty() && !new.details.is_empty() {
        ddl::create_details(connection, new)?;
        note(format!("{} detail fields", new.details.len()));
    } else if !new.details.is_empty() || !old.details.is_empty() {
        alter_columns(connection, new, &names::details(&new.code), &old.details, &new.details, &mut note)?;
    }
    alter_columns(connection, new, &names::header(&new.code), &old.fields, &new.fields, &mut note)
}

fn alter_columns(
    connection: &Connection,
    database: &Database,
    table: &str,
    old: &[Field],
    new: &[Field],
    note: &mut impl FnMut(String),
) -> Result<()> {
    if let Some(gone) = old.iter().find(|old| !new.iter().any(|field| field.id == old.id)) {
        let rule = format!(
            "field \"{}\" is missing; to take it out of use keep it and set `\"retired\": true`, its values stay",
            gone.code
        );
        return Err(invalid(database, rule));
    }
    let sql_table = quote(table);
    let pairs: Vec<(&Field, Option<&Field>)> =
        new.iter().map(|field| (field, old.iter().find(|old| old.id == field.id))).collect();
    // Two fields may exchange their codes, so every renamed column goes through a name that no code can have.
    let renamed: Vec<(&Field, &Field)> = pairs
        .iter()
        .filter_map(|(field, old)| old.map(|old| (*field, old)))
        .filter(|(field, old)| field.code != old.code && ddl::column(old).is_some())
        .collect();
    for (at, (_, old)) in renamed.iter().enumerate() {
        let sql =
            format!("ALTER TABLE {sql_table} RENAME COLUMN {} TO {}", quote(&old.code), quote(&format!("__{at}")));
        connection.execute_batch(&sql)?;
    }
    for (at, (field, old)) in renamed.iter().enumerate() {
        let sql =
            format!("ALTER TABLE {sql_table} RENAME COLUMN {} TO {}", quote(&format!("__{at}")), quote(&field.code));
        connection.execute_batch(&sql)?;
        note(format!("field \"{}\" renamed to \"{}\"", old.code, field.code));
    }
    for (field, old) in &pairs {
        let Some(old) = old else {
            if let Some(column) = ddl::column(field) {
                connection.execute_batch(&format!("ALTER TABLE {sql_table} ADD COLUMN {column}"))?;
            }
            note(format!("field \"{}\" ({}) added", field.code, field.type_name()));
            continue;
        };
        if std::mem::discriminant(&field.kind) != std::mem::discriminant(&old.kind) && !interchangeable(field, old) {
            let rule = format!(
                "field \"{}\" cannot become {} from {}; add a new field instead",
                field.code,
                field.type_name(),
                old.type_name()
            );
            return Err(invalid(database, rule));
        }
        if let (FieldKind::Link { database: to }, FieldKind::Link { database: from }) = (&field.kind, &old.kind) {
            // A renamed database is the same database.
            let same = to == from
                || find_database(connection, to)? == Some(database_of(connection, sql_table.as_str(), &field.code)?);
            if !same {
                let rule =
                    format!("the link \"{}\" cannot turn from \"{from}\" to \"{to}\"; add a new field", field.code);
                return Err(invalid(database, rule));
            }
        }
        if let (Some(from), Some(to)) = (scale_of(old), scale_of(field)) {
            rescale(connection, database, &sql_table, field, from, to)?;
        }
        if **old != **field && old.code == field.code {
            note(format!("field \"{}\" {}", field.code, difference(old, field)));
        }
    }
    if old.iter().map(|field| field.id).ne(new.iter().map(|field| field.id).take(old.len())) {
        note("fields put in another order".to_owned());
    }
    Ok(())
}

fn difference(old: &Field, new: &Field) -> &'static str {
    match () {
        () if !old.retired && new.retired => "retired",
        () if old.retired && !new.retired => "in use again",
        () if old.name != new.name => "shown by another name",
        () if old.index != new.index || old.full_text != new.full_text || old.unique != new.unique => {
            "indexed in another way"
        }
        () => "has other rules",
    }
}

/// The table that a link column refers to, after renames.
fn database_of(connection: &Connection, sql_table: &str, column: &str) -> Result<String> {
    let sql = "SELECT \"table\" FROM pragma_foreign_key_list(?1) WHERE \"from\" = ?2";
    let table = sql_table.trim_matches('"');
    Ok(connection.query_row(sql, (table, column), |row| row.get(0)).unwrap_or_default())
}

fn find_database(connection: &Connection, code: &str) -> Result<Option<String>> {
    Ok(documents::find::<Database>(connection, None, code)?.map(|database| names::header(&database.code)))
}

fn scale_of(field: &Field) -> Option<u8> {
    match &field.kind {
        FieldKind::Number { scale, .. } => Some(*scale),
        _ => None,
    }
}

/// Types whose stored form is the same text; what does not fit the new rules is found by the check of all values.
fn interchangeable(a: &Field, b: &Field) -> bool {
    let text = |field: &Field| {
        matches!(
            field.kind,
            FieldKind::Text { .. }
                | FieldKind::Multiline { .. }
                | FieldKind::Email {}
                | FieldKind::Url {}
                | FieldKind::Phone {}
        )
    };
    text(a) && text(b)
}

/// Stored numbers follow a change of the decimal places that are kept.
fn rescale(connection: &Connection, database: &Database, table: &str, field: &Field, from: u8, to: u8) -> Result<()> {
    let column = quote(&field.code);
    if to > from {
        let power = 10i64.pow(u32::from(to - from));
        let limit = super::catalog::NUMBER_LIMIT / power;
        let large: Option<i64> = connection.query_row(
            &format!("SELECT max(abs({column})) FROM {table} WHERE abs({column}) > {limit}"),
            [],
            |row| row.get(0),
        )?;
        if large.is_some() {
            let rule = format!("a number of \"{}\" has too many digits for {to} decimal places", field.code);
            return Err(Error::new(Code::DefinitionStored).with_name(&database.code).with_rule(rule));
        }
        connection
            .execute_batch(&format!("UPDATE {table} SET {column} = {column} * {power} WHERE {column} IS NOT NULL"))?;
    } else if to < from {
        let power = 10i64.pow(u32::from(from - to));
        let cut: i64 = connection.query_row(
            &format!("SELECT count(*) FROM {table} WHERE {column} % {power} <> 0"),
            [],
            |row| row.get(0),
        )?;
        if cut > 0 {
            let rule = format!("{cut} numbers of \"{}\" have more than {to} decimal places", field.code);
            return Err(Error::new(Code::DefinitionStored).with_name(&database.code).with_rule(rule));
        }
        connection
            .execute_batch(&format!("UPDATE {table} SET {column} = {column} / {power} WHERE {column} IS NOT NULL"))?;
    }
    Ok(())
}

/// Brings values, indexes and full-text tables in line with the definition.
fn settle(
    connection: &Connection,
    catalog: &Catalog,
    database: &Database,
    layout: &Layout,
    is_details: bool,
    old: Option<&Vec<Field>>,
    changes: &mut Vec<Change>,
) -> Result<()> {
    if let Some(old) = old {
        for (_, column) in layout.stored() {
            let before = old.iter().find(|before| before.id == Some(column.id));
            fill_default(connection, layout, column, before)?;
            check_stored(connection, database, catalog, layout, is_details, column, before)?;
        }
    }
    let wanted = ddl::indexes(layout, is_details);
    // Made by hand, as every index of ours is, and so has its SQL; the primary keys have none.
    let mut statement = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = ?1 AND sql IS NOT NULL")?;
    let existing: Vec<String> =
        statement.query_map([&layout.table], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let position = names::index(&layout.table, "_record");
    for name in existing.iter().filter(|name| !wanted.iter().any(|index| index.name == **name)) {
        // The index that keeps the order of detail rows is made with their table, under its name of then.
        if name.ends_with("__by___record") {
            continue;
        }
        connection.execute_batch(&format!("DROP INDEX {}", quote(name)))?;
    }
    let _ = position;
    for index in wanted.iter().filter(|index| !existing.contains(&index.name)) {
        if let Some(field) = &index.unique {
            check_unique(connection, database, layout, is_details, field)?;
        }
        connection.execute_batch(&index.sql)?;
    }
    settle_full_text(connection, layout)?;
    let _ = changes;
    Ok(())
}

/// A field that is added with a default gives it to the records that exist.
fn fill_default(connection: &Connection, layout: &Layout, column: &Column, before: Option<&Field>) -> Result<()> {
    let (None, Some(default)) = (before, &column.field.default) else { return Ok(()) };
    if let Ok(cell) = column.check_text(default) {
        let sql = format!("UPDATE {} SET {} = ?1", layout.sql, column.sql);
        connection.execute(&sql, [cell])?;
    }
    Ok(())
}

/// What a record is called in a message: its key, or the key and the row.
fn record_name(layout: &Layout, database: &Database, is_details: bool) -> String {
    let key = database.fields.iter().find(|field| field.is_key()).map_or("_id", |field| field.code.as_str());
    match is_details {
        false => format!("t.{}", quote(key)),
        true => format!(
            "(SELECT h.{} FROM {} h WHERE h._id = t._record) || ' / ' || t._position",
            quote(key),
            quote(&names::header(&database.code))
        ),
    }
    .replace("{}", &layout.sql)
}

/// Judges every stored value of a field whose rules have changed; the error names the first that do not fit.
fn check_stored(
    connection: &Connection,
    database: &Database,
    catalog: &Catalog,
    layout: &Layout,
    is_details: bool,
    column: &Column,
    before: Option<&Field>,
) -> Result<()> {
    let _ = catalog;
    let mut offenders = Vec::new();
    let mut more = 0u64;
    let mut offend = |record: String, message: String| {
        if offenders.len() < 5 { offenders.push(format!("{record}: {message}")) } else { more += 1 }
    };
    let record = record_name(layout, database, is_details);
    let (sql, table) = (&column.sql, &layout.sql);
    if column.field.required && !before.is_some_and(|before| before.required && !before.retired) {
        let mut statement =
            connection.prepare(&format!("SELECT {record} FROM {table} t WHERE t.{sql} IS NULL LIMIT 1000"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let violation =
                Violation::new(crate::error::Broken::new(Code::Required), &column.field.code, &column.field.name, "");
            offend(row.get(0)?, violation.message(Language::English));
        }
    }
    if before.is_some_and(|before| before.kind != column.field.kind) && has_rules(&column.field) {
        let mut statement =
            connection.prepare(&format!("SELECT {record}, t.{sql} FROM {table} t WHERE t.{sql} IS NOT NULL"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let cell = Cell::from_sql(row.get_ref(1)?)?;
            let stored = column.text(&cell, ValueFormat::Raw);
            // A label that was taken away has no text any more.
            let broken = match (&cell, &column.field.kind) {
                (Cell::Int(number), FieldKind::Choice { .. }) => {
                    column.labels().label(*number).is_none().then(|| {
                        "its choice is missing in the definition; keep it and set `\"retired\": true`".to_owned()
                    })
                }
                (Cell::Text(set), FieldKind::Choices { .. }) => (column.labels().set(set).count()
                    != set.matches('[').count())
                .then(|| "its choice is missing in the definition; keep it and set `\"retired\": true`".to_owned()),
                _ => column.check_text(&stored).err().map(|broken| {
                    Violation::new(broken, &column.field.code, &column.field.name, stored.as_str())
                        .message(Language::English)
                }),
            };
            if let Some(message) = broken {
                offend(row.get(0)?, message);
            }
        }
    }
    refuse_stored(database, offenders, more)
}

fn has_rules(field: &Field) -> bool {
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
    let record = record_name(layout, database, is_details);
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
        offenders.push(format!("{} have the same {} \"{value}\"", crate::error::shorten(&records), column.field.name));
    }
    refuse_stored(database, offenders, 0)
}

fn refuse_stored(database: &Database, mut offenders: Vec<String>, more: u64) -> Result<()> {
    if offenders.is_empty() {
        return Ok(());
    }
    if more > 0 {
        offenders.push(format!("and {more} more"));
    }
    Err(Error::new(Code::DefinitionStored).with_name(&database.code).with_rule(offenders.join("; ")))
}

/// Creates the full-text tables that are missing and fills them; drops those that are not wanted any more.
fn settle_full_text(connection: &Connection, layout: &Layout) -> Result<()> {
    let prefix = names::full_text(&layout.table, "");
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
