//! Disks and memory that fail on order, between SQLite and the system. All that is unsafe in the tests stands here.
//!
//! [`install`] registers a VFS as SQLite's default one, which passes every call on to the system's. A [`Disk`] stands for
//! the files under one directory: it counts calls, lets the chosen ones fail, and can keep a log of all writes from which
//! [`Image`]s are made: what the files would be after the power had failed.
#![allow(unsafe_code, reason = "SQLite takes a VFS and an allocator as structs of C functions")]
#![allow(dead_code, reason = "every test file uses a part of it")]

pub mod memory;

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, Weak};

use rusqlite::ffi;

/// What is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    Open,
    Read,
    Write,
    Sync,
    Truncate,
    Size,
    Lock,
    Delete,
    Access,
    ShmMap,
    ShmLock,
}

const CALLS: usize = Call::ShmLock as usize + 1;

/// Which files of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// The store itself.
    Main,
    /// Its write-ahead log.
    Log,
    Any,
}

impl Piece {
    fn has(self, path: &Path) -> bool {
        let is_log = path.as_os_str().as_encoded_bytes().ends_with(b"-wal");
        match self {
            Piece::Main => !is_log,
            Piece::Log => is_log,
            Piece::Any => true,
        }
    }
}

/// How it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The call fails and does nothing.
    Error(Call),
    /// A write fails since the disk is full.
    Full,
    /// Half of a write is done, then the disk is full.
    Short,
    /// The process ends at once, before the call does anything.
    Death(Call, Piece),
    /// The process ends when half of a write is done.
    TornWrite(Piece),
}

pub const FAULTS: &[Fault] = &[
    Fault::Full,
    Fault::Short,
    Fault::Error(Call::Write),
    Fault::Error(Call::Read),
    Fault::Error(Call::Sync),
    Fault::Error(Call::Truncate),
    Fault::Error(Call::Open),
    Fault::Error(Call::Size),
    Fault::Error(Call::Lock),
    Fault::Error(Call::Delete),
    Fault::Error(Call::Access),
    Fault::Error(Call::ShmMap),
    Fault::Error(Call::ShmLock),
];

impl Fault {
    fn call(self) -> Call {
        match self {
            Fault::Error(call) | Fault::Death(call, _) => call,
            Fault::Full | Fault::Short | Fault::TornWrite(_) => Call::Write,
        }
    }

    fn meets(self, call: Call, path: &Path) -> bool {
        let piece = match self {
            Fault::Death(_, piece) | Fault::TornWrite(piece) => piece,
            _ => Piece::Any,
        };
        self.call() == call && piece.has(path)
    }

    fn code(self) -> c_int {
        match self {
            Fault::Full | Fault::Short | Fault::TornWrite(_) => ffi::SQLITE_FULL,
            Fault::Error(call) | Fault::Death(call, _) => match call {
                Call::Open => ffi::SQLITE_CANTOPEN,
                Call::Read => ffi::SQLITE_IOERR_READ,
                Call::Write => ffi::SQLITE_IOERR_WRITE,
                Call::Sync => ffi::SQLITE_IOERR_FSYNC,
                Call::Truncate => ffi::SQLITE_IOERR_TRUNCATE,
                Call::Size => ffi::SQLITE_IOERR_FSTAT,
                Call::Lock => ffi::SQLITE_IOERR_LOCK,
                Call::Delete => ffi::SQLITE_IOERR_DELETE,
                Call::Access => ffi::SQLITE_IOERR_ACCESS,
                Call::ShmMap => ffi::SQLITE_IOERR_SHMMAP,
                Call::ShmLock => ffi::SQLITE_IOERR_SHMLOCK,
            },
        }
    }
}

struct Plan {
    fault: Fault,
    /// The number of the first call that fails, from 1.
    at: u64,
    /// Whether all later ones fail too.
    lasting: bool,
    seen: u64,
    hits: u64,
}

/// What happened to the files.
#[derive(Debug, Clone)]
enum Event {
    Write {
        file: PathBuf,
        at: u64,
        bytes: Vec<u8>,
    },
    Truncate {
        file: PathBuf,
        size: u64,
    },
    Sync {
        file: PathBuf,
    },
    Delete {
        file: PathBuf,
        is_synced: bool,
    },
    /// The test says that it has been told of so many commits.
    Told(u64),
}

struct State {
    dir: PathBuf,
    /// Ends the process.
    die: fn() -> !,
    /// How often each was called.
    calls: [AtomicU64; CALLS],
    plan: Mutex<Option<Plan>>,
    log: Mutex<Option<Vec<Event>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

static STATES: Mutex<Vec<Weak<State>>> = Mutex::new(Vec::new());

/// The files under one directory.
pub struct Disk(Arc<State>);

impl Disk {
    pub fn under(dir: &Path, die: fn() -> !) -> Disk {
        install();
        let dir = std::fs::canonicalize(dir).unwrap();
        let state =
            Arc::new(State { dir, die, calls: Default::default(), plan: Mutex::new(None), log: Mutex::new(None) });
        let mut states = lock(&STATES);
        states.retain(|state| state.strong_count() > 0);
        states.push(Arc::downgrade(&state));
        Disk(state)
    }

    /// Lets the `at`th call that the fault is of fail, and all later ones if it is lasting.
    pub fn fail(&self, fault: Fault, at: u64, lasting: bool) {
        *lock(&self.0.plan) = Some(Plan { fault, at, lasting, seen: 0, hits: 0 });
    }

    /// How many calls there were so far that a fault could be of, wherever they went.
    pub fn calls(&self, fault: Fault) -> u64 {
        self.0.calls[fault.call() as usize].load(Ordering::Relaxed)
    }

    /// Nothing fails any more. How many calls there were, and how many of them failed.
    pub fn heal(&self) -> (u64, u64) {
        lock(&self.0.plan).take().map_or((0, 0), |plan| (plan.seen, plan.hits))
    }

    /// Begins the log of writes. What the files are now counts as safe.
    pub fn record(&self) -> Recording<'_> {
        let mut files = BTreeMap::new();
        for entry in std::fs::read_dir(&self.0.dir).unwrap().map(Result::unwrap) {
            // What SQLite keeps in shared memory does not survive, and other files are not its own.
            if !entry.file_name().to_string_lossy().ends_with("-shm") && entry.metadata().unwrap().is_file() {
                files.insert(entry.path(), std::fs::read(entry.path()).unwrap());
            }
        }
        *lock(&self.0.log) = Some(Vec::new());
        Recording { state: &self.0, files }
    }
}

/// A log of writes under way.
pub struct Recording<'a> {
    state: &'a State,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Recording<'_> {
    /// Notes that the caller has been told of so many commits.
    pub fn told(&self, commits: u64) {
        if let Some(log) = lock(&self.state.log).as_mut() {
            log.push(Event::Told(commits));
        }
    }

    pub fn end(self) -> Log {
        Log { files: self.files, events: lock(&self.state.log).take().unwrap_or_default() }
    }
}

/// Everything that was written, in order.
pub struct Log {
    files: BTreeMap<PathBuf, Vec<u8>>,
    events: Vec<Event>,
}

/// What becomes of writes that were not synced when the power fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// All are lost.
    All,
    /// None is lost: the process died, not the machine.
    Nothing,
    /// Each is lost, kept, or kept in part, sector by sector, as the dice say.
    Some,
}

/// What the files are after the power has failed.
pub struct Image {
    files: BTreeMap<PathBuf, Vec<u8>>,
    /// The commits that had been told of before.
    pub told: u64,
}

impl Log {
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// How many times something was made safe.
    pub fn syncs(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, Event::Sync { .. })).count()
    }

    /// The files, when the power fails after `at` events.
    pub fn cut(&self, at: usize, loss: Loss, mut roll: impl FnMut(u64) -> u64) -> Image {
        let mut safe = self.files.clone();
        let mut pending: Vec<Event> = Vec::new();
        let mut told = 0;
        for event in &self.events[..at] {
            match event {
                Event::Told(commits) => told = *commits,
                Event::Sync { file } => {
                    let (of_file, rest) = pending.into_iter().partition(|event| event.file() == Some(file));
                    pending = rest;
                    let of_file: Vec<Event> = of_file;
                    let is_new = !safe.contains_key(file) || of_file.iter().any(Event::is_delete);
                    of_file.iter().for_each(|event| event.apply(&mut safe));
                    // With a new log or journal SQLite syncs the directory, and so what was deleted from it.
                    if is_new {
                        pending.iter().filter(|event| event.is_delete()).for_each(|event| event.apply(&mut safe));
                        pending.retain(|event| !event.is_delete());
                    }
                }
                Event::Delete { file, is_synced: true } => {
                    pending.retain(|event| event.file() != Some(file));
                    event.apply(&mut safe);
                }
                other => pending.push(other.clone()),
            }
        }
        for event in &pending {
            match loss {
                Loss::All => {}
                Loss::Nothing => event.apply(&mut safe),
                Loss::Some => match (roll(3), event) {
                    (0, _) => {}
                    (1, Event::Write { file, at, bytes }) => {
                        let sectors = bytes.chunks(512).enumerate().filter(|_| roll(2) == 0);
                        for (number, sector) in sectors.collect::<Vec<_>>() {
                            let at = at + number as u64 * 512;
                            Event::Write { file: file.clone(), at, bytes: sector.to_vec() }.apply(&mut safe);
                        }
                    }
                    _ => event.apply(&mut safe),
                },
            }
        }
        Image { files: safe, told }
    }
}

impl Event {
    fn file(&self) -> Option<&PathBuf> {
        match self {
            Event::Write { file, .. } | Event::Truncate { file, .. } | Event::Sync { file } => Some(file),
            Event::Delete { file, .. } => Some(file),
            Event::Told(_) => None,
        }
    }

    fn is_delete(&self) -> bool {
        matches!(self, Event::Delete { .. })
    }

    fn apply(&self, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
        match self {
            Event::Write { file, at, bytes } => {
                let content = files.entry(file.clone()).or_default();
                let (from, to) = (usize::try_from(*at).unwrap(), usize::try_from(*at).unwrap() + bytes.len());
                if content.len() < to {
                    content.resize(to, 0);
                }
                content[from..to].copy_from_slice(bytes);
            }
            Event::Truncate { file, size } => {
                files.entry(file.clone()).or_default().resize(usize::try_from(*size).unwrap(), 0);
            }
            Event::Delete { file, .. } => drop(files.remove(file)),
            Event::Sync { .. } | Event::Told(_) => {}
        }
    }
}

impl Image {
    /// Writes the files into another directory.
    pub fn write(&self, dir: &Path) {
        for (path, bytes) in &self.files {
            std::fs::write(dir.join(path.file_name().unwrap()), bytes).unwrap();
        }
    }
}

impl State {
    /// The fault, if this call is to fail.
    fn meet(&self, call: Call, path: &Path) -> Option<Fault> {
        self.calls[call as usize].fetch_add(1, Ordering::Relaxed);
        let mut plan = lock(&self.plan);
        let plan = plan.as_mut().filter(|plan| plan.fault.meets(call, path))?;
        plan.seen += 1;
        let fails = plan.seen == plan.at || plan.lasting && plan.seen > plan.at;
        plan.hits += u64::from(fails);
        if fails && matches!(plan.fault, Fault::Death(..)) {
            (self.die)();
        }
        fails.then_some(plan.fault)
    }

    fn note(&self, event: impl FnOnce() -> Event) {
        if let Some(log) = lock(&self.log).as_mut() {
            log.push(event());
        }
    }
}

fn state_of(name: *const c_char) -> Option<(Arc<State>, PathBuf)> {
    if name.is_null() {
        return None;
    }
    // SAFETY: SQLite gives a text that ends with NUL.
    let name = PathBuf::from(unsafe { CStr::from_ptr(name) }.to_str().ok()?);
    let states = lock(&STATES);
    let state = states.iter().filter_map(Weak::upgrade).find(|state| name.starts_with(&state.dir))?;
    Some((state, name))
}

/// A file of ours, behind which stands the file of the system's VFS.
#[repr(C)]
struct File {
    base: ffi::sqlite3_file,
    /// From a `Box`, or null where the file belongs to no [`Disk`].
    own: *mut Own,
}

struct Own {
    state: Arc<State>,
    path: PathBuf,
}

/// # Safety
///
/// `file` was opened by [`open`].
unsafe fn real(file: *mut ffi::sqlite3_file) -> *mut ffi::sqlite3_file {
    // SAFETY: SQLite has allocated as much as the VFS asked for, which is both one after the other.
    unsafe { file.cast::<u8>().add(size_of::<File>()).cast() }
}

/// # Safety
///
/// As [`real`].
unsafe fn own<'a>(file: *mut ffi::sqlite3_file) -> Option<&'a Own> {
    // SAFETY: it was set by `open`, and is freed by `close`.
    unsafe { (*file.cast::<File>()).own.as_ref() }
}

/// # Safety
///
/// As [`real`].
unsafe fn meet(file: *mut ffi::sqlite3_file, call: Call) -> Option<Fault> {
    // SAFETY: as the caller says.
    unsafe { own(file) }.and_then(|own| own.state.meet(call, &own.path))
}

/// Passes a call on to the system's file.
macro_rules! pass {
    ($file:ident . $method:ident ($($argument:expr),*)) => {{
        let real = real($file);
        ((*(*real).pMethods).$method.unwrap())(real $(, $argument)*)
    }};
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite calls with what it has allocated for this VFS; `pAppData` is the system's VFS.
    unsafe {
        let ours = file.cast::<File>();
        (*ours).base.pMethods = std::ptr::null();
        (*ours).own = std::ptr::null_mut();
        let found = state_of(name);
        if let Some((state, path)) = &found
            && let Some(fault) = state.meet(Call::Open, path)
        {
            return fault.code();
        }
        let system = (*vfs).pAppData.cast::<ffi::sqlite3_vfs>();
        let behind = real(file);
        let code = ((*system).xOpen.unwrap())(system, name, behind, flags, out_flags);
        if code != ffi::SQLITE_OK {
            if !(*behind).pMethods.is_null() {
                ((*(*behind).pMethods).xClose.unwrap())(behind);
            }
            return code;
        }
        (*ours).base.pMethods = &raw const METHODS;
        if let Some((state, path)) = found {
            (*ours).own = Box::into_raw(Box::new(Own { state, path }));
        }
        code
    }
}

unsafe extern "C" fn delete(vfs: *mut ffi::sqlite3_vfs, name: *const c_char, sync: c_int) -> c_int {
    // SAFETY: as `open`.
    unsafe {
        let found = state_of(name);
        if let Some(fault) = found.as_ref().and_then(|(state, path)| state.meet(Call::Delete, path)) {
            return fault.code();
        }
        let system = (*vfs).pAppData.cast::<ffi::sqlite3_vfs>();
        let code = ((*system).xDelete.unwrap())(system, name, sync);
        if let (Some((state, file)), ffi::SQLITE_OK) = (found, code) {
            state.note(|| Event::Delete { file, is_synced: sync != 0 });
        }
        code
    }
}

unsafe extern "C" fn access(vfs: *mut ffi::sqlite3_vfs, name: *const c_char, flags: c_int, out: *mut c_int) -> c_int {
    // SAFETY: as `open`.
    unsafe {
        if let Some(fault) = state_of(name).and_then(|(state, path)| state.meet(Call::Access, &path)) {
            return fault.code();
        }
        let system = (*vfs).pAppData.cast::<ffi::sqlite3_vfs>();
        ((*system).xAccess.unwrap())(system, name, flags, out)
    }
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 3,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(size),
    xLock: Some(lock_file),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved),
    xFileControl: Some(control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: Some(fetch),
    xUnfetch: Some(unfetch),
};

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: SQLite closes once what `open` has opened.
    unsafe {
        let own = (*file.cast::<File>()).own;
        let code = pass!(file.xClose());
        if !own.is_null() {
            drop(Box::from_raw(own));
        }
        code
    }
}

unsafe extern "C" fn read(file: *mut ffi::sqlite3_file, to: *mut c_void, count: c_int, at: i64) -> c_int {
    // SAFETY: SQLite calls the methods of a file that is open.
    unsafe {
        match meet(file, Call::Read) {
            Some(fault) => fault.code(),
            None => pass!(file.xRead(to, count, at)),
        }
    }
}

unsafe extern "C" fn write(file: *mut ffi::sqlite3_file, from: *const c_void, count: c_int, at: i64) -> c_int {
    // SAFETY: as `read`; `from` has `count` bytes.
    unsafe {
        let fault = meet(file, Call::Write);
        let done = match fault {
            None => count,
            Some(Fault::Short | Fault::TornWrite(_)) => count / 2,
            Some(fault) => return fault.code(),
        };
        let code = pass!(file.xWrite(from, done, at));
        if let (Some(Fault::TornWrite(_)), Some(own)) = (fault, own(file)) {
            (own.state.die)();
        }
        if let (ffi::SQLITE_OK, Some(own)) = (code, own(file)) {
            own.state.note(|| Event::Write {
                file: own.path.clone(),
                at: at.unsigned_abs(),
                bytes: std::slice::from_raw_parts(from.cast::<u8>(), usize::try_from(done).unwrap()).to_vec(),
            });
        }
        fault.map_or(code, Fault::code)
    }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: i64) -> c_int {
    // SAFETY: as `read`.
    unsafe {
        if let Some(fault) = meet(file, Call::Truncate) {
            return fault.code();
        }
        let code = pass!(file.xTruncate(size));
        if let (ffi::SQLITE_OK, Some(own)) = (code, own(file)) {
            own.state.note(|| Event::Truncate { file: own.path.clone(), size: size.unsigned_abs() });
        }
        code
    }
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: as `read`. The system need not sync for a test; what is asked for is noted.
    unsafe {
        let _ = flags;
        if let Some(fault) = meet(file, Call::Sync) {
            return fault.code();
        }
        if let Some(own) = own(file) {
            own.state.note(|| Event::Sync { file: own.path.clone() });
        }
        ffi::SQLITE_OK
    }
}

unsafe extern "C" fn size(file: *mut ffi::sqlite3_file, out: *mut i64) -> c_int {
    // SAFETY: as `read`.
    unsafe {
        match meet(file, Call::Size) {
            Some(fault) => fault.code(),
            None => pass!(file.xFileSize(out)),
        }
    }
}

unsafe extern "C" fn lock_file(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: as `read`.
    unsafe {
        match meet(file, Call::Lock) {
            Some(fault) => fault.code(),
            None => pass!(file.xLock(level)),
        }
    }
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: as `read`.
    unsafe { pass!(file.xUnlock(level)) }
}

unsafe extern "C" fn check_reserved(file: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    // SAFETY: as `read`.
    unsafe { pass!(file.xCheckReservedLock(out)) }
}

unsafe extern "C" fn control(file: *mut ffi::sqlite3_file, code: c_int, argument: *mut c_void) -> c_int {
    // SAFETY: as `read`.
    unsafe { pass!(file.xFileControl(code, argument)) }
}

unsafe extern "C" fn sector_size(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: as `read`.
    unsafe { pass!(file.xSectorSize()) }
}

unsafe extern "C" fn characteristics(file: *mut ffi::sqlite3_file) -> c_int {
    // A disk that loses writes makes no promise about their order.
    let _ = file;
    0
}

unsafe extern "C" fn shm_map(
    file: *mut ffi::sqlite3_file,
    page: c_int,
    size: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    // SAFETY: as `read`.
    unsafe {
        match meet(file, Call::ShmMap) {
            Some(fault) => fault.code(),
            None => pass!(file.xShmMap(page, size, extend, out)),
        }
    }
}

unsafe extern "C" fn shm_lock(file: *mut ffi::sqlite3_file, offset: c_int, count: c_int, flags: c_int) -> c_int {
    // SAFETY: as `read`. That a lock is given back does not fail.
    unsafe {
        if flags & ffi::SQLITE_SHM_LOCK != 0
            && let Some(fault) = meet(file, Call::ShmLock)
        {
            return fault.code();
        }
        pass!(file.xShmLock(offset, count, flags))
    }
}

unsafe extern "C" fn shm_barrier(file: *mut ffi::sqlite3_file) {
    // SAFETY: as `read`.
    unsafe { pass!(file.xShmBarrier()) }
}

unsafe extern "C" fn shm_unmap(file: *mut ffi::sqlite3_file, delete: c_int) -> c_int {
    // SAFETY: as `read`.
    unsafe { pass!(file.xShmUnmap(delete)) }
}

unsafe extern "C" fn fetch(file: *mut ffi::sqlite3_file, at: i64, count: c_int, out: *mut *mut c_void) -> c_int {
    // SAFETY: as `read`.
    unsafe { pass!(file.xFetch(at, count, out)) }
}

unsafe extern "C" fn unfetch(file: *mut ffi::sqlite3_file, at: i64, page: *mut c_void) -> c_int {
    // SAFETY: as `read`.
    unsafe { pass!(file.xUnfetch(at, page)) }
}

/// Puts our disks and our memory between SQLite and the system. Must come before anything opens a file.
pub fn install() {
    static ONCE: Once = Once::new();
    // SAFETY: once, before SQLite is used; what is registered lasts for ever.
    ONCE.call_once(|| unsafe {
        memory::put_between();
        let system = ffi::sqlite3_vfs_find(std::ptr::null());
        assert!(!system.is_null());
        // What is not ours is the system's own function, which does not look at the VFS that it is called with.
        let ours = ffi::sqlite3_vfs {
            szOsFile: c_int::try_from(size_of::<File>()).unwrap() + (*system).szOsFile,
            pNext: std::ptr::null_mut(),
            zName: c"renkei-faults".as_ptr(),
            pAppData: system.cast(),
            xOpen: Some(open),
            xDelete: Some(delete),
            xAccess: Some(access),
            ..*system
        };
        assert_eq!(ffi::sqlite3_vfs_register(Box::into_raw(Box::new(ours)), 1), ffi::SQLITE_OK);
    });
}
