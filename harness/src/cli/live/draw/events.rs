//! Lanes of what happened: phases, faults, nodes.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use squall::fault::{FaultLive, NodeState};
use squall_report::course::{self, Condition, Span};
use squall_report::{Node, format};

use super::super::picture::Picture;
use super::axis::{Axis, overlap};
use super::ink::Inks;
use super::{cells, dot, put, put_right};

/// The phases in a row: what is over is a thick line.
pub(super) fn phases(buffer: &mut Buffer, row: u16, axis: &Axis, picture: &Picture) {
    for (index, phase) in picture.phases.iter().enumerate() {
        let (start, end) = (phase.span.start, phase.span.end.min(axis.end));
        if start >= axis.end {
            continue;
        }
        let first = axis.column(start);
        let last = if end >= axis.end { axis.left + axis.width } else { axis.column(end) };
        for x in first..last {
            let over = axis.now.is_some_and(|now| x <= axis.column(now));
            let (sign, style) = if over { ("━", Inks::strong()) } else { ("─", Inks::dim()) };
            dot(buffer, (x, row), sign, style);
        }
        if index > 0 {
            dot(buffer, (first, row), "┊", Inks::dim());
        }
        let room = last.saturating_sub(first + 3);
        let name = format::line(&phase.name);
        if room >= cells(&name).min(3) {
            let name = format!(" {} ", format::shortened(&name, usize::from(room)));
            let x = first + 1 + room.saturating_sub(cells(&name).saturating_sub(2)) / 2;
            let now = picture.now_s.is_some() && picture.phase == Some(index);
            let style = if now { Inks::loud() } else { Style::new() };
            put(buffer, (x, row), cells(&name), &name, style);
        }
    }
}

/// How a fault stands, in a sign and a word.
pub(super) fn stage(live: &FaultLive, now: Option<f64>) -> (&'static str, &'static str) {
    let now = now.unwrap_or(-1.0);
    match live {
        _ if live.on => ("●", "on"),
        _ if live.fault.traps > 0 && now >= live.fault.start_s => ("!", "trapped"),
        _ if now < live.fault.start_s => ("○", "to come"),
        _ if now < live.fault.end_s => ("‖", "paused"),
        _ => ("–", "over"),
    }
}

/// A fault in a row.
pub(super) fn fault(
    buffer: &mut Buffer,
    area: Rect,
    axis: &Axis,
    picture: &Picture,
    live: &FaultLive,
    inks: Inks,
) {
    let (sign, _) = stage(live, picture.now_s);
    let style = if live.on { inks.fault().patch(Inks::strong()) } else { Style::new() };
    put(buffer, (area.x, area.y), axis.left - 1 - area.x, &format!("{sign} {}", live.fault.plugin), style);
    let on = course::on(&live.fault, &picture.pauses);
    let planned = Span { start: live.fault.start_s, end: live.fault.end_s };
    // The column of now, too: what comes after it is not known.
    let paused = |column: Span| {
        picture.pauses.iter().any(|pause| overlap(Span { start: pause.from_s, end: pause.to_s }, column))
    };
    for (x, column) in axis.columns().filter(|(_, column)| overlap(planned, *column)) {
        let over = axis.now.is_some_and(|now| column.start <= now);
        let is_on = on.iter().any(|span| overlap(*span, column));
        let (sign, style) = match (over, is_on && !paused(column)) {
            (false, _) => ("┄", Inks::dim()),
            (true, true) => ("▓", inks.fault()),
            (true, false) => ("‖", Inks::strong()),
        };
        dot(buffer, (x, area.y), sign, style);
    }
    nodes_of(buffer, area.y, axis, live);
}

/// The nodes of a fault, beside its bar.
fn nodes_of(buffer: &mut Buffer, row: u16, axis: &Axis, live: &FaultLive) {
    let nodes = live.fault.nodes.join(", ");
    let end = axis.left + axis.width;
    let after = axis.column(live.fault.end_s.min(axis.end)) + 2;
    let before = axis.column(live.fault.start_s).saturating_sub(1);
    let right = end.saturating_sub(after);
    let left = before.saturating_sub(axis.left);
    if right >= cells(&nodes) {
        put(buffer, (after, row), right, &nodes, Inks::dim());
    } else if left >= cells(&nodes) {
        put_right(buffer, (before, row), left, &nodes, Inks::dim());
    }
}

/// A node in a row.
pub(super) fn node(
    buffer: &mut Buffer,
    area: Rect,
    axis: &Axis,
    (node, state): (&Node, NodeState),
    inks: Inks,
) {
    let end = axis.left - 1;
    let word = state.to_string();
    let style = look(Condition::of(&word), inks).1;
    let room = (end - area.x).saturating_sub(cells(&word) + 1);
    put(buffer, (area.x, area.y), room, &node.name, Inks::strong());
    put_right(buffer, (end, area.y), end - area.x, &word, style);
    let now = axis.now.unwrap_or_default();
    let conditions = course::conditions(node, now, usize::from(axis.width));
    for (x, column) in axis.past() {
        let inside = conditions.iter().filter(|(span, _)| overlap(*span, column));
        let Some(worst) = inside.map(|(_, condition)| *condition).max() else { continue };
        let (sign, style) = look(worst, inks);
        dot(buffer, (x, area.y), sign, style);
    }
}

fn look(condition: Condition, inks: Inks) -> (&'static str, Style) {
    match condition {
        Condition::Up => ("━", inks.good()),
        Condition::Starting => ("┅", Style::new()),
        Condition::Down => ("x", inks.bad().patch(Inks::strong())),
    }
}
