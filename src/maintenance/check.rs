//! The check of a store: every room looks at its own rows, and one report tells what all have found.

use std::sync::Arc;

use rusqlite::Connection;
use serde::Serialize;

use crate::access;
use crate::aggregation::AggregationSetting;
use crate::automation::{self, Automation};
use crate::document::FileTemplate;
use crate::error::{Code, Error, Finding, Findings, Language, Result, Severity, Words};
use crate::event;
use crate::import::{self, ImportSetting};
use crate::job;
use crate::notice;
use crate::outbound::{self, CsvPush, HttpSend, MailServer, MailTemplate, Target};
use crate::query::{self, List, Search};
use crate::record;
use crate::schema::{Catalog, Table, invariants as schema};
use crate::store::{Store, invariants as file};

/// How thorough a check is.
///
/// ```
/// use renkei::CheckOptions;
///
/// assert!(!CheckOptions::new().is_quick());
/// assert!(CheckOptions::new().quick().is_quick());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CheckOptions {
    quick: bool,
}

impl CheckOptions {
    /// Everything is looked at.
    pub fn new() -> CheckOptions {
        CheckOptions::default()
    }

    /// Leaves out what takes long: whether indexes and tables agree in every entry, the rules of every stored value,
    /// calculations, the bytes of stored files and of messages, the terms of full-text indexes.
    pub fn quick(mut self) -> CheckOptions {
        self.quick = true;
        self
    }

    /// Whether what takes long is left out.
    pub fn is_quick(&self) -> bool {
        self.quick
    }
}

/// How far a check is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CheckProgress {
    /// Parts of the check that are done. Parts take different times.
    pub done: u64,
    /// All parts, as far as it is known.
    pub total: u64,
}

/// How much a check has looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Examined {
    /// Databases.
    pub databases: u64,
    /// Records of all databases.
    pub records: u64,
    /// Detail rows of all records.
    pub detail_rows: u64,
    /// Stored files.
    pub files: u64,
    /// Jobs, open and ended.
    pub jobs: u64,
    /// The size of the file, in bytes.
    pub bytes: u64,
}

/// What a check has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckReport {
    findings: Vec<Finding>,
    examined: Examined,
    quick: bool,
}

impl CheckReport {
    /// Whether nothing is wrong; there may be notices.
    pub fn is_sound(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity() == Severity::Notice)
    }

    /// Everything that was found, faults first.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// How much was looked at.
    pub fn examined(&self) -> Examined {
        self.examined
    }

    /// The report for a person: a line of what was looked at, and one for each finding.
    pub fn message(&self, language: Language) -> String {
        let Examined { databases, records, detail_rows, files, jobs, bytes } = self.examined;
        let faults = self.findings.iter().filter(|finding| finding.severity() == Severity::Fault).count();
        let notices = self.findings.len() - faults;
        let mut text = match language {
            Language::Japanese => format!(
                "{}（{bytes}バイト、データベース{databases}、レコード{records}、明細行{detail_rows}、ファイル{files}、処理{jobs}を{}検査しました）",
                match faults {
                    0 => "異常はありません。".to_owned(),
                    _ => format!("{faults}種類の異常があります。"),
                },
                if self.quick { "簡易" } else { "" },
            ),
            Language::English => format!(
                "{} ({bytes} bytes, {databases} database(s), {records} record(s), {detail_rows} detail row(s), {files} file(s), {jobs} job(s){})",
                match faults {
                    0 => "The store is sound.".to_owned(),
                    1 => "One thing is wrong with the store.".to_owned(),
                    _ => format!("{faults} things are wrong with the store."),
                },
                if self.quick { "; a quick check" } else { "" },
            ),
        };
        if notices > 0 {
            text.push_str(&match language {
                Language::Japanese => format!(" お知らせ{notices}件。"),
                Language::English => format!(" {notices} notice(s)."),
            });
        }
        for finding in &self.findings {
            text.push_str(&format!("\n{}: {}", finding.code().as_str(), finding.message(language)));
        }
        text
    }

    /// The report as one JSON object: `sound`, `quick`, `examined`, `findings` (see [`Finding::to_json`]) and `message`
    /// (`ja`, `en`).
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "sound": self.is_sound(),
            "quick": self.quick,
            "examined": self.examined,
            "findings": self.findings.iter().map(Finding::to_json).collect::<Vec<_>>(),
            "message": {"ja": self.message(Language::Japanese), "en": self.message(Language::English)},
        })
    }
}

impl Store {
    /// Checks the whole store, as of one moment, while others go on reading and writing: SQLite's own integrity check,
    /// foreign keys, and everything that this library promises. Tables and indexes are those of the definitions; values obey
    /// their rules; calculations are right; detail rows are complete; automatic numbers will not come twice; full-text
    /// indexes have exactly the texts; the counts of imports add up, and every reject that was kept is there; automations
    /// hear what starts them; runs and deliveries that wait come to their turn, and messages are those that were frozen;
    /// every byte of a stored file is there; no row belongs to nothing.
    ///
    /// What is wrong is no error of this call but a [`Finding`] in the report. Nothing is changed. For the host and
    /// administrators.
    ///
    /// It reads the whole file, some parts several times. While it runs, the write-ahead log cannot be reset and grows with
    /// what others write.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = renkei::Store::create(dir.path().join("s.db"))?;
    /// let report = store.check()?;
    /// assert!(report.is_sound(), "{}", report.message(renkei::Language::English));
    /// assert_eq!(report.examined().records, 0);
    /// # Ok::<(), renkei::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Code::AdministratorOnly`], [`Code::Cancelled`]; when the disk cannot be read, or memory is short.
    pub fn check(&self) -> Result<CheckReport> {
        self.check_with(&CheckOptions::new(), |_| true)
    }

    /// As [`Store::check`], with options, and tells `progress` after each part. When it returns false, the check is
    /// cancelled. To cancel within a part, use [`Store::cancellable`].
    ///
    /// # Errors
    ///
    /// As [`Store::check`].
    pub fn check_with(
        &self,
        options: &CheckOptions,
        mut progress: impl FnMut(&CheckProgress) -> bool,
    ) -> Result<CheckReport> {
        access::demand_administrator(self, &*self.reading()?, "check")?;
        let reading = self.inspecting()?;
        let mut look = Look {
            store: self,
            connection: &reading,
            quick: options.quick,
            findings: Findings::default(),
            examined: Examined::default(),
            at: CheckProgress { done: 0, total: 11 },
            progress: &mut progress,
        };
        look.everything()?;
        let Look { findings, examined, .. } = look;
        Ok(CheckReport { findings: findings.into_findings(), examined, quick: options.quick })
    }
}

/// One check under way.
struct Look<'a> {
    store: &'a Store,
    connection: &'a Connection,
    quick: bool,
    findings: Findings,
    examined: Examined,
    at: CheckProgress,
    progress: &'a mut dyn FnMut(&CheckProgress) -> bool,
}

impl Look<'_> {
    fn everything(&mut self) -> Result<()> {
        let quick = self.quick;
        self.part("SQLite", |look| file::inspect_sqlite(look.connection, quick, &mut look.findings))?;
        self.part("renkei_meta", |look| file::inspect_system(look.connection, &mut look.findings))?;
        let catalog = self.part("renkei_definition", Look::definitions)?.flatten();
        self.part("renkei_user", |look| access::invariants::inspect(look.connection, &mut look.findings))?;
        self.part("renkei_job", |look| job::invariants::inspect(look.connection, &mut look.findings))?;
        self.part("renkei_import", |look| import::invariants::inspect(look.connection, &mut look.findings))?;
        self.part("renkei_automation", |look| automation::invariants::inspect(look.connection, &mut look.findings))?;
        self.part("renkei_delivery", |look| {
            outbound::invariants::inspect(look.connection, !quick, &mut look.findings)
        })?;
        self.part("renkei_file", |look| file::inspect_bytes(look.connection, !quick, &mut look.findings))?;
        self.part("examined", Look::count_system)?;
        let Some(catalog) = catalog else { return Ok(()) };
        self.at.total += catalog.tables().len() as u64 * if quick { 3 } else { 5 };
        self.part("sqlite_schema", |look| look.owners(&catalog))?;
        for table in catalog.tables() {
            self.table(table)?;
        }
        Ok(())
    }

    fn definitions(&mut self) -> Result<Option<Catalog>> {
        let catalog = schema::inspect_databases(self.connection, &mut self.findings)?;
        schema::inspect_documents::<List>(self.connection, &mut self.findings)?;
        schema::inspect_documents::<Search>(self.connection, &mut self.findings)?;
        schema::inspect_documents::<ImportSetting>(self.connection, &mut self.findings)?;
        schema::inspect_documents::<AggregationSetting>(self.connection, &mut self.findings)?;
        schema::inspect_documents::<Target>(self.connection, &mut self.findings)?;
        schema::inspect_documents::<CsvPush>(self.connection, &mut self.findings)?;
        schema::inspect_documents::<HttpSend>(self.connection, &mut self.findings)?;
        schema::inspect_documents::<FileTemplate>(self.connection, &mut self.findings)?;
        schema::inspect_documents::<MailServer>(self.connection, &mut self.findings)?;
        schema::inspect_documents::<MailTemplate>(self.connection, &mut self.findings)?;
        schema::inspect_documents::<Automation>(self.connection, &mut self.findings)?;
        notice::invariants::inspect(self.connection, &mut self.findings)?;
        Ok(catalog)
    }

    /// What needs all databases together.
    fn owners(&mut self, catalog: &Catalog) -> Result<()> {
        let findings = &mut self.findings;
        schema::inspect_tables(self.connection, catalog, findings)?;
        schema::inspect_deferred(self.connection, catalog, &job::invariants::open_jobs(self.connection)?, findings)?;
        for (of, is_field) in [
            (("renkei_counter", "field_id"), true),
            (("renkei_right", "database_id"), false),
            (("renkei_import", "database_id"), false),
            (("renkei_push", "database_id"), false),
            (("renkei_send", "database_id"), false),
            (("renkei_automation", "database_id"), false),
            (("renkei_file", "database_id"), false),
            (("renkei_event", "database_id"), false),
        ] {
            schema::inspect_owners(self.connection, catalog, of, is_field, findings)?;
        }
        query::invariants::inspect_fields::<List>(self.connection, catalog, findings)?;
        query::invariants::inspect_fields::<Search>(self.connection, catalog, findings)?;
        query::invariants::inspect_fields::<ImportSetting>(self.connection, catalog, findings)?;
        event::invariants::inspect(self.connection, catalog, findings)?;
        automation::invariants::inspect_starts(self.store, self.connection, catalog, findings)?;
        file::inspect_ids(self.connection, schema::field_ids(catalog), findings)?;
        record::invariants::inspect_files(self.connection, catalog, findings)
    }

    fn table(&mut self, table: &Arc<Table>) -> Result<()> {
        let (quick, code) = (self.quick, table.code());
        self.part(code, |look| look.count_table(table))?;
        self.part(code, |look| record::invariants::inspect_records(look.connection, table, &mut look.findings))?;
        self.part(code, |look| schema::inspect_full_text(look.connection, table, !quick, &mut look.findings))?;
        if quick {
            return Ok(());
        }
        self.part(code, |look| schema::inspect_values(look.connection, table, &mut look.findings))?;
        self.part(code, |look| {
            record::invariants::inspect_numbers(look.connection, table, &mut look.findings)?;
            record::invariants::inspect_calculations(look.store, look.connection, table, &mut look.findings)
        })?;
        Ok(())
    }

    fn count_system(&mut self) -> Result<()> {
        let count = |sql: &str| -> Result<u64> {
            let number: i64 = self.connection.query_row(sql, [], |row| row.get(0))?;
            Ok(number.unsigned_abs())
        };
        self.examined.files = count("SELECT count(*) FROM renkei_file")?;
        self.examined.jobs = count("SELECT count(*) FROM renkei_job")?;
        self.examined.databases = count("SELECT count(*) FROM renkei_definition WHERE kind = 'database'")?;
        let pages = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
        self.examined.bytes = count(pages)?;
        Ok(())
    }

    fn count_table(&mut self, table: &Table) -> Result<()> {
        let count = |sql: &str| -> Result<u64> {
            let sql = format!("SELECT count(*) FROM {sql}");
            let number: i64 = self.connection.query_row(&sql, [], |row| row.get(0))?;
            Ok(number.unsigned_abs())
        };
        self.examined.records += count(&table.header.sql)?;
        if let Some(details) = &table.details {
            self.examined.detail_rows += count(&details.sql)?;
        }
        Ok(())
    }

    /// Does one part. One that the state of the file does not let come to its end is a finding; the others follow.
    fn part<T>(&mut self, name: &str, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<Option<T>> {
        let done = match work(self) {
            Ok(done) => Some(done),
            Err(error) if is_of_the_file(&error) => {
                self.findings.add(Code::CheckUnreadable, name, Words::of(|language| error.message(language)));
                None
            }
            Err(error) => return Err(error),
        };
        self.at.done += 1;
        self.at.total = self.at.total.max(self.at.done);
        match (self.progress)(&self.at) {
            true => Ok(done),
            false => Err(Error::new(Code::Cancelled)),
        }
    }
}

/// Whether it is the file that is at fault, and not the moment: that memory is short or the disk cannot be read says nothing
/// of what the file holds.
fn is_of_the_file(error: &Error) -> bool {
    use rusqlite::ffi::{SQLITE_IOERR, SQLITE_NOMEM};

    let of_the_moment = |code: i32| matches!(code & 0xff, SQLITE_IOERR | SQLITE_NOMEM);
    match error.code() {
        Code::StoreCorrupt | Code::StoreForeign => true,
        Code::Sqlite => !error.sqlite_code().is_some_and(of_the_moment),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_disks_that_fail_are_no_fault_of_the_file() {
        let of = |code: i32| Error::from(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None));
        assert!(!is_of_the_file(&of(rusqlite::ffi::SQLITE_NOMEM)));
        assert!(!is_of_the_file(&of(rusqlite::ffi::SQLITE_IOERR_READ)));
        assert!(is_of_the_file(&of(rusqlite::ffi::SQLITE_CORRUPT)));
        assert!(!is_of_the_file(&of(rusqlite::ffi::SQLITE_BUSY)));
        assert!(!is_of_the_file(&of(rusqlite::ffi::SQLITE_INTERRUPT)));
    }
}
