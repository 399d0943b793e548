//! The figures of a phase in both runs, and what their differences are.

use squall_report::{Change, Difference, Matters, Metric, Unit};

use super::bootstrap::{Drawn, Sliced, interval};
use super::sides::{Figures, LATENCIES};

/// Percentiles that are compared.
const PERCENTILES: [(f64, &str); 3] = [(0.5, "p50"), (0.95, "p95"), (0.99, "p99")];
/// A percentile is compared where so many samples lie beyond it: fewer are the luck of the few.
const BEYOND: f64 = 5.0;

/// Adds the differences of a phase.
pub(super) fn differences(
    a: &Figures,
    b: &Figures,
    matters: &Matters,
    found: &mut Vec<Difference>,
    notes: &mut Vec<String>,
) {
    if a.failures.samples() == 0 || b.failures.samples() == 0 {
        notes.push(format!("phase `{}` has no requests in one of the runs", a.name));
        return;
    }
    let streams = Streams::of(a, b);
    found.push(success(a, b, streams, matters));
    found.push(answers(a, b, streams, matters));
    for (index, metric) in LATENCIES.map(Metric::as_str).into_iter().enumerate() {
        let (of_a, of_b) = (&a.latencies[index], &b.latencies[index]);
        let fewest = of_a.samples().min(of_b.samples()) as f64;
        let (told, untold): (Vec<_>, Vec<_>) =
            PERCENTILES.iter().partition(|(share, _)| fewest * (1.0 - share) >= BEYOND);
        if !untold.is_empty() {
            let names: Vec<&str> = untold.iter().map(|(_, name)| *name).collect();
            notes.push(format!(
                "{} of {metric} in phase `{}`: left out, {fewest} samples don't tell",
                names.join(" and "),
                a.name
            ));
        }
        latencies(&a.name, metric, &told, [of_a, of_b], streams, matters, found);
    }
}

/// By which random streams the slices of each run are drawn. Where both were sent the same at the same times, the
/// same slices are drawn of both, so that what the arrivals vary by is no difference.
#[derive(Clone, Copy)]
struct Streams(u64, u64);

impl Streams {
    fn of(a: &Figures, b: &Figures) -> Self {
        Self(0, u64::from(!a.failures.is_as_sent(&b.failures)))
    }
}

/// The share of requests that succeeded.
fn success(a: &Figures, b: &Figures, streams: Streams, matters: &Matters) -> Difference {
    let share = |of: Drawn| 1.0 - of.sum / of.samples;
    let shares = |figures: &Figures, stream| {
        figures.failures.resampled_sums(stream).filter(|drawn| drawn.samples > 0.0).map(share)
    };
    let (of_a, of_b) = (shares(a, streams.0), shares(b, streams.1));
    let changes = of_a.zip(of_b).map(|(a, b)| b - a).collect();
    let (a_share, b_share) = (share(a.failures.sum()), share(b.failures.sum()));
    Made {
        phase: &a.name,
        what: "success".into(),
        unit: Unit::Share,
        figures: [a_share, b_share],
        change: b_share - a_share,
        interval: interval(changes),
        samples: [a.failures.samples(), b.failures.samples()],
        margin: matters.share,
    }
    .judged()
}

/// Requests that succeeded, a second.
fn answers(a: &Figures, b: &Figures, streams: Streams, matters: &Matters) -> Difference {
    let rate = |seconds: f64, of: Drawn| (of.samples - of.sum) / seconds;
    let rates = |figures: &Figures, stream| {
        let seconds = figures.seconds;
        figures.failures.resampled_sums(stream).map(move |drawn| rate(seconds, drawn))
    };
    let changes = rates(a, streams.0).zip(rates(b, streams.1)).map(|(a, b)| relative(a, b)).collect();
    let (of_a, of_b) = (rate(a.seconds, a.failures.sum()), rate(b.seconds, b.failures.sum()));
    Made {
        phase: &a.name,
        what: "answers".into(),
        unit: Unit::PerS,
        figures: [of_a, of_b],
        change: relative(of_a, of_b),
        interval: interval(changes),
        samples: [a.failures.samples(), b.failures.samples()],
        margin: matters.relative,
    }
    .judged()
}

fn latencies(
    phase: &str,
    metric: &str,
    percentiles: &[(f64, &str)],
    [a, b]: [&Sliced; 2],
    streams: Streams,
    matters: &Matters,
    found: &mut Vec<Difference>,
) {
    let shares: Vec<f64> = percentiles.iter().map(|(share, _)| *share).collect();
    if shares.is_empty() {
        return;
    }
    let (of_a, of_b) = (a.quantiles(&shares), b.quantiles(&shares));
    let resampled = (a.resampled(streams.0, &shares), b.resampled(streams.1, &shares));
    for (index, (_, name)) in percentiles.iter().enumerate() {
        let pairs = resampled.0.iter().zip(&resampled.1);
        let changes = pairs.map(|(a, b)| relative(a[index], b[index])).collect();
        let figures = [of_a[index], of_b[index]];
        let made = Made {
            phase,
            what: format!("{name}({metric})"),
            unit: Unit::Ms,
            figures,
            change: relative(figures[0], figures[1]),
            interval: interval(changes),
            samples: [a.samples(), b.samples()],
            margin: matters.relative.max(matters.latency_ms / figures[0]),
        };
        found.push(made.judged());
    }
}

/// The change from one figure to another, as a share of the first. From one failed request to another is none.
fn relative(from: f64, to: f64) -> f64 {
    match (from.is_finite(), to.is_finite()) {
        (true, true) if from.total_cmp(&to).is_eq() => 0.0,
        (true, true) => to / from - 1.0,
        (false, false) => 0.0,
        (true, false) => f64::INFINITY,
        (false, true) => -1.0,
    }
}

/// A difference before it is judged.
struct Made<'a> {
    phase: &'a str,
    what: String,
    unit: Unit,
    figures: [f64; 2],
    change: f64,
    interval: Option<(f64, f64)>,
    samples: [u64; 2],
    /// The smallest change that matters.
    margin: f64,
}

impl Made<'_> {
    fn judged(self) -> Difference {
        let verdict = self
            .interval
            .map_or(Change::Undecided, |interval| change(interval, self.margin, self.unit == Unit::Ms));
        let finite = |value: f64| value.is_finite().then_some(value);
        Difference {
            phase: self.phase.to_owned(),
            what: self.what,
            unit: self.unit,
            baseline: finite(self.figures[0]),
            candidate: finite(self.figures[1]),
            change: finite(self.change),
            lower: self.interval.and_then(|(lower, _)| finite(lower)),
            upper: self.interval.and_then(|(_, upper)| finite(upper)),
            baseline_samples: self.samples[0],
            candidate_samples: self.samples[1],
            verdict,
        }
    }
}

/// What an interval of changes says, where so much matters.
fn change((lower, upper): (f64, f64), margin: f64, less_is_better: bool) -> Change {
    let (more, less) =
        if less_is_better { (Change::Worse, Change::Better) } else { (Change::Better, Change::Worse) };
    if lower > margin {
        more
    } else if upper < -margin {
        less
    } else if lower >= -margin && upper <= margin {
        Change::Same
    } else {
        Change::Undecided
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::MATTERS;

    fn figures(slow: f64, fail_every: usize) -> Figures {
        let fails = |n: usize| fail_every > 0 && n.is_multiple_of(fail_every);
        let slice = |n: usize| (n / 50) as u32;
        let latency =
            |n: usize| if fails(n) { f64::INFINITY } else { slow * (100.0 + (n * 37 % 100) as f64) };
        let latencies =
            (0..LATENCIES.len()).map(|_| Sliced::new(40, (0..2_000).map(|n| (latency(n), slice(n)))));
        let failed = |n: usize| f64::from(u8::from(fails(n)));
        Figures {
            name: "steady".into(),
            seconds: 40.0,
            latencies: latencies.collect(),
            failures: Sliced::new(40, (0..2_000).map(|n| (failed(n), slice(n)))),
        }
    }

    fn verdicts(a: &Figures, b: &Figures) -> Vec<(String, Change)> {
        let (mut found, mut notes) = (Vec::new(), Vec::new());
        differences(a, b, &MATTERS, &mut found, &mut notes);
        assert_eq!(notes, [""; 0]);
        found.into_iter().map(|found| (found.what, found.verdict)).collect()
    }

    fn of<'a>(found: &'a [(String, Change)], what: &str) -> Option<&'a Change> {
        found.iter().find(|(name, _)| name == what).map(|(_, change)| change)
    }

    #[test]
    fn a_slower_service_is_worse_a_faster_one_better_and_an_equal_one_the_same() {
        let (plain, slow) = (figures(1.0, 0), figures(1.3, 0));
        for (what, change) in verdicts(&plain, &slow) {
            let expected = if what.starts_with('p') { Change::Worse } else { Change::Same };
            assert_eq!(change, expected, "{what}");
        }
        assert_eq!(of(&verdicts(&slow, &plain), "p95(ttft)"), Some(&Change::Better));
        assert!(verdicts(&plain, &plain).iter().all(|(_, change)| *change == Change::Same));
    }

    #[test]
    fn failures_are_worse_and_infinitely_slow() {
        let found = verdicts(&figures(1.0, 0), &figures(1.0, 10));
        assert_eq!(of(&found, "success"), Some(&Change::Worse));
        assert_eq!(of(&found, "p95(e2e)"), Some(&Change::Worse));
        assert_ne!(of(&found, "p50(e2e)"), Some(&Change::Worse), "{found:?}");
    }

    #[test]
    fn a_change_is_judged_by_its_whole_interval() {
        for (interval, expected) in [
            ((0.11, 0.3), Change::Worse),
            ((-0.3, -0.11), Change::Better),
            ((-0.05, 0.1), Change::Same),
            ((-0.05, 0.11), Change::Undecided),
            ((0.05, f64::INFINITY), Change::Undecided),
        ] {
            assert_eq!(change(interval, 0.1, true), expected, "{interval:?}");
        }
        assert_eq!(change((0.11, 0.3), 0.1, false), Change::Better);
    }
}
