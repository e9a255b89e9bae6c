//! What the values of one column allow: which types would give every one of them back, few labels, a key.

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use crate::error::{Code, Result, Words, shorten, words};
use crate::schema::{Catalog, Characters, Database, DatePattern, Field, FieldKind, Table, ValueFormat};

const MOST_LABELS: usize = 20;
const LABEL_LENGTH: usize = 50;
/// A label must stand for so many values on average, and so many values there must be in all, for the list of labels to
/// look complete. A label that is missing refuses the lines of a later file, while text takes any.
const VALUES_PER_LABEL: u64 = 50;
const LEAST_VALUES: u64 = 1_000;

/// As many characters as any key may have.
const KEY_LENGTH: usize = 255;

const DATES: [&str; 7] =
    ["YYYY/MM/DD", "YYYY/M/D", "YYYY.MM.DD", "YYYY.M.D", "YYYY-M-D", "YYYY年MM月DD日", "YYYY年M月D日"];
const TIMES: [&str; 7] = ["h:mm:ss", "hh:mm", "h:mm", "hh時mm分ss秒", "h時mm分ss秒", "hh時mm分", "h時mm分"];

/// The types other than text a column may get, each with its settings, as real columns: whether a value comes back is
/// found by reading and writing it as an import and an export will do.
///
/// Where several give every value back, the first one counts: `2026/11/25` is as well `YYYY/M/D` as `YYYY/MM/DD`.
/// Figures alone are never a date, because nothing tells `20260131` from a number.
pub(super) struct Judges {
    table: Arc<Table>,
    out: Vec<u8>,
}

impl Judges {
    pub(super) fn new() -> Result<Judges> {
        let mut fields: Vec<Field> = (0..=18).map(|scale| Field::number("", "", scale)).collect();
        let mut add = |make: &dyn Fn(Option<DatePattern>) -> FieldKind, pattern: Option<String>| -> Result<()> {
            let pattern = pattern.map(|pattern| pattern.parse()).transpose()?;
            fields.push(Field::new("", "", make(pattern)));
            Ok(())
        };
        let date = |csv| FieldKind::Date { display: None, csv };
        let datetime = |csv| FieldKind::DateTime { display: None, csv };
        let time = |csv| FieldKind::Time { display: None, csv };
        add(&date, None)?;
        for pattern in DATES {
            add(&date, Some(pattern.to_owned()))?;
        }
        add(&datetime, None)?;
        for day in ["YYYY-MM-DD"].iter().chain(&DATES) {
            for (separator, time) in
                [' ', 'T'].iter().flat_map(|s| ["hh:mm:ss"].iter().chain(&TIMES).map(move |t| (s, t)))
            {
                add(&datetime, Some(format!("{day}{separator}{time}")))?;
            }
        }
        add(&time, None)?;
        for pattern in TIMES {
            add(&time, Some(pattern.to_owned()))?;
        }
        let mut database = Database::new("judges", "judges");
        database.fields = fields;
        let table = Catalog::compile(vec![database])?.table("judges")?.clone();
        Ok(Judges { table, out: Vec::new() })
    }

    fn len(&self) -> usize {
        self.table.header.columns.len()
    }

    fn kind(&self, judge: usize) -> &FieldKind {
        &self.table.header.columns[judge].field.kind
    }

    /// Whether `text` comes back from this type.
    fn gives_back(&mut self, judge: usize, text: &str) -> bool {
        let column = &self.table.header.columns[judge];
        self.out.clear();
        let Ok(cell) = column.check_text(text) else { return false };
        column.write(&mut self.out, &cell, ValueFormat::Raw);
        self.out == text.as_bytes()
    }

    /// What is wrong with a value that no type gives back, in a few words.
    fn fault(&self, text: &str) -> String {
        for (column, last) in self.table.header.columns.iter().zip(1..) {
            match column.check_text(text) {
                Err(broken) if broken.code == Code::NumberDigits && last == 1 => {
                    return "has more digits than a number keeps".to_owned();
                }
                Err(_) => {}
                Ok(cell) => {
                    let back = column.text(&cell, ValueFormat::Raw);
                    return format!("as a {} would come back as \"{back}\"", column.field.type_name());
                }
            }
        }
        "is neither a number nor a date or time".to_owned()
    }
}

/// What is known of a type, for messages.
fn describe(kind: &FieldKind) -> String {
    match kind {
        FieldKind::Number { scale: 0, .. } => "a whole number".to_owned(),
        FieldKind::Number { scale: 1, .. } => "a number with 1 decimal place".to_owned(),
        FieldKind::Number { scale, .. } => format!("a number with {scale} decimal places"),
        FieldKind::Date { csv: Some(csv), .. } => format!("a date like {csv}"),
        FieldKind::Date { .. } => "a date like YYYY-MM-DD".to_owned(),
        FieldKind::DateTime { csv: Some(csv), .. } => format!("a date and time like {csv}"),
        FieldKind::DateTime { .. } => "a date and time like YYYY-MM-DD hh:mm:ss".to_owned(),
        FieldKind::Time { csv: Some(csv), .. } => format!("a time like {csv}"),
        _ => "a time like hh:mm:ss".to_owned(),
    }
}

/// Hashes are spread already.
#[derive(Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only hashes are kept")
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// Whether a column can be the key.
pub(super) enum KeyState {
    /// Every value so far is fit, and none stood twice. Two different values with one hash of 64 bits would count as
    /// one that stands twice, so that the only possible mistake is a key that is not proposed.
    Possible(Unique),
    /// So it was as long as that was counted.
    Uncounted,
    /// No, and why not.
    Impossible(Words),
    /// Nobody asked.
    Unasked,
}

/// Hashes of the values so far.
#[derive(Default)]
pub(super) struct Unique(HashSet<u64, BuildHasherDefault<Spread>>);

impl Unique {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    fn is_new(&mut self, text: &str) -> bool {
        // The same keys in every run, so that the same file is proposed the same way.
        let mut hasher = DefaultHasher::new();
        hasher.write(text.as_bytes());
        self.0.insert(hasher.finish())
    }
}

/// One column while its values go by.
pub(super) struct Judged {
    pub(super) key: KeyState,
    pub(super) filled: u64,
    pub(super) empty: u64,
    /// The judges that gave back every value so far.
    judges: Vec<usize>,
    /// Why it is text, once no judge is left.
    text: String,
    multiline: Option<u64>,
    /// The labels so far with how often each stood, as long as they can be choices.
    labels: Option<Vec<(String, u64)>>,
}

impl Judged {
    pub(super) fn new(judges: &Judges, key: KeyState) -> Judged {
        Judged {
            key,
            filled: 0,
            empty: 0,
            judges: (0..judges.len()).collect(),
            text: String::new(),
            multiline: None,
            labels: Some(Vec::new()),
        }
    }

    pub(super) fn take(&mut self, text: &str, line: u64, judges: &mut Judges) {
        self.take_key(text, line);
        if text.is_empty() {
            self.empty += 1;
            return;
        }
        if !self.judges.is_empty() {
            let before = self.judges[0];
            self.judges.retain(|judge| judges.gives_back(*judge, text));
            if self.judges.is_empty() {
                let shown = shown(text);
                self.text = match self.filled {
                    0 => format!("line {line}: {shown} {}", judges.fault(text)),
                    _ => format!("line {line}: {shown} is not {}, as before it", describe(judges.kind(before))),
                };
            }
        }
        if self.multiline.is_none() && memchr::memchr2(b'\n', b'\r', text.as_bytes()).is_some() {
            self.multiline = Some(line);
        }
        self.filled += 1;
        if let Some(labels) = &mut self.labels {
            if let Some((_, count)) = labels.iter_mut().find(|(label, _)| label == text) {
                *count += 1;
            } else if labels.len() < MOST_LABELS && can_be_label(text) {
                labels.push((text.to_owned(), 1));
            } else {
                self.labels = None;
            }
        }
    }

    fn take_key(&mut self, text: &str, line: u64) {
        let unique = match &mut self.key {
            KeyState::Unasked | KeyState::Impossible(_) => return,
            KeyState::Possible(unique) => Some(unique),
            KeyState::Uncounted => None,
        };
        let why = if text.is_empty() {
            words!("{line}行目が空です", "line {line}: the value is empty")
        } else if text.len() > KEY_LENGTH && text.chars().count() > KEY_LENGTH {
            words!(
                "{line}行目の{}が{KEY_LENGTH}文字を超えています",
                "line {line}: {} is longer than {KEY_LENGTH} characters",
                shown(text)
            )
        } else if text.contains(['\n', '\r']) {
            words!("{line}行目の{}に改行があります", "line {line}: {} has a line break", shown(text))
        } else if unique.is_some_and(|unique| !unique.is_new(text)) {
            words!("{line}行目の{}が重複しています", "line {line}: {} stands a second time", shown(text))
        } else {
            return;
        };
        self.key = KeyState::Impossible(why);
    }

    /// How many different values there are besides empty, where that was counted.
    pub(super) fn distinct(&self) -> Option<u64> {
        match (&self.key, &self.labels) {
            (KeyState::Possible(unique), _) => u64::try_from(unique.len()).ok(),
            (_, Some(labels)) => u64::try_from(labels.len()).ok(),
            _ => None,
        }
    }

    /// The type, and why. Labels are only believed when the whole file was read: one that stands further below would be
    /// refused.
    pub(super) fn kind(&self, judges: &Judges, whole: bool) -> (FieldKind, String) {
        let text = FieldKind::Text { max_length: None, characters: Characters::Any };
        if self.filled == 0 {
            return (text, "it has no values".to_owned());
        }
        if let Some(judge) = self.judges.first() {
            let kind = judges.kind(*judge);
            return (kind.clone(), format!("every value is {}", describe(kind)));
        }
        if let Some(line) = self.multiline {
            return (FieldKind::Multiline { max_length: None }, format!("line {line}: a value has line breaks"));
        }
        if let Some(labels) = self.labels.as_ref().filter(|labels| whole && self.is_closed(labels)) {
            let choices = labels.iter().map(|(label, _)| label.as_str().into()).collect();
            let reason = format!("{} values in all, and no more than {} different ones", self.filled, labels.len());
            return (FieldKind::Choice { choices }, reason);
        }
        (text, self.text.clone())
    }

    /// Whether the labels look like a list that is complete. A label that stands but once may be a slip, or the first of
    /// many to come.
    fn is_closed(&self, labels: &[(String, u64)]) -> bool {
        let wanted = VALUES_PER_LABEL * u64::try_from(labels.len()).unwrap_or(u64::MAX);
        labels.len() > 1 && self.filled >= wanted.max(LEAST_VALUES) && labels.iter().all(|(_, count)| *count > 1)
    }
}

/// Labels with figures are numbered, and what is numbered goes on.
fn can_be_label(text: &str) -> bool {
    text.chars().count() <= LABEL_LENGTH
        && !text.chars().any(|c| c.is_control() || c.is_numeric())
        && !text.trim().is_empty()
}

/// A value in a message: on one line, and not without end.
fn shown(text: &str) -> String {
    let mut out = String::from("\"");
    for c in shorten(text).chars() {
        if c.is_control() {
            out.extend(c.escape_debug());
        } else {
            out.push(c);
        }
    }
    out + "\""
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Language;

    fn judge(values: &[&str]) -> (Judged, Judges) {
        let mut judges = Judges::new().unwrap();
        let mut judged = Judged::new(&judges, KeyState::Possible(Unique::default()));
        for (value, line) in values.iter().zip(2..) {
            judged.take(value, line, &mut judges);
        }
        (judged, judges)
    }

    #[test]
    fn a_type_is_given_only_to_what_comes_back() {
        for (values, expected) in [
            (&["1", "-20", "0", ""][..], "every value is a whole number"),
            (&["1.50", "-0.05"], "every value is a number with 2 decimal places"),
            (&["999999999999999999"], "every value is a whole number"),
            (&["20260131", "20260201"], "every value is a whole number"),
            (&["1000000000000000000"], "line 2: \"1000000000000000000\" has more digits than a number keeps"),
            (&["01101"], "line 2: \"01101\" as a number would come back as \"1101\""),
            (&["1", "01"], "line 3: \"01\" is not a whole number, as before it"),
            (&["-0"], "line 2: \"-0\" as a number would come back as \"0\""),
            (&["+1"], "line 2: \"+1\" as a number would come back as \"1\""),
            (&["1.5", "1.50"], "line 3: \"1.50\" is not a number with 1 decimal place, as before it"),
            (&["1,000"], "line 2: \"1,000\" is neither a number nor a date or time"),
            (&[" 1"], "line 2: \" 1\" is neither a number nor a date or time"),
            (&["１"], "line 2: \"１\" is neither a number nor a date or time"),
            (&["2026-01-31"], "every value is a date like YYYY-MM-DD"),
            (&["2026/11/25"], "every value is a date like YYYY/MM/DD"),
            (&["2026/11/25", "2026/1/5"], "every value is a date like YYYY/M/D"),
            (&["2026/01/05", "2026/1/5"], "line 3: \"2026/1/5\" is not a date like YYYY/MM/DD, as before it"),
            (&["2026年1月5日", "2026年12月15日"], "every value is a date like YYYY年M月D日"),
            (&["2026/02/30"], "line 2: \"2026/02/30\" is neither a number nor a date or time"),
            (&["2026-01-31 09:30:00"], "every value is a date and time like YYYY-MM-DD hh:mm:ss"),
            (&["2026/1/5 9:30", "2026/11/25 14:05"], "every value is a date and time like YYYY/M/D h:mm"),
            (&["2026-01-05T09:30:15"], "every value is a date and time like YYYY-MM-DDThh:mm:ss"),
            (&["09:30:00"], "every value is a time like hh:mm:ss"),
            (&["09:30", "14:05"], "every value is a time like hh:mm"),
            (&["a", "b\nc"], "line 3: a value has line breaks"),
            (&["", ""], "it has no values"),
        ] {
            let (judged, judges) = judge(values);
            assert_eq!(judged.kind(&judges, true).1, expected, "{values:?}");
        }
    }

    #[test]
    fn few_labels_in_many_values_are_choices() {
        let choice = |labels: &[&str], times: usize, whole: bool| {
            let (judged, judges) = judge(&labels.repeat(times));
            matches!(judged.kind(&judges, whole).0, FieldKind::Choice { .. })
        };
        assert!(choice(&["未", "", "済"], 500, true));
        assert!(!choice(&["未", "済"], 500, false), "more labels may stand further below");
        assert!(!choice(&["未", "済"], 499, true), "too few values");
        let twenty: Vec<String> = ('a'..='t').map(String::from).collect();
        let twenty: Vec<&str> = twenty.iter().map(String::as_str).collect();
        assert!(choice(&twenty, 50, true));
        assert!(!choice(&twenty, 49, true), "too few values a label");
        assert!(!choice(&["済"], 1_000, true), "one label tells nothing");
        assert!(!choice(&["0101", "0202"], 1_000, true), "figures are no labels");
        let many: Vec<String> = ('a'..='u').map(String::from).collect();
        assert!(!choice(&many.iter().map(String::as_str).collect::<Vec<_>>(), 100, true));
        let (judged, judges) = judge(&[["未", "済"].repeat(1_000), vec!["済み"]].concat());
        assert!(matches!(judged.kind(&judges, true).0, FieldKind::Text { .. }), "a slip is no label");
    }

    #[test]
    fn a_key_is_whole_and_distinct() {
        let long = "あ".repeat(256);
        for (values, why) in [
            (&["a", "b", "a"][..], "line 4: \"a\" stands a second time"),
            (&["a", ""], "line 3: the value is empty"),
            (&["a\r\nb"], "line 2: \"a\\r\\nb\" has a line break"),
        ] {
            assert!(matches!(judge(values).0.key, KeyState::Impossible(found) if found.get(Language::English) == why));
        }
        assert!(matches!(judge(&[&long]).0.key, KeyState::Impossible(_)));
        assert!(matches!(judge(&[&long[3..], "A", "a"]).0.key, KeyState::Possible(unique) if unique.len() == 3));
    }
}
