//! The streaming reader: raw records with their lines and byte offsets, in flat memory.

use std::io::Read;

use csv_core::ReadRecordResult;
use memchr::memchr2_iter;

use super::{Dialect, Limits};
use crate::error::{Code, Result};

const BUFFER: usize = 128 << 10;
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Why the cells of a record are not usable. Reading goes on with the next record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Problem {
    /// A cell passes the limit; `column` counts from 0, like [`Record::cell`].
    CellLong { column: usize },
    /// The record passes its limit.
    RecordLong,
    /// There are more cells than allowed.
    ColumnsMany,
    /// The input ends within a quoted cell. This wins over the limits: the quote is the cause of the size.
    QuoteOpen,
}

impl Problem {
    /// The code to report it with.
    pub(crate) fn code(self) -> Code {
        match self {
            Problem::CellLong { .. } | Problem::RecordLong => Code::CsvCellLong,
            Problem::ColumnsMany => Code::CsvColumnsMany,
            Problem::QuoteOpen => Code::CsvQuote,
        }
    }

    /// The limit that was passed.
    pub(crate) fn limit(self, limits: &Limits) -> Option<usize> {
        match self {
            Problem::CellLong { .. } => Some(limits.cell_bytes),
            Problem::RecordLong => Some(limits.record_bytes),
            Problem::ColumnsMany => Some(limits.columns),
            Problem::QuoteOpen => None,
        }
    }
}

/// One record as read. Made once and given to every [`Reader::read`], so that its memory is reused.
#[derive(Debug, Clone, Default)]
pub(crate) struct Record {
    // The unquoted cells one after the other, and the end of each. Both are longer than what is in use: csv-core
    // writes into slices.
    cells: Vec<u8>,
    ends: Vec<usize>,
    len: usize,
    raw: Vec<u8>,
    delimiter: u8,
    quote: u8,
    line: u64,
    end_line: u64,
    offset: u64,
    end_offset: u64,
    problem: Option<Problem>,
}

impl Record {
    /// An empty record.
    pub(crate) fn new() -> Record {
        Record::default()
    }

    /// The raw bytes of cell `index`, counted from 0, without its quotes. Panics past the last, like a slice.
    #[inline]
    pub(crate) fn cell(&self, index: usize) -> &[u8] {
        let ends = &self.ends[..self.len];
        let start = if index == 0 { 0 } else { ends[index - 1] };
        &self.cells[start..ends[index]]
    }

    /// The cells in order.
    pub(crate) fn cells(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.len).map(|index| self.cell(index))
    }

    /// How many cells there are; 0 when there is a problem.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The physical line on which the record begins, counted from 1.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// The physical line on which reading goes on: the line to give to [`Reader::resume`].
    pub(crate) fn end_line(&self) -> u64 {
        self.end_line
    }

    /// Where the record begins in the original input.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Where reading goes on, after the record's line end: the offset to give to [`Reader::resume`].
    pub(crate) fn end_offset(&self) -> u64 {
        self.end_offset
    }

    /// The original bytes of the record without its line end, cut at the limit for a record.
    pub(crate) fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// What makes the cells unusable.
    pub(crate) fn problem(&self) -> Option<Problem> {
        self.problem
    }

    /// Where the content of cell `index` begins in the original input: behind its opening quote, if it has one.
    pub(crate) fn cell_offset(&self, index: usize) -> u64 {
        self.byte_offset(index, 0)
    }

    /// Where byte `at` of the content of cell `index` stands in the original input.
    ///
    /// This scans the raw record again (a doubled quote is one byte of content but two of input), so it is for
    /// errors. Past the part that was kept, it is the end of that part.
    pub(crate) fn byte_offset(&self, index: usize, at: usize) -> u64 {
        let raw = &self.raw;
        let (mut column, mut content, mut here) = (0, 0, 0);
        let mut quoted = false;
        let mut fresh = true;
        while here < raw.len() {
            let byte = raw[here];
            if fresh && byte == self.quote {
                (quoted, fresh) = (true, false);
                here += 1;
                continue;
            }
            fresh = false;
            if quoted && byte == self.quote {
                if raw.get(here + 1) != Some(&self.quote) {
                    let next = raw.get(here + 1);
                    if column == index && content == at && (next.is_none() || next == Some(&self.delimiter)) {
                        break;
                    }
                    // The closing quote; what follows up to the delimiter belongs to the cell as it stands.
                    quoted = false;
                    here += 1;
                    continue;
                }
                here += 1;
            } else if !quoted && byte == self.delimiter {
                if column == index {
                    break;
                }
                (column, content, fresh) = (column + 1, 0, true);
                here += 1;
                continue;
            }
            if column == index && content == at {
                break;
            }
            content += 1;
            here += 1;
        }
        self.offset + here as u64
    }
}

/// Reads records from `R`, in the memory of one buffer and one [`Record`].
///
/// The cells are those of the `csv` crate without headers and with records of any length: CR, LF and CRLF all end a
/// record, blank lines are passed over, a quote in the middle of a cell is an ordinary character. A UTF-8 byte order
/// mark at the beginning of the input is passed over. NUL bytes are data.
///
/// After an error of the input the reader is at its end.
#[derive(Debug)]
pub(crate) struct Reader<R> {
    input: R,
    core: csv_core::Reader,
    delimiter: u8,
    quote: u8,
    limits: Limits,
    buffer: Box<[u8]>,
    at: usize,
    filled: usize,
    offset: u64,
    line: u64,
    // Whether the last byte taken was a CR, which makes one line end together with an LF.
    after_cr: bool,
    begun: bool,
    ended: bool,
}

impl<R: Read> Reader<R> {
    /// A reader of `input` from its beginning. The dialect must be a valid one.
    pub(crate) fn new(input: R, dialect: &Dialect, limits: Limits) -> Reader<R> {
        Reader::resume(input, dialect, limits, 0, 1)
    }

    /// A reader that goes on after a record: `input` stands at its [`Record::end_offset`], `line` is its
    /// [`Record::end_line`].
    pub(crate) fn resume(input: R, dialect: &Dialect, limits: Limits, offset: u64, line: u64) -> Reader<R> {
        let (delimiter, quote) = (dialect.delimiter as u8, dialect.quote as u8);
        let mut core = csv_core::ReaderBuilder::new().delimiter(delimiter).quote(quote).build();
        // csv-core drops a byte order mark from the first bytes it sees, but misses one that comes in pieces. We drop
        // it ourselves; this call keeps csv-core from dropping a second one, or one in the middle of the input.
        core.read_record(b"", &mut [], &mut []);
        Reader {
            input,
            core,
            delimiter,
            quote,
            limits: Limits { columns: limits.columns.max(1), ..limits },
            buffer: vec![0; BUFFER].into_boxed_slice(),
            at: 0,
            filled: 0,
            offset,
            line,
            after_cr: false,
            begun: offset > 0,
            ended: false,
        }
    }

    /// Reads the next record into `record`; false at the end of the input.
    ///
    /// A record that is not usable ([`Record::problem`]) was consumed to its end all the same. Which limit is named
    /// does not depend on how the input came in pieces: it is the one that was passed first.
    pub(crate) fn read(&mut self, record: &mut Record) -> Result<bool> {
        record.len = 0;
        record.raw.clear();
        record.problem = None;
        (record.delimiter, record.quote) = (self.delimiter, self.quote);
        if !self.skip_blank_lines()? {
            return Ok(false);
        }
        (record.offset, record.line) = (self.offset, self.line);
        if record.cells.is_empty() {
            record.cells.resize(4096, 0);
            record.ends.resize(64, 0);
        }

        let Limits { cell_bytes, record_bytes, columns } = self.limits;
        // Bytes of cells, cells, and bytes of input so far.
        let (mut out, mut count, mut taken) = (0, 0, 0);
        let mut cell_start = 0;
        let at_end = loop {
            if self.at == self.filled && !self.fill()? {
                break true;
            }
            let mut input = &self.buffer[self.at..self.filled];
            let mut quotes = true;
            let (result, read) = if record.problem.is_none() {
                // All three slices end where a limit is passed, so that csv-core stops at exactly that byte.
                input = &input[..input.len().min(record_bytes.saturating_add(1) - taken)];
                let room = record.cells.len().min(cell_bytes.saturating_add(1).saturating_add(cell_start));
                let slots = record.ends.len().min(columns);
                let (result, read, wrote, ended) =
                    self.core.read_record(input, &mut record.cells[out..room], &mut record.ends[count..slots]);
                out += wrote;
                count += ended;
                // Each cell ends with one byte, a delimiter or a line end. Where no other byte was left out there are
                // no quotes, hence no line ends within cells to look for.
                quotes = wrote + ended < read;
                (result, read)
            } else {
                // The rest of a refused record: the output is overwritten again and again.
                let (result, read, _, _) = self.core.read_record(input, &mut record.cells, &mut record.ends);
                (result, read)
            };
            let complete = matches!(result, ReadRecordResult::Record);
            // A complete record's last byte is its line end.
            let content = &input[..read - usize::from(complete)];
            let kept = content.len().min(record_bytes.saturating_sub(record.raw.len()));
            record.raw.extend_from_slice(&content[..kept]);
            if complete && !quotes {
                self.at += read - 1;
                self.offset += read as u64 - 1;
                self.after_cr = false;
                self.take(1);
            } else {
                self.take(read);
            }
            if complete {
                break false;
            }
            if record.problem.is_some() {
                continue;
            }
            taken += read;
            cell_start = if count == 0 { 0 } else { record.ends[count - 1] };
            record.problem = if out - cell_start > cell_bytes {
                Some(Problem::CellLong { column: count })
            } else if count == columns {
                Some(Problem::ColumnsMany)
            } else if taken > record_bytes {
                Some(Problem::RecordLong)
            } else {
                None
            };
            if out == record.cells.len() {
                record.cells.resize(out * 2, 0);
            }
            if count == record.ends.len() {
                record.ends.resize(count * 2, 0);
            }
        };

        if at_end {
            self.ended = true;
            // A line end completes the last record just as the end of the input does, unless a quote is open: then it
            // is one more byte of the cell. csv-core has no other way to ask.
            let slots = if record.problem.is_none() { count } else { 0 };
            let (result, _, _, ended) = self.core.read_record(b"\n", &mut [0], &mut record.ends[slots..]);
            count += ended;
            if !matches!(result, ReadRecordResult::Record) {
                record.problem = Some(Problem::QuoteOpen);
            }
        } else if self.after_cr && (self.at < self.filled || self.fill()?) && self.buffer[self.at] == b'\n' {
            // csv-core would take the LF of a CRLF with the next record; it belongs to this one's end.
            self.take(1);
        }
        if record.problem.is_none() {
            record.len = count;
        }
        (record.end_offset, record.end_line) = (self.offset, self.line);
        Ok(true)
    }

    /// Moves past line ends (and the byte order mark) to the first byte of a record; false at the end of the input.
    fn skip_blank_lines(&mut self) -> Result<bool> {
        if self.ended {
            return Ok(false);
        }
        if !self.begun {
            self.begun = true;
            while self.filled < BOM.len() && self.read_more()? {}
            if self.buffer[..self.filled].starts_with(BOM) {
                self.take(BOM.len());
            }
        }
        loop {
            if self.at == self.filled && !self.fill()? {
                self.ended = true;
                return Ok(false);
            }
            let rest = &self.buffer[self.at..self.filled];
            let blank = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            self.take(blank);
            if self.at < self.filled {
                return Ok(true);
            }
        }
    }

    /// Moves past `count` bytes of the buffer and counts their line ends.
    #[inline]
    fn take(&mut self, count: usize) {
        let bytes = &self.buffer[self.at..self.at + count];
        let Some(&last) = bytes.last() else { return };
        for index in memchr2_iter(b'\r', b'\n', bytes) {
            let follows_cr = match index {
                0 => self.after_cr,
                _ => bytes[index - 1] == b'\r',
            };
            self.line += u64::from(bytes[index] == b'\r' || !follows_cr);
        }
        self.after_cr = last == b'\r';
        self.at += count;
        self.offset += count as u64;
    }

    /// Fills the buffer anew when everything in it was taken; false at the end of the input.
    fn fill(&mut self) -> Result<bool> {
        (self.at, self.filled) = (0, 0);
        self.read_more()
    }

    /// Reads once into the free part of the buffer; false at the end of the input.
    fn read_more(&mut self) -> Result<bool> {
        loop {
            match self.input.read(&mut self.buffer[self.filled..]) {
                Ok(count) => {
                    self.filled += count;
                    return Ok(count > 0);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    // What came before the error must not pass for a complete last record.
                    self.ended = true;
                    return Err(error.into());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    /// Hands out the input in pieces of the given sizes, over and over.
    struct Pieces<'a> {
        rest: &'a [u8],
        sizes: &'a [usize],
        turn: usize,
    }

    impl<'a> Pieces<'a> {
        fn new(rest: &'a [u8], sizes: &'a [usize]) -> Pieces<'a> {
            Pieces { rest, sizes, turn: 0 }
        }
    }

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let size = self.sizes[self.turn % self.sizes.len()].min(buffer.len()).min(self.rest.len());
            self.turn += 1;
            buffer[..size].copy_from_slice(&self.rest[..size]);
            self.rest = &self.rest[size..];
            Ok(size)
        }
    }

    fn all<R: Read>(mut reader: Reader<R>) -> Vec<Record> {
        let mut records = Vec::new();
        let mut record = Record::new();
        while reader.read(&mut record).unwrap() {
            records.push(record.clone());
        }
        assert!(!reader.read(&mut record).unwrap());
        records
    }

    fn read(bytes: &[u8], limits: Limits) -> Vec<Record> {
        let records = all(Reader::new(bytes, &Dialect::default(), limits));
        let single = all(Reader::new(Pieces::new(bytes, &[1]), &Dialect::default(), limits));
        assert_eq!(facts(&records), facts(&single));
        records
    }

    type Facts = (Vec<Vec<u8>>, Vec<u8>, u64, u64, u64, u64, Option<Problem>);

    fn facts(records: &[Record]) -> Vec<Facts> {
        records
            .iter()
            .map(|r| {
                let cells = r.cells().map(<[u8]>::to_vec).collect();
                (cells, r.raw().to_vec(), r.line(), r.end_line(), r.offset(), r.end_offset(), r.problem())
            })
            .collect()
    }

    fn cells(records: &[Record]) -> Vec<Vec<String>> {
        records.iter().map(|r| r.cells().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect()).collect()
    }

    fn small() -> Limits {
        Limits { cell_bytes: 4, record_bytes: 12, columns: 4 }
    }

    #[test]
    fn a_byte_order_mark_is_passed_over_once() {
        let records = read(b"\xEF\xBB\xBFa,b\r\nc", Limits::default());
        assert_eq!(cells(&records), [vec!["a", "b"], vec!["c"]]);
        assert_eq!((records[0].offset(), records[0].cell_offset(1), records[1].offset()), (3, 5, 8));
        let twice = read(b"\xEF\xBB\xBF\xEF\xBB\xBFa", Limits::default());
        assert_eq!(twice[0].cell(0), b"\xEF\xBB\xBFa");
        assert!(read(b"\xEF\xBB\xBF", Limits::default()).is_empty());
        assert_eq!(read(b"\xEF\xBB", Limits::default())[0].cell(0), b"\xEF\xBB");
    }

    #[test]
    fn every_sort_of_line_end_counts_as_one_line() {
        for (text, lines) in [
            (&b"a\rb\rc"[..], [1, 2, 3]),
            (b"a\nb\nc\n", [1, 2, 3]),
            (b"a\r\nb\r\nc\r\n", [1, 2, 3]),
            (b"a\r\r\nb\n\rc", [1, 3, 5]),
            (b"\r\n\na\n\"b\r\nb\rb\nb\"\nc", [3, 4, 8]),
        ] {
            let records = read(text, Limits::default());
            assert_eq!(records.iter().map(Record::line).collect::<Vec<_>>(), lines, "{text:?}");
            assert_eq!(records.last().unwrap().end_offset(), text.len() as u64);
        }
        assert!(read(b"\r\n\r\n", Limits::default()).is_empty());
    }

    #[test]
    fn raw_bytes_leave_out_the_line_end() {
        let records = read(b"a,\"b\"\"\r\n\"\r\nc\rd", Limits::default());
        let raws: Vec<_> = records.iter().map(Record::raw).collect();
        assert_eq!(raws, [&b"a,\"b\"\"\r\n\""[..], b"c", b"d"]);
        assert_eq!(records[0].end_offset(), 11);
        assert_eq!(records[0].end_line(), 3);
    }

    #[test]
    fn an_open_quote_is_one_problem_at_its_record() {
        let records = read(b"a,b\nc,\"d\ne,f\n", Limits::default());
        assert_eq!(records.len(), 2);
        let open = &records[1];
        assert_eq!((open.problem(), open.line(), open.offset(), open.len()), (Some(Problem::QuoteOpen), 2, 4, 0));
        assert_eq!(open.raw(), b"c,\"d\ne,f\n");
        assert_eq!((open.end_offset(), open.end_line()), (13, 4));
        // The quote is the cause, whichever limit it drives the record over.
        let records = read(b"a,b\nc,\"d\ne,f\n01234567890123", small());
        assert_eq!(records[1].problem(), Some(Problem::QuoteOpen));
        assert_eq!(records[1].raw(), b"c,\"d\ne,f\n012");
        assert_eq!(read(b"\"", Limits::default())[0].problem(), Some(Problem::QuoteOpen));
        assert_eq!(read(b"\"a\"\"", Limits::default())[0].problem(), Some(Problem::QuoteOpen));
        assert_eq!(read(b"\"a\"", Limits::default())[0].problem(), None);
        assert_eq!(cells(&read(b"a\"b,\"\"", Limits::default())), [["a\"b", ""]]);
    }

    #[test]
    fn limits_are_exact_and_the_next_record_is_right() {
        for (record, problem) in [
            (&b"1234,1234,12"[..], None),
            (b"1,2,3,4", None),
            (b"\"1234\",1234", None),
            (b"12345,1", Some(Problem::CellLong { column: 0 })),
            (b"1,\"12345\"", Some(Problem::CellLong { column: 1 })),
            (b"1,\"1\n\"\"345\n\",1", Some(Problem::CellLong { column: 1 })),
            (b"1,2,3,4,", Some(Problem::ColumnsMany)),
            (b"1,2,3,4,5,6,7,8,9,0,1,2", Some(Problem::ColumnsMany)),
            (b"1234,1234,123", Some(Problem::RecordLong)),
            (b"\"1234\",\"1234\",\"12345\"", Some(Problem::RecordLong)),
        ] {
            for end in ["\n", "\r\n", "\r"] {
                let bytes = [b"x", end.as_bytes(), record, end.as_bytes(), b"y,z"].concat();
                let records = read(&bytes, small());
                assert_eq!(records.len(), 3, "{bytes:?}");
                assert_eq!(records[1].problem(), problem, "{record:?}");
                assert_eq!(records[1].raw(), &record[..record.len().min(12)]);
                assert_eq!(cells(&records[2..]), [["y", "z"]]);
                assert_eq!(records[2].offset(), bytes.len() as u64 - 3);
            }
            assert_eq!(read(record, small())[0].problem(), problem, "{record:?} at the end");
        }
    }

    #[test]
    fn a_giant_cell_takes_no_memory() {
        let giant = std::io::repeat(b'x').take(64 << 20);
        let input = b"a,\"".chain(giant).chain(&b"\"\nb,c\n"[..]);
        let limits = Limits { cell_bytes: 1 << 16, record_bytes: 1 << 17, columns: 10 };
        let mut reader = Reader::new(input, &Dialect::default(), limits);
        let mut record = Record::new();
        assert!(reader.read(&mut record).unwrap());
        assert_eq!(record.problem(), Some(Problem::CellLong { column: 1 }));
        assert_eq!(record.raw().len(), 1 << 17);
        assert!(record.cells.capacity() + record.raw.capacity() < 1 << 20);
        assert!(reader.read(&mut record).unwrap());
        assert_eq!(record.cell(1), b"c");
        assert_eq!((record.line(), record.offset()), (2, (64 << 20) + 5));
    }

    #[test]
    fn offsets_are_those_of_the_original_file() {
        // "表,"ソ""能",x" in cp932, whose second bytes are 0x5C.
        let bytes = b"h\r\n\x95\x5C,\"\x83\x5C\"\"\x94\x5C\",x\r\ny";
        let records = read(bytes, Limits::default());
        let record = &records[1];
        assert_eq!((record.len(), record.offset(), record.line()), (3, 3, 2));
        assert_eq!(record.cell(1), b"\x83\x5C\"\x94\x5C");
        assert_eq!([0, 1, 2].map(|index| record.cell_offset(index)), [3, 7, 15]);
        assert_eq!(record.byte_offset(1, 3), 11);
        assert_eq!(bytes[11], 0x94);
        assert_eq!(records[2].offset(), 18);
        let empty = read(b",\"\",", Limits::default());
        assert_eq!([0, 1, 2].map(|index| empty[0].cell_offset(index)), [0, 2, 4]);
    }

    #[test]
    fn nul_bytes_are_data() {
        assert_eq!(cells(&read(b"\0,a\0b", Limits::default())), [["\0", "a\0b"]]);
    }

    #[test]
    fn an_error_of_the_input_is_no_end_of_a_record() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
                Err(std::io::Error::other("gone"))
            }
        }
        let mut reader = Reader::new(b"a\nb".chain(Broken), &Dialect::default(), Limits::default());
        let mut record = Record::new();
        assert!(reader.read(&mut record).unwrap());
        assert_eq!(reader.read(&mut record).unwrap_err().code(), Code::Io);
        assert!(!reader.read(&mut record).unwrap());
    }

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop::sample::select(vec!["a", "\"", ",", "\r", "\n", "あ", "\0", " ", "\u{FEFF}"]);
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat().into_bytes())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn cells_are_those_of_the_csv_crate(bytes in bytes(), sizes in prop::collection::vec(1usize..6, 1..4)) {
            let theirs: Vec<Vec<Vec<u8>>> = ::csv::ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .from_reader(&bytes[..])
                .byte_records()
                .map(|record| record.unwrap().iter().map(<[u8]>::to_vec).collect())
                .collect();
            let records = all(Reader::new(Pieces::new(&bytes, &sizes), &Dialect::default(), Limits::default()));
            let open = records.last().is_some_and(|record| record.problem().is_some());
            prop_assert_eq!(records.len(), theirs.len());
            for (ours, theirs) in records.iter().zip(&theirs) {
                if let Some(problem) = ours.problem() {
                    prop_assert_eq!(problem, Problem::QuoteOpen);
                    continue;
                }
                prop_assert_eq!(&ours.cells().map(<[u8]>::to_vec).collect::<Vec<_>>(), theirs);
                // Every byte of content is where it is said to be.
                for (index, cell) in ours.cells().enumerate() {
                    for (at, byte) in cell.iter().enumerate() {
                        prop_assert_eq!(bytes[ours.byte_offset(index, at) as usize], *byte);
                    }
                }
            }
            prop_assert_eq!(open, records.iter().any(|record| record.problem().is_some()));
        }

        #[test]
        fn offsets_and_lines_are_true(bytes in bytes(), sizes in prop::collection::vec(1usize..6, 1..4)) {
            let lines = |bytes: &[u8]| {
                let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace('\r', "\n");
                1 + text.matches('\n').count() as u64
            };
            let records = all(Reader::new(Pieces::new(&bytes, &sizes), &Dialect::default(), Limits::default()));
            for record in &records {
                let (start, end) = (record.offset() as usize, record.end_offset() as usize);
                prop_assert!(bytes[start..end].starts_with(record.raw()));
                prop_assert_eq!(record.line(), lines(&bytes[..start]));
                prop_assert_eq!(record.end_line(), lines(&bytes[..end]));
            }
        }

        #[test]
        fn a_resumed_reader_gives_the_rest(bytes in bytes(), limits in prop::sample::select(vec![Limits::default(), small()])) {
            let records = all(Reader::new(&bytes[..], &Dialect::default(), limits));
            for (index, record) in records.iter().enumerate() {
                let mut input = Cursor::new(&bytes);
                input.set_position(record.end_offset());
                let rest = all(Reader::resume(input, &Dialect::default(), limits, record.end_offset(), record.end_line()));
                prop_assert_eq!(facts(&rest), facts(&records[index + 1..]));
            }
        }

        #[test]
        fn pieces_make_no_difference_to_limits(bytes in bytes(), sizes in prop::collection::vec(1usize..6, 1..4)) {
            let whole = all(Reader::new(&bytes[..], &Dialect::default(), small()));
            let pieces = all(Reader::new(Pieces::new(&bytes, &sizes), &Dialect::default(), small()));
            prop_assert_eq!(facts(&whole), facts(&pieces));
        }
    }
}
