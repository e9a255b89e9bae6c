//! Automations in the middle of everything: each step of each run is done once, whoever died on it, and what the journals
//! tell is what is there.

use std::collections::{BTreeSet, HashMap, HashSet};

use renkei::{
    Automation, AutomationRequest, AutomationRun, AutomationTrigger, Blueprint, Code, Database, EntryState, Error,
    Field, FieldSource, JobState, Part, Record, RegisterRecord, Store, UpdateRecords, Values,
};

use crate::ledger::Entry;
use crate::work::{ACCOUNTS, account};

/// The cases of each writer.
pub const CASES: u64 = 8;

fn case(writer: u64, number: u64) -> String {
    format!("C{writer}-{number}")
}

fn more(field: &str) -> UpdateRecords {
    let formula = format!("or({field}, 0) + 1");
    UpdateRecords::this().set(field, FieldSource::target_formula(&formula).unwrap())
}

/// For each case an order, between two updates; the second one starts another automation.
pub fn blueprint(all: Blueprint) -> Blueprint {
    let cases = Database::new("cases", "案件")
        .field(Field::key("code", "番号"))
        .field(Field::number("place", "順", 0))
        .field(Field::link("account", "口座", "accounts"))
        .field(Field::number("begun", "開始", 0))
        .field(Field::number("ended", "終了", 0).indexed())
        .field(Field::number("heard", "変更", 0))
        .detail(Field::text("deed", "実行"));
    let order = RegisterRecord::of("orders")
        .set("title", FieldSource::template("${@memo}-${place}"))
        .set("account", FieldSource::field("account"));
    let care = Automation::new("cases", "care", "対応")
        .on(AutomationTrigger::Api)
        .part(Part::new("begin", "開始", more("begun")))
        .part(Part::new("order", "注文", order))
        .part(Part::new("end", "終了", more("ended").set_in_row("deed", FieldSource::template("${@memo}"))));
    let hear = Automation::new("cases", "hear", "変更時").on(AutomationTrigger::updated(["ended"])).part(Part::new(
        "hear",
        "数える",
        more("heard"),
    ));
    all.database(cases).automation(care).automation(hear)
}

/// Makes the cases of writers, unless they are there.
pub fn found(store: &Store, writers: &[u64]) -> Result<(), Error> {
    let cases = store.records("cases");
    for (writer, number) in writers.iter().flat_map(|writer| (0..CASES).map(move |number| (*writer, number))) {
        let code = case(writer, number);
        if cases.find(&code)?.is_none() {
            let place = i64::try_from(number).unwrap();
            let account = account(writer, number % ACCOUNTS);
            cases.register(&Values::new().set("code", code).set("place", place).set("account", account))?;
        }
    }
    Ok(())
}

/// The places of the cases for which a deed starts the automation.
fn places(first: u64, count: u64) -> impl Iterator<Item = u64> {
    (first..first + count).map(|at| at % CASES)
}

/// Starts the automation for some of a writer's cases: the same run, however often it is asked for.
pub fn start(store: &Store, writer: u64, title: &str, first: u64, count: u64) -> Result<i64, Error> {
    let chosen = places(first, count).map(|place| case(writer, place));
    let request = AutomationRequest::call("cases", "care").records(chosen).memo(title).token(title);
    Ok(store.start_automation(&request)?.run_id)
}

fn is_given_up(run: &AutomationRun) -> bool {
    run.state == JobState::Failed && run.error.as_ref().is_some_and(|error| error.code == Code::JobGivenUp.as_str())
}

/// Judges one run by the orders that it brought, with the places of their cases; whether it was given up.
pub fn judge_run(store: &Store, entry: &Entry, (title, first, count): (&str, u64, u64), orders: &[u64]) -> bool {
    let run = store.automation_run(entry.answer().parse().unwrap()).unwrap();
    let told = format!("{entry:?}: {run:?}");
    assert_eq!((run.total, run.memo.as_str()), (count, title), "{told}");
    let brought: BTreeSet<u64> = orders.iter().copied().collect();
    assert_eq!(brought.len(), orders.len(), "{told}: a step was done twice: {orders:?}");
    let done = entries(store, &run).into_iter().filter(|(_, part)| part == "order").count();
    assert_eq!(done, orders.len(), "{told}: the journal and the orders {orders:?}");
    let wanted: BTreeSet<u64> = places(first, count).collect();
    assert!(brought.is_subset(&wanted), "{told}: {orders:?}");
    if run.state == JobState::Completed {
        assert_eq!(brought, wanted, "{told}");
    }
    is_given_up(&run)
}

/// What a run has done: the record, and the part.
fn entries(store: &Store, run: &AutomationRun) -> Vec<(i64, String)> {
    let mut seen = HashSet::new();
    let mut done = Vec::new();
    for entry in store.automation_entries(run.run_id, None, u64::MAX).unwrap() {
        assert!(seen.insert((entry.item, entry.part.clone())), "{run:?}: {entry:?} is there twice");
        match entry.state {
            EntryState::Done => done.push((entry.unit_id, entry.part)),
            EntryState::Running => {}
            _ => panic!("{run:?}: {entry:?}"),
        }
    }
    done
}

/// Judges all cases by the journals of all runs: what they tell was done, once, and nothing else was.
pub fn judge_cases(store: &Store, cases: &[Record], at_the_end: bool) {
    let mut done: HashMap<(i64, String), u64> = HashMap::new();
    let (mut to_hear, mut given_up) = (0, false);
    for run in store.automation_runs(None, u64::MAX).unwrap() {
        assert_eq!(run.failed, 0, "{run:?}");
        assert_eq!(run.total, run.completed + run.waiting + run.unprocessed, "{run:?}");
        let entries = entries(store, &run);
        let last = if run.automation == "hear" { "hear" } else { "end" };
        let completed = entries.iter().filter(|(_, part)| part == last).count() as u64;
        assert_eq!(run.completed, completed, "{run:?}");
        match run.state {
            JobState::Completed => assert_eq!(run.completed, run.total, "{run:?}"),
            JobState::Failed => assert!(is_given_up(&run), "{run:?}"),
            _ => assert!(!at_the_end, "{run:?}"),
        }
        if run.automation == "hear" {
            to_hear += run.total;
        }
        given_up |= is_given_up(&run);
        entries.into_iter().for_each(|entry| *done.entry(entry).or_default() += 1);
    }
    let mut ends = 0;
    for case in cases {
        let told = |part: &str| done.get(&(case.id(), part.to_owned())).copied().unwrap_or(0);
        let is = |field: &str| case.text(field).parse().unwrap_or(0);
        let begun: u64 = is("begun");
        assert_eq!((begun, is("ended"), is("heard")), (told("begin"), told("end"), told("hear")), "{}", case.to_json());
        assert_eq!(case.rows().len() as u64, is("ended"), "{}", case.to_json());
        let deeds: HashSet<String> = case.rows().iter().map(|row| row.text("deed")).collect();
        assert_eq!(deeds.len(), case.rows().len(), "{}: a step was done twice", case.to_json());
        if at_the_end && !given_up {
            assert_eq!((begun, is("heard")), (is("ended"), is("ended")), "{}", case.to_json());
        }
        ends += is("ended");
    }
    // What nobody has taken notice of yet begins later.
    assert!(to_hear == ends || to_hear < ends && !at_the_end, "{ends} updates, {to_hear} were heard");
}
