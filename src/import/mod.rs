//! Imports: settings, uploads, reservations, the run, rejects.
//!
//! A file goes through three rooms of its own: [`parse`] makes judged cells of its lines on one thread, [`run`] gives
//! them to the record writer on another, and [`reject`] keeps what was refused.

mod indexes;
mod infer;
pub(crate) mod invariants;
mod mapping;
mod parse;
mod prepare;
mod reject;
mod reservation;
mod run;
mod setting;
mod source;

pub(crate) use indexes::make_left_indexes;
pub(crate) use reservation::{ImportEnd, KIND, discard_upload};
pub(crate) use run::{Control, run};
pub(crate) use setting::save as save_setting;

pub use infer::{InferOptions, Inferred, InferredColumn, infer, infer_path};
pub use reject::Reject;
pub use reservation::{Counts, ImportProgress, ImportRequest, ImportStatus, Reserved, Upload};
pub use setting::{ImportColumn, ImportMode, ImportSetting, MatchBy};
