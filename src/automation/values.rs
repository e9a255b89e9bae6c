//! Values of parts: where they come from, found out once, and worked out for each record.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension};

use super::definition::{AutomationUnit, FieldSource, SetField};
use crate::csv::Encoding;
use crate::error::{Code, Error, Result, Violation, Words, words};

use crate::query::{Condition, Matcher, One, Query, Selection, Test};
use crate::record::{DetailRow, Values};
use crate::schema::documents::{refused, unfit};
use crate::schema::{Catalog, Column, Expression, Layout, Number, Rounding, Table, Value};
use crate::schema::{FieldKind, Scope as Operands};
use crate::store::Store;
use crate::template::{CALL, Parser, Place, Scope, Source, Template};

/// What a part is compiled with.
#[derive(Clone, Copy)]
pub(super) struct World<'a> {
    pub(super) store: &'a Store,
    pub(super) catalog: &'a Catalog,
    /// The database of the automation.
    pub(super) table: &'a Table,
    pub(super) unit: AutomationUnit,
    /// The code of the automation, for messages.
    pub(super) automation: &'a str,
}

/// The record or detail row for which parts are run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject {
    pub(super) record: i64,
    /// The detail row, or the record once more.
    pub(super) unit: One,
}

impl Subject {
    /// What an id of a run stands for; `None` when it is gone.
    pub(super) fn of(connection: &Connection, table: &Table, unit: AutomationUnit, id: i64) -> Result<Option<Subject>> {
        let sql = match (unit, &table.details) {
            (AutomationUnit::DetailRow, Some(details)) => format!("SELECT _record FROM {} WHERE _id = ?1", details.sql),
            _ => format!("SELECT _id FROM {} WHERE _id = ?1", table.header.sql),
        };
        let record: Option<i64> = connection.prepare_cached(&sql)?.query_row([id], |row| row.get(0)).optional()?;
        Ok(record.map(|record| Subject { record, unit: unit.one(id) }))
    }
}

impl AutomationUnit {
    pub(super) fn one(self, id: i64) -> One {
        match self {
            AutomationUnit::Record => One::Record(id),
            AutomationUnit::DetailRow => One::Row(id),
        }
    }

    pub(super) fn is_row(self) -> bool {
        self == AutomationUnit::DetailRow
    }
}

/// What the searches before a part have found: by the code of the part, its place and its database.
pub(super) type Searches<'a> = HashMap<String, (usize, &'a Table)>;

/// Where what is set stands.
#[derive(Clone, Copy)]
pub(super) struct Goal<'a> {
    /// The database that is written.
    pub(super) table: &'a Table,
    /// Whether `set` is about detail rows.
    pub(super) on_rows: bool,
    /// Whether a record is made, which gets a key.
    pub(super) is_new: bool,
}

enum From {
    Fixed(Value),
    /// By column of this record's line.
    This(usize),
    /// By column of the line of the record that is written.
    Target(usize),
    /// By place among the searches used.
    Found(usize),
    Template(usize),
    Formula(Box<Formula>),
}

struct Formula {
    expression: Expression,
    operands: Vec<From>,
    /// Columns of the lines of the detail rows.
    sums: Vec<usize>,
    scale: u8,
    rounding: Rounding,
}

/// The fields that a part sets.
pub(super) struct Sets<'a> {
    scope: Scope,
    templates: Vec<Template>,
    /// The columns of the templates, then others.
    this: Selection<'a>,
    /// The columns that are not those of templates.
    first: usize,
    reads_this: bool,
    target: Option<Selection<'a>>,
    found: Vec<(usize, Selection<'a>)>,
    sums: Option<Selection<'a>>,
    fields: Vec<(String, From)>,
    row: Vec<(String, From)>,
    /// What is set, where it is the same for every record.
    fixed: Option<Values>,
}

/// What was read for one record for which parts are run.
#[derive(Default)]
pub(super) struct Seen {
    this: Vec<Value>,
    templates: Vec<Value>,
    found: Vec<Value>,
    rows: Vec<Vec<Option<(i64, u8)>>>,
}

/// Finds out where values come from.
struct Compiler<'w, 'a> {
    world: &'w World<'a>,
    part: &'w str,
    searches: &'w Searches<'a>,
    goal: Goal<'a>,
    this: Vec<String>,
    target: Vec<String>,
    found: Vec<(usize, &'a Table, String)>,
    sums: Vec<String>,
    templates: usize,
}

impl<'a> Sets<'a> {
    /// Judges what a part sets.
    pub(super) fn compile(
        world: &World<'a>,
        part: &str,
        searches: &Searches<'a>,
        goal: Goal<'a>,
        set: &[SetField],
        row: &[SetField],
    ) -> Result<Sets<'a>> {
        let World { store, catalog, table, unit, automation } = *world;
        let mut parser = parser(automation, unit);
        let mut templates = Vec::new();
        for given in set.iter().chain(row) {
            if let FieldSource::Template(text) = &given.from {
                templates.push(parser.parse(&given.field, text, Place::Plain)?);
            }
        }
        let scope = parser.finish(CALL, Some((store, catalog, table)))?;
        let mut compiler = Compiler {
            world,
            part,
            searches,
            goal,
            this: Vec::new(),
            target: Vec::new(),
            found: Vec::new(),
            sums: Vec::new(),
            templates: 0,
        };
        let layout = match goal.on_rows {
            true => goal.table.details()?,
            false => &goal.table.header,
        };
        let fields = compiler.fields(layout, set)?;
        let row = match row.is_empty() {
            true => Vec::new(),
            false => compiler.fields(goal.table.details()?, row)?,
        };
        let Compiler { this, target, found, sums, .. } = compiler;
        let first = scope.columns().count();
        let reads_this = first + this.len() + sums.len() > 0;
        let columns: Vec<String> = scope.columns().map(str::to_owned).chain(this).collect();
        let select = |table: &'a Table, columns: &[String]| {
            Selection::new(store, catalog, table, columns.iter().map(String::as_str))
                .map_err(|error| unfit(automation, error))
        };
        let is_fixed = fields.iter().chain(&row).all(|(_, from)| matches!(from, From::Fixed(_)));
        let mut sets = Sets {
            this: select(table, &columns)?,
            first,
            reads_this,
            target: (!target.is_empty()).then(|| select(goal.table, &target)).transpose()?,
            found: found
                .into_iter()
                .map(|(at, table, path)| Ok((at, select(table, &[path])?)))
                .collect::<Result<Vec<_>>>()?,
            sums: (!sums.is_empty()).then(|| select(table, &sums)).transpose()?,
            scope,
            templates,
            fields,
            row,
            fixed: None,
        };
        if is_fixed {
            sets.fixed = Some(sets.worked_out(&Seen::default(), &[])?);
        }
        Ok(sets)
    }

    /// The values for every record, where they are the same for all.
    pub(super) fn fixed(&self) -> Option<&Values> {
        self.fixed.as_ref()
    }

    /// Whether the values differ from one record that is written to the next.
    pub(super) fn needs_target(&self) -> bool {
        self.target.is_some()
    }

    /// The searches whose first records are read, by the places of their parts.
    pub(super) fn searches(&self) -> impl Iterator<Item = usize> {
        self.found.iter().map(|(part, _)| *part)
    }

    /// Reads what is the same for every record that is written; `None` when the record for which parts are run is gone.
    pub(super) fn see(
        &self,
        connection: &Connection,
        subject: Subject,
        call: &[Value],
        found: impl Fn(usize) -> Option<i64>,
    ) -> Result<Option<Seen>> {
        let mut seen = Seen::default();
        if self.reads_this || !self.templates.is_empty() {
            let read = self.this.one(connection, subject.unit, |row| {
                let source = self.scope.values(Some(row), call);
                for template in &self.templates {
                    seen.templates.push(expanded(template, &self.scope, &source)?);
                }
                for at in self.first..row.len() {
                    seen.this.push(row.value(at)?);
                }
                Ok(())
            })?;
            if read.is_none() {
                return Ok(None);
            }
        }
        for (at, selection) in &self.found {
            let value = match found(*at) {
                Some(id) => selection.one(connection, One::Record(id), |row| row.value(0))?,
                None => None,
            };
            seen.found.push(value.unwrap_or_default());
        }
        if let Some(sums) = &self.sums {
            let query = Query::new().filter(Condition::equals("_id", subject.record));
            sums.for_each(connection, &query, |row| {
                let line = (0..row.len()).map(|at| Ok(number(&row.value(at)?))).collect::<Result<Vec<_>>>()?;
                // A record without rows has one empty line.
                if line.iter().any(Option::is_some) {
                    seen.rows.push(line);
                }
                Ok(true)
            })?;
        }
        Ok(Some(seen))
    }

    /// The values for one record or detail row that is written; `None` when it is gone.
    pub(super) fn values(&self, connection: &Connection, seen: &Seen, target: Option<One>) -> Result<Option<Values>> {
        let mut own = Vec::new();
        if let (Some(selection), Some(target)) = (&self.target, target) {
            let read = selection.one(connection, target, |row| {
                own = (0..row.len()).map(|at| row.value(at)).collect::<Result<_>>()?;
                Ok(())
            })?;
            if read.is_none() {
                return Ok(None);
            }
        }
        self.worked_out(seen, &own).map(Some)
    }

    fn worked_out(&self, seen: &Seen, own: &[Value]) -> Result<Values> {
        let mut values = Values::new();
        for (field, from) in &self.fields {
            values.fields.push((field.clone(), from.value(field, seen, own)?));
        }
        if !self.row.is_empty() {
            let mut row = DetailRow::new();
            for (field, from) in &self.row {
                row.fields.push((field.clone(), from.value(field, seen, own)?));
            }
            values.rows.push(row);
        }
        Ok(values)
    }

    /// What is set, as one detail row.
    pub(super) fn row_values(&self, connection: &Connection, seen: &Seen, row: i64) -> Result<Option<DetailRow>> {
        let Some(values) = self.values(connection, seen, Some(One::Row(row)))? else { return Ok(None) };
        let Values { fields, .. } = values;
        Ok(Some(DetailRow { id: Some(row), fields }))
    }

    /// The codes of the header fields that are set.
    pub(super) fn field_names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(field, _)| field.as_str())
    }
}

fn number(value: &Value) -> Option<(i64, u8)> {
    value.as_number().map(|number| (number.unscaled(), number.scale()))
}

/// A placeholder alone is the value as it is.
fn expanded(template: &Template, scope: &Scope, source: &impl Source) -> Result<Value> {
    match template.single() {
        Some(slot) => source.value(slot),
        None => Ok(Value::from(template.expand_plain(&scope.names, source)?)),
    }
}

impl From {
    fn value(&self, field: &str, seen: &Seen, own: &[Value]) -> Result<Value> {
        let at = |values: &[Value], at: usize| values.get(at).cloned().unwrap_or_default();
        Ok(match self {
            From::Fixed(value) => value.clone(),
            From::This(column) => at(&seen.this, *column),
            From::Target(column) => at(own, *column),
            From::Found(place) => at(&seen.found, *place),
            From::Template(place) => at(&seen.templates, *place),
            From::Formula(formula) => formula.value(field, seen, own)?,
        })
    }
}

impl Formula {
    fn value(&self, field: &str, seen: &Seen, own: &[Value]) -> Result<Value> {
        let operands = self.operands.iter().map(|from| Ok(number(&from.value(field, seen, own)?)));
        let sight = Sight { operands: operands.collect::<Result<_>>()?, rows: &seen.rows, sums: &self.sums };
        match self.expression.evaluate(&sight, self.scale, self.rounding) {
            Ok(Some(unscaled)) => Ok(Number::new(unscaled, self.scale).map_or(Value::Empty, Value::Number)),
            Ok(None) => Ok(Value::Empty),
            Err(broken) => {
                let violation = Violation::new(broken, field, field, self.expression.source());
                Err(Error::invalid(vec![violation]))
            }
        }
    }
}

/// What a calculation sees.
struct Sight<'a> {
    operands: Vec<Option<(i64, u8)>>,
    rows: &'a [Vec<Option<(i64, u8)>>],
    sums: &'a [usize],
}

impl Operands for Sight<'_> {
    fn field(&self, index: usize) -> Option<(i64, u8)> {
        self.operands.get(index).copied().flatten()
    }

    fn row_count(&self) -> usize {
        self.rows.len()
    }

    fn row(&self, row: usize, index: usize) -> Option<(i64, u8)> {
        self.rows.get(row)?.get(*self.sums.get(index)?).copied().flatten()
    }
}

fn place(all: &mut Vec<String>, path: &str) -> usize {
    all.iter().position(|other| other == path).unwrap_or_else(|| {
        all.push(path.to_owned());
        all.len() - 1
    })
}

impl<'a> Compiler<'_, 'a> {
    fn refused(&self, field: &str, rule: Words) -> Error {
        let part = self.part;
        let rule = words!("パーツ「{part}」: {rule}", "part \"{part}\": {rule}"; rule);
        refused(self.world.automation, rule).with_field(field)
    }

    fn fields(&mut self, layout: &Layout, set: &[SetField]) -> Result<Vec<(String, From)>> {
        let mut fields: Vec<(String, From)> = Vec::with_capacity(set.len());
        for SetField { field, from } in set {
            let column = self.column(layout, field)?;
            if fields.iter().any(|(other, _)| *other == column.field.code) {
                let rule = words!("項目「{field}」が2回設定されます", "the field \"{field}\" is set twice");
                return Err(self.refused(field, rule));
            }
            let from = self.from(column, from)?;
            fields.push((column.field.code.clone(), from));
        }
        Ok(fields)
    }

    /// The field that is set, which must take values.
    fn column<'l>(&self, layout: &'l Layout, field: &str) -> Result<&'l Column> {
        let Some(at) = layout.find(field) else {
            let (database, shown) = (self.goal.table.code(), crate::error::shorten(field));
            let rule =
                words!("「{database}」に項目「{shown}」がありません", "\"{database}\" has no field \"{shown}\" there");
            return Err(self.refused(field, rule));
        };
        let column = &layout.columns[at];
        let is_key = matches!(column.field.kind, FieldKind::Key { .. });
        if !column.is_writable() || is_key && !self.goal.is_new {
            let kind = column.field.type_words();
            let rule = words!(
                "「{field}」は{kind}項目のため、設定できません",
                "\"{field}\" is a {kind} field, which is not set this way"; kind
            );
            return Err(self.refused(field, rule));
        }
        Ok(column)
    }

    fn from(&mut self, column: &Column, from: &FieldSource) -> Result<From> {
        let field = column.field.code.clone();
        Ok(match from {
            FieldSource::Value(value) => {
                if let Err(broken) = column.check(value) {
                    let violation = Violation::new(broken, &field, &column.field.name, value.to_text());
                    let rule =
                        Words::of(|language| violation.message(language).trim_end_matches(['.', '。']).to_owned());
                    return Err(self.refused(&field, rule));
                }
                From::Fixed(value.clone())
            }
            FieldSource::Field(path) => self.this_path(path)?,
            FieldSource::Target(path) => self.target_path(path)?,
            FieldSource::Found(found) => {
                let (at, table) = self.search(&found.part)?;
                let one = Selection::new(self.world.store, self.world.catalog, table, [found.field.as_str()]);
                self.single(&found.field, one)?;
                self.found.push((at, table, found.field.clone()));
                From::Found(self.found.len() - 1)
            }
            FieldSource::Template(_) => {
                self.templates += 1;
                From::Template(self.templates - 1)
            }
            FieldSource::Formula(expression) => self.formula(column, expression, false)?,
            FieldSource::TargetFormula(expression) => self.formula(column, expression, true)?,
        })
    }

    fn search(&self, part: &str) -> Result<(usize, &'a Table)> {
        find_search(self.searches, part).map_err(|rule| self.refused("", rule))
    }

    /// Refuses a path that does not exist, or stands for several values.
    fn single(&self, path: &str, selection: Result<Selection<'_>>) -> Result<bool> {
        let on_details = selection.map_err(|error| unfit(self.world.automation, error))?.is_on_details();
        Ok(on_details && !path.is_empty())
    }

    fn several(&self, path: &str) -> Error {
        let rule = words!(
            "「{path}」は1レコードに複数ある明細項目です",
            "\"{path}\" is a detail field, of which a record has many"
        );
        self.refused(path, rule)
    }

    fn this_path(&mut self, path: &str) -> Result<From> {
        let World { store, catalog, table, unit, .. } = *self.world;
        if self.single(path, Selection::new(store, catalog, table, [path]))? && !unit.is_row() {
            return Err(self.several(path));
        }
        Ok(From::This(place(&mut self.this, path)))
    }

    fn target_path(&mut self, path: &str) -> Result<From> {
        if self.goal.is_new {
            let rule = words!(
                "登録するレコードに以前の値はありません",
                "a record that is registered has no values from before"
            );
            return Err(self.refused(path, rule));
        }
        let World { store, catalog, .. } = *self.world;
        if self.single(path, Selection::new(store, catalog, self.goal.table, [path]))? && !self.goal.on_rows {
            return Err(self.several(path));
        }
        Ok(From::Target(place(&mut self.target, path)))
    }

    fn formula(&mut self, column: &Column, expression: &Expression, of_target: bool) -> Result<From> {
        let field = &column.field.code;
        let (scale, rounding) = match &column.effective().field.kind {
            FieldKind::Number { scale, rounding, .. } => (*scale, *rounding),
            _ => {
                let rule = words!(
                    "「{field}」は数値項目ではないため、計算式を設定できません",
                    "\"{field}\" is no number field: it takes no calculation"
                );
                return Err(self.refused(field, rule));
            }
        };
        let own = self.world.table;
        let mut operands = Vec::new();
        for name in expression.fields() {
            let in_target = of_target && is_number(self.goal.table, self.goal.on_rows, name);
            let this = if of_target { name.strip_prefix("this_").unwrap_or_default() } else { name.as_str() };
            operands.push(match (in_target, is_number(own, self.world.unit.is_row(), this)) {
                (true, _) => self.target_path(name)?,
                (false, true) => self.this_path(this)?,
                (false, false) => return Err(self.no_number(name)),
            });
        }
        if of_target && expression.uses_rows() {
            let rule = words!(
                "`target_formula`では明細行の集計を使用できません",
                "a `target_formula` does not sum detail rows"
            );
            return Err(self.refused(field, rule));
        }
        let mut sums = Vec::new();
        if expression.uses_rows() {
            let details = own.details()?;
            for name in expression.detail_fields() {
                let found = details.find(name).filter(|at| details.columns[*at].scale().is_some());
                if found.is_none() {
                    return Err(self.no_number(name));
                }
                sums.push(place(&mut self.sums, name));
            }
            // To be counted, rows need a column.
            if self.sums.is_empty()
                && let Some(first) = details.columns.first()
            {
                self.sums.push(first.field.code.clone());
            }
        }
        Ok(From::Formula(Box::new(Formula { expression: expression.clone(), operands, sums, scale, rounding })))
    }

    fn no_number(&self, name: &str) -> Error {
        let rule = words!(
            "計算式の「{name}」は、使用中の数値項目ではありません",
            "it calculates with \"{name}\", which is no number field in use"
        );
        self.refused(name, rule)
    }
}

/// Reads templates over what parts are run for.
fn parser(automation: &str, unit: AutomationUnit) -> Parser<'_> {
    let parser = Parser::new(automation, Encoding::Utf8);
    if unit.is_row() { parser.over_rows() } else { parser }
}

fn is_number(table: &Table, on_rows: bool, name: &str) -> bool {
    let layouts = std::iter::once(&table.header).chain(table.details.as_ref().filter(|_| on_rows));
    let mut found = layouts.filter_map(|layout| layout.columns.iter().find(|column| column.field.code == name));
    found.next().is_some_and(|column| column.scale().is_some())
}

/// A search that was made before, by the code of its part.
pub(super) fn find_search<'a>(searches: &Searches<'a>, part: &str) -> Result<(usize, &'a Table), Words> {
    searches.get(part).copied().ok_or_else(|| {
        let shown = crate::error::shorten(part);
        words!(
            "「{shown}」は、ここで結果を使用できる検索パーツではありません",
            "\"{shown}\" is no search part whose result there is at this place"
        )
    })
}

/// A condition, texts in which may be templates over the record for which parts are run.
pub(super) struct Asked<'a> {
    condition: Condition,
    scope: Scope,
    /// In the order of the values.
    templates: Vec<Option<Template>>,
    this: Selection<'a>,
    /// Where nothing is put in.
    pub(super) matcher: Option<Matcher>,
}

fn is_template(value: &Value) -> bool {
    matches!(value, Value::Text(text) if text.contains("${"))
}

impl<'a> Asked<'a> {
    /// Judges a condition on the records of `table`; with `of_rows`, on their detail rows.
    pub(super) fn compile(
        world: &World<'a>,
        part: &str,
        table: &'a Table,
        condition: &Condition,
        of_rows: bool,
    ) -> Result<Asked<'a>> {
        let World { store, catalog, automation, unit, .. } = *world;
        let unfit = |error: Error| {
            let error = unfit(automation, error);
            let rule = error.parts()[2].clone();
            let rule = words!("パーツ「{part}」の条件: {rule}", "the condition of the part \"{part}\": {rule}"; rule);
            refused(automation, rule).with_source(error)
        };
        let mut parser = parser(automation, unit);
        let mut templates = Vec::new();
        let mut fault = None;
        let mut condition = condition.clone();
        condition.values_mut(&mut |path, value| {
            let parsed = match value {
                Value::Text(text) if is_template(&Value::Text(text.clone())) => {
                    Some(parser.parse(path, text, Place::Plain)).transpose()
                }
                _ => Ok(None),
            };
            match parsed {
                Ok(template) => templates.push(template),
                Err(error) => fault = fault.take().or(Some(error)),
            }
        });
        if let Some(error) = fault {
            return Err(error);
        }
        let is_fixed = templates.iter().all(Option::is_none);
        let mut fixed = condition.clone();
        let mut open = Vec::new();
        take_templated(&mut fixed, &mut open);
        let matcher = Matcher::new(store, catalog, table, &fixed, of_rows).map_err(unfit)?;
        for comparison in &open {
            match Matcher::new(store, catalog, table, comparison, of_rows) {
                // The value is known when the part is run.
                Err(error) if error.code() != Code::QueryValue => return Err(unfit(error)),
                _ => {}
            }
        }
        let scope = parser.finish(CALL, Some((store, catalog, world.table)))?;
        let this = Selection::new(store, catalog, world.table, scope.columns())?;
        Ok(Asked { condition, templates, this, matcher: is_fixed.then_some(matcher), scope })
    }

    /// The condition with the values put in; `None` when the record for which parts are run is gone.
    pub(super) fn condition(
        &self,
        connection: &Connection,
        subject: Subject,
        call: &[Value],
    ) -> Result<Option<Condition>> {
        if self.matcher.is_some() {
            return Ok(Some(self.condition.clone()));
        }
        self.this.one(connection, subject.unit, |row| {
            let source = self.scope.values(Some(row), call);
            let mut condition = self.condition.clone();
            let (mut templates, mut fault) = (self.templates.iter(), None);
            condition.values_mut(&mut |_, value| {
                if let Some(Some(template)) = templates.next() {
                    match expanded(template, &self.scope, &source) {
                        Ok(expanded) => *value = expanded,
                        Err(error) => fault = fault.take().or(Some(error)),
                    }
                }
            });
            fault.map_or(Ok(condition), Err)
        })
    }
}

/// Takes comparisons with templates out of a condition, and leaves what always holds.
fn take_templated(condition: &mut Condition, open: &mut Vec<Condition>) {
    let is_open = match condition {
        Condition::All(list) | Condition::Any(list) => {
            list.iter_mut().for_each(|inner| take_templated(inner, open));
            false
        }
        Condition::Not(inner) | Condition::Detail(inner) => {
            take_templated(inner, open);
            false
        }
        Condition::Compare { test, .. } => match test {
            Test::OneOf(values) => values.iter().any(is_template),
            Test::Between(from, to) => is_template(from) || is_template(to),
            Test::Equals(value)
            | Test::NotEquals(value)
            | Test::AtLeast(value)
            | Test::AtMost(value)
            | Test::Less(value)
            | Test::Greater(value)
            | Test::Contains(value)
            | Test::StartsWith(value) => is_template(value),
            Test::IsEmpty | Test::IsNotEmpty => false,
        },
    };
    if is_open {
        open.push(std::mem::take(condition));
    }
}
