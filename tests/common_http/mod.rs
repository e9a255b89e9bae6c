//! A receiver of HTTP that does what a script says, well or badly.
#![allow(dead_code, reason = "every test file uses a part of it")]

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Received {
    pub method: String,
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Which connection it came by.
    pub connection: usize,
    pub at: Instant,
}

impl Received {
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// Holds replies back until it is opened.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<AtomicBool>);

impl Gate {
    pub fn open(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    fn is_open(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// How long a test waits for what must come: only a hang is ended by it.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// What the receiver does with a request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// Answers, and keeps the connection.
    Answer { status: u16, headers: Vec<(&'static str, String)>, body: Vec<u8> },
    /// Waits, then answers.
    After(Duration, Box<Reply>),
    /// Waits until the gate is open, then answers.
    Behind(Gate, Box<Reply>),
    /// Writes these bytes and closes.
    Raw(Vec<u8>),
    /// Writes these bytes, then nothing more, and keeps the connection open.
    Hang(Vec<u8>),
    /// Writes the first part, then one byte of the second now and then.
    Drip(Vec<u8>, Vec<u8>, Duration),
    /// Writes the first part, then the second again and again until nobody reads.
    Endless(Vec<u8>, Vec<u8>),
    /// Writes these bytes before the body was read, and closes: what is unread makes it a reset.
    Early(Vec<u8>),
    /// Reads nothing of the body, answers nothing, and keeps the connection open.
    Deaf,
    /// Says 100 Continue first, asked or not.
    Continue(Box<Reply>),
}

pub fn ok() -> Reply {
    status(200)
}

pub fn status(status: u16) -> Reply {
    Reply::Answer { status, headers: Vec::new(), body: Vec::new() }
}

pub fn answer(status: u16, headers: &[(&'static str, &str)], body: impl Into<Vec<u8>>) -> Reply {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Reply::Answer { status, headers, body: body.into() }
}

type Script = dyn Fn(&Received, usize) -> Reply + Send + Sync;

struct Inner {
    script: Box<Script>,
    received: Mutex<Vec<Received>>,
    changed: Condvar,
    connections: AtomicUsize,
    /// Being answered now, and the most at once.
    now: AtomicUsize,
    most: AtomicUsize,
    ended: AtomicBool,
    tls: Option<Arc<ServerConfig>>,
}

/// A receiver on this machine; ends when dropped.
pub struct Receiver {
    pub address: SocketAddr,
    inner: Arc<Inner>,
}

impl Receiver {
    /// Answers each request by the script, which gets its number, counted from 0.
    pub fn start(script: impl Fn(&Received, usize) -> Reply + Send + Sync + 'static) -> Receiver {
        Receiver::at(IpAddr::V4(Ipv4Addr::LOCALHOST), None, script).unwrap()
    }

    pub fn start_tls(
        tls: Arc<ServerConfig>,
        script: impl Fn(&Received, usize) -> Reply + Send + Sync + 'static,
    ) -> Receiver {
        Receiver::at(IpAddr::V4(Ipv4Addr::LOCALHOST), Some(tls), script).unwrap()
    }

    pub fn at(
        address: IpAddr,
        tls: Option<Arc<ServerConfig>>,
        script: impl Fn(&Received, usize) -> Reply + Send + Sync + 'static,
    ) -> io::Result<Receiver> {
        let listener = TcpListener::bind((address, 0))?;
        let address = listener.local_addr()?;
        let inner = Arc::new(Inner {
            script: Box::new(script),
            received: Mutex::new(Vec::new()),
            changed: Condvar::new(),
            connections: AtomicUsize::new(0),
            now: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
            tls,
        });
        let shared = inner.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.ended.load(Ordering::SeqCst) {
                    break;
                }
                let (Ok(stream), shared) = (stream, shared.clone()) else { continue };
                let number = shared.connections.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || {
                    let _ = stream.set_nodelay(true);
                    let socket = stream.try_clone().unwrap();
                    match &shared.tls {
                        None => serve(&shared, number, stream, &socket),
                        Some(config) => {
                            let connection = ServerConnection::new(config.clone()).unwrap();
                            serve(&shared, number, StreamOwned::new(connection, stream), &socket);
                        }
                    }
                });
            }
        });
        Ok(Receiver { address, inner })
    }

    pub fn url(&self, path: &str) -> String {
        let scheme = if self.inner.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.address)
    }

    pub fn origin(&self) -> String {
        self.url("")
    }

    pub fn received(&self) -> Vec<Received> {
        self.inner.received.lock().unwrap().clone()
    }

    pub fn count(&self) -> usize {
        self.inner.received.lock().unwrap().len()
    }

    pub fn connections(&self) -> usize {
        self.inner.connections.load(Ordering::SeqCst)
    }

    /// The most requests that were answered at once.
    pub fn most_at_once(&self) -> usize {
        self.inner.most.load(Ordering::SeqCst)
    }

    /// Waits until so many requests have come.
    pub fn wait(&self, count: usize) {
        let received = self.inner.received.lock().unwrap();
        let (received, timeout) =
            self.inner.changed.wait_timeout_while(received, PATIENCE, |received| received.len() < count).unwrap();
        assert!(!timeout.timed_out(), "{} of {count} requests came", received.len());
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.inner.ended.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(inner: &Inner, connection: usize, mut stream: impl Read + Write, socket: &TcpStream) {
    let mut buffer = Vec::new();
    while let Some((head, mut received)) = read_head(&mut stream, &mut buffer, connection) {
        // The script is asked before the body is read, so that it can refuse to read it.
        let number = {
            let mut all = inner.received.lock().unwrap();
            all.push(received.clone());
            all.len() - 1
        };
        let now = inner.now.fetch_add(1, Ordering::SeqCst) + 1;
        inner.most.fetch_max(now, Ordering::SeqCst);
        let early = (inner.script)(&received, number);
        let goes_on = match early {
            Reply::Early(bytes) => {
                let _ = stream.write_all(&bytes).and_then(|()| stream.flush());
                false
            }
            Reply::Deaf => {
                inner.changed.notify_all();
                while !inner.ended.load(Ordering::SeqCst) {
                    std::thread::sleep(Duration::from_millis(20));
                }
                false
            }
            reply => {
                if received.header("expect") == "100-continue" || matches!(reply, Reply::Continue(_)) {
                    let _ = stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").and_then(|()| stream.flush());
                }
                match read_body(&mut stream, &mut buffer, &head, &mut received) {
                    false => false,
                    true => {
                        inner.received.lock().unwrap()[number] = received;
                        inner.changed.notify_all();
                        reply_with(inner, &mut stream, &reply)
                    }
                }
            }
        };
        inner.now.fetch_sub(1, Ordering::SeqCst);
        inner.changed.notify_all();
        if !goes_on {
            break;
        }
    }
    let _ = stream.flush();
    // With bytes unread, closing is a reset.
    drop(stream);
    let _ = socket.shutdown(Shutdown::Write);
}

struct Head {
    length: usize,
    is_chunked: bool,
}

fn read_head(stream: &mut impl Read, buffer: &mut Vec<u8>, connection: usize) -> Option<(Head, Received)> {
    let end = loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        let mut piece = [0; 4096];
        let count = stream.read(&mut piece).ok().filter(|count| *count > 0)?;
        buffer.extend_from_slice(&piece[..count]);
    };
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    buffer.drain(..end);
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": ").map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())))
        .collect();
    let received = Received { method, path, headers, body: Vec::new(), connection, at: Instant::now() };
    let length = received.header("content-length").parse().unwrap_or(0);
    let is_chunked = received.header("transfer-encoding") == "chunked";
    Some((Head { length, is_chunked }, received))
}

fn read_body(stream: &mut impl Read, buffer: &mut Vec<u8>, head: &Head, received: &mut Received) -> bool {
    assert!(!head.is_chunked, "the size of every body is known");
    let mut piece = vec![0; 64 * 1024];
    while buffer.len() < head.length {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return false,
            Ok(count) => buffer.extend_from_slice(&piece[..count]),
        }
    }
    received.body = buffer.drain(..head.length).collect();
    true
}

/// Whether the connection is kept.
fn reply_with(inner: &Inner, stream: &mut impl Write, reply: &Reply) -> bool {
    let mut write = |bytes: &[u8]| stream.write_all(bytes).and_then(|()| stream.flush()).is_ok();
    let nap = Duration::from_millis(20);
    match reply {
        Reply::Answer { status, headers, body } => {
            let mut text = format!("HTTP/1.1 {status} Whatever\r\n");
            for (name, value) in headers {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
            if *status != 204 && *status != 304 {
                text.push_str(&format!("Content-Length: {}\r\n", body.len()));
            }
            text.push_str("\r\n");
            let mut bytes = text.into_bytes();
            bytes.extend_from_slice(body);
            write(&bytes)
        }
        Reply::After(wait, reply) => {
            let until = Instant::now() + *wait;
            while Instant::now() < until && !inner.ended.load(Ordering::SeqCst) {
                std::thread::sleep(nap.min(until.saturating_duration_since(Instant::now())));
            }
            reply_with(inner, stream, reply)
        }
        Reply::Behind(gate, reply) => {
            while !gate.is_open() && !inner.ended.load(Ordering::SeqCst) {
                std::thread::sleep(nap);
            }
            reply_with(inner, stream, reply)
        }
        Reply::Continue(reply) => reply_with(inner, stream, reply),
        Reply::Raw(bytes) | Reply::Early(bytes) => {
            write(bytes);
            false
        }
        Reply::Deaf => false,
        Reply::Hang(bytes) => {
            write(bytes);
            while !inner.ended.load(Ordering::SeqCst) {
                std::thread::sleep(nap);
            }
            false
        }
        Reply::Drip(first, second, pause) => {
            write(first);
            for byte in second {
                std::thread::sleep(*pause);
                if !write(&[*byte]) || inner.ended.load(Ordering::SeqCst) {
                    break;
                }
            }
            false
        }
        Reply::Endless(first, again) => {
            write(first);
            while write(again) && !inner.ended.load(Ordering::SeqCst) {
                std::hint::spin_loop();
            }
            false
        }
    }
}

/// A certificate authority made for the test.
pub struct Authority {
    pub pem: String,
    certificate: rcgen::CertifiedIssuer<'static, rcgen::KeyPair>,
}

impl Authority {
    pub fn new() -> Authority {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate = rcgen::CertifiedIssuer::self_signed(parameters, key).unwrap();
        Authority { pem: certificate.pem(), certificate }
    }

    /// What a server needs that is called so.
    pub fn server(&self, name: &str) -> Arc<ServerConfig> {
        self.server_within(name, 1975..4096)
    }

    /// What a server needs that is called so, and known from the beginning of one year to that of another.
    pub fn server_within(&self, name: &str, years: std::ops::Range<i32>) -> Arc<ServerConfig> {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        parameters.not_before = rcgen::date_time_ymd(years.start, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(years.end, 1, 1);
        let certificate = parameters.signed_by(&key, &self.certificate).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from(certificate.der().to_vec())],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        Arc::new(config)
    }
}
