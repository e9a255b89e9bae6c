//! Who may send records, and look after what is sent.

use std::sync::Arc;

use rusqlite::Connection;

use crate::access::{self, Door, Right};
use crate::error::Result;
use crate::schema::Table;
use crate::store::Store;

/// What sending the records of a database takes.
const RIGHTS: [Right; 2] = [Right::View, Right::Export];

/// A database by its code or id, if whoever acts may send its records.
pub(crate) fn sendable<'d>(door: &'d Door, database: &str) -> Result<&'d Arc<Table>> {
    let table = door.catalog().table(database)?;
    RIGHTS.iter().try_for_each(|right| door.demand(table, *right))?;
    Ok(table)
}

/// Whether whoever acts may send records of a database.
pub(crate) fn is_sendable(door: &Door, database: i64) -> bool {
    RIGHTS.iter().all(|right| door.has(database, *right))
}

/// Refuses when whoever acts may not send records of a database. Costs the host nothing.
pub(crate) fn demand_sendable(store: &Store, connection: &Connection, database: i64) -> Result<()> {
    RIGHTS.iter().try_for_each(|right| access::demand(store, connection, database, *right))
}
