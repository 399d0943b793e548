//! Before, during and after the faults: the same figures of each, failed requests included.
//!
//! One stretch stands for all faults of the run: from the first that did something, or the first death,
//! to when the last is withdrawn, every node is up again and the service level holds. A request counts
//! where it was due.

use std::time::Duration;

use squall_report::{Around, Fault, Metric, Percentiles, Period, PeriodLatency, Point};

use super::failover::Episode;
use super::view::{View, ok};
use crate::clock::Nanos;
use crate::record::RequestFact;
use crate::table::{Sorter, Table};

const METRICS: [Metric; 3] = [Metric::Ttft, Metric::Tpot, Metric::E2e];
/// Points of a curve, from the median to where half of what is left is missing.
const POINTS_A_HALVING: f64 = 4.0;

/// The periods, in order; none without a fault.
pub(super) fn around(view: &View<'_>, episodes: &[Episode], faults: &[Fault]) -> Vec<Period> {
    let Some((from, to)) = disturbed(view, episodes, faults) else { return Vec::new() };
    let judged_from = view.plan.phases.iter().filter(|phase| !phase.warmup).map(|phase| phase.start).min();
    let begin = judged_from.unwrap_or(Nanos::ZERO).min(from);
    vec![
        period(view, Around::Before, (begin, from)),
        period(view, Around::During, (from, to)),
        period(view, Around::After, (to, view.until.max(to))),
    ]
}

/// From the first fault that did something to when all is over, as far as arrivals were watched.
fn disturbed(view: &View<'_>, episodes: &[Episode], faults: &[Fault]) -> Option<(Nanos, Nanos)> {
    let fired = view.plan.faults.iter().zip(faults).filter(|(_, did)| did.fired > 0);
    let by_faults = fired.map(|(fault, _)| (fault.on, fault.off));
    let by_deaths = episodes.iter().map(|episode| (episode.down.from, episode.window.1));
    let all = by_faults.chain(by_deaths).filter(|(from, _)| *from < view.until);
    let hull = all.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
    Some((hull.0, hull.1.min(view.until)))
}

fn period(view: &View<'_>, period: Around, (from, to): (Nanos, Nanos)) -> Period {
    let warm = |request: &RequestFact| {
        !view.plan.phases.get(usize::from(request.phase)).is_some_and(|phase| phase.warmup)
    };
    let due = view.judged_between(from, to);
    let due = due.filter(|request| request.intended >= from && request.intended < to);
    let (mut requests, mut good) = (0, 0);
    let mut latencies = METRICS.map(|_| Sorter::new(&view.facts.scratch, |latency: &Duration| *latency));
    for request in due.filter(warm) {
        requests += 1;
        if ok(&request) {
            good += 1;
            for (metric, latencies) in METRICS.into_iter().zip(&mut latencies) {
                request.latency(metric).into_iter().for_each(|latency| latencies.push(latency));
            }
        }
    }
    let latencies = METRICS.into_iter().zip(latencies);
    let mut node_attempts = vec![0; view.plan.nodes.len()];
    for attempt in view.work_between(from, to) {
        if let Some(count) = node_attempts.get_mut(usize::from(attempt.node)) {
            *count += 1;
        }
    }
    Period {
        period,
        start_s: from.as_secs_f64(),
        end_s: to.as_secs_f64(),
        requests,
        ok: good,
        latency: latencies
            .filter_map(|(metric, latencies)| latency(metric, &latencies.finish(), requests - good))
            .collect(),
        node_attempts,
    }
}

/// Of latencies in ascending order, and of requests that failed; none where there is no sample.
fn latency(metric: Metric, latencies: &Table<Duration>, failed: u64) -> Option<PeriodLatency> {
    let samples = latencies.len() as u64 + failed;
    // The smallest latency that at least this share of all samples is not above.
    let at = |quantile: f64| {
        let rank = ((quantile * samples as f64).ceil() as usize).max(1);
        latencies.get(rank - 1).map(|latency| latency.as_secs_f64() * 1e3)
    };
    (samples > 0).then(|| PeriodLatency {
        metric,
        samples,
        percentiles: Percentiles {
            p50_ms: at(0.5),
            p90_ms: at(0.9),
            p95_ms: at(0.95),
            p99_ms: at(0.99),
            p999_ms: at(0.999),
        },
        points: points(samples, at),
    })
}

/// From the median out, each step nearer to 1, until a step would be less than one sample.
fn points(samples: u64, at: impl Fn(f64) -> Option<f64>) -> Vec<Point> {
    let mut points = Vec::new();
    let mut rest = 0.5;
    while rest * samples as f64 >= 1.0 {
        let quantile = 1.0 - rest;
        let Some(ms) = at(quantile) else { break };
        points.push(Point { quantile, ms });
        rest *= 0.5_f64.powf(1.0 / POINTS_A_HALVING);
    }
    points
}
