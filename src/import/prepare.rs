//! What must be known before the first data line: encoding, header line, mapping, where to begin.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Instant;

use super::mapping::Mapping;
use super::reservation::Loaded;
use crate::csv::{self, Encoding, Reader, Record, decode};
use crate::error::{Code, Error, Result, words};
use crate::job::{self, Claim, HEARTBEAT};
use crate::schema::Table;
use crate::store::Store;

pub(super) struct Prepared {
    pub(super) encoding: Encoding,
    pub(super) mapping: Mapping,
    /// Where the first line that is still to be written begins.
    pub(super) offset: u64,
    pub(super) line: u64,
}

/// Finds out what a run needs. What was found out by an earlier run is taken from the store.
pub(super) fn prepare(store: &Store, claim: &Claim, loaded: &Loaded, table: &Arc<Table>) -> Result<Prepared> {
    let setting = &loaded.setting;
    loaded.source.check_unchanged()?;
    if loaded.source.bytes() == 0 {
        return Err(Error::new(Code::CsvEmpty).with_rule(words!("0バイトです", "0 bytes")));
    }
    let encoding = match setting.encoding.or(loaded.encoding) {
        Some(encoding) => encoding,
        None => {
            let input = loaded.source.open(store, 0)?;
            let pulse = Pulse { input, store, claim, last: Instant::now() };
            csv::detect(pulse, Some(setting.dialect.delimiter))?.encoding
        }
    };
    // The database may have been redefined since the import was reserved; a field that is gone must not be passed over.
    setting.validate(table)?;
    setting.dialect.validate(encoding)?;
    let mut reader = Reader::new(loaded.source.open(store, 0)?, &setting.dialect, csv_limits(store));
    let mut record = Record::new();
    let mut header = None;
    let (mut offset, mut line) = (0, 1);
    while line < setting.first_line {
        if !reader.read(&mut record)? {
            break;
        }
        if record.line() >= setting.first_line {
            break;
        }
        if let Some(problem) = record.problem() {
            let rule = problem.limit(&csv_limits(store)).map(|limit| limit.to_string()).unwrap_or_default();
            return Err(Error::new(problem.code()).with_rule(rule).at_line(record.line()).at_offset(record.offset()));
        }
        (offset, line) = (record.end_offset(), record.end_line());
        header = Some((header_texts(&record, encoding)?, record.raw().to_vec()));
    }
    if setting.first_line > 1 && header.is_none() {
        return Err(Error::new(Code::CsvEmpty).with_rule(words!("見出し行がありません", "there is no header line")));
    }
    let mapping = Mapping::of(setting, table, header.as_ref().map(|(texts, _)| texts.as_slice()))?;
    let (offset, line) = match loaded.next_offset {
        0 => (offset, line),
        next => (next, loaded.next_line),
    };
    if loaded.encoding.is_none() {
        let raw = header.map(|(_, raw)| raw);
        store.write(|writing| {
            job::heartbeat(store, writing, claim, false)?;
            let sql = "UPDATE renkei_import SET encoding = ?2, header = ?3 WHERE job_id = ?1";
            writing.prepare_cached(sql)?.execute((claim.id, encoding.as_str(), raw))?;
            Ok(())
        })?;
    }
    Ok(Prepared { encoding, mapping, offset, line })
}

/// The bounds on lines and cells, from those of the store.
pub(super) fn csv_limits(store: &Store) -> csv::Limits {
    let limits = store.limits();
    csv::Limits { cell_bytes: limits.cell_bytes, record_bytes: limits.line_bytes, columns: limits.csv_columns }
}

fn header_texts(record: &Record, encoding: Encoding) -> Result<Vec<String>> {
    let mut scratch = String::new();
    let mut texts = Vec::with_capacity(record.len());
    for (at, bytes) in record.cells().enumerate() {
        match decode(bytes, encoding, &mut scratch) {
            Ok(text) => texts.push(text.to_owned()),
            Err(bad) => {
                let offset = record.byte_offset(at, bad);
                return Err(Error::new(Code::CsvEncoding)
                    .with_name(words!("{}列目", "column {}", at + 1))
                    .with_rule(encoding)
                    .with_value(words!("0x{:02X}（{offset}バイト目）", "0x{:02X} at byte {offset}", bytes[bad]))
                    .at_line(record.line())
                    .at_column(at + 1)
                    .at_offset(offset));
            }
        }
    }
    Ok(texts)
}

/// Keeps the lease alive, and hears a cancel, while a large file is looked through before the first commit.
struct Pulse<'a, R> {
    input: R,
    store: &'a Store,
    claim: &'a Claim,
    last: Instant,
}

impl<R: Read> Read for Pulse<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.last.elapsed() >= HEARTBEAT {
            self.last = Instant::now();
            let asked = self.store.write(|writing| job::heartbeat(self.store, writing, self.claim, false));
            if asked.map_err(io::Error::other)? {
                return Err(io::Error::other(Error::new(Code::Cancelled)));
            }
        }
        self.input.read(out)
    }
}
