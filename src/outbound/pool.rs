//! The senders: threads that send what is due, share the limits of targets, and write results together.
//!
//! A result stands in the journal (see [`journal`](super::journal)) before its sender goes on, so that a death makes at most
//! one duplicate for each sender. Results are written to the store many at once, and what comes next is claimed in the same
//! transaction: by the keeper when there are many or they have waited a moment, by a sender that has nothing else to do.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::delivery::Channel;
use super::journal::{self, Journal};
use super::notice::Notice;
use super::queue::{self, Changes, Claimed, Sendings, Wish};
use super::send::{self, Courier, Finished};
use super::share::{Load, Shares};
use crate::error::{Code, Error, Result};
use crate::job::{self, Claim, Found};
use crate::store::{Store, Writing};

/// The kind of jobs that pools of senders are.
pub(crate) const KIND: &str = "sender";

/// How often it is looked for what other processes have made or left.
const LOOK: Duration = Duration::from_millis(200);

/// Deliveries that a pool holds at most.
const HELD: usize = 512;

/// Results that are written without waiting for more, and those for which every sender waits.
const MANY: usize = 128;
const TOO_MANY: usize = 1_000;

/// For so long results wait for more.
const WAIT: Duration = Duration::from_millis(3);

/// Targets that are remembered.
const REMEMBERED: usize = 10_000;

/// How a pool works.
pub(crate) struct PoolOptions<'a> {
    pub(crate) courier: &'a Courier,
    pub(crate) senders: usize,
    /// Ends it when set: what is being sent is still waited for.
    pub(crate) stop: &'a AtomicBool,
    pub(crate) notify: &'a (dyn Fn(&Notice) + Send + Sync),
    /// How long more work is waited for when there is none.
    pub(crate) linger: Duration,
    /// The most deliveries that are sent.
    pub(crate) most: u64,
}

/// Whether there is something to do for a pool: something is due, or was held by a pool that is dead.
pub(crate) fn is_due(store: &Store, courier: &Courier) -> Result<bool> {
    let reading = store.reading()?;
    let ready = queue::next_ready(&reading, &courier.channels())?;
    Ok(ready.is_some_and(|ready| ready <= store.now())
        || has_orphans(&reading)?
        || job::is_claimable(store, &reading, KIND)?)
}

/// Whether a pool that is no more holds anything.
fn has_orphans(connection: &Connection) -> Result<bool> {
    let sql = "SELECT 1 FROM renkei_delivery d INDEXED BY renkei_delivery_sending WHERE d.state = 'sending'
        AND NOT EXISTS (SELECT 1 FROM renkei_job j WHERE j.id = d.claimed_by AND j.state = 'running') LIMIT 1";
    Ok(connection.prepare_cached(sql)?.exists([])?)
}

/// Gives back what pools held that are dead, or no more.
fn take_over(store: &Store, notify: &(dyn Fn(&Notice) + Send + Sync)) -> Result<()> {
    loop {
        match job::claim(store, KIND)? {
            Found::Nothing => break,
            // Those who came for what it held died of other things; what it held has no owner any more, and is given back below.
            Found::GivenUp(id) => store.write(|writing| job::drop_ended(writing, id))?,
            Found::Claimed(dead) => {
                let mut changes = Changes::default();
                let (sent, held) = store.write(|writing| {
                    let left = queue::take_over(store, writing, dead.id, &mut changes)?;
                    job::forget(writing, &dead)?;
                    Ok(left)
                })?;
                journal::bury(store, dead.id);
                tell(notify, &changes.notices);
                log::warn!("a pool of senders died: {sent} results were written for it, {held} deliveries given back");
            }
        }
    }
    if has_orphans(&*store.reading()?)? {
        let mut changes = Changes::default();
        let gone = store.write(|writing| {
            let sql = "SELECT DISTINCT claimed_by FROM renkei_delivery d WHERE d.state = 'sending' AND NOT EXISTS
                (SELECT 1 FROM renkei_job j WHERE j.id = d.claimed_by AND j.state = 'running')";
            let mut statement = writing.prepare_cached(sql)?;
            let gone: Vec<i64> = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
            for job in &gone {
                queue::take_over(store, writing, *job, &mut changes)?;
            }
            Ok(gone)
        })?;
        gone.into_iter().for_each(|job| journal::bury(store, job));
        tell(notify, &changes.notices);
    }
    Ok(())
}

/// Removes the journals of pools that are no more.
pub(crate) fn sweep(store: &Store) -> Result<()> {
    let reading = store.reading()?;
    let sql = "SELECT id FROM renkei_job WHERE kind = ?1 AND state = 'running'
        UNION SELECT claimed_by FROM renkei_delivery WHERE state = 'sending'";
    let mut statement = reading.prepare_cached(sql)?;
    let known: Vec<Option<i64>> = statement.query_map([KIND], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    // Pools that began after this look have greater numbers.
    let newest = job::newest(&reading)?;
    journal::sweep(store, |job| job <= newest && !known.contains(&Some(job)));
    Ok(())
}

fn tell(notify: &(dyn Fn(&Notice) + Send + Sync), notices: &[Notice]) {
    for notice in notices {
        notice.log();
        notify(notice);
    }
}

/// Sends what is due until nothing is; how many attempts were made.
///
/// # Errors
///
/// When the store fails. What was sent and could not be written is sent again by whoever comes next.
pub(crate) fn drain(store: &Store, options: &PoolOptions<'_>) -> Result<u64> {
    take_over(store, options.notify)?;
    let channels = options.courier.channels();
    let is_ready = queue::next_ready(&*store.reading()?, &channels)?.is_some_and(|ready| ready <= store.now());
    if !is_ready && options.linger.is_zero() {
        return Ok(0);
    }
    let claim = job::begin(store, KIND, u32::try_from(options.senders).unwrap_or(u32::MAX))?;
    let journal = Mutex::new(Journal::begin(store, claim.id));
    let pool = Pool {
        store,
        options,
        claim,
        channels,
        state: Mutex::new(State { left: options.most, ..State::default() }),
        journal,
        changed: Condvar::new(),
    };
    let kept = std::thread::scope(|scope| {
        let senders = u64::try_from(options.senders.max(1)).unwrap_or(1).min(options.most);
        for number in 0..senders {
            let sender = std::thread::Builder::new().name(format!("renkei-sender-{number}"));
            if let Err(error) = sender.spawn_scoped(scope, || pool.send()) {
                pool.lock().ended = true;
                pool.changed.notify_all();
                return Err(Error::from(error));
            }
        }
        let kept = pool.keep();
        pool.lock().ended = true;
        pool.changed.notify_all();
        kept
    });
    pool.finish(kept)
}

#[derive(Default)]
struct State {
    queue: VecDeque<Claimed>,
    loads: HashMap<i64, Load>,
    /// Claimed: in the queue and being sent.
    held: usize,
    results: Vec<Finished>,
    /// Since when there are results to be written.
    since: Option<Instant>,
    /// Those of them that stand in the journal.
    noted: usize,
    /// Claimed, and not to be sent now: to be given back.
    unsent: Vec<i64>,
    /// Results that came, and results that are written: their numbers go up.
    came: u64,
    written: u64,
    is_writing: bool,
    /// How many more may be claimed.
    left: u64,
    ended: bool,
    failure: Option<Error>,
    sendings: Sendings,
    /// Where the next claim begins among the targets.
    turn: usize,
    /// When the lease was prolonged last.
    beat: Option<Instant>,
}

impl State {
    /// Whether the lease is to be prolonged.
    fn is_late(&self) -> bool {
        self.beat.is_none_or(|beat| beat.elapsed() >= job::HEARTBEAT)
    }

    fn began(&mut self, claimed: &Claimed) -> Instant {
        let now = Instant::now();
        self.loads.entry(claimed.target).or_default().began.push(now);
        now
    }

    /// Takes out of the queue what goes to targets that are to be left alone.
    fn leave(&mut self, targets: &[i64]) {
        for delivery in std::mem::take(&mut self.queue) {
            if !targets.contains(&delivery.target) {
                self.queue.push_back(delivery);
                continue;
            }
            let load = self.loads.entry(delivery.target).or_default();
            load.held = load.held.saturating_sub(1);
            self.held = self.held.saturating_sub(1);
            self.unsent.push(delivery.id);
        }
    }

    /// Targets that have become slow after more was claimed of them than can be sent at once.
    fn overtaken(&self, senders: usize) -> Vec<i64> {
        let is_overtaken = |load: &Load| load.held > senders && load.is_slow();
        self.loads.iter().filter(|(_, load)| is_overtaken(load)).map(|(target, _)| *target).collect()
    }

    /// Takes a result; its number, and whether its sender may go on before it is in the store.
    fn came(&mut self, finished: Finished, is_noted: bool, began: Instant) -> (u64, bool) {
        let load = self.loads.entry(finished.claimed.target).or_default();
        load.ended(began, finished.total);
        self.held = self.held.saturating_sub(1);
        self.came += 1;
        self.noted += usize::from(is_noted);
        // A failure is written at once: it may be the one after which the target is to be left alone.
        let is_free = is_noted && finished.is_success();
        self.results.push(finished);
        self.since.get_or_insert_with(Instant::now);
        (self.came, is_free && self.results.len() < TOO_MANY)
    }
}

struct Pool<'a> {
    store: &'a Store,
    options: &'a PoolOptions<'a>,
    claim: Claim,
    channels: Vec<Channel>,
    state: Mutex<State>,
    /// With a lock of its own, never held together with that of the state: nobody else waits for the file.
    journal: Mutex<Journal>,
    changed: Condvar,
}

/// Ends the pool when a sender panics: the others would wait for it for ever.
struct Watch<'a, 'b>(&'a Pool<'b>);

impl Drop for Watch<'_, '_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.lock().ended = true;
            self.0.changed.notify_all();
            self.0.store.wake();
        }
    }
}

impl Pool<'_> {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The work of one sender.
    fn send(&self) {
        let _watch = Watch(self);
        let mut state = self.lock();
        loop {
            if state.ended {
                break;
            }
            let Some(claimed) = state.queue.pop_front() else {
                // Nothing else to do: what came is written, and perhaps there is more to send then.
                state = match state.results.is_empty() || state.is_writing {
                    true => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                    false => self.write(state).0,
                };
                continue;
            };
            let began = state.began(&claimed);
            drop(state);
            let finished = send::attempt(self.store, self.options.courier, claimed);
            let entry = journal::entry(&finished);
            let is_noted = self.journal().write(&entry);
            state = self.lock();
            let (mine, is_free) = state.came(finished, is_noted, began);
            if is_free {
                if matches!(state.results.len(), 1 | MANY) {
                    // The keeper writes them soon.
                    self.store.wake();
                }
                continue;
            }
            while state.written < mine && state.failure.is_none() {
                state = match state.is_writing {
                    true => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                    false => self.write(state).0,
                };
            }
        }
    }

    /// Writes the results that came, and claims more where there is room; how many were claimed.
    fn write<'s>(&'s self, mut state: MutexGuard<'s, State>) -> (MutexGuard<'s, State>, usize) {
        let mut count = 0;
        loop {
            let more;
            (state, more) = self.write_once(state);
            count += more;
            if state.unsent.is_empty() || state.failure.is_some() {
                return (state, count);
            }
        }
    }

    fn write_once<'s>(&'s self, mut state: MutexGuard<'s, State>) -> (MutexGuard<'s, State>, usize) {
        state.is_writing = true;
        let overtaken = state.overtaken(self.options.senders);
        if !overtaken.is_empty() {
            state.leave(&overtaken);
        }
        let results = std::mem::take(&mut state.results);
        let noted = std::mem::take(&mut state.noted);
        state.since = None;
        let unsent = std::mem::take(&mut state.unsent);
        let written = state.came;
        let mut sendings = std::mem::take(&mut state.sendings);
        let room = self.room(&state);
        let mut shares = Shares::of(&state.loads, self.options.senders);
        let turn = state.turn;
        let is_late = state.is_late();
        drop(state);

        let mut changes = Changes::default();
        let outcome = self.store.write(|writing| {
            match is_late {
                true => drop(job::heartbeat(self.store, writing, &self.claim, true)?),
                false => job::check(writing, &self.claim)?,
            }
            if !unsent.is_empty() {
                queue::release(self.store, writing, self.claim.id, Some(&unsent), &mut changes)?;
            }
            for finished in &results {
                queue::settle(self.store, writing, self.claim.id, finished, &mut changes)?;
            }
            if room == 0 {
                changes.refresh(writing, self.store.now())?;
                return Ok(Vec::new());
            }
            let mut wish = Wish {
                job: self.claim.id,
                channels: &self.channels,
                room,
                senders: self.options.senders,
                turn,
                shares: &mut shares,
            };
            queue::claim(self.store, writing, &mut wish, &mut sendings, &mut changes)
        });
        if outcome.is_ok() {
            self.journal().written(noted);
            tell(self.options.notify, &changes.notices);
        }

        let mut state = self.lock();
        state.is_writing = false;
        state.sendings = sendings;
        let mut count = 0;
        match outcome {
            Ok(claimed) => {
                state.written = written;
                state.turn = turn.wrapping_add(1);
                if is_late {
                    state.beat = Some(Instant::now());
                }
                if !changes.closed.is_empty() {
                    state.leave(&changes.closed);
                }
                count = claimed.len();
                state.held += count;
                state.left = state.left.saturating_sub(count as u64);
                for delivery in claimed {
                    state.loads.entry(delivery.target).or_default().held += 1;
                    state.queue.push_back(delivery);
                }
                if state.loads.len() > REMEMBERED {
                    state.loads.retain(|_, load| load.held > 0);
                }
            }
            Err(error) => {
                // What another pool has taken over is its own from now on.
                if error.code() != Code::JobLost {
                    state.results.splice(0..0, results);
                    state.unsent.extend(unsent);
                }
                state.failure = Some(error);
                state.ended = true;
            }
        }
        if state.held == 0 || state.ended {
            // The keeper waits for that.
            self.store.wake();
        }
        self.changed.notify_all();
        (state, count)
    }

    /// How many may be claimed now.
    fn room(&self, state: &State) -> usize {
        let most = HELD.max(self.options.senders);
        if state.ended || state.held > most / 2 || self.options.stop.load(Ordering::Relaxed) {
            return 0;
        }
        (most - state.held).min(usize::try_from(state.left).unwrap_or(usize::MAX))
    }

    /// Writes what came, claims when nobody else does, keeps the lease, looks after other pools; until there is nothing
    /// more to do.
    fn keep(&self) -> Result<()> {
        let (mut idle, mut looked) = (Instant::now(), Instant::now());
        loop {
            let seen = self.store.work_made();
            if self.options.stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            if looked.elapsed() >= LOOK {
                looked = Instant::now();
                take_over(self.store, self.options.notify)?;
            }
            if self.lock().is_late() {
                self.store.write(|writing| job::heartbeat(self.store, writing, &self.claim, false).map(drop))?;
                self.lock().beat = Some(Instant::now());
            }
            let ready = queue::next_ready(&*self.store.reading()?, &self.channels)?;
            let now = self.store.now();
            let is_ready = ready.is_some_and(|ready| ready <= now);
            let mut state = self.lock();
            if state.ended {
                return Ok(());
            }
            let waited = state.since.map(|since| since.elapsed());
            let is_time = state.results.len() >= MANY || waited.is_some_and(|waited| waited >= WAIT);
            let may_claim = is_ready && self.room(&state) > 0;
            let mut claimed = 0;
            let is_time = is_time || !state.overtaken(self.options.senders).is_empty();
            if !state.is_writing && (is_time || may_claim && state.results.is_empty()) {
                (state, claimed) = self.write(state);
            }
            if state.held > 0 || !state.results.is_empty() || state.is_writing || claimed > 0 {
                idle = Instant::now();
            } else if state.left == 0 || (!is_ready || may_claim) && idle.elapsed() >= self.options.linger {
                return Ok(());
            }
            let pause = match (state.since, ready) {
                (Some(since), _) => WAIT.saturating_sub(since.elapsed()),
                // Whatever is ready and was not claimed has to wait for something else.
                (None, Some(ready)) if ready > now => Duration::from_millis(now_to(now.0, ready.0)),
                (None, _) => LOOK,
            };
            drop(state);
            self.store.wait_for_work(seen, pause.min(LOOK));
        }
    }

    /// Writes what is left to be written, gives back what was not sent, and ends the job.
    fn finish(self, kept: Result<()>) -> Result<u64> {
        let Pool { store, options, claim, state, journal, .. } = self;
        let State { queue, results, mut unsent, came, failure, .. } =
            state.into_inner().unwrap_or_else(PoisonError::into_inner);
        let failed = failure.or(kept.err());
        if failed.as_ref().is_some_and(|error| error.code() == Code::JobLost) {
            return Err(failed.unwrap_or_else(|| Error::new(Code::JobLost)));
        }
        unsent.extend(queue.iter().map(|claimed| claimed.id));
        let mut changes = Changes::default();
        let ended = store.write(|writing: &Writing<'_>| {
            job::check(writing, &claim)?;
            for finished in &results {
                queue::settle(store, writing, claim.id, finished, &mut changes)?;
            }
            if !unsent.is_empty() {
                queue::release(store, writing, claim.id, Some(&unsent), &mut changes)?;
            }
            changes.refresh(writing, store.now())?;
            job::forget(writing, &claim)
        });
        if ended.is_ok() {
            tell(options.notify, &changes.notices);
        }
        if ended.is_ok() {
            journal.into_inner().unwrap_or_else(PoisonError::into_inner).end();
        }
        match failed {
            Some(error) => Err(error),
            None => ended.map(|()| came),
        }
    }
}

/// From one moment to a later one, in milliseconds.
fn now_to(now: i64, later: i64) -> u64 {
    u64::try_from(later.saturating_sub(now)).unwrap_or(0).max(1)
}
