//! The bodies of requests: JSON read within its bound, and files that go through to the store.

use std::io::{self, Read};

use super::codes::{InnerCode, OuterCode};
use super::envelope::{Entry, Refusal};
use super::json::Json;
use super::multipart::Fault;
use super::request::Request;

/// What a refused body is called where parameters have names.
const BODY: &str = "body";

/// What a request says of the length of its body.
pub(super) fn declared(request: &Request<'_>) -> Option<u64> {
    let text = std::str::from_utf8(request.header_value("content-length")?).ok()?.trim();
    text.parse().ok()
}

/// Reads a whole body of at most `most` bytes. One that is said to be larger is not begun.
pub(super) fn read_whole(request: &mut Request<'_>, most: u64) -> Result<Vec<u8>, Refusal> {
    let declared = declared(request);
    if declared.is_some_and(|length| length > most) {
        return Err(OuterCode::BodyLarge.into());
    }
    let mut bytes = Vec::with_capacity(declared.unwrap_or(0).min(64 << 10) as usize);
    match request.body.by_ref().take(most.saturating_add(1)).read_to_end(&mut bytes) {
        Ok(_) if bytes.len() as u64 > most => Err(OuterCode::BodyLarge.into()),
        Ok(_) => Ok(bytes),
        Err(_) => Err(OuterCode::BodyBroken.into()),
    }
}

/// Reads the JSON of a request: an object. Nothing at all, and the empty list of PHP, are objects without members; what is
/// missing is told by name then.
pub(super) fn parse<'a>(bytes: &'a [u8], name: &str) -> Result<Json<'a>, Refusal> {
    if bytes.trim_ascii().is_empty() {
        return Ok(Json::Object(Vec::new()));
    }
    match Json::parse(bytes) {
        Ok(Json::Array(items)) if items.is_empty() => Ok(Json::Object(Vec::new())),
        Ok(json @ Json::Object(_)) => Ok(json),
        Ok(_) => Err(Entry::new(name, "", InnerCode::BodyJson).into()),
        Err(fault) => {
            log::debug!("JSON with {} at byte {}", fault.what, fault.at);
            Err(Entry::new(name, "", InnerCode::BodyJson).into())
        }
    }
}

/// As [`parse`], of a whole body.
pub(super) fn parse_body(bytes: &[u8]) -> Result<Json<'_>, Refusal> {
    parse(bytes, BODY)
}

/// What a multipart body is refused for.
pub(super) fn broken(fault: Fault, body_failed: bool) -> Refusal {
    match fault {
        Fault::Broken(what) => {
            log::debug!("multipart: {what}");
            Entry::new(BODY, "", InnerCode::BodyMultipart).into()
        }
        Fault::Reader(_) if body_failed => OuterCode::BodyBroken.into(),
        Fault::Reader(_) => OuterCode::BodyLarge.into(),
    }
}

/// Lets so many bytes through, and fails behind them.
pub(super) struct Bounded<R> {
    source: R,
    left: u64,
}

impl<R> Bounded<R> {
    pub(super) fn new(source: R, most: u64) -> Bounded<R> {
        Bounded { source, left: most }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            let mut probe = [0];
            return match self.source.read(&mut probe)? {
                0 => Ok(0),
                _ => Err(io::ErrorKind::FileTooLarge.into()),
            };
        }
        let want = usize::try_from(self.left).unwrap_or(usize::MAX).min(out.len());
        let count = self.source.read(&mut out[..want])?;
        self.left -= count as u64;
        Ok(count)
    }
}

/// A CSV file on its way into the store, counted.
pub(super) struct Counted<R> {
    source: R,
    bytes: u64,
    lines: u64,
    most_bytes: u64,
    most_lines: u64,
    /// Whether the last byte was inside quotes. In neither encoding is a quote a part of another character.
    quoted: bool,
    /// Whether a line has begun.
    open: bool,
    after_cr: bool,
    pub(super) refused: Option<Entry>,
}

impl<R: Read> Counted<R> {
    pub(super) fn new(source: R, most_bytes: u64, most_lines: u64) -> Counted<R> {
        Counted {
            source,
            bytes: 0,
            lines: 0,
            most_bytes,
            most_lines,
            quoted: false,
            open: false,
            after_cr: false,
            refused: None,
        }
    }

    fn count(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        for byte in bytes {
            let after_cr = std::mem::replace(&mut self.after_cr, *byte == b'\r');
            match byte {
                b'"' => {
                    self.quoted = !self.quoted;
                    self.open = true;
                }
                // The second half of a line end.
                b'\n' if after_cr && !self.open => {}
                b'\r' | b'\n' if !self.quoted => {
                    self.lines += 1;
                    self.open = false;
                }
                _ => self.open = true,
            }
        }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(out)?;
        self.count(&out[..count]);
        let refused = if self.bytes > self.most_bytes {
            too_large(self.most_bytes)
        } else if self.lines + u64::from(self.open) > self.most_lines {
            Entry::with_rule(super::functions::FILE_PART, "", InnerCode::UploadLong, self.most_lines)
        } else {
            return Ok(count);
        };
        self.refused = Some(refused);
        Err(io::ErrorKind::FileTooLarge.into())
    }
}

/// The refusal of a file with too many bytes.
pub(super) fn too_large(most: u64) -> Entry {
    Entry::with_rule(super::functions::FILE_PART, "", InnerCode::UploadLarge, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> u64 {
        let mut counted = Counted::new(text.as_bytes(), 1_000, 1_000);
        io::copy(&mut counted, &mut io::sink()).unwrap();
        counted.lines + u64::from(counted.open)
    }

    #[test]
    fn lines_are_counted_as_people_count_them() {
        for (text, expected) in [
            ("", 0),
            ("a", 1),
            ("a\n", 1),
            ("a\r\nb", 2),
            ("a\r\nb\r\n", 2),
            ("a\rb\r", 2),
            ("\n\n", 2),
            ("\r\n\r\n", 2),
            ("\"a\r\nb\",c\r\nd", 2),
            ("\"a\"\"\n\"\nb\n", 2),
        ] {
            assert_eq!(lines(text), expected, "{text:?}");
        }
    }

    #[test]
    fn counted_and_bounded_let_through_what_fits() {
        let read = |most_bytes, most_lines| {
            let mut counted = Counted::new(&b"a\nb\nc"[..], most_bytes, most_lines);
            io::copy(&mut counted, &mut io::sink()).is_ok()
        };
        assert!(read(5, 3));
        assert!(!read(4, 3));
        assert!(!read(5, 2));
        let bounded = |most| io::copy(&mut Bounded::new(&b"abc"[..], most), &mut io::sink()).is_ok();
        assert!(bounded(3) && bounded(4) && !bounded(2) && !bounded(0));
    }
}
