//! How the host ends and goes on, and how much memory it takes.

use std::io::Read;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::raw::{PATIENCE, head, request};
use crate::running::{Host, output_of, program};

/// So many that an import takes seconds, and is not over before it is stopped, on a fast machine too. Another host may be
/// one that was built to be fast.
fn lines() -> usize {
    if std::env::var_os("RENKEI_HOST").is_some() { 2_500_000 } else { 1_000_000 }
}

/// A host that takes large files.
fn large() -> Host {
    patient("10")
}

/// One that waits for answers so many seconds when it is stopped.
fn patient(farewell: &str) -> Host {
    let words = ["--upload-mib", "200", "--upload-lines", "10000000", "--export-records", "10000000"];
    let words = [&words[..], &["--patience", "600", "--farewell", farewell]].concat();
    Host::with(&words, json!({"calls_per_minute": null}))
}

/// Sends a multipart body of so many lines without ever having it whole; the answer's JSON.
fn upload(host: &Host, function: &str, lines: usize) -> serde_json::Value {
    let begin = "--b\r\nContent-Disposition: form-data; name=\"json\"\r\n\r\n{\"dbSchemaId\":\"100201\",\"importId\":\"100401\"}\r\n\
                 --b\r\nContent-Disposition: form-data; name=\"uploadFile\"; filename=\"a.csv\"\r\n\r\n";
    let end = "--b--\r\n";
    let line = |at: usize| format!("{at:012},{}.50,2026-01-{:02}\r\n", at % 1_000, at % 28 + 1);
    let length = begin.len() + (0..lines).map(|at| line(at).len()).sum::<usize>() + end.len();
    let mut raw = host.connect();
    raw.send(format!(
        "{}Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {length}\r\n\r\n{begin}",
        head(function, &host.token)
    ));
    let mut piece = String::new();
    for at in 0..lines {
        piece.push_str(&line(at));
        if piece.len() > 60_000 {
            raw.send(&piece);
            piece.clear();
        }
    }
    let answer = raw.send(piece).send(end).answer();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn reserve(host: &Host) -> String {
    upload(host, "api/csvdataimport", lines())["processId"].as_str().unwrap().to_owned()
}

/// Waits until an import has got somewhere, and is not at its end.
fn wait_for_progress(host: &Host, process: &str) {
    let began = Instant::now();
    loop {
        let items = host.wait_for(process, &[0, 1, 2, 3]);
        assert_ne!(items["nowCondition"], 2, "the import ended before it was stopped");
        if items["nowCondition"] == 1 && items["succeedCount"].as_u64().unwrap() > 0 {
            return;
        }
        assert!(began.elapsed() < 2 * PATIENCE, "{items}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Every line is there once.
fn is_whole(host: &Host, process: &str) {
    let items = host.wait_for(process, &[2, 3]);
    assert_eq!((&items["succeedCount"], &items["failureCount"]), (&json!(lines()), &json!(0)), "{items}");
    let mut told = host.csv(r#"{"dbSchemaId":"100201","listId":"100501","limit":10000000}"#);
    told.remove(0);
    let mut titles: Vec<usize> = told.iter().map(|line| line.split('"').nth(3).unwrap().parse().unwrap()).collect();
    titles.sort_unstable();
    assert!(titles.iter().copied().eq(0..lines()), "{} lines", titles.len());
}

#[test]
fn a_running_import_is_parked_and_goes_on() {
    let mut host = large();
    let process = reserve(&host);
    wait_for_progress(&host, &process);
    for signal in ["TERM", "INT"] {
        host.signal(signal);
        assert!(host.wait(2 * PATIENCE).success());
        let sqlite = rusqlite::Connection::open(host.store()).unwrap();
        let records: i64 = sqlite.query_row("SELECT count(*) FROM cases", [], |row| row.get(0)).unwrap();
        assert!(records > 0 && records < lines() as i64, "{records}");
        drop(sqlite);
        host.start_again();
    }
    is_whole(&host, &process);
}

#[test]
fn a_killed_host_goes_on_where_it_was() {
    let mut host = large();
    let process = reserve(&host);
    wait_for_progress(&host, &process);
    host.signal("KILL");
    assert!(!host.wait(PATIENCE).success());
    host.start_again();
    // Others are served while it goes on.
    assert_eq!(host.call("apirecord/view", r#"{"dbSchemaId":"100201","keyId":"x"}"#).status, 400);
    assert_ne!(host.wait_for(&process, &[0, 1, 2, 3])["nowCondition"], 2, "it was waited for");
    is_whole(&host, &process);
}

#[test]
fn answers_are_finished_when_the_host_is_stopped() {
    // However slow the machine: what is waited for here ends, and nothing is broken off.
    let mut host = patient("600");
    let process = reserve(&host);
    host.wait_for(&process, &[2]);
    let mut idle = host.connect();
    assert_eq!(idle.send(request("apirecord/view", &host.token, "", "{}")).answer().status, 400);
    let mut raw = host.connect();
    raw.send(request("api/csvexport", &host.token, "", r#"{"dbSchemaId":"100201","limit":10000000}"#));
    raw.stream().read_exact(&mut [0; 1]).unwrap();
    let mut uploading = host.connect();
    let body = "--b\nContent-Disposition: form-data; name=uploadFile\n\na,b\n--b--";
    let more = "Content-Type: multipart/form-data; boundary=b\r\nExpect: 100-continue\r\n";
    let whole = request("api/fileupload", &host.token, more, body);
    let (head, body) = whole.split_at(whole.len() - body.len());
    assert_eq!(uploading.send(head).answer().status, 100);
    host.signal("TERM");
    // Whoever was only kept is let go, and nobody new comes in.
    assert!(idle.is_closed_within(PATIENCE));
    let began = Instant::now();
    while std::net::TcpStream::connect(host.address).is_ok() {
        assert!(began.elapsed() < PATIENCE, "the host still lets somebody in");
    }
    // What had begun is finished, with the word that it was the last.
    let answer = uploading.send(body).answer();
    assert_eq!((answer.status, answer.header("connection").as_deref()), (200, Some("close")));
    let rest = raw.rest();
    assert!(rest.ends_with(b"\r\n0\r\n\r\n"), "the export is whole");
    assert!(host.wait(2 * PATIENCE).success());
}

#[test]
fn an_endless_client_does_not_keep_the_host_from_stopping() {
    let mut host = patient("1");
    let mut raw = host.connect();
    raw.send(format!("{}Expect: 100-continue\r\nContent-Length: 100\r\n\r\n", head("apirecord/view", &host.token)));
    assert_eq!(raw.answer().status, 100);
    raw.send("{");
    host.signal("TERM");
    assert!(host.wait(2 * PATIENCE).success());
}

/// Uploads, an import and exports at the same time; the most memory that the host had meanwhile, in KiB.
#[cfg(target_os = "linux")]
fn most_memory(host: &Host, uploaded: usize, imported: usize) -> u64 {
    let (most, done) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Relaxed) {
                most.fetch_max(host.memory(), Relaxed);
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let uploading = scope.spawn(|| upload(host, "api/fileupload", uploaded));
        let process = upload(host, "api/csvdataimport", imported)["processId"].as_str().unwrap().to_owned();
        host.wait_for(&process, &[2]);
        let readers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut raw = host.connect();
                    let json = r#"{"dbSchemaId":"100201","limit":10000000}"#;
                    raw.send(request("api/csvexport", &host.token, "Connection: close\r\n", json));
                    let (mut taken, mut buffer) = (0, [0; 16 << 10]);
                    while let count @ 1.. = raw.stream().read(&mut buffer).unwrap() {
                        taken += count;
                    }
                    taken
                })
            })
            .collect();
        for reader in readers {
            assert!(reader.join().unwrap() > imported * 80);
        }
        uploading.join().unwrap();
        done.store(true, Relaxed);
    });
    most.load(Relaxed)
}

#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_with_what_goes_through() {
    let host = large();
    // The caches of SQLite fill to their size, and the allocator keeps a little for each thread: that settles, and is
    // what is allowed for.
    let before = most_memory(&host, 100_000, 300_000);
    let after = most_memory(&host, 4_000_000, 300_000);
    println!("{before} KiB, then {after} KiB with 100 MB of uploads and exports of 600,000 records");
    assert!(after < before + (48 << 10), "{after} KiB instead of {before}");
}

#[test]
fn arguments_that_do_not_fit_are_told() {
    let help = output_of(std::process::Command::new(program()).arg("--help"), PATIENCE);
    assert!(help.contains("--proxy-trust") && help.contains("--store"), "{help}");
    let folder = tempfile::tempdir().unwrap();
    let said = |words: &[&str]| {
        let output = std::process::Command::new(program()).current_dir(folder.path()).args(words).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    std::fs::write(folder.path().join("bad.json"), "{\"databases\": 7}").unwrap();
    for (words, code, about) in [
        (&["--other"][..], 2, "there is no option --other"),
        (&["--store"], 2, "--store needs a value"),
        (&["--store", "missing.db"], 2, "there is no store missing.db"),
        (&["--store", "s.db", "--blueprint", "missing.json"], 2, "missing.json"),
        (&["--store", "s.db", "--blueprint", "bad.json"], 2, "bad.json"),
        (&["--blueprint", "bad.json"], 2, "--store"),
        (&["--store", "s.db", "--proxy-trust"], 2, "--proxy-trust"),
        (&["--store", "s.db", "--proxy-trust", "10.0.0.1/8"], 2, "10.0.0.0/8"),
        (&["--store", "s.db", "--connections", "0"], 2, "--connections"),
        (&["--store", "s.db", "--patience", "soon"], 2, "--patience"),
        (&["--store", "s.db", "--farewell", "0"], 2, "--farewell"),
        (&["--store", "s.db", "--listen", "nowhere"], 2, "nowhere"),
        (&["--store", "s.db", "--upload-mib", "0"], 2, "--upload-mib"),
        (&["word"], 2, "word follows no option"),
    ] {
        let (found, text) = said(words);
        assert_eq!(found, code, "{words:?}: {text}");
        assert!(text.contains(about), "{words:?}: {text}");
    }
    assert!(!folder.path().join("missing.db").exists());
}
