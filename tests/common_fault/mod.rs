//! Which errors say that something went wrong that is no fault of what was given.

use renkei::{Code, Kind};

/// Refusals of what was given are well; these are not. By kinds, so that a code that is added is judged too.
pub fn is_fault(code: Code) -> bool {
    matches!(code.kind(), Kind::Storage | Kind::Internal) || matches!(code, Code::JobGivenUp | Code::JobLost)
}

/// Of a code as it is told in texts, which must be one.
#[allow(dead_code, reason = "not everybody has texts")]
pub fn is_fault_told(text: &str) -> bool {
    is_fault(Code::from_text(text).unwrap_or_else(|| panic!("there is no code {text:?}")))
}
