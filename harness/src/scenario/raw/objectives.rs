//! What must hold, as it is typed.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

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
    /// A percentile of `ttft`, `ttfb`, `itl`, `tpot` or `e2e`, as in `p95(ttft) <= 800ms`; a share of requests,
    /// as in `success >= 99%`, `error_rate <= 1%` or `quality >= 95%` (answers as their corpus expects them);
    /// or a rate, as in `goodput >= 30/s` (requests that succeed within the bounds of all objectives on their
    /// latency), `throughput >= 20/s` or `throughput >= 500 tokens/s`.
    #[schemars(example = "p95(ttft) <= 800ms", example = "success >= 99%", example = "goodput >= 30/s")]
    pub(in crate::scenario) objective: Placed<String>,
    /// The phases it counts; all but warm-ups when it is left out.
    #[schemars(example = &"storm", example = ["steady", "recovery"])]
    pub(in crate::scenario) during: Option<Placed<OneOrMany>>,
    /// It must hold in each window of this length; over its phases as a whole when it is left out.
    #[schemars(example = &"10s")]
    pub(in crate::scenario) window: Option<Placed<DurationText>>,
    /// Only requests that this node answered last.
    #[schemars(example = &"a")]
    pub(in crate::scenario) node: Option<Placed<String>>,
    /// Only requests that a fault touched or whose node was down (`faulted`), or only the rest
    /// (`collateral`).
    #[schemars(example = &"collateral", extend("enum" = ["faulted", "collateral", "all"]))]
    pub(in crate::scenario) cohort: Option<Placed<String>>,
    /// Only requests whose answer names this model; one that names none counts as of the target's.
    #[schemars(example = &"llama-3-8b")]
    pub(in crate::scenario) model: Option<Placed<String>>,
    /// The error budget: what the run spent of it is in the report. An objective on success has one without
    /// this: its own share, over 28 days.
    #[schemars(example = json!({"target": "99.9%", "window": "28d"}))]
    pub(in crate::scenario) budget: Option<Placed<Budget>>,
}

/// An error budget: the share of requests that must be good over a long time.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "budget")]
pub(in crate::scenario) struct Budget {
    /// The share of requests that must be good; the objective's own when it is left out.
    #[schemars(example = "99.9%")]
    pub(in crate::scenario) target: Option<Placed<NumberOrText>>,
    /// The time that it is for.
    #[schemars(example = &"28d")]
    pub(in crate::scenario) window: Placed<DurationText>,
}

/// A guard: it ends the run, and withdraws its faults, when the service is as bad as it says. Such a run is
/// inconclusive.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "[[stop]]")]
pub(in crate::scenario) struct Stop {
    /// A share of requests, as in `success < 50%` or `error_rate > 50%`; or a percentile of `ttft`, `ttfb`,
    /// `tpot` or `e2e`, as in `p95(ttft) > 10s`, where a failed request is slower than any bound.
    #[schemars(example = "success < 50%", example = "p95(ttft) > 10s")]
    pub(in crate::scenario) when: Placed<String>,
    /// Of the requests that ended within the last so long.
    #[schemars(example = &"5s")]
    pub(in crate::scenario) over: Placed<DurationText>,
    /// With fewer requests than this it says nothing; 20 when it is left out.
    #[schemars(example = 20)]
    pub(in crate::scenario) samples: Option<Placed<u32>>,
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
