//! Axes: from figures to a range with round ticks. Pure, and total: any finite figures have an axis.

use crate::format;

/// Larger figures are drawn at the edge.
const LARGEST: f64 = 1e15;
/// What is smaller is nothing.
const SMALLEST: f64 = 1e-6;
/// Latencies that span more than this are drawn on a log scale.
const LOG_FROM: f64 = 25.0;
/// The smallest latency that a log scale tells apart, ms.
const LOG_LEAST: f64 = 1e-3;
/// Steps between ticks of run time, seconds.
const TIME_STEPS: [f64; 16] = [
    1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_200.0, 1_800.0, 3_600.0, 7_200.0,
    21_600.0,
];

/// A range with its ticks, in the units that are drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// Where it begins.
    pub from: f64,
    /// Where it ends; always larger.
    pub to: f64,
    /// Where it is labelled, and how.
    pub ticks: Vec<(f64, String)>,
}

impl Axis {
    /// An axis without labels.
    pub fn bare(from: f64, to: f64) -> Self {
        Self { from, to, ticks: Vec::new() }
    }

    /// The nearest value that lies on it.
    pub fn clamp(&self, value: f64) -> f64 {
        value.clamp(self.from, self.to)
    }

    /// Where it has ticks.
    pub fn positions(&self) -> Vec<f64> {
        self.ticks.iter().map(|(at, _)| *at).collect()
    }

    /// What it says at a tick.
    pub fn label(&self, at: f64) -> String {
        self.ticks
            .iter()
            .find(|(tick, _)| tick.total_cmp(&at).is_eq())
            .map(|(_, label)| label.clone())
            .unwrap_or_default()
    }
}

/// Run time from 0 to `end_s`, with at most `most` ticks.
pub fn time(end_s: f64, most: usize) -> Axis {
    let end = if end_s > SMALLEST { end_s.min(LARGEST) } else { 1.0 };
    let fits = |step: &f64| end / step < most.max(1) as f64;
    let step = TIME_STEPS.into_iter().find(fits).unwrap_or_else(|| step(end, most));
    let ticks = multiples(0.0, end, step).map(|s| (s, time_label(s, end))).collect();
    Axis { from: 0.0, to: end, ticks }
}

fn time_label(s: f64, end: f64) -> String {
    if end >= 180.0 { format::clock(s) } else { format!("{s} s") }
}

/// From 0 to a round number that is at least `largest`.
pub fn amounts(largest: f64, most: usize, label: impl Fn(f64) -> String) -> Axis {
    let largest = if largest > SMALLEST { largest.min(LARGEST) } else { 1.0 };
    let step = step(largest, most);
    let to = (largest / step).ceil() * step;
    Axis { from: 0.0, to, ticks: multiples(0.0, to, step).map(|v| (v, label(v))).collect() }
}

/// Shares, from a round share below `least` to 1.
pub fn shares(least: f64) -> Axis {
    let from = match least.clamp(0.0, 1.0) {
        least if least >= 0.9 => 0.9,
        least if least >= 0.5 => 0.5,
        _ => 0.0,
    };
    let ticks = (0..=2).map(|n| from + (1.0 - from) * f64::from(n) / 2.0);
    Axis { from, to: 1.0, ticks: ticks.map(|at| (at, format!("{:.0}%", at * 100.0))).collect() }
}

/// How latencies are laid out.
#[derive(Clone, Debug, PartialEq)]
pub struct Latencies {
    /// The axis, in the units of [`Latencies::place`].
    pub axis: Axis,
    /// Each step of the axis is a factor.
    pub log: bool,
}

impl Latencies {
    /// Fits `millis`.
    pub fn fit(millis: impl Iterator<Item = f64> + Clone, most: usize) -> Self {
        let least = millis.clone().fold(f64::INFINITY, f64::min);
        let largest = millis.fold(0.0, f64::max).min(LARGEST);
        if least.is_finite() && largest > least.max(LOG_LEAST) * LOG_FROM {
            return Self { axis: decades(least.max(LOG_LEAST), largest, most), log: true };
        }
        Self { axis: amounts(largest, most, latency_label), log: false }
    }

    /// Where a latency lies on the axis.
    pub fn place(&self, ms: f64) -> f64 {
        self.axis.clamp(if self.log { ms.max(LOG_LEAST).log10() } else { ms })
    }
}

/// A latency as a tick says it: `0`, `200 ms`, `10 s`.
fn latency_label(ms: f64) -> String {
    if ms == 0.0 { "0".into() } else { format::latency(ms).replace(".0 s", " s") }
}

/// A log axis from a round latency below `least` to one above `largest`.
fn decades(least: f64, largest: f64, most: usize) -> Axis {
    let (first, last) = (least.log10().floor() as i32, largest.log10().ceil() as i32);
    let round = |factors: &'static [f64]| {
        (first..=last).flat_map(move |power| factors.iter().map(move |factor| factor * 10_f64.powi(power)))
    };
    let ends: Vec<_> = round(&[1.0, 2.0, 5.0]).collect();
    let from = ends.iter().rev().find(|v| **v <= least).copied().unwrap_or(least);
    let to = ends.iter().find(|v| **v >= largest).copied().unwrap_or(largest);
    let within = |factors| round(factors).filter(|v| (from..=to).contains(v)).collect::<Vec<f64>>();
    let densities = [&[1.0, 2.0, 5.0][..], &[1.0, 3.0], &[1.0]].map(within);
    let fitting = densities.iter().find(|ticks| ticks.len() <= most);
    let ticks = fitting.cloned().unwrap_or_else(|| thinned(&densities[2], most));
    let ticks = ticks.into_iter().map(|v| (v.log10(), latency_label(v))).collect();
    Axis { from: from.log10(), to: to.log10(), ticks }
}

/// At most `most` of `ticks`, evenly.
fn thinned(ticks: &[f64], most: usize) -> Vec<f64> {
    let every = ticks.len().div_ceil(most.max(1)).max(1);
    ticks.iter().step_by(every).copied().collect()
}

/// A step of 1, 2 or 5 times a power of ten, such that at most `most` of them fit into `range`.
fn step(range: f64, most: usize) -> f64 {
    let rough = range / most.max(1) as f64;
    let power = 10_f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= rough);
    factor.unwrap_or(10.0) * power
}

/// The multiples of `step` in a range; never more than a page could show.
fn multiples(from: f64, to: f64, step: f64) -> impl Iterator<Item = f64> {
    (0..200_u32).map(move |n| from + f64::from(n) * step).take_while(move |v| *v <= to * (1.0 + 1e-9))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(labels(&time(60.0, 8)), ["0 s", "10 s", "20 s", "30 s", "40 s", "50 s", "60 s"]);
        assert_eq!(labels(&time(600.0, 6)), ["0:00", "2:00", "4:00", "6:00", "8:00", "10:00"]);
        assert_eq!(labels(&amounts(43.0, 5, format::ms)), ["0", "10.0", "20.0", "30.0", "40.0", "50.0"]);
        assert_eq!(labels(&shares(0.93)), ["90%", "95%", "100%"]);
        assert_eq!(labels(&shares(0.2)), ["0%", "50%", "100%"]);
    }

    #[test]
    fn latencies_of_one_size_are_drawn_linearly_and_others_by_factors() {
        let near = Latencies::fit([80.0, 120.0, 300.0].into_iter(), 5);
        assert!(!near.log);
        assert_eq!(labels(&near.axis), ["0", "100 ms", "200 ms", "300 ms"]);
        let far = Latencies::fit([60.0, 3_000.0].into_iter(), 6);
        assert!(far.log);
        assert_eq!(labels(&far.axis), ["100 ms", "300 ms", "1 s", "3 s"]);
    }

    #[test]
    fn nothing_to_draw_still_has_an_axis() {
        assert!(time(0.0, 5).to > 0.0);
        assert!(Latencies::fit(std::iter::empty(), 5).axis.to > 0.0);
    }

    proptest! {
        #[test]
        fn any_figures_have_an_axis(
            figures in proptest::collection::vec(0.0..f64::MAX, 0..5),
            end in 0.0..f64::MAX,
            most in 1_usize..12,
        ) {
            let latencies = Latencies::fit(figures.iter().copied(), most);
            for axis in [&latencies.axis, &time(end, most), &amounts(end, most, format::ms)] {
                prop_assert!(axis.from < axis.to && axis.from.is_finite() && axis.to.is_finite(), "{axis:?}");
                prop_assert!(axis.ticks.len() <= 2 * most + 4, "{axis:?}");
            }
            for figure in figures {
                let at = latencies.place(figure);
                prop_assert!((latencies.axis.from..=latencies.axis.to).contains(&at));
            }
        }
    }
}
