//! Files with random damage: whatever they are, the counts add up, every refusal has its place, and the store stays
//! whole. The damage is the same in every run.

mod common_dice;
mod common_import;

use common_dice::Dice;
use common_import::*;
use renkei::{DetailMode, ImportMode, ImportSetting, JobState, Values};

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
            let told = format!("{own:?}\n{:?}", String::from_utf8_lossy(&bytes));
            let done = if dice.index(6) == 0 { fixture.dry_run(own, &bytes) } else { fixture.import(own, &bytes) };
            let (status, rejects) = (&done.status, done.rejects());
            *ends.entry(format!("{:?} {}", status.state, done.error())).or_default() += 1;
            assert!(!["internal", "sqlite", "io", "job.given_up"].contains(&done.error()), "{status:?}\n{told}");
            let after = fixture.store.count("customers", None).unwrap();
            let kept = if status.dry_run { 0 } else { status.counts.inserted };
            assert_eq!(after, before + kept, "{status:?}\n{told}");
            assert_eq!(status.counts.reject_cells, rejects.len() as u64);
            let mut lines: Vec<u64> = rejects.iter().map(|reject| reject.line).collect();
            assert!(lines.is_sorted(), "{rejects:?}\n{told}");
            lines.dedup();
            assert_eq!(status.counts.rejected, lines.len() as u64, "{rejects:?}\n{told}");
            assert!(lines.iter().all(|line| *line >= first_line));
            for pair in rejects.windows(2) {
                assert!(pair[0].line < pair[1].line || pair[0].column <= pair[1].column, "{pair:?}\n{told}");
            }
            for reject in &rejects {
                assert!(reject.offset <= bytes.len() as u64, "{reject:?}\n{told}");
                assert!(!reject.message_ja.is_empty() && !reject.message_en.is_empty());
                let Some(column) = reject.column else { continue };
                assert!((1..=COLUMNS.len()).contains(&column), "{reject:?}\n{told}");
                let value = reject.value.as_bytes();
                if reject.code != "csv.encoding" && value.is_ascii() && !value.contains(&b'"') {
                    let at = usize::try_from(reject.offset).unwrap();
                    assert!(bytes[at..].starts_with(value), "{reject:?}\n{told}");
                }
            }
            if status.state == JobState::Completed || done.error() == "import.rejected" {
                // The file of rejects is itself a file of as many lines.
                let mut out = Vec::new();
                let count = fixture.store.write_rejects(done.id, &mut out).unwrap();
                assert_eq!(count, status.counts.rejected);
            }
        }
        let path = fixture.store.path().to_owned();
        let Fixture { dir: _dir, store, .. } = fixture;
        drop(store);
        check_file(&path, &[("customers", "name")]);
    }
    println!("{ends:#?}");
}
