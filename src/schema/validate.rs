//! Whether a definition is acceptable. Everything that is wrong with it is told at once.

use std::collections::HashSet;

use super::catalog::NUMBER_LIMIT;
use super::definition::{AutoNumber, Choice, Database, Field, FieldKind, KeyPart};
use super::names;
use super::number::{Number, Rounding};
use crate::error::{Code, Error, Result, Words, shorten, words};

/// The most fields of a header or of detail rows: SQLite's own limit is 2,000 columns.
const MOST_FIELDS: usize = 1_000;
const MOST_CHOICES: usize = 5_000;
const NAME_LENGTH: usize = 1_000;

/// Judges `database` as one of `all` (which contains it, and every database it may link to).
pub(super) fn validate(database: &Database, all: &[Database]) -> Result<()> {
    let mut faults = Vec::new();
    faults.extend(names::code_fault(&database.code));
    faults.extend(name_fault(words!("データベース", "the database"), &database.name));
    for (fields, word) in [(&database.fields, "fields"), (&database.details, "details")] {
        if fields.len() > MOST_FIELDS {
            faults.push(words!(
                "`{word}`に項目が{}個あります（上限{MOST_FIELDS}）",
                "`{word}` has {} fields; {MOST_FIELDS} is the limit",
                fields.len()
            ));
            return refuse(database, faults);
        }
    }
    unique_names(database, &mut faults);
    let keys = database.fields.iter().filter(|field| field.is_key()).count();
    if keys != 1 {
        faults.push(words!(
            "`fields`のキー項目（\"type\": \"key\"）が1個ではなく{keys}個あります",
            "`fields` has {keys} key fields instead of one (\"type\": \"key\")"
        ));
    }
    if database.fields.iter().any(|field| field.is_key() && field.retired) {
        faults.push(words!("キー項目は使用をやめられません（retired）", "the key cannot be retired"));
    }
    if let Some(at) = database.details_at.filter(|at| *at > database.fields.len()) {
        let count = database.fields.len();
        faults.push(words!(
            "`details_at`は{at}ですが、ヘッダ項目は{count}個です",
            "`details_at` is {at}, but there are {count} header fields"
        ));
    }
    let detail_keys = database.details.iter().filter(|field| matches!(field.kind, FieldKind::DetailKey { .. })).count();
    if detail_keys > 1 {
        faults.push(words!(
            "`details`の明細キーが{detail_keys}個あります（1個まで）",
            "`details` has {detail_keys} detail keys; one is the most"
        ));
    }
    for field in &database.fields {
        if matches!(field.kind, FieldKind::DetailKey { .. }) {
            faults.push(words!(
                "明細キー「{}」は`details`に書きます",
                "\"{}\" is a detail key and belongs in `details`",
                field.code
            ));
        }
        validate_field(database, field, &database.fields, all, &mut faults);
    }
    for field in &database.details {
        if field.is_key() {
            faults.push(words!(
                "キー項目「{}」は`fields`に書きます",
                "\"{}\" is a key and belongs in `fields`",
                field.code
            ));
        }
        validate_field(database, field, &database.details, all, &mut faults);
    }
    if faults.is_empty() { Ok(()) } else { refuse(database, faults) }
}

fn refuse(database: &Database, mut faults: Vec<Words>) -> Result<()> {
    let more = faults.len().saturating_sub(20);
    faults.truncate(20);
    if more > 0 {
        faults.push(words!("ほか{more}件", "and {more} more"));
    }
    let name = if database.code.is_empty() { "?" } else { &shorten(&database.code).into_owned() };
    Err(Error::new(Code::DefinitionInvalid).with_name(name).with_rule(Words::list(&faults, "; ")))
}

fn name_fault(of: Words, name: &str) -> Option<Words> {
    let fault = if name.trim().is_empty() {
        words!("名前が空です", "it has an empty name")
    } else if name.chars().count() > NAME_LENGTH {
        words!("名前が{NAME_LENGTH}文字を超えています", "its name has more than {NAME_LENGTH} characters")
    } else if name.chars().any(char::is_control) {
        words!("名前に制御文字が含まれています", "its name has a control character")
    } else {
        return None;
    };
    Some(words!("{of}: {fault}", "{of}: {fault}"; of, fault))
}

fn the_field(code: &str) -> Words {
    let code = shorten(code);
    words!("項目「{code}」", "field \"{code}\"")
}

fn unique_names(database: &Database, faults: &mut Vec<Words>) {
    let (mut codes, mut shown, mut ids) = (HashSet::new(), HashSet::new(), HashSet::new());
    for field in database.fields.iter().chain(&database.details) {
        if let Some(fault) = names::code_fault(&field.code) {
            faults.push(fault);
        }
        faults.extend(name_fault(the_field(&field.code), &field.name));
        // SQLite does not tell column names apart by ASCII case.
        if !codes.insert(field.code.to_ascii_lowercase()) {
            faults.push(words!("コード「{}」が二度使われています", "the code \"{}\" stands twice", field.code));
        }
        if !field.retired && !shown.insert(field.name.to_ascii_lowercase()) {
            faults.push(words!("名前「{}」が二度使われています", "the name \"{}\" stands twice", shorten(&field.name)));
        }
        if let Some(id) = field.id
            && !ids.insert(id)
        {
            faults.push(words!("項目のID {id}が二度使われています", "the field id {id} stands twice"));
        }
    }
}

fn validate_field(database: &Database, field: &Field, siblings: &[Field], all: &[Database], faults: &mut Vec<Words>) {
    let (of, kind) = (the_field(&field.code), field.type_words());
    let mut fault = |fault: Words| faults.push(words!("{of}: {fault}", "{of}: {fault}"; of, fault));
    match &field.kind {
        FieldKind::Number { scale, min, max, .. } => {
            if *scale > 18 {
                fault(words!("小数の桁数{scale}が18を超えています", "a scale of {scale} is more than 18"));
            }
            let fits = |bound: &Option<Number>| {
                bound.is_none_or(|bound| bound.rescale((*scale).min(18), Rounding::Refuse).is_ok())
            };
            if !fits(min) || !fits(max) {
                fault(words!(
                    "minまたはmaxが小数{scale}桁の数値に合いません",
                    "min or max does not fit a number with {scale} decimal places"
                ));
            }
            if let (Some(min), Some(max)) = (min, max)
                && min > max
            {
                fault(words!("min {min}がmax {max}より大きくなっています", "min {min} is greater than max {max}"));
            }
        }
        FieldKind::Date { display, csv } | FieldKind::DateTime { display, csv }
            if [display, csv].into_iter().flatten().any(|pattern| !pattern.has_date()) =>
        {
            fault(words!("書式に年月日がありません", "a pattern without a year, month or day shows nothing of it"));
        }
        FieldKind::Time { display, csv }
            if [display, csv].into_iter().flatten().any(|pattern| pattern.has_date() || !pattern.has_time()) =>
        {
            fault(words!(
                "時間の書式には時分秒だけを使います",
                "a pattern of a time has hours, minutes and seconds, and no part of a date"
            ));
        }
        FieldKind::Choice { choices } => validate_choices(choices, false, &mut fault),
        FieldKind::Choices { choices } => validate_choices(choices, true, &mut fault),
        FieldKind::Key { parts, joiner } => validate_key(parts, joiner, &mut fault),
        FieldKind::AutoNumber { format } => validate_auto_number(format, &mut fault),
        FieldKind::Link { database: target } if !all.iter().any(|candidate| &candidate.code == target) => {
            fault(words!("リンク先「{target}」が存在しません", "it links to \"{target}\", which does not exist"));
        }
        FieldKind::Dependent { link, source } | FieldKind::Reference { link, source } => {
            validate_source(link, source, siblings, all, &mut fault);
        }
        FieldKind::Calculated { expression, scale, .. } => {
            if *scale > 18 {
                fault(words!("小数の桁数{scale}が18を超えています", "a scale of {scale} is more than 18"));
            }
            let is_details = std::ptr::eq(siblings, database.details.as_slice());
            for name in expression.fields() {
                let own = siblings.iter().find(|other| &other.code == name);
                // A detail row may also calculate with the fields of its header.
                let header = is_details.then(|| database.fields.iter().find(|other| &other.code == name)).flatten();
                match own.or(header) {
                    None => fault(words!(
                        "式の「{name}」が同じ側の項目にありません",
                        "its expression names \"{name}\", which does not exist beside it"
                    )),
                    Some(other) if !is_number(other, database, all) => {
                        let other = other.type_words();
                        fault(words!(
                            "式の「{name}」は{other}項目のため、計算できません",
                            "its expression names \"{name}\", which is a {other} field"; other
                        ));
                    }
                    Some(_) => {}
                }
            }
            for name in expression.detail_fields() {
                match database.details.iter().find(|other| &other.code == name) {
                    None => fault(words!(
                        "式の「{name}」は明細項目ではありません",
                        "its expression sums \"{name}\", which is no detail field"
                    )),
                    Some(other) if !is_number(other, database, all) => {
                        let other = other.type_words();
                        fault(words!(
                            "式の「{name}」は{other}項目のため、計算できません",
                            "its expression sums \"{name}\", which is a {other} field"; other
                        ));
                    }
                    Some(_) if is_details => {
                        fault(words!(
                            "明細項目では全明細行の計算（「{name}」）はできません。ヘッダ項目で行います",
                            "a detail row cannot calculate over all rows (\"{name}\"); the header can"
                        ));
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
        fault(words!(
            "{kind}項目に全文索引（full_text）は使えません",
            "a {kind} field takes no full-text index"; kind
        ));
    }
    if field.index && matches!(field.kind, FieldKind::Reference { .. }) {
        fault(words!(
            "参照項目は保存されないため、索引（index）は使えません",
            "a reference field is stored nowhere and takes no index"
        ));
    }
    if field.unique
        && matches!(field.kind, FieldKind::Reference { .. } | FieldKind::Choices { .. } | FieldKind::File { .. })
    {
        fault(words!("{kind}項目は重複不可（unique）にできません", "a {kind} field cannot be unique"; kind));
    }
    let filled_in =
        matches!(field.kind, FieldKind::Reference { .. } | FieldKind::Calculated { .. } | FieldKind::AutoNumber { .. });
    if field.required && filled_in {
        fault(words!(
            "{kind}項目は自動で設定されるため、必須（required）にできません",
            "a {kind} field is filled in by the store and cannot be required"; kind
        ));
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
            fault(words!("{kind}項目に初期値（default）は使えません", "a {kind} field takes no default"; kind));
        }
    }
}

fn validate_choices(choices: &[Choice], several: bool, fault: &mut impl FnMut(Words)) {
    if choices.is_empty() {
        fault(words!("選択肢がありません", "it has no choices"));
    }
    if choices.len() > MOST_CHOICES {
        fault(words!(
            "選択肢が{}個あります（上限{MOST_CHOICES}）",
            "it has {} choices; {MOST_CHOICES} is the limit",
            choices.len()
        ));
    }
    let (mut labels, mut ids) = (HashSet::new(), HashSet::new());
    for choice in choices {
        let shown = shorten(&choice.label);
        if choice.label.is_empty() {
            fault(words!("空の選択肢があります", "a choice has an empty label"));
        }
        if choice.label.chars().count() > 255 {
            fault(words!(
                "選択肢「{shown}」が255文字を超えています",
                "the label \"{shown}\" is longer than 255 characters"
            ));
        }
        if choice.label.chars().any(char::is_control) {
            fault(words!(
                "選択肢「{shown}」に制御文字が含まれています",
                "the label \"{shown}\" has a control character"
            ));
        }
        if several && choice.label.contains(',') {
            fault(words!(
                "選択肢「{shown}」にカンマは使えません（CSVの区切りになるため）",
                "the label \"{shown}\" has a comma, which separates labels in CSV"
            ));
        }
        if !labels.insert(&choice.label) {
            fault(words!("選択肢「{shown}」が二度あります", "the label \"{shown}\" stands twice"));
        }
        if let Some(id) = choice.id {
            if !(1..=NUMBER_LIMIT).contains(&id) {
                fault(words!("選択肢のID {id}が正の整数ではありません", "the choice id {id} is not positive"));
            }
            if !ids.insert(id) {
                fault(words!("選択肢のID {id}が二度使われています", "the choice id {id} stands twice"));
            }
        }
    }
}

fn validate_key(parts: &[KeyPart], joiner: &str, fault: &mut impl FnMut(Words)) {
    if parts.is_empty() || parts.len() > 2 {
        fault(words!("キーの部分は1個か2個です（{}個あります）", "a key has one part or two, not {}", parts.len()));
    }
    if parts.len() == 2 && joiner.is_empty() {
        fault(words!(
            "キーの2つの部分の間には「-」などのjoinerが必要です",
            "two parts of a key need a joiner between them, such as \"-\""
        ));
    }
    if joiner.chars().any(char::is_control) || joiner.chars().count() > 16 {
        fault(words!(
            "joinerに制御文字があるか、16文字を超えています",
            "the joiner has a control character or more than 16 characters"
        ));
    }
    if parts.iter().filter(|part| matches!(part, KeyPart::Automatic { .. })).count() > 1 {
        fault(words!("キーの自動採番の部分は1個までです", "only one part of a key can be automatic"));
    }
    for part in parts {
        match part {
            KeyPart::Automatic { format } => validate_auto_number(format, fault),
            KeyPart::Typed { max_length, digits, .. } => {
                if max_length.is_some_and(|length| length == 0 || length > 255) {
                    fault(words!("キーの部分は1から255文字です", "a key part has 1 to 255 characters"));
                }
                if digits.is_some_and(|digits| digits > 64) {
                    fault(words!("キーの部分の桁数は64までです", "a key part is padded to 64 digits at the most"));
                }
            }
            KeyPart::Choice { choices } => {
                if choices.is_empty() || choices.iter().any(|choice| choice.is_empty()) {
                    fault(words!(
                        "キーの選択する部分に候補がないか、空の候補があります",
                        "a key part to choose has no texts, or an empty one"
                    ));
                }
            }
        }
    }
}

fn validate_auto_number(format: &AutoNumber, fault: &mut impl FnMut(Words)) {
    if !(1..=18).contains(&format.digits) {
        fault(words!(
            "自動採番の桁数は1から18です（{}）",
            "an automatic number has 1 to 18 digits, not {}",
            format.digits
        ));
    }
    if !(0..=NUMBER_LIMIT).contains(&format.start) {
        fault(words!("自動採番を{}から始めることはできません", "an automatic number cannot start at {}", format.start));
    }
    for text in [&format.prefix, &format.suffix] {
        if text.chars().any(char::is_control) || text.chars().count() > 64 {
            fault(words!(
                "prefixまたはsuffixに制御文字があるか、64文字を超えています",
                "a prefix or suffix has a control character or more than 64 characters"
            ));
        }
    }
}

fn validate_source(link: &str, source: &str, siblings: &[Field], all: &[Database], fault: &mut impl FnMut(Words)) {
    let Some(found) = siblings.iter().find(|other| other.code == link) else {
        return fault(words!(
            "リンク「{link}」が同じ側の項目にありません",
            "its link \"{link}\" does not exist beside it"
        ));
    };
    let FieldKind::Link { database } = &found.kind else {
        let kind = found.type_words();
        return fault(
            words!("「{link}」は{kind}項目で、リンクではありません", "\"{link}\" is a {kind} field, not a link"; kind),
        );
    };
    // A missing database is told with the link itself.
    let Some(target) = all.iter().find(|candidate| &candidate.code == database) else { return };
    match target.fields.iter().find(|field| field.code == source) {
        None => fault(words!(
            "「{database}」にヘッダ項目「{source}」がありません",
            "\"{database}\" has no header field \"{source}\""
        )),
        Some(field) if matches!(field.kind, FieldKind::Reference { .. } | FieldKind::File { .. }) => {
            let kind = field.type_words();
            fault(words!(
                "「{database}」の「{source}」は{kind}項目のため、参照できません",
                "\"{source}\" of \"{database}\" is a {kind} field, which cannot be copied"; kind
            ));
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
