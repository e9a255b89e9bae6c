//! Entries of the journal that differ in their record alone, kept as one row.

use rusqlite::Connection;

use super::journal::{Done, Open, count};
use crate::error::Result;
use crate::record::IdsWriter;

/// The most entries in one row.
pub(super) const MOST: i64 = 256;

/// Entries of one part for records that follow each other, for which it did the same in the same millisecond.
struct Series {
    item: i64,
    id: i64,
    times: (i64, i64),
    branch: Option<bool>,
    records: u64,
    items: i64,
    units: IdsWriter,
}

/// By part, what is not written yet.
#[derive(Default)]
pub(super) struct Pending {
    of_parts: Vec<Option<Series>>,
}

impl Pending {
    /// Takes an entry up that needs no row of its own; whether it did.
    pub(super) fn take(
        &mut self,
        connection: &Connection,
        job: i64,
        open: &Open,
        times: (i64, i64),
        done: &Done,
    ) -> Result<bool> {
        // What was begun before has a row already.
        if open.is_kept || done.refused > 0 || done.output.is_some() || done.found.is_some() {
            return Ok(false);
        }
        if self.of_parts.len() <= open.part {
            self.of_parts.resize_with(open.part + 1, || None);
        }
        let place = &mut self.of_parts[open.part];
        if let Some(series) = place {
            let follows = series.item + series.items == open.item && series.items < MOST;
            if follows && (series.times, series.branch, series.records) == (times, done.branch, done.records) {
                series.items += 1;
                series.units.push(open.id);
                return Ok(true);
            }
        }
        let (branch, records) = (done.branch, done.records);
        let mut series =
            Series { item: open.item, id: open.id, times, branch, records, items: 1, units: IdsWriter::default() };
        series.units.push(open.id);
        if let Some(before) = place.replace(series) {
            before.write(connection, job, open.part)?;
        }
        Ok(true)
    }

    /// Writes everything that was taken up.
    pub(super) fn write(&mut self, connection: &Connection, job: i64) -> Result<()> {
        for (part, series) in self.of_parts.iter_mut().enumerate() {
            if let Some(series) = series.take() {
                series.write(connection, job, part)?;
            }
        }
        Ok(())
    }
}

impl Series {
    fn write(self, connection: &Connection, job: i64, part: usize) -> Result<()> {
        let sql =
            "INSERT INTO renkei_automation_entry (job_id, item, part, unit_id, state, started_at, ended_at, branch,
            records, refused, items, units) VALUES (?1, ?2, ?3, ?4, 'done', ?5, ?6, ?7, ?8, 0, ?9, ?10)";
        connection.prepare_cached(sql)?.execute((
            job,
            self.item,
            i64::try_from(part).unwrap_or(i64::MAX),
            self.id,
            self.times.0,
            self.times.1,
            self.branch,
            count(self.records),
            self.items,
            (self.items > 1).then(|| self.units.finish()),
        ))?;
        Ok(())
    }
}
