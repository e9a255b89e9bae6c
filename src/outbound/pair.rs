//! KEY and VALUE, methods, and what a setting of something that is sent by HTTP has in common with others.

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::sending::Sending;
use super::target::Target;
use super::url::Url;
use crate::error::{Result, Violation, Words, shorten, words};
use crate::schema::documents::{self, refused, unfit};
use crate::schema::{Layout, Table, Value};
use crate::template::{Parser, Place, Template};

/// One KEY and its VALUE, which is a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// The KEY.
    pub key: String,
    /// The VALUE.
    pub value: String,
}

impl Pair {
    /// A pair.
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> Pair {
        Pair { key: key.into(), value: value.into() }
    }
}

/// A method of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// GET, which has no body.
    Get,
    /// POST
    #[default]
    Post,
    /// PUT
    Put,
    /// PATCH
    Patch,
    /// DELETE
    Delete,
}

impl Method {
    /// The word of HTTP.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }
}

/// A field that is set to a value, which is a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldUpdate {
    /// The code of a header field.
    pub field: String,
    /// The value.
    pub value: String,
}

pub(super) fn is_false(value: &bool) -> bool {
    !*value
}

/// Parses a template of a URL, of which the values may be anything.
pub(super) fn parse_url(parser: &mut Parser<'_>, setting: &str, text: &str) -> Result<Template> {
    let template = parser.parse("url", text, Place::Url)?;
    Url::parse(&template.sample()).map_err(|error| unfit(setting, error))?;
    Ok(template)
}

/// Judges how a setting is sent; the target it names must exist.
pub(super) fn check_sending(connection: &Connection, setting: &str, sending: &Sending) -> Result<()> {
    sending.validate().map_err(|error| unfit(setting, error))?;
    if let Some(target) = &sending.target {
        documents::get::<Target>(connection, None, target)?;
    }
    Ok(())
}

/// Refuses a field that does not exist or takes no value.
pub(super) fn check_target(setting: &str, table: &Table, field: &str) -> Result<()> {
    let layout: &Layout = &table.header;
    let Some(at) = layout.find(field) else {
        let (database, field) = (table.code(), shorten(field));
        let rule = words!(
            "「{database}」にヘッダ項目「{field}」がありません",
            "\"{database}\" has no header field \"{field}\""
        );
        return Err(refused(setting, rule).with_field(field));
    };
    let column = &layout.columns[at];
    match column.is_writable() && layout.key != Some(at) {
        true => Ok(()),
        false => {
            let kind = column.field.type_words();
            let rule = words!(
                "「{field}」は{kind}項目のため、設定できません",
                "\"{field}\" is a {kind} field, which is not set this way"; kind
            );
            Err(refused(setting, rule).with_field(field))
        }
    }
}

/// Refuses fixed values that a field does not take.
pub(super) fn check_fixed(setting: &str, table: &Table, update: &FieldUpdate) -> Result<()> {
    if update.value.contains("${") {
        return Ok(());
    }
    let Some(at) = table.header.find(&update.field) else { return Ok(()) };
    let column = &table.header.columns[at];
    let value = Value::from(update.value.as_str());
    match column.check(&value) {
        Ok(_) => Ok(()),
        Err(broken) => {
            let violation = Violation::new(broken, &column.field.code, &column.field.name, &update.value);
            let rule = Words::of(|language| violation.message(language).trim_end_matches(['.', '。']).to_owned());
            Err(refused(setting, rule).with_field(&update.field))
        }
    }
}
