//! `summary.md`, for a GitHub step summary: the verdict, why, and the tables that it rests on.
//!
//! GitHub refuses a summary beyond 1 MiB, so every list and text has a bound, and so has the whole.

use std::io::{self, Write};

use crate::told::{self, Part};
use crate::{Failover, Report, Verdict, comparison, format};

/// Rows of a table and items of a list; the rest is in `report.html`.
const MOST_ROWS: usize = 100;
/// Checks that are advised on; the rest is in `report.html`.
const MOST_ADVICE: usize = 10;
/// Letters of a text from outside.
const MOST_LETTERS: usize = 500;

/// Bytes; some are left for what a workflow adds.
const MOST_BYTES: usize = 1_000_000;

/// What a text ends with that was cut.
const REST: &str = "\nThe rest is in `report.html`.\n";

/// Writes the report as GitHub-flavoured Markdown.
pub fn write_markdown(report: &Report, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
    write_markdown_within(report, MOST_BYTES, out)
}

/// The same in at most `most` bytes; nothing where these hold not a line of it.
pub fn write_markdown_within(
    report: &Report,
    most: usize,
    out: &mut (impl Write + ?Sized),
) -> io::Result<()> {
    let mut text = Vec::new();
    summary(report, &mut text)?;
    if text.len() > most {
        text.truncate(most.saturating_sub(REST.len()));
        // Up to the last whole line, which is also whole UTF-8.
        text.truncate(text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1));
        if !text.is_empty() {
            text.extend_from_slice(REST.as_bytes());
        }
    }
    out.write_all(&text)?;
    out.flush()
}

fn summary(report: &Report, out: &mut Vec<u8>) -> io::Result<()> {
    verdict(report, out)?;
    phases(report, out)?;
    slos(report, out)?;
    budgets(report, out)?;
    failover(report, out)?;
    invariants(report, out)?;
    runbook(report, out)?;
    faults(report, out)?;
    if let Some(control) = &report.control {
        writeln!(out, "## What the faults changed\n\nThis run against the same one without its faults.")?;
        comparison::rows(control, out)?;
        writeln!(out)?;
    }
    let told = told::sessions(report.sessions.as_ref()).into_iter().chain(told::clients(&report.clients));
    let told = told::skipped(&report.skipped).into_iter().chain(told);
    let told = told.chain(told::correlation(&report.correlation));
    for said in told.chain(told::answers(&report.answers)) {
        writeln!(out, "{}.\n", text(&said))?;
    }
    writeln!(out, "Repeat it with:\n\n```sh\n{}\n```\n", format::line(&report.command).replace("```", ""))?;
    writeln!(
        out,
        "The run's folder has `report.html` (charts), `report.json`, `junit.xml`, `latency.hlog`, \
         `requests.jsonl`, `attempts.jsonl` and `faults.jsonl`."
    )
}

fn verdict(report: &Report, out: &mut Vec<u8>) -> io::Result<()> {
    let word = report.verdict.to_string().to_uppercase();
    writeln!(out, "# {} {word}: {}\n", symbol(report.verdict), text(&report.scenario.name))?;
    for reason in report.reasons.iter().take(MOST_ROWS) {
        writeln!(out, "- {}", text(reason))?;
    }
    more(report.reasons.len(), out)?;
    if let Some(aborted) = format::aborted(report) {
        writeln!(out, "\n**Ended before its time:** {}", text(aborted))?;
    }
    writeln!(
        out,
        "\n{}, {} ended well and {} did not, over {}; seed {}, digest {}, started {}.\n",
        format::counted(report.counts.scheduled, "request"),
        format::count(report.counts.ok),
        format::count(format::failed(&report.counts)),
        format::run_time(report.duration_s),
        report.scenario.seed,
        code(&format::short(&report.scenario.digest)),
        text(&format::wall_time(&report.started_at)),
    )
}

fn phases(report: &Report, out: &mut Vec<u8>) -> io::Result<()> {
    let rows = report.phases.iter().map(|phase| {
        let warmup = if phase.warmup { " (warm-up)" } else { "" };
        vec![
            text(&phase.name) + warmup,
            format::span(phase.start_s, phase.end_s),
            format::count(phase.counts.scheduled),
            format::success(&phase.counts),
            format::failures(&phase.counts),
        ]
    });
    table(out, "Phases", &["Phase", "Time", "Requests", "Succeeded", "Failed"], rows)
}

fn slos(report: &Report, out: &mut Vec<u8>) -> io::Result<()> {
    let rows = report.slos.iter().map(|slo| {
        vec![
            badge(slo.verdict),
            text(&slo.name),
            code(&slo.objective),
            text(&format::during(slo)),
            format::observed(slo),
            format::count(slo.samples),
            format!("{} (wanted {})", format::bounds(slo), format::target(slo)),
        ]
    });
    let head = ["Verdict", "SLO", "Objective", "During", "Observed", "Samples", "Good, 95% interval"];
    table(out, "SLOs", &head, rows)
}

fn budgets(report: &Report, out: &mut Vec<u8>) -> io::Result<()> {
    let said = report.slos.iter().filter_map(format::outage).take(MOST_ROWS);
    said.into_iter().try_for_each(|said| writeln!(out, "{}.\n", text(&said)))
}

fn failover(report: &Report, out: &mut Vec<u8>) -> io::Result<()> {
    let rows = report.failover.iter().map(|death| {
        let back = death.t1_s.map_or_else(|| "not back".into(), format::run_time);
        let s = |seconds| format::maybe(seconds, format::seconds);
        vec![
            format!("{} at {}, {back}", text(&death.node), format::run_time(death.t0_s)),
            s(death.detection_s),
            s(death.first_rescue_s),
            s(death.recovery_s),
            s(death.failback_s),
            format!("{} of {}", format::count(death.lost), format::count(death.requests)),
            format::count(death.silently_truncated),
            format::count(death.duplicated),
            format::maybe(death.amplification_mean, |mean| format!("{mean:.2}")),
            checks(death),
        ]
    });
    let head = [
        "Death, return",
        "Detection",
        "First rescue",
        "Recovery",
        "Failback",
        "Lost",
        "Truncated silently",
        "Duplicated",
        "Amplification",
        "Bounds",
    ];
    table(out, "Failover", &head, rows)
}

fn checks(death: &Failover) -> String {
    let line = |check: &crate::Check| {
        let reason = check.reason.as_ref().map(|reason| format!(": {}", text(reason))).unwrap_or_default();
        let name = text(&format::words(&check.name));
        format!("{} {name} {}{reason}", symbol(check.verdict), text(&check.bound))
    };
    death.checks.iter().map(line).collect::<Vec<_>>().join("<br>")
}

fn invariants(report: &Report, out: &mut Vec<u8>) -> io::Result<()> {
    let rows = report.invariants.iter().map(|invariant| {
        let examples: Vec<_> = invariant.examples.iter().map(|example| text(example)).collect();
        vec![
            badge(invariant.verdict),
            text(&invariant.name),
            format::count(invariant.violations),
            examples.join("<br>"),
        ]
    });
    table(out, "Invariants", &["Verdict", "Invariant", "Violations", "Examples"], rows)
}

fn faults(report: &Report, out: &mut Vec<u8>) -> io::Result<()> {
    let rows = report.faults.iter().map(|fault| {
        vec![
            text(&fault.plugin),
            text(&fault.nodes.join(", ")),
            text(&fault.phase),
            format::span(fault.start_s, fault.end_s),
            format::count(fault.fired),
            format::count(fault.traps),
        ]
    });
    table(out, "Faults", &["Plugin", "Nodes", "Phase", "Time", "Fired", "Traps"], rows)?;
    told::paused(&report.pauses).map_or(Ok(()), |paused| writeln!(out, "{paused}.\n"))
}

/// What to do about each check that did not pass.
fn runbook(report: &Report, out: &mut Vec<u8>) -> io::Result<()> {
    if report.runbook.is_empty() {
        return Ok(());
    }
    writeln!(out, "## What to do\n")?;
    for advice in report.runbook.iter().take(MOST_ADVICE) {
        writeln!(
            out,
            "**{} {}**: {}\n",
            symbol(advice.verdict),
            prose(&told::advised_on(advice)),
            prose(&advice.seen)
        )?;
        for (what, sentences) in
            [("Means", &advice.means), ("Look at", &advice.look), ("Change", &advice.change)]
        {
            for sentence in sentences {
                writeln!(out, "- *{what}:* {}", prose(sentence))?;
            }
        }
        writeln!(out)?;
    }
    if report.runbook.len() > MOST_ADVICE {
        writeln!(out, "{} more in `report.html`.\n", report.runbook.len() - MOST_ADVICE)?;
    }
    Ok(())
}

/// A table under its heading; nothing where there are no rows.
fn table(
    out: &mut Vec<u8>,
    title: &str,
    head: &[&str],
    rows: impl ExactSizeIterator<Item = Vec<String>>,
) -> io::Result<()> {
    let all = rows.len();
    if all == 0 {
        return Ok(());
    }
    writeln!(out, "## {title}\n\n| {} |\n|{}", head.join(" | "), "---|".repeat(head.len()))?;
    for row in rows.take(MOST_ROWS) {
        writeln!(out, "| {} |", row.join(" | "))?;
    }
    more(all, out)?;
    writeln!(out)
}

fn more(all: usize, out: &mut Vec<u8>) -> io::Result<()> {
    if all > MOST_ROWS { writeln!(out, "\n{} more in `report.html`.", all - MOST_ROWS) } else { Ok(()) }
}

fn symbol(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✅",
        Verdict::Fail => "❌",
        Verdict::Inconclusive => "❔",
        Verdict::NotChecked => "➖",
    }
}

fn badge(verdict: Verdict) -> String {
    format!("{} {verdict}", symbol(verdict))
}

/// Text from outside, as code; a bar would end its cell even there.
fn code(text: &str) -> String {
    let text = format::line(&format::shortened(text, MOST_LETTERS));
    format!("`{}`", text.replace('`', "'").replace('|', r"\|"))
}

/// A sentence of ours.
fn prose(sentence: &str) -> String {
    let part = |part| match part {
        Part::Words(words) => text(words),
        Part::Code(words) => code(words),
    };
    told::parts(sentence).into_iter().map(part).collect()
}

/// Text from outside, as text: on one line, with nothing that Markdown or HTML would read.
pub(crate) fn text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in format::line(&format::shortened(text, MOST_LETTERS)).chars() {
        match letter {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '|' | '`' | '*' | '_' | '[' | ']' | '#' | '~' | '@' | '!' => {
                escaped.extend(['\\', letter]);
            }
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_objective_reads_as_written() {
        assert_eq!(code("p95(ttft) <= 800ms"), "`p95(ttft) <= 800ms`");
    }

    #[test]
    fn a_name_can_not_break_out_of_its_cell() {
        assert_eq!(text("a|b\n<img> [x](y)"), r"a\|b &lt;img&gt; \[x\](y)");
    }
}
