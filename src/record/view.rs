//! Records as they are read.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};

use super::approval::Approval;
use super::input::Selector;
use super::records::{Records, missing};
use crate::error::Result;
use crate::query::{Cursor, Query, page_ids};
use crate::schema::{Catalog, Cell, Field, Layout, Table, Value, ValueFormat};
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
}

/// A detail row of a record.
#[derive(Clone)]
pub struct RecordRow {
    table: Arc<Table>,
    id: i64,
    cells: Vec<Cell<'static>>,
}

/// Some of the records that a query finds.
#[derive(Debug, Clone)]
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

    /// When the record was last written.
    pub fn updated_at(&self) -> Timestamp {
        self.updated_at
    }

    /// The code of the user who last wrote it; `None` for the host itself.
    pub fn updated_by(&self) -> Option<&str> {
        self.updated_by.as_deref()
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
        text(&self.table.header, &self.cells, field, ValueFormat::Display)
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
    pub fn to_json(&self) -> serde_json::Value {
        let mut json = serde_json::Map::new();
        json.insert("_id".to_owned(), self.id.into());
        json.insert("_revision".to_owned(), self.revision.into());
        json.insert("_created_at".to_owned(), self.created_at.to_string().into());
        json.insert("_created_by".to_owned(), self.created_by.clone().into());
        json.insert("_updated_at".to_owned(), self.updated_at.to_string().into());
        json.insert("_updated_by".to_owned(), self.updated_by.clone().into());
        if let Some(approval) = self.approval() {
            json.insert("_approval".to_owned(), serde_json::json!(approval));
        }
        for (field, value) in self.fields() {
            json.insert(field.code.clone(), serde_json::json!(value));
        }
        if self.table.details.is_some() {
            json.insert("details".to_owned(), self.rows.iter().map(RecordRow::to_json).collect());
        }
        serde_json::Value::Object(json)
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
        self.layout().map(|layout| text(layout, &self.cells, field, ValueFormat::Display)).unwrap_or_default()
    }

    /// The fields and their values, in the order of the definition.
    pub fn fields(&self) -> impl Iterator<Item = (&Field, Value)> {
        self.layout().into_iter().flat_map(|layout| fields(layout, &self.cells))
    }

    fn layout(&self) -> Option<&Layout> {
        self.table.details.as_ref()
    }

    fn to_json(&self) -> serde_json::Value {
        let mut json = serde_json::Map::new();
        json.insert("_row".to_owned(), self.id.into());
        for (field, value) in self.fields() {
            json.insert(field.code.clone(), serde_json::json!(value));
        }
        serde_json::Value::Object(json)
    }
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Record {}", self.to_json())
    }
}

impl std::fmt::Debug for RecordRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RecordRow {}", self.to_json())
    }
}

fn value(layout: &Layout, cells: &[Cell<'static>], field: &str) -> Value {
    layout.find(field).map_or(Value::Empty, |at| layout.columns[at].value(&cells[at]))
}

fn text(layout: &Layout, cells: &[Cell<'static>], field: &str, format: ValueFormat) -> String {
    layout.find(field).map(|at| layout.columns[at].text(&cells[at], format)).unwrap_or_default()
}

fn fields<'a>(layout: &'a Layout, cells: &'a [Cell<'static>]) -> impl Iterator<Item = (&'a Field, Value)> {
    layout.columns.iter().zip(cells).map(|(column, cell)| (&column.field, column.value(cell)))
}

/// Reads the record that `target` names; `None` if there is none. The version of the definitions comes with it.
fn read(connection: &Connection, table: &Arc<Table>, target: &Selector) -> Result<Option<(Record, i64)>> {
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
    let record = Record {
        id,
        revision: row.get(1)?,
        created_at: Timestamp(row.get(2)?),
        created_by: user(connection, row.get(3)?)?,
        updated_at: Timestamp(row.get(4)?),
        updated_by: user(connection, row.get(5)?)?,
        approval: row.get(6)?,
        cells,
        rows: match &table.details {
            Some(details) => rows(connection, table, details, id)?,
            None => Vec::new(),
        },
        table: table.clone(),
    };
    Ok(Some((record, row.get(7 + layout.columns.len())?)))
}

/// Reads a record without detail rows in one statement and so without a transaction; only names of users come by others. `None` if that does not do: there
/// is no such record, or the definitions have changed since they were last looked at.
fn glance(store: &Store, database: &str, target: &Selector) -> Option<Record> {
    let (version, catalog) = Catalog::last(store)?;
    let table = catalog.table(database).ok().filter(|table| table.details.is_none())?;
    // What fails is tried again in a transaction, which then tells the fault.
    let (record, found) = read(&*store.glance().ok()?, table, target).ok()??;
    (found == version).then_some(record)
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
        rows.push(RecordRow { table: table.clone(), id: row.get(0)?, cells });
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
        let target = target.into();
        self.find_one(&target)?.ok_or_else(|| missing(&self.database, &target))
    }

    /// Reads a record, if it exists.
    ///
    /// # Errors
    ///
    /// [`Code::DatabaseNotFound`](crate::Code::DatabaseNotFound).
    pub fn find(&self, target: impl Into<Selector>) -> Result<Option<Record>> {
        self.find_one(&target.into())
    }

    fn find_one(&self, target: &Selector) -> Result<Option<Record>> {
        if let Some(record) = glance(&self.store, &self.database, target) {
            return Ok(Some(record));
        }
        let reading = self.store.reading()?;
        let catalog = Catalog::of(&self.store, &reading)?;
        Ok(read(&reading, catalog.table(&self.database)?, target)?.map(|(record, _)| record))
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
        let reading = self.reading()?;
        let catalog = Catalog::of(self, &reading)?;
        let table = catalog.table(database)?;
        let (ids, next) = page_ids(self, &reading, &catalog, table, query)?;
        let mut records = Vec::with_capacity(ids.len());
        for id in ids {
            records.extend(read(&reading, table, &Selector::Id(id))?.map(|(record, _)| record));
        }
        Ok(Page { records, next })
    }
}
