//! Latency: as a table, by percentile, and over time.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Clock, Cohort, Metric};

/// Latency of the requests that have it; failures beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Latency {
    pub phase: String,
    pub cohort: Cohort,
    pub metric: Metric,
    pub clock: Clock,
    /// Samples in the figures below.
    pub count: u64,
    /// Requests that failed: samples known only to be larger than any bound (censored).
    pub failed: u64,
    pub min_ms: Option<f64>,
    pub mean_ms: Option<f64>,
    pub p50_ms: Option<f64>,
    pub p90_ms: Option<f64>,
    pub p95_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    pub p999_ms: Option<f64>,
    pub max_ms: Option<f64>,
    /// The same with failures as the largest samples; `null` where the percentile is a failure.
    pub with_failures: Percentiles,
}

/// Percentiles; `null` where there is no finite value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Percentiles {
    pub p50_ms: Option<f64>,
    pub p90_ms: Option<f64>,
    pub p95_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    pub p999_ms: Option<f64>,
}

/// Latency by percentile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Curve {
    /// The phase.
    pub phase: String,
    /// The metric, cohort all; on the intended clock where it has one.
    pub metric: Metric,
    /// From the median out, in ascending order.
    pub points: Vec<Point>,
}

/// A point of a latency curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Point {
    /// 0 to 1.
    pub quantile: f64,
    /// The latency at it.
    pub ms: f64,
}

/// A slice of the run. Requests count where they ended, but for `scheduled` and `sent`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Slice {
    /// Its start; it ends where the next begins.
    pub start_s: f64,
    /// Arrivals of the schedule.
    pub scheduled: u64,
    /// Requests that ended well.
    pub ok: u64,
    /// Requests that ended otherwise.
    pub failed: u64,
    /// Time to first token of requests whose first token came in this slice, intended clock.
    pub ttft: Percentiles,
    /// Attempts at work that each node took, in the order of `Report::nodes`.
    pub node_attempts: Vec<u64>,
    /// The most requests in flight at once, by a look every few milliseconds; `null` where none was taken.
    #[serde(default)]
    pub in_flight: Option<u64>,
}
