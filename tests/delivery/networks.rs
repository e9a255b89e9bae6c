//! Where deliveries may go, and how far a receiver is believed.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use renkei::{DeliveryState, ErrorFamily, NetworkPolicy, NewDelivery, Resolver, Sending, Worker};

use crate::common::Fixture;
use crate::common_http::*;
use crate::fixture::*;

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
    let ids = urls.map(|url| fixture.store.deliver(&post_once(&url)).unwrap());
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
            std::thread::sleep(Duration::from_secs(24 * 60 * 60));
            Ok(vec![IpAddr::from([127, 0, 0, 1])])
        }
    }
    let fixture = Fixture::new();
    let id = fixture.store.deliver(&post_once("http://slow.example/").sending(hasty())).unwrap();
    Worker::new(&fixture.store).network(local()).resolver(Arc::new(Hangs)).run_until_idle().unwrap();
    assert_eq!(outcome(&fixture.store, id).3, "network.host");
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
    let trusting = Sending { ca_certificates: Some(ours.pem.clone()), ..once() };
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
    let trusting = |pem: &str| Sending { ca_certificates: Some(pem.to_owned()), ..once() };
    let reckless = Sending { danger_accept_any_certificate: true, ..once() };
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
    assert_eq!(send("core.example", once()), refused);
    assert_eq!(send("core.example", trusting(&other.pem)), refused);
    assert_eq!(send("wrong.example", trusting(&ours.pem)), refused);
    assert_eq!(good.count(), 0);
    assert_eq!(send("core.example", trusting(&both)), delivered);
    assert_eq!(send("wrong.example", reckless.clone()), delivered);
    // A connection that was made recklessly is not used by others.
    assert_eq!(send("wrong.example", trusting(&ours.pem)), refused);
    assert_eq!(send("wrong.example", once()), refused);
    assert_eq!(good.count(), 2);
    // A plain server where TLS was expected, and the other way round.
    let plain = Receiver::start(|_, _| Reply::Raw(b"HTTP/1.1 400 Bad\r\n\r\n".to_vec()));
    let to_plain = post_once(&format!("https://127.0.0.1:{}/", plain.address.port()));
    // The two wait for each other.
    let id = fixture.store.deliver(&to_plain.sending(hasty())).unwrap();
    worker.run_until_idle().unwrap();
    assert_eq!(outcome(&fixture.store, id).2, Some(ErrorFamily::BeforeSending));
    let id = fixture.store.deliver(&post_once(&format!("http://127.0.0.1:{port}/"))).unwrap();
    worker.run_until_idle().unwrap();
    assert_eq!(outcome(&fixture.store, id).2, Some(ErrorFamily::Unanswered));
}
