//! Mail: by a server of the store, queued as deliveries like everything that leaves it.
//!
//! [`server`] is the definition of a mail server, [`compose`] makes a mail of its parts, [`send`] queues it, [`template`]
//! fills one in from a record, [`report`] tells how runs ended. Only [`smtp`], which talks to the server, needs the feature
//! `mail`.

mod address;
mod compose;
mod report;
mod send;
mod server;
#[cfg(feature = "mail")]
mod smtp;
mod template;

pub use send::{Attachment, Mail};
pub use server::{MailSecurity, MailServer};
pub use template::MailTemplate;

pub(crate) use address::{bare as bare_address, is_somebody};
pub(crate) use report::{Told, address_of, write_next as write_next_report};
pub(crate) use send::Ready;
pub(crate) use server::save as save_server;
#[cfg(feature = "mail")]
pub(crate) use smtp::Smtp;
pub(crate) use template::{Letter, check_file_unused, queue_about, rename_file, save as save_template};

use rusqlite::OptionalExtension;

use crate::access;
use crate::error::{Code, Error, Result, words};
use crate::job::Report;
use crate::schema::documents::{self, Document, unfit};
use crate::store::Store;

/// Judges the report of a setting: its server must exist, its addresses be addresses.
pub(crate) fn check_report(connection: &rusqlite::Connection, setting: &str, report: Option<&Report>) -> Result<()> {
    let Some(report) = report else { return Ok(()) };
    documents::get::<MailServer>(connection, None, &report.server)?;
    for address in &report.to {
        address::Mailbox::parse(address).map_err(|error| unfit(setting, error))?;
    }
    Ok(())
}

/// Refuses to remove a mail server that a definition names.
pub(crate) fn check_unused(connection: &rusqlite::Connection, server: &str) -> Result<()> {
    let sql = "SELECT kind, code FROM renkei_definition
        WHERE json_extract(document, '$.report.server') = ?1 OR kind = ?2 AND json_extract(document, '$.server') = ?1
        ORDER BY id LIMIT 1";
    let found: Option<(String, String)> = connection
        .prepare_cached(sql)?
        .query_row((server, MailTemplate::KIND), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match found {
        Some((kind, code)) => {
            let kind = documents::kind_words(&kind);
            let rule = words!("{kind}「{code}」", "the {kind} \"{code}\""; kind);
            Err(Error::new(Code::DefinitionInUse).with_name(server).with_rule(rule))
        }
        None => Ok(()),
    }
}

impl Store {
    /// The mail servers, by id. For the host and administrators.
    ///
    /// # Errors
    ///
    /// [`Code::AdministratorOnly`].
    pub fn mail_servers(&self) -> Result<Vec<MailServer>> {
        let reading = self.reading()?;
        access::demand_administrator(self, &reading, "mail servers")?;
        documents::load(&reading)
    }
}
