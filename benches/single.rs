//! One record at a time, against hand-written `rusqlite` with cached statements that does the same writes.
//!
//! `cargo bench --bench single [-- --rows 1000000] [--only register,update,view,readers,beside,search]`: a store of that
//! many customers is made (100,000 without the option) and copied; then both sides take turns, round by round, on files
//! with the same tables, indexes, page size and pragmas. Printed are medians of the rounds and the ratio (above 1: ours is faster).

use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use renkei::{Blueprint, Condition, Database, Field, ImportRequest, Query, Sort, Store, Synchronous, Values, Worker};
use rusqlite::{Connection, params};

mod customers;
mod filled;

const HELP: &str = "\
cargo bench --bench single -- [--rows 100000] [--only register,update,view,readers,beside,search]
    --rows N     customers in the store, and lines of the import beside which records are registered
    --only LIST  what is measured, with commas between
";

const ROUNDS: usize = 7;
const A_ROUND: usize = 2_000;
const CODES: [&str; 13] = [
    "number", "name", "kana", "mail", "phone", "postal", "rank", "address", "points", "balance", "birthday", "updated",
    "note",
];

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|word| word != "--bench");
    let mut rows = 100_000u64;
    let mut only = "register,update,view,readers,beside,search".to_owned();
    while let Some(word) = arguments.next() {
        if word == "--help" {
            return print!("{HELP}");
        }
        match (word.as_str(), arguments.next()) {
            ("--rows", Some(value)) => rows = value.parse().expect("--rows takes a number"),
            ("--only", Some(value)) => only = value,
            (other, _) => panic!("there is no option {other} of that kind\n{HELP}"),
        }
    }
    let dir = tempfile::tempdir().expect("a folder");
    let base = dir.path().join("base.db");
    let (mut database, setting) = filled::definition();
    database.fields[1].full_text = true;
    filled::fill(&base, rows, &Blueprint::new().database(database).import(setting));
    println!("{rows} records; {A_ROUND} operations a round, {ROUNDS} rounds in turn\n");
    println!("| one at a time | renkei µs | rusqlite µs | ratio |\n| --- | --- | --- | --- |");
    for (synchronous, word) in [(Synchronous::Normal, "NORMAL"), (Synchronous::Full, "FULL")] {
        let (own, other) = (dir.path().join("own.db"), dir.path().join("other.db"));
        std::fs::copy(&base, &own).expect("a copy");
        std::fs::copy(&base, &other).expect("a copy");
        let store = Store::options().synchronous(synchronous).open(&own).expect("the store opens");
        let plain = Plain::open(&other, word);
        if only.contains("register") {
            register(&store, &plain, rows, word);
        }
        if only.contains("update") {
            update(&store, &plain, rows, word);
        }
        if only.contains("view") && synchronous == Synchronous::Normal {
            view(&store, &plain, rows);
        }
    }
    let store = Store::open(&base).expect("the store opens");
    if only.contains("readers") {
        readers_beside_a_writer(&store, rows);
    }
    if only.contains("beside") {
        registers_beside_an_import(dir.path(), rows);
    }
    if only.contains("search") {
        searches(&store, rows);
    }
}

/// How long single registers wait that come every few milliseconds while an import fills another database.
fn registers_beside_an_import(dir: &Path, rows: u64) {
    let csv = dir.join("beside.csv");
    filled::write(&csv, rows, 0);
    let store = Store::create(dir.join("beside.db")).expect("the store is made");
    let (customers, setting) = filled::definition();
    let tickets = Database::new("tickets", "tickets").field(Field::key("number", "number"));
    store.apply(&Blueprint::new().database(customers).database(tickets).import(setting)).expect("it is applied");
    let reserved = store.reserve_import(&ImportRequest::path("customers", "all", &csv)).expect("it is reserved");
    let process_id = reserved.process_id;
    let worker = Worker::new(&store).start().expect("it starts");
    let mut waits = Vec::new();
    while !store.import_status(process_id).expect("it has a status").state.is_ended() {
        let began = Instant::now();
        store.records("tickets").register(&Values::new().set("number", waits.len() as i64)).expect("registered");
        waits.push(began.elapsed().as_secs_f64() * 1e3);
        std::thread::sleep(Duration::from_millis(5));
    }
    worker.stop();
    let middle = median(&mut waits);
    println!(
        "\n{} single registers beside an import of {rows} rows: median {middle:.1} ms, p99 {:.1} ms, longest {:.1} ms",
        waits.len(),
        waits[waits.len() * 99 / 100],
        waits[waits.len() - 1]
    );
}

/// The same tables, written by hand.
struct Plain(Connection);

impl Plain {
    fn open(path: &Path, synchronous: &str) -> Plain {
        let connection = Connection::open(path).expect("it opens");
        connection.set_prepared_statement_cache_capacity(256);
        connection
            .execute_batch(&format!(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous}; PRAGMA cache_size = -32768;
                 PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 5120;"
            ))
            .expect("set up");
        Plain(connection)
    }

    fn register(&self, cells: &Cells) {
        let connection = &self.0;
        let run = |sql: &str| connection.prepare_cached(sql).and_then(|mut it| it.raw_execute()).expect(sql);
        run("BEGIN IMMEDIATE");
        connection
            .prepare_cached(
                "INSERT INTO customers (_revision, _created_at, _created_by, _updated_at, _updated_by, _approval, number,
                    name, kana, mail, phone, postal, rank, address, points, balance, birthday, updated, note)
                 VALUES (1, ?1, 0, ?1, 0, 0, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
            )
            .and_then(|mut insert| {
                insert.execute(params![
                    0, cells.0[0], cells.0[1], cells.0[2], cells.0[3], cells.0[4], cells.0[5], 1, cells.0[7],
                    cells.0[8].parse::<i64>().unwrap_or(0), 12345, 10_000, 1_700_000_000, cells.0[12]
                ])
            })
            .expect("inserted");
        let id = connection.last_insert_rowid();
        connection
            .prepare_cached("INSERT INTO customers__text__name__ (rowid, t) VALUES (?1, ?2)")
            .and_then(|mut insert| insert.execute(params![id, pairs(&cells.0[1])]))
            .expect("indexed");
        run("COMMIT");
    }

    fn update(&self, key: &str, points: i64) {
        let connection = &self.0;
        let run = |sql: &str| connection.prepare_cached(sql).and_then(|mut it| it.raw_execute()).expect(sql);
        run("BEGIN IMMEDIATE");
        connection
            .prepare_cached(
                "UPDATE customers SET points = ?2, _revision = _revision + 1, _updated_at = ?3 WHERE number = ?1",
            )
            .and_then(|mut update| update.execute(params![key, points, 1]))
            .expect("updated");
        run("COMMIT");
    }

    fn view(&self, key: &str) -> usize {
        let mut select = self
            .0
            .prepare_cached(
                "SELECT _id, _revision, _created_at, _updated_at, number, name, kana, mail, phone, postal, rank, address,
                    points, balance, birthday, updated, note FROM customers WHERE number = ?1",
            )
            .expect("prepared");
        select
            .query_row([key], |row| {
                let mut values = Vec::with_capacity(17);
                for at in 0..17 {
                    values.push(row.get::<_, rusqlite::types::Value>(at)?);
                }
                Ok(values.len())
            })
            .expect("found")
    }
}

/// What the full-text index is given: overlapping pairs of characters.
fn pairs(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::new();
    for at in 0..chars.len() {
        out.extend(&chars[at..(at + 2).min(chars.len())]);
        out.push(' ');
    }
    out
}

/// The cells of one customer.
struct Cells(Vec<String>);

impl Cells {
    fn of(number: u64) -> Cells {
        let mut line = String::new();
        customers::line(&mut line, number, 1, 0);
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_bytes());
        let record = reader.records().next().expect("a record").expect("read");
        Cells(record.iter().map(str::to_owned).collect())
    }

    fn values(&self) -> Values {
        CODES.iter().zip(&self.0).fold(Values::new(), |values, (code, cell)| values.set(*code, cell.as_str()))
    }
}

/// Runs both sides in turn and prints a line of the table.
fn race(title: &str, mut own: impl FnMut(usize), mut other: impl FnMut(usize)) {
    let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let began = Instant::now();
        own(round);
        let middle = Instant::now();
        other(round);
        let (a, b) = (middle - began, middle.elapsed());
        // The first round warms up.
        if round > 0 {
            ours.push(a.as_secs_f64());
            theirs.push(b.as_secs_f64());
            ratios.push(b.as_secs_f64() / a.as_secs_f64());
        }
    }
    let micros = |all: &mut Vec<f64>| median(all) / A_ROUND as f64 * 1e6;
    println!("| {title} | {:.1} | {:.1} | {:.2} |", micros(&mut ours), micros(&mut theirs), median(&mut ratios));
}

fn median(all: &mut [f64]) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

fn register(store: &Store, plain: &Plain, rows: u64, word: &str) {
    let records = store.records("customers");
    let of_round = |round: usize| -> Vec<Cells> {
        (0..A_ROUND).map(|at| Cells::of(rows + 1 + (round * A_ROUND + at) as u64)).collect()
    };
    let all: Vec<Vec<Cells>> = (0..=ROUNDS).map(of_round).collect();
    let values: Vec<Vec<Values>> = all.iter().map(|round| round.iter().map(Cells::values).collect()).collect();
    race(
        &format!("register, {word}"),
        |round| {
            for values in &values[round] {
                records.register(values).expect("registered");
            }
        },
        |round| {
            for cells in &all[round] {
                plain.register(cells);
            }
        },
    );
}

fn update(store: &Store, plain: &Plain, rows: u64, word: &str) {
    let records = store.records("customers");
    let mut dice = customers::Dice(7);
    let keys: Vec<String> = (0..A_ROUND).map(|_| format!("{:010}", 1 + dice.below(rows as usize))).collect();
    race(
        &format!("update by key, {word}"),
        |round| {
            for (at, key) in keys.iter().enumerate() {
                let values = Values::new().set("points", (round * A_ROUND + at) as i64 + 1_000_000);
                records.update(key, &values).expect("updated");
            }
        },
        |round| {
            for (at, key) in keys.iter().enumerate() {
                plain.update(key, (round * A_ROUND + at) as i64 + 1_000_000);
            }
        },
    );
}

fn view(store: &Store, plain: &Plain, rows: u64) {
    let records = store.records("customers");
    let mut dice = customers::Dice(8);
    let keys: Vec<String> = (0..A_ROUND).map(|_| format!("{:010}", 1 + dice.below(rows as usize))).collect();
    race(
        "view by key",
        |_| {
            for key in &keys {
                assert!(records.view(key).expect("found").id() > 0);
            }
        },
        |_| {
            for key in &keys {
                assert_eq!(plain.view(key), 17);
            }
        },
    );
}

fn readers_beside_a_writer(store: &Store, rows: u64) {
    let (stop, reads, writes) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let began = Instant::now();
    std::thread::scope(|scope| {
        for seed in 0..4 {
            let (stop, reads) = (&stop, &reads);
            scope.spawn(move || {
                let mut dice = customers::Dice(seed);
                let records = store.records("customers");
                while !stop.load(Ordering::Relaxed) {
                    records.view(format!("{:010}", 1 + dice.below(rows as usize))).expect("no lock reaches a reader");
                    reads.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let (stop, writes) = (&stop, &writes);
        scope.spawn(move || {
            let mut dice = customers::Dice(9);
            let records = store.records("customers");
            while !stop.load(Ordering::Relaxed) {
                let key = format!("{:010}", 1 + dice.below(rows as usize));
                let values = Values::new().set("points", dice.below(1_000_000) as i64);
                records.update(key, &values).expect("no lock reaches a writer");
                writes.fetch_add(1, Ordering::Relaxed);
            }
        });
        std::thread::sleep(Duration::from_secs(3));
        stop.store(true, Ordering::Relaxed);
    });
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "\n4 readers beside 1 writer: {:.0} reads/s, {:.0} writes/s, no error",
        reads.load(Ordering::Relaxed) as f64 / seconds,
        writes.load(Ordering::Relaxed) as f64 / seconds
    );
}

fn searches(store: &Store, rows: u64) {
    let mut dice = customers::Dice(10);
    let mut timed = |title: &str, count: usize, run: &mut dyn FnMut(&mut customers::Dice) -> u64| {
        let mut all = Vec::new();
        let mut found = 0;
        for _ in 0..count {
            let began = Instant::now();
            found = run(&mut dice);
            all.push(began.elapsed().as_secs_f64() * 1e3);
        }
        println!("| {title} | {:.3} | {found} |", median(&mut all));
    };
    println!("\n| search on {rows} records | ms (median) | found |\n| --- | --- | --- |");
    let phones: Vec<String> = (0..64).map(|at| Cells::of(1 + at * 997 % rows).0[4].clone()).collect();
    timed("equality on an indexed field", 200, &mut |dice| {
        let query = Query::new().filter(Condition::equals("phone", phones[dice.below(64)].as_str())).limit(50);
        store.query("customers", &query).expect("found").records.len() as u64
    });
    let mut cursor = None;
    let deep = Query::new().sort(Sort::ascending("phone")).limit(1).offset(rows * 95 / 100);
    if let Ok(page) = store.query("customers", &deep) {
        cursor = page.next;
    }
    timed("page of 50 by cursor at 95 % depth, by an indexed field", 100, &mut |_| {
        let mut query = Query::new().sort(Sort::ascending("phone")).limit(50);
        query.after.clone_from(&cursor);
        store.query("customers", &query).expect("found").records.len() as u64
    });
    for term in ["渚", "佐藤", "五十嵐　渚", "鬼頭　龍之介"] {
        let mut title = String::new();
        let _ = write!(title, "`contains` {term}, full text");
        timed(&title, 15, &mut |_| {
            store.count("customers", Some(&Condition::contains("name", term))).expect("counted")
        });
        let mut page_title = String::new();
        let _ = write!(page_title, "`contains` {term}, first 50");
        timed(&page_title, 15, &mut |_| {
            let query = Query::new().filter(Condition::contains("name", term)).limit(50);
            store.query("customers", &query).expect("found").records.len() as u64
        });
    }
    timed("`contains` 丸の内 without an index (scan)", 5, &mut |_| {
        store.count("customers", Some(&Condition::contains("address", "丸の内"))).expect("counted")
    });
}
