//! Records as they are read.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::approval::Approval;
use super::input::Selector;
use super::records::{Records, missing};
use crate::access::{Door, Right};
use crate::error::Result;
use crate::query::{Cursor, Query, page_ids};
use crate::schema::{Cell, Column, Field, FieldKind, Layout, Table, Value, ValueFormat};
use crate::store::{Store, Timestamp};

/// A record, as it was read.
///
/// Values are found by field code, field id or display name.
#[derive(Clone)]
pub struct Record {
    table: Arc<Table>,
    id: i64,
    revision: i64,
    created_at: Timestamp,
    created_by: Option<String>,
    updated_at: Timestamp,
    updated_by: Option<String>,
    approval: i64,
    cells: Vec<Cell<'static>>,
    rows: Vec<RecordRow>,
    users: Arc<UserNames>,
}

/// The users that a record names, by code, and what they are called.
#[derive(Default)]
struct UserNames(Vec<(String, String)>);

impl UserNames {
    fn add(&mut self, connection: &Connection, code: &str) -> Result<()> {
        if self.name(code).is_none() {
            let sql = "SELECT name FROM renkei_user WHERE code = ?1";
            let name: Option<String> =
                connection.prepare_cached(sql)?.query_row([code], |row| row.get(0)).optional()?;
            self.0.extend(name.map(|name| (code.to_owned(), name)));
        }
        Ok(())
    }

    /// Adds the users that a row names.
    fn add_of(&mut self, connection: &Connection, layout: &Layout, cells: &[Cell<'_>]) -> Result<()> {
        for (column, cell) in layout.columns.iter().zip(cells) {
            if let (true, Some(code)) = (names_user(column), cell.text()) {
                self.add(connection, code)?;
            }
        }
        Ok(())
    }

    fn name(&self, code: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == code).map(|(_, name)| name.as_str())
    }
}

fn names_user(column: &Column) -> bool {
    matches!(column.effective().field.kind, FieldKind::User {})
}

/// A value as it is shown to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shown {
    Text(String),
    /// The labels of a field that takes several.
    Labels(Vec<String>),
}

/// A detail row of a record.
#[derive(Clone)]
pub struct RecordRow {
    table: Arc<Table>,
    id: i64,
    cells: Vec<Cell<'static>>,
    users: Arc<UserNames>,
}

/// Some of the records that a query finds. As JSON: `records` and `next`.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Page {
    /// The records, in the order of the query.
    pub records: Vec<Record>,
    /// Where the next page begins, if there is one: see [`Query::after`].
    pub next: Option<Cursor>,
}

impl Record {
    /// The record id (`[ID]`).
    pub fn id(&self) -> i64 {
        self.id
    }

    /// The key.
    pub fn key(&self) -> &str {
        self.cells[self.table.key_index()].text().unwrap_or_default()
    }

    /// How often the record was written: 1 for a new one.
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// When the record was registered.
    pub fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// The code of the user who registered it; `None` for the host itself.
    pub fn created_by(&self) -> Option<&str> {
        self.created_by.as_deref()
    }

    /// The name of the user who registered it.
    pub fn created_by_name(&self) -> Option<&str> {
        self.users.name(self.created_by.as_deref()?)
    }

    /// When the record was last written.
    pub fn updated_at(&self) -> Timestamp {
        self.updated_at
    }

    /// The code of the user who last wrote it; `None` for the host itself.
    pub fn updated_by(&self) -> Option<&str> {
        self.updated_by.as_deref()
    }

    /// The name of the user who last wrote it.
    pub fn updated_by_name(&self) -> Option<&str> {
        self.users.name(self.updated_by.as_deref()?)
    }

    /// The approval state, where the database keeps one.
    pub fn approval(&self) -> Option<Approval> {
        self.table.definition.approval.then(|| Approval::from_stored(self.approval))
    }

    /// The value of a field; [`Value::Empty`] where there is none, also of a field that does not exist.
    pub fn value(&self, field: &str) -> Value {
        value(&self.table.header, &self.cells, field)
    }

    /// The value of a field as plain text, as an export in raw formats writes it.
    pub fn text(&self, field: &str) -> String {
        text(&self.table.header, &self.cells, field, ValueFormat::Raw)
    }

    /// The value of a field as it is shown to people.
    pub fn display(&self, field: &str) -> String {
        display(&self.table.header, &self.cells, &self.users, field)
    }

    pub(crate) fn table(&self) -> &Table {
        &self.table
    }

    /// Every value as it is shown to people, in the order of the definition.
    pub(crate) fn shown(&self) -> impl Iterator<Item = (&Column, Shown)> {
        shown(&self.table.header, &self.cells, &self.users)
    }

    /// The fields and their values, in the order of the definition.
    pub fn fields(&self) -> impl Iterator<Item = (&Field, Value)> {
        fields(&self.table.header, &self.cells)
    }

    /// The detail rows, in order.
    pub fn rows(&self) -> &[RecordRow] {
        &self.rows
    }

    /// The record as a JSON object: `_id`, `_revision`, `_created_at`, `_updated_at` (UTC), `_created_by`,
    /// `_updated_by`, `_approval` where it is kept, every field by its code, and the detail rows under `details`,
    /// each with its id as `_row`.
    ///
    /// Records are [`Serialize`] in the same form, which is the faster way to a text: `serde_json::to_string(&record)`.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    #[cfg(feature = "capi")]
    pub(crate) fn layout(&self) -> &Layout {
        &self.table.header
    }

    #[cfg(feature = "capi")]
    pub(crate) fn cells(&self) -> &[Cell<'static>] {
        &self.cells
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut json = serializer.serialize_map(None)?;
        json.serialize_entry("_id", &self.id)?;
        json.serialize_entry("_revision", &self.revision)?;
        json.serialize_entry("_created_at", &format_args!("{}", self.created_at))?;
        json.serialize_entry("_created_by", &self.created_by)?;
        json.serialize_entry("_updated_at", &format_args!("{}", self.updated_at))?;
        json.serialize_entry("_updated_by", &self.updated_by)?;
        if let Some(approval) = self.approval() {
            json.serialize_entry("_approval", &approval)?;
        }
        write_fields(&mut json, &self.table.header, &self.cells)?;
        if self.table.details.is_some() {
            json.serialize_entry("details", &self.rows)?;
        }
        json.end()
    }
}

impl Serialize for RecordRow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut json = serializer.serialize_map(None)?;
        json.serialize_entry("_row", &self.id)?;
        if let Some(layout) = self.layout() {
            write_fields(&mut json, layout, &self.cells)?;
        }
        json.end()
    }
}

fn write_fields<M: SerializeMap>(json: &mut M, layout: &Layout, cells: &[Cell<'static>]) -> Result<(), M::Error> {
    for (column, cell) in layout.columns.iter().zip(cells) {
        json.serialize_entry(&column.field.code, &Written { column, cell })?;
    }
    Ok(())
}

/// The value of a field, written without being made first where it is a text.
struct Written<'a> {
    column: &'a Column,
    cell: &'a Cell<'static>,
}

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.cell, &self.column.effective().field.kind) {
            (Cell::Text(text), kind) if !matches!(kind, FieldKind::Choices { .. }) => serializer.serialize_str(text),
            (Cell::Int(number), FieldKind::Choice { .. }) => self.column.labels().label(*number).serialize(serializer),
            (cell, _) => self.column.value(cell).serialize(serializer),
        }
    }
}

impl RecordRow {
    /// The id by which the row can be changed; see [`DetailRow::of`](crate::DetailRow::of).
    pub fn id(&self) -> i64 {
        self.id
    }

    /// The value of a detail field; [`Value::Empty`] where there is none.
    pub fn value(&self, field: &str) -> Value {
        self.layout().map_or(Value::Empty, |layout| value(layout, &self.cells, field))
    }

    /// The value of a detail field as plain text.
    pub fn text(&self, field: &str) -> String {
        self.layout().map(|layout| text(layout, &self.cells, field, ValueFormat::Raw)).unwrap_or_default()
    }

    /// The value of a detail field as it is shown to people.
    pub fn display(&self, field: &str) -> String {
        self.layout().map(|layout| display(layout, &self.cells, &self.users, field)).unwrap_or_default()
    }

    /// Every value as it is shown to people, in the order of the definition.
    pub(crate) fn shown(&self) -> impl Iterator<Item = (&Column, Shown)> {
        self.layout().into_iter().flat_map(|layout| shown(layout, &self.cells, &self.users))
    }

    /// The fields and their values, in the order of the definition.
    pub fn fields(&self) -> impl Iterator<Item = (&Field, Value)> {
        self.layout().into_iter().flat_map(|layout| fields(layout, &self.cells))
    }

    pub(crate) fn layout(&self) -> Option<&Layout> {
        self.table.details.as_ref()
    }

    #[cfg(feature = "capi")]
    pub(crate) fn cells(&self) -> &[Cell<'static>] {
        &self.cells
    }
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Record {}", serde_json::to_string(self).unwrap_or_default())
    }
}

impl std::fmt::Debug for RecordRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RecordRow {}", serde_json::to_string(self).unwrap_or_default())
    }
}

fn value(layout: &Layout, cells: &[Cell<'static>], field: &str) -> Value {
    layout.find(field).map_or(Value::Empty, |at| layout.columns[at].value(&cells[at]))
}

fn text(layout: &Layout, cells: &[Cell<'static>], field: &str, format: ValueFormat) -> String {
    layout.find(field).map(|at| layout.columns[at].text(&cells[at], format)).unwrap_or_default()
}

fn display(layout: &Layout, cells: &[Cell<'static>], users: &UserNames, field: &str) -> String {
    layout.find(field).map(|at| display_of(&layout.columns[at], &cells[at], users)).unwrap_or_default()
}

fn display_of(column: &Column, cell: &Cell<'static>, users: &UserNames) -> String {
    match cell.text() {
        Some(code) if names_user(column) => users.name(code).unwrap_or(code).to_owned(),
        _ => column.text(cell, ValueFormat::Display),
    }
}

fn shown<'a>(
    layout: &'a Layout,
    cells: &'a [Cell<'static>],
    users: &'a UserNames,
) -> impl Iterator<Item = (&'a Column, Shown)> {
    layout.columns.iter().zip(cells).map(|(column, cell)| {
        let shown = match column.effective().field.kind {
            FieldKind::Choices { .. } => match column.value(cell) {
                Value::Choices(labels) => Shown::Labels(labels),
                _ => Shown::Labels(Vec::new()),
            },
            _ => Shown::Text(display_of(column, cell, users)),
        };
        (column, shown)
    })
}

fn fields<'a>(layout: &'a Layout, cells: &'a [Cell<'static>]) -> impl Iterator<Item = (&'a Field, Value)> {
    layout.columns.iter().zip(cells).map(|(column, cell)| (&column.field, column.value(cell)))
}

/// Reads the record that `target` names; `None` if there is none. The version of the definitions comes with it.
pub(super) fn read(connection: &Connection, table: &Arc<Table>, target: &Selector) -> Result<Option<(Record, i64)>> {
    let layout = &table.header;
    let select = &layout.plan().select_read;
    let mut statement = connection.prepare_cached(match target {
        Selector::Key(_) => &select.key,
        Selector::Id(_) => &select.id,
    })?;
    match target {
        Selector::Key(key) => statement.raw_bind_parameter(1, table.key().stored_key(key))?,
        Selector::Id(id) => statement.raw_bind_parameter(1, id)?,
    }
    let mut found = statement.raw_query();
    let Some(row) = found.next()? else { return Ok(None) };
    let mut cells = Vec::with_capacity(layout.columns.len());
    for at in 0..layout.columns.len() {
        cells.push(Cell::from_sql(row.get_ref(7 + at)?)?.into_owned());
    }
    let id = row.get(0)?;
    let created_by = user(connection, row.get(3)?)?;
    let updated_by = user(connection, row.get(5)?)?;
    let mut users = UserNames::default();
    for code in [&created_by, &updated_by].into_iter().flatten() {
        users.add(connection, code)?;
    }
    users.add_of(connection, layout, &cells)?;
    let mut rows = match &table.details {
        Some(details) => rows(connection, table, details, id)?,
        None => Vec::new(),
    };
    for row in &rows {
        users.add_of(connection, table.details()?, &row.cells)?;
    }
    let users = Arc::new(users);
    for row in &mut rows {
        row.users = users.clone();
    }
    let record = Record {
        id,
        revision: row.get(1)?,
        created_at: Timestamp(row.get(2)?),
        created_by,
        updated_at: Timestamp(row.get(4)?),
        updated_by,
        approval: row.get(6)?,
        cells,
        rows,
        users,
        table: table.clone(),
    };
    Ok(Some((record, row.get(7 + layout.columns.len())?)))
}

/// Reads a record without detail rows in one statement and so without a transaction; only names of users come by others. `None` if that does not do: there
/// is no such record, or the definitions have changed since they were last looked at.
fn glance(store: &Store, database: &str, target: &Selector) -> Option<Record> {
    let (version, door) = Door::last(store)?;
    let table = door.table(database, Right::View).ok().filter(|table| table.details.is_none())?;
    // What fails is tried again in a transaction, which then tells the fault.
    let (record, found) = read(&*store.glance().ok()?, table, target).ok()??;
    (found == version).then_some(record)
}

/// [`Records::view`].
pub(crate) fn view_record(store: &Store, database: &str, target: &Selector) -> Result<Record> {
    find_record(store, database, target)?.ok_or_else(|| missing(database, target))
}

/// [`Records::find`].
pub(crate) fn find_record(store: &Store, database: &str, target: &Selector) -> Result<Option<Record>> {
    if let Some(record) = glance(store, database, target) {
        return Ok(Some(record));
    }
    let reading = store.reading()?;
    let door = Door::open(store, &reading)?;
    let table = door.table(database, Right::View)?;
    Ok(read(&reading, table, target)?.map(|(record, _)| record))
}

/// Reads one page of the records that a query finds.
pub(super) fn page(store: &Store, connection: &Connection, database: &str, query: &Query) -> Result<Page> {
    let door = Door::open(store, connection)?;
    let table = door.table(database, Right::View)?;
    let (ids, next) = page_ids(store, connection, door.catalog(), table, query)?;
    let mut records = Vec::with_capacity(ids.len());
    for id in ids {
        records.extend(read(connection, table, &Selector::Id(id))?.map(|(record, _)| record));
    }
    Ok(Page { records, next })
}

fn rows(connection: &Connection, table: &Arc<Table>, layout: &Layout, record: i64) -> Result<Vec<RecordRow>> {
    let read = &layout.plan().read;
    let sql = format!("SELECT _id{read} FROM {} t WHERE t._record = ?1 ORDER BY t._position", layout.sql);
    let mut statement = connection.prepare_cached(&sql)?;
    let mut found = statement.query([record])?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        let mut cells = Vec::with_capacity(layout.columns.len());
        for at in 0..layout.columns.len() {
            cells.push(Cell::from_sql(row.get_ref(1 + at)?)?.into_owned());
        }
        rows.push(RecordRow { table: table.clone(), id: row.get(0)?, cells, users: Arc::default() });
    }
    Ok(rows)
}

fn user(connection: &Connection, id: i64) -> Result<Option<String>> {
    if id == 0 {
        return Ok(None);
    }
    let sql = "SELECT code FROM renkei_user WHERE id = ?1";
    Ok(connection.prepare_cached(sql)?.query_row([id], |row| row.get(0)).optional()?)
}

impl Records {
    /// Reads a record.
    ///
    /// # Errors
    ///
    /// [`Code::RecordNotFound`](crate::Code::RecordNotFound).
    pub fn view(&self, target: impl Into<Selector>) -> Result<Record> {
        view_record(&self.store, &self.database, &target.into())
    }

    /// Reads a record, if it exists.
    ///
    /// # Errors
    ///
    /// [`Code::DatabaseNotFound`](crate::Code::DatabaseNotFound).
    pub fn find(&self, target: impl Into<Selector>) -> Result<Option<Record>> {
        find_record(&self.store, &self.database, &target.into())
    }

    /// Reads the records that a query finds; see [`Store::query`].
    ///
    /// # Errors
    ///
    /// When the query does not fit the database.
    pub fn query(&self, query: &Query) -> Result<Page> {
        self.store.query(&self.database, query)
    }
}

impl Store {
    /// Reads one page of the records that a query finds, with their detail rows.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = renkei::Store::create(dir.path().join("s.db"))?;
    /// # use renkei::{Blueprint, Database, Field, Values};
    /// use renkei::{Condition, Query, Sort};
    ///
    /// # let customers = Database::new("customers", "顧客").field(Field::key("number", "番号")).field(Field::text("name", "名前"));
    /// # store.apply(&Blueprint::new().database(customers))?;
    /// # store.records("customers").register(&Values::new().set("number", "1").set("name", "佐藤花子"))?;
    /// let query = Query::new().filter(Condition::contains("name", "佐藤")).sort(Sort::ascending("number")).limit(50);
    /// let page = store.query("customers", &query)?;
    /// assert_eq!(page.records[0].text("name"), "佐藤花子");
    /// assert!(page.next.is_none());
    /// # Ok::<(), renkei::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the database does not exist, or the query does not fit it.
    pub fn query(&self, database: &str, query: &Query) -> Result<Page> {
        page(self, &*self.reading()?, database, query)
    }
}
