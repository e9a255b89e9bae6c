//! Durable work: reserved now, claimed and run later, taken over when its runner dies.
//!
//! A runner owns a job for a lease, which it prolongs as it goes (a heartbeat, in the transaction of its own progress).
//! A job whose lease has run out is claimed by the next runner. Every write of a runner is fenced by the owner's mark, so
//! that a runner that was only slow finds out and stops. A runner that is seen to live is left alone whatever its lease
//! says, and one that is seen to be dead is not waited for (see [`life`]). Jobs of one lane run one after the other.

pub(crate) mod invariants;
mod life;
mod pace;
mod report;

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};

pub(crate) use pace::{Enough, Pace, SHORTEST};
pub use report::{Report, ReportWhen};

use life::Life;

use crate::error::{Code, Error, Language, Result, Words};
use crate::store::sign::Seen;
use crate::store::{Store, Timestamp, next_id};

/// How long the silence of a runner is not taken for death.
pub(crate) const LEASE: Duration = Duration::from_secs(4);

/// How often a runner says that it lives.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(1);

/// How often a job may end its runner, without progress between, before it is given up.
pub(crate) const MOST_ATTEMPTS: i64 = 5;

/// The state of durable work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum JobState {
    /// Waits for its turn.
    Reserved,
    /// Is run at present, or was when its runner died.
    Running,
    /// Ended as it should.
    Completed,
    /// Ended with an error.
    Failed,
    /// Ended because it was asked to (強制終了).
    Cancelled,
}

impl JobState {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            JobState::Reserved => "reserved",
            JobState::Running => "running",
            JobState::Completed => "completed",
            JobState::Failed => "failed",
            JobState::Cancelled => "cancelled",
        }
    }

    pub(crate) fn words(self) -> Words {
        let ja = match self {
            JobState::Reserved => "予約済み",
            JobState::Running => "実行中",
            JobState::Completed => "完了",
            JobState::Failed => "失敗",
            JobState::Cancelled => "中止済み",
        };
        Words::both(ja, self.as_str())
    }

    pub(crate) fn from_text(text: &str) -> JobState {
        match text {
            "reserved" => JobState::Reserved,
            "running" => JobState::Running,
            "completed" => JobState::Completed,
            "cancelled" => JobState::Cancelled,
            _ => JobState::Failed,
        }
    }

    /// Whether nothing more will happen.
    pub fn is_ended(self) -> bool {
        matches!(self, JobState::Completed | JobState::Failed | JobState::Cancelled)
    }
}

/// Why a job failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JobError {
    /// The stable code; see [`Code`].
    pub code: String,
    /// The message in Japanese.
    pub ja: String,
    /// The message in English.
    pub en: String,
}

/// What is known of a job of any kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) id: i64,
    pub(crate) state: JobState,
    pub(crate) created_at: Timestamp,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) cancel_asked: bool,
    pub(crate) error: Option<JobError>,
}

/// A job that this runner owns.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) id: i64,
    pub(crate) attempt: i64,
    /// The user who asked for it; `None` is the host.
    pub(crate) actor: Option<i64>,
    owner: [u8; 16],
    life: Option<Life>,
}

impl Claim {
    /// Whether another process asks the job to end. Costs a system call.
    pub(crate) fn is_asked_to_end(&self) -> bool {
        self.life.as_ref().is_some_and(Life::is_asked_to_end)
    }
}

/// What a job is made with.
pub(crate) struct NewJob<'a> {
    pub(crate) kind: &'a str,
    pub(crate) lane: i64,
    pub(crate) run_at: Timestamp,
    /// The client's own token: the same token gives the same job.
    pub(crate) token: Option<&'a str>,
    /// Who is told how it ended.
    pub(crate) report: Option<&'a Report>,
}

/// For jobs that no runner claims, but that wait for something else to happen.
pub(crate) const NEVER: Timestamp = Timestamp(i64::MAX);

/// Makes a job; the id, and whether a job with the token was there already.
pub(crate) fn reserve(store: &Store, connection: &Connection, new: &NewJob<'_>) -> Result<(i64, bool)> {
    if let Some(token) = new.token
        && let Some(id) = find(connection, new.kind, token)?
    {
        return Ok((id, true));
    }
    let id = next_id(connection)?;
    let report = new
        .report
        .map(serde_json::to_string)
        .transpose()
        .map_err(|error| Error::new(Code::Internal).with_rule("a report cannot be written").with_source(error))?;
    let sql = "INSERT INTO renkei_job (id, kind, lane, state, run_at, created_at, created_by, token, report)
        VALUES (?1, ?2, ?3, 'reserved', ?4, ?5, ?6, ?7, ?8)";
    connection.prepare_cached(sql)?.execute((
        id,
        new.kind,
        new.lane,
        new.run_at.0,
        store.now().0,
        store.actor,
        new.token,
        report,
    ))?;
    Ok((id, false))
}

/// The job that was made with a token.
pub(crate) fn find(connection: &Connection, kind: &str, token: &str) -> Result<Option<i64>> {
    let sql = "SELECT id FROM renkei_job WHERE kind = ?1 AND token = ?2";
    Ok(connection.prepare_cached(sql)?.query_row((kind, token), |row| row.get(0)).optional()?)
}

/// What is known of a job.
pub(crate) fn get(connection: &Connection, kind: &str, id: i64) -> Result<Job> {
    let sql = "SELECT state, created_at, started_at, ended_at, cancel_asked, error_code, error_ja, error_en
        FROM renkei_job WHERE id = ?1 AND kind = ?2";
    let found = connection
        .prepare_cached(sql)?
        .query_row((id, kind), |row| {
            let code: Option<String> = row.get(5)?;
            Ok(Job {
                id,
                state: JobState::from_text(row.get_ref(0)?.as_str()?),
                created_at: Timestamp(row.get(1)?),
                started_at: row.get::<_, Option<i64>>(2)?.map(Timestamp),
                ended_at: row.get::<_, Option<i64>>(3)?.map(Timestamp),
                cancel_asked: row.get(4)?,
                error: match code {
                    Some(code) => Some(JobError { code, ja: row.get(6)?, en: row.get(7)? }),
                    None => None,
                },
            })
        })
        .optional()?;
    found.ok_or_else(|| Error::new(Code::JobNotFound).with_value(id))
}

/// What a look for work found.
pub(crate) enum Found {
    Claimed(Claim),
    /// A job that ended its runner too often; it was given up.
    GivenUp(i64),
    Nothing,
}

/// A job that may be claimed.
struct Candidate {
    id: i64,
    attempts: i64,
    actor: Option<i64>,
    /// The runner it had, which is dead or silent.
    owner: Option<Vec<u8>>,
}

/// Claims the next job of a kind that is due, whose lane is free and whose runner, if it had one, is dead or silent.
pub(crate) fn claim(store: &Store, kind: &str) -> Result<Found> {
    // Looking needs no turn to write, and mostly there is nothing.
    if look(store, &*store.reading()?, kind)?.is_none() {
        return Ok(Found::Nothing);
    }
    let mut owner = [0u8; 16];
    store.random(&mut owner);
    // Shown before others can read of the owner, so that it is never missed.
    let life = Life::show(store, &owner);
    let (found, before) = store.write(|writing| {
        let Some(candidate) = look(store, writing, kind)? else { return Ok((Found::Nothing, None)) };
        let Candidate { id, attempts, actor, owner: before } = candidate;
        let now = store.now();
        if attempts >= MOST_ATTEMPTS {
            let error = Error::new(Code::JobGivenUp).with_value(attempts);
            end(writing, id, JobState::Failed, now, Some(&error))?;
            return Ok((Found::GivenUp(id), before));
        }
        let sql = "UPDATE renkei_job SET state = 'running', started_at = ifnull(started_at, ?2), owner = ?3,
            lease_until = ?4, attempts = attempts + 1 WHERE id = ?1";
        writing.prepare_cached(sql)?.execute((id, now.0, &owner[..], now.after(LEASE).0))?;
        Ok((Found::Claimed(Claim { id, attempt: attempts + 1, actor, owner, life }), before))
    })?;
    if let Some(before) = before {
        life::bury(store, &before);
    }
    Ok(found)
}

/// Makes a job that this runner owns from its beginning, and of which so much is done at once.
pub(crate) fn begin(store: &Store, kind: &str, width: u32) -> Result<Claim> {
    let mut owner = [0u8; 16];
    store.random(&mut owner);
    // Shown before others can read of the owner, so that it is never missed.
    let life = Life::show(store, &owner);
    let id = store.write(|writing| {
        let id = next_id(writing)?;
        let now = store.now();
        let sql = "INSERT INTO renkei_job (id, kind, lane, state, run_at, created_at, created_by, started_at, owner,
            lease_until, attempts, width) VALUES (?1, ?2, ?1, 'running', ?3, ?3, ?4, ?3, ?5, ?6, 1, ?7)";
        let lease = now.after(LEASE).0;
        writing.prepare_cached(sql)?.execute((id, kind, now.0, store.actor, &owner[..], lease, width))?;
        Ok(id)
    })?;
    Ok(Claim { id, attempt: 1, actor: store.actor, owner, life })
}

/// Ends a job that this runner owns, and of which nothing needs to be known afterwards.
pub(crate) fn forget(connection: &Connection, claim: &Claim) -> Result<()> {
    let sql = "DELETE FROM renkei_job WHERE id = ?1 AND owner = ?2";
    connection.prepare_cached(sql)?.execute((claim.id, &claim.owner[..]))?;
    Ok(())
}

/// Removes a job that has ended, and of which nothing needs to be known.
pub(crate) fn drop_ended(connection: &Connection, id: i64) -> Result<()> {
    let sql = "DELETE FROM renkei_job WHERE id = ?1 AND ended_at IS NOT NULL";
    connection.prepare_cached(sql)?.execute([id])?;
    Ok(())
}

/// The greatest id that was handed out.
pub(crate) fn newest(connection: &Connection) -> Result<i64> {
    let sql = "SELECT value - 1 FROM renkei_meta WHERE name = 'next_id'";
    Ok(connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
}

/// Whether [`claim`] would find something.
pub(crate) fn is_claimable(store: &Store, connection: &Connection, kind: &str) -> Result<bool> {
    Ok(look(store, connection, kind)?.is_some())
}

fn look(store: &Store, connection: &Connection, kind: &str) -> Result<Option<Candidate>> {
    // A job that was begun comes before those of its lane, also before one reserved earlier for a later moment.
    let sql = "SELECT j.id, j.attempts, j.created_by, j.owner, j.lease_until < ?2 FROM renkei_job j
        WHERE j.kind = ?1 AND j.state IN ('reserved', 'running')
          AND (j.state = 'running' OR j.run_at <= ?2 AND NOT EXISTS (
              SELECT 1 FROM renkei_job e WHERE e.kind = j.kind AND e.state IN ('reserved', 'running')
              AND e.lane = j.lane AND e.id <> j.id AND (e.state = 'running' OR e.run_at <= ?2 AND e.id < j.id)))
        ORDER BY j.run_at, j.id";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query((kind, store.now().0))?;
    while let Some(row) = rows.next()? {
        let candidate = Candidate { id: row.get(0)?, attempts: row.get(1)?, actor: row.get(2)?, owner: row.get(3)? };
        let silent: Option<bool> = row.get(4)?;
        let free = match &candidate.owner {
            None => true,
            Some(owner) => match life::see(store, owner) {
                Seen::Alive => false,
                Seen::Dead => true,
                Seen::Nothing => silent.unwrap_or(true),
            },
        };
        if free {
            return Ok(Some(candidate));
        }
    }
    Ok(None)
}

/// When something of a kind may be claimable next, if anything waits: the time of the next reservation, or of the end
/// of the lease of a runner of which nothing can be seen.
pub(crate) fn next_due(store: &Store, connection: &Connection, kind: &str) -> Result<Option<Timestamp>> {
    let sql = "SELECT CASE state WHEN 'running' THEN lease_until ELSE run_at END, owner
        FROM renkei_job WHERE kind = ?1 AND state IN ('reserved', 'running') ORDER BY 1";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([kind])?;
    while let Some(row) = rows.next()? {
        let owner: Option<Vec<u8>> = row.get(1)?;
        if owner.is_none_or(|owner| life::see(store, &owner) != Seen::Alive) {
            return Ok(Some(Timestamp(row.get::<_, Option<i64>>(0)?.unwrap_or(0))));
        }
    }
    Ok(None)
}

/// Prolongs the lease, in the transaction of `connection`. Whether the job was asked to end is the answer.
///
/// `progress` says that work was done since the claim: the job is not one that only ends its runners.
///
/// # Errors
///
/// [`Code::JobLost`] when another runner has taken over; the transaction must be rolled back.
pub(crate) fn heartbeat(store: &Store, connection: &Connection, claim: &Claim, progress: bool) -> Result<bool> {
    let sql = "UPDATE renkei_job SET lease_until = ?3, attempts = CASE WHEN ?4 THEN 1 ELSE attempts END
        WHERE id = ?1 AND owner = ?2 AND state = 'running' RETURNING cancel_asked";
    let lease = store.now().after(LEASE).0;
    let asked: Option<bool> = connection
        .prepare_cached(sql)?
        .query_row((claim.id, &claim.owner[..], lease, progress), |row| row.get(0))
        .optional()?;
    match asked {
        Some(asked) => Ok(asked || store.is_cancel_signed(claim.id)),
        None => Err(Error::new(Code::JobLost).with_value(claim.id)),
    }
}

/// Makes sure that this runner still owns the job, without prolonging its lease.
///
/// # Errors
///
/// [`Code::JobLost`], as [`heartbeat`].
pub(crate) fn check(connection: &Connection, claim: &Claim) -> Result<()> {
    let sql = "SELECT 1 FROM renkei_job WHERE id = ?1 AND owner = ?2 AND state = 'running'";
    match connection.prepare_cached(sql)?.exists((claim.id, &claim.owner[..]))? {
        true => Ok(()),
        false => Err(Error::new(Code::JobLost).with_value(claim.id)),
    }
}

/// Ends a job that this runner owns.
pub(crate) fn finish(
    store: &Store,
    connection: &Connection,
    claim: &Claim,
    state: JobState,
    error: Option<&Error>,
) -> Result<()> {
    heartbeat(store, connection, claim, true)?;
    end(connection, claim.id, state, store.now(), error)?;
    store.clear_cancel(claim.id);
    Ok(())
}

/// Ends a job, whoever owns it.
pub(crate) fn end(
    connection: &Connection,
    id: i64,
    state: JobState,
    now: Timestamp,
    error: Option<&Error>,
) -> Result<()> {
    let sql = "UPDATE renkei_job SET state = ?2, ended_at = ?3, owner = NULL, lease_until = NULL,
        error_code = ?4, error_ja = ?5, error_en = ?6, report_due = report IS NOT NULL WHERE id = ?1";
    connection.prepare_cached(sql)?.execute((
        id,
        state.as_str(),
        now.0,
        error.map(|error| error.code().as_str()),
        error.map(|error| error.message(Language::Japanese)),
        error.map(|error| error.message(Language::English)),
    ))?;
    Ok(())
}

/// Opens a job that waited or had ended: it may be claimed from `run_at` on. A runner that has it finds that it has lost it.
pub(crate) fn open(connection: &Connection, id: i64, run_at: Timestamp) -> Result<()> {
    let sql = "UPDATE renkei_job SET state = 'reserved', run_at = ?2, ended_at = NULL, attempts = 0, cancel_asked = 0,
        error_code = NULL, error_ja = NULL, error_en = NULL, report_due = 0, owner = NULL, lease_until = NULL
        WHERE id = ?1";
    connection.prepare_cached(sql)?.execute((id, run_at.0))?;
    Ok(())
}

/// Gives a job back, to be claimed again at once: the runner stops, the job does not.
///
/// `counts` says that this try counts among those after which a job is given up.
pub(crate) fn park(connection: &Connection, claim: &Claim, counts: bool) -> Result<()> {
    let sql = "UPDATE renkei_job SET state = 'reserved', owner = NULL, lease_until = NULL,
        attempts = CASE WHEN ?3 THEN attempts ELSE 0 END WHERE id = ?1 AND owner = ?2";
    connection.prepare_cached(sql)?.execute((claim.id, &claim.owner[..], counts))?;
    Ok(())
}

/// Lays a job of this runner aside until [`open`] is called: it waits for something else to happen.
pub(crate) fn wait(connection: &Connection, claim: &Claim) -> Result<()> {
    let sql = "UPDATE renkei_job SET state = 'reserved', owner = NULL, lease_until = NULL, attempts = 0, run_at = ?3
        WHERE id = ?1 AND owner = ?2";
    connection.prepare_cached(sql)?.execute((claim.id, &claim.owner[..], NEVER.0))?;
    Ok(())
}

/// Asks a job to end. One that waits is ended at once; one that runs ends within a second.
///
/// # Errors
///
/// [`Code::JobState`] when it has ended already.
pub(crate) fn cancel(store: &Store, kind: &str, id: i64) -> Result<()> {
    let job = get(&*store.reading()?, kind, id)?;
    let mut asked = None;
    if job.state == JobState::Running {
        store.sign_cancel(id);
        let sql = "SELECT owner FROM renkei_job WHERE id = ?1";
        let owner: Option<Vec<u8>> = store.reading()?.prepare_cached(sql)?.query_row([id], |row| row.get(0))?;
        // Until the turn has come: what is noted in the store then is seen by the owner too.
        asked = owner.and_then(|owner| life::ask_to_end(store, &owner));
    }
    let result = store.write(|writing| {
        let job = get(writing, kind, id)?;
        match job.state {
            JobState::Reserved => {
                end(writing, id, JobState::Cancelled, store.now(), Some(&Error::new(Code::Cancelled)))
            }
            JobState::Running => {
                let sql = "UPDATE renkei_job SET cancel_asked = 1 WHERE id = ?1";
                writing.prepare_cached(sql)?.execute([id])?;
                Ok(())
            }
            // The runner saw the sign while this call waited for its turn.
            JobState::Cancelled if store.is_cancel_signed(id) => Ok(()),
            ended => Err(Error::new(Code::JobState).with_value(id).with_rule(ended.words())),
        }
    });
    drop(asked);
    let ended = get(&*store.reading()?, kind, id).is_ok_and(|job| job.state.is_ended());
    if ended {
        store.clear_cancel(id);
    }
    match result {
        Err(error) if error.code() == Code::JobState && job.state == JobState::Running => {
            // It ended by itself or by the sign between the look and the turn: cancelled is what was asked for.
            match get(&*store.reading()?, kind, id)?.state {
                JobState::Cancelled => Ok(()),
                _ => Err(error),
            }
        }
        other => other,
    }
}

/// Removes what runners left beside the store that died before anybody knew of them.
pub(crate) fn sweep_signs(store: &Store) {
    life::sweep(store);
}

/// Deletes jobs that ended before `before`, with all that belongs to them; how many.
pub(crate) fn sweep(connection: &Connection, kind: &str, before: Timestamp) -> Result<usize> {
    let sql = "DELETE FROM renkei_job WHERE ended_at < ?2 AND kind = ?1";
    Ok(connection.prepare_cached(sql)?.execute((kind, before.0))?)
}
