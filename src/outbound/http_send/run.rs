//! Runs of http sends: one delivery for each record, written together, and what follows from their ends.

use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;

use super::super::delivery::{DeliveryState, NewDelivery, enqueue};
use super::super::right::{demand_sendable, is_sendable, sendable};
use super::super::settle::{Consequence, Settled};
use super::super::status;
use super::super::transport::ErrorFamily;
use super::answer::{AnswerPart, find};
use super::message::message;
use super::setting::HttpSend;
use super::trigger::Trigger;
use crate::access::{self, Door};
use crate::error::{Code, Error, Kind, Language, Result, words};
use crate::job::{self, JobError, JobState, NewJob, Report};
use crate::query::{Condition, List, MenuEntry, Query, Selection};
use crate::record::{Draft, RecordId, Selector, Values, WriteOptions, Writer};
use crate::schema::documents;
use crate::schema::{Catalog, Table, Value, ValueFormat};
use crate::store::{Cause, Origin, Store, Writing};
use crate::template::call_values;

/// The kind of the jobs and deliveries of http sends.
pub(crate) const KIND: &str = "http_send";

/// What is asked for when an http send is started.
///
/// ```
/// use renkei::HttpSendRequest;
///
/// let one = HttpSendRequest::button("leads", "all", "sms", "L-0001");
/// let ticked = HttpSendRequest::pulldown("leads", "all", "sms", ["L-0001", "L-0002"]).memo("来店前日の案内");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct HttpSendRequest {
    database: String,
    send: String,
    trigger: Trigger,
    list: String,
    records: Vec<Selector>,
    memo: String,
    token: Option<String>,
}

impl HttpSendRequest {
    /// Started by a list's button for one record; database, list and http send by code or id.
    pub fn button(
        database: impl Into<String>,
        list: impl Into<String>,
        send: impl Into<String>,
        record: impl Into<Selector>,
    ) -> HttpSendRequest {
        HttpSendRequest::of(Trigger::Button, database, list, send, [record])
    }

    /// Started by a list's pulldown for the ticked records.
    pub fn pulldown(
        database: impl Into<String>,
        list: impl Into<String>,
        send: impl Into<String>,
        records: impl IntoIterator<Item = impl Into<Selector>>,
    ) -> HttpSendRequest {
        HttpSendRequest::of(Trigger::Pulldown, database, list, send, records)
    }

    /// Started from anywhere; others than the button and the pulldown are refused.
    pub fn of(
        trigger: Trigger,
        database: impl Into<String>,
        list: impl Into<String>,
        send: impl Into<String>,
        records: impl IntoIterator<Item = impl Into<Selector>>,
    ) -> HttpSendRequest {
        HttpSendRequest {
            database: database.into(),
            send: send.into(),
            trigger,
            list: list.into(),
            records: records.into_iter().map(Into::into).collect(),
            memo: String::new(),
            token: None,
        }
    }

    /// A note that is kept with the run, and can be sent as `${@memo}`.
    pub fn memo(mut self, memo: impl Into<String>) -> HttpSendRequest {
        self.memo = memo.into();
        self
    }

    /// A token of the caller's own: a second request with the same token gives the first one's run.
    pub fn token(mut self, token: impl Into<String>) -> HttpSendRequest {
        self.token = Some(token.into());
        self
    }
}

/// A run of an http send, as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct HttpSendRun {
    /// The id of the run.
    pub run_id: i64,
    /// The state: completed when every record has its result, also where sending failed.
    pub state: JobState,
    /// The code of the http send.
    pub send: String,
    /// The id of the database.
    pub database_id: i64,
    /// The id of the list.
    pub list_id: i64,
    /// From where it was started.
    pub trigger: Trigger,
    /// The note given with it.
    pub memo: String,
    /// Records whose message was taken.
    pub delivered: u64,
    /// Records whose message could not be made, or was given up.
    pub failed: u64,
    /// Records whose message was cancelled.
    pub cancelled: u64,
    /// Records whose message is on its way.
    pub waiting: u64,
    /// The records, in the order given.
    pub items: Vec<HttpSendItem>,
    /// When it was started, in milliseconds since 1970.
    pub created_at: i64,
    /// When the last record had its result.
    pub ended_at: Option<i64>,
}

/// One record of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct HttpSendItem {
    /// The id of the record.
    pub record_id: i64,
    /// Its key, as it was then.
    pub key: String,
    /// The delivery; `None` when the message could not be made.
    pub delivery_id: Option<i64>,
    /// How the delivery stands.
    pub state: DeliveryState,
    /// How far it came, if it failed.
    pub family: Option<ErrorFamily>,
    /// The HTTP status of the last answer.
    pub status: Option<u16>,
    /// Whether parts of the answer were saved in the record.
    pub saved: bool,
    /// Why the message could not be made or delivered, or its answer not be saved.
    pub error: Option<JobError>,
}

/// The record of one message.
struct Item {
    record: i64,
    key: String,
    delivery: Result<NewDelivery>,
}

impl Store {
    /// Starts an http send: makes a message for each record and queues it, all in one transaction. A
    /// [`Worker`](crate::Worker) sends them.
    ///
    /// A record whose message cannot be made (an empty value in the path of the URL, a line end in a header) fails by
    /// itself; the others are sent.
    ///
    /// # Errors
    ///
    /// * [`Code::HttpSendTimer`], [`Code::HttpSendSettingsScreen`], [`Code::HttpSendSubMenu`],
    ///   [`Code::HttpSendTemplatedMail`] for triggers that are not allowed; [`Code::MenuAbsent`] when the list has it not
    ///   there.
    /// * [`Code::HttpSendRecords`] for more or fewer records than the trigger takes; [`Code::RecordNotFound`].
    /// * [`Code::DatabaseNotFound`], [`Code::DefinitionNotFound`], [`Code::AccessDenied`].
    pub fn http_send(&self, request: &HttpSendRequest) -> Result<HttpSendRun> {
        request.trigger.allow(&request.send)?;
        request.trigger.allow_records(&request.send, request.records.len())?;
        let id = self.write(|writing| start(self, writing, request))?;
        self.http_send_run(id)
    }

    /// How a run of an http send stands.
    ///
    /// # Errors
    ///
    /// [`Code::JobNotFound`], [`Code::AccessDenied`].
    pub fn http_send_run(&self, run_id: i64) -> Result<HttpSendRun> {
        let reading = self.reading()?;
        let run = load(&reading, run_id)?;
        demand_sendable(self, &reading, run.database_id)?;
        Ok(run)
    }

    /// Waits until a run of an http send has ended, or `timeout` is over; how it stands then.
    ///
    /// # Errors
    ///
    /// [`Code::JobNotFound`], [`Code::AccessDenied`].
    pub fn wait_http_send(&self, run_id: i64, timeout: Duration) -> Result<HttpSendRun> {
        let began = Instant::now();
        loop {
            let run = self.http_send_run(run_id)?;
            let left = timeout.saturating_sub(began.elapsed());
            if run.state.is_ended() || left.is_zero() {
                return Ok(run);
            }
            std::thread::sleep(left.min(Duration::from_millis(20)));
        }
    }

    /// Cancels what of a run of an http send is on its way, as [`Store::cancel_delivery`]; how many records that were.
    ///
    /// # Errors
    ///
    /// [`Code::JobNotFound`], [`Code::AccessDenied`]; [`Code::JobState`] when it has ended already.
    pub fn cancel_http_send(&self, run_id: i64) -> Result<u64> {
        let run = self.http_send_run(run_id)?;
        let mut count = 0;
        for id in run.items.iter().filter(|item| !item.state.is_ended()).filter_map(|item| item.delivery_id) {
            match status::cancel(self, id) {
                Ok(()) => count += 1,
                // It ended between the look and the call.
                Err(error) if error.code() == Code::DeliveryState => {}
                Err(error) => return Err(error),
            }
        }
        match count {
            0 => Err(Error::new(Code::JobState).with_value(run_id).with_rule(run.state.words())),
            count => Ok(count),
        }
    }

    /// The latest runs of http sends, newest first: those of databases whose records whoever acts may send.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub fn http_send_runs(&self, limit: u64) -> Result<Vec<HttpSendRun>> {
        let reading = self.reading()?;
        let door = Door::open(self, &reading)?;
        let mut statement =
            reading.prepare_cached("SELECT job_id, database_id FROM renkei_send ORDER BY job_id DESC")?;
        let mut rows = statement.query([])?;
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

    /// The http sends of a database, by id.
    ///
    /// # Errors
    ///
    /// [`Code::DatabaseNotFound`].
    pub fn http_sends(&self, database: &str) -> Result<Vec<HttpSend>> {
        let reading = self.reading()?;
        let door = Door::open(self, &reading)?;
        documents::load_of(&reading, door.definition(database)?.id)
    }
}

fn start(store: &Store, writing: &Writing<'_>, request: &HttpSendRequest) -> Result<i64> {
    let call = call_values(store, writing, store.now(), &request.memo)?;
    let door = Door::open(store, writing)?;
    let table = sendable(&door, &request.database)?;
    let send: HttpSend = documents::get(writing, Some(table.id), &request.send)?;
    let list: List = documents::get(writing, Some(table.id), &request.list)?;
    let menu = match request.trigger {
        Trigger::Button => &list.menu.buttons,
        _ => &list.menu.pulldown,
    };
    if !send.triggers.contains(&request.trigger) || !menu.contains(&MenuEntry::HttpSend(send.code.clone())) {
        let (place, code) = (request.trigger.as_str(), &list.code);
        let shown = if request.trigger == Trigger::Button { "ボタン" } else { "プルダウン" };
        let rule = words!("一覧「{code}」の{shown}", "{place} of the list \"{code}\"");
        return Err(Error::new(Code::MenuAbsent).with_value(&send.code).with_rule(rule));
    }
    let items = make(store, writing, door.catalog(), table, &send, &request.records, &call)?;
    let of = Of {
        list: list.id.unwrap_or_default(),
        trigger: request.trigger,
        memo: &request.memo,
        token: request.token.as_deref(),
        report: send.report.as_ref(),
    };
    let (run, existed) = queue(store, writing, table, &send, items, &of)?;
    if !existed {
        access::note_audit(store, writing, "http_send.run", Some(table.id), &send.code)?;
    }
    Ok(run)
}

/// From where a run is started.
pub(crate) struct Of<'a> {
    pub(crate) list: i64,
    pub(crate) trigger: Trigger,
    pub(crate) memo: &'a str,
    pub(crate) token: Option<&'a str>,
    pub(crate) report: Option<&'a Report>,
}

/// Makes and queues the messages for records that another run sends, in its transaction; the id of the run of these.
pub(crate) fn send_for(
    store: &Store,
    writing: &Writing<'_>,
    catalog: &Catalog,
    table: &Table,
    send: &HttpSend,
    records: &[Selector],
    of: &Of<'_>,
) -> Result<i64> {
    let call = call_values(store, writing, store.now(), of.memo)?;
    let items = make(store, writing, catalog, table, send, records, &call)?;
    Ok(queue(store, writing, table, send, items, of)?.0)
}

/// How a run has ended: how many messages were delivered, failed and were cancelled, and the first error.
pub(crate) fn outcome(connection: &Connection, run: i64) -> Result<([u64; 3], Option<JobError>)> {
    let run = load(connection, run)?;
    let error = run.items.into_iter().filter(|item| item.state != DeliveryState::Delivered).find_map(|item| item.error);
    Ok(([run.delivered, run.failed, run.cancelled], error))
}

/// Writes a run with its messages; its id, and whether it was there already by its token.
fn queue(
    store: &Store,
    writing: &Writing<'_>,
    table: &Table,
    send: &HttpSend,
    items: Vec<Item>,
    of: &Of<'_>,
) -> Result<(i64, bool)> {
    let new = NewJob { kind: KIND, lane: table.id, run_at: job::NEVER, token: of.token, report: of.report };
    let (run, existed) = job::reserve(store, writing, &new)?;
    if existed {
        return Ok((run, true));
    }
    let document = serde_json::to_string(send)
        .map_err(|error| Error::new(Code::Internal).with_rule("a setting cannot be written").with_source(error))?;
    let sql = "INSERT INTO renkei_send (job_id, setting, setting_id, database_id, list_id, started_from, memo)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    writing.prepare_cached(sql)?.execute((run, document, send.id, table.id, of.list, of.trigger.as_str(), of.memo))?;
    for (item, number) in items.into_iter().zip(1i64..) {
        let queued = item.delivery.and_then(|mut delivery| {
            delivery.sending = send.sending.clone();
            delivery.order_key = send.in_order.then(|| format!("{}/{}", table.code(), item.record));
            delivery.kind = KIND;
            delivery.setting = send.id;
            delivery.run = Some(run);
            delivery.context = number.to_string();
            enqueue(store, writing, &delivery)
        });
        let (delivery, error) = match queued {
            Ok(id) => (Some(id), None),
            Err(error) if is_about_the_message(&error) => (None, Some(error)),
            Err(error) => return Err(error),
        };
        let sql = "INSERT INTO renkei_send_item (job_id, number, record_id, record_key, delivery_id, state, family)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let (state, family) = match error {
            None => ("waiting", None),
            Some(_) => ("failed", Some(ErrorFamily::BeforeSending.as_str())),
        };
        writing.prepare_cached(sql)?.execute((run, number, item.record, item.key, delivery, state, family))?;
        if let Some(error) = error {
            set_error(writing, run, number, &error)?;
        }
    }
    end_if_all_have_ended(store, writing, run)?;
    Ok((run, false))
}

/// Whether a message is at fault, and not the store.
pub(in super::super) fn is_about_the_message(error: &Error) -> bool {
    matches!(
        error.kind(),
        Kind::Validation | Kind::Usage | Kind::Input | Kind::Limit | Kind::Definition | Kind::NotFound
    )
}

/// Makes the messages; a record that is named twice gets one.
fn make(
    store: &Store,
    connection: &Connection,
    catalog: &Catalog,
    table: &Table,
    send: &HttpSend,
    records: &[Selector],
    call: &[Value],
) -> Result<Vec<Item>> {
    let compiled = send.compile(store, catalog)?;
    let key = table.key().field.code.as_str();
    // The key stands behind the columns of the templates.
    let selection = Selection::new(store, catalog, table, compiled.scope.columns().chain([key]))?;
    let mut items: Vec<Item> = Vec::with_capacity(records.len());
    for selector in records {
        let condition = match selector {
            Selector::Id(id) => Condition::equals("_id", *id),
            Selector::Key(text) => Condition::equals(key, text.as_str()),
        };
        let mut found = false;
        selection.for_each(connection, &Query::new().filter(condition).limit(1), |row| {
            found = true;
            if items.iter().all(|item| item.record != row.id()) {
                let source = compiled.scope.values(Some(row), call);
                let delivery = message(send, &compiled, &source);
                let key = row.text(row.len() - 1, ValueFormat::Raw)?;
                items.push(Item { record: row.id(), key, delivery });
            }
            Ok(false)
        })?;
        if !found {
            return Err(Error::new(Code::RecordNotFound).with_value(selector).with_rule(table.code()));
        }
    }
    Ok(items)
}

fn set_error(connection: &Connection, run: i64, number: i64, error: &Error) -> Result<()> {
    let sql =
        "UPDATE renkei_send_item SET error_code = ?3, error_ja = ?4, error_en = ?5 WHERE job_id = ?1 AND number = ?2";
    connection.prepare_cached(sql)?.execute((
        run,
        number,
        error.code().as_str(),
        error.message(Language::Japanese),
        error.message(Language::English),
    ))?;
    Ok(())
}

fn end_if_all_have_ended(store: &Store, connection: &Connection, run: i64) -> Result<()> {
    let sql = "SELECT 1 FROM renkei_send_item WHERE job_id = ?1 AND state = 'waiting'";
    if connection.prepare_cached(sql)?.exists([run])? {
        return Ok(());
    }
    job::end(connection, run, JobState::Completed, store.now(), None)
}

fn load(connection: &Connection, run: i64) -> Result<HttpSendRun> {
    let job = job::get(connection, KIND, run)?;
    let sql = "SELECT json_extract(setting, '$.code'), database_id, list_id, started_from, memo FROM renkei_send WHERE job_id = ?1";
    let found = connection
        .prepare_cached(sql)?
        .query_row([run], |row| {
            Ok(HttpSendRun {
                run_id: run,
                state: job.state,
                send: row.get(0)?,
                database_id: row.get(1)?,
                list_id: row.get(2)?,
                trigger: Trigger::from_text(row.get_ref(3)?.as_str()?),
                memo: row.get(4)?,
                delivered: 0,
                failed: 0,
                cancelled: 0,
                waiting: 0,
                items: Vec::new(),
                created_at: job.created_at.0,
                ended_at: job.ended_at.map(|at| at.0),
            })
        })
        .optional()?;
    let mut found = found.ok_or_else(|| Error::new(Code::JobNotFound).with_value(run))?;
    let sql = "SELECT record_id, record_key, delivery_id, state, family, status, saved, error_code, error_ja, error_en
        FROM renkei_send_item WHERE job_id = ?1 ORDER BY number";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([run])?;
    while let Some(row) = rows.next()? {
        let text = |at: usize| row.get_ref(at).and_then(|value| Ok(value.as_str()?));
        let delivery_id: Option<i64> = row.get(2)?;
        let state = match text(3)? {
            "delivered" => DeliveryState::Delivered,
            "failed" => DeliveryState::Failed,
            "cancelled" => DeliveryState::Cancelled,
            _ => DeliveryState::Waiting,
        };
        let code: Option<String> = row.get(7)?;
        let mut item = HttpSendItem {
            record_id: row.get(0)?,
            key: row.get(1)?,
            delivery_id,
            state,
            family: row.get::<_, Option<String>>(4)?.as_deref().map(ErrorFamily::from_text),
            status: row.get(5)?,
            saved: row.get(6)?,
            error: match code {
                Some(code) => Some(JobError { code, ja: row.get(8)?, en: row.get(9)? }),
                None => None,
            },
        };
        // A delivery that is on its way, or was replayed after it had failed, knows more.
        let delivery = delivery_id.map(|id| status::find(connection, id)).transpose()?.flatten();
        if let Some(delivery) = delivery.filter(|delivery| !delivery.state.is_ended()) {
            item.state = delivery.state;
            (item.status, item.family, item.error) = (delivery.status, delivery.family, delivery.error);
        }
        *match item.state {
            DeliveryState::Delivered => &mut found.delivered,
            DeliveryState::Failed => &mut found.failed,
            DeliveryState::Cancelled => &mut found.cancelled,
            _ => &mut found.waiting,
        } += 1;
        found.items.push(item);
    }
    Ok(found)
}

/// Stores the result of a record, and saves parts of the answer in it.
pub(in super::super) struct Sent;

impl Consequence for Sent {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn settled(&self, store: &Store, writing: &Writing<'_>, settled: &Settled<'_>) -> Result<()> {
        let (Some(run), Ok(number)) = (settled.run, settled.context.parse::<i64>()) else { return Ok(()) };
        let sql = "SELECT s.setting, s.database_id, i.record_id FROM renkei_send s
            JOIN renkei_send_item i ON i.job_id = s.job_id WHERE s.job_id = ?1 AND i.number = ?2";
        let found: Option<(String, i64, i64)> = writing
            .prepare_cached(sql)?
            .query_row((run, number), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        // The run may have been kept long enough, and be gone.
        let Some((document, database, record)) = found else { return Ok(()) };
        let send: HttpSend = serde_json::from_str(&document).map_err(|error| {
            Error::new(Code::StoreCorrupt)
                .with_rule(words!("設定を読み取れません", "a setting is not readable"))
                .with_source(error)
        })?;
        let state = match settled.state {
            DeliveryState::Delivered => "delivered",
            DeliveryState::Cancelled => "cancelled",
            _ => "failed",
        };
        let store = store.acting(settled.actor, Cause::run(Origin::HttpSend, run));
        let saved = match settled.state {
            DeliveryState::Cancelled => Ok((false, None)),
            _ => save(&store, writing, &send, database, record, settled),
        };
        let (saved, fault) = match saved {
            Ok(saved) => saved,
            Err(error) if matches!(error.kind(), Kind::Storage | Kind::Busy | Kind::Internal) => return Err(error),
            Err(error) => (false, Some(error)),
        };
        let sql = "UPDATE renkei_send_item SET state = ?3, family = ?4, status = ?5, saved = ?6, error_code = NULL,
            error_ja = NULL, error_en = NULL WHERE job_id = ?1 AND number = ?2";
        let family = settled.error.map(|(family, _)| family.as_str());
        let status = settled.answer.map(|answer| answer.status);
        writing.prepare_cached(sql)?.execute((run, number, state, family, status, saved))?;
        if let Some(error) = settled.error.map(|(_, error)| error).or(fault.as_ref()) {
            set_error(writing, run, number, error)?;
        }
        end_if_all_have_ended(&store, writing, run)
    }
}

/// Saves what the setting asks for; whether there was anything, and what was missing.
fn save(
    store: &Store,
    connection: &Connection,
    send: &HttpSend,
    database: i64,
    record: i64,
    settled: &Settled<'_>,
) -> Result<(bool, Option<Error>)> {
    let success = settled.state == DeliveryState::Delivered;
    let mut values = Values::new();
    let mut missing = None;
    for part in send.save.iter().filter(|part| part.when.holds(success)) {
        let value = match (&part.from, settled.answer) {
            (AnswerPart::Json(pointer), Some(answer)) => match find(answer, pointer, &part.field) {
                Ok(Some(value)) => value,
                Ok(None) => {
                    let rule = words!("応答に「{pointer}」がありません", "the answer has nothing at \"{pointer}\"");
                    missing =
                        missing.or(Some(Error::new(Code::AnswerUnusable).with_field(&part.field).with_rule(rule)));
                    continue;
                }
                Err(error) => {
                    missing = missing.or(Some(error));
                    continue;
                }
            },
            // Without an answer there is nothing to find.
            (AnswerPart::Json(_), None) => continue,
            (AnswerPart::Header(name), answer) => {
                Value::from(answer.and_then(|answer| answer.header(&name.to_ascii_lowercase())))
            }
            (AnswerPart::Status, answer) => Value::from(answer.map(|answer| i64::from(answer.status))),
            (AnswerPart::Text, answer) => {
                Value::from(answer.map(|answer| String::from_utf8_lossy(&answer.body).into_owned()))
            }
            (AnswerPart::Time, _) => Value::DateTime(store.local(store.now())),
            (AnswerPart::Delivery, _) => Value::from(settled.delivery),
            (AnswerPart::Error, _) => Value::from(settled.error.map(|(_, error)| error.message(Language::Japanese))),
        };
        values = values.set(&part.field, value);
    }
    let any = !values.fields().is_empty();
    if any {
        let catalog = Catalog::of(store, connection)?;
        let table = catalog.table_by_id(database)?;
        let mut writer = Writer::new(store, connection, table);
        let target = Selector::from(RecordId(record));
        let outcome = writer.update(&target, Draft::of(table, &values), &WriteOptions::default())?;
        writer.finish()?;
        if outcome.is_none() {
            return Err(Error::new(Code::RecordNotFound).with_value(target).with_rule(table.code()));
        }
    }
    Ok((any, missing))
}
