//! Messages for people: in both languages, and in words that every file of rejects can hold.

mod common;

use common::{Fixture, only};
use renkei::csv::LineEnd;
use renkei::{
    Aggregation, AggregationSetting, Auth, Blueprint, Characters, Code, Condition, CsvBody, CsvPush, Database,
    DefinitionKind, Error, Expression, Field, FieldKind, FileContent, FileCsv, FileTemplate, HttpBody, HttpSend,
    HttpSendRequest, ImportMode, ImportRequest, ImportSetting, JsonRow, JsonType, Language, List, MailSecurity,
    MailServer, MailTemplate, MenuEntry, Method, MonthDay, NewDelivery, Number, NumberInput, Pair, PairsAs,
    PushRequest, Query, Rate, Report, Rounding, SaveAnswer, Schedule, Search, Sending, Signing, Sort, Store, Target,
    Time, Trigger, Values, Worker,
};

/// A message in Japanese and in English.
fn both(error: &Error) -> (String, String) {
    (error.message(Language::Japanese), error.message(Language::English))
}

fn told(json: &str) -> (String, String) {
    let error = Database::from_json(json).unwrap_err();
    assert_eq!(error.code(), Code::DefinitionJson);
    both(&error)
}

#[test]
fn faults_of_documents_are_told_in_both_languages() {
    for (json, ja, en) in [
        ("{\"code\": \"a\"\n  \"name\"", "「,」か「}」がありません", "expected `,` or `}`"),
        ("{", "途中で終わっています（「}」がありません）", "EOF while parsing an object"),
        (r#"{"code": "a"}"#, "nameがありません", "missing field `name`"),
        (r#"{"code": 1}"#, "整数1ではなく、文字列を指定します", "invalid type: integer `1`, expected a string"),
        (r#"{"kode": 1}"#, "kodeという指定はありません（使えるもの: id, code, name", "unknown field `kode`"),
        (
            r#"{"code": "a", "name": "a", "fields": [{"code": "x", "type": "nummer"}]}"#,
            "項目「x」: nummerという値はありません（使えるもの: key, ",
            "field \"x\": unknown variant `nummer`",
        ),
        (
            r#"{"code": "a", "name": "a", "fields": [{"code": "x", "type": "text", "required": "yes"}]}"#,
            "項目「x」のrequired: 文字列\"yes\"ではなく、trueかfalseを指定します",
            "field \"x\", member \"required\": invalid type: string \"yes\", expected a boolean",
        ),
        (r#"{"code": "a", "name": "a", "fields": [{}]}"#, "codeのない項目", "a field without a \"code\""),
    ] {
        let (japanese, english) = told(json);
        assert!(japanese.contains(ja), "{json}: {japanese}");
        assert!(english.contains(en), "{json}: {english}");
        assert!(japanese.contains("行目") && english.contains("line"), "{japanese} {english}");
    }
}

/// Whether a message can stand in a file of rejects in cp932.
fn fits_cp932(text: &str) -> bool {
    !encoding_rs::SHIFT_JIS.encode(text).2
}

/// English words of a Japanese message, apart from names and values, which are quoted, and from the words of JSON.
fn english(text: &str) -> Vec<String> {
    const KNOWN: &[&str] = &[
        "UTF",
        "CSV",
        "JSON",
        "URL",
        "insert",
        "insert_keyed",
        "update",
        "retired",
        "true",
        "type",
        "key",
        "fields",
        "details",
        "default",
        "required",
        "unique",
        "index",
        "full_text",
        "first_line",
        "joiner",
        "min",
        "max",
        "after",
        "offset",
        "is_empty",
        "YYYY",
        "round",
        "floor",
        "ceil",
        "trunc",
        "abs",
        "sum",
        "avg",
        "lowest",
        "highest",
        "count",
        "such",
        "HTML",
        "Windows",
        "last",
        "CSV",
        "folder",
        "rr",
        "URI",
        "XML",
        "NUL",
        "ASCII",
        "KEY",
        "GET",
        "POST",
        "PUT",
        "PATCH",
        "TLS",
        "STARTTLS",
        "HTTP",
        "http",
        "https",
        "PEM",
        "MiB",
        "IPv",
        "MIME",
        "Standard",
        "Webhooks",
        "now",
        "today",
        "user",
        "memo",
        "https",
        "raw",
        "csv",
        "display",
        "url",
        "VALUE",
        "Content",
        "Type",
        "native",
        "text",
        "plain",
        "charset",
        "example",
        "tags",
    ];
    let mut plain = String::new();
    let mut quoted = None;
    for c in text.chars() {
        match (quoted, c) {
            (None, '「') => quoted = Some('」'),
            (None, '\'') => quoted = Some('\''),
            (None, '`') => quoted = Some('`'),
            (None, c) => plain.push(c),
            (Some(end), c) if c == end => quoted = None,
            _ => {}
        }
    }
    let words = plain.split(|c: char| !(c.is_ascii_alphabetic() || c == '_')).filter(|word| word.len() > 2);
    words.filter(|word| !KNOWN.contains(word)).map(str::to_owned).collect()
}

/// Refusals of definitions, imports and values whose Japanese message has English in its middle.
#[test]
fn japanese_messages_are_japanese_throughout() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let key = || Field::key("kk", "番号");
    let base = || Database::new("dd", "データ").field(key());
    let number = |min: Option<i64>, max: Option<i64>| FieldKind::Number {
        scale: 0,
        min: min.map(Number::from),
        max: max.map(Number::from),
        rounding: Rounding::Refuse,
        input: NumberInput::Strict,
        display: Default::default(),
    };
    let mut errors: Vec<Error> = Vec::new();
    let mut refuse = |database: Database| errors.push(store.apply(&Blueprint::new().database(database)).unwrap_err());
    refuse(Database::new("dd", "データ"));
    refuse(Database::new("9", "データ").field(key()));
    refuse(Database::new("a__b", " ").field(key()));
    refuse(base().field(Field::text("kk", "番号")));
    refuse(base().field(Field::choice("ff", "選択", &[])));
    refuse(base().field(Field::choice("ff", "選択", &["x", "x", ""])));
    refuse(base().field(Field::choices("ff", "選択", &["x,y"])));
    refuse(base().field(Field::new("ff", "数", number(Some(2), Some(1)))));
    refuse(base().field(Field::link("ff", "リンク", "nn")));
    refuse(base().field(Field::reference("ff", "参照", "nn", "mm").required().indexed().unique()));
    refuse(base().field(Field::calculated("ff", "計算", 0, "nn + kk").unwrap()));
    refuse(base().field(Field::calculated("ff", "計算", 0, "sum(nn)").unwrap().default_value("1")));
    refuse(base().field(Field::date("ff", "日付").full_text().default_value("x")));
    refuse(base().detail(key()).field(Field::detail_key("ff", "明細キー")));
    for source in ["1 +", "1 + (", "nn(1)", "１", "round(1)", "1..2"] {
        errors.push(source.parse::<Expression>().unwrap_err());
    }
    errors.push("YYYQ".parse::<renkei::DatePattern>().unwrap_err());
    errors.push("年".parse::<renkei::DatePattern>().unwrap_err());

    let full = base()
        .field(Field::new("nn", "数", number(Some(1), Some(5))))
        .field(Field::new("lo", "下限", number(Some(1), None)))
        .field(Field::new("hi", "上限", number(None, Some(5))))
        .field(Field::new("cc", "文字", FieldKind::Text { max_length: Some(3), characters: Characters::Digits }))
        .field(Field::choice("ch", "選択", &["甲", "乙"]))
        .field(Field::calculated("ca", "計算", 0, "1 / nn - 1 / nn").unwrap())
        .field(Field::text("rr", "必須").required())
        .detail(Field::text("de", "明細").required());
    store.apply(&Blueprint::new().database(full.clone())).unwrap();
    let records = store.records("dd");
    records.register(&Values::new().set("kk", "1").set("rr", "x").set("nn", 5)).unwrap();
    for (field, value) in
        [("nn", "9"), ("lo", "0"), ("hi", "6"), ("cc", "あ"), ("cc", "1234"), ("ch", "丙"), ("nn", "あ")]
    {
        let error = records.update("1", &Values::new().set(field, value)).unwrap_err();
        only(&error);
        errors.push(error);
    }
    errors.push(records.update("1", &Values::new().set("nn", renkei::Value::Choices(vec!["あ".into()]))).unwrap_err());

    // A changed definition that does not fit the records.
    let mut tight = full.clone();
    tight.fields[1].kind = number(Some(1), Some(4));
    errors.push(store.apply(&Blueprint::new().database(tight)).unwrap_err());
    let mut gone = full.clone();
    gone.fields.pop();
    errors.push(store.apply(&Blueprint::new().database(gone)).unwrap_err());
    let mut turned = full;
    turned.fields[1] = Field::text("nn", "数");
    errors.push(store.apply(&Blueprint::new().database(turned)).unwrap_err());

    let setting = |mode: ImportMode, columns: &[&str]| {
        columns
            .iter()
            .fold(ImportSetting::new("dd", "ii", "取込").mode(mode), |setting, column| setting.column(*column))
    };
    for bad in [
        setting(ImportMode::Insert, &["kk", "rr"]),
        setting(ImportMode::Upsert, &["rr"]),
        setting(ImportMode::Upsert, &["kk"]),
        setting(ImportMode::Update, &["kk", "ca"]),
        setting(ImportMode::Update, &["kk", "kk"]),
        setting(ImportMode::Update, &["kk", "zz"]),
        setting(ImportMode::Update, &["kk"]).by_header().first_line(1),
    ] {
        errors.push(store.apply(&Blueprint::new().import(bad)).unwrap_err());
    }
    errors.push(store.apply(&Blueprint::new().list(List::new("dd", "ll", "一覧").column("zz"))).unwrap_err());
    let search = Search::new("dd", "ss", "絞込み", Condition::equals("nn", "あ"));
    errors.push(store.apply(&Blueprint::new().search(search)).unwrap_err());
    errors.push(store.query("dd", &Query::new().sort(Sort::ascending("de"))).unwrap_err());
    errors.push(store.query("dd", &Query::new().offset(1).after("x".into())).unwrap_err());
    errors.push(store.list("dd", "zz").unwrap_err());

    store.apply(&Blueprint::new().import(setting(ImportMode::Upsert, &["kk", "rr"]))).unwrap();
    for (name, bytes) in [("1.csv", &b"a,b,c\n1,2,3\n"[..]), ("2.csv", b""), ("3.csv", b"\xFD\xFD,b\n1,2\n")] {
        let path = fixture.dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let id = store.reserve_import(&ImportRequest::path("dd", "ii", &path)).unwrap().process_id;
        Worker::new(store).run_until_idle().unwrap();
        let told = store.import_status(id).unwrap().error.unwrap();
        assert_eq!(english(&told.ja), Vec::<String>::new(), "{}", told.ja);
    }
    errors.push(store.reserve_import(&ImportRequest::path("dd", "ii", "/no/such/folder")).unwrap_err());
    errors.push(store.cancel_import(store.imports(1).unwrap()[0].process_id).unwrap_err());

    for error in errors {
        let (japanese, english_text) = both(&error);
        assert_eq!(english(&japanese), Vec::<String>::new(), "{japanese} / {english_text}");
        assert!(fits_cp932(&japanese), "{japanese}");
        assert!(english_text.is_ascii() || english_text.contains('"') || english_text.contains('\''), "{english_text}");
    }
}

#[test]
fn ranges_are_told_in_characters_that_cp932_has() {
    let limited = |min: Option<i64>, max: Option<i64>| {
        let kind = FieldKind::Number {
            scale: 0,
            min: min.map(Number::from),
            max: max.map(Number::from),
            rounding: Rounding::Refuse,
            input: NumberInput::Strict,
            display: Default::default(),
        };
        let database = Database::new("d", "データ").field(Field::key("k", "番号")).field(Field::new("n", "数", kind));
        let fixture = Fixture::of([database]);
        let error = fixture.store.records("d").register(&Values::new().set("k", "1").set("n", 9)).unwrap_err();
        let violation = only(&error);
        (violation.message(Language::Japanese), violation.message(Language::English))
    };
    let (ja, en) = limited(Some(-5), Some(5));
    assert_eq!(ja, "'数'の値「9」が範囲外です（-5以上5以下）。");
    assert_eq!(en, "'数': 9 is out of range (-5 to 5).");
    assert!(fits_cp932(&ja));
    let (ja, en) = limited(Some(10), None);
    assert_eq!(
        (ja.as_str(), en.as_str()),
        ("'数'の値「9」が範囲外です（10以上）。", "'数': 9 is out of range (at least 10).")
    );
    let (ja, en) = limited(None, Some(5));
    assert_eq!(
        (ja.as_str(), en.as_str()),
        ("'数'の値「9」が範囲外です（5以下）。", "'数': 9 is out of range (at most 5).")
    );
}

/// Refusals of what is sent.
#[test]
fn japanese_messages_about_what_is_sent_are_japanese_throughout() {
    let fixture = Fixture::with(|options| {
        options.secret_key([7; 32]);
    });
    let store = &fixture.store;
    fixture.apply([Database::new("dd", "データ")
        .field(Field::key("kk", "番号"))
        .field(Field::text("tt", "文字"))
        .field(Field::number("nn", "数", 0))
        .detail(Field::text("de", "明細"))]);
    store.records("dd").register(&Values::new().set("kk", "1").set("tt", "x")).unwrap();
    let mut errors: Vec<Error> = Vec::new();
    let mut refuse = |blueprint: Blueprint| errors.push(store.apply(&blueprint).unwrap_err());
    let push = || CsvPush::new("dd", "pp", "送信", "https://a.example/");
    let send = || HttpSend::new("dd", "ss", "送信", "https://a.example/");
    for url in [
        "",
        "x",
        "ftp://a.example/",
        "https://u:p@a.example/",
        "https://a.example:0/",
        "https://[1/",
        "https://[1]/",
        "https://1.2.3/",
        "https://-_*/",
        "https://a.example/ ",
        "https://a.example/#a",
        "https://${@now}/",
        "https://a.example/../x",
        "https://a.example/${",
        "https://a.example/${}",
        "https://a.example/${kk|x}",
        "https://a.example/${kk|url|url}",
        "https://a.example/${kk|raw|csv}",
        "https://a.example/${zz}",
        "https://a.example/${de}",
        "https://a.example/${@secret:}",
    ] {
        refuse(Blueprint::new().http_send(HttpSend { url: url.into(), ..send() }));
    }
    for bad in [
        CsvPush { code: "9".into(), ..push() },
        CsvPush { name: " ".into(), ..push() },
        push().method(Method::Get),
        push().pairs_as(PairsAs::Form),
        push().pair("", "x").pairs_as(PairsAs::Query),
        push().pair("a b", "x"),
        push().pair("host", "x"),
        push().pair("Content-Type", "x").body(CsvBody::FormField { name: "f".into() }),
        push().body(CsvBody::FormField { name: String::new() }),
        push().body(CsvBody::Multipart { name: String::new(), file_name: "f".into() }),
        push().body(CsvBody::Multipart { name: "f".into(), file_name: "${@secret:s}".into() }),
        push().after_success("tt", "x").after_success("tt", "y"),
        push().after_success("zz", "x"),
        push().after_success("kk", "x"),
        push().after_success("nn", "あ"),
        push()
            .header("😀")
            .csv(renkei::csv::Format { encoding: renkei::csv::OutputEncoding::Cp932, ..Default::default() }),
        push().report(Report::by("none")),
    ] {
        refuse(Blueprint::new().csv_push(bad));
    }
    let with = |change: &dyn Fn(&mut Sending)| {
        let mut sending = Sending::default();
        change(&mut sending);
        push().sending(sending)
    };
    for bad in [
        with(&|sending| sending.retry.delays_seconds.clear()),
        with(&|sending| sending.retry.delays_seconds = vec![0; 1_001]),
        with(&|sending| sending.retry.delays_seconds = vec![u64::MAX]),
        with(&|sending| sending.retry.jitter_percent = 101),
        with(&|sending| sending.retry.longest_wait_seconds = u64::MAX),
        with(&|sending| sending.retry.deadline_seconds = Some(0)),
        with(&|sending| sending.timeouts.total_seconds = 0),
        with(&|sending| sending.answer_bytes = u32::MAX),
        with(&|sending| sending.kept_answer_bytes = u32::MAX),
        with(&|sending| sending.ca_certificates = Some("x".into())),
        with(&|sending| sending.auth = Some(Auth::Basic { user: "a:b".into(), password: "p".into() })),
        with(&|sending| sending.auth = Some(Auth::Bearer { token: "あ".into() })),
        with(&|sending| sending.signing = Some(Signing { secrets: vec![] })),
        with(&|sending| sending.target = Some("none".into())),
    ] {
        refuse(Blueprint::new().csv_push(bad));
    }
    let json = |template: &str| send().body(HttpBody::JsonTemplate { template: template.into() });
    for bad in [
        HttpSend { triggers: vec![], ..send() },
        HttpSend { triggers: vec![Trigger::Timer], ..send() },
        send().method(Method::Get).body(HttpBody::Form { rows: vec![Pair::new("k", "v")] }),
        send().body(HttpBody::Form { rows: vec![] }),
        send().body(HttpBody::Form { rows: vec![Pair::new("", "v")] }),
        send().body(HttpBody::Json { rows: vec![] }),
        send().body(HttpBody::Json { rows: vec![JsonRow::new("", "v")] }),
        send().body(HttpBody::Json { rows: vec![JsonRow::new("k", "v"), JsonRow::new("k", "v")] }),
        send().body(HttpBody::Json { rows: vec![JsonRow::new("k", "v").kind(JsonType::Native)] }),
        send().body(HttpBody::Raw { template: "x".into(), content_type: " ".into() }),
        send().header("x", "あ"),
        json("{\"a\": \"\\${kk}\"}"),
        json("{\"a\": ${@secret:s}}"),
        send().save(SaveAnswer::status("tt")).save(SaveAnswer::time("tt")),
        send().save(SaveAnswer::json("tt", "x")),
        send().save(SaveAnswer::json("tt", "/~2")),
    ] {
        refuse(Blueprint::new().http_send(bad));
    }
    let server = || MailServer::new("mm", "メール", "mail.example", "a@example.com");
    for bad in [
        MailServer { host: "a b".into(), ..server() },
        server().at_port(0),
        MailServer { from: "x".into(), ..server() },
        MailServer { from: "a\n@example.com".into(), ..server() },
        MailServer {
            sending: Sending { auth: Some(Auth::Bearer { token: "t".into() }), ..Sending::default() },
            ..server()
        },
        MailServer {
            sending: Sending {
                auth: Some(Auth::Basic { user: "u".into(), password: "p".into() }),
                ..Sending::default()
            },
            ..server().security(MailSecurity::None)
        },
    ] {
        refuse(Blueprint::new().mail_server(bad));
    }
    refuse(Blueprint::new().target(Target::new("t", "対象").concurrency(0)));
    refuse(Blueprint::new().target(Target::new("t", "対象").rate(Rate { calls: 0, seconds: 1, burst: 1 })));
    let list = || List::new("dd", "ll", "一覧").column("kk");
    let (pushes, sends) = (MenuEntry::CsvPush("pp".into()), MenuEntry::HttpSend("ss".into()));
    refuse(Blueprint::new().list(list().button(pushes.clone())));
    refuse(Blueprint::new().list(list().sub_menu(sends.clone())));
    refuse(Blueprint::new().list(list().sub_menu(pushes.clone())));
    let only_button = HttpSend { triggers: vec![Trigger::Button], ..send() };
    let path = HttpSend { code: "path".into(), url: "https://a.example/${nn}".into(), ..send() };
    let all = Blueprint::new().mail_server(server()).csv_push(push()).http_send(only_button).http_send(path);
    let template = MailTemplate::new("dd", "tt", "お礼", "mm").to("a@example.com").subject("s").text("t");
    store.apply(&all.mail_template(template.clone()).list(list())).unwrap();
    let mut refuse = |blueprint: Blueprint| errors.push(store.apply(&blueprint).unwrap_err());
    refuse(Blueprint::new().list(list().sub_menu(pushes.clone()).sub_menu(pushes.clone())));
    refuse(Blueprint::new().list(list().pulldown(sends.clone())));
    refuse(Blueprint::new().mail_template(MailTemplate { to: vec![], ..template.clone() }));
    refuse(Blueprint::new().mail_template(MailTemplate { attachments: vec!["nn".into()], ..template }));
    let file = |content: FileContent| FileTemplate::new("dd", "ff", "ファイル", "a.txt", content);
    for bad in ["${@each x}", "${@each rows}", "${@end}", "${@else}", "${@each rows}${@each rows}"] {
        refuse(Blueprint::new().file_template(file(FileContent::Text(bad.into()))));
    }
    for bad in ["<p ${kk}>", "<p onclick=\"${kk}\">", "<a href=\"${kk}${kk}\">", "<p ${@each records}>${@end}"] {
        refuse(Blueprint::new().file_template(file(FileContent::Html(bad.into()))));
    }
    for bad in ["", "a/b", "a.", "con", &"x".repeat(201)] {
        refuse(
            Blueprint::new()
                .file_template(FileTemplate { file_name: bad.into(), ..file(FileContent::Text("".into())) }),
        );
    }
    refuse(Blueprint::new().file_template(FileTemplate { max_bytes: 0, ..file(FileContent::Text("".into())) }));
    let csv = FileTemplate { line_end: LineEnd::Lf, ..file(FileContent::Csv(FileCsv::default())) };
    refuse(Blueprint::new().file_template(csv));
    let count = || Aggregation::new().group_by("kk").count();
    for bad in
        [Aggregation::new(), count().limit(0), count().named(" "), count().sort(5, false), count().group_by("none")]
    {
        refuse(Blueprint::new().aggregation(AggregationSetting::new("dd", "aa", "集計", bad)));
    }
    for cron in ["", "60 * * * *", "5/2 * * * *", "*/99 * * * *", "9-1 * * * *", "0 0 30 2 *"] {
        errors.push(store.next_runs(&Schedule::cron(cron), store.now(), 1).unwrap_err());
    }
    let time = |text: &str| text.parse::<Time>().unwrap();
    for bad in [
        Schedule::daily([]),
        Schedule::daily([time("09:00:01")]),
        Schedule::daily(vec![time("09:00"); 101]),
        Schedule::weekly([], [time("09:00")]),
        Schedule::monthly([], [time("09:00")]),
        Schedule::monthly([MonthDay::Day(32)], [time("09:00")]),
        Schedule::every_minutes(0),
        Schedule::every_minutes(1).time_zone("Asia/Edo"),
    ] {
        errors.push(store.next_runs(&bad, store.now(), 1).unwrap_err());
    }
    errors.push(store.push(&PushRequest::new("dd", "ll", "pp")).unwrap_err());
    errors.push(store.http_send(&HttpSendRequest::button("dd", "ll", "ss", "1")).unwrap_err());
    errors.push(store.http_send(&HttpSendRequest::pulldown("dd", "ll", "ss", ["1"; 101])).unwrap_err());
    let menu = list().sub_menu(pushes).button(sends).button(MenuEntry::HttpSend("path".into()));
    store.apply(&Blueprint::new().list(menu)).unwrap();
    errors.push(store.remove_definition(DefinitionKind::CsvPush, "dd", "pp").unwrap_err());
    errors.push(store.remove_definition(DefinitionKind::MailServer, "", "mm").unwrap_err());
    errors.push(store.put_secret("あ", "x").unwrap_err());
    errors.push(store.put_secret("a", "").unwrap_err());
    errors.push(store.put_secret("a", "x\n").unwrap_err());
    errors.push(store.remove_secret("a").unwrap_err());
    errors.push(Store::create(fixture.dir.path().join("other.db")).unwrap().put_secret("a", "x").unwrap_err());
    errors.push(store.enable_target("none").unwrap_err());
    errors.push(store.deliver(&NewDelivery::http("TRACE", "https://a.example/")).unwrap_err());
    errors.push(store.deliver(&NewDelivery::http("GET", "https://a.example/").body("x")).unwrap_err());
    errors.push(store.deliver(&NewDelivery::post("https://a.example/").header("x", "a\nb")).unwrap_err());
    errors.push(store.deliver(&NewDelivery::post("https://a.example/").body(vec![0; 2 << 20])).unwrap_err());
    let id = store.deliver(&NewDelivery::post("https://127.0.0.1/")).unwrap();
    errors.push(store.replay_delivery(id).unwrap_err());

    // What becomes of a run is told in the same words.
    let failed = store.http_send(&HttpSendRequest::button("dd", "ll", "path", "1")).unwrap();
    let mut told = vec![failed.items[0].error.clone().unwrap()];
    Worker::new(store).run_until_idle().unwrap();
    told.extend(store.delivery(id).unwrap().error);
    assert_eq!(told.len(), 2);
    let mut mixed: Vec<String> = told.into_iter().map(|job| job.ja).collect();
    mixed.extend(errors.iter().map(|error| both(error).0));
    mixed.retain(|japanese| !english(japanese).is_empty());
    assert!(mixed.is_empty(), "{}", mixed.join("\n"));
    for error in errors {
        let english_text = both(&error).1;
        assert!(english_text.is_ascii() || english_text.contains('"') || english_text.contains('\''), "{english_text}");
    }
}
