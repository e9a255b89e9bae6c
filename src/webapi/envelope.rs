//! Answers: the envelope that every JSON answer has, and what is refused in it.

use super::codes::{InnerCode, OuterCode};
use super::functions::VERSION;
use super::json::Json;
use super::response::Response;
use crate::error::{Code, Error, Violation};
use crate::export::ExportStream;
use crate::schema::Table;
use crate::store::Store;

const JSON_TYPE: &str = "application/json; charset=utf-8";

/// The most entries of a description: a request may have very many bad values.
const ENTRIES: usize = 1_000;

/// What a function answers with.
pub(super) enum Reply<'a> {
    /// `items`, and perhaps a member before it.
    Items {
        before: Option<(&'static str, String)>,
        items: Json<'a>,
    },
    Csv {
        content_type: &'static str,
        stream: ExportStream,
    },
}

/// Why a call was refused.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: OuterCode,
    description: Description,
    header: Option<(&'static str, String)>,
}

#[derive(Debug)]
enum Description {
    /// One entry a parameter. Nothing but the outer code is known of other refusals: then it is empty.
    Parameters(Vec<Entry>),
    Values {
        header: Vec<Entry>,
        /// By row, as it was sent, from 1.
        detail: Vec<(usize, Vec<Entry>)>,
    },
}

/// One parameter or item that was refused.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    name: String,
    value: String,
    code: InnerCode,
    msg: String,
}

impl Entry {
    pub(super) fn new(name: impl Into<String>, value: impl Into<String>, code: InnerCode) -> Entry {
        Entry::with_rule(name, value, code, "")
    }

    pub(super) fn with_rule(
        name: impl Into<String>,
        value: impl Into<String>,
        code: InnerCode,
        rule: impl std::fmt::Display,
    ) -> Entry {
        Entry { name: name.into(), value: value.into(), code, msg: code.render("", &rule.to_string()) }
    }

    /// The refusal of an item's value. Items are named by their IDs.
    fn of_value(table: &Table, violation: &Violation) -> Entry {
        let layout = match violation.row() {
            Some(_) => table.details.as_ref(),
            None => Some(&table.header),
        };
        let column =
            layout.and_then(|layout| layout.columns.iter().find(|column| column.field.code == violation.field()));
        let name = column.map_or_else(|| violation.field().to_owned(), |column| column.id.to_string());
        let code = InnerCode::of_value(violation.code());
        Entry { name, value: violation.value().to_owned(), code, msg: code.render(violation.name(), violation.rule()) }
    }

    fn to_json(&self) -> Json<'_> {
        Json::object([
            ("name", Json::text(self.name.as_str())),
            ("value", Json::text(self.value.as_str())),
            ("code", Json::text(self.code.number())),
            ("msg", Json::text(self.msg.as_str())),
        ])
    }
}

impl From<OuterCode> for Refusal {
    fn from(code: OuterCode) -> Refusal {
        Refusal { code, description: Description::Parameters(Vec::new()), header: None }
    }
}

impl From<Entry> for Refusal {
    fn from(entry: Entry) -> Refusal {
        Refusal::parameters(vec![entry])
    }
}

impl Refusal {
    pub(super) fn parameters(mut entries: Vec<Entry>) -> Refusal {
        entries.truncate(ENTRIES);
        Refusal { code: OuterCode::Parameter, description: Description::Parameters(entries), header: None }
    }

    /// The refusal of a record, with everything that was wrong in it.
    pub(super) fn values(table: &Table, violations: &[Violation]) -> Refusal {
        let mut header = Vec::new();
        let mut detail: Vec<(usize, Vec<Entry>)> = Vec::new();
        for violation in violations.iter().take(ENTRIES) {
            let entry = Entry::of_value(table, violation);
            match (violation.row(), detail.last_mut()) {
                (None, _) => header.push(entry),
                (Some(row), Some((of, entries))) if *of == row => entries.push(entry),
                (Some(row), _) => match detail.iter_mut().find(|(of, _)| *of == row) {
                    Some((_, entries)) => entries.push(entry),
                    None => detail.push((row, vec![entry])),
                },
            }
        }
        detail.sort_by_key(|(row, _)| *row);
        Refusal { code: OuterCode::Parameter, description: Description::Values { header, detail }, header: None }
    }

    pub(super) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Refusal {
        self.header = Some((name, value.into()));
        self
    }

    /// What is no fault of the caller. It is told in the log, not to the caller.
    pub(super) fn of_fault(error: &Error) -> Refusal {
        match error.code() {
            Code::AccessDenied => OuterCode::NotPermitted.into(),
            Code::StoreBusy => Refusal::from(OuterCode::Busy).with_header("Retry-After", "5"),
            _ => {
                log::error!("a call of the Web API failed: {error}");
                OuterCode::Internal.into()
            }
        }
    }

    fn description(&self) -> Json<'_> {
        match &self.description {
            Description::Parameters(entries) => list(entries),
            Description::Values { header, detail } => {
                let mut members = vec![("header".into(), list(header))];
                if !detail.is_empty() {
                    let rows = detail.iter().map(|(row, entries)| (row.to_string().into(), list(entries)));
                    members.push(("detail".into(), Json::Object(rows.collect())));
                }
                Json::Object(members)
            }
        }
    }
}

fn list(entries: &[Entry]) -> Json<'_> {
    Json::Array(entries.iter().map(Entry::to_json).collect())
}

/// What all answers to one request have in common.
pub(super) struct Frame {
    url: String,
    time: String,
}

impl Frame {
    pub(super) fn new(store: &Store, url: String) -> Frame {
        let now = store.now();
        let offset = store.utc_offset_seconds(now) / 60;
        let sign = if offset < 0 { '-' } else { '+' };
        let time = format!("{} {sign}{:02}{:02}", store.local(now), offset.abs() / 60, offset.abs() % 60);
        Frame { url, time }
    }

    /// The beginning, up to `query`.
    fn begin(&self, status: &str, code: u16, query: &Json<'_>) -> String {
        let mut out = String::with_capacity(512);
        out.push_str("{\"status\":\"");
        out.push_str(status);
        out.push_str("\",\"code\":\"");
        out.push_str(&code.to_string());
        out.push_str("\",\"url\":");
        Json::text(self.url.as_str()).write(&mut out);
        out.push_str(",\"query\":");
        query.write_echo(&mut out);
        out
    }

    fn end(&self, mut out: String) -> Vec<u8> {
        out.push_str(",\"version\":\"");
        out.push_str(VERSION);
        out.push_str("\",\"accessTime\":");
        Json::text(self.time.as_str()).write(&mut out);
        out.push('}');
        out.into_bytes()
    }

    pub(super) fn answer(&self, query: &Json<'_>, reply: Reply<'_>) -> Response {
        match reply {
            Reply::Csv { content_type, stream } => Response::stream(content_type, stream),
            Reply::Items { before, items } => {
                let mut out = self.begin("success", 200, query);
                if let Some((name, value)) = before {
                    out.push_str(",\"");
                    out.push_str(name);
                    out.push_str("\":");
                    Json::text(value).write(&mut out);
                }
                out.push_str(",\"items\":");
                items.write(&mut out);
                Response::bytes(200, JSON_TYPE, self.end(out))
            }
        }
    }

    pub(super) fn refuse(&self, query: &Json<'_>, refusal: &Refusal) -> Response {
        let code = refusal.code;
        let mut out = self.begin("error", code.status(), query);
        out.push_str(",\"errors\":");
        let errors = Json::object([
            ("code", Json::text(code.number())),
            ("msg", Json::text(code.message())),
            ("description", refusal.description()),
        ]);
        errors.write(&mut out);
        let mut response = Response::bytes(code.status(), JSON_TYPE, self.end(out));
        response.refused = Some(code);
        response = match code.status() {
            401 => response.with_header("WWW-Authenticate", "X-HD-apitoken"),
            405 => response.with_header("Allow", "POST"),
            _ => response,
        };
        match &refusal.header {
            Some((name, value)) => response.with_header(name, value.as_str()),
            None => response,
        }
    }
}
