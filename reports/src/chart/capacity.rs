//! What a service does as its load rises, with its faults and without.

use super::canvas::{self, About, Anchor, ChartError, Frame};
use super::ink::Ink;
use super::{Drawing, Figure, Key};
use crate::capacity::{ArmCapacity, Capacity, Probe};
use crate::format;
use crate::scale::{self, Axis, Latencies};

const TICKS: usize = 6;

/// Success and the time to first token, by the requests a second that were sent.
pub(crate) fn capacity(capacity: &Capacity) -> Result<Vec<Figure>, ChartError> {
    let probes = || capacity.arms.iter().flat_map(|arm| &arm.probes);
    let fastest = probes().map(|probe| probe.rate_per_s).fold(0.0, f64::max);
    let x = scale::amounts(fastest, TICKS, |rate| format!("{rate:.0}/s"));
    let least = probes().filter_map(|probe| probe.success).fold(1.0, f64::min);
    let success =
        curve(capacity, "Requests that succeeded", &x, scale::shares(least), |probe| probe.success)?;
    let times = Latencies::fit(probes().filter_map(|probe| probe.ttft_p95_ms), TICKS);
    let ttft = curve(capacity, "p95 of the time to first token", &x, times.axis.clone(), |probe| {
        probe.ttft_p95_ms.map(|ms| times.place(ms))
    })?;
    let note = if times.log { "Log scale." } else { "" };
    Ok(vec![success, Figure { note: note.into(), ..ttft }])
}

/// The ink of an arm.
fn ink(place: usize) -> Ink {
    Ink::group(place)
}

fn curve(
    capacity: &Capacity,
    title: &str,
    x: &Axis,
    y: Axis,
    height: impl Fn(&Probe) -> Option<f64>,
) -> Result<Figure, ChartError> {
    let frame = Frame {
        width: 520,
        height: 260,
        top: 22,
        left: 60,
        bottom: 24,
        right: 24,
        letters: 11.5,
        x: x.clone(),
        y,
    };
    let about = About { title: title.to_owned(), description: describe(capacity) };
    let svg = canvas::draw(&frame, &about, |canvas| {
        for (place, arm) in capacity.arms.iter().enumerate() {
            let line = points(arm, &height);
            canvas.line(&line, ink(place), 2.0)?;
            for (probe, mark) in arm.probes.iter().zip(marks(arm)) {
                if let Some(y) = height(probe) {
                    canvas.text(mark, (probe.rate_per_s, y), (0.0, -6.0), Anchor::Middle)?;
                }
            }
        }
        Ok(())
    })?;
    let key = |(place, arm): (usize, &ArmCapacity)| Key::line(ink(place), format::line(&arm.arm));
    Ok(Figure {
        title: title.to_owned(),
        note: String::new(),
        keys: capacity.arms.iter().enumerate().map(key).collect(),
        drawings: vec![Drawing { class: "", svg }],
    })
}

/// Of an arm's runs, by their rate.
fn points(arm: &ArmCapacity, height: impl Fn(&Probe) -> Option<f64>) -> Vec<(f64, f64)> {
    let mut points: Vec<(f64, f64)> =
        arm.probes.iter().filter_map(|probe| Some((probe.rate_per_s, height(probe)?))).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points
}

/// Whether each run held.
fn marks(arm: &ArmCapacity) -> impl Iterator<Item = &'static str> {
    arm.probes.iter().map(|probe| match probe.verdict {
        crate::Verdict::Pass => "✓",
        crate::Verdict::Fail => "✗",
        crate::Verdict::Inconclusive | crate::Verdict::NotChecked => "?",
    })
}

fn describe(capacity: &Capacity) -> String {
    let said = capacity.arms.iter().map(|arm| match (arm.at_least, arm.below) {
        (Some(low), Some(high)) => format!("{} holds {low:.2} and not {high:.2} times the load", arm.arm),
        (Some(low), None) => format!("{} holds {low:.2} times the load", arm.arm),
        (None, _) => format!("{} holds at no load that was tried", arm.arm),
    });
    said.collect::<Vec<_>>().join("; ")
}
