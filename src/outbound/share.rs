//! How senders are shared among targets, so that slow ones leave some to the others.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// A target that takes longer for an answer may not hold every sender.
const SLOW: Duration = Duration::from_millis(500);

/// A fast target is claimed ahead for so long, as far as can be known.
const AHEAD: Duration = Duration::from_millis(250);

/// What a pool knows of a target.
#[derive(Debug, Default)]
pub(super) struct Load {
    /// Claimed: in the queue and being sent.
    pub(super) held: usize,
    /// When those began that are being sent.
    pub(super) began: Vec<Instant>,
    /// How long an attempt takes, on the average of the last ones.
    pub(super) average: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Pace {
    #[default]
    Unknown,
    Fast,
    Slow,
}

impl Load {
    /// An attempt is over.
    pub(super) fn ended(&mut self, began: Instant, took: Duration) {
        if let Some(at) = self.began.iter().position(|other| *other == began) {
            self.began.swap_remove(at);
        }
        self.held = self.held.saturating_sub(1);
        self.average = Some(self.average.map_or(took, |average| (average * 3 + took) / 4));
    }

    pub(super) fn is_slow(&self) -> bool {
        self.pace() == Pace::Slow
    }

    fn pace(&self) -> Pace {
        // However long the first answer takes, more is known only when it is there.
        let Some(average) = self.average else { return Pace::Unknown };
        let hangs = self.began.iter().any(|began| began.elapsed() >= SLOW);
        if hangs || average >= SLOW { Pace::Slow } else { Pace::Fast }
    }
}

/// How much may be claimed of each target.
///
/// A target that answers fast may be claimed ahead of what can be sent at once. One that has not answered yet may hold one
/// sender, and one that is slow half of those that are left free by such targets. Together slow ones leave the last quarter to
/// targets that may be fast, and those that have not answered the last sender to targets that are.
pub(super) struct Shares {
    senders: usize,
    /// Held by targets that are not fast.
    held_slowly: usize,
    loads: HashMap<i64, Known>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Known {
    held: usize,
    pace: Pace,
    average: Duration,
}

impl Shares {
    pub(super) fn of(loads: &HashMap<i64, Load>, senders: usize) -> Shares {
        let known =
            |load: &Load| Known { held: load.held, pace: load.pace(), average: load.average.unwrap_or_default() };
        let loads: HashMap<_, _> = loads.iter().map(|(id, load)| (*id, known(load))).collect();
        let held_slowly = loads.values().filter(|known| known.pace != Pace::Fast).map(|known| known.held).sum();
        Shares { senders, held_slowly, loads }
    }

    /// How many more may be claimed of a target.
    pub(super) fn allowed(&self, target: i64) -> usize {
        let Known { held, pace, average } = self.loads.get(&target).copied().unwrap_or_default();
        if pace == Pace::Fast {
            let rounds = AHEAD.as_micros() / average.as_micros().max(1) + 1;
            let most = self.senders.saturating_mul(usize::try_from(rounds).unwrap_or(usize::MAX));
            return most.saturating_sub(held);
        }
        let free = self.senders.saturating_sub(self.held_slowly);
        let reserve = match (pace, self.senders) {
            (_, 1) => 0,
            (Pace::Slow, senders) => (senders / 4).max(1),
            _ => 1,
        };
        let most = if pace == Pace::Slow { free } else { free.min(1_usize.saturating_sub(held)) };
        (0..most).take_while(|more| free - more > reserve && held + more < free - more).count()
    }

    /// Notes what was claimed.
    pub(super) fn took(&mut self, target: i64, count: usize) {
        let known = self.loads.entry(target).or_default();
        known.held += count;
        if known.pace != Pace::Fast {
            self.held_slowly += count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(senders: usize, loads: &[(i64, usize, u64)]) -> Shares {
        let loads = loads.iter().map(|(id, held, average)| {
            let average = Some(Duration::from_millis(*average));
            (*id, Load { held: *held, began: Vec::new(), average })
        });
        Shares::of(&loads.collect(), senders)
    }

    fn take(shares: &mut Shares, target: i64) -> usize {
        let allowed = shares.allowed(target);
        shares.took(target, allowed);
        allowed
    }

    #[test]
    fn a_fast_target_may_use_every_sender() {
        assert_eq!(shares(8, &[(1, 6, 5)]).allowed(1), 8 * 51 - 6);
        assert_eq!(shares(1, &[(1, 1, 5)]).allowed(1), 50);
        // Not so far ahead that other pools would have nothing to do.
        assert_eq!(shares(8, &[(1, 6, 400)]).allowed(1), 2);
    }

    #[test]
    fn targets_that_are_not_known_hold_one_and_slow_ones_leave_some() {
        let mut fresh = shares(8, &[]);
        assert_eq!([1, 2, 3, 4, 5, 6, 7, 8, 9].map(|target| take(&mut fresh, target)), [1, 1, 1, 1, 1, 1, 1, 0, 0]);
        assert_eq!([1, 2].map(|target| take(&mut fresh, target)), [0, 0], "none holds a second");
        assert_eq!(shares(1, &[]).allowed(1), 1);
        let mut two = shares(2, &[]);
        assert_eq!([1, 2].map(|target| take(&mut two, target)), [1, 0]);
        let mut slow = shares(8, &[(1, 0, 5_000), (2, 0, 5_000), (3, 0, 5_000)]);
        assert_eq!([1, 2, 3].map(|target| take(&mut slow, target)), [4, 2, 0]);
        // What is left is for others.
        assert_eq!(take(&mut slow, 9), 1);
        assert_eq!(shares(1, &[(1, 0, 5_000)]).allowed(1), 1);
        assert_eq!(shares(1, &[(1, 1, 5_000)]).allowed(2), 0);
        assert_eq!(shares(2, &[(1, 0, 5_000)]).allowed(1), 1);
    }

    #[test]
    fn what_hangs_is_slow_before_it_has_answered() {
        let mut load = Load { average: Some(Duration::from_millis(1)), ..Load::default() };
        assert_eq!(load.pace(), Pace::Fast);
        let Some(long_ago) = Instant::now().checked_sub(SLOW) else { return };
        load.held = 1;
        load.began.push(long_ago);
        assert_eq!(load.pace(), Pace::Slow);
        load.ended(long_ago, SLOW * 2);
        assert_eq!((load.pace(), load.held), (Pace::Fast, 0));
        let first = Load { held: 1, began: vec![long_ago], average: None };
        assert_eq!(first.pace(), Pace::Unknown, "it is not given more before it has answered at all");
    }
}
