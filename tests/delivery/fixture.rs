//! What these tests have in common.

use std::sync::Arc;

use renkei::{
    Blueprint, DeliveryState, ErrorFamily, NetworkPolicy, NewDelivery, RetryPlan, Sending, Store, SystemClock, Target,
    Timeouts, Worker,
};

use crate::common::Fixture;
use crate::common_http::*;

pub fn local() -> NetworkPolicy {
    NetworkPolicy::new().allow("127.0.0.0/8").unwrap().allow("::1").unwrap()
}

pub fn worker(store: &Store) -> Worker {
    Worker::new(store).network(local())
}

pub fn run(store: &Store) -> u64 {
    worker(store).run_until_idle().unwrap()
}

/// Is tried once, and has as long as a busy machine may need.
pub fn once() -> Sending {
    let timeouts = Timeouts { connect_seconds: 60, total_seconds: 60 };
    Sending { timeouts, retry: RetryPlan::once(), ..Sending::default() }
}

/// Is tried once, and gives up soon: for those that are never answered. Not too soon for what is to come before that.
pub fn hasty() -> Sending {
    Sending { timeouts: Timeouts { connect_seconds: 3, total_seconds: 3 }, ..once() }
}

/// Tries again at once, so often.
pub fn tries(count: usize) -> Sending {
    let retry = RetryPlan { delays_seconds: vec![0; count], jitter_percent: 0, ..RetryPlan::default() };
    Sending { retry, ..Sending::default() }
}

pub fn to(target: &str) -> Sending {
    Sending { target: Some(target.to_owned()), ..Sending::default() }
}

pub fn with_target(target: Target) -> Fixture {
    let fixture = Fixture::new();
    fixture.store.apply(&Blueprint::new().target(target)).unwrap();
    fixture
}

pub fn real_clock() -> Fixture {
    Fixture::with(|options| {
        options.clock(Arc::new(SystemClock));
    })
}

/// The one attempt that a delivery came to within one attempt: state, status, family, code.
pub fn outcome(store: &Store, id: i64) -> (DeliveryState, Option<u16>, Option<ErrorFamily>, String) {
    let status = store.delivery(id).unwrap();
    let attempts = store.attempts(id).unwrap();
    let last = attempts.last().expect("it was tried");
    assert_eq!(status.attempts as usize, attempts.len());
    assert_eq!((last.status, last.family, &last.error), (status.status, status.family, &status.error));
    (status.state, status.status, status.family, status.error.map(|error| error.code).unwrap_or_default())
}

/// Sends one message to a receiver of this script.
pub fn send(reply: Reply, delivery: impl Fn(&str) -> NewDelivery) -> (Fixture, Receiver, i64) {
    let fixture = Fixture::new();
    let receiver = Receiver::start(move |_, _| reply.clone());
    let id = fixture.store.deliver(&delivery(&receiver.url("/in"))).unwrap();
    run(&fixture.store);
    (fixture, receiver, id)
}

pub fn post_once(url: &str) -> NewDelivery {
    NewDelivery::post(url).body("x").sending(once())
}
