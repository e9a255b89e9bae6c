//! Display formats, and the texts of dates, times and numbers: patterns and values read back as they were written, and
//! what is shown is what a simple-minded model shows.
#![no_main]

use std::cell::RefCell;
use std::fmt::{Debug, Display};
use std::str::FromStr;

use libfuzzer_sys::fuzz_target;
use renkei::{
    Blueprint, Database, Date, DatePattern, DateTime, Error, Expression, Field, FieldKind, MinusStyle, Number,
    NumberDisplay, Time, Values,
};
use renkei_fuzz::{Input, Stand, refusal, stand};

thread_local!(static STAND: RefCell<Option<Stand>> = const { RefCell::new(None) });

fn database(number: NumberDisplay, scale: u8, pattern: &DatePattern, time: Option<&DatePattern>) -> Database {
    let mut field = Field::number("number", "数", scale);
    if let FieldKind::Number { display, .. } = &mut field.kind {
        *display = number;
    }
    let dated = FieldKind::DateTime { display: Some(pattern.clone()), csv: None };
    let timed = FieldKind::Time { display: time.cloned(), csv: None };
    Database::new(code(scale), "表示")
        .field(Field::key("code", "番号"))
        .field(field)
        .field(Field::new("at", "日時", dated))
        .field(Field::new("time", "時刻", timed))
}

/// Decimal places can become more, but not fewer.
fn code(scale: u8) -> String {
    format!("shown_{scale}")
}

fn made() -> Stand {
    Stand::new(&Blueprint::new())
}

/// What a text is read as has a text that is read as the same.
fn reads<T: FromStr<Err = Error> + Display + Debug + PartialEq>(text: &str) -> Option<T> {
    match text.parse::<T>() {
        Ok(value) => {
            let shown = value.to_string();
            assert_eq!(shown.parse::<T>().unwrap(), value, "{text:?} {shown:?}");
            assert_eq!(shown.parse::<T>().unwrap().to_string(), shown);
            Some(value)
        }
        Err(error) => {
            refusal(&error);
            None
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let moment = (input.number(), input.byte());
    let number = (input.number(), input.byte() % 19, input.byte(), input.byte() % 20);
    let (pattern, prefix, suffix, text) = (input.text(), input.text(), input.text(), input.text());
    reads::<Date>(&text);
    reads::<DateTime>(&text);
    reads::<Time>(&text);
    if let Some(read) = reads::<Number>(&text) {
        let json = serde_json::to_string(&read).unwrap();
        assert_eq!(serde_json::from_str::<Number>(&json).unwrap(), read, "{json}");
    }
    if let Ok(expression) = text.parse::<Expression>() {
        assert_eq!(expression.source().parse::<Expression>().unwrap(), expression);
    }
    let Some(pattern) = reads::<DatePattern>(&pattern) else { return };
    assert_eq!(serde_json::from_value::<DatePattern>(serde_json::to_value(&pattern).unwrap()).unwrap(), pattern);

    let (unscaled, scale, switches, decimals) = number;
    let display = NumberDisplay {
        grouping: switches & 1 != 0,
        prefix,
        suffix,
        minus: [MinusStyle::Hyphen, MinusStyle::Triangle, MinusStyle::Brackets][usize::from(switches >> 1) % 3],
        decimals: (decimals < 19).then_some(decimals),
    };
    let Some(value) = Number::new(unscaled % 1_000_000_000_000_000_000, scale) else { return };
    let at = any_moment(moment.0, moment.1);
    stand(&STAND, made, |stand| {
        let store = &stand.store;
        let has_date = ["YYYY", "M", "D"].iter().any(|token| tokens(pattern.to_string()).iter().any(|t| t == token));
        let timed = (!has_date).then_some(&pattern);
        if let Err(error) = store.apply(&Blueprint::new().database(database(display.clone(), scale, &pattern, timed))) {
            return refusal(&error);
        }
        let values = Values::new()
            .set("code", "1")
            .set("number", value.to_string())
            .set("at", at.to_string())
            .set("time", at.time().to_string());
        store.records(&code(scale)).register(&values).unwrap();
        let record = store.records(&code(scale)).view("1").unwrap();
        assert_eq!(record.value("number").as_number(), Some(value));
        assert_eq!(record.display("number"), shown_number(&display, value));
        assert_eq!(record.text("at"), at.to_string());
        assert_eq!(record.display("at"), shown_moment(pattern.to_string(), at));
        if timed.is_some() {
            assert_eq!(record.display("time"), shown_moment(pattern.to_string(), at));
        }
        stand.clear(&[&code(scale)]);
    });
});

fn any_moment(seed: i64, second: u8) -> DateTime {
    let part = |divisor: u64, below: u64| seed.unsigned_abs() / divisor % below;
    let small = |number: u64| u8::try_from(number).unwrap();
    DateTime::from_parts(
        u16::try_from(1 + part(1, 9_999)).unwrap(),
        small(1 + part(10_007, 12)),
        small(1 + part(131_071, 28)),
        small(part(3_145_739, 24)),
        small(part(75_497_473, 60)),
        second % 60,
    )
    .unwrap()
}

/// The tokens of a pattern, in their short form, and its other characters.
fn tokens(pattern: String) -> Vec<String> {
    let mut rest = pattern.as_str();
    let mut all = Vec::new();
    'next: while let Some(first) = rest.chars().next() {
        for token in ["YYYY", "MM", "DD", "hh", "mm", "ss", "M", "D", "h"] {
            if let Some(more) = rest.strip_prefix(token) {
                all.push(token.to_owned());
                rest = more;
                continue 'next;
            }
        }
        all.push(first.to_string());
        rest = &rest[first.len_utf8()..];
    }
    all.into_iter().map(|token| token.replace("MM", "M").replace("DD", "D")).collect::<Vec<_>>()
}

fn shown_moment(pattern: String, at: DateTime) -> String {
    let (date, time) = (at.date(), at.time());
    let mut rest = pattern.as_str();
    let mut out = String::new();
    'next: while let Some(first) = rest.chars().next() {
        let forms = [
            ("YYYY", format!("{:04}", date.year())),
            ("MM", format!("{:02}", date.month())),
            ("DD", format!("{:02}", date.day())),
            ("hh", format!("{:02}", time.hour())),
            ("mm", format!("{:02}", time.minute())),
            ("ss", format!("{:02}", time.second())),
            ("M", date.month().to_string()),
            ("D", date.day().to_string()),
            ("h", time.hour().to_string()),
        ];
        for (token, text) in forms {
            if let Some(more) = rest.strip_prefix(token) {
                out.push_str(&text);
                rest = more;
                continue 'next;
            }
        }
        out.push(first);
        rest = &rest[first.len_utf8()..];
    }
    out
}

fn shown_number(display: &NumberDisplay, number: Number) -> String {
    let places = display.decimals.unwrap_or(number.scale());
    let mut magnitude = i128::from(number.unscaled()).unsigned_abs();
    if places >= number.scale() {
        magnitude *= 10_u128.pow(u32::from(places - number.scale()));
    } else {
        let power = 10_u128.pow(u32::from(number.scale() - places));
        magnitude = (magnitude + power / 2) / power;
    }
    let is_minus = number.unscaled() < 0 && magnitude != 0;
    let digits = format!("{magnitude:0width$}", width = usize::from(places) + 1);
    let (whole, rest) = digits.split_at(digits.len() - usize::from(places));
    let mut text = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if display.grouping && at > 0 && (whole.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    if !rest.is_empty() {
        text.push('.');
        text.push_str(rest);
    }
    let text = format!("{}{text}{}", display.prefix, display.suffix);
    match (is_minus, display.minus) {
        (false, _) => text,
        (true, MinusStyle::Hyphen) => format!("-{text}"),
        (true, MinusStyle::Triangle) => format!("△{text}"),
        (true, MinusStyle::Brackets) => format!("({text})"),
    }
}
