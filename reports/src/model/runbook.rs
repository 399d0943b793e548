//! What to do about each check that did not pass.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Verdict;

/// What kind of check an advice is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckKind {
    /// The run as a whole: whether its figures can be trusted.
    Run,
    /// An objective.
    Slo,
    /// A bound on failover.
    Failover,
    /// An invariant.
    Invariant,
}

/// What to do about a check that failed or was not decided: by rule, from the run's own figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Advice {
    /// What kind of check.
    pub kind: CheckKind,
    /// The check, as the report names it elsewhere.
    pub check: String,
    /// How it came out: `fail` or `inconclusive`.
    pub verdict: Verdict,
    /// What was seen.
    pub seen: String,
    /// What it usually means, by what else this run shows; one sentence each.
    pub means: Vec<String>,
    /// What to look at.
    pub look: Vec<String>,
    /// What to change.
    pub change: Vec<String>,
}
