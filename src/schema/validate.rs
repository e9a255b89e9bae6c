//! Whether a definition is acceptable. Everything that is wrong with it is told at once.

use std::collections::HashSet;

use super::catalog::NUMBER_LIMIT;
use super::definition::{AutoNumber, Choice, Database, Field, FieldKind, KeyPart};
use super::names;
use super::number::{Number, Rounding};
use crate::error::{Code, Error, Result, shorten};

/// The most fields of a header or of detail rows: SQLite's own limit is 2,000 columns.
const MOST_FIELDS: usize = 1_000;
const MOST_CHOICES: usize = 5_000;
const NAME_LENGTH: usize = 1_000;

/// Judges `database` as one of `all` (which contains it, and every database it may link to).
pub(super) fn validate(database: &Database, all: &[Database]) -> Result<()> {
    let mut faults = Vec::new();
    faults.extend(names::code_fault(&database.code));
    faults.extend(name_fault("the database", &database.name));
    for (fields, word) in [(&database.fields, "fields"), (&database.details, "details")] {
        if fields.len() > MOST_FIELDS {
            faults.push(format!("`{word}` has {} fields; {MOST_FIELDS} is the limit", fields.len()));
            return refuse(database, faults);
        }
    }
    unique_names(database, &mut faults);
    let keys = database.fields.iter().filter(|field| field.is_key()).count();
    if keys != 1 {
        faults.push(format!("`fields` has {keys} key fields instead of one (\"type\": \"key\")"));
    }
    if database.fields.iter().any(|field| field.is_key() && field.retired) {
        faults.push("the key cannot be retired".to_owned());
    }
    if let Some(at) = database.details_at.filter(|at| *at > database.fields.len()) {
        faults.push(format!("`details_at` is {at}, but there are {} header fields", database.fields.len()));
    }
    let detail_keys = database.details.iter().filter(|field| matches!(field.kind, FieldKind::DetailKey { .. })).count();
    if detail_keys > 1 {
        faults.push(format!("`details` has {detail_keys} detail keys; one is the most"));
    }
    for field in &database.fields {
        if matches!(field.kind, FieldKind::DetailKey { .. }) {
            faults.push(format!("\"{}\" is a detail key and belongs in `details`", field.code));
        }
        validate_field(database, field, &database.fields, all, &mut faults);
    }
    for field in &database.details {
        if field.is_key() {
            faults.push(format!("\"{}\" is a key and belongs in `fields`", field.code));
        }
        validate_field(database, field, &database.details, all, &mut faults);
    }
    if faults.is_empty() { Ok(()) } else { refuse(database, faults) }
}

fn refuse(database: &Database, mut faults: Vec<String>) -> Result<()> {
    let more = faults.len().saturating_sub(20);
    faults.truncate(20);
    if more > 0 {
        faults.push(format!("and {more} more"));
    }
    let name = if database.code.is_empty() { "?" } else { &shorten(&database.code).into_owned() };
    Err(Error::new(Code::DefinitionInvalid).with_name(name).with_rule(faults.join("; ")))
}

fn name_fault(of: &str, name: &str) -> Option<String> {
    if name.trim().is_empty() {
        return Some(format!("{of} has an empty name"));
    }
    if name.chars().count() > NAME_LENGTH {
        return Some(format!("{of} has a name of more than {NAME_LENGTH} characters"));
    }
    if name.chars().any(char::is_control) {
        return Some(format!("{of} has a control character in its name"));
    }
    None
}

fn unique_names(database: &Database, faults: &mut Vec<String>) {
    let (mut codes, mut shown, mut ids) = (HashSet::new(), HashSet::new(), HashSet::new());
    for field in database.fields.iter().chain(&database.details) {
        if let Some(fault) = names::code_fault(&field.code) {
            faults.push(fault);
        }
        faults.extend(name_fault(&format!("field \"{}\"", shorten(&field.code)), &field.name));
        // SQLite does not tell column names apart by ASCII case.
        if !codes.insert(field.code.to_ascii_lowercase()) {
            faults.push(format!("the code \"{}\" stands twice", field.code));
        }
        if !field.retired && !shown.insert(field.name.to_ascii_lowercase()) {
            faults.push(format!("the name \"{}\" stands twice", shorten(&field.name)));
        }
        if let Some(id) = field.id
            && !ids.insert(id)
        {
            faults.push(format!("the field id {id} stands twice"));
        }
    }
}

fn validate_field(database: &Database, field: &Field, siblings: &[Field], all: &[Database], faults: &mut Vec<String>) {
    let code = &field.code;
    let mut fault = |text: String| faults.push(format!("field \"{code}\": {text}"));
    match &field.kind {
        FieldKind::Number { scale, min, max, .. } => {
            if *scale > 18 {
                fault(format!("a scale of {scale} is more than 18"));
            }
            let fits = |bound: &Option<Number>| {
                bound.is_none_or(|bound| bound.rescale((*scale).min(18), Rounding::Refuse).is_ok())
            };
            if !fits(min) || !fits(max) {
                fault(format!("min or max does not fit a number with {scale} decimal places"));
            }
            if let (Some(min), Some(max)) = (min, max)
                && min > max
            {
                fault(format!("min {min} is greater than max {max}"));
            }
        }
        FieldKind::Date { display, csv } | FieldKind::DateTime { display, csv }
            if [display, csv].into_iter().flatten().any(|pattern| !pattern.has_date()) =>
        {
            fault("a pattern without a year, month or day shows nothing of it".to_owned());
        }
        FieldKind::Time { display, csv }
            if [display, csv].into_iter().flatten().any(|pattern| pattern.has_date() || !pattern.has_time()) =>
        {
            fault("a pattern of a time has hours, minutes and seconds, and no part of a date".to_owned());
        }
        FieldKind::Choice { choices } => validate_choices(choices, false, &mut fault),
        FieldKind::Choices { choices } => validate_choices(choices, true, &mut fault),
        FieldKind::Key { parts, joiner } => validate_key(parts, joiner, &mut fault),
        FieldKind::AutoNumber { format } => validate_auto_number(format, &mut fault),
        FieldKind::Link { database: target } if !all.iter().any(|candidate| &candidate.code == target) => {
            fault(format!("it links to \"{target}\", which does not exist"));
        }
        FieldKind::Dependent { link, source } | FieldKind::Reference { link, source } => {
            validate_source(link, source, siblings, all, &mut fault);
        }
        FieldKind::Calculated { expression, scale, .. } => {
            if *scale > 18 {
                fault(format!("a scale of {scale} is more than 18"));
            }
            let is_details = std::ptr::eq(siblings, database.details.as_slice());
            for name in expression.fields() {
                let own = siblings.iter().find(|other| &other.code == name);
                // A detail row may also calculate with the fields of its header.
                let header = is_details.then(|| database.fields.iter().find(|other| &other.code == name)).flatten();
                match own.or(header) {
                    None => fault(format!("its expression names \"{name}\", which does not exist beside it")),
                    Some(other) if !is_number(other, database, all) => {
                        fault(format!("its expression names \"{name}\", which is a {} field", other.type_name()));
                    }
                    Some(_) => {}
                }
            }
            for name in expression.detail_fields() {
                match database.details.iter().find(|other| &other.code == name) {
                    None => fault(format!("its expression sums \"{name}\", which is no detail field")),
                    Some(other) if !is_number(other, database, all) => {
                        fault(format!("its expression sums \"{name}\", which is a {} field", other.type_name()));
                    }
                    Some(_) if is_details => {
                        fault(format!("a detail row cannot calculate over all rows (\"{name}\"); the header can"));
                    }
                    Some(_) => {}
                }
            }
        }
        _ => {}
    }
    let stored_text = matches!(
        field.kind,
        FieldKind::Key { .. }
            | FieldKind::Text { .. }
            | FieldKind::Multiline { .. }
            | FieldKind::Email {}
            | FieldKind::Url {}
            | FieldKind::Phone {}
            | FieldKind::AutoNumber { .. }
            | FieldKind::DetailKey { .. }
    );
    if field.full_text && !stored_text {
        fault(format!("a {} field takes no full-text index", field.type_name()));
    }
    if field.index && matches!(field.kind, FieldKind::Reference { .. }) {
        fault("a reference field is stored nowhere and takes no index".to_owned());
    }
    if field.unique
        && matches!(field.kind, FieldKind::Reference { .. } | FieldKind::Choices { .. } | FieldKind::File { .. })
    {
        fault(format!("a {} field cannot be unique", field.type_name()));
    }
    let filled_in =
        matches!(field.kind, FieldKind::Reference { .. } | FieldKind::Calculated { .. } | FieldKind::AutoNumber { .. });
    if field.required && filled_in {
        fault(format!("a {} field is filled in by the store and cannot be required", field.type_name()));
    }
    if field.default.is_some() {
        let takes_default = !filled_in
            && !matches!(
                field.kind,
                FieldKind::Key { .. }
                    | FieldKind::DetailKey { .. }
                    | FieldKind::Link { .. }
                    | FieldKind::Dependent { .. }
                    | FieldKind::File { .. }
                    | FieldKind::User {}
            );
        if !takes_default {
            fault(format!("a {} field takes no default", field.type_name()));
        }
    }
}

fn validate_choices(choices: &[Choice], several: bool, fault: &mut impl FnMut(String)) {
    if choices.is_empty() {
        fault("it has no choices".to_owned());
    }
    if choices.len() > MOST_CHOICES {
        fault(format!("it has {} choices; {MOST_CHOICES} is the limit", choices.len()));
    }
    let (mut labels, mut ids) = (HashSet::new(), HashSet::new());
    for choice in choices {
        let shown = shorten(&choice.label);
        if choice.label.is_empty() {
            fault("a choice has an empty label".to_owned());
        }
        if choice.label.chars().count() > 255 {
            fault(format!("the label \"{shown}\" is longer than 255 characters"));
        }
        if choice.label.chars().any(char::is_control) {
            fault(format!("the label \"{shown}\" has a control character"));
        }
        if several && choice.label.contains(',') {
            fault(format!("the label \"{shown}\" has a comma, which separates labels in CSV"));
        }
        if !labels.insert(&choice.label) {
            fault(format!("the label \"{shown}\" stands twice"));
        }
        if let Some(id) = choice.id {
            if !(1..=NUMBER_LIMIT).contains(&id) {
                fault(format!("the choice id {id} is not positive"));
            }
            if !ids.insert(id) {
                fault(format!("the choice id {id} stands twice"));
            }
        }
    }
}

fn validate_key(parts: &[KeyPart], joiner: &str, fault: &mut impl FnMut(String)) {
    if parts.is_empty() || parts.len() > 2 {
        fault(format!("a key has one part or two, not {}", parts.len()));
    }
    if parts.len() == 2 && joiner.is_empty() {
        fault("two parts of a key need a joiner between them, such as \"-\"".to_owned());
    }
    if joiner.chars().any(char::is_control) || joiner.chars().count() > 16 {
        fault("the joiner has a control character or more than 16 characters".to_owned());
    }
    if parts.iter().filter(|part| matches!(part, KeyPart::Automatic { .. })).count() > 1 {
        fault("only one part of a key can be automatic".to_owned());
    }
    for part in parts {
        match part {
            KeyPart::Automatic { format } => validate_auto_number(format, fault),
            KeyPart::Typed { max_length, digits, .. } => {
                if max_length.is_some_and(|length| length == 0 || length > 255) {
                    fault("a key part has 1 to 255 characters".to_owned());
                }
                if digits.is_some_and(|digits| digits > 64) {
                    fault("a key part is padded to 64 digits at the most".to_owned());
                }
            }
            KeyPart::Choice { choices } => {
                if choices.is_empty() || choices.iter().any(|choice| choice.is_empty()) {
                    fault("a key part to choose has no texts, or an empty one".to_owned());
                }
            }
        }
    }
}

fn validate_auto_number(format: &AutoNumber, fault: &mut impl FnMut(String)) {
    if !(1..=18).contains(&format.digits) {
        fault(format!("an automatic number has 1 to 18 digits, not {}", format.digits));
    }
    if !(0..=NUMBER_LIMIT).contains(&format.start) {
        fault(format!("an automatic number cannot start at {}", format.start));
    }
    for text in [&format.prefix, &format.suffix] {
        if text.chars().any(char::is_control) || text.chars().count() > 64 {
            fault("a prefix or suffix has a control character or more than 64 characters".to_owned());
        }
    }
}

fn validate_source(link: &str, source: &str, siblings: &[Field], all: &[Database], fault: &mut impl FnMut(String)) {
    let Some(found) = siblings.iter().find(|other| other.code == link) else {
        return fault(format!("its link \"{link}\" does not exist beside it"));
    };
    let FieldKind::Link { database } = &found.kind else {
        return fault(format!("\"{link}\" is a {} field, not a link", found.type_name()));
    };
    // A missing database is told with the link itself.
    let Some(target) = all.iter().find(|candidate| &candidate.code == database) else { return };
    match target.fields.iter().find(|field| field.code == source) {
        None => fault(format!("\"{database}\" has no header field \"{source}\"")),
        Some(field) if matches!(field.kind, FieldKind::Reference { .. } | FieldKind::File { .. }) => {
            fault(format!("\"{source}\" of \"{database}\" is a {} field, which cannot be copied", field.type_name()));
        }
        Some(_) => {}
    }
}

/// Whether a field holds a number, following a dependent field to its source.
fn is_number(field: &Field, database: &Database, all: &[Database]) -> bool {
    let mut current = (field, database);
    for _ in 0..16 {
        match &current.0.kind {
            FieldKind::Number { .. } | FieldKind::Calculated { .. } => return true,
            FieldKind::Dependent { link, source } => {
                let siblings = current.1.fields.iter().chain(&current.1.details);
                let target = siblings.clone().find(|other| &other.code == link).and_then(|link| match &link.kind {
                    FieldKind::Link { database } => all.iter().find(|candidate| &candidate.code == database),
                    _ => None,
                });
                let Some(target) = target else { return false };
                let Some(next) = target.fields.iter().find(|other| &other.code == source) else { return false };
                current = (next, target);
            }
            _ => return false,
        }
    }
    false
}
