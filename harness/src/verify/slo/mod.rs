//! Objectives: what the samples say of what is claimed.
//!
//! A sample is a request of the objective's phases (by its intended send) that was sent or shed; one
//! that the run's end cut off says nothing. For a latency, a request that did not succeed is a miss:
//! it is known only to be slower than any bound (censored). A request that succeeded and has no such
//! latency (`tpot` of an answer of one token, `ttft` of an empty one) is no sample. For `itl` the
//! samples are gaps, counted while the run went on; for a rate they are blocks of time.
//!
//! An objective with a window is the claim that it holds in each of them. That all hold is proven when
//! each is proven by itself, at 95 % (an intersection-union test needs no more); that one does not is
//! looked for in all of them, so that the upper bound of each is wrong in 5 % divided by their number
//! (Bonferroni).

mod rates;
mod reason;
mod samples;
mod windows;

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use squall_report::{Method, RateUnit, Verdict};

use super::budget;
use super::stats::{Cell, RISK, Share};
use super::view::View;
use crate::clock::Nanos;
use crate::record::{GapSlice, Gaps, Recorded};
use crate::scenario::plan::{Counted, Objective, Slo};
use crate::scenario::samples_for_a_pass;
use crate::table::{Table, sorted};
use rates::Came;
use samples::Sample;
pub(super) use samples::{Which, of as samples_of, selected};

/// An objective as it came out, and the sentence on it when it did not pass.
pub(super) struct Judged {
    pub(super) slo: squall_report::Slo,
    pub(super) reason: Option<String>,
}

/// A part of a phase.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Span {
    /// The phase, by its place in the plan.
    phase: usize,
    from: Nanos,
    to: Nanos,
}

/// What the truth lies between: each holds with 95 % confidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bounds {
    lower: f64,
    upper: f64,
}

/// What was found in some spans of time.
#[derive(Clone, Copy, Debug)]
struct Figures {
    samples: u64,
    good: u64,
    bounds: Bounds,
    observed: Option<f64>,
    method: Method,
    effective: Option<f64>,
    design_effect: Option<f64>,
    /// Of a rate.
    block: Option<Duration>,
    verdict: Verdict,
}

/// All that an objective counts in the run.
enum Counts<'a> {
    /// In the order of phases and of when they were due, where windows are looked for in them.
    Samples(Table<Sample>),
    Gaps(&'a [GapSlice], Option<f64>),
    Came(Table<Came>, f64),
}

/// Judges every objective of the plan, in its order.
pub(super) fn judge(view: &View<'_>, recorded: &Recorded) -> Vec<Judged> {
    let slos = view.plan.slos.iter().enumerate();
    slos.map(|(index, slo)| judge_one(view, slo, recorded.gaps.get(index))).collect()
}

fn judge_one(view: &View<'_>, slo: &Slo, gaps: Option<&Gaps>) -> Judged {
    let counts = counts(view, slo, gaps);
    let spans = windows::phases(view, slo);
    let (figures, window) = match slo.window {
        None => (counts.in_spans(view, slo, &spans, RISK), None),
        Some(length) => windows::worst(&spans, length, |span, risk| {
            counts.in_spans(view, slo, std::slice::from_ref(span), risk)
        }),
    };
    let Figures { samples, good, bounds, observed, method, effective, design_effect, block, verdict } =
        figures;
    // Which node served a request, and whether a fault touched it, is known by its attempts.
    let joined = slo.only.node.is_some() || slo.only.cohort.is_some();
    let untold = view.why_untold().filter(|_| joined && verdict == Verdict::Pass);
    let verdict = if untold.is_some() { Verdict::Inconclusive } else { verdict };
    let row = squall_report::Slo {
        name: slo.name.clone(),
        objective: slo.text.clone(),
        during: slo
            .during
            .iter()
            .filter_map(|phase| Some(view.plan.phases.get(*phase)?.name.clone()))
            .collect(),
        node: slo.only.node.as_ref().map(ToString::to_string),
        cohort: slo.only.cohort,
        model: slo.only.model.clone(),
        target: claim(slo),
        samples,
        good,
        lower: bounds.lower,
        upper: bounds.upper,
        observed,
        needed: needed(slo),
        method: Some(method),
        effective_samples: effective,
        design_effect,
        rate: rate(slo),
        block_s: block.map(|block| block.as_secs_f64()),
        window,
        budget: budget::of(view, slo),
        verdict,
        line: view.plan.lines.objective(&slo.name),
    };
    let reason = match untold {
        Some(why) => Some(format!("`{}`, {}: {why}, so that it may count others", slo.name, slo.text)),
        None => (verdict != Verdict::Pass).then(|| reason::of(view, slo, &row)),
    };
    Judged { slo: row, reason }
}

/// The share, or the rate, that is claimed.
fn claim(slo: &Slo) -> f64 {
    match slo.objective {
        Objective::Rate { least, .. } => least,
        // A plan's objectives are on a share or on a rate.
        other => other.share().unwrap_or(1.0),
    }
}

/// Samples that a pass needs; of a rate, blocks of time.
fn needed(slo: &Slo) -> u64 {
    // A plan claims less than all, so that some number proves it.
    slo.objective.share().map_or(rates::LEAST_BLOCKS, |share| samples_for_a_pass(share).unwrap_or(u64::MAX))
}

fn rate(slo: &Slo) -> Option<RateUnit> {
    match slo.objective {
        Objective::Rate { of: Counted::Tokens, .. } => Some(RateUnit::Tokens),
        Objective::Rate { of: Counted::Requests | Counted::GoodRequests, .. } => Some(RateUnit::Requests),
        _ => None,
    }
}

fn counts<'a>(view: &View<'_>, slo: &Slo, gaps: Option<&'a Gaps>) -> Counts<'a> {
    match slo.objective {
        objective if objective.is_on_gaps() => {
            gaps.map_or(Counts::Gaps(&[], None), |gaps| Counts::Gaps(&gaps.slices, gaps.observed_ms))
        }
        Objective::Rate { of, least } => Counts::Came(rates::came(view, slo, of), least),
        _ => {
            let (samples, scratch) = (samples::of(view, slo, Which::ItsPhases), &view.facts.scratch);
            Counts::Samples(match slo.window {
                None => scratch.table(samples),
                Some(_) => sorted(scratch, samples, |sample| (sample.phase, sample.at)),
            })
        }
    }
}

impl Counts<'_> {
    /// What was found in these spans; the upper bound is wrong in a share `risk` of cases.
    fn in_spans(&self, view: &View<'_>, slo: &Slo, spans: &[Span], risk: f64) -> Figures {
        match self {
            Self::Samples(samples) => {
                // What is due after the plan's end counts in its last phase, and lies in no window.
                let inside = match (slo.window, spans) {
                    (Some(_), [span]) => span.places(samples),
                    _ => 0..samples.len(),
                };
                let inside = || samples.rows(inside.clone());
                let share = of_samples(view, inside()).with_risk(risk);
                let observed = match slo.objective {
                    Objective::Latency { share, .. } => {
                        samples::percentile(&view.facts.scratch, inside(), share)
                    }
                    Objective::ErrorRate { .. } => share.observed().map(|good| 1.0 - good),
                    _ => share.observed(),
                };
                of_share(share, observed, claim(slo))
            }
            Self::Gaps(slices, observed) => {
                // A slice may begin before its phase does.
                let inside = slices.iter().filter(|slice| {
                    slo.window.is_none()
                        || spans.iter().any(|span| span.phase == slice.phase && span.holds(slice.start))
                });
                let share = of_gaps(view, inside).with_risk(risk);
                // A percentile is known of all of them only.
                of_share(share, observed.filter(|_| slo.window.is_none()), claim(slo))
            }
            Self::Came(came, least) => of_rate(rates::judge(view, came, spans, *least, risk), *least),
        }
    }
}

impl Span {
    fn holds(&self, at: Nanos) -> bool {
        self.from <= at && at < self.to
    }

    /// Of samples in order, the places of those in it.
    fn places(&self, samples: &Table<Sample>) -> Range<usize> {
        let place = |at: Nanos| {
            samples.partition_point(|sample| (usize::from(sample.phase), sample.at) < (self.phase, at))
        };
        place(self.from)..place(self.to)
    }
}

fn of_share(share: Share, observed: Option<f64>, claim: f64) -> Figures {
    Figures {
        samples: share.samples,
        good: share.good,
        bounds: Bounds { lower: share.lower, upper: share.upper },
        observed,
        method: share.method(),
        effective: (share.samples > 0).then_some(share.effective),
        design_effect: share.design_effect,
        block: None,
        verdict: share.judge(claim),
    }
}

fn of_rate(rate: rates::Rate, least: f64) -> Figures {
    let verdict = match rate.bounds {
        Bounds { lower, .. } if rate.blocks >= rates::LEAST_BLOCKS && lower >= least => Verdict::Pass,
        Bounds { upper, .. } if upper < least => Verdict::Fail,
        _ => Verdict::Inconclusive,
    };
    Figures {
        samples: rate.blocks,
        good: rate.good,
        bounds: rate.bounds,
        observed: rate.mean,
        method: Method::BatchMeans,
        effective: None,
        design_effect: None,
        block: Some(rate.block),
        verdict,
    }
}

/// Samples in the slices of time that they were due in.
fn of_samples(view: &View<'_>, samples: impl Iterator<Item = Sample>) -> Share {
    let mut slices: BTreeMap<(usize, u64), Cell> = BTreeMap::new();
    for sample in samples {
        let phase = usize::from(sample.phase);
        let (slice, middle) = view.timetable.slice(phase, sample.at);
        let new = || Cell { piece: view.timetable.piece(middle), of: 0.0, good: 0.0 };
        let cell = slices.entry((phase, slice)).or_insert_with(new);
        cell.of += 1.0;
        cell.good += f64::from(u8::from(sample.good));
    }
    Share::of_slices(&slices.into_values().collect::<Vec<_>>())
}

/// Gaps, in the slices of time in which their requests were due.
fn of_gaps<'a>(view: &View<'_>, slices: impl Iterator<Item = &'a GapSlice>) -> Share {
    let cells = slices.map(|slice| Cell {
        piece: view.timetable.piece(slice.start),
        of: slice.samples as f64,
        good: slice.good as f64,
    });
    Share::of_slices(&cells.collect::<Vec<_>>())
}
