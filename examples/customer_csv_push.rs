//! Customers to a core system on the office network (顧客データの基幹システム連携): the list "顧客一覧" is sent as CSV in
//! Shift_JIS from its sub-menu, inside a multipart envelope as the core system wants it, and the customers that were sent
//! are marked with the date.
//!
//! The core system is a receiver on this machine. `cargo run --example customer_csv_push`

mod receiver;

use receiver::{Receiver, Reply};
use renkei::csv::{Format, OutputEncoding, Quoting};
use renkei::{
    Blueprint, Condition, CsvBody, CsvPush, Database, Error, Field, List, MenuEntry, NetworkPolicy, PairsAs,
    PushRequest, Search, Store, Values, Worker,
};

const HELP: &str = "\
Sends customers as CSV to a core system on the office network, which is a receiver on this machine, and shows what was
sent and what came of it.

    customer_csv_push [--port-of-nobody]

    --port-of-nobody    the core system is switched off, so that the run waits to be tried again
    --help              this text";

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--help" || word == "-h") {
        println!("{HELP}");
        return;
    }
    if let Some(word) = words.iter().find(|word| *word != "--port-of-nobody") {
        eprintln!("\"{word}\" is not known\n\n{HELP}");
        std::process::exit(2);
    }
    if let Err(error) = story(!words.is_empty()) {
        eprintln!("error: {error}");
        std::process::exit(1);
    }
}

fn story(is_off: bool) -> Result<(), Error> {
    println!("1. The core system: http://127.0.0.1, where it takes a file and a token");
    let core = Receiver::start(|request| match request.header("x-core-token") {
        "s3cret" => Reply::json(202, serde_json::json!({"accepted": true, "bytes": request.body.len()})),
        _ => Reply::json(401, serde_json::json!({"error": "no token"})),
    })?;
    let url = match is_off {
        true => "http://127.0.0.1:1/import".to_owned(),
        false => core.url("/import"),
    };

    println!("2. The store: customers, their list, and the push in the list's sub-menu");
    let dir = tempfile::tempdir()?;
    let store = Store::options()
        .create(true)
        .secret_key([7; 32]) // from the host's own keeping, never from the file
        .open(dir.path().join("customers.db"))?;
    store.put_secret("core-token", "s3cret")?;
    store.apply(
        &Blueprint::new()
            .database(
                Database::new("customers", "顧客")
                    .field(Field::key("number", "顧客番号"))
                    .field(Field::text("name", "顧客名").required())
                    .field(Field::choice("rank", "区分", &["一般", "優良"]))
                    .field(Field::number("balance", "残高", 0))
                    .field(Field::date("sent", "連携日")),
            )
            .search(Search::new("customers", "good", "優良顧客", Condition::equals("rank", "優良")))
            .csv_push(
                CsvPush::new("customers", "core", "基幹システムへ送信", url)
                    .pair("source", "renkei")
                    .pair("sent_on", "${@today}")
                    .pairs_as(PairsAs::Form)
                    .body(CsvBody::Multipart {
                        name: "uploadFile".to_owned(),
                        file_name: "customers_${@today}.csv".to_owned(),
                    })
                    .csv(Format { encoding: OutputEncoding::Cp932, quoting: Quoting::All, ..Format::default() })
                    .after_success("sent", "${@today}")
                    .sending(
                        serde_json::from_str(
                            r#"{"auth": {"type": "header", "name": "X-Core-Token", "value": "core-token"}}"#,
                        )
                        .expect("a part of a definition"),
                    ),
            )
            .list(
                List::new("customers", "all", "顧客一覧")
                    .column("number")
                    .column("name")
                    .column("rank")
                    .column("balance")
                    .sub_menu(MenuEntry::CsvPush("core".to_owned())),
            ),
    )?;
    let customers = store.records("customers");
    for (number, name, rank, balance) in
        [("0001", "山田商店", "優良", 120_000), ("0002", "佐藤工業", "一般", 0), ("0003", "髙橋～興産", "優良", 3_300)]
    {
        customers.register(
            &Values::new().set("number", number).set("name", name).set("rank", rank).set("balance", balance),
        )?;
    }

    println!("3. The sub-menu: 基幹システムへ送信, for those that the search 優良顧客 finds");
    let run = store.push(&PushRequest::new("customers", "all", "core").search("good").memo("月次連携"))?;
    println!(
        "   run {}: {:?}, {} records, {} bytes, SHA-256 {}…",
        run.run_id,
        run.state,
        run.records,
        run.bytes,
        &run.sha256[..12]
    );

    println!("4. A worker sends it");
    // An address on the office network is refused unless the operator allows it: in one line, as the refusal says.
    let office = NetworkPolicy::new().allow("127.0.0.0/8")?;
    Worker::new(&store).network(office).run_until_idle()?;
    for request in core.received() {
        let (text, _, _) = encoding_rs::SHIFT_JIS.decode(&request.body);
        println!("   received: {} {} ({})", request.method, request.path, request.header("content-type"));
        println!("   | {}", text.trim_end().replace("\r\n", "\n   | "));
    }

    println!("5. システム連携状況確認");
    let run = store.push_run(run.run_id)?;
    println!("   状況 {:?}, HTTPステータス {:?}, 応答 {}", run.state, run.status, run.answer);
    if let (Some(family), Some(error)) = (run.family, &run.error) {
        println!("   {family:?}: {}", error.ja);
    }
    if let Some(at) = run.next_attempt_at {
        println!("   {} attempts so far, the next at {}", run.attempts, renkei::Timestamp(at));
    }
    println!("   {} records were marked as sent", run.updated);
    for record in customers.query(&renkei::Query::new())?.records {
        println!("   {} {} 連携日 {}", record.key(), record.text("name"), record.display("sent"));
    }
    Ok(())
}
