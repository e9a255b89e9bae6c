//! Automations: as definitions, and run for records, part by part.

mod common;

use std::time::Duration;

use common::Fixture;
use renkei::{
    Approval, Automation, AutomationRequest, AutomationRun, AutomationTrigger, Blueprint, Branch, Code, Condition,
    Database, DefinitionKind, DeleteRecords, DetailRow, EntryState, Error, Field, FieldSource, JobState, Language,
    List, MenuEntry, Part, PartTarget, RegisterRecord, Right, SearchRecords, Sort, Store, Trigger, UpdateRecords, User,
    Values, Worker,
};

fn databases() -> [Database; 3] {
    let mut orders = Database::new("orders", "受注")
        .field(Field::key("number", "受注番号"))
        .field(Field::text("title", "件名").required())
        .field(Field::choice("state", "状態", &["新規", "処理中", "済"]))
        .field(Field::number("quantity", "数量", 0))
        .field(Field::number("price", "単価", 2))
        .field(Field::number("total", "合計", 2))
        .field(Field::link("item", "商品", "items"))
        .field(Field::date("closed", "完了日"))
        .field(Field::text("memo", "メモ"))
        .detail(Field::detail_key("line", "行"))
        .detail(Field::text("name", "品名"))
        .detail(Field::number("amount", "金額", 0));
    orders.approval = true;
    [
        Database::new("items", "商品")
            .field(Field::key("code", "商品コード"))
            .field(Field::text("name", "商品名"))
            .field(Field::number("stock", "在庫", 0)),
        orders,
        Database::new("logs", "履歴")
            .field(Field::auto_key("id", "番号", renkei::AutoNumber::default()))
            .field(Field::text("what", "内容").required())
            .field(Field::number("sum", "合計", 2))
            .field(Field::link("item", "商品", "items"))
            .detail(Field::text("note", "注記")),
    ]
}

struct Setup {
    fixture: Fixture,
}

impl Setup {
    fn new() -> Setup {
        let fixture = Fixture::of(databases());
        let store = &fixture.store;
        for (code, stock) in [("A", 10), ("B", 0)] {
            let values = Values::new().set("code", code).set("name", format!("商品{code}")).set("stock", stock);
            store.records("items").register(&values).unwrap();
        }
        for (number, item, quantity) in [("1", "A", 2), ("2", "B", 3), ("3", "A", 4)] {
            let values = Values::new()
                .set("number", number)
                .set("title", format!("件名{number}"))
                .set("state", "新規")
                .set("item", item)
                .set("quantity", quantity)
                .set("price", "1.50")
                .row(DetailRow::new().set("line", "1").set("name", "甲").set("amount", 100))
                .row(DetailRow::new().set("line", "2").set("name", "乙").set("amount", 20));
            store.records("orders").register(&values).unwrap();
        }
        Setup { fixture }
    }

    fn store(&self) -> &Store {
        &self.fixture.store
    }

    fn work(&self) {
        Worker::new(self.store()).run_until_idle().unwrap();
    }

    fn refused(&self, automation: Automation) -> Error {
        self.store().apply(&Blueprint::new().automation(automation)).unwrap_err()
    }

    /// Runs an automation of orders with these parts for all of them, or those named, to the end.
    fn run(&self, parts: impl IntoIterator<Item = Part>, records: &[&str]) -> AutomationRun {
        self.run_of(parts.into_iter().fold(automation(), Automation::part), records)
    }

    fn run_of(&self, automation: Automation, records: &[&str]) -> AutomationRun {
        let code = automation.code.clone();
        self.store().apply(&Blueprint::new().automation(automation)).unwrap();
        let mut request = AutomationRequest::call("orders", code);
        if !records.is_empty() {
            request = request.records(records.iter().copied());
        }
        let run = self.store().start_automation(&request).unwrap();
        assert_eq!((run.state, run.unprocessed), (JobState::Reserved, run.total));
        self.work();
        let run = self.store().automation_run(run.run_id).unwrap();
        assert_eq!(run.completed + run.failed + run.waiting + run.unprocessed, run.total, "{run:?}");
        self.fixture.check_file();
        run
    }

    fn text(&self, number: &str, field: &str) -> String {
        self.store().records("orders").view(number).unwrap().text(field)
    }

    /// Part, state, records, refused of every entry.
    fn journal(&self, run: &AutomationRun) -> Vec<(u64, String, EntryState, u64, u64)> {
        let entries = self.store().automation_entries(run.run_id, None, 1_000).unwrap();
        entries.into_iter().map(|entry| (entry.item, entry.part, entry.state, entry.records, entry.refused)).collect()
    }
}

fn automation() -> Automation {
    Automation::new("orders", "auto", "自動").on(AutomationTrigger::Api).on(AutomationTrigger::SettingsScreen)
}

fn ended(run: &AutomationRun) -> (JobState, u64, u64) {
    (run.state, run.completed, run.failed)
}

#[test]
fn the_record_is_updated_from_every_source() {
    let setup = Setup::new();
    let update = UpdateRecords::this()
        .set("state", "済")
        .set("closed", FieldSource::template("${@today}"))
        .set("memo", FieldSource::template("${title}／${item.name}／${@memo}"))
        .set("total", FieldSource::formula("quantity * price + sum(amount)").unwrap())
        .set("title", FieldSource::field("item.name"))
        .set("quantity", FieldSource::target_formula("quantity + this_quantity").unwrap());
    let run = setup.run([Part::new("set", "更新", update)], &["1", "3"]);
    assert_eq!(ended(&run), (JobState::Completed, 2, 0));
    let record = setup.store().records("orders").view("1").unwrap();
    let fields = ["state", "closed", "memo", "total", "title", "quantity"].map(|field| record.text(field));
    assert_eq!(fields, ["済", "2026-01-31", "件名1／商品A／", "123.00", "商品A", "4"]);
    assert_eq!(setup.text("2", "state"), "新規");
    assert_eq!(
        setup.journal(&run),
        [(1, "set".into(), EntryState::Done, 1, 0), (2, "set".into(), EntryState::Done, 1, 0)]
    );
}

#[test]
fn records_are_registered_here_and_elsewhere() {
    let setup = Setup::new();
    let log = RegisterRecord::of("logs")
        .set("what", FieldSource::template("${number}: ${title}"))
        .set("sum", FieldSource::formula("quantity * price").unwrap())
        .set("item", FieldSource::field("item"))
        .set_in_row("note", FieldSource::template("${state}"));
    let copy = RegisterRecord::here().set("number", FieldSource::template("${number}-写")).set("title", "写し");
    let run = setup.run([Part::new("log", "記録", log), Part::new("copy", "複写", copy)], &["1"]);
    assert_eq!(ended(&run), (JobState::Completed, 1, 0));
    let logs = setup.store().query("logs", &Default::default()).unwrap().records;
    assert_eq!(logs.len(), 1);
    let fields = ["what", "sum", "item"].map(|field| logs[0].text(field));
    assert_eq!(fields, ["1: 件名1", "3.00", "A"]);
    assert_eq!(logs[0].rows()[0].text("note"), "新規");
    assert_eq!(setup.text("1-写", "title"), "写し");
    let entries = setup.store().automation_entries(run.run_id, None, 10).unwrap();
    assert_eq!(entries[0].output, Some(logs[0].id()));
}

#[test]
fn a_search_feeds_later_parts_and_branches() {
    let setup = Setup::new();
    let search = SearchRecords::of("items", Condition::equals("code", "${item}").and(Condition::greater("stock", 0)))
        .hit(Part::new(
            "take",
            "在庫を減らす",
            UpdateRecords::of(PartTarget::found("find"))
                .set("stock", FieldSource::target_formula("stock - this_quantity").unwrap()),
        ))
        .hit(Part::new("ok", "処理中に", UpdateRecords::this().set("state", "処理中")))
        .none(Part::new("wait", "欠品", UpdateRecords::this().set("memo", "欠品")));
    let after = UpdateRecords::this().set("title", FieldSource::found("find", "name"));
    let run = setup.run(
        [
            Part::new("find", "在庫を探す", search),
            Part::new(
                "if",
                "見つかったら",
                Branch::on(Condition::is_empty("memo")).then(Part::new("name", "商品名", after)),
            ),
        ],
        &["1", "2", "3"],
    );
    assert_eq!(ended(&run), (JobState::Completed, 3, 0));
    let stock = |code: &str| setup.store().records("items").view(code).unwrap().text("stock");
    assert_eq!((stock("A"), stock("B")), ("4".to_owned(), "0".to_owned()));
    assert_eq!(["1", "2", "3"].map(|number| setup.text(number, "state")), ["処理中", "新規", "処理中"]);
    assert_eq!(["1", "2", "3"].map(|number| setup.text(number, "memo")), ["", "欠品", ""]);
    assert_eq!(["1", "2", "3"].map(|number| setup.text(number, "title")), ["商品A", "件名2", "商品A"]);
    let of = |item: u64| setup.journal(&run).into_iter().filter(move |entry| entry.0 == item).map(|entry| entry.1);
    assert_eq!(of(1).collect::<Vec<_>>(), ["find", "take", "ok", "if", "name"]);
    assert_eq!(of(2).collect::<Vec<_>>(), ["find", "wait", "if"]);
    // The journal is read on from any place.
    let page = setup.store().automation_entries(run.run_id, Some((1, 3)), 3).unwrap();
    assert_eq!(page.iter().map(|entry| entry.part.as_str()).collect::<Vec<_>>(), ["if", "name", "find"]);
}

#[test]
fn records_are_approved_and_their_approval_withdrawn() {
    let setup = Setup::new();
    let approval = |number: &str| setup.store().records("orders").view(number).unwrap().approval();
    setup.run([Part::approve("yes", "承認", PartTarget::This)], &["1", "2"]);
    assert_eq!(["1", "2", "3"].map(approval), [Approval::Approved, Approval::Approved, Approval::Pending].map(Some));
    let all = SearchRecords::here(Condition::default()).sort(Sort::descending("number")).limit(2);
    let no = Part::withdraw_approval("no", "取消", PartTarget::found("all"));
    setup.run([Part::new("all", "全て", all), no], &["1"]);
    assert_eq!(["1", "2", "3"].map(approval), [Approval::Approved, Approval::Pending, Approval::Pending].map(Some));
}

#[test]
fn deleting_is_guarded_by_a_count() {
    let setup = Setup::new();
    let delete = |most: u64| {
        let all = SearchRecords::here(Condition::not_equals("number", "${number}"));
        let delete = DeleteRecords::of(PartTarget::found("others"), most);
        [Part::new("others", "他", all), Part::new("delete", "削除", delete)]
    };
    let run = setup.run(delete(1), &["1"]);
    assert_eq!(ended(&run), (JobState::Completed, 0, 1));
    let failed = &setup.store().automation_entries(run.run_id, None, 10).unwrap()[1];
    assert_eq!(failed.error.as_ref().unwrap().code, "automation.delete");
    assert_eq!(setup.store().count("orders", None).unwrap(), 3);
    let run = setup.run(delete(2), &["1"]);
    assert_eq!(ended(&run), (JobState::Completed, 1, 0));
    assert_eq!(setup.store().count("orders", None).unwrap(), 1);
    // Counted over the whole run.
    for number in ["4", "5", "6"] {
        let values = Values::new().set("number", number).set("title", "x");
        setup.store().records("orders").register(&values).unwrap();
    }
    let own = [Part::new("delete", "削除", DeleteRecords::of(PartTarget::This, 3))];
    let run = setup.run(own, &[]);
    assert_eq!(ended(&run), (JobState::Completed, 3, 1));
    assert_eq!(setup.store().count("orders", None).unwrap(), 1);
}

#[test]
fn detail_rows_are_updated_and_are_units() {
    let setup = Setup::new();
    let rows = UpdateRecords::of(PartTarget::Rows)
        .set("amount", FieldSource::target_formula("amount * this_quantity").unwrap());
    let append = UpdateRecords::this().set_in_row("line", "3").set_in_row("name", FieldSource::field("title"));
    let run = setup.run([Part::new("rows", "明細", rows), Part::new("add", "追加", append)], &["1"]);
    assert_eq!(ended(&run), (JobState::Completed, 1, 0));
    let amounts = |number: &str| {
        let record = setup.store().records("orders").view(number).unwrap();
        record.rows().iter().map(|row| (row.text("name"), row.text("amount"))).collect::<Vec<_>>()
    };
    let pair = |name: &str, amount: &str| (name.to_owned(), amount.to_owned());
    assert_eq!(amounts("1"), [pair("甲", "200"), pair("乙", "40"), pair("件名1", "")]);

    let large = Branch::on(Condition::at_least("amount", 100))
        .then(Part::new("mark", "印", UpdateRecords::this().set("name", FieldSource::template("${title}の${name}"))))
        .then(Part::new("log", "記録", RegisterRecord::of("logs").set("what", FieldSource::field("name"))))
        .otherwise(Part::new(
            "head",
            "件名",
            UpdateRecords::of(PartTarget::Record).set("memo", FieldSource::field("name")),
        ));
    let run = setup.run_of(automation().for_detail_rows().part(Part::new("large", "大口", large)), &["2", "3"]);
    assert_eq!((run.total, ended(&run)), (4, (JobState::Completed, 4, 0)));
    assert_eq!(amounts("2"), [pair("件名2の甲", "100"), pair("乙", "20")]);
    assert_eq!(setup.text("2", "memo"), "乙");
    assert_eq!(setup.store().count("logs", None).unwrap(), 2);
}

#[test]
fn an_error_stops_the_record_or_the_run() {
    let setup = Setup::new();
    let parts = || {
        [
            Part::new("first", "先", UpdateRecords::this().set("memo", "先")),
            Part::new("bad", "失敗", UpdateRecords::this().set("state", FieldSource::field("memo"))),
            Part::new("last", "後", UpdateRecords::this().set("memo", "後")),
        ]
    };
    setup.store().records("orders").update("2", &Values::new().set("memo", "x")).unwrap();
    let run = setup.run(
        [Part::new(
            "if",
            "条件",
            Branch::on(Condition::is_empty("memo")).then(Part::new(
                "ok",
                "済",
                UpdateRecords::this().set("state", "済"),
            )),
        )]
        .into_iter()
        .chain(parts()),
        &["1", "2", "3"],
    );
    assert_eq!(ended(&run), (JobState::Completed, 0, 3));
    assert_eq!(["1", "2", "3"].map(|number| setup.text(number, "memo")), ["先", "先", "先"]);
    let entries = setup.store().automation_entries(run.run_id, None, 100).unwrap();
    let failed: Vec<_> = entries.iter().filter(|entry| entry.state == EntryState::Failed).collect();
    assert_eq!(failed.len(), 3);
    assert!(failed.iter().all(|entry| entry.part == "bad" && entry.error.as_ref().unwrap().code == "record.invalid"));

    let run = setup.run_of(parts().into_iter().fold(automation().stop_on_error(), Automation::part), &["1", "2", "3"]);
    assert_eq!((ended(&run), run.unprocessed), ((JobState::Failed, 0, 1), 2));
    assert_eq!(run.error.unwrap().code, "record.invalid");
}

#[test]
fn a_record_that_is_gone_is_a_failure_of_its_own() {
    let setup = Setup::new();
    let parts = [
        Part::new("other", "最後を削除", SearchRecords::here(Condition::equals("number", "3"))),
        Part::new("delete", "削除", DeleteRecords::of(PartTarget::found("other"), 5)),
        Part::new("log", "記録", RegisterRecord::of("logs").set("what", "x")),
    ];
    let run = setup.run(parts, &["1", "3", "2"]);
    assert_eq!(ended(&run), (JobState::Completed, 2, 1));
    let entries = setup.store().automation_entries(run.run_id, None, 100).unwrap();
    let failed: Vec<_> = entries.iter().filter(|entry| entry.state == EntryState::Failed).collect();
    assert_eq!((failed.len(), failed[0].item), (1, 2));
    assert_eq!(failed[0].error.as_ref().unwrap().code, "record.not_found");
}

#[test]
fn of_many_records_those_that_refuse_are_counted() {
    let setup = Setup::new();
    let parts = [
        Part::new("all", "全て", SearchRecords::here(Condition::default())),
        Part::new(
            "halve",
            "半分",
            UpdateRecords::of(PartTarget::found("all"))
                .set("total", FieldSource::target_formula("12 / (quantity - 3)").unwrap()),
        ),
    ];
    let run = setup.run(parts, &["1"]);
    assert_eq!(ended(&run), (JobState::Completed, 0, 1));
    let entry = &setup.store().automation_entries(run.run_id, None, 100).unwrap()[1];
    assert_eq!((entry.state, entry.records, entry.refused), (EntryState::Failed, 2, 1));
    let error = entry.error.as_ref().unwrap();
    assert_eq!(error.code, "automation.refused");
    assert!(error.en.contains("divides by zero") && error.ja.contains("0で割っています"), "{error:?}");
    assert_eq!(setup.text("3", "total"), "12.00");
}

#[test]
fn it_is_started_from_the_menus_of_lists() {
    let setup = Setup::new();
    let store = setup.store();
    let all = [AutomationTrigger::Button, AutomationTrigger::Pulldown, AutomationTrigger::SubMenu];
    let part = Part::new("set", "更新", UpdateRecords::this().set("state", "済"));
    let close = all.into_iter().fold(Automation::new("orders", "close", "完了"), Automation::on).part(part.clone());
    let entry = || MenuEntry::Automation("close".into());
    let list = || List::new("orders", "all", "一覧").column("number");
    let menu = list().button(entry()).pulldown(entry()).sub_menu(entry());
    let blueprint = Blueprint::new().automation(close.clone()).list(menu.clone());
    assert_eq!(store.apply(&blueprint).unwrap().len(), 2);
    assert!(store.apply(&blueprint).unwrap().is_empty());
    assert_eq!(store.blueprint().unwrap().automations.len(), 1);
    assert_eq!(store.automations("orders").unwrap()[0].name, "完了");

    let start = |request: &AutomationRequest| store.start_automation(request);
    let one = start(&AutomationRequest::button("orders", "all", "close", "1").memo("メモ").token("t")).unwrap();
    assert_eq!((one.total, one.trigger, one.memo.as_str()), (1, Trigger::Button, "メモ"));
    assert_eq!(start(&AutomationRequest::button("orders", "all", "close", "1").token("t")).unwrap().run_id, one.run_id);
    let two = start(&AutomationRequest::pulldown("orders", "all", "close", ["2", "3", "2"])).unwrap();
    assert_eq!((two.total, two.list_id.is_some()), (2, true));
    let filtered = AutomationRequest::sub_menu("orders", "all", "close").filter(Condition::equals("item", "A"));
    assert_eq!(start(&filtered).unwrap().total, 2);
    assert_eq!(start(&AutomationRequest::sub_menu("orders", "all", "close")).unwrap().total, 3);
    setup.work();
    assert_eq!(setup.text("2", "state"), "済");
    assert_eq!(store.automation_runs(None, 10).unwrap().len(), 4);

    let refused = |request: AutomationRequest| start(&request).unwrap_err().code();
    assert_eq!(refused(AutomationRequest::button("orders", "all", "close", "9")), Code::RecordNotFound);
    assert_eq!(refused(AutomationRequest::pulldown("orders", "all", "close", ["1"; 101])), Code::AutomationRecords);
    let none: [&str; 0] = [];
    assert_eq!(refused(AutomationRequest::pulldown("orders", "all", "close", none)), Code::AutomationRecords);
    assert_eq!(refused(filtered.filter(Condition::equals("number", "x"))), Code::AutomationRecords);
    assert_eq!(refused(AutomationRequest::run_now("orders", "close")), Code::AutomationTrigger);
    assert_eq!(refused(AutomationRequest::call("orders", "close")), Code::AutomationTrigger);
    assert_eq!(refused(AutomationRequest::button("orders", "none", "close", "1")), Code::DefinitionNotFound);

    // What stands in a menu stays, is started there only, and follows another code.
    let in_use = store.remove_definition(DefinitionKind::Automation, "orders", "close").unwrap_err();
    assert_eq!(in_use.code(), Code::DefinitionInUse);
    let kept = store.automations("orders").unwrap().remove(0);
    store.apply(&Blueprint::new().automation(Automation { code: "done".into(), ..kept })).unwrap();
    assert_eq!(store.list("orders", "all").unwrap().menu.buttons, [MenuEntry::Automation("done".into())]);
    let button = Automation::new("orders", "only", "ボタンのみ").on(AutomationTrigger::Button).part(part);
    store.apply(&Blueprint::new().automation(button)).unwrap();
    let only = MenuEntry::Automation("only".into());
    let error = store.apply(&Blueprint::new().list(list().sub_menu(only.clone()))).unwrap_err();
    assert_eq!(error.code(), Code::DefinitionInvalid);
    store.apply(&Blueprint::new().list(list())).unwrap();
    assert_eq!(refused(AutomationRequest::button("orders", "all", "only", "1")), Code::MenuAbsent);
    store.remove_definition(DefinitionKind::Automation, "orders", "only").unwrap();
    assert_eq!(store.automations("orders").unwrap().len(), 1);
}

#[test]
fn what_is_started_at_once_takes_the_records_of_its_condition() {
    let setup = Setup::new();
    let part = Part::new("set", "更新", UpdateRecords::this().set("state", "済"));
    let small = automation().filter(Condition::at_most("quantity", 3)).part(part);
    setup.store().apply(&Blueprint::new().automation(small.clone())).unwrap();
    let run = setup.store().start_automation(&AutomationRequest::run_now("orders", "auto")).unwrap();
    assert_eq!(run.total, 2);
    // Whoever names records means those.
    let run = setup.store().start_automation(&AutomationRequest::call("orders", "auto").records(["3"])).unwrap();
    assert_eq!(run.total, 1);
    setup.work();
    assert_eq!(["1", "2", "3"].map(|number| setup.text(number, "state")), ["済", "済", "済"]);
    setup.store().apply(&Blueprint::new().automation(small.enabled(false))).unwrap();
    let error = setup.store().start_automation(&AutomationRequest::run_now("orders", "auto")).unwrap_err();
    assert_eq!(error.code(), Code::AutomationDisabled);
}

#[test]
fn definitions_are_judged_when_they_are_saved() {
    let setup = Setup::new();
    let set = |update: UpdateRecords| automation().part(Part::new("p", "パーツ", update));
    let this = UpdateRecords::this;
    let nothing = || Part::new("n", "何も", this().set("memo", "x"));
    let find = || SearchRecords::here(Condition::default());
    let cases: Vec<(Automation, Code, &str)> = vec![
        (Automation::new("nowhere", "a", "a"), Code::DatabaseNotFound, "nowhere"),
        (Automation { triggers: vec![], ..set(this().set("memo", "x")) }, Code::DefinitionInvalid, "never be started"),
        (automation(), Code::DefinitionInvalid, "no parts"),
        (automation().on(AutomationTrigger::Api).part(nothing()), Code::DefinitionInvalid, "twice"),
        (automation().part(nothing()).part(nothing()), Code::DefinitionInvalid, "same code"),
        (set(this()), Code::DefinitionInvalid, "sets no field"),
        (set(this().set("nothing", "x")), Code::DefinitionInvalid, "no field \"nothing\""),
        (set(this().set("number", "x")), Code::DefinitionInvalid, "key"),
        (set(this().set("memo", "x").set("メモ", "y")), Code::DefinitionInvalid, "twice"),
        (set(this().set("state", "無い")), Code::DefinitionInvalid, "choices"),
        (set(this().set("memo", FieldSource::field("nothing"))), Code::DefinitionInvalid, "nothing"),
        (set(this().set("memo", FieldSource::field("amount"))), Code::DefinitionInvalid, "many"),
        (set(this().set("memo", FieldSource::template("${nothing}"))), Code::TemplateField, "nothing"),
        (set(this().set("memo", FieldSource::template("${"))), Code::TemplateSyntax, "closed"),
        (set(this().set("memo", FieldSource::formula("1").unwrap())), Code::DefinitionInvalid, "no calculation"),
        (set(this().set("total", FieldSource::formula("title").unwrap())), Code::DefinitionInvalid, "no number"),
        (set(this().set("memo", FieldSource::found("x", "y"))), Code::DefinitionInvalid, "no search part"),
        (set(UpdateRecords::of(PartTarget::found("x")).set("memo", "x")), Code::DefinitionInvalid, "no search part"),
        (
            automation().part(Part::new("r", "登録", RegisterRecord::of("logs").set("sum", 1))),
            Code::DefinitionInvalid,
            "required field \"what\"",
        ),
        (
            automation().part(Part::new("r", "登録", RegisterRecord::of("nowhere"))),
            Code::DatabaseNotFound,
            "the automation \"auto\": part \"r\": There is no database \"nowhere\"",
        ),
        (
            automation().part(Part::new("s", "検索", SearchRecords::of("items", Condition::equals("state", "x")))),
            Code::DefinitionInvalid,
            "state",
        ),
        (
            automation().part(Part::new(
                "s",
                "検索",
                SearchRecords::of("items", Condition::contains("stock", "${title}")),
            )),
            Code::DefinitionInvalid,
            "contains",
        ),
        (automation().part(Part::new("s", "検索", find().limit(0))), Code::DefinitionInvalid, "limit"),
        (
            automation().part(Part::new(
                "s",
                "検索",
                find().none(Part::new("p", "更新", UpdateRecords::of(PartTarget::found("s")).set("memo", "x"))),
            )),
            Code::DefinitionInvalid,
            "no search part",
        ),
        (automation().part(Part::end("e", "終了")).part(nothing()), Code::DefinitionInvalid, "never be run"),
        (
            automation()
                .part(Part::new(
                    "c",
                    "条件",
                    Branch::on(Condition::is_empty("memo")).then(Part::end("a", "終")).otherwise(Part::end("b", "終")),
                ))
                .part(nothing()),
            Code::DefinitionInvalid,
            "never be run",
        ),
        (
            automation().part(Part::new("c", "条件", Branch::on(Condition::default()).otherwise(nothing()))),
            Code::DefinitionInvalid,
            "never be run",
        ),
        (
            automation().part(Part::new("d", "削除", DeleteRecords::of(PartTarget::This, 0))),
            Code::DefinitionInvalid,
            "most",
        ),
        (
            automation().for_detail_rows().part(Part::new("d", "削除", DeleteRecords::of(PartTarget::This, 1))),
            Code::DefinitionInvalid,
            "detail rows",
        ),
        (
            Automation { database: "items".into(), ..automation() }.part(Part::approve("a", "承認", PartTarget::This)),
            Code::ApprovalAbsent,
            "items",
        ),
        (
            Automation { database: "items".into(), ..automation() }.for_detail_rows().part(nothing()),
            Code::DetailsAbsent,
            "items",
        ),
        (set(this().set("memo", "x")).report(renkei::Report::by("nobody")), Code::DefinitionNotFound, "nobody"),
    ];
    for (case, code, said) in cases {
        let shown = format!("{case:?}");
        let error = setup.refused(case);
        let told = error.message(Language::English);
        assert!(error.code() == code && told.contains(said), "{told} ({:?}): {shown}", error.code());
    }
    let unknown = r#"{"automations": [{"database": "orders", "code": "a", "name": "a", "triggers": ["api"],
        "parts": [{"code": "p", "name": "p", "action": {"type": "end", "now": true}}]}]}"#;
    assert!(Blueprint::from_json(unknown).unwrap_err().to_string().contains("now"));
    let many = (0..101).map(|at| Part::new(format!("p{at}"), "p", UpdateRecords::this().set("memo", "x")));
    let error = setup.refused(many.fold(automation(), Automation::part));
    assert!(error.to_string().contains("at most 100"), "{error}");
    let deep = (0..20).fold(nothing(), |part, at| {
        Part::new(format!("c{at}"), "条件", Branch::on(Condition::is_empty("memo")).then(part))
    });
    assert!(setup.refused(automation().part(deep)).to_string().contains("16 deep"));
}

#[test]
fn names_follow_what_is_renamed() {
    let setup = Setup::new();
    let store = setup.store();
    let search =
        SearchRecords::of("items", Condition::equals("code", "${item}")).sort(Sort::ascending("stock")).hit(Part::new(
            "take",
            "減らす",
            UpdateRecords::of(PartTarget::found("find"))
                .set("stock", FieldSource::target_formula("stock - this_quantity").unwrap()),
        ));
    let set = UpdateRecords::this()
        .set("state", "済")
        .set("total", FieldSource::formula("quantity * price").unwrap())
        .set("memo", FieldSource::found("find", "name"));
    let log = RegisterRecord::of("logs").set("what", FieldSource::template("${title} ${item.name}"));
    let parts = [Part::new("find", "探す", search), Part::new("set", "更新", set), Part::new("log", "記録", log)];
    let automation = parts.into_iter().fold(automation().filter(Condition::equals("state", "新規")), Automation::part);
    store.apply(&Blueprint::new().automation(automation)).unwrap();
    let mut all = store.blueprint().unwrap();
    for database in &mut all.databases {
        for field in &mut database.fields {
            match field.code.as_str() {
                "stock" => field.code = "zaiko".into(),
                "quantity" => field.code = "suryo".into(),
                "title" => field.code = "kenmei".into(),
                "name" => field.code = "namae".into(),
                "what" => field.code = "nani".into(),
                "state" => {
                    if let renkei::FieldKind::Choice { choices } = &mut field.kind {
                        choices[2].label = "完了".into();
                    }
                }
                _ => {}
            }
        }
        if database.code == "logs" {
            database.code = "rireki".into();
        }
    }
    store.apply(&Blueprint { databases: all.databases, ..Blueprint::new() }).unwrap();
    let json = serde_json::to_string(&store.automations("orders").unwrap()[0]).unwrap();
    for word in [
        "zaiko - this_quantity",
        "suryo * price",
        "${kenmei} ${item.namae}",
        "\"namae\"",
        "\"rireki\"",
        "\"nani\"",
        "完了",
    ] {
        assert!(json.contains(word), "{word}: {json}");
    }
    // A field that an automation names stays in use.
    let mut orders = store.database("orders").unwrap();
    orders.fields.iter_mut().find(|field| field.code == "price").unwrap().retired = true;
    let error = store.apply(&Blueprint::new().database(orders)).unwrap_err();
    assert_eq!(error.code(), Code::DefinitionInUse);
    assert!(error.to_string().contains("auto"), "{error}");
}

#[test]
fn a_dry_run_tells_all_and_changes_nothing() {
    let setup = Setup::new();
    let store = setup.store();
    let parts = [
        Part::new("log", "記録", RegisterRecord::of("logs").set("what", FieldSource::template("${number}"))),
        Part::new(
            "bad",
            "失敗",
            Branch::on(Condition::equals("number", "2")).then(Part::new(
                "fail",
                "失敗",
                UpdateRecords::this().set("state", FieldSource::field("title")),
            )),
        ),
        Part::new("delete", "削除", DeleteRecords::of(PartTarget::This, 10)),
    ];
    let automation = parts.into_iter().fold(automation(), Automation::part);
    store.apply(&Blueprint::new().automation(automation)).unwrap();
    let before = serde_json::to_string(&store.query("orders", &Default::default()).unwrap()).unwrap();
    let plan = store.plan_automation(&AutomationRequest::run_now("orders", "auto")).unwrap();
    assert_eq!((plan.total, plan.completed, plan.failed, plan.error), (3, 2, 1, None));
    assert_eq!(plan.entries.iter().filter(|entry| entry.state == EntryState::Failed).count(), 1);
    assert_eq!(plan.entries.len(), 3 + 3 + 1 + 2);
    assert_eq!(serde_json::to_string(&store.query("orders", &Default::default()).unwrap()).unwrap(), before);
    assert_eq!(store.count("logs", None).unwrap(), 0);
    assert!(store.automation_runs(None, 10).unwrap().is_empty());
}

#[test]
fn a_run_waits_is_cancelled_and_is_kept_for_a_time() {
    let setup = Setup::new();
    let store = setup.store();
    let part = Part::new("set", "更新", UpdateRecords::this().set("state", "済"));
    store.apply(&Blueprint::new().automation(automation().part(part))).unwrap();
    let start = || store.start_automation(&AutomationRequest::run_now("orders", "auto")).unwrap().run_id;
    let first = start();
    store.cancel_automation(first).unwrap();
    assert_eq!(store.cancel_automation(first).unwrap_err().code(), Code::JobState);
    setup.work();
    let run = store.automation_run(first).unwrap();
    assert_eq!((run.state, run.unprocessed), (JobState::Cancelled, 3));
    let second = start();
    let handle = Worker::new(store).start().unwrap();
    let run = store.wait_automation(second, Duration::from_secs(120)).unwrap();
    assert_eq!(ended(&run), (JobState::Completed, 3, 0));
    handle.stop();
    setup.fixture.clock.advance(Duration::from_secs(91 * 24 * 60 * 60));
    Worker::new(store).sweep().unwrap();
    assert_eq!(store.automation_run(second).unwrap_err().code(), Code::JobNotFound);
    assert_eq!(store.automation_entries(second, None, 1).unwrap_err().code(), Code::JobNotFound);
    setup.fixture.check_file();
}

#[test]
fn who_may_define_and_who_may_start() {
    let setup = Setup::new();
    let store = setup.store();
    let view = |code: &str| User::new(code, code).allow("orders", [Right::View]);
    let users = Blueprint::new()
        .user(view("viewer"))
        .user(User::new("editor", "編集").allow("orders", [Right::View, Right::Update]))
        .user(User::new("manager", "管理").allow("orders", [Right::View, Right::Update, Right::Manage]));
    store.apply(&users).unwrap();
    let log = || automation().part(Part::new("log", "記録", RegisterRecord::of("logs").set("what", "x")));
    let own = || {
        automation().part(Part::new(
            "set",
            "更新",
            UpdateRecords::this().set("memo", FieldSource::template("${@user}")),
        ))
    };
    let manager = store.as_user("manager").unwrap();
    // What it does elsewhere, who defines it must be able to do himself.
    assert_eq!(manager.apply(&Blueprint::new().automation(log())).unwrap_err().code(), Code::AccessDenied);
    manager.apply(&Blueprint::new().automation(own())).unwrap();
    let editor = store.as_user("editor").unwrap();
    assert_eq!(editor.apply(&Blueprint::new().automation(own())).unwrap_err().code(), Code::AccessDenied);
    let request = AutomationRequest::call("orders", "auto").records(["1"]);
    assert_eq!(store.as_user("viewer").unwrap().start_automation(&request).unwrap_err().code(), Code::AccessDenied);
    let run = editor.start_automation(&request).unwrap();
    setup.work();
    assert_eq!(editor.automation_run(run.run_id).unwrap().completed, 1);
    assert_eq!(store.as_user("viewer").unwrap().automation_runs(None, 5).unwrap().len(), 1);
    let record = store.records("orders").view("1").unwrap();
    assert_eq!((record.text("memo").as_str(), record.updated_by()), ("editor", Some("editor")));
}

#[test]
fn many_records_are_run_beside_other_writers() {
    let setup = Setup::new();
    let store = setup.store();
    let many: Vec<Values> = (0..20_000)
        .map(|at| Values::new().set("number", format!("m{at:05}")).set("title", "多").set("quantity", at))
        .collect();
    store.records("orders").register_all(&many, &Default::default()).unwrap();
    let half = UpdateRecords::this().set("total", FieldSource::formula("quantity * 2").unwrap());
    let automation = automation().part(Part::new("set", "更新", half)).filter(Condition::equals("title", "多"));
    store.apply(&Blueprint::new().automation(automation)).unwrap();
    let run = store.start_automation(&AutomationRequest::run_now("orders", "auto")).unwrap().run_id;
    let handle = Worker::new(store).start().unwrap();
    let mut longest = Duration::ZERO;
    let mut wrote = 0;
    while !store.automation_run(run).unwrap().state.is_ended() {
        let began = std::time::Instant::now();
        store.records("items").update("A", &Values::new().set("stock", wrote)).unwrap();
        longest = longest.max(began.elapsed());
        wrote += 1;
    }
    handle.stop();
    println!("{wrote} writes beside it, the longest {longest:?}");
    let run = store.automation_run(run).unwrap();
    assert_eq!(ended(&run), (JobState::Completed, 20_000, 0));
    assert_eq!(setup.text("m12345", "total"), "24690.00");
    assert!(wrote >= 10, "{wrote} writes beside it, the longest {longest:?}");
}
