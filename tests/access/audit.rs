//! The audit log.

use std::time::Duration;

use renkei::{AccessSettings, AuditEntry, AuditQuery, Blueprint, Code, DefinitionKind, List, NewToken, Worker};

use crate::common::NOW;
use crate::fixture::{address, issue, list, office, set_user, taro};

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
