//! Several writes, kept together or not at all.

use renkei::{Condition, Query, Worker};

use super::*;

fn stock() -> Fixture {
    Fixture::of([Database::new("items", "商品")
        .field(Field::key("code", "コード"))
        .field(Field::number("stock", "在庫", 0))
        .detail(Field::text("note", "備考"))])
}

fn item(code: &str, stock: i64) -> Values {
    Values::new().set("code", code).set("stock", stock)
}

#[test]
fn a_transaction_reads_what_it_has_written() {
    let fixture = stock();
    let (store, options) = (&fixture.store, WriteOptions::new());
    store.records("items").register(&item("A", 5)).unwrap();
    store
        .transaction(|transaction| {
            let saved = transaction.register("items", &item("B", 1), &options)?;
            assert_eq!(transaction.view("items", "B")?.text("stock"), "1");
            assert_eq!(transaction.find("items", RecordId(saved.id))?.unwrap().key(), "B");
            assert!(transaction.find("items", "C")?.is_none());
            assert_eq!(transaction.view("items", "C").unwrap_err().code(), Code::RecordNotFound);
            assert_eq!(transaction.view("nothing", "C").unwrap_err().code(), Code::DatabaseNotFound);
            transaction.delete("items", "A", None)?;
            let found = transaction.query("items", &Query::new().filter(Condition::at_least("stock", 1)))?;
            assert_eq!(found.records.iter().map(|record| record.key()).collect::<Vec<_>>(), ["B"]);
            assert_eq!(transaction.count("items", None)?, 1);
            assert_eq!(transaction.count("items", Some(&Condition::equals("stock", 5)))?, 0);
            // Whoever reads through the store sees what is committed.
            assert_eq!(store.records("items").view("A")?.text("stock"), "5");
            assert!(store.records("items").find("B")?.is_none());
            Ok(())
        })
        .unwrap();
    assert_eq!(store.count("items", None).unwrap(), 1);
}

#[test]
fn a_write_through_the_store_inside_a_transaction_is_refused_at_once() {
    let fixture = stock();
    let (store, options) = (&fixture.store, WriteOptions::new());
    store
        .transaction(|transaction| {
            transaction.register("items", &item("A", 1), &options)?;
            // Not as busy, which is what waiting would end with.
            for error in [
                store.records("items").register(&item("B", 1)).unwrap_err(),
                store.clone().transaction(|_| Ok(())).unwrap_err(),
                store.apply(&Blueprint::new()).unwrap_err(),
                Worker::new(store).run_until_idle().unwrap_err(),
            ] {
                assert_eq!((error.code(), error.kind()), (Code::StoreReentered, Kind::Usage), "{error}");
            }
            Ok(())
        })
        .unwrap();
    // Neither that nor a refusal or a panic inside keeps the turn.
    store.transaction(|_| -> renkei::Result<()> { Err(store.records("x").view("y").unwrap_err()) }).unwrap_err();
    let panicking =
        std::panic::AssertUnwindSafe(|| store.transaction(|_| -> renkei::Result<()> { panic!("of the host") }));
    std::panic::catch_unwind(panicking).unwrap_err();
    store.records("items").register(&item("B", 1)).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| store.records("items").register(&item("C", 1)).unwrap());
    });
    assert_eq!(store.count("items", None).unwrap(), 3);
}
