//! Saved aggregations (集計設定): figures over the records of a database, kept under a name, run to a table or to CSV.
//!
//! [`AggregationSetting`] is what is written down; [`table`] makes rows and columns of it, built on the figures of the room
//! of queries; [`csv`] writes them.

mod csv;
mod table;
#[cfg(test)]
mod tests;

pub use csv::AggregationExport;
pub use table::{AggregationColumn, AggregationTable};

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use crate::access::Door;
use crate::error::{Result, Words, words};
use crate::query::{Aggregation, Condition, GroupBy, NamesFields, Search, check_aggregation, relabel};
use crate::schema::Catalog;
use crate::schema::documents::{self, check_code_and_name, documents, refused, unfit};
use crate::store::Store;

/// A saved aggregation (集計設定), run by [`Store::run_aggregation`] and [`Store::export_aggregation`].
///
/// Without `across` the table has a row for each group: its groups, then its measures. With `across` it is a cross table
/// (クロス集計): a row for each group, and for each value of the field `across` one column a measure. `totals` adds a row of
/// totals, and to a cross table columns of totals; they are made of all records that fulfil the conditions, so an average
/// is that of the records, and what `limit` leaves out counts in them.
///
/// The order and the limit of the aggregation are those of the rows; in a cross table they go by the totals of the rows.
///
/// ```
/// use renkei::{Aggregation, AggregationSetting, Bucket, Function};
///
/// let figures = Aggregation::new().group_by("branch").measure(Function::Sum, "amount").named("売上").count();
/// let setting = AggregationSetting::new("orders", "monthly", "支店別月別売上", figures)
///     .across_bucket("ordered", Bucket::Month)
///     .totals();
/// let json = serde_json::json!({
///     "database": "orders", "code": "monthly", "name": "支店別月別売上",
///     "aggregation": {
///         "group_by": [{"field": "branch"}],
///         "measures": [{"function": "sum", "field": "amount", "name": "売上"}, {"function": "count"}]
///     },
///     "across": {"field": "ordered", "bucket": "month"},
///     "totals": true
/// });
/// assert_eq!(serde_json::to_value(&setting).unwrap(), json);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AggregationSetting {
    /// The id; assigned when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    /// The code of the database.
    pub database: String,
    /// The machine name, unique among the aggregations of the database.
    pub code: String,
    /// The name shown to people.
    pub name: String,
    /// A saved search, by code or id, which must hold beside the condition of the aggregation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// The figures, and what they are made of.
    pub aggregation: Aggregation,
    /// The field whose values are the columns of a cross table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub across: Option<GroupBy>,
    /// Whether there are totals.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub totals: bool,
}

impl AggregationSetting {
    /// A table with a row for each group.
    pub fn new(
        database: impl Into<String>,
        code: impl Into<String>,
        name: impl Into<String>,
        aggregation: Aggregation,
    ) -> AggregationSetting {
        AggregationSetting {
            id: None,
            database: database.into(),
            code: code.into(),
            name: name.into(),
            search: None,
            aggregation,
            across: None,
            totals: false,
        }
    }

    /// Makes it a cross table, with columns for each value of a field.
    pub fn across(mut self, field: impl Into<String>) -> AggregationSetting {
        self.across = Some(GroupBy { field: field.into(), bucket: None, name: None });
        self
    }

    /// Makes it a cross table, with columns for each span of time.
    pub fn across_bucket(mut self, field: impl Into<String>, bucket: crate::query::Bucket) -> AggregationSetting {
        self.across = Some(GroupBy { field: field.into(), bucket: Some(bucket), name: None });
        self
    }

    /// Adds totals.
    pub fn totals(mut self) -> AggregationSetting {
        self.totals = true;
        self
    }

    /// Only over the records of a saved search.
    pub fn search(mut self, search: impl Into<String>) -> AggregationSetting {
        self.search = Some(search.into());
        self
    }

    /// The figures of all that there are: groups, then `across`, then measures.
    fn whole(&self) -> Aggregation {
        let mut whole = self.aggregation.clone();
        whole.group_by.extend(self.across.clone());
        (whole.sort, whole.limit) = (Vec::new(), None);
        whole
    }

    /// Judges everything but the search that is named.
    fn validate(&self, catalog: &Catalog) -> Result<()> {
        check_code_and_name(&self.code, &self.name)?;
        let table = catalog.table(&self.database)?;
        let fault = |rule: Words| Err(refused(&self.code, rule));
        if self.aggregation.measures.is_empty() {
            return fault(words!("集計値（`measures`）がありません", "it has no `measures`"));
        }
        if self.aggregation.limit == Some(0) {
            return fault(words!("`limit`が0です", "`limit` is 0"));
        }
        let groups = self.aggregation.group_by.iter().chain(&self.across).map(|group| &group.name);
        let names = groups.chain(self.aggregation.measures.iter().map(|measure| &measure.name));
        if names.flatten().any(|name| name.trim().is_empty()) {
            return fault(words!("見出し（`name`）が空です", "a heading (`name`) is empty"));
        }
        let fits = |aggregation: &Aggregation| {
            check_aggregation(catalog, table, aggregation).map_err(|error| unfit(&self.code, error))
        };
        fits(&self.whole())?;
        // Its order goes by its own columns.
        fits(&self.aggregation)
    }
}

documents! { AggregationSetting "aggregation"; }

impl NamesFields for AggregationSetting {
    fn database_mut(&mut self) -> &mut String {
        &mut self.database
    }

    fn paths_mut(&mut self, change: &mut dyn FnMut(&mut String)) {
        let figures = &mut self.aggregation;
        figures.group_by.iter_mut().chain(&mut self.across).for_each(|group| change(&mut group.field));
        figures.measures.iter_mut().filter_map(|measure| measure.field.as_mut()).for_each(&mut *change);
        for condition in figures.condition.iter_mut().chain(&mut figures.rows) {
            condition.paths_mut(change);
        }
    }

    fn relabel(&mut self, before: &Catalog, after: &Catalog, database: i64) {
        for condition in self.aggregation.condition.iter_mut().chain(&mut self.aggregation.rows) {
            condition.values_mut(&mut |path, value| relabel(before, after, database, path, value));
        }
    }
}

/// Judges and keeps a saved aggregation. The search that it names must exist.
pub(crate) fn save(connection: &Connection, catalog: &Catalog, setting: &mut AggregationSetting) -> Result<i64> {
    setting.validate(catalog)?;
    let table = catalog.table(&setting.database)?;
    search_of(connection, table.id, setting)?;
    table.code().clone_into(&mut setting.database);
    documents::save(connection, Some(table.id), setting)
}

/// The condition of the search that a setting names.
fn search_of(connection: &Connection, database: i64, setting: &AggregationSetting) -> Result<Option<Condition>> {
    let search = setting.search.as_deref().map(|name| documents::get::<Search>(connection, Some(database), name));
    Ok(search.transpose()?.map(|search| search.condition))
}

impl Store {
    /// The saved aggregations of a database, by id.
    ///
    /// # Errors
    ///
    /// [`Code::DatabaseNotFound`](crate::Code::DatabaseNotFound); [`Code::AccessDenied`](crate::Code::AccessDenied)
    /// without any right in it.
    pub fn aggregation_settings(&self, database: &str) -> Result<Vec<AggregationSetting>> {
        let reading = self.reading()?;
        let table = Door::open(self, &reading)?.definition(database)?.id;
        documents::load_of(&reading, table)
    }
}
