//! Queries over a store with records written by plain SQL.

mod model;

use rusqlite::params;

use super::page::statements_for_plans;
use super::*;
use crate::error::{Code, Error};
use crate::schema::{Database, Field, Snapshot, Value, ValueFormat, define, full_text_tokens};

fn databases() -> Vec<Database> {
    vec![
        Database::new("region", "地域").field(Field::key("code", "地域コード")).field(Field::text("name", "地域名")),
        Database::new("branch", "支店")
            .field(Field::key("code", "支店コード"))
            .field(Field::text("name", "支店名").full_text())
            .field(Field::link("region", "地域", "region"))
            .field(Field::reference("region_name", "地域名", "region", "name")),
        Database::new("orders", "受注")
            .field(Field::key("number", "受注番号"))
            .field(Field::text("name", "顧客.名").indexed().full_text())
            .field(Field::text("memo", "メモ"))
            .field(Field::number("amount", "金額", 2).indexed())
            .field(Field::date("day", "日付"))
            .field(Field::datetime("at", "日時"))
            .field(Field::choice("state", "状態", &["未", "中", "済"]))
            .field(Field::choices("tags", "札", &["a", "b", "c"]))
            .field(Field::link("branch", "支店", "branch"))
            .field(Field::reference("branch_name", "支店名", "branch", "name"))
            .field(Field::new("owner", "担当", crate::schema::FieldKind::User {}))
            .detail(Field::text("item", "品目").indexed())
            .detail(Field::number("quantity", "数量", 0))
            .detail(Field::link("depot", "出荷元", "branch"))
            .with_approval(),
    ]
}

#[derive(Debug, Clone, Default)]
struct Line {
    name: Option<String>,
    memo: Option<String>,
    amount: Option<i64>,
    day: Option<i64>,
    at: Option<i64>,
    state: Option<i64>,
    tags: Option<String>,
    branch: Option<i64>,
    owner: Option<i64>,
    rows: Vec<(Option<String>, Option<i64>, Option<i64>)>,
}

const BRANCHES: [(&str, Option<&str>); 3] = [("B1", Some("東京支店")), ("B2", None), ("B3", Some("大阪支店"))];

struct Fixture {
    _dir: tempfile::TempDir,
    store: Store,
}

impl Fixture {
    fn new(lines: &[Line]) -> Fixture {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::options().create(true).time_zone("Asia/Tokyo").open(dir.path().join("s.db")).unwrap();
        store.write(|w| define(w, databases(), store.local(store.now())).map(|_| ())).unwrap();
        store
            .write(|w| {
                w.execute("INSERT INTO renkei_user (id, code, name) VALUES (5, 'sato', '佐藤'), (6, 'ito', '伊藤')", [])?;
                w.execute("INSERT INTO region VALUES (1,1,0,0,0,0,0,'R1','関東')", [])?;
                let mut tokens = String::new();
                for (at, (code, name)) in BRANCHES.iter().enumerate() {
                    let id = at as i64 + 1;
                    let region = (at == 0).then_some(1);
                    w.execute("INSERT INTO branch VALUES (?1,1,0,0,0,0,0,?2,?3,?4)", params![id, code, name, region])?;
                    if let Some(name) = name {
                        full_text_tokens(name, &mut tokens);
                        w.execute("INSERT INTO branch__text__name__ (rowid, t) VALUES (?1, ?2)", params![id, tokens])?;
                    }
                }
                for (at, line) in lines.iter().enumerate() {
                    let id = at as i64 + 1;
                    w.execute(
                        "INSERT INTO orders VALUES (?1,1,?2,?3,?2,0,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14)",
                        params![
                            id,
                            1_767_000_000_000i64 + id * 1_000,
                            if id % 2 == 0 { 5 } else { 0 },
                            id % 2,
                            format!("K{id:04}"),
                            line.name,
                            line.memo,
                            line.amount,
                            line.day,
                            line.at,
                            line.state,
                            line.tags,
                            line.branch,
                            line.owner
                        ],
                    )?;
                    if let Some(name) = &line.name {
                        full_text_tokens(name, &mut tokens);
                        w.execute("INSERT INTO orders__text__name__ (rowid, t) VALUES (?1, ?2)", params![id, tokens])?;
                    }
                    for (position, row) in line.rows.iter().enumerate() {
                        w.execute(
                            "INSERT INTO orders__detail (_record, _position, item, quantity, depot) VALUES (?1,?2,?3,?4,?5)",
                            params![id, position as i64, row.0, row.1, row.2],
                        )?;
                    }
                }
                Ok(())
            })
            .unwrap();
        Fixture { _dir: dir, store }
    }

    fn page(&self, query: &Query) -> Result<(Vec<i64>, Option<Cursor>)> {
        let reading = self.store.reading()?;
        let catalog = Catalog::of(&self.store, &reading)?;
        page_ids(&self.store, &reading, &catalog, catalog.table("orders")?, query)
    }

    fn ids(&self, condition: Condition) -> Vec<i64> {
        self.page(&Query::new().filter(condition)).unwrap().0
    }

    /// The records whose snapshots fulfil a condition.
    fn ids_of_snapshots(&self, condition: &Condition) -> Vec<i64> {
        let reading = self.store.reading().unwrap();
        let catalog = Catalog::of(&self.store, &reading).unwrap();
        let table = catalog.table("orders").unwrap();
        let fulfils = |id: &i64| {
            let read = Snapshot::read(&reading, table, *id, true).unwrap().unwrap();
            // On its way through what is kept.
            let (header, rows) = (read.to_json(table), read.rows_to_json(table));
            let kept = Snapshot::from_json(table, &[&header], rows.as_deref()).unwrap();
            assert_eq!(kept, read);
            holds(&self.store, &reading, &catalog, table, condition, &kept).unwrap()
        };
        self.ids(Condition::default()).into_iter().filter(fulfils).collect()
    }

    fn refusal(&self, condition: Condition) -> Error {
        self.page(&Query::new().filter(condition)).unwrap_err()
    }

    fn plans(&self, query: &Query) -> Vec<String> {
        let reading = self.store.reading().unwrap();
        let catalog = Catalog::of(&self.store, &reading).unwrap();
        let table = catalog.table("orders").unwrap();
        let pieces = statements_for_plans(&self.store, &catalog, table, query).unwrap();
        pieces.iter().map(|piece| plan(&reading, piece)).collect()
    }

    fn lines(&self, columns: &[&str], query: &Query, format: ValueFormat) -> Vec<String> {
        let mut lines = Vec::new();
        self.store
            .rows("orders", columns, query, |row| {
                let cells: Vec<String> = (0..row.len()).map(|at| row.text(at, format).unwrap()).collect();
                lines.push(cells.join("|"));
                Ok(true)
            })
            .unwrap();
        lines
    }
}

fn plan(connection: &Connection, piece: &Piece) -> String {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", piece.sql)).unwrap();
    let rows = statement.query_map(rusqlite::params_from_iter(&piece.binds), |row| row.get::<_, String>(3)).unwrap();
    rows.map(Result::unwrap).collect::<Vec<_>>().join("\n")
}

fn few() -> Vec<Line> {
    let line = |name: &str, amount: Option<i64>, branch: Option<i64>| Line {
        name: (!name.is_empty()).then(|| name.to_owned()),
        amount,
        branch,
        ..Line::default()
    };
    let mut lines = vec![
        line("佐藤花子", Some(10_050), Some(1)),
        line("佐々木", Some(-5), Some(2)),
        line("", None, None),
        line("伊藤 \"佐藤\" '; DROP TABLE orders", Some(0), Some(3)),
        line("AbC%_", Some(10_050), Some(1)),
    ];
    lines[0].day = Some(20_458); // 2026-01-05
    lines[0].at = Some(20_458 * 86_400 + 3_600);
    lines[0].state = Some(3);
    lines[0].tags = Some("[1][3]".to_owned());
    lines[0].owner = Some(5);
    lines[0].rows = vec![(Some("X".into()), Some(1), Some(1)), (Some("Y".into()), Some(20), None)];
    lines[1].day = Some(20_459);
    lines[1].at = Some(20_459 * 86_400);
    lines[1].state = Some(1);
    lines[1].tags = Some("[1]".to_owned());
    lines[1].rows = vec![(Some("X".into()), Some(20), Some(3)), (None, None, None)];
    lines
}

#[test]
fn every_operator_on_every_type() {
    type C = Condition;
    let f = Fixture::new(&few());
    for (condition, expected) in [
        (C::default(), vec![1, 2, 3, 4, 5]),
        (C::Any(vec![]), vec![]),
        (C::equals("name", "佐々木"), vec![2]),
        (C::equals("顧客.名", "佐々木"), vec![2]),
        (C::not_equals("name", "佐々木"), vec![1, 3, 4, 5]),
        (C::equals("name", ""), vec![3]),
        (C::not_equals("name", ""), vec![1, 2, 4, 5]),
        (C::is_empty("name"), vec![3]),
        (C::is_not_empty("name"), vec![1, 2, 4, 5]),
        (C::contains("name", "佐藤"), vec![1, 4]),
        (C::contains("name", "佐"), vec![1, 2, 4]),
        (C::contains("name", "abc"), vec![]),
        (C::contains("name", "bC%"), vec![5]),
        (C::contains("name", "'; DROP TABLE orders"), vec![4]),
        (C::contains("name", "あ".repeat(10_000)), vec![]),
        (!C::contains("name", "佐藤"), vec![2, 3, 5]),
        (C::starts_with("name", "佐"), vec![1, 2]),
        (C::starts_with("name", "%"), vec![]),
        (C::one_of("name", ["佐々木", "", "いない"]), vec![2, 3]),
        (C::one_of("name", Vec::<String>::new()), vec![]),
        (C::less("name", "B"), vec![5]),
        (C::equals("amount", "100.5"), vec![1, 5]),
        (C::at_least("amount", 0), vec![1, 4, 5]),
        (C::less("amount", 0), vec![2]),
        (C::between("amount", "-0.05", 0), vec![2, 4]),
        (C::between("amount", None::<i64>, 0), vec![2, 4]),
        (C::not_equals("amount", 0), vec![1, 2, 3, 5]),
        (C::equals("day", "2026/01/05"), vec![1]),
        (C::greater("day", "2026-01-05"), vec![2]),
        (C::equals("at", "2026-01-05"), vec![1]),
        (C::at_most("at", "2026-01-05"), vec![1]),
        (C::equals("at", "2026-01-05 01:00"), vec![1]),
        (C::greater("at", "2026-01-05"), vec![2]),
        (C::equals("state", "済"), vec![1]),
        (C::one_of("state", ["未", "済"]), vec![1, 2]),
        (C::contains("tags", "a"), vec![1, 2]),
        (C::equals("tags", ["c", "a"]), vec![1]),
        (C::equals("tags", "a"), vec![2]),
        (C::equals("branch", "B1"), vec![1, 5]),
        (C::not_equals("branch", "B1"), vec![2, 3, 4]),
        (C::starts_with("branch", "B"), vec![1, 2, 4, 5]),
        (C::is_empty("branch"), vec![3]),
        (C::is_not_empty("branch"), vec![1, 2, 4, 5]),
        (C::contains("branch.name", "支店"), vec![1, 4, 5]),
        (C::is_empty("branch.name"), vec![2, 3]),
        (C::equals("branch_name", "大阪支店"), vec![4]),
        (C::not_equals("branch_name", "大阪支店"), vec![1, 2, 3, 5]),
        (C::equals("branch.region.name", "関東"), vec![1, 5]),
        (C::equals("branch.region_name", "関東"), vec![1, 5]),
        (C::equals("branch.region", "R1"), vec![1, 5]),
        (C::is_empty("branch.region"), vec![2, 3, 4]),
        (C::equals("branch._id", 3), vec![4]),
        (C::equals("owner", "sato"), vec![1]),
        (C::not_equals("owner", "sato"), vec![2, 3, 4, 5]),
        (C::is_empty("owner"), vec![2, 3, 4, 5]),
        (C::equals("_created_by", "sato"), vec![2, 4]),
        (C::is_empty("_created_by"), vec![1, 3, 5]),
        (C::is_not_empty("_created_by"), vec![2, 4]),
        (C::not_equals("_created_by", "sato"), vec![1, 3, 5]),
        (C::equals("_approval", "approved"), vec![1, 3, 5]),
        (C::one_of("_id", [1, 4, 9]), vec![1, 4]),
        (C::at_most("_id", 2), vec![1, 2]),
        // 1767000001 s is 2025-12-29 18:20:01 in Tokyo.
        (C::equals("_created_at", "2025-12-29 18:20:01"), vec![1]),
        (C::at_most("_created_at", "2025-12-29 18:20:02"), vec![1, 2]),
        (C::equals("_created_at", 1_767_000_003_000i64), vec![3]),
        (C::equals("_created_at", "2025-12-29"), vec![1, 2, 3, 4, 5]),
        (C::greater("_created_at", "2025/12/29"), vec![]),
        (C::equals("item", "X"), vec![1, 2]),
        (C::is_empty("item"), vec![2]),
        (C::not_equals("item", "X"), vec![1, 2]),
        (!C::equals("item", "X"), vec![3, 4, 5]),
        (C::equals("item", "X").and(C::greater("quantity", 10)), vec![1, 2]),
        (C::detail(C::equals("item", "X").and(C::greater("quantity", 10))), vec![2]),
        (!C::detail(C::default()), vec![3, 4, 5]),
        (C::equals("depot.name", "東京支店"), vec![1]),
        (C::equals("number", "K0003").or(C::equals("_id", 5)), vec![3, 5]),
    ] {
        let json = serde_json::to_string(&condition).unwrap();
        assert_eq!(f.store.count("orders", Some(&condition)).unwrap(), expected.len() as u64, "{json}");
        assert_eq!(f.ids(condition), expected, "{json}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    type C = Condition;
    let f = Fixture::new(&few());
    for (condition, code) in [
        (C::equals("nothing", 1), Code::QueryField),
        (C::equals("name\" OR 1=1 --", 1), Code::QueryField),
        (C::equals("branch.nothing", 1), Code::QueryField),
        (C::equals("name.code", 1), Code::QueryField),
        (C::equals("_position", 1), Code::QueryField),
        (C::equals("あ".repeat(100_000), 1), Code::QueryField),
        (C::detail(C::equals("name", "x")), Code::QueryField),
        (C::contains("amount", "1"), Code::QueryOperator),
        (C::starts_with("day", "2026"), Code::QueryOperator),
        (C::less("state", "済"), Code::QueryOperator),
        (C::equals("amount", "12a"), Code::QueryValue),
        (C::equals("amount", "1.234"), Code::QueryValue),
        (C::equals("day", "2026-02-30"), Code::QueryValue),
        (C::equals("state", "無"), Code::QueryValue),
        (C::equals("name", ["a"]), Code::QueryValue),
        (C::contains("name", ""), Code::QueryValue),
        (C::less("amount", ""), Code::QueryValue),
        (C::between("amount", "", ""), Code::QueryValue),
        (C::equals("_created_at", "yesterday"), Code::QueryValue),
        (C::equals("_approval", "perhaps"), Code::QueryValue),
        (C::detail(C::detail(C::default())), Code::QueryShape),
        (C::one_of("_id", 0..10_001), Code::QueryShape),
        (C::Any(vec![C::is_empty("name"); 1_001]), Code::QueryShape),
    ] {
        let json = serde_json::to_string(&condition).unwrap();
        let error = f.refusal(condition);
        assert_eq!(error.code(), code, "{}: {error}", &json[..json.len().min(200)]);
    }
    let mut deep = C::default();
    for _ in 0..100_000 {
        deep = deep.not();
    }
    assert_eq!(f.refusal(deep).code(), Code::QueryShape);
    let error = f.store.count("region", Some(&C::detail(C::default()))).unwrap_err();
    assert_eq!(error.code(), Code::DetailsAbsent);
    let path = "branch.region.".to_owned() + &"x.".repeat(900);
    assert_eq!(f.refusal(C::equals(path, 1)).code(), Code::QueryField);
}

#[test]
fn large_conditions_run() {
    let f = Fixture::new(&few());
    let list: Vec<Condition> = (0..1_000).map(|at| Condition::contains("branch.name", format!("支{at}"))).collect();
    assert_eq!(f.ids(Condition::Any(list.clone())), [0i64; 0]);
    assert_eq!(f.ids(Condition::All(list)), [0i64; 0]);
    assert_eq!(f.ids(Condition::one_of("amount", 0..10_000)), [4]);
    let mut nested = Condition::equals("_id", 1);
    for at in 0..31 {
        nested = Condition::All(vec![Condition::Any(vec![nested, Condition::equals("name", at)])]);
    }
    assert_eq!(f.ids(nested), [1]);
    let mut negated = Condition::equals("branch", "B1");
    for _ in 0..63 {
        negated = negated.not();
    }
    assert_eq!(f.ids(negated), [2, 3, 4]);
}

#[test]
fn indexes_serve_conditions() {
    type C = Condition;
    let f = Fixture::new(&few());
    for (condition, expected) in [
        (C::equals("name", "x"), "orders__by__name (name=?)"),
        (C::one_of("name", ["x", "y"]), "orders__by__name (name=?)"),
        (C::starts_with("name", "佐"), "orders__by__name (name>? AND name<?)"),
        (C::between("amount", 1, 2), "orders__by__amount (amount>? AND amount<?)"),
        (C::is_empty("name"), "orders__by__name (name=?)"),
        (C::equals("number", "K0001"), "orders__unique__number (number=?)"),
        (C::equals("branch", "B1"), "orders__by__branch (branch=?)"),
        (C::equals("branch", "B1"), "branch__unique__code (code=?)"),
        (C::equals("item", "X"), "orders__detail__by__item (item=?)"),
        (C::equals("item", "X"), "SEARCH t USING INTEGER PRIMARY KEY"),
        (C::contains("name", "佐藤"), "VIRTUAL TABLE"),
        (C::contains("name", "佐藤"), "SEARCH t USING INTEGER PRIMARY KEY (rowid=?)"),
        (C::contains("branch.name", "東京"), "orders__by__branch (branch=?)"),
        (C::equals("name", "x").and(C::not_equals("memo", "y")), "orders__by__name (name=?)"),
        (C::equals("name", "x").or(C::equals("number", "y")), "MULTI-INDEX OR"),
    ] {
        let json = serde_json::to_string(&condition).unwrap();
        let plans = f.plans(&Query::new().filter(condition));
        assert!(plans[0].contains(expected), "{json}\n{}", plans[0]);
    }
}

#[test]
fn indexes_serve_pages() {
    let f = Fixture::new(&few());
    for sort in [
        Sort::ascending("amount"),
        Sort::descending("amount"),
        Sort::ascending("number"),
        Sort::descending("number"),
        Sort::ascending("_id"),
        Sort::descending("_id"),
    ] {
        for first in 1..=5 {
            let mut query = Query::new().sort(sort.clone()).limit(first);
            let (_, cursor) = f.page(&query).unwrap();
            query.after = cursor;
            for plan in f.plans(&query) {
                assert!(!plan.contains("TEMP B-TREE"), "{sort:?}\n{plan}");
                assert!(plan.starts_with("SEARCH t") || query.after.is_none(), "{sort:?}\n{plan}");
            }
        }
    }
    // A range without an end is served by the index that also serves the order.
    let query = Query::new().filter(Condition::at_least("amount", 1)).sort(Sort::ascending("amount"));
    assert!(f.plans(&query)[0].contains("orders__by__amount (amount>?)"), "{:?}", f.plans(&query));
    // Detail rows come with their records without being sorted.
    let reading = f.store.reading().unwrap();
    let catalog = Catalog::of(&f.store, &reading).unwrap();
    let table = catalog.table("orders").unwrap();
    let selection = Selection::new(&f.store, &catalog, table, ["name", "item", "branch.name", "owner"]).unwrap();
    assert!(selection.is_on_details());
    for query in [Query::new(), Query::new().sort(Sort::descending("number"))] {
        let pieces = selection.statements(&query, false).unwrap();
        assert!(!plan(&reading, &pieces[0]).contains("TEMP B-TREE"), "{}", plan(&reading, &pieces[0]));
    }
}

#[test]
fn pages_of_equal_values_and_empty_ones_meet() {
    let f = Fixture::new(&few());
    for sort in [
        vec![],
        vec![Sort::ascending("amount")],
        vec![Sort::descending("amount")],
        vec![Sort::descending("branch_name"), Sort::ascending("amount")],
        vec![Sort::ascending("branch"), Sort::descending("day"), Sort::descending("name")],
        vec![Sort::ascending("owner"), Sort::descending("_created_by")],
        vec![Sort::ascending("tags"), Sort::ascending("state"), Sort::descending("_id")],
    ] {
        let whole = Query { sort: sort.clone(), ..Query::default() };
        let (expected, none) = f.page(&whole).unwrap();
        assert!(none.is_none());
        assert_eq!(expected.len(), 5);
        for size in 1..=6 {
            let mut query = whole.clone().limit(size);
            let mut found = Vec::new();
            loop {
                let (ids, next) = f.page(&query).unwrap();
                let mut lines = Vec::new();
                f.store
                    .rows("orders", &["name"], &query, |row| {
                        lines.push(row.id());
                        Ok(true)
                    })
                    .unwrap();
                assert_eq!(lines, ids);
                lines.clear();
                f.store
                    .rows("orders", &["item"], &query, |row| {
                        lines.push(row.id());
                        Ok(true)
                    })
                    .unwrap();
                lines.dedup();
                assert_eq!(lines, ids);
                found.extend(ids);
                match next {
                    Some(cursor) => query.after = Some(cursor),
                    None => break,
                }
            }
            assert_eq!(found, expected, "{sort:?} by {size}");
        }
    }
    let cursor = f.page(&Query::new().sort(Sort::ascending("amount")).limit(1)).unwrap().1.unwrap();
    for query in [
        Query::new().after(cursor.clone()),
        Query::new().sort(Sort::descending("amount")).after(cursor.clone()),
        Query::new().sort(Sort::ascending("amount")).after(cursor).offset(1),
        Query::new().after(Cursor::from("x")),
        Query::new().after(Cursor::from("あ")),
        Query::new().sort(Sort::ascending("item")),
    ] {
        assert_eq!(f.page(&query).unwrap_err().code(), Code::QueryShape, "{query:?}");
    }
    assert_eq!(f.page(&Query::new().limit(u64::MAX)).unwrap_err().code(), Code::LimitPassed);
    assert_eq!(f.page(&Query::new().limit(2).offset(1)).unwrap().0, [2, 3]);
    assert_eq!(f.page(&Query::new().offset(u64::MAX)).unwrap().0, [0i64; 0]);
    assert_eq!(f.page(&Query::new().limit(0)).unwrap(), (vec![], None));
}

#[test]
fn rows_are_read_in_every_format() {
    let f = Fixture::new(&few());
    let columns = ["_id", "number", "amount", "at", "state", "tags", "branch", "branch_name", "owner", "_created_by"];
    let one = Query::new().filter(Condition::one_of("_id", [1, 2]));
    assert_eq!(
        f.lines(&columns, &one, ValueFormat::Raw),
        [
            "1|K0001|100.50|2026-01-05 01:00:00|済|a,c|B1|東京支店|sato|",
            "2|K0002|-0.05|2026-01-06 00:00:00|未|a|B2|||sato"
        ]
    );
    let system = ["_created_at", "_created_by", "_approval", "_revision", "owner"];
    assert_eq!(f.lines(&system, &one, ValueFormat::Display)[1], "2025/12/29 18:20|佐藤|pending|1|");
    assert_eq!(f.lines(&system, &one, ValueFormat::Csv)[1], "2025/12/29 18:20:02|佐藤|pending|1|");
    let details = ["number", "item", "quantity", "depot.name"];
    assert_eq!(
        f.lines(&details, &Query::new().limit(2).offset(1), ValueFormat::Raw),
        ["K0002|X|20|大阪支店", "K0002|||", "K0003|||"]
    );
    assert_eq!(f.lines(&details, &Query::new().sort(Sort::descending("_id")), ValueFormat::Raw).len(), 7);
    f.store
        .rows("orders", &["amount", "_created_at"], &Query::new(), |row| {
            assert_eq!(row.value(0).unwrap(), Value::from("100.50".parse::<crate::schema::Number>().unwrap()));
            assert!(matches!(row.value(1).unwrap(), Value::DateTime(_)));
            assert_eq!(row.value(2).unwrap_err().code(), Code::Argument);
            Ok(false)
        })
        .unwrap();
    let many: Vec<String> =
        (0..300).map(|at| ["branch.name", "branch.region.name", "owner"][at % 3].to_owned()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(f.lines(&many, &one, ValueFormat::Raw).len(), 2);
    assert_eq!(f.store.rows("orders", &["nothing"], &one, |_| Ok(true)).unwrap_err().code(), Code::QueryField);
}

#[test]
fn figures_by_groups() {
    let f = Fixture::new(&few());
    let show = |aggregation: &Aggregation| -> Vec<String> {
        let rows = f.store.aggregate("orders", aggregation).unwrap();
        let text = |values: &[Value]| values.iter().map(Value::to_text).collect::<Vec<_>>().join(",");
        rows.iter().map(|row| format!("{}:{}", text(&row.groups), text(&row.values))).collect()
    };
    let all = Aggregation::new()
        .count()
        .measure(Function::Count, "name")
        .measure(Function::Sum, "amount")
        .measure(Function::Average, "amount")
        .measure(Function::Min, "name")
        .measure(Function::Max, "day");
    assert_eq!(show(&all), [":5,4,200.95,50.2375,AbC%_,2026-01-06"]);
    let by = Aggregation::new().group_by("branch").count().measure(Function::Sum, "amount");
    assert_eq!(show(&by), [":1,", "B1:2,201.00", "B2:1,-0.05", "B3:1,0.00"]);
    assert_eq!(show(&by.clone().sort(2, true).limit(2)), ["B1:2,201.00", "B3:1,0.00"]);
    assert_eq!(show(&Aggregation::new().group_by_bucket("day", Bucket::Month).count()), [":3", "2026-01-01:2"]);
    assert_eq!(show(&Aggregation::new().group_by_bucket("at", Bucket::Year).count()), [":3", "2026-01-01:2"]);
    assert_eq!(show(&Aggregation::new().group_by_bucket("_created_at", Bucket::Day).count()), ["2025-12-29:5"]);
    assert_eq!(show(&Aggregation::new().group_by("state").count()), [":3", "未:1", "済:1"]);
    let details = Aggregation::new().group_by("item").count().measure(Function::Sum, "quantity");
    assert_eq!(show(&details), [":1,", "X:2,21", "Y:1,20"]);
    assert_eq!(show(&details.clone().rows(Condition::less("quantity", 10))), ["X:1,1"]);
    assert_eq!(show(&details.filter(Condition::equals("_id", 1))), ["X:1,1", "Y:1,20"]);
    assert_eq!(show(&Aggregation::new().group_by("_created_by").count()), [":3", "sato:2"]);
    for (aggregation, code) in [
        (Aggregation::new(), Code::QueryShape),
        (Aggregation::new().measure(Function::Sum, "name"), Code::QueryOperator),
        (Aggregation::new().group_by_bucket("name", Bucket::Day), Code::QueryOperator),
        (Aggregation::new().group_by("item").measure(Function::Sum, "amount"), Code::QueryShape),
        (Aggregation::new().count().sort(1, false), Code::QueryShape),
        (Aggregation::new().group_by("x"), Code::QueryField),
    ] {
        assert_eq!(f.store.aggregate("orders", &aggregation).unwrap_err().code(), code, "{aggregation:?}");
    }
}

#[test]
fn sums_beyond_eighteen_digits_are_exact() {
    let lines = vec![Line { amount: Some(999_999_999_999_999_999), ..Line::default() }; 30];
    let f = Fixture::new(&lines);
    let aggregation = Aggregation::new().measure(Function::Sum, "amount").measure(Function::Average, "amount");
    let rows = f.store.aggregate("orders", &aggregation).unwrap();
    assert_eq!(rows[0].values[0], Value::from("299999999999999999.70"));
    assert_eq!(rows[0].values[1].to_text(), "9999999999999999.9900");
}

#[test]
fn lists_and_searches_are_kept() {
    let f = Fixture::new(&few());
    let mut list = List::new("orders", "all", "受注一覧").column("number").named("branch.name", "支店").column("_id");
    let mut search = Search::new("orders", "big", "大口", Condition::at_least("amount", 100));
    f.store
        .write(|w| {
            let catalog = Catalog::load(w)?;
            save_list(w, &catalog, &mut list)?;
            save_search(w, &catalog, &mut search)?;
            // Saved once more without its id, it stays one list.
            save_list(w, &catalog, &mut List { id: None, ..list.clone() })?;
            assert_eq!(list.headings(&catalog)?, ["受注番号", "支店", "[ID]"]);
            let bad = List::new("orders", "bad", "x").column("nothing");
            assert_eq!(bad.validate(&catalog).unwrap_err().code(), Code::DefinitionInvalid);
            let bad = Search::new("orders", "bad", "x", Condition::equals("day", "x"));
            assert_eq!(bad.validate(&catalog).unwrap_err().code(), Code::DefinitionInvalid);
            assert!(list.clone().sort(Sort::ascending("item")).validate(&catalog).is_err());
            Ok(())
        })
        .unwrap();
    assert_eq!(f.store.lists("orders").unwrap(), [list.clone()]);
    assert_eq!(f.store.searches("orders").unwrap(), [search.clone()]);
    assert_eq!(f.store.search("orders", &search.id.unwrap().to_string()).unwrap(), search);
    assert_eq!(f.store.list("branch", "all").unwrap_err().code(), Code::DefinitionNotFound);
}
