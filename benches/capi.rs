//! The same work through C and through Rust, in turn, on copies of the same store.
//!
//! `cargo bench --bench capi [-- --rows 100000 --rounds 5 --only view,rows]`: the C libraries are built by `include/install.sh` and
//! `capi/bench.c` is compiled against the shared one. Printed are medians of the rounds, and the speed of C as a part of that
//! of Rust: the aim is 0.95 for cells, 0.8 for JSON, 0.97 for imports and exports.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use renkei::{Blueprint, Database, Export, ImportRequest, ImportSetting, Query, Store, ValueFormat, Values, Worker};

mod customers;

const HELP: &str = "\
cargo bench --bench capi -- [--rows 100000] [--rounds 5] [--profile release] [--only LIST]
    --rows N        customers in the store
    --rounds N      rounds, in each of which both sides do everything
    --profile NAME  the Cargo profile in which the C libraries are built
    --only LIST     the works that are measured whose names contain one of these words, with commas between
";

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Records of a round of single operations.
const A_ROUND: u64 = 5_000;
const CODES: [&str; 13] = [
    "number", "name", "kana", "mail", "phone", "postal", "rank", "address", "points", "balance", "birthday", "updated",
    "note",
];

fn main() {
    // One measurement in a process of its own, as the program in C is one: `work WORK STORE CSV`.
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [word, work, store, csv, ..] = words.as_slice()
        && word == "work"
    {
        let store = Store::open(store).expect("it opens");
        return measure(work, &store, Path::new(csv));
    }
    let mut arguments = std::env::args().skip(1).filter(|word| word != "--bench");
    let (mut rows, mut rounds, mut profile) = (100_000u64, 5usize, "release".to_owned());
    let mut only = String::new();
    while let Some(word) = arguments.next() {
        if word == "--help" {
            return print!("{HELP}");
        }
        match (word.as_str(), arguments.next()) {
            ("--rows", Some(value)) => rows = value.parse().expect("--rows takes a number"),
            ("--rounds", Some(value)) => rounds = value.parse().expect("--rounds takes a number"),
            ("--profile", Some(value)) => profile = value,
            ("--only", Some(value)) => only = value,
            (other, _) => panic!("there is no option {other} of that kind\n{HELP}"),
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
    for work in WORKS.into_iter().filter(|work| only.split(',').any(|word| work.contains(word))) {
        bench.race(work);
    }
}

const WORKS: [&str; 9] = [
    "register typed",
    "register JSON",
    "view, all cells",
    "view, cell by cell",
    "view JSON",
    "rows, all cells",
    "rows, cell by cell",
    "export",
    "import",
];

/// Does a work through Rust, the same for cells and for JSON, and prints the seconds.
fn measure(work: &str, store: &Store, csv: &Path) {
    let lines = match work.starts_with("register") {
        true => std::fs::read_to_string(csv).expect("the file"),
        false => String::new(),
    };
    let keys: Vec<String> = (1..=A_ROUND).map(|number| format!("{number:010}")).collect();
    let began = Instant::now();
    match work {
        "register typed" | "register JSON" => register(store, &lines),
        "view, cell by cell" | "view JSON" => view(store, &keys),
        "view, all cells" => view_values(store, &keys),
        "rows, all cells" => read_values(store),
        "rows, cell by cell" => read_texts(store),
        "export" => {
            store.export(&Export::of("customers"), std::io::sink()).expect("exported");
        }
        "import" => {
            store.reserve_import(&ImportRequest::path("customers", "all", csv)).expect("reserved");
            Worker::new(store).run_until_idle().expect("run");
        }
        other => panic!("there is no work {other}"),
    }
    println!("{:.9}", began.elapsed().as_secs_f64());
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

    /// Lets both sides do the work in turn, each in a process of its own, on a fresh copy of the store.
    fn race(&self, work: &str) {
        let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        let csv = match work {
            "import" => self.dir.join("all.csv"),
            _ => self.csv("more.csv", self.rows + 1, A_ROUND, false),
        };
        let seconds = |command: &mut Command| -> f64 {
            let told = run(command.arg(work).arg(self.copy(work)).arg(&csv).args(["1", &A_ROUND.to_string()]));
            told.split_whitespace().next().and_then(|text| text.parse().ok()).expect("seconds")
        };
        for round in 0..=self.rounds {
            let rust = seconds(Command::new(std::env::current_exe().expect("this program")).arg("work"));
            let c = seconds(&mut Command::new(&self.program));
            // The first round warms up.
            if round > 0 {
                ours.push(rust * 1e3);
                theirs.push(c * 1e3);
                ratios.push(rust / c);
            }
        }
        println!("| {work} | {:.1} | {:.1} | {:.2} |", median(&mut ours), median(&mut theirs), median(&mut ratios));
    }

    fn copy(&self, work: &str) -> PathBuf {
        let path = self.dir.join("work.db");
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

fn register(store: &Store, lines: &str) {
    let records = store.records("customers");
    for line in lines.lines() {
        let cells = CODES.iter().zip(line.split(','));
        let values = cells.fold(Values::new(), |values, (code, cell)| values.set(*code, cell));
        records.register(&values).expect("registered");
    }
}

fn view(store: &Store, keys: &[String]) {
    let records = store.records("customers");
    let mut seen = 0;
    for key in keys {
        let record = records.view(key).expect("found");
        seen += CODES.iter().map(|code| record.text(code).len()).sum::<usize>();
    }
    assert!(seen > 0);
}

fn view_values(store: &Store, keys: &[String]) {
    let records = store.records("customers");
    let mut seen = 0;
    for key in keys {
        let record = records.view(key).expect("found");
        seen += record.fields().filter(|(_, value)| !value.is_empty()).count();
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
