//! A store, what is sent from it, and a receiver on this machine.

use renkei::{
    Blueprint, CsvPush, Database, Field, FieldKind, HttpSend, HttpSendRequest, HttpSendRun, List, MenuEntry,
    NetworkPolicy, PushRequest, PushRun, RetryPlan, Sending, Store, Values, Worker,
};
use serde_json::json;

use crate::common::Fixture;
use crate::receiver::{Receiver, Reply, Request};

pub fn databases() -> [Database; 2] {
    [
        Database::new("branches", "支店").field(Field::key("code", "支店コード")).field(Field::text("name", "支店名")),
        Database::new("leads", "見込客")
            .field(Field::key("number", "番号"))
            .field(Field::text("name", "氏名"))
            .field(Field::new("phone", "電話番号", FieldKind::Phone {}))
            .field(Field::number("amount", "金額", 2))
            .field(Field::date("visit", "来店日"))
            .field(Field::choices("tags", "タグ", &["新規", "再来", "\"優\"良"]))
            .field(Field::multiline("memo", "メモ"))
            .field(Field::link("branch", "支店", "branches"))
            .field(Field::text("message_id", "メッセージID"))
            .field(Field::number("status", "ステータス", 0))
            .field(Field::datetime("sent", "送信日時"))
            .field(Field::text("problem", "エラー"))
            .detail(Field::text("note", "注記")),
    ]
}

/// A store, what is sent from it and a receiver that answers as told.
pub struct Setup {
    pub fixture: Fixture,
    pub receiver: Receiver,
}

impl Setup {
    pub fn new(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Setup {
        let fixture = Fixture::with(|options| {
            options.secret_key([9; 32]);
        });
        fixture.apply(databases());
        let leads = fixture.store.records("leads");
        fixture.store.records("branches").register(&Values::new().set("code", "T").set("name", "東京")).unwrap();
        for (number, name, amount) in [("0001", "佐藤 花子", "12.50"), ("0002", "鈴木", ""), ("0003", "高橋", "-3")]
        {
            let values = Values::new().set("number", number).set("name", name).set("amount", amount).set("branch", "T");
            leads.register(&values.set("phone", format!("+8190{number}")).set("visit", "2026-02-01")).unwrap();
        }
        Setup { fixture, receiver: Receiver::start(answer).unwrap() }
    }

    pub fn ok() -> Setup {
        Setup::new(|_| Reply::json(200, json!({"ok": true})))
    }

    pub fn store(&self) -> &Store {
        &self.fixture.store
    }

    pub fn apply(&self, blueprint: Blueprint) {
        self.store().apply(&blueprint).unwrap();
    }

    pub fn refused(&self, blueprint: Blueprint) -> renkei::Error {
        self.store().apply(&blueprint).unwrap_err()
    }

    pub fn work(&self) {
        worker(self.store()).run_until_idle().unwrap();
    }

    /// A push of the list with two columns, to the end.
    pub fn push(&self, push: CsvPush) -> PushRun {
        self.push_of(push, |request| request)
    }

    pub fn push_of(&self, push: CsvPush, ask: impl FnOnce(PushRequest) -> PushRequest) -> PushRun {
        let list = list().sub_menu(MenuEntry::CsvPush(push.code.clone()));
        let code = push.code.clone();
        self.apply(Blueprint::new().csv_push(push).list(list));
        let run = self.store().push(&ask(PushRequest::new("leads", "all", code))).unwrap();
        self.work();
        self.store().push_run(run.run_id).unwrap()
    }

    /// An http send for records, to the end.
    pub fn send(&self, send: HttpSend, records: &[&str]) -> HttpSendRun {
        let code = send.code.clone();
        let entry = MenuEntry::HttpSend(code.clone());
        self.apply(Blueprint::new().http_send(send).list(list().button(entry.clone()).pulldown(entry)));
        let request = HttpSendRequest::pulldown("leads", "all", code, records.iter().copied());
        let run = self.store().http_send(&request).unwrap();
        self.work();
        self.store().http_send_run(run.run_id).unwrap()
    }

    pub fn only_request(&self) -> Request {
        let mut received = self.receiver.received();
        assert_eq!(received.len(), 1, "{received:#?}");
        received.remove(0)
    }

    pub fn text(&self, number: &str, field: &str) -> String {
        self.store().records("leads").view(number).unwrap().text(field)
    }
}

pub fn worker(store: &Store) -> Worker {
    Worker::new(store).network(NetworkPolicy::new().allow("127.0.0.0/8").unwrap())
}

pub fn list() -> List {
    List::new("leads", "all", "見込客一覧").column("number").column("name")
}

/// Nothing is tried twice.
pub fn once() -> Sending {
    Sending { retry: RetryPlan::once(), ..Sending::default() }
}

pub fn push(url: String) -> CsvPush {
    CsvPush::new("leads", "core", "基幹システムへ", url).sending(once())
}

pub fn send(url: String) -> HttpSend {
    HttpSend::new("leads", "sms", "SMS送信", url).sending(once())
}

pub fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
