//! CSV pushes: the records of a list, sent as CSV to a URL.

use serde::{Deserialize, Serialize};

use super::super::message::check_header;
use super::super::pair::{FieldUpdate, Method, Pair, check_fixed, check_target, is_false, parse_url};
use super::super::sending::Sending;
use crate::csv::{Encoding, Format, OutputEncoding};
use crate::error::{Result, Words, words};
use crate::export::Headings;
use crate::job::Report;
use crate::query::{NamesFields, relabel};
use crate::schema::documents::{check_code_and_name, documents, refused, unfit};
use crate::schema::{Catalog, Value, ValueFormat};
use crate::template::{CALL, Parser, Place, Scope, Template, unmappable};

/// What is known when the sent records are updated, beside [`CALL`].
pub(super) const RESULT: &[&str] = &["@now", "@today", "@user", "@memo", "@status"];

/// A CSV push (システム連携設定) of a database: the records of a list, sent as CSV to a URL when somebody starts it from the
/// list's sub-menu.
///
/// What is sent are the columns of the list, of the records that the list's menu was called for. URL, VALUEs and the file
/// name are templates with the values of the call: `${@now}`, `${@today}`, `${@user}`, `${@memo}`, and secrets,
/// `${@secret:name}`; see [`HttpSend`](crate::HttpSend) for the grammar.
///
/// ```
/// use renkei::{CsvPush, PairsAs};
///
/// let push: CsvPush = serde_json::from_str(r#"{
///     "database": "customers", "code": "core", "name": "基幹システムへ送信",
///     "url": "http://10.1.2.3/receive",
///     "pairs": [{"key": "X-System", "value": "renkei"}],
///     "body": {"format": "multipart", "name": "uploadFile", "file_name": "customers_${@today}.csv"},
///     "csv": {"encoding": "cp932", "quoting": "all"},
///     "after_success": [{"field": "sent_at", "value": "${@now}"}]
/// }"#)?;
/// assert_eq!(push.pairs_as, PairsAs::Headers);
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// A receiver that wants a multipart body of its own making gets one from the texts around the CSV:
///
/// ```
/// use renkei::{CsvBody, CsvPush};
///
/// let push = CsvPush::new("customers", "core", "基幹システムへ送信", "https://core.example/api/import")
///     .pair("Content-Type", "multipart/form-data; boundary=cut-here")
///     .header("--cut-here\r\nContent-Disposition: form-data; name=\"json\"\r\n\r\n{\"importId\":\"100100\"}\r\n\
///              --cut-here\r\nContent-Disposition: form-data; name=\"uploadFile\"; filename=\"a.csv\"\r\n\r\n")
///     .footer("\r\n--cut-here--\r\n");
/// assert_eq!(push.body, CsvBody::default());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CsvPush {
    /// The id; assigned when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    /// The code of the database.
    pub database: String,
    /// The machine name, unique among the CSV pushes of the database.
    pub code: String,
    /// The name shown to people, in the sub-menu of lists.
    pub name: String,
    /// What it is for (メモ).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// The URL: a template behind scheme, host and port.
    pub url: String,
    /// The method: POST, PUT or PATCH. Default: POST.
    #[serde(default)]
    pub method: Method,
    /// KEY and VALUE.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pairs: Vec<Pair>,
    /// How the pairs are sent. Default: as HTTP headers.
    #[serde(default)]
    pub pairs_as: PairsAs,
    /// How the CSV is put into the body (リクエストフォーマット). Default: it is the body.
    #[serde(default)]
    pub body: CsvBody,
    /// Text before the CSV, exactly as it stands here, in the encoding of the CSV (連携データのヘッダ).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub header: String,
    /// Text behind the CSV (連携データのフッタ).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub footer: String,
    /// Encoding, delimiter, line ends and quotes of the CSV. Default: UTF-8 without a byte order mark, CRLF, quotes where
    /// they must be.
    #[serde(default)]
    pub csv: Format,
    /// How values look. Default: raw, which reads back exactly.
    #[serde(default)]
    pub values: ValueFormat,
    /// The header line of the CSV. Default: display names.
    #[serde(default)]
    pub headings: Headings,
    /// The most records of a run; more fail it before anything is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_records: Option<u64>,
    /// The most bytes of the body; more fail the run before anything is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_bytes: Option<u64>,
    /// Whether it is sent when there are no records. Default: no; the run fails before anything is sent.
    #[serde(default, skip_serializing_if = "is_false")]
    pub allow_empty: bool,
    /// Fields of the sent records that are set after success (連携後の更新設定). VALUEs are templates with the values of the
    /// call and `${@status}`, the HTTP status.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after_success: Vec<FieldUpdate>,
    /// Whether the runs are sent one after the other, in the order of their start. Default: no.
    #[serde(default, skip_serializing_if = "is_false")]
    pub in_order: bool,
    /// Who is told how a run ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
    /// How it is sent: authentication, retries, timeouts, success statuses.
    #[serde(default)]
    pub sending: Sending,
}

/// How the KEY VALUE pairs of a CSV push are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PairsAs {
    /// As HTTP headers.
    #[default]
    Headers,
    /// As fields of the form or multipart body, before the CSV. Not with a raw body. No secrets: they would be kept with the
    /// body.
    Form,
    /// In the query of the URL, behind what it has.
    Query,
}

/// How a CSV push puts the CSV into the body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "format", rename_all = "snake_case", deny_unknown_fields)]
pub enum CsvBody {
    /// The CSV is the body. A pair `Content-Type` sent as header goes before the usual one, `text/csv` with its charset.
    Raw {},
    /// `multipart/form-data`, in which the CSV is a file.
    Multipart {
        /// The name of its part.
        #[serde(default = "upload_file")]
        name: String,
        /// The name of the file: a template.
        #[serde(default = "upload_csv")]
        file_name: String,
    },
    /// `application/x-www-form-urlencoded`, in which the CSV is the value of a field.
    FormField {
        /// The name of the field.
        name: String,
    },
}

fn upload_file() -> String {
    "uploadFile".to_owned()
}

fn upload_csv() -> String {
    "upload.csv".to_owned()
}

impl Default for CsvBody {
    fn default() -> CsvBody {
        CsvBody::Raw {}
    }
}

impl CsvPush {
    /// A POST of raw CSV.
    pub fn new(
        database: impl Into<String>,
        code: impl Into<String>,
        name: impl Into<String>,
        url: impl Into<String>,
    ) -> CsvPush {
        CsvPush {
            id: None,
            database: database.into(),
            code: code.into(),
            name: name.into(),
            comment: String::new(),
            url: url.into(),
            method: Method::default(),
            pairs: Vec::new(),
            pairs_as: PairsAs::default(),
            body: CsvBody::default(),
            header: String::new(),
            footer: String::new(),
            csv: Format::default(),
            values: ValueFormat::default(),
            headings: Headings::default(),
            most_records: None,
            most_bytes: None,
            allow_empty: false,
            after_success: Vec::new(),
            in_order: false,
            report: None,
            sending: Sending::default(),
        }
    }

    /// Sets the method.
    pub fn method(mut self, method: Method) -> CsvPush {
        self.method = method;
        self
    }

    /// Adds a KEY and its VALUE.
    pub fn pair(mut self, key: impl Into<String>, value: impl Into<String>) -> CsvPush {
        self.pairs.push(Pair::new(key, value));
        self
    }

    /// Sets how the pairs are sent.
    pub fn pairs_as(mut self, how: PairsAs) -> CsvPush {
        self.pairs_as = how;
        self
    }

    /// Sets how the CSV is put into the body.
    pub fn body(mut self, body: CsvBody) -> CsvPush {
        self.body = body;
        self
    }

    /// Sets the text before the CSV.
    pub fn header(mut self, text: impl Into<String>) -> CsvPush {
        self.header = text.into();
        self
    }

    /// Sets the text behind the CSV.
    pub fn footer(mut self, text: impl Into<String>) -> CsvPush {
        self.footer = text.into();
        self
    }

    /// Sets encoding, delimiter, line ends and quotes.
    pub fn csv(mut self, format: Format) -> CsvPush {
        self.csv = format;
        self
    }

    /// Sets the header line.
    pub fn headings(mut self, headings: impl Into<Headings>) -> CsvPush {
        self.headings = headings.into();
        self
    }

    /// Sets a field of the sent records after success.
    pub fn after_success(mut self, field: impl Into<String>, value: impl Into<String>) -> CsvPush {
        self.after_success.push(FieldUpdate { field: field.into(), value: value.into() });
        self
    }

    /// Tells somebody by mail how a run ended.
    pub fn report(mut self, report: Report) -> CsvPush {
        self.report = Some(report);
        self
    }

    /// Sets how it is sent.
    pub fn sending(mut self, sending: Sending) -> CsvPush {
        self.sending = sending;
        self
    }

    /// The encoding of the CSV and of the texts around it.
    pub(super) fn encoding(&self) -> Encoding {
        match self.csv.encoding {
            OutputEncoding::Utf8 | OutputEncoding::Utf8Bom => Encoding::Utf8,
            OutputEncoding::Cp932 => Encoding::Cp932,
        }
    }

    /// Judges the setting, and makes ready what a run needs.
    pub(super) fn compile(&self, catalog: &Catalog) -> Result<Compiled> {
        check_code_and_name(&self.code, &self.name)?;
        let table = catalog.table(&self.database)?;
        let fault = |ja: &str, en: &str| refused(&self.code, Words::both(ja, en));
        if !matches!(self.method, Method::Post | Method::Put | Method::Patch) {
            return Err(fault(
                "メソッドはPOST・PUT・PATCHのいずれかです",
                "the method of a CSV push is POST, PUT or PATCH",
            ));
        }
        self.csv.validate()?;
        if self.body == CsvBody::default() && self.pairs_as == PairsAs::Form {
            return Err(fault(
                "本文がCSVそのものの場合、フォーム項目はありません（KEY VALUEをヘッダかクエリで送信するか、他の形式を選択してください）",
                "a raw body has no form fields: send the pairs as headers or query, or choose another body",
            ));
        }
        for text in [&self.header, &self.footer] {
            if let Err(bad) = crate::csv::encode(text, self.encoding()) {
                return Err(refused(&self.code, unmappable(bad, self.encoding())));
            }
        }
        let mut parser = Parser::new(&self.code, self.encoding());
        let url = parse_url(&mut parser, &self.code, &self.url)?;
        let mut pairs = Vec::with_capacity(self.pairs.len());
        for pair in &self.pairs {
            let place = match (self.pairs_as, &self.body) {
                (PairsAs::Headers, _) => {
                    check_header(&pair.key, "").map_err(|error| unfit(&self.code, error))?;
                    if pair.key.eq_ignore_ascii_case("content-type") && self.body != CsvBody::default() {
                        return Err(fault(
                            "フォームおよびマルチパートのContent-Typeは自動で設定されます",
                            "the Content-Type of a form or multipart body is made with it: leave it out",
                        ));
                    }
                    Place::Header
                }
                (PairsAs::Query, _) => Place::Query,
                (PairsAs::Form, _) => Place::Plain,
            };
            if pair.key.is_empty() {
                return Err(fault("KEYがありません", "a pair has no key"));
            }
            pairs.push((pair.key.clone(), parser.parse(&pair.key, &pair.value, place)?));
        }
        let mut file_name = None;
        match &self.body {
            CsvBody::Multipart { name, file_name: template } => {
                if name.is_empty() {
                    return Err(fault("ファイルのパート名がありません", "the part of the file has no name"));
                }
                file_name = Some(parser.parse("file_name", template, Place::Line)?);
            }
            CsvBody::FormField { name } if name.is_empty() => {
                return Err(fault("フォーム項目の名前がありません", "the form field has no name"));
            }
            _ => {}
        }
        self.compile_updates()?;
        for update in &self.after_success {
            check_target(&self.code, table, &update.field)?;
            check_fixed(&self.code, table, update)?;
        }
        let scope = parser.finish(CALL, None)?;
        Ok(Compiled { scope, url, pairs, file_name })
    }

    /// The updates after success.
    pub(super) fn compile_updates(&self) -> Result<(Scope, Vec<(String, Template)>)> {
        let mut parser = Parser::new(&self.code, Encoding::Utf8);
        let mut updates: Vec<(String, Template)> = Vec::with_capacity(self.after_success.len());
        for update in &self.after_success {
            if updates.iter().any(|(field, _)| *field == update.field) {
                let field = &update.field;
                let rule = words!("項目「{field}」が2回設定されています", "the field \"{field}\" is set twice");
                return Err(refused(&self.code, rule));
            }
            updates.push((update.field.clone(), parser.parse(&update.field, &update.value, Place::Plain)?));
        }
        Ok((parser.finish(RESULT, None)?, updates))
    }
}

/// A setting that was judged and parsed.
pub(super) struct Compiled {
    pub(super) scope: Scope,
    pub(super) url: Template,
    pub(super) pairs: Vec<(String, Template)>,
    pub(super) file_name: Option<Template>,
}

documents! { CsvPush "csv_push"; }

impl NamesFields for CsvPush {
    fn database_mut(&mut self) -> &mut String {
        &mut self.database
    }

    fn paths_mut(&mut self, change: &mut dyn FnMut(&mut String)) {
        self.after_success.iter_mut().for_each(|update| change(&mut update.field));
    }

    fn relabel(&mut self, before: &Catalog, after: &Catalog, database: i64) {
        for update in self.after_success.iter_mut().filter(|update| !update.value.contains("${")) {
            let mut value = Value::from(update.value.as_str());
            relabel(before, after, database, &update.field, &mut value);
            update.value = value.to_text();
        }
    }
}
