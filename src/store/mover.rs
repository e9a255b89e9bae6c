//! The write-ahead log, moved into the file beside a long writer.
//!
//! SQLite moves it in the commit that finds it long, and the writer waits for the disk meanwhile: an import for a fifth of
//! its time, and with it whoever waits for a turn to write. While there is a [`Mover`], its thread moves the log, and commits
//! do so only when the log has grown much longer: it begins anew when all of it is moved and nobody writes, which a thread
//! beside the writer seldom finds.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

use rusqlite::Connection;

use super::{Store, StoreOptions, connection};
use crate::error::Result;

/// How much longer the log may be than without a mover.
const LONGER: u32 = 8;

/// Which length of the log the writing connection has been told of.
#[derive(Default)]
pub(super) struct Movers {
    count: AtomicUsize,
    /// Whether it knows of movers. Only looked at by who has the turn to write.
    are_known: AtomicBool,
}

impl Movers {
    /// Tells the writing connection how long the log may be before a commit moves it.
    pub(super) fn tell(&self, writer: &Connection, options: &StoreOptions) -> Result<()> {
        let any = self.count.load(Ordering::Relaxed) > 0;
        if any != self.are_known.load(Ordering::Relaxed) {
            connection::bound_log(writer, options, if any { LONGER } else { 1 })?;
            self.are_known.store(any, Ordering::Relaxed);
        }
        Ok(())
    }

    /// The writing connection is a new one.
    pub(super) fn forget(&self) {
        self.are_known.store(false, Ordering::Relaxed);
    }
}

/// Moves the log on a thread of its own, for a writer of many transactions.
pub(crate) struct Mover {
    store: Store,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    is_due: bool,
    is_over: bool,
}

impl Mover {
    pub(crate) fn new(store: &Store) -> Mover {
        store.inner.movers.count.fetch_add(1, Ordering::Relaxed);
        // What is asked to end is the writer, not this.
        let store = Store { cancel: None, ..store.clone() };
        Mover { store, state: Mutex::new(State::default()), changed: Condvar::new() }
    }

    /// The work of the thread, until the end.
    pub(crate) fn run(&self) {
        loop {
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let waiting = |state: &mut State| !state.is_due && !state.is_over;
            let mut state = self.changed.wait_while(state, waiting).unwrap_or_else(PoisonError::into_inner);
            let is_over = state.is_over;
            state.is_due = false;
            drop(state);
            // Nothing is lost by it: the log stays until somebody else moves it.
            if let Err(error) = self.move_log() {
                log::debug!("the log was not moved: {error}");
            }
            if is_over {
                return;
            }
        }
    }

    fn move_log(&self) -> Result<()> {
        let reading = self.store.glance()?;
        let length = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?));
        let (all, moved) = reading.query_row("PRAGMA wal_checkpoint(NOOP)", [], length)?;
        let pages = i64::from(connection::checkpoint_pages(&reading, &self.store.inner.options)?);
        let most = pages * i64::from(LONGER);
        let least = match all {
            // The next commit moves the rest, for which nobody else may be moving it.
            _ if all >= most => return Ok(()),
            // So that this rest is small.
            _ if all >= most / 4 * 3 => pages / 8,
            _ => pages,
        };
        if all - moved >= least {
            reading.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], length)?;
        }
        Ok(())
    }

    /// After a commit: the log may be long.
    pub(crate) fn look(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).is_due = true;
        self.changed.notify_all();
    }

    /// Ends the thread when the result is dropped, however that comes.
    pub(crate) fn until_dropped(&self) -> impl Drop {
        struct Ending<'a>(&'a Mover);
        impl Drop for Ending<'_> {
            fn drop(&mut self) {
                self.0.state.lock().unwrap_or_else(PoisonError::into_inner).is_over = true;
                self.0.changed.notify_all();
            }
        }
        Ending(self)
    }
}

impl Drop for Mover {
    fn drop(&mut self) {
        self.store.inner.movers.count.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::store::with_suffix;

    /// A store whose log is moved at 100 pages, and something that makes it longer by some 40 with each commit.
    fn place() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::options().create(true).checkpoint_bytes(1).open(dir.path().join("s.db")).unwrap();
        store.write(|writing| Ok(writing.execute_batch("CREATE TABLE t (x BLOB)")?)).unwrap();
        (dir, store)
    }

    fn write_once(store: &Store) {
        let sql = "INSERT INTO t VALUES (zeroblob(300000))";
        store.write(|writing| Ok(writing.execute_batch(sql)?)).unwrap();
    }

    fn lengths(store: &Store) -> (i64, i64) {
        let length = |row: &rusqlite::Row<'_>| Ok((row.get(1)?, row.get(2)?));
        store.glance().unwrap().query_row("PRAGMA wal_checkpoint(NOOP)", [], length).unwrap()
    }

    #[test]
    fn commits_leave_a_log_to_its_mover_until_it_is_much_longer() {
        let (_dir, store) = place();
        let mover = Mover::new(&store);
        let most = (0..60).map(|_| {
            write_once(&store);
            lengths(&store)
        });
        let most: Vec<(i64, i64)> = most.collect();
        assert!(most[..10].iter().all(|(_, moved)| *moved == 0), "{most:?}");
        assert!(most.iter().all(|(all, _)| *all < 1_000), "{most:?}");
        assert!(most.iter().any(|(_, moved)| *moved > 0), "{most:?}");
        drop(mover);
        // Without a mover it is as before.
        write_once(&store);
        for _ in 0..10 {
            write_once(&store);
            assert!(lengths(&store).0 < 250, "{:?}", lengths(&store));
        }
    }

    #[test]
    fn the_thread_moves_what_was_committed_and_ends() {
        let (dir, store) = place();
        let mover = Mover::new(&store);
        std::thread::scope(|scope| {
            let ending = mover.until_dropped();
            scope.spawn(|| mover.run());
            for _ in 0..5 {
                write_once(&store);
                mover.look();
            }
            drop(ending);
        });
        let (all, moved) = lengths(&store);
        assert!(all > 150 && moved > 0 && all - moved < 100, "{all} {moved}");
        assert!(fs::metadata(with_suffix(&dir.path().join("s.db"), "-wal")).unwrap().len() > 1 << 20);
        let count: i64 = store.reading().unwrap().query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
        assert_eq!(count, 5);
    }
}
