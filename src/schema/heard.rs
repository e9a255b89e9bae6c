//! What is listened to: kept with the databases, so that a writer whom nobody hears finds that out at no cost.

use std::collections::HashMap;

use rusqlite::Connection;

use crate::error::Result;

/// What all listeners of a database together hear. Sorts of events are bits; see the room of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Heard {
    /// Of what is written otherwise than by imports.
    pub(crate) events: u8,
    /// Of imports and their lines.
    pub(crate) import_events: u8,
    /// Whether detail rows are kept with the events.
    pub(crate) details: bool,
}

impl Heard {
    /// By database. Those that nobody listens to are left out.
    pub(super) fn load(connection: &Connection) -> Result<HashMap<i64, Heard>> {
        let sql = "SELECT database_id, events, import_events, details FROM renkei_listener";
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query([])?;
        let mut all: HashMap<i64, Heard> = HashMap::new();
        while let Some(row) = rows.next()? {
            let heard = all.entry(row.get(0)?).or_default();
            heard.events |= row.get::<_, u8>(1)?;
            heard.import_events |= row.get::<_, u8>(2)?;
            heard.details |= row.get::<_, bool>(3)?;
        }
        Ok(all)
    }
}
