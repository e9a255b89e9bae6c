//! A cursor that C moves: the connection, the statement and what they were made from, kept together.
//!
//! In Rust a read lends all of these to each other for the time of one call. Here the call returns and the read goes on, so
//! they are kept where they are and dropped in the opposite order of their making.

use std::ptr::NonNull;

use rusqlite::{CachedStatement, Rows};

use crate::access::{Door, Right};
use crate::error::Result;
use crate::query::{Lines, Query, Row, Selection};
use crate::store::{Reading, Store};

/// Something that stays where it is until it is dropped, however its owner moves.
pub(super) struct Held<T>(NonNull<T>);

impl<T> Held<T> {
    pub(super) fn new(value: T) -> Held<T> {
        Held(NonNull::from(Box::leak(Box::new(value))))
    }

    /// Lends it for as long as its owner likes.
    ///
    /// # Safety
    ///
    /// Nobody uses what is lent, or what was made of it, when this has been dropped.
    pub(super) unsafe fn get<'a>(&self) -> &'a T {
        // SAFETY: it lives until it is dropped, and is never changed.
        unsafe { self.0.as_ref() }
    }
}

impl<T> Drop for Held<T> {
    fn drop(&mut self) {
        // SAFETY: `new` made it of a box.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

// SAFETY: it is a box that does not move.
unsafe impl<T: Send> Send for Held<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Held<T> {}

/// A statement that is being read. The fields are in the order in which they must be dropped.
struct Open {
    /// The present line, and the id of its record.
    row: Option<(NonNull<rusqlite::Row<'static>>, i64)>,
    rows: Rows<'static>,
    _statement: Held<std::cell::UnsafeCell<CachedStatement<'static>>>,
}

/// A read that goes on when it is asked to. The fields are in the order in which they must be dropped.
pub(super) struct Cursor {
    open: Option<Open>,
    lines: Lines,
    selection: Selection<'static>,
    _door: Held<Door>,
    reading: Held<Reading>,
    _store: Held<Store>,
}

// SAFETY: SQLite's connections and statements may go from thread to thread as long as one uses them at a time, which the
// handle of a cursor sees to; nothing else here knows its thread.
unsafe impl Send for Cursor {}
// SAFETY: as above.
unsafe impl Sync for Cursor {}

impl Cursor {
    pub(super) fn open(store: &Store, database: &str, columns: &[String], query: &Query) -> Result<Cursor> {
        let store = Held::new(store.clone());
        // SAFETY: what is made of the store, the reading, the door and the statement is dropped before them, by the
        // order of the fields of `Cursor` and `Open`, and goes nowhere else.
        unsafe {
            let reading = Held::new(store.get().reading()?);
            let kept = Held::new(Door::open(store.get(), reading.get())?);
            let door: &'static Door = kept.get();
            let table = door.table(database, Right::View)?;
            let columns = columns.iter().map(String::as_str);
            let selection = Selection::new(store.get(), door.catalog(), table, columns)?;
            let lines = selection.lines(query)?;
            Ok(Cursor { open: None, lines, selection, _door: kept, reading, _store: store })
        }
    }

    pub(super) fn len(&self) -> usize {
        self.selection.len()
    }

    /// Goes to the next line; whether there is one.
    pub(super) fn next(&mut self) -> Result<bool> {
        loop {
            if self.open.is_none() {
                let Some(piece) = self.lines.next_statement() else { return Ok(false) };
                // SAFETY: as in `open`; the statement is used through `rows` only.
                self.open = Some(unsafe {
                    let statement = self.reading.get().prepare_cached(&piece.sql)?;
                    let statement = Held::new(std::cell::UnsafeCell::new(statement));
                    let lent: &'static mut CachedStatement<'static> = &mut *statement.get().get();
                    let rows = lent.query(rusqlite::params_from_iter(&piece.binds))?;
                    Open { row: None, rows, _statement: statement }
                });
            }
            let Some(open) = &mut self.open else { return Ok(false) };
            open.row = None;
            match open.rows.next() {
                Ok(Some(row)) => {
                    let id = row.get(0)?;
                    self.lines.count(id);
                    open.row = Some((NonNull::from(row).cast(), id));
                    return Ok(true);
                }
                Ok(None) => self.open = None,
                Err(error) => {
                    // There is nothing behind a failure.
                    self.open = None;
                    self.lines.end();
                    return Err(error.into());
                }
            }
        }
    }

    /// The line at which the cursor stands.
    pub(super) fn row(&self) -> Option<Row<'_>> {
        let (row, id) = self.open.as_ref()?.row?;
        // SAFETY: `rows` has it until it goes on, which needs the cursor for itself.
        Some(self.selection.row(unsafe { row.as_ref() }, id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;
    use crate::{Blueprint, Database, Field};

    #[test]
    fn rows_are_read_by_those_who_may_view_them() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::create(dir.path().join("store.db")).unwrap();
        let others = Database::new("others", "他").field(Field::key("code", "コード"));
        let items = Database::new("items", "品")
            .field(Field::key("code", "コード"))
            .field(Field::link("other", "他", "others"));
        store.apply(&Blueprint::new().database(others).database(items)).unwrap();
        let rights = serde_json::json!({"users": [
            {"code": "nobody", "name": "無権限"}, {"code": "half", "name": "一部", "rights": {"items": ["view"]}}
        ]});
        store.apply(&Blueprint::from_json(&rights.to_string()).unwrap()).unwrap();
        let open = |store: &Store, column: &str| {
            Cursor::open(store, "items", &[column.to_owned()], &Query::new()).map(|_| ()).map_err(|error| error.code())
        };
        assert_eq!(open(&store, "other.code"), Ok(()));
        assert_eq!(open(&store.as_user("nobody").unwrap(), "code"), Err(Code::AccessDenied));
        let half = store.as_user("half").unwrap();
        assert_eq!(open(&half, "code"), Ok(()));
        assert!(open(&half, "other.code").is_err());
    }
}
