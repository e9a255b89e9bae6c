//! What things are called in the SQLite file, and which codes are acceptable.
//!
//! A code is a table or column name as it stands. Names made by this crate have `__` in them, which codes may not have,
//! so that the two never meet.

use crate::error::{Words, words};

pub(crate) fn header(database: &str) -> String {
    database.to_owned()
}

pub(crate) fn details(database: &str) -> String {
    format!("{database}__detail")
}

pub(crate) fn view(database: &str) -> String {
    format!("{database}__view")
}

/// The end keeps it apart from the tables that SQLite makes beside it: `…name__` has a `…name___data`, which no full-text
/// table of a field `name_data` is called.
pub(crate) fn full_text(table: &str, field: &str) -> String {
    format!("{}{field}__", full_text_prefix(table))
}

/// How the names of all full-text tables of a table begin.
pub(crate) fn full_text_prefix(table: &str) -> String {
    format!("{table}__text__")
}

pub(crate) fn index(table: &str, field: &str) -> String {
    format!("{table}__by__{field}")
}

pub(crate) fn unique_index(table: &str, field: &str) -> String {
    format!("{table}__unique__{field}")
}

/// The greatest length of a code, in characters.
pub(crate) const CODE_LENGTH: usize = 64;

/// Why `code` is no acceptable code, if it is not.
pub(crate) fn code_fault(code: &str) -> Option<Words> {
    let shown = crate::error::shorten(code).into_owned();
    let first = code.chars().next();
    if code.is_empty() {
        return Some(words!("コードが空です", "a code is empty"));
    }
    if code.chars().count() > CODE_LENGTH {
        return Some(words!(
            "コード「{shown}」が{CODE_LENGTH}文字を超えています",
            "the code \"{shown}\" is longer than {CODE_LENGTH} characters"
        ));
    }
    if !code.chars().all(|c| c.is_alphanumeric() || c == '_' || is_mark(c)) {
        return Some(words!(
            "コード「{shown}」に文字・数字・_以外が含まれています",
            "the code \"{shown}\" has characters other than letters, digits and _"
        ));
    }
    if !first.is_some_and(|c| c.is_alphabetic()) {
        return Some(words!(
            "コード「{shown}」が文字で始まっていません",
            "the code \"{shown}\" does not begin with a letter"
        ));
    }
    if code.contains("__") || code.ends_with('_') {
        return Some(words!(
            "コード「{shown}」の末尾の_や連続する_は使えません",
            "the code \"{shown}\" has two _ in a row or one at its end, which are kept for the store"
        ));
    }
    let lower = code.to_ascii_lowercase();
    if lower.starts_with("renkei_") || lower.starts_with("sqlite_") {
        return Some(words!(
            "コード「{shown}」の先頭（renkei_、sqlite_）は使えません",
            "the code \"{shown}\" begins with a prefix that is kept for the store"
        ));
    }
    None
}

/// Marks that belong to words: the long vowel and the repetition signs of Japanese.
pub(crate) fn is_mark(c: char) -> bool {
    matches!(c, 'ー' | '々' | '〇' | 'ゝ' | 'ゞ' | 'ヽ' | 'ヾ' | '・')
}

/// A code made from any text, such as a CSV header; unique among `taken`.
pub(crate) fn code_from(text: &str, fallback: &str, taken: &[String]) -> String {
    let mut code = String::new();
    for c in text.trim().chars() {
        if c.is_alphanumeric() || is_mark(c) {
            code.push(c);
        } else if !code.is_empty() && !code.ends_with('_') {
            code.push('_');
        }
        if code.chars().count() >= CODE_LENGTH - 8 {
            break;
        }
    }
    let mut code = code.trim_end_matches('_').to_owned();
    if !code.chars().next().is_some_and(char::is_alphabetic) {
        code = if code.is_empty() { fallback.to_owned() } else { format!("{fallback}_{code}") };
    }
    if code_fault(&code).is_some() {
        code = fallback.to_owned();
    }
    let is_taken = |code: &str| taken.iter().any(|other| other.eq_ignore_ascii_case(code));
    let mut candidate = code.clone();
    let mut number = 2;
    while is_taken(&candidate) {
        candidate = format!("{code}_{number}");
        number += 1;
    }
    candidate
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_any_script_are_taken_and_hostile_ones_are_not() {
        for code in ["a", "郵便番号", "都道府県カナ", "JISコード", "x1_y", "データ"] {
            assert_eq!(code_fault(code), None, "{code}");
        }
        let long = "あ".repeat(1_000);
        for code in ["", "1a", "_a", "a__b", "a_", "a b", "a\"; DROP TABLE x", "😀", "sqlite_a", "Renkei_x", &long] {
            assert!(code_fault(code).is_some(), "{code}");
        }
    }

    #[test]
    fn made_codes_are_acceptable_and_distinct() {
        let mut taken = Vec::new();
        for text in ["郵便番号", "郵便番号", "", "123", "a\"; DROP", "😀", "  住所 1 ", "x__y", "sqlite_x"]
        {
            let code = code_from(text, "column", &taken);
            assert_eq!(code_fault(&code), None, "{text} -> {code}");
            assert!(!taken.contains(&code));
            taken.push(code);
        }
    }
}
