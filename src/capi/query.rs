//! Queries

use std::ffi::c_char;

use super::argument::{json, optional_json, optional_text, text};
use super::ask;
use super::error::renkei_error;
use super::status::renkei_status;
use super::store::renkei_store;
use crate::query::{Aggregation, Condition, Query};

/// One page of the records that a query finds, with their detail rows. query is a JSON object with condition, sort, limit,
/// offset and after, or NULL for all records by id. The answer is a JSON object: "records", each as renkei_record_view_json
/// gives it, and "next", which is put into "after" for the next page, or null behind the last one. The caller frees the JSON
/// by renkei_free.
///
/// Rust: `Store::query`, `Records::query`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_query_page(
    store: *const renkei_store,
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
        ask::json(store, out_json, out_json_len, out_error, |store| {
            let database = text(database, database_len, "database")?;
            let query: Query = optional_json(query, query_len, "query")?;
            store.query(database, &query)
        })
    }
}

/// How many records fulfil a condition, a JSON object such as {"field": "name", "op": "contains", "value": "x"}; all of them
/// when it is NULL.
///
/// Rust: `Store::count`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_query_count(
    store: *const renkei_store,
    database: *const c_char,
    database_len: usize,
    condition: *const c_char,
    condition_len: usize,
    out_count: *mut u64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::value(store, (out_count, "out_count"), out_error, |store| {
            let database = text(database, database_len, "database")?;
            let condition = match optional_text(condition, condition_len, "condition")? {
                Some(_) => Some(json::<Condition>(condition, condition_len, "condition")?),
                None => None,
            };
            store.count(database, condition.as_ref())
        })
    }
}

/// Counts, sums, extremes and averages, by groups: a JSON object with condition, rows, group_by, measures, sort and limit. The
/// answer is a JSON array of objects with "groups" and "values". The caller frees the JSON by renkei_free.
///
/// Rust: `Store::aggregate`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_query_aggregate(
    store: *const renkei_store,
    database: *const c_char,
    database_len: usize,
    aggregation: *const c_char,
    aggregation_len: usize,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::json(store, out_json, out_json_len, out_error, |store| {
            let database = text(database, database_len, "database")?;
            let aggregation: Aggregation = json(aggregation, aggregation_len, "aggregation")?;
            store.aggregate(database, &aggregation)
        })
    }
}
