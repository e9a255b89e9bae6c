//! renkei
#![deny(unsafe_code)]
pub mod csv;
pub mod error;
mod import;
mod job;
mod worker;
mod record;
mod schema;
mod store;
pub use error::{Code, Error, Kind, Language, Result, Violation};
pub use import::*;
pub use job::{JobError, JobState};
pub use worker::*;
pub use record::*;
pub use schema::*;
pub use store::*;
