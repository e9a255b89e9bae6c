//! A store with the databases of the examples.

#[path = "../common_sound/mod.rs"]
mod common_sound;

use std::sync::Arc;

use renkei::webapi::{Options, Request, Response, WebApi};
use renkei::{AccessSettings, Blueprint, Clock, ManualClock, NewToken, Right, Rights, Store, Timestamp, User, Worker};
use serde_json::Value as Json;
use tempfile::TempDir;

use common_sound::Sound;

/// 2026-01-05 09:00:00 in Tokyo.
pub const NOW: Timestamp = Timestamp(1_767_571_200_000);

pub const ACCOUNT: &str = "abc1de2";

/// The ids are those of the examples.
const BLUEPRINT: &str = include_str!("blueprint.json");

pub struct Fixture {
    _sound: Sound,
    pub store: Store,
    pub api: WebApi,
    pub clock: Arc<ManualClock>,
    pub token: String,
    _dir: TempDir,
}

impl Fixture {
    pub fn new() -> Fixture {
        Fixture::with(Options::default(), AccessSettings { calls_per_minute: None, ..AccessSettings::default() })
    }

    pub fn with(options: Options, access: AccessSettings) -> Fixture {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(NOW));
        let store = Store::options().create(true).clock(clock.clone()).open(dir.path().join("store.db")).unwrap();
        let blueprint = Blueprint::from_json(BLUEPRINT)
            .unwrap()
            .access(access)
            .user(User::new("link", "連携用").allow_everywhere(Rights::ALL))
            .user(User::new("tanto_a", "担当A").allow_everywhere(Rights::ALL))
            .user(User::new("reader", "閲覧者").allow("cases", [Right::View]));
        store.apply(&blueprint).unwrap();
        let token = store.issue_token(&NewToken::of("link")).unwrap().secret().to_owned();
        let api = WebApi::with_options(&store, ACCOUNT, options).unwrap();
        Fixture { _sound: Sound::at_the_end(store.path()), store, api, clock, token, _dir: dir }
    }

    pub fn request(&self, function: &str) -> Request<'static> {
        Request::new("POST", format!("/{ACCOUNT}/{function}/version/v1"))
            .header("Host", "db.example.test")
            .owned_header("X-HD-apitoken", self.token.clone())
            .remote("203.0.113.7".parse().unwrap())
            .tls(true)
    }

    /// Calls a function with JSON; the status and the answer, which must be an envelope.
    pub fn call(&self, function: &str, json: impl Into<String>) -> (u16, String) {
        let request = self.request(function).header("Content-Type", "application/json");
        text(self.api.handle(request.body(json.into().into_bytes())))
    }

    /// As [`Fixture::call`], of a call that must succeed.
    pub fn ok(&self, function: &str, json: impl Into<String>) -> Json {
        let (status, answer) = self.call(function, json);
        assert_eq!(status, 200, "{answer}");
        serde_json::from_str(&answer).unwrap()
    }

    /// The error of a call that must be refused with 400.
    pub fn refused(&self, function: &str, json: impl Into<String>) -> Json {
        let (status, answer) = self.call(function, json);
        assert_eq!(status, 400, "{answer}");
        let answer: Json = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["errors"]["code"], "100");
        assert_eq!(answer["errors"]["msg"], "パラメータが不正です。");
        answer["errors"]["description"].clone()
    }

    /// Registers records in `cases`, of these titles.
    pub fn cases(&self, titles: &[&str]) {
        for title in titles {
            self.ok("apirecord/regist", format!(r#"{{"dbSchemaId":100201,"values":{{"100304":"{title}"}}}}"#));
        }
    }

    pub fn upload(&self, function: &str, content_type: &str, body: impl Into<Vec<u8>>) -> (u16, String) {
        let request = self.request(function).header("Content-Type", content_type);
        text(self.api.handle(request.body(body.into())))
    }

    /// Reads a CSV file, in the encoding of the answer.
    pub fn csv(&self, json: &str) -> String {
        let response = self.api.handle(self.request("api/csvexport").body(json.as_bytes()));
        assert_eq!(response.status(), 200, "{:?}", response.body_bytes().map(String::from_utf8_lossy));
        assert!(response.is_chunked());
        assert_eq!(response.header("content-type"), Some("text/csv; charset=UTF-8"));
        let mut bytes = Vec::new();
        response.into_body().write_to(&mut bytes).unwrap();
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").expect("a byte order mark");
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    pub fn work(&self) {
        Worker::new(&self.store).run_until_idle().unwrap();
    }

    pub fn count(&self, database: &str) -> u64 {
        self.store.count(database, None).unwrap()
    }

    pub fn turn_to(&self, seconds: i64) {
        self.clock.set(Timestamp(NOW.0 + seconds * 1_000));
        assert_eq!(self.store.now(), self.clock.now());
    }
}

/// The status and the answer, which must be a JSON envelope in one piece.
pub fn text(response: Response) -> (u16, String) {
    let status = response.status();
    assert!(!response.is_chunked());
    assert_eq!(response.header("content-type"), Some("application/json; charset=utf-8"));
    let bytes = response.body_bytes().unwrap();
    assert_eq!(response.content_length(), Some(bytes.len() as u64));
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let json: Json = serde_json::from_str(&text).unwrap();
    assert_eq!(json["code"], status.to_string(), "{text}");
    assert_eq!(json["status"], if status == 200 { "success" } else { "error" });
    assert_eq!(json["version"], "v1");
    assert!(json["query"].is_object() && json["url"].is_string() && json["accessTime"].is_string());
    assert_eq!(json.get("items").is_some(), status == 200);
    assert_eq!(json.get("errors").is_some(), status != 200);
    (status, text)
}
