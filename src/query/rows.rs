//! Reading chosen columns, line by line, without holding more than one line.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::OnceLock;

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::compile::condition_sql;
use super::page::{Order, Query, bounded, check_shape, restricted};
use super::path::{Leaf, Path, Place, System};
use super::{Piece, prepared};
use crate::access::{Door, Right};
use crate::error::{Code, Error, Result};
use crate::schema::{Catalog, Cell, Column, FieldKind, Number, Table, Value, ValueFormat, write_moment};
use crate::store::{Store, Timestamp};

/// SQLite joins at most 64 tables; what is beyond is read by subqueries.
const JOINS: usize = 50;

/// Chosen columns of a database.
///
/// With a detail field among them there is a line for each detail row, in which the header values are repeated; a record
/// without detail rows has one line, in which the detail cells are empty.
pub(crate) struct Selection<'a> {
    store: &'a Store,
    catalog: &'a Catalog,
    table: &'a Table,
    outputs: Vec<Output<'a>>,
    columns: String,
    joins: Vec<(String, String)>,
    on_details: bool,
    /// The statement that reads a single line.
    single: OnceLock<String>,
    /// Whether records without detail rows have no line.
    rows_only: bool,
}

/// One record or detail row, by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum One {
    Record(i64),
    Row(i64),
}

/// One column that is read.
struct Output<'a> {
    what: What<'a>,
    /// Where it stands in the statement. Users stand there twice: as code and as name.
    at: usize,
    lent: Lent<'a>,
}

/// What of a column can be lent as text, without writing it anew.
#[derive(Clone, Copy)]
enum Lent<'a> {
    Text,
    Label(&'a Column),
    Nothing,
}

enum What<'a> {
    Field(&'a Column),
    User,
    Whole,
    Moment,
    Approval,
}

impl<'a> Selection<'a> {
    /// The columns that the paths name; see [`Condition`](super::Condition) for paths.
    pub(crate) fn new<'p>(
        store: &'a Store,
        catalog: &'a Catalog,
        table: &'a Table,
        columns: impl IntoIterator<Item = &'p str>,
    ) -> Result<Selection<'a>> {
        let mut selection = Selection {
            store,
            catalog,
            table,
            outputs: Vec::new(),
            columns: "t._id".to_owned(),
            joins: Vec::new(),
            on_details: false,
            single: OnceLock::new(),
            rows_only: false,
        };
        let mut at = 1;
        for text in columns {
            let path = Path::find(catalog, table, Place::Any, text)?;
            let what = match path.leaf {
                _ if path.is_user() => What::User,
                Leaf::Field { column, .. } => What::Field(column),
                Leaf::System(System::CreatedAt | System::UpdatedAt) => What::Moment,
                Leaf::System(System::Approval) => What::Approval,
                Leaf::System(_) => What::Whole,
            };
            selection.on_details |= path.on_details;
            let mut path = path.shown(catalog);
            selection.read(&path);
            let lent = match what {
                What::Field(column) => match column.effective().field.kind {
                    FieldKind::Choice { .. } => Lent::Label(column),
                    FieldKind::Choices { .. } => Lent::Nothing,
                    _ => Lent::Text,
                },
                What::User => Lent::Text,
                _ => Lent::Nothing,
            };
            selection.outputs.push(Output { what, at, lent });
            at += 1;
            if path.is_user() {
                path.sql = "name";
                selection.read(&path);
                at += 1;
            }
        }
        Ok(selection)
    }

    fn read(&mut self, path: &Path<'_>) {
        let mut alias = if path.on_details { "d" } else { "t" }.to_owned();
        if self.joins.len() + path.hops.len() > JOINS {
            self.columns.push_str(", ");
            self.columns.push_str(&path.scalar(&alias));
            return;
        }
        // Columns read through the same link share one join.
        for hop in &path.hops {
            let on = format!("{alias}.{}", hop.column);
            let key = format!("{} {on}", hop.table);
            alias = match self.joins.iter().position(|(other, _)| *other == key) {
                Some(at) => format!("j{at}"),
                None => {
                    let next = format!("j{}", self.joins.len());
                    self.joins.push((key, format!(" LEFT JOIN {} {next} ON {next}.{} = {on}", hop.table, hop.id)));
                    next
                }
            };
        }
        let _ = write!(self.columns, ", {alias}.{}", path.sql);
    }

    /// A line for each detail row, whatever the columns are, and none for a record without.
    pub(crate) fn over_rows(mut self) -> Selection<'a> {
        (self.on_details, self.rows_only) = (true, true);
        self
    }

    /// How many columns there are.
    pub(crate) fn len(&self) -> usize {
        self.outputs.len()
    }

    pub(super) fn table(&self) -> &Table {
        self.table
    }

    /// What stands behind `SELECT`: the id, then the columns, read from the row `t`, the detail row `d` and what is joined.
    pub(super) fn columns(&self) -> &str {
        &self.columns
    }

    /// The joins of linked records.
    pub(super) fn joined(&self) -> String {
        self.joins.iter().map(|(_, join)| join.as_str()).collect()
    }

    /// Whether there is a line for each detail row.
    pub(crate) fn is_on_details(&self) -> bool {
        self.on_details
    }

    /// Whether texts of a column never need quotes in CSV.
    pub(crate) fn is_plain(&self, column: usize, format: ValueFormat) -> bool {
        match self.outputs.get(column).map(|output| &output.what) {
            Some(What::Field(column)) => column.is_plain(format),
            Some(What::Whole | What::Moment | What::Approval) => true,
            Some(What::User) | None => false,
        }
    }

    /// Whether texts of a column are made from numbers or dates, and never given by anybody.
    pub(crate) fn is_made(&self, column: usize) -> bool {
        match self.outputs.get(column).map(|output| &output.what) {
            Some(What::Field(column)) => column.is_made(),
            Some(What::Whole | What::Moment | What::Approval) => true,
            Some(What::User) | None => false,
        }
    }

    /// The statements that read the records of `query`, one after the other. The last parameters are the limit and the
    /// offset in records, where `limited`.
    pub(super) fn statements(&self, query: &Query, limited: bool) -> Result<Vec<Piece>> {
        check_shape(query)?;
        let condition = query.condition.as_ref();
        let condition = condition
            .map(|condition| condition_sql(Some(self.store), self.catalog, self.table, condition))
            .transpose()?;
        let order = Order::of(self.catalog, self.table, &query.sort)?;
        let header = &self.table.header.sql;
        let details = match (&self.table.details, self.on_details) {
            (Some(details), true) => {
                let join = if self.rows_only { "JOIN" } else { "LEFT JOIN" };
                Some(format!(" {join} {} d ON d._record = t._id", details.sql))
            }
            _ => None,
        };
        let joins = self.joined();
        let mut statements = Vec::new();
        for stretch in order.stretches(query.after.as_ref())? {
            let restriction = restricted(condition.as_ref(), &stretch);
            let from = details.as_deref().unwrap_or_default();
            let mut piece = Piece::new(format!("SELECT {} FROM {header} t{from}{joins}", self.columns));
            match (&details, limited) {
                // The limit counts records, of which each may be many lines.
                (Some(_), true) => {
                    piece.push(&format!(" WHERE t._id IN (SELECT t._id FROM {header} t"));
                    piece.append(restriction);
                    piece.push(&format!(" ORDER BY {} LIMIT ? OFFSET ?)", stretch.order));
                }
                _ => piece.append(restriction),
            }
            piece.push(" ORDER BY ");
            piece.push(&stretch.order);
            match (&details, limited) {
                (Some(_), _) => piece.push(", d._position"),
                (None, true) => piece.push(" LIMIT ? OFFSET ?"),
                (None, false) => {}
            }
            statements.push(piece);
        }
        Ok(statements)
    }

    /// What there is to read for `query`.
    pub(crate) fn lines(&self, query: &Query) -> Result<Lines> {
        let limited = query.limit.is_some() || query.offset > 0;
        Ok(Lines {
            statements: self.statements(query, limited)?.into(),
            offset: limited.then_some(query.offset),
            left: query.limit,
            records: 0,
            last: None,
        })
    }

    /// A line as it was read; the id of the record stands first in it.
    pub(crate) fn row<'r>(&'r self, row: &'r rusqlite::Row<'r>, id: i64) -> Row<'r> {
        Row { selection: self, row, id }
    }

    /// Hands one line to `work`; `None` if there is none. A selection reads either records or detail rows in this way, and
    /// with detail fields only the latter.
    pub(crate) fn one<T>(
        &self,
        connection: &Connection,
        of: One,
        work: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let sql = self.single.get_or_init(|| {
            let header = &self.table.header.sql;
            let joins: String = self.joins.iter().map(|(_, join)| join.as_str()).collect();
            match (of, &self.table.details) {
                (One::Row(_), Some(details)) => format!(
                    "SELECT {} FROM {} d JOIN {header} t ON t._id = d._record{joins} WHERE d._id = ?",
                    self.columns, details.sql
                ),
                _ => format!("SELECT {} FROM {header} t{joins} WHERE t._id = ?", self.columns),
            }
        });
        let (One::Record(id) | One::Row(id)) = of;
        prepared(connection, sql, |statement| {
            let mut rows = statement.query([id])?;
            match rows.next()? {
                Some(row) => work(&self.row(row, row.get(0)?)).map(Some),
                None => Ok(None),
            }
        })
    }

    /// Hands each line to `work`, until it returns false.
    pub(crate) fn for_each(
        &self,
        connection: &Connection,
        query: &Query,
        mut work: impl FnMut(&Row<'_>) -> Result<bool>,
    ) -> Result<()> {
        let mut lines = self.lines(query)?;
        while let Some(piece) = lines.next_statement() {
            let goes_on = prepared(connection, &piece.sql, |statement| {
                let mut rows = statement.query(rusqlite::params_from_iter(&piece.binds))?;
                while let Some(row) = rows.next()? {
                    let row = self.row(row, row.get(0)?);
                    lines.count(row.id);
                    if !work(&row)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            })?;
            if !goes_on {
                break;
            }
        }
        Ok(())
    }
}

/// The statements that read a query, one after the other, and how much of its limit is left.
pub(crate) struct Lines {
    statements: VecDeque<Piece>,
    /// Where there is a limit or an offset in records: the last two parameters of each statement.
    offset: Option<u64>,
    left: Option<u64>,
    records: u64,
    last: Option<i64>,
}

impl Lines {
    /// The next statement to be read to its end.
    pub(crate) fn next_statement(&mut self) -> Option<Piece> {
        self.left = self.left.map(|left| left.saturating_sub(self.records));
        if self.left == Some(0) && self.records > 0 {
            return None;
        }
        (self.records, self.last) = (0, None);
        let mut piece = self.statements.pop_front()?;
        if let Some(offset) = self.offset {
            piece.binds.extend([self.left.map_or(Cell::Int(-1), bounded), bounded(offset)]);
        }
        Some(piece)
    }

    /// There is no more to be read.
    #[cfg(feature = "capi")]
    pub(crate) fn end(&mut self) {
        self.statements.clear();
    }

    /// A line of the record `id` was read.
    pub(crate) fn count(&mut self, id: i64) {
        if self.last != Some(id) {
            self.records += 1;
            self.last = Some(id);
        }
    }
}

/// One line of the columns asked for; see [`Store::rows`].
///
/// Every call takes the number of a column, from 0 in the order asked for; another number is refused
/// ([`Code::Argument`]).
pub struct Row<'a> {
    selection: &'a Selection<'a>,
    row: &'a rusqlite::Row<'a>,
    id: i64,
}

impl Row<'_> {
    /// The id of the record.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// How many columns there are.
    pub fn len(&self) -> usize {
        self.selection.len()
    }

    /// Whether there are no columns at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a column has no value.
    ///
    /// # Errors
    ///
    /// As said at [`Row`].
    pub fn is_null(&self, column: usize) -> Result<bool> {
        Ok(self.cell(column)?.is_null())
    }

    /// The value of a column.
    ///
    /// # Errors
    ///
    /// As said at [`Row`], and when the file is damaged.
    pub fn value(&self, column: usize) -> Result<Value> {
        let output = self.output(column)?;
        Ok(self.value_of(output, &Cell::from_sql(self.row.get_ref(output.at)?)?))
    }

    fn value_of(&self, output: &Output<'_>, cell: &Cell<'_>) -> Value {
        match (&output.what, cell.int()) {
            (What::Field(column), _) => column.value(cell),
            (What::Moment, Some(int)) => Value::DateTime(self.selection.store.local(Timestamp(int))),
            (What::Approval, Some(int)) => Value::from(approval(int)),
            (What::Whole, Some(int)) => Value::Number(Number::from(int)),
            _ => Value::from(cell.text()),
        }
    }

    /// The text of a column, in a format.
    ///
    /// # Errors
    ///
    /// As [`Row::value`].
    pub fn text(&self, column: usize, format: ValueFormat) -> Result<String> {
        let mut out = Vec::new();
        self.write(column, format, &mut out)?;
        String::from_utf8(out)
            .map_err(|error| Error::new(Code::Internal).with_rule("a text is not UTF-8").with_source(error))
    }

    /// Appends the text of a column.
    pub(crate) fn write(&self, column: usize, format: ValueFormat, out: &mut Vec<u8>) -> Result<()> {
        let output = self.output(column)?;
        let at = match (&output.what, format) {
            (What::User, ValueFormat::Csv | ValueFormat::Display) => output.at + 1,
            _ => output.at,
        };
        let cell = Cell::from_sql(self.row.get_ref(at)?)?;
        match (&output.what, &cell) {
            (What::Field(column), _) => column.write(out, &cell, format),
            (_, Cell::Null) => {}
            (_, Cell::Text(text)) => out.extend_from_slice(text.as_bytes()),
            (What::Moment, Cell::Int(int)) => {
                write_moment(out, self.selection.store.local(Timestamp(*int)), format);
            }
            (What::Approval, Cell::Int(int)) => out.extend_from_slice(approval(*int).as_bytes()),
            (_, Cell::Int(int)) => out.extend_from_slice(int.to_string().as_bytes()),
        }
        Ok(())
    }

    /// The text of a column, lent where it stands somewhere already; else it is written to `scratch`, which is cleared.
    #[inline]
    pub(crate) fn lend(&self, column: usize, format: ValueFormat, scratch: &mut Vec<u8>) -> Result<Option<&str>> {
        let output = self.output(column)?;
        let at = match (&output.what, format) {
            (What::User, ValueFormat::Csv | ValueFormat::Display) => output.at + 1,
            _ => output.at,
        };
        // The most frequent cells first, without making a `Cell` of them.
        match (output.lent, self.row.get_ref(at)?) {
            (_, ValueRef::Null) => Ok(Some("")),
            (Lent::Text, ValueRef::Text(bytes)) => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(Some(text)),
                Err(_) => Cell::from_sql(ValueRef::Text(bytes)).map(|_| None),
            },
            (Lent::Label(column), ValueRef::Integer(number)) => {
                Ok(Some(column.labels().label(number).unwrap_or_default()))
            }
            (_, value) => {
                let cell = Cell::from_sql(value)?;
                scratch.clear();
                match &output.what {
                    What::Field(column) => column.write(scratch, &cell, format),
                    _ => self.write(column, format, scratch)?,
                }
                Ok(None)
            }
        }
    }

    /// The value of a column, where it is a text without a copy of it; `scratch` is for texts that stand nowhere.
    #[cfg(feature = "capi")]
    pub(crate) fn typed<'s>(&'s self, column: usize, scratch: &'s mut Vec<u8>) -> Result<Typed<'s>> {
        let output = self.output(column)?;
        let stored = self.row.get_ref(output.at)?;
        match (output.lent, stored) {
            (Lent::Text, ValueRef::Text(bytes)) => {
                // The error is that of every text that is not UTF-8.
                let text = std::str::from_utf8(bytes).or_else(|_| Cell::from_sql(stored).map(|_| ""))?;
                Ok(Typed::Text(text))
            }
            (Lent::Label(column), ValueRef::Integer(number)) => {
                Ok(Typed::Text(column.labels().label(number).unwrap_or_default()))
            }
            _ => match self.value_of(output, &Cell::from_sql(stored)?) {
                text @ (Value::Text(_) | Value::Choices(_)) => {
                    scratch.clear();
                    scratch.extend_from_slice(text.to_text().as_bytes());
                    let labels = matches!(text, Value::Choices(_));
                    let text = std::str::from_utf8(scratch).unwrap_or_default();
                    Ok(if labels { Typed::Labels(text) } else { Typed::Text(text) })
                }
                other => Ok(Typed::Value(other)),
            },
        }
    }

    /// What is stored.
    pub(crate) fn cell(&self, column: usize) -> Result<Cell<'_>> {
        Cell::from_sql(self.row.get_ref(self.output(column)?.at)?)
    }

    #[inline]
    fn output(&self, column: usize) -> Result<&Output<'_>> {
        self.selection.outputs.get(column).ok_or_else(|| {
            let rule = format!("column {column} of a row that has {}", self.len());
            Error::new(Code::Argument).with_rule(rule)
        })
    }
}

/// A value that is lent where it can be.
#[cfg(feature = "capi")]
pub(crate) enum Typed<'a> {
    Text(&'a str),
    /// Several labels, with commas between.
    Labels(&'a str),
    /// No text.
    Value(Value),
}

impl std::fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let values: Vec<Value> = (0..self.len()).filter_map(|at| self.value(at).ok()).collect();
        f.debug_struct("Row").field("id", &self.id).field("values", &values).finish()
    }
}

fn approval(int: i64) -> &'static str {
    if int == 0 { "pending" } else { "approved" }
}

impl Store {
    /// Reads columns of the records that `query` means, and hands each line to `work` until it returns false. Memory does
    /// not grow with the number of records; all lines are of one moment.
    ///
    /// With a detail field among the columns there is a line for each detail row, and one for a record without any; the
    /// limit and the offset of the query count records all the same.
    ///
    /// # Errors
    ///
    /// When the database or a column does not exist, when the query does not fit the database, and what `work` returns.
    pub fn rows(
        &self,
        database: &str,
        columns: &[&str],
        query: &Query,
        work: impl FnMut(&Row<'_>) -> Result<bool>,
    ) -> Result<()> {
        let reading = self.reading()?;
        let door = Door::open(self, &reading)?;
        let table = door.table(database, Right::View)?;
        let selection = Selection::new(self, door.catalog(), table, columns.iter().copied())?;
        selection.for_each(&reading, query, work)
    }
}
