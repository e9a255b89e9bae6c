//! A shop's orders and products (ECサイト連携): orders come in by an import reservation, and the products with the history
//! of their orders go out as CSV, each run with its own status.
//!
//! The shop is a receiver on this machine that serves its orders as CSV and takes products as CSV.
//! `cargo run --example shop_sync`

mod receiver;

use std::io::{Read, Write};
use std::net::TcpStream;

use receiver::{Receiver, Reply};
use renkei::csv::{Encoding, Format, OutputEncoding};
use renkei::{
    Blueprint, Condition, CsvBody, CsvPush, Database, Error, Field, ImportMode, ImportRequest, ImportSetting, List,
    MenuEntry, Method, NetworkPolicy, PushRequest, Store, Values, Worker,
};

const HELP: &str = "\
Brings a shop's orders into a store by an import reservation, and sends its products and the history of orders back as CSV.
The shop is a receiver on this machine. Takes no arguments but --help.";

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--help" || word == "-h") {
        println!("{HELP}");
        return;
    }
    if let Some(word) = words.first() {
        eprintln!("\"{word}\" is not known\n\n{HELP}");
        std::process::exit(2);
    }
    if let Err(error) = story() {
        eprintln!("error: {error}");
        std::process::exit(1);
    }
}

/// Orders as the shop writes them: one line for each ordered product. The last one has a mistake.
const ORDERS: &str = "\
注文番号,注文日,お客様,商品,数量,明細番号
EC-1001,2026/01/30,山田太郎,A-1,2,1
EC-1001,2026/01/30,山田太郎,B-9,1,2
EC-1002,2026/01/31,佐藤花子,A-1,5,1
EC-1003,2026/01/31,鈴木一郎,Z-0,1,1
";

fn story() -> Result<(), Error> {
    println!("1. The shop");
    let shop = Receiver::start(|request| match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/orders.csv") => Reply::text(200, ORDERS),
        ("PUT", "/products") | ("POST", "/history") => Reply::json(200, serde_json::json!({"ok": true})),
        _ => Reply::text(404, "not here"),
    })?;

    println!("2. The store: products, orders with their lines, an import setting, two pushes");
    let dir = tempfile::tempdir()?;
    let store = Store::create(dir.path().join("shop.db"))?;
    let utf8 = Format { encoding: OutputEncoding::Utf8, ..Format::default() };
    store.apply(
        &Blueprint::new()
            .database(
                Database::new("products", "商品")
                    .field(Field::key("code", "商品コード"))
                    .field(Field::text("name", "商品名").required())
                    .field(Field::number("price", "単価", 0))
                    .field(Field::number("stock", "在庫", 0)),
            )
            .database(
                Database::new("orders", "受注")
                    .field(Field::key("number", "注文番号"))
                    .field(Field::date("ordered", "注文日"))
                    .field(Field::text("customer", "お客様"))
                    .field(Field::datetime("sent", "履歴連携日時"))
                    .detail(Field::detail_key("line", "明細番号"))
                    .detail(Field::link("product", "商品", "products").required())
                    .detail(Field::number("quantity", "数量", 0)),
            )
            .import(
                ImportSetting::new("orders", "shop", "ECサイト受注")
                    .mode(ImportMode::Upsert)
                    .encoding(Encoding::Utf8)
                    .column("number")
                    .column("ordered")
                    .column("customer")
                    .column("product")
                    .column("quantity")
                    .column("line"),
            )
            .csv_push(
                CsvPush::new("products", "shop", "商品をECサイトへ", shop.url("/products"))
                    .method(Method::Put)
                    .csv(utf8),
            )
            .csv_push(
                CsvPush::new("orders", "history", "受注履歴をECサイトへ", shop.url("/history"))
                    .body(CsvBody::FormField { name: "csv".to_owned() })
                    .after_success("sent", "${@now}"),
            )
            .list(
                List::new("products", "all", "商品一覧")
                    .column("code")
                    .column("name")
                    .column("price")
                    .column("stock")
                    .sub_menu(MenuEntry::CsvPush("shop".to_owned())),
            )
            .list(
                List::new("orders", "all", "受注一覧")
                    .column("number")
                    .column("ordered")
                    .column("product")
                    .column("quantity")
                    .sub_menu(MenuEntry::CsvPush("history".to_owned())),
            ),
    )?;
    let products = store.records("products");
    products.register(&Values::new().set("code", "A-1").set("name", "りんご").set("price", 120).set("stock", 80))?;
    products.register(&Values::new().set("code", "B-9").set("name", "ぶどう").set("price", 1_980).set("stock", 4))?;
    let worker = Worker::new(&store).network(NetworkPolicy::new().allow("127.0.0.0/8")?);

    println!("3. Orders in: fetched, kept as an upload, reserved, imported");
    let upload = store.upload("orders.csv", fetch(&shop.url("/orders.csv"))?.as_slice())?;
    let reserved =
        store.reserve_import(&ImportRequest::upload("orders", "shop", upload.id).token("orders-2026-01-31"))?;
    worker.run_until_idle()?;
    let status = store.import_status(reserved.process_id)?;
    println!("   {:?}: {:?}", status.state, status.counts);
    for reject in store.rejects(reserved.process_id, 0, 10)? {
        println!("   line {}: {}", reject.line, reject.message_ja);
    }

    println!("4. Products and the history of orders out");
    let out = store.push(&PushRequest::new("products", "all", "shop"))?;
    let unsent = PushRequest::new("orders", "all", "history").filter(Condition::is_empty("sent"));
    let history = store.push(&unsent)?;
    worker.run_until_idle()?;
    for request in shop.received().iter().filter(|request| request.method != "GET") {
        println!("   received: {} {} ({})", request.method, request.path, request.header("content-type"));
        println!("   | {}", request.text().trim_end().replace("\r\n", "\n   | "));
    }
    for run in [store.push_run(out.run_id)?, store.push_run(history.run_id)?] {
        println!(
            "   {}: {:?}, HTTPステータス {:?}, {} records in {} lines, {} updated",
            run.push, run.state, run.status, run.records, run.lines, run.updated
        );
    }

    println!("5. Nothing is sent twice: there are no orders left without a date");
    let again = store.push(&unsent)?;
    if let Some(error) = again.error {
        println!("   {:?}, {:?}: {}", again.state, again.family, error.ja);
    }
    Ok(())
}

/// Fetches a file of the shop, with as little as will do.
fn fetch(url: &str) -> Result<Vec<u8>, Error> {
    let rest = url.trim_start_matches("http://");
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(std::time::Duration::from_secs(10)))?;
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n").map_or(0, |at| at + 4);
    Ok(bytes.split_off(head))
}
