//! How a CSV file is written down (its dialect), and how large its parts may be.

use serde::{Deserialize, Serialize};

use super::Encoding;
use crate::error::{Code, Error, Result, words};

/// The two characters that give a CSV file its structure.
///
/// Lines end with CR, LF or CRLF in any mixture, and a quote inside a quoted cell is doubled; neither is a choice.
///
/// ```
/// use renkei::csv::{Dialect, Encoding};
///
/// let dialect = Dialect { delimiter: '\t', ..Dialect::default() };
/// assert!(dialect.validate(Encoding::Cp932).is_ok());
/// assert!(Dialect { delimiter: '|', ..dialect }.validate(Encoding::Cp932).is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dialect {
    /// What stands between two cells; `,` by default.
    pub delimiter: char,
    /// What encloses a cell that contains the delimiter, a line end or the quote itself; `"` by default.
    pub quote: char,
}

impl Default for Dialect {
    fn default() -> Dialect {
        Dialect { delimiter: ',', quote: '"' }
    }
}

impl Dialect {
    /// Refuses characters that cannot do their work: both must be ASCII, distinct, and no letter, digit, CR, LF or
    /// NUL. With cp932 they must also lie below `@` (0x40): from there on, an ASCII byte may be the second byte of a
    /// character (`ソ` is 0x83 0x5C, which ends like `\`; `ポ` is 0x83 0x7C, which ends like `|`).
    pub fn validate(&self, encoding: Encoding) -> Result<()> {
        let named = [(words!("区切り文字", "delimiter"), self.delimiter), (words!("引用符", "quote"), self.quote)];
        for (what, character) in named {
            let why = if !character.is_ascii() {
                words!("はASCII文字ではありません", "is not an ASCII character")
            } else if matches!(character, '\r' | '\n' | '\0') || character.is_ascii_alphanumeric() {
                words!("に英数字・改行・NULは使えません", "must not be a letter, a digit, a line end or NUL")
            } else if encoding == Encoding::Cp932 && character >= '@' {
                words!(
                    "はcp932の文字の2バイト目になり得ます。カンマ、タブ、セミコロンを使ってください",
                    "can be the second byte of a cp932 character: choose a comma, a tab or a semicolon"
                )
            } else {
                continue;
            };
            return Err(Error::new(Code::Argument).with_value(character).with_rule(
                words!("CSVの{what}「{character}」{why}", "the CSV {what} {character:?} {why}"; what, why),
            ));
        }
        if self.delimiter == self.quote {
            return Err(Error::new(Code::Argument).with_value(self.quote).with_rule(words!(
                "CSVの区切り文字と引用符が同じです（{:?}）",
                "the CSV delimiter and quote are both {:?}",
                self.quote
            )));
        }
        Ok(())
    }
}

/// How large the parts of a CSV file may be. What is larger is refused record by record, in flat memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The bytes of one cell, without its quotes; 16 MiB (16,777,216) by default.
    pub cell_bytes: usize,
    /// The bytes of one record as it stands in the file, without its line end; 32 MiB (33,554,432) by default.
    pub record_bytes: usize,
    /// The cells of one record; 2,000 by default.
    pub columns: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { cell_bytes: 16 << 20, record_bytes: 32 << 20, columns: 2_000 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_dialects_are_accepted() {
        for delimiter in [',', '\t', ';', ':', ' '] {
            for encoding in [Encoding::Utf8, Encoding::Cp932] {
                Dialect { delimiter, quote: '"' }.validate(encoding).unwrap();
            }
        }
        Dialect { delimiter: '|', quote: '\'' }.validate(Encoding::Utf8).unwrap();
    }

    #[test]
    fn impossible_dialects_are_refused() {
        for delimiter in ['"', '\r', '\n', '\0', 'a', '0', '、'] {
            let error = Dialect { delimiter, quote: '"' }.validate(Encoding::Utf8).unwrap_err();
            assert_eq!(error.code(), Code::Argument);
        }
        for delimiter in ['|', '\\', '~', '@', '^'] {
            Dialect { delimiter, quote: '"' }.validate(Encoding::Cp932).unwrap_err();
            Dialect { delimiter: ',', quote: delimiter }.validate(Encoding::Cp932).unwrap_err();
        }
    }

    #[test]
    fn a_definition_has_defaults_and_no_unknown_names() {
        let dialect: Dialect = serde_json::from_str(r#"{"delimiter":"\t"}"#).unwrap();
        assert_eq!(dialect, Dialect { delimiter: '\t', quote: '"' });
        assert!(serde_json::from_str::<Dialect>(r#"{"delimeter":","}"#).is_err());
        let limits: Limits = serde_json::from_str(r#"{"columns":3}"#).unwrap();
        assert_eq!(limits, Limits { columns: 3, ..Limits::default() });
    }
}
