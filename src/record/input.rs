//! What callers give: the values of a record, and how they are to be written.

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::schema::Value;

/// The values given for a record, by field code, field id or display name.
///
/// In JSON: an object of field → value, with the detail rows under `details`:
/// `{"name": "山田商店", "details": [{"visited": "2026-01-31"}]}`.
///
/// ```
/// use renkei::{DetailRow, Values};
///
/// let values = Values::new()
///     .set("name", "山田商店")
///     .set("tags", ["新規", "法人"])
///     .row(DetailRow::new().set("visited", "2026-01-31"));
/// let json = r#"{"name":"山田商店","tags":["新規","法人"],"details":[{"visited":"2026-01-31"}]}"#;
/// assert_eq!(serde_json::from_str::<Values>(json).unwrap(), values);
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Values {
    pub(crate) fields: Vec<(String, Value)>,
    pub(crate) rows: Vec<DetailRow>,
}

/// The values given for one detail row.
///
/// In JSON: an object of field → value; `_row` names the row to be changed by its id.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DetailRow {
    pub(crate) id: Option<i64>,
    pub(crate) fields: Vec<(String, Value)>,
}

impl Values {
    /// No values yet.
    pub fn new() -> Values {
        Values::default()
    }

    /// Sets a field; the last value given for a field counts.
    pub fn set(mut self, field: impl Into<String>, value: impl Into<Value>) -> Values {
        set(&mut self.fields, field.into(), value.into());
        self
    }

    /// Adds a detail row.
    pub fn row(mut self, row: DetailRow) -> Values {
        self.rows.push(row);
        self
    }

    /// The fields and their values, in the order given.
    pub fn fields(&self) -> &[(String, Value)] {
        &self.fields
    }

    /// The detail rows, in the order given.
    pub fn rows(&self) -> &[DetailRow] {
        &self.rows
    }
}

impl DetailRow {
    /// A row without values yet.
    pub fn new() -> DetailRow {
        DetailRow::default()
    }

    /// The row that is to be changed, by its id ([`RecordRow::id`](crate::RecordRow::id)).
    pub fn of(id: i64) -> DetailRow {
        DetailRow { id: Some(id), fields: Vec::new() }
    }

    /// Sets a field; the last value given for a field counts.
    pub fn set(mut self, field: impl Into<String>, value: impl Into<Value>) -> DetailRow {
        set(&mut self.fields, field.into(), value.into());
        self
    }

    /// The fields and their values, in the order given.
    pub fn fields(&self) -> &[(String, Value)] {
        &self.fields
    }
}

pub(crate) fn set(fields: &mut Vec<(String, Value)>, field: String, value: Value) {
    match fields.iter_mut().find(|(name, _)| *name == field) {
        Some((_, old)) => *old = value,
        None => fields.push((field, value)),
    }
}

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Values, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Values;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of field and value")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Values, A::Error> {
                let mut values = Values::default();
                while let Some(name) = map.next_key::<String>()? {
                    if name == "details" {
                        values.rows = map.next_value::<Option<Vec<DetailRow>>>()?.unwrap_or_default();
                    } else {
                        let value = map
                            .next_value::<Value>()
                            .map_err(|error| de::Error::custom(format_args!("\"{name}\": {error}")))?;
                        set(&mut values.fields, name, value);
                    }
                }
                Ok(values)
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

impl<'de> Deserialize<'de> for DetailRow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<DetailRow, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = DetailRow;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of field and value")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<DetailRow, A::Error> {
                let mut row = DetailRow::default();
                while let Some(name) = map.next_key::<String>()? {
                    if name == "_row" {
                        row.id = map.next_value()?;
                    } else {
                        let value = map
                            .next_value::<Value>()
                            .map_err(|error| de::Error::custom(format_args!("\"{name}\": {error}")))?;
                        set(&mut row.fields, name, value);
                    }
                }
                Ok(row)
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

/// Which record is meant.
///
/// ```
/// use renkei::{RecordId, Selector};
///
/// assert_eq!(Selector::from("000000007"), Selector::Key("000000007".to_owned()));
/// assert_eq!(Selector::from(RecordId(7)), Selector::Id(7));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// The record with this key.
    Key(String),
    /// The record with this record id.
    Id(i64),
}

/// A record id (the `[ID]` of a record), to tell it from a key that looks like a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecordId(pub i64);

impl From<&str> for Selector {
    fn from(key: &str) -> Selector {
        Selector::Key(key.to_owned())
    }
}

impl From<String> for Selector {
    fn from(key: String) -> Selector {
        Selector::Key(key)
    }
}

impl From<&String> for Selector {
    fn from(key: &String) -> Selector {
        Selector::Key(key.clone())
    }
}

impl From<RecordId> for Selector {
    fn from(id: RecordId) -> Selector {
        Selector::Id(id.0)
    }
}

impl std::fmt::Display for Selector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Selector::Key(key) => write!(f, "\"{key}\""),
            Selector::Id(id) => write!(f, "[{id}]"),
        }
    }
}

/// What a write does with the detail rows that a record has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DetailMode {
    /// A given row that names a row (by its id or detail key) changes it; the others are appended.
    #[default]
    Merge,
    /// Every given row is appended.
    Append,
    /// The given rows take the place of all rows.
    Replace,
}

/// Who gives the key of a new record whose key is numbered by the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyMode {
    /// The store; a key that is given is passed over.
    #[default]
    Issue,
    /// The caller where a key is given, else the store.
    Given,
}

/// How records are registered and updated. Made with [`WriteOptions::new`] and the methods.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WriteOptions {
    pub(crate) expected_revision: Option<i64>,
    pub(crate) details: DetailMode,
    pub(crate) key_mode: KeyMode,
    pub(crate) fill_dependents: bool,
    pub(crate) approve: bool,
}

impl Default for WriteOptions {
    fn default() -> WriteOptions {
        WriteOptions {
            expected_revision: None,
            details: DetailMode::Merge,
            key_mode: KeyMode::Issue,
            fill_dependents: true,
            approve: false,
        }
    }
}

impl WriteOptions {
    /// The defaults: no expected revision, merge detail rows, issue keys, fill dependent fields.
    pub fn new() -> WriteOptions {
        WriteOptions::default()
    }

    /// The record must still have this revision; else [`Code::RevisionConflict`](crate::Code::RevisionConflict).
    pub fn expect_revision(mut self, revision: i64) -> WriteOptions {
        self.expected_revision = Some(revision);
        self
    }

    /// What happens to the detail rows that the record has. Default: [`DetailMode::Merge`].
    pub fn details(mut self, mode: DetailMode) -> WriteOptions {
        self.details = mode;
        self
    }

    /// Who gives the key. Default: [`KeyMode::Issue`].
    pub fn key_mode(mut self, mode: KeyMode) -> WriteOptions {
        self.key_mode = mode;
        self
    }

    /// Whether setting a link fills the dependent fields that are not given themselves. Default: yes.
    pub fn fill_dependents(mut self, fill: bool) -> WriteOptions {
        self.fill_dependents = fill;
        self
    }

    /// Whether a new record is approved at once. Default: no.
    pub fn approve(mut self, approve: bool) -> WriteOptions {
        self.approve = approve;
        self
    }
}
