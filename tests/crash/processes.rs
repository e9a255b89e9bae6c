//! Several processes with several threads on one file: nobody is turned away, nobody waits for ever, and all is there.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use renkei::{Store, Worker};

use crate::common_child::{PATIENCE, number, output_within, say, start};
use crate::common_dice::Dice;
use crate::common_http::{Receiver, ok};
use crate::imports::reserve;
use crate::judge::{Look, judge_audit};
use crate::ledger::{Deed, Import, Ledger, Outcome, Tails};
use crate::messages::Received;
use crate::work::{Habits, Writer, found, local};

const PROCESS: &str = "RENKEI_TEST_PROCESS";
const SECONDS: &str = "RENKEI_TEST_SECONDS";
const URL: &str = "RENKEI_TEST_URL";

const PROCESSES: u64 = 4;
const THREADS: u64 = 2;

fn seconds() -> u64 {
    number(SECONDS).unwrap_or(10)
}

fn writers() -> Vec<u64> {
    (1..=PROCESSES * THREADS).collect()
}

/// What one process does: two threads that write, and what is due. The first one always has an import running, the second
/// one an export.
pub fn share(path: &Path) {
    let process = number(PROCESS).unwrap();
    let store = Store::open(path).unwrap();
    let url = std::env::var(URL).unwrap();
    let until = Instant::now() + Duration::from_secs(seconds());
    let handle = Worker::new(&store).network(local()).senders(1).start().unwrap();
    let times: Mutex<Vec<(&'static str, Duration)>> = Mutex::default();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (store, url, times) = (&store, url.clone(), &times);
            scope.spawn(move || {
                let writer = process * THREADS + thread + 1;
                let habits = Habits { works: false, keeps_house: writer == 1, url, import_lines: 2_000 };
                let worker = Worker::new(store).network(local());
                let mut writer = Writer::new(store, writer, Dice::new(writer), habits, worker);
                while Instant::now() < until {
                    writer.step().unwrap();
                }
                times.lock().unwrap().append(&mut writer.times);
            });
        }
        if process == 1 {
            let store = &store;
            scope.spawn(move || {
                while Instant::now() < until {
                    store.export(&renkei::Export::of("orders"), std::io::sink()).unwrap();
                }
            });
        }
    });
    handle.stop();
    for (name, time) in times.into_inner().unwrap() {
        say(&format!("took {name}:{}", time.as_micros()));
    }
}

#[test]
fn four_processes_of_two_threads_share_a_store() {
    let began = Instant::now();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let _tails = Tails(dir.path().to_owned());
    let receiver = Receiver::start(|_, _| ok());
    let url = receiver.url("");
    let store = Store::create(&path).unwrap();
    found(&store, &writers(), &url).unwrap();
    // An import that is at work all the while: another one is reserved when it ends.
    let mut importing = Ledger::open(dir.path(), PROCESSES * THREADS + 1);
    found(&store, &[importing.writer], &url).unwrap();
    let children: Vec<_> = (0..PROCESSES)
        .map(|process| {
            let more = [(PROCESS, process.to_string()), (SECONDS, seconds().to_string()), (URL, url.clone())];
            start("share", &path, &more)
        })
        .collect();
    let ended = std::sync::atomic::AtomicBool::new(false);
    let texts: Vec<String> = std::thread::scope(|scope| {
        let (store, importing, ended) = (&store, &mut importing, &ended);
        let dir = dir.path();
        scope.spawn(move || {
            while !ended.load(std::sync::atomic::Ordering::Relaxed) {
                let import = Import { is_upsert: false, is_atomic: false, lines: 20_000, is_path: true };
                let number = importing.begin(&Deed::Reserve { import });
                let id = reserve(store, dir, importing.writer, &importing.title(number), &import).unwrap();
                importing.end(number, Outcome::Done(id.to_string()));
                while !ended.load(std::sync::atomic::Ordering::Relaxed)
                    && !store.wait_import(id, Duration::from_millis(500)).unwrap().state.is_ended()
                {}
            }
        });
        let patience = PATIENCE + Duration::from_secs(seconds());
        let read = |child| scope.spawn(move || output_within(patience, child));
        let readers: Vec<_> = children.into_iter().map(read).collect();
        let texts: Vec<_> = readers.into_iter().map(|reader| reader.join()).collect();
        // Also when one of them hung.
        ended.store(true, std::sync::atomic::Ordering::Relaxed);
        texts.into_iter().map(Result::unwrap).collect()
    });
    let failures = std::fs::read_to_string(path.with_extension("failures")).unwrap_or_default();
    assert_eq!(failures, "");
    let worked = began.elapsed();

    Worker::new(&store).network(local()).senders(2).run_until_idle().unwrap();
    let mut ledgers: Vec<Ledger> = writers().into_iter().map(|writer| Ledger::open(dir.path(), writer)).collect();
    assert!(ledgers.iter().all(|ledger| ledger.entries.len() > 3), "a thread came to nothing");
    assert!(ledgers.iter().flat_map(|ledger| &ledger.entries).all(|entry| entry.is_done()));
    ledgers.push(importing);
    let since = HashMap::new();
    let seen = Look { store: &store, dir: dir.path(), at_the_end: true, since: &since }.judge(&mut ledgers);
    assert_eq!(seen.given_up, 0);
    assert_eq!(Received::of(receiver.received()).judge(&store, &ledgers), 0, "messages came twice");
    judge_audit(&store, &ledgers);

    let mut times: HashMap<&str, Vec<u64>> = HashMap::new();
    for line in texts.iter().flat_map(|text| text.lines()).filter_map(|line| line.strip_prefix("took ")) {
        let (name, time) = line.rsplit_once(':').unwrap();
        times.entry(name).or_default().push(time.parse().unwrap());
    }
    let mut names: Vec<&&str> = times.keys().collect();
    names.sort();
    println!("| deed | times | median ms | p99 ms | longest ms |\n| --- | ---: | ---: | ---: | ---: |");
    let mut longest = 0;
    for name in names {
        let mut all = times[*name].clone();
        all.sort_unstable();
        let ms = |at: usize| all[at.min(all.len() - 1)] as f64 / 1_000.0;
        println!(
            "| {name} | {} | {:.1} | {:.1} | {:.1} |",
            all.len(),
            ms(all.len() / 2),
            ms(all.len() * 99 / 100),
            ms(all.len())
        );
        longest = longest.max(*all.last().unwrap());
    }
    println!(
        "{} deeds of {PROCESSES} processes of {THREADS} threads in {worked:?}, {} orders, {} backups and {} exports judged",
        ledgers.iter().map(|ledger| ledger.entries.len()).sum::<usize>(),
        seen.orders,
        seen.backups,
        seen.exports,
    );
    assert!(longest < 30_000_000, "somebody waited {longest} µs");
}
