//! `csvexport`: records of a list and a search as CSV, read from one moment while it is sent.

use super::call::{Call, of_parameter};
use super::codes::InnerCode;
use super::envelope::{Refusal, Reply};
use super::parameters::Parameters;
use crate::access::Right;
use crate::csv::{Format, OutputEncoding, Quoting, Unmappable};
use crate::error::{Code, Error};
use crate::export::Export;
use crate::query::{List, Search};
use crate::schema::documents::{self, Document};
use crate::schema::{Table, ValueFormat};

pub(super) fn export<'a>(call: &mut Call<'_>, parameters: &mut Parameters<'_>) -> Result<Reply<'a>, Refusal> {
    let table = call.database(parameters, Right::Export)?;
    let list = definition::<List>(call, &table, parameters, "listId")?;
    let search = definition::<Search>(call, &table, parameters, "searchId")?;
    parameters.check()?;

    let options = &call.api.options;
    let limit = parameters.count("limit").unwrap_or(options.export_records).min(options.export_records_most);
    let mut export = Export::of(table.code())
        .limit(limit)
        .offset(parameters.count("offset").unwrap_or(0))
        .values(ValueFormat::Csv)
        .format(Format {
            encoding: options.export_encoding,
            quoting: Quoting::All,
            unmappable: Unmappable::Replace,
            ..Format::default()
        });
    let with_list = list.is_some();
    if let Some(id) = list {
        export = export.list(id.to_string());
    }
    if let Some(id) = search {
        export = export.search(id.to_string());
    }
    let stream = call.store.export_stream(&export).map_err(|error| match error.code() {
        // What was saved does not fit its database any more.
        Code::QueryField | Code::QueryOperator | Code::QueryValue | Code::QueryShape => {
            of_parameter(parameters, if with_list { "listId" } else { "searchId" }, InnerCode::SettingUnusable)
        }
        _ => Refusal::of_fault(&error),
    })?;
    let content_type = match options.export_encoding {
        OutputEncoding::Utf8 | OutputEncoding::Utf8Bom => "text/csv; charset=UTF-8",
        OutputEncoding::Cp932 => "text/csv; charset=Shift_JIS",
    };
    Ok(Reply::Csv { content_type, stream })
}

/// The id of a definition of the database that a parameter names; what names nothing is noted.
pub(super) fn definition<D: Document>(
    call: &Call<'_>,
    table: &Table,
    parameters: &mut Parameters<'_>,
    name: &str,
) -> Result<Option<i64>, Refusal> {
    let Some(id) = parameters.id(name) else { return Ok(None) };
    let find = || -> Result<bool, Error> {
        let reading = call.store.reading()?;
        Ok(documents::find::<D>(&reading, Some(table.id), &id.to_string())?.is_some())
    };
    if !find().map_err(|error| Refusal::of_fault(&error))? {
        parameters.refuse(name, InnerCode::NotFound);
    }
    Ok(Some(id))
}
