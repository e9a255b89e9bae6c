//! Telling: what waits is judged, written as mails, and forgotten.

use std::sync::Once;
use std::time::Duration;

use rusqlite::Connection;

use super::setting::{NoticeMail, NoticeOn, Watched};
use super::text::{Entry, Writer, mails};
use crate::error::{Error, Kind, Language, Result};
use crate::event::{self, Due, Event, What};
use crate::import::ImportEnd;
use crate::outbound::mail::Ready;
use crate::query;
use crate::schema::documents::{self, Document};
use crate::schema::{Catalog, Snapshot, Table};
use crate::store::Store;

/// So many events are looked at at a time: of single mails each makes some, of a digest all together make one.
const SINGLE: usize = 50;
const DIGEST: usize = 1_000;

/// A digest gets no longer than about this, in bytes; what is left is told by the next.
const DIGEST_BYTES: usize = 400_000;

/// Tells of what waits for some notice mail; whether there was one to tell of.
pub(crate) fn run_next(store: &Store) -> Result<bool> {
    let due = event::due(&*store.reading()?, NoticeMail::KIND)?;
    if !due.is_empty() && !cfg!(feature = "mail") {
        static TOLD: Once = Once::new();
        TOLD.call_once(|| log::error!("notice mails are due, but this program was built without the feature `mail`"));
        return Ok(false);
    }
    for due in due {
        if run(store, &due)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What came of some events.
struct Made {
    mails: Vec<Ready>,
    /// The last event that was dealt with.
    last: i64,
    /// Events that somebody is told of.
    told: u64,
    /// What could not be told, and the first reason.
    failed: u64,
    error: Option<Error>,
}

impl Made {
    fn fail(&mut self, notice: &NoticeMail, error: Error) -> Result<()> {
        // The events are of no use to anybody when the store fails; they wait.
        if matches!(error.kind(), Kind::Storage | Kind::Busy | Kind::Internal | Kind::Cancelled) {
            return Err(error);
        }
        log::error!("the notice mail \"{}\" cannot tell of a change: {error}", notice.code);
        self.failed += 1;
        self.error.get_or_insert(error);
        Ok(())
    }
}

fn run(store: &Store, due: &Due) -> Result<bool> {
    let reading = store.reading()?;
    let name = due.listener.to_string();
    let Some(notice) = documents::find::<NoticeMail>(&reading, Some(due.database), &name)? else { return Ok(false) };
    let window = Duration::from_secs(u64::from(notice.digest_minutes) * 60);
    if store.now() < due.since.after(window) {
        return Ok(false);
    }
    let most = if notice.digest_minutes > 0 { DIGEST } else { SINGLE };
    let events = event::waiting(&reading, due.listener, most)?;
    let Some(first) = events.first() else { return Ok(false) };
    let mut made = make(store, &reading, &notice, &events)?;
    drop(reading);
    // Large ones are put into the store before, for which the turn to write must not be held.
    let mut mails = Vec::new();
    for mail in std::mem::take(&mut made.mails) {
        match mail.stored(store) {
            Ok(mail) => mails.push(mail),
            // Such as one that is larger than files of the store may be.
            Err(error) => made.fail(&notice, error)?,
        }
    }
    store.write(|writing| {
        // Another worker may have told of them meanwhile.
        let next = event::waiting(writing, due.listener, 1)?;
        if next.first().is_none_or(|next| next.id != first.id) {
            return Ok(());
        }
        let count = i64::try_from(mails.len()).unwrap_or(i64::MAX);
        for mail in mails {
            mail.in_run(due.listener).queue(store, writing)?;
        }
        event::forget(writing, due.listener, made.last)?;
        let sql = "UPDATE renkei_notice_mail SET told = told + ?2, mails = mails + ?3, failed = failed + ?4,
            last_at = CASE WHEN ?3 > 0 THEN ?5 ELSE last_at END, error_code = ifnull(?6, error_code),
            error_ja = ifnull(?7, error_ja), error_en = ifnull(?8, error_en) WHERE notice_id = ?1";
        writing.prepare_cached(sql)?.execute(rusqlite::params![
            due.listener,
            made.told.cast_signed(),
            count,
            made.failed.cast_signed(),
            store.now().0,
            made.error.as_ref().map(|error| error.code().as_str()),
            made.error.as_ref().map(|error| error.message(Language::Japanese)),
            made.error.as_ref().map(|error| error.message(Language::English)),
        ])?;
        if count > 0 {
            writing.makes_work();
        }
        Ok(())
    })?;
    Ok(true)
}

/// Judges events, and makes the mails that tell of them.
fn make(store: &Store, connection: &Connection, notice: &NoticeMail, events: &[Event]) -> Result<Made> {
    let last = events.last().map_or(0, |event| event.id);
    let mut made = Made { mails: Vec::new(), last, told: 0, failed: 0, error: None };
    let catalog = Catalog::of(store, connection)?;
    let table = catalog.table(&notice.database)?;
    let prepared = notice.compile(store, &catalog).and_then(|compiled| {
        let writer = Writer::new(store, connection, &catalog, table, notice, &compiled)?;
        Ok((compiled.changed, writer))
    });
    let (changed, writer) = match prepared {
        Ok(prepared) => prepared,
        // None of them can be told.
        Err(error) => {
            made.fail(notice, error)?;
            made.failed = events.len() as u64;
            return Ok(made);
        }
    };
    let judge = Judge { store, connection, catalog: &catalog, table, notice, changed: &changed };
    let mut entries: Vec<Entry> = Vec::new();
    let mut bytes = 0;
    for event in events {
        let written = match event.what {
            What::Imported => writer.import(event, &of_import(notice, event)),
            _ => judge.wants(event).and_then(|wanted| match wanted {
                Some((before, after)) => writer.record(event, before.as_ref(), after.as_ref()).map(Some),
                None => Ok(None),
            }),
        };
        match written {
            Ok(None) => {}
            Ok(Some(entry)) => {
                made.told += 1;
                bytes += entry.text.len();
                entries.push(entry);
            }
            Err(error) => made.fail(notice, error)?,
        }
        if notice.digest_minutes > 0 && bytes > DIGEST_BYTES {
            made.last = event.id;
            break;
        }
    }
    for mail in mails(notice, &writer, entries) {
        match Ready::of(store, writer.server(), &mail) {
            Ok(ready) => made.mails.push(ready),
            Err(error) => made.fail(notice, error)?,
        }
    }
    Ok(made)
}

/// How many lines of an import a notice mail tells of, as registered and as updated.
fn of_import(notice: &NoticeMail, event: &Event) -> Option<(ImportEnd, u64, u64)> {
    let end: ImportEnd = event.counts()?;
    let told = |on: NoticeOn, count: u64| if notice.on.contains(&on) { count } else { 0 };
    let registered = told(NoticeOn::Registered, end.counts.inserted);
    let updated = told(NoticeOn::Updated, end.counts.updated);
    (registered + updated > 0).then_some((end, registered, updated))
}

/// Judges whether a notice mail tells of a change.
struct Judge<'a> {
    store: &'a Store,
    connection: &'a Connection,
    catalog: &'a Catalog,
    table: &'a Table,
    notice: &'a NoticeMail,
    changed: &'a [Watched],
}

type Moments = (Option<Snapshot>, Option<Snapshot>);

impl Judge<'_> {
    /// The record before and after, if it does.
    fn wants(&self, event: &Event) -> Result<Option<Moments>> {
        if !self.notice.on.iter().any(|on| on.what() == event.what) {
            return Ok(None);
        }
        let (before, after) = (event.before(self.table)?, event.after(self.table)?);
        for (condition, moment) in [(&self.notice.before, &before), (&self.notice.after, &after)] {
            let (Some(condition), Some(moment)) = (condition, moment) else { continue };
            if !query::holds(self.store, self.connection, self.catalog, self.table, condition, moment)? {
                return Ok(None);
            }
        }
        if let (Some(one), Some(other)) = (&before, &after)
            && !self.changed.is_empty()
            && !self.changed.iter().any(|watched| self.has_changed(*watched, one, other))
        {
            return Ok(None);
        }
        Ok(Some((before, after)))
    }

    fn has_changed(&self, watched: Watched, before: &Snapshot, after: &Snapshot) -> bool {
        match watched {
            Watched::Approval => before.system("_approval") != after.system("_approval"),
            Watched::Header(column) => before.changed(self.table, after).any(|other| other == column),
            Watched::Detail(column) => before.has_changed_rows(self.table, after, column),
        }
    }
}
