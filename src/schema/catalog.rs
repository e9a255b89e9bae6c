//! The definitions of a store, made ready for use: names resolved, rules compiled, SQL written once.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::Connection;

use once_cell::sync::OnceCell;

use super::check::check_key;
use super::definition::{Choice, Database, Field, FieldKind, KeyPart};
use super::heard::Heard;
use super::plan::Plan;
use super::value::Cell;
use super::{documents, names};
use crate::error::{Code, Error, Result, Words, words};
use crate::store::{self, Derived, Store, quote};

/// The greatest magnitude of a stored number: 18 digits.
pub(crate) const NUMBER_LIMIT: i64 = 999_999_999_999_999_999;

/// Every database of a store, of one version of the definitions.
pub(crate) struct Catalog {
    tables: Vec<Arc<Table>>,
    hidden: Hidden,
}

/// Databases into which no path may lead through a link.
#[derive(Default)]
struct Hidden {
    /// The user who may not see them.
    from: String,
    ids: Vec<i64>,
}

/// One database.
pub(crate) struct Table {
    pub(crate) id: i64,
    pub(crate) definition: Database,
    pub(crate) header: Layout,
    pub(crate) details: Option<Layout>,
    /// What is listened to.
    pub(crate) heard: Heard,
}

impl Table {
    /// Whether values are read and written as in `other`: the definition is the same, and so are the fields of other databases
    /// whose values are copied.
    pub(crate) fn reads_like(&self, other: &Table) -> bool {
        self.definition == other.definition && self.sources().eq(other.sources())
    }

    fn sources(&self) -> impl Iterator<Item = &Field> {
        let layouts = std::iter::once(&self.header).chain(&self.details);
        layouts.flat_map(|layout| &layout.columns).map(|column| &column.effective().field)
    }
}

/// The columns of the header or of the detail rows.
pub(crate) struct Layout {
    /// The SQL table, quoted.
    pub(crate) sql: String,
    /// The SQL table, as it is named.
    pub(crate) table: String,
    /// In the order of the definition, without retired fields.
    pub(crate) columns: Vec<Column>,
    /// The key or the detail key.
    pub(crate) key: Option<usize>,
    /// Calculated columns, each after those it needs.
    pub(crate) calculated: Vec<usize>,
    plan: OnceCell<Plan>,
}

/// One field in use.
pub(crate) struct Column {
    pub(crate) id: i64,
    pub(crate) field: Field,
    /// The SQL column, quoted.
    pub(crate) sql: String,
    /// The least and the greatest number, scaled.
    pub(crate) range: (i64, i64),
    pub(crate) labels: Option<Labels>,
    /// What a dependent or reference column takes its values from.
    pub(crate) source: Option<Source>,
    /// The SQL table of the full-text index, quoted.
    pub(crate) full_text: Option<String>,
    /// What a link column links to.
    pub(crate) linked: Option<Linked>,
}

fn is_padded(field: &Field) -> bool {
    let FieldKind::Key { parts, .. } = &field.kind else { return false };
    parts.iter().any(|part| matches!(part, KeyPart::Typed { digits: Some(_), .. }))
}

/// A key as it is stored: digits are padded wherever a key is given, not only where a record gets it.
fn stored_key<'a>(field: &Field, text: &'a str) -> Cow<'a, str> {
    let FieldKind::Key { parts, joiner } = &field.kind else { return Cow::Borrowed(text) };
    match check_key(text, parts, joiner) {
        Ok(Cell::Text(stored)) => stored,
        _ => Cow::Borrowed(text),
    }
}

/// The database that a link column links to.
#[derive(Debug, Clone)]
pub(crate) struct Linked {
    /// Its SQL table, quoted.
    pub(crate) table: String,
    /// The SQL column of its key, quoted.
    pub(crate) key: String,
    /// Its key, where what is given for it is padded.
    padded: Option<Field>,
}

impl Linked {
    fn of(databases: &[Database], field: &Field) -> Option<Linked> {
        let FieldKind::Link { database } = &field.kind else { return None };
        let target = databases.iter().find(|candidate| &candidate.code == database)?;
        let key = target.fields.iter().find(|field| field.is_key())?;
        let padded = is_padded(key).then(|| key.clone());
        Some(Linked { table: quote(&names::header(&target.code)), key: quote(&key.code), padded })
    }

    /// A key as it is stored.
    pub(crate) fn stored_key<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.padded.as_ref().map_or(Cow::Borrowed(text), |field| stored_key(field, text))
    }
}

/// Where a dependent or reference column takes its values from.
pub(crate) struct Source {
    /// The link column, in the same layout.
    pub(crate) link: usize,
    /// The code of the linked database.
    pub(crate) database: String,
    /// The SQL column there, quoted.
    pub(crate) sql: String,
    /// The field whose type and rules hold, at the end of a chain of dependent fields.
    pub(crate) column: Box<Column>,
}

/// The labels of a choice field.
pub(crate) struct Labels {
    choices: Vec<(i64, String, bool)>,
    by_label: HashMap<String, i64>,
    /// Position in `choices` by number, for small numbers: exports look up a label in every row.
    by_number: Vec<Option<usize>>,
}

impl Labels {
    fn new(choices: &[Choice]) -> Labels {
        let choices: Vec<(i64, String, bool)> =
            choices.iter().map(|choice| (choice.id.unwrap_or(0), choice.label.clone(), choice.retired)).collect();
        let greatest = choices.iter().map(|choice| choice.0).max().unwrap_or(0).clamp(0, 100_000);
        let mut by_number = vec![None; usize::try_from(greatest).unwrap_or(0) + 1];
        for (at, choice) in choices.iter().enumerate() {
            if let Some(slot) = usize::try_from(choice.0).ok().and_then(|number| by_number.get_mut(number)) {
                *slot = Some(at);
            }
        }
        let by_label = choices.iter().filter(|choice| !choice.2).map(|choice| (choice.1.clone(), choice.0)).collect();
        Labels { choices, by_label, by_number }
    }

    pub(crate) fn number(&self, label: &str) -> Option<i64> {
        // A few labels are compared faster than hashed.
        if self.choices.len() <= 8 {
            return self.choices.iter().find(|choice| !choice.2 && choice.1 == label).map(|choice| choice.0);
        }
        self.by_label.get(label).copied()
    }

    pub(crate) fn label(&self, number: i64) -> Option<&str> {
        self.place(number).map(|at| self.choices[at].1.as_str())
    }

    /// Where a number stands in the definition.
    fn place(&self, number: i64) -> Option<usize> {
        let known = usize::try_from(number).ok().and_then(|number| self.by_number.get(number)).copied();
        known.unwrap_or_else(|| self.choices.iter().position(|choice| choice.0 == number))
    }

    /// A set as it is stored: by number, so that equal sets are equal texts whatever becomes of the definition's order.
    pub(crate) fn stored_set(numbers: &mut Vec<i64>) -> String {
        numbers.sort_unstable();
        numbers.dedup();
        numbers.iter().map(|number| format!("[{number}]")).collect()
    }

    /// Every number, in the order of the definition.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = i64> + '_ {
        self.choices.iter().map(|choice| choice.0)
    }

    /// The labels that may be given.
    pub(crate) fn usable(&self) -> impl Iterator<Item = &str> + '_ {
        self.choices.iter().filter(|choice| !choice.2).map(|choice| choice.1.as_str())
    }

    /// The labels of a stored set such as `[1][3]`, in the order of the definition.
    pub(crate) fn set<'a>(&'a self, stored: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        let numbers = stored.split(['[', ']']).filter_map(|part| part.parse().ok());
        let mut places: Vec<usize> = numbers.filter_map(|number| self.place(number)).collect();
        places.sort_unstable();
        places.into_iter().map(|at| self.choices[at].1.as_str())
    }
}

impl Catalog {
    /// The definitions as the transaction of `connection` sees them.
    pub(crate) fn of(store: &Store, connection: &Connection) -> Result<Arc<Catalog>> {
        let version = store::definitions_version(connection)?;
        if let Some(kept) = store.derived(Derived::Catalog, version) {
            return Ok(kept);
        }
        let catalog = Arc::new(Catalog::load(connection)?);
        store.set_derived(Derived::Catalog, version, catalog.clone());
        Ok(catalog)
    }

    /// As [`Catalog::of`], from the definitions as the open transaction has them, without keeping the result: a
    /// transaction that changes definitions may yet be rolled back.
    pub(crate) fn load(connection: &Connection) -> Result<Catalog> {
        Catalog::compile_heard(documents::load::<Database>(connection)?, &Heard::load(connection)?)
    }

    /// Compiles definitions that have been validated and have their ids. Nobody listens to them.
    pub(crate) fn compile(databases: Vec<Database>) -> Result<Catalog> {
        Catalog::compile_heard(databases, &HashMap::new())
    }

    fn compile_heard(databases: Vec<Database>, heard: &HashMap<i64, Heard>) -> Result<Catalog> {
        let mut tables = Vec::with_capacity(databases.len());
        for database in &databases {
            let header = Layout::compile(&databases, database, &database.fields, names::header(&database.code))?;
            let details = match database.details.iter().any(|field| !field.retired) {
                true => Some(Layout::compile(&databases, database, &database.details, names::details(&database.code))?),
                false => None,
            };
            let id = database.id.unwrap_or(0);
            let heard = heard.get(&id).copied().unwrap_or_default();
            let table = Table { id, definition: database.clone(), header, details, heard };
            // Planned here, so that a definition that cannot be written to is refused when it is made.
            for layout in std::iter::once(&table.header).chain(&table.details) {
                let plan = Plan::of(&table, layout)?;
                let _ = layout.plan.set(plan);
            }
            tables.push(Arc::new(table));
        }
        Ok(Catalog { tables, hidden: Hidden::default() })
    }

    /// The same catalog for a user who may not see the records of the databases `ids`.
    pub(crate) fn hiding(&self, user: &str, ids: Vec<i64>) -> Catalog {
        Catalog { tables: self.tables.clone(), hidden: Hidden { from: user.to_owned(), ids } }
    }

    /// Refuses a path that leads through a link into a database whose records are hidden.
    pub(crate) fn enter(&self, table: &Table) -> Result<()> {
        match self.hidden.ids.contains(&table.id) {
            false => Ok(()),
            true => Err(Error::new(Code::AccessDenied)
                .with_name(&self.hidden.from)
                .with_value(table.code())
                .with_rule("view")),
        }
    }

    pub(crate) fn tables(&self) -> &[Arc<Table>] {
        &self.tables
    }

    /// A database by its code or its id.
    pub(crate) fn table(&self, name: &str) -> Result<&Arc<Table>> {
        let id = name.parse::<i64>().ok();
        self.tables
            .iter()
            .find(|table| table.definition.code == name)
            .or_else(|| self.tables.iter().find(|table| Some(table.id) == id))
            .ok_or_else(|| Error::new(Code::DatabaseNotFound).with_value(name))
    }

    pub(crate) fn table_by_id(&self, id: i64) -> Result<&Arc<Table>> {
        self.table(&id.to_string())
    }
}

impl Table {
    pub(crate) fn code(&self) -> &str {
        &self.definition.code
    }

    /// The key column.
    pub(crate) fn key(&self) -> &Column {
        &self.header.columns[self.key_index()]
    }

    pub(crate) fn key_index(&self) -> usize {
        self.header.key.expect("validated: a database has a key")
    }

    /// How many columns in use stand before the detail rows where a record is shown as a whole.
    pub(crate) fn details_place(&self) -> usize {
        let before = self.definition.details_at.unwrap_or(usize::MAX);
        self.definition.fields.iter().take(before).filter(|field| !field.retired).count()
    }

    /// The detail layout, or the error that says there is none.
    pub(crate) fn details(&self) -> Result<&Layout> {
        self.details.as_ref().ok_or_else(|| Error::new(Code::DetailsAbsent).with_rule(self.code()))
    }
}

impl Layout {
    fn compile(databases: &[Database], database: &Database, fields: &[Field], table: String) -> Result<Layout> {
        let mut columns = Vec::new();
        for field in fields.iter().filter(|field| !field.retired) {
            let mut column = Column::plain(field);
            if let FieldKind::Dependent { link, source } | FieldKind::Reference { link, source } = &field.kind {
                column.source = Some(Source::resolve(databases, fields, link, source)?);
            }
            column.linked = Linked::of(databases, field);
            if field.full_text {
                column.full_text = Some(quote(&names::full_text(&table, &field.code)));
            }
            columns.push(column);
        }
        let key = columns
            .iter()
            .position(|column| matches!(column.field.kind, FieldKind::Key { .. } | FieldKind::DetailKey { .. }));
        let calculated = calculation_order(&columns)
            .map_err(|rule| Error::new(Code::DefinitionInvalid).with_name(&database.code).with_rule(rule))?;
        Ok(Layout { sql: quote(&table), table, columns, key, calculated, plan: OnceCell::new() })
    }

    /// How rows of this layout are written.
    pub(crate) fn plan(&self) -> &Plan {
        self.plan.get().expect("planned when compiled")
    }

    /// A column by the code, the id or the display name of its field.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        let by = |matches: &dyn Fn(&Column) -> bool| self.columns.iter().position(matches);
        by(&|column| column.field.code == name)
            .or_else(|| name.parse().ok().and_then(|id: i64| by(&|column| column.id == id)))
            .or_else(|| by(&|column| column.field.name == name))
    }

    /// The columns that are stored, with their positions.
    pub(crate) fn stored(&self) -> impl Iterator<Item = (usize, &Column)> {
        self.columns.iter().enumerate().filter(|(_, column)| column.is_stored())
    }
}

impl Column {
    /// A column by its field alone, without what needs other fields or databases.
    pub(crate) fn plain(field: &Field) -> Column {
        let (range, labels) = match &field.kind {
            FieldKind::Number { scale, min, max, .. } => {
                let bound = |number: &Option<super::Number>, otherwise: i64| {
                    number.and_then(|number| number.rescale(*scale, super::Rounding::Refuse).ok()).unwrap_or(otherwise)
                };
                ((bound(min, -NUMBER_LIMIT), bound(max, NUMBER_LIMIT)), None)
            }
            FieldKind::Choice { choices } | FieldKind::Choices { choices } => {
                ((-NUMBER_LIMIT, NUMBER_LIMIT), Some(Labels::new(choices)))
            }
            _ => ((-NUMBER_LIMIT, NUMBER_LIMIT), None),
        };
        Column {
            id: field.id.unwrap_or(0),
            sql: quote(&field.code),
            field: field.clone(),
            range,
            labels,
            source: None,
            full_text: None,
            linked: None,
        }
    }

    /// A key given for this key column, as it is stored.
    pub(crate) fn stored_key<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if is_padded(&self.field) { stored_key(&self.field, text) } else { Cow::Borrowed(text) }
    }

    /// The column whose type and rules hold: itself, or what it is copied or read from.
    pub(crate) fn effective(&self) -> &Column {
        self.source.as_ref().map_or(self, |source| &source.column)
    }

    pub(crate) fn labels(&self) -> &Labels {
        self.effective().labels.as_ref().expect("a choice column has labels")
    }

    /// Whether there is a column in the SQL table.
    pub(crate) fn is_stored(&self) -> bool {
        !matches!(self.field.kind, FieldKind::Reference { .. })
    }

    /// Whether callers may give a value.
    pub(crate) fn is_writable(&self) -> bool {
        !matches!(
            self.field.kind,
            FieldKind::Reference { .. } | FieldKind::Calculated { .. } | FieldKind::AutoNumber { .. }
        )
    }

    /// The scale of a number column.
    pub(crate) fn scale(&self) -> Option<u8> {
        match &self.effective().field.kind {
            FieldKind::Number { scale, .. } | FieldKind::Calculated { scale, .. } => Some(*scale),
            _ => None,
        }
    }
}

impl Source {
    fn resolve(databases: &[Database], fields: &[Field], link: &str, source: &str) -> Result<Source> {
        let broken = |rule: Words| Error::new(Code::DefinitionInvalid).with_name(link).with_rule(rule);
        let mut path = (fields, link, source);
        let mut first: Option<(usize, String, String)> = None;
        // A chain of dependent fields ends, or comes back to where it was.
        for _ in 0..16 {
            let usable = path.0.iter().filter(|field| !field.retired);
            let found = usable.enumerate().find(|(_, field)| field.code == path.1);
            let Some((index, Field { kind: FieldKind::Link { database }, .. })) = found else {
                return Err(broken(words!(
                    "「{}」は同じ側のリンク項目ではありません",
                    "\"{}\" is no link field beside it",
                    path.1
                )));
            };
            let Some(target) = databases.iter().find(|candidate| &candidate.code == database) else {
                return Err(broken(words!(
                    "データベース「{database}」がありません",
                    "there is no database \"{database}\""
                )));
            };
            let Some(field) = target.fields.iter().find(|field| field.code == path.2) else {
                return Err(broken(words!(
                    "「{database}」に項目「{}」がありません",
                    "\"{database}\" has no field \"{}\"",
                    path.2
                )));
            };
            let (link_index, from, sql) = first.get_or_insert_with(|| (index, database.clone(), quote(&field.code)));
            match &field.kind {
                FieldKind::Dependent { link, source } => path = (&target.fields, link, source),
                FieldKind::Reference { .. } | FieldKind::File { .. } => {
                    let kind = field.type_words();
                    return Err(broken(words!(
                        "「{database}」の「{}」は{kind}項目です",
                        "\"{}\" of \"{database}\" is a {kind} field",
                        path.2; kind
                    )));
                }
                _ => {
                    let mut column = Column::plain(field);
                    column.linked = Linked::of(databases, field);
                    return Ok(Source {
                        link: *link_index,
                        database: from.clone(),
                        sql: sql.clone(),
                        column: Box::new(column),
                    });
                }
            }
        }
        Err(broken(words!("従属項目が循環しています", "the dependent fields form a circle")))
    }
}

/// Calculated columns in an order in which each comes after those it needs.
pub(super) fn calculation_order(columns: &[Column]) -> Result<Vec<usize>, Words> {
    let mut order = Vec::new();
    let mut open: Vec<usize> =
        (0..columns.len()).filter(|at| matches!(columns[*at].field.kind, FieldKind::Calculated { .. })).collect();
    while !open.is_empty() {
        let ready = open.iter().position(|at| {
            let FieldKind::Calculated { expression, .. } = &columns[*at].field.kind else { return true };
            !expression.fields().iter().any(|name| open.iter().any(|other| columns[*other].field.code == *name))
        });
        match ready {
            Some(at) => order.push(open.remove(at)),
            None => {
                let codes: Vec<&str> = open.iter().map(|at| columns[*at].field.code.as_str()).collect();
                return Err(words!(
                    "計算項目が循環しています: {}",
                    "the calculated fields need each other in a circle: {}",
                    codes.join(", ")
                ));
            }
        }
    }
    Ok(order)
}
