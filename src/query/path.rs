//! Paths: which field a name means, and the SQL that reads it.

use crate::error::{Code, Error, IntoWords, Result, words};
use crate::schema::{Catalog, Column, FieldKind, Layout, Table, Value};

/// The most links one path may follow, and the longest path in bytes.
const LINKS: usize = 4;
const LENGTH: usize = 2_000;

/// The table of users, quoted.
const USERS: &str = "renkei_user";

/// A column that every record has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum System {
    Id,
    Revision,
    CreatedAt,
    CreatedBy,
    UpdatedAt,
    UpdatedBy,
    Approval,
}

impl System {
    const ALL: [System; 7] = [
        System::Id,
        System::Revision,
        System::CreatedAt,
        System::CreatedBy,
        System::UpdatedAt,
        System::UpdatedBy,
        System::Approval,
    ];

    /// The SQL column, which is also the name in paths.
    pub(crate) fn name(self) -> &'static str {
        match self {
            System::Id => "_id",
            System::Revision => "_revision",
            System::CreatedAt => "_created_at",
            System::CreatedBy => "_created_by",
            System::UpdatedAt => "_updated_at",
            System::UpdatedBy => "_updated_by",
            System::Approval => "_approval",
        }
    }

    /// The name shown to people, which may stand in paths as well.
    pub(crate) fn shown(self) -> &'static str {
        match self {
            System::Id => "[ID]",
            System::Revision => "[改訂]",
            System::CreatedAt => "[登録日]",
            System::CreatedBy => "[登録ユーザ]",
            System::UpdatedAt => "[更新日]",
            System::UpdatedBy => "[更新ユーザ]",
            System::Approval => "[承認]",
        }
    }

    pub(crate) fn find(text: &str) -> Option<System> {
        // Most texts are names of other fields.
        let first = text.as_bytes().first();
        let may_be = matches!(first, Some(b'_' | b'['));
        System::ALL.into_iter().filter(|_| may_be).find(|system| system.name() == text || system.shown() == text)
    }
}

/// Where the first step of a path may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Header fields and system fields only.
    Header,
    /// Detail fields only.
    Details,
    /// Header or detail fields.
    Any,
}

/// A step to another row, by its id.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Hop<'a> {
    /// The column that holds the id, quoted.
    pub(super) column: &'a str,
    /// The table, quoted.
    pub(super) table: &'a str,
    /// The column of the id there.
    pub(super) id: &'static str,
}

/// What a path ends at.
#[derive(Clone)]
pub(super) enum Leaf<'a> {
    Field {
        /// The field whose type and rules hold.
        column: &'a Column,
        /// The full-text table of the column that is read, quoted.
        full_text: Option<&'a str>,
    },
    System(System),
}

/// A path that was found.
#[derive(Clone)]
pub(super) struct Path<'a> {
    /// As it was given.
    pub(super) text: String,
    /// Whether it begins at a detail row.
    pub(super) on_details: bool,
    pub(super) hops: Vec<Hop<'a>>,
    /// The SQL column at the end, quoted.
    pub(super) sql: &'a str,
    pub(super) leaf: Leaf<'a>,
}

impl<'a> Path<'a> {
    /// Finds what `text` names, beginning at `place` of `table`.
    pub(super) fn find(catalog: &'a Catalog, table: &'a Table, place: Place, text: &str) -> Result<Path<'a>> {
        let mut path = Path {
            text: text.to_owned(),
            on_details: false,
            hops: Vec::new(),
            sql: "_id",
            leaf: Leaf::System(System::Id),
        };
        let header = (place != Place::Details).then_some((&table.header, false));
        let details = table.details.as_ref().filter(|_| place != Place::Header).map(|layout| (layout, true));
        let layouts = || header.into_iter().chain(details);
        if text.len() <= LENGTH {
            if place != Place::Details && path.end_at_system(text) {
                return Ok(path);
            }
            // A code of the details goes before a display name of the header.
            let by_code = |layout: &'a Layout| layout.columns.iter().find(|column| column.field.code == text);
            let by_any = |layout: &'a Layout| layout.find(text).map(|at| &layout.columns[at]);
            let found = layouts()
                .find_map(|(layout, on)| Some((layout, on, by_code(layout)?)))
                .or_else(|| layouts().find_map(|(layout, on)| Some((layout, on, by_any(layout)?))));
            if let Some((layout, on_details, column)) = found {
                path.on_details = on_details;
                path.end_at(catalog, layout, column);
                return Ok(path);
            }
            for (layout, on_details) in layouts() {
                if path.follow(catalog, layout, text)? {
                    path.on_details = on_details;
                    return Ok(path);
                }
            }
        }
        let rule = match place {
            Place::Details => words!("{}の明細", "{} (detail rows)", table.code()),
            _ => table.code().into_words(),
        };
        Err(Error::new(Code::QueryField).with_field(text).with_value(text).with_rule(rule))
    }

    fn end_at_system(&mut self, text: &str) -> bool {
        let Some(system) = System::find(text) else { return false };
        self.sql = system.name();
        self.leaf = Leaf::System(system);
        true
    }

    /// Ends the path at a column of the row it has come to.
    fn end_at(&mut self, catalog: &'a Catalog, layout: &'a Layout, column: &'a Column) {
        self.sql = self.stored(catalog, layout, column);
        let mut full_text = column.full_text.as_deref();
        if let (Some(source), FieldKind::Reference { source: code, .. }) = (&column.source, &column.field.kind) {
            let target = catalog.table(&source.database).ok().map(|table| &table.header);
            let read = target.and_then(|layout| layout.columns.iter().find(|column| column.field.code == *code));
            full_text = read.and_then(|column| column.full_text.as_deref());
        }
        self.leaf = Leaf::Field { column, full_text };
    }

    /// The SQL column that holds the value of `column`; a reference field is read through its link.
    fn stored(&mut self, catalog: &'a Catalog, layout: &'a Layout, column: &'a Column) -> &'a str {
        match &column.source {
            Some(source) if !column.is_stored() => {
                if let Ok(target) = catalog.table(&source.database) {
                    let column = &layout.columns[source.link].sql;
                    self.hops.push(Hop { column, table: &target.header.sql, id: "_id" });
                }
                &source.sql
            }
            _ => &column.sql,
        }
    }

    /// Follows `link.rest` from a row of `layout`; false when there is no such link or field.
    fn follow(&mut self, catalog: &'a Catalog, layout: &'a Layout, text: &str) -> Result<bool> {
        // Display names may have dots in them, so each is tried.
        for (at, _) in text.match_indices('.') {
            let Some(found) = layout.find(&text[..at]) else { continue };
            let column = &layout.columns[found];
            let Some(target) = linked(catalog, column) else { continue };
            catalog.enter(target)?;
            let kept = self.hops.len();
            let sql = self.stored(catalog, layout, column);
            self.hops.push(Hop { column: sql, table: &target.header.sql, id: "_id" });
            if self.hops.len() > LINKS {
                let rule = words!(
                    "「{}」がたどるリンクが{LINKS}個を超えています",
                    "the path \"{}\" follows more than {LINKS} links",
                    crate::error::shorten(&self.text)
                );
                return Err(Error::new(Code::QueryShape).with_field(&self.text).with_rule(rule));
            }
            let rest = &text[at + 1..];
            if self.end_at_system(rest) {
                return Ok(true);
            }
            if let Some(at) = target.header.find(rest) {
                self.end_at(catalog, &target.header, &target.header.columns[at]);
                return Ok(true);
            }
            if self.follow(catalog, &target.header, rest)? {
                return Ok(true);
            }
            self.hops.truncate(kept);
        }
        Ok(false)
    }

    /// The path as it is shown and compared: to the key of a linked record, to the code of a user.
    pub(super) fn shown(&self, catalog: &'a Catalog) -> Path<'a> {
        let mut path = self.clone();
        if self.is_user() {
            path.hops.push(Hop { column: self.sql, table: USERS, id: "id" });
            path.sql = "code";
        } else if let Leaf::Field { column, .. } = self.leaf
            && let Some(target) = linked(catalog, column)
        {
            path.hops.push(Hop { column: self.sql, table: &target.header.sql, id: "_id" });
            path.sql = &target.key().sql;
            path.leaf = Leaf::Field { column, full_text: target.key().full_text.as_deref() };
        }
        path
    }

    /// The database a link leads to.
    pub(super) fn linked(&self, catalog: &'a Catalog) -> Option<&'a Table> {
        match self.leaf {
            Leaf::Field { column, .. } => linked(catalog, column),
            Leaf::System(_) => None,
        }
    }

    pub(super) fn is_user(&self) -> bool {
        match self.leaf {
            Leaf::Field { column, .. } => matches!(column.effective().field.kind, FieldKind::User {}),
            Leaf::System(system) => matches!(system, System::CreatedBy | System::UpdatedBy),
        }
    }

    /// The name for messages.
    pub(super) fn name(&self) -> &'a str {
        match self.leaf {
            Leaf::Field { column, .. } => &column.field.name,
            Leaf::System(system) => system.shown(),
        }
    }

    /// The value as one SQL expression, read from the row that `alias` stands for. Without a link it is NULL.
    pub(super) fn scalar(&self, alias: &str) -> String {
        let mut sql = String::new();
        let mut from = alias.to_owned();
        let mut ends = Vec::new();
        for (at, hop) in self.hops.iter().enumerate() {
            let next = format!("h{at}");
            sql.push_str("(SELECT ");
            ends.push(format!(" FROM {} {next} WHERE {next}.{} = {from}.{})", hop.table, hop.id, hop.column));
            from = next;
        }
        sql.push_str(&format!("{from}.{}", self.sql));
        sql.extend(ends.into_iter().rev());
        sql
    }

    /// The value as an SQL expression that has the order of people: labels in the order of their definition.
    pub(super) fn ordered(&self, catalog: &'a Catalog, alias: &str) -> String {
        let sql = self.shown(catalog).scalar(alias);
        if let Leaf::Field { column, .. } = self.leaf
            && matches!(column.effective().field.kind, FieldKind::Choice { .. })
        {
            let numbers: Vec<i64> = column.labels().numbers().collect();
            // Numbers are given in the order of the definition, as long as nobody moves a label.
            if !numbers.is_sorted() && numbers.len() <= 500 {
                let cases: String =
                    numbers.iter().enumerate().map(|(at, number)| format!(" WHEN {number} THEN {at}")).collect();
                return format!("CASE {sql}{cases} END");
            }
        }
        sql
    }
}

/// What a path is called after fields were renamed: the same steps, each by the word it was named by.
///
/// `None` when it names nothing, or when nothing of it has changed.
pub(crate) fn renamed(before: &Catalog, after: &Catalog, database: i64, text: &str) -> Option<String> {
    let (old, new) = (before.table_by_id(database).ok()?, after.table_by_id(database).ok()?);
    if System::find(text).is_some() {
        return None;
    }
    let layouts = || {
        let details = old.details.as_ref().zip(new.details.as_ref());
        std::iter::once((&old.header, &new.header)).chain(details)
    };
    let by_code = |layout: &Layout| layout.columns.iter().any(|column| column.field.code == text);
    let found = layouts()
        .find(|(layout, _)| by_code(layout))
        .or_else(|| layouts().find(|(layout, _)| layout.find(text).is_some()))
        .and_then(|(old, new)| renamed_step(old, new, text))
        .or_else(|| layouts().find_map(|(old, new)| renamed_steps(before, after, old, new, text, LINKS)))?;
    (found != text).then_some(found)
}

fn renamed_step(old: &Layout, new: &Layout, text: &str) -> Option<String> {
    let column = &old.columns[old.find(text)?];
    let now = &new.columns.iter().find(|now| now.id == column.id)?.field;
    Some(match text {
        _ if column.field.code == text => now.code.clone(),
        _ if column.field.name == text => now.name.clone(),
        _ => text.to_owned(),
    })
}

fn renamed_steps(
    before: &Catalog,
    after: &Catalog,
    old: &Layout,
    new: &Layout,
    text: &str,
    links: usize,
) -> Option<String> {
    text.match_indices('.').filter(|_| links > 0).find_map(|(at, _)| {
        let (link, rest) = (&text[..at], &text[at + 1..]);
        let target = linked(before, &old.columns[old.find(link)?])?;
        let now = after.table_by_id(target.id).ok()?;
        let rest = if System::find(rest).is_some() {
            rest.to_owned()
        } else {
            renamed_step(&target.header, &now.header, rest)
                .or_else(|| renamed_steps(before, after, &target.header, &now.header, rest, links - 1))?
        };
        Some(format!("{}.{rest}", renamed_step(old, new, link)?))
    })
}

/// Whether a path names something in use.
pub(crate) fn exists(catalog: &Catalog, database: i64, text: &str) -> bool {
    catalog.table_by_id(database).is_ok_and(|table| Path::find(catalog, table, Place::Any, text).is_ok())
}

/// Gives a value that is compared with a field of choices the labels of now, where labels were renamed.
pub(crate) fn relabel(before: &Catalog, after: &Catalog, database: i64, text: &str, value: &mut Value) {
    let column = |catalog: &'_ Catalog, text: &str| -> Option<Vec<(i64, String)>> {
        let path = Path::find(catalog, catalog.table_by_id(database).ok()?, Place::Any, text).ok()?;
        let Leaf::Field { column, .. } = path.leaf else { return None };
        let labels = column.effective().labels.as_ref()?;
        Some(labels.numbers().filter_map(|number| Some((number, labels.label(number)?.to_owned()))).collect())
    };
    let Some(old) = column(before, text) else { return };
    let path = renamed(before, after, database, text);
    let Some(new) = column(after, path.as_deref().unwrap_or(text)) else { return };
    let label = |label: &mut String| {
        let number = old.iter().find(|(_, old)| old == label).map(|(number, _)| *number);
        if let Some((_, now)) = number.and_then(|number| new.iter().find(|(other, _)| *other == number)) {
            label.clone_from(now);
        }
    };
    match value {
        Value::Choices(labels) => labels.iter_mut().for_each(label),
        Value::Text(text) if old.iter().any(|(_, label)| label == text) => label(text),
        // Several labels in one text.
        Value::Text(text) => {
            let mut labels: Vec<String> = text.split(',').map(str::to_owned).collect();
            labels.iter_mut().for_each(label);
            *text = labels.join(",");
        }
        _ => {}
    }
}

fn linked<'a>(catalog: &'a Catalog, column: &'a Column) -> Option<&'a Table> {
    match &column.effective().field.kind {
        FieldKind::Link { database } => catalog.table(database).ok().map(|table| table.as_ref()),
        _ => None,
    }
}
