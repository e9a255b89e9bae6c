//! One request handed to the dispatcher, one response handed to the client.
//!
//! The dispatcher is synchronous: it runs on a thread of its own, where it reads the body piece by piece as it arrives and
//! writes CSV piece by piece as the client takes it.

use std::io::{self, Read};
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{CONNECTION, EXPECT, HeaderName, HeaderValue, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode};
use renkei::webapi::{self, WebApi};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// What is read of an answer at once, and how many such pieces wait for the client.
const PIECE: usize = 64 << 10;
const PIECES: usize = 2;

/// A whole body may take this many times as long as its next piece.
const PATIENCES: u32 = 20;

/// What the requests of a connection have in common.
pub struct Exchange {
    pub api: WebApi,
    pub peer: IpAddr,
    pub patience: Duration,
}

impl Exchange {
    pub async fn answer(&self, request: Request<Incoming>) -> Response<Reply> {
        let began = Instant::now();
        let (head, body) = request.into_parts();
        let line = format!("{} {} {}", self.peer, head.method, head.uri);
        // A chunked request that also has a length may mean something else to a proxy in front. Its chunks count, and
        // nothing is read behind them.
        let closes = head.headers.contains_key(TRANSFER_ENCODING);
        let mut body = Arriving::new(body, self.patience);
        // Most bodies are there in one piece, and then the thread need not wait for it. Who asks whether he may send is
        // told when the dispatcher wants his body, which it does not for callers without a good token.
        if !head.headers.contains_key(EXPECT) {
            body.await_piece().await;
        }
        let (sender, receiver) = oneshot::channel();
        let (api, peer) = (self.api.clone(), self.peer);
        tokio::task::spawn_blocking(move || dispatch(&api, peer, &head, body, closes, sender));
        let response = receiver.await.unwrap_or_else(|_| {
            let mut response = Response::new(Reply::Whole(None));
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        });
        let milliseconds = began.elapsed().as_secs_f64() * 1_000.0;
        log::info!("{line} {} {milliseconds:.1} ms", response.status().as_u16());
        response
    }
}

/// Lets the dispatcher answer, tells the head of the answer, and then feeds its stream, if it has one.
fn dispatch(
    api: &WebApi,
    peer: IpAddr,
    head: &Parts,
    body: Arriving,
    closes: bool,
    sender: oneshot::Sender<Response<Reply>>,
) {
    let mut request = webapi::Request::new(head.method.as_str(), head.uri.to_string()).remote(peer).reader(body);
    for (name, value) in &head.headers {
        request = request.header(name.as_str(), value.as_bytes());
    }
    let response = api.handle(request);
    let mut out = Response::new(Reply::Whole(None));
    *out.status_mut() = StatusCode::from_u16(response.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in response.headers() {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
            out.headers_mut().append(name, value);
        }
    }
    if closes || response.closes() {
        out.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    let is_chunked = response.is_chunked();
    let mut source = response.into_body();
    if !is_chunked {
        let mut bytes = Vec::new();
        if source.read_to_end(&mut bytes).is_ok() {
            *out.body_mut() = Reply::Whole(Some(bytes.into()));
        }
        let _ = sender.send(out);
        return;
    }
    let (pieces, receiver) = mpsc::channel(PIECES);
    *out.body_mut() = Reply::Stream(receiver);
    // Whoever went away needs no answer.
    if sender.send(out).is_err() {
        return;
    }
    loop {
        let mut piece = vec![0; PIECE];
        match source.read(&mut piece) {
            Ok(0) => return,
            Ok(count) => {
                piece.truncate(count);
                if pieces.blocking_send(Ok(piece.into())).is_err() {
                    return;
                }
            }
            // The connection is broken off then, so that the client sees that something is missing.
            Err(error) => {
                log::error!("an answer is broken off: {error}");
                let _ = pieces.blocking_send(Err(error));
                return;
            }
        }
    }
}

/// The body of a request, for a thread that reads it while it arrives.
struct Arriving {
    body: Incoming,
    /// What has arrived and is not read yet, or why nothing more does.
    piece: io::Result<Bytes>,
    ended: bool,
    patience: Duration,
    until: Instant,
    runtime: Handle,
}

impl Arriving {
    fn new(body: Incoming, patience: Duration) -> Arriving {
        Arriving {
            ended: body.is_end_stream(),
            body,
            piece: Ok(Bytes::new()),
            patience,
            until: Instant::now() + patience * PATIENCES,
            runtime: Handle::current(),
        }
    }

    /// Waits until there is a piece to be read, or none will come.
    async fn await_piece(&mut self) {
        while !self.ended && self.piece.as_ref().is_ok_and(Bytes::is_empty) {
            let wait = self.patience.min(self.until.saturating_duration_since(Instant::now()));
            let body = &mut self.body;
            let next = std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context));
            match timeout(wait, next).await {
                Ok(Some(Ok(frame))) => {
                    // Trailers are nobody's business.
                    if let Ok(piece) = frame.into_data() {
                        self.piece = Ok(piece);
                    }
                    self.ended = self.body.is_end_stream();
                }
                Ok(None) => self.ended = true,
                Ok(Some(Err(error))) => self.piece = Err(io::Error::other(error)),
                Err(_) => self.piece = Err(io::ErrorKind::TimedOut.into()),
            }
        }
    }
}

impl Read for Arriving {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if !self.ended && self.piece.as_ref().is_ok_and(Bytes::is_empty) {
            let runtime = self.runtime.clone();
            runtime.block_on(self.await_piece());
        }
        match &mut self.piece {
            Ok(piece) => {
                let count = piece.len().min(out.len());
                out[..count].copy_from_slice(&piece.split_to(count));
                Ok(count)
            }
            Err(error) => Err(error.kind().into()),
        }
    }
}

/// The body of an answer.
pub enum Reply {
    /// All of it, until it was taken.
    Whole(Option<Bytes>),
    /// Piece by piece, of unknown length: hyper sends it in chunks, or to HTTP/1.0 until the connection is closed.
    Stream(mpsc::Receiver<io::Result<Bytes>>),
}

impl Body for Reply {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Reply::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Reply::Stream(pieces) => pieces.poll_recv(context).map(|piece| piece.map(|piece| piece.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Reply::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Reply::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Reply::Stream(_) => SizeHint::default(),
        }
    }
}
