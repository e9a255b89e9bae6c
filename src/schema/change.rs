//! Making databases what their definitions say, also when records exist already.
//!
//! A set of definitions is applied at once, in the transaction of the caller: a definition that does not fit the stored
//! records, or another definition, leaves everything as it was. What a change would do is found by doing it and rolling
//! back.

use std::collections::HashMap;

use rusqlite::Connection;
use serde::Serialize;

use super::catalog::Catalog;
use super::date::DateTime;
use super::definition::{Choice, Database, Field, FieldKind};
use super::{ddl, documents, names, validate};
use crate::error::{Code, Error, Result, Words, words};
use crate::store::next_id;

mod alter;
pub(super) mod stored;

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
    /// Automatic numbers that came to records that exist: database and field.
    pub(crate) numbered: Vec<(i64, i64)>,
    /// Whether any definition differs, be it in what `changes` does not tell.
    pub(crate) has_changes: bool,
}

/// Creates or changes databases; those of the store that are not among `wanted` stay as they are. Ids that are given are
/// reserved already. `now` is what records
/// that exist get in an added field whose default is the present.
pub(crate) fn define(connection: &Connection, wanted: Vec<Database>, now: DateTime) -> Result<Defined> {
    let stored: Vec<Database> = documents::load(connection)?;
    let mut all = stored.clone();
    let mut pairs: Vec<(Option<Database>, Database)> = Vec::new();
    for mut database in wanted {
        let old = find_old(&stored, &database)?.cloned();
        if pairs.iter().any(|(_, other)| other.code == database.code) {
            let code = &database.code;
            let rule = words!("コード「{code}」が二度あります", "the code \"{code}\" stands twice in one document");
            return Err(invalid(&database, rule));
        }
        database.id = database.id.or(old.as_ref().and_then(|old| old.id));
        if let Some((_, other)) = pairs.iter().find(|(_, other)| other.id.is_some() && other.id == database.id) {
            let rule = words!(
                "IDまたは以前のコードが、同じ文書の「{}」と同じデータベースを指しています",
                "it is the database \"{}\" of the same document, by id or by its former code",
                other.code
            );
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
            let rule = words!("別のデータベースが同じコードです", "another database has the same code");
            return Err(invalid(database, rule));
        }
    }
    let mut changed = Vec::new();
    for (old, mut database) in pairs {
        assign_ids(connection, old.as_ref(), &mut database)?;
        if old.as_ref() != Some(&database) {
            changed.push((old, database));
        }
    }
    let mut defined = Defined {
        changes: Vec::new(),
        recalculate: Vec::new(),
        numbered: Vec::new(),
        has_changes: !changed.is_empty(),
    };
    if !defined.has_changes {
        return Ok(defined);
    }
    // Databases may exchange their codes, so none keeps its own while others take theirs.
    for (old, database) in &changed {
        if old.as_ref().is_some_and(|old| old.code != database.code) {
            documents::release_code(connection, database.id)?;
        }
    }
    for (_, database) in &mut changed {
        documents::save(connection, None, database)?;
    }
    // Views name the tables and columns that change, also those of other databases.
    ddl::drop_views(connection)?;
    alter::rename_tables(connection, &changed, &mut defined.changes)?;
    for (old, database) in &changed {
        match old {
            None => {
                ddl::create_tables(connection, database)?;
                let what = format!("new, with {} fields", count(database));
                defined.changes.push(change(database, Action::Create, what));
            }
            Some(old) => {
                let same = |from: &str, to: &str| {
                    let id = |of: &[Database], code: &str| of.iter().find(|other| other.code == code)?.id;
                    id(&stored, from).is_some_and(|from| id(&all, to) == Some(from))
                };
                alter::alter_tables(connection, old, database, &same, &mut defined.changes)?;
            }
        }
    }
    let catalog = Catalog::load(connection)?;
    stored::settle_copies(connection, &Catalog::compile(stored)?, &catalog)?;
    for (old, database) in &changed {
        let table = catalog.table(&database.code)?;
        let mut layouts = vec![(&table.header, false)];
        layouts.extend(table.details.as_ref().map(|details| (details, true)));
        if table.details.is_none() {
            // Rows whose fields are all out of use are not kept in step.
            alter::drop_full_text(connection, &names::details(&database.code))?;
        }
        for (layout, is_details) in layouts {
            let old_fields = old.as_ref().map(|old| if is_details { &old.details } else { &old.fields });
            stored::settle(connection, database, layout, is_details, old_fields, now)?;
            let columns = layout.stored().map(|(_, column)| column);
            let numbers = columns.filter(|column| matches!(column.field.kind, FieldKind::AutoNumber { .. }));
            for column in numbers.filter(|_| old.is_some()) {
                let before = old_fields.and_then(|old| old.iter().find(|before| before.id == Some(column.id)));
                if before.is_none_or(|before| before.retired) {
                    defined.numbered.push((table.id, column.id));
                }
            }
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
            defined.recalculate.push(table.id);
        }
    }
    ddl::create_views(connection, &catalog)?;
    Ok(defined)
}

fn count(database: &Database) -> usize {
    database.fields.len() + database.details.len()
}

fn change(database: &Database, action: Action, what: String) -> Change {
    Change { kind: "database", code: database.code.clone(), action, what }
}

fn invalid(database: &Database, rule: Words) -> Error {
    Error::new(Code::DefinitionInvalid).with_name(&database.code).with_rule(rule)
}

fn find_old<'a>(stored: &'a [Database], wanted: &Database) -> Result<Option<&'a Database>> {
    let by_code = stored.iter().find(|old| old.code == wanted.code);
    let Some(id) = wanted.id else { return Ok(by_code) };
    match (stored.iter().find(|old| old.id == Some(id)), by_code) {
        (Some(old), _) => Ok(Some(old)),
        (None, Some(old)) => {
            let rule = words!(
                "IDは{}です（{id}への変更はできません）",
                "its id is {}, not {id}; ids do not change",
                old.id.unwrap_or_default()
            );
            Err(invalid(wanted, rule))
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
    let mut owners: HashMap<i64, Words> = HashMap::new();
    for database in all {
        let code = &database.code;
        let fields = database.fields.iter().chain(&database.details);
        let named = fields
            .map(|field| (field.id, words!("「{code}」の項目「{}」", "the field \"{}\" of \"{code}\"", field.code)));
        let own = (database.id, words!("データベース「{code}」", "the database \"{code}\""));
        for (id, owner) in std::iter::once(own).chain(named) {
            let Some(id) = id else { continue };
            if let Some(other) = owners.insert(id, owner) {
                let rule =
                    words!("ID {id}は{other}のものです", "the id {id} stands twice; it is that of {other}"; other);
                return Err(invalid(database, rule));
            }
        }
    }
    // Those of the databases stand in the documents, which may be about to change.
    let mut statement = connection.prepare_cached(
        "SELECT id, kind, code FROM renkei_definition WHERE kind <> 'database'
         UNION ALL SELECT id, 'user', code FROM renkei_user",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, kind, code): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let kind = documents::kind_words(&kind);
        let owner = words!("{kind}「{code}」", "the {kind} \"{code}\""; kind);
        if let Some(other) = owners.insert(id, owner.clone()) {
            let rule = words!("{other}のID {id}は{owner}のものです", "the id {id} of {other} is that of {owner}"; other, owner);
            return Err(Error::new(Code::DefinitionInvalid).with_name(id.to_string()).with_rule(rule));
        }
    }
    Ok(())
}

/// Whether every id that is kept names one thing.
pub(crate) fn check_ids(connection: &Connection) -> Result<()> {
    unique_ids(connection, &documents::load::<Database>(connection)?)
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
