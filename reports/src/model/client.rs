//! The load generator itself: can its figures be trusted?

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The load generator itself: can its figures be trusted?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Client {
    /// How much later than scheduled requests were sent, µs.
    pub dispatch_lag_us: Lag,
    /// How late a task of its async runtime woke, µs: events are stamped as late. A tick of the runtime's
    /// timer, a millisecond, is its floor.
    pub runtime_stall_us: Lag,
    /// It could not keep to its schedule, or its runtime stood still; no verdict can rest on its figures.
    pub saturated: bool,
    /// The most that it carried.
    pub peak: Peak,
    /// What the machine was measured to carry (`squall calibrate`); `null` where that is not known.
    pub calibration: Option<Calibration>,
    /// CPU time of the harness (load, proxies and plugins), seconds.
    pub cpu_s: f64,
    /// Its largest resident size.
    pub peak_rss_bytes: u64,
}

/// The most that a client carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Peak {
    /// Requests sent a second, in the busiest five seconds.
    pub requests_per_s: f64,
    /// Events received a second, in the busiest five seconds.
    pub events_per_s: f64,
    /// Requests in flight at once.
    pub in_flight: u64,
}

/// What this machine's client was measured to carry, alone against a server on the same machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Calibration {
    /// When, RFC 3339.
    pub measured_at: String,
    /// Requests a second.
    pub requests_per_s: f64,
    /// Events a second.
    pub events_per_s: f64,
    /// Streams open at once.
    pub open_streams: u64,
    /// What the run went beyond, a sentence each: then no verdict can rest on it.
    pub exceeded: Vec<String>,
}

/// Percentiles of a lag, µs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Lag {
    pub p50: f64,
    pub p99: f64,
    pub max: f64,
}
