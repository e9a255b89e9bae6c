//! renkei
#![deny(unsafe_code)]
mod access;
mod blueprint;
pub mod csv;
pub mod error;
mod import;
mod job;
mod query;
mod record;
mod schema;
mod store;
mod worker;
pub use access::*;
pub use blueprint::Blueprint;
pub use error::{Code, Error, Kind, Language, Result, Violation};
pub use import::*;
pub use job::{JobError, JobState};
pub use query::*;
pub use record::*;
pub use schema::*;
pub use store::*;
pub use worker::*;
