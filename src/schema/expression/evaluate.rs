//! Working an expression out.

use rust_decimal::Decimal;

use super::{Binary, Expression, Over, Step};
use crate::error::{Broken, Code, Words, words};
use crate::schema::number::{self, Rounding};

/// No allocation is needed up to this many pending operands.
pub(super) const STACK_INLINE: usize = 16;

/// Where an expression finds the values of its fields, as digits and scale; `None` is an empty field.
///
/// Fields go by their index in [`Expression::fields`] and [`Expression::detail_fields`], so that whoever evaluates
/// looks their names up once, and not for every record.
pub(crate) trait Scope {
    fn field(&self, index: usize) -> Option<(i64, u8)>;
    fn row_count(&self) -> usize;
    fn row(&self, row: usize, index: usize) -> Option<(i64, u8)>;
}

impl Expression {
    /// The result as digits at `scale`, `None` when it is empty. Surplus decimals are always rounded: a division
    /// rarely ends, so [`Rounding::Refuse`] counts as half up.
    pub(crate) fn evaluate(&self, scope: &dyn Scope, scale: u8, rounding: Rounding) -> Result<Option<i64>, Broken> {
        let Some(result) = self.run(scope)? else { return Ok(None) };
        let rounding = if rounding == Rounding::Refuse { Rounding::HalfUp } else { rounding };
        match number::rescale(result.mantissa(), result.scale(), scale, rounding) {
            Ok(unscaled) => Ok(Some(unscaled)),
            Err(_) => Err(overflow_of_result()),
        }
    }

    fn run(&self, scope: &dyn Scope) -> Result<Option<Decimal>, Broken> {
        let (mut inline, mut heap);
        let stack: &mut [Option<Decimal>] = if self.stack <= STACK_INLINE {
            inline = [None; STACK_INLINE];
            &mut inline
        } else {
            heap = vec![None; self.stack];
            &mut heap
        };
        let mut top = 0;
        let mut at = 0;
        while let Some(step) = self.steps.get(at) {
            at += 1;
            let pushed = match *step {
                Step::Literal(value) => Some(value),
                Step::Field(index) => scope.field(index).map(decimal).transpose()?,
                Step::Rows(over, index) => over_rows(scope, over, index)?,
                Step::Count => Some(Decimal::from(scope.row_count())),
                Step::Binary(binary) => {
                    top -= 2;
                    match (stack[top], stack[top + 1]) {
                        (Some(left), Some(right)) => Some(apply(binary, left, right)?),
                        _ => None,
                    }
                }
                Step::OrElse(end) => {
                    if stack[top - 1].is_some() {
                        at = end;
                    } else {
                        top -= 1;
                    }
                    continue;
                }
                Step::Negate | Step::Round(_) | Step::Floor | Step::Ceil | Step::Trunc | Step::Abs => {
                    top -= 1;
                    match stack[top] {
                        Some(value) => Some(match *step {
                            Step::Negate => -value,
                            Step::Round(places) => round(value, places)?,
                            Step::Floor => value.floor(),
                            Step::Ceil => value.ceil(),
                            Step::Trunc => value.trunc(),
                            _ => value.abs(),
                        }),
                        None => None,
                    }
                }
            };
            stack[top] = pushed;
            top += 1;
        }
        Ok(stack[0])
    }
}

fn failed(why: Words) -> Broken {
    Broken::rule(Code::CalculationFailed, why)
}

pub(super) fn overflow_of_result() -> Broken {
    failed(words!("結果が18桁を超えます", "the result has more than 18 digits"))
}

fn overflow() -> Broken {
    failed(words!("途中の値が28桁を超えます", "an intermediate result has more than 28 digits"))
}

fn decimal((unscaled, scale): (i64, u8)) -> Result<Decimal, Broken> {
    Decimal::try_from_i128_with_scale(unscaled.into(), scale.into()).map_err(|_| overflow())
}

fn apply(binary: Binary, left: Decimal, right: Decimal) -> Result<Decimal, Broken> {
    let result = match binary {
        Binary::Add => left.checked_add(right),
        Binary::Subtract => left.checked_sub(right),
        Binary::Multiply => left.checked_mul(right),
        Binary::Divide if right.is_zero() => return Err(failed(words!("0で割っています", "it divides by zero"))),
        Binary::Divide => left.checked_div(right),
        Binary::Min => Some(left.min(right)),
        Binary::Max => Some(left.max(right)),
    };
    result.ok_or_else(overflow)
}

fn over_rows(scope: &dyn Scope, over: Over, index: usize) -> Result<Option<Decimal>, Broken> {
    let mut result = match over {
        Over::Sum => Some(Decimal::ZERO),
        _ => None,
    };
    let mut values = 0_u64;
    for row in 0..scope.row_count() {
        let Some(value) = scope.row(row, index) else { continue };
        let value = decimal(value)?;
        values += 1;
        result = Some(match (over, result) {
            (_, None) => value,
            (Over::Sum | Over::Average, Some(sum)) => apply(Binary::Add, sum, value)?,
            (Over::Lowest, Some(lowest)) => lowest.min(value),
            (Over::Highest, Some(highest)) => highest.max(value),
        });
    }
    match (over, result) {
        (Over::Average, Some(sum)) => apply(Binary::Divide, sum, Decimal::from(values)).map(Some),
        _ => Ok(result),
    }
}

fn round(value: Decimal, places: i32) -> Result<Decimal, Broken> {
    let scale = value.scale();
    match u32::try_from(places) {
        Ok(places) if places >= scale => Ok(value),
        // The scale is at most 28, and there are at most 18 places on either side of the point.
        _ => {
            let cut = (scale as i32 - places).unsigned_abs();
            let left = 10_i128
                .checked_pow(places.min(0).unsigned_abs())
                .and_then(|power| number::divide(value.mantissa(), cut, Rounding::HalfUp)?.checked_mul(power));
            left.and_then(|left| Decimal::try_from_i128_with_scale(left, places.max(0).unsigned_abs()).ok())
                .ok_or_else(overflow)
        }
    }
}
