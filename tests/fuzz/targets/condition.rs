//! Conditions as JSON: written as they were read; what a condition finds and what its contrary finds are all records; pages,
//! counts and exports agree.
#![no_main]

use std::cell::RefCell;
use std::collections::HashSet;

use libfuzzer_sys::fuzz_target;
use renkei::{Blueprint, Condition, DetailRow, Export, Headings, Query, Sort, Values};
use renkei_fuzz::{Input, Stand, refusal, stand};

thread_local!(static STAND: RefCell<Option<Stand>> = const { RefCell::new(None) });

const RECORDS: u64 = 24;

fn made() -> Stand {
    let stand = Stand::new(&Blueprint::from_json(include_str!("../../webapi/blueprint.json")).unwrap());
    for code in ["01", "1", "a", "りんご"] {
        let price = if code == "a" { String::new() } else { format!("{}", code.len() * 40) };
        let values = Values::new().set("code", code).set("name", format!("商品{code}")).set("price", price);
        stand.store.records("products").register(&values).unwrap();
    }
    for number in 0..RECORDS {
        let pick = |every: u64, text: &str| if number % every == 0 { String::new() } else { text.to_owned() };
        let mut values = Values::new()
            .set("state", ["新規", "受付", "済", ""][number as usize % 4])
            .set("accepted", pick(3, &format!("2026-0{}-1{}", 1 + number % 9, number % 7)))
            .set("amount", pick(4, &format!("{}.{}", number * 7, number % 10)))
            .set("title", pick(5, ["株式会社", "a_b%", "A", "ａ"][number as usize % 4]))
            .set("tags", pick(2, ["A", "A,B", "C"][number as usize % 3]))
            .set("product", ["", "01", "1", "a", "りんご"][number as usize % 5]);
        for row in 0..number % 3 {
            let row = DetailRow::new()
                .set("at", pick(7, &format!("2026-01-0{} 0{row}:30:00", 1 + number % 9)))
                .set("report", format!("報告{}", number % 4))
                .set("row_product", ["", "01"][row as usize % 2]);
            values = values.row(row);
        }
        stand.store.records("cases").register(&values).unwrap();
    }
    stand
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let sort =
        input.pick(&["number", "state", "accepted", "amount", "title", "tags", "product", "product.price", "_id"]);
    let sort = if input.flag() { Sort::descending(sort) } else { Sort::ascending(sort) };
    let most = u64::from(input.byte() % 7) + 1;
    let Ok(text) = std::str::from_utf8(input.rest()) else { return };
    let Ok(condition) = serde_json::from_str::<Condition>(text) else { return };
    let Ok(json) = serde_json::to_string(&condition) else { return };
    let again: Condition = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}"));
    // A number with decimal places is written as a text.
    assert_eq!(serde_json::to_string(&again).unwrap(), json);
    stand(&STAND, made, |stand| {
        let count = |condition: &Condition| stand.store.count("cases", Some(condition));
        let told = |counted: Result<u64, renkei::Error>| counted.map_err(|error| error.code());
        assert_eq!(told(count(&again)), told(count(&condition)), "{json}");
        let found = match count(&condition) {
            Ok(found) => found,
            Err(error) => {
                // A query says the same.
                let other = stand.store.query("cases", &Query::new().filter(condition)).unwrap_err();
                assert_eq!(other.code(), error.code());
                return refusal(&error);
            }
        };
        // One more level may be too deep, and one more comparison too many.
        let laws = [
            (condition.clone().not(), RECORDS - found),
            (condition.clone().and(condition.clone()), found),
            (condition.clone().or(condition.clone()), found),
            (condition.clone().and(condition.clone().not()), 0),
            (condition.clone().or(condition.clone().not()), RECORDS),
        ];
        for (law, expected) in laws {
            match count(&law) {
                Ok(counted) => assert_eq!(counted, expected, "{}", serde_json::to_string(&law).unwrap()),
                Err(error) => refusal(&error),
            }
        }
        let mut query = Query::new().filter(condition.clone()).sort(sort).limit(most);
        let mut seen = HashSet::new();
        loop {
            let page = stand.store.query("cases", &query).unwrap();
            assert!(page.records.len() as u64 <= most);
            for record in &page.records {
                assert!(seen.insert(record.id()), "{} comes twice: {json}", record.id());
            }
            match page.next {
                Some(next) => query = query.after(next),
                None => break,
            }
        }
        assert_eq!(seen.len() as u64, found, "{json}");
        let export = Export::of("cases").columns(["number"]).headings(Headings::None).filter(condition);
        let mut out = Vec::new();
        stand.store.export(&export, &mut out).unwrap();
        assert_eq!(out.split(|byte| *byte == b'\n').count() as u64 - 1, found, "{json}");
    });
});
