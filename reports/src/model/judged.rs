//! What was judged: objectives, failover, invariants.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Verdict;

/// An objective and what the samples say of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Slo {
    /// Its name.
    pub name: String,
    /// As written: `p95(ttft) <= 800ms`.
    pub objective: String,
    /// The phases it counts.
    pub during: Vec<String>,
    /// The share of good samples it claims.
    pub target: f64,
    /// Samples.
    pub samples: u64,
    /// Of these, good.
    pub good: u64,
    /// Lower bound of the true share of good samples, one-sided 95 %, by `method`.
    pub lower: f64,
    /// Upper bound, the same way.
    pub upper: f64,
    /// What was observed: for a latency, the percentile in ms with failures as the largest samples
    /// (`null` when it is a failure); otherwise the share of good samples.
    pub observed: Option<f64>,
    /// Samples that a pass needs, when all are good.
    pub needed: u64,
    /// How the bounds came about.
    #[serde(default)]
    pub method: Option<Method>,
    /// So many independent samples say as much as these do.
    #[serde(default)]
    pub effective_samples: Option<f64>,
    /// How many times the variance is that of independent samples, as slices of time show it; 1 or more.
    /// `null` where too few slices have samples.
    #[serde(default)]
    pub design_effect: Option<f64>,
    /// Does it hold?
    pub verdict: Verdict,
    /// Its line in the scenario's file, from 1; `null` where it is in none.
    #[serde(default)]
    pub line: Option<u64>,
}

/// How bounds came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Exact binomial bounds (Clopper and Pearson) on independent samples.
    ClopperPearson,
    /// The same on effective samples (Korn and Graubard): misses come together in slices of time.
    ClopperPearsonEffective,
}

/// What happened when a node died.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Failover {
    /// The node.
    pub node: String,
    /// When it died.
    pub t0_s: f64,
    /// When it was up again; `null` when it was not.
    pub t1_s: Option<f64>,
    /// From t0 until no more work was sent to it.
    pub detection_s: Option<f64>,
    /// From t0 to the first success, on another node, of a request that came after t0.
    pub first_rescue_s: Option<f64>,
    /// From t0 to the first slice from which the service level holds.
    pub recovery_s: Option<f64>,
    /// From t1 until the node has its share of the work again.
    pub failback_s: Option<f64>,
    /// Requests of the window (from t0 to recovery, or to t1 where that is later), that were sent.
    pub requests: u64,
    /// Of these, not answered with success.
    pub lost: u64,
    /// Of these, incomplete and not told so: the response ended cleanly and without an error.
    pub silently_truncated: u64,
    /// Of these, with a part of the answer twice.
    pub duplicated: u64,
    /// Of these, with parts of two answers.
    pub spliced: u64,
    /// Attempts a request, mean.
    pub amplification_mean: Option<f64>,
    /// Attempts a request, the most.
    pub amplification_max: u32,
    /// The scenario's bounds on the above.
    pub checks: Vec<Check>,
}

/// A bound and how it came out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// `detection`, `recovery`, `lost`, …
    pub name: String,
    /// The bound, for people: `<= 2s`.
    pub bound: String,
    /// What was seen, for people: `0.31s`.
    pub observed: String,
    /// Does it hold?
    pub verdict: Verdict,
    /// Why, when it does not pass.
    pub reason: Option<String>,
    /// Its line in the scenario's file, from 1; `null` where it is in none.
    #[serde(default)]
    pub line: Option<u64>,
}

/// What must hold in every run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Invariant {
    /// A sentence: `every arrival ends exactly once`.
    pub name: String,
    /// Does it hold?
    pub verdict: Verdict,
    /// How often it was broken.
    pub violations: u64,
    /// Up to five of the cases, or why it is not decided.
    pub examples: Vec<String>,
}
