//! Definitions of databases and fields: plain values with a stable JSON form.

use serde::{Deserialize, Serialize};

use super::display::{DatePattern, NumberDisplay};
use super::expression::Expression;
use super::number::{Number, NumberInput, Rounding};
use crate::error::{Error, Words};

/// A user-defined record type: ordered fields, exactly one of them the key.
///
/// ```
/// use renkei::{Database, Field};
///
/// let customers = Database::new("customers", "顧客")
///     .field(Field::key("number", "顧客番号"))
///     .field(Field::text("name", "顧客名").required().full_text())
///     .field(Field::number("balance", "残高", 2))
///     .detail(Field::date("visited", "訪問日"))
///     .detail(Field::multiline("report", "報告"));
/// let json = serde_json::to_value(&customers).unwrap();
/// assert_eq!(json["fields"][2]["scale"], 2);
/// assert_eq!(serde_json::from_value::<Database>(json).unwrap(), customers);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// The id by which hosts and the wire name the database; assigned when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    /// The machine name, which is also the name of the SQL table: letters (of any script), digits and `_`.
    pub code: String,
    /// The name shown to people.
    pub name: String,
    /// The header fields, in order; one of them is the key.
    pub fields: Vec<Field>,
    /// The fields of the detail rows (明細), in order; without any, records have no detail rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<Field>,
    /// How many header fields stand before the detail rows where a record is shown as a whole. Default: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details_at: Option<usize>,
    /// Whether records carry an approval state.
    #[serde(default, skip_serializing_if = "is_false")]
    pub approval: bool,
}

/// One typed column, of the header or of the detail rows.
///
/// In JSON the members of the type stand beside those common to all types:
/// `{"code": "price", "name": "単価", "type": "number", "scale": 2, "required": true}`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Field {
    /// The id by which hosts and the wire name the field; assigned when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    /// The machine name, which is also the name of the SQL column: letters (of any script), digits and `_`.
    pub code: String,
    /// The name shown to people.
    pub name: String,
    /// The type, with its own settings.
    #[serde(flatten)]
    pub kind: FieldKind,
    /// Whether a record must have a value here.
    #[serde(skip_serializing_if = "is_false")]
    pub required: bool,
    /// Whether no two records may have the same value here.
    #[serde(skip_serializing_if = "is_false")]
    pub unique: bool,
    /// What a new record has here when nothing is given: a value as text, or `now` for the present date or time. Records
    /// that exist when the field is added get it too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// Whether searches and sorts by this field are served by an index.
    #[serde(skip_serializing_if = "is_false")]
    pub index: bool,
    /// Whether `contains` on this field is served by a full-text index; text fields only.
    #[serde(skip_serializing_if = "is_false")]
    pub full_text: bool,
    /// Whether the field is out of use: its values are kept, but it is neither shown nor written.
    #[serde(skip_serializing_if = "is_false")]
    pub retired: bool,
}

/// The type of a field and the settings that belong to the type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum FieldKind {
    /// The one unique business key of a record (キー項目): text, zeros kept.
    Key {
        /// One part, or two joined. Default: one typed part.
        #[serde(default = "KeyPart::default_parts")]
        parts: Vec<KeyPart>,
        /// What stands between two parts.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        joiner: String,
    },
    /// The key of a detail row (明細キー), unique within its record.
    DetailKey {
        /// The greatest length in characters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_length: Option<u32>,
    },
    /// Text of one line.
    Text {
        /// The greatest length in characters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_length: Option<u32>,
        /// Which characters may stand in it.
        #[serde(default, skip_serializing_if = "Characters::is_any")]
        characters: Characters,
    },
    /// Text of many lines.
    Multiline {
        /// The greatest length in characters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_length: Option<u32>,
    },
    /// An exact decimal number of at most 18 digits.
    Number {
        /// The decimal places that are kept, 0 to 18.
        #[serde(default, skip_serializing_if = "is_zero")]
        scale: u8,
        /// The least value.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        min: Option<Number>,
        /// The greatest value.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max: Option<Number>,
        /// What happens to more decimal places than are kept. Default: they are refused.
        #[serde(default, skip_serializing_if = "is_default")]
        rounding: Rounding,
        /// Whether text is read strictly, or full-width digits, grouping and units are understood.
        #[serde(default, skip_serializing_if = "is_default")]
        input: NumberInput,
        /// How it is shown to people.
        #[serde(default, skip_serializing_if = "is_default")]
        display: NumberDisplay,
    },
    /// A calendar date.
    Date {
        /// How it is shown to people, such as `YYYY年MM月DD日`. Default: `YYYY/MM/DD`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        display: Option<DatePattern>,
        /// How it stands in CSV files that machines read. Default: `YYYY-MM-DD`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        csv: Option<DatePattern>,
    },
    /// A civil date and time, to the second, without a time zone.
    #[serde(rename = "datetime")]
    DateTime {
        /// How it is shown to people. Default: `YYYY/MM/DD hh:mm`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        display: Option<DatePattern>,
        /// How it stands in CSV files that machines read. Default: `YYYY-MM-DD hh:mm:ss`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        csv: Option<DatePattern>,
    },
    /// A time of day, to the second.
    Time {
        /// How it is shown to people. Default: `hh:mm`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        display: Option<DatePattern>,
        /// How it stands in CSV files that machines read. Default: `hh:mm:ss`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        csv: Option<DatePattern>,
    },
    /// One of several labels.
    Choice {
        /// The labels, in order.
        choices: Vec<Choice>,
    },
    /// Any number of several labels.
    Choices {
        /// The labels, in order.
        choices: Vec<Choice>,
    },
    /// A user of the store, by code.
    User {},
    /// A mail address.
    Email {},
    /// An http or https address.
    Url {},
    /// A phone number.
    Phone {},
    /// A number given by the store when the record is registered, and never changed. Records that exist when the field is
    /// added are numbered in their order.
    AutoNumber {
        /// How it is made.
        #[serde(default)]
        format: AutoNumber,
    },
    /// A record of another database, by its key.
    Link {
        /// The code of the linked database.
        database: String,
    },
    /// A value copied through a link when the link is written; it may be changed afterwards.
    Dependent {
        /// The code of the link field, in the same header or detail row.
        link: String,
        /// The code of the field in the linked database.
        source: String,
    },
    /// A value of the linked record, read through the link and stored nowhere.
    Reference {
        /// The code of the link field, in the same header or detail row.
        link: String,
        /// The code of the field in the linked database.
        source: String,
    },
    /// A number calculated from number fields whenever the record is written.
    Calculated {
        /// The calculation, such as `price * quantity`.
        expression: Expression,
        /// The decimal places that are kept, 0 to 18.
        #[serde(default, skip_serializing_if = "is_zero")]
        scale: u8,
        /// What happens to further decimal places. Default: half up.
        #[serde(default = "half_up", skip_serializing_if = "is_half_up")]
        rounding: Rounding,
        /// How it is shown to people.
        #[serde(default, skip_serializing_if = "is_default")]
        display: NumberDisplay,
    },
    /// A stored file.
    File {
        /// The largest file, in bytes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_bytes: Option<u64>,
    },
}

/// One part of a key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum KeyPart {
    /// A number given by the store.
    Automatic {
        /// How it is made.
        #[serde(default)]
        format: AutoNumber,
    },
    /// Typed by whoever registers the record.
    Typed {
        /// The greatest length in characters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_length: Option<u32>,
        /// Which characters may stand in it.
        #[serde(default, skip_serializing_if = "Characters::is_any")]
        characters: Characters,
        /// Digits alone are padded with zeros to this length.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        digits: Option<u8>,
    },
    /// Chosen from fixed texts.
    Choice {
        /// The texts.
        choices: Vec<String>,
    },
}

impl KeyPart {
    /// A typed part without further rules.
    pub fn typed() -> KeyPart {
        KeyPart::Typed { max_length: None, characters: Characters::Any, digits: None }
    }

    fn default_parts() -> Vec<KeyPart> {
        vec![KeyPart::typed()]
    }
}

/// How automatic numbers are made: prefix, date, serial padded with zeros.
///
/// A serial that outgrows its digits gets one digit more.
///
/// Each number is given once, and no two records have the same; but numbers have gaps. One is used up when the record it
/// was for is refused later on in the same transaction (a line of an import, a call inside
/// [`Store::transaction`](crate::Store::transaction) whose error is passed over), when a given key has it already, and
/// when its record is deleted. What is rolled back as a whole (a refused call, an atomic import, a dry run) uses up none.
/// Nothing may be concluded from a gap, and a series without gaps is to be given by the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AutoNumber {
    /// Text before the number.
    pub prefix: String,
    /// Text after the number.
    pub suffix: String,
    /// The digits of the serial, padded with zeros.
    pub digits: u8,
    /// The first serial.
    pub start: i64,
    /// The date before the serial, and with it the time at which the serial starts again.
    pub date: NumberDate,
}

impl Default for AutoNumber {
    fn default() -> AutoNumber {
        AutoNumber { prefix: String::new(), suffix: String::new(), digits: 9, start: 1, date: NumberDate::None }
    }
}

/// The date part of an automatic number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberDate {
    /// Serial only, never starting again.
    #[default]
    None,
    /// `2026`, starting again each year.
    Year,
    /// `202601`, starting again each month.
    Month,
    /// `20260131`, starting again each day.
    Day,
}

/// Which characters a text may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Characters {
    /// Every character, except line breaks in one-line text and NUL.
    #[default]
    Any,
    /// ASCII digits.
    Digits,
    /// ASCII letters and digits.
    Alphanumeric,
    /// Printable ASCII characters.
    Ascii,
    /// Everything except half-width katakana.
    NoHalfKana,
    /// Full-width characters: no ASCII, no half-width katakana.
    FullWidth,
}

impl Characters {
    fn is_any(&self) -> bool {
        *self == Characters::Any
    }
}

/// One label of a choice field. In JSON a bare text stands for a label without further settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "ChoiceForm")]
pub struct Choice {
    /// The number that is stored for the label; assigned when absent, so that labels can be renamed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    /// The label shown and taken.
    pub label: String,
    /// Whether the label is kept for old records only.
    #[serde(skip_serializing_if = "is_false")]
    pub retired: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ChoiceForm {
    Label(String),
    Whole(ChoiceMembers),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChoiceMembers {
    #[serde(default)]
    id: Option<i64>,
    label: String,
    #[serde(default)]
    retired: bool,
}

impl From<ChoiceForm> for Choice {
    fn from(form: ChoiceForm) -> Choice {
        match form {
            ChoiceForm::Label(label) => Choice { id: None, label, retired: false },
            ChoiceForm::Whole(ChoiceMembers { id, label, retired }) => Choice { id, label, retired },
        }
    }
}

impl From<&str> for Choice {
    fn from(label: &str) -> Choice {
        Choice { id: None, label: label.to_owned(), retired: false }
    }
}

fn is_false(value: &bool) -> bool {
    !*value
}

fn is_zero(value: &u8) -> bool {
    *value == 0
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn half_up() -> Rounding {
    Rounding::HalfUp
}

fn is_half_up(value: &Rounding) -> bool {
    *value == Rounding::HalfUp
}

/// Serde cannot flatten an enum and refuse unknown members at the same time, so the common members are taken out first
/// and the type's own reader judges the rest.
impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Field, D::Error> {
        use serde::de::Error as _;

        let mut members = serde_json::Map::deserialize(deserializer)?;
        let label = match members.get("code") {
            Some(serde_json::Value::String(code)) => format!("field \"{code}\""),
            _ => "a field without a \"code\"".to_owned(),
        };
        fn take<T: serde::de::DeserializeOwned, E: serde::de::Error>(
            members: &mut serde_json::Map<String, serde_json::Value>,
            label: &str,
            name: &str,
        ) -> Result<Option<T>, E> {
            match members.remove(name) {
                None => Ok(None),
                Some(value) => serde_json::from_value(value)
                    .map(Some)
                    .map_err(|error| E::custom(format_args!("{label}, member \"{name}\": {error}"))),
            }
        }
        let missing = |name: &str| D::Error::custom(format_args!("{label} has no \"{name}\""));
        let code: String = take(&mut members, &label, "code")?.ok_or_else(|| missing("code"))?;
        let name: String = take(&mut members, &label, "name")?.unwrap_or_else(|| code.clone());
        let id = take(&mut members, &label, "id")?;
        let required = take(&mut members, &label, "required")?.unwrap_or(false);
        let unique = take(&mut members, &label, "unique")?.unwrap_or(false);
        let default = take(&mut members, &label, "default")?;
        let index = take(&mut members, &label, "index")?.unwrap_or(false);
        let full_text = take(&mut members, &label, "full_text")?.unwrap_or(false);
        let retired = take(&mut members, &label, "retired")?.unwrap_or(false);
        let kind = serde_json::from_value(serde_json::Value::Object(members))
            .map_err(|error| D::Error::custom(format_args!("{label}: {error}")))?;
        Ok(Field { id, code, name, kind, required, unique, default, index, full_text, retired })
    }
}

impl Database {
    /// Reads the definition of one database; see [`definitions`](crate::definitions) for its form.
    ///
    /// # Errors
    ///
    /// [`Code::DefinitionJson`](crate::Code::DefinitionJson), with the place in the document.
    pub fn from_json(json: &str) -> crate::error::Result<Database> {
        serde_json::from_str(json).map_err(Error::json)
    }

    /// A database without fields yet.
    pub fn new(code: impl Into<String>, name: impl Into<String>) -> Database {
        Database {
            id: None,
            code: code.into(),
            name: name.into(),
            fields: Vec::new(),
            details: Vec::new(),
            details_at: None,
            approval: false,
        }
    }

    /// Adds a header field.
    pub fn field(mut self, field: Field) -> Database {
        self.fields.push(field);
        self
    }

    /// Adds a field of the detail rows.
    pub fn detail(mut self, field: Field) -> Database {
        self.details.push(field);
        self
    }

    /// Shows the detail rows behind the first `fields` header fields, instead of behind all of them.
    pub fn details_at(mut self, fields: usize) -> Database {
        self.details_at = Some(fields);
        self
    }

    /// Gives the records an approval state.
    pub fn with_approval(mut self) -> Database {
        self.approval = true;
        self
    }
}

impl Field {
    /// A field of the given type.
    pub fn new(code: impl Into<String>, name: impl Into<String>, kind: FieldKind) -> Field {
        Field {
            id: None,
            code: code.into(),
            name: name.into(),
            kind,
            required: false,
            unique: false,
            default: None,
            index: false,
            full_text: false,
            retired: false,
        }
    }

    /// A typed key.
    pub fn key(code: impl Into<String>, name: impl Into<String>) -> Field {
        Field::new(code, name, FieldKind::Key { parts: KeyPart::default_parts(), joiner: String::new() })
    }

    /// A key numbered by the store.
    pub fn auto_key(code: impl Into<String>, name: impl Into<String>, format: AutoNumber) -> Field {
        let parts = vec![KeyPart::Automatic { format }];
        Field::new(code, name, FieldKind::Key { parts, joiner: String::new() })
    }

    /// The key of detail rows.
    pub fn detail_key(code: impl Into<String>, name: impl Into<String>) -> Field {
        Field::new(code, name, FieldKind::DetailKey { max_length: None })
    }

    /// Text of one line.
    pub fn text(code: impl Into<String>, name: impl Into<String>) -> Field {
        Field::new(code, name, FieldKind::Text { max_length: None, characters: Characters::Any })
    }

    /// Text of many lines.
    pub fn multiline(code: impl Into<String>, name: impl Into<String>) -> Field {
        Field::new(code, name, FieldKind::Multiline { max_length: None })
    }

    /// A number with `scale` decimal places.
    pub fn number(code: impl Into<String>, name: impl Into<String>, scale: u8) -> Field {
        let kind = FieldKind::Number {
            scale,
            min: None,
            max: None,
            rounding: Rounding::Refuse,
            input: NumberInput::Strict,
            display: NumberDisplay::default(),
        };
        Field::new(code, name, kind)
    }

    /// A date.
    pub fn date(code: impl Into<String>, name: impl Into<String>) -> Field {
        Field::new(code, name, FieldKind::Date { display: None, csv: None })
    }

    /// A date and time.
    pub fn datetime(code: impl Into<String>, name: impl Into<String>) -> Field {
        Field::new(code, name, FieldKind::DateTime { display: None, csv: None })
    }

    /// A time of day.
    pub fn time(code: impl Into<String>, name: impl Into<String>) -> Field {
        Field::new(code, name, FieldKind::Time { display: None, csv: None })
    }

    /// One of `labels`.
    pub fn choice(code: impl Into<String>, name: impl Into<String>, labels: &[&str]) -> Field {
        let choices = labels.iter().map(|label| Choice::from(*label)).collect();
        Field::new(code, name, FieldKind::Choice { choices })
    }

    /// Any number of `labels`.
    pub fn choices(code: impl Into<String>, name: impl Into<String>, labels: &[&str]) -> Field {
        let choices = labels.iter().map(|label| Choice::from(*label)).collect();
        Field::new(code, name, FieldKind::Choices { choices })
    }

    /// A link to the records of another database.
    pub fn link(code: impl Into<String>, name: impl Into<String>, database: impl Into<String>) -> Field {
        Field::new(code, name, FieldKind::Link { database: database.into() })
    }

    /// A value copied through `link`.
    pub fn dependent(
        code: impl Into<String>,
        name: impl Into<String>,
        link: impl Into<String>,
        source: impl Into<String>,
    ) -> Field {
        Field::new(code, name, FieldKind::Dependent { link: link.into(), source: source.into() })
    }

    /// A value read through `link`.
    pub fn reference(
        code: impl Into<String>,
        name: impl Into<String>,
        link: impl Into<String>,
        source: impl Into<String>,
    ) -> Field {
        Field::new(code, name, FieldKind::Reference { link: link.into(), source: source.into() })
    }

    /// A number calculated by `expression`, kept with `scale` decimal places.
    ///
    /// # Errors
    ///
    /// When the expression cannot be read; the message says where.
    pub fn calculated(
        code: impl Into<String>,
        name: impl Into<String>,
        scale: u8,
        expression: &str,
    ) -> crate::error::Result<Field> {
        let expression = expression.parse()?;
        let kind =
            FieldKind::Calculated { expression, scale, rounding: Rounding::HalfUp, display: NumberDisplay::default() };
        Ok(Field::new(code, name, kind))
    }

    /// A number given by the store.
    pub fn auto_number(code: impl Into<String>, name: impl Into<String>, format: AutoNumber) -> Field {
        Field::new(code, name, FieldKind::AutoNumber { format })
    }

    /// A stored file.
    pub fn file(code: impl Into<String>, name: impl Into<String>) -> Field {
        Field::new(code, name, FieldKind::File { max_bytes: None })
    }

    /// A value must be given.
    pub fn required(mut self) -> Field {
        self.required = true;
        self
    }

    /// No two records may have the same value.
    pub fn unique(mut self) -> Field {
        self.unique = true;
        self
    }

    /// What a new record has when nothing is given.
    pub fn default_value(mut self, text: impl Into<String>) -> Field {
        self.default = Some(text.into());
        self
    }

    /// An index serves searches and sorts.
    pub fn indexed(mut self) -> Field {
        self.index = true;
        self
    }

    /// A full-text index serves `contains`.
    pub fn full_text(mut self) -> Field {
        self.full_text = true;
        self
    }

    /// The field is out of use.
    pub fn retired(mut self) -> Field {
        self.retired = true;
        self
    }

    pub(crate) fn is_key(&self) -> bool {
        matches!(self.kind, FieldKind::Key { .. })
    }

    /// The word for the type in messages.
    pub(crate) fn type_words(&self) -> Words {
        let ja = match &self.kind {
            FieldKind::Key { .. } => "キー",
            FieldKind::DetailKey { .. } => "明細キー",
            FieldKind::Text { .. } => "文字列",
            FieldKind::Multiline { .. } => "文字列（複数行）",
            FieldKind::Number { .. } => "数値",
            FieldKind::Date { .. } => "日付",
            FieldKind::DateTime { .. } => "日時",
            FieldKind::Time { .. } => "時間",
            FieldKind::Choice { .. } => "選択",
            FieldKind::Choices { .. } => "複数選択",
            FieldKind::User {} => "ユーザ",
            FieldKind::Email {} => "メールアドレス",
            FieldKind::Url {} => "URL",
            FieldKind::Phone {} => "電話番号",
            FieldKind::AutoNumber { .. } => "自動採番",
            FieldKind::Link { .. } => "リンク",
            FieldKind::Dependent { .. } => "従属",
            FieldKind::Reference { .. } => "参照",
            FieldKind::Calculated { .. } => "計算",
            FieldKind::File { .. } => "ファイル",
        };
        Words::both(ja, self.type_name())
    }

    /// The word for the type in JSON.
    pub fn type_name(&self) -> &'static str {
        match &self.kind {
            FieldKind::Key { .. } => "key",
            FieldKind::DetailKey { .. } => "detail_key",
            FieldKind::Text { .. } => "text",
            FieldKind::Multiline { .. } => "multiline",
            FieldKind::Number { .. } => "number",
            FieldKind::Date { .. } => "date",
            FieldKind::DateTime { .. } => "datetime",
            FieldKind::Time { .. } => "time",
            FieldKind::Choice { .. } => "choice",
            FieldKind::Choices { .. } => "choices",
            FieldKind::User {} => "user",
            FieldKind::Email {} => "email",
            FieldKind::Url {} => "url",
            FieldKind::Phone {} => "phone",
            FieldKind::AutoNumber { .. } => "auto_number",
            FieldKind::Link { .. } => "link",
            FieldKind::Dependent { .. } => "dependent",
            FieldKind::Reference { .. } => "reference",
            FieldKind::Calculated { .. } => "calculated",
            FieldKind::File { .. } => "file",
        }
    }
}
