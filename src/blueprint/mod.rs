//! One document of all definitions: applied, planned, dumped.

mod apply;
mod references;
mod remove;

use serde::{Deserialize, Serialize};

use crate::access::{self, AccessSettings, Door, Right, User};
use crate::aggregation::AggregationSetting;
use crate::automation::Automation;
use crate::document::FileTemplate;
use crate::error::{Code, Error, Result, words};
use crate::import::ImportSetting;
use crate::notice::NoticeMail;
use crate::outbound::{CsvPush, HttpSend, MailServer, MailTemplate, Target};
use crate::query::{List, Search};
use crate::schema::documents::{self, Document};
use crate::schema::{Change, Database};
use crate::store::Store;

/// All definitions of a store, or some of them, in one document.
///
/// Applying it makes the store have what it says, and leaves alone what it does not mention. Ids may be given in it;
/// otherwise they are assigned, from 100001, and stay. Every member of the document stands in [`definitions`](crate::definitions).
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// # let store = renkei::Store::create(dir.path().join("s.db"))?;
/// use renkei::Blueprint;
///
/// let blueprint: Blueprint = Blueprint::from_json(r#"{
///     "databases": [{
///         "code": "customers", "name": "顧客",
///         "fields": [
///             {"code": "number", "name": "顧客番号", "type": "key"},
///             {"code": "name", "name": "顧客名", "type": "text", "required": true, "full_text": true}
///         ]
///     }],
///     "lists": [{"database": "customers", "code": "all", "name": "一覧", "columns": ["number", "name"]}]
/// }"#)?;
/// assert_eq!(store.plan(&blueprint)?.len(), 2);
/// assert_eq!(store.apply(&blueprint)?.len(), 2);
/// assert!(store.apply(&blueprint)?.is_empty());
/// assert_eq!(store.blueprint()?.databases[0].fields[1].id, Some(100003));
/// # Ok::<(), renkei::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Blueprint {
    /// The settings of access, when they are to be changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access: Option<AccessSettings>,
    /// The users.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<User>,
    /// The databases.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub databases: Vec<Database>,
    /// The lists.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lists: Vec<List>,
    /// The searches.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub searches: Vec<Search>,
    /// The saved aggregations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub aggregations: Vec<AggregationSetting>,
    /// The import settings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub imports: Vec<ImportSetting>,
    /// The targets of deliveries.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Target>,
    /// The mail servers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mail_servers: Vec<MailServer>,
    /// The file templates.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub file_templates: Vec<FileTemplate>,
    /// The mail templates.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mail_templates: Vec<MailTemplate>,
    /// The CSV pushes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub csv_pushes: Vec<CsvPush>,
    /// The http sends.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub http_sends: Vec<HttpSend>,
    /// The automations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub automations: Vec<Automation>,
    /// The notice mails.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notice_mails: Vec<NoticeMail>,
}

/// What [`Store::remove_definition`] can take out of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DefinitionKind {
    /// A [`List`].
    List,
    /// A [`Search`].
    Search,
    /// An [`AggregationSetting`].
    Aggregation,
    /// An [`ImportSetting`].
    Import,
    /// A [`Target`].
    Target,
    /// A [`MailServer`].
    MailServer,
    /// A [`FileTemplate`].
    FileTemplate,
    /// A [`MailTemplate`].
    MailTemplate,
    /// A [`CsvPush`].
    CsvPush,
    /// An [`HttpSend`].
    HttpSend,
    /// An [`Automation`].
    Automation,
    /// A [`NoticeMail`].
    NoticeMail,
}

impl DefinitionKind {
    /// Every kind.
    pub const ALL: &'static [DefinitionKind] = &[
        DefinitionKind::List,
        DefinitionKind::Search,
        DefinitionKind::Aggregation,
        DefinitionKind::Import,
        DefinitionKind::Automation,
        DefinitionKind::CsvPush,
        DefinitionKind::HttpSend,
        DefinitionKind::NoticeMail,
        DefinitionKind::MailTemplate,
        DefinitionKind::FileTemplate,
        DefinitionKind::MailServer,
        DefinitionKind::Target,
    ];

    /// The kind whose word is `text`.
    ///
    /// ```
    /// use renkei::DefinitionKind;
    ///
    /// for kind in DefinitionKind::ALL {
    ///     assert_eq!(DefinitionKind::from_text(kind.as_str())?, *kind);
    /// }
    /// assert_eq!(DefinitionKind::from_text("http_send")?, DefinitionKind::HttpSend);
    /// assert!(DefinitionKind::from_text("database").is_err());
    /// # Ok::<(), renkei::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Code::Argument`], with the words that there are.
    pub fn from_text(text: &str) -> Result<DefinitionKind> {
        DefinitionKind::ALL.iter().copied().find(|kind| kind.as_str() == text).ok_or_else(|| {
            let known: Vec<&str> = DefinitionKind::ALL.iter().map(|kind| kind.as_str()).collect();
            let known = known.join(", ");
            let rule = words!("「{text}」は次のいずれでもありません: {known}", "\"{text}\" is none of {known}");
            Error::new(Code::Argument).with_rule(rule)
        })
    }

    /// The word for it in JSON and in [`Change::kind`].
    pub fn as_str(self) -> &'static str {
        match self {
            DefinitionKind::List => List::KIND,
            DefinitionKind::Search => Search::KIND,
            DefinitionKind::Aggregation => AggregationSetting::KIND,
            DefinitionKind::Import => ImportSetting::KIND,
            DefinitionKind::Target => Target::KIND,
            DefinitionKind::MailServer => MailServer::KIND,
            DefinitionKind::FileTemplate => FileTemplate::KIND,
            DefinitionKind::MailTemplate => MailTemplate::KIND,
            DefinitionKind::CsvPush => CsvPush::KIND,
            DefinitionKind::HttpSend => HttpSend::KIND,
            DefinitionKind::Automation => Automation::KIND,
            DefinitionKind::NoticeMail => NoticeMail::KIND,
        }
    }
}

impl Blueprint {
    /// An empty document.
    pub fn new() -> Blueprint {
        Blueprint::default()
    }

    /// Reads a document.
    ///
    /// # Errors
    ///
    /// [`Code::DefinitionJson`], with the place in the document.
    pub fn from_json(json: &str) -> Result<Blueprint> {
        serde_json::from_str(json).map_err(Error::json)
    }

    /// The document as JSON, indented.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Sets the settings of access.
    pub fn access(mut self, settings: AccessSettings) -> Blueprint {
        self.access = Some(settings);
        self
    }

    /// Adds a user.
    pub fn user(mut self, user: User) -> Blueprint {
        self.users.push(user);
        self
    }

    /// Adds a database.
    pub fn database(mut self, database: Database) -> Blueprint {
        self.databases.push(database);
        self
    }

    /// Adds a list.
    pub fn list(mut self, list: List) -> Blueprint {
        self.lists.push(list);
        self
    }

    /// Adds a search.
    pub fn search(mut self, search: Search) -> Blueprint {
        self.searches.push(search);
        self
    }

    /// Adds a saved aggregation.
    pub fn aggregation(mut self, setting: AggregationSetting) -> Blueprint {
        self.aggregations.push(setting);
        self
    }

    /// Adds an import setting.
    pub fn import(mut self, setting: ImportSetting) -> Blueprint {
        self.imports.push(setting);
        self
    }

    /// Adds a target of deliveries.
    pub fn target(mut self, target: Target) -> Blueprint {
        self.targets.push(target);
        self
    }

    /// Adds a mail server.
    pub fn mail_server(mut self, server: MailServer) -> Blueprint {
        self.mail_servers.push(server);
        self
    }

    /// Adds a file template.
    pub fn file_template(mut self, template: FileTemplate) -> Blueprint {
        self.file_templates.push(template);
        self
    }

    /// Adds a mail template.
    pub fn mail_template(mut self, template: MailTemplate) -> Blueprint {
        self.mail_templates.push(template);
        self
    }

    /// Adds a CSV push.
    pub fn csv_push(mut self, push: CsvPush) -> Blueprint {
        self.csv_pushes.push(push);
        self
    }

    /// Adds an automation.
    pub fn automation(mut self, automation: Automation) -> Blueprint {
        self.automations.push(automation);
        self
    }

    /// Adds an http send.
    pub fn http_send(mut self, send: HttpSend) -> Blueprint {
        self.http_sends.push(send);
        self
    }

    /// Adds a notice mail.
    pub fn notice_mail(mut self, notice: NoticeMail) -> Blueprint {
        self.notice_mails.push(notice);
        self
    }
}

impl Store {
    /// Makes the store have what the document says, in one transaction; what was done is the answer. Applying the same
    /// document again does nothing.
    ///
    /// # Errors
    ///
    /// [`Code::DefinitionInvalid`] with everything that is wrong with a definition; [`Code::DefinitionStored`] naming
    /// records that do not fit; [`Code::AccessDenied`], [`Code::AdministratorOnly`]. Nothing is changed then.
    pub fn apply(&self, blueprint: &Blueprint) -> Result<Vec<Change>> {
        self.write(|writing| {
            let changes = apply::apply(self, writing, blueprint)?;
            if !changes.is_empty() {
                let texts: Vec<String> =
                    changes.iter().map(|change| format!("{} {}: {}", change.kind, change.code, change.what)).collect();
                access::note_audit(self, writing, "definitions.apply", None, texts.join("; "))?;
            }
            Ok(changes)
        })
    }

    /// What [`Store::apply`] would do, including its checks of stored records. Nothing is changed.
    ///
    /// # Errors
    ///
    /// As [`Store::apply`].
    pub fn plan(&self, blueprint: &Blueprint) -> Result<Vec<Change>> {
        let writing = self.writing()?;
        // Dropped without a commit, the transaction is rolled back.
        apply::apply(self, &writing, blueprint).inspect_err(|error| self.note_failure(error))
    }

    /// All definitions, with their ids. For a user: those of the databases that he may manage; users and the settings of
    /// access, if he is an administrator. Tokens are none of it.
    pub fn blueprint(&self) -> Result<Blueprint> {
        let reading = self.reading()?;
        let door = Door::open(self, &reading)?;
        let mut all = Blueprint {
            access: None,
            users: Vec::new(),
            databases: documents::load(&reading)?,
            lists: documents::load(&reading)?,
            searches: documents::load(&reading)?,
            aggregations: documents::load(&reading)?,
            imports: documents::load(&reading)?,
            targets: documents::load(&reading)?,
            mail_servers: documents::load(&reading)?,
            file_templates: documents::load(&reading)?,
            mail_templates: documents::load(&reading)?,
            csv_pushes: documents::load(&reading)?,
            http_sends: documents::load(&reading)?,
            automations: documents::load(&reading)?,
            notice_mails: documents::load(&reading)?,
        };
        if door.is_administrator() {
            all.access = access::load_settings(&reading)?;
            all.users = access::load_users(&reading)?;
        } else {
            let may = |code: &str| door.table(code, Right::Manage).is_ok();
            all.databases.retain(|database| may(&database.code));
            all.lists.retain(|list| may(&list.database));
            all.searches.retain(|search| may(&search.database));
            all.aggregations.retain(|setting| may(&setting.database));
            all.imports.retain(|setting| may(&setting.database));
            all.file_templates.retain(|template| may(&template.database));
            all.mail_templates.retain(|template| may(&template.database));
            all.csv_pushes.retain(|push| may(&push.database));
            all.http_sends.retain(|send| may(&send.database));
            all.automations.retain(|automation| may(&automation.database));
            all.notice_mails.retain(|notice| may(&notice.database));
            all.targets.clear();
            all.mail_servers.clear();
        }
        Ok(all)
    }

    /// The definition of a database, by code or id.
    ///
    /// # Errors
    ///
    /// [`Code::DatabaseNotFound`]; [`Code::AccessDenied`] without any right in it.
    pub fn database(&self, name: &str) -> Result<Database> {
        let reading = self.reading()?;
        Ok(Door::open(self, &reading)?.definition(name)?.definition.clone())
    }
}
