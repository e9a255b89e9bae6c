//! What has been sent and is not yet in the store: a file beside it, written before a sender goes on.
//!
//! Results are written to the store many at once, which is much faster than one by one. A process that is killed meanwhile
//! leaves them here: whoever takes over writes them, and sends again only what was on its way. So a death makes at most one
//! duplicate for each sender, however many results share a transaction. When the power fails, this file may be gone, as
//! the last commits may be; then more is sent again.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::send::Finished;
use super::transport::{Answer, ErrorFamily, Exchange, Failure, Times};
use crate::error::{Code, Error, Language, Words};
use crate::store::{Store, Timestamp};

/// What the files are called: the name of the store, this, and the job of the pool.
const NAME: &str = "-sent-";

/// At this size the file is begun anew, once everything in it is in the store.
const FULL: u64 = 1 << 20;

/// The length of an entry, and the beginning of its SHA-256, stand before it.
const HEAD: usize = 4 + 8;

/// The journal of one pool. Whoever holds it has it alone.
pub(super) struct Journal {
    path: PathBuf,
    file: Option<File>,
    bytes: u64,
    /// Results that stand in it and not yet in the store.
    open: usize,
}

impl Journal {
    /// Begins the journal of a pool. Where no file can be made, results are written to the store one by one.
    pub(super) fn begin(store: &Store, job: i64) -> Journal {
        let path = path(store, job);
        let file = OpenOptions::new().create(true).append(true).open(&path);
        if let Err(error) = &file {
            log::warn!("results are written one by one, for {} cannot be written: {error}", path.display());
        }
        Journal { path, file: file.ok(), bytes: 0, open: 0 }
    }

    /// Writes an entry; whether it stands there now.
    pub(super) fn write(&mut self, entry: &[u8]) -> bool {
        let Some(file) = self.file.as_mut().filter(|_| self.bytes < FULL) else { return false };
        self.bytes += entry.len() as u64;
        match file.write_all(entry) {
            Ok(()) => {
                self.open += 1;
                true
            }
            Err(error) => {
                log::warn!("{} cannot be written: {error}", self.path.display());
                self.file = None;
                false
            }
        }
    }

    /// So many more of its results are in the store.
    pub(super) fn written(&mut self, count: usize) {
        self.open = self.open.saturating_sub(count);
        if self.bytes >= FULL && self.open == 0 {
            self.bytes = 0;
            if self.file.as_mut().is_some_and(|file| file.set_len(0).is_err()) {
                self.file = None;
            }
        }
    }

    /// Everything is in the store.
    pub(super) fn end(mut self) {
        self.file = None;
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A result in the journal.
#[derive(Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) delivery: i64,
    /// Of the attempt, counted from 1.
    pub(super) number: u32,
    pub(super) started_at: i64,
    total_us: u64,
    address: Option<SocketAddr>,
    connect_us: Option<u64>,
    tls_us: Option<u64>,
    answer_us: Option<u64>,
    status: Option<u16>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    headers: Vec<(String, String)>,
    /// In base64.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    body: String,
    #[serde(default)]
    is_cut: bool,
    failed: Option<Failed>,
}

#[derive(Serialize, Deserialize)]
struct Failed {
    family: String,
    code: String,
    /// Name, value and rule of the error, each in Japanese and English.
    parts: [[String; 2]; 3],
}

/// An entry as it is written. Secrets that an answer repeats are hidden in it already.
pub(super) fn entry(finished: &Finished) -> Vec<u8> {
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let times = finished.times();
    let mut entry = Entry {
        delivery: finished.claimed.id,
        number: finished.claimed.attempts + 1,
        started_at: finished.started_at.0,
        total_us: micros(finished.total),
        address: times.address,
        connect_us: times.connect.map(micros),
        tls_us: times.tls.map(micros),
        answer_us: times.answer.map(micros),
        status: None,
        headers: Vec::new(),
        body: String::new(),
        is_cut: false,
        failed: None,
    };
    match &finished.result {
        Ok(Exchange { answer, .. }) => {
            entry.status = Some(answer.status);
            entry.headers.clone_from(&answer.headers);
            entry.body = STANDARD.encode(&answer.body);
            entry.is_cut = answer.is_cut;
        }
        Err(failure) => {
            let languages = [Language::Japanese, Language::English];
            let parts = failure.error.parts().map(|words| languages.map(|language| words.get(language).to_owned()));
            let (family, code) = (failure.family.as_str().to_owned(), failure.error.code().as_str().to_owned());
            entry.status = failure.status;
            entry.failed = Some(Failed { family, code, parts });
        }
    }
    let text = serde_json::to_vec(&entry).unwrap_or_default();
    let mut bytes = Vec::with_capacity(HEAD + text.len());
    bytes.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend_from_slice(&Sha256::digest(&text)[..8]);
    bytes.extend_from_slice(&text);
    bytes
}

impl Entry {
    pub(super) fn started_at(&self) -> Timestamp {
        Timestamp(self.started_at)
    }

    pub(super) fn total(&self) -> Duration {
        Duration::from_micros(self.total_us)
    }

    pub(super) fn result(self) -> Result<Exchange, Failure> {
        let time = |micros: Option<u64>| micros.map(Duration::from_micros);
        let times = Times {
            address: self.address,
            connect: time(self.connect_us),
            tls: time(self.tls_us),
            answer: time(self.answer_us),
        };
        match self.failed {
            None => {
                let body = STANDARD.decode(&self.body).unwrap_or_default();
                let (status, headers) = (self.status.unwrap_or(0), self.headers);
                Ok(Exchange { answer: Answer { status, headers, body, is_cut: self.is_cut }, times })
            }
            Some(failed) => {
                let code = Code::from_text(&failed.code).unwrap_or(Code::Internal);
                let [name, value, rule] = failed.parts.map(|[ja, en]| Words::both(ja, en));
                let error = Error::new(code).with_name(name).with_value(value).with_rule(rule);
                let family = ErrorFamily::from_text(&failed.family);
                Err(Failure { family, error, status: self.status, times })
            }
        }
    }
}

/// What a pool has left behind, in the order in which it came. An entry that was only begun when the process died is none.
pub(super) fn left(store: &Store, job: i64) -> Vec<Entry> {
    let bytes = std::fs::read(path(store, job)).unwrap_or_default();
    let (mut rest, mut entries) = (&bytes[..], Vec::new());
    while let Some((head, after)) = rest.split_first_chunk::<HEAD>() {
        let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let Some(text) = after.get(..length) else { break };
        if Sha256::digest(text)[..8] != head[4..] {
            break;
        }
        let Ok(entry) = serde_json::from_slice(text) else { break };
        entries.push(entry);
        rest = &after[length..];
    }
    entries
}

/// Removes what a pool has left behind, once it is in the store.
pub(super) fn bury(store: &Store, job: i64) {
    let _ = std::fs::remove_file(path(store, job));
}

/// Removes what is left of pools that are no more, as `is_gone` says.
pub(super) fn sweep(store: &Store, is_gone: impl Fn(i64) -> bool) {
    let prefix = store.beside(NAME);
    let (Some(folder), Some(prefix)) = (prefix.parent(), prefix.file_name().and_then(|name| name.to_str())) else {
        return;
    };
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let job = name.to_str().and_then(|name| name.strip_prefix(prefix)).and_then(|job| job.parse().ok());
        if job.is_some_and(&is_gone) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn path(store: &Store, job: i64) -> PathBuf {
    store.beside(&format!("{NAME}{job}"))
}

#[cfg(test)]
mod tests {
    use super::super::queue::Claimed;
    use super::*;

    fn finished(id: i64, result: Result<Exchange, Failure>) -> Finished {
        let claimed = Claimed { id, attempts: 2, ..Claimed::empty() };
        Finished { claimed, started_at: Timestamp(7), total: Duration::from_micros(1_234), result }
    }

    #[test]
    fn what_is_left_is_read_back_as_far_as_it_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::create(dir.path().join("s.db")).unwrap();
        let answer = Answer {
            status: 200,
            headers: vec![("x-a".to_owned(), "値".to_owned())],
            body: vec![0, 159, 255],
            is_cut: true,
        };
        let times = Times {
            address: Some("127.0.0.1:80".parse().unwrap()),
            connect: Some(Duration::from_micros(5)),
            ..Times::default()
        };
        let mut failure = Failure::unanswered("it hung up", "http://h:80");
        failure.status = Some(200);
        let mut journal = Journal::begin(&store, 5);
        assert!(journal.write(&entry(&finished(1, Ok(Exchange::new(answer.clone(), times))))));
        assert!(journal.write(&entry(&finished(2, Err(failure)))));
        let third = entry(&finished(3, Ok(Exchange::default())));
        for (torn, expected) in [(0, 2), (3, 2), (third.len() - 1, 2), (third.len(), 3)] {
            let before = std::fs::metadata(path(&store, 5)).unwrap().len();
            assert!(journal.write(&third[..torn]));
            assert_eq!(left(&store, 5).len(), expected, "{torn}");
            journal.file.as_ref().unwrap().set_len(before).unwrap();
        }
        let mut entries = left(&store, 5);
        let second = entries.remove(1);
        let first = entries.remove(0);
        assert_eq!(
            (first.delivery, first.number, first.started_at(), first.total().as_micros()),
            (1, 3, Timestamp(7), 1_234)
        );
        assert_eq!(first.result().unwrap(), Exchange::new(answer, times));
        let failure = second.result().unwrap_err();
        assert_eq!((failure.family, failure.status), (ErrorFamily::Unanswered, Some(200)));
        assert_eq!(failure.error.to_string(), "No whole answer from http://h:80: it hung up.");
        // What was damaged otherwise is not believed.
        let mut bytes = std::fs::read(path(&store, 5)).unwrap();
        bytes[40] ^= 1;
        std::fs::write(path(&store, 5), bytes).unwrap();
        assert!(left(&store, 5).is_empty());
        sweep(&store, |job| job != 5);
        assert!(path(&store, 5).exists());
        sweep(&store, |job| job == 5);
        assert!(!path(&store, 5).exists());
    }

    #[test]
    fn a_full_journal_is_begun_anew_once_all_is_in_the_store() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::create(dir.path().join("s.db")).unwrap();
        let mut journal = Journal::begin(&store, 1);
        let large = vec![0; 400_000];
        assert_eq!([(); 4].map(|()| journal.write(&large)), [true, true, true, false]);
        journal.written(2);
        assert!(!journal.write(&large));
        journal.written(1);
        assert!(journal.write(&large));
        assert_eq!(std::fs::metadata(path(&store, 1)).unwrap().len(), 400_000);
        journal.end();
        assert!(!path(&store, 1).exists());
    }
}
