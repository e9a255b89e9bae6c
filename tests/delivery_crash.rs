//! Sudden deaths of senders: every message arrives, none is forgotten, and each death makes at most one duplicate for each
//! sender.
//!
//! The senders that die are other processes. They end by SIGKILL at the nth time that the store looks at its clock, which it does at every change of
//! state, inside and outside of its transactions; or when somebody else kills them at any moment.
#![cfg(feature = "http")]

mod common;
mod common_child;
mod common_dice;
mod common_http;

use std::collections::HashMap;
use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common_child::{DeadlyClock, kill, kills, number, say, start, wait_for};
use common_dice::Dice;
use common_http::*;
use renkei::{
    Blueprint, Database, DeliveryFilter, DeliveryState, Field, ManualClock, NetworkPolicy, NewDelivery, RetryPlan,
    Sending, Store, Target, Timeouts, Timestamp, Values, Worker,
};

const URL: &str = "RENKEI_TEST_URL";
const LOOKS: &str = "RENKEI_TEST_LOOKS";
const SENDERS: &str = "RENKEI_TEST_SENDERS";

/// How many deaths are died by single senders.
fn deaths() -> u64 {
    kills(240)
}

/// What a started process does; as a test of its own it does nothing.
#[test]
fn child() {
    let Some((task, path)) = common_child::task() else { return };
    let mut options = Store::options();
    // Memory is measured without what the page cache may take.
    options.reader_cache_bytes(2 << 20);
    if let Some(left) = number(LOOKS) {
        options.clock(Arc::new(DeadlyClock::new(left)));
    }
    let store = options.open(path).unwrap();
    let senders = number(SENDERS).and_then(|count| usize::try_from(count).ok()).unwrap_or(1);
    let worker = Worker::new(&store).network(local()).senders(senders);
    say("ready");
    match task.as_str() {
        "send" => say(&format!("sent {}", worker.run_until_idle().unwrap())),
        // As a host does that runs on.
        "serve" => {
            let _handle = worker.start().unwrap();
            std::thread::sleep(Duration::from_secs(60));
        }
        // Makes records and deliveries together until it is killed.
        "make" => {
            let url = std::env::var(URL).unwrap();
            for round in 0.. {
                let code = format!("{}-{round}", std::process::id());
                let made = store.transaction(|transaction| {
                    transaction.register("items", &Values::new().set("code", code.as_str()), &Default::default())?;
                    transaction.deliver(&NewDelivery::post(url.as_str()).body(code.as_str()))
                });
                made.unwrap();
            }
        }
        "memory" => {
            worker.run_until_idle().unwrap();
            let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
            let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
            say(&format!("peak {}", line.split_whitespace().nth(1).unwrap_or("0")));
        }
        other => panic!("{other}"),
    }
}

fn local() -> NetworkPolicy {
    NetworkPolicy::new().allow("127.0.0.0/8").unwrap()
}

/// Tries again at once, so often.
fn tries(count: usize) -> Sending {
    let retry = RetryPlan { delays_seconds: vec![0; count], jitter_percent: 0, ..RetryPlan::default() };
    Sending { target: Some("t".to_owned()), retry, ..Sending::default() }
}

/// The answers that each message got, in order.
type Answers = Arc<Mutex<HashMap<String, Vec<u16>>>>;

/// A receiver that refuses some messages twice before it takes them, and knows how often each came.
fn receiver() -> (Receiver, Answers) {
    let seen = Answers::default();
    let noted = seen.clone();
    let receiver = Receiver::start(move |one, _| {
        let mut seen = noted.lock().unwrap();
        let came = seen.entry(one.header("webhook-id").to_owned()).or_default();
        let code = if one.path == "/stubborn" && came.len() < 2 { 503 } else { 200 };
        came.push(code);
        status(code)
    });
    (receiver, seen)
}

/// Makes a handful of messages of every sort.
fn make(store: &Store, receiver: &Receiver, dice: &mut Dice) {
    for _ in 0..10 {
        let (path, key) = if dice.roll(5) == 0 { ("/stubborn", 9) } else { ("/", dice.roll(8)) };
        let mut new = NewDelivery::post(receiver.url(path)).sending(tries(1_000));
        new = match dice.roll(6) {
            0 => {
                let file = store.put_file("f", &vec![b'f'; usize::try_from(dice.roll(600_000)).unwrap()][..]).unwrap();
                new.file(file.id)
            }
            _ => new.body(dice.roll(1 << 30).to_string()),
        };
        if key < 3 {
            new = new.order_key(key.to_string());
        }
        store.deliver(&new).unwrap();
    }
}

fn die(seed: u64, rounds: u64, senders: u64) {
    let began = Instant::now();
    let mut dice = Dice::new(seed);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let (receiver, seen) = receiver();
    let store = Store::create(&path).unwrap();
    let circuit = renkei::Circuit { failures: 0, ..Default::default() };
    store.apply(&Blueprint::new().target(Target::new("t", "t").circuit(circuit))).unwrap();
    let mut killed = 0;
    while killed < rounds {
        make(&store, &receiver, &mut dice);
        let mut more = vec![(SENDERS, senders.to_string())];
        let by_itself = dice.roll(3) > 0;
        if by_itself {
            more.push((LOOKS, (1 + dice.roll(160)).to_string()));
        }
        let task = if dice.roll(4) == 0 { "serve" } else { "send" };
        let mut child = start(task, &path, &more);
        let out = wait_for(&mut child, "ready");
        if !by_itself {
            std::thread::sleep(Duration::from_micros(dice.roll(15_000)));
            let _ = child.kill();
        } else if task == "serve" {
            // It may have nothing left to do before it dies.
            let until = Instant::now() + Duration::from_millis(500);
            while child.try_wait().unwrap().is_none() && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(2));
            }
            let _ = child.kill();
        }
        let ended = child.wait().unwrap();
        drop(out);
        if !ended.success() {
            killed += 1;
        }
    }
    // Whoever comes next has nothing to wait for.
    let resumed = Instant::now();
    Worker::new(&store).network(local()).run_until_idle().unwrap();
    let resumed = resumed.elapsed();
    let seen = seen.lock().unwrap();
    let all = store.deliveries(&DeliveryFilter::new(), None, u64::MAX).unwrap();
    let (mut came, mut attempts) = (0, 0);
    for delivery in &all {
        assert_eq!(delivery.state, DeliveryState::Delivered, "{delivery:?}");
        let answers = seen.get(&delivery.message_id).expect("every message arrives");
        assert!(answers.contains(&200));
        came += answers.len();
        attempts += delivery.attempts as usize;
        assert_eq!(store.attempts(delivery.id).unwrap().len(), delivery.attempts as usize);
    }
    assert_eq!(seen.len(), all.len(), "a message arrived that nobody has made");
    let duplicates = came - attempts;
    println!(
        "{killed} deaths of {senders} sender(s), {} messages, {duplicates} duplicates, resumed in {resumed:?}, {:?}",
        all.len(),
        began.elapsed(),
    );
    assert!(duplicates as u64 <= killed * senders, "{duplicates} duplicates of {killed} deaths");
    let connection = rusqlite::Connection::open(&path).unwrap();
    common::check_file(&connection);
    for left in
        ["renkei_job", "renkei_target WHERE ready_at IS NOT NULL", "renkei_delivery WHERE claimed_by IS NOT NULL"]
    {
        let count: i64 = connection.query_row(&format!("SELECT count(*) FROM {left}"), [], |row| row.get(0)).unwrap();
        assert_eq!(count, 0, "{left}");
    }
}

#[test]
fn one_sender_dies_at_every_change_of_state() {
    die(1, deaths(), 1);
}

#[test]
fn pools_of_senders_die() {
    die(2, deaths() / 6, 4);
}

#[test]
fn the_next_worker_takes_over_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let receiver = Receiver::start(|_, number| match number {
        0 => Reply::Hang(Vec::new()),
        _ => ok(),
    });
    // Here the store's clock stands still, long ago, so that the promise of the dead one does not end.
    let clock = Arc::new(ManualClock::new(Timestamp(1_000_000_000_000)));
    let store = Store::options().create(true).clock(clock).open(&path).unwrap();
    let timeouts = Timeouts { connect_seconds: 600, total_seconds: 600 };
    let sending = Sending { timeouts, ..Sending::default() };
    let id = store.deliver(&NewDelivery::post(receiver.url("/")).sending(sending)).unwrap();
    let mut child = start("send", &path, &[]);
    let _out = wait_for(&mut child, "ready");
    receiver.wait(1);
    assert_eq!(store.delivery(id).unwrap().state, DeliveryState::Sending);
    // While it lives, nobody else takes it.
    assert_eq!(Worker::new(&store).network(local()).run_until_idle().unwrap(), 0);
    let handle = Worker::new(&store).network(local()).start().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(receiver.count(), 1);
    kill(&mut child);
    let began = Instant::now();
    let status = store.wait_delivery(id, PATIENCE).unwrap();
    println!("taken over in {:?}", began.elapsed());
    assert_eq!((status.state, status.attempts, status.interrupted), (DeliveryState::Delivered, 1, 1));
    handle.stop();
}

#[test]
fn records_and_deliveries_are_kept_together_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let (receiver, seen) = receiver();
    let store = Store::create(&path).unwrap();
    let items = Database::new("items", "商品").field(Field::key("code", "番号"));
    store.apply(&Blueprint::new().database(items)).unwrap();
    let mut dice = Dice::new(3);
    for _ in 0..deaths() / 12 {
        let mut child = start("make", &path, &[(URL, receiver.url("/"))]);
        let out = wait_for(&mut child, "ready");
        std::thread::sleep(Duration::from_micros(dice.roll(30_000)));
        kill(&mut child);
        drop(out);
    }
    let records = store.count("items", None).unwrap();
    assert!(records > 0);
    assert_eq!(Worker::new(&store).network(local()).run_until_idle().unwrap(), records);
    assert_eq!(seen.lock().unwrap().len() as u64, records);
    for one in receiver.received() {
        assert!(store.records("items").view(one.text()).is_ok());
    }
}

#[test]
fn several_processes_share_the_queue() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let (receiver, seen) = receiver();
    let store = Store::create(&path).unwrap();
    store.apply(&Blueprint::new().target(Target::new("t", "t"))).unwrap();
    for _ in 0..600 {
        store.deliver(&NewDelivery::post(receiver.url("/")).sending(tries(3))).unwrap();
    }
    let children = [(); 3].map(|()| start("send", &path, &[(SENDERS, "2".to_owned())]));
    let own = Worker::new(&store).network(local()).run_until_idle().unwrap();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    Worker::new(&store).network(local()).run_until_idle().unwrap();
    println!("{own} of 600 were sent here");
    let seen = seen.lock().unwrap();
    assert!(seen.len() == 600 && seen.values().all(|answers| answers.len() == 1));
    // The limit of the target holds over all of them.
    assert!(receiver.most_at_once() <= 8, "{}", receiver.most_at_once());
}

#[test]
fn proxies_of_the_environment_are_not_used() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let receiver = Receiver::start(|_, _| ok());
    let store = Store::create(&path).unwrap();
    let id = store.deliver(&NewDelivery::post(receiver.url("/"))).unwrap();
    let nowhere = "http://127.0.0.1:1".to_owned();
    let names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"];
    let mut child = start("send", &path, &names.map(|name| (name, nowhere.clone())));
    assert!(child.wait().unwrap().success());
    assert_eq!(store.delivery(id).unwrap().state, DeliveryState::Delivered);
}

#[test]
fn memory_does_not_grow_with_the_queue() {
    let peak = |count: usize| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.db");
        let receiver = Receiver::start(|_, _| ok());
        let store = Store::create(&path).unwrap();
        for _ in 0..count.div_ceil(1_000) {
            let many = |transaction: &renkei::Transaction<'_>| {
                let new = NewDelivery::post(receiver.url("/")).body("x".repeat(500));
                (0..count.min(1_000)).try_for_each(|_| transaction.deliver(&new).map(drop))
            };
            store.transaction(many).unwrap();
        }
        let mut child = start("memory", &path, &[(SENDERS, "4".to_owned())]);
        let mut text = String::new();
        wait_for(&mut child, "ready").read_to_string(&mut text).unwrap();
        assert!(child.wait().unwrap().success());
        assert_eq!(receiver.count(), count.div_ceil(1_000) * count.min(1_000));
        let line = text.lines().find_map(|line| line.strip_prefix("peak ")).unwrap();
        line.parse::<u64>().unwrap()
    };
    let many = std::env::var("RENKEI_TEST_DELIVERIES").ok().and_then(|count| count.parse().ok()).unwrap_or(8_000);
    let (few, many) = (peak(100), peak(many));
    println!("peak of {few} kB with a short queue, {many} kB with a long one");
    // The caches of SQLite fill, 32 MiB of the writer and 8 MiB of a reader; nothing else grows.
    if few > 0 {
        assert!(many < few + 50_000, "{few} kB, {many} kB");
    }
}

#[test]
fn memory_does_not_grow_with_the_body() {
    let peak = |bytes: u64| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.db");
        let received = Arc::new(AtomicU64::new(0));
        let receiver = Receiver::start(|_, _| ok());
        let store = Store::create(&path).unwrap();
        let file = store.put_file("large", std::io::repeat(b'x').take(bytes)).unwrap();
        store.deliver(&NewDelivery::post(receiver.url("/")).file(file.id)).unwrap();
        let mut child = start("memory", &path, &[]);
        let mut text = String::new();
        wait_for(&mut child, "ready").read_to_string(&mut text).unwrap();
        assert!(child.wait().unwrap().success());
        received.fetch_add(receiver.received()[0].body.len() as u64, Ordering::SeqCst);
        assert_eq!(received.load(Ordering::SeqCst), bytes);
        let line = text.lines().find_map(|line| line.strip_prefix("peak ")).unwrap();
        line.parse::<u64>().unwrap()
    };
    let large = std::env::var("RENKEI_TEST_BODY").ok().and_then(|bytes| bytes.parse().ok()).unwrap_or(120_000_000);
    let (small, large) = (peak(1_000), peak(large));
    println!("peak of {small} kB with a small body, {large} kB with a large one");
    if small > 0 {
        assert!(large < small + 20_000, "{small} kB, {large} kB");
    }
}
