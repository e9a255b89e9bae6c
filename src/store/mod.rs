//! One SQLite file: opening it, its connections and transactions, its clock.
//!
//! Writers take turns ([`turn`]); readers have connections of their own and see the last commit. Everything above this
//! room works on a [`Reading`] or a [`Writing`] and never opens a connection or a transaction itself.

pub(crate) mod bytes;
mod cancel;
mod cause;
mod clock;
mod connection;
pub(crate) mod invariants;
mod migration;
mod mover;
mod options;
pub(crate) mod other;
pub(crate) mod part;
mod quote;
pub(crate) mod sign;
mod turn;
mod vault;

use std::any::Any;
use std::cell::Cell;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use once_cell::sync::OnceCell;
use rusqlite::{Connection, ErrorCode, ffi};

pub use cancel::Cancel;
pub(crate) use cause::{Cause, Link, Origin};
pub(crate) use clock::time_zone;
pub use clock::{Clock, ManualClock, OsRandom, Random, SystemClock, Timestamp};
pub(crate) use mover::Mover;
pub use options::{Limits, StoreOptions, Synchronous};
pub(crate) use quote::{quote, quote_text};
pub use vault::SecretVault;
pub(crate) use vault::Secrets;

use crate::error::{Code, Error, Result, words};
use turn::{Turn, TurnGuard, WaitSign};

/// A store: one SQLite file and all that is in it.
///
/// Cheap to clone, and usable from any number of threads at once. Processes may share a file, as long as it is on a
/// local disk. Do not open the file with a second copy of SQLite inside the same process.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// let store = renkei::Store::create(dir.path().join("customers.db"))?;
/// assert!(store.path().ends_with("customers.db"));
/// # Ok::<(), renkei::Error>(())
/// ```
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
    /// On whose behalf this handle acts; `None` is the host itself.
    pub(crate) actor: Option<i64>,
    /// How he came, when he came with a token.
    pub(crate) visit: Option<Arc<Visit>>,
    /// The sign at which calls of this handle end.
    pub(crate) cancel: Option<Cancel>,
    /// Why it writes; `None` for calls of the host and of users.
    pub(crate) cause: Option<Arc<Cause>>,
}

/// How a user came.
pub(crate) struct Visit {
    /// The id of his token.
    pub(crate) token: i64,
    pub(crate) address: Option<IpAddr>,
}

pub(crate) struct Inner {
    path: PathBuf,
    /// The path without links; files beside the store are named after it.
    beside: PathBuf,
    options: StoreOptions,
    zone: jiff::tz::TimeZone,
    writer: Turn<Connection>,
    /// Whether the writing connection met a fault of the disk or of memory: full-text indexes keep things in memory that are
    /// not taken back then, and would call a sound file malformed.
    is_spoiled: AtomicBool,
    movers: mover::Movers,
    readers: Mutex<Vec<Connection>>,
    sign: WaitSign,
    /// What rooms above made of the definitions, kept while these stay as they are.
    derived: [RwLock<Option<(i64, Anything)>>; 2],
    /// What the room of access keeps while the store is open.
    access: OnceCell<Box<dyn Any + Send + Sync>>,
    /// Jobs that this process was asked to end: seen at once, also by a runner that holds the turn to write.
    cancelled: Mutex<Vec<i64>>,
    /// How often work was made that somebody may wait for.
    work: Mutex<u64>,
    work_made: Condvar,
}

/// What is made of the definitions and kept while they stay as they are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Derived {
    /// The catalog of the databases.
    Catalog,
    /// Users and their rights, and the settings of access.
    Access,
}

/// What a room above keeps here, of a type that only it knows.
type Anything = Arc<dyn Any + Send + Sync>;

/// Idle reading connections kept for reuse.
const KEPT_READERS: usize = 8;

impl Store {
    /// The options of a store, to be opened with [`StoreOptions::open`].
    pub fn options() -> StoreOptions {
        StoreOptions::default()
    }

    /// Opens an existing store with the default options.
    ///
    /// # Errors
    ///
    /// As [`StoreOptions::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Store> {
        Store::options().open(path)
    }

    /// Opens the store at `path` with the default options, and creates it first if there is none.
    ///
    /// # Errors
    ///
    /// As [`StoreOptions::open`].
    pub fn create(path: impl AsRef<Path>) -> Result<Store> {
        Store::options().create(true).open(path)
    }

    fn open_with(path: &Path, options: StoreOptions) -> Result<Store> {
        connection::inspect(path, options.create)?;
        let zone = clock::time_zone(&options.time_zone).map_err(|rule| {
            let name = crate::error::shorten(&options.time_zone);
            let rule = words!("タイムゾーン「{name}」は{rule}", "the time zone \"{name}\": {rule}"; rule);
            Error::new(Code::Argument).with_rule(rule)
        })?;
        let writer = connection::open(path, &options, options.cache_bytes, true)?;
        migration::migrate(&writer, path, options.create)?;
        // As SQLite does with its own files: whoever opens the store by another name finds the same ones.
        let beside = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        Ok(Store {
            inner: Arc::new(Inner {
                path: path.to_owned(),
                zone,
                writer: Turn::new(writer),
                is_spoiled: AtomicBool::new(false),
                movers: mover::Movers::default(),
                readers: Mutex::new(Vec::new()),
                sign: WaitSign::new(with_suffix(&beside, "-turn")),
                beside,
                derived: [RwLock::new(None), RwLock::new(None)],
                access: OnceCell::new(),
                cancelled: Mutex::new(Vec::new()),
                work: Mutex::new(0),
                work_made: Condvar::new(),
                options,
            }),
            actor: None,
            visit: None,
            cancel: None,
            cause: None,
        })
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// The bounds that hold in this store.
    pub fn limits(&self) -> &Limits {
        &self.inner.options.limits
    }

    /// The present moment, by the clock of the store.
    pub fn now(&self) -> Timestamp {
        self.inner.options.clock.now()
    }

    /// The offset of the store's time zone from UTC at `moment`, in seconds.
    pub fn utc_offset_seconds(&self, moment: Timestamp) -> i64 {
        match jiff::Timestamp::from_millisecond(moment.0) {
            Ok(moment) => i64::from(self.inner.zone.to_offset(moment).seconds()),
            Err(_) => 0,
        }
    }

    /// The store's time zone.
    pub(crate) fn zone(&self) -> &jiff::tz::TimeZone {
        &self.inner.zone
    }

    /// The path of a file beside the store.
    pub(crate) fn beside(&self, suffix: &str) -> PathBuf {
        with_suffix(&self.inner.beside, suffix)
    }

    pub(crate) fn random(&self, bytes: &mut [u8]) {
        self.inner.options.random.fill(bytes);
    }

    /// A read transaction: everything read through it is of one moment.
    pub(crate) fn reading(&self) -> Result<Reading> {
        let reading = self.glance()?;
        reading.prepare_cached("BEGIN")?.raw_execute()?;
        Ok(reading)
    }

    /// A connection for one statement, which by itself sees one moment.
    pub(crate) fn glance(&self) -> Result<Reading> {
        self.check_cancelled()?;
        let kept = self.inner.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match kept {
            Some(connection) => connection,
            None => self.reader()?,
        };
        self.reading_on(connection, true)
    }

    /// A read transaction on a new connection, which is not kept: nothing that another has in memory, of the file or of its
    /// full-text indexes, stands between it and the file.
    pub(crate) fn inspecting(&self) -> Result<Reading> {
        self.check_cancelled()?;
        let reading = self.reading_on(self.reader()?, false)?;
        reading.prepare_cached("BEGIN")?.raw_execute()?;
        Ok(reading)
    }

    fn reader(&self) -> Result<Connection> {
        let options = &self.inner.options;
        connection::open(&self.inner.path, options, options.reader_cache_bytes, false)
    }

    fn reading_on(&self, mut connection: Connection, is_kept: bool) -> Result<Reading> {
        if let Some(cancel) = &self.cancel {
            watch(&mut connection, cancel)?;
        }
        let watched = self.cancel.is_some();
        Ok(Reading { store: self.inner.clone(), connection: Some(connection), watched, is_kept, cache: None })
    }

    /// A write transaction. Waits for its turn.
    ///
    /// # Errors
    ///
    /// [`Code::StoreReentered`] on a thread that has one already: it would wait for itself.
    pub(crate) fn writing(&self) -> Result<Writing<'_>> {
        self.check_cancelled()?;
        let mut held = self.inner.writer.take(self.cancel.as_ref())?;
        if self.inner.is_spoiled.load(Ordering::Relaxed) {
            let options = &self.inner.options;
            *held = connection::open(&self.inner.path, options, options.cache_bytes, true)?;
            self.inner.is_spoiled.store(false, Ordering::Relaxed);
            self.inner.movers.forget();
        }
        self.inner.movers.tell(&held, &self.inner.options)?;
        self.inner.begin(&held, self.cancel.as_ref())?;
        if let Some(cancel) = &self.cancel {
            watch(&mut held, cancel)?;
        }
        Ok(Writing { store: &self.inner, held, watched: self.cancel.is_some(), makes_work: Cell::new(false) })
    }

    /// How often work was made in this process, to be given to [`Store::wait_for_work`].
    pub(crate) fn work_made(&self) -> u64 {
        *self.inner.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until more work was made than `seen`, at most for a time. What other processes make is not noticed.
    pub(crate) fn wait_for_work(&self, seen: u64, longest: Duration) {
        let work = self.inner.work.lock().unwrap_or_else(PoisonError::into_inner);
        let _unused = self.inner.work_made.wait_timeout_while(work, longest, |made| *made == seen);
    }

    /// Wakes those who wait for work.
    pub(crate) fn wake(&self) {
        self.inner.wake();
    }

    pub(crate) fn secrets(&self) -> &Secrets {
        &self.inner.options.secrets
    }

    /// A handle that acts for a user, or the host, because of something.
    pub(crate) fn acting(&self, actor: Option<i64>, cause: Cause) -> Store {
        Store { actor, cause: Some(Arc::new(cause)), ..self.clone() }
    }

    /// Why this handle writes.
    pub(crate) fn cause(&self) -> Cause {
        match (&self.cause, &self.visit) {
            (Some(cause), _) => (**cause).clone(),
            (None, Some(_)) => Cause { origin: Origin::WebApi, ..Cause::default() },
            (None, None) => Cause::default(),
        }
    }

    /// Runs `work` in one write transaction: all of it is kept, or nothing.
    pub(crate) fn write<T>(&self, work: impl FnOnce(&Writing<'_>) -> Result<T>) -> Result<T> {
        let attempt = || {
            let writing = self.writing()?;
            let result = work(&writing)?;
            writing.commit()?;
            Ok(result)
        };
        attempt().inspect_err(|error| self.note_failure(error))
    }

    /// Remembers that the writing connection is not to be used again after such an error.
    pub(crate) fn note_failure(&self, error: &Error) {
        // The lowest byte is what went wrong; the others say where.
        let spoils = |code: i32| {
            matches!(code & 0xFF, ffi::SQLITE_IOERR | ffi::SQLITE_NOMEM | ffi::SQLITE_CORRUPT | ffi::SQLITE_FULL)
        };
        if error.sqlite_code().is_some_and(spoils) {
            self.inner.is_spoiled.store(true, Ordering::Relaxed);
        }
    }

    /// Whether this thread holds the turn to write.
    pub(crate) fn is_writing(&self) -> bool {
        self.inner.writer.is_held_here()
    }

    /// After a commit made because somebody waited: lets the waiting process in before the next transaction.
    pub(crate) fn give_way(&self) {
        let until = Instant::now() + Duration::from_millis(100);
        while self.inner.sign.is_shown() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// What was made of this version of the definitions, if it is kept.
    pub(crate) fn derived<T: Send + Sync + 'static>(&self, what: Derived, version: i64) -> Option<Arc<T>> {
        let derived = self.inner.derived[what as usize].read().unwrap_or_else(PoisonError::into_inner);
        let kept = derived.as_ref().filter(|(of, _)| *of == version).map(|(_, value)| value.clone());
        kept?.downcast().ok()
    }

    pub(crate) fn set_derived<T: Send + Sync + 'static>(&self, what: Derived, version: i64, value: Arc<T>) {
        *self.inner.derived[what as usize].write().unwrap_or_else(PoisonError::into_inner) = Some((version, value));
    }

    /// What the room of access keeps while the store is open; made at the first call.
    pub(crate) fn access_state<T: Default + Send + Sync + 'static>(&self) -> &T {
        let state = self.inner.access.get_or_init(|| Box::new(T::default()));
        state.downcast_ref().expect("one room has one type of state")
    }

    /// What was made last, and of which version of the definitions.
    pub(crate) fn last_derived<T: Send + Sync + 'static>(&self, what: Derived) -> Option<(i64, Arc<T>)> {
        let derived = self.inner.derived[what as usize].read().unwrap_or_else(PoisonError::into_inner);
        let (version, value) = derived.clone()?;
        Some((version, value.downcast().ok()?))
    }

    pub(crate) fn sign_cancel(&self, job: i64) {
        self.inner.cancelled.lock().unwrap_or_else(PoisonError::into_inner).push(job);
    }

    pub(crate) fn is_cancel_signed(&self, job: i64) -> bool {
        self.inner.cancelled.lock().unwrap_or_else(PoisonError::into_inner).contains(&job)
    }

    pub(crate) fn clear_cancel(&self, job: i64) {
        self.inner.cancelled.lock().unwrap_or_else(PoisonError::into_inner).retain(|other| *other != job);
    }
}

pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("path", &self.inner.path).field("actor", &self.actor).finish()
    }
}

impl Inner {
    fn wake(&self) {
        *self.work.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.work_made.notify_all();
    }

    /// `BEGIN IMMEDIATE`, however long another process writes, up to the configured time.
    fn begin(&self, connection: &Connection, cancel: Option<&Cancel>) -> Result<()> {
        let started = Instant::now();
        let mut sign = None;
        let mut pause = Duration::from_micros(200);
        connection.busy_timeout(Duration::ZERO)?;
        let result = loop {
            match connection.prepare_cached("BEGIN IMMEDIATE").and_then(|mut begin| begin.raw_execute()) {
                Ok(_) => break Ok(()),
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                    if let Some(Err(cancelled)) = cancel.map(Cancel::check) {
                        break Err(cancelled);
                    }
                    if started.elapsed() > self.options.busy_timeout {
                        let waited = self.options.busy_timeout.as_secs();
                        let waited = words!("{waited}秒", "{waited} s");
                        break Err(Error::new(Code::StoreBusy).with_rule(waited).with_source(error));
                    }
                    if sign.is_none() {
                        sign = self.sign.show();
                    }
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(Duration::from_millis(4));
                }
                Err(error) => break Err(error.into()),
            }
        };
        connection.busy_timeout(Duration::from_secs(10))?;
        result
    }
}

/// How many instructions of SQLite pass before it looks for a sign to end: some tenths of a millisecond.
const LOOK_AFTER: i32 = 10_000;

/// Makes statements of `connection` end once the sign is shown.
fn watch(connection: &mut Connection, cancel: &Cancel) -> Result<()> {
    let cancel = cancel.clone();
    Ok(connection.progress_handler(LOOK_AFTER, Some(move || cancel.is_cancelled()))?)
}

fn unwatch(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.progress_handler(0, None::<fn() -> bool>)
}

/// A read transaction; ends when dropped.
pub(crate) struct Reading {
    store: Arc<Inner>,
    connection: Option<Connection>,
    watched: bool,
    /// Whether the connection is kept for the next reader.
    is_kept: bool,
    /// The size of the cache that the next reader finds, where this one has a smaller.
    cache: Option<i64>,
}

impl Reading {
    /// Keeps at most so many KiB in memory, or fewer where the host allows readers fewer: what is read once, from end to end,
    /// needs little.
    pub(crate) fn with_cache(mut self, kib: i64) -> Result<Reading> {
        if self.cache.is_none() {
            self.cache = Some(self.query_row("PRAGMA cache_size", [], |row| row.get(0))?);
        }
        self.pragma_update(None, "cache_size", -kib.min(i64::from(self.store.options.reader_cache_bytes / 1024)))?;
        Ok(self)
    }
}

impl std::ops::Deref for Reading {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("held until dropped")
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        // Whoever has the connection next has another sign, or none.
        if !self.is_kept || self.watched && unwatch(&mut connection).is_err() {
            return;
        }
        if self.cache.is_some_and(|cache| connection.pragma_update(None, "cache_size", cache).is_err()) {
            return;
        }
        let commit = || connection.prepare_cached("COMMIT").and_then(|mut commit| commit.raw_execute());
        if connection.is_autocommit() || commit().is_ok() {
            let mut kept = self.store.readers.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() < KEPT_READERS {
                kept.push(connection);
            }
        }
    }
}

/// A write transaction; rolled back when dropped without [`Writing::commit`].
pub(crate) struct Writing<'a> {
    store: &'a Inner,
    held: TurnGuard<'a, Connection>,
    watched: bool,
    makes_work: Cell<bool>,
}

impl Writing<'_> {
    pub(crate) fn commit(mut self) -> Result<()> {
        // SQLite may look for a sign once more when the commit is made already, and would report it as not made.
        self.unwatch()?;
        // On failure the guard rolls back when it is dropped.
        self.held.prepare_cached("COMMIT")?.raw_execute()?;
        if self.makes_work.get() {
            self.store.wake();
        }
        Ok(())
    }

    fn unwatch(&mut self) -> Result<()> {
        if std::mem::take(&mut self.watched) {
            unwatch(&mut self.held)?;
        }
        Ok(())
    }

    /// Those who wait for work are woken by the commit.
    pub(crate) fn makes_work(&self) {
        self.makes_work.set(true);
    }

    /// Whether another thread of this process waits to write. Costs nothing.
    pub(crate) fn thread_waits(&self) -> bool {
        self.held.somebody_waits()
    }

    /// Whether another process waits to write. Costs a system call.
    pub(crate) fn process_waits(&self) -> bool {
        self.store.sign.is_shown()
    }
}

impl std::ops::Deref for Writing<'_> {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        &self.held
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        // Taking back is not to be ended half-way.
        if let Err(error) = self.unwatch() {
            log::error!("a connection keeps a sign to end: {error}");
        }
        if !self.held.is_autocommit()
            && let Err(error) = self.held.execute_batch("ROLLBACK")
        {
            log::error!("rolling back failed: {error}");
        }
    }
}

/// The next id for something that hosts name by id: unique in the store, from 100001.
pub(crate) fn next_id(connection: &Connection) -> Result<i64> {
    let sql = "UPDATE renkei_meta SET value = value + 1 WHERE name = 'next_id' RETURNING value - 1";
    Ok(connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
}

/// Keeps ids given by a caller (pinned in a blueprint) out of those handed out later.
pub(crate) fn reserve_id(connection: &Connection, id: i64) -> Result<()> {
    let sql = "UPDATE renkei_meta SET value = ?1 + 1 WHERE name = 'next_id' AND value <= ?1";
    connection.prepare_cached(sql)?.execute([id])?;
    Ok(())
}

/// How often definitions were changed; whatever is derived from them is good for one value of this.
pub(crate) fn definitions_version(connection: &Connection) -> Result<i64> {
    let sql = "SELECT value FROM renkei_meta WHERE name = 'definitions'";
    Ok(connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
}

pub(crate) fn definitions_changed(connection: &Connection) -> Result<()> {
    let sql = "UPDATE renkei_meta SET value = value + 1 WHERE name = 'definitions'";
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}
