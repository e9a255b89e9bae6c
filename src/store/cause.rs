//! Why something is written: the door it comes through, and the runs that led to it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The door through which something is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Origin {
    /// A call of the host, in Rust or C, for itself or a user.
    #[default]
    Api,
    /// A user who came with a token, as those of the Web API do.
    WebApi,
    /// A line of an import.
    Import,
    /// What follows from a CSV push.
    CsvPush,
    /// What is saved of the answer to an http send.
    HttpSend,
    /// A part of an automation.
    Automation,
}

impl Origin {
    const ALL: [Origin; 6] =
        [Origin::Api, Origin::WebApi, Origin::Import, Origin::CsvPush, Origin::HttpSend, Origin::Automation];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Origin::Api => "api",
            Origin::WebApi => "web_api",
            Origin::Import => "import",
            Origin::CsvPush => "csv_push",
            Origin::HttpSend => "http_send",
            Origin::Automation => "automation",
        }
    }

    pub(crate) fn from_text(text: &str) -> Option<Origin> {
        Origin::ALL.into_iter().find(|origin| origin.as_str() == text)
    }
}

/// A run that led to something: of which setting, by its code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Link(pub(crate) i64, pub(crate) String);

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.1, self.0)
    }
}

/// Why something is written. A handle carries it, so that whatever is written through the handle is known by it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Cause {
    pub(crate) origin: Origin,
    /// The run that writes: an import, a push, an http send, a run of an automation.
    pub(crate) run: Option<i64>,
    /// The runs that were started by what others had written, the first one first; the one that writes is the last.
    pub(crate) chain: Vec<Link>,
}

impl Cause {
    /// A run that nothing written before has led to.
    pub(crate) fn run(origin: Origin, run: i64) -> Cause {
        Cause { origin, run: Some(run), chain: Vec::new() }
    }
}
