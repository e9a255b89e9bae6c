//! Automations (自動処理): parts that are run for records, journalled step by step.
//!
//! [`definition`] says what an automation is, [`flow`] judges it and makes its parts ready, [`values`] finds out where values
//! come from. [`request`] starts a run, [`run`] takes it from where it was to its end in transactions, of which [`step`] is
//! one; [`journal`] keeps what was done, [`status`] and [`report`] tell it. [`menu`] judges the menus of lists, in which automations
//! stand, and [`names`] lets automations follow what is renamed.
//!
//! A part that reads or writes records does so in one transaction with its entry in the journal, so that it is done exactly
//! once. Many records share a transaction, which makes room as soon as somebody else wants to write. What stands between
//! two parts of a record when a transaction ends is kept with it: the place of the next part, and nothing else, since what
//! searches have found is in the journal.

mod definition;
mod flow;
pub(crate) mod invariants;
mod journal;
pub(crate) mod menu;
mod names;
mod report;
mod request;
mod run;
mod status;
mod step;
mod values;

pub use definition::{
    Automation, AutomationTrigger, AutomationUnit, Branch, DeleteRecords, EndParts, FieldSource, FoundField, OnError,
    Part, PartAction, PartTarget, RegisterRecord, SearchRecords, SetField, TargetRecords, UpdateRecords,
};
pub use request::AutomationRequest;
pub use status::{AutomationEntry, AutomationPlan, AutomationRun, EntryState};

pub(crate) use journal::KIND;
pub(crate) use names::{find_users, follow_renames};
pub(crate) use report::told;
pub(crate) use run::run_next;

use flow::Flow;

use crate::access::{Door, Right};
use crate::error::Result;
use crate::outbound::mail;
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
    Flow::compile(store, catalog, automation)?;
    for (database, registers) in automation.databases() {
        let other = catalog.table(database)?;
        door.demand(other, Right::View)?;
        if registers {
            door.demand(other, Right::Register)?;
        }
    }
    mail::check_report(connection, &automation.code, automation.report.as_ref())?;
    documents::save(connection, Some(table.id), automation)
}
