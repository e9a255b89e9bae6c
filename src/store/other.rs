//! Files that are read and written as something else than a store must not be those of one.

use std::fs::File;
use std::path::Path;

use super::connection;
use crate::error::{Code, Error, Result, io_words, words};

/// Opens a file to be read that belongs to no store.
pub(crate) fn open_other(path: &Path) -> Result<File> {
    refuse_store(path)?;
    File::open(path).map_err(|error| {
        Error::new(Code::ImportFileMissing).with_value(path.display()).with_rule(io_words(&error)).with_source(error)
    })
}

/// Refuses a path that leads to a file of a store. Written to, it would be spoiled; read into itself, it would grow for ever;
/// and whoever opens and closes it takes from SQLite the locks that this process holds on it.
pub(crate) fn refuse_store(path: &Path) -> Result<()> {
    if !connection::is_of_a_store(path) {
        return Ok(());
    }
    Err(Error::new(Code::Argument).with_value(path.display()).with_rule(words!(
        "{}はストアのファイルです。別のファイルを指定してください",
        "{} is a file of a store: name another file",
        path.display()
    )))
}
