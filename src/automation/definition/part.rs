//! What an automation does: its parts, on what they act, and where the values come from that they set.

use serde::{Deserialize, Serialize};

use super::is_no;
use crate::error::Result;
use crate::query::{Condition, Sort};
use crate::schema::{Expression, Value};

/// One part of an automation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The machine name, unique in its automation.
    pub code: String,
    /// The name shown to people.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// What it does.
    pub action: PartAction,
}

/// What a part does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum PartAction {
    /// Registers a record (レコード登録).
    Register(RegisterRecord),
    /// Updates records or detail rows (レコード更新).
    Update(UpdateRecords),
    /// Approves records (レコード承認).
    Approve(TargetRecords),
    /// Withdraws the approval of records (レコード承認の取消).
    WithdrawApproval(TargetRecords),
    /// Searches records (レコード検索): later parts take what was found; branches.
    Search(SearchRecords),
    /// Branches by a condition on the record.
    Condition(Branch),
    /// Deletes records (レコード削除).
    Delete(DeleteRecords),
    /// Sends a mail about each record (メール送信).
    SendMail(SendMailAbout),
    /// Generates a file for each record (ファイル生成), and keeps it in a field of the record.
    GenerateFile(GenerateFileFor),
    /// Calls an outside API for each record (http送信), and waits for the answer. An automation with this part is started by
    /// the button or the pulldown of a list, and by nothing else.
    HttpSend(HttpSendFor),
    /// Ends the parts of this record.
    End(EndParts),
}

/// On which records a part acts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartTarget {
    /// The record, or the detail row, for which the parts are run.
    #[default]
    This,
    /// The record to which the detail row belongs; the record itself where parts are run for records.
    Record,
    /// All detail rows of the record; of an update only.
    Rows,
    /// The records that the search part with this code has found.
    Found(String),
}

fn is_this(target: &PartTarget) -> bool {
    *target == PartTarget::This
}

/// A field and what it is set to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetField {
    /// The code of a field.
    pub field: String,
    /// Where its value comes from.
    pub from: FieldSource,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FieldSource {
    /// A fixed value.
    Value(Value),
    /// A field of the record for which the parts are run: its code, a path through links such as `customer.name`, or a system
    /// field such as `_id`.
    Field(String),
    /// A field of the record that is written, as it was before.
    Target(String),
    /// A field of the first record that a search part has found; empty when there is none.
    Found(FoundField),
    /// A calculation with number fields of the record for which the parts are run. For number fields only.
    Formula(Expression),
    /// A calculation with number fields of the record that is written. A name that it does not have and that begins with
    /// `this_` is, without that, a field of the record for which the parts are run.
    TargetFormula(Expression),
    /// A text with placeholders over the record for which the parts are run, such as `${name}様`, and over the run: `${@now}`,
    /// `${@today}`, `${@user}`, `${@memo}`. A placeholder alone is the value as it is.
    Template(String),
}

/// A field of the first record that a search part has found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FoundField {
    /// The code of the search part.
    pub part: String,
    /// The path of the field.
    pub field: String,
}

impl FieldSource {
    /// A field of the record for which the parts are run.
    pub fn field(path: impl Into<String>) -> FieldSource {
        FieldSource::Field(path.into())
    }

    /// A field of the record that is written.
    pub fn target(path: impl Into<String>) -> FieldSource {
        FieldSource::Target(path.into())
    }

    /// A field of the first record that a search part has found.
    pub fn found(part: impl Into<String>, field: impl Into<String>) -> FieldSource {
        FieldSource::Found(FoundField { part: part.into(), field: field.into() })
    }

    /// A calculation with fields of the record for which the parts are run.
    ///
    /// # Errors
    ///
    /// [`Code::DefinitionInvalid`](crate::Code::DefinitionInvalid) for what is no [`Expression`].
    pub fn formula(expression: &str) -> Result<FieldSource> {
        Ok(FieldSource::Formula(expression.parse()?))
    }

    /// A calculation with fields of the record that is written.
    ///
    /// # Errors
    ///
    /// As [`FieldSource::formula`].
    pub fn target_formula(expression: &str) -> Result<FieldSource> {
        Ok(FieldSource::TargetFormula(expression.parse()?))
    }

    /// A text with placeholders.
    pub fn template(text: impl Into<String>) -> FieldSource {
        FieldSource::Template(text.into())
    }
}

impl<T: Into<Value>> From<T> for FieldSource {
    fn from(value: T) -> FieldSource {
        FieldSource::Value(value.into())
    }
}

/// Registers a record, of the same or of another database.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisterRecord {
    /// The code of the database; that of the automation when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// The header fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<SetField>,
    /// The fields of its one detail row; none is made when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub row: Vec<SetField>,
    /// Whether it is approved at once. Default: no.
    #[serde(default, skip_serializing_if = "is_no")]
    pub approve: bool,
}

/// Updates records or detail rows.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpdateRecords {
    /// Which. Default: the record, or the detail row, for which the parts are run.
    #[serde(default, skip_serializing_if = "is_this")]
    pub target: PartTarget,
    /// The fields that are set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<SetField>,
    /// The fields of a detail row that is appended to each record; none is when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub row: Vec<SetField>,
}

/// Records on which a part acts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetRecords {
    /// Which. Default: the record for which the parts are run.
    #[serde(default, skip_serializing_if = "is_this")]
    pub target: PartTarget,
}

/// Searches records of a database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchRecords {
    /// The code of the database; that of the automation when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// Which records. Texts in it may have placeholders, as a [`FieldSource::Template`] has.
    #[serde(default)]
    pub condition: Condition,
    /// Their order; by id when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sort: Vec<Sort>,
    /// The most records that are taken, in that order. Default: 1,000.
    #[serde(default = "thousand")]
    pub limit: u64,
    /// Parts that are run when something was found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hits: Vec<Part>,
    /// Parts that are run when nothing was found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub none: Vec<Part>,
}

fn thousand() -> u64 {
    1_000
}

/// Branches by a condition. What follows the part is run after either branch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Branch {
    /// The condition on the record. Texts in it may have placeholders. Where parts are run for detail rows, a condition on
    /// detail fields alone is one on the row; else a comparison with a detail field holds when some row fulfils it.
    pub condition: Condition,
    /// Parts that are run where it holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub then: Vec<Part>,
    /// Parts that are run where it does not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub otherwise: Vec<Part>,
}

/// Deletes records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeleteRecords {
    /// Which. Default: the record for which the parts are run.
    #[serde(default, skip_serializing_if = "is_this")]
    pub target: PartTarget,
    /// The most records that this part may delete in one run; more are refused. Default: 100.
    #[serde(default = "hundred")]
    pub most: u64,
}

fn hundred() -> u64 {
    100
}

/// Sends a mail about each record, by a [`MailTemplate`](crate::MailTemplate).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SendMailAbout {
    /// The code of the mail template, of the database of the records.
    pub template: String,
    /// About which. Default: the record for which the parts are run. At most 1,000 records that were found.
    #[serde(default, skip_serializing_if = "is_this")]
    pub target: PartTarget,
}

/// Generates a file for each record, by a [`FileTemplate`](crate::FileTemplate), and keeps it in a field of the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenerateFileFor {
    /// The code of the file template, of the database of the records.
    pub template: String,
    /// The file field of the header that takes it, in the place of the file before.
    pub field: String,
    /// For which. Default: the record for which the parts are run. At most 1,000 records that were found.
    #[serde(default, skip_serializing_if = "is_this")]
    pub target: PartTarget,
}

/// Calls an outside API for each record, by an [`HttpSend`](crate::HttpSend).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpSendFor {
    /// The code of the http send, of the database of the records.
    pub http_send: String,
    /// For which. Default: the record for which the parts are run. At most 100 records that were found.
    #[serde(default, skip_serializing_if = "is_this")]
    pub target: PartTarget,
}

/// Ends the parts of this record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndParts {}

impl Part {
    /// A part.
    pub fn new(code: impl Into<String>, name: impl Into<String>, action: impl Into<PartAction>) -> Part {
        Part { code: code.into(), name: name.into(), comment: String::new(), action: action.into() }
    }

    /// Approves records.
    pub fn approve(code: impl Into<String>, name: impl Into<String>, target: PartTarget) -> Part {
        Part::new(code, name, PartAction::Approve(TargetRecords { target }))
    }

    /// Withdraws the approval of records.
    pub fn withdraw_approval(code: impl Into<String>, name: impl Into<String>, target: PartTarget) -> Part {
        Part::new(code, name, PartAction::WithdrawApproval(TargetRecords { target }))
    }

    /// Ends the parts of this record.
    pub fn end(code: impl Into<String>, name: impl Into<String>) -> Part {
        Part::new(code, name, PartAction::End(EndParts {}))
    }

    /// The parts that stand directly in it, by branch.
    pub(in crate::automation) fn branches(&self) -> [&[Part]; 2] {
        match &self.action {
            PartAction::Search(search) => [&search.hits, &search.none],
            PartAction::Condition(branch) => [&branch.then, &branch.otherwise],
            _ => [&[], &[]],
        }
    }
}

impl PartTarget {
    /// The records that a search part has found.
    pub fn found(part: impl Into<String>) -> PartTarget {
        PartTarget::Found(part.into())
    }
}

macro_rules! actions {
    ($($type:ident $variant:ident;)*) => {
        $(impl From<$type> for PartAction {
            fn from(action: $type) -> PartAction {
                PartAction::$variant(action)
            }
        })*
    };
}

actions! {
    RegisterRecord Register;
    UpdateRecords Update;
    SearchRecords Search;
    Branch Condition;
    DeleteRecords Delete;
    SendMailAbout SendMail;
    GenerateFileFor GenerateFile;
    HttpSendFor HttpSend;
}

fn add(fields: &mut Vec<SetField>, field: impl Into<String>, from: impl Into<FieldSource>) {
    fields.push(SetField { field: field.into(), from: from.into() });
}

impl RegisterRecord {
    /// A record of the database of the automation.
    pub fn here() -> RegisterRecord {
        RegisterRecord::default()
    }

    /// A record of another database, by its code.
    pub fn of(database: impl Into<String>) -> RegisterRecord {
        RegisterRecord { database: Some(database.into()), ..RegisterRecord::default() }
    }

    /// Sets a header field.
    pub fn set(mut self, field: impl Into<String>, from: impl Into<FieldSource>) -> RegisterRecord {
        add(&mut self.set, field, from);
        self
    }

    /// Sets a field of its detail row.
    pub fn set_in_row(mut self, field: impl Into<String>, from: impl Into<FieldSource>) -> RegisterRecord {
        add(&mut self.row, field, from);
        self
    }
}

impl UpdateRecords {
    /// Updates the record, or the detail row, for which the parts are run.
    pub fn this() -> UpdateRecords {
        UpdateRecords::default()
    }

    /// Updates others.
    pub fn of(target: PartTarget) -> UpdateRecords {
        UpdateRecords { target, ..UpdateRecords::default() }
    }

    /// Sets a field.
    pub fn set(mut self, field: impl Into<String>, from: impl Into<FieldSource>) -> UpdateRecords {
        add(&mut self.set, field, from);
        self
    }

    /// Sets a field of a detail row that is appended.
    pub fn set_in_row(mut self, field: impl Into<String>, from: impl Into<FieldSource>) -> UpdateRecords {
        add(&mut self.row, field, from);
        self
    }
}

impl SearchRecords {
    /// A search in the database of the automation.
    pub fn here(condition: Condition) -> SearchRecords {
        let limit = thousand();
        SearchRecords { database: None, condition, sort: Vec::new(), limit, hits: Vec::new(), none: Vec::new() }
    }

    /// A search in another database, by its code.
    pub fn of(database: impl Into<String>, condition: Condition) -> SearchRecords {
        SearchRecords { database: Some(database.into()), ..SearchRecords::here(condition) }
    }

    /// Sorts by one field more.
    pub fn sort(mut self, sort: Sort) -> SearchRecords {
        self.sort.push(sort);
        self
    }

    /// Takes at most so many.
    pub fn limit(mut self, records: u64) -> SearchRecords {
        self.limit = records;
        self
    }

    /// Adds a part that is run when something was found.
    pub fn hit(mut self, part: Part) -> SearchRecords {
        self.hits.push(part);
        self
    }

    /// Adds a part that is run when nothing was found.
    pub fn none(mut self, part: Part) -> SearchRecords {
        self.none.push(part);
        self
    }
}

impl Branch {
    /// Branches by a condition.
    pub fn on(condition: Condition) -> Branch {
        Branch { condition, then: Vec::new(), otherwise: Vec::new() }
    }

    /// Adds a part that is run where the condition holds.
    pub fn then(mut self, part: Part) -> Branch {
        self.then.push(part);
        self
    }

    /// Adds a part that is run where it does not.
    pub fn otherwise(mut self, part: Part) -> Branch {
        self.otherwise.push(part);
        self
    }
}

impl DeleteRecords {
    /// Deletes records, at most `most` in one run.
    pub fn of(target: PartTarget, most: u64) -> DeleteRecords {
        DeleteRecords { target, most }
    }
}

impl SendMailAbout {
    /// A mail about the record for which the parts are run.
    pub fn this(template: impl Into<String>) -> SendMailAbout {
        SendMailAbout { template: template.into(), target: PartTarget::This }
    }

    /// Mails about others.
    pub fn of(target: PartTarget, template: impl Into<String>) -> SendMailAbout {
        SendMailAbout { template: template.into(), target }
    }
}

impl GenerateFileFor {
    /// A file for the record for which the parts are run, and the field that takes it.
    pub fn this(template: impl Into<String>, field: impl Into<String>) -> GenerateFileFor {
        GenerateFileFor::of(PartTarget::This, template, field)
    }

    /// Files for others.
    pub fn of(target: PartTarget, template: impl Into<String>, field: impl Into<String>) -> GenerateFileFor {
        GenerateFileFor { template: template.into(), field: field.into(), target }
    }
}

impl HttpSendFor {
    /// A call for the record for which the parts are run.
    pub fn this(http_send: impl Into<String>) -> HttpSendFor {
        HttpSendFor { http_send: http_send.into(), target: PartTarget::This }
    }

    /// Calls for others.
    pub fn of(target: PartTarget, http_send: impl Into<String>) -> HttpSendFor {
        HttpSendFor { http_send: http_send.into(), target }
    }
}
