//! Full-text tables have the pairs of characters of exactly the texts that are stored.

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use rusqlite::Connection;

use super::column_name;
use crate::error::{Code, Findings, Result, words};
use crate::schema::bigram;
use crate::schema::catalog::{Column, Layout, Table};
use crate::schema::names;
use crate::store::quote_text;

/// So many records are compared at a time, with eight bytes of memory for each.
const WINDOW: i64 = 1 << 20;

/// Every full-text table of a database has the records that have a text; with `tokens`, it has them by their text.
pub(crate) fn inspect_full_text(
    connection: &Connection,
    table: &Table,
    tokens: bool,
    findings: &mut Findings,
) -> Result<()> {
    for layout in std::iter::once(&table.header).chain(&table.details) {
        for column in layout.columns.iter().filter(|column| column.full_text.is_some()) {
            let full_text = names::full_text(&layout.table, &column.field.code);
            if !connection.prepare("SELECT 1 FROM sqlite_schema WHERE name = ?1")?.exists([&full_text])? {
                // That it is missing is told where tables are.
                continue;
            }
            let terms = Terms::of(connection, &full_text)?;
            if inspect_ids(connection, layout, column, findings)? && tokens {
                inspect_tokens(connection, layout, column, findings)?;
            }
            terms.end()?;
        }
    }
    Ok(())
}

/// Whether the records of the index are those that have a text.
fn inspect_ids(connection: &Connection, layout: &Layout, column: &Column, findings: &mut Findings) -> Result<bool> {
    // The index itself keeps no list of its records: it is made from the terms.
    connection.execute_batch(
        "CREATE TEMP TABLE renkei_docs (id INTEGER PRIMARY KEY);
         INSERT OR IGNORE INTO temp.renkei_docs SELECT doc FROM temp.renkei_terms",
    )?;
    let (docs, texts, sql) = ("temp.renkei_docs", &layout.sql, &column.sql);
    let mut same = true;
    let missing = format!(
        "SELECT _id FROM {texts} WHERE {sql} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {docs} d WHERE d.id = _id)"
    );
    let extra = format!(
        "SELECT d.id FROM {docs} d WHERE NOT EXISTS (SELECT 1 FROM {texts} WHERE _id = d.id AND {sql} IS NOT NULL)"
    );
    let absent = words!("索引にありません", "not in the index");
    let left = words!("索引に残っています", "still in the index");
    for (query, why) in [(missing, absent), (extra, left)] {
        let mut statement = connection.prepare(&query)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            same = false;
            let id: i64 = row.get(0)?;
            let place = words!("_id {id}（{why}）", "_id {id} ({why})"; why);
            findings.add(Code::CheckFullText, column_name(layout, column), place);
        }
    }
    connection.execute_batch("DROP TABLE temp.renkei_docs")?;
    Ok(same)
}

/// A view of the terms of an index, which exists for this connection only.
struct Terms<'c>(&'c Connection);

impl<'c> Terms<'c> {
    fn of(connection: &'c Connection, full_text: &str) -> Result<Terms<'c>> {
        // A temporary table is no part of the file, but SQLite makes no difference here.
        connection.pragma_update(None, "query_only", false)?;
        let sql = format!(
            "CREATE VIRTUAL TABLE temp.renkei_terms USING fts5vocab('main', {}, 'instance')",
            quote_text(full_text)
        );
        connection.execute_batch(&sql)?;
        Ok(Terms(connection))
    }

    fn end(self) -> Result<()> {
        self.0.execute_batch("DROP TABLE temp.renkei_terms")?;
        Ok(self.0.pragma_update(None, "query_only", true)?)
    }
}

fn hash(term: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    term.hash(&mut hasher);
    hasher.finish()
}

/// Whether the terms of each record are those of its text: the sums of their hashes are compared.
fn inspect_tokens(connection: &Connection, layout: &Layout, column: &Column, findings: &mut Findings) -> Result<()> {
    let (texts, sql) = (&layout.sql, &column.sql);
    let greatest: Option<i64> = connection.query_row(&format!("SELECT max(_id) FROM {texts}"), [], |row| row.get(0))?;
    let Some(greatest) = greatest else { return Ok(()) };
    let mut tokens = String::new();
    let mut own: HashSet<u64> = HashSet::new();
    for window in 0..=greatest / WINDOW {
        let range = [window * WINDOW, (window + 1) * WINDOW - 1];
        let select = format!("SELECT _id, {sql} FROM {texts} WHERE _id BETWEEN ?1 AND ?2 AND {sql} IS NOT NULL");
        let mut statement = connection.prepare(&select)?;
        let mut rows = statement.query(range)?;
        let mut sums: Vec<u64> = Vec::new();
        while let Some(row) = rows.next()? {
            if sums.is_empty() {
                sums.resize(usize::try_from(WINDOW).unwrap_or(0), 0);
            }
            let text = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
            bigram::tokens(text, &mut tokens);
            own.clear();
            own.extend(tokens.split(' ').map(|token| hash(token.as_bytes())));
            let at = usize::try_from(row.get::<_, i64>(0)? - range[0]).unwrap_or(0);
            sums[at] = own.iter().fold(0, |sum: u64, hash| sum.wrapping_add(*hash));
        }
        if sums.is_empty() {
            continue;
        }
        let mut statement = connection.prepare("SELECT term, doc FROM temp.renkei_terms")?;
        let mut rows = statement.query([])?;
        let (mut last, mut last_hash) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            let doc: i64 = row.get(1)?;
            if !(range[0]..=range[1]).contains(&doc) {
                continue;
            }
            let term = row.get_ref(0)?.as_bytes().map_err(rusqlite::Error::from)?;
            if last != term {
                last.clear();
                last.extend_from_slice(term);
                last_hash = hash(term);
            }
            let sum = &mut sums[usize::try_from(doc - range[0]).unwrap_or(0)];
            *sum = sum.wrapping_sub(last_hash);
        }
        for (at, _) in sums.iter().enumerate().filter(|(_, sum)| **sum != 0) {
            let id = range[0] + i64::try_from(at).unwrap_or(0);
            let place = words!("_id {id}（文字が異なります）", "_id {id} (another text)");
            findings.add(Code::CheckFullText, column_name(layout, column), place);
        }
    }
    Ok(())
}
