//! Http sends: what arrives, what is saved of the answer, and who may start them.

use std::sync::{Arc, Mutex};

use renkei::csv::Encoding;
use renkei::{
    Blueprint, Code, DeliveryState, ErrorFamily, HttpBody, HttpSend, HttpSendRequest, JobState, JsonRow, JsonType,
    Mail, MailServer, MenuEntry, Pair, PushRequest, Right, SaveAnswer, Trigger, User, Values,
};
use serde_json::json;

use crate::receiver::Reply;
use crate::setup::{Setup, list, push, send};

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
