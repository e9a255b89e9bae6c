//! The approval state of records, where the database keeps one.

use serde::Serialize;

use super::draft::Slot;
use super::input::Selector;
use super::writer::Writer;
use crate::error::{Code, Error, Result};
use crate::event::What;

/// Whether a record is approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Approval {
    /// Not yet, or withdrawn.
    Pending,
    /// Approved.
    Approved,
}

impl Approval {
    pub(crate) fn from_stored(stored: i64) -> Approval {
        if stored == 1 { Approval::Approved } else { Approval::Pending }
    }
}

impl Writer<'_> {
    /// Sets the approval state of a record; its id, its revision and whether it differed, or `None` if there is no such record.
    pub(crate) fn set_approval(&mut self, target: &Selector, to: Approval) -> Result<Option<(i64, i64, bool)>> {
        let table = self.table.clone();
        if !table.definition.approval {
            return Err(Error::new(Code::ApprovalAbsent).with_value(table.code()));
        }
        let slots = vec![Slot::Absent; table.header.columns.len()];
        let Some(current) = self.compare_all(target, &slots)? else { return Ok(None) };
        let sql = format!(
            "UPDATE {} SET _approval = ?2, _revision = _revision + 1, _updated_at = ?3, _updated_by = ?4
             WHERE _id = ?1 AND _approval <> ?2",
            table.header.sql
        );
        let stored = i64::from(to == Approval::Approved);
        let id = current.id;
        let before = self.before(What::Updated, id)?;
        let changed = self.in_savepoint(|writer| {
            let changed = writer.connection.prepare_cached(&sql)?.execute((id, stored, writer.now, writer.actor))?;
            if changed > 0 {
                writer.tell(What::Updated, id, before.as_ref())?;
            }
            Ok(changed > 0)
        })?;
        Ok(Some((id, current.revision + i64::from(changed), changed)))
    }
}
