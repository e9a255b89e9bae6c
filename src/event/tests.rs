//! What is told, in which order, and that it is forgotten.

use std::time::Duration;

use super::*;
use crate::blueprint::Blueprint;
use crate::error::{Code, Language};
use crate::import::{ImportEnd, ImportRequest, ImportSetting};
use crate::job::JobState;
use crate::query::{Condition, Search, Selection, holds};
use crate::record::{DetailMode, DetailRow, RecordId, Values, WriteOptions};
use crate::schema::{Catalog, Database, Field, Snapshot, Table, ValueFormat};
use crate::store::{Cause, Link, Origin, Store};
use crate::worker::Worker;

const KIND: &str = "search";

struct Fixture {
    dir: tempfile::TempDir,
    store: Store,
    /// The ids of two definitions of `orders`, which stand for those that listen.
    listeners: [i64; 2],
    orders: i64,
}

impl Fixture {
    fn new() -> Fixture {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::create(dir.path().join("s.db")).unwrap();
        let branches =
            Database::new("branches", "支店").field(Field::key("code", "コード")).field(Field::text("name", "名"));
        let orders = Database::new("orders", "受注")
            .field(Field::key("number", "番号"))
            .field(Field::text("title", "件名").required().full_text())
            .field(Field::number("price", "単価", 2))
            .field(Field::choice("state", "状態", &["新規", "済"]))
            .field(Field::link("branch", "支店", "branches"))
            .detail(Field::text("item", "品目"))
            .detail(Field::number("quantity", "数量", 0))
            .with_approval();
        let search = |code: &str| Search::new("orders", code, code, Condition::default());
        let setting = ImportSetting::new("orders", "daily", "日次").column("number").column("title");
        let all = Blueprint::new().database(branches).database(orders).search(search("a")).search(search("b"));
        store.apply(&all.import(setting)).unwrap();
        store.records("branches").register(&Values::new().set("code", "東").set("name", "東京")).unwrap();
        let ids = |code: &str| store.search("orders", code).unwrap().id.unwrap();
        let (listeners, orders) = ([ids("a"), ids("b")], store.database("orders").unwrap().id.unwrap());
        Fixture { dir, store, listeners, orders }
    }

    fn interest(&self, at: usize, records: &[What]) -> Interest {
        Interest { records: Whats::of(records.iter().copied()), ..Interest::new(self.listeners[at], KIND, self.orders) }
    }

    fn listen(&self, interest: &Interest) {
        self.store.write(|writing| listen(writing, interest)).unwrap();
    }

    fn waiting(&self, at: usize) -> Vec<Event> {
        waiting(&self.store.reading().unwrap(), self.listeners[at], 1_000).unwrap()
    }

    fn whats(&self, at: usize) -> Vec<(What, Option<i64>)> {
        self.waiting(at).into_iter().map(|event| (event.what, event.record)).collect()
    }

    fn forget(&self, at: usize, last: i64) {
        self.store.write(|writing| forget(writing, self.listeners[at], last)).unwrap();
    }

    fn kept(&self) -> i64 {
        self.store.reading().unwrap().query_row("SELECT count(*) FROM renkei_event", [], |row| row.get(0)).unwrap()
    }

    fn order(&self, number: &str) -> i64 {
        let values = Values::new().set("number", number).set("title", "最初").set("price", "10.50").set("branch", "東");
        self.store.records("orders").register(&values).unwrap().id
    }

    fn sound(&self) {
        let report = self.store.check().unwrap();
        assert!(report.is_sound(), "{}", report.message(Language::English));
    }

    fn table<T>(&self, work: impl FnOnce(&rusqlite::Connection, &Catalog, &Table) -> T) -> T {
        let reading = self.store.reading().unwrap();
        let catalog = Catalog::of(&self.store, &reading).unwrap();
        work(&reading, &catalog, catalog.table("orders").unwrap())
    }

    fn import(&self, csv: &str) -> i64 {
        let path = self.dir.path().join("in.csv");
        std::fs::write(&path, csv).unwrap();
        let id = self.store.reserve_import(&ImportRequest::path("orders", "daily", &path)).unwrap().process_id;
        Worker::new(&self.store).run_until_idle().unwrap();
        id
    }
}

const ALL: &[What] = &[What::Registered, What::Updated, What::Deleted];

#[test]
fn nothing_is_written_where_nobody_listens() {
    let f = Fixture::new();
    f.listen(&f.interest(0, ALL));
    let branches = f.store.records("branches");
    branches.register(&Values::new().set("code", "西")).unwrap();
    branches.delete("西").unwrap();
    assert_eq!(f.kept(), 0);
    f.store.write(|writing| unlisten(writing, f.listeners[0])).unwrap();
    f.order("1");
    f.import("番号,件名\n2,b\n");
    assert_eq!(f.kept(), 0);
    f.sound();
}

#[test]
fn every_change_is_told_with_the_record_before_and_after() {
    let f = Fixture::new();
    f.listen(&f.interest(0, ALL));
    let orders = f.store.records("orders");
    let one = f.order("1");
    orders.update("1", &Values::new().set("title", "二番目").set("price", "11")).unwrap();
    orders.update("1", &Values::new().set("title", "二番目")).unwrap();
    orders.approve("1").unwrap();
    orders.approve("1").unwrap();
    orders.update("1", &Values::new().set("title", "")).unwrap_err();
    orders.upsert(&Values::new().set("number", "1").set("state", "済")).unwrap();
    orders.delete("1").unwrap();
    let two = orders.register_all(&[Values::new().set("number", "2").set("title", "他")], &Default::default()).unwrap();
    f.store
        .transaction(|transaction| {
            transaction.register(
                "orders",
                &Values::new().set("number", "3").set("title", "消"),
                &Default::default(),
            )?;
            Err::<(), _>(crate::Error::new(Code::Cancelled))
        })
        .unwrap_err();
    let whats = [
        (What::Registered, Some(one)),
        (What::Updated, Some(one)),
        (What::Updated, Some(one)),
        (What::Updated, Some(one)),
        (What::Deleted, Some(one)),
        (What::Registered, Some(two[0].id)),
    ];
    assert_eq!(f.whats(0), whats);
    f.sound();

    // The record is gone, and changed several times before: every moment of it is there.
    let events = f.waiting(0);
    f.table(|connection, catalog, table| {
        let is = |condition: &Condition, snapshot: &Option<Snapshot>| {
            snapshot.as_ref().map(|one| holds(&f.store, connection, catalog, table, condition, one).unwrap())
        };
        let both = |condition: Condition| -> Vec<(Option<bool>, Option<bool>)> {
            let of = |event: &Event| {
                (is(&condition, &event.before(table).unwrap()), is(&condition, &event.after(table).unwrap()))
            };
            events.iter().map(of).collect()
        };
        let (yes, no) = (Some(true), Some(false));
        assert_eq!(
            both(Condition::contains("title", "最初")),
            [(None, yes), (yes, no), (no, no), (no, no), (no, None), (None, no)]
        );
        assert_eq!(
            both(Condition::at_least("price", 11).and(Condition::equals("branch.name", "東京"))),
            [(None, no), (no, yes), (yes, yes), (yes, yes), (yes, None), (None, no)]
        );
        assert_eq!(
            both(Condition::equals("_approval", "approved")),
            [(None, no), (no, no), (no, yes), (yes, yes), (yes, None), (None, no)]
        );
        assert_eq!(both(Condition::equals("_revision", 3))[2..4], [(no, yes), (yes, no)]);
        let changed = |event: &Event| -> Vec<String> {
            let (Some(before), Some(after)) = (event.before(table).unwrap(), event.after(table).unwrap()) else {
                return Vec::new();
            };
            before.changed(table, &after).map(|at| table.header.columns[at].field.code.clone()).collect()
        };
        assert_eq!(
            events.iter().map(changed).collect::<Vec<_>>()[1..4],
            [vec!["title", "price"], vec![], vec!["state"]]
        );
        // What it had is read as columns too.
        let selection = Selection::new(&f.store, catalog, table, ["number", "price", "branch.name", "_id"]).unwrap();
        let mut told = Vec::new();
        let before = events[4].before(table).unwrap().unwrap();
        selection
            .of_snapshot(connection, &before, |row| {
                told.extend((0..4).map(|at| row.text(at, ValueFormat::Display).unwrap()));
                Ok(())
            })
            .unwrap();
        assert_eq!(told, ["1", "11.00", "東京", &one.to_string()]);
    });
    assert_eq!((events[0].actor, events[0].cause.origin), (None, Origin::Api));
}

#[test]
fn detail_rows_are_kept_where_they_are_needed() {
    let f = Fixture::new();
    f.listen(&f.interest(0, ALL));
    let row = |item: &str, quantity: i64| DetailRow::new().set("item", item).set("quantity", quantity);
    let orders = f.store.records("orders");
    let some_many = Condition::detail(Condition::equals("item", "りんご").and(Condition::at_least("quantity", 10)));
    let values = |number: &str| Values::new().set("number", number).set("title", "a").row(row("りんご", 3));
    orders.register(&values("1")).unwrap();
    f.table(|connection, catalog, table| {
        let after = f.waiting(0)[0].after(table).unwrap().unwrap();
        let error = holds(&f.store, connection, catalog, table, &some_many, &after).unwrap_err();
        assert_eq!(error.code(), Code::QueryShape);
    });
    f.forget(0, f.waiting(0)[0].id);
    f.listen(&Interest { details: true, ..f.interest(0, ALL) });
    orders.register(&values("2")).unwrap();
    let replace = WriteOptions::new().details(DetailMode::Replace);
    orders.update_with("2", &Values::new().row(row("りんご", 12)).row(row("梨", 1)), &replace).unwrap();
    orders.update("2", &Values::new().set("title", "b")).unwrap();
    orders.delete("2").unwrap();
    let events = f.waiting(0);
    f.table(|connection, catalog, table| {
        let is = |snapshot: Option<Snapshot>| {
            snapshot.map(|one| holds(&f.store, connection, catalog, table, &some_many, &one).unwrap())
        };
        let found: Vec<_> =
            events.iter().map(|event| (is(event.before(table).unwrap()), is(event.after(table).unwrap()))).collect();
        let (yes, no) = (Some(true), Some(false));
        assert_eq!(found, [(None, no), (no, yes), (yes, yes), (yes, None)]);
        let selection = Selection::new(&f.store, catalog, table, ["title", "item", "quantity"]).unwrap();
        let mut lines = Vec::new();
        let read = |row: &crate::query::Row<'_>| {
            lines.push((0..3).map(|at| row.text(at, ValueFormat::Raw).unwrap()).collect::<Vec<_>>().join(" "));
            Ok(())
        };
        selection.of_snapshot(connection, &events[2].before(table).unwrap().unwrap(), read).unwrap();
        assert_eq!(lines, ["a りんご 12", "a 梨 1"]);
    });
    assert_eq!(events.iter().map(Event::has_changed_rows).collect::<Vec<_>>(), [false, true, false, false]);
    f.sound();
}

#[test]
fn an_import_is_one_event_unless_more_is_asked_for() {
    let f = Fixture::new();
    f.order("1");
    f.listen(&Interest { ends_of_imports: true, ..f.interest(0, ALL) });
    f.listen(&Interest { of_imports: true, ..f.interest(1, ALL) });
    let first = f.import("番号,件名\n1,最初\n2,b\n3,\n4,d\n");
    let told = f.waiting(0);
    assert_eq!(
        told.iter().map(|event| (event.what, event.cause.run)).collect::<Vec<_>>(),
        [(What::Imported, Some(first))]
    );
    let end: ImportEnd = told[0].counts().unwrap();
    assert_eq!(end.state, JobState::Completed);
    assert_eq!((end.counts.inserted, end.counts.unchanged, end.counts.rejected), (2, 1, 1));
    let lines = f.waiting(1);
    assert_eq!(lines.iter().map(|event| event.what).collect::<Vec<_>>(), [What::Registered; 2]);
    assert!(lines.iter().all(|event| event.cause == Cause::run(Origin::Import, first)), "{lines:?}");
    f.sound();
    // What is no import is heard by both, and an import that changes nothing by nobody but who hears its end.
    let five = f.order("5");
    f.import("番号,件名\n2,b\n");
    assert_eq!(f.whats(0)[1..], [(What::Registered, Some(five)), (What::Imported, None)]);
    assert_eq!(f.whats(1)[2..], [(What::Registered, Some(five))]);
}

#[test]
fn events_are_forgotten_when_nobody_waits_for_them() {
    let f = Fixture::new();
    f.listen(&f.interest(0, &[What::Registered]));
    f.listen(&f.interest(1, ALL));
    for number in ["1", "2", "3"] {
        f.order(number);
    }
    f.store.records("orders").delete("1").unwrap();
    assert_eq!((f.whats(0).len(), f.whats(1).len(), f.kept()), (3, 4, 4));
    let listed: Vec<i64> = due(&f.store.reading().unwrap(), KIND).unwrap().iter().map(|due| due.listener).collect();
    assert_eq!(listed, f.listeners);
    let ids: Vec<i64> = f.waiting(1).iter().map(|event| event.id).collect();
    f.forget(1, ids[1]);
    assert_eq!((f.whats(0).len(), f.whats(1).len(), f.kept()), (3, 2, 4));
    f.forget(0, ids[0]);
    assert_eq!(f.kept(), 3);
    f.forget(1, ids[3]);
    f.sound();
    assert_eq!((f.whats(0).len(), f.whats(1).len(), f.kept()), (2, 0, 2));
    // Forgetting again, or less, changes nothing.
    f.forget(1, ids[0]);
    assert_eq!(f.kept(), 2);
    // Who wants less from now on waits for less.
    f.listen(&f.interest(0, &[What::Deleted]));
    assert_eq!(f.kept(), 0);
    // Ids go on where they were, so that nobody misses what comes.
    f.order("9");
    assert_eq!(f.waiting(1)[0].id, ids[3] + 1);
    f.store.write(|writing| unlisten(writing, f.listeners[1])).unwrap();
    assert_eq!(f.kept(), 0);
    f.sound();
}

#[test]
fn other_handles_hear_of_new_listeners() {
    let f = Fixture::new();
    let other = Store::open(f.store.path()).unwrap();
    let register = |number: &str| {
        other.records("orders").register(&Values::new().set("number", number).set("title", "x")).unwrap();
    };
    register("1");
    f.listen(&f.interest(0, ALL));
    register("2");
    assert_eq!(f.whats(0).len(), 1);
    let order = other.records("orders").view("2").unwrap().id();
    assert_eq!(f.whats(0), [(What::Registered, Some(order))]);
}

#[test]
fn runs_that_start_one_another_come_to_an_end() {
    let f = Fixture::new();
    f.listen(&f.interest(0, ALL));
    let id = f.order("1");
    for depth in 1..=MOST_RUNS as i64 {
        let event = f.waiting(0).pop().unwrap();
        let cause = event.next_cause(Origin::Automation, 500 + depth, "円").unwrap();
        assert_eq!(cause.chain.len() as i64, depth);
        let values = Values::new().set("price", depth);
        f.store.acting(None, cause).records("orders").update(RecordId(id), &values).unwrap();
    }
    let event = f.waiting(0).pop().unwrap();
    assert_eq!((event.cause.origin, event.cause.run), (Origin::Automation, Some(500 + MOST_RUNS as i64)));
    assert_eq!(event.cause.chain[0], Link(501, "円".to_owned()));
    let error = event.next_cause(Origin::Automation, 600, "次").unwrap_err();
    assert_eq!(error.code(), Code::EventLoop);
    for language in [Language::Japanese, Language::English] {
        let message = error.message(language);
        assert!(message.contains("次") && message.contains("円 (501) → 円 (502)"), "{message}");
    }
    f.sound();
}

#[test]
fn what_nobody_consumes_is_dropped_in_the_end() {
    let f = Fixture::new();
    f.listen(&f.interest(0, ALL));
    f.listen(&f.interest(1, &[What::Deleted]));
    f.order("1");
    f.order("2");
    Worker::new(&f.store).sweep().unwrap();
    assert_eq!(f.kept(), 2);
    std::thread::sleep(Duration::from_millis(20));
    Worker::new(&f.store).retention(Duration::from_millis(1)).sweep().unwrap();
    assert_eq!(f.kept(), 0);
    let sql = "SELECT missed FROM renkei_listener ORDER BY id";
    let reading = f.store.reading().unwrap();
    let missed: Vec<i64> =
        reading.prepare(sql).unwrap().query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(missed, [2, 0]);
    drop(reading);
    f.order("3");
    assert_eq!(f.whats(0).len(), 1);
    f.sound();
}

#[test]
fn a_check_tells_what_is_wrong() {
    let f = Fixture::new();
    f.listen(&f.interest(0, ALL));
    f.order("1");
    for (fault, said) in [
        ("UPDATE renkei_event SET database_id = 7", "no such database"),
        ("UPDATE renkei_event SET after = '{'", "not readable"),
        ("UPDATE renkei_event SET what = 4", "not what its sort says"),
        ("UPDATE renkei_listener SET taken = 99", "ahead"),
        ("UPDATE renkei_listener SET kind = 'list'", "no such definition"),
        ("UPDATE renkei_listener SET events = 4", "nobody waits"),
    ] {
        f.store.write(|writing| Ok(writing.execute_batch(fault)?)).unwrap();
        let report = f.store.check().unwrap();
        let message = report.message(Language::English);
        assert!(!report.is_sound() && message.contains(said), "{fault}: {message}");
        f.store
            .write(|writing| {
                Ok(writing.execute_batch(
                    "UPDATE renkei_listener SET taken = 0, kind = 'search', events = 7;
                     UPDATE renkei_event SET database_id = (SELECT database_id FROM renkei_listener), what = 1,
                         after = '{\"_id\":1}'",
                )?)
            })
            .unwrap();
    }
    f.sound();
}
