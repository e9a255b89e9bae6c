//! Definitions

use std::ffi::c_char;

use super::argument::{call, out_bytes, text};
use super::ask;
use super::error::renkei_error;
use super::handle;
use super::status::renkei_status;
use super::store::renkei_store;
use crate::blueprint::{Blueprint, DefinitionKind};
use crate::store::Store;

/// Makes the store have what a blueprint says, in one transaction; what was done is the answer, as a JSON array. Applying the
/// same blueprint again does nothing. The caller frees the JSON by renkei_free.
///
/// RENKEI_DEFINITION with everything that is wrong; nothing is changed then.
///
/// Rust: `Store::apply`, `Blueprint::from_json`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_blueprint_apply(
    store: *const renkei_store,
    blueprint: *const c_char,
    blueprint_len: usize,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::json(store, out_json, out_json_len, out_error, |store| {
            let blueprint = text(blueprint, blueprint_len, "blueprint")?;
            store.apply(&Blueprint::from_json(blueprint)?)
        })
    }
}

/// What renkei_blueprint_apply would do, including its checks of stored records. Nothing is changed. The caller frees the JSON.
///
/// Rust: `Store::plan`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_blueprint_plan(
    store: *const renkei_store,
    blueprint: *const c_char,
    blueprint_len: usize,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::json(store, out_json, out_json_len, out_error, |store| {
            let blueprint = text(blueprint, blueprint_len, "blueprint")?;
            store.plan(&Blueprint::from_json(blueprint)?)
        })
    }
}

/// All definitions of the store as one blueprint, with their ids. The caller frees the JSON.
///
/// Rust: `Store::blueprint`, `Blueprint::to_json`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_blueprint_dump(
    store: *const renkei_store,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = out_bytes(out_json, out_json_len, "out_json")?;
            let store = handle::get::<Store>(store)?;
            out.give(store.blueprint()?.to_json());
            Ok(())
        })
    }
}

/// The definition of a database, by its code or id. The caller frees the JSON, as of all functions below.
///
/// Rust: `Store::database`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_database_get(
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
            let database = text(database, database_len, "database")?;
            store.database(database)
        })
    }
}

/// The users of the store, as a JSON array.
///
/// Rust: `Store::users`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_user_all(
    store: *const renkei_store,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe { ask::json(store, out_json, out_json_len, out_error, |store| store.users()) }
}

/// The saved lists of a database, as a JSON array.
///
/// Rust: `Store::lists`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_list_all(
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
            let database = text(database, database_len, "database")?;
            store.lists(database)
        })
    }
}

/// A saved list, by its code or id.
///
/// Rust: `Store::list`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_list_get(
    store: *const renkei_store,
    database: *const c_char,
    database_len: usize,
    list: *const c_char,
    list_len: usize,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::json(store, out_json, out_json_len, out_error, |store| {
            let database = text(database, database_len, "database")?;
            let list = text(list, list_len, "list")?;
            store.list(database, list)
        })
    }
}

/// The saved searches of a database, as a JSON array.
///
/// Rust: `Store::searches`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_search_all(
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
            let database = text(database, database_len, "database")?;
            store.searches(database)
        })
    }
}

/// A saved search, by its code or id.
///
/// Rust: `Store::search`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_search_get(
    store: *const renkei_store,
    database: *const c_char,
    database_len: usize,
    search: *const c_char,
    search_len: usize,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::json(store, out_json, out_json_len, out_error, |store| {
            let database = text(database, database_len, "database")?;
            let search = text(search, search_len, "search")?;
            store.search(database, search)
        })
    }
}

/// The import settings of a database, as a JSON array.
///
/// Rust: `Store::import_settings`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_import_setting_all(
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
            let database = text(database, database_len, "database")?;
            store.import_settings(database)
        })
    }
}

/// Takes a definition out of the store, by its code or id. kind is the word for it in the changes that renkei_blueprint_apply
/// tells, such as "list", "import" or "automation"; one that is not known is refused with those that are. database is not looked
/// at for what belongs to none.
///
/// Rust: `Store::remove_definition`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_definition_remove(
    store: *const renkei_store,
    kind: *const c_char,
    kind_len: usize,
    database: *const c_char,
    database_len: usize,
    name: *const c_char,
    name_len: usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::done(store, out_error, |store| {
            let kind = DefinitionKind::from_text(text(kind, kind_len, "kind")?)?;
            store.remove_definition(kind, text(database, database_len, "database")?, text(name, name_len, "name")?)
        })
    }
}
