//! What happened to the run: a lane for each fault and each node, on the axis of the charts below.

use super::canvas::{self, About, Anchor, Canvas, ChartError, Frame};
use super::ink::Ink;
use super::time::{Timeline, fitting, text_width};
use super::{Drawing, Figure, Key, Size, failover};
use crate::course::{self, Condition, Span, label};
use crate::scale::Axis;
use crate::{Fault, Node, format};

/// A lane: its label above its bar.
const LANE: u32 = 27;
const LABEL_AT: f64 = 8.0;
const BAR: (f64, f64) = (15.0, 23.0);
/// A node that is neither up nor down any more is drawn as pale as this.
const STARTING: f64 = 0.45;
/// Changes of a node's state that are nearer than this are not told apart.
const CELL_PX: f64 = 5.0;
/// Of each kind; more are in the tables.
const MOST_LANES: usize = 16;

/// The chart.
pub(super) fn chart(timeline: &Timeline<'_>) -> Result<Figure, ChartError> {
    let report = timeline.report;
    let faults: Vec<_> =
        report.faults.iter().filter_map(|fault| Some((fault, timeline.fault(fault)?))).collect();
    let mut nodes: Vec<_> = report.nodes.iter().filter(|node| !node.states.is_empty()).collect();
    if nodes.len() > MOST_LANES {
        // Those that something happened to.
        nodes.sort_by_key(|node| {
            node.states.iter().all(|state| Condition::of(&state.state) != Condition::Down)
        });
    }
    let (faults, nodes) = (&faults[..faults.len().min(MOST_LANES)], &nodes[..nodes.len().min(MOST_LANES)]);
    let deaths = failover::lanes(timeline);
    let lanes = (faults.len() + nodes.len() + deaths.len()).max(1) as u32;
    let about =
        About { title: "Phases, faults and nodes over the run".into(), description: describe(timeline) };
    let drawing = |size: Size| {
        let frame = timeline.frame(size, lanes * LANE + 4, Axis::bare(0.0, 1.0));
        let svg = canvas::draw(&frame, &about, |canvas| {
            timeline.phases(canvas, &frame)?;
            draw_faults(canvas, &frame, timeline, faults)?;
            draw_nodes(canvas, &frame, nodes, (faults.len(), timeline.end))?;
            failover::draw(canvas, &frame, &deaths, (faults.len() + nodes.len(), timeline.end))
        })?;
        Ok(Drawing { class: size.class(), svg })
    };
    let drawings = Size::ALL.into_iter().map(drawing).collect::<Result<_, ChartError>>()?;
    let keys = [
        (!faults.is_empty(), Key::area(Ink::Fault, "fault on")),
        (!nodes.is_empty(), Key::area(Ink::Up, "node up")),
        (!timeline.outages.is_empty(), Key::area(Ink::Down, "down, pale: starting")),
    ];
    let keys = keys.into_iter().filter(|(shown, _)| *shown).map(|(_, key)| key);
    let keys = keys.chain(failover::keys(&deaths)).collect();
    let hidden = report.faults.len() > MOST_LANES || report.nodes.len() > MOST_LANES;
    let note = if hidden {
        format!("The first {MOST_LANES} of each; all are in the tables.")
    } else {
        String::new()
    };
    Ok(Figure { title: "What happened".into(), note, keys, drawings })
}

fn describe(timeline: &Timeline<'_>) -> String {
    let phases = timeline.report.phases.iter();
    let phases =
        phases.map(|phase| format!("phase {}, {}", phase.name, format::span(phase.start_s, phase.end_s)));
    let faults = timeline.report.faults.iter();
    let faults =
        faults.map(|fault| format!("fault {}, {}", label(fault), format::span(fault.start_s, fault.end_s)));
    let outages = timeline.outages.iter();
    let outages = outages.map(|outage| {
        format!("node {} {}, {}", outage.node, outage.state, format::span(outage.span.start, outage.span.end))
    });
    let deaths = failover::lanes(timeline).into_iter().map(failover::told);
    let all: Vec<_> = phases.chain(faults).chain(outages).chain(deaths).take(3 * MOST_LANES).collect();
    all.join("; ")
}

/// The upper edge of a lane, px below the plot's.
fn edge(lane: usize) -> f64 {
    f64::from(lane as u32 * LANE)
}

fn draw_faults(
    canvas: &mut Canvas<'_>,
    frame: &Frame,
    timeline: &Timeline<'_>,
    faults: &[(&Fault, Span)],
) -> Result<(), ChartError> {
    for (lane, (fault, span)) in faults.iter().enumerate() {
        if lane == 0 {
            heading(canvas, frame, lane, "faults")?;
        }
        put_label(canvas, frame, lane, *span, &label(fault))?;
        for span in timeline.stretches(fault) {
            bar(canvas, lane, (span.start, span.end), (Ink::Fault, 1.0))?;
        }
    }
    Ok(())
}

fn draw_nodes(
    canvas: &mut Canvas<'_>,
    frame: &Frame,
    nodes: &[&Node],
    (first, end): (usize, f64),
) -> Result<(), ChartError> {
    for (index, node) in nodes.iter().enumerate() {
        let lane = first + index;
        if index == 0 {
            heading(canvas, frame, lane, "nodes")?;
        }
        put_label(canvas, frame, lane, Span { start: 0.0, end }, &format::line(&node.name))?;
        for (span, condition) in course::conditions(node, end, (frame.plot_width() / CELL_PX) as usize) {
            bar(canvas, lane, (span.start, span.end), look(condition))?;
        }
    }
    Ok(())
}

/// A condition's colour, and how much of it.
fn look(condition: Condition) -> (Ink, f64) {
    match condition {
        Condition::Up => (Ink::Up, 1.0),
        Condition::Starting => (Ink::Down, STARTING),
        Condition::Down => (Ink::Down, 1.0),
    }
}

/// Names a kind of lane, left of its first.
pub(super) fn heading(
    canvas: &mut Canvas<'_>,
    frame: &Frame,
    lane: usize,
    text: &str,
) -> Result<(), ChartError> {
    canvas.text(text, (frame.x.from, frame.y.to), (-10.0, edge(lane) + LABEL_AT), Anchor::End)
}

/// Writes above a lane's bar: from its start where there is room, otherwise up to the plot's edge.
pub(super) fn put_label(
    canvas: &mut Canvas<'_>,
    frame: &Frame,
    lane: usize,
    span: Span,
    text: &str,
) -> Result<(), ChartError> {
    let y = edge(lane) + LABEL_AT;
    let room = frame.plot_width() - frame.x_px(span.start);
    if text_width(text) <= room {
        return canvas.text(text, (span.start, frame.y.to), (0.0, y), Anchor::Start);
    }
    match fitting(text, frame.plot_width()) {
        Some(text) => canvas.text(&text, (frame.x.to, frame.y.to), (0.0, y), Anchor::End),
        None => Ok(()),
    }
}

pub(super) fn bar(
    canvas: &mut Canvas<'_>,
    lane: usize,
    x: (f64, f64),
    (ink, opacity): (Ink, f64),
) -> Result<(), ChartError> {
    canvas.strip(x, (edge(lane) + BAR.0, edge(lane) + BAR.1), ink, opacity)
}
