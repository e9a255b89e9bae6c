//! Random conditions held against a naive model in memory.

use proptest::prelude::*;

use super::*;

fn texts(line: &Line, field: &str) -> Vec<Option<String>> {
    let branch = line.branch.map(|id| BRANCHES[id as usize - 1]);
    match field {
        "name" => vec![line.name.clone()],
        "memo" => vec![line.memo.clone()],
        "branch" => vec![branch.map(|(code, _)| code.to_owned())],
        "branch.name" | "branch_name" => vec![branch.and_then(|(_, name)| name.map(str::to_owned))],
        "item" => line.rows.iter().map(|row| row.0.clone()).collect(),
        _ => unreachable!(),
    }
}

fn holds(condition: &Condition, line: &Line) -> bool {
    match condition {
        Condition::All(list) => list.iter().all(|inner| holds(inner, line)),
        Condition::Any(list) => list.iter().any(|inner| holds(inner, line)),
        Condition::Not(inner) => !holds(inner, line),
        Condition::Detail(inner) => {
            let alone = |row: &(_, _, _)| Line { rows: vec![row.clone()], ..line.clone() };
            line.rows.iter().any(|row| holds(inner, &alone(row)))
        }
        Condition::Compare { field, test } if field == "amount" || field == "quantity" => {
            let values: Vec<Option<i64>> = match field.as_str() {
                "amount" => vec![line.amount.map(|amount| amount / 100)],
                _ => line.rows.iter().map(|row| row.1).collect(),
            };
            let given = |value: &Value| i64::try_from(value.as_number().unwrap()).unwrap();
            values.into_iter().any(|value| fulfils(test, value, &given, &|_, _| unreachable!()))
        }
        Condition::Compare { field, test } => {
            let given = |value: &Value| value.as_text().unwrap_or_default().to_owned();
            texts(line, field).into_iter().any(|value| {
                fulfils(test, value, &given, &|value, test| match test {
                    Test::Contains(part) => value.contains(part.as_text().unwrap()),
                    Test::StartsWith(part) => value.starts_with(part.as_text().unwrap()),
                    _ => unreachable!(),
                })
            })
        }
    }
}

fn fulfils<T: Ord>(
    test: &Test,
    value: Option<T>,
    given: &dyn Fn(&Value) -> T,
    part: &dyn Fn(&T, &Test) -> bool,
) -> bool {
    let has = |check: &dyn Fn(&T) -> bool| value.as_ref().is_some_and(check);
    match test {
        Test::IsEmpty => value.is_none(),
        Test::IsNotEmpty => value.is_some(),
        Test::Equals(other) => has(&|value| *value == given(other)),
        Test::NotEquals(other) => !has(&|value| *value == given(other)),
        Test::OneOf(others) => others.iter().any(|other| match other.is_empty() {
            true => value.is_none(),
            false => has(&|value| *value == given(other)),
        }),
        Test::Between(low, high) => has(&|value| *value >= given(low) && *value <= given(high)),
        Test::AtLeast(other) => has(&|value| *value >= given(other)),
        Test::AtMost(other) => has(&|value| *value <= given(other)),
        Test::Less(other) => has(&|value| *value < given(other)),
        Test::Greater(other) => has(&|value| *value > given(other)),
        Test::Contains(_) | Test::StartsWith(_) => has(&|value| part(value, test)),
    }
}

fn text() -> BoxedStrategy<String> {
    "[abB佐藤%_'\"😀\u{10FFFF}支店B13]{1,3}".boxed()
}

fn line() -> impl Strategy<Value = Line> {
    let row = (prop::option::of(text()), prop::option::of(-3i64..3), Just(None));
    (
        prop::option::of(text()),
        prop::option::of(text()),
        prop::option::of(-3i64..3),
        prop::option::of(1i64..=3),
        prop::collection::vec(row, 0..3),
    )
        .prop_map(|(name, memo, amount, branch, rows)| Line {
            name,
            memo,
            amount: amount.map(|amount| amount * 100),
            branch,
            rows,
            ..Line::default()
        })
}

fn test_of(values: BoxedStrategy<Value>, is_text: bool) -> BoxedStrategy<Test> {
    let one = values.clone();
    let kinds = if is_text { 11 } else { 9 };
    (0..kinds, one, values.clone(), prop::collection::vec(prop_oneof![values, Just(Value::Empty)], 0..3))
        .prop_map(|(kind, one, two, several)| match kind {
            0 => Test::Equals(one),
            1 => Test::NotEquals(one),
            2 => Test::OneOf(several),
            3 => Test::Between(one, two),
            4 => Test::AtLeast(one),
            5 => Test::AtMost(one),
            6 => Test::Less(one),
            7 => Test::IsEmpty,
            8 => Test::IsNotEmpty,
            9 => Test::Contains(one),
            _ => Test::StartsWith(one),
        })
        .boxed()
}

fn condition(details: bool) -> BoxedStrategy<Condition> {
    let texts: &'static [&'static str] =
        if details { &["item"] } else { &["name", "memo", "branch", "branch.name", "branch_name", "item"] };
    let numbers: &'static [&'static str] = if details { &["quantity"] } else { &["amount", "quantity"] };
    let text_leaf = (prop::sample::select(texts), test_of(text().prop_map(Value::from).boxed(), true));
    let number_leaf = (prop::sample::select(numbers), test_of((-3i64..3).prop_map(Value::from).boxed(), false));
    let leaf = prop_oneof![
        text_leaf.prop_map(|(field, test)| Condition::compare(field, test)),
        number_leaf.prop_map(|(field, test)| Condition::compare(field, test)),
    ];
    leaf.prop_recursive(4, 12, 3, move |inner| {
        let list = prop::collection::vec(inner.clone(), 0..3);
        let nested = prop_oneof![
            list.clone().prop_map(Condition::All),
            list.prop_map(Condition::Any),
            inner.prop_map(Condition::not),
        ];
        if details {
            nested.boxed()
        } else {
            prop_oneof![3 => nested, 1 => condition(true).prop_map(Condition::detail)].boxed()
        }
    })
    .boxed()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn random_conditions_agree_with_a_model(
        lines in prop::collection::vec(line(), 1..12),
        conditions in prop::collection::vec(condition(false), 40),
    ) {
        let f = Fixture::new(&lines);
        for condition in conditions {
            let expected: Vec<i64> =
                lines.iter().enumerate().filter(|(_, line)| holds(&condition, line)).map(|(at, _)| at as i64 + 1).collect();
            let json = serde_json::to_string(&condition).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Condition>(&json).unwrap(), &condition);
            prop_assert_eq!(f.ids(condition.clone()), expected.clone(), "{}", json);
            prop_assert_eq!(f.ids_of_snapshots(&condition), expected, "{}", json);
        }
    }
}
