//! What is told: one entry for each change, and the mails that are made of them.

use std::collections::HashMap;
use std::fmt::Write as _;

use rusqlite::{Connection, OptionalExtension};

use super::setting::{Compiled, NoticeMail};
use crate::access::{self, User};
use crate::error::Result;
use crate::event::{Event, What};
use crate::import::ImportEnd;
use crate::job::JobState;
use crate::outbound::mail::{self, Letter};
use crate::outbound::{Attachment, Mail, MailServer, MailTemplate};
use crate::query::Selection;
use crate::schema::documents;
use crate::schema::{Catalog, Snapshot, Table, ValueFormat};
use crate::store::{Store, Timestamp};
use crate::template::{Scope, Template, call_values};

/// The most characters of a value in a list of changes.
const SHOWN: usize = 200;

/// What is told of one change.
pub(super) struct Entry {
    /// Who did what when, for digests.
    heading: String,
    subject: String,
    pub(super) text: String,
    /// Everybody once.
    addresses: Vec<String>,
    from: Option<String>,
    reply_to: Option<String>,
    attachments: Vec<Attachment>,
}

/// Writes entries for one notice mail.
pub(super) struct Writer<'a> {
    store: &'a Store,
    connection: &'a Connection,
    catalog: &'a Catalog,
    table: &'a Table,
    notice: &'a NoticeMail,
    template: MailTemplate,
    server: MailServer,
    letter: Letter<'a>,
    scope: Scope,
    to: Vec<Template>,
    users: Vec<User>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(
        store: &'a Store,
        connection: &'a Connection,
        catalog: &'a Catalog,
        table: &'a Table,
        notice: &'a NoticeMail,
        compiled: &Compiled,
    ) -> Result<Writer<'a>> {
        let template: MailTemplate = documents::get(connection, Some(table.id), &notice.template)?;
        let server = documents::get(connection, None, &template.server)?;
        let letter = Letter::new(store, catalog, table, &template)?;
        let (scope, to) = (compiled.scope.clone(), compiled.to.clone());
        let users = access::load_users(connection)?;
        Ok(Writer { store, connection, catalog, table, notice, template, server, letter, scope, to, users })
    }

    pub(super) fn server(&self) -> &MailServer {
        &self.server
    }

    /// What is told of a record; as it is afterwards, or was, where it is no more.
    pub(super) fn record(&self, event: &Event, before: Option<&Snapshot>, after: Option<&Snapshot>) -> Result<Entry> {
        let Some(shown) = after.or(before) else { return Ok(self.empty(String::new())) };
        let store = self.store.acting(event.actor, event.cause.clone());
        let call = call_values(&store, self.connection, event.at, "")?;
        let mut letter = Mail::default();
        self.letter.selection().of_snapshot(self.connection, shown, |row| {
            letter = self.letter.of(row, &call)?;
            Ok(())
        })?;
        let mut addresses: Vec<String> = Vec::new();
        let fields = self.notice.user_fields.iter().map(String::as_str);
        let names = self.scope.columns().chain(fields).chain([self.table.key().field.code.as_str()]);
        let selection = Selection::new(self.store, self.catalog, self.table, names)?;
        let mut key = String::new();
        selection.of_snapshot(self.connection, shown, |row| {
            let source = self.scope.values(Some(row), &call);
            for template in &self.to {
                addresses.push(template.expand_plain(&self.scope.names, &source)?);
            }
            let last = row.len() - 1;
            for at in last - self.notice.user_fields.len()..last {
                addresses.extend(self.address_of(&row.text(at, ValueFormat::Raw)?));
            }
            key = row.text(last, ValueFormat::Display)?;
            Ok(())
        })?;
        let named = letter.to.iter().chain(&letter.cc).chain(&letter.bcc);
        addresses.splice(0..0, named.cloned());
        addresses.extend(self.notice.users.iter().filter_map(|code| self.address_of(code)));
        let mut text = std::mem::take(&mut letter.text);
        if let (true, Some(before), Some(after)) = (self.notice.list_changes, before, after) {
            self.list_changes(&mut text, before, after)?;
        }
        // The files of a record that is gone are gone as well.
        let attachments = match event.what {
            What::Deleted => Vec::new(),
            _ => self.still_there(std::mem::take(&mut letter.attachments)),
        };
        Ok(Entry {
            heading: self.heading(event, &key),
            subject: std::mem::take(&mut letter.subject),
            text,
            addresses: once(addresses),
            from: letter.from.take(),
            reply_to: letter.reply_to.take(),
            attachments,
        })
    }

    /// What is told of the end of an import, if anything.
    pub(super) fn import(&self, event: &Event, counts: &Option<(ImportEnd, u64, u64)>) -> Result<Option<Entry>> {
        let Some((end, registered, updated)) = counts else { return Ok(None) };
        let sql = "SELECT json_extract(setting, '$.name') FROM renkei_import WHERE job_id = ?1";
        let setting: Option<Option<String>> =
            self.connection.prepare_cached(sql)?.query_row([event.cause.run], |row| row.get(0)).optional()?;
        let setting = setting.flatten().unwrap_or_default();
        let state = match end.state {
            JobState::Completed => "完了",
            JobState::Cancelled => "強制終了",
            _ => "失敗",
        };
        let mut entry = self.empty(self.heading(event, &setting));
        let name = &self.notice.name;
        entry.subject = format!("{name}: インポート「{setting}」（登録{registered}件、更新{updated}件）");
        let _ = write!(
            entry.text,
            "データベース: {}\nインポート: {setting}\n処理ID: {}\n状況: {state}\n登録: {registered} 件\n更新: {updated} 件\n",
            self.table.definition.name,
            event.cause.run.unwrap_or_default(),
        );
        // A receiver whom the record would name is not known here.
        let of = &self.template;
        let named = of.to.iter().chain(&of.cc).chain(&of.bcc).chain(&self.notice.to);
        let mut addresses: Vec<String> = named.filter(|text| !text.contains("${")).cloned().collect();
        addresses.extend(self.notice.users.iter().filter_map(|code| self.address_of(code)));
        entry.addresses = once(addresses);
        Ok(Some(entry))
    }

    fn empty(&self, heading: String) -> Entry {
        let (subject, text, addresses, attachments) = (String::new(), String::new(), Vec::new(), Vec::new());
        Entry { heading, subject, text, addresses, from: None, reply_to: None, attachments }
    }

    /// Where a user gets mail.
    fn address_of(&self, code: &str) -> Option<String> {
        let user = self.users.iter().find(|user| user.code == code)?;
        mail::address_of(user)
    }

    fn heading(&self, event: &Event, name: &str) -> String {
        let what = match event.what {
            What::Registered => "登録",
            What::Updated => "更新",
            What::Deleted => "削除",
            What::Imported => "インポート",
        };
        let user = event.actor.and_then(|id| self.users.iter().find(|user| user.id == Some(id)));
        let user = user.map_or("システム", |user| &user.name);
        format!("■ {what} {name}（{} {user}）", moment(self.store, event.at))
    }

    /// Appends what differs, as people see it.
    fn list_changes(&self, text: &mut String, before: &Snapshot, after: &Snapshot) -> Result<()> {
        let columns: Vec<usize> = before.changed(self.table, after).collect();
        let column = |at: &usize| &self.table.header.columns[*at].field;
        let selection =
            Selection::new(self.store, self.catalog, self.table, columns.iter().map(|at| column(at).code.as_str()))?;
        let read = |moment: &Snapshot| -> Result<Vec<String>> {
            let mut texts = Vec::new();
            selection.of_snapshot(self.connection, moment, |row| {
                for at in 0..row.len() {
                    texts.push(shown(row.text(at, ValueFormat::Display)?));
                }
                Ok(())
            })?;
            Ok(texts)
        };
        let mut lines = String::new();
        let values = read(before)?.into_iter().zip(read(after)?);
        for (at, (old, new)) in columns.iter().zip(values) {
            let _ = writeln!(lines, "{}: {old} → {new}", column(at).name);
        }
        let approval = |moment: &Snapshot| match moment.system("_approval").and_then(|cell| cell.int()) {
            Some(1) => "承認済み",
            _ => "未承認",
        };
        if approval(before) != approval(after) {
            let _ = writeln!(lines, "承認: {} → {}", approval(before), approval(after));
        }
        if let (Some(old), Some(new)) = (&before.rows, &after.rows)
            && old != new
        {
            let _ = writeln!(lines, "明細: 変更あり（{}行 → {}行）", old.len(), new.len());
        }
        if !lines.is_empty() {
            if !text.is_empty() && !text.ends_with('\n') {
                text.push('\n');
            }
            let _ = write!(text, "\n【変更点】\n{lines}");
        }
        Ok(())
    }

    fn still_there(&self, attachments: Vec<Attachment>) -> Vec<Attachment> {
        attachments.into_iter().filter(|one| one.file_id().is_none_or(|id| self.store.file(id).is_ok())).collect()
    }
}

fn moment(store: &Store, at: Timestamp) -> String {
    store.local(at).to_string().replace('-', "/")
}

/// A value for a person: short, and never nothing.
fn shown(text: String) -> String {
    match text.char_indices().nth(SHOWN) {
        _ if text.is_empty() => "（なし）".to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Each address once, in the order in which they were named; those of nobody are left out.
fn once(addresses: Vec<String>) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    let mut kept = Vec::new();
    for address in addresses.into_iter().filter(|address| mail::is_somebody(address)) {
        let bare = mail::bare_address(&address);
        if !seen.contains(&bare) {
            seen.push(bare);
            kept.push(address);
        }
    }
    kept
}

/// The mails: each receiver gets his own, so that an address that is not taken keeps no other from being told.
pub(super) fn mails(notice: &NoticeMail, writer: &Writer<'_>, entries: Vec<Entry>) -> Vec<Mail> {
    let alone = |entry: &Entry, address: &str| {
        let mut mail = Mail::new(&writer.server.code, entry.subject.replace(char::is_control, " ")).to(address);
        mail.text.clone_from(&entry.text);
        mail.from.clone_from(&entry.from);
        mail.reply_to.clone_from(&entry.reply_to);
        mail.attachments.clone_from(&entry.attachments);
        mail.is_automatic = true;
        mail
    };
    if notice.digest_minutes == 0 {
        let each = entries.iter().flat_map(|entry| entry.addresses.iter().map(|address| alone(entry, address)));
        return each.collect();
    }
    let mut order: Vec<(&str, Vec<&Entry>)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for entry in &entries {
        for address in &entry.addresses {
            let at = *places.entry(mail::bare_address(address)).or_insert_with(|| {
                order.push((address, Vec::new()));
                order.len() - 1
            });
            order[at].1.push(entry);
        }
    }
    let together = |(address, entries): (&str, Vec<&Entry>)| {
        if let [entry] = &entries[..] {
            return alone(entry, address);
        }
        let subject = format!("{}（{}件）", notice.name, entries.len());
        let mut text = String::new();
        for entry in entries {
            let _ = write!(text, "{}\n{}\n\n", entry.heading, entry.text.trim_end());
        }
        let mut mail = Mail::new(&writer.server.code, subject.replace(char::is_control, " ")).to(address).text(text);
        mail.from.clone_from(&writer.template.from.clone().filter(|from| !from.contains("${")));
        mail.is_automatic = true;
        mail
    };
    order.into_iter().map(together).collect()
}
