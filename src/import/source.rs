//! Where the bytes of an import come from: an upload kept in the store, or a file read in place.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

use crate::error::{Code, Error, Result, io_words, words};
use crate::store::Store;
use crate::store::bytes::BytesReader;
use crate::store::other::open_other;

/// The bytes of an import, fixed when it was reserved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Upload { id: i64, bytes: u64 },
    Path { path: PathBuf, bytes: u64, changed: i64 },
}

impl Source {
    /// Looks at a file that is to be read in place.
    pub(super) fn of_path(path: &Path) -> Result<Source> {
        let missing = |error: io::Error| {
            Error::new(Code::ImportFileMissing)
                .with_value(path.display())
                .with_rule(io_words(&error))
                .with_source(error)
        };
        let path = std::path::absolute(path).map_err(missing)?;
        let meta = open_other(&path)?.metadata().map_err(missing)?;
        if meta.is_dir() {
            return Err(Error::new(Code::ImportFileMissing)
                .with_value(path.display())
                .with_rule(words!("フォルダです", "it is a directory")));
        }
        Ok(Source::Path { bytes: meta.len(), changed: changed(&meta), path })
    }

    pub(super) fn bytes(&self) -> u64 {
        match self {
            Source::Upload { bytes, .. } | Source::Path { bytes, .. } => *bytes,
        }
    }

    /// Opens the bytes at `position`.
    pub(super) fn open(&self, store: &Store, position: u64) -> Result<Box<dyn Read + Send>> {
        match self {
            Source::Upload { id, bytes } => Ok(Box::new(BytesReader::open(store, *id, *bytes, position))),
            Source::Path { path, bytes, .. } => {
                let mut file = open_other(path)?;
                self.check(&file)?;
                file.seek(SeekFrom::Start(position))?;
                // A file that grows is noticed by its size; what was added is not read.
                Ok(Box::new(file.take(bytes.saturating_sub(position))))
            }
        }
    }

    /// The error, if the file is not the one that was reserved.
    pub(super) fn check_unchanged(&self) -> Result<()> {
        let Source::Path { path, .. } = self else { return Ok(()) };
        self.check(&open_other(path)?)
    }

    fn check(&self, file: &File) -> Result<()> {
        let Source::Path { path, bytes, changed: then } = self else { return Ok(()) };
        let meta = file.metadata()?;
        let rule = match () {
            () if meta.len() != *bytes => {
                words!("{}バイト、予約時は{bytes}バイト", "{} bytes, {bytes} when it was reserved", meta.len())
            }
            () if changed(&meta) != *then => {
                words!("予約後に書き込まれました", "it was written since it was reserved")
            }
            () => return Ok(()),
        };
        Err(Error::new(Code::ImportFileChanged).with_value(path.display()).with_rule(rule))
    }

    /// The SHA-256 of the bytes.
    pub(super) fn hash(&self, store: &Store) -> Result<[u8; 32]> {
        let mut input = self.open(store, 0)?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 256 * 1024];
        loop {
            let count = input.read(&mut buffer)?;
            if count == 0 {
                return Ok(hash.finalize().into());
            }
            hash.update(&buffer[..count]);
        }
    }
}

/// The time of the last change, in nanoseconds; 0 where the system does not tell.
fn changed(meta: &Metadata) -> i64 {
    let since = meta.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.and_then(|since| i64::try_from(since.as_nanos()).ok()).unwrap_or(0)
}
