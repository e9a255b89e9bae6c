//! Calls per minute, counted for the whole account and across processes.

use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use renkei::{
    AccessSettings, AuditEntry, AuditQuery, Blueprint, Code, Kind, ManualClock, NewToken, Right, Store, User, Values,
};

use crate::common::NOW;
use crate::fixture::{address, issue, office, set_user, taro};

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
                    gone_on.recv_timeout(Duration::from_secs(600)).unwrap();
                    Ok(())
                })
                .unwrap();
        });
        begun.recv().unwrap();
        // Nothing of this waits: the other thread writes until it is told to go on, and not longer than ten minutes.
        let caller = host.authenticate(token.secret(), address("192.0.2.1")).unwrap();
        caller.count_call().unwrap();
        caller.records("orders").view("1").unwrap();
        caller.note_audit(&AuditEntry::new("apirecord/view").result("ok")).unwrap();
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

/// A store by a clock that stands still: the window does not end, however long the processes take.
fn standing(path: &Path) -> Store {
    Store::options().create(true).clock(Arc::new(ManualClock::new(NOW))).open(path).unwrap()
}

/// The other process of the tests below: nothing of its own without the path in its environment.
#[test]
fn the_other_process() {
    let Ok(path) = std::env::var("RENKEI_TEST_STORE") else { return };
    let store = standing(Path::new(&path)).as_user("a").unwrap();
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
    let store = standing(&dir.path().join("store.db"));
    let settings = AccessSettings { calls_per_minute: Some(1_500), ..AccessSettings::default() };
    store.apply(&Blueprint::new().user(User::new("a", "A")).access(settings)).unwrap();
    let start = || {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "window::the_other_process"])
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
    while ended < others.len() {
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
    let lines = store.audit(&AuditQuery::new().action("test").limit(10_000)).unwrap().lines;
    assert_eq!(lines.len(), 1_500);
    let mut subjects: Vec<&str> = lines.iter().map(|line| line.subject.as_str()).collect();
    subjects.sort_unstable();
    subjects.dedup();
    assert_eq!(subjects.len(), 1_500);
    assert!(lines.iter().all(|line| line.user.as_deref() == Some("a")));
    assert_eq!(calls_allowed(&store.as_user("a").unwrap(), 100), 0);
}
