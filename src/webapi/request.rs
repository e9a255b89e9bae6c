//! What a host hands over: one HTTP request as a value.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Cursor, Read};
use std::net::IpAddr;

/// One HTTP request, as a host's server has parsed it.
///
/// The host removes the transfer coding (chunks) of the body; everything else is handed over as it came. The body is
/// given as bytes, or as a reader that the dispatcher reads only as far as it needs: a request without a valid token is
/// refused before its body is touched, and an upload goes into the store piece by piece.
///
/// ```
/// use renkei::webapi::Request;
///
/// let request = Request::new("POST", "/abc1de2/apirecord/view/version/v1")
///     .header("Host", "db.example.test")
///     .header("X-HD-apitoken", "…")
///     .header("Content-Type", "application/json")
///     .remote("203.0.113.7".parse().unwrap())
///     .tls(true)
///     .body(r#"{"dbSchemaId":"100201","keyId":"000000007"}"#.as_bytes());
/// assert_eq!(request.header_value("host"), Some(&b"db.example.test"[..]));
/// ```
pub struct Request<'a> {
    pub(super) method: Cow<'a, str>,
    pub(super) target: Cow<'a, str>,
    pub(super) headers: Vec<(Cow<'a, str>, Cow<'a, [u8]>)>,
    pub(super) body: RequestBody<'a>,
    pub(super) remote: Option<IpAddr>,
    pub(super) tls: bool,
}

impl<'a> Request<'a> {
    /// A request without headers and body yet. `target` is what stands in the request line: a path, perhaps with a
    /// query, or a whole URL.
    pub fn new(method: impl Into<Cow<'a, str>>, target: impl Into<Cow<'a, str>>) -> Request<'a> {
        Request {
            method: method.into(),
            target: target.into(),
            headers: Vec::new(),
            body: RequestBody::bytes(&[][..]),
            remote: None,
            tls: false,
        }
    }

    /// Adds a header. The case of names does not matter; values are bytes, since clients send what they like.
    pub fn header<V: AsRef<[u8]> + ?Sized>(mut self, name: impl Into<Cow<'a, str>>, value: &'a V) -> Request<'a> {
        self.headers.push((name.into(), Cow::Borrowed(value.as_ref())));
        self
    }

    /// Adds a header whose value the request owns.
    pub fn owned_header(mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Vec<u8>>) -> Request<'a> {
        self.headers.push((name.into(), Cow::Owned(value.into())));
        self
    }

    /// The body, if the host has it whole.
    pub fn body(mut self, bytes: impl Into<Cow<'a, [u8]>>) -> Request<'a> {
        self.body = RequestBody::bytes(bytes);
        self
    }

    /// The body, to be read as it arrives. It ends where the reader ends; an error of the reader (a client that went
    /// away, a time that ran out) ends the call.
    pub fn reader(mut self, reader: impl Read + 'a) -> Request<'a> {
        self.body = RequestBody::reader(reader);
        self
    }

    /// The address of whoever opened the connection.
    pub fn remote(mut self, address: IpAddr) -> Request<'a> {
        self.remote = Some(address);
        self
    }

    /// Whether the connection to this host is encrypted. It is noted in the audit log only: `url` in answers says
    /// `http` in any case, as clients are used to.
    pub fn tls(mut self, tls: bool) -> Request<'a> {
        self.tls = tls;
        self
    }

    /// The first header of this name.
    pub fn header_value(&self, name: &str) -> Option<&[u8]> {
        let found = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_ref())
    }

    /// Every header of this name, in their order.
    pub fn header_values<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s [u8]> {
        self.headers.iter().filter(move |(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_ref())
    }
}

impl fmt::Debug for Request<'_> {
    /// Without header values, among which is the token, and without the body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("target", &self.target)
            .field("headers", &self.headers.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("remote", &self.remote)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

/// The body of a request, which knows whether it was read to its end.
pub(super) struct RequestBody<'a> {
    source: Source<'a>,
    ended: bool,
    failed: bool,
}

enum Source<'a> {
    Bytes(Cursor<Cow<'a, [u8]>>),
    Reader(Box<dyn Read + 'a>),
}

impl<'a> RequestBody<'a> {
    pub(super) fn bytes(bytes: impl Into<Cow<'a, [u8]>>) -> RequestBody<'a> {
        // What the host has whole needs no reading for the sake of the connection.
        RequestBody { source: Source::Bytes(Cursor::new(bytes.into())), ended: true, failed: false }
    }

    fn reader(reader: impl Read + 'a) -> RequestBody<'a> {
        RequestBody { source: Source::Reader(Box::new(reader)), ended: false, failed: false }
    }

    /// Whether nothing of the body waits on the connection.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether the reader of the host has failed.
    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    /// Reads what is left, up to `most` bytes: a client that is still sending might not see an answer otherwise.
    pub(super) fn drain(&mut self, most: u64) {
        let mut left = most;
        let mut buffer = [0; 8192];
        while !self.ended && !self.failed && left > 0 {
            let want = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            match self.read(&mut buffer[..want]) {
                Ok(count) => left -= count as u64,
                Err(_) => break,
            }
        }
    }
}

impl Read for RequestBody<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let reader = match &mut self.source {
            Source::Bytes(bytes) => return bytes.read(out),
            Source::Reader(reader) => reader,
        };
        if self.ended {
            return Ok(0);
        }
        loop {
            match reader.read(out) {
                Ok(0) if !out.is_empty() => {
                    self.ended = true;
                    return Ok(0);
                }
                // A reader that claims more than there was room for is broken; it must not make us panic.
                Ok(count) => return Ok(count.min(out.len())),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failed = true;
                    return Err(error);
                }
            }
        }
    }
}
