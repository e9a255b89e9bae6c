//! What must hold between notice mails and what they hear.

use rusqlite::Connection;

use super::setting::NoticeMail;
use crate::error::{Code, Findings, Result, words};
use crate::schema::documents::{self, Document};
use crate::schema::invariants::inspect_documents;

/// A notice mail listens exactly when it is enabled, and its counts belong to it.
pub(crate) fn inspect(connection: &Connection, findings: &mut Findings) -> Result<()> {
    let Some(notices) = inspect_documents::<NoticeMail>(connection, findings)? else { return Ok(()) };
    let ids = |sql: &str| -> Result<Vec<i64>> {
        let mut statement = connection.prepare(sql)?;
        Ok(statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
    };
    let listeners = ids("SELECT id FROM renkei_listener WHERE kind = 'notice_mail'")?;
    let counted = ids("SELECT notice_id FROM renkei_notice_mail")?;
    let known: Vec<i64> = notices.iter().filter_map(Document::id).collect();
    for notice in &notices {
        let id = notice.id.unwrap_or_default();
        if listeners.contains(&id) != notice.enabled || !counted.contains(&id) {
            let (kind, code) = (documents::kind_words(NoticeMail::KIND), &notice.code);
            let place = words!("{kind}「{code}」の状態", "the state of the {kind} \"{code}\""; kind);
            findings.add(Code::CheckEvent, "", place);
        }
    }
    for id in counted.iter().filter(|id| !known.contains(id)) {
        findings.add(Code::CheckOrphan, "renkei_notice_mail", id.to_string());
    }
    Ok(())
}
