//! Files of file fields: stored first, then attached by a record, gone with it.

use std::io::Read;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;

use super::writer::Writer;
use crate::access::{self, Right, Rights};
use crate::error::{Broken, Code, Error, Result, Violation};
use crate::schema::{Cell, Field, FieldKind, Layout, Table, names};
use crate::store::{self, Store, Timestamp, bytes};

/// Bytes that no record has taken are deleted after this time.
const UNATTACHED: Duration = Duration::from_secs(24 * 60 * 60);

/// What is known of a stored file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FileInfo {
    /// The id, which is the value of a file field.
    pub id: i64,
    /// The name it was stored by.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// The SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
}

impl Store {
    /// Stores a file, to be the value of a file field. Unless a record takes it, it is deleted after 24 hours.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = renkei::Store::create(dir.path().join("s.db"))?;
    /// let file = store.put_file("見積書.txt", "合計 3,300円".as_bytes())?;
    /// let mut text = String::new();
    /// std::io::Read::read_to_string(&mut store.read_file(file.id)?, &mut text).unwrap();
    /// assert_eq!(text, "合計 3,300円");
    /// # Ok::<(), renkei::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Code::LimitPassed`] when it is larger than [`Limits::file_bytes`](crate::Limits::file_bytes); what the input
    /// reports.
    pub fn put_file(&self, name: &str, input: impl Read) -> Result<FileInfo> {
        access::demand_somewhere(self, &*self.reading()?, Rights::from([Right::Register, Right::Update]))?;
        let most = self.limits().file_bytes;
        let stored = bytes::put(self, name, input, most, self.now().after(UNATTACHED))?;
        Ok(info(stored))
    }

    /// What is known of a stored file.
    ///
    /// # Errors
    ///
    /// [`Code::FileNotFound`], also for a file that another user has stored and no record has taken;
    /// [`Code::AccessDenied`].
    pub fn file(&self, id: i64) -> Result<FileInfo> {
        let reading = self.reading()?;
        let missing = || Error::new(Code::FileNotFound).with_value(id);
        let found = bytes::find(&reading, id, self.now())?.ok_or_else(missing)?;
        match found.database_id {
            Some(database) => access::demand(self, &reading, database, Right::View)?,
            None if access::owns(self, &reading, found.created_by)? => {}
            None => return Err(missing()),
        }
        Ok(info(found))
    }

    /// Reads a stored file, piece by piece.
    ///
    /// # Errors
    ///
    /// As [`Store::file`].
    pub fn read_file(&self, id: i64) -> Result<impl Read + Send + use<>> {
        let file = self.file(id)?;
        Ok(store::bytes::BytesReader::open(self, id, file.bytes, 0))
    }
}

fn info(stored: bytes::StoredBytes) -> FileInfo {
    let sha256 = stored.sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    FileInfo { id: stored.id, name: stored.name, bytes: stored.bytes, sha256 }
}

/// Takes the files of a row that is about to be written. What cannot be taken is a violation, and left out of the row.
pub(super) fn attach(
    writer: &Writer<'_>,
    layout: &Layout,
    cells: &mut [Cell<'_>],
    old: Option<&[Cell<'static>]>,
    row: Option<usize>,
    violations: &mut Vec<Violation>,
) -> Result<()> {
    for at in &layout.plan().files {
        let Cell::Int(id) = cells[*at] else { continue };
        if old.is_some_and(|old| old[*at] == Cell::Int(id)) {
            continue;
        }
        let column = &layout.columns[*at];
        // A user takes only what he has stored himself, or what belongs to a record already, which is refused below.
        let sql = "SELECT state, bytes FROM renkei_file WHERE id = ?1 AND state > 0
            AND (expires_at IS NULL OR expires_at > ?2) AND (?3 = 0 OR state = 2 OR created_by = ?3)";
        let found: Option<(i64, i64)> = writer
            .connection
            .prepare_cached(sql)?
            .query_row([id, writer.now, writer.actor], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let broken = match (found, &column.field.kind) {
            (None, _) => Some(Broken::new(Code::FileUnknown)),
            (Some((2 | 3, _)), _) => Some(Broken::new(Code::FileAttached)),
            (Some((_, bytes)), FieldKind::File { max_bytes: Some(most) }) if bytes.unsigned_abs() > *most => {
                Some(Broken::rule(Code::FileLarge, most.to_string()))
            }
            _ => None,
        };
        match broken {
            Some(broken) => {
                let violation = Violation::new(broken, &column.field.code, &column.field.name, id.to_string());
                violations.push(match row {
                    Some(row) => violation.at_row(row),
                    None => violation,
                });
                cells[*at] = Cell::Null;
            }
            None => {
                let sql = "UPDATE renkei_file SET state = 2, expires_at = NULL, database_id = ?2 WHERE id = ?1";
                writer.connection.prepare_cached(sql)?.execute([id, writer.table.id])?;
            }
        }
    }
    Ok(())
}

/// Lets another row of the same write take a file.
pub(super) fn release(connection: &Connection, id: i64, actor: i64) -> Result<()> {
    let sql = "UPDATE renkei_file SET state = 1, created_by = nullif(?2, 0) WHERE id = ?1";
    connection.prepare_cached(sql)?.execute([id, actor])?;
    Ok(())
}

/// Deletes the files that a row had and has no more.
pub(super) fn detach(
    connection: &Connection,
    layout: &Layout,
    cells: &[Cell<'_>],
    old: &[Cell<'static>],
) -> Result<()> {
    for at in &layout.plan().files {
        let Some(Cell::Int(id)) = old.get(*at) else { continue };
        if cells[*at] != Cell::Int(*id) {
            connection.prepare_cached("DELETE FROM renkei_file WHERE id = ?1")?.execute([id])?;
        }
    }
    Ok(())
}

/// The files of a record in fields that are out of use, which go with it all the same.
pub(super) fn unused(connection: &Connection, table: &Table, record: i64) -> Result<Vec<i64>> {
    let (header, details) = (names::header(table.code()), names::details(table.code()));
    let definition = &table.definition;
    let mut found = Vec::new();
    for (fields, name, by) in [(&definition.fields, header, "_id"), (&definition.details, details, "_record")] {
        let is_unused = |field: &&Field| field.retired && matches!(field.kind, FieldKind::File { .. });
        for field in fields.iter().filter(is_unused) {
            let (column, name) = (store::quote(&field.code), store::quote(&name));
            let sql = format!("SELECT {column} FROM {name} WHERE {by} = ?1 AND {column} IS NOT NULL");
            let mut statement = connection.prepare_cached(&sql)?;
            let files = statement.query_map([record], |row| row.get(0))?.collect::<rusqlite::Result<Vec<i64>>>()?;
            found.extend(files);
        }
    }
    Ok(found)
}

pub(super) fn delete(connection: &Connection, files: &[i64]) -> Result<()> {
    for id in files {
        connection.prepare_cached("DELETE FROM renkei_file WHERE id = ?1")?.execute([id])?;
    }
    Ok(())
}

/// Deletes files that nobody took in time, and uploads whose time is over.
pub(crate) fn sweep(connection: &Connection, now: Timestamp) -> Result<usize> {
    bytes::sweep(connection, now)
}
