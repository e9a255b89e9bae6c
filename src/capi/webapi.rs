//! The Web API

use std::ffi::c_char;

use super::argument::{Grows, Out, OutStruct, call, options, out_bytes, out_str, text};
use super::ask;
use super::error::renkei_error;
use super::handle::{self, Noun};
use super::request::{RequestParts, renkei_request};
use super::response::{self, renkei_response};
use super::status::renkei_status;
use super::store::{no_such, renkei_store};
use crate::csv::OutputEncoding;
use crate::webapi::{self, Options, WebApi};

/// The dispatcher of the Web API of a store: one request in, one response out. It opens no socket; a program puts its own HTTP
/// server around it (examples/c/host.c is one). For any number of threads at once.
pub struct renkei_webapi(());

impl Noun for WebApi {
    type Opaque = renkei_webapi;
    const KIND: u8 = 20;
    const NAME: &'static str = "Web API";
    const EXCLUSIVE: bool = false;
}

/// CSV in UTF-8 with a byte order mark.
pub const RENKEI_CSV_UTF8_BOM: u32 = 0;
/// CSV in UTF-8.
pub const RENKEI_CSV_UTF8: u32 = 1;
/// CSV in Shift_JIS (code page 932).
pub const RENKEI_CSV_CP932: u32 = 2;

/// What the Web API allows and how it answers. Make one by renkei_webapi_options_init; a member that is 0 or NULL stands for
/// its default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct renkei_webapi_options {
    /// The size of this struct.
    pub size: usize,
    /// The largest JSON, as a body or as a part, in bytes. Default: 4 MiB.
    pub json_bytes: u64,
    /// The largest uploaded file, in bytes. Default: 5 MiB.
    pub upload_bytes: u64,
    /// The most lines of an uploaded file; line breaks inside quoted cells do not count. Default: 50000.
    pub upload_lines: u64,
    /// How many records csvexport gives when no limit is asked for. Default: 200.
    pub export_records: u64,
    /// The most records that csvexport gives; a greater limit is cut to it. Default: 10000.
    pub export_records_most: u64,
    /// The encoding of CSV: RENKEI_CSV_UTF8_BOM (default), RENKEI_CSV_UTF8 or RENKEI_CSV_CP932.
    pub export_encoding: u32,
    /// Whether it begins in maintenance mode; see renkei_webapi_set_maintenance.
    pub maintenance: u32,
    /// The HTML that is sent while there is maintenance, behind the line that clients look for.
    pub maintenance_page: *const c_char,
    /// Its length, or RENKEI_NTS.
    pub maintenance_page_len: usize,
}

// SAFETY: a size, then integers and pointers without padding between; all zeros are a value.
unsafe impl Grows for renkei_webapi_options {
    const NAME: &'static str = "renkei_webapi_options";
    const FIRST: usize = size_of::<Self>();
}

/// Makes the dispatcher of a store. account is the first segment of its paths: ASCII letters, digits, "-", "_" and ".".
/// options may be NULL. The store is one as it was opened, not the view of a user. The caller frees it by renkei_webapi_free.
///
/// Rust: `WebApi::new`, `WebApi::with_options`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_webapi_new(
    store: *const renkei_store,
    account: *const c_char,
    account_len: usize,
    options: *const renkei_webapi_options,
    out_webapi: *mut *mut renkei_webapi,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::value(store, (out_webapi, "out_webapi"), out_error, |store| {
            let account = text(account, account_len, "account")?;
            let given = self::options(options)?;
            let mut options = Options::default();
            for (option, given) in [
                (&mut options.json_bytes, given.json_bytes),
                (&mut options.upload_bytes, given.upload_bytes),
                (&mut options.upload_lines, given.upload_lines),
                (&mut options.export_records, given.export_records),
                (&mut options.export_records_most, given.export_records_most),
            ] {
                if given != 0 {
                    *option = given;
                }
            }
            options.export_encoding = match given.export_encoding {
                RENKEI_CSV_UTF8_BOM => OutputEncoding::Utf8Bom,
                RENKEI_CSV_UTF8 => OutputEncoding::Utf8,
                RENKEI_CSV_CP932 => OutputEncoding::Cp932,
                other => return Err(no_such("export_encoding", other)),
            };
            if !given.maintenance_page.is_null() {
                let page = text(given.maintenance_page, given.maintenance_page_len, "maintenance_page")?;
                options.maintenance_page = page.to_owned();
            }
            let api = WebApi::with_options(store, account, options)?;
            api.set_maintenance(given.maintenance != 0);
            Ok(handle::give(api))
        })
    }
}

/// Frees a dispatcher. NULL is allowed. Calls of other threads that are inside go on to their end, and responses stay.
///
/// Rust: dropping a `WebApi`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn renkei_webapi_free(webapi: *mut renkei_webapi) -> renkei_status {
    // SAFETY: no output is given.
    unsafe { call(std::ptr::null_mut(), || handle::close::<WebApi>(webapi)) }
}

/// The account, lent until the dispatcher is freed, with no NUL behind it.
///
/// Rust: `WebApi::account`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_webapi_account(
    webapi: *const renkei_webapi,
    out_account: *mut *const c_char,
    out_account_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = out_str(out_account, out_account_len, "out_account")?;
            out.lend(handle::get::<WebApi>(webapi)?.account());
            Ok(())
        })
    }
}

/// The options as they are, defaults filled in. The page is lent until the dispatcher is freed, with no NUL behind it;
/// maintenance is as it is now.
///
/// Rust: `WebApi::options`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_webapi_get_options(
    webapi: *const renkei_webapi,
    out_options: *mut renkei_webapi_options,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = OutStruct::new(out_options, "out_options")?;
            let api = handle::get::<WebApi>(webapi)?;
            let options = api.options();
            out.set(&renkei_webapi_options {
                size: 0,
                json_bytes: options.json_bytes,
                upload_bytes: options.upload_bytes,
                upload_lines: options.upload_lines,
                export_records: options.export_records,
                export_records_most: options.export_records_most,
                export_encoding: match options.export_encoding {
                    OutputEncoding::Utf8Bom => RENKEI_CSV_UTF8_BOM,
                    OutputEncoding::Utf8 => RENKEI_CSV_UTF8,
                    OutputEncoding::Cp932 => RENKEI_CSV_CP932,
                },
                maintenance: api.is_in_maintenance().into(),
                maintenance_page: options.maintenance_page.as_ptr().cast(),
                maintenance_page_len: options.maintenance_page.len(),
            });
            Ok(())
        })
    }
}

/// Switches maintenance mode on or off, from any thread. While it is on, every request is answered with HTTP 200 and an HTML
/// page whose first line is "Status: 503 Maintenance mode", which clients look for.
///
/// Rust: `WebApi::set_maintenance`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_webapi_set_maintenance(
    webapi: *mut renkei_webapi,
    on: i32,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            handle::get::<WebApi>(webapi)?.set_maintenance(on != 0);
            Ok(())
        })
    }
}

/// Whether there is maintenance.
///
/// Rust: `WebApi::is_in_maintenance`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_webapi_is_in_maintenance(
    webapi: *const renkei_webapi,
    out_is_in_maintenance: *mut i32,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_is_in_maintenance, "out_is_in_maintenance")?;
            out.set(handle::get::<WebApi>(webapi)?.is_in_maintenance().into());
            Ok(())
        })
    }
}

/// Answers a request, on this thread. Whatever goes wrong with what the request asks for is a response, not an error of this
/// call. A body that a function gives is read during the call, only as far as it is needed: see renkei_request_set_body_from.
/// The request stays the caller's. The caller frees the response by renkei_response_free.
///
/// Rust: `WebApi::handle`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_webapi_handle(
    webapi: *const renkei_webapi,
    request: *mut renkei_request,
    out_response: *mut *mut renkei_response,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_response, "out_response")?;
            let api = handle::get::<WebApi>(webapi)?;
            let given = handle::get::<RequestParts>(request)?;
            out.set(response::give(api.handle(given.whole()?)));
            Ok(())
        })
    }
}

/// The description of the nine functions as an OpenAPI 3.1 document, in JSON. The caller frees it by renkei_free.
///
/// Rust: `webapi::openapi`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_webapi_openapi(
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            out_bytes(out_json, out_json_len, "out_json")?.give(webapi::openapi());
            Ok(())
        })
    }
}
