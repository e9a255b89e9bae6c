//! Every store that a test has used is checked when the test has ended.
#![allow(dead_code, reason = "every test file uses a part of it")]

use std::path::{Path, PathBuf};

use renkei::{Language, Store};

/// Checks the store at a path when it is dropped: to stand in a fixture before the directory that holds the file.
pub struct Sound(PathBuf);

impl Sound {
    pub fn at_the_end(path: &Path) -> Sound {
        Sound(path.to_owned())
    }
}

impl Drop for Sound {
    fn drop(&mut self) {
        // Some tests spoil the file on purpose, so that it is no store any more.
        if std::thread::panicking() {
            return;
        }
        if let Ok(store) = Store::open(&self.0) {
            sound(&store);
        }
    }
}

/// The check of the store finds nothing wrong.
pub fn sound(store: &Store) {
    let report = store.check().unwrap();
    assert!(report.is_sound(), "{}", report.message(Language::English));
}
