//! The fleet: nodes and their lives, a fault proxy before each, and the target that the load is
//! sent to.
//!
//! Invariant: a node's state and its proxy's listener change together, under one lock. A dead
//! node's listener is closed; it opens again when the node is ready.

mod launch;
mod node;
mod process;
pub mod reaper;
pub mod router;
pub mod sim;
mod target;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::try_join_all;

use crate::clock::Clock;
use crate::fault::{NodeControl, NodeInfo};
use crate::name::NodeName;
use crate::proxy::ProxyContext;
use crate::record::Recorder;
use crate::scenario::plan::Plan;

pub use launch::Launcher;
use node::Node;
pub use target::{Target, with_addresses};

/// Why the fleet could not get ready.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// A program could not be started.
    #[error("could not start `{program}` for {who}: {source}")]
    Spawn {
        /// The node or target.
        who: String,
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// A log could not be written.
    #[error("could not write the log {}: {source}", path.display())]
    Log {
        /// The log.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A process ran, but did not become ready.
    #[error("`{who}` {why}\n  its log, {}, ends with:\n{}", log.display(), indent(tail))]
    NotReady {
        /// The node or target.
        who: String,
        /// What happened.
        why: String,
        /// Its log.
        log: PathBuf,
        /// The end of its log.
        tail: String,
    },
    /// Something that should run already does not answer.
    #[error("`{who}` does not answer at {url}: {why}; start it first, or correct its URL")]
    Unreachable {
        /// The node or target.
        who: String,
        /// Its URL.
        url: String,
        /// What happened.
        why: String,
    },
    /// A placeholder in a command names nothing.
    #[error(
        "the command of `{who}` has the placeholder `{{{placeholder}}}`, which names nothing; there are {known}"
    )]
    Placeholder {
        /// The node or target.
        who: String,
        /// As written.
        placeholder: String,
        /// What would be right.
        known: String,
    },
    /// No port was free.
    #[error("no port is free on 127.0.0.1: {0}")]
    Port(io::Error),
    /// A key, a header or the certificates of a node can't be used.
    #[error(transparent)]
    Access(#[from] crate::access::AccessError),
    /// A node can't be spoken to by TLS.
    #[error(transparent)]
    Tls(#[from] crate::tls::TlsError),
    /// A proxy could not be started.
    #[error(transparent)]
    Proxy(#[from] crate::proxy::ProxyError),
}

fn indent(text: &str) -> String {
    if text.is_empty() {
        return "    (nothing)".into();
    }
    text.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

/// All nodes of a run. Clones share them.
#[derive(Clone)]
pub struct Fleet {
    nodes: Arc<[Node]>,
}

impl Fleet {
    /// The fleet of `plan`, with nothing running yet.
    pub fn new(plan: &Plan, launcher: &Launcher, clock: Clock, recorder: &Recorder) -> Self {
        let nodes = plan
            .nodes
            .iter()
            .map(|node| Node::new(node.clone(), launcher.clone(), clock, recorder.clone()))
            .collect();
        Self { nodes }
    }

    /// Starts every node and its proxy, side by side; returns when all are ready.
    pub async fn start(&self, proxies: &ProxyContext) -> Result<(), FleetError> {
        try_join_all(self.nodes.iter().map(|node| node.start(proxies.clone()))).await?;
        Ok(())
    }

    /// The proxied base URL (up to and with `/v1`) of a started node.
    pub fn proxied_url(&self, name: &NodeName) -> Option<String> {
        self.find(name).ok()?.proxied_origin().map(|origin| format!("{origin}/v1"))
    }

    /// Each node's name and the origin of its proxy, in the scenario's order.
    fn proxied_origins(&self) -> Vec<(NodeName, String)> {
        let named = |node: &Node| Some((node.name().clone(), node.proxied_origin()?));
        self.nodes.iter().filter_map(named).collect()
    }

    /// Ends every proxy and every process, and waits until they are gone.
    pub async fn shut_down(&self) {
        futures_util::future::join_all(self.nodes.iter().map(Node::shut_down)).await;
    }

    fn find(&self, name: &NodeName) -> Result<&Node, String> {
        self.nodes.iter().find(|node| node.name() == name).ok_or_else(|| format!("there is no node `{name}`"))
    }
}

impl NodeControl for Fleet {
    fn list(&self) -> Vec<NodeInfo> {
        self.nodes.iter().map(Node::info).collect()
    }

    fn kill(&self, node: &NodeName) -> Result<(), String> {
        self.find(node)?.kill()
    }

    fn pause(&self, node: &NodeName) -> Result<(), String> {
        self.find(node)?.pause()
    }

    fn resume(&self, node: &NodeName) -> Result<(), String> {
        self.find(node)?.resume()
    }

    fn restart(&self, node: &NodeName) -> Result<(), String> {
        self.find(node)?.restart()
    }

    fn refuse(&self, node: &NodeName) -> Result<(), String> {
        self.find(node)?.refuse()
    }

    fn accept(&self, node: &NodeName) -> Result<(), String> {
        self.find(node)?.accept()
    }
}
