//! What is sent arrives as it was frozen, and what comes back is read within bounds.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use renkei::{
    Answer, Auth, Channel, Code, DeliveryFilter, DeliveryState, ErrorFamily, Escape, Exchange, Failure, NewDelivery,
    OutboundRequest, RetryPlan, Sending, Signing, SlottedText, Timeouts, Times, Transport, Values, Worker,
};

use crate::common::Fixture;
use crate::common_http::*;
use crate::fixture::*;

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
        fixture.store.deliver(&NewDelivery::post(url.as_str()).body("the body").sending(once())).unwrap();
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
fn what_answers_badly_is_bounded_and_told_apart() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n".to_vec();
    let cases: Vec<(&str, Reply, Option<u16>, &str)> = vec![
        ("hang before the head", Reply::Hang(Vec::new()), None, "answer.timeout"),
        ("hang inside the head", Reply::Hang(b"HTTP/1.1 200 OK\r\nX-".to_vec()), None, "answer.timeout"),
        ("hang inside the body", Reply::Hang([&head[..], b"half"].concat()), Some(200), "answer.timeout"),
        (
            "a slow drip of the head",
            Reply::Drip(Vec::new(), head.clone(), Duration::from_millis(500)),
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
                let sending = if code == "answer.timeout" { hasty() } else { once() };
                let new = |url: &str| NewDelivery::post(url).body(body.clone()).sending(sending.clone());
                let (fixture, receiver, id) = send(reply, new);
                let (state, status, family, found) = outcome(&fixture.store, id);
                assert_eq!(state, DeliveryState::Failed, "{name}");
                assert_eq!((status, found.as_str()), (expected, code), "{name}");
                assert_eq!(family, Some(ErrorFamily::Unanswered), "{name}");
                assert_eq!(receiver.count(), 1, "{name}");
                let total = fixture.store.attempts(id).unwrap()[0].total_us;
                assert!(total < 30_000_000, "{name}: {total}");
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
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
        let (fixture, _receiver, id) = send(reply, post_once);
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
        let delivery = NewDelivery::post(receiver.url("/")).file(file.id).sending(once());
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
