//! Several processes and sudden deaths: nothing lost, nothing doubled, everything run once.
mod common_child;
mod common_dice;
mod common_import;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common_child::{kill, output, say, start, wait_for};
use common_dice::Dice;
use common_import::*;
use renkei::{
    Blueprint, Condition, DetailMode, ImportMode, ImportRequest, ImportSetting, JobState, ManualClock, Store,
    Timestamp, Values, Worker,
};

/// What a started process does; as a test of its own it does nothing.
#[test]
fn child() {
    let Some((task, path)) = common_child::task() else { return };
    let store = Store::open(path).unwrap();
    match task.as_str() {
        // Runs what is due, while another thread writes, so that the import commits often.
        "run" | "run-alone" => {
            let told = AtomicBool::new(false);
            let worker = Worker::new(&store).on_progress(move |progress| {
                if progress.rows > 0 && !told.swap(true, Ordering::Relaxed) {
                    say("running");
                }
            });
            let ended = Arc::new(AtomicBool::new(false));
            let writing = (task == "run").then(|| {
                let (store, ended) = (store.clone(), ended.clone());
                std::thread::spawn(move || {
                    while !ended.load(Ordering::Relaxed) {
                        let code = format!("{}-{:?}", std::process::id(), Instant::now());
                        store.records("offices").register(&Values::new().set("code", code)).unwrap();
                        std::thread::sleep(Duration::from_millis(10));
                    }
                })
            });
            let done = worker.run_until_idle().unwrap();
            ended.store(true, Ordering::Relaxed);
            writing.into_iter().for_each(|thread| thread.join().unwrap());
            say(&format!("ran {done}"));
        }
        "abort" => {
            let worker = Worker::new(&store).on_progress(|_| std::process::abort());
            say(&format!("ran {}", worker.run_until_idle().unwrap()));
        }
        // Registers single records until the import that is running has ended, and says how long each took.
        "register" => {
            let mut waits = Vec::new();
            let id = store.imports(1).unwrap()[0].process_id;
            while !store.import_status(id).unwrap().state.is_ended() {
                let code = format!("{}-{:?}", std::process::id(), Instant::now());
                let began = Instant::now();
                store.records("offices").register(&Values::new().set("code", code)).unwrap();
                waits.push(began.elapsed());
                std::thread::sleep(Duration::from_millis(5));
            }
            waits.sort();
            if let Some(greatest) = waits.last() {
                let (median, p99) = (waits[waits.len() / 2], waits[waits.len() * 99 / 100]);
                say(&format!(
                    "{} single registers: median {median:?}, p99 {p99:?}, greatest {greatest:?}",
                    waits.len()
                ));
            }
        }
        other => panic!("{other}"),
    }
}

/// How many things the worker of an ended child has run.
fn ran(text: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix("ran "));
    line.unwrap_or_else(|| panic!("{text}")).parse().unwrap()
}

const ROWS: u64 = 12_000;

/// Customers, two lines each, and tickets, one line each; every line says which it is.
fn files(fixture: &Fixture) -> (std::path::PathBuf, std::path::PathBuf) {
    let (mut customers, mut tickets) = ("h,h,h,h\n".to_owned(), "h,h,h\n".to_owned());
    for number in 0..ROWS {
        customers.push_str(&format!("{:06},山田{:06},,{number}\n", number / 2, number / 2));
        tickets.push_str(&format!("件名{number:06},{number},注記{number}\n"));
        if number % 1_000 == 500 {
            customers.push_str(&format!("{:06},山田{:06},,誤\n", number / 2, number / 2));
        }
    }
    (fixture.file("customers.csv", customers), fixture.file("tickets.csv", tickets))
}

fn settings(atomic: bool) -> [ImportSetting; 2] {
    let mut customers = setting("customers", ImportMode::Upsert, &["number", "name", "visited", "minutes"]);
    customers.details = DetailMode::Append;
    let mut tickets = setting("tickets", ImportMode::Insert, &["title", "count", "note"]);
    (customers.atomic, tickets.atomic) = (atomic, atomic);
    [customers, tickets]
}

/// What must hold in a store whenever it is looked at.
fn check_counts(store: &Store, id: i64, database: &str) -> JobState {
    let status = store.import_status(id).unwrap();
    identity(&status);
    // Of one moment: what was inserted is there.
    let count = store.count(database, None).unwrap();
    let after = store.import_status(id).unwrap();
    assert!((status.counts.inserted..=after.counts.inserted).contains(&count), "{count}: {status:?}");
    after.state
}

/// Looks at everything that an import of [`files`] leaves.
fn check_end(path: &Path) {
    let store = Store::open(path).unwrap();
    let found = store.count("customers", Some(&Condition::contains("name", "山田"))).unwrap();
    assert_eq!((found, store.count("customers", None).unwrap()), (ROWS / 2, ROWS / 2));
    assert_eq!(store.count("tickets", Some(&Condition::contains("title", "件名"))).unwrap(), ROWS);
    assert_eq!(store.count("tickets", Some(&Condition::contains("title", "000777"))).unwrap(), 1);
    drop(store);
    check_file(path, &[("customers", "name"), ("tickets", "title")]);
    let connection = rusqlite::Connection::open(path).unwrap();
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    let rows = i64::try_from(ROWS).unwrap();
    for (sql, expected) in [
        ("SELECT count(DISTINCT number) FROM customers", rows / 2),
        ("SELECT count(*) FROM customers__detail", rows),
        ("SELECT count(DISTINCT minutes) FROM customers__detail", rows),
        (
            "SELECT count(*) FROM customers c WHERE (SELECT count(*) FROM customers__detail d WHERE d._record = c._id AND d.minutes / 2 = CAST(c.number AS INTEGER)) <> 2",
            0,
        ),
        ("SELECT count(*) FROM tickets", rows),
        ("SELECT count(DISTINCT title) FROM tickets", rows),
        ("SELECT count(DISTINCT number) FROM tickets", rows),
        ("SELECT max(CAST(substr(number, 2) AS INTEGER)) FROM tickets", rows),
        ("SELECT count(*) FROM tickets__detail", rows),
        ("SELECT count(*) FROM renkei_job WHERE state NOT IN ('completed')", 0),
    ] {
        assert_eq!(number(sql), expected, "{sql}");
    }
    // Every refused line is told once.
    let rejects = number("SELECT count(*) FROM renkei_reject");
    assert_eq!((rejects, number("SELECT count(DISTINCT line) FROM renkei_reject")), (rows / 1_000, rows / 1_000));
}

/// Kills runners of partial imports until so many are dead, then lets one come to the end.
fn kill_partial(seed: u64, variant: (ImportMode, DetailMode), kills: &mut u32) {
    let mut dice = Dice::new(seed);
    let fixture = Fixture::new();
    let (customers, tickets) = files(&fixture);
    let [mut of_customers, of_tickets] = settings(false);
    (of_customers.mode, of_customers.details) = variant;
    fixture.store.apply(&Blueprint::new().import(of_customers).import(of_tickets)).unwrap();
    let imports = [("customers", customers), ("tickets", tickets)].map(|(database, path)| {
        let request = ImportRequest::path(database, "test", path);
        (database, fixture.store.reserve_import(&request).unwrap().process_id)
    });
    let path = fixture.store.path().to_owned();
    let Fixture { dir: _dir, sound: _sound, store } = fixture;
    drop(store);
    for round in 0.. {
        let mut child = start("run", &path, &[]);
        // Every second time it is at work for certain; else it may die at any moment of its life.
        let _out = (round % 2 == 0).then(|| wait_for(&mut child, "running"));
        std::thread::sleep(Duration::from_millis(dice.roll(120)));
        kill(&mut child);
        *kills += 1;
        let store = Store::open(&path).unwrap();
        let states = imports.map(|(database, id)| check_counts(&store, id, database));
        assert!(states.iter().all(|state| *state != JobState::Failed), "{:?}", store.imports(2));
        if states.iter().all(|state| state.is_ended()) {
            break;
        }
    }
    check_end(&path);
}

#[test]
fn partial_imports_survive_any_number_of_kills() {
    let began = Instant::now();
    let variants = [
        (ImportMode::Upsert, DetailMode::Append),
        (ImportMode::InsertKeyed, DetailMode::Replace),
        (ImportMode::Upsert, DetailMode::Replace),
    ];
    let (mut kills, mut seed) = (0, 0x9E37_79B9_7F4A_7C15);
    for (number, variant) in variants.into_iter().cycle().enumerate() {
        kill_partial(seed, variant, &mut kills);
        seed = seed.wrapping_mul(3);
        if number >= 2 && kills >= 100 || began.elapsed() > Duration::from_secs(60) {
            break;
        }
    }
    println!("{kills} kills in {:?}", began.elapsed());
}

#[test]
fn atomic_imports_begin_anew_after_kills() {
    let began = Instant::now();
    let mut dice = Dice::new(2);
    let mut kills = 0;
    for _ in 0..4 {
        let fixture = Fixture::new();
        let (customers, tickets) = files(&fixture);
        // Refused lines would refuse the whole: they are left out.
        let text = std::fs::read_to_string(&customers).unwrap();
        let good: Vec<&str> = text.lines().filter(|line| !line.ends_with('誤')).collect();
        std::fs::write(&customers, good.join("\n")).unwrap();
        let [of_customers, of_tickets] = settings(true);
        fixture.store.apply(&Blueprint::new().import(of_customers).import(of_tickets)).unwrap();
        let path = fixture.store.path().to_owned();
        for (database, file) in [("customers", customers), ("tickets", tickets)] {
            let request = ImportRequest::path(database, "test", file);
            let id = fixture.store.reserve_import(&request).unwrap().process_id;
            // One try less than after which it is given up.
            for _ in 0..4 {
                let mut child = start("run-alone", &path, &[]);
                std::thread::sleep(Duration::from_millis(20 + dice.roll(300)));
                kill(&mut child);
                kills += 1;
                let status = fixture.store.import_status(id).unwrap();
                identity(&status);
                let count = fixture.store.count(database, None).unwrap();
                assert_eq!(count, status.counts.inserted);
                assert!(count == 0 || status.state == JobState::Completed, "{status:?}");
            }
            let began = Instant::now();
            output(start("run-alone", &path, &[]));
            assert_eq!(fixture.store.import_status(id).unwrap().state, JobState::Completed);
            println!("the run after the kills took {:?}", began.elapsed());
        }
        let Fixture { dir: _dir, sound: _sound, store } = fixture;
        drop(store);
        check_atomic_end(&path);
    }
    println!("{kills} kills in {:?}", began.elapsed());
}

fn check_atomic_end(path: &Path) {
    let store = Store::open(path).unwrap();
    assert_eq!(store.count("customers", Some(&Condition::contains("name", "山田"))).unwrap(), ROWS / 2);
    assert_eq!(store.count("tickets", Some(&Condition::contains("title", "件名"))).unwrap(), ROWS);
    drop(store);
    check_file(path, &[("customers", "name"), ("tickets", "title")]);
    let connection = rusqlite::Connection::open(path).unwrap();
    for (sql, expected) in [
        ("SELECT count(DISTINCT minutes) FROM customers__detail", ROWS),
        ("SELECT count(*) FROM customers__detail", ROWS),
        ("SELECT count(DISTINCT title) FROM tickets", ROWS),
        ("SELECT count(*) FROM tickets", ROWS),
        ("SELECT max(CAST(substr(number, 2) AS INTEGER)) FROM tickets", ROWS),
    ] {
        let found: i64 = connection.query_row(sql, [], |row| row.get(0)).unwrap();
        assert_eq!(found.unsigned_abs(), expected, "{sql}");
    }
}

fn two(atomic: bool) -> ImportSetting {
    let mut own = setting("customers", ImportMode::Upsert, &["number", "name"]);
    own.atomic = atomic;
    own
}

fn lines(count: usize) -> String {
    let mut text = "顧客番号,顧客名\n".to_owned();
    (0..count).for_each(|number| text.push_str(&format!("{number:07},顧客その{number}\n")));
    text
}

/// The files by which runners show that they live.
fn signs(fixture: &Fixture) -> usize {
    let names = std::fs::read_dir(fixture.dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().contains("-run-")).count()
}

#[test]
fn a_file_that_ends_its_process_is_given_up() {
    for atomic in [false, true] {
        let fixture = Fixture::new();
        fixture.store.apply(&Blueprint::new().import(two(atomic))).unwrap();
        let deadly = fixture
            .store
            .reserve_import(&ImportRequest::path("customers", "test", fixture.file("a.csv", lines(200_000))))
            .unwrap();
        let mut tries = 0;
        while !fixture.store.import_status(deadly.process_id).unwrap().state.is_ended() {
            output(start("abort", fixture.store.path(), &[]));
            tries += 1;
            // On a busy machine some of them get as far as a commit, which counts as progress.
            assert!(tries < 200);
        }
        let done = Done::of(&fixture.store, deadly.process_id).failed("job.given_up");
        assert_eq!(done.status.counts.inserted, fixture.store.count("customers", None).unwrap());
        println!("given up after {tries} processes");
        // What comes after it is not held up.
        let good = fixture
            .store
            .reserve_import(&ImportRequest::path("customers", "test", fixture.file("b.csv", lines(10))))
            .unwrap();
        output(start("run-alone", fixture.store.path(), &[]));
        assert_eq!(fixture.store.import_status(good.process_id).unwrap().state, JobState::Completed);
        assert_eq!(signs(&fixture), 0);
    }
}

#[test]
fn an_import_whose_runner_died_is_taken_over_at_once() {
    // Also where the store's clock stands still, by which no lease would ever end.
    let fixture = Fixture::new();
    fixture.store.apply(&Blueprint::new().import(two(false))).unwrap();
    let request = ImportRequest::path("customers", "test", fixture.file("a.csv", lines(60_000)));
    let id = fixture.store.reserve_import(&request).unwrap().process_id;
    let mut child = start("run", fixture.store.path(), &[]);
    let _out = wait_for(&mut child, "running");
    // While it lives, nobody else takes it.
    assert!(!Worker::new(&fixture.store).run_once().unwrap());
    kill(&mut child);
    let clock = Arc::new(ManualClock::new(Timestamp(1_000_000_000_000)));
    let other = Store::options().clock(clock).open(fixture.store.path()).unwrap();
    assert!(Worker::new(&other).run_once().unwrap());
    Done::of(&other, id).completed([60_000, 0, 0, 0, 0, 0]);
    assert_eq!(signs(&fixture), 0);
}

#[test]
fn a_long_transaction_is_not_taken_over_when_it_ends() {
    for dry_run in [false, true] {
        let fixture = Fixture::new();
        fixture.store.apply(&Blueprint::new().import(two(true))).unwrap();
        let mut text = lines(20_000);
        text.push_str("x,\n");
        let mut request = ImportRequest::path("customers", "test", fixture.file("a.csv", text));
        if dry_run {
            request = request.dry_run();
        }
        let id = fixture.store.reserve_import(&request).unwrap().process_id;
        // It lasts longer than a lease.
        let slow = AtomicBool::new(false);
        let path = fixture.store.path().to_owned();
        let worker = Worker::new(&fixture.store).on_progress(move |_| {
            if !slow.swap(true, Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(4_500));
            }
        });
        let (here, there) = std::thread::scope(|scope| {
            let running = scope.spawn(|| worker.run_until_idle().unwrap());
            while fixture.store.import_status(id).unwrap().state == JobState::Reserved {
                std::thread::sleep(Duration::from_millis(1));
            }
            std::thread::sleep(Duration::from_millis(4_200));
            let there = ran(&output(start("run-alone", &path, &[])));
            (running.join().unwrap(), there)
        });
        assert_eq!((here, there), (1, 0));
        let status = fixture.store.import_status(id).unwrap();
        identity(&status);
        assert_eq!(status.state, if dry_run { JobState::Completed } else { JobState::Failed });
        assert_eq!(status.counts.rejected, 1);
        assert_eq!(fixture.store.count("customers", None).unwrap(), 0);
    }
}

#[test]
fn an_import_of_another_process_is_cancelled_within_a_second() {
    for atomic in [false, true] {
        let fixture = Fixture::new();
        fixture.store.apply(&Blueprint::new().import(two(atomic))).unwrap();
        let request = ImportRequest::path("customers", "test", fixture.file("a.csv", lines(1_500_000)));
        let id = fixture.store.reserve_import(&request).unwrap().process_id;
        let mut child = start("run-alone", fixture.store.path(), &[]);
        let _out = wait_for(&mut child, "running");
        let began = Instant::now();
        fixture.store.cancel_import(id).unwrap();
        let status = fixture.store.wait_import(id, Duration::from_secs(120)).unwrap();
        println!("cancelled in another process (atomic: {atomic}) after {:?}", began.elapsed());
        assert_eq!(status.state, JobState::Cancelled);
        assert!(status.counts.total < 1_500_000);
        identity(&status);
        assert_eq!(fixture.store.count("customers", None).unwrap(), status.counts.inserted);
        assert_eq!(status.counts.inserted == 0, atomic);
        child.wait().unwrap();
        assert_eq!(signs(&fixture), 0);
    }
}

#[test]
fn workers_of_two_processes_share_the_work() {
    let fixture = Fixture::new();
    fixture
        .store
        .apply(&Blueprint::new().import(two(false)).import(setting("tickets", ImportMode::Insert, &["title"])))
        .unwrap();
    let (customers, tickets) = (fixture.file("a.csv", lines(500)), fixture.file("b.csv", "h\n甲\n乙\n"));
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(
            fixture.store.reserve_import(&ImportRequest::path("customers", "test", &customers)).unwrap().process_id,
        );
        ids.push(fixture.store.reserve_import(&ImportRequest::path("tickets", "test", &tickets)).unwrap().process_id);
    }
    let children = [0, 1].map(|_| start("run-alone", fixture.store.path(), &[]));
    let threads = Worker::new(&fixture.store).start().unwrap();
    let ran: Vec<u64> = children.into_iter().map(|child| ran(&output(child))).collect();
    for id in &ids {
        let status = fixture.store.wait_import(*id, Duration::from_secs(120)).unwrap();
        assert_eq!(status.state, JobState::Completed);
    }
    threads.stop();
    println!("the processes ran {ran:?} of 40");
    // Run twice, a list of tickets would be there twice.
    assert_eq!(fixture.store.count("tickets", None).unwrap(), 40);
    assert!(ran.iter().sum::<u64>() <= 40);
    assert_eq!(signs(&fixture), 0);
}

#[test]
fn another_process_writes_while_an_import_runs() {
    let rows = std::env::var("RENKEI_TEST_ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(150_000);
    let fixture = Fixture::new();
    fixture.store.apply(&Blueprint::new().import(two(false))).unwrap();
    let request = ImportRequest::path("customers", "test", fixture.file("a.csv", lines(rows)));
    let id = fixture.store.reserve_import(&request).unwrap().process_id;
    let handle = Worker::new(&fixture.store).start().unwrap();
    let text = output(start("register", fixture.store.path(), &[]));
    fixture.store.wait_import(id, Duration::from_secs(120)).unwrap();
    handle.stop();
    Done::of(&fixture.store, id).completed([rows as u64, 0, 0, 0, 0, 0]);
    println!("{}", text.lines().find(|line| line.contains("single registers")).unwrap_or("no figures"));
}
