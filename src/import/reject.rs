//! Rejects: what was refused, where, and why; and the file in which it can be mended.

use std::io::Write;

use rusqlite::Connection;
use serde::Serialize;

use super::mapping::{MISSING, REJECT_COLUMNS};
use crate::csv::{
    Dialect, Encoding, Format, Limits, LineEnd, OutputEncoding, Problem, Quoting, Reader, Record, Unmappable, Writer,
};
use crate::error::{Code, Language, Result, Violation, shorten};

/// One refused cell, or one refused line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Reject {
    /// The line of the file, counted from 1; for a record of several lines its first.
    pub line: u64,
    /// The byte of the file at which the cell (or the line) begins, counted from 0.
    pub offset: u64,
    /// The column of the file, counted from 1; `None` when the line as a whole was refused.
    pub column: Option<usize>,
    /// The name of the column.
    pub column_name: Option<String>,
    /// The value as it stands in the file; the beginning of a long one.
    pub value: String,
    /// The stable code; see [`Code`](crate::Code).
    pub code: String,
    /// The message in Japanese.
    pub message_ja: String,
    /// The message in English.
    pub message_en: String,
}

/// A reject that is not stored yet.
pub(super) struct NewReject {
    pub(super) line: u64,
    pub(super) offset: u64,
    pub(super) column: Option<usize>,
    pub(super) column_name: Option<String>,
    pub(super) violation: Violation,
    /// The line, with the first of its rejects.
    pub(super) raw: Option<Vec<u8>>,
}

/// Stores rejects; they are numbered from `number`.
pub(super) fn store(connection: &Connection, job: i64, mut number: u64, rejects: &[NewReject]) -> Result<()> {
    let sql = "INSERT INTO renkei_reject (job_id, number, line, byte_offset, column_number, column_name, value, code,
        message_ja, message_en, raw) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    let mut statement = connection.prepare_cached(sql)?;
    for reject in rejects {
        statement.execute(rusqlite::params![
            job,
            number as i64,
            reject.line as i64,
            reject.offset as i64,
            reject.column.map(|column| column as i64 + 1),
            reject.column_name,
            shorten(reject.violation.value()),
            reject.violation.code().as_str(),
            reject.violation.message(Language::Japanese),
            reject.violation.message(Language::English),
            reject.raw,
        ])?;
        number += 1;
    }
    Ok(())
}

/// Rejects of an import in file order, from the `skip`th.
pub(super) fn load(connection: &Connection, job: i64, skip: u64, limit: u64) -> Result<Vec<Reject>> {
    let sql = "SELECT line, byte_offset, column_number, column_name, value, code, message_ja, message_en
        FROM renkei_reject WHERE job_id = ?1 AND number >= ?2 ORDER BY number LIMIT ?3";
    let mut statement = connection.prepare_cached(sql)?;
    let clamp = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let rows = statement.query_map((job, clamp(skip), clamp(limit)), |row| {
        Ok(Reject {
            line: row.get::<_, i64>(0)?.unsigned_abs(),
            offset: row.get::<_, i64>(1)?.unsigned_abs(),
            column: row.get::<_, Option<i64>>(2)?.and_then(|column| usize::try_from(column).ok()),
            column_name: row.get(3)?,
            value: row.get(4)?,
            code: row.get(5)?,
            message_ja: row.get(6)?,
            message_en: row.get(7)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// What the file of rejects is made with.
pub(super) struct RejectFile<'a> {
    pub(super) header: Option<&'a [u8]>,
    pub(super) encoding: Encoding,
    pub(super) dialect: &'a Dialect,
    pub(super) limits: Limits,
    /// The columns that the setting has.
    pub(super) columns: usize,
    /// The first line that is data.
    pub(super) first_line: u64,
}

impl RejectFile<'_> {
    /// Reads a line as it stands in the file.
    fn parse(&self, raw: &[u8]) -> Result<Record> {
        let mut record = Record::new();
        // As if from the middle of a file: a byte order mark would have been passed over before.
        Reader::resume(raw, self.dialect, self.limits, 1, 1).read(&mut record)?;
        Ok(record)
    }
}

/// Writes every refused line as it stood in the file, and behind it the line number, the codes and the messages.
pub(super) fn write_file(connection: &Connection, job: i64, file: &RejectFile<'_>, out: impl Write) -> Result<u64> {
    let format = Format {
        encoding: match file.encoding {
            Encoding::Utf8 => OutputEncoding::Utf8,
            Encoding::Cp932 => OutputEncoding::Cp932,
        },
        delimiter: file.dialect.delimiter,
        line_end: LineEnd::Crlf,
        quoting: Quoting::Minimal,
        unmappable: Unmappable::Replace,
        formula_guard: false,
    };
    let mut writer = Writer::new(out, format);
    let mut columns = file.columns;
    if let Some(header) = file.header {
        let record = file.parse(header)?;
        // The header stands on the line on which the setting looks for it, whatever stood before it.
        let own_lines = record.end_line().max(1);
        for _ in 1..file.first_line.saturating_sub(own_lines).min(1_000) {
            writer.verbatim(b"")?;
            writer.end_record()?;
        }
        writer.verbatim(header)?;
        columns = record.len();
        // A file of rejects that was mended in part has these columns already.
        let is_mended = columns >= REJECT_COLUMNS.len()
            && (1..=REJECT_COLUMNS.len()).all(|from_end| {
                record.cell(columns - from_end) == REJECT_COLUMNS[REJECT_COLUMNS.len() - from_end].as_bytes()
            });
        if is_mended {
            columns -= REJECT_COLUMNS.len();
        } else {
            for column in REJECT_COLUMNS {
                writer.text(column)?;
            }
        }
        writer.end_record()?;
    }
    let sql = "SELECT line, code, message_ja, raw FROM renkei_reject WHERE job_id = ?1 ORDER BY number";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([job])?;
    let mut lines = 0;
    let mut current: Option<Refused> = None;
    while let Some(row) = rows.next()? {
        let line: i64 = row.get(0)?;
        let (code, message): (String, String) = (row.get(1)?, row.get(2)?);
        match current.as_mut().filter(|current| current.line == line) {
            Some(current) => {
                if !current.codes.contains(&code) {
                    current.codes.push(code);
                }
                current.messages.push(message);
            }
            None => {
                if let Some(done) = current.take() {
                    done.write(&mut writer, file, columns)?;
                    lines += 1;
                }
                let raw: Vec<u8> = row.get::<_, Option<Vec<u8>>>(3)?.unwrap_or_default();
                current = Some(Refused { line, codes: vec![code], messages: vec![message], raw });
            }
        }
    }
    if let Some(done) = current {
        done.write(&mut writer, file, columns)?;
        lines += 1;
    }
    writer.finish()?;
    Ok(lines)
}

struct Refused {
    line: i64,
    codes: Vec<String>,
    messages: Vec<String>,
    raw: Vec<u8>,
}

impl Refused {
    fn write<W: Write>(&self, writer: &mut Writer<W>, file: &RejectFile<'_>, columns: usize) -> Result<()> {
        let quote = file.dialect.quote as u8;
        let record = file.parse(&self.raw)?;
        // A line with an open quote would swallow what follows; it is given as one cell, whole.
        let open = record.problem() == Some(Problem::QuoteOpen);
        // A line of a file of rejects has these columns already, also where it has too few or too many of its own; they
        // are told anew.
        let mut raw = &self.raw[..];
        let mut own = record.len();
        let before = own.saturating_sub(REJECT_COLUMNS.len());
        if before > 0 && is_codes(record.cell(before + 1)) {
            own = before;
            let end = record.cell_offset(own).saturating_sub(1);
            raw = &raw[..usize::try_from(end).map_or(raw.len(), |end| end.min(raw.len()))];
            // That is where the content begins: behind the delimiter, and the quote if there is one.
            raw = raw.strip_suffix(&[quote]).unwrap_or(raw);
            raw = raw.strip_suffix(&[file.dialect.delimiter as u8]).unwrap_or(raw);
        }
        if open {
            let mut quoted = vec![quote];
            for byte in &self.raw {
                quoted.push(*byte);
                if *byte == quote {
                    quoted.push(quote);
                }
            }
            quoted.push(quote);
            writer.verbatim(&quoted)?;
            for _ in 1..columns {
                writer.text("")?;
            }
        } else {
            writer.verbatim(raw)?;
            for _ in own..columns {
                writer.text(MISSING)?;
            }
        }
        writer.text(&self.line.to_string())?;
        writer.text(&self.codes.join(" "))?;
        let mut message = self.messages.join(" ");
        if file.dialect.quote != '"' {
            // The writer quotes with `"` only, which means nothing here: the message does without such characters.
            let structure = [file.dialect.delimiter, file.dialect.quote, '"', '\r', '\n'];
            message = message.replace(structure, " ");
        }
        writer.text(&message)?;
        writer.end_record()
    }
}

/// Whether a cell is what stands under `_code`.
fn is_codes(cell: &[u8]) -> bool {
    let codes = std::str::from_utf8(cell).unwrap_or_default();
    !codes.is_empty() && codes.split(' ').all(|code| Code::from_text(code).is_some())
}
