//! Whether a store has what its writers were told, all of it, once, and nothing else.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::Read;
use std::path::Path;

use renkei::{AuditQuery, Language, Query, Record, Store, Value};

use crate::automations::{judge_cases, judge_run};
use crate::copies::{judge_backup, judge_export};
use crate::imports::{self, Brought, filled, judge_filled, judge_import};
use crate::ledger::{Deed, Entry, Import, Ledger, Outcome, bytes_of, title};
use crate::pushes::{self, judge_notes, judge_push};
use crate::work::{ACCOUNTS, ACTION, account, counter, defined, token};

/// A deed: its writer and its number.
type Name = (u64, u64);

/// An order, and the number that comes after the deed in its title.
type Order = (Option<u64>, Record);

/// What a store has, by the deeds that brought it.
pub struct Found {
    /// With the number that comes after the deed in their titles.
    pub orders: HashMap<Name, Vec<Order>>,
    pub parts: HashMap<Name, Vec<(u64, Record)>>,
    amounts: HashMap<String, u64>,
    pub cases: Vec<Record>,
    /// The names of tokens, and whether they are revoked.
    tokens: HashMap<String, (i64, bool)>,
    /// The deliveries by their tokens.
    deliveries: HashMap<String, i64>,
    defined: u64,
}

/// The writer and the number in a title, and what comes after.
pub fn parse(text: &str) -> Option<((u64, u64), Option<u64>)> {
    let (writer, rest) = text.strip_prefix("書き手")?.split_once('の')?;
    let (number, after) = match rest.split_once('-') {
        Some((number, after)) => (number, Some(after.parse().ok()?)),
        None => (rest, None),
    };
    Some(((writer.parse().ok()?, number.parse().ok()?), after))
}

pub fn all(store: &Store, database: &str) -> Vec<Record> {
    let (mut records, mut query) = (Vec::new(), Query::new().limit(10_000));
    loop {
        let page = store.query(database, &query).unwrap();
        records.extend(page.records);
        match page.next {
            Some(next) => query = query.after(next),
            None => return records,
        }
    }
}

fn amount(record: &Record) -> u64 {
    record.value("amount").as_number().unwrap().unscaled().unsigned_abs() / 100
}

impl Found {
    pub fn of(store: &Store) -> Found {
        let (mut orders, mut parts) = (HashMap::<_, Vec<_>>::new(), HashMap::<_, Vec<_>>::new());
        let mut serials = HashSet::new();
        for order in all(store, "orders") {
            let (deed, after) = parse(&order.text("title")).unwrap();
            assert!(serials.insert(order.text("serial")), "number {} was given twice", order.text("serial"));
            assert_eq!(order.text("account_name"), "名義人");
            orders.entry(deed).or_default().push((after, order));
        }
        for part in all(store, "parts") {
            let (deed, after) = parse(part.key()).unwrap();
            parts.entry(deed).or_default().push((after.unwrap(), part));
        }
        let amounts = all(store, "accounts").iter().map(|found| (found.key().to_owned(), amount(found))).collect();
        let cases = all(store, "cases");
        let sqlite = rusqlite::Connection::open(store.path()).unwrap();
        sqlite.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
        let sql = "SELECT token, id FROM renkei_delivery WHERE token IS NOT NULL";
        let mut statement = sqlite.prepare(sql).unwrap();
        let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        let deliveries = found.map(Result::unwrap).collect();
        let mut tokens = HashMap::new();
        for token in store.tokens().unwrap() {
            let before = tokens.insert(token.name, (token.id, token.revoked_at.is_some()));
            assert_eq!(before, None, "a token was issued twice");
        }
        Found { orders, parts, amounts, cases, tokens, deliveries, defined: defined(store) }
    }
}

/// How a store is looked at.
pub struct Look<'a> {
    pub store: &'a Store,
    pub dir: &'a Path,
    /// Everything that was to be done has been done: nothing is under way.
    pub at_the_end: bool,
    /// From this deed of each writer on nothing was judged yet.
    pub since: &'a HashMap<u64, u64>,
}

/// The figures of a look.
#[derive(Debug, Default, Clone, Copy)]
pub struct Seen {
    pub orders: u64,
    pub given_up: u64,
    pub backups: u64,
    pub exports: u64,
    /// Databases whose indexes waited for an import.
    pub waiting: u64,
}

/// The check of the library, and SQLite's own.
pub fn sound(store: &Store) {
    let report = store.check().unwrap();
    assert!(report.is_sound(), "{}", report.message(Language::English));
}

/// Nor is there anything that would be mended later.
fn sound_at_the_end(store: &Store) {
    let report = store.check().unwrap();
    assert!(report.findings().is_empty(), "{}", report.message(Language::English));
}

impl Look<'_> {
    /// Judges what the writers were told. What nobody was told is found out and written into the ledgers.
    pub fn judge(&self, ledgers: &mut [Ledger]) -> Seen {
        if self.at_the_end {
            sound_at_the_end(self.store)
        } else {
            sound(self.store)
        }
        let found = Found::of(self.store);
        let sqlite = rusqlite::Connection::open(self.store.path()).unwrap();
        let sql = "SELECT count(*) FROM renkei_deferred_index";
        let waiting: i64 = sqlite.query_row(sql, [], |row| row.get(0)).unwrap();
        let waiting = waiting.unsigned_abs();
        let mut seen =
            Seen { waiting, orders: found.orders.values().map(|orders| orders.len() as u64).sum(), ..Seen::default() };
        for ledger in ledgers.iter_mut() {
            self.resolve(ledger, &found);
        }
        let mut brought = HashSet::new();
        for ledger in ledgers.iter() {
            let writer = ledger.writer;
            let entries: Vec<&Entry> = ledger.entries.iter().collect();
            let since = self.since.get(&writer).copied().unwrap_or(0);
            seen.given_up += judge_records(self.store, writer, &entries, &found, &mut brought, self.at_the_end);
            for entry in entries.iter().filter(|entry| entry.number >= since) {
                let path = |ending: &str| self.dir.join(format!("{}.{ending}", ledger.title(entry.number)));
                let before: Vec<&Entry> = entries.iter().filter(|other| other.number < entry.number).copied().collect();
                match entry.deed {
                    Deed::Export => seen.exports += u64::from(judge_export(&path("out"), entry, writer, &before)),
                    Deed::Backup => seen.backups += u64::from(judge_backup(&path("db"), entry, writer, &before)),
                    _ => {}
                }
            }
        }
        judge_cases(self.store, &found.cases, self.at_the_end);
        let nobodys = found.orders.keys().chain(found.parts.keys()).find(|deed| !brought.contains(*deed));
        assert_eq!(nobodys, None, "records of a deed that did not happen");
        let counted: u64 = ledgers.iter().map(|ledger| found.amounts[&counter(Some(ledger.writer))]).sum();
        assert_eq!(found.amounts[&counter(None)], counted, "the counter of all");
        seen
    }

    /// Finds out what became of deeds of which nobody was told.
    fn resolve(&self, ledger: &mut Ledger, found: &Found) {
        let writer = ledger.writer;
        let open: Vec<Entry> =
            ledger.entries.iter().filter(|entry| entry.outcome == Outcome::Unknown).cloned().collect();
        for entry in open {
            let mine = (writer, entry.number);
            let order = || found.orders.get(&mine).map(|orders| orders[0].1.key().to_owned());
            let delivery = || found.deliveries.get(&title(writer, entry.number)).map(i64::to_string);
            let there = |is: bool| is.then(String::new);
            let answer = match &entry.deed {
                Deed::Register { .. } | Deed::Bulk { .. } => order(),
                Deed::Account { account: which } => there(found.amounts[&account(writer, *which)] == entry.number),
                Deed::Delete { of } => there(!found.orders.contains_key(&(writer, *of))),
                Deed::Together { .. } => {
                    assert_eq!(order().is_some(), delivery().is_some(), "{entry:?}: a record without its delivery");
                    delivery()
                }
                Deed::Deliver { .. } => delivery(),
                Deed::Count => {
                    let before = ledger.entries.iter().filter(|entry| matches!(entry.deed, Deed::Count));
                    let before = before.filter(|entry| entry.is_done()).count() as u64;
                    let counted = found.amounts[&counter(Some(writer))];
                    assert!(counted == before || counted == before + 1, "{entry:?}: {counted}, told {before}");
                    there(counted == before + 1)
                }
                // As a client does that got no answer.
                Deed::Reserve { import } => Some(
                    imports::reserve(self.store, self.dir, writer, &title(writer, entry.number), import)
                        .unwrap()
                        .to_string(),
                ),
                Deed::Automate { first, count } => Some(
                    crate::automations::start(self.store, writer, &title(writer, entry.number), *first, *count)
                        .unwrap()
                        .to_string(),
                ),
                Deed::Define { step } => there(found.defined == *step),
                Deed::File { of, .. } => {
                    let orders = &found.orders[&(writer, *of)];
                    there(!orders[0].1.value("paper").is_empty())
                }
                Deed::Change { of, .. } => {
                    there(found.orders[&(writer, *of)][0].1.text("changed") == entry.number.to_string())
                }
                Deed::Fill { import } => {
                    let title = title(writer, entry.number);
                    Some(imports::fill(self.store, self.dir, mine, &title, import).unwrap().to_string())
                }
                Deed::Remove { of } => there(!settings(self.store).contains(&setting(ledger, *of))),
                Deed::Push => {
                    let title = title(writer, entry.number);
                    Some(pushes::start(self.store, writer, entry.number, &title).unwrap().to_string())
                }
                // Nobody knows the secret.
                Deed::Token => found.tokens.get(&title(writer, entry.number)).map(|(id, _)| format!("{id} ")),
                Deed::Revoke { of } => there(found.tokens[&title(writer, *of)].1),
                // They may be there or not.
                Deed::Audit | Deed::Cancel { .. } | Deed::Withdraw { .. } => None,
                Deed::Work | Deed::Export | Deed::Backup | Deed::Sweep => None,
            };
            ledger.end(entry.number, answer.map_or(Outcome::Undone, Outcome::Done));
        }
    }
}

/// Judges everything in a store that deeds of a writer brought, or should not have; how many imports and runs were given up.
pub fn judge_records(
    store: &Store,
    writer: u64,
    entries: &[&Entry],
    found: &Found,
    brought: &mut HashSet<(u64, u64)>,
    at_the_end: bool,
) -> u64 {
    let deleted: HashSet<u64> = entries
        .iter()
        .filter(|entry| entry.is_done())
        .filter_map(|entry| match entry.deed {
            Deed::Delete { of } => Some(of),
            _ => None,
        })
        .collect();
    let (changed, cancelled, settings) = (changes(entries), cancelled(entries), settings(store));
    let (mut keys, mut counted, mut given_up) = (HashSet::new(), 0, 0);
    let mut amounts: HashMap<u64, u64> = HashMap::new();
    let mut last_definition = None;
    for entry in entries.iter().filter(|entry| entry.is_done()) {
        let mine = (writer, entry.number);
        let none = Vec::new();
        let orders = found.orders.get(&mine).unwrap_or(&none);
        match &entry.deed {
            Deed::Register { .. } | Deed::Together { .. } if deleted.contains(&entry.number) => {
                assert!(orders.is_empty(), "{entry:?} is there again");
                assert!(keys.insert(entry.answer().to_owned()), "{entry:?}: the key was given before");
            }
            Deed::Register { rows } | Deed::Together { rows, .. } => {
                assert_eq!(orders.len(), 1, "{entry:?}");
                let order = &orders[0].1;
                let (change, rows) = changed.get(&entry.number).copied().unwrap_or((0, *rows));
                complete(order, rows);
                assert_eq!(order.text("changed").parse().unwrap_or(0), change, "{entry:?}: {}", order.to_json());
                if matches!(entry.deed, Deed::Register { .. }) {
                    assert_eq!(order.key(), entry.answer(), "{entry:?}");
                    assert!(keys.insert(order.key().to_owned()), "{entry:?}: the key was given before");
                } else {
                    assert_eq!(found.deliveries[&title(writer, entry.number)].to_string(), entry.answer());
                }
                brought.insert(mine);
            }
            Deed::Bulk { count } => {
                let numbers: BTreeSet<u64> = orders.iter().map(|(after, _)| after.unwrap()).collect();
                assert!(numbers.iter().copied().eq(0..*count) && orders.len() as u64 == *count, "{entry:?}");
                orders.iter().for_each(|(after, order)| complete(order, after.unwrap() % 3));
                brought.insert(mine);
            }
            Deed::Account { account } => {
                amounts.insert(*account, entry.number);
            }
            Deed::Delete { .. } => {}
            Deed::Deliver { bytes } => {
                let id: i64 = entry.answer().parse().unwrap();
                assert_eq!(found.deliveries[&title(writer, entry.number)], id, "{entry:?}");
                assert_eq!(store.delivery(id).unwrap().body_bytes, *bytes);
            }
            Deed::Count => counted += 1,
            Deed::Reserve { import } => {
                let none = Vec::new();
                let parts = found.parts.get(&mine).unwrap_or(&none);
                let came = brought_by(import, orders, parts, cancelled.contains(&entry.number));
                given_up += u64::from(judge_import(store, entry, import, &came, at_the_end));
                brought.insert(mine);
            }
            Deed::Fill { import } => {
                let lines = judge_filled(store, &filled(writer, entry.number), at_the_end);
                let records = lines.len() as u64;
                let came = Brought { lines, records, may_be_cancelled: cancelled.contains(&entry.number) };
                given_up += u64::from(judge_import(store, entry, import, &came, at_the_end));
                let is_removed = |other: &&&Entry| matches!(other.deed, Deed::Remove { of } if of == entry.number);
                let is_removed = entries.iter().filter(is_removed).any(|other| other.is_done());
                let setting = (filled(writer, entry.number), import.setting().to_owned());
                assert_eq!(settings.contains(&setting), !is_removed, "{entry:?}: its setting");
            }
            Deed::Push => given_up += u64::from(judge_push(store, entry, at_the_end)),
            Deed::Token => {
                let (id, secret) = token(entry);
                let is_revoke = |other: &&&Entry| matches!(other.deed, Deed::Revoke { of } if of == entry.number);
                let is_revoked = entries.iter().filter(is_revoke).any(|other| other.is_done());
                assert_eq!(found.tokens.get(&title(writer, entry.number)), Some(&(id, is_revoked)), "{entry:?}");
                let opens = secret.is_empty() || store.authenticate(secret, None).is_ok();
                assert!(secret.is_empty() || opens != is_revoked, "{entry:?}: revoked {is_revoked}, opens {opens}");
            }
            Deed::Automate { first, count } => {
                orders.iter().for_each(|(_, order)| complete(order, 0));
                let places: Vec<u64> = orders.iter().map(|(after, _)| after.unwrap()).collect();
                let title = title(writer, entry.number);
                given_up += u64::from(judge_run(store, entry, (&title, *first, *count), &places));
                brought.insert(mine);
            }
            Deed::Define { step } => last_definition = Some(*step),
            Deed::File { of, bytes } if !deleted.contains(of) => {
                let Value::File(id) = found.orders[&(writer, *of)][0].1.value("paper") else {
                    panic!("{entry:?}: there is no file")
                };
                let mut read = Vec::new();
                store.read_file(id).unwrap().read_to_end(&mut read).unwrap();
                assert!(read == bytes_of(&title(writer, entry.number), *bytes), "{entry:?}: other bytes");
            }
            Deed::Change { .. } | Deed::Remove { .. } | Deed::Cancel { .. } | Deed::Withdraw { .. } => {}
            Deed::Revoke { .. }
            | Deed::File { .. }
            | Deed::Work
            | Deed::Export
            | Deed::Backup
            | Deed::Audit
            | Deed::Sweep => {}
        }
    }
    for number in 0..ACCOUNTS {
        let expected = amounts.get(&number).copied().unwrap_or(0);
        assert_eq!(found.amounts[&account(writer, number)], expected, "account {number} of writer {writer}");
    }
    assert_eq!(found.amounts[&counter(Some(writer))], counted, "the counter of writer {writer}");
    judge_notes(store, writer, entries);
    if let Some(step) = last_definition {
        assert_eq!(found.defined, step, "the definition");
    }
    given_up
}

/// What became of the orders of deeds that were changed: by which deed last, and how many rows they have since.
pub fn changes(entries: &[&Entry]) -> HashMap<u64, (u64, u64)> {
    let mut changes = HashMap::new();
    for entry in entries.iter().filter(|entry| entry.is_done()) {
        if let Deed::Change { of, rows } = entry.deed {
            changes.insert(of, (entry.number, rows));
        }
    }
    changes
}

/// The imports that somebody tried to end, whether he was told of it or not.
fn cancelled(entries: &[&Entry]) -> HashSet<u64> {
    let cancels = entries.iter().filter_map(|entry| match entry.deed {
        Deed::Cancel { of } => Some(of),
        _ => None,
    });
    cancels.collect()
}

/// The databases and codes of all import settings.
fn settings(store: &Store) -> HashSet<(String, String)> {
    let settings = store.blueprint().unwrap().imports;
    settings.into_iter().map(|setting| (setting.database, setting.code)).collect()
}

/// The import setting by which a deed filled a database.
fn setting(ledger: &Ledger, of: u64) -> (String, String) {
    let Deed::Fill { import } = &ledger.entry(of).deed else { panic!("{of} filled nothing") };
    (filled(ledger.writer, of), import.setting().to_owned())
}

/// What there is of an import.
fn brought_by(import: &Import, orders: &[Order], parts: &[(u64, Record)], may_be_cancelled: bool) -> Brought {
    if import.is_upsert {
        for (_, part) in parts {
            assert!((1..=2).contains(&part.rows().len()), "{}", part.to_json());
        }
        let rows = parts.iter().flat_map(|(_, part)| part.rows());
        let lines = rows.map(|row| row.value("line").as_number().unwrap().unscaled().unsigned_abs()).collect();
        return Brought { lines, records: parts.len() as u64, may_be_cancelled };
    }
    orders.iter().for_each(|(_, order)| complete(order, 1));
    let lines: Vec<u64> = orders.iter().map(|(after, _)| after.unwrap()).collect();
    Brought { records: lines.len() as u64, lines, may_be_cancelled }
}

/// An order has all its rows, and what is calculated of them.
fn complete(order: &Record, rows: u64) {
    assert_eq!(order.rows().len() as u64, rows, "{}", order.to_json());
    let total = order.value("total").as_number().map_or(0, |number| number.unscaled());
    assert_eq!(total.unsigned_abs(), rows * 200 * 100, "{}", order.to_json());
}

/// Every line of the audit log is there, once.
pub fn judge_audit(store: &Store, ledgers: &[Ledger]) {
    let mut lines: HashMap<String, u64> = HashMap::new();
    let mut query = AuditQuery::new().action(ACTION).limit(1_000);
    loop {
        let page = store.audit(&query).unwrap();
        page.lines.into_iter().for_each(|line| *lines.entry(line.subject).or_default() += 1);
        match page.next {
            Some(next) => query = query.after(next),
            None => break,
        }
    }
    for ledger in ledgers {
        for entry in ledger.entries.iter().filter(|entry| matches!(entry.deed, Deed::Audit)) {
            let found = lines.remove(&ledger.title(entry.number)).unwrap_or(0);
            assert!(found == 1 || found == 0 && !entry.is_done(), "{entry:?}: {found} lines");
        }
    }
    assert!(lines.is_empty(), "{lines:?}");
}
