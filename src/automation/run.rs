//! The run of an automation: from where it was interrupted to its end, in transactions that make room for others.

use std::sync::atomic::AtomicBool;

use rusqlite::Connection;

use super::flow::Flow;
use super::journal::{KIND, Run};
use super::step::{Batch, Pause, Queue, Watch, is_of_the_store};
use crate::error::{Code, Error, Kind, Result, words};
use crate::job::{self, Claim, Found, JobState, Pace};
use crate::schema::Catalog;
use crate::store::{Cause, Link, Origin, Store};
use crate::template::call_values;

/// Runs the next automation that is due; whether there was one.
pub(crate) fn run_next(store: &Store, stop: &AtomicBool) -> Result<bool> {
    let woken = wake(store)?;
    match job::claim(store, KIND)? {
        Found::Nothing => Ok(woken),
        Found::GivenUp(id) => {
            log::error!("the run {id} of an automation ended its process too often and was given up");
            Ok(true)
        }
        Found::Claimed(claim) => {
            log::info!("the run {} of an automation begins (attempt {})", claim.id, claim.attempt);
            run(store, &claim, stop)?;
            Ok(true)
        }
    }
}

/// Lets runs go on whose http sends have ended; whether there were any.
fn wake(store: &Store) -> Result<bool> {
    let look = |connection: &Connection| -> Result<Vec<i64>> {
        let sql = "SELECT DISTINCT o.job_id FROM renkei_automation_open o INDEXED BY renkei_automation_waiting
            JOIN renkei_job r ON r.id = o.job_id LEFT JOIN renkei_job s ON s.id = o.send_id
            WHERE o.send_id IS NOT NULL AND r.state = 'reserved' AND r.run_at = ?1
              AND (s.id IS NULL OR s.ended_at IS NOT NULL)";
        let mut statement = connection.prepare_cached(sql)?;
        Ok(statement.query_map([job::NEVER.0], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
    };
    // Looking needs no turn to write, and mostly there is nothing.
    if look(&*store.reading()?)?.is_empty() {
        return Ok(false);
    }
    store.write(|writing| {
        let found = look(writing)?;
        let now = store.now();
        found.iter().try_for_each(|run| job::open(writing, *run, now))?;
        Ok(!found.is_empty())
    })
}

/// Runs a claimed automation as far as it goes. One that fails is a result like any other; an error is told when the store
/// itself failed, and then the run stays, to go on another time.
fn run(store: &Store, claim: &Claim, stop: &AtomicBool) -> Result<()> {
    let Err(error) = attempt(store, claim, stop) else { return Ok(()) };
    let park = |counts: bool| {
        let _ = store.write(|writing| job::park(writing, claim, counts));
    };
    match (error.code(), error.kind()) {
        // Somebody else has it now.
        (Code::JobLost, _) => Ok(()),
        // Somebody must make room, or give way; the run waits for that as long as it takes.
        (Code::StoreFull | Code::StoreUnwritable, _) | (_, Kind::Busy) => {
            park(false);
            Err(error)
        }
        // It may be a fault of the moment, or one that comes at the same place again and again.
        (_, Kind::Storage) if claim.attempt < job::MOST_ATTEMPTS => {
            park(true);
            Err(error)
        }
        _ => store.write(|writing| job::finish(store, writing, claim, JobState::Failed, Some(&error))),
    }
}

fn attempt(store: &Store, claim: &Claim, stop: &AtomicBool) -> Result<()> {
    let (mut run, mut queue) = {
        let reading = store.reading()?;
        let run = Run::load(&reading, claim.id)?;
        let queue = Queue { ready: run.open(&reading)?.into(), ..Queue::default() };
        (run, queue)
    };
    // What is written is written by who started it, because of this run.
    let mut chain = run.chain.clone();
    chain.push(Link(claim.id, run.automation.code.clone()));
    let store = &store.acting(claim.actor, Cause { origin: Origin::Automation, run: Some(claim.id), chain });
    loop {
        let give_way = match transaction(store, claim, stop, &mut run, &mut queue).inspect_err(|error| {
            store.note_failure(error);
        })? {
            Some(give_way) => give_way,
            None => return Ok(()),
        };
        if give_way {
            store.give_way();
        }
    }
}

/// One transaction of a run; whether others are to be let in before the next, or nothing when there is no next one.
fn transaction(
    store: &Store,
    claim: &Claim,
    stop: &AtomicBool,
    run: &mut Run,
    queue: &mut Queue,
) -> Result<Option<bool>> {
    let writing = store.writing()?;
    let finish = |state: JobState, error: Option<&Error>| job::finish(store, &writing, claim, state, error);
    if job::heartbeat(store, &writing, claim, false)? {
        finish(JobState::Cancelled, Some(&Error::new(Code::Cancelled)))?;
        writing.commit()?;
        return Ok(None);
    }
    let most = store.limits().automation_seconds;
    if run.worked / 1_000 >= most {
        let rule = words!("自動処理1回の実行は{most}秒まで", "a run of an automation works for at most {most} s");
        let error = Error::new(Code::LimitPassed).with_rule(rule).with_value(run.worked / 1_000);
        finish(JobState::Failed, Some(&error))?;
        writing.commit()?;
        return Ok(None);
    }
    let catalog = Catalog::of(store, &writing)?;
    let automation = run.automation.clone();
    // The database may have been redefined since; what does not fit any more ends the run.
    let flow = match Flow::compile(store, &writing, &catalog, &automation) {
        Err(error) if !is_of_the_store(&error) => {
            finish(JobState::Failed, Some(&error))?;
            writing.commit()?;
            return Ok(None);
        }
        flow => flow?,
    };
    let call = call_values(store, &writing, store.now(), &run.memo)?;
    queue.answered = run.answered(&writing)?;
    let watch = Watch { writing: &writing, claim, stop, pace: Pace::begin() };
    let why = Batch::new(store, &writing, &flow, &call, run, Some(watch)).work(queue)?;
    let goes_on = match why {
        Pause::Commit { give_way } => {
            // With the progress itself: a runner that dies after this commit has not died in vain.
            job::heartbeat(store, &writing, claim, true)?;
            Some(give_way)
        }
        Pause::Stop => {
            job::park(&writing, claim, false)?;
            None
        }
        Pause::Cancelled => {
            finish(JobState::Cancelled, Some(&Error::new(Code::Cancelled)))?;
            None
        }
        Pause::Failed(error) => {
            finish(JobState::Failed, Some(&error))?;
            None
        }
        Pause::End => {
            match run.waiting(&writing)? {
                0 => finish(JobState::Completed, None)?,
                _ => job::wait(&writing, claim)?,
            }
            None
        }
    };
    writing.commit()?;
    Ok(goes_on)
}
