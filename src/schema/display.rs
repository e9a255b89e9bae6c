//! How stored values are shown: number formats and date patterns.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::date::{Date, DateTime, Time, pair};
use super::number;
use crate::error::{Code, Error, Language, Words, shorten, words};

/// How a negative number is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MinusStyle {
    /// `-1,234`
    #[default]
    Hyphen,
    /// `△1,234`
    Triangle,
    /// `(1,234)`
    Brackets,
}

/// How a number is shown. This never changes what is stored.
///
/// The sign stands before the prefix, and brackets enclose prefix and suffix: `-¥1,234`, `△1,234円`, `(¥1,234)`.
///
/// ```
/// let display: renkei::NumberDisplay =
///     serde_json::from_str(r#"{"grouping": true, "suffix": "円", "minus": "triangle"}"#).unwrap();
/// assert!(display.grouping);
/// assert_eq!(display.decimals, None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NumberDisplay {
    /// A comma after every third digit before the point.
    pub grouping: bool,
    /// Text before the digits, such as a currency sign.
    pub prefix: String,
    /// Text after the digits, such as a unit.
    pub suffix: String,
    /// The mark of a negative number.
    pub minus: MinusStyle,
    /// The decimal places shown; all that are stored if `None`. Places left out are rounded, a half away from zero.
    pub decimals: Option<u8>,
}

impl NumberDisplay {
    /// Appends the number as it is shown.
    pub(crate) fn write(&self, out: &mut Vec<u8>, unscaled: i64, scale: u8) {
        let shown = self.decimals.unwrap_or(scale);
        let cut = scale.saturating_sub(shown);
        let mut magnitude = unscaled.unsigned_abs();
        if cut > 0 {
            // A scale above 19 cannot be; were it one, nothing of 64 bits would be left of the number.
            magnitude = 10_u64.checked_pow(cut.into()).map_or(0, |power| {
                let rest = magnitude % power;
                magnitude / power + u64::from(rest >= power - rest)
            });
        }
        // What is shown as zero has no sign.
        let minus = (unscaled < 0 && magnitude != 0).then_some(self.minus);
        match minus {
            Some(MinusStyle::Hyphen) => out.push(b'-'),
            Some(MinusStyle::Triangle) => out.extend_from_slice("△".as_bytes()),
            Some(MinusStyle::Brackets) => out.push(b'('),
            None => {}
        }
        out.extend_from_slice(self.prefix.as_bytes());
        write_magnitude(out, magnitude, scale - cut, self.grouping);
        if shown > scale {
            if scale == 0 {
                out.push(b'.');
            }
            out.resize(out.len() + usize::from(shown - scale), b'0');
        }
        out.extend_from_slice(self.suffix.as_bytes());
        if minus == Some(MinusStyle::Brackets) {
            out.push(b')');
        }
    }
}

fn write_magnitude(out: &mut Vec<u8>, mut magnitude: u64, places: u8, grouping: bool) {
    // Twenty digits, six commas, a point and a zero before it.
    let mut buffer = [0; 32];
    let mut at = buffer.len();
    let mut put = |byte| {
        at -= 1;
        buffer[at] = byte;
    };
    let mut digit = || {
        let digit = b'0' + (magnitude % 10) as u8;
        magnitude /= 10;
        (digit, magnitude)
    };
    debug_assert!(places <= number::SCALE_MAX);
    if places > 0 {
        for _ in 0..places.min(number::SCALE_MAX) {
            put(digit().0);
        }
        put(b'.');
    }
    let mut written = 0;
    loop {
        let (byte, rest) = digit();
        if grouping && written > 0 && written % 3 == 0 {
            put(b',');
        }
        put(byte);
        written += 1;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&buffer[at..]);
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Year,
    Month { padded: bool },
    Day { padded: bool },
    Hour { padded: bool },
    Minute,
    Second,
    Literal(Box<str>),
}

/// How a date, a datetime or a time is shown, such as `YYYY/MM/DD hh:mm` or `YYYY年M月`.
///
/// | token | stands for |
/// | --- | --- |
/// | `YYYY` | the year, four digits |
/// | `MM`, `M` | the month, with or without a leading zero |
/// | `DD`, `D` | the day of the month, with or without a leading zero |
/// | `hh`, `h` | the hour, 0 to 23, with or without a leading zero |
/// | `mm` | the minute, two digits |
/// | `ss` | the second, two digits |
///
/// Everything else stands for itself. Of the ASCII letters only `T` does; the others are refused, so that a mistaken
/// token is noticed.
///
/// ```
/// use renkei::DatePattern;
///
/// let pattern: DatePattern = "YYYY年M月D日 h時mm分".parse()?;
/// assert_eq!(pattern.to_string(), "YYYY年M月D日 h時mm分");
/// assert!("yyyy/MM/dd".parse::<DatePattern>().is_err());
/// # Ok::<(), renkei::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatePattern {
    source: Box<str>,
    parts: Vec<Part>,
}

impl DatePattern {
    /// Appends a date. Time tokens show the beginning of the day.
    pub(crate) fn write_date(&self, out: &mut Vec<u8>, date: Date) {
        self.write(out, Some(date), (0, 0, 0));
    }

    /// Appends a datetime.
    pub(crate) fn write_datetime(&self, out: &mut Vec<u8>, at: DateTime) {
        let time = at.time();
        self.write(out, Some(at.date()), (time.hour(), time.minute(), time.second()));
    }

    /// Appends a time of day. Date tokens show nothing; [`DatePattern::has_date`] tells whether there are any.
    pub(crate) fn write_time(&self, out: &mut Vec<u8>, time: Time) {
        self.write(out, None, (time.hour(), time.minute(), time.second()));
    }

    fn write(&self, out: &mut Vec<u8>, date: Option<Date>, (hour, minute, second): (u8, u8, u8)) {
        let date = date.map(Date::parts);
        for part in &self.parts {
            match (part, date) {
                (Part::Literal(text), _) => out.extend_from_slice(text.as_bytes()),
                (Part::Year, Some((year, ..))) => {
                    out.extend_from_slice(&pair((year / 100) as u8));
                    out.extend_from_slice(&pair((year % 100) as u8));
                }
                (Part::Month { padded }, Some((_, month, _))) => write_figure(out, month, *padded),
                (Part::Day { padded }, Some((.., day))) => write_figure(out, day, *padded),
                (Part::Hour { padded }, _) => write_figure(out, hour, *padded),
                (Part::Minute, _) => write_figure(out, minute, true),
                (Part::Second, _) => write_figure(out, second, true),
                (Part::Year | Part::Month { .. } | Part::Day { .. }, None) => {}
            }
        }
    }

    /// Whether the pattern has a year, month or day.
    pub(crate) fn has_date(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Year | Part::Month { .. } | Part::Day { .. }))
    }

    /// Whether the pattern has an hour, minute or second.
    pub(crate) fn has_time(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Hour { .. } | Part::Minute | Part::Second))
    }
}

fn write_figure(out: &mut Vec<u8>, value: u8, padded: bool) {
    let [tens, units] = pair(value);
    if padded || tens != b'0' {
        out.push(tens);
    }
    out.push(units);
}

fn compile(source: &str) -> Result<Vec<Part>, Words> {
    const LONGEST: usize = 100;
    if source.chars().count() > LONGEST {
        return Err(words!("日付の書式は{LONGEST}文字までです", "a date pattern has at most {LONGEST} characters"));
    }
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut position = 1;
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let same = rest.chars().take_while(|&next| next == c).count();
        let token = match (c, same) {
            ('Y', 4) => Some(Part::Year),
            ('M', 1 | 2) => Some(Part::Month { padded: same == 2 }),
            ('D', 1 | 2) => Some(Part::Day { padded: same == 2 }),
            ('h', 1 | 2) => Some(Part::Hour { padded: same == 2 }),
            ('m', 2) => Some(Part::Minute),
            ('s', 2) => Some(Part::Second),
            ('T', _) => None,
            _ if c.is_ascii_alphabetic() => {
                let wrong = &rest[..same];
                let wrong = shorten(wrong);
                return Err(words!(
                    "日付の書式の{position}文字目「{wrong}」に意味がありません（使えるもの: YYYY, MM, M, DD, D, hh, h, mm, ss, T）",
                    "the date pattern has \"{wrong}\" at character {position}, \
                     where only YYYY, MM, M, DD, D, hh, h, mm, ss and T have a meaning"
                ));
            }
            _ => None,
        };
        let (length, count) = match token {
            Some(part) => {
                if !literal.is_empty() {
                    parts.push(Part::Literal(std::mem::take(&mut literal).into()));
                }
                parts.push(part);
                (same, same)
            }
            None => {
                literal.push(c);
                (c.len_utf8(), 1)
            }
        };
        rest = &rest[length..];
        position += count;
    }
    if !literal.is_empty() {
        parts.push(Part::Literal(literal.into()));
    }
    if parts.iter().all(|part| matches!(part, Part::Literal(_))) {
        return Err(words!(
            "日付の書式が値を表しません（YYYY, MM, M, DD, D, hh, h, mm, ssのいずれかが必要です）",
            "the date pattern shows nothing of the value: it needs YYYY, MM, M, DD, D, hh, h, mm or ss"
        ));
    }
    Ok(parts)
}

impl FromStr for DatePattern {
    type Err = Error;

    fn from_str(source: &str) -> Result<DatePattern, Error> {
        match compile(source) {
            Ok(parts) => Ok(DatePattern { source: source.into(), parts }),
            Err(rule) => Err(Error::new(Code::DefinitionInvalid).with_name(shorten(source)).with_rule(rule)),
        }
    }
}

impl fmt::Display for DatePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.source)
    }
}

impl Serialize for DatePattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.source)
    }
}

impl<'de> Deserialize<'de> for DatePattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<DatePattern, D::Error> {
        let source = String::deserialize(deserializer)?;
        let parts = compile(&source).map_err(|rule| de::Error::custom(rule.get(Language::English)))?;
        Ok(DatePattern { source: source.into(), parts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::number::{NumberInput, Rounding, parse};
    use proptest::prelude::*;

    fn shown(display: &NumberDisplay, unscaled: i64, scale: u8) -> String {
        let mut out = Vec::new();
        display.write(&mut out, unscaled, scale);
        String::from_utf8(out).unwrap()
    }

    fn with(prefix: &str, suffix: &str, minus: MinusStyle) -> NumberDisplay {
        NumberDisplay { grouping: true, prefix: prefix.into(), suffix: suffix.into(), minus, decimals: None }
    }

    #[test]
    fn numbers_are_shown() {
        let plain = NumberDisplay::default();
        assert_eq!(shown(&plain, -123_450, 2), "-1234.50");
        assert_eq!(shown(&plain, 0, 2), "0.00");
        let yen = with("\\", "", MinusStyle::Hyphen);
        assert_eq!(shown(&yen, 3_300, 0), "\\3,300");
        assert_eq!(shown(&yen, -3_300, 0), "-\\3,300");
        assert_eq!(shown(&yen, 999, 0), "\\999");
        assert_eq!(shown(&yen, 1_000_000, 0), "\\1,000,000");
        assert_eq!(shown(&yen, 123_456_789, 3), "\\123,456.789");
        assert_eq!(shown(&with("¥", "", MinusStyle::Brackets), -1_234, 0), "(¥1,234)");
        assert_eq!(shown(&with("", "円", MinusStyle::Brackets), -1_234, 0), "(1,234円)");
        assert_eq!(shown(&with("", "円", MinusStyle::Triangle), -500, 0), "△500円");
        assert_eq!(shown(&with("", "個", MinusStyle::Triangle), 12, 0), "12個");
        assert_eq!(shown(&with("", "", MinusStyle::Hyphen), i64::MIN, 0), "-9,223,372,036,854,775,808");
        assert_eq!(shown(&with("", "", MinusStyle::Hyphen), i64::MIN, 18), "-9.223372036854775808");
    }

    #[test]
    fn decimals_shown_are_rounded_or_filled() {
        let decimals = |decimals| NumberDisplay { decimals: Some(decimals), ..NumberDisplay::default() };
        assert_eq!(shown(&decimals(0), 1_500, 3), "2");
        assert_eq!(shown(&decimals(0), 1_499, 3), "1");
        assert_eq!(shown(&decimals(0), -1_500, 3), "-2");
        assert_eq!(shown(&decimals(2), -4, 3), "0.00");
        assert_eq!(shown(&decimals(2), -5, 3), "-0.01");
        assert_eq!(shown(&decimals(1), 999, 2), "10.0");
        assert_eq!(shown(&decimals(3), 15, 1), "1.500");
        assert_eq!(shown(&decimals(2), 7, 0), "7.00");
        assert_eq!(shown(&decimals(0), 999_999_999_999_999_999, 18), "1");
        assert_eq!(shown(&decimals(20), -1, 18), "-0.00000000000000000100");
    }

    #[test]
    fn number_displays_have_a_strict_json_form() {
        let display: NumberDisplay = serde_json::from_str(r#"{"minus":"brackets","decimals":1}"#).unwrap();
        assert_eq!(
            display,
            NumberDisplay { minus: MinusStyle::Brackets, decimals: Some(1), ..NumberDisplay::default() }
        );
        assert!(serde_json::from_str::<NumberDisplay>(r#"{"group":true}"#).is_err());
        let json = serde_json::to_string(&display).unwrap();
        assert_eq!(serde_json::from_str::<NumberDisplay>(&json).unwrap(), display);
    }

    fn text(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn pattern(source: &str) -> DatePattern {
        source.parse().unwrap()
    }

    #[test]
    fn patterns_are_shown() {
        let at = DateTime::from_parts(2026, 1, 5, 4, 7, 8).unwrap();
        for (source, expected) in [
            ("YYYY/MM/DD", "2026/01/05"),
            ("YYYY年MM月DD日", "2026年01月05日"),
            ("YYYY年M月", "2026年1月"),
            ("YYYY-MM-DDThh:mm:ss", "2026-01-05T04:07:08"),
            ("h:mm", "4:07"),
            ("YYYYMMDD", "20260105"),
            ("D/M", "5/1"),
            ("「YYYY」DD", "「2026」05"),
        ] {
            let pattern = pattern(source);
            assert_eq!(text(|out| pattern.write_datetime(out, at)), expected, "{source}");
            assert_eq!(pattern.to_string(), source);
        }
        let both = pattern("YYYY/M/D hh:mm");
        assert_eq!(text(|out| both.write_date(out, at.date())), "2026/1/5 00:00");
        let time = pattern("hh時mm分ss秒");
        assert_eq!(text(|out| time.write_time(out, at.time())), "04時07分08秒");
        assert!(both.has_date() && both.has_time() && !time.has_date());
        assert!(!pattern("YYYY").has_time());
    }

    #[test]
    fn patterns_say_what_is_wrong() {
        for (source, part) in [
            ("yyyy/MM/DD", "\"yyyy\" at character 1"),
            ("YYYY年MMM月", "\"MMM\" at character 6"),
            ("YY/MM", "\"YY\" at character 1"),
            ("YYYYY", "\"YYYYY\""),
            ("hh:m", "\"m\" at character 4"),
            ("YYYY/MM/dd", "\"dd\" at character 9"),
            ("hh:mm am", "\"a\" at character 7"),
            ("", "shows nothing"),
            ("年月日", "shows nothing"),
            ("T", "shows nothing"),
        ] {
            let error = source.parse::<DatePattern>().unwrap_err();
            assert_eq!(error.code(), Code::DefinitionInvalid);
            assert!(error.to_string().contains(part), "{source}: {error}");
        }
        assert!("年".repeat(101).parse::<DatePattern>().is_err());
        assert!("y".repeat(1_000_000).parse::<DatePattern>().is_err());
        assert_eq!(serde_json::from_str::<DatePattern>("\"YYYY/M/D\"").unwrap(), pattern("YYYY/M/D"));
        assert_eq!(serde_json::to_string(&pattern("YYYY/M/D")).unwrap(), "\"YYYY/M/D\"");
        assert!(serde_json::from_str::<DatePattern>("\"yy\"").is_err());
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_tolerantly(
            unscaled in -999_999_999_999_999_999_i64..=999_999_999_999_999_999,
            scale in 0_u8..=18,
            grouping in any::<bool>(),
            prefix in prop::sample::select(vec!["", "\\", "¥", "￥"]),
            suffix in prop::sample::select(vec!["", "円", "個", "%", "㎡"]),
            minus in prop::sample::select(vec![MinusStyle::Hyphen, MinusStyle::Triangle, MinusStyle::Brackets]),
        ) {
            let display = NumberDisplay { grouping, prefix: prefix.into(), suffix: suffix.into(), minus, decimals: None };
            let text = shown(&display, unscaled, scale);
            prop_assert_eq!(parse(&text, scale, Rounding::Refuse, NumberInput::Tolerant), Ok(unscaled), "{}", text);
        }

        #[test]
        fn cutting_agrees_with_rounding(unscaled in any::<i64>(), scale in 0_u8..=18, decimals in 0_u8..=18) {
            let display = NumberDisplay { decimals: Some(decimals), ..NumberDisplay::default() };
            if let Ok(rounded) = crate::schema::number::rescale(unscaled.into(), scale.into(), decimals, Rounding::HalfUp) {
                let mut expected = Vec::new();
                number::write_unscaled(&mut expected, rounded, decimals);
                prop_assert_eq!(shown(&display, unscaled, scale).into_bytes(), expected);
            }
        }

        #[test]
        fn patterns_with_every_part_read_back(
            source in "YYYY(-MM-DD|/M/D|年M月DD日)( hh:mm:ss|Th:mm:ss| hh時mm分ss秒)",
            seconds in -62_135_596_800_i64..253_402_300_800,
        ) {
            let pattern = pattern(&source);
            let at = DateTime::from_seconds(seconds).unwrap();
            let shown = text(|out| pattern.write_datetime(out, at));
            prop_assert_eq!(crate::schema::date::parse_datetime(&shown), Ok(at));
        }

        #[test]
        fn no_pattern_panics(source in ".{0,30}", near in "[YMDhmsT年/: y]{0,20}") {
            for source in [source, near] {
                if let Ok(pattern) = source.parse::<DatePattern>() {
                    text(|out| pattern.write_datetime(out, DateTime::from_seconds(0).unwrap()));
                }
            }
        }
    }
}
