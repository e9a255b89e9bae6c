//! Who may do what: rights at every door, tokens, addresses, calls per minute, the audit log.

mod common;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::net::IpAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use common::{Fixture, NOW, only};
use renkei::{
    AccessSettings, AddressRange, Aggregation, AuditEntry, AuditQuery, Automation, AutomationRequest,
    AutomationTrigger, Blueprint, Code, Condition, CsvPush, Database, DefinitionKind, DeliveryFilter, Error, Export,
    Field, FieldKind, Function, HttpSend, HttpSendRequest, ImportRequest, ImportSetting, IssuedToken, JobState, Kind,
    List, Mail, MailServer, MailTemplate, MenuEntry, NewDelivery, NewToken, Part, PushRequest, Query, Right, Rights,
    Search, Selector, Sort, Store, Target, UpdateRecords, User, Values, Worker,
};

const CSV: &str = "番号,件名\n900,取込\n";

fn orders() -> Database {
    Database::new("orders", "注文")
        .field(Field::key("number", "番号"))
        .field(Field::text("title", "件名"))
        .field(Field::file("paper", "書類"))
        .field(Field::link("branch", "支店", "branches"))
        .field(Field::reference("branch_name", "支店名", "branch", "name"))
        .with_approval()
}

fn branches() -> Database {
    Database::new("branches", "支店")
        .field(Field::key("code", "コード"))
        .field(Field::text("name", "支店名"))
        .field(Field::text("secret", "内緒"))
}

fn list() -> List {
    List::new("orders", "all", "全件").column("number").column("title")
}

/// The list with what may be sent from it.
fn list_with_menu() -> List {
    let list = List { code: "sendable".into(), ..list() }.sub_menu(MenuEntry::CsvPush("core".into()));
    list.button(MenuEntry::HttpSend("sms".into())).pulldown(MenuEntry::HttpSend("sms".into()))
}

fn csv_push() -> CsvPush {
    CsvPush::new("orders", "core", "基幹へ", "https://core.example/")
}

fn http_send() -> HttpSend {
    HttpSend::new("orders", "sms", "SMS送信", "https://sms.example/${number}")
}

fn thanks() -> MailTemplate {
    MailTemplate::new("orders", "thanks", "お礼", "office").to("taro@example.com").subject("${number}").text("${title}")
}

fn office_mail() -> MailServer {
    MailServer::new("office", "社内メール", "192.0.2.1", "renkei@example.com")
}

fn push() -> PushRequest {
    PushRequest::new("orders", "sendable", "core").records(["1"])
}

fn sent() -> HttpSendRequest {
    HttpSendRequest::button("orders", "sendable", "sms", "1")
}

/// A run of a CSV push that waits; made by the host.
fn pushed(host: &Store) -> i64 {
    host.push(&push()).unwrap().run_id
}

fn mark() -> Automation {
    let part = Part::new("title", "件名", UpdateRecords::this().set("title", "箱"));
    Automation::new("orders", "mark", "印").on(AutomationTrigger::Api).part(part)
}

fn marking() -> AutomationRequest {
    AutomationRequest::call("orders", "mark").records(["1"])
}

/// A store with two databases and some records.
fn office() -> Fixture {
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

fn set_user(store: &Store, user: User) {
    store.apply(&Blueprint::new().user(user)).unwrap();
}

fn taro() -> User {
    User::new("taro@example.com", "太郎")
}

/// A handle for a user with these rights in `orders`.
fn with_rights(store: &Store, rights: Rights) -> Store {
    set_user(store, taro().allow("orders", rights));
    store.as_user("taro@example.com").unwrap()
}

fn address(text: &str) -> Option<IpAddr> {
    Some(text.parse().unwrap())
}

fn range(text: &str) -> AddressRange {
    text.parse().unwrap()
}

/// One call, on a handle of a user; the host may prepare it.
struct Call {
    name: &'static str,
    needs: Rights,
    run: fn(&Store, &Store) -> Result<(), Error>,
}

fn fresh(host: &Store) -> String {
    static NEXT: Mutex<u32> = Mutex::new(1_000);
    let mut next = NEXT.lock().unwrap();
    *next += 1;
    host.records("orders").register(&Values::new().set("number", next.to_string())).unwrap();
    next.to_string()
}

fn new_key() -> Values {
    static NEXT: Mutex<u32> = Mutex::new(500_000);
    let mut next = NEXT.lock().unwrap();
    *next += 1;
    Values::new().set("number", next.to_string())
}

/// An import that waits; made by the host.
fn waiting(host: &Store) -> i64 {
    let upload = host.upload("a.csv", CSV.as_bytes()).unwrap().id;
    host.reserve_import(&ImportRequest::upload("orders", "daily", upload)).unwrap().process_id
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

fn issue(store: &Store, token: &NewToken) -> IssuedToken {
    store.issue_token(token).unwrap()
}

fn refusal(result: Result<Store, Error>) -> Code {
    result.unwrap_err().code()
}

#[test]
fn a_token_lives_and_ends() {
    let fixture = office();
    let host = &fixture.store;
    set_user(host, taro().allow("orders", Right::View));
    let hour = Duration::from_secs(60 * 60);
    let token = issue(host, &NewToken::of("taro@example.com").name("基幹").expires_in(hour));
    assert_eq!(token.secret().len(), 64);
    assert!(token.secret().bytes().all(|byte| byte.is_ascii_alphanumeric()));

    let caller = host.authenticate(token.secret(), None).unwrap();
    assert_eq!(caller.acting_user().unwrap().unwrap().code, "taro@example.com");
    assert_eq!(caller.records("orders").view("1").unwrap().text("title"), "箱");
    assert_eq!(caller.records("orders").delete("1").unwrap_err().code(), Code::AccessDenied);
    // Clients send it with spaces around; anything else is another token.
    host.authenticate(&format!(" {}\r\n", token.secret()), None).unwrap();
    let other = token.secret().replace(|c: char| c.is_ascii_digit(), "0");
    for wrong in ["", " ", "x", &token.secret()[1..], &token.secret().to_uppercase(), &other, &"a".repeat(1 << 20)] {
        assert_eq!(refusal(host.authenticate(wrong, None)), Code::TokenUnknown);
    }

    let shown = host.tokens().unwrap();
    assert_eq!(shown.len(), 1);
    assert_eq!((shown[0].id, shown[0].user.as_str(), shown[0].name.as_str()), (token.id(), "taro@example.com", "基幹"));
    assert_eq!((shown[0].created_at, shown[0].expires_at), (NOW.0, Some(NOW.after(hour).0)));

    fixture.clock.advance(hour - Duration::from_millis(1));
    host.authenticate(token.secret(), None).unwrap();
    fixture.clock.advance(Duration::from_millis(1));
    assert_eq!(refusal(host.authenticate(token.secret(), None)), Code::TokenExpired);

    let token = issue(host, &NewToken::of("taro@example.com"));
    set_user(host, User { active: false, ..taro() });
    assert_eq!(refusal(host.authenticate(token.secret(), None)), Code::UserInactive);
    set_user(host, taro());
    host.authenticate(token.secret(), None).unwrap();
    host.revoke_token(token.id()).unwrap();
    host.revoke_token(token.id()).unwrap();
    let error = host.authenticate(token.secret(), None).unwrap_err();
    assert_eq!((error.code(), error.kind()), (Code::TokenRevoked, Kind::Denied));
    assert!(host.tokens().unwrap()[1].revoked_at.is_some());
    assert_eq!(host.revoke_token(7).unwrap_err().code(), Code::TokenNotFound);

    assert_eq!(host.issue_token(&NewToken::of("nobody")).unwrap_err().code(), Code::DefinitionNotFound);
    let past = NewToken::of("taro@example.com").expires_at(host.now());
    assert_eq!(host.issue_token(&past).unwrap_err().code(), Code::Argument);

    // Long after their end they are swept.
    fixture.clock.advance(Duration::from_secs(401 * 24 * 60 * 60));
    let live = issue(host, &NewToken::of("taro@example.com"));
    Worker::new(host).sweep().unwrap();
    assert_eq!(host.tokens().unwrap().iter().map(|token| token.id).collect::<Vec<_>>(), [live.id()]);
}

#[test]
fn addresses_are_allowed_by_every_list_that_there_is() {
    let fixture = office();
    let host = &fixture.store;
    set_user(host, taro());
    let token =
        issue(host, &NewToken::of("taro@example.com").address(range("192.0.2.0/24")).address(range("2001:db8::/32")));
    let from = |caller: Option<IpAddr>| host.authenticate(token.secret(), caller).map(drop).map_err(|e| e.code());
    for good in ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8:1::1"] {
        assert_eq!(from(address(good)), Ok(()), "{good}");
    }
    for bad in ["192.0.3.1", "2001:db9::1", "::ffff:192.0.3.1"] {
        assert_eq!(from(address(bad)), Err(Code::AddressDenied), "{bad}");
    }
    assert_eq!(from(None), Err(Code::AddressDenied));
    // Each list may narrow it.
    set_user(host, User { addresses: vec![range("192.0.2.0/25")], ..taro() });
    assert_eq!(from(address("192.0.2.1")), Ok(()));
    assert_eq!(from(address("192.0.2.200")), Err(Code::AddressDenied));
    let settings = AccessSettings {
        addresses: vec![range("192.0.2.7")],
        trusted_proxies: vec![range("10.0.0.0/8")],
        ..AccessSettings::default()
    };
    host.apply(&Blueprint::new().access(settings)).unwrap();
    assert_eq!(from(address("192.0.2.1")), Err(Code::AddressDenied));
    assert_eq!(from(address("192.0.2.7")), Ok(()));
    let error = host.authenticate(token.secret(), address("192.0.2.1")).unwrap_err();
    assert!(error.to_string().contains("settings of access"), "{error}");
    // Behind a proxy.
    let proxy = "10.1.1.1".parse().unwrap();
    assert_eq!(from(host.client_address(proxy, "192.0.2.7").unwrap()), Ok(()));
    assert_eq!(from(host.client_address(proxy, "192.0.2.7, 192.0.2.1").unwrap()), Err(Code::AddressDenied));
    assert_eq!(from(host.client_address(proxy, "unknown").unwrap()), Err(Code::AddressDenied));
    assert_eq!(from(host.client_address("192.0.2.1".parse().unwrap(), "192.0.2.7").unwrap()), Err(Code::AddressDenied));
    assert_eq!(host.tokens().unwrap()[0].last_address, address("192.0.2.1"));
}

/// Everything that is logged while a test runs.
struct Log(Mutex<String>);

static LOG: Log = Log(Mutex::new(String::new()));

impl log::Log for Log {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }
    fn log(&self, record: &log::Record<'_>) {
        *self.0.lock().unwrap() += &format!("{} {}\n", record.target(), record.args());
    }
    fn flush(&self) {}
}

#[test]
fn a_secret_is_nowhere() {
    let _ = log::set_logger(&LOG);
    log::set_max_level(log::LevelFilter::Trace);
    let fixture = office();
    let host = &fixture.store;
    set_user(host, taro().allow("orders", Rights::ALL));
    let token = issue(host, &NewToken::of("taro@example.com").name("基幹").address(range("192.0.2.0/24")));
    let secret = token.secret().to_owned();
    let caller = host.authenticate(&secret, address("192.0.2.1")).unwrap();
    caller.records("orders").register(&Values::new().set("number", "77")).unwrap();
    caller.note_audit(&AuditEntry::new("apirecord/regist").subject("77").result("ok")).unwrap();
    let mut texts = vec![
        format!("{token:?} {caller:?} {:?}", NewToken::of("x")),
        format!("{:?}", host.tokens().unwrap()),
        serde_json::to_string(&host.tokens().unwrap()).unwrap(),
        serde_json::to_string(&host.audit(&AuditQuery::new()).unwrap()).unwrap(),
        host.blueprint().unwrap().to_json(),
    ];
    let mut errors = vec![host.authenticate(&secret, None).unwrap_err()];
    errors.push(host.authenticate(&secret[1..], None).unwrap_err());
    fixture.clock.advance(Duration::from_secs(120));
    host.authenticate(&secret, address("192.0.2.1")).unwrap();
    host.revoke_token(token.id()).unwrap();
    errors.push(host.authenticate(&secret, address("192.0.2.1")).unwrap_err());
    texts.extend(errors.iter().map(|error| format!("{error} {error:?} {}", error.to_json())));
    texts.push(LOG.0.lock().unwrap().clone());
    for text in &texts {
        assert!(!text.contains(&secret[1..]), "{text}");
    }
    // Neither as it is sent nor as the bytes it stands for, in no file, also not once the store is closed.
    let raw: Vec<u8> = (0..32).map(|at| u8::from_str_radix(&secret[at * 2..at * 2 + 2], 16).unwrap()).collect();
    let search = |folder: &Path| {
        let mut seen = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            for needle in
                [secret.as_bytes(), secret.to_uppercase().as_bytes(), &raw, &raw[..12], &secret.as_bytes()[20..40]]
            {
                assert!(!bytes.windows(needle.len()).any(|window| window == needle), "{}", path.display());
            }
            seen.push(path.file_name().unwrap().to_str().unwrap().to_owned());
        }
        seen.sort();
        seen
    };
    let seen = search(fixture.dir.path());
    assert!(["store.db", "store.db-audit", "store.db-wal"].iter().all(|name| seen.iter().any(|other| other == name)));
    let Fixture { dir, store, .. } = fixture;
    drop((store, caller));
    search(dir.path());
}

#[test]
fn the_use_of_a_token_is_noted_now_and_then() {
    let fixture = office();
    let host = &fixture.store;
    set_user(host, taro());
    let token = issue(host, &NewToken::of("taro@example.com"));
    let journal = host.path().with_file_name("store.db-audit");
    let size = || std::fs::metadata(&journal).map_or(0, |meta| meta.len());
    for _ in 0..1_000 {
        host.authenticate(token.secret(), address("192.0.2.1")).unwrap();
    }
    assert!(size() < 300, "{}", size());
    assert_eq!(host.tokens().unwrap()[0].last_used_at, Some(NOW.0));
    fixture.clock.advance(Duration::from_secs(30));
    host.authenticate(token.secret(), address("192.0.2.1")).unwrap();
    assert_eq!(host.tokens().unwrap()[0].last_used_at, Some(NOW.0));
    fixture.clock.advance(Duration::from_secs(31));
    host.authenticate(token.secret(), address("2001:db8::1")).unwrap();
    let shown = &host.tokens().unwrap()[0];
    assert_eq!((shown.last_used_at, shown.last_address), (Some(NOW.0 + 61_000), address("2001:db8::1")));
    // It is no line of the log.
    assert!(host.audit(&AuditQuery::new().token(token.id())).unwrap().lines.is_empty());
}

fn calls_allowed(store: &Store, tries: usize) -> usize {
    (0..tries).filter(|_| store.count_call().is_ok()).count()
}

#[test]
fn twenty_calls_a_minute_are_for_the_whole_account() {
    let fixture = office();
    let host = &fixture.store;
    let people = Blueprint::new().user(User::new("a", "A")).user(User::new("b", "B"));
    host.apply(&people.user(User { calls_per_minute: Some(3), ..User::new("c", "C") })).unwrap();
    let [a, b, c] = ["a", "b", "c"].map(|code| host.as_user(code).unwrap());
    assert_eq!((calls_allowed(&a, 12), calls_allowed(&b, 12)), (12, 8));
    // Who has a number of his own is counted apart.
    assert_eq!(calls_allowed(&c, 12), 3);
    fixture.clock.advance(Duration::from_millis(59_500));
    let error = a.count_call().unwrap_err();
    assert_eq!((error.code(), error.kind()), (Code::CallsExceeded, Kind::Limit));
    assert_eq!(error.retry_after(), Some(Duration::from_millis(500)));
    assert!(error.message(renkei::Language::Japanese).contains("制限を超えました"));
    // A store that is opened anew, and a second one beside it, go on with the same window.
    let reopen = || {
        let mut options = Store::options();
        options.clock(fixture.clock.clone());
        options.open(fixture.path()).unwrap()
    };
    assert_eq!(calls_allowed(&reopen().as_user("b").unwrap(), 5), 0);
    fixture.clock.advance(Duration::from_millis(500));
    let other = reopen().as_user("b").unwrap();
    assert_eq!((calls_allowed(&other, 15), calls_allowed(&a, 15)), (15, 5));

    let set = |calls| {
        host.apply(&Blueprint::new().access(AccessSettings { calls_per_minute: calls, ..AccessSettings::default() }))
    };
    set(Some(22)).unwrap();
    assert_eq!(calls_allowed(&a, 5) + calls_allowed(&other, 5), 2);
    set(Some(0)).unwrap();
    fixture.clock.advance(Duration::from_secs(3_600));
    assert_eq!(calls_allowed(&a, 5), 0);
    assert_eq!(a.count_call().unwrap_err().retry_after(), Some(Duration::from_secs(60)));
    set(None).unwrap();
    assert_eq!(calls_allowed(&a, 500), 500);
}

#[test]
fn calls_are_counted_and_noted_while_somebody_writes() {
    let fixture = office();
    let host = &fixture.store;
    set_user(host, taro().allow("orders", Right::View));
    let token = issue(host, &NewToken::of("taro@example.com"));
    let (begin, begun) = channel();
    let (go_on, gone_on) = channel();
    std::thread::scope(|scope| {
        let store = host.clone();
        scope.spawn(move || {
            store
                .transaction(|transaction| {
                    transaction.register("orders", &Values::new().set("number", "8"), &Default::default())?;
                    begin.send(()).unwrap();
                    gone_on.recv_timeout(Duration::from_secs(60)).unwrap();
                    Ok(())
                })
                .unwrap();
        });
        begun.recv().unwrap();
        // Nothing of this waits: the other thread writes until it is told to go on.
        let started = Instant::now();
        let caller = host.authenticate(token.secret(), address("192.0.2.1")).unwrap();
        caller.count_call().unwrap();
        caller.records("orders").view("1").unwrap();
        caller.note_audit(&AuditEntry::new("apirecord/view").result("ok")).unwrap();
        assert!(started.elapsed() < Duration::from_secs(30));
        go_on.send(()).unwrap();
    });
    assert_eq!(host.audit(&AuditQuery::new().action("apirecord/view")).unwrap().lines.len(), 1);
    // Inside a transaction the log is read as far as it is in the store; nothing waits for itself.
    let caller = host.authenticate(token.secret(), None).unwrap();
    host.transaction(|transaction| {
        transaction.register("orders", &Values::new().set("number", "9"), &Default::default())?;
        caller.note_audit(&AuditEntry::new("apirecord/view"))?;
        assert_eq!(host.audit(&AuditQuery::new().action("apirecord/view"))?.lines.len(), 1);
        let error = host.records("orders").delete("1").unwrap_err();
        assert_eq!(error.code(), Code::StoreReentered, "{error}");
        Ok(())
    })
    .unwrap();
    assert_eq!(host.audit(&AuditQuery::new().action("apirecord/view")).unwrap().lines.len(), 2);
}

/// The other process of the tests below: nothing of its own without the path in its environment.
#[test]
fn the_other_process() {
    let Ok(path) = std::env::var("RENKEI_TEST_STORE") else { return };
    let store = Store::open(path).unwrap().as_user("a").unwrap();
    let counted = calls_allowed(&store, 1_000);
    for count in 0..counted {
        store.note_audit(&AuditEntry::new("test").subject(format!("{}/{count}", std::process::id()))).unwrap();
    }
    // As a process that is killed.
    std::process::abort();
}

#[test]
fn processes_share_the_window_and_the_log_outlives_them() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create(dir.path().join("store.db")).unwrap();
    let settings = AccessSettings { calls_per_minute: Some(1_500), ..AccessSettings::default() };
    store.apply(&Blueprint::new().user(User::new("a", "A")).access(settings)).unwrap();
    let start = || {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_other_process"])
            .env("RENKEI_TEST_STORE", store.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let others: Vec<_> = (0..3).map(|_| start()).collect();
    // Read all the while: what is taken into the store is taken once.
    let mut ended = 0;
    let mut others = others.into_iter().map(Some).collect::<Vec<_>>();
    let began = Instant::now();
    while ended < others.len() && began.elapsed() < Duration::from_secs(50) {
        for slot in &mut others {
            if let Some(other) = slot
                && other.try_wait().unwrap().is_some()
            {
                *slot = None;
                ended += 1;
            }
        }
        store.audit(&AuditQuery::new()).unwrap();
    }
    assert_eq!(ended, 3);
    let lines = store.audit(&AuditQuery::new().action("test").limit(10_000)).unwrap().lines;
    assert_eq!(lines.len(), 1_500);
    let mut subjects: Vec<&str> = lines.iter().map(|line| line.subject.as_str()).collect();
    subjects.sort_unstable();
    subjects.dedup();
    assert_eq!(subjects.len(), 1_500);
    assert!(lines.iter().all(|line| line.user.as_deref() == Some("a")));
    assert_eq!(calls_allowed(&store.as_user("a").unwrap(), 100), 0);
}

#[test]
fn the_log_tells_who_did_what() {
    let fixture = office();
    let host = &fixture.store;
    set_user(host, taro().administrator());
    let id = host.database("orders").unwrap().id.unwrap();
    let boss = host.as_user("taro@example.com").unwrap();
    let token = issue(&boss, &NewToken::of("taro@example.com"));
    let caller = host.authenticate(token.secret(), address("::ffff:192.0.2.1")).unwrap();
    for minute in 0..5 {
        let entry = AuditEntry::new("apirecord/update").database(id).subject(format!("{minute}")).result("ok");
        caller.note_audit(&entry).unwrap();
        fixture.clock.advance(Duration::from_secs(60));
    }
    let refused =
        AuditEntry::new("apirecord/view").result("access.token.unknown").address("203.0.113.5".parse().unwrap());
    host.note_audit(&refused).unwrap();
    fixture.clock.advance(Duration::from_millis(1));
    caller.apply(&Blueprint::new().list(List::new("orders", "new", "新").column("number"))).unwrap();
    caller.remove_definition(DefinitionKind::List, "orders", "new").unwrap();
    caller.revoke_token(token.id()).unwrap();
    // What changes nothing, and what only tries, is not noted.
    caller.plan(&Blueprint::new().list(List::new("orders", "new", "新").column("number"))).unwrap();
    caller.apply(&Blueprint::new().list(list())).unwrap();

    let all = host.audit(&AuditQuery::new()).unwrap();
    let actions: Vec<&str> = all.lines.iter().map(|line| line.action.as_str()).collect();
    assert_eq!(actions[..4], ["token.revoke", "definitions.remove", "definitions.apply", "apirecord/view"]);
    assert_eq!(actions[4..9], ["apirecord/update"; 5]);
    assert_eq!(actions[9], "token.issue");
    assert!(actions[10..].iter().all(|action| *action == "definitions.apply") && all.next.is_none());
    let line = &all.lines[4];
    assert_eq!(
        (line.user.as_deref(), line.token, line.address),
        (Some("taro@example.com"), Some(token.id()), address("192.0.2.1"))
    );
    assert_eq!((line.database, line.subject.as_str(), line.result.as_str()), (Some(id), "4", "ok"));
    assert_eq!(line.at, NOW.0 + 240_000);
    let unknown = &all.lines[3];
    assert_eq!((unknown.user.as_deref(), unknown.token, unknown.address), (None, None, address("203.0.113.5")));
    assert_eq!((all.lines[2].token, all.lines[2].address), (Some(token.id()), address("192.0.2.1")));
    assert!(all.lines[2].subject.contains("new"), "{:?}", all.lines[2]);
    assert_eq!((all.lines[9].user.as_deref(), all.lines[9].token), (Some("taro@example.com"), None));

    // Pages, in any size, show every line once.
    for limit in 1..=4 {
        let mut query = AuditQuery::new().limit(limit);
        let mut paged = Vec::new();
        loop {
            let page = host.audit(&query).unwrap();
            assert!(page.lines.len() as u64 <= limit);
            paged.extend(page.lines);
            match page.next {
                Some(next) => query = query.after(next),
                None => break,
            }
        }
        assert_eq!(paged, all.lines);
    }
    let count = |query: AuditQuery| host.audit(&query).unwrap().lines.len();
    let from = |seconds: u64| NOW.after(Duration::from_secs(seconds));
    assert_eq!(count(AuditQuery::new().action("apirecord/update").since(from(60)).until(from(180))), 2);
    assert_eq!(count(AuditQuery::new().user("taro@example.com").token(token.id()).database(id)), 6);
    assert_eq!(host.audit(&AuditQuery::new().user("nobody")).unwrap_err().code(), Code::DefinitionNotFound);
    for wrong in ["", "x", "1-", "-", "1;2"] {
        assert_eq!(host.audit(&AuditQuery::new().after(wrong)).unwrap_err().code(), Code::Argument);
    }

    // Kept for as long as is set, and not longer.
    let settings = AccessSettings { audit_days: 30, ..AccessSettings::default() };
    host.apply(&Blueprint::new().access(settings)).unwrap();
    let kept = count(AuditQuery::new());
    fixture.clock.advance(Duration::from_secs(30 * 24 * 60 * 60 - 120) - Duration::from_millis(1));
    Worker::new(host).sweep().unwrap();
    assert_eq!(count(AuditQuery::new().action("apirecord/update")), 2);
    assert!(count(AuditQuery::new()) < kept);
    fixture.clock.advance(Duration::from_secs(600));
    Worker::new(host).run_until_idle().unwrap();
    assert_eq!(count(AuditQuery::new()), 0);
    fixture.check_file();
}

#[test]
fn a_damaged_audit_file_spoils_no_other_line() {
    let fixture = office();
    let host = &fixture.store;
    let journal = host.path().with_file_name("store.db-audit");
    let note = |subject: &str| host.note_audit(&AuditEntry::new("test").subject(subject)).unwrap();
    let subjects = || {
        let lines = host.audit(&AuditQuery::new().action("test")).unwrap().lines;
        lines.into_iter().rev().map(|line| line.subject).collect::<Vec<_>>()
    };
    note("1");
    // Cut off by a crash, in the midst of a line; text with line breaks is no two lines.
    let bytes = std::fs::read(&journal).unwrap();
    std::fs::write(&journal, &bytes[..bytes.len() - 5]).unwrap();
    note("2\n3");
    assert_eq!(subjects(), ["2\n3"]);
    // Nothing is taken twice, and nothing is lost when the file was taken but not yet emptied.
    note("4");
    let before = std::fs::read(&journal).unwrap();
    assert_eq!(subjects(), ["2\n3", "4"]);
    std::fs::write(&journal, &before).unwrap();
    note("5");
    assert_eq!(subjects(), ["2\n3", "4", "5"]);
    // Removed, and rubbish.
    std::fs::remove_file(&journal).unwrap();
    note("6");
    assert_eq!(subjects(), ["2\n3", "4", "5", "6"]);
    std::fs::write(&journal, [0xff; 100]).unwrap();
    note("7");
    note("8");
    assert_eq!(subjects(), ["2\n3", "4", "5", "6", "7", "8"]);
    note("9");
    assert_eq!(subjects(), ["2\n3", "4", "5", "6", "7", "8", "9"]);
    // More than is taken at once.
    let mut bytes = b"renkei-audit-1 00000000000000ff".to_vec();
    for number in 0..60_000 {
        bytes.extend(format!("\n{{\"at\":{},\"action\":\"many\",\"subject\":\"{number:0100}\"}}", NOW.0).bytes());
    }
    std::fs::write(&journal, bytes).unwrap();
    let lines = host.audit(&AuditQuery::new().action("many").limit(100_000)).unwrap().lines;
    assert!(lines.iter().rev().enumerate().all(|(at, line)| line.subject.parse() == Ok(at)));
    assert_eq!(lines.len(), 60_000);
    assert!(std::fs::metadata(&journal).unwrap().len() < 100);
    // A long subject is cut.
    note(&"あ".repeat(5_000));
    assert!(subjects().last().unwrap().chars().count() <= 1_001);
}

#[test]
fn the_audit_file_does_not_grow_for_ever() {
    let fixture = office();
    let host = &fixture.store;
    set_user(host, taro());
    let user = host.as_user("taro@example.com").unwrap();
    let journal = host.path().with_file_name("store.db-audit");
    let subject = "あ".repeat(900);
    for _ in 0..2_000 {
        user.note_audit(&AuditEntry::new("test").subject(&subject).result("ok")).unwrap();
    }
    assert!(std::fs::metadata(&journal).unwrap().len() < 1_100_000);
    assert_eq!(host.audit(&AuditQuery::new().action("test").limit(10_000)).unwrap().lines.len(), 2_000);
    // Callers whom nobody knows, and calls refused as too many, are noted up to a bound and then counted.
    for _ in 0..1_000 {
        host.note_audit(&AuditEntry::new("flood").result("access.token.unknown")).unwrap();
        user.note_audit(&AuditEntry::new("flood").result("access.calls")).unwrap();
    }
    let count = |action: &str| host.audit(&AuditQuery::new().action(action).limit(10_000)).unwrap().lines;
    assert_eq!(count("flood").len(), 600);
    fixture.clock.advance(Duration::from_secs(60));
    user.note_audit(&AuditEntry::new("flood").result("access.calls")).unwrap();
    assert_eq!(count("audit.dropped")[0].subject, "1400");
}
