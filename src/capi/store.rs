//! Stores

use std::ffi::{c_char, c_void};
use std::sync::Arc;
use std::time::Duration;

use super::argument::{Grows, Out, call, options, out_bytes, text};
use super::ask;
use super::callback::UserData;
use super::cancel::renkei_cancel;
use super::clock::{self, renkei_clock};
use super::error::renkei_error;
use super::handle::{self, Noun};
use super::secret::{self, renkei_secret_key_fn, renkei_secret_vault_fn};
use super::status::renkei_status;
use crate::error::{Code, Error};
use crate::store::{Cancel, Clock, Limits, Random, Store, Synchronous, Timestamp};

/// An open store, or one of its views (as a user, cancellable). For any number of threads at once.
pub struct renkei_store(());

impl Noun for Store {
    type Opaque = renkei_store;
    const KIND: u8 = 4;
    const NAME: &'static str = "store";
    const EXCLUSIVE: bool = false;
}

/// A killed process loses nothing; a power failure may lose the last commits, never the integrity of the file.
pub const RENKEI_SYNCHRONOUS_NORMAL: u32 = 0;
/// A commit that returned has reached the disk.
pub const RENKEI_SYNCHRONOUS_FULL: u32 = 1;

/// Fills a buffer with random bytes, for tests that repeat. Called on any thread. It must not throw nor longjmp out.
pub type renkei_random_fn = Option<unsafe extern "C" fn(user_data: *mut c_void, buffer: *mut c_void, len: usize)>;

/// The present moment, in milliseconds since 1970-01-01 00:00:00 UTC, for hosts with a source of time of their own. Called on any
/// thread, and on several at once. It must not throw nor longjmp out.
pub type renkei_now_fn = Option<unsafe extern "C" fn(user_data: *mut c_void) -> i64>;

/// How a store is opened. Make one by renkei_store_options_init; a member that is 0 or NULL stands for its default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct renkei_store_options {
    /// The size of this struct.
    pub size: usize,
    /// Whether a missing file is created.
    pub create: u32,
    /// RENKEI_SYNCHRONOUS_NORMAL (default) or RENKEI_SYNCHRONOUS_FULL.
    pub synchronous: u32,
    /// The page size of a file that is created, a power of two from 512 to 65536. Default: 8192.
    pub page_bytes: u32,
    /// The page cache of the writing connection. Default: 32 MiB.
    pub cache_bytes: u32,
    /// The most that the page cache of each reading connection takes. Default: 32 MiB; exports take 8 MiB.
    pub reader_cache_bytes: u32,
    /// The size of the write-ahead log at which it is moved into the file. Default: 40 MiB. During an import, which goes on
    /// meanwhile, the log becomes up to eight times as long.
    pub checkpoint_bytes: u32,
    /// How long a writer waits for another process before it gives up, in milliseconds. Default: 60000.
    pub busy_timeout_ms: u64,
    /// The IANA time zone of "today" and "now". Default: Asia/Tokyo.
    pub time_zone: *const c_char,
    /// Its length, or RENKEI_NTS.
    pub time_zone_len: usize,
    /// The largest file taken for import or as an attachment, in bytes. Default: 4 GiB.
    pub limit_file_bytes: u64,
    /// The most data lines of one import. Default: 100000000.
    pub limit_import_rows: u64,
    /// The most columns of a CSV line. Default: 2000.
    pub limit_csv_columns: u64,
    /// The largest cell of a CSV file, in bytes. Default: 1 MiB.
    pub limit_cell_bytes: u64,
    /// The largest line of a CSV file, in bytes. Default: 4 MiB.
    pub limit_line_bytes: u64,
    /// The most rejects kept with an import. Default: 100000.
    pub limit_rejects: u64,
    /// The most detail rows of one record. Default: 10000.
    pub limit_detail_rows: u64,
    /// The most records of one page of a query. Default: 100000.
    pub limit_page_records: u64,
    /// The most records, or detail rows, of one run of an automation. Default: 100000.
    pub limit_automation_records: u64,
    /// The most parts of an automation, those in branches included. Default: 100.
    pub limit_automation_parts: u64,
    /// How long one run of an automation may work, in seconds, waits for answers left out. Default: 3600.
    pub limit_automation_seconds: u64,
    /// For tests: the source of time. It may be freed when the store is open.
    pub clock: *const renkei_clock,
    /// For tests: the source of randomness.
    pub random: renkei_random_fn,
    /// What `random` is called with; it must last as long as the store and its views.
    pub random_user_data: *mut c_void,
    /// The key by which secrets are sealed in the file, RENKEI_SECRET_KEY_BYTES bytes; it is copied. Without a key, no secret can
    /// be kept or used. At most one of this, `secret_key_from` and `secret_vault` may be given.
    pub secret_key: *const u8,
    /// Its length.
    pub secret_key_len: usize,
    /// As `secret_key`, asked for each time it is needed.
    pub secret_key_from: renkei_secret_key_fn,
    /// What `secret_key_from` is called with; it must last as long as the store, its views and workers.
    pub secret_key_user_data: *mut c_void,
    /// Secrets are kept by the host, and asked for by name each time they are needed. Nothing of them is in the file.
    pub secret_vault: renkei_secret_vault_fn,
    /// What `secret_vault` is called with; it must last as long as the store, its views and workers.
    pub secret_vault_user_data: *mut c_void,
    /// The source of time, unless `clock` is given. Default: the system's.
    pub now: renkei_now_fn,
    /// What `now` is called with; it must last as long as the store, its views and workers.
    pub now_user_data: *mut c_void,
}

// SAFETY: a size, then integers and pointers without padding between; all zeros are a value.
unsafe impl Grows for renkei_store_options {
    const NAME: &'static str = "renkei_store_options";
    const FIRST: usize = size_of::<Self>();
}

struct RandomOfCaller(unsafe extern "C" fn(*mut c_void, *mut c_void, usize), UserData);

impl Random for RandomOfCaller {
    fn fill(&self, bytes: &mut [u8]) {
        // SAFETY: the caller of the ABI gave both together.
        unsafe { (self.0)(self.1.0, bytes.as_mut_ptr().cast(), bytes.len()) };
    }
}

struct ClockOfCaller(unsafe extern "C" fn(*mut c_void) -> i64, UserData);

impl Clock for ClockOfCaller {
    fn now(&self) -> Timestamp {
        // SAFETY: the caller of the ABI gave both together.
        Timestamp(unsafe { (self.0)(self.1.0) })
    }
}

/// Opens the store at a path; with the option `create`, creates it first if there is none. options may be NULL. The caller
/// closes it by renkei_store_close.
///
/// RENKEI_NOT_FOUND and RENKEI_INCOMPATIBLE leave the file untouched.
///
/// Rust: `StoreOptions::open`, `Store::open`, `Store::create`, `Store::options`, `StoreOptions::create`,
/// `StoreOptions::page_bytes`, `StoreOptions::cache_bytes`, `StoreOptions::reader_cache_bytes`,
/// `StoreOptions::checkpoint_bytes`, `StoreOptions::synchronous`, `StoreOptions::busy_timeout`, `StoreOptions::time_zone`,
/// `StoreOptions::limits`, `StoreOptions::clock`, `StoreOptions::random`, `StoreOptions::secret_key`,
/// `StoreOptions::secret_key_from`, `StoreOptions::secret_vault`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_store_open(
    path: *const c_char,
    path_len: usize,
    options: *const renkei_store_options,
    out_store: *mut *mut renkei_store,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_store, "out_store")?;
            let path = text(path, path_len, "path")?;
            let given = self::options(options)?;
            let mut options = Store::options();
            options.create(given.create != 0);
            options.synchronous(match given.synchronous {
                RENKEI_SYNCHRONOUS_NORMAL => Synchronous::Normal,
                RENKEI_SYNCHRONOUS_FULL => Synchronous::Full,
                other => return Err(no_such("synchronous", other)),
            });
            if given.page_bytes != 0 {
                options.page_bytes(given.page_bytes);
            }
            if given.cache_bytes != 0 {
                options.cache_bytes(given.cache_bytes);
            }
            if given.reader_cache_bytes != 0 {
                options.reader_cache_bytes(given.reader_cache_bytes);
            }
            if given.checkpoint_bytes != 0 {
                options.checkpoint_bytes(given.checkpoint_bytes);
            }
            if given.busy_timeout_ms != 0 {
                options.busy_timeout(Duration::from_millis(given.busy_timeout_ms));
            }
            if !given.time_zone.is_null() {
                options.time_zone(text(given.time_zone, given.time_zone_len, "time_zone")?);
            }
            options.limits(limits(&given));
            if !given.clock.is_null() {
                options.clock(handle::get::<clock::Body>(given.clock)?.0.clone());
            } else if let Some(now) = given.now {
                options.clock(Arc::new(ClockOfCaller(now, UserData(given.now_user_data))));
            }
            if let Some(random) = given.random {
                options.random(Arc::new(RandomOfCaller(random, UserData(given.random_user_data))));
            }
            secret::options(&given, &mut options)?;
            out.set(handle::give(options.open(path)?));
            Ok(())
        })
    }
}

fn limits(given: &renkei_store_options) -> Limits {
    let mut limits = Limits::default();
    let whole = |given: u64| usize::try_from(given).unwrap_or(usize::MAX);
    let set = |limit: &mut u64, given: u64| {
        if given != 0 {
            *limit = given;
        }
    };
    set(&mut limits.file_bytes, given.limit_file_bytes);
    set(&mut limits.import_rows, given.limit_import_rows);
    set(&mut limits.rejects, given.limit_rejects);
    set(&mut limits.page_records, given.limit_page_records);
    set(&mut limits.automation_records, given.limit_automation_records);
    set(&mut limits.automation_seconds, given.limit_automation_seconds);
    let set = |limit: &mut usize, given: u64| {
        if given != 0 {
            *limit = whole(given);
        }
    };
    set(&mut limits.csv_columns, given.limit_csv_columns);
    set(&mut limits.cell_bytes, given.limit_cell_bytes);
    set(&mut limits.line_bytes, given.limit_line_bytes);
    set(&mut limits.detail_rows, given.limit_detail_rows);
    set(&mut limits.automation_parts, given.limit_automation_parts);
    limits
}

/// A constant that is none of those declared.
pub(super) fn no_such(what: &str, given: u32) -> Error {
    Error::new(Code::Argument).with_rule(format!("there is no {what} {given}"))
}

/// Closes a store or a view of one. NULL is allowed. The file is closed with the last of its views, cursors, transactions and
/// workers; calls of other threads that are inside go on to their end.
///
/// Rust: dropping a `Store`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn renkei_store_close(store: *mut renkei_store) -> renkei_status {
    // SAFETY: no output is given.
    unsafe { call(std::ptr::null_mut(), || handle::close::<Store>(store)) }
}

/// A view of the store that acts on behalf of a user, by the user's code: records tell who created and updated them. The
/// caller closes it by renkei_store_close.
///
/// Rust: `Store::as_user`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_store_as_user(
    store: *const renkei_store,
    user: *const c_char,
    user_len: usize,
    out_store: *mut *mut renkei_store,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::value(store, (out_store, "out_store"), out_error, |store| {
            let user = text(user, user_len, "user")?;
            Ok(handle::give(store.as_user(user)?))
        })
    }
}

/// A view of the store whose calls end with RENKEI_CANCELLED once the sign is shown, also those that run or wait at that
/// moment, and those of its cursors and transactions. The caller closes it by renkei_store_close. Workers do not look at
/// the sign: see renkei_worker_stop and renkei_import_cancel.
///
/// Rust: `Store::cancellable`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_store_cancellable(
    store: *const renkei_store,
    cancel: *const renkei_cancel,
    out_store: *mut *mut renkei_store,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_store, "out_store")?;
            let cancel = handle::get::<Cancel>(cancel)?;
            out.set(handle::give(handle::get::<Store>(store)?.cancellable(&cancel)));
            Ok(())
        })
    }
}

/// Where the file of the store is, as it was opened. The caller frees the text by renkei_free.
///
/// Rust: `Store::path`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_store_path(
    store: *const renkei_store,
    out_path: *mut *mut c_char,
    out_path_len: *mut usize,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = out_bytes(out_path, out_path_len, "out_path")?;
            out.give(handle::get::<Store>(store)?.path().to_string_lossy().into_owned());
            Ok(())
        })
    }
}

/// The options of an open store that bound what calls may ask for: the members that begin with limit_ are set, the others
/// are 0.
///
/// Rust: `Store::limits`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_store_limits(
    store: *const renkei_store,
    out_limits: *mut renkei_store_options,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::filled(store, (out_limits, "out_limits"), out_error, |store| {
            let limits = store.limits();
            Ok(renkei_store_options {
                limit_file_bytes: limits.file_bytes,
                limit_import_rows: limits.import_rows,
                limit_csv_columns: limits.csv_columns as u64,
                limit_cell_bytes: limits.cell_bytes as u64,
                limit_line_bytes: limits.line_bytes as u64,
                limit_rejects: limits.rejects,
                limit_detail_rows: limits.detail_rows as u64,
                limit_page_records: limits.page_records,
                limit_automation_records: limits.automation_records,
                limit_automation_parts: limits.automation_parts as u64,
                limit_automation_seconds: limits.automation_seconds,
                ..renkei_store_options::cleared()
            })
        })
    }
}

/// The present moment by the clock of the store, in milliseconds since 1970-01-01 00:00:00 UTC.
///
/// Rust: `Store::now`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_store_now(
    store: *const renkei_store,
    out_milliseconds: *mut i64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe { ask::value(store, (out_milliseconds, "out_milliseconds"), out_error, |store| Ok(store.now().0)) }
}

/// A civil date and time; what a date or a time does not have is 0.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct renkei_datetime {
    /// The size of this struct.
    pub size: usize,
    pub year: u32,
    /// From 1.
    pub month: u32,
    /// From 1.
    pub day: u32,
    pub hour: u32,
    pub minute: u32,
    pub second: u32,
}

// SAFETY: a size, then six integers of half that size or the same: no padding.
unsafe impl Grows for renkei_datetime {
    const NAME: &'static str = "renkei_datetime";
    const FIRST: usize = size_of::<Self>();
}

/// The civil date and time, in the time zone of the store, of a moment in milliseconds since 1970.
///
/// Rust: `Store::local`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_store_local(
    store: *const renkei_store,
    milliseconds: i64,
    out_datetime: *mut renkei_datetime,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::filled(store, (out_datetime, "out_datetime"), out_error, |store| {
            let local = store.local(Timestamp(milliseconds));
            Ok(datetime(Some(local.date()), Some(local.time())))
        })
    }
}

pub(super) fn datetime(date: Option<crate::Date>, time: Option<crate::Time>) -> renkei_datetime {
    let mut given = renkei_datetime::cleared();
    if let Some(date) = date {
        (given.year, given.month, given.day) = (date.year().into(), date.month().into(), date.day().into());
    }
    if let Some(time) = time {
        (given.hour, given.minute, given.second) = (time.hour().into(), time.minute().into(), time.second().into());
    }
    given
}

/// The offset of the store's time zone from UTC at a moment in milliseconds since 1970, in seconds.
///
/// Rust: `Store::utc_offset_seconds`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_store_utc_offset(
    store: *const renkei_store,
    milliseconds: i64,
    out_seconds: *mut i64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        ask::value(store, (out_seconds, "out_seconds"), out_error, |store| {
            Ok(store.utc_offset_seconds(Timestamp(milliseconds)))
        })
    }
}

/// For tests of hosts: fails as a fault of the library would. The answer is RENKEI_PANIC, and from then on RENKEI_POISONED for
/// every call on this handle but renkei_store_close. The store itself and its other views are as well as before.
///
/// Rust: none
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_store_panic_for_test(
    store: *const renkei_store,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let _store = handle::get::<Store>(store)?;
            panic!("asked for by renkei_store_panic_for_test");
        })
    }
}
