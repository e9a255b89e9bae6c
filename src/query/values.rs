//! The values of comparisons: judged by the rules of the field, and made what is stored.

use super::condition::Test;
use super::path::{Leaf, Path, System};
use crate::error::{Broken, Code, Error, Result, Violation, Words, words};
use crate::schema::{Catalog, Cell, Column, Date, DateTime, FieldKind, Labels, Number, Rounding, Table, Value};
use crate::store::{Store, Timestamp};

/// How values of a path compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Text,
    Number,
    Date,
    DateTime,
    Time,
    Choice,
    Choices,
    File,
    Integer,
    Moment,
    Approval,
}

impl Class {
    pub(super) fn of(path: &Path<'_>) -> Class {
        match &path.leaf {
            Leaf::System(system) => match system {
                System::Id | System::Revision => Class::Integer,
                System::CreatedAt | System::UpdatedAt => Class::Moment,
                System::CreatedBy | System::UpdatedBy => Class::Text,
                System::Approval => Class::Approval,
            },
            Leaf::Field { column, .. } => match &column.effective().field.kind {
                FieldKind::Number { .. } | FieldKind::Calculated { .. } => Class::Number,
                FieldKind::Date { .. } => Class::Date,
                FieldKind::DateTime { .. } => Class::DateTime,
                FieldKind::Time { .. } => Class::Time,
                FieldKind::Choice { .. } => Class::Choice,
                FieldKind::Choices { .. } => Class::Choices,
                FieldKind::File { .. } => Class::File,
                _ => Class::Text,
            },
        }
    }

    /// Whether values have an order that people mean.
    pub(super) fn is_ordered(self) -> bool {
        !matches!(self, Class::Choice | Class::Choices | Class::File | Class::Approval)
    }

    pub(super) fn takes(self, test: &Test) -> bool {
        match test {
            Test::Equals(_) | Test::NotEquals(_) | Test::OneOf(_) | Test::IsEmpty | Test::IsNotEmpty => true,
            Test::Between(..) | Test::AtLeast(_) | Test::AtMost(_) | Test::Less(_) | Test::Greater(_) => {
                self.is_ordered()
            }
            Test::Contains(_) => matches!(self, Class::Text | Class::Choices),
            Test::StartsWith(_) => self == Class::Text,
        }
    }
}

/// The stored values that a given one stands for: one, or all those of a day.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Span {
    pub(super) low: Cell<'static>,
    pub(super) high: Cell<'static>,
}

impl Span {
    fn point(cell: Cell<'_>) -> Span {
        let cell = cell.into_owned();
        Span { low: cell.clone(), high: cell }
    }

    fn ints(low: i64, high: i64) -> Span {
        Span { low: Cell::Int(low), high: Cell::Int(high) }
    }

    pub(super) fn is_point(&self) -> bool {
        self.low == self.high
    }
}

/// What a comparison compares with.
pub(super) struct Operand<'p, 'a> {
    store: Option<&'a Store>,
    path: &'p Path<'a>,
    linked: Option<&'a Table>,
    pub(super) class: Class,
}

impl<'p, 'a> Operand<'p, 'a> {
    pub(super) fn new(store: Option<&'a Store>, catalog: &'a Catalog, path: &'p Path<'a>) -> Operand<'p, 'a> {
        Operand { store, path, linked: path.linked(catalog), class: Class::of(path) }
    }

    fn refusal(&self, value: &Value, broken: Broken) -> Error {
        let text = value.to_text();
        let violation = Violation::new(broken, &self.path.text, self.path.name(), text.as_str());
        Error::new(Code::QueryValue)
            .with_field(&self.path.text)
            .with_name(self.path.name())
            .with_value(&text)
            .with_rule(Words::of(|language| violation.message(language).trim_end_matches(['.', '。']).to_owned()))
            .with_source(Error::invalid(vec![violation]))
    }

    fn mismatch(&self, value: &Value, wanted: Words) -> Error {
        self.refusal(value, Broken::rule(Code::TypeMismatch, wanted))
    }

    /// The error for an operator that needs a value and has none.
    pub(super) fn no_value(&self, test: &Test) -> Error {
        let rule = words!(
            "「{}」には値が必要です（空のものを探すにはis_empty）",
            "\"{}\" needs a value (to find those without, use is_empty)",
            test.operator()
        );
        Error::new(Code::QueryValue).with_field(&self.path.text).with_name(self.path.name()).with_rule(rule)
    }

    /// A text as it is given, for comparisons with parts and ranges of texts; the label of a choice.
    pub(super) fn part(&self, value: &Value) -> Result<String> {
        match (self.class, &self.path.leaf, value) {
            (Class::Choices, Leaf::Field { column, .. }, Value::Text(label)) => {
                Ok(format!("[{}]", self.label(column, label, value)?))
            }
            (Class::Text, _, value) if !matches!(value, Value::Choices(_)) => Ok(value.to_text()),
            _ => Err(self.mismatch(value, words!("文字列", "a text"))),
        }
    }

    /// The value for equality.
    pub(super) fn exact(&self, value: &Value) -> Result<Span> {
        let Leaf::Field { column, .. } = &self.path.leaf else { return self.span(value) };
        // The rules of a link are those of the key it names; a store-given number obeys none.
        let judge = match (self.linked, &column.effective().field.kind) {
            (Some(table), _) => table.key(),
            (None, FieldKind::AutoNumber { .. }) => return self.span(value),
            (None, _) => column,
        };
        match self.class {
            Class::Text => judge.check(value).map(Span::point).map_err(|broken| self.refusal(value, broken)),
            _ => self.span(value),
        }
    }

    /// The value for ranges.
    pub(super) fn span(&self, value: &Value) -> Result<Span> {
        match &self.path.leaf {
            Leaf::Field { column, .. } => match self.class {
                Class::Text => Ok(Span::point(Cell::Text(self.part(value)?.into()))),
                Class::Number => self.number(column, value).map(|int| Span::ints(int, int)),
                Class::DateTime => match day(value) {
                    Some(date) => {
                        let start = i64::from(date.days()) * 86_400;
                        Ok(Span::ints(start, start + 86_399))
                    }
                    None => self.checked(column, value),
                },
                Class::Choice => match value {
                    Value::Text(label) => self.label(column, label, value).map(|number| Span::ints(number, number)),
                    _ => Err(self.mismatch(value, words!("選択肢", "a label"))),
                },
                Class::Choices => self.labels(column, value),
                _ => self.checked(column, value),
            },
            Leaf::System(system) => match system {
                System::Id | System::Revision => {
                    let number = match value {
                        Value::Number(number) => Some(*number),
                        Value::Text(text) => text.parse::<Number>().ok(),
                        _ => None,
                    };
                    let int = number.and_then(|number| i64::try_from(number).ok());
                    int.map(|int| Span::ints(int, int))
                        .ok_or_else(|| self.mismatch(value, words!("整数", "a whole number")))
                }
                System::CreatedBy | System::UpdatedBy => Ok(Span::point(Cell::Text(self.part(value)?.into()))),
                System::Approval => match value.as_text() {
                    Some("pending") => Ok(Span::ints(0, 0)),
                    Some("approved") => Ok(Span::ints(1, 1)),
                    _ => Err(self.mismatch(value, words!("pendingかapproved", "pending or approved"))),
                },
                System::CreatedAt | System::UpdatedAt => self.moment(value),
            },
        }
    }

    fn checked(&self, column: &Column, value: &Value) -> Result<Span> {
        column.check(value).map(Span::point).map_err(|broken| self.refusal(value, broken))
    }

    /// As the field reads numbers, but without its bounds, and without rounding: `= 1.5` must not find 2.
    fn number(&self, column: &Column, value: &Value) -> Result<i64> {
        let scale = column.scale().unwrap_or(0);
        let read = match value {
            Value::Number(number) => number.rescale(scale, Rounding::Refuse),
            Value::Text(text) => {
                let mut field = column.effective().field.clone();
                let (input, display) = match field.kind {
                    FieldKind::Number { input, display, .. } => (input, display),
                    _ => Default::default(),
                };
                field.kind =
                    FieldKind::Number { scale, min: None, max: None, rounding: Rounding::Refuse, input, display };
                let free = Column::plain(&field);
                free.check_text(text).map(|cell| cell.int().unwrap_or(0))
            }
            _ => return Err(self.mismatch(value, words!("数値", "a number"))),
        };
        read.map_err(|broken| self.refusal(value, broken))
    }

    /// The number of a label; records may still have retired ones.
    fn label(&self, column: &Column, label: &str, value: &Value) -> Result<i64> {
        let labels = column.labels();
        labels
            .number(label)
            .or_else(|| labels.numbers().find(|number| labels.label(*number) == Some(label)))
            .ok_or_else(|| {
                let usable: Vec<&str> = labels.usable().take(8).collect();
                self.refusal(value, Broken::rule(Code::ChoiceUnknown, usable.join(", ")))
            })
    }

    fn labels(&self, column: &Column, value: &Value) -> Result<Span> {
        let known = column.labels();
        let given: Vec<&str> = match value {
            Value::Choices(labels) => labels.iter().map(String::as_str).collect(),
            Value::Text(text) if known.numbers().any(|number| known.label(number) == Some(text)) => vec![text],
            Value::Text(text) => text.split(',').filter(|label| !label.is_empty()).collect(),
            _ => return Err(self.mismatch(value, words!("選択肢", "labels"))),
        };
        let mut numbers = given.iter().map(|label| self.label(column, label, value)).collect::<Result<Vec<_>>>()?;
        Ok(Span::point(Cell::Text(Labels::stored_set(&mut numbers).into())))
    }

    /// Milliseconds as a number, or a civil time: all the milliseconds of its second, or of its day.
    fn moment(&self, value: &Value) -> Result<Span> {
        let wanted = || words!("日時か、1970年からのミリ秒", "a date and time, or milliseconds since 1970");
        if let Value::Number(number) = value {
            let int = i64::try_from(*number).map_err(|_| self.mismatch(value, wanted()))?;
            return Ok(Span::ints(int, int));
        }
        if let Some(date) = day(value) {
            let start = i64::from(date.days()) * 86_400;
            return Ok(Span::ints(self.instants(start).0, self.instants(start + 86_399).1 + 999));
        }
        let civil = match value {
            Value::DateTime(civil) => Some(*civil),
            Value::Text(text) => text.parse::<DateTime>().ok(),
            _ => None,
        };
        let (first, last) = self.instants(civil.ok_or_else(|| self.mismatch(value, wanted()))?.seconds());
        Ok(Span::ints(first, last + 999))
    }

    /// The first and the last moment at which clocks show a second: two when clocks are put back.
    fn instants(&self, civil: i64) -> (i64, i64) {
        let offset = |seconds: i64| self.store.map_or(0, |store| store.utc_offset_seconds(Timestamp(seconds * 1_000)));
        let (before, after) = (offset(civil - 86_400), offset(civil + 86_400));
        let shown = |by: i64| Some(civil - by).filter(|at| offset(*at) == by);
        let (first, last) = match (shown(before), shown(after)) {
            (Some(one), Some(other)) => (one.min(other), one.max(other)),
            (Some(only), None) | (None, Some(only)) => (only, only),
            // Clocks were put forward over it.
            (None, None) => (civil - before, civil - before),
        };
        (first * 1_000, last * 1_000)
    }
}

/// The day, when the value is a date without a time.
fn day(value: &Value) -> Option<Date> {
    match value {
        Value::Date(date) => Some(*date),
        Value::Text(text) => text.parse().ok(),
        _ => None,
    }
}
