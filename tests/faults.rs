//! Disks that are full, that fail to read, write or sync, memory that runs out, power that fails: whatever happens in the
//! middle of whatever is done, the caller is told clearly, the store is as before or as after, and it goes on.
//!
//! `RENKEI_TEST_FAULTS=n` tries up to n places of each kind of failure in each operation, instead of the few of the
//! normal run; `all` tries every one.

mod common_child;
mod common_dice;
mod common_disk;
#[path = "faults/memory.rs"]
mod memory;
#[path = "faults/power.rs"]
mod power;
#[path = "faults/world.rs"]
mod world;

use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use common_disk::{FAULTS, Fault};
use renkei::{Code, Language, Store, Synchronous};
use world::{OPERATIONS, Operation, World, is_clear, picture};

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

/// What a run of one operation on a disk that does not fail leaves, and what it leaves behind.
struct Expected {
    before: String,
    after: String,
}

fn expected(operation: &Operation) -> Expected {
    let world = World::new(Synchronous::Full);
    let store = world.open().unwrap();
    (operation.prepare)(&store);
    let before = picture(&store);
    (operation.run)(&world, &store).unwrap();
    Expected { before, after: picture(&store) }
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

/// Lets one call, or all from one on, fail while an operation runs; whether any did.
fn try_fault(operation: &Operation, expected: &Expected, fault: Fault, at: u64, lasting: bool) -> (bool, bool) {
    let synchronous = if at.is_multiple_of(2) { Synchronous::Normal } else { Synchronous::Full };
    let world = World::new(synchronous);
    let store = world.open().unwrap();
    (operation.prepare)(&store);
    let told = format!("{}: {fault:?} at call {at}, lasting: {lasting}, {synchronous:?}", operation.name);
    world.disk.fail(fault, at, lasting);
    let result = (operation.run)(&world, &store);
    let (_, hits) = world.disk.heal();
    // Whoever was in the middle of something is given up by then.
    world.clock.advance(Duration::from_secs(60));
    match &result {
        // What could be done without it was done.
        Ok(()) => alike(&picture(&store), &expected.after, &told),
        Err(error) => {
            assert!(is_clear(error), "{told}: {error:?}");
            if matches!(fault, Fault::Full | Fault::Short) {
                assert_eq!(error.code(), Code::StoreFull, "{told}: {error:?}");
            }
            if !operation.in_parts {
                alike(&picture(&store), &expected.before, &format!("{told}: {error}"));
            }
            // The same handle goes on.
            let again = (operation.run)(&world, &store);
            again.unwrap_or_else(|error| panic!("{told}: still {error:?}"));
            alike(&picture(&store), &expected.after, &format!("{told}: {error}"));
        }
    }
    drop(store);
    let store = world.open().unwrap_or_else(|error| panic!("{told}: {error:?}"));
    alike(&picture(&store), &expected.after, &told);
    check(&store, &told);
    (hits > 0, result.is_err())
}

/// How many calls of a kind an operation makes.
fn count_calls(operation: &Operation, fault: Fault) -> u64 {
    let world = World::new(Synchronous::Full);
    let store = world.open().unwrap();
    (operation.prepare)(&store);
    world.disk.fail(fault, u64::MAX, false);
    (operation.run)(&world, &store).unwrap();
    world.disk.heal().0
}

fn fail_everywhere(names: &[&str]) {
    let _beside = beside_others();
    for operation in OPERATIONS.iter().filter(|operation| names.contains(&operation.name)) {
        let expected = expected(operation);
        let (mut cases, mut errors, mut calls_all) = (0, 0, 0);
        for fault in FAULTS {
            let calls = count_calls(operation, *fault);
            calls_all += calls;
            for at in spread(calls, places(4)) {
                for lasting in [false, true] {
                    let (hit, failed) = try_fault(operation, &expected, *fault, at, lasting);
                    cases += u64::from(hit);
                    errors += u64::from(failed);
                }
            }
        }
        println!(
            "{}: {calls_all} calls, {cases} times something failed, {errors} times the caller was told",
            operation.name
        );
    }
}

#[test]
fn single_writes_on_failing_disks() {
    fail_everywhere(&["register", "transaction", "reserve", "attach a file"]);
}

#[test]
fn bulk_on_failing_disks() {
    fail_everywhere(&["bulk", "upload"]);
}

#[test]
fn imports_on_failing_disks() {
    fail_everywhere(&["import in parts", "atomic import", "sweep"]);
}

#[test]
fn runs_on_failing_disks() {
    fail_everywhere(&["automation", "record and message", "deliveries"]);
}

#[test]
fn definitions_on_failing_disks() {
    fail_everywhere(&["definitions"]);
}

#[test]
fn reading_on_failing_disks() {
    fail_everywhere(&["export", "check", "backup"]);
}

/// The operation itself asks for it.
#[test]
fn a_check_takes_no_failing_disk_for_a_fault_of_the_store() {
    let _beside = beside_others();
    let operation = OPERATIONS.iter().find(|operation| operation.name == "check").unwrap();
    let fault = Fault::Error(common_disk::Call::Read);
    for at in 1..=count_calls(operation, fault) {
        let world = World::new(Synchronous::Normal);
        let store = world.open().unwrap();
        world.disk.fail(fault, at, true);
        drop((operation.run)(&world, &store));
    }
}

#[test]
fn opening_on_failing_disks() {
    fail_everywhere(&["open", "create"]);
}
