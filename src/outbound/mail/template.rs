//! Mails by templates: one mail about one record.

use serde::{Deserialize, Serialize};

use super::super::right::sendable;
use super::address::is_somebody;
use super::send::{Attachment, Mail, Ready};
use super::server::MailServer;
use crate::access::Door;
use crate::csv::Encoding;
use crate::document::{self, FileTemplate};
use crate::error::{Code, Error, Result, words};
use crate::query::{Condition, NamesFields, Query, Row, Selection};
use crate::record::Selector;
use crate::schema::documents::{self, check_code_and_name, documents, refused};
use crate::schema::{Catalog, FieldKind, Table, Value};
use crate::store::{Reading, Store, Writing};
use crate::template::{CALL, Parser, Place, Scope, Template, call_values, rename};

/// The most files that go with a mail.
const ATTACHMENTS: usize = 20;

/// A mail about a record of a database (メールテンプレート), sent by [`Store::send_mail_about`].
///
/// Addresses, subject and text are templates over the record, as those of an [`HttpSend`](crate::HttpSend); secrets are
/// refused in them. An address that turns out empty is left out; an address or subject with a line end fails the mail.
///
/// ```
/// use renkei::MailTemplate;
///
/// let template: MailTemplate = serde_json::from_str(r#"{
///     "database": "orders", "code": "thanks", "name": "受注のお礼", "server": "office",
///     "to": ["${customer.name} <${customer.mail}>"],
///     "subject": "ご注文ありがとうございます（${number}）",
///     "text": "${customer.name} 様\n\nご注文金額: ${total|display}\n"
/// }"#)?;
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailTemplate {
    /// The id; assigned when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    /// The code of the database.
    pub database: String,
    /// The machine name, unique among the mail templates of the database.
    pub code: String,
    /// The name shown to people.
    pub name: String,
    /// The code of the mail server.
    pub server: String,
    /// The sender, instead of that of the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The receivers.
    pub to: Vec<String>,
    /// The receivers of copies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cc: Vec<String>,
    /// The receivers of copies of whom the others do not see.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bcc: Vec<String>,
    /// Where answers go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// The subject.
    pub subject: String,
    /// The text.
    pub text: String,
    /// The codes of file fields whose files go with the mail.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<String>,
    /// The codes of [`FileTemplate`]s of the same database, whose files are generated for the record and go with the mail.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
}

/// A template that was judged and parsed.
struct Compiled {
    scope: Scope,
    from: Option<Template>,
    to: Vec<Template>,
    cc: Vec<Template>,
    bcc: Vec<Template>,
    reply_to: Option<Template>,
    subject: Template,
    text: Template,
}

impl MailTemplate {
    /// A mail without receivers yet.
    pub fn new(
        database: impl Into<String>,
        code: impl Into<String>,
        name: impl Into<String>,
        server: impl Into<String>,
    ) -> MailTemplate {
        MailTemplate {
            id: None,
            database: database.into(),
            code: code.into(),
            name: name.into(),
            server: server.into(),
            from: None,
            to: Vec::new(),
            cc: Vec::new(),
            bcc: Vec::new(),
            reply_to: None,
            subject: String::new(),
            text: String::new(),
            attachments: Vec::new(),
            files: Vec::new(),
        }
    }

    /// Adds a receiver.
    pub fn to(mut self, address: impl Into<String>) -> MailTemplate {
        self.to.push(address.into());
        self
    }

    /// Sets the subject.
    pub fn subject(mut self, subject: impl Into<String>) -> MailTemplate {
        self.subject = subject.into();
        self
    }

    /// Sets the text.
    pub fn text(mut self, text: impl Into<String>) -> MailTemplate {
        self.text = text.into();
        self
    }

    /// Every text that is a template.
    fn templates_mut(&mut self) -> impl Iterator<Item = &mut String> {
        let addresses = self.to.iter_mut().chain(&mut self.cc).chain(&mut self.bcc);
        addresses.chain(&mut self.from).chain(&mut self.reply_to).chain([&mut self.subject, &mut self.text])
    }

    fn compile(&self, store: &Store, catalog: &Catalog) -> Result<Compiled> {
        check_code_and_name(&self.code, &self.name)?;
        let table = catalog.table(&self.database)?;
        if self.to.is_empty() && self.cc.is_empty() && self.bcc.is_empty() {
            return Err(refused(&self.code, words!("宛先がありません", "it has no receivers")));
        }
        for field in &self.attachments {
            let found = table.header.find(field).map(|at| &table.header.columns[at].field.kind);
            if !matches!(found, Some(FieldKind::File { .. })) {
                let database = table.code();
                let rule = words!(
                    "「{field}」は「{database}」のヘッダのファイル項目ではありません",
                    "\"{field}\" is no file field of the header of \"{database}\""
                );
                return Err(refused(&self.code, rule).with_field(field));
            }
        }
        let count = self.attachments.len() + self.files.len();
        if count > ATTACHMENTS {
            let rule = words!(
                "添付ファイルが{count}個です（上限{ATTACHMENTS}個）",
                "it has {count} attachments; {ATTACHMENTS} are the most"
            );
            return Err(refused(&self.code, rule));
        }
        let mut parser = Parser::new(&self.code, Encoding::Utf8);
        let mut all = |member: &str, texts: &[String]| {
            texts.iter().map(|text| parser.parse(member, text, Place::Line)).collect::<Result<Vec<_>>>()
        };
        let (to, cc, bcc) = (all("to", &self.to)?, all("cc", &self.cc)?, all("bcc", &self.bcc)?);
        let mut one = |member: &str, text: &Option<String>| {
            text.as_ref().map(|text| parser.parse(member, text, Place::Line)).transpose()
        };
        let (from, reply_to) = (one("from", &self.from)?, one("reply_to", &self.reply_to)?);
        let subject = parser.parse("subject", &self.subject, Place::Line)?;
        let text = parser.parse("text", &self.text, Place::Plain)?;
        let scope = parser.finish(CALL, Some((store, catalog, table)))?;
        Ok(Compiled { scope, from, to, cc, bcc, reply_to, subject, text })
    }
}

documents! { MailTemplate "mail_template"; }

impl NamesFields for MailTemplate {
    fn database_mut(&mut self) -> &mut String {
        &mut self.database
    }

    fn paths_mut(&mut self, change: &mut dyn FnMut(&mut String)) {
        self.attachments.iter_mut().for_each(&mut *change);
        self.templates_mut().for_each(|text| rename(text, change));
    }
}

/// Judges and keeps a mail template.
pub(crate) fn save(
    store: &Store,
    connection: &rusqlite::Connection,
    catalog: &Catalog,
    template: &mut MailTemplate,
) -> Result<i64> {
    template.compile(store, catalog)?;
    documents::get::<MailServer>(connection, None, &template.server)?;
    let table = catalog.table(&template.database)?;
    for file in &mut template.files {
        // By its code, also where it was given by its id, so that it is found again.
        *file = documents::get::<FileTemplate>(connection, Some(table.id), file)?.code;
    }
    table.code().clone_into(&mut template.database);
    documents::save(connection, Some(table.id), template)
}

/// A template that is ready to be filled in from records.
pub(crate) struct Letter<'a> {
    server: String,
    compiled: Compiled,
    selection: Selection<'a>,
    /// How many of the columns, the last ones, are files that go with the mail.
    files: usize,
}

impl<'a> Letter<'a> {
    pub(crate) fn new(
        store: &'a Store,
        catalog: &'a Catalog,
        table: &'a Table,
        template: &MailTemplate,
    ) -> Result<Letter<'a>> {
        let compiled = template.compile(store, catalog)?;
        let files = template.attachments.iter().map(String::as_str);
        let selection = Selection::new(store, catalog, table, compiled.scope.columns().chain(files))?;
        Ok(Letter { server: template.server.clone(), compiled, selection, files: template.attachments.len() })
    }

    /// What of a record it needs.
    pub(crate) fn selection(&self) -> &Selection<'a> {
        &self.selection
    }

    /// The mail about the record of a row of [`Letter::selection`].
    pub(crate) fn of(&self, row: &Row<'_>, call: &[Value]) -> Result<Mail> {
        let compiled = &self.compiled;
        let source = compiled.scope.values(Some(row), call);
        let expand = |template: &Template| template.expand_plain(&compiled.scope.names, &source);
        let all = |templates: &[Template]| {
            let expanded = templates.iter().map(&expand).collect::<Result<Vec<_>>>()?;
            Ok::<_, Error>(expanded.into_iter().filter(|text| is_somebody(text)).collect::<Vec<_>>())
        };
        let mut made = Mail::new(&self.server, expand(&compiled.subject)?).text(expand(&compiled.text)?);
        (made.to, made.cc, made.bcc) = (all(&compiled.to)?, all(&compiled.cc)?, all(&compiled.bcc)?);
        made.from = compiled.from.as_ref().map(&expand).transpose()?;
        made.reply_to = compiled.reply_to.as_ref().map(&expand).transpose()?;
        for at in row.len() - self.files..row.len() {
            if let Value::File(id) = row.value(at)? {
                made = made.attach(Attachment::file(id));
            }
        }
        Ok(made)
    }
}

/// Queues the mail of a template about a record, as `reading` shows it, in a transaction and as one of a run; the id of its
/// delivery.
pub(crate) fn queue_about(
    store: &Store,
    writing: &Writing<'_>,
    reading: &Reading,
    catalog: &Catalog,
    (table, template): (&Table, &MailTemplate),
    record: &Selector,
    (run, memo): (i64, &str),
) -> Result<i64> {
    let mail = store.compose_about(reading, catalog, table, template, record, memo)?;
    let server: MailServer = documents::get(reading, None, &template.server)?;
    Ready::of(store, &server, &mail)?.in_run(run).stored_in(store, writing)?.queue(store, writing)
}

/// Refuses to take a file template away that goes with mails.
pub(crate) fn check_file_unused(connection: &rusqlite::Connection, database: i64, file: &str) -> Result<()> {
    let templates = documents::load_of::<MailTemplate>(connection, database)?;
    match templates.iter().find(|template| template.files.iter().any(|other| other == file)) {
        None => Ok(()),
        Some(template) => {
            let code = &template.code;
            let rule = words!("メールテンプレート「{code}」", "the mail template \"{code}\"");
            Err(Error::new(Code::DefinitionInUse).with_name(file).with_rule(rule))
        }
    }
}

/// Follows a file template that got another code.
pub(crate) fn rename_file(connection: &rusqlite::Connection, database: i64, from: &str, to: &str) -> Result<()> {
    for mut template in documents::load_of::<MailTemplate>(connection, database)? {
        let mut is_changed = false;
        for file in template.files.iter_mut().filter(|file| *file == from) {
            to.clone_into(file);
            is_changed = true;
        }
        if is_changed {
            documents::save(connection, Some(database), &mut template)?;
        }
    }
    Ok(())
}

impl Store {
    /// Queues the mail of a template about a record; the id of its delivery. See [`Store::send_mail`].
    ///
    /// # Errors
    ///
    /// As [`Store::send_mail`]; [`Code::RecordNotFound`], [`Code::AccessDenied`] without the rights to
    /// export and to view; [`Code::TemplateValue`] for a value that may not stand where it would; for its files, as
    /// [`Store::generate_file`].
    pub fn send_mail_about(&self, database: &str, template: &str, record: impl Into<Selector>) -> Result<i64> {
        let mail = self.mail_about(database, template, &record.into())?;
        self.queue_mail(&mail)
    }

    fn mail_about(&self, database: &str, template: &str, record: &Selector) -> Result<Mail> {
        let reading = self.reading()?;
        let door = Door::open(self, &reading)?;
        let table = sendable(&door, database)?;
        let template: MailTemplate = documents::get(&reading, Some(table.id), template)?;
        self.compose_about(&reading, door.catalog(), table, &template, record, "")
    }

    /// The mail of a template about a record, as `reading` shows it.
    fn compose_about(
        &self,
        reading: &Reading,
        catalog: &Catalog,
        table: &Table,
        template: &MailTemplate,
        record: &Selector,
        memo: &str,
    ) -> Result<Mail> {
        let call = call_values(self, reading, self.now(), memo)?;
        let letter = Letter::new(self, catalog, table, template)?;
        let condition = match record {
            Selector::Id(id) => Condition::equals("_id", *id),
            Selector::Key(key) => Condition::equals(table.key().field.code.as_str(), key.as_str()),
        };
        let mut mail = None;
        letter.selection().for_each(reading, &Query::new().filter(condition).limit(1), |row| {
            mail = Some(letter.of(row, &call)?);
            Ok(false)
        })?;
        let missing = || Error::new(Code::RecordNotFound).with_value(record).with_rule(table.code());
        let mut mail: Mail = mail.ok_or_else(missing)?;
        for file in &template.files {
            let file: FileTemplate = documents::get(reading, Some(table.id), file)?;
            let mut bytes = Vec::new();
            let made = document::generate(self, reading, &file, Some(record), None, "", &mut bytes)?;
            mail = mail.attach(Attachment::bytes(made.name, bytes).content_type(made.content_type));
        }
        Ok(mail)
    }

    /// The mail templates of a database, by id.
    ///
    /// # Errors
    ///
    /// [`Code::DatabaseNotFound`].
    pub fn mail_templates(&self, database: &str) -> Result<Vec<MailTemplate>> {
        let reading = self.reading()?;
        let door = Door::open(self, &reading)?;
        documents::load_of(&reading, door.definition(database)?.id)
    }
}
