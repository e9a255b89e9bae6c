//! Records go into a template, piece by piece.

use std::io::{BufWriter, Write};

use serde::Serialize;

use super::blocks::Block;
use super::sink::{Bounded, Sink};
use super::{Compiled, FileContent, FileCsv, FileTemplate, Level, Node};
use crate::access::{Door, Right};
use crate::csv::OutputEncoding;
use crate::error::{Code, Error, Result, words};
use crate::export::Export;
use crate::query::{Condition, Query, Row, Search, Selection, count};
use crate::record::Selector;
use crate::schema::documents;
use crate::schema::{Catalog, Number, Table, Value};
use crate::store::{Reading, Store};
use crate::template::{Scope, call_values};

/// Which file is generated, for which records; given to [`Store::generate_file`].
#[derive(Debug, Clone, PartialEq)]
pub struct FileRequest {
    database: String,
    template: String,
    record: Option<Selector>,
    found: Option<Query>,
    memo: String,
}

impl FileRequest {
    /// The file of a template, by its code or id.
    pub fn new(database: impl Into<String>, template: impl Into<String>) -> FileRequest {
        FileRequest {
            database: database.into(),
            template: template.into(),
            record: None,
            found: None,
            memo: String::new(),
        }
    }

    /// Sets the record that the file is about, by its key or record id.
    pub fn record(mut self, record: impl Into<Selector>) -> FileRequest {
        self.record = Some(record.into());
        self
    }

    /// Sets which records are found, instead of those that the template says; without an order of its own, it has that of the
    /// template.
    pub fn found(mut self, query: Query) -> FileRequest {
        self.found = Some(query);
        self
    }

    /// Sets what `${@memo}` is.
    pub fn memo(mut self, memo: impl Into<String>) -> FileRequest {
        self.memo = memo.into();
        self
    }
}

/// A file that was generated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct GeneratedFile {
    /// Its name.
    pub name: String,
    /// Its MIME type, such as `text/html; charset=UTF-8`.
    pub content_type: String,
    /// How many found records are in it.
    pub records: u64,
    /// Its size.
    pub bytes: u64,
}

impl Store {
    /// Writes the file of a [`FileTemplate`] to `out`. All records are of one moment, and memory does not grow with their
    /// number. After an error `out` has received a part of the file, or nothing.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = renkei::Store::create(dir.path().join("s.db"))?;
    /// use renkei::{Blueprint, Database, Field, FileContent, FileRequest, FileTemplate, Values};
    ///
    /// let text = "${@each records}\n${@number}. ${name}: ${price|display}円\n${@end}\n計${@count}件\n".to_owned();
    /// store.apply(
    ///     &Blueprint::new()
    ///         .database(
    ///             Database::new("items", "商品")
    ///                 .field(Field::key("code", "品番"))
    ///                 .field(Field::text("name", "品名"))
    ///                 .field(Field::number("price", "単価", 0)),
    ///         )
    ///         .file_template(FileTemplate::new("items", "prices", "価格表", "価格表.txt", FileContent::Text(text))),
    /// )?;
    /// store.records("items").register(&Values::new().set("code", "A-1").set("name", "りんご").set("price", "120"))?;
    ///
    /// let mut out = Vec::new();
    /// let file = store.generate_file(&FileRequest::new("items", "prices"), &mut out)?;
    /// assert_eq!((file.name.as_str(), file.content_type.as_str()), ("価格表.txt", "text/plain; charset=UTF-8"));
    /// assert_eq!(String::from_utf8(out).unwrap(), "1. りんご: 120円\r\n計1件\r\n");
    /// # Ok::<(), renkei::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// * [`Code::DatabaseNotFound`], [`Code::DefinitionNotFound`], [`Code::RecordNotFound`]; [`Code::AccessDenied`] without
    ///   the rights to view and to export.
    /// * [`Code::Argument`] when the template speaks of one record and none is given.
    /// * [`Code::TemplateValue`] for a value that may not stand where it would, such as a `/` in the name of the file, with
    ///   the field and the value.
    /// * [`Code::CsvUnmappable`] for a character that the encoding does not have; [`Code::LimitPassed`] for a larger file
    ///   than the template allows; what `out` fails with.
    pub fn generate_file(&self, request: &FileRequest, out: impl Write) -> Result<GeneratedFile> {
        let reading = self.reading()?;
        let door = Door::open(self, &reading)?;
        let id = door.catalog().table(&request.database)?.id;
        let template: FileTemplate = documents::get(&reading, Some(id), &request.template)?;
        generate(self, &reading, &template, request.record.as_ref(), request.found.as_ref(), &request.memo, out)
    }
}

/// Writes the file of a template, of the moment that `reading` sees.
pub(crate) fn generate(
    store: &Store,
    reading: &Reading,
    template: &FileTemplate,
    record: Option<&Selector>,
    found: Option<&Query>,
    memo: &str,
    out: impl Write,
) -> Result<GeneratedFile> {
    let door = Door::open(store, reading)?;
    let catalog = door.catalog();
    let table = door.table(&template.database, Right::View)?;
    door.demand(table, Right::Export)?;
    let compiled = template.compile(store, catalog)?;
    if compiled.needs_record && record.is_none() {
        let code = &template.code;
        return Err(Error::new(Code::Argument).with_rule(words!(
            "「{code}」は1レコードのファイルです。レコードを指定してください",
            "\"{code}\" is a file about one record: say which"
        )));
    }
    let query = query_of(reading, template, table, found)?;
    let mut known = call_values(store, reading, store.now(), memo)?;
    let found = match compiled.needs_count {
        true => {
            let all = count(store, reading, catalog, table, query.condition.as_ref())?;
            query.limit.unwrap_or(u64::MAX).min(all.saturating_sub(query.offset))
        }
        false => 0,
    };
    known.push(number(found));
    let mut run = Run {
        store,
        reading,
        catalog,
        table,
        template,
        compiled: &compiled,
        query,
        out: Bounded::new(out, template.max_bytes),
        records: 0,
    };
    let Some(record) = record else {
        let name = run.file(None, &known)?;
        return Ok(run.done(name));
    };
    let condition = match record {
        Selector::Id(id) => Condition::equals("_id", *id),
        Selector::Key(key) => Condition::equals(table.key().field.code.as_str(), key.as_str()),
    };
    let selection = Selection::new(store, catalog, table, compiled.scopes[Level::File as usize].columns())?;
    let mut name = None;
    selection.for_each(reading, &Query::new().filter(condition).limit(1), |row| {
        name = Some(run.file(Some(row), &known)?);
        Ok(false)
    })?;
    let missing = || Error::new(Code::RecordNotFound).with_value(record).with_rule(table.code());
    Ok(run.done(name.ok_or_else(missing)?))
}

fn number(count: u64) -> Value {
    Value::Number(Number::from(i64::try_from(count).unwrap_or(i64::MAX)))
}

/// Which records are found, in which order.
fn query_of(reading: &Reading, template: &FileTemplate, table: &Table, found: Option<&Query>) -> Result<Query> {
    let mut query = match found {
        Some(query) => query.clone(),
        None => {
            let mut query = Query { condition: template.condition.clone(), limit: template.limit, ..Query::default() };
            if let Some(search) = &template.search {
                query = query.filter(documents::get::<Search>(reading, Some(table.id), search)?.condition);
            }
            query
        }
    };
    if query.sort.is_empty() {
        query.sort = template.sort.clone();
    }
    Ok(query)
}

struct Run<'a, W> {
    store: &'a Store,
    reading: &'a Reading,
    catalog: &'a Catalog,
    table: &'a Table,
    template: &'a FileTemplate,
    compiled: &'a Compiled,
    query: Query,
    out: Bounded<W>,
    records: u64,
}

impl<W: Write> Run<'_, W> {
    /// Writes the file; the answer is its name. `row` is that of the record that it is about.
    fn file(&mut self, row: Option<&Row<'_>>, known: &[Value]) -> Result<String> {
        let scope = &self.compiled.scopes[Level::File as usize];
        let name = self.compiled.file_name.expand_plain(&scope.names, &scope.values(row, known))?;
        match &self.template.content {
            FileContent::Csv(csv) => self.csv(csv)?,
            _ => self.text(row, known)?,
        }
        Ok(name)
    }

    fn csv(&mut self, csv: &FileCsv) -> Result<()> {
        let query = self.query.clone();
        let export = Export {
            list: csv.list.clone(),
            columns: csv.columns.clone(),
            without_details: csv.without_details,
            condition: query.condition,
            sort: query.sort,
            limit: query.limit,
            offset: query.offset,
            after: query.after,
            values: csv.values,
            headings: csv.headings.clone(),
            format: csv.format,
            ..Export::of(self.table.code())
        };
        self.records = self.store.export_of(self.reading, &export, &mut self.out, |_| true)?.records;
        Ok(())
    }

    fn text(&mut self, row: Option<&Row<'_>>, known: &[Value]) -> Result<()> {
        if self.template.encoding == OutputEncoding::Utf8Bom {
            self.out.write_all("\u{feff}".as_bytes())?;
        }
        let (encoding, line_end) = (self.template.encoding_of_text(), self.template.line_end);
        let mut writer = Writer {
            store: self.store,
            reading: self.reading,
            catalog: self.catalog,
            table: self.table,
            scopes: &self.compiled.scopes,
            query: &self.query,
            sink: Sink::new(BufWriter::with_capacity(64 << 10, &mut self.out), encoding, line_end, &self.template.code),
            records: 0,
        };
        writer.nodes(&self.compiled.nodes, row, known)?;
        writer.sink.flush()?;
        self.records = writer.records;
        Ok(())
    }

    fn done(self, name: String) -> GeneratedFile {
        let (kind, encoding) = match &self.template.content {
            FileContent::Csv(csv) => ("csv", csv.format.encoding),
            FileContent::Text(_) => ("plain", self.template.encoding),
            FileContent::Html(_) => ("html", self.template.encoding),
            FileContent::Markdown(_) => ("markdown", self.template.encoding),
        };
        let charset = if encoding == OutputEncoding::Cp932 { "Shift_JIS" } else { "UTF-8" };
        let content_type = format!("text/{kind}; charset={charset}");
        GeneratedFile { name, content_type, records: self.records, bytes: self.out.bytes }
    }
}

/// Writes the nodes of a text.
struct Writer<'a, W> {
    store: &'a Store,
    reading: &'a Reading,
    catalog: &'a Catalog,
    table: &'a Table,
    scopes: &'a [Scope; 3],
    query: &'a Query,
    sink: Sink<W>,
    records: u64,
}

impl<W: Write> Writer<'_, W> {
    /// `row` is the line at hand: of the record of the file, of a found record, or a detail row.
    fn nodes(&mut self, nodes: &[Node], row: Option<&Row<'_>>, known: &[Value]) -> Result<()> {
        for node in nodes {
            match node {
                Node::Text(level, template) => {
                    let scope = &self.scopes[*level as usize];
                    self.sink.text(&template.expand_plain(&scope.names, &scope.values(row, known))?)?;
                }
                Node::Each { block, body, otherwise } => {
                    let lines = self.each(*block, body, row, known)?;
                    if *block == Block::Records {
                        self.records = lines;
                    }
                    if lines == 0 {
                        self.nodes(otherwise, row, known)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Writes the body once for each line; how many there were.
    fn each(&mut self, block: Block, body: &[Node], row: Option<&Row<'_>>, known: &[Value]) -> Result<u64> {
        let (scopes, reading, query) = (self.scopes, self.reading, self.query);
        let new = |level: Level| Selection::new(self.store, self.catalog, self.table, scopes[level as usize].columns());
        let of_record;
        let (selection, query) = match block {
            Block::Records => (new(Level::Record)?, query),
            Block::Rows => {
                of_record = Query::new().filter(Condition::equals("_id", row.map_or(0, Row::id)));
                (new(Level::Row)?.over_rows(), &of_record)
            }
        };
        let mut inner = known[..known.len().min(crate::template::CALL.len() + 1)].to_vec();
        inner.push(Value::Empty);
        let mut lines = 0;
        selection.for_each(reading, query, |line| {
            lines += 1;
            if let Some(last) = inner.last_mut() {
                *last = number(lines);
            }
            self.nodes(body, Some(line), &inner)?;
            Ok(true)
        })?;
        Ok(lines)
    }
}
