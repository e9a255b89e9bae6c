//! Http sends, CSV pushes and the menus they stand in: as definitions, and from a list to a receiver on this machine.

mod common;
#[path = "../examples/receiver/mod.rs"]
mod receiver;

use std::sync::Arc;
use std::sync::Mutex;

use common::Fixture;
use receiver::{Receiver, Reply, Request};
use renkei::csv::{Encoding, Format, OutputEncoding, Quoting};
use renkei::{
    Blueprint, Code, Condition, CsvBody, CsvPush, Database, DefinitionKind, DeliveryState, ErrorFamily, Field,
    FieldKind, HttpBody, HttpSend, HttpSendRequest, HttpSendRun, JobState, JsonRow, JsonType, List, Mail, MailServer,
    MenuEntry, Method, NetworkPolicy, Pair, PairsAs, PushRequest, PushRun, RecordId, RetryPlan, Right, SaveAnswer,
    Search, Sending, Store, Trigger, User, Values, Worker,
};
use serde_json::json;

fn databases() -> [Database; 2] {
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
struct Setup {
    fixture: Fixture,
    receiver: Receiver,
}

impl Setup {
    fn new(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Setup {
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

    fn ok() -> Setup {
        Setup::new(|_| Reply::json(200, json!({"ok": true})))
    }

    fn store(&self) -> &Store {
        &self.fixture.store
    }

    fn apply(&self, blueprint: Blueprint) {
        self.store().apply(&blueprint).unwrap();
    }

    fn refused(&self, blueprint: Blueprint) -> renkei::Error {
        self.store().apply(&blueprint).unwrap_err()
    }

    fn work(&self) {
        worker(self.store()).run_until_idle().unwrap();
    }

    /// A push of the list with two columns, to the end.
    fn push(&self, push: CsvPush) -> PushRun {
        self.push_of(push, |request| request)
    }

    fn push_of(&self, push: CsvPush, ask: impl FnOnce(PushRequest) -> PushRequest) -> PushRun {
        let list = list().sub_menu(MenuEntry::CsvPush(push.code.clone()));
        let code = push.code.clone();
        self.apply(Blueprint::new().csv_push(push).list(list));
        let run = self.store().push(&ask(PushRequest::new("leads", "all", code))).unwrap();
        self.work();
        self.store().push_run(run.run_id).unwrap()
    }

    /// An http send for records, to the end.
    fn send(&self, send: HttpSend, records: &[&str]) -> HttpSendRun {
        let code = send.code.clone();
        let entry = MenuEntry::HttpSend(code.clone());
        self.apply(Blueprint::new().http_send(send).list(list().button(entry.clone()).pulldown(entry)));
        let request = HttpSendRequest::pulldown("leads", "all", code, records.iter().copied());
        let run = self.store().http_send(&request).unwrap();
        self.work();
        self.store().http_send_run(run.run_id).unwrap()
    }

    fn only_request(&self) -> Request {
        let mut received = self.receiver.received();
        assert_eq!(received.len(), 1, "{received:#?}");
        received.remove(0)
    }

    fn text(&self, number: &str, field: &str) -> String {
        self.store().records("leads").view(number).unwrap().text(field)
    }
}

fn worker(store: &Store) -> Worker {
    Worker::new(store).network(NetworkPolicy::new().allow("127.0.0.0/8").unwrap())
}

fn list() -> List {
    List::new("leads", "all", "見込客一覧").column("number").column("name")
}

/// Nothing is tried twice.
fn once() -> Sending {
    Sending { retry: RetryPlan::once(), ..Sending::default() }
}

fn push(url: String) -> CsvPush {
    CsvPush::new("leads", "core", "基幹システムへ", url).sending(once())
}

fn send(url: String) -> HttpSend {
    HttpSend::new("leads", "sms", "SMS送信", url).sending(once())
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

// CSV pushes.

#[test]
fn raw_csv_arrives_as_it_was_frozen() {
    let setup = Setup::ok();
    setup.apply(
        Blueprint::new()
            .csv_push(push(setup.receiver.url("/in")).pair("X-Kind", "leads ${@today}"))
            .list(list().sub_menu(MenuEntry::CsvPush("core".into()))),
    );
    let run = setup.store().push(&PushRequest::new("leads", "all", "core").memo("月次")).unwrap();
    assert_eq!((run.state, run.records, run.lines, run.memo.as_str()), (JobState::Reserved, 3, 3, "月次"));
    // What happens to the records now is of no consequence.
    setup.store().records("leads").update("0001", &Values::new().set("name", "変更後")).unwrap();
    setup.store().records("leads").delete("0002").unwrap();
    setup.work();
    let request = setup.only_request();
    assert_eq!(request.text(), "番号,氏名\r\n0001,佐藤 花子\r\n0002,鈴木\r\n0003,高橋\r\n");
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/in"));
    assert_eq!(request.header("content-type"), "text/csv; charset=UTF-8");
    assert_eq!(request.header("x-kind"), "leads 2026-01-31");
    assert_eq!(request.header("content-length"), request.body.len().to_string());
    assert!(!request.header("idempotency-key").is_empty());
    let run = setup.store().push_run(run.run_id).unwrap();
    assert_eq!((run.state, run.status, run.family), (JobState::Completed, Some(200), None));
    assert_eq!(run.answer, r#"{"ok":true}"#);
    assert_eq!((run.bytes, run.sha256.as_str()), (request.body.len() as u64, sha256(&request.body).as_str()));
    assert_eq!(run.delivery_state, Some(DeliveryState::Delivered));
    assert_eq!(setup.store().push_runs(Some(run.list_id), 10).unwrap(), std::slice::from_ref(&run));
    assert_eq!(setup.store().push_runs(None, 10).unwrap(), [run]);
    assert!(setup.store().push_runs(Some(1), 10).unwrap().is_empty());
    setup.fixture.check_file();
}

#[test]
fn a_multipart_envelope_is_made() {
    let setup = Setup::ok();
    let body = CsvBody::Multipart { name: "upload\"File".into(), file_name: "顧客_${@today}.csv".into() };
    let run = setup.push(
        push(setup.receiver.url("/in"))
            .method(Method::Put)
            .body(body)
            .pairs_as(PairsAs::Form)
            .pair("importId", "100100")
            .pair("comment", "${@today} 分")
            .csv(Format { quoting: Quoting::All, ..Format::default() }),
    );
    assert_eq!(run.state, JobState::Completed);
    let request = setup.only_request();
    assert_eq!(request.method, "PUT");
    let boundary = request.header("content-type").strip_prefix("multipart/form-data; boundary=").unwrap().to_owned();
    let expected = [
        "Content-Disposition: form-data; name=\"importId\"\r\n\r\n100100",
        "Content-Disposition: form-data; name=\"comment\"\r\n\r\n2026-01-31 分",
        "Content-Disposition: form-data; name=\"upload%22File\"; filename=\"顧客_2026-01-31.csv\"\r\n\
         Content-Type: text/csv; charset=UTF-8\r\n\r\n\
         \"番号\",\"氏名\"\r\n\"0001\",\"佐藤 花子\"\r\n\"0002\",\"鈴木\"\r\n\"0003\",\"高橋\"\r\n",
    ];
    let whole: String = expected.iter().map(|part| format!("--{boundary}\r\n{part}\r\n")).collect();
    assert_eq!(request.text(), format!("{whole}--{boundary}--\r\n"));
}

#[test]
fn a_form_field_holds_the_csv_in_its_encoding() {
    let setup = Setup::ok();
    let run = setup.push(
        push(setup.receiver.url("/in"))
            .body(CsvBody::FormField { name: "csv data".into() })
            .pairs_as(PairsAs::Form)
            .pair("種別", "見込 客&")
            .header("#表\n")
            .footer("終 り")
            .csv(Format { encoding: OutputEncoding::Cp932, ..Format::default() }),
    );
    assert_eq!(run.state, JobState::Completed, "{run:?}");
    let request = setup.only_request();
    assert_eq!(request.header("content-type"), "application/x-www-form-urlencoded");
    let decoded = |text: &str| {
        let mut bytes = Vec::new();
        let mut rest = text.as_bytes();
        while let Some((first, tail)) = rest.split_first() {
            match first {
                b'%' => {
                    bytes.push(u8::from_str_radix(std::str::from_utf8(&tail[..2]).unwrap(), 16).unwrap());
                    rest = &tail[2..];
                    continue;
                }
                b'+' => bytes.push(b' '),
                other => bytes.push(*other),
            }
            rest = tail;
        }
        encoding_rs::SHIFT_JIS.decode(&bytes).0.into_owned()
    };
    let text = request.text();
    let pairs: Vec<(String, String)> = text
        .split('&')
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(key, value)| (decoded(key), decoded(value)))
        .collect();
    let csv = "#表\n番号,氏名\r\n0001,佐藤 花子\r\n0002,鈴木\r\n0003,高橋\r\n終 り";
    assert_eq!(pairs, [("種別".into(), "見込 客&".into()), ("csv data".into(), csv.into())]);
}

#[test]
fn an_envelope_can_be_written_by_hand() {
    let setup = Setup::ok();
    let run = setup.push(
        push(setup.receiver.url("/in?a=1"))
            .pair("Content-Type", "multipart/form-data; boundary=cut")
            .header(
                "--cut\r\nContent-Disposition: form-data; name=\"json\"\r\n\r\n{\"importId\":\"1\"}\r\n--cut\r\n\r\n",
            )
            .footer("\r\n--cut--\r\n")
            .headings(renkei::Headings::None),
    );
    assert_eq!(run.state, JobState::Completed);
    let request = setup.only_request();
    assert_eq!(request.header("content-type"), "multipart/form-data; boundary=cut");
    assert_eq!(
        request.text(),
        "--cut\r\nContent-Disposition: form-data; name=\"json\"\r\n\r\n{\"importId\":\"1\"}\r\n--cut\r\n\r\n\
         0001,佐藤 花子\r\n0002,鈴木\r\n0003,高橋\r\n\r\n--cut--\r\n"
    );
}

#[test]
fn pairs_go_into_the_query_and_secrets_into_nothing_that_is_kept() {
    let setup = Setup::ok();
    setup.store().put_secret("key", "s3cret/値").unwrap();
    let run = setup.push(
        push(setup.receiver.url("/in?a=1"))
            .pairs_as(PairsAs::Query)
            .pair("b c", "${@memo}&")
            .pair("key", "${@secret:key}"),
    );
    assert_eq!(run.state, JobState::Completed, "{run:?}");
    assert_eq!(setup.only_request().path, "/in?a=1&b%20c=%26&key=s3cret%2F%E5%80%A4");
    let kept = std::fs::read(setup.fixture.path()).unwrap();
    let log = std::fs::read(format!("{}-wal", setup.fixture.path().display())).unwrap();
    for bytes in [kept, log] {
        assert!(!bytes.windows(6).any(|window| window == b"s3cret"));
    }
}

#[test]
fn only_the_records_asked_for_are_sent() {
    let setup = Setup::ok();
    setup.apply(Blueprint::new().search(Search::new("leads", "two", "二件", Condition::at_most("number", "0002"))));
    let sent = |ask: &dyn Fn(PushRequest) -> PushRequest| {
        let before = setup.receiver.received().len();
        setup.push_of(push(setup.receiver.url("/")), ask);
        let text = setup.receiver.received()[before].text();
        text.lines().skip(1).map(|line| line.split(',').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let id = setup.store().records("leads").view("0003").unwrap().id();
    assert_eq!(sent(&|request| request.search("two")), ["0001", "0002"]);
    assert_eq!(sent(&|request| request.search("two").filter(Condition::equals("name", "鈴木"))), ["0002"]);
    assert_eq!(sent(&|request| request.records(["0003", "0001"])), ["0001", "0003"]);
    assert_eq!(sent(&|request| request.records([RecordId(id)]).records(["0001"])), ["0001", "0003"]);
    assert_eq!(sent(&|request| request.search("two").records([RecordId(id)]).records(["0002"])), ["0002"]);
}

#[test]
fn what_cannot_be_made_has_failed_before_sending() {
    let setup = Setup::ok();
    let url = || setup.receiver.url("/");
    let failed = |push: CsvPush, code: &str| {
        let run = setup.push(push);
        assert_eq!(run.state, JobState::Failed, "{run:?}");
        assert_eq!(run.family, Some(ErrorFamily::BeforeSending));
        assert_eq!(run.error.as_ref().unwrap().code, code);
        assert_eq!((run.delivery_id, run.status), (None, None));
        assert!(run.ended_at.is_some());
        run
    };
    assert_eq!(failed(CsvPush { most_records: Some(2), ..push(url()) }, "limit").records, 3);
    failed(CsvPush { most_bytes: Some(20), ..push(url()) }, "limit");
    setup.store().records("leads").update("0002", &Values::new().set("name", "😀")).unwrap();
    let cp932 = Format { encoding: OutputEncoding::Cp932, ..Format::default() };
    let run = failed(push(url()).csv(cp932), "csv.unmappable");
    assert!(run.error.unwrap().ja.contains('😀'));
    let run = setup.push_of(push(url()).pair("X", "${@memo}"), |request| request.memo("a\r\nX-Evil: 1"));
    assert_eq!((run.state, run.error.unwrap().code.as_str()), (JobState::Failed, "template.value"));
    assert!(setup.receiver.received().is_empty());
}

#[test]
fn nothing_is_sent_where_there_is_nothing() {
    let setup = Setup::ok();
    let none = |request: PushRequest| request.filter(Condition::equals("number", "9999"));
    let run = setup.push_of(push(setup.receiver.url("/")), none);
    assert_eq!((run.state, run.error.unwrap().code.as_str()), (JobState::Failed, "push.empty"));
    assert!(setup.receiver.received().is_empty());
    let run = setup.push_of(CsvPush { allow_empty: true, ..push(setup.receiver.url("/")) }, none);
    assert_eq!((run.state, run.records), (JobState::Completed, 0));
    assert_eq!(setup.only_request().text(), "番号,氏名\r\n");
}

#[test]
fn a_refusal_is_shown_with_its_answer() {
    let setup = Setup::new(|_| Reply::text(422, &"いけません。".repeat(500)));
    let run = setup.push(push(setup.receiver.url("/")).after_success("sent", "${@now}"));
    assert_eq!((run.state, run.status), (JobState::Failed, Some(422)));
    assert_eq!(run.family, Some(ErrorFamily::Answer));
    assert!(run.answer.starts_with("いけません。") && run.answer.len() <= 1_030, "{}", run.answer.len());
    assert_eq!((run.updated, setup.text("0001", "sent").as_str()), (0, ""));
}

#[test]
fn a_receiver_that_is_not_there_is_no_answer() {
    let setup = Setup::ok();
    let run = setup.push(push("http://127.0.0.1:1/".into()));
    assert_eq!((run.state, run.status, run.family), (JobState::Failed, None, Some(ErrorFamily::BeforeSending)));
    let error = run.error.unwrap();
    assert!(!error.ja.is_empty() && !error.en.is_empty());
}

#[test]
fn sent_records_are_updated_after_success() {
    let setup = Setup::new(|_| Reply::text(201, ""));
    setup.apply(
        Blueprint::new()
            .csv_push(
                push(setup.receiver.url("/"))
                    .after_success("sent", "${@now}")
                    .after_success("status", "${@status}")
                    .after_success("problem", "${@memo}／${@today|display}"),
            )
            .list(list().sub_menu(MenuEntry::CsvPush("core".into()))),
    );
    let request = PushRequest::new("leads", "all", "core").records(["0001", "0002"]).memo("月次");
    let run = setup.store().push(&request).unwrap();
    setup.store().records("leads").delete("0002").unwrap();
    setup.work();
    let run = setup.store().push_run(run.run_id).unwrap();
    assert_eq!((run.state, run.updated, run.not_updated), (JobState::Completed, 1, 1), "{run:?}");
    assert!(run.update_error.is_some());
    assert_eq!(setup.text("0001", "sent"), "2026-01-31 09:30:00");
    assert_eq!(setup.text("0001", "status"), "201");
    assert_eq!(setup.text("0001", "problem"), "月次／2026/01/31");
    assert_eq!(setup.text("0003", "sent"), "");
}

#[test]
fn many_records_are_sent_and_updated_in_parts() {
    let setup = Setup::ok();
    let values: Vec<Values> =
        (0..25_000).map(|at| Values::new().set("number", format!("N{at:05}")).set("name", format!("客{at}"))).collect();
    setup.store().records("leads").register_all(&values, &Default::default()).unwrap();
    let run = setup.push(push(setup.receiver.url("/")).after_success("status", "1"));
    assert_eq!((run.state, run.records, run.updated), (JobState::Completed, 25_003, 25_003));
    let request = setup.only_request();
    assert_eq!(request.text().lines().count(), 25_004);
    assert_eq!(sha256(&request.body), run.sha256);
    let updated = setup.store().count("leads", Some(&Condition::equals("status", 1))).unwrap();
    assert_eq!(updated, 25_003);
}

#[test]
fn the_same_token_gives_the_same_run() {
    let setup = Setup::ok();
    let token = |request: PushRequest| request.token("2026-01");
    let first = setup.push_of(push(setup.receiver.url("/")), token);
    let second = setup.push_of(push(setup.receiver.url("/")), token);
    assert_eq!(first, second);
    setup.only_request();
}

#[test]
fn a_run_that_waits_says_why_and_can_be_cancelled() {
    let setup = Setup::new(|request| match request.path.as_str() {
        "/busy" => Reply::text(503, "busy"),
        _ => Reply::text(200, ""),
    });
    let waiting = |path: &str| push(setup.receiver.url(path)).after_success("status", "1").sending(Sending::default());
    let run = setup.push(waiting("/busy"));
    assert_eq!((run.state, run.delivery_state), (JobState::Reserved, Some(DeliveryState::Waiting)));
    assert_eq!((run.status, run.family, run.attempts), (Some(503), Some(ErrorFamily::Answer), 1));
    assert!(run.next_attempt_at.unwrap() > run.created_at && run.error.is_some());
    setup.store().cancel_push(run.run_id).unwrap();
    let run = setup.store().push_run(run.run_id).unwrap();
    assert_eq!((run.state, run.delivery_state), (JobState::Cancelled, Some(DeliveryState::Cancelled)));
    assert_eq!(setup.store().cancel_push(run.run_id).unwrap_err().code(), Code::JobState);
    let send = send(setup.receiver.url("/busy")).sending(Sending::default());
    let run = setup.send(send, &["0001", "0002"]);
    assert_eq!((run.state, run.waiting), (JobState::Reserved, 2));
    assert_eq!((run.items[0].status, run.items[0].family), (Some(503), Some(ErrorFamily::Answer)));
    assert_eq!(setup.store().cancel_http_send(run.run_id).unwrap(), 2);
    let run = setup.store().http_send_run(run.run_id).unwrap();
    assert_eq!((run.state, run.cancelled), (JobState::Completed, 2));
    assert_eq!(setup.store().cancel_http_send(run.run_id).unwrap_err().code(), Code::JobState);
}

#[test]
fn a_worker_in_the_background_does_it_all() {
    let setup = Setup::ok();
    setup.apply(
        Blueprint::new()
            .csv_push(push(setup.receiver.url("/")).after_success("status", "7"))
            .list(list().sub_menu(MenuEntry::CsvPush("core".into()))),
    );
    let handle = worker(setup.store()).start().unwrap();
    let run = setup.store().push(&PushRequest::new("leads", "all", "core")).unwrap();
    let run = setup.store().wait_push(run.run_id, std::time::Duration::from_secs(20)).unwrap();
    handle.stop();
    assert_eq!((run.state, run.updated), (JobState::Completed, 3));
}

#[test]
fn a_push_must_stand_in_the_sub_menu() {
    let setup = Setup::ok();
    setup.apply(Blueprint::new().csv_push(push(setup.receiver.url("/"))).list(list()));
    let error = setup.store().push(&PushRequest::new("leads", "all", "core")).unwrap_err();
    assert_eq!(error.code(), Code::MenuAbsent);
    for (request, code) in [
        (PushRequest::new("leads", "none", "core"), Code::DefinitionNotFound),
        (PushRequest::new("leads", "all", "none"), Code::DefinitionNotFound),
        (PushRequest::new("none", "all", "core"), Code::DatabaseNotFound),
    ] {
        assert_eq!(setup.store().push(&request).unwrap_err().code(), code);
    }
    assert_eq!(setup.store().push_run(1).unwrap_err().code(), Code::JobNotFound);
}

// Http sends.

#[test]
fn a_json_body_of_rows() {
    let setup = Setup::ok();
    setup.store().put_secret("key", "a\"b\\c").unwrap();
    let leads = setup.store().records("leads");
    let values = Values::new().set("name", "\"引用\"\\").set("memo", "一行\n二行\t").set("tags", ["新規", "\"優\"良"]);
    leads.update("0001", &values).unwrap();
    let rows = vec![
        JsonRow::new("name", "${name} 様"),
        JsonRow::new("memo", "${memo}"),
        JsonRow::new("key", "k-${@secret:key}"),
        JsonRow::new("amount", "${amount}").kind(JsonType::Number),
        JsonRow::new("shown", "${amount|display}"),
        JsonRow::new("native", "${amount}").kind(JsonType::Native),
        JsonRow::new("tags", "${tags}").kind(JsonType::Native),
        JsonRow::new("yes", "1").kind(JsonType::Boolean),
        JsonRow::new("branch", "${branch.name}／${支店}"),
        JsonRow::new("id", "${_id}").kind(JsonType::Native),
        JsonRow::new("day", "${visit|display} ${@today}"),
        JsonRow::new("empty", "${problem}"),
        JsonRow { omit_empty: true, ..JsonRow::new("left out", "${problem}") },
        JsonRow::new("nothing", "${status}").kind(JsonType::Number),
    ];
    let run = setup.send(send(setup.receiver.url("/${number}/x?n=${name}")).body(HttpBody::Json { rows }), &["0001"]);
    assert_eq!((run.state, run.delivered), (JobState::Completed, 1), "{run:#?}");
    let request = setup.only_request();
    assert_eq!(request.path, "/0001/x?n=%22%E5%BC%95%E7%94%A8%22%5C");
    assert_eq!(request.header("content-type"), "application/json");
    let id = leads.view("0001").unwrap().id();
    assert_eq!(
        request.text(),
        format!(
            r#"{{"name":"\"引用\"\\ 様","memo":"一行\n二行\t","key":"k-a\"b\\c","amount":12.50,"shown":"12.50","native":12.50,"tags":["新規","\"優\"良"],"yes":true,"branch":"東京／T","id":{id},"day":"2026/02/01 2026-01-31","empty":"","nothing":null}}"#
        )
    );
}

#[test]
fn the_other_bodies() {
    let setup = Setup::ok();
    setup.store().records("leads").update("0001", &Values::new().set("name", "<表 & ソ>")).unwrap();
    let sent = |body: HttpBody, encoding: Encoding| {
        let before = setup.receiver.received().len();
        let run = setup.send(HttpSend { encoding, ..send(setup.receiver.url("/")).body(body) }, &["0001"]);
        assert_eq!(run.delivered, 1, "{run:#?}");
        setup.receiver.received().remove(before)
    };
    let request = sent(HttpBody::None, Encoding::Utf8);
    assert_eq!((request.header("content-type"), request.body.len()), ("", 0));
    let template = r#"{"a": {"name": "[${name}]"}, "b": ${amount}}"#.to_owned();
    let request = sent(HttpBody::JsonTemplate { template }, Encoding::Utf8);
    assert_eq!(request.text(), r#"{"a": {"name": "[<表 & ソ>]"}, "b": 12.50}"#);
    let rows = vec![Pair::new("n", "${name}"), Pair::new("固定", "1 2")];
    let request = sent(HttpBody::Form { rows: rows.clone() }, Encoding::Utf8);
    assert_eq!(request.text(), "n=%3C%E8%A1%A8+%26+%E3%82%BD%3E&%E5%9B%BA%E5%AE%9A=1+2");
    let request = sent(HttpBody::Form { rows }, Encoding::Cp932);
    assert_eq!(request.text(), "n=%3C%95%5C+%26+%83%5C%3E&%8C%C5%92%E8=1+2");
    let template = "<a name='${name}'>表</a>".to_owned();
    let request = sent(HttpBody::Xml { template }, Encoding::Cp932);
    assert_eq!(request.header("content-type"), "application/xml; charset=Shift_JIS");
    assert_eq!(encoding_rs::SHIFT_JIS.decode(&request.body).0, "<a name='&lt;表 &amp; ソ&gt;'>表</a>");
    let (template, content_type) = ("${name};${amount}".to_owned(), "text/plain".to_owned());
    let request = sent(HttpBody::Raw { template, content_type }, Encoding::Utf8);
    assert_eq!((request.header("content-type"), request.text().as_str()), ("text/plain", "<表 & ソ>;12.50"));
}

#[test]
fn one_message_for_each_record() {
    let setup = Setup::ok();
    let run = setup.send(send(setup.receiver.url("/${number}")), &["0003", "0001", "0003"]);
    assert_eq!((run.delivered, run.items.len()), (2, 2));
    let keys: Vec<&str> = run.items.iter().map(|item| item.key.as_str()).collect();
    assert_eq!(keys, ["0003", "0001"]);
    let mut received = setup.receiver.received();
    received.sort_by(|one, other| one.path.cmp(&other.path));
    assert_eq!(received.iter().map(|request| request.path.as_str()).collect::<Vec<_>>(), ["/0001", "/0003"]);
    assert_ne!(received[0].header("idempotency-key"), received[1].header("idempotency-key"));
    assert_eq!(setup.store().http_send_runs(5).unwrap(), [run]);
}

#[test]
fn a_record_that_cannot_be_sent_fails_by_itself() {
    let setup = Setup::ok();
    let leads = setup.store().records("leads");
    leads.update("0001", &Values::new().set("phone", None::<&str>)).unwrap();
    leads.update("0002", &Values::new().set("memo", "a\r\nX-Evil: 1")).unwrap();
    let run = setup.send(
        send(setup.receiver.url("/to/${phone}")).header("X-Memo", "${memo}").save(SaveAnswer::time("sent")),
        &["0001", "0002", "0003"],
    );
    assert_eq!((run.state, run.delivered, run.failed), (JobState::Completed, 1, 2));
    for (item, field) in run.items.iter().zip(["phone", "memo"]) {
        let error = item.error.as_ref().unwrap();
        assert_eq!((error.code.as_str(), item.family), ("template.value", Some(ErrorFamily::BeforeSending)));
        assert!(error.ja.contains(field), "{error:?}");
        assert_eq!((item.state, item.delivery_id), (DeliveryState::Failed, None));
    }
    let request = setup.only_request();
    assert_eq!((request.path.as_str(), request.header("x-evil")), ("/to/%2B81900003", ""));
    assert_eq!(setup.text("0003", "sent"), "2026-01-31 09:30:00");
}

#[test]
fn parts_of_the_answer_are_saved_in_the_record() {
    let setup = Setup::new(|request| match request.path.as_str() {
        "/0001" => Reply::json(201, json!({"m": [{"id": "msg-1"}], "n": 12})).header("X-Price", "8.80"),
        "/0002" => Reply::json(500, json!({"error": "broken"})),
        _ => Reply::text(200, "no JSON"),
    });
    let run = setup.send(
        send(setup.receiver.url("/${number}"))
            .save(SaveAnswer::json("message_id", "/m/0/id"))
            .save(SaveAnswer::header("amount", "x-price"))
            .save(SaveAnswer::status("status").always())
            .save(SaveAnswer::time("sent"))
            .save(SaveAnswer::error("problem")),
        &["0001", "0002", "0003"],
    );
    assert_eq!((run.delivered, run.failed), (2, 1), "{run:#?}");
    let values = |number: &str| ["message_id", "amount", "status", "sent"].map(|field| setup.text(number, field));
    assert_eq!(values("0001"), ["msg-1", "8.80", "201", "2026-01-31 09:30:00"]);
    assert!(run.items[0].saved && run.items[0].error.is_none());
    assert_eq!(values("0002"), ["", "", "500", ""]);
    assert!(setup.text("0002", "problem").contains("500"), "{}", setup.text("0002", "problem"));
    assert_eq!((run.items[1].status, run.items[1].family), (Some(500), Some(ErrorFamily::Answer)));
    assert!(run.items[1].saved);
    // What was there is saved, and what was not is told.
    assert_eq!(values("0003"), ["", "", "200", "2026-01-31 09:30:00"]);
    assert_eq!(run.items[2].error.as_ref().unwrap().code, "answer.unusable");
    assert_eq!(run.items[2].state, DeliveryState::Delivered);
}

#[test]
fn an_answer_that_a_field_refuses_is_told_and_nothing_half_saved() {
    let setup = Setup::new(|_| Reply::json(200, json!({"id": "m-1", "when": "some day"})));
    let leads = setup.store().records("leads");
    let run = setup.send(
        send(setup.receiver.url("/"))
            .save(SaveAnswer::json("message_id", "/id"))
            .save(SaveAnswer::json("visit", "/when")),
        &["0001"],
    );
    let item = &run.items[0];
    assert_eq!((item.state, item.saved), (DeliveryState::Delivered, false));
    assert_eq!(item.error.as_ref().unwrap().code, "record.invalid");
    assert_eq!((setup.text("0001", "message_id"), setup.text("0001", "visit")), (String::new(), "2026-02-01".into()));
    // A record that is gone by then harms nobody.
    setup.apply(Blueprint::new().http_send(send(setup.receiver.url("/")).save(SaveAnswer::json("message_id", "/id"))));
    let run = setup.store().http_send(&HttpSendRequest::button("leads", "all", "sms", "0002")).unwrap();
    leads.delete("0002").unwrap();
    setup.work();
    let run = setup.store().http_send_run(run.run_id).unwrap();
    assert_eq!((run.state, run.delivered), (JobState::Completed, 1));
    assert_eq!(run.items[0].error.as_ref().unwrap().code, "record.not_found");
}

#[test]
fn who_saves_the_answer_is_who_sent() {
    let setup = Setup::ok();
    setup.apply(Blueprint::new().user(User::new("clerk", "事務").allow("leads", [Right::View, Right::Export])));
    let entry = MenuEntry::HttpSend("sms".into());
    let save = send(setup.receiver.url("/?u=${@user}")).save(SaveAnswer::status("status"));
    setup.apply(Blueprint::new().http_send(save).list(list().button(entry)));
    let clerk = setup.store().as_user("clerk").unwrap();
    clerk.http_send(&HttpSendRequest::button("leads", "all", "sms", "0001")).unwrap();
    setup.work();
    assert_eq!(setup.only_request().path, "/?u=clerk");
    let record = setup.store().records("leads").view("0001").unwrap();
    assert_eq!((record.text("status").as_str(), record.updated_by()), ("200", Some("clerk")));
}

#[test]
fn only_the_button_and_the_pulldown_start_it() {
    let setup = Setup::ok();
    let entry = MenuEntry::HttpSend("sms".into());
    setup.apply(
        Blueprint::new().http_send(send(setup.receiver.url("/"))).list(list().button(entry.clone()).pulldown(entry)),
    );
    let refused = |trigger, records: &[&str]| {
        let request = HttpSendRequest::of(trigger, "leads", "all", "sms", records.iter().copied());
        setup.store().http_send(&request).unwrap_err()
    };
    let codes = [
        (Trigger::Timer, "http_send.timer"),
        (Trigger::SettingsScreen, "http_send.settings_screen"),
        (Trigger::SubMenu, "http_send.sub_menu"),
        (Trigger::TemplatedMail, "http_send.templated_mail"),
    ];
    for (trigger, code) in codes {
        let error = refused(trigger, &["0001"]);
        assert_eq!(error.code().as_str(), code);
        let (ja, en) = (error.message(renkei::Language::Japanese), error.message(renkei::Language::English));
        assert!(ja.contains("ボタン") && ja.contains("プルダウン") && ja.contains("sms"), "{ja}");
        assert!(en.contains("button") && en.contains("pulldown"), "{en}");
        // Where it shows in the setting, it is refused there.
        let setting = HttpSend { triggers: vec![trigger], ..send(setup.receiver.url("/")) };
        assert_eq!(setup.refused(Blueprint::new().http_send(setting)).code().as_str(), code);
    }
    assert_eq!(refused(Trigger::Button, &["0001", "0002"]).code(), Code::HttpSendRecords);
    assert_eq!(refused(Trigger::Button, &[]).code(), Code::HttpSendRecords);
    assert_eq!(refused(Trigger::Pulldown, &[]).code(), Code::HttpSendRecords);
    assert_eq!(refused(Trigger::Pulldown, &["0001", "0009"]).code(), Code::RecordNotFound);
    let many: Vec<Values> = (0..101).map(|at| Values::new().set("number", format!("M{at:03}"))).collect();
    setup.store().records("leads").register_all(&many, &Default::default()).unwrap();
    let keys: Vec<String> = (0..101).map(|at| format!("M{at:03}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    assert_eq!(refused(Trigger::Pulldown, &keys).code(), Code::HttpSendRecords);
    let request = HttpSendRequest::pulldown("leads", "all", "sms", keys[..100].iter().copied());
    assert_eq!(setup.store().http_send(&request).unwrap().waiting, 100);
    assert!(setup.receiver.received().is_empty());
}

#[test]
fn a_send_must_stand_in_the_menu_it_is_started_from() {
    let setup = Setup::ok();
    let entry = MenuEntry::HttpSend("sms".into());
    setup.apply(Blueprint::new().http_send(send(setup.receiver.url("/"))).list(list().button(entry.clone())));
    let error = setup.store().http_send(&HttpSendRequest::pulldown("leads", "all", "sms", ["0001"])).unwrap_err();
    assert_eq!(error.code(), Code::MenuAbsent);
    setup.store().http_send(&HttpSendRequest::button("leads", "all", "sms", "0001")).unwrap();
    let only_pulldown = HttpSend { triggers: vec![Trigger::Pulldown], ..send(setup.receiver.url("/")) };
    let error = setup.refused(Blueprint::new().http_send(only_pulldown).list(list().button(entry)));
    assert_eq!(error.code(), Code::DefinitionInvalid);
}

#[test]
fn a_failed_message_that_is_replayed_is_settled_again() {
    let works = Arc::new(Mutex::new(false));
    let switch = works.clone();
    let setup = Setup::new(move |_| match *switch.lock().unwrap() {
        true => Reply::json(200, json!({"id": "late"})),
        false => Reply::text(400, ""),
    });
    let run = setup.send(send(setup.receiver.url("/")).save(SaveAnswer::json("message_id", "/id")), &["0001"]);
    assert_eq!((run.state, run.failed), (JobState::Completed, 1));
    *works.lock().unwrap() = true;
    setup.store().replay_delivery(run.items[0].delivery_id.unwrap()).unwrap();
    assert_eq!(setup.store().http_send_run(run.run_id).unwrap().waiting, 1);
    setup.work();
    let run = setup.store().http_send_run(run.run_id).unwrap();
    assert_eq!((run.delivered, run.failed, run.items[0].error.is_none()), (1, 0, true));
    assert_eq!(setup.text("0001", "message_id"), "late");
    let ids: Vec<String> =
        setup.receiver.received().iter().map(|request| request.header("idempotency-key").to_owned()).collect();
    assert_eq!(ids[0], ids[1]);
}

#[test]
fn who_starts_it_needs_a_right_and_no_more() {
    let setup = Setup::ok();
    let (entry, push_entry) = (MenuEntry::HttpSend("sms".into()), MenuEntry::CsvPush("core".into()));
    setup.apply(
        Blueprint::new()
            .user(User::new("sender", "送信").allow("leads", [Right::View, Right::Export]))
            .user(User::new("viewer", "閲覧").allow("leads", [Right::View]))
            .user(User::new("exporter", "出力").allow("leads", [Right::Export]))
            .user(User::new("manager", "管理").allow("leads", [Right::Manage]))
            .http_send(send(setup.receiver.url("/")))
            .csv_push(push(setup.receiver.url("/")))
            .list(list().button(entry).sub_menu(push_entry)),
    );
    let as_user = |code: &str| setup.store().as_user(code).unwrap();
    let (sender, viewer, exporter) = (as_user("sender"), as_user("viewer"), as_user("exporter"));
    let manager = as_user("manager");
    let button = HttpSendRequest::button("leads", "all", "sms", "0001");
    let request = PushRequest::new("leads", "all", "core");
    let sent = sender.http_send(&button).unwrap();
    let pushed = sender.push(&request).unwrap();
    for refused in [
        exporter.http_send(&button).unwrap_err(),
        viewer.http_send(&button).unwrap_err(),
        exporter.push(&request).unwrap_err(),
        manager.http_send(&button).unwrap_err(),
        exporter.http_send_run(sent.run_id).unwrap_err(),
        viewer.push(&request).unwrap_err(),
        manager.push(&request).unwrap_err(),
        viewer.push_run(pushed.run_id).unwrap_err(),
        viewer.apply(&Blueprint::new().http_send(send("https://x.test/".into()))).unwrap_err(),
    ] {
        assert_eq!(refused.code(), Code::AccessDenied, "{refused}");
    }
    for (user, seen) in [(&sender, 1), (&viewer, 0), (&exporter, 0), (&manager, 0)] {
        assert_eq!(user.http_send_runs(9).unwrap().len(), seen);
        assert_eq!(user.push_runs(None, 9).unwrap().len(), seen);
    }
    sender.cancel_push(pushed.run_id).unwrap();
    assert_eq!(sender.cancel_http_send(sent.run_id).unwrap(), 1);
    let changed = manager.apply(&Blueprint::new().http_send(send("https://x.test/".into())));
    assert_eq!(changed.unwrap().len(), 1);
    assert_eq!(manager.blueprint().unwrap().http_sends.len(), 1);
    assert!(viewer.blueprint().unwrap().http_sends.is_empty());
    let server = MailServer::new("m", "メール", "mail.example", "a@example.jp");
    let error = manager.apply(&Blueprint::new().mail_server(server)).unwrap_err();
    assert_eq!(error.code(), Code::AdministratorOnly);
    assert_eq!(viewer.send_mail(&Mail::new("m", "件名")).unwrap_err().code(), Code::AdministratorOnly);
}

#[cfg(not(feature = "mail"))]
#[test]
fn without_the_feature_mail_is_defined_and_not_sent() {
    let setup = Setup::ok();
    let server = MailServer::new("m", "メール", "mail.example", "a@example.jp");
    setup.apply(Blueprint::new().mail_server(server.clone()));
    assert_eq!(setup.store().mail_servers().unwrap().len(), 1);
    let error = setup.store().send_mail(&Mail::new("m", "件名").to("b@example.jp")).unwrap_err();
    assert_eq!(error.code(), Code::MailFeature);
}

// Definitions.

#[test]
fn definitions_come_back_and_change_nothing_the_second_time() {
    let setup = Setup::ok();
    let entry = MenuEntry::HttpSend("sms".into());
    let blueprint = Blueprint::new()
        .csv_push(
            push("https://例え.test/in".into())
                .pair("a", "b")
                .body(CsvBody::Multipart { name: "f".into(), file_name: "f.csv".into() })
                .after_success("sent", "${@now}"),
        )
        .http_send(send("https://x.test/${number}?a=1".into()).save(SaveAnswer::status("status")))
        .list(list().sub_menu(MenuEntry::CsvPush("core".into())).button(entry.clone()).pulldown(entry));
    assert_eq!(setup.store().plan(&blueprint).unwrap().len(), 3);
    assert_eq!(setup.store().apply(&blueprint).unwrap().len(), 3);
    assert!(setup.store().apply(&blueprint).unwrap().is_empty());
    let dumped = setup.store().blueprint().unwrap();
    assert!(dumped.csv_pushes[0].id.is_some() && dumped.http_sends[0].id.is_some());
    let again = Blueprint::from_json(&dumped.to_json()).unwrap();
    assert_eq!(again, dumped);
    let other = Fixture::new();
    assert!(!other.store.apply(&again).unwrap().is_empty());
    assert_eq!(other.store.blueprint().unwrap().to_json(), dumped.to_json());
}

#[test]
fn faults_are_seen_when_a_setting_is_saved() {
    let setup = Setup::ok();
    let url = || "https://x.test/".to_owned();
    let send_at = |url: &str| send(url.to_owned());
    let rows = |rows: Vec<JsonRow>| HttpBody::Json { rows };
    let raw = |template: &str| HttpBody::Raw { template: template.into(), content_type: "text/plain".into() };
    let sends = [
        (send_at("ftp://x.test/"), Code::TemplateSyntax),
        (send_at("https://x.test/${nothing}"), Code::TemplateField),
        (send_at("https://x.test/${note}"), Code::TemplateField),
        (send_at("https://x.test/${@status}"), Code::TemplateField),
        (send_at("https://x.test:99999/"), Code::DefinitionInvalid),
        (send_at("https://${name}/"), Code::TemplateSyntax),
        (send(url()).header("X\r\nY", "1"), Code::DefinitionInvalid),
        (send(url()).header("Host", "1"), Code::DefinitionInvalid),
        (send(url()).header("X", "a\nb"), Code::TemplateSyntax),
        (send(url()).method(Method::Get).body(raw("x")), Code::DefinitionInvalid),
        (send(url()).body(rows(Vec::new())), Code::DefinitionInvalid),
        (send(url()).body(rows(vec![JsonRow::new("a", "1"), JsonRow::new("a", "2")])), Code::DefinitionInvalid),
        (send(url()).body(rows(vec![JsonRow::new("a", "x${name}").kind(JsonType::Native)])), Code::TemplateSyntax),
        (send(url()).body(HttpBody::JsonTemplate { template: "{".into() }), Code::TemplateSyntax),
        (send(url()).body(raw("${name")), Code::TemplateSyntax),
        (send(url()).save(SaveAnswer::status("nothing")), Code::DefinitionInvalid),
        (send(url()).save(SaveAnswer::status("note")), Code::DefinitionInvalid),
        (send(url()).save(SaveAnswer::status("number")), Code::DefinitionInvalid),
        (send(url()).save(SaveAnswer::json("status", "x")), Code::DefinitionInvalid),
        (send(url()).save(SaveAnswer::status("status")).save(SaveAnswer::time("status")), Code::DefinitionInvalid),
        (HttpSend { database: "none".into(), ..send(url()) }, Code::DatabaseNotFound),
        (HttpSend { code: "a b".into(), ..send(url()) }, Code::DefinitionInvalid),
        (HttpSend { name: " ".into(), ..send(url()) }, Code::DefinitionInvalid),
        (HttpSend { triggers: Vec::new(), ..send(url()) }, Code::DefinitionInvalid),
    ];
    for (send, code) in sends {
        let shown = format!("{send:?}");
        let error = setup.refused(Blueprint::new().http_send(send));
        assert_eq!(error.code(), code, "{error}\n{shown}");
    }
    let error = setup.refused(Blueprint::new().http_send(send_at("https://x.test/${nothing}")));
    let message = error.message(renkei::Language::Japanese);
    assert!(message.contains("nothing") && message.contains("phone") && message.contains("@today"), "{message}");
    let pushes = [
        (push("x.test".into()), Code::TemplateSyntax),
        (push("https://x.test/${name}".into()), Code::TemplateField),
        (push(url()).method(Method::Get), Code::DefinitionInvalid),
        (push(url()).pairs_as(PairsAs::Form), Code::DefinitionInvalid),
        (push(url()).pair("a b", "1"), Code::DefinitionInvalid),
        (push(url()).pair("", "1").pairs_as(PairsAs::Query), Code::DefinitionInvalid),
        (push(url()).body(CsvBody::FormField { name: String::new() }), Code::DefinitionInvalid),
        (
            push(url()).body(CsvBody::FormField { name: "f".into() }).pairs_as(PairsAs::Form).pair("t", "${@secret:s}"),
            Code::TemplateSyntax,
        ),
        (
            push(url()).body(CsvBody::FormField { name: "f".into() }).pair("Content-Type", "text/plain"),
            Code::DefinitionInvalid,
        ),
        (push(url()).after_success("nothing", "1"), Code::DefinitionInvalid),
        (push(url()).after_success("visit", "いつか"), Code::DefinitionInvalid),
        (push(url()).after_success("visit", "${name}"), Code::TemplateField),
        (push(url()).after_success("status", "1").after_success("status", "2"), Code::DefinitionInvalid),
        (
            push(url()).header("😀").csv(Format { encoding: OutputEncoding::Cp932, ..Format::default() }),
            Code::DefinitionInvalid,
        ),
    ];
    for (push, code) in pushes {
        let shown = format!("{push:?}");
        let error = setup.refused(Blueprint::new().csv_push(push));
        assert_eq!(error.code(), code, "{error}\n{shown}");
    }
    let lists = [
        (list().sub_menu(MenuEntry::HttpSend("sms".into())), Code::HttpSendSubMenu),
        (list().button(MenuEntry::CsvPush("core".into())), Code::DefinitionInvalid),
        (list().sub_menu(MenuEntry::CsvPush("none".into())), Code::DefinitionNotFound),
        (list().button(MenuEntry::HttpSend("none".into())), Code::DefinitionNotFound),
        (
            list().button(MenuEntry::HttpSend("sms".into())).button(MenuEntry::HttpSend("sms".into())),
            Code::DefinitionInvalid,
        ),
    ];
    for (list, code) in lists {
        let blueprint = Blueprint::new().csv_push(push(url())).http_send(send(url())).list(list);
        assert_eq!(setup.refused(blueprint).code(), code);
    }
    assert!(setup.store().csv_pushes("leads").unwrap().is_empty());
    assert!(setup.store().http_sends("leads").unwrap().is_empty());
}

#[test]
fn settings_follow_fields_and_menus_follow_settings() {
    let setup = Setup::ok();
    let entry = MenuEntry::HttpSend("sms".into());
    let template = r#"{"a": "${phone|raw}", "b": ${amount}, "c": "${$}{phone} ${branch.name}"}"#.to_owned();
    setup.apply(
        Blueprint::new()
            .csv_push(push("https://x.test/".into()).after_success("sent", "${@now}"))
            .http_send(
                send("https://x.test/${phone}".into())
                    .header("X", "${phone|url}")
                    .body(HttpBody::JsonTemplate { template })
                    .save(SaveAnswer::status("status")),
            )
            .list(list().sub_menu(MenuEntry::CsvPush("core".into())).button(entry)),
    );
    let mut blueprint = setup.store().blueprint().unwrap();
    for database in &mut blueprint.databases {
        for field in &mut database.fields {
            for (old, new) in [("phone", "tel"), ("status", "result"), ("sent", "sent_at"), ("name", "label")] {
                if field.code == old {
                    field.code = new.into();
                }
            }
        }
    }
    setup.apply(Blueprint { databases: blueprint.databases, ..Blueprint::new() });
    let dumped = setup.store().blueprint().unwrap();
    let send = &dumped.http_sends[0];
    assert_eq!((send.url.as_str(), send.headers[0].value.as_str()), ("https://x.test/${tel}", "${tel|url}"));
    let template = r#"{"a": "${tel|raw}", "b": ${amount}, "c": "${$}{phone} ${branch.label}"}"#.to_owned();
    assert_eq!(send.body, HttpBody::JsonTemplate { template });
    assert_eq!(send.save[0].field, "result");
    assert_eq!(dumped.csv_pushes[0].after_success[0].field, "sent_at");
    // Renamed settings stay in their menus.
    let push = CsvPush { code: "host".into(), ..dumped.csv_pushes[0].clone() };
    let renamed = HttpSend { code: "message".into(), ..send.clone() };
    setup.apply(Blueprint::new().csv_push(push).http_send(renamed));
    let menu = setup.store().list("leads", "all").unwrap().menu;
    assert_eq!(menu.sub_menu, [MenuEntry::CsvPush("host".into())]);
    assert_eq!(menu.buttons, [MenuEntry::HttpSend("message".into())]);
    // What stands in a menu is not removed.
    for (kind, code) in [(DefinitionKind::CsvPush, "host"), (DefinitionKind::HttpSend, "message")] {
        let error = setup.store().remove_definition(kind, "leads", code).unwrap_err();
        assert_eq!(error.code(), Code::DefinitionInUse);
    }
    setup.apply(Blueprint::new().list(List { columns: vec![], ..list() }.column("number")));
    for (kind, code) in [(DefinitionKind::CsvPush, "host"), (DefinitionKind::HttpSend, "message")] {
        setup.store().remove_definition(kind, "leads", code).unwrap();
    }
    assert!(setup.store().blueprint().unwrap().http_sends.is_empty());
}

#[test]
fn json_forms_refuse_what_they_do_not_know() {
    for json in [
        r#"{"csv_pushes": [{"database": "d", "code": "c", "name": "n", "url": "u", "methods": "POST"}]}"#,
        r#"{"csv_pushes": [{"database": "d", "code": "c", "name": "n"}]}"#,
        r#"{"http_sends": [{"database": "d", "code": "c", "name": "n", "url": "u", "body": {"format": "yaml"}}]}"#,
        r#"{"http_sends": [{"database": "d", "code": "c", "name": "n", "url": "u", "triggers": ["cron"]}]}"#,
        r#"{"lists": [{"database": "d", "code": "c", "name": "n", "columns": ["a"], "menu": {"submenu": []}}]}"#,
    ] {
        assert_eq!(Blueprint::from_json(json).unwrap_err().code(), Code::DefinitionJson, "{json}");
    }
}
