//! The capacity of a service, on a terminal.

use std::io::{self, Write};

use super::{ArmCapacity, Capacity};
use crate::terminal::{Align, Table, bold, section, style, wrapped};
use crate::{Verdict, format};

/// Narrower terminals wrap by themselves.
const LEAST_WIDTH: u16 = 60;

/// Writes the capacity for a terminal that is `width` columns wide; `dir` is its folder.
pub fn write_capacity(
    capacity: &Capacity,
    out: &mut (impl Write + ?Sized),
    dir: &str,
    width: u16,
) -> io::Result<()> {
    let width = width.max(LEAST_WIDTH);
    let word = capacity.verdict.to_string().to_uppercase();
    let badge = style(capacity.verdict).bold().invert();
    writeln!(out, "\n{badge} {word} {badge:#} {}", bold(&format::line(&capacity.scenario)))?;
    for reason in &capacity.reasons {
        wrapped(out, reason, if capacity.reasons.len() > 1 { "  - " } else { "  " }, width)?;
    }
    for arm in &capacity.arms {
        section(out, &format!("The {} arm", arm.arm), "ttft p95 in ms", &runs(arm), width)?;
    }
    writeln!(out, "\n{}  {}/capacity.html", bold("Report"), format::line(dir).trim_end_matches('/'))?;
    out.flush()
}

fn runs(arm: &ArmCapacity) -> Table {
    let mut table = Table::new(&[
        ("load", Align::Figure),
        ("requests/s", Align::Figure),
        ("ok", Align::Figure),
        ("ttft p95", Align::Figure),
        ("verdict", Align::Text),
        ("why", Align::Wrapping),
    ]);
    let mut probes: Vec<_> = arm.probes.iter().collect();
    probes.sort_by(|a, b| a.load.total_cmp(&b.load));
    for probe in probes {
        table.row(&[
            format!("{:.2}", probe.load),
            format!("{:.1}", probe.rate_per_s),
            format::maybe(probe.success, format::share),
            format::maybe(probe.ttft_p95_ms, format::ms),
            probe.verdict.to_string(),
            if probe.verdict == Verdict::Pass { String::new() } else { probe.reason.clone() },
        ]);
    }
    table
}
