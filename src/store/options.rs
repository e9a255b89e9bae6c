//! How a store is opened.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::Store;
use super::clock::{Clock, OsRandom, Random, SystemClock};
use super::vault::{SecretVault, Secrets};
use crate::error::{Code, Error, Result, words};

/// What a commit promises when the power fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Synchronous {
    /// A killed process loses nothing. A power failure may lose the last commits, never the integrity of the file.
    #[default]
    Normal,
    /// A commit that returned has reached the disk.
    Full,
}

/// Bounds on what one call or one file may ask for. Every one has a default and can be changed per store.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The largest file taken for import or as an attachment, in bytes. Default: 4 GiB.
    pub file_bytes: u64,
    /// The most data lines of one import. Default: 100,000,000.
    pub import_rows: u64,
    /// The most columns of a CSV line. Default: 2,000.
    pub csv_columns: usize,
    /// The largest cell of a CSV file, in bytes. Default: 1 MiB.
    pub cell_bytes: usize,
    /// The largest line of a CSV file, in bytes. Default: 4 MiB.
    pub line_bytes: usize,
    /// The most rejects kept with an import; further ones are counted only. Default: 100,000. Imports in one transaction
    /// (atomic ones and dry runs) keep at most 10,000, and at most 8 MiB of refused lines.
    pub rejects: u64,
    /// The most detail rows of one record. Default: 10,000.
    pub detail_rows: usize,
    /// The most records of one page of a query. Default: 100,000.
    pub page_records: u64,
    /// The most records, or detail rows, of one run of an automation. Default: 100,000.
    pub automation_records: u64,
    /// The most parts of an automation, those in branches included. Default: 100.
    pub automation_parts: usize,
    /// How long one run of an automation may work, in seconds, waits for answers left out. Default: 3,600.
    pub automation_seconds: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            file_bytes: 4 << 30,
            import_rows: 100_000_000,
            csv_columns: 2_000,
            cell_bytes: 1 << 20,
            line_bytes: 4 << 20,
            rejects: 100_000,
            detail_rows: 10_000,
            page_records: 100_000,
            automation_records: 100_000,
            automation_parts: 100,
            automation_seconds: 3_600,
        }
    }
}

/// Opens or creates a store; made by [`Store::options`].
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// use renkei::{Store, Synchronous};
///
/// let store = Store::options()
///     .create(true)
///     .synchronous(Synchronous::Full)
///     .time_zone("Asia/Tokyo")
///     .open(dir.path().join("customers.db"))?;
/// # Ok::<(), renkei::Error>(())
/// ```
#[derive(Clone)]
pub struct StoreOptions {
    pub(super) create: bool,
    pub(super) page_bytes: u32,
    pub(super) cache_bytes: u32,
    pub(super) reader_cache_bytes: u32,
    pub(super) checkpoint_bytes: u32,
    pub(super) synchronous: Synchronous,
    pub(super) busy_timeout: Duration,
    pub(super) time_zone: String,
    pub(super) limits: Limits,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
    pub(super) secrets: Secrets,
}

impl Default for StoreOptions {
    fn default() -> StoreOptions {
        StoreOptions {
            create: false,
            page_bytes: 8192,
            cache_bytes: 32 << 20,
            reader_cache_bytes: 32 << 20,
            checkpoint_bytes: 40 << 20,
            synchronous: Synchronous::Normal,
            busy_timeout: Duration::from_secs(60),
            time_zone: "Asia/Tokyo".to_owned(),
            limits: Limits::default(),
            clock: Arc::new(SystemClock),
            random: Arc::new(OsRandom),
            secrets: Secrets::None,
        }
    }
}

impl StoreOptions {
    /// Whether a missing file is created. Default: false.
    pub fn create(&mut self, create: bool) -> &mut StoreOptions {
        self.create = create;
        self
    }

    /// The page size of a file that is created, in bytes: a power of two from 512 to 65,536. Default: 8,192.
    /// Larger pages make imports faster and single changes slower. An existing file keeps its own.
    pub fn page_bytes(&mut self, bytes: u32) -> &mut StoreOptions {
        self.page_bytes = bytes;
        self
    }

    /// The page cache of the writing connection, in bytes. Default: 32 MiB.
    pub fn cache_bytes(&mut self, bytes: u32) -> &mut StoreOptions {
        self.cache_bytes = bytes;
        self
    }

    /// The most that the page cache of each reading connection takes, in bytes. Default: 32 MiB. There are as many
    /// connections as threads that read at the same time, and up to eight are kept for the next; exports take 8 MiB.
    pub fn reader_cache_bytes(&mut self, bytes: u32) -> &mut StoreOptions {
        self.reader_cache_bytes = bytes;
        self
    }

    /// The size of the write-ahead log at which it is moved into the file, in bytes. Default: 40 MiB. A transaction is never
    /// divided; and during an import, which goes on meanwhile, the log becomes up to eight times as long.
    pub fn checkpoint_bytes(&mut self, bytes: u32) -> &mut StoreOptions {
        self.checkpoint_bytes = bytes;
        self
    }

    /// What a commit promises when the power fails. Default: [`Synchronous::Normal`].
    pub fn synchronous(&mut self, synchronous: Synchronous) -> &mut StoreOptions {
        self.synchronous = synchronous;
        self
    }

    /// How long a writer waits for another process before it gives up. Default: 60 s.
    pub fn busy_timeout(&mut self, timeout: Duration) -> &mut StoreOptions {
        self.busy_timeout = timeout;
        self
    }

    /// The IANA time zone in which "today" and "now" are told and system times are shown. Default: Asia/Tokyo.
    pub fn time_zone(&mut self, name: impl Into<String>) -> &mut StoreOptions {
        self.time_zone = name.into();
        self
    }

    /// The bounds on single calls and files.
    pub fn limits(&mut self, limits: Limits) -> &mut StoreOptions {
        self.limits = limits;
        self
    }

    /// The source of time, for tests that turn it by hand. Default: [`SystemClock`].
    pub fn clock(&mut self, clock: Arc<dyn Clock>) -> &mut StoreOptions {
        self.clock = clock;
        self
    }

    /// The source of randomness, for tests. Default: the operating system's.
    pub fn random(&mut self, random: Arc<dyn Random>) -> &mut StoreOptions {
        self.random = random;
        self
    }

    /// The key by which secrets are sealed in the file (XChaCha20-Poly1305). It is never written anywhere: the host keeps it,
    /// outside the file and its backups. Without a key, no secret can be kept or used.
    pub fn secret_key(&mut self, key: [u8; 32]) -> &mut StoreOptions {
        self.secret_key_from(move || Ok(key))
    }

    /// As [`StoreOptions::secret_key`], with a key that is asked for each time it is needed.
    pub fn secret_key_from(
        &mut self,
        key: impl Fn() -> Result<[u8; 32], String> + Send + Sync + 'static,
    ) -> &mut StoreOptions {
        self.secrets = Secrets::Sealed(Arc::new(key));
        self
    }

    /// Secrets are kept by the host, and asked for by name each time they are needed. Nothing of them is in the file.
    pub fn secret_vault(&mut self, vault: Arc<dyn SecretVault>) -> &mut StoreOptions {
        self.secrets = Secrets::Outside(vault);
        self
    }

    /// Opens the store at `path`.
    ///
    /// # Errors
    ///
    /// [`Code::StoreMissing`], [`Code::StoreForeign`] and [`Code::StoreNewer`] leave the file untouched;
    /// [`Code::StoreUnwritable`] when the directory or the file cannot be written; [`Code::SqliteOld`] when the linked
    /// SQLite is older than 3.51.3.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Store> {
        if !self.page_bytes.is_power_of_two() || !(512..=65_536).contains(&self.page_bytes) {
            let rule = words!(
                "page_bytesは512から65536までの2のべき乗です（{}）",
                "page_bytes is {}, not a power of two from 512 to 65536",
                self.page_bytes
            );
            return Err(Error::new(Code::Argument).with_rule(rule));
        }
        Store::open_with(path.as_ref(), self.clone())
    }
}
