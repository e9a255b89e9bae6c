//! Notice mails: definitions and their faults, and from a change of a record to a real mail server.

mod common;
mod common_child;
#[cfg(feature = "mail")]
mod common_dice;
#[cfg(feature = "mail")]
mod common_mail;

use common::Fixture;
use renkei::{
    Blueprint, Code, Condition, Database, DefinitionKind, Error, Field, FieldKind, MailServer, MailTemplate,
    NoticeMail, NoticeOn, Right, User, Values,
};

fn database() -> Database {
    Database::new("orders", "受注")
        .field(Field::key("number", "番号"))
        .field(Field::text("title", "件名"))
        .field(Field::number("price", "単価", 2))
        .field(Field::choice("state", "状態", &["新規", "出荷済み"]))
        .field(Field::text("mail", "メール"))
        .field(Field::new("owner", "担当", FieldKind::User {}))
        .detail(Field::text("item", "品目"))
        .detail(Field::number("quantity", "数量", 0))
        .with_approval()
}

fn template() -> MailTemplate {
    MailTemplate::new("orders", "change", "変更", "office")
        .to("desk@example.jp")
        .subject("${number}: ${state}")
        .text("件名は「${title}」です（${@now|display} ${@user}）")
}

fn user(code: &str, name: &str) -> User {
    User { mail: Some(format!("{code}@example.jp")), ..User::new(code, name) }
        .allow("orders", [Right::View, Right::Register, Right::Update, Right::Delete])
}

fn world(server: MailServer) -> Blueprint {
    let mute = User { mail: None, ..User::new("mute", "無口") };
    Blueprint::new()
        .user(user("hanako", "山田花子"))
        .user(user("taro", "佐藤太郎"))
        .user(mute)
        .database(database())
        .mail_server(server)
        .mail_template(template())
}

fn server() -> MailServer {
    MailServer::new("office", "社内メール", "mail.example.jp", "renkei@example.jp")
}

fn notice(on: NoticeOn) -> NoticeMail {
    NoticeMail::new("orders", "told", "お知らせ", "change").on(on)
}

fn order(number: &str) -> Values {
    Values::new().set("number", number).set("title", "最初").set("price", "100").set("state", "新規")
}

#[test]
fn definitions_are_judged_kept_and_taken_out() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    store.apply(&world(server())).unwrap();
    let good = || notice(NoticeOn::Updated);
    let refused = |notice: NoticeMail| -> Error {
        store.apply(&Blueprint::new().notice_mail(notice)).expect_err("it is refused")
    };
    let price = || Condition::at_least("price", 1);
    for (bad, code) in [
        (NoticeMail { code: "1".into(), ..good() }, Code::DefinitionInvalid),
        (NoticeMail { name: String::new(), ..good() }, Code::DefinitionInvalid),
        (NoticeMail { on: Vec::new(), ..good() }, Code::DefinitionInvalid),
        (NoticeMail { digest_minutes: 1_441, ..good() }, Code::DefinitionInvalid),
        (NoticeMail { template: "none".into(), ..good() }, Code::DefinitionNotFound),
        (NoticeMail { database: "none".into(), ..good() }, Code::DatabaseNotFound),
        (good().user("nobody"), Code::DefinitionNotFound),
        (good().user_field("title"), Code::DefinitionInvalid),
        (good().changed("nothing"), Code::DefinitionInvalid),
        (good().to("${nothing}"), Code::TemplateField),
        (good().before(Condition::equals("nothing", 1)), Code::DefinitionInvalid),
        (good().after(Condition::contains("price", "1")), Code::DefinitionInvalid),
        // What could never be judged.
        (notice(NoticeOn::Registered).before(price()), Code::DefinitionInvalid),
        (notice(NoticeOn::Deleted).after(price()), Code::DefinitionInvalid),
        (notice(NoticeOn::Registered).changed("price"), Code::DefinitionInvalid),
    ] {
        let shown = format!("{bad:?}");
        let error = refused(bad);
        assert_eq!(error.code(), code, "{shown}: {error}");
    }
    assert_eq!(refused(good().changed("nothing")).field(), Some("nothing"));

    let whole = NoticeMail {
        digest_minutes: 30,
        each_of_import: true,
        list_changes: false,
        ..good()
            .on(NoticeOn::Deleted)
            .before(Condition::equals("state", "新規"))
            .after(Condition::detail(Condition::equals("item", "りんご")))
            .changed("state")
            .changed("quantity")
            .changed("_approval")
            .to("${mail}")
            .user("hanako")
            .user_field("owner")
    };
    let applied = store.apply(&Blueprint::new().notice_mail(whole.clone())).unwrap();
    assert_eq!((applied[0].kind, applied[0].code.as_str()), ("notice_mail", "told"));
    let kept = store.notice_mails("orders").unwrap().remove(0);
    assert_eq!(NoticeMail { id: None, ..kept.clone() }, whole);
    let dumped = store.blueprint().unwrap();
    assert!(store.apply(&dumped).unwrap().is_empty());
    assert_eq!(Blueprint::from_json(&dumped.to_json()).unwrap(), dumped);

    // Names that change are followed, and what is named stays.
    let mut changed = store.database("orders").unwrap();
    for (field, code) in [(1, "subject"), (3, "stage"), (4, "address"), (5, "keeper")] {
        changed.fields[field].code = code.to_owned();
    }
    if let FieldKind::Choice { choices } = &mut changed.fields[3].kind {
        choices[0].label = "新しい".to_owned();
    }
    changed.details[1].code = "count".to_owned();
    let renamed = MailTemplate { id: dumped.mail_templates[0].id, code: "changed".to_owned(), ..template() };
    let renamed = MailTemplate { subject: "${number}: ${stage}".into(), text: "${subject}".into(), ..renamed };
    store.apply(&Blueprint::new().database(changed.clone()).mail_template(renamed)).unwrap();
    let now = store.notice_mails("orders").unwrap().remove(0);
    assert_eq!(now.before, Some(Condition::equals("stage", "新しい")));
    assert_eq!(now.changed, ["stage", "count", "_approval"]);
    assert_eq!(
        (now.to, now.user_fields, now.template),
        (vec!["${address}".into()], vec!["keeper".into()], "changed".into())
    );
    changed.fields[3].retired = true;
    let error = fixture.refused([changed]);
    assert_eq!(error.code(), Code::DefinitionInUse);
    let error = store.remove_definition(DefinitionKind::MailTemplate, "orders", "changed").unwrap_err();
    assert_eq!(error.code(), Code::DefinitionInUse);

    // Who may not manage the database sees and changes none of it.
    let hanako = store.as_user("hanako").unwrap();
    assert_eq!(hanako.notice_mail_status("orders", "told").unwrap_err().code(), Code::AccessDenied);
    assert!(hanako.blueprint().unwrap().notice_mails.is_empty());
    let error = hanako.apply(&Blueprint::new().notice_mail(good())).unwrap_err();
    assert_eq!(error.code(), Code::AccessDenied);

    store.remove_definition(DefinitionKind::NoticeMail, "orders", "told").unwrap();
    store.remove_definition(DefinitionKind::MailTemplate, "orders", "changed").unwrap();
    assert_eq!(store.notice_mail_status("orders", "told").unwrap_err().code(), Code::DefinitionNotFound);
    fixture.check_file();
}

#[test]
fn changes_wait_until_a_worker_tells_of_them() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    store.apply(&world(server()).notice_mail(notice(NoticeOn::Registered).on(NoticeOn::Deleted))).unwrap();
    let orders = store.records("orders");
    orders.register(&order("1")).unwrap();
    orders.update("1", &Values::new().set("title", "x")).unwrap();
    orders.delete("1").unwrap();
    let status = store.notice_mail_status("orders", "told").unwrap();
    assert_eq!((status.waiting, status.told, status.enabled), (2, 0, true));
    assert_eq!(status.due_at, Some(common::NOW.0));
    fixture.check_file();
    // What is put out of use forgets what waits, and hears nothing.
    let mut quiet = store.notice_mails("orders").unwrap().remove(0);
    quiet.enabled = false;
    store.apply(&Blueprint::new().notice_mail(quiet)).unwrap();
    orders.register(&order("2")).unwrap();
    let status = store.notice_mail_status("orders", "told").unwrap();
    assert_eq!((status.waiting, status.enabled, status.due_at), (0, false, None));
    let kept: i64 = fixture.sqlite().query_row("SELECT count(*) FROM renkei_event", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 0);
}

/// What a started process does; as a test of its own it does nothing.
#[test]
fn child() {
    #[cfg(feature = "mail")]
    if let Some((_, path)) = common_child::task() {
        telling::live_and_die(&path);
    }
}

#[cfg(feature = "mail")]
mod telling {
    use std::collections::HashSet;
    use std::path::Path;
    use std::sync::Arc;
    use std::time::Duration;

    use renkei::{
        DetailRow, ImportMode, ImportRequest, ImportSetting, NetworkPolicy, RecordId, Sending, Store, Worker,
    };

    use super::common_child::{DeadlyClock, kills, number, start};
    use super::common_dice::Dice;
    use super::common_mail::{Server, plain, work};
    use super::*;

    /// Receiver, subject and text.
    fn told(server: &Server, count: usize) -> Vec<(String, String, String)> {
        let text = |json: &serde_json::Value| json.as_str().unwrap_or_default().to_owned();
        let mut mails: Vec<_> = (0..count)
            .map(|_| {
                let mail = server.next();
                assert_eq!(mail["auto"], "auto-generated");
                assert_eq!(mail["rcpt_to"].as_array().unwrap().len(), 1, "everybody gets his own");
                (text(&mail["rcpt_to"][0]), text(&mail["subject"]), text(&mail["text"]))
            })
            .collect();
        server.nothing_more();
        mails.sort();
        mails
    }

    fn set_up(notice: NoticeMail) -> Option<(Server, Fixture)> {
        let server = Server::start(&["plain"])?;
        let fixture = Fixture::new();
        fixture.store.apply(&world(plain(server.port)).notice_mail(notice)).unwrap();
        Some((server, fixture))
    }

    #[test]
    fn every_change_is_told_as_it_was() {
        let all = notice(NoticeOn::Registered).on(NoticeOn::Updated).on(NoticeOn::Deleted);
        let all = all.to("${mail}").to("Desk <desk@example.jp>").user("taro").user("mute").user_field("owner");
        let Some((server, fixture)) = set_up(all) else { return };
        let orders = fixture.store.as_user("hanako").unwrap().records("orders");
        orders.register(&order("A-1").set("mail", "客 <k@example.jp>")).unwrap();
        fixture.clock.advance(Duration::from_secs(3_600));
        orders
            .update("A-1", &Values::new().set("title", "二番目").set("price", "99.5").set("owner", "hanako"))
            .unwrap();
        orders.update("A-1", &Values::new().set("title", "二番目")).unwrap();
        orders.approve("A-1").unwrap();
        orders.delete("A-1").unwrap();
        work(&fixture.store);
        let mails = told(&server, 3 + 4 + 4 + 4);
        let of = |receiver: &str| -> Vec<&(String, String, String)> {
            mails.iter().filter(|mail| mail.0 == format!("{receiver}@example.jp")).collect()
        };
        assert_eq!([of("desk").len(), of("k").len(), of("taro").len(), of("hanako").len()], [4, 4, 4, 3]);
        assert!(mails.iter().all(|mail| mail.1 == "A-1: 新規"), "{mails:#?}");
        let texts: Vec<String> = of("taro").iter().map(|mail| mail.2.replace("\r\n", "\n")).collect();
        let has = |text: &str| texts.iter().filter(|other| other.trim_end() == text.trim_end()).count();
        assert_eq!(has("件名は「最初」です（2026/01/31 09:30:00 hanako）"), 1, "{texts:#?}");
        let second = "件名は「二番目」です（2026/01/31 10:30:00 hanako）";
        assert_eq!(has(second), 1, "{texts:#?}");
        let changes = "件名: 最初 → 二番目\n単価: 100.00 → 99.50\n担当: （なし） → 山田花子\n";
        assert_eq!(has(&format!("{second}\n\n【変更点】\n{changes}")), 1, "{texts:#?}");
        assert_eq!(has(&format!("{second}\n\n【変更点】\n承認: 未承認 → 承認済み\n")), 1, "{texts:#?}");
        let status = fixture.store.notice_mail_status("orders", "told").unwrap();
        assert_eq!((status.waiting, status.told, status.mails, status.failed), (0, 4, 15, 0));
        assert_eq!((status.last_at, status.error), (Some(fixture.store.now().0), None));
        fixture.check_file();
    }

    #[test]
    fn conditions_are_judged_before_and_after() {
        let shipped = notice(NoticeOn::Updated)
            .before(Condition::not_equals("state", "出荷済み").and(Condition::at_least("price", 100)))
            .after(Condition::equals("state", "出荷済み"))
            .changed("state");
        let Some((server, fixture)) = set_up(shipped) else { return };
        let orders = fixture.store.records("orders");
        let update = |number: &str, field: &str, value: &str| {
            orders.update(number, &Values::new().set(field, value)).unwrap();
        };
        for number in ["1", "2", "3"] {
            orders.register(&order(number)).unwrap();
        }
        update("1", "title", "新しい件名");
        update("1", "state", "出荷済み");
        update("1", "title", "またまた");
        update("2", "price", "99.99");
        update("2", "state", "出荷済み");
        update("3", "state", "");
        update("3", "state", "出荷済み");
        update("3", "state", "新規");
        update("3", "state", "出荷済み");
        orders.delete("1").unwrap();
        work(&fixture.store);
        let subjects: Vec<String> = told(&server, 3).into_iter().map(|mail| mail.1).collect();
        assert_eq!(subjects, ["1: 出荷済み", "3: 出荷済み", "3: 出荷済み"]);
        assert_eq!(fixture.store.notice_mail_status("orders", "told").unwrap().told, 3);
    }

    #[test]
    fn detail_rows_and_the_approval_are_watched() {
        let some = Condition::detail(Condition::equals("item", "りんご").and(Condition::at_least("quantity", 10)));
        let watched = notice(NoticeOn::Updated).after(some).changed("quantity").changed("_approval");
        let Some((server, fixture)) = set_up(watched) else { return };
        let orders = fixture.store.records("orders");
        let row = |quantity: i64| DetailRow::new().set("item", "りんご").set("quantity", quantity);
        orders.register(&order("1").row(row(3))).unwrap();
        let id = orders.view("1").unwrap().rows()[0].id();
        let change = |quantity: i64| {
            orders.update("1", &Values::new().row(DetailRow::of(id).set("quantity", quantity))).unwrap();
        };
        change(9);
        change(12);
        orders.update("1", &Values::new().set("title", "x")).unwrap();
        orders.update("1", &Values::new().row(DetailRow::of(id).set("item", "りんご"))).unwrap();
        orders.update("1", &Values::new().row(row(1))).unwrap();
        orders.approve("1").unwrap();
        work(&fixture.store);
        let mails = told(&server, 3);
        let has = |text: &str| mails.iter().filter(|mail| mail.2.contains(text)).count();
        assert_eq!(
            [has("明細: 変更あり（1行 → 1行）"), has("明細: 変更あり（1行 → 2行）"), has("未承認 → 承認済み")],
            [1, 1, 1],
            "{mails:#?}"
        );
    }

    #[test]
    fn a_digest_collects_for_each_receiver() {
        let digest = notice(NoticeOn::Registered).on(NoticeOn::Deleted).to("${mail}").digest_minutes(10);
        let Some((server, fixture)) = set_up(digest) else { return };
        let orders = fixture.store.records("orders");
        orders.register(&order("1").set("mail", "k@example.jp")).unwrap();
        fixture.clock.advance(Duration::from_secs(300));
        orders.register(&order("2")).unwrap();
        orders.delete("1").unwrap();
        fixture.clock.advance(Duration::from_secs(299));
        work(&fixture.store);
        server.nothing_more();
        let status = fixture.store.notice_mail_status("orders", "told").unwrap();
        assert_eq!((status.waiting, status.due_at), (3, Some(common::NOW.0 + 600_000)));
        fixture.clock.advance(Duration::from_secs(1));
        work(&fixture.store);
        let mails = told(&server, 2);
        assert_eq!((mails[0].0.as_str(), mails[0].1.as_str()), ("desk@example.jp", "お知らせ（3件）"));
        let text = mails[0].2.replace("\r\n", "\n");
        for part in [
            "■ 登録 1（2026/01/31 09:30:00 システム）\n件名は「最初」です",
            "\n\n■ 登録 2（2026/01/31 09:35:00 システム）\n",
            "\n\n■ 削除 1（2026/01/31 09:35:00 システム）\n",
        ] {
            assert!(text.contains(part), "{part}{text}");
        }
        // The customer is told of his own order only.
        assert_eq!((mails[1].0.as_str(), mails[1].1.as_str()), ("k@example.jp", "お知らせ（2件）"));
        assert!(!mails[1].2.contains("登録 2"), "{}", mails[1].2);
        // A single change looks like itself.
        orders.register(&order("3")).unwrap();
        fixture.clock.advance(Duration::from_secs(600));
        work(&fixture.store);
        assert_eq!(told(&server, 1)[0].1, "3: 新規");
    }

    fn import(fixture: &Fixture, csv: &str) -> i64 {
        let setting = ImportSetting::new("orders", "daily", "日次の取込").mode(ImportMode::Upsert).column("number");
        fixture.store.apply(&Blueprint::new().import(setting.column("title"))).unwrap();
        let upload = fixture.store.upload("in.csv", csv.as_bytes()).unwrap();
        let id = fixture.store.reserve_import(&ImportRequest::upload("orders", "daily", upload.id)).unwrap().process_id;
        work(&fixture.store);
        id
    }

    #[test]
    fn an_import_is_one_mail_unless_more_is_asked_for() {
        let one = notice(NoticeOn::Registered).on(NoticeOn::Updated).to("${mail}").to("boss@example.jp").user("taro");
        let Some((server, fixture)) = set_up(one.clone()) else { return };
        fixture.store.records("orders").register(&order("1")).unwrap();
        work(&fixture.store);
        told(&server, 3);
        let id = import(&fixture, "番号,件名\n1,変更\n2,b\n3,c\n,\n");
        let mails = told(&server, 3);
        let receivers: Vec<&str> = mails.iter().map(|mail| mail.0.as_str()).collect();
        assert_eq!(receivers, ["boss@example.jp", "desk@example.jp", "taro@example.jp"]);
        for mail in &mails {
            assert_eq!(mail.1, "お知らせ: インポート「日次の取込」（登録2件、更新1件）");
            let text = mail.2.replace("\r\n", "\n");
            let lines =
                format!("データベース: 受注\nインポート: 日次の取込\n処理ID: {id}\n状況: 完了\n登録: 2 件\n更新: 1 件");
            assert_eq!(text.trim_end(), lines);
        }
        // Nothing came of it: nothing is told.
        import(&fixture, "番号,件名\n1,変更\n");
        server.nothing_more();
        let id = fixture.store.notice_mails("orders").unwrap()[0].id;
        fixture.store.apply(&Blueprint::new().notice_mail(NoticeMail { id, ..one.each_of_import() })).unwrap();
        import(&fixture, "番号,件名\n1,また\n8,h\n9,i\n");
        let mut subjects: Vec<String> = told(&server, 9).into_iter().map(|mail| mail.1).collect();
        subjects.dedup();
        subjects.sort();
        subjects.dedup();
        assert_eq!(subjects, ["1: 新規", "8: ", "9: "]);
        fixture.check_file();
    }

    #[test]
    fn what_cannot_be_told_keeps_nothing_else_from_being_told() {
        let Some((server, fixture)) = set_up(notice(NoticeOn::Registered).to("${mail}")) else { return };
        let orders = fixture.store.records("orders");
        orders.register(&order("1").set("mail", "no address")).unwrap();
        orders.register(&order("2").set("mail", "k@example.jp")).unwrap();
        work(&fixture.store);
        told(&server, 3);
        let status = fixture.store.notice_mail_status("orders", "told").unwrap();
        assert_eq!((status.waiting, status.mails, status.failed), (0, 3, 1));
        assert_eq!(status.error.unwrap().code, "mail.invalid");
    }

    const LOOKS: &str = "RENKEI_TEST_LOOKS";

    fn network() -> NetworkPolicy {
        NetworkPolicy::new().allow("127.0.0.0/8").unwrap()
    }

    /// Changes records and tells of it, until the clock ends the process.
    pub fn live_and_die(path: &Path) {
        let mut options = Store::options();
        options.clock(Arc::new(DeadlyClock::new(number(LOOKS).unwrap())));
        let store = options.open(path).unwrap();
        let worker = Worker::new(&store).network(network());
        let mut dice = Dice::new(number(LOOKS).unwrap());
        for round in 0..10_000 {
            let orders = store.records("orders");
            let saved = orders.register(&order(&format!("{}-{round}", std::process::id()))).unwrap();
            if dice.roll(2) == 0 {
                orders.update(RecordId(saved.id), &Values::new().set("title", "更新")).unwrap();
            }
            while dice.roll(4) > 0 && worker.run_once().unwrap() {}
        }
    }

    #[test]
    fn each_change_is_told_once_whatever_dies() {
        let Some(server) = Server::start(&["plain"]) else { return };
        let fixture = Fixture::new();
        let fast = MailServer { sending: Sending::default(), ..plain(server.port) };
        let told = notice(NoticeOn::Registered).on(NoticeOn::Updated);
        fixture.store.apply(&world(fast).notice_mail(told)).unwrap();
        let mut dice = Dice::new(7);
        for _ in 0..kills(40) {
            let looks = 20 + dice.roll(300);
            let mut child = start("tell", &fixture.path(), &[(LOOKS, looks.to_string())]);
            assert!(!child.wait().unwrap().success());
        }
        let store = Store::open(fixture.path()).unwrap();
        let changes: i64 =
            fixture.sqlite().query_row("SELECT sum(_revision) FROM orders", [], |row| row.get(0)).unwrap();
        let mut rounds = 0;
        while store.notice_mail_status("orders", "told").unwrap().waiting > 0 || rounds < 3 {
            Worker::new(&store).network(network()).run_until_idle().unwrap();
            rounds += 1;
        }
        let status = store.notice_mail_status("orders", "told").unwrap();
        assert_eq!((status.told as i64, status.mails as i64, status.failed, status.missed), (changes, changes, 0, 0));
        assert!(changes > 40, "{changes}");
        // A sender that dies may send the same mail twice, but every change has one.
        let ids: i64 =
            fixture.sqlite().query_row("SELECT count(*) FROM renkei_delivery", [], |row| row.get(0)).unwrap();
        assert_eq!(ids, changes);
        let mut seen = HashSet::new();
        while seen.len() < usize::try_from(changes).unwrap() {
            seen.insert(server.next()["message_id"].as_str().unwrap().to_owned());
        }
        fixture.check_file();
    }
}
