//! What keys do, and how to read the timeline.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget as _};

use super::ink::Inks;

/// Each fits the smallest terminal. Without a key: more of the line before.
const LINES: [(&str, &str); 11] = [
    ("p", "pause the storm (no fault, nodes back), or go on"),
    ("", "then what rests on the storm is inconclusive"),
    ("q", "end the run: faults go, the report is written"),
    ("Ctrl-C", "the same; the second time at once, no report"),
    ("d", "details and back; Tab ← → next page; ↑ ↓ scroll"),
    ("?", "this and back"),
    ("nodes", "━ up   x down or paused   ┅ starting, refusing"),
    ("faults", "▓ was on   ┄ to come   ‖ kept off by a pause"),
    ("load", "█ answered well   ─ due   ‾ the plot's height"),
    ("ttft", "█ to p50   ▒ to p95   ░ to p99, from arrival"),
    ("columns", "the worst of their seconds; the newest fill up"),
];

pub(super) fn draw(buffer: &mut Buffer, area: Rect) {
    let lines = LINES.into_iter().map(|(key, text)| {
        Line::from_iter([Span::styled(format!("{key:>7}  "), Inks::strong()), Span::raw(text)])
    });
    Paragraph::new(lines.collect::<Vec<_>>()).render(area, buffer);
}
