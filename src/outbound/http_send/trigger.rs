//! From where an http send may be started, and from where it may not.

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result, Words};

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
    /// A record that was registered.
    Registered,
    /// A record that was updated.
    Updated,
    /// The end of an import.
    AfterImport,
    /// A call of the host.
    Api,
}

impl Trigger {
    pub(super) fn both() -> Vec<Trigger> {
        vec![Trigger::Button, Trigger::Pulldown]
    }

    /// Every trigger.
    pub const ALL: &'static [Trigger] = &[
        Trigger::Button,
        Trigger::Pulldown,
        Trigger::SubMenu,
        Trigger::Timer,
        Trigger::SettingsScreen,
        Trigger::TemplatedMail,
        Trigger::Registered,
        Trigger::Updated,
        Trigger::AfterImport,
        Trigger::Api,
    ];

    /// The word for it in definitions.
    pub fn as_str(self) -> &'static str {
        match self {
            Trigger::Button => "button",
            Trigger::Pulldown => "pulldown",
            Trigger::SubMenu => "sub_menu",
            Trigger::Timer => "timer",
            Trigger::SettingsScreen => "settings_screen",
            Trigger::TemplatedMail => "templated_mail",
            Trigger::Registered => "registered",
            Trigger::Updated => "updated",
            Trigger::AfterImport => "after_import",
            Trigger::Api => "api",
        }
    }

    /// What people call it.
    pub(crate) fn words(self) -> Words {
        let (ja, en) = match self {
            Trigger::Button => ("一覧のボタン", "the button of a list"),
            Trigger::Pulldown => ("一覧のプルダウン", "the pulldown of a list"),
            Trigger::SubMenu => ("一覧のサブメニュー", "the sub-menu of a list"),
            Trigger::Timer => ("タイマー", "a timer"),
            Trigger::SettingsScreen => ("設定画面からの即時実行", "the screen of its setting"),
            Trigger::TemplatedMail => ("定型メールの受信", "the receipt of a templated mail"),
            Trigger::Registered => ("レコードの登録", "the registration of a record"),
            Trigger::Updated => ("レコードの更新", "the update of a record"),
            Trigger::AfterImport => ("インポートの終了", "the end of an import"),
            Trigger::Api => ("プログラムからの呼び出し", "a call of the host"),
        };
        Words::both(ja, en)
    }

    pub(crate) fn from_text(text: &str) -> Trigger {
        Trigger::ALL.iter().copied().find(|trigger| trigger.as_str() == text).unwrap_or(Trigger::Pulldown)
    }

    /// Refuses what an http send cannot be started from.
    pub(crate) fn allow(self, send: &str) -> Result<()> {
        let code = match self {
            Trigger::Button | Trigger::Pulldown => return Ok(()),
            Trigger::SubMenu => Code::HttpSendSubMenu,
            Trigger::Timer => Code::HttpSendTimer,
            Trigger::SettingsScreen => Code::HttpSendSettingsScreen,
            Trigger::TemplatedMail => Code::HttpSendTemplatedMail,
            Trigger::Registered | Trigger::Updated | Trigger::AfterImport | Trigger::Api => Code::HttpSendTrigger,
        };
        Err(Error::new(code).with_value(send).with_rule(self.words()))
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
