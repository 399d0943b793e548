//! The x axis that charts over time share, and what lies behind all of them: phases, faults, nodes
//! that are down.

use super::canvas::{self, About, Anchor, Canvas, ChartError, Frame};
use super::ink::Ink;
use super::{Drawing, Key, Size, failover};
use crate::course::{self, Span, united};
use crate::scale::{self, Axis};
use crate::{Fault, Report, Slice, format};

/// Above the plot: a strip that names phases, and below it a thin one each for faults and outages.
const ABOVE: u32 = 27;
const PHASES: (f64, f64) = (-27.0, -11.0);
const FAULTS: (f64, f64) = (-9.0, -6.0);
const OUTAGES: (f64, f64) = (-5.0, -2.0);
/// For the labels of y.
const LEFT: u32 = 56;
/// For the labels of x.
const BOTTOM: u32 = 22;
/// So that the last label of x has room: that of hours is longer.
const RIGHT: u32 = 14;
const RIGHT_OF_HOURS: u32 = 28;
const HOUR: f64 = 3_600.0;
/// The size of letters.
const LETTERS: f64 = 11.5;
/// The mean width of a letter of a sans-serif font, in its size.
const LETTER_WIDTH: f64 = 0.56;
/// Outages that are nearer than this part of the run are drawn as one behind a chart.
const TOLD_APART: f64 = 200.0;
/// Labels of dead nodes stand in so many rows.
const LABEL_ROWS: usize = 3;

/// A node that was not there.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Outage<'a> {
    /// The node.
    pub node: &'a str,
    /// `down` or `paused`, as it began.
    pub state: &'a str,
    /// When, to the moment it was up again.
    pub span: Span,
}

/// The run, laid out along its time.
#[derive(Clone, Debug)]
pub(super) struct Timeline<'a> {
    /// What is shown.
    pub report: &'a Report,
    /// Where the axis ends.
    pub end: f64,
    /// The slices with their stretches, those that lie on the axis.
    pub slices: Vec<(Span, &'a Slice)>,
    /// Every outage of a node, by its start.
    pub outages: Vec<Outage<'a>>,
}

impl<'a> Timeline<'a> {
    /// Lays `report` out.
    pub(super) fn of(report: &'a Report) -> Self {
        let slices = course::spans(&report.series);
        let end = end(report, &slices);
        let on_axis = |(span, _): &(Span, &Slice)| span.start >= 0.0 && span.start < end;
        let slices = slices.into_iter().filter(on_axis).collect();
        Self { report, end, slices, outages: outages(report, end) }
    }

    /// The part of a stretch that lies on the axis, if any does.
    pub(super) fn clip(&self, start: f64, end: f64) -> Option<Span> {
        let span = Span { start: start.max(0.0), end: end.min(self.end) };
        (span.start < span.end).then_some(span)
    }

    /// When a fault is switched on, as far as it lies on the axis.
    pub(super) fn fault(&self, fault: &Fault) -> Option<Span> {
        self.clip(fault.start_s, fault.end_s)
    }

    /// The stretches in which a fault is on, as far as they lie on the axis.
    pub(super) fn stretches(&self, fault: &Fault) -> Vec<Span> {
        let on = course::on(fault, &self.report.pauses).into_iter();
        on.filter_map(|span| self.clip(span.start, span.end)).collect()
    }

    /// The frame of a drawing with a plot that is `height` px high.
    pub(super) fn frame(&self, size: Size, height: u32, y: Axis) -> Frame {
        let ticks = match size {
            Size::Narrow => 5,
            Size::Medium => 8,
            Size::Wide => 13,
        };
        Frame {
            width: size.width(),
            height: ABOVE + height + BOTTOM,
            top: ABOVE,
            left: LEFT,
            bottom: BOTTOM,
            right: if self.end >= HOUR { RIGHT_OF_HOURS } else { RIGHT },
            letters: LETTERS,
            x: scale::time(self.end, ticks),
            y,
        }
    }

    /// Draws a chart for every width, each on the run's phases, faults and outages.
    pub(super) fn draw(
        &self,
        height: u32,
        y: &Axis,
        about: &About,
        content: impl Fn(&mut Canvas<'_>, &Frame) -> Result<(), ChartError>,
    ) -> Result<Vec<Drawing>, ChartError> {
        let drawing = |size: Size| {
            let frame = self.frame(size, height, y.clone());
            let svg = canvas::draw(&frame, about, |canvas| {
                self.background(canvas, &frame)?;
                content(canvas, &frame)?;
                failover::marks(canvas, &frame, self)
            })?;
            Ok(Drawing { class: size.class(), svg })
        };
        Size::ALL.into_iter().map(drawing).collect()
    }

    /// What the background means.
    pub(super) fn background_keys(&self) -> Vec<Key> {
        let faults = self.report.faults.iter().any(|fault| self.fault(fault).is_some());
        let keys = [
            (faults, Key::area(Ink::Fault, "fault on")),
            (!self.outages.is_empty(), Key::area(Ink::Down, "node down")),
        ];
        keys.into_iter().filter(|(shown, _)| *shown).map(|(_, key)| key).collect()
    }

    /// The strip with the phases' names, above the plot.
    pub(super) fn phases(&self, canvas: &mut Canvas<'_>, frame: &Frame) -> Result<(), ChartError> {
        for (index, phase) in self.report.phases.iter().enumerate() {
            let Some(span) = self.clip(phase.start_s, phase.end_s) else { continue };
            let opacity = if index % 2 == 0 { 0.13 } else { 0.24 };
            canvas.strip((span.start, span.end), PHASES, Ink::Phase, opacity)?;
            if let Some(name) = fitting(&format::line(&phase.name), width(frame, span) - 6.0) {
                let middle = f64::midpoint(span.start, span.end);
                let lift = f64::midpoint(PHASES.0, PHASES.1);
                canvas.text(&name, (middle, frame.y.to), (0.0, lift), Anchor::Middle)?;
            }
        }
        Ok(())
    }

    fn background(&self, canvas: &mut Canvas<'_>, frame: &Frame) -> Result<(), ChartError> {
        let y = (frame.y.from, frame.y.to);
        self.phases(canvas, frame)?;
        for (index, phase) in self.report.phases.iter().enumerate() {
            if let Some(span) = self.clip(phase.start_s, phase.end_s).filter(|_| index % 2 == 1) {
                canvas.rectangle([(span.start, y.0), (span.end, y.1)], Ink::Phase, 0.07)?;
            }
        }
        let faults = self.report.faults.iter().flat_map(|fault| self.stretches(fault)).collect();
        for span in united(faults, 0.0) {
            canvas.rectangle([(span.start, y.0), (span.end, y.1)], Ink::Fault, 0.07)?;
            canvas.strip((span.start, span.end), FAULTS, Ink::Fault, 0.9)?;
        }
        let outages = self.outages.iter().map(|outage| outage.span).collect();
        for span in united(outages, self.end / TOLD_APART) {
            canvas.rectangle([(span.start, y.0), (span.end, y.1)], Ink::Down, 0.1)?;
            canvas.strip((span.start, span.end), OUTAGES, Ink::Down, 0.9)?;
        }
        Ok(())
    }

    /// Names dead nodes in their stretches; those that overlap stand below one another.
    pub(super) fn name_outages(
        &self,
        canvas: &mut Canvas<'_>,
        frame: &Frame,
        edge: Edge,
    ) -> Result<(), ChartError> {
        let (y, first, row_height) = match edge {
            Edge::Top => (frame.y.to, 9.0, 13.0),
            Edge::Bottom => (frame.y.from, -9.0, -13.0),
        };
        let mut rows = [f64::NEG_INFINITY; LABEL_ROWS];
        for outage in &self.outages {
            let text = format!("{} {}", format::line(outage.node), format::line(outage.state));
            let x = frame.x_px(outage.span.start) + 4.0;
            let Some(row) = rows.iter().position(|taken| *taken < x) else { continue };
            let Some(text) = fitting(&text, frame.plot_width() - x) else { continue };
            rows[row] = x + text_width(&text) + 8.0;
            let shift = first + row_height * row as f64;
            canvas.text(&text, (outage.span.start, y), (4.0, shift), Anchor::Start)?;
        }
        Ok(())
    }
}

/// Where a plot has room for labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edge {
    Top,
    Bottom,
}

/// The px that a stretch takes.
fn width(frame: &Frame, span: Span) -> f64 {
    frame.x_px(span.end) - frame.x_px(span.start)
}

/// About how wide a text is, px.
pub(super) fn text_width(text: &str) -> f64 {
    text.chars().count() as f64 * LETTERS * LETTER_WIDTH
}

/// As much of `text` as fits into `px`; nothing where that would say nothing.
pub(super) fn fitting(text: &str, px: f64) -> Option<String> {
    let letters = (px / (LETTERS * LETTER_WIDTH)).floor().max(0.0) as usize;
    let fits = text.chars().count() <= letters;
    (fits || letters >= 4).then(|| format::shortened(text, letters))
}

/// The run's end. Of a run that was ended before its time, the rest of the plan is not drawn.
fn end(report: &Report, slices: &[(Span, &Slice)]) -> f64 {
    let planned = report.phases.iter().map(|phase| phase.end_s).filter(|_| report.aborted.is_none());
    // The last slice may reach beyond the run.
    let begun = slices.iter().map(|(span, _)| span.start);
    let end = planned.chain(begun).chain([report.duration_s]).fold(0.0, f64::max);
    scale::time(end, 1).to
}

fn outages(report: &Report, end: f64) -> Vec<Outage<'_>> {
    let mut outages = Vec::new();
    for node in &report.nodes {
        let mut since: Option<(f64, &str)> = None;
        for state in &node.states {
            let up = state.state == "up";
            if let Some((start, state_then)) = since.filter(|_| up) {
                since = None;
                push(&mut outages, (&node.name, state_then), start, state.at_s.min(end));
            } else if matches!(state.state.as_str(), "down" | "paused") && since.is_none() {
                since = Some((state.at_s, &state.state));
            }
        }
        if let Some((start, state)) = since {
            push(&mut outages, (&node.name, state), start, end);
        }
    }
    outages.sort_by(|a, b| a.span.start.total_cmp(&b.span.start));
    outages
}

fn push<'a>(outages: &mut Vec<Outage<'a>>, (node, state): (&'a str, &'a str), start: f64, end: f64) {
    let start = start.max(0.0);
    if start < end {
        outages.push(Outage { node, state, span: Span { start, end } });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_that_would_say_nothing_is_left_out() {
        assert_eq!(fitting("storm", 100.0).as_deref(), Some("storm"));
        assert_eq!(fitting("a storm of everything", 60.0).as_deref(), Some("a storm …"));
        assert_eq!(fitting("storm", 20.0), None);
    }
}
