//! Calls on their way into the audit log: a file beside the store, to which a line is appended at once.
//!
//! An entry in the store itself would take the turn to write, for which a call that only reads would wait while an import
//! holds it. A line in this file is there when the call is answered, whatever becomes of the process after it; it is taken
//! into the store, once, by whoever reads the log, sweeps, or finds the file large.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::IpAddr;
use std::path::PathBuf;

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::audit;
use crate::error::{Code, Error, Result};
use crate::store::Store;

/// From this size on, who appends takes the lines into the store.
const LARGE: u64 = 1 << 20;

/// So much is taken in one transaction.
const PORTION: u64 = 4 << 20;

/// The first line: this, and the number of the file as 16 hexadecimal digits. The number tells which file it was of which
/// a part was taken.
const MARK: &str = "renkei-audit-1 ";
const HEAD: u64 = MARK.len() as u64 + 16;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) user: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) token: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) address: Option<IpAddr>,
    /// Without an action it only tells that the token was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) action: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) database: Option<i64>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) subject: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) result: String,
}

impl Line {
    /// A line about whoever acts through `store`, now.
    pub(super) fn of(store: &Store) -> Line {
        let visit = store.visit.as_ref();
        Line {
            at: store.now().0,
            user: store.actor,
            token: visit.map(|visit| visit.token),
            address: visit.and_then(|visit| visit.address),
            action: None,
            database: None,
            subject: String::new(),
            result: String::new(),
        }
    }
}

fn path(store: &Store) -> PathBuf {
    store.beside("-audit")
}

/// Opened for each use, so that a file which somebody removes is made anew, and nothing is written to one without a name.
fn open(store: &Store) -> Result<File> {
    let file = OpenOptions::new().create(true).read(true).append(true).open(path(store))?;
    // Unlocked when it is closed. Where there are no locks, appended lines still come one after the other.
    if let Err(error) = file.lock() {
        log::debug!("the audit file is used without a lock: {error}");
    }
    Ok(file)
}

fn head(number: i64) -> String {
    format!("{MARK}{number:016x}")
}

/// Appends a line.
pub(super) fn append(store: &Store, line: &Line) -> Result<()> {
    let json = serde_json::to_string(line)
        .map_err(|error| Error::new(Code::Internal).with_rule("a line cannot be written").with_source(error))?;
    let mut file = open(store)?;
    let size = file.metadata()?.len();
    if size == 0 {
        // Who may read the store may read this, and nobody else.
        file.set_permissions(fs::metadata(store.path())?.permissions())?;
    }
    // Every line begins with the line break, so that one which a crash has cut off does not spoil the next.
    let text = match size {
        0 => format!("{}\n{json}", head(new_number(store))),
        _ => format!("\n{json}"),
    };
    if let Err(error) = file.write_all(text.as_bytes()) {
        let _ = file.set_len(size);
        return Err(error.into());
    }
    drop(file);
    if size > LARGE {
        try_take(store);
    }
    Ok(())
}

fn new_number(store: &Store) -> i64 {
    let mut bytes = [0; 8];
    store.random(&mut bytes);
    // Above 0, which stands for none, and far from the end.
    (i64::from_le_bytes(bytes) >> 2).abs().max(1)
}

/// A part of the file.
struct Part {
    number: i64,
    /// Up to which byte it goes.
    end: u64,
    lines: Vec<Line>,
    is_last: bool,
}

/// Reads on from where the store has taken it; `None` if there is nothing new.
fn read(store: &Store, (number, taken): (i64, u64)) -> Result<Option<Part>> {
    let mut file = open(store)?;
    let size = file.metadata()?.len();
    if size <= HEAD {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(0))?;
    let mut first = [0; HEAD as usize];
    file.read_exact(&mut first)?;
    let first = std::str::from_utf8(&first).ok().and_then(|head| head.strip_prefix(MARK));
    // A file that begins with something else has no number; its lines are read all the same.
    let found = first.and_then(|digits| u64::from_str_radix(digits, 16).ok()).map_or(0, u64::cast_signed);
    let start = if found == number && taken <= size { taken.max(HEAD) } else { HEAD };
    if start == size {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(start))?;
    file.take(PORTION).read_to_end(&mut bytes)?;
    let mut is_last = start + bytes.len() as u64 == size;
    if !is_last {
        // A line that is cut off is read with the next part.
        match bytes.iter().rposition(|byte| *byte == b'\n') {
            Some(at) if at > 0 => bytes.truncate(at),
            _ => is_last = true,
        }
    }
    let mut lines = Vec::new();
    for text in bytes.split(|byte| *byte == b'\n').filter(|text| !text.is_empty()) {
        match serde_json::from_slice(text) {
            Ok(line) => lines.push(line),
            Err(error) => log::warn!("a line of {} bytes of the audit file is not readable: {error}", text.len()),
        }
    }
    Ok(Some(Part { number: found, end: start + bytes.len() as u64, lines, is_last }))
}

fn taken(connection: &Connection) -> Result<(i64, u64)> {
    let sql = "SELECT (SELECT value FROM renkei_meta WHERE name = 'audit_file'),
        (SELECT value FROM renkei_meta WHERE name = 'audit_taken')";
    let (number, taken): (i64, i64) =
        connection.prepare_cached(sql)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok((number, taken.unsigned_abs()))
}

/// Takes what has been appended into the store. Waits for its turn to write; a thread that has the turn already does
/// nothing, and leaves it to the next.
pub(super) fn take(store: &Store) -> Result<()> {
    // Looking needs no turn, and mostly there is nothing.
    let is_empty = fs::metadata(path(store)).map_or(true, |meta| meta.len() <= HEAD);
    if is_empty || store.is_writing() {
        return Ok(());
    }
    loop {
        let part = store.write(|writing| {
            let Some(part) = read(store, taken(writing)?)? else { return Ok(None) };
            for line in &part.lines {
                audit::insert(writing, line)?;
            }
            let sql = "UPDATE renkei_meta SET value = ?2 WHERE name = ?1";
            writing.prepare_cached(sql)?.execute(("audit_file", part.number))?;
            writing.prepare_cached(sql)?.execute(("audit_taken", part.end.cast_signed()))?;
            Ok(Some(part))
        })?;
        match part {
            Some(part) if part.is_last => return empty(store, &part),
            Some(_) => {}
            None => return Ok(()),
        }
    }
}

/// As [`take`], where there is something more important than that it works.
pub(crate) fn try_take(store: &Store) {
    if let Err(error) = take(store) {
        log::warn!("the audit file was not taken into the store: {error}");
    }
}

/// Empties the file, if nothing was appended since it was taken, and gives it the next number.
fn empty(store: &Store, part: &Part) -> Result<()> {
    let mut file = open(store)?;
    if file.metadata()?.len() != part.end {
        return Ok(());
    }
    let mut first = [0; HEAD as usize];
    file.seek(SeekFrom::Start(0))?;
    file.read_exact(&mut first)?;
    if first != *head(part.number).as_bytes() && part.number != 0 {
        return Ok(());
    }
    file.set_len(0)?;
    file.write_all(head(part.number.wrapping_add(1)).as_bytes())?;
    Ok(())
}
