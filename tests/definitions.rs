//! Definitions and blueprints: their JSON, their faults, what happens to records when they change, the views.

mod common;

use common::{Fixture, blueprint};
use renkei::{
    Action, Aggregation, AutoNumber, Blueprint, Characters, Choice, Code, Condition, Database, DetailRow, Error, Field,
    FieldKind, ImportSetting, KeyPart, Kind, List, Query, Search, Sort, Store, User, Values,
};

fn key() -> Field {
    Field::key("number", "番号")
}

fn simple() -> Database {
    Database::new("d", "データ").field(key()).field(Field::text("name", "名前"))
}

fn choices(labels: &[(Option<i64>, &str, bool)]) -> Vec<Choice> {
    labels
        .iter()
        .map(|(id, label, retired)| Choice { id: *id, label: (*label).to_owned(), retired: *retired })
        .collect()
}

fn register(store: &Store, database: &str, values: &[(&str, &str)]) {
    let values = values.iter().fold(Values::new(), |values, (field, value)| values.set(*field, *value));
    store.records(database).register(&values).unwrap();
}

fn texts(store: &Store, database: &str, key: &str, fields: &[&str]) -> Vec<String> {
    let record = store.records(database).view(key).unwrap();
    fields.iter().map(|field| record.text(field)).collect()
}

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

fn schema(fixture: &Fixture) -> Vec<String> {
    let sqlite = fixture.sqlite();
    let mut statement =
        sqlite.prepare("SELECT type || ' ' || name || ' ' || ifnull(sql, '') FROM sqlite_schema ORDER BY 1").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn invalid(error: &Error, parts: &[&str]) {
    assert_eq!(error.code(), Code::DefinitionInvalid, "{error}");
    for part in parts {
        assert!(error.to_string().contains(part), "{part:?} in {error}");
    }
}

/// A document with every kind of field and every setting; it is also the documented form.
const EVERYTHING: &str = r#"{
  "users": [{"code": "hanako", "name": "山田花子"}],
  "databases": [
    {
      "code": "branches", "name": "支店",
      "fields": [
        {"code": "code", "name": "支店コード", "type": "key",
         "parts": [{"kind": "typed", "max_length": 4, "characters": "digits", "digits": 4}]},
        {"code": "name", "name": "支店名", "type": "text", "max_length": 40, "unique": true},
        {"code": "rate", "name": "率", "type": "number", "scale": 3}
      ]
    },
    {
      "code": "orders", "name": "注文", "approval": true,
      "fields": [
        {"code": "number", "name": "注文番号", "type": "key",
         "parts": [{"kind": "choice", "choices": ["東", "西"]},
                   {"kind": "automatic", "format": {"prefix": "N", "suffix": "", "digits": 5, "start": 1, "date": "month"}}],
         "joiner": "-"},
        {"code": "title", "name": "件名", "type": "text", "characters": "no_half_kana", "required": true,
         "index": true, "full_text": true},
        {"code": "memo", "name": "メモ", "type": "multiline", "max_length": 2000, "default": "なし"},
        {"code": "amount", "name": "金額", "type": "number", "scale": 2, "min": "-1000.50", "max": 1000000,
         "rounding": "half_up", "input": "tolerant"},
        {"code": "ordered", "name": "注文日", "type": "date", "display": "YYYY年MM月DD日", "csv": "YYYYMMDD", "default": "now"},
        {"code": "shipped", "name": "出荷日時", "type": "datetime"},
        {"code": "at", "name": "時刻", "type": "time"},
        {"code": "state", "name": "状態", "type": "choice", "choices": ["新規", {"label": "済", "retired": true}]},
        {"code": "tags", "name": "タグ", "type": "choices", "choices": ["A", "B"]},
        {"code": "owner", "name": "担当", "type": "user"},
        {"code": "mail", "name": "メール", "type": "email"},
        {"code": "site", "name": "サイト", "type": "url"},
        {"code": "phone", "name": "電話", "type": "phone"},
        {"code": "serial", "name": "連番", "type": "auto_number", "format": {"digits": 4, "date": "year"}},
        {"code": "branch", "name": "支店", "type": "link", "database": "branches"},
        {"code": "rate", "name": "率", "type": "dependent", "link": "branch", "source": "rate"},
        {"code": "branch_name", "name": "支店名", "type": "reference", "link": "branch", "source": "name"},
        {"code": "tax", "name": "税", "type": "calculated", "expression": "amount * rate", "scale": 0, "rounding": "down"},
        {"code": "file", "name": "ファイル", "type": "file", "max_bytes": 1000},
        {"code": "old", "name": "旧", "type": "text", "retired": true}
      ],
      "details": [
        {"code": "line", "name": "行番号", "type": "detail_key", "max_length": 5},
        {"code": "quantity", "name": "数量", "type": "number"}
      ]
    }
  ],
  "lists": [{"database": "orders", "code": "all", "name": "一覧",
             "columns": ["number", {"field": "branch.name", "name": "支店"}], "sort": [{"field": "ordered", "descending": true}]}],
  "searches": [{"database": "orders", "code": "new", "name": "新規のみ",
                "condition": {"field": "state", "op": "equals", "value": "新規"}}],
  "imports": [{"database": "orders", "code": "daily", "name": "日次", "mode": "insert", "columns": [{"field": "title"}, {}]}]
}"#;

#[test]
fn one_document_is_applied_planned_dumped_and_applied_elsewhere() {
    let fixture = Fixture::new();
    let document = Blueprint::from_json(EVERYTHING).unwrap();
    assert_eq!(Blueprint::from_json(&document.to_json()).unwrap(), document);
    let planned = fixture.store.plan(&document).unwrap();
    assert_eq!(fixture.store.blueprint().unwrap(), Blueprint::new());
    assert_eq!(fixture.store.apply(&document).unwrap(), planned);
    assert!(planned.iter().all(|change| change.action == Action::Create));
    let kinds: Vec<&str> = planned.iter().map(|change| change.kind).collect();
    assert_eq!(kinds, ["user", "database", "database", "list", "search", "import"]);
    let definitions = schema(&fixture);
    for again in [document, fixture.store.blueprint().unwrap()] {
        assert_eq!(fixture.store.plan(&again).unwrap(), []);
        assert_eq!(fixture.store.apply(&again).unwrap(), []);
    }
    assert_eq!(schema(&fixture), definitions);
    let dump = fixture.store.blueprint().unwrap();
    let mut ids: Vec<i64> = dump
        .databases
        .iter()
        .flat_map(|database| {
            database.fields.iter().chain(&database.details).map(|field| field.id).chain([database.id]).flatten()
        })
        .collect();
    ids.extend(
        dump.lists[0].id.into_iter().chain(dump.searches[0].id).chain(dump.imports[0].id).chain(dump.users[0].id),
    );
    ids.sort_unstable();
    assert_eq!(ids, (100_001..100_001 + ids.len() as i64).collect::<Vec<_>>(), "each id is handed out once");
    let other = Fixture::new();
    other.store.apply(&Blueprint::from_json(&dump.to_json()).unwrap()).unwrap();
    assert_eq!(other.store.blueprint().unwrap(), dump);
    assert_eq!(schema(&other), definitions);
    // Ids that were given are not handed out again.
    other.store.apply(&blueprint([Database::new("more", "M").field(key())])).unwrap();
    assert_eq!(other.store.database("more").unwrap().id, Some(ids.last().unwrap() + 1));
    other.check_file();
}

#[test]
fn members_that_do_not_exist_are_refused_by_name() {
    let field = |members: &str| {
        format!(
            r#"{{"databases": [{{"code": "d", "name": "D", "fields": [
            {{"code": "k", "name": "K", "type": "key"}}, {{"code": "f", "name": "F", {members}}}]}}]}}"#
        )
    };
    let cases = [
        (field(r#""type": "text", "max_lenght": 5"#), &["field \"f\"", "max_lenght"][..]),
        (field(r#""type": "number", "max_length": 5"#), &["field \"f\"", "max_length"]),
        (field(r#""type": "user", "choices": []"#), &["field \"f\"", "choices"]),
        (field(r#""type": "strange""#), &["field \"f\"", "strange", "auto_number"]),
        (field(r#""scale": 1"#), &["field \"f\"", "type"]),
        (field(r#""type": "number", "scale": "x""#), &["field \"f\""]),
        (field(r#""type": "text", "required": 1"#), &["field \"f\"", "required"]),
        (field(r#""type": "calculated", "expression": "1 +""#), &["field \"f\""]),
        (field(r#""type": "choice", "choices": [{"label": "a", "colour": 1}]"#), &["field \"f\""]),
        (field(r#""type": "auto_number", "format": {"digit": 1}"#), &["field \"f\"", "digit"]),
        (
            r#"{"databases": [{"code": "d", "name": "D", "fields": [{"name": "K", "type": "key"}]}]}"#.to_owned(),
            &["code"],
        ),
        (r#"{"databases": [{"code": "d", "name": "D", "fields": [], "filds": []}]}"#.to_owned(), &["filds"]),
        (r#"{"database": []}"#.to_owned(), &["database"]),
        ("{\n\"databases\": [\n}".to_owned(), &["line 3"]),
        (
            r#"{"lists": [{"database": "d", "code": "l", "name": "L", "columns": [], "colums": []}]}"#.to_owned(),
            &["colums"],
        ),
    ];
    for (json, parts) in cases {
        let error = Blueprint::from_json(&json).unwrap_err();
        assert_eq!(error.code(), Code::DefinitionJson);
        for part in parts {
            assert!(error.to_string().contains(part), "{part} in {error}");
        }
    }
}

#[test]
fn definitions_with_faults_are_refused_and_leave_nothing() {
    let fixture = Fixture::new();
    let with = |field: Field| Database::new("d", "D").field(key()).field(field);
    let linked = |fields: Vec<Field>| fields.into_iter().fold(Database::new("d", "D").field(key()), Database::field);
    let calculated = |code: &str, expression: &str| Field::calculated(code, code, 0, expression).unwrap();
    let of = |kind: FieldKind| with(Field::new("f", "F", kind));
    let long = "あ".repeat(1_001);
    let cases: Vec<(Database, &[&str])> = vec![
        (Database::new("d", "D").field(Field::text("a", "A")), &["0 key fields"]),
        (Database::new("d", "D").field(key()).field(Field::key("k2", "K2")), &["2 key fields"]),
        (Database::new("d", "D"), &["0 key fields"]),
        (Database::new("d", "D").field(key().retired()), &["retired"]),
        (Database::new("", "D").field(key()), &["empty"]),
        (Database::new("d\"; DROP TABLE x; --", "D").field(key()), &["characters other than"]),
        (Database::new("renkei_meta", "D").field(key()), &["kept for the store"]),
        (Database::new("sqlite_schema", "D").field(key()), &["kept for the store"]),
        (Database::new("d", " ").field(key()), &["empty name"]),
        (Database::new("d", long.as_str()).field(key()), &["1000 characters"]),
        (with(Field::text("a__b", "A")), &["two _"]),
        (with(Field::text("_id", "A")), &["letter"]),
        (with(Field::text("😀", "A")), &["characters other than"]),
        (with(Field::text("a".repeat(65), "A")), &["64"]),
        (with(Field::text("NUMBER", "A")), &["stands twice"]),
        (with(Field::text("a", "番号")), &["name", "stands twice"]),
        (with(Field::text("a", "A\nB")), &["control"]),
        (with(Field::detail_key("a", "A")), &["belongs in `details`"]),
        (Database::new("d", "D").field(key()).detail(Field::key("a", "A")), &["belongs in `fields`"]),
        (with(Field::number("a", "A", 19)), &["scale of 19"]),
        (of(FieldKind::Choice { choices: vec![] }), &["no choices"]),
        (of(FieldKind::Choice { choices: choices(&[(None, "a", false), (None, "a", false)]) }), &["stands twice"]),
        (of(FieldKind::Choice { choices: choices(&[(None, "", false)]) }), &["empty label"]),
        (of(FieldKind::Choice { choices: choices(&[(Some(0), "a", false)]) }), &["not positive"]),
        (of(FieldKind::Choices { choices: choices(&[(None, "a,b", false)]) }), &["comma"]),
        (with(Field::link("l", "L", "nowhere")), &["nowhere", "does not exist"]),
        (with(Field::dependent("a", "A", "l", "x")), &["\"l\" does not exist"]),
        (linked(vec![Field::link("l", "L", "d"), Field::dependent("a", "A", "l", "x")]), &["no header field \"x\""]),
        (linked(vec![Field::text("l", "L"), Field::reference("a", "A", "l", "x")]), &["not a link"]),
        (linked(vec![Field::link("l", "L", "d"), Field::dependent("a", "A", "l", "a")]), &["circle"]),
        (
            linked(vec![
                Field::link("l", "L", "d"),
                Field::dependent("a", "A", "l", "b"),
                Field::dependent("b", "B", "l", "a"),
            ]),
            &["circle"],
        ),
        (
            linked(vec![
                Field::link("l", "L", "d"),
                Field::reference("a", "A", "l", "number"),
                Field::dependent("b", "B", "l", "a"),
            ]),
            &["cannot be copied"],
        ),
        (with(calculated("a", "a + 1")), &["circle"]),
        (linked(vec![calculated("a", "b"), calculated("b", "c"), calculated("c", "a")]), &["circle"]),
        (with(calculated("a", "nothing * 2")), &["nothing"]),
        (with(calculated("a", "number * 2")), &["key field"]),
        (with(calculated("a", "sum(x)")), &["no detail field"]),
        (
            with(calculated("a", "sum(x)")).detail(Field::number("y", "Y", 0)).detail(calculated("x", "y * a")),
            &["\"x\" calculates with \"a\""],
        ),
        (
            linked(vec![calculated("a", "sum(x)"), calculated("b", "a * 2")]).detail(calculated("x", "b")),
            &["\"x\" calculates with \"b\""],
        ),
        (linked(vec![Field::number("n", "N", 0).retired(), calculated("a", "n")]), &["no number field in use"]),
        (with(Field::number("a", "A", 0).default_value("x")), &["default of \"a\""]),
        (with(Field::choice("a", "A", &["x"]).default_value("y")), &["default of \"a\""]),
        (with(Field::text("a", "A").default_value("a\nb")), &["default of \"a\""]),
        (with(Field::link("a", "A", "d").default_value("1")), &["takes no default"]),
        (with(Field::number("a", "A", 0).full_text()), &["full-text"]),
        (with(Field::choices("a", "A", &["x"]).unique()), &["cannot be unique"]),
        (with(calculated("a", "1").required()), &["cannot be required"]),
        (
            linked(vec![
                Field::text("a", "A"),
                Field { id: Some(7), ..Field::text("b", "B") },
                Field { id: Some(7), ..Field::text("c", "C") },
            ]),
            &["stands twice"],
        ),
        (of(FieldKind::Key { parts: vec![], joiner: String::new() }), &["2 key fields", "one part or two"]),
    ];
    let before = schema(&fixture);
    for (database, parts) in cases {
        let named = database.code.clone();
        let error = fixture.refused([database]);
        invalid(&error, parts);
        assert!(named.is_empty() || named.len() > 20 || error.to_string().contains(&named));
    }
    // Several faults are told together.
    let two = Database::new("d", "D").field(key()).field(Field::text("a b", "A")).field(Field::link("l", "L", "x"));
    invalid(&fixture.refused([two]), &["\"a b\"", "\"x\""]);
    let keys = [
        (vec![KeyPart::typed(), KeyPart::typed()], "", "joiner"),
        (vec![KeyPart::typed(), KeyPart::typed(), KeyPart::typed()], "-", "one part or two"),
        (
            vec![
                KeyPart::Automatic { format: AutoNumber::default() },
                KeyPart::Automatic { format: AutoNumber::default() },
            ],
            "-",
            "only one",
        ),
        (vec![KeyPart::Automatic { format: AutoNumber { digits: 0, ..AutoNumber::default() } }], "", "1 to 18 digits"),
        (vec![KeyPart::Choice { choices: vec![] }], "", "no texts"),
    ];
    for (parts, joiner, part) in keys {
        let kind = FieldKind::Key { parts, joiner: joiner.to_owned() };
        invalid(&fixture.refused([Database::new("d", "D").field(Field::new("k", "K", kind))]), &[part]);
    }
    invalid(&fixture.refused([simple(), simple()]), &["twice"]);
    invalid(&fixture.refused([simple(), Database::new("D", "x").field(key())]), &["same code"]);
    // One that is acceptable goes down with one that is not.
    assert!(fixture.store.apply(&blueprint([simple(), Database::new("e", "E")])).is_err());
    let list = List::new("d", "l", "L").column("nothing");
    let error = fixture.store.apply(&blueprint([simple()]).list(list)).unwrap_err();
    invalid(&error, &["nothing"]);
    let user = fixture.store.apply(&Blueprint::new().user(User::new("x", ""))).unwrap_err();
    invalid(&user, &["empty name"]);
    assert_eq!(schema(&fixture), before);
    assert_eq!(fixture.store.blueprint().unwrap(), Blueprint::new());
}

#[test]
fn words_of_sql_and_hostile_names_are_just_names() {
    let words = [
        "select",
        "order",
        "table",
        "where",
        "group",
        "rowid",
        "oid",
        "index",
        "from",
        "values",
        "null",
        "t",
        "view",
        "text",
        "r",
        "h",
        "データ",
        "Ä",
    ];
    let hostile = "\"; DROP TABLE \"select\"; -- '😀";
    let fixture = Fixture::new();
    for word in words {
        let mut database = Database::new(word, format!("{hostile}{word}")).field(Field::key("key", "k\"'"));
        database = words.iter().enumerate().fold(database, |database, (at, code)| {
            let field = Field::text(*code, format!("{hostile}{at}"));
            database.field(match at % 3 {
                0 => field.indexed(),
                1 => field.full_text(),
                _ => field.unique(),
            })
        });
        database = database.detail(Field::text("limit", "'\"").full_text()).detail(Field::link("join", "`[]`", word));
        fixture.apply([database]);
        let records = fixture.store.records(word);
        records
            .register(&words.iter().fold(Values::new().set("key", "1"), |values, code| values.set(*code, hostile)))
            .unwrap();
        let row = DetailRow::new().set("limit", hostile).set("join", "1");
        records.update("1", &Values::new().row(row)).unwrap();
        for code in words {
            assert_eq!(records.view("1").unwrap().text(code), hostile);
            let condition = Condition::contains(code, "DROP").and(Condition::equals(code, hostile));
            let query = Query::new().filter(condition).sort(Sort::descending(code));
            assert_eq!(fixture.store.query(word, &query).unwrap().records.len(), 1, "{word}.{code}");
        }
        let through = Condition::contains("limit", "😀").and(Condition::equals("join.select", hostile));
        assert_eq!(fixture.store.count(word, Some(&through)).unwrap(), 1);
        assert_eq!(fixture.store.aggregate(word, &Aggregation::new().group_by("order").count()).unwrap().len(), 1);
        let sqlite = fixture.sqlite();
        let rows: i64 =
            sqlite.query_row(&format!("SELECT count(*) FROM \"{word}__view\""), [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 1);
        let rows: i64 =
            sqlite.query_row(&format!("SELECT count(*) FROM \"{word}__detail__view\""), [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 1);
    }
    fixture.check_file();
}

#[test]
fn full_text_fields_do_not_meet_the_tables_that_sqlite_makes() {
    let fixture = Fixture::of([simple()
        .field(Field::text("name_data", "A").full_text())
        .field(Field::text("name_idx", "B").full_text())]);
    let mut database = fixture.store.database("d").unwrap();
    database.fields[1].full_text = true;
    fixture.apply([database]);
    register(&fixture.store, "d", &[("number", "1"), ("name", "佐藤"), ("name_data", "鈴木")]);
    assert_eq!(fixture.store.count("d", Some(&Condition::contains("name", "佐藤"))).unwrap(), 1);
    assert_eq!(fixture.store.count("d", Some(&Condition::contains("name", "鈴木"))).unwrap(), 0);
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
fn ids_that_are_given_are_kept_and_clash_with_nothing() {
    let fixture = Fixture::new();
    let mut database = simple().field(Field::text("t", "T"));
    database.id = Some(100_005);
    database.fields[2].id = Some(100_001);
    fixture.apply([database.clone(), Database::new("e", "E").field(key())]);
    let dump = fixture.store.blueprint().unwrap();
    let d = fixture.store.database("d").unwrap();
    assert_eq!((d.id, d.fields[2].id), (Some(100_005), Some(100_001)));
    let mut ids: Vec<_> =
        dump.databases.iter().flat_map(|d| d.fields.iter().map(|field| field.id).chain([d.id])).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 6);
    let mut other = Database::new("f", "F").field(key());
    other.fields[0].id = Some(100_001);
    invalid(&fixture.refused([other.clone()]), &["100001"]);
    other.fields[0].id = None;
    other.id = Some(100_001);
    invalid(&fixture.refused([other]), &["100001"]);
    let changed = Database { id: Some(100_077), ..simple() };
    invalid(&fixture.refused([changed]), &["ids do not change"]);
    let taken = Blueprint::new().list(List { id: Some(100_001), ..List::new("d", "l", "L").column("name") });
    let error = fixture.store.apply(&taken).unwrap_err();
    invalid(&error, &["100001"]);
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
fn users_keep_to_their_codes() {
    let fixture = Fixture::new();
    let users = Blueprint::new().user(User::new("a", "A")).user(User::new("b", "B"));
    fixture.store.apply(&users).unwrap();
    let id = fixture.store.users().unwrap()[0].id;
    let clash = fixture.store.apply(&Blueprint::new().user(User { id, ..User::new("b", "A") })).unwrap_err();
    invalid(&clash, &["\"b\""]);
    assert_eq!(fixture.store.users().unwrap().len(), 2);
}

#[test]
fn the_views_show_what_people_read() {
    let fixture = Fixture::new();
    fixture.store.apply(&Blueprint::from_json(EVERYTHING).unwrap()).unwrap();
    register(&fixture.store, "branches", &[("code", "7"), ("name", "本店"), ("rate", "-0.005")]);
    register(&fixture.store, "branches", &[("code", "8"), ("name", "'支店\"")]);
    let values = Values::new()
        .set("number", "東")
        .set("title", "件名")
        .set("amount", "-0.05")
        .set("shipped", "0001-01-01 00:00:01")
        .set("ordered", "9999-12-31")
        .set("at", "23:59:59")
        .set("state", "新規")
        .set("tags", "B,A")
        .set("owner", "hanako")
        .set("branch", "7")
        .row(DetailRow::new().set("line", "x").set("quantity", -3));
    fixture.store.records("orders").register(&values).unwrap();
    register(&fixture.store, "orders", &[("number", "西"), ("title", "空"), ("ordered", "")]);
    let sqlite = fixture.sqlite();
    let row = |sql: &str| -> Vec<Option<String>> {
        let mut statement = sqlite.prepare(sql).unwrap();
        let count = statement.column_count();
        statement
            .query_row([], |row| {
                (0..count)
                    .map(|at| {
                        Ok(match row.get_ref(at)? {
                            rusqlite::types::ValueRef::Null => None,
                            rusqlite::types::ValueRef::Integer(int) => Some(int.to_string()),
                            other => Some(other.as_str().unwrap().to_owned()),
                        })
                    })
                    .collect()
            })
            .unwrap()
    };
    let columns = "注文番号, 件名, メモ, 金額, 注文日, 出荷日時, 時刻, 状態, タグ, 担当, 連番, 支店, 率, 支店名, 税";
    let shown = row(&format!("SELECT {columns} FROM orders__view WHERE 注文番号 LIKE '東%'"));
    let expected = [
        "東-N20260100001",
        "件名",
        "なし",
        "-0.05",
        "9999-12-31",
        "0001-01-01 00:00:01",
        "23:59:59",
        "新規",
        "A,B",
        "山田花子",
        "20260001",
        "0007",
        "-0.005",
        "本店",
        "0",
    ];
    assert_eq!(shown, expected.map(|text| Some(text.to_owned())));
    let empty = row(
        "SELECT 金額, 注文日, 出荷日時, 時刻, 状態, タグ, 担当, 支店, 率, 支店名, 税 FROM orders__view WHERE 注文番号 LIKE '西%'",
    );
    assert!(empty.iter().all(Option::is_none), "{empty:?}");
    assert_eq!(
        row("SELECT * FROM orders__detail__view"),
        ["東-N20260100001", "1", "x", "-3"].map(|text| Some(text.to_owned()))
    );
    assert_eq!(row("SELECT 率 FROM branches__view WHERE 支店コード = '0008'"), [None]);
    assert_eq!(row("SELECT \"[ID]\" FROM branches__view WHERE 支店コード = '0008'"), [Some("2".to_owned())]);
}

#[test]
fn definitions_are_taken_away() {
    let fixture = Fixture::of([simple()]);
    fixture.store.apply(&Blueprint::new().list(List::new("d", "l", "L").column("name"))).unwrap();
    fixture.store.remove_definition("list", "d", "l").unwrap();
    assert_eq!(fixture.store.lists("d").unwrap(), []);
    assert_eq!(fixture.store.remove_definition("list", "d", "l").unwrap_err().code(), Code::DefinitionNotFound);
    assert_eq!(fixture.store.remove_definition("table", "d", "l").unwrap_err().code(), Code::Argument);
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
    assert_eq!(texts(&fixture.store, "d", "1", &["dep", "ref", "cs", "un", "s"]), ["a", "a", "x", "u", ""]);
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
