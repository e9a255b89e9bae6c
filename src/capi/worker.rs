//! Workers

use std::ffi::c_void;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::argument::{Grows, Out, call, options};
use super::callback::UserData;
use super::error::renkei_error;
use super::handle::{self, Noun};
use super::status::renkei_status;
use super::store::renkei_store;
use crate::error::{Code, Error};
use crate::import::ImportProgress;
use crate::store::Store;
use crate::worker::{Worker, WorkerHandle};

/// Runs the work of a store: imports that are due, and the sweeping of what was kept long enough. For any number of threads.
pub struct renkei_worker(());

/// How far a running import is.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct renkei_import_progress {
    /// The size of this struct, as the library has it.
    pub size: usize,
    /// The import.
    pub process_id: i64,
    /// The size of the file.
    pub bytes_total: u64,
    /// How much of it is done.
    pub bytes_done: u64,
    /// Data lines done.
    pub rows: u64,
    /// Lines refused.
    pub rejected: u64,
}

/// Is told about ten times a second how far an import is; progress is lent for the time of the call. Called on the thread that
/// runs the import: of the call, or of the worker's own. It must not write to the store, and not throw nor longjmp out.
pub type renkei_import_progress_fn =
    Option<unsafe extern "C" fn(user_data: *mut c_void, progress: *const renkei_import_progress)>;

/// How a worker works. Make one by renkei_worker_options_init; a member that is 0 or NULL stands for its default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct renkei_worker_options {
    /// The size of this struct.
    pub size: usize,
    /// Is told how far imports are.
    pub progress: renkei_import_progress_fn,
    /// What `progress` is called with; it must last as long as the worker.
    pub progress_user_data: *mut c_void,
    /// How long ended imports and their rejects are kept, in milliseconds. Default: 90 days.
    pub retention_ms: u64,
}

// SAFETY: a size, then pointers and an integer without padding between; NULL is a value of a callback.
unsafe impl Grows for renkei_worker_options {
    const NAME: &'static str = "renkei_worker_options";
    const FIRST: usize = size_of::<Self>();
}

pub(super) struct Body {
    worker: Worker,
    started: Mutex<Option<WorkerHandle>>,
}

impl Noun for Body {
    type Opaque = renkei_worker;
    const KIND: u8 = 9;
    const NAME: &'static str = "worker";
    const EXCLUSIVE: bool = false;
}

/// Makes a worker for a store. options may be NULL. It runs when it is asked to: renkei_worker_run_until_idle on the caller's
/// own thread, or renkei_worker_start on one of its own. The caller frees it by renkei_worker_free.
///
/// Rust: `Worker::new`, `Worker::on_progress`, `Worker::retention`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_worker_new(
    store: *const renkei_store,
    options: *const renkei_worker_options,
    out_worker: *mut *mut renkei_worker,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_worker, "out_worker")?;
            let store = handle::get::<Store>(store)?;
            let given = self::options(options)?;
            let mut worker = Worker::new(&store);
            if given.retention_ms != 0 {
                worker = worker.retention(Duration::from_millis(given.retention_ms));
            }
            if let Some(progress) = given.progress {
                let user_data = UserData(given.progress_user_data);
                worker = worker.on_progress(move |at| tell(progress, user_data, at));
            }
            out.set(handle::give(Body { worker, started: Mutex::new(None) }));
            Ok(())
        })
    }
}

fn tell(
    progress: unsafe extern "C" fn(*mut c_void, *const renkei_import_progress),
    user_data: UserData,
    at: &ImportProgress,
) {
    let told = renkei_import_progress {
        size: size_of::<renkei_import_progress>(),
        process_id: at.process_id,
        bytes_total: at.bytes_total,
        bytes_done: at.bytes_done,
        rows: at.rows,
        rejected: at.rejected,
    };
    // SAFETY: the caller of the ABI gave both together.
    unsafe { progress(user_data.0, &raw const told) };
}

/// Runs the next thing that is due, on this thread; out_ran is 1 when there was one. An import that fails is no error of this
/// call: see renkei_import_status.
///
/// Rust: `Worker::run_once`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_worker_run_once(
    worker: *mut renkei_worker,
    out_ran: *mut i32,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_ran, "out_ran")?;
            out.set(handle::get::<Body>(worker)?.worker.run_once()?.into());
            Ok(())
        })
    }
}

/// Runs everything that is due, on this thread, and sweeps; out_count receives how many things were run.
///
/// Rust: `Worker::run_until_idle`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_worker_run_until_idle(
    worker: *mut renkei_worker,
    out_count: *mut u64,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let out = Out::new(out_count, "out_count")?;
            out.set(handle::get::<Body>(worker)?.worker.run_until_idle()?);
            Ok(())
        })
    }
}

/// Deletes uploads and unclaimed files whose time is over, and ended imports that were kept long enough.
///
/// Rust: `Worker::sweep`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_worker_sweep(
    worker: *mut renkei_worker,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe { call(out_error, || handle::get::<Body>(worker)?.worker.sweep()) }
}

/// Starts a thread that runs what is due until the worker is stopped. RENKEI_USAGE when it was started or stopped before.
///
/// Rust: `Worker::start`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_worker_start(
    worker: *mut renkei_worker,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let body = handle::get::<Body>(worker)?;
            let mut started = body.started.lock().unwrap_or_else(PoisonError::into_inner);
            if started.is_some() || body.worker.is_stopped() {
                let fault = "a worker is started once: make another one";
                return Err(Error::new(Code::Argument).with_rule(fault));
            }
            *started = Some(body.worker.clone().start()?);
            Ok(())
        })
    }
}

/// Stops a worker, for good, from any thread: what it runs is parked at its next commit, and goes on with another worker. Waits
/// for the thread that renkei_worker_start started; a call that runs on another thread returns soon after. It must not be
/// called from the progress function of the same worker.
///
/// Rust: `Worker::stop`, `WorkerHandle::stop`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn renkei_worker_stop(
    worker: *mut renkei_worker,
    out_error: *mut *mut renkei_error,
) -> renkei_status {
    // SAFETY: the contract of `capi`.
    unsafe {
        call(out_error, || {
            let body = handle::get::<Body>(worker)?;
            body.worker.stop();
            let started = body.started.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(started) = started {
                started.stop();
            }
            Ok(())
        })
    }
}

/// Stops a worker, as renkei_worker_stop, and frees it. NULL is allowed.
///
/// Rust: dropping a `WorkerHandle`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn renkei_worker_free(worker: *mut renkei_worker) -> renkei_status {
    // SAFETY: no output is given.
    unsafe {
        call(std::ptr::null_mut(), || {
            if worker.is_null() {
                return Ok(());
            }
            handle::get_poisoned::<Body>(worker)?.worker.stop();
            handle::close::<Body>(worker)
        })
    }
}
