//! The run along its time: what its slices and its nodes' states come to, whoever draws them.
//!
//! The report's charts and the dashboard of a run that goes on take their figures from here, so that both
//! show the same. Pure, and total: any slices and states have a course.

use crate::{Fault, Node, Pause, Slice, format};

/// A stretch of run time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// Its start.
    pub start: f64,
    /// Its end.
    pub end: f64,
}

impl Span {
    /// How long it is, never 0.
    pub fn length(self) -> f64 {
        (self.end - self.start).max(1e-9)
    }
}

/// Each slice with its stretch: it ends where the next begins.
pub fn spans(series: &[Slice]) -> Vec<(Span, &Slice)> {
    let mut length = 1.0;
    let mut spans = Vec::with_capacity(series.len());
    for (index, slice) in series.iter().enumerate() {
        if let Some(next) = series.get(index + 1).map(|next| next.start_s - slice.start_s)
            && next > 0.0
        {
            length = next;
        }
        spans.push((Span { start: slice.start_s, end: slice.start_s + length }, slice));
    }
    spans
}

/// Requests that were due a second.
pub fn due(span: Span, slice: &Slice) -> f64 {
    slice.scheduled as f64 / span.length()
}

/// Requests that ended well a second.
pub fn succeeded(span: Span, slice: &Slice) -> f64 {
    slice.ok as f64 / span.length()
}

/// Requests that ended otherwise a second.
pub fn failed(span: Span, slice: &Slice) -> f64 {
    slice.failed as f64 / span.length()
}

/// The share that succeeded of the requests that ended; none where none did.
pub fn success(slice: &Slice) -> Option<f64> {
    let ended = slice.ok as f64 + slice.failed as f64;
    (ended > 0.0).then(|| slice.ok as f64 / ended)
}

/// What a node's states come to, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// It serves.
    Up,
    /// It is neither up nor down: starting, or refusing connections.
    Starting,
    /// It is down or paused.
    Down,
}

impl Condition {
    /// What a state's name comes to.
    pub fn of(state: &str) -> Self {
        match state {
            "up" => Self::Up,
            "down" | "paused" => Self::Down,
            _ => Self::Starting,
        }
    }
}

/// A node's conditions in order, until `end`. Of one that changes more often than can be told apart, the
/// worst of each of so many cells, so that a drawing's size does not grow with the run.
pub fn conditions(node: &Node, end: f64, cells: usize) -> Vec<(Span, Condition)> {
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

/// A fault and its nodes, as a lane is labelled.
pub fn label(fault: &Fault) -> String {
    let on = if fault.nodes.is_empty() { String::new() } else { format!(" on {}", fault.nodes.join(", ")) };
    format::line(&format!("{}{on}", fault.plugin))
}

/// The stretches in which a fault is on by plan, without those in which the storm was paused.
pub fn on(fault: &Fault, pauses: &[Pause]) -> Vec<Span> {
    let mut left = vec![Span { start: fault.start_s, end: fault.end_s }];
    for pause in pauses {
        let parts = left.iter().flat_map(|span| {
            let before = Span { start: span.start, end: span.end.min(pause.from_s) };
            let after = Span { start: span.start.max(pause.to_s), end: span.end };
            [before, after]
        });
        left = parts.filter(|span| span.start < span.end).collect();
    }
    left
}

/// The same stretches without overlaps, and without gaps up to `gap`.
pub(crate) fn united(mut spans: Vec<Span>, gap: f64) -> Vec<Span> {
    spans.sort_by(|a, b| a.start.total_cmp(&b.start));
    let mut united: Vec<Span> = Vec::new();
    for span in spans {
        match united.last_mut().filter(|last| span.start <= last.end + gap) {
            Some(last) => last.end = last.end.max(span.end),
            None => united.push(span),
        }
    }
    united
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

    fn span(start: f64, end: f64) -> Span {
        Span { start, end }
    }

    #[test]
    fn stretches_that_overlap_are_one() {
        let spans = vec![span(22.0, 40.0), span(0.0, 5.0), span(20.0, 30.0), span(5.0, 6.0)];
        assert_eq!(united(spans.clone(), 0.0), [span(0.0, 6.0), span(20.0, 40.0)]);
        assert_eq!(united(spans, 14.0), [span(0.0, 40.0)]);
    }

    #[test]
    fn a_fault_is_not_on_while_the_storm_is_paused() {
        let fault = Fault {
            plugin: "cut".into(),
            sha256: String::new(),
            phase: "storm".into(),
            nodes: Vec::new(),
            start_s: 20.0,
            end_s: 40.0,
            fired: 0,
            traps: 0,
            trap: None,
            counters: Vec::new(),
        };
        let pause = |from_s, to_s| Pause { from_s, to_s };
        assert_eq!(on(&fault, &[]), [span(20.0, 40.0)]);
        assert_eq!(on(&fault, &[pause(5.0, 8.0)]), [span(20.0, 40.0)]);
        let twice = [pause(18.0, 22.0), pause(30.0, 31.0)];
        assert_eq!(on(&fault, &twice), [span(22.0, 30.0), span(31.0, 40.0)]);
        assert_eq!(on(&fault, &[pause(10.0, 50.0)]), []);
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
