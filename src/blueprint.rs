//! One document of all definitions: applied, planned, dumped.

use serde::{Deserialize, Serialize};

use crate::access::{self, User};
use crate::error::{Code, Error, Result, Words, words};
use crate::import::{ImportSetting, save_setting};
use crate::query::{List, NamesFields, Search, has_field, renamed_path, save_list, save_search};
use crate::record;
use crate::schema::documents::{self, Document, kind_words};
use crate::schema::{self, Action, Catalog, Change, Database, Table};
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
    /// An [`ImportSetting`].
    Import,
}

impl DefinitionKind {
    /// The word for it in JSON and in [`Change::kind`].
    pub fn as_str(self) -> &'static str {
        match self {
            DefinitionKind::List => List::KIND,
            DefinitionKind::Search => Search::KIND,
            DefinitionKind::Import => ImportSetting::KIND,
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
        })
    }

    /// Takes a list, search or import setting of a database out of the store, by its code or id.
    ///
    /// # Errors
    ///
    /// [`Code::DatabaseNotFound`], [`Code::DefinitionNotFound`].
    pub fn remove_definition(&self, kind: DefinitionKind, database: &str, name: &str) -> Result<()> {
        self.write(|writing| {
            let catalog = Catalog::of(self, writing)?;
            let table = catalog.table(database)?.id;
            let id = match kind {
                DefinitionKind::List => documents::get::<List>(writing, Some(table), name)?.id,
                DefinitionKind::Search => documents::get::<Search>(writing, Some(table), name)?.id,
                DefinitionKind::Import => documents::get::<ImportSetting>(writing, Some(table), name)?.id,
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
    for id in lists.chain(searches).chain(imports) {
        reserve_id(writing, id)?;
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
    for list in &blueprint.lists {
        let mut list = list.clone();
        changes.extend(put(writing, &catalog, &list.database.clone(), &mut list, save_list)?);
    }
    for search in &blueprint.searches {
        let mut search = search.clone();
        changes.extend(put(writing, &catalog, &search.database.clone(), &mut search, save_search)?);
    }
    for setting in &blueprint.imports {
        let mut setting = setting.clone();
        changes.extend(put(writing, &catalog, &setting.database.clone(), &mut setting, save_setting)?);
    }
    if defined.has_changes {
        refuse_in_use(writing, &before, &catalog)?;
    }
    if !changes.is_empty() {
        schema::check_ids(writing)?;
    }
    Ok(changes)
}

fn change(kind: &'static str, code: &str, is_new: bool) -> Change {
    let (action, what) = match is_new {
        true => (Action::Create, "new"),
        false => (Action::Change, "changed"),
    };
    Change { kind, code: code.to_owned(), action, what: what.to_owned() }
}

/// Keeps a definition that belongs to a database, if it differs from what is kept.
fn put<D: Document + PartialEq>(
    writing: &Writing<'_>,
    catalog: &Catalog,
    database: &str,
    definition: &mut D,
    save: impl Fn(&rusqlite::Connection, &Catalog, &mut D) -> Result<i64>,
) -> Result<Option<Change>> {
    let table = catalog.table(database)?;
    let name = definition.id().map_or_else(|| definition.code().to_owned(), |id| id.to_string());
    let old: Option<D> = documents::find(writing, Some(table.id), &name)?;
    if let (None, Some(id)) = (definition.id(), old.as_ref().and_then(Document::id)) {
        definition.set_id(id);
    }
    if old.as_ref() == Some(definition) {
        return Ok(None);
    }
    save(writing, catalog, definition)?;
    Ok(Some(change(D::KIND, definition.code(), old.is_none())))
}

/// Lists, searches and import settings name their database, its fields and labels by words, which may have changed.
fn follow_renames(writing: &Writing<'_>, before: &Catalog, after: &Catalog) -> Result<()> {
    for table in before.tables() {
        let Ok(now) = after.table_by_id(table.id) else { continue };
        follow::<List>(writing, before, after, now)?;
        follow::<Search>(writing, before, after, now)?;
        follow::<ImportSetting>(writing, before, after, now)?;
    }
    Ok(())
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

/// Fields may only be taken out of use when no list, search or import setting names them any more.
fn refuse_in_use(writing: &Writing<'_>, before: &Catalog, after: &Catalog) -> Result<()> {
    for table in before.tables() {
        let Ok(now) = after.table_by_id(table.id) else { continue };
        let mut users = Vec::new();
        find_users::<List>(writing, before, after, now, &mut users)?;
        find_users::<Search>(writing, before, after, now, &mut users)?;
        find_users::<ImportSetting>(writing, before, after, now, &mut users)?;
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
