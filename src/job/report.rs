//! Who is told how durable work ended.

use serde::{Deserialize, Serialize};

/// Who is told by mail how a run ended (レポートメール). A part of import settings, CSV pushes and http sends.
///
/// The mail is queued as soon as the run has ended, however it ended, and sent by a [`Worker`](crate::Worker) like every
/// delivery.
///
/// ```
/// let report: renkei::Report = serde_json::from_str(r#"{"server": "office", "to": ["ops@example.co.jp"]}"#).unwrap();
/// assert_eq!(report.when, renkei::ReportWhen::Always);
/// assert!(report.to_user);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The code of the mail server.
    pub server: String,
    /// The addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
    /// Whether the user who started the run is told, if he has a mail address. Default: yes.
    #[serde(default = "yes")]
    pub to_user: bool,
    /// After which runs. Default: after each.
    #[serde(default)]
    pub when: ReportWhen,
}

fn yes() -> bool {
    true
}

/// After which runs somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportWhen {
    /// After each.
    #[default]
    Always,
    /// After those that failed or were ended, and those in which something was refused.
    Trouble,
}

impl Report {
    /// A report to the user who starts the run.
    pub fn by(server: impl Into<String>) -> Report {
        Report { server: server.into(), to: Vec::new(), to_user: true, when: ReportWhen::Always }
    }

    /// Adds an address.
    pub fn to(mut self, address: impl Into<String>) -> Report {
        self.to.push(address.into());
        self
    }

    /// Only after trouble.
    pub fn on_trouble(mut self) -> Report {
        self.when = ReportWhen::Trouble;
        self
    }
}
