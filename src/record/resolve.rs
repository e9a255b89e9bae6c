//! Names in values become ids: links, users, files; and what comes through links.

use rusqlite::{Connection, OptionalExtension};

use super::draft::{Slot, Slots};
use crate::error::{Broken, Code, Result, Violation};
use crate::schema::{Cell, FieldKind, Layout};

/// Resolves what was given for a header or a detail row. What names nothing is a violation.
pub(super) fn resolve(
    connection: &Connection,
    layout: &Layout,
    slots: &mut Slots<'_>,
    row: Option<usize>,
    violations: &mut Vec<Violation>,
) -> Result<()> {
    let plan = layout.plan();
    let mut refuse = |at: usize, broken: Broken, value: &str| {
        let field = &layout.columns[at].field;
        let violation = Violation::new(broken, &field.code, &field.name, value);
        violations.push(match row {
            Some(row) => violation.at_row(row),
            None => violation,
        });
    };
    for (at, sql) in &plan.links {
        let Slot::Given(Cell::Text(key)) = &slots[*at] else { continue };
        let stored = layout.columns[*at].effective().linked.as_ref().map(|linked| linked.stored_key(key));
        let found: Option<i64> =
            connection.prepare_cached(sql)?.query_row([stored.as_deref()], |row| row.get(0)).optional()?;
        slots[*at] = match found {
            Some(id) => Slot::Given(Cell::Int(id)),
            None => {
                let FieldKind::Link { database } = &layout.columns[*at].effective().field.kind else { continue };
                refuse(*at, Broken::rule(Code::LinkUnknown, database.clone()), key);
                Slot::Bad
            }
        };
    }
    for at in &plan.users {
        let Slot::Given(Cell::Text(code)) = &slots[*at] else { continue };
        slots[*at] = match user(connection, code)? {
            Some(id) => Slot::Given(Cell::Int(id)),
            None => {
                refuse(*at, Broken::new(Code::UserUnknown), code);
                Slot::Bad
            }
        };
    }
    Ok(())
}

/// A user by his code, else by his name where no other has the same.
fn user(connection: &Connection, text: &str) -> Result<Option<i64>> {
    let sql = "SELECT id FROM renkei_user WHERE code = ?1";
    let found = connection.prepare_cached(sql)?.query_row([text], |row| row.get(0)).optional()?;
    if found.is_some() {
        return Ok(found);
    }
    let sql = "SELECT min(id) FROM renkei_user WHERE name = ?1 HAVING count(*) = 1";
    Ok(connection.prepare_cached(sql)?.query_row([text], |row| row.get(0)).optional()?)
}

/// Fills dependent columns whose link was given and which were not given themselves.
pub(super) fn fill_dependents(connection: &Connection, layout: &Layout, slots: &mut Slots<'_>) -> Result<()> {
    for (at, sql) in &layout.plan().dependents {
        let Some(source) = &layout.columns[*at].source else { continue };
        if slots[*at] != Slot::Absent {
            continue;
        }
        slots[*at] = match &slots[source.link] {
            Slot::Given(Cell::Int(linked)) => {
                let read = |row: &rusqlite::Row<'_>| Ok(Cell::from_sql(row.get_ref(0)?).map(Cell::into_owned));
                let found = connection.prepare_cached(sql)?.query_row([linked], read).optional()?;
                Slot::Given(found.transpose()?.unwrap_or(Cell::Null))
            }
            // A link that is emptied empties what came through it.
            Slot::Given(_) => Slot::Given(Cell::Null),
            Slot::Absent | Slot::Bad => continue,
        };
    }
    Ok(())
}
