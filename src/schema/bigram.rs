//! Full text as pairs of characters: what makes `contains` fast for names of two characters, as most Japanese names are.
//!
//! SQLite's own trigram index cannot serve a term of two characters. Here a text becomes the list of its overlapping
//! pairs, which a contentless FTS5 table indexes; a search asks for all pairs of the term, and the few records found
//! are compared with the term itself.

/// The tokenizer that takes what [`tokens`] writes: separated by spaces, everything else outside ASCII.
pub(crate) const TOKENIZER: &str = "ascii";

/// Characters of ASCII are moved into a private area, since the tokenizer would fold and split them.
fn push(out: &mut String, c: char) {
    match c.is_ascii() {
        true => out.push(char::from_u32(0xE000 + c as u32).unwrap_or(c)),
        false => out.push(c),
    }
}

/// Writes the tokens of `text` to `out`, which is cleared first: every pair, and the last character alone, so that
/// every character begins a token and a term of one character is found by its beginning.
pub(crate) fn tokens(text: &str, out: &mut String) {
    out.clear();
    let mut chars = text.chars().peekable();
    while let Some(first) = chars.next() {
        if !out.is_empty() {
            out.push(' ');
        }
        push(out, first);
        if let Some(second) = chars.peek() {
            push(out, *second);
        }
    }
}

/// The FTS5 query that finds every text containing `term`, and few others; `None` for an empty term.
pub(crate) fn query(term: &str) -> Option<String> {
    let chars: Vec<char> = term.chars().collect();
    let mut out = String::new();
    match chars.as_slice() {
        [] => return None,
        [only] => {
            out.push('"');
            push(&mut out, *only);
            out.push_str("\" *");
        }
        several => {
            for pair in several.windows(2) {
                if !out.is_empty() {
                    out.push_str(" AND ");
                }
                out.push('"');
                push(&mut out, pair[0]);
                push(&mut out, pair[1]);
                out.push('"');
            }
        }
    }
    Some(out)
}

/// Whether every text found for `term` contains it: it is one entry of the index, and no text writes it otherwise. The
/// private characters that stand for ASCII may also stand for themselves.
pub(crate) fn decides(term: &str) -> bool {
    let is_own = |c: char| !c.is_ascii() && !('\u{E000}'..='\u{E07F}').contains(&c);
    matches!(term.chars().count(), 1 | 2) && term.chars().all(is_own)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn index(texts: &[String]) -> rusqlite::Connection {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        let sql = format!(
            "CREATE VIRTUAL TABLE indexed USING fts5(t, content='', columnsize=0, detail=none, tokenize='{TOKENIZER}')"
        );
        connection.execute_batch(&sql).unwrap();
        let mut out = String::new();
        for (at, text) in texts.iter().enumerate() {
            tokens(text, &mut out);
            connection.execute("INSERT INTO indexed (rowid, t) VALUES (?1, ?2)", (at as i64, &out)).unwrap();
        }
        connection
    }

    fn found(connection: &rusqlite::Connection, term: &str) -> Vec<usize> {
        let mut statement =
            connection.prepare("SELECT rowid FROM indexed WHERE indexed MATCH ?1 ORDER BY rowid").unwrap();
        let rows = statement.query_map([query(term).unwrap()], |row| row.get::<_, i64>(0)).unwrap();
        rows.map(|id| id.unwrap() as usize).collect()
    }

    #[test]
    fn two_characters_are_found() {
        let texts: Vec<String> = ["佐藤花子", "藤佐", "佐々木", "a.b \"c\"", "AB"].map(String::from).to_vec();
        let connection = index(&texts);
        assert_eq!(found(&connection, "佐藤"), [0]);
        assert_eq!(found(&connection, "佐"), [0, 1, 2]);
        assert_eq!(found(&connection, "木"), [2]);
        assert_eq!(found(&connection, ".b"), [3]);
        assert_eq!(found(&connection, "\"c\""), [3]);
        assert_eq!(found(&connection, "ab"), [0usize; 0]);
    }

    proptest! {
        #[test]
        fn every_text_that_contains_the_term_is_found(
            texts in prop::collection::vec("[ab佐藤 \"*.が😀\u{E061}]{0,8}", 1..8),
            term in "[ab佐藤 \"*.が😀\u{E061}]{1,4}",
        ) {
            let connection = index(&texts);
            let found = found(&connection, &term);
            for (at, text) in texts.iter().enumerate() {
                if text.contains(&term) {
                    prop_assert!(found.contains(&at), "{text:?} contains {term:?}");
                } else if decides(&term) {
                    prop_assert!(!found.contains(&at), "{text:?} does not contain {term:?}");
                }
            }
        }
    }
}
