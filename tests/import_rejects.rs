//! What is told of refused lines, and the file in which they are mended.

mod common_import;

use common_import::*;
use renkei::csv::{Dialect, Encoding};
use renkei::{ImportMode, Limits};

const ALL: &[&str] = &["number", "name", "mail", "amount", "joined", "rank", "memo"];
const HEADER: &str = "顧客番号,顧客名,メール,金額,入会日,ランク,メモ\n";

fn upsert() -> renkei::ImportSetting {
    setting("customers", ImportMode::Upsert, ALL)
}

#[test]
fn every_bad_cell_is_told_with_its_place() {
    let fixture = Fixture::new();
    let line = "2,\"佐\n\"\"藤\",,\"1e400\",2026/02/30,Z,\n";
    let text = format!("{HEADER}1,鈴木,,,,,\n{line}3,,,,,,\n");
    let done = fixture.import(upsert(), &text).completed([1, 0, 0, 2, 0, 0]);
    assert_eq!(done.status.counts.reject_cells, 5);
    let rejects = done.rejects();
    let at = |needle: &str| text.find(needle).unwrap() as u64;
    let expected = [
        (3, at("佐"), 2, "顧客名", "佐\n\"藤", "value.text.line"),
        (3, at("1e400"), 4, "金額", "1e400", "value.number"),
        (3, at("2026/02/30"), 5, "入会日", "2026/02/30", "value.date"),
        (3, at("Z"), 6, "ランク", "Z", "value.choice"),
        (5, at("\n3,") + 3, 2, "顧客名", "", "value.required"),
    ];
    assert_eq!(rejects.len(), expected.len());
    for (reject, (line, offset, column, name, value, code)) in rejects.iter().zip(expected) {
        assert_eq!((reject.line, reject.offset), (line, offset), "{reject:?}");
        assert_eq!((reject.column, reject.column_name.as_deref()), (Some(column), Some(name)));
        assert_eq!((reject.value.as_str(), reject.code.as_str()), (value, code));
        assert!(reject.message_ja.contains(name) && reject.message_en.contains(name), "{reject:?}");
    }
    assert_eq!(rejects[2].message_ja, "'入会日'に入力された値が、日付として正しくありません。: 「2026/02/30」");
    assert_eq!(rejects[2].message_en, "'入会日': \"2026/02/30\" is not a date (for example 2026-01-31 or 2026/01/31).");
    // Page by page they are the same.
    let pages: Vec<_> = (0..5).flat_map(|skip| done.store.rejects(done.id, skip, 1).unwrap()).collect();
    assert_eq!(pages, rejects);
}

#[test]
fn line_breaks_in_texts_of_one_line_may_be_left_out() {
    let fixture = Fixture::new();
    let mut own = setting("customers", ImportMode::Upsert, &["number", "name", "memo"]);
    own.drop_line_breaks = true;
    let done = fixture.import(own, "a,b,c\n1,\"佐\r\n藤\n\",\"一\n二\"\n2,\"\n\",x\n");
    assert_eq!(done.faults(), [(6, Some(2), "value.required".to_owned())]);
    let record = fixture.store.records("customers").view("1").unwrap();
    assert_eq!((record.text("name"), record.text("memo")), ("佐藤".to_owned(), "一\n二".to_owned()));
}

#[test]
fn what_only_the_writer_can_see_has_its_place_as_well() {
    let fixture = Fixture::new();
    let mut own = setting("customers", ImportMode::Upsert, &["number", "name", "", "mail", "office"]);
    let text = "a,b,c,d,e\n1,佐藤,x,s@example.com,\n2,\"鈴,木\",\"y\",\"s@example.com\",9\n";
    let done = fixture.import(own.clone(), text).completed([1, 0, 0, 1, 0, 0]);
    let rejects = done.rejects();
    assert_eq!(done.faults(), [(3, Some(4), "value.duplicate".to_owned()), (3, Some(5), "value.link".to_owned())]);
    assert_eq!(rejects[1].offset, text.rfind('9').unwrap() as u64);
    own.columns.pop();
    let text = "a,b,c,d\n1,佐藤,x,s@example.com\n2,\"鈴,木\",\"y\",\"s@example.com\"\n";
    let done = fixture.import(own, text).completed([0, 0, 1, 1, 0, 0]);
    assert_eq!(done.faults(), [(3, Some(4), "value.duplicate".to_owned())]);
    assert_eq!(done.rejects()[0].offset, text.rfind("s@").unwrap() as u64);
    assert_eq!(done.rejects()[0].value, "s@example.com");
}

#[test]
fn a_wrong_encoding_is_told_to_the_byte() {
    let fixture = Fixture::new();
    let mut bytes = cp932(&format!("{HEADER}1,佐藤,,,,,\n2,山\"\"田,,,,,\"x\"\"鈴\"\n3,a,,,,,\n"));
    let header = cp932(HEADER).len();
    let done = fixture.import(upsert().encoding(Encoding::Utf8), &bytes).failed("csv.encoding");
    assert!(done.message().contains("line 1"), "{}", done.message());
    let ascii = [b"a,b,c,d,e,f,g\n", &bytes[header..]].concat();
    let done = fixture.import(upsert().encoding(Encoding::Utf8), &ascii).completed([1, 0, 0, 2, 0, 0]);
    let (first, second) = (14 + 2, 14 + cp932("1,佐藤,,,,,\n2,").len() as u64);
    let places: Vec<_> = done.rejects().iter().map(|reject| (reject.line, reject.column, reject.offset)).collect();
    let third = 14 + cp932("1,佐藤,,,,,\n2,山\"\"田,,,,,\"x\"\"").len() as u64;
    assert_eq!(places, [(2, Some(2), first), (3, Some(2), second), (3, Some(7), third)]);
    assert!(done.rejects().iter().all(|reject| reject.code == "csv.encoding"));
    assert_eq!(done.rejects()[0].value, format!("0x8D at byte {first}"));
    // Neither of the two.
    bytes.extend_from_slice(b"4,\xFD,,,,,\n");
    let done = fixture.import(upsert(), &bytes).failed("csv.encoding.unknown");
    assert!(done.message().contains(&format!("byte {} is not cp932", bytes.len() - 7)), "{}", done.message());
    let done = fixture.import(upsert().encoding(Encoding::Cp932), &bytes);
    assert_eq!(done.rejects().last().unwrap().offset, bytes.len() as u64 - 7);
}

#[test]
fn rejects_beyond_the_limit_are_counted() {
    let mut limits = Limits::default();
    limits.rejects = 7;
    let fixture = Fixture::with(limits);
    let mut text = HEADER.to_owned();
    for number in 0..5_000 {
        text.push_str(&format!("{number},,,x,,,\n"));
    }
    text.push_str("9999,佐藤,,,,,\n");
    for own in [upsert(), upsert().atomic()] {
        let done = fixture.import(own, &text);
        assert_eq!((done.status.counts.rejected, done.status.counts.reject_cells), (5_000, 10_000));
        assert_eq!(done.rejects().len(), 7);
        assert_eq!(done.rejects()[6].line, 5);
    }
}

#[test]
fn many_rejects_are_all_kept_in_file_order() {
    let fixture = Fixture::new();
    let mut text = HEADER.to_owned();
    for number in 0..20_000 {
        text.push_str(&format!("{number},,,,,,\n"));
    }
    let done = fixture.import(upsert(), &text).completed([0, 0, 0, 20_000, 0, 0]);
    let lines: Vec<u64> = done.rejects().iter().map(|reject| reject.line).collect();
    assert_eq!(lines, (2..=20_001).collect::<Vec<u64>>());
}

/// Imports, mends the file of rejects with `mend`, and imports that.
fn mended(own: renkei::ImportSetting, bytes: &[u8], mend: impl Fn(String) -> String) -> Vec<String> {
    let fixture = Fixture::new();
    let first = fixture.import(own.clone(), bytes);
    let refused = first.status.counts.rejected;
    assert!(refused > 0, "{:?}", first.status);
    let file = first.reject_file();
    let encoding = first.status.encoding.unwrap();
    let text = match encoding {
        Encoding::Utf8 => String::from_utf8(file).unwrap(),
        _ => encoding_rs::SHIFT_JIS.decode_without_bom_handling_and_without_replacement(&file).unwrap().into_owned(),
    };
    // As it is, the file gives the same refusals again, and a file of rejects of the same shape.
    let again = fixture.import(own.clone(), first.reject_file());
    assert_eq!(again.status.counts.rejected, refused, "{text}\n{:?}\n{:#?}", again.status, again.rejects());
    let columns = |file: Vec<u8>| {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(&file[..]);
        reader.byte_records().map(|record| record.unwrap().len()).collect::<Vec<_>>()
    };
    assert_eq!(columns(again.reject_file()), columns(first.reject_file()));
    let mended = mend(text.clone());
    assert_ne!(mended, text);
    let bytes = match encoding {
        Encoding::Utf8 => mended.clone().into_bytes(),
        _ => cp932(&mended),
    };
    fixture.import(own, bytes).completed([refused, 0, 0, 0, 0, 0]);
    table(&fixture.store, "customers", "number", &["name", "amount", "memo"])
}

#[test]
fn mended_rejects_give_the_missing_rows() {
    let text = format!("{HEADER}1,佐藤,,,,,\n2,\"鈴\"\"木,\",,壱,,,\"m\nn\"\n3,高橋,,弐,2026-02-30,,\n");
    let mend = |text: String| text.replace("壱", "1").replace("弐", "2").replace("2026-02-30", "");
    let expected = ["1 佐藤  ", "2 鈴\"木, 1.00 m\nn", "3 高橋 2.00 "];
    assert_eq!(mended(upsert(), text.as_bytes(), mend), expected);
    assert_eq!(mended(upsert().by_header(), text.as_bytes(), mend), expected);
    assert_eq!(mended(upsert(), &cp932(&text), mend), expected);
    assert_eq!(mended(upsert(), text.replace('\n', "\r\n").as_bytes(), mend)[2], expected[2]);
    let headless = &text[HEADER.len()..];
    assert_eq!(mended(upsert().first_line(1), headless.as_bytes(), mend), expected);
    let titled = format!("顧客一覧\n\n{text}");
    assert_eq!(mended(upsert().first_line(4), titled.as_bytes(), mend), expected);
    assert_eq!(mended(upsert().first_line(4).by_header(), titled.as_bytes(), mend), expected);
}

#[test]
fn mended_rejects_in_another_dialect() {
    let mut own = upsert();
    own.dialect = Dialect { delimiter: ';', quote: '\'' };
    let text = "a;b;c;d;e;f;g\n1;佐藤;;;;;\n2;'鈴;\"木\"';;x;;;\n";
    assert_eq!(mended(own, text.as_bytes(), |text| text.replace(";x;", ";3;"))[1], "2 鈴;\"木\" 3.00 ");
}

#[test]
fn lines_that_could_not_be_read_are_mended_too() {
    // Too few and too many columns.
    let text = format!("{HEADER}1,佐藤,,,,,\n2,鈴木,,,,\n3,高橋,,,,,,余り\n");
    let file = |text: String| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        // Without mending it would be refused again.
        assert!(lines[1].starts_with("2,鈴木,,,,,_missing,3,csv.columns,"), "{text}");
        lines[1] = lines[1].replacen("_missing", "", 1);
        lines[2] = lines[2].replacen(",余り", "", 1);
        lines.join("\r\n")
    };
    assert_eq!(mended(upsert(), text.as_bytes(), file), ["1 佐藤  ", "2 鈴木  ", "3 高橋  "]);
    // A quote that is never closed, and one in the middle of a cell, which is none.
    let text = format!("{HEADER}1,佐藤,,,,,\n2,鈴\"木,,x,,,\n3,\"高橋,,,,,\n");
    let mend = |text: String| {
        text.replace(",x,", ",5,")
            .replace("\"3,\"\"高橋,,,,,\r\n\",,,,,,", "3,高橋,,,,,")
            .replace("\"3,\"\"高橋,,,,,\n\",,,,,,", "3,高橋,,,,,")
    };
    assert_eq!(mended(upsert(), text.as_bytes(), mend), ["1 佐藤  ", "2 鈴\"木 5.00 ", "3 高橋  "]);
}

#[test]
fn the_file_of_rejects_says_line_codes_and_messages() {
    let fixture = Fixture::new();
    let done =
        fixture.import(upsert(), format!("{HEADER}1,,,x,,,\n2,佐藤,,,,,\n3,,,,,,\n")).completed([1, 0, 0, 2, 0, 0]);
    let file = String::from_utf8(done.reject_file()).unwrap();
    let mut reader = csv::ReaderBuilder::new().from_reader(file.as_bytes());
    assert_eq!(reader.headers().unwrap().iter().skip(7).collect::<Vec<_>>(), ["_line", "_code", "_message"]);
    let lines: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0][0], &lines[0][7], &lines[0][8]), ("1", "2", "value.required value.number"));
    assert!(lines[0][9].contains("'顧客名'を入力してください。"), "{:?}", lines[0]);
    assert_eq!(&lines[1][7], "4");
    // An import without refusals gives the header alone.
    let done = fixture.import(upsert(), format!("{HEADER}4,加藤,,,,,\n"));
    assert_eq!(String::from_utf8(done.reject_file()).unwrap().lines().count(), 1);
}

#[test]
fn the_columns_of_a_short_line_stand_under_their_names() {
    let fixture = Fixture::new();
    let text = format!("{HEADER}1\n2,佐藤,,,,\n");
    let first = fixture.import(upsert(), &text).completed([0, 0, 0, 2, 0, 0]);
    let file = String::from_utf8(first.reject_file()).unwrap();
    let mut reader = csv::ReaderBuilder::new().from_reader(file.as_bytes());
    let lines: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!((&lines[0][0], &lines[0][1], &lines[0][6], &lines[0][7]), ("1", "_missing", "_missing", "2"));
    assert_eq!((&lines[1][5], &lines[1][6], &lines[1][7], &lines[1][8]), ("", "_missing", "3", "csv.columns"));
    // What is missing is told again as it was, and is never taken for a value.
    let again = fixture.import(upsert(), &file).completed([0, 0, 0, 2, 0, 0]);
    assert!(again.rejects()[0].message_en.contains("has 1 columns where 7"), "{:?}", again.rejects());
    assert_eq!(String::from_utf8(again.reject_file()).unwrap().matches("_missing").count(), 7);
    // Elsewhere it is a text like any other.
    fixture.import(upsert(), format!("{HEADER}3,_missing,,,,,\n")).completed([1, 0, 0, 0, 0, 0]);
}
