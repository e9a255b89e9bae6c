//! The users of a store.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};

use super::{AddressRange, Rights};
use crate::error::{Code, Error, Result, shorten};
use crate::schema::{Catalog, names};
use crate::store::{self, Store, next_id};

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
    /// The mail address, to which reports of his runs go. Default: the code, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<String>,
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
            mail: None,
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

/// The longest code of a user, in characters: that of a mail address.
const LOGIN_LENGTH: usize = 254;

/// The most ranges of addresses in one list.
const MOST_RANGES: usize = 1_000;

/// The key of rights that hold in every database.
const EVERYWHERE: &str = "*";

/// Why `code` is no acceptable login name, if it is not.
fn login_fault(code: &str) -> Option<String> {
    let shown = shorten(code);
    if code.is_empty() {
        return Some("a code is empty".to_owned());
    }
    if code.chars().count() > LOGIN_LENGTH {
        return Some(format!("the code \"{shown}\" is longer than {LOGIN_LENGTH} characters"));
    }
    if !code.chars().all(|c| c.is_alphanumeric() || names::is_mark(c) || "._-@+".contains(c)) {
        return Some(format!("the code \"{shown}\" has characters other than letters, digits and ._-@+"));
    }
    if !code.starts_with(char::is_alphanumeric) {
        return Some(format!("the code \"{shown}\" does not begin with a letter or a digit"));
    }
    None
}

/// Why a list of addresses or a number of calls is not acceptable, if it is not.
pub(super) fn bounds_fault(addresses: &[AddressRange], calls: Option<u32>) -> Option<String> {
    if addresses.len() > MOST_RANGES {
        return Some(format!("there are more than {MOST_RANGES} ranges of addresses"));
    }
    let most = super::window::MOST_CALLS;
    calls.filter(|calls| *calls > most).map(|calls| format!("calls_per_minute is {calls}, more than {most}"))
}

fn refusal(rule: impl std::fmt::Display) -> Error {
    Error::new(Code::DefinitionInvalid).with_name("user").with_rule(rule)
}

/// What is kept of a user in one row.
type Row = (String, String, Option<String>, bool, bool, Option<u32>, String);

fn row_of(user: &User) -> Result<Row> {
    let addresses = ranges_to_json(&user.addresses)?;
    let User { code, name, mail, active, administrator, calls_per_minute, .. } = user;
    Ok((code.clone(), name.clone(), mail.clone(), *active, *administrator, *calls_per_minute, addresses))
}

pub(super) fn ranges_to_json(ranges: &[AddressRange]) -> Result<String> {
    serde_json::to_string(ranges)
        .map_err(|error| Error::new(Code::Internal).with_rule("addresses cannot be written").with_source(error))
}

pub(super) fn ranges_from_json(json: &str) -> Result<Vec<AddressRange>> {
    serde_json::from_str(json)
        .map_err(|error| Error::new(Code::StoreCorrupt).with_rule(format!("addresses are not readable: {error}")))
}

/// Keeps a user, new or changed, without his rights. Whether he differs from what was kept is the answer, and whether he
/// is new.
pub(crate) fn save(connection: &Connection, user: &User) -> Result<Option<bool>> {
    if let Some(rule) = login_fault(&user.code).or_else(|| bounds_fault(&user.addresses, user.calls_per_minute)) {
        return Err(refusal(rule));
    }
    if user.name.trim().is_empty() {
        return Err(refusal(format!("the user \"{}\" has an empty name", user.code)));
    }
    // Login names that differ in case only would be taken for each other.
    let sql = "SELECT code FROM renkei_user WHERE lower(code) = lower(?2) AND (?1 IS NOT NULL AND id <> ?1
        OR ?1 IS NULL AND code <> ?2)";
    let other: Option<String> =
        connection.prepare_cached(sql)?.query_row((user.id, &user.code), |row| row.get(0)).optional()?;
    if let Some(other) = other {
        return Err(refusal(format!("the code \"{}\" is that of another user, \"{other}\"", user.code)));
    }
    let sql = "SELECT code, name, mail, active, administrator, calls_per_minute, addresses, id FROM renkei_user
        WHERE id = ?1 OR code = ?2 ORDER BY id = ?1 DESC LIMIT 1";
    let old: Option<(Row, i64)> = connection
        .prepare_cached(sql)?
        .query_row((user.id, &user.code), |row| {
            let kept = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?);
            Ok((kept, row.get(7)?))
        })
        .optional()?;
    let new = row_of(user)?;
    let (id, is_new) = match old {
        Some((kept, id)) => {
            if kept == new {
                return Ok(None);
            }
            (id, false)
        }
        None => match user.id {
            Some(id) => (id, true),
            None => (next_id(connection)?, true),
        },
    };
    let sql = "INSERT INTO renkei_user (id, code, name, mail, active, administrator, calls_per_minute, addresses)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
        ON CONFLICT (id) DO UPDATE SET code = excluded.code, name = excluded.name, mail = excluded.mail,
            active = excluded.active, administrator = excluded.administrator, calls_per_minute = excluded.calls_per_minute,
            addresses = excluded.addresses";
    let (code, name, mail, active, administrator, calls, addresses) = new;
    connection.prepare_cached(sql)?.execute((id, code, name, mail, active, administrator, calls, addresses))?;
    store::definitions_changed(connection)?;
    Ok(Some(is_new))
}

/// Keeps the rights of a user who has been kept; whether they differ from what was kept.
pub(crate) fn save_rights(connection: &Connection, catalog: &Catalog, user: &User) -> Result<bool> {
    let sql = "SELECT id FROM renkei_user WHERE code = ?1";
    let id: i64 = connection.prepare_cached(sql)?.query_row([&user.code], |row| row.get(0))?;
    let mut new: HashMap<i64, Rights> = HashMap::new();
    for (database, rights) in user.rights.iter().filter(|(_, rights)| !rights.is_empty()) {
        let database = match database.as_str() {
            EVERYWHERE => 0,
            name => {
                let rule = || format!("the user \"{}\" has rights in \"{name}\", which is no database", user.code);
                catalog.table(name).map_err(|_| refusal(rule()))?.id
            }
        };
        let all = new.entry(database).or_default();
        *all = all.union(*rights);
    }
    if load_rights(connection)?.remove(&id).unwrap_or_default() == new {
        return Ok(false);
    }
    connection.prepare_cached("DELETE FROM renkei_right WHERE user_id = ?1")?.execute([id])?;
    let sql = "INSERT INTO renkei_right (user_id, database_id, rights) VALUES (?1, ?2, ?3)";
    for (database, rights) in new {
        connection.prepare_cached(sql)?.execute((id, database, rights.to_bits()))?;
    }
    store::definitions_changed(connection)?;
    Ok(true)
}

/// The rights of every user, by database; 0 stands for every database.
pub(super) fn load_rights(connection: &Connection) -> Result<HashMap<i64, HashMap<i64, Rights>>> {
    let mut all: HashMap<i64, HashMap<i64, Rights>> = HashMap::new();
    let mut statement = connection.prepare_cached("SELECT user_id, database_id, rights FROM renkei_right")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        all.entry(row.get(0)?).or_default().insert(row.get(1)?, Rights::from_bits(row.get(2)?));
    }
    Ok(all)
}

/// Every user, by id.
pub(crate) fn load(connection: &Connection) -> Result<Vec<User>> {
    let sql = "SELECT id, code, name, active, administrator, calls_per_minute, addresses, mail
        FROM renkei_user ORDER BY id";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut users = Vec::new();
    while let Some(row) = rows.next()? {
        users.push(User {
            id: row.get(0)?,
            code: row.get(1)?,
            name: row.get(2)?,
            mail: row.get(7)?,
            active: row.get(3)?,
            administrator: row.get(4)?,
            rights: BTreeMap::new(),
            calls_per_minute: row.get(5)?,
            addresses: ranges_from_json(row.get_ref(6)?.as_str().map_err(rusqlite::Error::from)?)?,
        });
    }
    let sql = "SELECT r.user_id, d.code, r.rights FROM renkei_right r
        LEFT JOIN renkei_definition d ON d.id = r.database_id WHERE r.database_id = 0 OR d.id IS NOT NULL";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, code, rights): (i64, Option<String>, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if let Ok(at) = users.binary_search_by_key(&Some(id), |user| user.id) {
            users[at].rights.insert(code.unwrap_or_else(|| EVERYWHERE.to_owned()), Rights::from_bits(rights));
        }
    }
    Ok(users)
}

/// The code of a user.
pub(crate) fn code_of(connection: &Connection, id: i64) -> Result<Option<String>> {
    let sql = "SELECT code FROM renkei_user WHERE id = ?1";
    Ok(connection.prepare_cached(sql)?.query_row([id], |row| row.get(0)).optional()?)
}

impl Store {
    /// The users of the store, by id. They are defined by a [`Blueprint`](crate::Blueprint). For the host and
    /// administrators.
    ///
    /// # Errors
    ///
    /// [`Code::AdministratorOnly`].
    pub fn users(&self) -> Result<Vec<User>> {
        let reading = self.reading()?;
        super::demand_administrator(self, &reading, "users")?;
        load(&reading)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn login_names_are_taken_and_others_are_not() {
        let long = format!("{}@example.com", "a".repeat(242));
        for code in ["taro@example.com", "a", "0012", "山田", "taro.yamada+api@example.co.jp", "a__b", &long] {
            assert_eq!(login_fault(code), None, "{code}");
        }
        let too_long = format!("a{long}");
        for code in ["", "@a", ".a", "a b", "a\n", "*", "a'b", "a\"b", "a,b", "<a>", &too_long] {
            assert!(login_fault(code).is_some(), "{code}");
        }
    }
}
