//! The values of a record, from the wire: item IDs become fields, scalars become texts, and the fields judge them.

use std::borrow::Cow;

use super::json::Json;
use super::parameters::{Member, members};
use super::records::{DETAILS, is_beside_items};
use crate::record::{DetailRow, Values};
use crate::schema::{Column, FieldKind, Layout, Table, Value};

/// The member by which a row says which row it means, and the word for that in `updateDetailKeyId`.
pub(super) const ROW_KEY: &str = "detailKey";

/// Names that are no items, at most: the record is refused for them anyway.
const UNKNOWN: usize = 1_000;

/// Exponents beyond this are not written out.
const EXPONENT: i32 = 40;

/// How rows say which row they mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowKey {
    /// Not at all: every row is a new one.
    None,
    /// By the member `detailKey`.
    Member,
    /// By the item that is the detail key.
    Item,
}

/// Rows that are no rows.
#[derive(Debug)]
pub(super) struct NoRows;

/// Reads the members of `values`.
pub(super) fn read(table: &Table, given: &[Member<'_>], row_key: RowKey) -> Result<Values, NoRows> {
    let mut values = Values::new();
    let mut unknown = 0;
    for (name, value) in given {
        if name == DETAILS && table.header.find(DETAILS).is_none() {
            for row in rows(value)? {
                values = values.row(read_row(table, row, row_key, &mut unknown));
            }
        } else if let Some((name, value)) = item(&table.header, name, value, &mut unknown) {
            values = values.set(name, value);
        }
    }
    Ok(values)
}

/// The rows of `details`. PHP makes an object with numbers for names of an array with gaps.
fn rows<'j>(details: &'j Json<'j>) -> Result<Vec<&'j [Member<'j>]>, NoRows> {
    let row = |row: &'j Json<'j>| members(row).ok_or(NoRows);
    match details {
        Json::Array(items) => items.iter().map(row).collect(),
        Json::Object(members) => members.iter().map(|(_, value)| row(value)).collect(),
        nothing if nothing.is_nothing() => Ok(Vec::new()),
        _ => Err(NoRows),
    }
}

fn read_row(table: &Table, given: &[Member<'_>], row_key: RowKey, unknown: &mut usize) -> DetailRow {
    let mut row = DetailRow::new();
    // Without detail items whatever is in a row is refused with the row.
    let Some(layout) = &table.details else { return row };
    for (name, value) in given {
        if name == ROW_KEY && layout.find(ROW_KEY).is_none() {
            let key = layout.key.map(|at| &layout.columns[at]).filter(|_| row_key == RowKey::Member);
            if let (Some(key), Some(text)) = (key, value.scalar().filter(|text| !text.is_empty())) {
                row = row.set(key.field.code.as_str(), text);
            }
        } else if let Some((name, value)) = item(layout, name, value, unknown) {
            row = row.set(name, value);
        }
    }
    row
}

/// An item and its value; `None` for what is let pass.
fn item(layout: &Layout, name: &str, value: &Json<'_>, unknown: &mut usize) -> Option<(String, Value)> {
    // IDs first: that is what the wire names items by.
    let id = name.trim().parse::<i64>().ok();
    let by_id = layout.columns.iter().find(|column| Some(column.id) == id);
    match by_id.or_else(|| layout.find(name).map(|at| &layout.columns[at])) {
        Some(column) => Some((column.field.code.clone(), value_of(column, value))),
        None if is_beside_items(name) => None,
        None => {
            *unknown += 1;
            // The writer tells of it by this name.
            (*unknown <= UNKNOWN).then(|| (name.to_owned(), value_text(value)))
        }
    }
}

fn value_text(value: &Json<'_>) -> Value {
    Value::from(text_of(value).into_owned())
}

/// A value as text: scalars as they were written, others as JSON.
fn text_of<'j>(value: &'j Json<'_>) -> Cow<'j, str> {
    match value.scalar() {
        Some(text) => Cow::Borrowed(text),
        None => {
            let mut out = String::new();
            value.write(&mut out);
            Cow::Owned(out)
        }
    }
}

fn value_of(column: &Column, value: &Json<'_>) -> Value {
    let is_set = matches!(column.effective().field.kind, FieldKind::Choices { .. });
    let labels = |items: &mut dyn Iterator<Item = &Json<'_>>| {
        Value::Choices(items.map(|item| text_of(item).into_owned()).filter(|label| !label.is_empty()).collect())
    };
    match value {
        Json::Array(items) if is_set => labels(&mut items.iter()),
        // What PHP makes of an array with gaps.
        Json::Object(members) if is_set => labels(&mut members.iter().map(|(_, item)| item)),
        Json::Array(items) => match items.as_slice() {
            [] => Value::Empty,
            [single] => value_of(column, single),
            several => labels(&mut several.iter()),
        },
        Json::Object(_) => Value::Choices(vec![text_of(value).into_owned()]),
        Json::Number(text) if column.scale().is_some() => Value::from(written_out(text).into_owned()),
        scalar => value_text(scalar),
    }
}

/// A number without an exponent, as far as that can be done.
fn written_out(number: &str) -> Cow<'_, str> {
    let plain = Cow::Borrowed(number);
    let Some((mantissa, exponent)) = number.split_once(['e', 'E']) else { return plain };
    let Ok(exponent) = exponent.parse::<i32>() else { return plain };
    if !(-EXPONENT..=EXPONENT).contains(&exponent) || mantissa.len() > 64 {
        return plain;
    }
    let (sign, digits) = match mantissa.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", mantissa),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let shift = exponent.unsigned_abs() as usize;
    let (whole, fraction) = match exponent < 0 {
        true => {
            let all = format!("{}{whole}", "0".repeat(shift));
            let (left, right) = all.split_at(all.len() - shift);
            (left.to_owned(), format!("{right}{fraction}"))
        }
        false => {
            let all = format!("{fraction}{}", "0".repeat(shift));
            let (left, right) = all.split_at(shift);
            (format!("{whole}{left}"), right.to_owned())
        }
    };
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    Cow::Owned(format!("{sign}{whole}{point}{fraction}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_are_written_out() {
        for (number, expected) in [
            ("12", "12"),
            ("12.50", "12.50"),
            ("1e3", "1000"),
            ("1.5E+3", "1500"),
            ("-1.5e-3", "-0.0015"),
            ("123.456e1", "1234.56"),
            ("123.456e-1", "12.3456"),
            ("0e0", "0"),
            ("1.0e+25", "10000000000000000000000000"),
            ("1e99", "1e99"),
            ("1e-99", "1e-99"),
        ] {
            assert_eq!(written_out(number), expected);
        }
    }
}
