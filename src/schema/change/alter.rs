//! Tables and columns follow a changed definition.

use rusqlite::Connection;

use super::stored::rescale;
use super::{Action, Change, change, invalid};
use crate::error::{Result, words};
use crate::schema::definition::{Database, Field, FieldKind};
use crate::schema::{ddl, names};
use crate::store::quote;

/// Renames the tables of databases that have other codes now. Two may exchange theirs, and SQLite does not tell names
/// apart by case, so each goes through a name that no code can have.
pub(super) fn rename_tables(
    connection: &Connection,
    changed: &[(Option<Database>, Database)],
    changes: &mut Vec<Change>,
) -> Result<()> {
    let renamed: Vec<(&Database, &Database)> = changed
        .iter()
        .filter_map(|(old, new)| Some((old.as_ref()?, new)))
        .filter(|(old, new)| old.code != new.code)
        .collect();
    let rename = |from: String, to: String, exists: bool| -> Result<()> {
        if exists {
            connection.execute_batch(&format!("ALTER TABLE {} RENAME TO {}", quote(&from), quote(&to)))?;
        }
        // The greatest id that was deleted stands under the name of its table.
        let sql = "UPDATE OR REPLACE renkei_last_id SET table_name = ?2 WHERE table_name = ?1";
        connection.execute(sql, (from, to))?;
        Ok(())
    };
    let between = |at: usize| format!("__renamed_{at}");
    for (at, (old, _)) in renamed.iter().enumerate() {
        let has_details = !old.details.is_empty();
        drop_indexes(connection, &names::header(&old.code), None)?;
        if has_details {
            drop_indexes(connection, &names::details(&old.code), None)?;
        }
        rename(names::header(&old.code), names::header(&between(at)), true)?;
        rename(names::details(&old.code), names::details(&between(at)), has_details)?;
    }
    for (at, (old, new)) in renamed.iter().enumerate() {
        let has_details = !old.details.is_empty();
        rename(names::header(&between(at)), names::header(&new.code), true)?;
        rename(names::details(&between(at)), names::details(&new.code), has_details)?;
        if has_details {
            connection.execute_batch(&ddl::create_order_index(new))?;
        }
        changes.push(change(new, Action::Change, format!("renamed from \"{}\"", old.code)));
    }
    Ok(())
}

/// Adds tables and columns, and renames columns.
///
/// `same_database` tells whether a former and a new code mean the same database.
pub(super) fn alter_tables(
    connection: &Connection,
    old: &Database,
    new: &Database,
    same_database: &dyn Fn(&str, &str) -> bool,
    changes: &mut Vec<Change>,
) -> Result<()> {
    let mut note = |what: String| changes.push(change(new, Action::Change, what));
    if old.name != new.name {
        note(format!("shown as \"{}\" instead of \"{}\"", new.name, old.name));
    }
    if old.approval != new.approval {
        note(if new.approval { "keeps an approval state" } else { "no longer keeps an approval state" }.to_owned());
    }
    if old.details_at != new.details_at {
        note("shows the detail rows at another place".to_owned());
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
pub(super) fn drop_full_text(connection: &Connection, table: &str) -> Result<()> {
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
        let rule = words!(
            "項目「{}」がありません。使用をやめるには、項目を残して`\"retired\": true`とします（値は残ります）",
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
            let (code, from, to) = (&field.code, old.type_words(), field.type_words());
            let rule = words!(
                "項目「{code}」の型は{from}から{to}に変更できません。新しい項目を追加してください",
                "field \"{code}\" cannot become {to} from {from}; add a new field instead"; from, to
            );
            return Err(invalid(database, rule));
        }
        if let (FieldKind::Link { database: to }, FieldKind::Link { database: from }) = (&field.kind, &old.kind)
            && !same_database(from, to)
        {
            let rule = words!(
                "リンク「{}」のリンク先は「{from}」から「{to}」に変更できません。新しい項目を追加してください",
                "the link \"{}\" cannot turn from \"{from}\" to \"{to}\"; add a new field",
                field.code
            );
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
pub(super) fn interchangeable(a: &Field, b: &Field) -> bool {
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
