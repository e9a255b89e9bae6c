//! Mail, to a real server.

mod common;
mod common_mail;

use std::path::Path;
use std::time::Duration;

use common::Fixture;
use common_mail::{Server, pair, pairs, plain, work};
use renkei::{
    Attachment, Auth, Blueprint, Code, CsvPush, Database, DefinitionKind, DeliveryState, ErrorFamily, Field,
    ImportMode, ImportRequest, ImportSetting, JobState, List, Mail, MailSecurity, MailServer, MailTemplate, MenuEntry,
    PushRequest, Report, RetryPlan, Right, Sending, User, Values,
};
use renkei::{FileContent, FileTemplate};
use serde_json::Value as Json;

/// An authority and a certificate for this machine, in files.
struct Certificates {
    authority: String,
    certificate: String,
    key: String,
}

impl Certificates {
    fn make(dir: &Path, name: &str) -> Certificates {
        let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority_key = rcgen::KeyPair::generate().unwrap();
        let authority_certificate = authority.self_signed(&authority_key).unwrap();
        let issuer = rcgen::Issuer::new(authority, authority_key);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate =
            rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        let file = |end: &str, pem: String| {
            let path = dir.join(format!("{name}.{end}"));
            std::fs::write(&path, pem).unwrap();
            path.to_str().unwrap().to_owned()
        };
        Certificates {
            authority: authority_certificate.pem(),
            certificate: file("cert.pem", certificate.pem()),
            key: file("key.pem", key.serialize_pem()),
        }
    }
}

fn fixture() -> Fixture {
    let fixture = Fixture::with(|options| {
        options.secret_key([3; 32]);
    });
    fixture.apply([Database::new("orders", "受注")
        .field(Field::key("number", "注文番号"))
        .field(Field::text("customer", "お客様"))
        .field(Field::text("mail", "メール"))
        .field(Field::text("copy", "写し"))
        .field(Field::number("total", "合計", 0))
        .field(Field::file("invoice", "請求書"))
        .detail(Field::text("note", "注記"))]);
    fixture
}

#[test]
fn a_japanese_mail_arrives_whole() {
    let Some(server) = Server::start(&["plain"]) else { return };
    let fixture = fixture();
    let store = &fixture.store;
    store.apply(&Blueprint::new().mail_server(plain(server.port))).unwrap();
    let file =
        store.put_file("見積書（最終版）とても長い名前の添付ファイル2026年01月31日.pdf", &b"%PDF\0\xff"[..]).unwrap();
    let subject = "【重要】ご注文ありがとうございます😀 株式会社髙橋～興産様 2026年1月分のご請求書をお送りいたします (No. 000123)";
    let text = format!("いつもお世話になっております。\n.先頭の点\n..\n.\n{}\r\n末尾", "長い行".repeat(400));
    let mail = Mail::new("office", subject)
        .to("山田 \"太郎\" <yamada@example.jp>")
        .to("plain@example.jp")
        .to("Sato, Hanako (営業) <sato@example.jp>")
        .cc("cc@example.jp")
        .bcc("bcc@example.jp")
        .bcc("plain@example.jp")
        .reply_to("窓口 <desk@example.co.jp>")
        .text(&text)
        .html("<p>いつもお世話になっております。</p>")
        .attach(Attachment::bytes("a.csv", "番号,金額\r\n1,2\r\n"))
        .attach(Attachment::file(file.id))
        .token("order-1");
    let id = store.send_mail(&mail).unwrap();
    assert_eq!(store.send_mail(&mail).unwrap(), id);
    work(store);
    let mail = server.next();
    server.nothing_more();
    assert_eq!(mail["defects"], Json::Array(Vec::new()), "{mail:#}");
    assert_eq!(mail["mail_from"], "renkei@example.co.jp");
    let all = ["yamada@example.jp", "plain@example.jp", "sato@example.jp", "cc@example.jp", "bcc@example.jp"];
    assert_eq!(mail["rcpt_to"], serde_json::json!(all));
    assert_eq!(pairs(&mail["from"]), [pair("連携システム", "renkei@example.co.jp")]);
    assert_eq!(
        pairs(&mail["to"]),
        [
            pair("山田 \"太郎\"", "yamada@example.jp"),
            pair("", "plain@example.jp"),
            pair("Sato, Hanako (営業)", "sato@example.jp")
        ]
    );
    assert_eq!(pairs(&mail["cc"]), [pair("", "cc@example.jp")]);
    assert_eq!(pairs(&mail["reply_to"]), [pair("窓口", "desk@example.co.jp")]);
    assert!(!mail["headers"].as_array().unwrap().iter().any(|name| name == "Bcc"));
    assert_eq!(mail["subject"], subject);
    assert_eq!(mail["date"], "Sat, 31 Jan 2026 09:30:00 +0900");
    assert_eq!(mail["text"].as_str().unwrap().trim_end_matches('\n'), text.replace("\r\n", "\n"));
    assert_eq!(mail["html"].as_str().unwrap().trim_end(), "<p>いつもお世話になっております。</p>");
    let attachments = mail["attachments"].as_array().unwrap();
    assert_eq!(attachments.len(), 2);
    assert_eq!((&attachments[0]["name"], &attachments[0]["type"]), (&"a.csv".into(), &"text/csv".into()));
    assert_eq!(attachments[0]["hex"], hex("番号,金額\r\n1,2\r\n".as_bytes()));
    assert_eq!(attachments[1]["name"], "見積書（最終版）とても長い名前の添付ファイル2026年01月31日.pdf");
    assert_eq!(
        (&attachments[1]["type"], &attachments[1]["hex"]),
        (&"application/pdf".into(), &hex(b"%PDF\0\xff").into())
    );
    assert!(mail["longest_line"].as_u64().unwrap() <= 100 && mail["ascii"] == true, "{mail:#}");
    let delivery = store.delivery(id).unwrap();
    assert_eq!((delivery.state, delivery.status), (DeliveryState::Delivered, Some(250)));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_large_mail_is_kept_in_pieces() {
    let Some(server) = Server::start(&["plain"]) else { return };
    let fixture = fixture();
    let store = &fixture.store;
    store.apply(&Blueprint::new().mail_server(MailServer { most_bytes: 4 << 20, ..plain(server.port) })).unwrap();
    let bytes: Vec<u8> = (0..2_000_000u32).map(|at| (at * 7 % 251) as u8).collect();
    let mail =
        |bytes: &[u8]| Mail::new("office", "大きい").to("a@example.jp").attach(Attachment::bytes("a.bin", bytes));
    store.send_mail(&mail(&bytes)).unwrap();
    work(store);
    assert_eq!(server.next()["attachments"][0]["hex"], hex(&bytes));
    let error = store.send_mail(&mail(&vec![0; 4 << 20])).unwrap_err();
    assert_eq!(error.code(), Code::LimitPassed);
}

#[test]
fn starttls_and_its_certificate() {
    let fixture = fixture();
    let store = &fixture.store;
    let own = Certificates::make(fixture.dir.path(), "127.0.0.1");
    let others = Certificates::make(fixture.dir.path(), "other.example");
    let start = |certificates: &Certificates| {
        Server::start(&["starttls", "--certificate", &certificates.certificate, &certificates.key])
    };
    let Some(server) = start(&own) else { return };
    let Some(wrong) = start(&others) else { return };
    let Some(without) = Server::start(&["plain"]) else { return };
    let send = |port: u16, set: &dyn Fn(&mut Sending)| {
        let mut setting = plain(port).security(MailSecurity::Starttls);
        set(&mut setting.sending);
        store.apply(&Blueprint::new().mail_server(setting)).unwrap();
        let id = store.send_mail(&Mail::new("office", "暗号").to("a@example.jp").text("本文")).unwrap();
        work(store);
        store.delivery(id).unwrap()
    };
    let trust = |authority: &str| {
        let authority = authority.to_owned();
        move |sending: &mut Sending| sending.ca_certificates = Some(authority.clone())
    };
    let delivered = send(server.port, &trust(&own.authority));
    assert_eq!(delivered.state, DeliveryState::Delivered, "{delivered:?}");
    assert_eq!(server.next()["subject"], "暗号");
    let failed = |delivery: renkei::DeliveryStatus| {
        assert_eq!(delivery.state, DeliveryState::Failed, "{delivery:?}");
        assert_eq!(delivery.family, Some(ErrorFamily::BeforeSending));
        assert_eq!(delivery.error.unwrap().code, "mail.server");
    };
    failed(send(server.port, &|_| {}));
    failed(send(server.port, &trust(&others.authority)));
    failed(send(wrong.port, &trust(&others.authority)));
    // A server that offers no STARTTLS gets nothing.
    failed(send(without.port, &trust(&own.authority)));
    let delivered = send(wrong.port, &|sending| sending.danger_accept_any_certificate = true);
    assert_eq!(delivered.state, DeliveryState::Delivered, "{delivered:?}");
    wrong.next();
    for server in [server, wrong, without] {
        server.nothing_more();
    }
}

#[test]
fn tls_and_an_account() {
    let fixture = fixture();
    let store = &fixture.store;
    let own = Certificates::make(fixture.dir.path(), "127.0.0.1");
    let words = ["tls", "--certificate", &own.certificate, &own.key, "--account", "renkei", "p@ss wörd"];
    let Some(server) = Server::start(&words) else { return };
    store.put_secret("mail-password", "p@ss wörd").unwrap();
    store.put_secret("old-password", "wrong").unwrap();
    let send = |secret: &str| {
        let mut setting = plain(server.port).security(MailSecurity::Tls);
        setting.sending.ca_certificates = Some(own.authority.clone());
        setting.sending.auth = Some(Auth::Basic { user: "renkei".into(), password: secret.into() });
        store.apply(&Blueprint::new().mail_server(setting)).unwrap();
        let id = store.send_mail(&Mail::new("office", "認証").to("a@example.jp")).unwrap();
        work(store);
        store.delivery(id).unwrap()
    };
    let delivered = send("mail-password");
    assert_eq!(delivered.state, DeliveryState::Delivered, "{delivered:?}");
    assert_eq!(server.next()["subject"], "認証");
    let refused = send("old-password");
    assert_eq!((refused.state, refused.status), (DeliveryState::Failed, Some(535)), "{refused:?}");
    let missing = send("no-password");
    assert_eq!((missing.state, missing.family), (DeliveryState::Failed, Some(ErrorFamily::BeforeSending)));
    server.nothing_more();
    let log = std::fs::read(format!("{}-wal", fixture.path().display())).unwrap();
    assert!(!log.windows(5).any(|window| window == b"p@ss "));
}

#[test]
fn refusals_are_final_and_delays_are_not() {
    let Some(server) = Server::start(&["plain"]) else { return };
    let fixture = fixture();
    let store = &fixture.store;
    let retry = RetryPlan { delays_seconds: vec![0, 60], jitter_percent: 0, ..RetryPlan::default() };
    let setting = MailServer { sending: Sending { retry, ..Sending::default() }, ..plain(server.port) };
    store.apply(&Blueprint::new().mail_server(setting)).unwrap();
    let nobody = store.send_mail(&Mail::new("office", "1").to("a@example.jp").to("nobody@example.jp")).unwrap();
    let busy = store.send_mail(&Mail::new("office", "2").to("busy@example.jp")).unwrap();
    work(store);
    let nobody = store.delivery(nobody).unwrap();
    assert_eq!((nobody.state, nobody.status), (DeliveryState::Failed, Some(550)));
    let waiting = store.delivery(busy).unwrap();
    assert_eq!((waiting.state, waiting.status), (DeliveryState::Waiting, Some(451)));
    server.nothing_more();
    fixture.clock.advance(Duration::from_secs(61));
    work(store);
    assert_eq!(store.delivery(busy).unwrap().state, DeliveryState::Delivered);
    assert_eq!(server.next()["subject"], "2");
}

#[test]
fn nothing_gets_into_headers() {
    let fixture = fixture();
    let store = &fixture.store;
    store.apply(&Blueprint::new().mail_server(plain(25))).unwrap();
    let to = || Mail::new("office", "件名").to("a@example.jp");
    let refused = |mail: Mail| {
        let error = store.send_mail(&mail).unwrap_err();
        assert_eq!(error.code(), Code::MailInvalid, "{error}");
    };
    for bad in
        ["a@example.jp\r\nBcc: b@example.jp", "a@example.jp\n", "x\0 <a@example.jp>", "a@example.jp, b@example.jp"]
    {
        refused(Mail::new("office", "件名").to(bad));
        refused(to().cc(bad));
        refused(to().bcc(bad));
        refused(to().from(bad));
        refused(to().reply_to(bad));
    }
    for bad in ["a\r\nBcc: b@example.jp", "a\nb", "a\0b", "a\u{85}b"] {
        refused(Mail::new("office", bad).to("a@example.jp"));
        refused(to().attach(Attachment::bytes(bad, "x")));
        refused(to().attach(Attachment::bytes("a", "x").content_type(bad)));
    }
    refused(Mail::new("office", "件名"));
    assert_eq!(store.send_mail(&Mail::new("none", "件名")).unwrap_err().code(), Code::DefinitionNotFound);
    let error = store.send_mail(&to().attach(Attachment::file(1))).unwrap_err();
    assert_eq!(error.code(), Code::FileNotFound);
}

#[test]
fn templates_are_filled_from_a_record() {
    let Some(server) = Server::start(&["plain"]) else { return };
    let fixture = fixture();
    let store = &fixture.store;
    let template = MailTemplate {
        cc: vec!["${copy}".into(), "${customer} <${copy}>".into()],
        attachments: vec!["invoice".into()],
        files: vec!["bill".into()],
        ..MailTemplate::new("orders", "thanks", "お礼", "office")
            .to("${customer} 様 <${mail}>")
            .subject("ご注文（${number}）${$}")
            .text("${customer} 様\n\n合計 ${total|display} 円（${@today}）\n")
    };
    let bill = FileTemplate::new(
        "orders",
        "bill",
        "請求明細",
        "請求_${number}.html",
        FileContent::Html("<p>${customer}: ${total|display}</p>\n".into()),
    );
    let blueprint = Blueprint::new().mail_server(plain(server.port)).file_template(bill.clone());
    let blueprint = blueprint.mail_template(template.clone());
    store.apply(&blueprint).unwrap();
    assert!(store.apply(&blueprint).unwrap().is_empty());
    let dumped = store.blueprint().unwrap();
    assert_eq!(Blueprint::from_json(&dumped.to_json()).unwrap(), dumped);
    let invoice = store.put_file("請求書.pdf", &b"%PDF"[..]).unwrap();
    let orders = store.records("orders");
    let values = Values::new()
        .set("number", "A-1")
        .set("customer", "髙橋 <興産>")
        .set("mail", "t@example.jp")
        .set("total", 3_300);
    let values = values.set("invoice", renkei::Value::File(invoice.id));
    orders.register(&values).unwrap();
    store.send_mail_about("orders", "thanks", "A-1").unwrap();
    work(store);
    let mail = server.next();
    assert_eq!(pairs(&mail["to"]), [pair("髙橋 <興産> 様", "t@example.jp")]);
    assert_eq!(mail["cc"], Json::Array(Vec::new()));
    assert_eq!(mail["subject"], "ご注文（A-1）$");
    assert!(mail["text"].as_str().unwrap().starts_with("髙橋 <興産> 様\n\n合計 3300 円（2026-01-31）"), "{mail:#}");
    assert_eq!(mail["attachments"][0]["name"], "請求書.pdf");
    assert_eq!(mail["attachments"][1]["name"], "請求_A-1.html");
    let bill_bytes = "<p>髙橋 &lt;興産&gt;: 3300</p>\r\n".bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let sent = &mail["attachments"][1];
    assert_eq!((sent["type"].as_str(), sent["hex"].as_str()), (Some("text/html"), Some(&*bill_bytes)));
    assert_eq!(mail["auto"], "None");
    // What goes with mails stays, and is followed by another code.
    let error = store.remove_definition(DefinitionKind::FileTemplate, "orders", "bill").unwrap_err();
    assert_eq!(error.code(), Code::DefinitionInUse);
    let id = store.file_templates("orders").unwrap()[0].id;
    store
        .apply(&Blueprint::new().file_template(FileTemplate { id, code: "statement".into(), ..bill.clone() }))
        .unwrap();
    assert_eq!(store.mail_templates("orders").unwrap()[0].files, ["statement"]);
    store.apply(&Blueprint::new().file_template(FileTemplate { id, ..bill })).unwrap();
    orders.register(&Values::new().set("number", "A-2")).unwrap();
    assert_eq!(store.send_mail_about("orders", "thanks", "A-2").unwrap_err().code(), Code::MailInvalid);
    assert_eq!(store.send_mail_about("orders", "thanks", "A-3").unwrap_err().code(), Code::RecordNotFound);

    let refused = |template: MailTemplate, code: Code| {
        let error = store.apply(&Blueprint::new().mail_template(template)).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
    };
    refused(template.clone().to("${nothing}"), Code::TemplateField);
    refused(template.clone().subject("a\nb"), Code::TemplateSyntax);
    refused(template.clone().text("${@secret:key}"), Code::TemplateSyntax);
    refused(template.clone().text("${note}"), Code::TemplateField);
    refused(MailTemplate { server: "none".into(), ..template.clone() }, Code::DefinitionNotFound);
    refused(MailTemplate { attachments: vec!["total".into()], ..template.clone() }, Code::DefinitionInvalid);
    refused(MailTemplate { files: vec!["none".into()], ..template.clone() }, Code::DefinitionNotFound);
    refused(MailTemplate { files: vec!["bill".into(); 20], ..template.clone() }, Code::DefinitionInvalid);
    refused(MailTemplate { to: vec![], cc: vec![], ..template }, Code::DefinitionInvalid);
    let error = store.remove_definition(DefinitionKind::MailServer, "", "office").unwrap_err();
    assert_eq!(error.code(), Code::DefinitionInUse);
}

#[test]
fn faults_of_mail_servers_are_seen_when_they_are_saved() {
    let fixture = fixture();
    let account = |secret: &str| Some(Auth::Basic { user: "u".into(), password: secret.into() });
    let good = || plain(25);
    let mut with_account = good();
    with_account.sending.auth = account("s");
    let mut with_token = good().security(MailSecurity::Tls);
    with_token.sending.auth = Some(Auth::Bearer { token: "t".into() });
    for server in [
        MailServer { host: String::new(), ..good() },
        MailServer { host: "a b".into(), ..good() },
        MailServer { host: "a/b".into(), ..good() },
        MailServer { port: Some(0), ..good() },
        MailServer { from: "nobody".into(), ..good() },
        MailServer { from: "a@example.jp\r\n".into(), ..good() },
        MailServer { code: "1".into(), ..good() },
        with_account,
        with_token,
    ] {
        let shown = format!("{server:?}");
        let error = fixture.store.apply(&Blueprint::new().mail_server(server)).unwrap_err();
        assert_eq!(error.code(), Code::DefinitionInvalid, "{shown}");
    }
    let report = ImportSetting::new("orders", "daily", "日次").mode(ImportMode::Upsert).column("number");
    let error = fixture.store.apply(&Blueprint::new().import(report.clone().report(Report::by("none")))).unwrap_err();
    assert_eq!(error.code(), Code::DefinitionNotFound);
    let bad = Report::by("office").to("no address");
    let error = fixture.store.apply(&Blueprint::new().mail_server(good()).import(report.report(bad))).unwrap_err();
    assert_eq!(error.code(), Code::DefinitionInvalid);
}

#[test]
fn reports_tell_how_imports_ended() {
    let Some(server) = Server::start(&["plain"]) else { return };
    let fixture = fixture();
    let import = |code: &str, name: &str, report: Report| {
        ImportSetting::new("orders", code, name)
            .mode(ImportMode::Upsert)
            .column("number")
            .column("total")
            .report(report)
    };
    fixture
        .store
        .apply(
            &Blueprint::new()
                .user(User {
                    mail: Some("jimu@example.jp".into()),
                    ..User::new("clerk", "事務 花子").allow("orders", [Right::Import])
                })
                .mail_server(plain(server.port))
                .import(import("daily", "日次の取込", Report::by("office").to("システム管理 <ops@example.jp>")))
                .import(import("quiet", "静かな取込", Report::by("office").to("ops@example.jp").on_trouble())),
        )
        .unwrap();
    let store = fixture.store.as_user("clerk").unwrap();
    let run = |code: &str, csv: &str| {
        let upload = store.upload("in.csv", csv.as_bytes()).unwrap();
        let reserved = store.reserve_import(&ImportRequest::upload("orders", code, upload.id)).unwrap();
        work(&store);
        reserved.process_id
    };
    let id = run("daily", "番号,合計\nB-1,100\nB-2,いくら\n");
    let mut mails = [server.next(), server.next()];
    mails.sort_by_key(|mail| mail["rcpt_to"].to_string());
    assert_eq!(
        (&mails[0]["rcpt_to"][0], &mails[1]["rcpt_to"][0]),
        (&"jimu@example.jp".into(), &"ops@example.jp".into())
    );
    assert_eq!(pairs(&mails[1]["to"]), [pair("システム管理", "ops@example.jp")]);
    for mail in &mails {
        assert_eq!(mail["subject"], "【完了】インポート「日次の取込」（受注）");
        assert_eq!(mail["auto"], "auto-generated");
        let text = mail["text"].as_str().unwrap();
        for line in [
            "状況: 完了\n".to_owned(),
            "データベース: 受注\n".to_owned(),
            format!("処理ID: {id}\n"),
            "実行者: 事務 花子\n".to_owned(),
            "終了: 2026/01/31 09:30:00\n".to_owned(),
            "合計: 2 件\n".to_owned(),
            "登録: 1 件\n".to_owned(),
            "エラー: 1 件\n".to_owned(),
        ] {
            assert!(text.contains(&line), "{line}{text}");
        }
    }
    // Without trouble nothing is told by the other one.
    run("quiet", "番号,合計\nC-1,100\n");
    server.nothing_more();
    run("quiet", "番号,合計\nC-1,x\n");
    assert!(server.next()["rcpt_to"].to_string().contains("example.jp"));
    server.next();
    // However it ends: cancelled before it was run, and failed for its file.
    let upload = store.upload("in.csv", &b"x\n"[..]).unwrap();
    let reserved = store.reserve_import(&ImportRequest::upload("orders", "daily", upload.id)).unwrap();
    store.cancel_import(reserved.process_id).unwrap();
    work(&store);
    assert_eq!(server.next()["subject"], "【強制終了】インポート「日次の取込」（受注）");
    server.next();
    run("daily", "番号,合計,余り\nB-1,100\n");
    assert!(server.next()["subject"].as_str().unwrap().starts_with("【"));
    server.next();
    server.nothing_more();
}

#[test]
fn reports_tell_how_pushes_ended() {
    let Some(server) = Server::start(&["plain"]) else { return };
    let fixture = fixture();
    let store = &fixture.store;
    let nowhere = CsvPush::new("orders", "core", "基幹連携", "http://127.0.0.1:1/")
        .report(Report::by("office").to("ops@example.jp"))
        .sending(Sending { retry: RetryPlan::once(), ..Sending::default() });
    let list = List::new("orders", "all", "受注一覧").column("number").sub_menu(MenuEntry::CsvPush("core".into()));
    store.apply(&Blueprint::new().mail_server(plain(server.port)).csv_push(nowhere).list(list)).unwrap();
    let empty = store.push(&PushRequest::new("orders", "all", "core").memo("月次")).unwrap();
    assert_eq!(empty.state, JobState::Failed);
    work(store);
    let mail = server.next();
    assert_eq!(mail["subject"], "【失敗】システム連携「基幹連携」（受注）");
    let text = mail["text"].as_str().unwrap();
    assert!(text.contains("HTTPステータス: なし\n") && text.contains("メモ: 月次\n"), "{text}");
    assert!(text.contains("理由: 送信するレコードがありません"), "{text}");
    assert!(text.contains("実行者: システム\n"), "{text}");
    store.records("orders").register(&Values::new().set("number", "1")).unwrap();
    store.push(&PushRequest::new("orders", "all", "core")).unwrap();
    work(store);
    assert!(server.next()["text"].as_str().unwrap().contains("送信レコード: 1 件\n"));
    server.nothing_more();
}
