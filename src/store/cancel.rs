//! Ending calls that take long, from another thread.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Store;
use crate::error::{Code, Error, Result};

/// A sign by which calls are ended from outside: given to a store by [`Store::cancellable`], and cheap to clone.
///
/// It is shown once, for good; the next call needs another one.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// # let store = renkei::Store::create(dir.path().join("s.db"))?;
/// use renkei::{Cancel, Code};
///
/// let cancel = Cancel::new();
/// let reading = store.cancellable(&cancel);
/// assert!(reading.blueprint().is_ok());
/// // On any other thread, at any time:
/// cancel.cancel();
/// assert_eq!(reading.blueprint().unwrap_err().code(), Code::Cancelled);
/// assert!(store.blueprint().is_ok());
/// # Ok::<(), renkei::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// A sign that is not shown yet.
    pub fn new() -> Cancel {
        Cancel::default()
    }

    /// Shows the sign. Calls that see it end within moments.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the sign is shown.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The error of a call that sees the sign.
    pub(crate) fn check(&self) -> Result<()> {
        if self.is_cancelled() { Err(Error::new(Code::Cancelled)) } else { Ok(()) }
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cancel").field(&self.is_cancelled()).finish()
    }
}

impl Store {
    /// A handle whose calls end with [`Code::Cancelled`] once `cancel` is shown, also those that run or wait for their
    /// turn at that moment. What a call has written is taken back with its transaction.
    ///
    /// Imports are run by a [`Worker`](crate::Worker) and ended by [`Store::cancel_import`]; a worker does not look at the
    /// sign of the store it was made from.
    pub fn cancellable(&self, cancel: &Cancel) -> Store {
        Store { cancel: Some(cancel.clone()), ..self.clone() }
    }

    /// The same handle without a sign: for work that must be done to its end.
    pub(crate) fn uncancelled(&self) -> Store {
        Store { cancel: None, ..self.clone() }
    }

    /// The error of a call that is to end.
    pub(crate) fn check_cancelled(&self) -> Result<()> {
        self.cancel.as_ref().map_or(Ok(()), Cancel::check)
    }
}
