//! What a check of a store finds: told like errors, by code and in both languages, but gathered instead of returned.

use super::{Code, IntoWords, Language, Words, render};

/// How serious a [`Finding`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Nothing is wrong with the data; somebody may want to know, or the store mends it by itself.
    Notice,
    /// Something in the store is not as it must be.
    Fault,
}

/// One thing that a check has found, with the first places where it is so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    code: Code,
    name: Words,
    places: Vec<Words>,
    count: u64,
}

/// So many places of one finding are named; further ones are counted.
const NAMED: usize = 5;

impl Finding {
    /// The stable code; its text begins with `check.`.
    pub fn code(&self) -> Code {
        self.code
    }

    /// How serious it is.
    pub fn severity(&self) -> Severity {
        match self.code {
            Code::CheckView | Code::CheckOther | Code::CheckDeferredIndex | Code::CheckUnfit | Code::CheckLeft => {
                Severity::Notice
            }
            _ => Severity::Fault,
        }
    }

    /// What it is about, such as `customers.amount`; may be empty.
    pub fn name(&self) -> &str {
        self.name.get(Language::English)
    }

    /// In how many places it is so.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The first of the places, at most five.
    pub fn places(&self, language: Language) -> impl Iterator<Item = &str> {
        self.places.iter().map(move |place| place.get(language))
    }

    /// The sentence for a person.
    pub fn message(&self, language: Language) -> String {
        let mut all = Words::list(&self.places, "; ");
        if self.count > self.places.len() as u64 {
            let more = self.count - self.places.len() as u64;
            all = Words::both(
                format!("{}; ほか{more}件", all.get(Language::Japanese)),
                format!("{}; and {more} more", all.get(Language::English)),
            );
        }
        render(self.code, language, self.name.get(language), &self.count.to_string(), &all)
    }

    /// As one JSON object: `code`, `severity`, `name`, `count`, `places` and `message` (each `ja`, `en`).
    pub fn to_json(&self) -> serde_json::Value {
        let (ja, en) = (Language::Japanese, Language::English);
        let places = self.places.iter().map(|place| serde_json::json!({"ja": place.get(ja), "en": place.get(en)}));
        serde_json::json!({
            "code": self.code.as_str(),
            "severity": self.severity(),
            "name": self.name(),
            "count": self.count,
            "places": places.collect::<Vec<_>>(),
            "message": {"ja": self.message(ja), "en": self.message(en)},
        })
    }
}

/// Gathers what the rooms find in their own rows.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    found: Vec<Finding>,
}

impl Findings {
    /// One more place where something is so. Places of the same thing are one finding.
    pub(crate) fn add(&mut self, code: Code, name: impl IntoWords, place: impl IntoWords) {
        let name = name.into_words();
        let finding = match self.found.iter().position(|found| found.code == code && found.name == name) {
            Some(at) => &mut self.found[at],
            None => {
                self.found.push(Finding { code, name, places: Vec::new(), count: 0 });
                let last = self.found.len() - 1;
                &mut self.found[last]
            }
        };
        finding.count += 1;
        if finding.places.len() < NAMED {
            finding.places.push(place.into_words());
        }
    }

    /// What was found, the serious things first.
    pub(crate) fn into_findings(mut self) -> Vec<Finding> {
        self.found.sort_by_key(|finding| std::cmp::Reverse(finding.severity()));
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::words;

    #[test]
    fn places_of_one_thing_are_one_finding() {
        let mut findings = Findings::default();
        findings.add(Code::CheckView, "customers", "x");
        for number in 1..=7 {
            findings.add(Code::CheckValue, "customers.amount", words!("{number}番", "no. {number}"));
        }
        let found = findings.into_findings();
        assert_eq!(found.len(), 2);
        let finding = &found[0];
        assert_eq!((finding.code(), finding.count(), finding.severity()), (Code::CheckValue, 7, Severity::Fault));
        assert_eq!(finding.places(Language::Japanese).count(), 5);
        let message = finding.message(Language::English);
        assert!(message.contains("customers.amount") && message.ends_with("no. 5; and 2 more."), "{message}");
        assert!(finding.message(Language::Japanese).contains("5番; ほか2件"));
        assert_eq!(finding.to_json()["severity"], "fault");
        assert_eq!(found[1].severity(), Severity::Notice);
    }
}
