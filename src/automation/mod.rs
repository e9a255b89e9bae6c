//! Automations (自動処理): parts that are run for records, journalled step by step.
//!
//! [`definition`] says what an automation is, [`flow`] judges it and makes its parts ready, [`values`] finds out where values
//! come from. [`request`] starts a run, [`start`] does so by itself,
//! for what was written and by timers, [`receive`] for a mail; [`circle`] finds automations that would do so without end. [`run`] takes it from where it was to its end in transactions, of which [`step`] is
//! one; [`journal`] keeps what was done, many alike in one row ([`series`]), [`status`] and [`report`] tell it. [`menu`] judges the menus of lists, in which automations
//! stand, and [`names`] lets automations follow what is renamed.
//!
//! A part that reads or writes records does so in one transaction with its entry in the journal, so that it is done exactly
//! once. Many records share a transaction, which makes room as soon as somebody else wants to write. What stands between
//! two parts of a record when a transaction ends is kept with it: the place of the next part, and nothing else, since what
//! searches have found is in the journal.

pub(crate) mod circle;
mod definition;
mod flow;
pub(crate) mod invariants;
mod journal;
pub(crate) mod menu;
mod names;
mod receive;
mod report;
mod request;
mod run;
mod series;
mod start;
mod status;
mod step;
mod values;

pub use definition::{
    Automation, AutomationTrigger, AutomationUnit, Branch, DeleteRecords, EndParts, FieldSource, FoundField,
    GenerateFileFor, HttpSendFor, ImportTrigger, MailField, MailTrigger, OnError, Part, PartAction, PartTarget,
    RegisterRecord, RegisteredTrigger, SearchRecords, SendMailAbout, SetField, TargetRecords, UpdateRecords,
    UpdatedTrigger,
};
pub use receive::ReceivedMail;
pub use request::AutomationRequest;
pub use status::{AutomationEntry, AutomationPlan, AutomationRun, EntryState};

pub(crate) use journal::KIND;
pub(crate) use names::{SentBy, find_users, follow_renames};
pub(crate) use report::told;
pub(crate) use run::run_next;
pub(crate) use start::{start_due, unlisten};

use flow::Flow;

use crate::access::{Door, Right};
use crate::document::FileTemplate;
use crate::error::{Code, Error, Result, words};
use crate::outbound::{HttpSend, MailTemplate, mail};
use crate::schema::Catalog;
use crate::schema::documents;
use crate::store::Store;

/// Judges and keeps an automation. Who defines it must be able to do himself what it does in other databases.
pub(crate) fn save(
    store: &Store,
    connection: &rusqlite::Connection,
    door: &Door,
    catalog: &Catalog,
    automation: &mut Automation,
) -> Result<i64> {
    let table = catalog.table(&automation.database)?;
    table.code().clone_into(&mut automation.database);
    Flow::compile(store, connection, catalog, automation)?;
    let searches = names::searches(catalog, table.id, automation);
    for (database, registers) in automation.databases() {
        let other = catalog.table(database)?;
        door.demand(other, Right::View)?;
        if registers {
            door.demand(other, Right::Register)?;
        }
    }
    mail::check_report(connection, &automation.code, automation.report.as_ref())?;
    for part in automation.sending_mut() {
        let of = names::searched(catalog, table.id, &searches, part.target);
        *part.code = match part.by {
            SentBy::MailTemplate => documents::get::<MailTemplate>(connection, Some(of), part.code)?.code,
            SentBy::FileTemplate => documents::get::<FileTemplate>(connection, Some(of), part.code)?.code,
            SentBy::HttpSend => documents::get::<HttpSend>(connection, Some(of), part.code)?.code,
        };
    }
    let id = documents::save(connection, Some(table.id), automation)?;
    start::listen(store, connection, table, automation)?;
    Ok(id)
}

/// Refuses to take out what automations send or generate by.
pub(crate) fn check_unused(
    connection: &rusqlite::Connection,
    catalog: &Catalog,
    database: i64,
    by: SentBy,
    code: &str,
) -> Result<()> {
    match names::sending_by(connection, catalog, database, by, code)?.first() {
        None => Ok(()),
        Some(automation) => {
            let user = &automation.code;
            let rule = words!("自動処理「{user}」", "the automation \"{user}\"");
            Err(Error::new(Code::DefinitionInUse).with_name(code).with_rule(rule))
        }
    }
}

/// Lets automations follow what they send or generate by, when that has got another code.
pub(crate) fn rename_sent(
    connection: &rusqlite::Connection,
    catalog: &Catalog,
    database: i64,
    by: SentBy,
    (before, after): (&str, &str),
) -> Result<()> {
    for mut automation in names::sending_by(connection, catalog, database, by, before)? {
        let own = catalog.table(&automation.database)?.id;
        let searches = names::searches(catalog, own, &automation);
        for part in automation.sending_mut() {
            let of = names::searched(catalog, own, &searches, part.target);
            if part.by == by && part.code == before && of == database {
                after.clone_into(part.code);
            }
        }
        documents::save(connection, Some(own), &mut automation)?;
    }
    Ok(())
}
