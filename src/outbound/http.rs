//! HTTP and HTTPS by ureq: connections are kept and used again, and made to judged addresses only.
//!
//! ureq asks its resolver before it looks for a kept connection, so the look-up happens here where a connection is really
//! made. It bounds each call by the time that is left of the whole; a thread per request, which its own resolver would
//! start for that, is not needed.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use ureq::http::{HeaderName, HeaderValue, Method, Request, Uri};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver as UreqResolver};
use ureq::unversioned::transport::{
    Buffers, ConnectProxyConnector, ConnectionDetails, Connector, LazyBuffers, NextTimeout, TcpConnector,
    Transport as UreqTransport, TransportAdapter,
};
use ureq::{Agent, Proxy, SendBody, Timeout};
use zeroize::Zeroizing;

use super::resolve::Gate;
use super::sending::Sending;
use super::transport::{Answer, ErrorFamily, Exchange, Failure, OutboundRequest, Times, Transport};
use super::url::{Host, Url};
use crate::error::{Code, Error, IntoWords, Words, io_words, words};

/// Idle connections that are kept for one receiver, and for all.
const KEPT: usize = 128;

/// A body up to this size is sent together with the head.
const SMALL: u64 = 16 * 1024;

/// The longest head of an answer.
const HEAD_BYTES: usize = 64 * 1024;

/// Agents that are kept, one for each way of sending.
const KEPT_AGENTS: usize = 64;

/// Sends by HTTP/1.1 over TCP and TLS.
#[derive(Default)]
pub(crate) struct HttpTransport {
    agents: Mutex<HashMap<AgentKey, Agent>>,
}

/// What an agent, with its kept connections, is made for. One that trusts anybody shares none with one that does not.
#[derive(Clone, PartialEq, Eq, Hash)]
struct AgentKey {
    connect_seconds: u32,
    total_seconds: u32,
    ca_certificates: Option<String>,
    accepts_any: bool,
    proxy: Option<String>,
}

thread_local! {
    /// The call that this thread makes: ureq has no other way to give its connectors anything.
    static CALL: RefCell<Option<Call>> = const { RefCell::new(None) };
}

struct Call {
    gate: Gate,
    began: Instant,
    deadline: Instant,
    times: Times,
    /// Whether a connection was asked for, and whether it stood.
    connecting: bool,
    connected: bool,
    /// Whether the receiver takes no more of the body.
    is_refused: bool,
    /// Whether the head is yet to be sent, before a small body.
    holds_head: bool,
}

fn with_call<T>(work: impl FnOnce(&mut Call) -> T) -> Option<T> {
    CALL.with_borrow_mut(|call| call.as_mut().map(work))
}

impl HttpTransport {
    fn agent(&self, request: &OutboundRequest<'_>) -> Result<Agent, Error> {
        let sending = request.sending;
        let key = AgentKey {
            connect_seconds: sending.timeouts.connect_seconds,
            total_seconds: sending.timeouts.total_seconds,
            ca_certificates: sending.ca_certificates.clone(),
            accepts_any: sending.danger_accept_any_certificate,
            proxy: request.policy().proxy_url().map(str::to_owned),
        };
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(agent) = agents.get(&key) {
            return Ok(agent.clone());
        }
        let agent = build_agent(sending, &key)?;
        if agents.len() >= KEPT_AGENTS {
            agents.clear();
        }
        agents.insert(key, agent.clone());
        Ok(agent)
    }
}

fn build_agent(sending: &Sending, key: &AgentKey) -> Result<Agent, Error> {
    let proxy = match &key.proxy {
        Some(url) => Some(Proxy::new(url).map_err(|_| {
            Error::new(Code::Argument).with_rule(words!(
                "ネットワークポリシーのプロキシが「http://proxy:3128」のようなURLではありません",
                "the proxy of the network policy is no URL such as http://proxy:3128"
            ))
        })?),
        None => None,
    };
    let proxy_host = match &key.proxy {
        Some(url) => Some(Url::parse(url)?),
        None => None,
    };
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(proxy)
        .user_agent(concat!("renkei/", env!("CARGO_PKG_VERSION")))
        // What is not asked for compressed cannot grow.
        .accept_encoding("identity")
        .max_response_header_size(HEAD_BYTES)
        .max_idle_connections(KEPT)
        .max_idle_connections_per_host(KEPT)
        .allow_non_standard_methods(true)
        .timeout_connect(Some(Duration::from_secs(u64::from(sending.timeouts.connect_seconds))))
        .timeout_global(Some(Duration::from_secs(u64::from(sending.timeouts.total_seconds))))
        .build();
    let connector =
        ().chain(ConnectProxyConnector::default())
            .chain(Dial { proxy: proxy_host })
            .chain(Secure { config: tls_config(sending)? })
            .chain(Gather);
    Ok(Agent::with_parts(config, connector, Later))
}

impl Transport for HttpTransport {
    fn send(&self, request: &mut OutboundRequest<'_>) -> Result<Exchange, Failure> {
        let began = Instant::now();
        let origin = request.url.origin();
        let before = |error| Failure::of(ErrorFamily::BeforeSending, error);
        // Addresses written in the URL are judged also where a proxy makes the connection.
        if let Host::Address(address) = request.url.target() {
            request.policy().judge(request.url.target(), *address).map_err(before)?;
        }
        let agent = self.agent(request).map_err(before)?;
        let http = head(request).map_err(before)?;
        CALL.set(Some(Call {
            gate: request.gate.clone(),
            began,
            deadline: request.deadline,
            times: Times::default(),
            connecting: false,
            connected: false,
            is_refused: false,
            holds_head: request.body_bytes.is_some_and(|bytes| (1..=SMALL).contains(&bytes)),
        }));
        let result = match request.body_bytes {
            None => agent.run(http.map(|()| SendBody::none())),
            Some(bytes) => {
                let mut body = BodyReader { inner: request.body, left: bytes };
                agent.run(http.map(|()| SendBody::from_reader(&mut body)))
            }
        };
        let result = match result {
            Ok(mut response) => {
                with_call(|call| call.times.answer = Some(began.elapsed()));
                let status = response.status().as_u16();
                let headers = response.headers().iter().map(|(name, value)| {
                    (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
                });
                let headers = headers.collect();
                match read_body(response.body_mut().as_reader(), request.sending.answer_bytes) {
                    Ok((body, is_cut)) => Ok(Answer { status, headers, body, is_cut }),
                    Err(error) => Err((ureq::Error::from(error), Some(status))),
                }
            }
            Err(error) => Err((error, None)),
        };
        let call = CALL.take();
        let times = call.as_ref().map(|call| call.times).unwrap_or_default();
        match result {
            Ok(answer) => Ok(Exchange { answer, times }),
            Err((error, status)) => {
                let is_before = call.is_some_and(|call| call.connecting && !call.connected);
                let family = if is_before { ErrorFamily::BeforeSending } else { ErrorFamily::Unanswered };
                let error = told(error, &origin, request.sending, is_before);
                Err(Failure { family, error, status, times })
            }
        }
    }
}

/// The head of the request.
fn head(request: &OutboundRequest<'_>) -> Result<Request<()>, Error> {
    let fault =
        |rule: Words| Error::new(Code::DeliveryInvalid).with_value(words!("送信内容", "message")).with_rule(rule);
    let full = Zeroizing::new(request.url.full());
    let uri: Uri = full.parse().map_err(|_| fault(words!("URLを送信できません", "the URL cannot be sent")))?;
    let method = Method::from_bytes(request.method.as_bytes())
        .map_err(|_| fault(words!("メソッドを送信できません", "the method cannot be sent")))?;
    let mut http = Request::new(());
    *http.uri_mut() = uri;
    *http.method_mut() = method;
    for (name, value) in request.headers {
        let named = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| fault(words!("ヘッダを送信できません", "a header cannot be sent")))?;
        let mut value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
            let rule = words!(
                "ヘッダ「{name}」に制御文字があります（シークレットの中の可能性があります）",
                "the header \"{name}\" has a control character in it, perhaps in a secret"
            );
            Error::new(Code::DeliveryInvalid).with_value(words!("ヘッダ", "header")).with_rule(rule)
        })?;
        value.set_sensitive(true);
        http.headers_mut().append(named, value);
    }
    if let Some(bytes) = request.body_bytes {
        http.headers_mut().insert("content-length", HeaderValue::from(bytes));
    } else if !matches!(request.method, "GET" | "HEAD" | "OPTIONS" | "DELETE") {
        http.headers_mut().insert("content-length", HeaderValue::from(0));
    }
    Ok(http)
}

/// Reads what may be read of an answer. The rest is not waited for.
fn read_body(reader: impl Read, most: u32) -> io::Result<(Vec<u8>, bool)> {
    let most = u64::from(most);
    let mut body = Vec::new();
    reader.take(most + 1).read_to_end(&mut body)?;
    let is_cut = body.len() as u64 > most;
    body.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    Ok((body, is_cut))
}

/// The body, which is read no further once the receiver has closed its end: the answer that it gave before is still read.
struct BodyReader<'a> {
    inner: &'a mut (dyn Read + Send),
    left: u64,
}

impl Read for BodyReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(out.len());
        let count = match with_call(|call| call.is_refused) {
            Some(true) => {
                out[..most].fill(0);
                most
            }
            _ => self.inner.read(&mut out[..most])?,
        };
        self.left -= count as u64;
        Ok(count)
    }
}

fn too_long(seconds: u32) -> Words {
    words!("{seconds}秒以内に接続できませんでした", "it took longer than {seconds} s")
}

/// What is told of a failure: who, and what, but never the URL, which may have secrets in it.
fn told(error: ureq::Error, origin: &str, sending: &Sending, is_before: bool) -> Error {
    let about = |code: Code, rule: Words| Error::new(code).with_value(origin).with_rule(rule);
    let missing = if is_before { Code::ConnectFailed } else { Code::AnswerMissing };
    match error {
        ureq::Error::Other(inner) => match inner.downcast::<Error>() {
            Ok(own) => *own,
            Err(inner) => about(missing, inner.into_words()),
        },
        ureq::Error::Timeout(Timeout::Connect) => {
            about(Code::ConnectFailed, too_long(sending.timeouts.connect_seconds))
        }
        ureq::Error::Timeout(_) if is_before => about(Code::ConnectFailed, too_long(sending.timeouts.total_seconds)),
        ureq::Error::Timeout(_) => {
            let seconds = sending.timeouts.total_seconds;
            about(Code::AnswerTimeout, words!("{seconds}秒", "{seconds} s"))
        }
        ureq::Error::Io(error) => match error.downcast::<Error>() {
            // Of our own body.
            Ok(own) => own,
            Err(error) => match error.downcast::<ureq::Error>() {
                Ok(inner) => told(inner, origin, sending, is_before),
                Err(error) => match error.downcast::<rustls::Error>() {
                    Ok(tls) => about(Code::TlsFailed, tls.into_words()),
                    Err(error) => about(missing, io_words(&error)).with_source(error),
                },
            },
        },
        ureq::Error::Rustls(error) => about(Code::TlsFailed, error.into_words()),
        ureq::Error::Tls(rule) => about(Code::TlsFailed, rule.into_words()),
        ureq::Error::ConnectProxyFailed(rule) => {
            about(Code::ConnectFailed, words!("プロキシが拒否しました: {rule}", "the proxy refused: {rule}"))
        }
        ureq::Error::Protocol(error) => about(Code::AnswerInvalid, error.into_words()),
        ureq::Error::LargeResponseHeader(..) => about(
            Code::AnswerInvalid,
            words!("ヘッダが{HEAD_BYTES}バイトを超えています", "its head is larger than {HEAD_BYTES} bytes"),
        ),
        ureq::Error::BadUri(_) | ureq::Error::RequireHttpsOnly(_) => {
            about(Code::DeliveryInvalid, words!("URLを送信できません", "the URL cannot be sent"))
        }
        other => about(missing, other.into_words()),
    }
}

/// Resolves nothing: that is done when a connection is made.
#[derive(Debug)]
struct Later;

impl UreqResolver for Later {
    fn resolve(&self, _: &Uri, _: &ureq::config::Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        Ok(self.empty())
    }
}

/// Connects to a judged address.
#[derive(Debug)]
struct Dial {
    /// The operator's own proxy, which is not judged.
    proxy: Option<Url>,
}

impl<In: UreqTransport> Connector<In> for Dial {
    type Out = Box<dyn UreqTransport>;

    fn connect(&self, details: &ConnectionDetails<'_>, chained: Option<In>) -> Result<Option<Self::Out>, ureq::Error> {
        if let Some(tunnel) = chained {
            with_call(|call| call.connected = !details.needs_tls());
            return Ok(Some(Box::new(tunnel)));
        }
        let own = |error: Error| ureq::Error::Other(Box::new(error));
        let Some((gate, deadline)) = with_call(|call| {
            call.connecting = true;
            (call.gate.clone(), call.deadline)
        }) else {
            return Err(ureq::Error::ConnectionFailed);
        };
        let url = Url::parse(&details.uri.to_string()).map_err(own)?;
        let connect = Duration::from_secs(3_600).min(*details.timeout.after);
        let until = deadline.min(Instant::now() + connect);
        let is_proxy = self.proxy.as_ref().is_some_and(|proxy| {
            details.config.proxy().is_none() && proxy.target() == url.target() && proxy.port() == url.port()
        });
        let addresses = match is_proxy {
            true => gate.unjudged(url.target(), url.port(), until).map_err(own)?,
            false => gate.addresses(url.target(), url.port(), until).map_err(own)?,
        };
        let mut pinned = Later.empty();
        addresses.iter().take(16).for_each(|address| pinned.push(*address));
        let pinned = ConnectionDetails {
            uri: details.uri,
            addrs: pinned,
            config: details.config,
            request_level: details.request_level,
            resolver: details.resolver,
            now: details.now,
            timeout: details.timeout,
            current_time: details.current_time.clone(),
            run_connector: details.run_connector.clone(),
            register_shutdown: details.register_shutdown.clone(),
        };
        let tcp: Option<_> = Connector::<()>::connect(&TcpConnector::default(), &pinned, None)?;
        let Some(tcp) = tcp else { return Ok(None) };
        let address = peer(&tcp, &addresses);
        with_call(|call| {
            call.times.connect = Some(call.began.elapsed());
            call.connected = !url.is_secure() && !is_proxy;
        });
        Ok(Some(Box::new(Wire { inner: Box::new(tcp), address, refused: None, has_answered: false })))
    }
}

/// The address that a connection was made to: the only one there is, or what the transport says of itself.
fn peer(tcp: &impl fmt::Debug, addresses: &[SocketAddr]) -> Option<SocketAddr> {
    if let [only] = addresses {
        return Some(*only);
    }
    let shown = format!("{tcp:?}");
    addresses.iter().copied().find(|address| shown.contains(&format!("({address})")))
}

/// A connection whose other end may close while the body is still sent: what it answered before is read nevertheless.
struct Wire {
    inner: Box<dyn UreqTransport>,
    address: Option<SocketAddr>,
    refused: Option<io::Error>,
    /// Whether something came since it was looked at last.
    has_answered: bool,
}

/// Time left, in coarse steps: what does not change needs no system call. A deadline is passed by one step at most.
fn coarse(mut timeout: NextTimeout) -> NextTimeout {
    const STEP: Duration = Duration::from_millis(250);
    if !timeout.after.is_not_happening() && *timeout.after > STEP * 4 {
        let steps = timeout.after.as_millis().div_ceil(STEP.as_millis());
        timeout.after = (STEP * u32::try_from(steps).unwrap_or(u32::MAX)).into();
    }
    timeout
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.inner, f)
    }
}

impl UreqTransport for Wire {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        if self.refused.is_some() {
            return Ok(());
        }
        with_call(|call| call.times.address = self.address);
        match self.inner.transmit_output(amount, coarse(timeout)) {
            Err(ureq::Error::Io(error))
                if matches!(
                    error.kind(),
                    ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted
                ) =>
            {
                self.refused = Some(error);
                with_call(|call| call.is_refused = true);
                Ok(())
            }
            other => other,
        }
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        match (self.inner.await_input(coarse(timeout)), &self.refused) {
            (Ok(true), _) => {
                self.has_answered = true;
                Ok(true)
            }
            (other, None) => other,
            (_, Some(error)) => {
                Err(ureq::Error::Io(io::Error::new(error.kind(), "the connection was closed while sending")))
            }
        }
    }

    fn is_open(&mut self) -> bool {
        // ureq asks when a connection is put back and again when it is taken, which alone matters; each look costs three system
        // calls.
        let is_put_back = std::mem::take(&mut self.has_answered);
        self.refused.is_none() && (is_put_back || self.inner.is_open())
    }
}

/// Puts TLS around the connection, for https.
struct Secure {
    config: Arc<ClientConfig>,
}

impl fmt::Debug for Secure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secure")
    }
}

impl Connector<Box<dyn UreqTransport>> for Secure {
    type Out = Box<dyn UreqTransport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<Box<dyn UreqTransport>>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let Some(wire) = chained else { return Ok(None) };
        if !details.needs_tls() || wire.is_tls() {
            return Ok(Some(wire));
        }
        let began = Instant::now();
        let host = details.uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned()).map_err(|_| ureq::Error::Tls("no name for a certificate"))?;
        let mut connection = ClientConnection::new(self.config.clone(), name)?;
        let mut adapter = TransportAdapter::new(wire, details.current_time.clone());
        adapter.set_timeout(details.timeout);
        while connection.is_handshaking() {
            connection.complete_io(&mut adapter)?;
        }
        with_call(|call| {
            call.times.tls = Some(began.elapsed());
            call.connected = true;
        });
        let config = details.config;
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        Ok(Some(Box::new(SecureWire { buffers, stream: StreamOwned { conn: connection, sock: adapter } })))
    }
}

struct SecureWire {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter<Box<dyn UreqTransport>>>,
}

impl fmt::Debug for SecureWire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecureWire")
    }
}

impl UreqTransport for SecureWire {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        use io::Write as _;

        self.stream.sock.set_timeout(timeout);
        let output = &self.buffers.output()[..amount];
        self.stream.write_all(output)?;
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.stream.sock.set_timeout(timeout);
        let input = self.buffers.input_append_buf();
        let amount = self.stream.read(input)?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.sock.get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

/// Keeps the head of a request until the body is there, if that is small: ureq sends them one after the other.
#[derive(Debug)]
struct Gather;

impl Connector<Box<dyn UreqTransport>> for Gather {
    type Out = Box<dyn UreqTransport>;

    fn connect(
        &self,
        _: &ConnectionDetails<'_>,
        chained: Option<Box<dyn UreqTransport>>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        Ok(chained.map(|inner| Box::new(Gathered { inner, head: Vec::new() }) as Self::Out))
    }
}

struct Gathered {
    inner: Box<dyn UreqTransport>,
    /// What is kept.
    head: Vec<u8>,
}

impl fmt::Debug for Gathered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.inner, f)
    }
}

impl UreqTransport for Gathered {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        let output = self.inner.buffers().output();
        let is_kept = with_call(|call| std::mem::take(&mut call.holds_head)) == Some(true);
        if is_kept && output[..amount].ends_with(b"\r\n\r\n") {
            self.head.extend_from_slice(&output[..amount]);
            return Ok(());
        }
        let kept = self.head.len();
        if output.len() - amount < kept {
            let rest = output[..amount].to_vec();
            self.send_head(timeout)?;
            self.inner.buffers().output()[..amount].copy_from_slice(&rest);
            return self.inner.transmit_output(amount, timeout);
        }
        output.copy_within(..amount, kept);
        output[..kept].copy_from_slice(&self.head);
        self.head.clear();
        self.inner.transmit_output(kept + amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        // Nothing is answered before (100-continue).
        self.send_head(timeout)?;
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.head.is_empty() && self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

impl Gathered {
    fn send_head(&mut self, timeout: NextTimeout) -> Result<(), ureq::Error> {
        if self.head.is_empty() {
            return Ok(());
        }
        let kept = self.head.len();
        self.inner.buffers().output()[..kept].copy_from_slice(&self.head);
        self.head.clear();
        self.inner.transmit_output(kept, timeout)
    }
}

/// What is trusted: the public authorities and those of the setting, or, loudly asked for, anybody.
fn tls_config(sending: &Sending) -> Result<Arc<ClientConfig>, Error> {
    let fault =
        |rule: Words| Error::new(Code::DeliveryInvalid).with_value(words!("送信方法", "sending")).with_rule(rule);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| fault(format!("TLS: {error}").into_words()))?;
    if sending.danger_accept_any_certificate {
        let verifier = Arc::new(AcceptAny(provider));
        let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
        return Ok(Arc::new(builder.with_no_client_auth()));
    }
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(pem) = &sending.ca_certificates {
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let added = certificate
                .map_err(|error| format!("{error:?}"))
                .and_then(|certificate| roots.add(certificate).map_err(|error| error.to_string()));
            added.map_err(|rule| {
                fault(words!("`ca_certificates`を読み取れません: {rule}", "`ca_certificates` cannot be read: {rule}"))
            })?;
        }
    }
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

/// Takes any certificate, whoever's it is.
#[derive(Debug)]
struct AcceptAny(Arc<rustls::crypto::CryptoProvider>);

impl rustls::client::danger::ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
