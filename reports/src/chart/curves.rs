//! Latency by percentile, a curve a phase, a chart a metric.
//!
//! x is −log10(1 − quantile): each nine takes as much room as the one before it, so that the tail,
//! which decides, is not squeezed into the last pixel.

use super::canvas::{self, About, ChartError, Frame};
use super::ink::Ink;
use super::scale::{Axis, Latencies};
use super::{Drawing, Figure, Key};
use crate::{Curve, Metric, Point, Report, format};

/// Labelled quantiles; the last two only where there are samples for them.
const TICKS: [(f64, &str); 6] =
    [(0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (0.999, "p99.9"), (0.9999, "p99.99"), (0.99999, "p99.999")];
/// Labels that are always there.
const LEAST_TICKS: usize = 3;
const METRICS: [Metric; 5] = [Metric::Ttft, Metric::Ttfb, Metric::Itl, Metric::Tpot, Metric::E2e];
/// About how many labels fit the plot's height.
const LATENCY_TICKS: usize = 6;

/// A chart for each metric that has a curve.
pub(crate) fn curves(report: &Report) -> Result<Vec<Figure>, ChartError> {
    let of = |metric: Metric| {
        let curves = report.curves.iter().filter(move |curve| curve.metric == metric);
        curves
            .map(|curve| (curve, points(curve)))
            .filter(|(_, points)| !points.is_empty())
            .collect::<Vec<_>>()
    };
    let charts = METRICS.into_iter().map(|metric| (metric, of(metric)));
    charts
        .filter(|(_, curves)| !curves.is_empty())
        .map(|(metric, curves)| chart(report, metric, &curves))
        .collect()
}

/// The points that can be drawn: the largest sample of all lies at infinity.
fn points(curve: &Curve) -> Vec<Point> {
    let drawn = |point: &&Point| (0.5..1.0 - 1e-6).contains(&point.quantile) && point.ms.is_finite();
    curve.points.iter().filter(drawn).copied().collect()
}

fn chart(report: &Report, metric: Metric, curves: &[(&Curve, Vec<Point>)]) -> Result<Figure, ChartError> {
    let all = || curves.iter().flat_map(|(_, points)| points.iter());
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
    let ink = |curve: &Curve| {
        let phase = report.phases.iter().position(|phase| phase.name == curve.phase);
        phase.map_or(Ink::Rest, Ink::group)
    };
    let about = About { title: format!("{} by percentile", name(metric)), description: describe(curves) };
    let svg = canvas::draw(&frame, &about, |canvas| {
        for (curve, points) in curves {
            let line: Vec<_> =
                points.iter().map(|point| (nines(point.quantile), y.place(point.ms))).collect();
            canvas.line(&line, ink(curve), 2.0)?;
        }
        Ok(())
    })?;
    Ok(Figure {
        title: name(metric).into(),
        note: if y.log { "Log scale.".into() } else { String::new() },
        keys: curves.iter().map(|(curve, _)| Key::line(ink(curve), format::line(&curve.phase))).collect(),
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

fn describe(curves: &[(&Curve, Vec<Point>)]) -> String {
    let ends = curves.iter().filter_map(|(curve, points)| {
        let (first, last) = (points.first()?, points.last()?);
        let at =
            |point: &Point| format!("{} at {}", format::latency(point.ms), format::share(point.quantile));
        Some(format!("{}: {} to {}", curve.phase, at(first), at(last)))
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
