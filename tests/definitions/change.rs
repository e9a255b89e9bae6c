//! What happens to records when their definitions change.

use super::*;

/// Refused as not fitting the records, with the offenders named and nothing changed.
fn does_not_fit(fixture: &Fixture, database: Database, named: &[&str]) {
    let before = fixture.store.blueprint().unwrap();
    let schema = schema(fixture);
    for error in [
        fixture.store.plan(&blueprint([database.clone()])).unwrap_err(),
        fixture.store.apply(&blueprint([database.clone()])).unwrap_err(),
    ] {
        assert_eq!((error.code(), error.kind()), (Code::DefinitionStored, Kind::Definition), "{error}");
        for name in named {
            assert!(error.to_string().contains(name), "{name} in {error}");
        }
    }
    assert_eq!(fixture.store.blueprint().unwrap(), before);
    assert_eq!(self::schema(fixture), schema);
}

#[test]
fn fields_are_added_to_records_that_exist() {
    let fixture = Fixture::of([simple()]);
    register(&fixture.store, "d", &[("number", "1"), ("name", "a")]);
    register(&fixture.store, "d", &[("number", "2"), ("name", "")]);
    let wider = simple()
        .field(Field::number("n", "N", 1).default_value("2.5"))
        .field(Field::choice("c", "C", &["x", "y"]).default_value("y").required())
        .field(Field::calculated("twice", "2N", 1, "n * 2").unwrap())
        .field(Field::text("t", "T"))
        .detail(Field::text("row", "行メモ"));
    does_not_fit(&fixture, wider.clone().field(Field::text("must", "必須").required()), &["必須", "1", "2"]);
    let planned = fixture.store.plan(&blueprint([wider.clone()])).unwrap();
    assert_eq!(fixture.store.apply(&blueprint([wider])).unwrap(), planned);
    assert!(planned.iter().any(|change| change.what.contains("\"n\" (number) added")), "{planned:?}");
    assert_eq!(texts(&fixture.store, "d", "1", &["name", "n", "c", "twice", "t"]), ["a", "2.5", "y", "5.0", ""]);
    fixture.store.records("d").update("1", &Values::new().row(DetailRow::new().set("row", "x"))).unwrap();
    fixture.check_file();
}

#[test]
fn databases_and_fields_are_renamed_by_id_and_everything_follows() {
    let fixture = Fixture::of([
        Database::new("customers", "顧客")
            .field(key())
            .field(Field::text("a", "甲").full_text().indexed())
            .field(Field::text("b", "乙").full_text().unique())
            .detail(Field::text("note", "メモ").full_text()),
        Database::new("orders", "注文")
            .field(key())
            .field(Field::link("customer", "顧客", "customers"))
            .field(Field::dependent("copy", "写し", "customer", "a"))
            .field(Field::reference("seen", "参照", "customer", "b"))
            .detail(Field::link("other", "別", "customers")),
    ]);
    let definitions = Blueprint::new()
        .list(
            List::new("orders", "l", "L")
                .column("customer.a")
                .column("seen")
                .column("other.b")
                .sort(Sort::ascending("customer.b")),
        )
        .list(List::new("customers", "c", "C").column("a").column("note"))
        .search(Search::new(
            "customers",
            "s",
            "S",
            Condition::equals("a", "甲1").and(!Condition::detail(Condition::contains("note", "x"))),
        ))
        .import(ImportSetting::new("customers", "i", "I").column("number").column("a").column("note"));
    fixture.store.apply(&definitions).unwrap();
    for at in ["1", "2"] {
        let values = Values::new().set("number", at).set("a", format!("甲{at}")).set("b", format!("乙{at}"));
        fixture.store.records("customers").register(&values.row(DetailRow::new().set("note", "覚え書き"))).unwrap();
        register(&fixture.store, "orders", &[("number", at), ("customer", at)]);
    }
    let found = |database: &str, field: &str, term: &str| {
        fixture.store.count(database, Some(&Condition::contains(field, term))).unwrap()
    };
    // Two fields exchange their codes.
    let mut customers = fixture.store.database("customers").unwrap();
    customers.fields[1].code = "b".to_owned();
    customers.fields[2].code = "a".to_owned();
    fixture.apply([customers.clone()]);
    assert_eq!(texts(&fixture.store, "customers", "1", &["a", "b"]), ["乙1", "甲1"]);
    assert_eq!(
        [("a", "乙"), ("b", "甲"), ("a", "甲"), ("b", "乙")].map(|(field, term)| found("customers", field, term)),
        [2, 2, 0, 0]
    );
    assert_eq!(texts(&fixture.store, "orders", "2", &["copy", "seen"]), ["甲2", "乙2"]);
    // Whose uniqueness is it?
    let records = fixture.store.records("customers");
    records.update("1", &Values::new().set("b", "甲2")).unwrap();
    assert!(records.update("1", &Values::new().set("a", "乙2")).is_err());
    records.update("1", &Values::new().set("b", "甲1")).unwrap();
    let list = fixture.store.list("orders", "l").unwrap();
    let paths: Vec<&str> = list.columns.iter().map(|column| column.field.as_str()).collect();
    assert_eq!((paths.as_slice(), list.sort[0].field.as_str()), (&["customer.b", "seen", "other.a"][..], "customer.a"));
    // The database itself, with capitals only first, then to another word; a new one takes the old code.
    for code in ["Customers", "clients"] {
        customers.code = code.to_owned();
        customers.fields[1].code = "first".to_owned();
        customers.details[0].code = "remark".to_owned();
        fixture.apply([customers.clone()]);
        assert_eq!(found(code, "first", "甲2"), 1);
        assert_eq!(found(code, "remark", "覚え"), 2);
        assert_eq!(texts(&fixture.store, "orders", "2", &["customer", "copy", "seen"]), ["2", "甲2", "乙2"]);
        assert_eq!(fixture.store.records(code).delete("1").unwrap_err().code(), Code::RecordLinked);
    }
    fixture.apply([Database::new("customers", "新顧客")
        .field(key())
        .field(Field::text("first", "F").full_text())
        .detail(Field::text("remark", "R").full_text())]);
    assert_eq!(found("customers", "first", "甲"), 0);
    register(&fixture.store, "customers", &[("number", "1"), ("first", "甲乙")]);
    assert_eq!((found("customers", "first", "甲"), found("clients", "first", "甲")), (1, 2));
    let search = fixture.store.search("clients", "s").unwrap();
    assert_eq!(search.database, "clients");
    assert_eq!(fixture.store.count("clients", Some(&search.condition)).unwrap(), 1);
    let setting = fixture.store.blueprint().unwrap().imports.remove(0);
    let fields: Vec<_> = setting.columns.iter().map(|column| column.field.as_deref().unwrap()).collect();
    assert_eq!((setting.database.as_str(), fields.as_slice()), ("clients", &["number", "first", "remark"][..]));
    // The dump is acceptable as a whole.
    assert_eq!(fixture.store.apply(&fixture.store.blueprint().unwrap()).unwrap(), []);
    fixture.check_file();
}

#[test]
fn a_new_field_may_take_the_code_of_a_renamed_one() {
    let fixture = Fixture::of([simple()]);
    register(&fixture.store, "d", &[("number", "1"), ("name", "a")]);
    let mut database = fixture.store.database("d").unwrap();
    database.fields[1].code = "old_name".to_owned();
    database.fields[1].name = "旧名前".to_owned();
    database.fields.push(Field::text("name", "名前"));
    fixture.apply([database]);
    assert_eq!(texts(&fixture.store, "d", "1", &["name", "old_name"]), ["", "a"]);
    // The same for databases is refused where it is not clear which is meant.
    let mut database = fixture.store.database("d").unwrap();
    database.code = "e".to_owned();
    invalid(&fixture.refused([simple(), database]), &["same document"]);
}

#[test]
fn fields_are_put_in_another_order_and_out_of_use_and_back() {
    let fixture = Fixture::of([simple()
        .field(Field::number("n", "N", 0))
        .field(Field::calculated("c", "C", 0, "n * 2").unwrap())]);
    register(&fixture.store, "d", &[("number", "1"), ("name", "a"), ("n", "3")]);
    let mut database = fixture.store.database("d").unwrap();
    database.fields.reverse();
    fixture.apply([database.clone()]);
    let record = fixture.store.records("d").view("1").unwrap();
    assert_eq!(record.fields().map(|(field, _)| field.code.clone()).collect::<Vec<_>>(), ["c", "n", "name", "number"]);
    // A field that is left out is no wish to lose its values.
    let mut fewer = database.clone();
    fewer.fields.remove(1);
    invalid(&fixture.refused([fewer]), &["\"n\""]);
    database.fields[0].retired = true;
    database.fields[2].retired = true;
    fixture.apply([database.clone()]);
    let records = fixture.store.records("d");
    assert_eq!(records.view("1").unwrap().text("name"), "");
    assert!(records.update("1", &Values::new().set("name", "b")).is_err());
    records.update("1", &Values::new().set("n", 4)).unwrap();
    register(&fixture.store, "d", &[("number", "2"), ("n", "5")]);
    database.fields[0].retired = false;
    database.fields[2].retired = false;
    fixture.apply([database.clone()]);
    assert_eq!(texts(&fixture.store, "d", "1", &["name", "n", "c"]), ["a", "4", "8"]);
    assert_eq!(texts(&fixture.store, "d", "2", &["name", "n", "c"]), ["", "5", "10"]);
    // Rules that were tightened meanwhile are judged when it is used again.
    database.fields[2].retired = true;
    fixture.apply([database.clone()]);
    database.fields[2].kind = FieldKind::Text { max_length: None, characters: Characters::Digits };
    fixture.apply([database.clone()]);
    database.fields[2].retired = false;
    does_not_fit(&fixture, database, &["名前", "1"]);
}

#[test]
fn choices_are_added_renamed_retired_and_removed() {
    let state = |labels: &[(Option<i64>, &str, bool)], tags: &[(Option<i64>, &str, bool)]| {
        Database::new("d", "D")
            .field(key())
            .field(Field::new("c", "状態", FieldKind::Choice { choices: choices(labels) }))
            .field(Field::new("cs", "タグ", FieldKind::Choices { choices: choices(tags) }))
    };
    let fixture =
        Fixture::of([state(&[(None, "新", false), (None, "済", false)], &[(None, "A", false), (None, "B", false)])]);
    let copies = Database::new("copies", "写し")
        .field(key())
        .field(Field::link("l", "L", "d"))
        .field(Field::dependent("c", "C", "l", "c"));
    fixture.apply([copies]);
    register(&fixture.store, "d", &[("number", "1"), ("c", "済"), ("cs", "A,B")]);
    register(&fixture.store, "copies", &[("number", "1"), ("l", "1")]);
    // Renamed by id and put in front, one more between.
    fixture.apply([state(
        &[(Some(2), "完了", false), (None, "中", false), (Some(1), "新", false)],
        &[(Some(2), "乙", false), (Some(1), "A", false)],
    )]);
    assert_eq!(texts(&fixture.store, "d", "1", &["c", "cs"]), ["完了", "乙,A"]);
    assert_eq!(texts(&fixture.store, "copies", "1", &["c"]), ["完了"]);
    assert_eq!(
        fixture.store.database("d").unwrap().fields[1].kind,
        FieldKind::Choice {
            choices: choices(&[(Some(2), "完了", false), (Some(3), "中", false), (Some(1), "新", false)]),
        }
    );
    // One that is used cannot go, one that is not can.
    let tags = &[(Some(2), "乙", false), (Some(1), "A", false)][..];
    does_not_fit(&fixture, state(&[(Some(1), "新", false), (Some(3), "中", false)], tags), &["1", "choice is missing"]);
    does_not_fit(&fixture, state(&[(Some(2), "完了", false)], &tags[1..]), &["1", "choice is missing"]);
    fixture.apply([state(&[(Some(2), "完了", false), (Some(3), "中", false)], tags)]);
    // Kept for old records only.
    fixture.apply([state(&[(Some(2), "完了", true), (Some(3), "中", false)], tags)]);
    assert_eq!(texts(&fixture.store, "d", "1", &["c"]), ["完了"]);
    let records = fixture.store.records("d");
    assert!(records.register(&Values::new().set("number", "2").set("c", "完了")).is_err());
    assert_eq!(fixture.store.count("d", Some(&Condition::equals("c", "完了"))).unwrap(), 1);
    // Used by a copy alone.
    records.update("1", &Values::new().set("c", "中")).unwrap();
    let error = fixture.refused([state(&[(Some(3), "中", false)], tags)]);
    assert_eq!(error.code(), Code::DefinitionStored, "{error}");
    assert!(error.to_string().contains("copies"));
    fixture.check_file();
}

#[test]
fn rules_are_tightened_only_where_the_records_fit() {
    let base = |field: Field| Database::new("d", "D").field(key()).field(field);
    let text = |max_length, characters| Field::new("f", "項目", FieldKind::Text { max_length, characters });
    let number = |min: Option<&str>, max: Option<&str>, scale| {
        let mut field = Field::number("f", "項目", scale);
        if let FieldKind::Number { min: low, max: high, .. } = &mut field.kind {
            *low = min.map(|text| text.parse().unwrap());
            *high = max.map(|text| text.parse().unwrap());
        }
        field
    };
    let fixture = Fixture::of([base(text(None, Characters::Any))]);
    for (key, value) in [("k1", "abc"), ("k2", "abc"), ("k3", "漢字だ"), ("k4", ""), ("k5", "")] {
        register(&fixture.store, "d", &[("number", key), ("f", value)]);
    }
    does_not_fit(&fixture, base(text(Some(2), Characters::Any)), &["k1", "k2", "k3", "項目"]);
    does_not_fit(&fixture, base(text(None, Characters::Ascii)), &["k3", "漢字だ"]);
    does_not_fit(&fixture, base(text(None, Characters::Any).required()), &["k4", "k5"]);
    does_not_fit(&fixture, base(text(None, Characters::Any).unique()), &["k1", "k2", "abc"]);
    does_not_fit(&fixture, base(Field::new("f", "項目", FieldKind::Email {})), &["k1"]);
    fixture.apply([base(text(Some(3), Characters::NoHalfKana))]);
    fixture.apply([base(Field::multiline("f", "項目"))]);
    fixture.store.records("d").update("k4", &Values::new().set("f", "一\n二")).unwrap();
    does_not_fit(&fixture, base(text(None, Characters::Any)), &["k4"]);
    invalid(&fixture.refused([base(Field::number("f", "項目", 0))]), &["cannot become number from multiline"]);
    // Many are counted.
    let fixture = Fixture::of([base(number(None, None, 2))]);
    let values: Vec<Values> =
        (0..50).map(|at| Values::new().set("number", format!("n{at}")).set("f", format!("-{at}.50"))).collect();
    fixture.store.records("d").register_all(&values, &Default::default()).unwrap();
    does_not_fit(&fixture, base(number(Some("-10"), None, 2)), &["n10", "and 35 more"]);
    does_not_fit(&fixture, base(number(None, None, 0)), &["50", "0 decimal places"]);
    for scale in [16, 1, 3] {
        fixture.apply([base(number(None, None, scale))]);
        let shown = fixture.store.records("d").view("n7").unwrap().text("f");
        assert_eq!(shown.parse::<renkei::Number>().unwrap(), "-7.5".parse().unwrap());
        assert_eq!(shown.len(), 3 + usize::from(scale));
    }
    does_not_fit(&fixture, base(number(None, None, 18)), &["too many digits"]);
    let keyed = |digits| {
        let parts = vec![KeyPart::Typed { max_length: None, characters: Characters::Any, digits }];
        Database::new("p", "P").field(Field::new("k", "鍵", FieldKind::Key { parts, joiner: String::new() }))
    };
    let fixture = Fixture::of([keyed(Some(3))]);
    register(&fixture.store, "p", &[("k", "7")]);
    does_not_fit(&fixture, keyed(Some(5)), &["007", "00007"]);
    fixture.apply([keyed(None)]);
}

#[test]
fn copies_follow_the_decimal_places_of_their_source() {
    let source = |scale| {
        Database::new("s", "S")
            .field(key())
            .field(Field::number("n", "N", scale))
            .field(Field::calculated("c", "C", scale, "n * 2").unwrap())
    };
    let copy = Database::new("t", "T")
        .field(key())
        .field(Field::link("l", "L", "s"))
        .field(Field::dependent("n", "N", "l", "n"))
        .field(Field::dependent("c", "C", "l", "c"))
        .field(Field::calculated("sum", "合計", 4, "n + c").unwrap());
    let fixture = Fixture::of([source(1), copy]);
    register(&fixture.store, "s", &[("number", "1"), ("n", "1.5")]);
    register(&fixture.store, "t", &[("number", "1"), ("l", "1")]);
    for scale in [3, 1] {
        fixture.apply([source(scale)]);
        let zeros = "0".repeat(usize::from(scale) - 1);
        assert_eq!(
            texts(&fixture.store, "t", "1", &["n", "c", "sum"]),
            [format!("1.5{zeros}"), format!("3.0{zeros}"), "4.5000".to_owned()]
        );
    }
    fixture.store.records("t").update("1", &Values::new().set("n", "0.1")).unwrap();
    let error = fixture.refused([source(0)]);
    assert_eq!(error.code(), Code::DefinitionStored);
}

#[test]
fn indexes_come_and_go_with_the_records() {
    let with =
        |change: &dyn Fn(Field) -> Field| Database::new("d", "D").field(key()).field(change(Field::text("t", "T")));
    let fixture = Fixture::of([with(&|field| field)]);
    for at in 0..20 {
        register(&fixture.store, "d", &[("number", &at.to_string()), ("t", &format!("佐藤{at}"))]);
    }
    let bare = schema(&fixture);
    let found = || fixture.store.count("d", Some(&Condition::contains("t", "藤1"))).unwrap();
    let changes: [fn(Field) -> Field; 4] =
        [Field::full_text, Field::indexed, Field::unique, |field| field.full_text().indexed().unique()];
    for change in changes {
        fixture.apply([with(&change)]);
        assert_ne!(schema(&fixture), bare);
        assert_eq!(found(), 11);
        let records = fixture.store.records("d");
        records.update("3", &Values::new().set("t", "鈴木")).unwrap();
        assert_eq!(fixture.store.count("d", Some(&Condition::contains("t", "佐藤3"))).unwrap(), 0);
        assert_eq!(fixture.store.count("d", Some(&Condition::equals("t", "鈴木"))).unwrap(), 1);
        records.update("3", &Values::new().set("t", "佐藤3")).unwrap();
        fixture.apply([with(&|field| field)]);
        assert_eq!(schema(&fixture), bare);
        assert_eq!(found(), 11);
    }
    fixture.check_file();
}

#[test]
fn changed_expressions_are_calculated_for_all_records() {
    let with = |expression: &str, row: &str| {
        Database::new("d", "D")
            .field(key())
            .field(Field::number("n", "N", 0))
            .field(Field::calculated("c", "C", 1, expression).unwrap())
            .field(Field::calculated("total", "合計", 1, "sum(x) + c").unwrap())
            .detail(Field::number("m", "M", 0))
            .detail(Field::calculated("x", "X", 1, row).unwrap())
    };
    let fixture = Fixture::of([with("n", "m")]);
    for at in 1..=3 {
        let values = Values::new().set("number", at.to_string()).set("n", at);
        fixture.store.records("d").register(&values.row(DetailRow::new().set("m", 10))).unwrap();
    }
    fixture.apply([with("n / 2", "m * n")]);
    assert_eq!(texts(&fixture.store, "d", "3", &["c", "total"]), ["1.5", "31.5"]);
    assert_eq!(fixture.store.records("d").view("3").unwrap().revision(), 1, "nobody has changed the record");
    does_not_fit(&fixture, with("1 / (n - 2)", "m"), &["2", "divides by zero"]);
    assert_eq!(texts(&fixture.store, "d", "3", &["c", "total"]), ["1.5", "31.5"]);
}

#[test]
fn rows_are_calculated_with_the_header_as_it_becomes() {
    let with = |scale, expression: &str, has_all: bool| {
        let database = Database::new("d", "D").field(key()).field(Field::number("n", "N", 0));
        let database = database.detail(Field::number("m", "M", 0));
        if !has_all {
            return database;
        }
        database
            .field(Field::calculated("rate", "R", scale, expression).unwrap())
            .field(Field::calculated("total", "合計", 0, "sum(x)").unwrap())
            .detail(Field::calculated("x", "X", 0, "m * rate").unwrap())
    };
    let fixture = Fixture::of([with(0, "", false)]);
    let values = Values::new().set("number", "1").set("n", 1).row(DetailRow::new().set("m", 10));
    fixture.store.records("d").register(&values).unwrap();
    for (scale, expression, rate, total) in
        [(0, "n * 2", "2", "20"), (2, "n * 2", "2.00", "20"), (2, "n * 3", "3.00", "30"), (0, "n * 3", "3", "30")]
    {
        fixture.apply([with(scale, expression, true)]);
        assert_eq!(texts(&fixture.store, "d", "1", &["rate", "total"]), [rate, total]);
        fixture.check_file();
    }
}

#[test]
fn unique_numbers_follow_their_decimal_places_though_one_becomes_what_another_was() {
    let with = |scale| Database::new("d", "D").field(key()).field(Field::number("n", "N", scale).unique());
    let fixture = Fixture::of([with(0)]);
    for (number, n) in [("1", "1"), ("2", "10"), ("3", "100"), ("4", "-10"), ("5", "99999999999999999"), ("6", "0")] {
        register(&fixture.store, "d", &[("number", number), ("n", n)]);
    }
    for (scale, shown) in [(1, "10.0"), (0, "10")] {
        fixture.apply([with(scale)]);
        assert_eq!(texts(&fixture.store, "d", "2", &["n"]), [shown]);
        fixture.check_file();
    }
    assert_eq!(texts(&fixture.store, "d", "5", &["n"]), ["99999999999999999"]);
}

#[test]
fn links_stay_with_their_database_and_approval_comes_and_goes() {
    let fixture = Fixture::of([
        simple(),
        Database::new("e", "E").field(key()),
        Database::new("l", "L").field(key()).field(Field::link("to", "先", "d")),
    ]);
    let turned = Database::new("l", "L").field(key()).field(Field::link("to", "先", "e"));
    invalid(&fixture.refused([turned]), &["cannot turn", "\"d\"", "\"e\""]);
    fixture.apply([simple().with_approval()]);
    register(&fixture.store, "d", &[("number", "1")]);
    fixture.store.records("d").approve("1").unwrap();
    fixture.apply([simple()]);
    assert_eq!(fixture.store.records("d").view("1").unwrap().approval(), None);
    fixture.apply([simple().with_approval()]);
    assert_eq!(fixture.store.records("d").view("1").unwrap().approval(), Some(renkei::Approval::Approved));
    // Renaming both ends at once, the link first.
    let (mut d, mut l) = (fixture.store.database("d").unwrap(), fixture.store.database("l").unwrap());
    d.code = "d2".to_owned();
    l.fields[1].kind = FieldKind::Link { database: "d2".to_owned() };
    fixture.apply([l, d]);
    register(&fixture.store, "l", &[("number", "1"), ("to", "1")]);
    fixture.check_file();
}

#[test]
fn copies_are_not_turned_to_a_field_of_another_type() {
    let with = |source: &str| {
        Database::new("l", "L")
            .field(key())
            .field(Field::link("to", "先", "d"))
            .field(Field::dependent("x", "X", "to", source))
    };
    let fixture = Fixture::of([simple().field(Field::number("n", "N", 0)), with("n")]);
    invalid(&fixture.refused([with("name")]), &["cannot take its values from another field"]);
}

#[test]
fn every_kind_of_field_is_added_to_records_that_exist() {
    let fixture = Fixture::of([simple()]);
    register(&fixture.store, "d", &[("number", "1"), ("name", "a")]);
    let wider = simple()
        .field(Field::link("l", "L", "d"))
        .field(Field::dependent("dep", "写し", "l", "name"))
        .field(Field::reference("ref", "参照", "l", "name"))
        .field(Field::file("f", "ファイル"))
        .field(Field::new("u", "担当", FieldKind::User {}))
        .field(Field::choices("cs", "タグ", &["x"]))
        .field(Field::auto_number("s", "連番", AutoNumber::default()))
        .field(Field::text("un", "一意").unique().full_text())
        .detail(Field::detail_key("dk", "明細キー"))
        .detail(Field::link("dl", "明細リンク", "d"));
    fixture.apply([wider]);
    let records = fixture.store.records("d");
    let values =
        Values::new().set("l", "1").set("cs", ["x"]).set("un", "u").row(DetailRow::new().set("dk", "1").set("dl", "1"));
    records.update("1", &values).unwrap();
    assert_eq!(texts(&fixture.store, "d", "1", &["dep", "ref", "cs", "un", "s"]), ["a", "a", "x", "u", "000000001"]);
    fixture.check_file();
}

#[test]
fn what_fields_out_of_use_hold_goes_with_the_record() {
    let wanted = simple()
        .field(Field::file("f", "ファイル"))
        .detail(Field::text("t", "文").full_text())
        .detail(Field::file("df", "写真"));
    let fixture = Fixture::of([wanted]);
    let put = || fixture.store.put_file("x", &b"x"[..]).unwrap().id;
    let with_rows = |number: &str| {
        let row = DetailRow::new().set("t", "古い文").set("df", put());
        Values::new().set("number", number).set("f", put()).row(row)
    };
    let records = fixture.store.records("d");
    records.register(&with_rows("1")).unwrap();
    records.register(&with_rows("2")).unwrap();
    let mut database = fixture.store.database("d").unwrap();
    let mut retire = |retired: bool| {
        database.fields[2].retired = retired;
        database.details.iter_mut().for_each(|field| field.retired = retired);
        fixture.apply([database.clone()]);
    };
    retire(true);
    records.delete("2").unwrap();
    let count = |sql: &str| -> i64 { fixture.sqlite().query_row(sql, [], |row| row.get(0)).unwrap() };
    assert_eq!(count("SELECT count(*) FROM renkei_file"), 2);
    retire(false);
    let found = |term: &str| fixture.store.count("d", Some(&Condition::contains("t", term))).unwrap();
    assert_eq!(found("古い"), 1);
    records.update("1", &Values::new().row(DetailRow::new().set("t", "新しい文"))).unwrap();
    assert_eq!((found("古い"), found("新しい")), (1, 1));
    assert_eq!(records.view("1").unwrap().rows()[1].id(), 3, "ids of rows are not used twice");
    fixture.check_file();
}

#[test]
fn databases_may_exchange_their_codes() {
    let detailed = |code: &str, name: &str| {
        let named = Field::text("name", "名前").unique().full_text();
        Database::new(code, name).field(key()).field(named).detail(Field::text("row", "行").indexed())
    };
    let linking = Database::new("links", "結び").field(key()).field(Field::link("to_a", "A", "a"));
    let fixture = Fixture::of([detailed("a", "甲"), detailed("b", "乙").detail(Field::text("more", "追加")), linking]);
    let store = &fixture.store;
    for (database, name) in [("a", "甲の一"), ("b", "乙の一")] {
        let records = store.records(database);
        let row = DetailRow::new().set("row", format!("{name}の行"));
        records.register(&Values::new().set("number", "1").set("name", name).row(row)).unwrap();
        records.register(&Values::new().set("number", "2").set("name", "除")).unwrap();
    }
    // Ids are not used twice, whatever the tables are called.
    store.records("a").delete("2").unwrap();
    register(store, "links", &[("number", "1"), ("to_a", "1")]);
    let list = List::new("a", "l", "一覧").column("name").column("row");
    store.apply(&Blueprint::new().list(list)).unwrap();

    let mut exchanged = store.blueprint().unwrap().databases;
    exchanged.truncate(2);
    exchanged[0].code = "b".to_owned();
    exchanged[1].code = "a".to_owned();
    let changes = store.apply(&blueprint(exchanged)).unwrap();
    assert!(changes.iter().any(|change| change.what == "renamed from \"a\""), "{changes:?}");

    for (database, name) in [("b", "甲の一"), ("a", "乙の一")] {
        let record = store.records(database).view("1").unwrap();
        assert_eq!((record.text("name"), record.rows()[0].text("row")), (name.to_owned(), format!("{name}の行")));
        let query = Query::new().filter(Condition::contains("name", &name[..6]));
        assert_eq!(store.query(database, &query).unwrap().records.len(), 1);
        let again = store.records(database).register(&Values::new().set("number", "3").set("name", name)).unwrap_err();
        assert_eq!(again.violations()[0].code(), Code::Duplicate);
    }
    assert_eq!(store.database("links").unwrap().fields[1].kind, FieldKind::Link { database: "b".to_owned() });
    assert_eq!(texts(store, "links", "1", &["to_a"]), ["1"]);
    assert_eq!(store.lists("b").unwrap()[0].database, "b");
    assert!(store.lists("a").unwrap().is_empty());
    let next = |database: &str| store.records(database).register(&Values::new().set("number", "4")).unwrap().id;
    assert_eq!((next("b"), next("a")), (3, 3));
    fixture.check_file();
    // And back, the whole document at once.
    let mut back = store.blueprint().unwrap();
    back.databases[0].code = "a".to_owned();
    back.databases[1].code = "b".to_owned();
    back.databases[2].fields[1].kind = FieldKind::Link { database: "a".to_owned() };
    back.lists[0].database = "a".to_owned();
    store.apply(&back).unwrap();
    assert_eq!(texts(store, "a", "1", &["name"]), ["甲の一"]);
    fixture.check_file();
}

#[test]
fn searches_follow_labels_that_are_renamed() {
    let labelled = |labels: Vec<Choice>, tags: Vec<Choice>| {
        Database::new("d", "データ")
            .field(key())
            .field(Field::new("state", "状態", FieldKind::Choice { choices: labels }))
            .field(Field::link("parent", "親", "d"))
            .detail(Field::new("tags", "タグ", FieldKind::Choices { choices: tags }))
    };
    let tags = |first: &str| choices(&[(Some(1), first, false), (Some(2), "緑", false)]);
    let before = choices(&[(Some(1), "未", false), (Some(2), "済", false), (Some(3), "他", false)]);
    let fixture = Fixture::of([labelled(before, tags("赤"))]);
    let store = &fixture.store;
    let condition = Condition::one_of("状態", ["未", "他"])
        .and(!Condition::equals("parent.state", "済"))
        .and(Condition::detail(Condition::equals("tags", ["赤", "緑"]).or(Condition::contains("tags", "赤"))))
        .and(Condition::equals("tags", "赤,緑").or(Condition::equals("number", "未")));
    store.apply(&Blueprint::new().search(Search::new("d", "s", "絞込み", condition))).unwrap();
    register(store, "d", &[("number", "1"), ("state", "未")]);

    // Two labels exchange their words, and another gets a new one; the field gets another name at the same time.
    let after = choices(&[(Some(1), "済", false), (Some(2), "未", false), (Some(3), "その他", false)]);
    let mut changed = labelled(after, tags("紅"));
    changed.fields[1].name = "進み".to_owned();
    fixture.apply([changed]);

    let expected = Condition::one_of("進み", ["済", "その他"])
        .and(!Condition::equals("parent.state", "未"))
        .and(Condition::detail(Condition::equals("tags", ["紅", "緑"]).or(Condition::contains("tags", "紅"))))
        .and(Condition::equals("tags", "紅,緑").or(Condition::equals("number", "未")));
    assert_eq!(store.search("d", "s").unwrap().condition, expected);
    assert_eq!(texts(store, "d", "1", &["state"]), ["済"]);
}

#[test]
fn fields_that_are_used_are_not_taken_out_of_use() {
    let other = Database::new("o", "他").field(key()).field(Field::text("memo", "メモ"));
    let wide = simple().field(Field::text("memo", "メモ")).field(Field::link("o", "他", "o"));
    let fixture = Fixture::of([other.clone(), wide.clone()]);
    let store = &fixture.store;
    let list = List::new("d", "overview", "一覧").column("name").column("o.memo");
    let search = Search::new("d", "found", "絞込み", Condition::equals("メモ", "x"));
    let import = ImportSetting::new("d", "daily", "日次").column("number").column("memo");
    let document = Blueprint::new().list(list).search(search).import(import);
    store.apply(&document).unwrap();

    let mut retired = wide.clone();
    retired.fields[2].retired = true;
    let before = store.blueprint().unwrap();
    let error = fixture.refused([retired.clone()]);
    assert_eq!((error.code(), error.kind()), (Code::DefinitionInUse, Kind::Conflict), "{error}");
    assert!(error.to_string().contains("the search \"found\""), "{error}");
    let japanese = error.message(renkei::Language::Japanese);
    assert!(japanese.contains("絞込み「found」"), "{japanese}");
    assert_eq!(store.blueprint().unwrap(), before);
    // Also when it gets another name on the way, and when it is named through a link.
    let mut renamed = store.database("d").unwrap();
    renamed.fields[2] = renamed.fields[2].clone().retired();
    renamed.fields[2].code = "former".to_owned();
    assert_eq!(fixture.refused([renamed]).code(), Code::DefinitionInUse);
    let mut linked = other;
    linked.fields[1].retired = true;
    let error = fixture.refused([linked.clone()]);
    assert!(error.to_string().contains("the list \"overview\""), "{error}");

    // In the same document nothing needs it any more.
    let document = blueprint([retired, linked])
        .list(List::new("d", "overview", "一覧").column("name"))
        .search(Search::new("d", "found", "絞込み", Condition::equals("name", "x")))
        .import(ImportSetting::new("d", "daily", "日次").column("number").column("name"));
    store.apply(&document).unwrap();
}

#[test]
fn added_fields_bring_the_present_and_numbers_to_records_that_exist() {
    let rows = simple().detail(Field::text("row", "行"));
    let fixture = Fixture::of([rows.clone()]);
    let store = &fixture.store;
    for number in ["2", "1", "3"] {
        let row = |text: &str| DetailRow::new().set("row", text);
        store.records("d").register(&Values::new().set("number", number).row(row("a")).row(row("b"))).unwrap();
    }
    store.records("d").delete("1").unwrap();
    let numbered = |digits| AutoNumber { prefix: "N".to_owned(), digits, ..AutoNumber::default() };
    let wide = rows
        .field(Field::datetime("at", "時").default_value("now").required())
        .field(Field::date("on", "日").default_value("now"))
        .field(Field::auto_number("serial", "連番", numbered(3)).full_text())
        .detail(Field::time("time", "刻").default_value("now"))
        .detail(Field::auto_number("line", "行番", numbered(2)));
    fixture.apply([wide.clone()]);
    assert_eq!(texts(store, "d", "2", &["at", "on", "serial"]), ["2026-01-31 09:30:00", "2026-01-31", "N001"]);
    assert_eq!(texts(store, "d", "3", &["serial"]), ["N002"]);
    let lines = |key: &str| -> Vec<String> {
        let record = store.records("d").view(key).unwrap();
        record.rows().iter().map(|row| format!("{} {}", row.text("time"), row.text("line"))).collect()
    };
    assert_eq!(lines("2"), ["09:30:00 N01", "09:30:00 N02"]);
    assert_eq!(lines("3"), ["09:30:00 N03", "09:30:00 N04"]);
    let found = store.query("d", &Query::new().filter(Condition::contains("serial", "N00"))).unwrap();
    assert_eq!(found.records.len(), 2);
    // New ones go on where those end, also after a time out of use.
    register(store, "d", &[("number", "4")]);
    assert_eq!(texts(store, "d", "4", &["serial"]), ["N003"]);
    let mut without = wide.clone();
    without.fields[4].retired = true;
    fixture.apply([without]);
    register(store, "d", &[("number", "5")]);
    fixture.apply([wide]);
    assert_eq!(texts(store, "d", "5", &["serial"]), ["N004"]);
    register(store, "d", &[("number", "6")]);
    assert_eq!(texts(store, "d", "6", &["serial"]), ["N005"]);
    fixture.check_file();
}
