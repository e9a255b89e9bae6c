//! When a delivery is tried again.

use serde::{Deserialize, Serialize};

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
