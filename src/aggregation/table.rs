//! A saved aggregation as rows and columns.

use std::collections::HashMap;

use serde::Serialize;

use super::{AggregationSetting, search_of};
use crate::access::{Door, Right};
use crate::error::{Code, Error, Result, words};
use crate::query::{
    AGGREGATE_CACHE_KIB, AggregateTexts, Aggregation, Bucket, Function, Group, GroupBy, aggregate, heading,
};
use crate::schema::documents;
use crate::schema::{Catalog, Cell, Table, Value, ValueFormat};
use crate::store::{Reading, Store};

/// The most rows of a table.
const ROWS: usize = 100_000;

/// The most values of the field whose values are columns.
const ACROSS: usize = 1_000;

/// The most cells of a cross table that have a value, and the most that it has at all.
const CELLS: usize = 1_000_000;

/// The figures of a saved aggregation. As JSON an object with these members, values as everywhere.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AggregationTable {
    /// How many columns are groups: the first ones. The others are figures.
    pub groups: usize,
    /// The columns.
    pub columns: Vec<AggregationColumn>,
    /// The rows, each with a value for every column. Where there are no records, counts are 0 and other figures empty.
    pub rows: Vec<Vec<Value>>,
    /// The totals of all records, with a value for every column; those of the groups are empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<Vec<Value>>,
}

/// A column of an [`AggregationTable`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AggregationColumn {
    /// The heading.
    pub name: String,
    /// Which of the measures of the setting its figures are, from 0 on; a group has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measure: Option<usize>,
    /// In a cross table, the value of the field across whose figures these are; a span of time by its first day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub across: Option<Value>,
    /// Whether it has the totals of the rows of a cross table.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_total: bool,
}

/// A value, and its text where texts were asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Figure {
    pub(super) value: Value,
    pub(super) text: String,
}

/// A table with the texts of its values.
pub(super) struct Built {
    pub(super) groups: usize,
    pub(super) columns: Vec<AggregationColumn>,
    pub(super) rows: Vec<Vec<Figure>>,
    pub(super) total: Option<Vec<Figure>>,
}

impl Built {
    fn into_table(self) -> AggregationTable {
        let values = |row: Vec<Figure>| row.into_iter().map(|figure| figure.value).collect();
        AggregationTable {
            groups: self.groups,
            columns: self.columns,
            rows: self.rows.into_iter().map(values).collect(),
            total: self.total.map(values),
        }
    }
}

impl Store {
    /// Runs a saved aggregation, by its code or id; all figures are of one moment, and exact.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = renkei::Store::create(dir.path().join("s.db"))?;
    /// use renkei::{Aggregation, AggregationSetting, Blueprint, Bucket, Database, Field, Function, Values};
    ///
    /// let figures = Aggregation::new().group_by("branch").measure(Function::Sum, "amount");
    /// store.apply(
    ///     &Blueprint::new()
    ///         .database(
    ///             Database::new("orders", "受注")
    ///                 .field(Field::key("number", "受注番号"))
    ///                 .field(Field::text("branch", "支店"))
    ///                 .field(Field::date("ordered", "受注日"))
    ///                 .field(Field::number("amount", "金額", 0)),
    ///         )
    ///         .aggregation(
    ///             AggregationSetting::new("orders", "yearly", "支店別年度別売上", figures)
    ///                 .across_bucket("ordered", Bucket::FiscalYear)
    ///                 .totals(),
    ///         ),
    /// )?;
    /// let orders = store.records("orders");
    /// for (number, branch, ordered, amount) in
    ///     [("1", "東京", "2026-03-31", "300"), ("2", "東京", "2026-04-01", "50"), ("3", "大阪", "2026-05-01", "7")]
    /// {
    ///     let order = Values::new().set("number", number).set("branch", branch).set("ordered", ordered);
    ///     orders.register(&order.set("amount", amount))?;
    /// }
    ///
    /// let table = store.run_aggregation("orders", "yearly")?;
    /// let headings: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    /// assert_eq!(headings, ["支店", "2025年度", "2026年度", "合計"]);
    /// let shown: Vec<Vec<String>> = table.rows.iter().map(|row| row.iter().map(|value| value.to_text()).collect()).collect();
    /// assert_eq!(shown, [["大阪", "", "7", "7"], ["東京", "300", "50", "350"]]);
    /// assert_eq!(table.total.unwrap()[3].to_text(), "357");
    /// # Ok::<(), renkei::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Code::DatabaseNotFound`], [`Code::DefinitionNotFound`]; [`Code::AccessDenied`] without the right to view;
    /// [`Code::LimitPassed`] for more than 100,000 rows, 1,000 values across, or 1,000,000 cells of a cross table: group by
    /// something coarser, narrow the condition, or set a limit.
    pub fn run_aggregation(&self, database: &str, aggregation: &str) -> Result<AggregationTable> {
        let reading = self.reading()?.with_cache(AGGREGATE_CACHE_KIB)?;
        let setting = stored(self, &reading, database, aggregation)?;
        Ok(build(self, &reading, &setting, &[Right::View], None)?.into_table())
    }

    /// Runs an aggregation that is not saved, as [`Store::run_aggregation`] would: for screens on which a setting is made.
    ///
    /// # Errors
    ///
    /// As [`Store::run_aggregation`]; [`Code::DefinitionInvalid`] when it could not be saved.
    pub fn preview_aggregation(&self, setting: &AggregationSetting) -> Result<AggregationTable> {
        let reading = self.reading()?.with_cache(AGGREGATE_CACHE_KIB)?;
        Ok(build(self, &reading, setting, &[Right::View], None)?.into_table())
    }
}

/// The setting by its code or id.
pub(super) fn stored(
    store: &Store,
    reading: &Reading,
    database: &str,
    aggregation: &str,
) -> Result<AggregationSetting> {
    let id = Door::open(store, reading)?.catalog().table(database)?.id;
    documents::get(reading, Some(id), aggregation)
}

/// Runs a setting. Texts are made when `format` asks for them.
pub(super) fn build(
    store: &Store,
    reading: &rusqlite::Connection,
    setting: &AggregationSetting,
    rights: &[Right],
    format: Option<ValueFormat>,
) -> Result<Built> {
    let door = Door::open(store, reading)?;
    let catalog = door.catalog();
    let table = catalog.table(&setting.database)?;
    rights.iter().try_for_each(|right| door.demand(table, *right))?;
    setting.validate(catalog)?;
    let mut setting = setting.clone();
    if let Some(search) = search_of(reading, table.id, &setting)? {
        setting.aggregation = setting.aggregation.filter(search);
    }
    let run = Run { store, reading, catalog, table, setting: &setting, format };
    match &setting.across {
        None => run.plain(),
        Some(across) => run.cross(across),
    }
}

struct Run<'a> {
    store: &'a Store,
    reading: &'a rusqlite::Connection,
    catalog: &'a Catalog,
    table: &'a Table,
    setting: &'a AggregationSetting,
    format: Option<ValueFormat>,
}

impl Run<'_> {
    fn read(&self, aggregation: &Aggregation, texts: Option<AggregateTexts>, most: usize) -> Result<Vec<Group>> {
        aggregate(self.store, self.reading, self.catalog, self.table, aggregation, texts, most)
    }

    fn texts(&self) -> Option<AggregateTexts> {
        self.format.map(|format| AggregateTexts { groups: format, figures: format })
    }

    /// The figures of all records together.
    fn grand(&self) -> Result<Option<Group>> {
        if !self.setting.totals {
            return Ok(None);
        }
        let mut all = self.setting.aggregation.clone();
        (all.group_by, all.sort, all.limit) = (Vec::new(), Vec::new(), None);
        Ok(self.read(&all, self.texts(), 1)?.pop())
    }

    /// The columns of the groups.
    fn group_columns(&self) -> Result<Vec<AggregationColumn>> {
        let column = |group: &GroupBy| {
            let name = match &group.name {
                Some(name) => name.clone(),
                None => heading(self.catalog, self.table.code(), &group.field)?,
            };
            Ok(AggregationColumn { name, measure: None, across: None, is_total: false })
        };
        self.setting.aggregation.group_by.iter().map(column).collect()
    }

    /// What the measures are called.
    fn measure_names(&self) -> Result<Vec<String>> {
        let name = |measure: &crate::query::Measure| {
            if let Some(name) = &measure.name {
                return Ok(name.clone());
            }
            let Some(field) = &measure.field else { return Ok("件数".to_owned()) };
            let what = match measure.function {
                Function::Count => "件数",
                Function::CountDistinct => "種類数",
                Function::Sum => "合計",
                Function::Min => "最小",
                Function::Max => "最大",
                Function::Average => "平均",
            };
            Ok(format!("{}の{what}", heading(self.catalog, self.table.code(), field)?))
        };
        self.setting.aggregation.measures.iter().map(name).collect()
    }

    fn plain(&self) -> Result<Built> {
        let groups = self.setting.aggregation.group_by.len();
        let mut columns = self.group_columns()?;
        let of_measures = self.measure_names()?.into_iter().enumerate();
        columns.extend(of_measures.map(|(at, name)| AggregationColumn {
            name,
            measure: Some(at),
            across: None,
            is_total: false,
        }));
        let rows = self.lines(&self.setting.aggregation, self.texts(), ROWS)?.into_iter().map(Line::whole).collect();
        let total = self.grand()?.map(|all| {
            let mut total = vec![Figure::default(); groups];
            total.extend(Line::of(all, 0).figures);
            total
        });
        Ok(Built { groups, columns, rows, total })
    }

    fn cross(&self, across: &GroupBy) -> Result<Built> {
        let of_rows = &self.setting.aggregation;
        let (groups, measures) = (of_rows.group_by.len(), of_rows.measures.len());
        let of_columns =
            Aggregation { group_by: vec![across.clone()], sort: Vec::new(), limit: None, ..of_rows.clone() };
        // Rows and columns in their order, with the totals of each. Headings are for people, whatever the values are for.
        let rows = self.lines(of_rows, self.texts(), ROWS)?;
        let figures = self.format.unwrap_or_default();
        let texts = AggregateTexts { groups: ValueFormat::Display, figures };
        let heads = self.lines(&of_columns, Some(texts), ACROSS)?;
        let mut columns = self.cross_columns(&heads)?;
        if rows.len().saturating_mul(columns.len()) > CELLS {
            let rule = words!("クロス集計のセル数", "cells of a cross table");
            return Err(Error::new(Code::LimitPassed).with_rule(rule).with_value(CELLS));
        }
        let places = |lines: &[Line]| -> HashMap<Vec<Key>, usize> {
            lines.iter().enumerate().map(|(at, line)| (line.key.clone(), at)).collect()
        };
        let (of_key, of_head) = (places(&rows), places(&heads));
        let empty = self.empty();
        let mut cells: Vec<Vec<Figure>> =
            rows.iter().map(|_| std::iter::repeat_n(&empty, heads.len()).flatten().cloned().collect()).collect();
        for group in self.read(&self.setting.whole(), self.texts(), CELLS)? {
            let cell = Line::of(group, groups + 1);
            let (row, head) = cell.key.split_at(groups);
            // Rows that the limit left out are not there.
            if let (Some(row), Some(head)) = (of_key.get(row), of_head.get(head)) {
                let from = head * measures;
                cells[*row].splice(from..from + measures, cell.figures);
            }
        }
        let mut total = None;
        if let Some(all) = self.grand()? {
            let mut line = vec![Figure::default(); groups];
            line.extend(heads.into_iter().flat_map(|head| head.figures));
            line.extend(Line::of(all, 0).figures);
            total = Some(line);
        } else {
            columns.truncate(columns.len() - measures);
        }
        let whole = rows.into_iter().zip(cells).map(|(row, cells)| {
            let mut line = row.groups;
            line.extend(cells);
            if self.setting.totals {
                line.extend(row.figures);
            }
            line
        });
        Ok(Built { groups, columns, rows: whole.collect(), total })
    }

    /// The groups of an aggregation, and where it was asked for, the spans of time between them that have no records.
    fn lines(&self, aggregation: &Aggregation, texts: Option<AggregateTexts>, most: usize) -> Result<Vec<Line>> {
        let found = self.read(aggregation, texts, most)?;
        let groups = aggregation.group_by.len();
        let bucket = spans(aggregation).filter(|_| self.setting.fill);
        let mut lines: Vec<Line> = Vec::with_capacity(found.len());
        for group in found {
            let line = Line::of(group, groups);
            let day = |line: &Line| match line.groups.first()?.value {
                Value::Date(day) => Some(day),
                _ => None,
            };
            if let (Some(bucket), Some(to)) = (bucket, day(&line)) {
                while let Some(next) =
                    lines.last().and_then(day).and_then(|last| bucket.next(last)).filter(|next| *next < to)
                {
                    if lines.len() >= most {
                        let rule = words!("集計のグループ数", "groups of an aggregation");
                        return Err(Error::new(Code::LimitPassed).with_rule(rule).with_value(most));
                    }
                    let text = texts.map(|texts| bucket.text(next, texts.groups)).unwrap_or_default();
                    lines.push(Line {
                        groups: vec![Figure { value: Value::Date(next), text }],
                        figures: self.empty(),
                        key: vec![(Some(next.days().into()), None)],
                    });
                }
            }
            lines.push(line);
        }
        Ok(lines)
    }

    /// The columns of a cross table, those of totals last.
    fn cross_columns(&self, heads: &[Line]) -> Result<Vec<AggregationColumn>> {
        let names = self.measure_names()?;
        let mut columns = self.group_columns()?;
        let mut add = |of: &str, across: Option<&Value>| {
            for (at, name) in names.iter().enumerate() {
                // One measure needs no name: that of the table says it.
                let name = if names.len() == 1 { of.to_owned() } else { format!("{of} {name}") };
                columns.push(AggregationColumn {
                    name,
                    measure: Some(at),
                    across: across.cloned(),
                    is_total: across.is_none(),
                });
            }
        };
        for head in heads.iter().filter_map(|head| head.groups.first()) {
            add(if head.text.is_empty() { "（空）" } else { &head.text }, Some(&head.value));
        }
        add("合計", None);
        Ok(columns)
    }

    /// The figures of no records.
    fn empty(&self) -> Vec<Figure> {
        let none = |measure: &crate::query::Measure| match measure.function {
            Function::Count | Function::CountDistinct => {
                Figure { value: Value::Number(0.into()), text: "0".to_owned() }
            }
            _ => Figure::default(),
        };
        self.setting.aggregation.measures.iter().map(none).collect()
    }
}

/// The span of time that each group is, where that is all that a group is, and groups stand in the order of time.
pub(super) fn spans(aggregation: &Aggregation) -> Option<Bucket> {
    let [GroupBy { bucket, .. }] = &aggregation.group_by[..] else { return None };
    bucket.filter(|_| aggregation.sort.is_empty() && aggregation.limit.is_none())
}

/// What tells values of groups apart, whatever they look like.
type Key = (Option<i64>, Option<String>);

/// A group: what makes it, and its figures.
struct Line {
    groups: Vec<Figure>,
    figures: Vec<Figure>,
    key: Vec<Key>,
}

impl Line {
    /// Of `group`, which has so many groups.
    fn of(group: Group, groups: usize) -> Line {
        let key = |cell: &Cell<'static>| match cell {
            Cell::Null => (None, None),
            Cell::Int(int) => (Some(*int), None),
            Cell::Text(text) => (None, Some(text.clone().into_owned())),
        };
        let key = group.cells().iter().take(groups).map(key).collect();
        let mut texts = group.texts.into_iter();
        let values = group.row.groups.into_iter().chain(group.row.values);
        let mut all = values.map(|value| Figure { value, text: texts.next().unwrap_or_default() });
        let of_groups = all.by_ref().take(groups).collect();
        Line { groups: of_groups, figures: all.collect(), key }
    }

    fn whole(mut self) -> Vec<Figure> {
        self.groups.append(&mut self.figures);
        self.groups
    }
}
