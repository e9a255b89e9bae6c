//! Exports and backups: each is there as a whole or not at all, and has what was there when it was made.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use renkei::Store;

use crate::automations::judge_cases;
use crate::judge::{Found, changes, judge_records, parse, sound};
use crate::ledger::{Deed, Entry, title};

/// The orders that there are after these deeds of a writer, without those of imports and automations: by title, with how
/// many rows.
fn orders_after(writer: u64, deeds: &[&Entry]) -> HashMap<String, u64> {
    let (mut orders, changed) = (HashMap::new(), changes(deeds));
    for entry in deeds.iter().filter(|entry| entry.is_done()) {
        let title = title(writer, entry.number);
        match entry.deed {
            Deed::Register { rows } | Deed::Together { rows, .. } => {
                let rows = changed.get(&entry.number).map_or(rows, |(_, rows)| *rows);
                orders.insert(title, rows);
            }
            Deed::Bulk { count } => orders.extend((0..count).map(|at| (format!("{title}-{at}"), at % 3))),
            Deed::Delete { of } => drop(orders.remove(&crate::ledger::title(writer, of))),
            _ => {}
        }
    }
    orders
}

/// Judges an export of the orders by what its writer did before; whether it is there.
pub fn judge_export(path: &Path, entry: &Entry, writer: u64, before: &[&Entry]) -> bool {
    if !path.exists() {
        assert!(!entry.is_done(), "{entry:?}: there is no file");
        return false;
    }
    let mut reader = csv::Reader::from_path(path).unwrap();
    let headings = reader.headers().unwrap().clone();
    let column = |name: &str| headings.iter().position(|heading| heading == name).unwrap();
    let (key, title) = (column("番号"), column("件名"));
    let (mut keys, mut lines) = (HashSet::new(), HashMap::<String, u64>::new());
    for line in reader.records().map(Result::unwrap) {
        keys.insert(line[key].to_owned());
        *lines.entry(line[title].to_owned()).or_default() += 1;
    }
    assert!(!entry.is_done() || entry.answer() == keys.len().to_string(), "{entry:?}: {} records", keys.len());
    assert_eq!(keys.len(), lines.len(), "{entry:?}: an order is there twice");
    let wanted = orders_after(writer, before);
    for (title, rows) in &wanted {
        // A record without rows has a line too.
        assert_eq!(lines.get(title), Some(&1.max(*rows)), "{entry:?}: lines of {title}");
    }
    for (title, count) in lines.iter().filter(|(title, _)| !wanted.contains_key(*title)) {
        let ((by, number), _) = parse(title).unwrap();
        if by == writer {
            let deed = before.iter().find(|before| before.number == number);
            let brings = deed.is_some_and(|deed| matches!(deed.deed, Deed::Reserve { .. } | Deed::Automate { .. }));
            assert!(brings && *count == 1, "{entry:?}: {count} lines of {title}");
        }
    }
    std::fs::remove_file(path).unwrap();
    true
}

/// Judges a backup by what its writer did before; whether it is there.
pub fn judge_backup(path: &Path, entry: &Entry, writer: u64, before: &[&Entry]) -> bool {
    if !path.exists() {
        assert!(!entry.is_done(), "{entry:?}: there is no file");
        return false;
    }
    let copy = Store::open(path).unwrap();
    sound(&copy);
    let found = Found::of(&copy);
    let mut brought = HashSet::new();
    judge_records(&copy, writer, before, &found, &mut brought, false);
    judge_cases(&copy, &found.cases, false);
    let later =
        found.orders.keys().chain(found.parts.keys()).find(|(by, number)| *by == writer && *number >= entry.number);
    assert_eq!(later, None, "{entry:?} has what came after it");
    drop(copy);
    for ending in ["", "-wal", "-shm", "-turn"] {
        let _ = std::fs::remove_file(format!("{}{ending}", path.display()));
    }
    true
}
