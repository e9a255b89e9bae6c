//! What must hold in the records of imports: every line went one way, and every refusal is kept once.

use rusqlite::Connection;

use super::reservation::KIND;
use super::setting::ImportSetting;
use crate::error::{Code, Findings, Result, Words, words};

/// Counts add up, positions lie in the file, every reject that was kept is there, numbered without a gap.
pub(crate) fn inspect(connection: &Connection, findings: &mut Findings) -> Result<()> {
    let mut fault = |id: i64, why: Words| {
        findings.add(Code::CheckImport, "", words!("インポート{id}: {why}", "import {id}: {why}"; why));
    };
    let sql = "SELECT j.id, i.job_id IS NULL FROM renkei_job j LEFT JOIN renkei_import i ON i.job_id = j.id
        WHERE (j.kind = ?1) <> (i.job_id IS NOT NULL)";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([KIND])?;
    while let Some(row) = rows.next()? {
        let (id, is_bare): (i64, bool) = (row.get(0)?, row.get(1)?);
        fault(
            id,
            match is_bare {
                true => words!("予約の内容がありません", "its reservation is missing"),
                false => words!("別の種類の処理です", "it is a job of another kind"),
            },
        );
    }
    let sql = "SELECT i.job_id, j.state, i.dry_run, i.setting, i.total,
            i.inserted + i.updated + i.unchanged + i.rejected + i.skipped,
            min(i.total, i.inserted, i.updated, i.unchanged, i.rejected, i.skipped, i.reject_cells, i.next_offset,
                i.next_line) >= 0,
            i.next_offset <= i.file_bytes, i.rejected, i.reject_cells,
            j.state NOT IN ('reserved', 'running') OR i.file_id IS NULL
                OR EXISTS (SELECT 1 FROM renkei_file f WHERE f.id = i.file_id AND f.state <> 0),
            (i.file_id IS NULL) <> (i.path IS NULL), i.rejects_kept
        FROM renkei_import i JOIN renkei_job j ON j.id = i.job_id";
    let sql_rejects = "SELECT count(*), ifnull(min(number), 0), ifnull(max(number), -1), count(DISTINCT line)
        FROM renkei_reject WHERE job_id = ?1";
    let mut rejects = connection.prepare(sql_rejects)?;
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, state, setting): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(3)?);
        let (total, done): (i64, i64) = (row.get(4)?, row.get(5)?);
        if let Err(error) = serde_json::from_str::<ImportSetting>(&setting) {
            fault(id, words!("設定を読み取れません: {error}", "its setting is not readable: {error}"));
        }
        if total < done || !row.get::<_, bool>(6)? {
            fault(id, words!("件数が合いません（{total}行、うち{done}行）", "{done} lines are done, of {total}"));
        }
        if state == "completed" && total != done {
            let rest = total - done;
            fault(id, words!("完了していますが{rest}行が未処理です", "it is completed, and {rest} lines are not done"));
        }
        if !row.get::<_, bool>(7)? {
            fault(id, words!("位置がファイルの外です", "its position is behind the end of the file"));
        }
        if !row.get::<_, bool>(10)? {
            fault(id, words!("一時ファイルがありません", "its upload is gone"));
        }
        if !row.get::<_, bool>(11)? {
            fault(id, words!("ファイルが1つに定まりません", "it has no file, or two"));
        }
        let (rejected, cells): (i64, i64) = (row.get(8)?, row.get(9)?);
        let (kept, first, last, lines): (i64, i64, i64, i64) =
            rejects.query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
        let all_kept = row.get::<_, i64>(12)? == kept;
        if !all_kept || first != 0 || last != kept - 1 || kept > cells || lines > rejected || cells < rejected {
            fault(
                id,
                words!(
                    "拒否の記録が合いません（{rejected}行{cells}セル、記録は{lines}行{kept}件）",
                    "{rejected} lines and {cells} cells were refused, {lines} lines and {kept} refusals are kept"
                ),
            );
        }
    }
    Ok(())
}
