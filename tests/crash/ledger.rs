//! What writers meant to do, and what they were told of it: written down where no death takes it away.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// What a writer does. What it brings into the store is called by the writer and the number of the deed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Deed {
    /// An order with so many rows.
    Register {
        rows: u64,
    },
    /// Many orders at once.
    Bulk {
        count: u64,
    },
    /// The amount of one of the writer's accounts becomes the number of the deed.
    Account {
        account: u64,
    },
    /// The order of an earlier deed is deleted.
    Delete {
        of: u64,
    },
    /// An order, and a delivery that tells of it, in one transaction.
    Together {
        rows: u64,
        in_order: bool,
    },
    /// A delivery.
    Deliver {
        bytes: u64,
    },
    /// One more for the writer's own counter, and one for that of all, which everybody wants to write.
    Count,
    /// An import.
    Reserve {
        import: Import,
    },
    /// An automation, for so many cases of the writer from one on.
    Automate {
        first: u64,
        count: u64,
    },
    /// Everything that is due is run.
    Work,
    Export,
    Backup,
    /// The definition of the orders is changed for the nth time.
    Define {
        step: u64,
    },
    /// A file is put to the order of an earlier deed.
    File {
        of: u64,
        bytes: u64,
    },
    /// The order of an earlier deed gets other rows, so many.
    Change {
        of: u64,
        rows: u64,
    },
    /// A database is made, and an import that fills it.
    Fill {
        import: Import,
    },
    /// The import setting by which an earlier deed filled a database is taken out.
    Remove {
        of: u64,
    },
    /// The import of an earlier deed is ended.
    Cancel {
        of: u64,
    },
    /// The delivery of an earlier deed is ended.
    Withdraw {
        of: u64,
    },
    /// The writer's accounts are sent by a CSV push.
    Push,
    /// A token is issued.
    Token,
    /// The token of an earlier deed is revoked.
    Revoke {
        of: u64,
    },
    Audit,
    Sweep,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Import {
    /// Into the parts, by key, each of which comes twice; else into the orders, one a line.
    pub is_upsert: bool,
    pub is_atomic: bool,
    pub lines: u64,
    /// Read in place, not uploaded.
    pub is_path: bool,
}

impl Import {
    pub fn database(&self) -> &'static str {
        if self.is_upsert { "parts" } else { "orders" }
    }

    pub fn setting(&self) -> &'static str {
        if self.is_atomic { "whole" } else { "partial" }
    }

    /// Whether a line is one that is refused.
    pub fn is_bad(&self, line: u64) -> bool {
        !self.is_atomic && line % 17 == 5
    }

    pub fn bad(&self) -> u64 {
        (0..self.lines).filter(|line| self.is_bad(*line)).count() as u64
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Nobody was told.
    Unknown,
    /// It was done, and this was the answer.
    Done(String),
    /// It was found not to have happened.
    Undone,
}

#[derive(Debug, Clone)]
pub struct Entry {
    pub number: u64,
    pub deed: Deed,
    pub outcome: Outcome,
}

impl Entry {
    pub fn is_done(&self) -> bool {
        matches!(self.outcome, Outcome::Done(_))
    }

    pub fn answer(&self) -> &str {
        match &self.outcome {
            Outcome::Done(answer) => answer,
            _ => "",
        }
    }
}

/// Shows the last lines of all ledgers in a folder when a test fails.
pub struct Tails(pub PathBuf);

impl Drop for Tails {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for path in std::fs::read_dir(&self.0).into_iter().flatten().flatten().map(|entry| entry.path()) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.starts_with("ledger-") || name.ends_with(".failures") {
                let text = std::fs::read_to_string(&path).unwrap_or_default();
                let lines: Vec<&str> = text.lines().collect();
                println!("{name}, {} lines:\n{}", lines.len(), lines[lines.len().saturating_sub(4)..].join("\n"));
            }
        }
    }
}

#[derive(Serialize, Deserialize)]
enum Line {
    Try(u64, Deed),
    Is(u64, Outcome),
}

/// The ledger of one writer.
pub struct Ledger {
    pub writer: u64,
    pub entries: Vec<Entry>,
    file: File,
}

impl Ledger {
    pub fn path(dir: &Path, writer: u64) -> PathBuf {
        dir.join(format!("ledger-{writer}"))
    }

    /// How far it has grown: whoever works makes it longer.
    pub fn size(dir: &Path, writer: u64) -> u64 {
        std::fs::metadata(Ledger::path(dir, writer)).map_or(0, |found| found.len())
    }

    /// The ledger as it is, to be continued.
    pub fn open(dir: &Path, writer: u64) -> Ledger {
        let path = Ledger::path(dir, writer);
        let mut entries: Vec<Entry> = Vec::new();
        for line in std::fs::read_to_string(&path).unwrap_or_default().lines() {
            match serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")) {
                Line::Try(number, deed) => entries.push(Entry { number, deed, outcome: Outcome::Unknown }),
                Line::Is(number, outcome) => {
                    let entry = entries.iter_mut().rev().find(|entry| entry.number == number);
                    entry.expect("what is told was tried").outcome = outcome;
                }
            }
        }
        let file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        Ledger { writer, entries, file }
    }

    /// One call of the system a line: it is there as a whole or not at all, whoever dies.
    fn write(&mut self, line: &Line) {
        let mut text = serde_json::to_string(line).unwrap();
        text.push('\n');
        assert_eq!(self.file.write(text.as_bytes()).unwrap(), text.len());
    }

    /// Notes that something is about to be done; its number.
    pub fn begin(&mut self, deed: &Deed) -> u64 {
        let number = self.next();
        self.write(&Line::Try(number, deed.clone()));
        self.entries.push(Entry { number, deed: deed.clone(), outcome: Outcome::Unknown });
        number
    }

    pub fn end(&mut self, number: u64, outcome: Outcome) {
        self.write(&Line::Is(number, outcome.clone()));
        self.entry_mut(number).outcome = outcome;
    }

    pub fn next(&self) -> u64 {
        self.entries.last().map_or(1, |entry| entry.number + 1)
    }

    pub fn entry(&self, number: u64) -> &Entry {
        let at = self.entries.binary_search_by_key(&number, |entry| entry.number).unwrap();
        &self.entries[at]
    }

    fn entry_mut(&mut self, number: u64) -> &mut Entry {
        let at = self.entries.binary_search_by_key(&number, |entry| entry.number).unwrap();
        &mut self.entries[at]
    }

    /// How what a deed brings is called.
    pub fn title(&self, number: u64) -> String {
        title(self.writer, number)
    }
}

pub fn title(writer: u64, number: u64) -> String {
    format!("書き手{writer}の{number}")
}

/// The bytes of a file or a message, which can be told from its name.
pub fn bytes_of(title: &str, count: u64) -> Vec<u8> {
    title.bytes().cycle().take(usize::try_from(count).unwrap()).collect()
}
