//! Automations as they are defined: what starts them is in [`trigger`], what they do in [`part`].

mod part;
mod trigger;

use serde::{Deserialize, Serialize};

pub use part::{
    Branch, DeleteRecords, EndParts, FieldSource, FoundField, GenerateFileFor, HttpSendFor, Part, PartAction,
    PartTarget, RegisterRecord, SearchRecords, SendMailAbout, SetField, TargetRecords, UpdateRecords,
};
pub use trigger::{AutomationTrigger, ImportTrigger, MailField, MailTrigger, RegisteredTrigger, UpdatedTrigger};

use crate::job::Report;
use crate::query::Condition;
use crate::schema::documents::documents;

/// An automation (自動処理) of a database: parts (パーツ) that are run, one after the other, for each record it is started for.
///
/// It is started from the menu of a list, from the screen of its setting or by a call ([`Store::start_automation`]), and run
/// by a [`Worker`](crate::Worker). Each step of each record is journalled in the transaction of what it does, so that a run
/// that was interrupted goes on behind its last step, and nothing is done twice.
///
/// ```
/// use renkei::{Automation, AutomationTrigger, Part, UpdateRecords};
///
/// let automation = Automation::new("leads", "close", "対応済みにする")
///     .on(AutomationTrigger::Button)
///     .part(Part::new("done", "状態を更新", UpdateRecords::this().set("state", "済")));
/// let json: Automation = serde_json::from_str(r#"{
///     "database": "leads", "code": "close", "name": "対応済みにする", "triggers": ["button"],
///     "parts": [{"code": "done", "name": "状態を更新",
///                "action": {"type": "update", "set": [{"field": "state", "from": {"value": "済"}}]}}]
/// }"#)?;
/// assert_eq!(json, automation);
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// [`Store::start_automation`]: crate::Store::start_automation
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Automation {
    /// The id; assigned when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    /// The code of the database.
    pub database: String,
    /// The machine name, unique among the automations of the database.
    pub code: String,
    /// The name shown to people.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// For what the parts are run. Default: for each record.
    #[serde(default)]
    pub unit: AutomationUnit,
    /// Which records are meant where whoever starts it names none; every record when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
    /// By what it is started: at least one.
    pub triggers: Vec<AutomationTrigger>,
    /// The parts, in order: at least one.
    pub parts: Vec<Part>,
    /// What happens after an error. Default: the record stops, the others go on.
    #[serde(default)]
    pub on_error: OnError,
    /// Who is told by mail how a run ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
    /// Whether it may be started. Default: yes.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub enabled: bool,
}

fn yes() -> bool {
    true
}

fn is_yes(value: &bool) -> bool {
    *value
}

fn is_no(value: &bool) -> bool {
    !*value
}

/// For what the parts of an automation are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AutomationUnit {
    /// For each record.
    #[default]
    Record,
    /// For each detail row (明細) of each record. Values are found in the row, then in its record.
    DetailRow,
}

/// What happens to a run when a part fails for one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// This record stops there; the others go on.
    #[default]
    Continue,
    /// The run ends; what is done stays done.
    Stop,
}

impl Automation {
    /// An automation without triggers and parts yet.
    pub fn new(database: impl Into<String>, code: impl Into<String>, name: impl Into<String>) -> Automation {
        Automation {
            id: None,
            database: database.into(),
            code: code.into(),
            name: name.into(),
            comment: String::new(),
            unit: AutomationUnit::default(),
            condition: None,
            triggers: Vec::new(),
            parts: Vec::new(),
            on_error: OnError::default(),
            report: None,
            enabled: true,
        }
    }

    /// Runs the parts for each detail row.
    pub fn for_detail_rows(mut self) -> Automation {
        self.unit = AutomationUnit::DetailRow;
        self
    }

    /// Which records are meant where whoever starts it names none.
    pub fn filter(mut self, condition: Condition) -> Automation {
        self.condition = Some(match self.condition.take() {
            Some(already) => already.and(condition),
            None => condition,
        });
        self
    }

    /// Adds something that starts it.
    pub fn on(mut self, trigger: AutomationTrigger) -> Automation {
        self.triggers.push(trigger);
        self
    }

    /// Adds a part.
    pub fn part(mut self, part: Part) -> Automation {
        self.parts.push(part);
        self
    }

    /// Ends a run at the first error.
    pub fn stop_on_error(mut self) -> Automation {
        self.on_error = OnError::Stop;
        self
    }

    /// Sets who is told how a run ended.
    pub fn report(mut self, report: Report) -> Automation {
        self.report = Some(report);
        self
    }

    /// Sets whether it may be started.
    pub fn enabled(mut self, enabled: bool) -> Automation {
        self.enabled = enabled;
        self
    }
}

documents! { Automation "automation"; }
