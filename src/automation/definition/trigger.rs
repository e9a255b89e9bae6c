//! What starts an automation.

use serde::{Deserialize, Serialize};

use super::is_no;
use crate::outbound::Trigger;
use crate::query::Condition;
use crate::schedule::Schedule;

/// By what an automation is started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AutomationTrigger {
    /// A button of a list: one record.
    Button,
    /// The pulldown of a list: the ticked records, at most 100.
    Pulldown,
    /// The sub-menu of a list: all its records or chosen ones, at most 5,000.
    SubMenu,
    /// At once, from the screen of its setting.
    SettingsScreen,
    /// A call of the host.
    Api,
    /// A record that is registered, by whatever writes it.
    Registered(RegisteredTrigger),
    /// A record that is changed, by whatever writes it.
    Updated(UpdatedTrigger),
    /// The end of an import that was completed. The parts are run for the records of the automation's `condition`.
    AfterImport(ImportTrigger),
    /// A timer. The parts are run for the records of the automation's `condition`.
    Timer(Schedule),
    /// The receipt of a templated mail (定型メール受信), which the host hands in ([`Store::receive_mail`]). A record is
    /// registered from it, for which the parts are run.
    ///
    /// [`Store::receive_mail`]: crate::Store::receive_mail
    TemplatedMail(MailTrigger),
}

/// Which registrations start an automation.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RegisteredTrigger {
    /// What the new record must fulfil.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
    /// Whether records that imports register count too. Default: no.
    #[serde(skip_serializing_if = "is_no")]
    pub imports: bool,
}

/// Which changes start an automation.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UpdatedTrigger {
    /// The codes of header fields of which one must have changed; any change counts when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// What the record must fulfil after the change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
    /// Whether changes by imports count too. Default: no.
    #[serde(skip_serializing_if = "is_no")]
    pub imports: bool,
}

/// Which imports start an automation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ImportTrigger {
    /// The code of the import setting; any of the database when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub import: Option<String>,
}

/// Which templated mails start an automation, and how they become records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailTrigger {
    /// The addresses from which it may come; anybody's when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<String>,
    /// What its subject must contain; anything when empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// The lines that become fields: at least one.
    pub fields: Vec<MailField>,
}

/// A line of a templated mail that becomes a field of the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailField {
    /// With what the line begins, such as `お名前：`. The value is what follows, up to the next line that begins with a label.
    pub label: String,
    /// The code of a header field.
    pub field: String,
}

impl AutomationTrigger {
    /// A timer.
    pub fn timer(schedule: Schedule) -> AutomationTrigger {
        AutomationTrigger::Timer(schedule)
    }

    /// Every registration of a record, but for those of imports.
    pub fn registered() -> AutomationTrigger {
        AutomationTrigger::Registered(RegisteredTrigger::default())
    }

    /// Every change of one of these header fields, but for those by imports.
    pub fn updated(fields: impl IntoIterator<Item = impl Into<String>>) -> AutomationTrigger {
        let fields = fields.into_iter().map(Into::into).collect();
        AutomationTrigger::Updated(UpdatedTrigger { fields, ..UpdatedTrigger::default() })
    }

    /// The end of imports by this setting.
    pub fn after_import(import: impl Into<String>) -> AutomationTrigger {
        AutomationTrigger::AfterImport(ImportTrigger { import: Some(import.into()) })
    }

    /// The sort of trigger.
    pub fn kind(&self) -> Trigger {
        match self {
            AutomationTrigger::Button => Trigger::Button,
            AutomationTrigger::Pulldown => Trigger::Pulldown,
            AutomationTrigger::SubMenu => Trigger::SubMenu,
            AutomationTrigger::SettingsScreen => Trigger::SettingsScreen,
            AutomationTrigger::Api => Trigger::Api,
            AutomationTrigger::Registered(_) => Trigger::Registered,
            AutomationTrigger::Updated(_) => Trigger::Updated,
            AutomationTrigger::AfterImport(_) => Trigger::AfterImport,
            AutomationTrigger::Timer(_) => Trigger::Timer,
            AutomationTrigger::TemplatedMail(_) => Trigger::TemplatedMail,
        }
    }
}
