//! A CSV file of any bytes, imported by any setting: the counts add up, every refusal has its place, and what was taken
//! comes back cell for cell from an export that is imported again.
#![no_main]

use std::cell::RefCell;

use common_import::{Done, blueprint, cp932, customers, judge, setting};
use libfuzzer_sys::fuzz_target;
use renkei::csv::{Encoding, Format, Quoting, detect};
use renkei::{
    Blueprint, DetailMode, Export, ImportMode, ImportRequest, ImportSetting, InferOptions, JobState, MatchBy, Sort,
    Values, infer,
};
use renkei_fuzz::{Input, Stand, refusal, stand};

#[path = "../../common_import/mod.rs"]
mod common_import;

thread_local!(static STAND: RefCell<Option<Stand>> = const { RefCell::new(None) });

const COLUMNS: &[&str] =
    &["number", "name", "mail", "amount", "joined", "rank", "memo", "office", "visit", "visited", "minutes"];

fn made() -> Stand {
    let stand = Stand::new(&blueprint());
    for code in ["01", "02"] {
        stand.store.records("offices").register(&Values::new().set("code", code).set("name", "東京")).unwrap();
    }
    // The header of the columns is known, so that a file can begin with it.
    assert_eq!(customers().fields.len() + customers().details.len(), COLUMNS.len() + 1);
    assert_eq!(cp932("ソ"), b"\x83\x5C");
    stand
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let mut own =
        setting("customers", input.pick(&[ImportMode::Upsert, ImportMode::InsertKeyed, ImportMode::Update]), COLUMNS);
    own.encoding = input.pick(&[None, Some(Encoding::Utf8), Some(Encoding::Cp932)]);
    own.dialect.delimiter = input.pick(&[',', '\t', ';']);
    own.details = input.pick(&[DetailMode::Merge, DetailMode::Append, DetailMode::Replace]);
    own.first_line = input.pick(&[2, 1, 3]);
    let switches = input.byte();
    own.atomic = switches & 1 != 0;
    own.fill_dependents = switches & 2 != 0;
    own.drop_line_breaks = switches & 4 != 0;
    let is_dry = switches & 8 != 0;
    if switches & 16 != 0 && own.first_line > 1 {
        own.match_by = MatchBy::Header;
        own.extra_columns = switches & 32 != 0;
    }
    let is_repeated = switches & 64 != 0;
    let bytes = input.rest();
    guess(bytes);
    stand(&STAND, made, |stand| {
        for _ in 0..=usize::from(is_repeated) {
            import(stand, &own, bytes, is_dry);
        }
        stand.clear(&["customers"]);
    });
});

/// What can be found out about a file has a form, and is the same when it is found out again.
fn guess(bytes: &[u8]) {
    if let Err(error) = detect(bytes, None) {
        refusal(&error);
    }
    match infer(std::io::Cursor::new(bytes), &InferOptions::default()) {
        Err(error) => refusal(&error),
        Ok(inferred) => {
            let json = Blueprint::new().database(inferred.database).import(inferred.setting).to_json();
            let again = Blueprint::from_json(&json).unwrap_or_else(|error| panic!("{error}: {json}"));
            assert_eq!(again.to_json(), json);
        }
    }
}

fn import(stand: &Stand, own: &ImportSetting, bytes: &[u8], is_dry: bool) {
    let store = &stand.store;
    if let Err(error) = store.apply(&Blueprint::new().import(own.clone())) {
        return refusal(&error);
    }
    let before = store.count("customers", None).unwrap();
    let upload = match store.upload("in.csv", bytes) {
        Ok(upload) => upload,
        Err(error) => return refusal(&error),
    };
    let request = ImportRequest::upload("customers", own.code.as_str(), upload.id);
    let request = if is_dry { request.dry_run() } else { request };
    let id = store.reserve_import(&request).unwrap().process_id;
    stand.work();
    let done = Done::of(store, id);
    let columns = if own.match_by == MatchBy::Position { COLUMNS.len() } else { usize::MAX };
    judge(&done, bytes, columns, own.first_line, before);
    if done.status.state == JobState::Completed && !is_dry {
        comes_back(stand);
    }
}

/// Export, import into the emptied database, export: the same bytes.
fn comes_back(stand: &Stand) {
    let format = Format { quoting: Quoting::All, ..Format::default() };
    let export =
        Export::of("customers").columns(COLUMNS.iter().copied()).sort(Sort::ascending("number")).format(format);
    let exported = || {
        let mut out = Vec::new();
        stand.store.export(&export, &mut out).unwrap();
        out
    };
    let first = exported();
    stand.clear(&["customers"]);
    let mut own = setting("customers", ImportMode::InsertKeyed, COLUMNS);
    own.code = "back".to_owned();
    own.details = DetailMode::Append;
    own.encoding = Some(Encoding::Utf8);
    stand.store.apply(&Blueprint::new().import(own)).unwrap();
    let upload = stand.store.upload("back.csv", &first[..]).unwrap();
    let request = ImportRequest::upload("customers", "back", upload.id);
    let id = stand.store.reserve_import(&request).unwrap().process_id;
    stand.work();
    let done = Done::of(&stand.store, id);
    let text = String::from_utf8_lossy(&first);
    assert_eq!(done.status.state, JobState::Completed, "{:?}\n{text}", done.status);
    assert_eq!(done.status.counts.rejected, 0, "{:?}\n{text}", done.rejects());
    let second = exported();
    assert!(first == second, "{text}\n{}", String::from_utf8_lossy(&second));
}
