//! Who acts, and what he may do: users and their rights, tokens, addresses, calls per minute, the audit log.
//!
//! A [`Store`](crate::Store) handle acts as the host itself, which may do everything, or as a user
//! ([`Store::as_user`](crate::Store::as_user), [`Store::authenticate`](crate::Store::authenticate)), who may do what his
//! definition says. That is judged in [`door`], for the rooms above.

mod address;
mod audit;
mod calls;
mod door;
pub(crate) mod invariants;
mod journal;
mod right;
mod settings;
mod token;
mod user;
mod window;

pub use address::{AddressRange, client_address};
pub use audit::{AuditEntry, AuditLine, AuditPage, AuditQuery};
pub(crate) use audit::{note as note_audit, sweep};
pub(crate) use door::{Door, demand, demand_administrator, demand_somewhere, owns};
pub(crate) use journal::try_take as gather_audit;
pub use right::{Right, Rights};
pub use settings::AccessSettings;
pub(crate) use settings::{load as load_settings, save as save_settings};
pub use token::{IssuedToken, NewToken, Token};
pub use user::User;
pub(crate) use user::{code_of as user_code, load as load_users, save as save_user, save_rights};
