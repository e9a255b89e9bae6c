//! Http sends, CSV pushes and the menus they stand in: as definitions, and from a list to a receiver on this machine.

#[path = "../common/mod.rs"]
mod common;
mod csv_pushes;
mod definitions;
mod http_sends;
#[path = "../../examples/receiver/mod.rs"]
mod receiver;
mod setup;
