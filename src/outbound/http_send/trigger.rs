//! From where an http send may be started, and from where it may not.

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};

/// The most records that one call of the pulldown may name.
pub(super) const PULLDOWN_RECORDS: usize = 100;

/// From where something is started.
///
/// An http send takes the first two only; each of the others is refused with a code of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Trigger {
    /// A button of a list: one record.
    Button,
    /// The pulldown of a list: the ticked records, at most 100.
    Pulldown,
    /// The sub-menu of a list: all its records.
    SubMenu,
    /// A timer.
    Timer,
    /// At once, from the screen of the setting.
    SettingsScreen,
    /// The receipt of a templated mail (定型メール受信).
    TemplatedMail,
}

impl Trigger {
    pub(super) fn both() -> Vec<Trigger> {
        vec![Trigger::Button, Trigger::Pulldown]
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Trigger::Button => "button",
            Trigger::Pulldown => "pulldown",
            Trigger::SubMenu => "sub_menu",
            Trigger::Timer => "timer",
            Trigger::SettingsScreen => "settings_screen",
            Trigger::TemplatedMail => "templated_mail",
        }
    }

    pub(super) fn from_text(text: &str) -> Trigger {
        match text {
            "button" => Trigger::Button,
            _ => Trigger::Pulldown,
        }
    }

    /// Refuses what an http send cannot be started from.
    pub(crate) fn allow(self, send: &str) -> Result<()> {
        let code = match self {
            Trigger::Button | Trigger::Pulldown => return Ok(()),
            Trigger::SubMenu => Code::HttpSendSubMenu,
            Trigger::Timer => Code::HttpSendTimer,
            Trigger::SettingsScreen => Code::HttpSendSettingsScreen,
            Trigger::TemplatedMail => Code::HttpSendTemplatedMail,
        };
        Err(Error::new(code).with_value(send))
    }

    /// Refuses a number of records that the trigger does not take.
    pub(super) fn allow_records(self, send: &str, records: usize) -> Result<()> {
        let allowed = match self {
            Trigger::Button => records == 1,
            _ => (1..=PULLDOWN_RECORDS).contains(&records),
        };
        match allowed {
            true => Ok(()),
            false => Err(Error::new(Code::HttpSendRecords).with_name(send).with_value(records)),
        }
    }
}
