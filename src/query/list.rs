//! Saved lists and searches.

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::compile::condition_sql;
use super::condition::Condition;
use super::menu::{Menu, MenuEntry};
use super::page::{Order, Sort};
use super::path::{Path, Place, relabel};
use crate::access::Door;
use crate::error::{Result, words};
use crate::schema::Catalog;
use crate::schema::documents::{self, Document, check_code_and_name, documents, kind_words, refused, unfit};
use crate::store::Store;

/// The most columns of a list.
const COLUMNS: usize = 2_000;

/// A list (一覧): which columns of a database are shown, and in which order its records stand.
///
/// ```
/// use renkei::{List, Sort};
///
/// let list = List::new("customers", "overview", "顧客一覧")
///     .column("number")
///     .column("name")
///     .named("branch.name", "支店")
///     .sort(Sort::ascending("number"));
/// let json = serde_json::to_value(&list).unwrap();
/// assert_eq!(json["columns"][1], "name");
/// assert_eq!(serde_json::from_value::<List>(json).unwrap(), list);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// The id by which hosts and the wire name the list; assigned when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    /// The code of the database.
    pub database: String,
    /// The machine name, unique among the lists of the database.
    pub code: String,
    /// The name shown to people.
    pub name: String,
    /// The columns, in order.
    pub columns: Vec<ListColumn>,
    /// The order of the records; by id when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sort: Vec<Sort>,
    /// What may be started from the list.
    #[serde(default, skip_serializing_if = "Menu::is_empty")]
    pub menu: Menu,
}

/// A column of a list. In JSON a bare text stands for a column under the name of its field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListColumn {
    /// The path of the field; see [`Condition`].
    pub field: String,
    /// The name shown to people, when it is not that of the field.
    pub name: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a column is the path of a field, or an object with \"field\" and \"name\"")]
enum ColumnForm {
    Path(String),
    Whole(ColumnMembers),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ColumnMembers {
    field: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

impl Serialize for ListColumn {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.name {
            None => serializer.serialize_str(&self.field),
            name => ColumnMembers { field: self.field.clone(), name: name.clone() }.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for ListColumn {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<ListColumn, D::Error> {
        Ok(match ColumnForm::deserialize(deserializer)? {
            ColumnForm::Path(field) => ListColumn { field, name: None },
            ColumnForm::Whole(ColumnMembers { field, name }) => ListColumn { field, name },
        })
    }
}

/// A search (絞込み): a saved condition.
///
/// ```
/// use renkei::{Condition, Search};
///
/// let search = Search::new("customers", "tokyo", "東京の顧客", Condition::equals("prefecture", "東京都"));
/// let json = serde_json::to_value(&search).unwrap();
/// assert_eq!(json["condition"]["op"], "equals");
/// assert_eq!(serde_json::from_value::<Search>(json).unwrap(), search);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// The id by which hosts and the wire name the search; assigned when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    /// The code of the database.
    pub database: String,
    /// The machine name, unique among the searches of the database.
    pub code: String,
    /// The name shown to people.
    pub name: String,
    /// Which records are meant.
    pub condition: Condition,
}

impl List {
    /// A list without columns yet.
    pub fn new(database: impl Into<String>, code: impl Into<String>, name: impl Into<String>) -> List {
        List {
            id: None,
            database: database.into(),
            code: code.into(),
            name: name.into(),
            columns: Vec::new(),
            sort: Vec::new(),
            menu: Menu::default(),
        }
    }

    /// Adds a column under the name of its field.
    pub fn column(mut self, field: impl Into<String>) -> List {
        self.columns.push(ListColumn { field: field.into(), name: None });
        self
    }

    /// Adds a column under a name of its own.
    pub fn named(mut self, field: impl Into<String>, name: impl Into<String>) -> List {
        self.columns.push(ListColumn { field: field.into(), name: Some(name.into()) });
        self
    }

    /// Sorts by one field more.
    pub fn sort(mut self, sort: Sort) -> List {
        self.sort.push(sort);
        self
    }

    /// Adds an entry to the sub-menu, such as a CSV push.
    pub fn sub_menu(mut self, entry: MenuEntry) -> List {
        self.menu.sub_menu.push(entry);
        self
    }

    /// Adds a button, which acts on one record.
    pub fn button(mut self, entry: MenuEntry) -> List {
        self.menu.buttons.push(entry);
        self
    }

    /// Adds an entry to the pulldown, which acts on the ticked records.
    pub fn pulldown(mut self, entry: MenuEntry) -> List {
        self.menu.pulldown.push(entry);
        self
    }

    /// Whether every column and sort fits the database, and everything of the menu stands where it may.
    pub(crate) fn validate(&self, catalog: &Catalog) -> Result<()> {
        let table = common(catalog, &self.database, &self.code, &self.name)?;
        if self.columns.is_empty() {
            return Err(refused(&self.code, words!("列がありません", "it has no columns")));
        }
        if self.columns.len() > COLUMNS {
            return Err(refused(
                &self.code,
                words!("列が{COLUMNS}個を超えています", "it has more than {COLUMNS} columns"),
            ));
        }
        for column in &self.columns {
            Path::find(catalog, table, Place::Any, &column.field).map_err(|error| unfit(&self.code, error))?;
        }
        Order::of(catalog, table, &self.sort).map_err(|error| unfit(&self.code, error))?;
        self.menu.validate(&self.code)
    }

    /// The names of the columns, as a header line shows them.
    pub(crate) fn headings(&self, catalog: &Catalog) -> Result<Vec<String>> {
        let named = |column: &ListColumn| match &column.name {
            Some(name) => Ok(name.clone()),
            None => heading(catalog, &self.database, &column.field),
        };
        self.columns.iter().map(named).collect()
    }
}

/// What people call the field that a path names.
pub(crate) fn heading(catalog: &Catalog, database: &str, path: &str) -> Result<String> {
    Ok(Path::find(catalog, catalog.table(database)?, Place::Any, path)?.name().to_owned())
}

impl Search {
    /// A search.
    pub fn new(
        database: impl Into<String>,
        code: impl Into<String>,
        name: impl Into<String>,
        condition: Condition,
    ) -> Search {
        Search { id: None, database: database.into(), code: code.into(), name: name.into(), condition }
    }

    /// Whether the condition fits the database.
    pub(crate) fn validate(&self, catalog: &Catalog) -> Result<()> {
        let table = common(catalog, &self.database, &self.code, &self.name)?;
        condition_sql(None, catalog, table, &self.condition).map(|_| ()).map_err(|error| unfit(&self.code, error))
    }
}

fn common<'a>(catalog: &'a Catalog, database: &str, code: &str, name: &str) -> Result<&'a crate::schema::Table> {
    check_code_and_name(code, name)?;
    catalog.table(database).map(|table| table.as_ref())
}

documents! {
    List "list";
    Search "search";
}

/// A definition that names fields of its database by paths, and maybe labels of their choices.
pub(crate) trait NamesFields: Document + Clone + PartialEq {
    /// The code of the database.
    fn database_mut(&mut self) -> &mut String;

    /// Every path in it, to be looked at or changed.
    fn paths_mut(&mut self, change: &mut dyn FnMut(&mut String));

    /// Follows labels that were renamed; paths are still those of `before`.
    fn relabel(&mut self, _before: &Catalog, _after: &Catalog, _database: i64) {}
}

impl NamesFields for List {
    fn database_mut(&mut self) -> &mut String {
        &mut self.database
    }

    fn paths_mut(&mut self, change: &mut dyn FnMut(&mut String)) {
        self.columns.iter_mut().for_each(|column| change(&mut column.field));
        self.sort.iter_mut().for_each(|sort| change(&mut sort.field));
    }
}

impl NamesFields for Search {
    fn database_mut(&mut self) -> &mut String {
        &mut self.database
    }

    fn paths_mut(&mut self, change: &mut dyn FnMut(&mut String)) {
        self.condition.paths_mut(change);
    }

    fn relabel(&mut self, before: &Catalog, after: &Catalog, database: i64) {
        self.condition.values_mut(&mut |path, value| relabel(before, after, database, path, value));
    }
}

/// Checks and keeps a list. One with the code of a stored list of the same database takes its place.
pub(crate) fn save_list(connection: &Connection, catalog: &Catalog, list: &mut List) -> Result<i64> {
    list.validate(catalog)?;
    let table = catalog.table(&list.database)?;
    list.database = table.code().to_owned();
    save(connection, table.id, list)
}

/// Checks and keeps a search, as [`save_list`].
pub(crate) fn save_search(connection: &Connection, catalog: &Catalog, search: &mut Search) -> Result<i64> {
    search.validate(catalog)?;
    let table = catalog.table(&search.database)?;
    search.database = table.code().to_owned();
    save(connection, table.id, search)
}

fn save<D: Document>(connection: &Connection, database: i64, definition: &mut D) -> Result<i64> {
    let stored = documents::load_of::<D>(connection, database)?;
    let same = stored.iter().find(|other| other.code() == definition.code()).and_then(Document::id);
    match (definition.id(), same) {
        (None, Some(id)) => definition.set_id(id),
        (Some(id), Some(other)) if id != other => {
            let kind = kind_words(D::KIND);
            let rule = words!("別の{kind}が同じコードです", "another {kind} has the same code"; kind);
            return Err(refused(definition.code(), rule));
        }
        _ => {}
    }
    documents::save(connection, Some(database), definition)
}

macro_rules! reading {
    ($($(#[doc = $all:literal])* $several:ident $(#[doc = $one:literal])* $single:ident $type:ident;)*) => {
        impl Store {
            $($(#[doc = $all])*
            ///
            /// # Errors
            ///
            /// When the database does not exist, or whoever acts has no right in it.
            pub fn $several(&self, database: &str) -> Result<Vec<$type>> {
                let reading = self.reading()?;
                let table = Door::open(self, &reading)?.definition(database)?.id;
                documents::load_of(&reading, table)
            }

            $(#[doc = $one])*
            ///
            /// # Errors
            ///
            /// When the database or the definition does not exist, or whoever acts has no right in the database.
            pub fn $single(&self, database: &str, name: &str) -> Result<$type> {
                let reading = self.reading()?;
                let table = Door::open(self, &reading)?.definition(database)?.id;
                documents::get(&reading, Some(table), name)
            })*
        }
    };
}

reading! {
    /// The saved lists of a database, by id.
    lists
    /// A saved list, by its code or id.
    list List;
    /// The saved searches of a database, by id.
    searches
    /// A saved search, by its code or id.
    search Search;
}
