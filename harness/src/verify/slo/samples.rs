//! What an objective counts: one sample a request, and when it was due.

use std::time::Duration;

use super::super::view::{View, ok};
use crate::clock::Nanos;
use crate::record::RequestFact;
use crate::scenario::plan::{Objective, Slo};
use crate::table::{Scratch, packed, sorted};

/// A sample.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Sample {
    /// The intended send of its request.
    pub(in super::super) at: Nanos,
    /// The phase that it lies in, by its place in the plan.
    pub(in super::super) phase: u16,
    pub(in super::super) good: bool,
    /// Of an objective on a latency: none where the request did not succeed, and is slower than any bound.
    pub(in super::super) latency: Option<Duration>,
}
packed!(Sample { at, phase, good, latency });

/// The requests of which phases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Which {
    /// Of those that the objective counts.
    ItsPhases,
    /// Of all.
    AnyPhase,
}

/// The samples of an objective, but for gaps.
pub(in super::super) fn of(view: &View<'_>, slo: &Slo, which: Which) -> impl Iterator<Item = Sample> {
    let sample = move |request: RequestFact| {
        let (good, latency) = match slo.objective {
            Objective::Success { .. } | Objective::ErrorRate { .. } | Objective::Rate { .. } => {
                (ok(&request), None)
            }
            Objective::Quality { .. } => (request.right?, None),
            Objective::Latency { .. } if !ok(&request) => (false, None),
            Objective::Latency { metric, bound, .. } => {
                let latency = request.latency(metric)?;
                (latency <= bound, Some(latency))
            }
        };
        Some(Sample { at: request.intended, phase: request.phase, good, latency })
    };
    selected(view, slo, which).filter_map(sample)
}

/// The requests that an objective counts.
pub(in super::super) fn selected(
    view: &View<'_>,
    slo: &Slo,
    which: Which,
) -> impl Iterator<Item = RequestFact> {
    view.judged().filter(move |request| counts(view, slo, request, which))
}

/// An objective counts this request.
pub(in super::super) fn counts(view: &View<'_>, slo: &Slo, request: &RequestFact, which: Which) -> bool {
    let only = &slo.only;
    (which == Which::AnyPhase || slo.during.contains(&usize::from(request.phase)))
        && only.cohort.is_none_or(|cohort| cohort == request.cohort)
        && only.node.as_ref().is_none_or(|node| view.is_node(request.node, node))
        && only.model.as_ref().is_none_or(|model| view.model(request) == model)
}

/// The smallest value that at least `share` of the samples are not above, milliseconds; none where that
/// is a request that failed.
pub(super) fn percentile(
    scratch: &Scratch,
    samples: impl Iterator<Item = Sample>,
    share: f64,
) -> Option<f64> {
    let mut all = 0_u64;
    let latencies = samples.inspect(|_| all += 1).filter_map(|sample| sample.latency);
    let latencies = sorted(scratch, latencies, |latency| *latency);
    let rank = ((share * all as f64).ceil() as usize).max(1);
    latencies.get(rank - 1).map(|at| at.as_secs_f64() * 1e3)
}
