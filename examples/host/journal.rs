//! What the library and the host have to say, on the standard error output.

use log::{LevelFilter, Log, Metadata, Record};

struct Journal;

impl Log for Journal {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            eprintln!("{:5} {}", record.level(), record.args());
        }
    }

    fn flush(&self) {}
}

pub fn start(quiet: bool) {
    if log::set_logger(&Journal).is_ok() {
        log::set_max_level(if quiet { LevelFilter::Warn } else { LevelFilter::Info });
    }
}
