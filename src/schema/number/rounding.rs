//! Decimal places that there is no room for.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::LIMIT;
use crate::error::{Broken, Code};

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
    pub(super) fn grows(self, negative: bool, odd: bool, half: Ordering, cut: bool) -> Option<bool> {
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
