//! Objectives: k good of n samples against the share that is claimed.
//!
//! A sample is a request of the objective's phases (by its intended send) that was sent or shed; one
//! that the run's end cut off says nothing. For a latency, a request that did not succeed is a miss:
//! it is known only to be slower than any bound (censored). A request that succeeded and has no such
//! latency (`tpot` of an answer of one token, `ttft` of an empty one) is no sample. For `itl` the
//! samples are gaps, counted while the run went on.

mod reason;
mod samples;

use std::collections::BTreeMap;

use squall_report::{Metric, Verdict};

use super::stats::{Cell, Share};
use super::view::View;
use crate::record::{Gaps, Recorded};
use crate::scenario::plan::{Objective, Slo};
use crate::scenario::samples_for_a_pass;
use samples::Sample;
pub(super) use samples::{measured, requests};

/// An objective as it came out, and the sentence on it when it did not pass.
pub(super) struct Judged {
    pub(super) slo: squall_report::Slo,
    pub(super) reason: Option<String>,
}

/// Judges every objective of the plan, in its order.
pub(super) fn judge(view: &View<'_>, recorded: &Recorded) -> Vec<Judged> {
    let slos = view.plan.slos.iter().enumerate();
    slos.map(|(index, slo)| judge_one(view, slo, recorded.gaps.get(index))).collect()
}

fn judge_one(view: &View<'_>, slo: &Slo, gaps: Option<&Gaps>) -> Judged {
    let claim = slo.objective.share();
    let (share, observed) = match slo.objective {
        Objective::Latency { metric: Metric::Itl, .. } => of_gaps(view, gaps),
        Objective::Latency { share, .. } => {
            let samples = samples::of(view, slo);
            (of_samples(view, &samples), samples::percentile(&samples, share))
        }
        Objective::Success { .. } => {
            let share = of_samples(view, &samples::of(view, slo));
            (share, share.observed())
        }
    };
    let verdict = share.judge(claim);
    let slo_row = squall_report::Slo {
        name: slo.name.clone(),
        objective: slo.text.clone(),
        during: phases(view, slo),
        target: claim,
        samples: share.samples,
        good: share.good,
        lower: share.lower,
        upper: share.upper,
        observed,
        // A plan claims less than all, so that some number proves it.
        needed: samples_for_a_pass(claim).unwrap_or(u64::MAX),
        method: Some(share.method()),
        effective_samples: (share.samples > 0).then_some(share.effective),
        design_effect: share.design_effect,
        verdict,
        line: view.plan.lines.objective(&slo.name),
    };
    let reason = (verdict != Verdict::Pass).then(|| reason::of(view, slo, &slo_row));
    Judged { slo: slo_row, reason }
}

fn phases(view: &View<'_>, slo: &Slo) -> Vec<String> {
    slo.during
        .iter()
        .filter_map(|phase| view.plan.phases.get(*phase))
        .map(|phase| phase.name.clone())
        .collect()
}

/// Samples in the slices of time that they were due in.
fn of_samples(view: &View<'_>, samples: &[Sample]) -> Share {
    let mut slices: BTreeMap<(usize, u64), Cell> = BTreeMap::new();
    for sample in samples {
        let (slice, middle) = view.timetable.slice(sample.phase, sample.at);
        let new = || Cell { piece: view.timetable.piece(middle), of: 0.0, good: 0.0 };
        let cell = slices.entry((sample.phase, slice)).or_insert_with(new);
        cell.of += 1.0;
        cell.good += f64::from(u8::from(sample.good));
    }
    Share::of_slices(&slices.into_values().collect::<Vec<_>>())
}

/// Gaps, in the slices of time in which their requests were due.
fn of_gaps(view: &View<'_>, gaps: Option<&Gaps>) -> (Share, Option<f64>) {
    let Some(gaps) = gaps else { return (Share::new(0, 0), None) };
    let cells = gaps.slices.iter().map(|slice| Cell {
        piece: view.timetable.piece(slice.start),
        of: slice.samples as f64,
        good: slice.good as f64,
    });
    let share = Share::of_slices(&cells.collect::<Vec<_>>());
    (share, gaps.observed_ms)
}
