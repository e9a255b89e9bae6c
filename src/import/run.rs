//! One run of an import: from where the last one was interrupted to the end, in transactions that make room for others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
use std::time::{Duration, Instant};

use super::indexes::{Indexes, make_left_indexes};
use super::mapping::{Mapping, Target};
use super::parse::{Batch, Line, Packed, Parser, Refused};
use super::prepare::{Prepared, csv_limits, prepare};
use super::reject::{self, NewReject};
use super::reservation::{Counts, ImportEnd, ImportProgress, Loaded};
use super::setting::ImportMode;
use crate::access::{self, Right};
use crate::csv::{Reader, Record};
use crate::error::{Broken, Code, Error, Kind, Result, Violation, words};
use crate::event;
use crate::job::{self, Claim, Enough, JobState, Pace, SHORTEST};
use crate::record::{DetailMode, Draft, KeyMode, RowDraft, Selector, Slot, Slots, WriteOptions, Writer, Written};
use crate::schema::{Catalog, Cell, Table};
use crate::store::{Mover, Store, Writing};

/// How often progress is told.
const TELL: Duration = Duration::from_millis(100);
/// Rejects kept in memory until the next commit.
const PENDING_REJECTS: usize = 2_000;
/// Bytes of lines kept with rejects until the next commit; by imports that are one transaction, until the end.
const PENDING_BYTES: usize = 8 << 20;
/// Rejects kept by imports that are one transaction, and so in memory until the end; further ones are counted.
const ATOMIC_REJECTS: u64 = 10_000;

/// How a run is watched and stopped.
pub(crate) struct Control<'a> {
    /// Set from outside: the run stops at the next commit, and the import goes on another time.
    pub(crate) stop: &'a AtomicBool,
    pub(crate) progress: &'a mut dyn FnMut(&ImportProgress),
}

/// Runs a claimed import as far as it goes. An import that fails is a result like any other; an error is told when the
/// store itself failed, and then the import stays to be run again.
pub(crate) fn run(store: &Store, claim: &Claim, control: &mut Control<'_>) -> Result<()> {
    let mut rerun = true;
    while rerun {
        rerun = match attempt(store, claim, control) {
            Ok(Ended::Done) => false,
            Ok(Ended::DefinitionChanged) => true,
            Err(error) => match (error.code(), error.kind()) {
                // Somebody else has it now.
                (Code::JobLost, _) => return Ok(()),
                // Somebody must make room, or give way; the import waits for that as long as it takes.
                (Code::StoreFull | Code::StoreUnwritable, _) | (_, Kind::Busy) => {
                    let _ = store.write(|writing| job::park(writing, claim, false));
                    return Err(error);
                }
                // It may be a fault of the moment, or one that comes at the same line again and again.
                (_, Kind::Storage) if error.code() != Code::Io && claim.attempt < job::MOST_ATTEMPTS => {
                    let _ = store.write(|writing| job::park(writing, claim, true));
                    return Err(error);
                }
                (Code::Cancelled, _) => {
                    finish(store, claim, JobState::Cancelled, &error)?;
                    false
                }
                _ => {
                    finish(store, claim, JobState::Failed, &error)?;
                    false
                }
            },
        };
    }
    // An import that ended before its end may have left them; if that fails now, the next worker makes them.
    if let Err(error) = make_left_indexes(store) {
        log::warn!("the indexes of an import are still to be made: {error}");
    }
    Ok(())
}

fn finish(store: &Store, claim: &Claim, state: JobState, error: &Error) -> Result<()> {
    store.write(|writing| {
        job::finish(store, writing, claim, state, Some(error))?;
        tell_end(store, writing, claim.id, state)
    })
}

/// Tells those who listen how an import has ended, by what is stored of it. One that was taken back, or has written
/// nothing before it was ended early, is nothing to be told.
fn tell_end(store: &Store, connection: &rusqlite::Connection, import: i64, state: JobState) -> Result<()> {
    let Loaded { database_id, dry_run, counts, .. } = Loaded::of(connection, import)?;
    if dry_run || state != JobState::Completed && counts.inserted + counts.updated == 0 {
        return Ok(());
    }
    let catalog = Catalog::of(store, connection)?;
    let Ok(table) = catalog.table_by_id(database_id) else { return Ok(()) };
    event::tell_import(store, connection, table, import, || ImportEnd { state, counts })
}

enum Ended {
    Done,
    /// The database was redefined between two commits; what is left goes by the new definition.
    DefinitionChanged,
}

fn attempt(store: &Store, claim: &Claim, control: &mut Control<'_>) -> Result<Ended> {
    let loaded = Loaded::of(&*store.reading()?, claim.id)?;
    // He may have lost it since.
    access::demand(store, &*store.reading()?, loaded.database_id, Right::Import)?;
    let catalog = Catalog::of(store, &*store.reading()?)?;
    let table = catalog.table_by_id(loaded.database_id)?.clone();
    let prepared = prepare(store, claim, &loaded, &table)?;
    let limits = csv_limits(store);
    let input = loaded.source.open(store, prepared.offset)?;
    let reader = match prepared.offset {
        0 => Reader::new(input, &loaded.setting.dialect, limits),
        offset => Reader::resume(input, &loaded.setting.dialect, limits, offset, prepared.line),
    };
    let parser = Parser {
        table: table.clone(),
        setting: loaded.setting.clone(),
        mapping: prepared.mapping.clone(),
        encoding: prepared.encoding,
        limits,
    };
    let mover = Mover::new(store);
    let mut run = Run::new(store, claim, control, loaded, table, prepared, &mover);
    std::thread::scope(|scope| {
        let (full_sender, full) = sync_channel(4);
        let (empty, empty_receiver) = channel();
        let moving = mover.until_dropped();
        scope.spawn(|| mover.run());
        let parsing = scope.spawn(move || parser.run(reader, &full_sender, &empty_receiver));
        let mut lines = Lines::new(full, empty);
        let result = run.write_all(&mut lines).inspect_err(|error| run.store.note_failure(error));
        drop(moving);
        // Hanging up ends the parser.
        drop(lines);
        match parsing.join() {
            Ok(()) => result,
            Err(_) => Err(Error::new(Code::Internal).with_rule("the thread that reads the file ended by a fault")),
        }
    })
}

/// The lines that come from the parser, one by one across batches.
struct Lines {
    full: Receiver<Batch>,
    empty: Sender<Batch>,
    batch: Batch,
    at: usize,
    refused_at: usize,
    ended: Option<Result<()>>,
}

enum Next {
    Line,
    /// None has come yet.
    Wait,
    End,
}

impl Lines {
    fn new(full: Receiver<Batch>, empty: Sender<Batch>) -> Lines {
        Lines { full, empty, batch: Batch::default(), at: 0, refused_at: 0, ended: None }
    }

    /// Makes sure that there is a line at `at`.
    fn look(&mut self) -> Result<Next> {
        loop {
            if self.at < self.batch.lines.len() {
                return Ok(Next::Line);
            }
            match self.ended.take() {
                Some(Ok(())) => {
                    self.ended = Some(Ok(()));
                    return Ok(Next::End);
                }
                Some(Err(error)) => return Err(error),
                None => {}
            }
            match self.full.recv_timeout(SHORTEST) {
                Ok(mut batch) => {
                    self.ended = batch.end.take();
                    let _ = self.empty.send(std::mem::replace(&mut self.batch, batch));
                    (self.at, self.refused_at) = (0, 0);
                }
                Err(RecvTimeoutError::Timeout) => return Ok(Next::Wait),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Error::new(Code::Internal).with_rule("the thread that reads the file ended early"));
                }
            }
        }
    }
}

struct Run<'a, 'b> {
    store: &'a Store,
    claim: &'a Claim,
    control: &'a mut Control<'b>,
    mover: &'a Mover,
    loaded: Loaded,
    table: Arc<Table>,
    mapping: Mapping,
    key_target: Target,
    /// Atomic imports and dry runs.
    one_transaction: bool,
    counts: Counts,
    next_offset: u64,
    next_line: u64,
    last_key: Option<String>,
    /// The key of the line that is being written.
    key: String,
    rejects: Vec<NewReject>,
    /// Those that are stored already.
    kept: u64,
    pending_bytes: usize,
    most_rejects: u64,
    /// Whether every line that was written is committed.
    is_saved: bool,
    told: Instant,
}

impl<'a, 'b> Run<'a, 'b> {
    fn new(
        store: &'a Store,
        claim: &'a Claim,
        control: &'a mut Control<'b>,
        loaded: Loaded,
        table: Arc<Table>,
        prepared: Prepared,
        mover: &'a Mover,
    ) -> Run<'a, 'b> {
        let one_transaction = loaded.setting.atomic || loaded.dry_run;
        let most = store.limits().rejects;
        Run {
            store,
            claim,
            control,
            mover,
            counts: loaded.counts,
            last_key: loaded.last_key.clone(),
            key: String::new(),
            kept: loaded.rejects_kept,
            loaded,
            key_target: Target::Header(table.key_index()),
            table,
            mapping: prepared.mapping,
            one_transaction,
            next_offset: prepared.offset,
            next_line: prepared.line,
            rejects: Vec::new(),
            pending_bytes: 0,
            most_rejects: if one_transaction { most.min(ATOMIC_REJECTS) } else { most },
            is_saved: false,
            told: Instant::now(),
        }
    }

    fn write_all(&mut self, lines: &mut Lines) -> Result<Ended> {
        let mut indexes = None;
        loop {
            let writing = self.store.writing()?;
            let catalog = Catalog::of(self.store, &writing)?;
            let table = catalog.table_by_id(self.loaded.database_id)?;
            if !table.reads_like(&self.table) {
                return Ok(Ended::DefinitionChanged);
            }
            if job::heartbeat(self.store, &writing, self.claim, false)? {
                return self.end_cancelled(writing);
            }
            let indexes = match &mut indexes {
                Some(indexes) => indexes,
                none => none.insert(Indexes::begin(&writing, table, &self.loaded, self.claim)?),
            };
            let mut writer = Writer::new(self.store, &writing, table);
            let mut why = self.write_lines(lines, &writing, &mut writer)?;
            self.loaded.source.check_unchanged()?;
            if matches!(why, Pause::End) && !self.one_transaction && indexes.wait() && !self.is_saved {
                // What is written is safe before the indexes are made, which takes its time.
                why = Pause::Commit { give_way: false };
            }
            match why {
                Pause::Commit { give_way } => {
                    writer.finish()?;
                    if indexes.are_due(self.counts.inserted, give_way || writing.thread_waits()) {
                        indexes.make(&writing, table)?;
                    }
                    self.save(&writing)?;
                    // With the progress itself: a runner that dies after this commit has not died in vain.
                    job::heartbeat(self.store, &writing, self.claim, true)?;
                    writing.commit()?;
                    self.mover.look();
                    self.tell(false);
                    if give_way {
                        self.store.give_way();
                    }
                }
                Pause::Stop => {
                    if self.one_transaction {
                        drop(writer);
                        drop(writing);
                        self.store.write(|writing| job::park(writing, self.claim, false))?;
                        return Ok(Ended::Done);
                    }
                    writer.finish()?;
                    self.save(&writing)?;
                    job::park(&writing, self.claim, false)?;
                    writing.commit()?;
                    return Ok(Ended::Done);
                }
                Pause::Cancelled => {
                    writer.finish()?;
                    return self.end_cancelled(writing);
                }
                Pause::End => {
                    writer.finish()?;
                    indexes.make(&writing, table)?;
                    return self.end(writing);
                }
            }
        }
    }

    fn has_many_rejects(&self) -> bool {
        self.rejects.len() >= PENDING_REJECTS || self.pending_bytes >= PENDING_BYTES
    }

    /// Writes lines until there is a reason to end the transaction.
    fn write_lines(&mut self, lines: &mut Lines, writing: &Writing<'_>, writer: &mut Writer<'_>) -> Result<Pause> {
        let mut pace = Pace::begin();
        let mut count = 0u32;
        loop {
            match lines.look()? {
                Next::Line => {
                    self.write_line(lines, writer)?;
                    count += 1;
                    if !count.is_multiple_of(16) && !self.has_many_rejects() {
                        continue;
                    }
                }
                Next::Wait => {}
                Next::End => return Ok(Pause::End),
            }
            let now = Instant::now();
            if now - self.told >= TELL {
                self.tell(false);
                if self.claim.is_asked_to_end() {
                    return Ok(Pause::Cancelled);
                }
            }
            if self.store.is_cancel_signed(self.claim.id) {
                return Ok(Pause::Cancelled);
            }
            if self.control.stop.load(Ordering::Relaxed) {
                return Ok(Pause::Stop);
            }
            if self.one_transaction {
                continue;
            }
            if self.has_many_rejects() {
                return Ok(Pause::Commit { give_way: false });
            }
            if let Some(Enough { give_way }) = pace.enough(writing) {
                return Ok(Pause::Commit { give_way });
            }
        }
    }

    /// Writes the next line, or makes rejects of it.
    fn write_line(&mut self, lines: &mut Lines, writer: &mut Writer<'_>) -> Result<()> {
        let line = lines.batch.lines[lines.at];
        let refused = lines.refused_at..lines.refused_at + line.refused;
        lines.at += 1;
        lines.refused_at += line.refused;
        self.is_saved = false;
        self.counts.total += 1;
        if self.counts.total > self.store.limits().import_rows {
            let most = self.store.limits().import_rows;
            let rule = words!("1回のインポートは{most}行まで", "at most {most} lines an import");
            return Err(Error::new(Code::LimitPassed).with_rule(rule).with_value(self.counts.total));
        }
        (self.next_offset, self.next_line) = (line.next_offset, line.next_line);
        let batch = &lines.batch;
        let violations: Vec<Violation> =
            batch.refused[refused.clone()].iter().map(|refused| refused.violation.clone()).collect();
        // The key of a line that cannot be read is not known: it is taken for one more of the record before it, since
        // in `replace` the lines after it would else take away the rows of those before.
        let Some(cells) = line.cells else { return self.reject(batch, &line, refused, violations) };
        if line.is_blank {
            self.counts.skipped += 1;
            return Ok(());
        }
        let cells = &batch.cells[cells..cells + self.mapping.targets.len()];
        let key = match self.mapping.targets.iter().zip(cells).find(|(target, _)| **target == self.key_target) {
            Some((_, packed)) if self.mapping.has_details => batch.cell(*packed),
            _ => None,
        };
        let result = self.write_cells(batch, cells, violations, writer);
        match result {
            Ok(written) => {
                match written {
                    Written::Inserted => self.counts.inserted += 1,
                    Written::Updated => self.counts.updated += 1,
                    Written::Unchanged => self.counts.unchanged += 1,
                }
                if self.mapping.has_details {
                    let last_key = self.last_key.get_or_insert_default();
                    last_key.clear();
                    last_key.push_str(writer.last_key());
                }
                Ok(())
            }
            Err(error) if error.code() == Code::RecordInvalid => {
                // A refused line of another record ends the one before it.
                if let Some(Cell::Text(key)) = key {
                    self.last_key = self.last_key.take().filter(|last| *last == key);
                }
                self.reject(batch, &line, refused, error.violations().to_vec())
            }
            Err(error) => Err(error),
        }
    }

    fn write_cells(
        &mut self,
        batch: &Batch,
        cells: &[Packed],
        violations: Vec<Violation>,
        writer: &mut Writer<'_>,
    ) -> Result<Written> {
        let table = self.table.clone();
        // Lines are many: the text of the key is kept from one to the next.
        let mut text = std::mem::take(&mut self.key);
        text.clear();
        let given = self.mapping.targets.iter().zip(cells).find(|(target, _)| **target == self.key_target);
        let key = match given.and_then(|(_, packed)| batch.cell(*packed)) {
            Some(Cell::Text(key)) => {
                text.push_str(&key);
                Some(Selector::Key(text))
            }
            _ => None,
        };
        let result = self.write_record(batch, cells, violations, writer, &table, key.as_ref());
        if let Some(Selector::Key(text)) = key {
            self.key = text;
        }
        result
    }

    fn write_record(
        &self,
        batch: &Batch,
        cells: &[Packed],
        violations: Vec<Violation>,
        writer: &mut Writer<'_>,
        table: &Table,
        key: Option<&Selector>,
    ) -> Result<Written> {
        let mode = self.loaded.setting.mode;
        // Lines that follow each other with the same key are one record with several detail rows.
        let goes_on = match (key, &self.last_key) {
            (Some(Selector::Key(key)), Some(last)) => self.mapping.has_details && key == last,
            _ => false,
        };
        let details = match (self.mapping.has_details, self.loaded.setting.details, goes_on) {
            (true, DetailMode::Replace, true) => DetailMode::Append,
            (true, mode, _) => mode,
            (false, ..) => DetailMode::Merge,
        };
        let options = WriteOptions::new()
            .details(details)
            .key_mode(if mode == ImportMode::Insert { KeyMode::Issue } else { KeyMode::Given })
            .fill_dependents(self.loaded.setting.fill_dependents)
            .approve(self.loaded.setting.approve);
        let draft = |violations| self.draft(batch, cells, violations, table);
        match (mode, key) {
            (ImportMode::InsertKeyed, Some(key)) if goes_on => {
                let mut draft = draft(violations);
                draft.slots.fill(Slot::Absent);
                match writer.update(key, draft, &options)? {
                    Some(outcome) => Ok(outcome.what),
                    None => Err(Error::new(Code::Internal).with_rule("a record vanished inside a transaction")),
                }
            }
            (ImportMode::Insert | ImportMode::InsertKeyed, _) | (ImportMode::Upsert, None) => {
                Ok(writer.insert(draft(violations), &options)?.what)
            }
            (ImportMode::Update, None) => {
                let mut violations = violations;
                let field = &table.key().field;
                if !violations.iter().any(|violation| violation.field() == field.code) {
                    violations.push(Violation::new(Broken::new(Code::Required), &field.code, &field.name, ""));
                }
                Err(Error::invalid(violations))
            }
            (ImportMode::Update, Some(key)) => {
                let mut told = violations.clone();
                match writer.update(key, draft(violations), &options)? {
                    Some(outcome) => Ok(outcome.what),
                    None => {
                        let field = &table.key().field;
                        let Selector::Key(key) = key else { return Err(Error::invalid(told)) };
                        let broken = Broken::new(Code::ImportKeyMissing);
                        told.push(Violation::new(broken, &field.code, &field.name, key.as_str()));
                        Err(Error::invalid(told))
                    }
                }
            }
            (ImportMode::Upsert, Some(key)) => Ok(writer.upsert(key, || draft(violations.clone()), &options)?.what),
        }
    }

    /// What a line gives.
    fn draft<'c>(&self, batch: &'c Batch, cells: &[Packed], violations: Vec<Violation>, table: &Table) -> Draft<'c> {
        let mut slots: Slots<'c> = vec![Slot::Absent; table.header.columns.len()];
        let mut row: Slots<'c> = match (&table.details, self.mapping.has_details) {
            (Some(details), true) => vec![Slot::Absent; details.columns.len()],
            _ => Vec::new(),
        };
        let mut has_row = false;
        for (target, packed) in self.mapping.targets.iter().zip(cells) {
            let slot = || match batch.cell(*packed) {
                Some(cell) => Slot::Given(cell),
                None => Slot::Bad,
            };
            match target {
                Target::Header(at) => slots[*at] = slot(),
                Target::Detail(at) => {
                    has_row |= *packed != Packed::Null;
                    row[*at] = slot();
                }
                Target::Skipped => {}
            }
        }
        let rows = if has_row { vec![RowDraft { id: None, slots: row }] } else { Vec::new() };
        Draft { slots, rows, violations }
    }

    /// Notes a refused line, one reject for each violation.
    fn reject(
        &mut self,
        batch: &Batch,
        line: &Line,
        refused: std::ops::Range<usize>,
        violations: Vec<Violation>,
    ) -> Result<()> {
        self.counts.rejected += 1;
        let known = &batch.refused[refused];
        let raw = &batch.raw[line.raw.0..line.raw.1];
        let mut offsets = None;
        let mut found: Vec<NewReject> = Vec::with_capacity(violations.len());
        for violation in violations {
            // What the parser refused has its place already; the rest was found by the writer.
            let same = |refused: &&Refused| {
                let other = &refused.violation;
                (other.code(), other.field(), other.value()) == (violation.code(), violation.field(), violation.value())
            };
            let (column, offset) = match known.iter().find(same) {
                Some(refused) => (refused.column, refused.offset),
                None => {
                    let column = self.mapping.position(&self.table, violation.field());
                    let offsets = offsets.get_or_insert_with(|| cell_offsets(raw, &self.loaded, self.store));
                    let within = column.and_then(|at| offsets.get(at)).copied().unwrap_or(0);
                    (column, line.offset + within)
                }
            };
            let column_name = column.map(|at| self.mapping.name(&self.table, at));
            found.push(NewReject { line: line.line, offset, column, column_name, violation, raw: None });
        }
        found.sort_by_key(|reject| reject.column);
        for (index, mut reject) in found.into_iter().enumerate() {
            self.counts.reject_cells += 1;
            if self.kept + (self.rejects.len() as u64) < self.most_rejects {
                self.pending_bytes += reject.violation.value().len();
                if index == 0 {
                    self.pending_bytes += raw.len();
                    reject.raw = Some(raw.to_vec());
                }
                self.rejects.push(reject);
            }
        }
        if self.one_transaction && self.pending_bytes >= PENDING_BYTES {
            // What is kept must stay in memory: further ones are counted.
            self.most_rejects = self.most_rejects.min(self.rejects.len() as u64);
        }
        Ok(())
    }

    /// Stores counts, position and rejects.
    fn save(&mut self, writing: &Writing<'_>) -> Result<()> {
        reject::store(writing, self.claim.id, self.kept, &self.rejects)?;
        self.kept += self.rejects.len() as u64;
        self.rejects.clear();
        self.pending_bytes = 0;
        self.is_saved = true;
        let (offset, line, last_key) = (self.next_offset, self.next_line, self.last_key.as_deref());
        self.counts.save(writing, self.claim.id, offset, line, last_key, self.kept)
    }

    /// The end of the file.
    fn end(&mut self, writing: Writing<'_>) -> Result<Ended> {
        if !self.one_transaction {
            self.save(&writing)?;
            job::finish(self.store, &writing, self.claim, JobState::Completed, None)?;
            tell_end(self.store, &writing, self.claim.id, JobState::Completed)?;
            writing.commit()?;
        } else if self.loaded.dry_run {
            drop(writing);
            self.conclude(JobState::Completed, None)?;
        } else if self.counts.rejected > 0 {
            drop(writing);
            self.take_back();
            let error = Error::new(Code::ImportRejected).with_value(self.counts.rejected);
            self.conclude(JobState::Failed, Some(&error))?;
        } else {
            self.save(&writing)?;
            job::finish(self.store, &writing, self.claim, JobState::Completed, None)?;
            tell_end(self.store, &writing, self.claim.id, JobState::Completed)?;
            writing.commit()?;
        }
        self.tell(true);
        Ok(Ended::Done)
    }

    fn end_cancelled(&mut self, writing: Writing<'_>) -> Result<Ended> {
        let error = Error::new(Code::Cancelled);
        if self.one_transaction {
            drop(writing);
            self.take_back();
            self.conclude(JobState::Cancelled, Some(&error))?;
        } else {
            self.save(&writing)?;
            job::finish(self.store, &writing, self.claim, JobState::Cancelled, Some(&error))?;
            tell_end(self.store, &writing, self.claim.id, JobState::Cancelled)?;
            writing.commit()?;
        }
        self.tell(false);
        Ok(Ended::Done)
    }

    /// Nothing of a transaction that was rolled back counts as done.
    fn take_back(&mut self) {
        self.counts.inserted = 0;
        self.counts.updated = 0;
        self.counts.unchanged = 0;
    }

    /// Stores the result after the transaction of the import itself was rolled back.
    fn conclude(&mut self, state: JobState, error: Option<&Error>) -> Result<()> {
        let store = self.store;
        let writing = store.writing()?;
        self.save(&writing)?;
        job::finish(store, &writing, self.claim, state, error)?;
        writing.commit()
    }

    fn tell(&mut self, ended: bool) {
        self.told = Instant::now();
        let bytes = self.loaded.source.bytes();
        let done = if ended { bytes } else { self.next_offset.min(bytes) };
        (self.control.progress)(&ImportProgress {
            process_id: self.claim.id,
            bytes_total: bytes,
            bytes_done: done,
            rows: self.counts.total,
            rejected: self.counts.rejected,
        });
    }
}

/// Why a transaction of an import ends.
enum Pause {
    Commit { give_way: bool },
    Stop,
    Cancelled,
    End,
}

/// Where the cells of a line begin, counted from the line's first byte.
fn cell_offsets(raw: &[u8], loaded: &Loaded, store: &Store) -> Vec<u64> {
    let mut record = Record::new();
    // As if from the middle of a file: a BOM would have been passed over before.
    let mut reader = Reader::resume(raw, &loaded.setting.dialect, csv_limits(store), 1, 1);
    match reader.read(&mut record) {
        Ok(true) => (0..record.len()).map(|at| record.cell_offset(at).saturating_sub(1)).collect(),
        _ => Vec::new(),
    }
}
