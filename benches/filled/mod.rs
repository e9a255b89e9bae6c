//! A store of customers, for the benches that work on one.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use renkei::{Blueprint, Database, ImportRequest, ImportSetting, Store, Worker};

use crate::customers;

/// The database, and an import setting `all` of all its columns.
pub fn definition() -> (Database, ImportSetting) {
    let database: Database =
        serde_json::from_str(include_str!("../customers/definition.json")).expect("the definition is read");
    let setting = ImportSetting::new("customers", "all", "all");
    let setting = database.fields.iter().fold(setting, |setting, field| setting.column(&field.code));
    (database, setting)
}

/// Writes a CSV file of customers; `changed` is that of [`customers::line`].
pub fn write(path: &Path, rows: u64, changed: u64) {
    let mut file = BufWriter::new(File::create(path).expect("a file"));
    file.write_all(customers::HEADER.as_bytes()).expect("written");
    let mut line = String::new();
    for number in 1..=rows {
        customers::line(&mut line, number, 1, changed);
        file.write_all(line.as_bytes()).expect("written");
    }
    file.flush().expect("written");
}

/// Makes a store of this blueprint, which has the setting `all`, and imports so many customers.
pub fn fill(path: &Path, rows: u64, blueprint: &Blueprint) {
    let csv = path.with_extension("csv");
    write(&csv, rows, 0);
    let store = Store::create(path).expect("the store is made");
    store.apply(blueprint).expect("it is applied");
    let reserved = store.reserve_import(&ImportRequest::path("customers", "all", &csv)).expect("it is reserved");
    Worker::new(&store).run_until_idle().expect("it is run");
    let status = store.import_status(reserved.process_id).expect("it has a status");
    assert_eq!(status.counts.inserted, rows, "{:?}", status.error);
    // Indexes and file are settled, so that whoever is compared begins with the same.
    drop(store);
    let connection = rusqlite::Connection::open(path).expect("it opens");
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("it is settled");
    let _ = std::fs::remove_file(&csv);
}
