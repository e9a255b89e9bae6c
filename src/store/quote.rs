//! The one place where names become SQL.

/// A name as an SQL identifier, whatever it contains.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as an SQL literal, for the few places that take no bound value: views and index conditions.
pub(crate) fn quote_text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_names() {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        let long = "あ".repeat(1_000);
        for name in ["a\"; DROP TABLE t; --", "select", "😀", "a'b", long.as_str()] {
            connection.execute_batch(&format!("CREATE TABLE t ({} TEXT)", quote(name))).unwrap();
            let sql = format!("SELECT name, {} FROM pragma_table_info('t')", quote_text(name));
            let found: (String, String) = connection.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
            assert_eq!(found, (name.to_owned(), name.to_owned()));
            connection.execute_batch("DROP TABLE t").unwrap();
        }
    }
}
