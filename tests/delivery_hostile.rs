//! Deliveries to receivers, names and proxies that are broken or hostile: each attempt is bounded in time and memory, and told
//! as what it was.
#![cfg(feature = "http")]

mod common;
mod common_http;

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::Fixture;
use common_http::*;
use renkei::{
    Attempt, Blueprint, Circuit, DeliveryFilter, DeliveryState, ErrorFamily, NetworkPolicy, NewDelivery, Resolver,
    RetryPlan, Sending, Store, SystemClock, Target, Timeouts, Worker,
};

fn local() -> NetworkPolicy {
    NetworkPolicy::new().allow("127.0.0.1").unwrap().allow("::1").unwrap()
}

/// Is tried once, and has as long as a busy machine may need.
fn once() -> Sending {
    let timeouts = Timeouts { connect_seconds: 60, total_seconds: 60 };
    Sending { timeouts, retry: RetryPlan::once(), ..Sending::default() }
}

/// Is tried once, and gives up soon: for those that are never answered. Not too soon for what is to come before that.
fn hasty() -> Sending {
    Sending { timeouts: Timeouts { connect_seconds: 3, total_seconds: 3 }, ..once() }
}

/// What one attempt came to.
struct Outcome {
    state: DeliveryState,
    family: Option<ErrorFamily>,
    code: String,
    attempt: Attempt,
}

fn deliver(worker: &Worker, store: &Store, delivery: NewDelivery) -> Outcome {
    let id = store.deliver(&delivery).unwrap();
    worker.run_until_idle().unwrap();
    let status = store.delivery(id).unwrap();
    let mut attempts = store.attempts(id).unwrap();
    assert_eq!(attempts.len(), 1, "{:?}", status.error);
    let code = status.error.map(|error| error.code).unwrap_or_default();
    Outcome { state: status.state, family: status.family, code, attempt: attempts.remove(0) }
}

/// One message to a receiver of this script.
fn send(reply: Reply, body: &[u8]) -> (Outcome, Receiver) {
    let fixture = Fixture::new();
    let receiver = Receiver::start(move |_, _| reply.clone());
    let worker = Worker::new(&fixture.store).network(local());
    let delivery = NewDelivery::post(receiver.url("/")).body(body).sending(once());
    let outcome = deliver(&worker, &fixture.store, delivery);
    (outcome, receiver)
}

#[test]
fn answers_that_are_none_are_not_taken_for_one() {
    let lines = |lines: &[&str]| Reply::Raw((lines.join("\r\n") + "\r\n\r\n").into_bytes());
    let cases: Vec<(&str, Reply)> = vec![
        ("a status of two digits", lines(&["HTTP/1.1 20 OK", "Content-Length: 0"])),
        ("a status that is a word", lines(&["HTTP/1.1 okay", "Content-Length: 0"])),
        ("a status beyond all", lines(&["HTTP/1.1 2000 OK", "Content-Length: 0"])),
        ("HTTP/2 in letters", lines(&["HTTP/2.0 200 OK", "Content-Length: 0"])),
        ("no version", lines(&["200 OK"])),
        ("zeros", Reply::Raw(vec![0; 4_096])),
        ("a header without a name", lines(&["HTTP/1.1 200 OK", ": x", "Content-Length: 0"])),
        ("a length that is none", lines(&["HTTP/1.1 200 OK", "Content-Length: -1"])),
        ("a length beyond all", lines(&["HTTP/1.1 200 OK", "Content-Length: 99999999999999999999999"])),
        ("chunks that are none", lines(&["HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "", "zz", "abc"])),
        ("chunks that break off", lines(&["HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "", "ff", "abc"])),
        (
            "headers without end",
            Reply::Raw([b"HTTP/1.1 200 OK\r\n".to_vec(), b"A: b\r\n".repeat(8_000), b"\r\n".to_vec()].concat()),
        ),
        ("nods without end", Reply::Endless(Vec::new(), b"HTTP/1.1 100 Continue\r\n\r\n".to_vec())),
    ];
    let threads = cases.into_iter().map(|(name, reply)| {
        std::thread::spawn(move || {
            let (outcome, receiver) = send(reply, b"x");
            assert_eq!(outcome.state, DeliveryState::Failed, "{name}");
            assert_eq!(outcome.family, Some(ErrorFamily::Unanswered), "{name}: {}", outcome.code);
            assert!(outcome.code.starts_with("answer."), "{name}: {}", outcome.code);
            assert!(outcome.attempt.total_us < 30_000_000, "{name}: {}", outcome.attempt.total_us);
            assert_eq!(receiver.count(), 1, "{name}");
        })
    });
    let threads: Vec<_> = threads.collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn hints_before_the_answer_are_passed_over() {
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n";
    let (outcome, _receiver) =
        send(Reply::Raw(format!("{hints}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nreal").into_bytes()), b"x");
    assert_eq!((outcome.state, &outcome.attempt.answer[..]), (DeliveryState::Delivered, &b"real"[..]));
}

/// A gzip file of this size that opens to 158 times as much: one byte, then copies of it, 258 bytes for 13 bits.
fn bomb(bytes: usize) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let (mut bits, mut count) = (0u64, 0);
    let put = |out: &mut Vec<u8>, bits: &mut u64, count: &mut u32, value: u64, width: u32| {
        *bits |= value << *count;
        *count += width;
        while *count >= 8 {
            out.push(*bits as u8);
            *bits >>= 8;
            *count -= 8;
        }
    };
    // The last block, of fixed codes; the byte 0; then length 258 (code 285: 11000101) at distance 1 (code 0).
    put(&mut out, &mut bits, &mut count, 0b011, 3);
    put(&mut out, &mut bits, &mut count, 0b0000_1100, 8);
    while out.len() < bytes {
        put(&mut out, &mut bits, &mut count, 0b1010_0011, 8);
        put(&mut out, &mut bits, &mut count, 0, 5);
    }
    put(&mut out, &mut bits, &mut count, 0, 7);
    put(&mut out, &mut bits, &mut count, 0, 8);
    out
}

#[test]
fn a_gzip_bomb_stays_closed() {
    for encoding in ["gzip", "deflate", "br", "gzip, gzip"] {
        // 2 MB that would open to 316 MB.
        let bomb = bomb(2_000_000);
        let (outcome, receiver) = send(answer(200, &[("Content-Encoding", encoding)], bomb.clone()), b"x");
        assert_eq!(outcome.state, DeliveryState::Delivered, "{encoding}: {}", outcome.code);
        assert_eq!(outcome.attempt.answer, bomb[..4_096], "{encoding}");
        assert!(outcome.attempt.answer_is_cut);
        // Nothing compressed was asked for in the first place.
        assert!(["", "identity"].contains(&receiver.received()[0].header("accept-encoding")));
    }
}

#[test]
fn endless_chunks_are_cut() {
    let chunk = [&b"10000\r\n"[..], &[b'x'; 0x10000], b"\r\n"].concat();
    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let (outcome, _receiver) = send(Reply::Endless(head, chunk), b"x");
    assert_eq!((outcome.state, outcome.attempt.answer_is_cut), (DeliveryState::Delivered, true));
    assert_eq!(outcome.attempt.answer, [b'x'; 4_096]);
    assert!(outcome.attempt.total_us < 30_000_000);
}

#[test]
fn a_receiver_that_reads_nothing_is_given_up() {
    let fixture = Fixture::new();
    let receiver = Receiver::start(|_, _| Reply::Deaf);
    // More than the buffers between the two can hold.
    let file = fixture.store.put_file("big", io::repeat(7).take(30_000_000)).unwrap();
    let worker = Worker::new(&fixture.store).network(local());
    let delivery = NewDelivery::post(receiver.url("/")).file(file.id).sending(hasty());
    let outcome = deliver(&worker, &fixture.store, delivery);
    assert_eq!((outcome.state, outcome.family), (DeliveryState::Failed, Some(ErrorFamily::Unanswered)));
    assert_eq!(outcome.code, "answer.timeout");
    assert!(outcome.attempt.total_us < 30_000_000, "{}", outcome.attempt.total_us);
}

#[test]
fn what_follows_an_answer_is_not_the_answer_to_the_next_message() {
    let fixture = Fixture::new();
    // The first answer has another behind it, and the connection stays open; nobody reads from it any more.
    let both =
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirstHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfake".to_vec();
    let receiver = Receiver::start(move |_, number| match number {
        0 => Reply::Hang(both.clone()),
        _ => answer(200, &[], "real"),
    });
    let worker = Worker::new(&fixture.store).network(local());
    for expected in ["first", "real", "real"] {
        let outcome = deliver(&worker, &fixture.store, NewDelivery::post(receiver.url("/")).body("x").sending(once()));
        assert_eq!(outcome.state, DeliveryState::Delivered, "{}", outcome.code);
        assert_eq!(String::from_utf8_lossy(&outcome.attempt.answer), expected);
    }
    assert_eq!(receiver.count(), 3);
}

#[test]
fn a_redirect_to_a_private_address_is_an_answer_and_nothing_more() {
    // Another machine, as far as the policy is concerned.
    let inside = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2), 0)).unwrap();
    inside.set_nonblocking(true).unwrap();
    let fixture = Fixture::new();
    let port = inside.local_addr().unwrap().port();
    let places = [
        format!("http://127.0.0.2:{port}/admin"),
        "http://169.254.169.254/latest/meta-data".to_owned(),
        "//10.0.0.1/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "\u{1}bad".to_owned(),
    ];
    for status in [301, 302, 303, 307, 308] {
        for place in &places {
            let to = place.clone();
            let receiver = Receiver::start(move |_, _| answer(status, &[("Location", &to)], "moved"));
            let worker = Worker::new(&fixture.store).network(local());
            let outcome = deliver(&worker, &fixture.store, NewDelivery::post(receiver.url("/")).sending(once()));
            assert_eq!(outcome.state, DeliveryState::Failed, "{status} {place}");
            assert!(["answer.refused", "answer.invalid"].contains(&outcome.code.as_str()), "{place}: {}", outcome.code);
        }
    }
    assert_eq!(inside.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
}

/// Looks names up in a list.
struct Names(HashMap<&'static str, Vec<IpAddr>>);

impl Names {
    fn of(names: &[(&'static str, &[&str])]) -> Arc<Names> {
        let parse = |addresses: &[&str]| addresses.iter().map(|address| address.parse().unwrap()).collect();
        Arc::new(Names(names.iter().map(|(name, addresses)| (*name, parse(addresses))).collect()))
    }
}

impl Resolver for Names {
    fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        self.0.get(host).cloned().ok_or_else(|| io::Error::other("no such name"))
    }
}

#[test]
fn of_several_addresses_one_that_answers_is_enough() {
    let fixture = Fixture::new();
    let receiver = Receiver::start(|_, _| ok());
    let names = Names::of(&[
        ("dual.example", &["::1", "127.0.0.1"]),
        ("private.example", &["10.0.0.1", "fd00::1", "127.0.0.1"]),
        ("empty.example", &[]),
    ]);
    let worker = Worker::new(&fixture.store).network(local()).resolver(names);
    let port = receiver.address.port();
    let to = |host: &str| {
        deliver(&worker, &fixture.store, NewDelivery::post(format!("http://{host}:{port}/")).sending(once()))
    };
    // Nothing listens at the first.
    let outcome = to("dual.example");
    assert_eq!(outcome.state, DeliveryState::Delivered, "{}", outcome.code);
    assert_eq!(outcome.attempt.address, Some(receiver.address.to_string()));
    assert_eq!(to("private.example").state, DeliveryState::Delivered);
    let outcome = to("empty.example");
    assert_eq!((outcome.family, outcome.code.as_str()), (Some(ErrorFamily::BeforeSending), "network.host"));
}

#[test]
fn certificates_are_good_for_their_time_only() {
    let ours = Authority::new();
    let names = Names::of(&[("core.example", &["127.0.0.1"])]);
    let fixture = Fixture::new();
    let worker = Worker::new(&fixture.store).network(local()).resolver(names);
    let trusting = Sending { ca_certificates: Some(ours.pem.clone()), ..once() };
    for (years, is_good) in [(1975..4096, true), (2001..2002, false), (4000..4096, false)] {
        let receiver = Receiver::start_tls(ours.server_within("core.example", years.clone()), |_, _| ok());
        let url = format!("https://core.example:{}/", receiver.address.port());
        let outcome = deliver(&worker, &fixture.store, NewDelivery::post(url).body("x").sending(trusting.clone()));
        assert_eq!(outcome.state == DeliveryState::Delivered, is_good, "{years:?}: {}", outcome.code);
        if !is_good {
            assert_eq!((outcome.family, outcome.code.as_str()), (Some(ErrorFamily::BeforeSending), "network.tls"));
            assert_eq!(receiver.count(), 0);
        }
    }
}

/// Takes connections and does this with each.
fn listen(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = Arc::new(serve);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (Ok(stream), serve) = (stream, serve.clone()) else { continue };
            std::thread::spawn(move || serve(stream));
        }
    });
    port
}

#[test]
fn a_receiver_that_does_not_come_to_tls_is_given_up() {
    let silent = listen(|stream| {
        std::thread::sleep(Duration::from_secs(60));
        drop(stream);
    });
    let rude = listen(|mut stream| {
        let _ = stream.write_all(&[0x16, 3, 3, 0xff, 0xff, 1, 2, 3]);
    });
    let fixture = Fixture::new();
    let worker = Worker::new(&fixture.store).network(local());
    for (port, sending) in [(silent, hasty()), (rude, once())] {
        let url = format!("https://127.0.0.1:{port}/");
        let outcome = deliver(&worker, &fixture.store, NewDelivery::post(url).body("x").sending(sending));
        assert_eq!((outcome.state, outcome.family), (DeliveryState::Failed, Some(ErrorFamily::BeforeSending)));
        assert!(outcome.attempt.total_us < 30_000_000, "{}", outcome.attempt.total_us);
    }
}

#[test]
fn proxies_that_refuse_or_hang_are_told_before_sending() {
    let replies: [&[u8]; 4] = [
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n",
        b"",
        b"garbage\r\n\r\n",
    ];
    let fixture = Fixture::new();
    let send = |port: u16, sending: Sending| {
        let policy = NetworkPolicy::new().proxy(format!("http://127.0.0.1:{port}"));
        let worker = Worker::new(&fixture.store).network(policy);
        deliver(&worker, &fixture.store, NewDelivery::post("http://core.example/").body("x").sending(sending))
    };
    for reply in replies {
        let rude = listen(move |mut stream| {
            let _ = stream.read(&mut [0; 1_024]);
            let _ = stream.write_all(reply);
        });
        let outcome = send(rude, once());
        let shown = String::from_utf8_lossy(reply);
        assert_eq!(outcome.state, DeliveryState::Failed, "{shown}");
        assert_eq!(outcome.family, Some(ErrorFamily::BeforeSending), "{shown}: {}", outcome.code);
    }
    let silent = listen(|stream| {
        std::thread::sleep(Duration::from_secs(60));
        drop(stream);
    });
    let outcome = send(silent, hasty());
    assert_eq!(outcome.family, Some(ErrorFamily::BeforeSending), "{}", outcome.code);
    assert!(outcome.attempt.total_us < 30_000_000, "{}", outcome.attempt.total_us);
}

#[test]
fn several_slow_targets_do_not_slow_others() {
    beside_slow_targets(3, 3, false);
}

/// Nothing is known of any of them when their deliveries are there, and together they are more than the senders.
#[test]
fn many_targets_that_are_slow_at_first_contact_do_not_hold_every_sender() {
    beside_slow_targets(12, 7, true);
}

/// So many targets that take long hold `held` of eight senders, and then another gets a hundred deliveries; `is_known` says
/// whether that one has answered before.
fn beside_slow_targets(targets: usize, held: usize, is_known: bool) {
    let fixture = Fixture::with(|options| {
        options.clock(Arc::new(SystemClock));
    });
    // They answer nobody before the end of the test.
    let slow: Vec<Receiver> =
        (0..targets).map(|_| Receiver::start(|_, _| Reply::After(Duration::from_secs(600), Box::new(ok())))).collect();
    let fast = Receiver::start(|_, _| ok());
    let handle = Worker::new(&fixture.store).network(local()).senders(8).start().unwrap();
    let before = usize::from(is_known);
    if is_known {
        fixture.store.deliver(&NewDelivery::post(fast.url("/"))).unwrap();
        fast.wait(before);
    }
    fixture
        .store
        .transaction(|transaction| {
            let mut urls = slow.iter().flat_map(|receiver| std::iter::repeat_n(receiver.url("/"), 20));
            urls.try_for_each(|url| transaction.deliver(&NewDelivery::post(url)).map(drop))
        })
        .unwrap();
    // Until those that are slow hold whatever they get.
    let began = Instant::now();
    while slow.iter().map(Receiver::count).sum::<usize>() < held {
        assert!(began.elapsed() < PATIENCE, "fewer than {held} senders are held");
        std::thread::sleep(Duration::from_millis(10));
    }
    let began = Instant::now();
    for _ in 0..100 {
        fixture.store.deliver(&NewDelivery::post(fast.url("/"))).unwrap();
    }
    fast.wait(before + 100);
    let took = began.elapsed();
    println!("100 deliveries beside {targets} slow targets took {took:?}");
    for delivery in fixture.store.deliveries(&DeliveryFilter::new().state(DeliveryState::Waiting), None, 1_000).unwrap()
    {
        let _ = fixture.store.cancel_delivery(delivery.id);
    }
    drop(slow);
    handle.stop();
}

#[test]
fn the_whole_plan_of_many_deliveries_runs_by_the_clock() {
    let fixture = Fixture::new();
    let calm = Target::new("calm", "静か").circuit(Circuit { failures: 0, ..Circuit::default() });
    fixture.store.apply(&Blueprint::new().target(calm)).unwrap();
    let answered = Arc::new(AtomicUsize::new(0));
    let count = answered.clone();
    let receiver = Receiver::start(move |_, _| {
        count.fetch_add(1, Ordering::SeqCst);
        status(503)
    });
    let retry = RetryPlan { jitter_percent: 0, ..RetryPlan::default() };
    let sending = Sending { target: Some("calm".to_owned()), retry, ..Sending::default() };
    let ids: Vec<i64> = (0..20)
        .map(|_| fixture.store.deliver(&NewDelivery::post(receiver.url("/")).sending(sending.clone())).unwrap())
        .collect();
    let worker = Worker::new(&fixture.store).network(local());
    let began = fixture.store.now().0;
    while let Some(due) = fixture.store.delivery_metrics().unwrap().next_due_at {
        fixture.clock.set(renkei::Timestamp(due.max(fixture.store.now().0)));
        worker.run_until_idle().unwrap();
    }
    // 0 s, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h: 75 hours, 35 minutes and 5 seconds, to the millisecond.
    assert_eq!(fixture.store.now().0 - began, (75 * 3_600 + 35 * 60 + 5) * 1_000);
    assert_eq!(answered.load(Ordering::SeqCst), 200);
    for id in ids {
        let status = fixture.store.delivery(id).unwrap();
        assert_eq!((status.state, status.attempts), (DeliveryState::Failed, 10));
    }
}
