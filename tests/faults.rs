//! Disks that are full, that fail to read, write or sync, memory that runs out, power that fails: whatever happens in the
//! middle of whatever is done, the caller is told clearly, the store is as before or as after, and it goes on.
//!
//! `RENKEI_TEST_FAULTS=n` tries up to n places of each kind of failure in each operation, instead of the few of the
//! normal run; `all` tries every one.

#[path = "faults/beside.rs"]
mod beside;
mod common_child;
mod common_dice;
mod common_disk;
#[path = "faults/memory.rs"]
mod memory;
#[path = "faults/operations.rs"]
mod operations;
#[path = "faults/power.rs"]
mod power;
#[path = "faults/world.rs"]
mod world;

use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use common_disk::{Call, FAULTS, Fault};
use operations::{OPERATIONS, Operation};
use renkei::{Code, Error, Language, Store, Synchronous};
use world::{World, is_clear, picture};

/// Memory is that of the whole process: while it fails, nothing else may run.
static ALONE: RwLock<()> = RwLock::new(());

fn beside_others() -> RwLockReadGuard<'static, ()> {
    ALONE.read().unwrap_or_else(PoisonError::into_inner)
}

/// How many places are tried, if not `normally` many.
fn places(normally: u64) -> u64 {
    match std::env::var("RENKEI_TEST_FAULTS").as_deref() {
        Ok("all") => u64::MAX,
        Ok(number) => number.parse().expect("RENKEI_TEST_FAULTS is a number or `all`"),
        Err(_) => normally,
    }
}

/// Some of the numbers from 1 to `count`: the first ones, and then some all the way to the last.
fn spread(count: u64, most: u64) -> Vec<u64> {
    if count <= most {
        return (1..=count).collect();
    }
    let first = most / 2;
    let rest = most - first;
    (1..=first).chain((1..=rest).map(|at| first + (count - first) * at / rest)).collect()
}

/// An operation, the store before it, and what a run of it leaves where nothing fails.
struct Trial<'a> {
    operation: &'a Operation,
    base: World,
    before: String,
    after: String,
}

impl Trial<'_> {
    fn named(name: &str) -> Trial<'static> {
        Trial::of(OPERATIONS.iter().find(|operation| operation.name == name).unwrap())
    }

    fn of(operation: &Operation) -> Trial<'_> {
        let base = World::new(Synchronous::Full);
        let store = base.open().unwrap();
        (operation.prepare)(&store);
        let before = picture(&store);
        drop(store);
        assert!(!base.dir.path().join("store.db-wal").exists(), "all of it is in the one file that is copied");
        let world = World::of(&base.path(), Synchronous::Full);
        let store = world.open().unwrap();
        (operation.run)(&world, &store).unwrap();
        Trial { operation, before, after: picture(&store), base }
    }

    fn world(&self, synchronous: Synchronous) -> (World, Store) {
        let world = World::of(&self.base.path(), synchronous);
        let store = world.open().unwrap();
        (world, store)
    }

    /// How many calls of each kind the operation makes.
    fn count_calls(&self, synchronous: Synchronous) -> Vec<u64> {
        let (world, store) = self.world(synchronous);
        let calls = || FAULTS.iter().map(|fault| world.disk.calls(*fault)).collect::<Vec<_>>();
        let before = calls();
        (self.operation.run)(&world, &store).unwrap();
        calls().iter().zip(before).map(|(after, before)| after - before).collect()
    }

    /// Runs it while something fails, which `heal` ends; then everything must be as before or as after. What it came to, and
    /// whether the caller was told.
    fn run<T>(&self, world: &World, store: Store, told: &str, heal: impl FnOnce() -> T) -> (T, Option<Error>) {
        let operation = self.operation;
        let result = (operation.run)(world, &store);
        let healed = heal();
        // Whoever was in the middle of something is given up by then.
        world.clock.advance(Duration::from_secs(60));
        assert_eq!(world.unfinished(), [""; 0], "{told}");
        match &result {
            // What could be done without it was done.
            Ok(()) => alike(&picture(&store), &self.after, told),
            Err(error) => {
                assert!(is_clear(error), "{told}: {error:?}");
                if !operation.in_parts {
                    alike(&picture(&store), &self.before, &format!("{told}: {error}"));
                }
                // The same handle goes on.
                let again = (operation.run)(world, &store);
                again.unwrap_or_else(|error| panic!("{told}: still {error:?}"));
                alike(&picture(&store), &self.after, &format!("{told}: {error}"));
            }
        }
        drop(store);
        let store = world.open().unwrap_or_else(|error| panic!("{told}: {error:?}"));
        alike(&picture(&store), &self.after, told);
        check(&store, told);
        (healed, result.err())
    }

    /// Lets one call, or all from one on, fail; whether any did, and whether the caller was told.
    fn fail(&self, fault: Fault, at: u64, lasting: bool, synchronous: Synchronous) -> (bool, bool) {
        let (world, store) = self.world(synchronous);
        let told = format!("{}: {fault:?} at call {at}, lasting: {lasting}, {synchronous:?}", self.operation.name);
        world.disk.fail(fault, at, lasting);
        let ((_, hits), error) = self.run(&world, store, &told, || world.disk.heal());
        if let Some(error) = &error {
            if matches!(fault, Fault::Full | Fault::Short) {
                assert_eq!(error.code(), Code::StoreFull, "{told}: {error:?}");
            }
            // What can be read when it is looked at again is no fault of a copy.
            assert!(lasting || error.code() != Code::BackupUnsound, "{told}: {error:?}");
        }
        assert!(hits > 0 || !self.operation.is_steady, "{told}: nothing failed");
        (hits > 0, error.is_some())
    }
}

/// Two pictures are the same; else the first lines that differ.
fn alike(is: &str, expected: &str, told: &str) {
    let differ = is.lines().zip(expected.lines()).find(|(is, expected)| is != expected);
    assert_eq!(differ, None, "{told}");
    assert_eq!(is.lines().count(), expected.lines().count(), "{told}");
}

fn check(store: &Store, told: &str) {
    let report = store.check().unwrap();
    assert!(report.is_sound(), "{told}: {}", report.message(Language::English));
}

fn fail_everywhere(names: &[&str]) {
    let _beside = beside_others();
    for name in names {
        let trial = Trial::named(name);
        let began = Instant::now();
        let (mut cases, mut errors) = (0, 0);
        let (full, normal) = (trial.count_calls(Synchronous::Full), trial.count_calls(Synchronous::Normal));
        // A full disk fails at writes, which are counted already.
        let counted = FAULTS.iter().zip(&full).filter(|(fault, _)| matches!(fault, Fault::Error(_)));
        let calls_all: u64 = counted.map(|(_, calls)| calls).sum();
        let most = places(4);
        for (fault, (full, normal)) in FAULTS.iter().zip(full.into_iter().zip(normal)) {
            let first = most - most / 4;
            // NORMAL makes the same calls but for some syncs: where they are few, nothing is to be seen in it that was not.
            let rest = if most == u64::MAX || normal > first { most / 4 } else { 0 };
            let of_full = spread(full, first).into_iter().map(|at| (at, Synchronous::Full));
            let of_normal = spread(normal, rest).into_iter().map(|at| (at, Synchronous::Normal));
            for (at, synchronous) in of_full.chain(of_normal) {
                for lasting in [false, true] {
                    let (hit, failed) = trial.fail(*fault, at, lasting, synchronous);
                    cases += u64::from(hit);
                    errors += u64::from(failed);
                }
            }
        }
        assert!(calls_all > 0 && cases > 0, "{name}: {calls_all} calls, {cases} times something failed");
        println!(
            "{name}: {calls_all} calls, {cases} times something failed, {errors} times the caller was told, {:?}",
            began.elapsed()
        );
    }
}

#[test]
fn single_writes_on_failing_disks() {
    fail_everywhere(&[
        "register",
        "transaction",
        "delete",
        "reserve",
        "attach a file",
        "user",
        "token",
        "cancel",
        "replay",
    ]);
}

#[test]
fn bulk_on_failing_disks() {
    fail_everywhere(&["bulk", "upload"]);
}

#[test]
fn imports_on_failing_disks() {
    fail_everywhere(&["import in parts", "atomic import", "first import", "sweep"]);
}

/// Without this, the operation of that name would try nothing of its own.
#[test]
fn a_first_import_makes_its_index_anew() {
    let _beside = beside_others();
    let trial = Trial::named("first import");
    let place = |world: &World| -> i64 {
        let sql = "SELECT rowid FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'stock' AND sql LIKE '%count%'";
        rusqlite::Connection::open(world.path()).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let (world, store) = trial.world(Synchronous::Normal);
    let before = place(&world);
    (trial.operation.run)(&world, &store).unwrap();
    assert!(place(&world) > before);
}

#[test]
fn runs_on_failing_disks() {
    fail_everywhere(&["automation", "record and message", "deliveries", "push"]);
}

#[test]
fn definitions_on_failing_disks() {
    fail_everywhere(&["definitions"]);
}

#[test]
fn reading_on_failing_disks() {
    fail_everywhere(&["export", "export to a file", "rejects to a file", "check", "backup"]);
}

#[test]
fn a_check_takes_no_failing_disk_for_a_fault_of_the_store() {
    let _beside = beside_others();
    let trial = Trial::named("check");
    let read = FAULTS.iter().position(|fault| *fault == Fault::Error(Call::Read)).unwrap();
    let calls = trial.count_calls(Synchronous::Normal)[read];
    // One that fails once may be read again.
    let once = spread(calls, places(40)).into_iter().map(|at| (at, false));
    for (at, lasting) in (1..=calls).map(|at| (at, true)).chain(once) {
        let (world, store) = trial.world(Synchronous::Normal);
        world.disk.fail(FAULTS[read], at, lasting);
        // The operation itself asks for a sound report, where there is one.
        let result = (trial.operation.run)(&world, &store);
        assert!(world.disk.heal().1 > 0, "read {at}");
        assert!(result.is_err() || !lasting, "no read succeeded from {at} on, and it was not told");
    }
}

#[test]
fn opening_on_failing_disks() {
    fail_everywhere(&["open", "create"]);
}
