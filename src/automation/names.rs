//! The names in automations, of several databases: they follow when what they name gets another name.

use std::collections::HashMap;

use super::definition::{
    Automation, AutomationTrigger, FieldSource, GenerateFileFor, HttpSendFor, Part, PartAction, PartTarget,
    SendMailAbout, SetField,
};
use crate::error::{Result, Words, words};
use crate::query::{Condition, has_field, relabel, renamed_path};
use crate::schema::documents::{self, Document, kind_words};
use crate::schema::{Catalog, Expression, Value};
use crate::store::Writing;
use crate::template::rename;

/// One name.
enum Name<'n> {
    /// The code of a database.
    Database(&'n mut String),
    /// The path of a field of a database.
    Path(i64, &'n mut String),
    /// A value of a field of a database, which may be a label.
    Label(i64, &'n str, &'n mut Value),
    /// A calculation with fields of a database.
    Formula(i64, &'n mut Expression),
}

/// Looks at every name.
struct Visitor<'v> {
    catalog: &'v Catalog,
    own: i64,
    /// The databases of searches, by the codes of their parts.
    searches: HashMap<String, i64>,
    work: &'v mut dyn FnMut(Name<'_>),
}

impl Automation {
    /// The databases in which its parts search, register and write, beside its own: by code.
    pub(super) fn databases(&self) -> Vec<(&str, bool)> {
        fn of<'p>(parts: &'p [Part], all: &mut Vec<(&'p str, bool)>) {
            for part in parts {
                match &part.action {
                    PartAction::Search(search) => all.extend(search.database.as_deref().map(|code| (code, false))),
                    PartAction::Register(register) => all.extend(register.database.as_deref().map(|code| (code, true))),
                    _ => {}
                }
                part.branches().iter().for_each(|branch| of(branch, all));
            }
        }
        let mut all = Vec::new();
        of(&self.parts, &mut all);
        all
    }

    /// Hands every name to `work`; codes are those of `catalog`.
    fn visit(&mut self, catalog: &Catalog, own: i64, work: &mut dyn FnMut(Name<'_>)) {
        let mut visitor = Visitor { catalog, own, searches: HashMap::new(), work };
        visitor.find_searches(&self.parts);
        if let Some(condition) = &mut self.condition {
            visitor.condition(own, condition);
        }
        for trigger in &mut self.triggers {
            match trigger {
                AutomationTrigger::Registered(registered) => {
                    registered.condition.iter_mut().for_each(|condition| visitor.condition(own, condition));
                }
                AutomationTrigger::Updated(updated) => {
                    updated.condition.iter_mut().for_each(|condition| visitor.condition(own, condition));
                    updated.fields.iter_mut().for_each(|field| (visitor.work)(Name::Path(own, field)));
                }
                AutomationTrigger::TemplatedMail(mail) => {
                    mail.fields.iter_mut().for_each(|line| (visitor.work)(Name::Path(own, &mut line.field)));
                }
                _ => {}
            }
        }
        visitor.parts(&mut self.parts);
        (visitor.work)(Name::Database(&mut self.database));
    }
}

impl Visitor<'_> {
    fn database(&self, code: Option<&String>) -> i64 {
        code.and_then(|code| self.catalog.table(code).ok()).map_or(self.own, |table| table.id)
    }

    fn find_searches(&mut self, parts: &[Part]) {
        for part in parts {
            if let PartAction::Search(search) = &part.action {
                let database = self.database(search.database.as_ref());
                self.searches.insert(part.code.clone(), database);
            }
            part.branches().iter().for_each(|branch| self.find_searches(branch));
        }
    }

    fn target(&self, target: &PartTarget) -> i64 {
        match target {
            PartTarget::Found(search) => self.searches.get(search).copied().unwrap_or(self.own),
            _ => self.own,
        }
    }

    fn parts(&mut self, parts: &mut [Part]) {
        for part in parts {
            match &mut part.action {
                PartAction::Register(register) => {
                    let database = self.database(register.database.as_ref());
                    self.sets(database, &mut register.set);
                    self.sets(database, &mut register.row);
                    if let Some(code) = &mut register.database {
                        (self.work)(Name::Database(code));
                    }
                }
                PartAction::Update(update) => {
                    let database = self.target(&update.target);
                    self.sets(database, &mut update.set);
                    self.sets(database, &mut update.row);
                }
                PartAction::Search(search) => {
                    let database = self.database(search.database.as_ref());
                    self.condition(database, &mut search.condition);
                    for sort in &mut search.sort {
                        (self.work)(Name::Path(database, &mut sort.field));
                    }
                    self.parts(&mut search.hits);
                    self.parts(&mut search.none);
                    if let Some(code) = &mut search.database {
                        (self.work)(Name::Database(code));
                    }
                }
                PartAction::GenerateFile(file) => {
                    let database = self.target(&file.target);
                    (self.work)(Name::Path(database, &mut file.field));
                }
                PartAction::Condition(branch) => {
                    self.condition(self.own, &mut branch.condition);
                    self.parts(&mut branch.then);
                    self.parts(&mut branch.otherwise);
                }
                _ => {}
            }
        }
    }

    fn condition(&mut self, database: i64, condition: &mut Condition) {
        let own = self.own;
        condition.values_mut(&mut |path, value| match value {
            Value::Text(text) if text.contains("${") => {
                rename(text, &mut |name| (self.work)(Name::Path(own, name)));
            }
            value => (self.work)(Name::Label(database, path, value)),
        });
        condition.paths_mut(&mut |path| (self.work)(Name::Path(database, path)));
    }

    fn sets(&mut self, database: i64, sets: &mut [SetField]) {
        let own = self.own;
        for SetField { field, from } in sets {
            match from {
                FieldSource::Value(value) => (self.work)(Name::Label(database, field, value)),
                FieldSource::Field(path) => (self.work)(Name::Path(own, path)),
                FieldSource::Target(path) => (self.work)(Name::Path(database, path)),
                FieldSource::Found(found) => {
                    let of = self.searches.get(&found.part).copied().unwrap_or(own);
                    (self.work)(Name::Path(of, &mut found.field));
                }
                FieldSource::Formula(expression) => (self.work)(Name::Formula(own, expression)),
                FieldSource::TargetFormula(expression) => (self.work)(Name::Formula(database, expression)),
                FieldSource::Template(text) => rename(text, &mut |name| (self.work)(Name::Path(own, name))),
            }
            (self.work)(Name::Path(database, field));
        }
    }
}

/// What parts send and generate by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SentBy {
    MailTemplate,
    FileTemplate,
    HttpSend,
}

/// A part that sends, or generates a file, by another definition.
pub(super) struct Sending<'p> {
    pub(super) by: SentBy,
    pub(super) code: &'p mut String,
    pub(super) target: &'p PartTarget,
}

impl Automation {
    /// The parts that send by other definitions.
    pub(super) fn sending_mut(&mut self) -> Vec<Sending<'_>> {
        fn of<'p>(parts: &'p mut [Part], all: &mut Vec<Sending<'p>>) {
            for part in parts {
                match &mut part.action {
                    PartAction::SendMail(SendMailAbout { template, target }) => {
                        all.push(Sending { by: SentBy::MailTemplate, code: template, target });
                    }
                    PartAction::GenerateFile(GenerateFileFor { template, target, .. }) => {
                        all.push(Sending { by: SentBy::FileTemplate, code: template, target });
                    }
                    PartAction::HttpSend(HttpSendFor { http_send, target }) => {
                        all.push(Sending { by: SentBy::HttpSend, code: http_send, target });
                    }
                    PartAction::Search(search) => {
                        of(&mut search.hits, all);
                        of(&mut search.none, all);
                    }
                    PartAction::Condition(branch) => {
                        of(&mut branch.then, all);
                        of(&mut branch.otherwise, all);
                    }
                    _ => {}
                }
            }
        }
        let mut all = Vec::new();
        of(&mut self.parts, &mut all);
        all
    }
}

/// The databases in which an automation searches, by the codes of its parts.
pub(super) fn searches(catalog: &Catalog, own: i64, automation: &Automation) -> HashMap<String, i64> {
    let mut visitor = Visitor { catalog, own, searches: HashMap::new(), work: &mut |_| {} };
    visitor.find_searches(&automation.parts);
    visitor.searches
}

/// The database of a target.
pub(super) fn searched(catalog: &Catalog, own: i64, searches: &HashMap<String, i64>, target: &PartTarget) -> i64 {
    Visitor { catalog, own, searches: searches.clone(), work: &mut |_| {} }.target(target)
}

/// The automations that send by a definition of a database.
pub(super) fn sending_by(
    connection: &rusqlite::Connection,
    catalog: &Catalog,
    database: i64,
    by: SentBy,
    code: &str,
) -> Result<Vec<Automation>> {
    let mut all: Vec<Automation> = documents::load(connection)?;
    all.retain_mut(|automation| {
        let Ok(own) = catalog.table(&automation.database).map(|table| table.id) else { return false };
        let searches = searches(catalog, own, automation);
        automation.sending_mut().iter().any(|part| {
            part.by == by && part.code == code && searched(catalog, own, &searches, part.target) == database
        })
    });
    Ok(all)
}

/// Gives the fields of a calculation the names that `change` gives them.
fn rename_formula(expression: &Expression, change: impl Fn(&str) -> Option<String>) -> Option<Expression> {
    let source = expression.source();
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        // Digits begin a number, whatever follows them.
        let end = match first.is_alphabetic() || first == '_' {
            true => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            false => rest.find(|c: char| c.is_alphabetic() || c == '_').unwrap_or(rest.len()),
        };
        let (piece, behind) = rest.split_at(end);
        let is_call = behind.trim_start().starts_with('(');
        match change(piece).filter(|_| !is_call) {
            Some(now) => out.push_str(&now),
            None => out.push_str(piece),
        }
        rest = behind;
    }
    (out != source).then(|| out.parse().ok()).flatten()
}

/// Lets automations follow databases, fields and labels that have got other names.
pub(crate) fn follow_renames(writing: &Writing<'_>, before: &Catalog, after: &Catalog) -> Result<()> {
    for old in documents::load::<Automation>(writing)? {
        let Ok(table) = before.table(&old.database) else { continue };
        let mut now = old.clone();
        // Labels by the paths of before, then paths, then databases, by which the others are known.
        now.visit(before, table.id, &mut |name| {
            if let Name::Label(database, path, value) = name {
                relabel(before, after, database, path, value);
            }
        });
        now.visit(before, table.id, &mut |name| match name {
            Name::Path(database, path) => {
                if let Some(renamed) = renamed_path(before, after, database, path) {
                    *path = renamed;
                }
            }
            Name::Formula(database, expression) => {
                let renamed = rename_formula(expression, |name| renamed_path(before, after, database, name));
                if let Some(renamed) = renamed {
                    *expression = renamed;
                }
            }
            _ => {}
        });
        now.visit(before, table.id, &mut |name| {
            if let Name::Database(code) = name
                && let Ok(table) = before.table(code).and_then(|old| after.table_by_id(old.id))
            {
                table.code().clone_into(code);
            }
        });
        if now != old {
            documents::save(writing, Some(table.id), &mut now)?;
        }
    }
    Ok(())
}

/// The fields of a database that were in use before and are not now, with the automations that name them.
pub(crate) fn find_users(
    writing: &Writing<'_>,
    before: &Catalog,
    after: &Catalog,
    database: i64,
    users: &mut Vec<(String, Words)>,
) -> Result<()> {
    for mut automation in documents::load::<Automation>(writing)? {
        let Ok(own) = after.table(&automation.database).map(|table| table.id) else { continue };
        let mut gone: Vec<String> = Vec::new();
        automation.visit(after, own, &mut |name| {
            let mut look = |of: i64, path: &str| {
                let is_gone = of == database && has_field(before, of, path) && !has_field(after, of, path);
                if is_gone && !gone.iter().any(|other| other == path) {
                    gone.push(path.to_owned());
                }
            };
            match name {
                Name::Path(of, path) => look(of, path),
                Name::Formula(of, expression) => expression.fields().iter().for_each(|path| look(of, path)),
                _ => {}
            }
        });
        let (kind, code) = (kind_words(Automation::KIND), automation.code());
        let user = words!("{kind}「{code}」", "the {kind} \"{code}\""; kind);
        users.extend(gone.into_iter().map(|path| (path, user.clone())));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calculations_follow_the_codes_of_fields() {
        let renamed = |source: &str| {
            let expression: Expression = source.parse().unwrap();
            let change = |name: &str| match name {
                "price" => Some("単価".to_owned()),
                "sum" => Some("total".to_owned()),
                _ => None,
            };
            rename_formula(&expression, change).map(|now| now.source().to_owned())
        };
        assert_eq!(renamed("price * 2 + price_2").as_deref(), Some("単価 * 2 + price_2"));
        assert_eq!(renamed("sum(price)/ sum"), Some("sum(単価)/ total".to_owned()));
        assert_eq!(renamed("1.5 + count()"), None);
    }
}
