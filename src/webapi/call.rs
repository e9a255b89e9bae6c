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
use super::request::Request;
use super::response::Response;
use super::{Inner, exports, imports, records, target};
use crate::access::{AuditEntry, Right, client_address};
use crate::error::{Code, Error};
use crate::schema::{Catalog, Table};
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
        let response = match (function.takes_file, multipart_type(request)) {
            (false, None) => match body::read_whole(request, self.options.json_bytes) {
                Err(refusal) => frame.refuse(&nothing, &refusal),
                Ok(bytes) => match body::parse_body(&bytes) {
                    Err(refusal) => frame.refuse(&nothing, &refusal),
                    Ok(query) => call.respond(&frame, &query),
                },
            },
            (_, boundary) => call.respond_to_parts(&frame, request, boundary.flatten()),
        };
        call.note(request, &response);
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
        let store = self.store.authenticate(token, address).map_err(|error| match error.code() {
            Code::AddressDenied => {
                log::warn!("refused: {error}");
                OuterCode::AddressRefused.into()
            }
            Code::TokenUnknown | Code::TokenRevoked | Code::TokenExpired | Code::UserInactive => {
                log::warn!("refused from {address:?}: {error}");
                OuterCode::TokenRefused.into()
            }
            _ => Refusal::of_fault(&error),
        })?;
        store.count_call().map_err(|error| match error.code() {
            Code::CallsExceeded => {
                let pause = error.retry_after().unwrap_or_default().as_secs().max(1);
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

/// Whether the request says that it is multipart, and its boundary.
fn multipart_type(request: &Request<'_>) -> Option<Option<Vec<u8>>> {
    let content_type = request.header_value("content-type")?;
    multipart::is_multipart(content_type).then(|| multipart::boundary(content_type))
}

impl Call<'_> {
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

    /// The database that is meant, if the user has the right. Otherwise it is noted what is wrong.
    ///
    /// # Errors
    ///
    /// The refusal, when the right is missing or there is no such database; further parameters mean nothing then.
    pub(super) fn database(&mut self, parameters: &mut Parameters<'_>, right: Right) -> Result<Arc<Table>, Refusal> {
        let found = match parameters.id("dbSchemaId") {
            Some(id) => self.table(id)?,
            None => None,
        };
        let Some(table) = found else {
            if parameters.id("dbSchemaId").is_some() {
                parameters.refuse("dbSchemaId", InnerCode::NotFound);
            }
            parameters.check()?;
            return Err(OuterCode::Internal.into());
        };
        self.notes.database = Some(table.id);
        self.require(table.code(), right)?;
        Ok(table)
    }

    fn table(&self, id: i64) -> Result<Option<Arc<Table>>, Refusal> {
        let find = || -> Result<Option<Arc<Table>>, Error> {
            let reading = self.store.reading()?;
            let catalog = Catalog::of(&self.store, &reading)?;
            Ok(catalog.tables().iter().find(|table| table.id == id).cloned())
        };
        find().map_err(|error| Refusal::of_fault(&error))
    }

    pub(super) fn require(&self, database: &str, right: Right) -> Result<(), Refusal> {
        match self.store.may(database, right) {
            Ok(true) => Ok(()),
            Ok(false) => Err(OuterCode::NotPermitted.into()),
            Err(error) => Err(Refusal::of_fault(&error)),
        }
    }

    /// Tells the audit log what was done and what came of it.
    fn note(&self, request: &Request<'_>, response: &Response) {
        let action = format!("{}/{}", self.function.group, self.function.name);
        let mut entry =
            AuditEntry::new(action).subject(self.notes.subject.as_str()).result(response.status().to_string());
        if let Some(database) = self.notes.database {
            entry = entry.database(database);
        }
        let _ = request;
        if let Err(error) = self.store.note_audit(&entry) {
            log::error!("the audit log misses a call of {}: {error}", self.function.name);
        }
    }
}
