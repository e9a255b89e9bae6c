//! CSV pushes: what arrives, and what follows from the answer.

use renkei::csv::{Format, OutputEncoding, Quoting};
use renkei::{
    Blueprint, Code, Condition, CsvBody, CsvPush, DeliveryState, ErrorFamily, JobState, MenuEntry, Method, PairsAs,
    PushRequest, RecordId, Search, Sending, Values,
};

use crate::receiver::Reply;
use crate::setup::{Setup, list, push, send, sha256, worker};

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
    let run = setup.store().wait_push(run.run_id, std::time::Duration::from_secs(120)).unwrap();
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
