//! Conditions to SQL.
//!
//! Every comparison becomes SQL that is true exactly where it holds, and false or NULL elsewhere: so `AND` and `OR` may
//! stand as they are, indexes serve them, and `NOT` becomes `IS NOT TRUE`. What goes through links or to detail rows
//! becomes `IN (SELECT …)`, which SQLite reads from either end.

use super::Piece;
use super::condition::{Condition, DEPTH, Test, too_deep};
use super::path::{Leaf, Path, Place};
use super::snapshot::not_kept;
use super::values::{Class, Operand, Span};
use crate::error::{Code, Error, Result, Words, words};
use crate::schema::{Catalog, Cell, Layout, Table, Value, full_text_decides, full_text_query};
use crate::store::Store;

const COMPARISONS: usize = 1_000;
const VALUES: usize = 10_000;

/// The index is asked for this much of a term; the rest is compared anyway.
const TERM: usize = 64;

pub(super) fn shape(rule: Words) -> Error {
    Error::new(Code::QueryShape).with_rule(rule)
}

/// The condition on the records `t`. Without a store, times of day are taken for UTC.
pub(super) fn condition_sql(
    store: Option<&Store>,
    catalog: &Catalog,
    table: &Table,
    condition: &Condition,
) -> Result<Piece> {
    Compiler::new(store, catalog, table).condition(condition, Site { alias: "t", on_details: false }, 1)
}

/// The condition on the record `t` as it was; `rows` stands for the table of its detail rows, where they were kept.
pub(super) fn snapshot_condition_sql(
    store: &Store,
    catalog: &Catalog,
    table: &Table,
    condition: &Condition,
    rows: &Option<Piece>,
) -> Result<Piece> {
    let mut compiler = Compiler::new(Some(store), catalog, table);
    compiler.rows = Rows::Given(rows.as_ref());
    compiler.condition(condition, Site { alias: "t", on_details: false }, 1)
}

/// The condition on the detail rows `d`.
pub(super) fn row_condition_sql(
    store: Option<&Store>,
    catalog: &Catalog,
    table: &Table,
    condition: &Condition,
) -> Result<Piece> {
    Compiler::new(store, catalog, table).condition(condition, Site { alias: "d", on_details: true }, 1)
}

/// The row a condition is about.
#[derive(Clone, Copy)]
struct Site<'s> {
    alias: &'s str,
    on_details: bool,
}

/// Whether a condition, which must fit the database, is about detail rows.
pub(super) fn check(store: &Store, catalog: &Catalog, table: &Table, condition: &Condition) -> Result<bool> {
    let mut compiler = Compiler::new(Some(store), catalog, table);
    compiler.condition(condition, Site { alias: "t", on_details: false }, 1)?;
    Ok(compiler.has_rows)
}

/// Where the detail rows of the database are.
#[derive(Clone, Copy)]
enum Rows<'a> {
    /// In their table.
    Stored,
    /// In what stands for it, if they were kept.
    Given(Option<&'a Piece>),
}

struct Compiler<'a> {
    rows: Rows<'a>,
    /// Whether a condition was about detail rows.
    has_rows: bool,
    store: Option<&'a Store>,
    catalog: &'a Catalog,
    table: &'a Table,
    comparisons: usize,
    values: usize,
    aliases: usize,
}

impl<'a> Compiler<'a> {
    fn new(store: Option<&'a Store>, catalog: &'a Catalog, table: &'a Table) -> Compiler<'a> {
        Compiler { rows: Rows::Stored, has_rows: false, store, catalog, table, comparisons: 0, values: 0, aliases: 0 }
    }

    fn alias(&mut self) -> String {
        self.aliases += 1;
        format!("r{}", self.aliases)
    }

    fn condition(&mut self, condition: &'a Condition, site: Site<'_>, depth: usize) -> Result<Piece> {
        if depth > DEPTH {
            return Err(shape(too_deep()));
        }
        match condition {
            Condition::All(list) => self.several(list, " AND ", "1", site, depth),
            Condition::Any(list) => self.several(list, " OR ", "0", site, depth),
            Condition::Not(inner) => Ok(not(self.condition(inner, site, depth + 1)?)),
            Condition::Detail(_) if site.on_details => {
                Err(shape(words!("detailの中にdetailがあります", "\"detail\" stands inside \"detail\"")))
            }
            Condition::Detail(inner) => {
                let alias = self.alias();
                let on = Site { alias: &alias, on_details: true };
                // Found first, so that a database without detail rows is named as the fault.
                let rows = self.rows_of(self.table.details()?)?;
                let piece = self.condition(inner, on, depth + 1)?;
                Ok(some_row(site.alias, rows, &alias, piece))
            }
            Condition::Compare { field, test } => {
                self.comparisons += 1;
                if self.comparisons > COMPARISONS {
                    return Err(shape(words!(
                        "比較が{COMPARISONS}個を超えています",
                        "more than {COMPARISONS} comparisons"
                    )));
                }
                let place = if site.on_details { Place::Details } else { Place::Any };
                let path = Path::find(self.catalog, self.table, place, field)?;
                match (&self.table.details, path.on_details && !site.on_details) {
                    (Some(rows), true) => {
                        let alias = self.alias();
                        let rows = self.rows_of(rows)?;
                        let piece = self.test(&path, &alias, test)?;
                        Ok(some_row(site.alias, rows, &alias, piece))
                    }
                    _ => self.test(&path, site.alias, test),
                }
            }
        }
    }

    fn rows_of(&mut self, layout: &Layout) -> Result<Piece> {
        self.has_rows = true;
        match self.rows {
            Rows::Stored => Ok(Piece::new(layout.sql.as_str())),
            Rows::Given(rows) => rows.cloned().ok_or_else(not_kept),
        }
    }

    fn several(
        &mut self,
        list: &'a [Condition],
        word: &str,
        none: &str,
        site: Site<'_>,
        depth: usize,
    ) -> Result<Piece> {
        // Empty conditions count as well, or a list of a million of them would pass every bound.
        if list.len() > COMPARISONS {
            return Err(shape(words!("比較が{COMPARISONS}個を超えています", "more than {COMPARISONS} comparisons")));
        }
        let pieces = list.iter().map(|inner| self.condition(inner, site, depth + 1)).collect::<Result<Vec<_>>>()?;
        Ok(joined(pieces, word, none))
    }

    /// The test on the value that `path` names, read from the row `alias`.
    fn test(&mut self, path: &Path<'a>, alias: &str, test: &'a Test) -> Result<Piece> {
        let operand = Operand::new(self.store, self.catalog, path);
        if !operand.class.takes(test) {
            return Err(Error::new(Code::QueryOperator)
                .with_field(&path.text)
                .with_name(path.name())
                .with_value(&path.text)
                .with_rule(test.operator()));
        }
        self.values += match test {
            Test::OneOf(values) => values.len(),
            _ => 1,
        };
        if self.values > VALUES {
            return Err(shape(words!("値が{VALUES}個を超えています", "more than {VALUES} values")));
        }
        let span = |value: &Value| operand.span(value);
        Ok(match test {
            Test::IsEmpty => self.empty(path, alias),
            Test::IsNotEmpty => self.not_empty(path, alias),
            Test::Equals(value) if value.is_empty() => self.empty(path, alias),
            Test::NotEquals(value) if value.is_empty() => self.not_empty(path, alias),
            Test::Equals(value) => self.atom(path, alias, Atom::OneOf(vec![operand.exact(value)?])),
            Test::NotEquals(value) => not(self.atom(path, alias, Atom::OneOf(vec![operand.exact(value)?]))),
            Test::OneOf(values) => {
                let given = values.iter().filter(|value| !value.is_empty());
                let spans = given.map(|value| operand.exact(value)).collect::<Result<Vec<_>>>()?;
                let mut pieces = Vec::new();
                if !spans.is_empty() {
                    pieces.push(self.atom(path, alias, Atom::OneOf(spans)));
                }
                if values.iter().any(Value::is_empty) {
                    pieces.push(self.empty(path, alias));
                }
                joined(pieces, " OR ", "0")
            }
            Test::Between(from, to) => {
                let low = (!from.is_empty()).then(|| span(from)).transpose()?;
                let high = (!to.is_empty()).then(|| span(to)).transpose()?;
                match (low, high) {
                    (Some(low), Some(high)) => self.atom(path, alias, Atom::Between(low.low, high.high)),
                    (Some(low), None) => self.atom(path, alias, Atom::Compare(">=", low.low)),
                    (None, Some(high)) => self.atom(path, alias, Atom::Compare("<=", high.high)),
                    (None, None) => return Err(operand.no_value(test)),
                }
            }
            Test::AtLeast(value)
            | Test::AtMost(value)
            | Test::Less(value)
            | Test::Greater(value)
            | Test::Contains(value)
            | Test::StartsWith(value)
                if value.is_empty() =>
            {
                return Err(operand.no_value(test));
            }
            Test::AtLeast(value) => self.atom(path, alias, Atom::Compare(">=", span(value)?.low)),
            Test::AtMost(value) => self.atom(path, alias, Atom::Compare("<=", span(value)?.high)),
            Test::Less(value) => self.atom(path, alias, Atom::Compare("<", span(value)?.low)),
            Test::Greater(value) => self.atom(path, alias, Atom::Compare(">", span(value)?.high)),
            Test::Contains(value) => self.atom(path, alias, Atom::Contains(operand.part(value)?)),
            Test::StartsWith(value) => self.atom(path, alias, Atom::StartsWith(operand.part(value)?)),
        })
    }

    fn empty(&mut self, path: &Path<'a>, alias: &str) -> Piece {
        match (&path.leaf, path.hops.is_empty()) {
            // The host itself has no code.
            (Leaf::System(_), true) if path.is_user() => Piece::new(format!("{alias}.{} = 0", path.sql)),
            (Leaf::Field { column, .. }, true) if is_own(column) => Piece::new(format!("{alias}.{} IS NULL", path.sql)),
            _ => not(self.not_empty(path, alias)),
        }
    }

    fn not_empty(&mut self, path: &Path<'a>, alias: &str) -> Piece {
        match &path.leaf {
            Leaf::System(_) if path.is_user() => self.through(path, alias, |at| Piece::new(format!("{at} <> 0"))),
            Leaf::Field { column, .. } if !is_own(column) => {
                let path = path.shown(self.catalog);
                self.through(&path, alias, |at| Piece::new(format!("{at} IS NOT NULL")))
            }
            _ => self.through(path, alias, |at| Piece::new(format!("{at} IS NOT NULL"))),
        }
    }

    /// SQL that is true where the value fulfils `atom`, which no empty value does.
    fn atom(&mut self, path: &Path<'a>, alias: &str, atom: Atom) -> Piece {
        let path = path.shown(self.catalog);
        let full_text = match (&path.leaf, self.rows) {
            // An index knows the record as it is, not as it was.
            (_, Rows::Given(_)) if path.hops.is_empty() => None,
            (Leaf::Field { full_text, .. }, _) => *full_text,
            (Leaf::System(_), _) => None,
        };
        let class = Class::of(&path);
        self.through_row(&path, alias, |row, at| atom.sql(class, full_text, row, at))
    }

    fn through(&mut self, path: &Path<'a>, alias: &str, inner: impl FnOnce(&str) -> Piece) -> Piece {
        self.through_row(path, alias, |_, at| inner(at))
    }

    /// `inner` is given the row at the end of the path and the SQL column there.
    fn through_row(&mut self, path: &Path<'a>, alias: &str, inner: impl FnOnce(&str, &str) -> Piece) -> Piece {
        let mut before = String::new();
        let mut row = alias.to_owned();
        for hop in &path.hops {
            let next = self.alias();
            before.push_str(&format!(
                "{row}.{} IN (SELECT {next}.{} FROM {} {next} WHERE ",
                hop.column, hop.id, hop.table
            ));
            row = next;
        }
        let at = format!("{row}.{}", path.sql);
        inner(&row, &at).wrap(&before, &")".repeat(path.hops.len()))
    }
}

/// Whether the column is empty exactly where it is NULL. A copied id may name a record that is gone.
fn is_own(column: &crate::schema::Column) -> bool {
    use crate::schema::FieldKind;
    !matches!(column.effective().field.kind, FieldKind::Link { .. } | FieldKind::User {}) || column.source.is_none()
}

/// A comparison that no empty value fulfils.
enum Atom {
    OneOf(Vec<Span>),
    Between(Cell<'static>, Cell<'static>),
    Compare(&'static str, Cell<'static>),
    Contains(String),
    StartsWith(String),
}

impl Atom {
    fn sql(self, class: Class, full_text: Option<&str>, row: &str, at: &str) -> Piece {
        match self {
            Atom::OneOf(spans) => {
                let (points, ranges): (Vec<Span>, Vec<Span>) = spans.into_iter().partition(Span::is_point);
                let mut pieces: Vec<Piece> = ranges
                    .into_iter()
                    .map(|span| Atom::Between(span.low, span.high).sql(class, None, row, at))
                    .collect();
                let points: Vec<Cell<'static>> = points.into_iter().map(|span| span.low).collect();
                match points.len() {
                    0 => {}
                    1 => pieces.push(Piece::bound(format!("{at} = ?"), points)),
                    several => {
                        let marks = vec!["?"; several].join(", ");
                        pieces.push(Piece::bound(format!("{at} IN ({marks})"), points));
                    }
                }
                joined(pieces, " OR ", "0")
            }
            Atom::Between(low, high) => Piece::bound(format!("{at} BETWEEN ? AND ?"), vec![low, high]),
            Atom::Compare(sign, cell) => Piece::bound(format!("{at} {sign} ?"), vec![cell]),
            Atom::Contains(text) => {
                let mut piece = Piece::default();
                let beginning: String = text.chars().take(TERM).collect();
                if let (Some(full_text), Some(query), Class::Text) = (full_text, full_text_query(&beginning), class) {
                    piece.push(&format!("{row}._id IN (SELECT rowid FROM {full_text} WHERE {full_text} MATCH ?)"));
                    piece.binds.push(Cell::Text(query.into()));
                    // What is one entry of the index needs no second look.
                    if full_text_decides(&text) {
                        // As far as it is about the records themselves.
                        piece.full_text = (row == "t").then(|| full_text.to_owned());
                        return piece;
                    }
                    piece.push(" AND ");
                }
                piece.push(&format!("instr({at}, ?) > 0"));
                piece.binds.push(Cell::Text(text.into()));
                piece.wrap("(", ")")
            }
            // Texts are ordered by their bytes, so those with a prefix are a range, and nothing else is in it.
            Atom::StartsWith(text) => match successor(&text) {
                Some(end) => Piece::bound(
                    format!("({at} >= ? AND {at} < ?)"),
                    vec![Cell::Text(text.into()), Cell::Text(end.into())],
                ),
                None => Piece::bound(format!("{at} >= ?"), vec![Cell::Text(text.into())]),
            },
        }
    }
}

/// The first text after all those that start with `prefix`.
fn successor(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        let next = match u32::from(last) + 1 {
            0xD800 => Some('\u{E000}'),
            next => char::from_u32(next),
        };
        if let Some(next) = next {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

/// Exactly where `piece` is not true.
fn not(piece: Piece) -> Piece {
    piece.wrap("((", ") IS NOT TRUE)")
}

fn some_row(alias: &str, rows: Piece, row: &str, piece: Piece) -> Piece {
    let mut all = rows.wrap(&format!("{alias}._id IN (SELECT {row}._record FROM "), &format!(" {row} WHERE "));
    all.append(piece);
    all.wrap("", ")")
}

/// Joined as a balanced tree: SQLite bounds the depth of an expression, and a plain chain is as deep as it is long.
pub(super) fn joined(mut pieces: Vec<Piece>, word: &str, none: &str) -> Piece {
    match pieces.len() {
        0 => Piece::new(none),
        1 => pieces.remove(0),
        several => {
            let right = pieces.split_off(several / 2);
            let mut piece = joined(pieces, word, none).wrap("(", "");
            piece.push(word);
            piece.append(joined(right, word, none));
            piece.push(")");
            piece
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_successor_of_a_prefix() {
        assert_eq!(successor("ab").as_deref(), Some("ac"));
        assert_eq!(successor("a\u{10FFFF}").as_deref(), Some("b"));
        assert_eq!(successor("\u{D7FF}").as_deref(), Some("\u{E000}"));
        assert_eq!(successor("\u{10FFFF}"), None);
    }
}
