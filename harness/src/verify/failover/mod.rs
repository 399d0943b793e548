//! What happened around each death of a node, and whether it stayed within the scenario's bounds.
//!
//! A death counts when it came while arrivals were watched ([`View::until`]): what ends with the run
//! is no failover. Figures that the run's end cut off stay open, and an open figure never passes.

mod checks;
mod detection;
mod failback;
mod recovery;
mod window;

use std::time::Duration;

use squall_report::Failover;

use super::view::{Down, View, ok};
use crate::clock::Nanos;
use crate::record::RequestFact;
use detection::Detection;
use window::Window;

/// A time that was looked for, as far as the run shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Figure {
    /// It took this long.
    Known(Duration),
    /// Not before `at_least`; what came after decides nothing.
    Open {
        /// Zero when nothing is known.
        at_least: Duration,
        /// What was missing.
        why: String,
    },
}

impl Figure {
    /// It is not known.
    pub(super) fn is_open(&self) -> bool {
        matches!(self, Self::Open { .. })
    }

    fn seconds(&self) -> Option<f64> {
        match self {
            Self::Known(duration) => Some(duration.as_secs_f64()),
            Self::Open { .. } => None,
        }
    }
}

/// One death, and what followed from it.
pub(super) struct Episode {
    pub(super) down: Down,
    pub(super) detection: Detection,
    /// From the death to recovery, or to the node's return where that is later.
    pub(super) window: (Nanos, Nanos),
    /// The report's row.
    pub(super) row: Failover,
}

/// Every death of the run, in order.
pub(super) fn episodes(view: &View<'_>, aborted: bool) -> Vec<Episode> {
    let watched = view.downs.iter().filter(|down| down.from < view.until);
    watched.map(|down| episode(view, *down, aborted)).collect()
}

fn episode(view: &View<'_>, down: Down, aborted: bool) -> Episode {
    let detection = detection::of(view, down);
    let target = recovery::target(view, down.from);
    let recovery = recovery::of(view, down.from, target);
    let failback = failback::of(view, down);
    let window = Window::of(view, down, &recovery, aborted);
    let figures = checks::Figures { detection: &detection.figure, recovery: &recovery, failback: &failback };
    let row = Failover {
        node: view.plan.nodes.get(usize::from(down.node)).map_or_else(String::new, |n| n.name.to_string()),
        t0_s: down.from.as_secs_f64(),
        t1_s: down.to.map(Nanos::as_secs_f64),
        detection_s: detection.figure.seconds(),
        first_rescue_s: first_rescue(view, down).map(|rescue| rescue.as_secs_f64()),
        recovery_s: recovery.seconds(),
        failback_s: failback.seconds(),
        requests: window.requests,
        lost: window.lost,
        silently_truncated: window.silently_truncated,
        duplicated: window.duplicated,
        spliced: window.spliced,
        amplification_mean: window.amplification_mean(),
        amplification_max: window.most_attempts,
        checks: view
            .plan
            .failover
            .map(|bounds| checks::check(view, down, bounds, figures, &window))
            .unwrap_or_default(),
    };
    Episode { down, detection, window: (window.from, window.to), row }
}

/// From the death to the end of the first success, on another node, of a request that came after it.
fn first_rescue(view: &View<'_>, down: Down) -> Option<Duration> {
    let rescued = |request: &RequestFact| {
        ok(request) && request.intended >= down.from && request.node.is_some_and(|node| node != down.node)
    };
    let first = |until: Nanos| {
        let ends = view.judged_between(down.from, until).filter(rescued).map(|request| request.end);
        ends.min().filter(|end| *end <= until)
    };
    let soon = recovery::horizons(down.from, view.until).find_map(first);
    soon.or_else(|| first(Nanos(u64::MAX))).map(|end| end - down.from)
}
