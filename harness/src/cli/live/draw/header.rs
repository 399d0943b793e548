//! The lines on top: which run, how far it is, and what has to be known at once.

use ratatui::buffer::Buffer;
use ratatui::style::Style;
use squall_report::format;

use super::super::picture::{Phase, Picture};
use super::super::view::View;
use super::ink::Inks;
use super::{cells, put, put_right};

pub(super) fn draw(buffer: &mut Buffer, picture: &Picture, view: &View, inks: Inks) {
    let area = buffer.area;
    let progress = progress(picture);
    let room = area.width.saturating_sub(cells(&progress) + 2);
    put(buffer, (area.x, area.y), room, &picture.name, Inks::strong());
    put_right(buffer, (area.right(), area.y), area.width, &progress, Inks::strong());
    // As many as fit; the first are the ones that matter.
    let mut x = area.x;
    for (text, style) in standing(picture, view, inks) {
        let room = area.right().saturating_sub(x);
        if x > area.x && cells(&text) > room {
            break;
        }
        put(buffer, (x, area.y + 1), room, &text, style);
        x = x.saturating_add(cells(&text) + 2);
    }
}

/// `0:32 of 1:00`.
fn progress(picture: &Picture) -> String {
    let now = format::clock(picture.now_s.unwrap_or_default());
    match picture.requests {
        Some(requests) => {
            format!("{} of {} requests  {now}", format::count(picture.ended()), format::count(requests))
        }
        None => format!("{now} of {}", format::clock(picture.end_s())),
    }
}

/// How the run stands, the most important first.
fn standing(picture: &Picture, view: &View, inks: Inks) -> Vec<(String, Style)> {
    let mut all = Vec::new();
    if let Some(why) = &view.ending {
        all.push((format!(" ENDING: {why} "), Inks::loud()));
    }
    if let Some(since) = picture.paused_since() {
        all.push((format!(" STORM PAUSED since {} ", format::run_time(since)), Inks::loud()));
    }
    let (phase, live) = match (picture.now_s, picture.phase) {
        (None, _) => ("nodes and target get ready".to_owned(), None),
        (Some(now), Some(index)) => {
            let phase = picture.phases.get(index);
            (phase.map_or_else(String::new, |phase| in_phase(picture, phase, now)), phase)
        }
        (Some(_), None) => {
            ("the load is over: last answers, then the verdict".to_owned(), picture.phases.last())
        }
    };
    all.push((phase, Inks::strong()));
    if let Some(live) = live.map(|phase| phase.live).filter(|live| live.ended > 0) {
        all.push((format!("{} answered", format::count(live.ended)), Style::new()));
        let style = if live.ok_share.is_some_and(|share| share < 1.0) { inks.bad() } else { inks.good() };
        all.push((format!("{} ok", format::maybe(live.ok_share, format::share)), style));
        all.push((format!("ttft p95 {}", format::maybe(live.ttft_p95_ms, format::latency)), Style::new()));
    }
    all
}

/// `storm, 12 s of 20 s`.
fn in_phase(picture: &Picture, phase: &Phase, now: f64) -> String {
    let gone = format::clock(now - phase.span.start);
    let warmup = if phase.warmup { " (warm-up)" } else { "" };
    match picture.requests {
        Some(_) => format!("{}{warmup}, {gone}", phase.name),
        None => format!("{}{warmup}, {gone} of {}", phase.name, format::clock(phase.span.length())),
    }
}
