//! CSV pushes (システム連携設定): the records of a list, sent as CSV.
//!
//! [`setting`] is the definition, [`body`] what is sent around the CSV, [`run`] makes and queues the body and takes in the
//! result, [`update`] sets fields of the sent records after success.

mod body;
mod run;
mod setting;
mod update;

pub use run::{PushRequest, PushRun};
pub use setting::{CsvBody, CsvPush, PairsAs};

pub(crate) use run::KIND;
pub(super) use run::Pushed;
pub(crate) use update::run_next;

use crate::error::Result;
use crate::schema::Catalog;
use crate::schema::documents;

/// Judges and keeps a CSV push.
pub(crate) fn save(connection: &rusqlite::Connection, catalog: &Catalog, push: &mut CsvPush) -> Result<i64> {
    push.compile(catalog)?;
    super::pair::check_sending(connection, &push.code, &push.sending)?;
    super::mail::check_report(connection, &push.code, push.report.as_ref())?;
    let table = catalog.table(&push.database)?;
    table.code().clone_into(&mut push.database);
    documents::save(connection, Some(table.id), push)
}
