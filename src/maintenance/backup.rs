//! A copy of the store while it is at work.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use serde::Serialize;

use super::CheckOptions;
use crate::access::{self, AuditEntry};
use crate::error::{Code, Error, Language, Result, Words, io_words, words};
use crate::store::part::{Part, sync_directory};
use crate::store::{Cancel, Store, with_suffix};

/// So much is copied between two looks at the clock and at signs to end.
const STEP_BYTES: u64 = 1 << 20;

/// So long the turn to write is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often progress is told.
const TELL: Duration = Duration::from_millis(100);

/// How a backup is made.
///
/// ```
/// use renkei::BackupOptions;
///
/// // Leaves the disk to others, and takes about a second for each 20 MB.
/// let gently = BackupOptions::new().bytes_per_second(20_000_000);
/// # let _ = gently;
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BackupOptions {
    bytes_per_second: Option<u64>,
    unchecked: bool,
}

impl BackupOptions {
    /// As fast as the disk, and checked.
    pub fn new() -> BackupOptions {
        BackupOptions::default()
    }

    /// At most so many bytes a second, on the average. Default: as fast as the disk. 0 counts as 1.
    pub fn bytes_per_second(mut self, most: u64) -> BackupOptions {
        self.bytes_per_second = Some(most.max(1));
        self
    }

    /// Leaves out the check of the copy.
    pub fn unchecked(mut self) -> BackupOptions {
        self.unchecked = true;
        self
    }
}

/// How far a backup is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BackupProgress {
    /// The size of the store.
    pub bytes_total: u64,
    /// How much of it is copied.
    pub bytes_done: u64,
    /// Whether all is copied, and the copy is being checked.
    pub checking: bool,
}

/// What a backup made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BackedUp {
    /// The size of the copy.
    pub bytes: u64,
}

impl Store {
    /// Copies the store to a new file at `path`, while others go on reading and writing. The copy is the store as it was
    /// when the call began, one file without others beside it, and a store like any: it is opened by [`Store::open`].
    ///
    /// It is written under another name in the same directory, checked ([`Store::check_with`], the quick way), made safe on
    /// the disk, and only then gets its name. A file that exists is never overwritten. For the host and administrators.
    ///
    /// While the copy is made, the write-ahead log of the store cannot be reset and grows with what others write. What is
    /// reserved or running in the store is so in the copy too: whoever opens the copy and starts a worker lets it run there
    /// as well.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = renkei::Store::create(dir.path().join("s.db"))?;
    /// let path = dir.path().join("s-2026-01-31.db");
    /// store.backup(&path)?;
    /// assert!(renkei::Store::open(&path)?.check()?.is_sound());
    /// // Not twice to the same file.
    /// assert_eq!(store.backup(&path).unwrap_err().code(), renkei::Code::BackupTarget);
    /// # Ok::<(), renkei::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Code::BackupTarget`] when the file exists, its directory does not, or it would be a part of the store;
    /// [`Code::BackupUnsound`] when the check of the copy finds a fault; [`Code::AdministratorOnly`],
    /// [`Code::StoreFull`], [`Code::Cancelled`]. Nothing is left at `path` then.
    pub fn backup(&self, path: impl AsRef<Path>) -> Result<BackedUp> {
        self.backup_with(path, &BackupOptions::new(), |_| true)
    }

    /// As [`Store::backup`], with options, and tells `progress` how far it is: before the first byte, about ten times a
    /// second, and at the end. When it returns false, the backup is cancelled.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = renkei::Store::create(dir.path().join("s.db"))?;
    /// use renkei::{BackupOptions, Code};
    ///
    /// let path = dir.path().join("s-2026-01-31.db");
    /// let options = BackupOptions::new().bytes_per_second(50_000_000);
    /// let cancelled = store.backup_with(&path, &options, |progress| progress.bytes_done > 0).unwrap_err();
    /// assert_eq!(cancelled.code(), Code::Cancelled);
    /// assert!(!path.exists());
    /// # Ok::<(), renkei::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Store::backup`].
    pub fn backup_with(
        &self,
        path: impl AsRef<Path>,
        options: &BackupOptions,
        mut progress: impl FnMut(&BackupProgress) -> bool,
    ) -> Result<BackedUp> {
        access::demand_administrator(self, &*self.reading()?, "backup")?;
        let target = self.target(path.as_ref())?;
        if self.actor.is_some() {
            let subject = target.display().to_string();
            self.note_audit(&AuditEntry::new("store.backup").subject(subject).result("ok"))?;
        }
        self.gather_audit();

        let failed = |error: std::io::Error| unwritable(&target, error);
        let (unfinished, file) = Part::new(self, &target).map_err(failed)?;
        // Who may read the store may read the copy, and nobody else, also while it is made.
        file.set_permissions(fs::metadata(self.path())?.permissions()).map_err(failed)?;
        drop(file);

        let bytes = self.copy(unfinished.path(), options, &mut progress)?;
        let at_end = BackupProgress { bytes_total: bytes, bytes_done: bytes, checking: !options.unchecked };
        if !options.unchecked {
            self.check_copy(unfinished.path(), &at_end, &mut progress)?;
        }
        sync(unfinished.path()).map_err(failed)?;
        place(unfinished.path(), &target)?;
        progress(&BackupProgress { checking: false, ..at_end });
        Ok(BackedUp { bytes })
    }

    /// Takes in what waits beside the store for the audit log, since it belongs to the copy; unless a long writer has the
    /// turn, for whom a backup does not wait.
    fn gather_audit(&self) {
        let sign = Cancel::new();
        let hurried = self.cancellable(&sign);
        let (ended, end) = mpsc::channel::<()>();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                if end.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                    sign.cancel();
                }
            });
            access::gather_audit(&hurried);
            drop(ended);
        });
    }

    /// Where the copy goes, if it may.
    fn target(&self, path: &Path) -> Result<PathBuf> {
        let refused = |why: Words| Err(Error::new(Code::BackupTarget).with_value(path.display()).with_rule(why));
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let Ok(real) = fs::canonicalize(folder) else {
            return refused(words!("フォルダ{}がありません", "there is no directory {}", folder.display()));
        };
        let Some(name) = path.file_name() else {
            return refused(words!("ファイル名がありません", "it is no name of a file"));
        };
        let target = real.join(name);
        let own = fs::canonicalize(self.path()).unwrap_or_else(|_| self.path().to_owned());
        // SQLite would take files that stand beside the copy under these names for parts of it.
        for suffix in ["", "-wal", "-shm", "-journal"] {
            if target == with_suffix(&own, suffix) || with_suffix(&target, suffix) == own {
                return refused(words!("ストア自身のファイルです", "it is a file of the store itself"));
            }
            let part = with_suffix(&target, suffix);
            if fs::symlink_metadata(&part).is_ok() {
                return refused(words!("{}が存在します", "{} exists already", part.display()));
            }
        }
        Ok(target)
    }

    /// Copies every page, of one moment.
    fn copy(
        &self,
        to: &Path,
        options: &BackupOptions,
        progress: &mut impl FnMut(&BackupProgress) -> bool,
    ) -> Result<u64> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut copy = Connection::open_with_flags(to, flags)?;
        // A copy that is not finished is thrown away: it needs no journal, and is made safe on the disk at the end.
        copy.query_row("PRAGMA journal_mode = OFF", [], |_| Ok(()))?;
        copy.pragma_update(None, "synchronous", "OFF")?;
        copy.pragma_update(None, "cache_size", -1024)?;
        // The transaction holds the moment: whatever others write meanwhile, no page is copied twice.
        let reading = self.reading()?;
        let number = |sql: &str| reading.query_row(sql, [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs);
        let (page_bytes, pages) = (number("PRAGMA page_size")?, number("PRAGMA page_count")?);
        let step = options.bytes_per_second.map_or(STEP_BYTES, |most| STEP_BYTES.min(most / 10));
        let step = i32::try_from((step / page_bytes).max(1)).unwrap_or(i32::MAX);
        let mut at = BackupProgress { bytes_total: pages * page_bytes, bytes_done: 0, checking: false };
        tell(progress, &at)?;
        let (began, mut told) = (Instant::now(), Instant::now());
        let backup = Backup::new(&reading, &mut copy)?;
        loop {
            self.check_cancelled()?;
            let more = backup.step(step)?;
            let left = u64::try_from(backup.progress().remaining).unwrap_or(0);
            at.bytes_done = at.bytes_total - (left * page_bytes).min(at.bytes_total);
            if matches!(more, StepResult::Busy | StepResult::Locked) {
                // Nobody else has this copy, and readers of the store wait for nobody, except while another process that
                // has just opened it recovers the log.
                std::thread::sleep(Duration::from_millis(5));
            }
            if told.elapsed() >= TELL {
                told = Instant::now();
                tell(progress, &at)?;
            }
            if let Some(most) = options.bytes_per_second {
                let due = Duration::try_from_secs_f64(at.bytes_done as f64 / most as f64).unwrap_or(Duration::MAX);
                while began.elapsed() < due {
                    // In pieces, so that a sign to end is seen within moments.
                    std::thread::sleep(due.saturating_sub(began.elapsed()).min(TELL));
                    self.check_cancelled()?;
                    tell(progress, &at)?;
                }
            }
            if more == StepResult::Done {
                return Ok(at.bytes_total);
            }
        }
    }

    /// Opens the copy as any host would, and checks it.
    fn check_copy(
        &self,
        copy: &Path,
        at: &BackupProgress,
        progress: &mut impl FnMut(&BackupProgress) -> bool,
    ) -> Result<()> {
        tell(progress, at)?;
        let opened = Store::options().open(copy)?;
        let opened = Store { cancel: self.cancel.clone(), ..opened };
        let report = opened.check_with(&CheckOptions::new().quick(), |_| progress(at))?;
        if report.is_sound() {
            return Ok(());
        }
        let found = Words::of(|language: Language| {
            report.findings().iter().map(|finding| finding.message(language)).collect::<Vec<_>>().join(" ")
        });
        Err(Error::new(Code::BackupUnsound).with_rule(found))
    }
}

fn tell(progress: &mut impl FnMut(&BackupProgress) -> bool, at: &BackupProgress) -> Result<()> {
    if progress(at) { Ok(()) } else { Err(Error::new(Code::Cancelled)) }
}

fn unwritable(target: &Path, error: std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::StorageFull {
        return error.into();
    }
    Error::new(Code::BackupTarget).with_value(target.display()).with_rule(io_words(&error)).with_source(error)
}

fn sync(file: &Path) -> std::io::Result<()> {
    OpenOptions::new().write(true).open(file)?.sync_all()
}

/// Gives the copy its name. A file that has appeared there meanwhile stays.
fn place(from: &Path, to: &Path) -> Result<()> {
    match fs::hard_link(from, to) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Err(unwritable(to, error)),
        // Not every file system has hard links.
        Err(_) if fs::symlink_metadata(to).is_err() => {
            fs::rename(from, to).map_err(|error| unwritable(to, error))?;
        }
        Err(error) => return Err(unwritable(to, error)),
    }
    sync_directory(to);
    Ok(())
}
