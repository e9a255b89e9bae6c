//! `csvexport`: columns, records, formats, and the stream.

use std::io::Read;

use renkei::csv::OutputEncoding;
use renkei::webapi::Options;
use renkei::{AccessSettings, Values};

use crate::fixture::{Fixture, text};

fn free() -> AccessSettings {
    AccessSettings { calls_per_minute: None, ..AccessSettings::default() }
}

#[test]
fn without_a_list_the_key_is_the_first_column() {
    let f = Fixture::new();
    assert_eq!(
        f.csv(r#"{"dbSchemaId":100201}"#),
        "\"番号\",\"状態\",\"検収日\",\"金額\",\"件名\",\"タグ\",\"商品リンク\",\"品名\",\"担当者\",\"連番\",\"倍額\",\"日時\",\"内容\",\"明細商品\",\"単価\"\r\n"
    );
    // In `orders` the key is the second item.
    assert!(f.csv(r#"{"dbSchemaId":100202}"#).starts_with("\"番号\",\"商品リンク\",\"区分\","));
    f.ok("apirecord/regist", r#"{"dbSchemaId":100200,"values":{"100290":"A-001","100291":"a\"b,c"}}"#);
    assert_eq!(
        f.csv(r#"{"dbSchemaId":100200}"#),
        "\"商品コード\",\"商品名\",\"定価\"\r\n\"A-001\",\"a\"\"b,c\",\"\"\r\n"
    );
}

#[test]
fn a_list_chooses_columns_names_and_order() {
    let f = Fixture::new();
    f.cases(&["a", "=1+1"]);
    f.ok("apirecord/update", r#"{"dbSchemaId":100201,"keyId":"000000002","values":{"100303":-0,"100308":"tanto_a"}}"#);
    assert_eq!(
        f.csv(r#"{"dbSchemaId":100201,"listId":"100501"}"#),
        "\"番号\",\"件　名\",\"金額\",\"[登録日]\",\"[更新ユーザ]\",\"担当者\"\r\n\
         \"000000002\",\"=1+1\",\"0.00\",\"2026/01/05 09:00:00\",\"連携用\",\"担当A\"\r\n\
         \"000000001\",\"a\",\"\",\"2026/01/05 09:00:00\",\"連携用\",\"\"\r\n"
    );
}

#[test]
fn detail_rows_have_a_line_each_and_formats_are_those_of_the_items() {
    let f = Fixture::new();
    f.ok(
        "apirecord/regist",
        r#"{"dbSchemaId":100202,"values":{"100343":"1234567","100344":12,"100345":"2026-01-05","100346":"2026-02-01","100348":["法人","至急"],
            "details":[{"100351":"2026-01-04 17:00:05","100352":"一"},{"100352":"二"}]}}"#,
    );
    f.ok("apirecord/regist", r#"{"dbSchemaId":100202,"values":{"100343":-5}}"#);
    assert_eq!(
        f.csv(r#"{"dbSchemaId":100202,"listId":100502}"#),
        "\"番号\",\"金額\",\"在庫\",\"受付日\",\"発送月\",\"タグ\",\"商品リンク\",\"日時\",\"内容\"\r\n\
         \"000000001\",\"\\1,234,567\",\"12個\",\"2026/01/05\",\"202602\",\"至急,法人\",\"\",\"2026/01/04 17:00:05\",\"一\"\r\n\
         \"000000001\",\"\\1,234,567\",\"12個\",\"2026/01/05\",\"202602\",\"至急,法人\",\"\",\"\",\"二\"\r\n\
         \"000000002\",\"-\\5\",\"\",\"\",\"\",\"\",\"\",\"\",\"\"\r\n"
    );
    // A limit counts records, not lines.
    assert_eq!(f.csv(r#"{"dbSchemaId":100202,"listId":100502,"limit":1}"#).lines().count(), 3);
    assert_eq!(f.csv(r#"{"dbSchemaId":100202,"listId":100502,"limit":1,"offset":1}"#).lines().count(), 2);
}

#[test]
fn searches_limits_and_offsets() {
    let f = Fixture::with(
        {
            let mut options = Options::default();
            options.export_records = 3;
            options.export_records_most = 5;
            options
        },
        free(),
    );
    f.cases(&["a", "b", "c", "d", "e", "f", "g"]);
    for key in ["000000002", "000000005"] {
        f.ok("apirecord/update", format!(r#"{{"dbSchemaId":100201,"keyId":"{key}","values":{{"100301":"済"}}}}"#));
    }
    let keys = |json: &str| -> String {
        let csv = f.csv(&format!(r#"{{"dbSchemaId":100201{json}}}"#));
        csv.lines().skip(1).map(|line| line[9..10].to_owned()).collect()
    };
    assert_eq!(keys(""), "123");
    assert_eq!(keys(r#","limit":"4""#), "1234");
    assert_eq!(keys(r#","limit":10000"#), "12345");
    assert_eq!(keys(r#","limit":"99999999999999999999999""#), "12345");
    assert_eq!(keys(r#","limit":0"#), "");
    assert_eq!(keys(r#","limit":"","offset":null"#), "123");
    assert_eq!(keys(r#","limit":4,"offset":5"#), "67");
    assert_eq!(keys(r#","offset":"99999999999999999999999""#), "");
    assert_eq!(keys(r#","searchId":100601"#), "25");
    assert_eq!(keys(r#","searchId":"100601","listId":"100501""#), "52");
    assert_eq!(keys(r#","searchId":"100601","listId":"100501","offset":1"#), "2");
}

#[test]
fn csv_may_be_in_shift_jis() {
    let mut options = Options::default();
    options.export_encoding = OutputEncoding::Cp932;
    let f = Fixture::with(options, free());
    f.cases(&["髙い表😀"]);
    let response = f.api.handle(f.request("api/csvexport").body(&br#"{"dbSchemaId":100201,"listId":100501}"#[..]));
    assert_eq!(response.header("content-type"), Some("text/csv; charset=Shift_JIS"));
    let mut bytes = Vec::new();
    response.into_body().write_to(&mut bytes).unwrap();
    let (decoded, _, failed) = encoding_rs::SHIFT_JIS.decode(&bytes);
    assert!(!failed);
    assert!(decoded.contains("\"髙い表?\""), "{decoded}");
}

#[test]
fn errors_are_envelopes() {
    let f = Fixture::new();
    for (json, name) in [
        (r#"{"dbSchemaId":1}"#, "dbSchemaId"),
        (r#"{"dbSchemaId":100201,"listId":100502}"#, "listId"),
        (r#"{"dbSchemaId":100201,"searchId":"100501"}"#, "searchId"),
        (r#"{"dbSchemaId":100201,"limit":"1.5"}"#, "limit"),
        (r#"{"dbSchemaId":100201,"offset":-1}"#, "offset"),
    ] {
        assert_eq!(f.refused("api/csvexport", json)[0]["name"], name, "{json}");
    }
}

fn many(f: &Fixture, count: usize) {
    let all: Vec<Values> = (0..count).map(|at| Values::new().set("title", format!("{at:012}"))).collect();
    f.store.records("cases").register_all(&all, &Default::default()).unwrap();
}

#[test]
fn what_is_sent_is_of_one_moment() {
    let mut options = Options::default();
    options.export_records_most = 100_000;
    let f = Fixture::with(options, free());
    many(&f, 10_000);
    let response = f.api.handle(f.request("api/csvexport").body(&br#"{"dbSchemaId":100201,"limit":20000}"#[..]));
    let mut body = response.into_body();
    let mut first = vec![0; 1_000];
    body.read_exact(&mut first).unwrap();
    for key in ["000000001", "000009999", "000010000"] {
        f.ok("apirecord/delete", format!(r#"{{"dbSchemaId":100201,"keyId":"{key}"}}"#));
    }
    f.cases(&["new"]);
    let mut rest = String::new();
    body.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("\"000010000\"") && !rest.contains("new"));
    assert_eq!(
        rest.lines().filter(|line| line.len() > 60).count() + first.iter().filter(|byte| **byte == b'\n').count(),
        10_001
    );
}

#[test]
fn a_stream_may_be_given_up() {
    let mut options = Options::default();
    options.export_records_most = 100_000;
    let f = Fixture::with(options, free());
    many(&f, 5_000);
    for _ in 0..20 {
        let response = f.api.handle(f.request("api/csvexport").body(&br#"{"dbSchemaId":100201,"limit":20000}"#[..]));
        assert!(response.is_chunked());
        let mut body = response.into_body();
        let mut first = [0; 10];
        body.read_exact(&mut first).unwrap();
        drop(body);
        let unread = f.api.handle(f.request("api/csvexport").body(&br#"{"dbSchemaId":100201}"#[..]));
        drop(unread);
    }
    f.cases(&["new"]);
}

#[test]
fn a_list_that_does_not_fit_any_more_is_told() {
    let f = Fixture::new();
    let sqlite = rusqlite::Connection::open(f.store.path()).unwrap();
    sqlite
        .execute(
            "UPDATE renkei_definition SET document = replace(document, '\"title\"', '\"gone\"') WHERE id = 100501",
            [],
        )
        .unwrap();
    let (status, answer) =
        text(f.api.handle(f.request("api/csvexport").body(&br#"{"dbSchemaId":100201,"listId":100501}"#[..])));
    assert_eq!(status, 400);
    assert!(answer.contains(r#""name":"listId","value":"100501","code":"1011""#), "{answer}");
}
