//! Import settings: which column goes into which field, and by what rules.

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use crate::csv::{Dialect, Encoding};
use crate::error::{Code, Error, Result};
use crate::job::Report;
use crate::record::DetailMode;
use crate::schema::documents::{self, Document};
use crate::schema::{Catalog, NumberInput, Table};

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
        let fault = |rule: String| Err(Error::new(Code::DefinitionInvalid).with_name(&self.code).with_rule(rule));
        if let Some(rule) = crate::schema::names::code_fault(&self.code) {
            return fault(rule);
        }
        if self.first_line == 0 {
            return fault("`first_line` counts from 1".to_owned());
        }
        if self.match_by == MatchBy::Header && self.first_line == 1 {
            return fault(
                "columns can only be found by header if there is one: `first_line` must be 2 or more".to_owned(),
            );
        }
        if self.extra_columns && self.match_by == MatchBy::Position {
            return fault("`extra_columns` needs `\"match_by\": \"header\"`".to_owned());
        }
        self.dialect.validate(self.encoding.unwrap_or(Encoding::Utf8))?;
        let mut seen = std::collections::HashSet::new();
        for column in self.columns.iter().filter_map(|column| column.field.as_deref()) {
            if !seen.insert(column) {
                return fault(format!("the field \"{column}\" is the target of two columns"));
            }
            let found = match table.header.find(column) {
                Some(at) => &table.header.columns[at],
                None => match table.details.as_ref().and_then(|details| details.find(column).map(|at| (details, at))) {
                    Some((details, at)) => &details.columns[at],
                    None => return fault(format!("\"{}\" has no field \"{column}\"", table.code())),
                },
            };
            if !found.is_writable() {
                let kind = found.field.type_name();
                return fault(format!("\"{column}\" is a {kind} field, which is filled in by the store"));
            }
        }
        let has_key = self
            .columns
            .iter()
            .filter_map(|column| column.field.as_deref())
            .any(|column| table.header.find(column) == table.header.key);
        if !has_key && self.mode != ImportMode::Insert {
            let key = &table.key().field.code;
            return fault(format!("the mode needs the key, so one column must go into \"{key}\""));
        }
        if self.mode == ImportMode::Insert && !crate::record::issues_keys(table.key()) {
            let key = &table.key().field.code;
            return fault(format!(
                "the mode \"insert\" needs a key that the store issues; \"{key}\" is typed: use insert_keyed"
            ));
        }
        if self.columns.is_empty() {
            return fault("it has no columns".to_owned());
        }
        Ok(())
    }
}

impl Document for ImportSetting {
    const KIND: &'static str = "import";

    fn id(&self) -> Option<i64> {
        self.id
    }

    fn set_id(&mut self, id: i64) {
        self.id = Some(id);
    }

    fn code(&self) -> &str {
        &self.code
    }
}

/// Keeps a setting, new or changed.
pub(crate) fn save(connection: &Connection, catalog: &Catalog, setting: &mut ImportSetting) -> Result<i64> {
    let table = catalog.table(&setting.database)?;
    table.code().clone_into(&mut setting.database);
    setting.validate(table)?;
    documents::save(connection, Some(table.id), setting)
}
