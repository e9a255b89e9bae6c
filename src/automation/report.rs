//! What is told by mail of a run that has ended.

use super::journal::KIND;
use crate::error::Result;
use crate::outbound::mail::Told;
use crate::schema::documents;
use crate::store::Store;

use super::definition::Automation;

/// So many errors are told.
const ERRORS: usize = 20;

/// What there is to tell of a run; nothing of other jobs, and of one that is gone.
pub(crate) fn told(store: &Store, kind: &str, job: i64) -> Result<Option<Told>> {
    if kind != KIND {
        return Ok(None);
    }
    let run = store.automation_run(job)?;
    let count = |count: u64| format!("{count} 件");
    let mut lines = vec![
        ("合計", count(run.total)),
        ("完了", count(run.completed)),
        ("エラー", count(run.failed)),
        ("未処理", count(run.unprocessed + run.waiting)),
    ];
    if !run.memo.is_empty() {
        lines.push(("メモ", run.memo));
    }
    for entry in store.automation_errors(job, ERRORS)? {
        let error = entry.error.map(|error| error.ja).unwrap_or_default();
        lines.push(("エラー", format!("[{}] {}: {error}", entry.unit_id, entry.part)));
    }
    let database = run.database_id.to_string();
    let name = {
        let reading = store.reading()?;
        let found: Option<Automation> = documents::find(&reading, Some(run.database_id), &run.automation)?;
        found.map_or(run.automation, |automation| automation.name)
    };
    let database = store.database(&database).map(|database| database.name).unwrap_or_default();
    Ok(Some(Told { what: "自動処理", name, database, lines, has_trouble: run.failed > 0 }))
}
