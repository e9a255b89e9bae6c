//! Values as callers see them, and cells as they are stored.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, IntoDeserializer, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::date::{Date, DateTime, Time};
use super::number::Number;

/// A value of a field, given or read.
///
/// When given, a text is understood by every type: `"1,234"` or `"2026-01-31"` obey the rules of the field they go into.
/// When read, the value has the type of its field; choices are labels, links are keys, users are user codes.
///
/// ```
/// use renkei::Value;
///
/// assert_eq!(Value::from(12), Value::Number(12.into()));
/// assert_eq!(Value::from(None::<&str>), Value::Empty);
/// assert_eq!(serde_json::to_string(&Value::from("済")).unwrap(), "\"済\"");
/// ```
///
/// It is made from texts, whole numbers of every width, [`Number`]s, dates and times, from lists of texts, and from an
/// [`Option`] of these. A `bool` becomes the text `true` or `false`, such as the labels of a choice. There is no way from
/// a float, which does not say what was meant: give a [`Number`] or its text.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub enum Value {
    /// No value. JSON: `null`; an empty text is the same when given.
    #[default]
    Empty,
    /// Text; also the label of a choice, the key of a linked record, the code of a user. JSON: a string.
    Text(String),
    /// An exact number. JSON: a number where it is a whole one, else a string.
    Number(Number),
    /// A date. JSON: `"2026-01-31"`.
    Date(Date),
    /// A date and time. JSON: `"2026-01-31 09:30:00"`.
    DateTime(DateTime),
    /// A time of day. JSON: `"09:30:00"`.
    Time(Time),
    /// Several labels. JSON: an array of strings.
    Choices(Vec<String>),
    /// The id of a stored file. JSON: a number.
    File(i64),
}

impl Value {
    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        match self {
            Value::Empty => true,
            Value::Text(text) => text.is_empty(),
            Value::Choices(labels) => labels.is_empty(),
            _ => false,
        }
    }

    /// The value as plain text: what an export in raw formats without patterns of its own would write.
    pub fn to_text(&self) -> String {
        match self {
            Value::Empty => String::new(),
            Value::Text(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Date(date) => date.to_string(),
            Value::DateTime(datetime) => datetime.to_string(),
            Value::Time(time) => time.to_string(),
            Value::Choices(labels) => labels.join(","),
            Value::File(id) => id.to_string(),
        }
    }

    /// The text, if the value is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if the value is one.
    pub fn as_number(&self) -> Option<Number> {
        match self {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }
}

macro_rules! value_from {
    ($($type:ty => $make:expr;)*) => {
        $(impl From<$type> for Value {
            fn from(given: $type) -> Value {
                let make: fn($type) -> Value = $make;
                make(given)
            }
        })*
    };
}

value_from! {
    &str => |text| if text.is_empty() { Value::Empty } else { Value::Text(text.to_owned()) };
    String => |text| if text.is_empty() { Value::Empty } else { Value::Text(text) };
    &String => |text| Value::from(text.as_str());
    Number => Value::Number;
    &Number => |number| Value::Number(*number);
    i8 => |number| Value::from(i64::from(number));
    i16 => |number| Value::from(i64::from(number));
    i32 => |number| Value::from(i64::from(number));
    i64 => |number| Value::Number(Number::from(number));
    u8 => |number| Value::from(i64::from(number));
    u16 => |number| Value::from(i64::from(number));
    u32 => |number| Value::from(i64::from(number));
    // What is too large for a number is refused by the field, as its text would be.
    u64 => |number| i64::try_from(number).map_or_else(|_| Value::Text(number.to_string()), Value::from);
    usize => |number| Value::from(number as u64);
    isize => |number| Value::from(number as i64);
    bool => |truth| Value::Text(truth.to_string());
    Cow<'_, str> => |text| if text.is_empty() { Value::Empty } else { Value::Text(text.into_owned()) };
    Date => Value::Date;
    DateTime => Value::DateTime;
    Time => Value::Time;
    Vec<String> => Value::Choices;
    &Vec<String> => |labels| Value::Choices(labels.clone());
    &[String] => |labels| Value::Choices(labels.to_vec());
    Vec<&str> => |labels| Value::from(labels.as_slice());
    &[&str] => |labels| Value::Choices(labels.iter().map(|label| label.to_string()).collect());
}

impl<const N: usize> From<[&str; N]> for Value {
    fn from(labels: [&str; N]) -> Value {
        Value::from(labels.as_slice())
    }
}

impl<const N: usize> From<[String; N]> for Value {
    fn from(labels: [String; N]) -> Value {
        Value::Choices(labels.into())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(given: Option<T>) -> Value {
        given.map_or(Value::Empty, Into::into)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Empty => serializer.serialize_none(),
            Value::Text(text) => serializer.serialize_str(text),
            Value::Number(number) => number.serialize(serializer),
            Value::Date(date) => date.serialize(serializer),
            Value::DateTime(datetime) => datetime.serialize(serializer),
            Value::Time(time) => time.serialize(serializer),
            Value::Choices(labels) => labels.serialize(serializer),
            Value::File(id) => serializer.serialize_i64(*id),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

/// Takes a value as it comes, without an intermediate form: records of many fields are read this way.
struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("null, a text, a number or an array of texts")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Empty)
    }

    fn visit_none<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Empty)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_i64<E: de::Error>(self, whole: i64) -> Result<Value, E> {
        Number::deserialize(whole.into_deserializer()).map(Value::Number)
    }

    fn visit_u64<E: de::Error>(self, whole: u64) -> Result<Value, E> {
        Number::deserialize(whole.into_deserializer()).map(Value::Number)
    }

    fn visit_f64<E: de::Error>(self, float: f64) -> Result<Value, E> {
        Number::deserialize(float.into_deserializer()).map(Value::Number)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut labels = Vec::new();
        while let Some(label) = seq.next_element()? {
            labels.push(label);
        }
        Ok(Value::Choices(labels))
    }
}

/// A value in the form in which it is stored: numbers scaled, dates as days, choices as the numbers of their labels.
///
/// Until it is resolved, a link is the key it names and a user or file what was given; see the room of records.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell<'a> {
    Null,
    Int(i64),
    Text(Cow<'a, str>),
}

impl<'a> Cell<'a> {
    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Cell::Null)
    }

    pub(crate) fn int(&self) -> Option<i64> {
        match self {
            Cell::Int(int) => Some(*int),
            _ => None,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Cell::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn borrowed(&self) -> Cell<'_> {
        match self {
            Cell::Null => Cell::Null,
            Cell::Int(int) => Cell::Int(*int),
            Cell::Text(text) => Cell::Text(Cow::Borrowed(text)),
        }
    }

    pub(crate) fn into_owned(self) -> Cell<'static> {
        match self {
            Cell::Null => Cell::Null,
            Cell::Int(int) => Cell::Int(int),
            Cell::Text(text) => Cell::Text(Cow::Owned(text.into_owned())),
        }
    }

    /// What a column of a result row holds.
    #[inline]
    pub(crate) fn from_sql(value: rusqlite::types::ValueRef<'a>) -> crate::error::Result<Cell<'a>> {
        use rusqlite::types::ValueRef;
        match value {
            ValueRef::Null => Ok(Cell::Null),
            ValueRef::Integer(int) => Ok(Cell::Int(int)),
            ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(Cell::Text(Cow::Borrowed(text))),
                Err(error) => Err(crate::error::Error::new(crate::error::Code::StoreCorrupt)
                    .with_rule("a stored text is not UTF-8")
                    .with_source(error)),
            },
            other => Err(crate::error::Error::new(crate::error::Code::StoreCorrupt)
                .with_rule(format!("a field holds {}", other.data_type()))),
        }
    }
}

impl rusqlite::ToSql for Cell<'_> {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        use rusqlite::types::{ToSqlOutput, ValueRef};
        Ok(ToSqlOutput::Borrowed(match self {
            Cell::Null => ValueRef::Null,
            Cell::Int(int) => ValueRef::Integer(*int),
            Cell::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_made_from_what_programs_have() {
        for (value, text) in [
            (Value::from(7u64), "7"),
            (Value::from(u64::MAX), "18446744073709551615"),
            (Value::from(7usize), "7"),
            (Value::from(-7i8), "-7"),
            (Value::from(true), "true"),
            (Value::from(Cow::Borrowed("済")), "済"),
            (Value::from(&["a".to_owned(), "b".to_owned()][..]), "a,b"),
            (Value::from(["a".to_owned()]), "a"),
            (Value::from(vec!["a", "b"]), "a,b"),
            (Value::from(vec!["a".to_owned()]), "a"),
            (Value::from(Some(3u8)), "3"),
            (Value::from(Some(vec!["a".to_owned()])), "a"),
            (Value::from(None::<bool>), ""),
        ] {
            assert_eq!(value.to_text(), text);
        }
        assert_eq!(Value::from(Cow::Borrowed("")), Value::Empty);
        assert_eq!(Value::from(7u64), Value::from(7));
    }

    #[test]
    fn json_values_are_read_as_they_come_and_never_rounded() {
        let read = |json: &str| serde_json::from_str::<Value>(json);
        assert_eq!(read("null").unwrap(), Value::Empty);
        assert_eq!(read("\"\"").unwrap(), Value::Empty);
        assert_eq!(read("\"\\u3042\"").unwrap(), Value::from("あ"));
        assert_eq!(read("-12").unwrap(), Value::from(-12));
        assert_eq!(read("1.25").unwrap(), Value::Number("1.25".parse().unwrap()));
        assert_eq!(read("[\"a\",\"b\"]").unwrap(), Value::from(["a", "b"]));
        assert_eq!(read("[]").unwrap(), Value::Choices(Vec::new()));
        for refused in ["0.12345678901234567", "1e300", "9999999999999999999", "true", "{}", "[1]", "[null]"] {
            assert!(read(refused).is_err(), "{refused}");
        }
        assert!(read("true").unwrap_err().to_string().contains("null, a text, a number or an array of texts"));
    }
}
