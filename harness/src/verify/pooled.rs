//! Several runs of one scenario, judged together.
//!
//! An objective is judged over the samples of all runs: what one run is too short for, ten may prove. What must
//! hold in each run (bounds on failover, invariants) is broken when it is broken in one. Runs whose figures can't
//! be trusted have no samples, and leave the whole inconclusive unless something failed.

use squall_report::{Clock, Cohort, Metric, Pooled, Repeated, Repeats, Report, Spread, Verdict};

use super::stats::{RISK, Share};

/// A percentile of a latency.
type Percentile = (&'static str, Metric, fn(&squall_report::Latency) -> Option<f64>);

/// Figures whose spread is shown, of each phase.
const PERCENTILES: [Percentile; 4] = [
    ("p50(ttft)", Metric::Ttft, |row| row.p50_ms),
    ("p95(ttft)", Metric::Ttft, |row| row.p95_ms),
    ("p99(ttft)", Metric::Ttft, |row| row.p99_ms),
    ("p95(e2e)", Metric::E2e, |row| row.p95_ms),
];

/// What the runs in these folders, of one scenario, say together.
pub fn pool(runs: &[(String, Report)]) -> Repeats {
    let trusted: Vec<&Report> =
        runs.iter().map(|(_, report)| report).filter(|run| distrust(run).is_none()).collect();
    let slos = slos(&trusted);
    let (verdict, reasons) = verdict(runs, &trusted, &slos);
    Repeats {
        scenario: runs.first().map_or_else(String::new, |(_, report)| report.scenario.name.clone()),
        verdict,
        reasons,
        runs: runs.iter().map(|(path, report)| repeated(path, report)).collect(),
        slos,
        spreads: spreads(&trusted),
    }
}

/// Why nothing that is drawn from several runs can rest on this one, if it can't.
pub fn distrust(report: &Report) -> Option<String> {
    if let Some(why) = &report.aborted {
        return Some(format!("it was ended before its time: {why}"));
    }
    if !report.pauses.is_empty() {
        return Some("its storm was paused by hand".to_owned());
    }
    if let Some(fault) = report.faults.iter().find(|fault| fault.traps > 0) {
        return Some(format!("its plugin `{}` trapped", fault.plugin));
    }
    report.client.saturated.then(|| "its client was saturated".to_owned())
}

fn repeated(path: &str, report: &Report) -> Repeated {
    Repeated {
        path: path.to_owned(),
        seed: report.scenario.seed,
        verdict: report.verdict,
        reason: report.reasons.first().cloned().unwrap_or_default(),
        trusted: distrust(report).is_none(),
    }
}

fn slos(runs: &[&Report]) -> Vec<Pooled> {
    let Some(first) = runs.first() else { return Vec::new() };
    let of = |place: usize| runs.iter().filter_map(move |run| run.slos.get(place));
    first
        .slos
        .iter()
        .enumerate()
        .map(|(place, slo)| {
            let (samples, good) = of(place).fold((0, 0), |sum, slo| (sum.0 + slo.samples, sum.1 + slo.good));
            let effective = of(place).map(|slo| slo.effective_samples.unwrap_or(slo.samples as f64)).sum();
            let share = Share { effective, ..Share::new(good, samples) }.with_risk(RISK);
            Pooled {
                name: slo.name.clone(),
                objective: slo.objective.clone(),
                samples,
                good,
                effective_samples: effective,
                lower: share.lower,
                upper: share.upper,
                verdict: share.judge(slo.target),
            }
        })
        .collect()
}

/// Sentences on bounds and invariants that are broken in a run.
fn broken(runs: &[&Report]) -> Vec<String> {
    let mut broken = Vec::new();
    for run in runs {
        let seed = run.scenario.seed;
        for failover in &run.failover {
            let failed = failover.checks.iter().filter(|check| check.verdict == Verdict::Fail);
            broken.extend(failed.map(|check| {
                let (name, bound, seen) = (&check.name, &check.bound, &check.observed);
                format!("seed {seed}: {name} of `{}` is {seen}, {bound} was wanted", failover.node)
            }));
        }
        let failed = run.invariants.iter().filter(|invariant| invariant.verdict == Verdict::Fail);
        broken.extend(failed.map(|invariant| format!("seed {seed}: broken: {}", invariant.name)));
        // What failed otherwise, such as a service of which nothing worked.
        let otherwise =
            run.verdict == Verdict::Fail && run.slos.iter().all(|slo| slo.verdict != Verdict::Fail);
        if otherwise && broken.is_empty() {
            broken.extend(run.reasons.first().map(|reason| format!("seed {seed}: {reason}")));
        }
    }
    broken
}

fn verdict(runs: &[(String, Report)], trusted: &[&Report], slos: &[Pooled]) -> (Verdict, Vec<String>) {
    let of = |verdict| slos.iter().filter(move |slo| slo.verdict == verdict);
    let told = |slo: &Pooled| {
        format!(
            "`{}`, {}: {} of {} samples of all runs are good",
            slo.name, slo.objective, slo.good, slo.samples
        )
    };
    let mut failed: Vec<String> = of(Verdict::Fail).map(told).collect();
    failed.extend(broken(trusted));
    if !failed.is_empty() {
        return (Verdict::Fail, failed);
    }
    let mut undecided: Vec<String> = of(Verdict::Inconclusive).map(told).collect();
    let distrusted = runs.len() - trusted.len();
    if distrusted > 0 {
        undecided.push(format!("{distrusted} of {} runs can't be trusted, and are left out", runs.len()));
    }
    for run in trusted {
        let seed = run.scenario.seed;
        let open = run.invariants.iter().filter(|invariant| invariant.verdict == Verdict::Inconclusive);
        undecided.extend(open.map(|invariant| format!("seed {seed}: not decided: {}", invariant.name)));
        let checks = run.failover.iter().flat_map(|failover| &failover.checks);
        let open = checks.filter(|check| check.verdict == Verdict::Inconclusive);
        undecided.extend(open.map(|check| format!("seed {seed}: not decided: {}", check.name)));
    }
    if !undecided.is_empty() {
        return (Verdict::Inconclusive, undecided);
    }
    (Verdict::Pass, vec![format!("all holds over {} runs", trusted.len())])
}

fn spreads(runs: &[&Report]) -> Vec<Spread> {
    let Some(first) = runs.first() else { return Vec::new() };
    let mut spreads = Vec::new();
    for phase in first.phases.iter().filter(|phase| !phase.warmup) {
        let success = |run: &&Report| {
            let phase = run.phases.iter().find(|other| other.name == phase.name)?;
            let answered = phase.counts.scheduled.checked_sub(phase.counts.aborted).filter(|n| *n > 0)?;
            Some(phase.counts.ok as f64 / answered as f64)
        };
        spreads.extend(spread(&phase.name, "success", "share", runs.iter().filter_map(success)));
        for (what, metric, percentile) in PERCENTILES {
            let of = |run: &&Report| {
                let mut rows = run.latency.iter();
                let row = rows.find(|row| {
                    row.phase == phase.name
                        && row.metric == metric
                        && row.cohort == Cohort::All
                        && row.clock == Clock::Intended
                })?;
                percentile(row)
            };
            spreads.extend(spread(&phase.name, what, "ms", runs.iter().filter_map(of)));
        }
    }
    for (place, died) in first.failover.iter().enumerate() {
        let of = |measure: fn(&squall_report::Failover) -> Option<f64>| {
            runs.iter().filter_map(move |run| measure(run.failover.get(place)?))
        };
        let node = format!("`{}`", died.node);
        spreads.extend(spread(&node, "detection", "s", of(|row| row.detection_s)));
        spreads.extend(spread(&node, "first rescue", "s", of(|row| row.first_rescue_s)));
        spreads.extend(spread(&node, "recovery", "s", of(|row| row.recovery_s)));
        let lost = of(|row| (row.requests > 0).then(|| row.lost as f64 / row.requests as f64));
        spreads.extend(spread(&node, "lost", "share", lost));
        let truncated = of(|row| (row.requests > 0).then_some(row.silently_truncated as f64));
        spreads.extend(spread(&node, "silently truncated", "", truncated));
        spreads.extend(spread(&node, "attempts a request", "", of(|row| row.amplification_mean)));
    }
    spreads
}

fn spread(of: &str, what: &str, unit: &str, values: impl Iterator<Item = f64>) -> Option<Spread> {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    let (least, most) = (*values.first()?, *values.last()?);
    Some(Spread {
        of: of.to_owned(),
        what: what.to_owned(),
        unit: unit.to_owned(),
        runs: values.len() as u64,
        least,
        median: values[(values.len() - 1) / 2],
        most,
    })
}
