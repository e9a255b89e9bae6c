//! One transaction of a run: parts that read and write records, one record after the other, and their journal.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::OptionalExtension;

use super::definition::{AutomationUnit, OnError};
use super::flow::{Flow, Node, Step, Target};
use super::journal::{Done, Open, Progress, Run};
use super::values::{Sets, Subject};
use crate::document::{FileTemplate, generate};
use crate::error::{Code, Error, Kind, Result, Words, words};
use crate::job::{Claim, Enough, Pace};
use crate::outbound::http_send::{Of, outcome, send_for};
use crate::outbound::mail::queue_about;
use crate::outbound::{HttpSend, MailTemplate};
use crate::query::{Matcher, One, Query, Selection};
use crate::record::{Approval, DetailMode, Draft, KeyMode, Selector, Values, WriteOptions, Writer};
use crate::schema::{Table, Value};
use crate::store::{Store, Writing, bytes};

/// So many records are written before it is looked whether others wait.
const BETWEEN_LOOKS: usize = 16;

/// So many records that stand before a part that reads what was committed are gathered.
const GATHERED: usize = 100;

/// How long a generated file is kept that no record took.
const UNTAKEN: Duration = Duration::from_secs(24 * 60 * 60);

/// The most records about which a part sends mails or generates files, and for which it calls an outside API.
const MAILS: usize = 1_000;
const SENDS: usize = 100;

/// Why a transaction of a run ends.
pub(super) enum Pause {
    /// Others may wait, or records stand before a part that sends.
    Commit {
        give_way: bool,
    },
    Stop,
    Cancelled,
    /// Nothing is left that could be done now.
    End,
    /// The first error ends the run.
    Failed(Error),
}

/// What ends a transaction.
pub(super) struct Watch<'w> {
    pub(super) writing: &'w Writing<'w>,
    pub(super) claim: &'w Claim,
    pub(super) stop: &'w AtomicBool,
    pub(super) pace: Pace,
}

impl Watch<'_> {
    fn pause(&mut self, store: &Store) -> Option<Pause> {
        if store.is_cancel_signed(self.claim.id) || self.claim.is_asked_to_end() {
            return Some(Pause::Cancelled);
        }
        if self.stop.load(Ordering::Relaxed) {
            return Some(Pause::Stop);
        }
        self.pace.enough(self.writing).map(|Enough { give_way }| Pause::Commit { give_way })
    }
}

/// One transaction.
pub(super) struct Batch<'b, 'a> {
    store: &'b Store,
    connection: &'b Writing<'b>,
    flow: &'b Flow<'a>,
    call: &'b [Value],
    run: &'b mut Run,
    /// Nothing where everything is taken back in the end.
    watch: Option<Watch<'b>>,
    writers: Vec<(i64, Writer<'b>)>,
    /// By part.
    deleted: HashMap<usize, u64>,
    looked: usize,
}

/// Records that are between two parts.
#[derive(Default)]
pub(super) struct Queue {
    pub(super) ready: VecDeque<Open>,
    /// Those before a part that reads what was committed.
    pub(super) gathered: Vec<Open>,
    /// Those whose http sends have ended, with the runs of these.
    pub(super) answered: Vec<(Open, i64)>,
}

/// How far a record came.
enum Came {
    ToTheEnd,
    Failed(Error),
    /// What was done before must be committed first.
    BeforeCommit,
    /// It waits for the end of http sends.
    Waiting,
    Paused(Pause),
}

/// How far a part came.
enum Stepped {
    Done(Done),
    Paused(Pause),
    /// A run of http sends, and how many messages those are.
    Sent(i64, u64),
}

/// Whether a failure is the store's, so that the work must be done again.
pub(super) fn is_of_the_store(error: &Error) -> bool {
    matches!(error.kind(), Kind::Storage | Kind::Busy | Kind::Internal)
        || matches!(error.code(), Code::JobLost | Code::StoreReentered)
}

impl<'b, 'a> Batch<'b, 'a> {
    pub(super) fn new(
        store: &'b Store,
        connection: &'b Writing<'b>,
        flow: &'b Flow<'a>,
        call: &'b [Value],
        run: &'b mut Run,
        watch: Option<Watch<'b>>,
    ) -> Batch<'b, 'a> {
        let (writers, deleted) = (Vec::new(), HashMap::new());
        Batch { store, connection, flow, call, run, watch, writers, deleted, looked: 0 }
    }

    /// Does what can be done, until there is a reason to end the transaction.
    pub(super) fn work(mut self, queue: &mut Queue) -> Result<Pause> {
        let why = self.go_on(queue)?;
        for (_, writer) in self.writers.drain(..) {
            writer.finish()?;
        }
        for open in queue.ready.iter_mut().chain(&mut queue.gathered) {
            self.run.keep(self.connection, open, None)?;
        }
        if let Some(watch) = &self.watch {
            self.run.worked += u64::try_from(watch.pace.elapsed().as_millis()).unwrap_or(u64::MAX);
        }
        self.run.save(self.connection)?;
        Ok(why)
    }

    fn go_on(&mut self, queue: &mut Queue) -> Result<Pause> {
        // What was committed meanwhile goes first.
        let gathered = std::mem::take(&mut queue.gathered);
        gathered.into_iter().rev().for_each(|open| queue.ready.push_front(open));
        let mut from_before = queue.ready.len();
        loop {
            let is_committed = from_before > 0;
            from_before = from_before.saturating_sub(1);
            let (mut open, send) = match queue.ready.pop_front().map(|open| (open, None)) {
                Some(ready) => ready,
                None => match queue.answered.pop().map(|(open, send)| (open, Some(send))) {
                    Some(answered) => answered,
                    None => match self.run.next() {
                        Some(open) => (open, None),
                        None if queue.gathered.is_empty() => return Ok(Pause::End),
                        None => return Ok(Pause::Commit { give_way: false }),
                    },
                },
            };
            let came = match send.map(|send| self.answer(&mut open, send)).transpose()?.flatten() {
                Some(error) => Came::Failed(error),
                None => self.advance(&mut open, is_committed)?,
            };
            match came {
                Came::ToTheEnd => {
                    self.run.completed += 1;
                    self.run.close(self.connection, &open)?;
                }
                Came::Failed(error) => {
                    self.run.failed += 1;
                    self.run.close(self.connection, &open)?;
                    if self.run.automation.on_error == OnError::Stop {
                        return Ok(Pause::Failed(error));
                    }
                }
                Came::BeforeCommit => {
                    queue.gathered.push(open);
                    if queue.gathered.len() >= GATHERED {
                        return Ok(Pause::Commit { give_way: false });
                    }
                }
                Came::Waiting => {}
                Came::Paused(why) => {
                    queue.ready.push_front(open);
                    return Ok(why);
                }
            }
            if let Some(why) = self.look() {
                return Ok(why);
            }
        }
    }

    /// Now and then, whether the transaction is to end.
    fn look(&mut self) -> Option<Pause> {
        self.looked += 1;
        let watch = self.watch.as_mut().filter(|_| self.looked.is_multiple_of(BETWEEN_LOOKS))?;
        watch.pause(self.store)
    }

    /// Runs the parts for one record, as far as they go in this transaction.
    fn advance(&mut self, open: &mut Open, mut is_committed: bool) -> Result<Came> {
        let flow = self.flow;
        while let Some(node) = flow.nodes.get(open.part) {
            // A record that is fresh was committed by whoever started the run.
            let is_fresh = open.part == 0 && !open.is_kept;
            if node.step.needs_commit() && !is_committed && !is_fresh && self.watch.is_some() {
                return Ok(Came::BeforeCommit);
            }
            is_committed = false;
            let began = self.store.now().0;
            match self.step(node, open) {
                Ok(Stepped::Paused(why)) => {
                    self.run.write_progress(self.connection, open, began)?;
                    return Ok(Came::Paused(why));
                }
                Ok(Stepped::Sent(send, records)) if self.watch.is_some() => {
                    self.run.write_waiting(self.connection, open, send, records)?;
                    return Ok(Came::Waiting);
                }
                Ok(Stepped::Sent(send, records)) => {
                    let times = (began, self.store.now().0);
                    let done = Done { records, output: Some(send), ..Done::default() };
                    self.run.write(self.connection, open, times, &done, None)?;
                    open.part = node.next;
                }
                Ok(Stepped::Done(done)) => {
                    let refused = (done.refused > 0).then(|| refusal(node, open, &done));
                    let times = (began, self.store.now().0);
                    self.run.write(self.connection, open, times, &done, refused.as_ref())?;
                    if let Some(error) = refused {
                        return Ok(Came::Failed(error));
                    }
                    open.part = if done.branch == Some(false) { node.otherwise } else { node.next };
                    open.progress = None;
                    if matches!(node.step, Step::End) {
                        return Ok(Came::ToTheEnd);
                    }
                }
                Err(error) if is_of_the_store(&error) => return Err(error),
                Err(error) => {
                    let times = (began, self.store.now().0);
                    self.run.write(self.connection, open, times, &Done::default(), Some(&error))?;
                    return Ok(Came::Failed(error));
                }
            }
        }
        Ok(Came::ToTheEnd)
    }

    fn step(&mut self, node: &Node<'a>, open: &mut Open) -> Result<Stepped> {
        let flow = self.flow;
        let subject = match (&node.step, flow.world.unit) {
            // What is written is found there, or not.
            (
                Step::Update { target: Target::Record, .. }
                | Step::Approval { target: Target::Record, .. }
                | Step::Delete { target: Target::Record, .. },
                AutomationUnit::Record,
            ) => Subject { record: open.id, unit: One::Record(open.id) },
            (_, unit) => Subject::of(self.connection, flow.table, unit, open.id)?.ok_or_else(|| self.gone(open.id))?,
        };
        match &node.step {
            Step::Register { table, sets, approve } => {
                self.register(table, sets, *approve, subject, open).map(Stepped::Done)
            }
            Step::Update { table, target, sets } => self.update(table, *target, sets, subject, open),
            Step::Approval { table, target, to } => self.approval(table, *target, *to, subject, open),
            Step::Search { table, asked, sort, limit } => {
                let condition = asked.condition(self.connection, subject, self.call)?;
                let condition = condition.ok_or_else(|| self.gone(open.id))?;
                let query = Query { condition: Some(condition), sort: sort.clone(), ..Query::new() }.limit(*limit);
                let mut ids = Vec::new();
                let selection = Selection::new(self.store, flow.world.catalog, table, [])?;
                selection.for_each(self.connection, &query, |row| {
                    ids.push(row.id());
                    Ok(true)
                })?;
                let ids: Rc<[i64]> = ids.into();
                open.found.push((open.part, ids.clone()));
                let (records, branch) = (ids.len() as u64, Some(!ids.is_empty()));
                Ok(Stepped::Done(Done { records, branch, found: Some(ids), ..Done::default() }))
            }
            Step::Condition(asked) => {
                let holds = match &asked.matcher {
                    Some(matcher) => matcher.holds(self.connection, subject.record, subject.unit)?,
                    None => {
                        let condition = asked.condition(self.connection, subject, self.call)?;
                        let condition = condition.ok_or_else(|| self.gone(open.id))?;
                        let of_rows = flow.world.unit.is_row();
                        let (store, catalog) = (self.store, flow.world.catalog);
                        let matcher = Matcher::new(store, catalog, flow.table, &condition, of_rows)?;
                        matcher.holds(self.connection, subject.record, subject.unit)?
                    }
                };
                Ok(Stepped::Done(Done { branch: Some(holds), ..Done::default() }))
            }
            Step::Delete { table, target, most } => self.delete(node, table, *target, *most, subject, open),
            Step::SendMail { table, target, template } => self.send_mail(table, *target, template, subject, open),
            Step::GenerateFile { table, target, template, field } => {
                self.generate_file(table, *target, template, &field.field.code, subject, open)
            }
            Step::HttpSend { table, target, send } => self.send_http(node, table, *target, send, subject, open),
            Step::End => Ok(Stepped::Done(Done::default())),
        }
    }

    fn gone(&self, id: i64) -> Error {
        Error::new(Code::RecordNotFound).with_value(Selector::Id(id)).with_rule(self.flow.table.code())
    }

    /// What a part sees of the record for which it is run.
    fn see(&self, sets: &Sets<'a>, subject: Subject, open: &mut Open) -> Result<super::values::Seen> {
        // What was found is looked up before, since it may have to be read.
        let mut first = Vec::new();
        for part in sets.searches() {
            first.push((part, self.run.found(self.connection, open, part)?.first().copied()));
        }
        let found = |part: usize| first.iter().find(|(at, _)| *at == part).and_then(|(_, id)| *id);
        let seen = sets.see(self.connection, subject, self.call, found)?;
        seen.ok_or_else(|| self.gone(open.id))
    }

    fn register(
        &mut self,
        table: &Arc<Table>,
        sets: &Sets<'a>,
        approve: bool,
        subject: Subject,
        open: &mut Open,
    ) -> Result<Done> {
        let seen = self.see(sets, subject, open)?;
        let values = sets.values(self.connection, &seen, None)?.unwrap_or_default();
        let options = WriteOptions::new().key_mode(KeyMode::Given).approve(approve);
        let writer = writer(&mut self.writers, self.store, self.connection, table);
        let outcome = writer.insert(Draft::of(table, &values), &options)?;
        Ok(Done { records: 1, output: Some(outcome.id), ..Done::default() })
    }

    fn update(
        &mut self,
        table: &Arc<Table>,
        target: Target,
        sets: &Sets<'a>,
        subject: Subject,
        open: &mut Open,
    ) -> Result<Stepped> {
        let (store, connection) = (self.store, self.connection);
        if let (Target::Record | Target::Found(_), Some(values)) = (target, sets.fixed()) {
            let options = WriteOptions::new();
            return self.each(table, target, subject, open, |writer, target| {
                Ok(writer.update(target, Draft::of(table, values), &options)?.is_some())
            });
        }
        let seen = self.see(sets, subject, open)?;
        let options = WriteOptions::new().details(match target {
            Target::Row | Target::Rows => DetailMode::Merge,
            Target::Record | Target::Found(_) => DetailMode::Append,
        });
        let rows = match (target, subject.unit) {
            (Target::Row, One::Row(row)) => vec![row],
            (Target::Rows, _) => row_ids(connection, table, subject.record)?,
            _ => Vec::new(),
        };
        match target {
            Target::Row | Target::Rows => {
                let mut values = Values::new();
                for row in &rows {
                    values.rows.extend(sets.row_values(connection, &seen, *row)?);
                }
                let writer = writer(&mut self.writers, store, connection, table);
                let target = Selector::Id(subject.record);
                let written = writer.update(&target, Draft::of(table, &values), &options)?;
                written.ok_or_else(|| self.gone(open.id))?;
                Ok(Stepped::Done(Done { records: rows.len() as u64, ..Done::default() }))
            }
            Target::Record | Target::Found(_) => {
                let fixed = match sets.needs_target() {
                    true => None,
                    false => sets.values(connection, &seen, None)?,
                };
                self.each(table, target, subject, open, |writer, target| {
                    let own;
                    let values = match (&fixed, target) {
                        (Some(values), _) => values,
                        (None, Selector::Id(id)) => match sets.values(connection, &seen, Some(One::Record(*id)))? {
                            Some(values) => {
                                own = values;
                                &own
                            }
                            None => return Ok(false),
                        },
                        (None, Selector::Key(_)) => return Ok(false),
                    };
                    Ok(writer.update(target, Draft::of(table, values), &options)?.is_some())
                })
            }
        }
    }

    fn approval(
        &mut self,
        table: &Arc<Table>,
        target: Target,
        to: Approval,
        subject: Subject,
        open: &mut Open,
    ) -> Result<Stepped> {
        self.each(table, target, subject, open, |writer, target| Ok(writer.set_approval(target, to)?.is_some()))
    }

    fn delete(
        &mut self,
        node: &Node<'a>,
        table: &Arc<Table>,
        target: Target,
        most: u64,
        subject: Subject,
        open: &mut Open,
    ) -> Result<Stepped> {
        let part = open.part;
        let deleted = match self.deleted.get(&part) {
            Some(deleted) => *deleted,
            None => self.run.deleted(self.connection, part)?,
        };
        let count = match target {
            Target::Found(search) => self.run.found(self.connection, open, search)?.len() as u64,
            _ => 1,
        };
        // What is counted already was let pass before it began.
        if open.progress.is_none() && deleted + count > most {
            let error = Error::new(Code::AutomationDelete).with_name(&node.code).with_value(deleted + count);
            return Err(error.with_rule(most));
        }
        let before = open.progress.as_ref().map_or(0, |progress| progress.records);
        let delete = |writer: &mut Writer<'b>, target: &Selector| Ok(writer.delete(target, None)?.is_some());
        let stepped = self.each(table, target, subject, open, delete)?;
        match &stepped {
            Stepped::Done(done) => {
                self.deleted.insert(part, deleted + done.records.saturating_sub(before));
            }
            _ => {
                self.deleted.remove(&part);
            }
        }
        Ok(stepped)
    }

    /// The records of a target, which must not be more than so many.
    fn targets(
        &mut self,
        node: &str,
        target: Target,
        subject: Subject,
        open: &mut Open,
        most: usize,
    ) -> Result<Rc<[i64]>> {
        let ids = match target {
            Target::Found(search) => self.run.found(self.connection, open, search)?,
            _ => [subject.record].into(),
        };
        match ids.len() > most {
            false => Ok(ids),
            true => {
                let rule = words!("1回の送信は{most}レコードまでです", "it sends for at most {most}");
                let error = Error::new(Code::AutomationRecords).with_name(node).with_value(ids.len());
                Err(error.with_rule(rule))
            }
        }
    }

    /// Sends mails about what was committed.
    fn send_mail(
        &mut self,
        table: &Arc<Table>,
        target: Target,
        template: &MailTemplate,
        subject: Subject,
        open: &mut Open,
    ) -> Result<Stepped> {
        let ids = self.targets(&template.code, target, subject, open, MAILS)?;
        let reading = self.store.reading()?;
        let mut progress = open.progress.take().unwrap_or_default();
        let mut output = None;
        while let Some(id) = ids.get(progress.position) {
            let record = Selector::Id(*id);
            let (run, memo) = (self.run.job, self.run.memo.as_str());
            let catalog = self.flow.world.catalog;
            let about = (&**table, template);
            match queue_about(self.store, self.connection, &reading, catalog, about, &record, (run, memo)) {
                Ok(delivery) => {
                    output = Some(delivery);
                    progress.records += 1;
                }
                Err(error) if is_of_the_store(&error) => return Err(error),
                Err(error) if matches!(target, Target::Found(_)) => {
                    progress.refused += 1;
                    let key = key_of(self.connection, table, *id)?;
                    let why = || Words::of(|language| format!("{key}: {}", error.message(language)));
                    progress.why.get_or_insert_with(why);
                }
                Err(error) => return Err(error),
            }
            progress.position += 1;
            if progress.position < ids.len()
                && let Some(why) = self.look()
            {
                open.progress = Some(progress);
                return Ok(Stepped::Paused(why));
            }
        }
        let Progress { records, refused, .. } = progress;
        open.progress = Some(progress);
        Ok(Stepped::Done(Done { records, refused, output, ..Done::default() }))
    }

    /// Generates files of what was committed.
    fn generate_file(
        &mut self,
        table: &Arc<Table>,
        target: Target,
        template: &FileTemplate,
        field: &str,
        subject: Subject,
        open: &mut Open,
    ) -> Result<Stepped> {
        self.targets(&template.code, target, subject, open, MAILS)?;
        let (store, connection, memo) = (self.store, self.connection, self.run.memo.clone());
        let reading = store.reading()?;
        let options = WriteOptions::new();
        self.each(table, target, subject, open, |writer, target| {
            let mut whole = Vec::new();
            let made = generate(store, &reading, template, Some(target), None, &memo, &mut whole)?;
            let file = bytes::insert(store, connection, &made.name, &whole, store.now().after(UNTAKEN))?;
            let values = Values::new().set(field, Value::File(file));
            Ok(writer.update(target, Draft::of(table, &values), &options)?.is_some())
        })
    }

    fn send_http(
        &mut self,
        node: &Node<'a>,
        table: &Arc<Table>,
        target: Target,
        send: &HttpSend,
        subject: Subject,
        open: &mut Open,
    ) -> Result<Stepped> {
        let ids = self.targets(&node.code, target, subject, open, SENDS)?;
        if ids.is_empty() {
            return Ok(Stepped::Done(Done::default()));
        }
        let records: Vec<Selector> = ids.iter().map(|id| Selector::Id(*id)).collect();
        let of = Of {
            list: self.run.list.unwrap_or_default(),
            trigger: self.run.trigger,
            memo: &self.run.memo,
            token: None,
            report: None,
        };
        let catalog = self.flow.world.catalog;
        let run = send_for(self.store, self.connection, catalog, table, send, &records, &of)?;
        Ok(Stepped::Sent(run, ids.len() as u64))
    }

    /// Takes in how http sends have ended, and lets the record go on; the error by which it stops.
    fn answer(&mut self, open: &mut Open, send: i64) -> Result<Option<Error>> {
        let Some(node) = self.flow.nodes.get(open.part) else { return Ok(None) };
        let now = self.store.now().0;
        let ([delivered, failed, cancelled], told) = match outcome(self.connection, send) {
            Ok(outcome) => outcome,
            // It was kept long enough, and is gone.
            Err(error) if error.code() == Code::JobNotFound => ([0, 1, 0], None),
            Err(error) => return Err(error),
        };
        let why = told.map(|told| Words::both(told.ja, told.en));
        let why = why.unwrap_or_else(|| words!("理由は記録されていません", "the reason is not known"));
        let error = match (failed, cancelled) {
            (0, 0) => None,
            (0, _) => Some(Error::new(Code::Cancelled)),
            (failed, _) => {
                let error = Error::new(Code::AutomationSend).with_name(&node.code).with_value(failed);
                Some(error.with_rule(why))
            }
        };
        let done = Done { records: delivered, refused: failed + cancelled, output: Some(send), ..Done::default() };
        self.run.write(self.connection, open, (now, now), &done, error.as_ref())?;
        open.part = node.next;
        Ok(error)
    }

    /// Does something to the records of a target. One alone that is refused is an error; of several, each is counted.
    fn each(
        &mut self,
        table: &Arc<Table>,
        target: Target,
        subject: Subject,
        open: &mut Open,
        mut work: impl FnMut(&mut Writer<'b>, &Selector) -> Result<bool>,
    ) -> Result<Stepped> {
        let (store, connection) = (self.store, self.connection);
        let Target::Found(search) = target else {
            let target = Selector::Id(subject.record);
            return match work(writer(&mut self.writers, store, connection, table), &target)? {
                true => Ok(Stepped::Done(Done { records: 1, ..Done::default() })),
                false => Err(missing(table, &target)),
            };
        };
        let ids = self.run.found(connection, open, search)?;
        let mut progress = open.progress.take().unwrap_or_default();
        while let Some(id) = ids.get(progress.position) {
            let target = Selector::Id(*id);
            let writer = writer(&mut self.writers, store, connection, table);
            let refused = match work(writer, &target) {
                Ok(true) => None,
                Ok(false) => Some(Words::of(|language| missing(table, &target).message(language))),
                Err(error) if is_of_the_store(&error) => return Err(error),
                Err(error) => {
                    let key = key_of(connection, table, *id)?;
                    Some(Words::of(|language| format!("{key}: {}", error.message(language))))
                }
            };
            progress.position += 1;
            match refused {
                None => progress.records += 1,
                Some(why) => {
                    progress.refused += 1;
                    progress.why.get_or_insert(why);
                }
            }
            if progress.position < ids.len()
                && let Some(why) = self.look()
            {
                open.progress = Some(progress);
                return Ok(Stepped::Paused(why));
            }
        }
        let Progress { records, refused, .. } = progress;
        open.progress = Some(progress);
        Ok(Stepped::Done(Done { records, refused, ..Done::default() }))
    }
}

fn missing(table: &Table, target: &Selector) -> Error {
    Error::new(Code::RecordNotFound).with_value(target).with_rule(table.code())
}

/// The key of a record, for people.
fn key_of(connection: &Writing<'_>, table: &Table, id: i64) -> Result<String> {
    let sql = format!("SELECT {} FROM {} WHERE _id = ?1", table.key().sql, table.header.sql);
    let key = connection.prepare_cached(&sql)?.query_row([id], |row| row.get(0)).optional()?;
    Ok(key.unwrap_or_else(|| Selector::Id(id).to_string()))
}

/// That some of several records were refused.
fn refusal(node: &Node<'_>, open: &Open, done: &Done) -> Error {
    let why = open.progress.as_ref().and_then(|progress| progress.why.clone());
    let why = why.unwrap_or_else(|| words!("理由は記録されていません", "the reason is not known"));
    Error::new(Code::AutomationRefused).with_name(&node.code).with_value(done.refused).with_rule(why)
}

/// The one writer of a database in this transaction.
fn writer<'w, 'c>(
    writers: &'w mut Vec<(i64, Writer<'c>)>,
    store: &Store,
    connection: &'c Writing<'c>,
    table: &Arc<Table>,
) -> &'w mut Writer<'c> {
    let at = writers.iter().position(|(id, _)| *id == table.id).unwrap_or_else(|| {
        writers.push((table.id, Writer::new(store, connection, table)));
        writers.len() - 1
    });
    &mut writers[at].1
}

/// The detail rows of a record, in order.
pub(super) fn row_ids(connection: &Writing<'_>, table: &Table, record: i64) -> Result<Vec<i64>> {
    let sql = format!("SELECT _id FROM {} WHERE _record = ?1 ORDER BY _position", table.details()?.sql);
    let mut statement = connection.prepare_cached(&sql)?;
    Ok(statement.query_map([record], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
}
