//! The one place where it is judged who may do what.
//!
//! Whatever a handle is asked for by name goes through a [`Door`]: it gives the database, or says that the user has not
//! the right. The host itself passes everywhere.

use std::collections::HashMap;
use std::sync::Arc;

use once_cell::sync::OnceCell;
use rusqlite::Connection;

use super::user::{self, User};
use super::{AccessSettings, Right, Rights, settings};
use crate::error::{Code, Error, Result};
use crate::schema::{Catalog, Table};
use crate::store::{self, Derived, Store};

/// Users, their rights and the settings of access, of one version of the definitions.
pub(super) struct Roster {
    pub(super) settings: AccessSettings,
    by_id: HashMap<i64, Arc<Member>>,
    by_code: HashMap<String, i64>,
}

/// A user with his rights.
pub(super) struct Member {
    pub(super) id: i64,
    pub(super) user: User,
    /// By the id of the database; 0 stands for every database.
    rights: HashMap<i64, Rights>,
    /// The definitions as far as his paths may go.
    catalog: OnceCell<Arc<Catalog>>,
}

impl Roster {
    /// As the transaction of `connection` sees it, which must not have changed definitions itself.
    pub(super) fn of(store: &Store, connection: &Connection) -> Result<Arc<Roster>> {
        let version = store::definitions_version(connection)?;
        if let Some(kept) = store.derived(Derived::Access, version) {
            return Ok(kept);
        }
        let mut rights = user::load_rights(connection)?;
        let mut roster = Roster {
            settings: settings::load(connection)?.unwrap_or_default(),
            by_id: HashMap::new(),
            by_code: HashMap::new(),
        };
        for user in user::load(connection)? {
            let id = user.id.unwrap_or_default();
            roster.by_code.insert(user.code.clone(), id);
            let rights = rights.remove(&id).unwrap_or_default();
            roster.by_id.insert(id, Arc::new(Member { id, user, rights, catalog: OnceCell::new() }));
        }
        let roster = Arc::new(roster);
        store.set_derived(Derived::Access, version, roster.clone());
        Ok(roster)
    }

    /// A user who may act.
    pub(super) fn active(&self, id: i64) -> Result<&Arc<Member>> {
        let member = self.by_id.get(&id).ok_or_else(|| unknown(id))?;
        match member.user.active {
            true => Ok(member),
            false => Err(Error::new(Code::UserInactive).with_name(&member.user.code)),
        }
    }

    pub(super) fn by_code(&self, code: &str) -> Result<&Arc<Member>> {
        self.by_code.get(code).and_then(|id| self.by_id.get(id)).ok_or_else(|| unknown(code))
    }
}

fn unknown(user: impl std::fmt::Display) -> Error {
    Error::new(Code::DefinitionNotFound).with_rule("user").with_value(user)
}

impl Member {
    fn rights_in(&self, database: i64) -> Rights {
        if self.user.administrator {
            return Rights::ALL;
        }
        let of = |id: i64| self.rights.get(&id).copied().unwrap_or_default();
        of(0).union(of(database))
    }

    fn demand(&self, table: &Table, right: Right) -> Result<()> {
        match self.rights_in(table.id).contains(right) {
            true => Ok(()),
            false => Err(self.denied(table.code(), right.as_str())),
        }
    }

    fn denied(&self, database: &str, right: &str) -> Error {
        Error::new(Code::AccessDenied).with_name(&self.user.code).with_value(database).with_rule(right)
    }
}

/// Whoever acts through `store`, if it is a user.
pub(super) fn acting(store: &Store, connection: &Connection) -> Result<Option<Arc<Member>>> {
    match store.actor {
        None => Ok(None),
        Some(id) => Ok(Some(Roster::of(store, connection)?.active(id)?.clone())),
    }
}

/// The definitions, for whoever acts through a handle.
pub(crate) struct Door {
    catalog: Arc<Catalog>,
    member: Option<Arc<Member>>,
}

impl Door {
    /// As the transaction of `connection` sees the definitions, which must not have changed them itself.
    ///
    /// # Errors
    ///
    /// [`Code::UserInactive`].
    pub(crate) fn open(store: &Store, connection: &Connection) -> Result<Door> {
        let catalog = Catalog::of(store, connection)?;
        Ok(Door::of(catalog, acting(store, connection)?))
    }

    /// As the definitions are now: one statement finds them to be those that are known, or they are read anew.
    ///
    /// # Errors
    ///
    /// As [`Door::open`].
    pub(crate) fn now(store: &Store) -> Result<Door> {
        if let Some((version, door)) = Door::last(store)
            && store::definitions_version(&*store.glance()?)? == version
        {
            return Ok(door);
        }
        Door::open(store, &*store.reading()?)
    }

    /// As it was opened last, with the version of the definitions, which whoever passes must find to be the present one.
    pub(crate) fn last(store: &Store) -> Option<(i64, Door)> {
        let (version, catalog) = store.last_derived::<Catalog>(Derived::Catalog)?;
        let member = match store.actor {
            None => None,
            Some(id) => {
                let (of, roster) = store.last_derived::<Roster>(Derived::Access)?;
                Some(roster.active(id).ok().filter(|_| of == version)?.clone())
            }
        };
        Some((version, Door::of(catalog, member)))
    }

    fn of(catalog: Arc<Catalog>, member: Option<Arc<Member>>) -> Door {
        let Some(member) = member else { return Door { catalog, member: None } };
        let seen = member.catalog.get_or_init(|| {
            let is_hidden = |table: &&Arc<Table>| !member.rights_in(table.id).contains(Right::View);
            match catalog.tables().iter().filter(is_hidden).map(|table| table.id).collect::<Vec<_>>() {
                hidden if hidden.is_empty() => catalog,
                hidden => Arc::new(catalog.hiding(&member.user.code, hidden)),
            }
        });
        Door { catalog: seen.clone(), member: Some(member.clone()) }
    }

    /// A database by its code or id, if whoever acts has the right in it.
    ///
    /// # Errors
    ///
    /// [`Code::DatabaseNotFound`], [`Code::AccessDenied`].
    pub(crate) fn table(&self, database: &str, right: Right) -> Result<&Arc<Table>> {
        let table = self.catalog.table(database)?;
        self.demand(table, right)?;
        Ok(table)
    }

    /// A database whose definition is asked for: any right in it will do.
    pub(crate) fn definition(&self, database: &str) -> Result<&Arc<Table>> {
        let table = self.catalog.table(database)?;
        match &self.member {
            Some(member) if member.rights_in(table.id).is_empty() => Err(member.denied(table.code(), "view")),
            _ => Ok(table),
        }
    }

    /// Refuses when whoever acts has not the right in a database.
    pub(crate) fn demand(&self, table: &Table, right: Right) -> Result<()> {
        self.member.as_ref().map_or(Ok(()), |member| member.demand(table, right))
    }

    /// The definitions, without a look at rights.
    pub(crate) fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Whether whoever acts has the right in a database.
    pub(crate) fn has(&self, database: i64, right: Right) -> bool {
        self.member.as_ref().is_none_or(|member| member.rights_in(database).contains(right))
    }

    /// Whether whoever acts may do everything.
    pub(crate) fn is_administrator(&self) -> bool {
        self.member.as_ref().is_none_or(|member| member.user.administrator)
    }

    /// Refuses everybody but the host and administrators.
    pub(crate) fn demand_administrator(&self, what: &str) -> Result<()> {
        self.member.as_ref().map_or(Ok(()), |member| administrator(member, what))
    }
}

fn administrator(member: &Member, what: &str) -> Result<()> {
    match member.user.administrator {
        true => Ok(()),
        false => Err(Error::new(Code::AdministratorOnly).with_name(&member.user.code).with_value(what)),
    }
}

/// Refuses everybody but the host and administrators.
pub(crate) fn demand_administrator(store: &Store, connection: &Connection, what: &str) -> Result<()> {
    acting(store, connection)?.map_or(Ok(()), |member| administrator(&member, what))
}

/// Refuses when whoever acts has not the right in the database with this id. Costs the host nothing.
pub(crate) fn demand(store: &Store, connection: &Connection, database: i64, right: Right) -> Result<()> {
    match acting(store, connection)? {
        None => Ok(()),
        Some(member) if member.rights_in(database).contains(right) => Ok(()),
        Some(member) => {
            let catalog = Catalog::of(store, connection)?;
            let name = catalog.table_by_id(database).map_or_else(|_| database.to_string(), |table| table.code().into());
            Err(member.denied(&name, right.as_str()))
        }
    }
}

/// Refuses when whoever acts has none of the rights in any database.
pub(crate) fn demand_somewhere(store: &Store, connection: &Connection, rights: Rights) -> Result<()> {
    let Some(member) = acting(store, connection)? else { return Ok(()) };
    let all = [0].iter().chain(member.rights.keys()).map(|id| member.rights_in(*id));
    let all = all.fold(Rights::NONE, Rights::union);
    match rights.iter().any(|right| all.contains(right)) {
        true => Ok(()),
        false => {
            let words: Vec<&str> = rights.iter().map(Right::as_str).collect();
            Err(member.denied("*", &words.join("/")))
        }
    }
}

/// Whether whoever acts may use stored bytes that belong to no record: his own, unless he may do everything.
pub(crate) fn owns(store: &Store, connection: &Connection, created_by: Option<i64>) -> Result<bool> {
    let member = acting(store, connection)?;
    Ok(member.is_none_or(|member| member.user.administrator || created_by == Some(member.id)))
}

impl Store {
    /// A handle that acts on behalf of a user: he may do what his rights say, and records tell that he created or updated
    /// them. For the host, which knows who he is, and administrators.
    ///
    /// | call | needs |
    /// | --- | --- |
    /// | [`Records::view`](crate::Records::view), [`find`](crate::Records::find), [`Store::query`], [`count`](Store::count), [`rows`](Store::rows), [`aggregate`](Store::aggregate) | `view`; of a linked database too, when a path leads into it |
    /// | [`Records::register`](crate::Records::register) and its kin, also in a [`transaction`](Store::transaction) | `register` |
    /// | [`update`](crate::Records::update), [`approve`](crate::Records::approve), [`withdraw_approval`](crate::Records::withdraw_approval) | `update` |
    /// | [`upsert`](crate::Records::upsert) | `register` and `update` |
    /// | [`delete`](crate::Records::delete) | `delete` |
    /// | [`reserve_import`](Store::reserve_import), and again when it is run; [`import_status`](Store::import_status), [`cancel_import`](Store::cancel_import), [`rejects`](Store::rejects), [`write_rejects`](Store::write_rejects) | `import` |
    /// | [`imports`](Store::imports) | shows those of databases with `import` |
    /// | [`export`](Store::export) and its kin | `export`; `view` of a linked database, when a path leads into it |
    /// | [`push`](Store::push), [`http_send`](Store::http_send), [`send_mail_about`](Store::send_mail_about), and how their runs stand, are waited for and cancelled | `export` and `view`; `view` of a linked database, when a template leads into it |
    /// | [`push_runs`](Store::push_runs), [`http_send_runs`](Store::http_send_runs) | shows those of databases with `export` and `view` |
    /// | [`start_automation`](Store::start_automation), [`plan_automation`](Store::plan_automation) | `view` and `update`; and `export`, when it sends something |
    /// | [`automation_run`](Store::automation_run), [`automation_entries`](Store::automation_entries), [`wait_automation`](Store::wait_automation) | `view` |
    /// | [`cancel_automation`](Store::cancel_automation) | `view` and `update` |
    /// | [`automation_runs`](Store::automation_runs) | shows those of databases with `view` |
    /// | [`upload`](Store::upload) | `import` in some database; an upload is imported by who made it |
    /// | [`put_file`](Store::put_file) | `register` or `update` in some database; a file is read and attached by who stored it |
    /// | [`file`](Store::file), [`read_file`](Store::read_file), once attached | `view` in the database of its record |
    /// | [`database`](Store::database), [`lists`](Store::lists), [`searches`](Store::searches), [`import_settings`](Store::import_settings), [`csv_pushes`](Store::csv_pushes), [`http_sends`](Store::http_sends), [`automations`](Store::automations), [`mail_templates`](Store::mail_templates), [`notice_mails`](Store::notice_mails) | any right |
    /// | [`apply`](Store::apply), [`plan`](Store::plan), [`remove_definition`](Store::remove_definition), [`notice_mail_status`](Store::notice_mail_status) | `manage`; and `view` of databases that a changed one links to |
    /// | [`blueprint`](Store::blueprint) | shows what he may `manage` |
    /// | new databases, users, tokens, the settings of access, the audit log, [`as_user`](Store::as_user) | an administrator |
    /// | targets, mail servers, secrets, the queue of deliveries ([`deliver`](Store::deliver), [`deliveries`](Store::deliveries), [`replay_delivery`](Store::replay_delivery)), [`send_mail`](Store::send_mail) | an administrator |
    ///
    /// A link shows the key of the linked record, and dependent and reference fields show what the definition takes from it,
    /// to everybody who sees the record itself. Fields that are set after a CSV push or from the answer to an http send are
    /// set as their definition says, also for who has not the right to `update`. So do automations what their definition says,
    /// in other databases too: whoever defines one must have the right to do that himself. What a [`Worker`](crate::Worker) runs, it runs with the rights of who asked
    /// for it.
    ///
    /// # Errors
    ///
    /// [`Code::DefinitionNotFound`] when there is no such user, [`Code::UserInactive`].
    pub fn as_user(&self, code: &str) -> Result<Store> {
        let reading = self.reading()?;
        demand_administrator(self, &reading, "as_user")?;
        let roster = Roster::of(self, &reading)?;
        let member = roster.active(roster.by_code(code)?.id)?;
        Ok(Store { actor: Some(member.id), visit: None, ..self.clone() })
    }

    /// On whose behalf this handle acts; `None` for the host itself.
    ///
    /// # Errors
    ///
    /// [`Code::UserInactive`].
    pub fn acting_user(&self) -> Result<Option<User>> {
        if self.actor.is_none() {
            return Ok(None);
        }
        Ok(acting(self, &*self.reading()?)?.map(|member| member.user.clone()))
    }

    /// Whether whoever this handle acts for has a right in a database, by its code or id.
    ///
    /// # Errors
    ///
    /// [`Code::DatabaseNotFound`], [`Code::UserInactive`].
    pub fn may(&self, database: &str, right: Right) -> Result<bool> {
        let door = Door::open(self, &*self.reading()?)?;
        let id = door.catalog.table(database)?.id;
        Ok(door.has(id, right))
    }
}
