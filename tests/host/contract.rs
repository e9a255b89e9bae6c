//! The check-list of what one server must do to serve every known client at once, row by row, and the shapes of answers
//! byte for byte where the reference shows bytes.

use serde_json::{Value as Json, json};

use crate::clients::CLIENTS;
use crate::raw::{Answer, request};
use crate::running::Host;

fn with_seven_cases() -> Host {
    let host = Host::start();
    host.cases(&["a", "b", "c", "d", "e", "f", "g"]);
    host
}

/// An answer whose moment is taken out, compared with what is expected, whose moment is written as `TIME`.
#[track_caller]
fn is(answer: &Answer, status: u16, expected: &str) {
    assert_eq!(answer.timeless(), expected);
    assert_eq!(answer.status, status);
}

const TARGET: &str = r#"{"dbSchemaId":"100201","importId":"100401"}"#;

/// Imports a CSV file into `cases` by the client that writes such bodies; the answer.
fn import(host: &Host, (_, content_type, body): crate::clients::Client, csv: &[u8]) -> Answer {
    let more = format!("Content-Type: {content_type}\r\n");
    host.send(request("api/csvdataimport", &host.token, &more, body(TARGET, csv)))
}

#[test]
fn success_and_both_errors_byte_for_byte() {
    let host = with_seven_cases();
    // Clients in PHP write Japanese as escapes.
    let answer =
        host.call("apirecord/update", r#"{"dbSchemaId":100201,"keyId":"000000007","values":{"100301":"\u6e08"}}"#);
    is(
        &answer,
        200,
        r#"{"status":"success","code":"200","url":"http:\/\/db.example.test\/abc1de2\/apirecord\/update\/version\/v1","query":{"dbSchemaId":"100201","keyId":"000000007","values":{"100301":"済"}},"items":{"keyId":"000000007","id":"7"},"version":"v1","accessTime":"TIME"}"#,
    );
    let answer = host.call("apirecord/view", r#"{"dbSchemaId":100201,"keyId":"999999999","responseType":1}"#);
    is(
        &answer,
        400,
        r#"{"status":"error","code":"400","url":"http:\/\/db.example.test\/abc1de2\/apirecord\/view\/version\/v1","query":{"dbSchemaId":"100201","keyId":"999999999","responseType":"1"},"errors":{"code":"100","msg":"パラメータが不正です。","description":[{"name":"keyId","value":"999999999","code":"8","msg":"紐づくデータが存在しません。"}]},"version":"v1","accessTime":"TIME"}"#,
    );
    let answer = host
        .call("apirecord/update", r#"{"dbSchemaId":"100201","keyId":"000000007","values":{"100302":"2026\/13\/40"}}"#);
    is(
        &answer,
        400,
        r#"{"status":"error","code":"400","url":"http:\/\/db.example.test\/abc1de2\/apirecord\/update\/version\/v1","query":{"dbSchemaId":"100201","keyId":"000000007","values":{"100302":"2026\/13\/40"}},"errors":{"code":"100","msg":"パラメータが不正です。","description":{"header":[{"name":"100302","value":"2026\/13\/40","code":"39","msg":"'検収日'に入力された値が、日付として正しくありません。"}]}},"version":"v1","accessTime":"TIME"}"#,
    );
    let answer = host.call(
        "apirecord/regist",
        r#"{"dbSchemaId":"100201","getSubordinate":"0","keyMode":"0","values":{"100301":"新規"}}"#,
    );
    is(
        &answer,
        200,
        r#"{"status":"success","code":"200","url":"http:\/\/db.example.test\/abc1de2\/apirecord\/regist\/version\/v1","query":{"dbSchemaId":"100201","getSubordinate":"0","keyMode":"0","values":{"100301":"新規"}},"items":{"keyId":"000000008","id":"8"},"version":"v1","accessTime":"TIME"}"#,
    );
    let answer = host.call("apirecord/delete", r#"{"dbSchemaId":100201,"keyId":"000000008"}"#);
    is(
        &answer,
        200,
        r#"{"status":"success","code":"200","url":"http:\/\/db.example.test\/abc1de2\/apirecord\/delete\/version\/v1","query":{"dbSchemaId":"100201","keyId":"000000008"},"items":{"keyId":"000000008","id":"8"},"version":"v1","accessTime":"TIME"}"#,
    );
}

#[test]
fn a_record_is_shown_byte_for_byte() {
    let host = Host::start();
    host.ok("apirecord/regist", r#"{"dbSchemaId":100200,"values":{"100290":"A-001"}}"#);
    for _ in 0..6 {
        host.ok("apirecord/regist", r#"{"dbSchemaId":100202,"values":{}}"#);
    }
    host.ok(
        "apirecord/regist",
        r#"{"dbSchemaId":"100202","values":{"100340":"A-001","100342":"受付","100343":3300,"100344":"12",
            "100345":"20260104","100346":"2026年01月05日","100347":"","100348":[],"details":[
                {"100351":"2026-01-04 17:00","100352":"一行目\n二行目","100353":""},
                {"100351":"2026/01/05 08:30:15","100352":"…","100353":"A"}]}}"#,
    );
    let answer = host.call("apirecord/view", r#"{"dbSchemaId":"100202","keyId":"000000007","responseType":"1"}"#);
    let items = answer.json()["items"].clone();
    let moment = items["[登録日]"].as_str().unwrap().replace('/', "\\/");
    assert_eq!((moment.len(), &items["[更新日]"]), (18, &items["[登録日]"]));
    is(
        &answer,
        200,
        &r#"{"status":"success","code":"200","url":"http:\/\/db.example.test\/abc1de2\/apirecord\/view\/version\/v1","query":{"dbSchemaId":"100202","keyId":"000000007","responseType":"1"},"items":{"[ID]":"7","[登録日]":"MOMENT","[登録ユーザ]":"連携用","[更新日]":"MOMENT","[更新ユーザ]":"連携用","商品リンク":"A-001","番号":"000000007","区分":"受付","金額":"\\3,300","在庫":"12個","受付日":"2026\/01\/04","発送月":"2026年01月","メモ":"","details":[{"行":"1","日時":"2026\/01\/04 17:00","内容":"一行目\n二行目","担当":""},{"行":"2","日時":"2026\/01\/05 08:30","内容":"…","担当":"A"}],"タグ":[]},"version":"v1","accessTime":"TIME"}"#
            .replace("MOMENT", &moment),
    );
}

#[test]
fn imports_byte_for_byte() {
    let host = Host::start();
    let answer = import(&host, CLIENTS[0], b"a,1,\nb,x,\n");
    let process = answer.json()["processId"].as_str().unwrap().to_owned();
    is(
        &answer,
        200,
        &r#"{"status":"success","code":"200","url":"http:\/\/db.example.test\/abc1de2\/api\/csvdataimport\/version\/v1","query":{"dbSchemaId":"100201","importId":"100401"},"processId":"P","items":{"processId":"P"},"version":"v1","accessTime":"TIME"}"#
            .replace("\"P\"", &format!("\"{process}\"")),
    );
    host.wait_for(&process, &[2, 3]);
    let answer = host.call("api/checkcsvimportprocess", format!(r#"{{"processId":"{process}"}}"#));
    is(
        &answer,
        200,
        &r#"{"status":"success","code":"200","url":"http:\/\/db.example.test\/abc1de2\/api\/checkcsvimportprocess\/version\/v1","query":{"processId":"P"},"items":{"processId":"P","processStatus":"complete","nowCondition":2,"succeedCount":1,"failureCount":1},"version":"v1","accessTime":"TIME"}"#
            .replace("\"P\"", &format!("\"{process}\"")),
    );
    // The same in two calls.
    let parts =
        "--b\r\nContent-Disposition: form-data; name=\"uploadFile\"; filename=\"a.csv\"\r\n\r\na,1,\r\n\r\n--b--\r\n";
    let more = "Content-Type: multipart/form-data; boundary=b\r\n";
    let answer = host.send(request("api/fileupload", &host.token, more, parts));
    let file = answer.json()["fileId"].as_str().unwrap().to_owned();
    is(
        &answer,
        200,
        &r#"{"status":"success","code":"200","url":"http:\/\/db.example.test\/abc1de2\/api\/fileupload\/version\/v1","query":{},"fileId":"F","items":{"fileId":"F"},"version":"v1","accessTime":"TIME"}"#
            .replace("\"F\"", &format!("\"{file}\"")),
    );
    let json = format!(r#"{{"dbSchemaId":"100201","importId":"100401","fileId":"{file}"}}"#);
    let answer = host.ok("api/csvimport", json);
    assert_eq!(answer["items"]["processId"], answer["processId"]);
    let items = host.wait_for(answer["processId"].as_str().unwrap(), &[2, 3]);
    assert_eq!((&items["succeedCount"], &items["failureCount"]), (&json!(1), &json!(0)));
}

#[test]
fn row_1_codes_are_strings_and_process_ids_are_digits_at_both_places() {
    let host = with_seven_cases();
    for (answer, status) in [
        (host.call("apirecord/view", r#"{"dbSchemaId":100201,"keyId":"000000001"}"#), 200),
        (host.call("apirecord/view", "{}"), 400),
        (host.send(request("apirecord/view", "wrong", "", "{}")), 401),
        (host.send(request("apirecord/get", &host.token, "", "{}")), 404),
        (
            host.send(request(
                "apirecord/delete",
                &host.token_of("reader"),
                "",
                r#"{"dbSchemaId":100201,"keyId":"1"}"#,
            )),
            403,
        ),
    ] {
        assert_eq!(answer.status, status);
        assert_eq!(answer.json()["code"], Json::String(status.to_string()));
    }
    let answer = import(&host, CLIENTS[1], b"a,1,\n").json();
    let process = answer["processId"].as_str().unwrap();
    assert!(process.bytes().all(|byte| byte.is_ascii_digit()));
    assert_eq!(answer["items"]["processId"], process);
}

#[test]
fn row_2_json_has_a_length_csv_has_chunks_and_connections_are_closed() {
    let host = with_seven_cases();
    let closing = |function: &str, json: &str| {
        let mut raw = host.connect();
        let answer = raw.send(request(function, &host.token, "Connection: Close\r\n", json)).answer();
        assert_eq!(raw.rest(), b"", "the end of the connection");
        answer
    };
    let answer = closing("apirecord/view", r#"{"dbSchemaId":100201,"keyId":"000000001"}"#);
    assert_eq!((answer.chunks, answer.header("content-length")), (None, Some(answer.body.len().to_string())));
    let answer = closing("api/csvexport", r#"{"dbSchemaId":100201}"#);
    assert!(answer.chunks.is_some() && answer.header("content-length").is_none());
}

#[test]
fn row_3_csv_has_a_mark_a_header_quotes_and_the_key_first() {
    let host = Host::start();
    let answer = host.call("api/csvexport", r#"{"dbSchemaId":100202}"#);
    assert!(answer.text().starts_with("\u{feff}\"番号\",\"商品リンク\",\"区分\","), "the key is the second item");
    assert!(answer.text().ends_with("\"\r\n"));
    assert_eq!(host.csv(r#"{"dbSchemaId":100202}"#).len(), 1, "a header without records");
    host.ok("apirecord/regist", r#"{"dbSchemaId":100202,"values":{"details":[{"100352":"一"},{"100352":"a\"b,c"}]}}"#);
    host.ok("apirecord/regist", r#"{"dbSchemaId":100202,"values":{"100343":1234}}"#);
    let lines = host.csv(r#"{"dbSchemaId":100202,"listId":"100502"}"#);
    assert_eq!(
        lines[1..],
        [
            r#""000000001","","","","","","","","一""#,
            r#""000000001","","","","","","","","a""b,c""#,
            r#""000000002","\1,234","","","","","","","""#
        ]
    );
}

#[test]
fn row_4_every_multipart_body_is_understood() {
    let host = Host::start();
    for client in CLIENTS {
        let answer = import(&host, client, "りんご,120,2026-05-01\r\n".as_bytes());
        assert_eq!(answer.status, 200, "{}: {}", client.0, answer.text());
        let items = host.wait_for(answer.json()["processId"].as_str().unwrap(), &[2, 3]);
        assert_eq!((&items["succeedCount"], &items["failureCount"]), (&json!(1), &json!(0)), "{}", client.0);
    }
    // JSON with a file name is not read.
    let parts = format!(
        "--b\r\nContent-Disposition: form-data; name=\"json\"; filename=\"json.txt\"\r\n\r\n{TARGET}\r\n--b\r\n\
         Content-Disposition: form-data; name=\"uploadFile\"; filename=\"a.csv\"\r\n\r\na,1,\r\n--b--\r\n"
    );
    let more = "Content-Type: multipart/form-data; boundary=b\r\n";
    let answer = host.send(request("api/csvdataimport", &host.token, more, parts));
    is(
        &answer,
        400,
        r#"{"status":"error","code":"400","url":"http:\/\/db.example.test\/abc1de2\/api\/csvdataimport\/version\/v1","query":{},"errors":{"code":"100","msg":"パラメータが不正です。","description":[{"name":"dbSchemaId","value":"","code":"1001","msg":"必須パラメータが指定されていません。"},{"name":"importId","value":"","code":"1001","msg":"必須パラメータが指定されていません。"}]},"version":"v1","accessTime":"TIME"}"#,
    );
}

#[test]
fn row_5_both_encodings_are_read_and_the_setting_says_where_data_begins() {
    let host = Host::start();
    let csv = "髙い表,1,2026年05月01日\r\n";
    let (cp932, _, failed) = encoding_rs::SHIFT_JIS.encode(csv);
    assert!(!failed);
    // The first client says UTF-8 of everything it sends.
    for bytes in [csv.as_bytes().to_vec(), cp932.into_owned(), [b"\xef\xbb\xbf", csv.as_bytes()].concat()] {
        let answer = import(&host, CLIENTS[0], &bytes).json();
        assert_eq!(host.wait_for(answer["processId"].as_str().unwrap(), &[2, 3])["succeedCount"], 1);
    }
    for key in ["000000001", "000000002", "000000003"] {
        assert_eq!(host.title_of(key), "髙い表");
    }
    let body = (CLIENTS[3].2)(r#"{"dbSchemaId":"100203","importId":"100402"}"#, "顧客番号,顧客名\n7,a\n8,b".as_bytes());
    let more = format!("Content-Type: {}\r\n", CLIENTS[3].1);
    let answer = host.send(request("api/csvdataimport", &host.token, &more, body)).json();
    assert_eq!(host.wait_for(answer["processId"].as_str().unwrap(), &[2, 3])["succeedCount"], 2);
    assert_eq!(host.csv(r#"{"dbSchemaId":100203}"#).len(), 3);
}

#[test]
fn row_6_numbers_and_strings_mean_the_same_and_unknown_members_nothing() {
    let host = with_seven_cases();
    let as_text = host.csv(r#"{"dbSchemaId":"100201","listId":"100501","viewId":"0","limit":"2","offset":"1"}"#);
    let as_number = host.csv(r#"{"dbSchemaId":100201,"listId":100501,"viewId":0,"limit":2,"offset":1}"#);
    assert_eq!(as_text, as_number);
    assert_eq!(as_text.len(), 3);
    for json in [
        r#"{"dbSchemaId":"100201","keyId":"000000001","responseType":"1","viewId":"0"}"#,
        r#"{"dbSchemaId":100201,"keyId":"000000001","responseType":1,"anything":{"a":[null]}}"#,
    ] {
        assert_eq!(host.ok("apirecord/view", json)["items"]["番号"], "000000001");
    }
}

#[test]
fn row_7_descriptions_are_lists_for_parameters_and_objects_for_values() {
    let host = with_seven_cases();
    let description = host.refused("apirecord/update", r#"{"keyId":"000000001","values":{"100302":"bad"}}"#);
    assert_eq!(
        description,
        json!([{"name": "dbSchemaId", "value": "", "code": "1001", "msg": "必須パラメータが指定されていません。"}])
    );
    let description = host.refused(
        "apirecord/update",
        r#"{"dbSchemaId":"100201","keyId":"000000007","values":{"100301":"中止","100302":"2026/013/01","details":[{"100322":"good"},{"100321":"bad","100322":"x"}]}}"#,
    );
    assert_eq!(
        description,
        json!({
            "header": [
                {"name": "100301", "value": "中止", "code": "37", "msg": "'状態'に選択された値は、選択肢として設定されていません。"},
                {"name": "100302", "value": "2026/013/01", "code": "39", "msg": "'検収日'に入力された値が、日付として正しくありません。"}
            ],
            "detail": {"2": [{"name": "100321", "value": "bad", "code": "39", "msg": "'日時'に入力された値が、日付として正しくありません。"}]}
        })
    );
    let description = host.refused("apirecord/regist", r#"{"dbSchemaId":100203,"values":{"100360":"1"}}"#);
    assert_eq!(description["header"][0]["msg"], "'顧客名'を入力してください。");
}

#[test]
fn row_8_rows_without_a_key_are_appended() {
    let host = with_seven_cases();
    for more in ["", r#""updateDetailKeyId":"detailKey","#] {
        host.ok(
            "apirecord/update",
            format!(
                r#"{{"dbSchemaId":"100201","keyId":"000000001",{more}"getSubordinate":"1","values":{{"details":[{{"100322":"x"}}]}}}}"#
            ),
        );
    }
    let items = host.ok("apirecord/view", r#"{"dbSchemaId":"100201","keyId":"000000001","responseType":1}"#);
    let rows = items["items"]["details"].as_array().unwrap();
    assert_eq!(rows.iter().map(|row| row["行"].as_str().unwrap()).collect::<Vec<_>>(), ["1", "2"]);
}

#[test]
fn row_9_display_names_and_strings_but_for_multi_selects() {
    let host = Host::start();
    host.ok("apirecord/regist", r#"{"dbSchemaId":100201,"values":{"100303":12.5,"100305":["B","A"]}}"#);
    let items =
        host.ok("apirecord/view", r#"{"dbSchemaId":100201,"keyId":"000000001","responseType":1}"#)["items"].clone();
    for (name, value) in items.as_object().unwrap() {
        match name.as_str() {
            "タグ" => assert_eq!(*value, json!(["A", "B"])),
            "details" => assert_eq!(*value, json!([])),
            _ => assert!(value.is_string(), "{name}"),
        }
    }
    assert_eq!((&items["金額"], &items["状態"], &items["検収日"]), (&json!("12.50"), &json!(""), &json!("")));
}

#[test]
fn row_10_rate_and_address_refusals_are_known_by_their_words() {
    let host = Host::with(&[], json!({}));
    for _ in 0..20 {
        assert_eq!(host.call("apirecord/view", "{}").status, 400);
    }
    let answer = host.call("apirecord/view", "{}");
    assert_eq!(answer.status, 429);
    assert!(answer.header("retry-after").unwrap().parse::<u64>().unwrap() <= 60);
    is(
        &answer,
        429,
        r#"{"status":"error","code":"429","url":"http:\/\/db.example.test\/abc1de2\/apirecord\/view\/version\/v1","query":{},"errors":{"code":"903","msg":"APIの実行回数が制限を超えました。","description":[]},"version":"v1","accessTime":"TIME"}"#,
    );
    let host = Host::with(&["--proxy-trust", "192.0.2.0/24", "::1"], json!({"addresses": ["203.0.113.0/24"]}));
    let answer = host.call("apirecord/view", "{}");
    is(
        &answer,
        403,
        r#"{"status":"error","code":"403","url":"http:\/\/db.example.test\/abc1de2\/apirecord\/view\/version\/v1","query":{},"errors":{"code":"7","msg":"アクセスが拒否されました。","description":[]},"version":"v1","accessTime":"TIME"}"#,
    );
    // Whoever is no proxy is not believed.
    let from = |host: &Host, address: &str| {
        let more = format!("X-Forwarded-For: {address}\r\n");
        host.send(request("apirecord/view", &host.token, &more, "{}")).status
    };
    assert_eq!(from(&host, "203.0.113.7"), 403);
    let host = Host::with(&["--proxy-trust", "127.0.0.1"], json!({"addresses": ["203.0.113.0/24"]}));
    assert_eq!(from(&host, "198.51.100.1, 203.0.113.7"), 400);
    assert_eq!(from(&host, "203.0.113.7, 198.51.100.1"), 403);
}

#[test]
fn tokens_are_judged_before_anything_else_but_the_path() {
    let host = Host::start();
    let bare = |headers: &str| {
        host.send(format!(
            "POST /abc1de2/apirecord/view/version/v1 HTTP/1.1\r\nHost: db.example.test\r\n{headers}Content-Length: 1\r\n\r\n{{"
        ))
    };
    let answer = bare("");
    assert!(answer.header("www-authenticate").is_some());
    is(
        &answer,
        401,
        r#"{"status":"error","code":"401","url":"http:\/\/db.example.test\/abc1de2\/apirecord\/view\/version\/v1","query":{},"errors":{"code":"1","msg":"認証に失敗しました。APIトークンが指定されていません。","description":[]},"version":"v1","accessTime":"TIME"}"#,
    );
    is(
        &bare(&format!("X-HD-apitoken: {}\r\n", "a".repeat(64))),
        401,
        r#"{"status":"error","code":"401","url":"http:\/\/db.example.test\/abc1de2\/apirecord\/view\/version\/v1","query":{},"errors":{"code":"2","msg":"認証に失敗しました。APIトークンが正しくありません。","description":[]},"version":"v1","accessTime":"TIME"}"#,
    );
    is(
        &bare(&format!("X-HD-apitoken:  {}\t\r\n", host.token)),
        400,
        r#"{"status":"error","code":"400","url":"http:\/\/db.example.test\/abc1de2\/apirecord\/view\/version\/v1","query":{},"errors":{"code":"100","msg":"パラメータが不正です。","description":[{"name":"body","value":"","code":"1005","msg":"リクエストのJSONを読み取れません。"}]},"version":"v1","accessTime":"TIME"}"#,
    );
    let reader = host.token_of("reader");
    let answer = host.send(request("apirecord/delete", &reader, "", r#"{"dbSchemaId":100201,"keyId":"1"}"#));
    is(
        &answer,
        403,
        r#"{"status":"error","code":"403","url":"http:\/\/db.example.test\/abc1de2\/apirecord\/delete\/version\/v1","query":{"dbSchemaId":"100201","keyId":"1"},"errors":{"code":"904","msg":"この操作を行う権限がありません。","description":[]},"version":"v1","accessTime":"TIME"}"#,
    );
}

#[test]
fn maintenance_is_a_page_that_a_signal_switches() {
    let mut host = Host::with(&["--maintenance"], json!({}));
    let answer = host.call("apirecord/view", "{}");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.text().lines().next(), Some("Status: 503 Maintenance mode"));
    assert_eq!(answer.header("content-type").as_deref(), Some("text/html; charset=UTF-8"));
    host.signal("USR1");
    let began = std::time::Instant::now();
    while host.call("apirecord/view", "{}").status == 200 {
        assert!(began.elapsed() < crate::raw::PATIENCE);
    }
    host.signal("TERM");
    assert!(host.wait(crate::raw::PATIENCE).success());
}

#[test]
fn csv_may_be_in_shift_jis() {
    let host = Host::with(&["--export-cp932"], json!({"calls_per_minute": null}));
    host.cases(&["髙い表"]);
    let answer = host.call("api/csvexport", r#"{"dbSchemaId":100201,"listId":100501}"#);
    assert_eq!(answer.header("content-type").as_deref(), Some("text/csv; charset=Shift_JIS"));
    let (text, _, failed) = encoding_rs::SHIFT_JIS.decode(&answer.body);
    assert!(!failed && text.contains("\"髙い表\""), "{text}");
}
