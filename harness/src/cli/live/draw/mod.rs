//! What is drawn where.
//!
//! Two lines on top, keys at the bottom, and between them the timeline or a page of details. Everything is a
//! function of the picture and the view, so that tests draw without a terminal.

mod axis;
mod events;
mod header;
mod help;
pub(super) mod ink;
mod lanes;
mod pages;
mod timeline;
mod ttft;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use squall::fault::Storm;
use squall_report::format;

use super::picture::Picture;
use super::view::{Page, View};
use ink::Inks;

/// A smaller terminal shows nothing that helps.
const LEAST: (u16, u16) = (60, 15);
/// Lines on top: the run, and how it stands.
const TOP: u16 = 2;

/// Between two keys of the last line.
const GAP: &str = "   ";
/// The key that a narrow terminal has no room for.
const NEXT: &str = "Tab next";

/// Draws it all.
pub(super) fn all(buffer: &mut Buffer, picture: &Picture, view: &mut View, inks: Inks) {
    let area = buffer.area;
    if area.width < LEAST.0 || area.height < LEAST.1 {
        too_small(buffer);
        return;
    }
    header::draw(buffer, picture, view, inks);
    let page = Rect { y: area.y + TOP, height: area.height - TOP - 1, ..area };
    match view.page {
        _ if view.help => help::draw(buffer, page),
        Page::Timeline => timeline::draw(buffer, page, picture, inks),
        _ => pages::draw(buffer, page, picture, view, inks),
    }
    footer(buffer, picture, view);
}

fn too_small(buffer: &mut Buffer) {
    let Rect { width, height, .. } = buffer.area;
    let lines = [
        format!("{width}×{height} is too small:"),
        format!("{}×{} at least.", LEAST.0, LEAST.1),
        "The run goes on.".into(),
        "q ends it.".into(),
    ];
    for (row, line) in (0..height).zip(lines) {
        put(buffer, (0, row), width, &line, Style::new());
    }
}

/// The keys that do something now.
fn footer(buffer: &mut Buffer, picture: &Picture, view: &View) {
    let area = buffer.area;
    let hold = match picture.storm {
        Storm::Going => "p pause the storm",
        Storm::Paused => "p let the storm go on",
        Storm::Over => "",
    };
    let end = if view.ending.is_some() { "Ctrl-C end at once" } else { "q end the run" };
    let details = if view.page == Page::Timeline { "d details" } else { "d timeline" };
    let keys = [hold, details, NEXT, "? help", end];
    let mut keys: Vec<&str> = keys.into_iter().filter(|key| !key.is_empty()).collect();
    if cells(&keys.join(GAP)) > area.width {
        keys.retain(|key| *key != NEXT);
    }
    put(buffer, (area.x, area.bottom() - 1), area.width, &keys.join(GAP), Inks::dim());
    // The letters stand out.
    let mut x = area.x;
    for key in keys {
        let letters = key.split(' ').next().unwrap_or_default();
        put(buffer, (x, area.bottom() - 1), area.right().saturating_sub(x), letters, Inks::strong());
        x = x.saturating_add(cells(key) + cells(GAP));
    }
}

/// About how many cells a text takes.
fn cells(text: &str) -> u16 {
    u16::try_from(ratatui::text::Span::raw(text).width()).unwrap_or(u16::MAX)
}

/// Writes a text from left to right, as far as `room` goes; the end of what is longer is an ellipsis.
fn put(buffer: &mut Buffer, (x, y): (u16, u16), room: u16, text: &str, style: Style) {
    let text = format::shortened(&format::line(text), usize::from(room));
    buffer.set_stringn(x, y, text, usize::from(room), style);
}

/// Writes a text that ends before `end`.
fn put_right(buffer: &mut Buffer, (end, y): (u16, u16), room: u16, text: &str, style: Style) {
    let text = format::shortened(&format::line(text), usize::from(room));
    let x = end.saturating_sub(cells(&text));
    buffer.set_stringn(x, y, text, usize::from(room), style);
}

/// One cell.
fn dot(buffer: &mut Buffer, (x, y): (u16, u16), sign: &str, style: Style) {
    if let Some(cell) = buffer.cell_mut((x, y)) {
        cell.set_symbol(sign).set_style(style);
    }
}
