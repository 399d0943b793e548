//! Objectives: k good of n samples against the share that is claimed.
//!
//! A sample is a request of the objective's phases (by its intended send) that was sent or shed; one
//! that the run's end cut off says nothing. For a latency, a request that did not succeed is a miss:
//! it is known only to be slower than any bound (censored). A request that succeeded and has no such
//! latency (`tpot` of an answer of one token, `ttft` of an empty one) is no sample. For `itl` the
//! samples are gaps, counted while the run went on.

use std::time::Duration;

use squall_report::{Metric, Verdict};

use super::losses;
use super::stats::Share;
use super::text;
use super::view::{View, ok};
use crate::record::{Gaps, Recorded, RequestFact};
use crate::scenario::plan::{Objective, Slo};
use crate::scenario::samples_for_a_pass;

/// An objective as it came out, and the sentence on it when it did not pass.
pub(super) struct Judged {
    pub(super) slo: squall_report::Slo,
    pub(super) reason: Option<String>,
}

/// Judges every objective of the plan, in its order.
pub(super) fn judge(view: &View<'_>, recorded: &Recorded) -> Vec<Judged> {
    let slos = view.plan.slos.iter().enumerate();
    slos.map(|(index, slo)| {
        let gaps = recorded.gaps.get(index).copied().unwrap_or_default();
        judge_one(view, slo, gaps)
    })
    .collect()
}

/// What the samples of an objective say.
struct Sampled {
    share: Share,
    observed: Option<f64>,
}

fn judge_one(view: &View<'_>, slo: &Slo, gaps: Gaps) -> Judged {
    let claim = slo.objective.share();
    let Sampled { share, observed } = match slo.objective {
        Objective::Latency { metric: Metric::Itl, .. } => {
            Sampled { share: Share::new(gaps.good, gaps.samples), observed: gaps.observed_ms }
        }
        Objective::Latency { metric, share, bound } => latency(view, slo, (metric, share, bound)),
        Objective::Success { .. } => success(view, slo),
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
        verdict,
    };
    let reason = (verdict != Verdict::Pass).then(|| reason(view, slo, &slo_row));
    Judged { slo: slo_row, reason }
}

fn phases(view: &View<'_>, slo: &Slo) -> Vec<String> {
    slo.during
        .iter()
        .filter_map(|phase| view.plan.phases.get(*phase))
        .map(|phase| phase.name.clone())
        .collect()
}

/// The requests of an objective's phases.
pub(super) fn requests<'a>(view: &View<'a>, slo: &Slo) -> impl Iterator<Item = &'a RequestFact> {
    view.judged().filter(|request| slo.during.contains(&usize::from(request.phase)))
}

fn success(view: &View<'_>, slo: &Slo) -> Sampled {
    let (mut good, mut samples) = (0, 0);
    for request in requests(view, slo) {
        samples += 1;
        good += u64::from(ok(request));
    }
    let share = Share::new(good, samples);
    Sampled { observed: share.observed(), share }
}

fn latency(view: &View<'_>, slo: &Slo, (metric, claim, bound): (Metric, f64, Duration)) -> Sampled {
    let (mut latencies, mut failed) = (Vec::new(), 0);
    for request in requests(view, slo) {
        if ok(request) {
            latencies.extend(sample(request, metric));
        } else {
            failed += 1;
        }
    }
    latencies.sort_unstable();
    let good = latencies.partition_point(|latency| *latency <= bound) as u64;
    let samples = latencies.len() as u64 + failed;
    // The smallest value that at least this share of all samples is not above.
    let rank = ((claim * samples as f64).ceil() as usize).max(1);
    let observed = latencies.get(rank - 1).map(|latency| latency.as_secs_f64() * 1e3);
    Sampled { share: Share::new(good, samples), observed }
}

/// A successful request's sample of a metric, on the intended clock where it has one.
pub(super) fn sample(request: &RequestFact, metric: Metric) -> Option<Duration> {
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

/// Why it did not pass.
fn reason(view: &View<'_>, slo: &Slo, row: &squall_report::Slo) -> String {
    let head = format!("`{}`, {} during {}", slo.name, slo.text, text::list(&row.during));
    if row.samples == 0 {
        return format!("{head}: there is not one sample");
    }
    let share = percent_of(row);
    if row.verdict == Verdict::Fail {
        return format!(
            "{head}: {share} are good, at most {} at 95 % confidence{}",
            text::percent(row.upper),
            misses(view, slo, row)
        );
    }
    if row.samples < row.needed {
        return format!(
            "{head}: {} can't prove it, {} could",
            text::count(row.samples, "sample"),
            row.needed
        );
    }
    format!(
        "{head}: {share} are good; that is between {} and {} at 95 % confidence, and decides nothing",
        text::percent(row.lower),
        text::percent(row.upper)
    )
}

fn percent_of(row: &squall_report::Slo) -> String {
    let share = row.good as f64 / row.samples as f64;
    format!("{} of {} ({})", row.good, text::count(row.samples, "sample"), text::percent(share))
}

/// What the misses were: too slow, or not answered.
fn misses(view: &View<'_>, slo: &Slo, row: &squall_report::Slo) -> String {
    let failed: Vec<&RequestFact> = requests(view, slo).filter(|request| !ok(request)).collect();
    let percentile = match slo.objective {
        Objective::Success { .. } => String::new(),
        Objective::Latency { .. } => match row.observed {
            Some(ms) => format!("; its percentile is {ms:.0} ms"),
            None => "; its percentile is a request that failed".into(),
        },
    };
    let gaps = matches!(slo.objective, Objective::Latency { metric: Metric::Itl, .. });
    if failed.is_empty() || gaps {
        return percentile;
    }
    format!("{percentile}; failed: {}", losses::describe(view, failed))
}
