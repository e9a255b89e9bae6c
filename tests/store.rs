//! Opening and refusing files, turns to write, transactions.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{Fixture, NOW, check_file};
use renkei::{
    AutoNumber, Cancel, Code, Database, Error, Export, Field, ImportRequest, Kind, Language, Limits, ManualClock,
    Query, Store, Timestamp, Values, WriteOptions,
};

fn items() -> Database {
    Database::new("items", "商品")
        .field(Field::auto_key("number", "番号", AutoNumber::default()))
        .field(Field::text("name", "名前").unique())
}

#[test]
fn a_store_is_created_and_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("顧客 'x\".db");
    let missing = Store::open(&path).unwrap_err();
    assert_eq!((missing.code(), missing.kind()), (Code::StoreMissing, Kind::NotFound));
    assert!(!path.exists());
    let store = Store::create(&path).unwrap();
    store.apply(&common::blueprint([items()])).unwrap();
    store.records("items").register(&Values::new().set("name", "箱")).unwrap();
    drop(store);
    for store in [Store::open(&path).unwrap(), Store::create(&path).unwrap()] {
        assert_eq!(store.path(), path);
        assert_eq!(store.records("items").view("000000001").unwrap().text("name"), "箱");
    }
}

#[test]
fn what_stands_beside_a_store_does_not_become_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    drop(Store::create(&path).unwrap());
    let store = Store::open(&path).unwrap();
    // Nothing was written since it was opened: the log is there, and empty.
    assert_eq!(std::fs::metadata(dir.path().join("store.db-wal")).unwrap().len(), 0);
    let mut names: Vec<String> =
        ["-wal", "-shm", "-journal", "-turn"].map(|suffix| format!("store.db{suffix}")).to_vec();
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("store.db-wal", dir.path().join("other.db")).unwrap();
        names.push("other.db".to_owned());
    }
    for name in names {
        let error = Store::create(dir.path().join(&name)).unwrap_err();
        assert_eq!(error.code(), Code::StoreForeign, "{name}: {error}");
        for language in [Language::Japanese, Language::English] {
            assert!(error.message(language).contains("store.db"), "{}", error.message(language));
        }
    }
    store.apply(&common::blueprint([items()])).unwrap();
    store.records("items").register(&Values::new().set("name", "箱")).unwrap();
    drop(store);
    let store = Store::open(&path).unwrap();
    assert_eq!(store.count("items", None).unwrap(), 1);
    check_file(&rusqlite::Connection::open(&path).unwrap());
    // Where there is no other, it is a name like any.
    Store::create(dir.path().join("alone-wal")).unwrap();
}

#[test]
fn a_store_does_not_become_an_export_of_another() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (dir.path().join("one.db"), dir.path().join("other.db"));
    let stores = [&one, &other].map(|path| {
        let store = Store::create(path).unwrap();
        store.apply(&common::blueprint([items()])).unwrap();
        store.records("items").register(&Values::new().set("name", "箱")).unwrap();
        store
    });
    let export = Export::of("items");
    for name in ["one.db", "one.db-wal", "one.db-shm", "other.db", "other.db-wal"] {
        let path = dir.path().join(name);
        let error = stores[1].export_to_path(&export, &path).unwrap_err();
        assert_eq!(error.code(), Code::Argument, "{name}: {error}");
        let error = stores[1].reserve_import(&ImportRequest::path("items", "in", &path)).unwrap_err();
        assert_eq!(error.code(), Code::Argument, "{name}: {error}");
    }
    let report = stores[0].check().unwrap();
    assert!(report.is_sound(), "{}", report.message(Language::English));
    let [first, second] = stores;
    drop(first);
    second.export_to_path(&export, dir.path().join("other.csv")).unwrap();
    assert_eq!(second.export_to_path(&export, &one).unwrap_err().code(), Code::Argument);
    assert_eq!(Store::open(&one).unwrap().count("items", None).unwrap(), 1);
}

/// Refused with the code, with both messages naming the path, and every byte of the file as it was.
fn refuses(bytes: &[u8], code: Code) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("other.file");
    std::fs::write(&path, bytes).unwrap();
    for create in [false, true] {
        let error = Store::options().create(create).open(&path).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert_eq!(error.kind(), Kind::Incompatible);
        for language in [Language::Japanese, Language::English] {
            assert!(error.message(language).contains("other.file"), "{}", error.message(language));
        }
    }
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    let beside: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(beside, ["other.file"]);
}

fn sqlite_bytes(sql: &str) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("made.db");
    let made = rusqlite::Connection::open(&path).unwrap();
    made.execute_batch(sql).unwrap();
    drop(made);
    std::fs::read(path).unwrap()
}

#[test]
fn files_of_others_are_refused_untouched() {
    refuses(b"x", Code::StoreForeign);
    refuses("顧客番号,名前\r\n1,山田\r\n".repeat(40).as_bytes(), Code::StoreForeign);
    refuses(&[0; 4096], Code::StoreForeign);
    refuses(b"SQLite format 3\0", Code::StoreForeign);
    refuses(&sqlite_bytes("CREATE TABLE t (a); INSERT INTO t VALUES (1)"), Code::StoreForeign);
    refuses(&sqlite_bytes("PRAGMA application_id = 42; CREATE TABLE t (a)"), Code::StoreForeign);
    refuses(&sqlite_bytes("PRAGMA journal_mode = WAL; CREATE TABLE t (a)"), Code::StoreForeign);
}

#[test]
fn a_store_of_a_newer_version_is_refused_untouched() {
    let fixture = Fixture::new();
    fixture.sound.is_spoiled_on_purpose();
    let path = fixture.path();
    drop(fixture.store);
    let sqlite = rusqlite::Connection::open(&path).unwrap();
    sqlite.execute_batch("PRAGMA user_version = 999; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    drop(sqlite);
    refuses(&std::fs::read(&path).unwrap(), Code::StoreNewer);
}

#[test]
fn a_newer_version_that_stands_in_the_log_only_is_refused_too() {
    let fixture = Fixture::new();
    fixture.sound.is_spoiled_on_purpose();
    let sqlite = fixture.sqlite();
    sqlite.execute_batch("PRAGMA wal_autocheckpoint = 0; PRAGMA user_version = 999").unwrap();
    assert_eq!(Store::open(fixture.path()).unwrap_err().code(), Code::StoreNewer);
}

#[test]
fn an_empty_file_is_refused_or_becomes_a_store() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("empty.db");
    std::fs::write(&path, b"").unwrap();
    assert_eq!(Store::open(&path).unwrap_err().code(), Code::StoreForeign);
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
    Store::create(&path).unwrap();
    Store::open(&path).unwrap();
}

#[test]
fn a_creation_that_was_interrupted_goes_on() {
    // What a process leaves that was killed between opening the file and filling it.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("begun.db");
    rusqlite::Connection::open(&path).unwrap().execute_batch("PRAGMA journal_mode = WAL").unwrap();
    assert!(std::fs::metadata(&path).unwrap().len() > 0);
    assert_eq!(Store::open(&path).unwrap_err().code(), Code::StoreForeign);
    Store::create(&path).unwrap();
    Store::open(&path).unwrap();
}

#[test]
fn places_that_cannot_be_written_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let directory = Store::options().create(true).open(dir.path()).unwrap_err();
    assert_eq!(directory.code(), Code::StoreForeign);
    let nowhere = Store::create(dir.path().join("no/such/store.db")).unwrap_err();
    assert_eq!(nowhere.code(), Code::StoreUnwritable);
    assert!(nowhere.to_string().contains("no/such"));
    std::fs::write(dir.path().join("file"), b"x").unwrap();
    let under = Store::create(dir.path().join("file/store.db")).unwrap_err();
    assert_eq!(under.code(), Code::StoreUnwritable);
}

#[test]
fn options_that_make_no_sense_are_refused_before_a_file_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.db");
    for error in [
        Store::options().create(true).page_bytes(1000).open(&path).unwrap_err(),
        Store::options().create(true).time_zone("Mars/Phobos").open(&path).unwrap_err(),
    ] {
        assert_eq!(error.code(), Code::Argument);
    }
    assert!(!path.exists());
}

#[test]
fn handles_are_shared_by_threads() {
    fn usable<T: Clone + Send + Sync>(_: &T) {}
    let fixture = Fixture::of([items()]);
    usable(&fixture.store);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let store = fixture.store.clone();
            scope.spawn(move || {
                store.records("items").register(&Values::new().set("name", format!("{thread}"))).unwrap();
                assert!(store.count("items", None).unwrap() >= 1);
            });
        }
    });
    assert_eq!(fixture.store.count("items", None).unwrap(), 4);
}

#[test]
fn many_threads_create_one_store_at_once() {
    for _ in 0..20 {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.db");
        let barrier = std::sync::Barrier::new(8);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    barrier.wait();
                    let store = Store::create(&path).unwrap();
                    store.apply(&common::blueprint([items()])).unwrap();
                });
            }
        });
        check_file(&rusqlite::Connection::open(&path).unwrap());
    }
}

#[test]
fn automatic_keys_from_many_threads_and_two_handles_are_neither_doubled_nor_lost() {
    let first = Fixture::of([items()]);
    let second = Store::open(first.path()).unwrap();
    let (threads, each) = (8, 25);
    let keys: Vec<String> = std::thread::scope(|scope| {
        let mut joined = Vec::new();
        for thread in 0..threads {
            for (at, store) in [&first.store, &second].into_iter().enumerate() {
                let records = store.records("items");
                joined.push(scope.spawn(move || {
                    let name = |count| Values::new().set("name", format!("{thread}/{at}/{count}"));
                    (0..each).map(|count| records.register(&name(count)).unwrap().key).collect::<Vec<_>>()
                }));
            }
        }
        joined.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let mut sorted = keys.clone();
    sorted.sort();
    sorted.dedup();
    let total = threads * each * 2;
    assert_eq!(sorted.len(), total);
    assert_eq!(sorted.last().unwrap(), &format!("{total:09}"));
    assert_eq!(second.count("items", None).unwrap(), total as u64);
    first.check_file();
}

#[test]
fn two_handles_on_one_file_see_each_others_definitions_and_records() {
    let first = Fixture::of([items()]);
    let second = Store::open(first.path()).unwrap();
    second.records("items").register(&Values::new().set("name", "a")).unwrap();
    first.apply([items().field(Field::number("price", "価格", 0))]);
    second.records("items").update("000000001", &Values::new().set("price", 5)).unwrap();
    assert_eq!(first.store.records("items").view("000000001").unwrap().text("price"), "5");
}

#[test]
fn a_store_that_is_held_too_long_is_busy_and_afterwards_not() {
    let fixture = Fixture::with(|options| {
        options.busy_timeout(Duration::from_millis(50));
    });
    fixture.apply([items()]);
    let other = fixture.sqlite();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = fixture.store.records("items").register(&Values::new().set("name", "a")).unwrap_err();
    assert_eq!((error.code(), error.kind()), (Code::StoreBusy, Kind::Busy));
    assert_eq!(fixture.store.count("items", None).unwrap(), 0);
    other.execute_batch("ROLLBACK").unwrap();
    fixture.store.records("items").register(&Values::new().set("name", "a")).unwrap();
}

#[test]
fn a_transaction_is_kept_whole_or_not_at_all() {
    let fixture = Fixture::of([items()]);
    let options = WriteOptions::new();
    let named = |name: &str| Values::new().set("name", name);
    let keys = fixture
        .store
        .transaction(|transaction| {
            let first = transaction.register("items", &named("a"), &options)?.key;
            let second = transaction.register("items", &named("b"), &options)?.key;
            transaction.update("items", first.as_str(), &named("c"), &options)?;
            // A refusal that the caller takes leaves the rest alone.
            assert!(transaction.register("items", &named("b"), &options).is_err());
            transaction.register("items", &named("d"), &options)?;
            transaction.delete("items", second.as_str(), None)?;
            Ok((first, second))
        })
        .unwrap();
    assert_eq!(fixture.store.records("items").view(&keys.0).unwrap().text("name"), "c");
    assert_eq!(fixture.store.count("items", None).unwrap(), 2);
    let refused: Result<(), Error> = fixture.store.transaction(|transaction| {
        transaction.register("items", &named("x"), &options)?;
        transaction.delete("items", keys.0.as_str(), None)?;
        transaction.delete("items", "no such", None).map(|_| ())
    });
    assert_eq!(refused.unwrap_err().code(), Code::RecordNotFound);
    assert_eq!(fixture.store.count("items", None).unwrap(), 2);
    fixture.check_file();
}

#[test]
fn a_panic_in_a_transaction_takes_it_back_and_harms_nothing_else() {
    let fixture = Fixture::of([items()]);
    let store = fixture.store.clone();
    let panicked = std::thread::spawn(move || {
        let _ = store.transaction(|transaction| -> Result<(), Error> {
            transaction.register("items", &Values::new().set("name", "a"), &WriteOptions::new())?;
            panic!("a fault of the host");
        });
    });
    assert!(panicked.join().is_err());
    assert_eq!(fixture.store.count("items", None).unwrap(), 0);
    let saved = fixture.store.records("items").register(&Values::new().set("name", "a")).unwrap();
    assert_eq!((saved.id, saved.key.as_str()), (1, "000000001"));
}

#[test]
fn calls_end_when_their_sign_is_shown_and_take_back_what_they_wrote() {
    let fixture = Fixture::of([items()]);
    let many: Vec<Values> = (0..5_000).map(|at| Values::new().set("name", format!("{at}"))).collect();
    fixture.store.records("items").register_all(&many, &WriteOptions::new()).unwrap();

    // A read that is under way.
    let cancel = Cancel::new();
    let mut seen = 0;
    let result = fixture.store.cancellable(&cancel).rows("items", &["name"], &Query::new(), |_| {
        seen += 1;
        cancel.cancel();
        Ok(true)
    });
    assert_eq!(result.unwrap_err().code(), Code::Cancelled);
    assert!(seen < 5_000, "{seen}");

    // A write that is under way: nothing of it is kept.
    let cancel = Cancel::new();
    let store = fixture.store.cancellable(&cancel);
    let result = store.transaction(|transaction| {
        transaction.register("items", &Values::new().set("name", "first"), &WriteOptions::new())?;
        cancel.cancel();
        for at in 0..5_000 {
            transaction.register("items", &Values::new().set("name", format!("new {at}")), &WriteOptions::new())?;
        }
        Ok(())
    });
    assert_eq!(result.unwrap_err().code(), Code::Cancelled);
    assert_eq!(store.count("items", None).unwrap_err().code(), Code::Cancelled);
    assert_eq!(fixture.store.count("items", None).unwrap(), 5_000);

    // A write that waits for its turn.
    let cancel = Cancel::new();
    let (began, waiting) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let store = fixture.store.cancellable(&cancel);
        fixture
            .store
            .transaction(|_| {
                let waits = scope.spawn(move || {
                    began.send(()).unwrap();
                    store.records("items").register(&Values::new()).unwrap_err().code()
                });
                waiting.recv().unwrap();
                cancel.cancel();
                assert_eq!(waits.join().unwrap(), Code::Cancelled);
                Ok(())
            })
            .unwrap();
    });
    assert_eq!(fixture.store.records("items").register(&Values::new()).unwrap().revision, 1);
    fixture.check_file();
}

#[test]
fn who_writes_already_is_told_so_instead_of_waiting_for_himself() {
    let fixture = Fixture::of([items()]);
    let error = fixture
        .store
        .transaction(|_| fixture.store.records("items").register(&Values::new().set("name", "箱")))
        .unwrap_err();
    assert_eq!((error.code(), error.kind()), (Code::StoreReentered, Kind::Usage));
    assert!(fixture.store.transaction(|_| fixture.store.count("items", None)).is_ok());
    assert!(fixture.store.records("items").register(&Values::new().set("name", "箱")).is_ok());
}

#[test]
fn time_is_that_of_the_clock_and_the_zone() {
    let fixture = Fixture::of([items()]);
    let saved = fixture.store.records("items").register(&Values::new().set("name", "a")).unwrap();
    fixture.clock.advance(Duration::from_secs(90));
    fixture.store.records("items").update(&saved.key, &Values::new().set("name", "b")).unwrap();
    let record = fixture.store.records("items").view(&saved.key).unwrap();
    assert_eq!(record.created_at(), NOW);
    assert_eq!(record.updated_at(), Timestamp(NOW.0 + 90_000));
    assert_eq!(record.created_at().to_string(), "2026-01-31T00:30:00.000Z");
    assert_eq!(fixture.store.local(NOW).to_string(), "2026-01-31 09:30:00");
    let mut options = Store::options();
    options.time_zone("America/New_York").clock(Arc::new(ManualClock::new(NOW)));
    let abroad = options.open(fixture.path()).unwrap();
    assert_eq!(abroad.local(abroad.now()).to_string(), "2026-01-30 19:30:00");
}

#[test]
fn limits_hold() {
    let fixture = Fixture::with(|options| {
        let mut limits = Limits::default();
        limits.detail_rows = 2;
        limits.file_bytes = 10;
        options.limits(limits);
    });
    fixture.apply([items().detail(Field::text("note", "メモ"))]);
    let row = || renkei::DetailRow::new().set("note", "x");
    let records = fixture.store.records("items");
    let error = records.register(&Values::new().set("name", "a").row(row()).row(row()).row(row())).unwrap_err();
    assert_eq!((error.code(), error.kind()), (Code::LimitPassed, Kind::Limit));
    assert_eq!(fixture.store.count("items", None).unwrap(), 0);
    assert_eq!(fixture.store.put_file("a", &[0u8; 11][..]).unwrap_err().code(), Code::LimitPassed);
    assert!(fixture.store.put_file("a", &[0u8; 10][..]).is_ok());
}

/// The other process of the test below: nothing of its own without the path in its environment.
#[test]
fn the_other_process() {
    let Ok(path) = std::env::var("RENKEI_TEST_STORE") else { return };
    let store = Store::open(path).unwrap();
    let name = |count: usize| Values::new().set("name", format!("{}/{count}", std::process::id()));
    for count in 0..100 {
        store.records("items").register(&name(count)).unwrap();
    }
}

#[test]
fn processes_take_turns_on_one_file() {
    let fixture = Fixture::of([items()]);
    let start = || {
        std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_other_process"])
            .env("RENKEI_TEST_STORE", fixture.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap()
    };
    let others: Vec<_> = (0..3).map(|_| start()).collect();
    let records = fixture.store.records("items");
    for count in 0..100 {
        records.register(&Values::new().set("name", format!("{count}"))).unwrap();
    }
    for mut other in others {
        assert!(other.wait().unwrap().success());
    }
    assert_eq!(fixture.store.count("items", None).unwrap(), 400);
    assert_eq!(records.view("000000400").unwrap().id(), 400);
    fixture.check_file();
}

/// The other process of the test below: opens the store, writes one record, and closes it.
#[test]
fn the_visiting_process() {
    let Ok(path) = std::env::var("RENKEI_TEST_VISITED") else { return };
    let store = Store::open(path).unwrap();
    store.records("items").register(&Values::new().set("name", "visitor")).unwrap();
}

/// A process loses its locks on a file when it closes any handle on it, by the rules of POSIX: one that looked at the
/// file on opening it a second time would lose those of its first store.
#[test]
fn a_store_that_is_opened_twice_keeps_its_locks() {
    let fixture = Fixture::of([items()]);
    fixture.store.records("items").register(&Values::new().set("name", "before")).unwrap();
    let before = locks(&fixture.path());
    for again in [Store::open(fixture.path()), Store::create(fixture.path())] {
        drop(again.unwrap());
    }
    assert_eq!(locks(&fixture.path()), before);
    let visitor = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_visiting_process"])
        .env("RENKEI_TEST_VISITED", fixture.path())
        .stdout(std::process::Stdio::null())
        .status();
    assert!(visitor.unwrap().success());
    let wal = format!("{}-wal", fixture.path().display());
    assert!(std::path::Path::new(&wal).exists(), "the visitor removed the log that is in use");
    fixture.store.records("items").register(&Values::new().set("name", "after")).unwrap();
    // As another handle sees it.
    let count: i64 = fixture.sqlite().query_row("SELECT count(*) FROM items", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 3);
}

/// The locks of this process on a file, where the system tells.
fn locks(path: &std::path::Path) -> usize {
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::fs::MetadataExt as _;

        let inode = format!(":{} ", std::fs::metadata(path).unwrap().ino());
        let own = format!(" {} ", std::process::id());
        let all = std::fs::read_to_string("/proc/locks").unwrap();
        let found = all.lines().filter(|line| line.contains(&inode) && line.contains(&own)).count();
        assert!(found > 0, "no lock on the store: {all}");
        found
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = path;
        0
    }
}

#[test]
fn names_of_files_may_have_any_character() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["a b.db", "百分率%41?x=1#y&mode=rw.db", "file:x.db", ":memory:", "a\\b.db", "-x"] {
        let path = dir.path().join(name);
        drop(Store::create(&path).unwrap());
        assert!(path.exists(), "{name}");
        drop(Store::open(&path).unwrap());
        std::fs::write(&path, "x".repeat(200)).unwrap();
        assert_eq!(Store::open(&path).unwrap_err().code(), Code::StoreForeign, "{name}");
    }
}
