//! What is done while disks and memory fail, and how it is known whether anything was harmed.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use renkei::{
    Answer, AutoNumber, Automation, AutomationRequest, AutomationTrigger, BackupOptions, Blueprint, Channel, Circuit,
    Database, DeliveryFilter, DetailRow, Error, Exchange, Export, Failure, Field, FieldSource, ImportMode,
    ImportRequest, ImportSetting, Kind, Language, ManualClock, NewDelivery, OutboundRequest, Part, Query,
    RegisterRecord, Sending, Store, Synchronous, Target, Times, Timestamp, Transport, UpdateRecords, Values, Worker,
    WriteOptions,
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

fn parts() -> Database {
    Database::new("parts", "部品")
        .field(Field::key("code", "コード"))
        .field(Field::text("name", "名称").required().full_text())
        .field(Field::number("price", "単価", 0).indexed())
}

fn order(number: usize) -> Values {
    (0..number % 3)
        .fold(Values::new().set("title", format!("注文その{number}")).set("rate", "1.5"), |values, row| {
            values.row(DetailRow::new().set("line", row.to_string()).set("item", "箱").set("price", 100))
        })
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

/// Takes every message, without a network.
struct Postbox;

impl Transport for Postbox {
    fn send(&self, _: &mut OutboundRequest<'_>) -> Result<Exchange, Failure> {
        Ok(Exchange::new(Answer::new(200), Times::default()))
    }
}

fn message(number: u64) -> NewDelivery {
    let sending = Sending { target: Some("office".into()), ..Sending::default() };
    NewDelivery::post("http://127.0.0.1:9/").body(number.to_string()).sending(sending).token(number.to_string())
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
        let blueprint = Blueprint::new().database(orders()).database(parts()).import(upsert("partial")).import(whole);
        let office = Target::new("office", "受信側").circuit(Circuit { failures: 0, ..Circuit::default() });
        let blueprint = blueprint.automation(care()).target(office);
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
        let base = base();
        let dir = tempfile::tempdir().unwrap();
        std::fs::copy(base, dir.path().join("store.db")).unwrap();
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
    lines.join("\n")
}

/// One thing that a host does. What it does is done as a whole or not at all, unless it is `in_parts`: then doing it again
/// brings it to its end.
pub struct Operation {
    pub name: &'static str,
    pub in_parts: bool,
    pub prepare: fn(&Store),
    pub run: fn(&World, &Store) -> Result<(), Error>,
}

fn nothing(_: &Store) {}

fn csv(rows: usize) -> String {
    let mut text = "コード,名称,単価\n".to_owned();
    (0..rows).for_each(|row| {
        let price = if row % 100 == 50 { "高い".to_owned() } else { row.to_string() };
        text.push_str(&format!("P{row},部品その{row},{price}\n"));
    });
    text
}

fn reserve(store: &Store, setting: &str, text: &str) {
    let upload = store.upload("parts.csv", text.as_bytes()).unwrap();
    store.reserve_import(&ImportRequest::upload("parts", setting, upload.id)).unwrap();
}

fn work(_: &World, store: &Store) -> Result<(), Error> {
    Worker::new(store).transport(Channel::Http, Arc::new(Postbox)).run_until_idle().map(drop)
}

pub const OPERATIONS: &[Operation] = &[
    Operation {
        name: "register",
        in_parts: false,
        prepare: nothing,
        run: |_, store| store.records("orders").register(&order(8)).map(drop),
    },
    Operation {
        name: "transaction",
        in_parts: false,
        prepare: nothing,
        run: |_, store| {
            {
                store.transaction(|transaction| {
                    let options = WriteOptions::new();
                    transaction.update("orders", "000004", &Values::new().set("title", "別の件名"), &options)?;
                    transaction.delete("orders", "000005", None)?;
                    transaction.register("parts", &Values::new().set("code", "新").set("name", "新部品"), &options)?;
                    transaction.update("parts", "P7", &Values::new().set("price", 77), &options)
                })
            }
            .map(drop)
        },
    },
    Operation {
        name: "bulk",
        in_parts: false,
        prepare: nothing,
        run: |_, store| {
            let all: Vec<Values> = (100..300).map(order).collect();
            store.records("orders").register_all(&all, &WriteOptions::new()).map(drop)
        },
    },
    Operation {
        name: "import in parts",
        in_parts: true,
        prepare: |store| reserve(store, "partial", &csv(600)),
        run: work,
    },
    Operation {
        name: "atomic import",
        in_parts: true,
        prepare: |store| reserve(store, "whole", &csv(600).replace("高い", "1")),
        run: work,
    },
    Operation {
        name: "reserve",
        in_parts: false,
        prepare: |store| drop(store.upload("parts.csv", csv(20).as_bytes()).unwrap()),
        run: |world, store| {
            // The upload is the last thing that has an id.
            let path = world.dir.path().join("parts.csv");
            std::fs::write(&path, csv(20))?;
            store.reserve_import(&ImportRequest::path("parts", "partial", path).token("once")).map(drop)
        },
    },
    Operation {
        name: "export",
        in_parts: false,
        prepare: nothing,
        run: |_, store| {
            let mut out = Vec::new();
            store.export(&Export::of("orders"), &mut out)?;
            assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), 81);
            Ok(())
        },
    },
    Operation {
        name: "definitions",
        in_parts: false,
        prepare: nothing,
        run: |_, store| {
            let mut orders = store.database("orders")?;
            orders.code = "sales".into();
            orders.fields[1].code = "subject".into();
            orders.fields[2].index = true;
            let orders = orders.field(Field::text("memo", "備考").default_value("なし").full_text());
            let mut parts = store.database("parts")?;
            parts.fields[1].full_text = false;
            if let renkei::FieldKind::Number { scale, .. } = &mut parts.fields[2].kind {
                *scale = 2;
            }
            store.apply(&Blueprint::new().database(orders).database(parts)).map(drop)
        },
    },
    Operation {
        name: "upload",
        in_parts: false,
        prepare: nothing,
        // More than one piece of those that bytes are kept in.
        run: |_, store| store.upload("big.bin", &vec![7u8; 300_000][..]).map(drop),
    },
    Operation {
        name: "attach a file",
        in_parts: false,
        prepare: nothing,
        run: |_, store| {
            let file = store.put_file("紙.txt", &vec![9u8; 3_000][..])?;
            store.records("orders").update("000004", &Values::new().set("paper", file.id)).map(drop)
        },
    },
    Operation {
        name: "backup",
        in_parts: false,
        prepare: nothing,
        run: |world, store| {
            let target = world.dir.path().join("copy.db");
            let made = store.backup_with(&target, &BackupOptions::new(), |_| true);
            assert_eq!(target.exists(), made.is_ok(), "{made:?}");
            made?;
            std::fs::remove_file(target)?;
            Ok(())
        },
    },
    Operation {
        name: "check",
        in_parts: false,
        prepare: nothing,
        run: |_, store| {
            let report = store.check()?;
            let unread =
                |finding: &renkei::Finding| ["check.unreadable", "check.sqlite"].contains(&finding.code().as_str());
            assert!(report.findings().iter().all(unread), "{}", report.message(Language::English));
            Ok(())
        },
    },
    Operation {
        name: "automation",
        in_parts: true,
        prepare: |store| {
            let parts = (0..12).map(|number| format!("P{number}"));
            drop(store.start_automation(&AutomationRequest::call("parts", "care").records(parts)).unwrap());
        },
        run: work,
    },
    Operation {
        name: "record and message",
        in_parts: false,
        prepare: nothing,
        run: |_, store| {
            store
                .transaction(|transaction| {
                    transaction.register("orders", &order(8), &WriteOptions::new())?;
                    transaction.deliver(&message(0))
                })
                .map(drop)
        },
    },
    Operation {
        name: "deliveries",
        in_parts: true,
        prepare: |store| (0..12).for_each(|number| _ = store.deliver(&message(number)).unwrap()),
        run: work,
    },
    Operation {
        name: "sweep",
        in_parts: true,
        prepare: |store| reserve(store, "partial", &csv(20)),
        run: |world, store| {
            work(world, store)?;
            world.clock.advance(Duration::from_secs(1));
            Worker::new(store).retention(Duration::ZERO).sweep()
        },
    },
    Operation {
        name: "open",
        in_parts: false,
        prepare: nothing,
        run: |world, _| {
            let again = world.open()?;
            assert_eq!(again.count("orders", None)?, 60);
            Ok(())
        },
    },
    Operation {
        name: "create",
        in_parts: false,
        prepare: nothing,
        run: |world, _| {
            let path = world.dir.path().join("new.db");
            let store = world.options.clone().create(true).open(&path)?;
            store.apply(&Blueprint::new().database(parts()))?;
            // A commit that has failed may be there when the log is read again.
            store.records("parts").upsert(&Values::new().set("code", "1").set("name", "部品"))?;
            drop(store);
            for suffix in ["", "-wal", "-shm"] {
                let _ = std::fs::remove_file(world.dir.path().join(format!("new.db{suffix}")));
            }
            Ok(())
        },
    },
];

/// A failure is told as what it is: the store has failed, in words of both languages.
pub fn is_clear(error: &Error) -> bool {
    let said = |language| !error.message(language).is_empty();
    error.kind() == Kind::Storage && said(Language::Japanese) && said(Language::English)
}
