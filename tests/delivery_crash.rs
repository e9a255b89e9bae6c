//! Sudden deaths of senders: every message arrives, none is forgotten, and each death makes at most one duplicate for each
//! sender.
//!
//! The senders that die are this test program itself, started with `child` as its only test and told by the environment
//! what to do. They end by SIGKILL at the nth time that the store looks at its clock, which it does at every change of
//! state, inside and outside of its transactions; or when somebody else kills them at any moment.
#![cfg(feature = "http")]

mod common;
mod common_http;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common_http::*;
use renkei::{
    Blueprint, Clock, Database, DeliveryFilter, DeliveryState, Field, NetworkPolicy, NewDelivery, RetryPlan, Sending,
    Store, SystemClock, Target, Timestamp, Values, Worker,
};

const TASK: &str = "RENKEI_TEST_TASK";
const STORE: &str = "RENKEI_TEST_STORE";
const URL: &str = "RENKEI_TEST_URL";
const LOOKS: &str = "RENKEI_TEST_LOOKS";
const SENDERS: &str = "RENKEI_TEST_SENDERS";

/// How many deaths are died; more where the figures matter.
fn kills() -> usize {
    std::env::var("RENKEI_TEST_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(240)
}

/// Looked at so often, it kills the process.
struct Deadly {
    left: AtomicU64,
}

impl Clock for Deadly {
    fn now(&self) -> Timestamp {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            // By no destructor noticed. Whoever looks waits for the end.
            let _ = Command::new("kill").args(["-9", &std::process::id().to_string()]).status();
            std::thread::sleep(Duration::from_secs(60));
        }
        SystemClock.now()
    }
}

/// What a started process does; as a test of its own it does nothing.
#[test]
fn child() {
    let (Ok(task), Some(path)) = (std::env::var(TASK), std::env::var_os(STORE)) else { return };
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let mut options = Store::options();
    // Memory is measured without what the page cache may take.
    options.reader_cache_bytes(2 << 20);
    if let Some(left) = number(LOOKS) {
        options.clock(Arc::new(Deadly { left: AtomicU64::new(left) }));
    }
    let store = options.open(Path::new(&path)).unwrap();
    let senders = number(SENDERS).and_then(|count| usize::try_from(count).ok()).unwrap_or(1);
    let worker = Worker::new(&store).network(local()).senders(senders);
    println!("\nready");
    match task.as_str() {
        "send" => println!("\nsent {}", worker.run_until_idle().unwrap()),
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
            println!("\npeak {}", line.split_whitespace().nth(1).unwrap_or("0"));
        }
        other => panic!("{other}"),
    }
}

fn local() -> NetworkPolicy {
    NetworkPolicy::new().allow("127.0.0.0/8").unwrap()
}

fn start(task: &str, path: &Path, more: &[(&str, String)]) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["child", "--exact", "--nocapture"]).env(TASK, task).env(STORE, path);
    for (name, value) in more {
        command.env(name, value);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// Waits until a child says that it is ready; the rest of what it says.
fn ready(child: &mut Child) -> impl Read + use<> {
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while out.read_line(&mut line).unwrap() > 0 && line.trim() != "ready" {
        line.clear();
    }
    out
}

/// A seeded random number generator.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
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
        let (path, key) = if dice.below(5) == 0 { ("/stubborn", 9) } else { ("/", dice.below(8)) };
        let mut new = NewDelivery::post(receiver.url(path)).sending(tries(1_000));
        new = match dice.below(6) {
            0 => {
                let file = store.put_file("f", &vec![b'f'; usize::try_from(dice.below(600_000)).unwrap()][..]).unwrap();
                new.file(file.id)
            }
            _ => new.body(dice.below(1 << 30).to_string()),
        };
        if key < 3 {
            new = new.order_key(key.to_string());
        }
        store.deliver(&new).unwrap();
    }
}

fn die(seed: u64, rounds: usize, senders: usize) {
    let began = Instant::now();
    let mut dice = Dice(seed);
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
        let by_itself = dice.below(3) > 0;
        if by_itself {
            more.push((LOOKS, (1 + dice.below(160)).to_string()));
        }
        let task = if dice.below(4) == 0 { "serve" } else { "send" };
        let mut child = start(task, &path, &more);
        let out = ready(&mut child);
        if !by_itself {
            std::thread::sleep(Duration::from_micros(dice.below(15_000)));
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
    assert!(duplicates <= killed * senders, "{duplicates} duplicates of {killed} deaths");
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
    die(1, kills(), 1);
}

#[test]
fn pools_of_senders_die() {
    die(2, kills() / 6, 4);
}

#[test]
fn the_next_worker_takes_over_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let receiver = Receiver::start(|_, number| match number {
        0 => Reply::Hang(Vec::new()),
        _ => ok(),
    });
    let store = Store::create(&path).unwrap();
    let id = store.deliver(&NewDelivery::post(receiver.url("/"))).unwrap();
    let mut child = start("send", &path, &[]);
    let _out = ready(&mut child);
    while receiver.count() == 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(store.delivery(id).unwrap().state, DeliveryState::Sending);
    // While it lives, nobody else takes it.
    assert_eq!(Worker::new(&store).network(local()).run_until_idle().unwrap(), 0);
    let handle = Worker::new(&store).network(local()).start().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(receiver.count(), 1);
    child.kill().unwrap();
    child.wait().unwrap();
    let began = Instant::now();
    let status = store.wait_delivery(id, Duration::from_secs(10)).unwrap();
    println!("taken over in {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(1));
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
    let mut dice = Dice(3);
    for _ in 0..kills() / 12 {
        let mut child = start("make", &path, &[(URL, receiver.url("/"))]);
        let out = ready(&mut child);
        std::thread::sleep(Duration::from_micros(dice.below(30_000)));
        child.kill().unwrap();
        child.wait().unwrap();
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
        ready(&mut child).read_to_string(&mut text).unwrap();
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
        ready(&mut child).read_to_string(&mut text).unwrap();
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
