//! Files with random damage: whatever they are, the counts add up, every refusal has its place, and the store stays
//! whole. The damage is the same in every run.

mod common_dice;
mod common_import;

use common_dice::Dice;
use common_import::*;
use renkei::{DetailMode, ImportMode, ImportSetting, Values};

const COLUMNS: &[&str] =
    &["number", "name", "mail", "amount", "joined", "rank", "memo", "office", "visit", "visited", "minutes"];

fn damaged(dice: &mut Dice) -> Vec<u8> {
    let mut text = format!("{}\n", COLUMNS.join(","));
    for _ in 0..dice.index(30) {
        let cells = [
            dice.pick(&["1", "2", "3", "4", "", "ｷｰ", "\"1\""]),
            dice.pick(&["佐藤", "\"鈴\"\"木\"", "", "\"高,橋\"", "a\"b", "  "]),
            dice.pick(&["", "a@example.com", "b@example.com", "\"c@example.com\""]),
            dice.pick(&["", "1", "-0", "1.005", "x", "１"]),
            dice.pick(&["", "2026-01-31", "2026/02/30", "\"2026/01/31\""]),
            dice.pick(&["", "A", "D", "\"B\""]),
            dice.pick(&["", "\"一\n二\"", "メモ"]),
            dice.pick(&["", "01", "99"]),
            dice.pick(&["", "a", "b"]),
            dice.pick(&["", "2026-01-31", "x"]),
            dice.pick(&["", "5", "1.5"]),
        ];
        text.push_str(&cells.join(","));
        text.push_str(dice.pick(&["\n", "\r\n", "\r", "\n\n"]));
    }
    let mut bytes = if dice.index(3) == 0 { cp932(&text) } else { text.into_bytes() };
    for _ in 0..dice.index(4) {
        let at = dice.index(bytes.len());
        match dice.index(4) {
            0 => bytes[at] = dice.pick(b"\",\r\n\0\xFF\x81x"),
            1 => bytes.insert(at, dice.pick(b"\",\r\n\0\xFF\x81x")),
            2 => drop(bytes.remove(at)),
            _ => bytes.truncate(at.max(1)),
        }
    }
    bytes
}

fn any_setting(dice: &mut Dice) -> ImportSetting {
    let mut own =
        setting("customers", dice.pick(&[ImportMode::InsertKeyed, ImportMode::Update, ImportMode::Upsert]), COLUMNS);
    own.details = dice.pick(&[DetailMode::Merge, DetailMode::Append, DetailMode::Replace]);
    own.atomic = dice.index(4) == 0;
    own.fill_dependents = dice.index(2) == 0;
    own.first_line = dice.pick(&[1, 2, 2, 2, 3]);
    own
}

#[test]
fn damage_is_refused_and_nothing_else() {
    let mut dice = Dice::new(1);
    let mut ends = std::collections::BTreeMap::<String, u32>::new();
    for _ in 0..6 {
        let fixture = Fixture::new();
        fixture.store.records("offices").register(&Values::new().set("code", "01").set("name", "東京")).unwrap();
        for _ in 0..60 {
            let bytes = damaged(&mut dice);
            let own = any_setting(&mut dice);
            let first_line = own.first_line;
            let before = fixture.store.count("customers", None).unwrap();
            let done = if dice.index(6) == 0 { fixture.dry_run(own, &bytes) } else { fixture.import(own, &bytes) };
            *ends.entry(format!("{:?} {}", done.status.state, done.error())).or_default() += 1;
            judge(&done, &bytes, COLUMNS.len(), first_line, before);
        }
        let path = fixture.store.path().to_owned();
        let Fixture { dir: _dir, sound: _sound, store } = fixture;
        drop(store);
        check_file(&path, &[("customers", "name")]);
    }
    println!("{ends:#?}");
}
