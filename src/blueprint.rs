//! One document of all definitions: applied, planned, dumped.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::access::{self, User};
use crate::error::{Code, Error, Result};
use crate::import::{ImportSetting, save_setting};
use crate::query::{List, Search, save_list, save_search};
use crate::record;
use crate::schema::documents::{self, Document};
use crate::schema::{self, Action, Catalog, Change, Database};
use crate::store::{Store, Writing};

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

    /// Takes a list, search or import setting out of the store.
    ///
    /// # Errors
    ///
    /// [`Code::DefinitionNotFound`]; [`Code::Argument`] for other kinds.
    pub fn remove_definition(&self, kind: &str, database: &str, name: &str) -> Result<()> {
        self.write(|writing| {
            let catalog = Catalog::of(self, writing)?;
            let table = catalog.table(database)?.id;
            let id = match kind {
                List::KIND => documents::get::<List>(writing, Some(table), name)?.id,
                Search::KIND => documents::get::<Search>(writing, Some(table), name)?.id,
                ImportSetting::KIND => documents::get::<ImportSetting>(writing, Some(table), name)?.id,
                other => {
                    let rule = format!("\"{other}\" is none of list, search, import");
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
    for user in &blueprint.users {
        if let Some(is_new) = access::save(writing, user)? {
            changes.push(change("user", &user.code, is_new));
        }
    }
    let codes = |catalog: &Catalog| -> BTreeMap<i64, String> {
        catalog.tables().iter().map(|table| (table.id, table.code().to_owned())).collect()
    };
    let before = codes(&Catalog::load(writing)?);
    let defined = schema::define(writing, blueprint.databases.clone())?;
    changes.extend(defined.changes);
    let catalog = Catalog::load(writing)?;
    for id in defined.recalculate {
        record::recalculate(store, writing, catalog.table_by_id(id)?)?;
    }
    for (id, code) in codes(&catalog) {
        if before.get(&id).is_some_and(|old| *old != code) {
            follow_rename::<List>(writing, id, |list| list.database.clone_from(&code))?;
            follow_rename::<Search>(writing, id, |search| search.database.clone_from(&code))?;
            follow_rename::<ImportSetting>(writing, id, |setting| setting.database.clone_from(&code))?;
        }
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

/// Definitions name their database by its code, which has changed.
fn follow_rename<D: Document>(writing: &Writing<'_>, database: i64, rename: impl Fn(&mut D)) -> Result<()> {
    for mut definition in documents::load_of::<D>(writing, database)? {
        rename(&mut definition);
        documents::save(writing, Some(database), &mut definition)?;
    }
    Ok(())
}
