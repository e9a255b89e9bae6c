//! What the fuzz targets share: how the bytes of the fuzzer are cut into choices and pieces, and stores to work on.

use std::cell::RefCell;
use std::path::PathBuf;
use std::thread::LocalKey;

pub use common_fault::is_fault;
use renkei::{Blueprint, CheckOptions, Error, Language, Store, Worker};

#[path = "../../common_fault/mod.rs"]
mod common_fault;

/// Cuts pieces of text: no byte of UTF-8, so that seeds are easily read and mutations seldom move what stands behind.
const BETWEEN: u8 = 0xFE;

/// The bytes of the fuzzer: first choices, one byte each, then pieces.
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub fn new(bytes: &'a [u8]) -> Input<'a> {
        Input(bytes)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    pub fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[usize::from(self.byte()) % from.len()].clone()
    }

    /// A number of eight bytes, the first of which says how many of the others count: small ones are likely.
    pub fn number(&mut self) -> i64 {
        let bytes = self.byte() % 9;
        (0..bytes).fold(0_i64, |number, _| number << 8 | i64::from(self.byte()))
    }

    /// Up to the next mark.
    pub fn piece(&mut self) -> &'a [u8] {
        let at = self.0.iter().position(|byte| *byte == BETWEEN).unwrap_or(self.0.len());
        let (piece, rest) = self.0.split_at(at);
        self.0 = rest.get(1..).unwrap_or_default();
        piece
    }

    pub fn text(&mut self) -> String {
        String::from_utf8_lossy(self.piece()).into_owned()
    }

    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }
}

/// The error is about what was given, and says so in both languages.
pub fn refusal(error: &Error) {
    assert!(!is_fault(error.code()), "{error:?}");
    for language in [Language::Japanese, Language::English] {
        assert!(!error.message(language).is_empty(), "{error:?}");
    }
}

/// A store of its own in a folder of its own, with what a blueprint says.
pub struct Stand {
    pub store: Store,
    pub dir: tempfile::TempDir,
    rounds: u32,
}

/// So often a store is used before it is checked and made anew: what runs leave behind would slow the fuzzer down.
const ROUNDS: u32 = 400;

impl Stand {
    pub fn new(blueprint: &Blueprint) -> Stand {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::create(dir.path().join("store.db")).unwrap();
        store.apply(blueprint).unwrap();
        Stand { store, dir, rounds: 0 }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Deletes all records of databases.
    pub fn clear(&self, databases: &[&str]) {
        for database in databases {
            let all = self.store.query(database, &renkei::Query::new().limit(100_000)).unwrap();
            let ids: Vec<renkei::Selector> =
                all.records.iter().map(|record| renkei::RecordId(record.id()).into()).collect();
            self.store.records(database).delete_all(&ids).unwrap();
        }
    }

    /// Runs what is due, without waiting for more.
    pub fn work(&self) {
        let worker = Worker::new(&self.store);
        while worker.run_once().unwrap() {}
    }

    pub fn check(&self) {
        sound(&self.store);
    }
}

pub fn sound(store: &Store) {
    let report = store.check_with(&CheckOptions::new().quick(), |_| true).unwrap();
    assert!(report.is_sound(), "{}", report.message(Language::English));
}

/// Uses the store of a target, which is made, checked and made anew as it needs.
pub fn stand<T>(
    place: &'static LocalKey<RefCell<Option<Stand>>>,
    make: impl FnOnce() -> Stand,
    work: impl FnOnce(&Stand) -> T,
) -> T {
    place.with_borrow_mut(|place| {
        if place.as_ref().is_some_and(|stand| stand.rounds >= ROUNDS) {
            let old = place.take().unwrap();
            let report = old.store.check().unwrap();
            assert!(report.is_sound(), "{}", report.message(Language::English));
        }
        let stand = place.get_or_insert_with(make);
        stand.rounds += 1;
        work(stand)
    })
}
