//! What must hold between events and those who listen.

use rusqlite::Connection;

use super::{WANTED, What};
use crate::error::{Code, Error, Findings, Result, Words, words};
use crate::schema::{Catalog, Snapshot};
use crate::store::Link;

/// Every listener is a definition of its database; every event is readable, and somebody waits for it.
pub(crate) fn inspect(connection: &Connection, catalog: &Catalog, findings: &mut Findings) -> Result<()> {
    let sql = "SELECT l.id, d.kind IS l.kind AND d.database_id IS l.database_id, l.events BETWEEN 0 AND 7
            AND l.import_events BETWEEN 0 AND 15 AND l.events | l.import_events <> 0,
            l.taken <= ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'renkei_event'), 0)
        FROM renkei_listener l LEFT JOIN renkei_definition d ON d.id = l.id";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let mut fault = |why: Words| {
            findings.add(Code::CheckEvent, "", words!("受信者{id}: {why}", "listener {id}: {why}"; why));
        };
        if !row.get::<_, bool>(1)? {
            fault(words!("その定義がありません", "there is no such definition"));
        }
        if !row.get::<_, bool>(2)? {
            fault(words!("受信する種類が正しくありません", "it cannot hear that"));
        }
        if !row.get::<_, bool>(3)? {
            fault(words!("位置が最後のイベントより後です", "it is ahead of the last event"));
        }
    }
    let sql = format!(
        "SELECT e.id, e.database_id, e.what, e.record_id IS NULL, e.before, e.after, e.before_rows, e.after_rows, e.chain,
            EXISTS (SELECT 1 FROM renkei_listener l WHERE {WANTED} AND l.taken < e.id)
         FROM renkei_event e"
    );
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let mut fault = |why: Words| {
            findings.add(Code::CheckEvent, "", words!("イベント{id}: {why}", "event {id}: {why}"; why));
        };
        if !row.get::<_, bool>(9)? {
            fault(words!("待っている受信者がいません", "nobody waits for it"));
        }
        let [before, after, before_rows, after_rows, chain]: [Option<String>; 5] =
            [row.get(4)?, row.get(5)?, row.get(6)?, row.get(7)?, row.get(8)?];
        let what = What::from_stored(row.get(2)?);
        let fits = match what {
            Some(What::Registered | What::Imported) => before.is_none() && after.is_some(),
            Some(What::Updated) => before.is_some() && after.is_some(),
            Some(What::Deleted) => before.is_some() && after.is_none(),
            None => false,
        };
        if !fits || row.get::<_, bool>(3)? != (what == Some(What::Imported)) {
            fault(words!("内容が種類に合いません", "it is not what its sort says"));
        }
        let Ok(table) = catalog.table_by_id(row.get(1)?) else {
            fault(words!("データベースがありません", "there is no such database"));
            continue;
        };
        let mut read = Ok(());
        if what != Some(What::Imported) {
            for (header, rows) in [(&before, &before_rows), (&after, &after_rows)] {
                if let Some(header) = header {
                    read = read.and(Snapshot::from_json(table, &[header], rows.as_deref()).map(|_| ()));
                }
            }
        }
        if let Some(chain) = chain {
            read = read.and(serde_json::from_str::<Vec<Link>>(&chain).map(|_| ()).map_err(Error::json));
        }
        if let Err(error) = read {
            fault(Words::of(|language| error.message(language)));
        }
    }
    Ok(())
}
