//! Detail rows: appended, found by id or detail key, replaced.

use rusqlite::{ErrorCode, OptionalExtension};

use super::calculate::{Which, calculate};
use super::draft::{RowDraft, Slot};
use super::input::{DetailMode, WriteOptions};
use super::writer::{Writer, next_free_id, required};
use super::{file, resolve};
use crate::error::{Broken, Code, Error, Result, Violation, words};
use crate::schema::{Cell, DefaultValue, Layout};

impl Writer<'_> {
    /// Writes the given rows of a record. Violations are collected; the caller takes everything back if there are any.
    /// Whether anything was changed is the answer.
    pub(super) fn write_rows(
        &mut self,
        record: i64,
        mut rows: Vec<RowDraft<'_>>,
        header: &[Cell<'_>],
        options: &WriteOptions,
        is_new: bool,
        violations: &mut Vec<Violation>,
    ) -> Result<bool> {
        let table = self.table.clone();
        let Some(layout) = &table.details else { return Ok(false) };
        let mut changed = false;
        for (at, row) in rows.iter_mut().enumerate() {
            resolve::resolve(self.connection, layout, &mut row.slots, Some(at + 1), violations)?;
            if options.fill_dependents {
                resolve::fill_dependents(self.connection, layout, &mut row.slots)?;
            }
        }
        if options.details == DetailMode::Replace && !is_new {
            if self.has_rows(layout, record, &rows)? {
                return Ok(false);
            }
            let given = |row: &RowDraft<'_>, at: usize| match &row.slots[at] {
                Slot::Given(Cell::Int(id)) => Some(*id),
                _ => None,
            };
            let files = &layout.plan().files;
            let kept: Vec<i64> = rows.iter().flat_map(|row| files.iter().filter_map(|at| given(row, *at))).collect();
            changed = self.delete_rows(record, &kept)? > 0;
        }
        let sql = format!("SELECT ifnull(max(_position), 0), count(*) FROM {} WHERE _record = ?1", layout.sql);
        let (mut position, count): (i64, i64) =
            self.connection.prepare_cached(&sql)?.query_row([record], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut count = usize::try_from(count).unwrap_or(usize::MAX);
        for (at, row) in rows.into_iter().enumerate() {
            let number = Some(at + 1);
            let found = match options.details {
                DetailMode::Merge if !is_new => self.find_row(layout, record, &row, number, violations)?,
                _ => Found::Nothing,
            };
            match found {
                Found::Row(id) => changed |= self.update_row(layout, record, id, row, header, number, violations)?,
                Found::Nothing => {
                    count += 1;
                    if count > self.most_rows {
                        let most = self.most_rows;
                        let rule = words!("明細行は1レコード{most}行まで", "at most {most} detail rows a record");
                        return Err(Error::new(Code::LimitPassed).with_rule(rule).with_value(count));
                    }
                    position += 1;
                    self.insert_row_of(layout, record, position, row, header, number, violations)?;
                    changed = true;
                }
                Found::Refused => {}
            }
        }
        Ok(changed)
    }

    /// Whether a record has exactly the given rows, so that replacing them would change nothing.
    fn has_rows(&self, layout: &Layout, record: i64, rows: &[RowDraft<'_>]) -> Result<bool> {
        let old = self.read_rows(record)?;
        let plan = layout.plan();
        let filled_in = |at: usize| {
            plan.numbers.contains(&at) || plan.calculated.iter().any(|calculation| calculation.column == at)
        };
        let same = |row: &RowDraft<'_>, old: &[Cell<'static>], at: usize| match &row.slots[at] {
            Slot::Given(cell) => *cell == old[at],
            Slot::Bad => false,
            Slot::Absent => match plan.defaults.iter().find(|(of, _)| *of == at) {
                Some((_, DefaultValue::Fixed(cell))) => *cell == old[at],
                Some((_, DefaultValue::Now)) => false,
                None => old[at].is_null(),
            },
        };
        Ok(old.len() == rows.len()
            && rows
                .iter()
                .zip(&old)
                .all(|(row, old)| plan.stored.iter().all(|at| filled_in(*at) || same(row, old, *at))))
    }

    fn find_row(
        &mut self,
        layout: &Layout,
        record: i64,
        row: &RowDraft<'_>,
        number: Option<usize>,
        violations: &mut Vec<Violation>,
    ) -> Result<Found> {
        if let Some(id) = row.id {
            let sql = format!("SELECT 1 FROM {} WHERE _id = ?1 AND _record = ?2", layout.sql);
            if self.connection.prepare_cached(&sql)?.exists((id, record))? {
                return Ok(Found::Row(id));
            }
            let broken = Broken::new(Code::DetailKeyUnknown);
            violations.push(place(Violation::new(broken, "_row", "_row", id.to_string()), number));
            return Ok(Found::Refused);
        }
        let Some(key) = layout.key else { return Ok(Found::Nothing) };
        let Slot::Given(Cell::Text(text)) = &row.slots[key] else { return Ok(Found::Nothing) };
        let column = &layout.columns[key].sql;
        let sql = format!("SELECT _id FROM {} WHERE _record = ?1 AND {column} = ?2", layout.sql);
        let found: Option<i64> =
            self.connection.prepare_cached(&sql)?.query_row((record, text), |row| row.get(0)).optional()?;
        Ok(found.map_or(Found::Nothing, Found::Row))
    }

    #[expect(clippy::too_many_arguments, reason = "one row of one record, in its place")]
    fn insert_row_of(
        &mut self,
        layout: &Layout,
        record: i64,
        position: i64,
        row: RowDraft<'_>,
        header: &[Cell<'_>],
        number: Option<usize>,
        violations: &mut Vec<Violation>,
    ) -> Result<()> {
        let before = violations.len();
        let bad: Vec<bool> = row.slots.iter().map(|slot| matches!(slot, Slot::Bad)).collect();
        let mut cells = self.new_cells(layout, row.slots)?;
        calculate(layout, Which::All, &mut cells, header, &[], number, violations);
        for at in &layout.plan().required {
            if cells[*at].is_null() && !bad[*at] {
                violations.push(place(required(layout, *at), number));
            }
        }
        file::attach(self, layout, &mut cells, None, number, violations)?;
        if violations.len() > before || bad.contains(&true) {
            return Ok(());
        }
        let id = next_free_id(self.connection, layout)?;
        let result = {
            let mut statement = self.connection.prepare_cached(&layout.plan().insert)?;
            statement.raw_bind_parameter(1, id)?;
            statement.raw_bind_parameter(2, record)?;
            statement.raw_bind_parameter(3, position)?;
            for (index, at) in layout.plan().stored.iter().enumerate() {
                statement.raw_bind_parameter(4 + index, &cells[*at])?;
            }
            statement.raw_execute()
        };
        if let Err(error) = result {
            return self.row_refused(layout, record, None, &cells, number, error, violations);
        }
        let id = self.connection.last_insert_rowid();
        for at in &layout.plan().full_text {
            self.index_text(layout, *at, id, &Cell::Null, &cells[*at])?;
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "one row of one record, in its place")]
    fn update_row(
        &mut self,
        layout: &Layout,
        record: i64,
        id: i64,
        row: RowDraft<'_>,
        header: &[Cell<'_>],
        number: Option<usize>,
        violations: &mut Vec<Violation>,
    ) -> Result<bool> {
        let before = violations.len();
        let old = self.read_row(layout, id)?;
        let mut cells: Vec<Cell<'_>> = old.iter().map(Cell::borrowed).collect();
        let mut bad = false;
        for (cell, slot) in cells.iter_mut().zip(row.slots) {
            match slot {
                Slot::Given(given) => *cell = given,
                Slot::Bad => bad = true,
                Slot::Absent => {}
            }
        }
        calculate(layout, Which::All, &mut cells, header, &[], number, violations);
        for at in &layout.plan().required {
            if cells[*at].is_null() {
                violations.push(place(required(layout, *at), number));
            }
        }
        file::attach(self, layout, &mut cells, Some(&old), number, violations)?;
        if violations.len() > before || bad {
            return Ok(false);
        }
        let changed: Vec<usize> = layout.plan().stored.iter().copied().filter(|at| cells[*at] != old[*at]).collect();
        if changed.is_empty() {
            return Ok(false);
        }
        if let Err(error) = self.store_row(layout, id, &cells, &changed)? {
            self.row_refused(layout, record, Some(id), &cells, number, error, violations)?;
            return Ok(false);
        }
        file::detach(self.connection, layout, &cells, &old)?;
        for at in changed.iter().filter(|at| layout.plan().full_text.contains(at)) {
            self.index_text(layout, *at, id, &old[*at], &cells[*at])?;
        }
        Ok(true)
    }

    fn store_row(
        &mut self,
        layout: &Layout,
        id: i64,
        cells: &[Cell<'_>],
        changed: &[usize],
    ) -> Result<rusqlite::Result<usize>> {
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
        Ok(statement.raw_execute())
    }

    #[expect(clippy::too_many_arguments, reason = "one row of one record, in its place")]
    fn row_refused(
        &self,
        layout: &Layout,
        record: i64,
        own: Option<i64>,
        cells: &[Cell<'_>],
        number: Option<usize>,
        error: rusqlite::Error,
        violations: &mut Vec<Violation>,
    ) -> Result<()> {
        if error.sqlite_error_code() != Some(ErrorCode::ConstraintViolation) {
            return Err(error.into());
        }
        let mut found: Vec<Violation> =
            self.duplicates(layout, cells, own)?.into_iter().map(|(_, violation)| violation).collect();
        if let Some(key) = layout.key {
            let column = &layout.columns[key];
            let sql =
                format!("SELECT 1 FROM {} WHERE _record = ?1 AND {} = ?2 AND _id IS NOT ?3", layout.sql, column.sql);
            if self.connection.prepare_cached(&sql)?.exists((record, &cells[key], own))? {
                let shown = cells[key].text().unwrap_or_default();
                let broken = Broken::new(Code::Duplicate);
                found.push(Violation::new(broken, &column.field.code, &column.field.name, shown));
            }
        }
        if found.is_empty() {
            return Err(error.into());
        }
        violations.extend(found.into_iter().map(|violation| place(violation, number)));
        Ok(())
    }

    fn read_row(&self, layout: &Layout, id: i64) -> Result<Vec<Cell<'static>>> {
        let sql = format!("SELECT _id{} FROM {} WHERE _id = ?1", layout.plan().columns, layout.sql);
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query([id])?;
        match rows.next()? {
            Some(row) => read_cells(layout, row),
            None => Err(Error::new(Code::Internal).with_rule("a detail row vanished inside a transaction")),
        }
    }

    /// The stored cells of all rows of a record, in order.
    pub(super) fn read_rows(&self, record: i64) -> Result<Vec<Vec<Cell<'static>>>> {
        let Some(layout) = &self.table.details else { return Ok(Vec::new()) };
        let columns = &layout.plan().columns;
        let sql = format!("SELECT _id{columns} FROM {} WHERE _record = ?1 ORDER BY _position", layout.sql);
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query([record])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(read_cells(layout, row)?);
        }
        Ok(found)
    }

    fn row_ids(&self, layout: &Layout, record: i64) -> Result<Vec<i64>> {
        let sql = format!("SELECT _id FROM {} WHERE _record = ?1 ORDER BY _position", layout.sql);
        let mut statement = self.connection.prepare_cached(&sql)?;
        let ids = statement.query_map([record], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        Ok(ids)
    }

    /// Calculates every row anew after the header has changed.
    pub(super) fn recalculate_rows(
        &mut self,
        record: i64,
        layout: &Layout,
        header: &[Cell<'_>],
        violations: &mut Vec<Violation>,
    ) -> Result<()> {
        for (at, id) in self.row_ids(layout, record)?.into_iter().enumerate() {
            let mut cells = self.read_row(layout, id)?;
            let before = cells.clone();
            calculate(layout, Which::All, &mut cells, header, &[], Some(at + 1), violations);
            let changed: Vec<usize> =
                layout.plan().stored.iter().copied().filter(|at| cells[*at] != before[*at]).collect();
            if !changed.is_empty() {
                self.store_row(layout, id, &cells, &changed)??;
            }
        }
        Ok(())
    }

    /// Deletes the rows of a record whose detail fields are all out of use; how many there were.
    pub(super) fn delete_unused_rows(&mut self, record: i64) -> Result<usize> {
        let table = self.table.clone();
        if table.definition.details.is_empty() {
            return Ok(0);
        }
        let name = crate::schema::names::details(table.code());
        let sql = crate::store::quote(&name);
        let greatest: Option<i64> = self
            .connection
            .prepare_cached(&format!("SELECT max(_id) FROM {sql} WHERE _record = ?1"))?
            .query_row([record], |row| row.get(0))?;
        let Some(greatest) = greatest else { return Ok(0) };
        let count =
            self.connection.prepare_cached(&format!("DELETE FROM {sql} WHERE _record = ?1"))?.execute([record])?;
        self.retire_id(&name, &sql, greatest)?;
        Ok(count)
    }

    /// Deletes all rows of a record, with their files except those that are `kept` for other rows; how many there were.
    pub(super) fn delete_rows(&mut self, record: i64, kept: &[i64]) -> Result<usize> {
        let table = self.table.clone();
        let Some(layout) = &table.details else { return Ok(0) };
        let ids = self.row_ids(layout, record)?;
        if !layout.plan().full_text.is_empty() || !layout.plan().files.is_empty() {
            for id in &ids {
                let mut old = self.read_row(layout, *id)?;
                for at in &layout.plan().full_text {
                    self.index_text(layout, *at, *id, &old[*at], &Cell::Null)?;
                }
                if !layout.plan().files.is_empty() {
                    let nothing = vec![Cell::Null; old.len()];
                    self.store_row(layout, *id, &nothing, &layout.plan().files)??;
                    for at in &layout.plan().files {
                        if let Some(file) = old[*at].int().filter(|file| kept.contains(file)) {
                            file::release(self.connection, file, self.actor)?;
                            old[*at] = Cell::Null;
                        }
                    }
                    file::detach(self.connection, layout, &nothing, &old)?;
                }
            }
        }
        let sql = format!("DELETE FROM {} WHERE _record = ?1", layout.sql);
        self.connection.prepare_cached(&sql)?.execute([record])?;
        if let Some(greatest) = ids.iter().max() {
            self.retire_id(&layout.table, &layout.sql, *greatest)?;
        }
        Ok(ids.len())
    }
}

enum Found {
    Row(i64),
    Nothing,
    Refused,
}

fn place(violation: Violation, number: Option<usize>) -> Violation {
    match number {
        Some(number) => violation.at_row(number),
        None => violation,
    }
}

/// Reads the stored columns, which follow the id.
fn read_cells(layout: &Layout, row: &rusqlite::Row<'_>) -> Result<Vec<Cell<'static>>> {
    let mut cells = vec![Cell::Null; layout.columns.len()];
    for (index, at) in layout.plan().stored.iter().enumerate() {
        cells[*at] = Cell::from_sql(row.get_ref(index + 1)?)?.into_owned();
    }
    Ok(cells)
}
