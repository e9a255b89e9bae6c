//! Which moments a schedule means.

use std::time::Duration;

use jiff::civil;
use jiff::tz::{AmbiguousOffset, TimeZone};

use super::{Missed, MonthDay, Weekday, refused};
use crate::error::{Result, words};
use crate::store::Timestamp;

/// A run that is begun no later than so long after its time is on time.
const GRACE: Duration = Duration::from_secs(600);

/// So many days hold a 29 February, also around a year that is no leap year for once.
const HORIZON: usize = 366 * 9;

/// Which days, as sets of bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Days {
    /// Bit 1 is January.
    pub(super) months: u64,
    /// Bit 1 is the first day.
    pub(super) month_days: u64,
    /// Whether the last day of a month is meant too.
    pub(super) last: bool,
    /// Bit 0 is Sunday.
    pub(super) weekdays: u64,
    /// Whether one of the two, day of the month or of the week, is enough.
    pub(super) either: bool,
}

impl Days {
    pub(super) fn every() -> Days {
        Days { months: u64::MAX, month_days: u64::MAX, last: false, weekdays: u64::MAX, either: false }
    }

    pub(super) fn on_weekdays(on: &[Weekday]) -> Days {
        Days { weekdays: on.iter().fold(0, |all, day| all | 1 << *day as u8), ..Days::every() }
    }

    pub(super) fn on_month_days(on: &[MonthDay]) -> Result<Days> {
        let mut days = Days { month_days: 0, ..Days::every() };
        for day in on {
            match day {
                MonthDay::Last => days.last = true,
                MonthDay::Day(day @ 1..=31) => days.month_days |= 1 << day,
                MonthDay::Day(day) => {
                    return Err(refused(
                        "on",
                        day,
                        words!("日は1から31までか、「last」です", "a day is 1 to 31, or \"last\""),
                    ));
                }
            }
        }
        match on.is_empty() {
            true => Err(refused("on", "", words!("日がありません", "it has no day of the month"))),
            false => Ok(days),
        }
    }

    /// Whether there ever is such a day.
    pub(super) fn exist(&self) -> bool {
        let longest = |month: u32| match month {
            2 => 29,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let in_month = |month| self.last || (1..=longest(month)).any(|day| self.month_days >> day & 1 == 1);
        (1..=12).any(|month| self.months >> month & 1 == 1 && (self.either || in_month(month)))
    }

    fn has(&self, date: civil::Date) -> bool {
        if self.months >> date.month() & 1 == 0 {
            return false;
        }
        let of_month = self.month_days >> date.day() & 1 == 1 || (self.last && date.day() == date.days_in_month());
        let of_week = self.weekdays >> date.weekday().to_sunday_zero_offset() & 1 == 1;
        if self.either { of_month || of_week } else { of_month && of_week }
    }
}

/// The moments of a schedule, in its time zone.
#[derive(Debug, Clone)]
pub(crate) struct Timetable {
    zone: TimeZone,
    days: Days,
    /// Minutes since midnight, ascending, at least one.
    times: Vec<u16>,
    /// Whether it goes by time that passes rather than by what clocks show.
    repeats: bool,
    missed: Missed,
}

/// What is to be done when the time of a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    /// The moment for which a run is to be done now; none where the missed ones are left out.
    pub(crate) run: Option<Timestamp>,
    /// The moment of the next run.
    pub(crate) next: Option<Timestamp>,
}

impl Timetable {
    pub(super) fn new(zone: TimeZone, days: Days, times: Vec<u16>, repeats: bool, missed: Missed) -> Timetable {
        Timetable { zone, days, times, repeats, missed }
    }

    /// The first moment later than `after`; none at the end of the calendar.
    pub(crate) fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let after = jiff::Timestamp::from_millisecond(after.0).ok()?;
        // A day before, for times of day that a change of clocks moved into the next day.
        let today = self.zone.to_datetime(after).date();
        let first = today.yesterday().unwrap_or(today);
        self.search(first, |date| date.tomorrow().ok(), |moments| moments.filter(|moment| *moment > after).min())
            .min()
            .map(|moment| Timestamp(moment.as_millisecond()))
    }

    /// The last moment that is not later than `until`.
    pub(crate) fn last_until(&self, until: Timestamp) -> Option<Timestamp> {
        let until = jiff::Timestamp::from_millisecond(until.0).ok()?;
        let today = self.zone.to_datetime(until).date();
        let first = today.tomorrow().unwrap_or(today);
        self.search(first, |date| date.yesterday().ok(), |moments| moments.filter(|moment| *moment <= until).max())
            .max()
            .map(|moment| Timestamp(moment.as_millisecond()))
    }

    /// What is to be done at `now`, when the next run was to be at `planned`; nothing before that.
    ///
    /// Of several runs whose time has passed only the last is done, and that only where it is on time or missed runs are
    /// to be made up for.
    pub(crate) fn due(&self, planned: Timestamp, now: Timestamp) -> Option<Due> {
        if planned > now {
            return None;
        }
        let last = self.last_until(now).filter(|last| *last >= planned).unwrap_or(planned);
        let is_on_time = last.after(GRACE) >= now;
        let run = (is_on_time || self.missed == Missed::RunOnce).then_some(last);
        Some(Due { run, next: self.next_after(now) })
    }

    /// What `choose` makes of the first day that has something to choose, and of the one behind it, whose moments may be
    /// nearer where a change of clocks moved those of a whole day.
    fn search<'a>(
        &'a self,
        first: civil::Date,
        step: impl Fn(&civil::Date) -> Option<civil::Date>,
        choose: impl Fn(&mut dyn Iterator<Item = jiff::Timestamp>) -> Option<jiff::Timestamp> + 'a,
    ) -> impl Iterator<Item = jiff::Timestamp> {
        let mut found = Vec::new();
        let mut date = Some(first);
        for _ in 0..HORIZON {
            let Some(day) = date else { break };
            let was_found = !found.is_empty();
            if self.days.has(day) {
                found.extend(choose(&mut self.moments(day)));
            }
            if was_found {
                break;
            }
            date = step(&day);
        }
        found.into_iter()
    }

    fn moments(&self, date: civil::Date) -> impl Iterator<Item = jiff::Timestamp> {
        self.times.iter().flat_map(move |minute| {
            // Both are far below 128.
            let at = date.at((minute / 60) as i8, (minute % 60) as i8, 0, 0);
            let offsets = match self.zone.to_ambiguous_timestamp(at).offset() {
                AmbiguousOffset::Unambiguous { offset } => [Some(offset), None],
                AmbiguousOffset::Gap { .. } if self.repeats => [None, None],
                AmbiguousOffset::Gap { before, .. } => [Some(before), None],
                AmbiguousOffset::Fold { before, after } => [Some(before), Some(after).filter(|_| self.repeats)],
            };
            offsets.into_iter().flatten().filter_map(move |offset| offset.to_timestamp(at).ok())
        })
    }
}
