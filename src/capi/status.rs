//! Status

use std::ffi::{CStr, c_char};

use crate::error::{Code, Error, Kind};

/// What a call came to: RENKEI_OK, or the sort of trouble. Later versions may add more; treat unknown ones as failures.
#[repr(transparent)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct renkei_status(pub i32);

/// All went well.
pub const RENKEI_OK: renkei_status = renkei_status(0);
/// The call itself was wrong: an argument, an option, a query, JSON that is not readable.
pub const RENKEI_USAGE: renkei_status = renkei_status(1);
/// A definition is not acceptable, or does not fit the records already stored.
pub const RENKEI_DEFINITION: renkei_status = renkei_status(2);
/// A value does not obey the rules of its field.
pub const RENKEI_VALIDATION: renkei_status = renkei_status(3);
/// The bytes of an input file are not what was declared.
pub const RENKEI_INPUT: renkei_status = renkei_status(4);
/// What was named does not exist.
pub const RENKEI_NOT_FOUND: renkei_status = renkei_status(5);
/// Somebody else changed it first, or it exists already.
pub const RENKEI_CONFLICT: renkei_status = renkei_status(6);
/// A configured limit was passed.
pub const RENKEI_LIMIT: renkei_status = renkei_status(7);
/// The operation was cancelled: by renkei_cancel_show, by renkei_import_cancel, or by a callback.
pub const RENKEI_CANCELLED: renkei_status = renkei_status(8);
/// The store is held by another writer for longer than allowed.
pub const RENKEI_BUSY: renkei_status = renkei_status(9);
/// The file is not a store that this version can use.
pub const RENKEI_INCOMPATIBLE: renkei_status = renkei_status(10);
/// The file system or SQLite failed.
pub const RENKEI_STORAGE: renkei_status = renkei_status(11);
/// A fault in the library.
pub const RENKEI_INTERNAL: renkei_status = renkei_status(12);
/// The user on whose behalf the call is made may not do that.
pub const RENKEI_DENIED: renkei_status = renkei_status(13);
/// An outside system could not be reached, or did not take what was sent.
pub const RENKEI_REMOTE: renkei_status = renkei_status(14);
/// An argument that must not be NULL is NULL.
pub const RENKEI_NULL_ARGUMENT: renkei_status = renkei_status(100);
/// A length cannot be one.
pub const RENKEI_BAD_LENGTH: renkei_status = renkei_status(101);
/// A text is not UTF-8.
pub const RENKEI_BAD_UTF8: renkei_status = renkei_status(102);
/// A handle was closed already, or is a handle of something else; memory was freed already.
pub const RENKEI_BAD_HANDLE: renkei_status = renkei_status(103);
/// The size of a struct was not set, or it has options that this version does not know.
pub const RENKEI_BAD_STRUCT: renkei_status = renkei_status(104);
/// Another thread uses the handle at this moment, and it is one for one thread at a time.
pub const RENKEI_IN_USE: renkei_status = renkei_status(105);
/// The handle belongs to the thread that opened it.
pub const RENKEI_WRONG_THREAD: renkei_status = renkei_status(106);
/// An earlier call on this handle ended by a fault (RENKEI_PANIC); it can only be closed.
pub const RENKEI_POISONED: renkei_status = renkei_status(107);
/// This call ended by a fault in the library: a bug, please report it. What it had begun to write was taken back.
pub const RENKEI_PANIC: renkei_status = renkei_status(108);

/// The one place where errors become statuses.
pub(super) fn status_of(error: &Error) -> renkei_status {
    match error.code() {
        Code::NullPointer => RENKEI_NULL_ARGUMENT,
        Code::BadLength => RENKEI_BAD_LENGTH,
        Code::BadUtf8 => RENKEI_BAD_UTF8,
        Code::BadHandle => RENKEI_BAD_HANDLE,
        Code::BadStruct => RENKEI_BAD_STRUCT,
        Code::HandleInUse => RENKEI_IN_USE,
        Code::WrongThread => RENKEI_WRONG_THREAD,
        Code::HandlePoisoned => RENKEI_POISONED,
        Code::Panicked => RENKEI_PANIC,
        // No arm for the rest: a new kind must find its status here before this compiles.
        code => match code.kind() {
            Kind::Usage => RENKEI_USAGE,
            Kind::Definition => RENKEI_DEFINITION,
            Kind::Validation => RENKEI_VALIDATION,
            Kind::Input => RENKEI_INPUT,
            Kind::NotFound => RENKEI_NOT_FOUND,
            Kind::Conflict => RENKEI_CONFLICT,
            Kind::Limit => RENKEI_LIMIT,
            Kind::Cancelled => RENKEI_CANCELLED,
            Kind::Busy => RENKEI_BUSY,
            Kind::Incompatible => RENKEI_INCOMPATIBLE,
            Kind::Storage => RENKEI_STORAGE,
            Kind::Internal => RENKEI_INTERNAL,
            Kind::Denied => RENKEI_DENIED,
            Kind::Remote => RENKEI_REMOTE,
        },
    }
}

fn name(status: renkei_status) -> &'static CStr {
    match status {
        RENKEI_OK => c"ok",
        RENKEI_USAGE => c"usage",
        RENKEI_DEFINITION => c"definition",
        RENKEI_VALIDATION => c"validation",
        RENKEI_INPUT => c"input",
        RENKEI_NOT_FOUND => c"not found",
        RENKEI_CONFLICT => c"conflict",
        RENKEI_LIMIT => c"limit",
        RENKEI_CANCELLED => c"cancelled",
        RENKEI_BUSY => c"busy",
        RENKEI_INCOMPATIBLE => c"incompatible",
        RENKEI_STORAGE => c"storage",
        RENKEI_INTERNAL => c"internal",
        RENKEI_DENIED => c"denied",
        RENKEI_REMOTE => c"remote",
        RENKEI_NULL_ARGUMENT => c"null argument",
        RENKEI_BAD_LENGTH => c"bad length",
        RENKEI_BAD_UTF8 => c"bad utf-8",
        RENKEI_BAD_HANDLE => c"bad handle",
        RENKEI_BAD_STRUCT => c"bad struct",
        RENKEI_IN_USE => c"in use",
        RENKEI_WRONG_THREAD => c"wrong thread",
        RENKEI_POISONED => c"poisoned",
        RENKEI_PANIC => c"panic",
        _ => c"unknown",
    }
}

/// A word for a status, such as "not found"; static, with a NUL behind.
///
/// Rust: `Error::kind`
#[unsafe(no_mangle)]
pub extern "C" fn renkei_status_name(status: renkei_status) -> *const c_char {
    name(status).as_ptr()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_code_has_a_status_and_every_status_a_name() {
        let mut seen = HashSet::new();
        for code in Code::ALL {
            let status = status_of(&Error::new(*code));
            assert_ne!(status, RENKEI_OK, "{}", code.as_str());
            assert_ne!(name(status), c"unknown", "{}", code.as_str());
            seen.insert(status.0);
        }
        // Statuses are stable: they may become more, and never others.
        let mut seen: Vec<i32> = seen.into_iter().collect();
        seen.sort_unstable();
        assert_eq!(seen, (1..=14).chain(100..=108).collect::<Vec<_>>());
    }
}
