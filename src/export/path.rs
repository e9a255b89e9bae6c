//! Exports to files: whole, or not there.

use std::path::Path;

use super::request::Export;
use super::run::Exported;
use crate::error::Result;
use crate::store::{Store, part};

impl Store {
    /// Writes an export to the file at `path`, as [`Store::export`]. The file is written under another name in the same
    /// directory and takes its place when it is whole and safe on the disk: whoever looks sees the old file or the new
    /// one, and after a failure the old one.
    ///
    /// What is no regular file, such as a pipe or a terminal, is written to as it is.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = renkei::Store::create(dir.path().join("s.db"))?;
    /// let path = dir.path().join("customers.csv");
    /// assert!(store.export_to_path(&renkei::Export::of("customers"), &path).is_err());
    /// assert!(!path.exists());
    /// # Ok::<(), renkei::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Store::export`], when the file cannot be written, and when it belongs to a store
    /// ([`Code::Argument`](crate::Code::Argument)).
    pub fn export_to_path(&self, export: &Export, path: impl AsRef<Path>) -> Result<Exported> {
        self.export_to_path_with_progress(export, path, |_| true)
    }

    /// As [`Store::export_to_path`], with progress and cancelling as [`Store::export_with_progress`].
    ///
    /// # Errors
    ///
    /// As [`Store::export_to_path`], and [`Code::Cancelled`](crate::Code::Cancelled).
    pub fn export_to_path_with_progress(
        &self,
        export: &Export,
        path: impl AsRef<Path>,
        progress: impl FnMut(u64) -> bool,
    ) -> Result<Exported> {
        part::write_whole(self, path.as_ref(), |out| self.export_with_progress(export, out, progress))
    }
}
