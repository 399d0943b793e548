//! What must hold, as it is typed.

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::place::Placed;
use super::{DurationText, NumberOrText, OneOrMany};

/// A service level objective.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "[[slo]]")]
pub(in crate::scenario) struct Slo {
    /// What the report calls it.
    #[schemars(example = "first token")]
    pub(in crate::scenario) name: Placed<String>,
    /// A percentile of `ttft`, `ttfb`, `itl`, `tpot` or `e2e`, as in `p95(ttft) <= 800ms`; or the
    /// share of requests that succeed, as in `success >= 99%`.
    #[schemars(example = "p95(ttft) <= 800ms", example = "success >= 99%")]
    pub(in crate::scenario) objective: Placed<String>,
    /// The phases it counts; all but warm-ups when it is left out.
    #[schemars(example = &"storm", example = ["steady", "recovery"])]
    pub(in crate::scenario) during: Option<Placed<OneOrMany>>,
}

/// Bounds on what happens when a node dies; what is left out is not checked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "[failover]")]
pub(in crate::scenario) struct Failover {
    /// From the node's death until no more work is sent to it.
    #[schemars(example = &"2s")]
    pub(in crate::scenario) detection: Option<Placed<DurationText>>,
    /// From the node's death until the service level holds again.
    #[schemars(example = &"5s")]
    pub(in crate::scenario) recovery: Option<Placed<DurationText>>,
    /// From the node's return until it has its share of the work.
    #[schemars(example = &"10s")]
    pub(in crate::scenario) failback: Option<Placed<DurationText>>,
    /// Share of the requests around the failure that may be lost, from 0 to 1 or as a percentage.
    #[schemars(example = "1%")]
    pub(in crate::scenario) lost: Option<Placed<NumberOrText>>,
    /// Requests that may be cut short without being told so.
    #[schemars(example = 0)]
    pub(in crate::scenario) silently_truncated: Option<Placed<u64>>,
    /// Requests that may hold a part of their answer twice.
    #[schemars(example = 0)]
    pub(in crate::scenario) duplicated: Option<Placed<u64>>,
    /// Mean attempts a request, 1 or more.
    #[schemars(example = 1.5)]
    pub(in crate::scenario) amplification: Option<Placed<f64>>,
}
