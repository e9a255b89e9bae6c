//! Queries, their order, and pages: going on behind a record at any depth without counting what lies before it.

use std::fmt;

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::compile::{condition_sql, joined, shape};
use super::condition::Condition;
use super::path::{Path, Place};
use super::{Piece, prepared};
use crate::error::{Code, Error, Result, Words, words};
use crate::schema::{Catalog, Cell, Table};
use crate::store::Store;

/// The most fields to sort by.
const SORTS: usize = 16;

/// A field to sort by.
///
/// Records without a value come first, or last when descending. Numbers, dates and texts sort as they compare, choices in
/// the order of their definition, links by the key of the linked record, users by code. Records that are equal in all
/// sorts are in the order of their ids, in the direction of the last sort.
///
/// ```
/// let sort: renkei::Sort = serde_json::from_str(r#"{"field": "amount", "descending": true}"#).unwrap();
/// assert_eq!(sort, renkei::Sort::descending("amount"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sort {
    /// The path of a header field, a field through links, or a system field; see [`Condition`].
    pub field: String,
    /// From the greatest to the least.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub descending: bool,
}

impl Sort {
    /// From the least to the greatest.
    pub fn ascending(field: impl Into<String>) -> Sort {
        Sort { field: field.into(), descending: false }
    }

    /// From the greatest to the least.
    pub fn descending(field: impl Into<String>) -> Sort {
        Sort { field: field.into(), descending: true }
    }
}

/// Which records, in which order, and how many of them.
///
/// ```
/// use renkei::{Condition, Query, Sort};
///
/// let query = Query::new().filter(Condition::equals("prefecture", "東京都")).sort(Sort::descending("amount")).limit(50);
/// let json = serde_json::to_value(&query).unwrap();
/// assert_eq!(json["sort"][0]["field"], "amount");
/// assert_eq!(serde_json::from_value::<Query>(json).unwrap(), query);
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Query {
    /// Which records; all of them when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
    /// The order; by record id when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sort: Vec<Sort>,
    /// The most records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// How many records are left out at the beginning. Far into many records a cursor is much faster.
    #[serde(skip_serializing_if = "is_zero")]
    pub offset: u64,
    /// The end of the page before, to go on behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Cursor>,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Query {
    /// Every record, by id.
    pub fn new() -> Query {
        Query::default()
    }

    /// Only records that fulfil `condition`, beside the conditions already given.
    pub fn filter(mut self, condition: Condition) -> Query {
        self.condition = Some(match self.condition.take() {
            Some(already) => already.and(condition),
            None => condition,
        });
        self
    }

    /// Sorts by one field more.
    pub fn sort(mut self, sort: Sort) -> Query {
        self.sort.push(sort);
        self
    }

    /// At most so many records.
    pub fn limit(mut self, records: u64) -> Query {
        self.limit = Some(records);
        self
    }

    /// Leaves out so many records at the beginning.
    pub fn offset(mut self, records: u64) -> Query {
        self.offset = records;
        self
    }

    /// Goes on behind the page that ended with `cursor`.
    pub fn after(mut self, cursor: Cursor) -> Query {
        self.after = Some(cursor);
        self
    }
}

/// The end of a page: an opaque text, good for the same database and sort. It may travel in a URL as it is.
///
/// It holds the place in the order, not a number of records, so records registered or deleted meanwhile shift nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(String);

impl Cursor {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is no cursor is refused when it is used.
impl From<String> for Cursor {
    fn from(text: String) -> Cursor {
        Cursor(text)
    }
}

impl From<&str> for Cursor {
    fn from(text: &str) -> Cursor {
        Cursor(text.to_owned())
    }
}

/// What a cursor holds: for which order it was made, the values sorted by, and the id.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Position {
    #[serde(rename = "o")]
    order: u64,
    #[serde(rename = "v")]
    values: Vec<Kept>,
    #[serde(rename = "i")]
    id: i64,
}

/// A stored value in a cursor.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Kept {
    Null,
    Int(i64),
    Text(String),
}

impl Kept {
    fn of(cell: &Cell<'_>) -> Kept {
        match cell {
            Cell::Null => Kept::Null,
            Cell::Int(int) => Kept::Int(*int),
            Cell::Text(text) => Kept::Text(text.clone().into_owned()),
        }
    }

    fn cell(self) -> Cell<'static> {
        match self {
            Kept::Null => Cell::Null,
            Kept::Int(int) => Cell::Int(int),
            Kept::Text(text) => Cell::Text(text.into()),
        }
    }
}

/// The order of records `t`.
pub(super) struct Order {
    /// SQL expressions, without the id that always follows.
    terms: Vec<(String, bool)>,
    /// Whether ids descend.
    descending: bool,
    signature: u64,
}

/// A stretch of the order that one statement reads: SQLite seeks to its beginning by index where there is one.
pub(super) struct Stretch {
    pub(super) condition: Option<Piece>,
    /// `ORDER BY` without the words.
    pub(super) order: String,
}

impl Order {
    pub(super) fn of(catalog: &Catalog, table: &Table, sorts: &[Sort]) -> Result<Order> {
        if sorts.len() > SORTS {
            return Err(shape(words!("並び順の項目が{SORTS}個を超えています", "more than {SORTS} fields to sort by")));
        }
        let mut order = Order { terms: Vec::new(), descending: false, signature: 0 };
        for sort in sorts {
            let path = Path::find(catalog, table, Place::Any, &sort.field)?;
            if path.on_details {
                let rule = words!(
                    "「{}」は明細項目のため、レコードの並び順に使えません",
                    "\"{}\" is a detail field, of which a record has many: it cannot sort records",
                    sort.field
                );
                return Err(shape(rule).with_field(&sort.field));
            }
            order.descending = sort.descending;
            let sql = path.ordered(catalog, "t");
            // Nothing is left to be sorted behind an id, and nothing behind the same field once more.
            if sql == "t._id" {
                break;
            }
            if !order.terms.iter().any(|(other, _)| *other == sql) {
                order.terms.push((sql, sort.descending));
            }
        }
        let mut hash = Sha256::new();
        hash.update(table.id.to_le_bytes());
        hash.update(order.list(0).as_bytes());
        let digest: [u8; 32] = hash.finalize().into();
        // Few bits make short cursors, and are plenty against mistakes.
        order.signature = digest.iter().take(6).fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        Ok(order)
    }

    /// `ORDER BY` of the terms from `first` on.
    fn list(&self, first: usize) -> String {
        let direction = |descending: bool| if descending { " DESC" } else { "" };
        let mut list: String =
            self.terms.iter().skip(first).map(|(sql, by)| format!("{sql}{}, ", direction(*by))).collect();
        list.push_str("t._id");
        list.push_str(direction(self.descending));
        list
    }

    /// The whole order as one stretch, or what lies behind a cursor.
    ///
    /// Behind (a, b, id) lie, in this order: the rest of the equal records; those with an equal first and a later second
    /// value; those with a later first value. Each is a range of an index, which their union is not.
    pub(super) fn stretches(&self, after: Option<&Cursor>) -> Result<Vec<Stretch>> {
        let Some(cursor) = after else {
            return Ok(vec![Stretch { condition: None, order: self.list(0) }]);
        };
        let refusal = |rule: Words| shape(rule).with_field("after");
        let position: Option<Position> = decode(&cursor.0).and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let position = position.ok_or_else(|| {
            refusal(words!("afterがカーソルではありません", "the text after which to go on is no cursor"))
        })?;
        if position.order != self.signature || position.values.len() != self.terms.len() {
            return Err(refusal(words!(
                "カーソルが別のデータベースまたは別の並び順のものです",
                "the cursor was made for another database or another sort"
            )));
        }
        let values: Vec<Cell<'static>> = position.values.into_iter().map(Kept::cell).collect();
        let equal = |count: usize| -> Vec<Piece> {
            let pairs = self.terms.iter().zip(&values).take(count);
            pairs
                .map(|((sql, _), value)| match value {
                    Cell::Null => Piece::new(format!("{sql} IS NULL")),
                    value => Piece::bound(format!("{sql} = ?"), vec![value.clone()]),
                })
                .collect()
        };
        let stretch = |mut pieces: Vec<Piece>, last: Piece, order: usize| {
            pieces.push(last);
            Stretch { condition: Some(joined(pieces, " AND ", "1")), order: self.list(order) }
        };
        let sign = |descending: bool| if descending { "<" } else { ">" };
        let id = Piece::bound(format!("t._id {} ?", sign(self.descending)), vec![Cell::Int(position.id)]);
        let mut stretches = vec![stretch(equal(self.terms.len()), id, self.terms.len())];
        for at in (0..self.terms.len()).rev() {
            let (sql, descending) = &self.terms[at];
            match (&values[at], descending) {
                (Cell::Null, true) => {}
                (Cell::Null, false) => {
                    stretches.push(stretch(equal(at), Piece::new(format!("{sql} IS NOT NULL")), at));
                }
                (value, descending) => {
                    let later = Piece::bound(format!("{sql} {} ?", sign(*descending)), vec![value.clone()]);
                    stretches.push(stretch(equal(at), later, at));
                    if *descending {
                        stretches.push(stretch(equal(at), Piece::new(format!("{sql} IS NULL")), at + 1));
                    }
                }
            }
        }
        Ok(stretches)
    }

    /// What a statement must read for cursors, each with a comma before it.
    fn columns(&self) -> String {
        self.terms.iter().map(|(sql, _)| format!(", {sql}")).collect()
    }

    /// The cursor behind a row that was read as `t._id` and the sort columns.
    fn cursor(&self, row: &rusqlite::Row<'_>) -> Result<Cursor> {
        let mut values = Vec::with_capacity(self.terms.len());
        for at in 0..self.terms.len() {
            values.push(Kept::of(&Cell::from_sql(row.get_ref(at + 1)?)?));
        }
        let position = Position { order: self.signature, values, id: row.get(0)? };
        let json = serde_json::to_vec(&position)
            .map_err(|error| Error::new(Code::Internal).with_rule("a cursor cannot be written").with_source(error))?;
        Ok(Cursor(encode(&json)))
    }
}

/// The bounds of a query that are the same for every way of reading.
pub(super) fn check_shape(query: &Query) -> Result<()> {
    if query.after.is_some() && query.offset > 0 {
        return Err(shape(words!(
            "offsetとafterは同時に指定できません",
            "\"offset\" and \"after\" do not stand together"
        )));
    }
    Ok(())
}

/// `WHERE` of a condition and a stretch, with the words; empty without either.
pub(super) fn restricted(condition: Option<&Piece>, stretch: &Stretch) -> Piece {
    let both: Vec<Piece> = condition.into_iter().chain(&stretch.condition).cloned().collect();
    match both.is_empty() {
        true => Piece::default(),
        false => joined(both, " AND ", "1").wrap(" WHERE ", ""),
    }
}

/// A count as SQL takes it.
pub(super) fn bounded(count: u64) -> Cell<'static> {
    Cell::Int(i64::try_from(count).unwrap_or(i64::MAX))
}

/// The statements of a page, one for each stretch. The last parameters are the limit and the offset.
fn page_statements(store: &Store, catalog: &Catalog, table: &Table, query: &Query) -> Result<(Order, Vec<Piece>)> {
    check_shape(query)?;
    let condition = query.condition.as_ref().map(|condition| condition_sql(Some(store), catalog, table, condition));
    let condition = condition.transpose()?;
    let order = Order::of(catalog, table, &query.sort)?;
    let columns = order.columns();
    let stretches = order.stretches(query.after.as_ref())?;
    let statements = stretches.iter().map(|stretch| {
        let mut piece = Piece::new(format!("SELECT t._id{columns} FROM {} t", table.header.sql));
        piece.append(restricted(condition.as_ref(), stretch));
        piece.push(&format!(" ORDER BY {} LIMIT ? OFFSET ?", stretch.order));
        piece
    });
    let statements = statements.collect();
    Ok((order, statements))
}

/// The ids of the records of one page, and the cursor behind it when more follow.
pub(crate) fn page_ids(
    store: &Store,
    connection: &Connection,
    catalog: &Catalog,
    table: &Table,
    query: &Query,
) -> Result<(Vec<i64>, Option<Cursor>)> {
    let most = store.limits().page_records;
    if let Some(limit) = query.limit.filter(|limit| *limit > most) {
        return Err(Error::new(Code::LimitPassed)
            .with_value(limit)
            .with_rule(words!("1ページは{most}件まで", "at most {most} records a page")));
    }
    let limit = query.limit.unwrap_or(most);
    let (order, statements) = page_statements(store, catalog, table, query)?;
    let mut ids: Vec<i64> = Vec::new();
    let mut last = None;
    if limit == 0 {
        return Ok((ids, None));
    }
    for mut piece in statements {
        let found = ids.len() as u64;
        // One more than asked for tells whether a page follows.
        piece.binds.extend([bounded((limit - found).saturating_add(1)), bounded(query.offset)]);
        let full = prepared(connection, &piece.sql, |statement| {
            let mut rows = statement.query(rusqlite::params_from_iter(&piece.binds))?;
            while let Some(row) = rows.next()? {
                if ids.len() as u64 == limit {
                    return Ok(true);
                }
                ids.push(row.get(0)?);
                if ids.len() as u64 == limit {
                    last = Some(order.cursor(row)?);
                }
            }
            Ok(false)
        })?;
        if full {
            return Ok((ids, last));
        }
    }
    Ok((ids, None))
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Base 64 with the alphabet for URLs, without padding.
fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let word = group.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for at in 0..=group.len() {
            out.push(char::from(DIGITS[(word >> (18 - 6 * at) & 63) as usize]));
        }
    }
    out
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for group in text.as_bytes().chunks(4) {
        if group.len() == 1 {
            return None;
        }
        let mut word = 0u32;
        for byte in group {
            let digit = DIGITS.iter().position(|digit| digit == byte)?;
            word = word << 6 | u32::try_from(digit).ok()?;
        }
        word <<= 6 * (4 - group.len());
        out.extend_from_slice(&word.to_be_bytes()[1..group.len()]);
    }
    Some(out)
}

#[cfg(test)]
pub(super) fn statements_for_plans(
    store: &Store,
    catalog: &Catalog,
    table: &Table,
    query: &Query,
) -> Result<Vec<Piece>> {
    let (_, mut statements) = page_statements(store, catalog, table, query)?;
    for piece in &mut statements {
        piece.binds.extend([Cell::Int(10), Cell::Int(0)]);
    }
    Ok(statements)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_back_and_others_do_not() {
        for length in 0..70 {
            let bytes: Vec<u8> = (0..length).map(|at| (at * 37 + 201) as u8).collect();
            let text = encode(&bytes);
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
            assert_eq!(decode(&text), Some(bytes));
        }
        for text in ["A", "AB=", "あ", "a b", "ABCDE"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
