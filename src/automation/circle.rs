//! Automations that start one another without end, as far as that can be seen in their definitions.

use super::definition::{Automation, AutomationTrigger};
use super::flow::{Flow, Step};
use crate::error::{Result, words};
use crate::schema::documents::{self, refused};
use crate::schema::{Catalog, Table};
use crate::store::{Store, Writing};

/// What an automation writes.
struct Writes {
    database: i64,
    /// Whether it registers records; else it changes them.
    registers: bool,
    /// The header fields that it sets.
    fields: Vec<String>,
}

/// Refuses automations that start one another in a circle, where no condition of a trigger stands between.
pub(crate) fn check(store: &Store, writing: &Writing<'_>, catalog: &Catalog) -> Result<()> {
    let mut all: Vec<Automation> = documents::load(writing)?;
    all.retain(|automation| automation.enabled);
    let hears = |automation: &Automation| {
        let is_event = |trigger: &AutomationTrigger| {
            matches!(trigger, AutomationTrigger::Registered(_) | AutomationTrigger::Updated(_))
        };
        automation.triggers.iter().any(is_event)
    };
    if !all.iter().any(hears) {
        return Ok(());
    }
    let mut next: Vec<Vec<usize>> = Vec::with_capacity(all.len());
    for automation in &all {
        // One that does not fit any more ends each of its runs.
        let writes = Flow::compile(store, writing, catalog, automation).map(|flow| writes(&flow)).unwrap_or_default();
        let starts = |other: &Automation| {
            let Ok(table) = catalog.table(&other.database) else { return false };
            writes.iter().any(|write| write.starts(table, other))
        };
        next.push((0..all.len()).filter(|at| starts(&all[*at])).collect());
    }
    for first in 0..all.len() {
        if let Some(circle) = circle(&next, first) {
            let codes: Vec<&str> = circle.iter().map(|at| all[*at].code.as_str()).collect();
            let shown = codes.join(" → ");
            let rule = words!(
                "自動処理が互いに実行し合います（「{shown}」）。トリガーに`condition`か、そのパーツが設定しない項目だけの`fields`を設定してください",
                "automations start each other without end: {shown}; give a trigger a `condition`, or `fields` that none of these parts sets"
            );
            return Err(refused(&all[first].code, rule));
        }
    }
    Ok(())
}

fn writes(flow: &Flow<'_>) -> Vec<Writes> {
    let of = |step: &Step<'_>| match step {
        Step::Register { table, .. } => Some(Writes { database: table.id, registers: true, fields: Vec::new() }),
        Step::Update { table, sets, .. } => {
            let fields = sets.field_names().map(str::to_owned).collect();
            Some(Writes { database: table.id, registers: false, fields })
        }
        Step::GenerateFile { table, field, .. } => {
            Some(Writes { database: table.id, registers: false, fields: vec![field.field.code.clone()] })
        }
        _ => None,
    };
    flow.nodes.iter().filter_map(|node| of(&node.step)).collect()
}

impl Writes {
    fn starts(&self, table: &Table, other: &Automation) -> bool {
        table.id == self.database
            && other.triggers.iter().any(|trigger| match trigger {
                AutomationTrigger::Registered(registered) => self.registers && registered.condition.is_none(),
                AutomationTrigger::Updated(updated) => {
                    let is_same = |field: &String| {
                        self.fields.iter().any(|set| table.header.find(set) == table.header.find(field))
                    };
                    !self.registers
                        && updated.condition.is_none()
                        && (updated.fields.is_empty() || updated.fields.iter().any(is_same))
                }
                _ => false,
            })
    }
}

/// A way from `first` back to it.
fn circle(next: &[Vec<usize>], first: usize) -> Option<Vec<usize>> {
    let mut seen = vec![false; next.len()];
    let mut ways: Vec<Vec<usize>> = vec![vec![first]];
    while let Some(way) = ways.pop() {
        let last = way[way.len() - 1];
        for at in &next[last] {
            let longer: Vec<usize> = way.iter().copied().chain([*at]).collect();
            if *at == first {
                return Some(longer);
            }
            if !std::mem::replace(&mut seen[*at], true) {
                ways.push(longer);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_that_come_back() {
        let next = vec![vec![1], vec![2, 3], vec![], vec![1, 4], vec![3]];
        assert_eq!(circle(&next, 0), None);
        assert_eq!(circle(&next, 1), Some(vec![1, 3, 1]));
        assert_eq!(circle(&next, 4), Some(vec![4, 3, 4]));
        assert_eq!(circle(&[vec![0]], 0), Some(vec![0, 0]));
    }
}
