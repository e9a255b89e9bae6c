use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::query::{Bucket, Function};
use crate::record::{DetailRow, Values};
use crate::schema::{Database, Date, Field, Number, Value, ValueFormat};
use crate::{AggregationExport, AggregationTable, Blueprint, Code, DefinitionKind, Language};

struct World {
    _dir: tempfile::TempDir,
    store: Store,
}

/// Branch, choice, day, amount with two decimal places.
type Order = (Option<&'static str>, Option<&'static str>, Option<Date>, Option<i64>);

const BRANCHES: [&str; 3] = ["東京", "大阪", "a,\"b"];
const KINDS: [&str; 2] = ["新規", "継続"];

impl World {
    fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::create(dir.path().join("store.db")).unwrap();
        let orders = Database::new("orders", "受注")
            .field(Field::key("number", "受注番号"))
            .field(Field::text("branch", "支店"))
            .field(Field::choice("kind", "区分", &KINDS))
            .field(Field::date("ordered", "受注日"))
            .field(Field::number("amount", "金額", 2))
            .detail(Field::text("item", "品名"))
            .detail(Field::number("quantity", "数量", 0));
        store.apply(&Blueprint::new().database(orders)).unwrap();
        World { _dir: dir, store }
    }

    fn with(orders: &[Order]) -> World {
        let world = World::new();
        for (at, (branch, kind, day, amount)) in orders.iter().enumerate() {
            let amount = amount.map(|amount| Value::Number(Number::new(amount, 2).unwrap())).unwrap_or_default();
            let values = Values::new().set("number", format!("{at:04}")).set("amount", amount);
            let values = values.set("branch", Value::from(branch.map(str::to_owned)));
            let values = values.set("kind", Value::from(kind.map(str::to_owned)));
            let day = day.map(Value::Date).unwrap_or_default();
            world.store.records("orders").register(&values.set("ordered", day)).unwrap();
        }
        world
    }

    fn save(&self, setting: AggregationSetting) -> Result<()> {
        self.store.apply(&Blueprint::new().aggregation(setting)).map(|_| ())
    }

    fn run(&self, setting: AggregationSetting) -> AggregationTable {
        let code = setting.code.clone();
        let preview = self.store.preview_aggregation(&setting).unwrap();
        self.save(setting).unwrap();
        let table = self.store.run_aggregation("orders", &code).unwrap();
        assert_eq!(table, preview);
        for row in table.rows.iter().chain(&table.total) {
            assert_eq!(row.len(), table.columns.len());
        }
        table
    }

    fn csv(&self, values: ValueFormat) -> String {
        let mut out = Vec::new();
        let export = AggregationExport::of("orders", "figures").values(values);
        let exported = self.store.export_aggregation(&export, &mut out).unwrap();
        assert_eq!(exported.bytes, out.len() as u64);
        String::from_utf8(out).unwrap()
    }
}

fn day(text: &str) -> Option<Date> {
    Some(text.parse().unwrap())
}

fn sample() -> World {
    World::with(&[
        (Some("東京"), Some("新規"), day("2026-03-31"), Some(100_050)),
        (Some("東京"), Some("継続"), day("2026-04-01"), Some(-50)),
        (Some("大阪"), Some("新規"), day("2026-04-30"), Some(1_000)),
        (Some("大阪"), Some("新規"), None, None),
        (None, None, day("2027-03-31"), Some(1)),
    ])
}

fn setting(figures: Aggregation) -> AggregationSetting {
    AggregationSetting::new("orders", "figures", "集計", figures)
}

fn texts(table: &AggregationTable) -> Vec<Vec<String>> {
    let shown = |row: &Vec<Value>| row.iter().map(Value::to_text).collect();
    table.rows.iter().chain(&table.total).map(shown).collect()
}

fn names(table: &AggregationTable) -> Vec<&str> {
    table.columns.iter().map(|column| column.name.as_str()).collect()
}

#[test]
fn rows_and_totals() {
    let world = sample();
    let figures = Aggregation::new().group_by("branch").count().measure(Function::Sum, "amount").named("売上");
    let figures = figures.measure(Function::Average, "amount").sort(2, true);
    let table = world.run(setting(figures).totals());
    assert_eq!(names(&table), ["支店", "件数", "売上", "金額の平均"]);
    assert_eq!(
        texts(&table),
        [
            ["東京", "2", "1000.00", "500.0000"],
            ["大阪", "2", "10.00", "10.0000"],
            ["", "1", "0.01", "0.0100"],
            ["", "5", "1010.01", "252.5025"],
        ]
    );
    assert_eq!(world.csv(ValueFormat::Raw).lines().last(), Some("合計,5,1010.01,252.5025"));
}

#[test]
fn cross_tables() {
    let world = sample();
    let figures = Aggregation::new().group_by("branch").measure(Function::Sum, "amount").count();
    let table = world.run(setting(figures.clone()).across_bucket("ordered", Bucket::FiscalYear).totals());
    assert_eq!(
        names(&table),
        [
            "支店",
            "（空） 金額の合計",
            "（空） 件数",
            "2025年度 金額の合計",
            "2025年度 件数",
            "2026年度 金額の合計",
            "2026年度 件数",
            "合計 金額の合計",
            "合計 件数",
        ]
    );
    assert_eq!(table.columns[3].across, Some(Value::Date("2025-04-01".parse().unwrap())));
    assert_eq!((table.groups, table.columns[3].measure, table.columns[7].is_total), (1, Some(0), true));
    assert_eq!(
        texts(&table),
        [
            ["", "", "0", "", "0", "0.01", "1", "0.01", "1"],
            ["大阪", "", "1", "", "0", "10.00", "1", "10.00", "2"],
            ["東京", "", "0", "1000.50", "1", "-0.50", "1", "1000.00", "2"],
            ["", "", "1", "1000.50", "1", "9.51", "3", "1010.01", "5"],
        ]
    );
    // The order and the limit are those of the rows, by their totals; totals are of all records.
    let ranked = figures.clone().sort(1, true).limit(1);
    let table = world.run(setting(ranked).across("kind").totals());
    assert_eq!(names(&table)[1..3], ["（空） 金額の合計", "（空） 件数"]);
    assert_eq!(
        texts(&table),
        [
            ["東京", "", "0", "1000.50", "1", "-0.50", "1", "1000.00", "2"],
            ["", "0.01", "1", "1010.50", "3", "-0.50", "1", "1010.01", "5"]
        ]
    );
    let plain = world.run(setting(figures).across("kind"));
    assert_eq!((plain.columns.len(), plain.total), (7, None));
    // One figure needs no name; without groups there is one row.
    let one = world.run(setting(Aggregation::new().count()).across("branch").totals());
    assert_eq!(names(&one), ["（空）", "大阪", "東京", "合計"]);
    assert_eq!(texts(&one)[0], ["1", "2", "2", "5"]);
    assert_eq!(world.csv(ValueFormat::Raw), "（空）,大阪,東京,合計\r\n1,2,2,5\r\n");
}

#[test]
fn searches_conditions_and_detail_rows() {
    let world = sample();
    let row = |item: &str, quantity: i64| DetailRow::new().set("item", item).set("quantity", quantity);
    let order = Values::new().set("number", "X").row(row("りんご", 2)).row(row("梨", 3)).row(row("りんご", 5));
    world.store.records("orders").register(&order).unwrap();
    let figures = Aggregation::new().group_by("item").measure(Function::Sum, "quantity").count();
    assert_eq!(texts(&world.run(setting(figures).totals())), [["りんご", "7", "2"], ["梨", "3", "1"], ["", "10", "3"]]);
    let search = crate::Search::new("orders", "tokyo", "東京", Condition::equals("branch", "東京"));
    world.store.apply(&Blueprint::new().search(search)).unwrap();
    let figures = Aggregation::new().filter(Condition::at_least("amount", 0)).count();
    assert_eq!(texts(&world.run(setting(figures.clone()).search("tokyo"))), [["1"]]);
    let error = world.save(setting(figures).search("none")).unwrap_err();
    assert_eq!(error.code(), Code::DefinitionNotFound);
}

#[test]
fn csv_for_machines_and_for_people() {
    let world = sample();
    let mut orders = world.store.database("orders").unwrap();
    orders.fields[4] = serde_json::from_value(serde_json::json!({
        "id": orders.fields[4].id, "code": "amount", "name": "金額", "type": "number", "scale": 2,
        "display": {"grouping": true, "prefix": "¥"}
    }))
    .unwrap();
    world.store.apply(&Blueprint::new().database(orders)).unwrap();
    let figures = Aggregation::new().group_by_bucket("ordered", Bucket::Month).measure(Function::Sum, "amount");
    world.run(setting(figures).totals());
    assert_eq!(
        world.csv(ValueFormat::Raw),
        "受注日,金額の合計\r\n,\r\n2026-03-01,1000.50\r\n2026-04-01,9.50\r\n2027-03-01,0.01\r\n合計,1010.01\r\n"
    );
    assert_eq!(
        world.csv(ValueFormat::Display),
        "受注日,金額の合計\r\n,\r\n2026年3月,\"¥1,000.50\"\r\n2026年4月,¥9.50\r\n2027年3月,¥0.01\r\n合計,\"¥1,010.01\"\r\n"
    );
}

#[test]
fn spans_of_time() {
    let table = |bucket: Bucket, days: &[&str]| {
        let orders: Vec<Order> = days.iter().map(|text| (None, None, day(text), None)).collect();
        let world = World::with(&orders);
        let figures = Aggregation::new().group_by_bucket("ordered", bucket).count();
        world.run(setting(figures));
        let lines = world.csv(ValueFormat::Display);
        let raw = texts(&world.store.run_aggregation("orders", "figures").unwrap());
        let shown = lines.lines().skip(1).map(|line| line.split(',').next().unwrap().to_owned());
        shown.zip(raw).map(|(shown, raw)| format!("{} {shown} {}", raw[0], raw[1])).collect::<Vec<_>>()
    };
    assert_eq!(
        table(Bucket::FiscalYear, &["2025-03-31", "2025-04-01", "2026-03-31", "2026-04-01", "1969-01-01"]),
        ["1968-04-01 1968年度 1", "2024-04-01 2024年度 1", "2025-04-01 2025年度 2", "2026-04-01 2026年度 1"]
    );
    assert_eq!(
        table(Bucket::HalfYear, &["2026-03-31", "2026-04-01", "2026-09-30", "2026-10-01", "2027-01-31"]),
        ["2025-10-01 2025年度下期 1", "2026-04-01 2026年度上期 2", "2026-10-01 2026年度下期 2"]
    );
    assert_eq!(
        table(Bucket::Quarter, &["2026-01-01", "2026-03-31", "2026-04-01", "2026-12-31", "1960-05-31"]),
        [
            "1960-04-01 1960年4～6月 1",
            "2026-01-01 2026年1～3月 2",
            "2026-04-01 2026年4～6月 1",
            "2026-10-01 2026年10～12月 1"
        ]
    );
    // 2026-11-23 is a Monday.
    assert_eq!(
        table(Bucket::Week, &["2026-11-22", "2026-11-23", "2026-11-29", "1969-12-31"]),
        ["1969-12-29 1969/12/29～ 1", "2026-11-16 2026/11/16～ 1", "2026-11-23 2026/11/23～ 2"]
    );
    assert_eq!(table(Bucket::Year, &["2026-12-31", "2027-01-01"]), ["2026-01-01 2026年 1", "2027-01-01 2027年 1"]);
    assert_eq!(table(Bucket::Day, &["2026-12-31"]), ["2026-12-31 2026/12/31 1"]);
    // The calendar begins in the middle of a fiscal year.
    assert_eq!(table(Bucket::FiscalYear, &["0001-01-01", "0001-04-01"]), ["0001-01-01 0年度 1", "0001-04-01 1年度 1"]);
}

#[test]
fn what_does_not_fit_is_refused_when_it_is_saved() {
    let world = sample();
    let refused = |setting: AggregationSetting| {
        let error = world.save(setting.clone()).unwrap_err();
        assert_eq!(error.code(), Code::DefinitionInvalid);
        assert_eq!(world.store.preview_aggregation(&setting).unwrap_err().code(), Code::DefinitionInvalid);
        assert!(!error.message(Language::Japanese).is_empty());
        error.to_string()
    };
    let count = || Aggregation::new().group_by("branch").count();
    assert!(refused(setting(Aggregation::new().group_by("branch"))).contains("measures"));
    assert!(refused(setting(count().limit(0))).contains("limit"));
    assert!(refused(setting(count().named(" "))).contains("name"));
    assert!(refused(setting(count().group_by("none"))).contains("none"));
    assert!(refused(setting(count().measure(Function::Sum, "branch"))).contains("sum"));
    assert!(refused(setting(count().group_by_bucket("branch", Bucket::Week))).contains("bucket"));
    assert!(refused(setting(count()).across_bucket("amount", Bucket::Month)).contains("bucket"));
    assert!(refused(setting(count()).across("none")).contains("none"));
    assert!(refused(setting(count().sort(2, false)).across("kind")).contains("2"));
    assert!(refused(AggregationSetting { code: "9".into(), ..setting(count()) }).contains("9"));
    assert!(refused(AggregationSetting { name: " ".into(), ..setting(count()) }).contains("name"));
    let error = world.save(AggregationSetting { database: "none".into(), ..setting(count()) }).unwrap_err();
    assert_eq!(error.code(), Code::DatabaseNotFound);
    let error = world.store.run_aggregation("orders", "figures").unwrap_err();
    assert_eq!(error.code(), Code::DefinitionNotFound);
    assert!(serde_json::from_str::<AggregationExport>(r#"{"database": "a", "aggregation": "b", "x": 1}"#).is_err());
}

#[test]
fn definitions_are_followed_dumped_and_removed() {
    let world = sample();
    let figures = Aggregation::new().group_by("branch").measure(Function::Sum, "amount");
    let figures = figures.filter(Condition::equals("kind", "新規"));
    world.save(setting(figures).across("kind").totals()).unwrap();
    let mut orders = world.store.database("orders").unwrap();
    orders.fields[1].code = "office".into();
    orders.fields[4].code = "price".into();
    world.store.apply(&Blueprint::new().database(orders.clone())).unwrap();
    let kept = world.store.aggregation_settings("orders").unwrap().remove(0);
    assert_eq!(kept.aggregation.group_by[0].field, "office");
    assert_eq!(kept.aggregation.measures[0].field.as_deref(), Some("price"));
    orders.fields[2].retired = true;
    let error = world.store.apply(&Blueprint::new().database(orders)).unwrap_err();
    assert_eq!(error.code(), Code::DefinitionInUse);
    let dumped = world.store.blueprint().unwrap();
    assert_eq!(dumped.aggregations, [kept]);
    assert!(world.store.plan(&dumped).unwrap().is_empty());
    assert_eq!(Blueprint::from_json(&dumped.to_json()).unwrap(), dumped);
    world.store.remove_definition(DefinitionKind::Aggregation, "orders", "figures").unwrap();
    assert!(world.store.aggregation_settings("orders").unwrap().is_empty());
}

#[test]
fn viewing_and_exporting_are_rights_of_their_own() {
    use crate::{Right, Rights, User};
    let world = sample();
    world.save(setting(Aggregation::new().count())).unwrap();
    let user = |code: &str, rights: &[Right]| {
        User::new(code, code).allow("orders", rights.iter().copied().collect::<Rights>())
    };
    let users = Blueprint::new().user(user("viewer", &[Right::View])).user(user("writer", &[Right::Register]));
    world.store.apply(&users).unwrap();
    let run = |code: &str| world.store.as_user(code).unwrap().run_aggregation("orders", "figures");
    let export = |code: &str| {
        let export = AggregationExport::of("orders", "figures");
        world.store.as_user(code).unwrap().export_aggregation(&export, std::io::sink())
    };
    assert_eq!(texts(&run("viewer").unwrap()), [["5"]]);
    assert_eq!(export("viewer").unwrap_err().code(), Code::AccessDenied);
    assert_eq!(run("writer").unwrap_err().code(), Code::AccessDenied);
}

#[test]
fn a_table_that_would_be_too_large_is_refused() {
    let world = World::new();
    let each = |at: i32| {
        let day = Date::from_days(at).unwrap();
        let values = Values::new().set("number", format!("{at:05}")).set("ordered", Value::Date(day));
        values.set("branch", format!("支店{at}"))
    };
    let records: Vec<Values> = (0..1_001).map(each).collect();
    world.store.records("orders").register_all(&records, &crate::WriteOptions::new()).unwrap();
    let wide = setting(Aggregation::new().group_by("branch").count()).across("ordered");
    let error = world.store.preview_aggregation(&wide).unwrap_err();
    assert_eq!(error.code(), Code::LimitPassed);
    assert!(error.to_string().contains("1000"), "{error}");
    world.store.records("orders").delete("00000").unwrap();
    let error = world.store.preview_aggregation(&wide).unwrap_err();
    assert!(error.to_string().contains("1000000"), "{error}");
    let narrow = setting(Aggregation::new().group_by("branch").count()).across_bucket("ordered", Bucket::Year);
    assert_eq!(world.store.preview_aggregation(&narrow).unwrap().rows.len(), 1_000);
}

/// What the figures of some orders are: number of them, amounts there are.
fn naive(function: Function, orders: &[&Order]) -> String {
    let amounts: Vec<i128> = orders.iter().filter_map(|order| order.3).map(i128::from).collect();
    let show = |unscaled: i128, scale: usize| {
        let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
        let (whole, rest) = digits.split_at(digits.len() - scale);
        format!("{}{whole}.{rest}", if unscaled < 0 { "-" } else { "" })
    };
    let count = amounts.len() as i128;
    match function {
        Function::Count => count.to_string(),
        _ if amounts.is_empty() => String::new(),
        Function::Sum => show(amounts.iter().sum(), 2),
        Function::Min => show(*amounts.iter().min().unwrap(), 2),
        Function::Max => show(*amounts.iter().max().unwrap(), 2),
        Function::Average => {
            // To four places, half away from zero.
            let sum: i128 = amounts.iter().sum::<i128>() * 100;
            let rounded = (2 * sum.abs() + count) / (2 * count);
            show(if sum < 0 { -rounded } else { rounded }, 4)
        }
    }
}

fn start_of(bucket: Bucket, day: Date) -> Date {
    let (year, month) = (day.year(), day.month());
    let first = |year: u16, month: u8| Date::new(year, month, 1).unwrap();
    match bucket {
        Bucket::Year => first(year, 1),
        Bucket::FiscalYear => first(if month < 4 { year - 1 } else { year }, 4),
        Bucket::HalfYear if month < 4 => first(year - 1, 10),
        Bucket::HalfYear => first(year, if month < 10 { 4 } else { 10 }),
        Bucket::Quarter => first(year, (month - 1) / 3 * 3 + 1),
        Bucket::Month => first(year, month),
        Bucket::Day => day,
        Bucket::Week => {
            let back = (0..7).map(|back| Date::from_days(day.days() - back).unwrap());
            // 1970-01-05 was a Monday.
            back.into_iter().find(|day| (day.days() - 4).rem_euclid(7) == 0).unwrap()
        }
    }
}

fn any_order() -> impl Strategy<Value = Order> {
    let branch = proptest::option::of(proptest::sample::select(BRANCHES.to_vec()));
    let kind = proptest::option::of(proptest::sample::select(KINDS.to_vec()));
    let day =
        proptest::option::of((-1_000..30_000i32).prop_map(|day| Date::from_days(day / 400 * 400 + day % 40).unwrap()));
    let amount =
        proptest::option::of(prop_oneof![-500..500i64, Just(999_999_999_999_999_999), Just(-999_999_999_999_999_999)]);
    (branch, kind, day, amount)
}

const FUNCTIONS: [Function; 5] = [Function::Count, Function::Sum, Function::Min, Function::Max, Function::Average];

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Every cell, total and heading agrees with what is counted by hand.
    #[test]
    fn cross_tables_agree_with_a_naive_model(
        orders in proptest::collection::vec(any_order(), 0..40),
        bucket in proptest::sample::select(vec![
            Bucket::Year, Bucket::FiscalYear, Bucket::HalfYear, Bucket::Quarter, Bucket::Month, Bucket::Week, Bucket::Day
        ]),
        by_kind in any::<bool>(),
    ) {
        let world = World::with(&orders);
        let mut figures = Aggregation::new().group_by("branch");
        for function in FUNCTIONS {
            figures = figures.measure(function, "amount");
        }
        let wanted = match by_kind {
            true => setting(figures).across("kind").totals(),
            false => setting(figures).across_bucket("ordered", bucket).totals(),
        };
        let table = world.run(wanted);
        let column = |order: &Order| match by_kind {
            true => order.1.unwrap_or_default().to_owned(),
            false => order.2.map(|day| start_of(bucket, day).to_string()).unwrap_or_default(),
        };
        let row = |order: &Order| order.0.unwrap_or_default().to_owned();
        let mut cells: BTreeMap<(String, String), Vec<&Order>> = BTreeMap::new();
        for order in &orders {
            for row in [Some(row(order)), None] {
                for column in [Some(column(order)), None] {
                    let name = |name: Option<String>| name.unwrap_or_else(|| "*".to_owned());
                    cells.entry((name(row.clone()), name(column))).or_default().push(order);
                }
            }
        }
        let rows: std::collections::BTreeSet<String> = orders.iter().map(row).collect();
        let columns: std::collections::BTreeSet<String> = orders.iter().map(column).collect();
        prop_assert_eq!(table.rows.len(), rows.len());
        prop_assert_eq!(table.columns.len(), 1 + (columns.len() + 1) * FUNCTIONS.len());
        let mut seen = std::collections::BTreeSet::new();
        for (is_total, line) in table.rows.iter().map(|line| (false, line)).chain(table.total.iter().map(|line| (true, line))) {
            let of_row = if is_total { "*".to_owned() } else { line[0].to_text() };
            seen.insert(of_row.clone());
            for (column, value) in table.columns.iter().zip(line).skip(1) {
                let of_column = column.across.as_ref().map_or("*".to_owned(), Value::to_text);
                let none = Vec::new();
                let of = cells.get(&(of_row.clone(), of_column.clone())).unwrap_or(&none);
                let function = FUNCTIONS[column.measure.unwrap()];
                prop_assert_eq!(value.to_text(), naive(function, of), "{:?} {} {}", function, of_row, of_column);
            }
        }
        prop_assert_eq!(seen.len(), rows.len() + 1);
    }
}
