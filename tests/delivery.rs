//! Deliveries: sent at least once, by their plan, in their order, within the limits of their targets.
#![cfg(feature = "http")]

mod common;
mod common_http;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{Fixture, NOW};
use common_http::*;
use renkei::{
    Answer, Auth, Blueprint, Channel, Circuit, CircuitPosition, Code, DeliveryFilter, DeliveryState, ErrorFamily,
    Escape, Exchange, Failure, NetworkPolicy, NewDelivery, Notice, OutboundRequest, Priority, Rate, Resolver,
    RetryPlan, Sending, Signing, SlottedText, Statuses, Store, SystemClock, Target, Timeouts, Times, Timestamp,
    Transport, Values, WebhookVerifier, Worker,
};

fn local() -> NetworkPolicy {
    NetworkPolicy::new().allow("127.0.0.0/8").unwrap().allow("::1").unwrap()
}

fn worker(store: &Store) -> Worker {
    Worker::new(store).network(local())
}

fn run(store: &Store) -> u64 {
    worker(store).run_until_idle().unwrap()
}

/// Gives up soon, and is tried once.
fn hasty() -> Sending {
    let timeouts = Timeouts { connect_seconds: 1, total_seconds: 1 };
    Sending { timeouts, retry: RetryPlan::once(), ..Sending::default() }
}

/// Tries again at once, so often.
fn tries(count: usize) -> Sending {
    let retry = RetryPlan { delays_seconds: vec![0; count], jitter_percent: 0, ..RetryPlan::default() };
    Sending { retry, ..Sending::default() }
}

fn to(target: &str) -> Sending {
    Sending { target: Some(target.to_owned()), ..Sending::default() }
}

fn with_target(target: Target) -> Fixture {
    let fixture = Fixture::new();
    fixture.store.apply(&Blueprint::new().target(target)).unwrap();
    fixture
}

fn real_clock() -> Fixture {
    Fixture::with(|options| {
        options.clock(Arc::new(SystemClock));
    })
}

/// The one attempt that a delivery came to within one attempt: state, status, family, code.
fn outcome(store: &Store, id: i64) -> (DeliveryState, Option<u16>, Option<ErrorFamily>, String) {
    let status = store.delivery(id).unwrap();
    let attempts = store.attempts(id).unwrap();
    let last = attempts.last().expect("it was tried");
    assert_eq!(status.attempts as usize, attempts.len());
    assert_eq!((last.status, last.family, &last.error), (status.status, status.family, &status.error));
    (status.state, status.status, status.family, status.error.map(|error| error.code).unwrap_or_default())
}

/// Sends one message to a receiver of this script.
fn send(reply: Reply, delivery: impl Fn(&str) -> NewDelivery) -> (Fixture, Receiver, i64) {
    let fixture = Fixture::new();
    let receiver = Receiver::start(move |_, _| reply.clone());
    let id = fixture.store.deliver(&delivery(&receiver.url("/in"))).unwrap();
    run(&fixture.store);
    (fixture, receiver, id)
}

fn hasty_post(url: &str) -> NewDelivery {
    NewDelivery::post(url).body("x").sending(hasty())
}

#[test]
fn a_message_arrives_as_it_was_frozen() {
    let fixture = Fixture::new();
    let receiver = Receiver::start(|_, _| answer(201, &[("X-Thing", "1")], "作成しました"));
    let body = serde_json::json!({"注文": "A-1"});
    let delivery = NewDelivery::post(receiver.url("/受注 1?q=日本")).header("X-Own", "値").json(&body);
    let id = fixture.store.deliver(&delivery).unwrap();
    assert_eq!(run(&fixture.store), 1);
    let status = fixture.store.delivery(id).unwrap();
    let received = &receiver.received()[0];
    assert_eq!(
        (received.method.as_str(), received.path.as_str()),
        ("POST", "/%E5%8F%97%E6%B3%A8%201?q=%E6%97%A5%E6%9C%AC")
    );
    assert_eq!(received.text(), body.to_string());
    assert_eq!(received.header("content-type"), "application/json");
    assert_eq!(received.header("x-own"), "値");
    assert_eq!(received.header("host"), receiver.address.to_string());
    assert_eq!(received.header("accept-encoding"), "identity");
    assert!(received.header("user-agent").starts_with("renkei/"));
    assert!(status.message_id.starts_with("msg_"));
    assert_eq!(received.header("webhook-id"), status.message_id);
    assert_eq!(received.header("idempotency-key"), status.message_id);
    assert_eq!((status.state, status.status, status.attempts), (DeliveryState::Delivered, Some(201), 1));
    assert_eq!((status.error, status.family, status.target), (None, None, receiver.origin()));
    assert_eq!(status.body_bytes, body.to_string().len() as u64);
    let attempts = fixture.store.attempts(id).unwrap();
    assert_eq!(attempts[0].answer, "作成しました".as_bytes());
    assert_eq!(attempts[0].address, Some(receiver.address.to_string()));
    let (connect, answer) = (attempts[0].connect_us.unwrap(), attempts[0].answer_us.unwrap());
    assert!(connect <= answer && answer <= attempts[0].total_us && attempts[0].tls_us.is_none());
    fixture.check_file();
}

#[test]
fn a_small_message_is_sent_as_one_piece() {
    let fixture = Fixture::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let receiver = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        (0..20).all(|_| {
            let mut piece = [0; 4_096];
            let count = io::Read::read(&mut stream, &mut piece).unwrap();
            let is_whole = piece[..count].ends_with(b"\r\n\r\nthe body");
            io::Write::write_all(&mut stream, b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
            is_whole
        })
    });
    for _ in 0..20 {
        fixture.store.deliver(&NewDelivery::post(url.as_str()).body("the body").sending(hasty())).unwrap();
    }
    worker(&fixture.store).senders(1).run_until_idle().unwrap();
    assert!(receiver.join().unwrap());
}

#[test]
fn methods_without_and_with_bodies() {
    let fixture = Fixture::new();
    let receiver = Receiver::start(|_, _| ok());
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"] {
        fixture.store.deliver(&NewDelivery::http(method, receiver.url("/"))).unwrap();
    }
    for method in ["POST", "PUT", "PATCH", "DELETE", "QUERY"] {
        fixture.store.deliver(&NewDelivery::http(method, receiver.url("/")).body("b")).unwrap();
    }
    run(&fixture.store);
    let all = fixture.store.deliveries(&DeliveryFilter::new(), None, 100).unwrap();
    for delivery in &all {
        assert_eq!(delivery.state, DeliveryState::Delivered, "{}: {:?}", delivery.method, delivery.error);
    }
    let mut methods: Vec<String> =
        receiver.received().iter().map(|one| format!("{}{}", one.method, one.body.len())).collect();
    methods.sort();
    let expected = [
        "DELETE0", "DELETE1", "GET0", "HEAD0", "OPTIONS0", "PATCH0", "PATCH1", "POST0", "POST1", "PUT0", "PUT1",
        "QUERY0", "QUERY1",
    ];
    assert_eq!(methods, expected);
}

#[test]
fn each_class_of_statuses_has_its_way() {
    let fixture = Fixture::new();
    let receiver = Receiver::start(|one, _| status(one.path[1..].parse().unwrap()));
    // Nothing else than the status decides here.
    fixture
        .store
        .apply(
            &Blueprint::new()
                .target(Target::new("calm", "静か").circuit(Circuit { failures: 0, ..Circuit::default() })),
        )
        .unwrap();
    let send = |code: u16| {
        let url = receiver.url(&format!("/{code}"));
        fixture.store.deliver(&NewDelivery::post(url).sending(to("calm"))).unwrap()
    };
    let delivered = [200, 201, 202, 204, 226, 299].map(send);
    let final_ones =
        [300, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 409, 410, 413, 415, 422, 451].map(send);
    let again = [408, 425, 429, 500, 501, 502, 503, 504, 507, 520, 599].map(send);
    run(&fixture.store);
    for id in delivered {
        assert_eq!(outcome(&fixture.store, id).0, DeliveryState::Delivered);
    }
    for id in final_ones {
        let (state, status, family, code) = outcome(&fixture.store, id);
        assert_eq!((state, family), (DeliveryState::Failed, Some(ErrorFamily::Answer)), "{status:?}");
        assert_eq!(code, "answer.refused");
        let error = fixture.store.delivery(id).unwrap().error.unwrap();
        assert_eq!(
            error.en.contains("Redirects are not followed"),
            status.is_some_and(|code| code < 400),
            "{}",
            error.en
        );
    }
    for id in again {
        let (state, status, family, _) = outcome(&fixture.store, id);
        assert_eq!((state, family), (DeliveryState::Waiting, Some(ErrorFamily::Answer)), "{status:?}");
        let status = fixture.store.delivery(id).unwrap();
        let wait = status.due_at - NOW.0;
        assert!((4_000..=6_000).contains(&wait), "{wait}");
        assert_eq!(fixture.store.attempts(id).unwrap()[0].retry_at, Some(status.due_at));
    }
}

#[test]
fn which_statuses_succeed_and_which_are_tried_again_is_a_setting() {
    let fixture = Fixture::new();
    let receiver = Receiver::start(|one, _| status(one.path[1..].parse().unwrap()));
    let retry = RetryPlan { statuses: Statuses::new([(404, 404)]), ..RetryPlan::default() };
    let sending = Sending { success: Statuses::new([(409, 409)]), retry, ..Sending::default() };
    let ids = [409, 200, 404, 500].map(|code| {
        let delivery = NewDelivery::post(receiver.url(&format!("/{code}"))).sending(sending.clone());
        fixture.store.deliver(&delivery).unwrap()
    });
    run(&fixture.store);
    let states = ids.map(|id| outcome(&fixture.store, id).0);
    use DeliveryState::{Delivered, Failed, Waiting};
    assert_eq!(states, [Delivered, Failed, Waiting, Failed]);
}

#[test]
fn the_whole_plan_runs_by_the_clock_of_the_store() {
    let began = Instant::now();
    let fixture = Fixture::new();
    let receiver = Receiver::start(|_, number| if number < 10 { status(503) } else { ok() });
    let id = fixture.store.deliver(&NewDelivery::post(receiver.url("/")).body("本文")).unwrap();
    let worker = worker(&fixture.store);
    let mut moments = Vec::new();
    while let Some(due) = fixture.store.delivery_metrics().unwrap().next_due_at {
        fixture.clock.set(Timestamp(due.max(fixture.store.now().0)));
        assert_eq!(worker.run_until_idle().unwrap(), 1);
        moments.push(fixture.store.now().0);
    }
    assert_eq!(moments.len(), 10);
    let plan = RetryPlan::default().delays_seconds;
    for ((before, after), delay) in moments.iter().zip(&moments[1..]).zip(&plan[1..]) {
        let (waited, delay) = (after - before, i64::try_from(*delay).unwrap() * 1_000);
        assert!((delay * 8 / 10 - 1..=delay * 12 / 10 + 1).contains(&waited), "{waited} {delay}");
    }
    let hours = (moments[9] - moments[0]) / 3_600_000;
    assert!((60..=91).contains(&hours), "{hours}");
    let (state, status, family, _) = outcome(&fixture.store, id);
    assert_eq!((state, status, family), (DeliveryState::Failed, Some(503), Some(ErrorFamily::Answer)));
    assert_eq!(fixture.store.delivery_metrics().unwrap().failed, 1);
    // A dead letter is kept and can be replayed: the same message, by the same id.
    fixture.store.replay_delivery(id).unwrap();
    // Ten failures in a row have opened the circuit.
    assert_eq!(worker.run_until_idle().unwrap(), 0);
    fixture.clock.advance(Duration::from_secs(30));
    assert_eq!(worker.run_until_idle().unwrap(), 1);
    let status = fixture.store.delivery(id).unwrap();
    assert_eq!((status.state, status.attempts), (DeliveryState::Delivered, 11));
    let received = receiver.received();
    assert!(received.iter().all(|one| one.header("webhook-id") == status.message_id && one.text() == "本文"));
    assert!(began.elapsed() < Duration::from_secs(20));
    fixture.check_file();
}

#[test]
fn retry_after_is_obeyed_in_both_forms_and_holds_the_target() {
    let fixture = Fixture::new();
    // NOW is 2026-01-31 00:30:00 UTC.
    let receiver = Receiver::start(|one, _| match one.path.as_str() {
        "/seconds" => answer(429, &[("Retry-After", "1000")], ""),
        "/date" => answer(503, &[("retry-after", "Sat, 31 Jan 2026 01:00:00 GMT")], ""),
        "/past" => answer(429, &[("Retry-After", "Sat, 31 Jan 2026 00:00:00 GMT")], ""),
        "/long" => answer(500, &[("Retry-After", "99999999999")], ""),
        "/bad" => answer(429, &[("Retry-After", "soon")], ""),
        _ => ok(),
    });
    let mut ends = HashMap::new();
    for path in ["/past", "/long", "/bad", "/seconds", "/date"] {
        let id = fixture.store.deliver(&NewDelivery::post(receiver.url(path))).unwrap();
        Worker::new(&fixture.store).network(local()).run_until_idle().unwrap();
        fixture.store.enable_target(&receiver.origin()).unwrap();
        let status = fixture.store.delivery(id).unwrap();
        assert_eq!(status.state, DeliveryState::Waiting);
        ends.insert(path, status.due_at - NOW.0);
    }
    assert!((4_000..=6_000).contains(&ends["/past"]), "{ends:?}");
    assert!((4_000..=6_000).contains(&ends["/bad"]), "{ends:?}");
    assert!((86_400_000..=86_402_000).contains(&ends["/long"]), "{ends:?}");
    assert!((1_000_000..=1_002_000).contains(&ends["/seconds"]), "{ends:?}");
    assert!((1_800_000..=1_802_000).contains(&ends["/date"]), "{ends:?}");
    // The target is left alone as a whole until then.
    let held = fixture.store.deliver(&NewDelivery::post(receiver.url("/seconds"))).unwrap();
    run(&fixture.store);
    let other = fixture.store.deliver(&NewDelivery::post(receiver.url("/ok"))).unwrap();
    assert_eq!(run(&fixture.store), 0);
    assert_eq!(fixture.store.targets().unwrap()[0].held_until, Some(NOW.0 + 1_000_000));
    fixture.clock.advance(Duration::from_secs(1_000));
    run(&fixture.store);
    assert_eq!(fixture.store.delivery(other).unwrap().state, DeliveryState::Delivered);
    assert_eq!(fixture.store.delivery(held).unwrap().attempts, 1);
}

#[test]
fn what_answers_badly_is_bounded_and_told_apart() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n".to_vec();
    let began = Instant::now();
    let cases: Vec<(&str, Reply, Option<u16>, &str)> = vec![
        ("hang before the head", Reply::Hang(Vec::new()), None, "answer.timeout"),
        ("hang inside the head", Reply::Hang(b"HTTP/1.1 200 OK\r\nX-".to_vec()), None, "answer.timeout"),
        ("hang inside the body", Reply::Hang([&head[..], b"half"].concat()), Some(200), "answer.timeout"),
        (
            "a slow drip of the head",
            Reply::Drip(Vec::new(), head.clone(), Duration::from_millis(100)),
            None,
            "answer.timeout",
        ),
        (
            "a slow drip of the body",
            Reply::Drip(head.clone(), vec![b'x'; 100], Duration::from_millis(100)),
            Some(200),
            "answer.timeout",
        ),
        ("closed before the head", Reply::Raw(Vec::new()), None, "answer.missing"),
        ("closed inside the body", Reply::Raw([&head[..], b"half"].concat()), Some(200), "answer.missing"),
        ("reset", Reply::Early(Vec::new()), None, "answer.missing"),
        ("no HTTP", Reply::Raw(b"220 smtp.example ESMTP\r\n\r\n".to_vec()), None, "answer.invalid"),
        (
            "a giant head",
            Reply::Endless(b"HTTP/1.1 200 OK\r\n".to_vec(), b"X-Y: zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz\r\n".to_vec()),
            None,
            "answer.invalid",
        ),
    ];
    let threads: Vec<_> = cases
        .into_iter()
        .map(|(name, reply, expected, code)| {
            std::thread::spawn(move || {
                // Too large to be in a buffer before the reset.
                let body = "x".repeat(900_000);
                let (fixture, receiver, id) = send(reply, |url| hasty_post(url).body(body.clone()));
                let (state, status, family, found) = outcome(&fixture.store, id);
                assert_eq!(state, DeliveryState::Failed, "{name}");
                assert_eq!((status, found.as_str()), (expected, code), "{name}");
                assert_eq!(family, Some(ErrorFamily::Unanswered), "{name}");
                assert_eq!(receiver.count(), 1, "{name}");
                let total = fixture.store.attempts(id).unwrap()[0].total_us;
                assert!(total < 3_000_000, "{name}: {total}");
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(began.elapsed() < Duration::from_secs(30));
}

#[test]
fn odd_answers_that_are_answers() {
    let bomb = answer(200, &[("Content-Encoding", "gzip")], vec![0x1f; 2_000_000]);
    let endless = Reply::Endless(b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'x'; 65_536]);
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n".to_vec();
    for (name, reply, kept) in [
        ("HTTP/1.0", Reply::Raw(b"HTTP/1.0 200 OK\r\n\r\nold".to_vec()), &b"old"[..]),
        ("100 Continue that nobody asked for", Reply::Continue(Box::new(answer(200, &[], "go"))), b"go"),
        ("chunks", Reply::Raw(chunked), b"abcde"),
        ("a compressed bomb is not opened", bomb, &[0x1f; 4_096]),
        ("an endless body is cut", endless, &[b'x'; 4_096]),
        ("nothing", status(204), b""),
    ] {
        let (fixture, _receiver, id) = send(reply, hasty_post);
        assert_eq!(outcome(&fixture.store, id).0, DeliveryState::Delivered, "{name}");
        let attempt = &fixture.store.attempts(id).unwrap()[0];
        assert_eq!(attempt.answer, kept, "{name}");
        assert_eq!(attempt.answer_is_cut, kept.len() == 4_096, "{name}");
    }
}

#[test]
fn expect_continue_is_waited_for() {
    let (fixture, receiver, id) =
        send(ok(), |url| NewDelivery::post(url).header("Expect", "100-continue").body("after the nod"));
    assert_eq!(outcome(&fixture.store, id).0, DeliveryState::Delivered);
    assert_eq!(receiver.received()[0].text(), "after the nod");
    // Refused before the body was sent.
    let refusal = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec();
    let (fixture, _receiver, id) = send(Reply::Early(refusal), |url| {
        NewDelivery::post(url).header("Expect", "100-continue").body(vec![0; 500_000])
    });
    assert_eq!(outcome(&fixture.store, id).1, Some(413));
}

#[test]
fn an_answer_that_comes_while_the_body_is_sent_is_read() {
    let fixture = Fixture::new();
    let refusal = b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig".to_vec();
    let receiver = Receiver::start(move |_, _| Reply::Early(refusal.clone()));
    let mut refused = 0;
    for _ in 0..5 {
        let file = fixture.store.put_file("big", io::repeat(7u8).take_bytes(20_000_000)).unwrap();
        let delivery = NewDelivery::post(receiver.url("/")).file(file.id).sending(hasty());
        let id = fixture.store.deliver(&delivery).unwrap();
        run(&fixture.store);
        let (state, status, family, _) = outcome(&fixture.store, id);
        assert_eq!(state, DeliveryState::Failed);
        // The reset may overtake the answer; then it is told as what it is.
        match status {
            Some(413) => refused += 1,
            _ => assert_eq!(family, Some(ErrorFamily::Unanswered)),
        }
    }
    println!("{refused} of 5 answers were read");
}

trait Repeated {
    fn take_bytes(self, count: u64) -> io::Take<io::Repeat>;
}

impl Repeated for io::Repeat {
    fn take_bytes(self, count: u64) -> io::Take<io::Repeat> {
        io::Read::take(self, count)
    }
}

#[test]
fn stored_files_are_streamed_and_belong_to_the_delivery() {
    let fixture = Fixture::new();
    fixture.store.put_secret("sign", "whsec_c2VjcmV0").unwrap_err();
    let receiver = Receiver::start(|_, number| if number == 0 { status(500) } else { ok() });
    let bytes: Vec<u8> = (0..3_000_000u32).flat_map(u32::to_le_bytes).collect();
    let file = fixture.store.put_file("a.csv", &bytes[..]).unwrap();
    let id = fixture.store.deliver(&NewDelivery::post(receiver.url("/")).file(file.id).sending(tries(3))).unwrap();
    let refused = fixture.store.deliver(&NewDelivery::post(receiver.url("/")).file(file.id)).unwrap_err();
    assert_eq!(refused.code(), Code::FileNotFound);
    assert_eq!(run(&fixture.store), 2);
    let received = receiver.received();
    assert!(received.len() == 2 && received.iter().all(|one| one.body == bytes));
    let status = fixture.store.delivery(id).unwrap();
    assert_eq!((status.sha256, status.body_bytes), (file.sha256, bytes.len() as u64));
    // Kept as long as the delivery.
    fixture.clock.advance(Duration::from_secs(80 * 86_400));
    worker(&fixture.store).sweep().unwrap();
    assert!(fixture.store.file(file.id).is_ok());
    fixture.clock.advance(Duration::from_secs(11 * 86_400));
    worker(&fixture.store).sweep().unwrap();
    assert_eq!(fixture.store.file(file.id).unwrap_err().code(), Code::FileNotFound);
    assert_eq!(fixture.store.delivery(id).unwrap_err().code(), Code::DeliveryNotFound);
    for table in ["renkei_delivery", "renkei_message", "renkei_attempt", "renkei_file", "renkei_file_chunk"] {
        let left: i64 =
            fixture.sqlite().query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
        assert_eq!(left, 0, "{table}");
    }
    fixture.check_file();
}

#[test]
fn what_cannot_be_sent_is_refused_when_it_is_made() {
    let fixture = Fixture::new();
    let refused = |delivery: NewDelivery| {
        let error = fixture.store.deliver(&delivery).unwrap_err();
        assert_eq!(fixture.store.delivery_metrics().unwrap().waiting, 0);
        error
    };
    let post = || NewDelivery::post("https://h.example/");
    let mut outside = SlottedText::from("https://");
    outside.push_secret("host", Escape::None);
    outside.push_str("/x");
    for delivery in [
        NewDelivery::post("ftp://h.example/"),
        NewDelivery::post("https://user:secret@h.example/"),
        NewDelivery::post("https://h.example/\r\nX: y"),
        NewDelivery::post("https://h.example/\0"),
        NewDelivery::post(outside),
        NewDelivery::http("BAD METHOD", "https://h.example/"),
        NewDelivery::http("GET\r\nX: y", "https://h.example/"),
        NewDelivery::http("CONNECT", "https://h.example/"),
        NewDelivery::http("GET", "https://h.example/").body("b"),
        post().header("X-A", "b\r\nX-C: d"),
        post().header("X-A", "b\nX-C: d"),
        post().header("X-A", "b\0"),
        post().header("X-A\r\nX-C", "d"),
        post().header("", "d"),
        post().header("X A", "d"),
        post().header("Content-Length", "5"),
        post().header("Transfer-Encoding", "chunked"),
        post().header("Host", "evil.example"),
        post().header("webhook-id", "mine"),
        post().body(vec![0; 1_048_577]),
        post().sending(Sending { timeouts: Timeouts { connect_seconds: 0, total_seconds: 30 }, ..Sending::default() }),
        post().sending(Sending {
            retry: RetryPlan { delays_seconds: Vec::new(), ..RetryPlan::default() },
            ..Sending::default()
        }),
        post().sending(Sending { signing: Some(Signing { secrets: Vec::new() }), ..Sending::default() }),
        post().sending(Sending { ca_certificates: Some("nonsense".to_owned()), ..Sending::default() }),
    ] {
        let error = refused(delivery);
        assert_eq!(error.code(), Code::DeliveryInvalid, "{error}");
        assert!(!error.to_string().contains("secret@"), "{error}");
    }
    assert_eq!(refused(post().sending(to("nowhere"))).code(), Code::DefinitionNotFound);
    assert_eq!(refused(post().file(123_456)).code(), Code::FileNotFound);
    let auth = Some(Auth::Bearer { token: "not a name".to_owned() });
    assert_eq!(refused(post().sending(Sending { auth, ..Sending::default() })).code(), Code::SecretInvalid);
}

#[test]
fn deliveries_are_made_with_what_caused_them_or_not_at_all() {
    let fixture = Fixture::new();
    let items = renkei::Database::new("items", "商品").field(renkei::Field::key("code", "番号"));
    fixture.apply([items]);
    let receiver = Receiver::start(|_, _| ok());
    let url = receiver.url("/");
    let refused = fixture.store.transaction(|transaction| {
        transaction.deliver(&NewDelivery::post(url.as_str()))?;
        transaction.register("items", &Values::new().set("code", ""), &Default::default())
    });
    assert!(refused.is_err());
    assert_eq!(run(&fixture.store), 0);
    let id = fixture
        .store
        .transaction(|transaction| {
            transaction.register("items", &Values::new().set("code", "A"), &Default::default())?;
            transaction.deliver(&NewDelivery::post(url.as_str()).token("once"))
        })
        .unwrap();
    assert_eq!(fixture.store.deliver(&NewDelivery::post(url.as_str()).token("once")).unwrap(), id);
    assert_eq!(run(&fixture.store), 1);
    assert_eq!(receiver.count(), 1);
}

struct Names(Mutex<HashMap<String, Vec<Vec<IpAddr>>>>, AtomicUsize);

impl Names {
    /// Each look-up of a name gives the next list, and the last one for ever.
    fn new(names: &[(&str, &[&[&str]])]) -> Arc<Names> {
        let names = names.iter().map(|(name, lists)| {
            let lists = lists.iter().rev().map(|list| list.iter().map(|address| address.parse().unwrap()).collect());
            ((*name).to_owned(), lists.collect())
        });
        Arc::new(Names(Mutex::new(names.collect()), AtomicUsize::new(0)))
    }
}

impl Resolver for Names {
    fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        self.1.fetch_add(1, Ordering::SeqCst);
        let mut names = self.0.lock().unwrap();
        let lists = names.get_mut(host).ok_or_else(|| io::Error::other("no such name"))?;
        match lists.len() {
            1 => Ok(lists[0].clone()),
            _ => Ok(lists.pop().unwrap()),
        }
    }
}

#[test]
fn private_addresses_are_refused_with_the_line_that_allows_them() {
    let fixture = Fixture::new();
    let receiver = Receiver::start(|_, _| ok());
    let port = receiver.address.port();
    let names = Names::new(&[("core.example", &[&["127.0.0.1"]]), ("mixed.example", &[&["10.9.9.9", "127.0.0.1"]])]);
    let urls = [
        format!("http://127.0.0.1:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://core.example:{port}/"),
    ];
    let ids = urls.map(|url| fixture.store.deliver(&NewDelivery::post(url)).unwrap());
    Worker::new(&fixture.store).resolver(names.clone()).run_until_idle().unwrap();
    for id in ids {
        let (state, _, family, code) = outcome(&fixture.store, id);
        assert_eq!((state, family), (DeliveryState::Failed, Some(ErrorFamily::BeforeSending)));
        assert_eq!(code, "network.refused");
        let error = fixture.store.delivery(id).unwrap().error.unwrap();
        assert!(error.en.contains("allow \"127.0.0.1/32\""), "{}", error.en);
        assert!(error.ja.contains("許可されていません"), "{}", error.ja);
    }
    assert_eq!((receiver.count(), receiver.connections()), (0, 0));
    // The name said in the refusal is enough, and a replay then arrives.
    let policy = NetworkPolicy::new().allow("core.example").unwrap();
    fixture.store.replay_delivery(ids[2]).unwrap();
    Worker::new(&fixture.store).resolver(names.clone()).network(policy).run_until_idle().unwrap();
    assert_eq!(outcome(&fixture.store, ids[2]).0, DeliveryState::Delivered);
    // Of several addresses, only those are called that are allowed.
    let mixed = fixture.store.deliver(&NewDelivery::post(format!("http://mixed.example:{port}/"))).unwrap();
    let policy = NetworkPolicy::new().allow("127.0.0.1").unwrap();
    Worker::new(&fixture.store).resolver(names).network(policy).run_until_idle().unwrap();
    assert_eq!(fixture.store.attempts(mixed).unwrap()[0].address, Some(receiver.address.to_string()));
}

#[test]
fn a_name_that_changes_its_address_gains_nothing() {
    let fixture = Fixture::new();
    // Closes after each answer, so that each message needs a connection.
    let receiver = Receiver::start(|_, _| Reply::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec()));
    let names = Names::new(&[("rebind.example", &[&["127.0.0.1"], &["169.254.169.254"], &["127.0.0.1"]])]);
    let policy = NetworkPolicy::new().allow("127.0.0.1").unwrap();
    let worker = Worker::new(&fixture.store).resolver(names.clone()).network(policy);
    let url = format!("http://rebind.example:{}/", receiver.address.port());
    let mut states = Vec::new();
    for _ in 0..3 {
        let id = fixture.store.deliver(&NewDelivery::post(url.as_str())).unwrap();
        worker.run_until_idle().unwrap();
        states.push(outcome(&fixture.store, id).0);
    }
    use DeliveryState::{Delivered, Failed};
    assert_eq!(states, [Delivered, Failed, Delivered]);
    // Looked up once for each connection, and connected to what was judged.
    assert_eq!((names.1.load(Ordering::SeqCst), receiver.count()), (3, 2));
    assert_eq!(receiver.received()[0].header("host"), format!("rebind.example:{}", receiver.address.port()));
}

#[test]
fn redirects_are_not_followed_wherever_they_lead() {
    let secret = Receiver::start(|_, _| ok());
    let target = secret.url("/metadata");
    let fixture = Fixture::new();
    let receiver = Receiver::start(move |_, number| {
        answer([301, 302, 303, 307, 308][number % 5], &[("Location", &target)], "moved")
    });
    let ids: Vec<i64> =
        (0..5).map(|_| fixture.store.deliver(&NewDelivery::post(receiver.url("/")).body("x")).unwrap()).collect();
    run(&fixture.store);
    for id in ids {
        assert_eq!(outcome(&fixture.store, id).0, DeliveryState::Failed);
        let error = fixture.store.delivery(id).unwrap().error.unwrap().en;
        assert!(error.contains(&secret.url("/metadata")), "{error}");
    }
    assert_eq!((secret.connections(), receiver.count()), (0, 5));
}

#[test]
fn names_that_are_not_known_and_ports_that_are_closed_come_before_sending() {
    let fixture = Fixture::new();
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let urls = ["http://nowhere.example/".to_owned(), format!("http://127.0.0.1:{closed}/")];
    let ids = urls.map(|url| fixture.store.deliver(&hasty_post(&url)).unwrap());
    Worker::new(&fixture.store).network(local()).resolver(Names::new(&[])).run_until_idle().unwrap();
    let codes = ids.map(|id| {
        let (state, _, family, code) = outcome(&fixture.store, id);
        assert_eq!((state, family), (DeliveryState::Failed, Some(ErrorFamily::BeforeSending)));
        code
    });
    assert_eq!(codes, ["network.host", "network.connect"]);
}

#[test]
fn a_look_up_that_hangs_is_left_alone() {
    struct Hangs;
    impl Resolver for Hangs {
        fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
            std::thread::sleep(Duration::from_secs(4));
            Ok(vec![IpAddr::from([127, 0, 0, 1])])
        }
    }
    let fixture = Fixture::new();
    let id = fixture.store.deliver(&hasty_post("http://slow.example/")).unwrap();
    let began = Instant::now();
    Worker::new(&fixture.store).network(local()).resolver(Arc::new(Hangs)).run_until_idle().unwrap();
    assert_eq!(outcome(&fixture.store, id).3, "network.host");
    assert!(began.elapsed() < Duration::from_secs(3));
}

#[test]
fn ipv6_alone_works() {
    let Ok(receiver) = Receiver::at(IpAddr::V6(Ipv6Addr::LOCALHOST), None, |_, _| ok()) else {
        println!("this machine has no IPv6");
        return;
    };
    let fixture = Fixture::new();
    let names = Names::new(&[("六.example", &[&["::1"]]), ("xn--65q.example", &[&["::1"]])]);
    let port = receiver.address.port();
    let ids = [format!("http://[::1]:{port}/"), format!("http://六.example:{port}/")]
        .map(|url| fixture.store.deliver(&NewDelivery::post(url)).unwrap());
    Worker::new(&fixture.store).network(local()).resolver(names).senders(1).run_until_idle().unwrap();
    for id in ids {
        let status = fixture.store.delivery(id).unwrap();
        assert_eq!(status.state, DeliveryState::Delivered, "{:?}", status.error);
    }
    assert_eq!(receiver.received()[0].header("host"), format!("[::1]:{port}"));
    assert_eq!(receiver.received()[1].header("host"), format!("xn--65q.example:{port}"));
}

/// A proxy that connects whatever it is asked for to one address; what it was asked for.
fn proxy(to: std::net::SocketAddr) -> (String, Arc<Mutex<Vec<String>>>) {
    use std::io::{BufRead, BufReader, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let noted = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (Ok(mut stream), noted) = (stream, noted.clone()) else { continue };
            std::thread::spawn(move || {
                let mut lines = BufReader::new(stream.try_clone().unwrap());
                let mut line = String::new();
                lines.read_line(&mut line).unwrap();
                noted.lock().unwrap().push(line.trim().to_owned());
                while lines.read_line(&mut line).unwrap() > 2 {}
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
                let mut other = std::net::TcpStream::connect(to).unwrap();
                let (mut back, mut from) = (stream.try_clone().unwrap(), other.try_clone().unwrap());
                std::thread::spawn(move || io::copy(&mut from, &mut back));
                let _ = io::copy(&mut stream, &mut other);
            });
        }
    });
    (url, asked)
}

#[test]
fn a_proxy_is_used_where_the_operator_names_one() {
    let ours = Authority::new();
    let plain = Receiver::start(|_, _| ok());
    let secure = Receiver::start_tls(ours.server("core.example"), |_, _| ok());
    let fixture = Fixture::new();
    let trusting = Sending { ca_certificates: Some(ours.pem.clone()), ..hasty() };
    for (receiver, scheme) in [(&plain, "http"), (&secure, "https")] {
        let (url, asked) = proxy(receiver.address);
        let worker = Worker::new(&fixture.store).network(NetworkPolicy::new().proxy(url));
        let to = |host: &str| {
            let url = format!("{scheme}://{host}:8443/p");
            fixture.store.deliver(&NewDelivery::post(url).body("b").sending(trusting.clone())).unwrap()
        };
        let (good, private) = (to("core.example"), to("10.0.0.1"));
        worker.run_until_idle().unwrap();
        assert_eq!(outcome(&fixture.store, good).0, DeliveryState::Delivered);
        assert_eq!(*asked.lock().unwrap(), ["CONNECT core.example:8443 HTTP/1.1"]);
        // An address that stands in the URL is judged here all the same.
        assert_eq!(outcome(&fixture.store, private).3, "network.refused");
        assert_eq!(receiver.received()[0].header("host"), "core.example:8443");
    }
}

#[test]
fn tls_is_verified_unless_the_setting_says_loudly_not_to() {
    let (ours, other) = (Authority::new(), Authority::new());
    let good = Receiver::start_tls(ours.server("core.example"), |_, _| answer(200, &[], "secure"));
    let names = Names::new(&[("core.example", &[&["127.0.0.1"]]), ("wrong.example", &[&["127.0.0.1"]])]);
    let fixture = Fixture::new();
    let worker = Worker::new(&fixture.store).network(local()).resolver(names);
    let port = good.address.port();
    let trusting = |pem: &str| Sending { ca_certificates: Some(pem.to_owned()), ..hasty() };
    let reckless = Sending { danger_accept_any_certificate: true, ..hasty() };
    let both = [other.pem.as_str(), ours.pem.as_str()].concat();
    let send = |host: &str, sending: Sending| {
        let url = format!("https://{host}:{port}/");
        let id = fixture.store.deliver(&NewDelivery::post(url).body("geheim").sending(sending)).unwrap();
        worker.run_until_idle().unwrap();
        let (state, _, family, code) = outcome(&fixture.store, id);
        let attempt = fixture.store.attempts(id).unwrap().remove(0);
        assert_eq!(attempt.tls_us.is_some(), state == DeliveryState::Delivered);
        assert_eq!(family.is_none(), state == DeliveryState::Delivered);
        (state, family, code)
    };
    let delivered = (DeliveryState::Delivered, None, String::new());
    let refused = (DeliveryState::Failed, Some(ErrorFamily::BeforeSending), "network.tls".to_owned());
    assert_eq!(send("core.example", hasty()), refused);
    assert_eq!(send("core.example", trusting(&other.pem)), refused);
    assert_eq!(send("wrong.example", trusting(&ours.pem)), refused);
    assert_eq!(good.count(), 0);
    assert_eq!(send("core.example", trusting(&both)), delivered);
    assert_eq!(send("wrong.example", reckless.clone()), delivered);
    // A connection that was made recklessly is not used by others.
    assert_eq!(send("wrong.example", trusting(&ours.pem)), refused);
    assert_eq!(send("wrong.example", hasty()), refused);
    assert_eq!(good.count(), 2);
    // A plain server where TLS was expected, and the other way round.
    let plain = Receiver::start(|_, _| Reply::Raw(b"HTTP/1.1 400 Bad\r\n\r\n".to_vec()));
    let id = fixture.store.deliver(&hasty_post(&format!("https://127.0.0.1:{}/", plain.address.port()))).unwrap();
    worker.run_until_idle().unwrap();
    assert_eq!(outcome(&fixture.store, id).2, Some(ErrorFamily::BeforeSending));
    let id = fixture.store.deliver(&hasty_post(&format!("http://127.0.0.1:{port}/"))).unwrap();
    worker.run_until_idle().unwrap();
    assert_eq!(outcome(&fixture.store, id).2, Some(ErrorFamily::Unanswered));
}

fn with_secrets() -> Fixture {
    Fixture::with(|options| {
        options.secret_key([9; 32]);
    })
}

#[test]
fn secrets_are_sent_and_nowhere_else_to_be_seen() {
    const SECRETS: [(&str, &str); 5] = [
        ("token", "tok-0123456789-abc"),
        ("password", "p@ss wörd/&?"),
        ("query", "k=ey&/1 2"),
        ("inner", "in\"side\\"),
        ("own", "own-header-value"),
    ];
    let fixture = with_secrets();
    for (name, value) in SECRETS {
        fixture.store.put_secret(name, value).unwrap();
    }
    // A receiver that sends everything back.
    let receiver = Receiver::start(|one, _| {
        let body = format!("{} {:?} {}", one.path, one.headers, String::from_utf8_lossy(&one.body));
        answer(400, &[("Location", one.header("authorization"))], body)
    });
    let mut url = SlottedText::from(receiver.url("/call?key="));
    url.push_secret("query", Escape::Url);
    let mut json = SlottedText::from("{\"k\":\"");
    json.push_secret("inner", Escape::Json);
    json.push_str("\"}");
    let (bytes, slots) = json.into_parts();
    let mut own = SlottedText::from("Key ");
    own.push_secret("own", Escape::None);
    let auths = [
        Auth::Basic { user: "利用者".to_owned(), password: "password".to_owned() },
        Auth::Bearer { token: "token".to_owned() },
        Auth::Header { name: "X-Token".to_owned(), value: "token".to_owned() },
    ];
    let ids = auths.map(|auth| {
        let mut delivery = NewDelivery::post(url.clone()).header("X-Own", own.clone());
        delivery.body = renkei::Body::Bytes(bytes.clone().into_bytes(), slots.clone());
        delivery.sending = Sending { auth: Some(auth), ..hasty() };
        fixture.store.deliver(&delivery).unwrap()
    });
    Worker::new(&fixture.store).network(local()).senders(1).run_until_idle().unwrap();
    let received = receiver.received();
    assert_eq!(received[0].path, "/call?key=k%3Dey%26%2F1%202");
    assert_eq!(received[0].text(), "{\"k\":\"in\\\"side\\\\\"}");
    assert_eq!(received[0].header("x-own"), "Key own-header-value");
    assert_eq!(received[0].header("authorization"), "Basic 5Yip55So6ICFOnBAc3Mgd8O2cmQvJj8=");
    assert_eq!(received[1].header("authorization"), "Bearer tok-0123456789-abc");
    assert_eq!(received[2].header("x-token"), "tok-0123456789-abc");
    let shown = ids.map(|id| {
        let status = fixture.store.delivery(id).unwrap();
        assert_eq!(status.url, receiver.url("/call?key=[secret query]"));
        let attempts = fixture.store.attempts(id).unwrap();
        assert!(String::from_utf8_lossy(&attempts[0].answer).contains("[secret]"));
        format!("{status:?} {attempts:?} {}", serde_json::to_string(&attempts).unwrap())
    });
    fixture.sqlite().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let file = std::fs::read(fixture.path()).unwrap();
    let spellings = ["5Yip55So6ICFOnBAc3Mgd8O2cmQvJj8=", "k%3Dey%26%2F1%202", "in\\\"side\\\\"];
    for secret in SECRETS.iter().map(|(_, value)| *value).chain(spellings) {
        assert!(memchr::memmem::find(&file, secret.as_bytes()).is_none(), "{secret} is in the file");
        assert!(shown.iter().all(|shown| !shown.contains(secret)), "{secret} is shown");
    }
}

#[test]
fn secrets_that_are_not_there_fail_before_sending() {
    struct Vault;
    impl renkei::SecretVault for Vault {
        fn secret(&self, name: &str) -> Result<Option<String>, String> {
            match name {
                "there" => Ok(Some("from outside".to_owned())),
                "locked" => Err("the vault is locked".to_owned()),
                "broken" => Ok(Some("two\r\nlines".to_owned())),
                _ => Ok(None),
            }
        }
    }
    let receiver = Receiver::start(|_, _| ok());
    let fixture = Fixture::with(|options| {
        options.secret_vault(Arc::new(Vault));
    });
    let ids = ["there", "locked", "broken", "missing"].map(|name| {
        let auth = Some(Auth::Bearer { token: name.to_owned() });
        let delivery = NewDelivery::post(receiver.url("/")).sending(Sending { auth, ..Sending::default() });
        fixture.store.deliver(&delivery).unwrap()
    });
    run(&fixture.store);
    assert_eq!(receiver.received()[0].header("authorization"), "Bearer from outside");
    assert_eq!(receiver.count(), 1);
    let outcomes = ids.map(|id| {
        let (state, _, _, code) = outcome(&fixture.store, id);
        (state, code)
    });
    use DeliveryState::{Delivered, Failed, Waiting};
    let expected =
        [(Delivered, ""), (Waiting, "secret.key"), (Failed, "delivery.invalid"), (Failed, "secret.not_found")];
    assert_eq!(outcomes, expected.map(|(state, code)| (state, code.to_owned())));
    assert_eq!(fixture.store.put_secret("a", "b").unwrap_err().code(), Code::SecretKey);
    // The fault is on this side: the target is not blamed.
    assert_eq!(fixture.store.targets().unwrap()[0].failures, 0);
}

#[test]
fn messages_are_signed_by_every_secret_in_rotation() {
    let fixture = with_secrets();
    let (old, new) = (fixture.store.new_signing_secret(), fixture.store.new_signing_secret());
    fixture.store.put_secret("sign-old", &old).unwrap();
    fixture.store.put_secret("sign-new", &new).unwrap();
    let receiver = Receiver::start(|_, _| ok());
    let signing = Some(Signing { secrets: vec!["sign-new".to_owned(), "sign-old".to_owned()] });
    let sending = Sending { signing, ..Sending::default() };
    let large = vec![b'z'; 700_000];
    let file = fixture.store.put_file("large", &large[..]).unwrap();
    let deliveries = [
        NewDelivery::post(receiver.url("/")).body("短い本文"),
        NewDelivery::post(receiver.url("/")).file(file.id),
        NewDelivery::post(receiver.url("/")),
    ];
    for delivery in deliveries {
        fixture.store.deliver(&delivery.sending(sending.clone())).unwrap();
    }
    run(&fixture.store);
    let received = receiver.received();
    assert_eq!(received.len(), 3);
    for one in &received {
        for secret in [&old, &new] {
            let verifier = WebhookVerifier::new().secret(secret).unwrap();
            let [id, time, signature] =
                ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| one.header(name));
            verifier.verify(id, time, signature, &one.body, NOW).unwrap();
            assert!(verifier.verify(id, time, signature, b"other", NOW).is_err());
        }
    }
}

#[test]
fn order_is_kept_for_each_key() {
    let fixture = real_clock();
    // Every third message fails twice before it is taken.
    let seen: Mutex<HashMap<String, usize>> = Mutex::default();
    let receiver = Receiver::start(move |one, _| {
        let mut seen = seen.lock().unwrap();
        let count = seen.entry(one.path.clone()).or_default();
        *count += 1;
        let number: usize = one.path.rsplit('/').next().unwrap().parse().unwrap();
        if number.is_multiple_of(3) && *count < 3 { status(500) } else { ok() }
    });
    fixture
        .store
        .apply(&Blueprint::new().target(Target::new("t", "t").circuit(Circuit { failures: 0, ..Circuit::default() })))
        .unwrap();
    let sending = Sending { target: Some("t".to_owned()), ..tries(5) };
    for number in 0..40 {
        let key = format!("k{}", number % 4);
        let url = receiver.url(&format!("/{key}/{number}"));
        fixture.store.deliver(&NewDelivery::post(url).order_key(key).sending(sending.clone())).unwrap();
    }
    let metrics = fixture.store.delivery_metrics().unwrap();
    assert_eq!((metrics.waiting, metrics.behind), (4, 36));
    run(&fixture.store);
    assert_eq!(fixture.store.delivery_metrics().unwrap().delivered_last_day, 40);
    let received = receiver.received();
    for key in 0..4 {
        let prefix = format!("/k{key}/");
        let mut numbers: Vec<usize> = received
            .iter()
            .filter_map(|one| one.path.strip_prefix(&prefix))
            .map(|number| number.parse().unwrap())
            .collect();
        // Each is done before the next begins.
        assert!(numbers.is_sorted(), "{numbers:?}");
        numbers.dedup();
        assert_eq!(numbers.len(), 10);
    }
    fixture.check_file();
}

#[test]
fn the_order_goes_on_after_one_that_failed_or_was_cancelled() {
    let fixture = Fixture::new();
    let receiver = Receiver::start(|one, _| if one.path == "/0" { status(400) } else { ok() });
    let ids: Vec<i64> = (0..4)
        .map(|number| {
            let delivery = NewDelivery::post(receiver.url(&format!("/{number}"))).order_key("k");
            fixture.store.deliver(&delivery).unwrap()
        })
        .collect();
    fixture.store.cancel_delivery(ids[1]).unwrap();
    run(&fixture.store);
    let states: Vec<DeliveryState> = ids.iter().map(|id| fixture.store.delivery(*id).unwrap().state).collect();
    use DeliveryState::{Behind, Cancelled, Delivered, Failed, Waiting};
    assert_eq!(states, [Failed, Cancelled, Delivered, Delivered]);
    // Replayed, the failed one goes before those that wait behind another.
    let later = [4, 5].map(|number| {
        let delivery = NewDelivery::post(receiver.url(&format!("/{number}"))).order_key("k");
        fixture.store.deliver(&delivery).unwrap()
    });
    fixture.store.replay_deliveries(&[ids[0], ids[1]]).unwrap();
    let state = |id: i64| fixture.store.delivery(id).unwrap().state;
    assert_eq!([later[0], later[1], ids[0], ids[1]].map(state), [Waiting, Behind, Behind, Behind]);
    run(&fixture.store);
    let paths: Vec<String> = receiver.received().into_iter().map(|one| one.path).collect();
    assert_eq!(paths, ["/0", "/2", "/3", "/4", "/0", "/1", "/5"]);
}

#[test]
fn urgent_ones_go_first() {
    let fixture = Fixture::new();
    let receiver = Receiver::start(|_, _| ok());
    for (number, priority) in [Priority::Low, Priority::Normal, Priority::High].into_iter().cycle().take(30).enumerate()
    {
        let delivery = NewDelivery::post(receiver.url(&format!("/{priority:?}/{number}"))).priority(priority);
        fixture.store.deliver(&delivery).unwrap();
    }
    worker(&fixture.store).senders(1).run_until_idle().unwrap();
    let paths: Vec<String> = receiver.received().into_iter().map(|one| one.path).collect();
    let first = |prefix: &str| paths.iter().position(|path| path.starts_with(prefix)).unwrap();
    assert_eq!((first("/High"), first("/Normal"), first("/Low")), (0, 10, 20), "{paths:?}");
}

#[test]
fn a_delivery_may_be_made_for_later() {
    let fixture = Fixture::new();
    let receiver = Receiver::start(|_, _| ok());
    let later = NOW.after(Duration::from_secs(3_600));
    let id = fixture.store.deliver(&NewDelivery::post(receiver.url("/")).due_at(later)).unwrap();
    assert_eq!(run(&fixture.store), 0);
    assert_eq!(fixture.store.delivery_metrics().unwrap().next_due_at, Some(later.0));
    fixture.clock.set(later);
    assert_eq!(run(&fixture.store), 1);
    assert_eq!(fixture.store.delivery(id).unwrap().state, DeliveryState::Delivered);
}

#[test]
fn no_more_go_to_a_target_at_once_than_it_allows() {
    let fixture = with_target(Target::new("narrow", "狭い").concurrency(2));
    let receiver = Receiver::start(|_, _| Reply::After(Duration::from_millis(30), Box::new(ok())));
    for _ in 0..20 {
        fixture.store.deliver(&NewDelivery::post(receiver.url("/")).sending(to("narrow"))).unwrap();
    }
    // Two workers share the limit.
    let threads = [(); 2].map(|()| {
        let store = fixture.store.clone();
        std::thread::spawn(move || worker(&store).senders(6).run_until_idle().unwrap())
    });
    for thread in threads {
        thread.join().unwrap();
    }
    run(&fixture.store);
    assert_eq!(receiver.count(), 20);
    assert_eq!(receiver.most_at_once(), 2);
}

#[test]
fn a_worker_claims_ahead_of_a_narrow_target_and_still_sends_one_at_a_time() {
    let fixture = with_target(Target::new("narrow", "狭い").concurrency(6));
    let (release, held) = std::sync::mpsc::channel::<()>();
    let held = Mutex::new(held);
    let receiver = Receiver::start(move |_, number| {
        if number == 10 {
            let _ = held.lock().unwrap().recv();
        }
        Reply::After(Duration::from_millis(1), Box::new(ok()))
    });
    for _ in 0..200 {
        fixture.store.deliver(&NewDelivery::post(receiver.url("/")).sending(to("narrow"))).unwrap();
    }
    let threads = [4, 4, 1].map(|senders| {
        let store = fixture.store.clone();
        std::thread::spawn(move || worker(&store).senders(senders).run_until_idle().unwrap())
    });
    receiver.wait(11);
    let sending = fixture.store.targets().unwrap()[0].sending;
    release.send(()).unwrap();
    for thread in threads {
        thread.join().unwrap();
    }
    run(&fixture.store);
    assert!(sending > 6, "{sending} were claimed");
    assert_eq!(receiver.count(), 200);
    assert!((2..=6).contains(&receiver.most_at_once()), "{} at once", receiver.most_at_once());
}

#[test]
fn what_was_claimed_ahead_of_a_target_that_becomes_slow_is_given_back() {
    let fixture = real_clock();
    fixture.store.apply(&Blueprint::new().target(Target::new("moody", "気まぐれ").concurrency(100))).unwrap();
    let moody = Receiver::start(|_, number| match number {
        0..20 => ok(),
        _ => Reply::After(Duration::from_secs(3), Box::new(ok())),
    });
    let quick = Receiver::start(|_, _| ok());
    for _ in 0..200 {
        fixture.store.deliver(&NewDelivery::post(moody.url("/")).sending(to("moody"))).unwrap();
    }
    let handle = worker(&fixture.store).senders(4).start().unwrap();
    moody.wait(24);
    let began = Instant::now();
    fixture.store.deliver(&NewDelivery::post(quick.url("/"))).unwrap();
    quick.wait(1);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    handle.stop();
    assert!(moody.count() < 40);
}

#[test]
fn a_target_is_called_no_faster_than_its_rate() {
    let fixture = real_clock();
    fixture.store.apply(&Blueprint::new().target(Target::new("calm", "静か").rate(Rate::per_second(50)))).unwrap();
    let receiver = Receiver::start(|_, _| ok());
    for _ in 0..30 {
        fixture.store.deliver(&NewDelivery::post(receiver.url("/")).sending(to("calm"))).unwrap();
    }
    let handle = worker(&fixture.store).start().unwrap();
    receiver.wait(30);
    handle.stop();
    let received = receiver.received();
    let took = received[29].at - received[0].at;
    assert!(took >= Duration::from_millis(29 * 20 - 40), "{took:?}");
}

#[test]
fn a_slow_target_does_not_slow_others() {
    let fixture = real_clock();
    let slow = Receiver::start(|_, _| Reply::After(Duration::from_secs(2), Box::new(ok())));
    let fast = Receiver::start(|_, _| ok());
    for _ in 0..40 {
        fixture.store.deliver(&NewDelivery::post(slow.url("/"))).unwrap();
    }
    let handle = worker(&fixture.store).senders(8).start().unwrap();
    slow.wait(4);
    std::thread::sleep(Duration::from_millis(700));
    let began = Instant::now();
    for _ in 0..200 {
        fixture.store.deliver(&NewDelivery::post(fast.url("/"))).unwrap();
    }
    fast.wait(200);
    let took = began.elapsed();
    println!("200 deliveries beside a slow target took {took:?}");
    assert!(took < Duration::from_millis(1_500), "{took:?}");
    for delivery in fixture.store.deliveries(&DeliveryFilter::new().state(DeliveryState::Waiting), None, 100).unwrap() {
        fixture.store.cancel_delivery(delivery.id).unwrap();
    }
    handle.stop();
}

#[test]
fn a_circuit_opens_lets_one_probe_and_closes() {
    let circuit = Circuit { failures: 3, open_seconds: 60, longest_open_seconds: 100, disable_after_seconds: None };
    let fixture = with_target(Target::new("weak", "弱い").circuit(circuit));
    let healthy = Arc::new(AtomicUsize::new(0));
    let switch = healthy.clone();
    let receiver = Receiver::start(move |_, _| if switch.load(Ordering::SeqCst) == 0 { status(500) } else { ok() });
    let sending = Sending { target: Some("weak".to_owned()), ..tries(50) };
    for _ in 0..10 {
        fixture.store.deliver(&NewDelivery::post(receiver.url("/")).sending(sending.clone())).unwrap();
    }
    let notices: Arc<Mutex<Vec<Notice>>> = Arc::default();
    let noted = notices.clone();
    let worker = worker(&fixture.store).senders(1).on_notice(move |notice| noted.lock().unwrap().push(notice.clone()));
    worker.run_until_idle().unwrap();
    // What was claimed already is given back.
    assert_eq!(receiver.count(), 3);
    let status = &fixture.store.targets().unwrap()[0];
    assert_eq!((status.name.as_str(), status.circuit, status.waiting), ("weak", CircuitPosition::Open, 10));
    assert_eq!(status.probe_at, Some(NOW.0 + 60_000));
    assert_eq!(worker.run_until_idle().unwrap(), 0);
    fixture.clock.advance(Duration::from_secs(60));
    assert_eq!(worker.run_until_idle().unwrap(), 1);
    assert_eq!(fixture.store.targets().unwrap()[0].probe_at, Some(NOW.0 + 160_000));
    healthy.store(1, Ordering::SeqCst);
    fixture.clock.advance(Duration::from_secs(100));
    assert_eq!(worker.run_until_idle().unwrap(), 10);
    assert_eq!(fixture.store.targets().unwrap()[0].circuit, CircuitPosition::Closed);
    let notices = notices.lock().unwrap();
    assert!(
        matches!(&notices[..], [Notice::CircuitOpened { target, failures: 3, .. }, Notice::CircuitClosed { .. }] if target == "weak"),
        "{notices:?}"
    );
}

#[test]
fn a_target_that_fails_for_days_is_disabled_and_its_backlog_stays() {
    let circuit =
        Circuit { failures: 2, open_seconds: 60, longest_open_seconds: 3_600, disable_after_seconds: Some(86_400) };
    let fixture = with_target(Target::new("gone", "不在").circuit(circuit));
    let receiver = Receiver::start(|one, _| if one.path == "/dead" { status(502) } else { ok() });
    let dead = Sending { target: Some("gone".to_owned()), ..tries(1_000) };
    for _ in 0..20 {
        fixture.store.deliver(&NewDelivery::post(receiver.url("/dead")).sending(dead.clone())).unwrap();
    }
    let notices: Arc<Mutex<Vec<Notice>>> = Arc::default();
    let noted = notices.clone();
    let worker = worker(&fixture.store).on_notice(move |notice| noted.lock().unwrap().push(notice.clone()));
    while let Some(due) = fixture.store.delivery_metrics().unwrap().next_due_at {
        fixture.clock.set(Timestamp(due.max(fixture.store.now().0)));
        worker.run_until_idle().unwrap();
    }
    let status = &fixture.store.targets().unwrap()[0];
    assert_eq!((status.circuit, status.waiting), (CircuitPosition::Disabled, 20));
    assert!(status.disabled_why.as_ref().unwrap().contains("502"));
    let told = notices.lock().unwrap().iter().filter(|notice| matches!(notice, Notice::TargetDisabled { .. })).count();
    assert_eq!(told, 1);
    // Others go by undisturbed, and what comes meanwhile waits with the rest.
    fixture.store.deliver(&NewDelivery::post(receiver.url("/dead")).sending(dead)).unwrap();
    fixture.store.deliver(&NewDelivery::post(receiver.url("/live"))).unwrap();
    assert_eq!(worker.run_until_idle().unwrap(), 1);
    let none = Receiver::start(|_, _| ok());
    assert_eq!(fixture.store.enable_target(&none.origin()).unwrap_err().code(), Code::TargetNotFound);
    fixture.store.enable_target("gone").unwrap();
    assert!(worker.run_until_idle().unwrap() >= 2);
    // By hand.
    fixture.store.disable_target(&receiver.origin(), "保守のため").unwrap();
    fixture.store.deliver(&NewDelivery::post(receiver.url("/live"))).unwrap();
    let before = receiver.count();
    worker.run_until_idle().unwrap();
    assert_eq!(receiver.count(), before);
    fixture.store.enable_target(&receiver.origin()).unwrap();
    assert!(worker.run_until_idle().unwrap() >= 1);
}

#[test]
fn cancelling_ends_what_waits_and_what_would_be_tried_again() {
    let fixture = real_clock();
    let receiver = Receiver::start(|one, _| {
        let code = if one.path == "/bad" { 500 } else { 200 };
        let after = if one.path == "/first" { 0 } else { 1_500 };
        Reply::After(Duration::from_millis(after), Box::new(status(code)))
    });
    let post = |path: &str| fixture.store.deliver(&NewDelivery::post(receiver.url(path))).unwrap();
    let later = NewDelivery::post(receiver.url("/")).due_at(fixture.store.now().after(Duration::from_secs(1_000)));
    let waiting = fixture.store.deliver(&later).unwrap();
    fixture.store.cancel_delivery(waiting).unwrap();
    let handle = worker(&fixture.store).start().unwrap();
    // A target that has answered gets several deliveries at once.
    let first = post("/first");
    assert!(fixture.store.wait_delivery(first, Duration::from_secs(10)).unwrap().state.is_ended());
    let (bad, good) = (post("/bad"), post("/good"));
    receiver.wait(3);
    for id in [bad, good] {
        fixture.store.cancel_delivery(id).unwrap();
        assert!(fixture.store.delivery(id).unwrap().cancel_asked);
    }
    let states = [waiting, bad, good].map(|id| fixture.store.wait_delivery(id, Duration::from_secs(10)).unwrap().state);
    handle.stop();
    use DeliveryState::{Cancelled, Delivered};
    assert_eq!(states, [Cancelled, Cancelled, Delivered]);
    assert_eq!(fixture.store.cancel_delivery(good).unwrap_err().code(), Code::DeliveryState);
    assert_eq!(fixture.store.cancel_delivery(1).unwrap_err().code(), Code::DeliveryNotFound);
    assert_eq!(receiver.count(), 3);
}

#[test]
fn dead_letters_are_replayed_one_many_or_all_since_a_moment() {
    let fixture = Fixture::new();
    let healthy = Arc::new(AtomicUsize::new(0));
    let switch = healthy.clone();
    let receiver = Receiver::start(move |_, _| if switch.load(Ordering::SeqCst) == 0 { status(404) } else { ok() });
    let mut ids = Vec::new();
    for hour in 0..6 {
        fixture.clock.set(NOW.after(Duration::from_secs(hour * 3_600)));
        ids.push(fixture.store.deliver(&NewDelivery::post(receiver.url("/")).body(hour.to_string())).unwrap());
        run(&fixture.store);
    }
    assert_eq!(fixture.store.delivery_metrics().unwrap().failed, 6);
    healthy.store(1, Ordering::SeqCst);
    fixture.store.replay_delivery(ids[0]).unwrap();
    assert_eq!(fixture.store.replay_delivery(ids[0]).unwrap_err().code(), Code::DeliveryState);
    // All, or none.
    assert!(fixture.store.replay_deliveries(&[ids[1], ids[0]]).is_err());
    assert_eq!(run(&fixture.store), 1);
    let since = DeliveryFilter::new().ended_since(NOW.after(Duration::from_secs(3 * 3_600)));
    assert_eq!(fixture.store.replay_failed(&since.clone().kind("csv_push")).unwrap(), 0);
    assert_eq!(fixture.store.replay_failed(&since.clone().target("other")).unwrap(), 0);
    assert_eq!(fixture.store.replay_failed(&since.target(receiver.origin())).unwrap(), 3);
    assert_eq!(run(&fixture.store), 3);
    fixture.store.replay_deliveries(&[ids[1], ids[2]]).unwrap();
    assert_eq!(run(&fixture.store), 2);
    let received = receiver.received();
    for (hour, id) in ids.iter().enumerate() {
        let status = fixture.store.delivery(*id).unwrap();
        assert_eq!(status.state, DeliveryState::Delivered);
        let sent: Vec<_> = received.iter().filter(|one| one.text() == hour.to_string()).collect();
        assert!(sent.len() == 2 && sent.iter().all(|one| one.header("webhook-id") == status.message_id));
    }
    // What was delivered can be sent again too.
    fixture.store.replay_delivery(ids[5]).unwrap();
    assert_eq!(run(&fixture.store), 1);
}

#[test]
fn deadlines_end_deliveries_wherever_they_wait() {
    let fixture = Fixture::new();
    let receiver = Receiver::start(|_, _| status(500));
    let retry = RetryPlan { deadline_seconds: Some(600), ..RetryPlan::default() };
    let sending = Sending { retry, ..Sending::default() };
    let post = || NewDelivery::post(receiver.url("/")).sending(sending.clone());
    let tried = fixture.store.deliver(&post()).unwrap();
    let worker = worker(&fixture.store);
    while let Some(due) = fixture.store.delivery_metrics().unwrap().next_due_at {
        fixture.clock.set(Timestamp(due.max(fixture.store.now().0)));
        worker.run_until_idle().unwrap();
    }
    // The attempt after half an hour would be too late.
    let status = fixture.store.delivery(tried).unwrap();
    assert_eq!((status.state, status.attempts, status.status), (DeliveryState::Failed, 3, Some(500)));
    // Claimed too late, and swept where nobody claims.
    let late = fixture.store.deliver(&post()).unwrap();
    let held = fixture.store.deliver(&NewDelivery::post("https://other.example/").sending(sending.clone())).unwrap();
    fixture.store.disable_target("https://other.example:443", "off").unwrap();
    fixture.clock.advance(Duration::from_secs(600));
    let before = receiver.count();
    worker.run_until_idle().unwrap();
    assert_eq!(receiver.count(), before);
    for id in [late, held] {
        let status = fixture.store.delivery(id).unwrap();
        assert_eq!((status.state, status.error.unwrap().code.as_str()), (DeliveryState::Failed, "delivery.expired"));
    }
    fixture.check_file();
}

#[test]
fn deliveries_that_must_not_be_doubled_are_not_tried_again_without_an_answer() {
    let retry = RetryPlan { unanswered: false, ..RetryPlan::default() };
    let sending = Sending { retry, ..hasty() };
    let sending = Sending { retry: RetryPlan { unanswered: false, ..RetryPlan::default() }, ..sending };
    let (fixture, _receiver, id) = send(Reply::Raw(Vec::new()), |url| NewDelivery::post(url).sending(sending.clone()));
    assert_eq!(outcome(&fixture.store, id).0, DeliveryState::Failed);
    // What cannot have arrived is.
    let id = fixture.store.deliver(&NewDelivery::post("http://127.0.0.1:1/").sending(sending.clone())).unwrap();
    run(&fixture.store);
    assert_eq!(outcome(&fixture.store, id).0, DeliveryState::Waiting);
}

/// Answers without a network, and keeps what it saw.
#[derive(Default)]
struct Fake(Mutex<Vec<String>>);

impl Transport for Fake {
    fn send(&self, request: &mut OutboundRequest<'_>) -> Result<Exchange, Failure> {
        let mut body = String::new();
        request.body.read_to_string(&mut body).unwrap();
        let address = request.addresses().map_err(|error| Failure::before_sending(&error.to_string(), "fake"))?;
        self.0.lock().unwrap().push(format!("{} {} {body} {address:?}", request.method, request.url.full()));
        match request.url.path() {
            "/panic" => panic!("a transport that panics"),
            "/none" => Err(Failure::unanswered("it hung up", &request.url.origin())),
            _ => Ok(Exchange::new(Answer::new(202), Times::default())),
        }
    }
}

#[test]
fn a_host_may_bring_its_own_transport() {
    let fixture = Fixture::new();
    let fake = Arc::new(Fake::default());
    let worker = Worker::new(&fixture.store).transport(Channel::Http, fake.clone()).network(local());
    let ids = ["/a", "/panic", "/none"]
        .map(|path| fixture.store.deliver(&NewDelivery::post(format!("http://127.0.0.1:9{path}")).body("b")).unwrap());
    assert_eq!(worker.run_until_idle().unwrap(), 3);
    assert!(fake.0.lock().unwrap().contains(&"POST http://127.0.0.1:9/a b [127.0.0.1:9]".to_owned()));
    let outcomes = ids.map(|id| outcome(&fixture.store, id));
    assert_eq!(outcomes[0].0, DeliveryState::Delivered);
    assert_eq!((outcomes[1].0, outcomes[1].3.as_str()), (DeliveryState::Waiting, "internal"));
    assert_eq!((outcomes[2].0, outcomes[2].3.as_str()), (DeliveryState::Waiting, "answer.missing"));
    // Mail is left to workers that have something for it, as all have with the feature `mail`.
    if cfg!(feature = "mail") {
        return;
    }
    let mut mail = NewDelivery::http("", "smtp://127.0.0.1:25");
    mail.channel = Channel::Mail;
    let id = fixture.store.deliver(&mail).unwrap();
    assert_eq!(worker.run_until_idle().unwrap(), 0);
    assert_eq!(fixture.store.delivery(id).unwrap().state, DeliveryState::Waiting);
    let post = Worker::new(&fixture.store).transport(Channel::Mail, fake).network(local());
    assert_eq!(post.run_until_idle().unwrap(), 1);
    assert_eq!(fixture.store.delivery(id).unwrap().state, DeliveryState::Delivered);
}

#[test]
fn run_once_sends_one() {
    let fixture = Fixture::new();
    let receiver = Receiver::start(|_, _| ok());
    for _ in 0..3 {
        fixture.store.deliver(&NewDelivery::post(receiver.url("/"))).unwrap();
    }
    let worker = worker(&fixture.store);
    for count in 1..=3 {
        assert!(worker.run_once().unwrap());
        assert_eq!(receiver.count(), count);
    }
    assert!(!worker.run_once().unwrap());
    // The connection was kept all the while.
    assert_eq!(receiver.connections(), 1);
    let jobs: i64 = fixture.sqlite().query_row("SELECT count(*) FROM renkei_job", [], |row| row.get(0)).unwrap();
    assert_eq!(jobs, 0);
}

#[test]
fn a_background_worker_sends_at_once_and_stops_cleanly() {
    let fixture = real_clock();
    let receiver = Receiver::start(|one, _| match one.path.as_str() {
        "/slow" => Reply::After(Duration::from_millis(500), Box::new(ok())),
        _ => ok(),
    });
    let handle = worker(&fixture.store).start().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let began = Instant::now();
    let id = fixture.store.deliver(&NewDelivery::post(receiver.url("/"))).unwrap();
    fixture.store.wait_delivery(id, Duration::from_secs(5)).unwrap();
    let took = began.elapsed();
    assert!(took < Duration::from_millis(190), "{took:?}");
    // What is on its way when it is stopped comes to its end.
    let slow = fixture.store.deliver(&NewDelivery::post(receiver.url("/slow"))).unwrap();
    receiver.wait(2);
    handle.stop();
    assert_eq!(fixture.store.delivery(slow).unwrap().state, DeliveryState::Delivered);
    let jobs: i64 = fixture.sqlite().query_row("SELECT count(*) FROM renkei_job", [], |row| row.get(0)).unwrap();
    assert_eq!(jobs, 0);
    let beside: Vec<_> = std::fs::read_dir(fixture.dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("-run-"))
        .collect();
    assert_eq!(beside, Vec::<String>::new());
}

#[test]
fn the_figures_say_how_the_queue_stands() {
    let fixture = Fixture::new();
    let receiver = Receiver::start(|one, _| status(one.path[1..].parse().unwrap()));
    for code in [200, 200, 200, 404, 500] {
        fixture.store.deliver(&NewDelivery::post(receiver.url(&format!("/{code}")))).unwrap();
    }
    run(&fixture.store);
    fixture.clock.advance(Duration::from_secs(3));
    fixture.store.deliver(&NewDelivery::post(receiver.url("/200"))).unwrap();
    fixture.clock.advance(Duration::from_secs(7));
    let metrics = fixture.store.delivery_metrics().unwrap();
    assert_eq!((metrics.waiting, metrics.due, metrics.sending, metrics.behind), (2, 2, 0, 0));
    assert_eq!((metrics.delivered_last_day, metrics.failed_last_day, metrics.failed), (3, 1, 1));
    assert!(metrics.oldest_due_ms.is_some_and(|age| (4_000..=7_000).contains(&age)), "{metrics:?}");
    assert!(metrics.next_due_at.is_some_and(|due| due <= fixture.store.now().0));
    assert_eq!((metrics.latency.attempts, metrics.latency.failures), (5, 2));
    assert!(metrics.latency.p50_us <= metrics.latency.p99_us && metrics.latency.p99_us <= metrics.latency.max_us);
    assert_eq!((metrics.targets.len(), metrics.targets[0].waiting), (1, 2));
    let json = serde_json::to_value(&metrics).unwrap();
    assert_eq!(json["targets"][0]["circuit"], "closed");
    // Listed, newest first, page by page.
    let page = fixture.store.deliveries(&DeliveryFilter::new(), None, 4).unwrap();
    let rest = fixture.store.deliveries(&DeliveryFilter::new(), Some(page[3].id), 10).unwrap();
    assert_eq!((page.len(), rest.len()), (4, 2));
    let failed = fixture.store.deliveries(&DeliveryFilter::new().state(DeliveryState::Failed), None, 10).unwrap();
    assert_eq!((failed.len(), failed[0].status), (1, Some(404)));
}

#[test]
fn what_has_ended_is_kept_for_the_retention() {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let fixture = Fixture::new();
    let receiver = Receiver::start(|one, _| status(one.path[1..].parse().unwrap()));
    let make = |code: u16| fixture.store.deliver(&NewDelivery::post(receiver.url(&format!("/{code}")))).unwrap();
    let ended = [make(200), make(404)];
    run(&fixture.store);
    let far = fixture.store.now().after(1_000 * DAY);
    let waiting = fixture.store.deliver(&NewDelivery::post(receiver.url("/200")).due_at(far)).unwrap();
    let rows = |table: &str| -> i64 {
        fixture.sqlite().query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    let all = || ["renkei_delivery", "renkei_message", "renkei_attempt"].map(rows);
    let worker = worker(&fixture.store).retention(10 * DAY);
    fixture.clock.advance(9 * DAY);
    worker.sweep().unwrap();
    assert_eq!(all(), [3, 3, 2]);
    assert!(ended.iter().all(|id| fixture.store.attempts(*id).unwrap().len() == 1));
    fixture.clock.advance(2 * DAY);
    worker.sweep().unwrap();
    assert_eq!(all(), [1, 1, 0]);
    assert_eq!(fixture.store.delivery(waiting).unwrap().state, DeliveryState::Waiting);
    assert_eq!(fixture.store.delivery(ended[0]).unwrap_err().code(), Code::DeliveryNotFound);
}

#[test]
fn targets_are_definitions() {
    let fixture = Fixture::new();
    let json = r#"{"targets": [{"code": "core", "name": "基幹", "concurrency": 3,
        "rate": {"calls": 10, "seconds": 1}, "circuit": {"failures": 5}}]}"#;
    let blueprint = Blueprint::from_json(json).unwrap();
    assert_eq!(fixture.store.apply(&blueprint).unwrap().len(), 1);
    assert!(fixture.store.apply(&blueprint).unwrap().is_empty());
    let dumped = fixture.store.blueprint().unwrap();
    assert_eq!((dumped.targets.len(), dumped.targets[0].id), (1, Some(100001)));
    assert!(fixture.store.apply(&dumped).unwrap().is_empty());
    for bad in [
        Target::new("a b", "x"),
        Target::new("a", "x").concurrency(0),
        Target::new("a", "x").rate(Rate { calls: 0, seconds: 1, burst: 1 }),
    ] {
        let error = fixture.store.apply(&Blueprint::new().target(bad)).unwrap_err();
        assert_eq!(error.code(), Code::DefinitionInvalid);
    }
    let sent = NewDelivery::post("https://h.example/").sending(to("core"));
    let id = fixture.store.deliver(&sent).unwrap();
    assert_eq!(fixture.store.delivery(id).unwrap().target, "core");
    fixture.store.remove_definition(renkei::DefinitionKind::Target, "", "core").unwrap();
    assert_eq!(fixture.store.targets().unwrap()[0].name, "100001");
    assert_eq!(fixture.store.deliver(&sent).unwrap_err().code(), Code::DefinitionNotFound);
}

#[test]
fn many_deliveries_drain() {
    let count = std::env::var("RENKEI_TEST_DELIVERIES").ok().and_then(|count| count.parse().ok()).unwrap_or(3_000);
    let fixture = real_clock();
    let receiver = Receiver::start(|_, _| ok());
    // Beside a backlog that nobody may touch.
    fixture
        .store
        .transaction(|transaction| {
            for number in 0..count {
                transaction.deliver(&NewDelivery::post(receiver.url("/")).body(number.to_string()))?;
                if number % 3 == 0 {
                    transaction.deliver(&NewDelivery::post("https://dead.example/"))?;
                }
            }
            Ok(())
        })
        .unwrap();
    fixture.store.disable_target("https://dead.example:443", "off").unwrap();
    let began = Instant::now();
    assert_eq!(run(&fixture.store), count);
    println!("{count} deliveries in {:?}", began.elapsed());
    let mut bodies: Vec<u64> = receiver.received().iter().map(|one| one.text().parse().unwrap()).collect();
    bodies.sort_unstable();
    assert!(bodies.into_iter().eq(0..count));
    fixture.check_file();
}
