//! `fileupload`, `csvimport`, `csvdataimport` and `checkcsvimportprocess`: files in, imports reserved, and how they stand.

use std::io::Read;
use std::sync::Arc;

use super::body::{self, Bounded, Counted};
use super::call::{Call, of_parameter, refused};
use super::codes::{InnerCode, OuterCode};
use super::envelope::{Frame, Refusal, Reply};
use super::exports::definition;
use super::functions::{Action, FILE_PART, JSON_PART};
use super::json::Json;
use super::multipart::{Fault, Multipart, Part};
use super::parameters::Parameters;
use super::request::{Request, RequestBody};
use super::response::Response;
use crate::access::Right;
use crate::error::{Code, Error};
use crate::import::{ImportRequest, ImportSetting, discard_upload};
use crate::job::JobState;
use crate::schema::Table;
use crate::store::Store;

/// What headers, boundaries and other parts may add to a body with a file in it.
const AROUND: u64 = 64 << 10;

/// The longest name of a file that is kept, in characters.
const FILE_NAME: usize = 255;

type Source<'p, 'r> = Multipart<Bounded<&'p mut RequestBody<'r>>>;

/// What the parts of a body came to.
#[derive(Default)]
struct Parts {
    /// The part `json`, as it was sent.
    json: Option<Vec<u8>>,
    file: Option<Spooled>,
}

/// An upload that is in the store, and goes again unless it is kept.
struct Spooled {
    store: Store,
    id: i64,
    kept: bool,
}

impl Spooled {
    fn keep(mut self) -> i64 {
        self.kept = true;
        self.id
    }
}

impl Drop for Spooled {
    fn drop(&mut self) {
        // Should this fail, it expires like any upload.
        if !self.kept
            && let Err(error) = discard_upload(&self.store, self.id)
        {
            log::warn!("an upload stays until it expires: {error}");
        }
    }
}

/// Why the parts of a body were not read to the end.
enum Stop {
    Fault(Fault),
    Refused(Refusal),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Stop {
        Stop::Refused(refusal)
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Stop {
        Stop::Fault(fault)
    }
}

impl Call<'_> {
    /// Answers a request in parts: the JSON is in one of them, the file in another.
    pub(super) fn respond_to_parts(
        &mut self,
        frame: &Frame,
        request: &mut Request<'_>,
        boundary: Option<Vec<u8>>,
    ) -> Response {
        let mut parts = Parts::default();
        let read = self.read_parts(request, boundary, &mut parts);
        let json = parts.json.take().unwrap_or_default();
        let parsed = body::parse(&json, JSON_PART);
        let nothing = Json::Object(Vec::new());
        let query = parsed.as_ref().unwrap_or(&nothing);
        if let Err(refusal) = read {
            return frame.refuse(query, &refusal);
        }
        if let Err(refusal) = parsed {
            return frame.refuse(&nothing, &refusal);
        }
        match self.function.action {
            Action::FileUpload => Call::conclude(frame, &nothing, self.keep_file(parts.file, &nothing)),
            Action::CsvDataImport => Call::conclude(frame, query, self.reserve_file(parts.file, query)),
            // The others take no file; whoever sends their JSON as a part means the same.
            _ => self.respond(frame, query),
        }
    }

    fn read_parts(
        &mut self,
        request: &mut Request<'_>,
        boundary: Option<Vec<u8>>,
        parts: &mut Parts,
    ) -> Result<(), Refusal> {
        let options = &self.api.options;
        let takes_file = self.function.takes_file;
        let file = if takes_file { options.upload_bytes } else { 0 };
        let most = options.json_bytes.saturating_add(AROUND).saturating_add(file);
        if body::declared(request).is_some_and(|length| length > most) {
            return Err(match takes_file {
                true => body::too_large(options.upload_bytes).into(),
                false => OuterCode::BodyLarge.into(),
            });
        }
        let result = Multipart::new(Bounded::new(&mut request.body, most), boundary).map_err(Stop::Fault).and_then(
            |mut source| {
                while let Some(part) = source.next_part()? {
                    self.read_part(&part, &mut source, parts)?;
                }
                Ok(())
            },
        );
        result.map_err(|stop| match stop {
            Stop::Refused(refusal) => refusal,
            Stop::Fault(fault) => body::broken(fault, request.body.has_failed()),
        })
    }

    fn read_part(&mut self, part: &Part, source: &mut Source<'_, '_>, parts: &mut Parts) -> Result<(), Stop> {
        let is = |name: &str| part.name.eq_ignore_ascii_case(name);
        let takes_json = !self.function.parameters.is_empty();
        // JSON that is sent as a file is not looked at, and what it says is missing; clients know that.
        if is(JSON_PART) && takes_json && part.file_name.is_none() && parts.json.is_none() {
            let most = self.api.options.json_bytes;
            let mut bytes = Vec::new();
            if source.by_ref().take(most.saturating_add(1)).read_to_end(&mut bytes).is_err() {
                return Err(fault_of(source));
            }
            if bytes.len() as u64 > most {
                return Err(Refusal::from(OuterCode::BodyLarge).into());
            }
            parts.json = Some(bytes);
        } else if is(FILE_PART) && self.function.takes_file && parts.file.is_none() {
            // A file is not taken in for a call that will be refused, as far as that is known by now.
            if let (Action::CsvDataImport, Some(json)) = (self.function.action, &parts.json) {
                let query = body::parse(json, JSON_PART)?;
                let mut parameters = Parameters::of(self.function, &query);
                self.setting(&mut parameters)?;
                parameters.check()?;
            }
            parts.file = Some(self.spool(part, source)?);
        }
        Ok(())
    }

    /// Takes a file into the store, piece by piece.
    fn spool(&self, part: &Part, source: &mut Source<'_, '_>) -> Result<Spooled, Stop> {
        let options = &self.api.options;
        let name: String = part.file_name.as_deref().unwrap_or(FILE_PART).chars().take(FILE_NAME).collect();
        let mut counted = Counted::new(source.by_ref(), options.upload_bytes, options.upload_lines);
        match self.store.upload(&name, &mut counted) {
            Ok(upload) => Ok(Spooled { store: self.store.clone(), id: upload.id, kept: false }),
            Err(error) => Err(match counted.refused.take() {
                Some(entry) => Refusal::from(entry).into(),
                None if source.fault().is_some() => fault_of(source),
                None if error.code() == Code::LimitPassed => {
                    Refusal::from(body::too_large(self.store.limits().file_bytes)).into()
                }
                None => Refusal::of_fault(&error).into(),
            }),
        }
    }

    fn keep_file<'a>(&mut self, file: Option<Spooled>, nothing: &Json<'_>) -> Result<Reply<'a>, Refusal> {
        let Some(file) = file else {
            let mut parameters = Parameters::of(self.function, nothing);
            parameters.refuse(FILE_PART, InnerCode::ParameterMissing);
            return Err(refused(&mut parameters));
        };
        let id = file.keep().to_string();
        self.notes.subject.clone_from(&id);
        Ok(named("fileId", id))
    }

    fn reserve_file<'a>(&mut self, file: Option<Spooled>, query: &Json<'_>) -> Result<Reply<'a>, Refusal> {
        let mut parameters = Parameters::of(self.function, query);
        if file.is_none() {
            parameters.refuse(FILE_PART, InnerCode::ParameterMissing);
        }
        let (table, setting) = self.setting(&mut parameters)?;
        parameters.check()?;
        let Some(file) = file else { return Err(OuterCode::Internal.into()) };
        let process = self.reserve(&table, setting, file.id, &mut parameters)?;
        file.keep();
        Ok(named("processId", process))
    }

    /// The database and the import setting that are meant.
    fn setting(&mut self, parameters: &mut Parameters<'_>) -> Result<(Arc<Table>, i64), Refusal> {
        let table = self.database(parameters, Right::Import)?;
        let setting = definition::<ImportSetting>(self, &table, parameters, "importId")?;
        Ok((table, setting.unwrap_or(0)))
    }

    fn reserve(
        &mut self,
        table: &Table,
        setting: i64,
        file: i64,
        parameters: &mut Parameters<'_>,
    ) -> Result<String, Refusal> {
        let request = ImportRequest::upload(table.code(), setting.to_string(), file);
        let reserved = self.store.reserve_import(&request).map_err(|error| match error.code() {
            Code::UploadExpired => of_parameter(parameters, "fileId", InnerCode::NotFound),
            Code::DefinitionNotFound => of_parameter(parameters, "importId", InnerCode::NotFound),
            Code::DefinitionInvalid => of_parameter(parameters, "importId", InnerCode::SettingUnusable),
            Code::DatabaseNotFound => of_parameter(parameters, "dbSchemaId", InnerCode::NotFound),
            _ => Refusal::of_fault(&error),
        })?;
        let process = reserved.process_id.to_string();
        self.notes.subject.clone_from(&process);
        Ok(process)
    }
}

/// What a failed read of a part came from.
fn fault_of(source: &Source<'_, '_>) -> Stop {
    Stop::Fault(source.fault().unwrap_or(Fault::Broken("a part cannot be read")))
}

/// An id at both places where clients look for it.
fn named<'a>(name: &'static str, id: String) -> Reply<'a> {
    Reply::Items { items: Json::object([(name, Json::text(id.clone()))]), before: Some((name, id)) }
}

/// `csvimport`
pub(super) fn reserve<'a>(call: &mut Call<'_>, parameters: &mut Parameters<'_>) -> Result<Reply<'a>, Refusal> {
    let (table, setting) = call.setting(parameters)?;
    parameters.check()?;
    let file = parameters.id("fileId").unwrap_or(0);
    let process = call.reserve(&table, setting, file, parameters)?;
    Ok(named("processId", process))
}

/// `checkcsvimportprocess`
pub(super) fn check<'a>(call: &mut Call<'_>, parameters: &mut Parameters<'_>) -> Result<Reply<'a>, Refusal> {
    parameters.check()?;
    let id = parameters.id("processId").unwrap_or(0);
    let status = call.store.import_status(id).map_err(|error: Error| match error.code() {
        Code::JobNotFound => of_parameter(parameters, "processId", InnerCode::NotFound),
        _ => Refusal::of_fault(&error),
    })?;
    call.notes.database = Some(status.database_id);
    call.notes.subject = id.to_string();
    let (word, condition) = match status.state {
        JobState::Reserved => ("wait", "0"),
        JobState::Running => ("processing", "1"),
        JobState::Completed => ("complete", "2"),
        JobState::Failed | JobState::Cancelled => ("forced", "3"),
    };
    let counts = &status.counts;
    let number = |count: u64| Json::Number(count.to_string().into());
    let items = Json::object([
        ("processId", Json::text(id.to_string())),
        ("processStatus", Json::text(word)),
        ("nowCondition", Json::Number(condition.into())),
        ("succeedCount", number(counts.inserted + counts.updated + counts.unchanged)),
        ("failureCount", number(counts.rejected)),
    ]);
    Ok(Reply::Items { before: None, items })
}
