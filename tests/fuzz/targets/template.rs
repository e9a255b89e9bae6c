//! Templates of http sends: whatever stands in them and in the record, the receiver is the one of the setting, no header
//! has a line end, JSON is JSON, and a value arrives as it was.
#![no_main]

use std::cell::RefCell;
use std::sync::{Arc, Mutex};

use libfuzzer_sys::fuzz_target;
use renkei::{
    Answer, Blueprint, Channel, Database, Exchange, Failure, Field, HttpBody, HttpSend, HttpSendRequest, JsonRow,
    JsonType, List, MenuEntry, OutboundRequest, Pair, Times, Transport, Values, Worker,
};
use renkei_fuzz::{Input, Stand, refusal, stand};

thread_local!(static STAND: RefCell<Option<Stand>> = const { RefCell::new(None) });

/// What the receiver would have got.
#[derive(Debug, Default)]
struct Got {
    url: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

#[derive(Default)]
struct Receiver(Mutex<Vec<Got>>);

impl Transport for Receiver {
    fn send(&self, request: &mut OutboundRequest<'_>) -> Result<Exchange, Failure> {
        let url = request.url;
        assert!(url.is_secure() && url.host() == "api.example.test" && url.port() == 443, "{}", url.full());
        let mut body = Vec::new();
        request.body.read_to_end(&mut body).unwrap();
        let headers = request.headers.iter().map(|(name, value)| (name.clone(), value.to_string())).collect();
        let (url, path) = (request.url.full(), request.url.path().to_owned());
        self.0.lock().unwrap().push(Got { url, path, headers, body });
        Ok(Exchange::new(Answer::new(200), Times::default()))
    }
}

const ORIGIN: &str = "https://api.example.test";

fn send(url: &str) -> HttpSend {
    HttpSend::new("leads", "call", "呼出", url)
}

fn made() -> Stand {
    let database = Database::new("leads", "見込客")
        .field(Field::key("code", "番号"))
        .field(Field::multiline("text", "文"))
        .field(Field::number("price", "価格", 2))
        .field(Field::date("visit", "来店"))
        .field(Field::choices("tags", "印", &["A", "\"B\"", "C&D"]));
    let list = List::new("leads", "all", "全て").column("code").button(MenuEntry::HttpSend("call".into()));
    Stand::new(&Blueprint::new().database(database).list(list).http_send(send(ORIGIN)))
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let form = input.byte();
    let (price, tags) = (input.number() % 1_000_000, input.pick(&["", "A", "A,\"B\"", "C&D"]));
    let value = input.text();
    let is_written = form & 8 != 0;
    let written = |default: &str, input: &mut Input<'_>| match is_written {
        true => input.text(),
        false => default.to_owned(),
    };
    let url = format!("{ORIGIN}/{}", written("v1/leads/${code}?q=${text}&n=${price}", &mut input));
    let header = written("${code}", &mut input);
    let mut own = send(&url).header("X-Own", header);
    own.encoding = renkei::csv::Encoding::Utf8;
    let template = match form & 7 {
        0 | 1 => r#"{"text": "<${text}>", "whole": ${text}, "price": ${price}, "tags": ${tags}}"#,
        2 => "<a b=\"${text}\">${text}</a>",
        3 => "<${text}>",
        _ => "${text}",
    };
    let template = written(template, &mut input);
    own = own.body(match form & 7 {
        0 | 1 => HttpBody::JsonTemplate { template },
        2 => HttpBody::Xml { template },
        3 => HttpBody::Raw { template, content_type: "text/plain; charset=utf-8".into() },
        4 => HttpBody::Form { rows: vec![Pair::new("one", template), Pair::new("二", "${price}")] },
        5 => HttpBody::None,
        kind => HttpBody::Json {
            rows: vec![
                JsonRow::new("one", template),
                JsonRow::new("two", "${price}").kind(if kind == 6 { JsonType::Number } else { JsonType::Native }),
            ],
        },
    });
    stand(&STAND, made, |stand| {
        if let Err(error) = stand.store.apply(&Blueprint::new().http_send(own.clone())) {
            assert!(is_written, "{error:?}");
            return refusal(&error);
        }
        let values = Values::new()
            .set("code", "L 1/\u{e9}")
            .set("text", value.as_str())
            .set("price", price)
            .set("visit", "2026-01-31")
            .set("tags", tags);
        if let Err(error) = stand.store.records("leads").register(&values) {
            return refusal(&error);
        }
        let stored = stand.store.records("leads").view("L 1/\u{e9}").unwrap().text("text");
        // Whether the message could be made is the item's to tell; the call itself goes well.
        stand.store.http_send(&HttpSendRequest::button("leads", "all", "call", "L 1/\u{e9}")).unwrap();
        let receiver = Arc::new(Receiver::default());
        let worker = Worker::new(&stand.store).transport(Channel::Http, receiver.clone()).senders(1);
        while worker.run_once().unwrap() {}
        stand.clear(&["leads"]);
        for got in receiver.0.lock().unwrap().iter() {
            whole(got, form & 7);
            if !is_written {
                faithful(got, form & 7, &stored, price);
            }
        }
    });
});

/// What holds of every message.
fn whole(got: &Got, form: u8) {
    assert!(got.url.starts_with(ORIGIN), "{got:?}");
    assert!(got.url.bytes().all(|byte| byte.is_ascii_graphic()), "{got:?}");
    // In a query they mean nothing.
    let path = got.path.split('?').next().unwrap();
    assert!(!path.split('/').any(|part| part == ".." || part == "."), "{got:?}");
    for (name, value) in &got.headers {
        assert!(!value.contains(['\r', '\n', '\0']), "{name}: {got:?}");
    }
    match form {
        0 | 1 | 6 | 7 => {
            serde_json::from_slice::<serde_json::Value>(&got.body).unwrap_or_else(|error| panic!("{error}: {got:?}"));
        }
        4 => assert_eq!(fields(&got.body).len(), 2, "{got:?}"),
        5 => assert!(got.body.is_empty(), "{got:?}"),
        _ => {}
    }
}

/// What holds where the templates are our own: what the receiver reads is what was stored.
fn faithful(got: &Got, form: u8, stored: &str, price: i64) {
    assert!(got.url.starts_with("https://api.example.test/v1/leads/L%201%2F%C3%A9?q="), "{got:?}");
    let query = got.url.split_once('?').unwrap().1;
    assert_eq!(fields(query.as_bytes())[0].1, stored, "{got:?}");
    let text = || std::str::from_utf8(&got.body).unwrap();
    match form {
        0 | 1 => {
            let json: serde_json::Value = serde_json::from_slice(&got.body).unwrap();
            assert_eq!(json["text"], format!("<{stored}>"));
            match stored {
                "" => assert!(json["whole"].is_null()),
                stored => assert_eq!(json["whole"], stored),
            }
            assert_eq!(json["price"].as_f64(), Some(price as f64));
        }
        2 => {
            let inner = text().strip_prefix("<a b=\"").and_then(|rest| rest.strip_suffix("</a>")).unwrap();
            let (one, other) = inner.split_once("\">").unwrap();
            for escaped in [one, other] {
                assert!(!escaped.contains(['<', '>', '"', '\r', '\n', '\t']), "{got:?}");
                assert_eq!(unescaped(escaped), stored, "{got:?}");
            }
        }
        3 => assert_eq!(text(), format!("<{stored}>")),
        4 => assert_eq!(fields(&got.body)[0], ("one".to_owned(), stored.to_owned()), "{got:?}"),
        5 => {}
        _ => {
            let json: serde_json::Value = serde_json::from_slice(&got.body).unwrap();
            assert_eq!(json["one"], stored);
            assert_eq!(json["two"].as_f64(), Some(price as f64));
        }
    }
}

/// The pairs of a form or a query.
fn fields(bytes: &[u8]) -> Vec<(String, String)> {
    let decoded = |text: &str| {
        let mut out = Vec::new();
        let mut bytes = text.bytes();
        while let Some(byte) = bytes.next() {
            out.push(match byte {
                b'+' => b' ',
                b'%' => {
                    let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                    u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                byte => byte,
            });
        }
        String::from_utf8(out).unwrap()
    };
    let text = std::str::from_utf8(bytes).unwrap();
    text.split('&')
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(key, value)| (decoded(key), decoded(value)))
        .collect()
}

fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let (name, more) = after.split_once(';').unwrap();
        out.push(match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            number => {
                let number = number.strip_prefix('#').unwrap();
                let code = match number.strip_prefix('x') {
                    Some(digits) => u32::from_str_radix(digits, 16),
                    None => number.parse(),
                };
                char::from_u32(code.unwrap()).unwrap()
            }
        });
        rest = more;
    }
    out + rest
}
