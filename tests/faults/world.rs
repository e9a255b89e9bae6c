//! Stores to begin with, and how it is known whether anything in them was harmed.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use renkei::{
    Answer, AutoNumber, Automation, AutomationTrigger, Blueprint, Channel, Circuit, CsvPush, Database, DeliveryFilter,
    DetailRow, Error, Exchange, Failure, Field, FieldSource, ImportMode, ImportRequest, ImportSetting, Kind, Language,
    List, ManualClock, MenuEntry, NewDelivery, OutboundRequest, Part, Query, RegisterRecord, RetryPlan, Sending, Store,
    Synchronous, Target, Times, Timestamp, Transport, UpdateRecords, User, Values, Worker, WriteOptions,
};
use tempfile::TempDir;

use super::common_child::die;
use super::common_disk::{Disk, install};

/// 2026-01-31 09:30:00 in Tokyo.
const NOW: Timestamp = Timestamp(1_769_819_400_000);

fn orders() -> Database {
    let serial = AutoNumber { prefix: "S".into(), digits: 4, ..AutoNumber::default() };
    Database::new("orders", "注文")
        .field(Field::auto_key("number", "番号", AutoNumber { digits: 6, ..AutoNumber::default() }))
        .field(Field::text("title", "件名").required().full_text())
        .field(Field::number("rate", "率", 2))
        .field(Field::auto_number("serial", "連番", serial))
        .field(Field::file("paper", "書類"))
        .field(Field::calculated("total", "合計", 2, "sum(price) * rate").unwrap())
        .detail(Field::detail_key("line", "行"))
        .detail(Field::text("item", "品名").full_text())
        .detail(Field::number("price", "価格", 0))
}

pub fn parts() -> Database {
    Database::new("parts", "部品")
        .field(Field::key("code", "コード"))
        .field(Field::text("name", "名称").required().full_text())
        .field(Field::number("price", "単価", 0).indexed())
}

pub fn order(number: usize) -> Values {
    (0..number % 3)
        .fold(Values::new().set("title", format!("注文その{number}")).set("rate", "1.5"), |values, row| {
            values.row(DetailRow::new().set("line", row.to_string()).set("item", "箱").set("price", 100))
        })
}

/// Empty, and with an index that waits for the end of its first import.
fn stock() -> Database {
    Database::new("stock", "在庫").field(Field::key("code", "コード")).field(Field::number("count", "数", 0).indexed())
}

/// For each part one more on its price, and an order.
fn care() -> Automation {
    let more = UpdateRecords::this().set("price", FieldSource::target_formula("price + 1").unwrap());
    let order = RegisterRecord::of("orders").set("title", FieldSource::template("${code}の注文"));
    Automation::new("parts", "care", "対応")
        .on(AutomationTrigger::Api)
        .part(Part::new("more", "数える", more))
        .part(Part::new("order", "注文する", order))
}

/// Answers every message alike, without a network.
struct Postbox {
    status: u16,
}

impl Transport for Postbox {
    fn send(&self, _: &mut OutboundRequest<'_>) -> Result<Exchange, Failure> {
        Ok(Exchange::new(Answer::new(self.status), Times::default()))
    }
}

fn sending() -> Sending {
    Sending { target: Some("office".into()), retry: RetryPlan::once(), ..Sending::default() }
}

pub fn message(number: u64) -> NewDelivery {
    NewDelivery::post("http://127.0.0.1:9/").body(number.to_string()).sending(sending()).token(number.to_string())
}

/// Everything that is due is done, and every message answered with `status`.
pub fn work(store: &Store, status: u16) -> Result<(), Error> {
    Worker::new(store).transport(Channel::Http, Arc::new(Postbox { status })).run_until_idle().map(drop)
}

pub fn csv(rows: usize) -> String {
    let mut text = "コード,名称,単価\n".to_owned();
    (0..rows).for_each(|row| {
        let price = if row % 100 == 50 { "高い".to_owned() } else { row.to_string() };
        text.push_str(&format!("P{row},部品その{row},{price}\n"));
    });
    text
}

pub fn reserve(store: &Store, database: &str, setting: &str, text: &str) {
    let upload = store.upload("parts.csv", text.as_bytes()).unwrap();
    store.reserve_import(&ImportRequest::upload(database, setting, upload.id)).unwrap();
}

pub fn options() -> renkei::StoreOptions {
    let mut options = Store::options();
    // Small pages and caches, so that little work makes many calls; and the log is moved into the file on the way.
    options.page_bytes(1024).cache_bytes(48 << 10).reader_cache_bytes(24 << 10).checkpoint_bytes(64 << 10);
    options.busy_timeout(Duration::from_secs(2));
    options
}

/// A store to begin with: made once, and copied for each case.
fn base() -> &'static Path {
    static BASE: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = BASE.get_or_init(|| {
        install();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("base.db");
        let store = options().create(true).clock(Arc::new(ManualClock::new(NOW))).open(&path).unwrap();
        let upsert = |code: &str| {
            ImportSetting::new("parts", code, "取込")
                .mode(ImportMode::Upsert)
                .column("code")
                .column("name")
                .column("price")
        };
        let mut whole = upsert("whole");
        whole.atomic = true;
        let blueprint = Blueprint::new()
            .database(stock())
            .database(orders())
            .database(parts())
            .import(upsert("partial"))
            .import(whole);
        let first = ImportSetting::new("stock", "first", "初回").column("code").column("count").skip_column();
        let office = Target::new("office", "受信側").circuit(Circuit { failures: 0, ..Circuit::default() });
        let all = List::new("parts", "all", "部品一覧").column("code").column("name");
        let push = CsvPush::new("parts", "core", "基幹システムへ", "http://127.0.0.1:9/parts")
            .after_success("price", "77")
            .sending(sending());
        let blueprint = blueprint
            .import(first)
            .automation(care())
            .target(office)
            .list(all.sub_menu(MenuEntry::CsvPush("core".into())))
            .csv_push(push)
            .user(User::new("clerk", "係"));
        store.apply(&blueprint).unwrap();
        let all: Vec<Values> = (0..60).map(order).collect();
        store.records("orders").register_all(&all, &WriteOptions::new()).unwrap();
        let part = |number: usize| Values::new().set("code", format!("P{number}")).set("name", "部品").set("price", 10);
        let all: Vec<Values> = (0..60).map(part).collect();
        store.records("parts").register_all(&all, &WriteOptions::new()).unwrap();
        drop(store);
        (dir, path)
    });
    path
}

/// A store of its own on a disk that may fail.
pub struct World {
    pub dir: TempDir,
    pub disk: Disk,
    pub clock: Arc<ManualClock>,
    pub options: renkei::StoreOptions,
}

impl World {
    pub fn new(synchronous: Synchronous) -> World {
        World::of(base(), synchronous)
    }

    /// With a copy of the store at `base`, which nobody has open.
    pub fn of(base: &Path, synchronous: Synchronous) -> World {
        let world = World::empty(synchronous);
        std::fs::copy(base, world.path()).unwrap();
        world
    }

    /// Without a store.
    pub fn empty(synchronous: Synchronous) -> World {
        install();
        let dir = tempfile::tempdir().unwrap();
        let disk = Disk::under(dir.path(), die);
        let clock = Arc::new(ManualClock::new(NOW));
        let mut options = options();
        options.synchronous(synchronous).clock(clock.clone());
        World { dir, disk, clock, options }
    }

    pub fn path(&self) -> PathBuf {
        self.dir.path().join("store.db")
    }

    pub fn open(&self) -> Result<Store, Error> {
        self.options.open(self.path())
    }

    /// The names of files that were to get another one when they were whole.
    pub fn unfinished(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
        names.map(|name| name.to_string_lossy().into_owned()).filter(|name| name.starts_with(".renkei-")).collect()
    }
}

/// Everything that people see of a store, without the times at which it came to be.
pub fn picture(store: &Store) -> String {
    let mut lines = Vec::new();
    for database in store.blueprint().unwrap().databases {
        lines.push(format!("{database:?}"));
        for record in store.query(&database.code, &Query::new()).unwrap().records {
            let mut json = record.to_json();
            let fields = json.as_object_mut().unwrap();
            fields.retain(|name, _| !name.ends_with("_at"));
            // Ids of files depend on how often it was tried.
            if let renkei::Value::File(id) = record.value("paper") {
                fields.insert("paper".into(), store.file(id).unwrap().bytes.into());
            }
            lines.push(json.to_string());
        }
    }
    for status in store.imports(100).unwrap() {
        lines.push(format!("{:?} {:?}", status.state, status.counts));
    }
    for run in store.automation_runs(None, 100).unwrap() {
        lines.push(format!("{:?} {} of {}, {} failed", run.state, run.completed, run.total, run.failed));
    }
    for delivery in store.deliveries(&DeliveryFilter::default(), None, 100).unwrap() {
        lines.push(format!("{:?}", delivery.state));
    }
    for run in store.push_runs(None, 100).unwrap() {
        lines.push(format!("{:?} of {} records", run.state, run.records));
    }
    lines.extend(store.users().unwrap().iter().map(|user| format!("{user:?}")));
    lines.extend(store.tokens().unwrap().iter().map(|token| format!("token {} of {}", token.name, token.user)));
    lines.join("\n")
}

/// A failure is told as what it is: the store has failed, in words of both languages.
pub fn is_clear(error: &Error) -> bool {
    let said = |language| !error.message(language).is_empty();
    error.kind() == Kind::Storage && said(Language::Japanese) && said(Language::English)
}
