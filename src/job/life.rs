//! Whether a runner lives: a file beside the store, locked for as long as its process does.
//!
//! A lease alone cannot tell. An import that is one transaction cannot prolong its lease before it ends, and would be
//! taken over by the next process in the moment in which it takes back its writes; and after a crash everybody would
//! wait for the lease to run out. The operating system lets go of a lock when its process ends, however it ends. Where
//! there are no such locks, the lease decides.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::store::Store;

/// What the files are called: the name of the store, this, and the mark of the owner.
const NAME: &str = "-run-";

/// For so long a file is left alone that nobody has locked.
const YOUNG: Duration = Duration::from_secs(60);

/// Shown by a runner while it runs a job; ends when dropped.
#[derive(Debug)]
pub(super) struct Life {
    path: PathBuf,
    file: Option<File>,
}

/// What can be seen of a runner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    Alive,
    Dead,
    /// It has shown nothing, or locks do not work here.
    Nothing,
}

impl Life {
    /// Shows that the owner lives. The name is new each time, so that a lock is never on a file that others remove.
    pub(super) fn show(store: &Store, owner: &[u8]) -> Option<Life> {
        let path = path(store, owner);
        let file = OpenOptions::new().create_new(true).read(true).write(true).open(&path).ok()?;
        let life = Life { path, file: Some(file) };
        life.file.as_ref()?.try_lock().ok()?;
        Some(life)
    }
}

impl Life {
    /// Whether somebody asked the owner to end by [`ask_to_end`]. Costs a system call.
    pub(super) fn is_asked_to_end(&self) -> bool {
        ending(&self.path).exists()
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.file = None;
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A request to an owner that holds the turn to write, and so cannot be asked in the store; ends when dropped.
pub(super) struct Asked(PathBuf);

/// Asks an owner to end, also one in another process.
pub(super) fn ask_to_end(store: &Store, owner: &[u8]) -> Option<Asked> {
    let asked = Asked(ending(&path(store, owner)));
    OpenOptions::new().create(true).truncate(false).write(true).open(&asked.0).ok()?;
    Some(asked)
}

impl Drop for Asked {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn ending(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-end");
    PathBuf::from(name)
}

/// Looks whether an owner lives.
pub(super) fn see(store: &Store, owner: &[u8]) -> Seen {
    let Ok(file) = OpenOptions::new().read(true).write(true).open(path(store, owner)) else { return Seen::Nothing };
    // Shared, so that two that look at once do not take each other for the owner.
    match file.try_lock_shared() {
        Ok(()) => Seen::Dead,
        Err(TryLockError::WouldBlock) => Seen::Alive,
        Err(TryLockError::Error(_)) => Seen::Nothing,
    }
}

/// Removes what a dead owner left.
pub(super) fn bury(store: &Store, owner: &[u8]) {
    let path = path(store, owner);
    let _ = std::fs::remove_file(ending(&path));
    let _ = std::fs::remove_file(path);
}

/// Removes files of the dead that no job names: their process ended between the file and the claim.
pub(super) fn sweep(store: &Store) {
    let prefix = store.beside(NAME);
    let (Some(folder), Some(prefix)) = (prefix.parent(), prefix.file_name().and_then(|name| name.to_str())) else {
        return;
    };
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if !entry.file_name().to_str().is_some_and(|name| name.starts_with(prefix)) {
            continue;
        }
        // A young one may not be locked yet.
        let age = entry.metadata().and_then(|meta| meta.modified()).ok().and_then(|time| time.elapsed().ok());
        let Ok(file) = OpenOptions::new().read(true).write(true).open(entry.path()) else { continue };
        if age.is_some_and(|age| age > YOUNG) && file.try_lock().is_ok() {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn path(store: &Store, owner: &[u8]) -> PathBuf {
    use std::fmt::Write as _;

    let mut name = String::from(NAME);
    for byte in owner {
        let _ = write!(name, "{byte:02x}");
    }
    store.beside(&name)
}
