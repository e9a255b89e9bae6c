//! The record that is to be written, as it stands in the store.

use super::draft::{Slot, Slots};
use super::input::Selector;
use super::writer::Writer;
use crate::error::Result;
use crate::schema::Cell;

/// The header row as it is, set against what was given.
pub(super) struct Current {
    pub(super) id: i64,
    pub(super) revision: i64,
    /// Columns whose given value differs from the stored one.
    pub(super) changed: Vec<usize>,
    /// Required columns that are empty in the store.
    pub(super) null_required: Vec<usize>,
    /// The stored values; empty when nothing differs, so that an unchanged row costs no copy.
    pub(super) cells: Vec<Cell<'static>>,
}

impl Writer<'_> {
    /// Reads the record that `target` names and sets it against what was given.
    pub(super) fn compare(&mut self, target: &Selector, slots: &Slots<'_>) -> Result<Option<Current>> {
        self.read_current(target, slots, false)
    }

    /// As [`Writer::compare`], with the stored values also when nothing differs.
    pub(super) fn compare_all(&mut self, target: &Selector, slots: &Slots<'_>) -> Result<Option<Current>> {
        self.read_current(target, slots, true)
    }

    fn read_current(&mut self, target: &Selector, slots: &Slots<'_>, copy: bool) -> Result<Option<Current>> {
        let table = self.table.clone();
        let layout = &table.header;
        let plan = layout.plan();
        // The statement by key is kept, since imports ask for every line.
        let mut by_id;
        let statement = match target {
            Selector::Key(key) => {
                if self.select.is_none() {
                    self.select = Some(self.connection.prepare_cached(&plan.select_stored.key)?);
                }
                let Some(statement) = self.select.as_mut() else { return Ok(None) };
                statement.raw_bind_parameter(1, table.key().stored_key(key))?;
                statement
            }
            Selector::Id(id) => {
                by_id = self.connection.prepare_cached(&plan.select_stored.id)?;
                by_id.raw_bind_parameter(1, id)?;
                &mut by_id
            }
        };
        let mut rows = statement.raw_query();
        let Some(row) = rows.next()? else { return Ok(None) };
        let mut current = Current {
            id: row.get(0)?,
            revision: row.get(1)?,
            changed: Vec::new(),
            null_required: Vec::new(),
            cells: Vec::new(),
        };
        for (index, at) in plan.stored.iter().enumerate() {
            let stored = Cell::from_sql(row.get_ref(index + 2)?)?;
            if let Slot::Given(given) = &slots[*at]
                && *given != stored
            {
                current.changed.push(*at);
            }
            if stored.is_null() && plan.required.contains(at) {
                current.null_required.push(*at);
            }
        }
        let key_index = plan.stored.iter().position(|at| *at == table.key_index()).unwrap_or(0);
        self.last_key.clear();
        self.last_key.push_str(row.get_ref(key_index + 2)?.as_str().unwrap_or_default());
        let needed = copy || !current.changed.is_empty() || table.details.is_some();
        if needed {
            current.cells = vec![Cell::Null; layout.columns.len()];
            for (index, at) in plan.stored.iter().enumerate() {
                current.cells[*at] = Cell::from_sql(row.get_ref(index + 2)?)?.into_owned();
            }
        }
        Ok(Some(current))
    }
}
