//! Records without detail rows: registered, updated, viewed, deleted; keys, values, links, files, users, approval.

mod common;

use std::io::Read;
use std::time::Duration;

use common::{Fixture, NOW, names_the_field, only, violations};
use renkei::{
    Approval, AutoNumber, Blueprint, Characters, Code, Database, Date, DateTime, Field, FieldKind, KeyMode, KeyPart,
    Kind, Language, Number, NumberDate, NumberInput, RecordId, Records, Rounding, Selector, Time, User, Value, Values,
    WriteOptions, Written,
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
    let blueprint = Blueprint::new().user(User::new("hanako", "山田花子")).database(everything());
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

fn keyed(parts: Vec<KeyPart>, joiner: &str) -> Fixture {
    let kind = FieldKind::Key { parts, joiner: joiner.to_owned() };
    Fixture::of([Database::new("keyed", "鍵")
        .field(Field::new("number", "番号", kind))
        .field(Field::text("t", "文字").unique())])
}

fn automatic(prefix: &str, suffix: &str, digits: u8, date: NumberDate) -> KeyPart {
    let format = AutoNumber { prefix: prefix.to_owned(), suffix: suffix.to_owned(), digits, start: 1, date };
    KeyPart::Automatic { format }
}

#[test]
fn automatic_keys_have_their_form_and_start_again_with_the_date() {
    let day = 24 * 60 * 60;
    for (date, expected) in [
        (NumberDate::None, ["受-001-x", "受-002-x", "受-003-x", "受-004-x"]),
        (NumberDate::Year, ["受-2026001-x", "受-2026002-x", "受-2026003-x", "受-2027001-x"]),
        (NumberDate::Month, ["受-202601001-x", "受-202601002-x", "受-202602001-x", "受-202701001-x"]),
        (NumberDate::Day, ["受-20260131001-x", "受-20260131002-x", "受-20260201001-x", "受-20270131001-x"]),
    ] {
        let fixture = keyed(vec![automatic("受-", "-x", 3, date)], "");
        let records = fixture.store.records("keyed");
        let mut keys = Vec::new();
        for wait in [0, 0, day, 364 * day] {
            fixture.clock.advance(Duration::from_secs(wait));
            keys.push(records.register(&Values::new()).unwrap().key);
        }
        assert_eq!(keys, expected);
    }
}

#[test]
fn the_day_of_automatic_keys_is_that_of_the_stores_zone() {
    let fixture = keyed(vec![automatic("", "", 2, NumberDate::Day)], "");
    // 2026-01-31 23:59:59 and one second later in Tokyo.
    fixture.clock.set(renkei::Timestamp(NOW.0 + (14 * 3600 + 29 * 60 + 59) * 1000));
    let records = fixture.store.records("keyed");
    assert_eq!(records.register(&Values::new()).unwrap().key, "2026013101");
    fixture.clock.advance(Duration::from_secs(1));
    assert_eq!(records.register(&Values::new()).unwrap().key, "2026020101");
}

#[test]
fn given_keys_are_passed_over_or_taken_and_issued_ones_give_way() {
    let fixture = keyed(vec![automatic("", "", 3, NumberDate::None)], "");
    let records = fixture.store.records("keyed");
    assert_eq!(records.register(&Values::new().set("number", "777")).unwrap().key, "001");
    let given = WriteOptions::new().key_mode(KeyMode::Given);
    assert_eq!(records.register_with(&Values::new().set("number", "003"), &given).unwrap().key, "003");
    assert_eq!(records.register_with(&Values::new().set("number", "002").set("t", "x"), &given).unwrap().key, "002");
    let again = records.register_with(&Values::new().set("number", "002"), &given).unwrap_err();
    assert_eq!(only(&again).code(), Code::Duplicate);
    let malformed = records.register_with(&Values::new().set("number", "A2"), &given).unwrap_err();
    assert_eq!(only(&malformed).code(), Code::KeyFormat);
    // The next number collides with a given key while another field is refused.
    let refused = records.register(&Values::new().set("t", "x")).unwrap_err();
    assert_eq!(violations(&refused), ["t: value.duplicate"]);
    assert_eq!(records.register(&Values::new()).unwrap().key, "004");
    assert_eq!(records.register_with(&Values::new(), &given).unwrap().key, "005");
    let changed = records.update("004", &Values::new().set("number", "009")).unwrap_err();
    assert_eq!(only(&changed).code(), Code::KeyIssued);
    assert_eq!(records.update("004", &Values::new().set("number", "004")).unwrap().written, Written::Unchanged);
}

#[test]
fn numbers_outgrow_their_digits() {
    let fixture = keyed(vec![automatic("", "", 1, NumberDate::None)], "");
    let all = vec![Values::new(); 11];
    let saved = fixture.store.records("keyed").register_all(&all, &WriteOptions::new()).unwrap();
    assert_eq!(saved[10].key, "11");
}

#[test]
fn typed_keys_are_padded_and_chosen_ones_chosen() {
    let part = KeyPart::Typed { max_length: Some(6), characters: Characters::Alphanumeric, digits: Some(4) };
    let fixture = keyed(vec![part], "");
    let records = fixture.store.records("keyed");
    let key = |text: &str| Values::new().set("number", text);
    assert_eq!(records.register(&key("7")).unwrap().key, "0007");
    assert_eq!(records.register(&key("A7")).unwrap().key, "A7");
    assert_eq!(only(&records.register(&key("0007")).unwrap_err()).code(), Code::Duplicate);
    assert_eq!(records.upsert(&key("7")).unwrap().written, Written::Unchanged);
    assert_eq!(only(&records.register(&key("1234567")).unwrap_err()).code(), Code::TextLong);
    assert_eq!(only(&records.register(&key("A-7")).unwrap_err()).code(), Code::TextCharacters);
    let fixture = keyed(vec![KeyPart::Choice { choices: vec!["東".to_owned(), "西".to_owned()] }], "");
    let records = fixture.store.records("keyed");
    assert_eq!(records.register(&key("東")).unwrap().key, "東");
    assert_eq!(only(&records.register(&key("北")).unwrap_err()).code(), Code::KeyFormat);
}

#[test]
fn keys_of_two_parts_are_joined() {
    let choice = || KeyPart::Choice { choices: vec!["東".to_owned(), "西".to_owned()] };
    let key = |text: &str| Values::new().set("number", text);
    let given = WriteOptions::new().key_mode(KeyMode::Given);
    let fixture = keyed(vec![choice(), automatic("N-", "", 3, NumberDate::None)], "-");
    let records = fixture.store.records("keyed");
    assert_eq!(records.register(&key("東")).unwrap().key, "東-N-001");
    assert_eq!(only(&records.register(&Values::new()).unwrap_err()).code(), Code::Required);
    assert_eq!(only(&records.register(&key("北")).unwrap_err()).code(), Code::KeyFormat);
    assert_eq!(records.register_with(&key("西-N-002"), &given).unwrap().key, "西-N-002");
    assert_eq!(records.register(&key("西")).unwrap().key, "西-N-003");
    // The joiner stands in the issued part as well.
    let fixture = keyed(vec![automatic("A-", "", 3, NumberDate::None), KeyPart::typed()], "-");
    let records = fixture.store.records("keyed");
    assert_eq!(records.register_with(&key("A-001-x-y"), &given).unwrap().key, "A-001-x-y");
    assert_eq!(records.register(&key("x-y")).unwrap().key, "A-002-x-y");
    let fixture = keyed(vec![KeyPart::typed(), choice()], "/");
    let records = fixture.store.records("keyed");
    assert_eq!(records.register(&key("a/b/東")).unwrap().key, "a/b/東");
    assert_eq!(only(&records.register(&key("a/b")).unwrap_err()).code(), Code::KeyFormat);
    assert_eq!(only(&records.register(&key("東")).unwrap_err()).code(), Code::KeyFormat);
    assert_eq!(only(&records.register(&key("/東")).unwrap_err()).code(), Code::KeyFormat);
}

#[test]
fn automatic_numbers_in_fields_are_given_once() {
    let format = AutoNumber { prefix: "S".to_owned(), digits: 2, start: 10, ..AutoNumber::default() };
    let fixture = Fixture::of([Database::new("d", "D")
        .field(Field::key("k", "K"))
        .field(Field::auto_number("s", "連番", format))
        .field(Field::text("t", "T"))]);
    let records = fixture.store.records("d");
    for (key, number) in [("a", "S10"), ("b", "S11")] {
        records.register(&Values::new().set("k", key).set("s", "")).unwrap();
        records.update(key, &Values::new().set("t", "x")).unwrap();
        assert_eq!(records.view(key).unwrap().text("s"), number);
    }
    assert_eq!(only(&records.update("a", &Values::new().set("s", "S99")).unwrap_err()).code(), Code::ReadOnly);
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

fn shops() -> [Database; 3] {
    [
        Database::new("areas", "地域").field(Field::key("code", "地域コード")).field(Field::text("name", "地域名")),
        Database::new("shops", "店")
            .field(Field::key("code", "店コード"))
            .field(Field::text("name", "店名"))
            .field(Field::number("rate", "掛率", 1))
            .field(Field::choice("rank", "ランク", &["A", "B"]))
            .field(Field::link("area", "地域", "areas"))
            .field(Field::dependent("area_name", "地域名", "area", "name"))
            .field(Field::auto_number("serial", "通番", AutoNumber { digits: 2, ..AutoNumber::default() }))
            .field(Field::calculated("double", "倍", 1, "rate * 2").unwrap()),
        Database::new("orders", "注文")
            .field(Field::key("number", "番号"))
            .field(Field::link("shop", "店", "shops"))
            .field(Field::dependent("rate", "掛率", "shop", "rate"))
            .field(Field::dependent("rank", "ランク", "shop", "rank"))
            .field(Field::dependent("area", "地域コード", "shop", "area"))
            .field(Field::dependent("area_name", "地域名", "shop", "area_name"))
            .field(Field::dependent("serial", "通番", "shop", "serial"))
            .field(Field::dependent("double", "倍", "shop", "double"))
            .field(Field::reference("shop_name", "店名", "shop", "name"))
            .field(Field::reference("shop_area", "店の地域", "shop", "area"))
            .field(Field::calculated("tenfold", "十倍", 1, "rate * 10").unwrap()),
    ]
}

#[test]
fn links_bring_dependent_and_reference_values_along() {
    let fixture = Fixture::of(shops());
    let (areas, shops, orders) =
        (fixture.store.records("areas"), fixture.store.records("shops"), fixture.store.records("orders"));
    areas.register(&Values::new().set("code", "13").set("name", "関東")).unwrap();
    areas.register(&Values::new().set("code", "27").set("name", "関西")).unwrap();
    let shop =
        |code: &str, rate: &str| Values::new().set("code", code).set("name", format!("店{code}")).set("rate", rate);
    shops.register(&shop("1", "0.5").set("rank", "B").set("area", "13")).unwrap();
    shops.register(&shop("2", "0.7").set("area", "27")).unwrap();
    let fields = ["rate", "rank", "area", "area_name", "serial", "double", "shop_name", "shop_area", "tenfold"];
    let shown = |key: &str| {
        let record = orders.view(key).unwrap();
        fields.map(|field| record.text(field)).join("|")
    };
    orders.register(&Values::new().set("number", "a").set("shop", "1")).unwrap();
    assert_eq!(shown("a"), "0.5|B|13|関東|01|1.0|店1|13|5.0");
    // Changed at the source: what was copied stays, what is read through follows.
    shops.update("1", &Values::new().set("rate", "0.9").set("name", "新店").set("area", "27")).unwrap();
    assert_eq!(shown("a"), "0.5|B|13|関東|01|1.0|新店|27|5.0");
    // The link given once more fetches anew.
    orders.update("a", &Values::new().set("shop", "1")).unwrap();
    assert_eq!(shown("a"), "0.9|B|27|関西|01|1.8|新店|27|9.0");
    orders.update("a", &Values::new().set("shop", "2").set("rate", "0.1")).unwrap();
    assert_eq!(shown("a"), "0.1||27|関西|02|1.4|店2|27|1.0", "what is given itself is kept");
    orders.update_with("a", &Values::new().set("shop", "1"), &WriteOptions::new().fill_dependents(false)).unwrap();
    assert_eq!(shown("a"), "0.1||27|関西|02|1.4|新店|27|1.0");
    // Each copied value may be given in the form of its source.
    let given = Values::new().set("rank", "A").set("area", "13").set("serial", "99").set("double", "7.5");
    orders.update("a", &given).unwrap();
    assert_eq!(shown("a"), "0.1|A|13|関西|99|7.5|新店|27|1.0");
    let refused =
        Values::new().set("rank", "C").set("area", "99").set("rate", "x").set("double", "1.23").set("shop_name", "x");
    assert_eq!(
        violations(&orders.update("a", &refused).unwrap_err()),
        [
            "rate: value.number",
            "rank: value.choice",
            "area: value.link",
            "double: value.number.scale",
            "shop_name: value.read_only"
        ]
    );
    orders.update("a", &Values::new().set("shop", "")).unwrap();
    assert_eq!(shown("a"), "||||||||");
    fixture.check_file();
}

#[test]
fn linked_records_are_kept_from_deletion() {
    let fixture = Fixture::of(shops());
    let (shops, orders) = (fixture.store.records("shops"), fixture.store.records("orders"));
    shops.register(&Values::new().set("code", "1")).unwrap();
    orders.register(&Values::new().set("number", "a").set("shop", "1")).unwrap();
    let refused = shops.delete("1").unwrap_err();
    assert_eq!((refused.code(), refused.kind()), (Code::RecordLinked, Kind::Conflict));
    assert!(refused.to_string().contains("orders"), "{refused}");
    assert_eq!(shops.view("1").unwrap().revision(), 1);
    // The link follows a changed key.
    shops.update("1", &Values::new().set("code", "01")).unwrap();
    assert_eq!(orders.view("a").unwrap().text("shop"), "01");
    orders.delete("a").unwrap();
    shops.delete("01").unwrap();
}

#[test]
fn records_may_link_to_their_own_database_and_to_themselves() {
    let fixture = Fixture::of([Database::new("staff", "社員")
        .field(Field::key("number", "番号"))
        .field(Field::link("boss", "上司", "staff"))
        .field(Field::reference("top", "上司の上司", "boss", "boss"))]);
    let records = fixture.store.records("staff");
    records.register(&Values::new().set("number", "1")).unwrap();
    records.update("1", &Values::new().set("boss", "1")).unwrap();
    records.register(&Values::new().set("number", "2").set("boss", "1")).unwrap();
    assert_eq!(records.view("2").unwrap().text("top"), "1");
    assert_eq!(records.delete("1").unwrap_err().code(), Code::RecordLinked);
    records.delete("2").unwrap();
    records.delete("1").unwrap();
    fixture.check_file();
}

#[test]
fn calculations_follow_what_they_need() {
    let fixture = Fixture::of([Database::new("d", "D")
        .field(Field::key("k", "K"))
        .field(Field::calculated("total", "合計", 0, "tax + net").unwrap())
        .field(Field::calculated("tax", "税", 0, "round(net * 0.1, 0)").unwrap())
        .field(Field::calculated("net", "本体", 0, "price * quantity").unwrap())
        .field(Field::number("price", "単価", 2))
        .field(Field::number("quantity", "数量", 0))
        .field(Field::calculated("ratio", "比", 3, "price / or(quantity, 1)").unwrap())]);
    let records = fixture.store.records("d");
    let shown = |key: &str| {
        let record = records.view(key).unwrap();
        ["net", "tax", "total", "ratio"].map(|field| record.text(field)).join("|")
    };
    records.register(&Values::new().set("k", "1").set("price", "10.25").set("quantity", 3)).unwrap();
    assert_eq!(shown("1"), "31|3|34|3.417");
    records.update("1", &Values::new().set("quantity", "")).unwrap();
    assert_eq!(shown("1"), "|||10.250");
    let zero = records.update("1", &Values::new().set("quantity", 0)).unwrap_err();
    assert_eq!(violations(&zero), ["ratio: value.calculation"]);
    names_the_field(&zero.violations()[0]);
    let large = Values::new().set("price", "9999999999999999.99").set("quantity", "999999999999999999");
    let overflow = records.update("1", &large).unwrap_err();
    assert!(violations(&overflow).contains(&"net: value.calculation".to_owned()), "{overflow}");
    assert_eq!(shown("1"), "|||10.250");
}

#[test]
fn users_are_values_and_authors() {
    let fixture = everything_fixture();
    let records = fixture.store.records("everything");
    records.register(&Values::new().set("k", "1").set("u", "hanako")).unwrap();
    assert_eq!(records.view("1").unwrap().created_by(), None);
    let hanako = fixture.store.as_user("hanako").unwrap();
    hanako.records("everything").update("1", &Values::new().set("t", "x")).unwrap();
    let record = records.view("1").unwrap();
    assert_eq!((record.created_by(), record.updated_by()), (None, Some("hanako")));
    assert_eq!(fixture.store.as_user("taro").unwrap_err().code(), Code::DefinitionNotFound);
    // Renamed, he is the same.
    let id = fixture.store.users().unwrap()[0].id;
    let renamed = User { id, ..User::new("yamada", "山田") };
    fixture.store.apply(&Blueprint::new().user(renamed)).unwrap();
    let record = records.view("1").unwrap();
    assert_eq!((record.text("u").as_str(), record.updated_by()), ("yamada", Some("yamada")));
    let sqlite = fixture.sqlite();
    let shown: String = sqlite.query_row("SELECT 項目u FROM everything__view", [], |row| row.get(0)).unwrap();
    assert_eq!(shown, "山田");
}

#[test]
fn files_belong_to_one_record_and_go_with_it() {
    let fixture = everything_fixture();
    let records = fixture.store.records("everything");
    let put = |bytes: &[u8]| fixture.store.put_file("見積.txt", bytes).unwrap();
    let first = put("合計".as_bytes());
    assert_eq!(first.sha256.len(), 64);
    records.register(&Values::new().set("k", "1").set("f", Value::File(first.id))).unwrap();
    let taken = records.register(&Values::new().set("k", "2").set("f", Value::File(first.id))).unwrap_err();
    assert_eq!(only(&taken).code(), Code::FileAttached);
    assert_eq!(records.update("1", &Values::new().set("f", first.id)).unwrap().written, Written::Unchanged);
    let second = put(&vec![7; 600_000]);
    // A refused record takes no file.
    assert!(records.update("1", &Values::new().set("f", second.id).set("n", "x")).is_err());
    records.update("1", &Values::new().set("f", second.id)).unwrap();
    assert_eq!(fixture.store.file(first.id).unwrap_err().code(), Code::FileNotFound);
    let mut bytes = Vec::new();
    fixture.store.read_file(second.id).unwrap().read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, vec![7; 600_000]);
    let shown: String =
        fixture.sqlite().query_row("SELECT ファイル FROM everything__view", [], |row| row.get(0)).unwrap();
    assert_eq!(shown, "見積.txt");
    let third = put(b"");
    records.update("1", &Values::new().set("f", "")).unwrap();
    assert_eq!(fixture.store.file(second.id).unwrap_err().code(), Code::FileNotFound);
    records.update("1", &Values::new().set("f", third.id)).unwrap();
    records.delete("1").unwrap();
    assert_eq!(fixture.store.file(third.id).unwrap_err().code(), Code::FileNotFound);
    let pieces: i64 =
        fixture.sqlite().query_row("SELECT count(*) FROM renkei_file_chunk", [], |row| row.get(0)).unwrap();
    assert_eq!(pieces, 0);
    fixture.check_file();
}

#[test]
fn files_that_nobody_takes_are_gone_after_a_day() {
    let fixture = everything_fixture();
    let records = fixture.store.records("everything");
    let kept = fixture.store.put_file("a", &b"a"[..]).unwrap().id;
    let lost = fixture.store.put_file("b", &b"b"[..]).unwrap().id;
    records.register(&Values::new().set("k", "1").set("f", kept)).unwrap();
    fixture.clock.advance(Duration::from_secs(24 * 60 * 60 + 1));
    let late = records.register(&Values::new().set("k", "2").set("f", lost)).unwrap_err();
    assert_eq!(only(&late).code(), Code::FileUnknown);
    renkei::Worker::new(&fixture.store).sweep().unwrap();
    assert_eq!(fixture.store.file(lost).unwrap_err().code(), Code::FileNotFound);
    assert_eq!(fixture.store.file(kept).unwrap().bytes, 1);
    let files: i64 = fixture.sqlite().query_row("SELECT count(*) FROM renkei_file", [], |row| row.get(0)).unwrap();
    assert_eq!(files, 1);
}

#[test]
fn approval_is_given_and_withdrawn() {
    let fixture = Fixture::of([people().with_approval()]);
    let records = fixture.store.records("people");
    records.register(&Values::new().set("number", "1").set("name", "a")).unwrap();
    assert_eq!(records.view("1").unwrap().approval(), Some(Approval::Pending));
    let saved = records.approve("1").unwrap();
    assert_eq!((saved.written, saved.revision), (Written::Updated, 2));
    let again = records.approve("1").unwrap();
    assert_eq!((again.written, again.revision), (Written::Unchanged, 2));
    assert_eq!(records.view("1").unwrap().approval(), Some(Approval::Approved));
    assert_eq!(records.withdraw_approval("1").unwrap().revision, 3);
    assert_eq!(records.approve("9").unwrap_err().code(), Code::RecordNotFound);
    let approved = WriteOptions::new().approve(true);
    records.register_with(&Values::new().set("number", "2").set("name", "b"), &approved).unwrap();
    assert_eq!(records.view("2").unwrap().to_json()["_approval"], "approved");
    let (_fixture, records) = people_fixture();
    records.register_with(&Values::new().set("number", "1").set("name", "a"), &approved).unwrap();
    assert_eq!(records.view("1").unwrap().approval(), None);
    assert_eq!(records.approve("1").unwrap_err().code(), Code::ApprovalAbsent);
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
