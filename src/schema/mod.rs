//! What a database is: definitions, values and their rules, display formats, and the SQL tables they become.

mod bigram;
mod catalog;
mod change;
mod check;
mod date;
mod ddl;
mod deferred;
mod definition;
mod display;
pub(crate) mod documents;
mod expression;
mod format;
mod heard;
pub(crate) mod invariants;
pub(crate) mod names;
mod number;
mod plan;
mod snapshot;
mod validate;
mod value;

pub(crate) use bigram::{decides as full_text_decides, query as full_text_query, tokens as full_text_tokens};
pub(crate) use catalog::{Catalog, Column, Labels, Layout, Table};
pub(crate) use change::{check_ids, define};
pub(crate) use check::{check_key, check_part};
pub(crate) use deferred::{adopt_indexes, defer_indexes, forget_deferred, restore_indexes};
pub(crate) use expression::Scope;
pub(crate) use format::write_moment;
pub(crate) use heard::Heard;
pub(crate) use plan::{Calculation, DETAIL_SYSTEM, DefaultValue, HEADER_SYSTEM, Operand};
pub(crate) use snapshot::Snapshot;
pub(crate) use value::Cell;

pub use change::{Action, Change};
pub use date::{Date, DateTime, Time};
pub use definition::{AutoNumber, Characters, Choice, Database, Field, FieldKind, KeyPart, NumberDate};
pub use display::{DatePattern, MinusStyle, NumberDisplay};
pub use expression::Expression;
pub use format::ValueFormat;
pub use number::{Number, NumberInput, Rounding};
pub use value::Value;

use crate::store::{Store, Timestamp};

impl Store {
    /// The civil date and time of `moment` in the store's time zone.
    pub fn local(&self, moment: Timestamp) -> DateTime {
        let seconds = moment.0.div_euclid(1_000) + self.utc_offset_seconds(moment);
        DateTime::from_seconds(seconds).unwrap_or(DateTime::new(Date::MIN, Time::MIDNIGHT))
    }
}
