//! Definitions as they are kept in the store: one JSON document each, with an id and a code.

use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::definition::Database;
use super::names;
use crate::error::{Code, Error, Result, Words, words};
use crate::store;

/// A definition that is kept as a document.
pub(crate) trait Document: Serialize + DeserializeOwned {
    /// The word for it in the store and in messages.
    const KIND: &'static str;
    fn id(&self) -> Option<i64>;
    fn set_id(&mut self, id: i64);
    fn code(&self) -> &str;
}

/// Makes types with the members `id` and `code` documents.
macro_rules! documents {
    ($($type:ident $kind:literal;)*) => {
        $(impl $crate::schema::documents::Document for $type {
            const KIND: &'static str = $kind;

            fn id(&self) -> Option<i64> {
                self.id
            }

            fn set_id(&mut self, id: i64) {
                self.id = Some(id);
            }

            fn code(&self) -> &str {
                &self.code
            }
        })*
    };
}
pub(crate) use documents;

documents! { Database "database"; }

/// The word for a kind of definition.
pub(crate) fn kind_words(kind: &str) -> Words {
    let ja = match kind {
        "database" => "データベース",
        "field" => "項目",
        "list" => "一覧",
        "search" => "絞込み",
        "aggregation" => "集計設定",
        "import" => "インポート設定",
        "user" => "ユーザ",
        "target" => "連携先",
        "csv_push" => "システム連携設定",
        "http_send" => "http送信",
        "file_template" => "ファイルテンプレート",
        "mail_server" => "メールサーバ",
        "mail_template" => "メールテンプレート",
        "automation" => "自動処理",
        "notice_mail" => "通知メール設定",
        other => other,
    };
    Words::both(ja, kind)
}

/// The refusal of a definition.
pub(crate) fn refused(definition: &str, rule: Words) -> Error {
    Error::new(Code::DefinitionInvalid).with_name(definition).with_rule(rule)
}

/// What something in a definition would be refused for, as the fault of the definition.
pub(crate) fn unfit(definition: &str, error: Error) -> Error {
    let rule = Words::of(|language| error.message(language).trim_end_matches(['.', '。']).to_owned());
    refused(definition, rule).with_field(error.field().unwrap_or_default()).with_source(error)
}

/// Something that a definition names is not there, or not of use: the error says in which definition.
pub(crate) fn inside<D: Document>(definition: &D) -> impl Fn(Error) -> Error + use<D> {
    let (kind, code) = (kind_words(D::KIND), definition.code().to_owned());
    move |error| error.inside(words!("{kind}「{code}」", "the {kind} \"{code}\""; kind))
}

/// What is judged in every definition.
pub(crate) fn check_code_and_name(code: &str, name: &str) -> Result<()> {
    if let Some(fault) = names::code_fault(code) {
        return Err(refused(code, fault));
    }
    match name.trim().is_empty() {
        true => Err(refused(code, words!("名前がありません", "it has no name"))),
        false => Ok(()),
    }
}

fn read<D: Document>(document: &str) -> Result<D> {
    serde_json::from_str(document).map_err(|error| {
        let kind = kind_words(D::KIND);
        let rule = words!("{kind}の定義を読み取れません: {error}", "a stored {kind} is not readable: {error}"; kind);
        Error::new(Code::StoreCorrupt).with_rule(rule)
    })
}

/// Every definition of a kind, by id.
pub(crate) fn load<D: Document>(connection: &Connection) -> Result<Vec<D>> {
    let sql = "SELECT document FROM renkei_definition WHERE kind = ?1 ORDER BY id";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([D::KIND])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?)?);
    }
    Ok(found)
}

/// The definitions of a kind that belong to a database, by id.
pub(crate) fn load_of<D: Document>(connection: &Connection, database: i64) -> Result<Vec<D>> {
    let sql = "SELECT document FROM renkei_definition WHERE kind = ?1 AND database_id = ?2 ORDER BY id";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query((D::KIND, database))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?)?);
    }
    Ok(found)
}

/// A definition by its code or id; `database` is the one it belongs to.
pub(crate) fn find<D: Document>(connection: &Connection, database: Option<i64>, name: &str) -> Result<Option<D>> {
    let by_code = "SELECT document FROM renkei_definition
        WHERE kind = ?1 AND ifnull(database_id, 0) = ifnull(?2, 0) AND code = ?3";
    let mut document: Option<String> =
        connection.prepare_cached(by_code)?.query_row((D::KIND, database, name), |row| row.get(0)).optional()?;
    if let (None, Ok(id)) = (&document, name.parse::<i64>()) {
        let by_id = "SELECT document FROM renkei_definition
            WHERE id = ?1 AND kind = ?2 AND (?3 IS NULL OR database_id = ?3)";
        document = connection.prepare_cached(by_id)?.query_row((id, D::KIND, database), |row| row.get(0)).optional()?;
    }
    document.map(|document| read(&document)).transpose()
}

/// A definition that must exist.
pub(crate) fn get<D: Document>(connection: &Connection, database: Option<i64>, name: &str) -> Result<D> {
    find(connection, database, name)?
        .ok_or_else(|| Error::new(Code::DefinitionNotFound).with_rule(kind_words(D::KIND)).with_value(name))
}

/// Gives the definition an id if it has none, and keeps it.
pub(crate) fn save<D: Document>(connection: &Connection, database: Option<i64>, definition: &mut D) -> Result<i64> {
    let id = claim_id(connection, D::KIND, database, definition.id())?;
    definition.set_id(id);
    let sql = "SELECT id FROM renkei_definition
        WHERE kind = ?1 AND ifnull(database_id, 0) = ifnull(?2, 0) AND code = ?3 AND id <> ?4";
    let other: Option<i64> = connection
        .prepare_cached(sql)?
        .query_row((D::KIND, database, definition.code(), id), |row| row.get(0))
        .optional()?;
    if let Some(other) = other {
        let (kind, code) = (kind_words(D::KIND), definition.code());
        let rule = words!(
            "コード「{code}」は{kind} {other}が使用しています",
            "the code \"{code}\" belongs to the {kind} {other}"; kind
        );
        return Err(Error::new(Code::DefinitionInvalid).with_name(definition.code()).with_rule(rule));
    }
    let document = serde_json::to_string(definition)
        .map_err(|error| Error::new(Code::Internal).with_rule("a definition cannot be written").with_source(error))?;
    let sql = "INSERT INTO renkei_definition (id, kind, database_id, code, document) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (id) DO UPDATE SET code = excluded.code, document = excluded.document";
    connection.prepare_cached(sql)?.execute((id, D::KIND, database, definition.code(), document))?;
    store::definitions_changed(connection)?;
    Ok(id)
}

/// Gives up the code of a definition that is about to get another one, so that others may take it.
pub(crate) fn release_code(connection: &Connection, id: Option<i64>) -> Result<()> {
    // No code is a number.
    connection.prepare_cached("UPDATE renkei_definition SET code = id WHERE id = ?1")?.execute([id])?;
    Ok(())
}

pub(crate) fn remove(connection: &Connection, id: i64) -> Result<()> {
    connection.prepare_cached("DELETE FROM renkei_definition WHERE id = ?1")?.execute([id])?;
    store::definitions_changed(connection)
}

/// The id given, or the next one. An id that names another kind of thing, or one of another database, is refused.
fn claim_id(connection: &Connection, kind: &str, database: Option<i64>, given: Option<i64>) -> Result<i64> {
    let Some(id) = given else { return store::next_id(connection) };
    let sql = "SELECT kind, database_id FROM renkei_definition WHERE id = ?1";
    let other: Option<(String, Option<i64>)> =
        connection.prepare_cached(sql)?.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    if let Some((other, of)) = other.filter(|(other, of)| other != kind || *of != database) {
        let other = kind_words(&other);
        let rule = match of {
            Some(of) => words!(
                "ID {id}はデータベース{of}の{other}が使用しています",
                "the id {id} is taken by a {other} of the database {of}"; other
            ),
            None => words!("ID {id}は{other}が使用しています", "the id {id} is taken by a {other}"; other),
        };
        return Err(Error::new(Code::DefinitionInvalid).with_name(kind_words(kind)).with_rule(rule));
    }
    store::reserve_id(connection, id)?;
    Ok(id)
}
