//! Exact decimal numbers: a scaled 64-bit integer, never a float.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::error::{Broken, Code, Error, Words, words};

mod parse;
mod rounding;

pub use parse::NumberInput;
pub(crate) use parse::parse;
pub use rounding::Rounding;
pub(crate) use rounding::{divide, rescale};

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
        read(text).map_err(|broken| refusal(broken, words!("数値", "number"), text))
    }
}

fn read(text: &str) -> Result<Number, Broken> {
    let places = text.bytes().rev().position(|byte| byte == b'.').unwrap_or(0);
    let scale = u8::try_from(places).unwrap_or(SCALE_MAX).min(SCALE_MAX);
    let unscaled = parse(text, scale, Rounding::Refuse, NumberInput::Strict)?;
    Ok(Number { unscaled, scale })
}

/// The error of reading a value where there is no field: `name` says what was to be read.
pub(crate) fn refusal(broken: Broken, name: Words, text: &str) -> Error {
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
            _ => Err(refusal(Broken::rule(Code::NumberScale, "0"), words!("整数", "integer"), &number.to_string())),
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
mod tests;
