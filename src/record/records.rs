//! The records of one database, as callers handle them.

use std::cell::Cell;

use rusqlite::Connection;
use serde::Serialize;

use super::approval::Approval;
use super::draft::Draft;
use super::input::{Selector, Values, WriteOptions};
use super::view::{self, Page, Record};
use super::writer::{Outcome, Writer, Written};
use crate::access::{Door, Right, Rights};
use crate::error::{Code, Error, Result};
use crate::query::{self, Condition, Query};
use crate::store::{Store, Writing};

/// What a write came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Saved {
    /// The record id.
    pub id: i64,
    /// The key.
    pub key: String,
    /// The revision that the record has now.
    pub revision: i64,
    /// What was done.
    pub written: Written,
}

/// The records of one database; made by [`Store::records`].
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// # let store = renkei::Store::create(dir.path().join("s.db"))?;
/// use renkei::{Blueprint, Database, DetailRow, Field, Values, WriteOptions};
///
/// let customers = Database::new("customers", "顧客")
///     .field(Field::key("number", "顧客番号"))
///     .field(Field::text("name", "顧客名").required())
///     .detail(Field::date("visited", "訪問日"));
/// store.apply(&Blueprint::new().database(customers))?;
///
/// let records = store.records("customers");
/// let saved = records.register(
///     &Values::new()
///         .set("number", "0001")
///         .set("name", "山田商店")
///         .row(DetailRow::new().set("visited", "2026/01/31")),
/// )?;
/// records.update_with(
///     "0001",
///     &Values::new().set("name", "山田商会"),
///     &WriteOptions::new().expect_revision(saved.revision),
/// )?;
/// let record = records.view("0001")?;
/// assert_eq!(record.text("name"), "山田商会");
/// assert_eq!(record.rows()[0].text("visited"), "2026-01-31");
/// records.delete("0001")?;
/// # Ok::<(), renkei::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Records {
    pub(super) store: Store,
    pub(super) database: String,
}

/// Several writes, also to several databases, that are kept together or not at all; see [`Store::transaction`].
pub struct Transaction<'a> {
    pub(crate) store: &'a Store,
    pub(crate) writing: &'a Writing<'a>,
}

impl Store {
    /// The records of a database, by its code or id. Whether it exists is found out by the first call.
    pub fn records(&self, database: &str) -> Records {
        Records { store: self.clone(), database: database.to_owned() }
    }

    /// Runs `work`, whose writes are all kept when it returns `Ok`, and all taken back when it returns an error.
    ///
    /// Others wait for their turn to write meanwhile. Reads through the transaction see what it has written; reads through
    /// the store itself see the last commit. Writes through the store itself are refused inside `work` with
    /// [`Code::StoreReentered`]; on another thread they would wait for the end of the transaction, so `work` must not
    /// wait for such a thread.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = renkei::Store::create(dir.path().join("s.db"))?;
    /// # use renkei::{Blueprint, Database, Field, Values};
    /// # let items = Database::new("items", "商品").field(Field::key("code", "コード")).field(Field::number("stock", "在庫", 0));
    /// # store.apply(&Blueprint::new().database(items))?;
    /// let refused = store.transaction(|transaction| {
    ///     transaction.register("items", &Values::new().set("code", "A"), &Default::default())?;
    ///     transaction.register("items", &Values::new().set("code", "B").set("stock", "x"), &Default::default())
    /// });
    /// assert!(refused.is_err());
    /// assert_eq!(store.count("items", None)?, 0);
    ///
    /// store.transaction(|transaction| {
    ///     transaction.register("items", &Values::new().set("code", "A").set("stock", 5), &Default::default())?;
    ///     let stock = transaction.view("items", "A")?.value("stock").as_number().unwrap_or(0.into());
    ///     let left = i64::try_from(stock)? - 1;
    ///     transaction.update("items", "A", &Values::new().set("stock", left), &Default::default())
    /// })?;
    /// assert_eq!(store.records("items").view("A")?.text("stock"), "4");
    /// # Ok::<(), renkei::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// What `work` returns, or what the store reports.
    pub fn transaction<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        self.write(|writing| work(&Transaction { store: self, writing }))
    }
}

impl<'a> Transaction<'a> {
    /// The writes of a transaction that its caller keeps open.
    #[cfg(feature = "capi")]
    pub(crate) fn of(store: &'a Store, writing: &'a Writing<'a>) -> Transaction<'a> {
        Transaction { store, writing }
    }

    /// As [`Records::register_with`].
    pub fn register(&self, database: &str, values: &Values, options: &WriteOptions) -> Result<Saved> {
        write_one(self.store, self.writing, database, Right::Register, |writer| register(writer, values, options))
    }

    /// As [`Records::update_with`].
    pub fn update(
        &self,
        database: &str,
        target: impl Into<Selector>,
        values: &Values,
        options: &WriteOptions,
    ) -> Result<Saved> {
        let target = target.into();
        write_one(self.store, self.writing, database, Right::Update, |writer| {
            update(writer, database, &target, values, options)
        })
    }

    /// As [`Records::upsert_with`].
    pub fn upsert(&self, database: &str, values: &Values, options: &WriteOptions) -> Result<Saved> {
        write_one(self.store, self.writing, database, [Right::Register, Right::Update], |writer| {
            upsert(writer, values, options)
        })
    }

    /// As [`Records::delete_with`].
    pub fn delete(&self, database: &str, target: impl Into<Selector>, expected_revision: Option<i64>) -> Result<i64> {
        delete(self.store, self.writing, database, &target.into(), expected_revision)
    }

    /// As [`Records::view`], of the records as this transaction has left them.
    pub fn view(&self, database: &str, target: impl Into<Selector>) -> Result<Record> {
        let target = target.into();
        self.find(database, target.clone())?.ok_or_else(|| missing(database, &target))
    }

    /// As [`Records::find`], of the records as this transaction has left them.
    pub fn find(&self, database: &str, target: impl Into<Selector>) -> Result<Option<Record>> {
        let door = Door::open(self.store, self.writing)?;
        Ok(view::read(self.writing, door.table(database, Right::View)?, &target.into())?.map(|(record, _)| record))
    }

    /// As [`Store::query`], of the records as this transaction has left them.
    pub fn query(&self, database: &str, query: &Query) -> Result<Page> {
        view::page(self.store, self.writing, database, query)
    }

    /// As [`Store::count`], of the records as this transaction has left them.
    pub fn count(&self, database: &str, condition: Option<&Condition>) -> Result<u64> {
        let door = Door::open(self.store, self.writing)?;
        let table = door.table(database, Right::View)?;
        query::count(self.store, self.writing, door.catalog(), table, condition)
    }
}

impl Records {
    fn write_one(
        &self,
        rights: impl Into<Rights>,
        work: impl FnOnce(&mut Writer<'_>) -> Result<Outcome>,
    ) -> Result<Saved> {
        self.store.write(|writing| write_one(&self.store, writing, &self.database, rights, work))
    }

    /// Registers a record.
    ///
    /// # Errors
    ///
    /// [`Code::RecordInvalid`] with every refused value; nothing is written then.
    pub fn register(&self, values: &Values) -> Result<Saved> {
        self.register_with(values, &WriteOptions::default())
    }

    /// Registers a record, with options.
    ///
    /// # Errors
    ///
    /// As [`Records::register`].
    pub fn register_with(&self, values: &Values, options: &WriteOptions) -> Result<Saved> {
        self.write_one(Right::Register, |writer| register(writer, values, options))
    }

    /// Registers records in one transaction: all of them, or none.
    ///
    /// # Errors
    ///
    /// As [`Records::register`]; [`Error::line`] tells the place of the refused one, counted from 1.
    pub fn register_all(&self, all: &[Values], options: &WriteOptions) -> Result<Vec<Saved>> {
        self.register_each(all, options)
    }

    pub(crate) fn register_each<'v>(
        &self,
        all: impl IntoIterator<Item = &'v Values>,
        options: &WriteOptions,
    ) -> Result<Vec<Saved>> {
        write_all(self, all, Right::Register, |writer, values| register(writer, values, options))
    }

    /// Updates the record that `target` names: fields that are not given stay as they are.
    ///
    /// # Errors
    ///
    /// [`Code::RecordNotFound`]; [`Code::RecordInvalid`] with every refused value. Nothing is written then.
    pub fn update(&self, target: impl Into<Selector>, values: &Values) -> Result<Saved> {
        self.update_with(target, values, &WriteOptions::default())
    }

    /// Updates a record, with options.
    ///
    /// # Errors
    ///
    /// As [`Records::update`], and [`Code::RevisionConflict`] when the record has not the expected revision.
    pub fn update_with(&self, target: impl Into<Selector>, values: &Values, options: &WriteOptions) -> Result<Saved> {
        let target = target.into();
        self.write_one(Right::Update, |writer| update(writer, &self.database, &target, values, options))
    }

    /// Updates records in one transaction: all of them, or none.
    ///
    /// # Errors
    ///
    /// As [`Records::update`]; [`Error::line`] tells the place of the refused one, counted from 1.
    pub fn update_all(&self, all: &[(Selector, Values)], options: &WriteOptions) -> Result<Vec<Saved>> {
        self.update_each(all.iter().map(|(target, values)| (target, values)), options)
    }

    pub(crate) fn update_each<'v>(
        &self,
        all: impl IntoIterator<Item = (&'v Selector, &'v Values)>,
        options: &WriteOptions,
    ) -> Result<Vec<Saved>> {
        write_all(self, all, Right::Update, |writer, (target, values)| {
            update(writer, &self.database, target, values, options)
        })
    }

    /// Updates the record that has the given key, or registers it.
    ///
    /// # Errors
    ///
    /// As [`Records::register`].
    pub fn upsert(&self, values: &Values) -> Result<Saved> {
        self.upsert_with(values, &WriteOptions::default())
    }

    /// Updates or registers a record, with options.
    ///
    /// # Errors
    ///
    /// As [`Records::register`].
    pub fn upsert_with(&self, values: &Values, options: &WriteOptions) -> Result<Saved> {
        self.write_one([Right::Register, Right::Update], |writer| upsert(writer, values, options))
    }

    /// Deletes a record with its detail rows and files; its record id is the answer.
    ///
    /// # Errors
    ///
    /// [`Code::RecordNotFound`]; [`Code::RecordLinked`] when other records link to it.
    pub fn delete(&self, target: impl Into<Selector>) -> Result<i64> {
        self.delete_with(target, None)
    }

    /// Deletes a record that must have the expected revision.
    ///
    /// # Errors
    ///
    /// As [`Records::delete`], and [`Code::RevisionConflict`].
    pub fn delete_with(&self, target: impl Into<Selector>, expected_revision: Option<i64>) -> Result<i64> {
        let target = target.into();
        self.store.write(|writing| delete(&self.store, writing, &self.database, &target, expected_revision))
    }

    /// Deletes records in one transaction: all of them, or none.
    ///
    /// # Errors
    ///
    /// As [`Records::delete`]; [`Error::line`] tells the place of the refused one, counted from 1.
    pub fn delete_all(&self, targets: &[Selector]) -> Result<Vec<i64>> {
        self.store.write(|writing| {
            let numbered = targets.iter().zip(1..);
            let deleted = numbered.map(|(target, line)| {
                delete(&self.store, writing, &self.database, target, None).map_err(|error| error.at_line(line))
            });
            deleted.collect()
        })
    }

    /// Approves a record.
    ///
    /// # Errors
    ///
    /// [`Code::RecordNotFound`]; [`Code::ApprovalAbsent`] where the database keeps no approval state.
    pub fn approve(&self, target: impl Into<Selector>) -> Result<Saved> {
        self.set_approval(&target.into(), Approval::Approved)
    }

    /// Withdraws the approval of a record.
    ///
    /// # Errors
    ///
    /// As [`Records::approve`].
    pub fn withdraw_approval(&self, target: impl Into<Selector>) -> Result<Saved> {
        self.set_approval(&target.into(), Approval::Pending)
    }

    fn set_approval(&self, target: &Selector, to: Approval) -> Result<Saved> {
        self.store.write(|writing| {
            let mut writer = open(&self.store, writing, &self.database, Right::Update)?;
            let found = writer.set_approval(target, to)?;
            let (id, revision, differed) = found.ok_or_else(|| missing(&self.database, target))?;
            let key = writer.last_key().to_owned();
            let written = if differed { Written::Updated } else { Written::Unchanged };
            Ok(Saved { id, key, revision, written })
        })
    }
}

pub(super) fn missing(database: &str, target: &Selector) -> Error {
    Error::new(Code::RecordNotFound).with_value(target).with_rule(database)
}

/// A writer for a database, by its code or id, for whoever has the rights.
fn open<'c>(
    store: &Store,
    connection: &'c Connection,
    database: &str,
    rights: impl Into<Rights>,
) -> Result<Writer<'c>> {
    let door = Door::open(store, connection)?;
    let table = door.catalog().table(database)?;
    for right in rights.into().iter() {
        door.demand(table, right)?;
    }
    Ok(Writer::new(store, connection, table))
}

/// Does one thing to one record, and says what came of it.
fn write_one(
    store: &Store,
    connection: &Connection,
    database: &str,
    rights: impl Into<Rights>,
    work: impl FnOnce(&mut Writer<'_>) -> Result<Outcome>,
) -> Result<Saved> {
    let mut writer = open(store, connection, database, rights)?;
    let outcome = work(&mut writer)?;
    let saved = saved(&writer, outcome);
    writer.finish()?;
    Ok(saved)
}

/// Does something to every record of a list; a refusal tells which of them it was.
fn write_all<T>(
    records: &Records,
    all: impl IntoIterator<Item = T>,
    rights: impl Into<Rights>,
    mut work: impl FnMut(&mut Writer<'_>, T) -> Result<Outcome>,
) -> Result<Vec<Saved>> {
    records.store.write(|writing| {
        let mut writer = open(&records.store, writing, &records.database, rights)?;
        let mut done = Vec::new();
        for (one, line) in all.into_iter().zip(1..) {
            let outcome = work(&mut writer, one).map_err(|error| error.at_line(line))?;
            done.push(saved(&writer, outcome));
        }
        writer.finish()?;
        Ok(done)
    })
}

fn saved(writer: &Writer<'_>, outcome: Outcome) -> Saved {
    let Outcome { id, revision, what } = outcome;
    Saved { id, key: writer.last_key().to_owned(), revision, written: what }
}

fn register(writer: &mut Writer<'_>, values: &Values, options: &WriteOptions) -> Result<Outcome> {
    let table = writer.table.clone();
    writer.insert(Draft::of(&table, values), options)
}

fn update(
    writer: &mut Writer<'_>,
    database: &str,
    target: &Selector,
    values: &Values,
    options: &WriteOptions,
) -> Result<Outcome> {
    let table = writer.table.clone();
    writer.update(target, Draft::of(&table, values), options)?.ok_or_else(|| missing(database, target))
}

fn upsert(writer: &mut Writer<'_>, values: &Values, options: &WriteOptions) -> Result<Outcome> {
    let table = writer.table.clone();
    let draft = Draft::of(&table, values);
    match draft.key(&table) {
        Some(key) => {
            let first = Cell::new(Some(draft));
            let draft = || first.take().unwrap_or_else(|| Draft::of(&table, values));
            writer.upsert(&Selector::Key(key), draft, options)
        }
        None => writer.insert(draft, options),
    }
}

fn delete(
    store: &Store,
    connection: &Connection,
    database: &str,
    target: &Selector,
    expected_revision: Option<i64>,
) -> Result<i64> {
    let mut writer = open(store, connection, database, Right::Delete)?;
    let id = writer.delete(target, expected_revision)?.ok_or_else(|| missing(database, target))?;
    writer.finish()?;
    Ok(id)
}
