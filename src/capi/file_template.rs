//! Generated files

use std::ffi::{c_char, c_void};

use serde::Deserialize;

use super::argument::{json, text};
use super::ask;
use super::callback::{Sink, renkei_write_fn};
use super::error::renkei_error;
use super::status::renkei_status;
use super::store::renkei_store;
use super::write::{Named, and};
use crate::document::FileRequest;
use crate::error::Result;
use crate::query::Query;

/// Which file is generated, as JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    database: String,
    template: String,
    record: Option<Named>,
    found: Option<Query>,
    memo: Option<String>,
}

impl Form {
    fn request(self) -> Result<FileRequest> {
        let request = FileRequest::new(self.database, self.template);
        let record = self.record.map(Named::selector).transpose()?;
        let request = and(request, record, FileRequest::record);
        let request = and(request, self.found, FileRequest::found);
        Ok(and(request, self.memo, FileRequest::memo))
    }
}

/// Generates the file of a file template and gives it to a function in pieces. request is a JSON object with database and
/// template, and maybe record ({"key": …} or {"id": …}, for files about one record), found (a query as for renkei_query_page:
/// which records are found, instead of those that the template says) and memo. The answer is a JSON object with the "name" of
/// the file, its "content_type", "records" and "bytes". The caller frees the JSON by renkei_free.
///
/// Rust: `Store::generate_file`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_file_template_generate(
    store: *const renkei_store,
    request: *const c_char,
    request_len: usize,
    write: renkei_write_fn,
    user_data: *mut c_void,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::json(store, out_json, out_json_len, out_error, |store| {
            let sink = Sink::new(write, user_data)?;
            let form: Form = json(request, request_len, "request")?;
            store.generate_file(&form.request()?, sink)
        })
    }
}

/// The file templates of a database, as a JSON array of definitions. The caller frees the JSON by renkei_free.
///
/// Rust: `Store::file_templates`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_file_template_all(
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
            store.file_templates(text(database, database_len, "database")?)
        })
    }
}
