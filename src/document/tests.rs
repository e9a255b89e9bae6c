use proptest::prelude::*;

use super::blocks::{Block, Piece, parse};
use super::*;
use crate::error::Language;
use crate::query::Query;
use crate::record::{DetailRow, Values};
use crate::schema::{Database, Field};
use crate::{Blueprint, DefinitionKind};

struct World {
    _dir: tempfile::TempDir,
    store: Store,
}

fn world() -> World {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create(dir.path().join("store.db")).unwrap();
    let orders = Database::new("orders", "受注")
        .field(Field::key("number", "受注番号"))
        .field(Field::text("customer", "顧客名"))
        .field(Field::number("total", "合計", 0))
        .detail(Field::text("item", "品名"))
        .detail(Field::number("price", "単価", 0));
    store.apply(&Blueprint::new().database(orders)).unwrap();
    let row = |item: &str, price: i64| DetailRow::new().set("item", item).set("price", price);
    let order = |number: &str, customer: &str, total: i64| {
        Values::new().set("number", number).set("customer", customer).set("total", total)
    };
    let records = store.records("orders");
    records.register(&order("A-1", "山田<商店>", 320).row(row("りんご", 120)).row(row("|梨|", 200))).unwrap();
    records.register(&order("A-2", "髙橋", 0)).unwrap();
    records.register(&order("A-3", "鈴木", 50).row(row("柿", 50))).unwrap();
    World { _dir: dir, store }
}

fn template(content: FileContent) -> FileTemplate {
    FileTemplate {
        line_end: LineEnd::Lf, ..FileTemplate::new("orders", "file", "ファイル", "${@today}.txt", content)
    }
}

impl World {
    fn save(&self, template: FileTemplate) -> Result<()> {
        self.store.apply(&Blueprint::new().file_template(template)).map(|_| ())
    }

    fn run(&self, request: FileRequest) -> Result<(GeneratedFile, Vec<u8>)> {
        let mut out = Vec::new();
        let file = self.store.generate_file(&request, &mut out)?;
        assert_eq!(file.bytes, out.len() as u64);
        Ok((file, out))
    }

    fn text(&self, content: FileContent, request: impl FnOnce(FileRequest) -> FileRequest) -> String {
        self.save(template(content)).unwrap();
        String::from_utf8(self.run(request(FileRequest::new("orders", "file"))).unwrap().1).unwrap()
    }

    fn refused(&self, template: FileTemplate) -> Error {
        let error = self.save(template).unwrap_err();
        assert!(!error.message(Language::Japanese).is_empty());
        error
    }
}

fn text(text: &str) -> FileContent {
    FileContent::Text(text.to_owned())
}

#[test]
fn records_and_their_rows_are_repeated() {
    let world = world();
    let all = "計${@count}件\n${@each records}\n${@number} ${number} ${customer}\n  ${@each rows}\n  - ${@number} ${item} (${number}) ${price|display}\n  ${@else}\n  - 明細なし\n  ${@end}\n${@end}\n以上\n";
    assert_eq!(
        world.text(text(all), |request| request),
        "計3件\n1 A-1 山田<商店>\n  - 1 りんご (A-1) 120\n  - 2 |梨| (A-1) 200\n2 A-2 髙橋\n  - 明細なし\n3 A-3 鈴木\n  - 1 柿 (A-3) 50\n以上\n"
    );
    let found = Query::new().filter(Condition::at_least("total", 50)).sort(Sort::descending("total")).limit(1);
    let some = world.text(text(all), |request| request.found(found));
    assert!(some.starts_with("計1件\n1 A-1 "), "{some}");
    let none = "${@each records}x${@else}なし${@end}";
    assert_eq!(
        world.text(text(none), |request| request.found(Query::new().filter(Condition::equals("number", "B")))),
        "なし"
    );
    // Rows of the record that the file is about; blocks within a line stay in it.
    let one = "${number}: ${@each rows}[${item}]${@end} ${@memo}";
    assert_eq!(world.text(text(one), |request| request.record("A-1").memo("m")), "A-1: [りんご][|梨|] m");
    assert_eq!(world.text(text(one), |request| request.record("A-2")), "A-2:  ");
}

#[test]
fn values_are_escaped_for_the_kind_of_file() {
    let world = world();
    let html = "<ul title=\"${@count}\">\n${@each records}\n<li>${customer}</li>\n${@end}\n</ul>";
    assert_eq!(
        world.text(FileContent::Html(html.to_owned()), |request| request),
        "<ul title=\"3\">\n<li>山田&lt;商店&gt;</li>\n<li>髙橋</li>\n<li>鈴木</li>\n</ul>"
    );
    let markdown = "| 品名 |\n|---|\n${@each rows}\n| ${item} |\n${@end}\n";
    assert_eq!(
        world.text(FileContent::Markdown(markdown.to_owned()), |request| request.record("A-1")),
        "| 品名 |\n|---|\n| りんご |\n| \\|梨\\| |\n"
    );
}

#[test]
fn csv_goes_through_the_export() {
    let world = world();
    let csv = FileCsv { columns: vec![ListColumn { field: "number".into(), name: None }], ..FileCsv::default() };
    let template = FileTemplate {
        condition: Some(Condition::at_least("total", 50)),
        sort: vec![Sort::descending("number")],
        file_name: "受注_${@count}.csv".into(),
        ..FileTemplate::new("orders", "file", "CSV", "", FileContent::Csv(csv))
    };
    world.save(template.clone()).unwrap();
    let (file, out) = world.run(FileRequest::new("orders", "file")).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), "受注番号\r\nA-3\r\nA-1\r\n");
    assert_eq!((file.name.as_str(), file.records), ("受注_2.csv", 2));
    assert_eq!(file.content_type, "text/csv; charset=UTF-8");
    let small = FileTemplate { max_bytes: 10, ..template.clone() };
    world.save(small).unwrap();
    assert_eq!(world.run(FileRequest::new("orders", "file")).unwrap_err().code(), Code::LimitPassed);
    assert_eq!(
        world.refused(FileTemplate { line_end: LineEnd::Lf, ..template.clone() }).code(),
        Code::DefinitionInvalid
    );
    let mut unknown = template;
    unknown.content = FileContent::Csv(FileCsv { list: Some("none".into()), ..FileCsv::default() });
    assert_eq!(world.refused(unknown).code(), Code::DefinitionNotFound);
}

#[test]
fn encodings_line_ends_and_sizes() {
    let world = world();
    let each = "${@each records}\n${customer}\n${@end}\n";
    let mut file = FileTemplate::new("orders", "file", "名簿", "名簿.txt", text(each)).encoding(OutputEncoding::Cp932);
    world.save(file.clone()).unwrap();
    let (made, out) = world.run(FileRequest::new("orders", "file")).unwrap();
    assert_eq!(encoding_rs::SHIFT_JIS.decode(&out).0, "山田<商店>\r\n髙橋\r\n鈴木\r\n");
    assert_eq!(made.content_type, "text/plain; charset=Shift_JIS");
    let other = Values::new().set("number", "A-4").set("customer", "😀");
    world.store.records("orders").register(&other).unwrap();
    let error = world.run(FileRequest::new("orders", "file")).unwrap_err();
    assert_eq!(error.code(), Code::CsvUnmappable);
    assert!(error.to_string().contains("😀"), "{error}");
    // The text of the template is judged when it is saved.
    assert_eq!(world.refused(FileTemplate { content: text("😀"), ..file.clone() }).code(), Code::DefinitionInvalid);
    file.encoding = OutputEncoding::Utf8Bom;
    world.save(file.clone()).unwrap();
    let out = world.run(FileRequest::new("orders", "file")).unwrap().1;
    assert!(out.starts_with("\u{feff}山田".as_bytes()));
    file.max_bytes = out.len() as u64;
    world.save(file.clone()).unwrap();
    world.run(FileRequest::new("orders", "file")).unwrap();
    file.max_bytes -= 1;
    world.save(file.clone()).unwrap();
    assert_eq!(world.run(FileRequest::new("orders", "file")).unwrap_err().code(), Code::LimitPassed);
    for bytes in [0, (1 << 30) + 1] {
        assert_eq!(world.refused(FileTemplate { max_bytes: bytes, ..file.clone() }).code(), Code::DefinitionInvalid);
    }
}

#[test]
fn names_of_files_are_names_everywhere() {
    let world = world();
    let file = |name: &str| FileTemplate { file_name: name.into(), ..template(text("x")) };
    for bad in [
        "",
        " ",
        "a/b",
        "..\\a",
        "a:b",
        "a\nb",
        "a\u{202e}txt.exe",
        "..",
        "a.",
        "con",
        "NUL.txt",
        "com1.csv",
        "${@secret:s}",
    ] {
        let error = world.refused(file(bad));
        assert_eq!(error.kind(), crate::Kind::Definition, "{bad:?}");
    }
    world.refused(file(&"あ".repeat(70)));
    world.save(file("${customer}_${@today}.txt")).unwrap();
    let name = |customer: &str| {
        let values = Values::new().set("customer", customer);
        world.store.records("orders").update("A-2", &values).unwrap();
        world.run(FileRequest::new("orders", "file").record("A-2")).map(|(file, _)| file.name)
    };
    assert!(name("㈱高橋 商店").unwrap().starts_with("㈱高橋 商店_20"));
    for bad in ["../../etc/passwd", "a\\b", "a|b", "\u{202e}", &"x".repeat(250)] {
        let error = name(bad).unwrap_err();
        assert_eq!((error.code(), error.field()), (Code::TemplateValue, Some("customer")), "{bad}");
    }
    world.save(file("${customer}")).unwrap();
    for bad in ["CON", "aux.txt", "..", "a.", " a"] {
        assert_eq!(name(bad).unwrap_err().code(), Code::TemplateValue, "{bad}");
    }
}

#[test]
fn what_cannot_be_is_refused_when_it_is_saved() {
    let world = world();
    for (bad, part) in [
        ("${@each records}", "not closed"),
        ("${@end}", "no ${@each"),
        ("${@each rows}${@else}${@else}${@end}", "once"),
        ("${@else}", "between"),
        ("${@each records}${@each records}${@end}${@end}", "within records"),
        ("${@each rows}${@each records}${@end}${@end}", "within records"),
        ("${@each items}${@end}", "records and rows"),
        ("${item}", "detail field"),
        ("${@each records}${item}${@end}", "detail field"),
        ("${@each records}${none}${@end}", "none"),
        ("${@number}", "@number"),
        ("${@secret:s}", "secret"),
        ("${number", "not closed"),
    ] {
        let error = world.refused(template(text(bad)));
        assert!(error.to_string().contains(part), "{bad}: {error}");
    }
    for bad in
        ["<p ${@each records}>${@end}</p>", "${@each records}<p ${@end}>", "<script>${@each rows}${@end}</script>"]
    {
        let error = world.refused(template(FileContent::Html(bad.to_owned())));
        assert!(error.to_string().contains("outside of tags"), "{bad}: {error}");
    }
    world.save(template(text("${number}"))).unwrap();
    assert_eq!(world.run(FileRequest::new("orders", "file")).unwrap_err().code(), Code::Argument);
    let missing = world.run(FileRequest::new("orders", "file").record("none")).unwrap_err();
    assert_eq!(missing.code(), Code::RecordNotFound);
    let plain = Database::new("plain", "明細なし").field(Field::key("number", "番号"));
    world.store.apply(&Blueprint::new().database(plain)).unwrap();
    let rows = FileTemplate { database: "plain".into(), ..template(text("${@each rows}x${@end}")) };
    assert!(world.refused(rows).to_string().contains("no detail rows"));
}

#[test]
fn fields_that_are_renamed_are_followed_and_those_in_use_stay() {
    let world = world();
    let each = "${@each records}${customer}${@each rows}${item|display}${@end}${@end}${$}{customer}";
    let named = FileTemplate { file_name: "${customer}.txt".into(), ..template(text(each)) };
    world.save(named.filter(Condition::equals("customer", "x"))).unwrap();
    let mut orders = world.store.database("orders").unwrap();
    orders.fields[1].code = "client".into();
    orders.details[0].code = "product".into();
    world.store.apply(&Blueprint::new().database(orders.clone())).unwrap();
    let kept = world.store.file_templates("orders").unwrap().remove(0);
    assert_eq!(kept.file_name, "${client}.txt");
    assert_eq!(
        kept.content,
        text("${@each records}${client}${@each rows}${product|display}${@end}${@end}${$}{customer}")
    );
    assert_eq!(kept.condition, Some(Condition::equals("client", "x")));
    orders.details[0].retired = true;
    let error = world.store.apply(&Blueprint::new().database(orders)).unwrap_err();
    assert_eq!(error.code(), Code::DefinitionInUse);
    let dumped = world.store.blueprint().unwrap();
    assert!(world.store.apply(&dumped).unwrap().is_empty());
    world.store.remove_definition(DefinitionKind::FileTemplate, "orders", "file").unwrap();
    assert!(world.store.file_templates("orders").unwrap().is_empty());
}

#[test]
fn lines_of_words_alone_are_left_out() {
    let pieces = parse("a\n  ${@each rows}  \r\nb ${@end} c\n${@each records}\n${@end}").unwrap();
    let each = |block, body| Piece::Each { block, body, otherwise: Vec::new() };
    assert_eq!(
        pieces,
        [
            Piece::Text("a\n"),
            each(Block::Rows, vec![Piece::Text("b ")]),
            Piece::Text(" c\n"),
            each(Block::Records, Vec::new()),
        ]
    );
}

proptest! {
    #[test]
    fn reading_blocks_never_panics(pieces in proptest::collection::vec(
        prop_oneof![
            Just("${@each records}".to_owned()), Just("${@each rows}".to_owned()), Just("${@else}".to_owned()),
            Just("${@end}".to_owned()), Just("\n".to_owned()), Just("${".to_owned()), "[ a}$あ]{0,3}"
        ],
        0..12
    )) {
        let _ = parse(&pieces.concat());
    }
}
