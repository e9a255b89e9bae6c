//! Reservations as durable work: uploads, tokens, order, limits, cancelling, stopping, keeping, watching.

mod common_import;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common_import::*;
use renkei::{
    Blueprint, Code, Condition, Database, DefinitionKind, Field, ImportMode, ImportProgress, ImportRequest,
    ImportSetting, JobState, Limits, ManualClock, Store, Timestamp, Values, Worker,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn customers_setting() -> ImportSetting {
    setting("customers", ImportMode::Upsert, &["number", "name"])
}

/// How many rows the measured import has; more where the figures matter.
fn many_rows() -> usize {
    std::env::var("RENKEI_TEST_ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(100_000)
}

/// A file of so many lines.
fn lines(count: usize) -> String {
    let mut text = "顧客番号,顧客名\n".to_owned();
    for number in 0..count {
        text.push_str(&format!("{number:07},顧客その{number}\n"));
    }
    text
}

fn request(path: impl AsRef<std::path::Path>) -> ImportRequest {
    ImportRequest::path("customers", "test", path)
}

fn with_setting(setting: ImportSetting) -> Fixture {
    let fixture = Fixture::new();
    fixture.store.apply(&Blueprint::new().import(setting)).unwrap();
    fixture
}

#[test]
fn uploads_live_a_day() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(Timestamp(1_800_000_000_000)));
    let store = Store::options().create(true).clock(clock.clone()).open(dir.path().join("s.db")).unwrap();
    store.apply(&blueprint().import(customers_setting())).unwrap();
    let reserve = |id| store.reserve_import(&ImportRequest::upload("customers", "test", id));
    let [kept, late, never] = [0, 1, 2].map(|_| store.upload("a.csv", lines(3).as_bytes()).unwrap().id);
    clock.advance(DAY - Duration::from_secs(1));
    let early = reserve(late).unwrap();
    clock.advance(Duration::from_secs(1));
    assert_eq!(reserve(never).unwrap_err().code(), Code::UploadExpired);
    assert_eq!(reserve(1).unwrap_err().code(), Code::UploadExpired);
    // Sweeping leaves what an open import needs.
    Worker::new(&store).sweep().unwrap();
    assert_eq!(reserve(kept).unwrap_err().code(), Code::UploadExpired);
    assert_eq!(Worker::new(&store).run_until_idle().unwrap(), 1);
    Done::of(&store, early.process_id).completed([3, 0, 0, 0, 0, 0]);
    let connection = rusqlite::Connection::open(store.path()).unwrap();
    let left: i64 = connection.query_row("SELECT count(*) FROM renkei_file_chunk", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
    // Imports are kept for the retention.
    let worker = Worker::new(&store).retention(10 * DAY);
    clock.advance(10 * DAY);
    worker.sweep().unwrap();
    store.import_status(early.process_id).unwrap();
    clock.advance(Duration::from_millis(1));
    worker.sweep().unwrap();
    assert_eq!(store.import_status(early.process_id).unwrap_err().code(), Code::JobNotFound);
    assert_eq!(store.rejects(early.process_id, 0, 9).unwrap_err().code(), Code::JobNotFound);
}

#[test]
fn an_upload_may_be_imported_twice() {
    let fixture = with_setting(customers_setting());
    let upload = fixture.store.upload("a.csv", lines(5).as_bytes()).unwrap();
    let request = ImportRequest::upload("customers", "test", upload.id);
    fixture.run(&request).completed([5, 0, 0, 0, 0, 0]);
    fixture.run(&request).completed([0, 0, 5, 0, 0, 0]);
}

#[test]
fn tokens_and_contents_give_the_same_import() {
    let fixture = with_setting(customers_setting());
    let store = &fixture.store;
    let path = fixture.file("a.csv", lines(5));
    let first = store.reserve_import(&request(&path).token("一月")).unwrap();
    let again = store.reserve_import(&request(&path).token("一月")).unwrap();
    assert_eq!((first.process_id, first.existed, again.existed), (again.process_id, false, true));
    Worker::new(store).run_until_idle().unwrap();
    assert!(store.reserve_import(&request(&path).token("一月")).unwrap().existed);
    // The content was not noted by the first, so it is imported once more, and then no more.
    let once = store.reserve_import(&request(&path).once_per_content()).unwrap();
    assert!(!once.existed);
    let copy = fixture.file("b.csv", lines(5));
    assert_eq!(store.reserve_import(&request(&copy).once_per_content()).unwrap().process_id, once.process_id);
    let upload = store.upload("c.csv", lines(5).as_bytes()).unwrap();
    let of_upload = ImportRequest::upload("customers", "test", upload.id).once_per_content();
    assert_eq!(store.reserve_import(&of_upload).unwrap().process_id, once.process_id);
    assert!(!store.reserve_import(&of_upload.dry_run()).unwrap().existed);
    let other = fixture.file("d.csv", lines(6));
    assert!(!store.reserve_import(&request(&other).once_per_content()).unwrap().existed);
    // One that was cancelled does not stand in the way.
    store.cancel_import(once.process_id).unwrap();
    assert!(!store.reserve_import(&request(&copy).once_per_content()).unwrap().existed);
    // From many threads at once, still one.
    let ids: Vec<i64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| store.reserve_import(&request(&path).token("同時")).unwrap().process_id))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]));
}

#[test]
fn limits_are_told() {
    let mut limits = Limits::default();
    limits.file_bytes = 1_000;
    limits.import_rows = 20;
    limits.csv_columns = 4;
    limits.cell_bytes = 50;
    limits.line_bytes = 90;
    let fixture = Fixture::with(limits);
    fixture.store.apply(&Blueprint::new().import(customers_setting())).unwrap();
    let error = fixture.store.upload("a.csv", lines(500).as_bytes()).unwrap_err();
    assert_eq!(error.code(), Code::LimitPassed);
    let error = fixture.store.reserve_import(&request(fixture.file("a.csv", lines(500)))).unwrap_err();
    assert_eq!(error.code(), Code::LimitPassed);
    let done = fixture.import(customers_setting(), lines(21)).failed("limit");
    assert_eq!(done.counts(), [0, 0, 0, 0, 0, 0]);
    fixture.import(customers_setting(), lines(20)).completed([20, 0, 0, 0, 0, 0]);
    let long = "x".repeat(51);
    let wide = format!("h,h\n1,{long}\n2,a,b,c,d\n{0},\"{0}\"\n4,佐藤\n", "y".repeat(47));
    let done = fixture.import(customers_setting(), &wide).completed([1, 0, 0, 3, 0, 0]);
    assert_eq!(
        done.faults(),
        [
            (2, Some(2), "csv.cell.long".to_owned()),
            (3, None, "csv.columns.many".to_owned()),
            (4, None, "csv.cell.long".to_owned())
        ]
    );
    assert_eq!(done.rejects()[0].offset, 6);
    fixture.import(customers_setting(), "a,b,c,d,e\n1,2\n").failed("csv.columns.many");
    fixture.import(customers_setting(), format!("{long},b\n1,2\n")).failed("csv.cell.long");
}

#[test]
fn reservations_run_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(Timestamp(1_800_000_000_000)));
    let store = Store::options().create(true).clock(clock.clone()).open(dir.path().join("s.db")).unwrap();
    let tickets = setting("tickets", ImportMode::Insert, &["title"]);
    store.apply(&blueprint().import(customers_setting()).import(tickets)).unwrap();
    let upload = store.upload("a.csv", lines(2).as_bytes()).unwrap().id;
    let own = ImportRequest::upload("customers", "test", upload);
    let later = store.reserve_import(&own.clone().at(Timestamp(1_800_000_060_000))).unwrap().process_id;
    let first = store.reserve_import(&own).unwrap().process_id;
    let second = store.reserve_import(&own).unwrap().process_id;
    let order = Arc::new(Mutex::new(Vec::new()));
    let seen = order.clone();
    let worker = Worker::new(&store).on_progress(move |progress| seen.lock().unwrap().push(progress.process_id));
    assert_eq!(worker.run_until_idle().unwrap(), 2);
    let mut ids = order.lock().unwrap().clone();
    ids.dedup();
    assert_eq!(ids, [first, second]);
    assert_eq!(store.import_status(later).unwrap().state, JobState::Reserved);
    clock.advance(Duration::from_secs(60));
    assert!(worker.run_once().unwrap());
    assert_eq!(store.import_status(later).unwrap().state, JobState::Completed);
    assert!(!worker.run_once().unwrap());
    let listed: Vec<i64> = store.imports(10).unwrap().iter().map(|status| status.process_id).collect();
    assert_eq!(listed, [second, first, later]);
}

#[test]
fn one_import_of_a_database_runs_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(Timestamp(1_800_000_000_000)));
    let store = Store::options().create(true).clock(clock.clone()).open(dir.path().join("s.db")).unwrap();
    store.apply(&blueprint().import(customers_setting())).unwrap();
    let upload = store.upload("a.csv", lines(30_000).as_bytes()).unwrap().id;
    let own = ImportRequest::upload("customers", "test", upload);
    let earlier = store.reserve_import(&own.clone().at(Timestamp(1_800_000_060_000))).unwrap().process_id;
    let running = store.reserve_import(&own).unwrap().process_id;
    let handle = Worker::new(&store).start().unwrap();
    while store.import_status(running).unwrap().state == JobState::Reserved {
        std::thread::sleep(Duration::from_millis(1));
    }
    // The one reserved first has come due while the other runs.
    clock.advance(Duration::from_secs(120));
    let beside = Worker::new(&store);
    let found = beside.run_once().unwrap();
    if found {
        assert_eq!(store.import_status(running).unwrap().state, JobState::Completed);
    }
    handle.stop();
    Worker::new(&store).run_until_idle().unwrap();
    for id in [earlier, running] {
        assert_eq!(store.import_status(id).unwrap().state, JobState::Completed);
    }
}

/// Starts a worker and waits until the import has told progress.
fn started(store: &Store, id: i64, rows: u64) -> renkei::WorkerHandle {
    let told = Arc::new(AtomicU64::new(0));
    let seen = told.clone();
    let worker = Worker::new(store).on_progress(move |progress: &ImportProgress| {
        if progress.process_id == id {
            seen.store(progress.rows, Ordering::Relaxed);
        }
    });
    let handle = worker.start().unwrap();
    while told.load(Ordering::Relaxed) < rows {
        std::thread::sleep(Duration::from_millis(1));
        let status = store.import_status(id).unwrap();
        identity(&status);
        if status.state.is_ended() {
            break;
        }
    }
    handle
}

#[test]
fn a_waiting_import_is_cancelled_at_once() {
    let fixture = with_setting(customers_setting());
    let id = fixture.store.reserve_import(&request(fixture.file("a.csv", lines(3)))).unwrap().process_id;
    fixture.store.cancel_import(id).unwrap();
    let status = fixture.store.import_status(id).unwrap();
    assert_eq!((status.state, status.error.unwrap().code.as_str()), (JobState::Cancelled, "cancelled"));
    assert_eq!(fixture.store.cancel_import(id).unwrap_err().code(), Code::JobState);
    assert_eq!(fixture.store.cancel_import(77).unwrap_err().code(), Code::JobNotFound);
    assert_eq!(Worker::new(&fixture.store).run_until_idle().unwrap(), 0);
}

#[test]
fn a_running_import_is_cancelled_where_it_is() {
    for atomic in [false, true] {
        let mut own = customers_setting();
        own.atomic = atomic;
        let fixture = with_setting(own);
        let path = fixture.file("a.csv", lines(2_000_000));
        let id = fixture.store.reserve_import(&request(path)).unwrap().process_id;
        let handle = started(&fixture.store, id, 2_000);
        let began = Instant::now();
        fixture.store.cancel_import(id).unwrap();
        let status = fixture.store.wait_import(id, Duration::from_secs(120)).unwrap();
        println!("cancelled (atomic: {atomic}) after {:?}", began.elapsed());
        assert_eq!(status.state, JobState::Cancelled);
        assert!(status.counts.total < 2_000_000);
        identity(&status);
        handle.stop();
        let kept = fixture.store.count("customers", None).unwrap();
        assert_eq!(kept, status.counts.inserted);
        assert_eq!(kept == 0, atomic);
        assert!(status.counts.total < 2_000_000 && status.bytes_done < status.bytes_total);
        if atomic {
            assert_eq!(status.counts.unprocessed, status.counts.total);
        }
        // The next one runs.
        let next = fixture.store.reserve_import(&request(fixture.file("b.csv", lines(5)))).unwrap();
        Worker::new(&fixture.store).run_until_idle().unwrap();
        assert_eq!(fixture.store.import_status(next.process_id).unwrap().state, JobState::Completed);
    }
}

#[test]
fn a_stopped_worker_parks_and_the_next_goes_on() {
    for atomic in [false, true] {
        let mut own = customers_setting();
        own.atomic = atomic;
        let fixture = with_setting(own);
        let path = fixture.file("a.csv", lines(60_000));
        let id = fixture.store.reserve_import(&request(path)).unwrap().process_id;
        let handle = started(&fixture.store, id, 1_000);
        handle.stop();
        let status = fixture.store.import_status(id).unwrap();
        identity(&status);
        if status.state == JobState::Completed {
            continue;
        }
        assert_eq!(status.state, JobState::Reserved);
        assert_eq!(fixture.store.count("customers", None).unwrap(), status.counts.inserted);
        assert_eq!(status.counts.inserted == 0, atomic);
        Worker::new(&fixture.store).run_until_idle().unwrap();
        Done::of(&fixture.store, id).completed([60_000, 0, 0, 0, 0, 0]);
        assert_eq!(fixture.store.count("customers", None).unwrap(), 60_000);
    }
}

#[test]
fn progress_only_grows_and_ends_at_the_end() {
    let fixture = with_setting(customers_setting());
    let text = lines(100_000);
    let id = fixture.store.reserve_import(&request(fixture.file("a.csv", &text))).unwrap().process_id;
    let told = Arc::new(Mutex::new(Vec::<ImportProgress>::new()));
    let seen = told.clone();
    Worker::new(&fixture.store).on_progress(move |progress| seen.lock().unwrap().push(*progress)).run_once().unwrap();
    let told = told.lock().unwrap();
    assert!(told.len() > 1, "{told:?}");
    assert!(told.is_sorted_by(|a, b| a.rows <= b.rows && a.bytes_done <= b.bytes_done));
    let last = told.last().unwrap();
    assert_eq!((last.process_id, last.rows, last.bytes_done), (id, 100_000, text.len() as u64));
    assert!(told.iter().all(|progress| progress.bytes_total == text.len() as u64));
}

#[test]
fn waiting_has_a_bound() {
    let fixture = with_setting(customers_setting());
    let id = fixture.store.reserve_import(&request(fixture.file("a.csv", lines(3)))).unwrap().process_id;
    let began = Instant::now();
    let status = fixture.store.wait_import(id, Duration::from_millis(50)).unwrap();
    assert_eq!(status.state, JobState::Reserved);
    assert!(began.elapsed() >= Duration::from_millis(50));
    let handle = Worker::new(&fixture.store).start().unwrap();
    let status = fixture.store.wait_import(id, Duration::MAX).unwrap();
    assert_eq!(status.state, JobState::Completed);
    drop(handle);
}

#[test]
fn a_definition_that_changes_under_an_import_never_half_writes() {
    // A field is added: the import goes on. The field it writes to is retired: it fails and says so.
    for retire in [false, true] {
        let fixture = with_setting(setting("customers", ImportMode::Upsert, &["number", "name", "memo"]));
        let mut text = "a,b,c\n".to_owned();
        (0..150_000).for_each(|number| text.push_str(&format!("{number:07},佐藤{number},メモ\n")));
        let id = fixture.store.reserve_import(&request(fixture.file("a.csv", &text))).unwrap().process_id;
        let handle = started(&fixture.store, id, 1_000);
        let mut changed = fixture.store.database("customers").unwrap();
        if retire {
            let memo = changed.fields.iter_mut().find(|field| field.code == "memo").unwrap();
            memo.retired = true;
            // The setting must not name it any more; the import has its own copy.
            fixture.store.remove_definition(DefinitionKind::Import, "customers", "test").unwrap();
        } else {
            changed.fields.push(Field::text("extra", "追加").default_value("既定"));
        }
        fixture.store.apply(&Blueprint::new().database(changed)).unwrap();
        let status = fixture.store.wait_import(id, Duration::from_secs(120)).unwrap();
        handle.stop();
        identity(&status);
        let kept = fixture.store.count("customers", None).unwrap();
        assert_eq!(kept, status.counts.inserted);
        if retire && status.state == JobState::Failed {
            assert_eq!(status.error.unwrap().code, "definition.invalid");
            assert!(kept < 150_000);
        } else {
            assert_eq!(status.state, JobState::Completed, "{status:?}");
            assert_eq!(kept, 150_000);
        }
    }
}

#[test]
fn copied_numbers_of_a_running_import_follow_their_source() {
    let fixture = Fixture::new();
    let products = |scale| {
        Database::new("products", "商品").field(Field::key("code", "品番")).field(Field::number("price", "単価", scale))
    };
    let orders = Database::new("orders", "注文")
        .field(Field::key("number", "番号"))
        .field(Field::link("product", "商品", "products"))
        .field(Field::dependent("price", "単価", "product", "price"));
    let import = setting("orders", ImportMode::Upsert, &["number", "price"]);
    fixture.store.apply(&Blueprint::new().database(products(0)).database(orders).import(import)).unwrap();
    let mut text = "a,b\n".to_owned();
    (0..150_000).for_each(|number| text.push_str(&format!("{number:07},150\n")));
    let request = ImportRequest::path("orders", "test", fixture.file("a.csv", &text));
    let id = fixture.store.reserve_import(&request).unwrap().process_id;
    let handle = started(&fixture.store, id, 1_000);
    fixture.store.apply(&Blueprint::new().database(products(2))).unwrap();
    let status = fixture.store.wait_import(id, Duration::from_secs(120)).unwrap();
    handle.stop();
    assert_eq!((status.state, status.counts.inserted), (JobState::Completed, 150_000));
    let others = Condition::equals("price", "150").not();
    assert_eq!(fixture.store.count("orders", Some(&others)).unwrap(), 0);
}

type Change = fn(&std::path::Path);

#[test]
fn a_file_that_changes_is_noticed() {
    let changes: [(&str, Change, &str); 4] = [
        ("grown", |path| append(path, "9999999,末尾\n"), "import.file_changed"),
        (
            "cut",
            |path| std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(1_000_000).unwrap(),
            "import.file_changed",
        ),
        ("deleted", |path| std::fs::remove_file(path).unwrap(), "import.file_missing"),
        (
            "rewritten",
            |path| {
                let bytes = std::fs::read(path).unwrap();
                std::fs::write(path, bytes).unwrap()
            },
            "import.file_changed",
        ),
    ];
    for (name, change, code) in changes {
        for running in [false, true] {
            let fixture = with_setting(customers_setting());
            let path = fixture.file("a.csv", lines(150_000));
            let id = fixture.store.reserve_import(&request(&path)).unwrap().process_id;
            std::thread::sleep(Duration::from_millis(15));
            let handle = if running {
                let handle = started(&fixture.store, id, 1_000);
                change(&path);
                handle
            } else {
                change(&path);
                Worker::new(&fixture.store).start().unwrap()
            };
            let status = fixture.store.wait_import(id, Duration::from_secs(120)).unwrap();
            handle.stop();
            identity(&status);
            assert_eq!(status.state, JobState::Failed, "{name} {running}: {status:?}");
            assert_eq!(status.error.as_ref().unwrap().code, code, "{name}");
            assert_eq!(fixture.store.count("customers", None).unwrap(), status.counts.inserted, "{name}");
            assert_eq!(fixture.store.find_key("9999999"), None);
        }
    }
}

trait Find {
    fn find_key(&self, key: &str) -> Option<i64>;
}

impl Find for Store {
    fn find_key(&self, key: &str) -> Option<i64> {
        self.records("customers").find(key).unwrap().map(|record| record.id())
    }
}

fn append(path: &std::path::Path, text: &str) {
    use std::io::Write;
    std::fs::OpenOptions::new().append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

#[test]
fn what_does_not_exist_is_refused_when_it_is_reserved() {
    let fixture = with_setting(customers_setting());
    let path = fixture.file("a.csv", lines(1));
    let code = |request: ImportRequest| fixture.store.reserve_import(&request).unwrap_err().code();
    assert_eq!(code(ImportRequest::path("nothing", "test", &path)), Code::DatabaseNotFound);
    assert_eq!(code(ImportRequest::path("customers", "nothing", &path)), Code::DefinitionNotFound);
    assert_eq!(code(request(fixture.path("nothing"))), Code::ImportFileMissing);
    assert_eq!(code(request(fixture.dir.path())), Code::ImportFileMissing);
    // The field of a setting was retired since.
    let mut changed = fixture.store.database("customers").unwrap();
    changed.fields.iter_mut().find(|field| field.code == "name").unwrap().retired = true;
    changed.fields.iter_mut().find(|field| field.code == "name").unwrap().required = false;
    if fixture.store.apply(&Blueprint::new().database(changed)).is_ok() {
        assert_eq!(code(request(&path)), Code::DefinitionInvalid);
    }
}

#[test]
fn imports_readers_and_single_writes_go_side_by_side() {
    let fixture = with_setting(customers_setting());
    let store = &fixture.store;
    let rows = many_rows();
    let id = store.reserve_import(&request(fixture.file("a.csv", lines(rows)))).unwrap().process_id;
    let handle = started(store, id, 1_000);
    let mut waits = std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut last = 0;
                while !store.import_status(id).unwrap().state.is_ended() {
                    let count = store.count("customers", None).unwrap();
                    assert!(count >= last);
                    last = count;
                    identity(&store.import_status(id).unwrap());
                }
            });
        }
        let mut waits = Vec::new();
        while !store.import_status(id).unwrap().state.is_ended() {
            let began = Instant::now();
            store.records("tickets").register(&Values::new().set("title", "一件")).unwrap();
            waits.push(began.elapsed());
            std::thread::sleep(Duration::from_millis(5));
        }
        waits
    });
    handle.stop();
    waits.sort();
    if !waits.is_empty() {
        println!(
            "{} single registers: median {:?}, p99 {:?}",
            waits.len(),
            waits[waits.len() / 2],
            waits[waits.len() * 99 / 100]
        );
    }
    Done::of(store, id).completed([rows as u64, 0, 0, 0, 0, 0]);
    assert_eq!(store.count("tickets", None).unwrap(), waits.len() as u64);
}

#[test]
fn records_are_written_by_who_reserved_the_import() {
    let fixture = with_setting(customers_setting());
    fixture
        .store
        .apply(&Blueprint::new().user(
            serde_json::from_str(r#"{"code": "u1", "name": "担当一", "rights": {"customers": ["import"]}}"#).unwrap(),
        ))
        .unwrap();
    let path = fixture.file("a.csv", lines(1));
    fixture.store.as_user("u1").unwrap().reserve_import(&request(&path)).unwrap();
    Worker::new(&fixture.store).run_until_idle().unwrap();
    let record = fixture.store.records("customers").view("0000000").unwrap();
    assert!(record.created_by().is_some());
    fixture.store.records("tickets").register(&Values::new().set("title", "甲")).unwrap();
    assert_eq!(fixture.store.records("tickets").view("T000001").unwrap().created_by(), None);
}

#[test]
fn what_the_dead_left_beside_the_store_is_swept() {
    let fixture = Fixture::new();
    let (old, young) = (fixture.file("store.db-run-00", ""), fixture.file("store.db-run-01", ""));
    let file = std::fs::OpenOptions::new().write(true).open(&old).unwrap();
    file.set_modified(std::time::SystemTime::now() - Duration::from_secs(120)).unwrap();
    Worker::new(&fixture.store).sweep().unwrap();
    assert!(!old.exists() && young.exists() && fixture.store.path().exists());
}

#[test]
fn a_callback_that_panics_leaves_the_store_usable() {
    let fixture = with_setting(customers_setting());
    let id = fixture.store.reserve_import(&request(fixture.file("a.csv", lines(200_000)))).unwrap().process_id;
    let worker = Worker::new(&fixture.store).on_progress(|_| panic!("a fault of the host"));
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| worker.run_once()));
    assert!(caught.is_err());
    identity(&fixture.store.import_status(id).unwrap());
    fixture.store.records("tickets").register(&Values::new().set("title", "甲")).unwrap();
    // Its runner showed that it ended, so nobody waits for the lease longer than that lasts.
    let began = Instant::now();
    while !Worker::new(&fixture.store).run_once().unwrap() {
        assert!(began.elapsed() < Duration::from_secs(120), "nobody takes the import over");
        std::thread::sleep(Duration::from_millis(50));
    }
    Done::of(&fixture.store, id).completed([200_000, 0, 0, 0, 0, 0]);
}

#[test]
fn a_background_worker_outlives_a_callback_that_panics() {
    let fixture = with_setting(customers_setting());
    let deadly = fixture.store.reserve_import(&request(fixture.file("a.csv", lines(10)))).unwrap().process_id;
    let count = AtomicU64::new(0);
    let worker = Worker::new(&fixture.store).on_progress(move |_| {
        if count.fetch_add(1, Ordering::Relaxed) == 0 {
            panic!("a fault of the host");
        }
    });
    let handle = worker.start().unwrap();
    let ended = fixture.store.wait_import(deadly, Duration::from_secs(120)).unwrap();
    assert_eq!(ended.state, JobState::Completed);
    let next = fixture.store.reserve_import(&request(fixture.file("b.csv", lines(20)))).unwrap().process_id;
    let ended = fixture.store.wait_import(next, Duration::from_secs(120)).unwrap();
    assert_eq!((ended.state, ended.counts.inserted), (JobState::Completed, 10));
    handle.stop();
}

/// The plain indexes of the customers' table, and how many databases have indexes that wait.
fn indexes(store: &Store) -> (usize, i64) {
    let connection = rusqlite::Connection::open(store.path()).unwrap();
    let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'customers' AND sql LIKE 'CREATE INDEX%'";
    let plain: i64 = connection.query_row(sql, [], |row| row.get(0)).unwrap();
    let check: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    let waiting = connection.query_row("SELECT count(*) FROM renkei_deferred_index", [], |row| row.get(0)).unwrap();
    (plain as usize, waiting)
}

#[test]
fn indexes_wait_for_an_import_into_an_empty_database_and_are_always_made() {
    let text = lines(60_000);
    assert!(text.len() > 1 << 20, "large enough for indexes to wait");
    // To the end; cancelled; stopped and gone on; failed by a change of the file; redefined meanwhile.
    for way in ["ends", "cancelled", "stopped", "failed", "redefined", "rejected"] {
        let mut own = customers_setting();
        own.atomic = way == "rejected";
        let fixture = with_setting(own);
        let store = &fixture.store;
        assert_eq!(indexes(store), (1, 0), "the link");
        let text = if way == "rejected" { format!("{text}9999999,\n") } else { text.clone() };
        let path = fixture.file("a.csv", &text);
        let id = store.reserve_import(&request(&path)).unwrap().process_id;
        let handle = started(store, id, 1_000);
        match way {
            "cancelled" => drop(store.cancel_import(id)),
            "failed" => append(&path, "9999999,乙\n"),
            "redefined" => {
                let mut changed = store.database("customers").unwrap();
                changed.fields.push(Field::text("extra", "追加").indexed());
                store.apply(&Blueprint::new().database(changed)).unwrap();
            }
            _ => {}
        }
        if way == "stopped" {
            handle.stop();
            Worker::new(store).run_until_idle().unwrap();
        } else {
            store.wait_import(id, Duration::from_secs(120)).unwrap();
            handle.stop();
        }
        let plain = if way == "redefined" { 2 } else { 1 };
        assert_eq!(indexes(store), (plain, 0), "{way}: {:?}", store.import_status(id).unwrap());
    }
}

#[test]
fn the_store_is_not_imported_into_itself() {
    let fixture = Fixture::new();
    fixture.store.apply(&Blueprint::new().import(setting("tickets", ImportMode::Insert, &["title"]))).unwrap();
    let name = |suffix: &str| format!("{}{suffix}", fixture.store.path().display());
    for suffix in ["", "-wal", "-shm"] {
        let request = ImportRequest::path("tickets", "test", name(suffix));
        assert_eq!(fixture.store.reserve_import(&request).unwrap_err().code(), Code::Argument, "{suffix}");
        // By whoever opens and closes it, SQLite would lose its locks, also where he asks no store.
        let looked = renkei::infer_path(name(suffix), &renkei::InferOptions::default());
        assert_eq!(looked.unwrap_err().code(), Code::Argument, "{suffix}");
    }
    // Nor is another one written over.
    let other = Fixture::new();
    let first =
        fixture.store.reserve_import(&ImportRequest::path("tickets", "test", fixture.file("a.csv", "甲\n"))).unwrap();
    let rejects = |path: &std::path::Path| fixture.store.write_rejects_to_path(first.process_id, path);
    assert_eq!(rejects(other.store.path()).unwrap_err().code(), Code::Argument);
    assert_eq!(rejects(&fixture.path("rejects.csv")).unwrap(), 0);
    #[cfg(unix)]
    {
        let link = fixture.path("link.csv");
        std::os::unix::fs::symlink(fixture.store.path(), &link).unwrap();
        let request = ImportRequest::path("tickets", "test", link);
        assert_eq!(fixture.store.reserve_import(&request).unwrap_err().code(), Code::Argument);
    }
}
