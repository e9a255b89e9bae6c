//! Exports to files: whole, or not there.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use super::request::Export;
use super::run::Exported;
use crate::error::{Code, Error, Result, io_words, words};
use crate::store::Store;

/// A file that is removed unless it was made whole.
struct Unfinished {
    path: PathBuf,
    whole: bool,
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.whole
            && let Err(error) = fs::remove_file(&self.path)
        {
            log::error!("an unfinished export stays at {}: {error}", self.path.display());
        }
    }
}

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
    /// As [`Store::export`], when the file cannot be written, and when it is the store itself ([`Code::Argument`]).
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
        self.refuse_own_file(&target)?;
        let old = fs::metadata(&target).ok();
        if old.as_ref().is_some_and(|old| !old.is_file()) {
            let out = OpenOptions::new().write(true).open(&target).map_err(|error| unwritable(path, error))?;
            return self.export_with_progress(export, out, progress);
        }

        let mut random = [0; 8];
        self.random(&mut random);
        let name = format!(".renkei-{:016x}.part", u64::from_ne_bytes(random));
        let beside = target.with_file_name(name);
        let out =
            OpenOptions::new().write(true).create_new(true).open(&beside).map_err(|error| unwritable(path, error))?;
        let mut unfinished = Unfinished { path: beside, whole: false };
        let exported = self.export_with_progress(export, &out, progress)?;
        if let Some(old) = old {
            // Whoever could read the old file can read the new one.
            out.set_permissions(old.permissions()).map_err(|error| unwritable(path, error))?;
        }
        // Without this, a power failure could leave the new name on an empty file.
        out.sync_data()?;
        drop::<File>(out);
        fs::rename(&unfinished.path, &target).map_err(|error| unwritable(path, error))?;
        unfinished.whole = true;
        Ok(exported)
    }

    fn refuse_own_file(&self, target: &Path) -> Result<()> {
        let own = fs::canonicalize(self.path()).unwrap_or_else(|_| self.path().to_owned());
        for suffix in ["", "-wal", "-shm"] {
            let mut part = OsString::from(&own);
            part.push(suffix);
            if target == Path::new(&part) {
                let rule = words!(
                    "{}はストア自身です。別のファイルに出力してください",
                    "{} is the store itself: export to another file",
                    target.display()
                );
                return Err(Error::new(Code::Argument).with_value(target.display()).with_rule(rule));
            }
        }
        Ok(())
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
