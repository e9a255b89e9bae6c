//! The definition of a notice mail: of what, under which conditions, to whom.

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use crate::access::{self, User};
use crate::csv::Encoding;
use crate::error::{Code, Error, Result, Words, words};
use crate::event::{self, Interest, What, Whats};
use crate::outbound::MailTemplate;
use crate::query::{self, Condition, NamesFields, relabel};
use crate::schema::documents::{self, Document, check_code_and_name, documents, kind_words, refused};
use crate::schema::{Catalog, FieldKind, Table};
use crate::store::Store;
use crate::template::{CALL, Parser, Place, Scope, Template, rename};

/// The longest window of a digest: a day.
const LONGEST_DIGEST: u32 = 24 * 60;

/// A mail that tells of changes of records (通知メール設定). A [`Worker`](crate::Worker) sends it, about the record as it was
/// at the moment of the change, whatever became of it since.
///
/// Everybody named gets a mail of his own: the receivers of the mail template, those in `to`, the users, and the users whom
/// the record names. A user without a mail address gets none.
///
/// ```
/// use renkei::NoticeMail;
///
/// let notice: NoticeMail = serde_json::from_str(r#"{
///     "database": "orders", "code": "shipped", "name": "出荷のお知らせ", "on": ["updated"],
///     "after": {"field": "state", "op": "equals", "value": "出荷済み"}, "changed": ["state"],
///     "template": "shipped", "to": ["${customer.mail}"], "users": ["hanako"]
/// }"#)?;
/// assert!(notice.enabled && notice.digest_minutes == 0);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoticeMail {
    /// The id; assigned when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    /// The code of the database.
    pub database: String,
    /// The machine name, unique among the notice mails of the database.
    pub code: String,
    /// The name shown to people; the subject of a digest begins with it.
    pub name: String,
    /// Of what it tells.
    pub on: Vec<NoticeOn>,
    /// What the record must have fulfilled before it was updated or deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Condition>,
    /// What the record must fulfil after it was registered or updated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Condition>,
    /// Of an update it tells only when one of these fields has changed: codes of header or detail fields, or `_approval`.
    /// Without any, of every update that changes something.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<String>,
    /// The code of the mail template: of the same database.
    pub template: String,
    /// More receivers: templates over the record, such as an address or a field that has one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
    /// The codes of users who are told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<String>,
    /// The codes of user fields of the header: who stands in them is told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub user_fields: Vec<String>,
    /// Whether the changed fields, with their values before and after, stand below the text. Default: yes.
    #[serde(default = "yes")]
    pub list_changes: bool,
    /// For so many minutes changes are collected into one mail for each receiver, at most 1,440. Default: 0, a mail for each.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub digest_minutes: u32,
    /// Whether it tells of every line of an import as of any other change. Default: of an import one mail with its counts,
    /// for which no conditions are judged, to the receivers that no record needs to name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub each_of_import: bool,
    /// Whether it tells at all. What happens while it does not is not told later.
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// Of what a notice mail tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeOn {
    /// A record was made.
    Registered,
    /// A record was changed; a write that changes nothing is none.
    Updated,
    /// A record was deleted.
    Deleted,
}

impl NoticeOn {
    pub(super) fn what(self) -> What {
        match self {
            NoticeOn::Registered => What::Registered,
            NoticeOn::Updated => What::Updated,
            NoticeOn::Deleted => What::Deleted,
        }
    }
}

fn yes() -> bool {
    true
}

fn is_zero(minutes: &u32) -> bool {
    *minutes == 0
}

/// What `changed` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Watched {
    Approval,
    /// A column of the header, by its place.
    Header(usize),
    /// A column of the detail rows.
    Detail(usize),
}

/// A notice mail that was judged.
pub(super) struct Compiled {
    pub(super) scope: Scope,
    pub(super) to: Vec<Template>,
    pub(super) changed: Vec<Watched>,
    /// Whether detail rows are needed to judge it.
    needs_rows: bool,
}

impl NoticeMail {
    /// A notice mail by a mail template, of nothing yet.
    pub fn new(
        database: impl Into<String>,
        code: impl Into<String>,
        name: impl Into<String>,
        template: impl Into<String>,
    ) -> NoticeMail {
        NoticeMail {
            id: None,
            database: database.into(),
            code: code.into(),
            name: name.into(),
            on: Vec::new(),
            before: None,
            after: None,
            changed: Vec::new(),
            template: template.into(),
            to: Vec::new(),
            users: Vec::new(),
            user_fields: Vec::new(),
            list_changes: true,
            digest_minutes: 0,
            each_of_import: false,
            enabled: true,
        }
    }

    /// Tells of one thing more.
    pub fn on(mut self, on: NoticeOn) -> NoticeMail {
        self.on.push(on);
        self
    }

    /// Sets what the record must have fulfilled before.
    pub fn before(mut self, condition: Condition) -> NoticeMail {
        self.before = Some(condition);
        self
    }

    /// Sets what the record must fulfil afterwards.
    pub fn after(mut self, condition: Condition) -> NoticeMail {
        self.after = Some(condition);
        self
    }

    /// Adds a field of which one must have changed.
    pub fn changed(mut self, field: impl Into<String>) -> NoticeMail {
        self.changed.push(field.into());
        self
    }

    /// Adds a receiver.
    pub fn to(mut self, address: impl Into<String>) -> NoticeMail {
        self.to.push(address.into());
        self
    }

    /// Adds a user who is told.
    pub fn user(mut self, code: impl Into<String>) -> NoticeMail {
        self.users.push(code.into());
        self
    }

    /// Adds a user field: who stands in it is told.
    pub fn user_field(mut self, field: impl Into<String>) -> NoticeMail {
        self.user_fields.push(field.into());
        self
    }

    /// Collects changes for so many minutes.
    pub fn digest_minutes(mut self, minutes: u32) -> NoticeMail {
        self.digest_minutes = minutes;
        self
    }

    /// Tells of every line of an import.
    pub fn each_of_import(mut self) -> NoticeMail {
        self.each_of_import = true;
        self
    }

    fn fault(&self, rule: Words) -> Error {
        refused(&self.code, rule)
    }

    /// Judges it against its database.
    pub(super) fn compile(&self, store: &Store, catalog: &Catalog) -> Result<Compiled> {
        check_code_and_name(&self.code, &self.name)?;
        let table = catalog.table(&self.database)?;
        let tells = |on: NoticeOn| self.on.contains(&on);
        if self.on.is_empty() {
            return Err(self.fault(words!("`on`が空です", "`on` is empty: it would never tell of anything")));
        }
        let never = |member: &str| {
            words!(
                "`{member}`を判定できるものが`on`にありません",
                "`{member}` could never be judged: `on` has nothing that has such a moment"
            )
        };
        if self.before.is_some() && !tells(NoticeOn::Updated) && !tells(NoticeOn::Deleted) {
            return Err(self.fault(never("before")));
        }
        if self.after.is_some() && !tells(NoticeOn::Registered) && !tells(NoticeOn::Updated) {
            return Err(self.fault(never("after")));
        }
        if !self.changed.is_empty() && !tells(NoticeOn::Updated) {
            return Err(self.fault(never("changed")));
        }
        if self.digest_minutes > LONGEST_DIGEST {
            let minutes = self.digest_minutes;
            let rule = words!(
                "`digest_minutes`は{LONGEST_DIGEST}までです: {minutes}",
                "`digest_minutes` is at most {LONGEST_DIGEST}: {minutes}"
            );
            return Err(self.fault(rule));
        }
        let mut needs_rows = false;
        for condition in self.before.iter().chain(&self.after) {
            needs_rows |=
                query::check(store, catalog, table, condition).map_err(|error| documents::unfit(&self.code, error))?;
        }
        let changed = self.changed.iter().map(|field| self.watched(table, field)).collect::<Result<Vec<_>>>()?;
        needs_rows |= changed.iter().any(|watched| matches!(watched, Watched::Detail(_)));
        for field in &self.user_fields {
            let found = table.header.find(field).map(|at| &table.header.columns[at].effective().field.kind);
            if !matches!(found, Some(FieldKind::User {})) {
                let database = table.code();
                let rule = words!(
                    "「{field}」は「{database}」のヘッダのユーザ項目ではありません",
                    "\"{field}\" is no user field of the header of \"{database}\""
                );
                return Err(self.fault(rule).with_field(field));
            }
        }
        let mut parser = Parser::new(&self.code, Encoding::Utf8);
        let to = self.to.iter().map(|text| parser.parse("to", text, Place::Line)).collect::<Result<Vec<_>>>()?;
        let scope = parser.finish(CALL, Some((store, catalog, table)))?;
        Ok(Compiled { scope, to, changed, needs_rows })
    }

    fn watched(&self, table: &Table, field: &str) -> Result<Watched> {
        if field == "_approval" && table.definition.approval {
            return Ok(Watched::Approval);
        }
        let header = table.header.find(field).filter(|at| table.header.columns[*at].is_stored());
        let detail = || {
            table.details.as_ref().and_then(|layout| layout.find(field).filter(|at| layout.columns[*at].is_stored()))
        };
        header.map(Watched::Header).or_else(|| detail().map(Watched::Detail)).ok_or_else(|| {
            let database = table.code();
            let rule = words!(
                "`changed`の「{field}」は、「{database}」に保存される項目ではありません",
                "`changed` names \"{field}\", which is no field that is stored in \"{database}\""
            );
            self.fault(rule).with_field(field)
        })
    }

    fn interest(&self, id: i64, table: &Table, compiled: &Compiled) -> Interest {
        let writes = self.on.iter().any(|on| *on != NoticeOn::Deleted);
        Interest {
            records: Whats::of(self.on.iter().map(|on| on.what())),
            of_imports: self.each_of_import,
            ends_of_imports: writes && !self.each_of_import,
            details: compiled.needs_rows,
            ..Interest::new(id, NoticeMail::KIND, table.id)
        }
    }
}

documents! { NoticeMail "notice_mail"; }

impl NamesFields for NoticeMail {
    fn database_mut(&mut self) -> &mut String {
        &mut self.database
    }

    fn paths_mut(&mut self, change: &mut dyn FnMut(&mut String)) {
        for condition in self.before.iter_mut().chain(&mut self.after) {
            condition.paths_mut(change);
        }
        self.changed.iter_mut().chain(&mut self.user_fields).for_each(&mut *change);
        self.to.iter_mut().for_each(|text| rename(text, change));
    }

    fn relabel(&mut self, before: &Catalog, after: &Catalog, database: i64) {
        for condition in self.before.iter_mut().chain(&mut self.after) {
            condition.values_mut(&mut |path, value| relabel(before, after, database, path, value));
        }
    }
}

/// Judges and keeps a notice mail, and lets it listen.
pub(crate) fn save(store: &Store, connection: &Connection, catalog: &Catalog, notice: &mut NoticeMail) -> Result<i64> {
    let compiled = notice.compile(store, catalog)?;
    let table = catalog.table(&notice.database)?;
    let template: MailTemplate = documents::get(connection, Some(table.id), &notice.template)?;
    let users: Vec<User> = access::load_users(connection)?;
    for code in &notice.users {
        if !users.iter().any(|user| user.code == *code) {
            return Err(Error::new(Code::DefinitionNotFound).with_rule(kind_words("user")).with_value(code));
        }
    }
    notice.template = template.code;
    table.code().clone_into(&mut notice.database);
    let id = documents::save(connection, Some(table.id), notice)?;
    let sql = "INSERT INTO renkei_notice_mail (notice_id) VALUES (?1) ON CONFLICT DO NOTHING";
    connection.prepare_cached(sql)?.execute([id])?;
    match notice.enabled {
        true => event::listen(connection, &notice.interest(id, table, &compiled))?,
        false => event::unlisten(connection, id)?,
    }
    Ok(id)
}

/// Takes a notice mail out, with what waited for it.
pub(crate) fn remove(connection: &Connection, id: i64) -> Result<()> {
    event::unlisten(connection, id)?;
    connection.prepare_cached("DELETE FROM renkei_notice_mail WHERE notice_id = ?1")?.execute([id])?;
    documents::remove(connection, id)
}

/// Refuses to remove a mail template that a notice mail of the same database names.
pub(crate) fn check_template_unused(connection: &Connection, database: i64, template: &str) -> Result<()> {
    let named = documents::load_of::<NoticeMail>(connection, database)?;
    match named.into_iter().find(|notice| notice.template == template) {
        Some(notice) => {
            let (kind, code) = (kind_words(NoticeMail::KIND), notice.code);
            let rule = words!("{kind}「{code}」", "the {kind} \"{code}\""; kind);
            Err(Error::new(Code::DefinitionInUse).with_name(template).with_rule(rule))
        }
        None => Ok(()),
    }
}

/// Follows a mail template that has another code now.
pub(crate) fn rename_template(connection: &Connection, database: i64, before: &str, now: &str) -> Result<()> {
    for mut notice in documents::load_of::<NoticeMail>(connection, database)? {
        if notice.template == before {
            now.clone_into(&mut notice.template);
            documents::save(connection, Some(database), &mut notice)?;
        }
    }
    Ok(())
}
