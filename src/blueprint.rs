//! One document of all definitions: applied, planned, dumped.

use serde::{Deserialize, Serialize};

use crate::access::{self, AccessSettings, Door, Right, User};
use crate::aggregation::{self, AggregationSetting};
use crate::automation::{self, Automation, SentBy, menu};
use crate::document::{self, FileTemplate};
use crate::error::{Code, Error, Result, Words, words};
use crate::import::{ImportSetting, save_setting};
use crate::notice::{self, NoticeMail};
use crate::outbound::{self, CsvPush, HttpSend, MailServer, MailTemplate, Target, mail, save_target};
use crate::query::{List, MenuEntry, NamesFields, Search, has_field, renamed_path, save_list, save_search};
use crate::record;
use crate::schema::documents::{self, Document, kind_words};
use crate::schema::{self, Action, Catalog, Change, Database, FieldKind, Table};
use crate::store::{Store, Writing, reserve_id};

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
            let changes = apply(self, writing, blueprint)?;
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
        apply(self, &writing, blueprint)
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

    /// Takes a definition out of the store, by its code or id: of a database; or a target or mail server, for which the name
    /// of the database is empty. Runs that were started by it end as they would; deliveries to a target that is taken out
    /// are sent with the limits of any other.
    ///
    /// # Errors
    ///
    /// [`Code::DatabaseNotFound`], [`Code::DefinitionNotFound`], [`Code::AccessDenied`], [`Code::AdministratorOnly`];
    /// [`Code::DefinitionInUse`] for what stands in the menu of a list or is named by another definition.
    pub fn remove_definition(&self, kind: DefinitionKind, database: &str, name: &str) -> Result<()> {
        self.write(|writing| {
            let door = Door::open(self, writing)?;
            if kind == DefinitionKind::Target {
                door.demand_administrator("targets")?;
                let id = documents::get::<Target>(writing, None, name)?.id;
                documents::remove(writing, id.unwrap_or_default())?;
                return access::note_audit(self, writing, "definitions.remove", None, format!("target {name}"));
            }
            if kind == DefinitionKind::MailServer {
                door.demand_administrator("mail servers")?;
                let server: MailServer = documents::get(writing, None, name)?;
                mail::check_unused(writing, &server.code)?;
                documents::remove(writing, server.id.unwrap_or_default())?;
                return access::note_audit(self, writing, "definitions.remove", None, format!("mail_server {name}"));
            }
            let table = door.table(database, Right::Manage)?.id;
            let id = match kind {
                DefinitionKind::List => documents::get::<List>(writing, Some(table), name)?.id,
                DefinitionKind::Search => documents::get::<Search>(writing, Some(table), name)?.id,
                DefinitionKind::Aggregation => documents::get::<AggregationSetting>(writing, Some(table), name)?.id,
                DefinitionKind::Import => documents::get::<ImportSetting>(writing, Some(table), name)?.id,
                DefinitionKind::MailTemplate => {
                    let template: MailTemplate = documents::get(writing, Some(table), name)?;
                    automation::check_unused(writing, door.catalog(), table, SentBy::MailTemplate, &template.code)?;
                    notice::check_template_unused(writing, table, &template.code)?;
                    template.id
                }
                DefinitionKind::NoticeMail => {
                    let id = documents::get::<NoticeMail>(writing, Some(table), name)?.id;
                    notice::remove(writing, id.unwrap_or_default())?;
                    id
                }
                DefinitionKind::FileTemplate => {
                    let template: FileTemplate = documents::get(writing, Some(table), name)?;
                    mail::check_file_unused(writing, table, &template.code)?;
                    automation::check_unused(writing, door.catalog(), table, SentBy::FileTemplate, &template.code)?;
                    template.id
                }
                DefinitionKind::CsvPush => {
                    let push: CsvPush = documents::get(writing, Some(table), name)?;
                    menu::check_unused(writing, table, &MenuEntry::CsvPush(push.code))?;
                    push.id
                }
                DefinitionKind::HttpSend => {
                    let send: HttpSend = documents::get(writing, Some(table), name)?;
                    automation::check_unused(writing, door.catalog(), table, SentBy::HttpSend, &send.code)?;
                    menu::check_unused(writing, table, &MenuEntry::HttpSend(send.code))?;
                    send.id
                }
                DefinitionKind::Automation => {
                    let automation: Automation = documents::get(writing, Some(table), name)?;
                    menu::check_unused(writing, table, &MenuEntry::Automation(automation.code))?;
                    automation::unlisten(writing, automation.id.unwrap_or_default())?;
                    automation.id
                }
                DefinitionKind::Target | DefinitionKind::MailServer => None,
            };
            documents::remove(writing, id.unwrap_or_default())?;
            access::note_audit(self, writing, "definitions.remove", Some(table), format!("{} {name}", kind.as_str()))
        })
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

fn apply(store: &Store, writing: &Writing<'_>, blueprint: &Blueprint) -> Result<Vec<Change>> {
    let mut changes = Vec::new();
    // Judged by the rights as they were before.
    let door = Door::open(store, writing)?;
    if blueprint.access.is_some() {
        door.demand_administrator("access")?;
    }
    if !blueprint.users.is_empty() {
        door.demand_administrator("users")?;
    }
    if !blueprint.targets.is_empty() {
        door.demand_administrator("targets")?;
    }
    if !blueprint.mail_servers.is_empty() {
        door.demand_administrator("mail servers")?;
    }
    demand_databases(&door, &blueprint.databases)?;
    // Ids that are given, wherever in the document, must not be handed out on the way.
    for (id, kind, code) in given_ids(blueprint) {
        if !(1..=MOST_ID).contains(&id) {
            let kind = kind_words(kind);
            let rule = words!(
                "{kind}のID {id}が1から{MOST_ID}までの整数ではありません",
                "the id {id} of the {kind} is not from 1 to {MOST_ID}"; kind
            );
            return Err(documents::refused(code, rule));
        }
        reserve_id(writing, id)?;
    }
    for user in &blueprint.users {
        if let Some(is_new) = access::save_user(writing, user)? {
            changes.push(change("user", &user.code, is_new));
        }
    }
    let before = Catalog::load(writing)?;
    let defined = schema::define(writing, blueprint.databases.clone(), store.local(store.now()))?;
    changes.extend(defined.changes);
    let catalog = Catalog::load(writing)?;
    for (id, field) in defined.numbered {
        record::number(store, writing, catalog.table_by_id(id)?, field)?;
    }
    for id in defined.recalculate {
        record::recalculate(store, writing, catalog.table_by_id(id)?)?;
    }
    if defined.has_changes {
        follow_renames(writing, &before, &catalog)?;
    }
    demand_links(&door, &catalog, &blueprint.databases)?;
    for user in &blueprint.users {
        // After the databases, which they name.
        let is_told = changes.iter().any(|change| change.kind == "user" && change.code == user.code);
        if access::save_rights(writing, &catalog, user)? && !is_told {
            changes.push(change("user", &user.code, false));
        }
    }
    if let Some(settings) = &blueprint.access
        && access::save_settings(writing, settings)?
    {
        changes.push(change("access", "access", false));
    }
    apply_outbound(store, writing, &door, &catalog, blueprint, &mut changes)?;
    for search in &blueprint.searches {
        let mut search = search.clone();
        let table = managed(&door, &catalog, &search.database)?;
        changes.extend(put(writing, Some(table), &mut search, |search| save_search(writing, &catalog, search))?);
    }
    apply_documents(store, writing, &door, &catalog, blueprint, &mut changes)?;
    for setting in &blueprint.imports {
        let mut setting = setting.clone();
        let table = managed(&door, &catalog, &setting.database)?;
        mail::check_report(writing, &setting.code, setting.report.as_ref())?;
        changes.extend(put(writing, Some(table), &mut setting, |setting| save_setting(writing, &catalog, setting))?);
    }
    // They name imports and what is sent, and stand in the menus of lists.
    for automation in &blueprint.automations {
        let table = managed(&door, &catalog, &automation.database)?;
        let before = code_of::<Automation>(writing, automation.id)?;
        let save = |automation: &mut _| automation::save(store, writing, &door, &catalog, automation);
        changes.extend(put(writing, Some(table), &mut automation.clone(), save)?);
        if let Some(before) = before.filter(|before| *before != automation.code) {
            menu::rename_entry(writing, table, &MenuEntry::Automation(before), &automation.code)?;
        }
    }
    if !blueprint.automations.is_empty() {
        automation::circle::check(store, writing, &catalog)?;
    }
    for list in &blueprint.lists {
        let mut list = list.clone();
        let table = managed(&door, &catalog, &list.database)?;
        menu::check_menu(writing, table, &mut list)?;
        changes.extend(put(writing, Some(table), &mut list, |list| save_list(writing, &catalog, list))?);
    }
    for template in &blueprint.file_templates {
        document::check_list(writing, catalog.table(&template.database)?.id, template)?;
    }
    if defined.has_changes {
        refuse_in_use(writing, &before, &catalog)?;
    }
    if !changes.is_empty() {
        schema::check_ids(writing)?;
    }
    Ok(changes)
}

/// The greatest id that can be given: the greatest whole number that every reader of JSON takes for one.
const MOST_ID: i64 = (1 << 53) - 1;

/// Every id that the document gives, with kind and code of what it is given to.
fn given_ids(blueprint: &Blueprint) -> impl Iterator<Item = (i64, &'static str, &str)> {
    fn of<D: Document>(definitions: &[D]) -> impl Iterator<Item = (i64, &'static str, &str)> {
        definitions.iter().filter_map(|definition| Some((definition.id()?, D::KIND, definition.code())))
    }
    // Taken apart, so that none is forgotten.
    let Blueprint {
        access: _,
        users,
        databases,
        lists,
        searches,
        aggregations,
        imports,
        targets,
        mail_servers,
        file_templates,
        mail_templates,
        csv_pushes,
        http_sends,
        automations,
        notice_mails,
    } = blueprint;
    let fields = databases.iter().flat_map(|database| database.fields.iter().chain(&database.details));
    (users.iter().filter_map(|user| Some((user.id?, "user", user.code.as_str()))))
        .chain(of(databases))
        .chain(fields.filter_map(|field| Some((field.id?, "field", field.code.as_str()))))
        .chain(of(lists))
        .chain(of(searches))
        .chain(of(aggregations))
        .chain(of(imports))
        .chain(of(targets))
        .chain(of(mail_servers))
        .chain(of(file_templates))
        .chain(of(mail_templates))
        .chain(of(csv_pushes))
        .chain(of(http_sends))
        .chain(of(automations))
        .chain(of(notice_mails))
}

/// What is sent, and by whom: settings name targets and mail servers, and lists name settings in their menus.
fn apply_outbound(
    store: &Store,
    writing: &Writing<'_>,
    door: &Door,
    catalog: &Catalog,
    blueprint: &Blueprint,
    changes: &mut Vec<Change>,
) -> Result<()> {
    for target in &blueprint.targets {
        changes.extend(put(writing, None, &mut target.clone(), |target| save_target(store, writing, target))?);
    }
    for server in &blueprint.mail_servers {
        changes.extend(put(writing, None, &mut server.clone(), |server| mail::save_server(writing, server))?);
    }
    for push in &blueprint.csv_pushes {
        let table = managed(door, catalog, &push.database)?;
        let before = code_of::<CsvPush>(writing, push.id)?;
        let save = |push: &mut _| outbound::csv_push::save(writing, catalog, push);
        changes.extend(put(writing, Some(table), &mut push.clone(), save)?);
        if let Some(before) = before.filter(|before| *before != push.code) {
            menu::rename_entry(writing, table, &MenuEntry::CsvPush(before), &push.code)?;
        }
    }
    for send in &blueprint.http_sends {
        let table = managed(door, catalog, &send.database)?;
        let before = code_of::<HttpSend>(writing, send.id)?;
        let save = |send: &mut _| outbound::http_send::save(store, writing, catalog, send);
        changes.extend(put(writing, Some(table), &mut send.clone(), save)?);
        if let Some(before) = before.filter(|before| *before != send.code) {
            automation::rename_sent(writing, catalog, table, SentBy::HttpSend, (&before, &send.code))?;
            menu::rename_entry(writing, table, &MenuEntry::HttpSend(before), &send.code)?;
        }
    }
    Ok(())
}

/// What is made of records: figures and files, which name searches and lists, and mails, which name files.
fn apply_documents(
    store: &Store,
    writing: &Writing<'_>,
    door: &Door,
    catalog: &Catalog,
    blueprint: &Blueprint,
    changes: &mut Vec<Change>,
) -> Result<()> {
    for setting in &blueprint.aggregations {
        let table = managed(door, catalog, &setting.database)?;
        let save = |setting: &mut _| aggregation::save(writing, catalog, setting);
        changes.extend(put(writing, Some(table), &mut setting.clone(), save)?);
    }
    for template in &blueprint.file_templates {
        let table = managed(door, catalog, &template.database)?;
        let before = code_of::<FileTemplate>(writing, template.id)?;
        let save = |template: &mut _| document::save(store, writing, catalog, template);
        changes.extend(put(writing, Some(table), &mut template.clone(), save)?);
        if let Some(before) = before.filter(|before| *before != template.code) {
            mail::rename_file(writing, table, &before, &template.code)?;
            automation::rename_sent(writing, catalog, table, SentBy::FileTemplate, (&before, &template.code))?;
        }
    }
    for template in &blueprint.mail_templates {
        let table = managed(door, catalog, &template.database)?;
        let before = code_of::<MailTemplate>(writing, template.id)?;
        let save = |template: &mut _| mail::save_template(store, writing, catalog, template);
        changes.extend(put(writing, Some(table), &mut template.clone(), save)?);
        if let Some(before) = before.filter(|before| *before != template.code) {
            automation::rename_sent(writing, catalog, table, SentBy::MailTemplate, (&before, &template.code))?;
            notice::rename_template(writing, table, &before, &template.code)?;
        }
    }
    for notice in &blueprint.notice_mails {
        let table = managed(door, catalog, &notice.database)?;
        let save = |notice: &mut _| notice::save(store, writing, catalog, notice);
        changes.extend(put(writing, Some(table), &mut notice.clone(), save)?);
    }
    Ok(())
}

fn change(kind: &'static str, code: &str, is_new: bool) -> Change {
    let (action, what) = match is_new {
        true => (Action::Create, "new"),
        false => (Action::Change, "changed"),
    };
    Change { kind, code: code.to_owned(), action, what: what.to_owned() }
}

/// A database that is there is changed by who may manage it; one that is new is made by administrators.
fn demand_databases(door: &Door, databases: &[Database]) -> Result<()> {
    for database in databases {
        let by_id = database.id.and_then(|id| door.catalog().table_by_id(id).ok());
        match by_id.or_else(|| door.catalog().table(&database.code).ok()) {
            Some(table) => door.demand(table, Right::Manage)?,
            None => door.demand_administrator("new database")?,
        }
    }
    Ok(())
}

/// Through a link its database shows values of another one: who makes it must see them himself.
fn demand_links(door: &Door, catalog: &Catalog, databases: &[Database]) -> Result<()> {
    for field in databases.iter().flat_map(|database| database.fields.iter().chain(&database.details)) {
        if let FieldKind::Link { database } = &field.kind {
            door.demand(catalog.table(database)?, Right::View)?;
        }
    }
    Ok(())
}

/// The database of a definition, which whoever acts must manage.
fn managed(door: &Door, catalog: &Catalog, database: &str) -> Result<i64> {
    let table = catalog.table(database)?;
    door.demand(table, Right::Manage)?;
    Ok(table.id)
}

/// Keeps a definition of a database or of the whole store, if it differs from what is kept.
fn put<D: Document + PartialEq>(
    writing: &Writing<'_>,
    database: Option<i64>,
    definition: &mut D,
    save: impl Fn(&mut D) -> Result<i64>,
) -> Result<Option<Change>> {
    let name = definition.id().map_or_else(|| definition.code().to_owned(), |id| id.to_string());
    let old: Option<D> = documents::find(writing, database, &name)?;
    if let (None, Some(id)) = (definition.id(), old.as_ref().and_then(Document::id)) {
        definition.set_id(id);
    }
    if old.as_ref() == Some(definition) {
        return Ok(None);
    }
    save(definition)?;
    Ok(Some(change(D::KIND, definition.code(), old.is_none())))
}

/// The code that the definition with this id has so far.
fn code_of<D: Document>(writing: &Writing<'_>, id: Option<i64>) -> Result<Option<String>> {
    let Some(id) = id else { return Ok(None) };
    Ok(documents::find::<D>(writing, None, &id.to_string())?.map(|old| old.code().to_owned()))
}

/// Definitions name their database, its fields and labels by words, which may have changed.
fn follow_renames(writing: &Writing<'_>, before: &Catalog, after: &Catalog) -> Result<()> {
    for table in before.tables() {
        let Ok(now) = after.table_by_id(table.id) else { continue };
        follow::<List>(writing, before, after, now)?;
        follow::<Search>(writing, before, after, now)?;
        follow::<AggregationSetting>(writing, before, after, now)?;
        follow::<ImportSetting>(writing, before, after, now)?;
        follow::<CsvPush>(writing, before, after, now)?;
        follow::<HttpSend>(writing, before, after, now)?;
        follow::<FileTemplate>(writing, before, after, now)?;
        follow::<MailTemplate>(writing, before, after, now)?;
        follow::<NoticeMail>(writing, before, after, now)?;
    }
    automation::follow_renames(writing, before, after)
}

fn follow<D: NamesFields>(writing: &Writing<'_>, before: &Catalog, after: &Catalog, now: &Table) -> Result<()> {
    for old in documents::load_of::<D>(writing, now.id)? {
        let mut definition = old.clone();
        definition.relabel(before, after, now.id);
        now.code().clone_into(definition.database_mut());
        definition.paths_mut(&mut |path| {
            if let Some(path_now) = renamed_path(before, after, now.id, path) {
                *path = path_now;
            }
        });
        if definition != old {
            documents::save(writing, Some(now.id), &mut definition)?;
        }
    }
    Ok(())
}

/// Fields may only be taken out of use when no definition names them any more.
fn refuse_in_use(writing: &Writing<'_>, before: &Catalog, after: &Catalog) -> Result<()> {
    for table in before.tables() {
        let Ok(now) = after.table_by_id(table.id) else { continue };
        let mut users = Vec::new();
        find_users::<List>(writing, before, after, now, &mut users)?;
        find_users::<Search>(writing, before, after, now, &mut users)?;
        find_users::<AggregationSetting>(writing, before, after, now, &mut users)?;
        find_users::<ImportSetting>(writing, before, after, now, &mut users)?;
        find_users::<CsvPush>(writing, before, after, now, &mut users)?;
        find_users::<HttpSend>(writing, before, after, now, &mut users)?;
        find_users::<FileTemplate>(writing, before, after, now, &mut users)?;
        find_users::<MailTemplate>(writing, before, after, now, &mut users)?;
        automation::find_users(writing, before, after, now.id, &mut users)?;
        find_users::<NoticeMail>(writing, before, after, now, &mut users)?;
        if let Some((path, _)) = users.first() {
            let path = path.clone();
            let of: Vec<Words> = users.into_iter().filter(|(other, _)| *other == path).map(|(_, user)| user).collect();
            let name = format!("{}.{path}", now.code());
            return Err(Error::new(Code::DefinitionInUse)
                .with_field(path)
                .with_name(name)
                .with_rule(Words::list(&of, ", ")));
        }
    }
    Ok(())
}

/// Which definitions of a kind name which fields that were in use before and are not now.
fn find_users<D: NamesFields>(
    writing: &Writing<'_>,
    before: &Catalog,
    after: &Catalog,
    now: &Table,
    users: &mut Vec<(String, Words)>,
) -> Result<()> {
    for mut definition in documents::load_of::<D>(writing, now.id)? {
        let mut gone: Vec<String> = Vec::new();
        definition.paths_mut(&mut |path| {
            if has_field(before, now.id, path) && !has_field(after, now.id, path) && !gone.contains(path) {
                gone.push(path.clone());
            }
        });
        let (kind, code) = (kind_words(D::KIND), definition.code());
        let user = words!("{kind}「{code}」", "the {kind} \"{code}\""; kind);
        users.extend(gone.into_iter().map(|path| (path, user.clone())));
    }
    Ok(())
}
