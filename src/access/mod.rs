//! Who acts, and what he may do: users and their rights, tokens, addresses, calls per minute, the audit log.
//!
//! A [`Store`](crate::Store) handle acts as the host itself, which may do everything, or as a user
//! ([`Store::as_user`](crate::Store::as_user), [`Store::authenticate`](crate::Store::authenticate)), who may do what his
//! definition says.

mod address;
mod audit;
mod calls;
mod right;
mod settings;
mod token;
mod user;

pub use address::{AddressRange, client_address};
pub use audit::{AuditEntry, AuditLine, AuditPage, AuditQuery};
pub use calls::CallsLeft;
pub use right::{Right, Rights};
pub use settings::AccessSettings;
pub use token::{IssuedToken, NewToken, Token};
pub use user::User;
pub(crate) use user::{load, save};
