//! Two runs held against each other: the comparison's contract, and its renderers.
//!
//! Field names and meanings are read by others: add, never change.

mod markdown;
mod terminal;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Verdict;

pub(crate) use markdown::rows;
pub use markdown::write_comparison_markdown;
pub(crate) use terminal::{bounds, change, figure, table};
pub use terminal::{sentence, write_comparison};

/// What became of a service from one run to another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// Better, worse, the same, or not to be told.
    pub verdict: Change,
    /// Why, one sentence each; the most important first. Never empty.
    pub reasons: Vec<String>,
    /// The run that is compared with.
    pub baseline: Side,
    /// The run that is judged.
    pub candidate: Side,
    /// The smallest changes that matter.
    pub matters: Matters,
    /// How the intervals were found.
    pub method: String,
    /// What was compared, in the order of the phases.
    pub differences: Vec<Difference>,
    /// What to know when reading it: what was left out, what differs between the runs.
    pub notes: Vec<String>,
}

/// One of the two runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Side {
    /// Its folder, as given.
    pub path: String,
    /// Its scenario's name.
    pub name: String,
    /// Its seed.
    pub seed: u64,
    /// Its plan's digest.
    pub digest: String,
    /// Its own verdict.
    pub verdict: Verdict,
    /// Wall time of its start, RFC 3339.
    pub started_at: String,
}

/// The smallest changes that matter: what is surely smaller is the same.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Matters {
    /// Of a latency or a rate, as a share of the baseline's.
    pub relative: f64,
    /// Of a latency, milliseconds: a smaller change never matters.
    pub latency_ms: f64,
    /// Of a share of requests, in parts of 1.
    pub share: f64,
}

/// What a change is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// For the better, by more than the smallest change that matters.
    Better,
    /// For the worse, by more than that.
    Worse,
    /// Smaller than what matters, either way.
    Same,
    /// The samples don't tell.
    Undecided,
}

impl Change {
    /// In a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Same => "same",
            Self::Undecided => "undecided",
        }
    }
}

/// What a figure counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Milliseconds; less is better.
    Ms,
    /// A share of requests, 0 to 1; more is better.
    Share,
    /// A second; more is better.
    PerS,
}

/// A figure of a phase in both runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// The phase.
    pub phase: String,
    /// `p95(ttft)`, `success`, `answers`.
    pub what: String,
    /// What it counts in.
    pub unit: Unit,
    /// The baseline's; none where it is a request that failed, which is slower than any figure.
    pub baseline: Option<f64>,
    /// The candidate's, the same way.
    pub candidate: Option<f64>,
    /// The change: of a share in parts of 1, otherwise as a share of the baseline's figure. None without bound.
    pub change: Option<f64>,
    /// The change is at least this, at 95 % both ways together; none without bound.
    pub lower: Option<f64>,
    /// The change is at most this.
    pub upper: Option<f64>,
    /// Samples of the baseline.
    pub baseline_samples: u64,
    /// Samples of the candidate.
    pub candidate_samples: u64,
    /// What it is.
    pub verdict: Change,
}
