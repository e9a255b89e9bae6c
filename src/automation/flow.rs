//! The parts of an automation, judged and made ready to be run.

use std::sync::Arc;

use rusqlite::Connection;

use super::definition::{
    Automation, AutomationTrigger, Branch, DeleteRecords, GenerateFileFor, HttpSendFor, MailField, Part, PartAction,
    PartTarget, RegisterRecord, SearchRecords, SendMailAbout, SetField, UpdateRecords,
};
use super::values::{Asked, Goal, Searches, Sets, World, find_search};
use crate::document::FileTemplate;
use crate::error::{Code, Error, Result, Words, words};
use crate::import::ImportSetting;
use crate::outbound::{HttpSend, MailTemplate, Trigger};
use crate::query::{Condition, Query, Selection, Sort};
use crate::record::{Approval, issues_keys};
use crate::schema::documents::{self, check_code_and_name, refused, unfit};
use crate::schema::{Catalog, Column, FieldKind, Table};
use crate::store::Store;

/// How deeply parts may stand in one another.
const NESTED: usize = 16;

/// The parts in the order in which they are written, those of branches behind the part that branches.
pub(super) struct Flow<'a> {
    pub(super) world: World<'a>,
    pub(super) table: &'a Arc<Table>,
    pub(super) nodes: Vec<Node<'a>>,
}

/// One part.
pub(super) struct Node<'a> {
    pub(super) code: String,
    pub(super) step: Step<'a>,
    /// Where it goes on; behind the last part is the end.
    pub(super) next: usize,
    /// Where it goes on when nothing was found, or the condition does not hold.
    pub(super) otherwise: usize,
}

/// On what a part acts.
#[derive(Clone, Copy)]
pub(super) enum Target {
    /// The record.
    Record,
    /// The detail row for which the parts are run.
    Row,
    /// All detail rows of the record.
    Rows,
    /// What the part at this place has found.
    Found(usize),
}

pub(super) enum Step<'a> {
    Register { table: &'a Arc<Table>, sets: Sets<'a>, approve: bool },
    Update { table: &'a Arc<Table>, target: Target, sets: Sets<'a> },
    Approval { table: &'a Arc<Table>, target: Target, to: Approval },
    Search { table: &'a Arc<Table>, asked: Asked<'a>, sort: Vec<Sort>, limit: u64 },
    Condition(Asked<'a>),
    Delete { table: &'a Arc<Table>, target: Target, most: u64 },
    SendMail { table: &'a Arc<Table>, target: Target, template: MailTemplate },
    GenerateFile { table: &'a Arc<Table>, target: Target, template: FileTemplate, field: &'a Column },
    HttpSend { table: &'a Arc<Table>, target: Target, send: HttpSend },
    End,
}

impl Step<'_> {
    /// Whether it reads what was committed, so that what is done before it must be.
    pub(super) fn needs_commit(&self) -> bool {
        matches!(self, Step::SendMail { .. } | Step::GenerateFile { .. })
    }

    fn sends(&self) -> bool {
        matches!(self, Step::SendMail { .. } | Step::GenerateFile { .. } | Step::HttpSend { .. })
    }
}

impl<'a> Flow<'a> {
    /// Judges an automation.
    pub(super) fn compile(
        store: &'a Store,
        connection: &Connection,
        catalog: &'a Catalog,
        automation: &'a Automation,
    ) -> Result<Flow<'a>> {
        let code = automation.code.as_str();
        check_code_and_name(code, &automation.name)?;
        let table = catalog.table(&automation.database)?;
        if automation.unit.is_row() {
            table.details()?;
        }
        let world = World { store, catalog, table, unit: automation.unit, automation: code };
        if let Some(condition) = &automation.condition {
            let query = Query::new().filter(condition.clone());
            Selection::new(store, catalog, table, [])?.lines(&query).map_err(|error| unfit(code, error))?;
        }
        if automation.triggers.is_empty() {
            let rule =
                words!("`triggers`が空のため、実行できません", "`triggers` is empty, so it could never be started");
            return Err(refused(code, rule));
        }
        for (at, trigger) in automation.triggers.iter().enumerate() {
            if automation.triggers[..at].iter().any(|other| other.kind() == trigger.kind()) {
                let kind = trigger.kind().words();
                let rule = words!("`triggers`に{kind}が2回あります", "`triggers` has {kind} twice"; kind);
                return Err(refused(code, rule));
            }
        }
        for trigger in &automation.triggers {
            check_trigger(&world, connection, trigger)?;
        }
        if automation.parts.is_empty() {
            return Err(refused(code, words!("パーツがありません", "it has no parts")));
        }
        let count = size(&automation.parts, 1).map_err(|rule| refused(code, rule))?;
        let most = store.limits().automation_parts;
        if count > most {
            let rule =
                words!("パーツが{count}個です（{most}個まで）", "it has {count} parts: at most {most} are possible");
            return Err(refused(code, rule));
        }
        let (nodes, searches, codes) = (Vec::with_capacity(count), Searches::new(), Vec::new());
        let mut compiler = Compiler { world, connection, nodes, searches, codes };
        compiler.list(&automation.parts, count)?;
        let flow = Flow { world, table, nodes: compiler.nodes };
        flow.check_triggers(automation)?;
        Ok(flow)
    }

    /// The first http send, if there is one.
    fn http_send(&self) -> Option<&Node<'a>> {
        self.nodes.iter().find(|node| matches!(node.step, Step::HttpSend { .. }))
    }

    /// Whether records leave the store.
    pub(super) fn sends(&self) -> bool {
        self.nodes.iter().any(|node| node.step.sends())
    }

    /// What contains an http send is started from a list, by the button or the pulldown, and from nowhere else.
    fn check_triggers(&self, automation: &Automation) -> Result<()> {
        automation.triggers.iter().try_for_each(|trigger| self.allow(automation, trigger.kind()))
    }

    /// Refuses what an automation with an http send cannot be started from.
    pub(super) fn allow(&self, automation: &Automation, trigger: Trigger) -> Result<()> {
        match self.http_send() {
            Some(node) if !matches!(trigger, Trigger::Button | Trigger::Pulldown) => {
                Err(Error::new(Code::AutomationHttpSend)
                    .with_name(&automation.code)
                    .with_value(&node.code)
                    .with_rule(trigger.words()))
            }
            _ => Ok(()),
        }
    }
}

/// Judges what starts an automation.
fn check_trigger(world: &World<'_>, connection: &Connection, trigger: &AutomationTrigger) -> Result<()> {
    let World { store, catalog, table, automation, .. } = *world;
    let condition = match trigger {
        AutomationTrigger::Registered(registered) => registered.condition.as_ref(),
        AutomationTrigger::Updated(updated) => {
            for field in &updated.fields {
                if table.header.find(field).is_none_or(|at| !table.header.columns[at].is_stored()) {
                    let (database, field) = (table.code(), crate::error::shorten(field));
                    let rule = words!(
                        "「{database}」に保存されるヘッダ項目「{field}」がありません",
                        "\"{database}\" has no header field \"{field}\" that is stored"
                    );
                    return Err(refused(automation, rule).with_field(field));
                }
            }
            updated.condition.as_ref()
        }
        AutomationTrigger::AfterImport(after) => {
            if let Some(import) = &after.import {
                documents::get::<ImportSetting>(connection, Some(table.id), import)?;
            }
            None
        }
        AutomationTrigger::Timer(schedule) => {
            schedule.timetable(store).map_err(|error| unfit(automation, error))?;
            None
        }
        AutomationTrigger::TemplatedMail(mail) => {
            if mail.fields.is_empty() {
                let rule = words!("定型メールの`fields`がありません", "a templated mail needs `fields`");
                return Err(refused(automation, rule));
            }
            for (at, MailField { label, field }) in mail.fields.iter().enumerate() {
                let found = table.header.find(field).map(|at| &table.header.columns[at]);
                if found.is_none_or(|column| !column.is_writable()) {
                    let (database, field) = (table.code(), crate::error::shorten(field));
                    let rule = words!(
                        "「{database}」に設定できるヘッダ項目「{field}」がありません",
                        "\"{database}\" has no header field \"{field}\" that is set"
                    );
                    return Err(refused(automation, rule).with_field(field));
                }
                let same = |other: &MailField| other.label == *label || other.field == *field;
                if label.trim().is_empty() || mail.fields[..at].iter().any(same) {
                    let rule = words!(
                        "定型メールのラベル「{label}」が空か、2回あります",
                        "the label \"{label}\" of the templated mail is empty, or stands twice"
                    );
                    return Err(refused(automation, rule).with_field(field));
                }
            }
            None
        }
        _ => None,
    };
    if let Some(condition) = condition {
        let query = Query::new().filter(condition.clone());
        Selection::new(store, catalog, table, [])?.lines(&query).map_err(|error| unfit(automation, error))?;
    }
    Ok(())
}

/// How many parts there are, those in branches included.
fn size(parts: &[Part], depth: usize) -> Result<usize, Words> {
    if depth > NESTED {
        return Err(words!(
            "パーツの入れ子が{NESTED}段を超えています",
            "parts stand in one another more than {NESTED} deep"
        ));
    }
    let mut count = parts.len();
    for part in parts {
        for branch in part.branches() {
            count += size(branch, depth + 1)?;
        }
    }
    Ok(count)
}

struct Compiler<'c, 'a> {
    world: World<'a>,
    connection: &'c Connection,
    nodes: Vec<Node<'a>>,
    /// What may be used at this place.
    searches: Searches<'a>,
    codes: Vec<String>,
}

impl<'a> Compiler<'_, 'a> {
    fn refused(&self, part: &str, rule: Words) -> Error {
        let rule = words!("パーツ「{part}」: {rule}", "part \"{part}\": {rule}"; rule);
        refused(self.world.automation, rule)
    }

    fn never(&self, part: &Part) -> Error {
        self.refused(&part.code, words!("実行されることがありません", "it can never be run"))
    }

    fn check_code(&self, part: &Part) -> Result<()> {
        check_code_and_name(&part.code, &part.name)?;
        if !self.codes.contains(&part.code) {
            return Ok(());
        }
        Err(self.refused(&part.code, words!("同じコードのパーツがあります", "another part has the same code")))
    }

    /// Compiles parts that follow each other, and go on at `after`; whether anything comes out behind them.
    fn list(&mut self, parts: &[Part], after: usize) -> Result<bool> {
        let mut goes_on = true;
        for (at, part) in parts.iter().enumerate() {
            if !goes_on {
                self.check_code(part)?;
                return Err(self.never(part));
            }
            let own = self.nodes.len();
            let [first, second] = part.branches().map(|branch| size(branch, 1).unwrap_or(0));
            let behind = own + 1 + first + second;
            let next = if at + 1 < parts.len() { behind } else { after };
            goes_on = self.part(part, next)?;
        }
        Ok(goes_on)
    }

    fn part(&mut self, part: &Part, next: usize) -> Result<bool> {
        self.check_code(part)?;
        self.codes.push(part.code.clone());
        let code = &part.code;
        let step = self.step(part).map_err(|error| error.inside(words!("パーツ「{code}」", "part \"{code}\"")))?;
        let own = self.nodes.len();
        let [yes, no] = part.branches();
        let sizes = [yes, no].map(|branch| size(branch, 1).unwrap_or(0));
        let start = |at: usize, size: usize| if size == 0 { next } else { at };
        let (hits, otherwise) = (start(own + 1, sizes[0]), start(own + 1 + sizes[0], sizes[1]));
        let is_end = matches!(step, Step::End);
        let table = match &step {
            Step::Search { table, .. } => Some(*table),
            _ => None,
        };
        self.nodes.push(Node { code: part.code.clone(), step, next: hits, otherwise });
        if is_end {
            return Ok(false);
        }
        // What is found inside of a branch is not there behind it.
        let outside = self.searches.clone();
        if let Some(table) = table {
            self.searches.insert(part.code.clone(), (own, table));
        }
        let goes_on = self.list(yes, next)?;
        self.searches = outside.clone();
        let goes_on = self.list(no, next)? || goes_on;
        self.searches = outside;
        if let Some(table) = table {
            self.searches.insert(part.code.clone(), (own, table));
        }
        Ok(goes_on)
    }

    /// What a part does by itself.
    fn step(&self, part: &Part) -> Result<Step<'a>> {
        match &part.action {
            PartAction::Register(register) => self.register(part, register),
            PartAction::Update(update) => self.update(part, update),
            PartAction::Approve(approve) => self.approval(part, &approve.target, Approval::Approved),
            PartAction::WithdrawApproval(approve) => self.approval(part, &approve.target, Approval::Pending),
            PartAction::Search(search) => self.search(part, search),
            PartAction::Condition(branch) => self.condition(part, branch),
            PartAction::Delete(delete) => self.delete(part, delete),
            PartAction::SendMail(mail) => self.send_mail(part, mail),
            PartAction::GenerateFile(file) => self.generate_file(part, file),
            PartAction::HttpSend(send) => self.send_http(part, send),
            PartAction::End(_) => Ok(Step::End),
        }
    }

    fn database(&self, name: Option<&String>) -> Result<&'a Arc<Table>> {
        self.world.catalog.table(name.map_or(self.world.table.code(), String::as_str))
    }

    /// The database of a target, and the target.
    fn target(&self, part: &Part, target: &PartTarget) -> Result<(&'a Arc<Table>, Target)> {
        let own = self.database(None)?;
        Ok(match target {
            PartTarget::This if self.world.unit.is_row() => (own, Target::Row),
            PartTarget::This | PartTarget::Record => (own, Target::Record),
            PartTarget::Rows => {
                own.details()?;
                (own, Target::Rows)
            }
            PartTarget::Found(search) => {
                let (at, table) = find_search(&self.searches, search).map_err(|rule| self.refused(&part.code, rule))?;
                (self.database(Some(&table.code().to_owned()))?, Target::Found(at))
            }
        })
    }

    /// As [`Compiler::target`], for what is done to records as a whole.
    fn records(&self, part: &Part, target: &PartTarget) -> Result<(&'a Arc<Table>, Target)> {
        match self.target(part, target)? {
            (_, Target::Row | Target::Rows) => {
                let rule = words!(
                    "明細行は対象にできません（`record`を指定してください）",
                    "it does not act on detail rows: its target is `record`"
                );
                Err(self.refused(&part.code, rule))
            }
            found => Ok(found),
        }
    }

    fn register(&self, part: &Part, register: &RegisterRecord) -> Result<Step<'a>> {
        let table = self.database(register.database.as_ref())?;
        let goal = Goal { table, on_rows: false, is_new: true };
        let sets = Sets::compile(&self.world, &part.code, &self.searches, goal, &register.set, &register.row)?;
        if register.approve && !table.definition.approval {
            return Err(Error::new(Code::ApprovalAbsent).with_value(table.code()));
        }
        let given: Vec<&str> = sets.field_names().collect();
        for at in &table.header.plan().required {
            let column = &table.header.columns[*at];
            let code = column.field.code.as_str();
            let is_filled = column.field.default.is_some()
                || matches!(column.field.kind, FieldKind::Dependent { .. })
                || table.header.key == Some(*at) && issues_keys(column);
            if !is_filled && !given.contains(&code) {
                let rule = words!(
                    "必須項目「{code}」が設定されていないため、登録できません",
                    "it can never register a record: the required field \"{code}\" is not set"
                );
                return Err(self.refused(&part.code, rule).with_field(code));
            }
        }
        Ok(Step::Register { table, sets, approve: register.approve })
    }

    fn update(&self, part: &Part, update: &UpdateRecords) -> Result<Step<'a>> {
        let (table, target) = self.target(part, &update.target)?;
        let on_rows = matches!(target, Target::Row | Target::Rows);
        if update.set.is_empty() && update.row.is_empty() {
            return Err(self.refused(&part.code, words!("設定する項目がありません", "it sets no field")));
        }
        if on_rows && !update.row.is_empty() {
            let rule = words!(
                "明細行の更新では明細行を追加できません",
                "what updates detail rows appends none: leave `row` out"
            );
            return Err(self.refused(&part.code, rule));
        }
        let goal = Goal { table, on_rows, is_new: false };
        let none: &[SetField] = &[];
        let row = if on_rows { none } else { &update.row };
        let sets = Sets::compile(&self.world, &part.code, &self.searches, goal, &update.set, row)?;
        Ok(Step::Update { table, target, sets })
    }

    fn approval(&self, part: &Part, target: &PartTarget, to: Approval) -> Result<Step<'a>> {
        let (table, target) = self.records(part, target)?;
        match table.definition.approval {
            true => Ok(Step::Approval { table, target, to }),
            false => Err(Error::new(Code::ApprovalAbsent).with_value(table.code())),
        }
    }

    fn search(&self, part: &Part, search: &SearchRecords) -> Result<Step<'a>> {
        let table = self.database(search.database.as_ref())?;
        let asked = Asked::compile(&self.world, &part.code, table, &search.condition, false)?;
        let query = Query { sort: search.sort.clone(), ..Query::new() };
        let selection = Selection::new(self.world.store, self.world.catalog, table, [])?;
        selection.lines(&query).map_err(|error| unfit(self.world.automation, error))?;
        let most = self.world.store.limits().automation_records;
        if search.limit == 0 || search.limit > most {
            let rule = words!("`limit`は1から{most}までです", "`limit` is 1 to {most}");
            return Err(self.refused(&part.code, rule));
        }
        Ok(Step::Search { table, asked, sort: search.sort.clone(), limit: search.limit })
    }

    fn condition(&self, part: &Part, branch: &Branch) -> Result<Step<'a>> {
        // What always or never holds leaves parts of one branch for nobody.
        let never = match &branch.condition {
            Condition::All(list) if list.is_empty() => branch.otherwise.first(),
            Condition::Any(list) if list.is_empty() => branch.then.first(),
            _ => None,
        };
        if let Some(never) = never {
            return Err(self.never(never));
        }
        let of_rows = self.world.unit.is_row();
        let table = self.database(None)?;
        Ok(Step::Condition(Asked::compile(&self.world, &part.code, table, &branch.condition, of_rows)?))
    }

    fn send_mail(&self, part: &Part, mail: &SendMailAbout) -> Result<Step<'a>> {
        let (table, target) = self.records(part, &mail.target)?;
        let template: MailTemplate = documents::get(self.connection, Some(table.id), &mail.template)?;
        Ok(Step::SendMail { table, target, template })
    }

    fn generate_file(&self, part: &Part, file: &GenerateFileFor) -> Result<Step<'a>> {
        let (table, target) = self.records(part, &file.target)?;
        let template: FileTemplate = documents::get(self.connection, Some(table.id), &file.template)?;
        let field = table.header.find(&file.field).map(|at| &table.header.columns[at]);
        match field.filter(|column| matches!(column.field.kind, FieldKind::File { .. })) {
            Some(field) => Ok(Step::GenerateFile { table, target, template, field }),
            None => {
                let (field, database) = (&file.field, table.code());
                let rule = words!(
                    "「{field}」は「{database}」のヘッダのファイル項目ではありません",
                    "\"{field}\" is no file field of the header of \"{database}\""
                );
                Err(self.refused(&part.code, rule).with_field(field))
            }
        }
    }

    fn send_http(&self, part: &Part, send: &HttpSendFor) -> Result<Step<'a>> {
        let (table, target) = self.records(part, &send.target)?;
        let send: HttpSend = documents::get(self.connection, Some(table.id), &send.http_send)?;
        Ok(Step::HttpSend { table, target, send })
    }

    fn delete(&self, part: &Part, delete: &DeleteRecords) -> Result<Step<'a>> {
        let (table, target) = self.records(part, &delete.target)?;
        match delete.most {
            0 => Err(self.refused(&part.code, words!("`most`は1以上です", "`most` is at least 1"))),
            most => Ok(Step::Delete { table, target, most }),
        }
    }
}
