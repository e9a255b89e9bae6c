//! What of an answer is saved in the record.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::super::transport::Answer;
use crate::error::{Code, Error, Result, Words, shorten, words};
use crate::schema::Value;

/// A part of the answer that is saved in a field of the record.
///
/// ```
/// use renkei::SaveAnswer;
///
/// let save: SaveAnswer = serde_json::from_str(r#"{"field": "status", "from": "status", "when": "always"}"#)?;
/// assert_eq!(save, SaveAnswer::status("status").always());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SaveAnswer {
    /// The code of a header field.
    pub field: String,
    /// What is saved.
    pub from: AnswerPart,
    /// After which results.
    #[serde(default, skip_serializing_if = "is_success")]
    pub when: SaveWhen,
}

fn is_success(when: &SaveWhen) -> bool {
    *when == SaveWhen::Success
}

/// What may be saved of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AnswerPart {
    /// A value of the answer's JSON, by a JSON pointer (RFC 6901) such as `/messages/0/id`. Numbers are saved exactly, an
    /// array of strings as labels, other arrays and objects as their JSON text. Where there is nothing, nothing is saved.
    Json(String),
    /// The first header of this name; empty when there is none.
    Header(String),
    /// The HTTP status; empty when there was no answer.
    Status,
    /// The whole body, as text.
    Text,
    /// The moment at which the result was stored.
    Time,
    /// The id of the delivery.
    Delivery,
    /// Why it failed, in Japanese; empty after a success.
    Error,
}

/// After which results a part is saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SaveWhen {
    /// After a success.
    #[default]
    Success,
    /// After a failure, when it is given up.
    Failure,
    /// After both.
    Always,
}

impl SaveWhen {
    pub(super) fn holds(self, success: bool) -> bool {
        match self {
            SaveWhen::Success => success,
            SaveWhen::Failure => !success,
            SaveWhen::Always => true,
        }
    }

    /// Whether there is a result after which both hold.
    pub(super) fn meets(self, other: SaveWhen) -> bool {
        [true, false].into_iter().any(|success| self.holds(success) && other.holds(success))
    }
}

impl SaveAnswer {
    fn new(field: impl Into<String>, from: AnswerPart) -> SaveAnswer {
        SaveAnswer { field: field.into(), from, when: SaveWhen::default() }
    }

    /// Saves a value of the answer's JSON.
    pub fn json(field: impl Into<String>, pointer: impl Into<String>) -> SaveAnswer {
        SaveAnswer::new(field, AnswerPart::Json(pointer.into()))
    }

    /// Saves a header.
    pub fn header(field: impl Into<String>, name: impl Into<String>) -> SaveAnswer {
        SaveAnswer::new(field, AnswerPart::Header(name.into()))
    }

    /// Saves the HTTP status.
    pub fn status(field: impl Into<String>) -> SaveAnswer {
        SaveAnswer::new(field, AnswerPart::Status)
    }

    /// Saves the moment of the result.
    pub fn time(field: impl Into<String>) -> SaveAnswer {
        SaveAnswer::new(field, AnswerPart::Time)
    }

    /// Saves why it failed.
    pub fn error(field: impl Into<String>) -> SaveAnswer {
        SaveAnswer::new(field, AnswerPart::Error).always()
    }

    /// After failures too.
    pub fn always(mut self) -> SaveAnswer {
        self.when = SaveWhen::Always;
        self
    }

    pub(super) fn pointer(&self) -> Option<&str> {
        match &self.from {
            AnswerPart::Json(pointer) => Some(pointer),
            _ => None,
        }
    }
}

/// Why a text is no JSON pointer, if it is not.
pub(super) fn check_pointer(pointer: &str) -> Result<(), Words> {
    if !pointer.is_empty() && !pointer.starts_with('/') {
        let shown = shorten(pointer);
        return Err(words!(
            "JSONポインタ「{shown}」が/で始まっていません",
            "the JSON pointer \"{shown}\" does not begin with /"
        ));
    }
    let mut rest = pointer;
    while let Some(at) = rest.find('~') {
        rest = &rest[at + 1..];
        if !rest.starts_with(['0', '1']) {
            let shown = shorten(pointer);
            return Err(words!(
                "JSONポインタ「{shown}」の~の後が0でも1でもありません",
                "in the JSON pointer \"{shown}\" a ~ is not followed by 0 or 1"
            ));
        }
    }
    Ok(())
}

fn unusable(field: &str, rule: Words) -> Error {
    Error::new(Code::AnswerUnusable).with_field(field).with_rule(rule)
}

/// Finds a value in the JSON of an answer; `None` where there is nothing.
///
/// Values are taken from the text of the document, so that no number goes through a float.
pub(super) fn find(answer: &Answer, pointer: &str, field: &str) -> Result<Option<Value>> {
    let body = answer.body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&answer.body);
    let fault = |error: serde_json::Error| {
        let cut = match answer.is_cut {
            true => words!("（`answer_bytes`の上限で切られました）", "; it was cut off at the limit of `answer_bytes`"),
            false => Words::NONE,
        };
        let rule = words!("応答がJSONではありません: {error}{cut}", "the answer is not JSON: {error}{cut}"; cut);
        unusable(field, rule).with_source(error)
    };
    let mut found: &RawValue = serde_json::from_slice(body).map_err(fault)?;
    for token in pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        let next = match found.get().as_bytes().first() {
            Some(b'{') => {
                let mut members: BTreeMap<String, &RawValue> = serde_json::from_str(found.get()).map_err(fault)?;
                members.remove(&token)
            }
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(found.get()).map_err(fault)?;
                let plain = token == "0" || !token.starts_with('0') && token.bytes().all(|byte| byte.is_ascii_digit());
                token.parse::<usize>().ok().filter(|_| plain).and_then(|at| items.get(at).copied())
            }
            _ => None,
        };
        match next {
            Some(next) => found = next,
            None => return Ok(None),
        }
    }
    let text = found.get();
    Ok(Some(match text.as_bytes().first() {
        Some(b'"') => Value::from(serde_json::from_str::<String>(text).map_err(fault)?),
        Some(b'n') => Value::Empty,
        Some(b'[') => match serde_json::from_str::<Vec<String>>(text) {
            Ok(labels) => Value::Choices(labels),
            Err(_) => Value::from(text),
        },
        _ => Value::from(text),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(body: &str, pointer: &str) -> Result<Option<Value>> {
        let answer = Answer { status: 200, headers: Vec::new(), body: body.as_bytes().to_vec(), is_cut: false };
        find(&answer, pointer, "f")
    }

    #[test]
    fn pointers() {
        let body = r#"{"a":{"b":[{"id":"m-1"},{"id":12345678901234.567}]},"x/y":{"~":true},"":null,"l":["甲","乙"],"o":{"k": 1}}"#;
        let found = |pointer: &str| value(body, pointer).unwrap();
        assert_eq!(found("/a/b/0/id"), Some(Value::from("m-1")));
        assert_eq!(found("/a/b/1/id"), Some(Value::from("12345678901234.567")));
        assert_eq!(found("/x~1y/~0"), Some(Value::from("true")));
        assert_eq!(found("/"), Some(Value::Empty));
        assert_eq!(found("/l"), Some(Value::from(["甲", "乙"])));
        assert_eq!(found("/o"), Some(Value::from(r#"{"k": 1}"#)));
        for nothing in ["/b", "/a/b/2", "/a/b/00", "/a/b/-", "/a/b/0/id/x", "/l/+1"] {
            assert_eq!(found(nothing), None, "{nothing}");
        }
        assert_eq!(value("\u{feff}\"whole\"", "").unwrap(), Some(Value::from("whole")));
        for bad in ["", "<html>", "{\"a\":", "{\"a\":1} x"] {
            assert_eq!(value(bad, "/a").unwrap_err().code(), Code::AnswerUnusable, "{bad}");
        }
    }

    #[test]
    fn what_is_no_pointer() {
        for good in ["", "/", "/a/b", "/a~0~1"] {
            check_pointer(good).unwrap();
        }
        for bad in ["a", "/a~", "/a~2"] {
            check_pointer(bad).unwrap_err();
        }
    }
}
