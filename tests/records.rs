//! Records without detail rows: registered, updated, viewed, deleted; keys, values, links, files, users, approval.

mod common;

#[path = "records/keys.rs"]
mod keys;
#[path = "records/others.rs"]
mod others;
#[path = "records/transactions.rs"]
mod transactions;

use std::io::Read;
use std::time::Duration;

use common::{Fixture, NOW, names_the_field, only, violations};
use renkei::{
    Approval, AutoNumber, Blueprint, Characters, Code, Condition, Database, Date, DateTime, DetailMode, DetailRow,
    Field, FieldKind, KeyMode, KeyPart, Kind, Language, Number, NumberDate, NumberInput, Query, Record, RecordId,
    Records, Right, Rounding, Selector, Store, Time, User, Value, Values, WriteOptions, Written,
};

fn number(code: &str, scale: u8, min: Option<&str>, max: Option<&str>) -> Field {
    let mut field = Field::number(code, format!("項目{code}"), scale);
    if let FieldKind::Number { min: low, max: high, .. } = &mut field.kind {
        *low = min.map(|text| text.parse().unwrap());
        *high = max.map(|text| text.parse().unwrap());
    }
    field
}

fn text(code: &str, max_length: Option<u32>, characters: Characters) -> Field {
    Field::new(code, format!("項目{code}"), FieldKind::Text { max_length, characters })
}

fn of(code: &str, kind: FieldKind) -> Field {
    Field::new(code, format!("項目{code}"), kind)
}

/// One field of every kind that takes values.
fn everything() -> Database {
    Database::new("everything", "全部")
        .field(Field::key("k", "キー"))
        .field(text("t", None, Characters::Any))
        .field(Field::multiline("m", "複数行"))
        .field(number("n", 2, None, None))
        .field(Field::date("d", "日付"))
        .field(Field::datetime("dt", "日時"))
        .field(Field::time("ti", "時刻"))
        .field(Field::choice("c", "選択", &["赤", "青", "1"]))
        .field(Field::choices("cs", "複数選択", &["A", "B", "C"]))
        .field(of("u", FieldKind::User {}))
        .field(of("e", FieldKind::Email {}))
        .field(of("url", FieldKind::Url {}))
        .field(of("p", FieldKind::Phone {}))
        .field(Field::link("l", "リンク", "everything"))
        .field(Field::file("f", "ファイル"))
}

fn everything_fixture() -> Fixture {
    let fixture = Fixture::new();
    let blueprint = Blueprint::new()
        .user(User::new("hanako", "山田花子").allow("everything", Right::Update))
        .database(everything());
    fixture.store.apply(&blueprint).unwrap();
    fixture
}

fn json(text: &str) -> Values {
    serde_json::from_str(text).unwrap()
}

#[test]
fn every_kind_takes_its_values_and_its_texts_and_json() {
    let fixture = everything_fixture();
    let records = fixture.store.records("everything");
    let files: Vec<i64> = (0..3).map(|_| fixture.store.put_file("f.txt", &b"x"[..]).unwrap().id).collect();
    records.register(&Values::new().set("k", "first")).unwrap();
    let typed = Values::new()
        .set("k", "1")
        .set("t", "文字")
        .set("m", "一\n二")
        .set("n", "-12.5".parse::<Number>().unwrap())
        .set("d", Date::new(2026, 1, 31).unwrap())
        .set("dt", DateTime::from_parts(2026, 1, 31, 9, 30, 15).unwrap())
        .set("ti", Time::new(9, 5, 0).unwrap())
        .set("c", "青")
        .set("cs", ["C", "A", "A"])
        .set("u", "hanako")
        .set("e", "a.b+c@example.co.jp")
        .set("url", "https://example.jp/道?q=1#x")
        .set("p", "+81 (3) 1234-5678")
        .set("l", "first")
        .set("f", Value::File(files[0]));
    let texts = Values::new()
        .set("k", "2")
        .set("項目t", "文字")
        .set("複数行", "一\n二")
        .set("n", "-12.50")
        .set("d", "2026年1月31日")
        .set("dt", "2026/1/31 9:30:15")
        .set("ti", "9:05")
        .set("c", "青")
        .set("cs", "C,A")
        .set("u", "hanako")
        .set("e", "a.b+c@example.co.jp")
        .set("url", "https://example.jp/道?q=1#x")
        .set("p", "+81 (3) 1234-5678")
        .set("l", "first")
        .set("f", files[1].to_string());
    let json = json(&format!(
        r#"{{"k": 3, "t": "文字", "m": "一\n二", "n": -12.5, "d": 20260131, "dt": "2026-01-31T09:30:15", "ti": "09:05:00",
            "c": "青", "cs": ["C", "A"], "u": "hanako", "e": "a.b+c@example.co.jp", "url": "https://example.jp/道?q=1#x",
            "p": "+81 (3) 1234-5678", "l": "first", "f": {}, "details": []}}"#,
        files[2]
    ));
    for (at, values) in [typed, texts, json].into_iter().enumerate() {
        let key = (at + 1).to_string();
        // Detail rows would be refused here; an empty list of them is not.
        records.register(&values).unwrap();
        let record = records.view(&key).unwrap();
        assert_eq!(record.value("t"), Value::from("文字"));
        assert_eq!(record.value("m"), Value::from("一\n二"));
        assert_eq!(record.value("n"), Value::Number("-12.50".parse().unwrap()));
        assert_eq!(record.text("n"), "-12.50");
        assert_eq!(record.value("d"), Value::Date(Date::new(2026, 1, 31).unwrap()));
        assert_eq!(record.text("dt"), "2026-01-31 09:30:15");
        assert_eq!(record.display("dt"), "2026/01/31 09:30");
        assert_eq!(record.text("ti"), "09:05:00");
        assert_eq!(record.value("c"), Value::from("青"));
        assert_eq!(record.value("cs"), Value::from(["A", "C"]), "in the order of the definition");
        assert_eq!(record.text("cs"), "A,C");
        assert_eq!(record.value("u"), Value::from("hanako"));
        assert_eq!(record.value("l"), Value::from("first"));
        assert_eq!(record.value("f"), Value::File(files[at]));
        let shown = record.to_json();
        assert_eq!(shown["n"], serde_json::json!("-12.50"));
        assert_eq!(shown["cs"], serde_json::json!(["A", "C"]));
        assert_eq!(shown["_revision"], 1);
        assert!(shown.get("details").is_none());
        assert_eq!(serde_json::from_str::<serde_json::Value>(&serde_json::to_string(&record).unwrap()).unwrap(), shown);
    }
    // What a view shows can be written again and changes nothing.
    let mut shown = records.view("1").unwrap().to_json();
    shown.as_object_mut().unwrap().retain(|name, _| !name.starts_with('_'));
    let same = records.update("1", &serde_json::from_value(shown).unwrap()).unwrap();
    assert_eq!((same.written, same.revision), (Written::Unchanged, 1));
    fixture.check_file();
}

/// Every rule of values, one case each.
#[test]
fn every_rule_of_values_has_its_code_and_names_the_field() {
    let tolerant = |mut field: Field| {
        if let FieldKind::Number { input, .. } = &mut field.kind {
            *input = NumberInput::Tolerant;
        }
        field
    };
    let rounding = |mut field: Field| {
        if let FieldKind::Number { rounding, .. } = &mut field.kind {
            *rounding = Rounding::HalfUp;
        }
        field
    };
    let database = Database::new("rules", "規則")
        .field(of("k", FieldKind::Key { parts: vec![KeyPart::typed()], joiner: String::new() }))
        .field(text("short", Some(3), Characters::Any))
        .field(text("digits", None, Characters::Digits))
        .field(text("alnum", None, Characters::Alphanumeric))
        .field(text("ascii", None, Characters::Ascii))
        .field(text("nokana", None, Characters::NoHalfKana))
        .field(text("full", None, Characters::FullWidth))
        .field(of("multi", FieldKind::Multiline { max_length: Some(5) }))
        .field(number("n", 2, Some("-1.50"), Some("1000")))
        .field(number("low", 0, Some("0"), None))
        .field(number("big", 0, None, None))
        .field(tolerant(number("tol", 0, None, None)))
        .field(rounding(number("rnd", 1, None, None)))
        .field(of("d", FieldKind::Date { display: None, csv: None }))
        .field(of("dt", FieldKind::DateTime { display: None, csv: None }))
        .field(of("ti", FieldKind::Time { display: None, csv: None }))
        .field(of("c", FieldKind::Choice { choices: vec!["赤".into(), "青".into()] }))
        .field(of("cs", FieldKind::Choices { choices: vec!["A".into(), "B".into()] }))
        .field(of("u", FieldKind::User {}))
        .field(of("e", FieldKind::Email {}))
        .field(of("url", FieldKind::Url {}))
        .field(of("p", FieldKind::Phone {}))
        .field(of("l", FieldKind::Link { database: "rules".to_owned() }))
        .field(of("f", FieldKind::File { max_bytes: Some(1) }))
        .field(of("auto", FieldKind::AutoNumber { format: AutoNumber::default() }))
        .field(Field::calculated("calc", "計算", 0, "100 / n").unwrap())
        .field(Field::reference("ref", "参照", "l", "short"))
        .field(text("must", None, Characters::Any).required());
    let fixture = Fixture::of([database]);
    let records = fixture.store.records("rules");
    let large = fixture.store.put_file("large", &b"12"[..]).unwrap().id.to_string();
    let cases: &[(&str, &str, Code)] = &[
        ("must", "", Code::Required),
        ("short", "四文字だ", Code::TextLong),
        ("short", "a\nb", Code::TextLine),
        ("short", "a\rb", Code::TextLine),
        ("short", "a\0b", Code::TextNul),
        ("multi", "a\0b", Code::TextNul),
        ("multi", "123456", Code::TextLong),
        ("digits", "１２", Code::TextCharacters),
        ("digits", "1a", Code::TextCharacters),
        ("alnum", "a-b", Code::TextCharacters),
        ("ascii", "é", Code::TextCharacters),
        ("nokana", "ｱイ", Code::TextHalfKana),
        ("full", "全a角", Code::TextCharacters),
        ("n", "abc", Code::NumberInvalid),
        ("n", "1,000", Code::NumberInvalid),
        ("n", "1e3", Code::NumberInvalid),
        ("n", " 1", Code::NumberInvalid),
        ("n", "NaN", Code::NumberInvalid),
        ("n", "-", Code::NumberInvalid),
        ("n", "1.", Code::NumberInvalid),
        ("n", "1.234", Code::NumberScale),
        ("n", "-1.51", Code::NumberRange),
        ("n", "1000.01", Code::NumberRange),
        ("low", "-1", Code::NumberRange),
        ("big", "1234567890123456789", Code::NumberDigits),
        ("big", "99999999999999999999999999999999999999999", Code::NumberDigits),
        ("tol", "3万", Code::NumberInvalid),
        ("rnd", "99999999999999999.95", Code::NumberDigits),
        ("d", "2026-02-30", Code::DateInvalid),
        ("d", "2026-13-01", Code::DateInvalid),
        ("d", "0000-01-01", Code::DateInvalid),
        ("d", "31/01/2026", Code::DateInvalid),
        ("dt", "2026-01-31 24:00", Code::DateTimeInvalid),
        ("dt", "yesterday", Code::DateTimeInvalid),
        ("ti", "25:00", Code::TimeInvalid),
        ("c", "緑", Code::ChoiceUnknown),
        ("c", "赤 ", Code::ChoiceUnknown),
        ("cs", "A,C", Code::ChoiceUnknown),
        ("u", "nobody", Code::UserUnknown),
        ("e", "a@", Code::EmailInvalid),
        ("e", "a@b@c d", Code::EmailInvalid),
        ("url", "ftp://example.jp", Code::UrlInvalid),
        ("url", "javascript:alert(1)", Code::UrlInvalid),
        ("url", "https://", Code::UrlInvalid),
        ("p", "03-1234-567x", Code::PhoneInvalid),
        ("p", "12", Code::PhoneInvalid),
        ("l", "no such", Code::LinkUnknown),
        ("f", "999", Code::FileUnknown),
        ("f", "x", Code::FileUnknown),
        ("f", &large, Code::FileLarge),
        ("auto", "7", Code::ReadOnly),
        ("calc", "7", Code::ReadOnly),
        ("ref", "7", Code::ReadOnly),
        ("n", "0", Code::CalculationFailed),
        ("k", "a\tb\n", Code::TextLine),
        ("k", &"x".repeat(256), Code::TextLong),
        ("k", "", Code::Required),
        ("nowhere", "x", Code::FieldUnknown),
    ];
    let good = || Values::new().set("k", "k").set("must", "x");
    for (field, value, code) in cases {
        let error = records.register(&good().set(*field, Value::Text((*value).to_owned()))).unwrap_err();
        let violation = only(&error);
        assert_eq!(violation.code(), *code, "{field} = {value:?}: {error}");
        if *code != Code::FieldUnknown {
            names_the_field(violation);
        }
        let expected = if *code == Code::CalculationFailed { "calc" } else { field };
        assert_eq!(violation.field(), expected);
        for language in [Language::English, Language::Japanese] {
            assert!(error.message(language).contains(&violation.message(language)));
        }
        assert_eq!(error.kind(), Kind::Validation);
        assert_eq!(error.to_json()["violations"][0]["code"], code.as_str());
    }
    assert_eq!(fixture.store.count("rules", None).unwrap(), 0);
    let mismatches = [
        ("n", Value::from(["a"])),
        ("d", Value::DateTime(DateTime::from_parts(2026, 1, 1, 1, 1, 1).unwrap())),
        ("c", Value::from(["赤"])),
        ("cs", Value::from(1)),
        ("short", Value::File(1)),
    ];
    for (field, value) in mismatches {
        let error = records.register(&good().set(field, value)).unwrap_err();
        assert_eq!(only(&error).code(), Code::TypeMismatch, "{error}");
        names_the_field(only(&error));
    }
    let taken = good()
        .set("short", "😀👨x")
        .set("multi", "一\r\n二")
        .set("tol", "￥１，２３４円")
        .set("rnd", "1.25")
        .set("full", "全角、ア")
        .set("n", "1.5");
    let saved = records.register(&taken).unwrap();
    let record = records.view(&saved.key).unwrap();
    assert_eq!(["tol", "rnd", "calc", "auto"].map(|field| record.text(field)), ["1234", "1.3", "67", "000000001"]);
}

fn people() -> Database {
    Database::new("people", "人")
        .field(Field::key("number", "番号"))
        .field(Field::text("name", "名前").required())
        .field(Field::text("code", "コード").unique())
        .field(Field::number("age", "年齢", 0))
        .field(Field::date("born", "生年月日"))
}

fn people_fixture() -> (Fixture, Records) {
    let fixture = Fixture::of([people()]);
    let records = fixture.store.records("people");
    (fixture, records)
}

#[test]
fn all_violations_are_told_at_once_in_the_order_of_the_fields() {
    let (fixture, records) = people_fixture();
    records.register(&Values::new().set("number", "1").set("name", "a").set("code", "c")).unwrap();
    let values = Values::new().set("born", "x").set("age", "x").set("code", "c").set("number", "1").set("nose", 1);
    let expected = [
        "number: value.duplicate",
        "name: value.required",
        "code: value.duplicate",
        "age: value.number",
        "born: value.date",
        "nose: field.unknown",
    ];
    let refused = records.register(&values).unwrap_err();
    assert_eq!(violations(&refused), expected);
    records.register(&Values::new().set("number", "2").set("name", "b")).unwrap();
    let values = values.set("name", "");
    assert_eq!(violations(&records.update("2", &values).unwrap_err()), expected);
    assert_eq!(records.view("2").unwrap().revision(), 1);
    assert_eq!(fixture.store.count("people", None).unwrap(), 2);
}

#[test]
fn an_update_changes_what_is_given_and_nothing_else() {
    let (fixture, records) = people_fixture();
    records.register(&Values::new().set("number", "1").set("name", "a").set("age", 3)).unwrap();
    fixture.clock.advance(Duration::from_secs(1));
    let saved = records.update("1", &Values::new().set("name", "b")).unwrap();
    assert_eq!((saved.written, saved.revision), (Written::Updated, 2));
    let record = records.view("1").unwrap();
    assert_eq!((record.text("name"), record.text("age")), ("b".to_owned(), "3".to_owned()));
    fixture.clock.advance(Duration::from_secs(1));
    let same = records.update("1", &Values::new().set("name", "b").set("age", "3").set("born", "")).unwrap();
    assert_eq!((same.written, same.revision), (Written::Unchanged, 2));
    assert_eq!(records.view("1").unwrap().updated_at(), record.updated_at());
    records.update("1", &Values::new().set("age", Value::Empty)).unwrap();
    assert_eq!(records.view("1").unwrap().value("age"), Value::Empty);
    assert_eq!(only(&records.update("1", &Values::new().set("name", "")).unwrap_err()).code(), Code::Required);
    assert_eq!(only(&records.update("1", &Values::new().set("number", "")).unwrap_err()).code(), Code::Required);
    let by_id = records.update(RecordId(1), &Values::new().set("number", "新")).unwrap();
    assert_eq!(by_id.key, "新");
    assert!(records.find("1").unwrap().is_none());
    assert_eq!(records.view("新").unwrap().id(), 1);
    let missing = records.update("1", &Values::new()).unwrap_err();
    assert_eq!(missing.code(), Code::RecordNotFound);
    assert_eq!(missing.kind(), Kind::NotFound);
}

#[test]
fn an_expected_revision_guards_updates_and_deletes() {
    let (_fixture, records) = people_fixture();
    records.register(&Values::new().set("number", "1").set("name", "a")).unwrap();
    let expect = |revision| WriteOptions::new().expect_revision(revision);
    records.update_with("1", &Values::new().set("name", "b"), &expect(1)).unwrap();
    let conflict = records.update_with("1", &Values::new().set("name", "c"), &expect(1)).unwrap_err();
    assert_eq!((conflict.code(), conflict.kind()), (Code::RevisionConflict, Kind::Conflict));
    assert_eq!(records.delete_with("1", Some(1)).unwrap_err().code(), Code::RevisionConflict);
    assert_eq!(records.view("1").unwrap().text("name"), "b");
    records.delete_with("1", Some(2)).unwrap();
}

#[test]
fn unique_fields_let_empty_values_be_many() {
    let (fixture, records) = people_fixture();
    let person = |number: &str, code: &str| Values::new().set("number", number).set("name", "x").set("code", code);
    for number in ["1", "2", "3"] {
        records.register(&person(number, "")).unwrap();
    }
    records.update("1", &Values::new().set("code", "A")).unwrap();
    let error = records.update("2", &Values::new().set("code", "A")).unwrap_err();
    assert_eq!(only(&error).code(), Code::Duplicate);
    names_the_field(only(&error));
    assert!(records.register(&person("4", "A")).is_err());
    records.register(&person("4", "a")).unwrap();
    // A key that exists is a violation like others.
    let both = records.register(&person("1", "A")).unwrap_err();
    assert_eq!(violations(&both), ["number: value.duplicate", "code: value.duplicate"]);
    fixture.check_file();
}

#[test]
fn upserts_register_or_update_by_the_key() {
    let (_fixture, records) = people_fixture();
    let person = |name: &str| Values::new().set("number", "1").set("name", name);
    assert_eq!(records.upsert(&person("a")).unwrap().written, Written::Inserted);
    assert_eq!(records.upsert(&person("b")).unwrap().written, Written::Updated);
    assert_eq!(records.upsert(&person("b")).unwrap().written, Written::Unchanged);
    assert_eq!(records.view("1").unwrap().revision(), 2);
    assert_eq!(only(&records.upsert(&Values::new().set("name", "x")).unwrap_err()).field(), "number");
}

#[test]
fn bulk_calls_are_kept_whole_or_not_at_all_and_tell_the_line() {
    let (fixture, records) = people_fixture();
    let person = |number: &str, age: &str| Values::new().set("number", number).set("name", "x").set("age", age);
    let options = WriteOptions::new();
    let refused = records.register_all(&[person("1", "1"), person("2", "x"), person("3", "x")], &options).unwrap_err();
    assert_eq!(refused.line(), Some(2));
    assert_eq!(only(&refused).field(), "age");
    let doubled = records.register_all(&[person("1", "1"), person("1", "2")], &options).unwrap_err();
    assert_eq!((doubled.line(), only(&doubled).code()), (Some(2), Code::Duplicate));
    assert_eq!(fixture.store.count("people", None).unwrap(), 0);
    let saved = records.register_all(&[person("1", "1"), person("2", "2")], &options).unwrap();
    assert_eq!(saved.iter().map(|saved| (saved.id, saved.key.as_str())).collect::<Vec<_>>(), [(1, "1"), (2, "2")]);
    let changes = |key: &str| (Selector::from(key), Values::new().set("age", 9));
    let missing = records.update_all(&[changes("1"), changes("9")], &options).unwrap_err();
    assert_eq!((missing.line(), missing.code()), (Some(2), Code::RecordNotFound));
    assert_eq!(records.view("1").unwrap().text("age"), "1");
    assert_eq!(records.update_all(&[changes("1"), changes("2")], &options).unwrap().len(), 2);
    let missing = records.delete_all(&["1".into(), "9".into()]).unwrap_err();
    assert_eq!((missing.line(), missing.code()), (Some(2), Code::RecordNotFound));
    assert_eq!(records.delete_all(&["1".into(), RecordId(2).into()]).unwrap(), [1, 2]);
    assert_eq!(fixture.store.count("people", None).unwrap(), 0);
}

#[test]
fn record_ids_are_never_used_twice() {
    let (fixture, records) = people_fixture();
    let person = |number: &str| Values::new().set("number", number).set("name", "x");
    for number in ["1", "2", "3"] {
        records.register(&person(number)).unwrap();
    }
    records.delete("3").unwrap();
    records.delete("2").unwrap();
    assert!(records.register(&person("1")).is_err());
    assert_eq!(records.register(&person("4")).unwrap().id, 4);
    records.delete_all(&["1".into(), "4".into()]).unwrap();
    // Also when the first of a bulk call comes after refused ones.
    let ids = fixture
        .store
        .transaction(|transaction| {
            let options = WriteOptions::new();
            let first = transaction.register("people", &person("5"), &options)?.id;
            transaction.delete("people", "5", None)?;
            assert!(transaction.register("people", &Values::new(), &options).is_err());
            Ok([first, transaction.register("people", &person("6"), &options)?.id])
        })
        .unwrap();
    assert_eq!(ids, [5, 6]);
    let reopened = renkei::Store::open(fixture.path()).unwrap();
    reopened.records("people").delete("6").unwrap();
    assert_eq!(reopened.records("people").register(&person("7")).unwrap().id, 7);
}

#[test]
fn texts_and_numbers_are_kept_exactly() {
    let fixture = everything_fixture();
    let records = fixture.store.records("everything");
    let texts = [
        "  前後  ",
        "\t",
        "'; DROP TABLE everything; --",
        "e\u{301}",
        "\u{200b}\u{feff}",
        "👨‍👩‍👧‍👦",
        "0012",
        "ＡＢＣ",
        "null",
    ];
    for (at, text) in texts.iter().enumerate() {
        let key = format!(" k{at} ");
        records
            .register(&Values::new().set("k", key.as_str()).set("t", *text).set("m", format!("{text}\r\n\n")))
            .unwrap();
        let record = records.view(&key).unwrap();
        assert_eq!(record.text("t"), *text);
        assert_eq!(record.text("m"), format!("{text}\r\n\n"));
    }
    for text in ["9999999999999999.99", "-9999999999999999.99", "0.00", "0.01", "-0.01"] {
        records.upsert(&Values::new().set("k", "n").set("n", text)).unwrap();
        assert_eq!(records.view("n").unwrap().text("n"), text);
    }
    for (text, kept) in [("0001-01-01", "0001-01-01"), ("9999-12-31", "9999-12-31"), ("2024-02-29", "2024-02-29")] {
        let values = Values::new().set("k", "d").set("d", text).set("dt", format!("{text} 23:59:59"));
        records.upsert(&values).unwrap();
        let record = records.view("d").unwrap();
        assert_eq!((record.text("d"), record.text("dt")), (kept.to_owned(), format!("{kept} 23:59:59")));
    }
    let sqlite = fixture.sqlite();
    let stored: String =
        sqlite.query_row("SELECT 日付 FROM everything__view WHERE キー = 'd'", [], |row| row.get(0)).unwrap();
    assert_eq!(stored, "2024-02-29");
}

#[test]
fn defaults_fill_what_is_not_given() {
    let fixture = Fixture::of([Database::new("d", "D")
        .field(Field::key("k", "K"))
        .field(Field::text("t", "T").required().default_value("未定"))
        .field(Field::number("n", "N", 1).default_value("2.5"))
        .field(Field::choice("c", "C", &["x", "y"]).default_value("y"))
        .field(Field::date("d", "D日").default_value("now"))
        .field(Field::datetime("dt", "日時").default_value("now"))
        .field(Field::time("ti", "時刻").default_value("now"))
        .field(Field::date("fixed", "固定").default_value("2020/1/1"))]);
    let records = fixture.store.records("d");
    records.register(&Values::new().set("k", "1")).unwrap();
    let record = records.view("1").unwrap();
    let shown = ["t", "n", "c", "d", "dt", "ti", "fixed"].map(|field| record.text(field));
    assert_eq!(shown, ["未定", "2.5", "y", "2026-01-31", "2026-01-31 09:30:00", "09:30:00", "2020-01-01"]);
    records.register(&Values::new().set("k", "2").set("n", "").set("d", Value::Empty)).unwrap();
    let record = records.view("2").unwrap();
    assert_eq!((record.text("n"), record.text("d")), (String::new(), String::new()), "emptied on purpose");
    assert_eq!(only(&records.register(&Values::new().set("k", "3").set("t", "")).unwrap_err()).code(), Code::Required);
    records.update("1", &Values::new().set("n", "")).unwrap();
    records.update("1", &Values::new().set("c", "x")).unwrap();
    assert_eq!(records.view("1").unwrap().text("n"), "", "an update brings no default back");
}

#[test]
fn names_that_do_not_exist_are_told() {
    let (fixture, records) = people_fixture();
    assert_eq!(fixture.store.records("nothing").view("1").unwrap_err().code(), Code::DatabaseNotFound);
    assert_eq!(fixture.store.records("nothing").register(&Values::new()).unwrap_err().code(), Code::DatabaseNotFound);
    assert_eq!(records.view("1").unwrap_err().code(), Code::RecordNotFound);
    assert_eq!(records.delete(RecordId(1)).unwrap_err().code(), Code::RecordNotFound);
    assert!(records.find("'; DROP TABLE people; --").unwrap().is_none());
    let rows = Values::new().set("number", "1").set("name", "x").row(renkei::DetailRow::new());
    assert_eq!(only(&records.register(&rows).unwrap_err()).code(), Code::DetailsAbsent);
    let by_id = fixture.store.database("people").unwrap().id.unwrap();
    assert_eq!(fixture.store.records(&by_id.to_string()).find("1").unwrap().map(|record| record.id()), None);
}

#[test]
fn values_in_json_are_read_exactly_or_not_at_all() {
    for text in [r#"{"a": true}"#, r#"{"a": {"b": 1}}"#, r#"{"a": 12345678901234567890}"#, r#"{"a": [1]}"#, "[]"] {
        let error = serde_json::from_str::<Values>(text).unwrap_err().to_string();
        assert!(text == "[]" || error.contains("\"a\""), "{error}");
    }
    let exact = json(r#"{"a": 123456789012345678, "b": 0.1, "c": "1.10", "d": null, "e": "", "details": null}"#);
    let texts: Vec<String> = exact.fields().iter().map(|(_, value)| value.to_text()).collect();
    assert_eq!(texts, ["123456789012345678", "0.1", "1.10", "", ""]);
}

#[test]
fn a_view_follows_definitions_that_another_handle_has_changed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.db");
    let one = Store::create(&path).unwrap();
    let items = || Database::new("items", "品").field(Field::key("code", "番")).field(Field::text("name", "名"));
    one.apply(&Blueprint::new().database(items())).unwrap();
    one.records("items").register(&Values::new().set("code", "1").set("name", "甲")).unwrap();
    assert_eq!(one.records("items").view("1").unwrap().text("name"), "甲");
    let other = Store::open(&path).unwrap();
    other.apply(&Blueprint::new().database(items().field(Field::text("more", "他").default_value("乙")))).unwrap();
    assert_eq!(one.records("items").view("1").unwrap().text("more"), "乙");
    other.records("items").delete("1").unwrap();
    assert_eq!(one.records("items").find("1").unwrap().map(|record| record.id()), None);
}

#[test]
fn the_full_text_index_follows_every_change_of_the_text() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let notes = Database::new("notes", "メモ")
        .field(Field::key("code", "番"))
        .field(Field::text("text", "文").full_text())
        .detail(Field::detail_key("line", "行"))
        .detail(Field::text("remark", "注").full_text());
    store.apply(&Blueprint::new().database(notes)).unwrap();
    let records = store.records("notes");
    let texts = ["佐藤花子", "佐藤", "", "花子と佐藤、佐藤", "ab佐", "藤花"];
    let mut dice = 7u64;
    let mut next = |bound: usize| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (dice >> 33) as usize % bound
    };
    for step in 0..300 {
        let code = format!("{}", next(12));
        let (text, remark) = (texts[next(texts.len())], texts[next(texts.len())]);
        match next(4) {
            0 if records.find(code.as_str()).unwrap().is_some() => drop(records.delete(code.as_str()).unwrap()),
            _ => {
                let row = DetailRow::new().set("line", format!("{}", next(3))).set("remark", remark);
                let values = Values::new().set("code", code.as_str()).set("text", text).row(row);
                let details = [DetailMode::Merge, DetailMode::Replace][next(2)];
                records.upsert_with(&values, &WriteOptions::new().details(details)).unwrap();
            }
        }
        if step % 10 != 9 {
            continue;
        }
        let all = store.query("notes", &Query::new()).unwrap().records;
        for term in ["佐", "佐藤", "藤花", "佐藤花", "花子と"] {
            let by_index = store.count("notes", Some(&Condition::contains("text", term))).unwrap();
            assert_eq!(by_index as usize, all.iter().filter(|record| record.text("text").contains(term)).count());
            let by_index = store.count("notes", Some(&Condition::contains("remark", term))).unwrap();
            let has = |record: &&Record| record.rows().iter().any(|row| row.text("remark").contains(term));
            assert_eq!(by_index as usize, all.iter().filter(has).count(), "{term} after {step} steps");
        }
    }
}
