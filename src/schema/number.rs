//! Exact decimal numbers: a scaled 64-bit integer, never a float.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::error::{Broken, Code, Error};

/// The most decimal places a number can have.
pub(crate) const SCALE_MAX: u8 = 18;

/// Magnitudes stay below this: eighteen digits, decimal places included.
const LIMIT: u64 = POWERS[18];

/// Up to this magnitude every reader of JSON, JavaScript's too, keeps an integer exact.
const JSON_EXACT: u64 = 1 << 53;

const POWERS: [u64; 20] = {
    let mut powers = [1; 20];
    let mut at = 1;
    while at < powers.len() {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
};

/// An exact decimal number of at most eighteen digits, decimal places included.
///
/// The number of decimal places is kept and shown, but does not matter for comparing: `1.5 == 1.50`.
///
/// Its text has an optional `-`, `+`, `△` or `▲`, then ASCII digits, with at most one `.`. Leading zeros and `.5` are
/// accepted; `1.` is refused, because it looks like a number that was cut off.
///
/// In JSON it is a number when it is whole and below 2⁵³, and a string otherwise, so that no reader rounds it.
///
/// ```
/// use renkei::Number;
///
/// let price: Number = "-1234.50".parse()?;
/// assert_eq!(price.to_string(), "-1234.50");
/// assert_eq!(price, "-1234.5".parse()?);
/// assert!(price < Number::from(0));
/// assert_eq!(Number::new(50, 2), "0.5".parse().ok());
/// assert!("1e3".parse::<Number>().is_err());
/// assert_eq!(i64::try_from("12.00".parse::<Number>()?)?, 12);
/// # Ok::<(), renkei::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Number {
    unscaled: i64,
    scale: u8,
}

impl Number {
    /// Zero, without decimal places.
    pub const ZERO: Number = Number { unscaled: 0, scale: 0 };

    /// The number `unscaled` / 10^`scale`; `None` with more than eighteen digits or decimal places.
    pub fn new(unscaled: i64, scale: u8) -> Option<Number> {
        (unscaled.unsigned_abs() < LIMIT && scale <= SCALE_MAX).then_some(Number { unscaled, scale })
    }

    /// All digits as one integer: 150 for `1.50`.
    pub fn unscaled(self) -> i64 {
        self.unscaled
    }

    /// The number of decimal places: 2 for `1.50`.
    pub fn scale(self) -> u8 {
        self.scale
    }

    /// The nearest floating point number. This loses digits beyond the fifteenth or so.
    ///
    /// ```
    /// assert_eq!("0.1".parse::<renkei::Number>()?.to_f64(), 0.1);
    /// # Ok::<(), renkei::Error>(())
    /// ```
    pub fn to_f64(self) -> f64 {
        if self.unscaled.unsigned_abs() <= JSON_EXACT {
            // Both operands are exact, so the one division gives the nearest.
            self.unscaled as f64 / POWERS[usize::from(self.scale)] as f64
        } else {
            self.to_string().parse().unwrap_or(f64::NAN)
        }
    }

    /// The digits at another scale, as they are stored.
    pub(crate) fn rescale(self, scale: u8, rounding: Rounding) -> Result<i64, Broken> {
        rescale(self.unscaled.into(), self.scale.into(), scale, rounding)
    }

    pub(crate) fn to_decimal(self) -> Decimal {
        // Cannot overflow: the scale is at most 18 of the 28 possible.
        Decimal::from_i128_with_scale(self.unscaled.into(), self.scale.into())
    }

    /// `None` when the decimal needs more than eighteen digits or decimal places.
    #[cfg(test)]
    fn from_decimal(decimal: Decimal) -> Option<Number> {
        let decimal = decimal.normalize();
        let unscaled = i64::try_from(decimal.mantissa()).ok()?;
        Number::new(unscaled, u8::try_from(decimal.scale()).ok()?)
    }

    /// Without trailing zeros, so that equal numbers are the same pair.
    fn shortest(self) -> (i64, u8) {
        let (mut unscaled, mut scale) = (self.unscaled, self.scale);
        while scale > 0 && unscaled % 10 == 0 {
            unscaled /= 10;
            scale -= 1;
        }
        (unscaled, scale)
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Number) -> Ordering {
        if self.scale == other.scale {
            return self.unscaled.cmp(&other.unscaled);
        }
        // Below 10^19 · 10^18, which an i128 holds.
        let left = i128::from(self.unscaled) * i128::from(POWERS[usize::from(other.scale)]);
        let right = i128::from(other.unscaled) * i128::from(POWERS[usize::from(self.scale)]);
        left.cmp(&right)
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Number) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Number) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Number {}

impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.shortest().hash(state);
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buffer = [0; TEXT_MAX];
        let text = canonical(&mut buffer, self.unscaled, self.scale);
        f.pad(std::str::from_utf8(text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Number({self})")
    }
}

impl FromStr for Number {
    type Err = Error;

    fn from_str(text: &str) -> Result<Number, Error> {
        read(text).map_err(|broken| refusal(broken, "number", text))
    }
}

fn read(text: &str) -> Result<Number, Broken> {
    let places = text.bytes().rev().position(|byte| byte == b'.').unwrap_or(0);
    let scale = u8::try_from(places).unwrap_or(SCALE_MAX).min(SCALE_MAX);
    let unscaled = parse(text, scale, Rounding::Refuse, NumberInput::Strict)?;
    Ok(Number { unscaled, scale })
}

/// The error of reading a value where there is no field: `name` says what was to be read.
pub(crate) fn refusal(broken: Broken, name: &str, text: &str) -> Error {
    Error::new(broken.code).with_name(name).with_value(text).with_rule(broken.rule)
}

/// Beyond eighteen digits the number can be held and compared, but no field takes it.
impl From<i64> for Number {
    fn from(whole: i64) -> Number {
        Number { unscaled: whole, scale: 0 }
    }
}

impl From<i32> for Number {
    fn from(whole: i32) -> Number {
        Number::from(i64::from(whole))
    }
}

impl From<u32> for Number {
    fn from(whole: u32) -> Number {
        Number::from(i64::from(whole))
    }
}

/// Refused when there are decimals other than zeros.
impl TryFrom<Number> for i64 {
    type Error = Error;

    fn try_from(number: Number) -> Result<i64, Error> {
        match number.shortest() {
            (whole, 0) => Ok(whole),
            _ => Err(refusal(Broken::rule(Code::NumberScale, "0"), "integer", &number.to_string())),
        }
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.scale == 0 && self.unscaled.unsigned_abs() < JSON_EXACT {
            serializer.serialize_i64(self.unscaled)
        } else {
            serializer.collect_str(self)
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Number, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl de::Visitor<'_> for Reader {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of at most 18 digits, or its text")
    }

    fn visit_i64<E: de::Error>(self, whole: i64) -> Result<Number, E> {
        Number::new(whole, 0).ok_or_else(|| E::invalid_value(de::Unexpected::Signed(whole), &self))
    }

    fn visit_u64<E: de::Error>(self, whole: u64) -> Result<Number, E> {
        let signed = i64::try_from(whole).ok().and_then(|whole| Number::new(whole, 0));
        signed.ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(whole), &self))
    }

    fn visit_f64<E: de::Error>(self, float: f64) -> Result<Number, E> {
        // Fifteen digits survive the way through a float; with more, the digits may not be those that were sent.
        let text = float.to_string();
        let digits = text.trim_start_matches(['-', '0', '.']).bytes().filter(u8::is_ascii_digit).count();
        match read(&text) {
            Ok(number) if digits <= 15 => Ok(number),
            _ => Err(E::custom(format_args!("the number {float:e} may be inexact: send its digits as a string"))),
        }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
        text.parse().map_err(E::custom)
    }
}

/// What happens to decimal places that a field has no room for. Zeros at the end are never in the way.
///
/// "Up" and "down" go by the magnitude, as the words 切り上げ and 切り捨て do: -1.5 rounded up is -2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// They are an error.
    #[default]
    Refuse,
    /// To the nearest; a half away from zero (四捨五入).
    HalfUp,
    /// To the nearest; a half to the even neighbour.
    HalfEven,
    /// Away from zero (切り上げ).
    Up,
    /// Towards zero (切り捨て).
    Down,
    /// Towards negative infinity.
    Floor,
    /// Towards positive infinity.
    Ceiling,
}

impl Rounding {
    /// Whether the magnitude grows by one in its last kept place; `None` is a refusal.
    ///
    /// `odd`: the last kept digit is odd. `half`: how the part cut off compares with a half. `cut`: it is not zero.
    fn grows(self, negative: bool, odd: bool, half: Ordering, cut: bool) -> Option<bool> {
        if !cut {
            return Some(false);
        }
        match self {
            Rounding::Refuse => None,
            Rounding::HalfUp => Some(half.is_ge()),
            Rounding::HalfEven => Some(half.is_gt() || (half.is_eq() && odd)),
            Rounding::Up => Some(true),
            Rounding::Down => Some(false),
            Rounding::Floor => Some(negative),
            Rounding::Ceiling => Some(!negative),
        }
    }
}

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

/// `mantissa` / 10^`from` as digits at the scale `to`.
pub(crate) fn rescale(mantissa: i128, from: u32, to: u8, rounding: Rounding) -> Result<i64, Broken> {
    let to_places = u32::from(to);
    let scaled = if from > to_places {
        divide(mantissa, from - to_places, rounding)
            .ok_or_else(|| Broken::rule(Code::NumberScale, to.to_string()))
            .map(Some)?
    } else {
        10_i128.checked_pow(to_places - from).and_then(|power| mantissa.checked_mul(power))
    };
    scaled
        .and_then(|scaled| i64::try_from(scaled).ok())
        .filter(|scaled| scaled.unsigned_abs() < LIMIT)
        .ok_or_else(|| Broken::new(Code::NumberDigits))
}

/// `mantissa` / 10^`power`, rounded; `None` is a refusal. The mantissa is one of 96 bits or fewer.
pub(crate) fn divide(mantissa: i128, power: u32, rounding: Rounding) -> Option<i128> {
    // A larger power leaves nothing of 96 bits either, and less than a half.
    let divisor = 10_u128.pow(power.min(38));
    let magnitude = mantissa.unsigned_abs();
    let (quotient, cut) = (magnitude / divisor, magnitude % divisor);
    let negative = mantissa < 0;
    let grows = rounding.grows(negative, quotient % 2 == 1, (cut * 2).cmp(&divisor), cut != 0)?;
    let quotient = i128::try_from(quotient + u128::from(grows)).ok()?;
    Some(if negative { -quotient } else { quotient })
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

/// Room for 19 digits and a zero before them, a minus sign and a point.
const TEXT_MAX: usize = 24;

/// The canonical text: exactly `scale` decimals, a digit before the point, no minus sign before zero.
fn canonical(buffer: &mut [u8; TEXT_MAX], unscaled: i64, scale: u8) -> &[u8] {
    debug_assert!(scale <= SCALE_MAX);
    let scale = usize::from(scale.min(SCALE_MAX));
    let mut rest = unscaled.unsigned_abs();
    let mut at = TEXT_MAX;
    if scale > 0 {
        let power = POWERS[scale];
        let mut decimals = rest % power;
        rest /= power;
        for _ in 0..scale {
            at -= 1;
            buffer[at] = b'0' + (decimals % 10) as u8;
            decimals /= 10;
        }
        at -= 1;
        buffer[at] = b'.';
    }
    loop {
        at -= 1;
        buffer[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if unscaled < 0 {
        at -= 1;
        buffer[at] = b'-';
    }
    &buffer[at..]
}

/// Appends the canonical text: exactly `scale` decimals.
pub(crate) fn write_unscaled(out: &mut Vec<u8>, unscaled: i64, scale: u8) {
    let mut buffer = [0; TEXT_MAX];
    out.extend_from_slice(canonical(&mut buffer, unscaled, scale));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::hash_map::DefaultHasher;

    fn strict(text: &str, scale: u8) -> Result<i64, Code> {
        parse(text, scale, Rounding::Refuse, NumberInput::Strict).map_err(|broken| broken.code)
    }

    fn loose(text: &str, scale: u8) -> Result<i64, Code> {
        parse(text, scale, Rounding::Refuse, NumberInput::Tolerant).map_err(|broken| broken.code)
    }

    #[test]
    fn strict_takes_plain_decimals() {
        let cases = [
            ("0", 0, 0),
            ("-0", 0, 0),
            ("-0.00", 2, 0),
            ("1.5", 2, 150),
            (".5", 2, 50),
            ("-.5", 1, -5),
            ("+7", 0, 7),
            ("△7", 0, -7),
            ("▲7.25", 2, -725),
            ("007", 0, 7),
            ("1.50000", 1, 15),
            ("1.0000000000000000000000000000", 0, 1),
            ("0000000000000000000000000000012", 0, 12),
            ("999999999999999999", 0, 999_999_999_999_999_999),
            ("-0.999999999999999999", 18, -999_999_999_999_999_999),
        ];
        for (text, scale, unscaled) in cases {
            assert_eq!(strict(text, scale), Ok(unscaled), "{text}");
            assert_eq!(loose(text, scale), Ok(unscaled), "{text}");
        }
    }

    #[test]
    fn strict_refuses_the_rest() {
        let invalid = "|.|1.|-|+|△|-.|1e400|1e2|NaN|inf|１２|1,234| 1|1 |--1|△-1|1.2.3|0x10|1_000|12円|(12)|−1|\
                1234567890123456789012x|\u{3000}1|1\0"
            .split('|');
        for text in invalid {
            assert_eq!(strict(text, 2), Err(Code::NumberInvalid), "{text:?}");
        }
    }

    #[test]
    fn too_many_digits() {
        assert_eq!(strict("1000000000000000000", 0), Err(Code::NumberDigits));
        assert_eq!(strict("1234567890123456789", 0), Err(Code::NumberDigits));
        assert_eq!(strict("12345678901234567", 2), Err(Code::NumberDigits));
        assert_eq!(strict("1", 18), Err(Code::NumberDigits));
        assert_eq!(strict(&"9".repeat(5_000), 0), Err(Code::NumberDigits));
        let up =
            |text: &str, scale| parse(text, scale, Rounding::Up, NumberInput::Strict).map_err(|broken| broken.code);
        assert_eq!(up("999999999999999999.1", 0), Err(Code::NumberDigits));
        assert_eq!(up("-999999999999999999.0000", 0), Ok(-999_999_999_999_999_999));
        assert_eq!(up(&format!("1.{}1", "0".repeat(5_000)), 2), Ok(101));
        assert_eq!(up(&format!("{}.5", "9".repeat(40)), 18), Err(Code::NumberDigits));
    }

    #[test]
    fn too_many_decimals_name_the_scale() {
        let broken = parse("1.234", 2, Rounding::Refuse, NumberInput::Strict).unwrap_err();
        assert_eq!(broken, Broken::rule(Code::NumberScale, "2"));
        assert_eq!(strict("0.0000000000000000001", 18), Err(Code::NumberScale));
    }

    #[test]
    fn rounding_by_all_rules() {
        use Rounding::*;
        let table = [
            ("1.5", [Some(2), Some(2), Some(2), Some(1), Some(1), Some(2)]),
            ("2.5", [Some(3), Some(2), Some(3), Some(2), Some(2), Some(3)]),
            ("-2.5", [Some(-3), Some(-2), Some(-3), Some(-2), Some(-3), Some(-2)]),
            ("2.50001", [Some(3), Some(3), Some(3), Some(2), Some(2), Some(3)]),
            ("2.4999", [Some(2), Some(2), Some(3), Some(2), Some(2), Some(3)]),
            ("-0.1", [Some(0), Some(0), Some(-1), Some(0), Some(-1), Some(0)]),
            ("7.0", [Some(7); 6]),
        ];
        for (text, expected) in table {
            for (rounding, expected) in [HalfUp, HalfEven, Up, Down, Floor, Ceiling].into_iter().zip(expected) {
                assert_eq!(parse(text, 0, rounding, NumberInput::Strict).ok(), expected, "{text} {rounding:?}");
                let number: Number = text.parse().unwrap();
                assert_eq!(number.rescale(0, rounding).ok(), expected, "{text} {rounding:?}");
            }
        }
        assert_eq!(rescale(i128::from(i64::MAX), 0, 18, HalfUp), Err(Broken::new(Code::NumberDigits)));
        assert_eq!(rescale((1 << 96) - 1, 28, 0, HalfUp), Ok(8));
        assert_eq!(divide((1 << 96) - 1, 46, HalfUp), Some(0));
        assert_eq!(divide(-1, 46, Up), Some(-1));
    }

    #[test]
    fn tolerant_takes_what_people_type() {
        let cases = [
            ("１２３", 12_300),
            ("１，２３４．５", 123_450),
            ("1,234", 123_400),
            ("1,234,567.89", 123_456_789),
            (" 12 ", 1_200),
            ("\u{3000}12\u{3000}", 1_200),
            ("−5", -500),
            ("－５", -500),
            ("‐5", -500),
            ("–5", -500),
            ("—5", -500),
            ("ー5", -500),
            ("＋５", 500),
            ("(1,234)", -123_400),
            ("（１，２３４）", -123_400),
            ("¥1,234", 123_400),
            ("￥1,234", 123_400),
            ("\\3,300", 330_000),
            ("-\\3,300", -330_000),
            ("\\-3,300", -330_000),
            ("△\\3,300", -330_000),
            ("(\\3,300)", -330_000),
            ("$ 5.25", 525),
            ("500円", 50_000),
            ("△500円", -50_000),
            ("(500円)", -50_000),
            ("(500)円", -50_000),
            ("12 個", 1_200),
            ("99.5%", 9_950),
            ("99.5％", 9_950),
            ("20㎡", 2_000),
            ("3メートル", 300),
            ("5ヶ月", 500),
            ("10kg", 1_000),
        ];
        for (text, unscaled) in cases {
            assert_eq!(loose(text, 2), Ok(unscaled), "{text}");
        }
    }

    #[test]
    fn tolerant_refuses_what_has_another_meaning() {
        let cases = "| |.|1.|1,23|1234,567|1,,234|,123|1,234,|1.234,5|1e400|1e5|2026/01/05|2026-01-05|12:30|5-|5ー|\
                (5|5)|((5))|(-5)|-(5)|--5|5万円|5千|三|円|¥|NaN|12 34|12 or so|1!|5 円 税込|¥¥5|1.2.3|1,2345|\
                1,23.5|()|5()|(5))|(円)|5'|1\n|あ5|1234567890123456789 m2"
            .split('|');
        for text in cases {
            assert_eq!(loose(text, 2), Err(Code::NumberInvalid), "{text:?}");
        }
        assert_eq!(loose("1,234,567,890,123,456,789", 0), Err(Code::NumberDigits));
        assert_eq!(loose("１．２３４", 2), Err(Code::NumberScale));
    }

    #[test]
    fn text_is_canonical() {
        let text = |unscaled, scale| {
            let mut out = b"=".to_vec();
            write_unscaled(&mut out, unscaled, scale);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(0, 0), "=0");
        assert_eq!(text(0, 2), "=0.00");
        assert_eq!(text(-50, 2), "=-0.50");
        assert_eq!(text(5, 18), "=0.000000000000000005");
        assert_eq!(text(123_456, 0), "=123456");
        assert_eq!(text(i64::MIN, 0), "=-9223372036854775808");
        assert_eq!(text(i64::MIN, 18), "=-9.223372036854775808");
        assert_eq!("-0.50".parse::<Number>().unwrap().to_string(), "-0.50");
        assert_eq!("-0.0".parse::<Number>().unwrap().to_string(), "0.0");
        assert_eq!(format!("{:>6}|{:?}", Number::from(5), Number::from(5)), "     5|Number(5)");
    }

    #[test]
    fn numbers_compare_by_value() {
        let number = |text: &str| text.parse::<Number>().unwrap();
        let hash = |number: Number| {
            let mut hasher = DefaultHasher::new();
            number.hash(&mut hasher);
            hasher.finish()
        };
        assert_eq!(number("1.5"), number("1.50"));
        assert_eq!(hash(number("1.5")), hash(number("1.500")));
        assert_eq!(hash(number("0")), hash(number("-0.00")));
        assert!(number("-1.51") < number("-1.5"));
        assert!(Number::from(i64::MAX) > number("0.999999999999999999"));
        assert!(Number::new(1_000_000_000_000_000_000, 0).is_none());
        assert!(Number::new(1, 19).is_none());
        assert!("0.0000000000000000001".parse::<Number>().is_err());
        assert_eq!(i64::try_from(number("5.00")).unwrap(), 5);
        assert_eq!(i64::try_from(number("5.01")).unwrap_err().code(), Code::NumberScale);
        assert_eq!(Number::from(i64::MAX).rescale(0, Rounding::HalfUp).unwrap_err().code, Code::NumberDigits);
        assert_eq!(number("123456789012345678").to_f64(), 123_456_789_012_345_678_f64);
    }

    #[test]
    fn json_keeps_every_digit() {
        let number = |text: &str| text.parse::<Number>().unwrap();
        let json = |number: &Number| serde_json::to_string(number).unwrap();
        assert_eq!(json(&number("5")), "5");
        assert_eq!(json(&number("-5.50")), "\"-5.50\"");
        assert_eq!(json(&number("9007199254740991")), "9007199254740991");
        assert_eq!(json(&number("9007199254740992")), "\"9007199254740992\"");
        let back = |text: &str| serde_json::from_str::<Number>(text);
        assert_eq!(back("5").unwrap(), number("5"));
        assert_eq!(back("-5").unwrap(), number("-5"));
        assert_eq!(back("1.5").unwrap(), number("1.5"));
        assert_eq!(back("1.0").unwrap().scale(), 0);
        assert_eq!(back("0.000001").unwrap(), number("0.000001"));
        assert_eq!(back("\"1.50\"").unwrap().scale(), 2);
        for text in
            ["1e400", "1e300", "0.12345678901234567", "12345678901234567.8", "\"1e3\"", "\"\"", "null", "true", "1e-30"]
        {
            assert!(back(text).is_err(), "{text}");
        }
        assert!(back("1000000000000000000").is_err());
        assert!(back("18446744073709551615").is_err());
        assert_eq!(serde_json::to_string(&Rounding::HalfEven).unwrap(), "\"half_even\"");
        assert_eq!(serde_json::from_str::<NumberInput>("\"tolerant\"").unwrap(), NumberInput::Tolerant);
    }

    proptest! {
        #[test]
        fn text_reads_back(unscaled in -999_999_999_999_999_999_i64..=999_999_999_999_999_999, scale in 0_u8..=18) {
            let number = Number::new(unscaled, scale).unwrap();
            let text = number.to_string();
            prop_assert_eq!(parse(&text, scale, Rounding::Refuse, NumberInput::Strict).unwrap(), unscaled);
            prop_assert_eq!(parse(&text, scale, Rounding::Refuse, NumberInput::Tolerant).unwrap(), unscaled);
            let back: Number = serde_json::from_str(&serde_json::to_string(&number).unwrap()).unwrap();
            prop_assert_eq!(back.scale, scale);
            prop_assert_eq!(back, number);
            prop_assert_eq!(number.to_decimal().to_string(), text.clone());
            prop_assert_eq!(Number::from_decimal(number.to_decimal()), Some(number));
            prop_assert_eq!(number.to_f64(), text.parse::<f64>().unwrap());
        }

        #[test]
        fn rounding_agrees_with_decimal(unscaled in -999_999_999_999_i64..=999_999_999_999, from in 0_u8..=12, to in 0_u8..=5) {
            use rust_decimal::RoundingStrategy as S;
            let number = Number::new(unscaled, from).unwrap();
            for (rounding, strategy) in [
                (Rounding::HalfUp, S::MidpointAwayFromZero), (Rounding::HalfEven, S::MidpointNearestEven),
                (Rounding::Up, S::AwayFromZero), (Rounding::Down, S::ToZero),
                (Rounding::Floor, S::ToNegativeInfinity), (Rounding::Ceiling, S::ToPositiveInfinity),
            ] {
                let expected = Number::from_decimal(number.to_decimal().round_dp_with_strategy(to.into(), strategy)).unwrap();
                let parsed = parse(&number.to_string(), to, rounding, NumberInput::Strict).unwrap();
                prop_assert_eq!(Number::new(parsed, to).unwrap(), expected);
                prop_assert_eq!(number.rescale(to, rounding).unwrap(), parsed);
            }
        }

        #[test]
        fn order_agrees_with_decimal(a in any::<i64>(), b in any::<i64>(), s in 0_u8..=18, t in 0_u8..=18) {
            let (a, b) = (Number { unscaled: a, scale: s }, Number { unscaled: b, scale: t });
            prop_assert_eq!(a.cmp(&b), a.to_decimal().cmp(&b.to_decimal()));
        }

        #[test]
        fn no_text_panics(text in ".{0,40}", digits in "[-+△０-９0-9,.，．()（）¥円 eー]{0,45}", scale in 0_u8..=18) {
            for text in [&text, &digits] {
                for rounding in [Rounding::Refuse, Rounding::Up, Rounding::HalfEven] {
                    let strict = parse(text, scale, rounding, NumberInput::Strict);
                    let loose = parse(text, scale, rounding, NumberInput::Tolerant);
                    // The tolerant reading never reads another number than the strict one.
                    if strict.is_ok() {
                        prop_assert_eq!(strict, loose);
                    }
                }
            }
        }
    }
}
