//! Import settings: which column goes into which field, and by what rules.

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::mapping::{Target, target};
use crate::csv::{Dialect, Encoding};
use crate::error::{Code, Error, Result, Words, words};
use crate::job::Report;
use crate::query::NamesFields;
use crate::record::DetailMode;
use crate::schema::documents::{self, documents};
use crate::schema::{Catalog, Layout, NumberInput, Table};

/// An import setting (インポート設定) of a database.
///
/// ```
/// use renkei::{ImportMode, ImportSetting};
///
/// let setting = ImportSetting::new("offices", "monthly", "毎月の取込")
///     .mode(ImportMode::Upsert)
///     .column("code")
///     .column("name")
///     .skip_column();
/// let json = serde_json::to_value(&setting).unwrap();
/// assert_eq!(json["mode"], "upsert");
/// assert_eq!(serde_json::from_value::<ImportSetting>(json).unwrap(), setting);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportSetting {
    /// The id by which hosts and the wire name the setting; assigned when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    /// The code of the database.
    pub database: String,
    /// The machine name, unique within the database.
    pub code: String,
    /// The name shown to people.
    pub name: String,
    /// What happens to keys that exist, and to those that do not.
    #[serde(default)]
    pub mode: ImportMode,
    /// The columns of the file, in order.
    pub columns: Vec<ImportColumn>,
    /// Whether columns are found by their position or by the header line.
    #[serde(default)]
    pub match_by: MatchBy,
    /// Whether columns that the setting does not know are passed over. Only with [`MatchBy::Header`]. Default: no.
    #[serde(default, skip_serializing_if = "is_false")]
    pub extra_columns: bool,
    /// The first line that is data, counted from 1; the line before it is the header. Default: 2.
    #[serde(default = "second")]
    pub first_line: u64,
    /// The encoding; found out from the whole file when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    /// Delimiter and quote.
    #[serde(default)]
    pub dialect: Dialect,
    /// What happens to the detail rows that a record has.
    #[serde(default)]
    pub details: DetailMode,
    /// Whether one refused line refuses the whole file. Default: the good lines are taken.
    #[serde(default, skip_serializing_if = "is_false")]
    pub atomic: bool,
    /// How number texts are read, instead of what the fields say (数値項目の入力チェック/フィルター).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number_input: Option<NumberInput>,
    /// Whether line breaks inside texts of one line are left out, as 働くDB does. Default: such texts are refused.
    #[serde(default, skip_serializing_if = "is_false")]
    pub drop_line_breaks: bool,
    /// Whether dependent fields are filled through links that the file sets (従属項目の取得).
    #[serde(default, skip_serializing_if = "is_false")]
    pub fill_dependents: bool,
    /// Whether records that are registered are approved at once. Only where the database keeps an approval state.
    #[serde(default, skip_serializing_if = "is_false")]
    pub approve: bool,
    /// Who is told how an import ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
}

/// What an import does with keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportMode {
    /// Every line is a new record with a key from the store (登録のみ・キー項目は自動発行).
    Insert,
    /// Every line is a new record with its own key; a key that exists is refused (登録のみ・インポートデータを使用).
    InsertKeyed,
    /// Every line changes the record with its key; a key that does not exist is refused.
    Update,
    /// A key that exists is updated, another one is registered (更新と登録).
    #[default]
    Upsert,
}

/// How the columns of a file are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchBy {
    /// By position. Where the setting has header texts, they must stand in the header line as well.
    #[default]
    Position,
    /// By the text in the header line.
    Header,
}

/// One column of the file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportColumn {
    /// The code of the header or detail field; a column without one is not imported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The text that stands above the column in the header line. With [`MatchBy::Header`] it is the field's display
    /// name when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
}

fn is_false(value: &bool) -> bool {
    !*value
}

fn second() -> u64 {
    2
}

impl ImportSetting {
    /// A setting without columns yet: upsert, by position, with one header line.
    pub fn new(database: impl Into<String>, code: impl Into<String>, name: impl Into<String>) -> ImportSetting {
        ImportSetting {
            id: None,
            database: database.into(),
            code: code.into(),
            name: name.into(),
            mode: ImportMode::default(),
            columns: Vec::new(),
            match_by: MatchBy::default(),
            extra_columns: false,
            first_line: second(),
            encoding: None,
            dialect: Dialect::default(),
            details: DetailMode::default(),
            atomic: false,
            number_input: None,
            drop_line_breaks: false,
            fill_dependents: false,
            approve: false,
            report: None,
        }
    }

    /// Sets what happens to keys.
    pub fn mode(mut self, mode: ImportMode) -> ImportSetting {
        self.mode = mode;
        self
    }

    /// Adds a column that goes into `field`.
    pub fn column(mut self, field: impl Into<String>) -> ImportSetting {
        self.columns.push(ImportColumn { field: Some(field.into()), header: None });
        self
    }

    /// Adds a column that is not imported.
    pub fn skip_column(mut self) -> ImportSetting {
        self.columns.push(ImportColumn::default());
        self
    }

    /// One refused line refuses the whole file.
    pub fn atomic(mut self) -> ImportSetting {
        self.atomic = true;
        self
    }

    /// Declares the encoding.
    pub fn encoding(mut self, encoding: Encoding) -> ImportSetting {
        self.encoding = Some(encoding);
        self
    }

    /// Finds columns by the header line.
    pub fn by_header(mut self) -> ImportSetting {
        self.match_by = MatchBy::Header;
        self
    }

    /// Sets the first line that is data.
    pub fn first_line(mut self, line: u64) -> ImportSetting {
        self.first_line = line;
        self
    }

    /// Tells somebody by mail how an import ended.
    pub fn report(mut self, report: Report) -> ImportSetting {
        self.report = Some(report);
        self
    }

    /// Judges the setting against its database.
    pub(crate) fn validate(&self, table: &Table) -> Result<()> {
        let fault = |rule: Words| Err(Error::new(Code::DefinitionInvalid).with_name(&self.code).with_rule(rule));
        if let Some(rule) = crate::schema::names::code_fault(&self.code) {
            return fault(rule);
        }
        if self.first_line == 0 {
            return fault(words!("`first_line`は1から数えます", "`first_line` counts from 1"));
        }
        if self.match_by == MatchBy::Header && self.first_line == 1 {
            return fault(words!(
                "見出しで列を探すには見出し行が必要です（`first_line`は2以上）",
                "columns can only be found by header if there is one: `first_line` must be 2 or more"
            ));
        }
        if self.extra_columns && self.match_by == MatchBy::Position {
            return fault(words!(
                "`extra_columns`には`\"match_by\": \"header\"`が必要です",
                "`extra_columns` needs `\"match_by\": \"header\"`"
            ));
        }
        self.dialect.validate(self.encoding.unwrap_or(Encoding::Utf8))?;
        let mut seen = std::collections::HashSet::new();
        for column in self.columns.iter().filter_map(|column| column.field.as_deref()) {
            if !seen.insert(column) {
                return fault(words!(
                    "項目「{column}」に2つの列が割り当てられています",
                    "the field \"{column}\" is the target of two columns"
                ));
            }
            let found = match table.header.find(column) {
                Some(at) => &table.header.columns[at],
                None => match table.details.as_ref().and_then(|details| details.find(column).map(|at| (details, at))) {
                    Some((details, at)) => &details.columns[at],
                    None => {
                        let code = table.code();
                        return fault(words!(
                            "「{code}」に項目「{column}」がありません",
                            "\"{code}\" has no field \"{column}\""
                        ));
                    }
                },
            };
            if !found.is_writable() {
                let kind = found.field.type_words();
                return fault(words!(
                    "「{column}」は{kind}項目で、自動で設定されます",
                    "\"{column}\" is a {kind} field, which is filled in by the store"; kind
                ));
            }
        }
        let has_key = self
            .columns
            .iter()
            .filter_map(|column| column.field.as_deref())
            .any(|column| table.header.find(column) == table.header.key);
        if !has_key && self.mode != ImportMode::Insert {
            let key = &table.key().field.code;
            return fault(words!(
                "このモードではキー項目「{key}」の列が必要です（なければinsert）",
                "the mode needs the key, so one column must go into \"{key}\" (without one, the mode is insert)"
            ));
        }
        if self.mode == ImportMode::Insert && !crate::record::issues_keys(table.key()) {
            let key = &table.key().field.code;
            return fault(words!(
                "モードinsertは自動採番のキーのためのものです。「{key}」は入力するキーなので、insert_keyedとします",
                "the mode insert needs a key that the store issues; \"{key}\" is typed: use insert_keyed"
            ));
        }
        if self.columns.is_empty() {
            return fault(words!("列がありません", "it has no columns"));
        }
        let unfilled = self.unfilled(table);
        if !unfilled.is_empty() {
            let names = unfilled.join(", ");
            return fault(words!(
                "必須項目に列がないため、どの行も登録できません: {names}（列を加えるか、項目に初期値を設定するか、モードをupdateにします）",
                "required fields have no column, so that no line could be registered: {names} (add columns, give the fields \
                 a default, or use the mode update)"
            ));
        }
        Ok(())
    }

    /// Required fields that stay empty in every record, or detail row, that an import by this setting makes.
    fn unfilled<'a>(&self, table: &'a Table) -> Vec<&'a str> {
        let targets: Vec<Target> = self.columns.iter().map(|column| target(table, column.field.as_deref())).collect();
        let empty = |layout: &'a Layout, place: fn(usize) -> Target| {
            let plan = layout.plan();
            let is_empty = |at: usize| {
                let column = &layout.columns[at];
                let is_given = |at: usize| targets.contains(&place(at));
                let has_default = plan.defaults.iter().any(|(other, _)| *other == at);
                let is_copied =
                    self.fill_dependents && column.source.as_ref().is_some_and(|source| is_given(source.link));
                !(column.field.is_key() || is_given(at) || has_default || is_copied)
            };
            let empty = plan.required.iter().copied().filter(move |at| is_empty(*at));
            empty.map(|at| layout.columns[at].field.code.as_str()).collect::<Vec<_>>()
        };
        let mut unfilled = Vec::new();
        if self.mode != ImportMode::Update {
            unfilled.extend(empty(&table.header, Target::Header));
        }
        if let Some(details) = &table.details
            && targets.iter().any(|target| matches!(target, Target::Detail(_)))
        {
            // A line that names the row it changes needs no more.
            let names_rows = self.details == DetailMode::Merge
                && details.key.is_some_and(|key| targets.contains(&Target::Detail(key)));
            if !names_rows {
                unfilled.extend(empty(details, Target::Detail));
            }
        }
        unfilled
    }
}

documents! { ImportSetting "import"; }

impl NamesFields for ImportSetting {
    fn database_mut(&mut self) -> &mut String {
        &mut self.database
    }

    fn paths_mut(&mut self, change: &mut dyn FnMut(&mut String)) {
        self.columns.iter_mut().filter_map(|column| column.field.as_mut()).for_each(change);
    }
}

/// Keeps a setting, new or changed.
pub(crate) fn save(connection: &Connection, catalog: &Catalog, setting: &mut ImportSetting) -> Result<i64> {
    let table = catalog.table(&setting.database)?;
    table.code().clone_into(&mut setting.database);
    setting.validate(table)?;
    documents::save(connection, Some(table.id), setting)
}
