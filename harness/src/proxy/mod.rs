//! The fault proxy: one listener a node, faithful on the wire.
//!
//! What the node does, the client sees: a refused connection is a closed listener, a reset is a reset,
//! a clean end a clean end; the proxy has no answer of its own. Each verdict of a fault is done on the
//! wire as it says. Each client connection has at most one connection to the node, and lives and dies
//! with it.
//!
//! Invariants: every attempt writes one row, whatever ends it; what the join must know is reported
//! before the bytes that say it are passed on; a dead node's port stays ours, and refuses.

mod attempt;
mod connection;
mod forward;
mod listener;
mod passed;
mod relay;
mod scan;
mod socket;
mod streams;
mod thread;
mod upstream;

/// What faults see of a request.
pub(crate) use attempt::head as request_head;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use http::HeaderName;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::correlation::Correlator;
use crate::fault::Engine;
use crate::name::{AttemptId, NodeName};
use crate::record::Recorder;
use listener::{Listening, Port};
use thread::ProxyThread;

pub(crate) use upstream::Manner;

/// What every proxy of a run shares.
#[derive(Clone)]
pub struct ProxyContext {
    /// The run's clock.
    pub clock: Clock,
    /// The run's seed, by which requests are told from their tag.
    pub seed: u64,
    /// The faults.
    pub engine: Arc<Engine>,
    /// Where attempt rows go.
    pub recorder: Recorder,
    /// The live join.
    pub correlator: Arc<Correlator>,
    /// The next attempt's id.
    pub attempt_ids: Arc<AtomicU64>,
    /// Headers that faults don't see, beside those that always hold keys.
    pub secret_headers: Arc<[HeaderName]>,
}

impl ProxyContext {
    fn next_attempt(&self) -> AttemptId {
        AttemptId(self.attempt_ids.fetch_add(1, Ordering::Relaxed))
    }
}

/// Why a proxy could not be started.
#[derive(Debug, thiserror::Error)]
#[error("the proxy of node `{node}` could not listen on {address}: {source}")]
pub struct ProxyError {
    /// The node.
    pub node: NodeName,
    /// The address.
    pub address: SocketAddr,
    /// Why.
    pub source: io::Error,
}

/// The proxy before one node.
pub struct NodeProxy {
    shared: Arc<Shared>,
    port: Port,
    listening: Mutex<Option<Listening>>,
    thread: ProxyThread,
}

/// What a proxy's connections share.
struct Shared {
    node: NodeName,
    context: ProxyContext,
    upstream: Mutex<SocketAddr>,
    /// How the node is spoken to; plain when nothing was said.
    manner: OnceLock<Manner>,
    in_flight: AtomicUsize,
    /// Connections of clients that are open.
    connections: Arc<AtomicU32>,
    /// Each life of the node has one; cancelled when it is dead, which retires idle connections.
    life: Mutex<CancellationToken>,
    /// The run is over: connections end now.
    over: CancellationToken,
    aborting: AtomicBool,
    tasks: TaskTracker,
}

/// A connection that is open until this is dropped.
struct Connected(Arc<AtomicU32>);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shared {
    /// A client has connected.
    fn connected(&self) -> Connected {
        self.connections.fetch_add(1, Ordering::Relaxed);
        Connected(Arc::clone(&self.connections))
    }

    /// Connections that are open.
    fn connections(&self) -> u32 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Does `work` until the run is over. Dropping it then writes the row of its attempt.
    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let over = self.over.clone();
        self.tasks.spawn(async move {
            tokio::select! { () = work => {}, () = over.cancelled() => {} }
        });
    }
}

impl NodeProxy {
    /// Takes a port of its own on 127.0.0.1; does not listen until [`NodeProxy::open_listener`].
    pub fn start(node: NodeName, upstream: SocketAddr, context: ProxyContext) -> Result<Self, ProxyError> {
        let failed = |source| ProxyError { node: node.clone(), address: listener::ANY_LOOPBACK_PORT, source };
        let port = Port::reserve().map_err(failed)?;
        let thread = ProxyThread::start(node.as_str()).map_err(failed)?;
        let shared = Shared {
            node,
            context,
            upstream: Mutex::new(upstream),
            manner: OnceLock::new(),
            in_flight: AtomicUsize::new(0),
            connections: Arc::default(),
            life: Mutex::new(CancellationToken::new()),
            over: CancellationToken::new(),
            aborting: AtomicBool::new(false),
            tasks: TaskTracker::new(),
        };
        Ok(Self { shared: Arc::new(shared), port, listening: Mutex::new(None), thread })
    }

    /// Where it listens; the same for the whole run.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// How the node is spoken to, for the whole run. What was said first stands.
    pub(crate) fn set_manner(&self, manner: Manner) {
        let _ = self.shared.manner.set(manner);
    }

    /// Where attempts are forwarded from now on.
    pub fn set_upstream(&self, upstream: SocketAddr) {
        *self.shared.upstream.lock() = upstream;
    }

    /// Attempts that have not ended.
    pub fn in_flight(&self) -> usize {
        self.shared.in_flight.load(Ordering::Relaxed)
    }

    /// Refuses connections from now on, as a dead process's port does, and closes those that are idle.
    /// Those in use end as the node's own do.
    pub fn close_listener(&self) {
        if let Some(listening) = self.listening.lock().take() {
            listening.close();
        }
        self.shared.life.lock().cancel();
    }

    /// Accepts connections from now on; nothing to do when it does.
    pub fn open_listener(&self) -> Result<(), ProxyError> {
        let mut listening = self.listening.lock();
        if listening.is_some() || self.shared.over.is_cancelled() {
            return Ok(());
        }
        let runtime = self.thread.runtime();
        let entered = runtime.enter();
        let listener = self.port.listen().map_err(|source| ProxyError {
            node: self.shared.node.clone(),
            address: self.address(),
            source,
        })?;
        drop(entered);
        let life = CancellationToken::new();
        *self.shared.life.lock() = life.clone();
        let accept = connection::accept(Arc::clone(&self.shared), Arc::clone(&listener), life);
        let task = self.shared.tasks.spawn_on(accept, runtime);
        *listening = Some(Listening::new(listener, task.abort_handle()));
        Ok(())
    }

    /// Ends every connection and writes the rows that are open.
    pub async fn shut_down(&self) {
        self.shared.aborting.store(true, Ordering::Relaxed);
        self.shared.over.cancel();
        self.close_listener();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }
}
