//! Everything at once, by several processes, and sudden deaths in the middle of it: what anybody was told of is there,
//! once, and as a whole.
//!
//! A writer does what its dice say and writes into a ledger what it means to do and what it was told (`ledger.rs`,
//! `work.rs`); `judge.rs` and what it calls compare store and ledgers. In `kills.rs` writers die, in `processes.rs` many work on one file.
//!
//! `RENKEI_TEST_KILLS=5000 cargo test --test crash` kills so often; `RENKEI_TEST_SEED=n` lives the life again that a
//! failure has named. `RENKEI_TEST_SECONDS=60` is how long many processes work.
#![cfg(feature = "http")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common_child/mod.rs"]
mod common_child;
#[path = "../common_dice/mod.rs"]
mod common_dice;
#[path = "../common_disk/mod.rs"]
mod common_disk;
#[path = "../common_http/mod.rs"]
mod common_http;

mod automations;
mod copies;
mod imports;
mod judge;
mod kills;
mod ledger;
mod messages;
mod processes;
mod pushes;
mod work;

use std::io::Write;

/// What a started process does; as a test of its own it does nothing.
#[test]
fn child() {
    let Some((task, path)) = common_child::task() else { return };
    tell_failures_to(&path.with_extension("failures"));
    match task.as_str() {
        "live" => kills::live_and_die(&path),
        "share" => processes::share(&path),
        other => panic!("{other}"),
    }
}

/// Panics, and failures that the library has logged, are written where the parent finds them.
fn tell_failures_to(path: &std::path::Path) {
    struct Failures(std::path::PathBuf);

    impl Failures {
        fn tell(&self, text: &str) {
            let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&self.0).unwrap();
            writeln!(file, "{text}").unwrap();
        }
    }

    impl log::Log for Failures {
        fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
            metadata.level() <= log::Level::Error
        }

        fn log(&self, record: &log::Record<'_>) {
            let text = record.args().to_string();
            // Work on which too many have died is given up, which is judged where it is found.
            if self.enabled(record.metadata()) && record.target().starts_with("renkei") && !text.ends_with("given up") {
                self.tell(&text);
            }
        }

        fn flush(&self) {}
    }

    let failures: &'static Failures = Box::leak(Box::new(Failures(path.to_owned())));
    std::panic::set_hook(Box::new(move |panic| failures.tell(&panic.to_string())));
    log::set_logger(failures).unwrap();
    log::set_max_level(log::LevelFilter::Error);
}
