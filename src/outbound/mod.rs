//! Everything that leaves the store: one durable queue of deliveries, sent at least once.
//!
//! A *delivery* is a frozen message, its target, and the rules by which it is sent ([`Sending`]). It is written in the
//! transaction of what caused it ([`enqueue`]), sent later by a worker, tried again by its plan, and kept with every
//! attempt. What follows from its end, such as fields to be set in a record, is written in the transaction of its result
//! by the room that made it ([`Consequence`]).
//!
//! | file | subject |
//! | --- | --- |
//! | `delivery`, `message` | the frozen message, judged and written |
//! | `sending`, `retry`, `circuit`, `rate`, `target` | the rules by which it is sent |
//! | `queue`, `judge`, `journal`, `settle`, `attempt`, `notice` | claim and result, and what follows |
//! | `pool`, `share`, `send` | the threads that send, and one attempt |
//! | `transport`, `http`, `url`, `resolve`, `policy` | the way to the receiver |
//! | `secret`, `sign` | what must not be seen, and what must be believed |
//! | `status`, `metrics`, `invariants` | what hosts see, and what a check looks at |
//! | `right` | who may |

mod attempt;
mod circuit;
pub(crate) mod csv_push;
mod delivery;
#[cfg(feature = "http")]
mod http;
pub(crate) mod http_send;
pub(crate) mod invariants;
mod journal;
mod judge;
pub(crate) mod mail;
mod message;
mod metrics;
mod notice;
pub(crate) mod pair;
mod policy;
mod pool;
mod queue;
mod rate;
mod resolve;
mod retry;
pub(crate) mod right;
mod secret;
mod send;
mod sending;
mod settle;
mod share;
mod sign;
mod status;
mod target;
#[cfg(test)]
mod tests;
mod transport;
mod url;

pub use attempt::Attempt;
pub use circuit::Circuit;
pub use csv_push::{CsvBody, CsvPush, PairsAs, PushRequest, PushRun};
pub use delivery::{Body, Channel, DeliveryState, NewDelivery, Priority};
pub use http_send::{
    AnswerPart, HttpBody, HttpSend, HttpSendItem, HttpSendRequest, HttpSendRun, JsonRow, JsonType, SaveAnswer,
    SaveWhen, Trigger,
};
pub use mail::{Attachment, Mail, MailSecurity, MailServer, MailTemplate};
pub use metrics::{DeliveryMetrics, Latency};
pub use notice::Notice;
pub use pair::{FieldUpdate, Method, Pair};
pub use policy::NetworkPolicy;
pub use rate::Rate;
pub use resolve::{Resolver, SystemResolver};
pub use retry::{RetryPlan, Statuses};
pub use sending::{Auth, Sending, Signing, Timeouts};
pub use sign::WebhookVerifier;
pub use status::{DeliveryFilter, DeliveryStatus};
pub use target::{CircuitPosition, Target, TargetStatus};
pub use transport::{Answer, ErrorFamily, Exchange, Failure, OutboundRequest, Times, Transport};
pub use url::Url;

#[cfg(feature = "http")]
pub(crate) use http::HttpTransport;
pub(crate) use pool::{KIND as SENDER_KIND, PoolOptions, drain, is_due, sweep as sweep_pools};
pub(crate) use resolve::Gate;
pub(crate) use send::Courier;
pub(crate) use status::{cancel as cancel_delivery, sweep};
pub(crate) use target::{remove as remove_target, save as save_target};
