//! The power fails: writes that were not synced are lost, kept, or kept in part. What `synchronous` promises holds.

use renkei::{
    AutomationRequest, Blueprint, DeliveryFilter, DeliveryState, Field, FieldKind, ImportRequest, JobState, Language,
    Query, Store, Synchronous, Value, Values, WriteOptions,
};

use super::beside_others;
use super::common_dice::Dice;
use super::common_disk::{Log, Loss, Recording};
use super::operations::first_import;
use super::world::{World, message, work};

/// How much of each thing was done. Each only becomes more, and in the order in which it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Known {
    /// The parts T1, T2, … up to this number.
    parts: u64,
    /// Orders that are deleted, from the first one on.
    deleted: u64,
    /// Orders to which a file is attached.
    papers: u64,
    /// Messages in the queue, and those of them that were sent.
    messages: u64,
    delivered: u64,
    /// Runs of an automation that came to their end.
    runs: u64,
    /// Fields that the parts were given.
    fields: u64,
    /// Records of a first import, whose index is made at its end.
    stock: u64,
}

impl Known {
    fn of(store: &Store, told: &str) -> Known {
        let orders = store.query("orders", &Query::new()).unwrap().records;
        let has_paper = |record: &&renkei::Record| match record.value("paper") {
            Value::File(id) => {
                // Neither is there without the other.
                assert_eq!(store.file(id).unwrap().bytes, PAPER_BYTES, "{told}");
                true
            }
            _ => false,
        };
        let first = orders.iter().filter_map(|order| order.key().parse::<u64>().ok()).min().unwrap();
        let messages = store.deliveries(&DeliveryFilter::new(), None, 1_000).unwrap();
        let runs = store.automation_runs(None, 1_000).unwrap();
        Known {
            parts: parts_of(store, told),
            deleted: first - 1,
            papers: orders.iter().filter(has_paper).count() as u64,
            messages: messages.len() as u64,
            delivered: messages.iter().filter(|message| message.state == DeliveryState::Delivered).count() as u64,
            runs: runs.iter().filter(|run| run.state == JobState::Completed).count() as u64,
            fields: store.database("parts").unwrap().fields.len() as u64,
            stock: store.count("stock", None).unwrap(),
        }
    }

    fn all(self) -> [u64; 8] {
        let Known { parts, deleted, papers, messages, delivered, runs, fields, stock } = self;
        [parts, deleted, papers, messages, delivered, runs, fields, stock]
    }

    /// Whether nothing of it is more than in `other`.
    fn is_within(self, other: Known) -> bool {
        self.all().iter().zip(other.all()).all(|(own, other)| *own <= other)
    }
}

const PAPER_BYTES: u64 = 2_500;

/// The parts T1, T2, … that a store has; they must be there without a gap.
fn parts_of(store: &Store, told: &str) -> u64 {
    let page = store.query("parts", &Query::new()).unwrap();
    let mut numbers: Vec<u64> =
        page.records.iter().filter_map(|record| record.key().strip_prefix('T')?.parse().ok()).collect();
    numbers.sort_unstable();
    let last = numbers.last().copied().unwrap_or(0);
    assert!(numbers.iter().copied().eq(1..=last), "{told}: not all from 1 to {last}: {numbers:?}");
    last
}

/// Work under way, with all that was told of it.
struct Work<'a> {
    store: Store,
    recording: Recording<'a>,
    known: Known,
    /// After each commit that was told, from none on.
    all: Vec<Known>,
}

impl Work<'_> {
    /// Something was done, and the caller told.
    fn told(&mut self, more: impl FnOnce(&mut Known)) {
        more(&mut self.known);
        self.recording.told(self.all.len() as u64);
        self.all.push(self.known);
    }

    /// Ten parts, one by one.
    fn register(&mut self) {
        for _ in 0..10 {
            self.store.records("parts").register(&part(self.known.parts + 1)).unwrap();
            self.told(|known| known.parts += 1);
        }
    }

    /// Parts in one transaction.
    fn register_all(&mut self) {
        let all: Vec<Values> = (self.known.parts + 1..=self.known.parts + 60).map(part).collect();
        self.store.records("parts").register_all(&all, &WriteOptions::new()).unwrap();
        self.told(|known| known.parts += 60);
    }

    /// An import in parts commits when it likes; all of it is there when it has ended.
    fn import(&mut self) {
        let mut csv = "コード,名称,単価\n".to_owned();
        let numbers = self.known.parts + 1..=self.known.parts + 300;
        numbers.for_each(|number| csv.push_str(&format!("T{number},部品{number},5\n")));
        let upload = self.store.upload("a.csv", csv.as_bytes()).unwrap();
        let request = ImportRequest::upload("parts", "partial", upload.id);
        let id = self.store.reserve_import(&request).unwrap().process_id;
        work(&self.store, 200).unwrap();
        assert_eq!(self.store.import_status(id).unwrap().state, JobState::Completed);
        self.told(|known| known.parts += 300);
    }

    fn first_import(&mut self) {
        first_import(&self.store);
        work(&self.store, 200).unwrap();
        let stock = self.store.count("stock", None).unwrap();
        self.told(|known| known.stock = stock);
    }

    /// One field more, with its indexes, and the prices written anew.
    fn define(&mut self) {
        let mut database = self.store.database("parts").unwrap();
        let number = database.fields.len();
        if let FieldKind::Number { scale, .. } = &mut database.fields[2].kind {
            *scale = (*scale + 1) % 3;
        }
        database.fields[1].full_text = !database.fields[1].full_text;
        let field = Field::text(format!("f{number}"), format!("項目{number}")).indexed().full_text();
        self.store.apply(&Blueprint::new().database(database.field(field))).unwrap();
        self.told(|known| known.fields += 1);
    }

    fn attach(&mut self) {
        let orders = self.store.records("orders");
        let file = self.store.put_file("紙.txt", &vec![9; usize::try_from(PAPER_BYTES).unwrap()][..]).unwrap();
        orders.update(format!("{:06}", 60 - self.known.papers), &Values::new().set("paper", file.id)).unwrap();
        self.told(|known| known.papers += 1);
    }

    fn delete(&mut self) {
        for _ in 0..3 {
            self.store.records("orders").delete(format!("{:06}", self.known.deleted + 1)).unwrap();
            self.told(|known| known.deleted += 1);
        }
    }

    fn deliver(&mut self) {
        for _ in 0..4 {
            self.store.deliver(&message(self.known.messages)).unwrap();
            self.told(|known| known.messages += 1);
        }
        work(&self.store, 200).unwrap();
        self.told(|known| known.delivered = known.messages);
    }

    fn automate(&mut self) {
        let of = (1..4).map(|number| format!("P{number}"));
        self.store.start_automation(&AutomationRequest::call("parts", "care").records(of)).unwrap();
        work(&self.store, 200).unwrap();
        self.told(|known| known.runs += 1);
    }

    /// What changes nothing that is told.
    fn rewrite(&mut self) {
        self.store.export(&renkei::Export::of("orders"), std::io::sink()).unwrap();
        for number in 1..20 {
            let price = Values::new().set("price", i64::try_from(self.known.parts).unwrap());
            self.store.records("parts").update(format!("T{number}"), &price).unwrap();
        }
    }
}

fn part(number: u64) -> Values {
    Values::new().set("code", format!("T{number}")).set("name", format!("部品{number}"))
}

/// Everything that a store does, one after the other, each told when it is done.
fn everything(synchronous: Synchronous) -> (World, Log, Vec<Known>) {
    let world = World::new(synchronous);
    let store = world.open().unwrap();
    let known = Known::of(&store, "before");
    let mut work = Work { store, recording: world.disk.record(), known, all: vec![known] };
    for round in 0..24 {
        work.register();
        match round % 8 {
            0 => work.register_all(),
            1 => work.import(),
            2 => work.define(),
            3 => work.rewrite(),
            4 => work.attach(),
            5 => work.delete(),
            6 => work.deliver(),
            _ => work.automate(),
        }
        if round == 12 {
            work.first_import();
        }
    }
    let Work { store, recording, all, .. } = work;
    drop(store);
    let log = recording.end();
    (world, log, all)
}

fn is_sound(store: &Store, told: &str) {
    let report = store.check().unwrap();
    assert!(report.is_sound(), "{told}: {}", report.message(Language::English));
}

const LOSSES: [Loss; 4] = [Loss::All, Loss::Some, Loss::Some, Loss::Nothing];

fn fail_power(synchronous: Synchronous, cuts: u64) {
    let _beside = beside_others();
    let (world, log, all) = everything(synchronous);
    let mut dice = Dice::new(1);
    let mut lost = 0;
    let (mut losses, mut opened) = ([0u64; 3], 0);
    for cut in 0..cuts {
        let loss = LOSSES[usize::try_from(cut % 4).unwrap()];
        let at = usize::try_from(dice.roll(log.len() as u64 + 1)).unwrap();
        let told = format!("{synchronous:?}, cut {cut} after {at} of {} events, {loss:?} lost", log.len());
        let image = log.cut(at, loss, |below| dice.roll(below));
        let dir = tempfile::tempdir().unwrap();
        image.write(dir.path());
        let store = world.options.open(dir.path().join("store.db")).unwrap_or_else(|error| panic!("{told}: {error:?}"));
        opened += 1;
        is_sound(&store, &told);
        let found = Known::of(&store, &told);
        // What came before something that is there, is there too: it is as at one moment, that of one telling or between two.
        let moment =
            all.iter().rposition(|known| known.is_within(found)).unwrap_or_else(|| panic!("{told}: {found:?}"));
        assert!(
            found.is_within(*all.get(moment + 1).unwrap_or(&all[moment])),
            "{told}: {found:?} after {:?}",
            all[moment]
        );
        let of_told = usize::try_from(image.told).unwrap();
        if synchronous == Synchronous::Full || loss == Loss::Nothing {
            assert!(moment >= of_told, "{told}: {found:?}, {:?} had been told of", all[of_told]);
        }
        lost = lost.max(of_told.saturating_sub(moment));
        losses[loss as usize] += 1;
        // It goes on where it was.
        world.clock.advance(std::time::Duration::from_secs(60));
        work(&store, 200).unwrap();
        store.records("parts").register(&Values::new().set("code", "次").set("name", "次の部品")).unwrap();
        let waiting = store.deliveries(&DeliveryFilter::new().state(DeliveryState::Waiting), None, 10).unwrap();
        assert_eq!(waiting.len(), 0, "{told}");
    }
    println!(
        "{synchronous:?}: {} commits told, {} events, {} syncs, {opened} power failures ({losses:?} with all, none, some lost); at most {lost} commits lost",
        all.len() - 1,
        log.len(),
        log.syncs(),
    );
}

/// So many failures of power are tried.
fn cuts() -> u64 {
    super::places(80).min(20_000)
}

#[test]
fn power_fails_and_full_loses_nothing_that_was_told() {
    fail_power(Synchronous::Full, cuts());
}

#[test]
fn power_fails_and_normal_keeps_the_file_whole() {
    fail_power(Synchronous::Normal, cuts());
}

/// Whoever makes a store and is told of it has it; before, he can make it.
#[test]
fn power_fails_while_a_store_is_made() {
    let _beside = beside_others();
    let mut dice = Dice::new(2);
    let mut failures = 0;
    for synchronous in [Synchronous::Full, Synchronous::Normal] {
        let world = World::empty(synchronous);
        let recording = world.disk.record();
        let mut options = world.options.clone();
        options.create(true);
        let make = |store: &Store| store.apply(&Blueprint::new().database(super::world::parts()));
        let store = options.open(world.path()).unwrap();
        recording.told(1);
        make(&store).unwrap();
        recording.told(2);
        store.records("parts").register(&part(1)).unwrap();
        recording.told(3);
        drop(store);
        let log = recording.end();
        let each = usize::try_from(super::places(40)).unwrap_or(usize::MAX).min(log.len());
        for cut in 0..each {
            let loss = LOSSES[cut % 4];
            let at = log.len() * cut / each + 1;
            let told = format!("{synchronous:?}, cut after {at} of {} events, {loss:?} lost", log.len());
            let image = log.cut(at, loss, |below| dice.roll(below));
            let dir = tempfile::tempdir().unwrap();
            image.write(dir.path());
            let path = dir.path().join("store.db");
            let store = options.open(&path).unwrap_or_else(|error| panic!("{told}: {error:?}"));
            is_sound(&store, &told);
            if synchronous == Synchronous::Full || loss == Loss::Nothing {
                assert!(image.told < 2 || store.database("parts").is_ok(), "{told}");
                assert!(image.told < 3 || store.records("parts").view("T1").is_ok(), "{told}");
            }
            // Whatever was lost is made again.
            make(&store).unwrap();
            store.records("parts").upsert(&part(1)).unwrap();
            is_sound(&store, &told);
            failures += 1;
        }
    }
    println!("{failures} power failures while a store is made");
}
