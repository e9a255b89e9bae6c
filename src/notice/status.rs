//! What hosts see of notice mails.

use rusqlite::OptionalExtension;
use serde::Serialize;

use super::setting::NoticeMail;
use crate::access::{Door, Right};
use crate::error::Result;
use crate::event;
use crate::job::JobError;
use crate::schema::documents::{self, Document};
use crate::store::Store;

/// How a notice mail stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NoticeMailStatus {
    /// The id of the notice mail.
    pub id: i64,
    /// Whether it tells of anything.
    pub enabled: bool,
    /// Changes that wait to be judged by a worker, or for the end of a digest.
    pub waiting: u64,
    /// When they are told at the earliest, in milliseconds since 1970.
    pub due_at: Option<i64>,
    /// Changes that were told, or had nobody to be told to.
    pub told: u64,
    /// Mails that were queued for that. What became of each is told by its delivery.
    pub mails: u64,
    /// When the last of them was queued.
    pub last_at: Option<i64>,
    /// Changes and mails that could not be told; see `error`.
    pub failed: u64,
    /// Changes that were dropped since no worker told of them for as long as ended work is kept.
    pub missed: u64,
    /// Why the last of those that failed could not be told.
    pub error: Option<JobError>,
}

impl Store {
    /// The notice mails of a database, by id.
    ///
    /// # Errors
    ///
    /// [`Code::DatabaseNotFound`](crate::Code::DatabaseNotFound).
    pub fn notice_mails(&self, database: &str) -> Result<Vec<NoticeMail>> {
        let reading = self.reading()?;
        let door = Door::open(self, &reading)?;
        documents::load_of(&reading, door.definition(database)?.id)
    }

    /// How a notice mail stands, by its code or id. Needs the right to manage the database.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = renkei::Store::create(dir.path().join("s.db"))?;
    /// use renkei::{Blueprint, Database, Field, MailServer, MailTemplate, NoticeMail, NoticeOn, Values};
    ///
    /// let template = MailTemplate::new("orders", "new", "新規", "office").to("desk@example.jp").subject("受注${number}");
    /// store.apply(
    ///     &Blueprint::new()
    ///         .database(Database::new("orders", "受注").field(Field::key("number", "番号")))
    ///         .mail_server(MailServer::new("office", "社内メール", "mail.example.jp", "renkei@example.jp"))
    ///         .mail_template(template)
    ///         .notice_mail(NoticeMail::new("orders", "new", "新しい受注", "new").on(NoticeOn::Registered)),
    /// )?;
    /// store.records("orders").register(&Values::new().set("number", "1"))?;
    /// assert_eq!(store.notice_mail_status("orders", "new")?.waiting, 1);
    /// # Ok::<(), renkei::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Code::DatabaseNotFound`](crate::Code::DatabaseNotFound),
    /// [`Code::DefinitionNotFound`](crate::Code::DefinitionNotFound), [`Code::AccessDenied`](crate::Code::AccessDenied).
    pub fn notice_mail_status(&self, database: &str, notice: &str) -> Result<NoticeMailStatus> {
        let reading = self.reading()?;
        let door = Door::open(self, &reading)?;
        let table = door.table(database, Right::Manage)?;
        let notice: NoticeMail = documents::get(&reading, Some(table.id), notice)?;
        let id = notice.id.unwrap_or_default();
        let sql = "SELECT told, mails, last_at, failed, error_code, error_ja, error_en FROM renkei_notice_mail
            WHERE notice_id = ?1";
        let mut status = NoticeMailStatus {
            id,
            enabled: notice.enabled,
            waiting: 0,
            due_at: None,
            told: 0,
            mails: 0,
            last_at: None,
            failed: 0,
            missed: 0,
            error: None,
        };
        let count = |number: i64| number.unsigned_abs();
        let found = reading.prepare_cached(sql)?.query_row([id], |row| {
            (status.told, status.mails) = (count(row.get(0)?), count(row.get(1)?));
            (status.last_at, status.failed) = (row.get(2)?, count(row.get(3)?));
            let code: Option<String> = row.get(4)?;
            if let Some(code) = code {
                status.error = Some(JobError { code, ja: row.get(5)?, en: row.get(6)? });
            }
            Ok(())
        });
        found.optional()?;
        (status.waiting, status.missed) = event::standing(&reading, id)?;
        let due = event::due(&reading, NoticeMail::KIND)?.into_iter().find(|due| due.listener == id);
        let window = std::time::Duration::from_secs(u64::from(notice.digest_minutes) * 60);
        status.due_at = due.map(|due| due.since.after(window).0);
        Ok(status)
    }
}
