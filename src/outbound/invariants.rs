//! What must hold in the queue: what waits comes to its turn, messages are as they were frozen, and runs wait for deliveries
//! that are on their way.

use rusqlite::{Connection, Row};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::message::Headers;
use super::sending::Sending;
use super::target::TargetRow;
use super::{CsvPush, HttpSend, csv_push, http_send};
use crate::error::{Code, Findings, Result, Words, words};
use crate::job;
use crate::template::{SecretSlot, SlottedText};

/// Looks at targets, deliveries, and the runs that made them; with `hashes`, at every byte of every body.
pub(crate) fn inspect(connection: &Connection, hashes: bool, findings: &mut Findings) -> Result<()> {
    inspect_targets(connection, findings)?;
    inspect_order(connection, findings)?;
    inspect_sendings(connection, findings)?;
    inspect_deliveries(connection, hashes, findings)?;
    inspect_attempts(connection, findings)?;
    inspect_left(connection, findings)?;
    inspect_files(connection, findings)?;
    inspect_runs::<CsvPush>(connection, (csv_push::KIND, "renkei_push"), findings)?;
    inspect_runs::<HttpSend>(connection, (http_send::KIND, "renkei_send"), findings)?;
    inspect_pushes(connection, findings)?;
    inspect_sends(connection, findings)
}

fn fault(findings: &mut Findings, id: i64, why: Words) {
    findings.add(Code::CheckDelivery, "", words!("送信{id}: {why}", "delivery {id}: {why}"; why));
}

fn run_fault(findings: &mut Findings, id: i64, why: Words) {
    findings.add(Code::CheckDelivery, "", words!("実行{id}: {why}", "run {id}: {why}"; why));
}

/// What is due and may be sent is found: targets are looked for by one moment alone.
fn inspect_targets(connection: &Connection, findings: &mut Findings) -> Result<()> {
    let mut statement = connection.prepare("SELECT id FROM renkei_target ORDER BY id")?;
    let ids: Vec<i64> = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    for id in ids {
        let row = match TargetRow::load(connection, id) {
            // Its definition is not readable, which is told of definitions.
            Err(error) if error.code() == Code::StoreCorrupt => continue,
            row => row?,
        };
        if row.is_forgotten(connection)? {
            let name = row.name();
            let place = words!(
                "連携先「{name}」への送信待ちが、送信されないままになります",
                "what waits for the target \"{name}\" will not be sent"
            );
            findings.add(Code::CheckDelivery, "", place);
        }
    }
    Ok(())
}

/// Whoever waits behind others of his order key has others before him.
///
/// One that is sent again stands behind those of its key that are on their way, although it is older.
fn inspect_order(connection: &Connection, findings: &mut Findings) -> Result<()> {
    let sql = "SELECT min(id) FROM renkei_delivery INDEXED BY renkei_delivery_order
        WHERE order_key IS NOT NULL AND state IN ('waiting', 'behind', 'sending')
        GROUP BY target_id, order_key HAVING sum(state <> 'behind') = 0";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let why = words!("順番を待つ相手がありません", "there is nothing that it waits behind");
        fault(findings, row.get(0)?, why);
    }
    Ok(())
}

/// Every way of sending is the one that its deliveries were made with.
fn inspect_sendings(connection: &Connection, findings: &mut Findings) -> Result<()> {
    let mut statement = connection.prepare("SELECT id, document, sha256 FROM renkei_sending")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, document): (i64, String) = (row.get(0)?, row.get(1)?);
        let is_same = Sha256::digest(document.as_bytes())[..] == *blob(row, 2)?;
        if !is_same || serde_json::from_str::<Sending>(&document).is_err() {
            let place =
                words!("送信方法{id}が作成時と異なります", "the way of sending {id} is not the one that was kept");
            findings.add(Code::CheckDelivery, "", place);
        }
    }
    Ok(())
}

fn blob<'a>(row: &'a Row<'_>, at: usize) -> Result<&'a [u8]> {
    Ok(row.get_ref(at)?.as_blob().map_err(rusqlite::Error::from)?)
}

/// States are those that can be, and each delivery has its message, readable and whole.
fn inspect_deliveries(connection: &Connection, hashes: bool, findings: &mut Findings) -> Result<()> {
    let body = if hashes { "m.body" } else { "NULL" };
    let sql = format!(
        "SELECT d.id, d.state, CASE d.state
            WHEN 'waiting' THEN d.ended_at IS NULL AND d.claimed_by IS NULL
            WHEN 'behind' THEN d.ended_at IS NULL AND d.claimed_by IS NULL AND d.order_key IS NOT NULL
            WHEN 'sending' THEN d.ended_at IS NULL AND d.claimed_by IS NOT NULL AND d.started_at IS NOT NULL
            WHEN 'delivered' THEN d.ended_at IS NOT NULL AND d.claimed_by IS NULL
            WHEN 'failed' THEN d.ended_at IS NOT NULL AND d.claimed_by IS NULL
            WHEN 'cancelled' THEN d.ended_at IS NOT NULL AND d.claimed_by IS NULL
            ELSE 0 END
            AND d.priority IN (0, 1, 2) AND d.channel IN ('http', 'mail') AND d.tries BETWEEN 0 AND d.attempts
            AND (t.id IS NULL OR t.channel = d.channel),
            m.delivery_id IS NULL, m.url, m.headers, m.slots,
            m.bytes IS CASE WHEN m.file_id IS NOT NULL THEN f.bytes ELSE ifnull(length(m.body), 0) END,
            m.file_id IS NOT NULL, m.file_id IS NULL OR m.body IS NULL AND f.state IS 3 AND f.sha256 = m.sha256,
            m.sha256, m.body IS NULL, {body}
         FROM renkei_delivery d LEFT JOIN renkei_target t ON t.id = d.target_id
         LEFT JOIN renkei_message m ON m.delivery_id = d.id LEFT JOIN renkei_file f ON f.id = m.file_id ORDER BY d.id"
    );
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        if !row.get::<_, bool>(2)? {
            let state: String = row.get(1)?;
            fault(findings, id, words!("状態が正しくありません（{state}）", "its state cannot be ({state})"));
        }
        if row.get(3)? {
            fault(findings, id, words!("送信内容がありません", "its message is missing"));
            continue;
        }
        if !is_readable::<SlottedText>(row, 4)?
            || !is_readable::<Headers>(row, 5)?
            || !is_readable::<Vec<SecretSlot>>(row, 6)?
        {
            fault(findings, id, words!("送信内容を読み取れません", "its message is not readable"));
        }
        let (is_file, is_right_file): (bool, bool) = (row.get(8)?, row.get(9)?);
        // The bytes of files are looked at with all files.
        let is_as_frozen = match (is_file, row.get(11)?) {
            (true, _) => is_right_file,
            (false, true) => Sha256::digest(b"")[..] == *blob(row, 10)?,
            (false, false) => !hashes || Sha256::digest(blob(row, 12)?)[..] == *blob(row, 10)?,
        };
        if !is_as_frozen || !row.get::<_, bool>(7)? {
            fault(findings, id, words!("本文が作成時と異なります", "its body is not the one that was frozen"));
        }
    }
    Ok(())
}

/// Whether a column is empty or holds the JSON of a value.
fn is_readable<T: DeserializeOwned>(row: &Row<'_>, at: usize) -> Result<bool> {
    Ok(match row.get_ref(at)?.as_str_or_null().map_err(rusqlite::Error::from)? {
        None => true,
        Some(text) => serde_json::from_str::<T>(text).is_ok(),
    })
}

/// Attempts are numbered without a gap, up to their number.
fn inspect_attempts(connection: &Connection, findings: &mut Findings) -> Result<()> {
    let sql = "SELECT d.id, d.attempts, count(a.number) FROM renkei_delivery d
        LEFT JOIN renkei_attempt a ON a.delivery_id = d.id GROUP BY d.id
        HAVING count(a.number) <> d.attempts OR min(a.number) <> 1 OR max(a.number) <> d.attempts";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, attempts, kept): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let why = words!(
            "{attempts}回試行しましたが、記録は{kept}件か、番号が途切れています",
            "of {attempts} attempts {kept} are kept, or not in order"
        );
        fault(findings, id, why);
    }
    Ok(())
}

/// What a pool held that is no more; the next one gives it back.
fn inspect_left(connection: &Connection, findings: &mut Findings) -> Result<()> {
    let sql = "SELECT d.id FROM renkei_delivery d INDEXED BY renkei_delivery_sending WHERE d.state = 'sending'
        AND NOT EXISTS (SELECT 1 FROM renkei_job j WHERE j.id = d.claimed_by AND j.state = 'running')";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        findings.add(Code::CheckLeft, "", words!("送信{id}", "delivery {id}"));
    }
    Ok(())
}

/// A file of a delivery goes when its delivery does.
fn inspect_files(connection: &Connection, findings: &mut Findings) -> Result<()> {
    let sql = "SELECT id FROM renkei_file WHERE state = 3
        AND id NOT IN (SELECT file_id FROM renkei_message WHERE file_id IS NOT NULL)";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let place = words!("ファイル{id}: どの送信にもありません", "file {id}: no delivery has it");
        findings.add(Code::CheckFile, "", place);
    }
    Ok(())
}

/// Every run is a job and has its record, with a setting that is readable.
fn inspect_runs<S: DeserializeOwned>(
    connection: &Connection,
    (kind, table): (&str, &str),
    findings: &mut Findings,
) -> Result<()> {
    let sql = format!(
        "SELECT j.id FROM renkei_job j LEFT JOIN {table} r ON r.job_id = j.id WHERE (j.kind = ?1) <> (r.job_id IS NOT NULL)"
    );
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([kind])?;
    while let Some(row) = rows.next()? {
        let why = words!("処理と実行の記録が対応しません", "its job and its record do not belong together");
        run_fault(findings, row.get(0)?, why);
    }
    let mut statement = connection.prepare(&format!("SELECT job_id, setting FROM {table}"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if !is_readable::<S>(row, 1)? {
            run_fault(findings, row.get(0)?, words!("設定を読み取れません", "its setting is not readable"));
        }
    }
    Ok(())
}

fn waits_for_nothing() -> Words {
    words!("終わりを待つ送信がなく、終わることがありません", "it waits for no delivery, and will never end")
}

/// A push that waits has a delivery whose end it is told. Ended runs and deliveries are not kept equally long.
fn inspect_pushes(connection: &Connection, findings: &mut Findings) -> Result<()> {
    let sql = "SELECT j.id FROM renkei_job j JOIN renkei_push p ON p.job_id = j.id
        WHERE j.kind = ?1 AND j.state = 'reserved' AND j.run_at = ?2 AND NOT EXISTS (SELECT 1 FROM renkei_delivery d
            WHERE d.id = p.delivery_id AND d.ended_at IS NULL AND d.kind = j.kind AND d.run_id = j.id)";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query((csv_push::KIND, job::NEVER.0))?;
    while let Some(row) = rows.next()? {
        run_fault(findings, row.get(0)?, waits_for_nothing());
    }
    Ok(())
}

/// The same of the records of an http send: each that waits has its own delivery, and one at least does.
fn inspect_sends(connection: &Connection, findings: &mut Findings) -> Result<()> {
    let sql = "SELECT j.id FROM renkei_job j JOIN renkei_send s ON s.job_id = j.id
        WHERE j.kind = ?1 AND j.ended_at IS NULL AND (NOT EXISTS
            (SELECT 1 FROM renkei_send_item i WHERE i.job_id = j.id AND i.state = 'waiting')
        OR EXISTS (SELECT 1 FROM renkei_send_item i WHERE i.job_id = j.id AND i.state = 'waiting' AND NOT EXISTS
            (SELECT 1 FROM renkei_delivery d WHERE d.id = i.delivery_id AND d.ended_at IS NULL AND d.kind = j.kind
             AND d.run_id = j.id)))";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([http_send::KIND])?;
    while let Some(row) = rows.next()? {
        run_fault(findings, row.get(0)?, waits_for_nothing());
    }
    Ok(())
}
