//! Conditions: which records are meant. Types, builders and the JSON form.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Error as _, SerializeMap};
use serde::{Deserialize, Serialize, Serializer};

use crate::error::{Language, Words, words};
use crate::schema::Value;

/// How deeply conditions may stand in one another.
pub(super) const DEPTH: usize = 64;

/// Which records are meant.
///
/// A field is named by a path: the code (or id, or display name) of a header or detail field; a field of a linked
/// record as `link.field`, up to four links far; or one of the system fields `_id`, `_revision`, `_created_at`,
/// `_created_by`, `_updated_at`, `_updated_by` and `_approval` (`pending` or `approved`). Links compare by the key of
/// the linked record, users by their code (the host itself is empty), choices by label. System fields may also be named as
/// people see them: `[ID]`, `[登録日]`, `[登録ユーザ]`, `[更新日]`, `[更新ユーザ]`.
///
/// A comparison with a detail field is fulfilled when some detail row fulfils it; comparisons that must hold for the
/// same row stand together in [`Condition::detail`].
///
/// A comparison never surprises where there is no value: `not_equals` finds the empty ones too, and `not` finds exactly
/// the records that its condition does not. Texts compare byte for byte, so capitals and widths matter. On a field with
/// time of day, a date alone means the whole day.
///
/// ```
/// use renkei::Condition;
///
/// let condition = Condition::contains("name", "佐藤").and(Condition::at_least("visited", "2026-01-01"));
/// let json = serde_json::json!({"all": [
///     {"field": "name", "op": "contains", "value": "佐藤"},
///     {"field": "visited", "op": "at_least", "value": "2026-01-01"},
/// ]});
/// assert_eq!(serde_json::to_value(&condition).unwrap(), json);
/// assert_eq!(serde_json::from_value::<Condition>(json).unwrap(), condition);
/// ```
///
/// The JSON forms are `{"all": […]}`, `{"any": […]}`, `{"not": …}`, `{"detail": …}`, and comparisons:
/// `{"field": …, "op": …, "value": …}` with the operators `equals`, `not_equals`, `at_least`, `at_most`, `less`,
/// `greater`, `contains` and `starts_with`; `{"field": …, "op": "one_of", "values": […]}`;
/// `{"field": …, "op": "between", "from": …, "to": …}`; `{"field": …, "op": "is_empty"}` and `is_not_empty`.
///
/// At most 64 conditions may stand in one another, with 1,000 comparisons and 10,000 values in all.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Condition {
    /// Every one holds; without any, every record is meant.
    All(Vec<Condition>),
    /// At least one holds; without any, no record is meant.
    Any(Vec<Condition>),
    /// The condition does not hold.
    Not(Box<Condition>),
    /// Some detail row fulfils the whole condition, which names detail fields only.
    Detail(Box<Condition>),
    /// A field is compared.
    Compare {
        /// The path of the field.
        field: String,
        /// What must be true of its value.
        test: Test,
    },
}

/// What must be true of a value.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Test {
    /// It is this value; for a field of several labels, exactly this set. With no value: it is empty.
    Equals(Value),
    /// It is another value, or empty.
    NotEquals(Value),
    /// It is one of these.
    OneOf(Vec<Value>),
    /// It is not before the first and not after the second; either may be empty for no bound.
    Between(Value, Value),
    /// It is this or comes after.
    AtLeast(Value),
    /// It is this or comes before.
    AtMost(Value),
    /// It comes before.
    Less(Value),
    /// It comes after.
    Greater(Value),
    /// The text contains this text; the labels of a field of several contain this label.
    Contains(Value),
    /// The text starts with this text.
    StartsWith(Value),
    /// There is no value.
    IsEmpty,
    /// There is a value.
    IsNotEmpty,
}

impl Test {
    /// The word for the operator in JSON and in messages.
    pub fn operator(&self) -> &'static str {
        match self {
            Test::Equals(_) => "equals",
            Test::NotEquals(_) => "not_equals",
            Test::OneOf(_) => "one_of",
            Test::Between(..) => "between",
            Test::AtLeast(_) => "at_least",
            Test::AtMost(_) => "at_most",
            Test::Less(_) => "less",
            Test::Greater(_) => "greater",
            Test::Contains(_) => "contains",
            Test::StartsWith(_) => "starts_with",
            Test::IsEmpty => "is_empty",
            Test::IsNotEmpty => "is_not_empty",
        }
    }
}

/// Every record.
impl Default for Condition {
    fn default() -> Condition {
        Condition::All(Vec::new())
    }
}

macro_rules! comparisons {
    ($($(#[doc = $doc:literal])* $name:ident $test:ident;)*) => {
        $($(#[doc = $doc])*
        pub fn $name(field: impl Into<String>, value: impl Into<Value>) -> Condition {
            Condition::compare(field, Test::$test(value.into()))
        })*
    };
}

impl Condition {
    /// A field is compared.
    pub fn compare(field: impl Into<String>, test: Test) -> Condition {
        Condition::Compare { field: field.into(), test }
    }

    comparisons! {
        /// The field has this value. See [`Test::Equals`].
        equals Equals;
        /// The field has another value, or none.
        not_equals NotEquals;
        /// The field has this value or one that comes after.
        at_least AtLeast;
        /// The field has this value or one that comes before.
        at_most AtMost;
        /// The field has a value that comes before.
        less Less;
        /// The field has a value that comes after.
        greater Greater;
        /// The text contains this text. See [`Test::Contains`].
        contains Contains;
        /// The text starts with this text.
        starts_with StartsWith;
    }

    /// The field has one of these values.
    ///
    /// ```
    /// use renkei::Condition;
    /// let condition = Condition::one_of("state", ["済", "中"]);
    /// # assert!(serde_json::to_string(&condition).unwrap().contains("one_of"));
    /// ```
    pub fn one_of(field: impl Into<String>, values: impl IntoIterator<Item = impl Into<Value>>) -> Condition {
        Condition::compare(field, Test::OneOf(values.into_iter().map(Into::into).collect()))
    }

    /// The field has a value from `from` to `to`, both included; an empty one is no bound.
    pub fn between(field: impl Into<String>, from: impl Into<Value>, to: impl Into<Value>) -> Condition {
        Condition::compare(field, Test::Between(from.into(), to.into()))
    }

    /// The field has no value.
    pub fn is_empty(field: impl Into<String>) -> Condition {
        Condition::compare(field, Test::IsEmpty)
    }

    /// The field has a value.
    pub fn is_not_empty(field: impl Into<String>) -> Condition {
        Condition::compare(field, Test::IsNotEmpty)
    }

    /// Some detail row fulfils the whole of `condition`.
    ///
    /// ```
    /// use renkei::Condition;
    /// let condition = Condition::detail(Condition::equals("item", "A-1").and(Condition::greater("quantity", 10)));
    /// # assert!(serde_json::to_string(&condition).unwrap().starts_with("{\"detail\":{\"all\""));
    /// ```
    pub fn detail(condition: Condition) -> Condition {
        Condition::Detail(Box::new(condition))
    }

    /// Both hold.
    pub fn and(mut self, other: Condition) -> Condition {
        if let Condition::All(list) = &mut self {
            list.push(other);
            return self;
        }
        Condition::All(vec![self, other])
    }

    /// At least one of both holds.
    pub fn or(mut self, other: Condition) -> Condition {
        if let Condition::Any(list) = &mut self {
            list.push(other);
            return self;
        }
        Condition::Any(vec![self, other])
    }

    /// Exactly where this does not hold. Also written `!condition`.
    #[allow(clippy::should_implement_trait, reason = "the operator is implemented as well")]
    pub fn not(self) -> Condition {
        Condition::Not(Box::new(self))
    }

    /// Every path named in it, to be changed.
    pub(crate) fn paths_mut(&mut self, change: &mut dyn FnMut(&mut String)) {
        // As deep as validated conditions are, so that this may recurse.
        match self {
            Condition::All(list) | Condition::Any(list) => list.iter_mut().for_each(|inner| inner.paths_mut(change)),
            Condition::Not(inner) | Condition::Detail(inner) => inner.paths_mut(change),
            Condition::Compare { field, .. } => change(field),
        }
    }

    /// Every value in it with the path it is compared with, to be changed.
    pub(crate) fn values_mut(&mut self, change: &mut dyn FnMut(&str, &mut Value)) {
        match self {
            Condition::All(list) | Condition::Any(list) => list.iter_mut().for_each(|inner| inner.values_mut(change)),
            Condition::Not(inner) | Condition::Detail(inner) => inner.values_mut(change),
            Condition::Compare { field, test } => match test {
                Test::OneOf(values) => values.iter_mut().for_each(|value| change(field, value)),
                Test::Between(from, to) => {
                    change(field, from);
                    change(field, to);
                }
                Test::Equals(value)
                | Test::NotEquals(value)
                | Test::AtLeast(value)
                | Test::AtMost(value)
                | Test::Less(value)
                | Test::Greater(value)
                | Test::Contains(value)
                | Test::StartsWith(value) => change(field, value),
                Test::IsEmpty | Test::IsNotEmpty => {}
            },
        }
    }

    /// Moves the conditions directly inside to `out`.
    fn take_children(&mut self, out: &mut Vec<Condition>) {
        match self {
            Condition::All(list) | Condition::Any(list) => out.append(list),
            Condition::Not(inner) | Condition::Detail(inner) => out.push(std::mem::take(&mut **inner)),
            Condition::Compare { .. } => {}
        }
    }
}

impl std::ops::Not for Condition {
    type Output = Condition;

    fn not(self) -> Condition {
        Condition::not(self)
    }
}

/// Conditions nested without end are refused when used, and must not exhaust the stack before that.
impl Drop for Condition {
    fn drop(&mut self) {
        let mut open = Vec::new();
        self.take_children(&mut open);
        while let Some(mut condition) = open.pop() {
            condition.take_children(&mut open);
        }
    }
}

impl Serialize for Condition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Written { condition: self, depth: 1 }.serialize(serializer)
    }
}

/// A condition that knows how deeply it stands.
struct Written<'a> {
    condition: &'a Condition,
    depth: usize,
}

impl<'a> Serialize for Written<'a> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.depth > DEPTH {
            return Err(S::Error::custom(too_deep().get(Language::English)));
        }
        let inside = |condition| Written { condition, depth: self.depth + 1 };
        let several = |list: &'a [Condition]| list.iter().map(inside).collect::<Vec<_>>();
        let mut map = serializer.serialize_map(None)?;
        match self.condition {
            Condition::All(list) => map.serialize_entry("all", &several(list))?,
            Condition::Any(list) => map.serialize_entry("any", &several(list))?,
            Condition::Not(inner) => map.serialize_entry("not", &inside(inner))?,
            Condition::Detail(inner) => map.serialize_entry("detail", &inside(inner))?,
            Condition::Compare { field, test } => {
                map.serialize_entry("field", field)?;
                map.serialize_entry("op", test.operator())?;
                match test {
                    Test::Equals(value)
                    | Test::NotEquals(value)
                    | Test::AtLeast(value)
                    | Test::AtMost(value)
                    | Test::Less(value)
                    | Test::Greater(value)
                    | Test::Contains(value)
                    | Test::StartsWith(value) => map.serialize_entry("value", value)?,
                    Test::OneOf(values) => map.serialize_entry("values", values)?,
                    Test::Between(from, to) => {
                        map.serialize_entry("from", from)?;
                        map.serialize_entry("to", to)?;
                    }
                    Test::IsEmpty | Test::IsNotEmpty => {}
                }
            }
        }
        map.end()
    }
}

pub(super) fn too_deep() -> Words {
    words!("条件の入れ子が{DEPTH}段を超えています", "conditions stand in one another more than {DEPTH} deep")
}

impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Condition, D::Error> {
        Reader { depth: 1 }.deserialize(deserializer)
    }
}

/// Reads a condition standing at a depth.
#[derive(Clone, Copy)]
struct Reader {
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Reader {
    type Value = Condition;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Condition, D::Error> {
        if self.depth > DEPTH {
            return Err(de::Error::custom(too_deep().get(Language::English)));
        }
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Reader {
    type Value = Condition;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a condition, such as {\"field\": \"name\", \"op\": \"equals\", \"value\": \"…\"}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Condition, A::Error> {
        const MEMBERS: &[&str] = &["all", "any", "not", "detail", "field", "op", "value", "from", "to", "values"];
        let inside = Reader { depth: self.depth + 1 };
        let mut nested = None;
        let mut members = Members::default();
        let mut seen: Vec<String> = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if seen.contains(&name) {
                return Err(de::Error::custom(format_args!("the member \"{name}\" stands twice in one condition")));
            }
            match name.as_str() {
                "all" => nested = Some(Condition::All(map.next_value_seed(ListReader(inside))?)),
                "any" => nested = Some(Condition::Any(map.next_value_seed(ListReader(inside))?)),
                "not" => nested = Some(Condition::not(map.next_value_seed(inside)?)),
                "detail" => nested = Some(Condition::detail(map.next_value_seed(inside)?)),
                "field" => members.field = Some(map.next_value()?),
                "op" => members.op = Some(map.next_value()?),
                "value" => members.value = Some(map.next_value()?),
                "from" => members.from = Some(map.next_value()?),
                "to" => members.to = Some(map.next_value()?),
                "values" => members.values = Some(map.next_value()?),
                other => return Err(de::Error::unknown_field(other, MEMBERS)),
            }
            seen.push(name);
        }
        match nested {
            Some(condition) if seen.len() == 1 => Ok(condition),
            Some(_) => Err(de::Error::custom(format_args!(
                "\"{}\" do not stand together in one condition",
                seen.join("\", \"")
            ))),
            None => members.into_condition().map_err(de::Error::custom),
        }
    }
}

struct ListReader(Reader);

impl<'de> DeserializeSeed<'de> for ListReader {
    type Value = Vec<Condition>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Condition>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for ListReader {
    type Value = Vec<Condition>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of conditions")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<Condition>, A::Error> {
        let mut list = Vec::new();
        while let Some(condition) = seq.next_element_seed(self.0)? {
            list.push(condition);
        }
        Ok(list)
    }
}

/// The members of a comparison.
#[derive(Default)]
struct Members {
    field: Option<String>,
    op: Option<String>,
    value: Option<Value>,
    from: Option<Value>,
    to: Option<Value>,
    values: Option<Vec<Value>>,
}

impl Members {
    fn into_condition(mut self) -> Result<Condition, String> {
        let field = self.field.take().ok_or("a condition has no \"field\"")?;
        let op = self.op.take().ok_or_else(|| format!("the condition on \"{field}\" has no \"op\""))?;
        let missing = |member: &str| format!("the condition \"{op}\" on \"{field}\" has no \"{member}\"");
        let single: Option<fn(Value) -> Test> = match op.as_str() {
            "equals" => Some(Test::Equals),
            "not_equals" => Some(Test::NotEquals),
            "at_least" => Some(Test::AtLeast),
            "at_most" => Some(Test::AtMost),
            "less" => Some(Test::Less),
            "greater" => Some(Test::Greater),
            "contains" => Some(Test::Contains),
            "starts_with" => Some(Test::StartsWith),
            _ => None,
        };
        let test = match (op.as_str(), single) {
            (_, Some(make)) => make(self.value.take().ok_or_else(|| missing("value"))?),
            ("one_of", _) => Test::OneOf(self.values.take().ok_or_else(|| missing("values"))?),
            ("between", _) => {
                let from = self.from.take().ok_or_else(|| missing("from"))?;
                Test::Between(from, self.to.take().ok_or_else(|| missing("to"))?)
            }
            ("is_empty", _) => Test::IsEmpty,
            ("is_not_empty", _) => Test::IsNotEmpty,
            _ => return Err(format!("there is no operator \"{op}\"")),
        };
        let left = [
            ("value", self.value.is_some()),
            ("from", self.from.is_some()),
            ("to", self.to.is_some()),
            ("values", self.values.is_some()),
        ];
        if let Some((member, _)) = left.iter().find(|(_, is_left)| *is_left) {
            return Err(format!("the condition \"{op}\" on \"{field}\" takes no \"{member}\""));
        }
        Ok(Condition::Compare { field, test })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(json: &str) -> String {
        serde_json::from_str::<Condition>(json).unwrap_err().to_string()
    }

    #[test]
    fn every_form_comes_back() {
        let condition = Condition::equals("a", 1)
            .and(Condition::not_equals("b", "x").or(Condition::one_of("c", ["1", "2"])).not())
            .and(Condition::detail(Condition::between("d", 1, None::<i64>).and(Condition::is_empty("e"))))
            .and(Condition::is_not_empty("f"))
            .and(Condition::equals("g", ["x", "y"]))
            .and(Condition::equals("h", None::<&str>));
        let json = serde_json::to_string(&condition).unwrap();
        assert_eq!(serde_json::from_str::<Condition>(&json).unwrap(), condition);
    }

    #[test]
    fn unknown_and_missing_members_are_refused() {
        for (json, word) in [
            (r#"{"field":"a","op":"equals","value":1,"vaule":2}"#, "vaule"),
            (r#"{"field":"a","op":"equals"}"#, "value"),
            (r#"{"field":"a","op":"equals","values":[1]}"#, "value"),
            (r#"{"field":"a","op":"is_empty","value":1}"#, "takes no \"value\""),
            (r#"{"field":"a","op":"like","value":1}"#, "no operator \"like\""),
            (r#"{"op":"equals","value":1}"#, "field"),
            (r#"{"all":[],"any":[]}"#, "do not stand together"),
            (r#"{"all":[],"all":[]}"#, "twice"),
            (r#"{"field":"a","op":"between","from":1}"#, "\"to\""),
            ("{}", "field"),
            ("[]", "a condition"),
            ("null", "a condition"),
        ] {
            assert!(refusal(json).contains(word), "{json}: {}", refusal(json));
        }
    }

    #[test]
    fn nesting_without_end_is_refused_and_dropped_without_harm() {
        let deep = |count: usize| {
            let (open, close) = ("{\"not\":".repeat(count), "}".repeat(count));
            format!("{open}{{\"all\":[]}}{close}")
        };
        assert!(serde_json::from_str::<Condition>(&deep(DEPTH - 1)).is_ok());
        assert!(refusal(&deep(DEPTH)).contains("64"));
        assert!(serde_json::from_str::<Condition>(&deep(1_000_000)).is_err());
        let mut condition = Condition::default();
        for _ in 0..1_000_000 {
            condition = condition.not();
        }
        assert!(serde_json::to_string(&condition).is_err());
        drop(condition);
    }
}
