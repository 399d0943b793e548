//! Guards: is the service so bad that the run is to end?
//!
//! Each looks back over a sliding time at the requests that ended in it, and is breached when the share of
//! good ones is below what it asks. What is good is as objectives have it: a request that succeeded, within
//! the bound where there is one; a failed one is a miss. The time is kept in a few buckets, so that memory
//! does not grow with the load. Only the first breach counts: it ends the run.

use std::collections::BTreeMap;
use std::time::Duration;

use squall_report::{Metric, Outcome};

use super::row::RequestRow;
use crate::clock::Nanos;
use crate::scenario::plan::{Plan, Stop};

/// Buckets of the time that a guard looks back.
const BUCKETS: u32 = 20;

/// How a guard was breached.
#[derive(Clone, Debug, PartialEq)]
pub struct Breach {
    /// Which, by its place in the plan.
    pub stop: usize,
    /// When.
    pub at: Nanos,
    /// Requests that had ended in the time that it looks back.
    pub samples: u64,
    /// Of these, good.
    pub good: u64,
}

impl Breach {
    /// Why the run ends, in a sentence.
    pub fn why(&self, plan: &Plan) -> String {
        let Self { stop, samples, good, .. } = *self;
        let Some(stop) = plan.stops.get(stop) else { return "a guard was breached".into() };
        let percent = |share: f64| format!("{} %", (share * 1e4).round() / 100.0);
        let good_is = match stop.within {
            Some((metric, bound)) => {
                format!("had {} within {}", metric.as_str(), humantime::format_duration(bound))
            }
            None => "succeeded".into(),
        };
        format!(
            "the guard `{}` was breached: of {samples} requests that ended within {}, {good} ({}) {good_is}, and \
             less than {} ends the run",
            stop.text,
            humantime::format_duration(stop.over),
            percent(good as f64 / samples as f64),
            percent(stop.below),
        )
    }
}

/// The guards of a plan.
pub(super) struct Guards {
    guards: Vec<Guard>,
}

struct Guard {
    stop: Stop,
    /// All and good ones, by the bucket in which they ended.
    buckets: BTreeMap<u64, (u64, u64)>,
}

impl Guards {
    pub(super) fn new(plan: &Plan) -> Self {
        let guard = |stop: &Stop| Guard { stop: stop.clone(), buckets: BTreeMap::new() };
        Self { guards: plan.stops.iter().map(guard).collect() }
    }

    /// A request ended; the breach, where it was the one that broke a guard.
    pub(super) fn request(&mut self, row: &RequestRow) -> Option<Breach> {
        // The run's end, or its client, cut it off: that says nothing of the service.
        if row.outcome == Outcome::Aborted {
            return None;
        }
        let guards = self.guards.iter_mut().enumerate();
        let breaches: Vec<Breach> = guards.filter_map(|(place, guard)| guard.count(place, row)).collect();
        breaches.into_iter().next()
    }
}

impl Guard {
    fn count(&mut self, place: usize, row: &RequestRow) -> Option<Breach> {
        let length = (Nanos::from(self.stop.over).0 / u64::from(BUCKETS)).max(1);
        let now = row.end_ns.0 / length;
        let bucket = self.buckets.entry(now).or_default();
        bucket.0 += 1;
        bucket.1 += u64::from(is_good(row, self.stop.within));
        // Rows come nearly in the order of their ends; what is later than the latest moves the window on.
        let latest = self.buckets.last_key_value().map_or(now, |(latest, _)| *latest);
        self.buckets = self.buckets.split_off(&(latest + 1).saturating_sub(u64::from(BUCKETS)));
        let (samples, good) = self.buckets.values().fold((0, 0), |sum, of| (sum.0 + of.0, sum.1 + of.1));
        let breached =
            samples >= u64::from(self.stop.samples) && (good as f64) < self.stop.below * samples as f64;
        breached.then_some(Breach { stop: place, at: row.end_ns, samples, good })
    }
}

fn is_good(row: &RequestRow, within: Option<(Metric, Duration)>) -> bool {
    if row.outcome != Outcome::Ok {
        return false;
    }
    within.is_none_or(|(metric, bound)| row.latency(metric).is_none_or(|latency| latency <= bound))
}

#[cfg(test)]
mod tests {
    use super::super::tests::request;
    use super::*;

    fn guard(below: f64, within: Option<(Metric, Duration)>) -> Guard {
        let stop = Stop { text: "x".into(), below, within, over: Duration::from_secs(5), samples: 10 };
        Guard { stop, buckets: BTreeMap::new() }
    }

    fn row(end_ms: u64, outcome: Outcome) -> RequestRow {
        RequestRow { end_ns: Nanos(end_ms * 1_000_000), ..request(0, 0, outcome) }
    }

    /// Ten a second, all good for ten seconds; then none. Half of the last fifty are bad after 2.5 s.
    #[test]
    fn a_share_is_that_of_the_time_it_looks_back() {
        let mut guard = guard(0.5, None);
        let mut breach = None;
        for n in 0..200_u64 {
            let outcome = if n < 100 { Outcome::Ok } else { Outcome::Reset };
            breach = breach.or_else(|| guard.count(0, &row(n * 100, outcome)));
        }
        let Breach { at, samples, good, .. } = breach.expect("breached");
        assert!((12_400..=12_800).contains(&(at.0 / 1_000_000)), "{at}");
        assert!((45..=50).contains(&samples) && good * 2 < samples, "{good} of {samples}");
        assert!(guard.buckets.len() <= 20, "{}", guard.buckets.len());
    }

    #[test]
    fn few_samples_say_nothing() {
        let mut guard = guard(0.5, None);
        let breaches = (0..9).filter_map(|n| guard.count(0, &row(n, Outcome::Reset))).count();
        assert_eq!(breaches, 0);
        assert!(guard.count(0, &row(10, Outcome::Reset)).is_some());
    }

    #[test]
    fn a_latency_is_breached_by_slow_ones_and_by_failed_ones() {
        let bound = Duration::from_secs(10);
        let first = |ms: u64| RequestRow {
            first_content_ns: Some(Nanos(ms * 1_000_000)),
            ..row(20_000, Outcome::Ok)
        };
        for slow in [first(10_001), row(20_000, Outcome::Timeout)] {
            let mut guard = guard(0.95, Some((Metric::Ttft, bound)));
            let fast = (0..19).filter_map(|_| guard.count(0, &first(10_000))).count();
            assert_eq!(fast, 0);
            // 19 of 20 are 95 %, 19 of 21 are not.
            assert_eq!(guard.count(0, &slow), None);
            assert!(guard.count(0, &slow).is_some());
        }
    }
}
