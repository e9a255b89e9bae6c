//! Keys of new records: given, issued, or both.

use rusqlite::Connection;

use super::draft::Slot;
use super::input::KeyMode;
use super::number::Counters;
use crate::error::{Broken, Code, Result};
use crate::schema::{Cell, Column, FieldKind, KeyPart, check_key, check_part};

/// The key of a new record.
pub(super) enum NewKey<'a> {
    /// Given by the caller: if it exists, that is the caller's fault.
    Given(Cell<'a>),
    /// Issued by the store: if it exists (as a given key of earlier times), the next one is issued.
    Issued(Cell<'static>),
    Refused(Broken),
    /// Refused before.
    Bad,
}

pub(super) fn new_key<'a>(
    connection: &Connection,
    counters: &mut Counters,
    column: &Column,
    slot: &Slot<'a>,
    mode: KeyMode,
) -> Result<NewKey<'a>> {
    let FieldKind::Key { parts, joiner } = &column.field.kind else {
        return Ok(NewKey::Bad);
    };
    let given = match slot {
        Slot::Given(Cell::Text(text)) => Some(text),
        Slot::Bad => return Ok(NewKey::Bad),
        _ => None,
    };
    let automatic = parts.iter().enumerate().find_map(|(at, part)| match part {
        KeyPart::Automatic { format } => Some((at, format)),
        _ => None,
    });
    let Some((at, format)) = automatic else {
        return Ok(match given {
            Some(text) => NewKey::Given(Cell::Text(text.clone())),
            None => NewKey::Refused(Broken::new(Code::Required)),
        });
    };
    if let (Some(text), KeyMode::Given) = (given, mode) {
        return Ok(match check_key(text, parts, joiner) {
            Ok(cell) => NewKey::Given(cell.into_owned()),
            Err(broken) => NewKey::Refused(broken),
        });
    }
    if parts.len() == 1 {
        return Ok(NewKey::Issued(Cell::Text(counters.issue(connection, column.id, format)?.into())));
    }
    let Some(text) = given else {
        return Ok(NewKey::Refused(Broken::new(Code::Required)));
    };
    let other = match check_part(text, &parts[1 - at]) {
        Ok(part) => part.into_owned(),
        Err(broken) => return Ok(NewKey::Refused(broken)),
    };
    let number = counters.issue(connection, column.id, format)?;
    let key = if at == 0 { format!("{number}{joiner}{other}") } else { format!("{other}{joiner}{number}") };
    Ok(NewKey::Issued(Cell::Text(key.into())))
}

/// Whether the store takes part in making keys.
pub(crate) fn is_issued(column: &Column) -> bool {
    match &column.field.kind {
        FieldKind::Key { parts, .. } => parts.iter().any(|part| matches!(part, KeyPart::Automatic { .. })),
        _ => false,
    }
}
