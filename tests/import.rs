//! Import reservations on good files: modes, counts, details, encodings, mappings.

mod common_import;

use common_import::*;
use renkei::csv::{Dialect, Encoding};
use renkei::{
    AutoNumber, Blueprint, Database, DetailMode, Field, ImportColumn, ImportMode, ImportRequest, ImportSetting,
    JobState, Limits, NumberInput, Query, Values, Worker,
};

const ALL: &[&str] = &["number", "name", "mail", "amount", "joined", "rank", "memo"];
const HEADER: &str = "顧客番号,顧客名,メール,金額,入会日,ランク,メモ\n";

fn upsert() -> renkei::ImportSetting {
    setting("customers", ImportMode::Upsert, ALL)
}

fn csv(lines: &str) -> String {
    format!("{HEADER}{lines}")
}

#[test]
fn upsert_inserts_updates_and_leaves_alone() {
    let fixture = Fixture::new();
    let first =
        csv("1,佐藤,s@example.com,1.50,2026-01-31,A,\"a\nb\"\n2,鈴木,,,,,\n,,,,,,\n\n3,高橋,t@example.com,-0,,,\n");
    fixture.import(upsert(), &first).completed([3, 0, 0, 0, 1, 0]);
    fixture.import(upsert(), &first).completed([0, 0, 3, 0, 1, 0]);
    let second = csv("2,鈴木,,12,,,\n4,田中,,,,,\n1,佐藤,s@example.com,1.5,2026/01/31,A,\"a\nb\"\n");
    fixture.import(upsert(), second).completed([1, 1, 1, 0, 0, 0]);
    let found = table(&fixture.store, "customers", "number", &["name", "amount", "joined", "rank", "memo"]);
    assert_eq!(found, ["1 佐藤 1.50 2026-01-31 A a\nb", "2 鈴木 12.00   ", "3 高橋 0.00   ", "4 田中    "]);
    let revisions: Vec<i64> =
        ["1", "2"].iter().map(|key| fixture.store.records("customers").view(*key).unwrap().revision()).collect();
    assert_eq!(revisions, [1, 2]);
}

#[test]
fn duplicates_within_a_file_go_by_the_mode() {
    let fixture = Fixture::new();
    let lines = csv("1,一,,,,,\n2,二,,,,,\n1,再,,,,,\n");
    let keyed =
        fixture.import(setting("customers", ImportMode::InsertKeyed, ALL), &lines).completed([2, 0, 0, 1, 0, 0]);
    assert_eq!(keyed.faults(), [(4, Some(1), "value.duplicate".to_owned())]);
    assert_eq!(table(&fixture.store, "customers", "number", &["name"]), ["1 一", "2 二"]);
    fixture.import(upsert(), &lines).completed([0, 1, 2, 0, 0, 0]);
    assert_eq!(table(&fixture.store, "customers", "number", &["name"]), ["1 再", "2 二"]);
    fixture.import(upsert(), csv("9,一,,,,,\n9,再,,,,,\n")).completed([1, 1, 0, 0, 0, 0]);
    let update = fixture
        .import(setting("customers", ImportMode::Update, ALL), csv("7,無,,,,,\n1,又,,,,,\n,空,,,,,\n"))
        .completed([0, 1, 0, 2, 0, 0]);
    assert_eq!(
        update.faults(),
        [(2, Some(1), "import.key_missing".to_owned()), (4, Some(1), "value.required".to_owned())]
    );
}

#[test]
fn keys_are_issued_also_where_some_were_given() {
    let fixture = Fixture::new();
    let own = setting("tickets", ImportMode::Insert, &["title", "count"]);
    fixture.import(own.clone(), "件名,数\n甲,1\n乙,2\n").completed([2, 0, 0, 0, 0, 0]);
    // A key given in the way of the counter is stepped over.
    let given = setting("tickets", ImportMode::InsertKeyed, &["number", "title"]);
    fixture.import(given.clone(), "番号,件名\nT000004,丙\n").completed([1, 0, 0, 0, 0, 0]);
    fixture.import(own, "件名,数\n丁,1\n戊,2\n").completed([2, 0, 0, 0, 0, 0]);
    let found = table(&fixture.store, "tickets", "number", &["title"]);
    assert_eq!(found, ["T000001 甲", "T000002 乙", "T000003 丁", "T000004 丙", "T000005 戊"]);
    // In the mode of issued keys a key in the file is passed over, as the product does.
    let with_key = setting("tickets", ImportMode::Insert, &["number", "title"]);
    fixture.import(with_key, "番号,件名\nT000001,己\nT000001,庚\n").completed([2, 0, 0, 0, 0, 0]);
    assert_eq!(fixture.store.count("tickets", None).unwrap(), 7);
    // Upsert without a key registers under an issued one.
    let upsert = setting("tickets", ImportMode::Upsert, &["number", "title"]);
    fixture.import(upsert, "番号,件名\nT000001,改\n,新\n").completed([1, 1, 0, 0, 0, 0]);
}

#[test]
fn keys_of_an_earlier_form_are_known_also_behind_new_ones() {
    let fixture = Fixture::new();
    let own = setting("tickets", ImportMode::Insert, &["title", "count"]);
    fixture.import(own, "件名,数\n甲,1\n").completed([1, 0, 0, 0, 0, 0]);
    let mut changed = fixture.store.database("tickets").unwrap();
    let format = AutoNumber { prefix: "D".to_owned(), digits: 6, ..AutoNumber::default() };
    changed.fields[0].kind = Field::auto_key("number", "受付番号", format).kind;
    fixture.store.apply(&Blueprint::new().database(changed)).unwrap();
    let upsert = setting("tickets", ImportMode::Upsert, &["number", "title"]);
    fixture.import(upsert, "番号,件名\nD000010,新\nT000001,改\n").completed([1, 1, 0, 0, 0, 0]);
}

#[test]
fn a_store_without_a_limit_of_pages_gives_whole_ones() {
    let mut limits = Limits::default();
    limits.page_records = u64::MAX;
    let fixture = Fixture::with(limits);
    let own = setting("tickets", ImportMode::Insert, &["title", "count"]);
    fixture.import(own, "件名,数\n甲,1\n乙,2\n").completed([2, 0, 0, 0, 0, 0]);
    assert_eq!(fixture.store.query("tickets", &Query::new()).unwrap().records.len(), 2);
}

#[test]
fn atomic_is_all_or_nothing() {
    let fixture = Fixture::new();
    let bad = csv("1,佐藤,,,,,\n2,,,x,,,\n3,高橋,,,2026/02/30,,\n\n,,,,,,\n");
    let done = fixture.import(upsert().atomic(), &bad).failed("import.rejected");
    assert_eq!(done.counts(), [0, 0, 0, 2, 1, 1]);
    assert_eq!(
        done.faults(),
        [
            (3, Some(2), "value.required".to_owned()),
            (3, Some(4), "value.number".to_owned()),
            (4, Some(5), "value.date".to_owned())
        ]
    );
    assert_eq!(fixture.store.count("customers", None).unwrap(), 0);
    fixture.import(upsert().atomic(), csv("1,佐藤,,,,,\n3,高橋,,,,,\n")).completed([2, 0, 0, 0, 0, 0]);
    // Partial takes the good line of the same file.
    fixture.import(upsert(), &bad).completed([0, 0, 1, 2, 1, 0]);
}

#[test]
fn a_dry_run_changes_nothing() {
    let fixture = Fixture::new();
    fixture.import(upsert(), csv("1,佐藤,,,,,\n")).completed([1, 0, 0, 0, 0, 0]);
    let tickets = setting("tickets", ImportMode::Insert, &["title", "count"]);
    fixture.import(tickets.clone(), "件名,数\n甲,1\n").completed([1, 0, 0, 0, 0, 0]);
    let dump = |fixture: &Fixture| {
        let connection = rusqlite::Connection::open(fixture.store.path()).unwrap();
        let mut tables: Vec<String> = connection
            .prepare(
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'renkei_%'
                 AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name",
            )
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        tables.extend(["renkei_counter".to_owned(), "renkei_last_id".to_owned()]);
        let mut dump = String::new();
        for table in tables {
            let mut statement = connection.prepare(&format!("SELECT * FROM \"{table}\"")).unwrap();
            let columns = statement.column_count();
            let mut rows = statement.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                let cells: Vec<_> = (0..columns).map(|at| row.get::<_, rusqlite::types::Value>(at).unwrap()).collect();
                dump.push_str(&format!("{table}: {cells:?}\n"));
            }
        }
        dump
    };
    let before = dump(&fixture);
    let done = fixture.dry_run(upsert(), csv("1,改,,,,,\n2,鈴木,,,,,\n3,,,,,,\n")).completed([1, 1, 0, 1, 0, 0]);
    assert_eq!(done.rejects().len(), 1);
    assert!(done.status.dry_run);
    fixture.dry_run(tickets.clone(), "件名,数\n乙,1\n丙,2\n").completed([2, 0, 0, 0, 0, 0]);
    assert_eq!(dump(&fixture), before);
    fixture.import(tickets, "件名,数\n乙,1\n").completed([1, 0, 0, 0, 0, 0]);
    assert_eq!(table(&fixture.store, "tickets", "number", &["title"]), ["T000001 甲", "T000002 乙"]);
}

#[test]
fn encodings_are_declared_or_found_out() {
    let fixture = Fixture::new();
    let text = csv("1,ｶﾅ髙①～,,,,,ソ表\n2,\"十,ポ\",,,,,\n");
    let bytes = cp932(&text);
    let done = fixture.import(upsert(), &bytes).completed([2, 0, 0, 0, 0, 0]);
    assert_eq!(done.status.encoding, Some(Encoding::Cp932));
    fixture.import(upsert().encoding(Encoding::Cp932), &bytes).completed([0, 0, 2, 0, 0, 0]);
    let done = fixture.import(upsert(), &text).completed([0, 0, 2, 0, 0, 0]);
    assert_eq!(done.status.encoding, Some(Encoding::Utf8));
    let with_bom = [b"\xEF\xBB\xBF", text.as_bytes()].concat();
    fixture.import(upsert(), &with_bom).completed([0, 0, 2, 0, 0, 0]);
    fixture.import(upsert().by_header().encoding(Encoding::Utf8), &with_bom).completed([0, 0, 2, 0, 0, 0]);
    // Without a header the mark must not become part of the first key.
    let no_header = [b"\xEF\xBB\xBF", "1,ｶﾅ髙①～,,,,,ソ表\n".as_bytes()].concat();
    fixture.import(upsert().first_line(1), no_header).completed([0, 0, 1, 0, 0, 0]);
    assert_eq!(fixture.store.records("customers").view("2").unwrap().text("name"), "十,ポ");
    assert_eq!(fixture.store.records("customers").view("1").unwrap().text("memo"), "ソ表");
}

#[test]
fn columns_are_found_by_header() {
    let fixture = Fixture::new();
    let own = setting("customers", ImportMode::Upsert, &["number", "name", "amount"]).by_header();
    fixture.import(own.clone(), "金額,顧客番号,顧客名\n5,1,佐藤\n").completed([1, 0, 0, 0, 0, 0]);
    let done = fixture.import(own.clone(), "顧客番号,金額\n1,5\n").failed("csv.header");
    assert!(done.message().contains("[顧客番号, 顧客名, 金額]"), "{}", done.message());
    assert!(done.message().contains("[顧客番号, 金額]"), "{}", done.message());
    fixture.import(own.clone(), "顧客番号,顧客名,金額,備考\n1,佐藤,5,x\n").failed("csv.header");
    let mut extra = own.clone();
    extra.extra_columns = true;
    let done = fixture.import(extra, "顧客番号,備考,顧客名,金額\n1,x,佐藤,z\n").completed([0, 0, 0, 1, 0, 0]);
    let reject = &done.rejects()[0];
    assert_eq!((reject.column, reject.column_name.as_deref()), (Some(4), Some("金額")));
    let done = fixture.import(own.clone(), "顧客番号,顧客名,顧客名,金額\n1,a,b,5\n").failed("csv.header.duplicate");
    assert!(done.message().contains("columns 2 and 3"), "{}", done.message());
    let mut named = own;
    named.columns = vec![
        ImportColumn { field: Some("number".to_owned()), header: Some("No.".to_owned()) },
        ImportColumn { field: Some("name".to_owned()), header: None },
    ];
    fixture.import(named, "顧客名,No.\n加藤,9\n").completed([1, 0, 0, 0, 0, 0]);
}

#[test]
fn columns_by_position_check_the_header_that_is_expected() {
    let fixture = Fixture::new();
    let mut own = setting("customers", ImportMode::Upsert, &["number", "name", ""]);
    fixture.import(own.clone(), "a,b,c\n1,佐藤,x\n").completed([1, 0, 0, 0, 0, 0]);
    fixture.import(own.clone(), "a,b\n1,佐藤\n").failed("csv.header");
    own.columns[0].header = Some("番号".to_owned());
    fixture.import(own.clone(), "番号,b,c\n1,佐藤,x\n").completed([0, 0, 1, 0, 0, 0]);
    fixture.import(own, "b,番号,c\n1,佐藤,x\n").failed("csv.header");
}

#[test]
fn the_first_line_is_where_the_setting_says() {
    let fixture = Fixture::new();
    let own = setting("customers", ImportMode::Upsert, &["number", "name"]);
    fixture.import(own.clone().first_line(1), "1,佐藤\n2,鈴木\n").completed([2, 0, 0, 0, 0, 0]);
    fixture.import(own.clone().first_line(3), "売上一覧\n番号,名\n1,佐藤\n2,鈴木\n").completed([0, 0, 2, 0, 0, 0]);
    fixture
        .import(own.clone().first_line(4).by_header(), "売上一覧\n\n顧客番号,顧客名\n1,佐藤\n2,鈴木\n")
        .completed([0, 0, 2, 0, 0, 0]);
    // A header cell of two lines.
    let done = fixture.import(own.first_line(3), "番号,\"名\n前\"\n1,佐藤\n2,\n").completed([0, 0, 1, 1, 0, 0]);
    assert_eq!(done.rejects()[0].line, 4);
}

#[test]
fn dialects_and_number_texts() {
    let fixture = Fixture::new();
    let mut own = setting("customers", ImportMode::Upsert, &["number", "name", "amount"]);
    own.dialect = Dialect { delimiter: '\t', quote: '"' };
    fixture.import(own.clone(), "a\tb\tc\n1\t佐藤,様\t5\n").completed([1, 0, 0, 0, 0, 0]);
    own.dialect = Dialect { delimiter: ';', quote: '\'' };
    fixture.import(own.clone(), "a;b;c\n2;'鈴木;\"様\"';1.25\n").completed([1, 0, 0, 0, 0, 0]);
    assert_eq!(fixture.store.records("customers").view("2").unwrap().text("name"), "鈴木;\"様\"");
    own.dialect = Dialect::default();
    let lines = "a,b,c\n3,甲,\"１，２３４円\"\n4,乙,\"(1,234)\"\n5,丙,1万\n";
    fixture.import(own.clone(), lines).completed([0, 0, 0, 3, 0, 0]);
    own.number_input = Some(NumberInput::Tolerant);
    fixture.import(own, lines).completed([2, 0, 0, 1, 0, 0]);
    assert_eq!(
        table(&fixture.store, "customers", "number", &["amount"])[2..],
        ["3 1234.00".to_owned(), "4 -1234.00".to_owned()]
    );
}

#[test]
fn links_are_resolved_and_dependents_filled_if_asked_for() {
    let fixture = Fixture::new();
    fixture.store.records("offices").register(&Values::new().set("code", "01").set("name", "東京")).unwrap();
    let own = setting("customers", ImportMode::Upsert, &["number", "name", "office"]);
    let done = fixture.import(own.clone(), "a,b,c\n1,佐藤,01\n2,鈴木,1\n").completed([1, 0, 0, 1, 0, 0]);
    assert_eq!(done.faults(), [(3, Some(3), "value.link".to_owned())]);
    assert_eq!(table(&fixture.store, "customers", "number", &["office", "office_name"]), ["1 01 "]);
    let mut filling = own;
    filling.fill_dependents = true;
    fixture.import(filling, "a,b,c\n1,佐藤,01\n3,高橋,01\n").completed([1, 1, 0, 0, 0, 0]);
    assert_eq!(table(&fixture.store, "customers", "number", &["office_name"]), ["1 東京", "3 東京"]);
}

const ROWS: &[&str] = &["number", "name", "visit", "visited", "minutes"];

fn rows(mode: ImportMode, details: DetailMode) -> renkei::ImportSetting {
    let mut own = setting("customers", mode, ROWS);
    own.details = details;
    own
}

#[test]
fn following_lines_with_the_same_key_are_rows_of_one_record() {
    let lines = "h,h,h,h,h\n1,佐藤,a,2026-01-01,5\n1,佐藤,b,2026-01-02,6\n2,鈴木,a,2026-01-03,7\n3,高橋,,,\n";
    for mode in [ImportMode::InsertKeyed, ImportMode::Upsert] {
        for details in [DetailMode::Merge, DetailMode::Append, DetailMode::Replace] {
            let fixture = Fixture::new();
            fixture.import(rows(mode, details), lines).completed([3, 1, 0, 0, 0, 0]);
            assert_eq!(
                table(&fixture.store, "customers", "number", &["name"]),
                ["1 佐藤 [a/2026-01-01/5] [b/2026-01-02/6]", "2 鈴木 [a/2026-01-03/7]", "3 高橋"],
                "{mode:?} {details:?}"
            );
        }
    }
}

#[test]
fn rows_are_merged_appended_or_replaced() {
    let fixture = Fixture::new();
    fixture
        .import(rows(ImportMode::Upsert, DetailMode::Merge), "h,h,h,h,h\n1,佐藤,a,,5\n1,佐藤,b,,6\n")
        .completed([1, 1, 0, 0, 0, 0]);
    let found = || table(&fixture.store, "customers", "number", &["name"]);
    for mode in [ImportMode::Upsert, ImportMode::Update] {
        // Cells that are empty empty what they stand for; the row b stays.
        fixture.import(rows(mode, DetailMode::Merge), "h,h,h,h,h\n1,佐藤,a,,9\n1,佐藤,c,,1\n").completed(match mode {
            ImportMode::Upsert => [0, 2, 0, 0, 0, 0],
            _ => [0, 0, 2, 0, 0, 0],
        });
        assert_eq!(found(), ["1 佐藤 [a//9] [b//6] [c//1]"]);
    }
    let done = fixture
        .import(rows(ImportMode::Upsert, DetailMode::Append), "h,h,h,h,h\n1,佐藤,c,,2\n1,佐藤,d,,3\n")
        .completed([0, 1, 0, 1, 0, 0]);
    assert_eq!(done.faults(), [(2, Some(3), "value.duplicate".to_owned())]);
    assert_eq!(found(), ["1 佐藤 [a//9] [b//6] [c//1] [d//3]"]);
    fixture
        .import(rows(ImportMode::Update, DetailMode::Replace), "h,h,h,h,h\n1,佐藤,x,,1\n1,佐藤,y,,2\n")
        .completed([0, 2, 0, 0, 0, 0]);
    assert_eq!(found(), ["1 佐藤 [x//1] [y//2]"]);
}

#[test]
fn a_bad_line_among_the_rows_of_a_record_costs_that_line_only() {
    for bad in ["1,佐藤,b,2026-02-30,2\n", "1,佐藤\n", "1,佐藤,b,,x,y,z,w\n"] {
        for details in [DetailMode::Merge, DetailMode::Append, DetailMode::Replace] {
            for mode in [ImportMode::Upsert, ImportMode::InsertKeyed] {
                let fixture = Fixture::new();
                let lines = format!("h,h,h,h,h\n1,佐藤,a,,1\n{bad}1,佐藤,c,,3\n2,鈴木,a,,1\n");
                fixture.import(rows(mode, details), lines).completed([2, 1, 0, 1, 0, 0]);
                assert_eq!(table(&fixture.store, "customers", "number", &[]), ["1 [a//1] [c//3]", "2 [a//1]"]);
            }
        }
    }
}

#[test]
fn a_bad_header_and_a_bad_row_are_told_together() {
    let fixture = Fixture::new();
    let mut own = setting("customers", ImportMode::Upsert, &["number", "name", "amount", "visit", "visited"]);
    own.details = DetailMode::Merge;
    let done =
        fixture.import(own, "h,h,h,h,h\n1,,x,a,2026-13-01\n2,佐藤,1,a,2026-12-01\n").completed([1, 0, 0, 1, 0, 0]);
    assert_eq!(
        done.faults(),
        [
            (2, Some(2), "value.required".to_owned()),
            (2, Some(3), "value.number".to_owned()),
            (2, Some(5), "value.date".to_owned())
        ]
    );
}

#[test]
fn insert_mode_makes_a_record_of_every_line() {
    let fixture = Fixture::new();
    let own = setting("tickets", ImportMode::Insert, &["title", "note"]);
    fixture.import(own, "h,h\n甲,1\n甲,2\n").completed([2, 0, 0, 0, 0, 0]);
    assert_eq!(table(&fixture.store, "tickets", "number", &["title"]), ["T000001 甲 [1]", "T000002 甲 [2]"]);
}

#[test]
fn a_setting_that_cannot_work_is_refused_when_it_is_saved() {
    let fixture = Fixture::new();
    let cases = [
        setting("customers", ImportMode::Upsert, &["name"]),
        setting("customers", ImportMode::Insert, &["number", "name"]),
        setting("customers", ImportMode::Upsert, &["number", "name", "name"]),
        setting("customers", ImportMode::Upsert, &["number", "nothing"]),
        setting("customers", ImportMode::Upsert, &["number"]).first_line(0),
        setting("customers", ImportMode::Upsert, &["number"]).first_line(1).by_header(),
        setting("customers", ImportMode::Upsert, &[]),
    ];
    for case in cases {
        let error = fixture.store.apply(&Blueprint::new().import(case.clone())).unwrap_err();
        assert_eq!(error.code().as_str(), "definition.invalid", "{case:?}: {error}");
    }
}

#[test]
fn a_required_field_without_a_column_is_told_once() {
    let fixture = Fixture::new();
    let refused = |setting: ImportSetting| {
        let error = fixture.store.apply(&Blueprint::new().import(setting)).unwrap_err();
        assert_eq!(error.code().as_str(), "definition.invalid", "{error}");
        assert!(error.to_string().contains("required fields have no column"), "{error}");
    };
    for mode in [ImportMode::InsertKeyed, ImportMode::Upsert] {
        refused(setting("customers", mode, &["number", "mail"]));
    }
    // Those that are known have it already.
    fixture
        .import(setting("customers", ImportMode::Upsert, &["number", "name"]), "a,b\n1,佐藤\n")
        .completed([1, 0, 0, 0, 0, 0]);
    fixture
        .import(setting("customers", ImportMode::Update, &["number", "mail"]), "a,b\n1,s@example.com\n")
        .completed([0, 1, 0, 0, 0, 0]);
    // A field that is made required later: the import fails before its first row.
    let own = setting("customers", ImportMode::Upsert, &["number", "name"]);
    fixture.store.apply(&Blueprint::new().import(own)).unwrap();
    let path = fixture.dir.path().join("late.csv");
    std::fs::write(&path, "a,b\n2,鈴木\n3,高橋\n").unwrap();
    let id = fixture.store.reserve_import(&ImportRequest::path("customers", "test", &path)).unwrap().process_id;
    let mut stricter = fixture.store.database("customers").unwrap();
    let mail = stricter.fields.iter_mut().find(|field| field.code == "mail").unwrap();
    mail.required = true;
    fixture.store.apply(&Blueprint::new().database(stricter)).unwrap();
    Worker::new(&fixture.store).run_until_idle().unwrap();
    let status = fixture.store.import_status(id).unwrap();
    assert_eq!((status.state, status.counts.total), (JobState::Failed, 0));
    assert!(status.error.unwrap().en.contains("mail"));
}

#[test]
fn required_fields_that_are_filled_otherwise_need_no_column() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let shops = Database::new("shops", "店").field(Field::key("k", "店番")).field(Field::text("name", "店名"));
    let sales = Database::new("sales", "売上")
        .field(Field::key("k", "番号"))
        .field(Field::date("on", "日").required().default_value("now"))
        .field(Field::link("shop", "店", "shops"))
        .field(Field::dependent("shop_name", "店名", "shop", "name").required())
        .detail(Field::detail_key("line", "行"))
        .detail(Field::text("item", "品").required())
        .detail(Field::number("count", "数", 0));
    store.apply(&Blueprint::new().database(shops).database(sales)).unwrap();
    let refused = |setting: &ImportSetting| store.apply(&Blueprint::new().import(setting.clone())).is_err();
    let mut copies = setting("sales", ImportMode::Upsert, &["k", "shop"]);
    assert!(refused(&copies), "nothing fills the dependent field");
    copies.fill_dependents = true;
    assert!(!refused(&copies));
    let mut rows = setting("sales", ImportMode::Update, &["k", "line", "count"]);
    assert!(!refused(&rows), "rows are named, and may exist");
    rows.details = DetailMode::Append;
    assert!(refused(&rows), "no row could be made");
}
