//! What a target takes: at once, in a second, and while it fails.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use renkei::{
    Blueprint, Circuit, CircuitPosition, Code, DeliveryFilter, DeliveryState, NewDelivery, Notice, Rate, Sending,
    Store, Target, Timestamp,
};

use crate::common::{Fixture, NOW};
use crate::common_http::*;
use crate::fixture::*;

#[test]
fn no_more_go_to_a_target_at_once_than_it_allows() {
    let fixture = with_target(Target::new("narrow", "狭い").concurrency(2));
    let receiver = Receiver::start(|_, _| Reply::After(Duration::from_millis(30), Box::new(ok())));
    for _ in 0..20 {
        fixture.store.deliver(&NewDelivery::post(receiver.url("/")).sending(to("narrow"))).unwrap();
    }
    // Two workers share the limit.
    let threads = [(); 2].map(|()| {
        let store = fixture.store.clone();
        std::thread::spawn(move || worker(&store).senders(6).run_until_idle().unwrap())
    });
    for thread in threads {
        thread.join().unwrap();
    }
    run(&fixture.store);
    assert_eq!(receiver.count(), 20);
    assert_eq!(receiver.most_at_once(), 2);
}

#[test]
fn a_worker_claims_ahead_of_a_narrow_target_and_still_sends_one_at_a_time() {
    let fixture = with_target(Target::new("narrow", "狭い").concurrency(6));
    // Looked at in every request: however fast the others go meanwhile, the most is seen.
    let most = Arc::new(AtomicUsize::new(0));
    let (seen, store) = (most.clone(), fixture.store.clone());
    let receiver = Receiver::start(move |_, _| {
        let sending = store.targets().unwrap()[0].sending;
        seen.fetch_max(usize::try_from(sending).unwrap(), Ordering::SeqCst);
        Reply::After(Duration::from_millis(1), Box::new(ok()))
    });
    for _ in 0..200 {
        fixture.store.deliver(&NewDelivery::post(receiver.url("/")).sending(to("narrow"))).unwrap();
    }
    let threads = [4, 4, 1].map(|senders| {
        let store = fixture.store.clone();
        std::thread::spawn(move || worker(&store).senders(senders).run_until_idle().unwrap())
    });
    for thread in threads {
        thread.join().unwrap();
    }
    run(&fixture.store);
    let most = most.load(Ordering::SeqCst);
    assert!(most > 6, "{most} were claimed");
    assert_eq!(receiver.count(), 200);
    assert!((2..=6).contains(&receiver.most_at_once()), "{} at once", receiver.most_at_once());
}

#[test]
fn what_was_claimed_ahead_of_a_target_that_becomes_slow_is_given_back() {
    let fixture = real_clock();
    fixture.store.apply(&Blueprint::new().target(Target::new("moody", "気まぐれ").concurrency(100))).unwrap();
    let moody = Receiver::start(|_, number| match number {
        0..20 => ok(),
        _ => Reply::After(Duration::from_secs(3), Box::new(ok())),
    });
    let quick = Receiver::start(|_, _| ok());
    for _ in 0..200 {
        fixture.store.deliver(&NewDelivery::post(moody.url("/")).sending(to("moody"))).unwrap();
    }
    let handle = worker(&fixture.store).senders(4).start().unwrap();
    moody.wait(24);
    fixture.store.deliver(&NewDelivery::post(quick.url("/"))).unwrap();
    quick.wait(1);
    let before = moody.count();
    handle.stop();
    assert!(before < 40, "{before} of 200 went before it");
}

#[test]
fn a_target_is_called_no_faster_than_its_rate() {
    let calm = || Blueprint::new().target(Target::new("calm", "静か").rate(Rate::per_second(50)));
    let receiver = Receiver::start(|_, _| ok());
    let deliver = |store: &Store| -> Vec<i64> {
        let new = NewDelivery::post(receiver.url("/")).sending(to("calm"));
        (0..30).map(|_| store.deliver(&new).unwrap()).collect()
    };
    // By a clock that is turned by hand, one every twenty milliseconds.
    let fixture = Fixture::new();
    fixture.store.apply(&calm()).unwrap();
    deliver(&fixture.store);
    for _ in 0..30 {
        assert_eq!(run(&fixture.store), 1);
        fixture.clock.advance(Duration::from_millis(19));
        assert_eq!(run(&fixture.store), 0);
        fixture.clock.advance(Duration::from_millis(1));
    }
    assert_eq!(receiver.count(), 30);
    // A worker that runs wakes up for each, and not before its time.
    let fixture = real_clock();
    fixture.store.apply(&calm()).unwrap();
    let ids = deliver(&fixture.store);
    let began = fixture.store.now();
    let handle = worker(&fixture.store).start().unwrap();
    receiver.wait(60);
    handle.stop();
    let last = ids.iter().map(|id| fixture.store.attempts(*id).unwrap()[0].started_at).max().unwrap();
    assert!(last >= began.after(Duration::from_millis(29 * 20)).0, "{last} after {began}");
}

#[test]
fn what_waits_for_a_target_that_is_taken_out_waits_no_longer_for_its_rate() {
    let fixture = Fixture::new();
    let daily = Rate { calls: 1, seconds: 86_400, burst: 1 };
    fixture.store.apply(&Blueprint::new().target(Target::new("calm", "静か").rate(daily))).unwrap();
    let receiver = Receiver::start(|_, _| ok());
    for _ in 0..2 {
        fixture.store.deliver(&NewDelivery::post(receiver.url("/")).sending(to("calm"))).unwrap();
    }
    assert_eq!((run(&fixture.store), run(&fixture.store)), (1, 0));
    fixture.store.remove_definition(renkei::DefinitionKind::Target, "", "calm").unwrap();
    assert_eq!(run(&fixture.store), 1);
}

#[test]
fn a_slow_target_does_not_slow_others() {
    let fixture = real_clock();
    // Known to be slow by its first answer; then it answers nobody before the others are through.
    let gate = Gate::default();
    let held = gate.clone();
    let slow = Receiver::start(move |_, number| match number {
        0 => Reply::After(Duration::from_secs(1), Box::new(ok())),
        _ => Reply::Behind(held.clone(), Box::new(ok())),
    });
    let fast = Receiver::start(|_, _| ok());
    for _ in 0..80 {
        fixture.store.deliver(&NewDelivery::post(slow.url("/"))).unwrap();
    }
    let handle = worker(&fixture.store).senders(8).start().unwrap();
    // It gets half of the senders.
    slow.wait(5);
    let began = Instant::now();
    for _ in 0..200 {
        fixture.store.deliver(&NewDelivery::post(fast.url("/"))).unwrap();
    }
    fast.wait(200);
    let before = slow.count();
    println!("200 deliveries beside a slow target took {:?}", began.elapsed());
    assert!(before < 80, "all that were slow went first");
    for delivery in fixture.store.deliveries(&DeliveryFilter::new().state(DeliveryState::Waiting), None, 100).unwrap() {
        fixture.store.cancel_delivery(delivery.id).unwrap();
    }
    gate.open();
    handle.stop();
}

#[test]
fn a_circuit_opens_lets_one_probe_and_closes() {
    let circuit = Circuit { failures: 3, open_seconds: 60, longest_open_seconds: 100, disable_after_seconds: None };
    let fixture = with_target(Target::new("weak", "弱い").circuit(circuit));
    let healthy = Arc::new(AtomicUsize::new(0));
    let switch = healthy.clone();
    let receiver = Receiver::start(move |_, _| if switch.load(Ordering::SeqCst) == 0 { status(500) } else { ok() });
    let sending = Sending { target: Some("weak".to_owned()), ..tries(50) };
    for _ in 0..10 {
        fixture.store.deliver(&NewDelivery::post(receiver.url("/")).sending(sending.clone())).unwrap();
    }
    let notices: Arc<Mutex<Vec<Notice>>> = Arc::default();
    let noted = notices.clone();
    let worker = worker(&fixture.store).senders(1).on_notice(move |notice| noted.lock().unwrap().push(notice.clone()));
    worker.run_until_idle().unwrap();
    // What was claimed already is given back.
    assert_eq!(receiver.count(), 3);
    let status = &fixture.store.targets().unwrap()[0];
    assert_eq!((status.name.as_str(), status.circuit, status.waiting), ("weak", CircuitPosition::Open, 10));
    assert_eq!(status.probe_at, Some(NOW.0 + 60_000));
    assert_eq!(worker.run_until_idle().unwrap(), 0);
    fixture.clock.advance(Duration::from_secs(60));
    assert_eq!(worker.run_until_idle().unwrap(), 1);
    assert_eq!(fixture.store.targets().unwrap()[0].probe_at, Some(NOW.0 + 160_000));
    healthy.store(1, Ordering::SeqCst);
    fixture.clock.advance(Duration::from_secs(100));
    assert_eq!(worker.run_until_idle().unwrap(), 10);
    assert_eq!(fixture.store.targets().unwrap()[0].circuit, CircuitPosition::Closed);
    let notices = notices.lock().unwrap();
    assert!(
        matches!(&notices[..], [Notice::CircuitOpened { target, failures: 3, .. }, Notice::CircuitClosed { .. }] if target == "weak"),
        "{notices:?}"
    );
}

#[test]
fn a_target_that_fails_for_days_is_disabled_and_its_backlog_stays() {
    let circuit =
        Circuit { failures: 2, open_seconds: 60, longest_open_seconds: 3_600, disable_after_seconds: Some(86_400) };
    let fixture = with_target(Target::new("gone", "不在").circuit(circuit));
    let receiver = Receiver::start(|one, _| if one.path == "/dead" { status(502) } else { ok() });
    let dead = Sending { target: Some("gone".to_owned()), ..tries(1_000) };
    for _ in 0..20 {
        fixture.store.deliver(&NewDelivery::post(receiver.url("/dead")).sending(dead.clone())).unwrap();
    }
    let notices: Arc<Mutex<Vec<Notice>>> = Arc::default();
    let noted = notices.clone();
    let worker = worker(&fixture.store).on_notice(move |notice| noted.lock().unwrap().push(notice.clone()));
    while let Some(due) = fixture.store.delivery_metrics().unwrap().next_due_at {
        fixture.clock.set(Timestamp(due.max(fixture.store.now().0)));
        worker.run_until_idle().unwrap();
    }
    let status = &fixture.store.targets().unwrap()[0];
    assert_eq!((status.circuit, status.waiting), (CircuitPosition::Disabled, 20));
    assert!(status.disabled_why.as_ref().unwrap().contains("502"));
    let told = notices.lock().unwrap().iter().filter(|notice| matches!(notice, Notice::TargetDisabled { .. })).count();
    assert_eq!(told, 1);
    // Others go by undisturbed, and what comes meanwhile waits with the rest.
    fixture.store.deliver(&NewDelivery::post(receiver.url("/dead")).sending(dead)).unwrap();
    fixture.store.deliver(&NewDelivery::post(receiver.url("/live"))).unwrap();
    assert_eq!(worker.run_until_idle().unwrap(), 1);
    let none = Receiver::start(|_, _| ok());
    assert_eq!(fixture.store.enable_target(&none.origin()).unwrap_err().code(), Code::TargetNotFound);
    fixture.store.enable_target("gone").unwrap();
    assert!(worker.run_until_idle().unwrap() >= 2);
    // By hand.
    fixture.store.disable_target(&receiver.origin(), "保守のため").unwrap();
    fixture.store.deliver(&NewDelivery::post(receiver.url("/live"))).unwrap();
    let before = receiver.count();
    worker.run_until_idle().unwrap();
    assert_eq!(receiver.count(), before);
    fixture.store.enable_target(&receiver.origin()).unwrap();
    assert!(worker.run_until_idle().unwrap() >= 1);
}

#[test]
fn targets_are_definitions() {
    let fixture = Fixture::new();
    let json = r#"{"targets": [{"code": "core", "name": "基幹", "concurrency": 3,
        "rate": {"calls": 10, "seconds": 1}, "circuit": {"failures": 5}}]}"#;
    let blueprint = Blueprint::from_json(json).unwrap();
    assert_eq!(fixture.store.apply(&blueprint).unwrap().len(), 1);
    assert!(fixture.store.apply(&blueprint).unwrap().is_empty());
    let dumped = fixture.store.blueprint().unwrap();
    assert_eq!((dumped.targets.len(), dumped.targets[0].id), (1, Some(100001)));
    assert!(fixture.store.apply(&dumped).unwrap().is_empty());
    for bad in [
        Target::new("a b", "x"),
        Target::new("a", "x").concurrency(0),
        Target::new("a", "x").rate(Rate { calls: 0, seconds: 1, burst: 1 }),
    ] {
        let error = fixture.store.apply(&Blueprint::new().target(bad)).unwrap_err();
        assert_eq!(error.code(), Code::DefinitionInvalid);
    }
    let sent = NewDelivery::post("https://h.example/").sending(to("core"));
    let id = fixture.store.deliver(&sent).unwrap();
    assert_eq!(fixture.store.delivery(id).unwrap().target, "core");
    fixture.store.remove_definition(renkei::DefinitionKind::Target, "", "core").unwrap();
    assert_eq!(fixture.store.targets().unwrap()[0].name, "100001");
    assert_eq!(fixture.store.deliver(&sent).unwrap_err().code(), Code::DefinitionNotFound);
}
