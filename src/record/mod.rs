//! Records: registered, updated, viewed, deleted; detail rows, links, automatic numbers, calculations, files, approval.

mod approval;
mod calculate;
mod chosen;
mod current;
mod draft;
mod file;
mod ids;
mod input;
pub(crate) mod invariants;
mod key;
mod number;
mod recalculate;
mod records;
mod resolve;
mod rows;
mod view;
mod writer;

pub(crate) use chosen::{Chosen, find as find_id};
pub(crate) use draft::{Draft, RowDraft, Slot, Slots};
pub(crate) use file::sweep as sweep_files;
pub(crate) use ids::{Ids, IdsWriter};
#[cfg(feature = "capi")]
pub(crate) use input::set as set_value;
pub(crate) use key::is_issued as issues_keys;
pub(crate) use recalculate::{number, recalculate};
pub(crate) use writer::Writer;

pub use approval::Approval;
pub use file::FileInfo;
pub use input::{DetailMode, DetailRow, KeyMode, RecordId, Selector, Values, WriteOptions};
pub use records::{Records, Saved, Transaction};
pub(crate) use view::Shown;
pub use view::{Page, Record, RecordRow};
#[cfg(feature = "capi")]
pub(crate) use view::{find_record, view_record};
pub use writer::Written;
