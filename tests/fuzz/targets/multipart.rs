//! Uploads in parts: any bytes are answered by an envelope, the same one however they come in; a body that was made by the
//! rules is taken, and its bytes arrive as they were.
#![no_main]

use std::cell::RefCell;
use std::io::Read;

use fixture::{Fixture, text};
use libfuzzer_sys::fuzz_target;
use renkei_fuzz::Input;

#[path = "../../webapi/fixture.rs"]
#[allow(dead_code)]
mod fixture;

thread_local!(static FIXTURE: RefCell<Option<(Fixture, u32)>> = const { RefCell::new(None) });

/// Gives a few bytes at a time.
struct Dripping<'a>(&'a [u8], usize);

impl Read for Dripping<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let most = out.len().min(self.1).min(self.0.len());
        out[..most].copy_from_slice(&self.0[..most]);
        self.0 = &self.0[most..];
        Ok(most)
    }
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let is_made = input.flag();
    let drip = usize::from(input.byte() % 40) + 1;
    FIXTURE.with_borrow_mut(|place| {
        if place.as_ref().is_some_and(|(_, rounds)| *rounds > 300) {
            *place = None;
        }
        let (fixture, rounds) = place.get_or_insert_with(|| (Fixture::new(), 0));
        *rounds += 1;
        match is_made {
            true => made(fixture, &mut input, drip),
            false => any(fixture, &mut input, drip),
        }
    });
});

/// The answer without what differs from call to call.
fn essence(answer: &str) -> String {
    let mut json: serde_json::Value = serde_json::from_str(answer).unwrap();
    for id in ["items", "fileId", "processId"] {
        json[id] = serde_json::Value::Bool(json.get(id).is_some());
    }
    json.to_string()
}

fn any(fixture: &Fixture, input: &mut Input<'_>, drip: usize) {
    let function = input.pick(&["api/fileupload", "api/csvdataimport"]);
    let content_type = input.piece();
    let content_type: &[u8] = if content_type.is_empty() { b"multipart/form-data; boundary=b" } else { content_type };
    let body = input.rest();
    let request = || fixture.request(function).header("Content-Type", content_type);
    let (status, whole) = text(fixture.api.handle(request().body(body)));
    assert!(status == 200 || status == 400 || status == 413, "{whole}");
    let (again, dripped) = text(fixture.api.handle(request().reader(Dripping(body, drip))));
    assert_eq!(status, again);
    assert_eq!(essence(&whole), essence(&dripped));
}

fn made(fixture: &Fixture, input: &mut Input<'_>, drip: usize) {
    let boundary = format!("--b{}", input.byte());
    let (line, before, after) = (input.pick(&["\r\n", "\n"]), input.flag(), input.flag());
    let quote = input.pick(&["\"", ""]);
    let content = input.text();
    // By the rules the boundary does not stand in what it bounds.
    if content.contains(&boundary) {
        return;
    }
    let json = format!(
        "Content-Disposition: form-data; name={quote}json{quote}{line}{line}{{\"dbSchemaId\":100203,\"importId\":100402}}"
    );
    let mut file = format!(
        "Content-Disposition: form-data; name={quote}uploadFile{quote}; filename=\"a.csv\"{line}Content-Type: text/csv{line}{line}"
    );
    file.push_str(&format!("番号,名\r\n\"0001\",\"{}\"\r\n", content.replace('"', "\"\"")));
    let other = format!("Content-Disposition: form-data; name=other{line}{line}x");
    let mut parts = if input.flag() { vec![file, json] } else { vec![json, file] };
    if before {
        parts.insert(0, other.clone());
    }
    if after {
        parts.push(other);
    }
    let mut body = String::new();
    for part in parts {
        body.push_str(&format!("--{boundary}{line}{part}{line}"));
    }
    body.push_str(&format!("--{boundary}--{line}"));
    let request = fixture
        .request("api/csvdataimport")
        .owned_header("Content-Type", format!("multipart/form-data; boundary={boundary}"))
        .reader(Dripping(body.as_bytes(), drip));
    let (status, answer) = text(fixture.api.handle(request));
    assert_eq!(status, 200, "{answer}\n{body}");
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let process = answer["items"]["processId"].as_str().unwrap().parse().unwrap();
    while renkei::Worker::new(&fixture.store).run_once().unwrap() {}
    let status = fixture.store.import_status(process).unwrap();
    assert_eq!(status.counts.total, 1, "{status:?}\n{body}");
    match fixture.store.rejects(process, 0, 10).unwrap().first() {
        Some(reject) => {
            assert!(reject.code.starts_with("value.") || reject.code == "csv.nul", "{reject:?}\n{body}");
        }
        None => {
            assert_eq!(fixture.store.records("visits").view("0001").unwrap().text("name"), content);
            fixture.store.records("visits").delete("0001").unwrap();
        }
    }
}
