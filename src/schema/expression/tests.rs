use proptest::prelude::*;

use super::evaluate::{STACK_INLINE, overflow_of_result};
use super::*;
use crate::error::Broken;
use crate::schema::Rounding;

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
    let at = |rounding| expression("a / 2").evaluate(&Values { fields: vec![Some((5, 0))], rows: vec![] }, 0, rounding);
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
        broken.rule.get(Language::English).to_owned()
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
            Ok(Some(value)) if value.unsigned_abs() >= 1_000_000_000_000_000_000 => Err(overflow_of_result()),
            other => other,
        }
    }
}
