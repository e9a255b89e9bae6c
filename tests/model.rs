//! Random definitions and random writes against a model in memory: the store has what the model has, whatever was
//! refused on the way.

mod common;

use std::collections::BTreeMap;

use common::Fixture;
use proptest::prelude::*;
use renkei::{
    Condition, Database, DetailMode, DetailRow, Field, Number, Query, RecordId, Value, Values, WriteOptions, Written,
};

/// What a field of the definition is, as far as the model knows rules.
#[derive(Debug, Clone)]
struct Kind {
    sort: Sort,
    required: bool,
    unique: bool,
    full_text: bool,
    index: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Sort {
    Text,
    Number(u8),
    Date,
    Choice,
}

const LABELS: [&str; 3] = ["甲", "乙", "丙"];

fn kind() -> impl Strategy<Value = Kind> {
    let sort = prop_oneof![Just(Sort::Text), (0u8..4).prop_map(Sort::Number), Just(Sort::Date), Just(Sort::Choice)];
    (sort, any::<bool>(), prop::bool::weighted(0.3), any::<bool>(), any::<bool>()).prop_map(
        |(sort, required, unique, full_text, index)| Kind {
            sort,
            required: required && index,
            unique,
            full_text: full_text && sort == Sort::Text,
            index,
        },
    )
}

fn field(code: String, kind: &Kind) -> Field {
    let name = format!("項目{code}");
    let mut field = match kind.sort {
        Sort::Text => Field::text(code, name),
        Sort::Number(scale) => Field::number(code, name, scale),
        Sort::Date => Field::date(code, name),
        Sort::Choice => Field::choice(code, name, &LABELS),
    };
    (field.required, field.unique, field.full_text, field.index) =
        (kind.required, kind.unique, kind.full_text, kind.index);
    field
}

/// A small world of values, so that they meet; some of them refused.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "[佐藤箱ab \"'*%_]{1,4}",
        (-3i64..4).prop_map(|number| number.to_string()),
        (0u32..300).prop_map(|number| format!("{}.{:02}", number / 100, number % 100)),
        (1u8..32).prop_map(|day| format!("2026-02-{day:02}")),
        prop::sample::select(&LABELS[..]).prop_map(str::to_owned),
        Just("a\nb".to_owned()),
    ]
}

/// The value as it is kept, or nothing if it breaks a rule.
fn kept(kind: &Kind, text: &str) -> Option<String> {
    if text.is_empty() {
        return Some(String::new());
    }
    match kind.sort {
        Sort::Text => (!text.contains('\n')).then(|| text.to_owned()),
        Sort::Number(scale) => {
            let number: Number = text.parse().ok()?;
            let power = 10i64.pow(u32::from(number.scale().saturating_sub(scale)));
            if number.unscaled() % power != 0 {
                return None;
            }
            let wider = 10i64.pow(u32::from(scale.saturating_sub(number.scale())));
            Number::new(number.unscaled() / power * wider, scale).map(|number| number.to_string())
        }
        Sort::Date => text.parse::<renkei::Date>().ok().map(|date| date.to_string()),
        Sort::Choice => LABELS.contains(&text).then(|| text.to_owned()),
    }
}

#[derive(Debug, Clone)]
enum Step {
    Register(String, Vec<Option<String>>, Vec<String>),
    Update(String, Vec<Option<String>>, Vec<String>, bool),
    Upsert(String, Vec<Option<String>>),
    Delete(String),
}

fn step(fields: usize) -> impl Strategy<Value = Step> {
    let key = || (0u8..6).prop_map(|key| format!("K{key}"));
    let values = move || prop::collection::vec(prop::option::of(value()), fields);
    let rows = || prop::collection::vec("[0-9x]{0,2}", 0..4);
    prop_oneof![
        4 => (key(), values(), rows()).prop_map(|(key, values, rows)| Step::Register(key, values, rows)),
        4 => (key(), values(), rows(), any::<bool>()).prop_map(|(key, values, rows, by)| Step::Update(key, values, rows, by)),
        2 => (key(), values()).prop_map(|(key, values)| Step::Upsert(key, values)),
        2 => key().prop_map(Step::Delete),
    ]
}

fn world() -> impl Strategy<Value = (Vec<Kind>, Vec<Step>)> {
    prop::collection::vec(kind(), 1..5).prop_flat_map(|kinds| {
        let fields = kinds.len();
        (Just(kinds), prop::collection::vec(step(fields), 1..40))
    })
}

#[derive(Debug, Clone, PartialEq)]
struct Record {
    id: i64,
    revision: i64,
    fields: Vec<String>,
    rows: Vec<String>,
}

#[derive(Default)]
struct Model {
    records: BTreeMap<String, Record>,
    last_id: i64,
}

impl Model {
    /// What the record would have, or nothing if it is refused.
    fn merged(&self, kinds: &[Kind], key: &str, values: &[Option<String>], rows: &[String]) -> Option<Record> {
        let old = self.records.get(key);
        let mut record = old.cloned().unwrap_or(Record {
            id: self.last_id + 1,
            revision: 1,
            fields: vec![String::new(); kinds.len()],
            rows: Vec::new(),
        });
        for ((kind, given), field) in kinds.iter().zip(values).zip(&mut record.fields) {
            if let Some(given) = given {
                *field = kept(kind, given)?;
            }
            if kind.required && field.is_empty() {
                return None;
            }
        }
        for (at, kind) in kinds.iter().enumerate().filter(|(_, kind)| kind.unique) {
            let _ = kind;
            let taken = |(other, theirs): (&String, &Record)| other != key && theirs.fields[at] == record.fields[at];
            if !record.fields[at].is_empty() && self.records.iter().any(taken) {
                return None;
            }
        }
        if rows.iter().any(|row| row.contains('x')) {
            return None;
        }
        Some(record)
    }
}

fn row_texts(rows: &[String]) -> Vec<String> {
    rows.iter().map(|row| row.parse::<i64>().map_or(String::new(), |number| number.to_string())).collect()
}

fn run(kinds: &[Kind], steps: &[Step]) {
    let mut database = Database::new("d", "D").field(Field::key("k", "K"));
    for (at, kind) in kinds.iter().enumerate() {
        database = database.field(field(format!("f{at}"), kind));
    }
    let database =
        database.field(Field::calculated("total", "合計", 0, "sum(n)").unwrap()).detail(Field::number("n", "N", 0));
    let fixture = Fixture::of([database]);
    let records = fixture.store.records("d");
    let mut model = Model::default();
    let given = |key: &str, values: &[Option<String>], rows: &[String]| {
        let mut given = Values::new().set("k", key);
        for (at, value) in values.iter().enumerate() {
            if let Some(value) = value {
                given = given.set(format!("f{at}"), value.as_str());
            }
        }
        rows.iter().fold(given, |given, row| given.row(DetailRow::new().set("n", row.as_str())))
    };
    for step in steps {
        match step {
            Step::Register(key, values, rows) => {
                let result = records.register(&given(key, values, rows));
                let expected = match model.records.contains_key(key) {
                    true => None,
                    false => model.merged(kinds, key, values, rows),
                };
                assert_eq!(result.is_ok(), expected.is_some(), "{step:?}: {result:?}");
                if let Some(mut record) = expected {
                    record.rows = row_texts(rows);
                    assert_eq!(result.unwrap().id, record.id);
                    model.last_id = record.id;
                    model.records.insert(key.clone(), record);
                }
            }
            Step::Update(key, values, rows, by_id) => {
                let old = model.records.get(key).cloned();
                let options =
                    WriteOptions::new().details(if *by_id { DetailMode::Replace } else { DetailMode::Append });
                let result = match (by_id, &old) {
                    (true, Some(old)) => records.update_with(RecordId(old.id), &given(key, values, rows), &options),
                    _ => records.update_with(key.as_str(), &given(key, values, rows), &options),
                };
                let expected = old.as_ref().and_then(|_| model.merged(kinds, key, values, rows));
                assert_eq!(result.is_ok(), expected.is_some(), "{step:?}: {result:?}");
                if let (Some(mut record), Some(old)) = (expected, old) {
                    if *by_id {
                        record.rows.clear();
                    }
                    record.rows.extend(row_texts(rows));
                    let is_same = record == old;
                    record.revision += i64::from(!is_same);
                    let saved = result.unwrap();
                    assert_eq!(saved.written == Written::Unchanged, is_same, "{step:?}");
                    assert_eq!(saved.revision, record.revision);
                    model.records.insert(key.clone(), record);
                }
            }
            Step::Upsert(key, values) => {
                let result = records.upsert(&given(key, values, &[]));
                let old = model.records.get(key).cloned();
                let expected = model.merged(kinds, key, values, &[]);
                assert_eq!(result.is_ok(), expected.is_some(), "{step:?}: {result:?}");
                if let Some(mut record) = expected {
                    match &old {
                        Some(old) => record.revision += i64::from(record != *old),
                        None => model.last_id = record.id,
                    }
                    assert_eq!(result.unwrap().revision, record.revision);
                    model.records.insert(key.clone(), record);
                }
            }
            Step::Delete(key) => {
                let result = records.delete(key.as_str());
                assert_eq!(result.is_ok(), model.records.remove(key).is_some(), "{step:?}: {result:?}");
            }
        }
    }
    agree(&fixture, kinds, &model);
    // The same after every index is taken away and made anew.
    let definition = fixture.store.database("d").unwrap();
    let mut bare = definition.clone();
    for field in &mut bare.fields {
        (field.index, field.full_text, field.unique) = (false, false, false);
    }
    fixture.apply([bare]);
    agree(&fixture, kinds, &model);
    fixture.apply([definition]);
    agree(&fixture, kinds, &model);
}

fn agree(fixture: &Fixture, kinds: &[Kind], model: &Model) {
    let page = fixture.store.query("d", &Query::new()).unwrap();
    let stored: BTreeMap<String, Record> = page
        .records
        .iter()
        .map(|record| {
            let rows: Vec<String> = record.rows().iter().map(|row| row.text("n")).collect();
            let total: i64 = rows.iter().filter_map(|row| row.parse::<i64>().ok()).sum();
            assert_eq!(record.value("total"), Value::from(total));
            let fields = (0..kinds.len()).map(|at| record.text(&format!("f{at}"))).collect();
            (record.key().to_owned(), Record { id: record.id(), revision: record.revision(), fields, rows })
        })
        .collect();
    assert_eq!(stored, model.records);
    for (at, kind) in kinds.iter().enumerate().filter(|(_, kind)| kind.sort == Sort::Text) {
        let _ = kind;
        for term in ["佐", "藤箱", "a", "b \"", "'", "%", "_a", "*", "ab", "箱箱"] {
            let expected = model.records.values().filter(|record| record.fields[at].contains(term)).count() as u64;
            let found = fixture.store.count("d", Some(&Condition::contains(format!("f{at}"), term))).unwrap();
            assert_eq!(found, expected, "{term:?}");
        }
    }
    for (at, _) in kinds.iter().enumerate() {
        for record in model.records.values().filter(|record| !record.fields[at].is_empty()) {
            let expected = model.records.values().filter(|other| other.fields[at] == record.fields[at]).count() as u64;
            let condition = Condition::equals(format!("f{at}"), record.fields[at].as_str());
            assert_eq!(fixture.store.count("d", Some(&condition)).unwrap(), expected);
        }
    }
    fixture.check_file();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_has_what_the_model_has((kinds, steps) in world()) {
        run(&kinds, &steps);
    }
}
