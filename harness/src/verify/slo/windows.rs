//! Windows: an objective that must hold in each of them, and the worst that it met.

use std::time::Duration;

use squall_report::{Verdict, Window};

use super::super::stats::RISK;
use super::super::view::View;
use super::{Figures, Span};
use crate::clock::Nanos;
use crate::scenario::plan::Slo;

/// The phases that an objective counts, as far as the run went.
pub(super) fn phases(view: &View<'_>, slo: &Slo) -> Vec<Span> {
    let phases = slo.during.iter().filter_map(|place| Some((*place, view.plan.phases.get(*place)?)));
    phases
        .map(|(phase, planned)| Span {
            phase,
            from: planned.start,
            to: planned.end().min(view.until).max(planned.start),
        })
        .collect()
}

/// Each span in windows of this length; the last takes in what is left of it.
fn cut(spans: &[Span], length: Duration) -> Vec<Span> {
    let mut windows = Vec::new();
    for span in spans {
        let number = ((span.to - span.from).as_nanos() / length.as_nanos()).max(1) as u32;
        windows.extend((0..number).map(|index| Span {
            from: span.from + length * index,
            to: if index + 1 == number { span.to } else { span.from + length * (index + 1) },
            ..*span
        }));
    }
    windows
}

/// The figures of the worst window, and what became of all of them. `judge` takes a window and the risk of
/// an upper bound that is wrong.
pub(super) fn worst(
    spans: &[Span],
    length: Duration,
    judge: impl Fn(&Span, f64) -> Figures,
) -> (Figures, Option<Window>) {
    let windows = cut(spans, length);
    let risk = RISK / windows.len().max(1) as f64;
    let judged: Vec<(Span, Figures)> = windows.iter().map(|window| (*window, judge(window, risk))).collect();
    let number = |verdict| judged.iter().filter(|(_, figures)| figures.verdict == verdict).count() as u64;
    let (passed, failed) = (number(Verdict::Pass), number(Verdict::Fail));
    let badness = |(_, figures): &&(Span, Figures)| match figures.verdict {
        Verdict::Fail => 0,
        Verdict::Inconclusive | Verdict::NotChecked => 1,
        Verdict::Pass => 2,
    };
    let by_lower = |a: &&(Span, Figures), b: &&(Span, Figures)| a.1.bounds.lower.total_cmp(&b.1.bounds.lower);
    let worst = judged.iter().min_by(|a, b| badness(a).cmp(&badness(b)).then_with(|| by_lower(a, b)));
    let Some((span, figures)) = worst else {
        // No phase, no window: nothing is known.
        let nothing = Span { phase: 0, from: Nanos::ZERO, to: Nanos::ZERO };
        return (judge(&nothing, RISK), None);
    };
    let window = Window {
        length_s: length.as_secs_f64(),
        windows: judged.len() as u64,
        passed,
        failed,
        from_s: span.from.as_secs_f64(),
        to_s: span.to.as_secs_f64(),
    };
    (*figures, Some(window))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_fill_a_phase_and_the_last_takes_the_rest() {
        let at = |seconds: u64| Nanos(seconds * 1_000_000_000);
        let span = |phase, from, to| Span { phase, from: at(from), to: at(to) };
        let spans = [span(0, 0, 25), span(2, 40, 45)];
        let expected = [span(0, 0, 10), span(0, 10, 25), span(2, 40, 45)];
        assert_eq!(cut(&spans, Duration::from_secs(10)), expected);
    }
}
