//! Who may do what: rights at every door, tokens, addresses, calls per minute, the audit log.

#[path = "../common/mod.rs"]
mod common;

mod audit;
mod doors;
mod fixture;
mod tokens;
mod window;
