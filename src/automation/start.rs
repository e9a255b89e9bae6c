//! What starts automations by itself: records that are written, imports that end, timers.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};

use super::definition::{Automation, AutomationTrigger};
use super::journal::KIND;
use super::request::{NewRun, begin, units, usual_items};
use super::step::is_of_the_store;
use crate::error::{Error, Result};
use crate::event::{self, Event, Interest, What, Whats};
use crate::import::{ImportEnd, ImportSetting};
use crate::job::{self, JobState};
use crate::outbound::Trigger;
use crate::query::holds;
use crate::schedule::Schedule;
use crate::schema::{Catalog, Table, documents};
use crate::store::{Link, Origin, Store, Timestamp, Writing};

/// So many events are looked at in one transaction.
const EVENTS: usize = 1_000;

/// When a timer is looked at again whose plan is not understood any more.
const UNDERSTOOD_LATER: Duration = Duration::from_secs(60 * 60);

/// What an automation listens to, if it does.
pub(super) fn interest(table: &Table, automation: &Automation) -> Option<Interest> {
    let mut interest = Interest::new(automation.id?, KIND, table.id);
    let mut whats = Vec::new();
    for trigger in automation.triggers.iter().filter(|_| automation.enabled) {
        match trigger {
            AutomationTrigger::Registered(registered) => {
                whats.push(What::Registered);
                interest.of_imports |= registered.imports;
                interest.details |= registered.condition.is_some() && table.details.is_some();
            }
            AutomationTrigger::Updated(updated) => {
                whats.push(What::Updated);
                interest.of_imports |= updated.imports;
                interest.details |= updated.condition.is_some() && table.details.is_some();
            }
            AutomationTrigger::AfterImport(_) => interest.ends_of_imports = true,
            _ => {}
        }
    }
    interest.records = Whats::of(whats);
    (interest.records != Whats::default() || interest.ends_of_imports).then_some(interest)
}

/// The timer that starts an automation, if one does.
pub(super) fn timer(automation: &Automation) -> Option<&Schedule> {
    automation.triggers.iter().filter(|_| automation.enabled).find_map(|trigger| match trigger {
        AutomationTrigger::Timer(schedule) => Some(schedule),
        _ => None,
    })
}

/// Notes what an automation listens to, and when its timer is due.
pub(super) fn listen(store: &Store, connection: &Connection, table: &Table, automation: &Automation) -> Result<()> {
    let Some(id) = automation.id else { return Ok(()) };
    forget_timer(connection, id)?;
    if let Some(schedule) = timer(automation)
        && let Some(next) = schedule.timetable(store)?.next_after(store.now())
    {
        set_timer(connection, id, table.id, next)?;
    }
    match interest(table, automation) {
        None => event::unlisten(connection, id),
        Some(interest) => event::listen(connection, &interest),
    }
}

/// Forgets what was noted of an automation that is taken out.
pub(crate) fn unlisten(connection: &Connection, automation: i64) -> Result<()> {
    forget_timer(connection, automation)?;
    event::unlisten(connection, automation)
}

fn set_timer(connection: &Connection, automation: i64, database: i64, next: Timestamp) -> Result<()> {
    let sql = "INSERT INTO renkei_automation_timer (automation_id, database_id, next_at) VALUES (?1, ?2, ?3)
        ON CONFLICT (automation_id) DO UPDATE SET next_at = excluded.next_at";
    connection.prepare_cached(sql)?.execute((automation, database, next.0))?;
    Ok(())
}

fn forget_timer(connection: &Connection, automation: i64) -> Result<()> {
    connection.prepare_cached("DELETE FROM renkei_automation_timer WHERE automation_id = ?1")?.execute([automation])?;
    Ok(())
}

/// Makes the runs that are due by what happened and by timers; whether there were any.
pub(crate) fn start_due(store: &Store) -> Result<bool> {
    let (listeners, timers) = {
        let reading = store.reading()?;
        let sql = "SELECT automation_id FROM renkei_automation_timer WHERE next_at <= ?1 ORDER BY next_at";
        let mut statement = reading.prepare_cached(sql)?;
        let timers: Vec<i64> =
            statement.query_map([store.now().0], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        (event::due(&reading, KIND)?, timers)
    };
    for due in &listeners {
        store.write(|writing| consume(store, writing, due.database, due.listener))?;
    }
    for timer in &timers {
        store.write(|writing| ring(store, writing, *timer))?;
    }
    Ok(!listeners.is_empty() || !timers.is_empty())
}

/// Runs that are to be made together: started by the same, because of the same.
struct Group {
    trigger: Trigger,
    actor: Option<i64>,
    origin: Origin,
    chain: Vec<Link>,
    records: Vec<i64>,
    /// The reason why there must be no run.
    refused: Option<Error>,
}

/// Takes events, and makes runs for those that start the automation, in one transaction.
fn consume(store: &Store, writing: &Writing<'_>, database: i64, listener: i64) -> Result<()> {
    let events = event::waiting(writing, listener, EVENTS)?;
    let Some(last) = events.last().map(|event| event.id) else { return Ok(()) };
    let automation: Option<Automation> = documents::find(writing, Some(database), &listener.to_string())?;
    if let Some(automation) = automation.filter(|automation| automation.enabled) {
        let catalog = Catalog::of(store, writing)?;
        let table = catalog.table_by_id(database)?;
        let mut group: Option<Group> = None;
        for event in &events {
            let judged = started_by(store, writing, &catalog, table, &automation, event)?;
            let Some(Started { trigger, unjudged }) = judged else { continue };
            let (records, refused) = match event.record {
                Some(record) => (vec![record], None),
                None => or_refused(usual_items(store, writing, &catalog, table, &automation))?,
            };
            let refused = event.next_cause(Origin::Automation, 0, &automation.code).err().or(unjudged).or(refused);
            let code = |error: &Option<Error>| error.as_ref().map(Error::code);
            let is_same = group.as_ref().is_some_and(|group| {
                event.record.is_some()
                    && group.trigger == trigger
                    && group.actor == event.actor
                    && group.origin == event.cause.origin
                    && group.chain == event.cause.chain
                    && code(&group.refused) == code(&refused)
            });
            if !is_same {
                make(store, writing, table, &automation, group.take())?;
            }
            let group = group.get_or_insert_with(|| Group {
                trigger,
                actor: event.actor,
                origin: event.cause.origin,
                chain: event.cause.chain.clone(),
                records: Vec::new(),
                refused,
            });
            group.records.extend(records);
        }
        make(store, writing, table, &automation, group)?;
    }
    event::forget(writing, listener, last)
}

/// By what an event starts an automation.
struct Started {
    trigger: Trigger,
    /// Why it is not known whether it does: its condition does not fit the database any more.
    unjudged: Option<Error>,
}

/// By which trigger an event starts an automation, if it does.
fn started_by(
    store: &Store,
    connection: &Connection,
    catalog: &Catalog,
    table: &Table,
    automation: &Automation,
    event: &Event,
) -> Result<Option<Started>> {
    let by_import = event.cause.origin == Origin::Import;
    for trigger in &automation.triggers {
        let condition = match (trigger, event.what) {
            (AutomationTrigger::Registered(registered), What::Registered) if registered.imports || !by_import => {
                &registered.condition
            }
            (AutomationTrigger::Updated(updated), What::Updated) if updated.imports || !by_import => {
                let (Some(before), Some(after)) = (event.before(table)?, event.after(table)?) else { continue };
                let columns = &table.header.columns;
                let is_named = |at: usize| updated.fields.iter().any(|field| table.header.find(field) == Some(at));
                let is_meant = updated.fields.is_empty()
                    || before.changed(table, &after).any(|at| at < columns.len() && is_named(at));
                if !is_meant {
                    continue;
                }
                &updated.condition
            }
            (AutomationTrigger::AfterImport(after), What::Imported) => {
                let is_completed = event.counts::<ImportEnd>().is_some_and(|end| end.state == JobState::Completed);
                let is_meant = match (&after.import, event.cause.run) {
                    (Some(import), Some(run)) => setting_of(connection, run)?.is_some_and(|setting| {
                        documents::find::<ImportSetting>(connection, Some(table.id), import)
                            .is_ok_and(|found| found.is_some_and(|found| found.id == Some(setting)))
                    }),
                    (Some(_), None) => false,
                    (None, _) => true,
                };
                if is_completed && is_meant {
                    return Ok(Some(Started { trigger: Trigger::AfterImport, unjudged: None }));
                }
                continue;
            }
            _ => continue,
        };
        // What was written is read where somebody asks for it.
        let holds = match condition {
            None => Ok(true),
            Some(condition) => match event.after(table)? {
                Some(after) => holds(store, connection, catalog, table, condition, &after),
                None => Ok(false),
            },
        };
        let trigger = trigger.kind();
        match holds {
            Ok(true) => return Ok(Some(Started { trigger, unjudged: None })),
            Ok(false) => {}
            Err(error) if is_of_the_store(&error) => return Err(error),
            Err(error) => return Ok(Some(Started { trigger, unjudged: Some(error) })),
        }
    }
    Ok(None)
}

/// The id of the setting of an import.
fn setting_of(connection: &Connection, import: i64) -> Result<Option<i64>> {
    let sql = "SELECT setting_id FROM renkei_import WHERE job_id = ?1";
    let found: Option<Option<i64>> =
        connection.prepare_cached(sql)?.query_row([import], |row| row.get(0)).optional()?;
    Ok(found.flatten())
}

/// What a run is to be made for, or nothing and the reason why it fails, such as too many records. When the store fails,
/// what started the run waits.
fn or_refused(items: Result<Vec<i64>>) -> Result<(Vec<i64>, Option<Error>)> {
    match items {
        Ok(items) => Ok((items, None)),
        Err(error) if !is_of_the_store(&error) => Ok((Vec::new(), Some(error))),
        Err(error) => Err(error),
    }
}

/// Makes the run of a group. Where runs have led to one another too often, or it is for too many records, it has failed
/// with the reason.
fn make(
    store: &Store,
    writing: &Writing<'_>,
    table: &Table,
    automation: &Automation,
    group: Option<Group>,
) -> Result<()> {
    let Some(Group { trigger, actor, chain, records, refused, .. }) = group else { return Ok(()) };
    let (items, too_many) = match trigger {
        // They are those of the setting already.
        Trigger::AfterImport => (records, None),
        _ => or_refused(units(store, writing, table, automation, records))?,
    };
    let acting = Store { actor, ..store.clone() };
    let new = NewRun { list: None, trigger, memo: "", token: None, chain: &chain, items: &items };
    let (run, _) = begin(&acting, writing, table, automation, &new)?;
    if let Some(error) = refused.or(too_many) {
        log::error!("the run {run} of the automation \"{}\": {error}", automation.code);
        job::end(writing, run, JobState::Failed, store.now(), Some(&error))?;
    }
    Ok(())
}

/// Makes the run of a timer that is due, and sets the timer anew.
fn ring(store: &Store, writing: &Writing<'_>, id: i64) -> Result<()> {
    let sql = "SELECT database_id, next_at FROM renkei_automation_timer WHERE automation_id = ?1";
    let found: Option<(i64, i64)> =
        writing.prepare_cached(sql)?.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((database, planned)) = found else { return Ok(()) };
    let automation: Option<Automation> = documents::find(writing, Some(database), &id.to_string())?;
    let Some(automation) = automation else { return forget_timer(writing, id) };
    let Some(schedule) = timer(&automation) else { return forget_timer(writing, id) };
    let now = store.now();
    let (is_due, next, unread) = match schedule.timetable(store) {
        Ok(timetable) => match timetable.due(Timestamp(planned), now) {
            Some(due) => (due.run.is_some(), due.next, None),
            // Another worker may have done it meanwhile.
            None => return Ok(()),
        },
        Err(error) if is_of_the_store(&error) => return Err(error),
        Err(_) if planned > now.0 => return Ok(()),
        // The machine does not know its time zone any more, for one.
        Err(error) => (true, Some(now.after(UNDERSTOOD_LATER)), Some(error)),
    };
    match next {
        Some(next) => set_timer(writing, id, database, next)?,
        None => forget_timer(writing, id)?,
    }
    if !is_due {
        return Ok(());
    }
    let catalog = Catalog::of(store, writing)?;
    let table = catalog.table_by_id(database)?;
    let (items, refused) = match unread {
        Some(error) => (Vec::new(), Some(error)),
        None => or_refused(usual_items(store, writing, &catalog, table, &automation))?,
    };
    let new = NewRun { list: None, trigger: Trigger::Timer, memo: "", token: None, chain: &[], items: &items };
    let (run, _) = begin(store, writing, table, &automation, &new)?;
    match refused {
        Some(error) => {
            log::error!("the run {run} of the automation \"{}\": {error}", automation.code);
            job::end(writing, run, JobState::Failed, store.now(), Some(&error))
        }
        None => Ok(()),
    }
}
