//! A trace: its rate over time, and how long its prompts and answers are. A picture by itself, in the
//! light scheme's colours.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::canvas::{self, About, Anchor, Canvas, ChartError, Frame};
use super::ink::{Ink, hex};
use crate::format;
use crate::scale::{self, Axis};

const WIDTH: u32 = 960;
const HEIGHT: u32 = 260;
/// Between two drawings.
const GAP: u32 = 12;
const LETTERS: f64 = 12.0;
/// Labels of each axis.
const TIME_TICKS: usize = 12;
const RATE_TICKS: usize = 5;

/// What the picture of a trace shows.
#[derive(Clone, Debug, Default)]
pub struct TracePicture {
    /// Its name.
    pub title: String,
    /// Seconds of a slot of `rates`, more than 0.
    pub slot_s: f64,
    /// Requests a second in each slot, from the start on.
    pub rates: Vec<f64>,
    /// Lengths in tokens, each with its name and its percentiles 0, 1, … 100.
    pub lengths: Vec<(String, Vec<u64>)>,
}

/// Writes the picture as SVG.
pub fn write_trace_svg(picture: &TracePicture, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
    let drawings = drawings(picture).map_err(io::Error::other)?;
    let height = drawings.len() as u32 * (HEIGHT + GAP);
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" font-family="sans-serif"><rect width="100%" height="100%" fill="{}"/>"#,
        hex(Ink::Surface.light()),
    );
    for (place, drawing) in drawings.iter().enumerate() {
        let y = place as u32 * (HEIGHT + GAP);
        let rest = drawing.strip_prefix("<svg").unwrap_or(drawing);
        // Writing into a String can't fail.
        let _ = write!(svg, r#"<svg x="0" y="{y}" width="{WIDTH}" height="{HEIGHT}"{rest}"#);
    }
    svg.push_str("</svg>\n");
    out.write_all(svg.as_bytes())?;
    out.flush()
}

fn drawings(picture: &TracePicture) -> Result<Vec<String>, ChartError> {
    let mut drawings = Vec::new();
    if !picture.rates.is_empty() {
        drawings.push(rate(picture)?);
    }
    if !picture.lengths.is_empty() {
        drawings.push(lengths(picture)?);
    }
    Ok(drawings)
}

fn frame(x: Axis, y: Axis) -> Frame {
    Frame { width: WIDTH, height: HEIGHT, top: 34, left: 64, bottom: 26, right: 24, letters: LETTERS, x, y }
}

fn heading(canvas: &mut Canvas<'_>, frame: &Frame, text: &str) -> Result<(), ChartError> {
    canvas.text(text, (frame.x.from, frame.y.to), (0.0, -18.0), Anchor::Start)
}

fn rate(picture: &TracePicture) -> Result<String, ChartError> {
    let end = picture.slot_s * picture.rates.len() as f64;
    let peak = picture.rates.iter().copied().fold(0.0, f64::max);
    let label = |rate: f64| if peak < 10.0 { format!("{rate:.1}/s") } else { format!("{rate:.0}/s") };
    let frame = frame(scale::time(end, TIME_TICKS), scale::amounts(peak, RATE_TICKS, label));
    let title = format!(
        "{}: requests a second, over {} each",
        format::line(&picture.title),
        format::seconds(picture.slot_s)
    );
    let about = About { title: title.clone(), description: format!("At most {peak:.2} requests a second.") };
    canvas::draw(&frame, &about, |canvas| {
        heading(canvas, &frame, &title)?;
        let slots = picture.rates.iter().enumerate();
        let mut corners: Vec<_> = slots
            .flat_map(|(slot, rate)| {
                let start = slot as f64 * picture.slot_s;
                [(start, *rate), (start + picture.slot_s, *rate)]
            })
            .collect();
        let line = corners.clone();
        corners.extend([(end, 0.0), (0.0, 0.0)]);
        canvas.area(corners, Ink::P50, 0.2)?;
        canvas.line(&line, Ink::P50, 1.2)
    })
}

fn lengths(picture: &TracePicture) -> Result<String, ChartError> {
    let all = || picture.lengths.iter().flat_map(|(_, percentiles)| percentiles).copied();
    let x = powers_of_ten(all().min().unwrap_or(1), all().max().unwrap_or(1));
    let y = Axis {
        from: 0.0,
        to: 100.0,
        ticks: [0.0, 25.0, 50.0, 75.0, 100.0].map(|percent| (percent, format!("{percent:.0}%"))).into(),
    };
    let frame = frame(x, y);
    let title = "Share of requests with at most so many tokens";
    let about = About { title: title.into(), description: describe(picture) };
    canvas::draw(&frame, &about, |canvas| {
        heading(canvas, &frame, title)?;
        for (place, (name, percentiles)) in picture.lengths.iter().enumerate() {
            let point = |(percent, tokens): (usize, &u64)| (place_of(*tokens), percent as f64);
            let line: Vec<_> = percentiles.iter().enumerate().map(point).collect();
            canvas.line(&line, Ink::group(place), 2.0)?;
            // Names stand at different heights, since lines may lie on one another.
            let height = 60 - 15 * place.min(3);
            if let Some(at) = line.get(height) {
                canvas.text(name, *at, (8.0, 0.0), Anchor::Start)?;
            }
        }
        Ok(())
    })
}

fn place_of(tokens: u64) -> f64 {
    (tokens.max(1) as f64).log10()
}

/// A log axis of tokens, from a power of ten to another.
fn powers_of_ten(least: u64, most: u64) -> Axis {
    let (from, to) = (place_of(least).floor(), place_of(most).ceil());
    let to = if to > from { to } else { from + 1.0 };
    let ticks =
        (from as u32..=to as u32).map(|power| (f64::from(power), format::count(10_u64.pow(power.min(19)))));
    Axis { from, to, ticks: ticks.collect() }
}

fn describe(picture: &TracePicture) -> String {
    let medians = picture.lengths.iter().filter_map(|(name, percentiles)| {
        Some(format!("The median of {name} is {}.", format::count(*percentiles.get(50)?)))
    });
    medians.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn svg(picture: &TracePicture) -> String {
        let mut out = Vec::new();
        write_trace_svg(picture, &mut out).expect("memory does not fail");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_trace_is_drawn_with_its_rate_and_its_lengths() {
        let picture = TracePicture {
            title: "a <b>".into(),
            slot_s: 10.0,
            rates: vec![1.0, 7.5, 0.0, 2.0],
            lengths: vec![
                ("input tokens".into(), (0..=100).map(|n| 10 + n * 20).collect()),
                ("output tokens".into(), vec![5; 101]),
            ],
        };
        let svg = svg(&picture);
        for part in [
            "a &lt;b&gt;: requests a second, over 10.0 s each",
            "7.5",
            "input tokens",
            "output tokens",
            "1,000",
        ] {
            assert!(svg.contains(part), "{part} is missing in {svg}");
        }
        assert_eq!(svg.matches("<svg").count(), svg.matches("</svg>").count());
        assert_eq!(svg.matches("<svg").count(), 3);
    }

    #[test]
    fn a_trace_without_times_has_no_rate() {
        let lengths = vec![("output tokens".to_owned(), vec![1; 101])];
        let svg = svg(&TracePicture { lengths, ..TracePicture::default() });
        assert!(!svg.contains("requests a second"));
        assert_eq!(svg.matches("<svg").count(), 2);
    }
}
