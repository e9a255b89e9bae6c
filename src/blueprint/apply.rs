//! A document is applied: every definition of it is kept, in an order in which none names what is not there yet.

use super::Blueprint;
use super::references::{follow_renames, refuse_in_use};
use crate::access::{self, Door, Right};
use crate::automation::{self, SentBy, menu};
use crate::document;
use crate::error::{Result, words};
use crate::import::save_setting;
use crate::outbound::{self, mail, save_target};
use crate::query::{MenuEntry, save_list, save_search};
use crate::schema::documents::{self, Document, kind_words};
use crate::schema::{self, Action, Catalog, Change, Database, FieldKind};
use crate::store::{Store, Writing, reserve_id};
use crate::{aggregation, notice, record};

pub(super) fn apply(store: &Store, writing: &Writing<'_>, blueprint: &Blueprint) -> Result<Vec<Change>> {
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
        let table = managed(&door, &catalog, &search, &search.database)?;
        changes.extend(put(writing, Some(table), &mut search, |search| save_search(writing, &catalog, search))?);
    }
    apply_documents(store, writing, &door, &catalog, blueprint, &mut changes)?;
    for setting in &blueprint.imports {
        let mut setting = setting.clone();
        let table = managed(&door, &catalog, &setting, &setting.database)?;
        mail::check_report(writing, &setting.code, setting.report.as_ref()).map_err(documents::inside(&setting))?;
        changes.extend(put(writing, Some(table), &mut setting, |setting| save_setting(writing, &catalog, setting))?);
    }
    // They name imports and what is sent, and stand in the menus of lists.
    for automation in &blueprint.automations {
        let table = managed(&door, &catalog, automation, &automation.database)?;
        let save = |automation: &mut _| automation::save(store, writing, &door, &catalog, automation);
        let rename = |before: &str, now: &str| {
            menu::rename_entry(writing, table, &MenuEntry::Automation(before.to_owned()), now)
        };
        changes.extend(put_named(writing, table, automation, save, rename)?);
    }
    if !blueprint.automations.is_empty() {
        automation::circle::check(store, writing, &catalog)?;
    }
    for list in &blueprint.lists {
        let mut list = list.clone();
        let table = managed(&door, &catalog, &list, &list.database)?;
        let inside = documents::inside(&list);
        menu::check_menu(writing, table, &mut list).map_err(inside)?;
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
        let table = managed(door, catalog, push, &push.database)?;
        let save = |push: &mut _| outbound::csv_push::save(writing, catalog, push);
        let rename =
            |before: &str, now: &str| menu::rename_entry(writing, table, &MenuEntry::CsvPush(before.to_owned()), now);
        changes.extend(put_named(writing, table, push, save, rename)?);
    }
    for send in &blueprint.http_sends {
        let table = managed(door, catalog, send, &send.database)?;
        let save = |send: &mut _| outbound::http_send::save(store, writing, catalog, send);
        let rename = |before: &str, now: &str| {
            automation::rename_sent(writing, catalog, table, SentBy::HttpSend, (before, now))?;
            menu::rename_entry(writing, table, &MenuEntry::HttpSend(before.to_owned()), now)
        };
        changes.extend(put_named(writing, table, send, save, rename)?);
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
        let table = managed(door, catalog, setting, &setting.database)?;
        let save = |setting: &mut _| aggregation::save(writing, catalog, setting);
        changes.extend(put(writing, Some(table), &mut setting.clone(), save)?);
    }
    for template in &blueprint.file_templates {
        let table = managed(door, catalog, template, &template.database)?;
        let save = |template: &mut _| document::save(store, writing, catalog, template);
        let rename = |before: &str, now: &str| {
            mail::rename_file(writing, table, before, now)?;
            automation::rename_sent(writing, catalog, table, SentBy::FileTemplate, (before, now))
        };
        changes.extend(put_named(writing, table, template, save, rename)?);
    }
    for template in &blueprint.mail_templates {
        let table = managed(door, catalog, template, &template.database)?;
        let save = |template: &mut _| mail::save_template(store, writing, catalog, template);
        let rename = |before: &str, now: &str| {
            automation::rename_sent(writing, catalog, table, SentBy::MailTemplate, (before, now))?;
            notice::rename_template(writing, table, before, now)
        };
        changes.extend(put_named(writing, table, template, save, rename)?);
    }
    for notice in &blueprint.notice_mails {
        let table = managed(door, catalog, notice, &notice.database)?;
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
fn managed(door: &Door, catalog: &Catalog, definition: &impl Document, database: &str) -> Result<i64> {
    let table = catalog.table(database).map_err(documents::inside(definition))?;
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
    let inside = documents::inside(definition);
    save(definition).map_err(inside)?;
    Ok(Some(change(D::KIND, definition.code(), old.is_none())))
}

/// The same for a definition that others name by its code: where the document gives it another one, they follow by `rename`,
/// which is told the code before and now.
fn put_named<D: Document + PartialEq + Clone>(
    writing: &Writing<'_>,
    database: i64,
    definition: &D,
    save: impl Fn(&mut D) -> Result<i64>,
    rename: impl FnOnce(&str, &str) -> Result<()>,
) -> Result<Option<Change>> {
    let before = match definition.id() {
        Some(id) => documents::find::<D>(writing, None, &id.to_string())?,
        None => None,
    };
    let change = put(writing, Some(database), &mut definition.clone(), save)?;
    if let Some(before) = before.filter(|before| before.code() != definition.code()) {
        rename(before.code(), definition.code())?;
    }
    Ok(change)
}
