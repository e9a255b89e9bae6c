//! Import reservations: asked for, looked at, cancelled, kept for a while.

use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};

use super::prepare::csv_limits;
use super::reject::{self, Reject, RejectFile};
use super::setting::ImportSetting;
use super::source::Source;
use crate::access::{self, Door, Right};
use crate::csv::Encoding;
use crate::error::{Code, Error, Result, words};
use crate::job::{self, Job, JobError, JobState, NewJob};
use crate::schema::documents;
use crate::store::{Store, Timestamp, bytes, part};

/// The kind of jobs that imports are.
pub(crate) const KIND: &str = "import";

/// How long uploads are kept.
const UPLOAD_KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// Bytes kept for a later import (一時ファイル).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Upload {
    /// The id by which it is imported (`fileId`).
    pub id: i64,
    /// The name it came by.
    pub name: String,
    /// Its size.
    pub bytes: u64,
}

/// What is asked for when an import is reserved.
///
/// ```
/// use renkei::ImportRequest;
///
/// let request = ImportRequest::upload("offices", "monthly", 100_007).token("2026-01");
/// ```
#[derive(Debug, Clone)]
pub struct ImportRequest {
    database: String,
    setting: String,
    file: FileOf,
    token: Option<String>,
    once: bool,
    dry_run: bool,
    run_at: Option<Timestamp>,
}

#[derive(Debug, Clone)]
enum FileOf {
    Upload(i64),
    Path(PathBuf),
}

impl ImportRequest {
    /// The import of an upload by a setting; database and setting by code or id.
    pub fn upload(database: impl Into<String>, setting: impl Into<String>, upload: i64) -> ImportRequest {
        ImportRequest::of(database.into(), setting.into(), FileOf::Upload(upload))
    }

    /// The import of a file, read in place when the import runs. A change of the file in between is noticed.
    /// It is read with the rights of the host program, also for a user: take no path from outside.
    pub fn path(database: impl Into<String>, setting: impl Into<String>, path: impl AsRef<Path>) -> ImportRequest {
        ImportRequest::of(database.into(), setting.into(), FileOf::Path(path.as_ref().to_owned()))
    }

    fn of(database: String, setting: String, file: FileOf) -> ImportRequest {
        ImportRequest { database, setting, file, token: None, once: false, dry_run: false, run_at: None }
    }

    /// A token of the client's own: a second request with the same token gives the first one's import.
    pub fn token(mut self, token: impl Into<String>) -> ImportRequest {
        self.token = Some(token.into());
        self
    }

    /// A file with the same bytes as one that this setting has imported, or is about to, gives that import.
    pub fn once_per_content(mut self) -> ImportRequest {
        self.once = true;
        self
    }

    /// Counts and rejects as of a real run, but nothing is kept. Others wait for their turn to write meanwhile.
    pub fn dry_run(mut self) -> ImportRequest {
        self.dry_run = true;
        self
    }

    /// Not before this moment.
    pub fn at(mut self, moment: Timestamp) -> ImportRequest {
        self.run_at = Some(moment);
        self
    }
}

/// What came of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Reserved {
    /// The id of the import (`processId`).
    pub process_id: i64,
    /// Whether it had been reserved before, by the same token or the same content.
    pub existed: bool,
}

/// How many lines went which way. At every moment
/// `total = inserted + updated + unchanged + rejected + skipped + unprocessed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Data lines read so far.
    pub total: u64,
    /// Lines that became a new record.
    pub inserted: u64,
    /// Lines that changed a record, or added a detail row to one.
    pub updated: u64,
    /// Lines whose record had these values already.
    pub unchanged: u64,
    /// Lines that were refused.
    pub rejected: u64,
    /// Lines without any value.
    pub skipped: u64,
    /// Lines that were good, but of an import that was taken back as a whole.
    pub unprocessed: u64,
    /// Refused cells (and lines refused as a whole); the first of them are kept, see
    /// [`Limits::rejects`](crate::Limits::rejects).
    pub reject_cells: u64,
}

impl Counts {
    pub(super) fn save(
        &mut self,
        connection: &Connection,
        job: i64,
        next_offset: u64,
        next_line: u64,
        last_key: Option<&str>,
        rejects_kept: u64,
    ) -> Result<()> {
        let done = self.inserted + self.updated + self.unchanged + self.rejected + self.skipped;
        self.unprocessed = self.total - done;
        let sql = "UPDATE renkei_import SET total = ?2, inserted = ?3, updated = ?4, unchanged = ?5, rejected = ?6,
            skipped = ?7, reject_cells = ?8, next_offset = ?9, next_line = ?10, last_key = ?11, rejects_kept = ?12
            WHERE job_id = ?1";
        connection.prepare_cached(sql)?.execute(rusqlite::params![
            job,
            self.total as i64,
            self.inserted as i64,
            self.updated as i64,
            self.unchanged as i64,
            self.rejected as i64,
            self.skipped as i64,
            self.reject_cells as i64,
            next_offset as i64,
            next_line as i64,
            last_key,
            rejects_kept as i64,
        ])?;
        Ok(())
    }
}

/// How an import has ended, as those who listen are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ImportEnd {
    pub(crate) state: JobState,
    #[serde(flatten)]
    pub(crate) counts: Counts,
}

/// How far a running import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ImportProgress {
    /// The import.
    pub process_id: i64,
    /// The size of the file.
    pub bytes_total: u64,
    /// How much of it is done.
    pub bytes_done: u64,
    /// Data lines done.
    pub rows: u64,
    /// Lines refused.
    pub rejected: u64,
}

/// An import, as it stands at the last commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ImportStatus {
    /// The id of the import (`processId`).
    pub process_id: i64,
    /// The state.
    pub state: JobState,
    /// The code of the import setting.
    pub setting: String,
    /// The id of the database.
    pub database_id: i64,
    /// Whether it is a dry run.
    pub dry_run: bool,
    /// How many lines went which way.
    #[serde(flatten)]
    pub counts: Counts,
    /// The size of the file.
    pub bytes_total: u64,
    /// How much of it is done.
    pub bytes_done: u64,
    /// The encoding, once it is known.
    pub encoding: Option<Encoding>,
    /// Whether it was asked to end.
    pub cancel_asked: bool,
    /// Why it failed or was ended.
    pub error: Option<JobError>,
    /// When it was reserved, in milliseconds since 1970.
    pub created_at: i64,
    /// When it was first run.
    pub started_at: Option<i64>,
    /// When it ended.
    pub ended_at: Option<i64>,
}

/// An import as its run needs it.
pub(super) struct Loaded {
    pub(super) setting: ImportSetting,
    pub(super) database_id: i64,
    pub(super) source: Source,
    pub(super) dry_run: bool,
    pub(super) encoding: Option<Encoding>,
    pub(super) header: Option<Vec<u8>>,
    pub(super) next_offset: u64,
    pub(super) next_line: u64,
    pub(super) last_key: Option<String>,
    pub(super) counts: Counts,
    pub(super) rejects_kept: u64,
}

impl Loaded {
    pub(super) fn of(connection: &Connection, job: i64) -> Result<Loaded> {
        let sql = "SELECT setting, database_id, file_id, path, file_bytes, file_changed, dry_run, encoding, header,
            next_offset, next_line, last_key, total, inserted, updated, unchanged, rejected, skipped, reject_cells,
            rejects_kept FROM renkei_import WHERE job_id = ?1";
        let found = connection
            .prepare_cached(sql)?
            .query_row([job], |row| {
                let count = |at: usize| row.get::<_, i64>(at).map(i64::unsigned_abs);
                let (total, inserted, updated) = (count(12)?, count(13)?, count(14)?);
                let (unchanged, rejected, skipped) = (count(15)?, count(16)?, count(17)?);
                let source = match row.get::<_, Option<i64>>(2)? {
                    Some(id) => Source::Upload { id, bytes: count(4)? },
                    None => Source::Path {
                        path: PathBuf::from(row.get::<_, String>(3)?),
                        bytes: count(4)?,
                        changed: row.get::<_, Option<i64>>(5)?.unwrap_or(0),
                    },
                };
                let encoding: Option<String> = row.get(7)?;
                let loaded = |setting| Loaded {
                    setting,
                    database_id: 0,
                    source,
                    dry_run: false,
                    encoding: encoding.and_then(|text| text.parse().ok()),
                    header: None,
                    next_offset: 0,
                    next_line: 0,
                    last_key: None,
                    counts: Counts {
                        total,
                        inserted,
                        updated,
                        unchanged,
                        rejected,
                        skipped,
                        unprocessed: total - inserted - updated - unchanged - rejected - skipped,
                        reject_cells: 0,
                    },
                    rejects_kept: 0,
                };
                let setting: String = row.get(0)?;
                let setting = serde_json::from_str(&setting).map_err(|error| {
                    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
                })?;
                let mut loaded = loaded(setting);
                loaded.database_id = row.get(1)?;
                loaded.dry_run = row.get(6)?;
                loaded.header = row.get(8)?;
                loaded.next_offset = count(9)?;
                loaded.next_line = count(10)?;
                loaded.last_key = row.get(11)?;
                loaded.counts.reject_cells = count(18)?;
                loaded.rejects_kept = count(19)?;
                Ok(loaded)
            })
            .optional()?;
        found.ok_or_else(|| Error::new(Code::JobNotFound).with_value(job))
    }

    fn status(self, job: Job) -> ImportStatus {
        let bytes_total = self.source.bytes();
        ImportStatus {
            process_id: job.id,
            state: job.state,
            setting: self.setting.code,
            database_id: self.database_id,
            dry_run: self.dry_run,
            counts: self.counts,
            bytes_total,
            bytes_done: if job.state == JobState::Completed { bytes_total } else { self.next_offset.min(bytes_total) },
            encoding: self.encoding,
            cancel_asked: job.cancel_asked,
            error: job.error,
            created_at: job.created_at.0,
            started_at: job.started_at.map(|at| at.0),
            ended_at: job.ended_at.map(|at| at.0),
        }
    }
}

/// Deletes an upload that is not needed after all.
pub(crate) fn discard_upload(store: &Store, id: i64) -> Result<()> {
    store.write(|writing| bytes::discard(writing, id))
}

impl Store {
    /// Keeps bytes for an import within the next 24 hours (一時ファイル).
    ///
    /// # Errors
    ///
    /// [`Code::LimitPassed`] when there are more than [`Limits::file_bytes`](crate::Limits::file_bytes); what the input
    /// reports. Nothing is kept then.
    pub fn upload(&self, name: &str, input: impl Read) -> Result<Upload> {
        access::demand_somewhere(self, &*self.reading()?, Right::Import.into())?;
        let expires = self.now().after(UPLOAD_KEPT);
        let stored = bytes::put(self, name, input, self.limits().file_bytes, expires)?;
        Ok(Upload { id: stored.id, name: stored.name, bytes: stored.bytes })
    }

    /// Reserves an import (インポート予約): it is run by a [`Worker`](crate::Worker), after those reserved before it for
    /// the same database.
    ///
    /// # Errors
    ///
    /// [`Code::DatabaseNotFound`], [`Code::AccessDenied`], [`Code::DefinitionNotFound`] for the setting,
    /// [`Code::UploadExpired`], also for what another user has uploaded, [`Code::ImportFileMissing`],
    /// [`Code::LimitPassed`], and [`Code::Argument`] for the path of a store.
    pub fn reserve_import(&self, request: &ImportRequest) -> Result<Reserved> {
        let source = match &request.file {
            FileOf::Path(path) => Source::of_path(path)?,
            FileOf::Upload(id) => {
                let reading = self.reading()?;
                let missing = || Error::new(Code::UploadExpired).with_value(id);
                let found = bytes::find(&reading, *id, self.now())?.ok_or_else(missing)?;
                // Ids are easily guessed; what another user has uploaded is not there.
                if !access::owns(self, &reading, found.created_by)? {
                    return Err(missing());
                }
                Source::Upload { id: *id, bytes: found.bytes }
            }
        };
        let most = self.limits().file_bytes;
        if source.bytes() > most {
            let rule = words!("ファイルは{most}バイトまで", "a file of at most {most} bytes");
            return Err(Error::new(Code::LimitPassed).with_rule(rule).with_value(source.bytes()));
        }
        // Read through before the turn to write is taken.
        let hash = if request.once { Some(source.hash(self)?) } else { None };
        self.write(|writing| {
            let door = Door::open(self, writing)?;
            let table = door.table(&request.database, Right::Import)?;
            let setting: ImportSetting = documents::get(writing, Some(table.id), &request.setting)?;
            setting.validate(table)?;
            if let Some(hash) = &hash {
                let sql = "SELECT i.job_id FROM renkei_import i JOIN renkei_job j ON j.id = i.job_id
                    WHERE i.setting_id = ?1 AND i.sha256 = ?2 AND i.dry_run = ?3
                      AND j.state IN ('reserved', 'running', 'completed') ORDER BY i.job_id LIMIT 1";
                let known: Option<i64> = writing
                    .prepare_cached(sql)?
                    .query_row((setting.id, &hash[..], request.dry_run), |row| row.get(0))
                    .optional()?;
                if let Some(process_id) = known {
                    return Ok(Reserved { process_id, existed: true });
                }
            }
            let new = NewJob {
                kind: KIND,
                lane: table.id,
                run_at: request.run_at.unwrap_or_else(|| self.now()),
                token: request.token.as_deref(),
                report: setting.report.as_ref(),
            };
            let (process_id, existed) = job::reserve(self, writing, &new)?;
            if existed {
                return Ok(Reserved { process_id, existed });
            }
            let (file_id, path, changed) = match &source {
                Source::Upload { id, .. } => {
                    // It may have been swept since it was looked at.
                    if bytes::find(writing, *id, self.now())?.is_none() {
                        return Err(Error::new(Code::UploadExpired).with_value(id));
                    }
                    (Some(*id), None, None)
                }
                Source::Path { path, changed, .. } => {
                    let text = path.to_str().ok_or_else(|| {
                        let rule =
                            words!("パス{}がUnicodeではありません", "the path {} is not Unicode", path.display());
                        Error::new(Code::Argument).with_rule(rule)
                    })?;
                    (None, Some(text), Some(*changed))
                }
            };
            let document = serde_json::to_string(&setting).map_err(|error| {
                Error::new(Code::Internal).with_rule("a setting cannot be written").with_source(error)
            })?;
            let sql = "INSERT INTO renkei_import (job_id, setting, setting_id, database_id, file_id, path, file_bytes,
                file_changed, sha256, dry_run) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
            writing.prepare_cached(sql)?.execute(rusqlite::params![
                process_id,
                document,
                setting.id,
                table.id,
                file_id,
                path,
                i64::try_from(source.bytes()).unwrap_or(i64::MAX),
                changed,
                hash.as_ref().map(|hash| &hash[..]),
                request.dry_run,
            ])?;
            Ok(Reserved { process_id, existed: false })
        })
    }

    /// How an import stands.
    ///
    /// # Errors
    ///
    /// [`Code::JobNotFound`].
    pub fn import_status(&self, process_id: i64) -> Result<ImportStatus> {
        let reading = self.reading()?;
        let job = job::get(&reading, KIND, process_id)?;
        let loaded = Loaded::of(&reading, process_id)?;
        access::demand(self, &reading, loaded.database_id, Right::Import)?;
        Ok(loaded.status(job))
    }

    /// The latest imports, newest first: those into databases in which whoever acts may import.
    pub fn imports(&self, limit: u64) -> Result<Vec<ImportStatus>> {
        let reading = self.reading()?;
        let door = Door::open(self, &reading)?;
        let mut statement =
            reading.prepare_cached("SELECT job_id, database_id FROM renkei_import ORDER BY job_id DESC")?;
        let mut rows = statement.query([])?;
        let mut ids: Vec<i64> = Vec::new();
        while (ids.len() as u64) < limit
            && let Some(row) = rows.next()?
        {
            if door.has(row.get(1)?, Right::Import) {
                ids.push(row.get(0)?);
            }
        }
        ids.into_iter().map(|id| Ok(Loaded::of(&reading, id)?.status(job::get(&reading, KIND, id)?))).collect()
    }

    /// Waits until an import has ended, or `timeout` is over; how it stands then.
    ///
    /// # Errors
    ///
    /// [`Code::JobNotFound`].
    pub fn wait_import(&self, process_id: i64, timeout: Duration) -> Result<ImportStatus> {
        let began = Instant::now();
        loop {
            let status = self.import_status(process_id)?;
            let left = timeout.saturating_sub(began.elapsed());
            if status.state.is_ended() || left.is_zero() {
                return Ok(status);
            }
            std::thread::sleep(left.min(Duration::from_millis(20)));
        }
    }

    /// Ends an import (強制終了). One that waits is ended at once, one that runs within a second, also in another process:
    /// what a partial import has written stays, an atomic one is taken back.
    ///
    /// # Errors
    ///
    /// [`Code::JobNotFound`]; [`Code::JobState`] when it has ended already.
    pub fn cancel_import(&self, process_id: i64) -> Result<()> {
        self.demand_import(process_id)?;
        job::cancel(self, KIND, process_id)
    }

    /// The rejects of an import in file order: at most `limit`, after the first `skip`.
    ///
    /// # Errors
    ///
    /// [`Code::JobNotFound`].
    pub fn rejects(&self, process_id: i64, skip: u64, limit: u64) -> Result<Vec<Reject>> {
        self.demand_import(process_id)?;
        let reading = self.reading()?;
        job::get(&reading, KIND, process_id)?;
        reject::load(&reading, process_id, skip, limit)
    }

    /// Writes the refused lines as a CSV file (エラーデータ.csv) in the encoding of the import: every column as it stood,
    /// then the line number, the codes and the messages. Mended, it can be imported again by the same setting. Where a
    /// line has too few cells, `_missing` stands for each of them, and must be taken away to mend it. The number of lines
    /// is the answer; it is less than [`Counts::rejected`] when there were more than [`Limits::rejects`](crate::Limits).
    ///
    /// # Errors
    ///
    /// [`Code::JobNotFound`]; what the output reports.
    pub fn write_rejects(&self, process_id: i64, out: impl Write) -> Result<u64> {
        self.demand_import(process_id)?;
        let reading = self.reading()?;
        job::get(&reading, KIND, process_id)?;
        let loaded = Loaded::of(&reading, process_id)?;
        let file = RejectFile {
            header: loaded.header.as_deref(),
            encoding: loaded.encoding.or(loaded.setting.encoding).unwrap_or(Encoding::Utf8),
            dialect: &loaded.setting.dialect,
            limits: csv_limits(self),
            columns: loaded.setting.columns.len(),
            first_line: loaded.setting.first_line,
        };
        reject::write_file(&reading, process_id, &file, out)
    }

    /// As [`Store::write_rejects`], to the file at `path`, which is made, or replaced when the new one is whole and safe on the
    /// disk.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = renkei::Store::create(dir.path().join("s.db"))?;
    /// // There is no such import, and nothing is written.
    /// let path = dir.path().join("エラーデータ.csv");
    /// assert_eq!(store.write_rejects_to_path(1, &path).unwrap_err().code(), renkei::Code::JobNotFound);
    /// assert!(!path.exists());
    /// # Ok::<(), renkei::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Store::write_rejects`]; when the file cannot be written, and when it belongs to a store
    /// ([`Code::Argument`]).
    pub fn write_rejects_to_path(&self, process_id: i64, path: impl AsRef<Path>) -> Result<u64> {
        part::write_whole(self, path.as_ref(), |out| {
            let mut out = BufWriter::new(out);
            let lines = self.write_rejects(process_id, &mut out)?;
            out.flush()?;
            Ok(lines)
        })
    }

    /// The import settings of a database, by id.
    ///
    /// # Errors
    ///
    /// [`Code::DatabaseNotFound`].
    pub fn import_settings(&self, database: &str) -> Result<Vec<ImportSetting>> {
        let reading = self.reading()?;
        let door = Door::open(self, &reading)?;
        documents::load_of(&reading, door.definition(database)?.id)
    }

    /// Refuses who may not import into the database of an import.
    fn demand_import(&self, process_id: i64) -> Result<()> {
        let reading = self.reading()?;
        let sql = "SELECT database_id FROM renkei_import WHERE job_id = ?1";
        let database: Option<i64> =
            reading.prepare_cached(sql)?.query_row([process_id], |row| row.get(0)).optional()?;
        // One that is not there is told by who looks for it.
        database.map_or(Ok(()), |database| access::demand(self, &reading, database, Right::Import))
    }
}
