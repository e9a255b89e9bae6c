//! Their definitions: faults, and what follows when something changes.

use renkei::csv::{Format, OutputEncoding};
use renkei::{
    Blueprint, Code, CsvBody, CsvPush, DefinitionKind, HttpBody, HttpSend, JsonRow, JsonType, List, MenuEntry, Method,
    PairsAs, SaveAnswer,
};

use crate::common::Fixture;
use crate::setup::{Setup, list, push, send};

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
