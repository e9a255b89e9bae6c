//! Calculated numbers: a small language over number fields and detail rows.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::number::{self, NumberInput, Rounding};
use crate::error::{Broken, Code, Error, shorten};

/// The most characters an expression has.
const LENGTH_MAX: usize = 4_000;

/// The deepest nesting of parentheses, calls and signs.
const DEPTH_MAX: usize = 64;

/// Evaluation needs no allocation up to this many pending operands.
const STACK_INLINE: usize = 16;

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

    /// The result as digits at `scale`, `None` when it is empty. Surplus decimals are always rounded: a division
    /// rarely ends, so [`Rounding::Refuse`] counts as half up.
    pub(crate) fn evaluate(&self, scope: &dyn Scope, scale: u8, rounding: Rounding) -> Result<Option<i64>, Broken> {
        let Some(result) = self.run(scope)? else { return Ok(None) };
        let rounding = if rounding == Rounding::Refuse { Rounding::HalfUp } else { rounding };
        match number::rescale(result.mantissa(), result.scale(), scale, rounding) {
            Ok(unscaled) => Ok(Some(unscaled)),
            Err(_) => Err(failed("the result has more than 18 digits")),
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

fn failed(why: &'static str) -> Broken {
    Broken::rule(Code::CalculationFailed, why)
}

fn overflow() -> Broken {
    failed("an intermediate result has more than 28 digits")
}

fn decimal((unscaled, scale): (i64, u8)) -> Result<Decimal, Broken> {
    Decimal::try_from_i128_with_scale(unscaled.into(), scale.into()).map_err(|_| overflow())
}

fn apply(binary: Binary, left: Decimal, right: Decimal) -> Result<Decimal, Broken> {
    let result = match binary {
        Binary::Add => left.checked_add(right),
        Binary::Subtract => left.checked_sub(right),
        Binary::Multiply => left.checked_mul(right),
        Binary::Divide if right.is_zero() => return Err(failed("it divides by zero")),
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

#[derive(Debug, Clone, Copy, PartialEq)]
enum Token<'a> {
    Number(&'a str),
    Name(&'a str),
    Sign(char),
    Wrong(char),
    End,
}

struct Parser<'a> {
    rest: &'a str,
    /// The token looked at, and the character it begins at, counted from 1.
    token: Token<'a>,
    position: usize,
    next_position: usize,
    depth: usize,
    steps: Vec<Step>,
    fields: Vec<String>,
    details: Vec<String>,
    pending: usize,
    stack: usize,
}

type Parsed<T> = Result<T, String>;

fn compile(source: &str) -> Parsed<Expression> {
    if source.chars().nth(LENGTH_MAX).is_some() {
        return Err(format!("the expression is longer than {LENGTH_MAX} characters"));
    }
    let mut parser = Parser {
        rest: source,
        token: Token::End,
        position: 1,
        next_position: 1,
        depth: 0,
        steps: Vec::new(),
        fields: Vec::new(),
        details: Vec::new(),
        pending: 0,
        stack: 0,
    };
    parser.advance();
    parser.sum()?;
    if parser.token != Token::End {
        return Err(parser.expected("an operator or the end"));
    }
    Ok(Expression {
        source: source.into(),
        steps: parser.steps.into(),
        fields: parser.fields.into(),
        details: parser.details.into(),
        stack: parser.stack,
    })
}

impl<'a> Parser<'a> {
    fn advance(&mut self) {
        let trimmed = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
        self.position = self.next_position + (self.rest.len() - trimmed.len());
        let end = |within: fn(char) -> bool| trimmed.find(|c| !within(c)).unwrap_or(trimmed.len());
        let length;
        (self.token, length) = match trimmed.chars().next() {
            None => (Token::End, 0),
            Some('0'..='9' | '.') => {
                let length = end(|c| c.is_ascii_digit() || c == '.');
                (Token::Number(&trimmed[..length]), length)
            }
            Some(c) if c.is_alphabetic() || c == '_' => {
                let length = end(|c| c.is_alphanumeric() || c == '_');
                (Token::Name(&trimmed[..length]), length)
            }
            Some(c @ ('+' | '-' | '*' | '/' | '(' | ')' | ',')) => (Token::Sign(c), 1),
            Some(c) => (Token::Wrong(c), c.len_utf8()),
        };
        self.next_position = self.position + trimmed[..length].chars().count();
        self.rest = &trimmed[length..];
    }

    fn expected(&self, what: &str) -> String {
        let found = match self.token {
            Token::Number(text) | Token::Name(text) => format!("\"{}\"", shorten(text)),
            Token::Sign(c) => format!("\"{c}\""),
            Token::Wrong(c) => match half_width(c) {
                Some(half) => format!("the full-width \"{c}\" (write \"{half}\")"),
                None => format!("{c:?}"),
            },
            Token::End => "the end".to_owned(),
        };
        format!("at character {}: expected {what}, found {found}", self.position)
    }

    fn sign(&mut self, sign: char, what: &str) -> Parsed<()> {
        if self.token != Token::Sign(sign) {
            return Err(self.expected(what));
        }
        self.advance();
        Ok(())
    }

    fn push(&mut self, step: Step) {
        self.steps.push(step);
        self.pending += 1;
        self.stack = self.stack.max(self.pending);
    }

    fn binary(&mut self, binary: Binary) {
        self.steps.push(Step::Binary(binary));
        self.pending -= 1;
    }

    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == DEPTH_MAX {
            return Err(format!("at character {}: nested more than {DEPTH_MAX} deep", self.position));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn sum(&mut self) -> Parsed<()> {
        self.product()?;
        loop {
            let binary = match self.token {
                Token::Sign('+') => Binary::Add,
                Token::Sign('-') => Binary::Subtract,
                _ => return Ok(()),
            };
            self.advance();
            self.product()?;
            self.binary(binary);
        }
    }

    fn product(&mut self) -> Parsed<()> {
        self.factor()?;
        loop {
            let binary = match self.token {
                Token::Sign('*') => Binary::Multiply,
                Token::Sign('/') => Binary::Divide,
                _ => return Ok(()),
            };
            self.advance();
            self.factor()?;
            self.binary(binary);
        }
    }

    fn factor(&mut self) -> Parsed<()> {
        match self.token {
            Token::Sign('-') => {
                self.advance();
                self.deeper(Self::factor)?;
                self.steps.push(Step::Negate);
            }
            Token::Sign('(') => {
                self.advance();
                self.deeper(Self::sum)?;
                self.sign(')', "an operator or \")\"")?;
            }
            Token::Number(text) => {
                let value = self.literal(text)?;
                self.advance();
                self.push(Step::Literal(value));
            }
            Token::Name(name) => {
                let position = self.position;
                self.advance();
                if self.token == Token::Sign('(') {
                    self.advance();
                    self.call(name, position)?;
                } else {
                    let index = index_of(&mut self.fields, name);
                    self.push(Step::Field(index));
                }
            }
            _ => return Err(self.expected("a number, a field, a function or \"(\"")),
        }
        Ok(())
    }

    fn literal(&self, text: &str) -> Parsed<Decimal> {
        match text.parse::<number::Number>() {
            Ok(number) => Ok(number.to_decimal()),
            Err(error) if error.code() == Code::NumberInvalid => {
                Err(self.expected("a decimal number such as 12 or 0.5"))
            }
            Err(_) => Err(self.expected("a number of at most 18 digits")),
        }
    }

    /// After the opening parenthesis.
    fn call(&mut self, name: &str, position: usize) -> Parsed<()> {
        let single = match name {
            "floor" => Some(Step::Floor),
            "ceil" => Some(Step::Ceil),
            "trunc" => Some(Step::Trunc),
            "abs" => Some(Step::Abs),
            _ => None,
        };
        let over = match name {
            "sum" => Some(Over::Sum),
            "avg" => Some(Over::Average),
            "lowest" => Some(Over::Lowest),
            "highest" => Some(Over::Highest),
            _ => None,
        };
        if let Some(step) = single {
            self.deeper(Self::sum)?;
            self.steps.push(step);
            return self.sign(')', "an operator or \")\"");
        }
        if let Some(over) = over {
            let Token::Name(field) = self.token else {
                return Err(self.expected("the code of a detail field"));
            };
            self.advance();
            let index = index_of(&mut self.details, field);
            self.push(Step::Rows(over, index));
            return self.sign(')', "\")\" after the code of a detail field");
        }
        match name {
            "count" => {
                self.push(Step::Count);
                self.sign(')', "\")\", because count takes nothing")
            }
            "round" => {
                self.deeper(Self::sum)?;
                self.sign(',', "an operator or \",\"")?;
                let places = self.places()?;
                self.steps.push(Step::Round(places));
                self.sign(')', "\")\"")
            }
            "min" => self.fold(Binary::Min),
            "max" => self.fold(Binary::Max),
            "or" => {
                self.deeper(Self::sum)?;
                self.sign(',', "an operator or \",\"")?;
                let patch = self.steps.len();
                self.steps.push(Step::OrElse(0));
                self.pending -= 1;
                self.deeper(Self::sum)?;
                self.steps[patch] = Step::OrElse(self.steps.len());
                self.sign(')', "an operator or \")\"")
            }
            _ => Err(format!(
                "at character {position}: there is no function \"{}\" (there are round, floor, ceil, trunc, abs, min, \
                 max, or, sum, avg, lowest, highest, count)",
                shorten(name)
            )),
        }
    }

    fn fold(&mut self, binary: Binary) -> Parsed<()> {
        self.deeper(Self::sum)?;
        self.sign(',', "an operator or \",\"")?;
        loop {
            self.deeper(Self::sum)?;
            self.binary(binary);
            if self.token != Token::Sign(',') {
                return self.sign(')', "an operator, \",\" or \")\"");
            }
            self.advance();
        }
    }

    /// The second argument of `round`: it must stand there, so that it can be checked now.
    fn places(&mut self) -> Parsed<i32> {
        const EXPECTED: &str = "a whole number from -18 to 18";
        let negative = self.token == Token::Sign('-');
        if negative {
            self.advance();
        }
        let Token::Number(text) = self.token else { return Err(self.expected(EXPECTED)) };
        match number::parse(text, 0, Rounding::Refuse, NumberInput::Strict) {
            Ok(places @ 0..=18) if !text.contains('.') => {
                self.advance();
                // At most 18.
                let places = places as i32;
                Ok(if negative { -places } else { places })
            }
            _ => Err(self.expected(EXPECTED)),
        }
    }
}

fn index_of(names: &mut Vec<String>, name: &str) -> usize {
    names.iter().position(|known| known == name).unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    })
}

/// What was meant by a full-width sign.
fn half_width(c: char) -> Option<char> {
    match c {
        '＋' | '－' | '＊' | '／' | '（' | '）' | '，' | '．' | '０'..='９' => {
            // The full-width forms stand in the order of ASCII.
            char::from_u32(u32::from(c) - 0xFF00 + 0x20)
        }
        '×' => Some('*'),
        '÷' => Some('/'),
        '−' => Some('-'),
        '、' => Some(','),
        '\u{3000}' => Some(' '),
        _ => None,
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
        compile(&source).map_err(|rule| de::Error::custom(format_args!("expression \"{}\": {rule}", shorten(&source))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Value = Option<(i64, u8)>;

    #[derive(Default)]
    struct Values {
        fields: Vec<Value>,
        rows: Vec<Vec<Value>>,
    }

    impl Scope for Values {
        fn field(&self, index: usize) -> Value {
            self.fields[index]
        }

        fn row_count(&self) -> usize {
            self.rows.len()
        }

        fn row(&self, row: usize, index: usize) -> Value {
            self.rows[row][index]
        }
    }

    fn expression(source: &str) -> Expression {
        source.parse().unwrap_or_else(|error| panic!("{source}: {error}"))
    }

    fn calculate(source: &str, fields: &[Value], scale: u8) -> Result<Option<i64>, Broken> {
        let scope = Values { fields: fields.to_vec(), rows: Vec::new() };
        expression(source).evaluate(&scope, scale, Rounding::Refuse)
    }

    #[test]
    fn arithmetic() {
        for (source, expected) in [
            ("1 + 2 * 3", 700),
            ("(1 + 2) * 3", 900),
            ("10 - 4 - 3", 300),
            ("12 / 4 / 2", 150),
            ("-2 * -3", 600),
            ("2 - -3", 500),
            ("--2", 200),
            ("-(1 + 1)", -200),
            ("1 / 3", 33),
            ("2 / 3", 67),
            ("-2 / 3", -67),
            ("0.1 + 0.2", 30),
            (".5", 50),
            ("\t1\n+ 2 ", 300),
            ("1 / 3 * 3", 100),
            ("round(2.345, 2)", 235),
            ("round(-2.345, 2)", -235),
            ("round(1.2, 5)", 120),
            ("round(1250, -2)", 130_000),
            ("round(1249, -2)", 120_000),
            ("round(-1250, -2)", -130_000),
            ("round(5, -18)", 0),
            ("floor(-1.5)", -200),
            ("ceil(-1.5)", -100),
            ("trunc(-1.5)", -100),
            ("floor(1.5) + ceil(1.5) + trunc(1.5)", 400),
            ("abs(-3) + abs(3)", 600),
            ("min(3, 1, 2)", 100),
            ("max(3, 1, 2, 7 / 2)", 350),
            ("or(1, 2)", 100),
            ("count()", 0),
            ("min(1, 2) + max(or(1, 2), round(0.5, 0))", 200),
        ] {
            assert_eq!(calculate(source, &[], 2), Ok(Some(expected)), "{source}");
        }
    }

    #[test]
    fn fields_and_empty_ones() {
        let price = Some((12_345, 2));
        assert_eq!(calculate("price * qty", &[price, Some((3, 0))], 2), Ok(Some(37_035)));
        assert_eq!(calculate("単価 * 数量_2", &[price, Some((3, 0))], 0), Ok(Some(370)));
        assert_eq!(calculate("price * qty", &[price, None], 2), Ok(None));
        assert_eq!(calculate("price * or(qty, 1)", &[price, None], 2), Ok(Some(12_345)));
        assert_eq!(calculate("or(a, b)", &[None, None], 2), Ok(None));
        assert_eq!(calculate("or(a, or(b, 5))", &[None, None], 0), Ok(Some(5)));
        assert_eq!(calculate("min(a, 1)", &[None], 2), Ok(None));
        assert_eq!(calculate("-a", &[None], 2), Ok(None));
        assert_eq!(calculate("a / 0", &[None], 2), Ok(None));
        assert_eq!(calculate("round(a, 0) + floor(a)", &[None], 2), Ok(None));
        assert_eq!(calculate("or(a, 1 / 0)", &[Some((7, 0))], 0), Ok(Some(7)));
        assert_eq!(calculate("a + a * a", &[Some((3, 0))], 0), Ok(Some(12)));
        // Names of functions remain free for fields.
        assert_eq!(calculate("sum + round", &[Some((1, 0)), Some((2, 0))], 0), Ok(Some(3)));
    }

    #[test]
    fn detail_rows() {
        let rows = vec![vec![Some((150, 2)), Some((1, 0))], vec![None, Some((2, 0))], vec![Some((250, 2)), None]];
        let scope = Values { fields: Vec::new(), rows };
        for (source, expected) in [
            ("sum(amount)", 400),
            ("avg(amount)", 200),
            ("lowest(amount)", 150),
            ("highest(amount)", 250),
            ("count()", 300),
            ("sum(amount) / count()", 133),
            ("sum(amount) - sum(qty)", 100),
            ("sum(amount) + sum(qty) + highest(amount)", 950),
        ] {
            assert_eq!(expression(source).evaluate(&scope, 2, Rounding::HalfUp), Ok(Some(expected)), "{source}");
        }
        let none = Values::default();
        assert_eq!(expression("sum(x)").evaluate(&none, 0, Rounding::HalfUp), Ok(Some(0)));
        for source in ["avg(x)", "lowest(x)", "highest(x)"] {
            assert_eq!(expression(source).evaluate(&none, 0, Rounding::HalfUp), Ok(None), "{source}");
        }
    }

    #[test]
    fn names_are_listed_once_and_in_order() {
        let expression = expression("b + a * b - sum(x) / or(avg(y), sum(x)) + count()");
        assert_eq!(expression.fields(), ["b", "a"]);
        assert_eq!(expression.detail_fields(), ["x", "y"]);
        assert!(expression.uses_rows());
        assert!(!super::compile("a").unwrap().uses_rows());
        assert!(super::compile("count()").unwrap().uses_rows());
    }

    #[test]
    fn the_rounding_of_the_field_applies_to_the_result() {
        let at =
            |rounding| expression("a / 2").evaluate(&Values { fields: vec![Some((5, 0))], rows: vec![] }, 0, rounding);
        assert_eq!(at(Rounding::Refuse), Ok(Some(3)));
        assert_eq!(at(Rounding::HalfEven), Ok(Some(2)));
        assert_eq!(at(Rounding::Down), Ok(Some(2)));
        assert_eq!(at(Rounding::Ceiling), Ok(Some(3)));
    }

    #[test]
    fn failures_have_a_reason() {
        let big = Some((999_999_999_999_999_999, 0));
        let why = |source: &str, fields: &[Value]| {
            let broken = calculate(source, fields, 0).unwrap_err();
            assert_eq!(broken.code, Code::CalculationFailed);
            broken.rule.into_owned()
        };
        assert_eq!(why("1 / 0", &[]), "it divides by zero");
        assert_eq!(why("1 / (a - a)", &[big]), "it divides by zero");
        assert_eq!(why("a * 2", &[big]), "the result has more than 18 digits");
        assert_eq!(why("a * a", &[big]), "an intermediate result has more than 28 digits");
        assert_eq!(why("a * a - a * a", &[big]), "an intermediate result has more than 28 digits");
        assert_eq!(calculate("a * 2 / 2", &[big], 0), Ok(Some(999_999_999_999_999_999)));
        assert_eq!(why("round(a * 10000000000, -18) * 100", &[big]), "an intermediate result has more than 28 digits");
    }

    #[test]
    fn errors_say_where_and_what() {
        for (source, part) in [
            ("", "at character 1: expected a number, a field, a function or \"(\", found the end"),
            ("1 +", "at character 4: expected a number, a field, a function or \"(\", found the end"),
            ("1 2", "at character 3: expected an operator or the end, found \"2\""),
            ("(1", "at character 3: expected an operator or \")\", found the end"),
            ("1)", "at character 2: expected an operator or the end, found \")\""),
            ("金額＋1", "at character 3: expected an operator or the end, found the full-width \"＋\" (write \"+\")"),
            ("金額　+ 1", "at character 3: expected an operator or the end, found the full-width"),
            ("２ * 3", "found the full-width \"２\" (write \"2\")"),
            ("2 × 3", "found the full-width \"×\" (write \"*\")"),
            ("a > b", "at character 3: expected an operator or the end, found '>'"),
            ("+1", "at character 1: expected a number"),
            ("1.", "at character 1: expected a decimal number"),
            ("1.2.3", "at character 1: expected a decimal number"),
            ("1234567890123456789", "at character 1: expected a number of at most 18 digits"),
            ("2x", "at character 2: expected an operator or the end, found \"x\""),
            ("1e5", "at character 2: expected an operator or the end, found \"e5\""),
            ("foo(1)", "at character 1: there is no function \"foo\""),
            ("ROUND(1, 2)", "at character 1: there is no function \"ROUND\""),
            ("round(1)", "at character 8: expected an operator or \",\", found \")\""),
            ("round(1, n)", "at character 10: expected a whole number from -18 to 18, found \"n\""),
            ("round(1, 19)", "at character 10: expected a whole number"),
            ("round(1, 1.0)", "at character 10: expected a whole number"),
            ("round(1, 2, 3)", "at character 11: expected \")\""),
            ("min(1)", "at character 6: expected an operator or \",\""),
            ("or(1)", "at character 5: expected an operator or \",\""),
            ("or(1, 2, 3)", "at character 8: expected an operator or \")\""),
            ("abs(1, 2)", "at character 6: expected an operator or \")\""),
            ("abs()", "at character 5: expected a number"),
            ("sum(1)", "at character 5: expected the code of a detail field"),
            ("sum(a + b)", "at character 7: expected \")\" after the code of a detail field"),
            ("count(a)", "at character 7: expected \")\", because count takes nothing"),
        ] {
            let error = source.parse::<Expression>().unwrap_err();
            assert_eq!(error.code(), Code::DefinitionInvalid);
            assert!(error.to_string().contains(part), "{source}: {error}");
        }
    }

    #[test]
    fn size_and_depth_have_limits() {
        let nested = |depth: usize| format!("{}1{}", "(".repeat(depth), ")".repeat(depth)).parse::<Expression>();
        assert!(nested(64).is_ok());
        assert!(nested(65).unwrap_err().to_string().contains("nested more than 64 deep"));
        assert!(nested(1_900).is_err());
        assert!("-".repeat(3_000).parse::<Expression>().is_err());
        assert!("abs(".repeat(900).parse::<Expression>().is_err());
        assert!("or(1,".repeat(700).parse::<Expression>().is_err());
        let long = format!("1{}", "+1".repeat(1_999));
        assert_eq!(calculate(&long, &[], 0), Ok(Some(2_000)));
        assert!(format!("{long}+1").parse::<Expression>().unwrap_err().to_string().contains("4000 characters"));
        let deep = format!("{}1{}", "1+(2*min(3,".repeat(32), "))".repeat(32));
        assert!(calculate(&deep, &[], 0).is_ok());
        assert!(super::compile(&deep).unwrap().stack > STACK_INLINE);
    }

    #[test]
    fn an_expression_is_its_source() {
        let one = expression("a + 1");
        assert_eq!(one, one.clone());
        assert_ne!(one, expression("a+1"));
        assert_eq!(serde_json::to_string(&one).unwrap(), "\"a + 1\"");
        assert_eq!(serde_json::from_str::<Expression>("\"a + 1\"").unwrap(), one);
        let error = serde_json::from_str::<Expression>("\"a +\"").unwrap_err();
        assert!(error.to_string().contains("at character 4"), "{error}");
        assert_eq!(format!("{one} {one:?}"), "a + 1 Expression(\"a + 1\")");
    }

    proptest! {
        #[test]
        fn sums_and_products_are_exact(a in -999_999_999_i64..=999_999_999, b in -999_999_999_i64..=999_999_999, s in 0_u8..=4, t in 0_u8..=4) {
            let power = |n: u8| 10_i64.pow(n.into());
            let fields = [Some((a, s)), Some((b, t))];
            let product = calculate("a * b", &fields, s + t);
            prop_assert_eq!(product, Ok(Some(a * b)).filter_digits());
            let sum = calculate("a + b", &fields, 4);
            prop_assert_eq!(sum, Ok(Some(a * power(4 - s) + b * power(4 - t))));
            prop_assert_eq!(calculate("a - b", &fields, 4), Ok(Some(a * power(4 - s) - b * power(4 - t))));
            prop_assert_eq!(calculate("round(a, 0)", &fields[..1], 0), calculate("a", &fields[..1], 0));
        }

        #[test]
        fn no_source_panics(text in ".{0,40}", near in "(a|bb|1|2.5|0|\\+|-|\\*|/|\\(|\\)|,| |round\\(|min\\(|or\\(|sum\\(x\\)|count\\(\\)|abs\\(){0,14}") {
            for source in [text, near] {
                if let Ok(expression) = source.parse::<Expression>() {
                    let scope = Values {
                        fields: vec![Some((999_999_999_999_999_999, 3)); expression.fields().len()],
                        rows: vec![vec![Some((-1, 18)); expression.detail_fields().len()]; 2],
                    };
                    let _ = expression.evaluate(&scope, 2, Rounding::HalfUp);
                    let empty = Values { fields: vec![None; expression.fields().len()], rows: Vec::new() };
                    let _ = expression.evaluate(&empty, 18, Rounding::Up);
                }
            }
        }
    }

    trait FilterDigits {
        fn filter_digits(self) -> Self;
    }

    impl FilterDigits for Result<Option<i64>, Broken> {
        fn filter_digits(self) -> Self {
            match self {
                Ok(Some(value)) if value.unsigned_abs() >= 1_000_000_000_000_000_000 => {
                    Err(failed("the result has more than 18 digits"))
                }
                other => other,
            }
        }
    }
}
