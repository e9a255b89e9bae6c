//! Targets: what deliveries share that go to one place.

use serde::{Deserialize, Serialize};

use super::circuit::Circuit;
use super::rate::Rate;
use crate::schema::documents::Document;

/// A target (連携先): the limits shared by all deliveries that name it in [`Sending::target`](super::Sending::target).
/// Deliveries that name none share the target of their origin, such as `https://api.example.com:443`, with the limits
/// that stand here as defaults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The id; assigned when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    /// The machine name.
    pub code: String,
    /// The name shown to people.
    pub name: String,
    /// How many deliveries may be on their way at once, over all workers. Default: 8.
    #[serde(default = "eight")]
    pub concurrency: u32,
    /// How often it may be called. Default: as often as there is something to send.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// When it is left alone.
    #[serde(default)]
    pub circuit: Circuit,
}

fn eight() -> u32 {
    8
}

impl Target {
    /// A target with the default limits.
    pub fn new(code: impl Into<String>, name: impl Into<String>) -> Target {
        Target {
            id: None,
            code: code.into(),
            name: name.into(),
            concurrency: eight(),
            rate: None,
            circuit: Circuit::default(),
        }
    }
}

impl Document for Target {
    const KIND: &'static str = "target";

    fn id(&self) -> Option<i64> {
        self.id
    }

    fn set_id(&mut self, id: i64) {
        self.id = Some(id);
    }

    fn code(&self) -> &str {
        &self.code
    }
}
