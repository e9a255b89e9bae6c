//! What carries a message to its receiver, and brings the answer back. A host may bring its own.

use std::io::Read;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde::Serialize;
use zeroize::Zeroizing;

use super::delivery::Channel;
use super::policy::NetworkPolicy;
use super::resolve::Gate;
use super::sending::Sending;
use super::url::Url;
use crate::error::{Code, Error, Result};

/// How far an attempt came that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorFamily {
    /// Nothing has reached the receiver: the address, the connection, TLS, a missing secret (送信前エラー).
    BeforeSending,
    /// It may have arrived, but no whole answer came.
    Unanswered,
    /// The receiver answered, and refused (応答エラー).
    Answer,
}

impl ErrorFamily {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            ErrorFamily::BeforeSending => "before_sending",
            ErrorFamily::Unanswered => "unanswered",
            ErrorFamily::Answer => "answer",
        }
    }

    pub(super) fn from_text(text: &str) -> ErrorFamily {
        match text {
            "before_sending" => ErrorFamily::BeforeSending,
            "answer" => ErrorFamily::Answer,
            _ => ErrorFamily::Unanswered,
        }
    }
}

/// What a receiver answered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Answer {
    /// The HTTP status, or the reply code of SMTP.
    pub status: u16,
    /// Names in lower case, in the order in which they came.
    pub headers: Vec<(String, String)>,
    /// At most [`Sending::answer_bytes`].
    pub body: Vec<u8>,
    /// Whether there was more.
    pub is_cut: bool,
}

impl Answer {
    /// An answer without headers and body.
    pub fn new(status: u16) -> Answer {
        Answer { status, ..Answer::default() }
    }

    /// The first header of the name, which is given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// How long what took, and who was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Times {
    /// The address that was called.
    pub address: Option<SocketAddr>,
    /// Until the connection stood, the look-up of the name included. `None` where a connection was used again.
    pub connect: Option<Duration>,
    /// Then until TLS stood.
    pub tls: Option<Duration>,
    /// From the beginning until the head of the answer was there.
    pub answer: Option<Duration>,
}

/// A message that was answered, whatever the answer says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Exchange {
    /// The answer.
    pub answer: Answer,
    /// How long what took.
    pub times: Times,
}

impl Exchange {
    /// An answer that came after `times`.
    pub fn new(answer: Answer, times: Times) -> Exchange {
        Exchange { answer, times }
    }
}

/// A message that was not answered.
#[derive(Debug)]
#[non_exhaustive]
pub struct Failure {
    /// How far it came.
    pub family: ErrorFamily,
    /// What happened.
    pub error: Error,
    /// The status, if only the rest of the answer is missing.
    pub status: Option<u16>,
    /// How long what took.
    pub times: Times,
}

impl Failure {
    /// Nothing has reached the receiver.
    pub fn before_sending(rule: &str, origin: &str) -> Failure {
        Failure::of(ErrorFamily::BeforeSending, Error::new(Code::ConnectFailed).with_value(origin).with_rule(rule))
    }

    /// It may have arrived.
    pub fn unanswered(rule: &str, origin: &str) -> Failure {
        Failure::of(ErrorFamily::Unanswered, Error::new(Code::AnswerMissing).with_value(origin).with_rule(rule))
    }

    pub(crate) fn of(family: ErrorFamily, error: Error) -> Failure {
        Failure { family, error, status: None, times: Times::default() }
    }
}

/// A message as it is sent, with its secrets.
#[non_exhaustive]
pub struct OutboundRequest<'a> {
    /// What carries it.
    pub channel: Channel,
    /// The method.
    pub method: &'a str,
    /// Where it goes.
    pub url: &'a Url,
    /// All headers but those that say how the message is framed. Names are in lower case.
    pub headers: &'a [(String, Zeroizing<String>)],
    /// The user and the password of [`Auth::Basic`](super::Auth::Basic), which stand in a header as well if it is HTTP.
    pub login: Option<(&'a str, &'a str)>,
    /// The size of the body; `None` when it has none.
    pub body_bytes: Option<u64>,
    /// The body.
    pub body: &'a mut (dyn Read + Send),
    /// How it is sent: the bounds of times and answer, and what holds for TLS.
    pub sending: &'a Sending,
    /// When the attempt must be over.
    pub deadline: Instant,
    pub(crate) gate: &'a Gate,
}

impl OutboundRequest<'_> {
    /// The addresses to which a connection may be made. Each new connection must ask, and connect to one of these only.
    ///
    /// # Errors
    ///
    /// [`Code::HostUnknown`]; [`Code::AddressRefused`], which says what the operator must allow.
    pub fn addresses(&self) -> Result<Vec<SocketAddr>> {
        let connect = Duration::from_secs(u64::from(self.sending.timeouts.connect_seconds));
        let until = self.deadline.min(Instant::now() + connect);
        self.gate.addresses(self.url.target(), self.url.port(), until)
    }

    /// What the operator allows.
    pub fn policy(&self) -> &NetworkPolicy {
        self.gate.policy()
    }
}

/// Carries messages. Called from several threads at once.
pub trait Transport: Send + Sync {
    /// Sends one message and waits for the answer, until [`OutboundRequest::deadline`] at the longest. Redirects are answers
    /// as any other, and not followed.
    ///
    /// # Errors
    ///
    /// [`Failure`] when there is no whole answer.
    fn send(&self, request: &mut OutboundRequest<'_>) -> std::result::Result<Exchange, Failure>;
}
