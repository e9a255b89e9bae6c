//! Writers that die: by themselves, at the nth time that they come to a chosen point, or by somebody else's hand at any
//! moment.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::process::Child;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use renkei::{Store, StoreOptions, Synchronous, Worker};

use crate::common::check_file;
use crate::common_child::{DeadlyClock, die, kills, number, say, start, wait_for};
use crate::common_dice::Dice;
use crate::common_disk::{Call, Disk, Fault, Piece};
use crate::common_http::{Receiver, ok};
use crate::judge::{Look, judge_audit};
use crate::ledger::{Deed, Entry, Ledger, Tails};
use crate::messages::Received;
use crate::work::{Habits, Writer, found, local, name};

/// Where a writer dies.
#[derive(Debug, Clone, Copy)]
enum Point {
    /// Wherever it is when somebody kills it.
    Moment,
    /// Where it looks at the clock.
    Clock,
    /// Where SQLite calls the system.
    Disk(Fault),
    /// Where something was done and nobody was told yet.
    Told,
    /// Where an import tells how far it is.
    Import,
    /// Where a backup tells how far it is.
    Backup,
    /// Where a message has arrived that was not answered yet.
    Received,
}

/// With how often each is chosen, and up to which power of two the number of the call goes at which it happens.
const POINTS: &[(&str, u64, u64, Point)] = &[
    ("any moment", 20, 0, Point::Moment),
    ("a look at the clock", 10, 9, Point::Clock),
    ("before the caller is told", 6, 4, Point::Told),
    ("progress of an import", 5, 2, Point::Import),
    ("progress of a backup", 4, 1, Point::Backup),
    ("a message arrived, not answered", 6, 3, Point::Received),
    ("write to the log", 8, 10, Point::Disk(Fault::Death(Call::Write, Piece::Log))),
    ("half of a write to the log", 8, 10, Point::Disk(Fault::TornWrite(Piece::Log))),
    ("sync of the log", 4, 2, Point::Disk(Fault::Death(Call::Sync, Piece::Log))),
    ("truncation of the log", 5, 1, Point::Disk(Fault::Death(Call::Truncate, Piece::Log))),
    ("write to the file", 6, 6, Point::Disk(Fault::Death(Call::Write, Piece::Main))),
    ("half of a write to the file", 6, 6, Point::Disk(Fault::TornWrite(Piece::Main))),
    ("sync of the file", 5, 2, Point::Disk(Fault::Death(Call::Sync, Piece::Main))),
    ("read of the file", 4, 7, Point::Disk(Fault::Death(Call::Read, Piece::Main))),
    ("read of the log", 3, 6, Point::Disk(Fault::Death(Call::Read, Piece::Log))),
    ("lock of the file", 3, 4, Point::Disk(Fault::Death(Call::Lock, Piece::Main))),
    ("lock in shared memory", 6, 9, Point::Disk(Fault::Death(Call::ShmLock, Piece::Main))),
    ("mapping of shared memory", 3, 2, Point::Disk(Fault::Death(Call::ShmMap, Piece::Main))),
    ("opening of a file", 3, 3, Point::Disk(Fault::Death(Call::Open, Piece::Any))),
    ("deletion of a file", 5, 1, Point::Disk(Fault::Death(Call::Delete, Piece::Any))),
];

const SEED: &str = "RENKEI_TEST_LIFE";
const POINT: &str = "RENKEI_TEST_POINT";
const AT: &str = "RENKEI_TEST_AT";
const WRITER: &str = "RENKEI_TEST_WRITER";
const URL: &str = "RENKEI_TEST_URL";

/// Deaths of a life, after which the store is judged for good and another one begins.
const DEATHS: u64 = 12;

/// So long a writer may live, once it is ready, that does not come to its point; then somebody kills it.
const LIFE: Duration = Duration::from_millis(1_200);

/// A writer that comes to nothing for so long hangs.
const STANDSTILL: Duration = Duration::from_secs(120);

/// Nobody lives longer, even if nobody is there any more to kill it.
const MOST_LIFE: Duration = Duration::from_secs(600);

/// So often a job may end its runner, without progress between, before it is given up (`src/job`).
const ATTEMPTS: u64 = 5;

/// In so many deaths everything must have come.
const MANY: u64 = 300;

fn options(dice: &mut Dice) -> StoreOptions {
    let mut options = Store::options();
    options.create(true);
    if dice.roll(3) == 0 {
        options.synchronous(Synchronous::Full);
    }
    if dice.roll(2) == 0 {
        // The log is moved into the file often, and caches do not hold all of a transaction.
        options.checkpoint_bytes(128 << 10).cache_bytes(64 << 10).reader_cache_bytes(64 << 10);
    }
    options
}

/// The life of a writer, in a process of its own.
pub fn live_and_die(path: &Path) {
    let mut dice = Dice::new(number(SEED).unwrap());
    let (point, at) = (POINTS[usize::try_from(number(POINT).unwrap()).unwrap()].3, number(AT).unwrap());
    let writer = number(WRITER).unwrap();
    let disk = Disk::under(path.parent().unwrap(), die);
    let mut options = options(&mut dice);
    // Also while the store is opened, or made.
    let is_early = dice.roll(4) == 0;
    let arm = |when: bool| match point {
        Point::Disk(fault) if when => disk.fail(fault, at, false),
        _ => {}
    };
    arm(is_early);
    if let Point::Clock = point {
        options.clock(Arc::new(DeadlyClock::new(at)));
    }
    let countdown = |wanted: bool| {
        let left = AtomicU64::new(if wanted { at } else { u64::MAX });
        move || {
            if left.fetch_sub(1, Ordering::SeqCst) == 1 {
                die();
            }
        }
    };
    let store = options.open(path).unwrap();
    let url = std::env::var(URL).unwrap();
    found(&store, &[writer], &url).unwrap();
    arm(!is_early);
    say("ready");
    let import = countdown(matches!(point, Point::Import));
    let worker = Worker::new(&store).network(local()).senders(2).on_progress(move |_| import());
    let works = dice.roll(2) == 0;
    let habits = Habits { works, keeps_house: writer == 1, url, import_lines: 200 };
    let mut writer = Writer::new(&store, writer, dice, habits, worker.clone());
    writer.on_backup = Box::new(countdown(matches!(point, Point::Backup)));
    writer.before_told = Box::new(countdown(matches!(point, Point::Told)));
    let _handle = (!works).then(|| worker.start().unwrap());
    let end = Instant::now() + MOST_LIFE;
    while Instant::now() < end {
        writer.step().unwrap();
    }
}

/// What a life knows about its messages.
struct Post {
    receiver: Receiver,
    /// Counts down to the message that is not answered.
    until_silence: Arc<AtomicU64>,
    is_silent: Arc<AtomicBool>,
}

fn post() -> Post {
    let (until_silence, is_silent) = (Arc::new(AtomicU64::new(u64::MAX)), Arc::new(AtomicBool::new(false)));
    let (left, silent) = (until_silence.clone(), is_silent.clone());
    let receiver = Receiver::start(move |_, _| {
        if left.fetch_sub(1, Ordering::SeqCst) == 1 {
            silent.store(true, Ordering::SeqCst);
            return crate::common_http::Reply::After(LIFE, Box::new(ok()));
        }
        ok()
    });
    Post { receiver, until_silence, is_silent }
}

/// The figures of many lives.
#[derive(Default)]
struct Tally {
    points: BTreeMap<usize, u64>,
    kills: u64,
    lives: u64,
    deeds: u64,
    records: u64,
    runs: u64,
    messages: u64,
    duplicates: u64,
    given_up: u64,
    backups: u64,
    exports: u64,
    left_over: u64,
    slow: u64,
    waiting: u64,
    /// How often each kind of deed was done.
    kinds: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// What has not come.
    fn missing(&self) -> Vec<&'static str> {
        let points = POINTS.iter().enumerate().map(|(at, point)| (point.0, self.points.contains_key(&at)));
        let others = [
            ("runs of automations", self.runs > 0),
            ("messages", self.messages > 0),
            ("backups", self.backups > 0),
            ("exports", self.exports > 0),
            ("CSV pushes", self.kinds.contains_key("CSV push")),
            ("databases that were filled", self.kinds.contains_key("fill")),
        ];
        points.chain(others).filter(|(_, came)| !came).map(|(name, _)| name).collect()
    }
}

/// Says by which seed a failure comes again.
struct Replays(u64);

impl Drop for Replays {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("RENKEI_TEST_SEED={} cargo test --test crash -- sudden_deaths lives this life again", self.0);
        }
    }
}

/// A writer that was started to die.
struct Doomed {
    writer: u64,
    point: usize,
    /// So long it lives at most, and whether that is counted from its start on, not from when it is ready.
    life: Duration,
    is_early: bool,
    child: Child,
}

/// Starts a writer that dies at a point of its choice.
fn begin(dice: &mut Dice, path: &Path, writer: u64, post: &Post) -> Doomed {
    let mut chosen = dice.roll(POINTS.iter().map(|(_, weight, ..)| weight).sum());
    let point = POINTS.iter().position(|(_, weight, ..)| {
        let is_it = chosen < *weight;
        chosen = chosen.wrapping_sub(*weight);
        is_it
    });
    let point = point.unwrap();
    let at = dice.roll_widely(POINTS[point].2);
    let more = [
        (SEED, dice.roll(1 << 40).to_string()),
        (POINT, point.to_string()),
        (AT, at.to_string()),
        (WRITER, writer.to_string()),
        (URL, post.receiver.url("")),
    ];
    if let Point::Received = POINTS[point].3 {
        post.is_silent.store(false, Ordering::SeqCst);
        post.until_silence.store(at, Ordering::SeqCst);
    }
    // The ones that die at any moment do so also while they open the store; others live until they come to their point.
    let is_moment = matches!(POINTS[point].3, Point::Moment);
    let is_early = is_moment && dice.roll(5) == 0;
    let life = match (is_moment, is_early) {
        (_, true) => Duration::from_micros(dice.roll(30_000)),
        (true, _) => Duration::from_micros(dice.roll_widely(18)),
        _ => LIFE,
    };
    Doomed { writer, point, life, is_early, child: start("live", path, &more) }
}

/// Waits for the end of a writer, and brings it about when it is time; the point at which it died, and whether it had to be
/// waited for.
fn end(doomed: Doomed, path: &Path, post: &Post) -> (usize, bool) {
    let Doomed { writer, mut point, life, is_early, mut child } = doomed;
    let kind = POINTS[point].3;
    if !is_early {
        drop(wait_for(&mut child, "ready"));
    }
    let began = Instant::now();
    let size = || Ledger::size(path.parent().unwrap(), writer);
    let (mut moved, mut reached, mut is_slow) = (began, size(), false);
    while child.try_wait().unwrap().is_none() {
        let is_silent = matches!(kind, Point::Received) && post.is_silent.load(Ordering::SeqCst);
        if size() != reached {
            (moved, reached) = (Instant::now(), size());
        }
        // Who stands still at the end of a long life is let live until it moves: that is how one that hangs is found.
        let stands = life == LIFE && moved.elapsed() > LIFE / 2;
        let is_over = began.elapsed() >= life;
        is_slow |= is_over && stands && !is_silent;
        let hangs = moved.elapsed() > STANDSTILL;
        if is_silent || hangs || is_over && !stands {
            child.kill().unwrap();
            assert!(!hangs, "writer {writer} does nothing any more, for {STANDSTILL:?}");
            if !is_silent {
                point = 0;
            }
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let status = child.wait().unwrap();
    let failures = std::fs::read_to_string(path.with_extension("failures")).unwrap_or_default();
    assert!(
        status.code().is_none() && failures.is_empty(),
        "{}, {status}, {:?}: {failures}",
        POINTS[point].0,
        began.elapsed()
    );
    (point, is_slow)
}

/// One store, from before it is made, through deaths, to the end.
fn live(seed: u64, tally: &Mutex<Tally>) {
    let _replays = Replays(seed);
    let mut dice = Dice::new(seed);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let _tails = Tails(dir.path().to_owned());
    let post = post();
    let url = post.receiver.url("");
    let writers = if dice.roll(3) == 0 { 2 } else { 1 };
    // Somebody else has the store open all the time, so that its log is never recovered from scratch; or nobody has.
    let holds = dice.roll(3) == 0;
    let mut held: Option<Store> = None;
    let mut since: HashMap<u64, u64> = HashMap::new();
    let mut own = Tally::default();
    let all: Vec<u64> = (1..=writers).collect();
    if writers > 1 {
        // One of several could make anew what the other has changed already.
        found(&Store::create(&path).unwrap(), &all, &url).unwrap();
    }
    while own.kills < DEATHS {
        let doomed: Vec<Doomed> = all.iter().map(|writer| begin(&mut dice, &path, *writer, &post)).collect();
        let ends: Vec<_> = std::thread::scope(|scope| {
            let (path, post) = (&path, &post);
            let ends: Vec<_> = doomed.into_iter().map(|doomed| scope.spawn(move || end(doomed, path, post))).collect();
            ends.into_iter().map(|end| end.join()).collect()
        });
        for (point, is_slow) in ends.into_iter().map(Result::unwrap) {
            *own.points.entry(point).or_default() += 1;
            own.slow += u64::from(is_slow);
            own.kills += 1;
        }
        post.until_silence.store(u64::MAX, Ordering::SeqCst);
        let mut ledgers: Vec<Ledger> = (1..=writers).map(|writer| Ledger::open(dir.path(), writer)).collect();
        if ledgers.iter().all(|ledger| ledger.entries.is_empty()) {
            // The store was not made yet, or not all of it.
            continue;
        }
        let store = held.clone().unwrap_or_else(|| Store::open(&path).unwrap());
        found(&store, &all, &url).unwrap();
        let seen = Look { store: &store, dir: dir.path(), at_the_end: false, since: &since }.judge(&mut ledgers);
        own.backups += seen.backups;
        own.exports += seen.exports;
        own.waiting += seen.waiting;
        since = ledgers.iter().map(|ledger| (ledger.writer, ledger.next())).collect();
        if holds {
            held = Some(store);
        }
    }
    let store = held.unwrap_or_else(|| Store::create(&path).unwrap());
    found(&store, &all, &url).unwrap();
    Worker::new(&store).network(local()).senders(2).run_until_idle().unwrap();
    let mut ledgers: Vec<Ledger> = all.iter().map(|writer| Ledger::open(dir.path(), *writer)).collect();
    let seen = Look { store: &store, dir: dir.path(), at_the_end: true, since: &since }.judge(&mut ledgers);
    let received = Received::of(post.receiver.received());
    own.duplicates = received.judge(&store, &ledgers);
    // Two senders a worker.
    assert!(own.duplicates <= own.kills * 2, "{} duplicates of {} deaths", own.duplicates, own.kills);
    assert!(seen.given_up <= own.kills / ATTEMPTS, "{} given up after {} deaths", seen.given_up, own.kills);
    judge_audit(&store, &ledgers);
    drop(store);
    let sqlite = rusqlite::Connection::open(&path).unwrap();
    check_file(&sqlite);
    for left in [
        "renkei_job WHERE state NOT IN ('completed', 'failed', 'cancelled')",
        "renkei_delivery WHERE claimed_by IS NOT NULL",
    ] {
        let count: i64 = sqlite.query_row(&format!("SELECT count(*) FROM {left}"), [], |row| row.get(0)).unwrap();
        assert_eq!(count, 0, "{left}");
    }
    let names = names_in(dir.path());
    let left_over = names.iter().filter(|name| name.ends_with(".part")).count() as u64;
    // The files by which the living are known are left alone while they are young: these are not any more.
    let old = std::time::SystemTime::now() - Duration::from_secs(600);
    for name in names.iter().filter(|name| name.contains("-run-") || name.ends_with(".sign")) {
        std::fs::File::options().write(true).open(dir.path().join(name)).unwrap().set_modified(old).unwrap();
    }
    Worker::new(&Store::open(&path).unwrap()).sweep().unwrap();
    let names = names_in(dir.path());
    let signs: Vec<&String> =
        names.iter().filter(|name| name.contains("-run-") || name.starts_with(".renkei-")).collect();
    assert!(signs.is_empty(), "those who left them live no more: {signs:?}");

    let mut tally = tally.lock().unwrap();
    for (point, count) in own.points {
        *tally.points.entry(point).or_default() += count;
    }
    tally.kills += own.kills;
    tally.lives += 1;
    tally.deeds += ledgers.iter().map(|ledger| ledger.entries.len() as u64).sum::<u64>();
    tally.records += seen.orders;
    let is_run = |entry: &&Entry| entry.is_done() && matches!(entry.deed, Deed::Automate { .. });
    tally.runs += ledgers.iter().map(|ledger| ledger.entries.iter().filter(is_run).count() as u64).sum::<u64>();
    tally.messages += received.count();
    tally.duplicates += own.duplicates;
    tally.given_up += seen.given_up;
    tally.backups += own.backups + seen.backups;
    tally.exports += own.exports + seen.exports;
    tally.left_over += left_over;
    tally.slow += own.slow;
    tally.waiting += own.waiting;
    for entry in ledgers.iter().flat_map(|ledger| &ledger.entries).filter(|entry| entry.is_done()) {
        *tally.kinds.entry(name(&entry.deed)).or_default() += 1;
    }
}

fn names_in(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    names.map(|name| name.to_string_lossy().into_owned()).collect()
}

#[test]
fn sudden_deaths() {
    let began = Instant::now();
    let tally = Mutex::new(Tally::default());
    if let Some(seed) = number("RENKEI_TEST_SEED") {
        live(seed, &tally);
    } else {
        let (wanted, next) = (kills(MANY), AtomicU64::new(1));
        let threads = std::thread::available_parallelism().map_or(2, usize::from).min(4);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    loop {
                        let seed = next.fetch_add(1, Ordering::SeqCst);
                        let died = (seed - 1) * DEATHS;
                        // A machine may be too slow for some points to be reached: then it gets twice the time.
                        let is_all = wanted < MANY || tally.lock().unwrap().missing().is_empty();
                        if died >= wanted && (is_all || died >= wanted * 2) {
                            break;
                        }
                        live(seed, &tally);
                    }
                });
            }
        });
    }
    let tally = tally.into_inner().unwrap();
    println!("| deed | times |\n| --- | ---: |");
    for (kind, count) in &tally.kinds {
        println!("| {kind} | {count} |");
    }
    println!();
    println!("| died at | times |\n| --- | ---: |");
    for (point, count) in &tally.points {
        println!("| {} | {count} |", POINTS[*point].0);
    }
    println!(
        "{} deaths in {} lives, {} deeds, {} records at the ends, {} runs of automations, {} messages ({} came twice), {} backups and {} exports judged, {} imports and runs given up, {} unfinished files left, {} waited for, indexes seen waiting {} times, {:?}",
        tally.kills,
        tally.lives,
        tally.deeds,
        tally.records,
        tally.runs,
        tally.messages,
        tally.duplicates,
        tally.backups,
        tally.exports,
        tally.given_up,
        tally.left_over,
        tally.slow,
        tally.waiting,
        began.elapsed(),
    );
    assert!(tally.kills < MANY || tally.missing().is_empty(), "never came: {:?}", tally.missing());
}
