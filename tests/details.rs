//! Detail rows: appended, merged, replaced; their keys, positions, links, calculations, files.

mod common;

use common::{Fixture, only, violations};
use renkei::{Code, Database, DetailMode, DetailRow, Field, Record, Records, Value, Values, WriteOptions, Written};

fn databases() -> [Database; 2] {
    [
        Database::new("items", "商品")
            .field(Field::key("code", "商品コード"))
            .field(Field::text("name", "商品名"))
            .field(Field::number("price", "標準価格", 0)),
        Database::new("orders", "注文")
            .field(Field::key("number", "注文番号"))
            .field(Field::text("memo", "メモ"))
            .field(Field::number("rate", "掛率", 2).default_value("1"))
            .field(Field::calculated("total", "合計", 0, "sum(amount)").unwrap())
            .field(Field::calculated("lines", "行数", 0, "count()").unwrap())
            .field(Field::calculated("mean", "平均", 1, "avg(amount)").unwrap())
            .field(Field::calculated("share", "比率", 2, "rate / max(total, 1)").unwrap())
            .detail(Field::detail_key("line", "明細キー"))
            .detail(Field::link("item", "商品", "items"))
            .detail(Field::dependent("price", "単価", "item", "price"))
            .detail(Field::reference("item_name", "品名", "item", "name"))
            .detail(Field::number("quantity", "数量", 0).required().default_value("1"))
            .detail(Field::calculated("amount", "金額", 0, "price * quantity * rate").unwrap())
            .detail(Field::text("serial", "製造番号").unique())
            .detail(Field::file("photo", "写真"))
            .detail(Field::text("note", "備考").full_text()),
    ]
}

fn fixture() -> (Fixture, Records) {
    let fixture = Fixture::of(databases());
    let items = fixture.store.records("items");
    for (code, name, price) in [("a", "箱", 100), ("b", "紐", 7)] {
        items.register(&Values::new().set("code", code).set("name", name).set("price", price)).unwrap();
    }
    let records = fixture.store.records("orders");
    (fixture, records)
}

fn row(line: &str, item: &str, quantity: &str) -> DetailRow {
    DetailRow::new().set("line", line).set("item", item).set("quantity", quantity)
}

fn order(number: &str) -> Values {
    Values::new().set("number", number)
}

fn shown(record: &Record, fields: &[&str]) -> Vec<String> {
    let line = |row: &renkei::RecordRow| fields.iter().map(|field| row.text(field)).collect::<Vec<_>>().join("|");
    record.rows().iter().map(line).collect()
}

fn header(record: &Record) -> [String; 4] {
    ["total", "lines", "mean", "share"].map(|field| record.text(field))
}

#[test]
fn rows_are_written_in_order_and_summed() {
    let (fixture, records) = fixture();
    records.register(&order("1").row(row("1", "a", "2")).row(row("2", "b", "10")).row(row("3", "", "5"))).unwrap();
    let record = records.view("1").unwrap();
    assert_eq!(
        shown(&record, &["line", "item", "item_name", "price", "quantity", "amount"]),
        ["1|a|箱|100|2|200", "2|b|紐|7|10|70", "3||||5|"]
    );
    assert_eq!(header(&record), ["270", "3", "135.0", "0.00"]);
    assert_eq!(record.to_json()["details"][0]["item_name"], "箱");
    // A field of the header in the rows.
    records.update("1", &Values::new().set("rate", "0.5")).unwrap();
    let record = records.view("1").unwrap();
    assert_eq!(shown(&record, &["amount"]), ["100", "35", ""]);
    assert_eq!(header(&record), ["135", "3", "67.5", "0.00"]);
    records.register(&order("2")).unwrap();
    assert_eq!(header(&records.view("2").unwrap()), ["0", "0", "", "1.00"]);
    fixture.check_file();
}

#[test]
fn merging_changes_named_rows_and_appends_the_others() {
    let (fixture, records) = fixture();
    records.register(&order("1").row(row("1", "a", "2")).row(row("2", "b", "10"))).unwrap();
    let before = records.view("1").unwrap();
    let ids: Vec<i64> = before.rows().iter().map(renkei::RecordRow::id).collect();
    let changes = Values::new()
        .row(DetailRow::new().set("line", "2").set("quantity", 1))
        .row(DetailRow::of(ids[0]).set("quantity", 3).set("line", "eins"))
        .row(row("9", "a", "1"))
        .row(DetailRow::new().set("note", "ohne Schlüssel"));
    let saved = records.update("1", &changes).unwrap();
    assert_eq!((saved.written, saved.revision), (Written::Updated, 2));
    let record = records.view("1").unwrap();
    assert_eq!(shown(&record, &["line", "quantity", "note"]), ["eins|3|", "2|1|", "9|1|", "|1|ohne Schlüssel"]);
    assert_eq!(record.rows().iter().take(2).map(renkei::RecordRow::id).collect::<Vec<_>>(), ids);
    assert_eq!(record.text("total"), "407");
    // The same once more, as far as it names rows, changes nothing.
    let same = Values::new().row(DetailRow::new().set("line", "9").set("quantity", 1).set("item", "a"));
    let saved = records.update("1", &same).unwrap();
    assert_eq!((saved.written, saved.revision), (Written::Unchanged, 2));
    let unknown = records.update("1", &Values::new().row(DetailRow::of(99).set("quantity", 1))).unwrap_err();
    assert_eq!((only(&unknown).code(), only(&unknown).row()), (Code::DetailKeyUnknown, Some(1)));
    // The row of another record is no row of this one.
    records.register(&order("2")).unwrap();
    let foreign = records.update("2", &Values::new().row(DetailRow::of(ids[0]).set("quantity", 9))).unwrap_err();
    assert_eq!(only(&foreign).code(), Code::DetailKeyUnknown);
    fixture.check_file();
}

#[test]
fn appending_refuses_detail_keys_that_exist() {
    let (_fixture, records) = fixture();
    records.register(&order("1").row(row("1", "a", "1"))).unwrap();
    let append = WriteOptions::new().details(DetailMode::Append);
    let refused = records.update_with("1", &Values::new().row(row("2", "a", "1")).row(row("1", "b", "1")), &append);
    assert_eq!(violations(&refused.unwrap_err()), ["2/line: value.duplicate"]);
    assert_eq!(records.view("1").unwrap().rows().len(), 1);
    records.update_with("1", &Values::new().row(row("2", "b", "1")), &append).unwrap();
    records.register(&order("2").row(row("1", "a", "1"))).unwrap();
    let doubled = records.register(&order("3").row(row("1", "a", "1")).row(row("1", "a", "1"))).unwrap_err();
    assert_eq!(violations(&doubled), ["2/line: value.duplicate"]);
}

#[test]
fn replacing_leaves_the_given_rows_only() {
    let (fixture, records) = fixture();
    records.register(&order("1").row(row("1", "a", "1")).row(row("2", "b", "1"))).unwrap();
    let greatest = records.view("1").unwrap().rows()[1].id();
    let replace = WriteOptions::new().details(DetailMode::Replace);
    records.update_with("1", &Values::new().row(row("1", "b", "2")), &replace).unwrap();
    let record = records.view("1").unwrap();
    assert_eq!(shown(&record, &["line", "item", "amount"]), ["1|b|14"]);
    assert_eq!(record.text("total"), "14");
    assert!(record.rows()[0].id() > greatest, "ids of rows are not used twice");
    let same = records.update_with("1", &Values::new().row(row("1", "b", "2")), &replace).unwrap();
    assert_eq!((same.written, same.revision), (Written::Unchanged, 2), "the same rows change nothing");
    records.update_with("1", &Values::new(), &replace).unwrap();
    assert_eq!(header(&records.view("1").unwrap())[..2], ["0", "0"]);
    assert_eq!(records.update_with("1", &Values::new(), &replace).unwrap().written, Written::Unchanged);
    fixture.check_file();
}

#[test]
fn all_violations_of_header_and_rows_are_told_at_once() {
    let (fixture, records) = fixture();
    records.register(&order("1").row(row("1", "a", "1").set("serial", "S1"))).unwrap();
    let values = order("1")
        .set("rate", "x")
        .row(row("1", "zzz", "1"))
        .row(row("2", "a", "").set("nothing", 1).set("photo", 7))
        .row(row("3", "a", "1").set("serial", "S1"))
        .row(row("4", "a", "1"));
    let expected = [
        "number: value.duplicate",
        "rate: value.number",
        "1/item: value.link",
        "2/quantity: value.required",
        "2/photo: value.file",
        "2/nothing: field.unknown",
        "3/serial: value.duplicate",
    ];
    let refused = records.register(&values).unwrap_err();
    assert_eq!(violations(&refused), expected);
    assert!(refused.to_string().contains("detail row 3"), "{refused}");
    records.register(&order("2")).unwrap();
    assert_eq!(violations(&records.update("2", &values).unwrap_err()), expected);
    let record = records.view("2").unwrap();
    assert_eq!((record.revision(), record.rows().len()), (1, 0));
    assert_eq!(fixture.store.count("orders", None).unwrap(), 2);
    fixture.check_file();
}

#[test]
fn calculations_that_fail_are_told_once_and_where() {
    let fixture = Fixture::of([Database::new("d", "D")
        .field(Field::key("k", "K"))
        .field(Field::number("n", "N", 0))
        .field(Field::calculated("total", "合計", 0, "sum(x)").unwrap())
        .field(Field::calculated("inverse", "逆数", 3, "n / or(total, 0)").unwrap())
        .detail(Field::number("x", "X", 0))
        .detail(Field::calculated("part", "部分", 2, "n / x").unwrap())]);
    let records = fixture.store.records("d");
    let row = |x: i64| DetailRow::new().set("x", x);
    let key = |key: &str| Values::new().set("k", key).set("n", 6);
    records.register(&key("1").row(row(2)).row(row(1))).unwrap();
    let record = records.view("1").unwrap();
    assert_eq!(record.text("inverse"), "2.000");
    assert_eq!(shown(&record, &["part"]), ["3.00", "6.00"]);
    let refused = records.register(&key("2").row(row(1)).row(row(0)).row(row(-1))).unwrap_err();
    assert_eq!(violations(&refused), ["inverse: value.calculation", "2/part: value.calculation"]);
    let refused = records.register(&key("2")).unwrap_err();
    assert_eq!(violations(&refused), ["inverse: value.calculation"]);
    // Rows feed the header in the same write.
    let replace = WriteOptions::new().details(DetailMode::Replace);
    records.update_with("1", &Values::new().set("n", 12).row(row(4)), &replace).unwrap();
    assert_eq!(records.view("1").unwrap().text("inverse"), "3.000");
    let refused = records.update_with("1", &Values::new(), &replace).unwrap_err();
    assert_eq!(violations(&refused), ["inverse: value.calculation"]);
    assert_eq!(records.view("1").unwrap().rows().len(), 1);
}

#[test]
fn rows_that_link_keep_records_from_deletion_and_go_with_theirs() {
    let (fixture, records) = fixture();
    let items = fixture.store.records("items");
    let photo = fixture.store.put_file("p.jpg", &b"jpg"[..]).unwrap().id;
    let with_photo = row("1", "a", "1").set("photo", Value::File(photo)).set("note", "赤い箱");
    records.register(&order("1").row(with_photo)).unwrap();
    let refused = items.delete("a").unwrap_err();
    assert_eq!(refused.code(), Code::RecordLinked);
    assert!(refused.to_string().contains("orders"), "{refused}");
    let id = records.view("1").unwrap().rows()[0].id();
    records.delete("1").unwrap();
    assert_eq!(fixture.store.file(photo).unwrap_err().code(), Code::FileNotFound);
    items.delete("a").unwrap();
    records.register(&order("2").row(row("1", "b", "1").set("note", "青い箱"))).unwrap();
    assert!(records.view("2").unwrap().rows()[0].id() > id);
    let found = |term: &str| fixture.store.count("orders", Some(&renkei::Condition::contains("note", term))).unwrap();
    assert_eq!((found("赤い"), found("青い"), found("い箱")), (0, 1, 1));
    fixture.check_file();
}

#[test]
fn a_row_keeps_its_file_when_rows_are_replaced_by_themselves() {
    let (fixture, records) = fixture();
    let photo = fixture.store.put_file("p.jpg", &b"jpg"[..]).unwrap().id;
    records.register(&order("1").row(row("1", "a", "1").set("photo", Value::File(photo)))).unwrap();
    let replace = WriteOptions::new().details(DetailMode::Replace);
    let again = Values::new().row(row("1", "a", "2").set("photo", Value::File(photo))).row(row("2", "b", "1"));
    records.update_with("1", &again, &replace).unwrap();
    let record = records.view("1").unwrap();
    assert_eq!(record.rows()[0].value("photo"), Value::File(photo));
    assert_eq!(fixture.store.file(photo).unwrap().bytes, 3);
    records.update_with("1", &Values::new().row(row("2", "b", "1")), &replace).unwrap();
    assert_eq!(fixture.store.file(photo).unwrap_err().code(), Code::FileNotFound);
    fixture.check_file();
}

#[test]
fn what_a_view_shows_can_be_written_back() {
    let (_fixture, records) = fixture();
    records.register(&order("1").row(row("1", "a", "2")).row(row("2", "b", "3"))).unwrap();
    let mut json = records.view("1").unwrap().to_json();
    let object = json.as_object_mut().unwrap();
    object.retain(|name, _| !name.starts_with('_'));
    for calculated in ["total", "lines", "mean", "share"] {
        object.remove(calculated);
    }
    for row in object["details"].as_array_mut().unwrap() {
        let row = row.as_object_mut().unwrap();
        row.remove("amount");
        row.remove("item_name");
    }
    let values: Values = serde_json::from_value(json).unwrap();
    assert_eq!(records.update("1", &values).unwrap().written, Written::Unchanged);
}
