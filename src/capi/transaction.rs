//! Transactions

use std::ffi::{c_char, c_void};
use std::thread::ThreadId;

use super::argument::{Out, call, json, optional_json, optional_text, out_bytes, selector, text};
use super::ask;
use super::cursor::Held;
use super::delivery::new_delivery;
use super::error::renkei_error;
use super::handle::{self, ExclusiveNoun, Handle, Noun};
use super::record::{self, renkei_record};
use super::status::renkei_status;
use super::store::renkei_store;
use super::values::renkei_values;
use super::write::{renkei_saved, renkei_write_options, write_json, write_options, write_values};
use crate::error::{Code, Error, Result};
use crate::query::{Condition, Query};
use crate::record::Transaction;
use crate::store::{Store, Writing};

/// Several writes, also to several databases, that are kept together or not at all. For the thread that began it.
pub struct renkei_transaction(());

pub(super) struct Body {
    /// Declared before the store that it is a part of, and so dropped before it.
    writing: Option<Writing<'static>>,
    store: Held<Store>,
    thread: ThreadId,
}

// SAFETY: the turn to write must be given back by the thread that took it. Every function here looks whether it is that
// thread before it touches the body, and the handle is closed by these functions only.
unsafe impl Send for Body {}
// SAFETY: one call at a time has it, which `EXCLUSIVE` says.
unsafe impl Sync for Body {}

impl Noun for Body {
    type Opaque = renkei_transaction;
    const KIND: u8 = 7;
    const NAME: &'static str = "transaction";
    const EXCLUSIVE: bool = true;
}

impl ExclusiveNoun for Body {}

/// The transaction, on the thread that began it.
fn own(transaction: *const renkei_transaction) -> Result<Handle<Body>> {
    check_thread(handle::get::<Body>(transaction)?)
}

fn check_thread(body: Handle<Body>) -> Result<Handle<Body>> {
    if body.thread != std::thread::current().id() {
        return Err(Error::new(Code::WrongThread).with_rule(<Body as Noun>::NAME));
    }
    Ok(body)
}

fn with<T>(transaction: *const renkei_transaction, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
    let body = own(transaction)?;
    match &body.writing {
        Some(writing) => {
            // SAFETY: what is lent ends with this call.
            let store = unsafe { body.store.get() };
            work(&Transaction::of(store, writing)).inspect_err(|error| store.note_failure(error))
        }
        None => Err(Error::new(Code::BadHandle).with_rule(<Body as Noun>::NAME)),
    }
}

/// Begins a transaction, and waits for its turn to write; others wait until it ends. It ends by renkei_transaction_commit or
/// renkei_transaction_rollback, on the same thread. Meanwhile calls of this thread on the store itself may only read, and see
/// the store as it was; those that write are refused (RENKEI_USAGE, "store.reentered").
///
/// Rust: `Store::transaction`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_transaction_begin(
    store: *const renkei_store,
    out_transaction: *mut *mut renkei_transaction,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::value(store, (out_transaction, "out_transaction"), out_error, |store| {
            let store = Held::new(Store::clone(store));
            let writing = store.get().writing()?;
            Ok(handle::give(Body { writing: Some(writing), store, thread: std::thread::current().id() }))
        })
    }
}

/// Keeps what was written, and ends the transaction, also when this fails: then nothing was kept.
///
/// Rust: `Store::transaction`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_transaction_commit(
    transaction: *mut renkei_transaction,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let mut body = own(transaction)?;
            // SAFETY: it is cloned at once. The clone outlives the transaction, whatever else of the store was closed.
            let store = Store::clone(body.store.get());
            let writing = body.writing.take();
            drop(body);
            handle::close::<Body>(transaction)?;
            writing.map_or(Ok(()), Writing::commit).inspect_err(|error| store.note_failure(error))
        })
    }
}

/// Takes back what was written, and ends the transaction. NULL is allowed.
///
/// Rust: `Store::transaction`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn renkei_transaction_rollback(transaction: *mut renkei_transaction) -> renkei_status {
    // SAFETY: no output is given.
    unsafe {
        call(std::ptr::null_mut(), || {
            if transaction.is_null() {
                return Ok(());
            }
            let mut body = check_thread(handle::get_poisoned::<Body>(transaction)?)?;
            body.writing = None;
            drop(body);
            handle::close::<Body>(transaction)
        })
    }
}

/// As renkei_record_register, within the transaction. A record that is refused leaves nothing behind, and the transaction goes on.
///
/// Rust: `Transaction::register`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_transaction_register(
    transaction: *mut renkei_transaction,
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
                let database = text(database, database_len, "database")?;
                let options = write_options(options)?;
                with(transaction, |transaction| transaction.register(database, values, &options))
            })
        })
    }
}

/// As renkei_record_register_json, within the transaction.
///
/// Rust: `Transaction::register`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_transaction_register_json(
    transaction: *mut renkei_transaction,
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
                let database = text(database, database_len, "database")?;
                let options = write_options(options)?;
                with(transaction, |transaction| transaction.register(database, values, &options))
            })
        })
    }
}

/// As renkei_record_update, within the transaction. A record that is refused leaves nothing behind, and the transaction goes on.
///
/// Rust: `Transaction::update`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_transaction_update(
    transaction: *mut renkei_transaction,
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
                let database = text(database, database_len, "database")?;
                let target = selector(key, key_len, id)?;
                let options = write_options(options)?;
                with(transaction, |transaction| transaction.update(database, target, values, &options))
            })
        })
    }
}

/// As renkei_record_update_json, within the transaction.
///
/// Rust: `Transaction::update`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_transaction_update_json(
    transaction: *mut renkei_transaction,
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
                let database = text(database, database_len, "database")?;
                let target = selector(key, key_len, id)?;
                let options = write_options(options)?;
                with(transaction, |transaction| transaction.update(database, target, values, &options))
            })
        })
    }
}

/// As renkei_record_upsert, within the transaction. A record that is refused leaves nothing behind, and the transaction goes on.
///
/// Rust: `Transaction::upsert`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_transaction_upsert(
    transaction: *mut renkei_transaction,
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
                let database = text(database, database_len, "database")?;
                let options = write_options(options)?;
                with(transaction, |transaction| transaction.upsert(database, values, &options))
            })
        })
    }
}

/// As renkei_record_upsert_json, within the transaction.
///
/// Rust: `Transaction::upsert`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_transaction_upsert_json(
    transaction: *mut renkei_transaction,
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
                let database = text(database, database_len, "database")?;
                let options = write_options(options)?;
                with(transaction, |transaction| transaction.upsert(database, values, &options))
            })
        })
    }
}

/// As renkei_record_delete, within the transaction.
///
/// Rust: `Transaction::delete`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_transaction_delete(
    transaction: *mut renkei_transaction,
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
        call(out_error, || {
            let out = Out::new(out_id, "out_id")?;
            let database = text(database, database_len, "database")?;
            let target = selector(key, key_len, id)?;
            let revision = Some(expected_revision).filter(|revision| *revision != 0);
            out.set(with(transaction, |transaction| transaction.delete(database, target, revision))?);
            Ok(())
        })
    }
}

/// As renkei_record_view, within the transaction: the record as it has been written here.
///
/// Rust: `Transaction::view`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_transaction_view(
    transaction: *mut renkei_transaction,
    database: *const c_char,
    database_len: usize,
    key: *const c_char,
    key_len: usize,
    id: i64,
    out_record: *mut *mut renkei_record,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_record, "out_record")?;
            let database = text(database, database_len, "database")?;
            let target = selector(key, key_len, id)?;
            let record = with(transaction, |transaction| transaction.view(database, target))?;
            out.set(handle::give(record::Body::new(record)));
            Ok(())
        })
    }
}

/// As renkei_record_find, within the transaction.
///
/// Rust: `Transaction::find`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_transaction_find(
    transaction: *mut renkei_transaction,
    database: *const c_char,
    database_len: usize,
    key: *const c_char,
    key_len: usize,
    id: i64,
    out_record: *mut *mut renkei_record,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_record, "out_record")?;
            let database = text(database, database_len, "database")?;
            let target = selector(key, key_len, id)?;
            if let Some(record) = with(transaction, |transaction| transaction.find(database, target))? {
                out.set(handle::give(record::Body::new(record)));
            }
            Ok(())
        })
    }
}

/// As renkei_record_view_json, within the transaction.
///
/// Rust: `Transaction::view`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_transaction_view_json(
    transaction: *mut renkei_transaction,
    database: *const c_char,
    database_len: usize,
    key: *const c_char,
    key_len: usize,
    id: i64,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = out_bytes(out_json, out_json_len, "out_json")?;
            let database = text(database, database_len, "database")?;
            let target = selector(key, key_len, id)?;
            out.give_json(&with(transaction, |transaction| transaction.view(database, target))?)
        })
    }
}

/// As renkei_query_page, within the transaction.
///
/// Rust: `Transaction::query`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_transaction_page(
    transaction: *mut renkei_transaction,
    database: *const c_char,
    database_len: usize,
    query: *const c_char,
    query_len: usize,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = out_bytes(out_json, out_json_len, "out_json")?;
            let database = text(database, database_len, "database")?;
            let query: Query = optional_json(query, query_len, "query")?;
            out.give_json(&with(transaction, |transaction| transaction.query(database, &query))?)
        })
    }
}

/// As renkei_query_count, within the transaction.
///
/// Rust: `Transaction::count`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_transaction_count(
    transaction: *mut renkei_transaction,
    database: *const c_char,
    database_len: usize,
    condition: *const c_char,
    condition_len: usize,
    out_count: *mut u64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_count, "out_count")?;
            let database = text(database, database_len, "database")?;
            let condition = match optional_text(condition, condition_len, "condition")? {
                Some(_) => Some(json::<Condition>(condition, condition_len, "condition")?),
                None => None,
            };
            out.set(with(transaction, |transaction| transaction.count(database, condition.as_ref()))?);
            Ok(())
        })
    }
}

/// As renkei_delivery_queue, within the transaction: the message is sent if the transaction is kept, and only then.
///
/// Rust: `Transaction::deliver`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_transaction_deliver(
    transaction: *mut renkei_transaction,
    delivery: *const c_char,
    delivery_len: usize,
    body: *const c_void,
    body_len: usize,
    out_delivery_id: *mut i64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_delivery_id, "out_delivery_id")?;
            let new = new_delivery(delivery, delivery_len, body, body_len)?;
            out.set(with(transaction, |transaction| transaction.deliver(&new))?);
            Ok(())
        })
    }
}
