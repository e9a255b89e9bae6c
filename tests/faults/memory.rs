//! SQLite's memory runs out: at one call for it, from one call on, or at a bound.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use renkei::Synchronous;

use super::common_disk::{bound_memory, fail_memory, heal_memory, install, memory_used};
use super::world::{OPERATIONS, World, is_clear, picture};
use super::{ALONE, alike, check, expected, places, spread};

/// Runs an operation while memory fails in some way; whether the caller was told of it.
fn try_without(
    operation: &super::Operation,
    expected: &super::Expected,
    told: &str,
    take: impl FnOnce(),
    give: impl FnOnce() -> bool,
) -> (bool, bool) {
    let world = World::new(Synchronous::Normal);
    let store = world.open().unwrap();
    (operation.prepare)(&store);
    take();
    let result = (operation.run)(&world, &store);
    let failed = give();
    world.clock.advance(Duration::from_secs(60));
    match &result {
        Ok(()) => alike(&picture(&store), &expected.after, told),
        Err(error) => {
            assert!(is_clear(error), "{told}: {error:?}");
            if !operation.in_parts {
                alike(&picture(&store), &expected.before, &format!("{told}: {error}"));
            }
            (operation.run)(&world, &store).unwrap_or_else(|error| panic!("{told}: still {error:?}"));
            alike(&picture(&store), &expected.after, &format!("{told}: {error}"));
        }
    }
    drop(store);
    let store = world.open().unwrap();
    alike(&picture(&store), &expected.after, told);
    check(&store, told);
    (failed, result.is_err())
}

#[test]
fn everything_without_memory() {
    let _alone = ALONE.write().unwrap_or_else(PoisonError::into_inner);
    install();
    for operation in OPERATIONS {
        let began = Instant::now();
        let expected = expected(operation);
        let world = World::new(Synchronous::Normal);
        let store = world.open().unwrap();
        (operation.prepare)(&store);
        fail_memory(u64::MAX >> 1, false);
        (operation.run)(&world, &store).unwrap();
        let (calls, _) = heal_memory();
        drop(store);
        let (mut cases, mut errors) = (0, 0);
        for at in spread(calls, places(8)) {
            for lasting in [false, true] {
                let told = format!("{}: memory at call {at} of {calls}, lasting: {lasting}", operation.name);
                let take = || fail_memory(at, lasting);
                let (hit, failed) = try_without(operation, &expected, &told, take, || heal_memory().1 > 0);
                cases += u64::from(hit);
                errors += u64::from(failed);
            }
        }
        // Within a bound, from almost nothing to plenty.
        for kib in [1, 4, 16, 64, 256, 1024] {
            let told = format!("{}: {kib} KiB more", operation.name);
            let take = || {
                bound_memory(memory_used() + (kib << 10));
            };
            let (_, failed) = try_without(operation, &expected, &told, take, || bound_memory(0) > 0);
            errors += u64::from(failed);
            cases += 1;
        }
        println!(
            "{}: {calls} calls for memory, {cases} times there was none, {errors} times the caller was told, {:?}",
            operation.name,
            began.elapsed()
        );
    }
}
