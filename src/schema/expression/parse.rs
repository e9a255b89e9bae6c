//! Reading an expression: text to steps.

use rust_decimal::Decimal;

use super::{Binary, Expression, Over, Step};
use crate::error::{Code, Language, Words, shorten, words};
use crate::schema::names::is_mark;
use crate::schema::number::{self, NumberInput, Rounding};

/// The most characters an expression has.
const LENGTH_MAX: usize = 4_000;

/// The deepest nesting of parentheses, calls and signs.
const DEPTH_MAX: usize = 64;

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

type Parsed<T> = Result<T, Words>;

pub(super) fn compile(source: &str) -> Parsed<Expression> {
    if source.chars().nth(LENGTH_MAX).is_some() {
        return Err(words!(
            "式が{LENGTH_MAX}文字を超えています",
            "the expression is longer than {LENGTH_MAX} characters"
        ));
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
        return Err(parser.expected("演算子か式の終わり", "an operator or the end"));
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
                let length = end(|c| c.is_alphanumeric() || c == '_' || is_mark(c));
                (Token::Name(&trimmed[..length]), length)
            }
            Some(c @ ('+' | '-' | '*' | '/' | '(' | ')' | ',')) => (Token::Sign(c), 1),
            Some(c) => (Token::Wrong(c), c.len_utf8()),
        };
        self.next_position = self.position + trimmed[..length].chars().count();
        self.rest = &trimmed[length..];
    }

    fn expected(&self, ja: &str, en: &str) -> Words {
        let found = match self.token {
            Token::Number(text) | Token::Name(text) => {
                let text = shorten(text);
                words!("「{text}」", "\"{text}\"")
            }
            Token::Sign(c) => words!("「{c}」", "\"{c}\""),
            Token::Wrong(c) => match half_width(c) {
                Some(half) => {
                    words!("全角の「{c}」（半角で「{half}」と書きます）", "the full-width \"{c}\" (write \"{half}\")")
                }
                None => words!("「{c}」", "{c:?}"),
            },
            Token::End => words!("式の終わり", "the end"),
        };
        let position = self.position;
        Words::both(
            format!("{position}文字目: {ja}が必要ですが、{}があります", found.get(Language::Japanese)),
            format!("at character {position}: expected {en}, found {}", found.get(Language::English)),
        )
    }

    fn sign(&mut self, sign: char, ja: &str, en: &str) -> Parsed<()> {
        if self.token != Token::Sign(sign) {
            return Err(self.expected(ja, en));
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
            return Err(words!(
                "{}文字目: 入れ子が{DEPTH_MAX}段を超えています",
                "at character {}: nested more than {DEPTH_MAX} deep",
                self.position
            ));
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
                self.sign(')', "演算子か「)」", "an operator or \")\"")?;
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
            _ => return Err(self.expected("数値、項目、関数か「(」", "a number, a field, a function or \"(\"")),
        }
        Ok(())
    }

    fn literal(&self, text: &str) -> Parsed<Decimal> {
        match text.parse::<number::Number>() {
            Ok(number) => Ok(number.to_decimal()),
            Err(error) if error.code() == Code::NumberInvalid => {
                Err(self.expected("12や0.5のような数値", "a decimal number such as 12 or 0.5"))
            }
            Err(_) => Err(self.expected("18桁までの数値", "a number of at most 18 digits")),
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
            return self.sign(')', "演算子か「)」", "an operator or \")\"");
        }
        if let Some(over) = over {
            let Token::Name(field) = self.token else {
                return Err(self.expected("明細項目のコード", "the code of a detail field"));
            };
            self.advance();
            let index = index_of(&mut self.details, field);
            self.push(Step::Rows(over, index));
            return self.sign(')', "明細項目のコードの後に「)」", "\")\" after the code of a detail field");
        }
        match name {
            "count" => {
                self.push(Step::Count);
                self.sign(')', "「)」（countに引数はありません）", "\")\", because count takes nothing")
            }
            "round" => {
                self.deeper(Self::sum)?;
                self.sign(',', "演算子か「,」", "an operator or \",\"")?;
                let places = self.places()?;
                self.steps.push(Step::Round(places));
                self.sign(')', "「)」", "\")\"")
            }
            "min" => self.fold(Binary::Min),
            "max" => self.fold(Binary::Max),
            "or" => {
                self.deeper(Self::sum)?;
                self.sign(',', "演算子か「,」", "an operator or \",\"")?;
                let patch = self.steps.len();
                self.steps.push(Step::OrElse(0));
                self.pending -= 1;
                self.deeper(Self::sum)?;
                self.steps[patch] = Step::OrElse(self.steps.len());
                self.sign(')', "演算子か「)」", "an operator or \")\"")
            }
            _ => {
                let all = "round, floor, ceil, trunc, abs, min, max, or, sum, avg, lowest, highest, count";
                Err(words!(
                    "{position}文字目: 関数「{}」はありません（使えるもの: {all}）",
                    "at character {position}: there is no function \"{}\" (there are {all})",
                    shorten(name)
                ))
            }
        }
    }

    fn fold(&mut self, binary: Binary) -> Parsed<()> {
        self.deeper(Self::sum)?;
        self.sign(',', "演算子か「,」", "an operator or \",\"")?;
        loop {
            self.deeper(Self::sum)?;
            self.binary(binary);
            if self.token != Token::Sign(',') {
                return self.sign(')', "演算子、「,」か「)」", "an operator, \",\" or \")\"");
            }
            self.advance();
        }
    }

    /// The second argument of `round`: it must stand there, so that it can be checked now.
    fn places(&mut self) -> Parsed<i32> {
        let negative = self.token == Token::Sign('-');
        if negative {
            self.advance();
        }
        let wanted = |parser: &Self| parser.expected("-18から18までの整数", "a whole number from -18 to 18");
        let Token::Number(text) = self.token else { return Err(wanted(self)) };
        match number::parse(text, 0, Rounding::Refuse, NumberInput::Strict) {
            Ok(places @ 0..=18) if !text.contains('.') => {
                self.advance();
                // At most 18.
                let places = places as i32;
                Ok(if negative { -places } else { places })
            }
            _ => Err(wanted(self)),
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
