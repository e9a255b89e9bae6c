//! Targets: what deliveries share that go to one place.

use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};

use super::circuit::{Circuit, CircuitState};
use super::delivery::{Channel, Priority};
use super::rate::Rate;
use crate::access::{demand_administrator, note_audit};
use crate::error::{Code, Error, Result, Words, words};
use crate::schema::{documents, documents::Document, names};
use crate::store::{Store, Timestamp};

/// A target (連携先): the limits shared by all deliveries that name it in [`Sending::target`](super::Sending::target).
/// Deliveries that name none share the target of their origin, such as `https://api.example.com:443`, with the limits
/// that stand here as defaults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The id; assigned when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    /// The machine name.
    pub code: String,
    /// The name shown to people.
    pub name: String,
    /// How many deliveries may be on their way at once, over all workers. Default: 8.
    #[serde(default = "eight")]
    pub concurrency: u32,
    /// How often it may be called. Default: as often as there is something to send.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// When it is left alone.
    #[serde(default)]
    pub circuit: Circuit,
}

fn eight() -> u32 {
    8
}

impl Target {
    /// A target with the default limits.
    pub fn new(code: impl Into<String>, name: impl Into<String>) -> Target {
        Target {
            id: None,
            code: code.into(),
            name: name.into(),
            concurrency: eight(),
            rate: None,
            circuit: Circuit::default(),
        }
    }

    /// Sets how many deliveries may be on their way at once.
    pub fn concurrency(mut self, most: u32) -> Target {
        self.concurrency = most;
        self
    }

    /// Sets how often it may be called.
    pub fn rate(mut self, rate: Rate) -> Target {
        self.rate = Some(rate);
        self
    }

    /// Sets when it is left alone.
    pub fn circuit(mut self, circuit: Circuit) -> Target {
        self.circuit = circuit;
        self
    }

    fn validate(&self) -> Result<()> {
        let fault = |rule: Words| Err(Error::new(Code::DefinitionInvalid).with_name(&self.code).with_rule(rule));
        if let Some(rule) = names::code_fault(&self.code) {
            return fault(rule);
        }
        if self.concurrency == 0 || self.concurrency > 1_000 {
            return fault(words!("`concurrency`は1から1,000までの数です", "`concurrency` is a number from 1 to 1,000"));
        }
        match self.rate.as_ref().and_then(Rate::fault) {
            Some(rule) => fault(rule),
            None => Ok(()),
        }
    }
}

/// Keeps a target, new or changed.
pub(crate) fn save(store: &Store, connection: &Connection, target: &mut Target) -> Result<i64> {
    target.validate()?;
    let id = documents::save(connection, None, target)?;
    refresh_all(store, connection, Some(id))?;
    Ok(id)
}

/// Other limits make other moments.
fn refresh_all(store: &Store, connection: &Connection, definition: Option<i64>) -> Result<()> {
    let mut statement = connection.prepare_cached("SELECT id FROM renkei_target WHERE definition_id = ?1")?;
    let rows: Vec<i64> = statement.query_map([definition], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    rows.into_iter().try_for_each(|row| refresh(connection, row, store.now()))
}

/// Takes a target out. What waits for it is sent with the limits of any other, maybe at once.
pub(crate) fn remove(store: &Store, connection: &Connection, name: &str) -> Result<()> {
    let id = documents::get::<Target>(connection, None, name)?.id;
    documents::remove(connection, id.unwrap_or_default())?;
    refresh_all(store, connection, id)
}

impl Document for Target {
    const KIND: &'static str = "target";

    fn id(&self) -> Option<i64> {
        self.id
    }

    fn set_id(&mut self, id: i64) {
        self.id = Some(id);
    }

    fn code(&self) -> &str {
        &self.code
    }
}

/// The row of the target that a delivery goes to: the one it names, or that of its origin.
pub(super) fn row_of(connection: &Connection, named: Option<&str>, origin: &str, channel: Channel) -> Result<i64> {
    let (definition, origin) = match named {
        Some(name) => (documents::get::<Target>(connection, None, name)?.id, None),
        None => (None, Some(origin)),
    };
    let sql = "SELECT id FROM renkei_target WHERE ifnull(definition_id, 0) = ifnull(?1, 0)
        AND ifnull(origin, '') = ifnull(?2, '') AND channel = ?3";
    let found = (definition, origin, channel.as_str());
    let known = connection.prepare_cached(sql)?.query_row(found, |row| row.get(0)).optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    let sql = "INSERT INTO renkei_target (definition_id, origin, channel) VALUES (?1, ?2, ?3) RETURNING id";
    Ok(connection.prepare_cached(sql)?.query_row(found, |row| row.get(0))?)
}

/// A target as it stands, with its limits.
#[derive(Debug)]
pub(super) struct TargetRow {
    pub(super) id: i64,
    pub(super) limits: Target,
    pub(super) origin: Option<String>,
    pub(super) circuit: CircuitState,
    pub(super) disabled_why: Option<String>,
    pub(super) held_until: Option<Timestamp>,
    pub(super) rate_next: i64,
    /// As it was written last.
    ready_at: Option<Timestamp>,
    /// Who has claimed of it.
    holders: Vec<Holder>,
}

/// A pool that holds deliveries of a target. It may hold more than it sends at once.
#[derive(Debug)]
struct Holder {
    job: i64,
    claimed: usize,
    /// Its senders.
    width: usize,
}

impl TargetRow {
    pub(super) fn load(connection: &Connection, id: i64) -> Result<TargetRow> {
        let sql = "SELECT t.definition_id, f.document, t.origin, t.failures, t.failing_since, t.probe_at, t.probes,
            t.disabled_at, t.disabled_why, t.held_until, t.rate_next, t.ready_at
            FROM renkei_target t LEFT JOIN renkei_definition f ON f.id = t.definition_id WHERE t.id = ?1";
        let (definition, document, mut row) = connection.prepare_cached(sql)?.query_row([id], |row| {
            let time = |at: usize| row.get::<_, Option<i64>>(at).map(|time| time.map(Timestamp));
            let circuit = CircuitState {
                failures: row.get(3)?,
                failing_since: time(4)?,
                probe_at: time(5)?,
                probes: row.get(6)?,
                disabled_at: time(7)?,
            };
            let loaded = TargetRow {
                id,
                limits: Target::new("", ""),
                origin: row.get(2)?,
                circuit,
                disabled_why: row.get(8)?,
                held_until: time(9)?,
                rate_next: row.get(10)?,
                ready_at: time(11)?,
                holders: Vec::new(),
            };
            Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<String>>(1)?, loaded))
        })?;
        // What nobody holds any more is taken for being sent until it is given back.
        let sql = "SELECT d.claimed_by, count(*), j.width
            FROM renkei_delivery d INDEXED BY renkei_delivery_sending LEFT JOIN renkei_job j ON j.id = d.claimed_by
            WHERE d.state = 'sending' AND d.target_id = ?1 GROUP BY d.claimed_by";
        let mut statement = connection.prepare_cached(sql)?;
        let holders = statement.query_map([id], |row| {
            let (claimed, width): (isize, Option<isize>) = (row.get(1)?, row.get(2)?);
            let width = width.unwrap_or(claimed).unsigned_abs();
            Ok(Holder { job: row.get(0)?, claimed: claimed.unsigned_abs(), width })
        })?;
        row.holders = holders.collect::<rusqlite::Result<_>>()?;
        if let Some(definition) = definition {
            // One that is no longer defined has the limits of any other, and its number for a name.
            row.limits = match document {
                None => Target::new(definition.to_string(), ""),
                Some(document) => serde_json::from_str(&document).map_err(|error| {
                    let rule =
                        words!("連携先の定義を読み取れません: {error}", "a stored target is not readable: {error}");
                    Error::new(Code::StoreCorrupt).with_value("the store").with_rule(rule)
                })?,
            };
        }
        Ok(row)
    }

    /// Its code, or its origin.
    pub(super) fn name(&self) -> &str {
        match &self.origin {
            Some(origin) => origin,
            None => &self.limits.code,
        }
    }

    /// Deliveries that are claimed.
    fn claimed(&self) -> usize {
        self.holders.iter().map(|holder| holder.claimed).sum()
    }

    /// How many may be on their way at this moment, by pools that are not `except`.
    fn busy(&self, except: Option<i64>) -> usize {
        let others = self.holders.iter().filter(|holder| Some(holder.job) != except);
        others.map(|holder| holder.claimed.min(holder.width)).sum()
    }

    /// Notes what a pool has claimed.
    pub(super) fn took(&mut self, job: i64, width: usize, count: usize) {
        match self.holders.iter_mut().find(|holder| holder.job == job) {
            Some(holder) => holder.claimed += count,
            None => self.holders.push(Holder { job, claimed: count, width }),
        }
    }

    /// How many more deliveries a pool of so many senders may claim now. As far as it may use every sender at once, it may
    /// claim ahead of what it sends.
    pub(super) fn free(&self, job: i64, width: usize, now: Timestamp) -> usize {
        if self.circuit.disabled_at.is_some() || self.held_until.is_some_and(|until| now < until) {
            return 0;
        }
        let most = usize::try_from(self.limits.concurrency).unwrap_or(1);
        let free = match self.circuit.probe_at {
            Some(probe_at) if now < probe_at => 0,
            Some(_) => 1_usize.saturating_sub(self.claimed()),
            None => match most.saturating_sub(self.busy(Some(job))) {
                free if free >= width => usize::MAX,
                free => {
                    let own = self.holders.iter().find(|holder| holder.job == job);
                    free.saturating_sub(own.map_or(0, |own| own.claimed))
                }
            },
        };
        match &self.limits.rate {
            Some(rate) => free.min(rate.free(self.rate_next, now)),
            None => free,
        }
    }

    /// When something may be claimed next, if it is due; `None` when not before a delivery of it has ended, or somebody has
    /// enabled it.
    fn opens_at(&self) -> Option<Timestamp> {
        let most = usize::try_from(self.limits.concurrency).unwrap_or(1);
        let is_full = match self.circuit.probe_at {
            Some(_) => self.claimed() > 0,
            None => self.busy(None) >= most,
        };
        if self.circuit.disabled_at.is_some() || is_full {
            return None;
        }
        let rate = self.limits.rate.as_ref().map(|rate| rate.ready_at(self.rate_next));
        [self.circuit.probe_at, self.held_until, rate].into_iter().flatten().max().or(Some(Timestamp(i64::MIN)))
    }

    /// Writes the state back, without `ready_at`; see [`refresh`].
    pub(super) fn store(&self, connection: &Connection) -> Result<()> {
        let sql = "UPDATE renkei_target SET failures = ?2, failing_since = ?3, probe_at = ?4, probes = ?5,
            disabled_at = ?6, disabled_why = ?7, held_until = ?8, rate_next = ?9 WHERE id = ?1";
        connection.prepare_cached(sql)?.execute((
            self.id,
            self.circuit.failures,
            self.circuit.failing_since.map(|time| time.0),
            self.circuit.probe_at.map(|time| time.0),
            self.circuit.probes,
            self.circuit.disabled_at.map(|time| time.0),
            &self.disabled_why,
            self.held_until.map(|time| time.0),
            self.rate_next,
        ))?;
        Ok(())
    }
}

/// Finds out when something may be claimed next. Whoever changes what that depends on calls this in the same transaction.
///
/// Targets are found by this moment alone, so that the backlog of one that is dead or disabled costs nobody anything.
pub(super) fn refresh(connection: &Connection, id: i64, now: Timestamp) -> Result<()> {
    TargetRow::load(connection, id)?.refresh(connection, now)
}

impl TargetRow {
    /// As [`refresh`], of a row that is as the transaction has it.
    pub(super) fn refresh(&self, connection: &Connection, now: Timestamp) -> Result<()> {
        let ready = match self.opens_at() {
            None => None,
            Some(opens) => first_due(connection, self.id, now)?.map(|due| due.max(opens)),
        };
        if ready != self.ready_at {
            let sql = "UPDATE renkei_target SET ready_at = ?2 WHERE id = ?1";
            connection.prepare_cached(sql)?.execute((self.id, ready.map(|time| time.0)))?;
        }
        Ok(())
    }
}

impl TargetRow {
    /// Whether something waits that may be sent, and nobody would look for it in time.
    pub(super) fn is_forgotten(&self, connection: &Connection) -> Result<bool> {
        let Some(opens) = self.opens_at() else { return Ok(false) };
        // Which priority the moment was of that is kept depends on the clock of then, which may have been set back since:
        // it is that of one of them.
        let sql =
            "SELECT max(due) FROM (SELECT min(due_at) AS due FROM renkei_delivery INDEXED BY renkei_delivery_waiting
            WHERE state = 'waiting' AND target_id = ?1 AND priority IN (0, 1, 2) GROUP BY priority)";
        let due: Option<i64> = connection.prepare_cached(sql)?.query_row([self.id], |row| row.get(0))?;
        let latest = due.map(|due| Timestamp(due).max(opens));
        Ok(latest.is_some_and(|latest| self.ready_at.is_none_or(|ready| ready > latest)))
    }
}

/// When the first of a target's deliveries is due, or any of those that are.
fn first_due(connection: &Connection, id: i64, now: Timestamp) -> Result<Option<Timestamp>> {
    let sql = "SELECT due_at FROM renkei_delivery INDEXED BY renkei_delivery_waiting
        WHERE state = 'waiting' AND target_id = ?1 AND priority = ?2 ORDER BY due_at LIMIT 1";
    let mut first: Option<i64> = None;
    for priority in [Priority::Normal, Priority::High, Priority::Low] {
        let due = connection.prepare_cached(sql)?.query_row((id, priority.number()), |row| row.get(0)).optional()?;
        first = [first, due].into_iter().flatten().min();
        if first.is_some_and(|first| first <= now.0) {
            break;
        }
    }
    Ok(first.map(Timestamp))
}

/// The rows of a target, by its code or its origin: one for each channel.
fn rows_of(connection: &Connection, name: &str) -> Result<Vec<i64>> {
    let sql = "SELECT id FROM renkei_target WHERE origin = ?1 OR definition_id =
        (SELECT id FROM renkei_definition WHERE kind = ?2 AND database_id IS NULL AND code = ?1)";
    let mut statement = connection.prepare_cached(sql)?;
    let rows: Vec<i64> =
        statement.query_map((name, Target::KIND), |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    match rows.is_empty() {
        true => Err(Error::new(Code::TargetNotFound).with_value(name)),
        false => Ok(rows),
    }
}

/// How the circuit of a target stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CircuitPosition {
    /// Deliveries are sent.
    Closed,
    /// Nothing is sent for a while, then one delivery at a time, until one succeeds.
    Open,
    /// Nothing is sent until the target is enabled.
    Disabled,
}

/// How a target stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TargetStatus {
    /// Its code, or its origin.
    pub name: String,
    /// How its circuit stands.
    pub circuit: CircuitPosition,
    /// Failures in a row.
    pub failures: u32,
    /// Since when, in milliseconds since 1970.
    pub failing_since: Option<i64>,
    /// When it is probed next, if its circuit is open.
    pub probe_at: Option<i64>,
    /// Until when it asked to be left alone by `Retry-After`.
    pub held_until: Option<i64>,
    /// Since when it is disabled.
    pub disabled_at: Option<i64>,
    /// Why it was disabled, in English.
    pub disabled_why: Option<String>,
    /// Deliveries that wait, whether they are due or not.
    pub waiting: u64,
    /// When the oldest of them was or is due.
    pub oldest_due_at: Option<i64>,
    /// Deliveries that are being sent.
    pub sending: u64,
}

/// Every target that something was sent to, by its row.
pub(super) fn statuses(connection: &Connection) -> Result<Vec<TargetStatus>> {
    let mut statement = connection.prepare_cached("SELECT id FROM renkei_target ORDER BY id")?;
    let ids: Vec<i64> = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let sql = "SELECT count(*), min(due_at) FROM renkei_delivery INDEXED BY renkei_delivery_waiting
        WHERE state = 'waiting' AND target_id = ?1";
    let statuses = ids.into_iter().map(|id| {
        let row = TargetRow::load(connection, id)?;
        let (waiting, oldest_due_at): (i64, Option<i64>) =
            connection.prepare_cached(sql)?.query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let circuit = match (row.circuit.disabled_at, row.circuit.probe_at) {
            (Some(_), _) => CircuitPosition::Disabled,
            (None, Some(_)) => CircuitPosition::Open,
            (None, None) => CircuitPosition::Closed,
        };
        Ok(TargetStatus {
            name: row.name().to_owned(),
            circuit,
            failures: row.circuit.failures,
            failing_since: row.circuit.failing_since.map(|time| time.0),
            probe_at: row.circuit.probe_at.map(|time| time.0),
            held_until: row.held_until.map(|time| time.0),
            disabled_at: row.circuit.disabled_at.map(|time| time.0),
            disabled_why: row.disabled_why.clone(),
            waiting: waiting.unsigned_abs(),
            oldest_due_at,
            sending: row.claimed() as u64,
        })
    });
    statuses.collect()
}

impl Store {
    /// Every target that something was or is to be sent to, and how it stands. For the host and administrators.
    pub fn targets(&self) -> Result<Vec<TargetStatus>> {
        let reading = self.reading()?;
        demand_administrator(self, &reading, "targets")?;
        statuses(&reading)
    }

    /// Lets deliveries go to a target again: one that was disabled, whose circuit is open, or that asked to be left alone.
    /// It is named by its code, or by its origin such as `https://api.example.com:443`.
    ///
    /// # Errors
    ///
    /// [`Code::TargetNotFound`], [`Code::AdministratorOnly`].
    pub fn enable_target(&self, name: &str) -> Result<()> {
        self.change_target("target.enable", name, |row, _| {
            row.circuit = CircuitState::default();
            row.disabled_why = None;
            row.held_until = None;
        })
    }

    /// Sends nothing more to a target until it is enabled again; what is on its way is not called back.
    ///
    /// # Errors
    ///
    /// [`Code::TargetNotFound`], [`Code::AdministratorOnly`].
    pub fn disable_target(&self, name: &str, why: &str) -> Result<()> {
        self.change_target("target.disable", name, |row, now| {
            row.circuit.disabled_at.get_or_insert(now);
            row.disabled_why = Some(why.to_owned());
        })
    }

    fn change_target(&self, action: &str, name: &str, change: impl Fn(&mut TargetRow, Timestamp)) -> Result<()> {
        self.write(|writing| {
            demand_administrator(self, writing, "targets")?;
            for id in rows_of(writing, name)? {
                let mut row = TargetRow::load(writing, id)?;
                change(&mut row, self.now());
                row.store(writing)?;
                refresh(writing, id, self.now())?;
            }
            writing.makes_work();
            note_audit(self, writing, action, None, name)
        })
    }
}
