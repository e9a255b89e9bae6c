//! Clients off the shelf: curl, and small programs in languages that clients are written in. Each registers, views,
//! updates, imports, exports and deletes, and judges the answers by itself.
//!
//! curl and Python are needed; Node, Java, PHP and C# (Mono) take part where they are installed. Where they must be
//! (`RENKEI_ALL_TOOLS`, as in CI), it is an error that they are not.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::running::{ACCOUNT, Host, output_of};

const TIME: Duration = Duration::from_secs(600);

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/host/clients").join(name)
}

fn base(host: &Host) -> String {
    format!("http://{}/{ACCOUNT}", host.address)
}

/// Whether a program is there.
fn has(program: &str, word: &str) -> bool {
    let run = Command::new(program).arg(word).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let there = run.is_ok_and(|status| status.success());
    assert!(there || std::env::var_os("RENKEI_ALL_TOOLS").is_none(), "{program} is not installed");
    if !there {
        println!("{program} is not installed: its client does not take part");
    }
    there
}

/// Runs a client program; what it has said.
fn run(host: &Host, program: &str, name: &str) -> String {
    let said = output_of(Command::new(program).arg(script(name)).arg(base(host)).arg(&host.token), TIME);
    assert!(said.ends_with("done\n"), "{said}");
    said
}

#[test]
fn python() {
    let host = Host::start();
    println!("{}", run(&host, "python3", "client.py"));
}

#[test]
fn node() {
    if has("node", "--version") {
        run(&Host::start(), "node", "client.mjs");
    }
}

#[test]
fn java() {
    if has("java", "--version") && has("javac", "--version") {
        run(&Host::start(), "java", "Client.java");
    }
}

#[test]
fn c_sharp() {
    if has("mcs", "--version") && has("mono", "--version") {
        let host = Host::start();
        let built = host.folder().join("client.exe");
        let out = format!("-out:{}", built.display());
        output_of(Command::new("mcs").args(["-r:System.Net.Http.dll", &out]).arg(script("Client.cs")), TIME);
        let said = output_of(Command::new("mono").arg(built).arg(base(&host)).arg(&host.token), TIME);
        assert!(said.ends_with("done\n"), "{said}");
    }
}

#[test]
fn php() {
    if has("php", "--version") {
        run(&Host::start(), "php", "client.php");
    }
}

fn curl(host: &Host, function: &str, words: &[&str]) -> String {
    let mut command = Command::new("curl");
    command.args(["-sS", "--max-time", "60", "-H", &format!("X-HD-apitoken: {}", host.token)]).args(words);
    output_of(command.arg(format!("{}/{function}/version/v1", base(host))), TIME)
}

#[test]
fn curl_in_many_ways() {
    let host = Host::start();
    host.cases(&["a"]);
    let view = r#"{"dbSchemaId":"100201","keyId":"000000001","responseType":1}"#;
    std::fs::write(host.folder().join("view.json"), view).unwrap();
    let file = format!("@{}", host.folder().join("view.json").display());
    for words in [
        &["-d", view][..],
        &["--json", view],
        &["--http1.0", "-d", view],
        &["--data-binary", &file],
        &["-H", "Transfer-Encoding: chunked", "-d", view],
        &["-H", "Expect: 100-continue", "-d", view],
        &["-H", "Connection: close", "-d", view],
        &["-H", "Content-Type:", "-d", view],
        &["-H", "Content-Type: application/json;charset=UTF-8", "--compressed", "-d", view],
        &["-F", &format!("json={view}")],
        &["--http2", "-d", view],
        &["--tcp-fastopen", "--path-as-is", "-d", view],
    ] {
        let said = curl(&host, "apirecord/view", words);
        let answer: Json = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{words:?}: {error}: {said}"));
        assert_eq!(answer["items"]["件名"], "a", "{words:?}");
    }
    // Large enough for curl to ask whether it may send.
    let line = format!("\"{}\",1,2026-05-01\r\n", "あ".repeat(20));
    let csv = line.repeat(20_000);
    let path = host.folder().join("large.csv");
    std::fs::write(&path, &csv).unwrap();
    let upload = format!("uploadFile=@{};type=text/csv", path.display());
    let target = r#"json={"dbSchemaId":100201,"importId":100401};type=application/json"#;
    let out = host.folder().join("answer.json").display().to_string();
    let said = curl(&host, "api/csvdataimport", &["-v", "--stderr", "-", "-o", &out, "-F", target, "-F", &upload]);
    assert!(said.contains("< HTTP/1.1 100 Continue"), "{said}");
    let answer: Json = serde_json::from_str(&std::fs::read_to_string(out).unwrap()).unwrap();
    let items = host.wait_for(answer["processId"].as_str().unwrap(), &[2, 3]);
    assert_eq!((&items["succeedCount"], &items["failureCount"]), (&json!(20_000), &json!(0)));
    let answer: Json = serde_json::from_str(&curl(&host, "api/fileupload", &["-F", &upload])).unwrap();
    assert_eq!(answer["items"]["fileId"], answer["fileId"]);
    // Export, also to HTTP/1.0, with what curl thinks of the end of it.
    let json = r#"{"dbSchemaId":100201,"listId":"100501","limit":9999}"#;
    let csv = curl(&host, "api/csvexport", &["-d", json]);
    assert_eq!(csv.lines().count(), 10_000);
    assert_eq!(curl(&host, "api/csvexport", &["--http1.0", "-d", json]), csv);
    // Refusals are bodies of their own statuses.
    let said = curl(&host, "apirecord/view", &["-w", " %{http_code} %{content_type}", "-d", "{}"]);
    assert!(said.ends_with(" 400 application/json; charset=utf-8"), "{said}");
    let said = curl(&host, "apirecord/view", &["-w", " %{http_code}", "-X", "GET"]);
    assert!(said.ends_with(" 405"), "{said}");
    // Several on one connection.
    let url = format!("{}/apirecord/view/version/v1", base(&host));
    let said = curl(&host, "apirecord/view", &["-d", view, "-w", "%{num_connects}\n", &url, &url]);
    assert_eq!(said.lines().map(|line| line.chars().last().unwrap()).collect::<String>(), "100");
}
