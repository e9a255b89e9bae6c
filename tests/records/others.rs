//! What records have to do with other things: linked records, users, files, approval.

use super::*;

fn shops() -> [Database; 3] {
    [
        Database::new("areas", "地域").field(Field::key("code", "地域コード")).field(Field::text("name", "地域名")),
        Database::new("shops", "店")
            .field(Field::key("code", "店コード"))
            .field(Field::text("name", "店名"))
            .field(Field::number("rate", "掛率", 1))
            .field(Field::choice("rank", "ランク", &["A", "B"]))
            .field(Field::link("area", "地域", "areas"))
            .field(Field::dependent("area_name", "地域名", "area", "name"))
            .field(Field::auto_number("serial", "通番", AutoNumber { digits: 2, ..AutoNumber::default() }))
            .field(Field::calculated("double", "倍", 1, "rate * 2").unwrap()),
        Database::new("orders", "注文")
            .field(Field::key("number", "番号"))
            .field(Field::link("shop", "店", "shops"))
            .field(Field::dependent("rate", "掛率", "shop", "rate"))
            .field(Field::dependent("rank", "ランク", "shop", "rank"))
            .field(Field::dependent("area", "地域コード", "shop", "area"))
            .field(Field::dependent("area_name", "地域名", "shop", "area_name"))
            .field(Field::dependent("serial", "通番", "shop", "serial"))
            .field(Field::dependent("double", "倍", "shop", "double"))
            .field(Field::reference("shop_name", "店名", "shop", "name"))
            .field(Field::reference("shop_area", "店の地域", "shop", "area"))
            .field(Field::calculated("tenfold", "十倍", 1, "rate * 10").unwrap()),
    ]
}

#[test]
fn links_bring_dependent_and_reference_values_along() {
    let fixture = Fixture::of(shops());
    let (areas, shops, orders) =
        (fixture.store.records("areas"), fixture.store.records("shops"), fixture.store.records("orders"));
    areas.register(&Values::new().set("code", "13").set("name", "関東")).unwrap();
    areas.register(&Values::new().set("code", "27").set("name", "関西")).unwrap();
    let shop =
        |code: &str, rate: &str| Values::new().set("code", code).set("name", format!("店{code}")).set("rate", rate);
    shops.register(&shop("1", "0.5").set("rank", "B").set("area", "13")).unwrap();
    shops.register(&shop("2", "0.7").set("area", "27")).unwrap();
    let fields = ["rate", "rank", "area", "area_name", "serial", "double", "shop_name", "shop_area", "tenfold"];
    let shown = |key: &str| {
        let record = orders.view(key).unwrap();
        fields.map(|field| record.text(field)).join("|")
    };
    orders.register(&Values::new().set("number", "a").set("shop", "1")).unwrap();
    assert_eq!(shown("a"), "0.5|B|13|関東|01|1.0|店1|13|5.0");
    // Changed at the source: what was copied stays, what is read through follows.
    shops.update("1", &Values::new().set("rate", "0.9").set("name", "新店").set("area", "27")).unwrap();
    assert_eq!(shown("a"), "0.5|B|13|関東|01|1.0|新店|27|5.0");
    // The link given once more fetches anew.
    orders.update("a", &Values::new().set("shop", "1")).unwrap();
    assert_eq!(shown("a"), "0.9|B|27|関西|01|1.8|新店|27|9.0");
    orders.update("a", &Values::new().set("shop", "2").set("rate", "0.1")).unwrap();
    assert_eq!(shown("a"), "0.1||27|関西|02|1.4|店2|27|1.0", "what is given itself is kept");
    orders.update_with("a", &Values::new().set("shop", "1"), &WriteOptions::new().fill_dependents(false)).unwrap();
    assert_eq!(shown("a"), "0.1||27|関西|02|1.4|新店|27|1.0");
    // Each copied value may be given in the form of its source.
    let given = Values::new().set("rank", "A").set("area", "13").set("serial", "99").set("double", "7.5");
    orders.update("a", &given).unwrap();
    assert_eq!(shown("a"), "0.1|A|13|関西|99|7.5|新店|27|1.0");
    let refused =
        Values::new().set("rank", "C").set("area", "99").set("rate", "x").set("double", "1.23").set("shop_name", "x");
    assert_eq!(
        violations(&orders.update("a", &refused).unwrap_err()),
        [
            "rate: value.number",
            "rank: value.choice",
            "area: value.link",
            "double: value.number.scale",
            "shop_name: value.read_only"
        ]
    );
    orders.update("a", &Values::new().set("shop", "")).unwrap();
    assert_eq!(shown("a"), "||||||||");
    fixture.check_file();
}

#[test]
fn linked_records_are_kept_from_deletion() {
    let fixture = Fixture::of(shops());
    let (shops, orders) = (fixture.store.records("shops"), fixture.store.records("orders"));
    shops.register(&Values::new().set("code", "1")).unwrap();
    orders.register(&Values::new().set("number", "a").set("shop", "1")).unwrap();
    let refused = shops.delete("1").unwrap_err();
    assert_eq!((refused.code(), refused.kind()), (Code::RecordLinked, Kind::Conflict));
    assert!(refused.to_string().contains("orders"), "{refused}");
    assert_eq!(shops.view("1").unwrap().revision(), 1);
    // The link follows a changed key.
    shops.update("1", &Values::new().set("code", "01")).unwrap();
    assert_eq!(orders.view("a").unwrap().text("shop"), "01");
    orders.delete("a").unwrap();
    shops.delete("01").unwrap();
}

#[test]
fn records_may_link_to_their_own_database_and_to_themselves() {
    let fixture = Fixture::of([Database::new("staff", "社員")
        .field(Field::key("number", "番号"))
        .field(Field::link("boss", "上司", "staff"))
        .field(Field::reference("top", "上司の上司", "boss", "boss"))]);
    let records = fixture.store.records("staff");
    records.register(&Values::new().set("number", "1")).unwrap();
    records.update("1", &Values::new().set("boss", "1")).unwrap();
    records.register(&Values::new().set("number", "2").set("boss", "1")).unwrap();
    assert_eq!(records.view("2").unwrap().text("top"), "1");
    assert_eq!(records.delete("1").unwrap_err().code(), Code::RecordLinked);
    records.delete("2").unwrap();
    records.delete("1").unwrap();
    fixture.check_file();
}

#[test]
fn calculations_follow_what_they_need() {
    let fixture = Fixture::of([Database::new("d", "D")
        .field(Field::key("k", "K"))
        .field(Field::calculated("total", "合計", 0, "tax + net").unwrap())
        .field(Field::calculated("tax", "税", 0, "round(net * 0.1, 0)").unwrap())
        .field(Field::calculated("net", "本体", 0, "price * quantity").unwrap())
        .field(Field::number("price", "単価", 2))
        .field(Field::number("quantity", "数量", 0))
        .field(Field::calculated("ratio", "比", 3, "price / or(quantity, 1)").unwrap())]);
    let records = fixture.store.records("d");
    let shown = |key: &str| {
        let record = records.view(key).unwrap();
        ["net", "tax", "total", "ratio"].map(|field| record.text(field)).join("|")
    };
    records.register(&Values::new().set("k", "1").set("price", "10.25").set("quantity", 3)).unwrap();
    assert_eq!(shown("1"), "31|3|34|3.417");
    records.update("1", &Values::new().set("quantity", "")).unwrap();
    assert_eq!(shown("1"), "|||10.250");
    let zero = records.update("1", &Values::new().set("quantity", 0)).unwrap_err();
    assert_eq!(violations(&zero), ["ratio: value.calculation"]);
    names_the_field(&zero.violations()[0]);
    let large = Values::new().set("price", "9999999999999999.99").set("quantity", "999999999999999999");
    let overflow = records.update("1", &large).unwrap_err();
    assert!(violations(&overflow).contains(&"net: value.calculation".to_owned()), "{overflow}");
    assert_eq!(shown("1"), "|||10.250");
}

#[test]
fn users_are_values_and_authors() {
    let fixture = everything_fixture();
    let records = fixture.store.records("everything");
    records.register(&Values::new().set("k", "1").set("u", "hanako")).unwrap();
    assert_eq!(records.view("1").unwrap().created_by(), None);
    let hanako = fixture.store.as_user("hanako").unwrap();
    hanako.records("everything").update("1", &Values::new().set("t", "x")).unwrap();
    let record = records.view("1").unwrap();
    assert_eq!((record.created_by(), record.updated_by()), (None, Some("hanako")));
    assert_eq!(fixture.store.as_user("taro").unwrap_err().code(), Code::DefinitionNotFound);
    // Renamed, he is the same.
    let id = fixture.store.users().unwrap()[0].id;
    let renamed = User { id, ..User::new("yamada", "山田") };
    fixture.store.apply(&Blueprint::new().user(renamed)).unwrap();
    let record = records.view("1").unwrap();
    assert_eq!((record.text("u").as_str(), record.updated_by()), ("yamada", Some("yamada")));
    let sqlite = fixture.sqlite();
    let shown: String = sqlite.query_row("SELECT 項目u FROM everything__view", [], |row| row.get(0)).unwrap();
    assert_eq!(shown, "山田");
}

#[test]
fn files_belong_to_one_record_and_go_with_it() {
    let fixture = everything_fixture();
    let records = fixture.store.records("everything");
    let put = |bytes: &[u8]| fixture.store.put_file("見積.txt", bytes).unwrap();
    let first = put("合計".as_bytes());
    assert_eq!(first.sha256.len(), 64);
    records.register(&Values::new().set("k", "1").set("f", Value::File(first.id))).unwrap();
    let taken = records.register(&Values::new().set("k", "2").set("f", Value::File(first.id))).unwrap_err();
    assert_eq!(only(&taken).code(), Code::FileAttached);
    assert_eq!(records.update("1", &Values::new().set("f", first.id)).unwrap().written, Written::Unchanged);
    let second = put(&vec![7; 600_000]);
    // A refused record takes no file.
    assert!(records.update("1", &Values::new().set("f", second.id).set("n", "x")).is_err());
    records.update("1", &Values::new().set("f", second.id)).unwrap();
    assert_eq!(fixture.store.file(first.id).unwrap_err().code(), Code::FileNotFound);
    let mut bytes = Vec::new();
    fixture.store.read_file(second.id).unwrap().read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, vec![7; 600_000]);
    let shown: String =
        fixture.sqlite().query_row("SELECT ファイル FROM everything__view", [], |row| row.get(0)).unwrap();
    assert_eq!(shown, "見積.txt");
    let third = put(b"");
    records.update("1", &Values::new().set("f", "")).unwrap();
    assert_eq!(fixture.store.file(second.id).unwrap_err().code(), Code::FileNotFound);
    records.update("1", &Values::new().set("f", third.id)).unwrap();
    records.delete("1").unwrap();
    assert_eq!(fixture.store.file(third.id).unwrap_err().code(), Code::FileNotFound);
    let pieces: i64 =
        fixture.sqlite().query_row("SELECT count(*) FROM renkei_file_chunk", [], |row| row.get(0)).unwrap();
    assert_eq!(pieces, 0);
    fixture.check_file();
}

#[test]
fn files_that_nobody_takes_are_gone_after_a_day() {
    let fixture = everything_fixture();
    let records = fixture.store.records("everything");
    let kept = fixture.store.put_file("a", &b"a"[..]).unwrap().id;
    let lost = fixture.store.put_file("b", &b"b"[..]).unwrap().id;
    records.register(&Values::new().set("k", "1").set("f", kept)).unwrap();
    fixture.clock.advance(Duration::from_secs(24 * 60 * 60 + 1));
    let late = records.register(&Values::new().set("k", "2").set("f", lost)).unwrap_err();
    assert_eq!(only(&late).code(), Code::FileUnknown);
    renkei::Worker::new(&fixture.store).sweep().unwrap();
    assert_eq!(fixture.store.file(lost).unwrap_err().code(), Code::FileNotFound);
    assert_eq!(fixture.store.file(kept).unwrap().bytes, 1);
    let files: i64 = fixture.sqlite().query_row("SELECT count(*) FROM renkei_file", [], |row| row.get(0)).unwrap();
    assert_eq!(files, 1);
}

#[test]
fn approval_is_given_and_withdrawn() {
    let fixture = Fixture::of([people().with_approval()]);
    let records = fixture.store.records("people");
    records.register(&Values::new().set("number", "1").set("name", "a")).unwrap();
    assert_eq!(records.view("1").unwrap().approval(), Some(Approval::Pending));
    let saved = records.approve("1").unwrap();
    assert_eq!((saved.written, saved.revision), (Written::Updated, 2));
    let again = records.approve("1").unwrap();
    assert_eq!((again.written, again.revision), (Written::Unchanged, 2));
    assert_eq!(records.view("1").unwrap().approval(), Some(Approval::Approved));
    assert_eq!(records.withdraw_approval("1").unwrap().revision, 3);
    assert_eq!(records.approve("9").unwrap_err().code(), Code::RecordNotFound);
    let approved = WriteOptions::new().approve(true);
    records.register_with(&Values::new().set("number", "2").set("name", "b"), &approved).unwrap();
    assert_eq!(records.view("2").unwrap().to_json()["_approval"], "approved");
    let (_fixture, records) = people_fixture();
    records.register_with(&Values::new().set("number", "1").set("name", "a"), &approved).unwrap();
    assert_eq!(records.view("1").unwrap().approval(), None);
    assert_eq!(records.approve("1").unwrap_err().code(), Code::ApprovalAbsent);
}
