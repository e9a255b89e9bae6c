//! The power fails: writes that were not synced are lost, kept, or kept in part. What `synchronous` promises holds.

use renkei::{Blueprint, Field, ImportRequest, JobState, Language, Store, Synchronous, Values, Worker, WriteOptions};

use super::beside_others;
use super::common_dice::Dice;
use super::common_disk::{Log, Loss};
use super::world::World;

/// Makes commits one after the other, each of which brings the parts T1, T2, … up to its number, and tells of each.
/// Between them are other things that a store does.
fn work(synchronous: Synchronous) -> (World, Log, u64) {
    let world = World::new(synchronous);
    let store = world.open().unwrap();
    let recording = world.disk.record();
    let parts = store.records("parts");
    let part = |number: u64| Values::new().set("code", format!("T{number}")).set("name", format!("部品{number}"));
    let mut made = 0;
    for round in 0..12u64 {
        for _ in 0..10 {
            parts.register(&part(made + 1)).unwrap();
            made += 1;
            recording.told(made);
        }
        match round % 4 {
            0 => {
                let all: Vec<Values> = (made + 1..=made + 60).map(part).collect();
                parts.register_all(&all, &WriteOptions::new()).unwrap();
                made += 60;
                recording.told(made);
            }
            1 => {
                // An import in parts commits when it likes; all of it is there when it has ended.
                let mut csv = "コード,名称,単価\n".to_owned();
                (made + 1..=made + 300).for_each(|number| csv.push_str(&format!("T{number},部品{number},5\n")));
                let upload = store.upload("a.csv", csv.as_bytes()).unwrap();
                let request = ImportRequest::upload("parts", "partial", upload.id);
                let id = store.reserve_import(&request).unwrap().process_id;
                Worker::new(&store).run_until_idle().unwrap();
                assert_eq!(store.import_status(id).unwrap().state, JobState::Completed);
                made += 300;
                recording.told(made);
            }
            2 => {
                let database = store.database("parts").unwrap();
                let field = Field::text(format!("f{round}"), format!("項目{round}")).indexed().full_text();
                store.apply(&Blueprint::new().database(database.field(field))).unwrap();
            }
            _ => {
                let mut out = Vec::new();
                store.export(&renkei::Export::of("orders"), &mut out).unwrap();
                for number in 1..20 {
                    let price = Values::new().set("price", i64::try_from(made).unwrap());
                    parts.update(format!("T{number}"), &price).unwrap();
                }
            }
        }
    }
    drop(store);
    let log = recording.end();
    (world, log, made)
}

/// The parts T1, T2, … that a store has; they must be there without a gap.
fn parts_of(store: &Store, told: &str) -> u64 {
    let page = store.query("parts", &renkei::Query::new()).unwrap();
    let mut numbers: Vec<u64> =
        page.records.iter().filter_map(|record| record.key().strip_prefix('T')?.parse().ok()).collect();
    numbers.sort_unstable();
    let last = numbers.last().copied().unwrap_or(0);
    assert!(numbers.iter().copied().eq(1..=last), "{told}: not all from 1 to {last}: {numbers:?}");
    last
}

fn fail_power(synchronous: Synchronous, cuts: u64) {
    let _beside = beside_others();
    let (world, log, made) = work(synchronous);
    let mut dice = Dice::new(1);
    let mut lost = 0;
    let (mut losses, mut opened) = ([0u64; 3], 0);
    for cut in 0..cuts {
        let loss = [Loss::All, Loss::Some, Loss::Some, Loss::Nothing][usize::try_from(cut % 4).unwrap()];
        let at = usize::try_from(dice.roll(log.len() as u64 + 1)).unwrap();
        let told = format!("{synchronous:?}, cut {cut} after {at} of {} events, {loss:?} lost", log.len());
        let image = log.cut(at, loss, |below| dice.roll(below));
        let dir = tempfile::tempdir().unwrap();
        image.write(dir.path());
        let store = world.options.open(dir.path().join("store.db")).unwrap_or_else(|error| panic!("{told}: {error:?}"));
        opened += 1;
        let report = store.check().unwrap();
        assert!(report.is_sound(), "{told}: {}", report.message(Language::English));
        let found = parts_of(&store, &told);
        // Also what was not told of yet may be there, and what one import brought in several commits.
        if synchronous == Synchronous::Full || loss == Loss::Nothing {
            assert!(found >= image.told, "{told}: {found} parts, {} had been told of", image.told);
        }
        lost = lost.max(image.told.saturating_sub(found));
        losses[loss as usize] += 1;
        // It goes on where it was.
        Worker::new(&store).run_until_idle().unwrap();
        store.records("parts").register(&Values::new().set("code", "次").set("name", "次の部品")).unwrap();
    }
    println!(
        "{synchronous:?}: {made} commits and rows, {} events, {} syncs, {opened} power failures ({losses:?} with all, none, some lost); at most {lost} rows lost",
        log.len(),
        log.syncs(),
    );
}

/// So many failures of power are tried.
fn cuts() -> u64 {
    super::places(120).min(20_000)
}

#[test]
fn power_fails_and_full_loses_nothing_that_was_told() {
    fail_power(Synchronous::Full, cuts());
}

#[test]
fn power_fails_and_normal_keeps_the_file_whole() {
    fail_power(Synchronous::Normal, cuts());
}
