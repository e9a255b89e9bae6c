//! Templates: texts with placeholders, whose values are escaped for where they stand.
//!
//! ```text
//! template    = *( text | placeholder | secret | dollar )
//! placeholder = "${" name [ "|" format ] [ "|url" ] "}"
//! secret      = "${@secret:" name "}"        ; put in when the message is sent, and kept nowhere before
//! dollar      = "${$}"                       ; a dollar sign, where "${" is meant as it stands
//! name        = path | "@" run value         ; neither "|" nor "}" in it
//! format      = "raw" | "csv" | "display"    ; how the value looks; "raw" when left out
//! ```
//!
//! `path` is what conditions take too: the code or display name of a header field, a field through links
//! (`branch.name`), a system field (`_id`, `_updated_at`). Run values are those of the call, such as `@today`.
//! `|url` percent-encodes the value first, for places that would take it as it is.
//!
//! What becomes of values follows from the place. In documents (a URL, JSON, XML) literal text is kept as it was written;
//! a single value (of a form, a query, a JSON member) is encoded as a whole, literal text and all.
//!
//! | place | values |
//! | --- | --- |
//! | path of a URL | percent-encoded, `/` too; an empty value and one that makes `.` or `..` of a segment are refused |
//! | query of a URL | percent-encoded |
//! | value of a form | percent-encoded, a space as `+` |
//! | header | as they are; refused unless printable ASCII |
//! | JSON, between quotes | as the inside of a JSON string |
//! | JSON, outside of quotes | as a JSON value: an exact number, a string, an array of labels, `null` when empty |
//! | XML | `&`, `<`, `>`, quotes, tab and line ends become references; characters that XML does not have are refused |
//! | line of a mail header | as they are; control characters are refused |
//! | text | as they are |
//!
//! A scheme, host or port cannot come from a value: whom we talk to is decided by the setting alone.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::text::{Escape, SlottedText};
use crate::csv::{self, Encoding};
use crate::error::{Code, Error, IntoWords, Result, Words, shorten, words};
use crate::schema::{Value, ValueFormat};

/// The longest template, in bytes.
const LENGTH: usize = 1 << 20;

/// The longest URL after expansion, in bytes.
const URL_LENGTH: usize = 8_000;

/// The longest header value after expansion, in bytes.
const HEADER_LENGTH: usize = 8_000;

/// Where a template stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// A whole URL.
    Url,
    /// One value of the query of a URL.
    Query,
    /// One value of a form.
    Form,
    /// The value of an HTTP header.
    Header,
    /// A JSON document.
    Json,
    /// The inside of one JSON string.
    JsonText,
    /// An XML document.
    Xml,
    /// One line of a mail: its subject or an address.
    Line,
    /// Text that is sent as it is.
    Text,
    /// Text that is kept or read by people: no place for secrets.
    Plain,
}

/// How secrets are called in templates: this, and the name.
const SECRET: &str = "@secret:";

/// How one value is escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Path,
    Query,
    Form,
    JsonString,
    JsonValue,
    Xml,
    Nothing,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Value(Placeholder),
    Secret(String, Escape),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Placeholder {
    slot: usize,
    format: ValueFormat,
    /// Whether a format was written, so that a value in JSON is a text of that format.
    formatted: bool,
    encoded: bool,
    way: Way,
}

/// The names that the templates of a setting use, each once. A placeholder holds the place of its name in here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Names(Vec<String>);

impl Names {
    fn slot(&mut self, name: &str) -> usize {
        match self.0.iter().position(|other| other == name) {
            Some(at) => at,
            None => {
                self.0.push(name.to_owned());
                self.0.len() - 1
            }
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    fn name(&self, slot: usize) -> &str {
        self.0.get(slot).map_or("", String::as_str)
    }
}

/// Whence the values of placeholders come.
pub(crate) trait Source {
    /// The value of a name, by its place in the [`Names`], as text.
    fn text(&self, slot: usize, format: ValueFormat) -> Result<Cow<'_, str>>;
    /// The value itself.
    fn value(&self, slot: usize) -> Result<Value>;
}

/// A template that was parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    place: Place,
    /// Percent-encoded values are those of the bytes in this encoding.
    encoding: Encoding,
    parts: Vec<Part>,
}

impl Template {
    /// Parses a template for its place. Names are noted in `names`; whether they exist is the caller's to ask. The error
    /// is the rule that was broken.
    pub(crate) fn parse(text: &str, place: Place, encoding: Encoding, names: &mut Names) -> Result<Template, Words> {
        if text.len() > LENGTH {
            return Err(words!(
                "テンプレートが{LENGTH}バイトを超えています",
                "a template is longer than {LENGTH} bytes"
            ));
        }
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            literal.push_str(&rest[..at]);
            let inside = &rest[at + 2..];
            let Some(end) = inside.find('}') else {
                let shown = shorten(&rest[at..]);
                return Err(words!("「{shown}」が}}で閉じられていません", "\"{shown}\" is not closed with }}"));
            };
            let word = &inside[..end];
            if word == "$" {
                literal.push('$');
            } else {
                if !literal.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut literal)));
                }
                parts.push(match word.strip_prefix(SECRET) {
                    Some(secret) => Part::Secret(secret_name(secret)?.to_owned(), Escape::None),
                    None => Part::Value(Placeholder::parse(word, names)?),
                });
            }
            rest = &inside[end + 1..];
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        let mut template = Template { place, encoding, parts };
        template.settle()?;
        Ok(template)
    }

    /// The template with something in the place of each value and secret, to be judged.
    pub(super) fn sample(&self) -> String {
        let piece = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Value(_) | Part::Secret(..) => "x".to_owned(),
        };
        self.parts.iter().map(piece).collect()
    }

    /// The name of the placeholder that is the whole template, if it is one without a format.
    pub(crate) fn single(&self) -> Option<usize> {
        match &self.parts[..] {
            [Part::Value(placeholder)] if !placeholder.formatted && !placeholder.encoded => Some(placeholder.slot),
            _ => None,
        }
    }

    /// Decides how each value is escaped, and judges or escapes the literal text.
    fn settle(&mut self) -> Result<(), Words> {
        let (way, escape) = match self.place {
            Place::Url => return settle_url(&mut self.parts),
            Place::Json => return settle_json(&mut self.parts),
            Place::Query => (Way::Query, Escape::Url),
            Place::Form => (Way::Form, Escape::Form),
            Place::JsonText => (Way::JsonString, Escape::Json),
            Place::Xml => (Way::Xml, Escape::None),
            Place::Header | Place::Text => (Way::Nothing, Escape::None),
            Place::Line | Place::Plain => {
                if self.parts.iter().any(|part| matches!(part, Part::Secret(..))) {
                    let ja = "シークレットはこの場所に使用できません（保存または表示されます）";
                    return Err(Words::both(ja, "a secret would be kept or shown there"));
                }
                (Way::Nothing, Escape::None)
            }
        };
        for part in &mut self.parts {
            match part {
                Part::Value(placeholder) => placeholder.way = way,
                Part::Secret(_, how) => *how = escape,
                Part::Text(text) => {
                    check(self.place, text)?;
                    if way != Way::Xml {
                        let mut out = SlottedText::default();
                        let escaped = escape_text(text, way, self.encoding, &mut out);
                        escaped.map_err(|fault| match fault {
                            Fault::Rule(_, rule) => rule,
                            Fault::Error(error) => error.into_words(),
                        })?;
                        *text = out.into_parts().0;
                    }
                }
            }
        }
        Ok(())
    }

    /// Puts the values in. Secrets are places that are filled when the message is sent.
    ///
    /// # Errors
    ///
    /// [`Code::TemplateValue`] when a value may not stand where it would; the field is the name of the placeholder.
    pub(crate) fn expand(&self, names: &Names, source: &(impl Source + ?Sized)) -> Result<SlottedText> {
        let mut out = SlottedText::default();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Secret(secret, escape) => out.push_secret(secret, *escape),
                Part::Value(placeholder) => {
                    self.expand_one(placeholder, source, &mut out).map_err(|fault| match fault {
                        Fault::Rule(value, rule) => refused(names.name(placeholder.slot), &value, rule),
                        Fault::Error(error) => error,
                    })?;
                }
            }
        }
        self.check_whole(out.text(), names, source)?;
        Ok(out)
    }

    /// As [`Template::expand`], for places that hold no secrets.
    pub(crate) fn expand_plain(&self, names: &Names, source: &(impl Source + ?Sized)) -> Result<String> {
        Ok(self.expand(names, source)?.into_parts().0)
    }

    fn expand_one(
        &self,
        placeholder: &Placeholder,
        source: &(impl Source + ?Sized),
        out: &mut SlottedText,
    ) -> Result<(), Fault> {
        if placeholder.way == Way::JsonValue && !placeholder.formatted && !placeholder.encoded {
            let mut json = String::new();
            write_json(&source.value(placeholder.slot)?, &mut json);
            out.push_str(&json);
            return Ok(());
        }
        let mut text = source.text(placeholder.slot, placeholder.format)?;
        if placeholder.encoded {
            text = Cow::Owned(percent_encoded(&text, self.encoding)?);
        }
        if let Err(rule) = check(self.place, &text) {
            return Err(Fault::Rule(text.into_owned(), rule));
        }
        escape_text(&text, placeholder.way, self.encoding, out)
    }

    /// What can only be seen of the whole.
    fn check_whole(&self, whole: &str, names: &Names, source: &(impl Source + ?Sized)) -> Result<()> {
        let (length, ja, en) = match self.place {
            Place::Url => (URL_LENGTH, "URL", "URL"),
            Place::Header => (HEADER_LENGTH, "ヘッダの値", "header value"),
            _ => return Ok(()),
        };
        let mut rule = (whole.len() > length)
            .then(|| words!("{ja}が{length}バイトを超えます", "the {en} becomes longer than {length} bytes"));
        if self.place == Place::Url && rule.is_none() {
            rule = check_path(whole).err();
        }
        let Some(rule) = rule else { return Ok(()) };
        // Literal text was judged when the template was parsed, so a value is the cause: one of dots, else the longest.
        let mut cause = (0, String::new(), String::new());
        for part in &self.parts {
            if let Part::Value(placeholder) = part {
                let text = source.text(placeholder.slot, placeholder.format)?;
                if text.len() >= cause.0 || (self.place == Place::Url && matches!(&*text, "." | "..")) {
                    cause = (text.len(), names.name(placeholder.slot).to_owned(), text.into_owned());
                }
            }
        }
        Err(refused(&cause.1, &cause.2, rule))
    }
}

/// Writes a text as it may stand, or says why it may not.
fn escape_text(text: &str, way: Way, encoding: Encoding, out: &mut SlottedText) -> Result<(), Fault> {
    let mut escaped = String::new();
    match way {
        Way::Path if text.is_empty() => {
            let rule = words!("空のため、URLのパスが変わります", "it is empty, which would change the path of the URL");
            return Err(Fault::Rule(String::new(), rule));
        }
        Way::Path | Way::Query => escaped = percent_encoded(text, encoding)?,
        Way::Form => {
            // What needs no escape in a URL needs none in a form, but for the space.
            escaped = percent_encoded(text, encoding)?.replace("%20", "+");
        }
        Way::JsonString => write_json_inside(text, &mut escaped),
        Way::JsonValue => write_json_text(text, &mut escaped),
        Way::Xml => write_xml(text, &mut escaped)?,
        Way::Nothing => {
            out.push_str(text);
            return Ok(());
        }
    }
    out.push_str(&escaped);
    Ok(())
}

fn percent_encoded(text: &str, encoding: Encoding) -> Result<String, Fault> {
    let mut out = String::with_capacity(text.len() * 3);
    let bytes = csv::encode(text, encoding)
        .map_err(|character| Fault::Rule(text.to_owned(), unmappable(character, encoding)))?;
    percent(&bytes, &mut out);
    Ok(out)
}

fn secret_name(text: &str) -> Result<&str, Words> {
    match text.is_empty() || text.contains('|') {
        true => {
            let shown = shorten(text);
            Err(words!(
                "「${{{SECRET}{shown}}}」はシークレットの名前ではありません",
                "\"${{{SECRET}{shown}}}\" names no secret"
            ))
        }
        false => Ok(text),
    }
}

/// Gives other names to the fields that a template names. What is no template stays as it is.
pub(crate) fn rename(text: &mut String, change: &mut dyn FnMut(&mut String)) {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find("${") {
        let (before, inside) = rest.split_at(at + 2);
        out.push_str(before);
        let end = inside.find(['|', '}']).unwrap_or(inside.len());
        let mut name = inside[..end].to_owned();
        if !name.starts_with('@') && name != "$" && !name.is_empty() {
            change(&mut name);
        }
        out.push_str(&name);
        rest = &inside[end..];
    }
    out.push_str(rest);
    *text = out;
}

/// Why a value could not be put in.
enum Fault {
    Rule(String, Words),
    Error(Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        Fault::Error(error)
    }
}

fn refused(name: &str, value: &str, rule: Words) -> Error {
    Error::new(Code::TemplateValue).with_field(name).with_value(value.escape_debug()).with_rule(rule)
}

impl Placeholder {
    fn parse(text: &str, names: &mut Names) -> Result<Placeholder, Words> {
        let mut words = text.split('|');
        let name = words.next().unwrap_or_default();
        if name.is_empty() {
            let shown = shorten(text);
            return Err(words!("「${{{shown}}}」に項目名がありません", "\"${{{shown}}}\" names no field"));
        }
        let mut placeholder = Placeholder {
            slot: names.slot(name),
            format: ValueFormat::Raw,
            formatted: false,
            encoded: false,
            way: Way::Nothing,
        };
        for word in words {
            let format = match word {
                "raw" => Some(ValueFormat::Raw),
                "csv" => Some(ValueFormat::Csv),
                "display" => Some(ValueFormat::Display),
                "url" if !placeholder.encoded => None,
                _ => {
                    let shown = shorten(text);
                    return Err(words!(
                        "「${{{shown}}}」: |の後はraw・csv・displayのいずれか、次にurl（それぞれ1回まで）です",
                        "\"${{{shown}}}\": behind | stands raw, csv or display, then url, each at most once"
                    ));
                }
            };
            match format {
                Some(format) if !placeholder.formatted && !placeholder.encoded => {
                    placeholder.format = format;
                    placeholder.formatted = true;
                }
                Some(_) => {
                    let shown = shorten(text);
                    return Err(words!(
                        "「${{{shown}}}」の指定の順序が正しくありません",
                        "\"${{{shown}}}\" has its words out of order"
                    ));
                }
                None => placeholder.encoded = true,
            }
        }
        Ok(placeholder)
    }
}

/// Values in the path are escaped otherwise than those in the query, and none may stand before the path.
fn settle_url(parts: &mut [Part]) -> Result<(), Words> {
    let Some(Part::Text(first)) = parts.first() else {
        return Err(words!("URLはhttp://またはhttps://で始めてください", "a URL begins with http:// or https://"));
    };
    let scheme = first.find("://").filter(|at| matches!(&*first[..*at].to_ascii_lowercase(), "http" | "https"));
    let Some(scheme) = scheme else {
        let shown = shorten(first);
        return Err(words!(
            "「{shown}」がhttp://またはhttps://で始まっていません",
            "\"{shown}\" does not begin with http:// or https://"
        ));
    };
    let behind = &first[scheme + 3..];
    let end = behind.find(['/', '?', '#']);
    if end.is_none() && parts.len() > 1 {
        let ja = "URLのスキーム・ホスト・ポートに値は使用できません";
        return Err(Words::both(ja, "scheme, host and port of a URL cannot come from a value"));
    }
    let authority = &behind[..end.unwrap_or(behind.len())];
    if authority.is_empty() {
        return Err(words!("URLにホストがありません", "the URL names no host"));
    }
    if authority.contains('@') {
        return Err(words!(
            "URLにユーザとパスワードは指定できません（認証の設定を使用してください）",
            "a URL holds no user and password: they belong into the authentication of the setting"
        ));
    }
    let mut literal_from = scheme + 3 + authority.len();
    let mut in_query = false;
    let mut sample = String::new();
    for part in parts {
        match part {
            Part::Text(text) => {
                if let Some(bad) = text.chars().find(|c| c.is_control() || matches!(c, ' ' | '<' | '>' | '"')) {
                    return Err(words!(
                        "URLに文字{bad:?}は使用できません（パーセントエンコードしてください）",
                        "the URL has the character {bad:?}: write it percent-encoded"
                    ));
                }
                if text.contains('#') {
                    return Err(words!(
                        "URLの#以降は送信されません",
                        "the URL has a fragment (#…), which is never sent"
                    ));
                }
                in_query |= text.contains('?');
                // A name of a host is translated when it is looked up; what follows it is sent as it is.
                let (host, rest) = text.split_at(std::mem::take(&mut literal_from));
                let mut kept = host.to_owned();
                for character in rest.chars() {
                    match character.is_ascii() {
                        true => kept.push(character),
                        false => percent(character.encode_utf8(&mut [0; 4]).as_bytes(), &mut kept),
                    }
                }
                sample.push_str(&kept);
                *text = kept;
            }
            Part::Value(placeholder) => {
                placeholder.way = if in_query { Way::Query } else { Way::Path };
                sample.push('x');
            }
            Part::Secret(_, escape) => {
                *escape = Escape::Url;
                sample.push('x');
            }
        }
    }
    if sample.len() > URL_LENGTH {
        return Err(words!("URLが{URL_LENGTH}バイトを超えています", "the URL is longer than {URL_LENGTH} bytes"));
    }
    check_path(&sample)
}

/// Refuses segments that others resolve to somewhere else.
fn check_path(url: &str) -> Result<(), Words> {
    let path = url.split('?').next().unwrap_or_default();
    let behind = path.split_once("://").map_or(path, |(_, behind)| behind);
    let dots = |segment: &str| matches!(&*segment.to_ascii_lowercase().replace("%2e", "."), "." | "..");
    match behind.split(['/', '\\']).skip(1).any(dots) {
        true => {
            Err(words!("URLのパスに「.」または「..」があります", "a segment of the path of the URL is \".\" or \"..\""))
        }
        false => Ok(()),
    }
}

/// Values between quotes become the inside of a string, others whole JSON values.
fn settle_json(parts: &mut [Part]) -> Result<(), Words> {
    let mut in_string = false;
    let mut sample = String::new();
    for part in parts {
        match part {
            Part::Text(text) => {
                let mut escaped = false;
                for character in text.chars() {
                    match character {
                        _ if escaped => escaped = false,
                        '\\' if in_string => escaped = true,
                        '"' => in_string = !in_string,
                        _ => {}
                    }
                }
                if escaped {
                    return Err(words!("置換項目の直前に\\があります", "a placeholder stands behind a \\"));
                }
                sample.push_str(text);
            }
            // An `x` makes no escape sequence whole, and a lone word no number.
            Part::Value(placeholder) => {
                placeholder.way = if in_string { Way::JsonString } else { Way::JsonValue };
                sample.push_str(if in_string { "x" } else { " null " });
            }
            Part::Secret(_, escape) if in_string => {
                *escape = Escape::Json;
                sample.push('x');
            }
            Part::Secret(name, _) => {
                return Err(words!(
                    "シークレット「{name}」は引用符の中に置いてください",
                    "the secret \"{name}\" must stand between quotes"
                ));
            }
        }
    }
    match serde_json::from_str::<serde::de::IgnoredAny>(&sample) {
        Ok(_) => Ok(()),
        Err(error) => Err(words!("JSONではありません: {error}", "the template is not JSON: {error}")),
    }
}

/// Judges text that stands as it is.
fn check(place: Place, text: &str) -> Result<(), Words> {
    let fault = |bad: char| match bad {
        '\r' | '\n' => words!("改行があります", "it has a line end"),
        '\0' => words!("NUL文字があります", "it has a NUL character"),
        bad if bad.is_control() => {
            let code = u32::from(bad);
            words!("制御文字U+{code:04X}があります", "it has the control character U+{code:04X}")
        }
        bad => words!(
            "ASCIIではない文字{bad:?}があります（|urlを使用するか、ヘッダ以外に置いてください）",
            "it has {bad:?}, which is not ASCII: use |url, or another place than a header"
        ),
    };
    match place {
        Place::Header => text.chars().find(|c| !matches!(c, ' '..='~' | '\t')).map_or(Ok(()), |bad| Err(fault(bad))),
        Place::Line => text.chars().find(|c| c.is_control()).map_or(Ok(()), |bad| Err(fault(bad))),
        _ => Ok(()),
    }
}

pub(crate) fn unmappable(character: char, encoding: Encoding) -> Words {
    let (encoding, code) = (encoding.as_str(), u32::from(character));
    words!(
        "文字「{character}」(U+{code:04X})は{encoding}で表現できません",
        "{encoding} cannot express the character {character} U+{code:04X}"
    )
}

/// Appends bytes, all but letters, digits and `-._~` as `%XX`.
pub(crate) fn percent(bytes: &[u8], out: &mut String) {
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(*byte)),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
}

/// A value as JSON, exactly: `12.50` stays `12.50`.
pub(crate) fn write_json(value: &Value, out: &mut String) {
    match value {
        Value::Empty => out.push_str("null"),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::File(id) => out.push_str(&id.to_string()),
        Value::Choices(labels) => {
            out.push('[');
            for (at, label) in labels.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_json_text(label, out);
            }
            out.push(']');
        }
        other => write_json_text(&other.to_text(), out),
    }
}

pub(crate) fn write_json_text(text: &str, out: &mut String) {
    out.push('"');
    write_json_inside(text, out);
    out.push('"');
}

fn write_json_inside(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // The two separators end a line in JavaScript.
            c if c < ' ' || matches!(c, '\u{7f}' | '\u{2028}' | '\u{2029}') => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
}

fn write_xml(text: &str, out: &mut String) -> Result<(), Fault> {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => {
                let _ = write!(out, "&#{};", u32::from(character));
            }
            c if c < ' ' || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                let code = u32::from(c);
                let rule = words!(
                    "XMLで使用できない文字U+{code:04X}があります",
                    "it has the character U+{code:04X}, which XML does not have"
                );
                return Err(Fault::Rule(text.to_owned(), rule));
            }
            c => out.push(c),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
