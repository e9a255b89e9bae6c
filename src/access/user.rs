//! The users of a store.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};

use super::{AddressRange, Right, Rights};
use crate::error::{Code, Error, Result};
use crate::schema::names;
use crate::store::{Store, next_id, reserve_id};

/// A user of the store, who may do what his rights say.
///
/// Without rights he may do nothing. In JSON:
///
/// ```
/// let user: renkei::User = serde_json::from_str(r#"{
///     "code": "shop@example.com", "name": "EC連携",
///     "rights": {"orders": ["view", "register", "update"], "*": ["view"]},
///     "calls_per_minute": 60,
///     "addresses": ["203.0.113.0/24"]
/// }"#).unwrap();
/// assert!(user.active && !user.administrator);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The id; assigned when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    /// The login name, which is the value of user fields: letters, digits and `._-@+`, so that it may be a mail address.
    pub code: String,
    /// The name shown to people.
    pub name: String,
    /// Whether he may act at all. Default: true.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub active: bool,
    /// Whether he may do everything that the host may: all rights in all databases, new databases, users, tokens, settings of
    /// access, the audit log. Default: false.
    #[serde(default, skip_serializing_if = "is_false")]
    pub administrator: bool,
    /// His rights, by the code of the database; those under `*` hold in every database, also in those to come.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rights: BTreeMap<String, Rights>,
    /// How many calls of the Web API he may make within any 60 seconds, counted apart from those of all others. Without it
    /// his calls count towards [`AccessSettings::calls_per_minute`](crate::AccessSettings::calls_per_minute).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls_per_minute: Option<u32>,
    /// From where he may come with a token; empty for anywhere that the settings of access allow.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<AddressRange>,
}

fn yes() -> bool {
    true
}

fn is_true(value: &bool) -> bool {
    *value
}

fn is_false(value: &bool) -> bool {
    !*value
}

impl User {
    /// A user without an id yet, and without any rights.
    pub fn new(code: impl Into<String>, name: impl Into<String>) -> User {
        User {
            id: None,
            code: code.into(),
            name: name.into(),
            active: true,
            administrator: false,
            rights: BTreeMap::new(),
            calls_per_minute: None,
            addresses: Vec::new(),
        }
    }

    /// Gives him rights in a database, by its code, besides those he has.
    pub fn allow(mut self, database: impl Into<String>, rights: impl Into<Rights>) -> User {
        let all = self.rights.entry(database.into()).or_default();
        *all = all.union(rights.into());
        self
    }

    /// Gives him rights in every database, also in those to come.
    pub fn allow_everywhere(self, rights: impl Into<Rights>) -> User {
        self.allow("*", rights)
    }

    /// Makes him an administrator.
    pub fn administrator(mut self) -> User {
        self.administrator = true;
        self
    }
}

/// Keeps a user, new or changed. Whether he differs from what was kept is the answer, and whether he is new.
pub(crate) fn save(connection: &Connection, user: &User) -> Result<Option<bool>> {
    if let Some(rule) = names::code_fault(&user.code) {
        return Err(Error::new(Code::DefinitionInvalid).with_name("user").with_rule(rule));
    }
    if user.name.trim().is_empty() {
        let rule = format!("the user \"{}\" has an empty name", user.code);
        return Err(Error::new(Code::DefinitionInvalid).with_name("user").with_rule(rule));
    }
    let sql = "SELECT 1 FROM renkei_user WHERE code = ?2 AND id <> ?1";
    if user.id.is_some() && connection.prepare_cached(sql)?.exists((user.id, &user.code))? {
        let rule = format!("the code \"{}\" is that of another user", user.code);
        return Err(Error::new(Code::DefinitionInvalid).with_name("user").with_rule(rule));
    }
    let sql = "SELECT id, code, name FROM renkei_user WHERE id = ?1 OR code = ?2 ORDER BY id = ?1 DESC LIMIT 1";
    let old: Option<(i64, String, String)> = connection
        .prepare_cached(sql)?
        .query_row((user.id, &user.code), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    match old {
        Some((id, code, name)) => {
            if user.id.is_some_and(|given| given != id) {
                let rule = format!("the user \"{}\" has the id {id}; ids do not change", user.code);
                return Err(Error::new(Code::DefinitionInvalid).with_name("user").with_rule(rule));
            }
            if code == user.code && name == user.name {
                return Ok(None);
            }
            let sql = "UPDATE renkei_user SET code = ?2, name = ?3 WHERE id = ?1";
            connection.prepare_cached(sql)?.execute((id, &user.code, &user.name))?;
            Ok(Some(false))
        }
        None => {
            let id = match user.id {
                Some(id) => {
                    reserve_id(connection, id)?;
                    id
                }
                None => next_id(connection)?,
            };
            let sql = "INSERT INTO renkei_user (id, code, name) VALUES (?1, ?2, ?3)";
            connection.prepare_cached(sql)?.execute((id, &user.code, &user.name))?;
            Ok(Some(true))
        }
    }
}

/// Every user, by id.
pub(crate) fn load(connection: &Connection) -> Result<Vec<User>> {
    let mut statement = connection.prepare_cached("SELECT id, code, name FROM renkei_user ORDER BY id")?;
    let rows = statement.query_map([], |row| {
        Ok(User { id: row.get(0)?, ..User::new(row.get::<_, String>(1)?, row.get::<_, String>(2)?) })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

impl Store {
    /// The users of the store, by id. They are defined by a [`Blueprint`](crate::Blueprint).
    pub fn users(&self) -> Result<Vec<User>> {
        load(&*self.reading()?)
    }

    /// A handle that acts on behalf of a user: records tell who created and updated them.
    ///
    /// # Errors
    ///
    /// [`Code::DefinitionNotFound`] when there is no such user.
    pub fn as_user(&self, code: &str) -> Result<Store> {
        let reading = self.reading()?;
        let sql = "SELECT id FROM renkei_user WHERE code = ?1";
        let id: Option<i64> = reading.prepare_cached(sql)?.query_row([code], |row| row.get(0)).optional()?;
        match id {
            Some(id) => Ok(Store { inner: self.inner.clone(), actor: Some(id) }),
            None => Err(Error::new(Code::DefinitionNotFound).with_rule("user").with_value(code)),
        }
    }

    /// On whose behalf this handle acts; `None` for the host itself.
    pub fn acting_user(&self) -> Result<Option<User>> {
        unimplemented!()
    }

    /// Whether whoever this handle acts for has a right in a database, by its code or id.
    ///
    /// # Errors
    ///
    /// [`Code::DatabaseNotFound`].
    pub fn may(&self, database: &str, right: Right) -> Result<bool> {
        let _ = (database, right);
        unimplemented!()
    }
}
