//! Whether a runner lives: a file beside the store, locked for as long as its process does.
//!
//! A lease alone cannot tell. An import that is one transaction cannot prolong its lease before it ends, and would be
//! taken over by the next process in the moment in which it takes back its writes; and after a crash everybody would
//! wait for the lease to run out. The operating system lets go of a lock when its process ends, however it ends. Where
//! there are no such locks, the lease decides.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use crate::store::Store;
use crate::store::sign::{self, Seen, Sign};

/// What the files are called: the name of the store, this, and the mark of the owner.
const NAME: &str = "-run-";

/// Shown by a runner while it runs a job; ends when dropped.
#[derive(Debug)]
pub(super) struct Life(Sign);

impl Life {
    /// Shows that the owner lives.
    pub(super) fn show(store: &Store, owner: &[u8]) -> Option<Life> {
        Sign::show(path(store, owner)).map(Life)
    }

    /// Whether somebody asked the owner to end by [`ask_to_end`]. Costs a system call.
    pub(super) fn is_asked_to_end(&self) -> bool {
        ending(self.0.path()).exists()
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
        let _ = fs::remove_file(&self.0);
    }
}

fn ending(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-end");
    PathBuf::from(name)
}

/// Looks whether an owner lives.
pub(super) fn see(store: &Store, owner: &[u8]) -> Seen {
    sign::see(&path(store, owner))
}

/// Removes what a dead owner left.
pub(super) fn bury(store: &Store, owner: &[u8]) {
    let path = path(store, owner);
    let _ = fs::remove_file(ending(&path));
    let _ = fs::remove_file(path);
}

/// Removes files of the dead that no job names: their process ended between the file and the claim.
pub(super) fn sweep(store: &Store) {
    let prefix = store.beside(NAME);
    let (Some(folder), Some(prefix)) = (prefix.parent(), prefix.file_name().and_then(|name| name.to_str())) else {
        return;
    };
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(prefix)) {
            sign::remove_old(&entry.path());
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
