//! Files of every version: opened, brought up to date, whole, and at work again.
//!
//! `tests/fixtures/<version>/` has a store that the version wrote and what was in it as JSON.
//! `RENKEI_BLESS=1 cargo test --test old_files` writes those of this version; a released one is never written again.

mod common_sound;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use common_sound::sound;
use renkei::{
    AuditEntry, Blueprint, Condition, DetailRow, Export, ImportRequest, JobState, ManualClock, NewDelivery, NewToken,
    Query, Random, Right, Store, StoreOptions, Timestamp, User, Values, Worker,
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
             "menu": {"sub_menu": [{"csv_push": "core"}], "buttons": [{"http_send": "sms"}]}}],
  "searches": [{"database": "orders", "code": "large", "name": "大口", "condition": {"field": "total", "op": "at_least", "value": "1000"}}],
  "imports": [{"database": "orders", "code": "daily", "name": "日次の取込", "mode": "insert",
               "columns": [{"field": "title"}, {"field": "branch"}, {"field": "rate"}]}],
  "targets": [{"code": "core", "name": "基幹", "concurrency": 2}],
  "csv_pushes": [{"database": "orders", "code": "core", "name": "基幹システムへ送信", "url": "http://10.1.2.3/receive"}],
  "http_sends": [{"database": "orders", "code": "sms", "name": "SMS送信", "url": "https://sms.example/v1/messages",
                  "body": {"format": "json", "rows": [{"key": "to", "value": "${phone}"}]}, "triggers": ["button"]}]
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

fn options() -> StoreOptions {
    let mut options = Store::options();
    options.clock(Arc::new(ManualClock::new(NOW))).random(Arc::new(Steady)).secret_key([7; 32]);
    options
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// Makes a store with something of everything.
fn make(path: &Path) {
    let store = options().create(true).page_bytes(1024).open(path).unwrap();
    store.apply(&Blueprint::from_json(BLUEPRINT).unwrap()).unwrap();
    store.apply(&Blueprint::new().user(User::new("link", "連携用").allow("orders", [Right::View]))).unwrap();
    store.issue_token(&NewToken::of("link")).unwrap();
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
    Worker::new(&store).run_until_idle().unwrap();
    // One more that waits, and two messages that were not sent.
    let upload = store.upload("日次.csv", "件名,支店,率\n後の取込,02,2\n".as_bytes()).unwrap();
    store.reserve_import(&ImportRequest::upload("orders", "daily", upload.id)).unwrap();
    store.deliver(&NewDelivery::post("https://core.example/a").body("一")).unwrap();
    store.deliver(&NewDelivery::post("https://core.example/b").body("二").order_key("k")).unwrap();
    store.note_audit(&AuditEntry::new("test/made").subject("x").result("ok")).unwrap();
    Worker::new(&store).sweep().unwrap();
}

/// What is in a store, for people and programs to compare.
fn picture(store: &Store) -> Json {
    let blueprint: Json = serde_json::from_str(&store.blueprint().unwrap().to_json()).unwrap();
    let records = |database: &str| -> Vec<Json> {
        store.query(database, &Query::new()).unwrap().records.iter().map(renkei::Record::to_json).collect()
    };
    let imports = store.imports(10).unwrap();
    let rejects: Vec<_> = imports.iter().map(|import| store.rejects(import.process_id, 0, 10).unwrap()).collect();
    let deliveries = store.deliveries(&renkei::DeliveryFilter::new(), None, 10).unwrap();
    let mut csv = Vec::new();
    store.export(&Export::of("orders").list("overview"), &mut csv).unwrap();
    json!({
        "definitions": blueprint,
        "branches": records("branches"),
        "orders": records("orders"),
        "found": store.count("orders", Some(&Condition::contains("title", "件名"))).unwrap(),
        "imports": imports,
        "rejects": rejects,
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
fn works(store: &Store) {
    let orders = store.records("orders");
    let saved = orders.register(&Values::new().set("title", "新しい注文").set("branch", "02")).unwrap();
    assert!(saved.key.as_str() > "N000013", "{} was given before", saved.key);
    orders.update("N000005", &Values::new().set("memo", "改めた")).unwrap();
    orders.delete("N000004").unwrap();
    let mut database = store.database("orders").unwrap();
    database.name = "受注".to_owned();
    let field = renkei::Field::text("added", "追加").full_text().default_value("既定");
    store.apply(&Blueprint::new().database(database.field(field))).unwrap();
    // What waited is run. Nothing is sent, since nobody may be called.
    let waiting = store.imports(10).unwrap().iter().find(|import| import.state == JobState::Reserved).cloned().unwrap();
    while Worker::new(store).run_once().unwrap() && !store.import_status(waiting.process_id).unwrap().state.is_ended() {
    }
    assert_eq!(store.import_status(waiting.process_id).unwrap().counts.inserted, 1);
    assert_eq!(store.count("orders", Some(&Condition::contains("title", "後の取込"))).unwrap(), 1);
}

#[test]
fn files_of_every_version_open_and_work() {
    let own = folder().join(env!("CARGO_PKG_VERSION"));
    if std::env::var_os("RENKEI_BLESS").is_some() {
        std::fs::create_dir_all(&own).unwrap();
        let dir = tempfile::tempdir().unwrap();
        make(&dir.path().join("store.db"));
        std::fs::copy(dir.path().join("store.db"), own.join("store.db")).unwrap();
        let store = options().open(dir.path().join("store.db")).unwrap();
        std::fs::write(own.join("store.json"), serde_json::to_string_pretty(&picture(&store)).unwrap() + "\n").unwrap();
    }
    let mut versions: Vec<PathBuf> = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    versions.sort();
    assert!(versions.contains(&own), "there is no file of this version: write one with RENKEI_BLESS=1");
    for version in versions {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.db");
        std::fs::copy(version.join("store.db"), &path).unwrap();
        let shown = version.file_name().unwrap().to_string_lossy().into_owned();
        let store = options().open(&path).unwrap_or_else(|error| panic!("{shown}: {error:?}"));
        // Until a version is released its format may still change.
        if version == own && !store.check().unwrap().is_sound() && std::env::var_os("CI").is_none() {
            println!(
                "the format of {shown} has changed since its file was written: write it again with RENKEI_BLESS=1"
            );
            continue;
        }
        sound(&store);
        let was: Json = serde_json::from_slice(&std::fs::read(version.join("store.json")).unwrap()).unwrap();
        holds(&was, &picture(&store), &shown);
        works(&store);
        sound(&store);
        drop(store);
        sound(&options().open(&path).unwrap());
        println!("{shown}: {} bytes", std::fs::metadata(version.join("store.db")).unwrap().len());
    }
}
