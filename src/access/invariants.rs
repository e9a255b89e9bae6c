//! What must hold in users, rights and tokens.

use rusqlite::Connection;

use super::{Rights, settings, token, user};
use crate::error::{Code, Error, Findings, Result, Words, words};

/// Everything is readable, and nothing says what it cannot.
pub(crate) fn inspect(connection: &Connection, findings: &mut Findings) -> Result<()> {
    let mut unreadable = |error: Error| match error.code() {
        Code::StoreCorrupt | Code::DefinitionJson => {
            findings.add(Code::CheckAccess, "", Words::of(|language| error.message(language)));
            Ok(())
        }
        _ => Err(error),
    };
    user::load(connection).map(drop).or_else(&mut unreadable)?;
    settings::load(connection).map(drop).or_else(&mut unreadable)?;
    let sql = "SELECT user_id, database_id FROM renkei_right WHERE rights & ~?1 <> 0 OR rights = 0";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([Rights::ALL.to_bits()])?;
    while let Some(row) = rows.next()? {
        let (user, database): (i64, i64) = (row.get(0)?, row.get(1)?);
        let place = words!("ユーザ{user}のデータベース{database}の権限", "the rights of user {user} in {database}");
        findings.add(Code::CheckAccess, "", place);
    }
    let mut statement = connection.prepare("SELECT id, hash, finder FROM renkei_token")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, found): (i64, i64) = (row.get(0)?, row.get(2)?);
        let hash: Option<[u8; 32]> = row.get_ref(1)?.as_blob().ok().and_then(|hash| hash.try_into().ok());
        if hash.is_none_or(|hash| token::finder(&hash) != found) {
            findings.add(Code::CheckAccess, "", words!("APIトークン{id}のハッシュ", "the hash of token {id}"));
        }
    }
    Ok(())
}
