//! Two runs held against each other, on a terminal.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::{Change, Comparison, Difference, Unit};
use crate::format;
use crate::terminal::{Align, Table, bold, section, wrapped};

/// Narrower terminals wrap by themselves.
const LEAST_WIDTH: u16 = 60;

/// Writes the comparison for a terminal that is `width` columns wide.
pub fn write_comparison(
    comparison: &Comparison,
    out: &mut (impl Write + ?Sized),
    width: u16,
) -> io::Result<()> {
    let width = width.max(LEAST_WIDTH);
    let word = comparison.verdict.as_str().to_uppercase();
    let badge = style(comparison.verdict).bold().invert();
    writeln!(out, "\n{badge} {word} {badge:#} {}", bold(&format::line(&comparison.candidate.name)))?;
    for reason in &comparison.reasons {
        wrapped(out, reason, if comparison.reasons.len() > 1 { "  - " } else { "  " }, width)?;
    }
    for (which, side) in [("baseline ", &comparison.baseline), ("candidate", &comparison.candidate)] {
        let at = format::wall_time(&side.started_at);
        wrapped(out, &format!("{which}  {}, {}, seed {}", side.path, at, side.seed), "  ", width)?;
    }
    let matters = &comparison.matters;
    let note = format!(
        "what matters: {} of a latency or rate (at least {}), {} points of success",
        format::share(matters.relative),
        format::latency(matters.latency_ms),
        format::share(matters.share).trim_end_matches('%')
    );
    section(out, "Differences", &note, &table(comparison), width)?;
    wrapped(out, &comparison.method, "  ", width)?;
    for note in &comparison.notes {
        wrapped(out, note, "  note: ", width)?;
    }
    out.flush()
}

/// What was compared, a row a figure.
pub(crate) fn table(comparison: &Comparison) -> Table {
    let mut table = Table::new(&[
        ("phase", Align::Text),
        ("figure", Align::Text),
        ("baseline", Align::Figure),
        ("candidate", Align::Figure),
        ("change", Align::Figure),
        ("95 % interval", Align::Figure),
        ("", Align::Text),
    ]);
    for difference in &comparison.differences {
        let (lower, upper) = bounds(difference);
        table.row(&[
            difference.phase.clone(),
            difference.what.clone(),
            figure(difference.baseline, difference.unit),
            figure(difference.candidate, difference.unit),
            change(difference.change, difference.unit),
            format!("{lower} … {upper}"),
            difference.verdict.as_str().to_owned(),
        ]);
    }
    table
}

/// A difference in a sentence: `p95(ttft) in phase `storm`: 210 ms after 140 ms, +50% (+31% … +72%)`.
pub fn sentence(difference: &Difference) -> String {
    let (lower, upper) = bounds(difference);
    format!(
        "{} in phase `{}`: {} after {}, {} ({lower} … {upper})",
        difference.what,
        difference.phase,
        with_unit(difference.candidate, difference.unit),
        with_unit(difference.baseline, difference.unit),
        change(difference.change, difference.unit),
    )
}

fn with_unit(value: Option<f64>, unit: Unit) -> String {
    match unit {
        Unit::Ms => value.map_or_else(|| FAILED.into(), format::latency),
        Unit::Share => figure(value, unit),
        Unit::PerS => format!("{}/s", figure(value, unit)),
    }
}

/// Slower than any figure.
const FAILED: &str = "failed";

pub(crate) fn figure(value: Option<f64>, unit: Unit) -> String {
    match (value, unit) {
        (None, Unit::Ms) => FAILED.into(),
        (None, _) => format::NONE.into(),
        (Some(value), Unit::Ms) => format::ms(value),
        (Some(value), Unit::Share) => format::share(value),
        (Some(value), Unit::PerS) => format!("{value:.1}"),
    }
}

/// `+12.3%` of a figure, `-0.40` points of a share.
pub(crate) fn change(change: Option<f64>, unit: Unit) -> String {
    let Some(change) = change else { return "∞".into() };
    match unit {
        Unit::Share => format!("{:+.2}", change * 100.0),
        Unit::Ms | Unit::PerS => format!("{:+.1}%", change * 100.0),
    }
}

pub(crate) fn bounds(difference: &Difference) -> (String, String) {
    (change(difference.lower, difference.unit), change(difference.upper, difference.unit))
}

fn style(verdict: Change) -> Style {
    let colour = match verdict {
        Change::Better | Change::Same => AnsiColor::Green,
        Change::Worse => AnsiColor::Red,
        Change::Undecided => AnsiColor::Yellow,
    };
    colour.on_default()
}
