//! A simulated LLM node: a server of `OpenAI`'s and Anthropic's APIs with continuous batching and a fixed answer.
//!
//! It behaves like an inference server where a harness can tell: slots, a queue, a prefill that grows
//! with the prompt, decode steps that a fuller batch slows down, a cold start, refusals, metrics under
//! vLLM's names. What it says is fixed by the last user message ([`crate::answer`]), the same on every
//! node. Its tokenizer counts words and marks ([`crate::tokens::words`]).
//!
//! Streams begin with their first token: the head goes out at once, what comes before content (a role-only
//! chunk, `message_start`) with the first content.
//!
//! Where it lives: `api.rs` reads requests, `engine.rs` says when tokens are there, `exchange.rs` hands
//! them over, `wire.rs` writes them, `service.rs` has the routes.

mod api;
mod engine;
mod exchange;
mod log;
mod metrics;
mod service;
mod wire;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::Api;
use crate::clock::{Clock, Nanos};
use crate::scenario::plan::SimSpec;
use api::ApiError;
use engine::Engine;
use log::{RequestLog, Row};
use metrics::Metrics;

/// Connections that may wait to be accepted: a burst of arrivals must not meet a full backlog.
const BACKLOG: u32 = 4096;
const FLUSH_EVERY: Duration = Duration::from_secs(1);
/// At the end, for answers that are nearly done.
const GRACE: Duration = Duration::from_secs(1);
/// After an accept that failed for want of file descriptors or memory.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// A node, as it is started.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its name, which is part of the ids of its answers.
    pub name: String,
    /// The one model that it serves.
    pub model: String,
    /// How it behaves.
    pub spec: SimSpec,
    /// Where its log of requests goes, if anywhere. The file is overwritten.
    pub log: Option<PathBuf>,
    /// Its clock, which began when its cold start did.
    pub clock: Clock,
}

/// Why a node could not run.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The port is taken.
    #[error(
        "could not listen on {0}: something listens there already; end it, or give another port \
         (`--listen 127.0.0.1:0` takes a free one)"
    )]
    PortInUse(SocketAddr),
    /// The address can't be listened on.
    #[error("could not listen on {address}: {source}; give an address of this machine with `--listen`")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The log of requests could not be written.
    #[error("could not write the log of requests {}: {source}; its rows are incomplete", path.display())]
    Log {
        /// The log.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The engine's thread could not be started.
    #[error("could not start the engine's thread: {0}; the machine is out of threads or memory")]
    Thread(io::Error),
}

/// Listens on `address`.
pub fn bind(address: SocketAddr) -> Result<TcpListener, SimError> {
    let listen = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // A node that is started again takes its port back at once.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listen().map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => SimError::PortInUse(address),
        _ => SimError::Listen { address, source },
    })
}

/// Runs a node on `listener` until `shutdown`. Answers that are under way then have a second to end.
pub async fn serve(
    config: Config,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> Result<(), SimError> {
    let node = Arc::new(Node::new(config)?);
    let _engine = EngineThread::start(&node.engine)?;
    let connections = Connections::default();
    // Also when this future is dropped.
    let _abandon = connections.abandoned.clone().drop_guard();
    let mut tick = tokio::time::interval(FLUSH_EVERY);
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            _ = tick.tick() => node.flush()?,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => connections.serve(&node, stream),
                Err(error) => {
                    tracing::warn!("a connection could not be accepted: {error}");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            },
        }
    }
    drop(listener);
    connections.end().await;
    node.flush()
}

/// The connections of a node.
#[derive(Clone, Default)]
struct Connections {
    tasks: TaskTracker,
    /// No further request is taken.
    closing: CancellationToken,
    /// Whatever is under way is dropped.
    abandoned: CancellationToken,
}

impl Connections {
    fn serve(&self, node: &Arc<Node>, stream: TcpStream) {
        // Tokens go out one by one; a peer that is gone already shows when it is written to.
        let _ = stream.set_nodelay(true);
        let (node, connections) = (Arc::clone(node), self.clone());
        self.tasks.spawn(async move {
            let service = service_fn(move |request| service::answer(Arc::clone(&node), request));
            let server = auto::Builder::new(connections.clone());
            let mut connection = pin!(server.serve_connection(TokioIo::new(stream), service));
            let ended = tokio::select! {
                biased;
                ended = connection.as_mut() => ended,
                () = connections.abandoned.cancelled() => return,
                () = connections.closing.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    tokio::select! {
                        ended = connection => ended,
                        () = connections.abandoned.cancelled() => return,
                    }
                }
            };
            if let Err(error) = ended {
                tracing::debug!("a connection ended: {error}");
            }
        });
    }

    async fn end(&self) {
        self.closing.cancel();
        self.tasks.close();
        if tokio::time::timeout(GRACE, self.tasks.wait()).await.is_err() {
            self.abandoned.cancel();
            self.tasks.wait().await;
        }
    }
}

/// Streams of an HTTP/2 connection are tasks too: they are waited for like the connections.
impl<F> hyper::rt::Executor<F> for Connections
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    fn execute(&self, task: F) {
        self.tasks.spawn(task);
    }
}

/// The engine's thread; ended and joined on drop.
struct EngineThread {
    engine: Arc<Engine>,
    thread: Option<JoinHandle<()>>,
}

impl EngineThread {
    fn start(engine: &Arc<Engine>) -> Result<Self, SimError> {
        let thread = engine.start().map_err(SimError::Thread)?;
        Ok(Self { engine: Arc::clone(engine), thread: Some(thread) })
    }
}

impl Drop for EngineThread {
    fn drop(&mut self) {
        self.engine.stop();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the engine's thread panicked");
        }
    }
}

/// A running node.
struct Node {
    model: String,
    /// As they stand in JSON strings.
    model_escaped: String,
    name_escaped: String,
    clock: Clock,
    ready: Nanos,
    /// The wall time at the clock's zero, in seconds. Only for the field `created`.
    started_unix: u64,
    engine: Arc<Engine>,
    metrics: Metrics,
    log: Option<(RequestLog, PathBuf)>,
    answers: AtomicU64,
}

impl Node {
    fn new(config: Config) -> Result<Self, SimError> {
        let Config { name, model, spec, log, clock } = config;
        let log = match log {
            Some(path) => match RequestLog::create(&path) {
                Ok(log) => Some((log, path)),
                Err(source) => return Err(SimError::Log { path, source }),
            },
            None => None,
        };
        Ok(Self {
            model_escaped: wire::escaped(&model),
            name_escaped: wire::escaped(&name),
            model,
            clock,
            ready: Nanos::from(spec.cold_start),
            started_unix: unix_now().saturating_sub(clock.now().0 / 1_000_000_000),
            engine: Engine::new(spec, clock),
            metrics: Metrics::new(),
            log,
            answers: AtomicU64::new(0),
        })
    }

    /// The refusal while the node is not ready.
    fn starting(&self, now: Nanos) -> Option<ApiError> {
        let left = self.ready - now;
        (!left.is_zero()).then(|| ApiError::starting(left.as_secs() + u64::from(left.subsec_nanos() > 0)))
    }

    /// Wall time in seconds.
    fn unix(&self, at: Nanos) -> u64 {
        self.started_unix + at.0 / 1_000_000_000
    }

    /// The id of the next answer, as it stands in a JSON string. It differs between nodes and lives.
    fn next_id(&self, api: Api) -> String {
        let number = self.answers.fetch_add(1, Ordering::Relaxed);
        format!("{}{}-{:x}-{number:x}", wire::id_prefix(api), self.name_escaped, self.started_unix)
    }

    fn log(&self, row: &Row) {
        if let Some((log, _)) = &self.log {
            log.write(row);
        }
    }

    fn flush(&self) -> Result<(), SimError> {
        let Some((log, path)) = &self.log else { return Ok(()) };
        log.flush().map_err(|source| SimError::Log { path: path.clone(), source })
    }
}

#[expect(clippy::disallowed_methods, reason = "the API's `created` is wall time; no record holds it")]
fn unix_now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
