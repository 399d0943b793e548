//! What to do about the checks that did not pass: the first of each kind of advice, and where the rest is.

use std::io::{self, Write};

use super::{bold, style, wrapped};
use crate::{Advice, Report, format, told};

/// Checks that are advised on; the others are in the report.
const MOST_CHECKS: usize = 3;
/// Sentences of each list.
const MOST_SENTENCES: usize = 2;

pub(super) fn what_to_do(report: &Report, out: &mut (impl Write + ?Sized), width: u16) -> io::Result<()> {
    if report.runbook.is_empty() {
        return Ok(());
    }
    writeln!(out, "{}", bold("What to do"))?;
    for advice in report.runbook.iter().take(MOST_CHECKS) {
        entry(advice, out, width)?;
    }
    match report.runbook.len().saturating_sub(MOST_CHECKS) {
        0 => {}
        1 => writeln!(out, "  One more check is advised on in the report's runbook.")?,
        more => writeln!(out, "  {more} more checks are advised on in the report's runbook.")?,
    }
    writeln!(out)
}

fn entry(advice: &Advice, out: &mut (impl Write + ?Sized), width: u16) -> io::Result<()> {
    let style = style(advice.verdict);
    let verdict = format::mark(advice.verdict);
    writeln!(out, "  {style}{verdict}{style:#}  {}", format::line(&told::advised_on(advice)))?;
    for (first, sentences) in
        [("    means   ", &advice.means), ("    look at ", &advice.look), ("    change  ", &advice.change)]
    {
        let mut first = first.to_owned();
        for sentence in sentences.iter().take(MOST_SENTENCES) {
            wrapped(out, sentence, &first, width)?;
            first = " ".repeat(first.len());
        }
    }
    Ok(())
}
