//! Definitions and blueprints: their JSON, their faults, what happens to records when they change, the views.

mod common;

#[path = "definitions/change.rs"]
mod change;
#[path = "definitions/reference.rs"]
mod reference;

use common::{Fixture, blueprint};
use renkei::{
    Action, Aggregation, AutoNumber, Blueprint, Characters, Choice, Code, Condition, Database, DefinitionKind,
    DetailRow, Error, Field, FieldKind, ImportSetting, KeyPart, Kind, List, Query, Search, Sort, Store, Target, User,
    Values,
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
    assert_eq!(kinds, ["user", "database", "database", "search", "import", "list"]);
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
fn ids_that_are_given_anywhere_in_a_document_are_handed_out_to_nothing_else() {
    let fixture = Fixture::new();
    let mut database = simple();
    database.id = Some(100_001);
    database.fields[0].id = Some(100_003);
    let list = |code: &str, id| List { id, ..List::new("d", code, "一覧").column("name") };
    let document = Blueprint::new()
        .user(User::new("taro", "太郎"))
        .user(User::new("hanako", "花子"))
        .database(database)
        .target(Target::new("core", "基幹"))
        .list(list("free", None))
        .list(list("given", Some(100_002)))
        .search(Search { id: Some(100_005), ..Search::new("d", "s", "絞込み", Condition::is_not_empty("name")) });
    fixture.store.apply(&document).unwrap();
    let dump = fixture.store.blueprint().unwrap();
    let mut ids: Vec<i64> = (dump.users.iter().filter_map(|user| user.id))
        .chain(dump.databases.iter().flat_map(|d| d.fields.iter().filter_map(|field| field.id).chain(d.id)))
        .chain(dump.targets.iter().filter_map(|target| target.id))
        .chain(dump.lists.iter().filter_map(|list| list.id))
        .chain(dump.searches.iter().filter_map(|search| search.id))
        .collect();
    assert_eq!((dump.databases[0].id, dump.databases[0].fields[0].id), (Some(100_001), Some(100_003)));
    assert!(dump.lists.iter().any(|list| (list.code.as_str(), list.id) == ("given", Some(100_002))));
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), count), (9, 9), "{ids:?}");
    assert!(fixture.store.apply(&document).unwrap().is_empty());
}

#[test]
fn ids_out_of_range_are_refused_whatever_they_are_given_to() {
    let fixture = Fixture::of([simple()]);
    for id in [0, -1, i64::MIN, 1 << 53, i64::MAX] {
        let (mut database, mut field) = (Database::new("e", "E").field(key()), simple());
        database.id = Some(id);
        field.fields[1].id = Some(id);
        let list = List { id: Some(id), ..List::new("d", "l", "L").column("name") };
        let user = User { id: Some(id), ..User::new("taro", "太郎") };
        for (kind, code, document) in [
            ("database", "e", Blueprint::new().database(database)),
            ("field", "name", Blueprint::new().database(field)),
            ("list", "l", Blueprint::new().list(list)),
            ("user", "taro", Blueprint::new().user(user)),
        ] {
            let error = fixture.store.apply(&document).unwrap_err();
            invalid(&error, &[code, &format!("the id {id} of the {kind} is not from 1 to 9007199254740991")]);
        }
    }
    // Nothing was taken up by what was refused.
    fixture.apply([Database::new("e", "E").field(key())]);
    assert!(fixture.store.database("e").unwrap().id.unwrap() < 100_100);
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
    fixture.store.remove_definition(DefinitionKind::List, "d", "l").unwrap();
    assert_eq!(fixture.store.lists("d").unwrap(), []);
    assert_eq!(
        fixture.store.remove_definition(DefinitionKind::List, "d", "l").unwrap_err().code(),
        Code::DefinitionNotFound
    );
    assert!(fixture.store.remove_definition(DefinitionKind::Import, "d", "l").is_err());
}
