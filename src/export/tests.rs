//! Exports from real stores, and files that go out and come in again.

use std::fs;
use std::io::{self, Write};

use super::*;
use crate::csv::{Format, LineEnd, OutputEncoding, Quoting, Unmappable};
use crate::error::{Code, Error, Language};
use crate::import::{ImportMode, ImportRequest, ImportSetting, save_setting};
use crate::job::JobState;
use crate::query::{Condition, List, Query, Search, Sort, save_list, save_search};
use crate::record::{DetailRow, Values};
use crate::schema::{AutoNumber, Catalog, Database, Field, FieldKind, NumberDisplay, ValueFormat, define};
use crate::store::Store;
use crate::worker::Worker;

struct Fixture {
    dir: tempfile::TempDir,
    store: Store,
}

fn databases() -> Vec<Database> {
    let mut price = Field::number("price", "単価", 2);
    if let FieldKind::Number { display, .. } = &mut price.kind {
        *display = NumberDisplay { grouping: true, suffix: "円".into(), ..NumberDisplay::default() };
    }
    vec![
        Database::new("area", "地域").field(Field::key("code", "地域コード")).field(Field::text("name", "地域名")),
        Database::new("orders", "受注")
            .field(Field::multiline("name", "顧客名"))
            .field(Field::key("number", "受注番号"))
            .field(price)
            .field(Field::date("day", "受注日"))
            .field(Field::link("area", "地域", "area"))
            .field(Field::reference("area_name", "地域名", "area", "name"))
            .detail(Field::text("item", "品目"))
            .detail(Field::number("quantity", "数量", 0)),
    ]
}

impl Fixture {
    fn empty(databases: Vec<Database>) -> Fixture {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::create(dir.path().join("s.db")).unwrap();
        store.write(|w| define(w, databases, store.local(store.now())).map(|_| ())).unwrap();
        Fixture { dir, store }
    }

    fn new() -> Fixture {
        let f = Fixture::empty(databases());
        f.store.records("area").register(&Values::new().set("code", "01").set("name", "関東")).unwrap();
        let orders = f.store.records("orders");
        let row = |item: &str, quantity: i64| DetailRow::new().set("item", item).set("quantity", quantity);
        let first = Values::new().set("number", "001").set("name", "佐藤, \"A\"").set("price", "-1234.5");
        let first = first.set("day", "2026-01-05").set("area", "01");
        orders.register(&first.row(row("鉛筆", 2)).row(row("=1+1", -3))).unwrap();
        orders.register(&Values::new().set("number", "002").set("name", "+81 鈴木")).unwrap();
        orders.register(&Values::new().set("number", "003").set("name", "一\n二").row(row("紙", 1))).unwrap();
        f
    }

    fn save(&self, list: List, search: Search) {
        self.store
            .write(|w| {
                let catalog = Catalog::of(&self.store, w)?;
                save_list(w, &catalog, &mut list.clone())?;
                save_search(w, &catalog, &mut search.clone()).map(|_| ())
            })
            .unwrap();
    }

    fn text(&self, export: &Export) -> String {
        let mut out = Vec::new();
        let exported = self.store.export(export, &mut out).unwrap();
        assert_eq!(exported.bytes, out.len() as u64);
        String::from_utf8(out).unwrap()
    }

    fn refusal(&self, export: &Export) -> Error {
        self.store.export(export, io::sink()).unwrap_err()
    }
}

fn orders() -> Export {
    Export::of("orders").format(Format { line_end: LineEnd::Lf, ..Format::default() })
}

#[test]
fn all_columns_stand_in_order_and_detail_rows_repeat_the_header() {
    let f = Fixture::new();
    let all = "受注番号,顧客名,単価,受注日,地域,地域名,品目,数量\n\
        001,\"佐藤, \"\"A\"\"\",-1234.50,2026-01-05,01,関東,鉛筆,2\n\
        001,\"佐藤, \"\"A\"\"\",-1234.50,2026-01-05,01,関東,=1+1,-3\n\
        002,+81 鈴木,,,,,,\n\
        003,\"一\n二\",,,,,紙,1\n";
    assert_eq!(f.text(&orders()), all);
    let exported = f.store.export(&orders(), io::sink()).unwrap();
    assert_eq!((exported.records, exported.lines), (3, 4));
    let header = f.text(&orders().without_details());
    assert!(header.starts_with("受注番号,顧客名,単価,受注日,地域,地域名\n001,"));
    assert_eq!(header.matches("001").count(), 1);
}

#[test]
fn headings_are_names_codes_none_or_given_texts() {
    let f = Fixture::new();
    let chosen = || orders().columns(["number", "顧客名"]).named("area.name", "管轄").limit(1);
    let line = "001,\"佐藤, \"\"A\"\"\",関東\n";
    assert_eq!(f.text(&chosen()), format!("受注番号,顧客名,管轄\n{line}"));
    assert_eq!(f.text(&chosen().headings(Headings::Codes)), format!("number,name,area.name\n{line}"));
    assert_eq!(f.text(&chosen().headings(Headings::None)), line);
    assert_eq!(f.text(&chosen().headings(["", " b ", "c,c"])), format!(", b ,\"c,c\"\n{line}"));
    let error = f.refusal(&chosen().headings(["a"]));
    assert_eq!(error.code(), Code::Argument);
    assert!(error.to_string().contains("1 heading(s) for 3 column(s)"), "{error}");
    let ids = f.text(&orders().columns(["_id", "_revision", "_created_by"]).headings(Headings::Codes).limit(1));
    assert!(ids.starts_with("_id,_revision,_created_by\n1"), "{ids}");
}

#[test]
fn a_list_and_a_search_are_combined_with_a_condition() {
    let f = Fixture::new();
    let list = List::new("orders", "overview", "一覧").named("number", "No.").column("price");
    let list = list.sort(Sort::descending("number"));
    f.save(list, Search::new("orders", "later", "後", Condition::at_least("number", "002")));
    let export = orders().list("overview");
    assert_eq!(f.text(&export), "No.,単価\n003,\n002,\n001,-1234.50\n");
    assert_eq!(f.text(&export.clone().search("later")), "No.,単価\n003,\n002,\n");
    let both = export.clone().search("later").filter(Condition::equals("number", "002"));
    assert_eq!(f.text(&both), "No.,単価\n002,\n");
    let sorted = export.clone().sort(Sort::ascending("number"));
    assert!(f.text(&sorted).starts_with("No.,単価\n001"));
    assert!(f.text(&export.clone().columns(["number"])).starts_with("受注番号\n003\n"));
    let id = f.store.list("orders", "overview").unwrap().id.unwrap();
    assert_eq!(f.text(&orders().list(id.to_string())), f.text(&export));

    for (export, code, value) in [
        (orders().list("none"), Code::DefinitionNotFound, "none"),
        (orders().search("none"), Code::DefinitionNotFound, "none"),
        (orders().columns(["none"]), Code::QueryField, "none"),
        (orders().sort(Sort::ascending("none")), Code::QueryField, "none"),
        (orders().filter(Condition::is_empty("none")), Code::QueryField, "none"),
        (Export::of("none"), Code::DatabaseNotFound, "none"),
        (orders().format(Format { delimiter: 'x', ..Format::default() }), Code::Argument, "x"),
        (orders().columns(["item"]).without_details(), Code::Argument, ""),
    ] {
        let error = f.refusal(&export);
        assert_eq!((error.code(), error.value().unwrap_or_default()), (code, value), "{error}");
    }
}

#[test]
fn pages_count_records_and_never_split_them() {
    let f = Fixture::new();
    let page = |export: Export| f.text(&export.columns(["number", "item"]).headings(Headings::None));
    assert_eq!(page(orders().limit(1)), "001,鉛筆\n001,=1+1\n");
    assert_eq!(page(orders().limit(2).offset(1)), "002,\n003,紙\n");
    assert_eq!(page(orders().offset(9)), "");
    assert_eq!(page(orders().limit(0)), "");
    let reading = f.store.reading().unwrap();
    let catalog = Catalog::of(&f.store, &reading).unwrap();
    let table = catalog.table("orders").unwrap();
    let query = Query::new().sort(Sort::descending("number")).limit(1);
    let (_, cursor) = crate::query::page_ids(&f.store, &reading, &catalog, table, &query).unwrap();
    let next = orders().sort(Sort::descending("number")).limit(2).after(cursor.unwrap());
    assert_eq!(page(next), "002,\n001,鉛筆\n001,=1+1\n");
}

#[test]
fn values_and_the_formula_guard_are_independent() {
    let f = Fixture::new();
    let chosen = |values, formula_guard, quoting| {
        let format = Format { line_end: LineEnd::Lf, formula_guard, quoting, ..Format::default() };
        let export = orders().columns(["price", "day", "item", "quantity", "name"]).headings(["-", "b", "c", "d", "e"]);
        f.text(&export.filter(Condition::at_most("number", "002")).values(values).format(format))
    };
    assert_eq!(
        chosen(ValueFormat::Csv, true, Quoting::Minimal),
        "'-,b,c,d,e\n\"-1,234.50円\",2026/01/05,鉛筆,2,\"佐藤, \"\"A\"\"\"\n\
         \"-1,234.50円\",2026/01/05,'=1+1,-3,\"佐藤, \"\"A\"\"\"\n,,,,'+81 鈴木\n"
    );
    assert_eq!(
        chosen(ValueFormat::Raw, false, Quoting::All),
        "\"-\",\"b\",\"c\",\"d\",\"e\"\n\"-1234.50\",\"2026-01-05\",\"鉛筆\",\"2\",\"佐藤, \"\"A\"\"\"\n\
         \"-1234.50\",\"2026-01-05\",\"=1+1\",\"-3\",\"佐藤, \"\"A\"\"\"\n\"\",\"\",\"\",\"\",\"+81 鈴木\"\n"
    );
    assert!(chosen(ValueFormat::Display, false, Quoting::Minimal).contains("=1+1"));
    let json = r#"{"database":"orders","headings":"none","values":"display","limit":1,"columns":["price"]}"#;
    let export: Export = serde_json::from_str(json).unwrap();
    assert_eq!(f.text(&export), "\"-1,234.50円\"\r\n");
    assert!(serde_json::from_str::<Export>(r#"{"database":"orders","colums":[]}"#).is_err());
}

#[test]
fn encodings_and_what_they_lack() {
    let f = Fixture::new();
    let bom = f.text(&orders().format(Format { encoding: OutputEncoding::Utf8Bom, ..Format::default() }).limit(0));
    assert_eq!(bom, "\u{FEFF}受注番号,顧客名,単価,受注日,地域,地域名,品目,数量\r\n");
    let cp932 = Format { encoding: OutputEncoding::Cp932, ..Format::default() };
    let mut out = Vec::new();
    f.store.export(&orders().columns(["area"]).limit(1).format(cp932), &mut out).unwrap();
    assert_eq!(out, b"\x92\x6e\x88\xe6\r\n01\r\n");

    f.store.records("orders").register(&Values::new().set("number", "004").set("name", "é😀")).unwrap();
    let export = orders().columns(["number", "name"]).format(cp932);
    let error = f.refusal(&export);
    assert_eq!((error.code(), error.field(), error.value()), (Code::CsvUnmappable, Some("name"), Some("é U+00E9")));
    assert_eq!((error.line(), error.column()), (Some(5), Some(2)));
    assert!(error.message(Language::Japanese).contains("'顧客名 (004)'の文字「é U+00E9」"), "{error}");
    let error = f.refusal(&export.clone().headings(["a", "é"]));
    assert_eq!((error.line(), error.column(), error.field()), (Some(1), Some(2), Some("name")));

    for (unmappable, kept) in [(Unmappable::Replace, 0), (Unmappable::Report, 2)] {
        let mut out = Vec::new();
        let exported = f.store.export(&export.clone().format(Format { unmappable, ..cp932 }), &mut out).unwrap();
        assert!(out.ends_with(b"004,??\r\n"));
        assert_eq!((exported.unmapped_count, exported.unmapped.len()), (2, kept));
        assert!(exported.unmapped.iter().all(|place| (place.record, place.column) == (5, 2)));
    }
}

/// Does something after the first bytes.
struct Interrupted<F: FnMut()>(F);

impl<F: FnMut()> Write for Interrupted<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (self.0)();
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn many(f: &Fixture, records: usize) {
    let all: Vec<Values> =
        (0..records).map(|at| Values::new().set("code", format!("{at:06}")).set("name", "地")).collect();
    f.store.records("area").register_all(&all, &Default::default()).unwrap();
}

#[test]
fn writes_during_an_export_are_not_seen() {
    let f = Fixture::empty(databases());
    many(&f, 10_000);
    let area = f.store.records("area");
    let mut written = 0;
    let out = Interrupted(|| {
        written += 1;
        area.register(&Values::new().set("code", format!("x{written}"))).unwrap();
        if written == 1 {
            area.delete("009999").unwrap();
        }
    });
    assert_eq!(f.store.export(&Export::of("area"), out).unwrap().records, 10_000);
    assert!(written > 1);
    assert_eq!(f.store.count("area", None).unwrap(), 9_999 + written);
}

#[test]
fn an_export_is_cancelled_and_tells_how_far_it_is() {
    let f = Fixture::empty(databases());
    many(&f, 10_000);
    let mut told = Vec::new();
    let slow = || Interrupted(|| std::thread::sleep(std::time::Duration::from_millis(110)));
    f.store
        .export_with_progress(&Export::of("area"), slow(), |lines| {
            told.push(lines);
            true
        })
        .unwrap();
    assert!(told.is_sorted() && told.len() > 2);
    assert_eq!((told.first(), told.last()), (Some(&0), Some(&10_000)));
    let error = f.store.export_with_progress(&Export::of("area"), slow(), |lines| lines == 0).unwrap_err();
    assert_eq!(error.code(), Code::Cancelled);
    assert_eq!(f.store.export(&Export::of("area"), io::sink()).unwrap().records, 10_000);
}

#[test]
fn failures_of_the_writer_come_through() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::from(io::ErrorKind::StorageFull))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let f = Fixture::new();
    assert_eq!(f.store.export(&orders(), Full).unwrap_err().code(), Code::StoreFull);
}

#[test]
fn files_are_whole_or_not_there() {
    let f = Fixture::new();
    let names = || {
        let mut names: Vec<_> = fs::read_dir(f.dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.retain(|name| !name.starts_with("s.db"));
        names
    };
    let path = f.dir.path().join("out.csv");
    let exported = f.store.export_to_path(&orders(), &path).unwrap();
    let whole = fs::read(&path).unwrap();
    assert_eq!((exported.bytes, exported.records), (whole.len() as u64, 3));
    assert_eq!(names(), ["out.csv"]);

    f.store.records("orders").register(&Values::new().set("number", "004").set("name", "😀")).unwrap();
    let cp932 = orders().format(Format { encoding: OutputEncoding::Cp932, ..Format::default() });
    f.store.export_to_path(&cp932, &path).unwrap_err();
    f.store.export_to_path_with_progress(&orders(), &path, |_| false).unwrap_err();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        f.store.export_to_path_with_progress(&orders(), &path, |_| panic!("by the test"))
    }));
    assert!(panicked.is_err());
    assert_eq!((names(), fs::read(&path).unwrap()), (vec!["out.csv".to_owned()], whole.clone()));

    f.store.export_to_path(&orders(), &path).unwrap();
    assert!(fs::read(&path).unwrap().len() > whole.len());
    let error = f.store.export_to_path(&orders(), f.dir.path().join("no/dir.csv")).unwrap_err();
    assert_eq!(error.code(), Code::Io);
    assert!(error.to_string().contains("dir.csv"), "{error}");
    let error = f.store.export_to_path(&orders(), f.store.path()).unwrap_err();
    assert_eq!(error.code(), Code::Argument);
    assert_eq!(f.store.count("orders", None).unwrap(), 4);
    #[cfg(unix)]
    {
        let link = f.dir.path().join("link.csv");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        fs::write(&path, "").unwrap();
        f.store.export_to_path(&orders(), &link).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(fs::metadata(&path).unwrap().len() > 0);
        f.store.export_to_path(&orders(), "/dev/null").unwrap();
    }
}

fn every_type() -> Vec<Database> {
    let pattern = |text: &str| Some(text.parse().unwrap());
    vec![
        Database::new("shop", "店").field(Field::key("code", "店コード")).field(Field::text("name", "店名")),
        Database::new("every", "全種")
            .field(Field::key("number", "番号"))
            .field(Field::text("line", "一行"))
            .field(Field::multiline("lines", "複数行"))
            .field(Field::number("whole", "整数", 0))
            .field(Field::number("exact", "小数", 18))
            .field(Field::date("date", "日付"))
            .field(Field::new("jdate", "和風日付", FieldKind::Date { display: None, csv: pattern("YYYY年M月D日") }))
            .field(Field::datetime("at", "日時"))
            .field(Field::time("time", "時刻"))
            .field(Field::choice("one", "単一", &["あ", "い,ろ", " う "]))
            .field(Field::choices("many", "複数", &["赤", "青", "黄"]))
            .field(Field::new("user", "担当", FieldKind::User {}))
            .field(Field::new("mail", "メール", FieldKind::Email {}))
            .field(Field::new("url", "URL", FieldKind::Url {}))
            .field(Field::new("phone", "電話", FieldKind::Phone {}))
            .field(Field::link("shop", "店", "shop"))
            .field(Field::dependent("shop_name", "店名", "shop", "name"))
            .field(Field::auto_number("serial", "通番", AutoNumber::default()))
            .field(Field::calculated("double", "倍", 0, "whole * 2").unwrap())
            .detail(Field::detail_key("row", "行番号"))
            .detail(Field::text("item", "品目"))
            .detail(Field::number("quantity", "数量", 3)),
    ]
}

const WRITABLE: [&str; 20] = [
    "number",
    "line",
    "lines",
    "whole",
    "exact",
    "date",
    "jdate",
    "at",
    "time",
    "one",
    "many",
    "user",
    "mail",
    "url",
    "phone",
    "shop",
    "shop_name",
    "row",
    "item",
    "quantity",
];

fn filled(f: &Fixture) {
    f.store
        .write(|w| Ok(w.execute("INSERT INTO renkei_user (id, code, name) VALUES (5, 'sato', '佐藤')", [])?))
        .unwrap();
    f.store.records("shop").register(&Values::new().set("code", "S1").set("name", "本店")).unwrap();
}

#[test]
fn what_was_exported_imports_and_exports_the_same() {
    let source = Fixture::empty(every_type());
    filled(&source);
    let row = |key: &str| DetailRow::new().set("row", key).set("item", "髙①\"").set("quantity", "-0.125");
    let every = source.store.records("every");
    let full = Values::new()
        .set("number", "0001")
        .set("line", " \"空白\",と\tタブ ")
        .set("lines", "一\n二\r\n三\r四\n")
        .set("whole", "-999999999999999999")
        .set("exact", "-0.000000000000000001")
        .set("date", "0001-01-01")
        .set("jdate", "9999-12-31")
        .set("at", "2026-02-28 23:59:59")
        .set("time", "00:00:01")
        .set("one", "い,ろ")
        .set("many", ["黄", "赤"])
        .set("user", "sato")
        .set("mail", "a@example.jp")
        .set("url", "https://example.jp/?a=1,2")
        .set("phone", "+81-3-0000-0000")
        .set("shop", "S1");
    // The whole number is small enough to be doubled.
    let full = full.set("whole", "-99999999999999999");
    every.register(&full.row(row("A")).row(row("B"))).unwrap();
    every.register(&Values::new().set("number", "=2").set("line", "ソ―～∥ｱ").set("one", " う ")).unwrap();
    every.register(&Values::new().set("number", "3").set("lines", "\"").row(row("A"))).unwrap();

    for (encoding, quoting, delimiter) in [
        (OutputEncoding::Utf8, Quoting::Minimal, ','),
        (OutputEncoding::Utf8Bom, Quoting::All, '\t'),
        (OutputEncoding::Cp932, Quoting::Minimal, ';'),
        (OutputEncoding::Cp932, Quoting::All, ','),
    ] {
        let format = Format { encoding, quoting, delimiter, ..Format::default() };
        let export = Export::of("every").columns(WRITABLE).format(format);
        let path = source.dir.path().join("every.csv");
        source.store.export_to_path(&export, &path).unwrap();

        let target = Fixture::empty(every_type());
        filled(&target);
        let mut setting = WRITABLE
            .iter()
            .fold(ImportSetting::new("every", "all", "全て").mode(ImportMode::InsertKeyed), |setting, field| {
                setting.column(*field)
            });
        setting.dialect.delimiter = delimiter;
        target.store.write(|w| save_setting(w, &*Catalog::of(&target.store, w)?, &mut setting).map(|_| ())).unwrap();
        let reserved = target.store.reserve_import(&ImportRequest::path("every", "all", &path)).unwrap();
        Worker::new(&target.store).run_until_idle().unwrap();
        let status = target.store.import_status(reserved.process_id).unwrap();
        let rejects = target.store.rejects(reserved.process_id, 0, 100).unwrap();
        assert!(rejects.is_empty(), "{encoding:?}: {rejects:?}");
        assert_eq!(status.state, JobState::Completed, "{:?}", status.error);
        let again = target.dir.path().join("again.csv");
        target.store.export_to_path(&export, &again).unwrap();
        let texts = [&path, &again].map(|path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned());
        assert_eq!(texts[0], texts[1], "{encoding:?}");
        // What the store fills in itself is there as well.
        let all = |store: &Store| {
            let mut out = Vec::new();
            store.export(&Export::of("every"), &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(all(&source.store), all(&target.store));
    }
}

#[test]
fn several_threads_write_what_one_writes() {
    let f = Fixture::empty(databases());
    let row = |at: usize| DetailRow::new().set("item", format!("品\"{at}")).set("quantity", at as i64);
    let all: Vec<Values> = (0..25_000)
        .map(|at| {
            let name = if at == 0 { "\u{FEFF}é".to_owned() } else { format!("é{at}\n") };
            let values = Values::new().set("number", format!("{at:06}")).set("name", name);
            (0..at % 3).fold(values, |values, part| values.row(row(at + part)))
        })
        .collect();
    f.store.records("orders").register_all(&all, &Default::default()).unwrap();
    // Gaps of all sizes, also of whole stretches.
    f.store
        .write(|w| {
            Ok(w.execute("DELETE FROM orders WHERE number LIKE '%3' OR number BETWEEN '008000' AND '010000'", [])?)
        })
        .unwrap();

    let report = |encoding| Format { encoding, unmappable: Unmappable::Report, ..Format::default() };
    for format in [report(OutputEncoding::Utf8), report(OutputEncoding::Utf8Bom), report(OutputEncoding::Cp932)] {
        for headings in [Headings::Names, Headings::None] {
            for columns in [&["name", "number"][..], &["name", "number", "item", "quantity"], &["_id", "price"]] {
                let export = Export::of("orders").columns(columns.iter().copied()).format(format);
                let export = export.headings(headings.clone());
                let (mut several, mut one) = (Vec::new(), Vec::new());
                let of_several = f.store.export(&export, &mut several).unwrap();
                // An order, even this one, is left to one thread.
                let of_one = f.store.export(&export.clone().sort(Sort::ascending("_id")), &mut one).unwrap();
                assert!(several == one);
                assert_eq!(of_several, of_one);
            }
        }
    }

    let strict = Format { encoding: OutputEncoding::Cp932, ..Format::default() };
    f.store.write(|w| Ok(w.execute("UPDATE orders SET name = 'a' WHERE number <> '020000'", [])?)).unwrap();
    let export = Export::of("orders").columns(["number", "name"]).format(strict);
    let errors = [export.clone(), export.sort(Sort::ascending("_id"))].map(|export| f.refusal(&export));
    assert_eq!(errors[0].code(), Code::CsvUnmappable);
    assert_eq!(errors[0].to_string(), errors[1].to_string());
    let mut calls = 0;
    let cancelled = f.store.export_with_progress(
        &Export::of("orders"),
        Interrupted(|| std::thread::sleep(std::time::Duration::from_millis(60))),
        |_| {
            calls += 1;
            calls < 3
        },
    );
    assert_eq!(cancelled.unwrap_err().code(), Code::Cancelled);
}

#[test]
fn several_threads_see_one_moment() {
    let f = Fixture::empty(databases());
    many(&f, 25_000);
    // Each transaction moves one from the last record to the first: the sum stays.
    f.store.write(|w| Ok(w.execute("UPDATE area SET name = '1000'", [])?)).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let sql = "UPDATE area SET name = name + CASE code WHEN '000000' THEN 1 ELSE -1 END
                    WHERE code IN ('000000', '024999')";
                f.store.write(|w| Ok(w.execute(sql, [])?)).unwrap();
                std::thread::sleep(std::time::Duration::from_micros(100));
            }
        });
        let export = Export::of("area").columns(["name"]).headings(Headings::None);
        for _ in 0..30 {
            let sum: i64 = f.text(&export).lines().map(|line| line.parse::<i64>().unwrap()).sum();
            if sum != 25_000_000 {
                stop.store(true, std::sync::atomic::Ordering::Relaxed);
            }
            assert_eq!(sum, 25_000_000);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}
