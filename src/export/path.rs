//! Exports to files: whole, or not there.

use std::fs::{self, File, OpenOptions};
use std::path::Path;

use super::request::Export;
use super::run::Exported;
use crate::error::{Code, Error, Result, io_words, words};
use crate::store::Store;
use crate::store::part::Part;

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
    /// As [`Store::export`], when the file cannot be written, and when it is that of a store ([`Code::Argument`]).
    pub fn export_to_path(&self, export: &Export, path: impl AsRef<Path>) -> Result<Exported> {
        self.export_to_path_with_progress(export, path, |_| true)
    }

    /// As [`Store::export_to_path`], with progress and cancelling as [`Store::export_with_progress`].
    ///
    /// # Errors
    ///
    /// As [`Store::export_to_path`], and [`Code::Cancelled`].
    pub fn export_to_path_with_progress(
        &self,
        export: &Export,
        path: impl AsRef<Path>,
        progress: impl FnMut(u64) -> bool,
    ) -> Result<Exported> {
        let path = path.as_ref();
        // A link stays a link: what it leads to is replaced.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        self.refuse_file_of_a_store(path)?;
        let old = fs::metadata(&target).ok();
        if old.as_ref().is_some_and(|old| !old.is_file()) {
            let out = OpenOptions::new().write(true).open(&target).map_err(|error| unwritable(path, error))?;
            return self.export_with_progress(export, out, progress);
        }

        let (part, out) = Part::new(self, &target).map_err(|error| unwritable(path, error))?;
        let exported = self.export_with_progress(export, &out, progress)?;
        if let Some(old) = old {
            // Whoever could read the old file can read the new one.
            out.set_permissions(old.permissions()).map_err(|error| unwritable(path, error))?;
        }
        // Without this, a power failure could leave the new name on an empty file.
        out.sync_data()?;
        drop::<File>(out);
        fs::rename(part.path(), &target).map_err(|error| unwritable(path, error))?;
        Ok(exported)
    }
}

fn unwritable(path: &Path, error: std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::StorageFull {
        return error.into();
    }
    let why = io_words(&error);
    let rule = words!("{}: {why}", "{}: {why}", path.display(); why);
    Error::new(Code::Io).with_value(path.display()).with_rule(rule).with_source(error)
}
