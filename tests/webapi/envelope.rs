//! The envelope, byte for byte where the reference shows bytes, and the order in which calls are judged.

use renkei::webapi::{Options, Request, WebApi};

use crate::fixture::{ACCOUNT, Fixture, text};

fn with_seven_cases() -> Fixture {
    let f = Fixture::new();
    f.cases(&["a", "b", "c", "d", "e", "f", "g"]);
    f
}

#[test]
fn success_is_as_the_reference_shows_it() {
    let f = with_seven_cases();
    let (status, answer) =
        f.call("apirecord/update", r#"{"dbSchemaId":100201,"keyId":"000000007","values":{"100301":"\u6e08"}}"#);
    assert_eq!(status, 200);
    assert_eq!(
        answer,
        r#"{"status":"success","code":"200","url":"http:\/\/db.example.test\/abc1de2\/apirecord\/update\/version\/v1","query":{"dbSchemaId":"100201","keyId":"000000007","values":{"100301":"済"}},"items":{"keyId":"000000007","id":"7"},"version":"v1","accessTime":"2026-01-05 09:00:00 +0900"}"#
    );
    let (_, answer) = f.call(
        "apirecord/regist",
        r#"{"dbSchemaId":"100201","getSubordinate":"0","keyMode":"0","values":{"100301":"新規"}}"#,
    );
    assert_eq!(
        answer,
        r#"{"status":"success","code":"200","url":"http:\/\/db.example.test\/abc1de2\/apirecord\/regist\/version\/v1","query":{"dbSchemaId":"100201","getSubordinate":"0","keyMode":"0","values":{"100301":"新規"}},"items":{"keyId":"000000008","id":"8"},"version":"v1","accessTime":"2026-01-05 09:00:00 +0900"}"#
    );
}

#[test]
fn a_bad_parameter_is_as_the_reference_shows_it() {
    let f = Fixture::new();
    f.turn_to(1);
    let (status, answer) = f.call("apirecord/view", r#"{"dbSchemaId":"100201","keyId":"999999999","responseType":1}"#);
    assert_eq!(status, 400);
    assert_eq!(
        answer,
        r#"{"status":"error","code":"400","url":"http:\/\/db.example.test\/abc1de2\/apirecord\/view\/version\/v1","query":{"dbSchemaId":"100201","keyId":"999999999","responseType":"1"},"errors":{"code":"100","msg":"パラメータが不正です。","description":[{"name":"keyId","value":"999999999","code":"8","msg":"紐づくデータが存在しません。"}]},"version":"v1","accessTime":"2026-01-05 09:00:01 +0900"}"#
    );
}

#[test]
fn a_bad_value_is_as_the_reference_shows_it() {
    let f = with_seven_cases();
    f.turn_to(2);
    let (status, answer) =
        f.call("apirecord/update", r#"{"dbSchemaId":"100201","keyId":"000000007","values":{"100302":"2026\/13\/40"}}"#);
    assert_eq!(status, 400);
    assert_eq!(
        answer,
        r#"{"status":"error","code":"400","url":"http:\/\/db.example.test\/abc1de2\/apirecord\/update\/version\/v1","query":{"dbSchemaId":"100201","keyId":"000000007","values":{"100302":"2026\/13\/40"}},"errors":{"code":"100","msg":"パラメータが不正です。","description":{"header":[{"name":"100302","value":"2026\/13\/40","code":"39","msg":"'検収日'に入力された値が、日付として正しくありません。"}]}},"version":"v1","accessTime":"2026-01-05 09:00:02 +0900"}"#
    );
    let (_, answer) =
        f.call("apirecord/update", r#"{"dbSchemaId":"100201","keyId":"000000007","values":{"100301":"中止"}}"#);
    assert!(answer.contains(
        r#""description":{"header":[{"name":"100301","value":"中止","code":"37","msg":"'状態'に選択された値は、選択肢として設定されていません。"}]}"#
    ));
}

#[test]
fn bad_detail_rows_stand_by_their_number() {
    let f = with_seven_cases();
    let description = f.refused(
        "apirecord/update",
        r#"{"dbSchemaId":"100201","keyId":"000000007","values":{"100303":"x","details":[
            {"100322":"good"}, {"100321":"2026/1/32"}, {"100321":"2026-01-05 10:00","100322":"ok"}, {"100322":""}]}}"#,
    );
    assert_eq!(
        description,
        serde_json::json!({
            "header": [{"name": "100303", "value": "x", "code": "1102", "msg": "'金額'に入力された値が、数値として正しくありません。"}],
            "detail": {
                "2": [
                    {"name": "100321", "value": "2026/1/32", "code": "39", "msg": "'日時'に入力された値が、日付として正しくありません。"},
                    {"name": "100322", "value": "", "code": "1101", "msg": "'内容'を入力してください。"}
                ],
                "4": [{"name": "100322", "value": "", "code": "1101", "msg": "'内容'を入力してください。"}]
            }
        })
    );
    let description = f.refused(
        "apirecord/update",
        r#"{"dbSchemaId":"100201","keyId":"000000007","values":{"details":[{"100322":""}]}}"#,
    );
    assert_eq!(description["header"], serde_json::json!([]));
    assert_eq!(description["detail"]["1"][0]["code"], "1101");
    // Nothing was written by any of these.
    let record = f.store.records("cases").view("000000007").unwrap();
    assert_eq!((record.revision(), record.rows().len()), (1, 0));
}

#[test]
fn every_missing_parameter_is_told_and_goes_before_values() {
    let f = Fixture::new();
    let missing = |names: &[&str]| {
        names
            .iter()
            .map(|name| serde_json::json!({"name": name, "value": "", "code": "1001", "msg": "必須パラメータが指定されていません。"}))
            .collect::<Vec<_>>()
    };
    for json in ["{}", "", " \r\n", "[]", r#"{"dbSchemaId":null,"keyId":"","values":null}"#] {
        let description = f.refused("apirecord/update", json);
        assert_eq!(description, serde_json::json!(missing(&["dbSchemaId", "keyId", "values"])), "{json}");
    }
    assert_eq!(f.refused("api/csvexport", "{}"), serde_json::json!(missing(&["dbSchemaId"])));
    assert_eq!(f.refused("api/csvimport", "{}"), serde_json::json!(missing(&["dbSchemaId", "importId", "fileId"])));
    assert_eq!(f.refused("api/checkcsvimportprocess", "{}"), serde_json::json!(missing(&["processId"])));
    let description = f.refused("apirecord/update", r#"{"dbSchemaId":100201,"values":{"100302":"bad"}}"#);
    assert_eq!(description, serde_json::json!(missing(&["keyId"])));
}

#[test]
fn parameters_of_a_wrong_kind_are_told() {
    let f = Fixture::new();
    let codes = |function: &str, json: &str| -> Vec<String> {
        let description = f.refused(function, json);
        let entries = description.as_array().unwrap().iter();
        entries
            .map(|entry| {
                format!(
                    "{}={}:{}",
                    entry["name"].as_str().unwrap(),
                    entry["value"].as_str().unwrap(),
                    entry["code"].as_str().unwrap()
                )
            })
            .collect()
    };
    assert_eq!(codes("apirecord/view", r#"{"dbSchemaId":"abc","keyId":"1"}"#), ["dbSchemaId=abc:8"]);
    assert_eq!(codes("apirecord/view", r#"{"dbSchemaId":999999,"keyId":"1"}"#), ["dbSchemaId=999999:8"]);
    assert_eq!(codes("apirecord/view", r#"{"dbSchemaId":"cases","keyId":"1"}"#), ["dbSchemaId=cases:8"]);
    assert_eq!(
        codes("apirecord/view", r#"{"dbSchemaId":[100201],"keyId":{"a":1}}"#),
        [r#"dbSchemaId=[100201]:1004"#, r#"keyId={"a":1}:1004"#]
    );
    assert_eq!(
        codes("api/csvexport", r#"{"dbSchemaId":100201,"limit":-1,"offset":"x","listId":7,"searchId":"x"}"#),
        ["limit=-1:1002", "offset=x:1002", "listId=7:8", "searchId=x:8"]
    );
    assert_eq!(
        codes("apirecord/regist", r#"{"dbSchemaId":100201,"values":"x","keyMode":2,"getSubordinate":"yes"}"#),
        ["values=x:1004", "keyMode=2:1003", "getSubordinate=yes:1003"]
    );
    assert_eq!(
        codes("apirecord/regist", r#"{"dbSchemaId":100201,"values":{"details":"x"}}"#),
        [r#"values={"details":"x"}:1004"#]
    );
    assert_eq!(
        codes("apirecord/regist", r#"{"dbSchemaId":100201,"values":{"details":[1]}}"#),
        [r#"values={"details":[1]}:1004"#]
    );
    // A definition of another database is none.
    assert_eq!(codes("api/csvexport", r#"{"dbSchemaId":100201,"listId":100503}"#), ["listId=100503:8"]);
    assert_eq!(codes("api/csvimport", r#"{"dbSchemaId":100201,"importId":100402,"fileId":1}"#), ["importId=100402:8"]);
    assert_eq!(codes("api/csvimport", r#"{"dbSchemaId":100201,"importId":100401,"fileId":1}"#), ["fileId=1:8"]);
}

#[test]
fn ids_numbers_and_flags_come_in_both_forms_and_unknown_members_are_ignored() {
    let f = with_seven_cases();
    for json in [
        r#"{"dbSchemaId":"100201","keyId":"000000001","responseType":"1","viewId":"0"}"#,
        r#"{"dbSchemaId":100201,"keyId":"000000001","responseType":1,"viewId":{"a":[1,{}]}}"#,
        r#"{"viewId":null,"responseType":1,"keyId":"000000001","dbSchemaId":100201}"#,
    ] {
        assert_eq!(f.ok("apirecord/view", json)["items"]["番号"], "000000001");
    }
    let as_text = f.csv(r#"{"dbSchemaId":"100201","viewId":"0","limit":"2","offset":"1"}"#);
    assert_eq!(as_text, f.csv(r#"{"dbSchemaId":100201,"limit":2,"offset":1}"#));
    assert_eq!(as_text.lines().count(), 3);
}

#[test]
fn the_echo_keeps_the_order_and_nested_values() {
    let f = with_seven_cases();
    let (_, answer) = f.call(
        "apirecord/update",
        r#" { "values": {"details":[{"100322":"行\n二"}], "100303": 12.50, "100305": ["B", "A"], "100304": null},
            "keyId" : "000000001", "extra":true, "dbSchemaId" : 100201 } "#,
    );
    assert!(
        answer.contains(
            r#""query":{"values":{"details":[{"100322":"行\n二"}],"100303":"12.50","100305":["B","A"],"100304":""},"keyId":"000000001","extra":"true","dbSchemaId":"100201"},"items""#
        ),
        "{answer}"
    );
}

#[test]
fn json_is_read_whatever_the_content_type_says() {
    let f = with_seven_cases();
    let json = r#"{"dbSchemaId":"100201","keyId":"000000001"}"#;
    for content_type in [
        "application/json;charset=UTF-8",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-8",
        "text/plain",
        "",
        "application/x-www-form-urlencoded",
    ] {
        let request =
            f.request("apirecord/view").header("content-type", content_type).header("Accept", "multipart/form-data");
        assert_eq!(text(f.api.handle(request.body(json.as_bytes()))).0, 200, "{content_type}");
    }
    assert_eq!(text(f.api.handle(f.request("apirecord/view").body(json.as_bytes()))).0, 200);
    let with_mark = [b"\xef\xbb\xbf", json.as_bytes()].concat();
    assert_eq!(text(f.api.handle(f.request("apirecord/view").body(with_mark))).0, 200);
    // As a part, as the uploading functions have it.
    let body = format!("--b\r\nContent-Disposition: form-data; name=\"json\"\r\n\r\n{json}\r\n--b--\r\n");
    assert_eq!(f.upload("apirecord/view", "multipart/form-data; boundary=b", body).0, 200);
}

#[test]
fn broken_json_names_the_body() {
    let f = Fixture::new();
    for body in [&b"{"[..], b"x", b"\"text\"", b"[1]", b"7", b"{\"a\":\"\xff\"}", b"dbSchemaId=1", b"{}{}"] {
        let (status, answer) = text(f.api.handle(f.request("apirecord/view").body(body)));
        assert_eq!(status, 400);
        assert!(
            answer.contains(
                r#""query":{},"errors":{"code":"100","msg":"パラメータが不正です。","description":[{"name":"body","value":"","code":"1005","msg":"リクエストのJSONを読み取れません。"}]}"#
            ),
            "{answer}"
        );
    }
}

#[test]
fn unknown_paths_and_other_methods() {
    let f = Fixture::new();
    let errors = |method: &str, path: &str| {
        let request = Request::new(method.to_owned(), path.to_owned()).header("Host", "db.example.test");
        let response = f.api.handle(request);
        let allow = response.header("allow").map(str::to_owned);
        let (status, answer) = text(response);
        (status, allow, serde_json::from_str::<serde_json::Value>(&answer).unwrap()["errors"].clone())
    };
    let view = "/abc1de2/apirecord/view/version/v1";
    for path in
        ["/", "/abc1de2/apirecord/get/version/v1", "/other12/apirecord/view/version/v1", "/abc1de2/api/view/version/v1"]
    {
        let (status, _, errors) = errors("POST", path);
        assert_eq!(status, 404);
        assert_eq!(
            errors,
            serde_json::json!({"code": "901", "msg": "指定されたAPIは存在しません。", "description": []})
        );
    }
    for method in ["GET", "PUT", "OPTIONS", "HEAD", "post"] {
        let (status, allow, errors) = errors(method, view);
        assert_eq!((status, allow.as_deref()), (405, Some("POST")));
        assert_eq!(errors["code"], "902");
    }
    // Without a token, the path and the method are judged all the same.
    assert_eq!(errors("POST", view).0, 401);
}

#[test]
fn maintenance_is_a_page_whose_first_line_says_so() {
    let f = Fixture::new();
    assert!(!f.api.is_in_maintenance());
    f.api.clone().set_maintenance(true);
    for request in [f.request("apirecord/view"), Request::new("GET", "/"), f.request("api/csvexport")] {
        let response = f.api.handle(request);
        assert_eq!(response.status(), 200);
        assert_eq!(response.header("content-type"), Some("text/html; charset=UTF-8"));
        let page = String::from_utf8(response.body_bytes().unwrap().to_vec()).unwrap();
        assert_eq!(page.lines().next(), Some("Status: 503 Maintenance mode"));
    }
    f.api.set_maintenance(false);
    assert_eq!(f.call("apirecord/view", "{}").0, 400);
}

#[test]
fn accounts_are_segments_of_paths() {
    let f = Fixture::new();
    for account in ["", "a/b", "あ", "a b", "a%20"] {
        assert!(WebApi::new(&f.store, account).is_err(), "{account}");
    }
    let api = WebApi::with_options(&f.store, "x-1.y_2", Options::default()).unwrap();
    assert_eq!((api.account(), api.options().export_records), ("x-1.y_2", 200));
    assert_eq!(text(f.api.handle(f.request("apirecord/view"))).0, 400);
    let other = Request::new("POST", format!("/{ACCOUNT}/apirecord/view/version/v1"));
    assert_eq!(text(api.handle(other)).0, 404);
}
