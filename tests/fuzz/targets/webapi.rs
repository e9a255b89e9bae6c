//! Any request to the Web API: one envelope comes back, no fault of the server's own, no line end in a header, and the
//! store is as sound as before.
#![no_main]

use std::cell::RefCell;

use fixture::{ACCOUNT, Fixture, text};
use libfuzzer_sys::fuzz_target;
use renkei::webapi::Request;
use renkei_fuzz::Input;

#[path = "../../webapi/fixture.rs"]
#[allow(dead_code)]
mod fixture;

thread_local!(static FIXTURE: RefCell<Option<(Fixture, u32)>> = const { RefCell::new(None) });

const FUNCTIONS: [&str; 9] = [
    "apirecord/regist",
    "apirecord/update",
    "apirecord/delete",
    "apirecord/view",
    "api/csvexport",
    "api/csvimport",
    "api/checkcsvimportprocess",
    "api/fileupload",
    "api/csvdataimport",
];

/// What there is to be viewed, changed and deleted.
fn made() -> Fixture {
    let fixture = Fixture::new();
    fixture.cases(&["a", "b"]);
    for values in [r#"{"100290":"01","100291":"りんご","100292":"120"}"#, r#"{"100290":"02"}"#] {
        fixture.ok("apirecord/regist", format!(r#"{{"dbSchemaId":100200,"values":{values}}}"#));
    }
    fixture
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let function = input.pick(&FUNCTIONS);
    let switches = input.byte();
    FIXTURE.with_borrow_mut(|place| {
        if place.as_ref().is_some_and(|(_, rounds)| *rounds > 300) {
            *place = None;
        }
        let (fixture, rounds) = place.get_or_insert_with(|| (made(), 0));
        *rounds += 1;
        let mut request = match switches & 3 {
            3 => Request::new(input.text(), input.text()),
            2 => fixture.request(function).owned_header("Content-Type", input.piece()),
            _ => fixture.request(function).header("Content-Type", "application/json"),
        };
        if switches & 4 != 0 {
            for _ in 0..input.byte() % 4 {
                request = request.owned_header(input.text(), input.piece());
            }
        }
        if switches & 8 != 0 {
            request = Request::new("POST", format!("/{ACCOUNT}/{function}/version/v1"))
                .owned_header("X-HD-apitoken", input.piece());
        }
        let response = fixture.api.handle(request.body(input.rest()));
        assert!((200..500).contains(&response.status()), "{}", response.status());
        for (name, value) in response.headers() {
            assert!(!name.contains(['\r', '\n']) && !value.contains(['\r', '\n']), "{name}: {value}");
        }
        if response.is_chunked() {
            let mut csv = Vec::new();
            response.into_body().write_to(&mut csv).unwrap();
            assert!(csv.starts_with(b"\xef\xbb\xbf\""));
        } else if response.status() != 204 {
            text(response);
        }
        if switches & 16 != 0 {
            fixture.work();
        }
    });
});
