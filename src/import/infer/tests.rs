use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::schema::{Catalog, FieldKind, ValueFormat, define};
use crate::store::Store;

fn of(text: &str) -> Inferred {
    infer(Cursor::new(text), &InferOptions::default()).unwrap()
}

fn with(text: &[u8], change: impl FnOnce(&mut InferOptions)) -> Result<Inferred> {
    let mut options = InferOptions::default();
    change(&mut options);
    infer(Cursor::new(text), &options)
}

fn kinds(inferred: &Inferred) -> Vec<&str> {
    inferred.columns.iter().map(|column| column.kind).collect()
}

#[test]
fn a_file_becomes_a_database_and_a_setting() {
    let found = of("\u{FEFF}コード;品名;単価\r\n001;\"a\nb\";1.50\r\n002;;2.00\r\n");
    assert_eq!(kinds(&found), ["key", "multiline", "number"]);
    assert_eq!((found.rows, found.odd_rows, found.whole), (2, 0, true));
    assert_eq!(found.setting.dialect.delimiter, ';');
    assert_eq!((found.setting.mode, found.setting.first_line), (ImportMode::Upsert, 2));
    assert_eq!(found.setting.encoding, Some(Encoding::Utf8));
    let headers: Vec<_> = found.setting.columns.iter().map(|column| column.header.as_deref().unwrap()).collect();
    assert_eq!(headers, ["コード", "品名", "単価"]);
    assert_eq!((found.columns[1].empty, found.columns[0].distinct), (1, Some(2)));
    assert!(matches!(found.database.fields[2].kind, FieldKind::Number { scale: 2, .. }));
}

#[test]
fn without_a_key_records_are_numbered() {
    let found = of("番号,record_number\n1,a\n1,a\n");
    assert_eq!(found.setting.mode, ImportMode::Insert);
    let key = &found.database.fields[0];
    assert_eq!((key.type_name(), key.name.as_str(), key.code.as_str()), ("key", "番号 (2)", "record_number_2"));
    assert!(found.key_reason.contains("line 3: \"1\" stands a second time"), "{}", found.key_reason);
    assert_eq!(found.setting.columns.len(), 2);
    let asked = with(b"a\n1\n", |options| options.automatic_key = true).unwrap();
    assert_eq!((asked.setting.mode, asked.database.fields.len()), (ImportMode::Insert, 2));
    assert_eq!(of("a,b\n").setting.mode, ImportMode::Insert);
}

#[test]
fn a_key_can_be_named() {
    let file = "品名,ID\nx,7\nx,8\n".as_bytes();
    for name in ["ID", " ID "] {
        let found = with(file, |options| options.key = Some(name.to_owned())).unwrap();
        assert_eq!(kinds(&found), ["text", "key"]);
    }
    let error = with(file, |options| options.key = Some("品番".to_owned())).unwrap_err();
    assert_eq!(error.code(), Code::Argument);
    assert!(error.to_string().contains("品名, ID"), "{error}");
    let error = with(file, |options| options.key = Some("品名".to_owned())).unwrap_err();
    assert_eq!((error.code(), error.line(), error.column()), (Code::DefinitionInvalid, Some(3), Some(1)));
    assert!(error.to_string().contains("\"x\""), "{error}");
    let error = with(b"a,b\n1,\n", |options| options.key = Some("b".to_owned())).unwrap_err();
    assert_eq!((error.code(), error.line()), (Code::DefinitionInvalid, Some(2)));
}

#[test]
fn headers_of_any_kind_become_names() {
    let found = of("備考,,備考,\"単価\n(円)\",ID,id\n1,2,3,4,5,6\n");
    let names: Vec<&str> = found.database.fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["備考", "列2", "備考 (2)", "単価 (円)", "ID", "id (2)"]);
    let codes: Vec<&str> = found.columns.iter().map(|column| column.code.as_str()).collect();
    assert_eq!(codes, ["備考", "column_2", "備考_2", "単価_円", "ID", "id_2"]);
    assert!(found.setting.columns.iter().all(|column| column.header.is_none()));
    assert_eq!(found.setting.first_line, 3);

    let found = with(b"\n1,2\n3,4\n", |options| options.header = false).unwrap();
    assert_eq!((found.rows, found.setting.first_line), (2, 1));
    assert_eq!(found.database.fields[1].name, "列2");
    assert_eq!(of("\n\na,b\n1,2").setting.first_line, 4);
}

#[test]
fn odd_rows_are_counted_and_not_judged() {
    let found = with(b"a,b\n1,2\n3\n4,5,6\n7,\xFF\n8,\0\n9,9\n", |options| options.encoding = Some(Encoding::Utf8));
    let found = found.unwrap();
    assert_eq!((found.rows, found.odd_rows, found.first_odd_line), (2, 4, Some(3)));
    assert_eq!(kinds(&found), ["key", "number"]);
}

#[test]
fn unusable_files_are_refused() {
    for (file, code) in [
        (&b""[..], Code::CsvEmpty),
        (b"\xEF\xBB\xBF\n\n", Code::CsvEmpty),
        (b"a\n\xFF\xFF", Code::CsvEncodingUnknown),
        (b"\xEF\xBB\xBFa\xFF\n1", Code::CsvEncoding),
        (b"a,\"b\n1", Code::CsvQuote),
        (",".repeat(1_000).as_bytes(), Code::CsvColumnsMany),
        ((",".repeat(999) + "\n").as_bytes(), Code::DefinitionInvalid),
    ] {
        assert_eq!(infer(Cursor::new(file), &InferOptions::default()).unwrap_err().code(), code);
    }
    let error = with(b"a\n", |options| options.database = "a b".to_owned()).unwrap_err();
    assert_eq!(error.code(), Code::DefinitionInvalid);
    assert_eq!(infer_path("/no/such.csv", &InferOptions::default()).unwrap_err().code(), Code::ImportFileMissing);
}

#[test]
fn a_part_of_the_file_is_judged_as_a_part() {
    let file =
        format!("no,state\n{}", (0..1_000).map(|n| format!("{n},{}\n", ["済", "未"][n % 2])).collect::<String>());
    assert_eq!(kinds(&of(&file)), ["key", "choice"]);
    let found = with(file.as_bytes(), |options| options.rows = Some(999)).unwrap();
    assert_eq!((kinds(&found), found.rows, found.whole), (vec!["key", "text"], 999, false));
    let found = with(file.as_bytes(), |options| options.rows = Some(1_000)).unwrap();
    assert_eq!((kinds(&found), found.whole), (vec!["key", "choice"], true));
    assert_eq!(kinds(&with(file.as_bytes(), |options| options.choices = false).unwrap()), ["key", "text"]);
}

#[test]
fn an_index_is_put_where_it_is_wanted() {
    let found = with(b"a,b\n1,2\n", |options| options.index = vec!["b".to_owned(), "a".to_owned()]).unwrap();
    assert_eq!(found.database.fields.iter().map(|field| field.index).collect::<Vec<_>>(), [false, true]);
    assert!(with(b"a,b\n1,2\n", |options| options.index = vec!["c".to_owned()]).is_err());
}

#[test]
fn cp932_is_found_out() {
    let found = infer(Cursor::new(b"\x8E\x81\x96\xBC\tx\r\n\x83\x5C\t1\r\n"), &InferOptions::default()).unwrap();
    assert_eq!(found.setting.encoding, Some(Encoding::Cp932));
    assert_eq!((found.columns[0].header.as_str(), found.setting.dialect.delimiter), ("氏名", '\t'));
    let options = InferOptions { encoding: Some(Encoding::Cp932), ..InferOptions::default() };
    let again = infer(Cursor::new(b"\x8E\x81\x96\xBC\tx\r\n\x83\x5C\t1\r\n"), &options).unwrap();
    assert_eq!(again, found);
}

#[test]
fn what_is_kept_to_tell_keys_is_limited() {
    let mut judges = Judges::new().unwrap();
    let mut columns = [(); 3].map(|()| Judged::new(&judges, KeyState::Possible(Unique::default())));
    let possible = |columns: &[Judged]| {
        columns.iter().map(|column| matches!(column.key, KeyState::Possible(_))).collect::<Vec<_>>()
    };
    for line in 0..20 {
        for column in &mut columns {
            column.take(&line.to_string(), line, &mut judges);
        }
        limit_hashes(&mut columns, 12, 20);
        match line {
            0..3 => assert_eq!(possible(&columns), [true, true, true]),
            3..5 => assert_eq!(possible(&columns), [true, true, false]),
            5..19 => assert_eq!(possible(&columns), [true, false, false]),
            _ => assert_eq!(possible(&columns), [false, false, false]),
        }
    }
    columns[0].take("", 21, &mut judges);
    assert!(matches!(columns[0].key, KeyState::Impossible(_)), "an empty value is seen in any case");
}

/// Cells that go together often enough for a column to get a type, and sometimes one that spoils it.
fn column(rows: usize) -> impl Strategy<Value = Vec<String>> {
    let styles: Vec<&[&str]> = vec![
        &["0", "1", "-1", "42", "007", "999999999999999999", "9999999999999999999", "-0", "+1", "1."],
        &["1.50", "0.05", "-12.00", "3.14", ".50", "01.50", "1.5", "0.00", "-0.00"],
        &["2026/01/05", "2026/11/25", "1999/12/31", "2026/1/5", "2026/02/30", "2026-01-05"],
        &["2026年1月5日", "2026年11月25日", "2026年01月05日", "令和8年1月5日"],
        &["2026-01-05 09:30:00", "2026-11-25 14:05:59", "2026-01-05 09:30", "2026-01-05T09:30:00"],
        &["2026/1/5 9:30", "2026/11/25 14:05", "2026/1/5 24:00", "2026/1/5"],
        &["9:30", "14:05", "09:30", "9:30:15", "9時30分"],
        &["済", "未", "対応中", "△5", "１", "\u{FEFF}x"],
        &["a\nb", "\r\n", "x", "\"q\"", ",", " ", "\u{3000}"],
        &["20260131", "20261231", "19000101", "99999999"],
    ];
    (prop::sample::select(styles), 1_usize..12, any::<bool>()).prop_flat_map(move |(style, few, gaps)| {
        let mut cells: Vec<String> = style.iter().take(few).map(|cell| (*cell).to_owned()).collect();
        if gaps {
            cells.push(String::new());
        }
        prop::collection::vec(prop::sample::select(cells), rows)
    })
}

fn quoted(cells: impl Iterator<Item = String>) -> String {
    cells.map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect::<Vec<_>>().join(",") + "\r\n"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn every_value_comes_back(
        (headers, columns) in (1_usize..6, prop::sample::select(vec![0, 1, 2, 3, 8, 90])).prop_flat_map(|(width, rows)| {
            let header = "(|a|A|備考|[a-c ]{0,3}|\\PC{0,80}|.{0,5}|[0-9]{1,3}|番号|record_number)";
            (prop::collection::vec(header, width), prop::collection::vec(column(rows), width))
        }),
    ) {
        let mut file = quoted(headers.iter().map(|header| header.replace('\0', "")));
        let rows = columns[0].len();
        for row in 0..rows {
            file += &quoted(columns.iter().map(|column| column[row].clone()));
        }
        let options = InferOptions { delimiter: Some(','), ..InferOptions::default() };
        let found = infer(Cursor::new(&file), &options).unwrap();
        prop_assert_eq!((found.rows, found.odd_rows), (rows as u64, 0));

        let dir = tempfile::tempdir().unwrap();
        let store = Store::create(dir.path().join("a.db")).unwrap();
        store.write(|writing| define(writing, vec![found.database.clone()], store.local(store.now())).map(|_| ())).unwrap();
        let catalog = Catalog::of(&store, &store.reading().unwrap()).unwrap();
        let table = catalog.table("records").unwrap();
        found.setting.validate(table).unwrap();
        for (column, values) in found.columns.iter().zip(&columns) {
            let target = &table.header.columns[table.header.find(&column.code).unwrap()];
            for value in values {
                let cell = target.check_text(value);
                prop_assert!(cell.is_ok(), "{:?} in {:?}", value, column);
                prop_assert_eq!(&target.text(&cell.unwrap(), ValueFormat::Raw), value, "{:?}", column);
            }
            if column.kind == "key" {
                let mut seen = HashSet::new();
                prop_assert!(values.iter().all(|value| !value.is_empty() && seen.insert(value)));
            }
        }
    }
}
