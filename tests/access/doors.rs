//! Rights at every door.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::time::Duration;

use renkei::{
    AccessSettings, Aggregation, AuditQuery, Blueprint, Code, Condition, CsvPush, Database, DefinitionKind,
    DeliveryFilter, Error, Export, Field, FieldKind, Function, HttpSend, HttpSendRequest, ImportRequest, ImportSetting,
    JobState, Kind, List, Mail, MailTemplate, MenuEntry, NewDelivery, NewToken, PushRequest, Query, Right, Rights,
    Search, Selector, Sort, Store, Target, User, Values, Worker,
};

use crate::common::{Fixture, only};
use crate::fixture::{
    CSV, branches, csv_push, fresh, http_send, list, mark, marking, new_key, office, office_mail, orders, push, pushed,
    range, sent, set_user, taro, thanks, waiting, with_rights,
};

/// One call, on a handle of a user; the host may prepare it.
struct Call {
    name: &'static str,
    needs: Rights,
    run: fn(&Store, &Store) -> Result<(), Error>,
}

fn calls() -> Vec<Call> {
    let mut calls = Vec::new();
    let mut add = |needs: Rights, name, run| calls.push(Call { name, needs, run });
    let view = Rights::from(Right::View);
    add(view, "view", |user, _| user.records("orders").view("1").map(drop));
    add(view, "find", |user, _| user.records("orders").find("1").map(drop));
    add(view, "records.query", |user, _| user.records("orders").query(&Query::new()).map(drop));
    add(view, "query", |user, _| user.query("orders", &Query::new()).map(drop));
    add(view, "count", |user, _| user.count("orders", None).map(drop));
    add(view, "rows", |user, _| user.rows("orders", &["number"], &Query::new(), |_| Ok(true)));
    add(view, "aggregate", |user, _| user.aggregate("orders", &Aggregation::new().count()).map(drop));

    let register = Rights::from(Right::Register);
    add(register, "register", |user, _| user.records("orders").register(&new_key()).map(drop));
    add(register, "register_all", |user, _| {
        user.records("orders").register_all(&[new_key()], &Default::default()).map(drop)
    });
    add(register, "transaction.register", |user, _| {
        user.transaction(|t| t.register("orders", &new_key(), &Default::default())).map(drop)
    });

    let update = Rights::from(Right::Update);
    add(update, "update", |user, host| {
        user.records("orders").update(fresh(host).as_str(), &Values::new().set("title", "新")).map(drop)
    });
    add(update, "update_all", |user, host| {
        let all = [(Selector::from(fresh(host).as_str()), Values::new().set("title", "新"))];
        user.records("orders").update_all(&all, &Default::default()).map(drop)
    });
    add(update, "transaction.update", |user, host| {
        let key = fresh(host);
        user.transaction(|t| t.update("orders", key.as_str(), &Values::new(), &Default::default())).map(drop)
    });
    add(update, "approve", |user, host| user.records("orders").approve(fresh(host).as_str()).map(drop));
    add(update, "withdraw_approval", |user, host| {
        user.records("orders").withdraw_approval(fresh(host).as_str()).map(drop)
    });

    let both = Rights::from([Right::Register, Right::Update]);
    add(both, "upsert", |user, _| user.records("orders").upsert(&new_key()).map(drop));
    add(both, "transaction.upsert", |user, _| {
        user.transaction(|t| t.upsert("orders", &new_key(), &Default::default())).map(drop)
    });

    let delete = Rights::from(Right::Delete);
    add(delete, "delete", |user, host| user.records("orders").delete(fresh(host).as_str()).map(drop));
    add(delete, "delete_all", |user, host| {
        user.records("orders").delete_all(&[Selector::from(fresh(host).as_str())]).map(drop)
    });
    add(delete, "transaction.delete", |user, host| {
        let key = fresh(host);
        user.transaction(|t| t.delete("orders", key.as_str(), None)).map(drop)
    });

    let import = Rights::from(Right::Import);
    add(import, "upload", |user, _| user.upload("a.csv", CSV.as_bytes()).map(drop));
    add(import, "reserve_import", |user, host| {
        let path = host.path().with_file_name("a.csv");
        std::fs::write(&path, CSV).unwrap();
        user.reserve_import(&ImportRequest::path("orders", "daily", path)).map(drop)
    });
    add(import, "import_status", |user, host| user.import_status(waiting(host)).map(drop));
    add(import, "wait_import", |user, host| user.wait_import(waiting(host), Duration::ZERO).map(drop));
    add(import, "cancel_import", |user, host| user.cancel_import(waiting(host)));
    add(import, "rejects", |user, host| user.rejects(waiting(host), 0, 1).map(drop));
    add(import, "write_rejects", |user, host| user.write_rejects(waiting(host), std::io::sink()).map(drop));

    let send = Rights::from([Right::View, Right::Export]);
    add(send, "push", |user, _| user.push(&push()).map(drop));
    add(send, "push_run", |user, host| user.push_run(pushed(host)).map(drop));
    add(send, "wait_push", |user, host| user.wait_push(pushed(host), Duration::ZERO).map(drop));
    add(send, "cancel_push", |user, host| user.cancel_push(pushed(host)));
    add(send, "http_send", |user, _| user.http_send(&sent()).map(drop));
    add(send, "http_send_run", |user, host| user.http_send_run(host.http_send(&sent())?.run_id).map(drop));
    add(send, "wait_http_send", |user, host| {
        user.wait_http_send(host.http_send(&sent())?.run_id, Duration::ZERO).map(drop)
    });
    add(send, "cancel_http_send", |user, host| user.cancel_http_send(host.http_send(&sent())?.run_id).map(drop));
    add(send, "send_mail_about", |user, _| match user.send_mail_about("orders", "thanks", "1") {
        // Without the feature `mail` it comes as far as this.
        Err(error) if error.code() == Code::MailFeature => Ok(()),
        result => result.map(drop),
    });

    add(view, "automation_run", |user, host| user.automation_run(host.start_automation(&marking())?.run_id).map(drop));
    add(view, "wait_automation", |user, host| {
        user.wait_automation(host.start_automation(&marking())?.run_id, Duration::ZERO).map(drop)
    });
    add(view, "automation_entries", |user, host| {
        user.automation_entries(host.start_automation(&marking())?.run_id, None, 1).map(drop)
    });
    let change = Rights::from([Right::View, Right::Update]);
    add(change, "start_automation", |user, _| user.start_automation(&marking()).map(drop));
    add(change, "plan_automation", |user, _| user.plan_automation(&marking()).map(drop));
    add(change, "cancel_automation", |user, host| user.cancel_automation(host.start_automation(&marking())?.run_id));

    let export = Rights::from(Right::Export);
    add(export, "export", |user, _| user.export(&Export::of("orders"), std::io::sink()).map(drop));
    add(export, "export of a list", |user, _| {
        user.export(&Export::of("orders").list("all").search("some"), std::io::sink()).map(drop)
    });
    add(export, "export_to_path", |user, host| {
        user.export_to_path(&Export::of("orders"), host.path().with_file_name("out.csv")).map(drop)
    });
    add(export, "export_with_progress", |user, _| {
        user.export_with_progress(&Export::of("orders"), std::io::sink(), |_| true).map(drop)
    });

    let manage = Rights::from(Right::Manage);
    add(manage, "apply a list", |user, _| user.apply(&Blueprint::new().list(list())).map(drop));
    add(manage, "plan a list", |user, _| user.plan(&Blueprint::new().list(list())).map(drop));
    add(manage, "apply a search", |user, _| {
        let search = Search::new("orders", "some", "一部", Condition::equals("title", "箱"));
        user.apply(&Blueprint::new().search(search)).map(drop)
    });
    add(manage, "apply an import setting", |user, _| {
        let setting = ImportSetting::new("orders", "daily", "日次").column("number").column("title");
        user.apply(&Blueprint::new().import(setting)).map(drop)
    });
    add(manage, "apply a CSV push", |user, _| user.apply(&Blueprint::new().csv_push(csv_push())).map(drop));
    add(manage, "apply an http send", |user, _| user.apply(&Blueprint::new().http_send(http_send())).map(drop));
    add(manage, "apply a mail template", |user, _| user.apply(&Blueprint::new().mail_template(thanks())).map(drop));
    add(manage, "apply an automation", |user, _| user.apply(&Blueprint::new().automation(mark())).map(drop));
    add(manage, "remove_definition of what is sent", |user, host| {
        let gone = HttpSend { code: "gone".into(), ..http_send() };
        host.apply(&Blueprint::new().http_send(gone)).unwrap();
        user.remove_definition(DefinitionKind::HttpSend, "orders", "gone")
    });
    add(manage, "remove_definition", |user, host| {
        host.apply(&Blueprint::new().list(List::new("orders", "gone", "消").column("number"))).unwrap();
        user.remove_definition(DefinitionKind::List, "orders", "gone")
    });
    calls
}

#[test]
fn every_door_asks_for_its_right_and_for_no_other() {
    let fixture = office();
    let host = &fixture.store;
    for Call { name, needs, run } in calls() {
        let user = with_rights(host, needs);
        run(&user, host).unwrap_or_else(|error| panic!("{name} with {needs:?}: {error}"));
        for missing in needs.iter() {
            let others: Rights = Right::ALL.into_iter().filter(|right| *right != missing).collect();
            let user = with_rights(host, others);
            let error = run(&user, host).expect_err(name);
            assert_eq!((error.code(), error.kind()), (Code::AccessDenied, Kind::Denied), "{name}: {error}");
            let told = error.to_string();
            assert!(told.contains("taro@example.com") && told.contains(missing.as_str()), "{name}: {told}");
            assert!(name == "upload" || told.contains("orders"), "{name}: {told}");
        }
        // Rights that hold everywhere, rights of an administrator, and none.
        set_user(host, taro().allow_everywhere(needs));
        run(&host.as_user("taro@example.com").unwrap(), host).unwrap();
        set_user(host, taro().administrator());
        run(&host.as_user("taro@example.com").unwrap(), host).unwrap();
        set_user(host, taro().allow("branches", Rights::ALL));
        let other = run(&host.as_user("taro@example.com").unwrap(), host);
        assert!(name == "upload" || other.unwrap_err().code() == Code::AccessDenied, "{name}");
        set_user(host, taro());
        let user = host.as_user("taro@example.com").unwrap();
        assert_eq!(run(&user, host).unwrap_err().code(), Code::AccessDenied, "{name}");
        // A handle that is open already follows.
        set_user(host, User { active: false, ..taro().administrator() });
        let error = run(&user, host).unwrap_err();
        assert_eq!(error.code(), Code::UserInactive, "{name}: {error}");
        assert_eq!(host.as_user("taro@example.com").unwrap_err().code(), Code::UserInactive);
        set_user(host, taro());
    }
}

/// What fails only where it would fail for the host too.
fn passed(result: Result<(), Error>, code: Code) -> Result<(), Error> {
    match result {
        Err(error) if error.code() == code => Ok(()),
        result => result,
    }
}

#[test]
fn what_concerns_the_whole_store_is_for_administrators() {
    let fixture = office();
    let host = &fixture.store;
    type Act = fn(&Store) -> Result<(), Error>;
    let acts: [(&str, Act); 34] = [
        ("users", |user| user.users().map(drop)),
        ("tokens", |user| user.tokens().map(drop)),
        ("issue_token", |user| user.issue_token(&NewToken::of("taro@example.com")).map(drop)),
        ("revoke_token", |user| match user.revoke_token(1).unwrap_err() {
            error if error.code() == Code::TokenNotFound => Ok(()),
            error => Err(error),
        }),
        ("audit", |user| user.audit(&AuditQuery::new()).map(drop)),
        ("apply a target", |user| user.apply(&Blueprint::new().target(Target::new("core", "基幹"))).map(drop)),
        ("apply a mail server", |user| user.apply(&Blueprint::new().mail_server(office_mail())).map(drop)),
        ("remove a target", |user| {
            passed(user.remove_definition(DefinitionKind::Target, "", "none"), Code::DefinitionNotFound)
        }),
        ("remove a mail server", |user| {
            passed(user.remove_definition(DefinitionKind::MailServer, "", "office"), Code::DefinitionInUse)
        }),
        ("mail_servers", |user| user.mail_servers().map(drop)),
        ("targets", |user| user.targets().map(drop)),
        ("enable_target", |user| passed(user.enable_target("none"), Code::TargetNotFound)),
        ("disable_target", |user| passed(user.disable_target("none", "保守"), Code::TargetNotFound)),
        ("put_secret", |user| passed(user.put_secret("key", "value"), Code::SecretKey)),
        ("remove_secret", |user| passed(user.remove_secret("key"), Code::SecretNotFound)),
        ("secret_names", |user| user.secret_names().map(drop)),
        ("deliver", |user| user.deliver(&NewDelivery::post("https://core.example/")).map(drop)),
        ("transaction.deliver", |user| {
            user.transaction(|t| t.deliver(&NewDelivery::post("https://core.example/"))).map(drop)
        }),
        ("deliveries", |user| user.deliveries(&DeliveryFilter::new(), None, 1).map(drop)),
        ("delivery", |user| passed(user.delivery(1).map(drop), Code::DeliveryNotFound)),
        ("attempts", |user| passed(user.attempts(1).map(drop), Code::DeliveryNotFound)),
        ("wait_delivery", |user| passed(user.wait_delivery(1, Duration::ZERO).map(drop), Code::DeliveryNotFound)),
        ("delivery_metrics", |user| user.delivery_metrics().map(drop)),
        ("cancel_delivery", |user| passed(user.cancel_delivery(1), Code::DeliveryNotFound)),
        ("replay_delivery", |user| passed(user.replay_delivery(1), Code::DeliveryNotFound)),
        ("replay_failed", |user| user.replay_failed(&DeliveryFilter::new()).map(drop)),
        ("send_mail", |user| match user.send_mail(&Mail::new("office", "件名").to("a@example.com")) {
            Err(error) if error.code() == Code::MailFeature => Ok(()),
            result => result.map(drop),
        }),
        ("reseal_secrets", |user| passed(user.reseal_secrets([1; 32]), Code::SecretKey)),
        ("access", |user| user.access().map(drop)),
        ("as_user", |user| user.as_user("taro@example.com").map(drop)),
        ("apply access", |user| user.apply(&Blueprint::new().access(AccessSettings::default())).map(drop)),
        ("plan a user", |user| user.plan(&Blueprint::new().user(User::new("boss", "長").administrator())).map(drop)),
        ("apply a user", |user| user.apply(&Blueprint::new().user(taro().administrator())).map(drop)),
        ("a new database", |user| {
            user.plan(&Blueprint::new().database(Database::new("n", "N").field(Field::key("k", "K")))).map(drop)
        }),
    ];
    for (name, act) in acts {
        set_user(host, taro().allow_everywhere(Rights::ALL));
        let user = host.as_user("taro@example.com").unwrap();
        let error = act(&user).expect_err(name);
        assert_eq!((error.code(), error.kind()), (Code::AdministratorOnly, Kind::Denied), "{name}: {error}");
        set_user(host, taro().administrator());
        act(&user).unwrap_or_else(|error| panic!("{name}: {error}"));
        act(host).unwrap();
    }
}

#[test]
fn definitions_are_shown_to_whom_they_concern() {
    let fixture = office();
    let host = &fixture.store;
    type Act = fn(&Store) -> Result<(), Error>;
    let acts: [Act; 8] = [
        |user| user.csv_pushes("orders").map(drop),
        |user| user.http_sends("orders").map(drop),
        |user| user.database("orders").map(drop),
        |user| user.lists("orders").map(drop),
        |user| user.list("orders", "all").map(drop),
        |user| user.searches("orders").map(drop),
        |user| user.search("orders", "some").map(drop),
        |user| user.import_settings("orders").map(drop),
    ];
    for act in acts {
        for right in Right::ALL {
            act(&with_rights(host, right.into())).unwrap();
        }
        set_user(host, taro().allow("branches", Rights::ALL));
        assert_eq!(act(&host.as_user("taro@example.com").unwrap()).unwrap_err().code(), Code::AccessDenied);
    }
    // The document of all definitions: what he may manage.
    let user = with_rights(host, Right::Manage.into());
    let shown = user.blueprint().unwrap();
    assert_eq!(shown.databases.iter().map(|database| database.code.as_str()).collect::<Vec<_>>(), ["orders"]);
    assert_eq!((shown.users.len(), shown.lists.len(), shown.searches.len(), shown.imports.len()), (0, 2, 1, 1));
    assert_eq!((shown.csv_pushes.len(), shown.http_sends.len(), shown.mail_templates.len()), (1, 1, 1));
    assert_eq!((shown.targets.len(), shown.mail_servers.len()), (0, 0));
    let user = with_rights(host, Right::View.into());
    assert_eq!(user.blueprint().unwrap(), Blueprint::new());
    // Imports: those into databases in which he may import.
    waiting(host);
    assert_eq!(user.imports(10).unwrap(), []);
    assert_eq!(with_rights(host, Right::Import.into()).imports(10).unwrap().len(), 1);
    assert_eq!(host.imports(10).unwrap().len(), 1);
    // And what was sent: that of databases whose records he may send.
    pushed(host);
    host.http_send(&sent()).unwrap();
    for (rights, seen) in [(Right::Export.into(), 0), (Rights::from([Right::View, Right::Export]), 1)] {
        let user = with_rights(host, rights);
        assert_eq!((user.push_runs(None, 9).unwrap().len(), user.http_send_runs(9).unwrap().len()), (seen, seen));
    }
    // What a screen asks.
    let user = with_rights(host, Rights::from([Right::View, Right::Export]));
    assert!(user.may("orders", Right::Export).unwrap() && !user.may("orders", Right::Delete).unwrap());
    assert!(!user.may("branches", Right::View).unwrap() && host.may("branches", Right::Manage).unwrap());
    assert_eq!(user.may("nothing", Right::View).unwrap_err().code(), Code::DatabaseNotFound);
    assert_eq!(user.acting_user().unwrap().unwrap().name, "太郎");
    assert_eq!(host.acting_user().unwrap(), None);
}

#[test]
fn no_path_leads_into_a_database_that_is_not_seen() {
    let fixture = office();
    let host = &fixture.store;
    type Act = fn(&Store, &str) -> Result<(), Error>;
    let paths: [Act; 7] = [
        |user, path| user.query("orders", &Query::new().filter(Condition::starts_with(path, "金"))).map(drop),
        |user, path| user.query("orders", &Query::new().sort(Sort::ascending(path))).map(drop),
        |user, path| user.count("orders", Some(&Condition::equals(path, "金庫は地下"))).map(drop),
        |user, path| user.rows("orders", &[path], &Query::new(), |_| Ok(true)),
        |user, path| user.aggregate("orders", &Aggregation::new().group_by(path)).map(drop),
        |user, path| user.aggregate("orders", &Aggregation::new().measure(Function::Max, path)).map(drop),
        |user, path| user.export(&Export::of("orders").columns([path]), std::io::sink()).map(drop),
    ];
    let both = Rights::from([Right::View, Right::Export]);
    for act in paths {
        let user = with_rights(host, both);
        for path in ["branch.secret", "支店.内緒", "branch._id"] {
            let error = act(&user, path).unwrap_err();
            assert_eq!(error.code(), Code::AccessDenied, "{error}");
            assert!(error.to_string().contains("branches"), "{error}");
        }
        set_user(host, taro().allow("orders", both).allow("branches", Right::View));
        act(&user, "branch.secret").unwrap();
        // What the definition shows of the linked record is seen with the record.
        act(&with_rights(host, both), "branch_name").unwrap();
        act(&user, "branch").unwrap();
        act(host, "branch.secret").unwrap();
    }
    let record = with_rights(host, both).records("orders").view("1").unwrap();
    assert_eq!((record.text("branch"), record.text("branch_name")), ("1".to_owned(), "本店".to_owned()));
    // A saved list or search that others made is no way round.
    host.apply(&Blueprint::new().list(List::new("orders", "deep", "深い").column("branch.secret"))).unwrap();
    let deep = Search::new("orders", "deep", "深い", Condition::equals("branch.secret", "金庫は地下"));
    host.apply(&Blueprint::new().search(deep)).unwrap();
    let deep_push = PushRequest::new("orders", "deep_menu", "core");
    let deep_send = HttpSendRequest::button("orders", "deep_menu", "deep", "1");
    let url = "https://sms.example/?q=${branch.secret}";
    let send = HttpSend { code: "deep".into(), url: url.into(), ..http_send() };
    let menu = List::new("orders", "deep_menu", "深い").column("branch.secret");
    let menu = menu.sub_menu(MenuEntry::CsvPush("core".into())).button(MenuEntry::HttpSend("deep".into()));
    let mail = MailTemplate { code: "deep".into(), ..thanks().text("${branch.secret}") };
    host.apply(&Blueprint::new().http_send(send).list(menu).mail_template(mail)).unwrap();
    let user = with_rights(host, both);
    assert_eq!(user.push(&deep_push).unwrap_err().code(), Code::AccessDenied);
    let guess = push().filter(Condition::equals("branch.secret", "金庫は地下"));
    assert_eq!(user.push(&guess).unwrap_err().code(), Code::AccessDenied);
    assert_eq!(user.http_send(&deep_send).unwrap_err().code(), Code::AccessDenied);
    assert_eq!(user.send_mail_about("orders", "deep", "1").unwrap_err().code(), Code::AccessDenied);
    assert_eq!(host.deliveries(&DeliveryFilter::new(), None, 9).unwrap(), []);
    host.push(&deep_push).unwrap();
    host.http_send(&deep_send).unwrap();
    let user = with_rights(host, both);
    for export in [Export::of("orders").list("deep"), Export::of("orders").search("deep")] {
        assert_eq!(user.export(&export, std::io::sink()).unwrap_err().code(), Code::AccessDenied);
    }
}

/// What a token of one user names is not shown to another who may not see it.
#[test]
fn a_token_of_another_run_opens_no_door() {
    let fixture = office();
    let host = &fixture.store;
    host.push(&push().token("t")).unwrap();
    host.http_send(&sent().token("t")).unwrap();
    let entry = MenuEntry::CsvPush("core".into());
    let theirs = List::new("branches", "sendable", "全件").column("code").sub_menu(entry);
    let theirs = theirs.button(MenuEntry::HttpSend("sms".into()));
    let of_branches = Blueprint::new()
        .csv_push(CsvPush::new("branches", "core", "基幹へ", "https://core.example/"))
        .http_send(HttpSend::new("branches", "sms", "SMS送信", "https://sms.example/"))
        .list(theirs);
    host.apply(&of_branches).unwrap();
    set_user(host, taro().allow("branches", [Right::View, Right::Export]));
    let user = host.as_user("taro@example.com").unwrap();
    let asked = PushRequest::new("branches", "sendable", "core").token("t");
    assert_eq!(user.push(&asked).unwrap_err().code(), Code::AccessDenied);
    let asked = HttpSendRequest::button("branches", "sendable", "sms", "1").token("t");
    assert_eq!(user.http_send(&asked).unwrap_err().code(), Code::AccessDenied);
}

#[test]
fn the_audit_log_tells_who_changed_what_is_sent() {
    let fixture = Fixture::with(|options| {
        options.secret_key([7; 32]);
    });
    let host = &fixture.store;
    fixture.apply([branches(), orders()]);
    set_user(host, taro().administrator());
    let boss = host.as_user("taro@example.com").unwrap();
    boss.apply(&Blueprint::new().target(Target::new("core", "基幹")).csv_push(csv_push())).unwrap();
    boss.deliver(&NewDelivery::post("https://core.example/")).unwrap();
    boss.disable_target("https://core.example:443", "保守").unwrap();
    boss.put_secret("key", "a secret value").unwrap();
    boss.remove_definition(DefinitionKind::CsvPush, "orders", "core").unwrap();
    boss.remove_definition(DefinitionKind::Target, "", "core").unwrap();
    let lines = boss.audit(&AuditQuery::new().user("taro@example.com")).unwrap().lines;
    let told: Vec<(&str, &str)> = lines.iter().map(|line| (line.action.as_str(), line.subject.as_str())).collect();
    let wanted = [
        ("definitions.remove", "target core"),
        ("definitions.remove", "csv_push core"),
        ("secret.put", "key"),
        ("target.disable", "https://core.example:443"),
        ("definitions.apply", "target core: new; csv_push core: new"),
    ];
    assert_eq!(told, wanted);
}

#[test]
fn who_manages_one_database_gets_at_no_other() {
    let fixture = office();
    let host = &fixture.store;
    set_user(host, taro().allow("orders", Rights::ALL));
    let user = host.as_user("taro@example.com").unwrap();
    // A reference field would show what he may not see.
    let spying = || Blueprint::new().database(orders().field(Field::reference("s", "S", "branch", "secret")));
    assert_eq!(user.apply(&spying()).unwrap_err().code(), Code::AccessDenied);
    assert!(host.database("orders").unwrap().fields.iter().all(|field| field.code != "s"));
    // His own id or the id of another database does not help.
    let id = host.database("branches").unwrap().id;
    let stolen = Database { id, ..Database::new("mine", "私").field(Field::key("code", "コード")) };
    assert_eq!(user.apply(&Blueprint::new().database(stolen)).unwrap_err().code(), Code::AccessDenied);
    let theirs = List::new("branches", "all", "全支店").column("code");
    host.apply(&Blueprint::new().list(theirs.clone())).unwrap();
    assert_eq!(user.apply(&Blueprint::new().list(theirs)).unwrap_err().code(), Code::AccessDenied);
    let taken = List { id: host.list("branches", "all").unwrap().id, ..List::new("orders", "x", "X").column("number") };
    assert_eq!(user.apply(&Blueprint::new().list(taken.clone())).unwrap_err().code(), Code::DefinitionInvalid);
    assert_eq!(host.apply(&Blueprint::new().list(taken)).unwrap_err().code(), Code::DefinitionInvalid);
    assert_eq!(host.lists("branches").unwrap()[0].columns[0].field, "code");
    // With the right to see it he may link to it.
    set_user(host, taro().allow("orders", Rights::ALL).allow("branches", Right::View));
    user.apply(&spying()).unwrap();
}

#[test]
fn files_and_uploads_are_used_by_who_brought_them() {
    let fixture = office();
    let host = &fixture.store;
    let all = Rights::ALL;
    let people = Blueprint::new()
        .user(User::new("a", "A").allow("orders", all))
        .user(User::new("b", "B").allow("orders", all))
        .user(User::new("c", "C").allow("branches", all))
        .user(User::new("boss", "長").administrator());
    host.apply(&people).unwrap();
    let [a, b, c, boss] = ["a", "b", "c", "boss"].map(|code| host.as_user(code).unwrap());

    let upload = a.upload("a.csv", CSV.as_bytes()).unwrap().id;
    let request = ImportRequest::upload("orders", "daily", upload);
    assert_eq!(b.reserve_import(&request).unwrap_err().code(), Code::UploadExpired);
    boss.cancel_import(boss.reserve_import(&request).unwrap().process_id).unwrap();
    let done = a.reserve_import(&request).unwrap().process_id;
    Worker::new(&a).run_until_idle().unwrap();
    assert_eq!(host.import_status(done).unwrap().counts.inserted, 1);
    assert_eq!(host.records("orders").view("900").unwrap().created_by(), Some("a"));

    let file = a.put_file("a.txt", &b"paper"[..]).unwrap().id;
    assert_eq!(b.file(file).unwrap_err().code(), Code::FileNotFound);
    assert_eq!(b.read_file(file).err().unwrap().code(), Code::FileNotFound);
    let values = Values::new().set("number", "50").set("paper", file);
    let refused = b.records("orders").register(&values).unwrap_err();
    assert_eq!(only(&refused).code(), Code::FileUnknown);
    assert!(boss.file(file).is_ok() && host.file(file).is_ok());
    a.records("orders").register(&values).unwrap();
    // Attached, it is seen by whoever sees the record.
    let mut text = String::new();
    b.read_file(file).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "paper");
    assert_eq!(c.file(file).unwrap_err().code(), Code::AccessDenied);
    // To store a file takes the right to write some record.
    set_user(host, User::new("c", "C").allow("branches", Rights::from([Right::View, Right::Delete, Right::Manage])));
    assert_eq!(c.put_file("c.txt", &b"x"[..]).unwrap_err().code(), Code::AccessDenied);
    set_user(host, User::new("c", "C").allow("branches", Right::Update));
    c.put_file("c.txt", &b"x"[..]).unwrap();
}

#[test]
fn an_import_is_not_run_for_who_lost_the_right() {
    let fixture = office();
    let host = &fixture.store;
    for (then, code) in [(taro(), Code::AccessDenied), (User { active: false, ..taro() }, Code::UserInactive)] {
        let user = with_rights(host, Right::Import.into());
        let upload = user.upload("a.csv", CSV.as_bytes()).unwrap().id;
        let id = user.reserve_import(&ImportRequest::upload("orders", "daily", upload)).unwrap().process_id;
        set_user(host, then);
        Worker::new(host).run_until_idle().unwrap();
        let status = host.import_status(id).unwrap();
        assert_eq!((status.state, status.error.unwrap().code.as_str()), (JobState::Failed, code.as_str()));
        assert_eq!(status.counts.inserted, 0);
    }
}

#[test]
fn users_and_settings_go_through_the_blueprint() {
    let fixture = office();
    let host = &fixture.store;
    let document = Blueprint::from_json(
        r#"{
            "access": {"calls_per_minute": null, "addresses": ["192.0.2.0/24"], "trusted_proxies": ["127.0.0.1"]},
            "users": [
                {"code": "shop@example.com", "name": "EC連携",
                 "rights": {"orders": ["view", "register"], "*": ["export"]},
                 "calls_per_minute": 60, "addresses": ["2001:db8::/32", "203.0.113.9"]},
                {"code": "0012", "name": "番号の人", "active": false, "administrator": true}
            ]
        }"#,
    )
    .unwrap();
    let planned = host.plan(&document).unwrap();
    let changes = host.apply(&document).unwrap();
    assert_eq!(changes.len(), 3);
    assert_eq!(planned, changes);
    assert_eq!(host.apply(&document).unwrap(), []);
    let kept = host.blueprint().unwrap();
    assert_eq!(kept.access, document.access);
    assert_eq!(host.access().unwrap().audit_days, 400);
    let without_ids: Vec<User> = kept.users.iter().map(|user| User { id: None, ..user.clone() }).collect();
    assert_eq!(without_ids, document.users);
    assert_eq!(host.apply(&Blueprint::from_json(&kept.to_json()).unwrap()).unwrap(), []);
    assert!(!kept.to_json().contains("token"));

    // Rights are those in a database, whatever it is called.
    let renamed = Database { code: "sales".to_owned(), ..host.database("orders").unwrap() };
    host.apply(&Blueprint::new().database(renamed)).unwrap();
    let shop = host.users().unwrap().into_iter().find(|user| user.code == "shop@example.com").unwrap();
    let expected: BTreeMap<String, Rights> =
        [("*".to_owned(), Right::Export.into()), ("sales".to_owned(), Rights::from([Right::View, Right::Register]))]
            .into();
    assert_eq!(shop.rights, expected);
    let user = host.as_user("shop@example.com").unwrap();
    user.records("sales").view("1").unwrap();
    assert_eq!(user.records("branches").view("1").unwrap_err().code(), Code::AccessDenied);

    // What is not acceptable, and changes nothing.
    for (user, part) in [
        (User::new("a b", "A"), "a b"),
        (User::new("@a", "A"), "@a"),
        (User::new("Shop@Example.com", "A"), "shop@example.com"),
        (User::new("a", " "), "empty name"),
        (User::new("a", "A").allow("nothing", Right::View), "nothing"),
        (User { calls_per_minute: Some(1_000_001), ..User::new("a", "A") }, "1000001"),
        (User { addresses: vec![range("192.0.2.1"); 1_001], ..User::new("a", "A") }, "1000"),
    ] {
        let error = host.apply(&Blueprint::new().user(user)).unwrap_err();
        assert_eq!(error.code(), Code::DefinitionInvalid, "{error}");
        assert!(error.to_string().contains(part), "{error}");
    }
    for settings in [
        AccessSettings { calls_per_minute: Some(1_000_001), ..AccessSettings::default() },
        AccessSettings { audit_days: 0, ..AccessSettings::default() },
    ] {
        assert_eq!(host.apply(&Blueprint::new().access(settings)).unwrap_err().code(), Code::DefinitionInvalid);
    }
    for json in [
        r#"{"users": [{"code": "a", "name": "A", "rights": {"orders": ["everything"]}}]}"#,
        r#"{"users": [{"code": "a", "name": "A", "password": "x"}]}"#,
        r#"{"access": {"addresses": ["192.0.2.1/24"]}}"#,
        r#"{"access": {"adresses": []}}"#,
    ] {
        assert_eq!(Blueprint::from_json(json).unwrap_err().code(), Code::DefinitionJson, "{json}");
    }
    assert_eq!(host.users().unwrap().len(), 2);
}

#[test]
fn login_names_are_values_of_user_fields() {
    let notes = Database::new("notes", "メモ").field(Field::key("k", "K")).field(Field::new(
        "owner",
        "担当",
        FieldKind::User {},
    ));
    let fixture = Fixture::of([notes]);
    set_user(&fixture.store, User::new("taro.yamada+db@example.co.jp", "山田太郎").allow("notes", Right::Register));
    let user = fixture.store.as_user("taro.yamada+db@example.co.jp").unwrap();
    let values = Values::new().set("k", "1").set("owner", "taro.yamada+db@example.co.jp");
    user.records("notes").register(&values).unwrap();
    let found = Query::new().filter(Condition::equals("owner", "taro.yamada+db@example.co.jp"));
    let record = &fixture.store.query("notes", &found).unwrap().records[0];
    assert_eq!(record.text("owner"), "taro.yamada+db@example.co.jp");
    assert_eq!(record.created_by(), Some("taro.yamada+db@example.co.jp"));
}
