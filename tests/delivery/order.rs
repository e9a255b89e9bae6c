//! Which goes before which.

use std::collections::HashMap;
use std::sync::Mutex;

use renkei::{Blueprint, Circuit, DeliveryState, NewDelivery, Priority, Sending, Target};

use crate::common::Fixture;
use crate::common_http::*;
use crate::fixture::*;

#[test]
fn order_is_kept_for_each_key() {
    let fixture = real_clock();
    // Every third message fails twice before it is taken.
    let seen: Mutex<HashMap<String, usize>> = Mutex::default();
    let receiver = Receiver::start(move |one, _| {
        let mut seen = seen.lock().unwrap();
        let count = seen.entry(one.path.clone()).or_default();
        *count += 1;
        let number: usize = one.path.rsplit('/').next().unwrap().parse().unwrap();
        if number.is_multiple_of(3) && *count < 3 { status(500) } else { ok() }
    });
    fixture
        .store
        .apply(&Blueprint::new().target(Target::new("t", "t").circuit(Circuit { failures: 0, ..Circuit::default() })))
        .unwrap();
    let sending = Sending { target: Some("t".to_owned()), ..tries(5) };
    for number in 0..40 {
        let key = format!("k{}", number % 4);
        let url = receiver.url(&format!("/{key}/{number}"));
        fixture.store.deliver(&NewDelivery::post(url).order_key(key).sending(sending.clone())).unwrap();
    }
    let metrics = fixture.store.delivery_metrics().unwrap();
    assert_eq!((metrics.waiting, metrics.behind), (4, 36));
    run(&fixture.store);
    assert_eq!(fixture.store.delivery_metrics().unwrap().delivered_last_day, 40);
    let received = receiver.received();
    for key in 0..4 {
        let prefix = format!("/k{key}/");
        let mut numbers: Vec<usize> = received
            .iter()
            .filter_map(|one| one.path.strip_prefix(&prefix))
            .map(|number| number.parse().unwrap())
            .collect();
        // Each is done before the next begins.
        assert!(numbers.is_sorted(), "{numbers:?}");
        numbers.dedup();
        assert_eq!(numbers.len(), 10);
    }
    fixture.check_file();
}

#[test]
fn the_order_goes_on_after_one_that_failed_or_was_cancelled() {
    let fixture = Fixture::new();
    let receiver = Receiver::start(|one, _| if one.path == "/0" { status(400) } else { ok() });
    let ids: Vec<i64> = (0..4)
        .map(|number| {
            let delivery = NewDelivery::post(receiver.url(&format!("/{number}"))).order_key("k");
            fixture.store.deliver(&delivery).unwrap()
        })
        .collect();
    fixture.store.cancel_delivery(ids[1]).unwrap();
    run(&fixture.store);
    let states: Vec<DeliveryState> = ids.iter().map(|id| fixture.store.delivery(*id).unwrap().state).collect();
    use DeliveryState::{Behind, Cancelled, Delivered, Failed, Waiting};
    assert_eq!(states, [Failed, Cancelled, Delivered, Delivered]);
    // Replayed, the failed one goes before those that wait behind another.
    let later = [4, 5].map(|number| {
        let delivery = NewDelivery::post(receiver.url(&format!("/{number}"))).order_key("k");
        fixture.store.deliver(&delivery).unwrap()
    });
    fixture.store.replay_deliveries(&[ids[0], ids[1]]).unwrap();
    let state = |id: i64| fixture.store.delivery(id).unwrap().state;
    assert_eq!([later[0], later[1], ids[0], ids[1]].map(state), [Waiting, Behind, Behind, Behind]);
    run(&fixture.store);
    let paths: Vec<String> = receiver.received().into_iter().map(|one| one.path).collect();
    assert_eq!(paths, ["/0", "/2", "/3", "/4", "/0", "/1", "/5"]);
}

#[test]
fn one_that_is_sent_again_goes_beside_nobody_when_another_is_cancelled() {
    let fixture = Fixture::new();
    let deliver = || fixture.store.deliver(&NewDelivery::post("http://127.0.0.1:9/").order_key("k")).unwrap();
    let first = deliver();
    fixture.store.cancel_delivery(first).unwrap();
    let others = [deliver(), deliver()];
    fixture.store.replay_delivery(first).unwrap();
    fixture.store.cancel_delivery(others[1]).unwrap();
    use DeliveryState::{Behind, Cancelled, Waiting};
    let state = |id: i64| fixture.store.delivery(id).unwrap().state;
    assert_eq!([first, others[0], others[1]].map(state), [Behind, Waiting, Cancelled]);
    fixture.store.cancel_delivery(others[0]).unwrap();
    assert_eq!(state(first), Waiting);
}

#[test]
fn urgent_ones_go_first() {
    let fixture = Fixture::new();
    let receiver = Receiver::start(|_, _| ok());
    for (number, priority) in [Priority::Low, Priority::Normal, Priority::High].into_iter().cycle().take(30).enumerate()
    {
        let delivery = NewDelivery::post(receiver.url(&format!("/{priority:?}/{number}"))).priority(priority);
        fixture.store.deliver(&delivery).unwrap();
    }
    worker(&fixture.store).senders(1).run_until_idle().unwrap();
    let paths: Vec<String> = receiver.received().into_iter().map(|one| one.path).collect();
    let first = |prefix: &str| paths.iter().position(|path| path.starts_with(prefix)).unwrap();
    assert_eq!((first("/High"), first("/Normal"), first("/Low")), (0, 10, 20), "{paths:?}");
}
