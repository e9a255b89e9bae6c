//! Automations that nobody would write on purpose: each ends by a name, holds up nobody, and leaves the store sound.

mod common;

use std::time::Duration;

use common::Fixture;
use renkei::{
    Automation, AutomationEntry, AutomationRequest, AutomationRun, AutomationTrigger, Blueprint, Branch, Code,
    Condition, Database, DefinitionKind, DeleteRecords, EntryState, Field, FieldSource, JobState, Limits, Part,
    PartTarget, RegisterRecord, RegisteredTrigger, SearchRecords, Store, UpdateRecords, Values, Worker,
};

fn orders() -> Database {
    Database::new("orders", "受注")
        .field(Field::key("number", "番号"))
        .field(Field::text("title", "件名"))
        .field(Field::text("slip", "伝票").unique())
        .field(Field::number("count", "回数", 0))
        .field(Field::choice("state", "状態", &["新規", "済"]))
        .field(Field::link("parent", "親", "orders"))
}

fn setup(records: usize) -> Fixture {
    let logs = Database::new("logs", "履歴")
        .field(Field::auto_key("id", "番号", Default::default()))
        .field(Field::text("what", "内容"));
    let fixture = Fixture::of([orders(), logs]);
    fill(&fixture.store, records);
    fixture
}

fn fill(store: &Store, records: usize) {
    let all: Vec<Values> = (1..=records)
        .map(|at| Values::new().set("number", at).set("title", format!("件{at}")).set("slip", format!("S{at}")))
        .collect();
    store.records("orders").register_all(&all, &Default::default()).unwrap();
}

fn automation(parts: impl IntoIterator<Item = Part>) -> Automation {
    let automation = Automation::new("orders", "auto", "自動").on(AutomationTrigger::Api);
    parts.into_iter().fold(automation, Automation::part)
}

fn apply(store: &Store, automation: Automation) {
    store.apply(&Blueprint::new().automation(automation)).unwrap();
}

fn start(store: &Store) -> i64 {
    store.start_automation(&AutomationRequest::call("orders", "auto")).unwrap().run_id
}

fn work(store: &Store) {
    Worker::new(store).run_until_idle().unwrap();
}

fn run(store: &Store, parts: impl IntoIterator<Item = Part>) -> (AutomationRun, Vec<AutomationEntry>) {
    apply(store, automation(parts));
    let run = start(store);
    work(store);
    (store.automation_run(run).unwrap(), store.automation_entries(run, None, 100_000).unwrap())
}

fn ended(run: &AutomationRun) -> (JobState, u64, u64) {
    (run.state, run.completed, run.failed)
}

fn codes(entries: &[AutomationEntry]) -> Vec<&str> {
    entries.iter().filter_map(|entry| entry.error.as_ref().map(|error| error.code.as_str())).collect()
}

fn set(code: &str, field: &str, from: impl Into<FieldSource>) -> Part {
    Part::new(code, code, UpdateRecords::this().set(field, from))
}

#[test]
fn the_journal_has_each_record_at_each_part_however_it_is_kept() {
    let fixture = setup(1_000);
    let store = &fixture.store;
    // Every 100th fails at the second part, every third goes another way.
    let fails = FieldSource::formula("10 / (count - 100)").unwrap();
    let values = |at: usize| Values::new().set("count", if at.is_multiple_of(100) { 100 } else { at % 3 });
    for at in 1..=1_000 {
        store.records("orders").update(at.to_string(), &values(at)).unwrap();
    }
    let third = Branch::on(Condition::equals("count", 0)).then(set("zero", "title", "零"));
    let (run, all) = run(
        store,
        [
            set("first", "state", "済"),
            Part::new("third", "third", third),
            set("divide", "count", fails),
            Part::end("end", "end"),
        ],
    );
    assert_eq!(ended(&run), (JobState::Completed, 990, 10));
    let mut wanted = Vec::new();
    for at in 1..=1_000u64 {
        let is_zero = !at.is_multiple_of(100) && at.is_multiple_of(3);
        let stops = at.is_multiple_of(100);
        wanted.push((at, at as i64, "first", EntryState::Done, None, 1));
        wanted.push((at, at as i64, "third", EntryState::Done, Some(is_zero), 0));
        if is_zero {
            wanted.push((at, at as i64, "zero", EntryState::Done, None, 1));
        }
        let state = if stops { EntryState::Failed } else { EntryState::Done };
        wanted.push((at, at as i64, "divide", state, None, u64::from(!stops)));
        if !stops {
            wanted.push((at, at as i64, "end", EntryState::Done, None, 0));
        }
    }
    let told = |entry: &AutomationEntry| {
        (entry.item, entry.unit_id, entry.part.clone(), entry.state, entry.branch, entry.records)
    };
    let wanted: Vec<_> = wanted
        .into_iter()
        .map(|(item, unit, part, state, branch, records)| (item, unit, part.to_owned(), state, branch, records))
        .collect();
    assert_eq!(all.iter().map(told).collect::<Vec<_>>(), wanted);
    // Page by page it is the same.
    for limit in [1, 3, 7, 500] {
        let (mut paged, mut after): (Vec<AutomationEntry>, _) = (Vec::new(), None);
        while paged.len() < 3_000 {
            let page = store.automation_entries(run.run_id, after, limit).unwrap();
            let Some(last) = page.last() else { break };
            let of_last = page.iter().rev().take_while(|entry| entry.item == last.item).count() as u64;
            let before = after.filter(|(item, _)| *item == last.item).map_or(0, |(_, skipped)| skipped);
            after = Some((last.item, of_last + before));
            paged.extend(page);
        }
        assert_eq!(paged, all[..paged.len()]);
        assert!(paged.len() >= 3_000 || paged.len() == all.len());
    }
    // It is kept in few rows, which is what makes it fast.
    let rows: i64 =
        fixture.sqlite().query_row("SELECT count(*) FROM renkei_automation_entry", [], |row| row.get(0)).unwrap();
    assert!(rows < 2_500, "{rows} rows for {} entries", all.len());
    fixture.check_file();
}

#[test]
fn a_record_that_deletes_itself_goes_on_as_far_as_it_can() {
    let fixture = setup(3);
    let store = &fixture.store;
    let log = RegisterRecord::of("logs").set("what", "x");
    let delete = Part::new("delete", "delete", DeleteRecords::of(PartTarget::This, 10));
    let (run, entries) = run(store, [delete.clone(), set("set", "title", "x")]);
    assert_eq!((ended(&run), codes(&entries)), ((JobState::Completed, 0, 3), vec!["record.not_found"; 3]));
    assert_eq!(store.count("orders", None).unwrap(), 0);
    fill(store, 2);
    let (run, entries) = self::run(store, [delete, Part::new("log", "log", log)]);
    assert_eq!((ended(&run), codes(&entries)), ((JobState::Completed, 0, 2), vec!["record.not_found"; 2]));
    assert_eq!(store.count("logs", None).unwrap(), 0);
    fixture.check_file();
}

#[test]
fn a_value_that_must_be_unique_is_given_to_one_record_alone() {
    let fixture = setup(300);
    let store = &fixture.store;
    let (run, entries) = run(store, [set("set", "slip", "同じ")]);
    assert_eq!((ended(&run), codes(&entries)), ((JobState::Completed, 1, 299), vec!["record.invalid"; 299]));
    assert_eq!(store.count("orders", Some(&Condition::equals("slip", "同じ"))).unwrap(), 1);
    let all = SearchRecords::here(Condition::default());
    let same = UpdateRecords::of(PartTarget::found("all")).set("slip", "また");
    let parts = [Part::new("all", "all", all), Part::new("set", "set", same)];
    apply(store, automation(parts));
    let request = AutomationRequest::call("orders", "auto").records(["1"]);
    let run = store.start_automation(&request).unwrap().run_id;
    work(store);
    let entries = store.automation_entries(run, None, 100).unwrap();
    assert_eq!((entries[1].records, entries[1].refused, codes(&entries)), (1, 299, vec!["automation.refused"]));
    fixture.check_file();
}

#[test]
fn a_link_to_nothing_is_refused_and_a_missing_link_is_empty() {
    let fixture = setup(2);
    let store = &fixture.store;
    let (run, entries) = run(store, [set("set", "parent", "99")]);
    assert_eq!((ended(&run), codes(&entries).len()), ((JobState::Completed, 0, 2), 2));
    let (run, _) = self::run(store, [set("set", "title", FieldSource::field("parent.title"))]);
    assert_eq!(ended(&run), (JobState::Completed, 2, 0));
    assert_eq!(store.records("orders").view("1").unwrap().text("title"), "");
    let unknown = automation([set("set", "title", FieldSource::template("${nobody} ${parent.nothing}"))]);
    let error = store.apply(&Blueprint::new().automation(unknown)).unwrap_err();
    assert_eq!(error.code(), Code::TemplateField, "{error}");
    fixture.check_file();
}

#[test]
fn as_many_records_as_are_allowed_and_one_more() {
    let fixture = setup(5_000);
    let mut limits = Limits::default();
    limits.automation_records = 5_000;
    let store = Store::options().limits(limits).open(fixture.store.path()).unwrap();
    let (run, entries) = run(&store, [set("set", "state", "済")]);
    assert_eq!((ended(&run), entries.len()), ((JobState::Completed, 5_000, 0), 5_000));
    store.records("orders").register(&Values::new().set("number", "one more")).unwrap();
    let error = store.start_automation(&AutomationRequest::call("orders", "auto")).unwrap_err();
    assert_eq!(error.code(), Code::AutomationRecords);
    fixture.check_file();
}

#[test]
fn three_that_start_one_another_are_cut() {
    let fixture = setup(1);
    let store = &fixture.store;
    // Each makes a record that the next waits for.
    let log = |code: &str, next: &str| {
        let trigger = RegisteredTrigger { condition: Some(Condition::starts_with("title", code)), imports: false };
        let register = RegisterRecord::here().set("number", FieldSource::template("${number}+")).set("title", next);
        Automation::new("orders", code, code)
            .on(AutomationTrigger::Registered(trigger))
            .part(Part::new("next", "next", register))
    };
    let blueprint = Blueprint::new().automation(log("a", "b")).automation(log("b", "c")).automation(log("c", "a"));
    match store.apply(&blueprint) {
        Err(error) => assert_eq!(error.code(), Code::DefinitionInvalid, "{error}"),
        Ok(_) => {
            store.records("orders").register(&Values::new().set("number", "x").set("title", "a")).unwrap();
            work(store);
            let runs = store.automation_runs(None, 100).unwrap();
            assert!(runs.len() <= 12, "{} runs", runs.len());
            let error = runs[0].error.as_ref().unwrap();
            assert_eq!(error.code, Code::EventLoop.as_str());
        }
    }
    fixture.check_file();
}

#[test]
fn what_is_defined_anew_while_a_run_waits_does_not_change_it_and_what_is_gone_ends_it() {
    let fixture = setup(3);
    let store = &fixture.store;
    apply(store, automation([set("set", "title", "前")]));
    let first = start(store);
    // A run does what its automation was when it was started, also where that is taken out.
    apply(store, automation([set("set", "title", "後")]));
    let second = start(store);
    store.remove_definition(DefinitionKind::Automation, "orders", "auto").unwrap();
    let reopened = Store::options().clock(fixture.clock.clone()).open(store.path()).unwrap();
    Worker::new(&reopened).run_once().unwrap();
    assert_eq!(store.records("orders").view("1").unwrap().text("title"), "前");
    work(&reopened);
    assert_eq!(store.records("orders").view("1").unwrap().text("title"), "後");
    for run in [first, second] {
        assert_eq!(ended(&store.automation_run(run).unwrap()), (JobState::Completed, 3, 0));
    }
    // A field that it sets is retired before it comes to its turn.
    apply(store, automation([set("first", "state", "済"), set("set", "title", "x")]));
    let third = start(store);
    store.remove_definition(DefinitionKind::Automation, "orders", "auto").unwrap();
    let mut changed = store.database("orders").unwrap();
    changed.fields.iter_mut().find(|field| field.code == "title").unwrap().retired = true;
    fixture.apply([changed]);
    work(store);
    let run = store.automation_run(third).unwrap();
    assert_eq!((run.state, run.unprocessed), (JobState::Failed, 3), "{run:?}");
    assert_eq!(run.error.unwrap().code, Code::DefinitionInvalid.as_str());
    fixture.check_file();
}

#[test]
fn a_trigger_whose_condition_fits_no_more_fails_by_name_and_holds_up_nobody() {
    let fixture = setup(0);
    let store = &fixture.store;
    let done = RegisteredTrigger { condition: Some(Condition::at_least("count", 1)), imports: false };
    let log = RegisterRecord::of("logs").set("what", "x");
    let listening = Automation::new("orders", "listening", "listening")
        .on(AutomationTrigger::Registered(done))
        .part(Part::new("log", "log", log));
    apply(store, listening);
    store.records("orders").register(&Values::new().set("number", "1").set("count", 3)).unwrap();
    // The definition is damaged behind the library's back: such a condition is refused when it is saved.
    let sqlite = fixture.sqlite();
    let changed = sqlite
        .execute("UPDATE renkei_definition SET document = replace(document, '\"count\"', '\"nothing\"') WHERE kind = 'automation'", [])
        .unwrap();
    assert_eq!(changed, 1);
    drop(sqlite);
    work(store);
    let runs = store.automation_runs(None, 10).unwrap();
    assert_eq!(runs.len(), 1, "{runs:?}");
    assert_eq!((runs[0].state, runs[0].total), (JobState::Failed, 1));
    assert_eq!(runs[0].error.as_ref().unwrap().code, Code::QueryField.as_str());
    assert_eq!(store.count("logs", None).unwrap(), 0);
    // Nothing is left that would be tried again.
    fixture.clock.advance(Duration::from_secs(60));
    work(store);
    assert_eq!(store.automation_runs(None, 10).unwrap().len(), 1);
}
