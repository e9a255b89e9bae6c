//! Memory that fails on order: SQLite's own, in every thread of the process.

use std::ffi::{c_int, c_void};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use rusqlite::ffi;

/// How many more calls for memory succeed; negative for all.
static MEMORY: AtomicI64 = AtomicI64::new(-1);
static MEMORY_LASTING: AtomicI64 = AtomicI64::new(0);
static MEMORY_SEEN: AtomicU64 = AtomicU64::new(0);
static MEMORY_HITS: AtomicU64 = AtomicU64::new(0);
/// The system's functions.
static MALLOC: OnceLock<unsafe extern "C" fn(c_int) -> *mut c_void> = OnceLock::new();
static REALLOC: OnceLock<unsafe extern "C" fn(*mut c_void, c_int) -> *mut c_void> = OnceLock::new();

/// Lets SQLite's `at`th call for memory fail, in any thread, and all later ones if it is lasting.
pub fn fail_memory(at: u64, lasting: bool) {
    MEMORY_SEEN.store(0, Ordering::SeqCst);
    MEMORY_HITS.store(0, Ordering::SeqCst);
    MEMORY_LASTING.store(i64::from(lasting), Ordering::SeqCst);
    MEMORY.store(i64::try_from(at).unwrap_or(i64::MAX), Ordering::SeqCst);
}

/// Memory is there again. How many calls there were, and how many of them failed.
pub fn heal_memory() -> (u64, u64) {
    MEMORY.store(-1, Ordering::SeqCst);
    (MEMORY_SEEN.load(Ordering::SeqCst), MEMORY_HITS.load(Ordering::SeqCst))
}

/// Bounds all of SQLite's memory, in bytes; 0 for no bound. The bound before is the answer.
pub fn bound_memory(bytes: i64) -> i64 {
    // SAFETY: callable at any time.
    unsafe { ffi::sqlite3_hard_heap_limit64(bytes) }
}

/// The memory that SQLite has now.
pub fn memory_used() -> i64 {
    // SAFETY: callable at any time.
    unsafe { ffi::sqlite3_memory_used() }
}

fn memory_fails() -> bool {
    let at = MEMORY.load(Ordering::SeqCst);
    if at < 0 {
        return false;
    }
    let seen = MEMORY_SEEN.fetch_add(1, Ordering::SeqCst) + 1;
    let fails = seen == at.unsigned_abs() || MEMORY_LASTING.load(Ordering::SeqCst) != 0 && seen > at.unsigned_abs();
    MEMORY_HITS.fetch_add(u64::from(fails), Ordering::SeqCst);
    fails
}

unsafe extern "C" fn malloc(size: c_int) -> *mut c_void {
    if memory_fails() {
        return std::ptr::null_mut();
    }
    // SAFETY: set before SQLite has this function.
    unsafe { (MALLOC.get().unwrap())(size) }
}

unsafe extern "C" fn realloc(old: *mut c_void, size: c_int) -> *mut c_void {
    if memory_fails() {
        return std::ptr::null_mut();
    }
    // SAFETY: set before SQLite has this function.
    unsafe { (REALLOC.get().unwrap())(old, size) }
}

/// Puts our memory between SQLite and the system.
///
/// # Safety
///
/// Once, before SQLite is used.
pub(super) unsafe fn put_between() {
    // SAFETY: as the caller says; the functions last for ever.
    unsafe {
        let mut memory = std::mem::zeroed::<ffi::sqlite3_mem_methods>();
        assert_eq!(ffi::sqlite3_config(ffi::SQLITE_CONFIG_GETMALLOC, &raw mut memory), ffi::SQLITE_OK);
        MALLOC.set(memory.xMalloc.unwrap()).unwrap();
        REALLOC.set(memory.xRealloc.unwrap()).unwrap();
        memory.xMalloc = Some(malloc);
        memory.xRealloc = Some(realloc);
        assert_eq!(ffi::sqlite3_config(ffi::SQLITE_CONFIG_MALLOC, &raw mut memory), ffi::SQLITE_OK);
    }
}
