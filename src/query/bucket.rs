//! Spans of time that are one group: their first day in SQL, and what people call them.

use serde::{Deserialize, Serialize};

use crate::schema::{Date, ValueFormat};

/// A span of time that is one group. Its value is its first day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bucket {
    /// A calendar year.
    Year,
    /// A Japanese fiscal year (年度), from April to March.
    FiscalYear,
    /// A half of a Japanese fiscal year (上期・下期): from April to September, from October to March.
    HalfYear,
    /// Three months, from January, April, July or October.
    Quarter,
    /// A calendar month.
    Month,
    /// A week, from Monday to Sunday.
    Week,
    /// A day, in the time zone of the store for the times of records.
    Day,
}

impl Bucket {
    /// The first day of the span in which civil `seconds`, an SQL expression, lie: a day number.
    pub(super) fn start_of(self, seconds: &str) -> String {
        let start = match self {
            Bucket::Year => "'start of year'".to_owned(),
            Bucket::FiscalYear => "'start of month', '-3 months', 'start of year', '+3 months'".to_owned(),
            Bucket::HalfYear => months_back("(strftime('%m', {}, 'unixepoch') + 2) % 6", seconds),
            Bucket::Quarter => months_back("(strftime('%m', {}, 'unixepoch') + 2) % 3", seconds),
            Bucket::Month => "'start of month'".to_owned(),
            // The next Sunday, or the day itself, and back to the Monday before.
            Bucket::Week => "'start of day', 'weekday 0', '-6 days'".to_owned(),
            Bucket::Day => "'start of day'".to_owned(),
        };
        // A whole number of days: the division is exact also before 1970. The first span may begin before the calendar.
        let first = Date::MIN.days();
        format!("max(unixepoch({seconds}, 'unixepoch', {start}) / 86400, {first})")
    }

    /// What people call the span that begins with `day`; for machines, the day itself.
    pub(crate) fn text(self, day: Date, format: ValueFormat) -> String {
        if format == ValueFormat::Raw {
            return day.to_string();
        }
        let (year, month) = (day.year(), day.month());
        // The span that the calendar begins in has begun before it.
        let fiscal = if month < 4 { year.saturating_sub(1) } else { year };
        match self {
            Bucket::Year => format!("{year}年"),
            Bucket::FiscalYear => format!("{fiscal}年度"),
            Bucket::HalfYear => format!("{fiscal}年度{}", if (4..10).contains(&month) { "上期" } else { "下期" }),
            Bucket::Quarter => format!("{year}年{month}～{}月", month + 2),
            Bucket::Month => format!("{year}年{month}月"),
            Bucket::Week => format!("{}～", day.to_string().replace('-', "/")),
            Bucket::Day => day.to_string().replace('-', "/"),
        }
    }
}

/// To the beginning of the month, and back by `months`, in which `{}` stands for the seconds.
fn months_back(months: &str, seconds: &str) -> String {
    format!("'start of month', '-' || ({}) || ' months'", months.replace("{}", seconds))
}
