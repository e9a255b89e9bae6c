//! What the tests share.
#![allow(dead_code, reason = "every test file uses a part of it")]

#[path = "../common_sound/mod.rs"]
mod common_sound;

use std::path::PathBuf;
use std::sync::Arc;

use renkei::{Blueprint, Code, Database, Error, Language, ManualClock, Store, StoreOptions, Timestamp, Violation};
use tempfile::TempDir;

pub use common_sound::{Sound, sound};

/// 2026-01-31 09:30:00 in Tokyo.
pub const NOW: Timestamp = Timestamp(1_769_819_400_000);

/// A store in a directory of its own, with a clock that stands still.
pub struct Fixture {
    pub sound: Sound,
    pub dir: TempDir,
    pub store: Store,
    pub clock: Arc<ManualClock>,
}

impl Fixture {
    pub fn new() -> Fixture {
        Fixture::with(|_| {})
    }

    pub fn with(set: impl FnOnce(&mut StoreOptions)) -> Fixture {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(NOW));
        let mut options = Store::options();
        options.create(true).clock(clock.clone());
        set(&mut options);
        let store = options.open(dir.path().join("store.db")).unwrap();
        Fixture { sound: Sound::at_the_end(store.path()), dir, store, clock }
    }

    /// A store with these databases.
    pub fn of(databases: impl IntoIterator<Item = Database>) -> Fixture {
        let fixture = Fixture::new();
        fixture.apply(databases);
        fixture
    }

    pub fn apply(&self, databases: impl IntoIterator<Item = Database>) {
        self.store.apply(&blueprint(databases)).unwrap();
    }

    pub fn refused(&self, databases: impl IntoIterator<Item = Database>) -> Error {
        self.store.apply(&blueprint(databases)).unwrap_err()
    }

    pub fn path(&self) -> PathBuf {
        self.store.path().to_owned()
    }

    /// The file as any SQLite tool sees it.
    pub fn sqlite(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path()).unwrap()
    }

    /// What must be true of every file at every time.
    pub fn check_file(&self) {
        check_file(&self.sqlite());
        sound(&self.store);
    }
}

pub fn check_file(sqlite: &rusqlite::Connection) {
    let found: String = sqlite.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(found, "ok");
    let broken: Vec<String> = sqlite
        .prepare("PRAGMA foreign_key_check")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(broken, Vec::<String>::new());
}

pub fn blueprint(databases: impl IntoIterator<Item = Database>) -> Blueprint {
    databases.into_iter().fold(Blueprint::new(), Blueprint::database)
}

/// The one violation of a refused record.
pub fn only(error: &Error) -> &Violation {
    assert_eq!(error.code(), Code::RecordInvalid, "{error}");
    assert_eq!(error.violations().len(), 1, "{error}");
    &error.violations()[0]
}

/// Fields and codes of the violations: `name: value.required`, with `2/` before those of the second detail row.
pub fn violations(error: &Error) -> Vec<String> {
    assert_eq!(error.code(), Code::RecordInvalid, "{error}");
    let shown = error.violations().iter().map(|violation| {
        let row = violation.row().map(|row| format!("{row}/")).unwrap_or_default();
        format!("{row}{}: {}", violation.field(), violation.code().as_str())
    });
    shown.collect()
}

/// Both messages have the display name of the field.
pub fn names_the_field(violation: &Violation) {
    for language in [Language::Japanese, Language::English] {
        assert!(violation.message(language).contains(violation.name()), "{}", violation.message(language));
    }
}
