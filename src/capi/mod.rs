//! The C ABI: a thin coat over the crate, one file a noun. What it promises stands at the head of `include/renkei.h`.
//!
//! Functions take and give plain C: integers, pointers with lengths, structs that begin with their size. Definitions,
//! queries and records cross as JSON; records also cell by cell.
//!
//! # Safety
//!
//! All functions here have one contract, which is that of the header: a pointer to text or bytes is readable for the
//! length given with it (or up to its NUL), a pointer to an output or a struct is valid for it, callbacks are functions of
//! the declared type, and nothing else changes the memory behind a pointer while the call runs. NULL is refused
//! everywhere, and handles are numbers that are looked up ([`handle`]), never followed: no value of a handle is unsafe.
//! What is unsafe stands in the rooms [`argument`], [`memory`], [`handle`] and [`cursor`]; the others only call them.

#![allow(unsafe_code, reason = "pointers come from C")]
#![allow(non_camel_case_types, reason = "types have their names in C")]
#![allow(clippy::too_many_arguments, reason = "C has no better way to name inputs and outputs")]

mod access;
mod aggregation;
mod argument;
mod ask;
mod automation;
mod blueprint;
mod callback;
mod cancel;
mod clock;
mod cursor;
mod delivery;
mod error;
mod export;
mod file;
mod file_template;
mod handle;
mod http_send;
mod import;
mod infer;
mod log;
mod mail;
mod maintenance;
mod memory;
mod outgoing;
mod push;
mod query;
mod record;
mod request;
mod response;
mod rows;
mod schedule;
mod secret;
mod status;
mod store;
mod stream;
mod transaction;
mod values;
mod verifier;
mod version;
mod webapi;
mod worker;
mod write;
