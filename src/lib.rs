//! renkei
#![forbid(unsafe_code)]
pub mod error;
pub use error::{Code, Error, Kind, Language, Result, Violation};
