//! What must hold in the file itself: SQLite's own check, the system tables, ids that are handed out.

use rusqlite::Connection;

use super::bytes::PIECE_BYTES;
use super::migration;
use crate::error::{Code, Findings, Result, words};

/// SQLite looks at every page, index and full-text table; `quick` leaves out whether indexes and tables agree.
pub(crate) fn inspect_sqlite(connection: &Connection, quick: bool, findings: &mut Findings) -> Result<()> {
    let sql = if quick { "PRAGMA quick_check(1000)" } else { "PRAGMA integrity_check(1000)" };
    let said = || -> Result<Vec<String>> {
        let mut statement = connection.prepare(sql)?;
        Ok(statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
    };
    let mut faults = said()?;
    faults.retain(|said| said != "ok");
    if !faults.is_empty() {
        // A page that could not be read just now is told like a fault; what is one is found again.
        let again = said()?;
        faults.retain(|said| again.contains(said));
    }
    for said in faults {
        findings.add(Code::CheckSqlite, "", said);
    }
    let mut statement = connection.prepare("SELECT \"table\", rowid, parent FROM pragma_foreign_key_check")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (table, id, parent): (String, Option<i64>, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let id = id.map_or_else(|| "?".to_owned(), |id| id.to_string());
        findings.add(Code::CheckForeignKey, table, words!("行{id}（{parent}を指す）", "row {id} (of {parent})"));
    }
    Ok(())
}

/// The system tables are those that this version makes, and the counters of the store are there.
pub(crate) fn inspect_system(connection: &Connection, findings: &mut Findings) -> Result<()> {
    let model = migration::model()?;
    let sql = "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND substr(name, 1, 7) = 'renkei_'";
    let read = |connection: &Connection| -> Result<Vec<(String, String)>> {
        let mut statement = connection.prepare(sql)?;
        Ok(statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?)
    };
    let (wanted, found) = (read(&model)?, read(connection)?);
    for (name, sql) in &wanted {
        match found.iter().find(|(other, _)| other == name) {
            None => findings.add(Code::CheckTable, name, words!("ありません", "it is missing")),
            Some((_, other)) if other != sql => {
                findings.add(Code::CheckTable, name, words!("定義が異なります", "it is another one"));
            }
            Some(_) => {}
        }
    }
    for (name, _) in found.iter().filter(|(name, _)| !wanted.iter().any(|(other, _)| other == name)) {
        findings.add(Code::CheckOther, "", name);
    }
    let mut statement = connection.prepare("SELECT value FROM renkei_meta WHERE name = ?1")?;
    for (name, least) in [("definitions", 1), ("next_id", 100_001), ("audit_file", 0), ("audit_taken", 0)] {
        let mut rows = statement.query([name])?;
        let value: Option<i64> = rows.next()?.map(|row| row.get(0)).transpose()?;
        match value {
            Some(value) if value >= least => {}
            Some(value) => findings.add(Code::CheckTable, "renkei_meta", format!("{name} = {value}")),
            None => findings.add(Code::CheckTable, "renkei_meta", words!("{name}がありません", "{name} is missing")),
        }
    }
    Ok(())
}

/// No id that is in use will be handed out again. `others` are ids that stand elsewhere than in the system tables.
pub(crate) fn inspect_ids(
    connection: &Connection,
    others: impl Iterator<Item = i64>,
    findings: &mut Findings,
) -> Result<()> {
    let sql = "SELECT max(ifnull((SELECT max(id) FROM renkei_definition), 0),
            ifnull((SELECT max(id) FROM renkei_user), 0), ifnull((SELECT max(id) FROM renkei_token), 0),
            ifnull((SELECT max(id) FROM renkei_file), 0), ifnull((SELECT max(id) FROM renkei_job), 0),
            ifnull((SELECT max(id) FROM renkei_delivery), 0)),
        ifnull((SELECT value FROM renkei_meta WHERE name = 'next_id'), 0)";
    let (greatest, next): (i64, i64) = connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let greatest = others.fold(greatest, i64::max);
    if greatest >= next {
        let place = words!("次は{next}、最大は{greatest}", "the next is {next}, {greatest} is in use");
        findings.add(Code::CheckId, "", place);
    }
    Ok(())
}

/// Stored bytes are whole: every piece is there, and has its size; with `hashes`, every byte is what was stored.
pub(crate) fn inspect_bytes(connection: &Connection, hashes: bool, findings: &mut Findings) -> Result<()> {
    use sha2::{Digest, Sha256};

    let sql = "SELECT id, name, bytes, sha256, state, expires_at IS NULL FROM renkei_file ORDER BY id";
    let mut files = connection.prepare(sql)?;
    let what = if hashes { "bytes" } else { "NULL" };
    let sql = format!("SELECT number, length(bytes), {what} FROM renkei_file_chunk WHERE file_id = ?1 ORDER BY number");
    let mut pieces = connection.prepare(&sql)?;
    let mut rows = files.query([])?;
    while let Some(row) = rows.next()? {
        let (id, name): (i64, String) = (row.get(0)?, row.get(1)?);
        let (bytes, state, stays): (i64, i64, bool) = (row.get(2)?, row.get(4)?, row.get(5)?);
        let mut fault = |ja: &str, en: &str| {
            findings.add(Code::CheckFile, "", words!("{name}（{id}）: {ja}", "{name} ({id}): {en}"))
        };
        match (state, stays) {
            // Being written, or whole and waiting for a record: it must have an end.
            (0 | 1, true) => fault("保存期限がありません", "it has no end of life"),
            // Belonging to a record, or to a delivery.
            (0 | 1, false) | (2 | 3, true) => {}
            (2 | 3, false) => fault("使用中なのに保存期限があります", "it is in use and has an end"),
            _ => fault("状態が正しくありません", "its state cannot be"),
        }
        if state == 0 {
            continue;
        }
        let (mut number, mut total, mut hash) = (0i64, 0i64, Sha256::new());
        let mut in_order = true;
        let mut found = pieces.query([id])?;
        while let Some(piece) = found.next()? {
            let (at, length): (i64, i64) = (piece.get(0)?, piece.get(1)?);
            // All but the last are full.
            in_order &= at == number && total == number * PIECE_BYTES as i64 && length <= PIECE_BYTES as i64;
            number += 1;
            total += length;
            if hashes {
                hash.update(piece.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?);
            }
        }
        if !in_order || total != bytes {
            fault(
                &format!("{bytes}バイトのうち{total}バイトしかないか、並びが途切れています"),
                &format!("{total} of {bytes} bytes are there, or not in order"),
            );
        } else if hashes && hash.finalize()[..] != *row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)? {
            fault("内容が保存時と異なります", "its bytes are not those that were stored");
        }
    }
    Ok(())
}
