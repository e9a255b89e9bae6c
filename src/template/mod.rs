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
//! | HTML, in text | `&`, `<`, `>` and quotes become references, line ends `<br>` |
//! | HTML, between the quotes of an attribute | as that, line ends as references; where a link begins, only http, https, mailto and tel; not in scripts, styles, `on…` and outside of quotes |
//! | Markdown | what would mark something up stands behind `\`, line ends become `<br>` |
//! | line of a mail header | as they are; control characters are refused |
//! | name of a file | as they are; refused where they make a name that is none on some system |
//! | text | as they are |
//!
//! A scheme, host or port cannot come from a value: whom we talk to is decided by the setting alone.

mod escape;
mod html;
mod scope;
mod settle;
mod text;

pub(crate) use escape::{file_name_fault, percent, unmappable, write_json, write_json_text};
pub(crate) use html::Reader as HtmlReader;
pub(crate) use scope::{CALL, Parser, Scope, call_values};
pub use text::{Escape, SecretSlot, SlottedText};

use std::borrow::Cow;

use crate::csv::Encoding;
use crate::error::{Code, Error, IntoWords, Result, Words, shorten, words};
use crate::schema::{Value, ValueFormat};
use escape::{Way, check, escape_text, percent_encoded};
use settle::{check_path, settle_json, settle_url};

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
    /// An HTML document.
    Html,
    /// A Markdown document.
    Markdown,
    /// The name of a file.
    FileName,
    /// Text that is sent as it is.
    Text,
    /// Text that is kept or read by people: no place for secrets.
    Plain,
}

/// How secrets are called in templates: this, and the name.
const SECRET: &str = "@secret:";

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
        let mut template = Template { place, encoding, parts: Template::read(text, names)? };
        template.settle()?;
        Ok(template)
    }

    /// Parses a piece of an HTML document, which goes on where `reader` stands.
    pub(crate) fn parse_html(
        text: &str,
        encoding: Encoding,
        names: &mut Names,
        reader: &mut HtmlReader,
    ) -> Result<Template, Words> {
        let mut template = Template { place: Place::Html, encoding, parts: Template::read(text, names)? };
        template.settle_html(reader)?;
        Ok(template)
    }

    fn settle_html(&mut self, reader: &mut HtmlReader) -> Result<(), Words> {
        for part in &mut self.parts {
            match part {
                Part::Text(text) => reader.read(text),
                Part::Value(placeholder) => placeholder.way = reader.value()?,
                Part::Secret(..) => return Err(no_secret()),
            }
        }
        Ok(())
    }

    /// Takes a text apart.
    fn read(text: &str, names: &mut Names) -> Result<Vec<Part>, Words> {
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
        Ok(parts)
    }

    /// The template with something in the place of each value and secret, to be judged.
    pub(crate) fn sample(&self) -> String {
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
            Place::Html => return self.settle_html(&mut HtmlReader::default()),
            Place::Line | Place::Plain | Place::FileName | Place::Markdown => {
                if self.parts.iter().any(|part| matches!(part, Part::Secret(..))) {
                    return Err(no_secret());
                }
                (if self.place == Place::Markdown { Way::Markdown } else { Way::Nothing }, Escape::None)
            }
        };
        for part in &mut self.parts {
            match part {
                Part::Value(placeholder) => placeholder.way = way,
                Part::Secret(_, how) => *how = escape,
                Part::Text(text) => {
                    check(self.place, text)?;
                    if !matches!(way, Way::Xml | Way::Markdown) {
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
        let long = |length: usize, ja: &str, en: &str| {
            (whole.len() > length)
                .then(|| words!("{ja}が{length}バイトを超えます", "the {en} becomes longer than {length} bytes"))
        };
        let rule = match self.place {
            Place::Url => long(URL_LENGTH, "URL", "URL").or_else(|| check_path(whole).err()),
            Place::Header => long(HEADER_LENGTH, "ヘッダの値", "header value"),
            Place::FileName => file_name_fault(whole),
            _ => None,
        };
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

fn no_secret() -> Words {
    let ja = "シークレットはこの場所に使用できません（保存または表示されます）";
    Words::both(ja, "a secret would be kept or shown there")
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

#[cfg(test)]
mod tests;
