//! A scenario that was run several times: the contract of what the runs say together, and its renderer.
//!
//! Field names and meanings are read by others: add, never change.

mod beside;
mod terminal;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Verdict, format};

pub use beside::{Named, write_repeats_table};
pub(crate) use beside::{figures, find};
pub use terminal::write_repeats;

/// What several runs of a scenario say together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Repeats {
    /// The scenario's name.
    pub scenario: String,
    /// Does it hold?
    pub verdict: Verdict,
    /// Why, one sentence each. Never empty.
    pub reasons: Vec<String>,
    /// The runs, in order.
    pub runs: Vec<Repeated>,
    /// The objectives, over the samples of all runs that can be trusted.
    pub slos: Vec<Pooled>,
    /// How far figures lie apart from run to run.
    pub spreads: Vec<Spread>,
}

/// One of the runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Repeated {
    /// Its folder.
    pub path: String,
    /// Its seed.
    pub seed: u64,
    /// Its own verdict.
    pub verdict: Verdict,
    /// The first reason of it.
    pub reason: String,
    /// Its figures can be trusted: it was not ended early, its client kept its schedule, no plugin trapped.
    pub trusted: bool,
}

/// An objective over all runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Pooled {
    /// Its name.
    pub name: String,
    /// As written.
    pub objective: String,
    /// Samples.
    pub samples: u64,
    /// Of these, good.
    pub good: u64,
    /// So many independent samples say as much.
    pub effective_samples: f64,
    /// Lower bound of the true share of good samples, one-sided 95 %.
    pub lower: f64,
    /// Upper bound, the same way.
    pub upper: f64,
    /// Does it hold?
    pub verdict: Verdict,
}

/// A figure from run to run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Spread {
    /// The phase, or the node that died.
    pub of: String,
    /// `success`, `p95(ttft)`, `detection`.
    pub what: String,
    /// `share`, `ms`, `s`, or empty for a number.
    pub unit: String,
    /// Runs that have it.
    pub runs: u64,
    /// The smallest.
    pub least: f64,
    /// The median: of an even number of runs the lower of the two in the middle.
    pub median: f64,
    /// The largest.
    pub most: f64,
}

impl Spread {
    /// A value of it with its unit.
    pub(crate) fn shown(&self, value: f64) -> String {
        match self.unit.as_str() {
            "share" => format::share(value),
            "ms" => format::latency(value),
            "s" => format::seconds(value),
            _ => format!("{value:.2}"),
        }
    }
}
