//! The host in C answers as the dispatcher does.
//!
//! All tests of the host in Rust can be run on it too: `RENKEI_HOST=/path/to/host cargo test --test host`, as CI does.

use std::ffi::OsString;
use std::io::Read;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use renkei::webapi::{Request, WebApi};
use renkei::{Blueprint, NewToken, Store, Worker};
use serde_json::{Value as Json, json};

use super::{Link, ROOT, compile, has};
use crate::raw::{Answer, head, request};
use crate::running::{ACCOUNT, Host, blueprint, output_of};

const PATIENCE: Duration = Duration::from_secs(120);

/// What the dispatcher says to the same calls, on a store of its own with the same definitions.
struct Dispatcher {
    store: Store,
    api: WebApi,
    token: String,
    _folder: tempfile::TempDir,
}

impl Dispatcher {
    fn new() -> Dispatcher {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(folder.path().join("store.db")).unwrap();
        let definitions = blueprint(json!({"calls_per_minute": null}));
        store.apply(&Blueprint::from_json(&definitions).unwrap()).unwrap();
        let token = store.issue_token(&NewToken::of("link")).unwrap().secret().to_owned();
        let api = WebApi::new(&store, ACCOUNT).unwrap();
        Dispatcher { store, api, token, _folder: folder }
    }
}

/// A text without the moments in it, which are never the same: digits of `2026-01-31 09:30:00` and its like become 0.
fn timeless(bytes: &[u8]) -> String {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let mut out = bytes.to_vec();
    let shape = |at: usize| {
        // In JSON a slash is written with a backslash before it.
        let letters = text[at..].chars().filter(|letter| *letter != '\\').take(16);
        let digits: String = letters.map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect();
        matches!(digits.as_str(), "0000-00-00 00:00" | "0000/00/00 00:00")
    };
    for at in (0..text.len()).filter(|at| text.is_char_boundary(*at) && shape(*at)) {
        for byte in out.iter_mut().skip(at).take(21).filter(|byte| byte.is_ascii_digit()) {
            *byte = b'0';
        }
    }
    String::from_utf8(out).unwrap()
}

/// The same call to both; the answer, which is the same.
fn both(host: &Host, dispatcher: &Dispatcher, function: &str, content_type: &str, body: &str) -> Answer {
    let answer = host.send(request(function, &host.token, &format!("Content-Type: {content_type}\r\n"), body));
    let response = dispatcher.api.handle(
        Request::new("POST", format!("/{ACCOUNT}/{function}/version/v1"))
            .header("Host", "db.example.test")
            .header("X-HD-apitoken", &dispatcher.token)
            .header("Content-Type", content_type)
            .owned_header("Content-Length", body.len().to_string())
            .remote("127.0.0.1".parse().unwrap())
            .body(body.as_bytes()),
    );
    assert_eq!(answer.status, response.status(), "{function}: {}", String::from_utf8_lossy(&answer.body));
    assert_eq!(answer.head.lines().next().unwrap(), format!("HTTP/1.1 {} {}", response.status(), response.reason()));
    for (name, value) in response.headers() {
        assert_eq!(answer.header(name).as_deref(), Some(value.as_str()), "{function}: {name}");
    }
    assert_eq!(answer.chunks.is_some(), response.is_chunked(), "{function}");
    let mut wanted = Vec::new();
    response.into_body().read_to_end(&mut wanted).unwrap();
    assert_eq!(timeless(&answer.body), timeless(&wanted), "{function}");
    answer
}

fn upload(json: &str) -> String {
    let csv = "一件目,10.50,2026-01-02\r\n二件目,あ,2026-01-03\r\n".repeat(20);
    let json = match json {
        "" => String::new(),
        json => format!("--b\r\nContent-Disposition: form-data; name=\"json\"\r\n\r\n{json}\r\n"),
    };
    format!(
        "{json}--b\r\nContent-Disposition: form-data; name=\"uploadFile\"; filename=\"a.csv\"\r\n\r\n{csv}\r\n--b--\r\n"
    )
}

/// All nine functions, well and refused.
fn compare(host: &Host) {
    let dispatcher = Dispatcher::new();
    let call = |function: &str, json: Json| both(host, &dispatcher, function, "application/json", &json.to_string());
    let parts = |function: &str, json: &str| {
        both(host, &dispatcher, function, "multipart/form-data; boundary=b", &upload(json))
    };
    let id_of = |answer: &Answer, member: &str| {
        let json: Json = serde_json::from_slice(&answer.body).unwrap();
        json[member].as_str().unwrap_or_else(|| panic!("{json}")).to_owned()
    };
    let values = json!({"100304": "件名😀", "100301": "受付", "100303": "1234.5", "100305": ["A", "C"],
        "details": [{"100321": "2026/01/15 10:00", "100322": "初回\n訪問"}]});
    for json in [
        json!({"dbSchemaId": "100201", "values": values}),
        json!({"dbSchemaId": "100201", "values": {"100301": "なし", "100303": "x"}}),
        json!({"dbSchemaId": "999"}),
        json!({}),
    ] {
        call("apirecord/regist", json);
    }
    let key = "000000001";
    for kind in ["0", "1"] {
        call("apirecord/view", json!({"dbSchemaId": 100201, "keyId": key, "responseType": kind}));
    }
    call("apirecord/update", json!({"dbSchemaId": "100201", "keyId": key, "values": {"100304": "改"}}));
    call("apirecord/update", json!({"dbSchemaId": "100201", "keyId": "none", "values": {"100304": "改"}}));
    call("api/csvexport", json!({"dbSchemaId": "100201", "listId": "100501"}));
    call("api/csvexport", json!({"dbSchemaId": "100201", "listId": "1"}));
    // Imports are run by the worker of the host, and here by one that is told to.
    let setting = r#"{"dbSchemaId":"100201","importId":"100401"}"#;
    let file = id_of(&parts("api/fileupload", ""), "fileId");
    let first =
        id_of(&call("api/csvimport", json!({"dbSchemaId": 100201, "importId": 100401, "fileId": file})), "processId");
    let second = id_of(&parts("api/csvdataimport", setting), "processId");
    parts("api/csvdataimport", r#"{"dbSchemaId":"100201","importId":"7"}"#);
    Worker::new(&dispatcher.store).run_until_idle().unwrap();
    for process in [first, second] {
        host.wait_for(&process, &[2, 3]);
        let answer = call("api/checkcsvimportprocess", json!({"processId": process}));
        assert_eq!(answer.json()["items"]["nowCondition"], 2, "{}", answer.text());
    }
    call("api/checkcsvimportprocess", json!({"processId": "1"}));
    let answer = call("api/csvexport", json!({"dbSchemaId": "100201", "listId": "100501", "limit": 1000}));
    assert!(answer.text().matches("一件目").count() == 40, "{}", answer.text());
    call("apirecord/delete", json!({"dbSchemaId": "100201", "keyId": key}));
    call("apirecord/view", json!({"dbSchemaId": "100201", "keyId": key}));
    for (function, body) in [("apirecord/view", "{\"dbSchemaId\":"), ("apirecord/none", "{}"), ("api/fileupload", "x")]
    {
        both(host, &dispatcher, function, "application/json", body);
    }
}

/// What only a server can do wrong.
fn serve(host: &mut Host) {
    const VIEW: &str = r#"{"dbSchemaId":"100201","keyId":"000000002"}"#;
    // A connection is kept, and bodies come in chunks or when they are asked for.
    let mut raw = host.connect();
    for _ in 0..3 {
        assert_eq!(raw.send(request("apirecord/view", &host.token, "", VIEW)).answer().status, 200);
    }
    let expecting = format!(
        "{}Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        head("apirecord/view", &host.token),
        VIEW.len()
    );
    assert_eq!(raw.send(&expecting).answer().status, 100);
    assert_eq!(raw.send(VIEW).answer().status, 200);
    let chunks: String = VIEW.chars().map(|letter| format!("1\r\n{letter}\r\n")).collect();
    raw.send(format!("{}Transfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n", head("apirecord/view", &host.token)));
    let answer = raw.answer();
    assert_eq!((answer.status, answer.header("connection").as_deref()), (200, Some("close")));
    // Heads that are none, and clients that go away in the middle.
    for bad in ["\0", "POST /\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"] {
        let mut raw = host.connect();
        raw.send(bad).end();
        assert!(!String::from_utf8_lossy(&raw.rest()).contains(" 200 "), "{bad:?}");
    }
    host.connect().send(request("api/csvexport", &host.token, "", r#"{"dbSchemaId":"100201"}"#));
    host.connect().send(&expecting.as_bytes()[..40]);
    // Maintenance mode, by a signal.
    host.signal("USR1");
    let began = std::time::Instant::now();
    while !host.call("apirecord/view", VIEW).body.starts_with(b"Status: 503 Maintenance mode\n") {
        assert!(began.elapsed() < PATIENCE);
    }
    host.signal("USR1");
    // Whoever is only kept is let go at the end.
    let mut idle = host.connect();
    idle.send(request("apirecord/view", &host.token, "", VIEW)).answer();
    host.signal("TERM");
    assert!(idle.is_closed_within(PATIENCE));
    let status = host.wait(PATIENCE);
    assert!(status.success(), "{status}");
}

fn drive(run: Vec<OsString>) {
    let mut host = Host::run(run, &["--patience", "600"], json!({"calls_per_minute": null}));
    compare(&host);
    serve(&mut host);
}

fn program(link: Link) -> std::path::PathBuf {
    compile(&Path::new(ROOT).join("examples/c/host.c"), link, &[])
}

#[test]
fn a_host_in_c_answers_as_the_dispatcher_does() {
    drive(vec![program(Link::Sanitized).into()]);
    let program = program(Link::Shared);
    drive(vec![program.clone().into()]);
    if has("valgrind") {
        let words = [
            "valgrind",
            "-q",
            "--error-exitcode=9",
            "--leak-check=full",
            "--errors-for-leak-kinds=definite",
            "--show-leak-kinds=definite",
        ];
        drive(words.into_iter().map(OsString::from).chain([program.into()]).collect());
    }
}

#[test]
fn a_host_in_c_takes_the_same_arguments() {
    let program = program(Link::Static);
    let help = output_of(Command::new(&program).arg("--help"), PATIENCE);
    // The arguments are those of the host in Rust.
    let rust = std::fs::read_to_string(Path::new(ROOT).join("examples/host/arguments.rs")).unwrap();
    for line in rust.lines().filter(|line| line.starts_with("    --")) {
        assert!(help.contains(line), "{line}");
    }
    let status = Command::new(&program).arg("--other").output().unwrap().status;
    assert_eq!(status.code(), Some(2));
}
