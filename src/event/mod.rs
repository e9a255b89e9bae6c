//! What happened to records: told by the record writer, in its own transaction, to those who listen.
//!
//! Nothing is written as long as nobody listens to a database. Who does is known with the catalog ([`Heard`]), which a
//! commit in any process makes new; a writer looks at it when it is made.
//!
//! # For the rooms that listen
//!
//! A room whose definition reacts to what happens says so in the transaction that saves it, by [`listen`], and takes it back
//! by [`unlisten`] when the definition is removed (before its document is) or put out of use. Saving it again with the same
//! or another [`Interest`] is the same call; what was heard before and is not wanted any more is forgotten.
//!
//! ```text
//! // When it is saved:
//! event::listen(connection, &Interest { records: Whats::of([What::Registered]), ..Interest::new(id, "notice", database) })?;
//!
//! // In the worker, which looks without the turn to write:
//! for due in event::due(&reading, "notice")? {
//!     // What is done, and that it is done, in one transaction: each event once, whatever dies.
//!     store.write(|writing| {
//!         let events = event::waiting(writing, due.listener, 100)?;
//!         for event in &events { /* … */ }
//!         event::forget(writing, due.listener, last_one_that_was_consumed)
//!     })?;
//! }
//! ```
//!
//! An [`Event`] has the record before and after as a [`Snapshot`], whatever became of it since: conditions are judged on one by
//! `query::holds`, its fields read by `Selection::of_snapshot`. Values of linked records are those of the moment of reading.
//!
//! Events come in the order in which they were written, which is that of the commits. A consumer that cannot go on forgets up
//! to the event before, and finds the others again. Those that nobody has consumed for as long as the worker keeps what has
//! ended are dropped by [`sweep`] and counted (`missed`), so that a listener whom no worker serves does not fill the disk.
//!
//! # Imports
//!
//! The end of an import is one event ([`What::Imported`]) with its counts and its id as `cause.run`. Its lines raise events
//! only for listeners that ask for them (`of_imports`); such an event has the origin [`Origin::Import`] and the same run.
//!
//! # Loops
//!
//! What a run writes is written through a handle that carries a [`Cause`] with the run at the end of its chain
//! (`Store::acting`). A run that is to be started by an event gets its cause from [`Event::next_cause`], which refuses when
//! the chain is as long as allowed already ([`Code::EventLoop`](crate::Code), naming the chain).

pub(crate) mod invariants;
mod listener;
mod take;
mod tell;
#[cfg(test)]
mod tests;

pub(crate) use listener::{Interest, listen, unlisten};
pub(crate) use take::{Due, Event, due, forget, standing, sweep, waiting};
pub(crate) use tell::{Teller, tell_import};

/// How many runs may lead to one another, each started by what the one before had written.
pub(crate) const MOST_RUNS: usize = 10;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum What {
    /// A record was made.
    Registered = 1,
    /// A record was changed: a field, a detail row, its approval. A write that changes nothing is no event.
    Updated = 2,
    /// A record was deleted.
    Deleted = 4,
    /// An import ended that has written, or that came to the end of its file.
    Imported = 8,
}

impl What {
    const ALL: [What; 4] = [What::Registered, What::Updated, What::Deleted, What::Imported];

    fn bit(self) -> u8 {
        self as u8
    }

    fn from_stored(bit: i64) -> Option<What> {
        What::ALL.into_iter().find(|what| i64::from(what.bit()) == bit)
    }
}

/// Several sorts of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Whats(u8);

impl Whats {
    pub(crate) fn of(whats: impl IntoIterator<Item = What>) -> Whats {
        Whats(whats.into_iter().fold(0, |bits, what| bits | what.bit()))
    }
}

/// SQL that is true where a listener `l` wants an event `e`, consumed or not.
const WANTED: &str = "l.database_id = e.database_id
    AND (CASE e.origin WHEN 'import' THEN l.import_events ELSE l.events END) & e.what";
