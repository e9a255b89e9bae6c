//! Deliveries of 500 bytes of JSON to a receiver on this machine, beside a bare loop of ureq that keeps nothing.
//!
//! `cargo bench --bench deliver`, with `RENKEI_BENCH_DELIVERIES` (default 20,000), `RENKEI_BENCH_ROUNDS` (default 5)
//! and `RENKEI_BENCH_THREADS` (default 1,2,4,8).
//! Each round runs every way once; the figures are medians over the rounds.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use renkei::{Circuit, NetworkPolicy, NewDelivery, Sending, Store, Synchronous, Target, Worker};

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Answers everything with 200, as fast as it can.
fn receiver() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/in", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            std::thread::spawn(move || answer(stream));
        }
    });
    url
}

fn answer(mut stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
    let (mut buffer, mut piece) = (Vec::new(), [0; 16 * 1024]);
    loop {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return,
            Ok(count) => buffer.extend_from_slice(&piece[..count]),
        }
        while let Some(head) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let text = std::str::from_utf8(&buffer[..head]).unwrap().to_ascii_lowercase();
            let length = text.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
            let whole = head + 4 + length.map_or(0, |length| length.parse::<usize>().unwrap());
            if buffer.len() < whole {
                break;
            }
            buffer.drain(..whole);
            if stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").is_err() {
                return;
            }
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

fn renkei(url: &str, senders: usize, count: usize, synchronous: Synchronous) -> Duration {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::options().create(true).synchronous(synchronous).open(dir.path().join("s.db")).unwrap();
    let target = Target::new("bench", "bench").concurrency(64).circuit(Circuit::default());
    store.apply(&renkei::Blueprint::new().target(target)).unwrap();
    let body = body();
    let sending = Sending { target: Some("bench".to_owned()), ..Sending::default() };
    let delivery = NewDelivery::post(url).header("content-type", "application/json").body(body).sending(sending);
    for _ in 0..count.div_ceil(1_000) {
        store
            .transaction(|transaction| (0..1_000.min(count)).try_for_each(|_| transaction.deliver(&delivery).map(drop)))
            .unwrap();
    }
    let policy = NetworkPolicy::new().allow("127.0.0.1").unwrap();
    let worker = Worker::new(&store).network(policy).senders(senders);
    let began = Instant::now();
    let sent = worker.run_until_idle().unwrap();
    let took = began.elapsed();
    assert_eq!(sent, count.div_ceil(1_000) as u64 * 1_000.min(count) as u64);
    took
}

fn main() {
    let (count, rounds) = (number("RENKEI_BENCH_DELIVERIES", 20_000), number("RENKEI_BENCH_ROUNDS", 5));
    let url = receiver();
    let ways = std::env::var("RENKEI_BENCH_THREADS").unwrap_or_else(|_| "1,2,4,8".to_owned());
    let ways: Vec<usize> = ways.split(',').filter_map(|threads| threads.parse().ok()).collect();
    // Bare, NORMAL, FULL, for each number of threads.
    let mut taken = vec![[const { Vec::new() }; 3]; ways.len()];
    for _ in 0..rounds {
        for (way, threads) in ways.iter().enumerate() {
            taken[way][0].push(bare(&url, *threads, count));
            taken[way][1].push(renkei(&url, *threads, count, Synchronous::Normal));
            taken[way][2].push(renkei(&url, *threads, count, Synchronous::Full));
        }
    }
    println!(
        "{count} deliveries of {} bytes, {rounds} rounds, deliveries a second (and against bare ureq)",
        body().len()
    );
    println!("{:>8} {:>10} {:>18} {:>18}", "threads", "bare ureq", "NORMAL", "FULL");
    for (way, threads) in ways.iter().enumerate() {
        let rate = |times: &[Duration]| {
            let mut times = times.to_vec();
            times.sort_unstable();
            count as f64 / times[times.len() / 2].as_secs_f64()
        };
        let [bare, normal, full] = [0, 1, 2].map(|column| rate(&taken[way][column]));
        let shown = |rate: f64| format!("{rate:.0} ({:.2} x)", rate / bare);
        println!("{threads:>8} {bare:>10.0} {:>18} {:>18}", shown(normal), shown(full));
    }
}
