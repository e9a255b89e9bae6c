//! Which records of a list are meant: by a saved search, a condition, or one by one.

use rusqlite::{Connection, OptionalExtension};

use super::input::Selector;
use crate::error::Result;
use crate::query::{Condition, Query, Search};
use crate::schema::documents;
use crate::schema::{Cell, Table};

/// The id of a record; `None` if there is none.
pub(crate) fn find(connection: &Connection, table: &Table, selector: &Selector) -> Result<Option<i64>> {
    let key = table.key();
    let (column, given) = match selector {
        Selector::Id(id) => ("_id", Cell::Int(*id)),
        Selector::Key(text) => (key.sql.as_str(), Cell::Text(key.stored_key(text))),
    };
    let sql = format!("SELECT _id FROM {} WHERE {column} = ?1", table.header.sql);
    Ok(connection.prepare_cached(&sql)?.query_row([given], |row| row.get(0)).optional()?)
}

/// What was chosen; everything, where nothing was.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Chosen {
    /// A saved search, by its code or id.
    pub(crate) search: Option<String>,
    pub(crate) condition: Option<Condition>,
    pub(crate) records: Option<Vec<Selector>>,
}

impl Chosen {
    /// Whether nothing was chosen.
    pub(crate) fn is_everything(&self) -> bool {
        *self == Chosen::default()
    }

    /// Only records that fulfil `condition`, beside what was asked before.
    pub(crate) fn filter(&mut self, condition: Condition) {
        self.condition = Some(match self.condition.take() {
            Some(already) => already.and(condition),
            None => condition,
        });
    }

    /// Only these records, beside those that were named before.
    pub(crate) fn name(&mut self, records: impl IntoIterator<Item = impl Into<Selector>>) {
        self.records.get_or_insert_default().extend(records.into_iter().map(Into::into));
    }

    /// The saved search and what else is asked of a record.
    pub(crate) fn condition(&self, connection: &Connection, table: &Table) -> Result<Option<Condition>> {
        let mut query = Query::new();
        if let Some(name) = &self.search {
            query = query.filter(documents::get::<Search>(connection, Some(table.id), name)?.condition);
        }
        if let Some(condition) = &self.condition {
            query = query.filter(condition.clone());
        }
        if let Some(records) = &self.records {
            let ids = records.iter().filter_map(|record| match record {
                Selector::Id(id) => Some(*id),
                Selector::Key(_) => None,
            });
            let keys = records.iter().filter_map(|record| match record {
                Selector::Key(key) => Some(key.as_str()),
                Selector::Id(_) => None,
            });
            let key = table.key().field.code.as_str();
            query = query.filter(Condition::one_of("_id", ids).or(Condition::one_of(key, keys)));
        }
        Ok(query.condition)
    }
}
