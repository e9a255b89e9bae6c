//! The frozen message: made in the transaction of what caused it, and never changed.

use serde::{Deserialize, Serialize};

use super::sending::Sending;
use super::text::{SecretSlot, SlottedText};
use crate::error::Result;
use crate::store::{Store, Timestamp, Writing};

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

impl DeliveryState {
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
    /// Bytes, kept whole in the store, and the places where secrets are put in when they are sent.
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
/// `Code::DeliveryInvalid` for a URL, header or method that cannot be sent (CR, LF and NUL among them), a stored file that
/// is not there.
pub(crate) fn enqueue(store: &Store, writing: &Writing<'_>, new: &NewDelivery) -> Result<i64> {
    let _ = (store, writing, new);
    todo!()
}
