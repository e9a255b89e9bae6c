//! The update after success: fields of the records that were sent.

use std::sync::atomic::{AtomicBool, Ordering};

use super::run::{KIND, Sent, is_of_the_store};
use crate::error::{Code, Error, Language, Result};
use crate::job::{self, Claim, JobState};
use crate::record::{Draft, RecordId, Selector, Values, WriteOptions, Writer};
use crate::schema::{Catalog, Value};
use crate::store::{Cause, Origin, Store};
use crate::template::{Source, call_values};

/// So many records are updated before others get their turn to write.
const RECORDS_A_TURN: usize = 500;

/// Runs the update of a run that this runner owns: some records at a time, from where it was.
///
/// A record that is gone or refuses the value is counted, and the first reason kept; the others are updated.
fn run(store: &Store, claim: &Claim, stop: &AtomicBool) -> Result<()> {
    let mut sent = Sent::of(&*store.reading()?, claim.id)?;
    let fault = match values(store, &sent) {
        Ok(values) => loop {
            if store.write(|writing| step(store, writing, claim, &mut sent, &values))? {
                return Ok(());
            }
            if stop.load(Ordering::Relaxed) {
                return store.write(|writing| job::park(writing, claim, false));
            }
            store.give_way();
        },
        Err(error) if is_of_the_store(&error) => return Err(error),
        Err(error) => error,
    };
    // The message has arrived; only what was to follow could not be done.
    store.write(|writing| {
        let sql = "UPDATE renkei_push SET update_error = ?2 WHERE job_id = ?1";
        writing.prepare_cached(sql)?.execute((claim.id, fault.message(Language::Japanese)))?;
        job::finish(store, writing, claim, JobState::Completed, Some(&fault))
    })
}

fn values(store: &Store, sent: &Sent) -> Result<Values> {
    let (scope, updates) = sent.push.compile_updates()?;
    let mut known = call_values(store, &*store.reading()?, store.now(), &sent.memo)?;
    known.push(Value::from(sent.status.map(i64::from)));
    let source = scope.values(None, &known);
    let mut values = Values::new();
    for (field, template) in updates {
        let value = match template.single() {
            Some(slot) => Source::value(&source, slot)?,
            None => Value::from(template.expand_plain(&scope.names, &source)?),
        };
        values = values.set(field, value);
    }
    Ok(values)
}

/// Updates some records; whether the run has ended.
fn step(
    store: &Store,
    connection: &rusqlite::Connection,
    claim: &Claim,
    sent: &mut Sent,
    values: &Values,
) -> Result<bool> {
    if job::heartbeat(store, connection, claim, true)? {
        job::finish(store, connection, claim, JobState::Cancelled, Some(&Error::new(Code::Cancelled)))?;
        return Ok(true);
    }
    let catalog = Catalog::of(store, connection)?;
    let table = catalog.table_by_id(sent.database_id)?;
    let mut writer = Writer::new(store, connection, table);
    let (mut updated, mut not_updated, mut first) = (0, 0, None);
    let mut is_done = false;
    for _ in 0..RECORDS_A_TURN {
        let Some(id) = sent.ids.next() else {
            is_done = true;
            break;
        };
        let target = Selector::from(RecordId(id));
        match writer.update(&target, Draft::of(table, values), &WriteOptions::default()) {
            Ok(Some(_)) => updated += 1,
            Ok(None) => {
                not_updated += 1;
                let gone = Error::new(Code::RecordNotFound).with_value(target).with_rule(table.code());
                first.get_or_insert_with(|| gone.message(Language::Japanese));
            }
            Err(error) if is_of_the_store(&error) => return Err(error),
            Err(error) => {
                not_updated += 1;
                first.get_or_insert_with(|| format!("{}: {}", writer.last_key(), error.message(Language::Japanese)));
            }
        }
    }
    writer.finish()?;
    let sql =
        "UPDATE renkei_push SET next_byte = ?2, last_id = ?3, updated = updated + ?4, not_updated = not_updated + ?5,
        update_error = ifnull(update_error, ?6) WHERE job_id = ?1";
    let next = i64::try_from(sent.ids.next).unwrap_or(i64::MAX);
    connection.prepare_cached(sql)?.execute((claim.id, next, sent.ids.last, updated, not_updated, first))?;
    if is_done {
        job::finish(store, connection, claim, JobState::Completed, None)?;
    }
    Ok(is_done)
}

/// Runs the next update that is due; whether there was one.
pub(crate) fn run_next(store: &Store, stop: &AtomicBool) -> Result<bool> {
    match job::claim(store, KIND)? {
        job::Found::Nothing => Ok(false),
        job::Found::GivenUp(id) => {
            log::error!("the update after the push {id} ended its process too often and was given up");
            Ok(true)
        }
        job::Found::Claimed(claim) => {
            let store = store.acting(claim.actor, Cause::run(Origin::CsvPush, claim.id));
            match run(&store, &claim, stop) {
                // Another runner goes on with it.
                Err(error) if error.code() == Code::JobLost => Ok(true),
                result => result.map(|()| true),
            }
        }
    }
}
