//! When it is tried, and when not any more.

use std::collections::HashMap;
use std::time::Duration;

use renkei::{
    Blueprint, Circuit, DeliveryState, ErrorFamily, NewDelivery, RetryPlan, Sending, Statuses, Target, Timestamp,
    Worker,
};

use crate::common::{Fixture, NOW};
use crate::common_http::*;
use crate::fixture::*;

#[test]
fn each_class_of_statuses_has_its_way() {
    let fixture = Fixture::new();
    let receiver = Receiver::start(|one, _| status(one.path[1..].parse().unwrap()));
    // Nothing else than the status decides here.
    fixture
        .store
        .apply(
            &Blueprint::new()
                .target(Target::new("calm", "静か").circuit(Circuit { failures: 0, ..Circuit::default() })),
        )
        .unwrap();
    let send = |code: u16| {
        let url = receiver.url(&format!("/{code}"));
        fixture.store.deliver(&NewDelivery::post(url).sending(to("calm"))).unwrap()
    };
    let delivered = [200, 201, 202, 204, 226, 299].map(send);
    let final_ones =
        [300, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 409, 410, 413, 415, 422, 451].map(send);
    let again = [408, 425, 429, 500, 501, 502, 503, 504, 507, 520, 599].map(send);
    run(&fixture.store);
    for id in delivered {
        assert_eq!(outcome(&fixture.store, id).0, DeliveryState::Delivered);
    }
    for id in final_ones {
        let (state, status, family, code) = outcome(&fixture.store, id);
        assert_eq!((state, family), (DeliveryState::Failed, Some(ErrorFamily::Answer)), "{status:?}");
        assert_eq!(code, "answer.refused");
        let error = fixture.store.delivery(id).unwrap().error.unwrap();
        assert_eq!(
            error.en.contains("Redirects are not followed"),
            status.is_some_and(|code| code < 400),
            "{}",
            error.en
        );
    }
    for id in again {
        let (state, status, family, _) = outcome(&fixture.store, id);
        assert_eq!((state, family), (DeliveryState::Waiting, Some(ErrorFamily::Answer)), "{status:?}");
        let status = fixture.store.delivery(id).unwrap();
        let wait = status.due_at - NOW.0;
        assert!((4_000..=6_000).contains(&wait), "{wait}");
        assert_eq!(fixture.store.attempts(id).unwrap()[0].retry_at, Some(status.due_at));
    }
}

#[test]
fn which_statuses_succeed_and_which_are_tried_again_is_a_setting() {
    let fixture = Fixture::new();
    let receiver = Receiver::start(|one, _| status(one.path[1..].parse().unwrap()));
    let retry = RetryPlan { statuses: Statuses::new([(404, 404)]), ..RetryPlan::default() };
    let sending = Sending { success: Statuses::new([(409, 409)]), retry, ..Sending::default() };
    let ids = [409, 200, 404, 500].map(|code| {
        let delivery = NewDelivery::post(receiver.url(&format!("/{code}"))).sending(sending.clone());
        fixture.store.deliver(&delivery).unwrap()
    });
    run(&fixture.store);
    let states = ids.map(|id| outcome(&fixture.store, id).0);
    use DeliveryState::{Delivered, Failed, Waiting};
    assert_eq!(states, [Delivered, Failed, Waiting, Failed]);
}

#[test]
fn the_whole_plan_runs_by_the_clock_of_the_store() {
    let fixture = Fixture::new();
    let receiver = Receiver::start(|_, number| if number < 10 { status(503) } else { ok() });
    let id = fixture.store.deliver(&NewDelivery::post(receiver.url("/")).body("本文")).unwrap();
    let worker = worker(&fixture.store);
    let mut moments = Vec::new();
    while let Some(due) = fixture.store.delivery_metrics().unwrap().next_due_at {
        fixture.clock.set(Timestamp(due.max(fixture.store.now().0)));
        assert_eq!(worker.run_until_idle().unwrap(), 1);
        moments.push(fixture.store.now().0);
    }
    assert_eq!(moments.len(), 10);
    let plan = RetryPlan::default().delays_seconds;
    for ((before, after), delay) in moments.iter().zip(&moments[1..]).zip(&plan[1..]) {
        let (waited, delay) = (after - before, i64::try_from(*delay).unwrap() * 1_000);
        assert!((delay * 8 / 10 - 1..=delay * 12 / 10 + 1).contains(&waited), "{waited} {delay}");
    }
    let hours = (moments[9] - moments[0]) / 3_600_000;
    assert!((60..=91).contains(&hours), "{hours}");
    let (state, status, family, _) = outcome(&fixture.store, id);
    assert_eq!((state, status, family), (DeliveryState::Failed, Some(503), Some(ErrorFamily::Answer)));
    assert_eq!(fixture.store.delivery_metrics().unwrap().failed, 1);
    // A dead letter is kept and can be replayed: the same message, by the same id.
    fixture.store.replay_delivery(id).unwrap();
    // Ten failures in a row have opened the circuit.
    assert_eq!(worker.run_until_idle().unwrap(), 0);
    fixture.clock.advance(Duration::from_secs(30));
    assert_eq!(worker.run_until_idle().unwrap(), 1);
    let status = fixture.store.delivery(id).unwrap();
    assert_eq!((status.state, status.attempts), (DeliveryState::Delivered, 11));
    let received = receiver.received();
    assert!(received.iter().all(|one| one.header("webhook-id") == status.message_id && one.text() == "本文"));
    fixture.check_file();
}

#[test]
fn retry_after_is_obeyed_in_both_forms_and_holds_the_target() {
    let fixture = Fixture::new();
    // NOW is 2026-01-31 00:30:00 UTC.
    let receiver = Receiver::start(|one, _| match one.path.as_str() {
        "/seconds" => answer(429, &[("Retry-After", "1000")], ""),
        "/date" => answer(503, &[("retry-after", "Sat, 31 Jan 2026 01:00:00 GMT")], ""),
        "/past" => answer(429, &[("Retry-After", "Sat, 31 Jan 2026 00:00:00 GMT")], ""),
        "/long" => answer(500, &[("Retry-After", "99999999999")], ""),
        "/bad" => answer(429, &[("Retry-After", "soon")], ""),
        _ => ok(),
    });
    let mut ends = HashMap::new();
    for path in ["/past", "/long", "/bad", "/seconds", "/date"] {
        let id = fixture.store.deliver(&NewDelivery::post(receiver.url(path))).unwrap();
        Worker::new(&fixture.store).network(local()).run_until_idle().unwrap();
        fixture.store.enable_target(&receiver.origin()).unwrap();
        let status = fixture.store.delivery(id).unwrap();
        assert_eq!(status.state, DeliveryState::Waiting);
        ends.insert(path, status.due_at - NOW.0);
    }
    assert!((4_000..=6_000).contains(&ends["/past"]), "{ends:?}");
    assert!((4_000..=6_000).contains(&ends["/bad"]), "{ends:?}");
    assert!((86_400_000..=86_402_000).contains(&ends["/long"]), "{ends:?}");
    assert!((1_000_000..=1_002_000).contains(&ends["/seconds"]), "{ends:?}");
    assert!((1_800_000..=1_802_000).contains(&ends["/date"]), "{ends:?}");
    // The target is left alone as a whole until then.
    let held = fixture.store.deliver(&NewDelivery::post(receiver.url("/seconds"))).unwrap();
    run(&fixture.store);
    let other = fixture.store.deliver(&NewDelivery::post(receiver.url("/ok"))).unwrap();
    assert_eq!(run(&fixture.store), 0);
    assert_eq!(fixture.store.targets().unwrap()[0].held_until, Some(NOW.0 + 1_000_000));
    fixture.clock.advance(Duration::from_secs(1_000));
    run(&fixture.store);
    assert_eq!(fixture.store.delivery(other).unwrap().state, DeliveryState::Delivered);
    assert_eq!(fixture.store.delivery(held).unwrap().attempts, 1);
}

#[test]
fn a_delivery_may_be_made_for_later() {
    let fixture = Fixture::new();
    let receiver = Receiver::start(|_, _| ok());
    let later = NOW.after(Duration::from_secs(3_600));
    let id = fixture.store.deliver(&NewDelivery::post(receiver.url("/")).due_at(later)).unwrap();
    assert_eq!(run(&fixture.store), 0);
    assert_eq!(fixture.store.delivery_metrics().unwrap().next_due_at, Some(later.0));
    fixture.clock.set(later);
    assert_eq!(run(&fixture.store), 1);
    assert_eq!(fixture.store.delivery(id).unwrap().state, DeliveryState::Delivered);
}

#[test]
fn deadlines_end_deliveries_wherever_they_wait() {
    let fixture = Fixture::new();
    let receiver = Receiver::start(|_, _| status(500));
    let retry = RetryPlan { deadline_seconds: Some(600), ..RetryPlan::default() };
    let sending = Sending { retry, ..Sending::default() };
    let post = || NewDelivery::post(receiver.url("/")).sending(sending.clone());
    let tried = fixture.store.deliver(&post()).unwrap();
    let worker = worker(&fixture.store);
    while let Some(due) = fixture.store.delivery_metrics().unwrap().next_due_at {
        fixture.clock.set(Timestamp(due.max(fixture.store.now().0)));
        worker.run_until_idle().unwrap();
    }
    // The attempt after half an hour would be too late.
    let status = fixture.store.delivery(tried).unwrap();
    assert_eq!((status.state, status.attempts, status.status), (DeliveryState::Failed, 3, Some(500)));
    // Claimed too late, and swept where nobody claims.
    let late = fixture.store.deliver(&post()).unwrap();
    let held = fixture.store.deliver(&NewDelivery::post("https://other.example/").sending(sending.clone())).unwrap();
    fixture.store.disable_target("https://other.example:443", "off").unwrap();
    fixture.clock.advance(Duration::from_secs(600));
    let before = receiver.count();
    worker.run_until_idle().unwrap();
    assert_eq!(receiver.count(), before);
    for id in [late, held] {
        let status = fixture.store.delivery(id).unwrap();
        assert_eq!((status.state, status.error.unwrap().code.as_str()), (DeliveryState::Failed, "delivery.expired"));
    }
    fixture.check_file();
}

#[test]
fn deliveries_that_must_not_be_doubled_are_not_tried_again_without_an_answer() {
    let retry = RetryPlan { unanswered: false, ..RetryPlan::default() };
    let sending = Sending { retry, ..once() };
    let sending = Sending { retry: RetryPlan { unanswered: false, ..RetryPlan::default() }, ..sending };
    let (fixture, _receiver, id) = send(Reply::Raw(Vec::new()), |url| NewDelivery::post(url).sending(sending.clone()));
    assert_eq!(outcome(&fixture.store, id).0, DeliveryState::Failed);
    // What cannot have arrived is.
    let id = fixture.store.deliver(&NewDelivery::post("http://127.0.0.1:1/").sending(sending.clone())).unwrap();
    run(&fixture.store);
    assert_eq!(outcome(&fixture.store, id).0, DeliveryState::Waiting);
}
