//! Files generated from records: CSV of found records, and text, HTML or Markdown from a template.
//!
//! [`FileTemplate`] is what is written down; [`blocks`] takes its text apart, [`run`] puts records in and writes it piece by
//! piece through [`sink`], which encodes it and keeps its size in bounds. A file is about one record, about found records
//! of the same database, or both.

mod blocks;
mod run;
mod sink;
#[cfg(test)]
mod tests;

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

pub(crate) use run::generate;
pub use run::{FileRequest, GeneratedFile};

use crate::access::Door;
use crate::csv::{self, Encoding, Format, LineEnd, OutputEncoding};
use crate::error::{Code, Error, Result, words};
use crate::export::Headings;
use crate::query::{Condition, List, ListColumn, NamesFields, Search, Sort, relabel};
use crate::schema::documents::{self, check_code_and_name, documents, refused};
use crate::schema::{Catalog, Table, ValueFormat};
use crate::store::Store;
use crate::template::{
    CALL, HtmlReader, Parser, Place, Scope, Template, file_name_fault, rename as rename_template, unmappable,
};
use blocks::{Block, Piece};

/// The largest file unless a template says otherwise, in bytes.
const BYTES: u64 = 20 << 20;

/// The largest file that a template can allow, in bytes.
const MOST_BYTES: u64 = 1 << 30;

/// A file that is generated from records of a database (ファイル生成).
///
/// The name of the file and its text are templates, as those of an [`HttpSend`](crate::HttpSend); secrets are refused in
/// them. Outside of blocks, `${field}` is a field of the record that the file is about. What stands between
///
/// ```text
/// ${@each records} … ${@else} … ${@end}
/// ${@each rows} … ${@else} … ${@end}
/// ```
///
/// is repeated: for each found record, with its fields; or for each detail row of the record at hand (that of the file, or
/// the found one, inside of a block for records), with the fields of the row and of its record. What stands behind
/// `${@else}`, which may be left out, is written once where there are none. A line that has nothing but one of these words
/// is left out itself. In a block, `${@number}` counts from 1; everywhere, `${@count}` is how many records were found, and
/// `${@now}`, `${@today}`, `${@user}` and `${@memo}` are those of the call. In HTML a block begins and ends in the text of
/// the document, not within a tag.
///
/// PDF is not made: no small library sets Japanese text without a font of several megabytes being shipped with it. An
/// HTML file is printed to PDF by any browser, with the fonts of the machine.
///
/// ```
/// use renkei::FileTemplate;
///
/// let template: FileTemplate = serde_json::from_str(r#"{
///     "database": "orders", "code": "invoice", "name": "請求書",
///     "file_name": "請求書_${number}.html",
///     "content": {"html": "<h1>${customer.name} 御中</h1>\n<table>\n${@each rows}\n<tr><td>${@number}</td><td>${item}</td><td>${price|display}</td></tr>\n${@end}\n</table>\n<p>合計 ${total|display}</p>\n"}
/// }"#)?;
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileTemplate {
    /// The id; assigned when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    /// The code of the database.
    pub database: String,
    /// The machine name, unique among the file templates of the database.
    pub code: String,
    /// The name shown to people.
    pub name: String,
    /// The name of the file: a template. What it becomes must be a name on every system: `/ \ : * ? " < > |`, control
    /// characters, marks that turn the direction of text, a point or space at its end, `CON` and its like are refused; 200
    /// bytes at most.
    pub file_name: String,
    /// What is in it.
    pub content: FileContent,
    /// A saved search, by code or id: the found records, unless a call says which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// A condition, which must hold beside the search.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
    /// The order of the found records, unless a call says otherwise; by id when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sort: Vec<Sort>,
    /// The most found records; all of them when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// The encoding of text, HTML and Markdown; UTF-8 by default. A character that it does not have is refused.
    #[serde(default, skip_serializing_if = "is_default")]
    pub encoding: OutputEncoding,
    /// What ends the lines of text, HTML and Markdown; CRLF by default.
    #[serde(default, skip_serializing_if = "is_default")]
    pub line_end: LineEnd,
    /// The largest file, in bytes: 20 MiB by default, 1 GiB at most. A larger one is refused.
    #[serde(default = "default_bytes", skip_serializing_if = "is_default_bytes")]
    pub max_bytes: u64,
}

/// What is in a generated file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileContent {
    /// The found records as CSV.
    Csv(FileCsv),
    /// Text, in which values stand as they are: a template.
    Text(String),
    /// HTML, in which values are escaped: a template.
    Html(String),
    /// Markdown, in which values are escaped: a template.
    Markdown(String),
}

/// How found records are written as CSV; see [`Export`](crate::Export), whose members these are.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FileCsv {
    /// A saved list, by code or id, whose columns and order are taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list: Option<String>,
    /// Columns, instead of those of the list; none given are those of the list, or all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<ListColumn>,
    /// Whether detail fields are left out, so that every record has one line.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub without_details: bool,
    /// How values look.
    #[serde(skip_serializing_if = "is_default")]
    pub values: ValueFormat,
    /// The header line.
    #[serde(skip_serializing_if = "is_default")]
    pub headings: Headings,
    /// How the file is written.
    #[serde(skip_serializing_if = "is_default")]
    pub format: Format,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn default_bytes() -> u64 {
    BYTES
}

fn is_default_bytes(bytes: &u64) -> bool {
    *bytes == BYTES
}

/// Whose fields names mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    /// The record of the file.
    File,
    /// A found record.
    Record,
    /// A detail row.
    Row,
}

/// What is known beside the fields, outside of blocks and in them; the values are made in this order.
const KNOWN: [&str; 2] = ["@count", "@number"];

/// A piece of the text that was judged and parsed.
#[derive(Debug, Clone)]
enum Node {
    Text(Level, Template),
    Each { block: Block, body: Vec<Node>, otherwise: Vec<Node> },
}

/// A template that was judged and parsed.
struct Compiled {
    /// By [`Level`].
    scopes: [Scope; 3],
    file_name: Template,
    /// Nothing for CSV.
    nodes: Vec<Node>,
    /// Whether it speaks of one record.
    needs_record: bool,
    /// Whether the number of found records is told.
    needs_count: bool,
}

/// Parses the pieces of a text.
struct Compiler<'a> {
    template: &'a FileTemplate,
    place: Place,
    parsers: [Parser<'a>; 3],
    html: HtmlReader,
}

impl Compiler<'_> {
    fn nodes(&mut self, pieces: &[Piece<'_>], level: Level) -> Result<Vec<Node>> {
        let mut nodes = Vec::with_capacity(pieces.len());
        for piece in pieces {
            match piece {
                Piece::Text(text) => {
                    let parser = &mut self.parsers[level as usize];
                    let template = match self.place {
                        Place::Html => parser.parse_html("content", text, &mut self.html)?,
                        place => parser.parse("content", text, place)?,
                    };
                    if let Err(bad) = csv::encode(&template.sample(), self.template.encoding_of_text()) {
                        let rule = unmappable(bad, self.template.encoding_of_text());
                        return Err(refused(&self.template.code, rule).with_field("content"));
                    }
                    nodes.push(Node::Text(level, template));
                }
                Piece::Each { block, body, otherwise } => {
                    let inner = if *block == Block::Rows { Level::Row } else { Level::Record };
                    self.between_tags()?;
                    let body = self.nodes(body, inner)?;
                    self.between_tags()?;
                    let otherwise = self.nodes(otherwise, level)?;
                    self.between_tags()?;
                    nodes.push(Node::Each { block: *block, body, otherwise });
                }
            }
        }
        Ok(nodes)
    }

    /// What is repeated must leave the document as it found it.
    fn between_tags(&self) -> Result<()> {
        match self.place != Place::Html || self.html.is_in_text() {
            true => Ok(()),
            false => Err(syntax(&self.template.code).with_rule(words!(
                "繰返しの始まりと終わりは、タグ・コメント・スクリプトの外に置いてください",
                "a block begins and ends outside of tags, comments and scripts"
            ))),
        }
    }
}

fn syntax(template: &str) -> Error {
    Error::new(Code::TemplateSyntax).with_name(format!("{template}: content")).with_field("content")
}

impl FileTemplate {
    /// A file of the content given, under a name that is a template.
    ///
    /// ```
    /// use renkei::{FileContent, FileTemplate};
    ///
    /// let list = "${@each records}\n${name|display}: ${total}\n${@else}\nありません\n${@end}\n";
    /// let template =
    ///     FileTemplate::new("orders", "daily", "日次一覧", "一覧_${@today}.txt", FileContent::Text(list.to_owned()));
    /// assert_eq!(template.max_bytes, 20 << 20);
    /// ```
    pub fn new(
        database: impl Into<String>,
        code: impl Into<String>,
        name: impl Into<String>,
        file_name: impl Into<String>,
        content: FileContent,
    ) -> FileTemplate {
        FileTemplate {
            id: None,
            database: database.into(),
            code: code.into(),
            name: name.into(),
            file_name: file_name.into(),
            content,
            search: None,
            condition: None,
            sort: Vec::new(),
            limit: None,
            encoding: OutputEncoding::default(),
            line_end: LineEnd::default(),
            max_bytes: BYTES,
        }
    }

    /// Sets the encoding of the text.
    pub fn encoding(mut self, encoding: OutputEncoding) -> FileTemplate {
        self.encoding = encoding;
        self
    }

    /// Sets which records are found when a call does not say it.
    pub fn filter(mut self, condition: Condition) -> FileTemplate {
        self.condition = Some(condition);
        self
    }

    fn encoding_of_text(&self) -> Encoding {
        match self.encoding {
            OutputEncoding::Utf8 | OutputEncoding::Utf8Bom => Encoding::Utf8,
            OutputEncoding::Cp932 => Encoding::Cp932,
        }
    }

    /// Judges everything but the names of other definitions.
    fn compile(&self, store: &Store, catalog: &Catalog) -> Result<Compiled> {
        check_code_and_name(&self.code, &self.name)?;
        let table = catalog.table(&self.database)?;
        if !(1..=MOST_BYTES).contains(&self.max_bytes) {
            let rule = words!("`max_bytes`は1から{MOST_BYTES}までです", "`max_bytes` must be 1 to {MOST_BYTES}");
            return Err(refused(&self.code, rule).with_field("max_bytes"));
        }
        self.check_found(catalog, table)?;
        let parser = || Parser::new(&self.code, self.encoding_of_text());
        let mut compiler = Compiler {
            template: self,
            place: Place::Plain,
            parsers: [parser(), parser(), parser()],
            html: HtmlReader::default(),
        };
        let file_name = compiler.parsers[0].parse("file_name", &self.file_name, Place::FileName)?;
        if let Some(rule) = file_name_fault(&file_name.sample()) {
            return Err(
                refused(&self.code, words!("`file_name`: {rule}", "`file_name`: {rule}"; rule)).with_field("file_name")
            );
        }
        let mut nodes = Vec::new();
        let text = match &self.content {
            FileContent::Csv(csv) => {
                csv.format.validate()?;
                None
            }
            FileContent::Text(text) => Some((text, Place::Plain)),
            FileContent::Html(text) => Some((text, Place::Html)),
            FileContent::Markdown(text) => Some((text, Place::Markdown)),
        };
        if let Some((text, place)) = text {
            compiler.place = place;
            let pieces = blocks::parse(text).map_err(|rule| syntax(&self.code).with_rule(rule))?;
            nodes = compiler.nodes(&pieces, Level::File)?;
        } else if !is_default(&self.encoding) || !is_default(&self.line_end) {
            let rule = words!(
                "CSVの文字コードと改行は`csv`の`format`に指定してください",
                "encoding and line ends of a CSV stand in the `format` of `csv`"
            );
            return Err(refused(&self.code, rule));
        }
        let rows_of_file = |node: &Node| matches!(node, Node::Each { block: Block::Rows, .. });
        let has_rows_of_file = nodes.iter().any(rows_of_file);
        let outside: Vec<&str> = CALL.iter().chain(&KNOWN[..1]).copied().collect();
        let inside: Vec<&str> = CALL.iter().chain(&KNOWN).copied().collect();
        let database = Some((store, catalog, table.as_ref()));
        let [file, record, row] = compiler.parsers;
        let scopes = [
            file.finish(&outside, database)?,
            record.finish(&inside, database)?,
            row.over_rows().finish(&inside, database)?,
        ];
        let needs_record = has_rows_of_file || scopes[0].columns().next().is_some();
        let needs_count = scopes.iter().any(|scope| scope.names.iter().any(|name| name == KNOWN[0]));
        if blocks::has_rows(&nodes) && table.details.is_none() {
            let rule = words!("データベースに明細がありません", "the database has no detail rows");
            return Err(syntax(&self.code).with_value("${@each rows}").with_rule(rule));
        }
        Ok(Compiled { scopes, file_name, nodes, needs_record, needs_count })
    }

    /// Condition, order and columns are judged as those of searches and lists.
    fn check_found(&self, catalog: &Catalog, table: &Table) -> Result<()> {
        if let Some(condition) = &self.condition {
            Search::new(&self.database, &self.code, &self.name, condition.clone()).validate(catalog)?;
        }
        let mut list = List::new(&self.database, &self.code, &self.name);
        list.sort = self.sort.clone();
        if let FileContent::Csv(csv) = &self.content {
            list.columns = csv.columns.clone();
        }
        if list.columns.is_empty() {
            list = list.column(&table.key().field.code);
        }
        list.validate(catalog)
    }
}

documents! { FileTemplate "file_template"; }

impl NamesFields for FileTemplate {
    fn database_mut(&mut self) -> &mut String {
        &mut self.database
    }

    fn paths_mut(&mut self, change: &mut dyn FnMut(&mut String)) {
        rename_template(&mut self.file_name, change);
        match &mut self.content {
            FileContent::Csv(csv) => csv.columns.iter_mut().for_each(|column| change(&mut column.field)),
            FileContent::Text(text) | FileContent::Html(text) | FileContent::Markdown(text) => {
                rename_template(text, change);
            }
        }
        self.sort.iter_mut().for_each(|sort| change(&mut sort.field));
        if let Some(condition) = &mut self.condition {
            condition.paths_mut(change);
        }
    }

    fn relabel(&mut self, before: &Catalog, after: &Catalog, database: i64) {
        if let Some(condition) = &mut self.condition {
            condition.values_mut(&mut |path, value| relabel(before, after, database, path, value));
        }
    }
}

/// Judges and keeps a file template. The search and the list that it names must exist.
pub(crate) fn save(
    store: &Store,
    connection: &Connection,
    catalog: &Catalog,
    template: &mut FileTemplate,
) -> Result<i64> {
    template.compile(store, catalog)?;
    let table = catalog.table(&template.database)?;
    if let Some(search) = &template.search {
        documents::get::<Search>(connection, Some(table.id), search)?;
    }
    table.code().clone_into(&mut template.database);
    documents::save(connection, Some(table.id), template)
}

/// Judges the list that a file template names, once the lists are there: automations stand in their menus, and name file
/// templates.
pub(crate) fn check_list(connection: &Connection, table: i64, template: &FileTemplate) -> Result<()> {
    if let FileContent::Csv(FileCsv { list: Some(list), .. }) = &template.content {
        documents::get::<List>(connection, Some(table), list)?;
    }
    Ok(())
}

impl Store {
    /// The file templates of a database, by id.
    ///
    /// # Errors
    ///
    /// [`Code::DatabaseNotFound`]; [`Code::AccessDenied`] without any right in it.
    pub fn file_templates(&self, database: &str) -> Result<Vec<FileTemplate>> {
        let reading = self.reading()?;
        let door = Door::open(self, &reading)?;
        documents::load_of(&reading, door.definition(database)?.id)
    }
}
