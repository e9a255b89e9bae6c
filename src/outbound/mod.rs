//! Everything that leaves the store: one durable queue of deliveries, sent at least once.
//!
//! A *delivery* is a frozen message, its target, and the rules by which it is sent ([`Sending`]). It is written in the
//! transaction of what caused it ([`enqueue`]), sent later by a worker, tried again by its plan, and kept with every
//! attempt. What follows from its end, such as fields to be set in a record, is written in the transaction of its result
//! by the room that made it ([`Consequence`]).

mod circuit;
mod delivery;
mod rate;
mod retry;
mod secret;
mod sending;
mod settle;
mod target;
mod text;

pub use circuit::Circuit;
pub use delivery::{Body, Channel, DeliveryState, NewDelivery, Priority};
pub use rate::Rate;
pub use retry::{RetryPlan, Statuses};
pub use sending::{Auth, Sending, Signing, Timeouts};
pub use target::Target;
pub use text::{Escape, SecretSlot, SlottedText};

pub use settle::ErrorFamily;

#[expect(unused_imports, reason = "the rooms that make deliveries come next")]
pub(crate) use delivery::enqueue;
#[expect(unused_imports, reason = "the rooms that make deliveries come next")]
pub(crate) use settle::{Answer, Consequence, Settled};
