//! Cells back to text and values: what exports, views and messages show.

use super::catalog::Column;
use super::date::{self, Date, DateTime, Time};
use super::definition::FieldKind;
use super::number::{self, Number};
use super::value::{Cell, Value};

/// In which form a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueFormat {
    /// For machines, and readable back: plain numbers; dates in the field's CSV pattern, else in ISO form.
    #[default]
    Raw,
    /// For people's spreadsheets: numbers as they are displayed, dates in the field's CSV pattern, users by name.
    Csv,
    /// As people see it on a screen: numbers and dates as they are displayed, users by name.
    Display,
}

impl Column {
    /// Appends the text of a cell, as it was read: links as keys, users as codes.
    pub(crate) fn write(&self, out: &mut Vec<u8>, cell: &Cell<'_>, format: ValueFormat) {
        let column = self.effective();
        let int = match cell {
            Cell::Null => return,
            Cell::Text(text) => {
                match &column.field.kind {
                    FieldKind::Choices { .. } => {
                        for (at, label) in column.labels().set(text).enumerate() {
                            if at > 0 {
                                out.push(b',');
                            }
                            out.extend_from_slice(label.as_bytes());
                        }
                    }
                    _ => out.extend_from_slice(text.as_bytes()),
                }
                return;
            }
            Cell::Int(int) => *int,
        };
        match &column.field.kind {
            FieldKind::Number { scale, display, .. } | FieldKind::Calculated { scale, display, .. } => match format {
                ValueFormat::Raw => number::write_unscaled(out, int, *scale),
                ValueFormat::Csv | ValueFormat::Display => display.write(out, int, *scale),
            },
            FieldKind::Date { display, csv } => {
                let Some(value) = i32::try_from(int).ok().and_then(Date::from_days) else { return };
                match (format, display, csv) {
                    (ValueFormat::Display, Some(pattern), _)
                    | (ValueFormat::Raw | ValueFormat::Csv, _, Some(pattern)) => {
                        pattern.write_date(out, value);
                    }
                    (ValueFormat::Raw, _, None) => date::write_date(out, value),
                    _ => {
                        let start = out.len();
                        date::write_date(out, value);
                        slashes(&mut out[start..]);
                    }
                }
            }
            FieldKind::DateTime { display, csv } => {
                let Some(value) = DateTime::from_seconds(int) else { return };
                match (format, display, csv) {
                    (ValueFormat::Display, Some(pattern), _)
                    | (ValueFormat::Raw | ValueFormat::Csv, _, Some(pattern)) => {
                        pattern.write_datetime(out, value);
                    }
                    _ => write_moment(out, value, format),
                }
            }
            FieldKind::Time { display, csv } => {
                let Some(value) = i32::try_from(int).ok().and_then(Time::from_seconds) else { return };
                match (format, display, csv) {
                    (ValueFormat::Display, Some(pattern), _)
                    | (ValueFormat::Raw | ValueFormat::Csv, _, Some(pattern)) => {
                        pattern.write_time(out, value);
                    }
                    _ => {
                        date::write_time(out, value);
                        if format == ValueFormat::Display {
                            out.truncate(out.len() - ":00".len());
                        }
                    }
                }
            }
            FieldKind::Choice { .. } => {
                if let Some(label) = column.labels().label(int) {
                    out.extend_from_slice(label.as_bytes());
                }
            }
            _ => number::write_unscaled(out, int, 0),
        }
    }

    /// The text of a number that was made of values of this column, shown as they are.
    pub(crate) fn number_text(&self, number: Number, format: ValueFormat) -> String {
        match (format, &self.effective().field.kind) {
            (ValueFormat::Raw, _) => number.to_string(),
            (_, FieldKind::Number { display, .. } | FieldKind::Calculated { display, .. }) => {
                let mut out = Vec::new();
                display.write(&mut out, number.unscaled(), number.scale());
                String::from_utf8(out).unwrap_or_default()
            }
            _ => number.to_string(),
        }
    }

    /// The text of a cell.
    pub(crate) fn text(&self, cell: &Cell<'_>, format: ValueFormat) -> String {
        let mut out = Vec::new();
        self.write(&mut out, cell, format);
        String::from_utf8(out).unwrap_or_default()
    }

    /// The text of a cell, where it is the same in every format and stands somewhere already: in the cell, or among the labels.
    #[cfg(feature = "capi")]
    pub(crate) fn lend<'a>(&'a self, cell: &'a Cell<'_>) -> Option<&'a str> {
        match (cell, &self.effective().field.kind) {
            (Cell::Text(_), FieldKind::Choices { .. }) => None,
            (Cell::Text(text), _) => Some(text),
            (Cell::Int(number), FieldKind::Choice { .. }) => self.labels().label(*number),
            _ => None,
        }
    }

    /// Whether texts of this column never need quotes in CSV.
    pub(crate) fn is_plain(&self, format: ValueFormat) -> bool {
        match &self.effective().field.kind {
            FieldKind::Number { .. } | FieldKind::Calculated { .. } => format == ValueFormat::Raw,
            FieldKind::Date { csv, display }
            | FieldKind::DateTime { csv, display }
            | FieldKind::Time { csv, display } => match format {
                ValueFormat::Display => display.is_none(),
                _ => csv.is_none(),
            },
            _ => false,
        }
    }

    /// Whether texts of this column are made from numbers or dates, and never given by anybody.
    pub(crate) fn is_made(&self) -> bool {
        matches!(
            self.effective().field.kind,
            FieldKind::Number { .. }
                | FieldKind::Calculated { .. }
                | FieldKind::Date { .. }
                | FieldKind::DateTime { .. }
                | FieldKind::Time { .. }
                | FieldKind::File { .. }
        )
    }

    /// The cell as callers see it.
    pub(crate) fn value(&self, cell: &Cell<'_>) -> Value {
        let column = self.effective();
        match (cell, &column.field.kind) {
            (Cell::Null, _) => Value::Empty,
            (Cell::Text(text), FieldKind::Choices { .. }) => {
                Value::Choices(column.labels().set(text).map(str::to_owned).collect())
            }
            (Cell::Text(text), _) => Value::Text(text.clone().into_owned()),
            (Cell::Int(int), FieldKind::Number { scale, .. } | FieldKind::Calculated { scale, .. }) => {
                Number::new(*int, *scale).map_or(Value::Empty, Value::Number)
            }
            (Cell::Int(int), FieldKind::Date { .. }) => {
                i32::try_from(*int).ok().and_then(Date::from_days).map_or(Value::Empty, Value::Date)
            }
            (Cell::Int(int), FieldKind::DateTime { .. }) => {
                DateTime::from_seconds(*int).map_or(Value::Empty, Value::DateTime)
            }
            (Cell::Int(int), FieldKind::Time { .. }) => {
                i32::try_from(*int).ok().and_then(Time::from_seconds).map_or(Value::Empty, Value::Time)
            }
            (Cell::Int(int), FieldKind::Choice { .. }) => {
                column.labels().label(*int).map_or(Value::Empty, |label| Value::Text(label.to_owned()))
            }
            (Cell::Int(int), FieldKind::File { .. }) => Value::File(*int),
            (Cell::Int(int), _) => Value::Number(Number::from(*int)),
        }
    }
}

/// Appends a date and time for which no patterns are set.
pub(crate) fn write_moment(out: &mut Vec<u8>, at: DateTime, format: ValueFormat) {
    let start = out.len();
    date::write_datetime(out, at);
    if format != ValueFormat::Raw {
        slashes(&mut out[start..]);
    }
    if format == ValueFormat::Display {
        // To the minute.
        out.truncate(out.len() - ":00".len());
    }
}

/// `2026-01-31` as `2026/01/31`.
fn slashes(text: &mut [u8]) {
    for byte in text {
        if *byte == b'-' {
            *byte = b'/';
        }
    }
}
