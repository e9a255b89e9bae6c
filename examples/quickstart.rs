//! The main job, end to end, on real data: 22,200 offices of Japan Post in Shift_JIS are imported into a store, looked
//! at, changed, searched and exported.
//!
//! `cargo run --release --example quickstart`

use std::path::Path;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use renkei::csv::{Format, OutputEncoding};
use renkei::{
    Blueprint, Condition, DetailRow, Error, Export, ImportRequest, Query, Store, ValueFormat, Values, Worker,
    WriteOptions,
};

fn main() {
    if std::env::args().any(|word| word == "--help" || word == "-h") {
        println!("Imports examples/data/offices_cp932.csv and shows what can be done with it. Takes no arguments.");
        return;
    }
    if let Err(error) = story() {
        eprintln!("error: {error}");
        std::process::exit(1);
    }
}

fn story() -> Result<(), Error> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let csv = here.join("data/offices_cp932.csv");
    let output = here.join("output");
    std::fs::create_dir_all(&output)?;
    let path = output.join("quickstart.db");
    for suffix in ["", "-wal", "-shm", "-turn"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", path.display()));
    }

    println!("1. A store, and what it is to hold");
    let store = Store::create(&path)?;
    let blueprint = Blueprint::from_json(&std::fs::read_to_string(here.join("data/offices.json"))?)?;
    for change in store.apply(&blueprint)? {
        println!("   {} \"{}\": {}", change.kind, change.code, change.what);
    }

    println!("2. The import of {} is reserved, and run", csv.display());
    let store = store.as_user("clerk")?;
    let reserved = store.reserve_import(&ImportRequest::path("offices", "monthly", &csv))?;
    let bar = ProgressBar::new(std::fs::metadata(&csv)?.len());
    bar.set_style(
        ProgressStyle::with_template("   {bar:40} {bytes}/{total_bytes} {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let shown = bar.clone();
    let started = Instant::now();
    Worker::new(&store)
        .on_progress(move |progress| {
            shown.set_position(progress.bytes_done);
            shown.set_message(format!("{} lines", progress.rows));
        })
        .run_until_idle()?;
    bar.finish_and_clear();
    let status = store.import_status(reserved.process_id)?;
    println!(
        "   {:?}: {} lines, {} new, {} refused, in {:.2} s",
        status.state,
        status.counts.total,
        status.counts.inserted,
        status.counts.rejected,
        started.elapsed().as_secs_f64()
    );

    println!("3. A record is registered, updated with detail rows, viewed and deleted");
    let offices = store.records("offices");
    let saved = offices.register(
        &Values::new()
            .set("number", "9999999")
            .set("name", "連携商事　東京本社")
            .set("prefecture", "東京都")
            .set("kind", "office")
            .row(DetailRow::new().set("visited", "2026/01/15").set("report", "初回訪問").set("cost", 1_200)),
    )?;
    println!("   registered: key {}, record id {}, revision {}", saved.key, saved.id, saved.revision);
    let visit = DetailRow::new().set("visited", "2026/02/20").set("report", "見積提出\n来月再訪").set("cost", "3400");
    let saved = offices.update_with(
        "9999999",
        &Values::new().set("city", "千代田区").row(visit),
        &WriteOptions::new().expect_revision(saved.revision),
    )?;
    let record = offices.view("9999999")?;
    println!(
        "   viewed at revision {}: {} ({}), {} visits, {} spent",
        saved.revision,
        record.text("name"),
        record.display("city"),
        record.display("visits"),
        record.display("spent")
    );
    let refused = offices.update("9999999", &Values::new().set("kind", "warehouse").set("jis", "十三"));
    if let Err(error) = refused {
        println!("   refused, with every reason at once:");
        for violation in error.violations() {
            println!("     [{}] {}", violation.code().as_str(), violation.message(renkei::Language::Japanese));
        }
    }
    offices.delete("9999999")?;
    println!("   deleted");

    println!("4. Searches");
    let started = Instant::now();
    let found = Query::new().filter(Condition::contains("name", "新聞")).limit(3);
    for record in store.query("offices", &found)?.records {
        println!("   {} {}", record.key(), record.text("name"));
    }
    let count = store.count("offices", Some(&Condition::contains("name", "新聞")))?;
    println!("   {count} offices have 新聞 in their name ({:.1} ms)", started.elapsed().as_secs_f64() * 1_000.0);
    let hokkaido = store.search("offices", "hokkaido")?;
    println!("   {} are in 北海道", store.count("offices", Some(&hokkaido.condition))?);

    println!("5. The list \"addresses\" is exported, for people to open in a spreadsheet");
    let out = output.join("addresses.csv");
    let started = Instant::now();
    let export = Export::of("offices").list("addresses").search("hokkaido").values(ValueFormat::Csv).format(Format {
        encoding: OutputEncoding::Utf8Bom,
        formula_guard: true,
        ..Format::default()
    });
    let exported = store.export_to_path(&export, &out)?;
    println!("   {} records, {} bytes, {:.2} s", exported.records, exported.bytes, started.elapsed().as_secs_f64());

    println!("The store is {}: open it with any SQLite tool, and look at the view offices__view.", path.display());
    println!("The exported list is {}.", out.display());
    Ok(())
}
