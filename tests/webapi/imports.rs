//! Files in, imports reserved, and how they stand.

use renkei::webapi::Options;
use renkei::{AccessSettings, Query};
use serde_json::{Value as Json, json};

use crate::clients::CLIENTS;
use crate::fixture::{Fixture, text};

const TARGET: &str = r#"{"dbSchemaId":"100201","importId":"100401"}"#;

fn part(name: &str, more: &str, content: &[u8]) -> Vec<u8> {
    [format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n").as_bytes(), content, b"\r\n"]
        .concat()
}

fn file(content: &[u8]) -> Vec<u8> {
    part("uploadFile", "; filename=\"upload.csv\"", content)
}

fn parts(parts: &[Vec<u8>]) -> Vec<u8> {
    [parts.concat(), b"--b--\r\n".to_vec()].concat()
}

const TYPE: &str = "multipart/form-data; boundary=b";

fn cp932(text: &str) -> Vec<u8> {
    let (bytes, _, failed) = encoding_rs::SHIFT_JIS.encode(text);
    assert!(!failed);
    bytes.into_owned()
}

fn titles(f: &Fixture) -> Vec<String> {
    f.store.query("cases", &Query::new()).unwrap().records.iter().map(|record| record.text("title")).collect()
}

fn status(f: &Fixture, process: &str) -> Json {
    f.ok("api/checkcsvimportprocess", format!(r#"{{"processId":"{process}"}}"#))["items"].clone()
}

#[test]
fn every_client_is_understood() {
    let csv = "りんご,120.00,2026-05-01\r\n\"みかん, \"\"早生\"\"\",80,20260501\r\nぶどう,1980,2026年05月01日\r\n";
    for (name, content_type, body) in CLIENTS {
        for bytes in [csv.as_bytes().to_vec(), cp932(csv), [b"\xef\xbb\xbf", csv.as_bytes()].concat()] {
            let f = Fixture::new();
            let (code, answer) = f.upload("api/csvdataimport", content_type, body(TARGET, &bytes));
            assert_eq!(code, 200, "{name}: {answer}");
            let answer: Json = serde_json::from_str(&answer).unwrap();
            assert_eq!(answer["query"], json!({"dbSchemaId": "100201", "importId": "100401"}), "{name}");
            let process = answer["processId"].as_str().unwrap();
            assert!(process.bytes().all(|byte| byte.is_ascii_digit()));
            assert_eq!(answer["items"], json!({"processId": process}));
            f.work();
            let items = status(&f, process);
            assert_eq!(
                items,
                json!({"processId": process, "processStatus": "complete", "nowCondition": 2, "succeedCount": 3, "failureCount": 0}),
                "{name}"
            );
            assert_eq!(titles(&f), ["りんご", "みかん, \"早生\"", "ぶどう"], "{name}");
        }
    }
}

#[test]
fn the_answer_is_as_the_reference_shows_it() {
    let f = Fixture::new();
    let (_, answer) =
        f.upload("api/csvdataimport", TYPE, parts(&[part("json", "", TARGET.as_bytes()), file(b"a,1,\r\n")]));
    let process = serde_json::from_str::<Json>(&answer).unwrap()["processId"].as_str().unwrap().to_owned();
    assert_eq!(
        answer,
        format!(
            r#"{{"status":"success","code":"200","url":"http:\/\/db.example.test\/abc1de2\/api\/csvdataimport\/version\/v1","query":{{"dbSchemaId":"100201","importId":"100401"}},"processId":"{process}","items":{{"processId":"{process}"}},"version":"v1","accessTime":"2026-01-05 09:00:00 +0900"}}"#
        )
    );
    f.work();
    let (_, answer) = f.call("api/checkcsvimportprocess", format!(r#"{{"processId":"{process}"}}"#));
    assert_eq!(
        answer,
        format!(
            r#"{{"status":"success","code":"200","url":"http:\/\/db.example.test\/abc1de2\/api\/checkcsvimportprocess\/version\/v1","query":{{"processId":"{process}"}},"items":{{"processId":"{process}","processStatus":"complete","nowCondition":2,"succeedCount":1,"failureCount":0}},"version":"v1","accessTime":"2026-01-05 09:00:00 +0900"}}"#
        )
    );
}

#[test]
fn files_are_kept_and_imported_as_often_as_wanted() {
    let f = Fixture::new();
    let (code, answer) = f.upload("api/fileupload", TYPE, parts(&[file(b"a,1,\r\nb,2,\r\n")]));
    assert_eq!(code, 200);
    let answer: Json = serde_json::from_str(&answer).unwrap();
    let id = answer["fileId"].as_str().unwrap().to_owned();
    assert_eq!((&answer["items"], &answer["query"]), (&json!({"fileId": id}), &json!({})));
    let reserve = || f.call("api/csvimport", format!(r#"{{"dbSchemaId":100201,"importId":100401,"fileId":{id}}}"#));
    for _ in 0..2 {
        let (code, answer) = reserve();
        assert_eq!(code, 200, "{answer}");
        let answer: Json = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["items"]["processId"], answer["processId"]);
        assert_eq!(status(&f, answer["processId"].as_str().unwrap())["processStatus"], "wait");
    }
    f.work();
    assert_eq!(titles(&f), ["a", "b", "a", "b"]);
    f.turn_to(24 * 60 * 60);
    let (code, answer) = reserve();
    assert_eq!(code, 400);
    assert!(
        answer.contains(&format!(
            r#""description":[{{"name":"fileId","value":"{id}","code":"8","msg":"紐づくデータが存在しません。"}}]"#
        )),
        "{answer}"
    );
}

#[test]
fn states_before_and_after_the_run() {
    let f = Fixture::new();
    let reserve = |csv: &[u8]| {
        let body = parts(&[part("json", "", TARGET.as_bytes()), file(csv)]);
        let (_, answer) = f.upload("api/csvdataimport", TYPE, body);
        serde_json::from_str::<Json>(&answer).unwrap()["processId"].as_str().unwrap().to_owned()
    };
    let state = |process: &str| {
        let items = status(&f, process);
        (
            items["processStatus"].as_str().unwrap().to_owned(),
            items["nowCondition"].as_i64().unwrap(),
            items["succeedCount"].as_u64().unwrap(),
            items["failureCount"].as_u64().unwrap(),
        )
    };
    let is = |word: &str, condition, good, bad| (word.to_owned(), condition, good, bad);
    let all_bad = reserve(b"a,1\r\nb,2\r\n");
    let some_bad = reserve("a,x,\r\nb,2,2026-13-01\r\nc,3,\r\n".as_bytes());
    let unreadable = reserve(b"\xff\xff,\x80\r\n");
    let cancelled = reserve(b"z,1,\r\n");
    f.store.cancel_import(cancelled.parse().unwrap()).unwrap();
    assert_eq!(state(&all_bad), is("wait", 0, 0, 0));
    f.work();
    assert_eq!(state(&all_bad), is("complete", 2, 0, 2));
    assert_eq!(state(&some_bad), is("complete", 2, 1, 2));
    assert_eq!(state(&unreadable).0, "forced");
    assert_eq!(state(&unreadable).1, 3);
    assert_eq!(state(&cancelled), is("forced", 3, 0, 0));
    let rejects = f.store.rejects(all_bad.parse().unwrap(), 0, 1).unwrap();
    assert!(
        rejects[0]
            .message_ja
            .starts_with("インポート設定の項目設定で設定した項目数とインポートデータの項目数が異なります。")
    );
    for process in ["1", "x", "99999999999999999999"] {
        let description = f.refused("api/checkcsvimportprocess", format!(r#"{{"processId":"{process}"}}"#));
        assert_eq!(
            description,
            json!([{"name": "processId", "value": process, "code": "8", "msg": "紐づくデータが存在しません。"}])
        );
    }
}

#[test]
fn whether_the_first_line_is_data_is_for_the_setting_to_say() {
    let f = Fixture::new();
    let body = parts(&[
        part("json", "", br#"{"dbSchemaId":100203,"importId":100402}"#),
        file("番号,名前\r\n1,a\n2,b".as_bytes()),
    ]);
    assert_eq!(f.upload("api/csvdataimport", TYPE, body).0, 200);
    f.work();
    assert_eq!(f.count("visits"), 2);
}

#[test]
fn json_that_is_sent_as_a_file_is_not_read() {
    let f = Fixture::new();
    let body = parts(&[part("json", "; filename=\"json\"", TARGET.as_bytes()), file(b"a,1,\r\n")]);
    let (code, answer) = f.upload("api/csvdataimport", TYPE, body);
    assert_eq!(code, 400);
    assert!(
        answer.contains(
            r#""query":{},"errors":{"code":"100","msg":"パラメータが不正です。","description":[{"name":"dbSchemaId","value":"","code":"1001","msg":"必須パラメータが指定されていません。"},{"name":"importId","value":"","code":"1001","msg":"必須パラメータが指定されていません。"}]}"#
        ),
        "{answer}"
    );
}

/// Uploads in the store.
fn uploads(f: &Fixture) -> i64 {
    let sqlite = rusqlite::Connection::open(f.store.path()).unwrap();
    sqlite.query_row("SELECT count(*) FROM renkei_file", [], |row| row.get(0)).unwrap()
}

#[test]
fn refused_uploads_leave_nothing() {
    let f = Fixture::new();
    let refused = |body: Vec<u8>, function: &str| {
        let (code, answer) = f.upload(function, TYPE, body);
        assert_eq!(code, 400, "{answer}");
        let answer: Json = serde_json::from_str(&answer).unwrap();
        answer["errors"]["description"][0].clone()
    };
    let json = |text: &str| part("json", "", text.as_bytes());
    let csv = || file(b"a,1,\r\n");
    assert_eq!(refused(parts(&[]), "api/fileupload")["name"], "uploadFile");
    assert_eq!(refused(parts(&[json(TARGET)]), "api/csvdataimport")["name"], "uploadFile");
    for (body, function) in
        [(parts(&[json("{"), csv()]), "api/csvdataimport"), (parts(&[csv(), json("{")]), "api/csvdataimport")]
    {
        let entry = refused(body, function);
        assert_eq!((entry["name"].as_str(), entry["code"].as_str()), (Some("json"), Some("1005")));
    }
    for target in [r#"{"dbSchemaId":1,"importId":100401}"#, r#"{"dbSchemaId":100201,"importId":100402}"#] {
        assert_eq!(refused(parts(&[json(target), csv()]), "api/csvdataimport")["code"], "8");
        assert_eq!(refused(parts(&[csv(), json(target)]), "api/csvdataimport")["code"], "8");
    }
    let mut cut = parts(&[json(TARGET), csv()]);
    cut.truncate(cut.len() - 8);
    for body in [cut, Vec::new(), b"a,1,\r\n".to_vec(), TARGET.as_bytes().to_vec()] {
        for function in ["api/fileupload", "api/csvdataimport"] {
            let entry = refused(body.clone(), function);
            assert_eq!((entry["name"].as_str(), entry["code"].as_str()), (Some("body"), Some("1006")), "{body:?}");
        }
    }
    assert_eq!(uploads(&f), 0);
    assert_eq!(f.store.imports(10).unwrap(), []);
}

#[test]
fn files_are_bounded_in_bytes_and_lines() {
    let mut options = Options::default();
    options.upload_bytes = 1_000;
    options.upload_lines = 5;
    let f = Fixture::with(options, AccessSettings { calls_per_minute: None, ..AccessSettings::default() });
    let upload = |content: &[u8]| f.upload("api/fileupload", TYPE, parts(&[file(content)]));
    assert_eq!(upload(b"1\n2\n3\n4\n\"5\n\n\n\"\n").0, 200);
    assert_eq!(upload(&[b'x'; 1_000]).0, 200);
    let kept = uploads(&f);
    let (code, answer) = upload(b"1\r\n2\r\n3\r\n4\r\n5\r\n6");
    assert_eq!(code, 400);
    assert!(
        answer.contains(
            r#"{"name":"uploadFile","value":"","code":"1008","msg":"ファイルの行数が上限（5行）を超えています。"}"#
        ),
        "{answer}"
    );
    let large = r#"{"name":"uploadFile","value":"","code":"1007","msg":"ファイルのサイズが上限（1000バイト）を超えています。"}"#;
    let (code, answer) = upload(&[b'x'; 1_001]);
    assert_eq!(code, 400);
    assert!(answer.contains(large), "{answer}");
    // What says at once that it is too large is not read at all.
    let request = f
        .request("api/fileupload")
        .header("Content-Type", TYPE)
        .header("Content-Length", "99999999")
        .header("Expect", "100-continue");
    let response = f.api.handle(request.reader(std::io::repeat(b'x')));
    assert!(response.closes());
    let (code, answer) = text(response);
    assert_eq!(code, 400);
    assert!(answer.contains(large), "{answer}");
    assert_eq!(uploads(&f), kept);
}

#[test]
fn an_upload_goes_through_a_reader_piece_by_piece() {
    let mut options = Options::default();
    options.upload_bytes = 100 << 20;
    options.upload_lines = u64::MAX;
    let f = Fixture::with(options, AccessSettings { calls_per_minute: None, ..AccessSettings::default() });
    let line = b"a,1,2026-01-01\r\n".repeat(1_000);
    let pieces = std::iter::repeat_n(line.as_slice(), 500);
    struct Chain<'a, I>(I, &'a [u8]);
    impl<'a, I: Iterator<Item = &'a [u8]>> std::io::Read for Chain<'a, I> {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            while self.1.is_empty() {
                let Some(next) = self.0.next() else { return Ok(0) };
                self.1 = next;
            }
            self.1.read(out)
        }
    }
    use std::io::Read as _;
    let head = part("uploadFile", "; filename=a.csv", b"");
    let body = head[..head.len() - 2].chain(Chain(pieces, &[])).chain(&b"\r\n--b--"[..]);
    let response = f.api.handle(f.request("api/fileupload").header("Content-Type", TYPE).reader(body));
    assert!(!response.closes());
    assert_eq!(text(response).0, 200);
    let sqlite = rusqlite::Connection::open(f.store.path()).unwrap();
    let bytes: i64 = sqlite.query_row("SELECT bytes FROM renkei_file", [], |row| row.get(0)).unwrap();
    assert_eq!(bytes, 500 * line.len() as i64);
}

#[test]
fn a_connection_that_breaks_leaves_nothing() {
    struct Breaks(usize);
    impl std::io::Read for Breaks {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            if self.0 == 0 {
                return Err(std::io::ErrorKind::ConnectionReset.into());
            }
            let count = out.len().min(self.0);
            out[..count].fill(b'x');
            self.0 -= count;
            Ok(count)
        }
    }
    use std::io::Read as _;
    let f = Fixture::new();
    let head = part("uploadFile", "; filename=a.csv", b"");
    let body = head[..head.len() - 2].chain(Breaks(300_000));
    let response = f.api.handle(f.request("api/fileupload").header("Content-Type", TYPE).reader(body));
    assert!(response.closes());
    let (code, answer) = text(response);
    assert_eq!(code, 400);
    assert!(answer.contains(r#""errors":{"code":"906""#), "{answer}");
    let response = f.api.handle(f.request("apirecord/view").reader(Breaks(10)));
    assert!(text(response).1.contains(r#""code":"906""#));
    assert_eq!(uploads(&f), 0);
}
