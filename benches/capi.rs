//! The same work through C and through Rust, in turn, on copies of the same store.
//!
//! `cargo bench --bench capi [-- --rows 100000 --rounds 5]`: the C libraries are built by `include/install.sh` and
//! `capi/bench.c` is compiled against the shared one. Printed are medians of the rounds, and the speed of C as a part of that
//! of Rust: the aim is 0.95 for cells, 0.8 for JSON, 0.97 for imports and exports.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use renkei::{Blueprint, Database, Export, ImportRequest, ImportSetting, Query, Store, ValueFormat, Values, Worker};

mod customers;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Records of a round of single operations.
const A_ROUND: u64 = 5_000;
const CODES: [&str; 13] = [
    "number", "name", "kana", "mail", "phone", "postal", "rank", "address", "points", "balance", "birthday", "updated",
    "note",
];

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|word| word != "--bench");
    let (mut rows, mut rounds, mut profile) = (100_000u64, 5usize, "release".to_owned());
    while let Some(word) = arguments.next() {
        match (word.as_str(), arguments.next()) {
            ("--rows", Some(value)) => rows = value.parse().expect("--rows takes a number"),
            ("--rounds", Some(value)) => rounds = value.parse().expect("--rounds takes a number"),
            ("--profile", Some(value)) => profile = value,
            (other, _) => panic!("there is no option {other}"),
        }
    }
    if !cfg!(target_os = "linux") {
        return;
    }
    let dir = tempfile::tempdir().expect("a folder");
    let bench = Bench { program: compile(dir.path(), &profile), dir: dir.path().to_owned(), rounds, rows };
    bench.fill();
    println!("{rows} records, {rounds} rounds in turn\n");
    println!("| work | Rust ms | C ms | speed of C |\n| --- | --- | --- | --- |");
    bench.race("register typed", |store, csv| register(store, csv));
    bench.race("register JSON", |store, csv| register(store, csv));
    bench.race("view typed", |store, _| view(store));
    bench.race("view JSON", |store, _| view(store));
    bench.race("rows, all cells", |store, _| read_values(store));
    bench.race("rows, cell by cell", |store, _| read_texts(store));
    bench.race("export", |store, _| {
        store.export(&Export::of("customers"), std::io::sink()).expect("exported");
    });
    bench.race("import", |store, csv| {
        store.reserve_import(&ImportRequest::path("customers", "all", csv)).expect("reserved");
        Worker::new(store).run_until_idle().expect("run");
    });
}

struct Bench {
    program: PathBuf,
    dir: PathBuf,
    rounds: usize,
    rows: u64,
}

/// Installs the C libraries and compiles the program.
fn compile(dir: &Path, profile: &str) -> PathBuf {
    let own = Path::new(env!("CARGO_TARGET_TMPDIR")).join("capi");
    let prefix = own.join(format!("installed-{profile}"));
    let mut install = Command::new(Path::new(ROOT).join("include/install.sh"));
    run(install.arg("--prefix").arg(&prefix).args(["--profile", profile, "--target-dir"]).arg(own.join("target")));
    let program = dir.join("bench");
    let mut cc = Command::new("cc");
    cc.args(["-std=gnu99", "-O2", "-Wall", "-Wextra", "-Werror", "-I"]).arg(prefix.join("include"));
    cc.arg(Path::new(ROOT).join("benches/capi/bench.c")).arg("-L").arg(prefix.join("lib")).arg("-lrenkei");
    run(cc.arg(format!("-Wl,-rpath,{}", prefix.join("lib").display())).arg("-o").arg(&program));
    program
}

fn run(command: &mut Command) -> String {
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

impl Bench {
    fn fill(&self) {
        let csv = self.csv("all.csv", 1, self.rows, true);
        let store = Store::create(self.dir.join("full.db")).expect("the store is made");
        let database: Database =
            serde_json::from_str(include_str!("customers/definition.json")).expect("the definition is read");
        let mut setting = ImportSetting::new("customers", "all", "all");
        for field in &database.fields {
            setting = setting.column(&field.code);
        }
        let blueprint = Blueprint::new().database(database).import(setting);
        store.apply(&blueprint).expect("it is applied");
        store.reserve_import(&ImportRequest::path("customers", "all", &csv)).expect("it is reserved");
        Worker::new(&store).run_until_idle().expect("it is run");
        assert_eq!(store.count("customers", None).expect("counted"), self.rows);
        drop(store);
        Store::create(self.dir.join("empty.db")).expect("the store is made").apply(&blueprint).expect("it is applied");
        for name in ["full.db", "empty.db"] {
            let connection = rusqlite::Connection::open(self.dir.join(name)).expect("it opens");
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("it is settled");
        }
    }

    /// Customers without line breaks and quotes, which the program in C cuts at commas.
    fn csv(&self, name: &str, first: u64, count: u64, header: bool) -> PathBuf {
        let path = self.dir.join(name);
        let mut file = std::io::BufWriter::new(std::fs::File::create(&path).expect("a file"));
        if header {
            file.write_all(customers::HEADER.as_bytes()).expect("written");
        }
        let mut line = String::new();
        for number in first..first + count {
            customers::line(&mut line, number, 1, 0);
            let plain = line.split('"').next().unwrap_or_default().trim_end();
            writeln!(file, "{plain}").expect("written");
        }
        file.flush().expect("written");
        path
    }

    /// Lets both sides do the work in turn, each on a fresh copy of the store.
    fn race(&self, work: &str, rust: impl Fn(&Store, &Path)) {
        let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        let csv = match work {
            "import" => self.dir.join("all.csv"),
            _ => self.csv("more.csv", self.rows + 1, A_ROUND, false),
        };
        for round in 0..=self.rounds {
            let rust_took = {
                let store = Store::open(self.copy(work, "rust.db")).expect("it opens");
                let began = Instant::now();
                rust(&store, &csv);
                began.elapsed().as_secs_f64()
            };
            let c = self.copy(work, "c.db");
            let (first, count) = ("1", A_ROUND.to_string());
            let told = run(Command::new(&self.program).arg(work).arg(c).arg(&csv).args([first, &count]));
            let c_took: f64 = told.split(' ').next().and_then(|text| text.parse().ok()).expect("seconds");
            // The first round warms up.
            if round > 0 {
                ours.push(rust_took * 1e3);
                theirs.push(c_took * 1e3);
                ratios.push(rust_took / c_took);
            }
        }
        println!("| {work} | {:.1} | {:.1} | {:.2} |", median(&mut ours), median(&mut theirs), median(&mut ratios));
    }

    fn copy(&self, work: &str, name: &str) -> PathBuf {
        let path = self.dir.join(name);
        for suffix in ["", "-wal", "-shm", "-turn"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", path.display()));
        }
        let from = if work == "import" { "empty.db" } else { "full.db" };
        std::fs::copy(self.dir.join(from), &path).expect("a copy");
        path
    }
}

fn median(all: &mut [f64]) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

fn register(store: &Store, csv: &Path) {
    let text = std::fs::read_to_string(csv).expect("the file");
    let records = store.records("customers");
    for line in text.lines() {
        let cells = CODES.iter().zip(line.split(','));
        let values = cells.fold(Values::new(), |values, (code, cell)| values.set(*code, cell));
        records.register(&values).expect("registered");
    }
}

fn view(store: &Store) {
    let records = store.records("customers");
    let mut key = String::new();
    let mut seen = 0;
    for number in 1..=A_ROUND {
        key.clear();
        let _ = write!(key, "{number:010}");
        let record = records.view(&key).expect("found");
        seen += CODES.iter().map(|code| record.text(code).len()).sum::<usize>();
    }
    assert!(seen > 0);
}

fn read_values(store: &Store) {
    let mut seen = 0;
    let read = store.rows("customers", &CODES, &Query::new(), |row| {
        for at in 0..CODES.len() {
            seen += usize::from(!row.value(at)?.is_empty());
        }
        Ok(true)
    });
    read.expect("read");
    assert!(seen > 0);
}

fn read_texts(store: &Store) {
    let mut seen = 0;
    let read = store.rows("customers", &CODES, &Query::new(), |row| {
        for at in 0..CODES.len() {
            seen += row.text(at, ValueFormat::Raw)?.len();
        }
        Ok(true)
    });
    read.expect("read");
    assert!(seen > 0);
}
