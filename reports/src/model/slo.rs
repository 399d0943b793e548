//! What goes with an objective: how its bounds came about, its windows, its error budget; and guards.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How bounds came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Exact binomial bounds (Clopper and Pearson) on independent samples.
    ClopperPearson,
    /// The same on effective samples (Korn and Graubard): misses come together in slices of time.
    ClopperPearsonEffective,
    /// Of a rate: Student's t over blocks of time.
    BatchMeans,
}

/// What a rate counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RateUnit {
    /// Requests.
    Requests,
    /// Tokens.
    Tokens,
}

impl RateUnit {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Tokens => "tokens",
        }
    }
}

/// Windows of time in each of which an objective must hold. The objective's figures are those of the worst:
/// its lower bound is one-sided 95 %, its upper bound 95 % over all windows together (Bonferroni).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Window {
    /// How long one is.
    pub length_s: f64,
    /// How many there are.
    pub windows: u64,
    /// In so many it holds.
    pub passed: u64,
    /// In so many it does not hold.
    pub failed: u64,
    /// The worst one's start.
    pub from_s: f64,
    /// The worst one's end.
    pub to_s: f64,
}

/// An error budget, and what the run did to it; traffic is taken as constant over the budget's window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Budget {
    /// The share of requests that must be good.
    pub target: f64,
    /// The time that it is for.
    pub window_s: f64,
    /// What each phase but warm-ups did.
    pub phases: Vec<Burn>,
    /// What the phases with faults did together: the outage. `null` where there are none.
    pub storm: Option<Burn>,
    /// From the outage's start until a whole budget is gone at its rate; `null` where it never is.
    pub exhausted_after_s: Option<f64>,
    /// The multi-window, multi-burn-rate alerts of Google's SRE workbook at the outage's rate.
    pub alerts: Vec<Alert>,
}

/// What some time did to an error budget.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Burn {
    /// The phase; `null` for several together.
    pub phase: Option<String>,
    /// How long it lasted.
    pub length_s: f64,
    /// Requests that were due in it.
    pub requests: u64,
    /// Of these, bad.
    pub bad: u64,
    /// How many times faster than it lasts the budget was spent; `null` without requests.
    pub burn_rate: Option<f64>,
    /// The part of the whole budget that it spent; 1 is all of it.
    pub spent: Option<f64>,
}

/// An alert, and when it would be raised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Alert {
    /// The burn rate that it asks for.
    pub burn_rate: f64,
    /// Over this time,
    pub long_s: f64,
    /// and over this.
    pub short_s: f64,
    /// What it does.
    pub severity: Severity,
    /// From the outage's start until it is raised, if that lasts so long; `null` where it never is.
    pub after_s: Option<f64>,
    /// The outage lasted so long.
    pub within: bool,
}

/// What an alert does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It wakes somebody.
    Page,
    /// It waits for the day.
    Ticket,
}

/// A guard: it ends the run when it is breached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Stop {
    /// As written: `success < 50%`.
    pub when: String,
    /// The time that it looks back.
    pub over_s: f64,
    /// With fewer requests in that time it says nothing.
    pub least_samples: u64,
    /// How it was breached; `null` where it was not.
    pub breach: Option<Breach>,
}

/// How a guard was breached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Breach {
    /// When.
    pub at_s: f64,
    /// Requests that had ended in the time that it looks back.
    pub samples: u64,
    /// Of these, good.
    pub good: u64,
}
