//! Records, read

use std::ffi::c_char;

use super::argument::{Out, OutStruct, call, out_bytes, out_str, selector, text};
use super::ask;
use super::error::renkei_error;
use super::handle::{self, ExclusiveNoun, Noun};
use super::memory::SpreadMap;
use super::rows::{cell, renkei_cell};
use super::status::renkei_status;
use super::store::{datetime, no_such, renkei_datetime, renkei_store};
use crate::error::{Code, Error, Result};
use crate::query::Typed;
use crate::record::{Approval, Record, find_record, view_record};
use crate::schema::{Cell, Column, Layout, Number, Value, ValueFormat};
use crate::store::Store;

/// A record as it was read. For one thread at a time.
///
/// A field is named by its code, id or display name, and stands in row 0, the header, or in a detail row, counted from 1.
pub struct renkei_record(());

/// For machines: plain numbers; dates in the CSV pattern of the field, else in ISO form.
pub const RENKEI_FORMAT_RAW: u32 = 0;
/// For people's spreadsheets: numbers as they are displayed, dates in the CSV pattern of the field.
pub const RENKEI_FORMAT_CSV: u32 = 1;
/// As people see it on a screen.
pub const RENKEI_FORMAT_DISPLAY: u32 = 2;

pub(super) fn format_of(format: u32) -> Result<ValueFormat> {
    match format {
        RENKEI_FORMAT_RAW => Ok(ValueFormat::Raw),
        RENKEI_FORMAT_CSV => Ok(ValueFormat::Csv),
        RENKEI_FORMAT_DISPLAY => Ok(ValueFormat::Display),
        other => Err(no_such("format", other)),
    }
}

pub(super) struct Body {
    record: Record,
    /// Texts that were made, which stay where they are; by [`place`].
    made: SpreadMap<u64, String>,
    /// Rows that were read as cells, by row.
    cells: Vec<Option<Box<[renkei_cell]>>>,
}

// SAFETY: the pointers in `cells` are only handed out, to whom the record belongs.
unsafe impl Send for Body {}
// SAFETY: as above.
unsafe impl Sync for Body {}

impl Noun for Body {
    type Opaque = renkei_record;
    const KIND: u8 = 6;
    const NAME: &'static str = "record";
    const EXCLUSIVE: bool = true;
}

impl ExclusiveNoun for Body {}

fn row_of(record: &Record, row: usize) -> Result<(&Layout, &[Cell<'static>])> {
    let found = match row {
        0 => Some((record.layout(), record.cells())),
        _ => record.rows().get(row - 1).and_then(|row| Some((row.layout()?, row.cells()))),
    };
    found.ok_or_else(|| {
        let fault = format!("detail row {row} of a record that has {}", record.rows().len());
        Error::new(Code::Argument).with_rule(fault)
    })
}

impl Body {
    pub(super) fn new(record: Record) -> Body {
        Body { record, made: SpreadMap::default(), cells: Vec::new() }
    }

    fn find(&self, row: usize, field: &str) -> Result<(usize, &Column, &Cell<'static>)> {
        let (layout, cells) = row_of(&self.record, row)?;
        let at = layout.find(field).ok_or_else(|| {
            let fault =
                format!("there is no field \"{field}\" in the {}", if row == 0 { "header" } else { "detail rows" });
            Error::new(Code::Argument).with_field(field).with_rule(fault)
        })?;
        Ok((at, &layout.columns[at], &cells[at]))
    }

    fn value(&self, row: usize, field: &str) -> Result<Value> {
        self.find(row, field).map(|(_, column, cell)| column.value(cell))
    }
}

/// Reads the record with a key, or with a NULL key the one with an id. The caller frees it by renkei_record_free.
///
/// RENKEI_NOT_FOUND when there is none.
///
/// Rust: `Records::view`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_record_view(
    store: *const renkei_store,
    database: *const c_char,
    database_len: usize,
    key: *const c_char,
    key_len: usize,
    id: i64,
    out_record: *mut *mut renkei_record,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::value(store, (out_record, "out_record"), out_error, |store| {
            let database = text(database, database_len, "database")?;
            Ok(handle::give(Body::new(view_record(store, database, &selector(key, key_len, id)?)?)))
        })
    }
}

/// As renkei_record_view, with RENKEI_OK and no record (NULL) where there is none.
///
/// Rust: `Records::find`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_record_find(
    store: *const renkei_store,
    database: *const c_char,
    database_len: usize,
    key: *const c_char,
    key_len: usize,
    id: i64,
    out_record: *mut *mut renkei_record,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_record, "out_record")?;
            let store = handle::get::<Store>(store)?;
            let database = text(database, database_len, "database")?;
            if let Some(record) = find_record(&store, database, &selector(key, key_len, id)?)? {
                out.set(handle::give(Body::new(record)));
            }
            Ok(())
        })
    }
}

/// As renkei_record_view, as a JSON object: _id, _revision, _created_at, _created_by, _updated_at, _updated_by, every field by
/// its code, and the detail rows under "details". The caller frees the JSON by renkei_free.
///
/// Rust: `Records::view`, `Record::to_json`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_record_view_json(
    store: *const renkei_store,
    database: *const c_char,
    database_len: usize,
    key: *const c_char,
    key_len: usize,
    id: i64,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::json(store, out_json, out_json_len, out_error, |store| {
            let database = text(database, database_len, "database")?;
            view_record(store, database, &selector(key, key_len, id)?)
        })
    }
}

/// Frees a record. NULL is allowed.
///
/// Rust: dropping a `Record`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn renkei_record_free(record: *mut renkei_record) -> renkei_status {
    // SAFETY: no output is given.
    unsafe { call(std::ptr::null_mut(), || handle::close::<Body>(record)) }
}

/// A record as a JSON object, as renkei_record_view_json. The caller frees the JSON by renkei_free.
///
/// Rust: `Record::to_json`, `Record::fields`, `RecordRow::fields`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_record_json(
    record: *const renkei_record,
    out_json: *mut *mut c_char,
    out_json_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = out_bytes(out_json, out_json_len, "out_json")?;
            out.give_json(&handle::get::<Body>(record)?.record)
        })
    }
}

/// The record id.
///
/// Rust: `Record::id`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_record_id(
    record: *const renkei_record,
    out_id: *mut i64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_id, "out_id")?;
            out.set(handle::get::<Body>(record)?.record.id());
            Ok(())
        })
    }
}

/// The key, lent until the record is freed, with no NUL behind it.
///
/// Rust: `Record::key`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_record_key(
    record: *const renkei_record,
    out_key: *mut *const c_char,
    out_key_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = out_str(out_key, out_key_len, "out_key")?;
            out.lend(handle::get::<Body>(record)?.record.key());
            Ok(())
        })
    }
}

/// How often the record was written: 1 for a new one.
///
/// Rust: `Record::revision`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_record_revision(
    record: *const renkei_record,
    out_revision: *mut i64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_revision, "out_revision")?;
            out.set(handle::get::<Body>(record)?.record.revision());
            Ok(())
        })
    }
}

/// When the record was registered, in milliseconds since 1970, and by which user: the empty text is the host itself. The text
/// is lent until the record is freed, with no NUL behind it.
///
/// Rust: `Record::created_at`, `Record::created_by`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_record_created(
    record: *const renkei_record,
    out_milliseconds: *mut i64,
    out_user: *mut *const c_char,
    out_user_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let (when, who) =
                (Out::new(out_milliseconds, "out_milliseconds"), out_str(out_user, out_user_len, "out_user"));
            let (when, who) = (when?, who?);
            let body = handle::get::<Body>(record)?;
            who.lend(body.record.created_by().unwrap_or_default());
            when.set(body.record.created_at().0);
            Ok(())
        })
    }
}

/// When the record was last written, and by which user, as renkei_record_created.
///
/// Rust: `Record::updated_at`, `Record::updated_by`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_record_updated(
    record: *const renkei_record,
    out_milliseconds: *mut i64,
    out_user: *mut *const c_char,
    out_user_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let (when, who) =
                (Out::new(out_milliseconds, "out_milliseconds"), out_str(out_user, out_user_len, "out_user"));
            let (when, who) = (when?, who?);
            let body = handle::get::<Body>(record)?;
            who.lend(body.record.updated_by().unwrap_or_default());
            when.set(body.record.updated_at().0);
            Ok(())
        })
    }
}

/// The display name of the user who registered the record: the empty text where that was the host itself, or there is no such user
/// any more. Lent until the record is freed, with no NUL behind it.
///
/// Rust: `Record::created_by_name`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_record_created_name(
    record: *const renkei_record,
    out_name: *mut *const c_char,
    out_name_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = out_str(out_name, out_name_len, "out_name")?;
            out.lend(handle::get::<Body>(record)?.record.created_by_name().unwrap_or_default());
            Ok(())
        })
    }
}

/// The display name of the user who last wrote the record: the empty text where that was the host itself, or there is no such user
/// any more. Lent until the record is freed, with no NUL behind it.
///
/// Rust: `Record::updated_by_name`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_record_updated_name(
    record: *const renkei_record,
    out_name: *mut *const c_char,
    out_name_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = out_str(out_name, out_name_len, "out_name")?;
            out.lend(handle::get::<Body>(record)?.record.updated_by_name().unwrap_or_default());
            Ok(())
        })
    }
}

/// The database keeps no approval state.
pub const RENKEI_APPROVAL_NONE: u32 = 0;
/// Not approved yet, or withdrawn.
pub const RENKEI_APPROVAL_PENDING: u32 = 1;
/// Approved.
pub const RENKEI_APPROVAL_APPROVED: u32 = 2;

/// The approval state: RENKEI_APPROVAL_NONE, RENKEI_APPROVAL_PENDING or RENKEI_APPROVAL_APPROVED.
///
/// Rust: `Record::approval`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_record_approval(
    record: *const renkei_record,
    out_approval: *mut u32,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_approval, "out_approval")?;
            out.set(match handle::get::<Body>(record)?.record.approval() {
                None => RENKEI_APPROVAL_NONE,
                Some(Approval::Pending) => RENKEI_APPROVAL_PENDING,
                Some(Approval::Approved) => RENKEI_APPROVAL_APPROVED,
            });
            Ok(())
        })
    }
}

/// How many detail rows the record has.
///
/// Rust: `Record::rows`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_record_row_count(
    record: *const renkei_record,
    out_count: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_count, "out_count")?;
            out.set(handle::get::<Body>(record)?.record.rows().len());
            Ok(())
        })
    }
}

/// The id by which a detail row, counted from 1, can be changed; see renkei_values_row.
///
/// Rust: `RecordRow::id`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_record_row_id(
    record: *const renkei_record,
    row: usize,
    out_id: *mut i64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_id, "out_id")?;
            let body = handle::get::<Body>(record)?;
            let found = row.checked_sub(1).and_then(|at| body.record.rows().get(at));
            let found = found.ok_or_else(|| {
                let fault = format!("detail row {row} of a record that has {}", body.record.rows().len());
                Error::new(Code::Argument).with_rule(fault)
            })?;
            out.set(found.id());
            Ok(())
        })
    }
}

/// Whether a field has no value.
///
/// Rust: `Record::value`, `RecordRow::value`, `Value::is_empty`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_record_is_null(
    record: *const renkei_record,
    row: usize,
    field: *const c_char,
    field_len: usize,
    out_is_null: *mut i32,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_is_null, "out_is_null")?;
            let body = handle::get::<Body>(record)?;
            let (.., cell) = body.find(row, text(field, field_len, "field")?)?;
            out.set(cell.is_null().into());
            Ok(())
        })
    }
}

/// The text of a field in a format (RENKEI_FORMAT_RAW, RENKEI_FORMAT_CSV or RENKEI_FORMAT_DISPLAY), empty where there is no
/// value: lent until the record is freed, with no NUL behind it.
///
/// Rust: `Record::text`, `Record::display`, `RecordRow::text`, `RecordRow::display`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_record_text(
    record: *const renkei_record,
    row: usize,
    field: *const c_char,
    field_len: usize,
    format: u32,
    out_text: *mut *const c_char,
    out_text_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = out_str(out_text, out_text_len, "out_text")?;
            let mut body = handle::get::<Body>(record)?;
            let field = text(field, field_len, "field")?;
            let format_value = format_of(format)?;
            let (at, column, cell) = body.find(row, field)?;
            if let Some(text) = column.lend(cell) {
                out.lend(text);
                return Ok(());
            }
            let (made, columns) = (column.text(cell, format_value), body.record.layout().columns.len());
            if body.made.is_empty() {
                // Mostly they are all asked for, one after the other.
                body.made.reserve(columns);
            }
            out.lend(body.made.entry(place(row, at, format)).or_insert(made));
            Ok(())
        })
    }
}

/// A number for each row, column (of which there are at most 1,000) and format (of which there are three).
fn place(row: usize, column: usize, format: u32) -> u64 {
    (row as u64) << 16 | (column as u64) << 2 | u64::from(format)
}

/// All cells of the header (row 0) or of a detail row, in the order of the definition without fields out of use: an array,
/// lent until the record is freed. The fastest way to read a record.
///
/// Rust: `Record::fields`, `RecordRow::fields`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_record_cells(
    record: *const renkei_record,
    row: usize,
    out_cells: *mut *const renkei_cell,
    out_count: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let (out, count) = (Out::new(out_cells, "out_cells"), Out::new(out_count, "out_count"));
            let (out, count) = (out?, count?);
            let mut body = handle::get::<Body>(record)?;
            if body.cells.get(row).is_none_or(Option::is_none) {
                let cells = cells(&mut body, row)?;
                if body.cells.len() <= row {
                    body.cells.resize(row + 1, None);
                }
                body.cells[row] = Some(cells);
            }
            if let Some(cells) = &body.cells[row] {
                out.set(cells.as_ptr());
                count.set(cells.len());
            }
            Ok(())
        })
    }
}

fn cells(body: &mut Body, row: usize) -> Result<Box<[renkei_cell]>> {
    let Body { record, made, .. } = body;
    let (layout, stored) = row_of(record, row)?;
    let cells = layout.columns.iter().zip(stored).enumerate().map(|(at, (column, stored))| {
        if let Some(text) = column.lend(stored) {
            return cell(Typed::Text(text));
        }
        match column.value(stored) {
            value @ (Value::Text(_) | Value::Choices(_)) => {
                let text = made.entry(place(row, at, RENKEI_FORMAT_RAW)).or_insert_with(|| value.to_text());
                cell(if matches!(value, Value::Text(_)) { Typed::Text(text) } else { Typed::Labels(text) })
            }
            other => cell(Typed::Value(other)),
        }
    });
    Ok(cells.collect())
}

/// The value of a field as a whole number: of a number without decimal places, or the id of a file. 0 where there is no value.
///
/// Rust: `Record::value`, `RecordRow::value`, `Value::as_number`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_record_int64(
    record: *const renkei_record,
    row: usize,
    field: *const c_char,
    field_len: usize,
    out_value: *mut i64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_value, "out_value")?;
            let body = handle::get::<Body>(record)?;
            out.set(whole(&body.value(row, text(field, field_len, "field")?)?)?);
            Ok(())
        })
    }
}

/// The value of a field as an exact decimal number, unscaled / 10^scale. 0 where there is no value.
///
/// Rust: `Record::value`, `RecordRow::value`, `Number::unscaled`, `Number::scale`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_record_decimal(
    record: *const renkei_record,
    row: usize,
    field: *const c_char,
    field_len: usize,
    out_unscaled: *mut i64,
    out_scale: *mut u32,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let (unscaled, scale) = (Out::new(out_unscaled, "out_unscaled"), Out::new(out_scale, "out_scale"));
            let (unscaled, scale) = (unscaled?, scale?);
            let body = handle::get::<Body>(record)?;
            let number = decimal(&body.value(row, text(field, field_len, "field")?)?)?;
            unscaled.set(number.unscaled());
            scale.set(number.scale().into());
            Ok(())
        })
    }
}

/// The value of a field as a date, a time, or both; all 0 where there is no value.
///
/// Rust: `Record::value`, `RecordRow::value`, `Date::year`, `Date::month`, `Date::day`, `DateTime::date`, `DateTime::time`,
/// `Time::hour`, `Time::minute`, `Time::second`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_record_datetime(
    record: *const renkei_record,
    row: usize,
    field: *const c_char,
    field_len: usize,
    out_datetime: *mut renkei_datetime,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = OutStruct::new(out_datetime, "out_datetime")?;
            let body = handle::get::<Body>(record)?;
            out.set(&moment(&body.value(row, text(field, field_len, "field")?)?)?);
            Ok(())
        })
    }
}

fn mismatch(value: &Value, wanted: &str) -> Error {
    Error::new(Code::TypeMismatch).with_name("value").with_value(value.to_text()).with_rule(wanted)
}

/// A value as a whole number.
pub(super) fn whole(value: &Value) -> Result<i64> {
    match value {
        Value::Empty => Ok(0),
        Value::Number(number) => i64::try_from(*number),
        Value::File(id) => Ok(*id),
        other => Err(mismatch(other, "a whole number")),
    }
}

/// A value as a decimal number.
pub(super) fn decimal(value: &Value) -> Result<Number> {
    match value {
        Value::Empty => Ok(Number::ZERO),
        Value::Number(number) => Ok(*number),
        other => Err(mismatch(other, "a number")),
    }
}

/// A value as a date, a time or both.
pub(super) fn moment(value: &Value) -> Result<renkei_datetime> {
    match value {
        Value::Empty => Ok(datetime(None, None)),
        Value::Date(date) => Ok(datetime(Some(*date), None)),
        Value::DateTime(both) => Ok(datetime(Some(both.date()), Some(both.time()))),
        Value::Time(time) => Ok(datetime(None, Some(*time))),
        other => Err(mismatch(other, "a date or time")),
    }
}
