//! A store with the databases of the examples, and clients of several habits.

use std::sync::Arc;

use renkei::webapi::{Options, Request, Response, WebApi};
use renkei::{AccessSettings, Blueprint, Clock, ManualClock, NewToken, Right, Rights, Store, Timestamp, User, Worker};
use serde_json::Value as Json;
use tempfile::TempDir;

/// 2026-01-05 09:00:00 in Tokyo.
pub const NOW: Timestamp = Timestamp(1_767_571_200_000);

pub const ACCOUNT: &str = "abc1de2";

/// The ids are those of the examples.
const BLUEPRINT: &str = r#"{
    "databases": [
        {
            "id": 100200, "code": "products", "name": "商品",
            "fields": [
                {"id": 100290, "code": "code", "name": "商品コード", "type": "key"},
                {"id": 100291, "code": "name", "name": "商品名", "type": "text"},
                {"id": 100292, "code": "price", "name": "定価", "type": "number"}
            ]
        },
        {
            "id": 100201, "code": "cases", "name": "案件",
            "fields": [
                {"id": 100300, "code": "number", "name": "番号", "type": "key",
                 "parts": [{"kind": "automatic", "format": {"digits": 9}}]},
                {"id": 100301, "code": "state", "name": "状態", "type": "choice", "choices": ["新規", "受付", "済"]},
                {"id": 100302, "code": "accepted", "name": "検収日", "type": "date"},
                {"id": 100303, "code": "amount", "name": "金額", "type": "number", "scale": 2, "min": "0", "max": "1000000"},
                {"id": 100304, "code": "title", "name": "件名", "type": "text", "max_length": 20},
                {"id": 100305, "code": "tags", "name": "タグ", "type": "choices", "choices": ["A", "B", "C"]},
                {"id": 100306, "code": "product", "name": "商品リンク", "type": "link", "database": "products"},
                {"id": 100307, "code": "product_name", "name": "品名", "type": "dependent", "link": "product", "source": "name"},
                {"id": 100308, "code": "owner", "name": "担当者", "type": "user"},
                {"id": 100309, "code": "serial", "name": "連番", "type": "auto_number", "format": {"digits": 3}},
                {"id": 100310, "code": "double", "name": "倍額", "type": "calculated", "expression": "amount * 2", "scale": 2}
            ],
            "details": [
                {"id": 100321, "code": "at", "name": "日時", "type": "datetime"},
                {"id": 100322, "code": "report", "name": "内容", "type": "multiline", "required": true},
                {"id": 100323, "code": "row_product", "name": "明細商品", "type": "link", "database": "products"},
                {"id": 100324, "code": "row_price", "name": "単価", "type": "dependent", "link": "row_product", "source": "price"}
            ]
        },
        {
            "id": 100202, "code": "orders", "name": "受注",
            "fields": [
                {"id": 100340, "code": "product", "name": "商品リンク", "type": "link", "database": "products"},
                {"id": 100341, "code": "number", "name": "番号", "type": "key",
                 "parts": [{"kind": "automatic", "format": {"digits": 9}}]},
                {"id": 100342, "code": "kind", "name": "区分", "type": "choice", "choices": ["受付", "済"]},
                {"id": 100343, "code": "amount", "name": "金額", "type": "number",
                 "display": {"grouping": true, "prefix": "\\"}},
                {"id": 100344, "code": "stock", "name": "在庫", "type": "number", "display": {"suffix": "個"}},
                {"id": 100345, "code": "received", "name": "受付日", "type": "date"},
                {"id": 100346, "code": "shipped", "name": "発送月", "type": "date", "display": "YYYY年MM月", "csv": "YYYYMM"},
                {"id": 100347, "code": "memo", "name": "メモ", "type": "multiline"},
                {"id": 100348, "code": "tags", "name": "タグ", "type": "choices", "choices": ["至急", "法人"]}
            ],
            "details": [
                {"id": 100351, "code": "at", "name": "日時", "type": "datetime"},
                {"id": 100352, "code": "report", "name": "内容", "type": "multiline"},
                {"id": 100353, "code": "person", "name": "担当", "type": "text"}
            ],
            "details_at": 8
        },
        {
            "id": 100203, "code": "visits", "name": "訪問",
            "fields": [
                {"id": 100360, "code": "number", "name": "顧客番号", "type": "key",
                 "parts": [{"kind": "typed", "digits": 4}]},
                {"id": 100361, "code": "name", "name": "顧客名", "type": "text", "required": true}
            ],
            "details": [
                {"id": 100371, "code": "row", "name": "明細キー", "type": "detail_key"},
                {"id": 100372, "code": "report", "name": "報告", "type": "text"}
            ]
        }
    ],
    "lists": [
        {"id": 100501, "database": "cases", "code": "short", "name": "一覧",
         "columns": ["number", {"field": "title", "name": "件　名"}, "amount", "[登録日]", "_updated_by", "owner"],
         "sort": [{"field": "number", "descending": true}]},
        {"id": 100502, "database": "orders", "code": "rows", "name": "明細一覧",
         "columns": ["number", "amount", "stock", "received", "shipped", "tags", "product", "at", "report"]},
        {"id": 100503, "database": "products", "code": "all", "name": "商品一覧", "columns": ["code", "name"]}
    ],
    "searches": [
        {"id": 100601, "database": "cases", "code": "done", "name": "済",
         "condition": {"field": "state", "op": "equals", "value": "済"}}
    ],
    "imports": [
        {"id": 100401, "database": "cases", "code": "daily", "name": "日次", "mode": "insert", "first_line": 1,
         "columns": [{"field": "title"}, {"field": "amount"}, {"field": "accepted"}]},
        {"id": 100402, "database": "visits", "code": "headed", "name": "見出し付き", "mode": "upsert", "first_line": 2,
         "columns": [{"field": "number"}, {"field": "name"}]}
    ]
}"#;

pub struct Fixture {
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
        Fixture { store, api, clock, token, _dir: dir }
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

/// The body of a client: name, content type, and the body it makes of a JSON text and a CSV file.
pub type Client = (&'static str, &'static str, fn(&str, &[u8]) -> Vec<u8>);

fn lines(lines: &[&[u8]], end: &[u8]) -> Vec<u8> {
    lines.join(end)
}

/// What real clients send.
pub const CLIENTS: [Client; 5] = [
    ("raw PHP", "multipart/form-data; boundary=boundary;", |json, csv| {
        lines(
            &[
                b"--boundary",
                b"Content-Disposition: form-data; name='json'",
                b"Content-Type: application/json",
                b"",
                json.as_bytes(),
                b"--boundary",
                b"Content-Disposition: form-data; name='uploadFile'; filename='uploadFile.csv'",
                b"Content-Type: text/csv; charset=UTF-8",
                b"",
                csv,
                b"--boundary--",
            ],
            b"\n",
        )
    }),
    (".NET", "multipart/form-data; boundary=\"9f2c1d4e-0000-4000-8000-00000000abcd\"", |json, csv| {
        lines(
            &[
                b"--9f2c1d4e-0000-4000-8000-00000000abcd",
                b"Content-Type: application/json; charset=utf-8",
                b"Content-Disposition: form-data; name=json",
                b"",
                json.as_bytes(),
                b"--9f2c1d4e-0000-4000-8000-00000000abcd",
                b"Content-Type: text/csv",
                b"Content-Disposition: form-data; name=uploadFile; filename=upload.csv; filename*=utf-8''upload.csv",
                b"",
                csv,
                b"--9f2c1d4e-0000-4000-8000-00000000abcd--",
                b"",
            ],
            b"\r\n",
        )
    }),
    ("TypeScript", "multipart/form-data;boundary=-+-+-+-Boundary_h0a1b2c", |json, csv| {
        let pretty = format!("{{\n  {}\n}}", json.trim_matches(['{', '}']));
        lines(
            &[
                b"---+-+-+-Boundary_h0a1b2c",
                b"Content-Disposition: form-data; name=\"json\"",
                b"Content-Type: application/json;charset=UTF-8",
                b"",
                pretty.as_bytes(),
                b"---+-+-+-Boundary_h0a1b2c",
                b"Content-Disposition: form-data; name=\"uploadFile\"; filename=\"data.csv\"",
                b"Content-Type: text/csv;charset=UTF-8",
                b"",
                csv,
                b"",
                b"---+-+-+-Boundary_h0a1b2c--",
            ],
            b"\r\n",
        )
    }),
    ("curl", "multipart/form-data; boundary=------------------------d74496d66958873e", |json, csv| {
        lines(
            &[
                b"--------------------------d74496d66958873e",
                b"Content-Disposition: form-data; name=\"json\"",
                b"",
                json.as_bytes(),
                b"--------------------------d74496d66958873e",
                b"Content-Disposition: form-data; name=\"uploadFile\"; filename=\"data.csv\"",
                b"Content-Type: application/octet-stream",
                b"",
                csv,
                b"--------------------------d74496d66958873e--",
                b"",
            ],
            b"\r\n",
        )
    }),
    ("file first, without a boundary in the header", "multipart/form-data", |json, csv| {
        lines(
            &[
                b"--x",
                b"content-disposition: form-data; filename=data.csv; name=uploadFile",
                b"",
                csv,
                b"--x",
                b"content-disposition: form-data; name=json",
                b"",
                json.as_bytes(),
                b"--x--",
            ],
            b"\n",
        )
    }),
];
