//! Http sends (http送信): one call of an outside API for one record.
//!
//! [`setting`] is the definition, [`trigger`] says from where it may be started, [`message`] puts a record's values into
//! the templates, [`run`] queues one delivery for each record and takes in their results, [`answer`] finds what of an
//! answer is saved.

mod answer;
mod message;
mod run;
mod setting;
mod trigger;

pub use answer::{AnswerPart, SaveAnswer, SaveWhen};
pub use run::{HttpSendItem, HttpSendRequest, HttpSendRun};
pub use setting::{HttpBody, HttpSend, JsonRow, JsonType};
pub use trigger::Trigger;

pub(crate) use run::{KIND, Of, outcome, send_for};
pub(super) use run::{Sent, is_about_the_message};

use crate::error::Result;
use crate::schema::Catalog;
use crate::schema::documents;
use crate::store::Store;

/// Judges and keeps an http send.
pub(crate) fn save(
    store: &Store,
    connection: &rusqlite::Connection,
    catalog: &Catalog,
    send: &mut HttpSend,
) -> Result<i64> {
    send.compile(store, catalog)?;
    super::pair::check_sending(connection, &send.code, &send.sending)?;
    super::mail::check_report(connection, &send.code, send.report.as_ref())?;
    let table = catalog.table(&send.database)?;
    table.code().clone_into(&mut send.database);
    documents::save(connection, Some(table.id), send)
}
