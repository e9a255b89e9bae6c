//! Values of records, given cell by cell

use std::ffi::c_char;

use super::argument::{Out, OutStruct, call, selector, text};
use super::error::renkei_error;
use super::handle::{self, ExclusiveNoun, Handle, Noun};
use super::status::renkei_status;
use super::store::renkei_datetime;
use super::write::{give, renkei_saved};
use crate::error::{Code, Error, Result};
use crate::record::{DetailRow, Saved, Selector, Values, set_value};
use crate::schema::{Date, DateTime, Number, Time, Value};

/// The values of one record or of many, on their way into the store. For one thread at a time.
///
/// Values belong to the record begun last, and to its detail row begun last. A field is named by its code, id or display
/// name; that a field exists and takes the value is judged when the record is written.
pub struct renkei_values(());

/// One record to be written.
#[derive(Default)]
pub(super) struct Entry {
    pub(super) values: Values,
    pub(super) target: Option<Selector>,
}

pub(super) struct Body {
    pub(super) entries: Vec<Entry>,
    pub(super) saved: Vec<Saved>,
}

impl Noun for Body {
    type Opaque = renkei_values;
    const KIND: u8 = 5;
    const NAME: &'static str = "set of values";
    const EXCLUSIVE: bool = true;
}

impl ExclusiveNoun for Body {}

impl Body {
    fn last(&mut self) -> &mut Entry {
        if self.entries.is_empty() {
            self.entries.push(Entry::default());
        }
        let last = self.entries.len() - 1;
        &mut self.entries[last]
    }

    /// The fields that are being given.
    fn fields(&mut self) -> &mut Vec<(String, Value)> {
        let values = &mut self.last().values;
        match values.rows.last_mut() {
            Some(row) => &mut row.fields,
            None => &mut values.fields,
        }
    }

    /// The one record, for calls that write one.
    pub(super) fn only(&self) -> Result<&Entry> {
        match self.entries.as_slice() {
            [only] => Ok(only),
            all => {
                let fault = format!("this call writes one record, and the values are those of {}", all.len());
                Err(Error::new(Code::Argument).with_rule(fault))
            }
        }
    }
}

/// Begins a set of values, with one record in it that has none yet. The caller frees it by renkei_values_free.
///
/// Rust: `Values::new`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_values_new(
    out_values: *mut *mut renkei_values,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_values, "out_values")?;
            out.set(handle::give(Body { entries: vec![Entry::default()], saved: Vec::new() }));
            Ok(())
        })
    }
}

/// Frees a set of values. NULL is allowed.
///
/// Rust: dropping `Values`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn renkei_values_free(values: *mut renkei_values) -> renkei_status {
    // SAFETY: no output is given.
    unsafe { call(std::ptr::null_mut(), || handle::close::<Body>(values)) }
}

/// Empties a set of values, for the next record: one record without values is in it then.
///
/// Rust: `Values::new`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_values_clear(
    values: *mut renkei_values,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let mut body = handle::get::<Body>(values)?;
            body.saved.clear();
            body.entries.truncate(1);
            let entry = body.last();
            entry.target = None;
            entry.values.fields.clear();
            entry.values.rows.clear();
            Ok(())
        })
    }
}

/// Begins the next record, for calls that write many.
///
/// Rust: a slice of `Values`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_values_next(
    values: *mut renkei_values,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            handle::get::<Body>(values)?.entries.push(Entry::default());
            Ok(())
        })
    }
}

/// How many records are in the set.
///
/// Rust: `Values::fields`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_values_count(
    values: *const renkei_values,
    out_count: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_count, "out_count")?;
            out.set(handle::get::<Body>(values)?.entries.len());
            Ok(())
        })
    }
}

/// Says which stored record the record begun last is to change, by its key, or with a NULL key by its id: for
/// renkei_record_update_all.
///
/// Rust: `Records::update_all`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_values_target(
    values: *mut renkei_values,
    key: *const c_char,
    key_len: usize,
    id: i64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let target = selector(key, key_len, id)?;
            handle::get::<Body>(values)?.last().target = Some(target);
            Ok(())
        })
    }
}

/// Begins a detail row of the record: values that follow are its. id names a row that is to be changed, as
/// renkei_record_row_id tells it; 0 is a new one, or one found by its detail key.
///
/// Rust: `Values::row`, `DetailRow::new`, `DetailRow::of`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_values_row(
    values: *mut renkei_values,
    id: i64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let row = if id == 0 { DetailRow::new() } else { DetailRow::of(id) };
            handle::get::<Body>(values)?.last().values.rows.push(row);
            Ok(())
        })
    }
}

/// Sets a field of what was begun last; the last value given for a field counts.
///
/// # Safety
///
/// As [`text`].
unsafe fn set(
    values: *mut renkei_values,
    field: *const c_char,
    field_len: usize,
    value: impl FnOnce(&mut Handle<Body>) -> Result<Value>,
) -> Result<()> {
    let mut body = handle::get::<Body>(values)?;
    // SAFETY: as promised by the caller.
    let field = unsafe { text(field, field_len, "field")? };
    let value = value(&mut body)?;
    set_value(body.fields(), field.to_owned(), value);
    Ok(())
}

/// Sets a field to no value.
///
/// Rust: `Values::set` with `Value::Empty`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_values_set_null(
    values: *mut renkei_values,
    field: *const c_char,
    field_len: usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe { call(out_error, || set(values, field, field_len, |_| Ok(Value::Empty))) }
}

/// Sets a field to a text. Every type of field understands one: "1,234", "2026-01-31", a label, a key of a linked record; the
/// empty text is no value.
///
/// Rust: `Values::set`, `DetailRow::set`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_values_set_text(
    values: *mut renkei_values,
    field: *const c_char,
    field_len: usize,
    value: *const c_char,
    value_len: usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe { call(out_error, || set(values, field, field_len, |_| Ok(Value::from(text(value, value_len, "value")?)))) }
}

/// Sets a field to a whole number.
///
/// Rust: `Values::set` with an `i64`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_values_set_int64(
    values: *mut renkei_values,
    field: *const c_char,
    field_len: usize,
    value: i64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe { call(out_error, || set(values, field, field_len, |_| Ok(Value::from(value)))) }
}

/// Sets a field to an exact decimal number: unscaled / 10^scale, so 1250 with scale 2 is 12.50. At most 18 digits.
///
/// Rust: `Values::set` with a `Number`, `Number::new`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_values_set_decimal(
    values: *mut renkei_values,
    field: *const c_char,
    field_len: usize,
    unscaled: i64,
    scale: u32,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            set(values, field, field_len, |_| {
                let number = u8::try_from(scale).ok().and_then(|scale| Number::new(unscaled, scale));
                number.map(Value::Number).ok_or_else(|| {
                    let fault = format!("{unscaled} with scale {scale} has more than 18 digits or decimal places");
                    Error::new(Code::Argument).with_rule(fault)
                })
            })
        })
    }
}

fn no_date() -> Error {
    Error::new(Code::Argument).with_rule("there is no such date or time")
}

fn date_of(given: &renkei_datetime) -> Option<Date> {
    Date::new(given.year.try_into().ok()?, given.month.try_into().ok()?, given.day.try_into().ok()?)
}

fn time_of(given: &renkei_datetime) -> Option<Time> {
    Time::new(given.hour.try_into().ok()?, given.minute.try_into().ok()?, given.second.try_into().ok()?)
}

/// Reads a date and time that the caller gives.
///
/// # Safety
///
/// `pointer` is NULL, or readable for the size that stands there.
unsafe fn datetime(pointer: *const renkei_datetime) -> Result<renkei_datetime> {
    if pointer.is_null() {
        return Err(super::argument::null("value"));
    }
    // SAFETY: as promised by the caller.
    unsafe { super::argument::options(pointer) }
}

/// Sets a field to a date: year, month and day of value; the rest of it is passed over.
///
/// Rust: `Values::set` with a `Date`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_values_set_date(
    values: *mut renkei_values,
    field: *const c_char,
    field_len: usize,
    value: *const renkei_datetime,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let given = datetime(value)?;
            set(values, field, field_len, |_| date_of(&given).map(Value::Date).ok_or_else(no_date))
        })
    }
}

/// Sets a field to a date and time.
///
/// Rust: `Values::set` with a `DateTime`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_values_set_datetime(
    values: *mut renkei_values,
    field: *const c_char,
    field_len: usize,
    value: *const renkei_datetime,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let given = datetime(value)?;
            set(values, field, field_len, |_| {
                let both = date_of(&given).zip(time_of(&given));
                both.map(|(date, time)| Value::DateTime(DateTime::new(date, time))).ok_or_else(no_date)
            })
        })
    }
}

/// Sets a field to a time of day: hour, minute and second of value; the rest of it is passed over.
///
/// Rust: `Values::set` with a `Time`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_values_set_time(
    values: *mut renkei_values,
    field: *const c_char,
    field_len: usize,
    value: *const renkei_datetime,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let given = datetime(value)?;
            set(values, field, field_len, |_| time_of(&given).map(Value::Time).ok_or_else(no_date))
        })
    }
}

/// Sets a field to a stored file, by the id that renkei_file_put gave.
///
/// Rust: `Values::set` with `Value::File`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_values_set_file(
    values: *mut renkei_values,
    field: *const c_char,
    field_len: usize,
    file: i64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe { call(out_error, || set(values, field, field_len, |_| Ok(Value::File(file)))) }
}

/// Adds a label to a field of several choices. The first call for a field begins its set anew.
///
/// Rust: `Values::set` with `Value::Choices`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_values_add_label(
    values: *mut renkei_values,
    field: *const c_char,
    field_len: usize,
    label: *const c_char,
    label_len: usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let label = text(label, label_len, "label")?.to_owned();
            let mut body = handle::get::<Body>(values)?;
            let field = text(field, field_len, "field")?;
            match body.fields().iter_mut().find(|(name, _)| name == field) {
                Some((_, Value::Choices(labels))) => labels.push(label),
                _ => set_value(body.fields(), field.to_owned(), Value::Choices(vec![label])),
            }
            Ok(())
        })
    }
}

/// What became of a record of the set in the last call that wrote it, by its place from 0.
///
/// Rust: `Saved`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_values_saved(
    values: *const renkei_values,
    place: usize,
    out_saved: *mut renkei_saved,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = OutStruct::new(out_saved, "out_saved")?;
            let body = handle::get::<Body>(values)?;
            let found = body.saved.get(place).ok_or_else(|| {
                let fault = format!("record {place} of values of which {} were written", body.saved.len());
                Error::new(Code::Argument).with_rule(fault)
            })?;
            give(Some(out), found);
            Ok(())
        })
    }
}
