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
    let up = |text: &str, scale| parse(text, scale, Rounding::Up, NumberInput::Strict).map_err(|broken| broken.code);
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
