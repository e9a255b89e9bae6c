//! Messages on their way, for hosts that carry them

use std::ffi::{c_char, c_void};
use std::net::{IpAddr, SocketAddr};
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::argument::{Grows, Out, OutStruct, bytes, call, optional_text, out_bytes, out_str, text};
use super::callback::UserData;
use super::delivery::{RENKEI_BEFORE_SENDING, RENKEI_UNANSWERED};
use super::error::renkei_error;
use super::handle::{self, ExclusiveNoun, Handle, Noun};
use super::status::renkei_status;
use super::store::no_such;
use super::stream::writable;
use crate::error::{Code, Error, Result, words};
use crate::outbound::{Answer, Channel, ErrorFamily, Exchange, Failure, OutboundRequest, Resolver, Times, Transport};

/// A message that a transport of the host carries: lent to it for the time of its call. For one thread at a time; a transport may
/// hand it to another thread and wait.
pub struct renkei_outgoing(());

/// Messages by HTTP and HTTPS.
pub const RENKEI_CHANNEL_HTTP: u32 = 1;
/// Messages by SMTP. The URL is smtp://host:port or smtps://host:port, the body the whole mail; the sender stands in the header
/// mail-from, each receiver in a header rcpt-to.
pub const RENKEI_CHANNEL_MAIL: u32 = 2;

/// Carries one message to its receiver and waits for the answer, which it tells by renkei_outgoing_answer and the functions
/// about the answer, or else by renkei_outgoing_fail; when it tells neither, the message counts as unanswered. Called on the
/// threads that send, on several at once. It must not follow redirects, and not throw nor longjmp out.
pub type renkei_transport_fn = Option<unsafe extern "C" fn(user_data: *mut c_void, outgoing: *mut renkei_outgoing)>;

/// Writes the addresses of a host name, best first and separated by spaces, such as "192.0.2.7 2001:db8::7", to buffer, and the
/// length of that to *out_len. Anything but 0 says that the name is not known. The name is lent for the time of the call. Called
/// on a thread of its own, on several at once, and not waited for for ever: it may be running when the worker was freed, so
/// that user_data must last as long as the program. It must not throw nor longjmp out.
pub type renkei_resolver_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        host: *const c_char,
        host_len: usize,
        buffer: *mut c_char,
        capacity: usize,
        out_len: *mut usize,
    ) -> i32,
>;

/// The place for the addresses of a host, in bytes.
const ADDRESSES_BYTES: usize = 4_096;

pub(super) struct ResolverOfCaller(
    pub(super) unsafe extern "C" fn(*mut c_void, *const c_char, usize, *mut c_char, usize, *mut usize) -> i32,
    pub(super) UserData,
);

impl Resolver for ResolverOfCaller {
    fn resolve(&self, host: &str) -> std::io::Result<Vec<IpAddr>> {
        let mut buffer = vec![0u8; ADDRESSES_BYTES];
        let mut len = 0;
        // SAFETY: the caller of the ABI gave both together.
        let answer = unsafe {
            let buffer = buffer.as_mut_ptr().cast();
            (self.0)(self.1.0, host.as_ptr().cast(), host.len(), buffer, ADDRESSES_BYTES, &raw mut len)
        };
        if answer != 0 {
            return Err(std::io::Error::new(std::io::ErrorKind::NotFound, format!("resolver: {answer}")));
        }
        let told = buffer.get(..len).and_then(|told| std::str::from_utf8(told).ok());
        let told = told.ok_or_else(|| std::io::Error::other(format!("resolver: out_len = {len}")))?;
        let addresses = told.split_ascii_whitespace().map(|address| {
            address
                .parse::<IpAddr>()
                .map_err(|_| std::io::Error::other(format!("resolver: \"{}\"", address.escape_debug())))
        });
        addresses.collect()
    }
}

/// What the message is, and what became of it.
pub(super) struct Body {
    /// Gone when the call of the transport is over.
    request: Option<Request>,
    url: String,
    host: String,
    answer: Answer,
    is_answered: bool,
    times: Times,
    failure: Option<(ErrorFamily, Option<String>)>,
    /// Why the addresses may not be called, or are not known.
    refusal: Option<Error>,
}

struct Request(NonNull<OutboundRequest<'static>>);

// SAFETY: the request may be used by any thread (its body can be sent, and the rest shared), by one call at a time, which
// `EXCLUSIVE` says.
unsafe impl Send for Request {}
// SAFETY: as above.
unsafe impl Sync for Request {}

impl Noun for Body {
    type Opaque = renkei_outgoing;
    const KIND: u8 = 41;
    const NAME: &'static str = "outgoing message";
    const EXCLUSIVE: bool = true;
}

impl ExclusiveNoun for Body {}

impl Body {
    /// The request, while the transport has it.
    fn request(&mut self) -> Result<&mut OutboundRequest<'static>> {
        match &mut self.request {
            // SAFETY: `TransportOfCaller::send` takes it away, while no call is inside, before it returns.
            Some(request) => Ok(unsafe { request.0.as_mut() }),
            None => Err(Error::new(Code::BadHandle).with_rule(<Body as Noun>::NAME)),
        }
    }

    fn result(&mut self, origin: &str) -> std::result::Result<Exchange, Failure> {
        let silent = "the transport of the host told nothing";
        let (family, why) = match self.failure.take() {
            Some(failure) => failure,
            None if self.is_answered => {
                return Ok(Exchange::new(std::mem::take(&mut self.answer), self.times));
            }
            None => (ErrorFamily::Unanswered, Some(silent.to_owned())),
        };
        let mut failure = match (family, why, self.refusal.take()) {
            (ErrorFamily::BeforeSending, None, Some(error)) => Failure::of(family, error),
            (ErrorFamily::BeforeSending, why, _) => Failure::before_sending(why.as_deref().unwrap_or(silent), origin),
            (_, why, _) => Failure::unanswered(why.as_deref().unwrap_or(silent), origin),
        };
        failure.status = self.is_answered.then_some(self.answer.status);
        failure.times = self.times;
        Err(failure)
    }
}

/// A transport of the caller's.
pub(super) struct TransportOfCaller(
    pub(super) unsafe extern "C" fn(*mut c_void, *mut renkei_outgoing),
    pub(super) UserData,
);

impl Transport for TransportOfCaller {
    fn send(&self, request: &mut OutboundRequest<'_>) -> std::result::Result<Exchange, Failure> {
        let origin = request.url.origin();
        let body = Body {
            url: request.url.full(),
            host: request.url.host(),
            // The handle outlives nothing: it is taken back below.
            request: Some(Request(NonNull::from(request).cast())),
            answer: Answer::default(),
            is_answered: false,
            times: Times::default(),
            failure: None,
            refusal: None,
        };
        let handle = handle::give(body);
        // SAFETY: the caller of the ABI gave both together.
        unsafe { (self.0)(self.1.0, handle) };
        let mut inside = take_back(handle);
        inside.request = None;
        let result = inside.result(&origin);
        drop(inside);
        // Somebody who kept the handle may be looking at it at this moment, and finds nothing.
        while handle::close::<Body>(handle).is_err_and(|error| error.code() == Code::HandleInUse) {
            std::thread::yield_now();
        }
        result
    }
}

/// The message, when every call of other threads has left it.
fn take_back(handle: *mut renkei_outgoing) -> Handle<Body> {
    loop {
        match handle::get_poisoned::<Body>(handle) {
            Ok(inside) => return inside,
            // Nobody but `send` closes it.
            Err(_) => std::thread::sleep(Duration::from_micros(100)),
        }
    }
}

/// What a message is. The texts are lent for the time of the transport's call, and have no NUL behind them. Make one by
/// renkei_outgoing_info_init.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct renkei_outgoing_info {
    /// The size of this struct.
    pub size: usize,
    /// The method, such as POST.
    pub method: *const c_char,
    /// Its length.
    pub method_len: usize,
    /// Where it goes, with secrets.
    pub url: *const c_char,
    /// Its length.
    pub url_len: usize,
    /// The host of the URL: a name in ASCII, or an address, which has brackets if it is one of IPv6.
    pub host: *const c_char,
    /// Its length.
    pub host_len: usize,
    /// The user by which the sender is known, or NULL. If it is HTTP, user and password stand in a header as well.
    pub user: *const c_char,
    /// Its length.
    pub user_len: usize,
    /// The password, or NULL.
    pub password: *const c_char,
    /// Its length.
    pub password_len: usize,
    /// Certificates in PEM that are trusted beside the public ones, or NULL.
    pub ca_certificates: *const c_char,
    /// Their length.
    pub ca_certificates_len: usize,
    /// The HTTP proxy that the operator names in the network policy, or NULL. Names are resolved by it then.
    pub proxy: *const c_char,
    /// Its length.
    pub proxy_len: usize,
    /// How many headers there are: see renkei_outgoing_header.
    pub header_count: usize,
    /// The size of the body: see renkei_outgoing_read.
    pub body_bytes: u64,
    /// How much of the answer is kept; the rest need not be read.
    pub answer_bytes: u64,
    /// The time that is left, in milliseconds.
    pub timeout_ms: u64,
    /// How long a connection may take, TLS included, in milliseconds.
    pub connect_timeout_ms: u64,
    /// RENKEI_CHANNEL_HTTP or RENKEI_CHANNEL_MAIL.
    pub channel: u32,
    /// The port of the URL.
    pub port: u32,
    /// Whether it has a body, which may be empty.
    pub has_body: u32,
    /// Whether any certificate is taken.
    pub accept_any_certificate: u32,
}

// SAFETY: a size, then pointers and integers without padding between; NULL is a pointer.
unsafe impl Grows for renkei_outgoing_info {
    const NAME: &'static str = "renkei_outgoing_info";
    const FIRST: usize = size_of::<Self>();
}

/// What the message is.
///
/// Rust: `OutboundRequest`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_outgoing_describe(
    outgoing: *mut renkei_outgoing,
    out_info: *mut renkei_outgoing_info,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = OutStruct::new(out_info, "out_info")?;
            let mut body = handle::get::<Body>(outgoing)?;
            let (url, host) = ((body.url.as_ptr(), body.url.len()), (body.host.as_ptr(), body.host.len()));
            let request = body.request()?;
            let lent = |text: Option<&str>| -> (*const c_char, usize) {
                text.map_or((std::ptr::null(), 0), |text| (text.as_ptr().cast(), text.len()))
            };
            let (user, user_len) = lent(request.login.map(|(user, _)| user));
            let (password, password_len) = lent(request.login.map(|(_, password)| password));
            let (ca_certificates, ca_certificates_len) = lent(request.sending.ca_certificates.as_deref());
            let (proxy, proxy_len) = lent(request.policy().proxy_url());
            let (method, method_len) = lent(Some(request.method));
            let left = request.deadline.saturating_duration_since(Instant::now());
            out.set(&renkei_outgoing_info {
                size: 0,
                method,
                method_len,
                url: url.0.cast(),
                url_len: url.1,
                host: host.0.cast(),
                host_len: host.1,
                user,
                user_len,
                password,
                password_len,
                ca_certificates,
                ca_certificates_len,
                proxy,
                proxy_len,
                header_count: request.headers.len(),
                body_bytes: request.body_bytes.unwrap_or(0),
                answer_bytes: request.sending.answer_bytes.into(),
                timeout_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
                connect_timeout_ms: u64::from(request.sending.timeouts.connect_seconds) * 1_000,
                channel: match request.channel {
                    Channel::Http => RENKEI_CHANNEL_HTTP,
                    Channel::Mail => RENKEI_CHANNEL_MAIL,
                },
                port: request.url.port().into(),
                has_body: request.body_bytes.is_some().into(),
                accept_any_certificate: request.sending.danger_accept_any_certificate.into(),
            });
            Ok(())
        })
    }
}

/// A header of the message, by its index: a name in lower case and a value, both lent for the time of the transport's call. All
/// headers are there but those that say how the message is framed.
///
/// Rust: `OutboundRequest`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_outgoing_header(
    outgoing: *mut renkei_outgoing,
    index: usize,
    out_name: *mut *const c_char,
    out_name_len: *mut usize,
    out_value: *mut *const c_char,
    out_value_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let (name, value) =
                (out_str(out_name, out_name_len, "out_name"), out_str(out_value, out_value_len, "out_value"));
            let (name, value) = (name?, value?);
            let mut body = handle::get::<Body>(outgoing)?;
            let request = body.request()?;
            let Some((found, text)) = request.headers.get(index) else {
                let count = request.headers.len();
                let rule = words!("ヘッダは{count}個です", "there are {count} headers");
                return Err(Error::new(Code::Argument).with_rule(rule));
            };
            name.lend(found);
            value.lend(text);
            Ok(())
        })
    }
}

/// Reads at most capacity bytes of the body; out_len receives how many came, and 0 at its end.
///
/// Rust: `OutboundRequest`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_outgoing_read(
    outgoing: *mut renkei_outgoing,
    buffer: *mut c_void,
    capacity: usize,
    out_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_len, "out_len")?;
            let mut body = handle::get::<Body>(outgoing)?;
            out.set(body.request()?.body.read(writable(buffer, capacity, "buffer")?)?);
            Ok(())
        })
    }
}

/// The addresses to which a connection may be made, separated by spaces, such as "192.0.2.7 2001:db8::7": looked up and judged
/// by the network policy at this moment. Every new connection must ask, and go to one of these only. The caller frees the text
/// by renkei_free.
///
/// When it fails, nobody may be called: then renkei_outgoing_fail with RENKEI_BEFORE_SENDING and no reason of its own.
///
/// Rust: `OutboundRequest::addresses`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_outgoing_addresses(
    outgoing: *mut renkei_outgoing,
    out_addresses: *mut *mut c_char,
    out_addresses_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = out_bytes(out_addresses, out_addresses_len, "out_addresses")?;
            let mut body = handle::get::<Body>(outgoing)?;
            let found = body.request()?.addresses();
            match found {
                Ok(found) => {
                    let found: Vec<String> = found.iter().map(|address| address.ip().to_string()).collect();
                    out.give(found.join(" "));
                    Ok(())
                }
                Err(error) => {
                    body.refusal = Some(error.again());
                    Err(error)
                }
            }
        })
    }
}

/// Tells that the receiver answered: the HTTP status, or the reply code of SMTP, from 100 to 599.
///
/// Rust: `Answer::new`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_outgoing_answer(
    outgoing: *mut renkei_outgoing,
    status: u32,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let mut body = handle::get::<Body>(outgoing)?;
            body.request()?;
            body.answer.status = match u16::try_from(status) {
                Ok(status @ 100..=599) => status,
                _ => return Err(no_such("status", status)),
            };
            body.is_answered = true;
            Ok(())
        })
    }
}

/// Tells a header of the answer, in the order in which they came.
///
/// Rust: `Answer`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_outgoing_answer_header(
    outgoing: *mut renkei_outgoing,
    name: *const c_char,
    name_len: usize,
    value: *const c_char,
    value_len: usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let mut body = handle::get::<Body>(outgoing)?;
            body.request()?;
            let name = text(name, name_len, "name")?.to_ascii_lowercase();
            let value = text(value, value_len, "value")?.to_owned();
            body.answer.headers.push((name, value));
            Ok(())
        })
    }
}

/// Tells the next bytes of the answer. What is more than renkei_outgoing_info.answer_bytes is left out.
///
/// Rust: `Answer`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_outgoing_answer_body(
    outgoing: *mut renkei_outgoing,
    bytes: *const c_void,
    bytes_len: usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let mut body = handle::get::<Body>(outgoing)?;
            let most = usize::try_from(body.request()?.sending.answer_bytes).unwrap_or(usize::MAX);
            let given = self::bytes(bytes.cast(), bytes_len, "bytes")?;
            let taken = given.len().min(most.saturating_sub(body.answer.body.len()));
            body.answer.is_cut |= taken < given.len();
            body.answer.body.extend_from_slice(&given[..taken]);
            Ok(())
        })
    }
}

/// Tells who was called and how long what took, in microseconds: until the connection stood, then until TLS stood, and from the
/// beginning until the head of the answer was there. address is such as "192.0.2.7:443"; NULL, and a time of 0, stand for
/// nothing to tell.
///
/// Rust: `Times`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_outgoing_times(
    outgoing: *mut renkei_outgoing,
    address: *const c_char,
    address_len: usize,
    connect_us: u64,
    tls_us: u64,
    answer_us: u64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let mut body = handle::get::<Body>(outgoing)?;
            body.request()?;
            let address = match optional_text(address, address_len, "address")? {
                None => None,
                Some(text) => Some(text.parse::<SocketAddr>().map_err(|_| {
                    let rule = words!(
                        "`address`が「192.0.2.7:443」のようなアドレスではありません",
                        "`address` is no address such as 192.0.2.7:443"
                    );
                    Error::new(Code::Argument).with_rule(rule)
                })?),
            };
            let time = |micros: u64| Some(Duration::from_micros(micros)).filter(|time| !time.is_zero());
            body.times.address = address;
            (body.times.connect, body.times.tls, body.times.answer) = (time(connect_us), time(tls_us), time(answer_us));
            Ok(())
        })
    }
}

/// Tells that there is no whole answer, and why, in English: RENKEI_BEFORE_SENDING when nothing has reached the receiver,
/// RENKEI_UNANSWERED when it may have arrived. With NULL for reason, and RENKEI_BEFORE_SENDING, the reason is the one for which
/// renkei_outgoing_addresses failed.
///
/// Rust: `Failure::before_sending`, `Failure::unanswered`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_outgoing_fail(
    outgoing: *mut renkei_outgoing,
    family: u32,
    reason: *const c_char,
    reason_len: usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let mut body = handle::get::<Body>(outgoing)?;
            body.request()?;
            let reason = optional_text(reason, reason_len, "reason")?.map(str::to_owned);
            let family = match family {
                RENKEI_BEFORE_SENDING => ErrorFamily::BeforeSending,
                RENKEI_UNANSWERED => ErrorFamily::Unanswered,
                other => return Err(no_such("family", other)),
            };
            body.failure = Some((family, reason));
            Ok(())
        })
    }
}

/// A transport for the worker.
pub(super) fn transport(carry: renkei_transport_fn, user_data: *mut c_void) -> Option<Arc<dyn Transport>> {
    carry.map(|carry| Arc::new(TransportOfCaller(carry, UserData(user_data))) as Arc<dyn Transport>)
}
