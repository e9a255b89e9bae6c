//! Tokens and addresses.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use renkei::{
    AccessSettings, AuditEntry, AuditQuery, Blueprint, Code, Error, Kind, NewToken, Right, Rights, Store, User, Values,
    Worker,
};

use crate::common::{Fixture, NOW};
use crate::fixture::{address, issue, office, range, set_user, taro};

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
    let Fixture { sound, dir, store, .. } = fixture;
    drop((store, caller));
    search(dir.path());
    drop(sound);
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
