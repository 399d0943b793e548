//! Several scenarios' repeated runs side by side: what took how long, from the shortest to the longest run. A
//! picture by itself, in the light scheme's colours.

use std::io::{self, Write};

use super::canvas::{self, About, Anchor, ChartError, Frame};
use super::ink::{Ink, hex};
use crate::format;
use crate::repeats::{Named, Spread, figures, find};
use crate::scale::{Axis, Latencies};

const WIDTH: u32 = 900;
const LETTERS: f64 = 12.0;
/// Px of a bar, and between two figures.
const BAR: u32 = 16;
const GAP: u32 = 10;
/// Px above and below the bars.
const TOP: u32 = 60;
const BOTTOM: u32 = 26;
const TICKS: usize = 8;
/// Px of a name with its colour.
const KEY: f64 = 160.0;

/// Writes the figures that are times as SVG: of each a bar from the least to the most, with a mark at the median.
pub fn write_repeats_svg(all: &[Named<'_>], title: &str, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
    let drawing = drawing(all, title).map_err(io::Error::other)?;
    let body = drawing.strip_prefix("<svg").unwrap_or(&drawing);
    let background = format!(r#"<rect width="100%" height="100%" fill="{}"/>"#, hex(Ink::Surface.light()));
    let (head, rest) = body.split_once('>').unwrap_or((body, ""));
    writeln!(out, r#"<svg width="{WIDTH}" font-family="sans-serif"{head}>{background}{rest}"#)?;
    out.flush()
}

/// A time in milliseconds.
fn ms(spread: &Spread, value: f64) -> Option<f64> {
    match spread.unit.as_str() {
        "ms" => Some(value),
        "s" => Some(value * 1e3),
        _ => None,
    }
}

fn drawing(all: &[Named<'_>], title: &str) -> Result<String, ChartError> {
    // On an axis of powers there is no place for a median of nothing: the table has it.
    let has_place = |(of, what): &(&str, &str)| {
        let mut spreads = all.iter().filter_map(|(_, repeats)| find(repeats, of, what));
        spreads.all(|spread| ms(spread, spread.median).is_some_and(|ms| ms > 0.0))
    };
    let rows: Vec<(&str, &str)> = figures(all).into_iter().filter(has_place).collect();
    let times = all.iter().flat_map(|(_, repeats)| &repeats.spreads);
    let times = times.flat_map(|spread| [ms(spread, spread.least), ms(spread, spread.most)]).flatten();
    let latencies = Latencies::fit(times.filter(|ms| *ms > 0.0), TICKS);
    let row = BAR * all.len() as u32 + GAP;
    let height = row * rows.len().max(1) as u32;
    let frame = Frame {
        width: WIDTH,
        height: TOP + height + BOTTOM,
        top: TOP,
        left: 190,
        bottom: BOTTOM,
        right: 24,
        letters: LETTERS,
        x: latencies.axis.clone(),
        y: Axis::bare(0.0, f64::from(height)),
    };
    let description = format!("{} times, each of {}", rows.len(), names(all));
    let about = About { title: title.to_owned(), description };
    canvas::draw(&frame, &about, |canvas| {
        let (from, top) = (frame.x.from, frame.y.to);
        canvas.text(&format::line(title), (from, top), (-180.0, -44.0), Anchor::Start)?;
        let px = (frame.x.to - from) / frame.plot_width();
        for (place, (name, _)) in all.iter().enumerate() {
            let left = from + px * KEY * place as f64;
            canvas.strip((left, left + px * 14.0), (-26.0, -14.0), Ink::group(place), 1.0)?;
            canvas.text(&format::line(name), (left + px * 20.0, top), (0.0, -20.0), Anchor::Start)?;
        }
        for (line, (of, what)) in rows.iter().enumerate() {
            let upper = top - f64::from(row) * line as f64;
            let middle = upper - f64::from(row) / 2.0;
            canvas.text(
                &format!("{what}, {}", format::line(of)),
                (from, middle),
                (-8.0, 0.0),
                Anchor::End,
            )?;
            for (place, (_, repeats)) in all.iter().enumerate() {
                let Some(spread) = find(repeats, of, what) else { continue };
                let y = upper - f64::from(GAP) / 2.0 - f64::from(BAR) * (place as f64 + 0.5);
                let at = |value: f64| ms(spread, value).map(|ms| latencies.place(ms));
                let (Some(least), Some(median), Some(most)) =
                    (at(spread.least), at(spread.median), at(spread.most))
                else {
                    continue;
                };
                canvas.line(&[(least, y), (most, y)], Ink::group(place), 3.0)?;
                canvas.line(&[(median, y)], Ink::group(place), 5.0)?;
            }
        }
        Ok(())
    })
}

fn names(all: &[Named<'_>]) -> String {
    all.iter().map(|(name, _)| format::line(name)).collect::<Vec<_>>().join(" and ")
}
