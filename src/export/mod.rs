//! Exports: a list and a search, or columns and a condition, written as CSV.
//!
//! [`request`] is what is asked for, [`run`] reads it from one snapshot and writes it line by line, [`parallel`] does
//! that on several threads, [`path`] makes whole
//! files of it, [`stream`] lets it be read. What a cell looks like is decided below, in the rooms of queries, definitions and CSV.

mod parallel;
mod path;
mod request;
mod run;
mod stream;
#[cfg(test)]
mod tests;

pub(crate) use parallel::CACHE_KIB;
pub use request::{Export, Headings};
pub use run::Exported;
pub use stream::ExportStream;
