//! Keys and automatic numbers.

use super::*;

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
