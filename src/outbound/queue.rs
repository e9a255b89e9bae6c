//! The queue: what is due is claimed, what has been tried gets its result, what a dead worker held is given back.
//!
//! A pool of senders is one durable job (see the room `job`), and owns by its id the deliveries that it has claimed. Its
//! lease, its heartbeat and the takeover after its death are those of any job.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};

use super::attempt::{self, Judged};
use super::circuit::Turned;
use super::delivery::{Channel, DeliveryState, Priority, dice};
use super::journal;
use super::judge::{Health, Judgement, Verdict, judge};
use super::message::Headers;
use super::notice::Notice;
use super::send::Finished;
use super::sending::Sending;
use super::settle::{Settled, consequence};
use super::share::Shares;
use super::target::{self, TargetRow};
use super::transport::{Answer, ErrorFamily};
use crate::error::{Code, Error, Language, Result};
use crate::store::{Store, Timestamp, Writing};
use crate::template::{SecretSlot, SlottedText};

/// Bodies up to this size are read with the claim, larger ones when they are sent.
const READ_WITH_CLAIM: i64 = 16 * 1024;

/// Targets that are looked at for one claim.
const TARGETS_A_CLAIM: i64 = 1_000;

/// A delivery that a pool owns.
#[derive(Debug)]
pub(super) struct Claimed {
    pub(super) id: i64,
    pub(super) target: i64,
    /// Attempts that were made before.
    pub(super) attempts: u32,
    pub(super) message_id: String,
    pub(super) channel: Channel,
    pub(super) sending: Arc<Sending>,
    pub(super) method: String,
    pub(super) url: SlottedText,
    pub(super) headers: Vec<(String, SlottedText)>,
    pub(super) body: StoredBody,
    pub(super) slots: Vec<SecretSlot>,
    /// Whether something follows from its end.
    pub(super) is_followed: bool,
}

#[cfg(test)]
impl Claimed {
    pub(super) fn empty() -> Claimed {
        Claimed {
            id: 0,
            target: 0,
            attempts: 0,
            message_id: String::new(),
            channel: Channel::Http,
            sending: Arc::default(),
            method: String::new(),
            url: SlottedText::default(),
            headers: Vec::new(),
            body: StoredBody::Empty,
            slots: Vec::new(),
            is_followed: false,
        }
    }
}

#[derive(Debug)]
pub(super) enum StoredBody {
    Empty,
    Bytes(Vec<u8>),
    /// To be read when it is sent.
    Later,
    File {
        id: i64,
        bytes: u64,
    },
}

/// What a transaction has done that others must hear of.
#[derive(Default)]
pub(super) struct Changes {
    /// To be told after the commit.
    pub(super) notices: Vec<Notice>,
    /// Targets of which it must be found out anew when something may be claimed; see [`Changes::refresh`].
    touched: Vec<i64>,
    /// Targets that are to be left alone from now on: what is claimed of them should be given back.
    pub(super) closed: Vec<i64>,
    /// Targets that are known to have had no failure since the last success.
    healthy: Vec<i64>,
}

impl Changes {
    /// Whether a success says nothing new of a target.
    fn is_healthy(&mut self, connection: &Connection, target: i64) -> Result<bool> {
        if self.healthy.contains(&target) {
            return Ok(true);
        }
        let sql = "SELECT failures = 0 AND probe_at IS NULL FROM renkei_target WHERE id = ?1";
        let is_healthy = connection.prepare_cached(sql)?.query_row([target], |row| row.get(0))?;
        if is_healthy {
            self.healthy.push(target);
        }
        Ok(is_healthy)
    }

    fn touch(&mut self, target: i64) {
        if !self.touched.contains(&target) {
            self.touched.push(target);
        }
    }

    /// To be called before the commit, unless [`claim`] was.
    pub(super) fn refresh(&mut self, connection: &Connection, now: Timestamp) -> Result<()> {
        std::mem::take(&mut self.touched).into_iter().try_for_each(|id| target::refresh(connection, id, now))
    }
}

/// Ways of sending that were read before; there are as many as settings.
pub(super) type Sendings = HashMap<i64, Arc<Sending>>;

/// When something may be claimed next over these channels.
pub(super) fn next_ready(connection: &Connection, channels: &[Channel]) -> Result<Option<Timestamp>> {
    let sql = "SELECT ready_at, channel FROM renkei_target WHERE ready_at IS NOT NULL ORDER BY ready_at";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if is_of(row, channels)? {
            return Ok(Some(Timestamp(row.get(0)?)));
        }
    }
    Ok(None)
}

/// Who claims, and how much.
pub(super) struct Wish<'a> {
    pub(super) job: i64,
    pub(super) channels: &'a [Channel],
    /// How many at most.
    pub(super) room: usize,
    /// How many can be sent at once.
    pub(super) senders: usize,
    /// Where to begin among the targets, so that each comes first now and then.
    pub(super) turn: usize,
    /// How many at most of each target.
    pub(super) shares: &'a mut Shares,
}

/// Claims what is due. Targets share the room; within one it goes by priority, then by moment.
pub(super) fn claim(
    store: &Store,
    writing: &Writing<'_>,
    wish: &mut Wish<'_>,
    sendings: &mut Sendings,
    changes: &mut Changes,
) -> Result<Vec<Claimed>> {
    let now = store.now();
    let mut claimed = Vec::new();
    let sql = "SELECT id, channel FROM renkei_target WHERE ready_at <= ?1 ORDER BY ready_at LIMIT ?2";
    let mut statement = writing.prepare_cached(sql)?;
    // Those that this transaction has touched may have become ready by that.
    let mut ready: Vec<i64> = changes.touched.clone();
    let mut rows = statement.query((now.0, TARGETS_A_CLAIM))?;
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        if is_of(row, wish.channels)? && !ready.contains(&id) {
            ready.push(id);
        }
    }
    drop(rows);
    if !ready.is_empty() {
        let begin = wish.turn % ready.len();
        ready.rotate_left(begin);
    }
    let mut loaded: HashMap<i64, TargetRow> = HashMap::new();
    // First each gets its part, then whoever has more takes what is left.
    for is_first in [true, false] {
        let mut more = Vec::new();
        for (at, id) in ready.iter().enumerate() {
            let room = wish.room.saturating_sub(claimed.len());
            if room == 0 {
                break;
            }
            let part = if is_first { (room / (ready.len() - at)).max(1) } else { room };
            let allowed = wish.shares.allowed(*id);
            let wanted = allowed.min(part);
            if wanted == 0 {
                continue;
            }
            let row = match loaded.entry(*id) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => entry.insert(TargetRow::load(writing, *id)?),
            };
            // Half of what is free is left to other pools, unless the senders of this one have a use for it.
            let free = row.free(wish.job, wish.senders, now);
            let free = free.min(wish.senders.max(free.div_ceil(2)));
            let count = claim_of(store, writing, row, free.min(wanted), wish.job, &mut claimed, sendings, changes)?;
            row.took(wish.job, wish.senders, count);
            wish.shares.took(*id, count);
            if count == wanted && allowed > wanted && free > wanted {
                more.push(*id);
            }
        }
        ready = more;
    }
    for id in std::mem::take(&mut changes.touched) {
        if !loaded.contains_key(&id) {
            target::refresh(writing, id, now)?;
        }
    }
    loaded.into_values().try_for_each(|row| row.refresh(writing, now))?;
    // Those whose time was over may have let others go that waited behind them.
    changes.refresh(writing, now)?;
    Ok(claimed)
}

/// Whether the second column of a row is one of these channels.
fn is_of(row: &rusqlite::Row<'_>, channels: &[Channel]) -> Result<bool> {
    Ok(channels.contains(&Channel::from_text(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?)))
}

/// Claims at most `most` of one target; how many.
#[expect(clippy::too_many_arguments, reason = "the inner part of `claim`, which has them at hand")]
fn claim_of(
    store: &Store,
    writing: &Writing<'_>,
    target: &mut TargetRow,
    most: usize,
    job: i64,
    claimed: &mut Vec<Claimed>,
    sendings: &mut Sendings,
    changes: &mut Changes,
) -> Result<usize> {
    let now = store.now();
    let mut count = 0;
    let sql = "SELECT d.id, d.expires_at <= ?3, d.message_id, d.channel, d.sending_id, m.method, m.url, m.headers,
        CASE WHEN m.bytes <= ?5 THEN m.body END, m.body IS NOT NULL, m.file_id, m.bytes, m.slots, d.attempts, d.target_id,
        d.kind, d.order_key IS NOT NULL
        FROM renkei_delivery d INDEXED BY renkei_delivery_waiting JOIN renkei_message m ON m.delivery_id = d.id
        WHERE d.state = 'waiting' AND d.target_id = ?1 AND d.priority = ?2 AND d.due_at <= ?3
        ORDER BY d.due_at, d.id LIMIT ?4";
    for priority in [Priority::High, Priority::Normal, Priority::Low] {
        while count < most {
            let limit = i64::try_from(most - count).unwrap_or(i64::MAX);
            let mut found = Vec::new();
            let mut expired = Vec::new();
            let mut statement = writing.prepare_cached(sql)?;
            let mut rows = statement.query((target.id, priority.number(), now.0, limit, READ_WITH_CLAIM))?;
            while let Some(row) = rows.next()? {
                if row.get::<_, Option<bool>>(1)? == Some(true) {
                    expired.push(row.get::<_, i64>(0)?);
                    continue;
                }
                found.push((row.get::<_, i64>(4)?, read_claimed(row)?));
            }
            drop(rows);
            let is_last = found.len() + expired.len() < most - count;
            for id in expired {
                expire(store, writing, id, changes)?;
            }
            let sql = "UPDATE renkei_delivery SET state = 'sending', claimed_by = ?2,
                started_at = ifnull(started_at, ?3) WHERE id = ?1";
            let mut statement = writing.prepare_cached(sql)?;
            for (sending, mut delivery) in found {
                delivery.sending = sending_of(writing, sending, sendings)?;
                statement.execute((delivery.id, job, now.0))?;
                claimed.push(delivery);
                count += 1;
            }
            if is_last {
                break;
            }
        }
    }
    if let (Some(rate), true) = (&target.limits.rate, count > 0) {
        target.rate_next = rate.taken(target.rate_next, now, count);
        target.store(writing)?;
    }
    Ok(count)
}

fn read_claimed(row: &rusqlite::Row<'_>) -> Result<Claimed> {
    let text = |at: usize| -> Result<&str> { Ok(row.get_ref(at)?.as_str().map_err(rusqlite::Error::from)?) };
    let json = |error: serde_json::Error| {
        Error::new(Code::StoreCorrupt)
            .with_value("a delivery")
            .with_rule("its message is not readable")
            .with_source(error)
    };
    let body = match (row.get::<_, Option<i64>>(10)?, row.get::<_, Option<Vec<u8>>>(8)?) {
        (Some(id), _) => StoredBody::File { id, bytes: row.get::<_, i64>(11)?.unsigned_abs() },
        (None, Some(bytes)) => StoredBody::Bytes(bytes),
        (None, None) if row.get::<_, bool>(9)? => StoredBody::Later,
        (None, None) => StoredBody::Empty,
    };
    let slots: Option<String> = row.get(12)?;
    Ok(Claimed {
        id: row.get(0)?,
        target: row.get(14)?,
        attempts: row.get(13)?,
        message_id: row.get(2)?,
        channel: Channel::from_text(text(3)?),
        sending: Arc::default(),
        method: row.get(5)?,
        url: serde_json::from_str(text(6)?).map_err(json)?,
        headers: serde_json::from_str::<Headers>(text(7)?).map_err(json)?.0,
        body,
        slots: slots.map(|slots| serde_json::from_str(&slots).map_err(json)).transpose()?.unwrap_or_default(),
        is_followed: row.get::<_, bool>(16)? || consequence(text(15)?).is_some(),
    })
}

fn sending_of(connection: &Connection, id: i64, sendings: &mut Sendings) -> Result<Arc<Sending>> {
    if let Some(known) = sendings.get(&id) {
        return Ok(known.clone());
    }
    let sql = "SELECT document FROM renkei_sending WHERE id = ?1";
    let document: String = connection.prepare_cached(sql)?.query_row([id], |row| row.get(0))?;
    let sending: Sending = serde_json::from_str(&document).map_err(|error| {
        Error::new(Code::StoreCorrupt).with_value("a way of sending").with_rule("it is not readable").with_source(error)
    })?;
    let sending = Arc::new(sending);
    sendings.insert(id, sending.clone());
    Ok(sending)
}

/// Writes what an attempt came to, and what follows from it.
pub(super) fn settle(
    store: &Store,
    writing: &Writing<'_>,
    job: i64,
    finished: &Finished,
    changes: &mut Changes,
) -> Result<()> {
    let now = store.now();
    let claimed = &finished.claimed;
    let judgement = judge(finished, now);
    if matches!(judgement, Judgement { verdict: Verdict::Delivered, health: Health::Good, hold: None, .. })
        && !claimed.is_followed
        && changes.is_healthy(writing, claimed.target)?
    {
        return settle_plain(writing, job, finished, now, changes);
    }
    let sql = "SELECT attempts, tries, cancel_asked, expires_at FROM renkei_delivery
        WHERE id = ?1 AND state = 'sending' AND claimed_by = ?2";
    let row = writing
        .prepare_cached(sql)?
        .query_row((claimed.id, job), |row| {
            let (attempts, tries, cancel_asked): (u32, u32, bool) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok((attempts, tries, cancel_asked, row.get::<_, Option<i64>>(3)?))
        })
        .optional()?;
    let Some((attempts, tries, cancel_asked, expires_at)) = row else {
        log::warn!("delivery {} was taken over while it was sent", claimed.id);
        return Ok(());
    };
    changes.touch(claimed.target);
    let (attempts, tries) = (attempts + 1, tries + 1);
    let failure = finished.result.as_ref().err();
    let error = judgement.refused.as_ref().or(failure.map(|failure| &failure.error));
    let error = judgement.family.zip(error);
    let answer = finished.result.as_ref().ok().map(|exchange| &exchange.answer);
    let (state, retry_at) = match judgement.verdict {
        Verdict::Delivered => (DeliveryState::Delivered, None),
        _ if cancel_asked => (DeliveryState::Cancelled, None),
        Verdict::Failed => (DeliveryState::Failed, None),
        Verdict::Again { asked } => {
            let wait = claimed.sending.retry.wait(tries, asked, dice(store));
            let retry_at = wait.map(|wait| now.after(wait));
            match retry_at.filter(|at| expires_at.is_none_or(|expires| at.0 < expires)) {
                Some(at) => (DeliveryState::Waiting, Some(at)),
                None => (DeliveryState::Failed, None),
            }
        }
    };
    attempt::insert(writing, finished, &Judged { number: attempts, error, retry_at })?;
    let sql = "UPDATE renkei_delivery SET state = ?2, due_at = ifnull(?3, due_at), attempts = ?4, tries = ?5,
        claimed_by = NULL, status = ?6, error_family = ?7, error_code = ?8, error_ja = ?9, error_en = ?10, ended_at = ?11,
        cancel_asked = 0, after_code = NULL, after_ja = NULL, after_en = NULL WHERE id = ?1
        RETURNING kind, setting_id, run_id, created_by, context, target_id, order_key";
    let ended = Ended::written(
        writing,
        sql,
        rusqlite::params![
            claimed.id,
            state.as_str(),
            retry_at.map(|at| at.0),
            attempts,
            tries,
            answer.map(|answer| answer.status).or(failure.and_then(|failure| failure.status)),
            error.map(|(family, _)| family.as_str()),
            error.map(|(_, error)| error.code().as_str()),
            error.map(|(_, error)| error.message(Language::Japanese)),
            error.map(|(_, error)| error.message(Language::English)),
            state.is_ended().then_some(now.0),
        ],
    )?;
    let says_nothing = match judgement.health {
        Health::Good => changes.is_healthy(writing, claimed.target)?,
        Health::Bad => false,
        Health::Unknown => true,
    };
    if !says_nothing || judgement.hold.is_some() {
        note_health(writing, claimed.target, &judgement, error.map(|(_, error)| error), now, changes)?;
    }
    match ended {
        Some(ended) if state.is_ended() => follow(store, writing, claimed.id, &ended, state, answer, error, changes),
        _ => Ok(()),
    }
}

/// As [`settle`] for what most attempts come to: the delivery was delivered, and nothing follows.
fn settle_plain(
    writing: &Writing<'_>,
    job: i64,
    finished: &Finished,
    now: Timestamp,
    changes: &mut Changes,
) -> Result<()> {
    let claimed = &finished.claimed;
    let sql = "UPDATE renkei_delivery SET state = 'delivered', attempts = attempts + 1, tries = tries + 1,
        claimed_by = NULL, status = ?3, error_family = NULL, error_code = NULL, error_ja = NULL, error_en = NULL,
        ended_at = ?4, cancel_asked = 0, after_code = NULL, after_ja = NULL, after_en = NULL
        WHERE id = ?1 AND state = 'sending' AND claimed_by = ?2";
    let status = finished.result.as_ref().ok().map(|exchange| exchange.answer.status);
    if writing.prepare_cached(sql)?.execute((claimed.id, job, status, now.0))? == 0 {
        log::warn!("delivery {} was taken over while it was sent", claimed.id);
        return Ok(());
    }
    changes.touch(claimed.target);
    attempt::insert(writing, finished, &Judged { number: claimed.attempts + 1, error: None, retry_at: None })
}

/// Notes what an attempt says of its target.
fn note_health(
    writing: &Writing<'_>,
    id: i64,
    judgement: &Judgement,
    error: Option<&Error>,
    now: Timestamp,
    changes: &mut Changes,
) -> Result<()> {
    let mut row = TargetRow::load(writing, id)?;
    let turned = match judgement.health {
        Health::Good => row.circuit.succeeded(),
        Health::Bad => row.circuit.failed(&row.limits.circuit, now),
        Health::Unknown => None,
    };
    if let Some(hold) = judgement.hold {
        row.held_until = row.held_until.max(Some(now.after(hold)));
    }
    let target = row.name().to_owned();
    let why = || error.map(|error| error.message(Language::English)).unwrap_or_default();
    match turned {
        None => {}
        Some(Turned::Opened) => {
            changes.notices.push(Notice::CircuitOpened { target, failures: row.circuit.failures, why: why() });
        }
        Some(Turned::Closed) => changes.notices.push(Notice::CircuitClosed { target }),
        Some(Turned::Disabled) => {
            row.disabled_why = Some(why());
            changes.notices.push(Notice::TargetDisabled { target, why: why() });
        }
    }
    row.store(writing)?;
    changes.healthy.retain(|healthy| *healthy != id);
    if judgement.hold.is_some() || row.circuit.disabled_at.is_some() || row.circuit.probe_at.is_some() {
        changes.closed.push(id);
    }
    Ok(())
}

/// What is needed of a delivery that has ended.
struct Ended {
    kind: String,
    setting: Option<i64>,
    run: Option<i64>,
    actor: Option<i64>,
    context: String,
    target: i64,
    order_key: Option<String>,
}

impl Ended {
    /// Runs a statement that changes one delivery and returns what is needed of it.
    fn written(connection: &Connection, sql: &str, parameters: &[&dyn rusqlite::ToSql]) -> Result<Option<Ended>> {
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query(parameters)?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let ended = Ended {
            kind: row.get(0)?,
            setting: row.get(1)?,
            run: row.get(2)?,
            actor: row.get(3)?,
            context: row.get(4)?,
            target: row.get(5)?,
            order_key: row.get(6)?,
        };
        // To its end, or it does not count as done.
        while rows.next()?.is_some() {}
        Ok(Some(ended))
    }
}

/// Ends a delivery that is not being sent.
pub(super) fn end(
    store: &Store,
    writing: &Writing<'_>,
    id: i64,
    state: DeliveryState,
    error: Option<(ErrorFamily, &Error)>,
    changes: &mut Changes,
) -> Result<()> {
    let sql =
        "UPDATE renkei_delivery SET state = ?2, ended_at = ?3, claimed_by = NULL, cancel_asked = 0, after_code = NULL,
        after_ja = NULL, after_en = NULL WHERE id = ?1
        RETURNING kind, setting_id, run_id, created_by, context, target_id, order_key";
    let ended = Ended::written(writing, sql, rusqlite::params![id, state.as_str(), store.now().0])?;
    match ended {
        Some(ended) => follow(store, writing, id, &ended, state, None, error, changes),
        None => Ok(()),
    }
}

/// What follows from the end of a delivery: the next of its order key may go, and the room that made it is told.
#[expect(clippy::too_many_arguments, reason = "the last part of `settle` and `end`, which have them at hand")]
fn follow(
    store: &Store,
    writing: &Writing<'_>,
    id: i64,
    ended: &Ended,
    state: DeliveryState,
    answer: Option<&Answer>,
    error: Option<(ErrorFamily, &Error)>,
    changes: &mut Changes,
) -> Result<()> {
    changes.touch(ended.target);
    if let Some(key) = &ended.order_key {
        // One that is sent again may stand behind younger ones, of which one is on its way. However many stand in the row,
        // each of the three is found by its place in the index.
        let sql = "WITH mine AS NOT MATERIALIZED (SELECT id, state FROM renkei_delivery INDEXED BY renkei_delivery_order
                WHERE target_id = ?1 AND order_key = ?2 AND order_key IS NOT NULL AND state IN ('waiting', 'behind', 'sending'))
            UPDATE renkei_delivery SET state = 'waiting'
            WHERE id = (SELECT id FROM mine WHERE state = 'behind' ORDER BY id LIMIT 1)
            AND NOT EXISTS (SELECT 1 FROM mine WHERE state = 'waiting')
            AND NOT EXISTS (SELECT 1 FROM mine WHERE state = 'sending')";
        writing.prepare_cached(sql)?.execute((ended.target, key))?;
    }
    if state == DeliveryState::Failed {
        let why = error.map(|(_, error)| error.message(Language::English)).unwrap_or_default();
        changes.notices.push(Notice::Failed { delivery: id, kind: ended.kind.clone(), why });
    }
    let Some(consequence) = consequence(&ended.kind) else { return Ok(()) };
    let Ended { setting, run, actor, .. } = *ended;
    let settled = Settled { delivery: id, setting, run, actor, context: &ended.context, state, answer, error };
    // What follows is done on behalf of whoever made the delivery.
    let store = Store { actor, ..store.clone() };
    writing.execute_batch("SAVEPOINT settled")?;
    let result = catch_unwind(AssertUnwindSafe(|| consequence.settled(&store, writing, &settled)));
    let result = result.unwrap_or_else(|_| Err(Error::new(Code::Internal).with_rule("what follows panicked")));
    match result {
        Ok(()) => writing.execute_batch("RELEASE settled")?,
        Err(error) if is_fatal(&error) || writing.is_autocommit() => return Err(error),
        Err(error) => {
            writing.execute_batch("ROLLBACK TO settled; RELEASE settled")?;
            log::warn!("what follows from delivery {id} failed: {error}");
            let sql = "UPDATE renkei_delivery SET after_code = ?2, after_ja = ?3, after_en = ?4 WHERE id = ?1";
            writing.prepare_cached(sql)?.execute((
                id,
                error.code().as_str(),
                error.message(Language::Japanese),
                error.message(Language::English),
            ))?;
        }
    }
    Ok(())
}

/// Whether the store itself has failed, so that nothing can be written now.
fn is_fatal(error: &Error) -> bool {
    matches!(
        error.code(),
        Code::StoreFull | Code::StoreBusy | Code::StoreCorrupt | Code::StoreUnwritable | Code::Io | Code::Cancelled
    )
}

/// Gives up a delivery whose time is over.
pub(super) fn expire(store: &Store, writing: &Writing<'_>, id: i64, changes: &mut Changes) -> Result<()> {
    let sql = "SELECT expires_at FROM renkei_delivery WHERE id = ?1";
    let expires: Option<i64> = writing.prepare_cached(sql)?.query_row([id], |row| row.get(0))?;
    let over = Timestamp(expires.unwrap_or(store.now().0));
    let error = Error::new(Code::DeliveryExpired).with_rule(over);
    fail(store, writing, id, &error, changes)
}

/// Ends a delivery that is not being sent by an error of this side.
fn fail(store: &Store, writing: &Writing<'_>, id: i64, error: &Error, changes: &mut Changes) -> Result<()> {
    let family = ErrorFamily::BeforeSending;
    let sql =
        "UPDATE renkei_delivery SET error_family = ?2, error_code = ?3, error_ja = ?4, error_en = ?5 WHERE id = ?1";
    writing.prepare_cached(sql)?.execute((
        id,
        family.as_str(),
        error.code().as_str(),
        error.message(Language::Japanese),
        error.message(Language::English),
    ))?;
    end(store, writing, id, DeliveryState::Failed, Some((family, error)), changes)
}

/// Writes what a dead pool had sent and not yet written, by its journal; what was written already is passed over.
fn settle_left(store: &Store, writing: &Writing<'_>, job: i64, changes: &mut Changes) -> Result<usize> {
    let (mut sendings, mut count) = (Sendings::new(), 0);
    for entry in journal::left(store, job) {
        let sql = "SELECT d.id, NULL, d.message_id, d.channel, d.sending_id, m.method, m.url, m.headers, NULL, 0, NULL,
            m.bytes, NULL, d.attempts, d.target_id, d.kind, d.order_key IS NOT NULL
            FROM renkei_delivery d JOIN renkei_message m ON m.delivery_id = d.id
            WHERE d.id = ?1 AND d.state = 'sending' AND d.claimed_by = ?2 AND d.attempts + 1 = ?3";
        let mut statement = writing.prepare_cached(sql)?;
        let mut rows = statement.query((entry.delivery, job, entry.number))?;
        let Some(row) = rows.next()? else { continue };
        let (sending, mut claimed) = (row.get(4)?, read_claimed(row)?);
        drop(rows);
        claimed.sending = sending_of(writing, sending, &mut sendings)?;
        let (started_at, total) = (entry.started_at(), entry.total());
        let finished = Finished { claimed, started_at, total, result: entry.result() };
        settle(store, writing, job, &finished, changes)?;
        count += 1;
    }
    Ok(count)
}

/// Takes over what a dead pool has left: what it had sent is written, what it held is given back; how much of each. Its
/// journal is to be buried after the commit.
pub(super) fn take_over(
    store: &Store,
    writing: &Writing<'_>,
    job: i64,
    changes: &mut Changes,
) -> Result<(usize, usize)> {
    let sent = settle_left(store, writing, job, changes)?;
    let held = release(store, writing, job, None, changes)?;
    changes.refresh(writing, store.now())?;
    Ok((sent, held))
}

/// Gives back what a pool has claimed: everything, or the deliveries given. A dead pool may have sent some of it.
pub(super) fn release(
    store: &Store,
    writing: &Writing<'_>,
    job: i64,
    only: Option<&[i64]>,
    changes: &mut Changes,
) -> Result<usize> {
    let sql = "SELECT id, target_id, cancel_asked FROM renkei_delivery INDEXED BY renkei_delivery_sending
        WHERE state = 'sending' AND claimed_by = ?1";
    let mut statement = writing.prepare_cached(sql)?;
    let held: Vec<(i64, i64, bool)> = statement
        .query_map([job], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let (is_dead, mut count) = (only.is_none(), 0);
    for (id, target, cancel_asked) in held {
        if only.is_some_and(|only| !only.contains(&id)) {
            continue;
        }
        if cancel_asked {
            end(store, writing, id, DeliveryState::Cancelled, None, changes)?;
        } else {
            let sql = "UPDATE renkei_delivery SET state = 'waiting', claimed_by = NULL, interrupted = interrupted + ?2
                WHERE id = ?1";
            writing.prepare_cached(sql)?.execute((id, is_dead))?;
        }
        changes.touch(target);
        count += 1;
    }
    Ok(count)
}
