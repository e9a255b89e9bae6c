//! The run: from one snapshot to any writer, line by line.

use std::cell::Cell as Counter;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::parallel::{self, CACHE_KIB, Division};
use super::request::{Export, Headings};
use crate::access::{Door, Right};
use crate::csv::{Unmapped, Writer};
use crate::error::{Code, Error, Result, words};
use crate::query::{List, ListColumn, Query, Row, Search, Selection, System};
use crate::schema::{Catalog, Cell, Table, ValueFormat, documents};
use crate::store::{Reading, Store};

/// How often progress is told.
const TOLD: Duration = Duration::from_millis(100);

/// It is looked at the time after so many lines, or when a piece was written out.
const LOOKED: u64 = 256;

/// How often it is tried to read one moment through several connections.
const ATTEMPTS: u32 = 3;

/// What an export wrote.
///
/// In an [`Unmapped`], the record is counted in lines of CSV from 1, the header line, if there is one, being the first.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
#[non_exhaustive]
pub struct Exported {
    /// How many records.
    pub records: u64,
    /// How many lines of CSV, without the header line: more than records where there are detail rows.
    pub lines: u64,
    /// How many bytes.
    pub bytes: u64,
    /// The first 1,000 characters that the encoding does not have, with [`Unmappable::Report`](crate::csv::Unmappable).
    pub unmapped: Vec<Unmapped>,
    /// How many characters the encoding does not have; each stands as `?`.
    pub unmapped_count: u64,
}

/// Counts what goes through. The count is read while the writer is lent out.
struct Counted<'a, W> {
    out: W,
    bytes: &'a Counter<u64>,
}

impl<W: Write> Write for Counted<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.bytes.set(self.bytes.get() + written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// One column on its way out.
struct Column {
    path: String,
    heading: String,
    way: Way,
}

/// How the texts of a column go into the file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// As they are: they never need quotes.
    Plain,
    /// Made by the library from a number or a date, so never a formula.
    Made,
    /// Given by somebody.
    Text,
}

/// Which records and columns an export means, once its names are found.
struct Plan {
    columns: Vec<Column>,
    has_header: bool,
    query: Query,
}

impl Plan {
    fn of(store: &Store, connection: &Connection, catalog: &Catalog, table: &Table, export: &Export) -> Result<Plan> {
        export.format.validate()?;
        let list = export.list.as_deref().map(|name| documents::get::<List>(connection, Some(table.id), name));
        let list = list.transpose()?;
        let mut query = Query {
            condition: None,
            sort: export.sort.clone(),
            limit: export.limit,
            offset: export.offset,
            after: export.after.clone(),
        };
        if let Some(name) = &export.search {
            query = query.filter(documents::get::<Search>(connection, Some(table.id), name)?.condition);
        }
        if let Some(condition) = &export.condition {
            query = query.filter(condition.clone());
        }
        let mut columns = export.columns.clone();
        if let Some(list) = list {
            if columns.is_empty() {
                columns = list.columns;
            }
            if query.sort.is_empty() {
                query.sort = list.sort;
            }
        } else if columns.is_empty() {
            columns = all_columns(table);
        }
        if export.without_details {
            let mut kept = Vec::with_capacity(columns.len());
            for column in columns {
                if !Selection::new(store, catalog, table, [column.field.as_str()])?.is_on_details() {
                    kept.push(column);
                }
            }
            columns = kept;
        }
        if columns.is_empty() {
            return Err(Error::new(Code::Argument).with_rule(words!(
                "明細なしの出力に明細項目の列しかありません",
                "an export without details has detail columns only"
            )));
        }
        let named = List { columns, ..List::new(table.code(), "", "") };
        let names = named.headings(catalog)?;
        let texts = match &export.headings {
            Headings::Names | Headings::None => names.clone(),
            Headings::Codes => named.columns.iter().map(|column| code(table, &column.field)).collect(),
            Headings::Texts(texts) => texts.clone(),
        };
        if texts.len() != names.len() {
            let rule = words!(
                "見出しが{}個、列が{}個です",
                "there are {} heading(s) for {} column(s)",
                texts.len(),
                names.len()
            );
            return Err(Error::new(Code::Argument).with_rule(rule));
        }
        let columns = named.columns.into_iter().zip(texts);
        let columns = columns.map(|(column, heading)| Column { path: column.field, heading, way: Way::Text });
        Ok(Plan { columns: columns.collect(), has_header: export.headings != Headings::None, query })
    }
}

/// The key, the other header fields, the detail fields.
fn all_columns(table: &Table) -> Vec<ListColumn> {
    let key = table.key_index();
    let header = table.header.columns.iter().enumerate();
    let others = header.filter(|(at, _)| *at != key).map(|(_, column)| column);
    let details = table.details.iter().flat_map(|details| &details.columns);
    std::iter::once(table.key())
        .chain(others)
        .chain(details)
        .map(|column| ListColumn { field: column.field.code.clone(), name: None })
        .collect()
}

/// The code of the field that a path names in the database itself, else the path.
fn code(table: &Table, path: &str) -> String {
    let layouts = || std::iter::once(&table.header).chain(&table.details);
    let has_code = || layouts().flat_map(|layout| &layout.columns).any(|column| column.field.code == path);
    if let Some(system) = System::find(path) {
        return system.name().to_owned();
    }
    if has_code() {
        return path.to_owned();
    }
    let found = layouts().find_map(|layout| layout.find(path).map(|at| layout.columns[at].field.code.clone()));
    found.unwrap_or_else(|| path.to_owned())
}

impl Store {
    /// Writes the records of `export` to `out`, as CSV. Memory does not grow with their number, and all of them are of
    /// one moment, however long the writing takes.
    ///
    /// `out` is given pieces of about 64 KiB, so it needs no buffer of its own.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = renkei::Store::create(dir.path().join("s.db"))?;
    /// use renkei::{Code, Export};
    ///
    /// let mut csv = Vec::new();
    /// match store.export(&Export::of("customers").list("overview"), &mut csv) {
    ///     Ok(exported) => println!("{} records in {} bytes", exported.records, exported.bytes),
    ///     Err(error) => assert_eq!(error.code(), Code::DatabaseNotFound),
    /// }
    /// # Ok::<(), renkei::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// * [`Code::AccessDenied`]; [`Code::DatabaseNotFound`], and [`Code::DefinitionNotFound`] for a list or a search.
    /// * [`Code::QueryField`] for a column that does not exist, and whatever a [`Query`] is refused for.
    /// * [`Code::Argument`] when headings and columns differ in number, or the delimiter cannot be one.
    /// * [`Code::CsvUnmappable`] for a character that the encoding does not have, with the field, the key of the record
    ///   behind the field's name, and the line and column of the file, unless the format says otherwise.
    /// * What `out` fails with.
    ///
    /// After an error `out` has received a part of the file; [`Store::export_to_path`] leaves none.
    pub fn export(&self, export: &Export, out: impl Write) -> Result<Exported> {
        self.export_with_progress(export, out, |_| true)
    }

    /// As [`Store::export`], and tells `progress` the number of lines written: before the first, about ten times a second,
    /// and at the end. When it returns false, the export is cancelled.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = renkei::Store::create(dir.path().join("s.db"))?;
    /// let export = renkei::Export::of("customers");
    /// let result = store.export_with_progress(&export, std::io::sink(), |lines| {
    ///     println!("{lines} lines");
    ///     lines < 1_000_000
    /// });
    /// # assert!(result.is_err());
    /// # Ok::<(), renkei::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Store::export`], and [`Code::Cancelled`].
    pub fn export_with_progress(
        &self,
        export: &Export,
        out: impl Write,
        progress: impl FnMut(u64) -> bool,
    ) -> Result<Exported> {
        let reading = self.reading()?.with_cache(CACHE_KIB)?;
        self.export_of(&reading, export, out, progress)
    }

    /// An export of the moment that `reading` sees.
    pub(crate) fn export_of(
        &self,
        reading: &Reading,
        export: &Export,
        out: impl Write,
        mut progress: impl FnMut(u64) -> bool,
    ) -> Result<Exported> {
        let bytes = Counter::new(0);
        let mut out = Counted { out, bytes: &bytes };
        let mut progress = Progress { tell: &mut progress, told: Instant::now() };
        for attempt in 0..=ATTEMPTS {
            let door = Door::open(self, reading)?;
            let table = door.table(&export.database, Right::Export)?;
            let mut plan = Plan::of(self, reading, door.catalog(), table, export)?;
            let paths = plan.columns.iter().map(|column| column.path.clone()).collect::<Vec<_>>();
            let selection = Selection::new(self, door.catalog(), table, paths.iter().map(String::as_str))?;
            for (at, column) in plan.columns.iter_mut().enumerate() {
                column.way = match () {
                    () if selection.is_plain(at, export.values) => Way::Plain,
                    () if selection.is_made(at) => Way::Made,
                    () => Way::Text,
                };
            }
            let work = Work { table, selection: &selection, columns: &plan.columns, export };
            let division = match attempt {
                0..ATTEMPTS => Division::of(reading, table, &plan.query)?,
                _ => None,
            };
            let mut helpers = Vec::new();
            if let Some(division) = &division {
                match parallel::of_same_moment(self, reading, division.threads)? {
                    Some(readings) => helpers = readings,
                    // Somebody wrote just now. What was found out is of a moment that is over.
                    None => continue,
                }
            }
            progress.tell(0)?;
            let mut writer = Writer::new(&mut out, export.format);
            if plan.has_header {
                for column in &plan.columns {
                    writer.text(&column.heading).map_err(|error| located(error, column, 1, None))?;
                }
                writer.end_record()?;
            }
            let mut exported = Exported {
                unmapped: writer.unmapped().to_vec(),
                unmapped_count: writer.unmapped_count(),
                ..Exported::default()
            };
            match division {
                Some(division) => {
                    let header = writer.record() - 1;
                    writer.finish()?;
                    parallel::run(&work, &division, helpers, &mut out, header, &mut exported, &mut progress)?;
                    out.flush()?;
                }
                None => {
                    let mut seen = 0;
                    let part = work.write(reading, &plan.query, &mut writer, |lines| {
                        if lines % LOOKED == 0 || bytes.get() != seen {
                            seen = bytes.get();
                            progress.look(lines)?;
                        }
                        Ok(())
                    })?;
                    exported.records = part.records;
                    exported.lines = part.lines;
                    exported.unmapped = writer.unmapped().to_vec();
                    exported.unmapped_count = writer.unmapped_count();
                    writer.finish()?;
                }
            }
            progress.tell(exported.lines)?;
            exported.bytes = bytes.get();
            return Ok(exported);
        }
        Err(Error::new(Code::Internal).with_rule("an export has no end"))
    }
}

/// Tells the caller how far it is, and whether to go on.
pub(super) struct Progress<'a> {
    tell: &'a mut dyn FnMut(u64) -> bool,
    told: Instant,
}

impl Progress<'_> {
    fn tell(&mut self, lines: u64) -> Result<()> {
        self.told = Instant::now();
        if (self.tell)(lines) { Ok(()) } else { Err(Error::new(Code::Cancelled)) }
    }

    /// Tells, if it is time.
    pub(super) fn look(&mut self, lines: u64) -> Result<()> {
        if self.told.elapsed() < TOLD { Ok(()) } else { self.tell(lines) }
    }
}

/// What is read and how it is written, for one thread or for several.
pub(super) struct Work<'a> {
    table: &'a Table,
    selection: &'a Selection<'a>,
    columns: &'a [Column],
    pub(super) export: &'a Export,
}

/// How much was written.
#[derive(Default)]
pub(super) struct Part {
    pub(super) records: u64,
    pub(super) lines: u64,
}

impl Work<'_> {
    /// Writes the lines of a query. After each, `written` is told how many there are.
    pub(super) fn write<W: Write>(
        &self,
        reading: &Connection,
        query: &Query,
        writer: &mut Writer<W>,
        mut written: impl FnMut(u64) -> Result<()>,
    ) -> Result<Part> {
        let mut part = Part::default();
        let mut last = None;
        let mut scratch = Vec::new();
        self.selection.for_each(reading, query, |row| {
            write_line(row, self.columns, self.export.values, writer, &mut scratch).map_err(|(at, error)| {
                // Only in a refusal is it worth asking for the key.
                let key = key_of(reading, self.table, row.id());
                located(error, &self.columns[at], writer.record(), key)
            })?;
            writer.end_record()?;
            part.lines += 1;
            if last != Some(row.id()) {
                part.records += 1;
                last = Some(row.id());
            }
            written(part.lines)?;
            Ok(true)
        })?;
        Ok(part)
    }
}

/// Writes the cells of one line; with an error comes the column.
#[inline]
fn write_line<W: Write>(
    row: &Row<'_>,
    columns: &[Column],
    values: ValueFormat,
    writer: &mut Writer<W>,
    scratch: &mut Vec<u8>,
) -> Result<(), (usize, Error)> {
    for (at, column) in columns.iter().enumerate() {
        let mut write = || match row.lend(at, values, scratch)? {
            Some(text) => writer.text(text),
            None if column.way == Way::Plain => writer.plain(scratch),
            None => {
                let text = std::str::from_utf8(scratch)
                    .map_err(|error| Error::new(Code::Internal).with_rule("a text is not UTF-8").with_source(error))?;
                match column.way {
                    Way::Text => writer.text(text),
                    _ => writer.made(text),
                }
            }
        };
        write().map_err(|error| (at, error))?;
    }
    Ok(())
}

/// Says where in the file and in the store a character could not be written.
#[cold]
fn located(error: Error, column: &Column, line: u64, key: Option<String>) -> Error {
    if error.code() != Code::CsvUnmappable {
        return error;
    }
    let name = match key {
        Some(key) => format!("{} ({key})", column.heading),
        None => column.heading.clone(),
    };
    error.with_field(&column.path).with_name(name).at_line(line)
}

fn key_of(connection: &Connection, table: &Table, id: i64) -> Option<String> {
    let sql = format!("SELECT {} FROM {} WHERE _id = ?1", table.key().sql, table.header.sql);
    let text = |row: &rusqlite::Row<'_>| Ok(Cell::from_sql(row.get_ref(0)?).ok().map(Cell::into_owned));
    let cell = connection.query_row(&sql, [id], text).ok().flatten()?;
    Some(table.key().text(&cell, ValueFormat::Raw))
}
