//! The fault proxy: one listener a node, faithful on the wire.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::clock::Clock;
use crate::correlation::Correlator;
use crate::fault::Engine;
use crate::name::NodeName;
use crate::record::Recorder;

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
    pub source: std::io::Error,
}

/// The proxy before one node.
pub struct NodeProxy {}

impl NodeProxy {
    /// Binds a port of its own on 127.0.0.1; does not listen until [`NodeProxy::open_listener`].
    #[expect(clippy::unused_async, reason = "seam")]
    pub async fn start(
        _node: NodeName,
        _upstream: SocketAddr,
        _context: ProxyContext,
    ) -> Result<Self, ProxyError> {
        todo!()
    }
    /// Where it listens; the same for the whole run.
    pub fn address(&self) -> SocketAddr {
        todo!()
    }
    /// Where attempts are forwarded from now on.
    pub fn set_upstream(&self, _upstream: SocketAddr) {
        todo!()
    }
    /// Refuses connections from now on, as a dead process's port does.
    pub fn close_listener(&self) {
        todo!()
    }
    /// Accepts connections from now on; nothing to do when it does.
    pub fn open_listener(&self) -> Result<(), ProxyError> {
        todo!()
    }
    /// Ends every connection and writes the rows that are open.
    pub async fn shut_down(&self) {
        todo!()
    }
}
