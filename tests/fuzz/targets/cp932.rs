//! Bytes as cp932 and texts as cp932: what is read is what the encoding standard reads, what is refused is refused where
//! it is wrong, and what is written reads back.
#![no_main]

use std::cell::RefCell;

use encoding_rs::SHIFT_JIS;
use libfuzzer_sys::fuzz_target;
use renkei::csv::{Encoding, Format, OutputEncoding, Unmappable, detect};
use renkei::{
    Blueprint, Code, Database, Export, Field, Headings, ImportMode, ImportRequest, ImportSetting, JobState, Values,
};
use renkei_fuzz::{Input, Stand, refusal, stand};

thread_local!(static STAND: RefCell<Option<Stand>> = const { RefCell::new(None) });

fn made() -> Stand {
    let mut setting = ImportSetting::new("texts", "in", "取込")
        .mode(ImportMode::Upsert)
        .column("code")
        .column("text")
        .encoding(Encoding::Cp932)
        .first_line(1);
    setting.dialect.delimiter = ',';
    Stand::new(
        &Blueprint::new()
            .database(
                Database::new("texts", "文").field(Field::key("code", "番号")).field(Field::multiline("text", "文")),
            )
            .import(setting),
    )
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let is_bytes = input.flag();
    let rest = input.rest();
    stand(&STAND, made, |stand| match is_bytes {
        true => bytes(stand, rest),
        false => text(stand, &String::from_utf8_lossy(rest)),
    });
});

/// A cell of these bytes; no byte with a meaning in CSV is the second of a character.
fn file(cell: &[u8]) -> Vec<u8> {
    let mut file = b"1,\"".to_vec();
    for byte in cell {
        file.push(*byte);
        if *byte == b'"' {
            file.push(*byte);
        }
    }
    file.extend_from_slice(b"\"\r\n");
    file
}

fn import(stand: &Stand, file: &[u8]) -> Result<String, (String, u64)> {
    let upload = stand.store.upload("in.csv", file).unwrap();
    let id = stand.store.reserve_import(&ImportRequest::upload("texts", "in", upload.id)).unwrap().process_id;
    stand.work();
    let status = stand.store.import_status(id).unwrap();
    assert_eq!(status.state, JobState::Completed, "{status:?}");
    assert_eq!(status.counts.total, 1, "{status:?}");
    match stand.store.rejects(id, 0, 10).unwrap().first() {
        Some(reject) => Err((reject.code.clone(), reject.offset)),
        None => Ok(stand.store.records("texts").view("1").unwrap().text("text")),
    }
}

fn bytes(stand: &Stand, cell: &[u8]) {
    let file = file(cell);
    let read = import(stand, &file);
    let expected = SHIFT_JIS.decode_without_bom_handling_and_without_replacement(cell);
    match (&read, &expected) {
        (Ok(read), Some(expected)) => {
            assert_eq!(read, expected);
            detect(&file[..], None).unwrap();
        }
        (Err((code, offset)), None) => {
            assert_eq!(code, "csv.encoding");
            // What stands before the place is well, as far as it is a whole number of characters.
            let before = SHIFT_JIS.decode_without_bom_handling_and_without_replacement(&file[..*offset as usize]);
            assert!(before.is_some(), "byte {offset} of {file:?}");
        }
        (Err((code, _)), Some(expected)) => {
            assert!(code.starts_with("value."), "{code}: {expected:?}");
            assert!(expected.chars().any(char::is_control), "{code}: {expected:?}");
        }
        (Ok(read), None) => panic!("{read:?} was read of {cell:?}"),
    }
    stand.clear(&["texts"]);
}

fn text(stand: &Stand, text: &str) {
    let records = stand.store.records("texts");
    if let Err(error) = records.register(&Values::new().set("code", "1").set("text", text)) {
        assert_eq!(error.code(), Code::RecordInvalid);
        return refusal(&error);
    }
    let export = |unmappable| {
        let format = Format { encoding: OutputEncoding::Cp932, unmappable, ..Format::default() };
        let export = Export::of("texts").headings(Headings::None).format(format);
        let mut out = Vec::new();
        stand.store.export(&export, &mut out).map(|exported| (out, exported))
    };
    let (replaced, counted) = export(Unmappable::Replace).unwrap();
    let is_whole = match export(Unmappable::Error) {
        Ok((out, exported)) => {
            assert_eq!(out, replaced);
            assert_eq!(exported.unmapped_count, 0);
            true
        }
        Err(error) => {
            assert_eq!(error.code(), Code::CsvUnmappable, "{error:?}");
            false
        }
    };
    assert_eq!(counted.unmapped_count == 0, is_whole);
    stand.clear(&["texts"]);
    let back = import(stand, &replaced).unwrap_or_else(|reject| panic!("{reject:?} of {text:?}: {replaced:?}"));
    assert_eq!(back.chars().count(), text.chars().count());
    let same = text.chars().zip(back.chars()).filter(|(one, other)| one != other);
    for (one, other) in same {
        let is_twin = matches!(
            (one, other),
            ('〜', '～')
                | ('‖', '∥')
                | ('−', '－')
                | ('—', '―')
                | ('¢', '￠')
                | ('£', '￡')
                | ('¬', '￢')
                | ('¥', '\\')
                | ('‾', '~')
        );
        assert!(is_twin || other == '?' && !is_whole, "{one:?} became {other:?}");
    }
    // What came back is written by the same bytes.
    assert_eq!(export(Unmappable::Error).unwrap().0, replaced);
    stand.clear(&["texts"]);
}
