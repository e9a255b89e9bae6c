//! Notice mails (通知メール設定): a mail when a record was registered, updated or deleted.
//!
//! A definition that is enabled listens to its database (see the room of events). A worker judges what waits on the record as
//! it was before and after, writes the mails into the queue of deliveries, and forgets the events, in one transaction: each
//! change is told once, whatever dies in between.

pub(crate) mod invariants;
mod run;
mod setting;
mod status;
mod text;

pub use setting::{NoticeMail, NoticeOn};
pub use status::NoticeMailStatus;

pub(crate) use run::run_next;
pub(crate) use setting::{check_template_unused, remove, rename_template, save};
