//! Every store that a test has used is checked when the test has ended.
#![allow(dead_code, reason = "every test file uses a part of it")]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use renkei::{Language, Store};

/// Checks the store at a path when it is dropped: to stand in a fixture before the directory that holds the file.
pub struct Sound {
    path: PathBuf,
    is_spoiled: AtomicBool,
}

impl Sound {
    pub fn at_the_end(path: &Path) -> Sound {
        Sound { path: path.to_owned(), is_spoiled: AtomicBool::new(false) }
    }

    /// The test spoils the file on purpose, or takes it away: it is not looked at any more.
    pub fn is_spoiled_on_purpose(&self) {
        self.is_spoiled.store(true, Ordering::Relaxed);
    }
}

impl Drop for Sound {
    fn drop(&mut self) {
        if std::thread::panicking() || self.is_spoiled.load(Ordering::Relaxed) {
            return;
        }
        sound(&Store::open(&self.path).unwrap());
    }
}

/// The check of the store finds nothing wrong.
pub fn sound(store: &Store) {
    let report = store.check().unwrap();
    assert!(report.is_sound(), "{}", report.message(Language::English));
}
