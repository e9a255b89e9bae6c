//! Making databases what their definitions say, also when records exist already.
//!
//! A set of definitions is applied at once, in the transaction of the caller: a definition that does not fit the stored
//! records, or another definition, leaves everything as it was. What a change would do is found by doing it and rolling
//! back.

use std::collections::HashMap;

use rusqlite::Connection;
use serde::Serialize;

use super::catalog::{Catalog, Column, Layout};
use super::deferred::forget_deferred;
use super::definition::{Choice, Database, Field, FieldKind};
use super::format::ValueFormat;
use super::value::Cell;
use super::{bigram, ddl, documents, names, validate};
use crate::error::{Code, Error, Language, Result, Violation};
use crate::store::{next_id, quote, reserve_id};

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
    /// Whether any definition differs, be it in what `changes` does not tell.
    pub(crate) has_changes: bool,
}

/// Creates or changes databases; those of the store that are not among `wanted` stay as they are.
pub(crate) fn define(connection: &Connection, wanted: Vec<Database>) -> Result<Defined> {
    let stored: Vec<Database> = documents::load(connection)?;
    let mut all = stored.clone();
    let mut pairs: Vec<(Option<Database>, Database)> = Vec::new();
    // Ids that are given must not be handed out on the way.
    for database in &wanted {
        let fields = database.fields.iter().chain(&database.details).filter_map(|field| field.id);
        for id in database.id.into_iter().chain(fields) {
            reserve_id(connection, id)?;
        }
    }
    for mut database in wanted {
        let old = find_old(&stored, &database)?.cloned();
        if pairs.iter().any(|(_, other)| other.code == database.code) {
            return Err(invalid(&database, format!("the code \"{}\" stands twice in one document", database.code)));
        }
        database.id = database.id.or(old.as_ref().and_then(|old| old.id));
        if let Some((_, other)) = pairs.iter().find(|(_, other)| other.id.is_some() && other.id == database.id) {
            let rule =
                format!("it is the database \"{}\" of the same document, by id or by its former code", other.code);
            return Err(invalid(&database, rule));
        }
        match &old {
            Some(old) => all.iter_mut().filter(|other| other.id == old.id).for_each(|other| *other = database.clone()),
            None => all.push(database.clone()),
        }
        pairs.push((old, database));
    }
    follow_renames(&stored, &mut all, &mut pairs);
    unique_ids(connection, &all)?;
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
        return Ok(Defined { changes, recalculate: Vec::new(), has_changes: false });
    }
    // Views name the tables and columns that change, also those of other databases.
    ddl::drop_views(connection)?;
    for (old, database) in &changed {
        match old {
            None => {
                ddl::create_tables(connection, database)?;
                changes.push(change(database, Action::Create, format!("new, with {} fields", count(database))));
            }
            Some(old) => {
                let same = |from: &str, to: &str| {
                    let id = |of: &[Database], code: &str| of.iter().find(|other| other.code == code)?.id;
                    id(&stored, from).is_some_and(|from| id(&all, to) == Some(from))
                };
                alter_tables(connection, old, database, &same, &mut changes)?;
            }
        }
    }
    let catalog = Catalog::load(connection)?;
    settle_copies(connection, &Catalog::compile(stored)?, &catalog)?;
    let mut recalculate = Vec::new();
    for (old, database) in &changed {
        let table = catalog.table(&database.code)?;
        let mut layouts = vec![(&table.header, false)];
        layouts.extend(table.details.as_ref().map(|details| (details, true)));
        if table.details.is_none() {
            // Rows whose fields are all out of use are not kept in step.
            drop_full_text(connection, &names::details(&database.code))?;
        }
        for (layout, is_details) in layouts {
            let old_fields = old.as_ref().map(|old| if is_details { &old.details } else { &old.fields });
            settle(connection, database, layout, is_details, old_fields)?;
        }
        let stale = |fields: &[Field], old: &[Field]| {
            fields.iter().any(|field| {
                matches!(field.kind, FieldKind::Calculated { .. })
                    && !field.retired
                    && old
                        .iter()
                        .find(|other| other.id == field.id)
                        .is_none_or(|other| other.retired || other.kind != field.kind)
            })
        };
        if let Some(old) = old
            && (stale(&database.fields, &old.fields) || stale(&database.details, &old.details))
        {
            recalculate.push(table.id);
        }
    }
    ddl::create_views(connection, &catalog)?;
    Ok(Defined { changes, recalculate, has_changes: true })
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

/// Databases that are not mentioned follow when what they link to, or what they read there, gets another code.
fn follow_renames(stored: &[Database], all: &mut [Database], pairs: &mut Vec<(Option<Database>, Database)>) {
    let renamed: Vec<(Database, Database)> =
        pairs.iter().filter_map(|(old, new)| Some((old.clone()?, new.clone()))).collect();
    let of = |code: &str| renamed.iter().find(|(old, _)| old.code == code);
    for database in all.iter_mut() {
        let Some(old) = stored.iter().find(|old| old.id == database.id) else { continue };
        if pairs.iter().any(|(_, new)| new.id == database.id) {
            continue;
        }
        for (fields, old_fields) in [(&mut database.fields, &old.fields), (&mut database.details, &old.details)] {
            for field in fields {
                match &mut field.kind {
                    FieldKind::Link { database: to } => {
                        if let Some((_, new)) = of(to) {
                            to.clone_from(&new.code);
                        }
                    }
                    FieldKind::Dependent { link, source } | FieldKind::Reference { link, source } => {
                        let Some(FieldKind::Link { database: to }) =
                            old_fields.iter().find(|other| other.code == *link).map(|link| &link.kind)
                        else {
                            continue;
                        };
                        let Some((before, after)) = of(to) else { continue };
                        let id = before.fields.iter().find(|other| other.code == *source).and_then(|other| other.id);
                        if let Some(other) = after.fields.iter().find(|other| id.is_some() && other.id == id) {
                            source.clone_from(&other.code);
                        }
                    }
                    _ => {}
                }
            }
        }
        if database != old {
            pairs.push((Some(old.clone()), database.clone()));
        }
    }
}

/// An id names one thing.
fn unique_ids(connection: &Connection, all: &[Database]) -> Result<()> {
    let mut owners: HashMap<i64, String> = HashMap::new();
    for database in all {
        let fields = database.fields.iter().chain(&database.details);
        let named = fields.map(|field| (field.id, format!("the field \"{}\" of \"{}\"", field.code, database.code)));
        for (id, owner) in std::iter::once((database.id, format!("the database \"{}\"", database.code))).chain(named) {
            let Some(id) = id else { continue };
            if id < 1 {
                return Err(invalid(database, format!("the id {id} of {owner} is not positive")));
            }
            if let Some(other) = owners.insert(id, owner) {
                return Err(invalid(database, format!("the id {id} stands twice; it is that of {other}")));
            }
        }
    }
    // Those of the databases stand in the documents, which may be about to change.
    let mut statement = connection.prepare_cached(
        "SELECT id, kind || ' \"' || code || '\"' FROM renkei_definition WHERE kind <> 'database'
         UNION ALL SELECT id, 'user \"' || code || '\"' FROM renkei_user",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, owner): (i64, String) = (row.get(0)?, row.get(1)?);
        let owner = format!("the {owner}");
        if let Some(other) = owners.insert(id, owner.clone()) {
            let rule = format!("the id {id} of {other} is that of {owner}");
            return Err(Error::new(Code::DefinitionInvalid).with_name(id.to_string()).with_rule(rule));
        }
    }
    Ok(())
}

/// Whether every id that is kept names one thing.
pub(crate) fn check_ids(connection: &Connection) -> Result<()> {
    unique_ids(connection, &documents::load::<Database>(connection)?)
}

/// Values that were copied through links are stored in the form of their source, and follow when that changes.
fn settle_copies(connection: &Connection, before: &Catalog, after: &Catalog) -> Result<()> {
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
                    let rule =
                        format!("\"{}\" cannot take its values from another field; add a new field", column.field.code);
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
        // A new field may have the code that a renamed one had.
        let pinned: Vec<i64> = fields.iter().filter_map(|field| field.id).collect();
        for field in fields.iter_mut() {
            let old = find_field(old_fields, field, &pinned);
            field.id = match field.id.or(old.and_then(|old| old.id)) {
                Some(id) => Some(id),
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

fn find_field<'a>(fields: &'a [Field], wanted: &Field, pinned: &[i64]) -> Option<&'a Field> {
    match wanted.id {
        Some(id) => fields.iter().find(|field| field.id == Some(id)),
        None => {
            fields.iter().find(|field| field.code == wanted.code && !field.id.is_some_and(|id| pinned.contains(&id)))
        }
    }
}

/// Renames and adds tables and columns.
///
/// `same_database` tells whether a former and a new code mean the same database.
fn alter_tables(
    connection: &Connection,
    old: &Database,
    new: &Database,
    same_database: &dyn Fn(&str, &str) -> bool,
    changes: &mut Vec<Change>,
) -> Result<()> {
    let mut note = |what: String| changes.push(change(new, Action::Change, what));
    if old.code != new.code {
        // In two steps, since SQLite does not tell names apart by case.
        let rename = |from: String, to: String| {
            let (from, to) = (quote(&from), quote(&to));
            format!("ALTER TABLE {from} RENAME TO \"__renamed\"; ALTER TABLE \"__renamed\" RENAME TO {to}")
        };
        drop_indexes(connection, &names::header(&old.code), None)?;
        connection.execute_batch(&rename(names::header(&old.code), names::header(&new.code)))?;
        if !old.details.is_empty() {
            drop_indexes(connection, &names::details(&old.code), None)?;
            connection.execute_batch(&rename(names::details(&old.code), names::details(&new.code)))?;
            connection.execute_batch(&ddl::create_order_index(new))?;
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
        let table = names::details(&new.code);
        alter_columns(connection, new, &table, &old.details, &new.details, same_database, &mut note)?;
    }
    alter_columns(connection, new, &names::header(&new.code), &old.fields, &new.fields, same_database, &mut note)
}

/// Drops the full-text tables of a table.
fn drop_full_text(connection: &Connection, table: &str) -> Result<()> {
    let mut statement = connection.prepare(
        "SELECT name FROM sqlite_schema
         WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE%' AND substr(name, 1, length(?1)) = ?1",
    )?;
    let prefix = names::full_text_prefix(table);
    let found: Vec<String> = statement.query_map([prefix], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    for name in found {
        connection.execute_batch(&format!("DROP TABLE {}", quote(&name)))?;
    }
    Ok(())
}

/// Drops the indexes and full-text tables of a table, or of one of its columns. They are named after table and column,
/// and made anew under their new names.
fn drop_indexes(connection: &Connection, table: &str, field: Option<&str>) -> Result<()> {
    let of_field = |name: &str| {
        field.is_none_or(|field| {
            name == names::index(table, field)
                || name == names::unique_index(table, field)
                || name == names::full_text(table, field)
        })
    };
    let mut statement = connection.prepare(
        "SELECT name, type FROM sqlite_schema WHERE type = 'index' AND tbl_name = ?1 AND sql IS NOT NULL
         OR type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE%' AND substr(name, 1, length(?2)) = ?2",
    )?;
    let found: Vec<(String, String)> = statement
        .query_map([table, &names::full_text_prefix(table)], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (name, kind) in found.iter().filter(|(name, _)| of_field(name)) {
        connection.execute_batch(&format!("DROP {kind} {}", quote(name)))?;
    }
    Ok(())
}

fn alter_columns(
    connection: &Connection,
    database: &Database,
    table: &str,
    old: &[Field],
    new: &[Field],
    same_database: &dyn Fn(&str, &str) -> bool,
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
        drop_indexes(connection, table, Some(&old.code))?;
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
        if let (FieldKind::Link { database: to }, FieldKind::Link { database: from }) = (&field.kind, &old.kind)
            && !same_database(from, to)
        {
            let rule = format!("the link \"{}\" cannot turn from \"{from}\" to \"{to}\"; add a new field", field.code);
            return Err(invalid(database, rule));
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
    database: &Database,
    layout: &Layout,
    is_details: bool,
    old: Option<&Vec<Field>>,
) -> Result<()> {
    if let Some(old) = old {
        for (_, column) in layout.stored() {
            let before = old.iter().find(|before| before.id == Some(column.id));
            fill_default(connection, layout, column, before)?;
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
fn fill_default(connection: &Connection, layout: &Layout, column: &Column, before: Option<&Field>) -> Result<()> {
    let (None, Some(default)) = (before, &column.field.default) else { return Ok(()) };
    if let Ok(cell) = column.check_text(default) {
        let sql = format!("UPDATE {} SET {} = ?1", layout.sql, column.sql);
        connection.execute(&sql, [cell])?;
    }
    Ok(())
}

/// What a record is called in a message: its key, or the key and the row.
fn record_name(database: &Database, is_details: bool) -> String {
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
    named: Vec<String>,
    more: u64,
}

impl Offenders {
    fn add(&mut self, record: String, message: String) {
        if self.named.len() < 5 { self.named.push(format!("{record}: {message}")) } else { self.more += 1 }
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
            let violation =
                Violation::new(crate::error::Broken::new(Code::Required), &column.field.code, &column.field.name, "");
            offenders.add(row.get(0)?, violation.message(Language::English));
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
    let kind = &column.effective().field.kind;
    while let Some(row) = rows.next()? {
        let cell = Cell::from_sql(row.get_ref(1)?)?;
        let stored = column.text(&cell, ValueFormat::Raw);
        let violation = |broken| {
            Violation::new(broken, &column.field.code, &column.field.name, stored.as_str()).message(Language::English)
        };
        let gone = || "its choice is missing in the definition; keep it and set `\"retired\": true`".to_owned();
        // A label that was taken away has no text any more.
        let broken = match (&cell, kind) {
            (Cell::Int(number), FieldKind::Choice { .. }) => column.labels().label(*number).is_none().then(gone),
            (Cell::Text(set), FieldKind::Choices { .. }) => {
                (column.labels().set(set).count() != set.matches('[').count()).then(gone)
            }
            (Cell::Text(key), FieldKind::Key { .. }) => match column.check_text(&stored) {
                // Padded in another way it would not be found any more.
                Ok(Cell::Text(now)) if now != *key => Some(format!("its key would be \"{now}\" now")),
                other => other.err().map(violation),
            },
            _ => column.check_text(&stored).err().map(violation),
        };
        if let Some(message) = broken {
            offenders.add(row.get(0)?, message);
        }
    }
    Ok(())
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
