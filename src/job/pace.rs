//! How long a runner of many small steps holds its turn to write.

use std::time::{Duration, Instant};

use crate::store::Writing;

/// A transaction is committed after this time even if nobody waits: no more work than this is lost to a crash.
const LONGEST: Duration = Duration::from_millis(900);
/// A transaction lasts at least this long even if somebody waits: a runner makes progress beside a busy writer.
pub(crate) const SHORTEST: Duration = Duration::from_millis(20);
/// How often it is looked whether another process waits, which costs a system call.
const LOOK: Duration = Duration::from_millis(10);

/// The pace of one transaction.
pub(crate) struct Pace {
    began: Instant,
    looked: Instant,
}

/// That a transaction is to be committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Enough {
    /// Whether another process waits, which is to be let in.
    pub(crate) give_way: bool,
}

impl Pace {
    pub(crate) fn begin() -> Pace {
        let now = Instant::now();
        Pace { began: now, looked: now }
    }

    /// Whether it is time to commit.
    pub(crate) fn enough(&mut self, writing: &Writing<'_>) -> Option<Enough> {
        let now = Instant::now();
        let elapsed = now - self.began;
        if elapsed >= LONGEST {
            return Some(Enough { give_way: false });
        }
        if elapsed >= SHORTEST {
            if writing.thread_waits() {
                return Some(Enough { give_way: false });
            }
            if now - self.looked >= LOOK {
                self.looked = now;
                if writing.process_waits() {
                    return Some(Enough { give_way: true });
                }
            }
        }
        None
    }

    /// How long the transaction has lasted.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}
