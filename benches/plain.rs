//! What a programmer would write by hand with `rusqlite` and `csv`: the measure for imports that update.
//!
//! `cargo bench --bench plain -- upsert STORE.db IN.csv`: `INSERT … ON CONFLICT DO UPDATE` of every row, cached
//! statement, one transaction, typed columns, the same indexes, no checks.

use rusqlite::{Connection, params};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    // `cargo bench` without arguments runs every bench: nothing is asked for then.
    let [mode, store, csv] = arguments.as_slice() else { return };
    assert_eq!(mode, "upsert", "the only mode is upsert");
    let mut connection = Connection::open(store).expect("the store opens");
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -32768;
             CREATE TABLE IF NOT EXISTS customers (id INTEGER PRIMARY KEY, number TEXT NOT NULL UNIQUE, name TEXT,
                kana TEXT, mail TEXT, phone TEXT, postal TEXT, rank TEXT, address TEXT, points INTEGER,
                balance REAL, birthday TEXT, updated TEXT, note TEXT) STRICT;
             CREATE INDEX IF NOT EXISTS customers_phone ON customers (phone);",
        )
        .expect("the table is made");
    let mut reader = csv::Reader::from_path(csv).expect("the file opens");
    let transaction = connection.transaction().expect("a transaction");
    {
        let mut statement = transaction
            .prepare(
                "INSERT INTO customers (number, name, kana, mail, phone, postal, rank, address, points, balance, birthday,
                    updated, note) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
                 ON CONFLICT (number) DO UPDATE SET name = excluded.name, kana = excluded.kana, mail = excluded.mail,
                    phone = excluded.phone, postal = excluded.postal, rank = excluded.rank, address = excluded.address,
                    points = excluded.points, balance = excluded.balance, birthday = excluded.birthday,
                    updated = excluded.updated, note = excluded.note",
            )
            .expect("the statement is prepared");
        let mut record = csv::StringRecord::new();
        while reader.read_record(&mut record).expect("a record") {
            let text = |at: usize| record.get(at).unwrap_or_default();
            let points: i64 = text(8).parse().expect("a number");
            let balance: f64 = text(9).parse().expect("a number");
            statement
                .execute(params![
                    text(0),
                    text(1),
                    text(2),
                    text(3),
                    text(4),
                    text(5),
                    text(6),
                    text(7),
                    points,
                    balance,
                    text(10),
                    text(11),
                    text(12)
                ])
                .expect("the row is written");
        }
    }
    transaction.commit().expect("the commit");
}
