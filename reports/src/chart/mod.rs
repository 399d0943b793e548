//! Charts as SVG: what is drawn where. Only this folder knows plotters, and in it only `canvas.rs`.
//!
//! Charts of the run over time share one x axis, and carry its phases, faults and dead nodes, so that
//! a cause stands above its effect. Each is drawn for three widths, since text in an SVG shrinks with
//! it; the page shows the one that fits.

mod canvas;
mod capacity;
mod curves;
mod events;
mod failover;
mod ink;
mod series;
mod spreads;
mod time;
mod trace;

use crate::Report;

pub(crate) use canvas::ChartError;
pub(crate) use capacity::capacity;
pub(crate) use curves::{curves, periods};
pub(crate) use ink::{Ink, classes, variables};
pub use spreads::write_repeats_svg;
pub use trace::{TracePicture, write_trace_svg};

/// A chart with what explains it.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    /// What it shows.
    pub title: String,
    /// How to read it, where that is not plain.
    pub note: String,
    /// What its colours mean.
    pub keys: Vec<Key>,
    /// The same chart for each width.
    pub drawings: Vec<Drawing>,
}

/// A colour's meaning.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    /// A line, or an area.
    pub line: bool,
    /// Its colour.
    pub ink: Ink,
    /// What it means.
    pub text: String,
}

impl Key {
    fn line(ink: Ink, text: impl Into<String>) -> Self {
        Self { line: true, ink, text: text.into() }
    }

    fn area(ink: Ink, text: impl Into<String>) -> Self {
        Self { line: false, ink, text: text.into() }
    }
}

/// A chart drawn for a width.
#[derive(Clone, Debug)]
pub(crate) struct Drawing {
    /// The width's class in the page; empty where it serves all.
    pub class: &'static str,
    /// An `<svg>` element.
    pub svg: String,
}

/// The widths that charts over time are drawn for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    Narrow,
    Medium,
    Wide,
}

impl Size {
    const ALL: [Self; 3] = [Self::Narrow, Self::Medium, Self::Wide];

    fn class(self) -> &'static str {
        match self {
            Self::Narrow => "narrow",
            Self::Medium => "medium",
            Self::Wide => "wide",
        }
    }

    /// Px, of the drawing and, at about this scale, of the screen.
    fn width(self) -> u32 {
        match self {
            Self::Narrow => 340,
            Self::Medium => 680,
            Self::Wide => 1_080,
        }
    }
}

/// Draws a chart over time.
type Chart = fn(&time::Timeline<'_>) -> Result<Figure, ChartError>;

/// The run over time: what happened, then what it did.
pub(crate) fn timeline(report: &Report) -> Result<Vec<Figure>, ChartError> {
    let axis = time::Timeline::of(report);
    let counted = report.series.iter().any(|slice| slice.in_flight.is_some());
    let charts: [(bool, Chart); 6] = [
        (true, events::chart),
        (true, series::rate),
        (true, series::ttft),
        (true, series::success),
        (counted, series::in_flight),
        (true, series::nodes),
    ];
    charts.into_iter().filter(|(shown, _)| *shown).map(|(_, chart)| chart(&axis)).collect()
}
