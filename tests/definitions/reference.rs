//! The reference page of definitions says what is true, and leaves nothing out.

use renkei::csv::{Dialect, Encoding, Format, LineEnd, OutputEncoding, Quoting, Unmappable};
use renkei::{
    AccessSettings, AggregateSort, Aggregation, AggregationSetting, AnswerPart, Auth, Automation, AutomationTrigger,
    AutomationUnit, Bucket, Circuit, CsvBody, CsvPush, DetailMode, FieldSource, FieldUpdate, FileContent, FileCsv,
    FileTemplate, FoundField, Function, GroupBy, HttpBody, HttpSend, ImportColumn, ImportMode, ImportTrigger, JsonRow,
    JsonType, MailField, MailSecurity, MailServer, MailTemplate, MailTrigger, MatchBy, Measure, Menu, MenuEntry,
    Method, MinusStyle, Missed, NoticeMail, NoticeOn, NumberDate, NumberDisplay, NumberInput, OnError, Pair, PairsAs,
    Part, PartAction, PartTarget, Rate, RegisteredTrigger, Report, ReportWhen, RetryPlan, Rights, Rounding, SaveAnswer,
    SaveWhen, Schedule, Sending, SetField, Signing, Target, Timeouts, Trigger, UpdatedTrigger, ValueFormat, Weekday,
    When,
};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::*;

const PAGE: &str = include_str!("../../src/definitions.md");

/// The examples of a sort.
fn examples(sort: &str) -> Vec<&'static str> {
    let blocks = PAGE.split("```json ").skip(1).map(|rest| rest.split("```").next().unwrap());
    let found: Vec<&str> = blocks.filter_map(|block| block.strip_prefix(sort)?.strip_prefix('\n')).collect();
    assert!(!found.is_empty(), "{sort}");
    found
}

/// Reads the examples of a sort. What is written of them again is read as the same.
fn read<T: DeserializeOwned + serde::Serialize + PartialEq + std::fmt::Debug>(sort: &str) -> Vec<T> {
    let parse = |json: &str| serde_json::from_str::<T>(json).unwrap_or_else(|error| panic!("{error} in {json}"));
    let read: Vec<T> = examples(sort).into_iter().map(parse).collect();
    for value in &read {
        assert_eq!(parse(&serde_json::to_string(value).unwrap()), *value);
    }
    read
}

#[test]
fn the_examples_are_what_they_are_said_to_be() {
    let sorts = [
        "blueprint",
        "database",
        "field",
        "list",
        "search",
        "condition",
        "aggregation",
        "import",
        "file_template",
        "schedule",
        "csv_push",
        "http_send",
        "mail_template",
        "notice_mail",
        "target",
        "mail_server",
        "automation",
        "part",
        "user",
        "access",
    ];
    let all = PAGE.matches("```json ").count();
    assert_eq!(all, sorts.iter().map(|sort| examples(sort).len()).sum::<usize>(), "an example of another sort");
    assert_eq!(PAGE.matches("```").count(), all * 2);

    let fixture = Fixture::new();
    let blueprint = read::<Blueprint>("blueprint").remove(0);
    fixture.store.apply(&blueprint).unwrap();
    assert!(fixture.store.apply(&blueprint).unwrap().is_empty());

    // The other examples speak of one world.
    let fields = read::<Field>("field");
    let branches = Database::new("branches", "支店")
        .field(Field::key("code", "コード"))
        .field(Field::text("name", "支店名"))
        .field(Field::number("rate", "率", 2));
    let mut orders = Database::new("orders", "注文").detail(Field::text("item", "品番"));
    orders = orders.detail(Field::number("quantity", "数量", 0));
    for field in fields.iter().cloned() {
        match &field.kind {
            FieldKind::DetailKey { .. } => orders.details.push(field),
            // The second key is another database's.
            FieldKind::Key { .. } if orders.fields.iter().any(|field| field.code == "number") => {}
            _ => orders.fields.push(field),
        }
    }
    let world = read::<User>("user").into_iter().fold(Blueprint::new(), Blueprint::user);
    let mut world = world.access(read("access").remove(0)).database(branches).database(orders);
    world.databases.extend(read::<Database>("database"));
    world.lists = read("list");
    world.searches = read("search");
    let condition = read::<Condition>("condition").remove(0);
    world.searches.push(Search::new("orders", "example", "例", condition));
    world.aggregations = read("aggregation");
    world.imports = read("import");
    world.file_templates = read("file_template");
    for schedule in read::<Schedule>("schedule") {
        assert_eq!(Fixture::new().store.next_runs(&schedule, crate::common::NOW, 5).unwrap().len(), 5);
    }
    world.csv_pushes = read("csv_push");
    world.http_sends = read("http_send");
    world.mail_templates = read("mail_template");
    world.notice_mails = read("notice_mail");
    world.targets = read("target");
    world.mail_servers = read("mail_server");
    world.automations = read("automation");
    // The import that starts one.
    let daily = ImportSetting::new("orders", "daily", "日次").mode(ImportMode::Update);
    world.imports.push(daily.column("number").column("title"));
    let example = Automation::new("orders", "example", "例").on(AutomationTrigger::Button);
    world.automations.push(read::<Part>("part").into_iter().fold(example, Automation::part));
    for database in &mut world.databases {
        database.approval = true;
    }
    let fixture = Fixture::new();
    fixture.store.apply(&world).unwrap();

    let kinds: std::collections::HashSet<&str> = fields.iter().map(Field::type_name).collect();
    for kind in words::<Field>(json!({"code": "x", "type": "?"})) {
        assert!(kinds.contains(kind.as_str()), "no example of the type {kind}");
    }
}

/// The words that would have been right instead of `?`.
fn words<T: DeserializeOwned>(json: serde_json::Value) -> Vec<String> {
    let told = match serde_json::from_value::<T>(json.clone()) {
        Ok(_) => panic!("{json} was taken"),
        Err(error) => error.to_string(),
    };
    let (_, known) = told.split_once("`?`, ").unwrap_or_else(|| panic!("{told}"));
    known.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_member_and_every_word_is_there() {
    let mut all: Vec<(String, Vec<String>)> = Vec::new();
    let mut has = |of: &str, words: Vec<String>| all.push((of.to_owned(), words));
    has("document", words::<Blueprint>(json!({"?": 1})));
    has("database", words::<Database>(json!({"?": 1})));
    has("list", words::<List>(json!({"?": 1})));
    has("sort", words::<Sort>(json!({"?": 1})));
    has("search", words::<Search>(json!({"?": 1})));
    has("aggregation", words::<AggregationSetting>(json!({"?": 1})));
    has("figures", words::<Aggregation>(json!({"?": 1})));
    has("group", words::<GroupBy>(json!({"?": 1})));
    has("bucket", words::<Bucket>(json!("?")));
    has("measure", words::<Measure>(json!({"?": 1})));
    has("function", words::<Function>(json!("?")));
    has("order of figures", words::<AggregateSort>(json!({"?": 1})));
    has("file template", words::<FileTemplate>(json!({"?": 1})));
    has("content of a file", words::<FileContent>(json!({"?": "x"})));
    has("CSV of a file", words::<FileCsv>(json!({"?": 1})));
    has("schedule", words::<Schedule>(json!({"?": 1})));
    has("plan of a schedule", words::<When>(json!({"?": 1})));
    has("day of the week", words::<Weekday>(json!("?")));
    has("missed", words::<Missed>(json!("?")));
    has("import", words::<ImportSetting>(json!({"?": 1})));
    has("column of an import", words::<ImportColumn>(json!({"?": 1})));
    has("dialect", words::<Dialect>(json!({"?": 1})));
    has("user", words::<User>(json!({"?": 1})));
    has("access", words::<AccessSettings>(json!({"?": 1})));
    has("rights", words::<Rights>(json!(["?"])));
    has("number display", words::<NumberDisplay>(json!({"?": 1})));
    has("automatic number", words::<AutoNumber>(json!({"?": 1})));
    has("part of a key", words::<KeyPart>(json!({"kind": "?"})));
    has("typed part", words::<KeyPart>(json!({"kind": "typed", "?": 1})));
    has("minus", words::<MinusStyle>(json!("?")));
    has("rounding", words::<Rounding>(json!("?")));
    has("number input", words::<NumberInput>(json!("?")));
    has("date of a number", words::<NumberDate>(json!("?")));
    has("characters", words::<Characters>(json!("?")));
    has("mode", words::<ImportMode>(json!("?")));
    has("match_by", words::<MatchBy>(json!("?")));
    has("details", words::<DetailMode>(json!("?")));
    has("menu", words::<Menu>(json!({"?": 1})));
    has("entry of a menu", words::<MenuEntry>(json!({"?": "x"})));
    has("CSV push", words::<CsvPush>(json!({"?": 1})));
    has("pair", words::<Pair>(json!({"?": 1})));
    has("pairs_as", words::<PairsAs>(json!("?")));
    has("method", words::<Method>(json!("?")));
    has("update of a field", words::<FieldUpdate>(json!({"?": 1})));
    let formats = words::<CsvBody>(json!({"format": "?"}));
    for format in formats.iter().filter(|format| *format != "raw") {
        has(format, words::<CsvBody>(json!({"format": format, "?": 1})));
    }
    has("body of a CSV push", formats);
    has("CSV", words::<Format>(json!({"?": 1})));
    has("encoding of CSV", words::<OutputEncoding>(json!("?")));
    has("line_end", words::<LineEnd>(json!("?")));
    has("quoting", words::<Quoting>(json!("?")));
    has("unmappable", words::<Unmappable>(json!("?")));
    has("values", words::<ValueFormat>(json!("?")));
    has("headings", ["names", "codes", "none"].map(str::to_owned).to_vec());
    has("http send", words::<HttpSend>(json!({"?": 1})));
    let formats = words::<HttpBody>(json!({"format": "?"}));
    for format in formats.iter().filter(|format| *format != "none") {
        has(format, words::<HttpBody>(json!({"format": format, "?": 1})));
    }
    has("body of an http send", formats);
    has("row of JSON", words::<JsonRow>(json!({"?": 1})));
    has("type of JSON", words::<JsonType>(json!("?")));
    has("save", words::<SaveAnswer>(json!({"?": 1})));
    has("part of an answer", words::<AnswerPart>(json!("?")));
    has("when it is saved", words::<SaveWhen>(json!("?")));
    has("triggers", words::<Trigger>(json!("?")));
    has("mail template", words::<MailTemplate>(json!({"?": 1})));
    has("automation", words::<Automation>(json!({"?": 1})));
    has("unit", words::<AutomationUnit>(json!("?")));
    has("error of an automation", words::<OnError>(json!("?")));
    has("trigger of an automation", words::<AutomationTrigger>(json!("?")));
    has("registered", words::<RegisteredTrigger>(json!({"?": 1})));
    has("updated", words::<UpdatedTrigger>(json!({"?": 1})));
    has("after_import", words::<ImportTrigger>(json!({"?": 1})));
    has("templated_mail", words::<MailTrigger>(json!({"?": 1})));
    has("line of a mail", words::<MailField>(json!({"?": 1})));
    has("part", words::<Part>(json!({"?": 1})));
    let types = words::<PartAction>(json!({"type": "?"}));
    for kind in types.iter().filter(|kind| *kind != "end") {
        has(kind, words::<PartAction>(json!({"type": kind, "?": 1})));
    }
    has("action", types);
    has("target of a part", words::<PartTarget>(json!("?")));
    has("field that is set", words::<SetField>(json!({"?": 1})));
    has("source of a value", words::<FieldSource>(json!("?")));
    has("field that is found", words::<FoundField>(json!({"?": 1})));
    has("notice mail", words::<NoticeMail>(json!({"?": 1})));
    has("`on` of a notice mail", words::<NoticeOn>(json!("?")));
    has("sending", words::<Sending>(json!({"?": 1})));
    has("retry", words::<RetryPlan>(json!({"?": 1})));
    has("timeouts", words::<Timeouts>(json!({"?": 1})));
    let kinds = words::<Auth>(json!({"type": "?"}));
    for kind in &kinds {
        has(kind, words::<Auth>(json!({"type": kind, "?": 1})));
    }
    has("auth", kinds);
    has("signing", words::<Signing>(json!({"?": 1})));
    has("target", words::<Target>(json!({"?": 1})));
    has("rate", words::<Rate>(json!({"?": 1})));
    has("circuit", words::<Circuit>(json!({"?": 1})));
    has("mail server", words::<MailServer>(json!({"?": 1})));
    has("security", words::<MailSecurity>(json!("?")));
    has("report", words::<Report>(json!({"?": 1})));
    has("when it is reported", words::<ReportWhen>(json!("?")));
    has("encoding", vec![Encoding::Utf8.to_string(), Encoding::Cp932.to_string()]);
    let types = words::<Field>(json!({"code": "x", "type": "?"}));
    for kind in &types {
        // Types without members have no list of them.
        if !["user", "email", "url", "phone"].contains(&kind.as_str()) {
            has(kind, words::<Field>(json!({"code": "x", "type": kind, "?": 1})));
        }
    }
    has("types", types);
    let common = ["id", "code", "name", "type", "required", "unique", "default", "index", "full_text", "retired"];
    has("field", common.map(str::to_owned).to_vec());
    let empty = || renkei::Value::Empty;
    let tests = {
        use renkei::Test::*;
        [
            Equals(empty()),
            NotEquals(empty()),
            OneOf(vec![]),
            Between(empty(), empty()),
            AtLeast(empty()),
            AtMost(empty()),
            Less(empty()),
            Greater(empty()),
            Contains(empty()),
            StartsWith(empty()),
            IsEmpty,
            IsNotEmpty,
        ]
    };
    has("operators", tests.iter().map(|test| test.operator().to_owned()).collect());
    for (of, words) in all {
        assert!(!words.is_empty(), "{of}");
        for word in words {
            let is_there = PAGE.contains(&format!("`{word}`")) || PAGE.contains(&format!("\"{word}\""));
            assert!(is_there, "{word} of {of} is not on the page");
        }
    }
}

/// What the page gives as the default is what is there when nothing is said.
#[test]
fn the_defaults_are_those_of_the_page() {
    let setting: ImportSetting =
        serde_json::from_value(json!({"database": "d", "code": "i", "name": "n", "columns": []})).unwrap();
    assert_eq!(setting, ImportSetting::new("d", "i", "n"));
    assert_eq!(
        (setting.mode, setting.match_by, setting.details),
        (ImportMode::Upsert, MatchBy::Position, DetailMode::Merge)
    );
    assert_eq!((setting.first_line, setting.dialect), (2, Dialect { delimiter: ',', quote: '"' }));
    let number = AutoNumber::default();
    assert_eq!((number.digits, number.start, number.date), (9, 1, NumberDate::None));
    let of = |json: serde_json::Value| serde_json::from_value::<Field>(json).unwrap();
    assert_eq!(of(json!({"code": "k", "type": "key"})), Field::key("k", "k"));
    assert_eq!(of(json!({"code": "n", "type": "number"})), Field::number("n", "n", 0));
    let calculated = Field::calculated("c", "c", 0, "1").unwrap();
    assert_eq!(of(json!({"code": "c", "type": "calculated", "expression": "1"})), calculated);
    assert!(matches!(calculated.kind, FieldKind::Calculated { rounding: Rounding::HalfUp, .. }));
    assert_eq!(of(json!({"code": "t", "type": "text"})), Field::text("t", "t"));
    let push: CsvPush = serde_json::from_value(json!({"database": "d", "code": "c", "name": "n", "url": "u"})).unwrap();
    assert_eq!(push, CsvPush::new("d", "c", "n", "u"));
    assert_eq!((push.method, push.pairs_as, push.values), (Method::Post, PairsAs::Headers, ValueFormat::Raw));
    let send: HttpSend =
        serde_json::from_value(json!({"database": "d", "code": "c", "name": "n", "url": "u"})).unwrap();
    assert_eq!(send, HttpSend::new("d", "c", "n", "u"));
    let sending: Sending = serde_json::from_value(json!({})).unwrap();
    assert_eq!((sending.timeouts.connect_seconds, sending.timeouts.total_seconds), (5, 30));
    let delays = [0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
    assert_eq!((sending.retry.delays_seconds.as_slice(), sending.retry.jitter_percent), (&delays[..], 20));
    let target: Target = serde_json::from_value(json!({"code": "c", "name": "n"})).unwrap();
    assert_eq!((target.clone(), target.concurrency, target.circuit.failures), (Target::new("c", "n"), 8, 10));
    let server = json!({"code": "c", "name": "n", "host": "h", "from": "a@example.jp"});
    assert_eq!(serde_json::from_value::<MailServer>(server).unwrap(), MailServer::new("c", "n", "h", "a@example.jp"));
    let display = NumberDisplay::default();
    assert_eq!((display.grouping, display.minus, display.decimals), (false, MinusStyle::Hyphen, None));
}
