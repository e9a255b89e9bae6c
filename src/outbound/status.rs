//! Deliveries as hosts see them: looked at, listed, cancelled, replayed, kept for a while.

use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension, Row};
use serde::{Deserialize, Serialize};

use super::delivery::{Channel, DeliveryState, Priority, has_others};
use super::queue::{self, Changes};
use super::transport::ErrorFamily;
use super::{notice::Notice, target};
use crate::access::demand_administrator;
use crate::error::{Code, Error, Result};
use crate::job::JobError;
use crate::store::{Store, Timestamp, Writing};
use crate::template::SlottedText;

/// Deliveries changed or deleted in one transaction, before others get their turn.
const A_TURN: i64 = 500;

/// A delivery, as it stands at the last commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DeliveryStatus {
    /// Its id in the store.
    pub id: i64,
    /// The receiver's handle: `webhook-id` and `Idempotency-Key`, the same at every attempt.
    pub message_id: String,
    /// What carries it.
    pub channel: Channel,
    /// Who made it, such as `host`, `csv_push` or `http_send`.
    pub kind: String,
    /// The setting it was made by.
    pub setting_id: Option<i64>,
    /// What it was made with.
    pub run_id: Option<i64>,
    /// How it stands.
    pub state: DeliveryState,
    /// The method.
    pub method: String,
    /// Where it goes, without secrets.
    pub url: String,
    /// The code or the origin of its target.
    pub target: String,
    /// Which go first.
    pub priority: Priority,
    /// Its order key.
    pub order_key: Option<String>,
    /// The attempts that were made.
    pub attempts: u32,
    /// How often a worker died while it held the delivery, which may have been sent then.
    pub interrupted: u32,
    /// When it was made, in milliseconds since 1970.
    pub created_at: i64,
    /// When it is or was due.
    pub due_at: i64,
    /// When it is given up.
    pub expires_at: Option<i64>,
    /// When it was first taken up.
    pub started_at: Option<i64>,
    /// When it ended.
    pub ended_at: Option<i64>,
    /// The size of its body, without secrets.
    pub body_bytes: u64,
    /// The SHA-256 of its body, without secrets, in hexadecimal.
    pub sha256: String,
    /// Whether it was asked to end while it was sent.
    pub cancel_asked: bool,
    /// The last status that a receiver answered.
    pub status: Option<u16>,
    /// How far the last attempt came, if it failed.
    pub family: Option<ErrorFamily>,
    /// Why the last attempt failed.
    pub error: Option<JobError>,
    /// What went wrong with what should have followed, such as setting a field of the record.
    pub after: Option<JobError>,
}

const COLUMNS: &str = "d.id, d.message_id, d.channel, d.kind, d.setting_id, d.run_id, d.state, m.method, m.url,
    coalesce(t.origin, (SELECT code FROM renkei_definition WHERE id = t.definition_id), t.definition_id), d.priority,
    d.order_key, d.attempts, d.interrupted, d.created_at, d.due_at, d.expires_at, d.started_at, d.ended_at, m.bytes,
    m.sha256, d.cancel_asked, d.status, d.error_family, d.error_code, d.error_ja, d.error_en, d.after_code, d.after_ja,
    d.after_en";

fn read(row: &Row<'_>) -> rusqlite::Result<DeliveryStatus> {
    let error = |at: usize| -> rusqlite::Result<Option<JobError>> {
        Ok(match row.get::<_, Option<String>>(at)? {
            Some(code) => Some(JobError { code, ja: row.get(at + 1)?, en: row.get(at + 2)? }),
            None => None,
        })
    };
    let url: String = row.get(8)?;
    let url: SlottedText = serde_json::from_str(&url).unwrap_or_default();
    let sha256 = row.get_ref(20)?.as_blob()?.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(DeliveryStatus {
        id: row.get(0)?,
        message_id: row.get(1)?,
        channel: Channel::from_text(row.get_ref(2)?.as_str()?),
        kind: row.get(3)?,
        setting_id: row.get(4)?,
        run_id: row.get(5)?,
        state: DeliveryState::from_text(row.get_ref(6)?.as_str()?),
        method: row.get(7)?,
        url: url.shown(),
        target: row.get::<_, Option<String>>(9)?.unwrap_or_default(),
        priority: Priority::from_number(row.get(10)?),
        order_key: row.get(11)?,
        attempts: row.get(12)?,
        interrupted: row.get(13)?,
        created_at: row.get(14)?,
        due_at: row.get(15)?,
        expires_at: row.get(16)?,
        started_at: row.get(17)?,
        ended_at: row.get(18)?,
        body_bytes: row.get::<_, i64>(19)?.unsigned_abs(),
        sha256,
        cancel_asked: row.get(21)?,
        status: row.get(22)?,
        family: row.get::<_, Option<String>>(23)?.map(|text| ErrorFamily::from_text(&text)),
        error: error(24)?,
        after: error(27)?,
    })
}

/// A delivery by its id, if it is kept.
pub(crate) fn find(connection: &Connection, id: i64) -> Result<Option<DeliveryStatus>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM renkei_delivery d JOIN renkei_message m ON m.delivery_id = d.id
        JOIN renkei_target t ON t.id = d.target_id WHERE d.id = ?1"
    );
    Ok(connection.prepare_cached(&sql)?.query_row([id], read).optional()?)
}

/// A delivery by its id.
pub(crate) fn get(connection: &Connection, id: i64) -> Result<DeliveryStatus> {
    find(connection, id)?.ok_or_else(|| Error::new(Code::DeliveryNotFound).with_value(id))
}

/// Which deliveries are meant: those that agree with everything that is given.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct DeliveryFilter {
    /// How they stand.
    pub state: Option<DeliveryState>,
    /// Who made them, such as `host`, `csv_push` or `http_send`.
    pub kind: Option<String>,
    /// The setting they were made by.
    pub setting_id: Option<i64>,
    /// What they were made with.
    pub run_id: Option<i64>,
    /// The code or origin of their target.
    pub target: Option<String>,
    /// They ended at this moment or later.
    pub ended_since: Option<Timestamp>,
}

impl DeliveryFilter {
    /// Every delivery.
    pub fn new() -> DeliveryFilter {
        DeliveryFilter::default()
    }

    /// Those that stand so.
    pub fn state(mut self, state: DeliveryState) -> DeliveryFilter {
        self.state = Some(state);
        self
    }

    /// Those made by a room.
    pub fn kind(mut self, kind: impl Into<String>) -> DeliveryFilter {
        self.kind = Some(kind.into());
        self
    }

    /// Those made by a setting.
    pub fn setting(mut self, id: i64) -> DeliveryFilter {
        self.setting_id = Some(id);
        self
    }

    /// Those made together.
    pub fn run(mut self, id: i64) -> DeliveryFilter {
        self.run_id = Some(id);
        self
    }

    /// Those that go to a target, by its code or origin.
    pub fn target(mut self, name: impl Into<String>) -> DeliveryFilter {
        self.target = Some(name.into());
        self
    }

    /// Those that ended at this moment or later.
    pub fn ended_since(mut self, moment: Timestamp) -> DeliveryFilter {
        self.ended_since = Some(moment);
        self
    }

    /// The condition in SQL, with the parameters from ?1 to ?6. Unused ones are named all the same.
    fn sql(&self) -> String {
        let mut sql = String::from(
            "(?1 IS NULL OR d.state = ?1) AND (?2 IS NULL OR d.kind = ?2) AND (?3 IS NULL OR
            d.setting_id = ?3) AND (?4 IS NULL OR d.run_id = ?4) AND (?5 IS NULL OR d.target_id IN (SELECT id FROM
            renkei_target WHERE origin = ?5 OR definition_id IN (SELECT id FROM renkei_definition WHERE kind = 'target'
            AND code = ?5))) AND (?6 IS NULL OR d.ended_at >= ?6)",
        );
        // So that the partial indexes are found.
        if self.state == Some(DeliveryState::Failed) {
            sql.push_str(" AND d.state = 'failed'");
        }
        if let (Some(_), Some(_)) = (&self.kind, self.run_id) {
            sql.push_str(" AND d.run_id IS NOT NULL AND d.kind = ?2 AND d.run_id = ?4");
        }
        sql
    }

    fn parameters(&self) -> [rusqlite::types::Value; 6] {
        let text = |text: Option<&str>| text.map(str::to_owned).into();
        [
            text(self.state.map(DeliveryState::as_str)),
            text(self.kind.as_deref()),
            self.setting_id.into(),
            self.run_id.into(),
            text(self.target.as_deref()),
            self.ended_since.map(|time| time.0).into(),
        ]
    }
}

impl Store {
    /// How a delivery stands. As all calls about deliveries, for the host and administrators.
    ///
    /// # Errors
    ///
    /// [`Code::DeliveryNotFound`], [`Code::AdministratorOnly`].
    pub fn delivery(&self, id: i64) -> Result<DeliveryStatus> {
        let reading = self.reading()?;
        demand_administrator(self, &reading, QUEUE)?;
        get(&reading, id)
    }

    /// The deliveries that a filter means, newest first: at most `limit`, made before the delivery `before` if it is given.
    pub fn deliveries(&self, filter: &DeliveryFilter, before: Option<i64>, limit: u64) -> Result<Vec<DeliveryStatus>> {
        let reading = self.reading()?;
        demand_administrator(self, &reading, QUEUE)?;
        let condition = filter.sql();
        let sql = format!(
            "SELECT {COLUMNS} FROM renkei_delivery d JOIN renkei_message m ON m.delivery_id = d.id
            JOIN renkei_target t ON t.id = d.target_id WHERE {condition} AND d.id < ?7 ORDER BY d.id DESC LIMIT ?8"
        );
        let mut parameters = filter.parameters().to_vec();
        parameters.push(before.unwrap_or(i64::MAX).into());
        parameters.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
        let mut statement = reading.prepare_cached(&sql)?;
        let found = statement.query_map(rusqlite::params_from_iter(parameters), read)?;
        Ok(found.collect::<rusqlite::Result<_>>()?)
    }

    /// Waits until a delivery has ended, or `timeout` is over; how it stands then.
    ///
    /// # Errors
    ///
    /// [`Code::DeliveryNotFound`].
    pub fn wait_delivery(&self, id: i64, timeout: Duration) -> Result<DeliveryStatus> {
        let began = Instant::now();
        loop {
            let status = self.delivery(id)?;
            let left = timeout.saturating_sub(began.elapsed());
            if status.state.is_ended() || left.is_zero() {
                return Ok(status);
            }
            std::thread::sleep(left.min(Duration::from_millis(10)));
        }
    }

    /// Cancels a delivery. One that waits is cancelled at once. One that is being sent is not called back: it is delivered
    /// if the receiver takes it, and not tried again if not.
    ///
    /// # Errors
    ///
    /// [`Code::DeliveryNotFound`]; [`Code::DeliveryState`] when it has ended already.
    pub fn cancel_delivery(&self, id: i64) -> Result<()> {
        demand_administrator(self, &*self.reading()?, QUEUE)?;
        cancel(self, id)
    }

    /// Sends a delivery again that has ended, however it ended: the same bytes with the same id, by its plan from the
    /// beginning. A receiver that has it already can tell so by the id.
    ///
    /// # Errors
    ///
    /// [`Code::DeliveryNotFound`]; [`Code::DeliveryState`] when it has not ended.
    pub fn replay_delivery(&self, id: i64) -> Result<()> {
        self.replay_deliveries(&[id])
    }

    /// As [`Store::replay_delivery`], for several: all of them, or none.
    ///
    /// # Errors
    ///
    /// As [`Store::replay_delivery`].
    pub fn replay_deliveries(&self, ids: &[i64]) -> Result<()> {
        self.write(|writing| {
            demand_administrator(self, writing, QUEUE)?;
            ids.iter().try_for_each(|id| replay(self, writing, *id))
        })
    }

    /// Replays every failed delivery (dead letter) that the filter means, such as all that failed since a moment; how many.
    /// The state in the filter is not looked at. Many are replayed in portions: after an error, some may be.
    pub fn replay_failed(&self, filter: &DeliveryFilter) -> Result<u64> {
        let filter = filter.clone().state(DeliveryState::Failed);
        let condition = filter.sql();
        let sql =
            format!("SELECT d.id FROM renkei_delivery d WHERE {condition} AND d.id > ?7 ORDER BY d.id LIMIT {A_TURN}");
        let (mut last, mut count) = (0i64, 0);
        loop {
            let ids = self.write(|writing| {
                demand_administrator(self, writing, QUEUE)?;
                let mut parameters = filter.parameters().to_vec();
                parameters.push(last.into());
                let mut statement = writing.prepare_cached(&sql)?;
                let found = statement.query_map(rusqlite::params_from_iter(parameters), |row| row.get(0))?;
                let ids: Vec<i64> = found.collect::<rusqlite::Result<_>>()?;
                ids.iter().try_for_each(|id| replay(self, writing, *id))?;
                Ok(ids)
            })?;
            count += ids.len() as u64;
            match ids.last() {
                // A portion that is not full is the last: another look could only fail, with everything done.
                Some(id) if ids.len() as i64 == A_TURN => last = *id,
                _ => return Ok(count),
            }
        }
    }
}

/// What whoever acts must be allowed to look after, to see and change deliveries.
pub(super) const QUEUE: &str = "deliveries";

/// Cancels a delivery, whoever asks for it.
pub(crate) fn cancel(store: &Store, id: i64) -> Result<()> {
    store.write(|writing| {
        let (state, _) = state_of(writing, id)?;
        match state {
            DeliveryState::Waiting | DeliveryState::Behind => {
                let mut changes = Changes::default();
                queue::end(store, writing, id, DeliveryState::Cancelled, None, &mut changes)?;
                changes.refresh(writing, store.now())?;
                writing.makes_work();
                Ok(())
            }
            DeliveryState::Sending => {
                let sql = "UPDATE renkei_delivery SET cancel_asked = 1 WHERE id = ?1";
                writing.prepare_cached(sql)?.execute([id])?;
                Ok(())
            }
            ended => Err(Error::new(Code::DeliveryState).with_value(id).with_rule(ended.words())),
        }
    })
}

fn state_of(connection: &Connection, id: i64) -> Result<(DeliveryState, i64)> {
    let sql = "SELECT state, target_id FROM renkei_delivery WHERE id = ?1";
    let found = connection
        .prepare_cached(sql)?
        .query_row([id], |row| Ok((DeliveryState::from_text(row.get_ref(0)?.as_str()?), row.get(1)?)))
        .optional()?;
    found.ok_or_else(|| Error::new(Code::DeliveryNotFound).with_value(id))
}

fn replay(store: &Store, writing: &Writing<'_>, id: i64) -> Result<()> {
    let (state, target) = state_of(writing, id)?;
    if !state.is_ended() {
        return Err(Error::new(Code::DeliveryState).with_value(id).with_rule(state.words()));
    }
    let now = store.now();
    let sql = "SELECT order_key FROM renkei_delivery WHERE id = ?1";
    let order_key: Option<String> = writing.prepare_cached(sql)?.query_row([id], |row| row.get(0))?;
    let state = match order_key {
        Some(key) if has_others(writing, target, &key, id)? => DeliveryState::Behind,
        _ => DeliveryState::Waiting,
    };
    // Its deadline, if it has one, begins anew.
    let sql = "UPDATE renkei_delivery SET state = ?2, due_at = ?3, tries = 0, ended_at = NULL, cancel_asked = 0,
        expires_at = ?3 + (expires_at - created_at), created_at = created_at WHERE id = ?1";
    writing.prepare_cached(sql)?.execute((id, state.as_str(), now.0))?;
    target::refresh(writing, target, now)?;
    writing.makes_work();
    Ok(())
}

/// Gives up what has expired, and deletes what ended before `before`, with attempts and bodies; what is to be told.
pub(crate) fn sweep(store: &Store, before: Timestamp) -> Result<Vec<Notice>> {
    let mut notices = Vec::new();
    loop {
        let mut changes = Changes::default();
        let count = store.write(|writing| {
            let sql = "SELECT id FROM renkei_delivery INDEXED BY renkei_delivery_expiry
                WHERE expires_at <= ?1 AND expires_at IS NOT NULL AND state IN ('waiting', 'behind') LIMIT ?2";
            let mut statement = writing.prepare_cached(sql)?;
            let found = statement.query_map((store.now().0, A_TURN), |row| row.get(0))?;
            let expired: Vec<i64> = found.collect::<rusqlite::Result<_>>()?;
            expired.iter().try_for_each(|id| queue::expire(store, writing, *id, &mut changes))?;
            changes.refresh(writing, store.now())?;
            Ok(expired.len())
        })?;
        notices.append(&mut changes.notices);
        if count == 0 {
            break;
        }
    }
    loop {
        let count = store.write(|writing| {
            let sql = "SELECT id FROM renkei_delivery WHERE ended_at < ?1 ORDER BY ended_at LIMIT ?2";
            let mut statement = writing.prepare_cached(sql)?;
            let found = statement.query_map((before.0, A_TURN), |row| row.get(0))?;
            let old: Vec<i64> = found.collect::<rusqlite::Result<_>>()?;
            for id in &old {
                let sql =
                    "DELETE FROM renkei_file WHERE id = (SELECT file_id FROM renkei_message WHERE delivery_id = ?1)";
                writing.prepare_cached(sql)?.execute([id])?;
                writing.prepare_cached("DELETE FROM renkei_delivery WHERE id = ?1")?.execute([id])?;
            }
            Ok(old.len())
        })?;
        if count == 0 {
            return Ok(notices);
        }
    }
}
