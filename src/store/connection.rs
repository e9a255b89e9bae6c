//! Connections: what is checked before a file is touched, and how SQLite is set up.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::migration;
use super::options::{StoreOptions, Synchronous};
use crate::error::{Code, Error, Result, Words, io_words, words};

/// Versions before this one have a WAL-reset race that can lose commits.
const OLDEST_SQLITE: (i32, &str) = (3_051_003, "3.51.3");

/// The header of a file. SQLite takes smaller ones for empty.
const HEADER_BYTES: u64 = 100;

/// The size of the write-ahead log beside a file.
fn log_bytes(path: &Path) -> u64 {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(Path::new(&log)).map_or(0, |meta| meta.len())
}

/// What the header of a file says of it, without what stands in the write-ahead log.
struct Header {
    application_id: i32,
    user_version: i32,
    /// Whether it has no tables.
    is_bare: bool,
}

/// Refuses what must not be opened, reading the header only, so that a refused file stays as it was.
pub(super) fn inspect(path: &Path, create: bool) -> Result<()> {
    if rusqlite::version_number() < OLDEST_SQLITE.0 {
        return Err(Error::new(Code::SqliteOld).with_value(rusqlite::version()).with_rule(OLDEST_SQLITE.1));
    }
    let shown = path.display();
    let refused = |error: std::io::Error| {
        Err(Error::new(Code::StoreUnwritable)
            .with_value(shown.to_string())
            .with_rule(io_words(&error))
            .with_source(error))
    };
    let foreign = |rule: Words| Err(Error::new(Code::StoreForeign).with_value(shown.to_string()).with_rule(rule));
    if let Some(other) = stands_beside(path) {
        let other = other.display();
        return foreign(words!("{other}に付属するファイルの名前です", "the name is that of a file beside {other}"));
    }
    let meta = match std::fs::metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            if !create {
                return Err(Error::new(Code::StoreMissing).with_value(shown).with_source(error));
            }
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            if !parent.is_dir() {
                let rule = words!("フォルダ{}がありません", "there is no directory {}", parent.display());
                return Err(Error::new(Code::StoreUnwritable).with_value(shown).with_rule(rule).with_source(error));
            }
            return Ok(());
        }
        Err(error) => return refused(error),
    };
    if meta.is_dir() {
        return foreign(words!("フォルダです", "it is a directory"));
    }
    if meta.len() == 0 {
        if create {
            return Ok(());
        }
        return foreign(words!("空のファイルです", "it is empty"));
    }
    let header = match read_header(path) {
        Ok(_) if meta.len() < HEADER_BYTES => {
            return foreign(words!("SQLiteのファイルではありません", "it is not an SQLite file"));
        }
        Ok(header) => header,
        Err(error) => {
            return match error.sqlite_error_code() {
                // Only here is the file opened as one: what SQLite could not open has no locks of this process to lose.
                Some(ErrorCode::CannotOpen) => match File::open(path) {
                    Err(why) => refused(why),
                    Ok(_) => Err(unwritable(path, error)),
                },
                Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                    foreign(words!("SQLiteのファイルではありません", "it is not an SQLite file"))
                }
                _ => Err(unwritable(path, error)),
            };
        }
    };
    // A file that is just being created, or whose creation was interrupted, has no table and no mark of its owner yet;
    // what its write-ahead log says is judged once it is open.
    if header.is_bare && (create || log_bytes(path) > 0) {
        return Ok(());
    }
    if header.application_id != migration::APPLICATION_ID {
        return foreign(migration::foreign_program());
    }
    if header.user_version > migration::VERSION {
        let rule = words!("形式{}", "format {}", header.user_version);
        return Err(Error::new(Code::StoreNewer).with_value(shown).with_rule(rule));
    }
    Ok(())
}

/// The file beside which SQLite, or a store, keeps one by this name: what is written into it spoils the other.
fn stands_beside(path: &Path) -> Option<PathBuf> {
    let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let name = real.file_name()?.to_str()?;
    let mut suffixes = ["-wal", "-shm", "-journal", "-turn"].iter();
    let other = suffixes.find_map(|suffix| name.strip_suffix(suffix)).filter(|other| !other.is_empty())?;
    Some(real.with_file_name(other)).filter(|other| other.is_file())
}

/// Whether a file is a store, or stands beside one.
pub(super) fn is_of_a_store(path: &Path) -> bool {
    let file = stands_beside(path).unwrap_or_else(|| path.to_owned());
    std::fs::metadata(&file).is_ok_and(|meta| meta.is_file() && meta.len() >= HEADER_BYTES)
        && read_header(&file).is_ok_and(|header| header.application_id == migration::APPLICATION_ID)
}

/// Reads the header through SQLite, which takes no locks on a file that it is told not to change, and leaves nothing
/// beside it.
///
/// Reading it as a file would take away the locks that this process has on it for another handle of the store: by the
/// rules of POSIX they end when any handle of the process on the file is closed.
fn read_header(path: &Path) -> rusqlite::Result<Header> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(uri(path), flags)?;
    // A file is shorter than its header says while a log is moved into it, and stays so when that was interrupted: the rest
    // stands in the log. With this SQLite reads the header all the same.
    connection.execute_batch("PRAGMA writable_schema = ON")?;
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i32>(0));
    let application_id = number("PRAGMA application_id")?;
    Ok(Header {
        application_id,
        user_version: number("PRAGMA user_version")?,
        is_bare: application_id == 0 && number("SELECT count(*) FROM sqlite_schema")? == 0,
    })
}

/// A file as SQLite's URI, which says that nobody changes it.
fn uri(path: &Path) -> String {
    use std::fmt::Write as _;

    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    #[cfg(unix)]
    let bytes = std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str());
    #[cfg(not(unix))]
    let text = path.to_string_lossy().replace('\\', "/");
    #[cfg(not(unix))]
    let bytes = text.as_bytes();
    let mut uri = String::from("file://");
    if !bytes.starts_with(b"/") {
        uri.push('/');
    }
    for byte in bytes {
        match byte {
            b'/' | b':' | b'.' | b'-' | b'_' => uri.push(char::from(*byte)),
            _ if byte.is_ascii_alphanumeric() => uri.push(char::from(*byte)),
            _ => {
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
    uri.push_str("?mode=ro&immutable=1");
    uri
}

/// Opens one connection and sets it up. `cache_bytes` differs between the writer and the readers.
pub(super) fn open(path: &Path, options: &StoreOptions, cache_bytes: u32, writer: bool) -> Result<Connection> {
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if writer && options.create {
        flags |= OpenFlags::SQLITE_OPEN_CREATE;
    }
    let connection = Connection::open_with_flags(path, flags).map_err(|error| unwritable(path, error))?;
    // Enough for other processes that are just opening or recovering; the wait for a turn to write is our own loop.
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.set_prepared_statement_cache_capacity(256);
    if writer {
        connection.pragma_update(None, "page_size", options.page_bytes)?;
        let mode = write_ahead(&connection, options.busy_timeout).map_err(|error| unwritable(path, error))?;
        if mode != "wal" {
            let rule = words!(
                "SQLiteの先行書き込みログ（WAL）を使えません（journal_mode: {mode}）",
                "SQLite cannot use a write-ahead log here (journal mode \"{mode}\")"
            );
            return Err(Error::new(Code::StoreUnwritable).with_value(path.display()).with_rule(rule));
        }
    }
    let synchronous = match options.synchronous {
        Synchronous::Normal => "NORMAL",
        Synchronous::Full => "FULL",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    // Plans depend on statements, not on what is bound. Otherwise a kept statement is compiled again at each use wherever a
    // value might have made another plan, a limit for instance.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "cache_size", -i64::from(cache_bytes / 1024))?;
    bound_log(&connection, options, 1)?;
    if !writer {
        connection.pragma_update(None, "query_only", true)?;
    }
    Ok(connection)
}

/// The length of the log, in pages, at which it is moved into the file.
pub(super) fn checkpoint_pages(connection: &Connection, options: &StoreOptions) -> rusqlite::Result<u32> {
    let page_bytes: u32 = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    Ok((options.checkpoint_bytes / page_bytes.max(1)).max(100))
}

/// Sets from which length of the log on a commit of this connection moves it, as a multiple of that in the options, and what
/// stays of a longer file. To cut one takes the disk a tenth of a second, so it is not done again and again.
pub(super) fn bound_log(connection: &Connection, options: &StoreOptions, times: u32) -> rusqlite::Result<()> {
    let pages = checkpoint_pages(connection, options)?.saturating_mul(times);
    let keep = u64::from(options.checkpoint_bytes) * u64::from(times + 1);
    // They answer with a row, which `pragma_update` would refuse.
    connection.query_row(&format!("PRAGMA wal_autocheckpoint = {pages}"), [], |_| Ok(()))?;
    connection.query_row(&format!("PRAGMA journal_size_limit = {keep}"), [], |_| Ok(()))
}

/// Turns the write-ahead log on. SQLite does not wait for others that do the same at this moment, so it is waited here.
fn write_ahead(connection: &Connection, patience: Duration) -> rusqlite::Result<String> {
    let started = Instant::now();
    loop {
        match connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)) {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && started.elapsed() < patience =>
            {
                std::thread::sleep(Duration::from_millis(2));
            }
            other => return other,
        }
    }
}

fn unwritable(path: &Path, error: rusqlite::Error) -> Error {
    let known = Error::from(error);
    match known.code() {
        Code::StoreUnwritable | Code::Sqlite => {
            let rule = Words::of(|language| known.message(language));
            Error::new(Code::StoreUnwritable).with_value(path.display()).with_rule(rule).with_source(known)
        }
        _ => known.with_value(path.display()),
    }
}
