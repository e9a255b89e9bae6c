//! Records, written

use std::ffi::c_char;

use serde::Deserialize;

use super::argument::{Grows, OutStruct, call, json, options, selector, text};
use super::ask;
use super::error::renkei_error;
use super::handle;
use super::status::renkei_status;
use super::store::{no_such, renkei_store};
use super::values::{self, renkei_values};
use crate::error::{Code, Error, Result};
use crate::record::{DetailMode, KeyMode, Saved, Selector, Values, WriteOptions, Written};
use crate::store::Store;

/// A given detail row that names a row changes it; the others are appended.
pub const RENKEI_DETAILS_MERGE: u32 = 0;
/// Every given detail row is appended.
pub const RENKEI_DETAILS_APPEND: u32 = 1;
/// The given detail rows take the place of all rows.
pub const RENKEI_DETAILS_REPLACE: u32 = 2;

/// The store issues the key where it is numbered automatically; a key that is given is passed over.
pub const RENKEI_KEY_ISSUE: u32 = 0;
/// The caller gives the key, or the store where none is given.
pub const RENKEI_KEY_GIVEN: u32 = 1;

/// How records are written. Make one by renkei_write_options_init; a member that is 0 stands for its default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct renkei_write_options {
    /// The size of this struct.
    pub size: usize,
    /// The revision that the record must have, else RENKEI_CONFLICT; 0 is any.
    pub expected_revision: i64,
    /// RENKEI_DETAILS_MERGE (default), RENKEI_DETAILS_APPEND or RENKEI_DETAILS_REPLACE.
    pub details: u32,
    /// RENKEI_KEY_ISSUE (default) or RENKEI_KEY_GIVEN.
    pub key_mode: u32,
    /// Whether dependent fields are left alone when their link is set. Default: they are filled.
    pub leave_dependents: u32,
    /// Whether a new record is approved at once.
    pub approve: u32,
}

// SAFETY: a size, then integers without padding between.
unsafe impl Grows for renkei_write_options {
    const NAME: &'static str = "renkei_write_options";
    const FIRST: usize = size_of::<Self>();
}

/// A new record was made.
pub const RENKEI_INSERTED: u32 = 1;
/// The record was changed.
pub const RENKEI_UPDATED: u32 = 2;
/// The record had these values already; nothing was written.
pub const RENKEI_UNCHANGED: u32 = 3;

/// What a write came to. Make one by renkei_saved_init.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct renkei_saved {
    /// The size of this struct.
    pub size: usize,
    /// The record id.
    pub id: i64,
    /// The revision that the record has now.
    pub revision: i64,
    /// RENKEI_INSERTED, RENKEI_UPDATED or RENKEI_UNCHANGED.
    pub written: u32,
    /// The length of the key in bytes.
    pub key_len: u32,
    /// The key, with a NUL behind it. One that were longer than fits (which no definition allows at present) is cut.
    pub key: [c_char; 1024],
}

// SAFETY: a size, then integers and bytes without padding between.
unsafe impl Grows for renkei_saved {
    const NAME: &'static str = "renkei_saved";
    const FIRST: usize = size_of::<Self>();
}

/// Fills the struct of C, if there is one.
pub(super) fn give(out: Option<OutStruct<renkei_saved>>, from: &Saved) {
    let Some(out) = out else { return };
    let mut to = renkei_saved::cleared();
    to.id = from.id;
    to.revision = from.revision;
    to.written = match from.written {
        Written::Inserted => RENKEI_INSERTED,
        Written::Updated => RENKEI_UPDATED,
        Written::Unchanged => RENKEI_UNCHANGED,
    };
    to.key_len = u32::try_from(from.key.len()).unwrap_or(u32::MAX);
    for (to, from) in to.key[..1023].iter_mut().zip(from.key.bytes()) {
        *to = from as c_char;
    }
    out.set(&to);
}

/// # Safety
///
/// As [`options`].
pub(super) unsafe fn write_options(pointer: *const renkei_write_options) -> Result<WriteOptions> {
    // SAFETY: as promised by the caller.
    let given = unsafe { options(pointer)? };
    let mut options = WriteOptions::new();
    if given.expected_revision != 0 {
        options = options.expect_revision(given.expected_revision);
    }
    options = options.details(match given.details {
        RENKEI_DETAILS_MERGE => DetailMode::Merge,
        RENKEI_DETAILS_APPEND => DetailMode::Append,
        RENKEI_DETAILS_REPLACE => DetailMode::Replace,
        other => return Err(no_such("mode of detail rows", other)),
    });
    options = options.key_mode(match given.key_mode {
        RENKEI_KEY_ISSUE => KeyMode::Issue,
        RENKEI_KEY_GIVEN => KeyMode::Given,
        other => return Err(no_such("mode of keys", other)),
    });
    Ok(options.fill_dependents(given.leave_dependents == 0).approve(given.approve != 0))
}

/// Writes one record of a set of values, and keeps with the set what came of it.
///
/// # Safety
///
/// `out_saved` is NULL or may be written to.
pub(super) unsafe fn write_values(
    values: *mut renkei_values,
    out_saved: *mut renkei_saved,
    write: impl FnOnce(&Values) -> Result<Saved>,
) -> Result<()> {
    // SAFETY: as promised by the caller.
    let out = unsafe { OutStruct::optional(out_saved, "out_saved")? };
    let mut body = handle::get::<values::Body>(values)?;
    body.saved.clear();
    let done = write(&body.only()?.values)?;
    give(out, &done);
    body.saved.push(done);
    Ok(())
}

/// Writes one record given as JSON.
///
/// # Safety
///
/// As [`text`], and `out_saved` is NULL or may be written to.
pub(super) unsafe fn write_json(
    values: *const c_char,
    values_len: usize,
    out_saved: *mut renkei_saved,
    write: impl FnOnce(&Values) -> Result<Saved>,
) -> Result<()> {
    // SAFETY: as promised by the caller.
    let (out, values) =
        unsafe { (OutStruct::optional(out_saved, "out_saved")?, json::<Values>(values, values_len, "values")?) };
    let done = write(&values)?;
    give(out, &done);
    Ok(())
}

/// Registers a record. options and out_saved may be NULL.
///
/// RENKEI_VALIDATION with every refused value (see renkei_error_violation); nothing is written then.
///
/// Rust: `Records::register`, `Records::register_with`, `Store::records`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_record_register(
    store: *const renkei_store,
    database: *const c_char,
    database_len: usize,
    values: *mut renkei_values,
    options: *const renkei_write_options,
    out_saved: *mut renkei_saved,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            write_values(values, out_saved, |values| {
                let store = handle::get::<Store>(store)?;
                let database = text(database, database_len, "database")?;
                store.records(database).register_with(values, &write_options(options)?)
            })
        })
    }
}

/// As renkei_record_register, with the record as a JSON object of field and value, and its detail rows under "details".
///
/// Rust: `Records::register`, `Records::register_with`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_record_register_json(
    store: *const renkei_store,
    database: *const c_char,
    database_len: usize,
    values: *const c_char,
    values_len: usize,
    options: *const renkei_write_options,
    out_saved: *mut renkei_saved,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            write_json(values, values_len, out_saved, |values| {
                let store = handle::get::<Store>(store)?;
                let database = text(database, database_len, "database")?;
                store.records(database).register_with(values, &write_options(options)?)
            })
        })
    }
}

/// Updates the record with a key, or with a NULL key the one with an id: fields that are not given stay as they are. options
/// and out_saved may be NULL.
///
/// RENKEI_NOT_FOUND; RENKEI_VALIDATION with every refused value; RENKEI_CONFLICT when the record has not the expected
/// revision. Nothing is written then.
///
/// Rust: `Records::update`, `Records::update_with`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_record_update(
    store: *const renkei_store,
    database: *const c_char,
    database_len: usize,
    key: *const c_char,
    key_len: usize,
    id: i64,
    values: *mut renkei_values,
    options: *const renkei_write_options,
    out_saved: *mut renkei_saved,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            write_values(values, out_saved, |values| {
                let store = handle::get::<Store>(store)?;
                let database = text(database, database_len, "database")?;
                let target = selector(key, key_len, id)?;
                store.records(database).update_with(target, values, &write_options(options)?)
            })
        })
    }
}

/// As renkei_record_update, with the values as a JSON object.
///
/// Rust: `Records::update`, `Records::update_with`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_record_update_json(
    store: *const renkei_store,
    database: *const c_char,
    database_len: usize,
    key: *const c_char,
    key_len: usize,
    id: i64,
    values: *const c_char,
    values_len: usize,
    options: *const renkei_write_options,
    out_saved: *mut renkei_saved,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            write_json(values, values_len, out_saved, |values| {
                let store = handle::get::<Store>(store)?;
                let database = text(database, database_len, "database")?;
                let target = selector(key, key_len, id)?;
                store.records(database).update_with(target, values, &write_options(options)?)
            })
        })
    }
}

/// Updates the record that has the given key, or registers it. options and out_saved may be NULL.
///
/// Rust: `Records::upsert`, `Records::upsert_with`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_record_upsert(
    store: *const renkei_store,
    database: *const c_char,
    database_len: usize,
    values: *mut renkei_values,
    options: *const renkei_write_options,
    out_saved: *mut renkei_saved,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            write_values(values, out_saved, |values| {
                let store = handle::get::<Store>(store)?;
                let database = text(database, database_len, "database")?;
                store.records(database).upsert_with(values, &write_options(options)?)
            })
        })
    }
}

/// As renkei_record_upsert, with the record as a JSON object.
///
/// Rust: `Records::upsert`, `Records::upsert_with`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_record_upsert_json(
    store: *const renkei_store,
    database: *const c_char,
    database_len: usize,
    values: *const c_char,
    values_len: usize,
    options: *const renkei_write_options,
    out_saved: *mut renkei_saved,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            write_json(values, values_len, out_saved, |values| {
                let store = handle::get::<Store>(store)?;
                let database = text(database, database_len, "database")?;
                store.records(database).upsert_with(values, &write_options(options)?)
            })
        })
    }
}

/// Registers all records of a set of values in one transaction: all of them, or none. What became of each is told by
/// renkei_values_saved; on refusal renkei_error_line tells the place of the refused record, counted from 1. options may be
/// NULL.
///
/// Rust: `Records::register_all`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_record_register_all(
    store: *const renkei_store,
    database: *const c_char,
    database_len: usize,
    values: *mut renkei_values,
    options: *const renkei_write_options,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let mut body = handle::get::<values::Body>(values)?;
            body.saved.clear();
            let store = handle::get::<Store>(store)?;
            let database = text(database, database_len, "database")?;
            let all = body.entries.iter().map(|entry| &entry.values);
            let saved = store.records(database).register_each(all, &write_options(options)?)?;
            body.saved = saved;
            Ok(())
        })
    }
}

/// As renkei_record_register_all, with the records as a JSON array of objects. What became of each is a JSON array of id, key,
/// revision and written, which the caller frees by renkei_free.
///
/// Rust: `Records::register_all`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_record_register_all_json(
    store: *const renkei_store,
    database: *const c_char,
    database_len: usize,
    values: *const c_char,
    values_len: usize,
    options: *const renkei_write_options,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::json(store, out_json, out_json_len, out_error, |store| {
            let database = text(database, database_len, "database")?;
            let all: Vec<Values> = json(values, values_len, "values")?;
            store.records(database).register_all(&all, &write_options(options)?)
        })
    }
}

/// Updates records in one transaction: all of them, or none. Which record each of the set changes was said by
/// renkei_values_target. What became of each is told by renkei_values_saved; on refusal renkei_error_line tells the place of
/// the refused record, counted from 1. options may be NULL.
///
/// Rust: `Records::update_all`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_record_update_all(
    store: *const renkei_store,
    database: *const c_char,
    database_len: usize,
    values: *mut renkei_values,
    options: *const renkei_write_options,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let mut body = handle::get::<values::Body>(values)?;
            body.saved.clear();
            let store = handle::get::<Store>(store)?;
            let database = text(database, database_len, "database")?;
            let mut all = Vec::with_capacity(body.entries.len());
            for (entry, line) in body.entries.iter().zip(1..) {
                let target = entry.target.as_ref().ok_or_else(|| {
                    Error::new(Code::Argument)
                        .with_rule("a record has no target: see renkei_values_target")
                        .at_line(line)
                })?;
                all.push((target, &entry.values));
            }
            let saved = store.records(database).update_each(all, &write_options(options)?)?;
            body.saved = saved;
            Ok(())
        })
    }
}

/// A record to be updated, as JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    key: Option<String>,
    id: Option<i64>,
    values: Values,
}

/// A record that is named, as JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Named {
    key: Option<String>,
    id: Option<i64>,
}

impl Named {
    pub(super) fn selector(self) -> Result<Selector> {
        named(self.key, self.id)
    }

    /// Several, where they are given.
    pub(super) fn selectors(given: Option<Vec<Named>>) -> Result<Option<Vec<Selector>>> {
        given.map(|all| all.into_iter().map(Named::selector).collect()).transpose()
    }
}

/// A request with one thing more, if it is given.
pub(super) fn and<R, T>(request: R, given: Option<T>, more: impl FnOnce(R, T) -> R) -> R {
    match given {
        Some(given) => more(request, given),
        None => request,
    }
}

fn named(key: Option<String>, id: Option<i64>) -> Result<Selector> {
    match (key, id) {
        (Some(key), None) => Ok(Selector::Key(key)),
        (None, Some(id)) => Ok(Selector::Id(id)),
        _ => Err(Error::new(Code::Argument).with_rule("a record is named by its \"key\" or by its \"id\"")),
    }
}

/// As renkei_record_update_all, with a JSON array of objects: "key" or "id" of the record, and "values". What became of each
/// is a JSON array of id, key, revision and written, which the caller frees by renkei_free.
///
/// Rust: `Records::update_all`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_record_update_all_json(
    store: *const renkei_store,
    database: *const c_char,
    database_len: usize,
    changes: *const c_char,
    changes_len: usize,
    options: *const renkei_write_options,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::json(store, out_json, out_json_len, out_error, |store| {
            let database = text(database, database_len, "database")?;
            let changes: Vec<Change> = json(changes, changes_len, "changes")?;
            let named = changes.into_iter().zip(1..).map(|(change, line)| {
                let target = named(change.key, change.id).map_err(|error| error.at_line(line))?;
                Ok((target, change.values))
            });
            let all = named.collect::<Result<Vec<_>>>()?;
            store.records(database).update_all(&all, &write_options(options)?)
        })
    }
}

/// Deletes the record with a key, or with a NULL key the one with an id, with its detail rows and files. expected_revision is
/// the revision that it must have, or 0 for any. out_id receives the record id.
///
/// RENKEI_NOT_FOUND; RENKEI_CONFLICT when other records link to it, or when it has not the expected revision.
///
/// Rust: `Records::delete`, `Records::delete_with`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_record_delete(
    store: *const renkei_store,
    database: *const c_char,
    database_len: usize,
    key: *const c_char,
    key_len: usize,
    id: i64,
    expected_revision: i64,
    out_id: *mut i64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::value(store, (out_id, "out_id"), out_error, |store| {
            let database = text(database, database_len, "database")?;
            let revision = Some(expected_revision).filter(|revision| *revision != 0);
            store.records(database).delete_with(selector(key, key_len, id)?, revision)
        })
    }
}

/// Deletes records in one transaction: all of them, or none. They are named by a JSON array of objects with "key" or "id". On
/// refusal renkei_error_line tells the place of the refused one, counted from 1. out_json is a JSON array of the record ids,
/// which the caller frees by renkei_free.
///
/// Rust: `Records::delete_all`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_record_delete_all_json(
    store: *const renkei_store,
    database: *const c_char,
    database_len: usize,
    targets: *const c_char,
    targets_len: usize,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::json(store, out_json, out_json_len, out_error, |store| {
            let database = text(database, database_len, "database")?;
            let targets: Vec<Named> = json(targets, targets_len, "targets")?;
            let targets = targets
                .into_iter()
                .zip(1..)
                .map(|(target, line)| target.selector().map_err(|error| error.at_line(line)));
            store.records(database).delete_all(&targets.collect::<Result<Vec<_>>>()?)
        })
    }
}

/// Approves the record with a key, or with a NULL key the one with an id. out_saved may be NULL.
///
/// Rust: `Records::approve`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_record_approve(
    store: *const renkei_store,
    database: *const c_char,
    database_len: usize,
    key: *const c_char,
    key_len: usize,
    id: i64,
    out_saved: *mut renkei_saved,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = OutStruct::optional(out_saved, "out_saved")?;
            let store = handle::get::<Store>(store)?;
            let database = text(database, database_len, "database")?;
            let done = store.records(database).approve(selector(key, key_len, id)?)?;
            give(out, &done);
            Ok(())
        })
    }
}

/// Withdraws the approval of a record, as renkei_record_approve.
///
/// Rust: `Records::withdraw_approval`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_record_withdraw_approval(
    store: *const renkei_store,
    database: *const c_char,
    database_len: usize,
    key: *const c_char,
    key_len: usize,
    id: i64,
    out_saved: *mut renkei_saved,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = OutStruct::optional(out_saved, "out_saved")?;
            let store = handle::get::<Store>(store)?;
            let database = text(database, database_len, "database")?;
            let done = store.records(database).withdraw_approval(selector(key, key_len, id)?)?;
            give(out, &done);
            Ok(())
        })
    }
}
