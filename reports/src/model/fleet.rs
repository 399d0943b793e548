//! The nodes, and the faults that met them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A node and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its zone; empty when the scenario gives none.
    pub zone: String,
    /// Attempts at work (not probes) that reached it.
    pub attempts: u64,
    /// The same, by how they ended.
    #[serde(default)]
    pub ends: AttemptEnds,
    /// Its states in order; each lasts until the next.
    pub states: Vec<NodeState>,
}

/// Attempts at work by how they ended, as the node's proxy saw it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AttemptEnds {
    /// The node's response was passed on whole.
    pub complete: u64,
    /// The node closed the connection before its response was whole.
    pub cut: u64,
    /// The node's connection was reset.
    pub reset: u64,
    /// The node could not be reached.
    pub unreachable: u64,
    /// A fault ended it.
    pub injected: u64,
    /// The other side went away first.
    pub client_left: u64,
    /// The run ended first.
    pub aborted: u64,
}

/// A change of a node's state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NodeState {
    /// When.
    pub at_s: f64,
    /// `starting`, `up`, `paused` or `down`.
    pub state: String,
}

/// A fault of the scenario and what it did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Fault {
    /// The plugin, as the scenario names it.
    pub plugin: String,
    /// SHA-256 of the plugin's bytes, hex.
    pub sha256: String,
    /// The phase it belongs to.
    pub phase: String,
    /// The nodes it was granted.
    pub nodes: Vec<String>,
    /// When it was switched on, by plan.
    pub start_s: f64,
    /// When it was withdrawn, by plan.
    pub end_s: f64,
    /// Verdicts other than pass, and actions on nodes.
    pub fired: u64,
    /// Calls that did not return.
    pub traps: u64,
    /// What the first trap said.
    pub trap: Option<String>,
    /// The plugin's own counters.
    pub counters: Vec<Counter>,
}

/// A stretch in which the storm was paused by hand: no fault was on, and the load went on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Pause {
    /// When every fault was withdrawn.
    pub from_s: f64,
    /// When the storm went on; the run's end where it did not.
    pub to_s: f64,
}

/// A plugin's own counter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Counter {
    pub name: String,
    pub value: u64,
}
