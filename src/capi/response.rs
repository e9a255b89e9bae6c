//! Responses of the Web API

use std::ffi::{c_char, c_void};
use std::io::{Read, Write};
use std::sync::{Mutex, PoisonError};

use super::argument::{Out, OutStr, buffer, call, out_str, text};
use super::callback::{Sink, renkei_write_fn};
use super::error::renkei_error;
use super::handle::{self, ExclusiveNoun, Handle, Noun};
use super::status::renkei_status;
use crate::error::{Code, Error, Result};
use crate::webapi::Response;

/// An HTTP response for a server to send. For one thread at a time.
pub struct renkei_response(());

/// A response. Its stream is for one thread at a time, and so is the handle: the lock is never waited for, nor even taken.
pub(super) struct Answer(Mutex<Response>);

impl Noun for Answer {
    type Opaque = renkei_response;
    const KIND: u8 = 22;
    const NAME: &'static str = "response";
    const EXCLUSIVE: bool = true;
}

impl ExclusiveNoun for Answer {}

/// Gives a response to C.
pub(super) fn give(response: Response) -> *mut renkei_response {
    handle::give(Answer(Mutex::new(response)))
}

/// Looks at a response.
fn with<T>(response: *const renkei_response, look: impl FnOnce(&mut Response) -> T) -> Result<T> {
    let mut answer: Handle<Answer> = handle::get::<Answer>(response)?;
    Ok(look(answer.0.get_mut().unwrap_or_else(PoisonError::into_inner)))
}

/// A call that gives a number that a response has.
///
/// # Safety
///
/// As the contract of `capi`.
unsafe fn number<T>(
    response: *const renkei_response,
    (out, name): (*mut T, &str),
    out_error: *mut *mut renkei_error,
    look: impl FnOnce(&mut Response) -> T,
) -> renkei_status {
    // SAFETY: as promised by the caller.
    unsafe {
        call(out_error, || {
            let out = Out::new(out, name)?;
            out.set(with(response, look)?);
            Ok(())
        })
    }
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
    unsafe { number(response, (out_status, "out_status"), out_error, |response| response.status().into()) }
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
    unsafe { number(response, (out_count, "out_count"), out_error, |response| response.headers().len()) }
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
    unsafe { number(response, (out_is_chunked, "out_is_chunked"), out_error, |response| response.is_chunked().into()) }
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
        number(response, (out_length, "out_length"), out_error, |response| {
            response.content_length().and_then(|length| i64::try_from(length).ok()).unwrap_or(-1)
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
    unsafe { number(response, (out_closes, "out_closes"), out_error, |response| response.closes().into()) }
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
