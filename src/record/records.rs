//! The records of one database, as callers handle them.

use rusqlite::Connection;
use serde::Serialize;

use super::approval::Approval;
use super::draft::Draft;
use super::input::{Selector, Values, WriteOptions};
use super::writer::{Writer, Written};
use crate::error::{Code, Error, Result};
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
    store: &'a Store,
    writing: &'a Writing<'a>,
}

impl Store {
    /// The records of a database, by its code or id. Whether it exists is found out by the first call.
    pub fn records(&self, database: &str) -> Records {
        Records { store: self.clone(), database: database.to_owned() }
    }

    /// Runs `work`, whose writes are all kept when it returns `Ok`, and all taken back when it returns an error.
    ///
    /// Others wait for their turn to write meanwhile. Calls on the store itself inside `work` must only read.
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
        register(self.store, self.writing, database, values, options)
    }

    /// As [`Records::update_with`].
    pub fn update(
        &self,
        database: &str,
        target: impl Into<Selector>,
        values: &Values,
        options: &WriteOptions,
    ) -> Result<Saved> {
        update(self.store, self.writing, database, &target.into(), values, options)
    }

    /// As [`Records::upsert_with`].
    pub fn upsert(&self, database: &str, values: &Values, options: &WriteOptions) -> Result<Saved> {
        upsert(self.store, self.writing, database, values, options)
    }

    /// As [`Records::delete_with`].
    pub fn delete(&self, database: &str, target: impl Into<Selector>, expected_revision: Option<i64>) -> Result<i64> {
        delete(self.store, self.writing, database, &target.into(), expected_revision)
    }
}

impl Records {
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
        self.store.write(|writing| register(&self.store, writing, &self.database, values, options))
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
        self.store.write(|writing| {
            let mut writer = Writer::open(&self.store, writing, &self.database)?;
            let table = writer.table.clone();
            let mut saved = Vec::new();
            for (at, values) in all.into_iter().enumerate() {
                let outcome =
                    writer.insert(Draft::of(&table, values), options).map_err(|error| error.at_line(at as u64 + 1))?;
                saved.push(Saved {
                    id: outcome.id,
                    key: writer.last_key().to_owned(),
                    revision: outcome.revision,
                    written: outcome.what,
                });
            }
            writer.finish()?;
            Ok(saved)
        })
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
        self.store.write(|writing| update(&self.store, writing, &self.database, &target, values, options))
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
        self.store.write(|writing| {
            let mut writer = Writer::open(&self.store, writing, &self.database)?;
            let table = writer.table.clone();
            let mut saved = Vec::new();
            for (at, (target, values)) in all.into_iter().enumerate() {
                let outcome = writer
                    .update(target, Draft::of(&table, values), options)
                    .and_then(|outcome| outcome.ok_or_else(|| missing(&self.database, target)))
                    .map_err(|error| error.at_line(at as u64 + 1))?;
                saved.push(Saved {
                    id: outcome.id,
                    key: writer.last_key().to_owned(),
                    revision: outcome.revision,
                    written: outcome.what,
                });
            }
            writer.finish()?;
            Ok(saved)
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
        self.store.write(|writing| upsert(&self.store, writing, &self.database, values, options))
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
            let mut writer = Writer::open(&self.store, writing, &self.database)?;
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

fn register(
    store: &Store,
    connection: &Connection,
    database: &str,
    values: &Values,
    options: &WriteOptions,
) -> Result<Saved> {
    let mut writer = Writer::open(store, connection, database)?;
    let table = writer.table.clone();
    let outcome = writer.insert(Draft::of(&table, values), options)?;
    let key = writer.last_key().to_owned();
    writer.finish()?;
    Ok(Saved { id: outcome.id, key, revision: outcome.revision, written: outcome.what })
}

fn update(
    store: &Store,
    connection: &Connection,
    database: &str,
    target: &Selector,
    values: &Values,
    options: &WriteOptions,
) -> Result<Saved> {
    let mut writer = Writer::open(store, connection, database)?;
    let table = writer.table.clone();
    let outcome = writer.update(target, Draft::of(&table, values), options)?;
    let outcome = outcome.ok_or_else(|| missing(database, target))?;
    let key = writer.last_key().to_owned();
    writer.finish()?;
    Ok(Saved { id: outcome.id, key, revision: outcome.revision, written: outcome.what })
}

fn upsert(
    store: &Store,
    connection: &Connection,
    database: &str,
    values: &Values,
    options: &WriteOptions,
) -> Result<Saved> {
    let mut writer = Writer::open(store, connection, database)?;
    let table = writer.table.clone();
    let draft = Draft::of(&table, values);
    let outcome = match draft.key(&table) {
        Some(key) => writer.upsert(&Selector::Key(key), draft, options)?,
        None => writer.insert(draft, options)?,
    };
    let key = writer.last_key().to_owned();
    writer.finish()?;
    Ok(Saved { id: outcome.id, key, revision: outcome.revision, written: outcome.what })
}

fn delete(
    store: &Store,
    connection: &Connection,
    database: &str,
    target: &Selector,
    expected_revision: Option<i64>,
) -> Result<i64> {
    let mut writer = Writer::open(store, connection, database)?;
    let id = writer.delete(target, expected_revision)?.ok_or_else(|| missing(database, target))?;
    writer.finish()?;
    Ok(id)
}
