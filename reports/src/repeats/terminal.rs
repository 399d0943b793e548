//! Several runs of a scenario, on a terminal.

use std::io::{self, Write};

use super::Repeats;
use crate::terminal::{Align, Table, bold, section, style, wrapped};
use crate::{Verdict, format};

/// Narrower terminals wrap by themselves.
const LEAST_WIDTH: u16 = 60;

/// Writes what the runs say for a terminal that is `width` columns wide; `dir` is their folder.
pub fn write_repeats(
    repeats: &Repeats,
    out: &mut (impl Write + ?Sized),
    dir: &str,
    width: u16,
) -> io::Result<()> {
    let width = width.max(LEAST_WIDTH);
    let word = repeats.verdict.to_string().to_uppercase();
    let badge = style(repeats.verdict).bold().invert();
    writeln!(out, "\n{badge} {word} {badge:#} {}", bold(&format::line(&repeats.scenario)))?;
    for reason in &repeats.reasons {
        wrapped(out, reason, if repeats.reasons.len() > 1 { "  - " } else { "  " }, width)?;
    }
    let note = format!("{} in {}", format::counted(repeats.runs.len() as u64, "run"), format::line(dir));
    section(out, "Runs", &note, &runs(repeats), width)?;
    section(out, "SLOs", "over the samples of all runs; 95 % each way", &slos(repeats), width)?;
    section(out, "From run to run", "", &spreads(repeats), width)?;
    writeln!(out)?;
    out.flush()
}

fn runs(repeats: &Repeats) -> Table {
    let mut table =
        Table::new(&[("seed", Align::Figure), ("verdict", Align::Text), ("why", Align::Wrapping)]);
    for run in &repeats.runs {
        let why = if run.verdict == Verdict::Pass { String::new() } else { run.reason.clone() };
        table.row(&[run.seed.to_string(), format::mark(run.verdict).to_owned(), why]);
    }
    table
}

fn slos(repeats: &Repeats) -> Table {
    let mut table = Table::new(&[
        ("verdict", Align::Text),
        ("objective", Align::Wrapping),
        ("good", Align::Figure),
        ("of", Align::Figure),
        ("true share", Align::Figure),
    ]);
    for slo in &repeats.slos {
        table.row(&[
            format::mark(slo.verdict).to_owned(),
            format!("{}: {}", slo.name, slo.objective),
            format::count(slo.good),
            format::count(slo.samples),
            format::interval(slo.lower, slo.upper),
        ]);
    }
    table
}

fn spreads(repeats: &Repeats) -> Table {
    let mut table = Table::new(&[
        ("of", Align::Text),
        ("figure", Align::Text),
        ("runs", Align::Figure),
        ("least", Align::Figure),
        ("median", Align::Figure),
        ("most", Align::Figure),
    ]);
    for spread in &repeats.spreads {
        let figure = |value: f64| spread.shown(value);
        table.row(&[
            spread.of.clone(),
            spread.what.clone(),
            spread.runs.to_string(),
            figure(spread.least),
            figure(spread.median),
            figure(spread.most),
        ]);
    }
    table
}
