//! Multipart bodies as clients really send them, read part by part in constant memory.
//!
//! Lines may end with CRLF or LF, headers may go on in further lines, parameters may stand in double quotes, in single
//! quotes or in none, the boundary may be followed by a stray `;`, the last line may have no end. Bounded are the number of
//! parts, the headers of a part, and nothing else here: how long a part may be is for its reader to say.

use std::io::{self, Read};

use memchr::memmem::Finder;

/// The most parts of one body.
const PARTS: usize = 100;

/// The most bytes of the headers of one part, and of what may follow a boundary in its line.
const HEADERS: usize = 16 << 10;
const PADDING: usize = 256;

/// The longest boundary. The standard says 70.
const BOUNDARY: usize = 200;

/// What is read at once.
const CHUNK: usize = 64 << 10;

/// Why a body cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is not multipart, or not whole.
    Broken(&'static str),
    /// Reading it failed.
    Reader(io::ErrorKind),
}

/// The boundary that a `Content-Type` of multipart names; `None` where it is of another type, or names none.
pub(super) fn boundary(content_type: &[u8]) -> Option<Vec<u8>> {
    if !is_multipart(content_type) {
        return None;
    }
    let boundary = parameter(content_type, "boundary")?;
    (!boundary.is_empty() && boundary.len() <= BOUNDARY && !boundary.contains(&b'\n')).then_some(boundary)
}

/// Whether a `Content-Type` is that of forms with files.
pub(super) fn is_multipart(content_type: &[u8]) -> bool {
    let kind = content_type.trim_ascii_start();
    kind.len() >= 10 && kind[..10].eq_ignore_ascii_case(b"multipart/")
}

/// A multipart body on its way in.
pub(super) struct Multipart<R> {
    source: R,
    /// What was read and not yet used, from `from` on.
    buffer: Vec<u8>,
    from: usize,
    ended: bool,
    /// A line break, two hyphens and the boundary.
    delimiter: Finder<'static>,
    parts: usize,
    state: State,
    fault: Option<Fault>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first boundary.
    Preamble,
    /// In the content of a part; `safe` bytes of the buffer are known to belong to it.
    Content { safe: usize },
    /// Behind the boundary that ended a part.
    Headers,
    /// Behind the last boundary.
    End,
}

/// What the headers of a part say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Part {
    pub(super) name: String,
    /// A part with a file name is a file, whatever else it is.
    pub(super) file_name: Option<String>,
}

impl Part {
    /// Takes what a header says, if it says anything of interest.
    fn take(&mut self, header: &[u8]) -> Result<(), &'static str> {
        let Some(colon) = memchr::memchr(b':', header) else { return Ok(()) };
        let (name, value) = (header[..colon].trim_ascii(), &header[colon + 1..]);
        if name.eq_ignore_ascii_case(b"content-disposition") {
            let text = |value: Vec<u8>| String::from_utf8_lossy(&value).into_owned();
            self.name = parameter(value, "name").map(text).unwrap_or_default();
            let encoded = || parameter(value, "filename*").map(|value| decoded(&value));
            self.file_name = parameter(value, "filename").or_else(encoded).map(text);
        } else if name.eq_ignore_ascii_case(b"content-transfer-encoding") {
            let value = value.trim_ascii();
            if value.eq_ignore_ascii_case(b"base64") || value.eq_ignore_ascii_case(b"quoted-printable") {
                return Err("a part in a transfer encoding");
            }
        }
        Ok(())
    }
}

impl<R: Read> Multipart<R> {
    /// Reads `source`. Without a boundary, that of its first line is taken.
    pub(super) fn new(source: R, boundary: Option<Vec<u8>>) -> Result<Multipart<R>, Fault> {
        let mut multipart = Multipart {
            source,
            // The first boundary may stand at the very beginning, where no line break is before it.
            buffer: vec![b'\n'],
            from: 0,
            ended: false,
            delimiter: Finder::new(b"").into_owned(),
            parts: 0,
            state: State::Preamble,
            fault: None,
        };
        let boundary = match boundary {
            Some(boundary) => boundary,
            None => multipart.sniff()?,
        };
        let delimiter = [&b"\n--"[..], &boundary].concat();
        multipart.delimiter = Finder::new(&delimiter).into_owned();
        Ok(multipart)
    }

    /// Takes the boundary from the first line.
    fn sniff(&mut self) -> Result<Vec<u8>, Fault> {
        const NONE: Fault = Fault::Broken("no boundary");
        loop {
            let line = &self.buffer[1..];
            let end = memchr::memchr(b'\n', line);
            if let Some(end) = end.or(self.ended.then_some(line.len())) {
                let boundary = line[..end].strip_prefix(b"--").ok_or(NONE)?.trim_ascii_end();
                return match boundary.len() {
                    1..=BOUNDARY => Ok(boundary.to_vec()),
                    _ => Err(NONE),
                };
            }
            if line.len() > BOUNDARY + PADDING {
                return Err(NONE);
            }
            self.fill()?;
        }
    }

    /// Reads more; after it either the buffer is longer or the source has ended.
    fn fill(&mut self) -> Result<(), Fault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        if self.from > 0 {
            self.buffer.drain(..self.from);
            self.from = 0;
        }
        let start = self.buffer.len();
        self.buffer.resize(start + CHUNK, 0);
        let result = self.source.read(&mut self.buffer[start..]);
        let count = *result.as_ref().unwrap_or(&0);
        self.buffer.truncate(start + count);
        match result {
            Ok(0) => self.ended = true,
            Ok(_) => {}
            Err(error) => return Err(self.fail(Fault::Reader(error.kind()))),
        }
        Ok(())
    }

    /// What is wrong is wrong for good.
    fn fail(&mut self, fault: Fault) -> Fault {
        *self.fault.get_or_insert(fault)
    }

    /// Goes to the next part, past what is left of the present one; `None` behind the last.
    pub(super) fn next_part(&mut self) -> Result<Option<Part>, Fault> {
        loop {
            match self.state {
                State::End => return Ok(None),
                State::Headers => return self.headers().map(Some),
                State::Preamble | State::Content { .. } => {
                    let available = self.advance()?;
                    self.from += available;
                    if let State::Content { safe } = &mut self.state {
                        *safe -= available;
                    }
                }
            }
        }
    }

    /// Reads the headers of a part.
    fn headers(&mut self) -> Result<Part, Fault> {
        self.parts += 1;
        if self.parts > PARTS {
            return Err(self.fail(Fault::Broken("too many parts")));
        }
        let mut part = Part::default();
        // A header, with the lines that continue it.
        let mut header = Vec::new();
        let mut used = 0;
        // Clients that write only `\n` end headers with `\n\n`.
        loop {
            let rest = &self.buffer[self.from + used..];
            let Some(end) = memchr::memchr(b'\n', rest) else {
                if self.ended {
                    return Err(self.fail(Fault::Broken("the end inside headers")));
                }
                if used + rest.len() > HEADERS {
                    return Err(self.fail(Fault::Broken("headers too long")));
                }
                self.fill()?;
                continue;
            };
            used += end + 1;
            let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
            if used > HEADERS {
                return Err(self.fail(Fault::Broken("headers too long")));
            }
            if !matches!(line.first(), Some(b' ' | b'\t')) {
                if let Err(what) = part.take(&header) {
                    return Err(self.fail(Fault::Broken(what)));
                }
                header.clear();
            }
            header.extend_from_slice(line);
            if header.is_empty() {
                break;
            }
        }
        self.from += used;
        self.state = State::Content { safe: 0 };
        // A part without any content may have its boundary right behind the headers, whose last line break then counts
        // for both.
        self.from -= 1;
        if !self.is_at_boundary()? {
            self.from += 1;
        }
        Ok(part)
    }

    /// Whether a boundary stands at the beginning of the buffer.
    fn is_at_boundary(&mut self) -> Result<bool, Fault> {
        let needle = self.delimiter.needle().len();
        loop {
            let rest = &self.buffer[self.from..];
            if rest.len() >= needle {
                if !rest.starts_with(self.delimiter.needle()) {
                    return Ok(false);
                }
                match self.behind(self.from + needle) {
                    Behind::Unknown => {}
                    Behind::Content => return Ok(false),
                    Behind::Part(_) | Behind::End(_) => return Ok(true),
                }
            } else if self.ended || !self.delimiter.needle().starts_with(rest) {
                return Ok(false);
            }
            self.fill()?;
        }
    }

    /// Looks for the boundary; how many bytes of the buffer surely lie before it. With 0 it was passed, and the state has
    /// changed.
    fn advance(&mut self) -> Result<usize, Fault> {
        if let State::Content { safe } = self.state
            && safe > 0
        {
            return Ok(safe);
        }
        let needle = self.delimiter.needle().len();
        loop {
            // What may be the beginning of a boundary is held back.
            let mut end = (self.buffer.len() + 1).saturating_sub(needle).max(self.from);
            let mut passed = None;
            let mut searched = self.from;
            while let Some(found) = self.delimiter.find(&self.buffer[searched..]) {
                let at = searched + found;
                match self.behind(at + needle) {
                    Behind::Content => {
                        searched = at + 1;
                        continue;
                    }
                    Behind::Unknown => {}
                    Behind::Part(next) => passed = Some((next, State::Headers)),
                    Behind::End(next) => passed = Some((next, State::End)),
                }
                end = at;
                break;
            }
            // The line break before a boundary is no content, and its CR may be the last byte that was read.
            if end > self.from && self.buffer[end - 1] == b'\r' {
                end -= 1;
            }
            if end > self.from {
                if let State::Content { safe } = &mut self.state {
                    *safe = end - self.from;
                }
                return Ok(end - self.from);
            }
            if let Some((next, state)) = passed {
                self.from = next;
                self.state = state;
                return Ok(0);
            }
            if self.ended {
                return Err(self.fail(Fault::Broken("no last boundary")));
            }
            self.fill()?;
        }
    }

    /// What stands behind a boundary, at `at` of the buffer.
    fn behind(&self, at: usize) -> Behind {
        let rest = &self.buffer[at..];
        if rest.starts_with(b"--") {
            // What follows is nobody's business.
            return Behind::End(at + 2);
        }
        let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b';')).count();
        match rest.get(blanks) {
            Some(b'\n') => Behind::Part(at + blanks + 1),
            _ if blanks > PADDING => Behind::Content,
            Some(b'-') if blanks == 0 && rest.len() == 1 && !self.ended => Behind::Unknown,
            Some(_) => Behind::Content,
            None if self.ended => Behind::Content,
            None => Behind::Unknown,
        }
    }
}

/// What stands behind something that looks like a boundary.
enum Behind {
    /// Another part, whose headers begin there.
    Part(usize),
    /// The end of the last part.
    End(usize),
    /// Something else: it is none.
    Content,
    /// Not read yet.
    Unknown,
}

/// The content of the present part.
impl<R: Read> Read for Multipart<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() || !matches!(self.state, State::Content { .. }) {
            return Ok(0);
        }
        let available = self.advance().map_err(|fault| match fault {
            Fault::Broken(what) => io::Error::new(io::ErrorKind::InvalidData, what),
            Fault::Reader(kind) => kind.into(),
        })?;
        let count = available.min(out.len());
        out[..count].copy_from_slice(&self.buffer[self.from..self.from + count]);
        self.from += count;
        if let State::Content { safe } = &mut self.state {
            *safe -= count;
        }
        Ok(count)
    }
}

impl<R> Multipart<R> {
    /// What was wrong, if anything was.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.fault
    }
}

/// A parameter of a header value such as `form-data; name="json"`: in double quotes, in single quotes, or in none.
fn parameter(value: &[u8], name: &str) -> Option<Vec<u8>> {
    let mut rest = value;
    loop {
        rest = &rest[memchr::memchr(b';', rest)? + 1..];
        loop {
            let equals = rest.iter().position(|byte| matches!(byte, b'=' | b';'))?;
            if rest[equals] == b';' {
                rest = &rest[equals + 1..];
                continue;
            }
            let found = rest[..equals].trim_ascii().eq_ignore_ascii_case(name.as_bytes());
            let (text, after) = value_of(rest[equals + 1..].trim_ascii_start());
            if found {
                return Some(text);
            }
            rest = after;
            break;
        }
    }
}

/// The value at the beginning of `rest`, and what follows it.
fn value_of(rest: &[u8]) -> (Vec<u8>, &[u8]) {
    let quoted = rest.first().copied().filter(|quote| matches!(quote, b'"' | b'\''));
    if let Some(quote) = quoted {
        let mut text = Vec::new();
        let mut at = 1;
        while let Some(byte) = rest.get(at) {
            match byte {
                // Browsers escape only the quote; file names of Windows have backslashes that mean themselves.
                b'\\' if rest.get(at + 1) == Some(&quote) && quote == b'"' => {
                    text.push(quote);
                    at += 1;
                }
                // A quote inside a value is followed by something else.
                byte if *byte == quote && ends_value(&rest[at + 1..]) => return (text, &rest[at + 1..]),
                byte => text.push(*byte),
            }
            at += 1;
        }
    }
    let end = memchr::memchr(b';', rest).unwrap_or(rest.len());
    (rest[..end].trim_ascii().to_vec(), &rest[end..])
}

/// A value such as `utf-8''%E8%A1%A8.csv`.
fn decoded(value: &[u8]) -> Vec<u8> {
    let encoded = value.splitn(3, |byte| *byte == b'\'').nth(2).unwrap_or(value);
    let digit = |at: usize| encoded.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut out = Vec::with_capacity(encoded.len());
    let mut at = 0;
    while let Some(byte) = encoded.get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            _ => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    out
}

fn ends_value(rest: &[u8]) -> bool {
    matches!(rest.trim_ascii_start().first(), None | Some(b';'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Gives its bytes in pieces that end at the given places.
    struct Pieces<'a> {
        bytes: &'a [u8],
        at: usize,
        cuts: Vec<usize>,
    }

    impl Read for Pieces<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let end = self.cuts.iter().copied().find(|cut| *cut > self.at).unwrap_or(self.bytes.len());
            let count = (end.min(self.bytes.len()) - self.at).min(out.len());
            out[..count].copy_from_slice(&self.bytes[self.at..self.at + count]);
            self.at += count;
            Ok(count)
        }
    }

    type Parts = Vec<(String, Option<String>, Vec<u8>)>;

    fn read(bytes: &[u8], cuts: Vec<usize>, boundary: Option<&[u8]>) -> Result<Parts, Fault> {
        let mut multipart = Multipart::new(Pieces { bytes, at: 0, cuts }, boundary.map(<[u8]>::to_vec))?;
        let mut parts = Vec::new();
        while let Some(part) = multipart.next_part()? {
            let mut content = Vec::new();
            if multipart.read_to_end(&mut content).is_err() {
                return Err(multipart.fault().unwrap());
            }
            parts.push((part.name, part.file_name, content));
        }
        Ok(parts)
    }

    fn one(name: &str, file_name: Option<&str>, content: &[u8]) -> (String, Option<String>, Vec<u8>) {
        (name.to_owned(), file_name.map(str::to_owned), content.to_vec())
    }

    /// Read in one piece, byte by byte, and cut in two at every place.
    fn read_all_ways(body: &[u8], boundary: Option<&[u8]>) -> Result<Parts, Fault> {
        let whole = read(body, Vec::new(), boundary);
        assert_eq!(read(body, (1..body.len()).collect(), boundary), whole);
        for cut in 1..body.len() {
            assert_eq!(read(body, vec![cut], boundary), whole, "cut at {cut}");
        }
        whole
    }

    #[test]
    fn bodies_of_known_clients() {
        let csv = "番号,名前\r\n1,\"あ\r\nい\"\r\n".as_bytes();
        let lines = |lines: &[&[u8]], end: &[u8]| lines.join(end);
        // PHP by hand: LF only, single quotes, no line end behind the last boundary.
        let php = lines(
            &[
                b"--boundary",
                b"Content-Disposition: form-data; name='json'",
                b"Content-Type: application/json",
                b"",
                b"{\"dbSchemaId\":\"100201\"}",
                b"--boundary",
                b"Content-Disposition: form-data; name='uploadFile'; filename='uploadFile.csv'",
                b"Content-Type: text/csv; charset=UTF-8",
                b"",
                csv,
                b"--boundary--",
            ],
            b"\n",
        );
        let expected =
            vec![one("json", None, b"{\"dbSchemaId\":\"100201\"}"), one("uploadFile", Some("uploadFile.csv"), csv)];
        let declared = boundary(b"multipart/form-data; boundary=boundary;").unwrap();
        assert_eq!(read_all_ways(&php, Some(&declared)), Ok(expected.clone()));
        assert_eq!(read_all_ways(&php, None), Ok(expected.clone()));
        // .NET: no quotes, the type before the disposition, a quoted boundary.
        let net = lines(
            &[
                b"--4f1c-9a",
                b"Content-Type: application/json; charset=utf-8",
                b"Content-Disposition: form-data; name=json",
                b"",
                b"{\"dbSchemaId\":\"100201\"}",
                b"--4f1c-9a",
                b"Content-Type: text/csv",
                b"Content-Disposition: form-data; name=uploadFile; filename=uploadFile.csv; filename*=utf-8''uploadFile.csv",
                b"",
                csv,
                b"--4f1c-9a--",
                b"",
            ],
            b"\r\n",
        );
        let declared = boundary(b"multipart/form-data; boundary=\"4f1c-9a\"").unwrap();
        assert_eq!(read_all_ways(&net, Some(&declared)), Ok(expected.clone()));
        // TypeScript: no blank before the boundary, which has signs in it.
        let ts = lines(
            &[
                b"--+-+-+-Boundary_h0f",
                b"Content-Disposition: form-data; name=\"json\"",
                b"",
                b"{\"dbSchemaId\":\"100201\"}",
                b"--+-+-+-Boundary_h0f",
                b"Content-Disposition: form-data; name=\"uploadFile\"; filename=\"uploadFile.csv\"",
                b"Content-Type: text/csv;charset=UTF-8",
                b"",
                csv,
                b"--+-+-+-Boundary_h0f--\r\n",
            ],
            b"\r\n",
        );
        let declared = boundary(b"multipart/form-data;boundary=+-+-+-Boundary_h0f").unwrap();
        assert_eq!(read_all_ways(&ts, Some(&declared)), Ok(expected));
    }

    #[test]
    fn only_the_line_break_before_a_boundary_is_no_content() {
        for (content, given) in [
            (&b"a\r\n"[..], &b"a\r\n\r\n"[..]),
            (b"a\n", b"a\n\n"),
            (b"a\r\n", b"a\r\n\n"),
            (b"a", b"a\n"),
            (b"", b"\r\n"),
            (b"", b"\n"),
            (b"", b""),
            (b"\n", b"\n\n"),
            (b"--bx", b"--bx\n"),
            (b"\n--bx\r\n--b x\n-", b"\n--bx\r\n--b x\n-\r\n"),
            (b"\r\r\r", b"\r\r\r\r\n"),
            (b"\r\n-\r\n--\r\n", b"\r\n-\r\n--\r\n\r\n"),
        ] {
            for (ends, padding) in [("\r\n", ""), ("\n", ""), ("\r\n", " \t")] {
                let head = format!("--b{padding}{ends}Content-Disposition: form-data; name=x{ends}{ends}");
                let body = [head.as_bytes(), given, b"--b--"].concat();
                assert_eq!(read_all_ways(&body, Some(b"b")), Ok(vec![one("x", None, content)]), "{body:?}");
            }
        }
    }

    #[test]
    fn headers_may_go_on_in_further_lines() {
        let body = b"--b\r\nContent-Type: text/csv;\r\n charset=UTF-8\r\nContent-Disposition: form-data;\r\n\tname=\"x\";\r\n  filename=a.csv\r\n\r\n1\r\n--b\nContent-Disposition:\n form-data; name=y\n \nA: b\n\n 2\n--b--";
        let expected = vec![one("x", Some("a.csv"), b"1"), one("y", None, b" 2")];
        assert_eq!(read_all_ways(body, Some(b"b")), Ok(expected));
    }

    #[test]
    fn what_stands_around_the_parts_is_passed_over() {
        let body = b"preamble\r\n--bb\r\n\r\n--b\r\nX: y\r\nno colon\r\ncontent-DISPOSITION:form-data ;name = \"a;\\\"b\" ; x\r\n\r\n1\r\n--b\r\n\r\n2\r\n--b--\r\nepilogue\r\n--b\r\n\r\n3\r\n--b--";
        assert_eq!(read_all_ways(body, Some(b"b")), Ok(vec![one("a;\"b", None, b"1"), one("", None, b"2")]));
        assert_eq!(read(b"--b--", Vec::new(), Some(b"b")), Ok(Vec::new()));
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        for body in [
            &b""[..],
            b"x",
            b"--b",
            b"--b\r\n",
            b"--b\r\nA: b",
            b"--b\r\nA: b\r\n\r\n",
            b"--b\r\n\r\nabc",
            b"--b\r\n\r\nabc\r\n--b",
            b"--b\r\n\r\nabc\r\n--b-",
            b"--b\r\n\r\nabc\r\n--c--",
            b"--b\r\n\r\nabc--b--",
        ] {
            let result = read_all_ways(body, Some(b"b"));
            assert!(matches!(result, Err(Fault::Broken(_))), "{body:?}: {result:?}");
        }
        assert!(matches!(read(b"{\"a\":1}", Vec::new(), None), Err(Fault::Broken("no boundary"))));
        assert!(matches!(read(b"--\r\n", Vec::new(), None), Err(Fault::Broken("no boundary"))));
        assert!(matches!(read(&[b'-'; 10_000], Vec::new(), None), Err(Fault::Broken("no boundary"))));
    }

    #[test]
    fn parts_and_headers_are_bounded() {
        let many = [b"--b\n\nx\n".repeat(PARTS + 1), b"--b--".to_vec()].concat();
        assert_eq!(read(&many, Vec::new(), Some(b"b")), Err(Fault::Broken("too many parts")));
        let long = [b"--b\nA: ".to_vec(), vec![b'x'; 1_000_000]].concat();
        assert_eq!(read(&long, Vec::new(), Some(b"b")), Err(Fault::Broken("headers too long")));
        let lines = [b"--b\n".to_vec(), b"A: b\n".repeat(100_000)].concat();
        assert_eq!(read(&lines, Vec::new(), Some(b"b")), Err(Fault::Broken("headers too long")));
        let padded = [b"--b".to_vec(), vec![b' '; 100_000], b"\n\nx\n--b--".to_vec()].concat();
        assert_eq!(read(&padded, Vec::new(), Some(b"b")), Ok(Vec::new()), "too much behind a boundary makes it none");
    }

    /// A source that never ends.
    struct Endless;

    impl Read for Endless {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            out.fill(b'\n');
            Ok(out.len())
        }
    }

    #[test]
    fn the_buffer_does_not_grow() {
        let head = &b"--b\r\n\r\n"[..];
        let mut multipart = Multipart::new(head.chain(Endless), Some(b"b".to_vec())).unwrap();
        multipart.next_part().unwrap();
        let mut out = vec![0; 10_000];
        for _ in 0..2_000 {
            multipart.read_exact(&mut out).unwrap();
        }
        assert!(multipart.buffer.capacity() <= 4 * CHUNK);
    }

    #[test]
    fn boundaries_are_found_in_the_type() {
        for (text, expected) in [
            ("multipart/form-data; boundary=x", Some("x")),
            ("Multipart/Form-Data;BOUNDARY=x", Some("x")),
            ("multipart/form-data; charset=utf-8; boundary=\"a b;c\"; y=z", Some("a b;c")),
            ("multipart/form-data; boundary='x'", Some("x")),
            ("multipart/form-data; boundary=x;", Some("x")),
            ("multipart/form-data; boundary = x ", Some("x")),
            ("multipart/form-data; boundary=", None),
            ("multipart/form-data", None),
            ("application/json; boundary=x", None),
            ("", None),
        ] {
            assert_eq!(boundary(text.as_bytes()).as_deref(), expected.map(str::as_bytes), "{text}");
        }
        assert_eq!(boundary(format!("multipart/form-data; boundary={}", "x".repeat(1_000)).as_bytes()), None);
    }

    #[test]
    fn values_of_parameters() {
        let of = |text: &str| parameter(text.as_bytes(), "filename").map(|value| String::from_utf8(value).unwrap());
        for (text, expected) in [
            ("form-data; name=a; filename=b.csv", Some("b.csv")),
            ("form-data; name=\"a\"; filename=\"C:\\dir\\b.csv\"", Some("C:\\dir\\b.csv")),
            ("form-data; filename=\"a\\\"b;c.csv\"", Some("a\"b;c.csv")),
            ("form-data; filename='it's.csv'; name=a", Some("it's.csv")),
            ("form-data; filename=\"open", Some("\"open")),
            ("form-data; filename=\"\"", Some("")),
            ("form-data; name=\"filename=x\"", None),
            ("form-data; ; x; filename=b", Some("b")),
            ("filename=b", None),
        ] {
            assert_eq!(of(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn names_of_files_in_another_form() {
        let body =
            b"--b\n\n\n--b\nContent-Disposition: form-data; name=f; filename*=UTF-8'ja'%E8%A1%A8%2%zz.csv\n\nx\n--b--";
        let parts = read_all_ways(body, Some(b"b")).unwrap();
        assert_eq!(parts[1], one("f", Some("表%2%zz.csv"), b"x"));
    }

    fn contents() -> impl Strategy<Value = Vec<Vec<u8>>> {
        // Much of what looks like a boundary, and is none.
        let piece = prop_oneof![
            Just(b"\r\n".to_vec()),
            Just(b"\n".to_vec()),
            Just(b"\r".to_vec()),
            Just(b"-".to_vec()),
            Just(b"--".to_vec()),
            Just(b"bou".to_vec()),
            Just(b"\r\n--boundar".to_vec()),
            proptest::collection::vec(any::<u8>(), 0..6),
        ];
        let content = proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat());
        proptest::collection::vec(content, 0..4)
    }

    proptest! {
        #[test]
        fn what_was_put_in_comes_out(
            contents in contents(),
            boundary in "[a-z0-9'()+_,./:=?-]{1,30}",
            line_end in prop::sample::select(vec!["\r\n", "\n"]),
            last in prop::sample::select(vec!["", "\r\n", "\n", "\r\n\r\nepilogue"]),
            cuts in proptest::collection::vec(1_usize..400, 0..8),
        ) {
            let line = [b"--".to_vec(), boundary.as_bytes().to_vec()].concat();
            prop_assume!(contents.iter().all(|content| Finder::new(&line).find(content).is_none()));
            // A CR at the end of the content would be taken for a part of the line break.
            prop_assume!(line_end == "\r\n" || contents.iter().all(|content| content.last() != Some(&b'\r')));
            let mut body = Vec::new();
            let mut expected = Vec::new();
            for (at, content) in contents.iter().enumerate() {
                body.extend([&line[..], line_end.as_bytes()].concat());
                body.extend(format!("Content-Disposition: form-data; name=\"p{at}\"{line_end}{line_end}").bytes());
                body.extend(content);
                body.extend(line_end.bytes());
                expected.push(one(&format!("p{at}"), None, content));
            }
            body.extend([&line[..], b"--", last.as_bytes()].concat());
            let mut cuts = cuts;
            cuts.sort_unstable();
            prop_assert_eq!(read(&body, cuts, Some(boundary.as_bytes())), Ok(expected));
        }

        #[test]
        fn no_body_panics(
            bytes in proptest::collection::vec(prop::sample::select(b"\r\n-b:; xA\"='\xff".to_vec()), 0..80),
            sniffed in any::<bool>(),
        ) {
            let declared = (!sniffed).then_some(&b"b"[..]);
            let whole = read(&bytes, Vec::new(), declared);
            prop_assert_eq!(read(&bytes, (1..bytes.len().max(1)).collect(), declared), whole);
            let _ = boundary(&bytes);
            let _ = parameter(&bytes, "b");
        }
    }
}
