//! Imports of writers: into databases that many write, and into ones of their own, which they fill from nothing.

use std::collections::BTreeSet;
use std::path::Path;

use renkei::{
    Blueprint, Code, Counts, Database, Error, Field, ImportMode, ImportRequest, ImportSetting, JobState, Store,
};

use crate::ledger::{Entry, Import};
use crate::work::{ACCOUNTS, account};

/// The lines of an import that fills a database: over one MiB, from which on the plain indexes wait for its end.
pub const FILL_LINES: u64 = 4_000;

/// The characters of a line, of three bytes each.
const FILL_TEXT: usize = 90;

/// The database that a deed fills.
pub fn filled(writer: u64, number: u64) -> String {
    format!("filled_{writer}_{number}")
}

/// The file of an import.
pub fn csv(writer: u64, title: &str, import: &Import) -> String {
    let mut text = if import.is_upsert { "コード,名称,行\n" } else { "件名,口座,率,行,価格\n" }.to_owned();
    for line in 0..import.lines {
        if import.is_upsert {
            let number = if import.is_bad(line) { "誤".to_owned() } else { line.to_string() };
            text.push_str(&format!("{title}-{},部品,{number}\n", line / 2));
        } else {
            let price = if import.is_bad(line) { "誤" } else { "100" };
            text.push_str(&format!("{title}-{line},{},2,0,{price}\n", account(writer, line % ACCOUNTS)));
        }
    }
    text
}

/// The file of an import that fills a database.
fn fill_csv(import: &Import) -> String {
    let mut text = "番号,順,文\n".to_owned();
    for line in 0..import.lines {
        let place = if import.is_bad(line) { "誤".to_owned() } else { line.to_string() };
        text.push_str(&format!("{line},{place},{}\n", "あ".repeat(FILL_TEXT)));
    }
    text
}

/// Asks for an import: the same one, however often it is asked for.
pub fn reserve(store: &Store, dir: &Path, writer: u64, title: &str, import: &Import) -> Result<i64, Error> {
    ask(store, dir, title, import, import.database(), || csv(writer, title, import))
}

/// Makes a database and asks for an import that fills it: the same ones, however often.
pub fn fill(
    store: &Store,
    dir: &Path,
    (writer, number): (u64, u64),
    title: &str,
    import: &Import,
) -> Result<i64, Error> {
    let code = filled(writer, number);
    let database = Database::new(&code, format!("{title}の表"))
        .field(Field::key("number", "番号"))
        .field(Field::number("place", "順", 0).indexed())
        .field(Field::multiline("text", "文"));
    let mut setting = ImportSetting::new(&code, import.setting(), "取込").mode(ImportMode::InsertKeyed);
    setting.atomic = import.is_atomic;
    let setting = ["number", "place", "text"].into_iter().fold(setting, |setting, column| setting.column(column));
    store.apply(&Blueprint::new().database(database).import(setting))?;
    ask(store, dir, title, import, &code, || fill_csv(import))
}

fn ask(
    store: &Store,
    dir: &Path,
    title: &str,
    import: &Import,
    database: &str,
    csv: impl FnOnce() -> String,
) -> Result<i64, Error> {
    let path = dir.join(format!("{title}.csv"));
    if !path.exists() {
        // Whoever dies here leaves no half of it.
        let half = dir.join(format!("{title}.half"));
        std::fs::write(&half, csv()).unwrap();
        std::fs::rename(half, &path).unwrap();
    }
    let request = if import.is_path {
        ImportRequest::path(database, import.setting(), &path)
    } else {
        let upload = store.upload("in.csv", std::fs::File::open(&path).unwrap())?;
        ImportRequest::upload(database, import.setting(), upload.id)
    };
    Ok(store.reserve_import(&request.token(title))?.process_id)
}

/// What came of an import.
pub struct Brought {
    /// The lines that are there.
    pub lines: Vec<u64>,
    /// Records that were not there before.
    pub records: u64,
    /// Somebody tried to end it.
    pub may_be_cancelled: bool,
}

/// Judges an import by what is there of it; whether it was given up.
pub fn judge_import(store: &Store, entry: &Entry, import: &Import, brought: &Brought, at_the_end: bool) -> bool {
    let status = store.import_status(entry.answer().parse().unwrap()).unwrap();
    let told = format!("{entry:?}: {status:?}");
    let Counts { total, inserted, updated, unchanged, rejected, skipped, unprocessed, .. } = status.counts;
    assert_eq!(total, inserted + updated + unchanged + rejected + skipped + unprocessed, "{told}");
    assert_eq!(brought.records, inserted, "{told}");
    let lines: BTreeSet<u64> = brought.lines.iter().copied().collect();
    assert_eq!(lines.len(), brought.lines.len(), "{told}: a line is there twice");
    assert_eq!(lines.len() as u64, inserted + updated, "{told}");
    let good = (0..import.lines).filter(|line| !import.is_bad(*line));
    assert!(lines.iter().copied().eq(good.take(lines.len())), "{told}: not the first lines: {lines:?}");
    let rejects = store.rejects(status.process_id, 0, 1_000_000).unwrap();
    assert_eq!(rejects.len() as u64, rejected, "{told}");
    let is_given_up = status.state == JobState::Failed
        && status.error.as_ref().is_some_and(|error| error.code == Code::JobGivenUp.as_str());
    match status.state {
        JobState::Completed => {
            assert_eq!((total, rejected, unprocessed), (import.lines, import.bad(), 0), "{told}");
            assert_eq!(lines.len() as u64, import.lines - import.bad(), "{told}");
            // With the line of the header before them.
            let bad = (0..import.lines).filter(|line| import.is_bad(*line)).map(|line| line + 2);
            assert!(rejects.iter().map(|reject| reject.line).eq(bad), "{told}: {rejects:?}");
        }
        _ => {
            match status.state {
                JobState::Failed => assert!(is_given_up, "{told}"),
                JobState::Cancelled => assert!(brought.may_be_cancelled, "{told}"),
                _ => assert!(!at_the_end, "{told}"),
            }
            assert!(!import.is_atomic || lines.is_empty(), "{told}");
        }
    }
    is_given_up
}

/// What an import has filled a database with. At the end the index that waited for it is there.
pub fn judge_filled(store: &Store, code: &str, at_the_end: bool) -> Vec<u64> {
    let records = crate::judge::all(store, code);
    if at_the_end {
        let sqlite = rusqlite::Connection::open(store.path()).unwrap();
        let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND name = ?1";
        let count: i64 = sqlite.query_row(sql, [format!("{code}__by__place")], |row| row.get(0)).unwrap();
        assert_eq!(count, 1, "the index of {code}");
    }
    for record in &records {
        assert_eq!(record.text("text").chars().count(), FILL_TEXT, "{}", record.key());
        assert_eq!(record.key(), record.text("place"));
    }
    records.iter().map(|record| record.text("place").parse().unwrap()).collect()
}
