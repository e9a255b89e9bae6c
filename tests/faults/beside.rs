//! Files beside the store, which do not go through SQLite: places where nothing can be written.

use std::path::{Path, PathBuf};

use renkei::webapi::{Request, WebApi};
use renkei::{
    AuditEntry, AuditQuery, Blueprint, Code, DeliveryFilter, DeliveryState, Error, Export, Language, NewToken, Right,
    Synchronous, User, Values,
};

use super::world::{World, csv, message, reserve, work};
use super::{beside_others, check};

/// The names of all files beside the store, SQLite's own left out.
fn names(dir: &Path) -> Vec<String> {
    let names = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let mut names: Vec<_> =
        names.filter(|name| !["store.db", "store.db-wal", "store.db-shm"].contains(&&**name)).collect();
    names.sort();
    names
}

/// It is told in words of both languages, and that it was the output.
fn is_told(error: &Error, expected: Code, told: &str) {
    assert_eq!(error.code(), expected, "{told}: {error:?}");
    assert!(
        [Language::Japanese, Language::English].iter().all(|language| !error.message(*language).is_empty()),
        "{told}"
    );
}

/// Places to which no file can be written, and how that is told.
fn nowhere(dir: &Path) -> Vec<(PathBuf, Code)> {
    let mut places = vec![(dir.join("missing").join("a.csv"), Code::Io), (dir.to_owned(), Code::Io)];
    if cfg!(target_os = "linux") {
        // No user may make a file in the one, and nothing fits into the other.
        places.push(("/proc/a.csv".into(), Code::Io));
        places.push(("/dev/full".into(), Code::StoreFull));
    }
    places
}

#[test]
fn what_cannot_be_written_to_its_place_is_told_and_leaves_nothing() {
    let _beside = beside_others();
    let world = World::new(Synchronous::Normal);
    let store = world.open().unwrap();
    reserve(&store, "parts", "partial", &csv(60));
    work(&store, 200).unwrap();
    let import = store.imports(1).unwrap()[0].process_id;
    let before = names(world.dir.path());
    for (path, code) in nowhere(world.dir.path()) {
        let told = path.display().to_string();
        is_told(&store.export_to_path(&Export::of("orders"), &path).unwrap_err(), code, &told);
        is_told(&store.write_rejects_to_path(import, &path).unwrap_err(), code, &told);
        // A backup becomes a file of its own, or there is none.
        is_told(&store.backup(&path).unwrap_err(), Code::BackupTarget, &told);
        assert_eq!(names(world.dir.path()), before, "{told}");
    }
    check(&store, "after nothing could be written");
}

/// A store whose audit log cannot be appended to, once `spoil` was done with the place of its file.
fn without_audit(spoil: impl FnOnce(&Path), expected: Code) {
    let _beside = beside_others();
    let world = World::new(Synchronous::Normal);
    let store = world.open().unwrap();
    store.apply(&Blueprint::new().user(User::new("clerk", "係").allow("parts", Right::View))).unwrap();
    let token = store.issue_token(&NewToken::of("clerk")).unwrap().secret().to_owned();
    spoil(&world.dir.path().join("store.db-audit"));

    // Whoever asks for an entry is told that there is none.
    is_told(&store.note_audit(&AuditEntry::new("hostcall").result("ok")).unwrap_err(), expected, "an entry");
    // Whoever asks for something else gets it.
    let clerk = store.authenticate(&token, None).unwrap();
    assert_eq!(clerk.records("parts").view("P1").unwrap().text("name"), "部品");
    let database = store.database("parts").unwrap().id.unwrap();
    let request = Request::new("POST", "/office/apirecord/view/version/v1")
        .header("Host", "db.example.test")
        .header("X-HD-apitoken", &token)
        .header("Content-Type", "application/json")
        .tls(true)
        .body(format!(r#"{{"dbSchemaId":"{database}","keyId":"P1"}}"#).into_bytes());
    let answer = WebApi::new(&store, "office").unwrap().handle(request);
    assert_eq!(answer.status(), 200);
    store.records("parts").update("P1", &Values::new().set("price", 11)).unwrap();
    // What is noted in the transaction of a change needs no file, and is read; and so does the backup of it.
    let lines = store.audit(&AuditQuery::new().action("token.issue")).unwrap().lines;
    assert_eq!(lines.len(), 1);
    store.backup(world.dir.path().join("copy.db")).unwrap();
    check(&store, "without the audit file");

    // With the obstacle gone, it goes on.
    let path = world.dir.path().join("store.db-audit");
    let _ = std::fs::remove_file(&path).or_else(|_| std::fs::remove_dir(&path));
    store.note_audit(&AuditEntry::new("hostcall").result("ok")).unwrap();
    assert_eq!(store.audit(&AuditQuery::new().action("hostcall")).unwrap().lines.len(), 1);
}

#[test]
fn an_audit_file_that_cannot_be_opened_stops_nobody() {
    without_audit(|path| std::fs::create_dir(path).unwrap(), Code::Io);
}

#[test]
#[cfg(target_os = "linux")]
fn an_audit_file_on_a_full_disk_stops_nobody() {
    use std::os::unix::fs::{PermissionsExt, symlink};

    let spoil = |path: &Path| {
        // The file gets the rights of the store: those that the device has, should this be its owner.
        let device = std::fs::metadata("/dev/full").unwrap().permissions().mode() & 0o777;
        let store = path.with_file_name("store.db");
        std::fs::set_permissions(store, std::fs::Permissions::from_mode(device)).unwrap();
        symlink("/dev/full", path).unwrap();
    };
    without_audit(spoil, Code::StoreFull);
}

/// Messages are sent, each once, where the journal of the senders is spoiled by `spoil`.
fn without_journal(spoil: impl Fn(&Path)) {
    let _beside = beside_others();
    let world = World::new(Synchronous::Normal);
    let store = world.open().unwrap();
    let ids: Vec<_> = (0..12).map(|number| store.deliver(&message(number)).unwrap()).collect();
    // The id of the job that the file is named after is one of the next.
    let places: Vec<_> =
        (ids[11]..ids[11] + 20).map(|id| world.dir.path().join(format!("store.db-sent-{id}"))).collect();
    places.iter().for_each(|place| spoil(place));
    work(&store, 200).unwrap();
    let sent = store.deliveries(&DeliveryFilter::new(), None, 100).unwrap();
    assert_eq!(sent.len(), 12);
    for delivery in sent {
        assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Delivered, 1));
    }
    check(&store, "without the journal of senders");
}

#[test]
fn senders_whose_journal_cannot_be_opened_go_on() {
    without_journal(|path| std::fs::create_dir(path).unwrap());
}

#[test]
#[cfg(target_os = "linux")]
fn senders_whose_journal_is_on_a_full_disk_go_on() {
    without_journal(|path| std::os::unix::fs::symlink("/dev/full", path).unwrap());
}
