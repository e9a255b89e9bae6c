//! Figures over many records: counts, sums, extremes and averages, by groups. Exact, as everything about numbers is.

use std::cmp::Ordering;

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use serde::{Deserialize, Serialize};

use super::compile::{condition_sql, row_condition_sql, shape};
use super::condition::Condition;
use super::path::{Leaf, Path, Place, System};
use super::values::Class;
use super::{Bucket, Piece, prepared};
use crate::access::{Door, Right};
use crate::error::{Code, Error, Result, words};
use crate::schema::{Catalog, Cell, Column, Date, Number, Table, Value, ValueFormat, write_moment};
use crate::store::{Store, Timestamp};

/// The most groups and measures together.
const COLUMNS: usize = 100;

/// Where a sum is larger than SQLite's numbers, it is made in two parts, so that no sum of 18-digit numbers overflows.
const PART: i64 = 1_000_000_000;

/// The page cache while figures are made, in KiB. SQLite sorts records by their groups in pieces of this size; larger ones
/// do not fit the caches of the processor, and take twice the time.
pub(crate) const CACHE_KIB: i64 = 2_000;

/// How sums are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sums {
    /// By SQLite, which says when they are too large for it.
    Whole,
    /// In parts of [`PART`].
    Parts,
}

/// What is counted, summed and so on, over which records, by which groups.
///
/// When a group or a measure names a detail field, the aggregation goes over detail rows instead of records: `count`
/// counts rows, and records without rows have no part in it. The `condition` chooses records, as everywhere;
/// `rows` chooses among their detail rows.
///
/// ```
/// use renkei::{Aggregation, Bucket, Function};
///
/// let aggregation = Aggregation::new()
///     .group_by_bucket("ordered", Bucket::Month)
///     .group_by("branch.name")
///     .count()
///     .measure(Function::Sum, "amount");
/// let json = serde_json::to_value(&aggregation).unwrap();
/// assert_eq!(json["group_by"][0], serde_json::json!({"field": "ordered", "bucket": "month"}));
/// assert_eq!(json["measures"][0], serde_json::json!({"function": "count"}));
/// assert_eq!(serde_json::from_value::<Aggregation>(json).unwrap(), aggregation);
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Aggregation {
    /// Which records; all of them when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
    /// Which of their detail rows, by detail fields only; all of them when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<Condition>,
    /// What makes the groups; without any, everything is one group.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub group_by: Vec<GroupBy>,
    /// The figures of each group.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub measures: Vec<Measure>,
    /// The order of the groups; by their values when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sort: Vec<AggregateSort>,
    /// The most groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

/// A field whose equal values make a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupBy {
    /// The path of the field; see [`Condition`].
    pub field: String,
    /// For dates and times: what span is one group. Its value is then the first day of the span.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<Bucket>,
    /// The heading in tables of figures; the name of the field when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A figure of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    /// What is made of the values.
    pub function: Function,
    /// The path of the field; only `count` can do without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// For averages: the decimal places, at most 18; two more than the field has when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<u8>,
    /// The heading in tables of figures; made of the field and the function when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What is made of the values of a group. Empty values have no part in any; without values the result is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Function {
    /// How many records (or detail rows) there are, or how many have a value in the field.
    Count,
    /// How many different values there are in the field.
    CountDistinct,
    /// The exact sum of numbers. A sum of more than 18 digits comes as text.
    Sum,
    /// The least value.
    Min,
    /// The greatest value.
    Max,
    /// The exact average of numbers, rounded half up at its last decimal place.
    Average,
}

/// An order of groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AggregateSort {
    /// Which column: the groups from 0 on, then the measures.
    pub column: usize,
    /// From the greatest to the least.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub descending: bool,
}

/// One group and its figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AggregateRow {
    /// The values that make the group, in the order of `group_by`.
    pub groups: Vec<Value>,
    /// The figures, in the order of `measures`.
    pub values: Vec<Value>,
}

impl Aggregation {
    /// Over every record, without groups and measures yet.
    pub fn new() -> Aggregation {
        Aggregation::default()
    }

    /// Only over records that fulfil `condition`, beside the conditions already given.
    pub fn filter(mut self, condition: Condition) -> Aggregation {
        self.condition = Some(match self.condition.take() {
            Some(already) => already.and(condition),
            None => condition,
        });
        self
    }

    /// Only over detail rows that fulfil `condition`.
    pub fn rows(mut self, condition: Condition) -> Aggregation {
        self.rows = Some(condition);
        self
    }

    /// A group for each value of `field`, within those already given.
    pub fn group_by(mut self, field: impl Into<String>) -> Aggregation {
        self.group_by.push(GroupBy { field: field.into(), bucket: None, name: None });
        self
    }

    /// A group for each span of time.
    pub fn group_by_bucket(mut self, field: impl Into<String>, bucket: Bucket) -> Aggregation {
        self.group_by.push(GroupBy { field: field.into(), bucket: Some(bucket), name: None });
        self
    }

    /// How many records, or detail rows, a group has.
    pub fn count(mut self) -> Aggregation {
        self.measures.push(Measure { function: Function::Count, field: None, scale: None, name: None });
        self
    }

    /// A figure made of the values of `field`.
    pub fn measure(mut self, function: Function, field: impl Into<String>) -> Aggregation {
        self.measures.push(Measure { function, field: Some(field.into()), scale: None, name: None });
        self
    }

    /// Sorts the groups by one column more; see [`AggregateSort::column`].
    pub fn sort(mut self, column: usize, descending: bool) -> Aggregation {
        self.sort.push(AggregateSort { column, descending });
        self
    }

    /// Names the group or the measure that was added last, as tables of figures show it: the last measure, or the last group
    /// where there is no measure yet.
    pub fn named(mut self, name: impl Into<String>) -> Aggregation {
        match (self.measures.last_mut(), self.group_by.last_mut()) {
            (Some(measure), _) => measure.name = Some(name.into()),
            (None, Some(group)) => group.name = Some(name.into()),
            (None, None) => {}
        }
        self
    }

    /// At most so many groups.
    pub fn limit(mut self, groups: u64) -> Aggregation {
        self.limit = Some(groups);
        self
    }
}

/// How the columns of the statement become a value.
enum Reader<'a> {
    Field(&'a Column),
    Text,
    Whole,
    /// A span by its first day.
    Span(Bucket),
    Moment,
    Approval,
    /// The sum in two parts and the number of values; the field, and its scale.
    Sum(Option<&'a Column>, u8),
    /// As a sum; the scale of the average behind that of the field.
    Average(Option<&'a Column>, u8, u8),
}

impl Reader<'_> {
    fn of<'a>(path: &Path<'a>) -> Reader<'a> {
        match path.leaf {
            _ if path.is_user() => Reader::Text,
            Leaf::Field { column, .. } => Reader::Field(column),
            Leaf::System(System::CreatedAt | System::UpdatedAt) => Reader::Moment,
            Leaf::System(System::Approval) => Reader::Approval,
            Leaf::System(_) => Reader::Whole,
        }
    }

    /// How many columns of the statement it takes.
    fn width(&self) -> usize {
        if matches!(self, Reader::Sum(..) | Reader::Average(..)) { 3 } else { 1 }
    }

    fn read(&self, store: &Store, row: &rusqlite::Row<'_>, at: usize) -> Result<(Value, Cell<'static>)> {
        let cell = Cell::from_sql(row.get_ref(at)?)?;
        let value = match (self, &cell) {
            (Reader::Sum(_, scale), _) => match parts(row, at)? {
                Some((sum, _)) => exact(sum, *scale),
                None => Value::Empty,
            },
            (Reader::Average(_, from, to), _) => match parts(row, at)? {
                Some((sum, count)) => average(sum, count, *from, *to)?,
                None => Value::Empty,
            },
            (Reader::Field(column), cell) => column.value(cell),
            (_, Cell::Null) => Value::Empty,
            (_, Cell::Text(text)) => Value::from(text.as_ref()),
            (Reader::Span(_), Cell::Int(int)) => {
                i32::try_from(*int).ok().and_then(Date::from_days).map_or(Value::Empty, Value::Date)
            }
            (Reader::Moment, Cell::Int(int)) => Value::DateTime(store.local(Timestamp(*int))),
            (Reader::Approval, Cell::Int(int)) => Value::from(if *int == 0 { "pending" } else { "approved" }),
            (_, Cell::Int(int)) => Value::Number(Number::from(*int)),
        };
        Ok((value, cell.into_owned()))
    }

    /// The text of a value that was read.
    fn text(&self, value: &Value, cell: &Cell<'_>, format: ValueFormat) -> String {
        match (self, value) {
            (Reader::Field(column), _) => column.text(cell, format),
            (Reader::Span(bucket), Value::Date(day)) => bucket.text(*day, format),
            (Reader::Moment, Value::DateTime(at)) => {
                let mut out = Vec::new();
                write_moment(&mut out, *at, format);
                String::from_utf8(out).unwrap_or_default()
            }
            (Reader::Sum(Some(column), _) | Reader::Average(Some(column), ..), Value::Number(number)) => {
                column.number_text(*number, format)
            }
            (_, value) => value.to_text(),
        }
    }
}

/// The sum and the number of values; nothing when there are none.
fn parts(row: &rusqlite::Row<'_>, at: usize) -> Result<Option<(i128, i128)>> {
    let (high, low): (Option<i64>, Option<i64>) = (row.get(at)?, row.get(at + 1)?);
    let count: i64 = row.get(at + 2)?;
    Ok(high.zip(low).map(|(high, low)| (i128::from(high) * i128::from(PART) + i128::from(low), i128::from(count))))
}

fn exact(unscaled: i128, scale: u8) -> Value {
    let number = i64::try_from(unscaled).ok().and_then(|unscaled| Number::new(unscaled, scale));
    number.map_or_else(|| Value::Text(digits(unscaled, scale)), Value::Number)
}

/// A number of any size as plain decimal text.
fn digits(unscaled: i128, scale: u8) -> String {
    let scale = usize::from(scale);
    let mut text = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    if scale > 0 {
        text.insert(text.len() - scale, '.');
    }
    if unscaled < 0 {
        text.insert(0, '-');
    }
    text
}

fn average(sum: i128, count: i128, from: u8, to: u8) -> Result<Value> {
    let failure = || {
        Error::new(Code::CalculationFailed).with_rule(words!(
            "合計の桁数が、この小数桁数の平均には多すぎます",
            "the sum has too many digits for an average of this scale"
        ))
    };
    let power = |exponent: u8| 10i128.checked_pow(u32::from(exponent)).ok_or_else(failure);
    let (numerator, denominator) = match to >= from {
        true => (sum.checked_mul(power(to - from)?).ok_or_else(failure)?, count),
        false => (sum, count.checked_mul(power(from - to)?).ok_or_else(failure)?),
    };
    // Half up, away from zero for negative ones, as fields round.
    let (whole, rest) = (numerator / denominator, numerator % denominator);
    let up = i128::from(rest.unsigned_abs() * 2 >= denominator.unsigned_abs());
    Ok(exact(if numerator < 0 { whole - up } else { whole + up }, to))
}

/// The statement of an aggregation and how its columns are read.
struct Plan<'a> {
    statement: Piece,
    readers: Vec<Reader<'a>>,
    /// Whether times must be made local.
    local: bool,
}

const LOCAL: &str = "renkei_local_seconds";

fn plan<'a>(
    store: Option<&Store>,
    catalog: &'a Catalog,
    table: &'a Table,
    aggregation: &'a Aggregation,
    sums: Sums,
) -> Result<Plan<'a>> {
    let columns = aggregation.group_by.len() + aggregation.measures.len();
    if columns == 0 {
        return Err(shape(words!(
            "集計にグループも集計値もありません",
            "an aggregation has neither groups nor measures"
        )));
    }
    if columns > COLUMNS {
        return Err(shape(words!(
            "グループと集計値が{COLUMNS}個を超えています",
            "more than {COLUMNS} groups and measures"
        )));
    }
    if let Some(sort) = aggregation.sort.iter().find(|sort| sort.column >= columns) {
        return Err(shape(words!("並び順の列{}がありません", "there is no column {} to sort by", sort.column)));
    }
    let find = |field: &'a str| Path::find(catalog, table, Place::Any, field);
    let groups = aggregation.group_by.iter().map(|group| find(&group.field)).collect::<Result<Vec<_>>>()?;
    let measures = aggregation.measures.iter().map(|measure| measure.field.as_deref().map(find).transpose());
    let measures = measures.collect::<Result<Vec<_>>>()?;
    let on_details = aggregation.rows.is_some()
        || groups.iter().any(|path| path.on_details)
        || measures.iter().flatten().any(|path| path.on_details);

    let mut plan = Plan { statement: Piece::default(), readers: Vec::new(), local: false };
    let (mut selected, mut grouped, mut ordered) = (Vec::new(), Vec::new(), Vec::new());
    for (group, path) in aggregation.group_by.iter().zip(&groups) {
        let base = if path.on_details { "d" } else { "t" };
        let mut sql = path.shown(catalog).scalar(base);
        let mut reader = Reader::of(path);
        let mut order = path.ordered(catalog, base);
        if let Some(bucket) = group.bucket {
            sql = match Class::of(path) {
                Class::Date => bucket.start_of(&format!("{sql} * 86400")),
                Class::DateTime => bucket.start_of(&sql),
                Class::Moment => {
                    plan.local = true;
                    bucket.start_of(&format!("{LOCAL}({sql})"))
                }
                _ => return Err(unfit(path, "bucket")),
            };
            order = sql.clone();
            reader = Reader::Span(bucket);
        }
        selected.push(sql);
        // By position, so that an expression is made once.
        grouped.push(selected.len().to_string());
        ordered.push(order);
        plan.readers.push(reader);
    }
    for (measure, path) in aggregation.measures.iter().zip(&measures) {
        let Some(path) = path else {
            if measure.function != Function::Count {
                return Err(shape(words!(
                    "fieldを省略できるのはcountだけです",
                    "only \"count\" can do without a \"field\""
                )));
            }
            selected.push("count(*)".to_owned());
            plan.readers.push(Reader::Whole);
            continue;
        };
        let base = if path.on_details { "d" } else { "t" };
        let sql = path.shown(catalog).scalar(base);
        let class = Class::of(path);
        match measure.function {
            Function::Count => {
                selected.push(format!("count({sql})"));
                plan.readers.push(Reader::Whole);
            }
            Function::CountDistinct => {
                selected.push(format!("count(DISTINCT {sql})"));
                plan.readers.push(Reader::Whole);
            }
            Function::Min | Function::Max if class.is_ordered() => {
                let name = if measure.function == Function::Min { "min" } else { "max" };
                selected.push(format!("{name}({sql})"));
                plan.readers.push(Reader::of(path));
            }
            Function::Sum | Function::Average if class == Class::Number => {
                if on_details && !path.on_details {
                    let rule = words!(
                        "「{}」はヘッダ項目のため、明細行ごとに重複して数えられます",
                        "\"{}\" is a header field and would count once for each detail row",
                        path.text
                    );
                    return Err(shape(rule).with_field(&path.text));
                }
                let field = match path.leaf {
                    Leaf::Field { column, .. } => Some(column),
                    Leaf::System(_) => None,
                };
                let scale = field.and_then(Column::scale).unwrap_or(0);
                selected.push(match sums {
                    Sums::Whole => format!("0, sum({sql}), count({sql})"),
                    Sums::Parts => format!("sum({sql} / {PART}), sum({sql} % {PART}), count({sql})"),
                });
                plan.readers.push(match measure.function {
                    Function::Sum => Reader::Sum(field, scale),
                    _ => {
                        let to = measure.scale.unwrap_or(scale.saturating_add(2).min(18));
                        if to > 18 {
                            return Err(shape(words!(
                                "平均の小数{to}桁が18を超えています",
                                "an average with {to} decimal places: 18 are the most"
                            )));
                        }
                        Reader::Average(field, scale, to)
                    }
                });
            }
            Function::Sum => return Err(unfit(path, "sum")),
            Function::Min => return Err(unfit(path, "min")),
            Function::Max => return Err(unfit(path, "max")),
            Function::Average => return Err(unfit(path, "average")),
        }
    }

    let mut piece = Piece::new(format!("SELECT {} FROM {} t", selected.join(", "), table.header.sql));
    if on_details {
        piece.push(&format!(" JOIN {} d ON d._record = t._id", table.details()?.sql));
    }
    let condition = aggregation.condition.as_ref().map(|condition| condition_sql(store, catalog, table, condition));
    let rows = aggregation.rows.as_ref().map(|condition| row_condition_sql(store, catalog, table, condition));
    for (at, restriction) in condition.into_iter().chain(rows).enumerate() {
        piece.push(if at == 0 { " WHERE " } else { " AND " });
        piece.append(restriction?.wrap("(", ")"));
    }
    if !grouped.is_empty() {
        piece.push(&format!(" GROUP BY {} ORDER BY {}", grouped.join(", "), ordered.join(", ")));
    }
    plan.statement = piece;
    Ok(plan)
}

fn unfit(path: &Path<'_>, operator: &str) -> Error {
    let error = Error::new(Code::QueryOperator).with_field(&path.text).with_name(path.name());
    error.with_value(&path.text).with_rule(operator)
}

/// Makes times local inside of SQL. The connection is kept after use, so it must not hold the store.
fn with_local<T>(store: &Store, connection: &Connection, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let weak = std::sync::Arc::downgrade(&store.inner);
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_DIRECTONLY;
    connection.create_scalar_function(LOCAL, 1, flags, move |context| {
        let at: Option<i64> = context.get(0)?;
        let store = weak.upgrade().map(|inner| Store { inner, actor: None, visit: None, cancel: None, cause: None });
        Ok(at.zip(store).map(|(at, store)| at.div_euclid(1_000) + store.utc_offset_seconds(Timestamp(at))))
    })?;
    let result = work();
    connection.remove_function(LOCAL, 1)?;
    result
}

/// A group as it was read.
pub(crate) struct Group {
    pub(crate) row: AggregateRow,
    /// The text of each value, groups first, where texts were asked for.
    pub(crate) texts: Vec<String>,
    cells: Vec<Cell<'static>>,
}

impl Group {
    /// What was read: the same for the same group, whatever its values look like.
    pub(crate) fn cells(&self) -> &[Cell<'static>] {
        &self.cells
    }
}

/// In which forms texts are made of what is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Texts {
    pub(crate) groups: ValueFormat,
    pub(crate) figures: ValueFormat,
}

/// Whether an aggregation fits the database.
pub(crate) fn check_aggregation(catalog: &Catalog, table: &Table, aggregation: &Aggregation) -> Result<()> {
    plan(None, catalog, table, aggregation, Sums::Whole).map(|_| ())
}

/// The figures of every group, with their texts where they are asked for. More than `most` groups are refused.
pub(crate) fn aggregate(
    store: &Store,
    connection: &Connection,
    catalog: &Catalog,
    table: &Table,
    aggregation: &Aggregation,
    texts: Option<Texts>,
    most: usize,
) -> Result<Vec<Group>> {
    let whole = plan(Some(store), catalog, table, aggregation, Sums::Whole)?;
    match read(store, connection, aggregation, &whole, texts, most)? {
        Some(found) => Ok(found),
        None => {
            let parts = plan(Some(store), catalog, table, aggregation, Sums::Parts)?;
            let overflow = || Error::new(Code::Internal).with_rule("a sum in parts overflows");
            read(store, connection, aggregation, &parts, texts, most)?.ok_or_else(overflow)
        }
    }
}

/// The groups that a plan finds; nothing when a sum is too large for it.
fn read(
    store: &Store,
    connection: &Connection,
    aggregation: &Aggregation,
    plan: &Plan<'_>,
    formats: Option<Texts>,
    most: usize,
) -> Result<Option<Vec<Group>>> {
    let groups = aggregation.group_by.len();
    let limit = aggregation.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let lines = || {
        prepared(connection, &plan.statement.sql, |statement| {
            let mut rows = statement.query(rusqlite::params_from_iter(&plan.statement.binds))?;
            let mut found: Vec<Group> = Vec::new();
            loop {
                let row = match rows.next() {
                    Ok(Some(row)) => row,
                    Ok(None) => break,
                    Err(rusqlite::Error::SqliteFailure(_, Some(told))) if told == "integer overflow" => {
                        return Ok(None);
                    }
                    Err(error) => return Err(error.into()),
                };
                if aggregation.sort.is_empty() && found.len() >= limit {
                    break;
                }
                if found.len() >= most {
                    let rule = words!("集計のグループ数", "groups of an aggregation");
                    return Err(Error::new(Code::LimitPassed).with_rule(rule).with_value(most));
                }
                let mut at = 0;
                let (mut values, mut cells, mut texts) = (Vec::new(), Vec::new(), Vec::new());
                for reader in &plan.readers {
                    let (value, cell) = reader.read(store, row, at)?;
                    texts.extend(formats.map(|formats| {
                        let format = if values.len() < groups { formats.groups } else { formats.figures };
                        reader.text(&value, &cell, format)
                    }));
                    values.push(value);
                    cells.push(cell);
                    at += reader.width();
                }
                let figures = values.split_off(groups);
                found.push(Group { row: AggregateRow { groups: values, values: figures }, texts, cells });
            }
            Ok(Some(found))
        })
    };
    let found = match plan.local {
        true => with_local(store, connection, lines)?,
        false => lines()?,
    };
    let Some(mut found) = found else { return Ok(None) };
    // Groups come in their own order, which a stable sort keeps among equal ones.
    if !aggregation.sort.is_empty() {
        found.sort_by(|left, right| {
            let by = |sort: &AggregateSort| {
                let order = compare(plan, groups, sort.column, left, right);
                if sort.descending { order.reverse() } else { order }
            };
            aggregation.sort.iter().map(by).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
        });
    }
    found.truncate(limit);
    Ok(Some(found))
}

/// Empty ones first, then as fields compare.
fn compare(plan: &Plan<'_>, groups: usize, column: usize, left: &Group, right: &Group) -> Ordering {
    if matches!(plan.readers[column], Reader::Sum(..) | Reader::Average(..)) {
        let value = |found: &Group| scaled(&found.row.values[column - groups]);
        return value(left).cmp(&value(right));
    }
    let key = |found: &Group| match &found.cells[column] {
        Cell::Null => (0, 0, String::new()),
        Cell::Int(int) => (1, *int, String::new()),
        Cell::Text(text) => (2, 0, text.clone().into_owned()),
    };
    key(left).cmp(&key(right))
}

/// The digits of a sum; those of one column all have the same scale.
fn scaled(value: &Value) -> Option<i128> {
    match value {
        Value::Number(number) => Some(number.unscaled().into()),
        Value::Text(text) => text.replace('.', "").parse().ok(),
        _ => None,
    }
}

impl Store {
    /// Counts, sums and so on over the records of a database, by groups; all of one moment.
    ///
    /// # Errors
    ///
    /// When the database does not exist, or the aggregation does not fit it: a field that is not there
    /// ([`Code::QueryField`]), a figure that cannot be made of its type ([`Code::QueryOperator`]), a condition that is not
    /// acceptable.
    pub fn aggregate(&self, database: &str, aggregation: &Aggregation) -> Result<Vec<AggregateRow>> {
        let reading = self.reading()?.with_cache(CACHE_KIB)?;
        let door = Door::open(self, &reading)?;
        let table = door.table(database, Right::View)?;
        let groups = aggregate(self, &reading, door.catalog(), table, aggregation, None, usize::MAX)?;
        Ok(groups.into_iter().map(|group| group.row).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_round_half_up_and_sums_never_overflow() {
        let text = |value: Result<Value>| value.unwrap().to_text();
        assert_eq!(text(average(10, 4, 0, 0)), "3");
        assert_eq!(text(average(-10, 4, 0, 0)), "-3");
        assert_eq!(text(average(10, 3, 0, 2)), "3.33");
        assert_eq!(text(average(-1, 3, 2, 0)), "0");
        assert_eq!(text(average(199, 1, 2, 0)), "2");
        assert_eq!(exact(i128::from(i64::MAX) * 10, 2).to_text(), "922337203685477580.70");
        assert_eq!(digits(-5, 3), "-0.005");
    }
}
