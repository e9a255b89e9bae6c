//! renkei
#![deny(unsafe_code)]
pub mod csv;
pub mod error;
mod schema;
mod store;
pub use error::{Code, Error, Kind, Language, Result, Violation};
pub use schema::*;
pub use store::*;
