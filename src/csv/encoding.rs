//! Encodings: which one a file is in, strict decoding of a cell, and the characters of cp932 for writing.
//!
//! "cp932" is Shift_JIS as the WHATWG defines it (the label `shift_jis` of browsers), whose decoding is that of
//! Windows code page 932: with the NEC and IBM extensions, and user-defined characters as U+E000 to U+E757.

use std::borrow::Cow;
use std::fmt;
use std::io::Read;
use std::str::FromStr;
use std::sync::LazyLock;

use encoding_rs::{DecoderResult, SHIFT_JIS};
use serde::{Deserialize, Serialize};

use super::{Dialect, Limits, Reader, Record};
use crate::error::{Code, Error, Result, Words, words};

/// The encoding of a CSV file that is read.
///
/// ```
/// use renkei::csv::Encoding;
///
/// assert_eq!("shift_jis".parse::<Encoding>().unwrap(), Encoding::Cp932);
/// assert_eq!(Encoding::Utf8.to_string(), "utf-8");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    #[serde(rename = "utf-8", alias = "utf8")]
    Utf8,
    /// Shift_JIS with the extensions of Windows (code page 932).
    #[serde(rename = "cp932", alias = "shift_jis", alias = "sjis")]
    Cp932,
}

impl Encoding {
    /// The name for definitions: `utf-8` or `cp932`.
    pub fn as_str(self) -> &'static str {
        match self {
            Encoding::Utf8 => "utf-8",
            Encoding::Cp932 => "cp932",
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Encoding {
    type Err = Error;

    /// Reads `utf-8`, `utf8`, `cp932`, `shift_jis`, `shift-jis` or `sjis`, in small or capital letters.
    fn from_str(text: &str) -> Result<Encoding> {
        match text.to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" => Ok(Encoding::Utf8),
            "cp932" | "shift_jis" | "shift-jis" | "sjis" => Ok(Encoding::Cp932),
            _ => Err(Error::new(Code::Argument).with_value(text).with_rule(words!(
                "文字コードはutf-8かcp932です（{text:?}）",
                "the encoding is utf-8 or cp932, not {text:?}"
            ))),
        }
    }
}

/// What [`detect`] found out about a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detected {
    /// The encoding.
    pub encoding: Encoding,
    /// Whether the file begins with a UTF-8 byte order mark.
    pub bom: bool,
    /// The delimiter that was given, or the likeliest of comma, tab and semicolon.
    pub delimiter: char,
}

const CHUNK: usize = 64 << 10;

/// Finds out the encoding, and the delimiter if none is given, of a CSV file.
///
/// A byte order mark or valid UTF-8 throughout makes it UTF-8, else valid cp932 throughout makes it cp932; anything
/// else is refused with [`Code::CsvEncodingUnknown`] and the first wrong byte of each. The input is read to its end
/// (only a byte order mark settles the matter at once), in memory that does not grow with it.
///
/// The delimiter is the one that gives most records of the first 64 KiB the same number of columns, two or more; a
/// comma if none does so for half of them.
///
/// ```
/// use renkei::csv::{Encoding, detect};
///
/// let found = detect(&b"\x8E\x81\x96\xBC\tx\r\n"[..], None)?;
/// assert_eq!((found.encoding, found.bom, found.delimiter), (Encoding::Cp932, false, '\t'));
/// # Ok::<(), renkei::Error>(())
/// ```
pub fn detect(mut reader: impl Read, delimiter: Option<char>) -> Result<Detected> {
    let mut buffer = vec![0; CHUNK];
    let mut filled = fill(&mut reader, &mut buffer)?;
    let head = &buffer[..filled];
    let bom = head.starts_with(b"\xEF\xBB\xBF");
    let delimiter = delimiter.unwrap_or_else(|| guess_delimiter(head, filled == CHUNK));
    if bom {
        return Ok(Detected { encoding: Encoding::Utf8, bom, delimiter });
    }
    let utf16 = head.starts_with(b"\xFF\xFE") || head.starts_with(b"\xFE\xFF");

    let (mut utf8, mut cp932) = (None, Cp932Check::new());
    // Where the buffer begins in the file, and how many bytes of a cut character were carried to its front.
    let (mut base, mut carried) = (0, 0);
    loop {
        let last = filled < buffer.len() - carried;
        cp932.feed(&buffer[carried..carried + filled], last);
        let bytes = &buffer[..carried + filled];
        let mut carry = 0;
        if utf8.is_none()
            && let Err(error) = std::str::from_utf8(bytes)
        {
            if error.error_len().is_some() || last {
                utf8 = Some(base + error.valid_up_to() as u64);
            } else {
                carry = bytes.len() - error.valid_up_to();
            }
        }
        if let (Some(utf8), Some(cp932)) = (utf8, cp932.bad) {
            let hint = match utf16 {
                true => words!("。UTF-16のようです", " (it begins like UTF-16)"),
                false => Words::NONE,
            };
            return Err(Error::new(Code::CsvEncodingUnknown).at_offset(utf8.max(cp932)).with_rule(words!(
                "0から数えて{utf8}バイト目がUTF-8ではなく、{cp932}バイト目がcp932ではありません{hint}",
                "byte {utf8} is not UTF-8 and byte {cp932} is not cp932, counted from 0{hint}"; hint
            )));
        }
        if last {
            let encoding = if utf8.is_none() { Encoding::Utf8 } else { Encoding::Cp932 };
            return Ok(Detected { encoding, bom, delimiter });
        }
        let end = carried + filled;
        base += (end - carry) as u64;
        buffer.copy_within(end - carry..end, 0);
        carried = carry;
        filled = fill(&mut reader, &mut buffer[carried..])?;
    }
}

/// Reads until the buffer is full or the input ends.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(filled)
}

/// Checks cp932 piece by piece, up to the first wrong byte.
struct Cp932Check {
    decoder: encoding_rs::Decoder,
    scratch: Vec<u8>,
    fed: u64,
    bad: Option<u64>,
}

impl Cp932Check {
    fn new() -> Cp932Check {
        let decoder = SHIFT_JIS.new_decoder_without_bom_handling();
        Cp932Check { decoder, scratch: vec![0; 16 << 10], fed: 0, bad: None }
    }

    fn feed(&mut self, mut bytes: &[u8], last: bool) {
        while self.bad.is_none() {
            let (result, read, _) = self.decoder.decode_to_utf8_without_replacement(bytes, &mut self.scratch, last);
            self.fed += read as u64;
            bytes = &bytes[read..];
            match result {
                DecoderResult::InputEmpty => return,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(length, after) => {
                    self.bad = Some(self.fed - u64::from(length) - u64::from(after));
                }
            }
        }
    }
}

fn guess_delimiter(head: &[u8], cut: bool) -> char {
    let mut best = (',', 0.5, 0);
    for delimiter in [',', '\t', ';'] {
        let limits = Limits { cell_bytes: CHUNK, record_bytes: CHUNK, columns: CHUNK };
        let mut reader = Reader::new(head, &Dialect { delimiter, ..Dialect::default() }, limits);
        let mut record = Record::new();
        // How many records there are of each number of columns.
        let mut counts = std::collections::BTreeMap::new();
        let mut total = 0;
        while let Ok(true) = reader.read(&mut record) {
            // The last record of a cut sample is not whole, unless there is nothing else to go by.
            if cut && total > 0 && record.end_offset() == head.len() as u64 {
                break;
            }
            total += 1;
            if record.problem().is_none() {
                *counts.entry(record.len()).or_insert(0_u32) += 1;
            }
        }
        let common = counts.into_iter().filter(|(columns, _)| *columns > 1).max_by_key(|(_, count)| *count);
        if let Some((columns, count)) = common {
            let share = f64::from(count) / f64::from(total);
            // With the same share, more columns tell more: a tab file may well have one comma on every line.
            if share > best.1 || share == best.1 && columns > best.2 {
                best = (delimiter, share, columns);
            }
        }
    }
    best.0
}

/// Decodes one cell, strictly; the error is the offset in the cell of the first byte that is wrong.
///
/// ASCII and UTF-8 are borrowed from `bytes`; `scratch` is used for cp932 only.
#[inline]
pub(crate) fn decode<'a>(bytes: &'a [u8], encoding: Encoding, scratch: &'a mut String) -> Result<&'a str, usize> {
    if encoding == Encoding::Utf8 || bytes.is_ascii() {
        return std::str::from_utf8(bytes).map_err(|error| error.valid_up_to());
    }
    decode_cp932(bytes, scratch)
}

fn decode_cp932<'a>(bytes: &[u8], scratch: &'a mut String) -> Result<&'a str, usize> {
    // A byte becomes at most three; the few bytes more are what encoding_rs wants to have before it goes on.
    let room = bytes.len() * 3 + 16;
    if scratch.capacity() > room.max(CHUNK) {
        // encoding_rs touches every free page of its output, so one giant cell would make all later ones slow.
        *scratch = String::new();
    }
    scratch.clear();
    scratch.reserve(room);
    let mut decoder = SHIFT_JIS.new_decoder_without_bom_handling();
    let mut read = 0;
    loop {
        let (result, more) = decoder.decode_to_string_without_replacement(&bytes[read..], scratch, true);
        read += more;
        match result {
            DecoderResult::InputEmpty => return Ok(scratch),
            DecoderResult::OutputFull => scratch.reserve(room),
            DecoderResult::Malformed(length, after) => {
                return Err(read - usize::from(length) - usize::from(after));
            }
        }
    }
}

/// For every character up to U+FFFF its one or two bytes in cp932, or 0. (NUL is ASCII and is never looked up.)
///
/// encoding_rs searches its decoding tables for every kanji it encodes, which is two orders of magnitude slower than
/// this; it is what fills the table.
static CP932: LazyLock<Box<[u16]>> = LazyLock::new(|| {
    let mut table = vec![0_u16; 1 << 16].into_boxed_slice();
    // Where several codes decode to one character (NEC and IBM duplicates), encoding_rs chooses as the WHATWG has it.
    let mut encode = |character: char| {
        let mut bytes = [0; 8];
        let mut text = [0; 4];
        let text = character.encode_utf8(&mut text);
        let (result, _, count) = SHIFT_JIS.new_encoder().encode_from_utf8_without_replacement(text, &mut bytes, true);
        let whole = matches!(result, encoding_rs::EncoderResult::InputEmpty);
        let code = bytes[..count].iter().fold(0, |code, byte| code << 8 | u16::from(*byte));
        if whole && table[character as usize] == 0 {
            table[character as usize] = code;
        }
    };
    // Every character that cp932 has is one that some code decodes to; U+00A5, U+203E and U+2212 are those that
    // encoding_rs takes in addition.
    let mut decoder = SHIFT_JIS.new_decoder_without_bom_handling();
    let mut text = [0; 16];
    for lead in 0x80..=0xFF {
        for trail in 0x40..=0xFF {
            let (result, _, count) = decoder.decode_to_utf8_without_replacement(&[lead, trail], &mut text, true);
            decoder = SHIFT_JIS.new_decoder_without_bom_handling();
            if let (DecoderResult::InputEmpty, Ok(text)) = (result, std::str::from_utf8(&text[..count])) {
                text.chars().filter(|character| !character.is_ascii()).for_each(&mut encode);
            }
        }
    }
    ['\u{80}', '\u{A5}', '\u{203E}', '\u{2212}'].into_iter().for_each(encode);
    // User-defined characters decode but are not encoded by encoding_rs; Windows does both.
    for index in 0..10_u16 * 188 {
        let (lead, trail) = (index / 188, index % 188);
        table[usize::from(0xE000 + index)] = (0xF0 + lead) << 8 | (trail + if trail < 0x3F { 0x40 } else { 0x41 });
    }
    // Characters that other systems (Unix, macOS, JIS X 0208 tables) use where cp932 has a twin that looks the same.
    for (from, to) in [
        ('\u{301C}', '\u{FF5E}'), // 〜 ～
        ('\u{2016}', '\u{2225}'), // ‖ ∥
        ('\u{2212}', '\u{FF0D}'), // − －
        ('\u{2014}', '\u{2015}'), // — ―
        ('\u{00A2}', '\u{FFE0}'), // ¢ ￠
        ('\u{00A3}', '\u{FFE1}'), // £ ￡
        ('\u{00AC}', '\u{FFE2}'), // ¬ ￢
    ] {
        table[from as usize] = table[to as usize];
    }
    table
});

/// `text` in an encoding. The error is the first character that the encoding does not have.
pub(crate) fn encode(text: &str, encoding: Encoding) -> Result<Cow<'_, [u8]>, char> {
    if encoding == Encoding::Utf8 || text.is_ascii() {
        return Ok(Cow::Borrowed(text.as_bytes()));
    }
    let mut out = Vec::with_capacity(text.len());
    encode_cp932(cp932_table(), text, &mut out, |character, _| Err(character))?;
    Ok(Cow::Owned(out))
}

/// The table of [`encode_cp932`], for who writes many cells.
pub(super) fn cp932_table() -> &'static [u16] {
    &CP932
}

/// Appends `text` to `out` in cp932; what cannot be expressed is given to `unmappable`, which may add bytes or refuse.
///
/// The characters that other systems use in the place of a cp932 character become that one: 〜→～ ‖→∥ −→－ —→― ¢→￠ £→￡
/// ¬→￢, and ¥ and ‾ the bytes 0x5C and 0x7E. Characters with several codes get the one the WHATWG chooses.
pub(super) fn encode_cp932<E>(
    table: &[u16],
    text: &str,
    out: &mut Vec<u8>,
    mut unmappable: impl FnMut(char, &mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    for character in text.chars() {
        if character.is_ascii() {
            out.push(character as u8);
            continue;
        }
        match table.get(character as usize) {
            None | Some(0) => unmappable(character, out)?,
            Some(code) => match code.to_be_bytes() {
                [0, byte] => out.push(byte),
                pair => out.extend_from_slice(&pair),
            },
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(bytes: &[u8]) -> Detected {
        let whole = detect(bytes, None).unwrap();
        assert_eq!(detect(Single(bytes), None).unwrap(), whole);
        whole
    }

    /// Gives one byte at a time.
    struct Single<'a>(&'a [u8]);

    impl Read for Single<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let [first, rest @ ..] = self.0 else { return Ok(0) };
            buffer[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    fn cp932(text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        encode_cp932(cp932_table(), text, &mut out, |character, _| Err(character)).unwrap();
        out
    }

    #[test]
    fn names_read_back() {
        for encoding in [Encoding::Utf8, Encoding::Cp932] {
            assert_eq!(encoding.as_str().parse::<Encoding>().unwrap(), encoding);
            assert_eq!(serde_json::to_value(encoding).unwrap(), encoding.as_str());
        }
        assert_eq!("Shift_JIS".parse::<Encoding>().unwrap(), Encoding::Cp932);
        assert_eq!("EUC-JP".parse::<Encoding>().unwrap_err().code(), Code::Argument);
    }

    #[test]
    fn encodings_are_told_apart() {
        assert_eq!(found(b""), Detected { encoding: Encoding::Utf8, bom: false, delimiter: ',' });
        assert_eq!(found(b"a,b").encoding, Encoding::Utf8);
        assert_eq!(found("氏名,住所".as_bytes()).encoding, Encoding::Utf8);
        assert!(found("\u{FEFF}氏名".as_bytes()).bom);
        assert_eq!(found(&cp932("氏名,住所")).encoding, Encoding::Cp932);
        assert_eq!(found(&cp932("ｶﾅ,①髙")).encoding, Encoding::Cp932);
    }

    #[test]
    fn neither_encoding_is_an_error_with_both_offsets() {
        let error = detect(&b"\x8E\x81,\x81"[..], None).unwrap_err();
        assert_eq!(error.code(), Code::CsvEncodingUnknown);
        assert!(error.to_string().contains("byte 0 is not UTF-8 and byte 3 is not cp932"), "{error}");
        let error = detect(&b"\xFF\xFEa\0"[..], None).unwrap_err();
        assert!(error.to_string().contains("UTF-16"), "{error}");
    }

    #[test]
    fn characters_across_chunks_are_whole() {
        for shift in 0..4 {
            let text = format!("{}{}", "x".repeat(shift), "漢字".repeat(60_000));
            assert_eq!(detect(text.as_bytes(), None).unwrap().encoding, Encoding::Utf8);
            assert_eq!(detect(&cp932(&text)[..], None).unwrap().encoding, Encoding::Cp932);
            // The last character is broken off; the offset is that of its first byte.
            let cut = [&text.as_bytes()[..text.len() - 1], b"\xFF"].concat();
            let error = detect(&cut[..], None).unwrap_err();
            assert!(error.to_string().contains(&format!("byte {} is not UTF-8", text.len() - 3)), "{error}");
        }
        let mut bytes = cp932(&"漢字".repeat(60_000));
        let at = bytes.len();
        bytes.extend_from_slice(b"\xFD,");
        let error = detect(&bytes[..], None).unwrap_err();
        assert!(error.to_string().contains(&format!("byte {at} is not cp932")), "{error}");
    }

    #[test]
    fn the_delimiter_is_the_most_regular_one() {
        for (text, delimiter) in [
            ("a,b\n1,2\n", ','),
            ("a\tb\n1,5\t2\n3\t4,5\n", '\t'),
            ("a\tb\tc\n1,5\t2\t3\n3,5\t4\t5\n", '\t'),
            ("a;b\n1,5;2\n\"x,y,z\";4\n", ';'),
            ("a\nb\nc\n", ','),
            ("\"a;b\",c\n\"d;e\",f\n", ','),
            ("", ','),
        ] {
            assert_eq!(detect(text.as_bytes(), None).unwrap().delimiter, delimiter, "{text:?}");
        }
        assert_eq!(detect(&b"a,b"[..], Some(';')).unwrap().delimiter, ';');
        let long = "あ;い,う;え\n".repeat(20_000);
        assert_eq!(detect(long.as_bytes(), None).unwrap().delimiter, ';');
    }

    #[test]
    fn decoding_is_strict() {
        let mut scratch = String::new();
        assert_eq!(decode("あ".as_bytes(), Encoding::Utf8, &mut scratch), Ok("あ"));
        assert_eq!(decode(b"ab\xFF", Encoding::Utf8, &mut scratch), Err(2));
        assert_eq!(decode(b"abc\\~", Encoding::Cp932, &mut scratch), Ok("abc\\~"));
        assert_eq!(decode(b"\x83\x5C\xB6\x87\x40\xFB\xFC", Encoding::Cp932, &mut scratch), Ok("ソｶ①髙"));
        assert_eq!(decode(b"a\x83\x5C\x81", Encoding::Cp932, &mut scratch), Err(3));
        assert_eq!(decode(b"\x83\x5C\x81\x20b", Encoding::Cp932, &mut scratch), Err(2));
        assert_eq!(decode(b"\x83\x5C\x85\xFCb", Encoding::Cp932, &mut scratch), Err(2));
        // A byte order mark is never cp932, so the reader may drop it without knowing the encoding.
        assert_eq!(decode(b"\xEF\xBB\xBF", Encoding::Cp932, &mut scratch), Err(0));
        let long = "漢".repeat(100_000);
        assert_eq!(decode(&cp932(&long), Encoding::Cp932, &mut scratch), Ok(&*long));
        assert_eq!(decode(b"\x83\x5C", Encoding::Cp932, &mut scratch), Ok("ソ"));
        assert!(scratch.capacity() < 100_000);
    }

    #[test]
    fn structure_bytes_are_never_second_bytes() {
        for lead in 0x80..=0xFF {
            for trail in b"\",\t; \r\n'" {
                let mut scratch = String::new();
                let pair = [lead, *trail];
                let decoded = decode(&pair, Encoding::Cp932, &mut scratch);
                assert!(decoded.is_err() || decoded.unwrap().ends_with(*trail as char));
            }
        }
    }

    #[test]
    fn every_code_of_cp932_makes_the_round_trip() {
        let (mut scratch, mut again) = (String::new(), String::new());
        let mut characters = 0;
        for lead in 0..=0xFF_u8 {
            for trail in 0..=0xFF_u8 {
                let pair = [lead, trail];
                let Ok(text) = decode(&pair, Encoding::Cp932, &mut scratch) else { continue };
                let encoded = cp932(text);
                assert_eq!(decode(&encoded, Encoding::Cp932, &mut again), Ok(text), "{lead:X} {trail:X}");
                characters += usize::from(text.chars().count() == 1);
            }
        }
        assert!(characters > 9_000);
    }

    #[test]
    fn the_table_is_that_of_encoding_rs_and_more() {
        let own = "〜‖—¢£¬";
        let table = cp932_table();
        for character in (0x80..=0xFFFF).filter_map(char::from_u32) {
            let text = character.to_string();
            let (theirs, _, bad) = SHIFT_JIS.encode(&text);
            if own.contains(character) || ('\u{E000}'..='\u{E757}').contains(&character) {
                assert!(bad && table[character as usize] != 0, "{character}");
            } else if bad {
                assert_eq!(table[character as usize], 0, "{character}");
            } else {
                assert_eq!(cp932(&text), &theirs[..], "{character}");
            }
        }
        assert_eq!(cp932("〜‖−—¢£¬"), cp932("～∥－―￠￡￢"));
        assert_eq!(cp932("¥‾"), b"\\~");
        assert_eq!(cp932("\u{E000}\u{E757}"), b"\xF0\x40\xF9\xFC");
    }

    proptest! {
        #[test]
        fn what_decodes_encodes_and_decodes_alike(bytes in prop::collection::vec(any::<u8>(), 0..12)) {
            let (mut scratch, mut again) = (String::new(), String::new());
            if let Ok(text) = decode(&bytes, Encoding::Cp932, &mut scratch) {
                let encoded = cp932(text);
                prop_assert_eq!(decode(&encoded, Encoding::Cp932, &mut again), Ok(text));
            }
        }

        #[test]
        fn detection_agrees_with_decoding(text in "[あ漢ｶ①a,\\n]{0,8}", tail in prop::collection::vec(any::<u8>(), 0..4)) {
            let mut scratch = String::new();
            for head in [text.as_bytes(), &cp932(&text)] {
                let bytes = [head, &tail].concat();
                let utf8 = decode(&bytes, Encoding::Utf8, &mut scratch).is_ok();
                let expected = if utf8 {
                    Some(Encoding::Utf8)
                } else {
                    decode(&bytes, Encoding::Cp932, &mut scratch).is_ok().then_some(Encoding::Cp932)
                };
                prop_assert_eq!(detect(&bytes[..], Some(',')).ok().map(|found| found.encoding), expected);
                prop_assert_eq!(detect(Single(&bytes), Some(',')).ok().map(|found| found.encoding), expected);
            }
        }

        #[test]
        fn the_first_wrong_byte_is_named(bytes in prop::collection::vec(any::<u8>(), 0..12)) {
            let mut scratch = String::new();
            for encoding in [Encoding::Utf8, Encoding::Cp932] {
                if let Err(at) = decode(&bytes, encoding, &mut scratch) {
                    prop_assert!(decode(&bytes[..at], encoding, &mut scratch).is_ok());
                    prop_assert!(at < bytes.len());
                }
            }
        }
    }
}
