//! `regist`, `update`, `delete`, `view`: values, detail rows, keys, links, display.

use renkei::{NewToken, RecordId, Store};
use serde_json::{Value as Json, json};

use crate::fixture::Fixture;

fn record(store: &Store, database: &str, key: &str) -> Json {
    store.records(database).view(key).unwrap().to_json()
}

fn reports(f: &Fixture, database: &str, key: &str) -> Vec<String> {
    f.store.records(database).view(key).unwrap().rows().iter().map(|row| row.text("report")).collect()
}

#[test]
fn a_record_is_shown_as_the_reference_shows_it() {
    let mut f = Fixture::new();
    f.ok("apirecord/regist", r#"{"dbSchemaId":100200,"values":{"100290":"A-001"}}"#);
    f.turn_to(-57_900); // 2026-01-04 16:55
    for _ in 0..6 {
        f.ok("apirecord/regist", r#"{"dbSchemaId":100202,"values":{}}"#);
    }
    let answer = f.ok(
        "apirecord/regist",
        r#"{"dbSchemaId":"100202","values":{"100340":"A-001","100342":"受付","100343":3300,"100344":"12",
            "100345":"20260104","100346":"2026年01月05日","100347":"","100348":[],"details":[
                {"100351":"2026-01-04 17:00","100352":"一行目\n二行目","100353":""},
                {"100351":"2026/01/05 08:30:15","100352":"…","100353":"A"}]}}"#,
    );
    assert_eq!(answer["items"], json!({"keyId": "000000007", "id": "7"}));
    f.token = f.store.issue_token(&NewToken::of("tanto_a")).unwrap().secret().to_owned();
    f.turn_to(0);
    f.ok("apirecord/update", r#"{"dbSchemaId":"100202","keyId":"000000007","values":{"100342":"済"}}"#);
    f.ok("apirecord/update", r#"{"dbSchemaId":"100202","keyId":"000000007","values":{"100342":"受付"}}"#);
    let (_, answer) = f.call("apirecord/view", r#"{"dbSchemaId":"100202","keyId":"000000007","responseType":"1"}"#);
    assert_eq!(
        answer,
        r#"{"status":"success","code":"200","url":"http:\/\/db.example.test\/abc1de2\/apirecord\/view\/version\/v1","query":{"dbSchemaId":"100202","keyId":"000000007","responseType":"1"},"items":{"[ID]":"7","[登録日]":"2026\/01\/04 16:55","[登録ユーザ]":"連携用","[更新日]":"2026\/01\/05 09:00","[更新ユーザ]":"担当A","商品リンク":"A-001","番号":"000000007","区分":"受付","金額":"\\3,300","在庫":"12個","受付日":"2026\/01\/04","発送月":"2026年01月","メモ":"","details":[{"行":"1","日時":"2026\/01\/04 17:00","内容":"一行目\n二行目","担当":""},{"行":"2","日時":"2026\/01\/05 08:30","内容":"…","担当":"A"}],"タグ":[]},"version":"v1","accessTime":"2026-01-05 09:00:00 +0900"}"#
    );
    let (_, answer) = f.call("apirecord/view", r#"{"dbSchemaId":"100202","keyId":"000000007","responseType":"0"}"#);
    assert!(
        answer.contains(
            r#""[更新ユーザ]":"担当A","100340":"A-001","100341":"000000007","100342":"受付","100343":"\\3,300","100344":"12個","100345":"2026\/01\/04","100346":"2026年01月","100347":"","details":[{"行":"1","100351":"2026\/01\/04 17:00","100352":"一行目\n二行目","100353":""},{"行":"2","100351":"2026\/01\/05 08:30","100352":"…","100353":"A"}],"100348":[]}"#
        ),
        "{answer}"
    );
    let without = f.ok("apirecord/view", r#"{"dbSchemaId":"100202","keyId":"000000007"}"#);
    assert_eq!(without["items"]["100341"], "000000007");
}

#[test]
fn what_was_shown_may_be_written_back() {
    let f = Fixture::new();
    f.ok("apirecord/regist", r#"{"dbSchemaId":100200,"values":{"100290":"A-001"}}"#);
    f.ok(
        "apirecord/regist",
        r#"{"dbSchemaId":100202,"values":{"100340":"A-001","100342":"受付","100345":"2026/1/4","100347":"a\nb","100348":["法人","至急"]}}"#,
    );
    let before = record(&f.store, "orders", "000000001");
    for mode in [0, 1] {
        let shown =
            f.ok("apirecord/view", format!(r#"{{"dbSchemaId":100202,"keyId":"000000001","responseType":{mode}}}"#));
        let mut values = shown["items"].clone();
        values["details"] = json!(null);
        let request = json!({"dbSchemaId": 100202, "keyId": "000000001", "values": values});
        f.ok("apirecord/update", request.to_string());
    }
    assert_eq!(record(&f.store, "orders", "000000001"), before);
}

#[test]
fn values_come_in_many_forms() {
    let f = Fixture::new();
    let stored = |values: &str| {
        f.ok("apirecord/regist", format!(r#"{{"dbSchemaId":100201,"values":{values}}}"#));
        let id = f.count("cases");
        f.store.records("cases").view(RecordId(id as i64)).unwrap()
    };
    let record = stored(r#"{"100303":0,"100302":"2026年01月05日","100304":12.50,"100305":["C","A"],"100301":""}"#);
    assert_eq!((record.text("amount"), record.text("accepted")), ("0.00".to_owned(), "2026-01-05".to_owned()));
    assert_eq!(
        (record.text("title"), record.text("tags"), record.text("state")),
        ("12.50".to_owned(), "A,C".to_owned(), String::new())
    );
    for (amount, expected) in
        [("12.5", "12.50"), ("1e3", "1000.00"), ("\"1.5\"", "1.50"), ("12.000", "12.00"), ("[7]", "7.00"), ("[]", "")]
    {
        assert_eq!(stored(&format!(r#"{{"100303":{amount}}}"#)).text("amount"), expected);
    }
    for date in ["\"2026-05-01\"", "\"20260501\"", "20260501", "\"2026/05/01\"", "\"2026年05月01日\"", "\"2026/5/1\""]
    {
        assert_eq!(stored(&format!(r#"{{"100302":{date}}}"#)).text("accepted"), "2026-05-01", "{date}");
    }
    for tags in [r#"["A","B"]"#, r#""A,B""#, r#"{"1":"B","0":"A"}"#, r#"["A","","B"]"#] {
        assert_eq!(stored(&format!(r#"{{"100305":{tags}}}"#)).text("tags"), "A,B", "{tags}");
    }
    // By code or by name, by display name too.
    for owner in ["tanto_a", "担当A"] {
        let record = stored(&format!(r#"{{"100308":"{owner}"}}"#));
        assert_eq!((record.text("owner"), record.display("owner")), ("tanto_a".to_owned(), "担当A".to_owned()));
    }
    assert_eq!(stored(r#"{"件名":"x","title":"y"}"#).text("title"), "y");
    assert_eq!(stored("[]").text("serial"), format!("{:03}", f.count("cases")));
    assert_eq!(stored(r#"{"100304":true}"#).text("title"), "true");
}

#[test]
fn bad_values_are_all_told_by_item_id() {
    let f = Fixture::new();
    let description = f.refused(
        "apirecord/regist",
        r#"{"dbSchemaId":100201,"values":{"100301":"中止","100302":"2026/013/01","100303":-1,"100304":"あいうえおかきくけこさしすせそたちつてとな",
            "100305":["A","Z"],"100306":"X-9","100308":"誰か","100309":"5","100310":1,"999":"x","みしらぬ":"y","100321":"z"}}"#,
    );
    let found: Vec<(String, String, String)> = description["header"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| ["name", "value", "code"].map(|member| entry[member].as_str().unwrap().to_owned()).into())
        .collect();
    for (name, value, code) in [
        ("100301", "中止", "37"),
        ("100302", "2026/013/01", "39"),
        ("100303", "-1", "1104"),
        ("100304", "あいうえおかきくけこさしすせそたちつてとな", "1108"),
        ("100305", "A,Z", "37"),
        ("100306", "X-9", "8"),
        ("100308", "誰か", "1113"),
        ("100309", "5", "1123"),
        ("100310", "1", "1123"),
        ("999", "999", "1126"),
        ("みしらぬ", "みしらぬ", "1126"),
        ("100321", "100321", "1126"),
    ] {
        assert!(found.contains(&(name.to_owned(), value.to_owned(), code.to_owned())), "{name} in {found:?}");
    }
    assert_eq!(found.len(), 12);
    let messages: Vec<&str> =
        description["header"].as_array().unwrap().iter().filter_map(|entry| entry["msg"].as_str()).collect();
    assert!(messages.contains(&"'商品リンク'に紐づくデータが存在しません。"));
    assert!(messages.contains(&"'件名'は20文字以内で入力してください。"));
    assert_eq!(f.count("cases"), 0);
    for (value, code) in [(r#"{"a":1}"#, "1125"), (r#"["a","b"]"#, "1125")] {
        let description =
            f.refused("apirecord/regist", format!(r#"{{"dbSchemaId":100201,"values":{{"100304":{value}}}}}"#));
        assert_eq!(description["header"][0]["code"], code, "{value}");
    }
}

#[test]
fn a_required_item_counts_also_when_it_is_not_mentioned() {
    let f = Fixture::new();
    let description = f.refused("apirecord/regist", r#"{"dbSchemaId":100203,"values":{"100360":"7"}}"#);
    assert_eq!(
        description,
        json!({"header": [{"name": "100361", "value": "", "code": "1101", "msg": "'顧客名'を入力してください。"}]})
    );
    f.ok("apirecord/regist", r#"{"dbSchemaId":100203,"values":{"100360":"7","100361":"a"}}"#);
    let description = f.refused("apirecord/update", r#"{"dbSchemaId":100203,"keyId":"0007","values":{"100361":""}}"#);
    assert_eq!(description["header"][0]["msg"], "'顧客名'を入力してください。");
}

#[test]
fn keys_are_issued_or_given() {
    let f = Fixture::new();
    let cases = |mode: &str, key: &str| {
        let json = format!(r#"{{"dbSchemaId":100201,{mode}"values":{{{key}"100304":"t"}}}}"#);
        f.call("apirecord/regist", json)
    };
    let key_of = |answer: (u16, String)| {
        assert_eq!(answer.0, 200, "{}", answer.1);
        serde_json::from_str::<Json>(&answer.1).unwrap()["items"]["keyId"].as_str().unwrap().to_owned()
    };
    assert_eq!(key_of(cases("", r#""100300":"000000050","#)), "000000001", "0 is the default: the number wins");
    assert_eq!(key_of(cases(r#""keyMode":"0","#, r#""100300":"000000050","#)), "000000002");
    assert_eq!(key_of(cases(r#""keyMode":"1","#, r#""100300":"000000050","#)), "000000050");
    assert_eq!(key_of(cases(r#""keyMode":1,"#, "")), "000000003");
    let (status, answer) = cases(r#""keyMode":1,"#, r#""100300":"000000050","#);
    assert_eq!(status, 400);
    assert!(answer.contains(r#"{"name":"100300","value":"000000050","code":"1120","msg":"'番号'に入力された値は、すでに別のレコードで設定されています。"}"#), "{answer}");
    let (status, answer) = cases(r#""keyMode":1,"#, r#""100300":"X","#);
    assert_eq!(status, 400);
    assert!(answer.contains(r#""code":"1121","msg":"'番号'にてキー項目の形式として正しくありません。""#), "{answer}");
    // A typed key is that of the caller.
    let visits =
        |key: &str| f.call("apirecord/regist", format!(r#"{{"dbSchemaId":100203,"values":{{{key}"100361":"a"}}}}"#));
    assert_eq!(key_of(visits(r#""100360":7,"#)), "0007");
    assert_eq!(visits(r#""100360":"0007","#).0, 400);
    assert!(visits("").1.contains(r#""name":"100360","value":"","code":"1101""#));
}

#[test]
fn records_are_meant_by_their_key() {
    let f = Fixture::new();
    f.ok("apirecord/regist", r#"{"dbSchemaId":100203,"values":{"100360":"7","100361":"a"}}"#);
    for key in [r#""0007""#, r#""7""#, "7"] {
        let answer = f.ok("apirecord/update", format!(r#"{{"dbSchemaId":100203,"keyId":{key},"values":{{}}}}"#));
        assert_eq!(answer["items"], json!({"keyId": "0007", "id": "1"}));
    }
    // The record number is no key.
    let description = f.refused("apirecord/update", r#"{"dbSchemaId":100203,"id":1,"values":{}}"#);
    assert_eq!(description[0]["name"], "keyId");
    assert_eq!(
        f.refused("apirecord/update", r#"{"dbSchemaId":100203,"keyId":"1","values":{"100361":""}}"#)[0]["code"],
        "8"
    );
    // A key may be changed, and the new one is the answer.
    let answer = f.ok("apirecord/update", r#"{"dbSchemaId":100203,"keyId":"7","values":{"100360":"8"}}"#);
    assert_eq!(answer["items"]["keyId"], "0008");
    let answer = f.ok("apirecord/delete", r#"{"dbSchemaId":"100203","keyId":"8"}"#);
    assert_eq!(answer["items"], json!({"keyId": "0008", "id": "1"}));
    let description = f.refused("apirecord/delete", r#"{"dbSchemaId":"100203","keyId":"8"}"#);
    assert_eq!(
        description,
        json!([{"name": "keyId", "value": "8", "code": "8", "msg": "紐づくデータが存在しません。"}])
    );
}

#[test]
fn a_linked_record_is_not_deleted() {
    let f = Fixture::new();
    f.ok("apirecord/regist", r#"{"dbSchemaId":100200,"values":{"100290":"A-001"}}"#);
    f.ok("apirecord/regist", r#"{"dbSchemaId":100201,"values":{"100306":"A-001"}}"#);
    let description = f.refused("apirecord/delete", r#"{"dbSchemaId":100200,"keyId":"A-001"}"#);
    assert_eq!(description[0]["code"], "1009");
    assert_eq!(f.count("products"), 1);
}

#[test]
fn dependent_items_are_filled_when_it_is_asked_for() {
    let f = Fixture::new();
    f.ok("apirecord/regist", r#"{"dbSchemaId":100200,"values":{"100290":"A-001","100291":"りんご","100292":120}}"#);
    let name = |json: &str| {
        let key = f.ok("apirecord/regist", json)["items"]["keyId"].as_str().unwrap().to_owned();
        f.store.records("cases").view(key.as_str()).unwrap().text("product_name")
    };
    assert_eq!(name(r#"{"dbSchemaId":100201,"values":{"100306":"A-001"}}"#), "");
    assert_eq!(name(r#"{"dbSchemaId":100201,"getSubordinate":"0","values":{"100306":"A-001"}}"#), "");
    assert_eq!(name(r#"{"dbSchemaId":100201,"getSubordinate":"1","values":{"100306":"A-001"}}"#), "りんご");
    assert_eq!(name(r#"{"dbSchemaId":100201,"getSubordinate":1,"values":{"100306":"A-001","100307":"別名"}}"#), "別名");
    // In detail rows too, in a call of its own, which leaves the header alone.
    f.ok(
        "apirecord/update",
        r#"{"dbSchemaId":100201,"keyId":"000000001","getSubordinate":"1","updateDetailKeyId":"detailKey",
            "values":{"details":[{"100322":"a","100323":"A-001"},{"100322":"b","100323":"A-001","100324":99}]}}"#,
    );
    let record = f.store.records("cases").view("000000001").unwrap();
    assert_eq!(record.text("product_name"), "");
    assert_eq!(record.rows().iter().map(|row| row.text("row_price")).collect::<Vec<_>>(), ["120", "99"]);
}

#[test]
fn rows_without_a_key_are_appended() {
    let f = Fixture::new();
    f.cases(&["a"]);
    let update = |more: &str, row: &str| {
        f.ok(
            "apirecord/update",
            format!(r#"{{"dbSchemaId":100201,"keyId":"000000001",{more}"values":{{"details":[{row}]}}}}"#),
        )
    };
    update("", r#"{"100322":"1"}"#);
    update(r#""updateDetailKeyId":"detailKey","#, r#"{"100322":"2"}"#);
    update(r#""updateDetailKeyId":"","#, r#"{"100322":"3"}"#);
    update("", r#"{"100322":"4","detailKey":"1"}"#);
    // There is no detail key to find it by.
    update(r#""updateDetailKeyId":"detailKey","#, r#"{"100322":"5","detailKey":"1"}"#);
    assert_eq!(reports(&f, "cases", "000000001"), ["1", "2", "3", "4", "5"]);
    let description = f.refused(
        "apirecord/update",
        r#"{"dbSchemaId":100201,"keyId":"000000001","updateDetailKeyId":"100322","values":{}}"#,
    );
    assert_eq!(
        description,
        json!([{"name": "updateDetailKeyId", "value": "100322", "code": "8", "msg": "紐づくデータが存在しません。"}])
    );
}

#[test]
fn rows_are_found_by_their_key() {
    let f = Fixture::new();
    f.ok(
        "apirecord/regist",
        r#"{"dbSchemaId":100203,"values":{"100360":"1","100361":"a","details":[{"100371":"x","100372":"1"},{"100371":"y","100372":"2"}]}}"#,
    );
    let update = |more: &str, rows: &str| {
        f.call(
            "apirecord/update",
            format!(r#"{{"dbSchemaId":100203,"keyId":"1",{more}"values":{{"details":{rows}}}}}"#),
        )
    };
    assert_eq!(
        update(
            r#""updateDetailKeyId":"detailKey","#,
            r#"[{"detailKey":"y","100372":"2b"},{"detailKey":"z","100372":"3"}]"#
        )
        .0,
        200
    );
    assert_eq!(reports(&f, "visits", "1"), ["1", "2b", "3"]);
    assert_eq!(update(r#""updateDetailKeyId":"100371","#, r#"[{"100371":"x","100372":"1b"},{"100372":"4"}]"#).0, 200);
    assert_eq!(
        update(
            r#""updateDetailKeyId":100371,"#,
            r#"{"3":{"100371":"z","100372":"3b"},"7":{"detailKey":"x","100372":"5"}}"#
        )
        .0,
        200
    );
    assert_eq!(reports(&f, "visits", "1"), ["1b", "2b", "3b", "4", "5"]);
    // Without the parameter the key finds nothing, so that it would stand twice.
    let (status, answer) = update("", r#"[{"100371":"x","100372":"6"}]"#);
    assert_eq!(status, 400);
    assert!(answer.contains(r#""detail":{"1":[{"name":"100371","value":"x","code":"1120""#), "{answer}");
    let rows = f.store.records("visits").view("1").unwrap();
    assert_eq!(rows.rows()[2].text("row"), "z");
}

#[test]
fn rows_for_a_database_without_any_are_refused() {
    let f = Fixture::new();
    let description =
        f.refused("apirecord/regist", r#"{"dbSchemaId":100200,"values":{"100290":"A","details":[{"1":"x"}]}}"#);
    assert_eq!(description["header"][0]["code"], "1128");
    f.ok("apirecord/regist", r#"{"dbSchemaId":100200,"values":{"100290":"A","details":[]}}"#);
    assert!(f.ok("apirecord/view", r#"{"dbSchemaId":100200,"keyId":"A"}"#)["items"].get("details").is_none());
}

#[test]
fn exotic_texts_come_back_as_they_were() {
    let f = Fixture::new();
    let text = "😀\\\"/'\t\u{2028}\u{301c}～￥\\髙";
    let json = json!({"dbSchemaId": 100201, "values": {"100304": text}});
    f.ok("apirecord/regist", json.to_string());
    let escaped: String = text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
    f.ok("apirecord/regist", format!(r#"{{"dbSchemaId":100201,"values":{{"100304":"{escaped}"}}}}"#));
    for key in ["000000001", "000000002"] {
        let answer = f.ok("apirecord/view", format!(r#"{{"dbSchemaId":100201,"keyId":"{key}"}}"#));
        assert_eq!(answer["items"]["100304"], text);
    }
}

#[test]
fn parallel_calls_do_not_disturb_each_other() {
    let f = Fixture::new();
    f.cases(&["a"]);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let f = &f;
            scope.spawn(move || {
                for at in 0..25 {
                    f.ok(
                        "apirecord/regist",
                        format!(r#"{{"dbSchemaId":100201,"values":{{"100304":"{thread}-{at}"}}}}"#),
                    );
                    f.ok(
                        "apirecord/update",
                        r#"{"dbSchemaId":100201,"keyId":"000000001","values":{"details":[{"100322":"x"}]}}"#,
                    );
                    f.csv(r#"{"dbSchemaId":100201,"limit":5}"#);
                }
            });
        }
    });
    assert_eq!(f.count("cases"), 101);
    assert_eq!(reports(&f, "cases", "000000001").len(), 100);
}
