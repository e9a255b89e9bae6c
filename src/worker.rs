//! Runs what is due: import reservations, and the sweeping of what has been kept long enough.
//!
//! A host calls [`Worker::run_once`] or [`Worker::run_until_idle`] on a thread of its own, or has a background thread
//! started by [`Worker::start`]. Several workers, also in several processes, share the work of one store.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::access;
use crate::error::Result;
use crate::import::{self, ImportProgress};
use crate::job::{self, Found};
use crate::record;
use crate::store::Store;

/// How often a background worker looks for work that other processes have reserved.
const LOOK: Duration = Duration::from_millis(200);

/// How long a background worker waits after the store has failed: a full disk is not emptied within a moment.
const AFTER_FAILURE: Duration = Duration::from_secs(2);

/// How often it is looked for what has been kept long enough.
const SWEEP: Duration = Duration::from_secs(60);

type Progress = dyn Fn(&ImportProgress) + Send + Sync;

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
}

impl Worker {
    /// A worker for a store.
    pub fn new(store: &Store) -> Worker {
        Worker {
            // Its work is that of all users; each part is run on behalf of who asked for it.
            store: Store { actor: None, visit: None, ..store.uncancelled() },
            progress: Arc::new(|_| {}),
            retention: Duration::from_secs(90 * 24 * 60 * 60),
            stop: Arc::new(AtomicBool::new(false)),
        }
    }

    /// Calls `progress` about ten times a second while an import runs, on the thread that runs it. It must not write to
    /// the store, whose turn to write the import may hold.
    pub fn on_progress(mut self, progress: impl Fn(&ImportProgress) + Send + Sync + 'static) -> Worker {
        self.progress = Arc::new(progress);
        self
    }

    /// How long ended imports and their rejects are kept. Default: 90 days.
    pub fn retention(mut self, kept: Duration) -> Worker {
        self.retention = kept;
        self
    }

    /// Runs the next thing that is due; whether there was one.
    ///
    /// An import that fails is no error of this call: see [`Store::import_status`].
    ///
    /// # Errors
    ///
    /// When the store itself fails, such as a full disk. The work stays and can be run again.
    pub fn run_once(&self) -> Result<bool> {
        if self.stop.load(Ordering::Relaxed) {
            return Ok(false);
        }
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
                let store = Store { actor: claim.actor, ..self.store.clone() };
                import::run(&store, &claim, &mut control)?;
                log::info!("import {} ends", claim.id);
                Ok(true)
            }
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
            if self.run_once()? {
                done += 1;
                idle = Instant::now();
                continue;
            }
            let due = job::next_due(&self.store, &*self.store.reading()?, import::KIND)?;
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

    /// Deletes uploads and unclaimed files whose time is over, ended imports that have been kept longer than the retention,
    /// and what the audit log keeps no longer ([`AccessSettings::audit_days`](crate::AccessSettings)), after it was
    /// brought up to date.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub fn sweep(&self) -> Result<()> {
        let now = self.store.now();
        job::sweep_signs(&self.store);
        self.store.write(|writing| {
            record::sweep_files(writing, now)?;
            job::sweep(writing, import::KIND, now.before(self.retention))?;
            Ok(())
        })?;
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

    /// Starts a background thread that runs what is due until it is stopped.
    ///
    /// # Errors
    ///
    /// When no thread can be started.
    pub fn start(self) -> Result<WorkerHandle> {
        let signal = Arc::new((Mutex::new(()), Condvar::new()));
        let stop = self.stop.clone();
        let waking = signal.clone();
        let thread = std::thread::Builder::new().name("renkei-worker".to_owned()).spawn(move || self.work(&waking))?;
        Ok(WorkerHandle { stop, signal, thread: Some(thread) })
    }

    fn work(&self, signal: &(Mutex<()>, Condvar)) {
        let mut swept = Instant::now();
        while !self.stop.load(Ordering::Relaxed) {
            let mut pause = LOOK;
            // A callback of the host that panics must not end the thread unseen. The transaction is rolled back by then,
            // and the import counts as interrupted.
            match catch_unwind(AssertUnwindSafe(|| self.run_once())) {
                Ok(Ok(true)) => continue,
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
    stop: Arc<AtomicBool>,
    signal: Arc<(Mutex<()>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl WorkerHandle {
    /// Stops the worker and waits for it: a running import is parked at a commit and goes on with the next worker.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        drop(self.signal.0.lock().unwrap_or_else(PoisonError::into_inner));
        self.signal.1.notify_all();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            log::error!("the worker thread ended by a fault");
        }
    }
}

impl Drop for WorkerHandle {
    fn drop(&mut self) {
        self.end();
    }
}
