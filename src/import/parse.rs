//! Lines of the file to judged cells, in batches, on a thread of its own beside the writer.

use std::io::Read;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};

use super::mapping::{Mapping, Target};
use super::setting::ImportSetting;
use crate::csv::{self, Encoding, Problem, Reader, Record, decode};
use crate::error::{Broken, Code, Error, Violation};
use crate::schema::{Cell, Column, FieldKind, Table};

/// Lines of a batch, at most.
const BATCH_LINES: usize = 1_024;
/// Bytes of a batch after which no line is added.
const BATCH_BYTES: usize = 256 * 1024;

/// Lines on their way from the parser to the writer. Batches go round: the writer gives them back empty.
#[derive(Default)]
pub(super) struct Batch {
    /// The texts of all cells, one after the other.
    pub(super) text: String,
    /// The cells of all lines that could be read, as many a line as there are columns in the mapping.
    pub(super) cells: Vec<Packed>,
    /// The bytes of all lines as they stand in the file.
    pub(super) raw: Vec<u8>,
    pub(super) lines: Vec<Line>,
    /// What was refused, by line in ascending order.
    pub(super) refused: Vec<Refused>,
    /// Where reading goes on after the last line.
    pub(super) next_offset: u64,
    pub(super) next_line: u64,
    /// The end of the file, or the error that ended the reading.
    pub(super) end: Option<Result<(), Error>>,
}

/// A judged cell, its text in the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packed {
    Null,
    Int(i64),
    Text { start: u32, len: u32 },
    Bad,
}

/// One line of the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    pub(super) line: u64,
    pub(super) offset: u64,
    /// Where the line ends in the file, and where the next begins.
    pub(super) next_offset: u64,
    pub(super) next_line: u64,
    pub(super) raw: (usize, usize),
    /// The first of its cells, unless the line could not be read at all.
    pub(super) cells: Option<usize>,
    /// Whether every cell is empty.
    pub(super) is_blank: bool,
    /// How many entries of `refused` belong to it.
    pub(super) refused: usize,
}

/// One thing that was refused before the line reached the writer.
pub(super) struct Refused {
    /// The column of the file, if it is about one.
    pub(super) column: Option<usize>,
    pub(super) offset: u64,
    pub(super) violation: Violation,
}

impl Batch {
    fn clear(&mut self) {
        self.text.clear();
        self.cells.clear();
        self.raw.clear();
        self.lines.clear();
        self.refused.clear();
        self.end = None;
    }

    pub(super) fn cell(&self, packed: Packed) -> Option<Cell<'_>> {
        match packed {
            Packed::Null => Some(Cell::Null),
            Packed::Int(int) => Some(Cell::Int(int)),
            Packed::Text { start, len } => {
                let (start, len) = (start as usize, len as usize);
                Some(Cell::Text(std::borrow::Cow::Borrowed(&self.text[start..start + len])))
            }
            Packed::Bad => None,
        }
    }
}

/// What the parser needs to know.
pub(super) struct Parser {
    pub(super) table: Arc<Table>,
    pub(super) setting: ImportSetting,
    pub(super) mapping: Mapping,
    pub(super) encoding: Encoding,
    pub(super) limits: csv::Limits,
}

impl Parser {
    /// Reads to the end of the file, or until the writer hangs up.
    pub(super) fn run<R: Read>(&self, mut reader: Reader<R>, full: &SyncSender<Batch>, empty: &Receiver<Batch>) {
        let mut record = Record::new();
        let mut scratch = String::new();
        loop {
            let mut batch = empty.try_recv().unwrap_or_default();
            batch.clear();
            let end = loop {
                match reader.read(&mut record) {
                    Ok(true) => self.judge(&record, &mut batch, &mut scratch),
                    Ok(false) => break Some(Ok(())),
                    Err(error) => break Some(Err(error)),
                }
                batch.next_offset = record.end_offset();
                batch.next_line = record.end_line();
                let bytes = batch.text.len() + batch.raw.len();
                if batch.lines.len() >= BATCH_LINES || bytes >= BATCH_BYTES {
                    break None;
                }
            };
            let ended = end.is_some();
            batch.end = end;
            if full.send(batch).is_err() || ended {
                return;
            }
        }
    }

    /// Judges one line into the batch.
    fn judge(&self, record: &Record, batch: &mut Batch, scratch: &mut String) {
        let raw_start = batch.raw.len();
        batch.raw.extend_from_slice(record.raw());
        let mut line = Line {
            line: record.line(),
            offset: record.offset(),
            next_offset: record.end_offset(),
            next_line: record.end_line(),
            raw: (raw_start, batch.raw.len()),
            cells: None,
            is_blank: false,
            refused: 0,
        };
        let refused_before = batch.refused.len();
        let refuse = |batch: &mut Batch, column: Option<usize>, offset: u64, broken: Broken, value: String| {
            let violation = match column.and_then(|at| self.mapping.column(&self.table, at)) {
                Some(column) => Violation::new(broken, &column.field.code, &column.field.name, value),
                None => {
                    let name = column.map(|at| self.mapping.name(&self.table, at)).unwrap_or_default();
                    Violation::new(broken, "", &name, value)
                }
            };
            batch.refused.push(Refused { column, offset, violation });
        };
        if let Some(problem) = record.problem() {
            let (code, column) = (
                problem.code(),
                match problem {
                    Problem::CellLong { column } => Some(column),
                    _ => None,
                },
            );
            let rule = problem.limit(&self.limits).map(|limit| limit.to_string()).unwrap_or_default();
            let head = &record.raw()[..record.raw().len().min(80)];
            let shown = match self.encoding {
                Encoding::Utf8 => String::from_utf8_lossy(head),
                Encoding::Cp932 => encoding_rs::SHIFT_JIS.decode_without_bom_handling(head).0,
            };
            let offset = column.map_or(record.offset(), |at| record.cell_offset(at));
            refuse(batch, column, offset, Broken::rule(code, rule), shown.into_owned());
        } else if let Some(columns) = self.mapping.misfit(record) {
            let broken = Broken::rule(Code::CsvColumns, self.mapping.targets.len().to_string());
            refuse(batch, None, record.offset(), broken, columns.to_string());
        } else {
            line.cells = Some(batch.cells.len());
            line.is_blank = true;
            for (at, target) in self.mapping.targets.iter().enumerate() {
                let bytes = record.cell(at);
                if bytes.is_empty() {
                    batch.cells.push(Packed::Null);
                    continue;
                }
                line.is_blank = false;
                if *target == Target::Skipped {
                    batch.cells.push(Packed::Null);
                    continue;
                }
                let text = match decode(bytes, self.encoding, scratch) {
                    Ok(text) => text,
                    Err(bad) => {
                        let offset = record.byte_offset(at, bad);
                        let broken = Broken::rule(Code::CsvEncoding, self.encoding.as_str());
                        refuse(batch, Some(at), offset, broken, format!("0x{:02X} at byte {offset}", bytes[bad]));
                        batch.cells.push(Packed::Bad);
                        continue;
                    }
                };
                let Some(column) = self.mapping.column(&self.table, at) else {
                    batch.cells.push(Packed::Null);
                    continue;
                };
                let joined;
                let text = match self.setting.drop_line_breaks && is_broken_line(column, text) {
                    true => {
                        joined = text.replace(['\r', '\n'], "");
                        joined.as_str()
                    }
                    false => text,
                };
                let packed = match column.check_text_as(text, self.setting.number_input) {
                    Ok(Cell::Null) => Packed::Null,
                    Ok(Cell::Int(int)) => Packed::Int(int),
                    Ok(Cell::Text(text)) => {
                        let start = batch.text.len();
                        batch.text.push_str(&text);
                        // A batch ends long before 4 GiB: a line is bounded, and so is what is before it.
                        Packed::Text { start: start as u32, len: text.len() as u32 }
                    }
                    Err(broken) => {
                        let text = text.to_owned();
                        refuse(batch, Some(at), record.cell_offset(at), broken, text);
                        Packed::Bad
                    }
                };
                batch.cells.push(packed);
            }
        }
        line.refused = batch.refused.len() - refused_before;
        batch.lines.push(line);
    }
}

/// Whether a text of one line has several.
fn is_broken_line(column: &Column, text: &str) -> bool {
    matches!(column.effective().field.kind, FieldKind::Text { .. })
        && memchr::memchr2(b'\r', b'\n', text.as_bytes()).is_some()
}
