//! A store with orders, branches and what is sent of them.

use std::net::IpAddr;
use std::sync::Mutex;

use renkei::{
    AddressRange, Automation, AutomationRequest, AutomationTrigger, Blueprint, Condition, CsvPush, Database, Field,
    HttpSend, HttpSendRequest, ImportRequest, ImportSetting, IssuedToken, List, MailServer, MailTemplate, MenuEntry,
    NewToken, Part, PushRequest, Rights, Search, Store, Target, UpdateRecords, User, Values,
};

use crate::common::Fixture;

pub const CSV: &str = "番号,件名\n900,取込\n";

pub fn orders() -> Database {
    Database::new("orders", "注文")
        .field(Field::key("number", "番号"))
        .field(Field::text("title", "件名"))
        .field(Field::file("paper", "書類"))
        .field(Field::link("branch", "支店", "branches"))
        .field(Field::reference("branch_name", "支店名", "branch", "name"))
        .with_approval()
}

pub fn branches() -> Database {
    Database::new("branches", "支店")
        .field(Field::key("code", "コード"))
        .field(Field::text("name", "支店名"))
        .field(Field::text("secret", "内緒"))
}

pub fn list() -> List {
    List::new("orders", "all", "全件").column("number").column("title")
}

/// The list with what may be sent from it.
pub fn list_with_menu() -> List {
    let list = List { code: "sendable".into(), ..list() }.sub_menu(MenuEntry::CsvPush("core".into()));
    list.button(MenuEntry::HttpSend("sms".into())).pulldown(MenuEntry::HttpSend("sms".into()))
}

pub fn csv_push() -> CsvPush {
    CsvPush::new("orders", "core", "基幹へ", "https://core.example/")
}

pub fn http_send() -> HttpSend {
    HttpSend::new("orders", "sms", "SMS送信", "https://sms.example/${number}")
}

pub fn thanks() -> MailTemplate {
    MailTemplate::new("orders", "thanks", "お礼", "office").to("taro@example.com").subject("${number}").text("${title}")
}

pub fn office_mail() -> MailServer {
    MailServer::new("office", "社内メール", "192.0.2.1", "renkei@example.com")
}

pub fn push() -> PushRequest {
    PushRequest::new("orders", "sendable", "core").records(["1"])
}

pub fn sent() -> HttpSendRequest {
    HttpSendRequest::button("orders", "sendable", "sms", "1")
}

/// A run of a CSV push that waits; made by the host.
pub fn pushed(host: &Store) -> i64 {
    host.push(&push()).unwrap().run_id
}

pub fn mark() -> Automation {
    let part = Part::new("title", "件名", UpdateRecords::this().set("title", "箱"));
    Automation::new("orders", "mark", "印").on(AutomationTrigger::Api).part(part)
}

pub fn marking() -> AutomationRequest {
    AutomationRequest::call("orders", "mark").records(["1"])
}

/// A store with two databases and some records.
pub fn office() -> Fixture {
    let fixture = Fixture::of([branches(), orders()]);
    let setting = ImportSetting::new("orders", "daily", "日次").column("number").column("title");
    let search = Search::new("orders", "some", "一部", Condition::equals("title", "箱"));
    fixture.store.apply(&Blueprint::new().list(list()).search(search).import(setting)).unwrap();
    let sends = Blueprint::new()
        .target(Target::new("core", "基幹"))
        .mail_server(office_mail())
        .mail_template(thanks())
        .csv_push(csv_push())
        .automation(mark());
    fixture.store.apply(&sends.http_send(http_send()).list(list_with_menu())).unwrap();
    let branch = Values::new().set("code", "1").set("name", "本店").set("secret", "金庫は地下");
    fixture.store.records("branches").register(&branch).unwrap();
    let order = Values::new().set("number", "1").set("title", "箱").set("branch", "1");
    fixture.store.records("orders").register(&order).unwrap();
    fixture
}

pub fn set_user(store: &Store, user: User) {
    store.apply(&Blueprint::new().user(user)).unwrap();
}

pub fn taro() -> User {
    User::new("taro@example.com", "太郎")
}

/// A handle for a user with these rights in `orders`.
pub fn with_rights(store: &Store, rights: Rights) -> Store {
    set_user(store, taro().allow("orders", rights));
    store.as_user("taro@example.com").unwrap()
}

pub fn address(text: &str) -> Option<IpAddr> {
    Some(text.parse().unwrap())
}

pub fn range(text: &str) -> AddressRange {
    text.parse().unwrap()
}

pub fn fresh(host: &Store) -> String {
    static NEXT: Mutex<u32> = Mutex::new(1_000);
    let mut next = NEXT.lock().unwrap();
    *next += 1;
    host.records("orders").register(&Values::new().set("number", next.to_string())).unwrap();
    next.to_string()
}

pub fn new_key() -> Values {
    static NEXT: Mutex<u32> = Mutex::new(500_000);
    let mut next = NEXT.lock().unwrap();
    *next += 1;
    Values::new().set("number", next.to_string())
}

/// An import that waits; made by the host.
pub fn waiting(host: &Store) -> i64 {
    let upload = host.upload("a.csv", CSV.as_bytes()).unwrap().id;
    host.reserve_import(&ImportRequest::upload("orders", "daily", upload)).unwrap().process_id
}

pub fn issue(store: &Store, token: &NewToken) -> IssuedToken {
    store.issue_token(token).unwrap()
}
