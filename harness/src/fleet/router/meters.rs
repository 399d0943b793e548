//! What the router counts of itself, and its text exposition for `GET /metrics`.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::name::NodeName;

/// Counters of the router.
#[derive(Debug)]
pub(super) struct Meters {
    pub(super) requests: AtomicU64,
    pub(super) retries: AtomicU64,
    pub(super) retries_denied: AtomicU64,
    pub(super) broken_streams: AtomicU64,
    pub(super) nodes: Vec<Arc<NodeMeters>>,
}

/// Counters of one node.
#[derive(Debug)]
pub(super) struct NodeMeters {
    pub(super) name: NodeName,
    pub(super) attempts: AtomicU64,
    pub(super) ejections: AtomicU64,
    in_flight: AtomicUsize,
}

impl Meters {
    pub(super) fn new(names: impl Iterator<Item = NodeName>) -> Arc<Self> {
        let nodes = names.map(|name| {
            Arc::new(NodeMeters {
                name,
                attempts: AtomicU64::new(0),
                ejections: AtomicU64::new(0),
                in_flight: AtomicUsize::new(0),
            })
        });
        Arc::new(Self {
            requests: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            retries_denied: AtomicU64::new(0),
            broken_streams: AtomicU64::new(0),
            nodes: nodes.collect(),
        })
    }

    /// The Prometheus text format. `healthy` has a value for each node, or is empty when nobody
    /// checks.
    pub(super) fn expose(&self, healthy: &[bool]) -> String {
        let mut text = String::new();
        let total = |text: &mut String, name: &str, help: &str, value: &AtomicU64| {
            let value = value.load(Ordering::Relaxed);
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "# HELP squall_router_{name} {help}\n# TYPE squall_router_{name} counter\nsquall_router_{name} {value}"
            );
        };
        total(&mut text, "requests_total", "Requests to be forwarded.", &self.requests);
        total(&mut text, "retries_total", "Attempts after a request's first.", &self.retries);
        total(&mut text, "retries_denied_total", "Retries that the budget refused.", &self.retries_denied);
        total(
            &mut text,
            "broken_streams_total",
            "Answers that broke after their first byte.",
            &self.broken_streams,
        );
        let node = |meters: &NodeMeters, value: u64| (meters.name.to_string(), value);
        per_node(
            &mut text,
            "attempts_total",
            "counter",
            "Requests sent toward a node.",
            self.nodes.iter().map(|n| node(n, n.attempts.load(Ordering::Relaxed))),
        );
        per_node(
            &mut text,
            "ejections_total",
            "counter",
            "Times a node was taken out.",
            self.nodes.iter().map(|n| node(n, n.ejections.load(Ordering::Relaxed))),
        );
        per_node(
            &mut text,
            "in_flight",
            "gauge",
            "Attempts that have not ended.",
            self.nodes.iter().map(|n| node(n, n.in_flight() as u64)),
        );
        if !healthy.is_empty() {
            per_node(
                &mut text,
                "healthy",
                "gauge",
                "1 when a node is fully in rotation, 0 when it is out or on trial.",
                self.nodes.iter().zip(healthy).map(|(n, &healthy)| node(n, healthy.into())),
            );
        }
        text
    }
}

fn per_node(
    text: &mut String,
    name: &str,
    kind: &str,
    help: &str,
    values: impl Iterator<Item = (String, u64)>,
) {
    let _ = writeln!(text, "# HELP squall_router_{name} {help}\n# TYPE squall_router_{name} {kind}");
    for (node, value) in values {
        let node = node.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let _ = writeln!(text, "squall_router_{name}{{node=\"{node}\"}} {value}");
    }
}

impl NodeMeters {
    /// Attempts that have not ended.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// An attempt takes its place; it ends when the guard goes.
    pub(super) fn enter(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(self))
    }
}

/// An attempt that has not ended.
#[derive(Debug)]
pub(super) struct InFlight(Arc<NodeMeters>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
