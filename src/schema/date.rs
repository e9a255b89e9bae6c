//! Dates, civil datetimes and times of day: no time zone, no fraction of a second, years 0001 to 9999.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::number::refusal;
use crate::error::{Broken, Code, Error, Words};

/// 0001-01-01 and 9999-12-31.
const FIRST_DAY: i32 = -719_162;
const LAST_DAY: i32 = 2_932_896;

/// From 0000-03-01, where the arithmetic begins its years, to 1970-01-01.
const EPOCH: i32 = 719_468;

const DAY: i64 = 86_400;

/// A day of the (proleptic) Gregorian calendar, from 0001-01-01 to 9999-12-31.
///
/// Its text is `2026-01-31`. Also read are `2026/01/31`, `2026.01.31`, `2026/1/5`, `20260131` and `2026年1月31日`.
///
/// ```
/// use renkei::Date;
///
/// let date: Date = "2026年1月5日".parse()?;
/// assert_eq!(date.to_string(), "2026-01-05");
/// assert_eq!((date.year(), date.month(), date.day()), (2026, 1, 5));
/// assert_eq!(Some(date), Date::new(2026, 1, 5));
/// assert!("2026/02/30".parse::<Date>().is_err());
/// # Ok::<(), renkei::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(i32);

/// A date and a time of day as the clock on the wall shows them, to the second.
///
/// Its text is `2026-01-31 09:30:00`. Also read are every form of [`Date`], with every form of [`Time`] after a space
/// or `T`, or alone for the beginning of the day; and `20260131093000`.
///
/// ```
/// use renkei::DateTime;
///
/// let at: DateTime = "2026/1/31 9:30".parse()?;
/// assert_eq!(at.to_string(), "2026-01-31 09:30:00");
/// assert_eq!(at.date().to_string(), "2026-01-31");
/// assert_eq!(at.time().hour(), 9);
/// assert!("2026-01-31T09:30:00Z".parse::<DateTime>().is_err());
/// # Ok::<(), renkei::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTime(i64);

/// A time of day, from 00:00:00 to 23:59:59.
///
/// Its text is `09:30:00`. Also read are `9:30`, `09:30`, `9:30:00` and `9時30分`, `9時30分15秒`.
///
/// ```
/// use renkei::Time;
///
/// let time: Time = "9:05".parse()?;
/// assert_eq!(time.to_string(), "09:05:00");
/// assert_eq!(Some(time), Time::new(9, 5, 0));
/// assert!("24:00".parse::<Time>().is_err());
/// # Ok::<(), renkei::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(i32);

impl Date {
    /// 0001-01-01.
    pub const MIN: Date = Date(FIRST_DAY);
    /// 9999-12-31.
    pub const MAX: Date = Date(LAST_DAY);

    /// The day with these parts; `None` when there is no such day.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Date> {
        civil(year.into(), month.into(), day.into()).map(Date)
    }

    /// The year, 1 to 9999.
    pub fn year(self) -> u16 {
        self.parts().0
    }

    /// The month, 1 to 12.
    pub fn month(self) -> u8 {
        self.parts().1
    }

    /// The day of the month, 1 to 31.
    pub fn day(self) -> u8 {
        self.parts().2
    }

    /// This day at a time of day.
    pub fn at(self, time: Time) -> DateTime {
        DateTime::new(self, time)
    }

    /// The beginning of this day.
    pub fn at_midnight(self) -> DateTime {
        DateTime::new(self, Time::MIDNIGHT)
    }

    /// Days since 1970-01-01, as they are stored; `None` outside the years 0001 to 9999.
    pub(crate) fn from_days(days: i32) -> Option<Date> {
        (FIRST_DAY..=LAST_DAY).contains(&days).then_some(Date(days))
    }

    pub(crate) fn days(self) -> i32 {
        self.0
    }

    /// Year, month and day, worked out once.
    pub(crate) fn parts(self) -> (u16, u8, u8) {
        // After Neri and Schneider, "Euclidean affine functions and their application to calendar algorithms":
        // years begin in March, so that the leap day comes last, and the divisions become multiplications.
        let n = 4 * (self.0 + EPOCH) as u32 + 3;
        let century = n / 146_097;
        let n = (n % 146_097) | 3;
        let product = 2_939_745 * u64::from(n);
        let year = 100 * century + (product >> 32) as u32;
        let day_of_year = product as u32 / 2_939_745 / 4;
        let n = 2_141 * day_of_year + 197_913;
        let (month, day) = (n >> 16, (n & 0xFFFF) / 2_141 + 1);
        let january_or_february = day_of_year >= 306;
        let month = if january_or_february { month - 12 } else { month };
        ((year + u32::from(january_or_february)) as u16, month as u8, day as u8)
    }
}

impl DateTime {
    /// A day at a time of day.
    pub fn new(date: Date, time: Time) -> DateTime {
        DateTime(i64::from(date.0) * DAY + i64::from(time.0))
    }

    /// The datetime with these parts; `None` when there is no such day or time.
    pub fn from_parts(year: u16, month: u8, day: u8, hour: u8, minute: u8, second: u8) -> Option<DateTime> {
        Some(DateTime::new(Date::new(year, month, day)?, Time::new(hour, minute, second)?))
    }

    /// The day.
    pub fn date(self) -> Date {
        // The quotient is a day within the range of `Date`.
        Date(self.0.div_euclid(DAY) as i32)
    }

    /// The time of day.
    pub fn time(self) -> Time {
        Time(self.0.rem_euclid(DAY) as i32)
    }

    /// Civil seconds since 1970-01-01 00:00:00, as they are stored; `None` outside the years 0001 to 9999.
    pub(crate) fn from_seconds(seconds: i64) -> Option<DateTime> {
        let days = i32::try_from(seconds.div_euclid(DAY)).ok()?;
        Date::from_days(days).map(|_| DateTime(seconds))
    }

    pub(crate) fn seconds(self) -> i64 {
        self.0
    }
}

impl Time {
    /// 00:00:00.
    pub const MIDNIGHT: Time = Time(0);

    /// The time with these parts; `None` when there is no such time.
    pub fn new(hour: u8, minute: u8, second: u8) -> Option<Time> {
        clock(hour.into(), minute.into(), second.into()).map(Time)
    }

    /// The hour, 0 to 23.
    pub fn hour(self) -> u8 {
        (self.0 / 3_600) as u8
    }

    /// The minute, 0 to 59.
    pub fn minute(self) -> u8 {
        (self.0 / 60 % 60) as u8
    }

    /// The second, 0 to 59.
    pub fn second(self) -> u8 {
        (self.0 % 60) as u8
    }

    /// Seconds of the day, as they are stored; `None` outside the day.
    pub(crate) fn from_seconds(seconds: i32) -> Option<Time> {
        (0..DAY as i32).contains(&seconds).then_some(Time(seconds))
    }

    pub(crate) fn seconds(self) -> i32 {
        self.0
    }
}

fn civil(year: u32, month: u32, day: u32) -> Option<i32> {
    const LENGTHS: [u32; 13] = [0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let length = *LENGTHS.get(month as usize)?;
    if year == 0 || year > 9_999 || day == 0 || day > length || (month == 2 && day == 29 && !leap) {
        return None;
    }
    // The inverse of `Date::parts`.
    let early = month <= 2;
    let year = year - u32::from(early);
    let month = if early { month + 12 } else { month };
    let century = year / 100;
    let days = 1_461 * year / 4 - century + century / 4 + (979 * month - 2_919) / 32 + day - 1;
    Some(days as i32 - EPOCH)
}

fn clock(hour: u32, minute: u32, second: u32) -> Option<i32> {
    (hour < 24 && minute < 60 && second < 60).then_some((hour * 3_600 + minute * 60 + second) as i32)
}

const YEAR: &[u8] = "年".as_bytes();
const MONTH: &[u8] = "月".as_bytes();
const MONTH_DAY: &[u8] = "日".as_bytes();
const HOUR: &[u8] = "時".as_bytes();
const MINUTE: &[u8] = "分".as_bytes();
const SECOND: &[u8] = "秒".as_bytes();

/// Exactly `count` digits.
fn digits(bytes: &[u8], count: usize) -> Option<(u32, &[u8])> {
    let (head, rest) = bytes.split_at_checked(count)?;
    let mut value = 0;
    for byte in head {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u32::from(digit);
    }
    Some((value, rest))
}

/// One digit or two; a third is left over, where the caller finds no separator.
fn one_or_two(bytes: &[u8]) -> Option<(u32, &[u8])> {
    digits(bytes, 2).or_else(|| digits(bytes, 1))
}

/// A date at the beginning of `bytes`; says whether it ended in 日.
fn leading_date(bytes: &[u8]) -> Option<(i32, bool, &[u8])> {
    let (year, rest) = digits(bytes, 4)?;
    let (month, day, kanji, rest) = match rest {
        [separator @ (b'-' | b'/' | b'.'), rest @ ..] => {
            let (month, rest) = one_or_two(rest)?;
            let (day, rest) = one_or_two(rest.strip_prefix(std::slice::from_ref(separator))?)?;
            (month, day, false, rest)
        }
        [b'0'..=b'9', ..] => {
            let (month, rest) = digits(rest, 2)?;
            let (day, rest) = digits(rest, 2)?;
            (month, day, false, rest)
        }
        _ => {
            let (month, rest) = one_or_two(rest.strip_prefix(YEAR)?)?;
            let (day, rest) = one_or_two(rest.strip_prefix(MONTH)?)?;
            (month, day, true, rest.strip_prefix(MONTH_DAY)?)
        }
    };
    Some((civil(year, month, day)?, kanji, rest))
}

fn whole_time(bytes: &[u8]) -> Option<i32> {
    let (hour, rest) = one_or_two(bytes)?;
    if let [b':', rest @ ..] = rest {
        let (minute, rest) = digits(rest, 2)?;
        let second = match rest {
            [] => 0,
            [b':', rest @ ..] => match digits(rest, 2)? {
                (second, []) => second,
                _ => return None,
            },
            _ => return None,
        };
        clock(hour, minute, second)
    } else {
        whole_kanji_time(bytes)
    }
}

fn whole_kanji_time(bytes: &[u8]) -> Option<i32> {
    let (hour, rest) = one_or_two(bytes)?;
    let (minute, rest) = one_or_two(rest.strip_prefix(HOUR)?)?;
    let rest = rest.strip_prefix(MINUTE)?;
    let second = if rest.is_empty() {
        0
    } else {
        match one_or_two(rest)? {
            (second, SECOND) => second,
            _ => return None,
        }
    };
    clock(hour, minute, second)
}

fn whole_datetime(bytes: &[u8]) -> Option<i64> {
    let (days, kanji, rest) = leading_date(bytes)?;
    let seconds = match rest {
        [] => 0,
        [b' ' | b'T', rest @ ..] => whole_time(rest)?,
        // Without a separator 20260105093000 and 2026年1月5日9時30分 can be read in one way only.
        _ if kanji => whole_kanji_time(rest)?,
        [b'0'..=b'9', ..] if bytes.len() == 14 => {
            let (hour, rest) = digits(rest, 2)?;
            let (minute, rest) = digits(rest, 2)?;
            let (second, _) = digits(rest, 2)?;
            clock(hour, minute, second)?
        }
        _ => return None,
    };
    Some(i64::from(days) * DAY + i64::from(seconds))
}

/// A date in any of the accepted forms, and nothing around it.
pub(crate) fn parse_date(text: &str) -> Result<Date, Broken> {
    match leading_date(text.as_bytes()) {
        Some((days, _, [])) => Ok(Date(days)),
        _ => Err(Broken::new(Code::DateInvalid)),
    }
}

/// A date with a time, or a date alone for its beginning.
pub(crate) fn parse_datetime(text: &str) -> Result<DateTime, Broken> {
    whole_datetime(text.as_bytes()).map(DateTime).ok_or_else(|| Broken::new(Code::DateTimeInvalid))
}

/// A time of day in any of the accepted forms.
pub(crate) fn parse_time(text: &str) -> Result<Time, Broken> {
    whole_time(text.as_bytes()).map(Time).ok_or_else(|| Broken::new(Code::TimeInvalid))
}

/// Two ASCII digits; `value` is below 100.
pub(crate) fn pair(value: u8) -> [u8; 2] {
    [b'0' + value / 10, b'0' + value % 10]
}

fn date_text(date: Date) -> [u8; 10] {
    let (year, month, day) = date.parts();
    let ([a, b], [c, d]) = (pair((year / 100) as u8), pair((year % 100) as u8));
    let ([e, f], [g, h]) = (pair(month), pair(day));
    [a, b, c, d, b'-', e, f, b'-', g, h]
}

fn time_text(time: Time) -> [u8; 8] {
    let ([a, b], [c, d], [e, f]) = (pair(time.hour()), pair(time.minute()), pair(time.second()));
    [a, b, b':', c, d, b':', e, f]
}

fn datetime_text(at: DateTime) -> [u8; 19] {
    let mut text = [b' '; 19];
    text[..10].copy_from_slice(&date_text(at.date()));
    text[11..].copy_from_slice(&time_text(at.time()));
    text
}

/// Appends `2026-01-31`.
pub(crate) fn write_date(out: &mut Vec<u8>, date: Date) {
    out.extend_from_slice(&date_text(date));
}

/// Appends `2026-01-31 09:30:00`.
pub(crate) fn write_datetime(out: &mut Vec<u8>, at: DateTime) {
    out.extend_from_slice(&datetime_text(at));
}

/// Appends `09:30:00`.
pub(crate) fn write_time(out: &mut Vec<u8>, time: Time) {
    out.extend_from_slice(&time_text(time));
}

macro_rules! text_form {
    ($type:ident $ja:literal $name:literal $parse:ident $text:ident) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(std::str::from_utf8(&$text(*self)).map_err(|_| fmt::Error)?)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($type), "({})"), self)
            }
        }

        impl FromStr for $type {
            type Err = Error;

            fn from_str(text: &str) -> Result<$type, Error> {
                $parse(text).map_err(|broken| refusal(broken, Words::both($ja, $name), text))
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$type, D::Error> {
                struct Reader;

                impl de::Visitor<'_> for Reader {
                    type Value = $type;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str(concat!("the text of a ", $name))
                    }

                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                }

                deserializer.deserialize_str(Reader)
            }
        }
    };
}

text_form!(Date "日付" "date" parse_date date_text);
text_form!(DateTime "日時" "datetime" parse_datetime datetime_text);
text_form!(Time "時間" "time" parse_time time_text);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_day_agrees_with_jiff() {
        let mut expected = jiff::civil::date(1, 1, 1);
        for days in FIRST_DAY..=LAST_DAY {
            let date = Date::from_days(days).unwrap();
            let parts = (expected.year() as u16, expected.month() as u8, expected.day() as u8);
            assert_eq!(date.parts(), parts);
            assert_eq!(Date::new(parts.0, parts.1, parts.2), Some(date));
            if days < LAST_DAY {
                expected = expected.tomorrow().unwrap();
            }
        }
        assert_eq!(expected, jiff::civil::date(9999, 12, 31));
        assert_eq!(Date::new(1970, 1, 1).unwrap().days(), 0);
        assert_eq!(Date::from_days(FIRST_DAY - 1), None);
        assert_eq!(Date::from_days(LAST_DAY + 1), None);
    }

    #[test]
    fn days_that_do_not_exist_agree_with_jiff() {
        for year in [0, 1, 4, 1900, 2000, 2023, 2024, 2100, 9999, 10_000] {
            for month in 0..=13 {
                for day in 0..=32 {
                    let theirs = jiff::civil::Date::new(year, month, day).is_ok() && (1..=9999).contains(&year);
                    assert_eq!(
                        Date::new(year as u16, month as u8, day as u8).is_some(),
                        theirs,
                        "{year}-{month}-{day}"
                    );
                }
            }
        }
    }

    #[test]
    fn dates_are_read() {
        for text in "2026-01-05|2026/01/05|2026/1/5|2026-1-05|20260105|2026年01月05日|2026年1月5日|2026.01.05|\
                2026.1.5"
            .split('|')
        {
            assert_eq!(parse_date(text), Ok(Date::new(2026, 1, 5).unwrap()), "{text}");
            assert_eq!(parse_datetime(text).unwrap().to_string(), "2026-01-05 00:00:00", "{text}");
        }
        assert_eq!(parse_date("0001-01-01"), Ok(Date::MIN));
        assert_eq!(parse_date("9999-12-31"), Ok(Date::MAX));
        assert!(parse_date("2024-02-29").is_ok());
    }

    #[test]
    fn other_dates_are_refused() {
        for text in "|2026|2026-01|2026/02/30|2023-02-29|1900-02-29|2026/001/05|2026/012/05|2026-01-005|2026-13-01|\
                2026-00-01|2026-01-00|0000-01-01|10000-01-01|26-01-05|2026-01/05|2026/01-05| 2026-01-05|\
                2026-01-05 |2026-01-05 00:00|2026-01-05T00:00:00|2026年01月|2026年01月05|2026年01-05|202601|\
                2026015|202601055|２０２６-01-05|2026-01-0５|+2026-01-05|-2026-01-05|2026- 1-05|令和8年1月5日|\
                2026--1-5|2026-1-|2026年"
            .split('|')
        {
            assert_eq!(parse_date(text), Err(Broken::new(Code::DateInvalid)), "{text:?}");
        }
    }

    #[test]
    fn datetimes_are_read() {
        for (text, expected) in [
            ("2026/01/05 14:15", "2026-01-05 14:15:00"),
            ("2026-01-05 14:15:30", "2026-01-05 14:15:30"),
            ("2026-01-05T14:15:30", "2026-01-05 14:15:30"),
            ("2026-1-5 4:15", "2026-01-05 04:15:00"),
            ("20260105 14:15", "2026-01-05 14:15:00"),
            ("20260105141530", "2026-01-05 14:15:30"),
            ("2026年01月05日 14時15分", "2026-01-05 14:15:00"),
            ("2026年01月05日 14時15分30秒", "2026-01-05 14:15:30"),
            ("2026年1月5日14時5分", "2026-01-05 14:05:00"),
            ("2026年1月5日 14:15", "2026-01-05 14:15:00"),
            ("2026/01/05 14時15分", "2026-01-05 14:15:00"),
            ("0001-01-01 00:00:00", "0001-01-01 00:00:00"),
            ("9999-12-31 23:59:59", "9999-12-31 23:59:59"),
        ] {
            assert_eq!(parse_datetime(text).map(|at| at.to_string()), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn other_datetimes_are_refused() {
        for text in "|2026-01-05 |2026-01-05T|2026-01-05  14:15| 2026-01-05 14:15|2026-01-05 14:15 |\
                2026-01-05 24:00|2026-01-05 14:60|2026-01-05 14:15:60|2026-01-05 14:15:30.5|\
                2026-01-05T14:15:30Z|2026-01-05 14:15:30+09:00|2026-01-05 14|2026-01-05 14:1|\
                2026-01-05 14:15:3|2026-01-05t14:15|202601051415|2026010514153|202601051415300|20260105246060|\
                2026/1/5141530|2026年1月5日14:15|2026年1月5日 14時|2026/02/30 10:00|2026-01-05 14時15分30|\
                2026/001/05 14:15|2026-01-05 014:15|14:15"
            .split('|')
        {
            assert_eq!(parse_datetime(text), Err(Broken::new(Code::DateTimeInvalid)), "{text:?}");
        }
    }

    #[test]
    fn times_are_read_and_refused() {
        for (text, parts) in [
            ("9:30", (9, 30, 0)),
            ("09:30", (9, 30, 0)),
            ("09:30:15", (9, 30, 15)),
            ("9:30:15", (9, 30, 15)),
            ("14時15分", (14, 15, 0)),
            ("4時5分6秒", (4, 5, 6)),
            ("0:00", (0, 0, 0)),
            ("23:59:59", (23, 59, 59)),
        ] {
            let time = parse_time(text).unwrap();
            assert_eq!((time.hour(), time.minute(), time.second()), parts, "{text}");
            assert_eq!(Time::from_seconds(time.seconds()), Some(time));
        }
        for text in "|24:00|12:60|12:30:60|12|1230|12:3|012:30|12:030| 12:30|12:30 |12:30:|:30|12時|12時30|\
                12時30分5|24時00分|12:30:15.5|-1:00|9：30|12時30分15秒 "
            .split('|')
        {
            assert_eq!(parse_time(text), Err(Broken::new(Code::TimeInvalid)), "{text:?}");
        }
        assert_eq!(Time::from_seconds(86_400), None);
        assert_eq!(Time::from_seconds(-1), None);
    }

    #[test]
    fn text_and_json_are_iso() {
        let at = DateTime::from_parts(812, 3, 9, 4, 5, 6).unwrap();
        assert_eq!(at.to_string(), "0812-03-09 04:05:06");
        assert_eq!(serde_json::to_string(&at).unwrap(), "\"0812-03-09 04:05:06\"");
        assert_eq!(serde_json::to_string(&at.date()).unwrap(), "\"0812-03-09\"");
        assert_eq!(serde_json::to_string(&at.time()).unwrap(), "\"04:05:06\"");
        assert_eq!(serde_json::from_str::<DateTime>("\"0812-03-09 04:05:06\"").unwrap(), at);
        assert!(serde_json::from_str::<Date>("\"2026-02-30\"").is_err());
        assert!(serde_json::from_str::<Date>("20260101").is_err());
        assert_eq!(at.date().at(at.time()), at);
        assert_eq!(at.date().at_midnight().to_string(), "0812-03-09 00:00:00");
        assert_eq!(DateTime::from_seconds(at.seconds()), Some(at));
        assert_eq!(DateTime::from_seconds(i64::MAX), None);
        assert_eq!(DateTime::from_seconds(i64::MIN), None);
        let error = "2026/02/30".parse::<Date>().unwrap_err();
        assert_eq!((error.code(), error.value()), (Code::DateInvalid, Some("2026/02/30")));
        let mut out = Vec::new();
        write_date(&mut out, at.date());
        write_datetime(&mut out, at);
        write_time(&mut out, at.time());
        assert_eq!(out, b"0812-03-090812-03-09 04:05:0604:05:06");
    }

    proptest! {
        #[test]
        fn every_second_reads_back(seconds in i64::from(FIRST_DAY) * DAY..(i64::from(LAST_DAY) + 1) * DAY) {
            let at = DateTime::from_seconds(seconds).unwrap();
            prop_assert_eq!(at.to_string().parse::<DateTime>().unwrap(), at);
            prop_assert_eq!(parse_date(&at.date().to_string()).unwrap(), at.date());
            prop_assert_eq!(parse_time(&at.time().to_string()).unwrap(), at.time());
        }

        #[test]
        fn no_text_panics(text in ".{0,30}", near in "[0-9/:. T年月日時分秒-]{0,24}") {
            for text in [&text, &near] {
                let _ = (parse_date(text), parse_datetime(text), parse_time(text));
            }
        }
    }
}
