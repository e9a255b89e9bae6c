//! Text with places into which secrets are put when it is sent: frozen and kept without them.

use serde::{Deserialize, Serialize};

/// How a secret is written at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Escape {
    /// As it is.
    #[default]
    None,
    /// Percent-encoded, for a URL's path or query.
    Url,
    /// As a value of `application/x-www-form-urlencoded`.
    Form,
    /// As the inside of a JSON string.
    Json,
}

/// The place of a secret in a text or body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretSlot {
    /// The byte before which it is put, in the text without secrets.
    pub at: usize,
    /// The name of the secret.
    pub secret: String,
    /// How it is written there.
    #[serde(default)]
    pub escape: Escape,
}

/// A text with places for secrets. As JSON it is a plain string where it has none.
///
/// ```
/// use renkei::{Escape, SlottedText};
///
/// let mut header = SlottedText::from("Token ");
/// header.push_secret("sms-token", Escape::None);
/// assert_eq!(header.text(), "Token ");
/// assert_eq!(header.slots()[0].at, 6);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Form", into = "Form")]
pub struct SlottedText {
    text: String,
    slots: Vec<SecretSlot>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Form {
    Plain(String),
    Slotted { text: String, slots: Vec<SecretSlot> },
}

impl From<Form> for SlottedText {
    fn from(form: Form) -> SlottedText {
        match form {
            Form::Plain(text) => SlottedText { text, slots: Vec::new() },
            Form::Slotted { text, slots } => SlottedText { text, slots },
        }
    }
}

impl From<SlottedText> for Form {
    fn from(text: SlottedText) -> Form {
        match text.slots.is_empty() {
            true => Form::Plain(text.text),
            false => Form::Slotted { text: text.text, slots: text.slots },
        }
    }
}

impl From<&str> for SlottedText {
    fn from(text: &str) -> SlottedText {
        SlottedText { text: text.to_owned(), slots: Vec::new() }
    }
}

impl From<String> for SlottedText {
    fn from(text: String) -> SlottedText {
        SlottedText { text, slots: Vec::new() }
    }
}

impl SlottedText {
    /// Appends text that stands as it is.
    pub fn push_str(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Appends a secret, which is put in when the text is sent.
    pub fn push_secret(&mut self, secret: &str, escape: Escape) {
        self.slots.push(SecretSlot { at: self.text.len(), secret: secret.to_owned(), escape });
    }

    /// Appends another text with its secrets.
    pub fn append(&mut self, other: SlottedText) {
        let before = self.text.len();
        self.text.push_str(&other.text);
        self.slots.extend(other.slots.into_iter().map(|slot| SecretSlot { at: before + slot.at, ..slot }));
    }

    /// The text without secrets.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The places of secrets, in order.
    pub fn slots(&self) -> &[SecretSlot] {
        &self.slots
    }

    /// The text for people: where a secret stands, its name is shown.
    pub(crate) fn shown(&self) -> String {
        let mut shown = String::with_capacity(self.text.len());
        let mut done = 0;
        for slot in &self.slots {
            let Some(part) = self.text.get(done..slot.at) else { break };
            shown.push_str(part);
            shown.push_str(&format!("[secret {}]", slot.secret));
            done = slot.at;
        }
        shown.push_str(self.text.get(done..).unwrap_or_default());
        shown
    }

    /// The text without secrets, and the places, for a body of bytes.
    pub fn into_parts(self) -> (String, Vec<SecretSlot>) {
        (self.text, self.slots)
    }
}
