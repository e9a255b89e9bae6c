//! When a delivery is tried again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Words, words};
use crate::store::Timestamp;

/// The plan by which a delivery is tried again.
///
/// ```
/// let plan = renkei::RetryPlan::default();
/// assert_eq!(plan.delays_seconds.len(), 10);
/// assert_eq!(plan.delays_seconds.iter().sum::<u64>() / 3_600, 75);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetryPlan {
    /// Seconds before each attempt, counted from the one before. The first is the wait before the first attempt; as many
    /// attempts are made as there are numbers. Default: 0, 5, 300 (5 min), 1,800, 7,200, 18,000, 36,000, 50,400, 72,000,
    /// 86,400: ten attempts within 75 hours.
    pub delays_seconds: Vec<u64>,
    /// How far a delay may be lengthened or shortened at random, in percent, so that deliveries that failed together are
    /// not tried together. Default: 20.
    pub jitter_percent: u8,
    /// The longest wait that a receiver may ask for by `Retry-After`, in seconds. Default: 86,400.
    pub longest_wait_seconds: u64,
    /// After so many seconds since it was made, a delivery is tried no more. Default: no such end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_seconds: Option<u64>,
    /// The answers after which it is tried again. Default: 408, 425, 429, 500-599.
    pub statuses: Statuses,
    /// Whether it is tried again when it may have arrived but no answer came. Without this, a receiver that cannot tell
    /// duplicates gets none, and a delivery may fail that has arrived. Default: yes.
    pub unanswered: bool,
}

impl Default for RetryPlan {
    fn default() -> RetryPlan {
        RetryPlan {
            delays_seconds: vec![0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400],
            jitter_percent: 20,
            longest_wait_seconds: 86_400,
            deadline_seconds: None,
            statuses: Statuses::new([(408, 408), (425, 425), (429, 429), (500, 599)]),
            unanswered: true,
        }
    }
}

impl RetryPlan {
    /// One attempt, and no other.
    pub fn once() -> RetryPlan {
        RetryPlan { delays_seconds: vec![0], ..RetryPlan::default() }
    }

    /// Why the plan cannot be followed, if it cannot.
    pub(super) fn fault(&self) -> Option<Words> {
        const LONGEST: u64 = 366 * 86_400;
        match () {
            () if self.delays_seconds.is_empty() => {
                Some(words!("`delays_seconds`が空です", "`delays_seconds` has no attempt"))
            }
            () if self.delays_seconds.len() > 1_000 => {
                Some(words!("`delays_seconds`が1,000回を超えています", "`delays_seconds` has more than 1,000 attempts"))
            }
            () if self.delays_seconds.iter().any(|delay| *delay > LONGEST) => Some(words!(
                "`delays_seconds`に1年を超える待ち時間があります",
                "`delays_seconds` has a delay of more than a year"
            )),
            () if self.jitter_percent > 100 => {
                Some(words!("`jitter_percent`が100を超えています", "`jitter_percent` is more than 100"))
            }
            () if self.longest_wait_seconds > LONGEST => {
                Some(words!("`longest_wait_seconds`が1年を超えています", "`longest_wait_seconds` is more than a year"))
            }
            () if self.deadline_seconds.is_some_and(|deadline| deadline == 0 || deadline > 10 * LONGEST) => {
                Some(words!(
                    "`deadline_seconds`が0か、10年を超えています",
                    "`deadline_seconds` is 0, or more than ten years"
                ))
            }
            () => None,
        }
    }

    /// The wait before the attempt after `done` others; `None` when the plan has no more. `dice` is a random number, `asked`
    /// what the receiver asked for, which lengthens the wait but never shortens it.
    pub(super) fn wait(&self, done: u32, asked: Option<Duration>, dice: u32) -> Option<Duration> {
        let delay = *self.delays_seconds.get(usize::try_from(done).unwrap_or(usize::MAX))?;
        let jitter = f64::from(self.jitter_percent) / 100.0;
        // From 1 - jitter to 1 + jitter.
        let factor = 1.0 + jitter * (2.0 * f64::from(dice) / f64::from(u32::MAX) - 1.0);
        let planned = Duration::from_secs(delay).mul_f64(factor.max(0.0));
        let longest = Duration::from_secs(self.longest_wait_seconds);
        let Some(asked) = asked.map(|asked| asked.min(longest)) else { return Some(planned) };
        // Never before it asked; spread a little, so that not all come back at one moment.
        let spread = (asked / 10).min(Duration::from_secs(10)).mul_f64(f64::from(dice) / f64::from(u32::MAX));
        Some(planned.max(asked + spread.mul_f64(jitter.min(1.0))))
    }
}

/// What a receiver asks for by `Retry-After`: seconds, or a date.
pub(super) fn retry_after(header: &str, now: Timestamp) -> Option<Duration> {
    let header = header.trim();
    if !header.is_empty() && header.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a number has are a long time all the same.
        return Some(Duration::from_secs(header.parse().unwrap_or(u64::from(u32::MAX))));
    }
    let date = jiff::fmt::rfc2822::parse(header).ok()?.timestamp().as_millisecond();
    Some(Duration::from_millis(u64::try_from(date.saturating_sub(now.0)).unwrap_or(0)))
}

/// A set of status codes. As JSON a list of numbers and ranges: `[200, "300-399"]`.
///
/// ```
/// let statuses: renkei::Statuses = serde_json::from_str(r#"[204, "400-404"]"#).unwrap();
/// assert!(statuses.contains(403) && !statuses.contains(200));
/// assert_eq!(serde_json::to_string(&statuses).unwrap(), r#"[204,"400-404"]"#);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Form>", into = "Vec<Form>")]
pub struct Statuses(Vec<(u16, u16)>);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Form {
    One(u16),
    Range(String),
}

impl TryFrom<Vec<Form>> for Statuses {
    type Error = String;
    fn try_from(forms: Vec<Form>) -> Result<Statuses, String> {
        let ranges = forms.into_iter().map(|form| match form {
            Form::One(status) => Ok((status, status)),
            Form::Range(text) => {
                let ends = text.split_once('-').unwrap_or((&text, &text));
                match (ends.0.trim().parse(), ends.1.trim().parse()) {
                    (Ok(from), Ok(to)) if from <= to => Ok((from, to)),
                    _ => Err(format!("\"{text}\" is no range of statuses such as \"200-299\"")),
                }
            }
        });
        Ok(Statuses(ranges.collect::<Result<_, _>>()?))
    }
}

impl From<Statuses> for Vec<Form> {
    fn from(statuses: Statuses) -> Vec<Form> {
        let forms = statuses.0.into_iter().map(|(from, to)| match from == to {
            true => Form::One(from),
            false => Form::Range(format!("{from}-{to}")),
        });
        forms.collect()
    }
}

impl Statuses {
    /// A set of ranges, both ends included.
    pub fn new(ranges: impl IntoIterator<Item = (u16, u16)>) -> Statuses {
        Statuses(ranges.into_iter().collect())
    }

    /// 200-299.
    pub fn success() -> Statuses {
        Statuses::new([(200, 299)])
    }

    /// Whether a status is in the set.
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|(from, to)| (*from..=*to).contains(&status))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_are_spread_by_a_fifth() {
        let plan = RetryPlan::default();
        let seconds = |done, dice| plan.wait(done, None, dice).unwrap().as_secs_f64();
        assert_eq!(seconds(0, u32::MAX), 0.0);
        assert!((seconds(1, 0) - 4.0).abs() < 0.01 && (seconds(1, u32::MAX) - 6.0).abs() < 0.01);
        assert!((seconds(9, u32::MAX / 2) - 86_400.0).abs() < 1.0);
        assert_eq!(plan.wait(10, None, 0), None);
        assert_eq!(RetryPlan::once().wait(1, None, 0), None);
        let exact = RetryPlan { jitter_percent: 0, ..RetryPlan::default() };
        assert_eq!(exact.wait(2, None, 12_345), Some(Duration::from_secs(300)));
    }

    #[test]
    fn what_the_receiver_asks_for_lengthens_the_wait() {
        let plan = RetryPlan { jitter_percent: 0, longest_wait_seconds: 600, ..RetryPlan::default() };
        let wait = |done, asked| plan.wait(done, Some(Duration::from_secs(asked)), 0).unwrap().as_secs();
        assert_eq!((wait(1, 60), wait(2, 60), wait(1, 9_999)), (60, 300, 600));
        assert_eq!(plan.wait(10, Some(Duration::from_secs(1)), 0), None);
        let plan = RetryPlan::default();
        for dice in [0, 1 << 31, u32::MAX] {
            assert!(plan.wait(1, Some(Duration::from_secs(60)), dice).unwrap() >= Duration::from_secs(60));
        }
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let now = Timestamp(784_111_777_000);
        let seconds = |header| retry_after(header, now).map(|wait| wait.as_secs());
        assert_eq!(seconds("120"), Some(120));
        assert_eq!(seconds(" 0 "), Some(0));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:50:37 GMT"), Some(60));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0));
        assert_eq!(seconds("99999999999999999999999"), Some(u64::from(u32::MAX)));
        for header in ["", "-1", "1.5", "soon", "Sun, 99 Nov 1994 08:50:37 GMT", "１２"] {
            assert_eq!(seconds(header), None, "{header}");
        }
    }
}
