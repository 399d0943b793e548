//! The capacity of a service: its contract, and its renderers.
//!
//! Field names and meanings are read by others: add, never change. Loads are factors of the scenario's own.

mod terminal;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Verdict;

pub use crate::html::write_capacity_html;
pub use terminal::write_capacity;

/// The highest load at which a scenario passes, with and without its faults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Capacity {
    /// The scenario's name.
    pub scenario: String,
    /// The first run's seed; each has its own.
    pub seed: u64,
    /// What was asked for: hold at this load. None where nothing was.
    pub required: Option<f64>,
    /// Does it? Pass where nothing was asked for and a capacity was found.
    pub verdict: Verdict,
    /// Why, one sentence each. Never empty.
    pub reasons: Vec<String>,
    /// One for each arm: the storm, and the control arm without its faults.
    pub arms: Vec<ArmCapacity>,
}

/// The capacity in one arm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ArmCapacity {
    /// `storm` or `control`.
    pub arm: String,
    /// It held at this load, and at every lower one that was tried.
    pub at_least: Option<f64>,
    /// It held neither at this load nor at any higher one that was tried.
    pub below: Option<f64>,
    /// Where a monotone fit of all runs crosses one half.
    pub about: Option<f64>,
    /// Requests a second at `at_least`, as they were sent.
    pub at_least_per_s: Option<f64>,
    /// Every run, in the order in which they were made.
    pub probes: Vec<Probe>,
}

/// A run at a load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Probe {
    /// The factor.
    pub load: f64,
    /// Its folder.
    pub path: String,
    /// Its verdict.
    pub verdict: Verdict,
    /// The first reason of it.
    pub reason: String,
    /// Requests a second.
    pub rate_per_s: f64,
    /// Share of requests that succeeded, warm-up included.
    pub success: Option<f64>,
    /// p95 of the time to first token in the worst phase, milliseconds, of what succeeded.
    pub ttft_p95_ms: Option<f64>,
}
