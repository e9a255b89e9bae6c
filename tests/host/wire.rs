//! HTTP itself: how answers are framed, how requests may be, and what clients may not do.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::raw::{PATIENCE, Raw, head, request};
use crate::running::{ACCOUNT, Host};

const VIEW: &str = r#"{"dbSchemaId":"100201","keyId":"000000001"}"#;
const EXPORT: &str = r#"{"dbSchemaId":"100201"}"#;

/// A host that lets nobody go by itself while a test waits.
fn host() -> Host {
    patient("600")
}

fn patient(seconds: &str) -> Host {
    let host = Host::with(&["--patience", seconds], json!({"calls_per_minute": null}));
    host.cases(&["a"]);
    host
}

#[test]
fn json_has_a_length_and_csv_comes_in_chunks() {
    let host = host();
    let answer = host.call("apirecord/view", VIEW);
    assert!(answer.head.starts_with("HTTP/1.1 200 OK\r\n"), "{}", answer.head);
    assert_eq!(answer.header("content-length"), Some(answer.body.len().to_string()));
    assert_eq!(answer.header("transfer-encoding"), None);
    assert!(answer.head.contains("\r\nContent-Type: application/json; charset=utf-8\r\n"), "{}", answer.head);
    let answer = host.call("api/csvexport", EXPORT);
    assert!(answer.head.starts_with("HTTP/1.1 200 OK\r\n"), "{}", answer.head);
    assert!(answer.head.contains("\r\nContent-Type: text/csv; charset=UTF-8\r\n"), "{}", answer.head);
    assert!(answer.head.contains("\r\nTransfer-Encoding: chunked"), "{}", answer.head);
    assert_eq!(answer.header("content-length"), None);
    assert!(answer.chunks.unwrap() >= 1);
    assert!(answer.body.starts_with(b"\xef\xbb\xbf\""));
    // What is refused is JSON with a length, also of an export.
    let answer = host.call("api/csvexport", "{}");
    assert_eq!((answer.status, answer.chunks), (400, None));
    answer.json();
}

#[test]
fn a_connection_is_kept_until_the_client_wants_it_closed() {
    let host = host();
    let mut raw = host.connect();
    for _ in 0..3 {
        assert_eq!(raw.send(request("apirecord/view", &host.token, "", VIEW)).answer().status, 200);
        assert!(raw.send(request("api/csvexport", &host.token, "", EXPORT)).answer().chunks.is_some());
        assert_eq!(raw.send(request("apirecord/view", "wrong", "", VIEW)).answer().status, 401);
    }
    // Requests one behind the other are answered one behind the other.
    let both = [request("apirecord/view", &host.token, "", VIEW), request("apirecord/view", &host.token, "", "{}")];
    raw.send(both.concat());
    assert_eq!((raw.answer().status, raw.answer().status), (200, 400));
    for word in ["Connection: Close\r\n", "connection: close\r\n", "CONNECTION: keep-alive, CLOSE\r\n"] {
        for (function, body) in [("apirecord/view", VIEW), ("api/csvexport", EXPORT), ("apirecord/view", "{}")] {
            let mut raw = host.connect();
            let answer = raw.send(request(function, &host.token, word, body)).answer();
            assert_eq!(answer.header("connection").as_deref(), Some("close"), "{}", answer.head);
            assert!(raw.is_closed_within(PATIENCE), "{word} {function}");
        }
    }
}

#[test]
fn http_1_0_gets_no_chunks() {
    let host = host();
    let old = |function: &str, more: &str, body: &str| {
        let (token, length) = (&host.token, body.len());
        format!(
            "POST /{ACCOUNT}/{function}/version/v1 HTTP/1.0\r\nX-HD-apitoken: {token}\r\n{more}Content-Length: {length}\r\n\r\n{body}"
        )
    };
    let mut raw = host.connect();
    let answer = raw.send(old("apirecord/view", "", VIEW)).answer();
    assert_eq!(answer.header("content-length"), Some(answer.body.len().to_string()));
    assert_eq!(answer.json()["url"], format!("http://localhost/{ACCOUNT}/apirecord/view/version/v1"));
    assert!(raw.is_closed_within(PATIENCE));
    let answer = host.connect().send(old("api/csvexport", "", EXPORT)).answer();
    assert_eq!((answer.chunks, answer.header("content-length")), (None, None));
    assert_eq!(answer.body, host.call("api/csvexport", EXPORT).body);
    let mut raw = host.connect();
    for _ in 0..2 {
        let answer = raw.send(old("apirecord/view", "Connection: keep-alive\r\n", VIEW)).answer();
        assert_eq!(answer.header("connection").as_deref(), Some("keep-alive"));
    }
}

#[test]
fn heads_are_written_in_many_ways() {
    let host = host();
    let path = format!("/{ACCOUNT}/apirecord/view/version/v1");
    let (token, length) = (&host.token, VIEW.len());
    for head in [
        // Nothing but what is needed, in lower and in upper case.
        format!("POST {path} HTTP/1.1\r\nhost: h\r\nx-hd-apitoken: {token}\r\ncontent-length: {length}\r\n\r\n"),
        format!("POST {path} HTTP/1.1\r\nHOST: h\r\nX-HD-APITOKEN: {token}\r\nCONTENT-LENGTH: {length}\r\n\r\n"),
        // Lines that end with LF only.
        format!("POST {path} HTTP/1.1\nHost: h\nX-HD-apitoken: {token}\nContent-Length: {length}\n\n"),
        // No blank behind colons, many, and tabs; and a line before the first.
        format!("\r\nPOST {path} HTTP/1.1\r\nHost:h\r\nX-HD-apitoken:{token}\r\nContent-Length:{length}\r\n\r\n"),
        format!(
            "POST {path} HTTP/1.1\r\nHost:  h \r\nX-HD-apitoken: \t {token} \t\r\nContent-Length:   {length}  \r\n\r\n"
        ),
        // No host, a whole URL, a query, a slash at the end.
        format!("POST {path} HTTP/1.1\r\nX-HD-apitoken: {token}\r\nContent-Length: {length}\r\n\r\n"),
        format!(
            "POST http://db.example.test{path} HTTP/1.1\r\nHost: h\r\nX-HD-apitoken: {token}\r\nContent-Length: {length}\r\n\r\n"
        ),
        format!("POST {path}/?a=b HTTP/1.1\r\nHost: h\r\nX-HD-apitoken: {token}\r\nContent-Length: {length}\r\n\r\n"),
        // Header values that are not ASCII.
        format!(
            "POST {path} HTTP/1.1\r\nHost: h\r\nUser-Agent: 連携\r\nX-HD-apitoken: {token}\r\nContent-Length: {length}\r\n\r\n"
        ),
        // A client that would like to speak HTTP/2.
        format!(
            "POST {path} HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\nUpgrade: h2c\r\nHost: h\r\nX-HD-apitoken: {token}\r\nContent-Length: {length}\r\n\r\n"
        ),
    ] {
        let answer = host.send(format!("{head}{VIEW}"));
        assert_eq!(answer.status, 200, "{head}: {}", answer.head);
        assert_eq!(answer.json()["items"]["100304"], "a");
    }
}

#[test]
fn requests_may_come_in_chunks_and_in_crumbs() {
    let host = host();
    let chunked = format!("{}Transfer-Encoding: chunked\r\n\r\n", head("apirecord/view", &host.token));
    for body in [
        format!("{:x}\r\n{VIEW}\r\n0\r\n\r\n", VIEW.len()),
        format!("00{:X};name=value\r\n{VIEW}\r\n0\r\nTrailer: x\r\n\r\n", VIEW.len()),
        VIEW.chars().map(|letter| format!("1\r\n{letter}\r\n")).collect::<String>() + "0\r\n\r\n",
    ] {
        let mut raw = host.connect();
        assert_eq!(raw.send(format!("{chunked}{body}")).answer().status, 200, "{body}");
        assert!(raw.is_closed_within(PATIENCE), "a chunked request ends its connection");
    }
    let csv = "a,1,2026-01-01\r\n".repeat(20_000);
    let parts = format!(
        "--b\r\nContent-Disposition: form-data; name=\"uploadFile\"; filename=\"a.csv\"\r\n\r\n{csv}\r\n--b--\r\n"
    );
    let mut raw = host.connect();
    raw.send(format!(
        "{}Content-Type: multipart/form-data; boundary=b\r\nTransfer-Encoding: chunked\r\n\r\n",
        head("api/fileupload", &host.token)
    ));
    for piece in parts.as_bytes().chunks(777) {
        raw.send(format!("{:x}\r\n", piece.len())).send(piece).send("\r\n");
    }
    assert_eq!(raw.send("0\r\n\r\n").answer().status, 200);
    // Byte by byte, as a slow line delivers them.
    let mut raw = host.connect();
    raw.stream().set_nodelay(true).unwrap();
    for byte in request("apirecord/view", &host.token, "", VIEW) {
        raw.send([byte]);
    }
    assert_eq!(raw.answer().status, 200);
}

#[test]
fn who_asks_whether_he_may_send_is_told() {
    let host = host();
    let expecting = |function: &str, token: &str, length: usize| {
        let head = head(function, token);
        format!("{head}Expect: 100-continue\r\nContent-Length: {length}\r\n\r\n")
    };
    let mut raw = host.connect();
    let go_on = raw.send(expecting("apirecord/view", &host.token, VIEW.len())).answer();
    assert_eq!((go_on.status, go_on.head.lines().next()), (100, Some("HTTP/1.1 100 Continue")));
    assert_eq!(raw.send(VIEW).answer().status, 200);
    // The connection goes on.
    assert_eq!(raw.send(request("apirecord/view", &host.token, "", VIEW)).answer().status, 200);
    // Whoever sends at once is understood too.
    let mut raw = host.connect();
    raw.send(expecting("apirecord/view", &host.token, VIEW.len())).send(VIEW);
    let first = raw.answer();
    let last = if first.status == 100 { raw.answer() } else { first };
    assert_eq!(last.status, 200);
    // And who is refused anyway need not send.
    for (function, token, length, status) in [
        ("apirecord/view", "wrong", VIEW.len(), 401),
        ("apirecord/other", host.token.as_str(), VIEW.len(), 404),
        ("apirecord/view", &host.token, 1 << 30, 413),
        ("api/fileupload", &host.token, 1 << 30, 400),
    ] {
        let mut raw = host.connect();
        let answer = raw.send(expecting(function, token, length)).answer();
        assert_eq!(answer.status, status, "{}", answer.head);
        answer.json();
        assert!(raw.is_closed_within(PATIENCE), "{function}");
    }
}

#[test]
fn a_client_that_has_sent_all_may_close_its_side() {
    let host = host();
    for (function, body) in [("apirecord/view", VIEW), ("api/csvexport", EXPORT)] {
        let answer = host.connect().send(request(function, &host.token, "", body)).end().answer();
        assert_eq!(answer.status, 200);
    }
}

#[test]
fn other_methods_and_paths_are_refused_in_an_envelope() {
    let host = host();
    let ask = |line: &str| host.send(format!("{line} HTTP/1.1\r\nHost: h\r\n\r\n"));
    let path = format!("/{ACCOUNT}/apirecord/view/version/v1");
    for method in ["GET", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "post", "BREW"] {
        let answer = ask(&format!("{method} {path}"));
        assert_eq!((answer.status, answer.header("allow").as_deref()), (405, Some("POST")), "{method}");
        assert_eq!(answer.json()["errors"]["code"], "902");
    }
    for target in [
        "/",
        "/favicon.ico",
        "/abc1de2/apirecord/get/version/v1",
        "/abc1de2/apirecord/../apirecord/view/version/v1",
        "/abc1de2/apirecord/%2e%2e/apirecord/view/version/v1",
        "/abc1de2/apirecord/%76iew/version/v1",
        "/abc1de2/apirecord/view/version/v1%00",
        "//abc1de2/apirecord/view/version/v1",
        "/abc1de2/apirecord/view/version/v1/../../../../etc/passwd",
        "/abc1de2/apirecord/view/version/v1;x=y",
        "/other12/apirecord/view/version/v1",
        "/ABC1DE2/apirecord/view/version/v1",
        &format!("/{}", "a".repeat(30_000)),
    ] {
        let answer = ask(&format!("POST {target}"));
        assert_eq!(answer.status, 404, "{target}");
        assert_eq!(answer.json()["errors"]["code"], "901");
    }
    // A head alone is told the same, without a body.
    let mut raw = host.connect();
    raw.send(format!("HEAD {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
    let rest = String::from_utf8(raw.rest()).unwrap();
    assert!(rest.starts_with("HTTP/1.1 405 ") && rest.ends_with("\r\n\r\n"), "{rest}");
    for line in ["CONNECT h:80", "OPTIONS *"] {
        assert!(matches!(ask(line).status, 404 | 405), "{line}");
    }
}

/// What a host says to a head that is none: a refusal, and the end.
fn refused(host: &Host, bytes: impl AsRef<[u8]>) -> u16 {
    let mut raw = host.connect();
    let shown = String::from_utf8_lossy(&bytes.as_ref()[..bytes.as_ref().len().min(300)]).into_owned();
    let _ = raw.try_send(bytes.as_ref());
    let rest = String::from_utf8(raw.rest()).unwrap();
    assert_eq!(rest.matches("HTTP/1.1 ").count(), 1, "{shown}: {rest}");
    let status = rest.split(' ').nth(1).unwrap_or_else(|| panic!("{shown}: {rest}")).parse().unwrap();
    assert!((400..500).contains(&status), "{shown}: {rest}");
    status
}

#[test]
fn heads_that_may_be_understood_in_two_ways_are_refused() {
    let host = host();
    let path = format!("/{ACCOUNT}/apirecord/view/version/v1");
    let token = &host.token;
    let of =
        |headers: &str| format!("POST {path} HTTP/1.1\r\nHost: h\r\nX-HD-apitoken: {token}\r\n{headers}\r\n{VIEW}");
    let length = VIEW.len();
    for headers in [
        "Content-Length: 5\r\nContent-Length: 6\r\n".to_owned(),
        format!("Content-Length: +{length}\r\n"),
        "Content-Length: -1\r\n".to_owned(),
        "Content-Length: 0x10\r\n".to_owned(),
        "Content-Length: 99999999999999999999999\r\n".to_owned(),
        format!("Content-Length : {length}\r\n"),
        "Transfer-Encoding: xchunked\r\n".to_owned(),
        "Transfer-Encoding: chunked, gzip\r\n".to_owned(),
        format!("Content-Length: {length}\r\nX-A: a\r\n b\r\n"),
        format!("Content-Length: {length}\r\nX-A: a\0b\r\n"),
        format!("Content-Length: {length}\r\nX-A: a\rb\r\n"),
        format!("Content-Length: {length}\r\nX A: a\r\n"),
        format!("Content-Length: {length}\r\n: a\r\n"),
    ] {
        refused(&host, of(&headers));
    }
    for line in
        ["POST", "POST /", "POST / HTTP/9.9", "\u{1}\u{2}", "POST  / HTTP/1.1", "POST / x HTTP/1.1", "GET / HTTP/1.1\0"]
    {
        refused(&host, format!("{line}\r\nHost: h\r\n\r\n"));
    }
    refused(&host, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 this would be TLS \r\n\r\n");
    refused(&host, format!("POST {path} HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"));
    // Too long, and too many.
    assert_eq!(refused(&host, of(&format!("X-A: {}\r\nContent-Length: {length}\r\n", "a".repeat(200_000)))), 431);
    assert_eq!(refused(&host, of(&"X-A: a\r\n".repeat(200))), 431);
    refused(&host, format!("POST /{} HTTP/1.1\r\nHost: h\r\n\r\n", "a".repeat(70_000)));
    assert_eq!(host.call("apirecord/view", VIEW).status, 200);
}

#[test]
fn nothing_is_smuggled_behind_a_request() {
    let host = host();
    let smuggled = String::from_utf8(request(
        "apirecord/delete",
        &host.token,
        "",
        r#"{"dbSchemaId":"100201","keyId":"000000001"}"#,
    ))
    .unwrap();
    let chunks = format!("{:x}\r\n{VIEW}\r\n0\r\n\r\n", VIEW.len());
    // A length and chunks: whichever counts for a proxy in front, nothing behind the chunks is taken for a request.
    for (first, second) in [("Content-Length", "Transfer-Encoding"), ("Transfer-Encoding", "Content-Length")] {
        let value = |name: &str| match name {
            "Content-Length" => (chunks.len() + smuggled.len()).to_string(),
            _ => "chunked".to_owned(),
        };
        let mut raw = host.connect();
        raw.send(format!(
            "{}{first}: {}\r\n{second}: {}\r\n\r\n{chunks}{smuggled}",
            head("apirecord/view", &host.token),
            value(first),
            value(second)
        ));
        let rest = String::from_utf8(raw.rest()).unwrap();
        assert_eq!(rest.matches("HTTP/1.1 ").count(), 1, "{rest}");
        assert!(rest.to_lowercase().contains("\r\nconnection: close\r\n"), "{rest}");
    }
    // Broken chunks end the connection.
    for chunks in ["x\r\n", "-1\r\n", "fffffffffffffffffff\r\n", "5\r\nabcdefg\r\n", "0\r\nA B: c\r\n\r\n"] {
        let mut raw = host.connect();
        let head = head("apirecord/view", &host.token);
        raw.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunks}{smuggled}"));
        let rest = String::from_utf8(raw.rest()).unwrap();
        assert!(rest.matches("HTTP/1.1 ").count() <= 1, "{chunks}: {rest}");
    }
    assert_eq!(host.title_of("000000001"), "a");
}

#[test]
fn bodies_are_bounded() {
    let host = host();
    let answer = host.call("apirecord/view", " ".repeat(5 << 20));
    assert_eq!((answer.status, answer.json()["errors"]["code"].as_str()), (413, Some("905")));
    // Whoever goes on sending sees the answer all the same.
    for framing in
        ["Content-Length: 30000000\r\n\r\n".to_owned(), "Transfer-Encoding: chunked\r\n\r\n1c9c380\r\n".to_owned()]
    {
        let mut raw = host.connect();
        raw.send(format!("{}{framing}", head("apirecord/view", &host.token)));
        let piece = vec![b' '; 1 << 20];
        for _ in 0..28 {
            if raw.try_send(&piece).is_err() {
                break;
            }
        }
        let answer = raw.answer();
        assert_eq!((answer.status, answer.json()["errors"]["code"].as_str()), (413, Some("905")));
        assert_eq!(answer.header("connection").as_deref(), Some("close"));
    }
    let parts = format!("--b\nContent-Disposition: form-data; name=uploadFile\n\n{}\n--b--", "x".repeat(6 << 20));
    let answer =
        host.send(request("api/fileupload", &host.token, "Content-Type: multipart/form-data; boundary=b\r\n", parts));
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["errors"]["description"][0]["code"], "1007");
}

#[test]
fn slow_clients_are_not_waited_for_and_disturb_nobody() {
    // Long enough for the calls that are answered, on a busy machine too.
    let host = patient("5");
    let mut silent = host.connect();
    let mut in_head = host.connect();
    in_head.send("POST /abc1de2/apirecord/view/version/v1 HTTP/1.1\r\nHost: h\r\n");
    let mut in_body = host.connect();
    in_body.send(format!("{}Content-Length: 100\r\n\r\n{{", head("apirecord/view", &host.token)));
    let mut before_body = host.connect();
    before_body.send(format!("{}Content-Length: 100\r\n\r\n", head("apirecord/view", &host.token)));
    let mut in_upload = host.connect();
    in_upload.send(format!(
        "{}Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 100000\r\n\r\n--b\r\nContent-Disposition: \
         form-data; name=uploadFile\r\n\r\na,b",
        head("api/fileupload", &host.token)
    ));
    let mut idle = host.connect();
    assert_eq!(idle.send(request("apirecord/view", &host.token, "", VIEW)).answer().status, 200);
    // A head that is never finished, a byte at a time.
    let address = host.address;
    let dripping = std::thread::spawn(move || {
        let mut raw = Raw::connect(address);
        let begun = Instant::now();
        raw.send("POST / HTTP/1.1\r\n");
        while raw.try_send(b"X").is_ok() {
            assert!(begun.elapsed() < 2 * PATIENCE, "the host listens on");
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    // Others are served meanwhile.
    for _ in 0..20 {
        assert_eq!(host.call("apirecord/view", VIEW).status, 200);
    }
    for raw in [&mut in_body, &mut before_body, &mut in_upload] {
        let answer = raw.answer();
        assert_eq!((answer.status, answer.json()["errors"]["code"].as_str()), (400, Some("906")));
        assert_eq!(answer.header("connection").as_deref(), Some("close"));
    }
    for (name, raw) in [("silent", &mut silent), ("head", &mut in_head), ("idle", &mut idle)] {
        assert_eq!(String::from_utf8_lossy(&raw.rest()), "", "{name}");
    }
    dripping.join().unwrap();
}

#[test]
fn a_client_that_takes_nothing_is_given_up() {
    let words = |patience| {
        ["--patience", patience, "--export-records", "1000000", "--upload-mib", "20", "--upload-lines", "1000000"]
    };
    let mut host = Host::with(&words("600"), json!({"calls_per_minute": null}));
    // More than the buffers of the system take.
    const LINES: usize = 120_000;
    let csv = format!("{},1,2026-01-01\r\n", "あ".repeat(20)).repeat(LINES);
    let parts = format!(
        "--b\nContent-Disposition: form-data; name=json\n\n{{\"dbSchemaId\":100201,\"importId\":100401}}\n--b\n\
         Content-Disposition: form-data; name=uploadFile\n\n{csv}--b--"
    );
    let more = "Content-Type: multipart/form-data; boundary=b\r\n";
    let answer = host.send(request("api/csvdataimport", &host.token, more, parts)).json();
    host.wait_for(answer["processId"].as_str().unwrap(), &[2]);
    let asked = request("api/csvexport", &host.token, "", r#"{"dbSchemaId":"100201","limit":1000000}"#);
    // Whoever takes it slowly, but takes it, gets all of it.
    let mut raw = host.connect();
    raw.send(&asked);
    std::thread::sleep(Duration::from_millis(500));
    let answer = raw.answer();
    assert_eq!(answer.body.split(|byte| *byte == b'\n').count(), LINES + 2);
    drop(raw);
    host.start_again_with(&words("1"));
    let mut raw = host.connect();
    raw.send(&asked);
    let mut first = [0; 1000];
    raw.stream().read_exact(&mut first).unwrap();
    std::thread::sleep(Duration::from_secs(8));
    let rest = raw.rest();
    assert!(!rest.ends_with(b"0\r\n\r\n"), "the end was sent although nobody took it: {}", rest.len());
}

#[test]
fn connections_are_bounded_and_others_wait() {
    let host = Host::with(&["--connections", "3", "--patience", "600"], json!({"calls_per_minute": null}));
    host.cases(&["a"]);
    let mut held: Vec<Raw> = (0..3).map(|_| host.connect()).collect();
    for raw in &mut held {
        assert_eq!(raw.send(request("apirecord/view", &host.token, "", VIEW)).answer().status, 200);
    }
    let mut waiting = host.connect();
    waiting.send(request("apirecord/view", &host.token, "", VIEW));
    assert!(waiting.is_silent_for(Duration::from_millis(500)));
    drop(held.pop());
    assert_eq!(waiting.answer().status, 200);
}

#[test]
fn clients_may_go_away_at_any_moment() {
    let host = host();
    let whole = request(
        "api/fileupload",
        &host.token,
        "Content-Type: multipart/form-data; boundary=b\r\n",
        format!("--b\nContent-Disposition: form-data; name=uploadFile\n\n{}\n--b--", "a,b\n".repeat(40_000)),
    );
    for at in [1, 30, 200, 400, 100_000, whole.len() - 1, whole.len()] {
        host.connect().send(&whole[..at]);
    }
    for _ in 0..5 {
        host.connect().send(request("api/csvexport", &host.token, "", EXPORT));
    }
    // A reset instead of an end.
    let mut raw = host.connect();
    raw.send(request("apirecord/view", &host.token, "", VIEW)).send(request("apirecord/view", &host.token, "", VIEW));
    raw.stream().peek(&mut [0]).unwrap();
    drop(raw);
    let mut raw = host.connect();
    raw.stream().flush().unwrap();
    assert_eq!(raw.send(request("apirecord/view", &host.token, "", VIEW)).answer().status, 200);
    // Of the uploads only the whole one is there, or none if its client was gone too early to be heard.
    let began = Instant::now();
    loop {
        let sqlite = rusqlite::Connection::open(host.store()).unwrap();
        let files: i64 = sqlite.query_row("SELECT count(*) FROM renkei_file", [], |row| row.get(0)).unwrap();
        if files <= 1 {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "{files} uploads stay");
        std::thread::sleep(Duration::from_millis(50));
    }
}
