//! A record on its way into the store: what was given, field by field, and what was wrong with it.

use crate::error::{Broken, Code, Violation};
use crate::schema::{Cell, Layout, Table, Value};

use super::input::Values;

/// What was given for a field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Slot<'a> {
    /// Nothing: a new record takes the default, an old one keeps what it has.
    Absent,
    Given(Cell<'a>),
    /// Something that was refused; the violation is noted already.
    Bad,
}

/// What was given for the header or for one detail row, by column.
pub(crate) type Slots<'a> = Vec<Slot<'a>>;

/// What was given for one detail row.
#[derive(Debug)]
pub(crate) struct RowDraft<'a> {
    pub(crate) id: Option<i64>,
    pub(crate) slots: Slots<'a>,
}

/// What was given for a record. Every door makes one of these; the writer takes no other form.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    pub(crate) slots: Slots<'a>,
    pub(crate) rows: Vec<RowDraft<'a>>,
    pub(crate) violations: Vec<Violation>,
}

impl<'a> Draft<'a> {
    /// Judges the values of a caller.
    pub(crate) fn of(table: &Table, values: &'a Values) -> Draft<'a> {
        let mut violations = Vec::new();
        let slots = judge(table, &table.header, &values.fields, None, &mut violations);
        let mut rows = Vec::with_capacity(values.rows.len());
        match &table.details {
            Some(details) => {
                for (at, row) in values.rows.iter().enumerate() {
                    let slots = judge(table, details, &row.fields, Some(at + 1), &mut violations);
                    rows.push(RowDraft { id: row.id, slots });
                }
            }
            None if values.rows.is_empty() => {}
            None => {
                let broken = Broken::rule(Code::DetailsAbsent, table.code().to_owned());
                violations.push(Violation::new(broken, "details", "details", values.rows.len().to_string()));
            }
        }
        Draft { slots, rows, violations }
    }
}

impl Draft<'_> {
    /// The key, if one was given and taken.
    pub(crate) fn key(&self, table: &Table) -> Option<String> {
        match &self.slots[table.key_index()] {
            Slot::Given(cell) => cell.text().map(str::to_owned),
            _ => None,
        }
    }
}

fn judge<'a>(
    table: &Table,
    layout: &Layout,
    fields: &'a [(String, Value)],
    row: Option<usize>,
    violations: &mut Vec<Violation>,
) -> Slots<'a> {
    let mut slots = vec![Slot::Absent; layout.columns.len()];
    let place = |violation: Violation| match row {
        Some(row) => violation.at_row(row),
        None => violation,
    };
    for (name, value) in fields {
        let Some(at) = layout.find(name) else {
            let broken = Broken::rule(Code::FieldUnknown, table.code().to_owned());
            violations.push(place(Violation::new(broken, name, name, name.as_str())));
            continue;
        };
        let column = &layout.columns[at];
        let checked = match column.is_writable() {
            true => column.check(value),
            false if value.is_empty() => continue,
            false => Err(Broken::new(Code::ReadOnly)),
        };
        slots[at] = match checked {
            Ok(cell) => Slot::Given(cell),
            Err(broken) => {
                let violation = Violation::new(broken, &column.field.code, &column.field.name, value.to_text());
                violations.push(place(violation));
                Slot::Bad
            }
        };
    }
    slots
}
