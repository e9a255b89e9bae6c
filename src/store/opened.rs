//! The stores that this process has open, so that nobody opens their files as anything else.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::with_suffix;
use crate::error::{Code, Error, Result, io_words, words};

/// Without links; a store that is open more than once stands here more than once.
static OPENED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Stands in the list until dropped.
#[derive(Debug)]
pub(super) struct Opened(PathBuf);

impl Opened {
    pub(super) fn new(path: &Path) -> Opened {
        OPENED.lock().unwrap_or_else(PoisonError::into_inner).push(path.to_owned());
        Opened(path.to_owned())
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = opened.iter().position(|path| *path == self.0) {
            opened.swap_remove(at);
        }
    }
}

/// Opens a file to be read that is no part of an open store.
pub(crate) fn open_other(path: &Path) -> Result<File> {
    refuse(path)?;
    File::open(path).map_err(|error| {
        Error::new(Code::ImportFileMissing).with_value(path.display()).with_rule(io_words(&error)).with_source(error)
    })
}

/// Refuses a path that leads to a file of an open store. Written to, it would be spoiled; read into the store, it would grow
/// for ever; and whoever opens and closes it takes from SQLite the locks that this process holds on it.
pub(crate) fn refuse(path: &Path) -> Result<()> {
    let real = fs::canonicalize(path).unwrap_or_else(|_| {
        // It is still to be made.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::canonicalize(folder).unwrap_or_default().join(path.file_name().unwrap_or_default())
    });
    let opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    let is_part =
        |own: &PathBuf| ["", "-wal", "-shm", "-journal"].iter().any(|suffix| real == with_suffix(own, suffix));
    if !opened.iter().any(is_part) {
        return Ok(());
    }
    Err(Error::new(Code::Argument).with_value(path.display()).with_rule(words!(
        "{}は開いているストアのファイルです。別のファイルを指定してください",
        "{} is a file of a store that is open: name another file",
        path.display()
    )))
}
