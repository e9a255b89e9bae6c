//! Errors

use std::ffi::c_char;
use std::sync::OnceLock;

use super::argument::{Grows, OutStruct, call};
use super::handle::{self, Handle, Noun};
use super::status::{renkei_status, status_of};
use crate::error::{Code, Error, Language};

/// Why a call failed: owned by the caller, freed by renkei_error_free.
pub struct renkei_error(());

/// Messages in Japanese.
pub const RENKEI_JAPANESE: u32 = 0;
/// Messages in English.
pub const RENKEI_ENGLISH: u32 = 1;

/// An error and the texts that were made of it, which stay as long as it does.
pub(super) struct Body {
    error: Error,
    code: Text,
    field: Text,
    value: Text,
    messages: [OnceLock<Text>; 2],
    json: OnceLock<Text>,
    violations: OnceLock<Vec<[Text; 7]>>,
}

/// A text with a NUL behind it.
struct Text(String);

impl Text {
    fn new(text: &str) -> Text {
        Text(format!("{text}\0"))
    }

    fn pointer(&self) -> *const c_char {
        self.0.as_ptr().cast()
    }

    fn len(&self) -> usize {
        self.0.len() - 1
    }
}

impl Noun for Body {
    type Opaque = renkei_error;
    const KIND: u8 = 1;
    const NAME: &'static str = "error";
    const EXCLUSIVE: bool = false;
}

pub(super) fn give(error: Error) -> *mut renkei_error {
    handle::give(Body {
        code: Text::new(error.code().as_str()),
        field: Text::new(error.field().unwrap_or_default()),
        value: Text::new(error.value().unwrap_or_default()),
        error,
        messages: [OnceLock::new(), OnceLock::new()],
        json: OnceLock::new(),
        violations: OnceLock::new(),
    })
}

fn get(error: *const renkei_error) -> Option<Handle<Body>> {
    handle::get::<Body>(error).ok()
}

/// Lends a text of an error, or the empty text where there is none.
///
/// # Safety
///
/// `out_len` is NULL or may be written to.
unsafe fn lend(
    error: *const renkei_error,
    out_len: *mut usize,
    text: impl FnOnce(&Body) -> Option<&Text>,
) -> *const c_char {
    let body = get(error);
    let found = body.as_ref().and_then(|body| text(body));
    if !out_len.is_null() {
        // SAFETY: as promised by the caller.
        unsafe { *out_len = found.map_or(0, Text::len) };
    }
    found.map_or(c"".as_ptr(), Text::pointer)
}

/// Frees an error. NULL is allowed.
///
/// Rust: dropping an `Error`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn renkei_error_free(error: *mut renkei_error) -> renkei_status {
    // SAFETY: no output is given.
    unsafe { call(std::ptr::null_mut(), || handle::close::<Body>(error)) }
}

/// The status that came with the error; RENKEI_NULL_ARGUMENT for NULL, RENKEI_BAD_HANDLE for one that was freed.
///
/// Rust: `Error::kind`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn renkei_error_status(error: *const renkei_error) -> renkei_status {
    match handle::get::<Body>(error) {
        Ok(body) => status_of(&body.error),
        Err(error) => status_of(&error),
    }
}

/// The stable code, such as "value.date"; the codes stand in the documentation of the Rust crate.
///
/// As all texts of an error: lent until it is freed, with a NUL behind, and the empty text where there is none (also when
/// error is NULL or was freed). out_len may be NULL.
///
/// Rust: `Error::code`, `Code::as_str`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn renkei_error_code(error: *const renkei_error, out_len: *mut usize) -> *const c_char {
    // SAFETY: the contract of `capi`.
    unsafe { lend(error, out_len, |body| Some(&body.code)) }
}

/// The message for a person, in a language (RENKEI_JAPANESE or RENKEI_ENGLISH): what is wrong, and what to do about it.
///
/// Rust: `Error::message`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn renkei_error_message(
    error: *const renkei_error,
    language: u32,
    out_len: *mut usize,
) -> *const c_char {
    let (at, language) = match language {
        RENKEI_JAPANESE => (0, Language::Japanese),
        RENKEI_ENGLISH => (1, Language::English),
        _ => (1, Language::English),
    };
    let message = |body: &Body| Text::new(&body.error.message(language));
    // SAFETY: the contract of `capi`.
    unsafe { lend(error, out_len, |body| Some(body.messages[at].get_or_init(|| message(body)))) }
}

/// The error as a JSON object with code, kind, message (ja and en), and field, value, line, column, offset and violations
/// where they apply.
///
/// Rust: `Error::to_json`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn renkei_error_json(error: *const renkei_error, out_len: *mut usize) -> *const c_char {
    // SAFETY: the contract of `capi`.
    unsafe { lend(error, out_len, |body| Some(body.json.get_or_init(|| Text::new(&body.error.to_json().to_string())))) }
}

/// The machine code of the field concerned.
///
/// Rust: `Error::field`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn renkei_error_field(error: *const renkei_error, out_len: *mut usize) -> *const c_char {
    // SAFETY: the contract of `capi`.
    unsafe { lend(error, out_len, |body| Some(&body.field)) }
}

/// The value concerned, as it was given.
///
/// Rust: `Error::value`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn renkei_error_value(error: *const renkei_error, out_len: *mut usize) -> *const c_char {
    // SAFETY: the contract of `capi`.
    unsafe { lend(error, out_len, |body| Some(&body.value)) }
}

/// The line of the input file, or the place in a call with many records, counted from 1; 0 where there is none.
///
/// Rust: `Error::line`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn renkei_error_line(error: *const renkei_error) -> u64 {
    get(error).and_then(|body| body.error.line()).unwrap_or(0)
}

/// The column of the input file, counted from 1; 0 where there is none.
///
/// Rust: `Error::column`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn renkei_error_column(error: *const renkei_error) -> usize {
    get(error).and_then(|body| body.error.column()).unwrap_or(0)
}

/// The byte of the input file, counted from 0; -1 where there is none.
///
/// Rust: `Error::offset`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn renkei_error_offset(error: *const renkei_error) -> i64 {
    get(error).and_then(|body| body.error.offset()).and_then(|offset| i64::try_from(offset).ok()).unwrap_or(-1)
}

/// SQLite's extended result code, when SQLite is the cause; 0 else.
///
/// Rust: `Error::sqlite_code`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn renkei_error_sqlite_code(error: *const renkei_error) -> i32 {
    get(error).and_then(|body| body.error.sqlite_code()).unwrap_or(0)
}

/// How many values of a record were refused; 0 when it was something else that failed.
///
/// Rust: `Error::violations`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn renkei_error_violation_count(error: *const renkei_error) -> usize {
    get(error).map_or(0, |body| body.error.violations().len())
}

/// One refused value. The texts are lent until the error is freed, and have a NUL behind.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct renkei_violation {
    /// The size of this struct.
    pub size: usize,
    /// The detail row, counted from 1; 0 for a header field.
    pub row: u64,
    /// The stable code, such as "value.required".
    pub code: *const c_char,
    pub code_len: usize,
    /// The machine code of the field.
    pub field: *const c_char,
    pub field_len: usize,
    /// The display name of the field.
    pub name: *const c_char,
    pub name_len: usize,
    /// The value as it was given.
    pub value: *const c_char,
    pub value_len: usize,
    /// The figure or list the rule is made of, such as the greatest length; may be empty.
    pub rule: *const c_char,
    pub rule_len: usize,
    /// What is wrong, in Japanese.
    pub message_ja: *const c_char,
    pub message_ja_len: usize,
    /// What is wrong, in English.
    pub message_en: *const c_char,
    pub message_en_len: usize,
}

// SAFETY: a size, then integers and pointers of one size each.
unsafe impl Grows for renkei_violation {
    const NAME: &'static str = "renkei_violation";
    const FIRST: usize = size_of::<Self>();
}

/// A refused value, by its place from 0, in the order of the fields.
///
/// Rust: `Error::violations`, `Violation::code`, `Violation::field`, `Violation::name`, `Violation::row`,
/// `Violation::value`, `Violation::rule`, `Violation::message`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_error_violation(
    error: *const renkei_error,
    place: usize,
    out_violation: *mut renkei_violation,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = OutStruct::new(out_violation, "out_violation")?;
            let body = handle::get::<Body>(error)?;
            let all = body.violations.get_or_init(|| texts(&body.error));
            let (Some([code, field, name, value, rule, ja, en]), Some(violation)) =
                (all.get(place), body.error.violations().get(place))
            else {
                let fault = format!("violation {place} of an error that has {}", all.len());
                return Err(Error::new(Code::Argument).with_rule(fault));
            };
            out.set(&renkei_violation {
                size: 0,
                row: violation.row().unwrap_or(0) as u64,
                code: code.pointer(),
                code_len: code.len(),
                field: field.pointer(),
                field_len: field.len(),
                name: name.pointer(),
                name_len: name.len(),
                value: value.pointer(),
                value_len: value.len(),
                rule: rule.pointer(),
                rule_len: rule.len(),
                message_ja: ja.pointer(),
                message_ja_len: ja.len(),
                message_en: en.pointer(),
                message_en_len: en.len(),
            });
            Ok(())
        })
    }
}

fn texts(error: &Error) -> Vec<[Text; 7]> {
    let texts = error.violations().iter().map(|violation| {
        [
            Text::new(violation.code().as_str()),
            Text::new(violation.field()),
            Text::new(violation.name()),
            Text::new(violation.value()),
            Text::new(violation.rule()),
            Text::new(&violation.message(Language::Japanese)),
            Text::new(&violation.message(Language::English)),
        ]
    });
    texts.collect()
}
