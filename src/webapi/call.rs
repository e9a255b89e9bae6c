//! One call, from the request to the answer, in the order in which it is judged: function, token, address, number of
//! calls, body, parameters, values.

use std::net::IpAddr;
use std::sync::Arc;

use super::body;
use super::codes::{InnerCode, OuterCode};
use super::envelope::{Frame, Refusal, Reply};
use super::functions::{Action, Function};
use super::json::Json;
use super::multipart;
use super::parameters::Parameters;
use super::request::{Request, RequestBody};
use super::response::Response;
use super::{Inner, exports, imports, records, target};
use crate::access::{AuditEntry, Door, Right, client_address};
use crate::error::{Code, Error};
use crate::schema::Table;
use crate::store::Store;

/// The header of the token.
const TOKEN: &str = "x-hd-apitoken";

/// What a function needs to know.
pub(super) struct Call<'a> {
    pub(super) api: &'a Inner,
    pub(super) function: &'static Function,
    /// The store, on behalf of the user.
    pub(super) store: Store,
    pub(super) notes: Notes,
}

/// What the audit log is told.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) database: Option<i64>,
    pub(super) subject: String,
}

impl Inner {
    pub(super) fn handle(&self, request: &mut Request<'_>) -> Response {
        if self.maintenance.load(std::sync::atomic::Ordering::Relaxed) {
            let page = format!("Status: 503 Maintenance mode\n{}", self.options.maintenance_page);
            return Response::bytes(200, "text/html; charset=UTF-8", page.into_bytes());
        }
        let frame = Frame::new(&self.store, target::url(request));
        let nothing = Json::Object(Vec::new());
        let (function, store) = match self.admit(request) {
            Ok(admitted) => admitted,
            Err(refusal) => return frame.refuse(&nothing, &refusal),
        };
        let mut call = Call { api: self, function, store, notes: Notes::default() };
        let response = match function.takes_file {
            true => call.respond_to_parts(&frame, request, boundary(request)),
            false => call.respond_to_json(&frame, request),
        };
        call.note(&response);
        response
    }

    /// Judges whether the call may be made at all.
    fn admit(&self, request: &Request<'_>) -> Result<(&'static Function, Store), Refusal> {
        let function = target::route(&request.target, &self.account).ok_or(OuterCode::NoFunction)?;
        if request.method != "POST" {
            return Err(OuterCode::NotPost.into());
        }
        let token = request.header_value(TOKEN).unwrap_or_default().trim_ascii();
        if token.is_empty() {
            return Err(OuterCode::TokenMissing.into());
        }
        let token = std::str::from_utf8(token).map_err(|_| OuterCode::TokenRefused)?;
        let address = self.address(request).map_err(|error| Refusal::of_fault(&error))?;
        let (store, window) = self.store.admit(token, address).map_err(|error| match error.code() {
            Code::AddressDenied => {
                log::warn!("refused: {error}");
                OuterCode::AddressRefused.into()
            }
            Code::TokenUnknown | Code::TokenRevoked | Code::TokenExpired | Code::UserInactive => {
                let from = address.map_or_else(|| "an unknown address".to_owned(), |address| address.to_string());
                log::warn!("refused from {from}: {error}");
                OuterCode::TokenRefused.into()
            }
            _ => Refusal::of_fault(&error),
        })?;
        let counted = window.map_or(Ok(()), |window| store.count_call_in(window));
        counted.map_err(|error| match error.code() {
            Code::CallsExceeded => {
                let pause = error.retry_after().unwrap_or_default().as_millis().div_ceil(1_000).max(1);
                Refusal::from(OuterCode::TooManyCalls).with_header("Retry-After", pause.to_string())
            }
            _ => Refusal::of_fault(&error),
        })?;
        Ok((function, store))
    }

    /// Whose address it is, behind trusted proxies.
    fn address(&self, request: &Request<'_>) -> Result<Option<IpAddr>, Error> {
        let Some(peer) = request.remote else { return Ok(None) };
        let forwarded: Vec<_> =
            request.header_values("x-forwarded-for").map(|value| String::from_utf8_lossy(value)).collect();
        if forwarded.is_empty() {
            return Ok(Some(peer));
        }
        let settings = self.store.access()?;
        Ok(client_address(peer, &forwarded.join(","), &settings.trusted_proxies))
    }
}

/// The boundary that the request names, if it says that it is multipart and names one.
fn boundary(request: &Request<'_>) -> Option<Vec<u8>> {
    multipart::boundary(request.header_value("content-type")?)
}

impl Call<'_> {
    /// Answers a request whose body is JSON, whatever its type says; or has a part that is.
    fn respond_to_json(&mut self, frame: &Frame, request: &mut Request<'_>) -> Response {
        let nothing = Json::Object(Vec::new());
        let bytes = match body::read_whole(request, self.api.options.json_bytes) {
            Ok(bytes) => bytes,
            Err(refusal) => return frame.refuse(&nothing, &refusal),
        };
        let in_parts = request.header_value("content-type").is_some_and(multipart::is_multipart);
        if in_parts && bytes.trim_ascii_start().starts_with(b"--") {
            let boundary = boundary(request);
            request.body = RequestBody::bytes(bytes);
            return self.respond_to_parts(frame, request, boundary);
        }
        match body::parse_body(&bytes) {
            Ok(query) => self.respond(frame, &query),
            Err(refusal) => frame.refuse(&nothing, &refusal),
        }
    }

    /// Judges the parameters and does what is asked for.
    pub(super) fn respond(&mut self, frame: &Frame, query: &Json<'_>) -> Response {
        let mut parameters = Parameters::of(self.function, query);
        let parameters = &mut parameters;
        let reply = match self.function.action {
            Action::CsvImport => imports::reserve(self, parameters),
            Action::CheckCsvImportProcess => imports::check(self, parameters),
            Action::CsvExport => exports::export(self, parameters),
            Action::Regist => records::register(self, parameters),
            Action::Update => records::update(self, parameters),
            Action::Delete => records::delete(self, parameters),
            Action::View => records::view(self, parameters),
            Action::FileUpload | Action::CsvDataImport => Err(OuterCode::Internal.into()),
        };
        Self::conclude(frame, query, reply)
    }

    pub(super) fn conclude(frame: &Frame, query: &Json<'_>, reply: Result<Reply<'_>, Refusal>) -> Response {
        match reply {
            Ok(reply) => frame.answer(query, reply),
            Err(refusal) => frame.refuse(query, &refusal),
        }
    }

    /// The database that is meant, if the user has the right.
    ///
    /// # Errors
    ///
    /// The refusal, when there is no such database or the right is missing; further parameters mean nothing then.
    pub(super) fn database(&mut self, parameters: &mut Parameters<'_>, right: Right) -> Result<Arc<Table>, Refusal> {
        const NAME: &str = "dbSchemaId";
        let Some(id) = parameters.id(NAME) else { return Err(refused(parameters)) };
        let find = Door::now(&self.store).and_then(|door| door.table(&id.to_string(), right).cloned());
        let table = find.map_err(|error| match error.code() {
            Code::DatabaseNotFound => of_parameter(parameters, NAME, InnerCode::NotFound),
            _ => Refusal::of_fault(&error),
        })?;
        self.notes.database = Some(table.id);
        Ok(table)
    }

    /// Tells the audit log what was done and what came of it.
    fn note(&self, response: &Response) {
        let action = format!("{}/{}", self.function.group, self.function.name);
        let result = response.refused.map_or("ok", OuterCode::number);
        let mut entry = AuditEntry::new(action).subject(self.notes.subject.as_str()).result(result);
        if let Some(database) = self.notes.database {
            entry = entry.database(database);
        }
        if let Err(error) = self.store.note_audit(&entry) {
            log::error!("the audit log misses a call of {}: {error}", self.function.name);
        }
    }
}

/// The refusal of parameters of which one at least was refused.
pub(super) fn refused(parameters: &mut Parameters<'_>) -> Refusal {
    parameters.check().err().unwrap_or_else(|| OuterCode::Internal.into())
}

/// The refusal of a parameter, and of those refused before.
pub(super) fn of_parameter(parameters: &mut Parameters<'_>, name: &str, code: InnerCode) -> Refusal {
    parameters.refuse(name, code);
    refused(parameters)
}
