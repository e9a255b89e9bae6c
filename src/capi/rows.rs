//! Rows, read one by one without JSON

use std::ffi::c_char;

use super::argument::{Out, OutStruct, call, json, optional_json, out_str, text};
use super::ask;
use super::cursor::Cursor;
use super::error::renkei_error;
use super::handle::{self, ExclusiveNoun, Noun};
use super::record::{decimal, format_of, moment, whole};
use super::status::renkei_status;
use super::store::{renkei_datetime, renkei_store};
use crate::error::{Code, Error, Result};
use crate::query::{Query, Row, Typed};
use crate::schema::Value;

/// A cursor over chosen columns of the records that a query means, all of one moment. For one thread at a time.
///
/// As long as it is open, the store keeps what it was at that moment: close it soon.
pub struct renkei_rows(());

/// The cell has no value.
pub const RENKEI_CELL_NULL: u32 = 0;
/// A text: also a label, the key of a linked record, the code of a user.
pub const RENKEI_CELL_TEXT: u32 = 1;
/// A number: integer / 10^scale.
pub const RENKEI_CELL_NUMBER: u32 = 2;
/// A date: integer days since 1970-01-01.
pub const RENKEI_CELL_DATE: u32 = 3;
/// A civil date and time: integer seconds since 1970-01-01 00:00:00 of the same clock on the wall.
pub const RENKEI_CELL_DATETIME: u32 = 4;
/// A time of day: integer seconds since midnight.
pub const RENKEI_CELL_TIME: u32 = 5;
/// Several labels: a text with commas between them.
pub const RENKEI_CELL_LABELS: u32 = 6;
/// The id of a stored file: integer.
pub const RENKEI_CELL_FILE: u32 = 7;

/// One cell of a line.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct renkei_cell {
    /// RENKEI_CELL_TEXT and so on; it says which of the other members count.
    pub kind: u32,
    /// The decimal places of a number.
    pub scale: u32,
    /// A number, date, time or file.
    pub integer: i64,
    /// A text or labels, with no NUL behind; NULL else.
    pub text: *const c_char,
    /// Its length in bytes.
    pub text_len: usize,
}

pub(super) struct Body {
    // Before the cursor, whose memory it points to.
    cells: Vec<renkei_cell>,
    cursor: Cursor,
    /// Texts that were made for the present line, by column.
    made: Vec<Vec<u8>>,
}

// SAFETY: the pointers in `cells` are only handed out, to whom the cursor belongs.
unsafe impl Send for Body {}
// SAFETY: as above.
unsafe impl Sync for Body {}

impl Noun for Body {
    type Opaque = renkei_rows;
    const KIND: u8 = 8;
    const NAME: &'static str = "cursor";
    const EXCLUSIVE: bool = true;
}

impl ExclusiveNoun for Body {}

/// The line at which a cursor stands.
fn at_row(cursor: &Cursor) -> Result<Row<'_>> {
    cursor
        .row()
        .ok_or_else(|| Error::new(Code::Argument).with_rule("the cursor stands at no row: call renkei_rows_next"))
}

/// Opens a cursor. columns is a JSON array of paths, such as ["number", "branch.name", "_updated_at"]; query is a JSON object
/// with condition, sort, limit, offset and after, or NULL for all records by id. With a detail field among the columns there
/// is a line for each detail row, and one for a record without any. The caller closes it by renkei_rows_close.
///
/// Rust: `Store::rows`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_rows_open(
    store: *const renkei_store,
    database: *const c_char,
    database_len: usize,
    columns: *const c_char,
    columns_len: usize,
    query: *const c_char,
    query_len: usize,
    out_rows: *mut *mut renkei_rows,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::value(store, (out_rows, "out_rows"), out_error, |store| {
            let database = text(database, database_len, "database")?;
            let columns: Vec<String> = json(columns, columns_len, "columns")?;
            let query: Query = optional_json(query, query_len, "query")?;
            let cursor = Cursor::open(store, database, &columns, &query)?;
            let made = vec![Vec::new(); cursor.len()];
            Ok(handle::give(Body { cells: Vec::new(), cursor, made }))
        })
    }
}

/// Goes to the next line; out_has_row is 1 where there is one, and 0 behind the last. What was lent of the line before is
/// gone then.
///
/// Rust: `Store::rows`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_rows_next(
    rows: *mut renkei_rows,
    out_has_row: *mut i32,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_has_row, "out_has_row")?;
            let mut body = handle::get::<Body>(rows)?;
            body.cells.clear();
            out.set(body.cursor.next()?.into());
            Ok(())
        })
    }
}

/// Closes a cursor. NULL is allowed.
///
/// Rust: the end of `Store::rows`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn renkei_rows_close(rows: *mut renkei_rows) -> renkei_status {
    // SAFETY: no output is given.
    unsafe { call(std::ptr::null_mut(), || handle::close::<Body>(rows)) }
}

/// How many columns there are.
///
/// Rust: `Row::len`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_rows_column_count(
    rows: *const renkei_rows,
    out_count: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_count, "out_count")?;
            out.set(handle::get::<Body>(rows)?.cursor.len());
            Ok(())
        })
    }
}

/// The id of the record.
///
/// Rust: `Row::id`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_rows_id(
    rows: *const renkei_rows,
    out_id: *mut i64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_id, "out_id")?;
            out.set(at_row(&handle::get::<Body>(rows)?.cursor)?.id());
            Ok(())
        })
    }
}

/// Whether a column, counted from 0, has no value.
///
/// Rust: `Row::is_null`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_rows_is_null(
    rows: *const renkei_rows,
    column: usize,
    out_is_null: *mut i32,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_is_null, "out_is_null")?;
            out.set(at_row(&handle::get::<Body>(rows)?.cursor)?.is_null(column)?.into());
            Ok(())
        })
    }
}

/// The text of a column, counted from 0, in a format (RENKEI_FORMAT_RAW, RENKEI_FORMAT_CSV or RENKEI_FORMAT_DISPLAY), empty
/// where there is no value. Lent, with no NUL behind it, until the next line, or until the same column is read in another
/// format.
///
/// Rust: `Row::text`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_rows_text(
    rows: *mut renkei_rows,
    column: usize,
    format: u32,
    out_text: *mut *const c_char,
    out_text_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = out_str(out_text, out_text_len, "out_text")?;
            let mut body = handle::get::<Body>(rows)?;
            let Body { cursor, made, .. } = &mut *body;
            let row = at_row(cursor)?;
            let scratch = made.get_mut(column).ok_or_else(|| no_column(&row, column))?;
            match row.lend(column, format_of(format)?, scratch)? {
                Some(text) => out.lend(text),
                None => out.lend(std::str::from_utf8(scratch).unwrap_or_default()),
            }
            Ok(())
        })
    }
}

#[cold]
fn no_column(row: &Row<'_>, column: usize) -> Error {
    // The row's own refusal.
    row.is_null(column).err().unwrap_or_else(|| Error::new(Code::Argument))
}

/// The value of a column as a whole number: of a number without decimal places, the id of a file, _id or _revision. 0 where
/// there is no value.
///
/// Rust: `Row::value`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_rows_int64(
    rows: *const renkei_rows,
    column: usize,
    out_value: *mut i64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_value, "out_value")?;
            out.set(whole(&at_row(&handle::get::<Body>(rows)?.cursor)?.value(column)?)?);
            Ok(())
        })
    }
}

/// The value of a column as an exact decimal number, unscaled / 10^scale. 0 where there is no value.
///
/// Rust: `Row::value`, `Number::unscaled`, `Number::scale`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_rows_decimal(
    rows: *const renkei_rows,
    column: usize,
    out_unscaled: *mut i64,
    out_scale: *mut u32,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let (unscaled, scale) = (Out::new(out_unscaled, "out_unscaled"), Out::new(out_scale, "out_scale"));
            let (unscaled, scale) = (unscaled?, scale?);
            let number = decimal(&at_row(&handle::get::<Body>(rows)?.cursor)?.value(column)?)?;
            unscaled.set(number.unscaled());
            scale.set(number.scale().into());
            Ok(())
        })
    }
}

/// The value of a column as a date, a time, or both (in the time zone of the store for _created_at and _updated_at); all 0
/// where there is no value.
///
/// Rust: `Row::value`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_rows_datetime(
    rows: *const renkei_rows,
    column: usize,
    out_datetime: *mut renkei_datetime,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = OutStruct::new(out_datetime, "out_datetime")?;
            out.set(&moment(&at_row(&handle::get::<Body>(rows)?.cursor)?.value(column)?)?);
            Ok(())
        })
    }
}

/// All cells of the line at once, which is the fastest way to read it: an array of as many as there are columns, lent until
/// the next line.
///
/// Rust: `Row::value`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_rows_cells(
    rows: *mut renkei_rows,
    out_cells: *mut *const renkei_cell,
    out_count: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let (out, count) = (Out::new(out_cells, "out_cells"), Out::new(out_count, "out_count"));
            let (out, count) = (out?, count?);
            let mut body = handle::get::<Body>(rows)?;
            let Body { cells, cursor, made } = &mut *body;
            let row = at_row(cursor)?;
            // A second call on the same line gives what the first one gave.
            if cells.is_empty() {
                for (column, scratch) in made.iter_mut().enumerate() {
                    cells.push(cell(row.typed(column, scratch)?));
                }
            }
            out.set(cells.as_ptr());
            count.set(cells.len());
            Ok(())
        })
    }
}

/// A cell of C; its text must stay as long as it does.
pub(super) fn cell(value: Typed<'_>) -> renkei_cell {
    let integer =
        |kind: u32, integer: i64| renkei_cell { kind, scale: 0, integer, text: std::ptr::null(), text_len: 0 };
    let text =
        |kind: u32, text: &str| renkei_cell { text: text.as_ptr().cast(), text_len: text.len(), ..integer(kind, 0) };
    match value {
        Typed::Text(given) => text(RENKEI_CELL_TEXT, given),
        Typed::Labels(given) => text(RENKEI_CELL_LABELS, given),
        Typed::Value(value) => match value {
            Value::Number(number) => {
                renkei_cell { scale: number.scale().into(), ..integer(RENKEI_CELL_NUMBER, number.unscaled()) }
            }
            Value::Date(date) => integer(RENKEI_CELL_DATE, date.days().into()),
            Value::DateTime(both) => integer(RENKEI_CELL_DATETIME, both.seconds()),
            Value::Time(time) => integer(RENKEI_CELL_TIME, time.seconds().into()),
            Value::File(id) => integer(RENKEI_CELL_FILE, id),
            // Texts came as such.
            Value::Empty | Value::Text(_) | Value::Choices(_) => integer(RENKEI_CELL_NULL, 0),
        },
    }
}
