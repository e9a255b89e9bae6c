//! Starting an automation: by whom, from where, for which records.

use rusqlite::Connection;

use super::definition::{Automation, AutomationUnit};
use super::flow::Flow;
use super::journal::{KIND, Run, packed};
use super::status::{AutomationPlan, AutomationRun, entries, load};
use super::step::{Batch, Pause, Queue};
use crate::access::{self, Door, Right};
use crate::error::{Code, Error, Result, Words, words};
use crate::job::{self, NewJob};
use crate::outbound::Trigger;
use crate::outbound::right::sendable;
use crate::query::{Condition, List, MenuEntry, Query, Selection};
use crate::record::{Chosen, Selector, find_id};
use crate::schema::documents;
use crate::schema::{Catalog, Table};
use crate::store::{Link, Store, Writing};
use crate::template::call_values;

/// The most records of the pulldown and of the sub-menu.
const PULLDOWN_RECORDS: u64 = 100;
const SUB_MENU_RECORDS: u64 = 5_000;

/// So many entries of the journal are told of a dry run.
const PLANNED_ENTRIES: u64 = 1_000;

/// What is asked for when an automation is started.
///
/// ```
/// use renkei::{AutomationRequest, Condition};
///
/// let one = AutomationRequest::button("leads", "all", "follow_up", "L-0001");
/// let ticked = AutomationRequest::pulldown("leads", "all", "follow_up", ["L-0001", "L-0002"]).memo("展示会");
/// let many = AutomationRequest::sub_menu("leads", "all", "close").filter(Condition::equals("state", "済"));
/// let now = AutomationRequest::run_now("leads", "close");
/// let call = AutomationRequest::call("leads", "close").records(["L-0001"]).token("2026-01-31");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct AutomationRequest {
    trigger: Trigger,
    database: String,
    automation: String,
    list: Option<String>,
    choice: Chosen,
    memo: String,
    token: Option<String>,
}

impl AutomationRequest {
    /// Started by anything; database and automation by code or id.
    pub fn of(trigger: Trigger, database: impl Into<String>, automation: impl Into<String>) -> AutomationRequest {
        AutomationRequest {
            trigger,
            database: database.into(),
            automation: automation.into(),
            list: None,
            choice: Chosen::default(),
            memo: String::new(),
            token: None,
        }
    }

    /// Started by a list's button for one record; the list by code or id.
    pub fn button(
        database: impl Into<String>,
        list: impl Into<String>,
        automation: impl Into<String>,
        record: impl Into<Selector>,
    ) -> AutomationRequest {
        AutomationRequest::of(Trigger::Button, database, automation).list(list).records([record])
    }

    /// Started by a list's pulldown for the ticked records, at most 100.
    pub fn pulldown(
        database: impl Into<String>,
        list: impl Into<String>,
        automation: impl Into<String>,
        records: impl IntoIterator<Item = impl Into<Selector>>,
    ) -> AutomationRequest {
        AutomationRequest::of(Trigger::Pulldown, database, automation).list(list).records(records)
    }

    /// Started by a list's sub-menu for all its records or chosen ones, at most 5,000.
    pub fn sub_menu(
        database: impl Into<String>,
        list: impl Into<String>,
        automation: impl Into<String>,
    ) -> AutomationRequest {
        AutomationRequest::of(Trigger::SubMenu, database, automation).list(list)
    }

    /// Started at once from the screen of its setting.
    pub fn run_now(database: impl Into<String>, automation: impl Into<String>) -> AutomationRequest {
        AutomationRequest::of(Trigger::SettingsScreen, database, automation)
    }

    /// Started by the host.
    pub fn call(database: impl Into<String>, automation: impl Into<String>) -> AutomationRequest {
        AutomationRequest::of(Trigger::Api, database, automation)
    }

    /// The list from which it is started.
    pub fn list(mut self, list: impl Into<String>) -> AutomationRequest {
        self.list = Some(list.into());
        self
    }

    /// Only records that a saved search finds, by its code or id.
    pub fn search(mut self, search: impl Into<String>) -> AutomationRequest {
        self.choice.search = Some(search.into());
        self
    }

    /// Only records that fulfil `condition`, beside the search.
    pub fn filter(mut self, condition: Condition) -> AutomationRequest {
        self.choice.filter(condition);
        self
    }

    /// Only these records.
    pub fn records(mut self, records: impl IntoIterator<Item = impl Into<Selector>>) -> AutomationRequest {
        self.choice.name(records);
        self
    }

    /// A note that is kept with the run, and stands in templates as `${@memo}`.
    pub fn memo(mut self, memo: impl Into<String>) -> AutomationRequest {
        self.memo = memo.into();
        self
    }

    /// A token of the caller's own: a second request with the same token gives the first one's run.
    pub fn token(mut self, token: impl Into<String>) -> AutomationRequest {
        self.token = Some(token.into());
        self
    }
}

/// A run that is to be made.
pub(super) struct NewRun<'r> {
    pub(super) list: Option<i64>,
    pub(super) trigger: Trigger,
    pub(super) memo: &'r str,
    pub(super) token: Option<&'r str>,
    /// The automations whose runs led to it.
    pub(super) chain: &'r [Link],
    /// The ids of the records or detail rows.
    pub(super) items: &'r [i64],
}

impl Store {
    /// Starts an automation for records; a [`Worker`](crate::Worker) runs it.
    ///
    /// # Errors
    ///
    /// * [`Code::AutomationTrigger`] when its definition does not name the trigger, [`Code::AutomationHttpSend`] for any but
    ///   the button and the pulldown when it has an http send part, [`Code::AutomationDisabled`]; [`Code::MenuAbsent`] when
    ///   the list has it not there.
    /// * [`Code::AutomationRecords`] for more or fewer records than the trigger takes; [`Code::RecordNotFound`].
    /// * [`Code::DatabaseNotFound`], [`Code::DefinitionNotFound`], [`Code::AccessDenied`] without the rights to view and
    ///   to update, and to export when it sends something.
    pub fn start_automation(&self, request: &AutomationRequest) -> Result<AutomationRun> {
        let run = self.write(|writing| start(self, writing, request))?;
        self.automation_run(run)
    }

    /// What [`Store::start_automation`] would do, run to its end at once and taken back as a whole: nothing is changed, and
    /// nothing is sent. Parts behind one that sends go on as if it had succeeded, with an answer of which nothing is saved.
    /// Others wait for their turn to write meanwhile.
    ///
    /// # Errors
    ///
    /// As [`Store::start_automation`].
    pub fn plan_automation(&self, request: &AutomationRequest) -> Result<AutomationPlan> {
        let request = AutomationRequest { token: None, ..request.clone() };
        let attempt = || {
            let writing = self.writing()?;
            let id = start(self, &writing, &request)?;
            let mut run = Run::load(&writing, id)?;
            let catalog = Catalog::of(self, &writing)?;
            let automation = run.automation.clone();
            let flow = Flow::compile(self, &writing, &catalog, &automation)?;
            let call = call_values(self, &writing, self.now(), &run.memo)?;
            let why = Batch::new(self, &writing, &flow, &call, &mut run, None).work(&mut Queue::default())?;
            let error = match why {
                Pause::Failed(error) => Some(error),
                _ => None,
            };
            let told = load(&writing, id)?;
            let entries = entries(&writing, id, None, PLANNED_ENTRIES)?;
            // Dropped without a commit, the transaction is rolled back.
            Ok(AutomationPlan::of(&told, entries, error.as_ref()))
        };
        attempt().inspect_err(|error| self.note_failure(error))
    }
}

fn start(store: &Store, writing: &Writing<'_>, request: &AutomationRequest) -> Result<i64> {
    let door = Door::open(store, writing)?;
    let table = door.table(&request.database, Right::View)?;
    door.demand(table, Right::Update)?;
    let automation: Automation = documents::get(writing, Some(table.id), &request.automation)?;
    let flow = Flow::compile(store, writing, door.catalog(), &automation)?;
    flow.allow(&automation, request.trigger)?;
    if !automation.enabled {
        return Err(Error::new(Code::AutomationDisabled).with_name(&automation.code));
    }
    if !automation.triggers.iter().any(|trigger| trigger.kind() == request.trigger) {
        let error = Error::new(Code::AutomationTrigger).with_name(&automation.code);
        return Err(error.with_rule(request.trigger.words()));
    }
    if flow.sends() {
        sendable(&door, table.code())?;
    }
    let list = menu(writing, table, &automation, request)?;
    let items = items(store, writing, door.catalog(), table, &automation, request)?;
    let new = NewRun {
        list,
        trigger: request.trigger,
        memo: &request.memo,
        token: request.token.as_deref(),
        chain: &[],
        items: &items,
    };
    let (run, existed) = begin(store, writing, table, &automation, &new)?;
    if !existed {
        access::note_audit(store, writing, "automation.run", Some(table.id), &automation.code)?;
    }
    Ok(run)
}

/// Makes a run; its id, and whether it was there already by its token.
pub(super) fn begin(
    store: &Store,
    connection: &Connection,
    table: &Table,
    automation: &Automation,
    new: &NewRun<'_>,
) -> Result<(i64, bool)> {
    let job = NewJob {
        kind: KIND,
        lane: table.id,
        run_at: store.now(),
        token: new.token,
        report: automation.report.as_ref(),
    };
    let (run, existed) = job::reserve(store, connection, &job)?;
    if existed {
        return Ok((run, true));
    }
    let internal = |error: serde_json::Error| {
        Error::new(Code::Internal).with_rule("a setting cannot be written").with_source(error)
    };
    let document = serde_json::to_string(automation).map_err(internal)?;
    let chain = serde_json::to_string(new.chain).map_err(internal)?;
    let sql =
        "INSERT INTO renkei_automation (job_id, setting, setting_id, database_id, list_id, started_from, memo, chain,
        items, total) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    connection.prepare_cached(sql)?.execute(rusqlite::params![
        run,
        document,
        automation.id.unwrap_or_default(),
        table.id,
        new.list,
        new.trigger.as_str(),
        new.memo,
        chain,
        packed(new.items),
        i64::try_from(new.items.len()).unwrap_or(i64::MAX),
    ])?;
    Ok((run, false))
}

/// The list from whose menu it is started.
fn menu(
    connection: &Connection,
    table: &Table,
    automation: &Automation,
    request: &AutomationRequest,
) -> Result<Option<i64>> {
    let of_list = matches!(request.trigger, Trigger::Button | Trigger::Pulldown | Trigger::SubMenu);
    let Some(name) = request.list.as_ref().filter(|_| of_list) else {
        return match of_list {
            false => Ok(None),
            true => {
                let trigger = request.trigger.words();
                let rule = words!("{trigger}には一覧の指定が必要です", "{trigger} needs the list to be named"; trigger);
                Err(Error::new(Code::Argument).with_rule(rule))
            }
        };
    };
    let list: List = documents::get(connection, Some(table.id), name)?;
    let entries = match request.trigger {
        Trigger::Button => &list.menu.buttons,
        Trigger::Pulldown => &list.menu.pulldown,
        _ => &list.menu.sub_menu,
    };
    match entries.contains(&MenuEntry::Automation(automation.code.clone())) {
        true => Ok(list.id),
        false => {
            let (code, trigger) = (&list.code, request.trigger.words());
            let rule = words!("一覧「{code}」、{trigger}", "{trigger}, \"{code}\""; trigger);
            Err(Error::new(Code::MenuAbsent).with_value(&automation.code).with_rule(rule))
        }
    }
}

/// The ids of the records, or of their detail rows.
fn items(
    store: &Store,
    connection: &Connection,
    catalog: &Catalog,
    table: &Table,
    automation: &Automation,
    request: &AutomationRequest,
) -> Result<Vec<i64>> {
    let most = store.limits().automation_records;
    let (least, most, rule) = match request.trigger {
        Trigger::Button => (1, 1, words!("ボタンは1レコードです", "the button takes one")),
        Trigger::Pulldown => {
            let most = PULLDOWN_RECORDS;
            (1, most, words!("プルダウンは1～{most}レコードです", "the pulldown takes 1 to {most}"))
        }
        Trigger::SubMenu => {
            let most = SUB_MENU_RECORDS.min(most);
            (1, most, words!("サブメニューは1～{most}レコードです", "the sub-menu takes 1 to {most}"))
        }
        _ => (0, most, words!("1回の実行は{most}レコードまでです", "a run takes at most {most}")),
    };
    let within = |count: usize, rule: &Words| match (least..=most).contains(&(count as u64)) {
        true => Ok(()),
        false => Err(Error::new(Code::AutomationRecords)
            .with_name(&automation.code)
            .with_value(count)
            .with_rule(rule.clone())),
    };
    let Chosen { search, condition, records } = &request.choice;
    let mut ids = Vec::new();
    match records {
        Some(records) if search.is_none() && condition.is_none() => {
            within(records.len(), &rule)?;
            let mut seen = std::collections::HashSet::new();
            for selector in records {
                let id = find_id(connection, table, selector)?;
                let missing = || Error::new(Code::RecordNotFound).with_value(selector).with_rule(table.code());
                let id = id.ok_or_else(missing)?;
                if seen.insert(id) {
                    ids.push(id);
                }
            }
        }
        _ => {
            let condition = match request.choice.is_everything() {
                true => automation.condition.clone(),
                false => request.choice.condition(connection, table)?,
            };
            let query = Query { condition, limit: Some(most + 1), ..Query::new() };
            Selection::new(store, catalog, table, [])?.for_each(connection, &query, |row| {
                ids.push(row.id());
                Ok(true)
            })?;
        }
    }
    within(ids.len(), &rule)?;
    units(store, connection, table, automation, ids)
}

/// The records that are meant where nobody names any.
pub(super) fn usual_items(
    store: &Store,
    connection: &Connection,
    catalog: &Catalog,
    table: &Table,
    automation: &Automation,
) -> Result<Vec<i64>> {
    items(store, connection, catalog, table, automation, &AutomationRequest::of(Trigger::Timer, "", ""))
}

/// The records, or their detail rows.
pub(super) fn units(
    store: &Store,
    connection: &Connection,
    table: &Table,
    automation: &Automation,
    records: Vec<i64>,
) -> Result<Vec<i64>> {
    if automation.unit == AutomationUnit::Record {
        return Ok(records);
    }
    let most = store.limits().automation_records;
    let sql = format!("SELECT _id FROM {} WHERE _record = ?1 ORDER BY _position", table.details()?.sql);
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows: Vec<i64> = Vec::new();
    for record in records {
        for row in statement.query_map([record], |row| row.get(0))? {
            rows.push(row?);
        }
        if rows.len() as u64 > most {
            let rule = words!("1回の実行は明細{most}行までです", "a run takes at most {most} detail rows");
            let error = Error::new(Code::AutomationRecords).with_name(&automation.code);
            return Err(error.with_value(rows.len()).with_rule(rule));
        }
    }
    Ok(rows)
}
