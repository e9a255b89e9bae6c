//! Saved aggregations over many records, beside the same question asked of SQLite by hand.
//!
//! `cargo bench --bench aggregate -- ROWS`: records are made in a store of its own, and each question is asked five times; the
//! median is told.

use std::io::Write as _;
use std::time::Instant;

use renkei::{
    Aggregation, AggregationExport, AggregationSetting, Blueprint, Bucket, Database, Field, Function, ImportRequest,
    ImportSetting, Store, Worker,
};

const ROUNDS: usize = 5;
const BRANCHES: usize = 20;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    // `cargo bench` without arguments runs every bench: nothing is asked for then.
    let [rows] = arguments.as_slice() else { return };
    let rows: u64 = rows.parse().expect("a number of rows");
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::create(dir.path().join("store.db")).expect("the store opens");
    fill(&store, dir.path(), rows);

    let by_branch = Aggregation::new().group_by("branch").count().measure(Function::Sum, "amount");
    let by_month = Aggregation::new().group_by_bucket("ordered", Bucket::Month).measure(Function::Sum, "amount");
    let by_year =
        Aggregation::new().group_by_bucket("ordered", Bucket::FiscalYear).measure(Function::Average, "amount");
    let setting = |code: &str, figures| AggregationSetting::new("orders", code, code, figures);
    let cross = setting("cross", by_branch.clone()).across_bucket("ordered", Bucket::Month).totals();
    let settings = [setting("branch", by_branch), setting("month", by_month), setting("year", by_year), cross];
    let blueprint = settings.iter().cloned().fold(Blueprint::new(), Blueprint::aggregation);
    store.apply(&blueprint).expect("the settings are kept");

    println!("{rows} records, {BRANCHES} branches, 36 months; median of {ROUNDS}");
    for setting in &settings {
        tell(&setting.code, || {
            let table = store.run_aggregation("orders", &setting.code).expect("it runs");
            assert!(table.rows.len() >= 3);
        });
    }
    tell("cross, as CSV", || {
        let export = AggregationExport::of("orders", "cross");
        store.export_aggregation(&export, std::io::sink()).expect("it is written");
    });
    let connection = rusqlite::Connection::open(store.path()).expect("SQLite opens it");
    let start = "unixepoch(ordered * 86400, 'unixepoch', 'start of month')";
    for (name, sql) in [
        ("branch, by hand", "SELECT branch, count(*), sum(amount) FROM orders GROUP BY 1".to_owned()),
        ("month, by hand", format!("SELECT {start}, sum(amount) FROM orders GROUP BY 1")),
        ("branch × month, by hand", format!("SELECT branch, {start}, count(*), sum(amount) FROM orders GROUP BY 1, 2")),
    ] {
        let mut statement = connection.prepare(&sql).expect("it is prepared");
        tell(name, || {
            let mut rows = statement.query([]).expect("it runs");
            while rows.next().expect("a row").is_some() {}
        });
    }
}

fn tell(name: &str, mut work: impl FnMut()) {
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let begun = Instant::now();
            work();
            begun.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!("{name}: {:.3} s", times[ROUNDS / 2]);
}

fn fill(store: &Store, dir: &std::path::Path, rows: u64) {
    let path = dir.join("orders.csv");
    let mut csv = std::io::BufWriter::new(std::fs::File::create(&path).expect("a file"));
    writeln!(csv, "受注番号,支店,受注日,金額").expect("a line");
    let mut dice = 1u64;
    for number in 1..=rows {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let roll = dice >> 33;
        let (month, day) = (roll % 12 + 1, roll / 12 % 28 + 1);
        let (year, branch) = (2024 + roll / 336 % 3, roll / 1_008 % BRANCHES as u64);
        let amount = roll % 10_000_000;
        writeln!(csv, "{number},支店{branch},{year}-{month:02}-{day:02},{}.{:02}", amount / 100, amount % 100)
            .expect("a line");
    }
    csv.flush().expect("the file is written");
    let orders = Database::new("orders", "受注")
        .field(Field::key("number", "受注番号"))
        .field(Field::text("branch", "支店"))
        .field(Field::date("ordered", "受注日"))
        .field(Field::number("amount", "金額", 2));
    let import = ImportSetting::new("orders", "all", "全件");
    let import = ["number", "branch", "ordered", "amount"].into_iter().fold(import, ImportSetting::column);
    store.apply(&Blueprint::new().database(orders).import(import)).expect("the definitions are kept");
    let reserved = store.reserve_import(&ImportRequest::path("orders", "all", &path)).expect("it is reserved");
    Worker::new(store).run_until_idle().expect("it runs");
    let counts = store.import_status(reserved.process_id).expect("it ran").counts;
    assert_eq!(counts.inserted, rows, "every row is taken");
}
