//! A whole database on several threads: each reads and writes every so many-th stretch of records, and the stretches are
//! put together in their order.
//!
//! Reading and formatting take all the time of an export, and both can be shared out. All threads must see the same
//! moment, though, and SQLite has no way to give a second connection the snapshot of the first. So it is looked
//! afterwards whether anybody wrote while the snapshots were taken; see [`of_same_moment`].

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use rusqlite::Connection;

use super::run::{Exported, Part, Progress, Work};
use crate::csv::{Unmapped, Writer};
use crate::error::{Code, Error, Result};
use crate::query::{Condition, Query};
use crate::schema::Table;
use crate::store::{Reading, Store};

/// Fewer records are not worth the threads.
const WORTH_IT: i64 = 20_000;

/// The records of a stretch: so few that its lines wait in the channel while it is not their turn.
const STRETCH: i64 = 2_048;

/// At most so many stretches: each costs a statement, also where there are no records between its ids.
const STRETCHES: i64 = 16_384;

/// More threads find the one that puts the stretches together too slow.
const THREADS: usize = 4;

/// What waits for its turn, for each thread: so many pieces of so many bytes at most.
const PIECES: usize = 12;
const PIECE: usize = 128 << 10;

const UNMAPPED_KEPT: usize = 1_000;

/// How the records of a database are shared out.
pub(super) struct Division {
    pub(super) threads: usize,
    first: i64,
    last: i64,
    /// The ids of a stretch.
    step: i64,
}

impl Division {
    /// None where one thread does as well, or where the order is not that of the ids.
    pub(super) fn of(connection: &Connection, table: &Table, query: &Query) -> Result<Option<Division>> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS);
        if threads < 2 || *query != Query::new() {
            return Ok(None);
        }
        // In one statement SQLite would read the whole table for the two.
        let header = &table.header.sql;
        let sql = format!("SELECT (SELECT min(_id) FROM {header}), (SELECT max(_id) FROM {header})");
        let bounds = connection.prepare_cached(&sql)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (Some(first), Some(last)): (Option<i64>, Option<i64>) = bounds else { return Ok(None) };
        let span = last.saturating_sub(first).saturating_add(1);
        if span < WORTH_IT {
            return Ok(None);
        }
        // Ids have gaps, so the span alone says little. This much is counted without reading the whole table.
        let sql = format!("SELECT count(*) FROM (SELECT 1 FROM {header} LIMIT {WORTH_IT})");
        let count: i64 = connection.prepare_cached(&sql)?.query_row([], |row| row.get(0))?;
        if count < WORTH_IT {
            return Ok(None);
        }
        Ok(Some(Division { threads, first, last, step: STRETCH.max(span / STRETCHES) }))
    }

    fn stretches(&self) -> i64 {
        (self.last - self.first) / self.step + 1
    }

    fn query(&self, stretch: i64) -> Query {
        let from = self.first + stretch * self.step;
        let to = from.saturating_add(self.step - 1).min(self.last);
        Query::new().filter(Condition::between("_id", from, to))
    }
}

/// What all readings of an export may keep in memory, in KiB: what is read once from end to end needs little of it.
pub(crate) const CACHE_KIB: i64 = 8 << 10;

/// More readings of the moment of `reading`; none when somebody wrote meanwhile, and then `reading` is of a later moment
/// than before.
pub(super) fn of_same_moment(store: &Store, reading: &Connection, count: usize) -> Result<Option<Vec<Reading>>> {
    // SQLite changes this number when a transaction sees what another connection has written since the last one.
    let version = || -> Result<i64> { Ok(reading.query_row("PRAGMA data_version", [], |row| row.get(0))?) };
    let before = version()?;
    let mut readings = Vec::with_capacity(count);
    for _ in 0..count {
        let other = store.reading()?.with_cache(CACHE_KIB / count.max(1) as i64)?;
        // The snapshot is taken at the first look.
        crate::store::definitions_version(&other)?;
        readings.push(other);
    }
    // Others read from here on: what this one has in memory is not needed again.
    reading.execute_batch("PRAGMA shrink_memory")?;
    // Every snapshot above lies between the old and the new one of `reading`: if these are the same, so are all.
    reading.prepare_cached("COMMIT")?.raw_execute()?;
    reading.prepare_cached("BEGIN")?.raw_execute()?;
    Ok((version()? == before).then_some(readings))
}

/// What a thread hands over.
enum Message {
    Piece(Vec<u8>),
    End(Part, Vec<Unmapped>, u64),
    Failed(Error),
}

/// Sends what is written, in pieces of bounded size.
struct Pieces<'a>(&'a SyncSender<Message>);

impl Write for Pieces<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = &bytes[..bytes.len().min(PIECE)];
        // Nobody receives any more when the export has failed or is cancelled.
        self.0.send(Message::Piece(piece.to_vec())).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes all stretches to `out`, of which `header` lines are written already.
pub(super) fn run(
    work: &Work<'_>,
    division: &Division,
    readings: Vec<Reading>,
    out: &mut impl Write,
    header: u64,
    exported: &mut Exported,
    progress: &mut Progress<'_>,
) -> Result<()> {
    let threads = readings.len();
    std::thread::scope(|scope| {
        // Dropped when this closure ends in whatever way: then no thread waits for ever to hand something over.
        let mut receivers = Vec::with_capacity(threads);
        for (at, reading) in readings.into_iter().enumerate() {
            let (sender, receiver) = sync_channel(PIECES);
            receivers.push(receiver);
            std::thread::Builder::new().name("renkei-export".to_owned()).spawn_scoped(scope, move || {
                let mut stretches = (at as i64..division.stretches()).step_by(threads);
                let failed =
                    stretches.find_map(|stretch| write(work, division, &reading, &sender, stretch, header).err());
                if let Some(error) = failed {
                    let _ = sender.send(Message::Failed(error));
                }
            })?;
        }
        gather(division, receivers, out, header, exported, progress)
    })
}

/// The record that a stretch counts from. Only the very first record of a file is written differently.
fn counted_from(stretch: i64, header: u64) -> u64 {
    if stretch == 0 && header == 0 { 1 } else { 2 }
}

fn write(
    work: &Work<'_>,
    division: &Division,
    reading: &Reading,
    sender: &SyncSender<Message>,
    stretch: i64,
    header: u64,
) -> Result<()> {
    let mut writer = Writer::resume(Pieces(sender), work.export.format, counted_from(stretch, header));
    let part = work.write(reading, &division.query(stretch), &mut writer, |_| Ok(()))?;
    let (unmapped, count) = (writer.unmapped().to_vec(), writer.unmapped_count());
    writer.finish()?;
    sender.send(Message::End(part, unmapped, count)).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe).into())
}

fn gather(
    division: &Division,
    receivers: Vec<Receiver<Message>>,
    out: &mut impl Write,
    header: u64,
    exported: &mut Exported,
    progress: &mut Progress<'_>,
) -> Result<()> {
    for (stretch, receiver) in (0..division.stretches()).zip(receivers.iter().cycle()) {
        // The place in the file of what the thread counts as its own.
        let lines = exported.lines;
        let place = |record: u64| (record + header + lines + 1).saturating_sub(counted_from(stretch, header));
        loop {
            match receiver.recv() {
                Ok(Message::Piece(piece)) => out.write_all(&piece)?,
                Ok(Message::End(part, unmapped, count)) => {
                    exported.records += part.records;
                    exported.lines += part.lines;
                    exported.unmapped_count += count;
                    let room = UNMAPPED_KEPT.saturating_sub(exported.unmapped.len());
                    let placed = unmapped.into_iter().take(room);
                    exported.unmapped.extend(placed.map(|found| Unmapped { record: place(found.record), ..found }));
                    break;
                }
                Ok(Message::Failed(error)) => {
                    return Err(match error.line() {
                        Some(line) => error.at_line(place(line)),
                        None => error,
                    });
                }
                Err(_) => return Err(Error::new(Code::Internal).with_rule("a thread of the export is gone")),
            }
            progress.look(exported.lines)?;
        }
    }
    Ok(())
}
