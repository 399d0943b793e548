//! The built-in failover router: the embedded system under test, and the reference of good behaviour.
//!
//! A reverse proxy for HTTP/1.1 and HTTP/2 that knows two policies: a request goes on by the version of HTTP
//! that it came by, health checks by 1.1 unless a node speaks HTTP/2 alone. [`failover`] balances by least in flight,
//! checks health, ejects, lets a node return by single trials, and retries elsewhere until the first
//! byte of an answer is passed on. [`naive`] is the bad example: round robin and nothing else.
//!
//! Invariants of the failover policy:
//! - After the first byte of an answer nothing is retried, and nothing is invented: a stream that
//!   breaks says so in-band and ends without a final marker; any other answer ends uncleanly.
//! - `x-squall-attempts` is the number of requests sent toward a node for this answer, refused
//!   connections among them.
//! - When the client leaves, the attempt for it is dropped, and no other follows.
//! - An attempt that waits on a node found dead is moved to another, never given up for nothing.

mod budget;
mod failover;
mod health;
mod meters;
mod naive;
mod pool;
mod relay;
mod reply;
mod server;
mod upstream;

use std::time::Duration;

use http::Uri;
use http::uri::{Authority, Scheme};

use crate::name::NodeName;
use crate::scenario::plan::RouterPolicy;

pub use server::serve;

/// The response header that names the node whose answer this is.
pub const NODE_HEADER: &str = "x-squall-node";

/// What a router is told. A value that exists is valid: see [`Config::new`].
#[derive(Clone, Debug)]
pub struct Config {
    nodes: Vec<Upstream>,
    policy: RouterPolicy,
    tuning: Tuning,
}

impl Config {
    /// A router over `nodes`, at least one, each named once.
    pub fn new(nodes: Vec<Upstream>, policy: RouterPolicy) -> Result<Self, RouterError> {
        if nodes.is_empty() {
            return Err(RouterError::NoNodes);
        }
        for (index, node) in nodes.iter().enumerate() {
            if nodes[..index].iter().any(|other| other.name == node.name) {
                return Err(RouterError::Twice(node.name.clone()));
            }
        }
        Ok(Self { nodes, policy, tuning: Tuning::default() })
    }

    /// The same with other times and limits.
    #[must_use]
    pub fn tuned(self, tuning: Tuning) -> Self {
        Self { tuning, ..self }
    }
}

/// A node behind the router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    name: NodeName,
    authority: Authority,
}

impl Upstream {
    /// A node at `origin`, which is `http://HOST:PORT` and nothing more.
    pub fn new(name: NodeName, origin: &str) -> Result<Self, RouterError> {
        let bad = |why| RouterError::BadOrigin { name: name.clone(), origin: origin.to_owned(), why };
        let uri: Uri = origin.parse().map_err(|_| bad("it is not a URL"))?;
        if uri.scheme() != Some(&Scheme::HTTP) {
            return Err(bad("only plain HTTP is spoken to nodes"));
        }
        if uri.path_and_query().is_some_and(|path| path.as_str() != "/") {
            return Err(bad("a path is taken from each request, so leave it out"));
        }
        let authority = uri.authority().ok_or_else(|| bad("the host is missing"))?.clone();
        if authority.as_str().contains('@') {
            return Err(bad("a user or password has no place in it"));
        }
        Ok(Self { name, authority })
    }
}

/// The times and limits of the failover policy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tuning {
    /// From one health check of a node to the next.
    pub check_every: Duration,
    /// A health check that takes longer has failed.
    pub check_timeout: Duration,
    /// Failed health checks in a row that eject a node; a refused connection does at once.
    pub checks_to_eject: u32,
    /// Answers of 5xx, or lost, broken or late ones, in a row that eject a node.
    pub failures_to_eject: u32,
    /// How long an ejected node stays out at least; doubled at each ejection that follows without a
    /// full return between, up to `backoff_max`.
    pub backoff: Duration,
    /// The longest that `backoff` grows to.
    pub backoff_max: Duration,
    /// Trials that must succeed, one at a time, before a node is back.
    pub trials: u32,
    /// Retries of one request.
    pub retries: u32,
    /// Retries as a share of the requests of the last ten seconds, 0 to 1.
    pub retry_share: f64,
    /// Retries a second that are allowed whatever that share is.
    pub retry_floor: u32,
    /// To connect to a node.
    pub connect_timeout: Duration,
    /// From sending an attempt to the first byte of its answer's body.
    pub first_byte_timeout: Duration,
    /// The largest request body; it is kept until the answer begins, so that it can be sent again.
    pub body_limit: usize,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            check_every: Duration::from_millis(250),
            check_timeout: Duration::from_millis(750),
            checks_to_eject: 2,
            failures_to_eject: 3,
            backoff: Duration::from_millis(500),
            backoff_max: Duration::from_secs(10),
            trials: 3,
            retries: 2,
            retry_share: 0.2,
            retry_floor: 10,
            connect_timeout: Duration::from_secs(1),
            // As long as a client may reasonably wait for a long prompt; a client's own limit is shorter.
            first_byte_timeout: Duration::from_mins(5),
            body_limit: 64 << 20,
        }
    }
}

/// Why a router can't run.
#[derive(Debug, thiserror::Error)]
pub enum RouterError {
    /// There is nothing to route to.
    #[error("the router has no nodes; name at least one, as in --node a=http://127.0.0.1:8000")]
    NoNodes,
    /// Two nodes have one name.
    #[error("two nodes are named {0}; give each a name of its own")]
    Twice(NodeName),
    /// A node's address is not one.
    #[error("node {name}: {origin:?} will not do: {why}; expected one like http://127.0.0.1:8000")]
    BadOrigin {
        /// The node.
        name: NodeName,
        /// As given.
        origin: String,
        /// What is wrong.
        why: &'static str,
    },
}
