//! What happened to the run: a lane for each fault and each node, on the axis of the charts below.

use super::canvas::{self, About, Anchor, Canvas, ChartError, Frame};
use super::ink::Ink;
use super::scale::Axis;
use super::time::{Span, Timeline, fitting, text_width};
use super::{Drawing, Figure, Key, Size, failover};
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
            draw_faults(canvas, &frame, faults)?;
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

fn label(fault: &Fault) -> String {
    let on = if fault.nodes.is_empty() { String::new() } else { format!(" on {}", fault.nodes.join(", ")) };
    format::line(&format!("{}{on}", fault.plugin))
}

/// The upper edge of a lane, px below the plot's.
fn edge(lane: usize) -> f64 {
    f64::from(lane as u32 * LANE)
}

fn draw_faults(canvas: &mut Canvas<'_>, frame: &Frame, faults: &[(&Fault, Span)]) -> Result<(), ChartError> {
    for (lane, (fault, span)) in faults.iter().enumerate() {
        if lane == 0 {
            heading(canvas, frame, lane, "faults")?;
        }
        put_label(canvas, frame, lane, *span, &label(fault))?;
        bar(canvas, lane, (span.start, span.end), (Ink::Fault, 1.0))?;
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
        for (span, condition) in conditions(node, end, (frame.plot_width() / CELL_PX) as usize) {
            bar(canvas, lane, (span.start, span.end), condition.look())?;
        }
    }
    Ok(())
}

/// What a node's states come to, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Condition {
    Up,
    Starting,
    Down,
}

impl Condition {
    fn of(state: &str) -> Self {
        match state {
            "up" => Self::Up,
            "down" | "paused" => Self::Down,
            _ => Self::Starting,
        }
    }

    fn look(self) -> (Ink, f64) {
        match self {
            Self::Up => (Ink::Up, 1.0),
            Self::Starting => (Ink::Down, STARTING),
            Self::Down => (Ink::Down, 1.0),
        }
    }
}

/// A node's conditions in order. Of one that changes more often than can be told apart, the worst of
/// each of so many cells, so that a drawing's size does not grow with the run.
fn conditions(node: &Node, end: f64, cells: usize) -> Vec<(Span, Condition)> {
    let states = node.states.iter().enumerate().map(|(index, state)| {
        let until = node.states.get(index + 1).map_or(end, |next| next.at_s.min(end));
        (Span { start: state.at_s.max(0.0), end: until }, Condition::of(&state.state))
    });
    let spans: Vec<_> = states.filter(|(span, _)| span.start < span.end).collect();
    if spans.len() <= cells.max(1) {
        return spans;
    }
    let length = end / cells.max(1) as f64;
    let mut worst: Vec<Option<Condition>> = vec![None; cells.max(1)];
    for (span, condition) in spans {
        let (first, last) = ((span.start / length) as usize, (span.end / length).ceil() as usize);
        for cell in worst.iter_mut().take(last).skip(first) {
            *cell = (*cell).max(Some(condition));
        }
    }
    let cell = |(index, condition): (usize, Option<Condition>)| {
        let start = index as f64 * length;
        Some((Span { start, end: start + length }, condition?))
    };
    let mut joined: Vec<(Span, Condition)> = Vec::new();
    for (span, condition) in worst.into_iter().enumerate().filter_map(cell) {
        match joined.last_mut().filter(|(last, of)| *of == condition && last.end + length / 2.0 >= span.start)
        {
            Some((last, _)) => last.end = span.end,
            None => joined.push((span, condition)),
        }
    }
    joined
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AttemptEnds, NodeState};

    fn node(changes: impl Iterator<Item = (f64, &'static str)>) -> Node {
        Node {
            name: "a".into(),
            zone: String::new(),
            attempts: 0,
            ends: AttemptEnds::default(),
            states: changes.map(|(at_s, state)| NodeState { at_s, state: state.into() }).collect(),
        }
    }

    #[test]
    fn few_changes_are_drawn_as_they_were() {
        let node = node([(0.0, "up"), (20.0, "down"), (29.0, "starting"), (30.0, "up")].into_iter());
        let found: Vec<_> =
            conditions(&node, 60.0, 100).into_iter().map(|(span, of)| (span.start, span.end, of)).collect();
        let (up, starting, down) = (Condition::Up, Condition::Starting, Condition::Down);
        assert_eq!(found, [(0.0, 20.0, up), (20.0, 29.0, down), (29.0, 30.0, starting), (30.0, 60.0, up)]);
    }

    #[test]
    fn many_changes_are_drawn_as_the_worst_of_each_cell() {
        // Down for a second of every ten, from 500 s on.
        let flaps =
            (50..100).flat_map(|n| [(f64::from(n) * 10.0, "down"), (f64::from(n) * 10.0 + 1.0, "up")]);
        let node = node(std::iter::once((0.0, "up")).chain(flaps));
        let found = conditions(&node, 1_000.0, 20);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!((found[0].1, found[0].0.end), (Condition::Up, 500.0));
        assert_eq!((found[1].1, found[1].0.end), (Condition::Down, 1_000.0));
    }
}
