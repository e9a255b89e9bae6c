//! Runs of CSV pushes: the body is made and frozen, and queued together with the run.

use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;

use super::super::delivery::{Body, DeliveryState, NewDelivery, enqueue};
use super::super::http_send::is_about_the_message;
use super::super::right::{demand_sendable, is_sendable, sendable};
use super::super::settle::{Consequence, Settled};
use super::super::status;
use super::super::transport::ErrorFamily;
use super::body::Envelope;
use super::setting::CsvPush;
use crate::access::{self, Door};
use crate::error::{Code, Error, Kind, Result, words};
use crate::export::{CACHE_KIB, Export, Exported};
use crate::job::{self, JobError, JobState, NewJob};
use crate::query::{self, Condition, List, MenuEntry, Query, Selection};
use crate::record::{Chosen, Ids, IdsWriter, Selector};
use crate::schema::documents;
use crate::schema::{Catalog, Table, Value};
use crate::store::bytes::BytesWriter;
use crate::store::{Reading, Store, Writing};
use crate::template::call_values;

/// The kind of the jobs and deliveries of CSV pushes.
pub(crate) const KIND: &str = "csv_push";

/// A body that no run took, because its maker died, is kept so long.
const UNTAKEN: Duration = Duration::from_secs(24 * 60 * 60);

/// The first bytes of an answer that are kept with the run.
const ANSWER_BYTES: usize = 1_024;

/// What is asked for when a CSV push is started.
///
/// ```
/// use renkei::{Condition, PushRequest};
///
/// let all = PushRequest::new("customers", "all", "core").memo("月次");
/// let some = PushRequest::new("customers", "all", "core").search("tokyo").filter(Condition::equals("state", "新規"));
/// let chosen = PushRequest::new("customers", "all", "core").records(["0001", "0002"]);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct PushRequest {
    database: String,
    list: String,
    push: String,
    choice: Chosen,
    memo: String,
    token: Option<String>,
}

impl PushRequest {
    /// All records of a list, by a CSV push that stands in its sub-menu; database, list and push by code or id.
    pub fn new(database: impl Into<String>, list: impl Into<String>, push: impl Into<String>) -> PushRequest {
        PushRequest {
            database: database.into(),
            list: list.into(),
            push: push.into(),
            choice: Chosen::default(),
            memo: String::new(),
            token: None,
        }
    }

    /// Only records that a saved search finds, by its code or id.
    pub fn search(mut self, search: impl Into<String>) -> PushRequest {
        self.choice.search = Some(search.into());
        self
    }

    /// Only records that fulfil `condition`, beside the search.
    pub fn filter(mut self, condition: Condition) -> PushRequest {
        self.choice.filter(condition);
        self
    }

    /// Only these records, at most 10,000.
    pub fn records(mut self, records: impl IntoIterator<Item = impl Into<Selector>>) -> PushRequest {
        self.choice.name(records);
        self
    }

    /// A note that is kept with the run, and can be sent as `${@memo}`.
    pub fn memo(mut self, memo: impl Into<String>) -> PushRequest {
        self.memo = memo.into();
        self
    }

    /// A token of the caller's own: a second request with the same token gives the first one's run.
    pub fn token(mut self, token: impl Into<String>) -> PushRequest {
        self.token = Some(token.into());
        self
    }
}

/// A run of a CSV push, as it stands (システム連携状況確認).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PushRun {
    /// The id of the run.
    pub run_id: i64,
    /// The state: reserved until it has been sent, running while records are updated afterwards, then completed, failed or
    /// cancelled.
    pub state: JobState,
    /// The code of the CSV push.
    pub push: String,
    /// The id of the database.
    pub database_id: i64,
    /// The id of the list.
    pub list_id: i64,
    /// The note given with it.
    pub memo: String,
    /// How many records are in the body.
    pub records: u64,
    /// How many lines of CSV, without the header line.
    pub lines: u64,
    /// The size of the body.
    pub bytes: u64,
    /// The SHA-256 of the body, in hexadecimal digits; empty when there is no body.
    pub sha256: String,
    /// The delivery; `None` when the run failed before there was one.
    pub delivery_id: Option<i64>,
    /// How the delivery stands.
    pub delivery_state: Option<DeliveryState>,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next, in milliseconds since 1970, while it waits.
    pub next_attempt_at: Option<i64>,
    /// The HTTP status of the last answer.
    pub status: Option<u16>,
    /// The first 1,024 bytes of the last answer, as text.
    pub answer: String,
    /// How far it came, if it failed: before sending, or with an answer.
    pub family: Option<ErrorFamily>,
    /// Why it failed.
    pub error: Option<JobError>,
    /// Records updated after success, so far.
    pub updated: u64,
    /// Records that could not be updated: they are gone, or refuse the value.
    pub not_updated: u64,
    /// Why the first of them could not.
    pub update_error: Option<String>,
    /// When it was started, in milliseconds since 1970.
    pub created_at: i64,
    /// When it ended.
    pub ended_at: Option<i64>,
}

/// What was made of the records.
struct Made {
    file: i64,
    bytes: u64,
    sha256: [u8; 32],
    exported: Exported,
    ids: Option<Vec<u8>>,
    envelope: Envelope,
}

/// Of which records a body is made.
struct Source<'a> {
    catalog: &'a Catalog,
    table: &'a Table,
    list: &'a List,
    condition: Option<Condition>,
}

/// What a request names.
struct Named {
    push: CsvPush,
    list_id: i64,
    database_id: i64,
}

impl Store {
    /// Starts a CSV push (システム連携の実行): writes the records as CSV into the store, all of one moment, and queues them
    /// together with the run. A [`Worker`](crate::Worker) sends them.
    ///
    /// A body that cannot be made (too many records, a character that the encoding does not have, none at all) is no error
    /// of this call: the run has failed then, with [`ErrorFamily::BeforeSending`].
    ///
    /// # Errors
    ///
    /// [`Code::DatabaseNotFound`], [`Code::DefinitionNotFound`], [`Code::AccessDenied`] without the rights to export
    /// and to view;
    /// [`Code::MenuAbsent`] when the list has the push not in its sub-menu; what a [`Query`] is refused for; when the store fails.
    pub fn push(&self, request: &PushRequest) -> Result<PushRun> {
        let (named, records, made) = {
            let reading = self.reading()?.with_cache(CACHE_KIB)?;
            let call = call_values(self, &reading, self.now(), &request.memo)?;
            let door = Door::open(self, &reading)?;
            let table = sendable(&door, &request.database)?;
            let push: CsvPush = documents::get(&reading, Some(table.id), &request.push)?;
            let list: List = documents::get(&reading, Some(table.id), &request.list)?;
            if !list.menu.sub_menu.contains(&MenuEntry::CsvPush(push.code.clone())) {
                let code = &list.code;
                let rule = words!("一覧「{code}」のサブメニュー", "sub_menu of the list \"{code}\"");
                return Err(Error::new(Code::MenuAbsent).with_value(&push.code).with_rule(rule));
            }
            if let Some(token) = &request.token
                && let Some(run) = job::find(&reading, KIND, token)?
            {
                let run = load(&reading, run)?;
                demand_sendable(self, &reading, run.database_id)?;
                return Ok(run);
            }
            let condition = request.choice.condition(&reading, table)?;
            // A condition that does not fit is the caller's fault, and seen before anything is written.
            let records = query::count(self, &reading, door.catalog(), table, condition.as_ref())?;
            let of = Source { catalog: door.catalog(), table, list: &list, condition };
            let made = self.make(&reading, &push, &of, records, &call);
            (Named { list_id: list.id.unwrap_or_default(), database_id: table.id, push }, records, made)
        };
        let made = match made {
            Err(error) if !is_about_the_message(&error) => return Err(error),
            made => made,
        };
        let run = self.write(|writing| start(self, writing, request, &named, made, records))?;
        self.push_run(run)
    }

    /// Writes the body into the store.
    fn make(&self, reading: &Reading, push: &CsvPush, of: &Source<'_>, records: u64, call: &[Value]) -> Result<Made> {
        let Source { catalog, table, list, condition } = of;
        let compiled = push.compile(catalog)?;
        check_records(push, records)?;
        let envelope = Envelope::of(self, push, &compiled, call)?;
        let most = push.most_bytes.unwrap_or(u64::MAX).min(self.limits().file_bytes);
        let export = Export {
            list: Some(list.code.clone()),
            condition: condition.clone(),
            values: push.values,
            headings: push.headings.clone(),
            format: push.csv,
            ..Export::of(table.code())
        };
        let mut file = BytesWriter::new(self, &format!("{}.csv", push.code), most, self.now().after(UNTAKEN))?;
        // The export may be of a later moment than the count.
        let exported = envelope.write(push, &mut file, |out| self.export_of(reading, &export, out, |_| true))?;
        check_records(push, exported.records)?;
        let stored = file.finish()?;
        let ids = match push.after_success.is_empty() {
            true => None,
            false => {
                // By id, and of the same moment as the export.
                let selection = Selection::new(self, catalog, table, [])?;
                let query = Query { condition: condition.clone(), ..Query::new() };
                let mut ids = IdsWriter::default();
                selection.for_each(reading, &query, |row| {
                    ids.push(row.id());
                    Ok(true)
                })?;
                Some(ids.finish())
            }
        };
        Ok(Made { file: stored.id, bytes: stored.bytes, sha256: stored.sha256, exported, ids, envelope })
    }

    /// How a run of a CSV push stands (システム連携状況確認).
    ///
    /// # Errors
    ///
    /// [`Code::JobNotFound`], [`Code::AccessDenied`].
    pub fn push_run(&self, run_id: i64) -> Result<PushRun> {
        let reading = self.reading()?;
        let run = load(&reading, run_id)?;
        demand_sendable(self, &reading, run.database_id)?;
        Ok(run)
    }

    /// Waits until a run of a CSV push has ended, or `timeout` is over; how it stands then.
    ///
    /// # Errors
    ///
    /// [`Code::JobNotFound`], [`Code::AccessDenied`].
    pub fn wait_push(&self, run_id: i64, timeout: Duration) -> Result<PushRun> {
        let began = Instant::now();
        loop {
            let run = self.push_run(run_id)?;
            let left = timeout.saturating_sub(began.elapsed());
            if run.state.is_ended() || left.is_zero() {
                return Ok(run);
            }
            std::thread::sleep(left.min(Duration::from_millis(20)));
        }
    }

    /// Cancels a run of a CSV push. One that waits is cancelled at once; one that is being sent is not called back, but not
    /// tried again; the update of records after success ends at its next step.
    ///
    /// # Errors
    ///
    /// [`Code::JobNotFound`], [`Code::AccessDenied`]; [`Code::JobState`] when it has ended already.
    pub fn cancel_push(&self, run_id: i64) -> Result<()> {
        let run = self.push_run(run_id)?;
        match (run.delivery_id, run.delivery_state) {
            (Some(id), Some(state)) if !state.is_ended() => status::cancel(self, id),
            _ => job::cancel(self, KIND, run_id),
        }
    }

    /// The latest runs of CSV pushes, newest first: those of databases whose records whoever acts may send; of one list,
    /// where it is named by its id.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub fn push_runs(&self, list_id: Option<i64>, limit: u64) -> Result<Vec<PushRun>> {
        let reading = self.reading()?;
        let door = Door::open(self, &reading)?;
        let sql = "SELECT job_id, database_id FROM renkei_push WHERE ?1 IS NULL OR list_id = ?1 ORDER BY job_id DESC";
        let mut statement = reading.prepare_cached(sql)?;
        let mut rows = statement.query([list_id])?;
        let mut runs = Vec::new();
        while (runs.len() as u64) < limit
            && let Some(row) = rows.next()?
        {
            if is_sendable(&door, row.get(1)?) {
                runs.push(load(&reading, row.get(0)?)?);
            }
        }
        Ok(runs)
    }

    /// The CSV pushes of a database, by id.
    ///
    /// # Errors
    ///
    /// [`Code::DatabaseNotFound`].
    pub fn csv_pushes(&self, database: &str) -> Result<Vec<CsvPush>> {
        let reading = self.reading()?;
        let door = Door::open(self, &reading)?;
        documents::load_of(&reading, door.definition(database)?.id)
    }
}

/// Refuses no records, where they must be some, and too many.
fn check_records(push: &CsvPush, records: u64) -> Result<()> {
    if records == 0 && !push.allow_empty {
        return Err(Error::new(Code::PushEmpty).with_value(&push.code));
    }
    if let Some(most) = push.most_records.filter(|most| records > *most) {
        let rule = words!("1回の連携は{most}レコードまで", "at most {most} records a run");
        return Err(Error::new(Code::LimitPassed).with_rule(rule).with_value(records));
    }
    Ok(())
}

/// Writes the run and its delivery, or the run that failed for want of one.
fn start(
    store: &Store,
    writing: &Writing<'_>,
    request: &PushRequest,
    named: &Named,
    made: Result<Made>,
    records: u64,
) -> Result<i64> {
    let Named { push, list_id, database_id } = named;
    let new = NewJob {
        kind: KIND,
        lane: *database_id,
        run_at: job::NEVER,
        token: request.token.as_deref(),
        report: push.report.as_ref(),
    };
    let (run, existed) = job::reserve(store, writing, &new)?;
    if existed {
        return Ok(run);
    }
    access::note_audit(store, writing, "csv_push.run", Some(*database_id), &push.code)?;
    let document = serde_json::to_string(push)
        .map_err(|error| Error::new(Code::Internal).with_rule("a setting cannot be written").with_source(error))?;
    let sql = "INSERT INTO renkei_push (job_id, setting, setting_id, database_id, list_id, memo, records)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let memo = &request.memo;
    writing.prepare_cached(sql)?.execute((run, document, push.id, database_id, list_id, memo, count(records)))?;
    let queued = made.and_then(|made| {
        let sql =
            "UPDATE renkei_push SET records = ?2, lines = ?3, bytes = ?4, sha256 = ?5, sent = ?6 WHERE job_id = ?1";
        let Made { file, bytes, sha256, exported, ids, envelope } = made;
        let (records, lines) = (count(exported.records), count(exported.lines));
        writing.prepare_cached(sql)?.execute((run, records, lines, count(bytes), &sha256[..], ids))?;
        let mut delivery = NewDelivery::http(push.method.as_str(), envelope.url);
        delivery.headers = envelope.headers;
        delivery.body = Body::File(file);
        delivery.sending = push.sending.clone();
        delivery.order_key = push.in_order.then(|| format!("{KIND}/{}", push.id.unwrap_or_default()));
        delivery.kind = KIND;
        delivery.setting = push.id;
        delivery.run = Some(run);
        enqueue(store, writing, &delivery)
    });
    match queued {
        Ok(delivery) => {
            let sql = "UPDATE renkei_push SET delivery_id = ?2 WHERE job_id = ?1";
            writing.prepare_cached(sql)?.execute((run, delivery))?;
        }
        Err(error) if is_about_the_message(&error) => {
            let sql = "UPDATE renkei_push SET family = ?2 WHERE job_id = ?1";
            writing.prepare_cached(sql)?.execute((run, ErrorFamily::BeforeSending.as_str()))?;
            job::end(writing, run, JobState::Failed, store.now(), Some(&error))?;
        }
        Err(error) => return Err(error),
    }
    Ok(run)
}

fn load(connection: &Connection, run: i64) -> Result<PushRun> {
    let job = job::get(connection, KIND, run)?;
    let sql = "SELECT json_extract(setting, '$.code'), database_id, list_id, memo, records, lines, bytes, sha256,
        delivery_id, status, answer, family, updated, not_updated, update_error FROM renkei_push WHERE job_id = ?1";
    let found = connection
        .prepare_cached(sql)?
        .query_row([run], |row| {
            let count = |at: usize| row.get::<_, i64>(at).map(i64::unsigned_abs);
            let answer: Option<Vec<u8>> = row.get(10)?;
            let family: Option<String> = row.get(11)?;
            let sha256: Option<Vec<u8>> = row.get(7)?;
            Ok(PushRun {
                run_id: run,
                state: job.state,
                push: row.get(0)?,
                database_id: row.get(1)?,
                list_id: row.get(2)?,
                memo: row.get(3)?,
                records: count(4)?,
                lines: count(5)?,
                bytes: count(6)?,
                sha256: sha256.iter().flatten().map(|byte| format!("{byte:02x}")).collect(),
                delivery_id: row.get(8)?,
                delivery_state: None,
                attempts: 0,
                next_attempt_at: None,
                status: row.get(9)?,
                answer: answer.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default(),
                family: family.as_deref().map(ErrorFamily::from_text),
                error: job.error.clone(),
                updated: count(12)?,
                not_updated: count(13)?,
                update_error: row.get(14)?,
                created_at: job.created_at.0,
                ended_at: job.ended_at.map(|at| at.0),
            })
        })
        .optional()?;
    let mut found = found.ok_or_else(|| Error::new(Code::JobNotFound).with_value(run))?;
    // A delivery is kept as long as its run as a rule, but no rule says so.
    let delivery = found.delivery_id.map(|id| status::find(connection, id)).transpose()?.flatten();
    let Some(delivery) = delivery else { return Ok(found) };
    found.delivery_state = Some(delivery.state);
    found.attempts = delivery.attempts;
    if !delivery.state.is_ended() {
        if delivery.state == DeliveryState::Sending {
            found.state = JobState::Running;
        }
        found.next_attempt_at = Some(delivery.due_at).filter(|_| delivery.state == DeliveryState::Waiting);
        (found.status, found.family, found.error) = (delivery.status, delivery.family, delivery.error);
    }
    Ok(found)
}

/// Stores the result of a run, and lets the records be updated that were sent.
pub(in super::super) struct Pushed;

impl Consequence for Pushed {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn settled(&self, store: &Store, writing: &Writing<'_>, settled: &Settled<'_>) -> Result<()> {
        let Some(run) = settled.run else { return Ok(()) };
        let sql =
            "UPDATE renkei_push SET family = ?2, status = ?3, answer = ?4 WHERE job_id = ?1 RETURNING sent IS NULL";
        let family = settled.error.map(|(family, _)| family.as_str());
        let status = settled.answer.map(|answer| answer.status);
        let answer = settled.answer.map(|answer| &answer.body[..answer.body.len().min(ANSWER_BYTES)]);
        let found: Option<bool> =
            writing.prepare_cached(sql)?.query_row((run, family, status, answer), |row| row.get(0)).optional()?;
        // The run may have been kept long enough, and be gone.
        let Some(without_updates) = found else { return Ok(()) };
        let now = store.now();
        let error = settled.error.map(|(_, error)| error);
        match settled.state {
            DeliveryState::Delivered if without_updates => job::end(writing, run, JobState::Completed, now, None),
            // A worker goes on with it.
            DeliveryState::Delivered => job::open(writing, run, now),
            DeliveryState::Cancelled => {
                job::end(writing, run, JobState::Cancelled, now, Some(&Error::new(Code::Cancelled)))
            }
            _ => job::end(writing, run, JobState::Failed, now, error),
        }
    }
}

/// What the update after success needs to know of its run.
pub(super) struct Sent {
    pub(super) push: CsvPush,
    pub(super) database_id: i64,
    pub(super) memo: String,
    pub(super) status: Option<u16>,
    pub(super) ids: Ids,
}

impl Sent {
    pub(super) fn of(connection: &Connection, run: i64) -> Result<Sent> {
        let sql =
            "SELECT setting, database_id, memo, status, sent, next_byte, last_id FROM renkei_push WHERE job_id = ?1";
        let found = connection
            .prepare_cached(sql)?
            .query_row([run], |row| {
                let setting: String = row.get(0)?;
                let bytes: Option<Vec<u8>> = row.get(4)?;
                let next = usize::try_from(row.get::<_, i64>(5)?).unwrap_or(usize::MAX);
                let ids = Ids::at(bytes.unwrap_or_default(), next, row.get(6)?);
                Ok((setting, row.get(1)?, row.get(2)?, row.get(3)?, ids))
            })
            .optional()?;
        let found = found.ok_or_else(|| Error::new(Code::JobNotFound).with_value(run))?;
        let (setting, database_id, memo, status, ids) = found;
        let push = serde_json::from_str(&setting).map_err(|error| {
            Error::new(Code::StoreCorrupt)
                .with_rule(words!("設定を読み取れません", "a setting is not readable"))
                .with_source(error)
        })?;
        Ok(Sent { push, database_id, memo, status, ids })
    }
}

/// Whether a failure is the store's, so that the work must be done again.
pub(super) fn is_of_the_store(error: &Error) -> bool {
    matches!(error.kind(), Kind::Storage | Kind::Busy | Kind::Internal | Kind::Conflict)
}
