//! Before, during and after the faults: the same figures of each, so that they can be held side by side.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Metric, Percentiles, Point};

/// Where a period stands to the run's faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Around {
    /// Before the first of them, warm-up left out.
    Before,
    /// From the first of them until the last is over, each dead node is up again, and the service level
    /// holds.
    During,
    /// After that.
    After,
}

impl Around {
    /// Its name in the report.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::During => "during",
            Self::After => "after",
        }
    }
}

/// A stretch of the run, seen from its faults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Period {
    /// Which.
    pub period: Around,
    /// Its start.
    pub start_s: f64,
    /// Its end.
    pub end_s: f64,
    /// Requests that were due in it, without those that the run's end cut off.
    pub requests: u64,
    /// Of these, answered with success.
    pub ok: u64,
    /// Latency of its requests; failed ones are the largest samples.
    pub latency: Vec<PeriodLatency>,
    /// Attempts at work that began in it, in the order of `Report::nodes`.
    pub node_attempts: Vec<u64>,
}

/// A metric in a period, on the intended clock where it has one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PeriodLatency {
    /// The metric.
    pub metric: Metric,
    /// Samples, failed requests included.
    pub samples: u64,
    /// Percentiles with failed requests as the largest samples; `null` where the percentile is one.
    pub percentiles: Percentiles,
    /// From the median out, in ascending order; it ends where failed requests begin.
    pub points: Vec<Point>,
}
