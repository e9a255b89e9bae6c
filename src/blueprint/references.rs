//! What definitions say of fields: it follows when these are renamed, and keeps them from being taken out of use.

use crate::aggregation::AggregationSetting;
use crate::automation;
use crate::document::FileTemplate;
use crate::error::{Code, Error, Result, Words, words};
use crate::import::ImportSetting;
use crate::notice::NoticeMail;
use crate::outbound::{CsvPush, HttpSend, MailTemplate};
use crate::query::{List, NamesFields, Search, has_field, renamed_path};
use crate::schema::documents::{self, kind_words};
use crate::schema::{Catalog, Table};
use crate::store::Writing;

/// Definitions name their database, its fields and labels by words, which may have changed.
pub(super) fn follow_renames(writing: &Writing<'_>, before: &Catalog, after: &Catalog) -> Result<()> {
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
pub(super) fn refuse_in_use(writing: &Writing<'_>, before: &Catalog, after: &Catalog) -> Result<()> {
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
