//! SQLite's memory runs out: at one call for it, from one call on, or at a bound.

use std::sync::PoisonError;
use std::time::Instant;

use renkei::Synchronous;

use super::common_disk::install;
use super::common_disk::memory::{bound_memory, fail_memory, heal_memory, memory_used};
use super::operations::OPERATIONS;
use super::{ALONE, Trial, places, spread};

#[test]
fn everything_without_memory() {
    let _alone = ALONE.write().unwrap_or_else(PoisonError::into_inner);
    install();
    for operation in OPERATIONS {
        let began = Instant::now();
        let trial = Trial::of(operation);
        let (world, store) = trial.world(Synchronous::Normal);
        fail_memory(u64::MAX >> 1, false);
        (operation.run)(&world, &store).unwrap();
        let (calls, _) = heal_memory();
        drop(store);
        let (mut cases, mut errors) = (0, 0);
        for at in spread(calls, places(5)) {
            for lasting in [false, true] {
                let told = format!("{}: memory at call {at} of {calls}, lasting: {lasting}", operation.name);
                let (world, store) = trial.world(Synchronous::Normal);
                fail_memory(at, lasting);
                let ((_, hits), error) = trial.run(&world, store, &told, heal_memory);
                cases += u64::from(hits > 0);
                errors += u64::from(error.is_some());
            }
        }
        assert!(calls > 0 && cases > 0, "{}: {calls} calls for memory, {cases} times there was none", operation.name);
        // Within a bound, from almost nothing to plenty.
        for kib in [1, 4, 16, 64, 256, 1024] {
            let told = format!("{}: {kib} KiB more", operation.name);
            let (world, store) = trial.world(Synchronous::Normal);
            bound_memory(memory_used() + (kib << 10));
            let (_, error) = trial.run(&world, store, &told, || bound_memory(0));
            errors += u64::from(error.is_some());
            cases += 1;
        }
        println!(
            "{}: {calls} calls for memory, {cases} times there was none, {errors} times the caller was told, {:?}",
            operation.name,
            began.elapsed()
        );
    }
}
