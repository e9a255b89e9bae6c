//! Reading numbers: strictly, or as people write them.

use serde::{Deserialize, Serialize};

use super::{LIMIT, POWERS, Rounding};
use crate::error::{Broken, Code};

/// How the text of a number is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberInput {
    /// An optional `-`, `+`, `△` or `▲`, ASCII digits, at most one `.`, and nothing else.
    #[default]
    Strict,
    /// Also full-width digits and signs, commas that group by three, spaces around, `(1,234)` as minus, a leading
    /// currency sign and a trailing unit such as 円, 個 or %.
    ///
    /// A trailing 千, 万 or 億 is refused: dropping it would change the amount.
    Tolerant,
}

/// Reads a number as digits at `scale`. The text is read to its end before anything is said about its size, so
/// that what is no number at all is always reported as that.
pub(crate) fn parse(text: &str, scale: u8, rounding: Rounding, input: NumberInput) -> Result<i64, Broken> {
    let (negative, digits) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        // ▲ and △.
        [0xE2, 0x96, 0xB2 | 0xB3, rest @ ..] => (true, rest),
        all => (false, all),
    };
    if let Some(magnitude) = plain(digits, scale) {
        return Ok(signed(negative, magnitude));
    }
    let mut figures = Figures::new(scale);
    if digits.iter().all(|&byte| figures.push_ascii(byte)) && figures.complete() {
        return figures.finish(negative, rounding);
    }
    match input {
        NumberInput::Strict => Err(Broken::new(Code::NumberInvalid)),
        NumberInput::Tolerant => match tolerant(text, scale) {
            Some((negative, figures)) => figures.finish(negative, rounding),
            None => Err(Broken::new(Code::NumberInvalid)),
        },
    }
}

fn signed(negative: bool, magnitude: u64) -> i64 {
    // Below 10^18 in both uses, so that the conversion keeps it.
    let magnitude = magnitude as i64;
    if negative { -magnitude } else { magnitude }
}

/// The common case in one pass: few enough digits, no decimals beyond the scale. `None` leaves it to the others.
fn plain(digits: &[u8], scale: u8) -> Option<u64> {
    // Nineteen digits fit in 64 bits, so that the loop needs no overflow check.
    if digits.is_empty() || digits.len() > 19 {
        return None;
    }
    let mut value = 0_u64;
    let mut point = None;
    for (at, &byte) in digits.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            value = value * 10 + u64::from(digit);
        } else if byte == b'.' && point.is_none() {
            point = Some(at);
        } else {
            return None;
        }
    }
    let places = match point {
        Some(at) if at + 1 == digits.len() => return None,
        Some(at) => digits.len() - at - 1,
        None => 0,
    };
    let missing = usize::from(scale).checked_sub(places)?;
    value.checked_mul(*POWERS.get(missing)?).filter(|value| *value < LIMIT)
}

/// Collects digits of any number without overflow, keeping of those beyond the scale what rounding needs.
struct Figures {
    scale: u8,
    value: u64,
    over: bool,
    digits: bool,
    point: bool,
    kept: u8,
    ended: bool,
    cut_first: Option<u8>,
    cut_rest: bool,
}

impl Figures {
    fn new(scale: u8) -> Figures {
        Figures {
            scale,
            value: 0,
            over: false,
            digits: false,
            point: false,
            kept: 0,
            ended: false,
            cut_first: None,
            cut_rest: false,
        }
    }

    fn push(&mut self, digit: u8) {
        self.digits = true;
        self.ended = true;
        if self.point && self.kept == self.scale {
            match self.cut_first {
                None => self.cut_first = Some(digit),
                Some(_) => self.cut_rest |= digit != 0,
            }
            return;
        }
        self.kept += u8::from(self.point);
        // Below 10^18 before, hence below 10^19 after: no overflow.
        self.value = self.value * 10 + u64::from(digit);
        if self.value >= LIMIT {
            self.over = true;
            self.value = 0;
        }
    }

    /// Whether there was none before.
    fn push_point(&mut self) -> bool {
        let first = !self.point;
        self.point = true;
        self.ended = false;
        first
    }

    fn push_ascii(&mut self, byte: u8) -> bool {
        match byte {
            b'0'..=b'9' => {
                self.push(byte - b'0');
                true
            }
            b'.' => self.push_point(),
            _ => false,
        }
    }

    /// Whether there was a digit, and one after the point if there was a point.
    fn complete(&self) -> bool {
        self.digits && self.ended
    }

    fn finish(self, negative: bool, rounding: Rounding) -> Result<i64, Broken> {
        let digits = || Broken::new(Code::NumberDigits);
        if self.over {
            return Err(digits());
        }
        let power = POWERS.get(usize::from(self.scale - self.kept)).ok_or_else(digits)?;
        let value = self.value.checked_mul(*power).ok_or_else(digits)?;
        let first = self.cut_first.unwrap_or(0);
        let half = first.cmp(&5).then(self.cut_rest.cmp(&false));
        let grows = rounding
            .grows(negative, value % 2 == 1, half, first != 0 || self.cut_rest)
            .ok_or_else(|| Broken::rule(Code::NumberScale, self.scale.to_string()))?;
        let value = value.saturating_add(u64::from(grows));
        if value >= LIMIT {
            return Err(digits());
        }
        Ok(signed(negative, value))
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{a0}' | '\u{3000}')
}

fn is_minus(c: char) -> bool {
    // The hyphens and dashes, the minus sign, their full-width forms, and the long-vowel marks that a Japanese
    // keyboard gives for the same key.
    matches!(
        c,
        '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe63}' | '\u{ff0d}' | '\u{30fc}' | '\u{ff70}' | '△' | '▲'
    )
}

fn is_currency(c: char) -> bool {
    matches!(c, '¥' | '￥' | '\\' | '＼' | '$' | '＄' | '\u{20a0}'..='\u{20cf}' | '£' | '￡')
}

/// The tolerant reading: the sign and the digits, or `None` when it is no number.
fn tolerant(text: &str, scale: u8) -> Option<(bool, Figures)> {
    let mut rest = text.trim_matches(is_space);
    let (mut sign, mut currency, mut bracket) = (None, false, false);
    while let Some(c) = rest.chars().next() {
        match c {
            _ if is_space(c) => {}
            _ if is_minus(c) && sign.is_none() && !bracket => sign = Some(true),
            '+' | '＋' if sign.is_none() && !bracket => sign = Some(false),
            // A sign and brackets together could mean either.
            '(' | '（' if sign.is_none() && !bracket => bracket = true,
            _ if is_currency(c) && !currency => currency = true,
            _ => break,
        }
        rest = &rest[c.len_utf8()..];
    }

    let mut figures = Figures::new(scale);
    let (mut run, mut grouped) = (0_u32, false);
    while let Some(c) = rest.chars().next() {
        match c {
            '0'..='9' | '０'..='９' => {
                let zero = if c.is_ascii() { '0' } else { '０' };
                // The range makes it 0 to 9.
                figures.push((u32::from(c) - u32::from(zero)) as u8);
                run = run.saturating_add(1);
            }
            ',' | '，' => {
                let full = if grouped { run == 3 } else { (1..=3).contains(&run) };
                if figures.point || !full {
                    return None;
                }
                (run, grouped) = (0, true);
            }
            '.' | '．' => {
                if (grouped && run != 3) || !figures.push_point() {
                    return None;
                }
            }
            _ => break,
        }
        rest = &rest[c.len_utf8()..];
    }
    if !figures.complete() || (grouped && !figures.point && run != 3) {
        return None;
    }

    let accepted = if bracket {
        let close = rest.find([')', '）'])?;
        let (inside, outside) = rest.split_at(close);
        let outside = outside.trim_start_matches([')', '）']);
        // One bracket was opened, so one is closed.
        let single = rest[close..].chars().filter(|c| matches!(c, ')' | '）')).count() == 1;
        single && is_unit(inside) && is_unit(outside) && (inside.trim().is_empty() || outside.trim().is_empty())
    } else {
        is_unit(rest)
    };
    accepted.then_some((bracket || sign == Some(true), figures))
}

/// Whether `text`, which follows the digits, can be left out without a change of meaning.
fn is_unit(text: &str) -> bool {
    const LONGEST: usize = 10;
    let text = text.trim_matches(is_space);
    // These multiply: 5万円 is not 5.
    let multiplies = text.starts_with(['十', '百', '千', '万', '萬', '億', '兆', '京', '拾', '〇', '零']);
    let digit = text.starts_with(['一', '二', '三', '四', '五', '六', '七', '八', '九']);
    !multiplies
        && !digit
        && text.chars().take(LONGEST + 1).count() <= LONGEST
        && text.chars().all(|c| match c {
            '%' | '％' | '‰' | '°' | '/' | '／' | '・' | '²' | '³' | 'µ' => true,
            // A long-vowel mark may be inside a unit (メートル), but alone it is a minus sign in the wrong place.
            'ー' | 'ｰ' => !text.starts_with(c),
            // Letter-like signs (℃, №) and the squared units (㎡, ㌔).
            '\u{2100}'..='\u{214f}' | '\u{3300}'..='\u{33ff}' => true,
            '\\' | '＼' => false,
            c => c.is_alphabetic() || is_currency(c),
        })
}
