//! The lane of the time to first token: up to the median in full, up to p95 and p99 ever lighter.

use ratatui::buffer::Buffer;
use ratatui::style::Style;
use squall_report::scale::Latencies;
use squall_report::{Percentiles, Slice, format};

use super::axis::worst;
use super::dot;
use super::ink::Inks;
use super::lanes::{BARS, Lane};

type Percentile = fn(&Percentiles) -> Option<f64>;

/// The highest first, as their figures stand above each other.
const PERCENTILES: [(&str, &str, Percentile); 3] =
    [("p99", "░", |p| p.p99_ms), ("p95", "▒", |p| p.p95_ms), ("p50", "█", |p| p.p50_ms)];
/// Labels that the scale could have: round ends are what it is taken for.
const TICKS: usize = 3;

pub(super) fn draw(buffer: &mut Buffer, lane: &Lane<'_>) {
    let all = lane.slices.iter().flat_map(|(_, slice)| PERCENTILES.map(|(_, _, of)| of(&slice.ttft)));
    let all: Vec<f64> = all.flatten().filter(|ms| ms.is_finite()).collect();
    let scale = Latencies::fit(all.iter().copied(), TICKS);
    gutter(buffer, lane, &scale);
    let (from, to) = (scale.axis.from, scale.axis.to);
    let height = |column, of: Percentile| {
        let figure = |_, slice: &Slice| of(&slice.ttft).filter(|ms| ms.is_finite());
        let ms = worst(lane.slices, column, figure)?;
        Some((scale.place(ms) - from) / (to - from) * f64::from(lane.area.height))
    };
    for (x, column) in lane.axis.past() {
        let [p99, p95, p50] = PERCENTILES.map(|(_, _, of)| height(column, of));
        if let (Some(p50), Some(p95)) = (p50, p95) {
            bar(buffer, lane, x, [p50, p95, p99.unwrap_or(p95)]);
        }
    }
}

/// A column: full to the median, then lighter up to p95, which ends to an eighth of a cell, then lighter still.
fn bar(buffer: &mut Buffer, lane: &Lane<'_>, x: u16, [p50, p95, p99]: [f64; 3]) {
    let rows = lane.area.height;
    // What was measured is seen, however small.
    let eighths = ((p95 * 8.0).round() as u16).clamp(1, rows * 8);
    let (whole, part) = (eighths / 8, eighths % 8);
    for row in 0..rows {
        let sign = if row < whole {
            if f64::from(row) + 0.5 < p50 { "█" } else { "▒" }
        } else if row == whole && part > 0 {
            BARS[usize::from(part) - 1]
        } else if f64::from(row) + 0.5 < p99 {
            "░"
        } else {
            break;
        };
        dot(buffer, (x, lane.area.bottom() - 1 - row), sign, lane.inks.figure());
    }
}

fn gutter(buffer: &mut Buffer, lane: &Lane<'_>, scale: &Latencies) {
    let latest = lane.last.map(|(_, slice)| slice.ttft).unwrap_or_default();
    let rows = lane.area.height;
    // In two rows there is room for one figure and the height.
    let shown: &[(&str, &str, Percentile)] = if rows > 3 { &PERCENTILES } else { &PERCENTILES[1..] };
    let shown = &shown[..shown.len().min(usize::from(rows - 1))];
    for (row, (name, sign, of)) in (0..).zip(shown) {
        let label = if row == 0 { format!("ttft {sign}{name}") } else { format!("     {sign}{name}") };
        let style = if row == 0 { Inks::strong() } else { Style::new() };
        lane.line(buffer, row, &label, &format::maybe(of(&latest), format::latency), style);
    }
    let (log, top) = if scale.log { ("log ", 10_f64.powf(scale.axis.to)) } else { ("", scale.axis.to) };
    lane.line(buffer, rows - 1, "", &format!("{log}‾{}", format::latency(top)), Inks::dim());
}
