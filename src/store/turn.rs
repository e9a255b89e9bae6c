//! Writers take turns: first come, first served among threads, and a sign to other processes.
//!
//! SQLite lets one connection write at a time. Inside a process, threads queue here in the order of arrival. Between
//! processes SQLite's own lock decides; whoever has to wait says so by a shared lock on a file beside the store, so that
//! a long writer (an import) can see that somebody waits, commit, and let him in.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use once_cell::sync::OnceCell;

use super::cancel::Cancel;
use crate::error::{Code, Error, Result};

/// A first-in first-out lock around the writing connection.
pub(crate) struct Turn<T> {
    next: AtomicU64,
    serving: Mutex<Serving>,
    changed: Condvar,
    held: Mutex<T>,
    /// The thread that has the turn, by [`this_thread`]; 0 when nobody has it.
    holder: AtomicUsize,
}

#[derive(Default)]
struct Serving {
    ticket: u64,
    /// Tickets whose threads went away.
    given_up: Vec<u64>,
}

impl Serving {
    /// Nobody waits with this ticket any more, or has the turn by it.
    fn pass(&mut self, ticket: u64) {
        self.given_up.push(ticket);
        while let Some(at) = self.given_up.iter().position(|gone| *gone == self.ticket) {
            self.given_up.swap_remove(at);
            self.ticket += 1;
        }
    }
}

/// How often a waiting thread looks for a sign to end.
const LOOK: Duration = Duration::from_millis(20);

/// The right to write, until dropped.
pub(crate) struct TurnGuard<'a, T> {
    turn: &'a Turn<T>,
    ticket: u64,
    held: Option<MutexGuard<'a, T>>,
}

impl<T> Turn<T> {
    pub(crate) fn new(value: T) -> Turn<T> {
        Turn {
            next: AtomicU64::new(0),
            serving: Mutex::new(Serving::default()),
            changed: Condvar::new(),
            held: Mutex::new(value),
            holder: AtomicUsize::new(0),
        }
    }

    /// Waits for the turn.
    ///
    /// # Errors
    ///
    /// [`Code::StoreReentered`] when this thread has it already, [`Code::Cancelled`] when the sign is shown meanwhile.
    pub(crate) fn take(&self, cancel: Option<&Cancel>) -> Result<TurnGuard<'_, T>> {
        // Only this thread itself can have written its own mark.
        if self.is_held_here() {
            return Err(Error::new(Code::StoreReentered));
        }
        // The ticket is drawn under the lock, so that tickets are served in the order of arrival.
        let mut serving = self.serving.lock().unwrap_or_else(PoisonError::into_inner);
        let ticket = self.next.fetch_add(1, Ordering::Relaxed);
        while serving.ticket != ticket {
            serving = match cancel {
                None => self.changed.wait(serving).unwrap_or_else(PoisonError::into_inner),
                Some(_) => self.changed.wait_timeout(serving, LOOK).unwrap_or_else(PoisonError::into_inner).0,
            };
            if let Some(Err(cancelled)) = cancel.map(Cancel::check) {
                serving.pass(ticket);
                drop(serving);
                self.changed.notify_all();
                return Err(cancelled);
            }
        }
        drop(serving);
        // A thread that panicked while it held the turn has rolled back in its guard: the connection is usable.
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        self.holder.store(this_thread(), Ordering::Relaxed);
        Ok(TurnGuard { turn: self, ticket, held: Some(held) })
    }

    /// Whether this thread has the turn.
    pub(crate) fn is_held_here(&self) -> bool {
        self.holder.load(Ordering::Relaxed) == this_thread()
    }
}

/// A mark that no other living thread has: the address of something of its own.
fn this_thread() -> usize {
    thread_local!(static MARK: u8 = const { 0 });
    MARK.with(|mark| std::ptr::from_ref(mark).addr())
}

impl<T> TurnGuard<'_, T> {
    /// Whether another thread of this process waits for its turn.
    pub(crate) fn somebody_waits(&self) -> bool {
        self.turn.next.load(Ordering::Relaxed) > self.ticket + 1
    }
}

impl<T> std::ops::Deref for TurnGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.held.as_ref().expect("held until dropped")
    }
}

impl<T> std::ops::DerefMut for TurnGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.held.as_mut().expect("held until dropped")
    }
}

impl<T> Drop for TurnGuard<'_, T> {
    fn drop(&mut self) {
        self.turn.holder.store(0, Ordering::Relaxed);
        self.held = None;
        let mut serving = self.turn.serving.lock().unwrap_or_else(PoisonError::into_inner);
        serving.pass(self.ticket);
        drop(serving);
        self.turn.changed.notify_all();
    }
}

/// The file beside the store by which processes tell each other that they wait.
pub(crate) struct WaitSign {
    path: PathBuf,
    /// Opened for showing the sign and for looking for it: two handles, since a lock belongs to its handle.
    shown: OnceCell<File>,
    looked: OnceCell<File>,
}

impl WaitSign {
    pub(crate) fn new(path: PathBuf) -> WaitSign {
        WaitSign { path, shown: OnceCell::new(), looked: OnceCell::new() }
    }

    fn open(&self) -> std::io::Result<File> {
        OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&self.path)
    }

    /// Shows that this process waits, until the result is dropped. Without the file, waiting works all the same, only
    /// less promptly: the long writer commits about once a second.
    pub(crate) fn show(&self) -> Option<ShownSign<'_>> {
        let file = self.shown.get_or_try_init(|| self.open()).ok()?;
        file.lock_shared().ok()?;
        Some(ShownSign(file))
    }

    /// Whether another process waits.
    pub(crate) fn is_shown(&self) -> bool {
        let Ok(file) = self.looked.get_or_try_init(|| self.open()) else { return false };
        match file.try_lock() {
            Ok(()) => {
                let _ = file.unlock();
                false
            }
            Err(TryLockError::WouldBlock) => true,
            Err(TryLockError::Error(_)) => false,
        }
    }
}

pub(crate) struct ShownSign<'a>(&'a File);

impl Drop for ShownSign<'_> {
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_taken_in_order_of_arrival() {
        let turn = Turn::new(Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            let first = turn.take(None).unwrap();
            for name in 0..4u64 {
                let turn = &turn;
                scope.spawn(move || turn.take(None).unwrap().lock().unwrap().push(name));
                while turn.next.load(Ordering::Relaxed) < name + 2 {
                    std::thread::yield_now();
                }
            }
            assert!(first.somebody_waits());
            drop(first);
        });
        assert_eq!(*turn.take(None).unwrap().lock().unwrap(), [0, 1, 2, 3]);
    }

    #[test]
    fn who_gives_up_waiting_holds_nobody_up_and_nobody_waits_for_himself() {
        let turn = Turn::new(());
        let first = turn.take(None).unwrap();
        assert_eq!(turn.take(None).err().unwrap().code(), Code::StoreReentered);
        let cancel = Cancel::new();
        std::thread::scope(|scope| {
            let (turn, seen) = (&turn, &cancel);
            let waiting = scope.spawn(move || turn.take(Some(seen)).err().unwrap().code());
            while turn.next.load(Ordering::Relaxed) < 2 {
                std::thread::yield_now();
            }
            let behind = scope.spawn(move || turn.take(None).is_ok());
            cancel.cancel();
            assert_eq!(waiting.join().unwrap(), Code::Cancelled);
            drop(first);
            assert!(behind.join().unwrap());
        });
        assert!(turn.take(None).is_ok());
    }

    #[test]
    fn a_sign_is_seen_while_it_is_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sign");
        let (here, there) = (WaitSign::new(path.clone()), WaitSign::new(path));
        assert!(!here.is_shown());
        let shown = there.show();
        assert!(here.is_shown());
        drop(shown);
        assert!(!here.is_shown());
    }
}
