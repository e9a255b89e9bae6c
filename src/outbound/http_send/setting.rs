//! Http sends: one call of an outside API for one record.

use serde::{Deserialize, Serialize};

use super::super::message::check_header;
use super::super::pair::{Method, Pair, check_target, is_false, parse_url};
use super::super::sending::Sending;
use super::answer::{SaveAnswer, check_pointer};
use super::trigger::Trigger;
use crate::csv::Encoding;
use crate::error::{Code, Error, Result, Words, words};
use crate::job::Report;
use crate::query::NamesFields;
use crate::schema::documents::{check_code_and_name, documents, refused, unfit};
use crate::schema::{Catalog, Table};
use crate::store::Store;
use crate::template::{CALL, Parser, Place, Scope, Template, rename};

/// An http send (http送信) of a database: one call of an outside API for each record, started from a list's button (one
/// record) or pulldown (ticked records, at most 100).
///
/// URL, header values and body are templates. A placeholder `${name}` stands for the value of a header field of the record
/// (by code or display name), of a field through a link (`${branch.name}`), of a system field (`${_id}`), or of the call:
/// `${@now}`, `${@today}`, `${@user}`, `${@memo}`. `${@secret:name}` is a secret, put in when the message is sent. Behind
/// the name may stand how the value looks, `${price|display}` (`raw`, the default, `csv` or `display`), and `|url`, which
/// percent-encodes it. `${$}` is a dollar sign. Values are escaped for where they stand; what cannot stand there, such as a
/// line end in a header, fails that record before anything is sent.
///
/// ```
/// use renkei::{HttpSend, Method};
///
/// let send: HttpSend = serde_json::from_str(r#"{
///     "database": "leads", "code": "sms", "name": "SMS送信",
///     "url": "https://sms.example/v1/messages",
///     "headers": [{"key": "X-Client", "value": "renkei"}],
///     "body": {"format": "json", "rows": [
///         {"key": "to", "value": "${phone}"},
///         {"key": "text", "value": "${name}様 ご来店予約は${visit|display}です。"},
///         {"key": "priority", "value": "1", "type": "number"}
///     ]},
///     "save": [{"field": "message_id", "from": {"json": "/message/id"}}],
///     "sending": {"auth": {"type": "bearer", "token": "sms-token"}}
/// }"#)?;
/// assert_eq!(send.method, Method::Post);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpSend {
    /// The id; assigned when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    /// The code of the database.
    pub database: String,
    /// The machine name, unique among the http sends of the database.
    pub code: String,
    /// The name shown to people.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// The URL: a template behind scheme, host and port.
    pub url: String,
    /// The method. Default: POST.
    #[serde(default)]
    pub method: Method,
    /// HTTP headers; values are templates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<Pair>,
    /// The body.
    #[serde(default)]
    pub body: HttpBody,
    /// The encoding of forms, XML, text and what is percent-encoded. JSON is always UTF-8. Default: UTF-8.
    #[serde(default = "utf8", skip_serializing_if = "is_utf8")]
    pub encoding: Encoding,
    /// What of the answer is saved in the record, in the transaction in which the result is stored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub save: Vec<SaveAnswer>,
    /// From where it may be started. Default: from both the button and the pulldown.
    #[serde(default = "Trigger::both")]
    pub triggers: Vec<Trigger>,
    /// Whether the messages of one record are sent one after the other, in the order of their making. Default: no.
    #[serde(default, skip_serializing_if = "is_false")]
    pub in_order: bool,
    /// Who is told how a run ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
    /// How it is sent: authentication, retries, timeouts, success statuses.
    #[serde(default)]
    pub sending: Sending,
}

fn utf8() -> Encoding {
    Encoding::Utf8
}

fn is_utf8(encoding: &Encoding) -> bool {
    *encoding == Encoding::Utf8
}

/// The body of an http send (リクエストフォーマット).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "format", rename_all = "snake_case", deny_unknown_fields)]
pub enum HttpBody {
    /// No body.
    #[default]
    None,
    /// A JSON object of rows of KEY and VALUE.
    Json {
        /// The members, in order.
        rows: Vec<JsonRow>,
    },
    /// A JSON document. A placeholder between quotes becomes the inside of that string; one outside of quotes a whole value:
    /// a number stays one, exactly, an empty value is `null`.
    JsonTemplate {
        /// The document.
        template: String,
    },
    /// `application/x-www-form-urlencoded`
    Form {
        /// The fields, in order.
        rows: Vec<Pair>,
    },
    /// An XML document, in texts and quoted attributes of which placeholders may stand.
    Xml {
        /// The document.
        template: String,
    },
    /// Any text; values stand in it as they are.
    Raw {
        /// The text.
        template: String,
        /// The `Content-Type`.
        content_type: String,
    },
}

/// One member of a JSON object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JsonRow {
    /// The KEY.
    pub key: String,
    /// The VALUE: a template.
    pub value: String,
    /// What becomes of the value.
    #[serde(default, rename = "type")]
    pub kind: JsonType,
    /// Whether the member is left out when the value is empty. Default: no; it is `""` or `null` then.
    #[serde(default, skip_serializing_if = "is_false")]
    pub omit_empty: bool,
}

impl JsonRow {
    /// A member that is a string.
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> JsonRow {
        JsonRow { key: key.into(), value: value.into(), kind: JsonType::String, omit_empty: false }
    }

    /// Sets what becomes of the value.
    pub fn kind(mut self, kind: JsonType) -> JsonRow {
        self.kind = kind;
        self
    }
}

/// What becomes of the VALUE of a JSON member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JsonType {
    /// A string.
    #[default]
    String,
    /// A number, exactly; `null` when empty.
    Number,
    /// `true` or `false`, from these words or 1 and 0; `null` when empty.
    Boolean,
    /// The value of the one placeholder that the VALUE is, as it is: a number, a string, an array of labels, `null`.
    Native,
}

impl HttpSend {
    /// A POST without a body yet.
    pub fn new(
        database: impl Into<String>,
        code: impl Into<String>,
        name: impl Into<String>,
        url: impl Into<String>,
    ) -> HttpSend {
        HttpSend {
            id: None,
            database: database.into(),
            code: code.into(),
            name: name.into(),
            comment: String::new(),
            url: url.into(),
            method: Method::default(),
            headers: Vec::new(),
            body: HttpBody::default(),
            encoding: Encoding::Utf8,
            save: Vec::new(),
            triggers: Trigger::both(),
            in_order: false,
            report: None,
            sending: Sending::default(),
        }
    }

    /// Sets the method.
    pub fn method(mut self, method: Method) -> HttpSend {
        self.method = method;
        self
    }

    /// Adds an HTTP header.
    pub fn header(mut self, key: impl Into<String>, value: impl Into<String>) -> HttpSend {
        self.headers.push(Pair::new(key, value));
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: HttpBody) -> HttpSend {
        self.body = body;
        self
    }

    /// Saves a part of the answer in a field.
    pub fn save(mut self, save: SaveAnswer) -> HttpSend {
        self.save.push(save);
        self
    }

    /// Sets how it is sent.
    pub fn sending(mut self, sending: Sending) -> HttpSend {
        self.sending = sending;
        self
    }

    /// Every text that is a template.
    fn templates_mut(&mut self) -> impl Iterator<Item = &mut String> {
        let body: Vec<&mut String> = match &mut self.body {
            HttpBody::None => Vec::new(),
            HttpBody::Json { rows } => rows.iter_mut().map(|row| &mut row.value).collect(),
            HttpBody::Form { rows } => rows.iter_mut().map(|row| &mut row.value).collect(),
            HttpBody::JsonTemplate { template } | HttpBody::Xml { template } | HttpBody::Raw { template, .. } => {
                vec![template]
            }
        };
        self.headers.iter_mut().map(|pair| &mut pair.value).chain([&mut self.url]).chain(body)
    }

    /// Judges the setting, and makes ready what a run needs.
    pub(super) fn compile(&self, store: &Store, catalog: &Catalog) -> Result<Compiled> {
        check_code_and_name(&self.code, &self.name)?;
        let table = catalog.table(&self.database)?;
        for trigger in &self.triggers {
            trigger.allow(&self.code)?;
        }
        if self.triggers.is_empty() {
            let rule =
                words!("`triggers`が空のため、実行できません", "`triggers` is empty, so it could never be started");
            return Err(refused(&self.code, rule));
        }
        self.check_saves(table)?;
        let mut parser = Parser::new(&self.code, self.encoding);
        let url = parse_url(&mut parser, &self.code, &self.url)?;
        let mut headers = Vec::with_capacity(self.headers.len() + 1);
        for pair in &self.headers {
            check_header(&pair.key, "").map_err(|error| unfit(&self.code, error))?;
            headers.push((pair.key.to_ascii_lowercase(), parser.parse(&pair.key, &pair.value, Place::Header)?));
        }
        if self.method == Method::Get && self.body != HttpBody::None {
            let ja = "GETには本文がありません（値はURLに置いてください）";
            return Err(refused(&self.code, Words::both(ja, "a GET has no body: put the values into the URL")));
        }
        let body = CompiledBody::of(self, &mut parser)?;
        let scope = parser.finish(CALL, Some((store, catalog, table)))?;
        Ok(Compiled { scope, url, headers, body })
    }

    fn check_saves(&self, table: &Table) -> Result<()> {
        for (at, save) in self.save.iter().enumerate() {
            check_target(&self.code, table, &save.field)?;
            if let Some(pointer) = save.pointer() {
                check_pointer(pointer).map_err(|rule| refused(&self.code, rule).with_field(&save.field))?;
            }
            let overlaps = |other: &SaveAnswer| {
                table.header.find(&other.field) == table.header.find(&save.field) && other.when.meets(save.when)
            };
            if self.save[..at].iter().any(overlaps) {
                let field = &save.field;
                let rule = words!("項目「{field}」に2回保存されます", "the field \"{field}\" is saved twice");
                return Err(refused(&self.code, rule));
            }
        }
        Ok(())
    }
}

/// A setting that was judged and parsed.
pub(super) struct Compiled {
    pub(super) scope: Scope,
    pub(super) url: Template,
    /// Names in lower case.
    pub(super) headers: Vec<(String, Template)>,
    pub(super) body: CompiledBody,
}

pub(super) enum CompiledBody {
    None,
    Json(Vec<CompiledRow>),
    Form(Vec<(String, Template)>),
    Document(Template, String),
}

pub(super) struct CompiledRow {
    pub(super) key: String,
    pub(super) value: Template,
    pub(super) kind: JsonType,
    pub(super) omit_empty: bool,
}

impl CompiledBody {
    fn of(send: &HttpSend, parser: &mut Parser<'_>) -> Result<CompiledBody> {
        let charset = match send.encoding {
            Encoding::Utf8 => "UTF-8",
            Encoding::Cp932 => "Shift_JIS",
        };
        let no_rows = || refused(&send.code, words!("本文に行がありません", "the body has no rows"));
        Ok(match &send.body {
            HttpBody::None => CompiledBody::None,
            HttpBody::Json { rows } if rows.is_empty() => return Err(no_rows()),
            HttpBody::Form { rows } if rows.is_empty() => return Err(no_rows()),
            HttpBody::Json { rows } => {
                let mut compiled: Vec<CompiledRow> = Vec::with_capacity(rows.len());
                for row in rows {
                    if row.key.is_empty() {
                        return Err(refused(&send.code, words!("JSONの行にキーがありません", "a JSON row has no key")));
                    }
                    if compiled.iter().any(|other| other.key == row.key) {
                        let key = &row.key;
                        let rule = words!("JSONのキー「{key}」が重複しています", "the JSON key \"{key}\" stands twice");
                        return Err(refused(&send.code, rule));
                    }
                    let place = match row.kind {
                        JsonType::String => Place::JsonText,
                        _ => Place::Plain,
                    };
                    let value = parser.parse(&row.key, &row.value, place)?;
                    if row.kind == JsonType::Native && value.single().is_none() {
                        let rule = words!(
                            "nativeの値は${{tags}}のように置換項目1つだけにしてください",
                            "a native JSON value is one placeholder alone, such as ${{tags}}"
                        );
                        return Err(Error::new(Code::TemplateSyntax)
                            .with_name(format!("{}: {}", send.code, row.key))
                            .with_field(&row.key)
                            .with_value(&row.value)
                            .with_rule(rule));
                    }
                    let (key, kind, omit_empty) = (row.key.clone(), row.kind, row.omit_empty);
                    compiled.push(CompiledRow { key, value, kind, omit_empty });
                }
                CompiledBody::Json(compiled)
            }
            HttpBody::JsonTemplate { template } => {
                let template = parser.parse("template", template, Place::Json)?;
                CompiledBody::Document(template, "application/json".to_owned())
            }
            HttpBody::Form { rows } => {
                let mut compiled = Vec::with_capacity(rows.len());
                for row in rows {
                    if row.key.is_empty() {
                        return Err(refused(
                            &send.code,
                            words!("フォームの行にキーがありません", "a form field has no key"),
                        ));
                    }
                    compiled.push((row.key.clone(), parser.parse(&row.key, &row.value, Place::Form)?));
                }
                CompiledBody::Form(compiled)
            }
            HttpBody::Xml { template } => {
                let template = parser.parse("template", template, Place::Xml)?;
                CompiledBody::Document(template, format!("application/xml; charset={charset}"))
            }
            HttpBody::Raw { template, content_type } => {
                let template = parser.parse("template", template, Place::Text)?;
                parser.parse("content_type", content_type, Place::Header)?;
                if content_type.trim().is_empty() || content_type.contains("${") {
                    let rule = words!(
                        "`content_type`はtext/plain; charset=UTF-8のような固定の文字列です",
                        "`content_type` is a fixed text such as text/plain; charset=UTF-8"
                    );
                    return Err(refused(&send.code, rule));
                }
                CompiledBody::Document(template, content_type.clone())
            }
        })
    }
}

documents! { HttpSend "http_send"; }

impl NamesFields for HttpSend {
    fn database_mut(&mut self) -> &mut String {
        &mut self.database
    }

    fn paths_mut(&mut self, change: &mut dyn FnMut(&mut String)) {
        self.save.iter_mut().for_each(|save| change(&mut save.field));
        self.templates_mut().for_each(|text| rename(text, change));
    }
}
