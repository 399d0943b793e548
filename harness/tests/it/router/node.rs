//! A node that behaves as it is told, on a real socket.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// The pieces in which a whole stream is sent; the third is torn from its event.
pub(super) const PIECES: [&str; 5] =
    ["data: one\n\n", "data: two\n\n", "data: thr", "ee\n\n", "data: [DONE]\n\n"];

/// What a node does with a request that is no health check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behaviour {
    Answer,
    Status(StatusCode),
    CloseBeforeHead,
    /// A stream that breaks after so many pieces.
    BreakAfter(usize),
    HalfOfADocument,
    /// Nothing, not even a head.
    Silence,
    FirstPieceThenSilence,
    /// The first piece, and the rest when the test says so.
    RestAfterSigterm,
}

struct Shared {
    name: &'static str,
    behaviour: Mutex<Behaviour>,
    healthy: AtomicBool,
    requests: AtomicU64,
    checks: AtomicU64,
    open: AtomicU64,
    go_on: Notify,
}

pub(super) struct Node {
    pub(super) name: &'static str,
    pub(super) address: SocketAddr,
    shared: Arc<Shared>,
    /// Holds the port while the node is down; it never listens, so connections are refused.
    _port: Socket,
    serving: JoinSet<()>,
}

impl Node {
    pub(super) fn start(name: &'static str) -> io::Result<Self> {
        let port = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let address = port.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
        let shared = Arc::new(Shared {
            name,
            behaviour: Mutex::new(Behaviour::Answer),
            healthy: AtomicBool::new(true),
            requests: AtomicU64::new(0),
            checks: AtomicU64::new(0),
            open: AtomicU64::new(0),
            go_on: Notify::new(),
        });
        let mut node = Self { name, address, shared, _port: port, serving: JoinSet::new() };
        node.up()?;
        Ok(node)
    }

    pub(super) fn behave(&self, behaviour: Behaviour) {
        *self.shared.behaviour.lock() = behaviour;
    }

    pub(super) fn be_healthy(&self, healthy: bool) {
        self.shared.healthy.store(healthy, Ordering::SeqCst);
    }

    pub(super) fn go_on(&self) {
        self.shared.go_on.notify_one();
    }

    /// Requests that came, health checks aside.
    pub(super) fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::SeqCst)
    }

    pub(super) fn checks(&self) -> u64 {
        self.shared.checks.load(Ordering::SeqCst)
    }

    /// Answers that have not ended.
    pub(super) fn open(&self) -> u64 {
        self.shared.open.load(Ordering::SeqCst)
    }

    pub(super) fn down(&mut self) {
        self.serving = JoinSet::new();
    }

    pub(super) fn up(&mut self) -> io::Result<()> {
        let socket = bind(self.address)?;
        socket.listen(1024)?;
        let listener = TcpListener::from_std(socket.into())?;
        let shared = Arc::clone(&self.shared);
        self.serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&shared);
                let service = service_fn(move |request| answer(Arc::clone(&shared), request));
                connections.spawn(async move {
                    // An error is what some behaviours are about.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Ok(())
    }
}

fn bind(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::from(address))?;
    Ok(socket)
}

/// Counts an answer as open until it goes.
struct Open(Arc<Shared>);

impl Open {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.open.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(shared))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

type Piece = Result<Frame<Bytes>, io::Error>;
type Answer = Response<StreamBody<BoxStream<'static, Piece>>>;

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Answer, io::Error> {
    if request.uri().path() == "/health" {
        shared.checks.fetch_add(1, Ordering::SeqCst);
        let healthy = shared.healthy.load(Ordering::SeqCst);
        return Ok(plain(if healthy { 200 } else { 500 }, "health"));
    }
    shared.requests.fetch_add(1, Ordering::SeqCst);
    let open = Open::new(&shared);
    if request.method() == Method::GET {
        return Ok(plain(200, &format!("GET {}", request.uri())));
    }
    let behaviour = *shared.behaviour.lock();
    let seen = request.headers().get("x-squall-request").cloned();
    request.into_body().collect().await.map_err(io::Error::other)?;
    let broken = || Err(io::Error::other("told to break"));
    let all = PIECES.iter().map(|piece| Ok(*piece));
    let mut response = match behaviour {
        Behaviour::Status(status) => {
            plain(status.as_u16(), &format!("node {} says {}", shared.name, status.as_u16()))
        }
        Behaviour::CloseBeforeHead => return Err(io::Error::other("told to close")),
        Behaviour::Silence => {
            // Kept for as long as the connection is.
            let _open = open;
            return std::future::pending().await;
        }
        Behaviour::Answer => events(open, stream::iter(all).boxed()),
        Behaviour::BreakAfter(pieces) => {
            events(open, stream::iter(all.take(pieces).chain([broken()])).then(flushed).boxed())
        }
        Behaviour::HalfOfADocument => {
            let half = stream::iter([Ok("half of"), broken()]).then(flushed).boxed();
            let mut response = events(open, half);
            response.headers_mut().insert("content-type", http::HeaderValue::from_static("text/plain"));
            response.headers_mut().insert("content-length", http::HeaderValue::from_static("13"));
            response
        }
        Behaviour::FirstPieceThenSilence => {
            events(open, stream::iter(all.take(1)).chain(stream::pending()).boxed())
        }
        Behaviour::RestAfterSigterm => {
            let first = stream::iter(all.clone().take(1));
            let told = Arc::clone(&shared);
            let pause = stream::once(async move {
                told.go_on.notified().await;
                Ok("")
            });
            events(open, first.chain(pause).chain(stream::iter(all.skip(1))).boxed())
        }
    };
    let name = http::HeaderValue::from_static(shared.name);
    response.headers_mut().insert("x-node", name);
    if let Some(seen) = seen {
        response.headers_mut().insert("x-seen-request", seen);
    }
    Ok(response)
}

/// Has the connection write what came before: a break must not overtake it.
async fn flushed(piece: io::Result<&'static str>) -> io::Result<&'static str> {
    if piece.is_err() {
        // A body that is not ready is when hyper flushes.
        tokio::task::yield_now().await;
    }
    piece
}

fn events(open: Open, pieces: BoxStream<'static, io::Result<&'static str>>) -> Answer {
    let pieces = pieces.map(move |piece| {
        let _ = &open;
        piece.map(|text| Frame::data(Bytes::from_static(text.as_bytes())))
    });
    let mut response = Response::new(StreamBody::new(pieces.boxed()));
    response.headers_mut().insert("content-type", http::HeaderValue::from_static("text/event-stream"));
    response
}

fn plain(status: u16, text: &str) -> Answer {
    let piece: Result<_, Infallible> = Ok(Frame::data(Bytes::from(text.to_owned())));
    let piece = piece.map_err(|never| match never {});
    let mut response = Response::new(StreamBody::new(stream::iter([piece]).boxed()));
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    response.headers_mut().insert("content-length", text.len().into());
    response
}
