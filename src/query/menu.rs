//! The menu of a list: what may be started from it.

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result, Words, words};

/// What may be started from a list, and from where on its screen.
///
/// ```
/// use renkei::{Menu, MenuEntry};
///
/// let menu: Menu = serde_json::from_str(r#"{
///     "sub_menu": [{"csv_push": "core"}],
///     "buttons": [{"http_send": "sms"}],
///     "pulldown": [{"http_send": "sms"}]
/// }"#)?;
/// assert_eq!(menu.sub_menu, [MenuEntry::CsvPush("core".into())]);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Menu {
    /// For all records that the list shows, or chosen ones (サブメニュー): CSV pushes and automations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sub_menu: Vec<MenuEntry>,
    /// For one record (ボタン): http sends and automations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub buttons: Vec<MenuEntry>,
    /// For the ticked records, at most 100 (プルダウン): http sends and automations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pulldown: Vec<MenuEntry>,
}

/// What an entry of a menu starts, by its code.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MenuEntry {
    /// A CSV push (システム連携設定).
    CsvPush(String),
    /// An http send (http送信).
    HttpSend(String),
    /// An automation (自動処理).
    Automation(String),
}

impl Menu {
    /// Whether nothing can be started.
    pub fn is_empty(&self) -> bool {
        self.sub_menu.is_empty() && self.buttons.is_empty() && self.pulldown.is_empty()
    }

    /// Every entry.
    pub(crate) fn entries_mut(&mut self) -> impl Iterator<Item = &mut MenuEntry> {
        self.sub_menu.iter_mut().chain(&mut self.buttons).chain(&mut self.pulldown)
    }

    /// Every entry.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &MenuEntry> {
        self.sub_menu.iter().chain(&self.buttons).chain(&self.pulldown)
    }

    /// Whether everything stands where it may. Whether it exists is for the room that has it to say.
    pub(super) fn validate(&self, list: &str) -> Result<()> {
        for (place, entries) in [("sub_menu", &self.sub_menu), ("buttons", &self.buttons), ("pulldown", &self.pulldown)]
        {
            for (at, entry) in entries.iter().enumerate() {
                let fault = |rule: Words| Err(Error::new(Code::DefinitionInvalid).with_name(list).with_rule(rule));
                match (entry, place) {
                    (MenuEntry::HttpSend(code), "sub_menu") => {
                        return Err(Error::new(Code::HttpSendSubMenu).with_name(list).with_value(code));
                    }
                    (MenuEntry::CsvPush(code), "buttons" | "pulldown") => {
                        return fault(words!(
                            "システム連携設定「{code}」は「{place}」ではなく「sub_menu」に設定してください",
                            "the CSV push \"{code}\" stands in \"{place}\": it belongs into \"sub_menu\""
                        ));
                    }
                    _ => {}
                }
                if entries[..at].contains(entry) {
                    let code = entry.code();
                    return fault(words!(
                        "「{code}」が「{place}」に2回あります",
                        "\"{code}\" stands twice in \"{place}\""
                    ));
                }
            }
        }
        Ok(())
    }
}

impl MenuEntry {
    /// The code of what is started.
    pub(crate) fn code_mut(&mut self) -> &mut String {
        match self {
            MenuEntry::CsvPush(code) | MenuEntry::HttpSend(code) | MenuEntry::Automation(code) => code,
        }
    }

    /// The code of what is started.
    pub fn code(&self) -> &str {
        match self {
            MenuEntry::CsvPush(code) | MenuEntry::HttpSend(code) | MenuEntry::Automation(code) => code,
        }
    }
}
