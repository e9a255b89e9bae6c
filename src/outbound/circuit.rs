//! The circuit of a target: after many failures in a row it is left alone, then probed by one delivery at a time.

use serde::{Deserialize, Serialize};

/// When a target is left alone, for how long, and when it is given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Circuit {
    /// After so many failures in a row nothing is sent for a while. 0: never. Default: 10.
    pub failures: u32,
    /// For how long nothing is sent at first, in seconds. Doubled each time a probe fails. Default: 30.
    pub open_seconds: u64,
    /// The longest time between probes, in seconds. Default: 600.
    pub longest_open_seconds: u64,
    /// A target that has failed for so many seconds without a success between is disabled, and a notice given: its
    /// deliveries wait until it is enabled again. Default: 432,000 (5 days).
    pub disable_after_seconds: Option<u64>,
}

impl Default for Circuit {
    fn default() -> Circuit {
        Circuit { failures: 10, open_seconds: 30, longest_open_seconds: 600, disable_after_seconds: Some(432_000) }
    }
}
