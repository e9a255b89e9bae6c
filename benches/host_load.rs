//! The example host under load, over loopback: how many calls a second it serves, and how long the slowest take, while it
//! imports without a pause.
//!
//! `cargo bench --bench host_load [-- --seconds 60 --rows 100000 --connections 1,8,64]`: for each number of connections,
//! which are kept, `view`, `update` and `regist` are called for a third of the seconds each, one call after the other on each
//! connection. All the while files of as many customers as there are go through `csvimport`, each of which changes every
//! second one. It ends with an error when a call was refused or an import failed. Memory is that of the host.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use renkei::{AccessSettings, Blueprint, ImportMode, NewToken, Right, Store, User};
use serde_json::{Value as Json, json};

mod customers;
mod filled;

const HELP: &str = "\
cargo bench --bench host_load -- [--seconds 3] [--rows 100000] [--connections 1,8,64] [--quiet]
    --seconds N          for each number of connections
    --rows N             customers in the store, and in each file that is imported
    --connections N,...  how many connections at once
    --quiet              tell no progress
";

fn main() -> ExitCode {
    let (mut seconds, mut rows, mut connections, mut quiet) = (3.0f64, 100_000u64, vec![1usize, 8, 64], false);
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        match word.as_str() {
            "--help" => {
                print!("{HELP}");
                return ExitCode::SUCCESS;
            }
            "--quiet" => {
                quiet = true;
                continue;
            }
            _ => {}
        }
        let value = words.next().unwrap_or_default();
        let list = || value.split(',').map(str::parse).collect::<Result<Vec<usize>, _>>();
        match (word.as_str(), value.parse::<f64>(), list()) {
            ("--seconds", Ok(value), _) => seconds = value,
            ("--rows", Ok(value), _) => rows = value as u64,
            ("--connections", _, Ok(value)) => connections = value,
            _ => panic!("{word} {value}: there is no such option\n{HELP}"),
        }
    }
    let tell = |what: &str| {
        if !quiet {
            eprintln!("{what}");
        }
    };
    tell("the host is built");
    let program = build();
    tell(&format!("{rows} customers are imported"));
    let dir = tempfile::tempdir().expect("a folder");
    let load = Load::begin(&program, dir.path(), rows);
    let failures = load.run(seconds, &connections, &tell);
    match failures {
        0 => ExitCode::SUCCESS,
        count => {
            eprintln!("{count} calls or imports failed");
            ExitCode::FAILURE
        }
    }
}

/// The example host, in the profile of this bench.
fn build() -> PathBuf {
    let own = std::env::current_exe().expect("this program has a path");
    let target = own.ancestors().nth(3).expect("it is in a target folder");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "--example", "host", "--target-dir"])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .expect("cargo runs");
    assert!(built.success(), "the host is not built");
    target.join("release/examples/host")
}

struct Load {
    host: Child,
    address: SocketAddr,
    token: String,
    database: i64,
    import: i64,
    /// The ids of the items, in the order of the columns.
    items: Vec<i64>,
    rows: u64,
    /// The numbers of customers that are made.
    next: AtomicU64,
    files: [String; 2],
}

const FUNCTIONS: [&str; 3] = ["view", "update", "regist"];

impl Load {
    fn begin(program: &Path, dir: &Path, rows: u64) -> Load {
        let (database, setting) = filled::definition();
        let rights = [Right::View, Right::Register, Right::Update, Right::Import];
        let blueprint = Blueprint::new()
            .access(AccessSettings { calls_per_minute: None, ..AccessSettings::default() })
            .user(User::new("link", "連携用").allow("customers", rights))
            .database(database)
            .import(setting.mode(ImportMode::Upsert));
        let path = dir.join("store.db");
        filled::fill(&path, rows, &blueprint);
        let store = Store::open(&path).expect("it opens");
        let token = store.issue_token(&NewToken::of("link")).expect("it is issued").secret().to_owned();
        let kept = store.blueprint().expect("it has definitions");
        drop(store);
        let mut host = Command::new(program)
            .args(["--store", "store.db", "--account", "abc1de2", "--listen", "127.0.0.1:0", "--quiet"])
            .args(["--upload-mib", "4000", "--upload-lines", "100000000", "--connections", "1000"])
            .current_dir(dir)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the host starts");
        let mut lines = BufReader::new(host.stdout.take().expect("it has an output")).lines();
        let line = lines.next().expect("it says where it is").expect("read");
        let address = line.split('/').nth(2).and_then(|address| address.parse().ok()).expect("an address");
        let mut load = Load {
            host,
            address,
            token,
            database: kept.databases[0].id.expect("it has an id"),
            import: kept.imports[0].id.expect("it has an id"),
            items: kept.databases[0].fields.iter().map(|field| field.id.expect("it has an id")).collect(),
            rows,
            next: AtomicU64::new(rows + 1),
            files: Default::default(),
        };
        for (at, changed) in [(0, 2), (1, 0)] {
            let csv = dir.join("upload.csv");
            filled::write(&csv, rows, changed);
            load.files[at] = load.upload(&std::fs::read(csv).expect("read"));
        }
        load
    }

    fn upload(&self, csv: &[u8]) -> String {
        let head = b"--b\r\nContent-Disposition: form-data; name=\"uploadFile\"; filename=\"a.csv\"\r\n\r\n";
        let body = [&head[..], csv, b"\r\n--b--\r\n"].concat();
        let mut wire = Wire::to(self.address);
        let request = self.request("api/fileupload", "multipart/form-data; boundary=b", &body);
        let answer = wire.call(&request).expect("it is taken");
        answer["fileId"].as_str().expect("it has an id").to_owned()
    }

    fn request(&self, function: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
        let head = format!(
            "POST /abc1de2/{function}/version/v1 HTTP/1.1\r\nHost: {}\r\nX-HD-apitoken: {}\r\nContent-Type: \
             {content_type}\r\nContent-Length: {}\r\n\r\n",
            self.address,
            self.token,
            body.len()
        );
        [head.as_bytes(), body].concat()
    }

    fn json(&self, function: &str, query: &Json) -> Vec<u8> {
        self.request(function, "application/json", query.to_string().as_bytes())
    }

    /// Everything, and how much of it failed.
    fn run(mut self, seconds: f64, connections: &[usize], tell: &dyn Fn(&str)) -> u64 {
        let (over, memory) = (AtomicBool::new(false), Mutex::new(Vec::new()));
        let mut failures = 0;
        std::thread::scope(|scope| {
            let importing = scope.spawn(|| self.import_on(&over));
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    memory.lock().expect("no panic").push(resident(self.host.id()));
                    std::thread::sleep(Duration::from_millis(200));
                }
            });
            println!("| connections | function | calls/s | median ms | p99 ms | longest ms | failed |");
            println!("| ---: | --- | ---: | ---: | ---: | ---: | ---: |");
            for count in connections {
                for function in FUNCTIONS {
                    tell(&format!("{function} on {count} connections for {:.1} s", seconds / 3.0));
                    let begun = memory.lock().expect("no panic").len();
                    let (times, failed, took) = self.call_on(function, *count, seconds / 3.0);
                    failures += failed;
                    let at = |part: f64| f64::from(times[((times.len() - 1) as f64 * part) as usize]) / 1e3;
                    println!(
                        "| {count} | {function} | {:.0} | {:.2} | {:.2} | {:.2} | {failed} |",
                        times.len() as f64 / took.as_secs_f64(),
                        at(0.5),
                        at(0.99),
                        at(1.0)
                    );
                    let most = memory.lock().expect("no panic")[begun..].iter().max().copied().unwrap_or(0);
                    tell(&format!("    the host took up to {:.1} MiB", most as f64 / 1024.0));
                }
            }
            over.store(true, Ordering::Relaxed);
            let (mut imports, failed) = importing.join().expect("no panic");
            failures += failed;
            imports.sort_unstable();
            let median = imports.get(imports.len() / 2).map_or(f64::NAN, Duration::as_secs_f64);
            println!(
                "\nimports meanwhile: {} of {} rows, median {median:.1} s, {failed} failed",
                imports.len(),
                self.rows
            );
        });
        let memory = memory.into_inner().expect("no panic");
        let mut text = String::from("memory of the host, MiB, the most in each tenth of the time:");
        for tenth in memory.chunks(memory.len().div_ceil(10).max(1)) {
            let most = tenth.iter().max().copied().unwrap_or(0);
            let _ = write!(text, " {:.1}", most as f64 / 1024.0);
        }
        println!("{text}");
        let _ = Command::new("kill").arg(self.host.id().to_string()).status();
        let ended = self.host.wait().expect("it ends");
        failures + u64::from(!ended.success())
    }

    /// Imports both files in turn until it is enough; how long each took, and how many failed.
    fn import_on(&self, over: &AtomicBool) -> (Vec<Duration>, u64) {
        let (mut wire, mut taken, mut failed) = (Wire::to(self.address), Vec::new(), 0);
        for turn in 0.. {
            if over.load(Ordering::Relaxed) {
                break;
            }
            let query = json!({"dbSchemaId": self.database, "importId": self.import, "fileId": self.files[turn % 2]});
            let began = Instant::now();
            let Some(answer) = wire.call(&self.json("api/csvimport", &query)) else {
                failed += 1;
                continue;
            };
            let query = self.json("api/checkcsvimportprocess", &json!({"processId": answer["processId"]}));
            loop {
                std::thread::sleep(Duration::from_millis(50));
                let Some(answer) = wire.call(&query) else {
                    failed += 1;
                    break;
                };
                let items = &answer["items"];
                match items["nowCondition"].as_i64() {
                    Some(2) if items["succeedCount"] == self.rows => {
                        taken.push(began.elapsed());
                        break;
                    }
                    Some(2 | 3) => {
                        failed += 1;
                        break;
                    }
                    _ if over.load(Ordering::Relaxed) => break,
                    _ => {}
                }
            }
        }
        (taken, failed)
    }

    /// Calls a function on so many connections; the times in microseconds, in order, and how many failed.
    fn call_on(&self, function: &str, connections: usize, seconds: f64) -> (Vec<u32>, u64, Duration) {
        let (began, all, failed) = (Instant::now(), Mutex::new(Vec::new()), AtomicU64::new(0));
        let name = format!("apirecord/{function}");
        std::thread::scope(|scope| {
            for number in 0..connections {
                let (name, all, failed) = (&name, &all, &failed);
                scope.spawn(move || {
                    let (mut wire, mut times) = (Wire::to(self.address), Vec::new());
                    let mut dice = customers::Dice(number as u64 + 1);
                    while began.elapsed().as_secs_f64() < seconds {
                        let request = self.json(name, &self.query(function, &mut dice));
                        let sent = Instant::now();
                        if wire.call(&request).is_none() {
                            failed.fetch_add(1, Ordering::Relaxed);
                        }
                        times.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
                    }
                    all.lock().expect("no panic").extend(times);
                });
            }
        });
        let took = began.elapsed();
        let mut times = all.into_inner().expect("no panic");
        times.sort_unstable();
        (times, failed.into_inner(), took)
    }

    fn query(&self, function: &str, dice: &mut customers::Dice) -> Json {
        let key = format!("{:010}", dice.next() % self.rows + 1);
        match function {
            "view" => json!({"dbSchemaId": self.database, "keyId": key, "responseType": 1}),
            // Which item an import writes as well: the points.
            "update" => {
                let points = dice.below(1_000_000).to_string();
                json!({"dbSchemaId": self.database, "keyId": key, "values": {self.items[8].to_string(): points}})
            }
            _ => {
                let mut line = String::new();
                customers::line(&mut line, self.next.fetch_add(1, Ordering::Relaxed), 1, 0);
                let cells = line.trim_end().split(',');
                let values: serde_json::Map<String, Json> =
                    self.items.iter().zip(cells).map(|(id, cell)| (id.to_string(), cell.into())).collect();
                json!({"dbSchemaId": self.database, "keyMode": "1", "values": values})
            }
        }
    }
}

/// A connection that is kept.
struct Wire {
    address: SocketAddr,
    stream: TcpStream,
    read: Vec<u8>,
}

impl Wire {
    fn to(address: SocketAddr) -> Wire {
        let stream = TcpStream::connect(address).expect("the host listens");
        stream.set_nodelay(true).expect("it is a socket");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("it is a socket");
        Wire { address, stream, read: Vec::new() }
    }

    /// The answer, if it is a success. After whatever else there is a new connection.
    fn call(&mut self, request: &[u8]) -> Option<Json> {
        let answer = self.exchange(request);
        if answer.is_none() {
            *self = Wire::to(self.address);
        }
        answer
    }

    fn exchange(&mut self, request: &[u8]) -> Option<Json> {
        self.stream.write_all(request).ok()?;
        let mut piece = [0; 16 << 10];
        loop {
            if let Some(end) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = std::str::from_utf8(&self.read[..end]).ok()?;
                let mut headers = head.lines().filter_map(|line| line.split_once(": "));
                let length = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?.1;
                let whole = end + 4 + length.parse::<usize>().ok()?;
                if self.read.len() >= whole {
                    let is_good = head.starts_with("HTTP/1.1 200 ");
                    if !is_good {
                        eprintln!("{}", String::from_utf8_lossy(&self.read[..whole]));
                    }
                    let answer = serde_json::from_slice(&self.read[end + 4..whole]).ok();
                    self.read.drain(..whole);
                    return answer.filter(|_| is_good);
                }
            }
            match self.stream.read(&mut piece) {
                Ok(0) | Err(_) => return None,
                Ok(count) => self.read.extend_from_slice(&piece[..count]),
            }
        }
    }
}

/// Memory of a process, in KiB; 0 where the system does not tell.
fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse().ok()).unwrap_or(0)
}
