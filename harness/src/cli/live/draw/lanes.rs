//! Lanes of bars: load, failures, requests in flight.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use squall_report::course::{self, Span};
use squall_report::{Slice, format, scale};

use super::axis::{Axis, mean, worst};
use super::ink::Inks;
use super::{dot, put, put_right};

/// Bars that fill an eighth of a cell more each.
pub(super) const BARS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// Steps that a scale could have: its round end is what it is taken for.
const TICKS: usize = 4;

/// What a lane is drawn with.
pub(super) struct Lane<'a> {
    /// The gutter and the plot.
    pub(super) area: Rect,
    pub(super) axis: &'a Axis,
    pub(super) slices: &'a [(Span, &'a Slice)],
    /// The last second.
    pub(super) last: Option<&'a (Span, Slice)>,
    pub(super) inks: Inks,
}

impl Lane<'_> {
    /// A line of the gutter: a name, and a figure at its right.
    pub(super) fn line(&self, buffer: &mut Buffer, row: u16, name: &str, figure: &str, style: Style) {
        if row >= self.area.height {
            return;
        }
        let y = self.area.y + row;
        let end = self.axis.left - 1;
        put(buffer, (self.area.x, y), end - self.area.x, name, style);
        put_right(buffer, (end, y), end - self.area.x, figure, style);
    }

    /// The last line of the gutter says how high the plot is.
    fn height(&self, buffer: &mut Buffer, least_row: u16, top: &str) {
        let row = self.area.height.saturating_sub(1);
        if row >= least_row {
            self.line(buffer, row, "", &format!("‾{top}"), Inks::dim());
        }
    }

    /// A bar a column. What is none is a dot: it was looked at.
    fn bars(&self, buffer: &mut Buffer, top: f64, style: Style, figure: impl Fn(Span) -> Option<f64>) {
        let rows = self.area.height;
        for (x, span) in self.axis.past() {
            let Some(figure) = figure(span) else { continue };
            let bottom = self.area.bottom() - 1;
            if figure <= 0.0 {
                dot(buffer, (x, bottom), "·", Inks::dim());
                continue;
            }
            let eighths = ((figure / top * f64::from(rows) * 8.0).round() as u16).clamp(1, rows * 8);
            for row in 0..eighths.div_ceil(8) {
                let filled = (eighths - row * 8).min(8);
                dot(buffer, (x, bottom - row), BARS[usize::from(filled) - 1], style);
            }
        }
    }

    /// A stroke a column, where no bar is.
    fn strokes(&self, buffer: &mut Buffer, top: f64, figure: impl Fn(Span) -> Option<f64>) {
        let rows = self.area.height;
        for (x, span) in self.axis.past() {
            let Some(figure) = figure(span).filter(|figure| *figure > 0.0) else { continue };
            let row = ((figure / top * f64::from(rows)).ceil() as u16).clamp(1, rows);
            let y = self.area.bottom() - row;
            if buffer.cell((x, y)).is_some_and(|cell| matches!(cell.symbol(), " " | "┊")) {
                dot(buffer, (x, y), "─", Inks::dim());
            }
        }
    }

    /// The largest figure of the run so far.
    fn most(&self, figure: impl Fn(Span, &Slice) -> f64) -> f64 {
        self.slices.iter().map(|(span, slice)| figure(*span, slice)).fold(0.0, f64::max)
    }
}

/// Requests that ended well a second, and those that were due.
pub(super) fn load(buffer: &mut Buffer, lane: &Lane<'_>, rate: f64) {
    let most = lane.most(|span, slice| course::succeeded(span, slice).max(course::due(span, slice)));
    let top = scale::amounts(most, TICKS, format::ms).to;
    lane.line(buffer, 0, "load", &format::a_second(rate), Inks::strong());
    let due = lane.last.map(|(span, slice)| course::due(*span, slice));
    if lane.area.height > 2 {
        lane.line(buffer, 1, "  due", &format::maybe(due, format::a_second), Style::new());
    }
    lane.height(buffer, 1, &format::a_second(top));
    lane.bars(buffer, top, lane.inks.good(), |column| mean(lane.slices, column, course::succeeded));
    lane.strokes(buffer, top, |column| mean(lane.slices, column, course::due));
}

/// Requests that failed a second.
pub(super) fn failed(buffer: &mut Buffer, lane: &Lane<'_>) {
    let top = scale::amounts(lane.most(course::failed), TICKS, format::ms).to;
    let rate = lane.last.map(|(span, slice)| course::failed(*span, slice));
    let style = if rate.is_some_and(|rate| rate > 0.0) { lane.inks.bad() } else { Style::new() };
    let rate = format::maybe(rate, format::a_second);
    lane.line(buffer, 0, "failed", &rate, style.patch(Inks::strong()));
    let share = lane.last.and_then(|(_, slice)| course::success(slice));
    if lane.area.height > 2 {
        lane.line(buffer, 1, "  ok", &format::maybe(share, format::share), Style::new());
    }
    lane.height(buffer, 1, &format::a_second(top));
    lane.bars(buffer, top, lane.inks.bad(), |column| {
        worst(lane.slices, column, |span, slice| Some(course::failed(span, slice)))
    });
}

/// The most requests in flight.
pub(super) fn in_flight(buffer: &mut Buffer, lane: &Lane<'_>, now: u64) {
    let figure = |_: Span, slice: &Slice| slice.in_flight.map(|n| n as f64);
    let most = lane.most(|span, slice| figure(span, slice).unwrap_or_default());
    let top = scale::amounts(most, TICKS, format::ms).to;
    lane.line(buffer, 0, "in flight", &format::count(now), Inks::strong());
    lane.height(buffer, 1, &format::count(top.ceil() as u64));
    lane.bars(buffer, top, lane.inks.figure(), |column| worst(lane.slices, column, figure));
}
