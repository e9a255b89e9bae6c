//! Automations that send: http sends that are waited for, mails, and what may start them.
#![cfg(feature = "http")]

mod common;
#[path = "../examples/receiver/mod.rs"]
mod receiver;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::Fixture;
use receiver::{Receiver, Reply, Request};
#[cfg(feature = "mail")]
use renkei::SendMailAbout;
use renkei::{
    Answer, Automation, AutomationRequest, AutomationRun, AutomationTrigger, Blueprint, Branch, Channel, Code,
    Condition, Database, DefinitionKind, DeliveryFilter, EntryState, Exchange, Failure, Field, FieldKind, FieldSource,
    FileContent, FileTemplate, GenerateFileFor, HttpBody, HttpSend, HttpSendFor, JobState, JsonRow, Language, List,
    MailServer, MailTemplate, MenuEntry, NetworkPolicy, OutboundRequest, Part, PartTarget, RegisterRecord, RetryPlan,
    SaveAnswer, SearchRecords, Sending, Store, Times, Transport, Trigger, UpdateRecords, Values, Worker,
};
use serde_json::json;

/// Takes mails in the place of a server.
#[derive(Default)]
struct Postbox(Mutex<Vec<(String, String)>>);

impl Transport for Postbox {
    fn send(&self, request: &mut OutboundRequest<'_>) -> Result<Exchange, Failure> {
        let mut body = Vec::new();
        std::io::Read::read_to_end(&mut request.body, &mut body).unwrap();
        let to = request.headers.iter().filter(|(name, _)| name == "rcpt-to").map(|(_, value)| value.to_string());
        self.0.lock().unwrap().push((to.collect::<Vec<_>>().join(","), String::from_utf8(body).unwrap()));
        Ok(Exchange::new(Answer::new(250), Times::default()))
    }
}

struct Setup {
    fixture: Fixture,
    receiver: Receiver,
    postbox: Arc<Postbox>,
}

impl Setup {
    fn new(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Setup {
        let leads = Database::new("leads", "見込客")
            .field(Field::key("number", "番号"))
            .field(Field::text("name", "氏名"))
            .field(Field::new("mail", "メール", FieldKind::Email {}))
            .field(Field::choice("state", "状態", &["新規", "済"]))
            .field(Field::number("score", "スコア", 0))
            .field(Field::text("problem", "エラー"))
            .field(Field::new("paper", "書類", FieldKind::File { max_bytes: None }));
        let logs = Database::new("logs", "履歴")
            .field(Field::auto_key("id", "番号", Default::default()))
            .field(Field::text("what", "内容"));
        let fixture = Fixture::of([leads, logs]);
        let store = &fixture.store;
        let receiver = Receiver::start(answer).unwrap();
        let once = Sending { retry: RetryPlan::once(), ..Sending::default() };
        let score = HttpSend::new("leads", "score", "照会", receiver.url("/score"))
            .body(HttpBody::Json { rows: vec![JsonRow::new("mail", "${mail}"), JsonRow::new("memo", "${@memo}")] })
            .save(SaveAnswer::json("score", "/score"))
            .save(SaveAnswer::error("problem"))
            .sending(once);
        let thanks = MailTemplate {
            attachments: vec!["paper".into()],
            ..MailTemplate::new("leads", "thanks", "お礼", "office")
                .to("${mail}")
                .subject("${name}様へ")
                .text("スコア${score}")
        };
        let server = MailServer::new("office", "社内", "mail.example.com", "a@example.com");
        let list = List::new("leads", "all", "一覧").column("number");
        let blueprint = Blueprint::new().http_send(score).mail_server(server).mail_template(thanks).list(list);
        store.apply(&blueprint).unwrap();
        for at in 1..=4 {
            let values = Values::new().set("number", at).set("name", format!("客{at}")).set("state", "新規");
            store.records("leads").register(&values.set("mail", format!("{at}@example.com"))).unwrap();
        }
        Setup { fixture, receiver, postbox: Arc::default() }
    }

    fn scored() -> Setup {
        Setup::new(|request| {
            let json: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
            match json["mail"].as_str() {
                Some("2@example.com") => Reply::json(422, json!({"error": "no"})),
                Some(mail) => Reply::json(200, json!({"score": mail[..1].parse::<u64>().unwrap() * 10})),
                None => Reply::json(400, json!({})),
            }
        })
    }

    fn store(&self) -> &Store {
        &self.fixture.store
    }

    fn work(&self) {
        let network = NetworkPolicy::new().allow("127.0.0.0/8").unwrap();
        let worker = Worker::new(self.store()).network(network).transport(Channel::Mail, self.postbox.clone());
        worker.run_until_idle().unwrap();
    }

    fn apply(&self, automation: Automation) {
        let mut list = self.store().list("leads", "all").unwrap();
        let entry = MenuEntry::Automation(automation.code.clone());
        for (places, trigger) in
            [(&mut list.menu.buttons, Trigger::Button), (&mut list.menu.pulldown, Trigger::Pulldown)]
        {
            if automation.triggers.iter().any(|other| other.kind() == trigger) && !places.contains(&entry) {
                places.push(entry.clone());
            }
        }
        self.store().apply(&Blueprint::new().automation(automation).list(list)).unwrap();
    }

    fn run(&self, records: &[&str]) -> AutomationRun {
        let request = AutomationRequest::pulldown("leads", "all", "auto", records.iter().copied()).memo("m");
        let run = self.store().start_automation(&request).unwrap();
        self.work();
        self.fixture.check_file();
        self.store().automation_run(run.run_id).unwrap()
    }

    fn text(&self, number: &str, field: &str) -> String {
        self.store().records("leads").view(number).unwrap().text(field)
    }
}

fn automation() -> Automation {
    Automation::new("leads", "auto", "自動").on(AutomationTrigger::Button).on(AutomationTrigger::Pulldown)
}

fn ask() -> Part {
    Part::new("ask", "照会", HttpSendFor::this("score"))
}

fn ended(run: &AutomationRun) -> (JobState, u64, u64) {
    (run.state, run.completed, run.failed)
}

#[test]
fn an_http_send_is_waited_for_and_its_answer_is_in_fields() {
    let setup = Setup::scored();
    let before = Part::new("first", "先", UpdateRecords::this().set("state", "済"));
    let high = Branch::on(Condition::at_least("score", 30)).then(Part::new(
        "log",
        "記録",
        RegisterRecord::of("logs").set("what", FieldSource::template("${name}: ${score}")),
    ));
    setup.apply(automation().part(before).part(ask()).part(Part::new("high", "高い", high)));
    let run = setup.run(&["1", "2", "3", "4"]);
    assert_eq!(ended(&run), (JobState::Completed, 3, 1));
    assert_eq!(["1", "2", "3", "4"].map(|number| setup.text(number, "score")), ["10", "", "30", "40"]);
    assert!(!setup.text("2", "problem").is_empty());
    assert_eq!(setup.text("2", "state"), "済");
    assert_eq!(setup.store().count("logs", None).unwrap(), 2);
    assert_eq!(setup.receiver.received().len(), 4);
    assert!(setup.receiver.received()[0].text().contains("\"memo\":\"m\""));
    let entries = setup.store().automation_entries(run.run_id, None, 100).unwrap();
    let failed: Vec<_> = entries.iter().filter(|entry| entry.state == EntryState::Failed).collect();
    assert_eq!((failed.len(), failed[0].part.as_str(), failed[0].refused), (1, "ask", 1));
    let error = failed[0].error.as_ref().unwrap();
    assert!(error.code == "automation.send" && error.en.contains("422"), "{error:?}");
    // Each is a run of an http send, of which the journal tells.
    let asked = entries.iter().find(|entry| entry.part == "ask").unwrap();
    let sent = setup.store().http_send_run(asked.output.unwrap()).unwrap();
    assert_eq!((sent.delivered, sent.trigger), (1, Trigger::Pulldown));
}

#[test]
fn while_an_answer_is_awaited_the_run_waits_and_can_be_ended() {
    let setup = Setup::scored();
    setup.apply(automation().part(ask()).part(Part::new("after", "後", UpdateRecords::this().set("state", "済"))));
    let request = AutomationRequest::button("leads", "all", "auto", "1");
    let run = setup.store().start_automation(&request).unwrap();
    // Nobody sends over the network here.
    let closed = Worker::new(setup.store()).transport(Channel::Mail, setup.postbox.clone());
    closed.run_once().unwrap();
    let waiting = setup.store().automation_run(run.run_id).unwrap();
    assert_eq!((waiting.state, waiting.waiting), (JobState::Reserved, 1));
    assert_eq!(setup.store().automation_entries(run.run_id, None, 9).unwrap()[0].state, EntryState::Waiting);
    setup.fixture.check_file();
    setup.store().cancel_automation(run.run_id).unwrap();
    setup.work();
    let run = setup.store().automation_run(run.run_id).unwrap();
    assert_eq!((run.state, run.completed), (JobState::Cancelled, 0));
    assert_eq!(setup.receiver.received().len(), 0);
    assert_eq!(setup.text("1", "state"), "新規");
    // One that is cancelled in the queue stops its record.
    let run = setup.store().start_automation(&request).unwrap();
    closed.run_once().unwrap();
    let delivery = setup.store().deliveries(&DeliveryFilter::new().kind("http_send"), None, 1).unwrap()[0].id;
    setup.store().cancel_delivery(delivery).unwrap();
    setup.work();
    let run = setup.store().automation_run(run.run_id).unwrap();
    assert_eq!(ended(&run), (JobState::Completed, 0, 1));
    let entry = &setup.store().automation_entries(run.run_id, None, 9).unwrap()[0];
    assert_eq!((entry.state, entry.error.as_ref().unwrap().code.as_str()), (EntryState::Cancelled, "cancelled"));
}

#[test]
fn what_was_found_is_sent_together() {
    let setup = Setup::scored();
    let search = SearchRecords::here(Condition::not_equals("number", "${number}"))
        .hit(Part::new("ask", "照会", HttpSendFor::of(PartTarget::found("others"), "score")))
        .hit(Part::new("after", "後", UpdateRecords::this().set("state", "済")));
    setup.apply(automation().part(Part::new("others", "他", search)));
    assert_eq!(ended(&setup.run(&["2"])), (JobState::Completed, 1, 0));
    assert_eq!(["1", "2", "3", "4"].map(|number| setup.text(number, "score")), ["10", "", "30", "40"]);
    // One of several that fails stops the record.
    assert_eq!(ended(&setup.run(&["1"])), (JobState::Completed, 0, 1));
    assert_eq!((setup.text("2", "state"), setup.text("1", "state")), ("済".into(), "新規".into()));
}

#[test]
fn an_http_send_is_started_by_button_and_pulldown_only() {
    let setup = Setup::scored();
    let store = setup.store();
    let others = [
        AutomationTrigger::SubMenu,
        AutomationTrigger::SettingsScreen,
        AutomationTrigger::Api,
        AutomationTrigger::registered(),
        AutomationTrigger::updated(["name"]),
        AutomationTrigger::after_import("daily"),
        AutomationTrigger::timer(renkei::Schedule::every_minutes(5)),
    ];
    store
        .apply(
            &Blueprint::new()
                .import(renkei::ImportSetting::new("leads", "daily", "日次").column("number").column("name")),
        )
        .unwrap();
    // Deep inside of other parts, too.
    let inside = Branch::on(Condition::is_empty("score")).otherwise(ask());
    for trigger in others {
        let kind = trigger.kind();
        let with = Automation::new("leads", "auto", "自動").on(AutomationTrigger::Button).on(trigger.clone());
        let error =
            store.apply(&Blueprint::new().automation(with.part(Part::new("if", "条件", inside.clone())))).unwrap_err();
        assert_eq!(error.code(), Code::AutomationHttpSend, "{kind:?}");
        for (language, words) in
            [(Language::Japanese, ["ボタン", "プルダウン"]), (Language::English, ["button", "pulldown"])]
        {
            let told = error.message(language);
            assert!(words.iter().all(|word| told.contains(word)), "{told}");
        }
    }
    setup.apply(automation().part(ask()));
    for trigger in [Trigger::SubMenu, Trigger::SettingsScreen, Trigger::Api, Trigger::Timer, Trigger::Registered] {
        let request = AutomationRequest::of(trigger, "leads", "auto").list("all").records(["1"]);
        assert_eq!(store.start_automation(&request).unwrap_err().code(), Code::AutomationHttpSend, "{trigger:?}");
    }
    // What it sends by stays, and is followed.
    let in_use = store.remove_definition(DefinitionKind::HttpSend, "leads", "score").unwrap_err();
    assert_eq!(in_use.code(), Code::DefinitionInUse);
    let send = store.http_sends("leads").unwrap().remove(0);
    store.apply(&Blueprint::new().http_send(HttpSend { code: "points".into(), ..send })).unwrap();
    assert_eq!(ended(&setup.run(&["1"])), (JobState::Completed, 1, 0));
    let unknown = automation().part(Part::new("x", "x", HttpSendFor::this("nothing")));
    assert_eq!(store.apply(&Blueprint::new().automation(unknown)).unwrap_err().code(), Code::DefinitionNotFound);
}

#[test]
fn files_are_generated_of_what_was_written_before() {
    let setup = Setup::scored();
    let store = setup.store();
    let text = FileContent::Text("${name}様 ${score}点 ${@memo}\n".into());
    let template = FileTemplate { max_bytes: 40, ..FileTemplate::new("leads", "card", "票", "${number}.txt", text) };
    store.apply(&Blueprint::new().file_template(template.clone())).unwrap();
    let others = SearchRecords::here(Condition::one_of("number", ["3", "4"])).hit(Part::new(
        "files",
        "票",
        GenerateFileFor::of(PartTarget::found("two"), "card", "paper"),
    ));
    setup.apply(
        Automation::new("leads", "auto", "自動")
            .on(AutomationTrigger::Pulldown)
            .part(Part::new("set", "更新", UpdateRecords::this().set("score", 7)))
            .part(Part::new("card", "票", GenerateFileFor::this("card", "paper")))
            .part(Part::new("two", "二人", others))
            .part(Part::new("last", "後", UpdateRecords::this().set("state", "済"))),
    );
    let paper = |number: &str| {
        let renkei::Value::File(id) = store.records("leads").view(number).unwrap().value("paper") else { return None };
        let mut text = String::new();
        std::io::Read::read_to_string(&mut store.read_file(id).unwrap(), &mut text).unwrap();
        Some((store.file(id).unwrap().name, text.replace("\r\n", "\n")))
    };
    // Nothing of a dry run stays.
    let plan = store.plan_automation(&AutomationRequest::pulldown("leads", "all", "auto", ["1", "2"])).unwrap();
    assert_eq!((plan.completed, plan.failed), (2, 0));
    assert_eq!(paper("1"), None);
    assert_eq!(ended(&setup.run(&["1", "2"])), (JobState::Completed, 2, 0));
    assert_eq!(paper("1"), Some(("1.txt".into(), "客1様 7点 m\n".into())));
    assert_eq!(paper("2"), Some(("2.txt".into(), "客2様 7点 m\n".into())));
    assert_eq!(paper("3"), Some(("3.txt".into(), "客3様 点 m\n".into())));
    // A file that is larger than allowed ends its record, and changes nothing of it.
    store.records("leads").update("1", &Values::new().set("name", "客".repeat(20))).unwrap();
    let run = setup.run(&["1", "2"]);
    assert_eq!(ended(&run), (JobState::Completed, 1, 1));
    assert_eq!(paper("1"), Some(("1.txt".into(), "客1様 7点 m\n".into())));
    let entries = store.automation_entries(run.run_id, None, 99).unwrap();
    let failed: Vec<&str> = entries.iter().filter_map(|entry| entry.error.as_ref()).map(|why| &*why.code).collect();
    assert_eq!(failed, ["limit"]);
    // The template is in use, and may get another code.
    let in_use = store.remove_definition(DefinitionKind::FileTemplate, "leads", "card").unwrap_err();
    assert_eq!(in_use.code(), Code::DefinitionInUse);
    let template = store.file_templates("leads").unwrap().remove(0);
    store.apply(&Blueprint::new().file_template(FileTemplate { code: "slip".into(), ..template })).unwrap();
    assert_eq!(ended(&setup.run(&["2"])), (JobState::Completed, 1, 0));
    // Only a file field takes a file.
    let wrong = automation().part(Part::new("x", "x", GenerateFileFor::this("slip", "name")));
    let error = store.apply(&Blueprint::new().automation(wrong)).unwrap_err();
    assert_eq!((error.code(), error.field()), (Code::DefinitionInvalid, Some("name")));
}

#[cfg(feature = "mail")]
#[test]
fn mails_are_sent_about_what_was_written_before() {
    let setup = Setup::scored();
    let store = setup.store();
    let file = store.put_file("案内.txt", "ご案内".as_bytes()).unwrap();
    store.records("leads").update("1", &Values::new().set("paper", file.id)).unwrap();
    let search = SearchRecords::here(Condition::one_of("number", ["3", "4"])).hit(Part::new(
        "mails",
        "メール",
        SendMailAbout::of(PartTarget::found("two"), "thanks"),
    ));
    let timed = Automation::new("leads", "auto", "自動")
        .on(AutomationTrigger::Pulldown)
        .part(Part::new("set", "更新", UpdateRecords::this().set("score", 7)))
        .part(Part::new("mail", "メール", SendMailAbout::this("thanks")))
        .part(Part::new("two", "二人", search))
        .part(Part::new("last", "後", UpdateRecords::this().set("state", "済")));
    setup.apply(timed);
    let run = setup.run(&["1", "2"]);
    assert_eq!(ended(&run), (JobState::Completed, 2, 0));
    let mut mails = setup.postbox.0.lock().unwrap().clone();
    mails.sort();
    let to: Vec<&str> = mails.iter().map(|(to, _)| to.as_str()).collect();
    assert_eq!(
        to,
        ["1@example.com", "2@example.com", "3@example.com", "3@example.com", "4@example.com", "4@example.com"]
    );
    assert!(mails[0].1.contains("text/plain") && mails[0].1.contains("attachment"), "{}", mails[0].1);
    let filter = DeliveryFilter::new().kind("mail").run(run.run_id);
    assert_eq!(store.deliveries(&filter, None, 100).unwrap().len(), 6);
    // A mail to nobody is a failure of its record.
    store.records("leads").update("2", &Values::new().set("mail", "")).unwrap();
    let run = setup.run(&["2"]);
    assert_eq!(ended(&run), (JobState::Completed, 0, 1));
    let entries = store.automation_entries(run.run_id, None, 9).unwrap();
    assert_eq!(entries.last().unwrap().error.as_ref().unwrap().code, "mail.invalid");
    let in_use = store.remove_definition(DefinitionKind::MailTemplate, "leads", "thanks").unwrap_err();
    assert_eq!(in_use.code(), Code::DefinitionInUse);
    // Nothing of a dry run is sent.
    let sent = store.deliveries(&DeliveryFilter::new(), None, 100).unwrap().len();
    let plan = store.plan_automation(&AutomationRequest::pulldown("leads", "all", "auto", ["1", "2"])).unwrap();
    assert_eq!((plan.completed, plan.failed), (1, 1));
    assert_eq!(store.deliveries(&DeliveryFilter::new(), None, 100).unwrap().len(), sent);
}

#[cfg(feature = "mail")]
#[test]
fn who_is_to_know_how_a_run_ended_is_told() {
    let setup = Setup::scored();
    let bad = Part::new("bad", "失敗", UpdateRecords::this().set("state", FieldSource::field("name")));
    let report = renkei::Report::by("office").to("ops@example.com").on_trouble();
    let told = Automation::new("leads", "auto", "自動").on(AutomationTrigger::Pulldown).part(bad).report(report);
    setup.apply(told);
    assert_eq!(ended(&setup.run(&["1"])), (JobState::Completed, 0, 1));
    let mails = setup.postbox.0.lock().unwrap().clone();
    assert_eq!(mails.iter().map(|(to, _)| to.as_str()).collect::<Vec<_>>(), ["ops@example.com"]);
}

#[test]
fn a_run_goes_on_beside_a_worker_of_the_background() {
    let setup = Setup::scored();
    setup.apply(automation().part(ask()).part(Part::new("again", "再度", HttpSendFor::this("score"))));
    let network = NetworkPolicy::new().allow("127.0.0.0/8").unwrap();
    let handle = Worker::new(setup.store()).network(network).start().unwrap();
    let request = AutomationRequest::pulldown("leads", "all", "auto", ["1", "3", "4"]);
    let run = setup.store().start_automation(&request).unwrap();
    let run = setup.store().wait_automation(run.run_id, Duration::from_secs(120)).unwrap();
    handle.stop();
    assert_eq!(ended(&run), (JobState::Completed, 3, 0));
    assert_eq!(setup.receiver.received().len(), 6);
}
