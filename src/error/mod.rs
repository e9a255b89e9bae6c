//! The one error type, and the one table of codes and messages.
//!
//! Every refusal in this crate is an [`Error`]: a stable [`Code`], a [`Kind`] to branch on, the field, value and
//! position where they apply, and a message in Japanese and in English. Refused values of one record come
//! together, as the [`Violation`]s of one error.

mod code;
mod finding;
mod json;
mod words;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

pub use code::{Code, Kind, Language};
pub(crate) use finding::Findings;
pub use finding::{Finding, Severity};
pub(crate) use words::{IntoWords, Words, io_words, words};

/// The result of every fallible call in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Puts the arguments into the template of `code`.
fn render(code: Code, language: Language, name: &str, value: &str, rule: &Words) -> String {
    let (template, rule) = (code.template(language), rule.get(language));
    let mut out = String::with_capacity(template.len() + name.len() + value.len() + rule.len());
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        out.push_str(&rest[..open]);
        let close = rest[open..].find('}').map_or(rest.len(), |at| open + at + 1);
        match &rest[open..close] {
            "{name}" => out.push_str(name),
            "{value}" => out.push_str(&shorten(value)),
            // A rule may be a sentence of its own, whose full stop is then that of the template.
            "{rule}" => match template_stop(&rest[close..]) {
                Some(stop) => out.push_str(rule.strip_suffix(stop).unwrap_or(rule)),
                None => out.push_str(rule),
            },
            other => out.push_str(other),
        }
        rest = &rest[close..];
    }
    out.push_str(rest);
    out
}

/// The full stop at the beginning of what is left of a template.
fn template_stop(rest: &str) -> Option<char> {
    rest.chars().next().filter(|first| matches!(first, '.' | '。'))
}

/// A message shows the beginning of a long value, never a megabyte of it.
pub(crate) fn shorten(value: &str) -> Cow<'_, str> {
    const SHOWN: usize = 120;
    match value.char_indices().nth(SHOWN) {
        Some((at, _)) => Cow::Owned(format!("{}…", &value[..at])),
        None => Cow::Borrowed(value),
    }
}

/// A rule that a value broke, before it is known which field and value that was.
///
/// The check of a cell returns this; whoever knows the field makes a [`Violation`] of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) code: Code,
    pub(crate) rule: Words,
}

impl Broken {
    pub(crate) fn new(code: Code) -> Broken {
        Broken { code, rule: Words::NONE }
    }

    pub(crate) fn rule(code: Code, rule: impl IntoWords) -> Broken {
        Broken { code, rule: rule.into_words() }
    }
}

/// One value that was refused: which field, which value, which rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub(crate) code: Code,
    pub(crate) field: String,
    pub(crate) name: String,
    pub(crate) row: Option<usize>,
    pub(crate) value: String,
    pub(crate) rule: Words,
}

impl Violation {
    pub(crate) fn new(broken: Broken, field: &str, name: &str, value: impl Into<String>) -> Violation {
        Violation {
            code: broken.code,
            field: field.to_owned(),
            name: name.to_owned(),
            row: None,
            value: value.into(),
            rule: broken.rule,
        }
    }

    pub(crate) fn at_row(mut self, row: usize) -> Violation {
        self.row = Some(row);
        self
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The machine code of the field.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// The display name of the field.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The detail row, counted from 1 in the order given; `None` for a header field.
    pub fn row(&self) -> Option<usize> {
        self.row
    }

    /// The value as it was given.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The figure or list the rule is made of, such as the greatest length; may be empty. Words in it are English.
    pub fn rule(&self) -> &str {
        self.rule.get(Language::English)
    }

    /// The sentence that tells a person what is wrong.
    pub fn message(&self, language: Language) -> String {
        render(self.code, language, &self.name, &self.value, &self.rule)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(row) = self.row {
            write!(f, "row {row}: ")?;
        }
        f.write_str(&self.message(Language::English))
    }
}

type Source = Box<dyn std::error::Error + Send + Sync + 'static>;

#[derive(Debug)]
struct Body {
    code: Code,
    /// In what it was found, for what does not say so itself.
    place: Words,
    field: String,
    name: Words,
    value: Words,
    rule: Words,
    line: Option<u64>,
    column: Option<usize>,
    offset: Option<u64>,
    retry_after: Option<Duration>,
    violations: Vec<Violation>,
    source: Option<Source>,
}

/// Why a call was refused or failed.
///
/// ```
/// use renkei::{Code, Kind, Store};
///
/// let error = Store::open("/no/such/folder/store.db").unwrap_err();
/// assert_eq!(error.code(), Code::StoreMissing);
/// assert_eq!(error.kind(), Kind::NotFound);
/// assert!(error.message(renkei::Language::Japanese).contains("存在しません"));
/// ```
#[derive(Debug, thiserror::Error)]
#[error("{}", self.message(Language::English))]
pub struct Error {
    body: Box<Body>,
}

impl Error {
    pub(crate) fn new(code: Code) -> Error {
        Error {
            body: Box::new(Body {
                code,
                place: Words::NONE,
                field: String::new(),
                name: Words::NONE,
                value: Words::NONE,
                rule: Words::NONE,
                line: None,
                column: None,
                offset: None,
                retry_after: None,
                violations: Vec::new(),
                source: None,
            }),
        }
    }

    /// The refusal of one record, with everything that was wrong in it.
    pub(crate) fn invalid(violations: Vec<Violation>) -> Error {
        let mut error = Error::new(Code::RecordInvalid);
        error.body.violations = violations;
        error
    }

    /// The same to be told a second time, without what it came from.
    #[cfg(feature = "capi")]
    pub(crate) fn again(&self) -> Error {
        let mut again = Error::new(self.body.code);
        again.body.place = self.body.place.clone();
        again.body.name = self.body.name.clone();
        again.body.value = self.body.value.clone();
        again.body.rule = self.body.rule.clone();
        again
    }

    pub(crate) fn with_field(mut self, field: impl Into<String>) -> Error {
        self.body.field = field.into();
        self
    }

    pub(crate) fn with_name(mut self, name: impl IntoWords) -> Error {
        self.body.name = name.into_words();
        self
    }

    pub(crate) fn with_value(mut self, value: impl IntoWords) -> Error {
        self.body.value = value.into_words();
        self
    }

    pub(crate) fn with_rule(mut self, rule: impl IntoWords) -> Error {
        self.body.rule = rule.into_words();
        self
    }

    /// Where something that is named is not there, or not of use, the error says in what it is named, which may itself be in
    /// something: what is outermost is told last. Other errors say it by themselves.
    pub(crate) fn inside(mut self, outer: Words) -> Error {
        if !matches!(self.kind(), Kind::NotFound | Kind::Usage) {
            return self;
        }
        let inner = std::mem::replace(&mut self.body.place, Words::NONE);
        self.body.place = match inner.get(Language::English).is_empty() {
            true => outer,
            false => words!("{outer}: {inner}", "{outer}: {inner}"; outer, inner),
        };
        self
    }

    pub(crate) fn at_line(mut self, line: u64) -> Error {
        self.body.line = Some(line);
        self
    }

    pub(crate) fn at_column(mut self, column: usize) -> Error {
        self.body.column = Some(column);
        self
    }

    pub(crate) fn at_offset(mut self, offset: u64) -> Error {
        self.body.offset = Some(offset);
        self
    }

    pub(crate) fn with_retry_after(mut self, pause: Duration) -> Error {
        self.body.retry_after = Some(pause);
        self
    }

    pub(crate) fn with_source(mut self, source: impl Into<Source>) -> Error {
        self.body.source = Some(source.into());
        self
    }

    /// Name, value and rule, of which the message is made.
    pub(crate) fn parts(&self) -> [&Words; 3] {
        [&self.body.name, &self.body.value, &self.body.rule]
    }

    /// The error with its texts changed by `change`, and without its source: for what must not be shown.
    pub(crate) fn hide(mut self, change: impl Fn(String) -> String) -> Error {
        let body = &mut *self.body;
        for words in [&mut body.place, &mut body.name, &mut body.value, &mut body.rule] {
            *words = Words::of(|language| change(words.get(language).to_owned()));
        }
        body.source = None;
        self
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.body.code
    }

    /// The sort of trouble.
    pub fn kind(&self) -> Kind {
        self.body.code.kind()
    }

    /// The machine code of the field concerned.
    pub fn field(&self) -> Option<&str> {
        Some(self.body.field.as_str()).filter(|text| !text.is_empty())
    }

    /// The value concerned, as it was given.
    pub fn value(&self) -> Option<&str> {
        Some(self.body.value.get(Language::English)).filter(|text| !text.is_empty())
    }

    /// The line of the input file, counted from 1.
    pub fn line(&self) -> Option<u64> {
        self.body.line
    }

    /// The column of the input file, counted from 1.
    pub fn column(&self) -> Option<usize> {
        self.body.column
    }

    /// The byte of the input file, counted from 0.
    pub fn offset(&self) -> Option<u64> {
        self.body.offset
    }

    /// After which time the same call may be made again ([`Code::CallsExceeded`]).
    pub fn retry_after(&self) -> Option<Duration> {
        self.body.retry_after
    }

    /// Every refused value, in field order, when a record was refused ([`Code::RecordInvalid`]); else empty.
    pub fn violations(&self) -> &[Violation] {
        &self.body.violations
    }

    /// SQLite's extended result code, when SQLite is the cause.
    pub fn sqlite_code(&self) -> Option<i32> {
        let source = self.body.source.as_ref()?.downcast_ref::<rusqlite::Error>()?;
        source.sqlite_error().map(|error| error.extended_code)
    }

    /// The message for a person: what is wrong, and what to do about it.
    pub fn message(&self, language: Language) -> String {
        let body = &self.body;
        let name = Some(body.name.get(language)).filter(|name| !name.is_empty()).unwrap_or(&body.field);
        let mut text = render(body.code, language, name, body.value.get(language), &body.rule);
        let place = body.place.get(language);
        if !place.is_empty() {
            text = format!("{place}: {text}");
        }
        for (index, violation) in body.violations.iter().enumerate() {
            text.push_str(match (language, index) {
                (Language::English, 0) => ": ",
                _ => " ",
            });
            text.push_str(&match (violation.row, language) {
                (Some(row), Language::Japanese) => format!("明細{row}行目: "),
                (Some(row), Language::English) => format!("detail row {row}: "),
                (None, _) => String::new(),
            });
            text.push_str(&violation.message(language));
        }
        if let Some(line) = body.line {
            text.push_str(&match (body.column, language) {
                (Some(column), Language::Japanese) => format!("（{line}行目{column}列目）"),
                (None, Language::Japanese) => format!("（{line}行目）"),
                (Some(column), Language::English) => format!(" (line {line}, column {column})"),
                (None, Language::English) => format!(" (line {line})"),
            });
        }
        text
    }

    /// The error as one JSON object: `code`, `kind`, `message` (`ja`, `en`), and `field`, `value`, `line`, `column`,
    /// `offset`, `violations` where they apply.
    ///
    /// ```
    /// let error = renkei::Store::open("/no/such/folder/store.db").unwrap_err();
    /// assert_eq!(error.to_json()["code"], "store.missing");
    /// ```
    pub fn to_json(&self) -> serde_json::Value {
        let messages = |render: &dyn Fn(Language) -> String| {
            serde_json::json!({
                "ja": render(Language::Japanese),
                "en": render(Language::English),
            })
        };
        let mut json = serde_json::json!({
            "code": self.code().as_str(),
            "kind": format!("{:?}", self.kind()).to_lowercase(),
            "message": messages(&|language| self.message(language)),
        });
        if let Some(field) = self.field() {
            json["field"] = field.into();
        }
        if let Some(value) = self.value() {
            json["value"] = shorten(value).into();
        }
        if let Some(line) = self.line() {
            json["line"] = line.into();
        }
        if let Some(column) = self.column() {
            json["column"] = column.into();
        }
        if let Some(offset) = self.offset() {
            json["offset"] = offset.into();
        }
        if !self.violations().is_empty() {
            let list = self.violations().iter().map(|violation| {
                serde_json::json!({
                    "code": violation.code.as_str(),
                    "field": violation.field,
                    "name": violation.name,
                    "row": violation.row,
                    "value": shorten(&violation.value),
                    "message": messages(&|language| violation.message(language)),
                })
            });
            json["violations"] = list.collect::<Vec<_>>().into();
        }
        json
    }
}

impl From<rusqlite::Error> for Error {
    fn from(source: rusqlite::Error) -> Error {
        use rusqlite::ErrorCode;
        let code = match source.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Code::StoreFull,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Code::StoreBusy,
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => Code::StoreUnwritable,
            Some(ErrorCode::DatabaseCorrupt) => Code::StoreCorrupt,
            Some(ErrorCode::NotADatabase) => Code::StoreForeign,
            Some(ErrorCode::OperationInterrupted) => Code::Cancelled,
            _ => Code::Sqlite,
        };
        Error::new(code).with_value(words!("このファイル", "the store")).with_rule(&source).with_source(source)
    }
}

impl From<std::io::Error> for Error {
    fn from(source: std::io::Error) -> Error {
        // A reader or writer of ours may carry one of our own errors through `std::io`.
        match source.downcast::<Error>() {
            Ok(own) => own,
            Err(source) => Error::new(match source.kind() {
                std::io::ErrorKind::StorageFull => Code::StoreFull,
                _ => Code::Io,
            })
            .with_rule(io_words(&source))
            .with_source(source),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_read_back() {
        let mut texts: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), Code::ALL.len());
        for code in Code::ALL {
            assert_eq!(Code::from_text(code.as_str()), Some(*code));
        }
    }

    #[test]
    fn templates_use_known_placeholders_only() {
        for code in Code::ALL {
            for language in [Language::Japanese, Language::English] {
                let text = render(*code, language, "N", "V", &"R".into_words());
                assert!(!text.contains('{'), "{}: {text}", code.as_str());
            }
        }
    }

    /// Files of rejects may be in cp932.
    #[test]
    fn japanese_templates_have_characters_of_cp932_only() {
        for code in Code::ALL {
            let template = code.template(Language::Japanese);
            assert!(!encoding_rs::SHIFT_JIS.encode(template).2, "{}: {template}", code.as_str());
        }
    }

    #[test]
    fn a_sentence_has_one_full_stop() {
        for code in Code::ALL {
            for (language, stop) in [(Language::Japanese, "。"), (Language::English, ".")] {
                let rule = Words::both("文です。", "It is a sentence.");
                let text = render(*code, language, "N", "V", &rule);
                assert!(!text.contains(&stop.repeat(2)), "{}: {text}", code.as_str());
            }
        }
    }

    #[test]
    fn a_long_value_is_shortened_in_messages() {
        let long = "あ".repeat(10_000);
        let violation = Violation::new(Broken::new(Code::DateInvalid), "d", "日付", long);
        assert!(violation.message(Language::English).len() < 1000);
        assert_eq!(violation.value().chars().count(), 10_000);
    }

    #[test]
    fn an_own_error_survives_the_way_through_io() {
        let own = Error::new(Code::UploadExpired).with_value(7);
        let back = Error::from(std::io::Error::other(own));
        assert_eq!(back.code(), Code::UploadExpired);
    }
}
