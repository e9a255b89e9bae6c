//! Which column of the file goes into which field, once the header line is known.

use std::sync::Arc;

use super::setting::{ImportSetting, MatchBy};
use crate::csv::Record;
use crate::error::{Code, Error, Result, shorten, words};
use crate::schema::{Column, Table};

/// Columns that the file of rejects adds; a mended file may be imported with them still there.
pub(crate) const REJECT_COLUMNS: [&str; 3] = ["_line", "_code", "_message"];

/// What the file of rejects has in place of the cells that a short line lacks, so that its own columns stand under their
/// names; a line is refused as long as it has one.
pub(crate) const MISSING: &str = "_missing";

/// The columns of a file, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mapping {
    pub(super) targets: Vec<Target>,
    /// How many columns a line may have besides: 0, or those of the file of rejects.
    pub(super) extra: usize,
    /// The header line, where there is one.
    pub(super) names: Vec<String>,
    pub(super) has_details: bool,
}

/// Where a column goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Header(usize),
    Detail(usize),
    Skipped,
}

impl Mapping {
    /// Matches the setting with the header line, or with the count of columns alone where there is no header.
    pub(super) fn of(setting: &ImportSetting, table: &Table, header: Option<&[String]>) -> Result<Mapping> {
        let targets: Vec<Target> =
            setting.columns.iter().map(|column| target(table, column.field.as_deref())).collect();
        let Some(header) = header else {
            let has_details = targets.iter().any(|target| matches!(target, Target::Detail(_)));
            return Ok(Mapping { targets, extra: REJECT_COLUMNS.len(), names: Vec::new(), has_details });
        };
        let mended =
            header.len() > REJECT_COLUMNS.len() && header[header.len() - REJECT_COLUMNS.len()..] == REJECT_COLUMNS;
        let own = if mended { &header[..header.len() - REJECT_COLUMNS.len()] } else { header };
        let drift = || {
            let expected: Vec<String> =
                setting.columns.iter().map(|column| expected_text(table, setting, column)).collect();
            let list = |texts: &[String]| {
                let shown: Vec<String> = texts.iter().take(50).map(|text| shorten(text).into_owned()).collect();
                let more = if texts.len() > shown.len() { ", …" } else { "" };
                let shown = shown.join(", ");
                words!("[{shown}{more}]（{}列）", "[{shown}{more}] ({} columns)", texts.len())
            };
            Error::new(Code::CsvHeader).with_rule(list(&expected)).with_value(list(own))
        };
        let targets = match setting.match_by {
            MatchBy::Position => {
                let same = own.len() == targets.len()
                    && setting
                        .columns
                        .iter()
                        .zip(own)
                        .all(|(column, text)| column.header.as_ref().is_none_or(|expected| expected == text));
                if !same {
                    return Err(drift());
                }
                targets
            }
            MatchBy::Header => {
                for (at, text) in own.iter().enumerate() {
                    if let Some(first) = own[..at].iter().position(|other| other == text) {
                        let rule = words!("{}と{}", "{} and {}", first + 1, at + 1);
                        return Err(Error::new(Code::CsvHeaderDuplicate).with_value(text).with_rule(rule));
                    }
                }
                let mut placed = vec![Target::Skipped; own.len()];
                let mut known = vec![false; own.len()];
                for (column, target) in setting.columns.iter().zip(&targets) {
                    let text = expected_text(table, setting, column);
                    let Some(at) = own.iter().position(|found| *found == text) else { return Err(drift()) };
                    placed[at] = *target;
                    known[at] = true;
                }
                if known.contains(&false) && !setting.extra_columns {
                    return Err(drift());
                }
                placed
            }
        };
        let has_details = targets.iter().any(|target| matches!(target, Target::Detail(_)));
        let extra = if mended { REJECT_COLUMNS.len() } else { 0 };
        Ok(Mapping { targets, extra, names: own.to_vec(), has_details })
    }

    /// How many columns a line has that is none of this file; `None` if it is.
    pub(super) fn misfit(&self, record: &Record) -> Option<usize> {
        let own = self.targets.len();
        match record.len() {
            columns if columns == own => None,
            columns if self.extra > 0 && columns == own + self.extra => {
                let is_short = record.cell(own + 1) == Code::CsvColumns.as_str().as_bytes();
                let missing = (0..own).filter(|at| is_short && record.cell(*at) == MISSING.as_bytes()).count();
                (missing > 0).then_some(own - missing)
            }
            columns => Some(columns),
        }
    }

    /// The field of a column.
    pub(super) fn column<'a>(&self, table: &'a Arc<Table>, at: usize) -> Option<&'a Column> {
        match self.targets.get(at)? {
            Target::Header(column) => table.header.columns.get(*column),
            Target::Detail(column) => table.details.as_ref()?.columns.get(*column),
            Target::Skipped => None,
        }
    }

    /// What a column is called in a reject: by the header line, else by its field.
    pub(super) fn name(&self, table: &Arc<Table>, at: usize) -> String {
        match self.names.get(at) {
            Some(name) => name.clone(),
            None => self.column(table, at).map(|column| column.field.name.clone()).unwrap_or_default(),
        }
    }

    /// The column of the file that goes into a field, by the code of the field.
    pub(super) fn position(&self, table: &Arc<Table>, field: &str) -> Option<usize> {
        (0..self.targets.len()).find(|at| self.column(table, *at).is_some_and(|column| column.field.code == field))
    }
}

pub(super) fn target(table: &Table, field: Option<&str>) -> Target {
    let Some(field) = field else { return Target::Skipped };
    if let Some(at) = table.header.find(field) {
        return Target::Header(at);
    }
    match table.details.as_ref().and_then(|details| details.find(field)) {
        Some(at) => Target::Detail(at),
        None => Target::Skipped,
    }
}

/// The text that the setting expects above a column.
fn expected_text(table: &Table, setting: &ImportSetting, column: &super::ImportColumn) -> String {
    if let Some(header) = &column.header {
        return header.clone();
    }
    let field = match target(table, column.field.as_deref()) {
        Target::Header(at) => Some(&table.header.columns[at].field),
        Target::Detail(at) => table.details.as_ref().map(|details| &details.columns[at].field),
        Target::Skipped => None,
    };
    match (field, setting.match_by) {
        (Some(field), _) => field.name.clone(),
        (None, _) => "*".to_owned(),
    }
}
