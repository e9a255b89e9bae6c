//! Definitions are taken out.

use super::DefinitionKind;
use crate::access::{self, Door, Right};
use crate::aggregation::AggregationSetting;
use crate::automation::{self, Automation, SentBy, menu};
use crate::document::FileTemplate;
use crate::error::Result;
use crate::import::ImportSetting;
use crate::notice::{self, NoticeMail};
use crate::outbound::{CsvPush, HttpSend, MailServer, MailTemplate, mail, remove_target};
use crate::query::{List, MenuEntry, Search};
use crate::schema::documents;
use crate::store::Store;

impl Store {
    /// Takes a definition out of the store, by its code or id: of a database; or a target or mail server, for which the name
    /// of the database is empty. Runs that were started by it end as they would; deliveries to a target that is taken out
    /// are sent with the limits of any other.
    ///
    /// # Errors
    ///
    /// [`Code::DatabaseNotFound`](crate::Code::DatabaseNotFound), [`Code::DefinitionNotFound`](crate::Code::DefinitionNotFound), [`Code::AccessDenied`](crate::Code::AccessDenied), [`Code::AdministratorOnly`](crate::Code::AdministratorOnly);
    /// [`Code::DefinitionInUse`](crate::Code::DefinitionInUse) for what stands in the menu of a list or is named by another definition.
    pub fn remove_definition(&self, kind: DefinitionKind, database: &str, name: &str) -> Result<()> {
        self.write(|writing| {
            let door = Door::open(self, writing)?;
            if kind == DefinitionKind::Target {
                door.demand_administrator("targets")?;
                remove_target(self, writing, name)?;
                writing.makes_work();
                return access::note_audit(self, writing, "definitions.remove", None, format!("target {name}"));
            }
            if kind == DefinitionKind::MailServer {
                door.demand_administrator("mail servers")?;
                let server: MailServer = documents::get(writing, None, name)?;
                mail::check_unused(writing, &server.code)?;
                documents::remove(writing, server.id.unwrap_or_default())?;
                return access::note_audit(self, writing, "definitions.remove", None, format!("mail_server {name}"));
            }
            let table = door.table(database, Right::Manage)?.id;
            let id = match kind {
                DefinitionKind::List => documents::get::<List>(writing, Some(table), name)?.id,
                DefinitionKind::Search => documents::get::<Search>(writing, Some(table), name)?.id,
                DefinitionKind::Aggregation => documents::get::<AggregationSetting>(writing, Some(table), name)?.id,
                DefinitionKind::Import => documents::get::<ImportSetting>(writing, Some(table), name)?.id,
                DefinitionKind::MailTemplate => {
                    let template: MailTemplate = documents::get(writing, Some(table), name)?;
                    automation::check_unused(writing, door.catalog(), table, SentBy::MailTemplate, &template.code)?;
                    notice::check_template_unused(writing, table, &template.code)?;
                    template.id
                }
                DefinitionKind::NoticeMail => {
                    let id = documents::get::<NoticeMail>(writing, Some(table), name)?.id;
                    notice::remove(writing, id.unwrap_or_default())?;
                    id
                }
                DefinitionKind::FileTemplate => {
                    let template: FileTemplate = documents::get(writing, Some(table), name)?;
                    mail::check_file_unused(writing, table, &template.code)?;
                    automation::check_unused(writing, door.catalog(), table, SentBy::FileTemplate, &template.code)?;
                    template.id
                }
                DefinitionKind::CsvPush => {
                    let push: CsvPush = documents::get(writing, Some(table), name)?;
                    menu::check_unused(writing, table, &MenuEntry::CsvPush(push.code))?;
                    push.id
                }
                DefinitionKind::HttpSend => {
                    let send: HttpSend = documents::get(writing, Some(table), name)?;
                    automation::check_unused(writing, door.catalog(), table, SentBy::HttpSend, &send.code)?;
                    menu::check_unused(writing, table, &MenuEntry::HttpSend(send.code))?;
                    send.id
                }
                DefinitionKind::Automation => {
                    let automation: Automation = documents::get(writing, Some(table), name)?;
                    menu::check_unused(writing, table, &MenuEntry::Automation(automation.code))?;
                    automation::unlisten(writing, automation.id.unwrap_or_default())?;
                    automation.id
                }
                DefinitionKind::Target | DefinitionKind::MailServer => None,
            };
            documents::remove(writing, id.unwrap_or_default())?;
            access::note_audit(self, writing, "definitions.remove", Some(table), format!("{} {name}", kind.as_str()))
        })
    }
}
