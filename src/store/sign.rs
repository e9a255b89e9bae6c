//! Signs of life: a file that is locked for as long as who made it lives.
//!
//! The operating system lets go of a lock when its process ends, however it ends. Whoever finds the file unlocked knows
//! that its maker is dead, and may take over or take away what he left. Where there are no such locks, nothing is known.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// For so long a sign is left alone that nobody has locked: a young one may not be locked yet.
const YOUNG: Duration = Duration::from_secs(60);

/// Shown until dropped.
#[derive(Debug)]
pub(crate) struct Sign {
    path: PathBuf,
    file: Option<File>,
}

/// What can be seen of who made a sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    Alive,
    Dead,
    /// He has shown nothing, or locks do not work here.
    Nothing,
}

impl Sign {
    /// Shows a sign. The path must be a new one each time, so that a lock is never on a file that others remove.
    pub(crate) fn show(path: PathBuf) -> Option<Sign> {
        let file = OpenOptions::new().create_new(true).read(true).write(true).open(&path).ok()?;
        let sign = Sign { path, file: Some(file) };
        sign.file.as_ref()?.try_lock().ok()?;
        Some(sign)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Sign {
    fn drop(&mut self) {
        self.file = None;
        let _ = fs::remove_file(&self.path);
    }
}

/// Looks whether who made the sign at a path lives.
pub(crate) fn see(path: &Path) -> Seen {
    let Ok(file) = OpenOptions::new().read(true).write(true).open(path) else { return Seen::Nothing };
    // Shared, so that two that look at once do not take each other for the maker.
    match file.try_lock_shared() {
        Ok(()) => Seen::Dead,
        Err(TryLockError::WouldBlock) => Seen::Alive,
        Err(TryLockError::Error(_)) => Seen::Nothing,
    }
}

/// Removes the sign at a path if its maker is dead, and has been for so long that he cannot be about to lock it.
pub(crate) fn remove_old(path: &Path) {
    let age = fs::metadata(path).and_then(|meta| meta.modified()).ok().and_then(|time| time.elapsed().ok());
    if age.is_some_and(|age| age > YOUNG) && see(path) == Seen::Dead {
        let _ = fs::remove_file(path);
    }
}
