//! Objectives on gaps: gaps are in no ledger, so they are counted as they come.
//!
//! By slices of time, so that it can be told how they come together. Slices are joined two by two when
//! they become too many: their number is bounded, however long the run.

use std::collections::BTreeMap;
use std::time::Duration;

use squall_report::Metric;

use super::{GapSlice, Gaps};
use crate::clock::Nanos;
use crate::scenario::plan::{Objective, Slo};

/// A slice at first.
const SLICE: Duration = Duration::from_secs(1);
/// Slices of an objective at most.
const MOST: usize = 7_200;

/// An SLO on gaps, and what was counted for it.
pub(super) struct GapObjective {
    /// Its place in the plan.
    pub(super) slo: usize,
    pub(super) during: Vec<usize>,
    bound: Duration,
    pub(super) share: f64,
    length: Duration,
    /// All and good ones, by phase and by the slice of the run.
    slices: BTreeMap<(usize, u64), (u64, u64)>,
}

impl GapObjective {
    /// None where the objective is on something else.
    pub(super) fn new(place: usize, slo: &Slo) -> Option<Self> {
        let Objective::Latency { metric: Metric::Itl, share, bound } = slo.objective else { return None };
        let (during, slices) = (slo.during.clone(), BTreeMap::new());
        Some(Self { slo: place, during, bound, share, length: SLICE, slices })
    }

    /// Counts the gaps of a request that was intended then, in this phase.
    pub(super) fn count(&mut self, phase: usize, intended: Nanos, gaps: &[u32]) {
        if !self.during.contains(&phase) {
            return;
        }
        let good = gaps.iter().filter(|gap| Duration::from_nanos(u64::from(**gap)) <= self.bound);
        let slice = self.slices.entry((phase, intended.0 / Nanos::from(self.length).0)).or_default();
        slice.0 += gaps.len() as u64;
        slice.1 += good.count() as u64;
        if self.slices.len() > MOST {
            self.length *= 2;
            for ((phase, index), (all, good)) in std::mem::take(&mut self.slices) {
                let slice = self.slices.entry((phase, index / 2)).or_default();
                slice.0 += all;
                slice.1 += good;
            }
        }
    }

    /// What was counted; `observed_ms` is the gap at the percentile.
    pub(super) fn counted(&self, observed_ms: Option<f64>) -> Gaps {
        let slice = |((phase, index), (samples, good)): (&(usize, u64), &(u64, u64))| GapSlice {
            start: Nanos(index * Nanos::from(self.length).0),
            phase: *phase,
            samples: *samples,
            good: *good,
        };
        let slices: Vec<GapSlice> = self.slices.iter().map(slice).collect();
        let (samples, good) = slices.iter().fold((0, 0), |sum, s| (sum.0 + s.samples, sum.1 + s.good));
        Gaps { samples, good, observed_ms, slices }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_joined_and_nothing_is_lost() {
        let objective =
            Objective::Latency { metric: Metric::Itl, share: 0.9, bound: Duration::from_nanos(5) };
        let slo = Slo { name: "s".into(), text: String::new(), objective, during: vec![1] };
        let mut counted = GapObjective::new(0, &slo).expect("on gaps");
        for second in 0..50_000 {
            counted.count(1, Nanos(second * 1_000_000_000), &[4, 5, 6]);
            counted.count(0, Nanos(second * 1_000_000_000), &[1]);
        }
        let gaps = counted.counted(None);
        assert_eq!((gaps.samples, gaps.good), (150_000, 100_000));
        assert!(gaps.slices.len() <= MOST && gaps.slices.len() > MOST / 2, "{}", gaps.slices.len());
        assert_eq!(gaps.slices[1].start, Nanos(8_000_000_000));
        assert_eq!((gaps.slices[1].samples, gaps.slices[1].good), (24, 16));
    }
}
