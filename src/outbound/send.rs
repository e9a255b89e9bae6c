//! One attempt: secrets are put in, the message is signed and carried, and what came back is looked at.

use std::collections::HashMap;
use std::io::{self, Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rusqlite::OptionalExtension;
use zeroize::Zeroizing;

use super::delivery::Channel;
use super::queue::{Claimed, StoredBody};
use super::resolve::Gate;
use super::secret::{Hidden, SecretReader};
use super::sending::Auth;
use super::sign::Signer;
use super::transport::{ErrorFamily, Exchange, Failure, OutboundRequest, Times, Transport};
use super::url::Url;
use crate::error::{Code, Error, Result, words};
use crate::store::{Store, Timestamp, bytes::BytesReader};

/// What carries messages, and where they may go.
#[derive(Clone)]
pub(crate) struct Courier {
    transports: HashMap<Channel, Arc<dyn Transport>>,
    gate: Gate,
}

impl Courier {
    pub(crate) fn new(transports: HashMap<Channel, Arc<dyn Transport>>, gate: Gate) -> Courier {
        Courier { transports, gate }
    }

    /// The channels that can be sent by.
    pub(super) fn channels(&self) -> Vec<Channel> {
        self.transports.keys().copied().collect()
    }
}

/// An attempt that is over.
pub(super) struct Finished {
    pub(super) claimed: Claimed,
    pub(super) started_at: Timestamp,
    pub(super) total: Duration,
    pub(super) result: std::result::Result<Exchange, Failure>,
}

/// Makes one attempt. Whatever goes wrong is its result.
pub(super) fn attempt(store: &Store, courier: &Courier, claimed: Claimed) -> Finished {
    let (started_at, began) = (store.now(), Instant::now());
    // A transport of the host may panic; that ends the attempt only.
    let result = catch_unwind(AssertUnwindSafe(|| carry(store, courier, &claimed, started_at)));
    let result = result.unwrap_or_else(|_| {
        let error = Error::new(Code::Internal).with_rule("the transport panicked");
        Err(Failure::of(ErrorFamily::Unanswered, error))
    });
    Finished { claimed, started_at, total: began.elapsed(), result }
}

/// A message with its secrets put in.
struct Ready {
    url: Url,
    headers: Vec<(String, Zeroizing<String>)>,
    login: Option<(String, Zeroizing<String>)>,
    body: Option<ReadyBody>,
    hidden: Hidden,
}

enum ReadyBody {
    Bytes(Zeroizing<Vec<u8>>),
    File { id: i64, bytes: u64 },
}

impl ReadyBody {
    fn bytes(&self) -> u64 {
        match self {
            ReadyBody::Bytes(bytes) => bytes.len() as u64,
            ReadyBody::File { bytes, .. } => *bytes,
        }
    }
}

fn carry(
    store: &Store,
    courier: &Courier,
    claimed: &Claimed,
    now: Timestamp,
) -> std::result::Result<Exchange, Failure> {
    let before = |error| Failure::of(ErrorFamily::BeforeSending, error);
    let transport = courier.transports.get(&claimed.channel).ok_or_else(|| {
        let rule = match claimed.channel {
            Channel::Http => words!(
                "機能`http`なしでビルドされていて、ほかの送信手段もありません",
                "the feature `http` is not compiled in, and the worker was given no other transport"
            ),
            Channel::Mail => words!("メールの送信手段がありません", "the worker was given no mail server"),
        };
        before(Error::new(Code::DeliveryChannel).with_value(claimed.channel.as_str()).with_rule(rule))
    })?;
    let deadline = Instant::now() + Duration::from_secs(u64::from(claimed.sending.timeouts.total_seconds));
    let ready = ready(store, claimed, now).map_err(before)?;
    let (mut in_memory, mut stored);
    let mut nothing = io::empty();
    let body: &mut (dyn Read + Send) = match &ready.body {
        Some(ReadyBody::Bytes(bytes)) => {
            in_memory = Cursor::new(bytes.as_slice());
            &mut in_memory
        }
        Some(ReadyBody::File { id, bytes }) => {
            stored = BytesReader::open(store, *id, *bytes, 0);
            &mut stored
        }
        None => &mut nothing,
    };
    let mut request = OutboundRequest {
        channel: claimed.channel,
        method: &claimed.method,
        url: &ready.url,
        headers: &ready.headers,
        login: ready.login.as_ref().map(|(user, password)| (user.as_str(), password.as_str())),
        body_bytes: ready.body.as_ref().map(ReadyBody::bytes),
        body,
        sending: &claimed.sending,
        deadline,
        gate: &courier.gate,
    };
    // What a receiver sends back is kept, and must not have our secrets in it.
    let hidden = &ready.hidden;
    match transport.send(&mut request) {
        Ok(mut exchange) => {
            let answer = &mut exchange.answer;
            answer.body = hidden.bytes(std::mem::take(&mut answer.body));
            for (_, value) in &mut answer.headers {
                *value = hidden.text(std::mem::take(value));
            }
            Ok(exchange)
        }
        Err(mut failure) => {
            failure.error = failure.error.hide(|text| hidden.text(text));
            Err(failure)
        }
    }
}

fn ready(store: &Store, claimed: &Claimed, now: Timestamp) -> Result<Ready> {
    let mut secrets = SecretReader::new(store);
    let url = Url::parse(&secrets.fill(&claimed.url)?)?;
    let mut headers = Vec::with_capacity(claimed.headers.len() + 6);
    for (name, value) in &claimed.headers {
        headers.push((name.clone(), secrets.fill(value)?));
    }
    let mut login = None;
    let mut add = |name: &str, value: Zeroizing<String>| headers.push((name.to_owned(), value));
    match &claimed.sending.auth {
        None => {}
        Some(Auth::Basic { user, password }) => {
            let password = secrets.get(password)?;
            let pair = Zeroizing::new(format!("{user}:{}", *password));
            let encoded = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
            secrets.hide(&encoded);
            if claimed.channel == Channel::Http {
                add("authorization", Zeroizing::new(format!("Basic {}", *encoded)));
            }
            login = Some((user.clone(), password));
        }
        Some(Auth::Bearer { token }) => {
            add("authorization", Zeroizing::new(format!("Bearer {}", *secrets.get(token)?)));
        }
        Some(Auth::Header { name, value }) => add(&name.to_ascii_lowercase(), secrets.get(value)?),
    }
    let body = match &claimed.body {
        StoredBody::Empty => None,
        StoredBody::Bytes(bytes) => Some(ReadyBody::Bytes(secrets.fill_bytes(bytes, &claimed.slots)?)),
        StoredBody::Later => {
            let sql = "SELECT body FROM renkei_message WHERE delivery_id = ?1";
            let bytes: Option<Vec<u8>> =
                secrets.reading()?.prepare_cached(sql)?.query_row([claimed.id], |row| row.get(0)).optional()?.flatten();
            let bytes = bytes.ok_or_else(|| Error::new(Code::DeliveryNotFound).with_value(claimed.id))?;
            Some(ReadyBody::Bytes(secrets.fill_bytes(&bytes, &claimed.slots)?))
        }
        StoredBody::File { id, bytes } => Some(ReadyBody::File { id: *id, bytes: *bytes }),
    };
    if claimed.channel == Channel::Http {
        add("webhook-id", Zeroizing::new(claimed.message_id.clone()));
        add("idempotency-key", Zeroizing::new(claimed.message_id.clone()));
    }
    if let Some(signing) = &claimed.sending.signing {
        let seconds = now.0.div_euclid(1_000);
        let keys = signing.secrets.iter().map(|name| secrets.get(name)).collect::<Result<Vec<_>>>()?;
        let mut signer = Signer::new(keys.iter().map(|key| key.as_str()), &claimed.message_id, seconds)?;
        match &body {
            None => {}
            Some(ReadyBody::Bytes(bytes)) => signer.update(bytes),
            Some(ReadyBody::File { id, bytes }) => {
                let mut reader = BytesReader::open(store, *id, *bytes, 0);
                let mut piece = vec![0; 64 * 1024];
                loop {
                    match reader.read(&mut piece)? {
                        0 => break,
                        count => signer.update(&piece[..count]),
                    }
                }
            }
        }
        add("webhook-timestamp", Zeroizing::new(seconds.to_string()));
        add("webhook-signature", Zeroizing::new(signer.finish()));
    }
    Ok(Ready { url, headers, login, body, hidden: secrets.hidden() })
}

impl Finished {
    /// Whether the receiver took it.
    pub(super) fn is_success(&self) -> bool {
        self.result.as_ref().is_ok_and(|exchange| self.claimed.sending.success.contains(exchange.answer.status))
    }

    /// What the transport measured.
    pub(super) fn times(&self) -> Times {
        match &self.result {
            Ok(exchange) => exchange.times,
            Err(failure) => failure.times,
        }
    }
}
