//! Report mails (レポートメール): how a run ended, told to who started it and to others.
//!
//! That a report is to be written is noted with the end of the run, in its transaction. The mails are queued, and the note
//! taken back, in one transaction too: after a crash between the two, the next worker writes them.

use std::fmt::Write as _;
use std::sync::Once;

use rusqlite::{Connection, OptionalExtension};

use super::super::{csv_push, http_send};
use super::send::{Mail, Ready};
use super::server::MailServer;
use crate::access::User;
use crate::error::Result;
use crate::import;
use crate::job::{JobState, Report, ReportWhen};
use crate::schema::documents;
use crate::store::{Store, Timestamp};

/// What a room above tells of its runs, by the kind and id of the job; nothing of others.
pub(crate) type Teller = fn(&Store, &str, i64) -> Result<Option<Told>>;

/// A run that ended, and of which somebody is to be told.
struct Due {
    job: i64,
    kind: String,
    report: Report,
    actor: Option<i64>,
    state: JobState,
    created_at: Timestamp,
    started_at: Option<Timestamp>,
    ended_at: Timestamp,
    error: Option<String>,
}

/// What is told.
pub(crate) struct Told {
    pub(crate) what: &'static str,
    pub(crate) name: String,
    pub(crate) database: String,
    pub(crate) lines: Vec<(&'static str, String)>,
    /// Whether something was refused or failed.
    pub(crate) has_trouble: bool,
}

/// Writes the next report that is due; whether there was one.
pub(crate) fn write_next(store: &Store, teller: Teller) -> Result<bool> {
    let Some(due) = next(&*store.reading()?)? else { return Ok(false) };
    if !cfg!(feature = "mail") {
        static TOLD: Once = Once::new();
        TOLD.call_once(|| log::error!("reports are due, but this program was built without the feature `mail`"));
        return Ok(false);
    }
    let told = match tell(store, &due)? {
        Some(told) => Some(told),
        None => teller(store, &due.kind, due.job)?,
    };
    let wanted = match due.report.when {
        ReportWhen::Always => true,
        ReportWhen::Trouble => due.state != JobState::Completed || told.as_ref().is_some_and(|told| told.has_trouble),
    };
    let mails = match told.filter(|_| wanted) {
        Some(told) => compose(store, &due, &told)?,
        None => Vec::new(),
    };
    store.write(|writing| {
        // Another worker may have written it meanwhile.
        let sql = "UPDATE renkei_job SET report_due = 0 WHERE id = ?1 AND report_due = 1";
        if writing.prepare_cached(sql)?.execute([due.job])? == 1 {
            for mail in mails {
                mail.in_run(due.job).queue(store, writing)?;
            }
        }
        Ok(true)
    })
}

fn next(connection: &Connection) -> Result<Option<Due>> {
    let sql = "SELECT id, kind, report, created_by, state, created_at, started_at, ended_at, error_ja
        FROM renkei_job WHERE report_due = 1 ORDER BY id LIMIT 1";
    let found = connection.prepare_cached(sql)?.query_row([], |row| {
        let report: Option<String> = row.get(2)?;
        let report = report.and_then(|report| serde_json::from_str(&report).ok()).unwrap_or_else(|| Report::by(""));
        Ok(Due {
            job: row.get(0)?,
            kind: row.get(1)?,
            report,
            actor: row.get(3)?,
            state: JobState::from_text(row.get_ref(4)?.as_str()?),
            created_at: Timestamp(row.get(5)?),
            started_at: row.get::<_, Option<i64>>(6)?.map(Timestamp),
            ended_at: Timestamp(row.get::<_, Option<i64>>(7)?.unwrap_or(0)),
            error: row.get(8)?,
        })
    });
    Ok(found.optional()?)
}

/// What there is to tell of a run; nothing of one that is gone.
fn tell(store: &Store, due: &Due) -> Result<Option<Told>> {
    let count = |count: u64| format!("{count} 件");
    let named = |table: &str| -> Result<Option<(String, i64)>> {
        let sql = format!("SELECT json_extract(setting, '$.name'), database_id FROM {table} WHERE job_id = ?1");
        let reading = store.reading()?;
        Ok(reading.prepare_cached(&sql)?.query_row([due.job], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
    };
    let database_name = |id: i64| store.database(&id.to_string()).map(|database| database.name).unwrap_or_default();
    let told = |what, (name, database): (String, i64), lines, has_trouble| {
        Some(Told { what, name, database: database_name(database), lines, has_trouble })
    };
    Ok(match due.kind.as_str() {
        import::KIND => {
            let Some(named) = named("renkei_import")? else { return Ok(None) };
            let status = store.import_status(due.job)?;
            let counts = status.counts;
            let mut lines = vec![
                ("合計", count(counts.total)),
                ("登録", count(counts.inserted)),
                ("更新", count(counts.updated)),
                ("変更なし", count(counts.unchanged)),
                ("エラー", count(counts.rejected)),
                ("空行", count(counts.skipped)),
                ("未処理", count(counts.unprocessed)),
            ];
            if status.dry_run {
                lines.insert(0, ("テスト実行", "はい（登録はされていません）".to_owned()));
            }
            told("インポート", named, lines, counts.rejected > 0)
        }
        csv_push::KIND => {
            let Some(named) = named("renkei_push")? else { return Ok(None) };
            let run = store.push_run(due.job)?;
            let mut lines = vec![
                ("HTTPステータス", run.status.map_or("なし".to_owned(), |status| status.to_string())),
                ("送信レコード", count(run.records)),
                ("送信サイズ", format!("{} バイト", run.bytes)),
            ];
            if run.updated + run.not_updated > 0 {
                lines.push(("連携後の更新", count(run.updated)));
                lines.push(("更新できなかったレコード", count(run.not_updated)));
            }
            if !run.memo.is_empty() {
                lines.push(("メモ", run.memo));
            }
            told("システム連携", named, lines, run.not_updated > 0)
        }
        http_send::KIND => {
            let Some(named) = named("renkei_send")? else { return Ok(None) };
            let run = store.http_send_run(due.job)?;
            let unsaved = run.items.iter().filter(|item| item.error.is_some() && item.family.is_none()).count() as u64;
            let mut lines = vec![
                ("成功", count(run.delivered)),
                ("失敗", count(run.failed)),
                ("中止", count(run.cancelled)),
                ("応答を保存できなかったレコード", count(unsaved)),
            ];
            if !run.memo.is_empty() {
                lines.push(("メモ", run.memo));
            }
            let failed = run.items.into_iter().filter_map(|item| Some((item.key, item.error?.ja)));
            lines.extend(failed.take(20).map(|(key, error)| ("エラー", format!("{key}: {error}"))));
            told("http送信", named, lines, run.failed + run.cancelled + unsaved > 0)
        }
        _ => None,
    })
}

/// The mails, one for each address, so that an address that is not taken keeps no other from being told.
fn compose(store: &Store, due: &Due, told: &Told) -> Result<Vec<Ready>> {
    let user = match due.actor {
        Some(id) => store.users()?.into_iter().find(|user| user.id == Some(id)),
        None => None,
    };
    let state = match due.state {
        JobState::Completed => "完了",
        JobState::Cancelled => "強制終了",
        _ => "失敗",
    };
    let subject = format!("【{state}】{}「{}」（{}）", told.what, told.name, told.database);
    let mut text = format!("{}「{}」の結果をお知らせします。\n\n", told.what, told.name);
    let moment = |at: Timestamp| store.local(at).to_string().replace('-', "/");
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name}: {value}");
    };
    line("状況", state);
    if let Some(error) = &due.error {
        line("理由", error);
    }
    line("データベース", &told.database);
    line("処理ID", &due.job.to_string());
    line("実行者", user.as_ref().map_or("システム", |user| &user.name));
    line("受付", &moment(due.created_at));
    if let Some(started_at) = due.started_at {
        line("開始", &moment(started_at));
    }
    line("終了", &moment(due.ended_at));
    for (name, value) in &told.lines {
        line(name, value);
    }
    let mut addresses = due.report.to.clone();
    if due.report.to_user {
        addresses.extend(user.as_ref().and_then(address_of));
    }
    let mut seen: Vec<&String> = Vec::new();
    addresses.iter().for_each(|address| {
        if !seen.contains(&address) {
            seen.push(address);
        }
    });
    let server: Option<MailServer> = documents::find(&*store.reading()?, None, &due.report.server)?;
    let Some(server) = server else {
        log::error!(
            "the run {} is to be reported by the mail server \"{}\", which is gone",
            due.job,
            due.report.server
        );
        return Ok(Vec::new());
    };
    let mut mails = Vec::with_capacity(seen.len());
    for address in seen {
        let mut mail = Mail::new(&server.code, subject.replace(char::is_control, " ")).to(address).text(&text);
        mail.is_automatic = true;
        match Ready::of(store, &server, &mail) {
            Ok(ready) => mails.push(ready),
            Err(error) => log::error!("the run {} cannot be reported to \"{address}\": {error}", due.job),
        }
    }
    Ok(mails)
}

/// Where a user gets mail: his address, or his code where that is one.
pub(crate) fn address_of(user: &User) -> Option<String> {
    user.mail.clone().or_else(|| super::address::is_address(&user.code).then(|| user.code.clone()))
}
