//! How many calls may be made within a minute.

use crate::error::Result;
use crate::store::Store;

/// How many calls are left, after one was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallsLeft {
    /// How many may be made within any 60 seconds; `None` for any number.
    pub limit: Option<u32>,
    /// How many more may be made now.
    pub left: Option<u32>,
}

impl Store {
    /// Counts one call of the Web API against the limit of calls per minute, or refuses it.
    ///
    /// All users of the store share one window of [`AccessSettings::calls_per_minute`](crate::AccessSettings); a user with
    /// a number of his own ([`User::calls_per_minute`](crate::User)) has a window of his own instead. Refused calls are not
    /// counted.
    ///
    /// # Errors
    ///
    /// [`Code::CallsExceeded`](crate::Code::CallsExceeded), with [`Error::retry_after`](crate::Error::retry_after).
    pub fn count_call(&self) -> Result<CallsLeft> {
        unimplemented!()
    }
}
