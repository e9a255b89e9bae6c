//! Deliveries from their making to the end of their retention.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use renkei::{Code, DeliveryFilter, DeliveryState, NewDelivery, Sending, Timeouts, Transaction};

use crate::common::{Fixture, NOW};
use crate::common_http::*;
use crate::fixture::*;

#[test]
fn cancelling_ends_what_waits_and_what_would_be_tried_again() {
    let fixture = real_clock();
    // Nobody is answered before both are cancelled.
    let gate = Gate::default();
    let held = gate.clone();
    let receiver = Receiver::start(move |one, _| match one.path.as_str() {
        "/first" => ok(),
        path => Reply::Behind(held.clone(), Box::new(status(if path == "/bad" { 500 } else { 200 }))),
    });
    let timeouts = Timeouts { connect_seconds: 600, total_seconds: 600 };
    let sending = Sending { timeouts, ..Sending::default() };
    let new = |path: &str| NewDelivery::post(receiver.url(path)).sending(sending.clone());
    let later = NewDelivery::post(receiver.url("/")).due_at(fixture.store.now().after(Duration::from_secs(1_000)));
    let waiting = fixture.store.deliver(&later).unwrap();
    fixture.store.cancel_delivery(waiting).unwrap();
    let handle = worker(&fixture.store).start().unwrap();
    // A target that has answered gets several deliveries at once.
    let first = fixture.store.deliver(&new("/first")).unwrap();
    assert!(fixture.store.wait_delivery(first, PATIENCE).unwrap().state.is_ended());
    // Made as one, they are claimed as one: a target that has begun to hang gets less.
    let both =
        |transaction: &Transaction<'_>| Ok((transaction.deliver(&new("/bad"))?, transaction.deliver(&new("/good"))?));
    let (bad, good) = fixture.store.transaction(both).unwrap();
    receiver.wait(3);
    for id in [bad, good] {
        fixture.store.cancel_delivery(id).unwrap();
        assert!(fixture.store.delivery(id).unwrap().cancel_asked);
    }
    gate.open();
    let states = [waiting, bad, good].map(|id| fixture.store.wait_delivery(id, PATIENCE).unwrap().state);
    handle.stop();
    use DeliveryState::{Cancelled, Delivered};
    assert_eq!(states, [Cancelled, Cancelled, Delivered]);
    assert_eq!(fixture.store.cancel_delivery(good).unwrap_err().code(), Code::DeliveryState);
    assert_eq!(fixture.store.cancel_delivery(1).unwrap_err().code(), Code::DeliveryNotFound);
    assert_eq!(receiver.count(), 3);
}

#[test]
fn dead_letters_are_replayed_one_many_or_all_since_a_moment() {
    let fixture = Fixture::new();
    let healthy = Arc::new(AtomicUsize::new(0));
    let switch = healthy.clone();
    let receiver = Receiver::start(move |_, _| if switch.load(Ordering::SeqCst) == 0 { status(404) } else { ok() });
    let mut ids = Vec::new();
    for hour in 0..6 {
        fixture.clock.set(NOW.after(Duration::from_secs(hour * 3_600)));
        ids.push(fixture.store.deliver(&NewDelivery::post(receiver.url("/")).body(hour.to_string())).unwrap());
        run(&fixture.store);
    }
    assert_eq!(fixture.store.delivery_metrics().unwrap().failed, 6);
    healthy.store(1, Ordering::SeqCst);
    fixture.store.replay_delivery(ids[0]).unwrap();
    assert_eq!(fixture.store.replay_delivery(ids[0]).unwrap_err().code(), Code::DeliveryState);
    // All, or none.
    assert!(fixture.store.replay_deliveries(&[ids[1], ids[0]]).is_err());
    assert_eq!(run(&fixture.store), 1);
    let since = DeliveryFilter::new().ended_since(NOW.after(Duration::from_secs(3 * 3_600)));
    assert_eq!(fixture.store.replay_failed(&since.clone().kind("csv_push")).unwrap(), 0);
    assert_eq!(fixture.store.replay_failed(&since.clone().target("other")).unwrap(), 0);
    assert_eq!(fixture.store.replay_failed(&since.target(receiver.origin())).unwrap(), 3);
    assert_eq!(run(&fixture.store), 3);
    fixture.store.replay_deliveries(&[ids[1], ids[2]]).unwrap();
    assert_eq!(run(&fixture.store), 2);
    let received = receiver.received();
    for (hour, id) in ids.iter().enumerate() {
        let status = fixture.store.delivery(*id).unwrap();
        assert_eq!(status.state, DeliveryState::Delivered);
        let sent: Vec<_> = received.iter().filter(|one| one.text() == hour.to_string()).collect();
        assert!(sent.len() == 2 && sent.iter().all(|one| one.header("webhook-id") == status.message_id));
    }
    // What was delivered can be sent again too.
    fixture.store.replay_delivery(ids[5]).unwrap();
    assert_eq!(run(&fixture.store), 1);
}

#[test]
fn run_once_sends_one() {
    let fixture = Fixture::new();
    let receiver = Receiver::start(|_, _| ok());
    for _ in 0..3 {
        fixture.store.deliver(&NewDelivery::post(receiver.url("/"))).unwrap();
    }
    let worker = worker(&fixture.store);
    for count in 1..=3 {
        assert!(worker.run_once().unwrap());
        assert_eq!(receiver.count(), count);
    }
    assert!(!worker.run_once().unwrap());
    // The connection was kept all the while.
    assert_eq!(receiver.connections(), 1);
    let jobs: i64 = fixture.sqlite().query_row("SELECT count(*) FROM renkei_job", [], |row| row.get(0)).unwrap();
    assert_eq!(jobs, 0);
}

#[test]
fn a_background_worker_sends_and_stops_cleanly() {
    let fixture = real_clock();
    let receiver = Receiver::start(|one, _| match one.path.as_str() {
        "/slow" => Reply::After(Duration::from_millis(500), Box::new(ok())),
        _ => ok(),
    });
    let handle = worker(&fixture.store).start().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let id = fixture.store.deliver(&NewDelivery::post(receiver.url("/"))).unwrap();
    let status = fixture.store.wait_delivery(id, PATIENCE).unwrap();
    assert_eq!(status.state, DeliveryState::Delivered);
    // What is on its way when it is stopped comes to its end.
    let slow = fixture.store.deliver(&NewDelivery::post(receiver.url("/slow"))).unwrap();
    receiver.wait(2);
    handle.stop();
    assert_eq!(fixture.store.delivery(slow).unwrap().state, DeliveryState::Delivered);
    let jobs: i64 = fixture.sqlite().query_row("SELECT count(*) FROM renkei_job", [], |row| row.get(0)).unwrap();
    assert_eq!(jobs, 0);
    let beside: Vec<_> = std::fs::read_dir(fixture.dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("-run-"))
        .collect();
    assert_eq!(beside, Vec::<String>::new());
}

#[test]
fn the_figures_say_how_the_queue_stands() {
    let fixture = Fixture::new();
    let receiver = Receiver::start(|one, _| status(one.path[1..].parse().unwrap()));
    for code in [200, 200, 200, 404, 500] {
        fixture.store.deliver(&NewDelivery::post(receiver.url(&format!("/{code}")))).unwrap();
    }
    run(&fixture.store);
    fixture.clock.advance(Duration::from_secs(3));
    fixture.store.deliver(&NewDelivery::post(receiver.url("/200"))).unwrap();
    fixture.clock.advance(Duration::from_secs(7));
    let metrics = fixture.store.delivery_metrics().unwrap();
    assert_eq!((metrics.waiting, metrics.due, metrics.sending, metrics.behind), (2, 2, 0, 0));
    assert_eq!((metrics.delivered_last_day, metrics.failed_last_day, metrics.failed), (3, 1, 1));
    assert!(metrics.oldest_due_ms.is_some_and(|age| (4_000..=7_000).contains(&age)), "{metrics:?}");
    assert!(metrics.next_due_at.is_some_and(|due| due <= fixture.store.now().0));
    assert_eq!((metrics.latency.attempts, metrics.latency.failures), (5, 2));
    assert!(metrics.latency.p50_us <= metrics.latency.p99_us && metrics.latency.p99_us <= metrics.latency.max_us);
    assert_eq!((metrics.targets.len(), metrics.targets[0].waiting), (1, 2));
    let json = serde_json::to_value(&metrics).unwrap();
    assert_eq!(json["targets"][0]["circuit"], "closed");
    // Listed, newest first, page by page.
    let page = fixture.store.deliveries(&DeliveryFilter::new(), None, 4).unwrap();
    let rest = fixture.store.deliveries(&DeliveryFilter::new(), Some(page[3].id), 10).unwrap();
    assert_eq!((page.len(), rest.len()), (4, 2));
    let failed = fixture.store.deliveries(&DeliveryFilter::new().state(DeliveryState::Failed), None, 10).unwrap();
    assert_eq!((failed.len(), failed[0].status), (1, Some(404)));
}

#[test]
fn what_has_ended_is_kept_for_the_retention() {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let fixture = Fixture::new();
    let receiver = Receiver::start(|one, _| status(one.path[1..].parse().unwrap()));
    let make = |code: u16| fixture.store.deliver(&NewDelivery::post(receiver.url(&format!("/{code}")))).unwrap();
    let ended = [make(200), make(404)];
    run(&fixture.store);
    let far = fixture.store.now().after(1_000 * DAY);
    let waiting = fixture.store.deliver(&NewDelivery::post(receiver.url("/200")).due_at(far)).unwrap();
    let rows = |table: &str| -> i64 {
        fixture.sqlite().query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    let all = || ["renkei_delivery", "renkei_message", "renkei_attempt"].map(rows);
    let worker = worker(&fixture.store).retention(10 * DAY);
    fixture.clock.advance(9 * DAY);
    worker.sweep().unwrap();
    assert_eq!(all(), [3, 3, 2]);
    assert!(ended.iter().all(|id| fixture.store.attempts(*id).unwrap().len() == 1));
    fixture.clock.advance(2 * DAY);
    worker.sweep().unwrap();
    assert_eq!(all(), [1, 1, 0]);
    assert_eq!(fixture.store.delivery(waiting).unwrap().state, DeliveryState::Waiting);
    assert_eq!(fixture.store.delivery(ended[0]).unwrap_err().code(), Code::DeliveryNotFound);
}

#[test]
fn many_deliveries_drain() {
    let count = std::env::var("RENKEI_TEST_DELIVERIES").ok().and_then(|count| count.parse().ok()).unwrap_or(3_000);
    let fixture = real_clock();
    let receiver = Receiver::start(|_, _| ok());
    // Beside a backlog that nobody may touch.
    fixture
        .store
        .transaction(|transaction| {
            for number in 0..count {
                transaction.deliver(&NewDelivery::post(receiver.url("/")).body(number.to_string()))?;
                if number % 3 == 0 {
                    transaction.deliver(&NewDelivery::post("https://dead.example/"))?;
                }
            }
            Ok(())
        })
        .unwrap();
    fixture.store.disable_target("https://dead.example:443", "off").unwrap();
    let began = Instant::now();
    assert_eq!(run(&fixture.store), count);
    println!("{count} deliveries in {:?}", began.elapsed());
    let mut bodies: Vec<u64> = receiver.received().iter().map(|one| one.text().parse().unwrap()).collect();
    bodies.sort_unstable();
    assert!(bodies.into_iter().eq(0..count));
    fixture.check_file();
}
