//! Secrets: named in definitions and messages, kept sealed or by the host, put in when a message is sent.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use rusqlite::{Connection, OptionalExtension};
use zeroize::Zeroizing;

use crate::access::{demand_administrator, note_audit};
use crate::error::{Code, Error, IntoWords, Result, Words, words};
use crate::store::{Reading, Secrets, Store};
use crate::template::{Escape, SecretSlot, SlottedText};

/// The nonce before the ciphertext.
const NONCE_BYTES: usize = 24;

/// What whoever acts must be allowed to look after, to keep and forget secrets.
const SECRETS: &str = "secrets";

/// The longest secret, in bytes.
const LONGEST: usize = 16_384;

impl Store {
    /// Keeps a secret, or another value for it, sealed by the key of the store ([`StoreOptions::secret_key`]). Whatever
    /// names it uses the new value at its next attempt. As all calls about secrets, for the host and administrators.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// let key = [7; 32];
    /// let store = renkei::Store::options().create(true).secret_key(key).open(dir.path().join("s.db"))?;
    /// store.put_secret("core-token", "3f9c…")?;
    /// assert_eq!(store.secret_names()?, ["core-token"]);
    /// # Ok::<(), renkei::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Code::SecretKey`] when the store has no key, another one than its secrets were sealed by, or keeps its secrets
    /// outside; [`Code::SecretInvalid`] for a name with other characters than letters, digits, `.`, `_`, `-`, and for a
    /// value that is empty, too long or has control characters.
    ///
    /// [`StoreOptions::secret_key`]: crate::StoreOptions::secret_key
    pub fn put_secret(&self, name: &str, value: &str) -> Result<()> {
        demand_administrator(self, &*self.reading()?, SECRETS)?;
        check_name(name)?;
        let fault = |rule: Words| Err(Error::new(Code::SecretInvalid).with_value(name).with_rule(rule));
        if value.is_empty() {
            return fault(words!("空です", "it is empty"));
        }
        if value.len() > LONGEST {
            return fault(words!("16,384バイトを超えています", "it is longer than 16,384 bytes"));
        }
        if value.chars().any(char::is_control) {
            return fault(words!(
                "末尾の改行などの制御文字があります",
                "it has a control character, such as a line break at its end"
            ));
        }
        let key = key(self)?;
        let sealed = seal(self, &key, name, value.as_bytes())?;
        let now = self.now();
        self.write(|writing| {
            // With another key than the others it would be the only one that can be read.
            let sql = "SELECT name, sealed FROM renkei_secret WHERE name <> ?1 LIMIT 1";
            let other: Option<(String, Vec<u8>)> =
                writing.prepare_cached(sql)?.query_row([name], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
            if let Some((other, sealed)) = other {
                unseal(&key, &other, &sealed)?;
            }
            let sql = "INSERT INTO renkei_secret (name, sealed, changed_at) VALUES (?1, ?2, ?3)
                ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed, changed_at = excluded.changed_at";
            writing.prepare_cached(sql)?.execute((name, &sealed, now.0))?;
            note_audit(self, writing, "secret.put", None, name)
        })
    }

    /// Forgets a secret. What names it can be sent no more until there is another.
    ///
    /// # Errors
    ///
    /// [`Code::SecretNotFound`].
    pub fn remove_secret(&self, name: &str) -> Result<()> {
        self.write(|writing| {
            demand_administrator(self, writing, SECRETS)?;
            match writing.prepare_cached("DELETE FROM renkei_secret WHERE name = ?1")?.execute([name])? {
                0 => Err(Error::new(Code::SecretNotFound).with_value(name)),
                _ => note_audit(self, writing, "secret.remove", None, name),
            }
        })
    }

    /// The names of the secrets that are kept in the file. Their values cannot be read back.
    pub fn secret_names(&self) -> Result<Vec<String>> {
        let reading = self.reading()?;
        demand_administrator(self, &reading, SECRETS)?;
        let mut statement = reading.prepare_cached("SELECT name FROM renkei_secret ORDER BY name")?;
        Ok(statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
    }

    /// Seals every secret by another key, in one transaction. The store must be opened with that one from then on.
    ///
    /// # Errors
    ///
    /// [`Code::SecretKey`] when a secret cannot be opened by the present key; nothing is changed then.
    pub fn reseal_secrets(&self, key_to_be: [u8; 32]) -> Result<()> {
        demand_administrator(self, &*self.reading()?, SECRETS)?;
        let (old, new) = (key(self)?, Zeroizing::new(key_to_be));
        self.write(|writing| {
            let mut statement = writing.prepare_cached("SELECT name, sealed FROM renkei_secret")?;
            let kept: Vec<(String, Vec<u8>)> =
                statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
            for (name, sealed) in kept {
                let value = unseal(&old, &name, &sealed)?;
                let sealed = seal(self, &new, &name, value.as_bytes())?;
                let sql = "UPDATE renkei_secret SET sealed = ?2 WHERE name = ?1";
                writing.prepare_cached(sql)?.execute((&name, &sealed))?;
            }
            note_audit(self, writing, "secret.reseal", None, "")
        })
    }
}

/// Whether something may be the name of a secret.
pub(super) fn check_name(name: &str) -> Result<()> {
    let is_good = (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    match is_good {
        true => Ok(()),
        false => {
            let rule = words!(
                "名前は英数字、「.」「_」「-」で64文字までです",
                "a name has 1 to 64 letters, digits, dots, _ and -"
            );
            Err(Error::new(Code::SecretInvalid).with_value(name).with_rule(rule))
        }
    }
}

fn key(store: &Store) -> Result<Zeroizing<[u8; 32]>> {
    let fault = |rule: Words| Err(Error::new(Code::SecretKey).with_rule(rule));
    match store.secrets() {
        Secrets::None => fault(words!(
            "鍵なしで開かれています（`StoreOptions::secret_key`）",
            "the store was opened without a key; see StoreOptions::secret_key"
        )),
        Secrets::Outside(_) => {
            fault(words!("シークレットはこのストアの外にあります", "they are kept outside this store"))
        }
        Secrets::Sealed(key) => match key() {
            Ok(key) => Ok(Zeroizing::new(key)),
            Err(rule) => fault(rule.into_words()),
        },
    }
}

fn seal(store: &Store, key: &[u8; 32], name: &str, value: &[u8]) -> Result<Vec<u8>> {
    let mut nonce = [0; NONCE_BYTES];
    store.random(&mut nonce);
    let cipher = XChaCha20Poly1305::new(&Key::from(*key));
    let payload = Payload { msg: value, aad: name.as_bytes() };
    let sealed = cipher
        .encrypt(&XNonce::from(nonce), payload)
        .map_err(|_| Error::new(Code::Internal).with_rule("a secret cannot be sealed"))?;
    Ok([&nonce[..], &sealed].concat())
}

fn unseal(key: &[u8; 32], name: &str, sealed: &[u8]) -> Result<Zeroizing<String>> {
    let wrong = || {
        Error::new(Code::SecretKey).with_rule(words!(
            "別の鍵で暗号化されたか、ファイルが変更されています",
            "they were sealed by another key, or the file was changed"
        ))
    };
    let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or_else(wrong)?;
    let cipher = XChaCha20Poly1305::new(&Key::from(*key));
    let payload = Payload { msg: ciphertext, aad: name.as_bytes() };
    let value = cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| wrong())?;
    String::from_utf8(value).map(Zeroizing::new).map_err(|_| wrong())
}

/// The secrets that one attempt needs, and that must not be seen afterwards.
pub(crate) struct SecretReader<'a> {
    store: &'a Store,
    /// Begun when the first secret is asked for: most messages need none.
    reading: Option<Reading>,
    /// What was put in, in every spelling.
    shown: Vec<Zeroizing<String>>,
}

/// What stands in the place of a secret.
const HIDDEN: &str = "[secret]";

/// Shorter ones are not looked for in answers: they would be found everywhere.
const LEAST_HIDDEN: usize = 4;

impl<'a> SecretReader<'a> {
    pub(crate) fn new(store: &'a Store) -> SecretReader<'a> {
        SecretReader { store, reading: None, shown: Vec::new() }
    }

    /// The store as it is at the moment of the first look.
    pub(crate) fn reading(&mut self) -> Result<&Connection> {
        match &mut self.reading {
            Some(reading) => Ok(reading),
            none => Ok(none.insert(self.store.reading()?)),
        }
    }

    /// The value of a secret.
    ///
    /// # Errors
    ///
    /// [`Code::SecretNotFound`], [`Code::SecretKey`].
    pub(crate) fn get(&mut self, name: &str) -> Result<Zeroizing<String>> {
        let value = match self.store.secrets() {
            Secrets::Outside(vault) => match vault.secret(name) {
                Ok(value) => value.map(Zeroizing::new),
                Err(rule) => return Err(Error::new(Code::SecretKey).with_rule(rule)),
            },
            _ => {
                let sql = "SELECT sealed FROM renkei_secret WHERE name = ?1";
                let reading = self.reading()?;
                let sealed: Option<Vec<u8>> =
                    reading.prepare_cached(sql)?.query_row([name], |row| row.get(0)).optional()?;
                match sealed {
                    Some(sealed) => Some(unseal(&*key(self.store)?, name, &sealed)?),
                    None => None,
                }
            }
        };
        let value = value.ok_or_else(|| Error::new(Code::SecretNotFound).with_value(name))?;
        self.hide(&value);
        Ok(value)
    }

    /// Notes what must not be seen afterwards.
    pub(crate) fn hide(&mut self, text: &str) {
        if text.len() >= LEAST_HIDDEN {
            self.shown.push(Zeroizing::new(text.to_owned()));
        }
    }

    /// A text with its secrets put in.
    pub(crate) fn fill(&mut self, text: &SlottedText) -> Result<Zeroizing<String>> {
        let filled = self.fill_bytes(text.text().as_bytes(), text.slots())?;
        let text = std::str::from_utf8(&filled)
            .map_err(|_| Error::new(Code::Internal).with_rule("the place of a secret is inside a character"))?;
        Ok(Zeroizing::new(text.to_owned()))
    }

    /// Bytes with their secrets put in.
    pub(crate) fn fill_bytes(&mut self, bytes: &[u8], slots: &[SecretSlot]) -> Result<Zeroizing<Vec<u8>>> {
        let mut filled = Vec::with_capacity(bytes.len() + slots.len() * 64);
        let mut done = 0;
        for slot in slots {
            let at = slot.at.clamp(done, bytes.len());
            filled.extend_from_slice(&bytes[done..at]);
            done = at;
            let value = escaped(&self.get(&slot.secret)?, slot.escape);
            self.hide(&value);
            filled.extend_from_slice(value.as_bytes());
        }
        filled.extend_from_slice(&bytes[done..]);
        Ok(Zeroizing::new(filled))
    }

    /// What hides the secrets that were read.
    pub(crate) fn hidden(self) -> Hidden {
        let mut shown = self.shown;
        // The longest first, so that a part does not spoil the whole.
        shown.sort_by_key(|text| std::cmp::Reverse(text.len()));
        shown.dedup();
        Hidden(shown)
    }
}

fn escaped(value: &str, escape: Escape) -> Zeroizing<String> {
    Zeroizing::new(match escape {
        Escape::None => value.to_owned(),
        Escape::Url => percent(value, false),
        Escape::Form => percent(value, true),
        Escape::Json => {
            let quoted = serde_json::Value::from(value).to_string();
            quoted[1..quoted.len() - 1].to_owned()
        }
    })
}

fn percent(value: &str, plus: bool) -> String {
    use std::fmt::Write as _;

    let mut out = String::with_capacity(value.len() * 3);
    for byte in value.bytes() {
        match byte {
            b' ' if plus => out.push('+'),
            b'-' | b'_' | b'.' | b'~' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

/// Takes secrets out of what is to be kept: a receiver may send back what it was sent.
#[derive(Default)]
pub(crate) struct Hidden(Vec<Zeroizing<String>>);

impl Hidden {
    pub(crate) fn text(&self, text: String) -> String {
        self.0.iter().fold(text, |text, secret| match text.contains(secret.as_str()) {
            true => text.replace(secret.as_str(), HIDDEN),
            false => text,
        })
    }

    pub(crate) fn bytes(&self, bytes: Vec<u8>) -> Vec<u8> {
        self.0.iter().fold(bytes, |bytes, secret| {
            let finder = memchr::memmem::Finder::new(secret.as_bytes());
            if finder.find(&bytes).is_none() {
                return bytes;
            }
            let mut out = Vec::with_capacity(bytes.len());
            let mut done = 0;
            for at in finder.find_iter(&bytes) {
                out.extend_from_slice(&bytes[done..at]);
                out.extend_from_slice(HIDDEN.as_bytes());
                done = at + secret.len();
            }
            out.extend_from_slice(&bytes[done..]);
            out
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(key: [u8; 32]) -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::options().create(true).secret_key(key).open(dir.path().join("s.db")).unwrap();
        (dir, store)
    }

    fn read(store: &Store, name: &str) -> Result<String> {
        SecretReader::new(store).get(name).map(|value| value.as_str().to_owned())
    }

    #[test]
    fn secrets_are_sealed_and_opened_by_the_key_only() {
        let (dir, store) = store([1; 32]);
        store.put_secret("a", "correct horse battery").unwrap();
        store.put_secret("b", "正しい馬の電池").unwrap();
        assert_eq!(read(&store, "a").unwrap(), "correct horse battery");
        assert_eq!(read(&store, "c").unwrap_err().code(), Code::SecretNotFound);
        store.write(|writing| Ok(writing.execute_batch("PRAGMA user_version")?)).unwrap();
        let path = store.path().to_owned();
        drop(store);
        for suffix in ["", "-wal"] {
            let mut name = path.clone().into_os_string();
            name.push(suffix);
            let bytes = std::fs::read(name).unwrap_or_default();
            assert!(memchr::memmem::find(&bytes, b"correct horse").is_none());
        }
        let other = Store::options().secret_key([2; 32]).open(&path).unwrap();
        assert_eq!(read(&other, "a").unwrap_err().code(), Code::SecretKey);
        assert_eq!(other.put_secret("c", "x").unwrap_err().code(), Code::SecretKey);
        assert_eq!(other.reseal_secrets([3; 32]).unwrap_err().code(), Code::SecretKey);
        drop(other);
        let none = Store::open(&path).unwrap();
        assert_eq!(read(&none, "a").unwrap_err().code(), Code::SecretKey);
        assert_eq!(none.put_secret("c", "x").unwrap_err().code(), Code::SecretKey);
        drop(none);
        let first = Store::options().secret_key([1; 32]).open(&path).unwrap();
        first.reseal_secrets([3; 32]).unwrap();
        drop(first);
        let third = Store::options().secret_key_from(|| Ok([3; 32])).open(&path).unwrap();
        assert_eq!(read(&third, "b").unwrap(), "正しい馬の電池");
        third.remove_secret("b").unwrap();
        assert_eq!(third.remove_secret("b").unwrap_err().code(), Code::SecretNotFound);
        drop(dir);
    }

    #[test]
    fn a_sealed_secret_cannot_be_moved_to_another_name() {
        let (_dir, store) = store([1; 32]);
        store.put_secret("mine", "one").unwrap();
        store.put_secret("yours", "two").unwrap();
        let swap = "UPDATE renkei_secret SET sealed = (SELECT sealed FROM renkei_secret WHERE name = 'yours')
            WHERE name = 'mine'";
        store.write(|writing| Ok(writing.execute_batch(swap)?)).unwrap();
        assert_eq!(read(&store, "mine").unwrap_err().code(), Code::SecretKey);
    }

    #[test]
    fn values_and_names_are_judged() {
        let (_dir, store) = store([1; 32]);
        for (name, value) in [("", "x"), ("a b", "x"), ("é", "x"), ("a", ""), ("a", "x\n"), ("a", "x\0y")] {
            let error = store.put_secret(name, value).unwrap_err();
            assert_eq!(error.code(), Code::SecretInvalid, "{name:?} {value:?}");
        }
    }

    #[test]
    fn secrets_are_written_as_their_place_needs_it_and_hidden_in_every_spelling() {
        let (_dir, store) = store([1; 32]);
        store.put_secret("k", "a&b \"c\"/é").unwrap();
        let mut secrets = SecretReader::new(&store);
        let mut text = SlottedText::from("u=");
        text.push_secret("k", Escape::Url);
        text.push_str("&f=");
        text.push_secret("k", Escape::Form);
        text.push_str("&j=");
        text.push_secret("k", Escape::Json);
        let filled = secrets.fill(&text).unwrap();
        assert_eq!(*filled, "u=a%26b%20%22c%22%2F%C3%A9&f=a%26b+%22c%22%2F%C3%A9&j=a&b \\\"c\\\"/é");
        let hidden = secrets.hidden();
        assert_eq!(hidden.text(filled.to_string()), "u=[secret]&f=[secret]&j=[secret]");
        assert_eq!(hidden.bytes(b"<a&b \"c\"/\xc3\xa9>".to_vec()), b"<[secret]>");
    }
}
