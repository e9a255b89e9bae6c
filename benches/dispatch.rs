//! What the dispatcher of the Web API takes, beyond the work on the record that it asks for.
//!
//! `cargo bench --bench dispatch [-- --rows 20000 --rounds 9 --calls 2000]`: the same records are viewed, updated and
//! registered by `WebApi::handle` (route, token, address, rights, count of calls, JSON, envelope, audit log) and by the Rust
//! functions, as the same user and in turn. Printed are medians of the rounds; the aim is 30 µs between the two.

use std::hint::black_box;
use std::io::Read;
use std::time::{Duration, Instant};

use renkei::webapi::{Request, WebApi};
use renkei::{AccessSettings, Blueprint, NewToken, Right, Store, User, Values};

mod customers;
mod filled;

const HELP: &str = "\
cargo bench --bench dispatch -- [--rows 20000] [--rounds 9] [--calls 2000]
    --rows N     customers in the store
    --rounds N   rounds, in each of which both sides do everything
    --calls N    calls of each function in a round
";

/// More than are made, so that counting them costs what it costs and refuses nothing.
const CALLS_PER_MINUTE: u32 = 1_000_000;

struct Bench {
    user: Store,
    api: WebApi,
    token: String,
    database: i64,
    /// The items that are written, by code and id.
    items: Vec<(String, i64)>,
    rows: u64,
    next: u64,
}

/// What a function is given: the key of a record, and the cells of a customer.
struct Given {
    key: String,
    cells: Vec<String>,
}

fn main() {
    let (mut rows, mut rounds, mut calls) = (20_000u64, 9usize, 2_000u64);
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        if word == "--help" {
            return print!("{HELP}");
        }
        match (word.as_str(), words.next().and_then(|value| value.parse::<u64>().ok())) {
            ("--rows", Some(value)) => rows = value,
            ("--rounds", Some(value)) => rounds = value as usize,
            ("--calls", Some(value)) => calls = value,
            (other, _) => panic!("there is no option {other} of that kind\n{HELP}"),
        }
    }
    let dir = tempfile::tempdir().expect("a folder");
    let mut bench = Bench::new(&dir.path().join("store.db"), rows);
    println!("{rows} customers, {calls} calls of each function a round, {rounds} rounds in turn\n");
    println!("| function | direct µs | dispatched µs | between them µs |\n| --- | --- | --- | --- |");
    for (name, direct, body) in FUNCTIONS {
        let mut taken = [const { Vec::new() }; 2];
        for round in 0..=rounds {
            // Who begins takes turns as well; the first round warms up.
            for side in [round % 2, (round + 1) % 2] {
                let given: Vec<Given> = (0..calls).map(|_| bench.give()).collect();
                let took = match side {
                    0 => direct(&bench, &given),
                    _ => bench.dispatch(name, body, &given),
                };
                if round > 0 {
                    taken[side].push(took.as_secs_f64() * 1e6 / calls as f64);
                }
            }
        }
        let [direct, dispatched] = taken.map(|mut all| {
            all.sort_by(f64::total_cmp);
            all[all.len() / 2]
        });
        println!("| {name} | {direct:.1} | {dispatched:.1} | {:.1} |", dispatched - direct);
    }
}

type Direct = fn(&Bench, &[Given]) -> Duration;
type ToBody = fn(&Bench, &Given) -> String;

const FUNCTIONS: [(&str, Direct, ToBody); 3] = [
    ("view", view, |bench, given| {
        format!(r#"{{"dbSchemaId":"{}","keyId":"{}","responseType":"1"}}"#, bench.database, given.key)
    }),
    ("update", update, |bench, given| {
        let (_, id) = &bench.items[UPDATED];
        let (database, key, value) = (bench.database, &given.key, &given.cells[UPDATED]);
        format!(r#"{{"dbSchemaId":"{database}","keyId":"{key}","values":{{"{id}":"{value}"}}}}"#)
    }),
    ("regist", register, |bench, given| {
        let values: serde_json::Map<String, serde_json::Value> = bench
            .items
            .iter()
            .zip(&given.cells)
            .map(|((_, id), cell)| (id.to_string(), cell.as_str().into()))
            .collect();
        serde_json::json!({"dbSchemaId": bench.database, "keyMode": "1", "values": values}).to_string()
    }),
];

/// Which cell an update writes: the points.
const UPDATED: usize = 8;

fn timed(given: &[Given], mut work: impl FnMut(&Given)) -> Duration {
    let began = Instant::now();
    given.iter().for_each(&mut work);
    began.elapsed()
}

/// Every cell as people see it, as the dispatcher shows it.
fn view(bench: &Bench, given: &[Given]) -> Duration {
    let records = bench.user.records("customers");
    timed(given, |given| {
        let record = records.view(given.key.as_str()).expect("it is viewed");
        for (code, _) in &bench.items {
            black_box(record.display(code));
        }
    })
}

fn update(bench: &Bench, given: &[Given]) -> Duration {
    let records = bench.user.records("customers");
    let (code, _) = &bench.items[UPDATED];
    timed(given, |given| {
        let values = Values::new().set(code.as_str(), given.cells[UPDATED].as_str());
        black_box(records.update(given.key.as_str(), &values).expect("it is updated"));
    })
}

fn register(bench: &Bench, given: &[Given]) -> Duration {
    let records = bench.user.records("customers");
    timed(given, |given| {
        let cells = bench.items.iter().zip(&given.cells);
        let values = cells.fold(Values::new(), |values, ((code, _), cell)| values.set(code.as_str(), cell.as_str()));
        black_box(records.register(&values).expect("it is registered"));
    })
}

impl Bench {
    fn new(path: &std::path::Path, rows: u64) -> Bench {
        let (database, setting) = filled::definition();
        let rights = [Right::View, Right::Register, Right::Update];
        let access = AccessSettings { calls_per_minute: Some(CALLS_PER_MINUTE), ..AccessSettings::default() };
        let user = User::new("link", "連携用").allow("customers", rights);
        filled::fill(path, rows, &Blueprint::new().access(access).user(user).database(database).import(setting));
        let store = Store::open(path).expect("it opens");
        let token = store.issue_token(&NewToken::of("link")).expect("it is issued").secret().to_owned();
        let database = store.database("customers").expect("it is there");
        Bench {
            user: store.authenticate(&token, None).expect("it is good"),
            api: WebApi::new(&store, "abc1de2").expect("it serves"),
            token,
            database: database.id.expect("it has an id"),
            items: database.fields.into_iter().map(|field| (field.code, field.id.expect("it has an id"))).collect(),
            rows,
            next: rows,
        }
    }

    /// A record to be read or changed, and one to be made.
    fn give(&mut self) -> Given {
        self.next += 1;
        let mut line = String::new();
        customers::line(&mut line, self.next, 1, 0);
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_bytes());
        let record = reader.records().next().expect("a record").expect("read");
        let key = customers::Dice(self.next).next() % self.rows + 1;
        Given { key: format!("{key:010}"), cells: record.iter().map(str::to_owned).collect() }
    }

    /// The same by the dispatcher; the bodies of the requests are there before, as a host has them.
    fn dispatch(&self, function: &str, body: ToBody, given: &[Given]) -> Duration {
        let bodies: Vec<String> = given.iter().map(|given| body(self, given)).collect();
        let target = format!("/abc1de2/apirecord/{function}/version/v1");
        let mut answer = Vec::new();
        let began = Instant::now();
        for body in &bodies {
            let request = Request::new("POST", target.as_str())
                .header("host", "db.example.test")
                .header("x-hd-apitoken", &self.token)
                .header("content-type", "application/json")
                .remote([203, 0, 113, 7].into())
                .body(body.as_bytes());
            let response = self.api.handle(request);
            assert_eq!(response.status(), 200, "{:?}", response.body_bytes().map(String::from_utf8_lossy));
            answer.clear();
            response.into_body().read_to_end(&mut answer).expect("it is read");
            black_box(&answer);
        }
        began.elapsed()
    }
}
