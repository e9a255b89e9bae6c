//! The journal of runs, as it is kept: the run, its records between two parts, and what each part did for each record.

use std::rc::Rc;

use rusqlite::{Connection, OptionalExtension};

use super::definition::Automation;
use super::series::Pending;
use crate::error::{Code, Error, Language, Result, Words, words};
use crate::outbound::Trigger;
use crate::record::{Ids, IdsWriter};
use crate::store::Link;

/// The kind of the jobs of automations.
pub(crate) const KIND: &str = "automation";

/// A run, as its runner knows it.
pub(super) struct Run {
    pub(super) job: i64,
    pub(super) automation: Automation,
    pub(super) list: Option<i64>,
    pub(super) trigger: Trigger,
    pub(super) memo: String,
    /// The runs that led to this one.
    pub(super) chain: Vec<Link>,
    pub(super) ids: Ids,
    pub(super) begun: i64,
    pub(super) completed: u64,
    pub(super) failed: u64,
    /// Milliseconds.
    pub(super) worked: u64,
    pending: Pending,
}

/// A record between two parts.
pub(super) struct Open {
    pub(super) item: i64,
    pub(super) id: i64,
    /// The next part.
    pub(super) part: usize,
    /// Whether there is a row for it.
    pub(super) is_kept: bool,
    /// What it has found, by part, as far as it was asked for.
    pub(super) found: Vec<(usize, Rc<[i64]>)>,
    /// How far the next part is.
    pub(super) progress: Option<Progress>,
}

/// How far a part is that acts on many records.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    pub(super) position: usize,
    pub(super) records: u64,
    pub(super) refused: u64,
    /// Why the first was refused.
    pub(super) why: Option<Words>,
}

/// What a part did.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) branch: Option<bool>,
    pub(super) records: u64,
    pub(super) refused: u64,
    pub(super) output: Option<i64>,
    pub(super) found: Option<Rc<[i64]>>,
}

pub(super) fn packed(ids: &[i64]) -> Vec<u8> {
    let mut writer = IdsWriter::default();
    ids.iter().for_each(|id| writer.push(*id));
    writer.finish()
}

pub(super) fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl Run {
    pub(super) fn load(connection: &Connection, job: i64) -> Result<Run> {
        let sql = "SELECT setting, memo, items, begun, next_byte, last_id, completed, failed, worked, list_id,
            started_from, chain FROM renkei_automation WHERE job_id = ?1";
        let found = connection
            .prepare_cached(sql)?
            .query_row([job], |row| {
                let unsigned = |at: usize| row.get::<_, i64>(at).map(i64::unsigned_abs);
                let next = usize::try_from(row.get::<_, i64>(4)?).unwrap_or(usize::MAX);
                let (setting, memo): (String, String) = (row.get(0)?, row.get(1)?);
                let ids = Ids::at(row.get(2)?, next, row.get(5)?);
                let from = (row.get(9)?, Trigger::from_text(row.get_ref(10)?.as_str()?), row.get::<_, String>(11)?);
                Ok((setting, memo, ids, row.get(3)?, (unsigned(6)?, unsigned(7)?, unsigned(8)?), from))
            })
            .optional()?;
        let found = found.ok_or_else(|| Error::new(Code::JobNotFound).with_value(job))?;
        let (setting, memo, ids, begun, (completed, failed, worked), (list, trigger, chain)) = found;
        let unreadable = |error: serde_json::Error| {
            Error::new(Code::StoreCorrupt)
                .with_rule(words!("設定を読み取れません", "a setting is not readable"))
                .with_source(error)
        };
        Ok(Run {
            job,
            automation: serde_json::from_str(&setting).map_err(unreadable)?,
            list,
            trigger,
            memo,
            chain: serde_json::from_str(&chain).map_err(unreadable)?,
            ids,
            begun,
            completed,
            failed,
            worked,
            pending: Pending::default(),
        })
    }

    /// Writes what a transaction has done so far.
    pub(super) fn save(&mut self, connection: &Connection) -> Result<()> {
        self.pending.write(connection, self.job)?;
        let sql = "UPDATE renkei_automation SET begun = ?2, next_byte = ?3, last_id = ?4, completed = ?5, failed = ?6,
            worked = ?7 WHERE job_id = ?1";
        let next = i64::try_from(self.ids.next).unwrap_or(i64::MAX);
        connection.prepare_cached(sql)?.execute((
            self.job,
            self.begun,
            next,
            self.ids.last,
            count(self.completed),
            count(self.failed),
            count(self.worked),
        ))?;
        Ok(())
    }

    /// The next record that was not begun yet.
    pub(super) fn next(&mut self) -> Option<Open> {
        let id = self.ids.next()?;
        self.begun += 1;
        Some(Open { item: self.begun, id, part: 0, is_kept: false, found: Vec::new(), progress: None })
    }

    /// The records between two parts that wait for nothing, in their order.
    pub(super) fn open(&self, connection: &Connection) -> Result<Vec<Open>> {
        let sql = "SELECT item, unit_id, part FROM renkei_automation_open WHERE job_id = ?1 AND send_id IS NULL
            ORDER BY item";
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query([self.job])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            let mut open = Open {
                item: row.get(0)?,
                id: row.get(1)?,
                part: usize::try_from(row.get::<_, i64>(2)?).unwrap_or(usize::MAX),
                is_kept: true,
                found: Vec::new(),
                progress: None,
            };
            open.progress = self.progress(connection, &open)?;
            all.push(open);
        }
        Ok(all)
    }

    fn progress(&self, connection: &Connection, open: &Open) -> Result<Option<Progress>> {
        let sql = "SELECT position, records, refused, error_ja, error_en FROM renkei_automation_entry
            WHERE job_id = ?1 AND item = ?2 AND part = ?3 AND state = 'running'";
        let read = |row: &rusqlite::Row<'_>| {
            let unsigned = |at: usize| row.get::<_, i64>(at).map(i64::unsigned_abs);
            let (ja, en): (Option<String>, Option<String>) = (row.get(3)?, row.get(4)?);
            Ok(Progress {
                position: usize::try_from(unsigned(0)?).unwrap_or(usize::MAX),
                records: unsigned(1)?,
                refused: unsigned(2)?,
                why: ja.zip(en).map(|(ja, en)| Words::both(ja, en)),
            })
        };
        let part = i64::try_from(open.part).unwrap_or(i64::MAX);
        Ok(connection.prepare_cached(sql)?.query_row((self.job, open.item, part), read).optional()?)
    }

    /// The records whose http sends have ended, with the run of those.
    pub(super) fn answered(&self, connection: &Connection) -> Result<Vec<(Open, i64)>> {
        let sql = "SELECT o.item, o.unit_id, o.part, o.send_id FROM renkei_automation_open o
            LEFT JOIN renkei_job s ON s.id = o.send_id
            WHERE o.job_id = ?1 AND o.send_id IS NOT NULL AND (s.id IS NULL OR s.ended_at IS NOT NULL) ORDER BY o.item";
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query([self.job])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            let part = usize::try_from(row.get::<_, i64>(2)?).unwrap_or(usize::MAX);
            let (found, progress) = (Vec::new(), None);
            let open = Open { item: row.get(0)?, id: row.get(1)?, part, is_kept: true, found, progress };
            all.push((open, row.get(3)?));
        }
        Ok(all)
    }

    /// Writes that a record waits for the end of a run of http sends.
    pub(super) fn write_waiting(
        &self,
        connection: &Connection,
        open: &mut Open,
        send: i64,
        records: u64,
    ) -> Result<()> {
        let sql =
            "INSERT INTO renkei_automation_entry (job_id, item, part, unit_id, state, started_at, records, refused,
            output) SELECT ?1, ?2, ?3, ?4, 'waiting', created_at, ?5, 0, id FROM renkei_job WHERE id = ?6";
        let part = i64::try_from(open.part).unwrap_or(i64::MAX);
        connection.prepare_cached(sql)?.execute((self.job, open.item, part, open.id, count(records), send))?;
        self.keep(connection, open, Some(send))
    }

    /// How many records wait for the end of http sends.
    pub(super) fn waiting(&self, connection: &Connection) -> Result<u64> {
        let sql = "SELECT count(*) FROM renkei_automation_open WHERE job_id = ?1 AND send_id IS NOT NULL";
        let waiting: i64 = connection.prepare_cached(sql)?.query_row([self.job], |row| row.get(0))?;
        Ok(waiting.unsigned_abs())
    }

    /// What a record has found by a part.
    pub(super) fn found(&self, connection: &Connection, open: &mut Open, part: usize) -> Result<Rc<[i64]>> {
        if let Some((_, ids)) = open.found.iter().find(|(at, _)| *at == part) {
            return Ok(ids.clone());
        }
        let sql = "SELECT found FROM renkei_automation_entry WHERE job_id = ?1 AND item = ?2 AND part = ?3";
        let at = i64::try_from(part).unwrap_or(i64::MAX);
        let found: Option<Option<Vec<u8>>> =
            connection.prepare_cached(sql)?.query_row((self.job, open.item, at), |row| row.get(0)).optional()?;
        let ids: Rc<[i64]> = Ids::at(found.flatten().unwrap_or_default(), 0, 0).collect();
        open.found.push((part, ids.clone()));
        Ok(ids)
    }

    /// How many records a part has deleted in this run.
    pub(super) fn deleted(&mut self, connection: &Connection, part: usize) -> Result<u64> {
        self.pending.write(connection, self.job)?;
        let sql = "SELECT ifnull(sum(records * items), 0) FROM renkei_automation_entry WHERE job_id = ?1 AND part = ?2";
        let part = i64::try_from(part).unwrap_or(i64::MAX);
        let records: i64 = connection.prepare_cached(sql)?.query_row((self.job, part), |row| row.get(0))?;
        Ok(records.unsigned_abs())
    }

    /// Keeps where a record stands, between two transactions.
    pub(super) fn keep(&self, connection: &Connection, open: &mut Open, send: Option<i64>) -> Result<()> {
        let sql =
            "INSERT INTO renkei_automation_open (job_id, item, unit_id, part, send_id) VALUES (?1, ?2, ?3, ?4, ?5)
            ON CONFLICT (job_id, item) DO UPDATE SET part = excluded.part, send_id = excluded.send_id";
        let part = i64::try_from(open.part).unwrap_or(i64::MAX);
        connection.prepare_cached(sql)?.execute((self.job, open.item, open.id, part, send))?;
        open.is_kept = true;
        Ok(())
    }

    /// A record has come to its end.
    pub(super) fn close(&self, connection: &Connection, open: &Open) -> Result<()> {
        if open.is_kept {
            let sql = "DELETE FROM renkei_automation_open WHERE job_id = ?1 AND item = ?2";
            connection.prepare_cached(sql)?.execute((self.job, open.item))?;
        }
        Ok(())
    }

    /// Writes that a part is done for a record, or has failed.
    pub(super) fn write(
        &mut self,
        connection: &Connection,
        open: &Open,
        times: (i64, i64),
        done: &Done,
        error: Option<&Error>,
    ) -> Result<()> {
        if error.is_none() && self.pending.take(connection, self.job, open, times, done)? {
            return Ok(());
        }
        let fresh =
            "INSERT INTO renkei_automation_entry (job_id, item, part, unit_id, state, started_at, ended_at, branch,
            records, refused, output, found, error_code, error_ja, error_en)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
        let again = "INSERT INTO renkei_automation_entry (job_id, item, part, unit_id, state, started_at, ended_at, branch,
            records, refused, output, found, error_code, error_ja, error_en)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
            ON CONFLICT (job_id, item, part) DO UPDATE SET state = excluded.state, ended_at = excluded.ended_at,
            records = excluded.records, refused = excluded.refused, output = ifnull(excluded.output, output),
            position = NULL, error_code = excluded.error_code, error_ja = excluded.error_ja, error_en = excluded.error_en";
        // What was begun before has an entry already.
        let sql = if open.is_kept { again } else { fresh };
        let part = i64::try_from(open.part).unwrap_or(i64::MAX);
        connection.prepare_cached(sql)?.execute(rusqlite::params![
            self.job,
            open.item,
            part,
            open.id,
            match error.map(Error::code) {
                None => "done",
                Some(Code::Cancelled) => "cancelled",
                Some(_) => "failed",
            },
            times.0,
            times.1,
            done.branch,
            count(done.records),
            count(done.refused),
            done.output,
            done.found.as_deref().map(packed),
            error.map(|error| error.code().as_str()),
            error.map(|error| error.message(Language::Japanese)),
            error.map(|error| error.message(Language::English)),
        ])?;
        Ok(())
    }

    /// Writes how far a part is that acts on many records.
    pub(super) fn write_progress(&self, connection: &Connection, open: &Open, started: i64) -> Result<()> {
        let Some(progress) = &open.progress else { return Ok(()) };
        let sql =
            "INSERT INTO renkei_automation_entry (job_id, item, part, unit_id, state, started_at, records, refused,
            position, error_ja, error_en) VALUES (?1, ?2, ?3, ?4, 'running', ?5, ?6, ?7, ?8, ?9, ?10)
            ON CONFLICT (job_id, item, part) DO UPDATE SET records = excluded.records, refused = excluded.refused,
            position = excluded.position, error_ja = excluded.error_ja, error_en = excluded.error_en";
        let part = i64::try_from(open.part).unwrap_or(i64::MAX);
        let position = i64::try_from(progress.position).unwrap_or(i64::MAX);
        connection.prepare_cached(sql)?.execute(rusqlite::params![
            self.job,
            open.item,
            part,
            open.id,
            started,
            count(progress.records),
            count(progress.refused),
            position,
            progress.why.as_ref().map(|why| why.get(Language::Japanese).to_owned()),
            progress.why.as_ref().map(|why| why.get(Language::English).to_owned()),
        ])?;
        Ok(())
    }
}
