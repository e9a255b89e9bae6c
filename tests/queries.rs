//! Queries over records made through the public API: through links, details, choices, users, dates; pages; figures.

mod common;

use std::collections::HashSet;
use std::time::Duration;

use common::{Fixture, blueprint};
use renkei::{
    Aggregation, AutoNumber, Bucket, Code, Condition, Database, DetailRow, Field, FieldKind, Function, Query, Sort,
    User, Value, ValueFormat, Values,
};

fn fixture() -> Fixture {
    let fixture = Fixture::new();
    let databases = [
        Database::new("branches", "支店")
            .field(Field::key("code", "支店コード"))
            .field(Field::text("name", "支店名").full_text())
            .field(Field::link("parent", "上位", "branches")),
        Database::new("orders", "注文")
            .field(Field::auto_key("number", "番号", AutoNumber { digits: 4, ..AutoNumber::default() }))
            .field(Field::text("title", "件名").full_text())
            .field(Field::number("amount", "金額", 2).indexed())
            .field(Field::date("ordered", "注文日").indexed())
            .field(Field::datetime("shipped", "出荷"))
            .field(Field::choice("state", "状態", &["新規", "作業中", "済"]))
            .field(Field::choices("tags", "タグ", &["急", "大", "冷"]))
            .field(Field::new("owner", "担当", FieldKind::User {}))
            .field(Field::link("branch", "支店", "branches"))
            .field(Field::reference("branch_name", "支店名", "branch", "name"))
            .field(Field::calculated("taxed", "税込", 1, "amount * 1.1").unwrap())
            .detail(Field::text("item", "品"))
            .detail(Field::number("quantity", "数", 0))
            .detail(Field::link("from", "出庫元", "branches")),
    ];
    let document = blueprint(databases).user(User::new("hanako", "花子")).user(User::new("taro", "太郎"));
    fixture.store.apply(&document).unwrap();
    let branches = fixture.store.records("branches");
    for (code, name, parent) in [("1", "東京本店", ""), ("2", "大阪支店", "1"), ("3", "京都出張所", "2")] {
        branches.register(&Values::new().set("code", code).set("name", name).set("parent", parent)).unwrap();
    }
    let orders = fixture.store.records("orders");
    let order = |title: &str, amount: &str, ordered: &str, state: &str, branch: &str| {
        Values::new()
            .set("title", title)
            .set("amount", amount)
            .set("ordered", ordered)
            .set("state", state)
            .set("branch", branch)
    };
    let row = |item: &str, quantity: i64, from: &str| {
        DetailRow::new().set("item", item).set("quantity", quantity).set("from", from)
    };
    let all = [
        order("佐藤様の箱", "100.50", "2026-01-01", "新規", "1")
            .set("tags", ["急", "冷"])
            .set("owner", "hanako")
            .set("shipped", "2026-01-02 00:00:00")
            .row(row("箱", 1, "1"))
            .row(row("紐", 10, "2")),
        order("鈴木様の紐", "-3", "2026-01-31", "済", "2")
            .set("tags", ["冷"])
            .set("owner", "taro")
            .set("shipped", "2026-01-02 23:59:59")
            .row(row("紐", 1, "3")),
        order("佐々木様", "", "2026-02-01", "", "3").row(row("箱", 20, "1")),
        order("", "9999999999999999.99", "", "作業中", "").set("shipped", "2026-01-03 00:00:00"),
    ];
    for values in all {
        fixture.clock.advance(Duration::from_secs(60));
        orders.register(&values).unwrap();
    }
    fixture
}

/// The ids that fulfil the condition, found by a page, by rows and by count alike.
fn ids(fixture: &Fixture, condition: Condition) -> Vec<i64> {
    let query = Query::new().filter(condition.clone());
    let page = fixture.store.query("orders", &query).unwrap();
    let found: Vec<i64> = page.records.iter().map(renkei::Record::id).collect();
    assert_eq!(fixture.store.count("orders", Some(&condition)).unwrap(), found.len() as u64);
    let mut lines = Vec::new();
    let read = |row: &renkei::Row<'_>| {
        lines.push(row.id());
        Ok(true)
    };
    fixture.store.rows("orders", &["number"], &query, read).unwrap();
    assert_eq!(lines, found);
    let json = serde_json::to_string(&condition).unwrap();
    assert_eq!(serde_json::from_str::<Condition>(&json).unwrap(), condition);
    // `not` is everything else.
    let others = fixture.store.query("orders", &Query::new().filter(!condition)).unwrap();
    assert_eq!(others.records.len() + found.len(), 4);
    found
}

#[test]
fn conditions_find_what_they_say() {
    let fixture = fixture();
    let cases: Vec<(Condition, &[i64])> = vec![
        (Condition::default(), &[1, 2, 3, 4]),
        (Condition::contains("title", "佐藤"), &[1]),
        (Condition::contains("title", "佐"), &[1, 3]),
        (Condition::starts_with("title", "鈴"), &[2]),
        (Condition::equals("title", "佐々木様"), &[3]),
        (Condition::is_empty("title"), &[4]),
        (Condition::equals("amount", "100.5"), &[1]),
        (Condition::less("amount", 0), &[2]),
        (Condition::at_least("taxed", "110.6"), &[1, 4]),
        (Condition::not_equals("amount", "-3"), &[1, 3, 4]),
        (Condition::between("ordered", "2026-01-01", "2026-01-31"), &[1, 2]),
        (Condition::greater("ordered", "2026/1/31"), &[3]),
        (Condition::equals("shipped", "2026-01-02"), &[1, 2]),
        (Condition::at_most("shipped", "2026-01-02"), &[1, 2]),
        (Condition::greater("shipped", "2026-01-02"), &[4]),
        (Condition::one_of("state", ["新規", "済"]), &[1, 2]),
        (Condition::contains("tags", "冷"), &[1, 2]),
        (Condition::equals("tags", "冷"), &[2]),
        (Condition::equals("tags", ["冷", "急"]), &[1]),
        (Condition::equals("owner", "taro"), &[2]),
        (Condition::is_empty("owner"), &[3, 4]),
        (Condition::equals("branch", "2"), &[2]),
        (Condition::contains("branch.name", "本店"), &[1]),
        (Condition::contains("branch_name", "支店"), &[2]),
        (Condition::equals("branch.parent.name", "東京本店"), &[2]),
        (Condition::equals("branch.parent.parent", "1"), &[3]),
        (Condition::is_empty("branch.parent"), &[1, 4]),
        (Condition::equals("item", "箱"), &[1, 3]),
        (Condition::equals("item", "箱").and(Condition::at_least("quantity", 10)), &[1, 3]),
        (Condition::detail(Condition::equals("item", "箱").and(Condition::at_least("quantity", 10))), &[3]),
        (Condition::contains("from.name", "京都"), &[2]),
        (Condition::equals("_created_at", "2026-01-31 09:32:00"), &[2]),
        (Condition::at_least("_id", 3), &[3, 4]),
        (Condition::contains("title", "箱").or(Condition::equals("state", "作業中")), &[1, 4]),
        (Condition::equals("番号", "0003"), &[3]),
    ];
    for (condition, expected) in cases {
        let json = serde_json::to_string(&condition).unwrap();
        assert_eq!(ids(&fixture, condition), expected, "{json}");
    }
}

#[test]
fn records_are_sorted_as_people_do() {
    let fixture = fixture();
    let sorted = |sort: Sort| -> Vec<i64> {
        let page = fixture.store.query("orders", &Query::new().sort(sort)).unwrap();
        page.records.iter().map(renkei::Record::id).collect()
    };
    assert_eq!(sorted(Sort::ascending("amount")), [3, 2, 1, 4]);
    assert_eq!(sorted(Sort::descending("amount")), [4, 1, 2, 3]);
    assert_eq!(sorted(Sort::ascending("state")), [3, 1, 4, 2], "in the order of the definition");
    assert_eq!(sorted(Sort::descending("branch.code")), [3, 2, 1, 4]);
    assert_eq!(sorted(Sort::descending("owner")), [2, 1, 4, 3]);
    assert_eq!(sorted(Sort::descending("_created_at")), [4, 3, 2, 1]);
}

#[test]
fn rows_repeat_the_header_for_each_detail_row() {
    let fixture = fixture();
    let mut lines = Vec::new();
    let columns = ["number", "branch_name", "state", "item", "from.parent.name", "owner", "_created_at"];
    let read = |row: &renkei::Row<'_>| {
        let cells: Vec<String> = (0..row.len()).map(|at| row.text(at, ValueFormat::Display).unwrap()).collect();
        lines.push(cells.join("|"));
        Ok(true)
    };
    fixture.store.rows("orders", &columns, &Query::new().limit(3), read).unwrap();
    assert_eq!(
        lines,
        [
            "0001|東京本店|新規|箱||花子|2026/01/31 09:31",
            "0001|東京本店|新規|紐|東京本店|花子|2026/01/31 09:31",
            "0002|大阪支店|済|紐|大阪支店|太郎|2026/01/31 09:32",
            "0003|京都出張所||箱|||2026/01/31 09:33",
        ]
    );
}

#[test]
fn figures_are_exact_over_records_links_and_rows() {
    let fixture = fixture();
    let figures = |aggregation: Aggregation| -> Vec<String> {
        let rows = fixture.store.aggregate("orders", &aggregation).unwrap();
        let text = |values: &[Value]| values.iter().map(Value::to_text).collect::<Vec<_>>().join(",");
        rows.iter().map(|row| format!("{}: {}", text(&row.groups), text(&row.values))).collect()
    };
    let amounts = |aggregation: Aggregation| {
        aggregation
            .count()
            .measure(Function::Count, "amount")
            .measure(Function::Sum, "amount")
            .measure(Function::Average, "amount")
    };
    assert_eq!(figures(amounts(Aggregation::new())), [": 4,3,10000000000000097.49,3333333333333365.8300"]);
    assert_eq!(
        figures(Aggregation::new().group_by_bucket("ordered", Bucket::Month).count()),
        [": 1", "2026-01-01: 2", "2026-02-01: 1"]
    );
    assert_eq!(
        figures(Aggregation::new().group_by("branch.parent.name").measure(Function::Max, "ordered")),
        [": 2026-01-01", "大阪支店: 2026-02-01", "東京本店: 2026-01-31"]
    );
    assert_eq!(
        figures(Aggregation::new().group_by("item").count().measure(Function::Sum, "quantity").sort(2, true)),
        ["箱: 2,21", "紐: 2,11"]
    );
    assert_eq!(
        figures(
            Aggregation::new()
                .filter(Condition::equals("state", "新規"))
                .rows(Condition::equals("item", "紐"))
                .measure(Function::Sum, "quantity")
        ),
        [": 10"]
    );
    assert_eq!(figures(Aggregation::new().group_by("state").count()), [": 1", "新規: 1", "作業中: 1", "済: 1"]);
    assert_eq!(
        figures(Aggregation::new().filter(Condition::equals("_id", 99)).count().measure(Function::Sum, "amount")),
        [": 0,"]
    );
}

#[test]
fn pages_visit_every_record_once_while_others_come_and_go() {
    let fixture = Fixture::of([Database::new("d", "D")
        .field(Field::auto_key("k", "K", AutoNumber::default()))
        .field(Field::number("n", "N", 0).indexed())
        .field(Field::text("t", "T"))]);
    let records = fixture.store.records("d");
    let of = |at: i64| {
        let number = (at % 7 != 0).then_some(at * 37 % 50);
        Values::new().set("n", number).set("t", if at % 3 == 0 { String::new() } else { format!("t{}", at % 5) })
    };
    let all: Vec<Values> = (0..1_000).map(of).collect();
    let old: HashSet<i64> =
        records.register_all(&all, &Default::default()).unwrap().iter().map(|saved| saved.id).collect();
    let sorts = [
        vec![],
        vec![Sort::ascending("n")],
        vec![Sort::descending("n"), Sort::ascending("t")],
        vec![Sort::ascending("t"), Sort::descending("n"), Sort::descending("_id")],
    ];
    let mut at = 0;
    for sorts in sorts {
        let mut seen = Vec::new();
        let mut query = sorts.iter().cloned().fold(Query::new().limit(83), Query::sort);
        loop {
            let page = fixture.store.query("d", &query).unwrap();
            seen.extend(page.records.iter().map(renkei::Record::id));
            at += 1;
            let new = records.register(&of(at)).unwrap();
            if at % 2 == 0 {
                records.delete(&new.key).unwrap();
            }
            match page.next {
                Some(next) => query = query.after(next.as_str().into()),
                None => break,
            }
        }
        let visited: HashSet<i64> = seen.iter().copied().collect();
        assert_eq!(visited.len(), seen.len(), "no record twice");
        assert!(old.is_subset(&visited), "no record left out");
    }
    let by_offset: Vec<i64> = (0..12)
        .flat_map(|page| fixture.store.query("d", &Query::new().limit(100).offset(page * 100)).unwrap().records)
        .map(|record| record.id())
        .collect();
    assert_eq!(by_offset.len() as u64, fixture.store.count("d", None).unwrap());
    let cursor = fixture.store.query("d", &Query::new().limit(1)).unwrap().next.unwrap();
    let wrong = fixture.store.query("d", &Query::new().sort(Sort::ascending("n")).after(cursor)).unwrap_err();
    assert_eq!(wrong.code(), Code::QueryShape);
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let fixture = fixture();
    let cases = [
        (Condition::equals("nothing", 1), Code::QueryField),
        (Condition::equals("branch.nothing", 1), Code::QueryField),
        (Condition::equals("title.name", 1), Code::QueryField),
        (Condition::contains("amount", "1"), Code::QueryOperator),
        (Condition::less("state", "済"), Code::QueryOperator),
        (Condition::equals("amount", "x"), Code::QueryValue),
        (Condition::equals("state", "無"), Code::QueryValue),
        (Condition::equals("ordered", "2026-02-30"), Code::QueryValue),
        (Condition::detail(Condition::equals("title", "x")), Code::QueryField),
    ];
    for (condition, code) in cases {
        let json = serde_json::to_string(&condition).unwrap();
        assert_eq!(fixture.store.count("orders", Some(&condition)).unwrap_err().code(), code, "{json}");
    }
    let detail = fixture.store.query("orders", &Query::new().sort(Sort::ascending("item"))).unwrap_err();
    assert_eq!(detail.code(), Code::QueryShape);
    assert_eq!(fixture.store.count("none", None).unwrap_err().code(), Code::DatabaseNotFound);
}

#[test]
fn sets_stay_equal_when_choices_change_places() {
    let fixture = fixture();
    let mut orders = fixture.store.database("orders").unwrap();
    let tags = orders.fields.iter_mut().find(|field| field.code == "tags").unwrap();
    if let FieldKind::Choices { choices } = &mut tags.kind {
        choices.reverse();
    }
    fixture.apply([orders]);
    assert_eq!(ids(&fixture, Condition::equals("tags", ["急", "冷"])), [1]);
    let records = fixture.store.records("orders");
    assert_eq!(records.view("0001").unwrap().text("tags"), "冷,急");
    let same = records.update("0001", &Values::new().set("tags", ["急", "冷"])).unwrap();
    assert_eq!(same.written, renkei::Written::Unchanged);
}
