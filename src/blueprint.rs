//! One document of all definitions: applied, planned, dumped.

use serde::{Deserialize, Serialize};

use crate::access::{self, User};
use crate::error::{Code, Error, Result};
use crate::import::{ImportSetting, save_setting};
use crate::outbound::{
    self, CsvPush, HttpSend, MailServer, MailTemplate, Target, mail, menu, save_target,
    template::rename as rename_in_template,
};
use crate::query::{List, MenuEntry, Search, renamed_path, save_list, save_search};
use crate::record;
use crate::schema::documents::{self, Document};
use crate::schema::{self, Action, Catalog, Change, Database};
use crate::store::{Store, Writing, reserve_id};

/// All definitions of a store, or some of them, in one document.
///
/// Applying it makes the store have what it says, and leaves alone what it does not mention. Ids may be given in it;
/// otherwise they are assigned, from 100001, and stay.
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
    /// The import settings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub imports: Vec<ImportSetting>,
    /// The targets of deliveries.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Target>,
    /// The mail servers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mail_servers: Vec<MailServer>,
    /// The mail templates.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mail_templates: Vec<MailTemplate>,
    /// The CSV pushes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub csv_pushes: Vec<CsvPush>,
    /// The http sends.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub http_sends: Vec<HttpSend>,
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
        serde_json::from_str(json).map_err(|error| {
            let place = error.line() as u64;
            Error::new(Code::DefinitionJson).with_rule(&error).at_line(place).with_source(error)
        })
    }

    /// The document as JSON, indented.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
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

    /// Adds an http send.
    pub fn http_send(mut self, send: HttpSend) -> Blueprint {
        self.http_sends.push(send);
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
    /// records that do not fit. Nothing is changed then.
    pub fn apply(&self, blueprint: &Blueprint) -> Result<Vec<Change>> {
        self.write(|writing| apply(self, writing, blueprint))
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

    /// All definitions, with their ids.
    pub fn blueprint(&self) -> Result<Blueprint> {
        let reading = self.reading()?;
        Ok(Blueprint {
            users: access::load(&reading)?,
            databases: documents::load(&reading)?,
            lists: documents::load(&reading)?,
            searches: documents::load(&reading)?,
            imports: documents::load(&reading)?,
            targets: documents::load(&reading)?,
            mail_servers: documents::load(&reading)?,
            mail_templates: documents::load(&reading)?,
            csv_pushes: documents::load(&reading)?,
            http_sends: documents::load(&reading)?,
        })
    }

    /// Takes a definition out of the store: a `list`, `search`, `import`, `csv_push`, `http_send` or `mail_template` of a
    /// database, or a `target` or `mail_server`, for which the name of the database is empty. Runs that were started by it
    /// end as they would; deliveries to a target that is taken out are sent with the limits of any other.
    ///
    /// # Errors
    ///
    /// [`Code::DefinitionNotFound`]; [`Code::DefinitionInUse`] for what stands in the menu of a list or is named by another
    /// definition; [`Code::Argument`] for other kinds.
    pub fn remove_definition(&self, kind: &str, database: &str, name: &str) -> Result<()> {
        self.write(|writing| {
            if kind == Target::KIND {
                let id = documents::get::<Target>(writing, None, name)?.id;
                return documents::remove(writing, id.unwrap_or_default());
            }
            if kind == MailServer::KIND {
                let server: MailServer = documents::get(writing, None, name)?;
                mail::check_unused(writing, &server.code)?;
                return documents::remove(writing, server.id.unwrap_or_default());
            }
            let catalog = Catalog::of(self, writing)?;
            let table = catalog.table(database)?.id;
            let id = match kind {
                List::KIND => documents::get::<List>(writing, Some(table), name)?.id,
                Search::KIND => documents::get::<Search>(writing, Some(table), name)?.id,
                ImportSetting::KIND => documents::get::<ImportSetting>(writing, Some(table), name)?.id,
                MailTemplate::KIND => documents::get::<MailTemplate>(writing, Some(table), name)?.id,
                CsvPush::KIND => {
                    let push: CsvPush = documents::get(writing, Some(table), name)?;
                    menu::check_unused(writing, table, &MenuEntry::CsvPush(push.code))?;
                    push.id
                }
                HttpSend::KIND => {
                    let send: HttpSend = documents::get(writing, Some(table), name)?;
                    menu::check_unused(writing, table, &MenuEntry::HttpSend(send.code))?;
                    send.id
                }
                other => {
                    let known = "list, search, import, csv_push, http_send, mail_template, mail_server, target";
                    let rule = format!("\"{other}\" is none of {known}");
                    return Err(Error::new(Code::Argument).with_rule(rule));
                }
            };
            documents::remove(writing, id.unwrap_or_default())
        })
    }

    /// The definition of a database, by code or id.
    ///
    /// # Errors
    ///
    /// [`Code::DatabaseNotFound`].
    pub fn database(&self, name: &str) -> Result<Database> {
        let reading = self.reading()?;
        Ok(Catalog::of(self, &reading)?.table(name)?.definition.clone())
    }
}

fn apply(store: &Store, writing: &Writing<'_>, blueprint: &Blueprint) -> Result<Vec<Change>> {
    let mut changes = Vec::new();
    // Ids that are given must not be handed out on the way.
    for id in blueprint.users.iter().filter_map(|user| user.id) {
        reserve_id(writing, id)?;
    }
    for user in &blueprint.users {
        if let Some(is_new) = access::save(writing, user)? {
            changes.push(change("user", &user.code, is_new));
        }
    }
    let lists = blueprint.lists.iter().filter_map(|list| list.id);
    let searches = blueprint.searches.iter().filter_map(|search| search.id);
    let imports = blueprint.imports.iter().filter_map(|setting| setting.id);
    let targets = blueprint.targets.iter().filter_map(|target| target.id);
    let servers = blueprint.mail_servers.iter().filter_map(|server| server.id);
    let templates = blueprint.mail_templates.iter().filter_map(|template| template.id);
    let pushes = blueprint.csv_pushes.iter().filter_map(|push| push.id);
    let sends = blueprint.http_sends.iter().filter_map(|send| send.id);
    for id in
        lists.chain(searches).chain(imports).chain(targets).chain(servers).chain(templates).chain(pushes).chain(sends)
    {
        reserve_id(writing, id)?;
    }
    let before = Catalog::load(writing)?;
    let defined = schema::define(writing, blueprint.databases.clone())?;
    changes.extend(defined.changes);
    let catalog = Catalog::load(writing)?;
    for id in defined.recalculate {
        record::recalculate(store, writing, catalog.table_by_id(id)?)?;
    }
    if defined.has_changes {
        follow_renames(writing, &before, &catalog)?;
    }
    apply_outbound(store, writing, &catalog, blueprint, &mut changes)?;
    for list in &blueprint.lists {
        let mut list = list.clone();
        let table = catalog.table(&list.database)?.id;
        menu::check_menu(writing, table, &mut list)?;
        changes.extend(put(writing, Some(table), &mut list, |list| save_list(writing, &catalog, list))?);
    }
    for search in &blueprint.searches {
        let mut search = search.clone();
        let table = catalog.table(&search.database)?.id;
        changes.extend(put(writing, Some(table), &mut search, |search| save_search(writing, &catalog, search))?);
    }
    for setting in &blueprint.imports {
        let mut setting = setting.clone();
        let table = catalog.table(&setting.database)?.id;
        mail::check_report(writing, &setting.code, setting.report.as_ref())?;
        changes.extend(put(writing, Some(table), &mut setting, |setting| save_setting(writing, &catalog, setting))?);
    }
    if !changes.is_empty() {
        schema::check_ids(writing)?;
    }
    Ok(changes)
}

/// What is sent, and by whom: settings name targets and mail servers, and lists name settings in their menus.
fn apply_outbound(
    store: &Store,
    writing: &Writing<'_>,
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
    for template in &blueprint.mail_templates {
        let table = catalog.table(&template.database)?.id;
        let save = |template: &mut _| mail::save_template(store, writing, catalog, template);
        changes.extend(put(writing, Some(table), &mut template.clone(), save)?);
    }
    for push in &blueprint.csv_pushes {
        let table = catalog.table(&push.database)?.id;
        let before = code_of::<CsvPush>(writing, push.id)?;
        let save = |push: &mut _| outbound::csv_push::save(writing, catalog, push);
        changes.extend(put(writing, Some(table), &mut push.clone(), save)?);
        if let Some(before) = before.filter(|before| *before != push.code) {
            menu::rename_entry(writing, table, &MenuEntry::CsvPush(before), &push.code)?;
        }
    }
    for send in &blueprint.http_sends {
        let table = catalog.table(&send.database)?.id;
        let before = code_of::<HttpSend>(writing, send.id)?;
        let save = |send: &mut _| outbound::http_send::save(store, writing, catalog, send);
        changes.extend(put(writing, Some(table), &mut send.clone(), save)?);
        if let Some(before) = before.filter(|before| *before != send.code) {
            menu::rename_entry(writing, table, &MenuEntry::HttpSend(before), &send.code)?;
        }
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

/// Lists, searches and import settings name their database and its fields by codes, which may have changed.
fn follow_renames(writing: &Writing<'_>, before: &Catalog, after: &Catalog) -> Result<()> {
    for table in before.tables() {
        let id = table.id;
        let Ok(now) = after.table_by_id(id) else { continue };
        let follow = |path: &mut String| {
            if let Some(path_now) = renamed_path(before, after, id, path) {
                *path = path_now;
            }
        };
        follow_rename::<List>(writing, id, |list| {
            now.code().clone_into(&mut list.database);
            list.columns.iter_mut().for_each(|column| follow(&mut column.field));
            list.sort.iter_mut().for_each(|sort| follow(&mut sort.field));
        })?;
        follow_rename::<Search>(writing, id, |search| {
            now.code().clone_into(&mut search.database);
            search.condition.paths_mut(&mut |path| follow(path));
        })?;
        follow_rename::<ImportSetting>(writing, id, |setting| {
            now.code().clone_into(&mut setting.database);
            setting.columns.iter_mut().filter_map(|column| column.field.as_mut()).for_each(follow);
        })?;
        let mut follow_mut = |path: &mut String| follow(path);
        follow_rename::<CsvPush>(writing, id, |push| {
            now.code().clone_into(&mut push.database);
            push.after_success.iter_mut().for_each(|update| follow(&mut update.field));
        })?;
        follow_rename::<HttpSend>(writing, id, |send| {
            now.code().clone_into(&mut send.database);
            send.save.iter_mut().for_each(|save| follow(&mut save.field));
            send.templates_mut().for_each(|text| rename_in_template(text, &mut follow_mut));
        })?;
        follow_rename::<MailTemplate>(writing, id, |template| {
            now.code().clone_into(&mut template.database);
            template.attachments.iter_mut().for_each(follow);
            template.templates_mut().for_each(|text| rename_in_template(text, &mut follow_mut));
        })?;
    }
    Ok(())
}

fn follow_rename<D: Document + Clone + PartialEq>(
    writing: &Writing<'_>,
    database: i64,
    mut rename: impl FnMut(&mut D),
) -> Result<()> {
    for old in documents::load_of::<D>(writing, database)? {
        let mut definition = old.clone();
        rename(&mut definition);
        if definition != old {
            documents::save(writing, Some(database), &mut definition)?;
        }
    }
    Ok(())
}
