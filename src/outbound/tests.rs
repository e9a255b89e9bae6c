//! What follows from deliveries: with the result, or not at all.

use std::sync::Arc;

use super::delivery::enqueue;
use super::settle::{Consequence, Settled};
use super::*;
use crate::error::{Code, Error, Result};
use crate::record::{Values, WriteOptions};
use crate::schema::{Database, Field};
use crate::store::{ManualClock, Store, Timestamp, Writing};
use crate::{Blueprint, Worker};

/// Registers an item for each delivery that ends, with what it was told.
pub(super) struct Noted;

impl Consequence for Noted {
    fn kind(&self) -> &'static str {
        "test"
    }

    fn settled(&self, store: &Store, writing: &Writing<'_>, settled: &Settled<'_>) -> Result<()> {
        let text = format!(
            "{:?} {:?} {:?} {:?} {:?} {:?}",
            settled.state,
            settled.answer.map(|answer| answer.status),
            settled.error.map(|(family, error)| (family, error.code().as_str())),
            settled.setting,
            settled.run,
            settled.actor.is_some(),
        );
        // Written, and taken back should it be refused afterwards.
        let transaction = crate::Transaction { store, writing };
        let values = Values::new().set("code", settled.delivery.to_string()).set("text", text);
        transaction.register("items", &values, &WriteOptions::default())?;
        match settled.context {
            "refuse" => Err(Error::new(Code::RecordNotFound).with_value("gone").with_rule("items")),
            "panic" => panic!("what follows panics"),
            _ => Ok(()),
        }
    }
}

/// Answers with the status in the path.
struct Says;

impl Transport for Says {
    fn send(&self, request: &mut OutboundRequest<'_>) -> std::result::Result<Exchange, Failure> {
        Ok(Exchange::new(Answer::new(request.url.path()[1..].parse().unwrap()), Times::default()))
    }
}

struct Fixture {
    _dir: tempfile::TempDir,
    store: Store,
    worker: Worker,
}

impl Fixture {
    fn new() -> Fixture {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp(1_769_819_400_000)));
        let store = Store::options().create(true).clock(clock).open(dir.path().join("s.db")).unwrap();
        let items = Database::new("items", "商品").field(Field::key("code", "番号")).field(Field::text("text", "本文"));
        store
            .apply(
                &Blueprint::new()
                    .database(items)
                    .user(crate::User::new("hanako", "花子").allow_everywhere(crate::Rights::ALL)),
            )
            .unwrap();
        let worker = Worker::new(&store).transport(Channel::Http, Arc::new(Says));
        Fixture { _dir: dir, store, worker }
    }

    fn send(&self, status: u16, context: &str) -> i64 {
        let mut new = NewDelivery::post(format!("https://h.example/{status}"));
        (new.kind, new.context, new.setting, new.run) = ("test", context.to_owned(), Some(7), Some(8));
        new.sending.retry = RetryPlan::once();
        let store = self.store.as_user("hanako").unwrap();
        let id = store.write(|writing| enqueue(&store, writing, &new)).unwrap();
        self.worker.run_until_idle().unwrap();
        id
    }

    fn text(&self, id: i64) -> Option<String> {
        self.store.records("items").view(id.to_string().as_str()).ok().map(|record| record.text("text"))
    }
}

#[test]
fn what_follows_is_told_how_the_delivery_ended() {
    let fixture = Fixture::new();
    let good = fixture.send(200, "");
    assert_eq!(fixture.text(good).unwrap(), "Delivered Some(200) None Some(7) Some(8) true");
    let bad = fixture.send(404, "");
    let expected = "Failed Some(404) Some((Answer, \"answer.refused\")) Some(7) Some(8) true";
    assert_eq!(fixture.text(bad).unwrap(), expected);
    fixture.store.disable_target("https://h.example:443", "off").unwrap();
    let waits = fixture.send(200, "");
    assert_eq!(fixture.text(waits), None);
    fixture.store.cancel_delivery(waits).unwrap();
    assert_eq!(fixture.text(waits).unwrap(), "Cancelled None None Some(7) Some(8) true");
}

#[test]
fn a_delivery_wakes_who_waits_for_work() {
    let Fixture { store, .. } = &Fixture::new();
    let new = NewDelivery::post("https://h.example/200");
    let seen = store.work_made();
    // What is taken back is no work.
    let refused = store.transaction(|transaction| {
        transaction.deliver(&new)?;
        Err::<(), _>(Error::new(Code::RecordNotFound).with_value("x").with_rule("items"))
    });
    assert_eq!(refused.unwrap_err().code(), Code::RecordNotFound);
    assert_eq!(store.work_made(), seen);
    std::thread::scope(|scope| {
        // Who is not woken waits longer than anybody waits for a test.
        scope.spawn(|| store.wait_for_work(seen, std::time::Duration::from_secs(24 * 60 * 60)));
        store.deliver(&new).unwrap();
    });
    assert_ne!(store.work_made(), seen);
}

#[test]
fn what_follows_and_fails_is_taken_back_and_told() {
    let fixture = Fixture::new();
    for (context, code) in [("refuse", "record.not_found"), ("panic", "internal")] {
        let id = fixture.send(200, context);
        let status = fixture.store.delivery(id).unwrap();
        assert_eq!((status.state, status.attempts), (DeliveryState::Delivered, 1));
        assert_eq!(status.after.unwrap().code, code);
        assert_eq!(fixture.text(id), None);
        // Replayed, what follows is tried again.
        fixture.store.replay_delivery(id).unwrap();
        fixture.worker.run_until_idle().unwrap();
        assert_eq!(fixture.store.delivery(id).unwrap().attempts, 2);
    }
}

#[test]
fn a_pool_leaves_nothing_however_many_died_who_took_it_over() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let id = store.deliver(&NewDelivery::post("https://h.example/200")).unwrap();
    let pool = crate::job::begin(store, SENDER_KIND, 1).unwrap();
    let dead = "UPDATE renkei_job SET attempts = ?1, lease_until = 0 WHERE id = ?2";
    let held = "UPDATE renkei_delivery SET state = 'sending', claimed_by = ?1 WHERE id = ?2";
    store.write(|writing| Ok(writing.execute(dead, (crate::job::MOST_ATTEMPTS, pool.id))?)).unwrap();
    store.write(|writing| Ok(writing.execute(held, (pool.id, id))?)).unwrap();
    drop(pool);
    fixture.worker.run_until_idle().unwrap();
    assert_eq!(store.delivery(id).unwrap().state, DeliveryState::Delivered);
    let jobs: i64 =
        store.reading().unwrap().query_row("SELECT count(*) FROM renkei_job", [], |row| row.get(0)).unwrap();
    assert_eq!(jobs, 0);
}
