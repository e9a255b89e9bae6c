//! Files that are written under a provisional name and get their own when they are whole: exports and backups.
//!
//! Beside `.renkei-….part` stands `.renkei-….sign`, by which its maker shows that he lives. What a sudden death leaves is
//! removed by who writes to the same directory next, and from the directory of the store by the sweep of its workers.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::other::refuse_store;
use super::sign::{self, Seen, Sign};
use super::{Store, with_suffix};
use crate::error::{Code, Error, Result, io_words, words};

const PREFIX: &str = ".renkei-";
const PART: &str = ".part";
const SIGN: &str = ".sign";

/// What SQLite, and a store that is looked into, may leave beside a file that is a database.
const BESIDE: [&str; 5] = ["", "-wal", "-shm", "-journal", "-turn"];

/// A file under its provisional name; gone when dropped.
#[derive(Debug)]
pub(crate) struct Part {
    path: PathBuf,
    _sign: Option<Sign>,
}

impl Part {
    /// Makes a new file in the directory of `target`, open for writing.
    pub(crate) fn new(store: &Store, target: &Path) -> io::Result<(Part, File)> {
        sweep_beside(target);
        let mut random = [0; 8];
        store.random(&mut random);
        let name = format!("{PREFIX}{:016x}", u64::from_ne_bytes(random));
        // Before the file itself, so that nobody ever finds that without it.
        let sign = Sign::show(target.with_file_name(format!("{name}{SIGN}")));
        let path = target.with_file_name(format!("{name}{PART}"));
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        Ok((Part { path, _sign: sign }, file))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// Writes the file at `path` under another name in the same directory, and gives it its own when it is whole and safe on the
/// disk: whoever looks sees the old file or the new one, and after a failure the old one. What is no regular file, such as
/// a pipe, is written to as it is.
pub(crate) fn write_whole<T>(store: &Store, path: &Path, write: impl FnOnce(&File) -> Result<T>) -> Result<T> {
    refuse_store(path)?;
    let unwritable = |error| unwritable(path, error);
    // A link stays a link: what it leads to is replaced.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let old = fs::metadata(&target).ok();
    if old.as_ref().is_some_and(|old| !old.is_file()) {
        return write(&OpenOptions::new().write(true).open(&target).map_err(unwritable)?);
    }
    let (part, out) = Part::new(store, &target).map_err(unwritable)?;
    if let Some(old) = old {
        // Whoever could read the old file can read the new one, and nobody else, from the first byte on.
        out.set_permissions(old.permissions()).map_err(unwritable)?;
    }
    let written = write(&out)?;
    // Without this, a power failure could leave the new name on an empty file.
    out.sync_data()?;
    drop(out);
    fs::rename(part.path(), &target).map_err(unwritable)?;
    sync_directory(&target);
    Ok(written)
}

/// Without this, a power failure could take the name of a new file away again. Not every system can do it.
pub(crate) fn sync_directory(path: &Path) {
    if let Some(folder) =
        path.parent().map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder })
        && let Err(error) = File::open(folder).and_then(|folder| folder.sync_all())
    {
        log::debug!("the directory of {} was not synced: {error}", path.display());
    }
}

fn unwritable(path: &Path, error: io::Error) -> Error {
    if error.kind() == ErrorKind::StorageFull {
        return error.into();
    }
    let why = io_words(&error);
    let rule = words!("{}: {why}", "{}: {why}", path.display(); why);
    Error::new(Code::Io).with_value(path.display()).with_rule(rule).with_source(error)
}

fn beside(part: &Path) -> impl Iterator<Item = PathBuf> {
    BESIDE.iter().map(|suffix| with_suffix(part, suffix))
}

fn remove(part: &Path) {
    for path in beside(part) {
        if let Err(error) = fs::remove_file(&path)
            && error.kind() != ErrorKind::NotFound
        {
            log::error!("an unfinished file stays at {}: {error}", path.display());
        }
    }
}

/// Removes from the directory of a file what makers left that are dead. Nothing is touched of those that live, and of those
/// of which nothing can be seen.
pub(crate) fn sweep_beside(path: &Path) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(mark) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(SIGN)) else { continue };
        let part = entry.path().with_file_name(format!("{PREFIX}{mark}{PART}"));
        // The file is made when the sign is locked: with it, an unlocked one is no young one. Who dies while he removes it
        // may leave what stands beside it.
        if !beside(&part).any(|path| path.exists()) {
            sign::remove_old(&entry.path());
        } else if sign::see(&entry.path()) == Seen::Dead {
            remove(&part);
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_leaves_who_died_while_removing_goes_too() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| File::create(dir.path().join(name)).unwrap();
        let names = || fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
        for name in [".renkei-01.sign", ".renkei-01.part-wal", ".renkei-01.part-shm"] {
            file(name);
        }
        // One that lives, and has got as far.
        let sign = Sign::show(dir.path().join(".renkei-02.sign")).unwrap();
        file(".renkei-02.part-wal");
        sweep_beside(&dir.path().join("store.db"));
        let mut left = names();
        left.sort();
        assert_eq!(left, [".renkei-02.part-wal", ".renkei-02.sign"]);
        drop(sign);
    }
}
