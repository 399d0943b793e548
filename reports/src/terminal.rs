//! What a run found, on a terminal: the verdict and why, then what it rests on.
//!
//! Each part fits the width it is given: columns of figures keep theirs, and text wraps; where there
//! is no room for columns, rows become sentences. Verdicts are marks and words; colour only repeats
//! them. The writer decides whether colours are shown.

mod runbook;
mod table;

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use crate::comparison;
use crate::{Check, Failover, Fault, Invariant, Method, Report, Slo, Verdict, format, told};
pub(crate) use table::{Align, Table};

/// Narrower terminals wrap by themselves.
const LEAST_WIDTH: u16 = 60;
/// Sentences are hard to follow over more columns than this.
const TEXT_WIDTH: usize = 100;
/// Below this there is no room for columns of figures beside columns of text.
const NARROW: u16 = 76;
/// From here on names and objectives have a column each.
const WIDE: u16 = 110;
/// Deaths that are shown; those with a bound that does not hold come first.
const MOST_DEATHS: usize = 6;
/// The measures of a failover that a scenario may bound, as its checks name them.
const MEASURES: [&str; 9] = [
    "detection",
    "first_rescue",
    "recovery",
    "failback",
    "lost",
    "silently_truncated",
    "duplicated",
    "spliced",
    "amplification",
];

/// Writes the report for a terminal that is `width` columns wide; `dir` is the run's folder.
pub fn write_terminal(
    report: &Report,
    out: &mut (impl Write + ?Sized),
    dir: &str,
    width: u16,
) -> io::Result<()> {
    let width = width.max(LEAST_WIDTH);
    verdict(report, out, width)?;
    phases(report, out, width)?;
    slos(report, out, width)?;
    budgets(report, out, width)?;
    failovers(report, out, width)?;
    invariants(report, out, width)?;
    runbook::what_to_do(report, out, width)?;
    faults(report, out, width)?;
    control(report, out, width)?;
    said(out, "Sessions", &told::sessions(report.sessions.as_ref()), width)?;
    said(out, "Answers", &told::answers(&report.answers), width)?;
    client(report, out, width)?;
    let report_file = format!("{}/report.html", format::line(dir).trim_end_matches('/'));
    writeln!(out, "{}  {report_file}", bold("Report"))?;
    writeln!(out, "{}  {}", bold("Repeat"), format::line(&report.command))?;
    out.flush()
}

fn verdict(report: &Report, out: &mut (impl Write + ?Sized), width: u16) -> io::Result<()> {
    let word = report.verdict.to_string().to_uppercase();
    let badge = style(report.verdict).bold().invert();
    writeln!(out, "\n{badge} {word} {badge:#} {}", bold(&format::line(&report.scenario.name)))?;
    for reason in &report.reasons {
        wrapped(out, reason, if report.reasons.len() > 1 { "  - " } else { "  " }, width)?;
    }
    if let Some(aborted) = format::aborted(report) {
        wrapped(out, &format!("Ended before its time: {aborted}."), "  ", width)?;
    }
    let facts = format!(
        "{}, {} in {}, seed {}, digest {}",
        format::wall_time(&report.started_at),
        format::counted(report.counts.scheduled, "request"),
        format::run_time(report.duration_s),
        report.scenario.seed,
        format::short(&report.scenario.digest)
    );
    wrapped(out, &facts, "  ", width)
}

fn phases(report: &Report, out: &mut (impl Write + ?Sized), width: u16) -> io::Result<()> {
    let narrow = width < NARROW;
    let mut table = Table::new(&[
        ("phase", Align::Text),
        ("time", Align::Figure),
        ("requests", Align::Figure),
        ("ok", Align::Figure),
        ("p50", Align::Figure),
        ("p95", Align::Figure),
        ("p99", Align::Figure),
        ("failed", Align::Wrapping),
    ]);
    for phase in &report.phases {
        let latency = ttft(report, &phase.name);
        let ms = |of: fn(&crate::Latency) -> Option<f64>| format::maybe(latency.and_then(of), format::ms);
        let warmup = if phase.warmup { " (warm-up)" } else { "" };
        table.row(&[
            format!("{}{warmup}", phase.name),
            format::span(phase.start_s, phase.end_s),
            format::count(phase.counts.scheduled),
            format::success(&phase.counts),
            ms(|l| l.p50_ms),
            ms(|l| l.p95_ms),
            ms(|l| l.p99_ms),
            if narrow { String::new() } else { table::kept_together(&format::failures(&phase.counts)) },
        ]);
    }
    let note = "p50, p95, p99: time to first token in ms, from the scheduled arrival";
    section(out, "Phases", note, &table, width)?;
    let failed = report.phases.iter().filter(|phase| narrow && format::failed(&phase.counts) > 0);
    failed.into_iter().try_for_each(|phase| {
        wrapped(out, &format!("{} failed: {}", phase.name, format::failures(&phase.counts)), "  ", width)
    })
}

/// The row on the time to first token of a phase's requests, on the clock that objectives use.
fn ttft<'a>(report: &'a Report, phase: &str) -> Option<&'a crate::Latency> {
    use crate::{Clock, Cohort, Metric};
    report.latency.iter().find(|row| {
        row.phase == phase
            && (row.metric, row.cohort, row.clock) == (Metric::Ttft, Cohort::All, Clock::Intended)
    })
}

fn slos(report: &Report, out: &mut (impl Write + ?Sized), width: u16) -> io::Result<()> {
    const NOTE: &str = "interval of the true share of good samples, 95% each way (Clopper-Pearson)";
    if width < NARROW {
        section(out, "SLOs", "", &sentences("SLO", report.slos.iter().map(slo_sentence)), width)?;
        return methods(report, out, width);
    }
    let wide = width >= WIDE;
    let mut table = Table::new(&[
        ("verdict", Align::Text),
        ("SLO", Align::Wrapping),
        ("objective", Align::Wrapping),
        ("observed", Align::Figure),
        ("samples", Align::Figure),
        ("interval", Align::Figure),
    ]);
    for slo in &report.slos {
        let during = format::during(slo);
        let (name, objective) = if slo.name == slo.objective {
            (format!("{} ({during})", slo.name.replace(' ', table::TIE)), String::new())
        } else if wide {
            (format!("{} ({during})", slo.name), slo.objective.clone())
        } else {
            let objective = slo.objective.replace(' ', table::TIE);
            (format!("{}: {objective} ({during})", slo.name), String::new())
        };
        table.row(&[
            format::mark(slo.verdict).into(),
            name,
            objective,
            format::observed(slo),
            samples(slo),
            format::bounds(slo),
        ]);
    }
    section(out, "SLOs", NOTE, &table, width)?;
    methods(report, out, width)
}

/// What the storm did to error budgets.
fn budgets(report: &Report, out: &mut (impl Write + ?Sized), width: u16) -> io::Result<()> {
    let said: Vec<String> = report.slos.iter().flat_map(format::budget).collect();
    said_under(out, "Error budgets", "constant traffic assumed", &said, width)
}

/// How the bounds on an objective came about, where not as on all others.
fn methods(report: &Report, out: &mut (impl Write + ?Sized), width: u16) -> io::Result<()> {
    let unlike =
        report.slos.iter().filter(|slo| slo.method.is_some_and(|method| method != Method::ClopperPearson));
    unlike
        .into_iter()
        .try_for_each(|slo| wrapped(out, &format!("{}: {}", slo.name, format::method(slo)), "  ", width))
}

fn slo_sentence(slo: &Slo) -> (Verdict, String) {
    let objective = slo.objective.replace(' ', table::TIE);
    let named = if slo.name == slo.objective { objective } else { format!("{}: {objective}", slo.name) };
    let text = format!(
        "{named} ({}): observed {}, {} samples, {} good",
        format::during(slo),
        format::observed(slo),
        samples(slo),
        format::bounds(slo)
    );
    (slo.verdict, text)
}

/// A verdict and a sentence a row.
fn sentences(what: &'static str, rows: impl Iterator<Item = (Verdict, String)>) -> Table {
    let mut table = Table::new(&[("verdict", Align::Text), (what, Align::Wrapping)]);
    for (verdict, text) in rows {
        table.row(&[format::mark(verdict).into(), text]);
    }
    table
}

/// Samples, and how many a pass needs where there are fewer.
fn samples(slo: &Slo) -> String {
    let samples = format::count(slo.samples);
    if slo.samples < slo.needed { format!("{samples} of {}", format::count(slo.needed)) } else { samples }
}

fn failovers(report: &Report, out: &mut (impl Write + ?Sized), width: u16) -> io::Result<()> {
    let mut deaths: Vec<_> = report.failover.iter().collect();
    let holds = |death: &&Failover| death.checks.iter().all(|check| check.verdict == Verdict::Pass);
    // Stable: otherwise by time.
    deaths.sort_by_key(holds);
    for death in deaths.iter().take(MOST_DEATHS) {
        failover(death, out, width)?;
    }
    match deaths.len().saturating_sub(MOST_DEATHS) {
        0 => Ok(()),
        more => writeln!(out, "\n  {} in the report.", format::counted(more as u64, "more death")),
    }
}

fn failover(death: &Failover, out: &mut (impl Write + ?Sized), width: u16) -> io::Result<()> {
    let narrow = width < NARROW;
    let mut table = Table::new(&[
        ("verdict", Align::Text),
        ("measure", if narrow { Align::Wrapping } else { Align::Text }),
        ("observed", Align::Figure),
        ("bound", Align::Figure),
        ("why", Align::Wrapping),
    ]);
    for (name, observed, check) in measures(death) {
        let (verdict, bound, why) = check.map(check_cells).unwrap_or_default();
        if narrow {
            let bound = if bound.is_empty() { String::new() } else { format!(", bound {bound}") };
            let why = if why.is_empty() { String::new() } else { format!(": {why}") };
            let text = format!("{} {observed}{bound}{why}", format::words(name));
            table.row(&[verdict, text, String::new(), String::new(), String::new()]);
        } else {
            table.row(&[verdict, format::words(name), observed, bound, why]);
        }
    }
    let back = death.t1_s.map_or_else(|| "not back".into(), |t1| format!("back at {}", format::run_time(t1)));
    let title = format!("Failover of {}", format::line(&death.node));
    let note = format!(
        "died at {}, {back}; {} in the window",
        format::run_time(death.t0_s),
        format::counted(death.requests, "request")
    );
    section(out, &title, &note, &table, width)
}

/// What was measured, each with its bound if it has one; then bounds on anything else.
fn measures(death: &Failover) -> Vec<(&str, String, Option<&Check>)> {
    let check = |name: &str| death.checks.iter().find(|check| check.name == name);
    let known = MEASURES.into_iter().map(|name| (name, measured(death, name), check(name)));
    let other = death.checks.iter().filter(|check| !MEASURES.contains(&check.name.as_str()));
    known.chain(other.map(|check| (check.name.as_str(), check.observed.clone(), Some(check)))).collect()
}

fn check_cells(check: &Check) -> (String, String, String) {
    (format::mark(check.verdict).into(), check.bound.clone(), check.reason.clone().unwrap_or_default())
}

fn measured(death: &Failover, name: &str) -> String {
    let s = |seconds| format::maybe(seconds, format::seconds);
    match name {
        "detection" => s(death.detection_s),
        "first_rescue" => s(death.first_rescue_s),
        "recovery" => s(death.recovery_s),
        "failback" => s(death.failback_s),
        "lost" if death.requests > 0 => {
            format!("{} ({})", format::count(death.lost), format::share_of(death.lost, death.requests))
        }
        "lost" => format::count(death.lost),
        "silently_truncated" => format::count(death.silently_truncated),
        "duplicated" => format::count(death.duplicated),
        "spliced" => format::count(death.spliced),
        _ => {
            let mean = format::maybe(death.amplification_mean, |mean| format!("{mean:.2}"));
            format!("{mean}, at most {}", death.amplification_max)
        }
    }
}

fn invariants(report: &Report, out: &mut (impl Write + ?Sized), width: u16) -> io::Result<()> {
    let rows = report.invariants.iter().map(|invariant| (invariant.verdict, sentence(invariant)));
    section(out, "Invariants", "", &sentences("invariant", rows), width)
}

/// What must hold and, where it does not or it is not known, the cases or the cause.
fn sentence(invariant: &Invariant) -> String {
    let times = match invariant.violations {
        0 => String::new(),
        n => format!(" (broken {})", format::counted(n, "time")),
    };
    let examples = match invariant.verdict {
        Verdict::Pass => "",
        _ => &invariant.examples.join("; "),
    };
    let colon = if examples.is_empty() { "" } else { ": " };
    format!("{}{times}{colon}{examples}", invariant.name)
}

fn faults(report: &Report, out: &mut (impl Write + ?Sized), width: u16) -> io::Result<()> {
    let mut table = Table::new(&[
        ("fault", Align::Wrapping),
        ("on", Align::Wrapping),
        ("time", Align::Figure),
        ("fired", Align::Figure),
        ("counters and traps", Align::Wrapping),
    ]);
    for fault in &report.faults {
        table.row(&[
            fault.plugin.clone(),
            fault.nodes.join(", "),
            format::span(fault.start_s, fault.end_s),
            format::count(fault.fired),
            told(fault),
        ]);
    }
    let digest = format::line(&format::short(&report.fault_log_digest));
    let decided = format!("what they decided has the digest {digest}");
    section(out, "Faults", &decided, &table, width)?;
    told::paused(&report.pauses).map_or(Ok(()), |paused| wrapped(out, &format!("{paused}."), "  ", width))
}

/// A fault's counters and traps.
fn told(fault: &Fault) -> String {
    let counters = fault.counters.iter();
    let mut told: Vec<_> = counters.map(|c| format!("{} {}", c.name, format::count(c.value))).collect();
    if fault.traps > 0 {
        let why = fault.trap.as_deref().unwrap_or("no message");
        told.push(format!("{}: {why}", format::counted(fault.traps, "trap")));
    }
    told.join(", ")
}

/// Sentences under a heading, where there are any.
fn said(out: &mut (impl Write + ?Sized), heading: &str, said: &[String], width: u16) -> io::Result<()> {
    said_under(out, heading, "", said, width)
}

fn said_under(
    out: &mut (impl Write + ?Sized),
    heading: &str,
    note: &str,
    said: &[String],
    width: u16,
) -> io::Result<()> {
    if said.is_empty() {
        return Ok(());
    }
    let dim = Style::new().dimmed();
    let gap = if note.is_empty() { "" } else { "  " };
    writeln!(out, "\n{}{gap}{dim}{note}{dim:#}", bold(heading))?;
    said.iter().try_for_each(|text| wrapped(out, text, "  ", width))
}

/// What the faults changed.
fn control(report: &Report, out: &mut (impl Write + ?Sized), width: u16) -> io::Result<()> {
    let Some(control) = &report.control else { return Ok(()) };
    let note = "this run against the same one without its faults; ms, share or 1/s";
    section(out, "Control arm", note, &comparison::table(control), width)
}

fn client(report: &Report, out: &mut (impl Write + ?Sized), width: u16) -> io::Result<()> {
    let client = &report.client;
    let lag = &client.dispatch_lag_us;
    let health =
        if client.saturated { "SATURATED: it could not keep to its schedule" } else { "kept its schedule" };
    let text = format!(
        "{health}; sent {} late at the median, {} at p99, {} at most; its runtime woke {} late at p99, {} at \
         most; {} of CPU, {} resident",
        format::micros(lag.p50),
        format::micros(lag.p99),
        format::micros(lag.max),
        format::micros(client.runtime_stall_us.p99),
        format::micros(client.runtime_stall_us.max),
        format::seconds(client.cpu_s),
        format::bytes(client.peak_rss_bytes)
    );
    writeln!(out, "\n{}", bold("Load generator"))?;
    wrapped(out, &text, "  ", width)?;
    wrapped(out, &told::carried(client), "  ", width)?;
    let told = told::skipped(&report.skipped).into_iter().chain(told::clients(&report.clients));
    let told = told.chain(told::correlation(&report.correlation));
    told.collect::<Vec<_>>().iter().try_for_each(|text| wrapped(out, text, "  ", width))?;
    writeln!(out)
}

/// A table under its title, if it has rows.
pub(crate) fn section(
    out: &mut (impl Write + ?Sized),
    title: &str,
    note: &str,
    table: &Table,
    width: u16,
) -> io::Result<()> {
    if table.is_empty() {
        return Ok(());
    }
    let dim = Style::new().dimmed();
    if note.is_empty() {
        writeln!(out, "\n{}", bold(title))?;
    } else if title.chars().count() + note.chars().count() + 2 <= usize::from(width) {
        writeln!(out, "\n{}  {dim}{note}{dim:#}", bold(title))?;
    } else {
        writeln!(out, "\n{}", bold(title))?;
        wrapped(out, note, "  ", width)?;
    }
    for line in table.lines(width) {
        writeln!(out, "{}", coloured(&line))?;
    }
    Ok(())
}

/// Colours the marks of verdicts in a line of a table.
fn coloured(line: &str) -> String {
    let verdicts = [Verdict::Pass, Verdict::Fail, Verdict::Inconclusive, Verdict::NotChecked];
    verdicts.into_iter().fold(line.to_owned(), |line, verdict| {
        let (mark, style) = (format::mark(verdict), style(verdict));
        line.replacen(mark, &format!("{style}{mark}{style:#}"), 1)
    })
}

/// Writes `text` in lines that fit, the first after `first`, the others below it.
pub(crate) fn wrapped(
    out: &mut (impl Write + ?Sized),
    text: &str,
    first: &str,
    width: u16,
) -> io::Result<()> {
    let room = usize::from(width).min(TEXT_WIDTH).saturating_sub(first.len());
    let mut indent = first.to_owned();
    let mut line = String::new();
    for word in format::line(text).split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > room {
            writeln!(out, "{indent}{line}")?;
            indent = " ".repeat(first.len());
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    writeln!(out, "{indent}{line}")
}

pub(crate) fn style(verdict: Verdict) -> Style {
    let colour = match verdict {
        Verdict::Pass => AnsiColor::Green,
        Verdict::Fail => AnsiColor::Red,
        Verdict::Inconclusive => AnsiColor::Yellow,
        Verdict::NotChecked => return Style::new().dimmed(),
    };
    colour.on_default()
}

pub(crate) fn bold(text: &str) -> String {
    let bold = Style::new().bold();
    format!("{bold}{text}{bold:#}")
}
