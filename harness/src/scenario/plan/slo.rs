//! Objectives: what must hold, of which requests, and the budget that it leaves for errors.

use std::time::Duration;

use serde::Serialize;
use squall_report::{Cohort, Metric};

use crate::name::NodeName;

/// The time that an error budget is for, where the scenario doesn't say.
const BUDGET_WINDOW: Duration = Duration::from_hours(28 * 24);

/// An objective.
#[derive(Clone, Debug, Serialize)]
pub struct Slo {
    /// Its name.
    pub name: String,
    /// As written.
    pub text: String,
    /// What it claims.
    pub objective: Objective,
    /// The phases it counts, by index, ascending; never empty.
    pub during: Vec<usize>,
    /// The requests it counts.
    #[serde(skip_serializing_if = "Selector::is_all")]
    pub only: Selector,
    /// It must hold in each window of this length, where one is given; no phase that it counts is shorter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<Duration>,
    /// The error budget that the scenario gives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
}

impl Slo {
    /// Its error budget: as given; of an objective on success what that leaves, over 28 days.
    pub fn budget(&self) -> Option<Budget> {
        let target = match self.objective {
            Objective::Success { share } | Objective::ErrorRate { share } => Some(share),
            Objective::Latency { .. } | Objective::Quality { .. } | Objective::Rate { .. } => None,
        };
        self.budget.or(target.map(|target| Budget { target, window: BUDGET_WINDOW }))
    }
}

/// The requests that an objective counts; what is not given is all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Selector {
    /// Those that this node answered last.
    pub node: Option<NodeName>,
    /// Those that a fault touched, or the rest.
    pub cohort: Option<Cohort>,
    /// Those whose answer names this model; one that names none counts as of the model that was asked for.
    pub model: Option<String>,
}

impl Selector {
    /// Nothing is given.
    pub fn is_all(&self) -> bool {
        *self == Self::default()
    }
}

/// An error budget.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Budget {
    /// The share of requests that must be good, above 0 and below 1.
    pub target: f64,
    /// The time that it is for.
    pub window: Duration,
}

/// What an objective claims.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Objective {
    /// At least `share` of requests (of gaps, for `itl`) are within `bound`.
    Latency {
        /// The metric, on the intended clock where it has one.
        metric: Metric,
        /// 0.95 for `p95`.
        share: f64,
        /// The largest good value.
        bound: Duration,
    },
    /// At least `share` of requests succeed.
    Success {
        /// 0.99 for `99%`.
        share: f64,
    },
    /// The same, said of those that don't.
    ErrorRate {
        /// That must succeed: 0.99 for `1%`.
        share: f64,
    },
    /// At least `share` of the answers of which that is known are right.
    Quality {
        /// 0.95 for `95%`.
        share: f64,
    },
    /// At least so many a second.
    Rate {
        /// Of what.
        of: Counted,
        /// More than 0.
        least: f64,
    },
}

/// What a rate counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Counted {
    /// Requests that succeed within the bound of each objective on a latency of theirs, when they were due.
    GoodRequests,
    /// Requests that succeed, when they ended.
    Requests,
    /// Tokens of answers that are whole, as they came.
    Tokens,
}

impl Objective {
    /// The share of good samples it claims; a rate claims none.
    pub fn share(self) -> Option<f64> {
        match self {
            Self::Latency { share, .. }
            | Self::Success { share }
            | Self::ErrorRate { share }
            | Self::Quality { share } => Some(share),
            Self::Rate { .. } => None,
        }
    }

    /// Its samples are gaps, which are in no ledger.
    pub fn is_on_gaps(self) -> bool {
        matches!(self, Self::Latency { metric: Metric::Itl, .. })
    }
}

/// A guard: the run is ended when it is breached.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stop {
    /// As written: `success < 50%`.
    pub text: String,
    /// The good share below which the run is ended: 0.95 for `p95`.
    pub below: f64,
    /// What is good; a request that succeeds, where there is no latency.
    pub within: Option<(Metric, Duration)>,
    /// The time that it looks back.
    pub over: Duration,
    /// With fewer requests than this in that time nothing is said.
    pub samples: u32,
}
