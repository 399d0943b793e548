//! A step of the calibration: what was asked of the client, what it did, and whether it kept the bounds.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use squall_report::{Lag, Peak};

/// What grows from step to step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ladder {
    /// Requests a second, with short answers.
    Requests,
    /// Events a second, in long answers.
    Events,
    /// Streams open at once, each of which says little.
    Streams,
}

impl Ladder {
    /// What it counts, for people.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Requests => "requests/s",
            Self::Events => "events/s",
            Self::Streams => "open streams",
        }
    }

    /// What a client that did this carried on this ladder.
    pub(super) fn carried(self, peak: &Peak) -> f64 {
        match self {
            Self::Requests => peak.requests_per_s,
            Self::Events => peak.events_per_s,
            Self::Streams => peak.in_flight as f64,
        }
    }
}

impl fmt::Display for Ladder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.unit())
    }
}

/// What every step must keep, each at the 99th percentile.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bounds {
    /// From the intended to the actual send, µs.
    pub dispatch_lag_us: f64,
    /// How late a task of the runtime wakes, µs.
    pub runtime_stall_us: f64,
    /// By how much the client's time to first token is longer than by the server's own log, µs.
    pub ttft_error_us: f64,
}

impl Bounds {
    /// The same for all three.
    pub fn all(bound: Duration) -> Self {
        let bound = bound.as_secs_f64() * 1e6;
        Self { dispatch_lag_us: bound, runtime_stall_us: bound, ttft_error_us: bound }
    }
}

/// Objectives on the first token are hundreds of milliseconds: an error of this size is a percent or two.
impl Default for Bounds {
    fn default() -> Self {
        Self::all(Duration::from_millis(5))
    }
}

/// What a step came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What grew.
    pub ladder: Ladder,
    /// How much of it was asked for.
    pub asked: u64,
    /// How much the client did.
    pub carried: f64,
    /// From the intended to the actual send, µs.
    pub dispatch_lag_us: Lag,
    /// How late a task of the runtime woke, µs.
    pub runtime_stall_us: Lag,
    /// The client's time to first token less the server's own, µs.
    pub ttft_error_us: Lag,
    /// Requests that succeeded.
    pub ok: u64,
    /// Requests that did not.
    pub failed: u64,
    /// Which bounds it broke, a sentence each; empty when it held.
    pub broken: Vec<String>,
}

/// The share of what is asked that a Poisson process or a ramp may stay short of by chance.
const SHORT_OF: f64 = 0.8;

impl Step {
    /// All bounds were kept.
    pub fn held(&self) -> bool {
        self.broken.is_empty()
    }

    /// Finds the bounds that it broke.
    pub(super) fn judged(mut self, bounds: &Bounds) -> Self {
        let late = |what: &str, lag: Lag, bound: f64| {
            (lag.p99 > bound)
                .then(|| format!("{what} {:.1} ms at p99, more than {:.1} ms", lag.p99 / 1e3, bound / 1e3))
        };
        let failed =
            (self.failed > 0).then(|| format!("{} of {} failed", self.failed, self.failed + self.ok));
        let nothing = (self.ok == 0).then(|| "no request succeeded".to_owned());
        let short = (self.carried < SHORT_OF * self.asked as f64)
            .then(|| format!("it came to {:.0} {}", self.carried, self.ladder));
        let broken = [
            nothing,
            failed,
            late("requests were sent late by", self.dispatch_lag_us, bounds.dispatch_lag_us),
            late("the runtime woke late by", self.runtime_stall_us, bounds.runtime_stall_us),
            late("the first token was seen late by", self.ttft_error_us, bounds.ttft_error_us),
            short,
        ];
        self.broken = broken.into_iter().flatten().collect();
        self
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn step(ladder: Ladder, asked: u64, lag_p99: f64) -> Step {
        let lag = |p99| Lag { p50: 10.0, p99, max: 2.0 * p99 };
        Step {
            ladder,
            asked,
            carried: asked as f64,
            dispatch_lag_us: lag(lag_p99),
            runtime_stall_us: lag(1_000.0),
            ttft_error_us: lag(300.0),
            ok: 1_000,
            failed: 0,
            broken: Vec::new(),
        }
        .judged(&Bounds::default())
    }

    #[test]
    fn a_step_holds_while_it_keeps_every_bound() {
        let held = step(Ladder::Requests, 100, 5_000.0);
        assert!(held.held(), "{:?}", held.broken);
        let bounds = Bounds::default();
        let lag = |p99| Lag { p99, ..Lag::default() };
        let broken = [
            (Step { failed: 1, ..held.clone() }, "1 of 1001 failed"),
            (Step { ok: 0, ..held.clone() }, "no request succeeded"),
            (Step { carried: 79.0, ..held.clone() }, "it came to 79 requests/s"),
            (Step { dispatch_lag_us: lag(5_001.0), ..held.clone() }, "sent late by 5.0 ms"),
            (Step { runtime_stall_us: lag(6_000.0), ..held.clone() }, "woke late by 6.0 ms"),
            (Step { ttft_error_us: lag(7_000.0), ..held.clone() }, "seen late by 7.0 ms"),
        ];
        for (step, said) in broken {
            let broken = step.judged(&bounds).broken;
            assert!(
                matches!(broken.as_slice(), [why] if why.contains(said)),
                "`{said}` is not in {broken:?}"
            );
        }
    }
}
