//! The one record writer: every door writes through it, inside the transaction of its caller.

use std::sync::Arc;

use rusqlite::{CachedStatement, Connection, ErrorCode, OptionalExtension};

use super::calculate::{Which, calculate, needs_header, needs_rows};
use super::current::Current;
use super::draft::{Draft, Slot, Slots};
use super::input::{Selector, WriteOptions};
use super::key::{NewKey, is_issued, new_key};
use super::number::Counters;
use super::{file, resolve};
use crate::error::{Broken, Code, Error, Result, Violation, Words, words};
use crate::event::{Teller, What};
use crate::schema::{Cell, DateTime, FieldKind, Layout, Snapshot, Table, full_text_tokens};
use crate::store::Store;

/// Writes records of one database in one transaction. [`Writer::finish`] must be called before the commit.
pub(crate) struct Writer<'c> {
    pub(super) connection: &'c Connection,
    pub(super) table: Arc<Table>,
    pub(super) now: i64,
    pub(super) today: DateTime,
    pub(super) actor: i64,
    pub(super) counters: Counters,
    pub(super) most_rows: usize,
    insert: Option<Insert<'c>>,
    pub(super) select: Option<CachedStatement<'c>>,
    /// The key of the record written last.
    pub(super) last_key: String,
    /// The id for the first insert, where the greatest id was deleted.
    first_id: Option<Option<i64>>,
    /// Whether the last upsert made a record.
    expects_new: bool,
    tokens: String,
    indexing: Vec<Indexing<'c>>,
    /// Where somebody listens.
    teller: Option<Teller>,
}

/// The statement that adds to one full-text index.
struct Indexing<'c> {
    full_text: String,
    statement: CachedStatement<'c>,
}

/// The statement that inserts header rows, with what stays bound from one to the next.
struct Insert<'c> {
    statement: CachedStatement<'c>,
    approved: bool,
    id_is_bound: bool,
}

/// What came of trying to update.
enum Attempt<'a> {
    Done(Outcome),
    Missing(Draft<'a>),
}

/// What came of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) id: i64,
    pub(crate) revision: i64,
    pub(crate) what: Written,
}

/// What a write did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Written {
    /// A new record was made.
    Inserted,
    /// The record was changed.
    Updated,
    /// The record had these values already; nothing was written.
    Unchanged,
}

impl<'c> Writer<'c> {
    pub(crate) fn new(store: &Store, connection: &'c Connection, table: &Arc<Table>) -> Writer<'c> {
        let now = store.now();
        let today = store.local(now);
        Writer {
            connection,
            table: table.clone(),
            now: now.0,
            today,
            actor: store.actor.unwrap_or(0),
            counters: Counters::new(today),
            most_rows: store.limits().detail_rows,
            insert: None,
            select: None,
            last_key: String::new(),
            first_id: None,
            expects_new: false,
            tokens: String::new(),
            indexing: Vec::new(),
            teller: Teller::of(store, table),
        }
    }

    /// Stores what the writer kept to itself.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.counters.flush(self.connection)
    }

    /// Who tells of such a thing, if anybody listens.
    fn teller(&self, what: What) -> Option<&Teller> {
        self.teller.as_ref().filter(|teller| teller.is_heard(what))
    }

    /// The record as it stands, where somebody is to be told that such a thing was done to it.
    pub(super) fn before(&self, what: What, id: i64) -> Result<Option<Snapshot>> {
        self.teller(what).map(|teller| teller.look(self.connection, &self.table, id)).transpose()
    }

    /// Tells what was done to a record, where somebody listens; `before` is what [`Writer::before`] gave.
    pub(super) fn tell(&self, what: What, id: i64, before: Option<&Snapshot>) -> Result<()> {
        let Some(teller) = self.teller(what) else { return Ok(()) };
        let after = match what {
            What::Deleted => None,
            _ => Some(teller.look(self.connection, &self.table, id)?),
        };
        teller.tell(self.connection, &self.table, what, (before, after.as_ref()), (self.now, self.actor))
    }

    /// The key of the record that was written last.
    pub(crate) fn last_key(&self) -> &str {
        &self.last_key
    }

    /// Registers a record. On refusal nothing of it is written, and every violation is told.
    pub(crate) fn insert(&mut self, mut draft: Draft<'_>, options: &WriteOptions) -> Result<Outcome> {
        let table = self.table.clone();
        let layout = &table.header;
        let mut violations = std::mem::take(&mut draft.violations);
        resolve::resolve(self.connection, layout, &mut draft.slots, None, &mut violations)?;
        if options.fill_dependents {
            resolve::fill_dependents(self.connection, layout, &mut draft.slots)?;
        }
        let key_at = table.key_index();
        let key_slot = std::mem::replace(&mut draft.slots[key_at], Slot::Absent);
        let key = new_key(self.connection, &mut self.counters, table.key(), &key_slot, options.key_mode)?;
        let bad: Vec<bool> = bad_columns(&draft.slots);
        let mut cells = self.new_cells(layout, draft.slots)?;
        let issued = matches!(key, NewKey::Issued(_)).then_some(&key_slot);
        cells[key_at] = match key {
            NewKey::Given(cell) => cell,
            NewKey::Issued(cell) => cell,
            NewKey::Bad => Cell::Null,
            NewKey::Refused(broken) => {
                let field = &table.key().field;
                let given = match &key_slot {
                    Slot::Given(Cell::Text(text)) => text.to_string(),
                    _ => String::new(),
                };
                violations.push(Violation::new(broken, &field.code, &field.name, given));
                Cell::Null
            }
        };
        let has_rows = !draft.rows.is_empty();
        // Without rows there is nothing to wait for: sums over none are known.
        let which = if has_rows { Which::WithoutRows } else { Which::All };
        calculate(layout, which, &mut cells, &[], &[], None, &mut violations);
        for at in &layout.plan().required {
            if *at != key_at && cells[*at].is_null() && !bad.get(*at).copied().unwrap_or(false) {
                violations.push(required(layout, *at));
            }
        }
        if !violations.is_empty() {
            let found = self.duplicates(layout, &cells, None)?;
            // An issued key would give way to the next.
            let found = found.into_iter().filter(|(at, _)| issued.is_none() || *at != key_at);
            violations.extend(found.map(|(_, violation)| violation));
            if !has_rows && layout.plan().files.is_empty() {
                return Err(refusal(&table, violations));
            }
        }
        if !has_rows && layout.plan().files.is_empty() {
            let mut write =
                |writer: &mut Self| match writer.insert_header(&mut cells, issued, options, &mut violations)? {
                    Some(id) => {
                        writer.tell(What::Registered, id, None)?;
                        Ok(Outcome { id, revision: 1, what: Written::Inserted })
                    }
                    None => Err(refusal(&table, std::mem::take(&mut violations))),
                };
            // A single statement is taken back by itself.
            return if self.teller(What::Registered).is_some() { self.in_savepoint(write) } else { write(self) };
        }
        self.in_savepoint(|writer| {
            file::attach(writer, layout, &mut cells, None, None, &mut violations)?;
            // With violations in the header the rows are still judged, under a header that is taken back.
            let inserted = match violations.is_empty() {
                true => writer.insert_header(&mut cells, issued, options, &mut violations)?,
                false => None,
            };
            let id = match inserted {
                Some(id) => id,
                None => writer.insert_placeholder()?,
            };
            writer.write_rows(id, draft.rows, &cells, options, true, &mut violations)?;
            if has_rows && needs_rows(layout) {
                // Calculated once more with the rows, and so judged once more.
                violations.retain(|violation| !is_calculation(violation));
                let mut owned: Vec<Cell<'static>> = cells.iter().map(|cell| cell.borrowed().into_owned()).collect();
                writer.recalculate_header(id, &mut owned, &mut violations)?;
            }
            if !violations.is_empty() {
                return Err(refusal(&table, std::mem::take(&mut violations)));
            }
            writer.tell(What::Registered, id, None)?;
            Ok(Outcome { id, revision: 1, what: Written::Inserted })
        })
    }

    /// Updates the record that `target` names; `None` if there is none.
    pub(crate) fn update(
        &mut self,
        target: &Selector,
        draft: Draft<'_>,
        options: &WriteOptions,
    ) -> Result<Option<Outcome>> {
        match self.try_update(target, draft, options)? {
            Attempt::Done(outcome) => Ok(Some(outcome)),
            Attempt::Missing(_) => Ok(None),
        }
    }

    /// Updates the record that `target` names, or registers it. `draft` is asked once more if it was wrongly taken for new.
    pub(crate) fn upsert<'a>(
        &mut self,
        target: &Selector,
        draft: impl Fn() -> Draft<'a>,
        options: &WriteOptions,
    ) -> Result<Outcome> {
        let mut made = draft();
        // Most imports bring new records only or known ones only. After a new one the next is taken for new as well,
        // which saves looking for it: the index of keys says if it was not.
        if self.expects_new && made.violations.is_empty() && made.rows.is_empty() {
            match self.insert(made, options) {
                Err(error) if self.is_of_key(&error) => made = draft(),
                other => return other,
            }
        }
        let outcome = match self.try_update(target, made, options)? {
            Attempt::Done(outcome) => outcome,
            Attempt::Missing(draft) => self.insert(draft, options)?,
        };
        self.expects_new = outcome.what == Written::Inserted;
        Ok(outcome)
    }

    /// Whether the key was refused: it may be known, and known ones may have the form of earlier days.
    fn is_of_key(&self, error: &Error) -> bool {
        let key = &self.table.key().field.code;
        error.violations().iter().any(|violation| violation.field() == key)
    }

    /// Updates the record that `target` names; if there is none, the draft is given back for other use.
    fn try_update<'a>(
        &mut self,
        target: &Selector,
        mut draft: Draft<'a>,
        options: &WriteOptions,
    ) -> Result<Attempt<'a>> {
        let table = self.table.clone();
        let layout = &table.header;
        let mut violations = std::mem::take(&mut draft.violations);
        resolve::resolve(self.connection, layout, &mut draft.slots, None, &mut violations)?;
        if options.fill_dependents {
            resolve::fill_dependents(self.connection, layout, &mut draft.slots)?;
        }
        let Some(current) = self.compare(target, &draft.slots)? else {
            draft.violations = violations;
            return Ok(Attempt::Missing(draft));
        };
        if let Some(expected) = options.expected_revision.filter(|expected| *expected != current.revision) {
            let rule = stale(current.revision, expected);
            return Err(Error::new(Code::RevisionConflict).with_value(&self.last_key).with_rule(rule));
        }
        let key_at = table.key_index();
        if current.changed.contains(&key_at) {
            self.check_new_key(&draft.slots[key_at], &mut violations);
        }
        for at in &layout.plan().required {
            let given_null = matches!(&draft.slots[*at], Slot::Given(Cell::Null));
            let kept_null = matches!(&draft.slots[*at], Slot::Absent) && current.null_required.contains(at);
            if given_null || kept_null {
                violations.push(required(layout, *at));
            }
        }
        let Current { id, revision, changed, cells: old, .. } = current;
        let has_rows =
            !draft.rows.is_empty() || options.details == super::DetailMode::Replace && table.details.is_some();
        if changed.is_empty() && !has_rows && violations.is_empty() {
            return Ok(Attempt::Done(Outcome { id, revision, what: Written::Unchanged }));
        }
        let refused = !violations.is_empty();
        if refused && old.is_empty() {
            return Err(refusal(&table, violations));
        }
        let mut cells: Vec<Cell<'_>> = old.iter().map(Cell::borrowed).collect();
        for (cell, slot) in cells.iter_mut().zip(draft.slots) {
            if let Slot::Given(given) = slot {
                *cell = given;
            }
        }
        if let Cell::Text(key) = &cells[key_at] {
            self.last_key.clear();
            self.last_key.push_str(key);
        }
        calculate(layout, Which::WithoutRows, &mut cells, &[], &[], None, &mut violations);
        if refused {
            let found = self.duplicates(layout, &cells, Some(id))?;
            violations.extend(found.into_iter().map(|(_, violation)| violation));
            if !has_rows && layout.plan().files.is_empty() {
                return Err(refusal(&table, violations));
            }
        }
        let before = self.before(What::Updated, id)?;
        let is_told = before.is_some();
        let write = |writer: &mut Self| {
            file::attach(writer, layout, &mut cells, Some(&old), None, &mut violations)?;
            let rows_changed = match has_rows {
                true => writer.write_rows(id, draft.rows, &cells, options, false, &mut violations)?,
                false => false,
            };
            if let Some(details) = table.details.as_ref().filter(|details| needs_header(details)) {
                writer.recalculate_rows(id, details, &cells, &mut violations)?;
            }
            if needs_rows(layout) {
                let rows = writer.read_rows(id)?;
                violations.retain(|violation| !is_calculation(violation));
                calculate(layout, Which::All, &mut cells, &[], &rows, None, &mut violations);
            }
            if !violations.is_empty() {
                return Err(refusal(&table, std::mem::take(&mut violations)));
            }
            let changed: Vec<usize> =
                layout.plan().stored.iter().copied().filter(|at| cells[*at] != old[*at]).collect();
            if changed.is_empty() && !rows_changed {
                return Ok(Outcome { id, revision, what: Written::Unchanged });
            }
            writer.update_header(id, &cells, &changed, &mut violations)?;
            file::detach(writer.connection, layout, &cells, &old)?;
            for at in changed.iter().filter(|at| layout.plan().full_text.contains(at)) {
                writer.index_text(layout, *at, id, &old[*at], &cells[*at])?;
            }
            if !violations.is_empty() {
                return Err(refusal(&table, std::mem::take(&mut violations)));
            }
            writer.tell(What::Updated, id, before.as_ref())?;
            Ok(Outcome { id, revision: revision + 1, what: Written::Updated })
        };
        // A single statement is taken back by itself.
        let is_single = !has_rows
            && !is_told
            && table.details.is_none()
            && layout.plan().files.is_empty()
            && layout.plan().full_text.iter().all(|at| !changed.contains(at));
        let outcome = if is_single { write(self)? } else { self.in_savepoint(write)? };
        Ok(Attempt::Done(outcome))
    }

    /// Deletes the record that `target` names; its id and key, or `None` if there is none.
    pub(crate) fn delete(&mut self, target: &Selector, expected_revision: Option<i64>) -> Result<Option<i64>> {
        let table = self.table.clone();
        let layout = &table.header;
        let slots = vec![Slot::Absent; layout.columns.len()];
        let Some(current) = self.compare_all(target, &slots)? else { return Ok(None) };
        if let Some(expected) = expected_revision.filter(|expected| *expected != current.revision) {
            let rule = stale(current.revision, expected);
            return Err(Error::new(Code::RevisionConflict).with_value(&self.last_key).with_rule(rule));
        }
        let id = current.id;
        self.in_savepoint(|writer| {
            let before = writer.before(What::Deleted, id)?;
            let unused = file::unused(writer.connection, &table, id)?;
            match table.details.is_some() {
                true => writer.delete_rows(id, &[])?,
                false => writer.delete_unused_rows(id)?,
            };
            let sql = format!("DELETE FROM {} WHERE _id = ?1", layout.sql);
            if let Err(error) = writer.connection.prepare_cached(&sql)?.execute([id]) {
                return Err(match error.sqlite_error_code() {
                    Some(ErrorCode::ConstraintViolation) => writer.linked_from(id, error),
                    _ => error.into(),
                });
            }
            for at in &layout.plan().full_text {
                writer.index_text(layout, *at, id, &current.cells[*at], &Cell::Null)?;
            }
            let nothing = vec![Cell::Null; current.cells.len()];
            file::detach(writer.connection, layout, &nothing, &current.cells)?;
            file::delete(writer.connection, &unused)?;
            writer.retire_id(&layout.table, &layout.sql, id)?;
            writer.tell(What::Deleted, id, before.as_ref())
        })?;
        Ok(Some(id))
    }

    /// Runs `work` so that a failure leaves nothing of it behind, while the transaction goes on.
    pub(super) fn in_savepoint<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.connection.prepare_cached("SAVEPOINT record")?.raw_execute()?;
        let result = work(self);
        if result.is_err() && !self.connection.is_autocommit() {
            // What was inserted is not the greatest any more.
            self.first_id = None;
            self.connection.prepare_cached("ROLLBACK TO record")?.raw_execute()?;
        }
        if !self.connection.is_autocommit() {
            self.connection.prepare_cached("RELEASE record")?.raw_execute()?;
        }
        result
    }

    /// The cells of a new row: given, else numbered, else the default.
    pub(super) fn new_cells<'a>(&mut self, layout: &Layout, slots: Slots<'a>) -> Result<Vec<Cell<'a>>> {
        let plan = layout.plan();
        let mut given = Vec::new();
        if !plan.defaults.is_empty() {
            given = slots.iter().map(|slot| !matches!(slot, Slot::Absent)).collect();
        }
        let mut cells: Vec<Cell<'a>> = slots
            .into_iter()
            .map(|slot| match slot {
                Slot::Given(cell) => cell,
                Slot::Absent | Slot::Bad => Cell::Null,
            })
            .collect();
        for (at, default) in &plan.defaults {
            if given[*at] {
                continue;
            }
            cells[*at] = default.cell(&layout.columns[*at], self.today);
        }
        for at in &plan.numbers {
            if let FieldKind::AutoNumber { format } = &layout.columns[*at].field.kind {
                let id = layout.columns[*at].id;
                cells[*at] = Cell::Text(self.counters.issue(self.connection, id, format)?.into());
            }
        }
        Ok(cells)
    }

    /// Inserts the header row. A key that the store issued and that exists already gives way to the next.
    fn insert_header(
        &mut self,
        cells: &mut [Cell<'_>],
        issued: Option<&Slot<'_>>,
        options: &WriteOptions,
        violations: &mut Vec<Violation>,
    ) -> Result<Option<i64>> {
        let table = self.table.clone();
        let layout = &table.header;
        let key_at = table.key_index();
        loop {
            let result = self.insert_row(cells, options);
            if let Cell::Text(text) = &cells[key_at] {
                self.last_key.clear();
                self.last_key.push_str(text);
            }
            match result {
                Ok(id) => {
                    for at in &layout.plan().full_text {
                        self.index_text(layout, *at, id, &Cell::Null, &cells[*at])?;
                    }
                    return Ok(Some(id));
                }
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                    let found = self.duplicates(layout, cells, None)?;
                    if found.is_empty() {
                        return Err(error.into());
                    }
                    if let (Some(given), true) = (issued, found.iter().any(|(at, _)| *at == key_at)) {
                        let mode = super::KeyMode::Issue;
                        let next = new_key(self.connection, &mut self.counters, table.key(), given, mode)?;
                        if let NewKey::Issued(next) = next {
                            cells[key_at] = next;
                            continue;
                        }
                    }
                    violations.extend(found.into_iter().map(|(_, violation)| violation));
                    return Ok(None);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn insert_row(&mut self, cells: &[Cell<'_>], options: &WriteOptions) -> rusqlite::Result<i64> {
        let table = self.table.clone();
        let plan = table.header.plan();
        let id = self.take_first_id(&table.header)?;
        let approved = options.approve && table.definition.approval;
        if self.insert.as_ref().is_none_or(|insert| insert.approved != approved) {
            let mut statement = self.connection.prepare_cached(&plan.insert)?;
            // What is the same for every record of this transaction stays bound.
            statement.raw_bind_parameter(2, 1)?;
            statement.raw_bind_parameter(3, self.now)?;
            statement.raw_bind_parameter(4, self.actor)?;
            statement.raw_bind_parameter(5, self.now)?;
            statement.raw_bind_parameter(6, self.actor)?;
            statement.raw_bind_parameter(7, approved)?;
            self.insert = Some(Insert { statement, approved, id_is_bound: true });
        }
        let Some(Insert { statement, id_is_bound, .. }) = self.insert.as_mut() else {
            return Err(rusqlite::Error::InvalidQuery);
        };
        if id.is_some() || *id_is_bound {
            statement.raw_bind_parameter(1, id)?;
            *id_is_bound = id.is_some();
        }
        for (index, at) in plan.stored.iter().enumerate() {
            statement.raw_bind_parameter(8 + index, &cells[*at])?;
        }
        if let Err(error) = statement.raw_execute() {
            // The id was not used.
            self.first_id = None;
            return Err(error);
        }
        Ok(self.connection.last_insert_rowid())
    }

    /// A header under which the detail rows of a refused record are judged; the savepoint takes it back.
    fn insert_placeholder(&mut self) -> Result<i64> {
        let table = self.table.clone();
        let names = "_revision, _created_at, _created_by, _updated_at, _updated_by, _approval";
        let sql = format!("INSERT INTO {} ({names}) VALUES (0, 0, 0, 0, 0, 0)", table.header.sql);
        self.connection.prepare_cached(&sql)?.raw_execute()?;
        Ok(self.connection.last_insert_rowid())
    }

    /// Ids are not used twice: where the greatest was deleted, the next insert is told where to go on.
    fn take_first_id(&mut self, layout: &Layout) -> rusqlite::Result<Option<i64>> {
        if self.first_id.is_none() {
            self.first_id = Some(next_free_id(self.connection, layout)?);
        }
        Ok(self.first_id.replace(None).flatten())
    }

    pub(super) fn retire_id(&mut self, table: &str, sql: &str, id: i64) -> Result<()> {
        let greatest: Option<i64> =
            self.connection.prepare_cached(&format!("SELECT max(_id) FROM {sql}"))?.query_row([], |row| row.get(0))?;
        if greatest.is_none_or(|greatest| greatest < id) {
            let sql = "INSERT INTO renkei_last_id (table_name, id) VALUES (?1, ?2)
                ON CONFLICT (table_name) DO UPDATE SET id = max(id, excluded.id)";
            self.connection.prepare_cached(sql)?.execute((table, id))?;
            self.first_id = None;
        }
        Ok(())
    }

    fn update_header(
        &mut self,
        id: i64,
        cells: &[Cell<'_>],
        changed: &[usize],
        violations: &mut Vec<Violation>,
    ) -> Result<()> {
        let table = self.table.clone();
        let layout = &table.header;
        let mut sql =
            format!("UPDATE {} SET _revision = _revision + 1, _updated_at = ?2, _updated_by = ?3", layout.sql);
        for (index, at) in changed.iter().enumerate() {
            sql.push_str(&format!(", {} = ?{}", layout.columns[*at].sql, index + 4));
        }
        sql.push_str(" WHERE _id = ?1");
        let mut statement = self.connection.prepare_cached(&sql)?;
        statement.raw_bind_parameter(1, id)?;
        statement.raw_bind_parameter(2, self.now)?;
        statement.raw_bind_parameter(3, self.actor)?;
        for (index, at) in changed.iter().enumerate() {
            statement.raw_bind_parameter(index + 4, &cells[*at])?;
        }
        match statement.raw_execute() {
            Ok(_) => Ok(()),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                let found = self.duplicates(layout, cells, Some(id))?;
                if found.is_empty() {
                    return Err(error.into());
                }
                violations.extend(found.into_iter().map(|(_, violation)| violation));
                Err(refusal(&table, std::mem::take(violations)))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Which unique columns have a value that another row has.
    pub(super) fn duplicates(
        &self,
        layout: &Layout,
        cells: &[Cell<'_>],
        own: Option<i64>,
    ) -> Result<Vec<(usize, Violation)>> {
        let mut found = Vec::new();
        for at in &layout.plan().unique {
            let column = &layout.columns[*at];
            if cells[*at].is_null() || matches!(column.field.kind, FieldKind::DetailKey { .. }) {
                continue;
            }
            let sql = format!("SELECT 1 FROM {} WHERE {} = ?1 AND _id IS NOT ?2", layout.sql, column.sql);
            if self.connection.prepare_cached(&sql)?.exists((&cells[*at], own))? {
                let shown = column.text(&cells[*at], crate::schema::ValueFormat::Raw);
                let broken = Broken::new(Code::Duplicate);
                found.push((*at, Violation::new(broken, &column.field.code, &column.field.name, shown)));
            }
        }
        Ok(found)
    }

    /// A changed key must have the form of a key, and one that the store issues does not change.
    fn check_new_key(&self, slot: &Slot<'_>, violations: &mut Vec<Violation>) {
        let column = self.table.key();
        if let (true, Slot::Given(Cell::Text(text))) = (is_issued(column), slot) {
            let broken = Broken::new(Code::KeyIssued);
            violations.push(Violation::new(broken, &column.field.code, &column.field.name, text.as_ref()));
        }
    }

    /// The error that names the databases from which a record is linked.
    fn linked_from(&self, id: i64, error: rusqlite::Error) -> Error {
        let sql = "SELECT DISTINCT m.name, f.\"from\" FROM sqlite_schema m, pragma_foreign_key_list(m.name) f
            WHERE m.type = 'table' AND f.\"table\" = ?1 AND f.\"from\" <> '_record'";
        let links: Vec<(String, String)> = self
            .connection
            .prepare(sql)
            .and_then(|mut statement| {
                statement.query_map([&self.table.header.table], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
            })
            .unwrap_or_default();
        let held = links.iter().filter(|(table, column)| {
            let (table, column) = (crate::store::quote(table), crate::store::quote(column));
            let sql = format!("SELECT 1 FROM {table} WHERE {column} = ?1");
            self.connection.prepare(&sql).and_then(|mut found| found.exists([id])).unwrap_or(false)
        });
        let names: Vec<String> = held.map(|(table, column)| format!("{table}.{column}")).collect();
        Error::new(Code::RecordLinked).with_value(&self.last_key).with_rule(names.join(", ")).with_source(error)
    }

    /// Keeps the full-text index of a column in step: `old` is what it was told of this row before, to the letter.
    pub(super) fn index_text(
        &mut self,
        layout: &Layout,
        at: usize,
        id: i64,
        old: &Cell<'_>,
        new: &Cell<'_>,
    ) -> Result<()> {
        let Some(full_text) = &layout.columns[at].full_text else { return Ok(()) };
        if let Cell::Text(text) = old {
            full_text_tokens(text, &mut self.tokens);
            let sql = format!("INSERT INTO {full_text} ({full_text}, rowid, t) VALUES ('delete', ?1, ?2)");
            self.connection.prepare_cached(&sql)?.execute((id, &self.tokens))?;
        }
        if let Cell::Text(text) = new {
            full_text_tokens(text, &mut self.tokens);
            let held = match self.indexing.iter().position(|held| held.full_text == *full_text) {
                Some(held) => held,
                None => {
                    let sql = format!("INSERT INTO {full_text} (rowid, t) VALUES (?1, ?2)");
                    let statement = self.connection.prepare_cached(&sql)?;
                    self.indexing.push(Indexing { full_text: full_text.clone(), statement });
                    self.indexing.len() - 1
                }
            };
            self.indexing[held].statement.execute((id, &self.tokens))?;
        }
        Ok(())
    }

    /// Calculates the header anew from the rows that are written, and stores what differs.
    pub(super) fn recalculate_header(
        &mut self,
        id: i64,
        cells: &mut [Cell<'static>],
        violations: &mut Vec<Violation>,
    ) -> Result<bool> {
        let table = self.table.clone();
        let layout = &table.header;
        let rows = self.read_rows(id)?;
        let before = cells.to_vec();
        calculate(layout, Which::All, cells, &[], &rows, None, violations);
        let changed: Vec<usize> = layout.plan().stored.iter().copied().filter(|at| cells[*at] != before[*at]).collect();
        if changed.is_empty() || !violations.is_empty() {
            return Ok(false);
        }
        let sets: Vec<String> = changed
            .iter()
            .enumerate()
            .map(|(index, at)| format!("{} = ?{}", layout.columns[*at].sql, index + 2))
            .collect();
        let sql = format!("UPDATE {} SET {} WHERE _id = ?1", layout.sql, sets.join(", "));
        let mut statement = self.connection.prepare_cached(&sql)?;
        statement.raw_bind_parameter(1, id)?;
        for (index, at) in changed.iter().enumerate() {
            statement.raw_bind_parameter(index + 2, &cells[*at])?;
        }
        statement.raw_execute()?;
        Ok(true)
    }
}

/// The refusal of a record: header first, then row by row, in the order of the fields.
fn refusal(table: &Table, mut violations: Vec<Violation>) -> Error {
    violations.sort_by_key(|violation| {
        let layout = match violation.row() {
            None => Some(&table.header),
            Some(_) => table.details.as_ref(),
        };
        let at =
            layout.and_then(|layout| layout.columns.iter().position(|column| column.field.code == violation.field()));
        (violation.row(), at.unwrap_or(usize::MAX))
    });
    Error::invalid(violations)
}

/// Whether it is a calculation of the header that failed.
fn is_calculation(violation: &Violation) -> bool {
    violation.code() == Code::CalculationFailed && violation.row().is_none()
}

fn bad_columns(slots: &Slots<'_>) -> Vec<bool> {
    if slots.iter().any(|slot| matches!(slot, Slot::Bad)) {
        slots.iter().map(|slot| matches!(slot, Slot::Bad)).collect()
    } else {
        Vec::new()
    }
}

/// How a record differs from what its writer expected.
fn stale(revision: i64, expected: i64) -> Words {
    words!("リビジョン{revision}、想定{expected}", "revision {revision}, expected {expected}")
}

pub(super) fn required(layout: &Layout, at: usize) -> Violation {
    let field = &layout.columns[at].field;
    Violation::new(Broken::new(Code::Required), &field.code, &field.name, "")
}

/// Where the greatest id of a table was deleted: the id to go on with.
pub(super) fn next_free_id(connection: &Connection, layout: &Layout) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT id FROM renkei_last_id WHERE table_name = ?1";
    let last: Option<i64> = connection.prepare_cached(sql)?.query_row([&layout.table], |row| row.get(0)).optional()?;
    let Some(last) = last else { return Ok(None) };
    let sql = format!("SELECT max(_id) FROM {}", layout.sql);
    let greatest: Option<i64> = connection.prepare_cached(&sql)?.query_row([], |row| row.get(0))?;
    Ok((greatest.unwrap_or(0) < last).then_some(last + 1))
}
