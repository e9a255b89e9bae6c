//! What is done while disks and memory fail.

use std::time::Duration;

use renkei::{
    AutomationRequest, BackupOptions, Blueprint, DeliveryFilter, Error, Export, Field, ImportRequest, Language,
    NewToken, PushRequest, Right, Store, User, Values, Worker, WriteOptions,
};

use super::world::{World, csv, message, order, parts, reserve, work};

/// One thing that a host does. What it does is done as a whole or not at all, unless it is `in_parts`: then doing it again
/// brings it to its end.
pub struct Operation {
    pub name: &'static str,
    pub in_parts: bool,
    /// It makes the same calls each time: no thread beside it may come before or after it.
    pub is_steady: bool,
    pub prepare: fn(&Store),
    pub run: fn(&World, &Store) -> Result<(), Error>,
}

fn nothing(_: &Store) {}

fn work_off(_: &World, store: &Store) -> Result<(), Error> {
    work(store, 200)
}

/// Large enough for the index to wait, most of it in a column that is not taken.
pub fn first_import(store: &Store) {
    let lines = (0..132).map(|row| format!("S{row},{row},{}\n", "あ".repeat(2_700)));
    reserve(store, "stock", "first", &format!("コード,数,備考\n{}", lines.collect::<String>()));
}

pub const OPERATIONS: &[Operation] = &[
    Operation {
        name: "register",
        in_parts: false,
        is_steady: true,
        prepare: nothing,
        run: |_, store| store.records("orders").register(&order(8)).map(drop),
    },
    Operation {
        name: "transaction",
        in_parts: false,
        is_steady: true,
        prepare: nothing,
        run: |_, store| {
            let done = store.transaction(|transaction| {
                let options = WriteOptions::new();
                transaction.update("orders", "000004", &Values::new().set("title", "別の件名"), &options)?;
                transaction.delete("orders", "000005", None)?;
                transaction.register("parts", &Values::new().set("code", "新").set("name", "新部品"), &options)?;
                transaction.update("parts", "P7", &Values::new().set("price", 77), &options)
            });
            done.map(drop)
        },
    },
    Operation {
        name: "bulk",
        in_parts: false,
        is_steady: true,
        prepare: nothing,
        run: |_, store| {
            let all: Vec<Values> = (100..300).map(order).collect();
            store.records("orders").register_all(&all, &WriteOptions::new()).map(drop)
        },
    },
    Operation {
        name: "import in parts",
        in_parts: true,
        is_steady: true,
        prepare: |store| reserve(store, "parts", "partial", &csv(600)),
        run: work_off,
    },
    Operation {
        name: "atomic import",
        in_parts: true,
        is_steady: true,
        prepare: |store| reserve(store, "parts", "whole", &csv(600).replace("高い", "1")),
        run: work_off,
    },
    Operation {
        name: "reserve",
        in_parts: false,
        is_steady: true,
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
        is_steady: true,
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
        is_steady: true,
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
        is_steady: true,
        prepare: nothing,
        // More than one piece of those that bytes are kept in.
        run: |_, store| store.upload("big.bin", &vec![7u8; 300_000][..]).map(drop),
    },
    Operation {
        name: "attach a file",
        in_parts: false,
        is_steady: true,
        prepare: nothing,
        run: |_, store| {
            let file = store.put_file("紙.txt", &vec![9u8; 3_000][..])?;
            store.records("orders").update("000004", &Values::new().set("paper", file.id)).map(drop)
        },
    },
    Operation {
        name: "backup",
        in_parts: false,
        is_steady: true,
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
        is_steady: true,
        prepare: nothing,
        run: |_, store| {
            // Whatever fails, it is not the store.
            let report = store.check()?;
            assert!(report.is_sound(), "{}", report.message(Language::English));
            Ok(())
        },
    },
    Operation {
        name: "automation",
        in_parts: true,
        is_steady: true,
        prepare: |store| {
            let parts = (0..12).map(|number| format!("P{number}"));
            drop(store.start_automation(&AutomationRequest::call("parts", "care").records(parts)).unwrap());
        },
        run: work_off,
    },
    Operation {
        name: "record and message",
        in_parts: false,
        is_steady: true,
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
        is_steady: false,
        prepare: |store| (0..12).for_each(|number| _ = store.deliver(&message(number)).unwrap()),
        run: work_off,
    },
    Operation {
        name: "delete",
        in_parts: false,
        is_steady: true,
        prepare: |store| {
            let file = store.put_file("紙.txt", &vec![9u8; 3_000][..]).unwrap();
            store.records("orders").update("000004", &Values::new().set("paper", file.id)).unwrap();
        },
        run: |_, store| {
            let targets: Vec<_> = (2..12).map(|number| format!("{number:06}").into()).collect();
            store.records("orders").delete_all(&targets).map(drop)
        },
    },
    Operation {
        name: "user",
        in_parts: false,
        is_steady: true,
        prepare: nothing,
        run: |_, store| {
            let clerk = User::new("clerk", "主任").allow("orders", Right::View).allow("parts", Right::Import);
            store.apply(&Blueprint::new().user(clerk).user(User::new("new", "新人"))).map(drop)
        },
    },
    Operation {
        name: "token",
        in_parts: false,
        is_steady: true,
        prepare: nothing,
        run: |_, store| store.issue_token(&NewToken::of("clerk").name("夜間")).map(drop),
    },
    Operation { name: "first import", in_parts: true, is_steady: true, prepare: first_import, run: work_off },
    Operation {
        name: "export to a file",
        in_parts: false,
        is_steady: true,
        prepare: nothing,
        run: |world, store| {
            let path = world.dir.path().join("orders.csv");
            std::fs::write(&path, "前の内容")?;
            let made = store.export_to_path(&Export::of("orders"), &path);
            let text = std::fs::read_to_string(&path)?;
            match made {
                Ok(_) => assert_eq!(text.lines().count(), 81),
                Err(_) => assert_eq!(text, "前の内容"),
            }
            made.map(drop)
        },
    },
    Operation {
        name: "rejects to a file",
        in_parts: false,
        is_steady: true,
        prepare: |store| {
            reserve(store, "parts", "partial", &csv(20).replace('1', "高い"));
            work(store, 200).unwrap();
        },
        run: |world, store| {
            let path = world.dir.path().join("rejects.csv");
            let id = store.imports(1)?[0].process_id;
            let made = store.write_rejects_to_path(id, &path);
            assert_eq!(path.exists(), made.is_ok(), "{made:?}");
            assert_eq!(std::fs::read_to_string(&path)?.lines().count() as u64, made? + 1);
            Ok(std::fs::remove_file(path)?)
        },
    },
    Operation {
        name: "cancel",
        in_parts: false,
        is_steady: true,
        prepare: |store| (0..2).for_each(|number| _ = store.deliver(&message(number)).unwrap()),
        run: |_, store| store.cancel_delivery(store.deliveries(&DeliveryFilter::new(), None, 1)?[0].id),
    },
    Operation {
        name: "replay",
        in_parts: false,
        is_steady: true,
        prepare: |store| {
            (0..3).for_each(|number| _ = store.deliver(&message(number)).unwrap());
            work(store, 404).unwrap();
        },
        run: |_, store| {
            assert_eq!(store.replay_failed(&DeliveryFilter::new())?, 3);
            Ok(())
        },
    },
    Operation {
        name: "push",
        in_parts: true,
        is_steady: false,
        prepare: nothing,
        run: |_, store| {
            store.push(&PushRequest::new("parts", "all", "core").records(["P1", "P2"]).token("once"))?;
            work(store, 200)
        },
    },
    Operation {
        name: "sweep",
        in_parts: true,
        is_steady: true,
        prepare: |store| reserve(store, "parts", "partial", &csv(20)),
        run: |world, store| {
            work(store, 200)?;
            world.clock.advance(Duration::from_secs(1));
            Worker::new(store).retention(Duration::ZERO).sweep()
        },
    },
    Operation {
        name: "open",
        in_parts: false,
        is_steady: true,
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
        is_steady: true,
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
