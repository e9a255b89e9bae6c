//! `regist`, `update`, `delete` and `view`: one record a call.

use super::call::{Call, refused};
use super::codes::InnerCode;
use super::envelope::{Refusal, Reply};
use super::json::Json;
use super::parameters::{Member, Parameters};
use super::values::{self, RowKey};
use crate::access::Right;
use crate::error::{Code, Error};
use crate::query::System;
use crate::record::{DetailMode, KeyMode, Record, Saved, Shown, Values, WriteOptions};
use crate::schema::{Column, Table, ValueFormat, write_moment};

/// The fields that every record has, in the order in which they are shown.
const SYSTEM: [System; 5] = [System::Id, System::CreatedAt, System::CreatedBy, System::UpdatedAt, System::UpdatedBy];

/// Where detail rows stand, and the number of a row in them.
pub(super) const DETAILS: &str = "details";
const ROW: &str = "行";

/// Whether a name is one of those that answers have beside the items. Who writes back what he was given may send them.
pub(super) fn is_beside_items(name: &str) -> bool {
    name == ROW || SYSTEM.iter().any(|system| system.shown() == name)
}

/// `regist`
pub(super) fn register<'a>(call: &mut Call<'_>, parameters: &mut Parameters<'_>) -> Result<Reply<'a>, Refusal> {
    let table = call.database(parameters, Right::Register)?;
    let values = values_of(&table, parameters, RowKey::None)?;
    let key_mode = if parameters.flag("keyMode") { KeyMode::Given } else { KeyMode::Issue };
    let options = WriteOptions::new()
        .fill_dependents(parameters.flag("getSubordinate"))
        .key_mode(key_mode)
        .details(DetailMode::Append);
    let saved = call.store.records(table.code()).register_with(&values, &options);
    let saved = saved.map_err(|error| refusal(call, &table, parameters, &error))?;
    call.notes.subject.clone_from(&saved.key);
    Ok(written(saved))
}

/// `update`
pub(super) fn update<'a>(call: &mut Call<'_>, parameters: &mut Parameters<'_>) -> Result<Reply<'a>, Refusal> {
    let table = call.database(parameters, Right::Update)?;
    let row_key = row_key(&table, parameters);
    let values = values_of(&table, parameters, row_key)?;
    let key = parameters.text("keyId").unwrap_or_default();
    call.notes.subject = key.to_owned();
    let mode = if row_key == RowKey::None { DetailMode::Append } else { DetailMode::Merge };
    let options = WriteOptions::new().fill_dependents(parameters.flag("getSubordinate")).details(mode);
    let saved = call.store.records(table.code()).update_with(key, &values, &options);
    saved.map(written).map_err(|error| refusal(call, &table, parameters, &error))
}

/// `delete`
pub(super) fn delete<'a>(call: &mut Call<'_>, parameters: &mut Parameters<'_>) -> Result<Reply<'a>, Refusal> {
    let table = call.database(parameters, Right::Delete)?;
    parameters.check()?;
    let key = parameters.text("keyId").unwrap_or_default();
    call.notes.subject = key.to_owned();
    let deleted = call.store.records(table.code()).delete(key);
    let id = deleted.map_err(|error| refusal(call, &table, parameters, &error))?;
    Ok(identified(table.key().stored_key(key).into_owned(), id))
}

/// `view`
pub(super) fn view<'a>(call: &mut Call<'_>, parameters: &mut Parameters<'_>) -> Result<Reply<'a>, Refusal> {
    let table = call.database(parameters, Right::View)?;
    parameters.check()?;
    let key = parameters.text("keyId").unwrap_or_default();
    call.notes.subject = key.to_owned();
    let record = call.store.records(table.code()).view(key);
    let record = record.map_err(|error| refusal(call, &table, parameters, &error))?;
    Ok(Reply::Items { before: None, items: shown(call, &record, parameters.mode("responseType")) })
}

/// How the rows of an update are found.
fn row_key(table: &Table, parameters: &mut Parameters<'_>) -> RowKey {
    const NAME: &str = "updateDetailKeyId";
    match parameters.text(NAME) {
        None => RowKey::None,
        Some(values::ROW_KEY) => RowKey::Member,
        Some(_) => {
            let id = parameters.id(NAME);
            let key = table.details.as_ref().and_then(|details| details.key.map(|at| details.columns[at].id));
            if key.is_none() || key != id {
                parameters.refuse(NAME, InnerCode::NotFound);
            }
            RowKey::Item
        }
    }
}

/// Reads `values`, once all parameters are good.
fn values_of(table: &Table, parameters: &mut Parameters<'_>, row_key: RowKey) -> Result<Values, Refusal> {
    let read = values::read(table, parameters.object("values").unwrap_or_default(), row_key);
    if read.is_err() {
        parameters.refuse("values", InnerCode::ParameterType);
    }
    parameters.check()?;
    read.map_err(|_| refused(parameters))
}

fn refusal(call: &Call<'_>, table: &Table, parameters: &mut Parameters<'_>, error: &Error) -> Refusal {
    match error.code() {
        Code::RecordInvalid => return Refusal::values(table, error.violations()),
        Code::RecordNotFound => parameters.refuse("keyId", InnerCode::NotFound),
        Code::RecordLinked => parameters.refuse("keyId", InnerCode::RecordLinked),
        Code::LimitPassed => parameters.refuse_with("values", InnerCode::DetailsMany, call.store.limits().detail_rows),
        Code::RevisionConflict => parameters.refuse("keyId", InnerCode::RecordChanged),
        Code::DatabaseNotFound => parameters.refuse("dbSchemaId", InnerCode::NotFound),
        _ => return Refusal::of_fault(error),
    }
    refused(parameters)
}

fn written<'a>(saved: Saved) -> Reply<'a> {
    identified(saved.key, saved.id)
}

fn identified<'a>(key: String, id: i64) -> Reply<'a> {
    let items = Json::object([("keyId", Json::text(key)), ("id", Json::text(id.to_string()))]);
    Reply::Items { before: None, items }
}

/// A record as people see it: the system fields, the header items, and the detail rows among them.
fn shown<'a>(call: &Call<'_>, record: &Record, by_names: bool) -> Json<'a> {
    let moment = |at| {
        let mut text = Vec::new();
        write_moment(&mut text, call.store.local(at), ValueFormat::Display);
        Json::text(String::from_utf8(text).unwrap_or_default())
    };
    let user = |name: Option<&str>| Json::text(name.unwrap_or_default().to_owned());
    let system = [
        Json::text(record.id().to_string()),
        moment(record.created_at()),
        user(record.created_by_name()),
        moment(record.updated_at()),
        user(record.updated_by_name()),
    ];
    let named = |(column, shown): (&Column, Shown)| -> Member<'a> {
        let name = if by_names { column.field.name.clone() } else { column.id.to_string() };
        let value = match shown {
            Shown::Text(text) => Json::text(text),
            Shown::Labels(labels) => Json::Array(labels.into_iter().map(Json::text).collect()),
        };
        (name.into(), value)
    };
    let mut members: Vec<Member<'a>> = SYSTEM.into_iter().map(|system| system.shown().into()).zip(system).collect();
    let place = members.len() + record.table().details_place();
    members.extend(record.shown().map(named));
    if record.table().details.is_some() {
        let rows = record.rows().iter().zip(1..).map(|(row, number): (_, u64)| {
            let number = (ROW.into(), Json::text(number.to_string()));
            Json::Object(std::iter::once(number).chain(row.shown().map(named)).collect())
        });
        members.insert(place.min(members.len()), (DETAILS.into(), Json::Array(rows.collect())));
    }
    Json::Object(members)
}
