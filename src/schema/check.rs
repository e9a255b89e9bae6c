//! The one place where a value is judged against the rules of its field, whichever door it came through.

use std::borrow::Cow;

use super::catalog::{Column, Labels};
use super::definition::{Characters, FieldKind, KeyPart};
use super::number::{NumberInput, Rounding};
use super::value::{Cell, Value};
use super::{date, number};
use crate::error::{Broken, Code, Words, words};

/// Keys and detail keys are indexed and travel in URLs and JSON; they have an end even where the definition sets none.
const KEY_LENGTH: u32 = 255;

type Checked<'a> = Result<Cell<'a>, Broken>;

impl Column {
    /// Judges a value given by a caller.
    pub(crate) fn check<'a>(&self, value: &'a Value) -> Checked<'a> {
        match value {
            Value::Empty => Ok(Cell::Null),
            Value::Text(text) => self.check_text(text),
            Value::Number(given) => match &self.effective().field.kind {
                FieldKind::Number { scale, rounding, .. } => {
                    self.in_range(given.rescale(*scale, *rounding)?).map(Cell::Int)
                }
                FieldKind::Calculated { scale, .. } if self.is_copied() => {
                    given.rescale(*scale, Rounding::Refuse).map(Cell::Int)
                }
                FieldKind::Date { .. } | FieldKind::DateTime { .. } | FieldKind::Time { .. } => {
                    // 20260131 as a JSON number is as good as the text.
                    self.check_text(&given.to_string()).map(Cell::into_owned)
                }
                FieldKind::Choices { .. } => Err(self.mismatch()),
                _ => self.check_text(&given.to_string()).map(Cell::into_owned),
            },
            Value::Date(given) => match &self.effective().field.kind {
                FieldKind::Date { .. } => Ok(Cell::Int(i64::from(given.days()))),
                FieldKind::DateTime { .. } => Ok(Cell::Int(i64::from(given.days()) * 86_400)),
                _ => self.check_text(&given.to_string()).map(Cell::into_owned),
            },
            Value::DateTime(given) => match &self.effective().field.kind {
                FieldKind::DateTime { .. } => Ok(Cell::Int(given.seconds())),
                FieldKind::Date { .. } | FieldKind::Time { .. } => Err(self.mismatch()),
                _ => self.check_text(&given.to_string()).map(Cell::into_owned),
            },
            Value::Time(given) => match &self.effective().field.kind {
                FieldKind::Time { .. } => Ok(Cell::Int(i64::from(given.seconds()))),
                FieldKind::Date { .. } | FieldKind::DateTime { .. } => Err(self.mismatch()),
                _ => self.check_text(&given.to_string()).map(Cell::into_owned),
            },
            Value::Choices(given) => match &self.effective().field.kind {
                FieldKind::Choices { .. } => self.labels().many(given.iter().map(String::as_str)),
                _ if given.is_empty() => Ok(Cell::Null),
                _ => Err(self.mismatch()),
            },
            Value::File(id) => match &self.effective().field.kind {
                FieldKind::File { .. } => Ok(Cell::Int(*id)),
                _ => Err(self.mismatch()),
            },
        }
    }

    /// Judges a text: the cell of a CSV file, a JSON string, a default. Empty is no value.
    ///
    /// Whether a value is required is judged on the whole record; links, users and files are looked up by the writer.
    pub(crate) fn check_text<'a>(&self, text: &'a str) -> Checked<'a> {
        self.check_text_as(text, None)
    }

    /// As [`Column::check_text`], where an import setting may say how numbers are read.
    pub(crate) fn check_text_as<'a>(&self, text: &'a str, numbers: Option<NumberInput>) -> Checked<'a> {
        if text.is_empty() {
            return Ok(Cell::Null);
        }
        match &self.effective().field.kind {
            FieldKind::Text { max_length, characters } => {
                single_line(text)?;
                length(text, *max_length)?;
                allowed(text, *characters)?;
                Ok(Cell::Text(Cow::Borrowed(text)))
            }
            FieldKind::Number { scale, rounding, input, .. } => {
                self.in_range(number::parse(text, *scale, *rounding, numbers.unwrap_or(*input))?).map(Cell::Int)
            }
            FieldKind::Date { .. } => Ok(Cell::Int(i64::from(date::parse_date(text)?.days()))),
            FieldKind::DateTime { .. } => Ok(Cell::Int(date::parse_datetime(text)?.seconds())),
            FieldKind::Time { .. } => Ok(Cell::Int(i64::from(date::parse_time(text)?.seconds()))),
            FieldKind::Choice { .. } => self.labels().one(text).map(Cell::Int),
            FieldKind::Choices { .. } => self.labels().many(text.split(',')),
            // With an automatic part it depends on the call whether the whole key is given or only the other part;
            // the writer judges it.
            FieldKind::Key { parts, .. } if parts.iter().any(|part| matches!(part, KeyPart::Automatic { .. })) => {
                single_line(text)?;
                length(text, Some(KEY_LENGTH))?;
                Ok(Cell::Text(Cow::Borrowed(text)))
            }
            FieldKind::Key { parts, joiner } => check_key(text, parts, joiner),
            FieldKind::DetailKey { max_length } => {
                single_line(text)?;
                length(text, max_length.or(Some(KEY_LENGTH)))?;
                Ok(Cell::Text(Cow::Borrowed(text)))
            }
            FieldKind::Multiline { max_length } => {
                nul_free(text)?;
                length(text, *max_length)?;
                Ok(Cell::Text(Cow::Borrowed(text)))
            }
            FieldKind::Email {} => rule(text, is_email(text), Code::EmailInvalid),
            FieldKind::Url {} => rule(text, is_url(text), Code::UrlInvalid),
            FieldKind::Phone {} => rule(text, is_phone(text), Code::PhoneInvalid),
            FieldKind::User {} | FieldKind::Link { .. } => {
                single_line(text)?;
                Ok(Cell::Text(Cow::Borrowed(text)))
            }
            FieldKind::File { .. } => match text.parse() {
                Ok(id) => Ok(Cell::Int(id)),
                Err(_) => Err(Broken::new(Code::FileUnknown)),
            },
            // What the store fills in elsewhere is a plain value where it was copied to.
            FieldKind::AutoNumber { .. } if self.is_copied() => {
                single_line(text)?;
                length(text, Some(KEY_LENGTH))?;
                Ok(Cell::Text(Cow::Borrowed(text)))
            }
            FieldKind::Calculated { scale, .. } if self.is_copied() => {
                number::parse(text, *scale, Rounding::Refuse, numbers.unwrap_or_default()).map(Cell::Int)
            }
            FieldKind::AutoNumber { .. } | FieldKind::Reference { .. } | FieldKind::Calculated { .. } => {
                Err(Broken::new(Code::ReadOnly))
            }
            // The effective column of a dependent field is its source, which is of another kind.
            FieldKind::Dependent { .. } => Err(Broken::new(Code::ReadOnly)),
        }
    }

    /// Whether the values come from another database.
    fn is_copied(&self) -> bool {
        matches!(self.field.kind, FieldKind::Dependent { .. })
    }

    fn in_range(&self, unscaled: i64) -> Result<i64, Broken> {
        let (low, high) = self.effective().range;
        if unscaled < low || unscaled > high { Err(self.out_of_range()) } else { Ok(unscaled) }
    }

    #[cold]
    fn out_of_range(&self) -> Broken {
        let FieldKind::Number { min, max, .. } = &self.effective().field.kind else {
            return Broken::new(Code::NumberRange);
        };
        let rule = match (min, max) {
            (Some(min), Some(max)) => words!("{min}以上{max}以下", "{min} to {max}"),
            (Some(min), None) => words!("{min}以上", "at least {min}"),
            (None, Some(max)) => words!("{max}以下", "at most {max}"),
            (None, None) => Words::NONE,
        };
        Broken::rule(Code::NumberRange, rule)
    }

    #[cold]
    fn mismatch(&self) -> Broken {
        Broken::rule(Code::TypeMismatch, self.effective().field.type_words())
    }
}

fn rule(text: &str, holds: bool, code: Code) -> Checked<'_> {
    if holds { Ok(Cell::Text(Cow::Borrowed(text))) } else { Err(Broken::new(code)) }
}

fn nul_free(text: &str) -> Result<(), Broken> {
    match memchr::memchr(0, text.as_bytes()) {
        None => Ok(()),
        Some(_) => Err(Broken::new(Code::TextNul)),
    }
}

fn single_line(text: &str) -> Result<(), Broken> {
    match memchr::memchr3(b'\n', b'\r', 0, text.as_bytes()) {
        None => Ok(()),
        Some(at) if text.as_bytes()[at] == 0 => Err(Broken::new(Code::TextNul)),
        Some(_) => Err(Broken::new(Code::TextLine)),
    }
}

fn length(text: &str, greatest: Option<u32>) -> Result<(), Broken> {
    let Some(greatest) = greatest else { return Ok(()) };
    // A text of so few bytes cannot have too many characters.
    if text.len() <= greatest as usize || text.chars().count() <= greatest as usize {
        return Ok(());
    }
    Err(Broken::rule(Code::TextLong, greatest.to_string()))
}

fn allowed(text: &str, characters: Characters) -> Result<(), Broken> {
    let half_kana = |c: char| ('\u{ff61}'..='\u{ff9f}').contains(&c);
    let (holds, ja, en) = match characters {
        Characters::Any => return Ok(()),
        Characters::Digits => (text.bytes().all(|byte| byte.is_ascii_digit()), "半角数字", "0-9"),
        Characters::Alphanumeric => {
            (text.bytes().all(|byte| byte.is_ascii_alphanumeric()), "半角英数字", "A-Z a-z 0-9")
        }
        Characters::Ascii => (text.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "半角英数字・記号", "ASCII"),
        Characters::NoHalfKana => {
            if text.chars().any(half_kana) {
                return Err(Broken::new(Code::TextHalfKana));
            }
            return Ok(());
        }
        Characters::FullWidth => (!text.chars().any(|c| c.is_ascii() || half_kana(c)), "全角", "full-width"),
    };
    if holds { Ok(()) } else { Err(Broken::rule(Code::TextCharacters, Words::both(ja, en))) }
}

/// Judges a whole key, as it is stored.
pub(crate) fn check_key<'a>(text: &'a str, parts: &[KeyPart], joiner: &str) -> Checked<'a> {
    single_line(text)?;
    length(text, Some(KEY_LENGTH))?;
    if let [part] = parts {
        return check_part(text, part).map(Cell::Text);
    }
    let form =
        || Broken::rule(Code::KeyFormat, words!("「{joiner}」でつないだ2つの部分", "two parts joined by \"{joiner}\""));
    // The joiner may stand in a part as well, so each place where it stands is tried.
    let mut refusal = form();
    for (at, _) in text.match_indices(joiner) {
        let (left, right) = (&text[..at], &text[at + joiner.len()..]);
        match (check_part(left, &parts[0]), check_part(right, &parts[1])) {
            (Ok(left), Ok(right)) => return Ok(Cell::Text(Cow::Owned(format!("{left}{joiner}{right}")))),
            (Err(broken), _) | (_, Err(broken)) => refusal = broken,
        }
    }
    Err(refusal)
}

/// Judges one part of a key; digits may be padded.
pub(crate) fn check_part<'a>(text: &'a str, part: &KeyPart) -> Result<Cow<'a, str>, Broken> {
    match part {
        KeyPart::Typed { max_length, characters, digits } => {
            if text.is_empty() {
                return Err(Broken::rule(Code::KeyFormat, words!("空の部分があります", "a part is empty")));
            }
            single_line(text)?;
            length(text, max_length.or(Some(KEY_LENGTH)))?;
            allowed(text, *characters)?;
            let wanted = usize::from(digits.unwrap_or(0));
            if text.len() < wanted && text.bytes().all(|byte| byte.is_ascii_digit()) {
                return Ok(Cow::Owned(format!("{text:0>wanted$}")));
            }
            Ok(Cow::Borrowed(text))
        }
        KeyPart::Choice { choices } => {
            if choices.iter().any(|choice| choice == text) {
                return Ok(Cow::Borrowed(text));
            }
            let all = choices.join(", ");
            Err(Broken::rule(Code::KeyFormat, words!("{all}のいずれか", "one of {all}")))
        }
        KeyPart::Automatic { format } => {
            let digits = text
                .strip_prefix(format.prefix.as_str())
                .and_then(|rest| rest.strip_suffix(format.suffix.as_str()))
                .filter(|digits| !digits.is_empty() && digits.len() <= 27)
                .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
            if digits.is_some() {
                return Ok(Cow::Borrowed(text));
            }
            let form = format!("{}{}{}", format.prefix, "0".repeat(format.digits.into()), format.suffix);
            Err(Broken::rule(Code::KeyFormat, words!("例: {form}", "like {form}")))
        }
    }
}

/// As people and browsers take mail addresses: something, one `@`, a domain; not the whole of RFC 5321.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let plain = |part: &str| !part.chars().any(|c| c.is_whitespace() || c.is_control() || "()<>[]:;\\,\"@".contains(c));
    !local.is_empty()
        && local.len() <= 64
        && plain(local)
        && domain.len() <= 253
        && plain(domain)
        && domain.split('.').all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'))
}

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let Some(rest) = rest else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    !host.is_empty() && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

fn is_phone(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let shape = text.bytes().enumerate().all(|(at, byte)| match byte {
        b'0'..=b'9' | b'-' | b'(' | b')' | b' ' => true,
        b'+' => at == 0,
        _ => false,
    });
    shape && (3..=20).contains(&digits)
}

impl Labels {
    fn one(&self, label: &str) -> Result<i64, Broken> {
        self.number(label).ok_or_else(|| self.unknown())
    }

    /// Stored as text such as `[1][3]`.
    fn many<'a>(&self, labels: impl Iterator<Item = &'a str>) -> Checked<'static> {
        let mut numbers = Vec::new();
        for label in labels.filter(|label| !label.is_empty()) {
            numbers.push(self.one(label)?);
        }
        if numbers.is_empty() {
            return Ok(Cell::Null);
        }
        Ok(Cell::Text(Cow::Owned(Labels::stored_set(&mut numbers))))
    }

    #[cold]
    fn unknown(&self) -> Broken {
        let mut shown: Vec<&str> = self.usable().take(8).collect();
        if self.usable().count() > shown.len() {
            shown.push("…");
        }
        Broken::rule(Code::ChoiceUnknown, shown.join(", "))
    }
}
