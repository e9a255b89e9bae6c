//! The five fields of cron.

use super::refused;
use super::timetable::Days;
use crate::error::{Error, Result, Words, shorten, words};

/// Longer texts are nobody's.
const LENGTH: usize = 1_000;

/// One of the five fields.
struct Field {
    ja: &'static str,
    en: &'static str,
    low: u32,
    high: u32,
    /// Words for numbers, from `low` on.
    words: &'static [&'static str],
    /// Whether `L` stands for the last.
    has_last: bool,
}

const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const FIELDS: [Field; 5] = [
    Field { ja: "分", en: "minute", low: 0, high: 59, words: &[], has_last: false },
    Field { ja: "時", en: "hour", low: 0, high: 23, words: &[], has_last: false },
    Field { ja: "日", en: "day of the month", low: 1, high: 31, words: &[], has_last: true },
    Field { ja: "月", en: "month", low: 1, high: 12, words: MONTHS, has_last: false },
    Field { ja: "曜日", en: "day of the week", low: 0, high: 7, words: WEEKDAYS, has_last: false },
];

/// What a field names, as a set of bits.
#[derive(Default)]
struct Set {
    bits: u64,
    last: bool,
    /// Whether it begins with `*`.
    star: bool,
}

/// The days, the minutes of a day, and whether it goes by the hour or shorter.
pub(super) fn parse(text: &str) -> Result<(Days, Vec<u16>, bool)> {
    let fault = |rule: Words| refused("cron", text, rule);
    if text.len() > LENGTH {
        return Err(fault(words!("{LENGTH}バイトを超えています", "it is longer than {LENGTH} bytes")));
    }
    let parts = text.split_ascii_whitespace().collect::<Vec<_>>();
    if parts.len() != FIELDS.len() {
        let count = parts.len();
        return Err(fault(words!(
            "分・時・日・月・曜日の5つが必要ですが、{count}つあります",
            "it takes five fields (minute, hour, day of the month, month, day of the week), and has {count}"
        )));
    }
    let mut sets = Vec::with_capacity(FIELDS.len());
    for (field, part) in FIELDS.iter().zip(parts) {
        sets.push(field.parse(part).map_err(|rule| {
            let (ja, en, part) = (field.ja, field.en, shorten(part));
            fault(words!("{ja}「{part}」: {rule}", "{en} \"{part}\": {rule}"; rule))
        })?);
    }
    let [minutes, hours, month_days, months, mut weekdays] =
        <[Set; 5]>::try_from(sets).map_err(|_| Error::new(crate::error::Code::Internal).with_rule("five fields"))?;
    // Sunday is 0 and 7.
    weekdays.bits = (weekdays.bits | weekdays.bits >> 7) & 0x7f;
    let days = Days {
        months: months.bits,
        month_days: month_days.bits,
        last: month_days.last,
        weekdays: weekdays.bits,
        either: !month_days.star && !weekdays.star,
    };
    if !days.exist() {
        return Err(fault(words!("そのような日はありません", "there never is such a day")));
    }
    let has = |bits: u64, at: u16| bits >> at & 1 == 1;
    let of_hour =
        |hour: u16| (0..60).filter(move |minute| has(minutes.bits, *minute)).map(move |minute| hour * 60 + minute);
    let times = (0..24).filter(|hour| has(hours.bits, *hour)).flat_map(of_hour).collect();
    Ok((days, times, hours.star))
}

impl Field {
    fn parse(&self, text: &str) -> Result<Set, Words> {
        let mut set = Set { star: text.starts_with('*'), ..Set::default() };
        for item in text.split(',') {
            if self.has_last && item.eq_ignore_ascii_case("l") {
                set.last = true;
                continue;
            }
            let (range, step) = match item.split_once('/') {
                Some((range, step)) => (range, Some(step)),
                None => (item, None),
            };
            let (low, high) = match range.split_once('-') {
                _ if range == "*" => (self.low, self.high),
                Some((low, high)) => (self.number(low)?, self.number(high)?),
                None if step.is_some() => {
                    return Err(words!(
                        "/の前には*か範囲（a-b）を指定してください",
                        "before a / stands * or a range a-b"
                    ));
                }
                None => {
                    let number = self.number(range)?;
                    (number, number)
                }
            };
            if low > high {
                return Err(words!("範囲{range}の順序が逆です", "the range {range} goes backwards"));
            }
            let step = match step.map(|step| (step, whole(step))) {
                None => 1,
                Some((_, Some(step))) if step >= 1 && step <= self.high - self.low => step,
                Some((step, _)) => {
                    let (step, most) = (shorten(step), self.high - self.low);
                    return Err(words!(
                        "間隔「{step}」は1から{most}までです",
                        "the step \"{step}\" must be 1 to {most}"
                    ));
                }
            };
            for number in (low..=high).step_by(step as usize) {
                set.bits |= 1 << number;
            }
        }
        Ok(set)
    }

    fn number(&self, text: &str) -> Result<u32, Words> {
        let word = self.words.iter().position(|word| word.eq_ignore_ascii_case(text));
        let number = word.map(|at| self.low + at as u32).or_else(|| whole(text));
        number.filter(|number| (self.low..=self.high).contains(number)).ok_or_else(|| {
            let (text, low, high) = (shorten(text), self.low, self.high);
            words!("「{text}」は{low}から{high}までの数ではありません", "\"{text}\" is no number from {low} to {high}")
        })
    }
}

/// A number of digits alone: no sign, no spaces.
fn whole(text: &str) -> Option<u32> {
    (text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}
