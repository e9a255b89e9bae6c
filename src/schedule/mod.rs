//! When something is done again and again: by plain words, or by the five fields of cron.
//!
//! [`Schedule`] is what is written down, [`timetable`] what it means: which moments, in a time zone. [`cron`] reads the
//! five fields. Whoever keeps a schedule keeps the moment of its next run beside it and asks [`Timetable::due`].

mod cron;
#[cfg(test)]
mod tests;
mod timetable;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub(crate) use timetable::Timetable;

use crate::error::{Code, Error, Result, Words, words};
use crate::schema::Time;
use crate::store::{Store, Timestamp};
use timetable::Days;

/// The most moments that are listed at once.
const LISTED: usize = 1_000;

/// The most times of a day in a plan of words.
const TIMES: usize = 100;

/// When something is done again and again.
///
/// Times are to the minute, in a time zone: that of the store (Japan's, unless it was opened with another) when
/// `time_zone` is left out. Where clocks are put forward, a time of day that is left out is taken as much later; where
/// they are put back, a time of day that comes twice counts once. Plans by the hour or shorter ([`When::Minutes`], and
/// cron with a `*` for the hour) go on as time goes on instead: nothing is made up for the hour that is left out, and the
/// hour that comes twice is done twice.
///
/// ```
/// use renkei::{MonthDay, Schedule, Weekday};
///
/// let daily = Schedule::daily(["09:00".parse()?, "17:30".parse()?]);
/// let json = serde_json::json!({"when": {"daily": {"at": ["09:00:00", "17:30:00"]}}});
/// assert_eq!(serde_json::to_value(&daily).unwrap(), json);
///
/// let closing = Schedule::monthly([MonthDay::Last], ["18:00".parse()?]);
/// let json = r#"{"when": {"monthly": {"on": ["last"], "at": ["18:00"]}}}"#;
/// assert_eq!(serde_json::from_str::<Schedule>(json).unwrap(), closing);
///
/// let weekly = Schedule::weekly([Weekday::Monday, Weekday::Friday], ["09:00".parse()?]);
/// let cron: Schedule = serde_json::from_str(r#"{"when": {"cron": "0 9 * * mon,fri"}, "missed": "skip"}"#).unwrap();
/// # let dir = tempfile::tempdir().unwrap();
/// # let store = renkei::Store::create(dir.path().join("store.db"))?;
/// let from = store.now();
/// assert_eq!(store.next_runs(&weekly, from, 10)?, store.next_runs(&cron, from, 10)?);
/// # Ok::<(), renkei::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// When.
    pub when: When,
    /// The IANA name of the time zone, such as `Asia/Tokyo`; that of the store when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// What becomes of runs whose time passed while no worker ran. Default: `run_once`.
    #[serde(default, skip_serializing_if = "Missed::is_run_once")]
    pub missed: Missed,
}

/// The moments of a [`Schedule`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum When {
    /// Every day.
    Daily {
        /// At these times of day, without seconds; 1 to 100 of them.
        at: Vec<Time>,
    },
    /// Every week.
    Weekly {
        /// On these days.
        on: Vec<Weekday>,
        /// At these times of day, without seconds; 1 to 100 of them.
        at: Vec<Time>,
    },
    /// Every month.
    Monthly {
        /// On these days. A month that has no such day is left out: write `"last"` for its last day, whichever it is.
        on: Vec<MonthDay>,
        /// At these times of day, without seconds; 1 to 100 of them.
        at: Vec<Time>,
    },
    /// Every so many minutes, beginning anew each day.
    Minutes {
        /// How many, from 1 to 1,440.
        every: u32,
        /// From this time of day on; the beginning of the day when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<Time>,
        /// Until this time of day, itself included; the end of the day when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Time>,
        /// On these days of the week; every day when absent.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        on: Vec<Weekday>,
    },
    /// By the five fields of cron: minute (0-59), hour (0-23), day of the month (1-31, `L` for the last), month (1-12 or
    /// `jan`-`dec`), day of the week (0-7 or `sun`-`sat`, 0 and 7 being Sunday). Each is `*`, a number, a range `a-b`, one of
    /// these with a step (`*/n`, `a-b/n`), or a list of them with commas. As in cron, a day fits when either the day of
    /// the month or the day of the week does, unless one of the two fields begins with `*`; then both must.
    Cron(String),
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weekday {
    /// 日曜日
    Sunday,
    /// 月曜日
    Monday,
    /// 火曜日
    Tuesday,
    /// 水曜日
    Wednesday,
    /// 木曜日
    Thursday,
    /// 金曜日
    Friday,
    /// 土曜日
    Saturday,
}

/// A day of a month. As JSON a number, or `"last"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MonthDay {
    /// This day, from 1 to 31.
    Day(u8),
    /// The last day of the month (月末).
    Last,
}

/// What becomes of runs whose time passed while no worker ran, so that more than ten minutes have gone by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// They are left out.
    Skip,
    /// One run is done for all of them, at once.
    #[default]
    RunOnce,
}

impl Missed {
    fn is_run_once(&self) -> bool {
        *self == Missed::RunOnce
    }
}

impl Serialize for MonthDay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            MonthDay::Day(day) => serializer.serialize_u8(*day),
            MonthDay::Last => serializer.serialize_str("last"),
        }
    }
}

impl<'de> Deserialize<'de> for MonthDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<MonthDay, D::Error> {
        struct Reader;

        impl de::Visitor<'_> for Reader {
            type Value = MonthDay;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a day from 1 to 31, or \"last\"")
            }

            fn visit_u64<E: de::Error>(self, day: u64) -> Result<MonthDay, E> {
                u8::try_from(day).map(MonthDay::Day).map_err(|_| E::invalid_value(de::Unexpected::Unsigned(day), &self))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<MonthDay, E> {
                match text {
                    "last" => Ok(MonthDay::Last),
                    _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }
        }

        deserializer.deserialize_any(Reader)
    }
}

/// The refusal of a member of a schedule.
fn refused(member: &str, value: impl std::fmt::Display, rule: Words) -> Error {
    Error::new(Code::ScheduleInvalid).with_name(member).with_field(member).with_value(value).with_rule(rule)
}

impl Schedule {
    /// By a plan, in the time zone of the store; missed runs are made up for by one.
    pub fn new(when: When) -> Schedule {
        Schedule { when, time_zone: None, missed: Missed::RunOnce }
    }

    /// Every day at these times.
    pub fn daily(at: impl IntoIterator<Item = Time>) -> Schedule {
        Schedule::new(When::Daily { at: at.into_iter().collect() })
    }

    /// Every week on these days at these times.
    pub fn weekly(on: impl IntoIterator<Item = Weekday>, at: impl IntoIterator<Item = Time>) -> Schedule {
        Schedule::new(When::Weekly { on: on.into_iter().collect(), at: at.into_iter().collect() })
    }

    /// Every month on these days at these times.
    pub fn monthly(on: impl IntoIterator<Item = MonthDay>, at: impl IntoIterator<Item = Time>) -> Schedule {
        Schedule::new(When::Monthly { on: on.into_iter().collect(), at: at.into_iter().collect() })
    }

    /// Every so many minutes, all day.
    pub fn every_minutes(every: u32) -> Schedule {
        Schedule::new(When::Minutes { every, from: None, until: None, on: Vec::new() })
    }

    /// By the five fields of cron; see [`When::Cron`].
    pub fn cron(fields: impl Into<String>) -> Schedule {
        Schedule::new(When::Cron(fields.into()))
    }

    /// In another time zone than that of the store, by its IANA name.
    pub fn time_zone(mut self, name: impl Into<String>) -> Schedule {
        self.time_zone = Some(name.into());
        self
    }

    /// Sets what becomes of missed runs.
    pub fn missed(mut self, missed: Missed) -> Schedule {
        self.missed = missed;
        self
    }

    /// What it means.
    ///
    /// # Errors
    ///
    /// [`Code::ScheduleInvalid`] with the member, its value and the rule that it broke.
    pub(crate) fn timetable(&self, store: &Store) -> Result<Timetable> {
        let zone = match &self.time_zone {
            None => store.zone().clone(),
            Some(name) => crate::store::time_zone(name).map_err(|rule| refused("time_zone", name, rule))?,
        };
        let (days, times, repeats) = match &self.when {
            When::Daily { at } => (Days::every(), times(at)?, false),
            When::Weekly { on, at } => {
                if on.is_empty() {
                    return Err(refused("on", "", words!("曜日がありません", "it has no day of the week")));
                }
                (Days::on_weekdays(on), times(at)?, false)
            }
            When::Monthly { on, at } => (Days::on_month_days(on)?, times(at)?, false),
            When::Minutes { every, from, until, on } => {
                if !(1..=1_440).contains(every) {
                    return Err(refused(
                        "every",
                        every,
                        words!("1から1,440分までです", "it must be 1 to 1,440 minutes"),
                    ));
                }
                let from = from.map_or(Ok(0), |from| minute("from", from))?;
                let until = until.map_or(Ok(23 * 60 + 59), |until| minute("until", until))?;
                if from > until {
                    let told = format!("{:02}:{:02}", until / 60, until % 60);
                    return Err(refused("until", told, words!("`from`より前です", "it is before `from`")));
                }
                let days = if on.is_empty() { Days::every() } else { Days::on_weekdays(on) };
                (days, (from..=until).step_by(*every as usize).collect(), true)
            }
            When::Cron(text) => cron::parse(text)?,
        };
        Ok(Timetable::new(zone, days, times, repeats, self.missed))
    }
}

/// Minutes since midnight, in order and each once.
fn times(at: &[Time]) -> Result<Vec<u16>> {
    if at.is_empty() {
        return Err(refused("at", "", words!("時刻がありません", "it has no time of day")));
    }
    if at.len() > TIMES {
        let count = at.len();
        return Err(refused("at", count, words!("時刻は{TIMES}個までです", "it may have {TIMES} times of day")));
    }
    let mut times = at.iter().map(|time| minute("at", *time)).collect::<Result<Vec<_>>>()?;
    times.sort_unstable();
    times.dedup();
    Ok(times)
}

fn minute(member: &str, time: Time) -> Result<u16> {
    match time.second() {
        0 => Ok(u16::from(time.hour()) * 60 + u16::from(time.minute())),
        _ => Err(refused(member, time, words!("秒は指定できません", "it has seconds, and runs begin on the minute"))),
    }
}

impl Store {
    /// The moments at which something with this schedule is done: the first `count` of them, at most 1,000, later than
    /// `after`. For screens that show a schedule, and to try one out.
    ///
    /// # Errors
    ///
    /// [`Code::ScheduleInvalid`] when the schedule is not acceptable: which member, which value, which rule.
    pub fn next_runs(&self, schedule: &Schedule, after: Timestamp, count: usize) -> Result<Vec<Timestamp>> {
        let timetable = schedule.timetable(self)?;
        let runs = std::iter::successors(timetable.next_after(after), |run| timetable.next_after(*run));
        Ok(runs.take(count.min(LISTED)).collect())
    }
}
