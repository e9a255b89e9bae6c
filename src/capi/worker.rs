//! Workers

use std::ffi::{c_char, c_void};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::argument::{Grows, Out, call, json, options};
use super::ask;
use super::callback::UserData;
use super::error::renkei_error;
use super::handle::{self, Noun};
use super::outgoing::{ResolverOfCaller, renkei_resolver_fn, renkei_transport_fn, transport};
use super::status::renkei_status;
use super::store::renkei_store;
use crate::error::{Code, Error};
use crate::import::ImportProgress;
use crate::outbound::{Channel, NetworkPolicy, Notice};
use crate::worker::{Worker, WorkerHandle};

/// Runs the work of a store: imports that are due, deliveries, and the sweeping of what was kept long enough. For any number of
/// threads.
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

/// A delivery was given up: a dead letter.
pub const RENKEI_NOTICE_FAILED: u32 = 1;
/// A target has failed so often in a row that it is left alone for a while.
pub const RENKEI_NOTICE_CIRCUIT_OPENED: u32 = 2;
/// A target that had failed has answered again.
pub const RENKEI_NOTICE_CIRCUIT_CLOSED: u32 = 3;
/// A target has failed for so long that nothing is sent to it until it is enabled: see renkei_target_enable.
pub const RENKEI_NOTICE_TARGET_DISABLED: u32 = 4;

/// Something that happened to deliveries. The texts have no NUL behind them.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct renkei_notice {
    /// The size of this struct, as the library has it.
    pub size: usize,
    /// The delivery, of RENKEI_NOTICE_FAILED; else 0.
    pub delivery_id: i64,
    /// Who made the delivery, such as "host", "csv_push" or "http_send"; NULL when it is about a target.
    pub made_by: *const c_char,
    /// Its length.
    pub made_by_len: usize,
    /// The code or the origin of the target; NULL when it is about a delivery.
    pub target: *const c_char,
    /// Its length.
    pub target_len: usize,
    /// The last failure, in English; NULL when there is none.
    pub why: *const c_char,
    /// Its length.
    pub why_len: usize,
    /// RENKEI_NOTICE_FAILED and so on; later versions may add more.
    pub kind: u32,
    /// The failures in a row, of RENKEI_NOTICE_CIRCUIT_OPENED; else 0.
    pub failures: u32,
}

/// Is told when a delivery has failed for good, and when a target is left alone, answers again or is disabled, after that was
/// written; notice is lent for the time of the call. Called on the threads that send, on several at once. It should return
/// soon, must not stop the worker, and not throw nor longjmp out.
pub type renkei_notice_fn = Option<unsafe extern "C" fn(user_data: *mut c_void, notice: *const renkei_notice)>;

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
    /// How long ended imports with their rejects, and ended deliveries with their attempts, are kept, in milliseconds. Default:
    /// 90 days.
    pub retention_ms: u64,
    /// How many deliveries are sent at once, each by a thread. Default: 8.
    pub senders: usize,
    /// Which addresses may be called beyond the public internet, and by which proxy: a JSON object such as
    /// {"allow": ["10.1.0.0/16", "core.office.example"], "proxy": "http://proxy.office.example:3128"}. Default: none.
    pub network: *const c_char,
    /// Its length, or RENKEI_NTS.
    pub network_len: usize,
    /// Looks host names up instead of the system.
    pub resolver: renkei_resolver_fn,
    /// What `resolver` is called with; see there how long it must last.
    pub resolver_user_data: *mut c_void,
    /// Carries messages by HTTP instead of this library.
    pub http_transport: renkei_transport_fn,
    /// What `http_transport` is called with; it must last as long as the worker.
    pub http_transport_user_data: *mut c_void,
    /// Carries mail instead of this library. Without it, and where the library was built without the feature mail, mail is
    /// left to other workers.
    pub mail_transport: renkei_transport_fn,
    /// What `mail_transport` is called with; it must last as long as the worker.
    pub mail_transport_user_data: *mut c_void,
    /// Is told what a host may want to know of deliveries at once.
    pub notice: renkei_notice_fn,
    /// What `notice` is called with; it must last as long as the worker.
    pub notice_user_data: *mut c_void,
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
/// Rust: `Worker::new`, `Worker::on_progress`, `Worker::retention`, `Worker::senders`, `Worker::network`, `Worker::resolver`,
/// `Worker::transport`, `Worker::on_notice`
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
        ask::value(store, (out_worker, "out_worker"), out_error, |store| {
            let given = self::options(options)?;
            let mut worker = Worker::new(store);
            if given.retention_ms != 0 {
                worker = worker.retention(Duration::from_millis(given.retention_ms));
            }
            if let Some(progress) = given.progress {
                let user_data = UserData(given.progress_user_data);
                worker = worker.on_progress(move |at| tell(progress, user_data, at));
            }
            if given.senders != 0 {
                worker = worker.senders(given.senders);
            }
            if !given.network.is_null() {
                worker = worker.network(json::<NetworkPolicy>(given.network, given.network_len, "network")?);
            }
            if let Some(resolver) = given.resolver {
                worker = worker.resolver(Arc::new(ResolverOfCaller(resolver, UserData(given.resolver_user_data))));
            }
            if let Some(transport) = transport(given.http_transport, given.http_transport_user_data) {
                worker = worker.transport(Channel::Http, transport);
            }
            if let Some(transport) = transport(given.mail_transport, given.mail_transport_user_data) {
                worker = worker.transport(Channel::Mail, transport);
            }
            if let Some(notice) = given.notice {
                let user_data = UserData(given.notice_user_data);
                worker = worker.on_notice(move |told| notify(notice, user_data, told));
            }
            Ok(handle::give(Body { worker, started: Mutex::new(None) }))
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

fn notify(told: unsafe extern "C" fn(*mut c_void, *const renkei_notice), user_data: UserData, notice: &Notice) {
    let (kind, delivery_id, made_by, target, why, failures) = match notice {
        Notice::Failed { delivery, kind, why } => (RENKEI_NOTICE_FAILED, *delivery, Some(kind), None, Some(why), 0),
        Notice::CircuitOpened { target, failures, why } => {
            (RENKEI_NOTICE_CIRCUIT_OPENED, 0, None, Some(target), Some(why), *failures)
        }
        Notice::CircuitClosed { target } => (RENKEI_NOTICE_CIRCUIT_CLOSED, 0, None, Some(target), None, 0),
        Notice::TargetDisabled { target, why } => (RENKEI_NOTICE_TARGET_DISABLED, 0, None, Some(target), Some(why), 0),
    };
    let lent = |text: Option<&String>| -> (*const c_char, usize) {
        text.map_or((std::ptr::null(), 0), |text| (text.as_ptr().cast(), text.len()))
    };
    let ((made_by, made_by_len), (target, target_len), (why, why_len)) = (lent(made_by), lent(target), lent(why));
    let size = size_of::<renkei_notice>();
    let lent =
        renkei_notice { size, delivery_id, made_by, made_by_len, target, target_len, why, why_len, kind, failures };
    // SAFETY: the caller of the ABI gave both together.
    unsafe { told(user_data.0, &raw const lent) };
}

/// Runs the next thing that is due, an import or else a delivery, on this thread; out_ran is 1 when there was
/// one. An import that fails is no error of this call, nor a delivery that is not taken: see renkei_import_status and
/// renkei_delivery_status.
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

/// Deletes uploads and unclaimed files whose time is over, and ended imports and deliveries that were kept long enough; gives up
/// deliveries whose time is over.
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

/// Starts threads that run what is due, and send, until the worker is stopped. RENKEI_USAGE when it was started or stopped before.
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
/// for the threads that renkei_worker_start started, and for deliveries that are on their way; a call that runs on another thread returns soon after. It must not be
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
