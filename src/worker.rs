//! Runs what is due: import reservations, automations, deliveries, and the sweeping of what has been kept long enough.
//!
//! A host calls [`Worker::run_once`] or [`Worker::run_until_idle`] on a thread of its own, or has a background thread
//! started by [`Worker::start`]. Several workers, also in several processes, share the work of one store.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::access;
use crate::automation;
use crate::error::Result;
use crate::event;
use crate::import::{self, ImportProgress};
use crate::job::{self, Found};
use crate::notice;
use crate::outbound::{
    self, Channel, Courier, Gate, NetworkPolicy, Notice, PoolOptions, Resolver, SystemResolver, Transport,
};
use crate::record;
use crate::store::{Cause, Origin, Store, part};

/// How often a background worker looks for work that other processes have reserved.
const LOOK: Duration = Duration::from_millis(200);

/// How long a background worker waits after the store has failed: a full disk is not emptied within a moment.
const AFTER_FAILURE: Duration = Duration::from_secs(2);

/// How often it is looked for what has been kept long enough.
const SWEEP: Duration = Duration::from_secs(60);

/// How long the senders wait for more to send before they rest.
const LINGER: Duration = Duration::from_millis(500);

/// Deliveries that are sent at once, unless the host says otherwise.
const SENDERS: usize = 8;

type Progress = dyn Fn(&ImportProgress) + Send + Sync;
type Notify = dyn Fn(&Notice) + Send + Sync;

/// Runs the work of a store.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// # let store = renkei::Store::create(dir.path().join("s.db"))?;
/// use renkei::Worker;
///
/// let done = Worker::new(&store).on_progress(|progress| println!("{} rows", progress.rows)).run_until_idle()?;
/// assert_eq!(done, 0);
/// # Ok::<(), renkei::Error>(())
/// ```
#[derive(Clone)]
pub struct Worker {
    store: Store,
    progress: Arc<Progress>,
    retention: Duration,
    stop: Arc<AtomicBool>,
    senders: usize,
    transports: HashMap<Channel, Arc<dyn Transport>>,
    network: NetworkPolicy,
    resolver: Arc<dyn Resolver>,
    notify: Arc<Notify>,
}

impl Worker {
    /// A worker for a store.
    pub fn new(store: &Store) -> Worker {
        #[cfg_attr(
            not(any(feature = "http", feature = "mail")),
            expect(unused_mut, reason = "there is no transport then")
        )]
        let mut transports: HashMap<Channel, Arc<dyn Transport>> = HashMap::new();
        #[cfg(feature = "http")]
        transports.insert(Channel::Http, Arc::new(outbound::HttpTransport::default()));
        #[cfg(feature = "mail")]
        transports.insert(Channel::Mail, Arc::new(outbound::mail::Smtp));
        Worker {
            // Its work is that of all users; each part is run on behalf of who asked for it.
            store: Store { actor: None, visit: None, ..store.uncancelled() },
            progress: Arc::new(|_| {}),
            retention: Duration::from_secs(90 * 24 * 60 * 60),
            stop: Arc::new(AtomicBool::new(false)),
            senders: SENDERS,
            transports,
            network: NetworkPolicy::new(),
            resolver: Arc::new(SystemResolver),
            notify: Arc::new(|_| {}),
        }
    }

    /// How many deliveries are sent at once. Default: 8. Each takes a thread, and at most one duplicate is made for each of
    /// them when the process is killed. With one alone, a slow receiver holds up all others.
    pub fn senders(mut self, senders: usize) -> Worker {
        self.senders = senders.max(1);
        self
    }

    /// Which addresses may be called beyond the public internet. Default: none.
    pub fn network(mut self, policy: NetworkPolicy) -> Worker {
        self.network = policy;
        self
    }

    /// Looks host names up by something else than the system.
    pub fn resolver(mut self, resolver: Arc<dyn Resolver>) -> Worker {
        self.resolver = resolver;
        self
    }

    /// Carries the messages of a channel by something else than this crate. Deliveries of a channel that the worker has
    /// nothing for are left to other workers.
    pub fn transport(mut self, channel: Channel, transport: Arc<dyn Transport>) -> Worker {
        self.transports.insert(channel, transport);
        self
    }

    /// Calls `notify` when a delivery has failed for good, and when a target is left alone, answers again or is disabled.
    /// It is called by the thread that sends, after the fact was written, and should return soon.
    pub fn on_notice(mut self, notify: impl Fn(&Notice) + Send + Sync + 'static) -> Worker {
        self.notify = Arc::new(notify);
        self
    }

    fn courier(&self) -> Courier {
        Courier::new(self.transports.clone(), Gate::new(self.network.clone(), self.resolver.clone()))
    }

    fn send_due(&self, senders: usize, linger: Duration, most: u64) -> Result<u64> {
        let courier = self.courier();
        if !outbound::is_due(&self.store, &courier)? {
            return Ok(0);
        }
        let (stop, notify) = (&*self.stop, &*self.notify);
        outbound::drain(&self.store, &PoolOptions { courier: &courier, senders, stop, notify, linger, most })
    }

    /// Calls `progress` about ten times a second while an import runs, on the thread that runs it. It must not write to
    /// the store, whose turn to write the import may hold.
    pub fn on_progress(mut self, progress: impl Fn(&ImportProgress) + Send + Sync + 'static) -> Worker {
        self.progress = Arc::new(progress);
        self
    }

    /// How long ended imports with their rejects, ended runs of automations with their journals, and ended deliveries with
    /// their attempts, are kept. Default: 90 days.
    pub fn retention(mut self, kept: Duration) -> Worker {
        self.retention = kept;
        self
    }

    /// Runs the next thing that is due, an import or else a delivery; whether there was one.
    ///
    /// An import that fails is no error of this call, nor a delivery that is not taken: see [`Store::import_status`] and
    /// [`Store::delivery`].
    ///
    /// # Errors
    ///
    /// When the store itself fails, such as a full disk. The work stays and can be run again.
    pub fn run_once(&self) -> Result<bool> {
        if self.stop.load(Ordering::Relaxed) {
            return Ok(false);
        }
        Ok(self.run_job()? || self.send_due(1, Duration::ZERO, 1)? > 0)
    }

    /// Imports, automations, then what follows: fields of records that were sent, reports of runs that ended, notices of changes.
    fn run_job(&self) -> Result<bool> {
        Ok(self.run_import()?
            || automation::start_due(&self.store)?
            || automation::run_next(&self.store, &self.stop)?
            || outbound::csv_push::run_next(&self.store, &self.stop)?
            || outbound::mail::write_next_report(&self.store, automation::told)?
            || notice::run_next(&self.store)?)
    }

    fn run_import(&self) -> Result<bool> {
        match job::claim(&self.store, import::KIND)? {
            Found::Nothing => {
                import::make_left_indexes(&self.store)?;
                Ok(false)
            }
            Found::GivenUp(id) => {
                log::error!("import {id} ended its process too often and was given up");
                Ok(true)
            }
            Found::Claimed(claim) => {
                log::info!("import {} begins (attempt {})", claim.id, claim.attempt);
                let mut tell = |progress: &ImportProgress| (self.progress)(progress);
                let mut control = import::Control { stop: &self.stop, progress: &mut tell };
                // What is written is written by who asked for it.
                let store = self.store.acting(claim.actor, Cause::run(Origin::Import, claim.id));
                import::run(&store, &claim, &mut control)?;
                self.log_import(claim.id);
                Ok(true)
            }
        }
    }

    /// Says what an import came to, for who operates the host.
    fn log_import(&self, id: i64) {
        let status = match self.store.import_status(id) {
            Ok(status) => status,
            Err(error) => return log::warn!("import {id} cannot be looked at: {error}"),
        };
        let (setting, state, counts) = (&status.setting, status.state.as_str(), &status.counts);
        match &status.error {
            Some(error) => log::warn!("import {id} ({setting}) {state}: [{}] {}", error.code, error.en),
            None if !status.state.is_ended() => log::info!("import {id} ({setting}) is parked, and goes on later"),
            None => {}
        }
        log::info!(
            "import {id} ({setting}) {state}: {} lines, {} inserted, {} updated, {} unchanged, {} refused, {} blank",
            counts.total,
            counts.inserted,
            counts.updated,
            counts.unchanged,
            counts.rejected,
            counts.skipped
        );
        // Where and why, and not what stands there: a log is no place for people's data.
        if let Some(first) = self.store.rejects(id, 0, 1).ok().as_deref().and_then(<[_]>::first) {
            let column = first.column_name.as_deref().unwrap_or("the whole line");
            log::info!("import {id} refused first: line {}, {column}: [{}]", first.line, first.code);
        }
    }

    /// Runs everything that is due, and sweeps; how many things were run. What another worker runs is not waited for, but
    /// work whose runner died is taken over; where the system cannot tell whether it died, its silence is waited for.
    ///
    /// # Errors
    ///
    /// As [`Worker::run_once`].
    pub fn run_until_idle(&self) -> Result<u64> {
        let mut done = 0;
        let mut idle = Instant::now();
        while !self.stop.load(Ordering::Relaxed) {
            let mut ran = u64::from(self.run_job()?);
            if ran == 0 {
                ran = self.send_due(self.senders, Duration::ZERO, u64::MAX)?;
            }
            if ran > 0 {
                done += ran;
                idle = Instant::now();
                continue;
            }
            let due = {
                let reading = self.store.reading()?;
                let imports = job::next_due(&self.store, &reading, import::KIND)?;
                let senders = job::next_due(&self.store, &reading, outbound::SENDER_KIND)?;
                let pushes = job::next_due(&self.store, &reading, outbound::csv_push::KIND)?;
                let automations = job::next_due(&self.store, &reading, automation::KIND)?;
                [imports, senders, pushes, automations].into_iter().flatten().min()
            };
            let soon = self.store.now().after(job::LEASE + Duration::from_secs(1));
            // The time waited is measured by the machine's clock: the store's may stand still.
            if due.is_none_or(|due| due > soon) || idle.elapsed() > job::LEASE * 2 {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        self.sweep()?;
        Ok(done)
    }

    /// Deletes uploads and unclaimed files whose time is over; imports, deliveries with their attempts, and runs of CSV pushes and
    /// http sends that ended longer ago than the retention; what exports and backups that died left beside the store; and what
    /// the audit log keeps no longer ([`AccessSettings::audit_days`](crate::AccessSettings)), after it was brought up to date.
    /// Gives up deliveries whose time is over.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub fn sweep(&self) -> Result<()> {
        let now = self.store.now();
        let before = now.before(self.retention);
        job::sweep_signs(&self.store);
        part::sweep_beside(self.store.path());
        self.store.write(|writing| {
            record::sweep_files(writing, now)?;
            event::sweep(writing, before)?;
            job::sweep(writing, import::KIND, before)?;
            job::sweep(writing, outbound::SENDER_KIND, before)?;
            job::sweep(writing, outbound::csv_push::KIND, before)?;
            job::sweep(writing, outbound::http_send::KIND, before)?;
            job::sweep(writing, automation::KIND, before)?;
            Ok(())
        })?;
        outbound::sweep_pools(&self.store)?;
        outbound::sweep(&self.store, before)?.iter().for_each(|notice| (self.notify)(notice));
        access::sweep(&self.store)
    }

    /// Stops what this worker runs on other threads, and its clones: a running import is parked at its next commit and
    /// goes on with another worker. A stopped worker runs nothing more.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    #[cfg(feature = "capi")]
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Starts background threads that run what is due until they are stopped: one for imports, and those that send.
    ///
    /// # Errors
    ///
    /// When no thread can be started.
    pub fn start(self) -> Result<WorkerHandle> {
        let signal = Arc::new((Mutex::new(()), Condvar::new()));
        let mut handle = WorkerHandle {
            store: self.store.clone(),
            stop: self.stop.clone(),
            signal: signal.clone(),
            threads: Vec::new(),
        };
        let other = self.clone();
        let named = |name: &str| std::thread::Builder::new().name(name.to_owned());
        handle.threads.push(named("renkei-worker").spawn(move || self.work(&signal))?);
        handle.threads.push(named("renkei-senders").spawn(move || other.send())?);
        Ok(handle)
    }

    /// Sends what is due until stopped. Connections are kept all the while.
    fn send(&self) {
        while !self.stop.load(Ordering::Relaxed) {
            let seen = self.store.work_made();
            let sent = catch_unwind(AssertUnwindSafe(|| self.send_due(self.senders, LINGER, u64::MAX)));
            let pause = match sent {
                Ok(Ok(0)) => LOOK,
                Ok(Ok(_)) => continue,
                Ok(Err(error)) => {
                    log::error!("the senders go on after a failure: {error}");
                    AFTER_FAILURE
                }
                Err(_) => {
                    log::error!("the senders go on after a panic");
                    AFTER_FAILURE
                }
            };
            let began = Instant::now();
            self.store.wait_for_work(seen, pause);
            if pause == AFTER_FAILURE && !self.stop.load(Ordering::Relaxed) {
                std::thread::sleep(LOOK.saturating_sub(began.elapsed()));
            }
        }
    }

    fn work(&self, signal: &(Mutex<()>, Condvar)) {
        let mut swept = Instant::now();
        while !self.stop.load(Ordering::Relaxed) {
            let mut pause = LOOK;
            // A callback of the host that panics must not end the thread unseen. The transaction is rolled back by then,
            // and the import counts as interrupted.
            match catch_unwind(AssertUnwindSafe(|| self.run_job())) {
                // Not at once to the next: whoever is never idle sweeps too.
                Ok(Ok(true)) => pause = Duration::ZERO,
                Ok(Ok(false)) => {}
                Ok(Err(error)) => {
                    log::error!("the worker goes on after a failure: {error}");
                    pause = AFTER_FAILURE;
                }
                Err(_) => {
                    log::error!("the worker goes on after a panic");
                    pause = AFTER_FAILURE;
                }
            }
            if swept.elapsed() >= SWEEP {
                swept = Instant::now();
                if let Err(error) = self.sweep() {
                    log::error!("sweeping failed: {error}");
                }
            }
            let guard = signal.0.lock().unwrap_or_else(PoisonError::into_inner);
            if !self.stop.load(Ordering::Relaxed) {
                let _unused = signal.1.wait_timeout(guard, pause);
            }
        }
    }
}

/// A running background worker. Dropping it stops it.
pub struct WorkerHandle {
    store: Store,
    stop: Arc<AtomicBool>,
    signal: Arc<(Mutex<()>, Condvar)>,
    threads: Vec<JoinHandle<()>>,
}

impl WorkerHandle {
    /// Stops the worker and waits for it: a running import is parked at a commit and goes on with the next worker, and
    /// deliveries that are on their way come to their end.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        drop(self.signal.0.lock().unwrap_or_else(PoisonError::into_inner));
        self.signal.1.notify_all();
        self.store.wake();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                log::error!("a worker thread ended by a fault");
            }
        }
    }
}

impl Drop for WorkerHandle {
    fn drop(&mut self) {
        self.end();
    }
}
