//! Care of a whole store: its check, and its copy while it is at work.

mod backup;
mod check;

pub use backup::{BackedUp, BackupOptions, BackupProgress};
pub use check::{CheckOptions, CheckProgress, CheckReport, Examined};
