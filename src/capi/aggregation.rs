//! Saved aggregations

use std::ffi::{c_char, c_void};

use super::argument::{OutStruct, call, json, text};
use super::ask;
use super::callback::{Sink, renkei_write_fn};
use super::error::renkei_error;
use super::export::{exported, renkei_exported};
use super::handle;
use super::status::renkei_status;
use super::store::renkei_store;
use crate::aggregation::{AggregationExport, AggregationSetting};
use crate::store::Store;

/// Runs a saved aggregation, by its code or id. The answer is a JSON object: "groups" (how many of the columns are groups, the
/// first ones), "columns" (objects with "name", and "measure", "across", "is_total"), "rows" (arrays of values, one for each
/// column) and, with totals, "total" (such an array). All figures are of one moment. The caller frees the JSON by renkei_free.
///
/// Rust: `Store::run_aggregation`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_aggregation_run(
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
            store.run_aggregation(database, text(aggregation, aggregation_len, "aggregation")?)
        })
    }
}

/// Runs an aggregation that is not saved: setting is its definition, a JSON object as in a blueprint. The answer is that of
/// renkei_aggregation_run. The caller frees the JSON by renkei_free.
///
/// Rust: `Store::preview_aggregation`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_aggregation_preview(
    store: *const renkei_store,
    setting: *const c_char,
    setting_len: usize,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::json(store, out_json, out_json_len, out_error, |store| {
            let setting: AggregationSetting = json(setting, setting_len, "setting")?;
            store.preview_aggregation(&setting)
        })
    }
}

/// Writes the table of a saved aggregation as CSV and gives it to a function in pieces. spec is a JSON object with database and
/// aggregation, and maybe values, without_headings and format: see `AggregationExport` in the documentation of the Rust crate.
/// out_exported may be NULL.
///
/// Rust: `Store::export_aggregation`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_aggregation_export(
    store: *const renkei_store,
    spec: *const c_char,
    spec_len: usize,
    write: renkei_write_fn,
    user_data: *mut c_void,
    out_exported: *mut renkei_exported,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = OutStruct::optional(out_exported, "out_exported")?;
            let store = handle::get::<Store>(store)?;
            let sink = Sink::new(write, user_data)?;
            let export: AggregationExport = json(spec, spec_len, "spec")?;
            let written = store.export_aggregation(&export, sink)?;
            if let Some(out) = out {
                out.set(&exported(&written));
            }
            Ok(())
        })
    }
}

/// The saved aggregations of a database, as a JSON array of definitions. The caller frees the JSON by renkei_free.
///
/// Rust: `Store::aggregation_settings`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_aggregation_all(
    store: *const renkei_store,
    database: *const c_char,
    database_len: usize,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::json(store, out_json, out_json_len, out_error, |store| {
            store.aggregation_settings(text(database, database_len, "database")?)
        })
    }
}
