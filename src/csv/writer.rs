//! The writer: formats, quoting, the formula guard, and characters that cp932 does not have.

use std::io::Write;

use memchr::{memchr, memchr3};
use serde::{Deserialize, Serialize};

use super::encoding::{cp932_table, encode_cp932};
use super::{Dialect, Encoding};
use crate::error::{Code, Error, Result};

/// The encoding of a CSV file that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum OutputEncoding {
    /// UTF-8 without a byte order mark.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// UTF-8 behind a byte order mark, which spreadsheet programs need to see that it is UTF-8.
    #[serde(rename = "utf-8-bom")]
    Utf8Bom,
    /// Shift_JIS with the extensions of Windows (code page 932).
    ///
    /// Characters that other systems use in the place of one of cp932 become that one (〜→～ ‖→∥ −→－ —→― ¢→￠ £→￡ ¬→￢,
    /// and ¥ and ‾ the bytes 0x5C and 0x7E), so they read back as the other. Where cp932 has several codes for a
    /// character (the NEC and IBM duplicates) the WHATWG's choice is written. U+E000 to U+E757 are the
    /// user-defined characters.
    #[serde(rename = "cp932")]
    Cp932,
}

/// What ends a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LineEnd {
    /// CR and LF.
    #[default]
    Crlf,
    /// LF.
    Lf,
}

impl LineEnd {
    fn bytes(self) -> &'static [u8] {
        match self {
            LineEnd::Crlf => b"\r\n",
            LineEnd::Lf => b"\n",
        }
    }
}

/// Which cells are quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quoting {
    /// Every cell.
    All,
    /// Cells that would not read back as they are: with a delimiter, a quote, CR or LF, and the empty cell that is
    /// the only one of its record.
    #[default]
    Minimal,
}

/// What becomes of a character that the encoding does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unmappable {
    /// The export fails ([`Code::CsvUnmappable`]).
    #[default]
    Error,
    /// A `?` stands for it, and it is counted.
    Replace,
    /// A `?` stands for it, and the place is reported.
    Report,
}

/// How a CSV file is written. Cells are always quoted with `"`.
///
/// ```
/// use renkei::csv::{Format, LineEnd, OutputEncoding};
///
/// let format: Format = serde_json::from_str(r#"{"encoding":"utf-8-bom","formula_guard":true}"#)?;
/// assert_eq!(format.encoding, OutputEncoding::Utf8Bom);
/// assert_eq!(format.line_end, LineEnd::Crlf);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Format {
    /// The encoding; UTF-8 without a byte order mark by default.
    pub encoding: OutputEncoding,
    /// What stands between two cells; `,` by default.
    pub delimiter: char,
    /// What ends a record; CRLF by default.
    pub line_end: LineEnd,
    /// Which cells are quoted; by default those that must be.
    pub quoting: Quoting,
    /// What becomes of a character that the encoding does not have; an error by default.
    pub unmappable: Unmappable,
    /// Whether a text that begins with `=`, `+`, `-`, `@`, TAB or CR is written behind a `'`, so that a spreadsheet
    /// program does not run it as a formula. Off by default: such a file does not read back as it was.
    pub formula_guard: bool,
}

impl Default for Format {
    fn default() -> Format {
        Format {
            encoding: OutputEncoding::default(),
            delimiter: ',',
            line_end: LineEnd::default(),
            quoting: Quoting::default(),
            unmappable: Unmappable::default(),
            formula_guard: false,
        }
    }
}

impl Format {
    /// Refuses a delimiter that cannot be one, as [`Dialect::validate`] does.
    pub fn validate(&self) -> Result<()> {
        let encoding = match self.encoding {
            OutputEncoding::Utf8 | OutputEncoding::Utf8Bom => Encoding::Utf8,
            OutputEncoding::Cp932 => Encoding::Cp932,
        };
        Dialect { delimiter: self.delimiter, quote: '"' }.validate(encoding)
    }
}

/// A character that was replaced because the encoding does not have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Unmapped {
    /// The record of the file, counted from 1, a header being the first.
    pub record: u64,
    /// The column, counted from 1.
    pub column: usize,
    /// The character.
    pub character: char,
}

const FLUSH: usize = 64 << 10;
const UNMAPPED_KEPT: usize = 1_000;

/// Writes records to `W` in a [`Format`], cell by cell.
///
/// What was written reaches `W` in pieces of about 64 KiB, the last of them with [`Writer::finish`]; a writer that is
/// dropped instead leaves the file unfinished. The same holds after an error.
#[derive(Debug)]
pub(crate) struct Writer<W> {
    out: W,
    format: Format,
    delimiter: u8,
    buffer: Vec<u8>,
    // The bytes that force quotes, looked up for short cells.
    special: [bool; 256],
    cp932: Option<&'static [u16]>,
    scratch: Vec<u8>,
    // Whether `plain` may skip the check: no number or date contains the delimiter.
    plain_is_safe: bool,
    record: u64,
    column: usize,
    // Whether the record so far is one empty cell, of which there is no trace in the buffer.
    lone_empty: bool,
    unmapped: Vec<Unmapped>,
    unmapped_count: u64,
}

impl<W: Write> Writer<W> {
    /// A writer to `out`. The format must be a valid one.
    pub(crate) fn new(out: W, format: Format) -> Writer<W> {
        let delimiter = format.delimiter as u8;
        let mut special = [false; 256];
        for byte in [delimiter, b'"', b'\r', b'\n'] {
            special[usize::from(byte)] = true;
        }
        let mut buffer = Vec::with_capacity(FLUSH + FLUSH / 4);
        if format.encoding == OutputEncoding::Utf8Bom {
            buffer.extend_from_slice(b"\xEF\xBB\xBF");
        }
        Writer {
            out,
            format,
            delimiter,
            buffer,
            special,
            cp932: (format.encoding == OutputEncoding::Cp932).then(cp932_table),
            scratch: Vec::new(),
            plain_is_safe: format.quoting == Quoting::Minimal && matches!(delimiter, b',' | b'\t' | b';' | b'|'),
            record: 1,
            column: 0,
            lone_empty: false,
            unmapped: Vec::new(),
            unmapped_count: 0,
        }
    }

    /// A writer of a later part of a file that is written in parts: without a byte order mark, its first record being
    /// counted as `record`.
    pub(crate) fn resume(out: W, format: Format, record: u64) -> Writer<W> {
        let mut writer = Writer::new(out, format);
        writer.buffer.clear();
        writer.record = record;
        writer
    }

    /// Writes one cell.
    ///
    /// A character that cp932 does not have makes an error with the character as its value; the caller knows the
    /// field. Nothing of such a cell is written.
    #[inline]
    pub(crate) fn text(&mut self, text: &str) -> Result<()> {
        let guard = self.format.formula_guard
            && matches!(text.as_bytes().first(), Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r'));
        if guard || (self.cp932.is_some() && !text.is_ascii()) {
            return self.text_slowly(text, guard);
        }
        self.cell(text.as_bytes())
    }

    /// Writes one cell that was made from a number or a date. Never guarded.
    pub(crate) fn made(&mut self, text: &str) -> Result<()> {
        if self.cp932.is_some() && !text.is_ascii() {
            return self.text_slowly(text, false);
        }
        self.cell(text.as_bytes())
    }

    /// Writes a cell that is not put out as it stands: with a guard, or in cp932.
    fn text_slowly(&mut self, text: &str, guard: bool) -> Result<()> {
        // Taken out for the time, so that `cell` can borrow the writer.
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        if guard {
            scratch.push(b'\'');
        }
        match self.cp932 {
            None => scratch.extend_from_slice(text.as_bytes()),
            Some(table) => encode_cp932(table, text, &mut scratch, |character, out| {
                self.unmappable(character)?;
                out.push(b'?');
                Ok::<(), Error>(())
            })?,
        }
        // Whether quotes are needed is seen from the bytes as written: ¥ becomes a backslash, 😀 a question mark.
        let result = self.cell(&scratch);
        if scratch.capacity() <= FLUSH {
            self.scratch = scratch;
        }
        result
    }

    #[cold]
    fn unmappable(&mut self, character: char) -> Result<()> {
        if self.format.unmappable == Unmappable::Error {
            let code_point = u32::from(character);
            return Err(Error::new(Code::CsvUnmappable)
                .with_value(format_args!("{character} U+{code_point:04X}"))
                .with_rule(Encoding::Cp932)
                .at_column(self.column + 1));
        }
        self.unmapped_count += 1;
        if self.format.unmappable == Unmappable::Report && self.unmapped.len() < UNMAPPED_KEPT {
            self.unmapped.push(Unmapped { record: self.record, column: self.column + 1, character });
        }
        Ok(())
    }

    /// Writes one cell that is ASCII and has no character that needs quoting: a number, a date. Never guarded.
    #[inline]
    pub(crate) fn plain(&mut self, bytes: &[u8]) -> Result<()> {
        if !self.plain_is_safe || bytes.is_empty() {
            return self.cell(bytes);
        }
        debug_assert!(bytes.is_ascii() && !self.needs_quotes(bytes), "{bytes:?} is not plain");
        self.separate();
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Writes bytes as they stand: a line, or part of one, that is CSV in this encoding already.
    pub(crate) fn verbatim(&mut self, bytes: &[u8]) -> Result<()> {
        self.separate();
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    #[inline]
    fn separate(&mut self) {
        if self.column > 0 {
            self.buffer.push(self.delimiter);
            self.lone_empty = false;
        }
        self.column += 1;
    }

    #[inline]
    fn cell(&mut self, bytes: &[u8]) -> Result<()> {
        self.separate();
        if self.format.quoting == Quoting::All || self.needs_quotes(bytes) {
            self.quoted(bytes);
        } else {
            self.lone_empty = self.column == 1 && bytes.is_empty();
            self.buffer.extend_from_slice(bytes);
        }
        // A record of giant cells must not gather in memory.
        if self.buffer.len() >= FLUSH { self.flush() } else { Ok(()) }
    }

    #[inline]
    fn needs_quotes(&self, bytes: &[u8]) -> bool {
        // A call of memchr costs more than a look at a few bytes.
        let special = if bytes.len() < 24 {
            bytes.iter().any(|byte| self.special[usize::from(*byte)])
        } else {
            memchr3(self.delimiter, b'"', b'\n', bytes).is_some() || memchr(b'\r', bytes).is_some()
        };
        // At the very beginning of a file, U+FEFF would read back as a byte order mark.
        special || (self.record == 1 && self.column <= 1 && bytes.starts_with(b"\xEF\xBB\xBF"))
    }

    fn quoted(&mut self, mut bytes: &[u8]) {
        self.buffer.push(b'"');
        while let Some(at) = memchr(b'"', bytes) {
            self.buffer.extend_from_slice(&bytes[..=at]);
            self.buffer.push(b'"');
            bytes = &bytes[at + 1..];
        }
        self.buffer.extend_from_slice(bytes);
        self.buffer.push(b'"');
    }

    /// Ends the record.
    #[inline]
    pub(crate) fn end_record(&mut self) -> Result<()> {
        if self.column == 0 || self.lone_empty {
            // A blank line would be passed over by every reader.
            self.buffer.extend_from_slice(b"\"\"");
            self.lone_empty = false;
        }
        self.buffer.extend_from_slice(self.format.line_end.bytes());
        self.column = 0;
        self.record += 1;
        if self.buffer.len() >= FLUSH { self.flush() } else { Ok(()) }
    }

    #[cold]
    fn flush(&mut self) -> Result<()> {
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        // What a giant cell took is given back.
        self.buffer.shrink_to(FLUSH * 2);
        Ok(())
    }

    /// Writes out what is left and gives back `out`, flushed.
    pub(crate) fn finish(mut self) -> Result<W> {
        self.flush()?;
        self.out.flush()?;
        Ok(self.out)
    }

    /// The number of the record that is being written, counted from 1.
    pub(crate) fn record(&self) -> u64 {
        self.record
    }

    /// The first 1,000 characters that were replaced, with [`Unmappable::Report`]; empty otherwise.
    pub(crate) fn unmapped(&self) -> &[Unmapped] {
        &self.unmapped
    }

    /// How many characters were replaced, with [`Unmappable::Report`] and [`Unmappable::Replace`].
    pub(crate) fn unmapped_count(&self) -> u64 {
        self.unmapped_count
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Limits, Reader, Record, decode};
    use super::*;

    fn written(format: Format, records: &[&[&str]]) -> Vec<u8> {
        format.validate().unwrap();
        let mut writer = Writer::new(Vec::new(), format);
        for record in records {
            for cell in *record {
                writer.text(cell).unwrap();
            }
            writer.end_record().unwrap();
        }
        writer.finish().unwrap()
    }

    #[test]
    fn quoting_is_minimal_or_everywhere() {
        let records: &[&[&str]] = &[&["a", "b,c", "d\"e", " f ", "g\nh", "i\rj", ""], &[""], &["", ""], &[]];
        assert_eq!(
            written(Format::default(), records),
            b"a,\"b,c\",\"d\"\"e\", f ,\"g\nh\",\"i\rj\",\r\n\"\"\r\n,\r\n\"\"\r\n"
        );
        let all = Format { quoting: Quoting::All, line_end: LineEnd::Lf, ..Format::default() };
        assert_eq!(
            written(all, records),
            b"\"a\",\"b,c\",\"d\"\"e\",\" f \",\"g\nh\",\"i\rj\",\"\"\n\"\"\n\"\",\"\"\n\"\"\n"
        );
        let long = "x".repeat(40);
        for special in [",", "\"", "\r", "\n"] {
            let cell = format!("{long}{special}{long}");
            assert!(written(Format::default(), &[&[&cell]]).starts_with(b"\"x"));
        }
    }

    #[test]
    fn plain_cells_are_quoted_only_when_all_are_or_the_delimiter_is_odd() {
        let write = |format: Format| {
            let mut writer = Writer::new(Vec::new(), format);
            writer.plain(b"-1").unwrap();
            writer.plain(b"").unwrap();
            writer.plain(b"2026-01-31").unwrap();
            writer.end_record().unwrap();
            writer.plain(b"").unwrap();
            writer.end_record().unwrap();
            String::from_utf8(writer.finish().unwrap()).unwrap()
        };
        assert_eq!(write(Format { formula_guard: true, ..Format::default() }), "-1,,2026-01-31\r\n\"\"\r\n");
        assert_eq!(
            write(Format { quoting: Quoting::All, ..Format::default() }),
            "\"-1\",\"\",\"2026-01-31\"\r\n\"\"\r\n"
        );
        assert_eq!(write(Format { delimiter: '-', ..Format::default() }), "\"-1\"--\"2026-01-31\"\r\n\"\"\r\n");
    }

    #[test]
    fn the_formula_guard_is_for_texts() {
        let guarded = Format { formula_guard: true, ..Format::default() };
        let record: &[&str] = &["=1+1", "+a", "-a", "@a", "\ta", "\ra,b", "a=", "", "＝"];
        assert_eq!(
            String::from_utf8(written(guarded, &[record])).unwrap(),
            "'=1+1,'+a,'-a,'@a,'\ta,\"'\ra,b\",a=,,＝\r\n"
        );
        assert!(written(Format::default(), &[record]).starts_with(b"=1+1,+a"));
        // The guard itself may need the quotes.
        let odd = Format { delimiter: '\'', ..guarded };
        assert_eq!(written(odd, &[&["=1"]]), b"\"'=1\"\r\n");
    }

    #[test]
    fn encodings_are_written() {
        let bom = Format { encoding: OutputEncoding::Utf8Bom, ..Format::default() };
        assert_eq!(written(bom, &[&["あ"]]), b"\xEF\xBB\xBF\xE3\x81\x82\r\n");
        assert_eq!(written(bom, &[]), b"\xEF\xBB\xBF");
        let cp932 = Format { encoding: OutputEncoding::Cp932, ..Format::default() };
        assert_eq!(written(cp932, &[&["ソ", "〜¥", "ｶ\"", "①"]]), b"\x83\x5C,\x81\x60\\,\"\xB6\"\"\",\x87\x40\r\n");
    }

    #[test]
    fn unmappable_characters_are_an_error() {
        let cp932 = Format { encoding: OutputEncoding::Cp932, ..Format::default() };
        let mut writer = Writer::new(Vec::new(), cp932);
        writer.text("a").unwrap();
        let error = writer.text("あ😀").unwrap_err();
        assert_eq!((error.code(), error.value()), (Code::CsvUnmappable, Some("😀 U+1F600")));
        assert_eq!(error.column(), Some(2));
        assert_eq!(writer.finish().unwrap(), b"a");
    }

    #[test]
    fn unmappable_characters_are_replaced_and_reported() {
        let cp932 = Format { encoding: OutputEncoding::Cp932, ..Format::default() };
        for (unmappable, kept) in [(Unmappable::Replace, 0), (Unmappable::Report, UNMAPPED_KEPT)] {
            let mut writer = Writer::new(Vec::new(), Format { unmappable, ..cp932 });
            writer.text("h").unwrap();
            writer.end_record().unwrap();
            writer.text("x").unwrap();
            writer.text(&"é".repeat(1500)).unwrap();
            writer.end_record().unwrap();
            assert_eq!((writer.unmapped().len(), writer.unmapped_count()), (kept, 1500));
            let first = Unmapped { record: 2, column: 2, character: 'é' };
            assert!(writer.unmapped().iter().all(|unmapped| *unmapped == first));
            assert_eq!(writer.finish().unwrap(), format!("h\r\nx,{}\r\n", "?".repeat(1500)).as_bytes());
        }
        // A replacement is a character like any other to the quoting.
        let odd = Format { delimiter: '?', unmappable: Unmappable::Replace, ..cp932 };
        assert_eq!(written(odd, &[&["é", "a"]]), b"\"?\"?a\r\n");
    }

    #[test]
    fn a_mark_at_the_beginning_is_kept_as_text() {
        let bytes = written(Format::default(), &[&["\u{FEFF}a", "\u{FEFF}"], &["\u{FEFF}"]]);
        assert_eq!(String::from_utf8(bytes).unwrap(), "\"\u{FEFF}a\",\u{FEFF}\r\n\u{FEFF}\r\n");
    }

    #[test]
    fn giant_cells_go_out_at_once() {
        let giant = "x".repeat(1 << 20);
        let mut writer = Writer::new(std::io::sink(), Format::default());
        for _ in 0..3 {
            writer.text(&giant).unwrap();
            assert!(writer.buffer.is_empty() && writer.buffer.capacity() <= FLUSH * 2);
        }
        writer.finish().unwrap();
    }

    #[test]
    fn formats_have_names_in_json() {
        let text = r#"{"encoding":"cp932","delimiter":"\t","line_end":"lf","quoting":"all","unmappable":"report","formula_guard":true}"#;
        let format: Format = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&format).unwrap(), text);
        assert!(serde_json::from_str::<Format>(r#"{"quote":"'"}"#).is_err());
        assert!(Format { delimiter: '|', ..format }.validate().is_err());
        assert!(Format { delimiter: '"', ..Format::default() }.validate().is_err());
    }

    fn cell() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "a",
            "ソ",
            "\"",
            ",",
            "\t",
            ";",
            "\r",
            "\n",
            "\r\n",
            " ",
            "\0",
            "髙①",
            "ｶﾅ",
            "=",
            "'",
            "0123456789abcdef",
            "～",
        ]);
        prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn what_was_written_reads_back(
            records in prop::collection::vec(prop::collection::vec(cell(), 1..5), 0..6),
            encoding in prop::sample::select(vec![OutputEncoding::Utf8, OutputEncoding::Utf8Bom, OutputEncoding::Cp932]),
            delimiter in prop::sample::select(vec![',', '\t', ';', ' ', '\'']),
            line_end in prop::sample::select(vec![LineEnd::Crlf, LineEnd::Lf]),
            quoting in prop::sample::select(vec![Quoting::All, Quoting::Minimal]),
        ) {
            let format = Format { encoding, delimiter, line_end, quoting, ..Format::default() };
            let lent: Vec<Vec<&str>> = records.iter().map(|cells| cells.iter().map(String::as_str).collect()).collect();
            let bytes = written(format, &lent.iter().map(Vec::as_slice).collect::<Vec<_>>());
            let mut reader = Reader::new(&bytes[..], &Dialect { delimiter, quote: '"' }, Limits::default());
            let (mut record, mut scratch) = (Record::new(), String::new());
            let encoding = if encoding == OutputEncoding::Cp932 { Encoding::Cp932 } else { Encoding::Utf8 };
            for cells in &records {
                prop_assert!(reader.read(&mut record).unwrap());
                prop_assert_eq!(record.problem(), None);
                prop_assert_eq!(record.len(), cells.len());
                for (raw, cell) in record.cells().zip(cells) {
                    prop_assert_eq!(decode(raw, encoding, &mut scratch), Ok(cell.as_str()));
                }
            }
            prop_assert!(!reader.read(&mut record).unwrap());
        }
    }
}
