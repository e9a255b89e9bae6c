//! JSON as the wire has it: members in the order given, numbers as they were written, `/` escaped.
//!
//! Answers repeat the request (`query`), member by member in the caller's order and with the caller's digits. The maps
//! and numbers of `serde_json` keep neither, unless features are switched on that would change them for the whole host
//! program. Requests are small and their shape is simple, so a reader and a writer of our own are the smaller evil.

use std::borrow::Cow;

/// Arrays and objects inside each other, at most.
const DEPTH: usize = 32;

/// Values and members of one document, at most: each takes far more memory than its bytes in the document.
const NODES: usize = 250_000;

/// One JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json<'a> {
    Null,
    Bool(bool),
    /// As it was written.
    Number(Cow<'a, str>),
    Text(Cow<'a, str>),
    Array(Vec<Json<'a>>),
    /// In the order given.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// Why a document is none: what is wrong, and at which byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) what: &'static str,
}

impl<'a> Json<'a> {
    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Json<'a> {
        Json::Text(text.into())
    }

    pub(super) fn object<const N: usize>(members: [(&'a str, Json<'a>); N]) -> Json<'a> {
        Json::Object(members.into_iter().map(|(name, value)| (Cow::Borrowed(name), value)).collect())
    }

    /// A member of an object; the last of several with one name.
    pub(super) fn member(&self, name: &str) -> Option<&Json<'a>> {
        match self {
            Json::Object(members) => members.iter().rev().find(|(other, _)| other == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// Whether it stands for nothing: `null`, or an empty text.
    pub(super) fn is_nothing(&self) -> bool {
        match self {
            Json::Null => true,
            Json::Text(text) => text.is_empty(),
            _ => false,
        }
    }

    /// A scalar as text: what was written, without quotes; `null` is empty. `None` for arrays and objects.
    pub(super) fn scalar(&self) -> Option<&str> {
        match self {
            Json::Null => Some(""),
            Json::Bool(true) => Some("true"),
            Json::Bool(false) => Some("false"),
            Json::Number(text) | Json::Text(text) => Some(text),
            Json::Array(_) | Json::Object(_) => None,
        }
    }

    /// Reads a document. A byte order mark and blanks around it are passed over.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Json<'a>, Fault> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let text = std::str::from_utf8(bytes)
            .map_err(|error| Fault { at: error.valid_up_to(), what: "a byte that is not UTF-8" })?;
        let mut reader = Reader { text, at: 0, nodes: 0 };
        let value = reader.value(0)?;
        reader.blank();
        match reader.at == text.len() {
            true => Ok(value),
            false => Err(reader.fault("something behind the end")),
        }
    }

    /// Writes the value in one line without blanks, as PHP does: `/` as `\/`, Japanese as it is.
    pub(super) fn write(&self, out: &mut String) {
        match self {
            Json::Null => out.push_str("null"),
            Json::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Json::Number(text) => out.push_str(text),
            Json::Text(text) => write_text(out, text),
            _ => self.write_members(out, Json::write),
        }
    }

    /// As [`Json::write`], with every scalar as a text: the form of `query`.
    pub(super) fn write_echo(&self, out: &mut String) {
        match self.scalar() {
            Some(text) => write_text(out, text),
            None => self.write_members(out, Json::write_echo),
        }
    }

    fn write_members(&self, out: &mut String, write: impl Fn(&Json<'a>, &mut String)) {
        match self {
            Json::Array(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    write(item, out);
                }
                out.push(']');
            }
            Json::Object(members) => {
                out.push('{');
                for (at, (name, value)) in members.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    write_text(out, name);
                    out.push(':');
                    write(value, out);
                }
                out.push('}');
            }
            _ => {}
        }
    }
}

fn write_text(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = special(rest) {
        out.push_str(&rest[..at]);
        let found = rest[at..].chars().next().unwrap_or(' ');
        match found {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '/' => out.push_str("\\/"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            other => {
                let code = u32::from(other);
                out.push_str("\\u");
                for shift in [12, 8, 4, 0] {
                    out.push(char::from_digit(code >> shift & 15, 16).unwrap_or('0'));
                }
            }
        }
        rest = &rest[at + found.len_utf8()..];
    }
    out.push_str(rest);
    out.push('"');
}

/// Where the first character stands that is not written as it is. Found by bytes: most texts have none.
fn special(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let is_special = |(at, byte): (usize, &u8)| match byte {
        0..b' ' | b'"' | b'\\' | b'/' => true,
        // U+2028 and U+2029.
        0xE2 => matches!(bytes[at..], [_, 0x80, 0xA8 | 0xA9, ..]),
        _ => false,
    };
    bytes.iter().enumerate().position(is_special)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    nodes: usize,
}

impl<'a> Reader<'a> {
    fn fault(&self, what: &'static str) -> Fault {
        Fault { at: self.at, what }
    }

    fn next(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.next() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn blank(&mut self) {
        while matches!(self.next(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn word(&mut self, word: &str, value: Json<'a>) -> Result<Json<'a>, Fault> {
        match self.text[self.at..].starts_with(word) {
            true => {
                self.at += word.len();
                Ok(value)
            }
            false => Err(self.fault("no JSON value")),
        }
    }

    /// `depth` is how many arrays and objects stand around the value.
    fn value(&mut self, depth: usize) -> Result<Json<'a>, Fault> {
        self.nodes += 1;
        if self.nodes > NODES {
            return Err(self.fault("too many values"));
        }
        self.blank();
        match self.next() {
            Some(b'"') => Ok(Json::Text(self.string()?)),
            Some(b'{' | b'[') if depth == DEPTH => Err(self.fault("too many arrays and objects inside each other")),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'n') => self.word("null", Json::Null),
            Some(_) => Err(self.fault("no JSON value")),
            None => Err(self.fault("the end in the middle")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json<'a>, Fault> {
        self.at += 1;
        let mut members = Vec::new();
        self.blank();
        if self.take(b'}') {
            return Ok(Json::Object(members));
        }
        loop {
            self.blank();
            if self.next() != Some(b'"') {
                return Err(self.fault("no name of a member"));
            }
            let name = self.string()?;
            self.blank();
            if !self.take(b':') {
                return Err(self.fault("no colon behind a name"));
            }
            members.push((name, self.value(depth + 1)?));
            self.blank();
            if self.take(b'}') {
                return Ok(Json::Object(members));
            }
            if !self.take(b',') {
                return Err(self.fault("neither a comma nor the end of an object"));
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Json<'a>, Fault> {
        self.at += 1;
        let mut items = Vec::new();
        self.blank();
        if self.take(b']') {
            return Ok(Json::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.blank();
            if self.take(b']') {
                return Ok(Json::Array(items));
            }
            if !self.take(b',') {
                return Err(self.fault("neither a comma nor the end of an array"));
            }
        }
    }

    fn digits(&mut self) -> bool {
        let start = self.at;
        while matches!(self.next(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at > start
    }

    fn number(&mut self) -> Result<Json<'a>, Fault> {
        let start = self.at;
        self.take(b'-');
        // PHP and others refuse a zero before other digits, so nobody means anything by it.
        let whole = match self.take(b'0') {
            true => !matches!(self.next(), Some(b'0'..=b'9')),
            false => self.digits(),
        };
        let fraction = !self.take(b'.') || self.digits();
        let exponent = match self.next() {
            Some(b'e' | b'E') => {
                self.at += 1;
                let _ = self.take(b'+') || self.take(b'-');
                self.digits()
            }
            _ => true,
        };
        match whole && fraction && exponent {
            true => Ok(Json::Number(Cow::Borrowed(&self.text[start..self.at]))),
            false => Err(self.fault("no number")),
        }
    }

    fn string(&mut self) -> Result<Cow<'a, str>, Fault> {
        self.at += 1;
        let start = self.at;
        let mut made: Option<String> = None;
        let mut from = start;
        loop {
            let rest = &self.text.as_bytes()[self.at..];
            // A raw line break or TAB is let pass: hand-made JSON has them, and it is clear what is meant.
            let Some(found) = memchr::memchr2(b'"', b'\\', rest) else {
                self.at = self.text.len();
                return Err(self.fault("the end inside a text"));
            };
            self.at += found;
            let piece = &self.text[from..self.at];
            if rest[found] == b'"' {
                self.at += 1;
                return Ok(match made {
                    None => Cow::Borrowed(piece),
                    Some(mut made) => {
                        made.push_str(piece);
                        Cow::Owned(made)
                    }
                });
            }
            let made = made.get_or_insert_with(String::new);
            made.push_str(piece);
            self.at += 1;
            let escaped = self.escape()?;
            made.push(escaped);
            from = self.at;
        }
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Result<char, Fault> {
        let letter = self.next().ok_or_else(|| self.fault("the end inside a text"))?;
        let plain = match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.at += 1;
                let first = self.unit()?;
                let code = match first {
                    0xd800..=0xdbff => {
                        let paired = self.take(b'\\') && self.take(b'u');
                        let second = if paired { self.unit()? } else { 0 };
                        match second {
                            0xdc00..=0xdfff => 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00),
                            _ => first,
                        }
                    }
                    single => single,
                };
                return char::from_u32(code).ok_or_else(|| self.fault("half a surrogate pair"));
            }
            _ => return Err(self.fault("an unknown escape")),
        };
        self.at += 1;
        Ok(plain)
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Result<u32, Fault> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4);
        let digits = digits.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let unit = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let unit = unit.ok_or_else(|| self.fault("no four hexadecimal digits"))?;
        self.at += 4;
        Ok(unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn echo(text: &str) -> String {
        let mut out = String::new();
        Json::parse(text.as_bytes()).unwrap().write_echo(&mut out);
        out
    }

    fn plain(text: &str) -> String {
        let mut out = String::new();
        Json::parse(text.as_bytes()).unwrap().write(&mut out);
        out
    }

    #[test]
    fn the_echo_keeps_order_and_digits_and_makes_texts_of_scalars() {
        let text = "\u{feff} {\"z\": 1.50, \"a\":{\"100302\":20260131,\"b\":[1,\"x\",null,true,false]},\n\"m\":\"2026/01\"}\r\n";
        assert_eq!(
            echo(text),
            r#"{"z":"1.50","a":{"100302":"20260131","b":["1","x","","true","false"]},"m":"2026\/01"}"#
        );
        assert_eq!(echo("[]"), "[]");
        assert_eq!(echo("{}"), "{}");
        assert_eq!(echo("-0.0e+10"), "\"-0.0e+10\"");
    }

    #[test]
    fn texts_are_written_as_php_writes_them() {
        let mut out = String::new();
        write_text(&mut out, "「済」/\"\\\n\r\t\u{8}\u{c}\u{1}\u{7f}\u{2028}😀");
        assert_eq!(out, "\"「済」\\/\\\"\\\\\\n\\r\\t\\b\\f\\u0001\u{7f}\\u2028😀\"");
    }

    #[test]
    fn escapes_are_read() {
        assert_eq!(plain(r#""\u6e08\ud83d\ude00\/\"\\\b\f\n\r\t""#), "\"済😀\\/\\\"\\\\\\b\\f\\n\\r\\t\"");
        assert_eq!(plain("\"a\nb\tc\""), r#""a\nb\tc""#);
    }

    #[test]
    fn the_last_of_equal_members_counts() {
        let json = Json::parse(br#"{"a":1,"a":2}"#).unwrap();
        assert_eq!(json.member("a").and_then(Json::scalar), Some("2"));
        assert_eq!(json.member("b"), None);
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in [
            "",
            " ",
            "{",
            "[",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":1,}",
            "[1,]",
            "{a:1}",
            "{'a':1}",
            "01",
            "-",
            "1.",
            ".5",
            "1e",
            "+1",
            "tru",
            "nul",
            "\"",
            "\"\\",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\ud800\"",
            "\"\\ud800\\u0041\"",
            "\"\\udc00\"",
            "\"\\u+123\"",
            "1 2",
            "{} x",
            "NaN",
            "{\"a\":1 \"b\":2}",
            "{1:2}",
            "\"\\u00あ\"",
        ] {
            assert!(Json::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert_eq!(Json::parse(b"{\"a\":\"\xff\"}").unwrap_err().at, 6);
    }

    #[test]
    fn depth_and_number_of_values_are_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(Json::parse(nested(DEPTH).as_bytes()).is_ok());
        assert!(Json::parse(nested(DEPTH + 1).as_bytes()).is_err());
        assert!(Json::parse("[".repeat(3_000_000).as_bytes()).is_err());
        assert!(Json::parse("{\"a\":".repeat(1_000_000).as_bytes()).is_err());
        let many = format!("[{}0]", "0,".repeat(NODES));
        assert_eq!(Json::parse(many.as_bytes()).unwrap_err().what, "too many values");
    }

    proptest! {
        #[test]
        fn what_was_written_reads_back(text in ".{0,40}", number in any::<i64>()) {
            let json = Json::object([("t", Json::text(text)), ("n", Json::Number(number.to_string().into()))]);
            let mut out = String::new();
            json.write(&mut out);
            prop_assert_eq!(Json::parse(out.as_bytes()), Ok(json.clone()));
            let other: serde_json::Value = serde_json::from_str(&out).unwrap();
            prop_assert_eq!(other["t"].as_str(), json.member("t").and_then(Json::scalar));
        }

        #[test]
        fn it_takes_what_serde_json_takes(text in r#"[\[\]{}",:0-9a\\eu.tn\-+ ]{0,24}"#) {
            let other = serde_json::from_str::<serde_json::Value>(&text);
            let own = Json::parse(text.as_bytes());
            // Numbers too great for a float are none to serde_json.
            if other.is_ok() {
                prop_assert!(own.is_ok(), "{}", text);
            }
            if own.is_ok() && !text.contains(['e', 'E']) {
                prop_assert!(other.is_ok(), "{}", text);
            }
        }

        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = Json::parse(&bytes);
        }
    }
}
