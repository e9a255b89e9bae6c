//! What is exported, and in which form.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::csv::Format;
use crate::query::{Condition, Cursor, ListColumn, Sort};
use crate::schema::ValueFormat;

/// What is exported: which records and columns of a database, in which form.
///
/// ```
/// use renkei::csv::{Format, OutputEncoding};
/// use renkei::{Condition, Export, Headings, Sort, ValueFormat};
///
/// // The saved list and the saved search of a database.
/// let listed = Export::of("customers").list("overview").search("active");
///
/// // Columns and a condition, for a spreadsheet program.
/// let chosen = Export::of("customers")
///     .columns(["number", "name", "branch.name", "_updated_at"])
///     .filter(Condition::equals("prefecture", "東京都"))
///     .sort(Sort::descending("balance"))
///     .limit(1_000)
///     .values(ValueFormat::Csv)
///     .format(Format { encoding: OutputEncoding::Utf8Bom, formula_guard: true, ..Format::default() });
///
/// let json = serde_json::to_value(&chosen).unwrap();
/// assert_eq!(json["columns"][2], "branch.name");
/// assert_eq!(json["format"]["encoding"], "utf-8-bom");
/// assert_eq!(serde_json::from_value::<Export>(json).unwrap(), chosen);
/// # assert_eq!(listed.headings, Headings::Names);
/// ```
///
/// **Columns** are those of [`Export::columns`], else those of the list, else all: the key first, then the other header
/// fields, then the detail fields, each in the order of the definition, without system fields. With a detail field among
/// them there is a line for each detail row, in which the header values are repeated, and one line for a record without
/// rows.
///
/// **Records** are those that fulfil both the search and the condition, in the order of [`Export::sort`], else of the
/// list, else by id. Limit and offset count records, so the detail rows of a record are never split.
///
/// **Machines and people** are served by two independent switches. [`Export::values`] chooses how values look: the
/// default, [`ValueFormat::Raw`], reads back as it was written, the other two are for people. [`Format::formula_guard`]
/// keeps spreadsheet programs from running texts as formulas; it is off by default, because a guarded text does not read
/// back. Numbers and dates are never guarded, so a negative number stays a number. A file that people open in a
/// spreadsheet program should have both.
///
/// In JSON every member but `database` may be absent: `list`, `columns` (paths, or objects with `field` and `name`),
/// `without_details`, `search`, `condition`, `sort`, `limit`, `offset`, `after`, `values`, `headings` (`"names"`,
/// `"codes"`, `"none"` or an array of texts) and `format`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Export {
    /// The database, by code or id.
    pub database: String,
    /// A saved list, by code or id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<String>,
    /// Columns, instead of those of the list; none given are those of the list, or all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<ListColumn>,
    /// Whether detail fields are left out, so that every record has one line.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub without_details: bool,
    /// A saved search, by code or id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// A condition, which must hold beside the search.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
    /// The order, instead of that of the list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sort: Vec<Sort>,
    /// The most records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// How many records are left out at the beginning.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub offset: u64,
    /// The end of a page, to go on behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Cursor>,
    /// How values look.
    #[serde(default)]
    pub values: ValueFormat,
    /// The header line.
    #[serde(default)]
    pub headings: Headings,
    /// How the file is written.
    #[serde(default)]
    pub format: Format,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// The header line of an export.
///
/// ```
/// use renkei::Headings;
///
/// assert_eq!(serde_json::from_str::<Headings>(r#""codes""#).unwrap(), Headings::Codes);
/// assert_eq!(serde_json::from_str::<Headings>(r#"["No.","氏名"]"#).unwrap(), Headings::from(["No.", "氏名"]));
/// assert!(serde_json::from_str::<Headings>(r#""code""#).is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Headings {
    /// Display names: what the list calls a column, else the name of its field.
    #[default]
    Names,
    /// The codes of fields; columns read through links have their paths.
    Codes,
    /// No header line.
    None,
    /// Exactly these texts, one for each column.
    Texts(Vec<String>),
}

impl From<Vec<String>> for Headings {
    fn from(texts: Vec<String>) -> Headings {
        Headings::Texts(texts)
    }
}

impl<const N: usize> From<[&str; N]> for Headings {
    fn from(texts: [&str; N]) -> Headings {
        Headings::Texts(texts.map(str::to_owned).into())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    Names,
    Codes,
    None,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "headings are \"names\", \"codes\", \"none\" or an array of texts")]
enum HeadingsForm {
    Word(Word),
    Texts(Vec<String>),
}

impl Serialize for Headings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Headings::Names => Word::Names.serialize(serializer),
            Headings::Codes => Word::Codes.serialize(serializer),
            Headings::None => Word::None.serialize(serializer),
            Headings::Texts(texts) => texts.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Headings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Headings, D::Error> {
        Ok(match HeadingsForm::deserialize(deserializer)? {
            HeadingsForm::Word(Word::Names) => Headings::Names,
            HeadingsForm::Word(Word::Codes) => Headings::Codes,
            HeadingsForm::Word(Word::None) => Headings::None,
            HeadingsForm::Texts(texts) => Headings::Texts(texts),
        })
    }
}

impl Export {
    /// Every record and every column of a database, by its code or id.
    pub fn of(database: impl Into<String>) -> Export {
        Export {
            database: database.into(),
            list: None,
            columns: Vec::new(),
            without_details: false,
            search: None,
            condition: None,
            sort: Vec::new(),
            limit: None,
            offset: 0,
            after: None,
            values: ValueFormat::default(),
            headings: Headings::default(),
            format: Format::default(),
        }
    }

    /// The columns, headings and order of a saved list, by its code or id.
    pub fn list(mut self, list: impl Into<String>) -> Export {
        self.list = Some(list.into());
        self
    }

    /// Adds columns by the paths of their fields; see [`Condition`] for paths.
    pub fn columns(mut self, fields: impl IntoIterator<Item = impl Into<String>>) -> Export {
        self.columns.extend(fields.into_iter().map(|field| ListColumn { field: field.into(), name: None }));
        self
    }

    /// Adds a column under a name of its own.
    ///
    /// ```
    /// let export = renkei::Export::of("customers").columns(["number"]).named("branch.name", "支店");
    /// # assert_eq!(export.columns[1].name.as_deref(), Some("支店"));
    /// ```
    pub fn named(mut self, field: impl Into<String>, name: impl Into<String>) -> Export {
        self.columns.push(ListColumn { field: field.into(), name: Some(name.into()) });
        self
    }

    /// Leaves out detail fields, so that every record has one line.
    pub fn without_details(mut self) -> Export {
        self.without_details = true;
        self
    }

    /// Only records that a saved search finds, by its code or id.
    pub fn search(mut self, search: impl Into<String>) -> Export {
        self.search = Some(search.into());
        self
    }

    /// Only records that fulfil `condition`, beside the search and the conditions already given.
    pub fn filter(mut self, condition: Condition) -> Export {
        self.condition = Some(match self.condition.take() {
            Some(already) => already.and(condition),
            None => condition,
        });
        self
    }

    /// Sorts by one field more, instead of the order of the list.
    pub fn sort(mut self, sort: Sort) -> Export {
        self.sort.push(sort);
        self
    }

    /// At most so many records.
    pub fn limit(mut self, records: u64) -> Export {
        self.limit = Some(records);
        self
    }

    /// Leaves out so many records at the beginning.
    pub fn offset(mut self, records: u64) -> Export {
        self.offset = records;
        self
    }

    /// Goes on behind the page that ended with `cursor`. Not together with an offset.
    pub fn after(mut self, cursor: Cursor) -> Export {
        self.after = Some(cursor);
        self
    }

    /// How values look.
    pub fn values(mut self, values: ValueFormat) -> Export {
        self.values = values;
        self
    }

    /// The header line.
    ///
    /// ```
    /// use renkei::{Export, Headings};
    ///
    /// let export = Export::of("customers").columns(["number", "name"]).headings(["顧客No.", "氏名"]);
    /// assert_eq!(export.headings, Headings::Texts(vec!["顧客No.".into(), "氏名".into()]));
    /// ```
    pub fn headings(mut self, headings: impl Into<Headings>) -> Export {
        self.headings = headings.into();
        self
    }

    /// How the file is written: encoding, delimiter, line ends, quoting, formula guard.
    pub fn format(mut self, format: Format) -> Export {
        self.format = format;
        self
    }
}
