//! What must hold in the records of runs: every record went one way, and the journal has what each did.

use rusqlite::Connection;

use super::definition::Automation;
use super::journal::KIND;
use crate::error::{Code, Findings, Result, Words, words};
use crate::record::Ids;

/// Counts add up, and records between two parts are those that were begun and have not ended.
pub(crate) fn inspect(connection: &Connection, findings: &mut Findings) -> Result<()> {
    let mut fault = |id: i64, why: Words| {
        findings.add(Code::CheckAutomation, "", words!("実行{id}: {why}", "run {id}: {why}"; why));
    };
    let sql = "SELECT j.id FROM renkei_job j LEFT JOIN renkei_automation a ON a.job_id = j.id
        WHERE (j.kind = ?1) <> (a.job_id IS NOT NULL)";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([KIND])?;
    while let Some(row) = rows.next()? {
        fault(row.get(0)?, words!("処理と実行の記録が対応しません", "its job and its record do not belong together"));
    }
    let sql = "SELECT a.job_id, j.state, a.setting, a.items, a.total, a.begun, a.completed, a.failed,
            (SELECT count(*) FROM renkei_automation_open o WHERE o.job_id = a.job_id),
            (SELECT count(*) FROM renkei_automation_open o WHERE o.job_id = a.job_id AND o.item > a.begun),
            (SELECT count(DISTINCT e.item) FROM renkei_automation_entry e
             WHERE e.job_id = a.job_id AND e.state IN ('failed', 'cancelled')),
            (SELECT count(*) FROM renkei_automation_entry e WHERE e.job_id = a.job_id AND e.state IN ('running', 'waiting')
             AND NOT EXISTS (SELECT 1 FROM renkei_automation_open o
                             WHERE o.job_id = e.job_id AND o.item = e.item AND o.part = e.part))
        FROM renkei_automation a JOIN renkei_job j ON j.id = a.job_id";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, state, setting): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let [total, begun, completed, failed, open, foreign, stopped, lost]: [i64; 8] =
            [row.get(4)?, row.get(5)?, row.get(6)?, row.get(7)?, row.get(8)?, row.get(9)?, row.get(10)?, row.get(11)?];
        if let Err(error) = serde_json::from_str::<Automation>(&setting) {
            fault(id, words!("設定を読み取れません: {error}", "its setting is not readable: {error}"));
        }
        let items = Ids::at(row.get(3)?, 0, 0).count();
        if i64::try_from(items) != Ok(total) || begun > total || begun != completed + failed + open || foreign > 0 {
            fault(
                id,
                words!(
                    "件数が合いません（{total}件、うち開始{begun}件、完了{completed}件、失敗{failed}件、途中{open}件）",
                    "of {total} records {begun} were begun, {completed} completed, {failed} failed, and {open} are open"
                ),
            );
        }
        if failed != stopped {
            fault(
                id,
                words!(
                    "失敗したレコードは{failed}件ですが、記録では{stopped}件です",
                    "{failed} records failed, and {stopped} have an entry that says so"
                ),
            );
        }
        if lost > 0 {
            fault(id, words!("途中のパーツ{lost}件にレコードがありません", "{lost} parts are under way for no record"));
        }
        if state == "completed" && (begun != total || open > 0) {
            fault(
                id,
                words!("完了していますが未処理のレコードがあります", "it is completed, and records are not done"),
            );
        }
    }
    Ok(())
}
