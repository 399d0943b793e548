//! Objectives on gaps: gaps are in no ledger, so they are counted as they come.
//!
//! By slices of time, so that it can be told how they come together. Slices are joined two by two when
//! they become too many: their number is bounded, however long the run.

use std::collections::BTreeMap;
use std::time::Duration;

use squall_report::Metric;

use super::histogram::Latencies;
use super::row::RequestRow;
use super::{GapSlice, Gaps};
use crate::clock::Nanos;
use crate::scenario::plan::{Objective, Plan, Selector, Slo};

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
    only: Selector,
    /// The model that answers are of which name none.
    asked: String,
    /// The gaps of the selected requests, where not all are.
    own: Option<Latencies>,
    length: Duration,
    /// All and good ones, by phase and by the slice of the run.
    slices: BTreeMap<(usize, u64), (u64, u64)>,
}

impl GapObjective {
    /// None where the objective is on something else.
    pub(super) fn new(place: usize, slo: &Slo, plan: &Plan) -> Option<Self> {
        let Objective::Latency { metric: Metric::Itl, share, bound } = slo.objective else { return None };
        Some(Self {
            slo: place,
            during: slo.during.clone(),
            bound,
            share,
            own: (!slo.only.is_all()).then(Latencies::fine),
            only: slo.only.clone(),
            asked: plan.target.model.clone(),
            length: SLICE,
            slices: BTreeMap::new(),
        })
    }

    /// The objective counts this request.
    fn counts(&self, row: &RequestRow) -> bool {
        let Selector { node, cohort, model } = &self.only;
        node.as_ref().is_none_or(|node| row.node.as_ref() == Some(node))
            && cohort.is_none_or(|cohort| cohort == row.cohort)
            && model.as_ref().is_none_or(|model| row.model.as_ref().unwrap_or(&self.asked) == model)
    }

    /// Counts the gaps of a request of this phase.
    pub(super) fn count(&mut self, phase: usize, row: &RequestRow, gaps: &[u32]) {
        if !self.during.contains(&phase) || !self.counts(row) {
            return;
        }
        if let Some(own) = &mut self.own {
            for gap in gaps {
                own.record(Duration::from_nanos(u64::from(*gap)));
            }
        }
        let good = gaps.iter().filter(|gap| Duration::from_nanos(u64::from(**gap)) <= self.bound);
        let slice = self.slices.entry((phase, row.intended_ns.0 / Nanos::from(self.length).0)).or_default();
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

    /// The gaps of its own, where the objective counts some requests only.
    pub(super) fn own(&self) -> Option<&Latencies> {
        self.own.as_ref()
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
    use squall_report::{Cohort, Outcome};

    use super::super::tests::{plan, request};
    use super::*;

    #[test]
    fn slices_are_joined_and_nothing_is_lost() {
        let mut plan = plan();
        let bound = Duration::from_nanos(5);
        plan.slos[0].objective = Objective::Latency { metric: Metric::Itl, share: 0.9, bound };
        let mut counted = GapObjective::new(0, &plan.slos[0], &plan).expect("on gaps");
        for second in 0..50_000 {
            let row = request(0, second * 1_000, Outcome::Ok);
            counted.count(1, &row, &[4, 5, 6]);
            counted.count(0, &row, &[1]);
        }
        let gaps = counted.counted(None);
        assert_eq!((gaps.samples, gaps.good), (150_000, 100_000));
        assert!(gaps.slices.len() <= MOST && gaps.slices.len() > MOST / 2, "{}", gaps.slices.len());
        assert_eq!(gaps.slices[1].start, Nanos(8_000_000_000));
        assert_eq!((gaps.slices[1].samples, gaps.slices[1].good), (24, 16));
    }

    /// Of the rows of the tests, even ones are faulted; all are of node `a` and name no model.
    #[test]
    fn gaps_of_other_requests_are_not_counted() {
        let mut plan = plan();
        let mut counted = |only| {
            plan.slos[0].only = only;
            let mut counted = GapObjective::new(0, &plan.slos[0], &plan).expect("on gaps");
            for id in 0..3 {
                counted.count(1, &request(id, 12_000, Outcome::Ok), &[20_000_000]);
            }
            let observed = counted.own().and_then(|own| own.at(0.5));
            (counted.counted(None).samples, observed.is_some())
        };
        let cohort = Some(Cohort::Faulted);
        assert_eq!(counted(Selector::default()), (3, false));
        assert_eq!(counted(Selector { cohort, ..Selector::default() }), (2, true));
        assert_eq!(counted(Selector { node: Some("b".into()), ..Selector::default() }), (0, false));
        assert_eq!(counted(Selector { model: Some("sim".into()), ..Selector::default() }), (3, true));
    }
}
