//! What the names in the templates of a setting mean: fields of a record, or values of the call.

use std::borrow::Cow;

use rusqlite::Connection;

use super::{HtmlReader, Names, Place, Source, Template};
use crate::access;
use crate::csv::Encoding;
use crate::error::{Code, Error, Result, Words, words};
use crate::query::{Row, Selection};
use crate::schema::{Catalog, Table, Value, ValueFormat};
use crate::store::{Store, Timestamp};

/// So many fields are listed where one is not found.
const LISTED: usize = 40;

/// What every call knows, in the order of [`call_values`].
pub(crate) const CALL: &[&str] = &["@now", "@today", "@user", "@memo"];

/// The values of [`CALL`].
pub(crate) fn call_values(store: &Store, connection: &Connection, now: Timestamp, memo: &str) -> Result<Vec<Value>> {
    let local = store.local(now);
    let user = store.actor.map(|id| access::user_code(connection, id)).transpose()?.flatten();
    Ok(vec![Value::DateTime(local), Value::Date(local.date()), Value::from(user), Value::from(memo)])
}

/// Parses the templates of one setting, and collects their names.
pub(crate) struct Parser<'a> {
    setting: &'a str,
    encoding: Encoding,
    names: Names,
    over_rows: bool,
}

impl<'a> Parser<'a> {
    pub(crate) fn new(setting: &'a str, encoding: Encoding) -> Parser<'a> {
        Parser { setting, encoding, names: Names::default(), over_rows: false }
    }

    /// Names may be those of detail fields too: there is one detail row.
    pub(crate) fn over_rows(mut self) -> Parser<'a> {
        self.over_rows = true;
        self
    }

    /// Parses the template that is the member `member` of the setting.
    pub(crate) fn parse(&mut self, member: &str, text: &str, place: Place) -> Result<Template> {
        Template::parse(text, place, self.encoding, &mut self.names).map_err(|rule| self.unreadable(member, text, rule))
    }

    /// As [`Parser::parse`], for a piece of an HTML document.
    pub(crate) fn parse_html(&mut self, member: &str, text: &str, reader: &mut HtmlReader) -> Result<Template> {
        Template::parse_html(text, self.encoding, &mut self.names, reader)
            .map_err(|rule| self.unreadable(member, text, rule))
    }

    fn unreadable(&self, member: &str, text: &str, rule: Words) -> Error {
        Error::new(Code::TemplateSyntax)
            .with_name(format!("{}: {member}", self.setting))
            .with_field(member)
            .with_value(text)
            .with_rule(rule)
    }

    /// Finds what the names mean: those with `@` among `known`, the others among the fields of the database.
    pub(crate) fn finish(self, known: &[&str], database: Option<(&Store, &Catalog, &Table)>) -> Result<Scope> {
        let mut scope = Scope { names: self.names.clone(), columns: Vec::new(), meanings: Vec::new() };
        for name in self.names.iter() {
            let refused = |rule: Words| {
                Error::new(Code::TemplateField)
                    .with_name(self.setting)
                    .with_field(name)
                    .with_value(name)
                    .with_rule(rule)
            };
            if let Some(at) = known.iter().position(|other| *other == name) {
                scope.meanings.push(Meaning::Known(at));
                continue;
            }
            let Some((store, catalog, table)) = database.filter(|_| !name.starts_with('@')) else {
                return Err(refused(listed(known, database.map(|(_, _, table)| table))));
            };
            match Selection::new(store, catalog, table, [name]) {
                Ok(selection) if selection.is_on_details() && !self.over_rows => {
                    return Err(refused(words!(
                        "1レコードに複数ある明細項目です",
                        "it is a detail field, of which a record has many"
                    )));
                }
                Ok(_) => {
                    scope.meanings.push(Meaning::Column(scope.columns.len()));
                    scope.columns.push(name.to_owned());
                }
                Err(error) if error.code() == Code::QueryField => return Err(refused(listed(known, Some(table)))),
                Err(error) => return Err(error),
            }
        }
        Ok(scope)
    }
}

/// What may be named.
fn listed(known: &[&str], table: Option<&Table>) -> Words {
    let fields = table.iter().flat_map(|table| &table.header.columns).map(|column| column.field.code.as_str());
    let all = fields.chain(known.iter().copied());
    let count = all.clone().count();
    let list = all.take(LISTED).collect::<Vec<_>>().join(", ");
    match count.saturating_sub(LISTED) {
        0 => words!("使用できるもの: {list}", "there are {list}"),
        more => words!("使用できるもの: {list}、他{more}件", "there are {list}, and {more} more"),
    }
}

#[derive(Debug, Clone, Copy)]
enum Meaning {
    Column(usize),
    Known(usize),
}

/// What the names of the templates of a setting mean.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    pub(crate) names: Names,
    columns: Vec<String>,
    meanings: Vec<Meaning>,
}

impl Scope {
    /// The columns that templates need of a record.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(String::as_str)
    }

    /// The values for one record, or for none.
    pub(crate) fn values<'a>(&'a self, row: Option<&'a Row<'a>>, known: &'a [Value]) -> ScopeValues<'a> {
        ScopeValues { scope: self, row, known }
    }
}

/// The values of the names of a [`Scope`].
pub(crate) struct ScopeValues<'a> {
    scope: &'a Scope,
    /// Its first columns are those of the scope.
    row: Option<&'a Row<'a>>,
    known: &'a [Value],
}

impl Source for ScopeValues<'_> {
    fn text(&self, slot: usize, format: ValueFormat) -> Result<Cow<'_, str>> {
        match (self.scope.meanings.get(slot), self.row) {
            (Some(Meaning::Column(at)), Some(row)) => Ok(Cow::Owned(row.text(*at, format)?)),
            (Some(Meaning::Known(at)), _) => Ok(match self.known.get(*at) {
                Some(Value::Text(text)) => Cow::Borrowed(text.as_str()),
                // As a date field without patterns of its own is shown.
                Some(value @ (Value::Date(_) | Value::DateTime(_))) if format != ValueFormat::Raw => {
                    Cow::Owned(value.to_text().replace('-', "/"))
                }
                value => Cow::Owned(value.map(Value::to_text).unwrap_or_default()),
            }),
            _ => Ok(Cow::Borrowed("")),
        }
    }

    fn value(&self, slot: usize) -> Result<Value> {
        match (self.scope.meanings.get(slot), self.row) {
            (Some(Meaning::Column(at)), Some(row)) => row.value(*at),
            (Some(Meaning::Known(at)), _) => Ok(self.known.get(*at).cloned().unwrap_or_default()),
            _ => Ok(Value::Empty),
        }
    }
}
