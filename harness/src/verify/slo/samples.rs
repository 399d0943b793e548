//! What an objective counts: one sample a request, and when it was due.

use std::time::Duration;

use squall_report::Metric;

use super::super::view::{View, ok};
use crate::clock::Nanos;
use crate::record::RequestFact;
use crate::scenario::plan::{Objective, Slo};

/// A sample.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// The intended send of its request.
    pub(super) at: Nanos,
    /// The phase that it lies in, by its place in the plan.
    pub(super) phase: usize,
    pub(super) good: bool,
    /// Of an objective on a latency: none where the request did not succeed, and is slower than any bound.
    pub(super) latency: Option<Duration>,
}

/// The samples of an objective, but for gaps.
pub(super) fn of(view: &View<'_>, slo: &Slo) -> Vec<Sample> {
    let sample = |request: &RequestFact| {
        let (good, latency) = match slo.objective {
            Objective::Success { .. } => (ok(request), None),
            Objective::Latency { .. } if !ok(request) => (false, None),
            Objective::Latency { metric, bound, .. } => {
                let latency = measured(request, metric)?;
                (latency <= bound, Some(latency))
            }
        };
        Some(Sample { at: request.intended, phase: usize::from(request.phase), good, latency })
    };
    requests(view, slo).filter_map(sample).collect()
}

/// The requests that an objective counts.
pub(in crate::verify) fn requests<'a>(view: &View<'a>, slo: &Slo) -> impl Iterator<Item = &'a RequestFact> {
    view.judged().filter(|request| slo.during.contains(&usize::from(request.phase)))
}

/// A successful request's sample of a metric, on the intended clock where it has one.
pub(in crate::verify) fn measured(request: &RequestFact, metric: Metric) -> Option<Duration> {
    match metric {
        Metric::Ttft => Some(request.first_content? - request.intended),
        Metric::Ttfb => Some(request.first_byte? - request.intended),
        Metric::E2e => Some(request.last_content? - request.intended),
        Metric::Tpot if request.output_tokens > 1 => {
            Some((request.last_content? - request.first_content?) / (request.output_tokens - 1))
        }
        Metric::Tpot | Metric::Itl => None,
    }
}

/// The smallest value that at least `share` of the samples are not above, milliseconds; none where that
/// is a request that failed.
pub(super) fn percentile(samples: &[Sample], share: f64) -> Option<f64> {
    let mut latencies: Vec<Duration> = samples.iter().filter_map(|sample| sample.latency).collect();
    let rank = ((share * samples.len() as f64).ceil() as usize).max(1);
    if rank > latencies.len() {
        return None;
    }
    let (_, at, _) = latencies.select_nth_unstable(rank - 1);
    Some(at.as_secs_f64() * 1e3)
}
