//! Files of every version: opened, brought up to date, whole, and at work again.
//!
//! `tests/fixtures/<version>/` has a store that the version wrote and what was in it as JSON.
//! `RENKEI_BLESS=1 cargo test --test old_files` writes those of this version; a released one is never written again.

mod common_sound;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common_sound::sound;
use renkei::{
    Answer, AuditEntry, AutomationRequest, Blueprint, Channel, Condition, DeliveryState, DetailRow, Escape, Exchange,
    Export, Failure, FileRequest, HttpSendRequest, ImportRequest, JobState, ManualClock, NewDelivery, NewToken,
    OutboundRequest, PushRequest, Query, Random, Right, SlottedText, Store, StoreOptions, Times, Timestamp, Transport,
    User, Value, Values, Worker,
};
use serde_json::{Value as Json, json};

/// 2026-01-31 09:30:00 in Tokyo.
const NOW: Timestamp = Timestamp(1_769_819_400_000);

/// The definitions of the first version, of every type of field.
const BLUEPRINT: &str = r#"{
  "users": [{"code": "hanako", "name": "山田花子"}],
  "databases": [
    {"code": "branches", "name": "支店", "fields": [
      {"code": "code", "name": "支店コード", "type": "key"},
      {"code": "name", "name": "支店名", "type": "text", "required": true}]},
    {"code": "orders", "name": "注文", "approval": true, "fields": [
      {"code": "number", "name": "注文番号", "type": "key", "parts": [{"kind": "automatic", "format": {"prefix": "N", "digits": 6}}]},
      {"code": "title", "name": "件名", "type": "text", "required": true, "full_text": true},
      {"code": "memo", "name": "メモ", "type": "multiline"},
      {"code": "rate", "name": "率", "type": "number", "scale": 2, "index": true},
      {"code": "ordered", "name": "注文日", "type": "date", "index": true},
      {"code": "shipped", "name": "出荷日時", "type": "datetime"},
      {"code": "opens", "name": "開始", "type": "time"},
      {"code": "state", "name": "状態", "type": "choice", "choices": ["新規", "受付", "済"]},
      {"code": "tags", "name": "印", "type": "choices", "choices": ["A", "B", "C"]},
      {"code": "owner", "name": "担当", "type": "user"},
      {"code": "mail", "name": "メール", "type": "email", "unique": true},
      {"code": "site", "name": "サイト", "type": "url"},
      {"code": "phone", "name": "電話", "type": "phone"},
      {"code": "serial", "name": "連番", "type": "auto_number", "format": {"date": "month", "digits": 3}},
      {"code": "branch", "name": "支店", "type": "link", "database": "branches"},
      {"code": "branch_name", "name": "支店名", "type": "dependent", "link": "branch", "source": "name"},
      {"code": "branch_now", "name": "今の支店名", "type": "reference", "link": "branch", "source": "name"},
      {"code": "total", "name": "合計", "type": "calculated", "expression": "sum(amount) * rate", "scale": 2},
      {"code": "paper", "name": "書類", "type": "file"}],
     "details": [
      {"code": "line", "name": "行番号", "type": "detail_key"},
      {"code": "item", "name": "品名", "type": "text", "full_text": true},
      {"code": "amount", "name": "金額", "type": "number", "scale": 2}]}],
  "lists": [{"database": "orders", "code": "overview", "name": "注文一覧", "columns": ["number", "title", "branch.name"],
             "sort": [{"field": "ordered", "descending": true}],
             "menu": {"sub_menu": [{"csv_push": "core"}], "buttons": [{"http_send": "sms"}, {"automation": "remind"}]}}],
  "searches": [{"database": "orders", "code": "large", "name": "大口", "condition": {"field": "total", "op": "at_least", "value": "1000"}}],
  "imports": [{"database": "orders", "code": "daily", "name": "日次の取込", "mode": "insert",
               "columns": [{"field": "title"}, {"field": "branch"}, {"field": "rate"}]}],
  "aggregations": [{"database": "orders", "code": "by_branch", "name": "支店別", "aggregation": {
                    "group_by": [{"field": "branch.name"}], "measures": [{"function": "count"}, {"function": "sum", "field": "total"}]}}],
  "targets": [{"code": "core", "name": "基幹", "concurrency": 2}],
  "mail_servers": [{"code": "office", "name": "社内メール", "host": "mail.example", "from": "renkei@mail.example"}],
  "file_templates": [{"database": "orders", "code": "sheet", "name": "注文書", "file_name": "注文書_${number}.txt",
                      "content": {"text": "${title}${@each rows}\n${item}${@end}"}}],
  "mail_templates": [{"database": "orders", "code": "thanks", "name": "お礼", "server": "office", "to": ["desk@mail.example"],
                      "subject": "${number}", "text": "${title}", "files": ["sheet"]}],
  "csv_pushes": [{"database": "orders", "code": "core", "name": "基幹システムへ送信", "url": "http://10.1.2.3/receive",
                  "after_success": [{"field": "opens", "value": "10:00"}]}],
  "http_sends": [{"database": "orders", "code": "sms", "name": "SMS送信", "url": "https://sms.example/v1/messages",
                  "body": {"format": "json", "rows": [{"key": "to", "value": "${phone}"}]}, "triggers": ["button"],
                  "save": [{"field": "memo", "from": "status"}], "sending": {"target": "core"}}],
  "automations": [
    {"database": "orders", "code": "note", "name": "登録時", "triggers": [{"registered": {}}], "parts": [
      {"code": "note", "name": "記録", "action": {"type": "update", "set": [{"field": "memo", "from": {"template": "${number}を受付"}}]}}]},
    {"database": "branches", "code": "watch", "name": "定時", "triggers": [{"timer": {"when": {"minutes": {"every": 30}}}}],
     "condition": {"field": "code", "op": "equals", "value": "02"}, "parts": [
      {"code": "rename", "name": "改名", "action": {"type": "update", "set": [{"field": "name", "from": {"template": "${code}号店"}}]}}]},
    {"database": "orders", "code": "remind", "name": "連絡", "triggers": ["button"], "parts": [
      {"code": "ask", "name": "連絡する", "action": {"type": "http_send", "http_send": "sms"}},
      {"code": "done", "name": "済にする", "action": {"type": "update", "set": [{"field": "state", "from": {"value": "済"}}]}}]}],
  "notice_mails": [{"database": "orders", "code": "told", "name": "お知らせ", "on": ["registered", "deleted"], "template": "thanks"}]
}"#;

struct Steady;

impl Random for Steady {
    fn fill(&self, bytes: &mut [u8]) {
        static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
        for byte in bytes {
            let next = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            *byte = next.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes()[0];
        }
    }
}

/// Takes every message without a network but those that it refuses, and keeps what it saw of secrets.
#[derive(Default)]
struct Receiver {
    keys: Mutex<Vec<String>>,
}

impl Transport for Receiver {
    fn send(&self, request: &mut OutboundRequest<'_>) -> Result<Exchange, Failure> {
        let keys = request.headers.iter().filter(|(name, _)| name == "x-key").map(|(_, value)| value.to_string());
        self.keys.lock().unwrap().extend(keys);
        match request.url.path() {
            "/refused" => Ok(Exchange::new(Answer::new(400), Times::default())),
            "/later" => Err(Failure::unanswered("it hung up", &request.url.origin())),
            _ => Ok(Exchange::new(Answer::new(200), Times::default())),
        }
    }
}

/// A worker that sends nothing anywhere.
fn worker(store: &Store, receiver: &Arc<Receiver>) -> Worker {
    let (http, mail) = (Channel::Http, Channel::Mail);
    Worker::new(store).transport(http, receiver.clone()).transport(mail, receiver.clone()).senders(1)
}

fn options() -> StoreOptions {
    options_at(&Arc::new(ManualClock::new(NOW)))
}

fn options_at(clock: &Arc<ManualClock>) -> StoreOptions {
    let mut options = Store::options();
    options.clock(clock.clone()).random(Arc::new(Steady)).secret_key([7; 32]);
    options
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// Makes a store with something of everything; the secret of its token.
fn make(path: &Path) -> String {
    let clock = Arc::new(ManualClock::new(NOW));
    let store = options_at(&clock).create(true).page_bytes(1024).open(path).unwrap();
    let worker = worker(&store, &Arc::default());
    store.apply(&Blueprint::from_json(BLUEPRINT).unwrap()).unwrap();
    store.apply(&Blueprint::new().user(User::new("link", "連携用").allow("orders", [Right::View]))).unwrap();
    let token = store.issue_token(&NewToken::of("link")).unwrap();
    store.put_secret("core-key", "秘密").unwrap();
    for (code, name) in [("01", "東京支店"), ("02", "大阪支店")] {
        store.records("branches").register(&Values::new().set("code", code).set("name", name)).unwrap();
    }
    let paper = store.put_file("書類.txt", "紙の中身".as_bytes()).unwrap();
    let orders = store.records("orders");
    for number in 0..12 {
        let mut order = Values::new().set("title", format!("件名その{number}")).set("rate", "1.25");
        if number % 2 == 0 {
            order = order
                .set("memo", "一行目\n二行目 😀")
                .set("ordered", "2026-01-31")
                .set("shipped", "2026-01-31 09:30:15")
                .set("opens", "09:30:00")
                .set("state", "受付")
                .set("tags", vec!["A", "C"])
                .set("owner", "hanako")
                .set("mail", format!("a{number}@example.com"))
                .set("site", "https://example.com/")
                .set("phone", "03-1234-5678")
                .set("branch", if number % 4 == 0 { "01" } else { "02" });
        }
        for row in 0..number % 3 {
            order =
                order.row(DetailRow::new().set("line", row.to_string()).set("item", "品物").set("amount", "100.50"));
        }
        orders.register(&order).unwrap();
    }
    orders.update("N000003", &Values::new().set("paper", paper.id)).unwrap();
    orders.delete("N000002").unwrap();
    orders.approve("N000001").unwrap();
    let upload = store.upload("日次.csv", "件名,支店,率\n取込,01,1.5\n誤り,99,x\n".as_bytes()).unwrap();
    store.reserve_import(&ImportRequest::upload("orders", "daily", upload.id)).unwrap();
    // What is run to its end: imports, automations, notices, a push, http sends, and deliveries, of which one is refused
    // for good and one is tried again later.
    for path in ["taken", "refused", "later"] {
        store.deliver(&NewDelivery::post(format!("https://core.example/{path}")).body(path)).unwrap();
    }
    let mut key = SlottedText::default();
    key.push_secret("core-key", Escape::None);
    let with_secret = NewDelivery::post("https://core.example/a").header("x-key", key);
    store.deliver(&with_secret).unwrap();
    let push = store.push(&PushRequest::new("orders", "overview", "core").memo("月次")).unwrap();
    let sent = store.http_send(&HttpSendRequest::button("orders", "overview", "sms", "N000001")).unwrap();
    let followed = |key: &str| {
        let request = AutomationRequest::button("orders", "overview", "remind", key);
        store.start_automation(&request).unwrap().run_id
    };
    let ended = followed("N000005");
    worker.run_until_idle().unwrap();
    assert_eq!(store.push_run(push.run_id).unwrap().state, JobState::Completed);
    assert_eq!(store.http_send_run(sent.run_id).unwrap().delivered, 1);
    assert_eq!(store.automation_run(ended).unwrap().completed, 1);
    // What waits: an answer for a record between two parts, events, timers, an import, a push, http sends, and messages,
    // of which one stands behind another.
    let waits = followed("N000007");
    while store.automation_run(waits).unwrap().waiting == 0 {
        assert!(worker.run_once().unwrap());
    }
    let upload = store.upload("日次.csv", "件名,支店,率\n後の取込,02,2\n".as_bytes()).unwrap();
    store.reserve_import(&ImportRequest::upload("orders", "daily", upload.id)).unwrap();
    store.push(&PushRequest::new("orders", "overview", "core")).unwrap();
    store.http_send(&HttpSendRequest::button("orders", "overview", "sms", "N000001")).unwrap();
    store.deliver(&with_secret.body("一")).unwrap();
    for body in ["二", "三"] {
        store.deliver(&NewDelivery::post("https://core.example/b").body(body).order_key("k")).unwrap();
    }
    orders.register(&Values::new().set("title", "最後の注文")).unwrap();
    store.note_audit(&AuditEntry::new("test/made").subject("x").result("ok")).unwrap();
    worker.sweep().unwrap();
    token.secret().to_owned()
}

/// What is in a store, for people and programs to compare.
fn picture(store: &Store) -> Json {
    let blueprint: Json = serde_json::from_str(&store.blueprint().unwrap().to_json()).unwrap();
    let records = |database: &str| -> Vec<Json> {
        store.query(database, &Query::new()).unwrap().records.iter().map(renkei::Record::to_json).collect()
    };
    let imports = store.imports(10).unwrap();
    let rejects: Vec<_> = imports.iter().map(|import| store.rejects(import.process_id, 0, 10).unwrap()).collect();
    let deliveries = store.deliveries(&renkei::DeliveryFilter::new(), None, 100).unwrap();
    let attempts: Vec<_> = deliveries.iter().map(|delivery| store.attempts(delivery.id).unwrap()).collect();
    let runs = store.automation_runs(None, 100).unwrap();
    let entries: Vec<_> = runs.iter().map(|run| store.automation_entries(run.run_id, None, 100).unwrap()).collect();
    let mut sheet = Vec::new();
    store.generate_file(&FileRequest::new("orders", "sheet").record("N000005"), &mut sheet).unwrap();
    let paper = match store.records("orders").view("N000003").unwrap().value("paper") {
        Value::File(id) => id,
        other => panic!("{other:?}"),
    };
    let (mut bytes, file) = (String::new(), store.file(paper).unwrap());
    store.read_file(paper).unwrap().read_to_string(&mut bytes).unwrap();
    let mut csv = Vec::new();
    store.export(&Export::of("orders").list("overview"), &mut csv).unwrap();
    json!({
        "definitions": blueprint,
        "branches": records("branches"),
        "orders": records("orders"),
        "found": store.count("orders", Some(&Condition::contains("title", "件名"))).unwrap(),
        "imports": imports,
        "rejects": rejects,
        "attempts": attempts,
        "pushes": store.push_runs(None, 100).unwrap(),
        "http_sends": store.http_send_runs(100).unwrap(),
        "automations": runs,
        "entries": entries,
        "notice": store.notice_mail_status("orders", "told").unwrap(),
        "targets": store.targets().unwrap(),
        "aggregation": store.run_aggregation("orders", "by_branch").unwrap(),
        "sheet": String::from_utf8(sheet).unwrap(),
        "paper": {"name": file.name, "bytes": bytes},
        "deliveries": deliveries.iter().map(|delivery| json!({
            "id": delivery.id, "message_id": delivery.message_id, "state": delivery.state, "url": delivery.url,
            "sha256": delivery.sha256, "order_key": delivery.order_key,
        })).collect::<Vec<_>>(),
        "secrets": store.secret_names().unwrap(),
        "tokens": store.tokens().unwrap().len(),
        "csv": String::from_utf8(csv).unwrap(),
    })
}

/// Whether everything of what was is what it is now. Members that are new in this version do not matter.
fn holds(was: &Json, is: &Json, place: &str) {
    match (was, is) {
        (Json::Object(was), Json::Object(is)) => {
            for (name, value) in was {
                let found = is.get(name).unwrap_or_else(|| panic!("{place}/{name} is no more"));
                holds(value, found, &format!("{place}/{name}"));
            }
        }
        (Json::Array(was), Json::Array(is)) => {
            assert_eq!(was.len(), is.len(), "{place}");
            was.iter().zip(is).enumerate().for_each(|(at, (was, is))| holds(was, is, &format!("{place}/{at}")));
        }
        _ => assert_eq!(was, is, "{place}"),
    }
}

/// An old store does what a new one does.
fn works(store: &Store, clock: &ManualClock) {
    let orders = store.records("orders");
    let saved = orders.register(&Values::new().set("title", "新しい注文").set("branch", "02")).unwrap();
    assert!(saved.key.as_str() > "N000013", "{} was given before", saved.key);
    orders.update("N000005", &Values::new().set("memo", "改めた")).unwrap();
    orders.delete("N000004").unwrap();
    let mut database = store.database("orders").unwrap();
    database.name = "受注".to_owned();
    let field = renkei::Field::text("added", "追加").full_text().default_value("既定");
    store.apply(&Blueprint::new().database(database.field(field))).unwrap();
    // What waited is run, and what was tried in vain is tried again.
    let receiver = Arc::default();
    let worker = worker(store, &receiver);
    clock.advance(Duration::from_secs(60 * 60));
    worker.run_until_idle().unwrap();
    assert!(store.imports(10).unwrap().iter().all(|import| import.state == JobState::Completed));
    assert_eq!(store.count("orders", Some(&Condition::contains("title", "後の取込"))).unwrap(), 1);
    assert!(store.push_runs(None, 100).unwrap().iter().all(|run| run.state == JobState::Completed));
    assert!(store.http_send_runs(100).unwrap().iter().all(|run| run.state == JobState::Completed));
    let runs = store.automation_runs(None, 100).unwrap();
    assert!(runs.iter().all(|run| run.state == JobState::Completed), "{runs:?}");
    assert_eq!(store.records("branches").view("02").unwrap().text("name"), "02号店");
    assert_eq!(orders.view("N000007").unwrap().text("state"), "済");
    assert_eq!(orders.view(&saved.key).unwrap().text("memo"), format!("{}を受付", saved.key));
    for delivery in store.deliveries(&renkei::DeliveryFilter::new(), None, 100).unwrap() {
        let expected = match delivery.url.rsplit('/').next() {
            Some("refused") => DeliveryState::Failed,
            Some("later") => DeliveryState::Waiting,
            _ => DeliveryState::Delivered,
        };
        assert_eq!(delivery.state, expected, "{delivery:?}");
    }
    // The secret is opened by its key.
    assert_eq!(*receiver.keys.lock().unwrap(), ["秘密"]);
    let notice = store.notice_mail_status("orders", "told").unwrap();
    assert_eq!(notice.waiting == 0, cfg!(feature = "mail"), "{notice:?}");
}

#[test]
fn files_of_every_version_open_and_work() {
    let own = folder().join(env!("CARGO_PKG_VERSION"));
    if std::env::var_os("RENKEI_BLESS").is_some() {
        std::fs::create_dir_all(&own).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let token = make(&dir.path().join("store.db"));
        std::fs::copy(dir.path().join("store.db"), own.join("store.db")).unwrap();
        let store = options().open(dir.path().join("store.db")).unwrap();
        let mut picture = picture(&store);
        picture["token"] = token.into();
        std::fs::write(own.join("store.json"), serde_json::to_string_pretty(&picture).unwrap() + "\n").unwrap();
    }
    let mut versions: Vec<PathBuf> = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    versions.sort();
    assert!(versions.contains(&own), "there is no file of this version: write one with RENKEI_BLESS=1");
    for version in versions {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.db");
        std::fs::copy(version.join("store.db"), &path).unwrap();
        let shown = version.file_name().unwrap().to_string_lossy().into_owned();
        let clock = Arc::new(ManualClock::new(NOW));
        let store = options_at(&clock).open(&path).unwrap_or_else(|error| panic!("{shown}: {error:?}"));
        // Until a version is released its format may still change.
        if version == own && !store.check().unwrap().is_sound() && std::env::var_os("CI").is_none() {
            println!(
                "the format of {shown} has changed since its file was written: write it again with RENKEI_BLESS=1"
            );
            continue;
        }
        sound(&store);
        let was: Json = serde_json::from_slice(&std::fs::read(version.join("store.json")).unwrap()).unwrap();
        let mut is = picture(&store);
        // Its secret is kept nowhere.
        is["token"] = was["token"].clone();
        holds(&was, &is, &shown);
        let token = was["token"].as_str().unwrap();
        assert!(store.authenticate(token, None).unwrap().may("orders", Right::View).unwrap());
        works(&store, &clock);
        sound(&store);
        drop(store);
        sound(&options().open(&path).unwrap());
        println!("{shown}: {} bytes", std::fs::metadata(version.join("store.db")).unwrap().len());
    }
}
