//! Sudden deaths of workers that run automations: every database step is done exactly once, every message is made exactly
//! once and arrives, and each run comes to its end.
//!
//! The workers that die are other processes. They end by SIGKILL at the nth time that the store looks at its clock, which it
//! does at every step, inside and outside of its transactions; or when somebody else kills them at any moment.
#![cfg(feature = "http")]

mod common;
mod common_child;
mod common_dice;
mod common_http;

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common_child::{DeadlyClock, kills, number, say, start, wait_for};
use common_dice::Dice;
use common_http::*;
use renkei::{
    Answer, Automation, AutomationRequest, AutomationTrigger, Blueprint, Branch, Channel, Circuit, Condition, Database,
    DeliveryFilter, DeliveryState, Exchange, Failure, Field, FieldSource, HttpBody, HttpSend, HttpSendFor, JobState,
    JsonRow, Language, List, MailServer, MailTemplate, MenuEntry, NetworkPolicy, OutboundRequest, Part, PartTarget,
    RegisterRecord, RetryPlan, SaveAnswer, SearchRecords, SendMailAbout, Sending, Store, Target, Times, Transport,
    UpdateRecords, Values, Worker,
};

const LOOKS: &str = "RENKEI_TEST_LOOKS";
const RECORDS: u64 = 24;

/// Takes mails: the receiver of each becomes a line of a file.
struct Postbox(PathBuf);

impl Transport for Postbox {
    fn send(&self, request: &mut OutboundRequest<'_>) -> Result<Exchange, Failure> {
        let to = request.headers.iter().find(|(name, _)| name == "rcpt-to").map(|(_, value)| value.to_string());
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&self.0).unwrap();
        file.write_all(format!("{}\n", to.unwrap_or_default()).as_bytes()).unwrap();
        Ok(Exchange::new(Answer::new(250), Times::default()))
    }
}

fn mails(store: &Path) -> PathBuf {
    store.with_file_name("mails")
}

fn worker(store: &Store) -> Worker {
    let network = NetworkPolicy::new().allow("127.0.0.0/8").unwrap();
    Worker::new(store).network(network).senders(1).transport(Channel::Mail, Arc::new(Postbox(mails(store.path()))))
}

/// What a started process does; as a test of its own it does nothing.
#[test]
fn child() {
    let Some((_, path)) = common_child::task() else { return };
    let mut options = Store::options();
    if let Some(left) = number(LOOKS) {
        options.clock(Arc::new(DeadlyClock::new(left)));
    }
    let store = options.open(path).unwrap();
    let worker = worker(&store);
    say("ready");
    worker.run_until_idle().unwrap();
}

fn more(field: &str) -> UpdateRecords {
    let formula = format!("or({field}, 0) + 1");
    UpdateRecords::this().set(field, FieldSource::target_formula(&formula).unwrap())
}

fn blueprint(receiver: &Receiver) -> Blueprint {
    let orders = Database::new("orders", "受注")
        .field(Field::key("number", "番号"))
        .field(Field::number("begun", "開始", 0))
        .field(Field::number("done", "完了", 0))
        .field(Field::number("found", "検索", 0))
        .field(Field::text("answer", "応答"))
        .field(Field::number("heard", "変更", 0))
        .detail(Field::text("note", "注記"));
    let logs = Database::new("logs", "履歴")
        .field(Field::auto_key("id", "番号", Default::default()))
        .field(Field::text("what", "内容"));
    let sending = Sending {
        target: Some("t".to_owned()),
        retry: RetryPlan { delays_seconds: vec![0; 1_000], jitter_percent: 0, ..RetryPlan::default() },
        ..Sending::default()
    };
    let call = HttpSend::new("orders", "call", "照会", receiver.url("/call"))
        .body(HttpBody::Json { rows: vec![JsonRow::new("number", "${number}")] })
        .save(SaveAnswer::json("answer", "/answer"))
        .sending(sending.clone());
    let log = |what: &str| RegisterRecord::of("logs").set("what", FieldSource::template(what));
    // Updates, a record elsewhere, a mail, an http send that is waited for, and what follows from it.
    let mut send = Automation::new("orders", "send", "送信")
        .on(AutomationTrigger::Pulldown)
        .part(Part::new("begin", "開始", more("begun")))
        .part(Part::new("log", "記録", log("send ${number}")));
    let mut all = Blueprint::new();
    if cfg!(feature = "mail") {
        let server = MailServer {
            sending: sending.clone(),
            ..MailServer::new("office", "社内", "127.0.0.1", "a@example.com")
        };
        let template = MailTemplate::new("orders", "mail", "メール", "office");
        all = all
            .mail_server(server)
            .mail_template(template.to("m${number}@example.com").subject("${begun}").text("${number}"));
        send = send.part(Part::new("mail", "メール", SendMailAbout::this("mail")));
    }
    let send = send
        .part(Part::new("call", "照会", HttpSendFor::this("call")))
        .part(Part::new("end", "完了", more("done")))
        .part(Part::new("end_log", "記録", log("done ${number} ${answer}")));
    // Many records in one step, and a branch.
    let found = UpdateRecords::of(PartTarget::found("all"))
        .set("found", FieldSource::target_formula("or(found, 0) + 1").unwrap())
        .set_in_row("note", FieldSource::template("${@now}"));
    let search =
        SearchRecords::here(Condition::not_equals("number", "${number}")).hit(Part::new("each", "更新", found));
    let even = Branch::on(Condition::at_least("begun", 0)).then(Part::new("log", "記録", log("bulk ${number}")));
    let bulk = Automation::new("orders", "bulk", "一括")
        .on(AutomationTrigger::Api)
        .part(Part::new("begin", "開始", more("begun")))
        .part(Part::new("all", "全て", search))
        .part(Part::new("even", "条件", even))
        .part(Part::new("end", "完了", more("done")));
    // Started by what the others write.
    let heard = Automation::new("orders", "heard", "変更時").on(AutomationTrigger::updated(["done"])).part(Part::new(
        "count",
        "数える",
        more("heard"),
    ));
    let circuit = Circuit { failures: 0, ..Circuit::default() };
    let list = List::new("orders", "all", "一覧").column("number").pulldown(MenuEntry::Automation("send".into()));
    all.database(orders)
        .database(logs)
        .target(Target::new("t", "t").circuit(circuit))
        .http_send(call)
        .automation(send)
        .automation(bulk)
        .automation(heard)
        .list(list)
}

/// What must have been done in the end, by record.
#[derive(Default, Clone)]
struct Wanted {
    sent: u64,
    bulk: u64,
    found: u64,
}

fn number_of(at: u64) -> String {
    format!("{at:02}")
}

/// Starts something of every sort.
fn make(store: &Store, dice: &mut Dice, wanted: &mut [Wanted]) {
    let count = 1 + dice.roll(4);
    let mut chosen: Vec<u64> = (0..count).map(|_| dice.roll(RECORDS)).collect();
    chosen.sort_unstable();
    chosen.dedup();
    let numbers: Vec<String> = chosen.iter().map(|at| number_of(*at)).collect();
    if dice.roll(3) > 0 {
        store.start_automation(&AutomationRequest::pulldown("orders", "all", "send", &numbers)).unwrap();
        chosen.iter().for_each(|at| wanted[*at as usize].sent += 1);
    } else {
        store.start_automation(&AutomationRequest::call("orders", "bulk").records(&numbers)).unwrap();
        for at in chosen {
            wanted[at as usize].bulk += 1;
            (0..RECORDS).filter(|other| *other != at).for_each(|other| wanted[other as usize].found += 1);
        }
    }
}

#[test]
fn workers_die_at_every_step() {
    let began = Instant::now();
    let mut dice = Dice::new(number("RENKEI_TEST_SEED").unwrap_or(7));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    type Seen = Arc<Mutex<HashMap<String, u64>>>;
    let seen = Seen::default();
    let noted = seen.clone();
    // Bodies are kept by the receiver; here it is counted how often each message came.
    let receiver = Receiver::start(move |one, number| {
        *noted.lock().unwrap().entry(one.header("webhook-id").to_owned()).or_default() += 1;
        match number % 7 {
            3 => status(503),
            _ => answer(200, &[("Content-Type", "application/json")], r#"{"answer": "ok"}"#),
        }
    });
    let store = Store::create(&path).unwrap();
    store.apply(&blueprint(&receiver)).unwrap();
    let all: Vec<Values> = (0..RECORDS).map(|at| Values::new().set("number", number_of(at))).collect();
    store.records("orders").register_all(&all, &Default::default()).unwrap();
    let mut wanted = vec![Wanted::default(); RECORDS as usize];
    let (wanted_kills, mut killed, mut rounds) = (kills(220), 0, 0);
    let mut in_a_row = 0;
    while killed < wanted_kills {
        rounds += 1;
        // A run that ends five processes before it has come any further is given up, as it should be.
        if in_a_row == 3 {
            worker(&store).run_until_idle().unwrap();
            in_a_row = 0;
        }
        make(&store, &mut dice, &mut wanted);
        let by_itself = dice.roll(4) > 0;
        let more = match by_itself {
            true => vec![(LOOKS, (1 + dice.roll_widely(8)).to_string())],
            false => Vec::new(),
        };
        let mut child = start("work", &path, &more);
        let out = wait_for(&mut child, "ready");
        if !by_itself {
            std::thread::sleep(Duration::from_micros(dice.roll(20_000)));
            let _ = child.kill();
        }
        match child.wait().unwrap().success() {
            true => in_a_row = 0,
            false => {
                killed += 1;
                in_a_row += 1;
            }
        }
        drop(out);
    }
    // Whoever comes next has nothing to wait for.
    let resumed = Instant::now();
    worker(&store).run_until_idle().unwrap();
    let resumed = resumed.elapsed();
    let runs = store.automation_runs(None, u64::MAX).unwrap();
    for run in &runs {
        assert_eq!((run.state, run.completed, run.failed), (JobState::Completed, run.total, 0), "{run:?}");
    }
    let mut sent = 0;
    for (at, wanted) in (0..).zip(&wanted) {
        let record = store.records("orders").view(number_of(at)).unwrap();
        let of = |field: &str| record.text(field).parse::<u64>().unwrap_or(0);
        assert_eq!(of("begun"), wanted.sent + wanted.bulk, "{record:?}");
        assert_eq!(of("done"), wanted.sent + wanted.bulk, "{record:?}");
        assert_eq!(of("heard"), of("done"), "{record:?}");
        assert_eq!((of("found"), record.rows().len() as u64), (wanted.found, wanted.found), "{record:?}");
        let logs = |what: String| store.count("logs", Some(&Condition::equals("what", what))).unwrap();
        assert_eq!(logs(format!("send {}", number_of(at))), wanted.sent);
        assert_eq!(logs(format!("done {} ok", number_of(at))), wanted.sent);
        assert_eq!(logs(format!("bulk {}", number_of(at))), wanted.bulk);
        sent += wanted.sent;
    }
    // Each message is made once, arrives, and comes again only where a sender died on it.
    let deliveries = |kind: &str| store.deliveries(&DeliveryFilter::new().kind(kind), None, u64::MAX).unwrap();
    let calls = deliveries("http_send");
    assert_eq!(calls.len() as u64, sent);
    let seen = seen.lock().unwrap();
    let (mut came, mut attempts) = (0, 0);
    for delivery in &calls {
        assert_eq!(delivery.state, DeliveryState::Delivered, "{delivery:?}");
        came += seen[&delivery.message_id];
        attempts += u64::from(delivery.attempts);
    }
    assert_eq!(seen.len() as u64, sent, "a message arrived that nobody has made");
    let mailed = match cfg!(feature = "mail") {
        true => sent,
        false => 0,
    };
    assert_eq!(deliveries("mail").len() as u64, mailed);
    let lines = std::fs::read_to_string(mails(&path)).unwrap_or_default().lines().count() as u64;
    assert!((mailed..=mailed + killed).contains(&lines), "{lines} of {mailed} mails");
    println!(
        "{killed} deaths in {rounds} rounds, {} runs, {sent} calls ({} duplicates), {mailed} mails ({} duplicates), \
         resumed in {resumed:?}, {:?}",
        runs.len(),
        came - attempts,
        lines - mailed,
        began.elapsed(),
    );
    assert!(came - attempts <= killed, "{came} arrivals of {attempts} attempts");
    let report = store.check().unwrap();
    assert!(report.is_sound(), "{}", report.message(Language::English));
    let open: i64 = rusqlite::Connection::open(&path)
        .unwrap()
        .query_row("SELECT count(*) FROM renkei_automation_open", [], |row| row.get(0))
        .unwrap();
    assert_eq!(open, 0);
}
