//! Latency by percentile, a curve a phase, a chart a metric.
//!
//! x is −log10(1 − quantile): each nine takes as much room as the one before it, so that the tail,
//! which decides, is not squeezed into the last pixel.

use super::canvas::{self, About, ChartError, Frame};
use super::ink::Ink;
use super::{Drawing, Figure, Key};
use crate::scale::{Axis, Latencies};
use crate::{Curve, Metric, Point, Report, format};

/// Labelled quantiles; the last two only where there are samples for them.
const TICKS: [(f64, &str); 6] =
    [(0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (0.999, "p99.9"), (0.9999, "p99.99"), (0.99999, "p99.999")];
/// Labels that are always there.
const LEAST_TICKS: usize = 3;
const METRICS: [Metric; 5] = [Metric::Ttft, Metric::Ttfb, Metric::Itl, Metric::Tpot, Metric::E2e];
/// About how many labels fit the plot's height.
const LATENCY_TICKS: usize = 6;

/// A curve of a chart.
struct Line {
    name: String,
    ink: Ink,
    points: Vec<Point>,
}

/// A chart for each metric that has a curve, a phase a curve.
pub(crate) fn curves(report: &Report) -> Result<Vec<Figure>, ChartError> {
    let line = |curve: &Curve| {
        let phase = report.phases.iter().position(|phase| phase.name == curve.phase);
        Line {
            name: format::line(&curve.phase),
            ink: phase.map_or(Ink::Rest, Ink::group),
            points: drawn(&curve.points),
        }
    };
    charts(|metric| report.curves.iter().filter(|curve| curve.metric == metric).map(line).collect())
}

/// The same for the periods around the faults.
pub(crate) fn periods(report: &Report) -> Result<Vec<Figure>, ChartError> {
    let lines = |metric: Metric| {
        let periods = report.periods.iter().enumerate();
        let all = periods.flat_map(|(place, period)| {
            let latencies = period.latency.iter().filter(|latency| latency.metric == metric);
            latencies.map(move |latency| Line {
                name: period.period.as_str().into(),
                ink: Ink::group(place),
                points: drawn(&latency.points),
            })
        });
        all.collect()
    };
    charts(lines)
}

fn charts(lines: impl Fn(Metric) -> Vec<Line>) -> Result<Vec<Figure>, ChartError> {
    let of = |metric: Metric| {
        let mut lines = lines(metric);
        lines.retain(|line| !line.points.is_empty());
        (metric, lines)
    };
    let charts = METRICS.into_iter().map(of).filter(|(_, lines)| !lines.is_empty());
    charts.map(|(metric, lines)| chart(metric, &lines)).collect()
}

/// The points that can be drawn: the largest sample of all lies at infinity.
fn drawn(points: &[Point]) -> Vec<Point> {
    let drawn = |point: &&Point| (0.5..1.0 - 1e-6).contains(&point.quantile) && point.ms.is_finite();
    points.iter().filter(drawn).copied().collect()
}

fn chart(metric: Metric, lines: &[Line]) -> Result<Figure, ChartError> {
    let all = || lines.iter().flat_map(|line| line.points.iter());
    let y = Latencies::fit(all().map(|point| point.ms), LATENCY_TICKS);
    let frame = Frame {
        width: 340,
        height: 230,
        top: 8,
        left: 56,
        bottom: 22,
        right: 22,
        letters: 11.5,
        x: quantiles(all().map(|point| point.quantile).fold(0.0, f64::max)),
        y: y.axis.clone(),
    };
    let about = About { title: format!("{} by percentile", name(metric)), description: describe(lines) };
    let svg = canvas::draw(&frame, &about, |canvas| {
        for line in lines {
            let points: Vec<_> =
                line.points.iter().map(|point| (nines(point.quantile), y.place(point.ms))).collect();
            canvas.line(&points, line.ink, 2.0)?;
        }
        Ok(())
    })?;
    Ok(Figure {
        title: name(metric).into(),
        note: if y.log { "Log scale.".into() } else { String::new() },
        keys: lines.iter().map(|line| Key::line(line.ink, &line.name)).collect(),
        drawings: vec![Drawing { class: "", svg }],
    })
}

/// What a metric is called where there is room for its name.
fn name(metric: Metric) -> &'static str {
    match metric {
        Metric::Ttft => "Time to first token",
        Metric::Ttfb => "Time to first byte",
        Metric::Itl => "Inter-token latency",
        Metric::Tpot => "Time per output token",
        Metric::E2e => "End to end",
    }
}

fn describe(lines: &[Line]) -> String {
    let ends = lines.iter().filter_map(|line| {
        let (first, last) = (line.points.first()?, line.points.last()?);
        let at =
            |point: &Point| format!("{} at {}", format::latency(point.ms), format::share(point.quantile));
        Some(format!("{}: {} to {}", line.name, at(first), at(last)))
    });
    ends.collect::<Vec<_>>().join("; ")
}

fn nines(quantile: f64) -> f64 {
    -(1.0 - quantile).log10()
}

/// An axis from the median to the first label at or beyond `largest`.
fn quantiles(largest: f64) -> Axis {
    let reached = TICKS.iter().position(|(q, _)| *q >= largest - 1e-9).unwrap_or(TICKS.len() - 1);
    let shown = &TICKS[..=reached.max(LEAST_TICKS - 1)];
    let ticks: Vec<_> = shown.iter().map(|(q, label)| (nines(*q), (*label).to_owned())).collect();
    let to = ticks.last().map_or(2.0, |(at, _)| *at).max(nines(largest.clamp(0.5, 1.0 - 1e-6)));
    Axis { from: nines(0.5), to, ticks }
}
