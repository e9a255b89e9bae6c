//! How often a target may be called.

use serde::{Deserialize, Serialize};

/// So many calls in so many seconds, evenly spread, with a burst.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// The calls.
    pub calls: u32,
    /// The time in which they may be made, in seconds.
    pub seconds: u32,
    /// How many may be made at once after a rest. Default: 1.
    #[serde(default = "one")]
    pub burst: u32,
}

fn one() -> u32 {
    1
}

impl Rate {
    /// So many calls a second.
    pub fn per_second(calls: u32) -> Rate {
        Rate { calls, seconds: 1, burst: 1 }
    }

    /// So many calls a minute.
    pub fn per_minute(calls: u32) -> Rate {
        Rate { calls, seconds: 60, burst: 1 }
    }
}
