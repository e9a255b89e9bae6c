//! Who acts: the users of a store.

use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};
use crate::schema::names;
use crate::store::{Store, next_id, reserve_id};

/// A user of the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The id; assigned when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    /// The machine name, which is the value of user fields.
    pub code: String,
    /// The name shown to people.
    pub name: String,
}

impl User {
    /// A user without an id yet.
    pub fn new(code: impl Into<String>, name: impl Into<String>) -> User {
        User { id: None, code: code.into(), name: name.into() }
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
    let rows = statement.query_map([], |row| Ok(User { id: row.get(0)?, code: row.get(1)?, name: row.get(2)? }))?;
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
            Some(id) => Ok(Store { actor: Some(id), ..self.clone() }),
            None => Err(Error::new(Code::DefinitionNotFound).with_rule("user").with_value(code)),
        }
    }
}
