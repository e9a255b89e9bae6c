//! How many calls may be made within a minute.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::audit::Flood;
use super::door::{Member, Roster, acting};
use super::window::Window;
use crate::error::{Code, Error, Result};
use crate::store::{Store, Timestamp};

/// What is kept while the store is open.
#[derive(Default)]
pub(super) struct State {
    /// By the id of the user; 0 for those who share one.
    windows: Mutex<HashMap<i64, Window>>,
    /// When this process last told that a token was used.
    pub(super) used: Mutex<HashMap<i64, Timestamp>>,
    pub(super) flood: Mutex<Flood>,
}

/// Where the calls of a user are counted, and how many there may be within a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CallWindow {
    /// The id of the user whose own it is; 0 for the one that users share.
    owner: i64,
    limit: u32,
}

impl CallWindow {
    /// `None` where calls are not counted.
    pub(super) fn of(roster: &Roster, member: Option<&Arc<Member>>) -> Option<CallWindow> {
        let own = member.and_then(|member| Some((member.id, member.user.calls_per_minute?)));
        let (owner, limit) = own.or_else(|| Some((0, roster.settings.calls_per_minute?)))?;
        Some(CallWindow { owner, limit })
    }
}

impl Store {
    /// Counts one call of the Web API against the limit of calls per minute, or refuses it.
    ///
    /// All users of the store share one window of [`AccessSettings::calls_per_minute`](crate::AccessSettings); a user with
    /// a number of his own ([`User::calls_per_minute`](crate::User)) has a window of his own instead. Refused calls are not
    /// counted.
    ///
    /// The window slides: in no 60 seconds are there more calls than the limit, also by several processes, and also when
    /// they are started anew meanwhile. It is kept in a small file beside the store (`-calls`), and counting waits for no
    /// writer. After a failure of power or of the operating system the calls of the last seconds may be forgotten; where the
    /// file system has no locks, each process counts exactly, and two at once may let a few more calls through.
    ///
    /// # Errors
    ///
    /// [`Code::CallsExceeded`], with [`Error::retry_after`](crate::Error::retry_after).
    pub fn count_call(&self) -> Result<()> {
        let window = {
            let reading = self.reading()?;
            CallWindow::of(&*Roster::of(self, &reading)?, acting(self, &reading)?.as_ref())
        };
        window.map_or(Ok(()), |window| self.count_call_in(window))
    }

    /// As [`Store::count_call`], in the window that [`Store::admit`] told of.
    pub(crate) fn count_call_in(&self, CallWindow { owner, limit }: CallWindow) -> Result<()> {
        let wait = match limit {
            0 => Some(Duration::from_secs(60)),
            _ => self.count_in(owner, limit)?,
        };
        let Some(wait) = wait else { return Ok(()) };
        let seconds = wait.as_millis().div_ceil(1_000);
        Err(Error::new(Code::CallsExceeded)
            .with_rule(format!("{limit} / 60 s"))
            .with_value(seconds)
            .with_retry_after(wait))
    }

    fn count_in(&self, owner: i64, limit: u32) -> Result<Option<Duration>> {
        let windows = &self.access_state::<State>().windows;
        let mut windows = windows.lock().unwrap_or_else(PoisonError::into_inner);
        let window = match windows.entry(owner) {
            Entry::Occupied(kept) => kept.into_mut(),
            Entry::Vacant(place) => {
                let name = if owner == 0 { "-calls".to_owned() } else { format!("-calls-{owner}") };
                place.insert(Window::open(&self.beside(&name))?)
            }
        };
        window.count(limit, || self.now())
    }
}
