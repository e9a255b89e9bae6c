//! Habits of clients that exist: what they send by hand, and how they read answers by hand.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value as Json, json};

use crate::raw::{PATIENCE, request};
use crate::running::{ACCOUNT, Host};

const TARGET: &str = r#"{"dbSchemaId":"100201","importId":"100401"}"#;
const VIEW: &str = r#"{"dbSchemaId":"100201","keyId":"000000001","responseType":"1"}"#;

/// A client that opens a socket, writes, and reads to the end, as scripts in PHP do.
struct Script<'a> {
    host: &'a Host,
}

impl Script<'_> {
    fn talk(&self, function: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.host.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = format!(
            "POST /{ACCOUNT}/{function}/version/v1 HTTP/1.1\r\nHost: db.example.test\r\nX-HD-apitoken: {}\r\n\
             Content-Type: {content_type}\r\nContent-Length: {}\r\nCache-Control: no-cache\r\nConnection: Close\r\n\r\n",
            self.host.token,
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        answer
    }

    /// What stands behind the headers, which it takes for JSON as it is, or for chunks of CSV.
    fn read(&self, answer: &[u8]) -> Result<Json, String> {
        let text = String::from_utf8(answer.to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let is_json = head.lines().any(|line| {
            let line = line.to_lowercase();
            line.starts_with("content-type") && line.contains("application/json")
        });
        if is_json {
            return Ok(serde_json::from_str(body).unwrap());
        }
        // The lengths of chunks count bytes, and stand in lines of their own.
        let (mut rest, mut csv) = (body.as_bytes(), Vec::new());
        loop {
            let end = rest.windows(2).position(|window| window == b"\r\n").expect("the line of a chunk");
            let size =
                usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).expect("the size of a chunk");
            csv.extend_from_slice(&rest[end + 2..end + 2 + size]);
            rest = &rest[end + 2 + size + 2..];
            if size == 0 {
                return Err(String::from_utf8(csv).unwrap());
            }
        }
    }
}

#[test]
fn scripts_that_read_to_the_end_and_take_chunks_apart() {
    let host = Host::start();
    host.cases(&["a", "b"]);
    let script = Script { host: &host };
    let json = script.read(&script.talk("apirecord/view", "application/json", VIEW.as_bytes())).unwrap();
    assert_eq!(json["items"]["件名"], "a");
    let json = script.read(&script.talk("apirecord/view", "application/json", b"{}")).unwrap();
    assert_eq!(json["errors"]["code"], "100");
    let json = script.read(&script.talk("api/csvexport", "application/json", b"{}")).unwrap();
    assert_eq!((json["status"].as_str(), json["code"].as_str()), (Some("error"), Some("400")));
    let export = br#"{"dbSchemaId":"100201","listId":"100501","viewId":"0"}"#;
    let csv = script.read(&script.talk("api/csvexport", "application/json", export)).unwrap_err();
    let lines: Vec<&str> = csv.split("\r\n").collect();
    assert_eq!(lines[0], "\u{feff}\"番号\",\"件　名\",\"金額\",\"[登録日]\",\"[更新ユーザ]\",\"担当者\"");
    assert_eq!(lines.len(), 4);
}

#[test]
fn json_under_every_name_it_is_sent_by() {
    let host = Host::start();
    host.cases(&["a"]);
    for more in [
        "",
        "Content-Type: application/json\r\n",
        "Content-Type: application/json;charset=UTF-8\r\n",
        "Content-Type: application/json; charset=utf-8\r\n",
        "content-type: APPLICATION/JSON\r\n",
        "Content-Type: application/x-www-form-urlencoded\r\n",
        "Content-Type: text/plain;charset=UTF-8\r\n",
        "Content-Type:\r\n",
        "Content-Type: application/json\r\nAccept: multipart/form-data\r\nAccept-Charset: utf-8\r\nAccept-Encoding: gzip, deflate, br\r\n",
        "Content-Type: application/json\r\nAccept: text/csv\r\nAccept-Language: ja\r\nOrigin: null\r\nCookie: a=b\r\n",
    ] {
        let answer = host.send(request("apirecord/view", &host.token, more, VIEW));
        assert_eq!(answer.status, 200, "{more}");
        assert_eq!(answer.header("content-encoding"), None);
        assert_eq!(answer.json()["items"]["件名"], "a");
    }
}

#[test]
fn values_as_php_and_others_write_them() {
    let host = Host::start();
    let escaped = r#"{"dbSchemaId":100201,"values":{"100301":"\u6e08","100304":"\u682a\u5f0f\u4f1a\u793e\ud83d\ude00\/","100303":0,"100302":null,"100305":[],"100306":"","details":[]}}"#;
    host.ok("apirecord/regist", escaped);
    let items = host.ok("apirecord/view", VIEW)["items"].clone();
    assert_eq!((&items["件名"], &items["状態"]), (&json!("株式会社😀/"), &json!("済")));
    assert_eq!((&items["金額"], &items["検収日"]), (&json!("0.00"), &json!("")));
    // An array of PHP with gaps is an object, and an empty one a list.
    host.ok("apirecord/update", r#"{"dbSchemaId":"100201","keyId":"000000001","values":{"100305":{"1":"B","4":"A"}}}"#);
    host.ok("apirecord/update", r#"{"dbSchemaId":"100201","keyId":"000000001","values":[]}"#);
    let answer = host.call("apirecord/view", VIEW);
    assert!(answer.text().contains(r#""タグ":["A","B"]"#), "{}", answer.text());
    assert!(answer.text().contains(r#""件名":"株式会社😀\/""#), "{}", answer.text());
    // An update that names its record by `id` means nobody.
    let description = host.refused("apirecord/update", r#"{"dbSchemaId":"100201","id":1,"values":{"100304":"x"}}"#);
    assert_eq!(description[0]["name"], "keyId");
}

/// A body, with `\n` for line ends.
fn parts(boundary: &str, json_head: &str, file_head: &str, csv: &str, end: &str) -> String {
    format!("--{boundary}\n{json_head}\n\n{TARGET}\n--{boundary}\n{file_head}\n\n{csv}\n--{boundary}--{end}")
}

#[test]
fn every_quirk_of_multipart_bodies() {
    const JSON: &str = "Content-Disposition: form-data; name=\"json\"";
    const FILE: &str =
        "Content-Disposition: form-data; name=\"uploadFile\"; filename=\"uploadFile.csv\"\nContent-Type: text/csv";
    const PLAIN: &str = "multipart/form-data; boundary=b";
    let crlf = |text: String| text.replace('\n', "\r\n");
    let cases = [
        (
            "single quotes, LF only, nothing behind the last boundary",
            "multipart/form-data; boundary=boundary;",
            parts(
                "boundary",
                "Content-Disposition: form-data; name='json'",
                "Content-Disposition: form-data; name='uploadFile'; filename='uploadFile.csv'\nContent-Type: text/csv;charset=UTF-8",
                "a,1,\n",
                "",
            ),
        ),
        (
            "no quotes, the type before the disposition, a quoted boundary",
            "multipart/form-data; boundary=\"0f9a\"",
            crlf(parts(
                "0f9a",
                "Content-Type: application/json; charset=utf-8\nContent-Disposition: form-data; name=json",
                "Content-Type: text/csv; charset=utf-8\nContent-Disposition: form-data; name=uploadFile; filename=uploadFile.csv",
                "a,1,",
                "\n",
            )),
        ),
        (
            "no blank before the boundary",
            "multipart/form-data;boundary=-+-+-+-Boundary_h9",
            crlf(parts("-+-+-+-Boundary_h9", JSON, FILE, "a,1,", "\n")),
        ),
        ("a type of another case", "Multipart/Form-Data; BOUNDARY=b", crlf(parts("b", JSON, FILE, "a,1,", "\n"))),
        (
            "a charset behind the boundary",
            "multipart/form-data; boundary=b; charset=utf-8",
            crlf(parts("b", JSON, FILE, "a,1,", "\n")),
        ),
        (
            "headers of another case",
            PLAIN,
            parts(
                "b",
                "content-disposition:form-data;name=json",
                "CONTENT-DISPOSITION: FORM-DATA; NAME=\"uploadFile\"; FILENAME=\"a.csv\"",
                "a,1,",
                "",
            ),
        ),
        (
            "a type of JSON",
            PLAIN,
            crlf(parts("b", &format!("{JSON}\nContent-Type: application/json;charset=UTF-8"), FILE, "a,1,", "\n")),
        ),
        ("a length of parts", PLAIN, crlf(parts("b", &format!("{JSON}\nContent-Length: 43"), FILE, "a,1,", "\n"))),
        ("a blank line before the last boundary", PLAIN, crlf(parts("b", JSON, FILE, "a,1,\n\n", "\n"))),
        (
            "something before and behind",
            PLAIN,
            crlf(format!("preamble\n{}", parts("b", JSON, FILE, "a,1,", "\nepilogue\n"))),
        ),
        (
            "another part between",
            PLAIN,
            crlf(parts(
                "b",
                &format!("Content-Disposition: form-data; name=\"other\"\n\nx\n--b\n{JSON}"),
                FILE,
                "a,1,",
                "\n",
            )),
        ),
        (
            "a name of a file that is not ASCII",
            PLAIN,
            crlf(parts(
                "b",
                JSON,
                "Content-Disposition: form-data; name=\"uploadFile\"; filename=\"売上 2026/01.csv\"",
                "a,1,",
                "\n",
            )),
        ),
        (
            "a path of Windows as name",
            PLAIN,
            crlf(parts(
                "b",
                JSON,
                "Content-Disposition: form-data; name=\"uploadFile\"; filename=\"C:\\data\\a.csv\"",
                "a,1,",
                "\n",
            )),
        ),
        (
            "headers that go on in further lines",
            PLAIN,
            crlf(parts(
                "b",
                "Content-Disposition: form-data;\n name=\"json\"",
                "Content-Disposition: form-data; name=\"uploadFile\";\n\tfilename=\"a.csv\"",
                "a,1,",
                "\n",
            )),
        ),
        ("a boundary inside of a line", PLAIN, crlf(parts("b", JSON, FILE, "a--b,1,", "\n"))),
    ];
    let host = Host::start();
    for (name, content_type, body) in &cases {
        let more = format!("Content-Type: {content_type}\r\n");
        let answer = host.send(request("api/csvdataimport", &host.token, &more, body));
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        let items = host.wait_for(answer.json()["processId"].as_str().unwrap(), &[2, 3]);
        assert_eq!((&items["succeedCount"], &items["failureCount"]), (&json!(1), &json!(0)), "{name}");
        // The upload alone is understood alike.
        let answer = host.send(request("api/fileupload", &host.token, &more, body));
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
    }
    assert_eq!(host.csv(r#"{"dbSchemaId":"100201"}"#).len(), cases.len() + 1);
    // Pretty-printed JSON is JSON.
    let pretty =
        parts("b", JSON, FILE, "a,1,", "").replace(TARGET, "{\n  \"dbSchemaId\": 100201,\n  \"importId\": 100401\n}\n");
    let answer = host.send(request(
        "api/csvdataimport",
        &host.token,
        "Content-Type: multipart/form-data; boundary=b\r\n",
        pretty,
    ));
    assert_eq!(answer.json()["query"], json!({"dbSchemaId": "100201", "importId": "100401"}));
}

#[test]
fn csv_of_every_kind_that_is_sent() {
    let host = Host::start();
    let send = |csv: &[u8]| {
        let head = format!(
            "--b\r\nContent-Disposition: form-data; name=\"json\"\r\n\r\n{TARGET}\r\n--b\r\nContent-Disposition: form-data; \
             name=\"uploadFile\"; filename=\"a.csv\"\r\nContent-Type: text/csv\r\n\r\n"
        );
        let body = [head.as_bytes(), csv, b"\r\n--b--\r\n"].concat();
        let more = "Content-Type: multipart/form-data; boundary=b\r\n";
        let answer = host.send(request("api/csvdataimport", &host.token, more, body)).json();
        let items = host.wait_for(answer["processId"].as_str().unwrap(), &[2, 3]);
        (items["succeedCount"].as_i64().unwrap(), items["failureCount"].as_i64().unwrap())
    };
    for csv in [
        "a,1,2026-05-01\r\nb,2,20260501",
        "a,1,2026/05/01\r\nb,2,2026年05月01日\r\n",
        "a,1,2026-05-01\nb,2,\n",
        "\"a\",\"1\",\"\"\r\n\"b\"\"c\",\"2\",\"2026-05-01\"\r\n",
        "\"a,b\",1,\r\nc,1000,\r\n",
    ] {
        assert_eq!(send(csv.as_bytes()), (2, 0), "{csv}");
    }
    // A wrong number of columns fails every line, and the process is complete all the same.
    assert_eq!(send(b"a,1\r\nb,2\r\n"), (0, 2));
}
