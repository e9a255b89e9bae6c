//! Following up leads (見込客のフォロー): an automation of a campaign, started by the button of its list, searches its leads,
//! updates them, sends each a mail, calls an outside API for each, and goes on with what was answered.
//!
//! The outside API and the mail server are receivers on this machine. `cargo run --example lead_followup`

mod receiver;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use receiver::{Receiver, Reply};
use renkei::{
    Answer, Automation, AutomationRequest, AutomationTrigger, Blueprint, Branch, Channel, Condition, Database, Error,
    Exchange, Failure, Field, FieldKind, FieldSource, HttpBody, HttpSend, HttpSendFor, JsonRow, Language, List,
    MailServer, MailTemplate, MenuEntry, NetworkPolicy, OutboundRequest, Part, PartTarget, RegisterRecord, SaveAnswer,
    SearchRecords, SendMailAbout, Sort, Store, Times, Transport, UpdateRecords, Values, Worker,
};

const HELP: &str = "\
Follows up the leads of a campaign by an automation: search, update, mail, http send, and what follows from the answers.
The outside API and the mail server are on this machine. Takes no arguments but --help.";

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--help" || word == "-h") {
        println!("{HELP}");
        return;
    }
    if let Some(word) = words.first() {
        eprintln!("\"{word}\" is not known\n\n{HELP}");
        std::process::exit(2);
    }
    if let Err(error) = story() {
        eprintln!("error: {error}");
        std::process::exit(1);
    }
}

/// Takes mails in the place of a mail server, which this example does not need.
#[derive(Default)]
struct Postbox(Mutex<Vec<String>>);

impl Transport for Postbox {
    fn send(&self, request: &mut OutboundRequest<'_>) -> Result<Exchange, Failure> {
        let to = request.headers.iter().find(|(name, _)| name == "rcpt-to").map(|(_, value)| value.to_string());
        self.0.lock().expect("nobody panics").push(to.unwrap_or_default());
        Ok(Exchange::new(Answer::new(250), Times::default()))
    }
}

fn story() -> Result<(), Error> {
    println!("1. The outside API scores leads; the address of one is unknown to it");
    let service = Receiver::start(|request| {
        let json: serde_json::Value = serde_json::from_slice(&request.body).unwrap_or_default();
        match json["mail"].as_str() {
            Some("jiro@example.com") => Reply::json(404, serde_json::json!({"error": "unknown"})),
            Some(mail) => Reply::json(200, serde_json::json!({"score": mail.len() * 5})),
            None => Reply::json(400, serde_json::json!({"error": "no mail"})),
        }
    })?;

    println!("2. The store: campaigns, their leads, tasks, and the automation in the menu of the list of campaigns");
    let dir = tempfile::tempdir()?;
    let store = Store::create(dir.path().join("leads.db"))?;
    let sends = cfg!(feature = "mail");
    store.apply(&blueprint(&service, sends))?;
    store.records("campaigns").register(&Values::new().set("code", "C-1").set("name", "春の展示会"))?;
    let leads = store.records("leads");
    for (number, name, mail) in [
        ("L-1", "佐藤 花子", "hanako@example.com"),
        ("L-2", "鈴木 一郎", "ichiro.suzuki@example.com"),
        ("L-3", "高橋 次郎", "jiro@example.com"),
    ] {
        let values = Values::new().set("number", number).set("name", name).set("mail", mail).set("campaign", "C-1");
        leads.register(&values.set("state", "新規"))?;
    }

    println!("3. Other ways than button and pulldown are refused, since it calls an outside API");
    if let Err(error) = store.start_automation(&AutomationRequest::run_now("campaigns", "follow_up")) {
        println!("   [{}] {}", error.code().as_str(), error.message(Language::Japanese));
    }

    println!("4. What it would do, without doing it");
    let request = AutomationRequest::button("campaigns", "all", "follow_up", "C-1").memo("担当: 山田");
    for entry in store.plan_automation(&request)?.entries {
        println!("   {}: {:?}, {} record(s)", entry.part, entry.state, entry.records);
    }

    let postbox = Arc::new(Postbox::default());
    let worker = Worker::new(&store)
        .network(NetworkPolicy::new().allow("127.0.0.0/8")?)
        .transport(Channel::Mail, postbox.clone())
        .start()?;
    println!(
        "5. The button; a worker runs it, and sends. The lead L-3 is refused, so that the campaign stops behind the sending"
    );
    press(&store, &request)?;
    let lead = leads.view("L-3")?;
    println!("   {}: {} / {}", lead.key(), lead.text("mail"), lead.text("problem"));
    println!("6. The address of L-3 is put right, and the button pressed again: for L-3 alone, and now to the end");
    let right = Values::new().set("mail", "jiro.takahashi@example.com").set("state", "新規");
    leads.update("L-3", &right)?;
    press(&store, &request)?;
    let waited = std::time::Instant::now();
    while sends && postbox.0.lock().expect("nobody panics").len() < 4 && waited.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(20));
    }
    worker.stop();

    println!("7. What came of it");
    for request in service.received() {
        println!("   received: {} {} {}", request.method, request.path, request.text());
    }
    for receiver in postbox.0.lock().expect("nobody panics").iter() {
        println!("   mail to {receiver}");
    }
    for lead in store.query("leads", &Default::default())?.records {
        let fields = ["name", "state", "contacted", "score", "problem"].map(|field| lead.text(field));
        println!("   {}: {}", lead.key(), fields.join(" / "));
    }
    for task in store.query("tasks", &Default::default())?.records {
        println!("   task {}: {}", task.key(), task.text("what"));
    }
    Ok(())
}

/// Presses the button, and tells how the run ended.
fn press(store: &Store, request: &AutomationRequest) -> Result<(), Error> {
    let run = store.start_automation(request)?;
    let run = store.wait_automation(run.run_id, Duration::from_secs(20))?;
    println!("   run {}: {:?}, {} completed, {} failed", run.run_id, run.state, run.completed, run.failed);
    for entry in store.automation_entries(run.run_id, None, 100)? {
        let error = entry.error.map(|error| format!(" [{}] {}", error.code, error.ja)).unwrap_or_default();
        println!("   {}: {:?}, {} record(s){error}", entry.part, entry.state, entry.records);
    }
    Ok(())
}

fn blueprint(service: &Receiver, sends: bool) -> Blueprint {
    let campaigns = Database::new("campaigns", "キャンペーン")
        .field(Field::key("code", "コード"))
        .field(Field::text("name", "名称"))
        .field(Field::number("reached", "連絡した件数", 0));
    let leads = Database::new("leads", "見込客")
        .field(Field::key("number", "番号"))
        .field(Field::text("name", "氏名"))
        .field(Field::new("mail", "メール", FieldKind::Email {}))
        .field(Field::link("campaign", "キャンペーン", "campaigns"))
        .field(Field::choice("state", "状態", &["新規", "連絡済み"]))
        .field(Field::datetime("contacted", "連絡日時"))
        .field(Field::number("score", "スコア", 0))
        .field(Field::text("problem", "エラー"));
    let tasks = Database::new("tasks", "タスク")
        .field(Field::auto_key("number", "番号", Default::default()))
        .field(Field::text("what", "内容").required());
    let score = HttpSend::new("leads", "score", "スコア照会", service.url("/score"))
        .body(HttpBody::Json { rows: vec![JsonRow::new("mail", "${mail}"), JsonRow::new("name", "${name}")] })
        .save(SaveAnswer::json("score", "/score"))
        .save(SaveAnswer::error("problem"));
    let new = Condition::equals("campaign", "${code}").and(Condition::equals("state", "新規"));
    let contact = UpdateRecords::of(PartTarget::found("new"))
        .set("state", "連絡済み")
        .set("contacted", FieldSource::template("${@now}"));
    let mut search = SearchRecords::of("leads", new).sort(Sort::ascending("number")).hit(Part::new(
        "contact",
        "連絡済みにする",
        contact,
    ));
    if sends {
        let mail = SendMailAbout::of(PartTarget::found("new"), "greeting");
        search = search.hit(Part::new("mail", "お礼のメール", mail));
    }
    search = search
        .hit(Part::new("ask", "スコアを照会", HttpSendFor::of(PartTarget::found("new"), "score")))
        .none(Part::end("nobody", "対象なし"));
    let hot = Condition::equals("campaign", "${code}").and(Condition::at_least("score", 100));
    let task =
        RegisterRecord::of("tasks").set("what", FieldSource::template("${name}の有望な見込客に電話（${@memo}）"));
    let hot = SearchRecords::of("leads", hot).hit(Part::new("task", "タスクを登録", task));
    let all = Branch::on(Condition::is_empty("reached")).then(Part::new(
        "count",
        "件数を記録",
        UpdateRecords::this().set("reached", 3),
    ));
    let automation = Automation::new("campaigns", "follow_up", "見込客のフォロー")
        .on(AutomationTrigger::Button)
        .part(Part::new("new", "新規の見込客を探す", search))
        .part(Part::new("hot", "有望な見込客を探す", hot))
        .part(Part::new("once", "初回なら", all));
    let list = List::new("campaigns", "all", "キャンペーン一覧").column("code").column("name");
    let server = MailServer::new("office", "社内メール", "mail.example.com", "連携 <renkei@example.com>");
    let greeting = MailTemplate::new("leads", "greeting", "お礼", "office")
        .to("${name} <${mail}>")
        .subject("${campaign.name}へのご来場のお礼")
        .text("${name} 様\n\nご来場ありがとうございました。\n");
    let mut blueprint = Blueprint::new().database(campaigns).database(leads).database(tasks).http_send(score);
    if sends {
        blueprint = blueprint.mail_server(server).mail_template(greeting);
    }
    blueprint.automation(automation).list(list.button(MenuEntry::Automation("follow_up".to_owned())))
}
