//! The check of a store finds every kind of damage, and nothing in a store that is well; the backup is a whole store of one
//! moment, or nothing.

mod common;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::Fixture;
use renkei::{
    AuditEntry, AuditQuery, AutoNumber, AutomationRequest, BackupOptions, BackupProgress, Blueprint, Cancel,
    CheckOptions, CheckReport, Code, Database, DetailRow, Field, HttpSendRequest, ImportMode, ImportRequest,
    ImportSetting, JobState, Kind, Language, List, NewDelivery, NumberDate, PushRequest, Severity, Store, User, Values,
    Worker, WriteOptions,
};

fn branches() -> Database {
    Database::new("branches", "支店")
        .field(Field::key("code", "コード"))
        .field(Field::text("name", "支店名").required().full_text())
}

fn orders() -> Database {
    let serial = AutoNumber { prefix: "S".into(), digits: 4, date: NumberDate::Year, ..AutoNumber::default() };
    Database::new("orders", "注文")
        .field(Field::auto_key("number", "番号", AutoNumber { digits: 6, ..AutoNumber::default() }))
        .field(Field::text("title", "件名").required().full_text())
        .field(Field::choice("state", "状態", &["新規", "済"]))
        .field(Field::choices("tags", "札", &["急", "冷"]))
        .field(Field::number("rate", "率", 2).indexed())
        .field(Field::date("ordered", "日付").default_value("now"))
        .field(Field::link("branch", "支店", "branches"))
        .field(Field::dependent("branch_name", "支店名", "branch", "name"))
        .field(Field::auto_number("serial", "連番", serial))
        .field(Field::file("paper", "書類"))
        .field(Field::calculated("total", "合計", 2, "sum(price) * rate").unwrap())
        .detail(Field::detail_key("line", "行"))
        .detail(Field::text("item", "品名").full_text())
        .detail(Field::number("price", "価格", 0))
        .detail(Field::calculated("double", "倍", 0, "price * 2").unwrap())
        .with_approval()
}

/// A store with something of everything.
fn office() -> Fixture {
    let fixture = Fixture::of([branches(), orders()]);
    let store = &fixture.store;
    let setting =
        ImportSetting::new("branches", "daily", "日次").mode(ImportMode::Upsert).column("code").column("name");
    store.apply(&Blueprint::new().import(setting).user(User::new("hanako", "花子")).list(list())).unwrap();
    for (code, name) in [("1", "本店"), ("2", "東京支店"), ("3", "大阪支店")] {
        store.records("branches").register(&Values::new().set("code", code).set("name", name)).unwrap();
    }
    for number in 0..20 {
        let mut values = Values::new()
            .set("title", format!("注文その{number}"))
            .set("state", ["新規", "済"][number % 2])
            .set("tags", ["急", "冷"])
            .set("rate", "1.25")
            .set("branch", (number % 3 + 1).to_string());
        for row in 0..number % 4 {
            let line = DetailRow::new().set("line", row.to_string()).set("item", format!("品{row}")).set("price", 100);
            values = values.row(line);
        }
        if number % 5 == 0 {
            let bytes = vec![u8::try_from(number).unwrap(); 300_000];
            values = values.set("paper", store.put_file("紙.bin", &bytes[..]).unwrap().id);
        }
        store.records("orders").register(&values).unwrap();
    }
    store.records("orders").delete("000000").unwrap_err();
    store.records("orders").delete("000020").unwrap();
    let upload = store.upload("支店.csv", "コード,支店名\n4,京都支店\n5,\n".as_bytes()).unwrap();
    let request = ImportRequest::upload("branches", "daily", upload.id);
    let id = store.reserve_import(&request).unwrap().process_id;
    Worker::new(store).run_until_idle().unwrap();
    assert_eq!(store.import_status(id).unwrap().counts.rejected, 1);
    fixture
}

fn list() -> List {
    List::new("orders", "all", "全件").column("number").column("title")
}

fn codes(report: &CheckReport) -> Vec<&'static str> {
    report.findings().iter().map(|finding| finding.code().as_str()).collect()
}

#[test]
fn a_store_that_is_well_has_nothing_found() {
    let fixture = office();
    let report = fixture.store.check().unwrap();
    assert!(report.is_sound() && report.findings().is_empty(), "{}", report.message(Language::English));
    let seen = report.examined();
    assert_eq!((seen.databases, seen.records, seen.files, seen.jobs), (2, 4 + 19, 5, 1));
    assert_eq!(seen.detail_rows, (0..19).map(|number| number % 4).sum::<u64>());
    assert!(report.message(Language::English).starts_with("The store is sound."));
    assert!(report.message(Language::Japanese).starts_with("異常はありません。"));
    let json = report.to_json();
    assert_eq!((json["sound"].as_bool(), json["findings"].as_array().map(Vec::len)), (Some(true), Some(0)));
    assert_eq!(json["examined"]["records"], 23);
    let quick = fixture.store.check_with(&CheckOptions::new().quick(), |_| true).unwrap();
    assert!(quick.findings().is_empty());
    assert_eq!(quick.examined(), seen);
}

/// What is sent and started by itself, beside what [`office`] has.
const MORE: &str = r#"{
  "targets": [{"code": "core", "name": "基幹"}],
  "mail_servers": [{"code": "mail", "name": "社内メール", "host": "mail.example.com", "from": "a@example.com"}],
  "mail_templates": [{"database": "orders", "code": "thanks", "name": "お礼", "server": "mail", "to": ["a@example.com"],
                      "subject": "${title}", "text": "${title}"}],
  "file_templates": [{"database": "orders", "code": "paper", "name": "注文書", "file_name": "${number}.txt",
                      "content": {"text": "${title}"}}],
  "aggregations": [{"database": "orders", "code": "states", "name": "状態別", "aggregation": {
                    "group_by": [{"field": "state"}], "measures": [{"function": "count"}]}}],
  "csv_pushes": [{"database": "orders", "code": "push", "name": "基幹へ", "url": "http://10.1.2.3/a",
                  "report": {"server": "mail"}}],
  "http_sends": [{"database": "orders", "code": "sms", "name": "SMS", "url": "https://sms.example/",
                  "body": {"format": "json", "rows": [{"key": "title", "value": "${title}"}]},
                  "sending": {"target": "core"}}],
  "automations": [{"database": "orders", "code": "close", "name": "締め",
                   "triggers": ["api", {"registered": {}}, {"timer": {"when": {"daily": {"at": ["09:00"]}}}}],
                   "parts": [{"code": "done", "name": "済", "action": {
                              "type": "update", "set": [{"field": "state", "from": {"value": "済"}}]}}]}],
  "lists": [{"database": "orders", "code": "all", "name": "全件", "columns": ["number", "title"],
             "menu": {"sub_menu": [{"csv_push": "push"}], "pulldown": [{"http_send": "sms"}]}}]
}"#;

/// A store in which something of everything waits.
fn waiting_office() -> Fixture {
    let fixture = office();
    let store = &fixture.store;
    store.apply(&Blueprint::from_json(MORE).unwrap()).unwrap();
    store.records("orders").register(&Values::new().set("title", "注文")).unwrap();
    store.start_automation(&AutomationRequest::call("orders", "close").records(["000001"])).unwrap();
    store.push(&PushRequest::new("orders", "all", "push")).unwrap();
    store.http_send(&HttpSendRequest::pulldown("orders", "all", "sms", ["000001", "000003"])).unwrap();
    for body in ["a", "b"] {
        store.deliver(&NewDelivery::post("https://core.example/").body(body).order_key("k")).unwrap();
    }
    fixture
}

/// Spoils a whole store by SQL; both ways of checking are told, the quick one where it can see it.
fn spoiled(fixture: Fixture, sql: &str) -> (CheckReport, CheckReport) {
    fixture.sound.is_spoiled_on_purpose();
    let sqlite = fixture.sqlite();
    sqlite.execute_batch(&format!("PRAGMA foreign_keys = OFF; PRAGMA writable_schema = ON; {sql}")).unwrap();
    drop(sqlite);
    // As another process would see it, without anything kept from before.
    let store = Store::open(fixture.path()).unwrap();
    (store.check().unwrap(), store.check_with(&CheckOptions::new().quick(), |_| true).unwrap())
}

#[test]
fn every_kind_of_damage_has_its_finding() {
    let fts = "\"branches__text__name__\"";
    let cases: &[Case<'_>] = &[
        ("UPDATE orders SET branch = 99 WHERE number = '000003'", "check.foreign_key", "branches", true),
        ("DELETE FROM renkei_meta WHERE name = 'audit_file'", "check.table", "audit_file", true),
        ("DROP INDEX renkei_audit_at", "check.table", "renkei_audit_at", true),
        ("UPDATE renkei_meta SET value = 100001 WHERE name = 'next_id'", "check.id", "100001", true),
        ("UPDATE renkei_definition SET document = '{' WHERE code = 'orders'", "check.definition", "database", true),
        ("UPDATE renkei_definition SET document = '{' WHERE code = 'all'", "check.definition", "list", true),
        ("UPDATE renkei_definition SET code = 'other' WHERE code = 'all'", "check.definition", "other", true),
        ("UPDATE renkei_definition SET database_id = 7 WHERE code = 'all'", "check.orphan", "renkei_definition", true),
        ("DROP INDEX branches__unique__code", "check.index", "branches__unique__code", true),
        ("DROP INDEX orders__by__rate", "check.index", "orders__by__rate", true),
        ("DROP INDEX orders__detail__by___record", "check.index", "orders__detail__by___record", true),
        (
            "DROP INDEX orders__by__rate; CREATE INDEX orders__by__rate ON orders (title)",
            "check.index",
            "another",
            true,
        ),
        ("DROP TABLE \"orders__text__title__\"", "check.index", "orders__text__title__", true),
        ("DROP VIEW orders__view", "check.view", "orders__view", true),
        ("ALTER TABLE orders DROP COLUMN tags", "check.table", "tags", true),
        ("ALTER TABLE orders ADD COLUMN foreign_thing TEXT", "check.other", "foreign_thing", true),
        ("CREATE TABLE notes (a)", "check.other", "notes", true),
        ("CREATE TRIGGER t AFTER INSERT ON orders BEGIN SELECT 1; END", "check.other", "trigger t", true),
        (&format!("INSERT INTO {fts} ({fts}) VALUES ('delete-all')"), "check.full_text", "branches.name", true),
        (&format!("INSERT INTO {fts} (rowid, t) VALUES (77, 'x')"), "check.full_text", "_id 77", true),
        ("UPDATE branches SET name = '東京支部' WHERE code = '2'", "check.full_text", "_id 2", false),
        ("UPDATE orders__detail SET item = '別' WHERE _id = 1", "check.full_text", "orders__detail.item", false),
        ("UPDATE orders SET title = NULL WHERE number = '000004'", "check.value", "000004", false),
        ("UPDATE orders SET state = 9 WHERE number = '000004'", "check.value", "orders.state", false),
        ("UPDATE orders SET tags = '[1][8]' WHERE number = '000004'", "check.value", "orders.tags", false),
        ("UPDATE orders SET ordered = 99999999 WHERE number = '000004'", "check.value", "99999999", false),
        ("UPDATE orders SET rate = 1000000000000000000 WHERE number = '000004'", "check.value", "orders.rate", false),
        ("UPDATE orders SET total = total + 1 WHERE number = '000004'", "check.calculation", "000004", false),
        ("UPDATE orders__detail SET double = 3 WHERE _id = 1", "check.calculation", "orders__detail.double", false),
        ("UPDATE orders SET _revision = 0 WHERE number = '000004'", "check.record", "_revision", true),
        ("UPDATE orders SET _approval = 7 WHERE number = '000004'", "check.record", "_approval", true),
        ("UPDATE orders SET _updated_by = 5 WHERE number = '000004'", "check.record", "000004", true),
        ("DELETE FROM orders__detail WHERE _id = 2", "check.details", "000003", true),
        ("UPDATE renkei_counter SET last = 3 WHERE period = '2026'", "check.number", "S20260004", false),
        ("DELETE FROM renkei_counter WHERE period = '2026'", "check.number", "orders.serial", false),
        ("DELETE FROM renkei_file_chunk WHERE number = 1", "check.file", "262144 of 300000", true),
        (
            "UPDATE renkei_file_chunk SET bytes = CAST(zeroblob(length(bytes) - 1) || x'01' AS BLOB) WHERE number = 1",
            "check.file",
            "not those",
            false,
        ),
        ("UPDATE renkei_file SET state = 1, expires_at = 5 WHERE state = 2", "check.file", "not marked", true),
        ("UPDATE orders SET paper = NULL WHERE number = '000001'", "check.file", "no record", true),
        (
            "UPDATE orders SET paper = (SELECT paper FROM orders WHERE number = '000001') WHERE number = '000006'",
            "check.file",
            "two records",
            true,
        ),
        ("UPDATE renkei_job SET state = 'asleep'", "check.job", "asleep", true),
        ("UPDATE renkei_job SET owner = x'00'", "check.job", "completed", true),
        ("UPDATE renkei_import SET inserted = 7", "check.import", "lines are done", true),
        ("UPDATE renkei_import SET total = 7", "check.import", "not done", true),
        ("UPDATE renkei_reject SET number = 5", "check.import", "refused", true),
        ("DELETE FROM renkei_reject", "check.import", "0 refusals are kept", true),
        ("DELETE FROM renkei_import", "check.import", "reservation", true),
        ("UPDATE renkei_import SET setting = '{}'", "check.import", "setting", true),
        ("UPDATE renkei_user SET addresses = '['", "check.access", "addresses", true),
        ("INSERT INTO renkei_right SELECT id, 0, 4096 FROM renkei_user", "check.access", "rights", true),
        ("INSERT INTO renkei_right SELECT id, 77, 1 FROM renkei_user", "check.orphan", "renkei_right", true),
        ("INSERT INTO renkei_counter VALUES (5, '', 1)", "check.orphan", "renkei_counter", true),
        ("INSERT INTO renkei_last_id VALUES ('nowhere', 1)", "check.orphan", "nowhere", true),
        ("INSERT INTO renkei_deferred_index VALUES (5, 1)", "check.orphan", "renkei_deferred_index", true),
        (
            "INSERT INTO renkei_deferred_index SELECT id, 1 FROM renkei_definition WHERE code = 'orders'",
            "check.deferred_index",
            "orders",
            true,
        ),
        (
            "INSERT INTO renkei_token VALUES (100001, (SELECT id FROM renkei_user), 't', x'00', 0, '[]', 0, 0, 0, 0, 0, '')",
            "check.access",
            "hash",
            true,
        ),
    ];
    expect_found(office, cases);
}

#[test]
fn whatever_waits_in_vain_or_is_not_what_was_frozen_has_its_finding() {
    let some = "(SELECT max(id) FROM renkei_delivery WHERE kind = 'http_send')";
    let spoil = |set: &str| format!("UPDATE renkei_message SET {set} WHERE delivery_id = {some}");
    let definitions =
        ["target", "csv_push", "http_send", "mail_server", "mail_template", "file_template", "aggregation"]
            .map(|kind| (format!("UPDATE renkei_definition SET document = '{{' WHERE kind = '{kind}'"), kind));
    let mut cases: Vec<Case<'_>> = vec![
        ("UPDATE renkei_target SET ready_at = NULL", "check.delivery", "will not be sent", true),
        ("UPDATE renkei_target SET ready_at = ready_at + 1", "check.delivery", "target \"core\"", true),
        ("UPDATE renkei_delivery SET state = 'asleep'", "check.delivery", "(asleep)", true),
        ("UPDATE renkei_delivery SET priority = 7", "check.delivery", "its state cannot be", true),
        ("UPDATE renkei_delivery SET ended_at = 5", "check.delivery", "its state cannot be", true),
        (
            "UPDATE renkei_delivery SET state = 'cancelled', ended_at = 5 WHERE state = 'waiting' AND order_key = 'k'",
            "check.delivery",
            "nothing that it waits behind",
            true,
        ),
        (
            "UPDATE renkei_delivery SET state = 'sending', claimed_by = 5, started_at = 5 WHERE order_key = 'k'",
            "check.left",
            "delivery",
            true,
        ),
        ("DELETE FROM renkei_message", "check.delivery", "message is missing", true),
        ("UPDATE renkei_message SET body = CAST('c' AS BLOB) WHERE bytes = 1", "check.delivery", "frozen", false),
        ("UPDATE renkei_message SET bytes = 99", "check.delivery", "frozen", true),
        ("UPDATE renkei_message SET sha256 = x'00' WHERE file_id IS NOT NULL", "check.delivery", "frozen", true),
        ("UPDATE renkei_file SET state = 1, expires_at = 5 WHERE state = 3", "check.delivery", "frozen", true),
        ("UPDATE renkei_message SET file_id = NULL", "check.file", "no delivery has it", true),
        ("UPDATE renkei_sending SET document = '{}'", "check.delivery", "way of sending", true),
        ("UPDATE renkei_delivery SET attempts = 1", "check.delivery", "of 1 attempts 0", true),
        ("DELETE FROM renkei_push", "check.delivery", "do not belong together", true),
        ("UPDATE renkei_job SET kind = 'import' WHERE kind = 'http_send'", "check.delivery", "do not belong", true),
        ("UPDATE renkei_push SET delivery_id = NULL", "check.delivery", "will never end", true),
        ("UPDATE renkei_push SET setting = '{'", "check.delivery", "setting is not readable", true),
        ("UPDATE renkei_send_item SET delivery_id = 5 WHERE number = 1", "check.delivery", "will never end", true),
        ("UPDATE renkei_send_item SET state = 'failed'", "check.delivery", "will never end", true),
        ("UPDATE renkei_job SET report = '{' WHERE report IS NOT NULL", "check.job", "who is told", true),
        (
            "UPDATE renkei_meta SET value = (SELECT max(id) FROM renkei_delivery) WHERE name = 'next_id'",
            "check.id",
            "is in use",
            true,
        ),
        ("DELETE FROM renkei_listener", "check.event", "does not hear what starts it", true),
        ("UPDATE renkei_listener SET events = 3", "check.event", "hears what does not", true),
        ("DELETE FROM renkei_automation_timer", "check.automation", "is not set", true),
        ("UPDATE renkei_automation_timer SET database_id = 5", "check.automation", "is not set", true),
        ("INSERT INTO renkei_automation_timer VALUES (5, 5, 5)", "check.orphan", "renkei_automation_timer", true),
        ("UPDATE renkei_automation SET completed = 1", "check.automation", "1 completed", true),
        ("DELETE FROM renkei_automation", "check.automation", "do not belong together", true),
        (
            "UPDATE renkei_job SET run_at = 9223372036854775807 WHERE kind = 'automation'",
            "check.automation",
            "waits for nothing",
            true,
        ),
        (
            "UPDATE renkei_definition SET document = replace(document, '\"title\"', '\"gone\"') WHERE code = 'all'",
            "check.unfit",
            "\"gone\" in the list \"all\"",
            true,
        ),
        ("UPDATE renkei_push SET database_id = 5", "check.orphan", "renkei_push", true),
        ("DROP TABLE renkei_send_item", "check.unreadable", "renkei_delivery", true),
    ];
    let columns = ["url", "headers", "slots"].map(|column| spoil(&format!("{column} = '{{'")));
    cases.extend(columns.iter().map(|sql| (sql.as_str(), "check.delivery", "message is not readable", true)));
    cases.extend(definitions.iter().map(|(sql, kind)| (sql.as_str(), "check.definition", *kind, true)));
    let fixture = waiting_office();
    let report = fixture.store.check().unwrap();
    assert!(report.findings().is_empty(), "{}", report.message(Language::English));
    expect_found(waiting_office, &cases);
}

/// SQL, the code, what the message names, whether the quick check sees it too.
type Case<'a> = (&'a str, &'a str, &'a str, bool);

const NOTICES: [&str; 5] = ["check.view", "check.other", "check.deferred_index", "check.unfit", "check.left"];

fn expect_found(make: fn() -> Fixture, cases: &[Case<'_>]) {
    for (sql, code, named, quick_sees) in cases {
        let (report, quick) = spoiled(make(), sql);
        let found = report.findings().iter().find(|finding| finding.code().as_str() == *code);
        let Some(found) = found else { panic!("{sql}: {}", report.message(Language::English)) };
        let message = found.message(Language::English);
        assert!(message.contains(named), "{sql}: {message}");
        assert!(found.message(Language::Japanese).chars().any(|c| c > '\u{3000}'));
        let is_notice = NOTICES.contains(code);
        assert_eq!(found.severity() == Severity::Notice, is_notice, "{sql}");
        if is_notice {
            assert!(report.is_sound(), "{sql}: {}", report.message(Language::English));
        } else {
            assert!(!report.is_sound());
        }
        assert_eq!(codes(&quick).contains(code), *quick_sees, "{sql}: {}", quick.message(Language::English));
    }
    println!("{} kinds of damage are found", cases.len());
}

#[test]
fn pages_that_were_overwritten_are_found() {
    let fixture = office();
    let path = fixture.dir.path().join("copy.db");
    fixture.store.backup(&path).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let pages = whole.len() / 8192;
    let (mut found, mut refused) = (0, 0);
    // The first page tells what file it is.
    for page in 1..pages {
        let mut bytes = whole.clone();
        bytes[page * 8192..page * 8192 + 4096].fill(0xA5);
        let spoiled = fixture.dir.path().join("spoiled.db");
        std::fs::write(&spoiled, &bytes).unwrap();
        match Store::open(&spoiled).and_then(|store| store.check()) {
            Ok(report) => {
                // Nothing looks at pages that are free or hold only the middle of a stored file, except the hash.
                let free = report.is_sound();
                assert!(!free, "page {page}: {}", report.message(Language::English));
                found += 1;
            }
            Err(error) => {
                assert_eq!(error.kind(), Kind::Storage, "page {page}: {error}");
                refused += 1;
            }
        }
        let _ = std::fs::remove_file(&spoiled);
    }
    println!("of {pages} pages, damage in {found} is found and with {refused} the store says that it is damaged");
}

#[test]
fn a_report_names_the_first_places_and_counts_the_rest() {
    let (report, _) = spoiled(office(), "UPDATE orders SET state = 9");
    let finding = &report.findings()[0];
    assert_eq!((finding.name(), finding.count()), ("orders.state", 19));
    assert_eq!(finding.places(Language::English).count(), 5);
    assert!(finding.message(Language::English).ends_with("and 14 more."));
    assert!(finding.message(Language::Japanese).ends_with("ほか14件"));
    assert!(report.message(Language::English).starts_with("One thing is wrong with the store."));
    assert_eq!(report.to_json()["findings"][0]["count"], 19);
}

#[test]
fn a_check_is_cancelled_and_tells_how_far_it_is() {
    let fixture = office();
    let mut last = (0, 0);
    fixture
        .store
        .check_with(&CheckOptions::new(), |at| {
            assert!(at.done == last.0 + 1 && at.done <= at.total && at.total >= last.1, "{at:?}");
            last = (at.done, at.total);
            true
        })
        .unwrap();
    assert_eq!(last.0, last.1);
    let stopped = fixture.store.check_with(&CheckOptions::new(), |at| at.done < 3).unwrap_err();
    assert_eq!(stopped.code(), Code::Cancelled);
    let cancel = Cancel::new();
    let store = fixture.store.cancellable(&cancel);
    cancel.cancel();
    assert_eq!(store.check().unwrap_err().code(), Code::Cancelled);
    // The connections are as before: what a check needs for a moment is gone.
    fixture.store.check().unwrap();
    fixture.store.records("branches").register(&Values::new().set("code", "9").set("name", "名古屋")).unwrap();
}

#[test]
fn only_administrators_check_and_back_up() {
    let fixture = office();
    let target = fixture.dir.path().join("copy.db");
    let clerk = fixture.store.as_user("hanako").unwrap();
    assert_eq!(clerk.check().unwrap_err().code(), Code::AdministratorOnly);
    assert_eq!(clerk.backup(&target).unwrap_err().code(), Code::AdministratorOnly);
    assert!(!target.exists());
    fixture.store.apply(&Blueprint::new().user(User::new("root", "管理者").administrator())).unwrap();
    let root = fixture.store.as_user("root").unwrap();
    assert!(root.check().unwrap().is_sound());
    root.backup(&target).unwrap();
    // Who took a copy of everything is remembered, also in the copy.
    for store in [&fixture.store, &Store::open(&target).unwrap()] {
        let lines = store.audit(&AuditQuery::new().action("store.backup")).unwrap().lines;
        assert_eq!((lines.len(), lines[0].user.as_deref()), (1, Some("root")));
    }
}

/// What a directory holds, without what SQLite and readers of the store keep beside it.
fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with("store.db"))
        .collect();
    names.sort();
    names
}

#[test]
fn a_backup_is_a_whole_store_in_one_file() {
    let fixture = office();
    fixture.store.note_audit(&AuditEntry::new("test").result("ok")).unwrap();
    let target = fixture.dir.path().join("複製 'x'.db");
    let mut told = Vec::new();
    let made = fixture
        .store
        .backup_with(&target, &BackupOptions::new(), |at| {
            told.push((at.bytes_done, at.bytes_total, at.checking));
            true
        })
        .unwrap();
    assert_eq!(made.bytes, std::fs::metadata(&target).unwrap().len());
    assert_eq!(names(fixture.dir.path()), ["複製 'x'.db"]);
    assert_eq!((told[0], *told.last().unwrap()), ((0, made.bytes, false), (made.bytes, made.bytes, false)));
    assert!(told.windows(2).all(|pair| pair[0].0 <= pair[1].0));
    let copy = Store::open(&target).unwrap();
    assert!(copy.check().unwrap().findings().is_empty());
    assert_eq!(copy.blueprint().unwrap(), fixture.store.blueprint().unwrap());
    for database in ["orders", "branches"] {
        let all = |store: &Store| {
            let page = store.query(database, &renkei::Query::new()).unwrap();
            page.records.iter().map(|record| record.to_json().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(all(&copy), all(&fixture.store));
    }
    // What stood beside the store for the audit log is in the copy.
    assert_eq!(copy.audit(&AuditQuery::new().action("test")).unwrap().lines.len(), 1);
    // It goes on by itself.
    let saved = copy.records("orders").register(&Values::new().set("title", "複製後")).unwrap();
    assert_eq!(saved.key, "000021");
}

#[test]
fn a_backup_goes_nowhere_else_and_overwrites_nothing() {
    let fixture = office();
    let dir = fixture.dir.path();
    std::fs::write(dir.join("there.db"), "x").unwrap();
    std::fs::write(dir.join("half.db-wal"), "x").unwrap();
    std::fs::create_dir(dir.join("folder")).unwrap();
    let wal = format!("{}-wal", fixture.path().display());
    for path in [
        dir.join("there.db"),
        dir.join("half.db"),
        dir.join("folder"),
        dir.join("no/such.db"),
        fixture.path(),
        wal.into(),
        "/".into(),
        "".into(),
    ] {
        let error = fixture.store.backup(&path).unwrap_err();
        assert_eq!((error.code(), error.kind()), (Code::BackupTarget, Kind::Usage), "{}: {error}", path.display());
    }
    assert_eq!(std::fs::read(dir.join("there.db")).unwrap(), b"x");
    assert_eq!(names(dir), ["folder", "half.db-wal", "there.db"]);
}

#[test]
fn a_backup_that_is_cancelled_leaves_nothing() {
    let fixture = office();
    let target = fixture.dir.path().join("copy.db");
    let stopped = fixture.store.backup_with(&target, &BackupOptions::new(), |_| false).unwrap_err();
    assert_eq!(stopped.code(), Code::Cancelled);
    let late = fixture.store.backup_with(&target, &BackupOptions::new(), |at| !at.checking).unwrap_err();
    assert_eq!(late.code(), Code::Cancelled);
    // Also from another thread, while it waits for the rate.
    let cancel = Cancel::new();
    let store = fixture.store.cancellable(&cancel);
    std::thread::scope(|scope| {
        let copying = scope.spawn(|| store.backup_with(&target, &BackupOptions::new().bytes_per_second(1), |_| true));
        std::thread::sleep(Duration::from_millis(100));
        cancel.cancel();
        assert_eq!(copying.join().unwrap().unwrap_err().code(), Code::Cancelled);
    });
    assert_eq!(names(fixture.dir.path()), [""; 0]);
}

#[test]
fn a_backup_keeps_to_its_rate() {
    let fixture = office();
    let target = fixture.dir.path().join("copy.db");
    let began = Instant::now();
    let made = fixture.store.backup_with(&target, &BackupOptions::new().bytes_per_second(4_000_000), |_| true).unwrap();
    // The copy is checked after that.
    let least = Duration::from_secs_f64(made.bytes as f64 / 4_000_000.0);
    assert!(began.elapsed() >= least, "{:?} for {} bytes", began.elapsed(), made.bytes);
}

struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_backup_shows_one_moment_while_others_write() {
    let fixture = office();
    // Each write makes a new record of one database and counts it in the other.
    fixture.apply([Database::new("sums", "合計").field(Field::key("k", "K")).field(Field::number("n", "N", 0))]);
    fixture.store.records("sums").register(&Values::new().set("k", "1").set("n", 0)).unwrap();
    let before = fixture.store.count("branches", None).unwrap();
    let (ended, written) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let (fixture, ended, written) = (&fixture, &ended, &written);
            scope.spawn(move || {
                while !ended.load(Ordering::Relaxed) {
                    let made = fixture.store.transaction(|transaction| {
                        let count = written.fetch_add(1, Ordering::Relaxed);
                        let options = WriteOptions::new();
                        let name = Values::new().set("code", format!("{thread}-{count}")).set("name", "支店");
                        transaction.register("branches", &name, &options)?;
                        let sum = transaction.view("sums", "1")?.value("n").as_number().unwrap();
                        let next = i64::try_from(sum).unwrap() + 1;
                        transaction.update("sums", "1", &Values::new().set("n", next), &options)
                    });
                    made.unwrap();
                    // The rate is not what is tested.
                    std::thread::sleep(Duration::from_millis(1));
                }
            });
        }
        // Also when an assertion fails.
        let _end = End(&ended);
        for number in 0..5 {
            let target = fixture.dir.path().join(format!("copy-{number}.db"));
            let options = BackupOptions::new().bytes_per_second(20_000_000);
            let started = written.load(Ordering::Relaxed);
            // It goes on only when others have written meanwhile.
            let writes = |_: &BackupProgress| {
                while written.load(Ordering::Relaxed) == started {
                    std::thread::sleep(Duration::from_millis(1));
                }
                true
            };
            fixture.store.backup_with(&target, &options, writes).unwrap();
            assert!(written.load(Ordering::Relaxed) > started, "others wrote meanwhile");
            let copy = Store::open(&target).unwrap();
            let sum = copy.records("sums").view("1").unwrap().value("n").as_number().unwrap();
            assert_eq!(
                copy.count("branches", None).unwrap(),
                before + u64::try_from(i64::try_from(sum).unwrap()).unwrap()
            );
            assert!(copy.check().unwrap().is_sound());
            // A check beside writers is of one moment too.
            common::sound(&fixture.store);
        }
    });
}

#[test]
fn an_import_that_was_under_way_goes_on_in_the_copy() {
    let fixture = office();
    let mut csv = "コード,支店名\n".to_owned();
    (0..30_000).for_each(|number| csv.push_str(&format!("N{number:06},支店その{number}\n")));
    let upload = fixture.store.upload("a.csv", csv.as_bytes()).unwrap();
    let id = fixture.store.reserve_import(&ImportRequest::upload("branches", "daily", upload.id)).unwrap().process_id;
    let target = fixture.dir.path().join("copy.db");
    let worker = Worker::new(&fixture.store).start().unwrap();
    while fixture.store.import_status(id).unwrap().state == JobState::Reserved {
        std::thread::sleep(Duration::from_millis(1));
    }
    fixture.store.backup(&target).unwrap();
    fixture.store.wait_import(id, Duration::from_secs(60)).unwrap();
    worker.stop();
    let copy = Store::open(&target).unwrap();
    Worker::new(&copy).run_until_idle().unwrap();
    for store in [&fixture.store, &copy] {
        let status = store.import_status(id).unwrap();
        assert_eq!((status.state, status.counts.inserted), (JobState::Completed, 30_000));
        assert_eq!(store.count("branches", None).unwrap(), 30_004);
        common::sound(store);
    }
}

#[cfg(unix)]
#[test]
fn a_backup_is_readable_by_those_who_may_read_the_store() {
    use std::os::unix::fs::PermissionsExt as _;

    let fixture = office();
    std::fs::set_permissions(fixture.path(), std::fs::Permissions::from_mode(0o600)).unwrap();
    let target = fixture.dir.path().join("copy.db");
    fixture
        .store
        .backup_with(&target, &BackupOptions::new(), |_| {
            for entry in std::fs::read_dir(fixture.dir.path()).unwrap().map(Result::unwrap) {
                if entry.file_name().to_string_lossy().ends_with(".part") {
                    assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600);
                }
            }
            true
        })
        .unwrap();
    assert_eq!(std::fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fixture.store.now(), common::NOW);
}

#[test]
fn what_the_dead_left_unfinished_is_removed_and_the_work_of_the_living_is_not() {
    let fixture = office();
    let dir = tempfile::tempdir().unwrap();
    let names = |dir: &Path| {
        let mut names: Vec<String> = std::fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.starts_with(".renkei-"))
            .collect();
        names.sort();
        names
    };
    let put = |dir: &Path, name: &str, is_old: bool| {
        let file = std::fs::File::create(dir.join(name)).unwrap();
        if is_old {
            file.set_modified(std::time::SystemTime::now() - Duration::from_secs(600)).unwrap();
        }
    };
    let dead = |dir: &Path| {
        // A maker that died in the middle, with what SQLite had beside the copy; one that died at the beginning or the end.
        for ending in ["part", "part-wal", "part-turn", "sign"] {
            put(dir, &format!(".renkei-00000000000000aa.{ending}"), false);
        }
        put(dir, ".renkei-00000000000000bb.sign", true);
        // One that may be about to lock its sign; a file without a sign, of which nothing is known; one of another sort.
        put(dir, ".renkei-00000000000000cc.sign", false);
        put(dir, ".renkei-00000000000000dd.part", true);
        put(dir, ".renkei-notes", true);
    };
    let left = [".renkei-00000000000000cc.sign", ".renkei-00000000000000dd.part", ".renkei-notes"];

    // Exports and backups come upon them, and do not touch one another's work.
    dead(dir.path());
    let mut is_told = false;
    let export = renkei::Export::of("orders");
    fixture
        .store
        .export_to_path_with_progress(&export, dir.path().join("a.csv"), |_| {
            if std::mem::replace(&mut is_told, true) {
                return true;
            }
            let own = names(dir.path());
            assert_eq!(own.len(), left.len() + 2, "{own:?}");
            fixture.store.export_to_path(&export, dir.path().join("b.csv")).unwrap();
            fixture.store.backup(dir.path().join("c.db")).unwrap();
            assert_eq!(names(dir.path()), own);
            true
        })
        .unwrap();
    assert!(is_told);
    assert_eq!(names(dir.path()), left);
    for name in ["a.csv", "b.csv", "c.db"] {
        assert!(dir.path().join(name).exists(), "{name}");
    }
    dead(dir.path());
    fixture.store.backup(dir.path().join("d.db")).unwrap();
    assert_eq!(names(dir.path()), left);

    // So does the sweep, beside the store.
    dead(fixture.dir.path());
    let (one, other) = (dir.path().join("e.db"), fixture.dir.path().join("f.db"));
    fixture
        .store
        .backup_with(&other, &BackupOptions::new(), |_| {
            let own = names(fixture.dir.path());
            Worker::new(&fixture.store).sweep().unwrap();
            assert_eq!(names(fixture.dir.path()), own);
            true
        })
        .unwrap();
    dead(fixture.dir.path());
    Worker::new(&fixture.store).sweep().unwrap();
    assert_eq!(names(fixture.dir.path()), left);
    // A failure leaves nothing.
    assert!(fixture.store.backup_with(&one, &BackupOptions::new(), |_| false).is_err());
    assert_eq!(names(dir.path()), left);
}
