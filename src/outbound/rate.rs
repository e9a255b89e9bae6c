//! How often a target may be called.

use serde::{Deserialize, Serialize};

use crate::error::{Words, words};
use crate::store::Timestamp;

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

impl Rate {
    pub(super) fn fault(&self) -> Option<Words> {
        (self.calls == 0 || self.seconds == 0 || self.burst == 0).then(|| {
            words!(
                "`rate`の`calls`、`seconds`、`burst`は1以上です",
                "`calls`, `seconds` and `burst` of a rate are at least 1"
            )
        })
    }

    /// The time of one call, in microseconds.
    fn interval(&self) -> i64 {
        (i64::from(self.seconds) * 1_000_000 / i64::from(self.calls.max(1))).max(1)
    }

    /// How far the calls may be ahead of their time. Never less than ten milliseconds' worth: nobody wakes up more often.
    fn ahead(&self) -> i64 {
        ((i64::from(self.burst.max(1)) - 1) * self.interval()).max(10_000 - self.interval()).max(0)
    }

    /// How many calls may be made now. `next` is the theoretical time of the next one, in microseconds.
    pub(super) fn free(&self, next: i64, now: Timestamp) -> usize {
        let now = now.0.saturating_mul(1_000);
        let room = now.saturating_add(self.ahead()).saturating_sub(next.max(now));
        match room < 0 {
            true => 0,
            false => usize::try_from(room / self.interval() + 1).unwrap_or(usize::MAX),
        }
    }

    /// The theoretical time of the next call after `calls` more.
    pub(super) fn taken(&self, next: i64, now: Timestamp, calls: usize) -> i64 {
        let calls = i64::try_from(calls).unwrap_or(i64::MAX);
        next.max(now.0.saturating_mul(1_000)).saturating_add(self.interval().saturating_mul(calls))
    }

    /// When a call may be made.
    pub(super) fn ready_at(&self, next: i64) -> Timestamp {
        // Rounded up to a millisecond.
        Timestamp((next - self.ahead()).saturating_add(999).div_euclid(1_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls whenever it may, and looks every so many milliseconds: how many in so many seconds.
    fn calls(rate: &Rate, look: i64, seconds: i64) -> usize {
        let (mut next, mut made) = (0, 0);
        for now in (1_000_000..1_000_000 + seconds * 1_000).step_by(usize::try_from(look).unwrap()) {
            let free = rate.free(next, Timestamp(now));
            made += free;
            next = rate.taken(next, Timestamp(now), free);
            assert_eq!(rate.free(next, Timestamp(now)), 0);
            assert!(rate.ready_at(next) > Timestamp(now));
            assert!(rate.free(next, rate.ready_at(next)) >= 1);
        }
        made
    }

    #[test]
    fn no_more_than_the_rate_and_not_much_less() {
        assert_eq!(calls(&Rate::per_second(10), 1, 10), 100);
        assert_eq!(calls(&Rate::per_minute(6), 10, 60), 6);
        for per_second in [100, 1_000, 5_000] {
            let made = calls(&Rate::per_second(per_second), 1, 10);
            let expected = usize::try_from(per_second).unwrap() * 10;
            assert!((expected..=expected + expected / 100 + 60).contains(&made), "{per_second}: {made}");
        }
        let burst = Rate { calls: 1, seconds: 1, burst: 5 };
        assert_eq!(calls(&burst, 10, 10), 14);
    }
}
