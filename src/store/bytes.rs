//! Stored bytes: uploads and attached files, in pieces, so that no file is ever whole in memory.

use std::io::{self, Read, Write};

use rusqlite::{Connection, OptionalExtension};
use sha2::{Digest, Sha256};

use super::{Store, Timestamp, next_id};
use crate::error::{Code, Error, Result, words};

/// One piece. Large enough that pages are filled, small enough to be read by the dozen.
pub(super) const PIECE_BYTES: usize = 256 * 1024;

/// Pieces written in one transaction before others get their turn.
const PIECES_A_TURN: usize = 8;

/// States of stored bytes.
const WRITING: i64 = 0;
const FREE: i64 = 1;
const OF_DELIVERY: i64 = 3;

/// What is known of stored bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredBytes {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) sha256: [u8; 32],
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
    /// The user who stored them; `None` is the host.
    pub(crate) created_by: Option<i64>,
    /// The database of the record that they belong to.
    pub(crate) database_id: Option<i64>,
}

/// Stores what `input` gives. A failure, of the input or of the store, leaves nothing behind.
pub(crate) fn put(
    store: &Store,
    name: &str,
    mut input: impl Read,
    most: u64,
    expires_at: Timestamp,
) -> Result<StoredBytes> {
    let mut writer = BytesWriter::new(store, name, most, expires_at)?;
    io::copy(&mut input, &mut writer)?;
    writer.finish()
}

/// Stores whole bytes in the transaction of the caller, which are deleted after `expires_at` unless somebody takes them; their
/// id.
pub(crate) fn insert(
    store: &Store,
    connection: &Connection,
    name: &str,
    whole: &[u8],
    expires_at: Timestamp,
) -> Result<i64> {
    let id = next_id(connection)?;
    let sha256: [u8; 32] = Sha256::digest(whole).into();
    let sql = "INSERT INTO renkei_file (id, name, bytes, sha256, state, created_at, expires_at, created_by)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let size = i64::try_from(whole.len()).unwrap_or(i64::MAX);
    let now = store.now().0;
    connection.prepare_cached(sql)?.execute((id, name, size, &sha256[..], FREE, now, expires_at.0, store.actor))?;
    let sql = "INSERT INTO renkei_file_chunk (file_id, number, bytes) VALUES (?1, ?2, ?3)";
    for (piece, number) in whole.chunks(PIECE_BYTES).zip(0i64..) {
        connection.prepare_cached(sql)?.execute((id, number, piece))?;
    }
    Ok(id)
}

/// Stores what is written to it. Dropped before [`BytesWriter::finish`], it leaves nothing behind.
///
/// It takes a turn to write now and then, so it must not be used inside a write transaction.
pub(crate) struct BytesWriter<'a> {
    store: &'a Store,
    stored: StoredBytes,
    most: u64,
    /// Full pieces, and the one being filled.
    pieces: Vec<Vec<u8>>,
    number: i64,
    hash: Sha256,
    is_done: bool,
}

impl BytesWriter<'_> {
    /// Begins a file of at most `most` bytes, which is deleted after `expires_at` unless somebody takes it.
    pub(crate) fn new<'a>(store: &'a Store, name: &str, most: u64, expires_at: Timestamp) -> Result<BytesWriter<'a>> {
        let created_at = store.now();
        let id = store.write(|writing| {
            let id = next_id(writing)?;
            let sql = "INSERT INTO renkei_file (id, name, bytes, sha256, state, created_at, expires_at, created_by)
                VALUES (?1, ?2, 0, x'', ?3, ?4, ?5, ?6)";
            writing.prepare_cached(sql)?.execute((id, name, WRITING, created_at.0, expires_at.0, store.actor))?;
            Ok(id)
        })?;
        let (name, expires_at) = (name.to_owned(), Some(expires_at));
        let created_by = store.actor;
        let stored =
            StoredBytes { id, name, bytes: 0, sha256: [0; 32], created_at, expires_at, created_by, database_id: None };
        Ok(BytesWriter { store, stored, most, pieces: Vec::new(), number: 0, hash: Sha256::new(), is_done: false })
    }

    /// Stores the rest; from then on the file can be found.
    pub(crate) fn finish(mut self) -> Result<StoredBytes> {
        self.stored.sha256 = self.hash.clone().finalize().into();
        self.store_pieces(true)?;
        self.is_done = true;
        Ok(self.stored.clone())
    }

    fn store_pieces(&mut self, is_whole: bool) -> Result<()> {
        let BytesWriter { store, stored, pieces, number, .. } = self;
        store.write(|writing| {
            if *number > 0 {
                // The pages of the turn before, which nobody reads soon.
                writing.execute_batch("PRAGMA shrink_memory")?;
            }
            let sql = "INSERT INTO renkei_file_chunk (file_id, number, bytes) VALUES (?1, ?2, ?3)";
            for (piece, number) in pieces.iter().zip(*number..) {
                writing.prepare_cached(sql)?.execute((stored.id, number, piece))?;
            }
            if is_whole {
                let sql = "UPDATE renkei_file SET bytes = ?2, sha256 = ?3, state = ?4 WHERE id = ?1";
                let bytes = i64::try_from(stored.bytes).unwrap_or(i64::MAX);
                writing.prepare_cached(sql)?.execute((stored.id, bytes, &stored.sha256[..], FREE))?;
            }
            Ok(())
        })?;
        *number += i64::try_from(pieces.len()).unwrap_or(0);
        pieces.clear();
        Ok(())
    }
}

impl Write for BytesWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.pieces.last().is_none_or(|piece| piece.len() == PIECE_BYTES) {
            if self.pieces.len() == PIECES_A_TURN {
                self.store_pieces(false).map_err(io::Error::other)?;
            }
            self.pieces.push(Vec::with_capacity(PIECE_BYTES));
        }
        let Some(piece) = self.pieces.last_mut() else { return Ok(0) };
        let taken = &bytes[..bytes.len().min(PIECE_BYTES - piece.len())];
        self.stored.bytes += taken.len() as u64;
        if self.stored.bytes > self.most {
            let most = self.most;
            let rule = words!("ファイルは{most}バイトまで", "a file of at most {most} bytes");
            let value = format!("> {most}");
            return Err(io::Error::other(Error::new(Code::LimitPassed).with_rule(rule).with_value(value)));
        }
        self.hash.update(taken);
        piece.extend_from_slice(taken);
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for BytesWriter<'_> {
    fn drop(&mut self) {
        if !self.is_done {
            // Should this fail too, the pieces expire like any upload.
            let _ = self.store.uncancelled().write(|writing| {
                writing.prepare_cached("DELETE FROM renkei_file WHERE id = ?1")?.execute([self.stored.id])?;
                Ok(())
            });
        }
    }
}

/// What is known of whole bytes; `None` if there are none, or they have expired.
pub(crate) fn find(connection: &Connection, id: i64, now: Timestamp) -> Result<Option<StoredBytes>> {
    let sql = "SELECT name, bytes, sha256, created_at, expires_at, created_by, database_id FROM renkei_file
        WHERE id = ?1 AND state <> ?2 AND (expires_at IS NULL OR expires_at > ?3)";
    let found = connection
        .prepare_cached(sql)?
        .query_row((id, WRITING, now.0), |row| {
            Ok(StoredBytes {
                id,
                name: row.get(0)?,
                bytes: u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0),
                sha256: row.get_ref(2)?.as_blob()?.try_into().unwrap_or([0; 32]),
                created_at: Timestamp(row.get(3)?),
                expires_at: row.get::<_, Option<i64>>(4)?.map(Timestamp),
                created_by: row.get(5)?,
                database_id: row.get(6)?,
            })
        })
        .optional()?;
    Ok(found)
}

/// Deletes whole bytes that belong to nothing.
pub(crate) fn discard(connection: &Connection, id: i64) -> Result<()> {
    let sql = "DELETE FROM renkei_file WHERE id = ?1 AND state = ?2
        AND NOT EXISTS (SELECT 1 FROM renkei_import WHERE file_id = ?1)";
    connection.prepare_cached(sql)?.execute((id, FREE))?;
    Ok(())
}

/// Makes whole bytes that belong to nobody those of a delivery; their size and SHA-256.
pub(crate) fn take(connection: &Connection, id: i64, now: Timestamp) -> Result<(u64, [u8; 32])> {
    let sql = "UPDATE renkei_file SET state = ?2, expires_at = NULL
        WHERE id = ?1 AND state = ?3 AND (expires_at IS NULL OR expires_at > ?4) RETURNING bytes, sha256";
    let found = connection
        .prepare_cached(sql)?
        .query_row((id, OF_DELIVERY, FREE, now.0), |row| {
            let bytes = u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0);
            Ok((bytes, row.get_ref(1)?.as_blob()?.try_into().unwrap_or([0; 32])))
        })
        .optional()?;
    found.ok_or_else(|| Error::new(Code::FileNotFound).with_value(id))
}

/// Deletes what has expired; how many.
pub(crate) fn sweep(connection: &Connection, now: Timestamp) -> Result<usize> {
    // A file that an open import still needs stays until the import has ended.
    let sql = "DELETE FROM renkei_file WHERE expires_at <= ?1 AND id NOT IN
        (SELECT i.file_id FROM renkei_import i JOIN renkei_job j ON j.id = i.job_id
         WHERE i.file_id IS NOT NULL AND j.state IN ('reserved', 'running'))";
    Ok(connection.prepare_cached(sql)?.execute([now.0])?)
}

/// Reads stored bytes, piece by piece, each in a short read transaction of its own.
pub(crate) struct BytesReader {
    store: Store,
    id: i64,
    bytes: u64,
    position: u64,
    piece: Vec<u8>,
    piece_number: Option<u64>,
}

impl BytesReader {
    pub(crate) fn open(store: &Store, id: i64, bytes: u64, position: u64) -> BytesReader {
        BytesReader { store: store.clone(), id, bytes, position, piece: Vec::new(), piece_number: None }
    }
}

impl Read for BytesReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.bytes || out.is_empty() {
            return Ok(0);
        }
        let number = self.position / PIECE_BYTES as u64;
        if self.piece_number != Some(number) {
            self.piece = self.piece(number).map_err(io::Error::other)?;
            self.piece_number = Some(number);
        }
        let at = usize::try_from(self.position % PIECE_BYTES as u64).unwrap_or(0);
        let Some(rest) = self.piece.get(at..).filter(|rest| !rest.is_empty()) else {
            return Err(io::Error::other(
                Error::new(Code::StoreCorrupt).with_rule("a piece of a stored file is short"),
            ));
        };
        let count = rest.len().min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        self.position += count as u64;
        Ok(count)
    }
}

impl BytesReader {
    fn piece(&self, number: u64) -> Result<Vec<u8>> {
        let reading = self.store.reading()?.with_cache(1 << 10)?;
        let sql = "SELECT bytes FROM renkei_file_chunk WHERE file_id = ?1 AND number = ?2";
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        let piece: Option<Vec<u8>> =
            reading.prepare_cached(sql)?.query_row((self.id, number), |row| row.get(0)).optional()?;
        piece.ok_or_else(|| Error::new(Code::FileNotFound).with_value(self.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_files_leave_no_more_in_memory_than_the_host_allows() {
        let dir = tempfile::tempdir().unwrap();
        let mut options = Store::options();
        let store = options.create(true).reader_cache_bytes(1 << 20).open(dir.path().join("s.db")).unwrap();
        let size =
            |reading: &Connection| reading.query_row("PRAGMA cache_size", [], |row| row.get::<_, i64>(0)).unwrap();
        for (asked, expected) in [(8 << 10, -1_024), (512, -512)] {
            assert_eq!(size(&store.reading().unwrap().with_cache(asked).unwrap()), expected);
            assert_eq!(size(&store.reading().unwrap()), -1_024, "the next one has its own again");
        }
        // Over several turns, each of which lets go of the pages of the one before.
        let bytes: Vec<u8> = (0..PIECE_BYTES * PIECES_A_TURN * 2 + 7).map(|at| (at % 251) as u8).collect();
        let stored =
            put(&store, "large", &bytes[..], u64::MAX, store.now().after(std::time::Duration::from_secs(60))).unwrap();
        let mut read = Vec::new();
        BytesReader::open(&store, stored.id, stored.bytes, 0).read_to_end(&mut read).unwrap();
        assert!(read == bytes);
    }
}
