//! Messages for people: in both languages, and in words that every file of rejects can hold.

mod common;

use common::{Fixture, only};
use renkei::{
    Blueprint, Characters, Code, Condition, Database, Error, Expression, Field, FieldKind, ImportMode, ImportRequest,
    ImportSetting, Language, List, Number, NumberInput, Query, Rounding, Search, Sort, Values, Worker,
};

/// A message in Japanese and in English.
fn both(error: &Error) -> (String, String) {
    (error.message(Language::Japanese), error.message(Language::English))
}

fn told(json: &str) -> (String, String) {
    let error = Database::from_json(json).unwrap_err();
    assert_eq!(error.code(), Code::DefinitionJson);
    both(&error)
}

#[test]
fn faults_of_documents_are_told_in_both_languages() {
    for (json, ja, en) in [
        ("{\"code\": \"a\"\n  \"name\"", "「,」か「}」がありません", "expected `,` or `}`"),
        ("{", "途中で終わっています（「}」がありません）", "EOF while parsing an object"),
        (r#"{"code": "a"}"#, "nameがありません", "missing field `name`"),
        (r#"{"code": 1}"#, "整数1ではなく、文字列を指定します", "invalid type: integer `1`, expected a string"),
        (r#"{"kode": 1}"#, "kodeという指定はありません（使えるもの: id, code, name", "unknown field `kode`"),
        (
            r#"{"code": "a", "name": "a", "fields": [{"code": "x", "type": "nummer"}]}"#,
            "項目「x」: nummerという値はありません（使えるもの: key, ",
            "field \"x\": unknown variant `nummer`",
        ),
        (
            r#"{"code": "a", "name": "a", "fields": [{"code": "x", "type": "text", "required": "yes"}]}"#,
            "項目「x」のrequired: 文字列\"yes\"ではなく、trueかfalseを指定します",
            "field \"x\", member \"required\": invalid type: string \"yes\", expected a boolean",
        ),
        (r#"{"code": "a", "name": "a", "fields": [{}]}"#, "codeのない項目", "a field without a \"code\""),
    ] {
        let (japanese, english) = told(json);
        assert!(japanese.contains(ja), "{json}: {japanese}");
        assert!(english.contains(en), "{json}: {english}");
        assert!(japanese.contains("行目") && english.contains("line"), "{japanese} {english}");
    }
}

/// Whether a message can stand in a file of rejects in cp932.
fn fits_cp932(text: &str) -> bool {
    !encoding_rs::SHIFT_JIS.encode(text).2
}

/// English words of a Japanese message, apart from names and values, which are quoted, and from the words of JSON.
fn english(text: &str) -> Vec<String> {
    const KNOWN: &[&str] = &[
        "UTF",
        "CSV",
        "JSON",
        "URL",
        "insert",
        "insert_keyed",
        "update",
        "retired",
        "true",
        "type",
        "key",
        "fields",
        "details",
        "default",
        "required",
        "unique",
        "index",
        "full_text",
        "first_line",
        "joiner",
        "min",
        "max",
        "after",
        "offset",
        "is_empty",
        "YYYY",
        "round",
        "floor",
        "ceil",
        "trunc",
        "abs",
        "sum",
        "avg",
        "lowest",
        "highest",
        "count",
        "such",
        "folder",
        "rr",
    ];
    let mut plain = String::new();
    let mut quoted = None;
    for c in text.chars() {
        match (quoted, c) {
            (None, '「') => quoted = Some('」'),
            (None, '\'') => quoted = Some('\''),
            (None, c) => plain.push(c),
            (Some(end), c) if c == end => quoted = None,
            _ => {}
        }
    }
    let words = plain.split(|c: char| !(c.is_ascii_alphabetic() || c == '_')).filter(|word| word.len() > 2);
    words.filter(|word| !KNOWN.contains(word)).map(str::to_owned).collect()
}

/// Refusals of definitions, imports and values whose Japanese message has English in its middle.
#[test]
fn japanese_messages_are_japanese_throughout() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let key = || Field::key("kk", "番号");
    let base = || Database::new("dd", "データ").field(key());
    let number = |min: Option<i64>, max: Option<i64>| FieldKind::Number {
        scale: 0,
        min: min.map(Number::from),
        max: max.map(Number::from),
        rounding: Rounding::Refuse,
        input: NumberInput::Strict,
        display: Default::default(),
    };
    let mut errors: Vec<Error> = Vec::new();
    let mut refuse = |database: Database| errors.push(store.apply(&Blueprint::new().database(database)).unwrap_err());
    refuse(Database::new("dd", "データ"));
    refuse(Database::new("9", "データ").field(key()));
    refuse(Database::new("a__b", " ").field(key()));
    refuse(base().field(Field::text("kk", "番号")));
    refuse(base().field(Field::choice("ff", "選択", &[])));
    refuse(base().field(Field::choice("ff", "選択", &["x", "x", ""])));
    refuse(base().field(Field::choices("ff", "選択", &["x,y"])));
    refuse(base().field(Field::new("ff", "数", number(Some(2), Some(1)))));
    refuse(base().field(Field::link("ff", "リンク", "nn")));
    refuse(base().field(Field::reference("ff", "参照", "nn", "mm").required().indexed().unique()));
    refuse(base().field(Field::calculated("ff", "計算", 0, "nn + kk").unwrap()));
    refuse(base().field(Field::calculated("ff", "計算", 0, "sum(nn)").unwrap().default_value("1")));
    refuse(base().field(Field::date("ff", "日付").full_text().default_value("x")));
    refuse(base().detail(key()).field(Field::detail_key("ff", "明細キー")));
    for source in ["1 +", "1 + (", "nn(1)", "１", "round(1)", "1..2"] {
        errors.push(source.parse::<Expression>().unwrap_err());
    }
    errors.push("YYYQ".parse::<renkei::DatePattern>().unwrap_err());
    errors.push("年".parse::<renkei::DatePattern>().unwrap_err());

    let full = base()
        .field(Field::new("nn", "数", number(Some(1), Some(5))))
        .field(Field::new("lo", "下限", number(Some(1), None)))
        .field(Field::new("hi", "上限", number(None, Some(5))))
        .field(Field::new("cc", "文字", FieldKind::Text { max_length: Some(3), characters: Characters::Digits }))
        .field(Field::choice("ch", "選択", &["甲", "乙"]))
        .field(Field::calculated("ca", "計算", 0, "1 / nn - 1 / nn").unwrap())
        .field(Field::text("rr", "必須").required())
        .detail(Field::text("de", "明細").required());
    store.apply(&Blueprint::new().database(full.clone())).unwrap();
    let records = store.records("dd");
    records.register(&Values::new().set("kk", "1").set("rr", "x").set("nn", 5)).unwrap();
    for (field, value) in
        [("nn", "9"), ("lo", "0"), ("hi", "6"), ("cc", "あ"), ("cc", "1234"), ("ch", "丙"), ("nn", "あ")]
    {
        let error = records.update("1", &Values::new().set(field, value)).unwrap_err();
        only(&error);
        errors.push(error);
    }
    errors.push(records.update("1", &Values::new().set("nn", renkei::Value::Choices(vec!["あ".into()]))).unwrap_err());

    // A changed definition that does not fit the records.
    let mut tight = full.clone();
    tight.fields[1].kind = number(Some(1), Some(4));
    errors.push(store.apply(&Blueprint::new().database(tight)).unwrap_err());
    let mut gone = full.clone();
    gone.fields.pop();
    errors.push(store.apply(&Blueprint::new().database(gone)).unwrap_err());
    let mut turned = full;
    turned.fields[1] = Field::text("nn", "数");
    errors.push(store.apply(&Blueprint::new().database(turned)).unwrap_err());

    let setting = |mode: ImportMode, columns: &[&str]| {
        columns
            .iter()
            .fold(ImportSetting::new("dd", "ii", "取込").mode(mode), |setting, column| setting.column(*column))
    };
    for bad in [
        setting(ImportMode::Insert, &["kk", "rr"]),
        setting(ImportMode::Upsert, &["rr"]),
        setting(ImportMode::Upsert, &["kk"]),
        setting(ImportMode::Update, &["kk", "ca"]),
        setting(ImportMode::Update, &["kk", "kk"]),
        setting(ImportMode::Update, &["kk", "zz"]),
        setting(ImportMode::Update, &["kk"]).by_header().first_line(1),
    ] {
        errors.push(store.apply(&Blueprint::new().import(bad)).unwrap_err());
    }
    errors.push(store.apply(&Blueprint::new().list(List::new("dd", "ll", "一覧").column("zz"))).unwrap_err());
    let search = Search::new("dd", "ss", "絞込み", Condition::equals("nn", "あ"));
    errors.push(store.apply(&Blueprint::new().search(search)).unwrap_err());
    errors.push(store.query("dd", &Query::new().sort(Sort::ascending("de"))).unwrap_err());
    errors.push(store.query("dd", &Query::new().offset(1).after("x".into())).unwrap_err());
    errors.push(store.list("dd", "zz").unwrap_err());

    store.apply(&Blueprint::new().import(setting(ImportMode::Upsert, &["kk", "rr"]))).unwrap();
    for (name, bytes) in [("1.csv", &b"a,b,c\n1,2,3\n"[..]), ("2.csv", b""), ("3.csv", b"\xFD\xFD,b\n1,2\n")] {
        let path = fixture.dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let id = store.reserve_import(&ImportRequest::path("dd", "ii", &path)).unwrap().process_id;
        Worker::new(store).run_until_idle().unwrap();
        let told = store.import_status(id).unwrap().error.unwrap();
        assert_eq!(english(&told.ja), Vec::<String>::new(), "{}", told.ja);
    }
    errors.push(store.reserve_import(&ImportRequest::path("dd", "ii", "/no/such/folder")).unwrap_err());
    errors.push(store.cancel_import(store.imports(1).unwrap()[0].process_id).unwrap_err());

    for error in errors {
        let (japanese, english_text) = both(&error);
        assert_eq!(english(&japanese), Vec::<String>::new(), "{japanese} / {english_text}");
        assert!(fits_cp932(&japanese), "{japanese}");
        assert!(english_text.is_ascii() || english_text.contains('"') || english_text.contains('\''), "{english_text}");
    }
}

#[test]
fn ranges_are_told_in_characters_that_cp932_has() {
    let limited = |min: Option<i64>, max: Option<i64>| {
        let kind = FieldKind::Number {
            scale: 0,
            min: min.map(Number::from),
            max: max.map(Number::from),
            rounding: Rounding::Refuse,
            input: NumberInput::Strict,
            display: Default::default(),
        };
        let database = Database::new("d", "データ").field(Field::key("k", "番号")).field(Field::new("n", "数", kind));
        let fixture = Fixture::of([database]);
        let error = fixture.store.records("d").register(&Values::new().set("k", "1").set("n", 9)).unwrap_err();
        let violation = only(&error);
        (violation.message(Language::Japanese), violation.message(Language::English))
    };
    let (ja, en) = limited(Some(-5), Some(5));
    assert_eq!(ja, "'数'の値「9」が範囲外です（-5以上5以下）。");
    assert_eq!(en, "'数': 9 is out of range (-5 to 5).");
    assert!(fits_cp932(&ja));
    let (ja, en) = limited(Some(10), None);
    assert_eq!(
        (ja.as_str(), en.as_str()),
        ("'数'の値「9」が範囲外です（10以上）。", "'数': 9 is out of range (at least 10).")
    );
    let (ja, en) = limited(None, Some(5));
    assert_eq!(
        (ja.as_str(), en.as_str()),
        ("'数'の値「9」が範囲外です（5以下）。", "'数': 9 is out of range (at most 5).")
    );
}
