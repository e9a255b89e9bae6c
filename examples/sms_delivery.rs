//! SMS to ticked leads (SMS配信): the list's pulldown calls an SMS service once for each ticked record, and the id of the
//! message and the HTTP status are written back into the record.
//!
//! The SMS service is a receiver on this machine, which is busy at first and refuses one number.
//! `cargo run --example sms_delivery`

mod receiver;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use receiver::{Receiver, Reply};
use renkei::{
    Blueprint, Database, Error, Field, FieldKind, HttpBody, HttpSend, HttpSendRequest, JsonRow, JsonType, List,
    MenuEntry, NetworkPolicy, SaveAnswer, Sending, Store, Trigger, Values, Worker,
};

const HELP: &str = "\
Sends an SMS to each ticked lead by the API of an SMS service, which is a receiver on this machine, and shows what was
sent, what was answered and what the records have then. Takes no arguments but --help.";

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

fn story() -> Result<(), Error> {
    println!("1. The SMS service: its first answer is that it is busy");
    let calls = AtomicUsize::new(0);
    let service = Receiver::start(move |request| {
        let call = calls.fetch_add(1, Ordering::SeqCst);
        let json: serde_json::Value = serde_json::from_slice(&request.body).unwrap_or_default();
        match (call, request.header("authorization"), json["to"].as_str()) {
            (0, ..) => Reply::json(503, serde_json::json!({"error": "busy"})).header("Retry-After", "1"),
            (_, "Bearer sms-t0ken", Some("+819000000003")) => {
                Reply::json(422, serde_json::json!({"error": "this number takes no messages"}))
            }
            (_, "Bearer sms-t0ken", Some(_)) => {
                Reply::json(201, serde_json::json!({"message": {"id": format!("msg-{call:04}"), "price": 8.8}}))
            }
            _ => Reply::json(401, serde_json::json!({"error": "no token"})),
        }
    })?;

    println!("2. The store: leads, and the http send in the pulldown of their list");
    let dir = tempfile::tempdir()?;
    let store = Store::options().create(true).secret_key([7; 32]).open(dir.path().join("leads.db"))?;
    store.put_secret("sms-token", "sms-t0ken")?;
    let sending: Sending = serde_json::from_str(
        r#"{"auth": {"type": "bearer", "token": "sms-token"}, "retry": {"delays_seconds": [0, 1, 5]}}"#,
    )
    .expect("a part of a definition");
    let sms = HttpSend::new("leads", "sms", "SMS送信", service.url("/v1/messages"))
        .body(HttpBody::Json {
            rows: vec![
                JsonRow::new("to", "${phone}"),
                JsonRow::new("text", "${name} 様 ${visit|display} のご来店をお待ちしております。"),
                JsonRow::new("priority", "1").kind(JsonType::Number),
                JsonRow::new("tags", "${tags}").kind(JsonType::Native),
                JsonRow::new("reference", "${_id}"),
            ],
        })
        .save(SaveAnswer::json("message_id", "/message/id"))
        .save(SaveAnswer::json("price", "/message/price"))
        .save(SaveAnswer::status("status").always())
        .save(SaveAnswer::error("problem"))
        .sending(sending);
    store.apply(
        &Blueprint::new()
            .database(
                Database::new("leads", "見込客")
                    .field(Field::key("number", "番号"))
                    .field(Field::text("name", "氏名"))
                    .field(Field::new("phone", "電話番号", FieldKind::Phone {}))
                    .field(Field::datetime("visit", "来店予定"))
                    .field(Field::choices("tags", "タグ", &["新規", "再来"]))
                    .field(Field::text("message_id", "SMS ID"))
                    .field(Field::number("price", "料金", 1))
                    .field(Field::number("status", "HTTPステータス", 0))
                    .field(Field::text("problem", "エラー")),
            )
            .http_send(sms)
            .list(
                List::new("leads", "all", "見込客一覧")
                    .column("number")
                    .column("name")
                    .pulldown(MenuEntry::HttpSend("sms".to_owned())),
            ),
    )?;
    let leads = store.records("leads");
    for (number, name, phone, tags) in [
        ("L-1", "佐藤 \"花子\"", "+819000000001", vec!["新規"]),
        ("L-2", "鈴木 一郎", "+819000000002", vec!["新規", "再来"]),
        ("L-3", "高橋 次郎", "+819000000003", vec![]),
        ("L-4", "電話なし", "", vec![]),
    ] {
        leads.register(
            &Values::new()
                .set("number", number)
                .set("name", name)
                .set("phone", phone)
                .set("visit", "2026-02-01 10:00")
                .set("tags", tags.as_slice()),
        )?;
    }

    println!("3. Ways that are not open are refused, and say which are");
    for trigger in [Trigger::Timer, Trigger::SubMenu, Trigger::SettingsScreen, Trigger::TemplatedMail] {
        if let Err(error) = store.http_send(&HttpSendRequest::of(trigger, "leads", "all", "sms", ["L-1"])) {
            println!("   [{}] {}", error.code().as_str(), error.message(renkei::Language::Japanese));
        }
    }

    println!("4. The pulldown, for three ticked records; a worker sends and tries again");
    let run = store.http_send(&HttpSendRequest::pulldown("leads", "all", "sms", ["L-1", "L-2", "L-3"]))?;
    let worker = Worker::new(&store).network(NetworkPolicy::new().allow("127.0.0.0/8")?).start()?;
    let run = store.wait_http_send(run.run_id, Duration::from_secs(20))?;
    worker.stop();
    for request in service.received() {
        println!(
            "   received: {} {} Idempotency-Key {}",
            request.method,
            request.path,
            request.header("idempotency-key")
        );
        println!("   | {}", request.text());
    }

    println!("5. What came of it");
    println!("   run {}: {:?}, {} delivered, {} failed", run.run_id, run.state, run.delivered, run.failed);
    for item in &run.items {
        let record = leads.view(item.key.as_str())?;
        println!(
            "   {} {}: {:?}, SMS ID \"{}\", 料金 {}, HTTPステータス {}, エラー \"{}\"",
            record.key(),
            record.text("name"),
            item.state,
            record.text("message_id"),
            record.display("price"),
            record.text("status"),
            record.text("problem"),
        );
    }
    Ok(())
}
