//! What starts automations by itself: records, imports, timers, mails.

mod common;

use std::time::Duration;

use common::Fixture;
use renkei::{
    Automation, AutomationRequest, AutomationRun, AutomationTrigger, Blueprint, Branch, Code, Condition, Database,
    DefinitionKind, DetailRow, Field, FieldSource, ImportRequest, ImportSetting, ImportTrigger, JobState, Limits,
    MailField, MailTrigger, Missed, Part, PartTarget, ReceivedMail, RegisterRecord, RegisteredTrigger, Right, Schedule,
    SearchRecords, Store, Trigger, UpdateRecords, UpdatedTrigger, User, Values, Worker,
};

fn setup() -> Fixture {
    let orders = Database::new("orders", "受注")
        .field(Field::key("number", "番号"))
        .field(Field::text("title", "件名").required())
        .field(Field::choice("state", "状態", &["新規", "済"]))
        .field(Field::number("count", "回数", 0))
        .field(Field::multiline("memo", "メモ"))
        .detail(Field::text("item", "品名"));
    let logs = Database::new("logs", "履歴")
        .field(Field::auto_key("id", "番号", Default::default()))
        .field(Field::text("what", "内容"));
    let fixture = Fixture::of([orders, logs]);
    let import = ImportSetting::new("orders", "daily", "日次").column("number").column("title");
    let other = ImportSetting::new("orders", "other", "他").column("number").column("title");
    fixture.store.apply(&Blueprint::new().import(import).import(other)).unwrap();
    fixture
}

fn work(store: &Store) {
    Worker::new(store).run_until_idle().unwrap();
}

fn log(text: &str) -> Part {
    Part::new("log", "記録", RegisterRecord::of("logs").set("what", FieldSource::template(text)))
}

fn automation(code: &str, trigger: AutomationTrigger) -> Automation {
    Automation::new("orders", code, code).on(trigger)
}

fn apply(store: &Store, automation: Automation) {
    store.apply(&Blueprint::new().automation(automation)).unwrap();
}

fn register(store: &Store, number: &str, title: &str) {
    store.records("orders").register(&Values::new().set("number", number).set("title", title)).unwrap();
}

fn logs(store: &Store) -> Vec<String> {
    store.query("logs", &Default::default()).unwrap().records.iter().map(|record| record.text("what")).collect()
}

fn runs(store: &Store) -> Vec<AutomationRun> {
    let mut runs = store.automation_runs(None, 100).unwrap();
    runs.reverse();
    runs
}

fn import(fixture: &Fixture, setting: &str, csv: &str) {
    let path = fixture.dir.path().join("in.csv");
    std::fs::write(&path, csv).unwrap();
    fixture.store.reserve_import(&ImportRequest::path("orders", setting, &path)).unwrap();
    work(&fixture.store);
}

#[test]
fn a_registered_record_starts_it() {
    let fixture = setup();
    let store = &fixture.store;
    register(store, "0", "前");
    let large = RegisteredTrigger { condition: Some(Condition::starts_with("title", "大")), imports: false };
    apply(store, automation("new", AutomationTrigger::Registered(large)).part(log("${number} ${title}")));
    register(store, "1", "大きい");
    register(store, "2", "小さい");
    store.records("orders").update("2", &Values::new().set("title", "大きくなる")).unwrap();
    let many: Vec<Values> =
        (10..15).map(|at| Values::new().set("number", at).set("title", format!("大{at}"))).collect();
    store.records("orders").register_all(&many, &Default::default()).unwrap();
    work(store);
    assert_eq!(logs(store), ["1 大きい", "10 大10", "11 大11", "12 大12", "13 大13", "14 大14"]);
    // What happened together for the same reason is one run.
    let made: Vec<(Trigger, u64)> = runs(store).iter().map(|run| (run.trigger, run.total)).collect();
    assert_eq!(made, [(Trigger::Registered, 6)]);
    import(&fixture, "daily", "番号,件名\n20,大量\n");
    assert_eq!(logs(store).len(), 6);
    apply(
        store,
        automation("new", AutomationTrigger::Registered(RegisteredTrigger { condition: None, imports: true }))
            .part(log("${number}")),
    );
    import(&fixture, "daily", "番号,件名\n21,x\n22,y\n20,変更\n");
    assert_eq!(logs(store)[6..], ["21", "22"]);
    // Out of use, or gone, it hears nothing.
    let kept = store.automations("orders").unwrap().remove(0);
    apply(store, kept.clone().enabled(false));
    register(store, "30", "x");
    work(store);
    apply(store, kept);
    work(store);
    assert_eq!(logs(store).len(), 8);
    store.remove_definition(DefinitionKind::Automation, "orders", "new").unwrap();
    register(store, "31", "x");
    work(store);
    assert_eq!(logs(store).len(), 8);
    fixture.check_file();
}

#[test]
fn a_changed_field_starts_it_and_no_other() {
    let fixture = setup();
    let store = &fixture.store;
    let done = UpdatedTrigger {
        fields: vec!["state".into()],
        condition: Some(Condition::equals("state", "済")),
        imports: false,
    };
    let count = UpdateRecords::this().set("count", FieldSource::target_formula("or(count, 0) + 1").unwrap());
    apply(store, automation("done", AutomationTrigger::Updated(done)).part(Part::new("count", "数える", count)));
    register(store, "1", "x");
    let orders = store.records("orders");
    let set = |field: &str, value: &str| {
        orders.update("1", &Values::new().set(field, value)).unwrap();
        work(store);
        orders.view("1").unwrap().text("count")
    };
    assert_eq!(set("title", "y"), "");
    assert_eq!(set("state", "新規"), "");
    assert_eq!(set("state", "済"), "1");
    assert_eq!(set("state", "済"), "1");
    assert_eq!(set("memo", "z"), "1");
    assert_eq!(set("state", "新規"), "1");
    assert_eq!(set("state", "済"), "2");
    // Who changed it is who runs it.
    store
        .apply(&Blueprint::new().user(User::new("taro", "太郎").allow("orders", [Right::View, Right::Update])))
        .unwrap();
    set("state", "新規");
    store.as_user("taro").unwrap().records("orders").update("1", &Values::new().set("state", "済")).unwrap();
    work(store);
    let record = orders.view("1").unwrap();
    assert_eq!((record.text("count").as_str(), record.updated_by()), ("3", Some("taro")));
    fixture.check_file();
}

#[test]
fn detail_rows_of_a_registered_record_are_units() {
    let fixture = setup();
    let store = &fixture.store;
    apply(store, automation("rows", AutomationTrigger::registered()).for_detail_rows().part(log("${number} ${item}")));
    let row = |item: &str| DetailRow::new().set("item", item);
    let values = Values::new().set("number", "1").set("title", "x").row(row("甲")).row(row("乙"));
    store.records("orders").register(&values).unwrap();
    work(store);
    assert_eq!(logs(store), ["1 甲", "1 乙"]);
}

#[test]
fn the_end_of_an_import_starts_it() {
    let fixture = setup();
    let store = &fixture.store;
    let after = automation("after", AutomationTrigger::after_import("daily"))
        .filter(Condition::equals("title", "対象"))
        .part(log("${number}"));
    apply(store, after);
    import(&fixture, "daily", "番号,件名\n1,対象\n2,他\n3,対象\n");
    assert_eq!(logs(store), ["1", "3"]);
    assert_eq!((runs(store).len(), runs(store)[0].trigger), (1, Trigger::AfterImport));
    import(&fixture, "other", "番号,件名\n4,対象\n");
    assert_eq!(runs(store).len(), 1);
    apply(store, automation("any", AutomationTrigger::AfterImport(ImportTrigger::default())).part(log("any")));
    import(&fixture, "other", "番号,件名\n5,対象\n");
    assert_eq!(runs(store).len(), 2);
    fixture.check_file();
}

#[test]
fn a_run_for_too_many_fails_and_holds_up_nobody() {
    let fixture = setup();
    let mut limits = Limits::default();
    limits.automation_records = 2;
    let store = Store::options().limits(limits).open(fixture.store.path()).unwrap();
    apply(&store, automation("after", AutomationTrigger::after_import("daily")).part(log("${number}")));
    let rows = automation("rows", AutomationTrigger::registered()).for_detail_rows().part(log("${item}"));
    apply(&store, rows);
    let path = fixture.dir.path().join("in.csv");
    std::fs::write(&path, "番号,件名\n1,a\n2,b\n3,c\n").unwrap();
    store.reserve_import(&ImportRequest::path("orders", "daily", &path)).unwrap();
    let mut many = Values::new().set("number", "4").set("title", "d");
    for item in ["あ", "い", "う"] {
        many = many.row(DetailRow::new().set("item", item));
    }
    work(&store);
    store.records("orders").register(&many).unwrap();
    work(&store);
    let found: Vec<_> =
        runs(&store).into_iter().map(|run| (run.trigger, run.state, run.error.map(|error| error.code))).collect();
    let code = || Some("automation.records".to_owned());
    let wanted = [(Trigger::AfterImport, JobState::Failed, code()), (Trigger::Registered, JobState::Failed, code())];
    assert_eq!(found, wanted);
    assert!(logs(&store).is_empty());
    fixture.check_file();
}

#[test]
fn a_timer_starts_it_and_missed_runs_are_as_said() {
    let fixture = setup();
    let store = &fixture.store;
    register(store, "1", "x");
    // It is 09:30 in Japan.
    let daily = || Schedule::daily(["10:00".parse().unwrap()]);
    apply(store, automation("timer", AutomationTrigger::timer(daily())).part(log("${number} ${@now}")));
    work(store);
    assert!(logs(store).is_empty());
    fixture.clock.advance(Duration::from_secs(30 * 60));
    work(store);
    assert_eq!(logs(store), ["1 2026-01-31 10:00:00"]);
    work(store);
    assert_eq!(logs(store).len(), 1);
    // Three days without a worker: one run for all.
    fixture.clock.advance(Duration::from_secs(3 * 24 * 60 * 60 + 3_600));
    work(store);
    assert_eq!(logs(store).len(), 2);
    let skip = Schedule { missed: Missed::Skip, ..daily() };
    apply(store, automation("timer", AutomationTrigger::timer(skip)).part(log("${number}")));
    fixture.clock.advance(Duration::from_secs(2 * 24 * 60 * 60));
    work(store);
    assert_eq!(logs(store).len(), 2);
    let plan = store.automations("orders").unwrap().remove(0);
    store.remove_definition(DefinitionKind::Automation, "orders", "timer").unwrap();
    fixture.clock.advance(Duration::from_secs(24 * 60 * 60));
    work(store);
    assert_eq!(logs(store).len(), 2);
    let bad = Schedule { time_zone: Some("Nowhere/Nothing".into()), ..daily() };
    let bad = Automation { id: None, triggers: vec![AutomationTrigger::timer(bad)], ..plan };
    assert_eq!(store.apply(&Blueprint::new().automation(bad)).unwrap_err().code(), Code::DefinitionInvalid);
    fixture.check_file();
}

#[test]
fn a_templated_mail_becomes_a_record_and_starts_it() {
    let fixture = setup();
    let store = &fixture.store;
    let field = |label: &str, field: &str| MailField { label: label.into(), field: field.into() };
    let mail = MailTrigger {
        from: vec!["form@example.com".into()],
        subject: "お問い合わせ".into(),
        fields: vec![field("番号：", "number"), field("件名：", "title"), field("内容：", "memo")],
    };
    apply(store, automation("mail", AutomationTrigger::TemplatedMail(mail)).part(log("${title}（${@memo}）")));
    let text = "番号：M-1\n件名：見積の依頼\n内容：\n一行目\n二行目\n";
    let received = ReceivedMail::new("Form <form@example.com>", "【お問い合わせ】", text).message_id("<1@example.com>");
    let run = store.receive_mail("orders", "mail", &received).unwrap();
    assert_eq!((run.trigger, run.total), (Trigger::TemplatedMail, 1));
    assert_eq!(store.receive_mail("orders", "mail", &received).unwrap().run_id, run.run_id);
    work(store);
    assert_eq!(store.records("orders").view("M-1").unwrap().text("memo"), "一行目\n二行目");
    assert_eq!(logs(store), ["見積の依頼（【お問い合わせ】）"]);
    let refused = |mail: &ReceivedMail| store.receive_mail("orders", "mail", mail).unwrap_err().code();
    assert_eq!(refused(&ReceivedMail::new("x@example.com", "お問い合わせ", text)), Code::AutomationMail);
    assert_eq!(refused(&ReceivedMail::new("form@example.com", "別件", text)), Code::AutomationMail);
    assert_eq!(refused(&ReceivedMail::new("form@example.com", "お問い合わせ", "本文")), Code::AutomationMail);
    assert_eq!(refused(&ReceivedMail::new("form@example.com", "お問い合わせ", text)), Code::RecordInvalid);
    assert_eq!(store.count("orders", None).unwrap(), 1);
    apply(store, automation("other", AutomationTrigger::Api).part(log("x")));
    assert_eq!(store.receive_mail("orders", "other", &received).unwrap_err().code(), Code::AutomationTrigger);
    fixture.check_file();
}

#[test]
fn automations_that_start_one_another_are_seen_or_cut() {
    let fixture = setup();
    let store = &fixture.store;
    let count = |code: &str| {
        let count = UpdateRecords::this().set("count", FieldSource::target_formula("or(count, 0) + 1").unwrap());
        Part::new(code, "数える", count)
    };
    // What can be seen is refused when it is saved.
    let own = automation("own", AutomationTrigger::updated(Vec::<String>::new())).part(count("c"));
    let error = store.apply(&Blueprint::new().automation(own)).unwrap_err();
    assert!(error.code() == Code::DefinitionInvalid && error.to_string().contains("own → own"), "{error}");
    let ping = automation("ping", AutomationTrigger::updated(["count"])).part(Part::new(
        "memo",
        "メモ",
        UpdateRecords::this().set("memo", FieldSource::template("${count}")),
    ));
    let pong = automation("pong", AutomationTrigger::updated(["memo"])).part(count("c"));
    apply(store, ping.clone());
    let error = store.apply(&Blueprint::new().automation(pong.clone())).unwrap_err();
    assert!(error.to_string().contains("ping → pong → ping"), "{error}");
    assert_eq!(store.automations("orders").unwrap().len(), 1);
    // Other fields, or a condition, may end it.
    apply(store, automation("pong", AutomationTrigger::updated(["state"])).part(count("c")));
    let endless = UpdatedTrigger {
        fields: vec!["memo".into()],
        condition: Some(Condition::is_not_empty("memo")),
        imports: false,
    };
    apply(store, automation("pong", AutomationTrigger::Updated(endless)).part(count("c")));
    register(store, "1", "x");
    store.records("orders").update("1", &Values::new().set("count", 1)).unwrap();
    for _ in 0..30 {
        work(store);
    }
    let runs = runs(store);
    let last = runs.last().unwrap();
    assert_eq!((runs.len(), last.state, last.chain.len()), (11, JobState::Failed, 10));
    let error = last.error.as_ref().unwrap();
    assert_eq!(error.code, "event.loop");
    assert!(error.en.contains("ping") && error.en.contains("pong"), "{error:?}");
    assert!(last.chain[0].starts_with("ping (") && last.chain[1].starts_with("pong ("), "{:?}", last.chain);
    assert_eq!(runs[0].chain, Vec::<String>::new());
    fixture.check_file();
}

#[test]
fn triggers_are_judged_when_they_are_saved() {
    let fixture = setup();
    let store = &fixture.store;
    let refused = |trigger: AutomationTrigger| {
        let error = store.apply(&Blueprint::new().automation(automation("a", trigger).part(log("x")))).unwrap_err();
        (error.code(), error.to_string())
    };
    let updated = |fields: &[&str], condition: Option<Condition>| {
        let fields = fields.iter().map(|field| field.to_string()).collect();
        AutomationTrigger::Updated(UpdatedTrigger { fields, condition, imports: false })
    };
    assert!(refused(updated(&["nothing"], None)).1.contains("nothing"));
    assert!(refused(updated(&["item"], None)).1.contains("item"));
    assert_eq!(refused(updated(&[], Some(Condition::equals("nothing", 1)))).0, Code::DefinitionInvalid);
    assert_eq!(refused(AutomationTrigger::after_import("nothing")).0, Code::DefinitionNotFound);
    let mail = |fields: Vec<MailField>| {
        AutomationTrigger::TemplatedMail(MailTrigger { from: vec![], subject: String::new(), fields })
    };
    let field = |label: &str, field: &str| MailField { label: label.into(), field: field.into() };
    assert!(refused(mail(vec![])).1.contains("fields"));
    assert!(refused(mail(vec![field("x", "nothing")])).1.contains("nothing"));
    assert!(refused(mail(vec![field("x", "title"), field("x", "memo")])).1.contains("twice"));
    // Names in triggers follow those of fields.
    apply(store, automation("a", updated(&["state"], Some(Condition::equals("state", "済")))).part(log("x")));
    let mut orders = store.database("orders").unwrap();
    orders.fields.iter_mut().find(|field| field.code == "state").unwrap().code = "jotai".into();
    store.apply(&Blueprint::new().database(orders)).unwrap();
    let json = serde_json::to_string(&store.automations("orders").unwrap()[0].triggers).unwrap();
    assert_eq!(json.matches("jotai").count(), 2, "{json}");
}

#[test]
fn what_a_part_writes_elsewhere_starts_others() {
    let fixture = setup();
    let store = &fixture.store;
    let on_log = Automation::new("logs", "seen", "確認").on(AutomationTrigger::registered()).part(Part::new(
        "find",
        "受注を探す",
        SearchRecords::of("orders", Condition::equals("number", "${what}")).hit(Part::new(
            "set",
            "済",
            UpdateRecords::of(PartTarget::found("find")).set("state", "済"),
        )),
    ));
    let on_order = automation("new", AutomationTrigger::registered()).part(Part::new(
        "if",
        "条件",
        Branch::on(Condition::is_empty("state")).then(log("${number}")),
    ));
    store.apply(&Blueprint::new().automation(on_log).automation(on_order)).unwrap();
    register(store, "1", "x");
    work(store);
    assert_eq!(store.records("orders").view("1").unwrap().text("state"), "済");
    let chains: Vec<usize> = runs(store).iter().map(|run| run.chain.len()).collect();
    assert_eq!(chains, [0, 1]);
    let request = AutomationRequest::call("orders", "new");
    assert_eq!(store.start_automation(&request).unwrap_err().code(), Code::AutomationTrigger);
}
