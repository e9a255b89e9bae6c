//! Requests of the Web API

use std::ffi::{c_char, c_void};
use std::net::IpAddr;

use super::access::address_of;
use super::argument::{Out, bytes, call, raw_text, text};
use super::callback::{Source, UserData, renkei_read_fn};
use super::error::renkei_error;
use super::handle::{self, ExclusiveNoun, Noun};
use super::status::renkei_status;
use crate::error::Result;
use crate::webapi::Request;

/// An HTTP request as a server has parsed it. For one thread at a time.
pub struct renkei_request(());

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

impl RequestParts {
    /// The request as the dispatcher takes it.
    pub(super) fn whole(&self) -> Result<Request<'_>> {
        let mut request = Request::new(self.method.as_str(), self.target.as_str()).tls(self.tls);
        for (name, value) in &self.headers {
            request = request.header(name.as_str(), value);
        }
        if let Some(address) = self.remote {
            request = request.remote(address);
        }
        Ok(match &self.body {
            RequestBody::Bytes(bytes) => request.body(bytes.as_slice()),
            RequestBody::Function(read, user_data) => request.reader(Source::new(*read, user_data.0)?),
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
