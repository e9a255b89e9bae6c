//! Deliveries: sent at least once, by their plan, in their order, within the limits of their targets.
#![cfg(feature = "http")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common_http/mod.rs"]
mod common_http;
mod fixture;
mod life;
mod limits;
mod messages;
mod networks;
mod order;
mod plans;
mod secrets;
