//! The menus of lists: whether what they name exists and may be started there.

use rusqlite::Connection;

use super::definition::Automation;
use crate::error::{Code, Error, Result, words};
use crate::outbound::{CsvPush, HttpSend, Trigger};
use crate::query::{List, MenuEntry};
use crate::schema::documents;

/// Judges the menu of a list of the database `table`; ids in it become codes.
pub(crate) fn check_menu(connection: &Connection, table: i64, list: &mut List) -> Result<()> {
    for entry in list.menu.entries_mut() {
        let code = match entry {
            MenuEntry::CsvPush(code) => documents::get::<CsvPush>(connection, Some(table), code)?.code,
            MenuEntry::HttpSend(code) => documents::get::<HttpSend>(connection, Some(table), code)?.code,
            MenuEntry::Automation(code) => documents::get::<Automation>(connection, Some(table), code)?.code,
        };
        *entry.code_mut() = code;
    }
    let places = [
        (&list.menu.buttons, Trigger::Button),
        (&list.menu.pulldown, Trigger::Pulldown),
        (&list.menu.sub_menu, Trigger::SubMenu),
    ];
    for (entries, trigger) in places {
        for entry in entries {
            let allowed = match entry {
                MenuEntry::CsvPush(_) => true,
                MenuEntry::HttpSend(code) => {
                    documents::get::<HttpSend>(connection, Some(table), code)?.triggers.contains(&trigger)
                }
                MenuEntry::Automation(code) => {
                    let automation: Automation = documents::get(connection, Some(table), code)?;
                    automation.triggers.iter().any(|other| other.kind() == trigger)
                }
            };
            if !allowed {
                let code = entry.code();
                let rule = match entry {
                    MenuEntry::Automation(_) => words!(
                        "自動処理「{code}」の`triggers`で、この場所からの実行は許可されていません",
                        "the automation \"{code}\" is not to be started from there by its own `triggers`"
                    ),
                    _ => words!(
                        "http送信「{code}」の`triggers`で、この場所からの実行は許可されていません",
                        "the http send \"{code}\" is not to be started from there by its own `triggers`"
                    ),
                };
                return Err(Error::new(Code::DefinitionInvalid).with_name(&list.code).with_rule(rule));
            }
        }
    }
    Ok(())
}

/// Lets menus follow an entry whose code has changed.
pub(crate) fn rename_entry(connection: &Connection, table: i64, before: &MenuEntry, code: &str) -> Result<()> {
    for mut list in documents::load_of::<List>(connection, table)? {
        let mut changed = false;
        for entry in list.menu.entries_mut().filter(|entry| *entry == before) {
            code.clone_into(entry.code_mut());
            changed = true;
        }
        if changed {
            documents::save(connection, Some(table), &mut list)?;
        }
    }
    Ok(())
}

/// Refuses to remove what stands in a menu.
pub(crate) fn check_unused(connection: &Connection, table: i64, entry: &MenuEntry) -> Result<()> {
    let lists = documents::load_of::<List>(connection, table)?;
    match lists.iter().find(|list| list.menu.entries().any(|other| other == entry)) {
        Some(list) => {
            let code = &list.code;
            let rule = words!("一覧「{code}」のメニュー", "the menu of the list \"{code}\"");
            Err(Error::new(Code::DefinitionInUse).with_name(entry.code()).with_rule(rule))
        }
        None => Ok(()),
    }
}
