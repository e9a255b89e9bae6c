//! A definition proposed from a CSV file: types, key, choices and the import setting that goes with them.

use std::collections::HashSet;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{ImportColumn, ImportMode, ImportSetting};
use crate::csv::{self, Dialect, Encoding, Limits, Reader, Record};
use crate::error::{Code, Error, Language, Result, shorten, words};
use crate::schema::names::{code_fault, code_from};
use crate::schema::{AutoNumber, Database, Field};
use crate::store::other::open_other;

mod column;

use column::{Judged, Judges, KeyState, Unique};

/// As many fields as a database may have.
const MOST_COLUMNS: usize = 1_000;
/// Hashes kept while several columns can be the key; past that, the last of them are given up.
const HASHES: usize = 2 << 20;
/// Hashes kept for the one column that is left: as many as a table of 2^24 places takes, some 150 MB, and 225 MB while
/// it grows to that.
const MOST_HASHES: usize = (1 << 24) / 8 * 7;

/// Header texts may be longer than names should be.
const LONGEST_NAME: usize = 200;

/// How [`infer`] reads a file, and what it may take for granted. In JSON every member may be absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InferOptions {
    /// The encoding; found out from the whole file when absent.
    pub encoding: Option<Encoding>,
    /// The delimiter; found out when absent.
    pub delimiter: Option<char>,
    /// Whether the first line is a header; it is by default.
    pub header: bool,
    /// How many rows are read; all of them by default. From a part of the file no choices are proposed.
    pub rows: Option<u64>,
    /// The header text, or the code, of the column that is the key; found out when absent.
    pub key: Option<String>,
    /// Whether records are numbered by the store even where a column could be the key. Not by default.
    pub automatic_key: bool,
    /// Whether columns with few labels may become choices; they may by default. Otherwise they are text, which takes
    /// labels that come later.
    pub choices: bool,
    /// The header texts, or the codes, of the columns that get an index.
    pub index: Vec<String>,
    /// The code of the database; `records` by default.
    pub database: String,
    /// The name of the database; its code when empty.
    pub name: String,
}

impl Default for InferOptions {
    fn default() -> InferOptions {
        InferOptions {
            encoding: None,
            delimiter: None,
            header: true,
            rows: None,
            key: None,
            automatic_key: false,
            choices: true,
            index: Vec::new(),
            database: "records".to_owned(),
            name: String::new(),
        }
    }
}

/// What [`infer`] proposes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Inferred {
    /// The database: the columns in their order, after an automatic key if none of them is the key.
    pub database: Database,
    /// The import setting for files like this one: columns by position, with the header texts that must stand there.
    pub setting: ImportSetting,
    /// How many rows were judged.
    pub rows: u64,
    /// How many rows were read but not judged, because no import takes them: with more or fewer columns than the
    /// header, with an undecodable cell or a NUL character, too large.
    pub odd_rows: u64,
    /// The line of the first of them.
    pub first_odd_line: Option<u64>,
    /// Whether the file was read to its end.
    pub whole: bool,
    /// What was found out about each column.
    pub columns: Vec<InferredColumn>,
    /// Why the key is what it is.
    pub key_reason: String,
}

/// What [`infer`] found out about a column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct InferredColumn {
    /// The text in the header line; empty without one.
    pub header: String,
    /// The code of the field.
    pub code: String,
    /// The type, as it is named in definitions.
    pub kind: &'static str,
    /// How many different values there are besides empty, where that was counted: for few, and for possible keys.
    pub distinct: Option<u64>,
    /// How many values are empty.
    pub empty: u64,
    /// Why it has this type: what all values have in common, or the first value that made it text, with its line.
    pub reason: String,
}

/// As [`infer`], from the file at `path`.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("prices.csv");
/// std::fs::write(&path, "品番,単価\nA-1,1200\n")?;
/// let found = renkei::infer_path(&path, &renkei::InferOptions::default())?;
/// assert_eq!(found.columns[1].kind, "number");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`Code::ImportFileMissing`] when the file cannot be opened, [`Code::Argument`] when it belongs to a store, else as [`infer`].
pub fn infer_path(path: impl AsRef<Path>, options: &InferOptions) -> Result<Inferred> {
    infer(open_other(path.as_ref())?, options)
}

/// Proposes a definition for the records of a CSV file, which is read from its beginning to its end, twice at most.
///
/// A column gets a type other than text only if every value that was read would come back from an export in raw format
/// exactly as it went in. Numbers have the same count of decimal places throughout, no leading zeros and no plus; dates
/// and times are all written in one way, which becomes the CSV pattern of the field; figures alone are never a date. What
/// is left is text, or a choice if few labels stand for many values and the whole file was read.
///
/// The key is the first column whose values are all there, distinct, and fit for a key; without one, records get an
/// automatic key, and the import setting only inserts.
///
/// Memory does not grow with the file, except for what tells whether a column is distinct: 10 to 30 bytes for each
/// of up to 2 million values, and up to 14 million when one column is left that can be the key. Beyond that a column is
/// not proposed as the key; one that was named in the options is believed.
///
/// ```
/// use renkei::{InferOptions, infer};
///
/// let file = "品番,品名,JISコード,単価,入荷日\nA-1,鉛筆,01101,120,2026/01/31\nA-2,消しゴム,13101,80,2026/02/01\n";
/// let found = infer(std::io::Cursor::new(file), &InferOptions::default())?;
/// let kinds: Vec<&str> = found.columns.iter().map(|column| column.kind).collect();
/// assert_eq!(kinds, ["key", "text", "text", "number", "date"]);
/// assert_eq!(found.columns[2].reason, "line 2: \"01101\" as a number would come back as \"1101\"");
/// assert_eq!(found.setting.columns[4].field.as_deref(), Some("入荷日"));
/// # Ok::<(), renkei::Error>(())
/// ```
///
/// # Errors
///
/// [`Code::CsvEmpty`], [`Code::CsvEncodingUnknown`] and [`Code::CsvColumnsMany`] for files without a line, in an unknown
/// encoding, or with more than 1,000 columns; [`Code::Argument`] for a column in the options that does not exist;
/// [`Code::DefinitionInvalid`] for a key with an empty value or the same value twice.
pub fn infer(mut input: impl Read + Seek, options: &InferOptions) -> Result<Inferred> {
    if let Some(rule) = code_fault(&options.database) {
        return Err(Error::new(Code::DefinitionInvalid).with_name(&options.database).with_rule(rule));
    }
    if options.automatic_key && options.key.is_some() {
        return Err(Error::new(Code::Argument).with_rule(words!(
            "`key`と`automatic_key`は同時に指定できません",
            "`key` and `automatic_key` exclude each other"
        )));
    }
    let (encoding, dialect) = detect(&mut input, options)?;
    input.seek(SeekFrom::Start(0))?;
    let mut rows = Rows::new(input, &dialect, encoding);
    let Some(fault) = rows.read()? else {
        let rule = match options.header {
            true => words!("見出し行がありません", "it has no header line"),
            false => words!("行がありません", "it has no line"),
        };
        return Err(Error::new(Code::CsvEmpty).with_rule(rule));
    };
    // There is no telling what the columns are.
    fault.map_or(Ok(()), Err)?;

    let width = rows.ends.len();
    let headers: Vec<Option<String>> = match options.header {
        true => rows.cells().map(|cell| Some(cell.to_owned())).collect(),
        false => vec![None; width],
    };
    // Data begins behind the header, however many lines that has, and however many blank ones stand before it.
    let first_line = if options.header { rows.record.end_line().max(rows.record.line() + 1) } else { 1 };
    let mut names = Names::new(&headers);
    let key = options.key.as_deref().map(|key| names.find("key", key)).transpose()?;
    let index = options.index.iter().map(|name| names.find("index", name)).collect::<Result<HashSet<usize>>>()?;
    let mut judges = Judges::new()?;
    let seen = read(&mut rows, options, key, &names, &mut judges)?;

    let (key, key_reason) = choose_key(options, key, &seen, &names);
    let mut database = Database::new(&options.database, named(options));
    if key.is_none() {
        if width == MOST_COLUMNS {
            let rule = words!(
                "キーにできる列がなく、自動採番のキーを加えると項目が{MOST_COLUMNS}個を超えます（{key_reason}）",
                "{key_reason}, and with an automatic key it has more than {MOST_COLUMNS} fields"
            );
            return Err(Error::new(Code::DefinitionInvalid).with_name(&options.database).with_rule(rule));
        }
        let (name, code) = names.add("番号", "record_number", "record_number");
        database.fields.push(Field::auto_key(code, name, AutoNumber::default()));
    }
    let mut columns = Vec::with_capacity(width);
    for (at, (column, (name, code))) in seen.columns.iter().zip(&names.pairs).enumerate() {
        let (mut field, reason) = match key {
            Some(key) if key == at => (Field::key(code, name), key_reason.clone()),
            _ => {
                let (kind, reason) = column.kind(&judges, seen.whole && options.choices);
                (Field::new(code, name, kind), reason)
            }
        };
        // The key has one in any case.
        field.index = index.contains(&at) && key != Some(at);
        columns.push(InferredColumn {
            header: headers[at].clone().unwrap_or_default(),
            code: code.clone(),
            kind: field.type_name(),
            distinct: column.distinct(),
            empty: column.empty,
            reason,
        });
        database.fields.push(field);
    }
    let setting = ImportSetting {
        mode: if key.is_some() { ImportMode::Upsert } else { ImportMode::Insert },
        columns: setting_columns(headers, &columns),
        first_line,
        encoding: Some(encoding),
        dialect,
        ..ImportSetting::new(&options.database, "import", format!("{}の取込", named(options)))
    };
    let Seen { rows, odd_rows, first_odd_line, whole, .. } = seen;
    Ok(Inferred { database, setting, rows, odd_rows, first_odd_line, whole, columns, key_reason })
}

fn named(options: &InferOptions) -> &str {
    if options.name.is_empty() { &options.database } else { &options.name }
}

/// The header texts stand in the setting as they are; where one stands twice, columns are known by position alone.
fn setting_columns(headers: Vec<Option<String>>, columns: &[InferredColumn]) -> Vec<ImportColumn> {
    let mut texts = HashSet::new();
    let distinct = headers.iter().flatten().all(|text| texts.insert(text.clone()));
    let pairs = headers.into_iter().zip(columns);
    pairs
        .map(|(header, column)| ImportColumn { field: Some(column.code.clone()), header: header.filter(|_| distinct) })
        .collect()
}

/// The encoding and the dialect, checked.
fn detect(input: &mut (impl Read + Seek), options: &InferOptions) -> Result<(Encoding, Dialect)> {
    input.seek(SeekFrom::Start(0))?;
    let (encoding, delimiter) = match (options.encoding, options.delimiter) {
        (Some(encoding), Some(delimiter)) => (encoding, delimiter),
        (None, delimiter) => {
            let found = csv::detect(input, delimiter)?;
            (found.encoding, found.delimiter)
        }
        (Some(encoding), None) => {
            // With a byte order mark in front, whatever the bytes are, only the delimiter is looked for.
            let found = csv::detect((&b"\xEF\xBB\xBF"[..]).chain(input), None)?;
            (encoding, found.delimiter)
        }
    };
    let dialect = Dialect { delimiter, ..Dialect::default() };
    dialect.validate(encoding)?;
    Ok((encoding, dialect))
}

/// What was seen in the rows.
struct Seen {
    columns: Vec<Judged>,
    rows: u64,
    odd_rows: u64,
    first_odd_line: Option<u64>,
    whole: bool,
}

/// Lets the rows go by. Without a header, the first one has been read already.
fn read<R: Read>(
    rows: &mut Rows<R>,
    options: &InferOptions,
    key: Option<usize>,
    names: &Names,
    judges: &mut Judges,
) -> Result<Seen> {
    let width = rows.ends.len();
    let mut columns = Vec::with_capacity(width);
    for at in 0..width {
        let asked = key.map_or(!options.automatic_key, |key| key == at);
        let state = if asked { KeyState::Possible(Unique::default()) } else { KeyState::Unasked };
        columns.push(Judged::new(judges, state));
    }
    let mut seen = Seen { columns, rows: 0, odd_rows: 0, first_odd_line: None, whole: false };
    let mut waiting = !options.header;
    loop {
        let enough = options.rows.is_some_and(|wanted| seen.rows + seen.odd_rows >= wanted);
        let fault = match std::mem::take(&mut waiting) {
            true => None,
            false => match rows.read()? {
                // A part of the file may happen to be all there is.
                None => {
                    seen.whole = true;
                    return Ok(seen);
                }
                Some(_) if enough => return Ok(seen),
                Some(fault) => fault,
            },
        };
        let line = rows.record.line();
        if fault.is_some() || rows.ends.len() != width || rows.text.contains('\0') {
            seen.odd_rows += 1;
            seen.first_odd_line.get_or_insert(line);
            continue;
        }
        seen.rows += 1;
        for (column, text) in seen.columns.iter_mut().zip(rows.cells()) {
            column.take(text, line, judges);
        }
        limit_hashes(&mut seen.columns, HASHES, MOST_HASHES);
        if let Some(key) = key
            && let KeyState::Impossible(why) = &seen.columns[key].key
        {
            let name = &names.pairs[key].0;
            let rule =
                words!("列「{name}」はキーにできません: {why}", "the column \"{name}\" cannot be the key, {why}"; why);
            let error = Error::new(Code::DefinitionInvalid).with_name(&options.database).with_rule(rule);
            return Err(error.at_line(line).at_column(key + 1));
        }
    }
}

/// Gives up the last column that can be the key when too much is kept to tell.
fn limit_hashes(columns: &mut [Judged], several: usize, one: usize) {
    let (mut total, mut possible, mut last) = (0, 0, None);
    for (at, column) in columns.iter().enumerate() {
        if let KeyState::Possible(unique) = &column.key {
            (total, possible, last) = (total + unique.len(), possible + 1, Some(at));
        }
    }
    let most = if possible > 1 { several } else { one };
    if let Some(last) = last.filter(|_| total >= most) {
        columns[last].key = KeyState::Uncounted;
    }
}

/// Which column is the key, and why.
fn choose_key(options: &InferOptions, asked: Option<usize>, seen: &Seen, names: &Names) -> (Option<usize>, String) {
    let rows = seen.rows;
    let read = if seen.whole { format!("all {rows} rows") } else { format!("the first {rows} rows") };
    if let Some(at) = asked {
        let counted = !matches!(seen.columns[at].key, KeyState::Uncounted);
        let how =
            if counted { "its values are there and distinct" } else { "too many values to tell whether distinct" };
        return (asked, format!("it was asked for; {how} in {read}"));
    }
    if options.automatic_key {
        return (None, "an automatic key was asked for".to_owned());
    }
    if rows == 0 {
        return (None, "there are no rows to find the key by".to_owned());
    }
    if let Some(at) = seen.columns.iter().position(|column| matches!(column.key, KeyState::Possible(_))) {
        return (Some(at), format!("the first column whose values are there and distinct in {read}"));
    }
    let mut reasons: Vec<String> = Vec::new();
    for (column, (name, _)) in seen.columns.iter().zip(&names.pairs).take(3) {
        reasons.push(match &column.key {
            KeyState::Impossible(why) => format!("\"{}\" is not ({})", shorten(name), why.get(Language::English)),
            _ => format!("\"{}\" has too many values to tell", shorten(name)),
        });
    }
    if seen.columns.len() > reasons.len() {
        reasons.push("nor is any other".to_owned());
    }
    (None, format!("no column can be the key: {}", reasons.join(", ")))
}

/// Display names and codes of the columns.
struct Names {
    pairs: Vec<(String, String)>,
    shown: HashSet<String>,
    codes: Vec<String>,
}

impl Names {
    fn new(headers: &[Option<String>]) -> Names {
        let mut names = Names { pairs: Vec::new(), shown: HashSet::new(), codes: Vec::new() };
        for (header, number) in headers.iter().zip(1..) {
            // A name is shown on one line, and has room for a number behind it.
            let clean = |c: char| if c.is_control() { ' ' } else { c };
            let name: String = header.iter().flat_map(|text| text.chars()).map(clean).take(LONGEST_NAME).collect();
            let pair = match name.trim().is_empty() {
                true => names.add(&format!("列{number}"), "", &format!("column_{number}")),
                false => names.add(&name, &name, "column"),
            };
            names.pairs.push(pair);
        }
        names
    }

    /// A name and a code that are acceptable and not yet taken, even in other capitals.
    fn add(&mut self, name: &str, code: &str, fallback: &str) -> (String, String) {
        let mut shown = name.to_owned();
        let mut number = 2;
        while !self.shown.insert(shown.to_ascii_lowercase()) {
            shown = format!("{name} ({number})");
            number += 1;
        }
        let code = code_from(code, fallback, &self.codes);
        self.codes.push(code.clone());
        (shown, code)
    }

    /// The column with this name or code.
    fn find(&self, option: &str, wanted: &str) -> Result<usize> {
        let by = |matches: &dyn Fn(&(String, String)) -> bool| self.pairs.iter().position(matches);
        by(&|(name, _)| name == wanted)
            .or_else(|| by(&|(_, code)| code == wanted))
            .or_else(|| by(&|(name, _)| name.trim() == wanted.trim()))
            .ok_or_else(|| {
                const LISTED: usize = 30;
                let mut all: Vec<&str> = self.pairs.iter().take(LISTED).map(|(name, _)| name.as_str()).collect();
                if self.pairs.len() > LISTED {
                    all.push("…");
                }
                let rule = words!(
                    "`{option}`の「{}」という列はありません。列: {}",
                    "`{option}` names \"{}\"; the columns are {}",
                    shorten(wanted),
                    all.join(", ")
                );
                Error::new(Code::Argument).with_value(wanted).with_rule(rule)
            })
    }
}

/// Decoded rows, one at a time.
struct Rows<R> {
    reader: Reader<R>,
    encoding: Encoding,
    limits: Limits,
    record: Record,
    scratch: String,
    /// The cells one after the other, and the end of each.
    text: String,
    ends: Vec<usize>,
}

impl<R: Read> Rows<R> {
    fn new(input: R, dialect: &Dialect, encoding: Encoding) -> Rows<R> {
        // What is wider than a database can be is refused as a header and odd as a row, so that it need not be read.
        let limits = Limits { columns: MOST_COLUMNS, ..Limits::default() };
        let reader = Reader::new(input, dialect, limits);
        let (record, scratch) = (Record::new(), String::new());
        Rows { reader, encoding, limits, record, scratch, text: String::new(), ends: Vec::new() }
    }

    /// Reads the next row; `None` at the end of the file. The inner error says why the row is unusable.
    fn read(&mut self) -> Result<Option<Option<Error>>> {
        self.text.clear();
        self.ends.clear();
        if !self.reader.read(&mut self.record)? {
            return Ok(None);
        }
        let record = &self.record;
        let fault = |code: Code| Error::new(code).at_line(record.line());
        if let Some(problem) = record.problem() {
            let begin = String::from_utf8_lossy(&record.raw()[..record.raw().len().min(100)]);
            let rule = problem.limit(&self.limits).map(|limit| limit.to_string()).unwrap_or_default();
            return Ok(Some(Some(fault(problem.code()).at_offset(record.offset()).with_value(begin).with_rule(rule))));
        }
        for (at, cell) in record.cells().enumerate() {
            match csv::decode(cell, self.encoding, &mut self.scratch) {
                Ok(text) => self.text.push_str(text),
                Err(wrong) => {
                    let value = format!("0x{:02X}", cell.get(wrong).copied().unwrap_or_default());
                    let error = fault(Code::CsvEncoding).at_column(at + 1).at_offset(record.byte_offset(at, wrong));
                    return Ok(Some(Some(error.with_name("CSV").with_value(value).with_rule(self.encoding))));
                }
            }
            self.ends.push(self.text.len());
        }
        Ok(Some(None))
    }

    fn cells(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.text[start..*end])
    }
}

#[cfg(test)]
mod tests;
