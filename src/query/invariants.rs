//! What must hold between definitions and the fields that they name.

use rusqlite::Connection;

use super::{NamesFields, has_field};
use crate::error::{Code, Findings, Result, words};
use crate::schema::Catalog;
use crate::schema::documents::{self, kind_words};

/// Definitions of a kind name fields that are in use.
///
/// Fields that definitions name cannot be taken out of use. One that is gone all the same makes its definitions useless and
/// harms no data.
pub(crate) fn inspect_fields<D: NamesFields>(
    connection: &Connection,
    catalog: &Catalog,
    findings: &mut Findings,
) -> Result<()> {
    let definitions: Vec<D> = match documents::load(connection) {
        // Which is told of definitions.
        Err(error) if error.code() == Code::StoreCorrupt => return Ok(()),
        definitions => definitions?,
    };
    let kind = kind_words(D::KIND);
    for mut definition in definitions {
        // A database that is not there is told of definitions too.
        let Ok(table) = catalog.table(definition.database_mut()) else { continue };
        let mut gone: Vec<String> = Vec::new();
        definition.paths_mut(&mut |path| {
            if !has_field(catalog, table.id, path) && !gone.contains(path) {
                gone.push(path.clone());
            }
        });
        if !gone.is_empty() {
            let (code, gone) = (definition.code(), gone.join(", "));
            let place = words!("{kind}「{code}」の「{gone}」", "\"{gone}\" in the {kind} \"{code}\""; kind);
            findings.add(Code::CheckUnfit, table.code(), place);
        }
    }
    Ok(())
}
