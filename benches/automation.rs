//! An update part of an automation over many records, against the bulk update of the Rust API.
//!
//! `cargo bench --bench automation [-- --records 100000] [--rounds 7] [--only formula]`: both sides take turns, round by round, on copies of the same store;
//! the automation journals every record, the bulk update is one transaction. Printed are medians and the ratio (above 1: the
//! automation is faster).

use std::path::Path;
use std::time::{Duration, Instant};

use renkei::{
    Automation, AutomationRequest, AutomationTrigger, Blueprint, Condition, Database, Field, FieldSource, JobState,
    Part, PartTarget, RecordId, SearchRecords, Selector, Store, UpdateRecords, Values, Worker,
};

/// What is measured: the bulk update, and the automations by their codes.
const WHAT: [(&str, &str); 4] = [
    ("bulk", "bulk update (`update_all`)"),
    ("fixed", "update part, a fixed value, each record a step"),
    ("formula", "update part, a formula, each record a step"),
    ("found", "update part over what a search has found"),
];

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|word| word != "--bench");
    let (mut rows, mut rounds, mut only) = (100_000usize, 7, None);
    while let Some(word) = arguments.next() {
        match (word.as_str(), arguments.next()) {
            ("--records", Some(value)) => rows = value.parse().expect("--records takes a number"),
            ("--rounds", Some(value)) => rounds = value.parse().expect("--rounds takes a number"),
            ("--only", Some(value)) => only = Some(value),
            (other, _) => panic!("there is no option {other}"),
        }
    }
    let dir = tempfile::tempdir().expect("a folder");
    let base = dir.path().join("base.db");
    fill(&base, rows);
    let mut times: [Vec<Duration>; 4] = Default::default();
    let measured: Vec<usize> =
        (0..WHAT.len()).filter(|at| *at == 0 || only.as_ref().is_none_or(|only| only == WHAT[*at].0)).collect();
    for round in 0..rounds {
        // Who is first changes, so that neither always finds a warm machine.
        for at in 0..measured.len() {
            let which = measured[(round + at) % measured.len()];
            let path = dir.path().join(format!("round-{round}-{which}.db"));
            std::fs::copy(&base, &path).expect("a copy");
            times[which].push(run(&path, which, rows));
            let _ = std::fs::remove_file(&path);
        }
    }
    println!("{rows} records, {rounds} rounds in turn\n");
    println!("| what | ms | records/s | ratio to the bulk update |\n| --- | --- | --- | --- |");
    let medians = times.map(|mut times| {
        times.sort();
        times.get(times.len() / 2).copied().unwrap_or_default()
    });
    let bulk = medians[0].as_secs_f64();
    for at in measured {
        let (name, seconds) = (WHAT[at].1, medians[at].as_secs_f64());
        println!("| {name} | {:.0} | {:.0} | {:.2} |", seconds * 1e3, rows as f64 / seconds, bulk / seconds);
    }
}

fn fill(path: &Path, rows: usize) {
    let store = Store::create(path).expect("the store is made");
    let items = Database::new("items", "商品")
        .field(Field::key("code", "コード"))
        .field(Field::text("name", "名称"))
        .field(Field::choice("state", "状態", &["新規", "済"]))
        .field(Field::number("stock", "在庫", 0))
        .field(Field::number("price", "単価", 2))
        .field(Field::number("total", "合計", 2))
        .field(Field::text("memo", "メモ"));
    let automation = |code: &str| Automation::new("items", code, code).on(AutomationTrigger::Api);
    let fixed = UpdateRecords::this().set("state", "済").set("memo", "更新しました");
    let formula = UpdateRecords::this().set("total", FieldSource::formula("stock * price").expect("an expression"));
    let found = UpdateRecords::of(PartTarget::found("all")).set("state", "済").set("memo", "更新しました");
    let limit = u64::try_from(rows).expect("few");
    let all = SearchRecords::here(Condition::default()).limit(limit).hit(Part::new("set", "更新", found));
    let blueprint = Blueprint::new()
        .database(items)
        .automation(automation("fixed").part(Part::new("set", "更新", fixed)))
        .automation(automation("formula").part(Part::new("set", "更新", formula)))
        .automation(automation("found").part(Part::new("all", "全て", all)));
    store.apply(&blueprint).expect("it is applied");
    let all: Vec<Values> = (0..rows)
        .map(|at| {
            let values = Values::new().set("code", format!("I{at:07}")).set("name", format!("商品{at}"));
            values.set("state", "新規").set("stock", at % 1_000).set("price", "12.50").set("memo", "最初のメモ")
        })
        .collect();
    store.records("items").register_all(&all, &Default::default()).expect("they are registered");
    drop(store);
    let connection = rusqlite::Connection::open(path).expect("it opens");
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("it is settled");
}

fn run(path: &Path, which: usize, rows: usize) -> Duration {
    let store = Store::open(path).expect("the store opens");
    let values = Values::new().set("state", "済").set("memo", "更新しました");
    let took = if which == 0 {
        let all: Vec<(Selector, Values)> =
            (1..=rows).map(|id| (Selector::from(RecordId(id as i64)), values.clone())).collect();
        let began = Instant::now();
        store.records("items").update_all(&all, &Default::default()).expect("they are updated");
        began.elapsed()
    } else {
        let mut request = AutomationRequest::call("items", WHAT[which].0);
        if which == 3 {
            request = request.records([RecordId(1)]);
        }
        let began = Instant::now();
        let run = store.start_automation(&request).expect("it starts");
        Worker::new(&store).run_once().expect("it runs");
        let took = began.elapsed();
        let run = store.automation_run(run.run_id).expect("it is there");
        assert_eq!((run.state, run.failed), (JobState::Completed, 0), "{run:?}");
        took
    };
    let changed = if which == 2 { Condition::is_not_empty("total") } else { Condition::equals("state", "済") };
    assert_eq!(store.count("items", Some(&changed)).expect("counted"), rows as u64);
    took
}
