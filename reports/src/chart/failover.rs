//! How each death of a node went: a lane from the death to detection, to recovery, and from the node's
//! return to its share of the work.

use super::Key;
use super::canvas::{Canvas, ChartError, Frame};
use super::events::{bar, heading, put_label};
use super::ink::Ink;
use super::time::Timeline;
use crate::course::Span;
use crate::{Failover, format};

/// Deaths that have a lane; more are in the tables.
const MOST: usize = 8;
/// Deaths whose moments are drawn through all charts; more would hide what they are drawn over.
const MOST_MARKED: usize = 2;
/// What lasts shorter than this many px is drawn as long.
const LEAST_PX: f64 = 3.0;

const UNDETECTED: Ink = Ink::Failed;
const UNRECOVERED: Ink = Ink::P95;
const RISING: Ink = Ink::P50;

/// The deaths that have a lane.
pub(super) fn lanes<'a>(timeline: &Timeline<'a>) -> Vec<&'a Failover> {
    let shown = |death: &&Failover| (0.0..timeline.end).contains(&death.t0_s);
    timeline.report.failover.iter().filter(shown).take(MOST).collect()
}

/// What the colours of the lanes mean.
pub(super) fn keys(deaths: &[&Failover]) -> Vec<Key> {
    if deaths.is_empty() {
        return Vec::new();
    }
    let rising = deaths.iter().any(|death| death.failback_s.is_some());
    let keys = [
        (true, Key::area(UNDETECTED, "to detection")),
        (true, Key::area(UNRECOVERED, "to recovery")),
        (rising, Key::area(RISING, "to failback")),
    ];
    keys.into_iter().filter(|(shown, _)| *shown).map(|(_, key)| key).collect()
}

/// Draws the lanes from `first` on.
pub(super) fn draw(
    canvas: &mut Canvas<'_>,
    frame: &Frame,
    deaths: &[&Failover],
    (first, end): (usize, f64),
) -> Result<(), ChartError> {
    for (index, death) in deaths.iter().enumerate() {
        let lane = first + index;
        if index == 0 {
            heading(canvas, frame, lane, "failover")?;
        }
        put_label(canvas, frame, lane, Span { start: death.t0_s, end }, &told(death))?;
        for (span, ink) in stretches(death, end) {
            let least = LEAST_PX / frame.plot_width() * (frame.x.to - frame.x.from);
            let until = span.end.max(span.start + least).min(end);
            bar(canvas, lane, (span.start, until), (ink, 1.0))?;
        }
    }
    Ok(())
}

/// To recovery, then to detection: what is shorter lies on top.
fn stretches(death: &Failover, end: f64) -> Vec<(Span, Ink)> {
    let since = |start: f64, took: Option<f64>, otherwise: f64| Span {
        start,
        end: took.map_or(otherwise, |took| start + took).clamp(start, end.max(start)),
    };
    let gone = death.t1_s.unwrap_or(end);
    let mut stretches = vec![
        (since(death.t0_s, death.recovery_s, end), UNRECOVERED),
        (since(death.t0_s, death.detection_s, gone), UNDETECTED),
    ];
    if let (Some(back), Some(_)) = (death.t1_s.filter(|back| *back < end), death.failback_s) {
        stretches.push((since(back, death.failback_s, end), RISING));
    }
    stretches
}

/// `a: detection 0.31 s, recovery 2.0 s`.
pub(super) fn told(death: &Failover) -> String {
    let took = |seconds| format::maybe(seconds, format::seconds);
    let (detection, recovery) = (took(death.detection_s), took(death.recovery_s));
    format::line(&format!("{}: detection {detection}, recovery {recovery}", death.node))
}

/// The moments of few deaths, through a chart from top to bottom.
pub(super) fn marks(
    canvas: &mut Canvas<'_>,
    frame: &Frame,
    timeline: &Timeline<'_>,
) -> Result<(), ChartError> {
    let deaths = lanes(timeline);
    if deaths.len() > MOST_MARKED {
        return Ok(());
    }
    for death in deaths {
        let moments = [
            (Some(death.t0_s), Ink::Down),
            (death.detection_s.map(|took| death.t0_s + took), UNDETECTED),
            (death.recovery_s.map(|took| death.t0_s + took), UNRECOVERED),
        ];
        for (at, ink) in moments {
            let Some(at) = at.filter(|at| (0.0..timeline.end).contains(at)) else { continue };
            canvas.line(&[(at, frame.y.from), (at, frame.y.to)], ink, 1.0)?;
        }
    }
    Ok(())
}
