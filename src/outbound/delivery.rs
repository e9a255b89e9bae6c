//! The frozen message: made in the transaction of what caused it, and never changed.

use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::message::{self, Headers};
use super::sending::Sending;
use super::target;
use super::url::Url;
use crate::access::demand_administrator;
use crate::error::{Code, Error, Result, Words};
use crate::record::Transaction;
use crate::store::{Store, Timestamp, Writing, bytes, next_id};
use crate::template::{SecretSlot, SlottedText};

/// The largest body that is kept with the delivery itself. Larger ones are stored first, and streamed.
pub(super) const LARGEST_INLINE: usize = 1 << 20;

/// What carries a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Channel {
    /// HTTP and HTTPS.
    Http,
    /// SMTP. The URL is `smtp://host:port` or `smtps://host:port`, the body the whole message, the sender stands in the
    /// header `mail-from`, each receiver in a header `rcpt-to`.
    Mail,
}

/// Which deliveries of a target go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Before the others.
    High,
    /// As a rule.
    #[default]
    Normal,
    /// After the others.
    Low,
}

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DeliveryState {
    /// Waits for its first attempt, or the next.
    Waiting,
    /// Waits for an earlier one with the same order key.
    Behind,
    /// Is being sent, or was when its worker died.
    Sending,
    /// The receiver took it.
    Delivered,
    /// It was given up: a dead letter, which can be replayed.
    Failed,
    /// It was cancelled.
    Cancelled,
}

impl Channel {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Channel::Http => "http",
            Channel::Mail => "mail",
        }
    }

    pub(super) fn from_text(text: &str) -> Channel {
        match text {
            "mail" => Channel::Mail,
            _ => Channel::Http,
        }
    }
}

impl Priority {
    pub(super) fn number(self) -> i64 {
        match self {
            Priority::High => 0,
            Priority::Normal => 1,
            Priority::Low => 2,
        }
    }

    pub(super) fn from_number(number: i64) -> Priority {
        match number {
            0 => Priority::High,
            1 => Priority::Normal,
            _ => Priority::Low,
        }
    }
}

impl DeliveryState {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            DeliveryState::Waiting => "waiting",
            DeliveryState::Behind => "behind",
            DeliveryState::Sending => "sending",
            DeliveryState::Delivered => "delivered",
            DeliveryState::Failed => "failed",
            DeliveryState::Cancelled => "cancelled",
        }
    }

    pub(super) fn words(self) -> Words {
        let ja = match self {
            DeliveryState::Waiting => "送信待ち",
            DeliveryState::Behind => "順番待ち",
            DeliveryState::Sending => "送信中",
            DeliveryState::Delivered => "送信済み",
            DeliveryState::Failed => "失敗",
            DeliveryState::Cancelled => "中止済み",
        };
        Words::both(ja, self.as_str())
    }

    pub(super) fn from_text(text: &str) -> DeliveryState {
        match text {
            "waiting" => DeliveryState::Waiting,
            "behind" => DeliveryState::Behind,
            "sending" => DeliveryState::Sending,
            "delivered" => DeliveryState::Delivered,
            "cancelled" => DeliveryState::Cancelled,
            _ => DeliveryState::Failed,
        }
    }

    /// Whether nothing more will happen, unless it is replayed.
    pub fn is_ended(self) -> bool {
        matches!(self, DeliveryState::Delivered | DeliveryState::Failed | DeliveryState::Cancelled)
    }
}

/// The bytes of a message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Body {
    /// None.
    #[default]
    Empty,
    /// Bytes, at most 1 MiB, and the places where secrets are put in when they are sent.
    Bytes(Vec<u8>, Vec<SecretSlot>),
    /// A stored file ([`Store::put_file`]), which from then on belongs to the delivery. It is streamed.
    File(i64),
}

/// A delivery to be made. Whoever makes it says how it is sent by [`Sending`].
///
/// ```
/// use renkei::{Escape, NewDelivery, Priority, SlottedText};
///
/// let mut key = SlottedText::default();
/// key.push_secret("core-key", Escape::None);
/// let delivery = NewDelivery::post("https://core.example/api/orders")
///     .header("x-api-key", key)
///     .json(&serde_json::json!({"order": "A-1"}))
///     .order_key("A-1")
///     .priority(Priority::High);
/// assert_eq!(delivery.headers.len(), 2);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct NewDelivery {
    /// What carries it.
    pub channel: Channel,
    /// The method, such as POST.
    pub method: String,
    /// Where it goes.
    pub url: SlottedText,
    /// The headers, without those by which it is signed and the sender known.
    pub headers: Vec<(String, SlottedText)>,
    /// The bytes.
    pub body: Body,
    /// How it is sent.
    pub sending: Sending,
    /// Deliveries to one target with the same key are sent one after the other, in the order in which they were made.
    pub order_key: Option<String>,
    /// Which go first.
    pub priority: Priority,
    /// Not before this moment.
    pub due_at: Option<Timestamp>,
    /// The maker's own token: the same token gives the same delivery.
    pub token: Option<String>,
    /// Which room made it; see [`Consequence`](super::Consequence).
    pub(crate) kind: &'static str,
    /// The setting it was made by.
    pub(crate) setting: Option<i64>,
    /// What was made together.
    pub(crate) run: Option<i64>,
    /// What the room needs to know at the end: any text, as a rule JSON.
    pub(crate) context: String,
}

impl NewDelivery {
    /// A message by HTTP.
    pub fn http(method: impl Into<String>, url: impl Into<SlottedText>) -> NewDelivery {
        NewDelivery {
            channel: Channel::Http,
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: Body::Empty,
            sending: Sending::default(),
            order_key: None,
            priority: Priority::default(),
            due_at: None,
            token: None,
            kind: "host",
            setting: None,
            run: None,
            context: String::new(),
        }
    }

    /// A POST.
    pub fn post(url: impl Into<SlottedText>) -> NewDelivery {
        NewDelivery::http("POST", url)
    }

    /// Adds a header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<SlottedText>) -> NewDelivery {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    pub fn body(mut self, bytes: impl Into<Vec<u8>>) -> NewDelivery {
        self.body = Body::Bytes(bytes.into(), Vec::new());
        self
    }

    /// Sets a JSON body, and the header that says so.
    pub fn json(self, json: &serde_json::Value) -> NewDelivery {
        self.header("content-type", "application/json").body(json.to_string())
    }

    /// Sets the body to a stored file.
    pub fn file(mut self, id: i64) -> NewDelivery {
        self.body = Body::File(id);
        self
    }

    /// Sets how it is sent.
    pub fn sending(mut self, sending: Sending) -> NewDelivery {
        self.sending = sending;
        self
    }

    /// Keeps the order among those with the same key.
    pub fn order_key(mut self, key: impl Into<String>) -> NewDelivery {
        self.order_key = Some(key.into());
        self
    }

    /// Sets which go first.
    pub fn priority(mut self, priority: Priority) -> NewDelivery {
        self.priority = priority;
        self
    }

    /// Sends it not before this moment.
    pub fn due_at(mut self, moment: Timestamp) -> NewDelivery {
        self.due_at = Some(moment);
        self
    }

    /// The same token gives the same delivery.
    pub fn token(mut self, token: impl Into<String>) -> NewDelivery {
        self.token = Some(token.into());
        self
    }
}

/// Writes a delivery into the transaction; its id. The message is frozen from here on.
///
/// # Errors
///
/// [`Code::DeliveryInvalid`] for a URL, header or method that cannot be sent (CR, LF and NUL among them), for a body of more
/// than 1 MiB that is not stored; [`Code::DefinitionNotFound`] for the target; [`Code::FileNotFound`].
pub(crate) fn enqueue(store: &Store, writing: &Writing<'_>, new: &NewDelivery) -> Result<i64> {
    if let Some(token) = &new.token {
        let sql = "SELECT id FROM renkei_delivery WHERE kind = ?1 AND token = ?2";
        let known = writing.prepare_cached(sql)?.query_row((new.kind, token), |row| row.get(0)).optional()?;
        if let Some(id) = known {
            return Ok(id);
        }
    }
    message::check(new)?;
    new.sending.validate()?;
    let url = Url::parse(new.url.text())?;
    let target = target::row_of(writing, new.sending.target.as_deref(), &url.origin(), new.channel)?;
    let sending = sending_id(writing, &new.sending)?;
    let now = store.now();
    let id = next_id(writing)?;
    let first_wait = new.sending.retry.wait(0, None, dice(store)).unwrap_or_default();
    let due_at = now.after(first_wait).max(new.due_at.unwrap_or(now));
    let expires_at =
        new.sending.retry.deadline_seconds.map(|seconds| now.after(std::time::Duration::from_secs(seconds)));
    let state = match &new.order_key {
        Some(key) if has_others(writing, target, key, id)? => DeliveryState::Behind,
        _ => DeliveryState::Waiting,
    };
    let sql =
        "INSERT INTO renkei_delivery (id, message_id, channel, kind, setting_id, run_id, target_id, sending_id, state,
        priority, order_key, due_at, created_at, created_by, expires_at, token, context)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";
    writing.prepare_cached(sql)?.execute(rusqlite::params![
        id,
        message_id(store),
        new.channel.as_str(),
        new.kind,
        new.setting,
        new.run,
        target,
        sending,
        state.as_str(),
        new.priority.number(),
        new.order_key,
        due_at.0,
        now.0,
        store.actor,
        expires_at.map(|time| time.0),
        new.token,
        new.context,
    ])?;
    freeze(writing, id, new, now)?;
    if state == DeliveryState::Waiting {
        is_waiting(writing, target, due_at, now)?;
        writing.makes_work();
    }
    Ok(id)
}

/// Writes what is sent.
fn freeze(writing: &Writing<'_>, id: i64, new: &NewDelivery, now: Timestamp) -> Result<()> {
    let internal = |error: serde_json::Error| {
        Error::new(Code::Internal).with_rule("a message cannot be written").with_source(error)
    };
    let url = serde_json::to_string(&new.url).map_err(internal)?;
    let headers = serde_json::to_string(&Headers::of(&new.headers)).map_err(internal)?;
    let (mut body, mut slots, mut file) = (None, None, None);
    let (size, sha256): (u64, [u8; 32]) = match &new.body {
        Body::Empty => (0, Sha256::digest(b"").into()),
        Body::Bytes(bytes, places) => {
            if !places.is_empty() {
                slots = Some(serde_json::to_string(places).map_err(internal)?);
            }
            body = Some(bytes);
            (bytes.len() as u64, Sha256::digest(bytes).into())
        }
        Body::File(stored) => {
            file = Some(*stored);
            bytes::take(writing, *stored, now)?
        }
    };
    let sql = "INSERT INTO renkei_message (delivery_id, method, url, headers, body, slots, file_id, bytes, sha256)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    writing.prepare_cached(sql)?.execute(rusqlite::params![
        id,
        new.method,
        url,
        headers,
        body,
        slots,
        file,
        i64::try_from(size).unwrap_or(i64::MAX),
        &sha256[..],
    ])?;
    Ok(())
}

/// Whether other deliveries with the order key are on their way to the target.
pub(super) fn has_others(connection: &Connection, target: i64, order_key: &str, id: i64) -> Result<bool> {
    let sql = "SELECT 1 FROM renkei_delivery INDEXED BY renkei_delivery_order WHERE target_id = ?1 AND order_key = ?2
        AND order_key IS NOT NULL AND state IN ('waiting', 'behind', 'sending') AND id <> ?3";
    Ok(connection.prepare_cached(sql)?.exists((target, order_key, id))?)
}

/// Tells the target that something waits for it.
fn is_waiting(connection: &Connection, target: i64, due_at: Timestamp, now: Timestamp) -> Result<()> {
    let sql = "SELECT ready_at FROM renkei_target WHERE id = ?1";
    let ready: Option<i64> = connection.prepare_cached(sql)?.query_row([target], |row| row.get(0))?;
    match ready {
        None => target::refresh(connection, target, now),
        Some(ready) if ready <= due_at.0 => Ok(()),
        Some(_) => {
            // Possibly too early for its other limits: whoever looks then finds that out.
            let sql = "UPDATE renkei_target SET ready_at = ?2 WHERE id = ?1";
            connection.prepare_cached(sql)?.execute((target, due_at.0))?;
            Ok(())
        }
    }
}

fn sending_id(connection: &Connection, sending: &Sending) -> Result<i64> {
    let document = serde_json::to_string(sending)
        .map_err(|error| Error::new(Code::Internal).with_rule("a setting cannot be written").with_source(error))?;
    let sha256: [u8; 32] = Sha256::digest(document.as_bytes()).into();
    let sql = "SELECT id FROM renkei_sending WHERE sha256 = ?1";
    let known = connection.prepare_cached(sql)?.query_row([&sha256[..]], |row| row.get(0)).optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    let sql = "INSERT INTO renkei_sending (sha256, document) VALUES (?1, ?2) RETURNING id";
    Ok(connection.prepare_cached(sql)?.query_row((&sha256[..], document), |row| row.get(0))?)
}

fn message_id(store: &Store) -> String {
    use std::fmt::Write as _;

    let mut random = [0; 16];
    store.random(&mut random);
    random.iter().fold(String::from("msg_"), |mut id, byte| {
        let _ = write!(id, "{byte:02x}");
        id
    })
}

/// A random number for the spreading of moments.
pub(super) fn dice(store: &Store) -> u32 {
    let mut random = [0; 4];
    store.random(&mut random);
    u32::from_ne_bytes(random)
}

impl Store {
    /// Puts a message into the queue of deliveries; its id. A [`Worker`](crate::Worker) sends it, at least once. For the
    /// host and administrators.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = renkei::Store::create(dir.path().join("s.db"))?;
    /// use renkei::{DeliveryState, NewDelivery};
    ///
    /// let id = store.deliver(&NewDelivery::post("https://core.example/orders").body("…"))?;
    /// assert_eq!(store.delivery(id)?.state, DeliveryState::Waiting);
    /// # Ok::<(), renkei::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Code::DeliveryInvalid`] for what cannot be sent: another scheme than http and https, credentials in the URL, line
    /// breaks in headers, a body of more than 1 MiB that is not stored ([`Store::put_file`]);
    /// [`Code::DefinitionNotFound`] for the target, [`Code::FileNotFound`] for the body; [`Code::AdministratorOnly`].
    pub fn deliver(&self, new: &NewDelivery) -> Result<i64> {
        self.write(|writing| deliver(self, writing, new))
    }
}

impl Transaction<'_> {
    /// As [`Store::deliver`]: the message is sent if the transaction is kept, and only then.
    ///
    /// # Errors
    ///
    /// As [`Store::deliver`].
    pub fn deliver(&self, new: &NewDelivery) -> Result<i64> {
        deliver(self.store, self.writing, new)
    }
}

fn deliver(store: &Store, writing: &Writing<'_>, new: &NewDelivery) -> Result<i64> {
    demand_administrator(store, writing, "deliver")?;
    enqueue(store, writing, new)
}
