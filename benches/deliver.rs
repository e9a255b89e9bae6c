//! Deliveries to a receiver on this machine.
//!
//! `cargo bench --bench deliver [-- --only rate,queue,slow,push]`, `--help` tells the rest. What is measured:
//!
//! | part | what |
//! | --- | --- |
//! | rate | deliveries of 500 bytes of JSON a second, by so many senders, beside a bare loop of ureq that keeps nothing; medians of rounds in which each way runs once |
//! | queue | the memory of a process that sends a long queue |
//! | slow | fast targets alone, and beside one that takes five seconds for each answer |
//! | push | the memory of a process that freezes and sends a list of many records as CSV |

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use renkei::{
    Blueprint, CsvPush, DeliveryFilter, DeliveryState, List, MenuEntry, NetworkPolicy, NewDelivery, PushRequest,
    Sending, Store, Synchronous, Target, Worker,
};

mod customers;
mod filled;

const HELP: &str = "\
cargo bench --bench deliver -- [options]
    --only PARTS        of rate, queue, slow, push; default: all
    --deliveries N      of a round of `rate`; default: 20000
    --rounds N          default: 3
    --senders N,...     default: 1,2,4,8
    --queue N           deliveries of `queue`; default: 20000
    --records N         records of `push`; default: 100000
";

struct Arguments {
    only: String,
    deliveries: usize,
    rounds: usize,
    senders: Vec<usize>,
    queue: usize,
    records: u64,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    // A measurement in a process of its own.
    if let [word, work, path] = words.as_slice()
        && word == "work"
    {
        work_on(work, Path::new(path));
        return ExitCode::SUCCESS;
    }
    let mut arguments = Arguments {
        only: "rate,queue,slow,push".to_owned(),
        deliveries: 20_000,
        rounds: 3,
        senders: vec![1, 2, 4, 8],
        queue: 20_000,
        records: 100_000,
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word == "--help" {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        let value = words.next().map_or("", String::as_str);
        let number = || value.parse().unwrap_or_else(|_| panic!("{word} takes a number, not {value:?}"));
        match word.as_str() {
            "--only" => value.clone_into(&mut arguments.only),
            "--deliveries" => arguments.deliveries = number(),
            "--rounds" => arguments.rounds = number(),
            "--senders" => arguments.senders = value.split(',').map(|count| count.parse().expect("numbers")).collect(),
            "--queue" => arguments.queue = number(),
            "--records" => arguments.records = number() as u64,
            other => panic!("there is no option {other}\n{HELP}"),
        }
    }
    for (name, part) in PARTS {
        if arguments.only.contains(name) {
            part(&arguments);
        }
    }
    ExitCode::SUCCESS
}

/// A part of this bench, and what runs it.
type Part = (&'static str, fn(&Arguments));

const PARTS: [Part; 4] = [("rate", rate), ("queue", queue), ("slow", slow), ("push", push)];

/// Answers everything with 200, after so long, and counts bytes of bodies.
struct Receiver {
    url: String,
    bytes: Arc<AtomicU64>,
}

fn receiver(wait: Duration) -> Receiver {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/in", listener.local_addr().unwrap());
    let bytes = Arc::new(AtomicU64::new(0));
    let counted = bytes.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, bytes) = (stream.unwrap(), counted.clone());
            std::thread::spawn(move || answer(stream, wait, &bytes));
        }
    });
    Receiver { url, bytes }
}

fn answer(mut stream: TcpStream, wait: Duration, bytes: &AtomicU64) {
    stream.set_nodelay(true).unwrap();
    let (mut buffer, mut piece) = (Vec::new(), [0; 64 << 10]);
    loop {
        while let Some(head) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let text = std::str::from_utf8(&buffer[..head]).unwrap().to_ascii_lowercase();
            let length = text.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
            let length = length.map_or(0, |length| length.parse::<usize>().unwrap());
            bytes.fetch_add(length as u64, Ordering::Relaxed);
            // Nothing of a body is kept.
            let here = length.min(buffer.len() - head - 4);
            buffer.drain(..head + 4 + here);
            let mut left = length - here;
            while left > 0 {
                let want = left.min(piece.len());
                match stream.read(&mut piece[..want]) {
                    Ok(0) | Err(_) => return,
                    Ok(count) => left -= count,
                }
            }
            std::thread::sleep(wait);
            if stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").is_err() {
                return;
            }
        }
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return,
            Ok(count) => buffer.extend_from_slice(&piece[..count]),
        }
    }
}

fn body() -> String {
    let body = serde_json::json!({"customer": "0012345", "text": "x".repeat(460)}).to_string();
    assert!((480..=520).contains(&body.len()));
    body
}

/// The floor: nothing is kept, nothing is promised.
fn bare(url: &str, threads: usize, count: usize) -> Duration {
    let agent = ureq::Agent::config_builder()
        .proxy(None)
        .max_idle_connections_per_host(64)
        .max_idle_connections(64)
        .http_status_as_error(false)
        .timeout_connect(Some(Duration::from_secs(5)))
        .timeout_recv_response(Some(Duration::from_secs(30)))
        .build()
        .new_agent();
    let body = body();
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                for _ in 0..count / threads {
                    let mut answer =
                        agent.post(url).header("content-type", "application/json").send(body.as_str()).unwrap();
                    assert_eq!(answer.body_mut().read_to_string().unwrap(), "ok");
                }
            });
        }
    });
    began.elapsed()
}

/// A store with deliveries to be sent.
fn queued(path: &Path, synchronous: Synchronous, url: &str, count: usize) -> Store {
    let store = Store::options().create(true).synchronous(synchronous).open(path).unwrap();
    store.apply(&Blueprint::new().target(Target::new("bench", "bench").concurrency(64))).unwrap();
    add(&store, url, count, Some("bench"));
    store
}

fn add(store: &Store, url: &str, count: usize, target: Option<&str>) {
    let sending = Sending { target: target.map(str::to_owned), ..Sending::default() };
    let delivery = NewDelivery::post(url).header("content-type", "application/json").body(body()).sending(sending);
    let mut left = count;
    while left > 0 {
        let part = left.min(1_000);
        store.transaction(|transaction| (0..part).try_for_each(|_| transaction.deliver(&delivery).map(drop))).unwrap();
        left -= part;
    }
}

fn worker(store: &Store, senders: usize) -> Worker {
    Worker::new(store).network(NetworkPolicy::new().allow("127.0.0.1").unwrap()).senders(senders)
}

fn renkei(url: &str, senders: usize, count: usize, synchronous: Synchronous) -> Duration {
    let dir = tempfile::tempdir().unwrap();
    let store = queued(&dir.path().join("s.db"), synchronous, url, count);
    let worker = worker(&store, senders);
    let began = Instant::now();
    let sent = worker.run_until_idle().unwrap();
    let took = began.elapsed();
    assert_eq!(sent, count as u64);
    took
}

fn rate(arguments: &Arguments) {
    let (count, ways) = (arguments.deliveries, &arguments.senders);
    let url = receiver(Duration::ZERO).url;
    // Bare, NORMAL, FULL, for each number of threads.
    let mut taken = vec![[const { Vec::new() }; 3]; ways.len()];
    for round in 1..=arguments.rounds {
        eprintln!("rate: round {round} of {}", arguments.rounds);
        for (way, threads) in ways.iter().enumerate() {
            taken[way][0].push(bare(&url, *threads, count));
            taken[way][1].push(renkei(&url, *threads, count, Synchronous::Normal));
            taken[way][2].push(renkei(&url, *threads, count, Synchronous::Full));
        }
    }
    println!(
        "{count} deliveries of {} bytes, {} rounds, deliveries a second (and against bare ureq)\n",
        body().len(),
        arguments.rounds
    );
    println!("| senders | bare ureq | NORMAL | FULL |\n| ---: | ---: | ---: | ---: |");
    for (way, threads) in ways.iter().enumerate() {
        let rate = |times: &[Duration]| {
            let mut times = times.to_vec();
            times.sort_unstable();
            count as f64 / times[times.len() / 2].as_secs_f64()
        };
        let [bare, normal, full] = [0, 1, 2].map(|column| rate(&taken[way][column]));
        let shown = |rate: f64| format!("{rate:.0} ({:.2} x)", rate / bare);
        println!("| {threads} | {bare:.0} | {} | {} |", shown(normal), shown(full));
    }
    println!();
}

/// Runs a part in a process of its own, with samples of its memory in MiB; what it has said.
fn measured(work: &str, path: &Path) -> (String, Vec<f64>) {
    let mut child = Command::new(std::env::current_exe().expect("this program has a path"))
        .args(["work", work])
        .arg(path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let out = child.stdout.take().expect("it has an output");
    let said = std::thread::spawn(move || BufReader::new(out).lines().map_while(Result::ok).collect::<Vec<_>>());
    let mut samples = Vec::new();
    while child.try_wait().expect("it runs").is_none() {
        samples.extend(resident(child.id()).filter(|mib| *mib > 0.0));
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(child.wait().expect("it ends").success());
    (said.join().expect("no panic").join("; "), samples)
}

/// Memory of a process, where the system tells it.
fn resident(process: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<f64>().ok().map(|kib| kib / 1024.0)
}

/// The most of each tenth of the time.
fn shown(samples: &[f64]) -> String {
    let tenths = samples.chunks(samples.len().div_ceil(10).max(1));
    tenths.map(|tenth| format!("{:.0}", tenth.iter().copied().fold(0.0, f64::max))).collect::<Vec<_>>().join(" ")
}

/// What a process of its own does.
fn work_on(work: &str, path: &Path) {
    // Caches of pages count: with bounds as hosts choose them that look at memory.
    let store = Store::options().cache_bytes(8 << 20).reader_cache_bytes(4 << 20).open(path).unwrap();
    let began = Instant::now();
    match work {
        "queue" => {
            let sent = worker(&store, 8).run_until_idle().unwrap();
            println!("{sent} sent, {:.0} a second", sent as f64 / began.elapsed().as_secs_f64());
        }
        "push" => {
            let run = store.push(&PushRequest::new("customers", "all", "core")).unwrap();
            let frozen = began.elapsed();
            worker(&store, 1).run_until_idle().unwrap();
            let run = store.push_run(run.run_id).unwrap();
            assert_eq!(run.delivery_state, Some(DeliveryState::Delivered), "{:?}", run.error);
            let sent = began.elapsed() - frozen;
            println!("{} records, {} bytes, frozen in {frozen:.1?}, sent in {sent:.1?}", run.records, run.bytes);
        }
        other => panic!("there is no {other}"),
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(peak) = status.lines().find_map(|line| line.strip_prefix("VmHWM:")) {
        println!("peak of memory {}", peak.trim());
    }
}

fn queue(arguments: &Arguments) {
    println!("A queue, sent by 8 senders; memory in MiB, the most of each tenth of the time\n");
    let url = receiver(Duration::ZERO).url;
    for count in [arguments.queue / 10, arguments.queue] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.db");
        drop(queued(&path, Synchronous::Normal, &url, count));
        let (said, samples) = measured("queue", &path);
        println!("{said}; {}", shown(&samples));
    }
    println!();
}

fn slow(arguments: &Arguments) {
    const TARGETS: usize = 4;
    let each = arguments.deliveries / TARGETS;
    println!("{TARGETS} fast targets of {each} deliveries each, 8 senders\n");
    let fast: Vec<Receiver> = (0..TARGETS).map(|_| receiver(Duration::ZERO)).collect();
    for slow_ones in [0, 1, 3] {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::create(dir.path().join("s.db")).unwrap();
        for _ in 0..slow_ones {
            add(&store, &receiver(Duration::from_secs(5)).url, 100, None);
        }
        for receiver in &fast {
            add(&store, &receiver.url, each, None);
        }
        let began = Instant::now();
        let handle = worker(&store, 8).start().unwrap();
        let sent = || -> u64 { fast.iter().map(|one| one.bytes.swap(0, Ordering::Relaxed)).sum() };
        let (mut bytes, all) = (0, (TARGETS * each * body().len()) as u64);
        while bytes < all {
            std::thread::sleep(Duration::from_millis(5));
            bytes += sent();
        }
        let took = began.elapsed();
        println!("beside {slow_ones} slow targets: {:.0} a second", (TARGETS * each) as f64 / took.as_secs_f64());
        for delivery in store.deliveries(&DeliveryFilter::new().state(DeliveryState::Waiting), None, 1_000).unwrap() {
            let _ = store.cancel_delivery(delivery.id);
        }
        handle.stop();
    }
    println!();
}

fn push(arguments: &Arguments) {
    println!("A CSV push; memory in MiB, the most of each tenth of the time\n");
    let receiver = receiver(Duration::ZERO);
    for records in [arguments.records / 10, arguments.records] {
        eprintln!("push: {records} records are made");
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.db");
        let (database, setting) = filled::definition();
        let columns = database.fields.iter().map(|field| field.code.clone()).collect::<Vec<_>>();
        let list = columns.into_iter().fold(List::new("customers", "all", "一覧"), List::column);
        let blueprint = Blueprint::new()
            .database(database)
            .import(setting)
            .csv_push(CsvPush::new("customers", "core", "基幹システムへ送信", receiver.url.as_str()))
            .list(list.sub_menu(MenuEntry::CsvPush("core".into())));
        filled::fill(&path, records, &blueprint);
        let before = receiver.bytes.load(Ordering::Relaxed);
        let (said, samples) = measured("push", &path);
        let came = receiver.bytes.load(Ordering::Relaxed) - before;
        println!("{said}; {}; {came} bytes came", shown(&samples));
    }
    println!();
}
