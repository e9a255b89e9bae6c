//! What writing a row of a layout needs, worked out once: the SQL, and which columns need which care.

use super::catalog::{Column, Layout, Table};
use super::date::DateTime;
use super::definition::{Field, FieldKind};
use super::number::Rounding;
use super::value::Cell;
use crate::error::{Code, Error, Result, Words, words};
use crate::schema::Expression;

/// The plan of a header or of detail rows.
pub(crate) struct Plan {
    /// Inserts a row: first the system columns, then the stored columns in order.
    pub(crate) insert: String,
    /// The stored columns as a list for `SELECT`, as they are stored.
    pub(crate) columns: String,
    /// Reads one header row as it is stored, after its id and revision; by key, and by id.
    pub(crate) select_stored: ByTarget,
    /// Reads a header row, or the detail rows of a record, with all of their columns: the system columns, then the stored
    /// ones; by the id of the record.
    pub(crate) select_whole: String,
    /// Reads one header row for a caller: the system columns, `read`, and the version of the definitions; by key, and
    /// by id.
    pub(crate) select_read: ByTarget,
    /// All columns as a list for `SELECT` from the table as `t`, as they are read: links as keys, users as codes,
    /// references through their links.
    pub(crate) read: String,
    /// Positions of the stored columns.
    pub(crate) stored: Vec<usize>,
    /// Columns that must have a value in the end.
    pub(crate) required: Vec<usize>,
    /// What a new row has where nothing is given.
    pub(crate) defaults: Vec<(usize, DefaultValue)>,
    /// Link columns, with the SQL that finds the record of a key.
    pub(crate) links: Vec<(usize, String)>,
    pub(crate) users: Vec<usize>,
    pub(crate) files: Vec<usize>,
    /// Dependent columns, with the SQL that reads the source of a linked record.
    pub(crate) dependents: Vec<(usize, String)>,
    pub(crate) numbers: Vec<usize>,
    pub(crate) full_text: Vec<usize>,
    /// Columns whose uniqueness an index keeps.
    pub(crate) unique: Vec<usize>,
    /// Calculated columns, each after those it needs.
    pub(crate) calculated: Vec<Calculation>,
}

/// SQL that finds a record in either way.
pub(crate) struct ByTarget {
    pub(crate) key: String,
    pub(crate) id: String,
}

impl ByTarget {
    fn of(layout: &Layout, select: &str) -> ByTarget {
        let key = layout.key.map_or("_id", |at| layout.columns[at].sql.as_str());
        ByTarget { key: format!("{select} WHERE t.{key} = ?1"), id: format!("{select} WHERE t._id = ?1") }
    }
}

#[derive(Debug, Clone)]
pub(crate) enum DefaultValue {
    Fixed(Cell<'static>),
    Now,
}

impl DefaultValue {
    /// What a record gets in `column` at the moment `now`.
    pub(crate) fn cell(&self, column: &Column, now: DateTime) -> Cell<'static> {
        match self {
            DefaultValue::Fixed(cell) => cell.clone(),
            DefaultValue::Now => Cell::Int(match column.effective().field.kind {
                FieldKind::Date { .. } => i64::from(now.date().days()),
                FieldKind::Time { .. } => i64::from(now.time().seconds()),
                _ => now.seconds(),
            }),
        }
    }
}

/// A calculated column with its names resolved.
pub(crate) struct Calculation {
    pub(crate) column: usize,
    pub(crate) expression: Expression,
    pub(crate) scale: u8,
    pub(crate) rounding: Rounding,
    /// Where each plain name is found.
    pub(crate) operands: Vec<Operand>,
    /// Columns of the detail rows, with their scales, for each name that is summed.
    pub(crate) rows: Vec<(usize, u8)>,
    /// Whether it needs the detail rows, itself or through another calculation.
    uses_rows: bool,
}

/// Where a name of a calculation is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operand {
    /// In the same row.
    Own(usize, u8),
    /// In the header of the detail row.
    Header(usize, u8),
}

impl Calculation {
    /// Whether it needs the detail rows, itself or through another calculation.
    pub(crate) fn uses_rows(&self) -> bool {
        self.uses_rows
    }

    pub(crate) fn uses_header(&self) -> bool {
        self.operands.iter().any(|operand| matches!(operand, Operand::Header(..)))
    }
}

pub(crate) const HEADER_SYSTEM: &[&str] =
    &["_id", "_revision", "_created_at", "_created_by", "_updated_at", "_updated_by", "_approval"];
pub(crate) const DETAIL_SYSTEM: &[&str] = &["_id", "_record", "_position"];

impl Plan {
    /// Plans the header of a database, or its detail rows.
    pub(crate) fn of(table: &Table, layout: &Layout) -> Result<Plan> {
        let is_header = std::ptr::eq(layout, &table.header);
        let system = if is_header { HEADER_SYSTEM } else { DETAIL_SYSTEM };
        let stored: Vec<usize> = layout.stored().map(|(at, _)| at).collect();
        let names =
            system.iter().map(|name| name.to_string()).chain(stored.iter().map(|at| layout.columns[*at].sql.clone()));
        let names: Vec<String> = names.collect();
        let marks: Vec<String> = (1..=names.len()).map(|at| format!("?{at}")).collect();
        let insert = format!("INSERT INTO {} ({}) VALUES ({})", layout.sql, names.join(", "), marks.join(", "));
        let columns: String = stored.iter().map(|at| format!(", {}", layout.columns[*at].sql)).collect();
        let read: String = layout.columns.iter().map(|column| format!(", {}", read(layout, column))).collect();
        let pick = |of: &dyn Fn(&Field) -> bool| -> Vec<usize> {
            stored.iter().copied().filter(|at| of(&layout.columns[*at].field)).collect()
        };
        let mut defaults = Vec::new();
        let mut links = Vec::new();
        let mut dependents = Vec::new();
        for at in stored.iter().copied() {
            let column = &layout.columns[at];
            if let Some(default) = &column.field.default {
                defaults.push((at, default_value(table, column, default)?));
            }
            // Also what was copied through a link may be given, and is then resolved like its source.
            if let Some(linked) = &column.effective().linked {
                links.push((at, format!("SELECT _id FROM {} WHERE {} = ?1", linked.table, linked.key)));
            }
            if let Some(source) = &column.source {
                let target = crate::store::quote(&super::names::header(&source.database));
                dependents.push((at, format!("SELECT {} FROM {target} WHERE _id = ?1", source.sql)));
            }
        }
        let mut calculated = Vec::new();
        for at in &layout.calculated {
            calculated.push(calculation(table, layout, *at, is_header)?);
        }
        let select_stored = ByTarget::of(layout, &format!("SELECT _id, _revision{columns} FROM {} t", layout.sql));
        let whole = if is_header { "_id = ?1" } else { "_record = ?1 ORDER BY _position" };
        let select_whole = format!("SELECT {} FROM {} WHERE {whole}", names.join(", "), layout.sql);
        // Short, for a statement is found by all of its text.
        let system: String = HEADER_SYSTEM[1..].iter().map(|name| format!(",t.{name}")).collect();
        let version = "(SELECT value FROM renkei_meta WHERE name='definitions')";
        let select_read = ByTarget::of(layout, &format!("SELECT t._id{system}{read},{version} FROM {} t", layout.sql));
        Ok(Plan {
            insert,
            select_stored,
            select_whole,
            select_read,
            columns,
            read,
            required: pick(&|field| field.required || field.is_key()),
            defaults,
            links,
            users: stored
                .iter()
                .copied()
                .filter(|at| matches!(layout.columns[*at].effective().field.kind, FieldKind::User {}))
                .collect(),
            files: pick(&|field| matches!(field.kind, FieldKind::File { .. })),
            dependents,
            numbers: pick(&|field| matches!(field.kind, FieldKind::AutoNumber { .. })),
            full_text: pick(&|field| field.full_text),
            unique: pick(&|field| {
                field.unique
                    || matches!(
                        field.kind,
                        FieldKind::Key { .. } | FieldKind::DetailKey { .. } | FieldKind::AutoNumber { .. }
                    )
            }),
            calculated,
            stored,
        })
    }
}

/// SQL that reads a column of the table `t`.
fn read(layout: &Layout, column: &Column) -> String {
    let shown = |of: &Column, sql: String| match (&of.linked, &of.field.kind) {
        (Some(linked), _) => format!("(SELECT l.{} FROM {} l WHERE l._id = {sql})", linked.key, linked.table),
        (None, FieldKind::User {}) => format!("(SELECT u.code FROM renkei_user u WHERE u.id = {sql})"),
        (None, _) => sql,
    };
    match &column.source {
        Some(source) if !column.is_stored() => {
            let target = crate::store::quote(&super::names::header(&source.database));
            let inner = shown(&source.column, format!("r.{}", source.sql));
            format!("(SELECT {inner} FROM {target} r WHERE r._id = t.{})", layout.columns[source.link].sql)
        }
        _ => shown(column.effective(), format!("t.{}", column.sql)),
    }
}

fn default_value(table: &Table, column: &Column, default: &str) -> Result<DefaultValue> {
    let timely = matches!(
        column.effective().field.kind,
        FieldKind::Date { .. } | FieldKind::DateTime { .. } | FieldKind::Time { .. }
    );
    if timely && default == "now" {
        return Ok(DefaultValue::Now);
    }
    match column.check_text(default) {
        Ok(cell) => Ok(DefaultValue::Fixed(cell.into_owned())),
        Err(broken) => {
            let field = &column.field;
            let violation = crate::error::Violation::new(broken, &field.code, &field.name, default);
            let said = Words::of(|language| violation.message(language));
            let rule = words!(
                "「{}」の初期値が正しくありません: {said}",
                "the default of \"{}\" does not fit: {said}",
                field.code; said
            );
            Err(Error::new(Code::DefinitionInvalid).with_name(table.code()).with_rule(rule))
        }
    }
}

/// Whether a column of the header depends on the detail rows, be it through other calculations.
fn sums_rows(layout: &Layout, at: usize) -> bool {
    // Circles are refused before, so this ends.
    let FieldKind::Calculated { expression, .. } = &layout.columns[at].field.kind else { return false };
    let named = |name: &String| layout.columns.iter().position(|column| column.field.code == *name);
    expression.uses_rows() || expression.fields().iter().filter_map(named).any(|other| sums_rows(layout, other))
}

fn calculation(table: &Table, layout: &Layout, at: usize, is_header: bool) -> Result<Calculation> {
    let column = &layout.columns[at];
    let FieldKind::Calculated { expression, scale, rounding, .. } = &column.field.kind else {
        return Err(Error::new(Code::Internal).with_rule("a calculation without an expression"));
    };
    let unknown = |name: &str| {
        let rule = words!(
            "「{}」の式の「{name}」は、使用中の数値項目ではありません",
            "\"{}\" calculates with \"{name}\", which is no number field in use",
            column.field.code
        );
        Error::new(Code::DefinitionInvalid).with_name(table.code()).with_rule(rule)
    };
    let number = |layout: &Layout, name: &str| {
        let at = layout.columns.iter().position(|column| column.field.code == name)?;
        layout.columns[at].scale().map(|scale| (at, scale))
    };
    let mut operands = Vec::new();
    for name in expression.fields() {
        let operand = match (number(layout, name), is_header) {
            (Some((at, scale)), _) => Operand::Own(at, scale),
            (None, false) => {
                let (at, scale) = number(&table.header, name).ok_or_else(|| unknown(name))?;
                // A header that sums its rows cannot feed the rows again.
                if sums_rows(&table.header, at) {
                    return Err(unknown(name));
                }
                Operand::Header(at, scale)
            }
            (None, true) => return Err(unknown(name)),
        };
        operands.push(operand);
    }
    let mut rows = Vec::new();
    for name in expression.detail_fields() {
        let details = table.details.as_ref().ok_or_else(|| unknown(name))?;
        rows.push(number(details, name).ok_or_else(|| unknown(name))?);
    }
    Ok(Calculation {
        column: at,
        expression: expression.clone(),
        scale: *scale,
        rounding: *rounding,
        operands,
        rows,
        uses_rows: sums_rows(layout, at),
    })
}
