//! What must hold between automations and what starts them, and in the records of runs: every record went one way, and the
//! journal has what each did.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension};

use super::definition::Automation;
use super::journal::KIND;
use super::start::{interest, timer};
use crate::error::{Code, Findings, Result, Words, words};
use crate::job;
use crate::record::Ids;
use crate::schema::Catalog;
use crate::schema::documents::{self, Document, kind_words};
use crate::store::Store;

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
    // Runs that wait for http sends are woken by the end of these, or when they are gone.
    let sql =
        "SELECT j.id FROM renkei_job j WHERE j.kind = ?1 AND j.state = 'reserved' AND j.run_at = ?2 AND NOT EXISTS
        (SELECT 1 FROM renkei_automation_open o WHERE o.job_id = j.id AND o.send_id IS NOT NULL)";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query((KIND, job::NEVER.0))?;
    while let Some(row) = rows.next()? {
        fault(
            row.get(0)?,
            words!("何も待っておらず、終わることがありません", "it waits for nothing, and will never end"),
        );
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

/// Every automation hears what starts it, and the clock of every timer is set.
pub(crate) fn inspect_starts(
    store: &Store,
    connection: &Connection,
    catalog: &Catalog,
    findings: &mut Findings,
) -> Result<()> {
    let automations: Vec<Automation> = match documents::load(connection) {
        // Which is told of definitions.
        Err(error) if error.code() == Code::StoreCorrupt => return Ok(()),
        automations => automations?,
    };
    let mut statement = connection.prepare("SELECT automation_id, database_id FROM renkei_automation_timer")?;
    let timers = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut timers: HashMap<i64, i64> = timers.collect::<rusqlite::Result<_>>()?;
    let kind = kind_words(Automation::KIND);
    for automation in &automations {
        let (Some(id), Ok(table)) = (automation.id, catalog.table(&automation.database)) else { continue };
        let code = &automation.code;
        let sql = "SELECT events, import_events FROM renkei_listener WHERE id = ?1 AND kind = ?2 AND database_id = ?3";
        let heard = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let hears: Option<(i64, i64)> =
            connection.prepare_cached(sql)?.query_row((id, KIND, table.id), heard).optional()?;
        let bits = |(events, of_imports): (u8, u8)| (i64::from(events), i64::from(of_imports));
        if hears != interest(table, automation).map(|interest| bits(interest.bits())) {
            let place = words!(
                "{kind}「{code}」が、実行のきっかけとなるイベントを受信していません",
                "the {kind} \"{code}\" does not hear what starts it, or hears what does not"; kind
            );
            findings.add(Code::CheckEvent, "", place);
        }
        let set = timers.remove(&id);
        // Where the machine does not know the time zone, nobody can say when it is due.
        let timetable = timer(automation).map(|schedule| schedule.timetable(store)).transpose();
        let is_due = timetable.map(|timetable| timetable.and_then(|timetable| timetable.next_after(store.now())));
        let is_set = match is_due {
            Ok(Some(_)) => set == Some(table.id),
            Ok(None) | Err(_) => set.is_none_or(|database| database == table.id),
        };
        if !is_set {
            let place = words!(
                "{kind}「{code}」のタイマーが設定されていません",
                "the timer of the {kind} \"{code}\" is not set"; kind
            );
            findings.add(Code::CheckAutomation, "", place);
        }
    }
    for id in timers.into_keys() {
        findings.add(Code::CheckOrphan, "renkei_automation_timer", id.to_string());
    }
    Ok(())
}
