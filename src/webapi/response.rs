//! What a host sends: one HTTP response as a value, whose body may be a stream.

use std::fmt;
use std::io::{self, Cursor, Read, Write};

use super::codes::OuterCode;
use crate::export::ExportStream;

/// One HTTP response, for a host's server to send.
///
/// The host sends the status, [`Response::headers`], and the body: with `Content-Length` where
/// [`Response::content_length`] tells one, else with `Transfer-Encoding: chunked` (to an HTTP/1.0 client: until the
/// connection is closed). Clients depend on it: one that reads from a raw socket expects JSON in one piece and CSV in
/// chunks. `Connection: close` of a client is the host's to obey; see also [`Response::closes`].
///
/// ```
/// # fn send(_: &[u8]) -> std::io::Result<()> { Ok(()) }
/// # fn answer(response: renkei::webapi::Response) -> std::io::Result<()> {
/// use std::io::Read;
///
/// let mut head = format!("HTTP/1.1 {} {}\r\n", response.status(), response.reason());
/// for (name, value) in response.headers() {
///     head += &format!("{name}: {value}\r\n");
/// }
/// match response.content_length() {
///     Some(length) => head += &format!("Content-Length: {length}\r\n\r\n"),
///     None => head += "Transfer-Encoding: chunked\r\n\r\n",
/// }
/// let chunked = response.is_chunked();
/// let mut body = response.into_body();
/// # let mut buffer = [0; 4096];
/// while let count @ 1.. = body.read(&mut buffer)? {
///     // … as a chunk, if `chunked` …
///     send(&buffer[..count])?;
/// }
/// # let _ = chunked;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Response {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Body,
    pub(super) closes: bool,
    /// What the call was refused for, for the audit log.
    pub(super) refused: Option<OuterCode>,
}

impl Response {
    pub(super) fn bytes(status: u16, content_type: &str, bytes: Vec<u8>) -> Response {
        Response::of(status, content_type, Body(Content::Bytes(Cursor::new(bytes))))
    }

    pub(super) fn stream(content_type: &str, stream: ExportStream) -> Response {
        Response::of(200, content_type, Body(Content::Stream(Box::new(stream))))
    }

    fn of(status: u16, content_type: &str, body: Body) -> Response {
        let headers = vec![("Content-Type", content_type.to_owned()), ("Cache-Control", "no-store".to_owned())];
        Response { status, headers, body, closes: false, refused: None }
    }

    pub(super) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Response {
        self.headers.push((name, value.into()));
        self
    }

    /// The HTTP status, such as 200.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The words for the status, such as `OK`.
    pub fn reason(&self) -> &'static str {
        match self.status {
            200 => "OK",
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            408 => "Request Timeout",
            413 => "Content Too Large",
            429 => "Too Many Requests",
            503 => "Service Unavailable",
            _ => "Internal Server Error",
        }
    }

    /// The headers, without those that frame the body (`Content-Length`, `Transfer-Encoding`) or concern the connection.
    pub fn headers(&self) -> &[(&'static str, String)] {
        &self.headers
    }

    /// The value of a header; the case of the name does not matter.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Whether the body is a stream of unknown length, to be sent in chunks.
    pub fn is_chunked(&self) -> bool {
        self.content_length().is_none()
    }

    /// The length of the body in bytes; `None` for a stream.
    pub fn content_length(&self) -> Option<u64> {
        match &self.body.0 {
            Content::Bytes(bytes) => Some(bytes.get_ref().len() as u64),
            Content::Stream(_) => None,
        }
    }

    /// Whether the connection must be closed after this response, because a part of the request's body was left unread.
    pub fn closes(&self) -> bool {
        self.closes
    }

    /// The body, if it is not a stream.
    pub fn body_bytes(&self) -> Option<&[u8]> {
        match &self.body.0 {
            Content::Bytes(bytes) => Some(bytes.get_ref()),
            Content::Stream(_) => None,
        }
    }

    /// The body, to be read while the head is still needed.
    pub fn body_mut(&mut self) -> &mut Body {
        &mut self.body
    }

    /// The body, to be read or written out.
    pub fn into_body(self) -> Body {
        self.body
    }
}

/// The body of a response: a reader that gives its bytes.
///
/// A stream is made while it is read, from one moment of the store, in constant memory; it may be dropped at any time.
/// When reading fails, the response must be broken off: the connection is closed without the last chunk, so that the
/// client sees that something is missing.
pub struct Body(Content);

enum Content {
    Bytes(Cursor<Vec<u8>>),
    Stream(Box<ExportStream>),
}

impl Body {
    /// Writes what is left of the body to `out`; how many bytes.
    ///
    /// # Errors
    ///
    /// What `out` or the making of the body reports.
    pub fn write_to(mut self, mut out: impl Write) -> io::Result<u64> {
        io::copy(&mut self, &mut out)
    }
}

impl Read for Body {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Content::Bytes(bytes) => bytes.read(out),
            Content::Stream(stream) => stream.read(out),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Content::Bytes(bytes) => write!(f, "Body({} bytes)", bytes.get_ref().len()),
            Content::Stream(_) => f.write_str("Body(stream)"),
        }
    }
}
