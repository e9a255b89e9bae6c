//! Connections: accepted, bounded in number and time, closed with care.
//!
//! The HTTP itself is hyper's. A connection has a task of the runtime, and while a request is dispatched, which is blocking
//! work, a thread; there are as many threads as there may be connections, so that slow clients take none from others.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use renkei::WorkerHandle;
use renkei::webapi::WebApi;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;

use crate::exchange::{self, Exchange};

/// What clients are allowed.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// How long a client may say nothing: while it sends a head, between two pieces of a body, while it takes an answer,
    /// between two requests.
    pub patience: Duration,
    /// How long requests that have begun are waited for when the host is to stop.
    pub farewell: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { connections: 256, patience: Duration::from_secs(30), farewell: Duration::from_secs(10) }
    }
}

/// The longest head of a request, in bytes, and the most headers of one.
const HEAD: usize = 64 << 10;
const HEADERS: usize = 100;

/// How long, and how many bytes of it, a client is listened to that still sends when everything was said.
const LINGER: Duration = Duration::from_secs(2);
const LINGERED: usize = 16 << 20;

/// Serves at the address `base` until a signal says that it is enough.
pub fn run(
    listener: std::net::TcpListener,
    api: WebApi,
    limits: &Limits,
    worker: WorkerHandle,
    base: &str,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // One each, and one for the worker's end.
        .max_blocking_threads(limits.connections + 1)
        .build()?;
    let result = runtime.block_on(serve(listener, api, limits, worker, base));
    // Whatever still runs was waited for long enough.
    runtime.shutdown_timeout(Duration::from_secs(1));
    result
}

async fn serve(
    listener: std::net::TcpListener,
    api: WebApi,
    limits: &Limits,
    worker: WorkerHandle,
    base: &str,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let places = Arc::new(Semaphore::new(limits.connections));
    let (stop, stopping) = watch::channel(false);
    tokio::spawn(switch_maintenance(api.clone())?);
    let enough = enough()?;
    println!("serving {base}");
    tokio::select! {
        () = accept(&listener, &api, limits, &places, &stopping) => {}
        () = enough => {}
    }
    drop(listener);
    log::info!("stopping");
    let _ = stop.send(true);
    // An import is parked while the last answers go out.
    let parked = spawn_blocking(move || worker.stop());
    let all = u32::try_from(limits.connections).unwrap_or(u32::MAX);
    if timeout(limits.farewell, places.acquire_many(all)).await.is_err() {
        log::warn!("connections that did not end are broken off");
    }
    let _ = parked.await;
    Ok(())
}

async fn accept(
    listener: &TcpListener,
    api: &WebApi,
    limits: &Limits,
    places: &Arc<Semaphore>,
    stopping: &watch::Receiver<bool>,
) {
    // Whoever comes when all places are taken waits in the queue of the system.
    while let Ok(place) = places.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let talk = converse(stream, peer, api.clone(), limits.clone(), stopping.clone());
                tokio::spawn(async move {
                    talk.await;
                    drop(place);
                });
            }
            Err(error) => {
                // Mostly because there are no more file descriptors: some will be free soon.
                log::error!("a connection was not accepted: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// One connection, from its first request to its end.
async fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    api: WebApi,
    limits: Limits,
    mut stopping: watch::Receiver<bool>,
) {
    // Answers are written whole; waiting for more of them would only cost time.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(limits.patience));
    let exchange = Arc::new(Exchange { api, peer: peer.ip(), patience: limits.patience });
    type Answer = Pin<Box<dyn Future<Output = Result<hyper::Response<exchange::Reply>, Infallible>> + Send>>;
    let service = service_fn(move |request| -> Answer {
        let exchange = exchange.clone();
        Box::pin(async move { Ok(exchange.answer(request).await) })
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.patience)
        .max_buf_size(HEAD)
        .max_headers(HEADERS)
        // Some close their side as soon as they have sent their request, and wait for the answer.
        .half_close(true)
        // Programs that parse answers by hand look for headers in the usual case.
        .title_case_headers(true)
        .serve_connection(TokioIo::new(Box::pin(stream)), service);
    let mut told = *stopping.borrow();
    if told {
        Pin::new(&mut connection).graceful_shutdown();
    }
    let ended = loop {
        tokio::select! {
            ended = poll_fn(|context| connection.poll_without_shutdown(context)) => break ended,
            _ = stopping.changed(), if !told => {
                told = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    if let Err(error) = ended {
        log::debug!("connection of {peer}: {error}");
    }
    let mut stream = connection.into_parts().io.into_inner();
    // A connection that is closed while something unread arrives is reset, and the client may lose the answer.
    let _ = timeout(LINGER, async {
        stream.shutdown().await?;
        let mut buffer = vec![0; 8 << 10];
        let mut taken = 0;
        while taken < LINGERED {
            match stream.read(&mut buffer).await? {
                0 => break,
                count => taken += count,
            }
        }
        io::Result::Ok(())
    })
    .await;
}

/// Waits for the signal to stop.
#[cfg(unix)]
fn enough() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn enough() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}

/// Switches maintenance mode at each signal USR1.
#[cfg(unix)]
fn switch_maintenance(api: WebApi) -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut switched = signal(SignalKind::user_defined1())?;
    Ok(async move {
        while switched.recv().await.is_some() {
            api.set_maintenance(!api.is_in_maintenance());
            log::info!("maintenance mode is {}", if api.is_in_maintenance() { "on" } else { "off" });
        }
    })
}

#[cfg(not(unix))]
fn switch_maintenance(_: WebApi) -> io::Result<impl Future<Output = ()>> {
    Ok(async {})
}
