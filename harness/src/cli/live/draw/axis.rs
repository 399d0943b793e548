//! The time axis that all lanes share, in columns.

use ratatui::buffer::Buffer;
use squall_report::Slice;
use squall_report::course::Span;
use squall_report::scale;

use super::super::picture::Picture;
use super::ink::Inks;
use super::{dot, put};

/// Columns that a label of the axis takes, with a gap.
const LABEL: u16 = 11;

/// From run time to columns.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    /// The first column.
    pub(super) left: u16,
    pub(super) width: u16,
    pub(super) end: f64,
    pub(super) now: Option<f64>,
    /// Where a phase begins, but for the first.
    borders: Vec<u16>,
}

impl Axis {
    pub(super) fn new(picture: &Picture, left: u16, width: u16) -> Self {
        let axis =
            Self { left, width: width.max(1), end: picture.end_s(), now: picture.now_s, borders: Vec::new() };
        let begins = picture.phases.iter().skip(1).map(|phase| phase.span.start);
        let borders = begins.filter(|at| *at < axis.end).map(|at| axis.column(at)).collect();
        Self { borders, ..axis }
    }

    /// The column that a moment lies in.
    pub(super) fn column(&self, at: f64) -> u16 {
        let column = (at / self.end * f64::from(self.width)).floor().max(0.0) as u16;
        self.left + column.min(self.width - 1)
    }

    /// Every column with its stretch of time.
    pub(super) fn columns(&self) -> impl Iterator<Item = (u16, Span)> {
        let length = self.end / f64::from(self.width);
        let at = move |column: u16| f64::from(column) * length;
        (0..self.width)
            .map(move |column| (self.left + column, Span { start: at(column), end: at(column + 1) }))
    }

    /// Columns whose time has come.
    pub(super) fn past(&self) -> impl Iterator<Item = (u16, Span)> {
        let now = self.now.unwrap_or(-1.0);
        self.columns().filter(move |(_, span)| span.start <= now)
    }

    /// Marks the borders of phases in a row, under what is drawn later.
    pub(super) fn mark(&self, buffer: &mut Buffer, row: u16) {
        for column in &self.borders {
            dot(buffer, (*column, row), "┊", Inks::dim());
        }
    }

    /// The labels, and where the run is.
    pub(super) fn draw(&self, buffer: &mut Buffer, row: u16) {
        let ticks = usize::from((self.width / LABEL).max(1));
        let now = self.now.map(|now| self.column(now));
        for (at, label) in scale::time(self.end, ticks).ticks {
            // The last label has no room, and one makes room for where the run is.
            let column = self.column(at);
            let room = (self.left + self.width).saturating_sub(column);
            let length = u16::try_from(label.len()).unwrap_or(u16::MAX);
            let taken = now.is_some_and(|now| (column..=column.saturating_add(length)).contains(&now));
            if at < self.end && room > length && !taken {
                put(buffer, (column, row), room, &format!("╵{label}"), Inks::dim());
            }
        }
        if let Some(now) = now {
            dot(buffer, (now, row), "▲", Inks::strong());
        }
    }
}

/// Two stretches have time in common.
pub(super) fn overlap(a: Span, b: Span) -> bool {
    a.start < b.end && b.start < a.end
}

/// The largest of a figure over the slices of a column.
pub(super) fn worst(
    slices: &[(Span, &Slice)],
    column: Span,
    figure: impl Fn(Span, &Slice) -> Option<f64>,
) -> Option<f64> {
    let inside = slices.iter().filter(|(span, _)| overlap(*span, column));
    inside.filter_map(|(span, slice)| figure(*span, slice)).reduce(f64::max)
}

/// The mean of a figure over the slices of a column.
pub(super) fn mean(
    slices: &[(Span, &Slice)],
    column: Span,
    figure: impl Fn(Span, &Slice) -> f64,
) -> Option<f64> {
    let inside = slices.iter().filter(|(span, _)| overlap(*span, column));
    let (sum, weight) = inside.fold((0.0, 0.0), |(sum, weight), (span, slice)| {
        let shared = span.end.min(column.end) - span.start.max(column.start);
        (sum + shared * figure(*span, slice), weight + shared)
    });
    (weight > 0.0).then(|| sum / weight)
}
