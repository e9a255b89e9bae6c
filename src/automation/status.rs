//! How runs of automations stand, and their journal.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;

use super::definition::{Automation, Part};
use super::journal::KIND;
use super::series::MOST;
use crate::access::{self, Door, Right};
use crate::error::{Code, Error, Language, Result, words};
use crate::job::{self, JobError, JobState};
use crate::outbound::{Trigger, cancel_delivery, http_send};
use crate::record::Ids;
use crate::schema::documents;
use crate::store::{Link, Store};

/// A run of an automation, as it stands.
///
/// At every moment `total` is the sum of `completed`, `failed`, `waiting` and `unprocessed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AutomationRun {
    /// The id of the run.
    pub run_id: i64,
    /// The state: reserved also while records wait for answers; completed when every record has come to its end, also where
    /// parts failed.
    pub state: JobState,
    /// The code of the automation.
    pub automation: String,
    /// The id of the database.
    pub database_id: i64,
    /// The id of the list from which it was started.
    pub list_id: Option<i64>,
    /// By what it was started.
    pub trigger: Trigger,
    /// The note given with it.
    pub memo: String,
    /// The runs that led to this one by what they wrote, the first first: the code of the setting, and the id of the run.
    pub chain: Vec<String>,
    /// Records, or detail rows, for which it was started.
    pub total: u64,
    /// Records that came to the end of the parts.
    pub completed: u64,
    /// Records that were stopped by an error.
    pub failed: u64,
    /// Records that stand between two parts, or wait for an answer.
    pub waiting: u64,
    /// Records for which nothing was done yet.
    pub unprocessed: u64,
    /// Why it failed or was ended.
    pub error: Option<JobError>,
    /// When it was started, in milliseconds since 1970.
    pub created_at: i64,
    /// When it was first run.
    pub started_at: Option<i64>,
    /// When it ended.
    pub ended_at: Option<i64>,
}

/// How a part stands for a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EntryState {
    /// It acts on many records, and is in the midst of them.
    Running,
    /// It waits for an answer.
    Waiting,
    /// It is done.
    Done,
    /// It failed, and the record stopped there.
    Failed,
    /// What it sent was cancelled, and the record stopped there.
    Cancelled,
}

/// One entry of the journal of a run: what a part did for a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AutomationEntry {
    /// The place of the record in the run, counted from 1.
    pub item: u64,
    /// The id of the record, or of the detail row.
    pub unit_id: i64,
    /// The code of the part.
    pub part: String,
    /// How it stands.
    pub state: EntryState,
    /// When it began, in milliseconds since 1970.
    pub started_at: i64,
    /// When it ended.
    pub ended_at: Option<i64>,
    /// Which way it went: whether a search found something, or a condition held.
    pub branch: Option<bool>,
    /// Records, or detail rows, that it found, wrote or sent.
    pub records: u64,
    /// Records that refused.
    pub refused: u64,
    /// The id of what it made: the record it registered, the delivery of a mail, the run of http sends, the file.
    pub output: Option<i64>,
    /// Why it failed.
    pub error: Option<JobError>,
}

/// What a run would do; see [`Store::plan_automation`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AutomationPlan {
    /// Records, or detail rows, for which it would be started.
    pub total: u64,
    /// Records that would come to the end of the parts.
    pub completed: u64,
    /// Records that would be stopped by an error.
    pub failed: u64,
    /// The error that would end the run, where its definition says so.
    pub error: Option<JobError>,
    /// The first 1,000 entries of its journal, with ids that what is made would have.
    pub entries: Vec<AutomationEntry>,
}

impl AutomationPlan {
    pub(super) fn of(run: &AutomationRun, entries: Vec<AutomationEntry>, error: Option<&Error>) -> AutomationPlan {
        let error = error.map(|error| JobError {
            code: error.code().as_str().to_owned(),
            ja: error.message(Language::Japanese),
            en: error.message(Language::English),
        });
        AutomationPlan { total: run.total, completed: run.completed, failed: run.failed, error, entries }
    }
}

impl EntryState {
    fn from_text(text: &str) -> EntryState {
        match text {
            "running" => EntryState::Running,
            "waiting" => EntryState::Waiting,
            "done" => EntryState::Done,
            "cancelled" => EntryState::Cancelled,
            _ => EntryState::Failed,
        }
    }
}

impl Store {
    /// How a run of an automation stands.
    ///
    /// # Errors
    ///
    /// [`Code::JobNotFound`]; [`Code::AccessDenied`] without the right to view.
    pub fn automation_run(&self, run_id: i64) -> Result<AutomationRun> {
        let reading = self.reading()?;
        let run = load(&reading, run_id)?;
        access::demand(self, &reading, run.database_id, Right::View)?;
        Ok(run)
    }

    /// Waits until a run of an automation has ended, or `timeout` is over; how it stands then.
    ///
    /// # Errors
    ///
    /// As [`Store::automation_run`].
    pub fn wait_automation(&self, run_id: i64, timeout: Duration) -> Result<AutomationRun> {
        let began = Instant::now();
        loop {
            let run = self.automation_run(run_id)?;
            let left = timeout.saturating_sub(began.elapsed());
            if run.state.is_ended() || left.is_zero() {
                return Ok(run);
            }
            std::thread::sleep(left.min(Duration::from_millis(20)));
        }
    }

    /// The journal of a run, record by record and part by part: at most `limit` entries behind the entry `after`, which is
    /// named by its item and its place among those of the item, counted from 1.
    ///
    /// # Errors
    ///
    /// As [`Store::automation_run`].
    pub fn automation_entries(
        &self,
        run_id: i64,
        after: Option<(u64, u64)>,
        limit: u64,
    ) -> Result<Vec<AutomationEntry>> {
        let reading = self.reading()?;
        let run = load(&reading, run_id)?;
        access::demand(self, &reading, run.database_id, Right::View)?;
        entries(&reading, run_id, after, limit)
    }

    /// Ends a run of an automation: one that waits is ended at once, one that runs within a second. What is done stays done;
    /// http sends for whose end it waits are cancelled, as [`Store::cancel_http_send`] does it.
    ///
    /// # Errors
    ///
    /// [`Code::JobNotFound`]; [`Code::AccessDenied`] without the rights to view and to update; [`Code::JobState`] when it has ended already.
    pub fn cancel_automation(&self, run_id: i64) -> Result<()> {
        let run = self.automation_run(run_id)?;
        access::demand(self, &*self.reading()?, run.database_id, Right::Update)?;
        job::cancel(self, KIND, run_id)?;
        let sql = "SELECT d.id FROM renkei_automation_open o
            JOIN renkei_delivery d ON d.kind = ?2 AND d.run_id = o.send_id AND d.ended_at IS NULL WHERE o.job_id = ?1";
        let open: Vec<i64> = {
            let reading = self.reading()?;
            let mut statement = reading.prepare_cached(sql)?;
            statement.query_map((run_id, http_send::KIND), |row| row.get(0))?.collect::<rusqlite::Result<_>>()?
        };
        for delivery in open {
            match cancel_delivery(self, delivery) {
                // It ended between the look and the call.
                Err(error) if error.code() == Code::DeliveryState => {}
                result => result?,
            }
        }
        Ok(())
    }

    /// The latest runs of automations, newest first: those of databases whose records whoever acts may view; of one
    /// automation, where it is named by its id.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub fn automation_runs(&self, automation_id: Option<i64>, limit: u64) -> Result<Vec<AutomationRun>> {
        let reading = self.reading()?;
        let door = Door::open(self, &reading)?;
        let sql = "SELECT job_id, database_id FROM renkei_automation WHERE ?1 IS NULL OR setting_id = ?1
            ORDER BY job_id DESC";
        let mut statement = reading.prepare_cached(sql)?;
        let mut rows = statement.query([automation_id])?;
        let mut runs = Vec::new();
        while (runs.len() as u64) < limit
            && let Some(row) = rows.next()?
        {
            if door.has(row.get(1)?, Right::View) {
                runs.push(load(&reading, row.get(0)?)?);
            }
        }
        Ok(runs)
    }

    /// The automations of a database, by id.
    ///
    /// # Errors
    ///
    /// [`Code::DatabaseNotFound`]; [`Code::AccessDenied`] without any right in it.
    pub fn automations(&self, database: &str) -> Result<Vec<Automation>> {
        let reading = self.reading()?;
        let door = Door::open(self, &reading)?;
        documents::load_of(&reading, door.definition(database)?.id)
    }
}

impl Store {
    /// The first entries that tell of a failure.
    pub(super) fn automation_errors(&self, run_id: i64, most: usize) -> Result<Vec<AutomationEntry>> {
        read(&*self.reading()?, run_id, "AND state = 'failed'", (1, 0, most as u64))
    }
}

pub(super) fn load(connection: &Connection, run: i64) -> Result<AutomationRun> {
    let job = job::get(connection, KIND, run)?;
    let sql =
        "SELECT json_extract(setting, '$.code'), database_id, list_id, started_from, memo, chain, total, completed,
        failed, begun FROM renkei_automation WHERE job_id = ?1";
    let found = connection
        .prepare_cached(sql)?
        .query_row([run], |row| {
            let unsigned = |at: usize| row.get::<_, i64>(at).map(i64::unsigned_abs);
            let chain: String = row.get(5)?;
            let (total, completed, failed, begun) = (unsigned(6)?, unsigned(7)?, unsigned(8)?, unsigned(9)?);
            Ok(AutomationRun {
                run_id: run,
                state: job.state,
                automation: row.get(0)?,
                database_id: row.get(1)?,
                list_id: row.get(2)?,
                trigger: Trigger::from_text(row.get_ref(3)?.as_str()?),
                memo: row.get(4)?,
                chain: links(&chain),
                total,
                completed,
                failed,
                waiting: begun.saturating_sub(completed + failed),
                unprocessed: total.saturating_sub(begun),
                error: job.error.clone(),
                created_at: job.created_at.0,
                started_at: job.started_at.map(|at| at.0),
                ended_at: job.ended_at.map(|at| at.0),
            })
        })
        .optional()?;
    found.ok_or_else(|| Error::new(Code::JobNotFound).with_value(run))
}

fn links(chain: &str) -> Vec<String> {
    let links: Vec<Link> = serde_json::from_str(chain).unwrap_or_default();
    links.iter().map(ToString::to_string).collect()
}

/// The codes of the parts, in the order in which they are written.
fn codes(parts: &[Part], all: &mut Vec<String>) {
    for part in parts {
        all.push(part.code.clone());
        part.branches().iter().for_each(|branch| codes(branch, all));
    }
}

pub(super) fn entries(
    connection: &Connection,
    run: i64,
    after: Option<(u64, u64)>,
    limit: u64,
) -> Result<Vec<AutomationEntry>> {
    let (item, skipped) = after.unwrap_or_default();
    read(connection, run, "", (item.max(1), skipped, limit))
}

/// Reads entries from an item on, without the first of them.
fn read(
    connection: &Connection,
    run: i64,
    only: &str,
    (item, skipped, limit): (u64, u64, u64),
) -> Result<Vec<AutomationEntry>> {
    let sql = "SELECT setting FROM renkei_automation WHERE job_id = ?1";
    let setting: Option<String> = connection.prepare_cached(sql)?.query_row([run], |row| row.get(0)).optional()?;
    let setting = setting.ok_or_else(|| Error::new(Code::JobNotFound).with_value(run))?;
    let automation: Automation = serde_json::from_str(&setting).map_err(|error| {
        Error::new(Code::StoreCorrupt)
            .with_rule(words!("設定を読み取れません", "a setting is not readable"))
            .with_source(error)
    })?;
    let mut parts = Vec::new();
    codes(&automation.parts, &mut parts);
    let bounded = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    // A row may stand for the items behind it.
    let sql = format!(
        "SELECT item, unit_id, part, state, started_at, ended_at, branch, records, refused, output, error_code,
        error_ja, error_en, units FROM renkei_automation_entry WHERE job_id = ?1 AND item > ?2 - {MOST} {only}
        ORDER BY item, part"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query((run, bounded(item)))?;
    // Entries of an item are few; those before the place asked for are passed over.
    let wanted = usize::try_from(skipped.saturating_add(limit)).unwrap_or(usize::MAX);
    let (mut all, mut waiting) = (Vec::new(), BTreeMap::new());
    while let Some(row) = rows.next()? {
        let unsigned = |at: usize| row.get::<_, i64>(at).map(i64::unsigned_abs);
        let (first, unit_id) = (unsigned(0)?, row.get(1)?);
        // What comes now is of this item or a later one.
        let later = waiting.split_off(&(first, 0));
        all.extend(std::mem::replace(&mut waiting, later).into_values());
        if all.len() >= wanted {
            break;
        }
        let part = usize::try_from(row.get::<_, i64>(2)?).unwrap_or(usize::MAX);
        let code: Option<String> = row.get(10)?;
        let entry = AutomationEntry {
            item: first,
            unit_id,
            part: parts.get(part).cloned().unwrap_or_default(),
            state: EntryState::from_text(row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?),
            started_at: row.get(4)?,
            ended_at: row.get(5)?,
            branch: row.get(6)?,
            records: unsigned(7)?,
            refused: unsigned(8)?,
            output: row.get(9)?,
            error: match code {
                Some(code) => Some(JobError { code, ja: row.get(11)?, en: row.get(12)? }),
                None => None,
            },
        };
        let units: Option<Vec<u8>> = row.get(13)?;
        let units: Vec<i64> = units.map_or_else(|| vec![unit_id], |units| Ids::at(units, 0, 0).collect());
        for (at, unit_id) in (first..).zip(units).filter(|(at, _)| *at >= item) {
            waiting.insert((at, part), AutomationEntry { item: at, unit_id, ..entry.clone() });
        }
    }
    all.extend(waiting.into_values());
    all.drain(..all.len().min(usize::try_from(skipped).unwrap_or(usize::MAX)));
    all.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(all)
}
