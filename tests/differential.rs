//! What Python makes of the same bytes and numbers: its `csv` module, its codec cp932, its numbers without bounds.

mod common_dice;
mod common_import;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use common_dice::Dice;
use common_import::*;
use renkei::csv::{Encoding, LineEnd, OutputEncoding, Quoting, Unmappable};
use renkei::{
    Aggregation, Blueprint, Database, Export, Field, FieldKind, Function, ImportMode, ImportSetting, Query, Rounding,
    Store, Values, WriteOptions,
};
use serde::de::DeserializeOwned;

/// What Python answers. Where it is missing the tests say so and pass, unless everything must be there.
fn python<T: DeserializeOwned>(question: &str, path: &Path, options: &str) -> Option<T> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential.py");
    let run = Command::new("python3").arg(script).arg(question).arg(path).arg(options).output();
    let Ok(run) = run else {
        assert!(std::env::var_os("RENKEI_ALL_TOOLS").is_none(), "python3 is not installed");
        println!("python3 is not installed: nothing is compared");
        return None;
    };
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    Some(serde_json::from_slice(&run.stdout).unwrap())
}

fn texts() -> Database {
    Database::new("texts", "文")
        .field(Field::auto_key("number", "番号", Default::default()))
        .field(Field::multiline("a", "甲"))
        .field(Field::multiline("b", "乙"))
        .field(Field::multiline("c", "丙"))
}

fn stored(store: &Store) -> Vec<Vec<String>> {
    let all = store.query("texts", &Query::new().limit(100_000)).unwrap().records;
    all.iter().map(|record| ["a", "b", "c"].map(|field| record.text(field)).to_vec()).collect()
}

/// A cell as it is written, of which Python and we must make the same.
fn cell(dice: &mut Dice) -> String {
    let piece = |dice: &mut Dice| dice.pick(&["あ", "x", "漢字", "ｶ", "0", "'", "=", ";", "\t", " ", "😀"]).to_owned();
    let pieces: String = (0..dice.roll(5)).map(|_| piece(dice)).collect();
    match dice.roll(6) {
        0 => format!("x{}\"{pieces}", piece(dice).trim()),
        1 | 2 => {
            let inner: String = (0..dice.roll(5))
                .map(|_| match dice.roll(3) {
                    0 => dice.pick(&["\"\"", ",", "\n", "\r\n"]).to_owned(),
                    _ => piece(dice),
                })
                .collect();
            format!("\"{inner}\"")
        }
        _ => pieces,
    }
}

#[test]
fn csv_is_read_as_python_reads_it() {
    let fixture = Fixture::new();
    let mut dice = Dice::new(1);
    let mut compared = 0;
    for round in 0..40 {
        let name = format!("texts{round}");
        let mut database = texts();
        database.code.clone_from(&name);
        database.name = format!("文{round}");
        fixture.store.apply(&Blueprint::new().database(database)).unwrap();
        let line_end = dice.pick(&["\n", "\r\n", "\r"]);
        let mut text = format!("h,h,h{line_end}");
        for _ in 0..200 {
            let columns = if dice.roll(20) == 0 { 1 + dice.roll(5) } else { 3 };
            // A line that begins with a letter is not an empty one.
            let mut cells =
                vec![format!("k{}", cell(&mut dice).trim_start_matches('"').replace(['"', '\n', '\r', ','], ""))];
            cells.extend((1..columns).map(|_| cell(&mut dice)));
            text.push_str(&cells.join(","));
            text.push_str(line_end);
            if dice.roll(30) == 0 {
                text.push_str(line_end);
            }
        }
        let path = fixture.file(&format!("{round}.csv"), &text);
        let Some(theirs) = python::<Vec<Vec<String>>>("rows", &path, "{}") else { return };
        let theirs: Vec<&Vec<String>> = theirs.iter().skip(1).filter(|row| !row.is_empty()).collect();
        let done = fixture.import(setting(&name, ImportMode::Insert, &["a", "b", "c"]).encoding(Encoding::Utf8), &text);
        let all = fixture.store.query(&name, &Query::new().limit(1_000)).unwrap().records;
        let ours: Vec<Vec<String>> =
            all.iter().map(|record| ["a", "b", "c"].map(|field| record.text(field)).to_vec()).collect();
        let expected: Vec<Vec<String>> = theirs.iter().filter(|row| row.len() == 3).map(|row| (*row).clone()).collect();
        assert_eq!(ours, expected, "round {round}: {:?}", done.faults());
        assert_eq!(done.status.counts.rejected, (theirs.len() - expected.len()) as u64);
        compared += theirs.len();
    }
    println!("{compared} lines");
}

#[test]
fn csv_is_written_so_that_python_reads_it() {
    let fixture = Fixture::new();
    fixture.store.apply(&Blueprint::new().database(texts())).unwrap();
    let mut dice = Dice::new(2);
    let value = |dice: &mut Dice| -> String {
        let pieces = ["あ", "x", "\"", "\"\"", ",", "\n", "\r\n", ";", "\t", "'", "=1", "漢"];
        (0..dice.roll(6)).map(|_| dice.pick(&pieces)).collect()
    };
    let all: Vec<Values> = (0..400)
        .map(|_| {
            let first = format!("k{}", value(&mut dice));
            Values::new().set("a", first).set("b", value(&mut dice)).set("c", value(&mut dice))
        })
        .collect();
    fixture.store.records("texts").register_all(&all, &WriteOptions::new()).unwrap();
    let expected = stored(&fixture.store);
    let mut files = 0;
    for encoding in [OutputEncoding::Utf8, OutputEncoding::Utf8Bom, OutputEncoding::Cp932] {
        for quoting in [Quoting::All, Quoting::Minimal] {
            for line_end in [LineEnd::Crlf, LineEnd::Lf] {
                for delimiter in [',', '\t', ';'] {
                    let mut export = Export::of("texts").columns(["a", "b", "c"]);
                    export.format.encoding = encoding;
                    export.format.quoting = quoting;
                    export.format.line_end = line_end;
                    export.format.delimiter = delimiter;
                    let path = fixture.path("out.csv");
                    fixture.store.export_to_path(&export, &path).unwrap();
                    let codec = match encoding {
                        OutputEncoding::Cp932 => "cp932",
                        OutputEncoding::Utf8 => "utf-8",
                        OutputEncoding::Utf8Bom => "utf-8-sig",
                    };
                    let options = serde_json::json!({"encoding": codec, "delimiter": delimiter}).to_string();
                    let Some(theirs) = python::<Vec<Vec<String>>>("rows", &path, &options) else { return };
                    assert_eq!(theirs[1..], expected, "{:?}", export.format);
                    files += 1;
                }
            }
        }
    }
    println!("{files} files of {} lines", expected.len());
}

#[test]
fn cp932_is_decoded_as_python_decodes_it() {
    let fixture = Fixture::new();
    fixture.store.apply(&Blueprint::new().database(texts())).unwrap();
    let Some(pairs) = python::<Vec<(u8, u8, u32)>>("decoded", Path::new("-"), "{}") else { return };
    let mut file = b"h,h,h\r\nx,\"".to_vec();
    for (lead, trail, _) in &pairs {
        file.extend_from_slice(&[*lead, *trail, b'\n']);
    }
    file.extend_from_slice(b"\",\r\n");
    let import = setting("texts", ImportMode::Insert, &["a", "b", "c"]).encoding(Encoding::Cp932);
    fixture.import(import, &file).completed([1, 0, 0, 0, 0, 0]);
    let ours = stored(&fixture.store).remove(0).remove(1);
    let theirs: Vec<char> = pairs.iter().map(|(_, _, number)| char::from_u32(*number).unwrap()).collect();
    assert!(ours.lines().map(|line| line.chars().next().unwrap()).eq(theirs.iter().copied()));
    println!("{} pairs of bytes", theirs.len());
}

#[test]
fn cp932_is_encoded_as_python_encodes_it_but_for_a_known_list() {
    let fixture = Fixture::new();
    fixture.store.apply(&Blueprint::new().database(texts())).unwrap();
    let Some(theirs) = python::<BTreeMap<u32, String>>("encoded", Path::new("-"), "{}") else { return };
    let own = "〜‖—−¢£¬¥‾".chars().map(u32::from).chain(0xE000..=0xE757);
    let mut all: Vec<u32> = theirs.keys().copied().chain(own).collect();
    all.sort_unstable();
    all.dedup();
    let text: Vec<String> = all.iter().map(|number| char::from_u32(*number).unwrap().to_string()).collect();
    fixture.store.records("texts").register(&Values::new().set("a", "x").set("b", text.join("\n"))).unwrap();
    let mut export = Export::of("texts").columns(["b"]);
    export.format.encoding = OutputEncoding::Cp932;
    export.format.unmappable = Unmappable::Replace;
    let mut out = Vec::new();
    fixture.store.export(&export, &mut out).unwrap();
    let start = out.iter().position(|byte| *byte == b'"').unwrap() + 1;
    let end = out.iter().rposition(|byte| *byte == b'"').unwrap();
    let lines: Vec<&[u8]> = out[start..end].split(|byte| *byte == b'\n').collect();
    assert_eq!(lines.len(), all.len());
    let (mut alike, mut other_code, mut only_ours, mut only_theirs) = (0, 0, String::new(), String::new());
    for (number, ours) in all.iter().zip(lines) {
        let hex: String = ours.iter().map(|byte| format!("{byte:02x}")).collect();
        let character = char::from_u32(*number).unwrap();
        match theirs.get(number) {
            Some(bytes) if *bytes == hex => alike += 1,
            Some(_) if ours == b"?" => only_theirs.push(character),
            // There are two codes of it, both of which are read as the character.
            Some(_) => {
                let (again, _, bad) = encoding_rs::SHIFT_JIS.decode(ours);
                assert!(!bad && again.chars().eq([character]), "{character}: {hex}");
                other_code += 1;
            }
            None => only_ours.push(character),
        }
    }
    println!(
        "{alike} alike, {other_code} by another code, {} only here, {} only there",
        only_ours.chars().count(),
        only_theirs.chars().count()
    );
    println!("only here: {only_ours}");
    println!("only there: {}", only_theirs.escape_unicode());
    // NEC's and IBM's copies of the same characters: Python writes the one, Web browsers and we the other.
    assert_eq!((alike, other_code), (8_902, 373));
    assert_eq!((only_ours.as_str(), only_theirs.as_str()), ("¥—‾", "\u{f8f0}\u{f8f1}\u{f8f2}\u{f8f3}"));
}

const ROUNDINGS: [(&str, Rounding); 7] = [
    ("refuse", Rounding::Refuse),
    ("half_up", Rounding::HalfUp),
    ("half_even", Rounding::HalfEven),
    ("up", Rounding::Up),
    ("down", Rounding::Down),
    ("floor", Rounding::Floor),
    ("ceiling", Rounding::Ceiling),
];

fn digits(dice: &mut Dice, most: u64) -> String {
    let count = dice.roll(most + 1);
    // Nines, fives and zeros are where rounding goes wrong.
    (0..count).map(|_| dice.pick(&["0", "0", "9", "9", "5", "1", "4", "7"])).collect()
}

#[test]
fn decimals_are_rounded_as_python_rounds_them() {
    let fixture = Fixture::new();
    let mut dice = Dice::new(3);
    let mut database = Database::new("numbers", "数").field(Field::key("line", "行"));
    let mut columns: Vec<(&str, u8)> = Vec::new();
    for (name, rule) in ROUNDINGS {
        for places in [0, 2, 7, 18] {
            let mut field = Field::number(format!("{name}{places}"), format!("{name} {places}"), places);
            if let FieldKind::Number { rounding, .. } = &mut field.kind {
                *rounding = rule;
            }
            database = database.field(field);
            columns.push((name, places));
        }
    }
    fixture.store.apply(&Blueprint::new().database(database)).unwrap();
    let numbers: Vec<String> = (0..600)
        .map(|_| {
            let (whole, places) = match dice.roll(4) {
                0 => (digits(&mut dice, 20), digits(&mut dice, 22)),
                _ => (digits(&mut dice, 4), digits(&mut dice, 10)),
            };
            let sign = dice.pick(&["", "", "-", "+"]);
            let whole = if whole.is_empty() { "0".to_owned() } else { whole };
            if places.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{places}") }
        })
        .collect();
    let question = serde_json::json!({"numbers": numbers, "columns": columns}).to_string();
    let path = fixture.file("numbers.json", question);
    let Some(theirs) = python::<Vec<Vec<Option<String>>>>("rounded", &path, "{}") else { return };
    let names: Vec<String> =
        ["line".to_owned()].into_iter().chain(columns.iter().map(|(name, places)| format!("{name}{places}"))).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let import: ImportSetting = setting("numbers", ImportMode::Upsert, &names);
    // First all of them: what is refused is what Python would refuse.
    let mut text = format!("{}\n", names.join(","));
    for (line, number) in numbers.iter().enumerate() {
        text.push_str(&format!("{line}{}\n", format!(",{number}").repeat(columns.len())));
    }
    let done = fixture.dry_run(import.clone(), &text);
    let refused: Vec<(u64, Option<usize>)> = done.rejects().iter().map(|reject| (reject.line, reject.column)).collect();
    let expected: Vec<(u64, Option<usize>)> = theirs
        .iter()
        .enumerate()
        .flat_map(|(line, row)| {
            let bad = row.iter().enumerate().filter(|(_, kept)| kept.is_none());
            bad.map(move |(column, _)| (line as u64 + 2, Some(column + 2)))
        })
        .collect();
    let differ = refused.iter().zip(&expected).find(|(ours, theirs)| ours != theirs);
    assert_eq!(differ, None, "{:?}", differ.map(|(ours, _)| &numbers[ours.0 as usize - 2]));
    assert_eq!(refused.len(), expected.len());
    // Then the others: what is kept is what Python keeps.
    let mut text = format!("{}\n", names.join(","));
    for (line, (number, row)) in numbers.iter().zip(&theirs).enumerate() {
        let cells: Vec<&str> = row.iter().map(|kept| kept.as_ref().map_or("", |_| number.as_str())).collect();
        text.push_str(&format!("{line},{}\n", cells.join(",")));
    }
    fixture.import(import, &text).completed([numbers.len() as u64, 0, 0, 0, 0, 0]);
    let mut compared = 0;
    for record in fixture.store.query("numbers", &Query::new().limit(10_000)).unwrap().records {
        let line: usize = record.key().parse().unwrap();
        for (name, kept) in names[1..].iter().zip(&theirs[line]) {
            assert_eq!(record.text(name), kept.clone().unwrap_or_default(), "{} by {name}", numbers[line]);
            compared += 1;
        }
    }
    println!("{compared} numbers, {} of them refused", expected.len());
}

#[test]
fn decimals_are_calculated_and_summed_as_python_does() {
    let fixture = Fixture::new();
    let database = Database::new("numbers", "数")
        .field(Field::key("line", "行"))
        .field(Field::number("a", "甲", 3))
        .field(Field::number("b", "乙", 3))
        .field(Field::calculated("c", "丙", 6, "a * b - 3 * a").unwrap());
    fixture.store.apply(&Blueprint::new().database(database)).unwrap();
    let mut dice = Dice::new(4);
    let pairs: Vec<(String, String)> = (0..1_500)
        .map(|_| {
            let mut one = || {
                let sign = dice.pick(&["", "-"]);
                format!("{sign}{}.{:03}", dice.roll_widely(19), dice.roll(1_000))
            };
            (one(), one())
        })
        .collect();
    let path = fixture.file("pairs.json", serde_json::to_string(&pairs).unwrap());
    #[derive(serde::Deserialize)]
    struct Answer {
        each: Vec<String>,
        sum: String,
    }
    let Some(theirs) = python::<Answer>("calculated", &path, "{}") else { return };
    let all: Vec<Values> = pairs
        .iter()
        .enumerate()
        .map(|(line, (a, b))| Values::new().set("line", line.to_string()).set("a", a.as_str()).set("b", b.as_str()))
        .collect();
    fixture.store.records("numbers").register_all(&all, &WriteOptions::new()).unwrap();
    for record in fixture.store.query("numbers", &Query::new().limit(10_000)).unwrap().records {
        let line: usize = record.key().parse().unwrap();
        assert_eq!(record.text("c"), theirs.each[line], "{:?}", pairs[line]);
    }
    let sums = fixture.store.aggregate("numbers", &Aggregation::new().measure(Function::Sum, "c")).unwrap();
    assert_eq!(sums[0].values[0].to_text().parse::<f64>().unwrap(), theirs.sum.parse::<f64>().unwrap());
    assert_eq!(sums[0].values[0].to_text(), theirs.sum);
}
