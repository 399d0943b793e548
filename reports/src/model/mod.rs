//! The report's contract. Field names and meanings are read by others: add, never change.
//!
//! Times are seconds of run time (`_s`), latencies milliseconds (`_ms`), shares and rates fractions
//! from 0 to 1. A figure that could not be measured is `null`, never 0.

mod client;
mod fleet;
mod judged;
mod latency;
mod period;
mod runbook;
mod slo;
mod terms;
mod traffic;
mod worst;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use client::*;
pub use fleet::*;
pub use judged::*;
pub use latency::*;
pub use period::*;
pub use runbook::*;
pub use slo::*;
pub use terms::*;
pub use traffic::*;
pub use worst::*;

/// The version of this contract.
pub const SCHEMA: u32 = 1;

/// What a run found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// The version of this contract.
    pub schema: u32,
    /// The version of Squall that wrote it.
    pub squall: String,
    /// What was run.
    pub scenario: ScenarioInfo,
    /// Does it hold?
    pub verdict: Verdict,
    /// Why, one sentence each; the most important first. Never empty.
    pub reasons: Vec<String>,
    /// The run was ended before its time, by whom or what.
    pub aborted: Option<String>,
    /// Wall time of the run's start, RFC 3339.
    pub started_at: String,
    /// Run time from the start to the last record.
    pub duration_s: f64,
    /// The command that repeats the run.
    pub command: String,
    /// The phases in order.
    pub phases: Vec<Phase>,
    /// Every request of the run by its end, warm-up included.
    pub counts: Counts,
    /// Latency by phase, cohort, metric and clock.
    pub latency: Vec<Latency>,
    /// The objectives.
    pub slos: Vec<Slo>,
    /// The guards, and which of them ended the run.
    #[serde(default)]
    pub stops: Vec<Stop>,
    /// One row for each time that a node died.
    pub failover: Vec<Failover>,
    /// What must hold in every run.
    pub invariants: Vec<Invariant>,
    /// The faults of the scenario.
    pub faults: Vec<Fault>,
    /// When the storm was paused by hand, in order; what concerns the storm is then not decided.
    #[serde(default)]
    pub pauses: Vec<Pause>,
    /// Digest of what the faults decided, hex: equal for two runs in which they decided the same, whenever
    /// and in whatever order.
    pub fault_log_digest: String,
    /// What was found out of the answers' texts.
    #[serde(default)]
    pub answers: Answers,
    /// Rows of the trace that were left out, since they are not what its format says.
    #[serde(default)]
    pub skipped: Skipped,
    /// What became of sessions, where the load has any.
    #[serde(default)]
    pub sessions: Option<Sessions>,
    /// What clients did beyond sending each request once.
    #[serde(default)]
    pub clients: Clients,
    /// By what attempts are known to serve their requests.
    #[serde(default)]
    pub correlation: Correlation,
    /// What the faults changed: this run held against the same one without them, where there was one.
    #[serde(default)]
    pub control: Option<crate::comparison::Comparison>,
    /// The load generator itself.
    pub client: Client,
    /// The nodes and what became of them.
    pub nodes: Vec<Node>,
    /// The run in slices of equal length, in order, for drawing.
    pub series: Vec<Slice>,
    /// Latency by percentile, a phase a curve, for drawing.
    pub curves: Vec<Curve>,
    /// The run before, during and after its faults; empty without any.
    #[serde(default)]
    pub periods: Vec<Period>,
    /// The worst requests, a fixed number at most, with the rows of both ledgers.
    #[serde(default)]
    pub worst: Vec<WorstRequest>,
    /// What to do about each check that did not pass; the most important first.
    #[serde(default)]
    pub runbook: Vec<Advice>,
}

/// What was run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScenarioInfo {
    /// The scenario's name.
    pub name: String,
    /// Fixes arrivals, prompts, answers of simulated nodes and every fault decision.
    pub seed: u64,
    /// SHA-256 of the plan, hex.
    pub digest: String,
    /// The scenario's file, as given on the command line.
    pub path: String,
}

/// Three values: no pass without evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The evidence shows that it holds.
    Pass,
    /// The evidence shows that it does not hold.
    Fail,
    /// The evidence does not decide.
    Inconclusive,
    /// Named, but no check of this version decides it; it has no say in the run's verdict.
    NotChecked,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
            Self::NotChecked => "not checked",
        })
    }
}
