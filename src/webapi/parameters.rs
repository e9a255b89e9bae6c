//! The parameters of a call, judged by the table of functions. What is wrong is collected, one entry a parameter.

use super::codes::InnerCode;
use super::envelope::{Entry, Refusal};
use super::functions::{Function, Parameter, ParameterKind};
use super::json::Json;

/// The members of the request, and what is wrong with them.
pub(super) struct Parameters<'q> {
    query: &'q Json<'q>,
    faults: Vec<Entry>,
}

impl<'q> Parameters<'q> {
    /// Judges every parameter of `function`. Other members are nobody's business.
    pub(super) fn of(function: &Function, query: &'q Json<'q>) -> Parameters<'q> {
        let mut parameters = Parameters { query, faults: Vec::new() };
        for parameter in function.parameters {
            if let Some(code) = parameters.fault(parameter) {
                parameters.refuse(parameter.name, code);
            }
        }
        parameters
    }

    fn fault(&self, parameter: &Parameter) -> Option<InnerCode> {
        let Some(value) = self.given(parameter.name) else {
            return parameter.required.then_some(InnerCode::ParameterMissing);
        };
        let fits = |fits: bool, code: InnerCode| (!fits).then_some(code);
        match parameter.kind {
            // An id that is no number names nothing, as any other wrong one.
            ParameterKind::Id | ParameterKind::Text => fits(value.scalar().is_some(), InnerCode::ParameterType),
            ParameterKind::Count => fits(count(value).is_some(), InnerCode::ParameterNumber),
            ParameterKind::Flag => fits(flag(value).is_some(), InnerCode::ParameterFlag),
            ParameterKind::Mode => None,
            ParameterKind::Values => fits(members(value).is_some(), InnerCode::ParameterType),
        }
    }

    /// A parameter that is there and not empty.
    fn given(&self, name: &str) -> Option<&'q Json<'q>> {
        self.query.member(name).filter(|value| !value.is_nothing())
    }

    /// Notes that a parameter is not acceptable.
    pub(super) fn refuse(&mut self, name: &str, code: InnerCode) {
        self.refuse_with(name, code, "");
    }

    /// As [`Parameters::refuse`], with the figure of a limit.
    pub(super) fn refuse_with(&mut self, name: &str, code: InnerCode, rule: impl std::fmt::Display) {
        self.faults.push(Entry::with_rule(name, self.sent(name), code, rule));
    }

    /// A parameter as it was sent.
    fn sent(&self, name: &str) -> String {
        let Some(value) = self.query.member(name) else { return String::new() };
        match value.scalar() {
            Some(text) => text.to_owned(),
            None => {
                let mut out = String::new();
                value.write(&mut out);
                out
            }
        }
    }

    /// The refusal, if anything is wrong.
    pub(super) fn check(&mut self) -> Result<(), Refusal> {
        match self.faults.is_empty() {
            true => Ok(()),
            false => Err(Refusal::parameters(std::mem::take(&mut self.faults))),
        }
    }

    /// An id; `None` where there is none. One that is no number is 0, which is the id of nothing.
    pub(super) fn id(&self, name: &str) -> Option<i64> {
        let text = self.given(name)?.scalar()?.trim();
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        Some(if digits { text.parse().unwrap_or(0) } else { 0 })
    }

    pub(super) fn text(&self, name: &str) -> Option<&'q str> {
        self.given(name)?.scalar()
    }

    pub(super) fn count(&self, name: &str) -> Option<u64> {
        count(self.given(name)?)
    }

    /// A switch; off where it is not given.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.given(name).and_then(flag).unwrap_or(false)
    }

    /// Whether a mode is `1`.
    pub(super) fn mode(&self, name: &str) -> bool {
        self.given(name).and_then(Json::scalar).is_some_and(|text| text.trim() == "1")
    }

    /// The members of an object.
    pub(super) fn object(&self, name: &str) -> Option<&'q [Member<'q>]> {
        members(self.given(name)?)
    }
}

/// A name and its value.
pub(super) type Member<'q> = (std::borrow::Cow<'q, str>, Json<'q>);

/// The members of an object; an empty list is one without members, since PHP writes both alike.
pub(super) fn members<'q>(value: &'q Json<'q>) -> Option<&'q [Member<'q>]> {
    match value {
        Json::Object(members) => Some(members),
        Json::Array(items) if items.is_empty() => Some(&[]),
        _ => None,
    }
}

/// A whole number from 0; one that is too great is the greatest.
fn count(value: &Json<'_>) -> Option<u64> {
    let text = value.scalar()?.trim();
    // 200.0 is what some languages make of 200.
    let text =
        text.split_once('.').filter(|(_, rest)| rest.bytes().all(|byte| byte == b'0')).map_or(text, |(whole, _)| whole);
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

fn flag(value: &Json<'_>) -> Option<bool> {
    match value.scalar()?.trim() {
        "0" | "false" => Some(false),
        "1" | "true" => Some(true),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_come_as_texts_and_as_numbers() {
        let query = Json::parse(
            br#"{"a":"7","b":7,"c":"007","d":null,"e":"","f":"x","g":-1,"h":99999999999999999999,"i":" 7 "}"#,
        );
        let query = query.unwrap();
        let parameters = Parameters { query: &query, faults: Vec::new() };
        let ids: Vec<Option<i64>> = "abcdefghi".chars().map(|name| parameters.id(&name.to_string())).collect();
        assert_eq!(ids, [Some(7), Some(7), Some(7), None, None, Some(0), Some(0), Some(0), Some(7)]);
        let counts: Vec<Option<u64>> = "abcdefghi".chars().map(|name| parameters.count(&name.to_string())).collect();
        assert_eq!(counts, [Some(7), Some(7), Some(7), None, None, None, None, Some(u64::MAX), Some(7)]);
    }

    #[test]
    fn counts_and_flags() {
        for (text, expected) in
            [("200.0", Some(200)), ("200.5", None), ("1e2", None), ("\"\"", None), ("[1]", None), ("true", None)]
        {
            assert_eq!(count(&Json::parse(text.as_bytes()).unwrap()), expected, "{text}");
        }
        for (text, expected) in [
            ("\"1\"", Some(true)),
            ("1", Some(true)),
            ("true", Some(true)),
            ("0", Some(false)),
            ("2", None),
            ("{}", None),
        ] {
            assert_eq!(flag(&Json::parse(text.as_bytes()).unwrap()), expected, "{text}");
        }
    }
}
