//! What the run did over time: time to first token, success, requests, the nodes' shares.

use super::canvas::{About, Canvas, ChartError};
use super::ink::{GROUPS, Ink};
use super::time::{Edge, Timeline};
use super::{Figure, Key};
use crate::course::{self, Span};
use crate::scale::{self, Latencies};
use crate::{Percentiles, Slice, format};

/// The height of a plot, px.
const TALL: u32 = 190;
const LOW: u32 = 120;
/// About how many labels fit a plot's height.
const TALL_TICKS: usize = 6;
const LOW_TICKS: usize = 4;

type Percentile = fn(&Percentiles) -> Option<f64>;

/// The percentiles that are drawn, the largest first so that the median lies on top.
const PERCENTILES: [(&str, Ink, Percentile); 3] =
    [("p99", Ink::P99, |p| p.p99_ms), ("p95", Ink::P95, |p| p.p95_ms), ("p50", Ink::P50, |p| p.p50_ms)];

/// Time to first token over time.
pub(super) fn ttft(timeline: &Timeline<'_>) -> Result<Figure, ChartError> {
    let slices = timeline.slices.iter().map(|(_, slice)| &slice.ttft);
    let all = slices.flat_map(|p| PERCENTILES.iter().filter_map(|(_, _, of)| of(p)));
    let y = Latencies::fit(all.filter(|ms| ms.is_finite()), TALL_TICKS);
    let title = "Time to first token";
    let description = match worst(timeline) {
        Some((at, ms)) => format!(
            "The 50th, 95th and 99th percentile over the run. The 99th is highest at {}: {}.",
            format::run_time(at),
            format::latency(ms)
        ),
        None => "No request of this run had a first token.".into(),
    };
    let drawings = timeline.draw(TALL, &y.axis, &about(title, &description), |canvas, frame| {
        for (_, ink, of) in PERCENTILES {
            for run in runs(&timeline.slices, |slice| of(&slice.ttft).filter(|ms| ms.is_finite())) {
                let points: Vec<_> = run.iter().map(|(span, ms)| (middle(*span), y.place(*ms))).collect();
                canvas.line(&points, ink, 2.0)?;
            }
        }
        timeline.name_outages(canvas, frame, Edge::Top)
    })?;
    let keys = PERCENTILES.into_iter().rev().map(|(name, ink, _)| Key::line(ink, name));
    let keys = keys.chain(timeline.background_keys()).collect();
    let scale = if y.log { ", log scale" } else { "" };
    let note = format!("Counted from the scheduled arrival, at the time the token came{scale}.");
    Ok(Figure { title: title.into(), note, keys, drawings })
}

/// When p99 was highest, and how high.
fn worst(timeline: &Timeline<'_>) -> Option<(f64, f64)> {
    let p99 = timeline.slices.iter().filter_map(|(span, slice)| Some((span.start, slice.ttft.p99_ms?)));
    p99.max_by(|a, b| a.1.total_cmp(&b.1))
}

/// The share of requests that succeeded over time.
pub(super) fn success(timeline: &Timeline<'_>) -> Result<Figure, ChartError> {
    let least = timeline.slices.iter().filter_map(|(_, slice)| course::success(slice)).fold(1.0, f64::min);
    let y = scale::shares(least);
    let title = "Success";
    let description =
        format!("The share of requests that succeeded, by the time they ended. Its least is {}.", {
            format::share(least)
        });
    let drawings = timeline.draw(LOW, &y, &about(title, &description), |canvas, frame| {
        for run in runs(&timeline.slices, course::success) {
            canvas.line(&steps(&run), Ink::Ok, 2.0)?;
        }
        timeline.name_outages(canvas, frame, Edge::Bottom)
    })?;
    let note = match y.from {
        from if from > 0.0 => {
            format!("Share of the requests that ended; the axis begins at {:.0}%.", from * 100.0)
        }
        _ => "Share of the requests that ended.".into(),
    };
    let keys = vec![Key::line(Ink::Ok, "succeeded")];
    Ok(Figure { title: title.into(), note, keys, drawings })
}

/// Requests a second over time.
pub(super) fn rate(timeline: &Timeline<'_>) -> Result<Figure, ChartError> {
    let both = |span: &Span, slice: &Slice| course::succeeded(*span, slice) + course::failed(*span, slice);
    let due = |span: &Span, slice: &Slice| course::due(*span, slice);
    let either = |(span, slice): &(Span, &Slice)| both(span, slice).max(due(span, slice));
    let largest = timeline.slices.iter().map(either).fold(0.0, f64::max);
    let y = scale::amounts(largest, LOW_TICKS, |n| format!("{}/s", trim(&format::ms(n))));
    let title = "Load";
    let failed = timeline.slices.iter().fold(0_u64, |sum, (_, slice)| sum.saturating_add(slice.failed));
    let description = format!(
        "Requests that were due and that ended, a second, those that failed on top of those that succeeded. At most {} a second; {} failed in all.",
        format::ms(largest),
        format::count(failed)
    );
    let drawings = timeline.draw(LOW, &y, &about(title, &description), |canvas, _| {
        let none = |_: &Span, _: &Slice| 0.0;
        let ok = |span: &Span, slice: &Slice| course::succeeded(*span, slice);
        for run in runs(&timeline.slices, Some) {
            let edge = |f: &dyn Fn(&Span, &Slice) -> f64| {
                run.iter().map(|(span, slice)| (*span, y.clamp(f(span, slice)))).collect::<Vec<_>>()
            };
            stack(canvas, &edge(&none), &edge(&ok), Ink::Ok)?;
            stack(canvas, &edge(&ok), &edge(&both), Ink::Failed)?;
            canvas.line(&steps(&edge(&due)), Ink::Text, 1.5)?;
        }
        Ok(())
    })?;
    let keys =
        vec![Key::line(Ink::Text, "due"), Key::area(Ink::Failed, "failed"), Key::area(Ink::Ok, "succeeded")];
    Ok(Figure {
        title: title.into(),
        note: "Requests a second, by the time they were due and by the time they ended.".into(),
        keys,
        drawings,
    })
}

/// Requests in flight over time, where they were counted.
pub(super) fn in_flight(timeline: &Timeline<'_>) -> Result<Figure, ChartError> {
    let most = timeline.slices.iter().filter_map(|(_, slice)| slice.in_flight).max().unwrap_or_default();
    let y = scale::amounts(most as f64, LOW_TICKS, |n| trim(&format::ms(n)).into());
    let title = "In flight";
    let description = format!("The most requests in flight at once, {} in all.", format::count(most));
    let drawings = timeline.draw(LOW, &y, &about(title, &description), |canvas, _| {
        for run in runs(&timeline.slices, |slice| slice.in_flight) {
            let run: Vec<_> = run.into_iter().map(|(span, n)| (span, y.clamp(n as f64))).collect();
            canvas.line(&steps(&run), Ink::P50, 2.0)?;
        }
        Ok(())
    })?;
    let keys = vec![Key::line(Ink::P50, "in flight")];
    Ok(Figure { title: title.into(), note: "The most at once.".into(), keys, drawings })
}

/// The nodes' shares of the attempts over time.
pub(super) fn nodes(timeline: &Timeline<'_>) -> Result<Figure, ChartError> {
    let groups = groups(timeline);
    let y = scale::shares(0.0);
    let title = "Work by node";
    let names: Vec<_> = groups.iter().map(|group| group.name.as_str()).collect();
    let description = format!("The share of attempts that each node took, stacked: {}.", names.join(", "));
    let drawings = timeline.draw(LOW, &y, &about(title, &description), |canvas, _| {
        for run in runs(&timeline.slices, |slice| shares(&groups, slice)) {
            let edge = |n: usize| {
                let below = |shares: &Vec<f64>| y.clamp(shares.iter().take(n).sum());
                run.iter().map(|(span, shares)| (*span, below(shares))).collect::<Vec<_>>()
            };
            for (index, group) in groups.iter().enumerate() {
                stack(canvas, &edge(index), &edge(index + 1), group.ink)?;
                canvas.line(&steps(&edge(index)), Ink::Surface, 1.0)?;
            }
        }
        Ok(())
    })?;
    let keys = groups.iter().rev().map(|group| Key::area(group.ink, &group.name)).collect();
    let note = "Share of the attempts, retries included and probes not.".into();
    Ok(Figure { title: title.into(), note, keys, drawings })
}

/// Nodes that share a colour.
struct Group {
    name: String,
    ink: Ink,
    /// Their places in the report.
    nodes: Vec<usize>,
}

/// A group for each node, or for the busiest and one for the rest.
fn groups(timeline: &Timeline<'_>) -> Vec<Group> {
    let nodes = &timeline.report.nodes;
    let mut busiest: Vec<usize> = (0..nodes.len()).collect();
    busiest.sort_by_key(|index| std::cmp::Reverse(nodes[*index].attempts));
    let rest = busiest.split_off(busiest.len().min(GROUPS));
    busiest.sort_unstable();
    let own = busiest.into_iter().enumerate();
    let mut groups: Vec<_> = own
        .map(|(place, node)| Group {
            name: format::line(&nodes[node].name),
            ink: Ink::group(place),
            nodes: vec![node],
        })
        .collect();
    if !rest.is_empty() {
        groups.push(Group {
            name: format::counted(rest.len() as u64, "other node"),
            ink: Ink::Rest,
            nodes: rest,
        });
    }
    groups
}

/// The groups' shares of a slice's attempts, if there were any.
fn shares(groups: &[Group], slice: &Slice) -> Option<Vec<f64>> {
    let of = |node: &usize| slice.node_attempts.get(*node).map_or(0.0, |n| *n as f64);
    let attempts: Vec<f64> = groups.iter().map(|group| group.nodes.iter().map(of).sum()).collect();
    let all: f64 = attempts.iter().sum();
    (all > 0.0).then(|| attempts.into_iter().map(|n| n / all).collect())
}

fn about(title: &str, description: &str) -> About {
    About { title: format!("{title} over the run"), description: description.into() }
}

/// The slices that have a figure, split where one has none.
fn runs<'a, T>(slices: &[(Span, &'a Slice)], figure: impl Fn(&'a Slice) -> Option<T>) -> Vec<Vec<(Span, T)>> {
    let mut runs = vec![Vec::new()];
    for (span, slice) in slices {
        match (figure(slice), runs.last_mut()) {
            (Some(figure), Some(run)) => run.push((*span, figure)),
            _ => runs.push(Vec::new()),
        }
    }
    runs.retain(|run| !run.is_empty());
    runs
}

fn middle(span: Span) -> f64 {
    f64::midpoint(span.start, span.end)
}

/// A level for each slice, as the corners of stairs.
fn steps(run: &[(Span, f64)]) -> Vec<(f64, f64)> {
    run.iter().flat_map(|(span, y)| [(span.start, *y), (span.end, *y)]).collect()
}

/// The area between two stairs.
fn stack(
    canvas: &mut Canvas<'_>,
    below: &[(Span, f64)],
    above: &[(Span, f64)],
    ink: Ink,
) -> Result<(), ChartError> {
    let mut corners = steps(below);
    corners.extend(steps(above).into_iter().rev());
    canvas.area(corners, ink, 0.85)
}

/// `20.0` → `20`.
fn trim(number: &str) -> &str {
    number.strip_suffix(".0").unwrap_or(number)
}
