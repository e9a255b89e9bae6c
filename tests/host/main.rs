//! The example host, driven over loopback as its clients drive it.
#![cfg(unix)]

#[path = "../webapi/clients.rs"]
mod clients;

mod contract;
mod demo;
mod habits;
mod life;
mod raw;
mod running;
mod stock;
mod wire;
