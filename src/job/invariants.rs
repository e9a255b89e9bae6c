//! What must hold in the states of jobs.

use rusqlite::Connection;

use super::Report;
use crate::error::{Code, Findings, Result, words};

/// States are those that can be, and each has what belongs to it.
pub(crate) fn inspect(connection: &Connection, findings: &mut Findings) -> Result<()> {
    let sql = "SELECT id, state, CASE state
            WHEN 'reserved' THEN ended_at IS NULL AND owner IS NULL AND lease_until IS NULL AND error_code IS NULL
            WHEN 'running' THEN ended_at IS NULL AND owner IS NOT NULL AND lease_until IS NOT NULL
                AND started_at IS NOT NULL AND attempts > 0 AND error_code IS NULL
            WHEN 'completed' THEN ended_at IS NOT NULL AND owner IS NULL AND lease_until IS NULL
                AND error_code IS NULL
            WHEN 'failed' THEN ended_at IS NOT NULL AND owner IS NULL AND lease_until IS NULL
                AND error_code IS NOT NULL AND error_ja IS NOT NULL AND error_en IS NOT NULL
            WHEN 'cancelled' THEN ended_at IS NOT NULL AND owner IS NULL AND lease_until IS NULL
            ELSE 0 END
        FROM renkei_job";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, state, holds): (i64, String, bool) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if !holds {
            findings.add(Code::CheckJob, "", words!("処理{id}（{state}）", "job {id} ({state})"));
        }
    }
    let mut statement = connection.prepare("SELECT id, report FROM renkei_job WHERE report IS NOT NULL")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, report): (i64, String) = (row.get(0)?, row.get(1)?);
        if serde_json::from_str::<Report>(&report).is_err() {
            let place =
                words!("処理{id}のレポートメールの設定を読み取れません", "it is not readable who is told of job {id}");
            findings.add(Code::CheckJob, "", place);
        }
    }
    let sql = "SELECT kind, lane, count(*) FROM renkei_job WHERE state = 'running' GROUP BY kind, lane
        HAVING count(*) > 1";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (kind, lane, count): (String, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let place = words!("{kind} {lane}で{count}件が同時に実行中", "{count} of {kind} {lane} run at the same time");
        findings.add(Code::CheckJob, "", place);
    }
    Ok(())
}

/// The jobs that have not ended.
pub(crate) fn open_jobs(connection: &Connection) -> Result<Vec<i64>> {
    let sql = "SELECT id FROM renkei_job WHERE state IN ('reserved', 'running')";
    let mut statement = connection.prepare(sql)?;
    Ok(statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
}
