//! Two runs held against each other, for a GitHub step summary.

use std::io::{self, Write};

use super::terminal::{bounds, change, figure};
use super::{Change, Comparison};
use crate::format;
use crate::markdown::text;

/// Rows of the table, and items of each list; a comparison has some dozen.
const MOST_ROWS: usize = 200;

/// Writes the comparison as GitHub-flavoured Markdown.
pub fn write_comparison_markdown(comparison: &Comparison, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
    let symbol = match comparison.verdict {
        Change::Better | Change::Same => "✅",
        Change::Worse => "❌",
        Change::Undecided => "❔",
    };
    let verdict = comparison.verdict.as_str();
    writeln!(out, "## {symbol} Compared with the baseline: {verdict}\n")?;
    for reason in comparison.reasons.iter().take(MOST_ROWS) {
        writeln!(out, "- {}", text(reason))?;
    }
    rows(comparison, out)?;
    let (a, b) = (&comparison.baseline, &comparison.candidate);
    writeln!(
        out,
        "\nBaseline: {} of {}; candidate: {} of {}. Latencies in ms. {}.",
        text(&a.path),
        format::wall_time(&a.started_at),
        text(&b.path),
        format::wall_time(&b.started_at),
        text(&comparison.method)
    )?;
    for note in comparison.notes.iter().take(MOST_ROWS) {
        writeln!(out, "\n_Note: {}_", text(note))?;
    }
    out.flush()
}

/// What was compared, as a table.
pub(crate) fn rows(comparison: &Comparison, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
    writeln!(out, "\n| phase | figure | baseline | candidate | change | 95 % interval | |")?;
    writeln!(out, "|---|---|--:|--:|--:|--:|---|")?;
    for difference in comparison.differences.iter().take(MOST_ROWS) {
        let (lower, upper) = bounds(difference);
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {lower} … {upper} | {} |",
            text(&difference.phase),
            text(&difference.what),
            figure(difference.baseline, difference.unit),
            figure(difference.candidate, difference.unit),
            change(difference.change, difference.unit),
            difference.verdict.as_str()
        )?;
    }
    Ok(())
}
