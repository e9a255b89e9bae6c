//! Tokens, rights, addresses, calls per minute, and what the audit log is told.

use std::time::Duration;

use renkei::webapi::{Options, Request};
use renkei::{AccessSettings, AuditQuery, Blueprint, NewToken, Right, Rights, Store, User};
use serde_json::Value as Json;

use crate::fixture::{ACCOUNT, Fixture, text};

const VIEW: &str = r#"{"dbSchemaId":100201,"keyId":"000000001"}"#;

fn view(f: &Fixture, request: Request<'_>) -> (u16, Json) {
    let (status, answer) = text(f.api.handle(request.body(VIEW.as_bytes())));
    (status, serde_json::from_str(&answer).unwrap())
}

fn request() -> Request<'static> {
    Request::new("POST", format!("/{ACCOUNT}/apirecord/view/version/v1"))
        .header("Host", "h")
        .remote("203.0.113.7".parse().unwrap())
}

#[test]
fn calls_need_a_token_that_is_good() {
    let f = Fixture::new();
    f.cases(&["a"]);
    for request in [request(), request().header("X-HD-apitoken", ""), request().header("X-HD-apitoken", "  ")] {
        let (status, answer) = view(&f, request);
        assert_eq!(status, 401);
        assert_eq!(answer["errors"]["code"], "1");
        assert!(answer["errors"]["msg"].as_str().unwrap().contains("認証"));
        assert_eq!(answer["query"], serde_json::json!({}));
    }
    let expired = f.store.issue_token(&NewToken::of("link").expires_in(Duration::from_secs(60))).unwrap();
    let revoked = f.store.issue_token(&NewToken::of("link")).unwrap();
    f.store.revoke_token(revoked.id()).unwrap();
    f.turn_to(61);
    for token in ["x", "あ", &"a".repeat(64), expired.secret(), revoked.secret(), &f.token[1..]] {
        let response = f.api.handle(request().header("X-HD-apitoken", token).body(VIEW.as_bytes()));
        assert!(response.header("www-authenticate").is_some());
        let (status, answer) = text(response);
        assert_eq!(status, 401, "{token}");
        assert!(answer.contains(
            r#""errors":{"code":"2","msg":"認証に失敗しました。APIトークンが正しくありません。","description":[]}"#
        ));
        assert!(!answer.contains(token) || token.len() < 5, "the token must not be repeated");
    }
    for name in ["X-HD-apitoken", "x-hd-apitoken", "X-HD-APITOKEN"] {
        assert_eq!(view(&f, request().header(name, &format!(" {}\t", f.token))).0, 200);
    }
}

#[test]
fn a_request_without_a_good_token_is_refused_before_its_body() {
    struct Untouchable;
    impl std::io::Read for Untouchable {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            panic!("the body was read");
        }
    }
    let f = Fixture::new();
    // Who waits to be told to go on is not made to send for nothing.
    let waiting = || request().header("Expect", "100-continue").header("Content-Length", "100");
    let response = f.api.handle(waiting().reader(Untouchable));
    assert!(response.closes());
    assert_eq!(response.status(), 401);
    let response = f
        .api
        .handle(waiting().header("X-HD-apitoken", &f.token).header("Content-Length", "9").reader(&b"{\"a\":1}  "[..]));
    assert!(!response.closes());
    assert_eq!(response.status(), 400);
    // Who sends without asking is listened to, so that he sees the answer.
    let response = f.api.handle(request().reader(&[b'x'; 100_000][..]));
    assert!(!response.closes());
    assert_eq!(response.status(), 401);
    let response = f.api.handle(request().reader(std::io::repeat(b'x')));
    assert!(response.closes());
}

#[test]
fn rights_are_those_of_the_user() {
    let mut f = Fixture::new();
    f.cases(&["a"]);
    f.token = f.store.issue_token(&NewToken::of("reader")).unwrap().secret().to_owned();
    assert_eq!(f.call("apirecord/view", VIEW).0, 200);
    let csv = "--b\r\nContent-Disposition: form-data; name=uploadFile; filename=a.csv\r\n\r\na\r\n--b--\r\n";
    let both = "--b\r\nContent-Disposition: form-data; name=json\r\n\r\n{\"dbSchemaId\":100201,\"importId\":100401}\r\n"
        .to_owned() + csv;
    let answers = [
        f.call("apirecord/view", r#"{"dbSchemaId":100203,"keyId":"1"}"#),
        f.call("apirecord/regist", r#"{"dbSchemaId":100201,"values":{}}"#),
        f.call("apirecord/update", r#"{"dbSchemaId":100201,"keyId":"000000001","values":{}}"#),
        f.call("apirecord/delete", VIEW),
        f.call("api/csvexport", r#"{"dbSchemaId":100201}"#),
        f.call("api/csvimport", r#"{"dbSchemaId":100201,"importId":100401,"fileId":1}"#),
        f.upload("api/fileupload", "multipart/form-data; boundary=b", csv),
        f.upload("api/csvdataimport", "multipart/form-data; boundary=b", both),
    ];
    for (status, answer) in answers {
        assert_eq!(status, 403, "{answer}");
        assert!(
            answer.contains(r#""errors":{"code":"904","msg":"この操作を行う権限がありません。","description":[]}"#),
            "{answer}"
        );
    }
    assert_eq!(f.count("cases"), 1);
}

#[test]
fn what_another_process_decides_holds_from_the_next_call_on() {
    let f = Fixture::new();
    f.cases(&["a"]);
    // It has nothing in common with the handle that serves, but the file.
    let other = Store::options().clock(f.clock.clone()).open(f.store.path()).unwrap();
    let link = || User::new("link", "連携用").allow_everywhere(Rights::ALL);
    let decide = |user: User| {
        other.apply(&Blueprint::new().user(user)).unwrap();
    };
    let status = || f.call("apirecord/view", VIEW).0;
    assert_eq!(status(), 200);
    decide(User::new("link", "連携用").allow_everywhere([Right::Register]));
    assert_eq!(status(), 403);
    decide(link());
    assert_eq!(status(), 200);
    let mut inactive = link();
    inactive.active = false;
    decide(inactive);
    assert_eq!(status(), 401);
    let mut slow = link();
    slow.calls_per_minute = Some(1);
    decide(slow);
    assert_eq!([status(), status()], [200, 429]);
    decide(link());
    assert_eq!(status(), 200);
    for token in other.tokens().unwrap() {
        other.revoke_token(token.id).unwrap();
    }
    assert_eq!(status(), 401);
}

#[test]
fn writers_are_told_by_name() {
    let mut f = Fixture::new();
    f.cases(&["a"]);
    f.token = f.store.issue_token(&NewToken::of("tanto_a")).unwrap().secret().to_owned();
    f.turn_to(60);
    f.ok("apirecord/update", r#"{"dbSchemaId":100201,"keyId":"000000001","values":{"100304":"b"}}"#);
    let items = f.ok("apirecord/view", VIEW)["items"].clone();
    assert_eq!(items["[登録ユーザ]"], "連携用");
    assert_eq!(items["[登録日]"], "2026/01/05 09:00");
    assert_eq!(items["[更新ユーザ]"], "担当A");
    assert_eq!(items["[更新日]"], "2026/01/05 09:01");
}

#[test]
fn addresses_are_judged_behind_trusted_proxies() {
    let f = Fixture::with(
        Options::default(),
        AccessSettings {
            calls_per_minute: None,
            addresses: vec!["203.0.113.0/24".parse().unwrap()],
            trusted_proxies: vec!["127.0.0.1".parse().unwrap()],
            ..AccessSettings::default()
        },
    );
    f.cases(&["a"]);
    let from = |peer: Option<&str>, forwarded: &[&'static str]| {
        let mut request =
            Request::new("POST", format!("/{ACCOUNT}/apirecord/view/version/v1")).header("X-HD-apitoken", &f.token);
        if let Some(peer) = peer {
            request = request.remote(peer.parse().unwrap());
        }
        for value in forwarded {
            request = request.header("x-forwarded-for", *value);
        }
        view(&f, request)
    };
    assert_eq!(from(Some("203.0.113.7"), &[]).0, 200);
    assert_eq!(from(Some("127.0.0.1"), &["198.51.100.1, 203.0.113.9"]).0, 200);
    assert_eq!(from(Some("127.0.0.1"), &["198.51.100.1", "203.0.113.9"]).0, 200);
    for (peer, forwarded) in [
        (None, &[][..]),
        (Some("198.51.100.1"), &[]),
        (Some("127.0.0.1"), &[]),
        (Some("198.51.100.1"), &["203.0.113.9"]),
        (Some("127.0.0.1"), &["203.0.113.9, 198.51.100.1"]),
        (Some("127.0.0.1"), &["unknown"]),
    ] {
        let (status, answer) = from(peer, forwarded);
        assert_eq!(status, 403, "{peer:?} {forwarded:?}");
        assert_eq!(
            answer["errors"],
            serde_json::json!({"code": "7", "msg": "アクセスが拒否されました。", "description": []})
        );
    }
}

#[test]
fn calls_are_counted_and_refused_by_the_known_words() {
    let f = Fixture::with(Options::default(), AccessSettings::default());
    for _ in 0..20 {
        assert_eq!(f.call("apirecord/view", VIEW).0, 400);
    }
    f.turn_to(20);
    let response = f.api.handle(f.request("apirecord/view").body(VIEW.as_bytes()));
    assert_eq!(response.header("retry-after"), Some("40"));
    let (status, answer) = text(response);
    assert_eq!(status, 429);
    assert!(
        answer.contains(r#""errors":{"code":"903","msg":"APIの実行回数が制限を超えました。","description":[]}"#),
        "{answer}"
    );
    // Refused calls do not count, and calls that are no calls neither.
    for _ in 0..50 {
        assert_eq!(f.call("apirecord/view", VIEW).0, 429);
        assert_eq!(view(&f, request()).0, 401);
    }
    f.turn_to(61);
    assert_eq!(f.call("apirecord/view", VIEW).0, 400);
}

#[test]
fn the_audit_log_tells_who_did_what() {
    let f = Fixture::new();
    f.cases(&["a"]);
    f.call("apirecord/delete", r#"{"dbSchemaId":100201,"keyId":"000000001"}"#);
    f.call("apirecord/delete", r#"{"dbSchemaId":100201,"keyId":"000000001"}"#);
    let page = f.store.audit(&AuditQuery::new()).unwrap();
    let lines: Vec<_> = page
        .lines
        .iter()
        .take(3)
        .map(|line| {
            (line.user.as_deref(), line.action.as_str(), line.database, line.subject.as_str(), line.result.as_str())
        })
        .collect();
    assert_eq!(
        lines,
        [
            (Some("link"), "apirecord/delete", Some(100201), "000000001", "100"),
            (Some("link"), "apirecord/delete", Some(100201), "000000001", "ok"),
            (Some("link"), "apirecord/regist", Some(100201), "000000001", "ok"),
        ]
    );
    assert_eq!(page.lines[0].address, "203.0.113.7".parse().ok());
}
