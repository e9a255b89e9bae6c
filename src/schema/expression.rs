//! Calculated numbers: a small language over number fields and detail rows.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::error::{Code, Error, Language, shorten};

mod evaluate;
mod parse;

pub(crate) use evaluate::Scope;
use parse::compile;

/// The calculation of a number field from other fields.
///
/// | written | stands for |
/// | --- | --- |
/// | `12`, `0.1` | a decimal number |
/// | `price`, `金額` | the field with that code |
/// | `+` `-` `*` `/` `( )` | as usual; `*` and `/` bind tighter |
/// | `round(x, n)` | `x` at `n` decimals, a half away from zero; `n` is a whole number from -18 to 18 |
/// | `floor(x)` `ceil(x)` `trunc(x)` `abs(x)` | the whole number below, above, towards zero; without the sign |
/// | `min(a, b, …)` `max(a, b, …)` | the least, the greatest |
/// | `or(x, y)` | `x`, or `y` where `x` is empty |
/// | `sum(f)` `avg(f)` `lowest(f)` `highest(f)` | over field `f` of the detail rows, leaving out empty ones |
/// | `count()` | the number of detail rows |
///
/// An empty operand makes the result empty, except in `or` and over detail rows. The sum of no values is 0; the
/// average, lowest and highest of none are empty. Intermediate results have 28 significant digits.
///
/// ```
/// use renkei::Expression;
///
/// let total: Expression = "round(sum(amount) * 1.1, 0) + or(postage, 0)".parse()?;
/// assert_eq!(total.source(), "round(sum(amount) * 1.1, 0) + or(postage, 0)");
///
/// let error = "price * (1 + ".parse::<Expression>().unwrap_err();
/// assert!(error.to_string().contains("character 14"));
/// # Ok::<(), renkei::Error>(())
/// ```
#[derive(Clone)]
pub struct Expression {
    source: Box<str>,
    steps: Box<[Step]>,
    fields: Box<[String]>,
    details: Box<[String]>,
    stack: usize,
}

/// One step of the compiled form, which works on a stack: no recursion, whatever the expression.
#[derive(Debug, Clone, Copy)]
enum Step {
    Literal(Decimal),
    Field(usize),
    Rows(Over, usize),
    Count,
    Negate,
    Binary(Binary),
    Round(i32),
    Floor,
    Ceil,
    Trunc,
    Abs,
    /// Goes on at the given step if the operand on top is not empty, and drops it otherwise.
    OrElse(usize),
}

#[derive(Debug, Clone, Copy)]
enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Min,
    Max,
}

#[derive(Debug, Clone, Copy)]
enum Over {
    Sum,
    Average,
    Lowest,
    Highest,
}

impl Expression {
    /// The text it was made from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The codes of the fields it reads, each once, in the order of their first mention.
    pub(crate) fn fields(&self) -> &[String] {
        &self.fields
    }

    /// The codes of the detail fields it reads, each once, in the order of their first mention.
    pub(crate) fn detail_fields(&self) -> &[String] {
        &self.details
    }

    /// Whether it depends on the detail rows, be it on their number only.
    pub(crate) fn uses_rows(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Rows(..) | Step::Count))
    }
}

impl FromStr for Expression {
    type Err = Error;

    fn from_str(source: &str) -> Result<Expression, Error> {
        compile(source).map_err(|rule| Error::new(Code::DefinitionInvalid).with_name(shorten(source)).with_rule(rule))
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Expression) -> bool {
        self.source == other.source
    }
}

impl Eq for Expression {}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.source).finish()
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.source)
    }
}

impl Serialize for Expression {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.source)
    }
}

impl<'de> Deserialize<'de> for Expression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Expression, D::Error> {
        let source = String::deserialize(deserializer)?;
        compile(&source).map_err(|rule| {
            let rule = rule.get(Language::English);
            de::Error::custom(format_args!("expression \"{}\": {rule}", shorten(&source)))
        })
    }
}

#[cfg(test)]
mod tests;
