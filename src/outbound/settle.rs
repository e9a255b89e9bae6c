//! What follows from the end of a delivery, written in the transaction of its result.

use super::delivery::DeliveryState;
use super::transport::{Answer, ErrorFamily};
use crate::error::{Error, Result};
use crate::store::{Store, Writing};

/// A delivery that has come to its end.
pub(crate) struct Settled<'a> {
    pub(crate) delivery: i64,
    #[cfg_attr(not(test), expect(dead_code, reason = "rooms to come know their runs by settings"))]
    pub(crate) setting: Option<i64>,
    pub(crate) run: Option<i64>,
    /// The user on whose behalf it was made.
    pub(crate) actor: Option<i64>,
    /// [`NewDelivery::context`](super::NewDelivery), as it was given.
    pub(crate) context: &'a str,
    /// Delivered, failed or cancelled.
    pub(crate) state: DeliveryState,
    /// The last answer, if there was one in the last attempt. Secrets that it repeats are hidden in it.
    pub(crate) answer: Option<&'a Answer>,
    /// Why it failed, and how far it came.
    pub(crate) error: Option<(ErrorFamily, &'a Error)>,
}

/// What the room that made a delivery does at its end. A room has one, and names its deliveries by its `kind`.
///
/// It runs in a savepoint of the transaction that stores the result, so that both are kept, or neither. When it returns an
/// error that is about its own work (a record that is gone, a value that is refused), what it wrote is taken back, the
/// result is kept, and the error with it. When the store itself fails, so does the whole, and the delivery is sent again.
/// It may be called more than once for one delivery if that is replayed after it failed.
pub(crate) trait Consequence: Sync {
    /// [`NewDelivery::kind`](super::NewDelivery) of the deliveries that are meant.
    fn kind(&self) -> &'static str;

    /// The delivery has ended.
    fn settled(&self, store: &Store, writing: &Writing<'_>, settled: &Settled<'_>) -> Result<()>;
}

/// Every consequence; a room that makes deliveries adds its own here.
pub(super) const CONSEQUENCES: &[&dyn Consequence] = &[
    &super::csv_push::Pushed,
    &super::http_send::Sent,
    #[cfg(test)]
    &super::tests::Noted,
];

/// The consequence of a kind of deliveries, if it has one.
pub(super) fn consequence(kind: &str) -> Option<&'static dyn Consequence> {
    CONSEQUENCES.iter().copied().find(|consequence| consequence.kind() == kind)
}
