//! Templated mails (定型メール): lines with labels become a record, for which an automation is run.

use super::definition::{Automation, AutomationTrigger, MailField, MailTrigger};
use super::flow::Flow;
use super::request::{NewRun, begin, units};
use super::status::AutomationRun;
use crate::access::{self, Door, Right};
use crate::error::{Code, Error, Result, Words, words};
use crate::job;
use crate::outbound::Trigger;
use crate::record::{Draft, Values, WriteOptions, Writer};
use crate::schema::documents;
use crate::store::{Store, Writing};

/// The longest text of a templated mail, in bytes.
const LENGTH: usize = 1 << 20;

/// A mail that the host has received, given to [`Store::receive_mail`].
///
/// ```
/// use renkei::ReceivedMail;
///
/// let mail = ReceivedMail::new("佐藤花子 <hanako@example.com>", "資料請求", "お名前：佐藤花子\nご用件：\n見積を\nお願いします\n")
///     .message_id("<1@example.com>");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedMail {
    from: String,
    subject: String,
    text: String,
    message_id: Option<String>,
}

impl ReceivedMail {
    /// A mail: its sender, an address or a name and an address in `<>`; its subject and text, decoded.
    pub fn new(from: impl Into<String>, subject: impl Into<String>, text: impl Into<String>) -> ReceivedMail {
        ReceivedMail { from: from.into(), subject: subject.into(), text: text.into(), message_id: None }
    }

    /// Its `Message-ID`: the same mail, handed in twice, is taken once.
    pub fn message_id(mut self, id: impl Into<String>) -> ReceivedMail {
        self.message_id = Some(id.into());
        self
    }
}

impl Store {
    /// Takes in a templated mail for an automation of a database, both by code or id: registers a record from its labelled
    /// lines and starts the automation for it, both or neither. Which mails there are, and where they come from, is the host's
    /// affair; that the sender is who he says he is, too.
    ///
    /// # Errors
    ///
    /// * [`Code::AutomationMail`] for another sender or subject than those of the definition, and a text without any of its
    ///   labels or of more than 1 MiB; [`Code::RecordInvalid`] when the record is refused.
    /// * [`Code::AutomationTrigger`], [`Code::AutomationHttpSend`], [`Code::AutomationDisabled`], as
    ///   [`Store::start_automation`].
    /// * [`Code::DatabaseNotFound`], [`Code::DefinitionNotFound`], [`Code::AccessDenied`] without the rights to view, to
    ///   register and to update.
    pub fn receive_mail(&self, database: &str, automation: &str, mail: &ReceivedMail) -> Result<AutomationRun> {
        let run = self.write(|writing| receive(self, writing, database, automation, mail))?;
        self.automation_run(run)
    }
}

fn receive(store: &Store, writing: &Writing<'_>, database: &str, automation: &str, mail: &ReceivedMail) -> Result<i64> {
    let door = Door::open(store, writing)?;
    let table = door.table(database, Right::View)?;
    door.demand(table, Right::Register)?;
    door.demand(table, Right::Update)?;
    let automation: Automation = documents::get(writing, Some(table.id), automation)?;
    let flow = Flow::compile(store, writing, door.catalog(), &automation)?;
    flow.allow(&automation, Trigger::TemplatedMail)?;
    if !automation.enabled {
        return Err(Error::new(Code::AutomationDisabled).with_name(&automation.code));
    }
    let trigger = automation.triggers.iter().find_map(|trigger| match trigger {
        AutomationTrigger::TemplatedMail(mail) => Some(mail),
        _ => None,
    });
    let Some(trigger) = trigger else {
        let error = Error::new(Code::AutomationTrigger).with_name(&automation.code);
        return Err(error.with_rule(Trigger::TemplatedMail.words()));
    };
    let token = mail.message_id.as_ref().map(|id| format!("mail/{}/{id}", automation.id.unwrap_or_default()));
    if let Some(token) = &token
        && let Some(known) = job::find(writing, super::KIND, token)?
    {
        return Ok(known);
    }
    let values = read(trigger, mail).map_err(|rule| {
        Error::new(Code::AutomationMail)
            .with_name(&automation.code)
            .with_value(mail.subject.escape_debug())
            .with_rule(rule)
    })?;
    let mut writer = Writer::new(store, writing, table);
    let record = writer.insert(Draft::of(table, &values), &WriteOptions::default())?.id;
    writer.finish()?;
    let items = units(store, writing, table, &automation, vec![record])?;
    let new = NewRun {
        list: None,
        trigger: Trigger::TemplatedMail,
        memo: &mail.subject,
        token: token.as_deref(),
        chain: &[],
        items: &items,
    };
    let (run, _) = begin(store, writing, table, &automation, &new)?;
    access::note_audit(store, writing, "automation.run", Some(table.id), &automation.code)?;
    Ok(run)
}

/// The values of the lines with labels, or why there are none.
fn read(trigger: &MailTrigger, mail: &ReceivedMail) -> Result<Values, Words> {
    let address = mail.from.rsplit_once('<').map_or(mail.from.as_str(), |(_, rest)| rest.trim_end_matches('>')).trim();
    let is_known = trigger.from.iter().any(|from| from.eq_ignore_ascii_case(address));
    if !trigger.from.is_empty() && !is_known {
        let address = crate::error::shorten(address);
        return Err(words!("差出人「{address}」は対象外です", "it comes from \"{address}\""));
    }
    if !mail.subject.contains(&trigger.subject) {
        let subject = crate::error::shorten(&mail.subject);
        return Err(words!("件名「{subject}」は対象外です", "its subject is \"{subject}\""));
    }
    if mail.text.len() > LENGTH {
        return Err(words!("本文が{LENGTH}バイトを超えています", "its text is longer than {LENGTH} bytes"));
    }
    let mut found: Vec<(&str, String)> = Vec::new();
    let mut open: Option<usize> = None;
    for line in mail.text.lines() {
        let begins = |field: &&MailField| line.trim_start().starts_with(field.label.as_str());
        // Of labels of which one begins with the other, the longer is meant.
        match trigger.fields.iter().filter(begins).max_by_key(|field| field.label.len()) {
            Some(MailField { label, field }) => {
                let value = line.trim_start()[label.len()..].trim();
                // What stands twice is what stands first.
                open = found.iter().all(|(other, _)| other != field).then(|| {
                    found.push((field, value.to_owned()));
                    found.len() - 1
                });
            }
            None => {
                if let Some((_, value)) = open.and_then(|at| found.get_mut(at)) {
                    value.push('\n');
                    value.push_str(line);
                }
            }
        }
    }
    if found.is_empty() {
        return Err(words!("本文にラベルがありません", "its text has none of the labels"));
    }
    Ok(found.into_iter().fold(Values::new(), |values, (field, value)| values.set(field, value.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_with_labels_become_values() {
        let field = |label: &str, field: &str| MailField { label: label.into(), field: field.into() };
        let fields = vec![field("お名前：", "name"), field("ご用件：", "memo"), field("お名前：（カナ）", "kana")];
        let trigger = MailTrigger { from: vec!["a@example.com".into()], subject: "請求".into(), fields };
        let text =
            "ようこそ\r\n お名前： 佐藤 \r\nお名前：（カナ）サトウ\nご用件：\n一行目\n\n二行目\n\nお名前：別人\nさて\n";
        let mail = ReceivedMail::new("佐藤 <A@example.com>", "資料請求", text);
        let values = read(&trigger, &mail).unwrap();
        let expected = Values::new().set("name", "佐藤").set("kana", "サトウ").set("memo", "一行目\n\n二行目");
        assert_eq!(values, expected);
        for bad in [
            ReceivedMail { from: "b@example.com".into(), ..mail.clone() },
            ReceivedMail { subject: "別件".into(), ..mail.clone() },
            ReceivedMail { text: "何もない".into(), ..mail.clone() },
            ReceivedMail { text: "x".repeat(LENGTH + 1), ..mail },
        ] {
            assert!(read(&trigger, &bad).is_err(), "{}", bad.subject);
        }
    }
}
