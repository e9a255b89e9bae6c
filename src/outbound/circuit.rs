//! The circuit of a target: after many failures in a row it is left alone, then probed by one delivery at a time.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::store::Timestamp;

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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disable_after_seconds: Option<u64>,
}

impl Default for Circuit {
    fn default() -> Circuit {
        Circuit { failures: 10, open_seconds: 30, longest_open_seconds: 600, disable_after_seconds: Some(432_000) }
    }
}

/// How the circuit of a target stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct CircuitState {
    /// In a row.
    pub(super) failures: u32,
    pub(super) failing_since: Option<Timestamp>,
    /// Nothing is sent before this moment, then one delivery at a time.
    pub(super) probe_at: Option<Timestamp>,
    /// Probes that failed in a row.
    pub(super) probes: u32,
    pub(super) disabled_at: Option<Timestamp>,
}

/// What an answer, or the lack of one, did to a circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turned {
    Opened,
    Closed,
    Disabled,
}

impl CircuitState {
    /// The target answered.
    pub(super) fn succeeded(&mut self) -> Option<Turned> {
        let was_open = self.probe_at.is_some();
        let disabled_at = self.disabled_at;
        *self = CircuitState { disabled_at, ..CircuitState::default() };
        was_open.then_some(Turned::Closed)
    }

    /// The target failed.
    pub(super) fn failed(&mut self, rules: &Circuit, now: Timestamp) -> Option<Turned> {
        self.failures = self.failures.saturating_add(1);
        let since = *self.failing_since.get_or_insert(now);
        if rules.failures == 0 || self.failures < rules.failures || self.disabled_at.is_some() {
            return None;
        }
        let longest = rules.disable_after_seconds.map(Duration::from_secs);
        if longest.is_some_and(|longest| now >= since.after(longest)) {
            self.disabled_at = Some(now);
            return Some(Turned::Disabled);
        }
        match self.probe_at {
            // One that was on its way before the circuit opened.
            Some(probe_at) if now < probe_at => None,
            Some(_) => {
                self.probes = self.probes.saturating_add(1);
                self.probe_at = Some(now.after(rules.open_for(self.probes)));
                None
            }
            None => {
                self.probe_at = Some(now.after(rules.open_for(0)));
                Some(Turned::Opened)
            }
        }
    }
}

impl Circuit {
    fn open_for(&self, probes: u32) -> Duration {
        let doubled = self.open_seconds.saturating_mul(1u64.checked_shl(probes.min(32)).unwrap_or(u64::MAX));
        Duration::from_secs(doubled.min(self.longest_open_seconds.max(self.open_seconds)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circuit_opens_is_probed_and_closes() {
        let rules =
            Circuit { failures: 3, open_seconds: 30, longest_open_seconds: 100, disable_after_seconds: Some(1_000) };
        let mut state = CircuitState::default();
        let at = |seconds: i64| Timestamp(seconds * 1_000);
        assert_eq!(state.failed(&rules, at(0)), None);
        assert_eq!(state.succeeded(), None);
        for second in 0..2 {
            assert_eq!(state.failed(&rules, at(second)), None);
        }
        assert_eq!(state.failed(&rules, at(2)), Some(Turned::Opened));
        assert_eq!(state.probe_at, Some(at(32)));
        // Late ones do not lengthen it.
        assert_eq!(state.failed(&rules, at(10)), None);
        assert_eq!(state.probe_at, Some(at(32)));
        for (second, next) in [(32, 92), (92, 192), (192, 292)] {
            assert_eq!(state.failed(&rules, at(second)), None);
            assert_eq!(state.probe_at, Some(at(next)));
        }
        assert_eq!(state.failed(&rules, at(1_000)), Some(Turned::Disabled));
        assert_eq!(state.failed(&rules, at(1_001)), None);
        state.disabled_at = None;
        assert_eq!(state.succeeded(), Some(Turned::Closed));
        assert_eq!(state, CircuitState::default());
    }

    #[test]
    fn without_a_number_of_failures_it_never_opens() {
        let rules = Circuit { failures: 0, ..Circuit::default() };
        let mut state = CircuitState::default();
        for hour in 0..500 {
            assert_eq!(state.failed(&rules, Timestamp(hour * 3_600_000)), None);
        }
    }
}
