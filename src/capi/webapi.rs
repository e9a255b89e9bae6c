//! The Web API

use std::ffi::{c_char, c_void};
use std::io::{Read, Write};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use super::access::address_of;
use super::argument::{
    Grows, Out, OutStr, OutStruct, buffer, bytes, call, options, out_bytes, out_str, raw_text, text,
};
use super::callback::{Sink, Source, UserData, renkei_read_fn, renkei_write_fn};
use super::error::renkei_error;
use super::handle::{self, ExclusiveNoun, Handle, Noun};
use super::status::renkei_status;
use super::store::{no_such, renkei_store};
use crate::csv::OutputEncoding;
use crate::error::{Code, Error, Result};
use crate::store::Store;
use crate::webapi::{self, Options, Request, Response, WebApi};

/// The dispatcher of the Web API of a store: one request in, one response out. It opens no socket; a program puts its own HTTP
/// server around it (examples/c/host.c is one). For any number of threads at once.
pub struct renkei_webapi(());

/// An HTTP request as a server has parsed it. For one thread at a time.
pub struct renkei_request(());

/// An HTTP response for a server to send. For one thread at a time.
pub struct renkei_response(());

impl Noun for WebApi {
    type Opaque = renkei_webapi;
    const KIND: u8 = 20;
    const NAME: &'static str = "Web API";
    const EXCLUSIVE: bool = false;
}

/// What stands in a request, until it is handled.
pub(super) struct RequestParts {
    method: String,
    target: String,
    headers: Vec<(String, Vec<u8>)>,
    body: RequestBody,
    remote: Option<IpAddr>,
    tls: bool,
}

enum RequestBody {
    Bytes(Vec<u8>),
    Function(renkei_read_fn, UserData),
}

impl Noun for RequestParts {
    type Opaque = renkei_request;
    const KIND: u8 = 21;
    const NAME: &'static str = "request";
    const EXCLUSIVE: bool = true;
}

impl ExclusiveNoun for RequestParts {}

/// A response. Its stream is for one thread at a time, and so is the handle: the lock is never waited for, nor even taken.
pub(super) struct Answer(Mutex<Response>);

impl Noun for Answer {
    type Opaque = renkei_response;
    const KIND: u8 = 22;
    const NAME: &'static str = "response";
    const EXCLUSIVE: bool = true;
}

impl ExclusiveNoun for Answer {}

/// Looks at a response.
fn with<T>(response: *const renkei_response, look: impl FnOnce(&mut Response) -> T) -> Result<T> {
    let mut answer: Handle<Answer> = handle::get::<Answer>(response)?;
    Ok(look(answer.0.get_mut().unwrap_or_else(PoisonError::into_inner)))
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
        call(out_error, || {
            let out = Out::new(out_webapi, "out_webapi")?;
            let store = handle::get::<Store>(store)?;
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
            let api = WebApi::with_options(&store, account, options)?;
            api.set_maintenance(given.maintenance != 0);
            out.set(handle::give(api));
            Ok(())
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
            let mut request = Request::new(given.method.as_str(), given.target.as_str()).tls(given.tls);
            for (name, value) in &given.headers {
                request = request.header(name.as_str(), value);
            }
            if let Some(address) = given.remote {
                request = request.remote(address);
            }
            request = match &given.body {
                RequestBody::Bytes(bytes) => request.body(bytes.as_slice()),
                RequestBody::Function(read, user_data) => request.reader(Source::new(*read, user_data.0)?),
            };
            out.set(handle::give(Answer(Mutex::new(api.handle(request)))));
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

/// Makes a request without headers and body yet. method is a word such as "POST"; target is what stands in the request line: a
/// path, perhaps with a query, or a whole URL. The caller frees it by renkei_request_free.
///
/// Rust: `Request::new`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_request_new(
    method: *const c_char,
    method_len: usize,
    target: *const c_char,
    target_len: usize,
    out_request: *mut *mut renkei_request,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_request, "out_request")?;
            out.set(handle::give(RequestParts {
                method: text(method, method_len, "method")?.to_owned(),
                target: text(target, target_len, "target")?.to_owned(),
                headers: Vec::new(),
                body: RequestBody::Bytes(Vec::new()),
                remote: None,
                tls: false,
            }));
            Ok(())
        })
    }
}

/// Adds a header, behind those added before. The case of names does not matter. The value is bytes, since clients send what
/// they like: it need not be UTF-8.
///
/// Rust: `Request::header`, `Request::owned_header`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_request_add_header(
    request: *mut renkei_request,
    name: *const c_char,
    name_len: usize,
    value: *const c_char,
    value_len: usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let mut request = handle::get::<RequestParts>(request)?;
            let name = text(name, name_len, "name")?.to_owned();
            request.headers.push((name, raw_text(value, value_len, "value")?.to_vec()));
            Ok(())
        })
    }
}

/// Sets the body, whole. The transfer coding (chunks) is taken off by the server. The bytes are copied.
///
/// Rust: `Request::body`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_request_set_body(
    request: *mut renkei_request,
    bytes: *const c_void,
    bytes_len: usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let mut request = handle::get::<RequestParts>(request)?;
            request.body = RequestBody::Bytes(self::bytes(bytes.cast(), bytes_len, "bytes")?.to_vec());
            Ok(())
        })
    }
}

/// Sets the body to what a function gives piece by piece, during renkei_webapi_handle and on its thread. It is asked only when
/// the body is needed (a call without a good token is refused without it), which is the moment to send "100 Continue" to a
/// client that expects it. When the function asks to stop (a client that went away, a time that ran out), the response says
/// that the body was broken off.
///
/// Rust: `Request::reader`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_request_set_body_from(
    request: *mut renkei_request,
    read: renkei_read_fn,
    user_data: *mut c_void,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let mut request = handle::get::<RequestParts>(request)?;
            Source::new(read, user_data)?;
            request.body = RequestBody::Function(read, UserData(user_data));
            Ok(())
        })
    }
}

/// Sets the address of whoever opened the connection, such as "192.0.2.7" or "2001:db8::7". Behind proxies that the settings of
/// access trust, the address of the caller is found in X-Forwarded-For.
///
/// Rust: `Request::remote`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_request_set_remote(
    request: *mut renkei_request,
    remote: *const c_char,
    remote_len: usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let mut request = handle::get::<RequestParts>(request)?;
            request.remote = Some(address_of(text(remote, remote_len, "remote")?, "remote")?);
            Ok(())
        })
    }
}

/// Says whether the connection is encrypted.
///
/// Rust: `Request::tls`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_request_set_tls(
    request: *mut renkei_request,
    tls: i32,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            handle::get::<RequestParts>(request)?.tls = tls != 0;
            Ok(())
        })
    }
}

/// Frees a request. NULL is allowed.
///
/// Rust: dropping a `Request`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn renkei_request_free(request: *mut renkei_request) -> renkei_status {
    // SAFETY: no output is given.
    unsafe { call(std::ptr::null_mut(), || handle::close::<RequestParts>(request)) }
}

/// Frees a response; a stream that was not read to its end is ended. NULL is allowed.
///
/// Rust: dropping a `Response`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn renkei_response_free(response: *mut renkei_response) -> renkei_status {
    // SAFETY: no output is given.
    unsafe { call(std::ptr::null_mut(), || handle::close::<Answer>(response)) }
}

/// The HTTP status, such as 200.
///
/// Rust: `Response::status`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_response_status(
    response: *const renkei_response,
    out_status: *mut i32,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_status, "out_status")?;
            out.set(with(response, |response| response.status().into())?);
            Ok(())
        })
    }
}

/// Lends a text of a response.
fn lend(
    response: *const renkei_response,
    out: OutStr<'_>,
    text: impl for<'a> FnOnce(&'a mut Response) -> &'a str,
) -> Result<()> {
    with(response, |response| out.lend(text(response)))
}

/// The words for the status, such as "OK", lent until the response is freed, with no NUL behind them.
///
/// Rust: `Response::reason`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_response_reason(
    response: *const renkei_response,
    out_reason: *mut *const c_char,
    out_reason_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = out_str(out_reason, out_reason_len, "out_reason")?;
            lend(response, out, |response| response.reason())
        })
    }
}

/// How many headers the response has.
///
/// Rust: `Response::headers`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_response_header_count(
    response: *const renkei_response,
    out_count: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_count, "out_count")?;
            out.set(with(response, |response| response.headers().len())?);
            Ok(())
        })
    }
}

/// A header, by its place from 0, in the order to be sent. Those that frame the body (Content-Length, Transfer-Encoding) or
/// concern the connection (Connection) are not among them: see renkei_response_content_length and renkei_response_closes. Both
/// texts are lent until the response is freed, with no NUL behind them.
///
/// Rust: `Response::headers`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_response_header(
    response: *const renkei_response,
    place: usize,
    out_name: *mut *const c_char,
    out_name_len: *mut usize,
    out_value: *mut *const c_char,
    out_value_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let (name, value) =
                (out_str(out_name, out_name_len, "out_name"), out_str(out_value, out_value_len, "out_value"));
            let (name, value) = (name?, value?);
            with(response, |response| {
                let headers = response.headers();
                let (its_name, its_value) = headers.get(place).ok_or_else(|| {
                    let fault = format!("header {place} of a response that has {}", headers.len());
                    Error::new(Code::Argument).with_rule(fault)
                })?;
                name.lend(its_name);
                value.lend(its_value);
                Ok(())
            })?
        })
    }
}

/// The value of a header by its name, whose case does not matter; NULL when there is none. Lent until the response is freed,
/// with no NUL behind it.
///
/// Rust: `Response::header`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_response_find_header(
    response: *const renkei_response,
    name: *const c_char,
    name_len: usize,
    out_value: *mut *const c_char,
    out_value_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = out_str(out_value, out_value_len, "out_value")?;
            let name = text(name, name_len, "name")?;
            with(response, |response| {
                if let Some(value) = response.header(name) {
                    out.lend(value);
                }
            })
        })
    }
}

/// Whether the body is a stream of unknown length, to be sent in chunks (to an HTTP/1.0 client: until the connection is
/// closed). Clients depend on it that JSON comes with a length and CSV in chunks.
///
/// Rust: `Response::is_chunked`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_response_is_chunked(
    response: *const renkei_response,
    out_is_chunked: *mut i32,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_is_chunked, "out_is_chunked")?;
            out.set(with(response, |response| response.is_chunked().into())?);
            Ok(())
        })
    }
}

/// The length of the body in bytes, for Content-Length; -1 for a stream.
///
/// Rust: `Response::content_length`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_response_content_length(
    response: *const renkei_response,
    out_length: *mut i64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_length, "out_length")?;
            let length = with(response, |response| response.content_length())?;
            out.set(length.and_then(|length| i64::try_from(length).ok()).unwrap_or(-1));
            Ok(())
        })
    }
}

/// Whether the connection must be closed after this response, because a part of the request's body was left unread.
///
/// Rust: `Response::closes`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_response_closes(
    response: *const renkei_response,
    out_closes: *mut i32,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_closes, "out_closes")?;
            out.set(with(response, |response| response.closes().into())?);
            Ok(())
        })
    }
}

/// The whole body, lent until the response is freed; NULL for a stream, which is read or written.
///
/// Rust: `Response::body_bytes`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_response_body(
    response: *const renkei_response,
    out_bytes: *mut *const c_char,
    out_bytes_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = out_str(out_bytes, out_bytes_len, "out_bytes")?;
            with(response, |response| {
                if let Some(bytes) = response.body_bytes() {
                    out.lend_bytes(bytes);
                }
            })
        })
    }
}

/// Reads the next bytes of the body into a buffer, as many as there are and fit; out_len receives how many, 0 at the end. A
/// stream is made while it is read, in constant memory and from one moment of the store. When it fails, the response must be
/// broken off: close the connection without the last chunk, so that the client sees that something is missing.
///
/// Rust: `Response::body_mut`, `Response::into_body`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_response_read(
    response: *mut renkei_response,
    buffer: *mut c_void,
    capacity: usize,
    out_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_len, "out_len")?;
            let buffer = self::buffer(buffer, capacity, "buffer")?;
            out.set(with(response, |response| response.body_mut().read(buffer))??);
            Ok(())
        })
    }
}

/// Gives what is left of the body to a function, piece by piece; out_written receives how many bytes. As
/// renkei_response_read; and RENKEI_CANCELLED when the function asks to stop.
///
/// Rust: `Response::into_body`, `Body::write_to`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_response_write_to(
    response: *mut renkei_response,
    write: renkei_write_fn,
    user_data: *mut c_void,
    out_written: *mut u64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_written, "out_written")?;
            let mut sink = Sink::new(write, user_data)?;
            let written = with(response, |response| -> Result<u64> {
                let mut piece = vec![0; 64 << 10];
                let mut written = 0;
                loop {
                    let count = response.body_mut().read(&mut piece)?;
                    if count == 0 {
                        return Ok(written);
                    }
                    sink.write_all(&piece[..count])?;
                    written += count as u64;
                }
            })??;
            out.set(written);
            Ok(())
        })
    }
}
