//! A store in which everything is done, and a writer that does it as its dice say.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use renkei::{
    AuditEntry, AutoNumber, BackupOptions, Blueprint, Circuit, Code, Database, DefinitionKind, DetailMode, DetailRow,
    Error, Export, Field, FieldKind, ImportMode, ImportSetting, NetworkPolicy, NewDelivery, NewToken, RetryPlan,
    Sending, Store, Target, Transaction, User, Values, Worker, WriteOptions,
};

use crate::automations::{self, CASES};
use crate::common_dice::Dice;
use crate::imports::{self, FILL_LINES};
use crate::ledger::{Deed, Entry, Import, Ledger, Outcome, bytes_of};
use crate::messages::TOGETHER_BYTES;
use crate::pushes;

/// The accounts of each writer.
pub const ACCOUNTS: u64 = 6;

/// What the audit log calls the deeds of writers.
pub const ACTION: &str = "test/deed";

/// The user as whom writers are noted.
pub const USER: &str = "writer";

pub fn account(writer: u64, account: u64) -> String {
    format!("A{writer}-{account}")
}

pub fn counter(writer: Option<u64>) -> String {
    writer.map_or_else(|| "counter".to_owned(), |writer| format!("counter-{writer}"))
}

/// With where the writers' messages go.
fn blueprint(url: &str) -> Blueprint {
    let serial = AutoNumber { prefix: "S".into(), digits: 5, ..AutoNumber::default() };
    let accounts = Database::new("accounts", "口座")
        .field(Field::key("code", "番号"))
        .field(Field::text("name", "名義").full_text())
        .field(Field::number("amount", "金額", 2).indexed())
        .field(Field::text("sent", "送信"));
    let orders = Database::new("orders", "注文")
        .field(Field::auto_key("number", "番号", AutoNumber { digits: 6, ..AutoNumber::default() }))
        .field(Field::text("title", "件名").required().full_text().indexed())
        .field(Field::link("account", "口座", "accounts"))
        .field(Field::dependent("account_name", "名義", "account", "name"))
        .field(Field::number("rate", "率", 2))
        .field(Field::auto_number("serial", "連番", serial))
        .field(Field::file("paper", "書類"))
        .field(Field::number("changed", "変更", 0))
        .field(Field::text("memo", "備考").default_value("備考なし"))
        .field(Field::calculated("total", "合計", 2, "sum(price) * rate").unwrap())
        .detail(Field::detail_key("line", "行"))
        .detail(Field::text("item", "品名").full_text())
        .detail(Field::number("price", "価格", 0));
    let parts = Database::new("parts", "部品")
        .field(Field::key("code", "コード"))
        .field(Field::text("name", "名称").required().full_text())
        .detail(Field::number("line", "行", 0));
    let import = |database: &str, is_atomic: bool, mode: ImportMode, columns: &[&str]| {
        let code = if is_atomic { "whole" } else { "partial" };
        let mut setting = ImportSetting::new(database, code, "取込").mode(mode);
        setting.details = DetailMode::Append;
        setting.fill_dependents = true;
        setting.atomic = is_atomic;
        columns.iter().fold(setting, |setting, column| setting.column(*column))
    };
    let all = Blueprint::new()
        .user(User::new(USER, "書き手"))
        .target(Target::new("t", "宛先").circuit(Circuit { failures: 0, ..Circuit::default() }))
        .database(accounts)
        .database(orders)
        .database(parts);
    let all = automations::blueprint(pushes::blueprint(all, url, sending()));
    [false, true].into_iter().fold(all, |all, is_atomic| {
        all.import(import("orders", is_atomic, ImportMode::Insert, &["title", "account", "rate", "line", "price"]))
            .import(import("parts", is_atomic, ImportMode::Upsert, &["code", "name", "line"]))
    })
}

/// Makes what the writers need, unless it is there: whoever made it may have died on the way.
pub fn found(store: &Store, writers: &[u64], url: &str) -> Result<(), Error> {
    match store.database("parts") {
        Ok(_) => {}
        Err(error) if error.code() == Code::DatabaseNotFound => drop(store.apply(&blueprint(url))?),
        Err(error) => return Err(error),
    }
    let accounts = store.records("accounts");
    for writer in writers {
        let own = (0..ACCOUNTS).map(|number| account(*writer, number)).chain([counter(Some(*writer)), counter(None)]);
        for code in own {
            if accounts.find(&code)?.is_none() {
                let values = Values::new().set("code", code.as_str()).set("name", "名義人").set("amount", 0);
                match accounts.register(&values) {
                    // Another writer was faster.
                    Err(error) if code == counter(None) && error.code() == Code::RecordInvalid => {}
                    made => drop(made?),
                }
            }
        }
    }
    automations::found(store, writers)
}

/// Sent to one target, again and again until it is taken.
fn sending() -> Sending {
    let retry = RetryPlan { delays_seconds: vec![0; 1_000], jitter_percent: 0, ..RetryPlan::default() };
    Sending { target: Some("t".to_owned()), retry, ..Sending::default() }
}

/// To this machine only.
pub fn local() -> NetworkPolicy {
    NetworkPolicy::new().allow("127.0.0.0/8").unwrap()
}

pub fn order(title: &str, account: &str, rows: u64) -> Values {
    (0..rows).fold(Values::new().set("title", title).set("account", account).set("rate", 2), |values, row| {
        values.row(DetailRow::new().set("line", row.to_string()).set("item", "箱").set("price", 100))
    })
}

/// The definition of the orders, changed for the nth time. It tells in its name how often it was.
fn define(store: &Store, step: u64) -> Result<(), Error> {
    let mut orders = store.database("orders")?;
    orders.name = defined_name(step);
    match step % 5 {
        0 => {
            let memo = orders.fields.iter_mut().find(|field| ["memo", "remark"].contains(&field.code.as_str()));
            let memo = memo.unwrap();
            memo.full_text = !memo.full_text;
        }
        1 => {
            let memo = orders.fields.iter_mut().find(|field| ["memo", "remark"].contains(&field.code.as_str()));
            let memo = memo.unwrap();
            memo.code = if memo.code == "memo" { "remark" } else { "memo" }.to_owned();
        }
        2 => {
            let rate = orders.fields.iter_mut().find(|field| field.code == "rate").unwrap();
            rate.index = !rate.index;
        }
        3 => {
            let rate = orders.fields.iter_mut().find(|field| field.code == "rate").unwrap();
            if let FieldKind::Number { scale, .. } = &mut rate.kind {
                *scale = (*scale + 1).min(6);
            }
        }
        _ if orders.fields.len() < 16 => {
            let field = Field::text(format!("f{step}"), format!("項目{step}")).default_value("既定").indexed();
            orders = orders.field(field);
        }
        _ => {}
    }
    store.apply(&Blueprint::new().database(orders)).map(drop)
}

pub fn defined_name(step: u64) -> String {
    format!("注文 第{step}版")
}

/// How often the definition that a store has was changed.
pub fn defined(store: &Store) -> u64 {
    let name = store.database("orders").unwrap().name;
    let number = name.strip_prefix("注文 第").and_then(|rest| rest.strip_suffix("版"));
    number.map_or(0, |number| number.parse().unwrap())
}

/// How a writer works.
pub struct Habits {
    /// Runs itself what is due, now and then; else somebody else does.
    pub works: bool,
    /// Changes definitions and makes backups.
    pub keeps_house: bool,
    /// Where deliveries go.
    pub url: String,
    pub import_lines: u64,
}

pub struct Writer {
    store: Store,
    dir: PathBuf,
    dice: Dice,
    pub ledger: Ledger,
    habits: Habits,
    worker: Worker,
    /// Called when something was done and nobody was told yet.
    pub before_told: Box<dyn FnMut() + Send>,
    /// Called at each step of a backup.
    pub on_backup: Box<dyn Fn() + Send>,
    /// How long each kind of deed took.
    pub times: Vec<(&'static str, Duration)>,
}

impl Writer {
    pub fn new(store: &Store, writer: u64, dice: Dice, habits: Habits, worker: Worker) -> Writer {
        let dir = store.path().parent().unwrap().to_owned();
        Writer {
            store: store.clone(),
            ledger: Ledger::open(&dir, writer),
            dir,
            dice,
            habits,
            worker,
            before_told: Box::new(|| {}),
            on_backup: Box::new(|| {}),
            times: Vec::new(),
        }
    }

    /// Does one thing.
    pub fn step(&mut self) -> Result<(), Error> {
        let deed = self.choose();
        let number = self.ledger.begin(&deed);
        let began = Instant::now();
        let answer = self.act(number, &deed)?;
        self.times.push((name(&deed), began.elapsed()));
        (self.before_told)();
        self.ledger.end(number, Outcome::Done(answer));
        Ok(())
    }

    fn choose(&mut self) -> Deed {
        let dice = &mut self.dice;
        let rows = dice.roll(4);
        match dice.roll(122) {
            0..20 => Deed::Register { rows },
            20..28 => Deed::Bulk { count: 1 + dice.roll(40) },
            28..38 => Deed::Account { account: dice.roll(ACCOUNTS) },
            38..44 => self.earlier().map_or(Deed::Register { rows }, |of| Deed::Delete { of }),
            44..52 => Deed::Together { rows, in_order: dice.roll(2) == 0 },
            52..56 => Deed::Deliver { bytes: if dice.roll(4) == 0 { 300_000 } else { dice.roll(500) } },
            56..62 => Deed::Count,
            62..72 => Deed::Reserve {
                import: Import {
                    is_upsert: dice.roll(2) == 0,
                    is_atomic: dice.roll(3) == 0,
                    lines: 1 + dice.roll(self.habits.import_lines),
                    is_path: dice.roll(2) == 0,
                },
            },
            72..82 if self.habits.works => Deed::Work,
            82..86 => Deed::Export,
            86..88 if self.habits.keeps_house => Deed::Backup,
            88..92 if self.habits.keeps_house => Deed::Define { step: defined(&self.store) + 1 },
            92..96 => {
                let bytes = self.dice.roll_widely(17);
                self.earlier().map_or(Deed::Register { rows }, |of| Deed::File { of, bytes })
            }
            96..98 => Deed::Sweep,
            100..106 => Deed::Automate { first: dice.roll(CASES), count: 1 + dice.roll(CASES) },
            106..109 => self.earlier().map_or(Deed::Register { rows }, |of| Deed::Change { of, rows }),
            109..111 => Deed::Fill {
                import: Import {
                    is_upsert: false,
                    is_atomic: dice.roll(3) == 0,
                    lines: FILL_LINES,
                    is_path: dice.roll(2) == 0,
                },
            },
            111..112 => {
                let filled = self.untouched(|deed| matches!(deed, Deed::Fill { .. }));
                filled.map_or(Deed::Register { rows }, |of| Deed::Remove { of })
            }
            112..115 => {
                let imports = self.untouched(|deed| matches!(deed, Deed::Reserve { .. } | Deed::Fill { .. }));
                imports.map_or(Deed::Register { rows }, |of| Deed::Cancel { of })
            }
            115..117 => {
                let sent = self.untouched(|deed| matches!(deed, Deed::Deliver { .. } | Deed::Together { .. }));
                sent.map_or(Deed::Register { rows }, |of| Deed::Withdraw { of })
            }
            117..119 => Deed::Push,
            119..121 => Deed::Token,
            121..122 => {
                let tokens = self.untouched(|deed| matches!(deed, Deed::Token));
                tokens.map_or(Deed::Register { rows }, |of| Deed::Revoke { of })
            }
            _ => Deed::Audit,
        }
    }

    /// One of the last deeds of a kind that were done, on which nothing else was tried.
    fn untouched(&mut self, is_it: impl Fn(&Deed) -> bool) -> Option<u64> {
        let entries = &self.ledger.entries;
        let is_touched = |number: u64| {
            entries.iter().any(|entry| match entry.deed {
                Deed::Remove { of } | Deed::Cancel { of } | Deed::Withdraw { of } | Deed::Revoke { of } => of == number,
                _ => false,
            })
        };
        let found = entries.iter().rev().filter(|entry| entry.is_done() && is_it(&entry.deed)).take(5);
        let all: Vec<u64> = found.map(|entry| entry.number).filter(|number| !is_touched(*number)).collect();
        (!all.is_empty()).then(|| self.dice.pick(&all))
    }

    /// An earlier deed whose order is still there, as it was.
    fn earlier(&mut self) -> Option<u64> {
        let entries = &self.ledger.entries;
        let is_touched = |number: u64| {
            entries.iter().any(|entry| match entry.deed {
                Deed::Delete { of } | Deed::File { of, .. } => of == number,
                _ => false,
            })
        };
        let registered = entries.iter().rev().filter(|entry| entry.is_done());
        let registered = registered.filter(|entry| matches!(entry.deed, Deed::Register { .. })).take(20);
        let all: Vec<u64> = registered.map(|entry| entry.number).filter(|number| !is_touched(*number)).collect();
        (!all.is_empty()).then(|| self.dice.pick(&all))
    }

    fn act(&self, number: u64, deed: &Deed) -> Result<String, Error> {
        let (store, writer) = (&self.store, self.ledger.writer);
        let title = self.ledger.title(number);
        let own = account(writer, number % ACCOUNTS);
        let orders = store.records("orders");
        match deed {
            Deed::Register { rows } => Ok(orders.register(&order(&title, &own, *rows))?.key),
            Deed::Bulk { count } => {
                let all: Vec<Values> = (0..*count).map(|at| order(&format!("{title}-{at}"), &own, at % 3)).collect();
                let saved = orders.register_all(&all, &WriteOptions::new())?;
                Ok(saved.len().to_string())
            }
            Deed::Account { account: which } => {
                let amount = i64::try_from(number).unwrap();
                let values = Values::new().set("code", account(writer, *which)).set("amount", amount);
                Ok(store.records("accounts").upsert(&values)?.key)
            }
            Deed::Delete { of } => orders.delete(self.ledger.entry(*of).answer()).map(|id| id.to_string()),
            Deed::Together { rows, in_order } => store
                .transaction(|transaction| {
                    transaction.register("orders", &order(&title, &own, *rows), &WriteOptions::new())?;
                    let new = self.delivery(number, TOGETHER_BYTES);
                    transaction.deliver(&if *in_order { new.order_key(writer.to_string()) } else { new })
                })
                .map(|id| id.to_string()),
            Deed::Deliver { bytes } if *bytes > 100_000 => {
                let file = store.put_file("body", &bytes_of(&title, *bytes)[..])?;
                store.deliver(&self.delivery(number, 0).file(file.id)).map(|id| id.to_string())
            }
            Deed::Deliver { bytes } => store.deliver(&self.delivery(number, *bytes)).map(|id| id.to_string()),
            Deed::Count => {
                let add = |transaction: &Transaction<'_>, code: String| {
                    let found = transaction.view("accounts", code.as_str())?;
                    let more = found.value("amount").as_number().unwrap().unscaled() / 100 + 1;
                    let options = WriteOptions::new().expect_revision(found.revision());
                    transaction.update("accounts", code, &Values::new().set("amount", more), &options)?;
                    Ok::<i64, Error>(more)
                };
                let counted = store.transaction(|transaction| {
                    add(transaction, counter(None))?;
                    add(transaction, counter(Some(writer)))
                });
                Ok(counted?.to_string())
            }
            Deed::Reserve { import } => {
                imports::reserve(store, &self.dir, writer, &title, import).map(|id| id.to_string())
            }
            Deed::Automate { first, count } => {
                automations::start(store, writer, &title, *first, *count).map(|id| id.to_string())
            }
            Deed::Work => self.worker.run_until_idle().map(|done| done.to_string()),
            Deed::Export => {
                let path = self.dir.join(format!("{title}.out"));
                Ok(store.export_to_path(&Export::of("orders"), path)?.records.to_string())
            }
            Deed::Backup => {
                let path = self.dir.join(format!("{title}.db"));
                let made = store.backup_with(path, &BackupOptions::new(), |_| {
                    (self.on_backup)();
                    true
                });
                Ok(made?.bytes.to_string())
            }
            Deed::Define { step } => define(store, *step).map(|()| String::new()),
            Deed::File { of, bytes } => {
                let file = store.put_file("paper", &bytes_of(&title, *bytes)[..])?;
                let key = self.ledger.entry(*of).answer();
                Ok(orders.update(key, &Values::new().set("paper", file.id))?.key)
            }
            Deed::Change { of, rows } => {
                let values = order(&self.ledger.title(*of), &own, *rows).set("changed", i64::try_from(number).unwrap());
                let options = WriteOptions::new().details(DetailMode::Replace);
                Ok(orders.update_with(self.ledger.entry(*of).answer(), &values, &options)?.key)
            }
            Deed::Fill { import } => {
                imports::fill(store, &self.dir, (writer, number), &title, import).map(|id| id.to_string())
            }
            Deed::Remove { of } => {
                let Deed::Fill { import } = &self.ledger.entry(*of).deed else { unreachable!() };
                let database = imports::filled(writer, *of);
                store.remove_definition(DefinitionKind::Import, &database, import.setting()).map(|()| String::new())
            }
            Deed::Cancel { of } => {
                let ended = store.cancel_import(self.ledger.entry(*of).answer().parse().unwrap());
                unless(Code::JobState, ended)
            }
            Deed::Withdraw { of } => {
                let ended = store.cancel_delivery(self.ledger.entry(*of).answer().parse().unwrap());
                unless(Code::DeliveryState, ended)
            }
            Deed::Push => pushes::start(store, writer, number, &title).map(|id| id.to_string()),
            Deed::Token => {
                let token = store.issue_token(&NewToken::of(USER).name(title))?;
                Ok(format!("{} {}", token.id(), token.secret()))
            }
            Deed::Revoke { of } => store.revoke_token(token(self.ledger.entry(*of)).0).map(|()| String::new()),
            Deed::Audit => {
                // As a user: of lines without one only some are kept each minute.
                store.as_user(USER)?.note_audit(&AuditEntry::new(ACTION).subject(&title).result("ok"))?;
                Ok(String::new())
            }
            Deed::Sweep => self.worker.sweep().map(|()| String::new()),
        }
    }

    fn delivery(&self, number: u64, bytes: u64) -> NewDelivery {
        let (url, title) = (&self.habits.url, self.ledger.title(number));
        // Receivers know it by its path.
        let new = NewDelivery::post(format!("{url}/{}/{number}", self.ledger.writer));
        new.sending(sending()).body(bytes_of(&title, bytes)).token(title)
    }
}

/// What has ended already is as well.
fn unless(code: Code, ended: Result<(), Error>) -> Result<String, Error> {
    match ended {
        Err(error) if error.code() == code => Ok("it had ended".to_owned()),
        other => other.map(|()| String::new()),
    }
}

/// The id of the token that a deed issued; and its secret, if somebody was told of it.
pub fn token(entry: &Entry) -> (i64, &str) {
    let (id, secret) = entry.answer().split_once(' ').unwrap();
    (id.parse().unwrap(), secret)
}

pub fn name(deed: &Deed) -> &'static str {
    match deed {
        Deed::Register { .. } => "register",
        Deed::Bulk { .. } => "bulk",
        Deed::Account { .. } => "upsert",
        Deed::Delete { .. } => "delete",
        Deed::Together { .. } => "record and delivery",
        Deed::Deliver { .. } => "delivery",
        Deed::Count => "count",
        Deed::Reserve { .. } => "reserve",
        Deed::Automate { .. } => "automation",
        Deed::Work => "work",
        Deed::Export => "export",
        Deed::Backup => "backup",
        Deed::Define { .. } => "definition",
        Deed::File { .. } => "file",
        Deed::Change { .. } => "update",
        Deed::Fill { .. } => "fill",
        Deed::Remove { .. } => "removal",
        Deed::Cancel { .. } | Deed::Withdraw { .. } => "cancel",
        Deed::Push => "CSV push",
        Deed::Token | Deed::Revoke { .. } => "token",
        Deed::Audit => "audit",
        Deed::Sweep => "sweep",
    }
}
