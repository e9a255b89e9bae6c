//! What nobody means well by: an envelope comes back, nothing panics, nothing is written, little is read.

use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use renkei::webapi::Request;

use crate::fixture::{ACCOUNT, Fixture, text};

const FUNCTIONS: [&str; 9] = [
    "api/fileupload",
    "api/csvimport",
    "api/csvdataimport",
    "api/checkcsvimportprocess",
    "api/csvexport",
    "apirecord/regist",
    "apirecord/update",
    "apirecord/delete",
    "apirecord/view",
];

/// Repeats a piece for ever and counts what was taken.
struct Endless<'a>(&'a [u8], usize, &'a AtomicU64);

impl Read for Endless<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        for byte in out.iter_mut() {
            *byte = self.0[self.1 % self.0.len()];
            self.1 += 1;
        }
        self.2.fetch_add(out.len() as u64, Ordering::Relaxed);
        Ok(out.len())
    }
}

#[test]
fn endless_bodies_are_broken_off() {
    let f = Fixture::new();
    for (function, content_type, head, repeated) in [
        ("apirecord/view", "application/json", "", "["),
        ("apirecord/view", "application/json", "", " "),
        ("apirecord/regist", "application/json", "", "{\"a\":"),
        ("apirecord/view", "multipart/form-data; boundary=b", "--b\n\n", "x"),
        ("api/fileupload", "multipart/form-data; boundary=b", "", "preamble "),
        ("api/fileupload", "multipart/form-data; boundary=b", "--b\nA: ", "header"),
        ("api/fileupload", "multipart/form-data; boundary=b", "", "--b\n\n\n"),
        ("api/fileupload", "multipart/form-data; boundary=b", "--b\nContent-Disposition: x; name=other\n\n", "\r\n--"),
        (
            "api/fileupload",
            "multipart/form-data; boundary=b",
            "--b\nContent-Disposition: x; name=uploadFile\n\n",
            "a,b,c\n",
        ),
        ("api/fileupload", "multipart/form-data; boundary=b", "--b\nContent-Disposition: x; name=uploadFile\n\n", "x"),
        ("api/csvdataimport", "multipart/form-data; boundary=b", "--b\nContent-Disposition: x; name=json\n\n", "1"),
        ("api/csvdataimport", "multipart/form-data", "", "-"),
    ] {
        let taken = AtomicU64::new(0);
        let body = head.as_bytes().chain(Endless(repeated.as_bytes(), 0, &taken));
        let request = f.request(function).header("Content-Type", content_type).header("Expect", "100-continue");
        let response = f.api.handle(request.reader(body));
        assert!(response.closes(), "{function} {repeated}");
        let (status, answer) = text(response);
        assert!(matches!(status, 400 | 413), "{function} {repeated}: {answer}");
        assert!(taken.load(Ordering::Relaxed) <= 11 << 20, "{function} {repeated}: {taken:?}");
    }
}

#[test]
fn bodies_that_say_they_are_large_are_not_begun() {
    let f = Fixture::new();
    for function in FUNCTIONS {
        for length in ["10000000000", "18446744073709551615"] {
            let taken = AtomicU64::new(0);
            let request = f.request(function).header("Content-Length", length).header("Expect", "100-continue");
            let response = f.api.handle(request.reader(Endless(b" ", 0, &taken)));
            assert!(response.closes());
            assert!(matches!(text(response).0, 400 | 413));
            assert_eq!(taken.load(Ordering::Relaxed), 0, "{function}");
        }
        // A length that is none is no reason to fail.
        let request = f.request(function).header("Content-Length", "-1").body(&b"{}"[..]);
        assert_eq!(text(f.api.handle(request)).0, 400);
    }
}

#[test]
fn deep_wide_and_long_json() {
    let f = Fixture::new();
    let mut bodies = vec![
        "[".repeat(1_000_000),
        "{\"a\":".repeat(500_000),
        format!("{{\"dbSchemaId\":{}}}", "9".repeat(1_000_000)),
        format!("{{\"dbSchemaId\":1e{}}}", "9".repeat(1_000_000)),
        format!("{{\"dbSchemaId\":-0.{}}}", "0".repeat(1_000_000)),
        format!("{{\"dbSchemaId\":\"{}\"}}", "\\u0000".repeat(100_000)),
        format!("{{{}\"a\":1}}", "\"a\":1,".repeat(200_000)),
        format!("[{}1]", "1,".repeat(2_000_000)),
        format!("{{\"{}\":1}}", "k".repeat(3_000_000)),
    ];
    let values = |inner: String| format!("{{\"dbSchemaId\":100201,\"keyId\":\"1\",\"values\":{inner}}}");
    bodies.push(values(format!("{{\"100303\":{}}}", "9".repeat(1_000_000))));
    bodies.push(values(format!("{{\"100303\":1e{}}}", "9".repeat(100))));
    bodies.push(values(format!("{{\"100302\":\"{}\"}}", "2026/".repeat(100_000))));
    bodies.push(values(format!("{{\"100304\":\"{}\"}}", "あ".repeat(1_000_000))));
    bodies.push(values(format!("{{\"100305\":[{}\"A\"]}}", "\"A\",\"x\",".repeat(50_000))));
    bodies.push(values(format!("{{\"100306\":\"{}\"}}", "\\ud83d\\ude00".repeat(100_000))));
    bodies.push(values(format!("{{\"details\":[{}{{}}]}}", "{},".repeat(200_000))));
    bodies.push(values(format!("{{\"details\":[{}{{}}]}}", "{\"100322\":\"x\"},".repeat(20_000))));
    let many: Vec<String> = (0..100_000).map(|at| format!("\"u{at}\":1")).collect();
    bodies.push(values(format!("{{{}}}", many.join(","))));
    for (at, body) in bodies.iter().enumerate() {
        for function in ["apirecord/regist", "apirecord/update", "apirecord/view", "api/csvexport"] {
            // An export does not look at values.
            if function == "api/csvexport" && body.contains("100201") {
                continue;
            }
            let (status, answer) = f.call(function, body.clone());
            assert!(matches!(status, 400 | 413), "{at} {function}: {}", &answer[..answer.len().min(500)]);
            // The echo cannot be longer than what was sent by more than its escapes and the entries.
            assert!(answer.len() < 6 * body.len() + 1_000_000, "{at} {function}");
        }
    }
    assert_eq!(f.count("cases"), 0);
}

#[test]
fn headers_are_no_way_in() {
    let f = Fixture::new();
    let body = br#"{"dbSchemaId":100201,"keyId":"1"}"#;
    // A host that lets line ends through cannot make us write them out.
    let request = f.request("apirecord/view").header("Host", "x").body(&body[..]);
    assert_eq!(text(f.api.handle(request)).0, 400);
    for host in [&b"a\r\nX-Evil: 1"[..], b"\xff\xfe", b"", b"\"},\"status\":\"success\"", &[b'h'; 100_000]] {
        let request = Request::new("POST", format!("/{ACCOUNT}/apirecord/view/version/v1"))
            .owned_header("Host", host)
            .owned_header("X-HD-apitoken", f.token.clone())
            .body(&body[..]);
        let response = f.api.handle(request);
        for (name, value) in response.headers() {
            assert!(!name.contains(['\r', '\n']) && !value.contains(['\r', '\n']));
        }
        let (status, answer) = text(response);
        assert_eq!(status, 400);
        assert!(answer.len() < 5_000);
        assert!(!answer.contains(['\r', '\n']));
    }
    // Several tokens: the first counts, whatever follows.
    let request = f.request("apirecord/view").header("X-HD-apitoken", "other").body(&body[..]);
    assert_eq!(text(f.api.handle(request)).0, 400);
    let request = Request::new("POST", format!("/{ACCOUNT}/apirecord/view/version/v1"))
        .header("X-HD-apitoken", "other")
        .owned_header("X-HD-apitoken", f.token.clone());
    assert_eq!(text(f.api.handle(request.body(&body[..]))).0, 401);
    for token in [vec![b'a'; 1_000_000], b"\0".to_vec(), b"\xff".to_vec(), b"' OR 1=1 --".to_vec()] {
        let request =
            Request::new("POST", format!("/{ACCOUNT}/apirecord/view/version/v1")).owned_header("X-HD-apitoken", token);
        assert_eq!(text(f.api.handle(request)).0, 401);
    }
    for content_type in [
        "multipart/",
        "multipart/form-data; boundary=\"",
        "multipart/form-data; boundary=;;;=",
        "multipart/form-data; boundary=\r\n",
    ] {
        let request = f.request("api/fileupload").owned_header("Content-Type", content_type).body(&body[..]);
        assert_eq!(text(f.api.handle(request)).0, 400, "{content_type}");
    }
}

#[test]
fn file_names_are_only_names() {
    let f = Fixture::new();
    for name in ["../../etc/passwd", "C:\\windows\\x.csv", &"あ".repeat(3_000), "a\0b", "<script>"] {
        let body = format!("--b\nContent-Disposition: form-data; name=uploadFile; filename=\"{name}\"\n\na,b\n\n--b--");
        let (status, answer) = f.upload("api/fileupload", "multipart/form-data; boundary=b", body);
        assert_eq!(status, 200, "{answer}");
        assert!(!answer.contains("passwd"));
    }
}

#[test]
fn keys_that_look_like_other_things() {
    let f = Fixture::new();
    f.cases(&["a"]);
    for key in ["' OR 1=1 --", "\0", "%", "_", "*", "1", "[1]", "000000001 ", "𝟎00000001", "../1", "\u{202e}"] {
        let json = serde_json::json!({"dbSchemaId": 100201, "keyId": key});
        for function in ["apirecord/view", "apirecord/delete"] {
            assert_eq!(f.refused(function, json.to_string())[0]["code"], "8", "{key:?}");
        }
    }
    assert_eq!(f.count("cases"), 1);
}

/// Anything, and much that is nearly right.
fn json() -> impl Strategy<Value = serde_json::Value> {
    let id =
        prop::sample::select(vec!["100201", "100203", "100300", "100303", "100322", "100401", "100501", "1", "x", ""]);
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        ".{0,8}".prop_map(Into::into),
        id.clone().prop_map(Into::into),
        id.prop_map(|id| id.parse::<i64>().map_or(serde_json::Value::Null, Into::into)),
    ];
    let name = prop::sample::select(vec![
        "dbSchemaId",
        "keyId",
        "values",
        "details",
        "importId",
        "fileId",
        "processId",
        "listId",
        "searchId",
        "limit",
        "offset",
        "keyMode",
        "getSubordinate",
        "updateDetailKeyId",
        "responseType",
        "detailKey",
        "100302",
        "100303",
        "100304",
        "100305",
        "100306",
        "100321",
        "100322",
        "100360",
        "100371",
        "行",
        "[ID]",
        "",
    ]);
    leaf.prop_recursive(4, 24, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::vec((name.clone(), inner), 0..6).prop_map(|members| {
                serde_json::Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
            }),
        ]
    })
}

#[test]
fn no_body_is_answered_by_anything_but_an_answer() {
    let f = Fixture::new();
    f.cases(&["a", "b"]);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(400));
    let bodies = prop_oneof![
        json().prop_map(|json| json.to_string().into_bytes()),
        json().prop_map(|json| {
            let mut json = json;
            if let Some(members) = json.as_object_mut() {
                members.insert("dbSchemaId".to_owned(), 100_201.into());
                members.insert("keyId".to_owned(), "000000001".into());
            }
            json.to_string().into_bytes()
        }),
        prop::collection::vec(any::<u8>(), 0..64),
    ];
    let cases = (bodies, prop::sample::select(FUNCTIONS.to_vec()), any::<bool>());
    runner
        .run(&cases, |(body, function, as_part)| {
            let (content_type, body) = match as_part {
                false => ("application/json", body),
                true => {
                    let head = b"--b\r\nContent-Disposition: form-data; name=json\r\n\r\n";
                    let file = b"\r\n--b\r\nContent-Disposition: form-data; name=uploadFile\r\n\r\na,b\r\n--b--";
                    ("multipart/form-data; boundary=b", [&head[..], &body, file].concat())
                }
            };
            let response = f.api.handle(f.request(function).header("Content-Type", content_type).body(body));
            if response.is_chunked() {
                prop_assert_eq!(function, "api/csvexport");
                let mut csv = Vec::new();
                response.into_body().read_to_end(&mut csv).unwrap();
                prop_assert!(csv.starts_with(b"\xef\xbb\xbf\""));
                return Ok(());
            }
            let (status, answer) = text(response);
            prop_assert!(matches!(status, 200 | 400), "{} {}", function, answer);
            Ok(())
        })
        .unwrap();
}
