//! What the tests of imports share: a store with a few databases, and an import from bytes to its end.
#![allow(dead_code, reason = "every test file uses its own part")]

#[path = "../common_fault/mod.rs"]
mod common_fault;
#[path = "../common_sound/mod.rs"]
mod common_sound;

use std::path::{Path, PathBuf};

use renkei::{
    AutoNumber, Blueprint, Counts, Database, Field, ImportMode, ImportRequest, ImportSetting, ImportStatus, JobState,
    Limits, Query, Reject, Sort, Store, Worker,
};

use common_fault::is_fault_told;
pub use common_sound::{Sound, sound};

pub struct Fixture {
    pub sound: Sound,
    pub dir: tempfile::TempDir,
    pub store: Store,
}

pub fn customers() -> Database {
    Database::new("customers", "顧客")
        .field(Field::key("number", "顧客番号"))
        .field(Field::text("name", "顧客名").required().full_text())
        .field(Field::text("mail", "メール").unique())
        .field(Field::number("amount", "金額", 2))
        .field(Field::date("joined", "入会日"))
        .field(Field::choice("rank", "ランク", &["A", "B", "C"]))
        .field(Field::multiline("memo", "メモ"))
        .field(Field::link("office", "支店", "offices"))
        .field(Field::dependent("office_name", "支店名", "office", "name"))
        .detail(Field::detail_key("visit", "訪問番号"))
        .detail(Field::date("visited", "訪問日"))
        .detail(Field::number("minutes", "分", 0))
}

pub fn offices() -> Database {
    Database::new("offices", "支店").field(Field::key("code", "支店コード")).field(Field::text("name", "支店名"))
}

pub fn tickets() -> Database {
    let format = AutoNumber { prefix: "T".to_owned(), digits: 6, ..AutoNumber::default() };
    Database::new("tickets", "受付")
        .field(Field::auto_key("number", "受付番号", format))
        .field(Field::text("title", "件名").required().full_text())
        .field(Field::number("count", "数", 0))
        .detail(Field::text("note", "注記"))
}

pub fn blueprint() -> Blueprint {
    Blueprint::new().database(offices()).database(customers()).database(tickets())
}

impl Fixture {
    pub fn new() -> Fixture {
        Fixture::with(Limits::default())
    }

    pub fn with(limits: Limits) -> Fixture {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::options().create(true).limits(limits).open(dir.path().join("store.db")).unwrap();
        store.apply(&blueprint()).unwrap();
        Fixture { sound: Sound::at_the_end(store.path()), dir, store }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Imports bytes by a setting, to the end.
    pub fn import(&self, setting: ImportSetting, bytes: impl AsRef<[u8]>) -> Done<'_> {
        let request = self.reserve_of(setting, bytes);
        self.run(&request)
    }

    pub fn dry_run(&self, setting: ImportSetting, bytes: impl AsRef<[u8]>) -> Done<'_> {
        let request = self.reserve_of(setting, bytes).dry_run();
        self.run(&request)
    }

    fn reserve_of(&self, setting: ImportSetting, bytes: impl AsRef<[u8]>) -> ImportRequest {
        let (database, code) = (setting.database.clone(), setting.code.clone());
        self.store.apply(&Blueprint::new().import(setting)).unwrap();
        let upload = self.store.upload("in.csv", bytes.as_ref()).unwrap();
        assert_eq!(upload.bytes, bytes.as_ref().len() as u64);
        ImportRequest::upload(database, code, upload.id)
    }

    pub fn run(&self, request: &ImportRequest) -> Done<'_> {
        let reserved = self.store.reserve_import(request).unwrap();
        let status = self.store.import_status(reserved.process_id).unwrap();
        assert_eq!(status.state, JobState::Reserved);
        identity(&status);
        Worker::new(&self.store).run_until_idle().unwrap();
        Done::of(&self.store, reserved.process_id)
    }
}

/// An import that has ended.
pub struct Done<'a> {
    pub store: &'a Store,
    pub id: i64,
    pub status: ImportStatus,
}

impl<'a> Done<'a> {
    pub fn of(store: &'a Store, id: i64) -> Done<'a> {
        let status = store.import_status(id).unwrap();
        assert!(status.state.is_ended(), "{status:?}");
        identity(&status);
        Done { store, id, status }
    }

    /// inserted, updated, unchanged, rejected, skipped, unprocessed
    pub fn counts(&self) -> [u64; 6] {
        let Counts { inserted, updated, unchanged, rejected, skipped, unprocessed, .. } = self.status.counts;
        [inserted, updated, unchanged, rejected, skipped, unprocessed]
    }

    pub fn completed(self, counts: [u64; 6]) -> Done<'a> {
        assert_eq!(self.status.state, JobState::Completed, "{:?}", self.status);
        assert_eq!(self.counts(), counts, "{:?}\n{:#?}", self.status, self.rejects());
        self
    }

    pub fn failed(self, code: &str) -> Done<'a> {
        assert_eq!(self.status.state, JobState::Failed, "{:?}", self.status);
        assert_eq!(self.error(), code, "{:?}", self.status);
        self
    }

    pub fn error(&self) -> &str {
        self.status.error.as_ref().map_or("", |error| &error.code)
    }

    pub fn message(&self) -> &str {
        self.status.error.as_ref().map_or("", |error| &error.en)
    }

    pub fn rejects(&self) -> Vec<Reject> {
        self.store.rejects(self.id, 0, 1_000_000).unwrap()
    }

    /// line, column, code of every reject
    pub fn faults(&self) -> Vec<(u64, Option<usize>, String)> {
        self.rejects().into_iter().map(|reject| (reject.line, reject.column, reject.code)).collect()
    }

    pub fn reject_file(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.store.write_rejects(self.id, &mut out).unwrap();
        out
    }
}

/// The promise that holds at every moment.
pub fn identity(status: &ImportStatus) {
    let Counts { total, inserted, updated, unchanged, rejected, skipped, unprocessed, .. } = status.counts;
    assert_eq!(total, inserted + updated + unchanged + rejected + skipped + unprocessed, "{status:?}");
}

/// What holds of every import, whatever the file is: no fault of our own, counts that add up, and rejects that are told in
/// the order of the file and at their places. `before` is how many customers there were.
pub fn judge(done: &Done<'_>, bytes: &[u8], columns: usize, first_line: u64, before: u64) {
    let (status, rejects) = (&done.status, done.rejects());
    let told = format!("{status:?}\n{rejects:?}\n{:?}", String::from_utf8_lossy(bytes));
    assert!(done.error().is_empty() || !is_fault_told(done.error()), "{told}");
    let after = done.store.count("customers", None).unwrap();
    let kept = if status.dry_run { 0 } else { status.counts.inserted };
    assert_eq!(after, before + kept, "{told}");
    assert_eq!(status.counts.reject_cells, rejects.len() as u64, "{told}");
    let mut lines: Vec<u64> = rejects.iter().map(|reject| reject.line).collect();
    assert!(lines.is_sorted(), "{told}");
    lines.dedup();
    assert_eq!(status.counts.rejected, lines.len() as u64, "{told}");
    assert!(lines.iter().all(|line| *line >= first_line), "{told}");
    for pair in rejects.windows(2) {
        assert!(pair[0].line < pair[1].line || pair[0].column <= pair[1].column, "{pair:?}\n{told}");
    }
    for reject in &rejects {
        assert!(reject.offset <= bytes.len() as u64, "{reject:?}\n{told}");
        assert!(!reject.message_ja.is_empty() && !reject.message_en.is_empty(), "{reject:?}\n{told}");
        let Some(column) = reject.column else { continue };
        assert!((1..=columns).contains(&column), "{reject:?}\n{told}");
        let value = reject.value.as_bytes();
        if reject.code != "csv.encoding" && value.is_ascii() && !value.contains(&b'"') {
            let at = usize::try_from(reject.offset).unwrap();
            // What follows the closing quote of a cell belongs to it, and the quote does not.
            let mut cell = bytes[at..].iter().filter(|byte| **byte != b'"');
            let there = value.iter().all(|byte| cell.next() == Some(byte));
            assert!(there, "{reject:?}\n{told}");
        }
    }
    if status.state == JobState::Completed || done.error() == "import.rejected" {
        // The file of rejects is itself a file of as many lines.
        let mut out = Vec::new();
        let count = done.store.write_rejects(done.id, &mut out).unwrap();
        assert_eq!(count, status.counts.rejected, "{told}");
    }
}

pub fn setting(database: &str, mode: ImportMode, columns: &[&str]) -> ImportSetting {
    let mut setting = ImportSetting::new(database, "test", "取込").mode(mode);
    for column in columns {
        setting = if column.is_empty() { setting.skip_column() } else { setting.column(*column) };
    }
    setting
}

pub fn cp932(text: &str) -> Vec<u8> {
    let (bytes, _, bad) = encoding_rs::SHIFT_JIS.encode(text);
    assert!(!bad, "{text}");
    bytes.into_owned()
}

/// Some fields of all records of a database, in the order of the keys; detail rows in brackets.
pub fn table(store: &Store, database: &str, key: &str, fields: &[&str]) -> Vec<String> {
    let page = store.query(database, &Query::new().sort(Sort::ascending(key)).limit(100_000)).unwrap();
    let mut lines = Vec::new();
    for record in page.records {
        let mut line = record.key().to_owned();
        for field in fields {
            line.push(' ');
            line.push_str(&record.text(field));
        }
        for row in record.rows() {
            let cells: Vec<String> = row.fields().map(|(_, value)| value.to_text()).collect();
            line.push_str(&format!(" [{}]", cells.join("/")));
        }
        lines.push(line);
    }
    lines
}

/// Everything that SQLite and the full-text index can say about the file, once nobody has it open.
pub fn check_file(path: &Path, full_text: &[(&str, &str)]) {
    let connection = rusqlite::Connection::open(path).unwrap();
    let verdict: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
    let foreign: i64 =
        connection.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0)).unwrap();
    assert_eq!(foreign, 0);
    sound(&Store::open(path).unwrap());
    for (table, column) in full_text {
        // The databases of these tests have one such index each.
        let sql = "SELECT name FROM sqlite_schema WHERE sql LIKE 'CREATE VIRTUAL TABLE%' AND name LIKE ?1 || '!_!_%' ESCAPE '!'";
        let index: String = connection.query_row(sql, [table], |row| row.get(0)).unwrap();
        let sql = format!("SELECT count(*) FROM \"{table}\" WHERE \"{column}\" IS NOT NULL");
        let rows: i64 = connection.query_row(&sql, [], |row| row.get(0)).unwrap();
        let terms = format!("CREATE VIRTUAL TABLE temp.terms USING fts5vocab('main', '{index}', 'instance')");
        connection.execute_batch(&terms).unwrap();
        let indexed: i64 =
            connection.query_row("SELECT count(DISTINCT doc) FROM temp.terms", [], |row| row.get(0)).unwrap();
        connection.execute_batch("DROP TABLE temp.terms").unwrap();
        assert_eq!(rows, indexed, "{index}");
        connection.execute_batch(&format!("INSERT INTO \"{index}\" (\"{index}\") VALUES ('integrity-check')")).unwrap();
    }
}
