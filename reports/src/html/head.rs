//! The top of the page: what was run, the verdict, why, and how to repeat it.

use maud::{Markup, html};

use super::class;
use super::runbook::ticked;
use crate::{Report, Verdict, format};

/// Reasons that are told beside the first; the runbook has all.
const SHOWN: usize = 4;

pub(super) fn header(report: &Report) -> Markup {
    html! {
        header class=(class(report.verdict)) {
            p.brand { "Squall" }
            h1 { (report.scenario.name) }
            div.verdict {
                p.word { span.symbol aria-hidden="true" { (symbol(report.verdict)) } (report.verdict) }
                (reasons(report))
            }
            @if let Some(aborted) = format::aborted(report) {
                p.aborted { strong { "Ended before its time: " } (aborted) }
            }
            (facts(report))
            (repeat(report))
            (contents(report))
        }
    }
}

fn symbol(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✓",
        Verdict::Fail => "✗",
        Verdict::Inconclusive => "?",
        Verdict::NotChecked => "–",
    }
}

fn facts(report: &Report) -> Markup {
    let counts = &report.counts;
    html! {
        dl.facts {
            div { dt { "Requests" } dd { (format::count(counts.scheduled)) } }
            div { dt { "Succeeded" } dd { (format::success(counts)) } }
            div { dt { "Failed" } dd { (format::count(format::failed(counts))) } }
            div { dt { "Duration" } dd { (format::run_time(report.duration_s)) } }
            div { dt { "Started" } dd { time datetime=(report.started_at) { (format::wall_time(&report.started_at)) } } }
            div { dt { "Seed" } dd { (report.scenario.seed) } }
            div { dt { "Fault log" } dd { code title=(report.fault_log_digest) { (format::short(&report.fault_log_digest)) } } }
            div { dt { "Plan" } dd { code title=(report.scenario.digest) { (format::short(&report.scenario.digest)) } } }
            div { dt { "Scenario" } dd { code { (report.scenario.path) } } }
        }
    }
}

fn repeat(report: &Report) -> Markup {
    html! {
        div.repeat {
            p #repeat { "Repeat this run" }
            pre aria-labelledby="repeat" { code { (report.command) } }
        }
    }
}

fn contents(report: &Report) -> Markup {
    let links = [
        ("timeline", "Timeline", true),
        ("runbook", "Runbook", !report.runbook.is_empty()),
        ("slos", "SLOs", true),
        ("failover", "Failover", !report.failover.is_empty()),
        ("periods", "Before, during, after", !report.periods.is_empty()),
        ("curves", "Percentiles", true),
        ("nodes", "Nodes", !report.nodes.is_empty()),
        ("worst", "Worst requests", !report.worst.is_empty()),
        ("invariants", "Invariants", true),
        ("faults", "Faults", true),
        ("latency", "Latency", true),
        ("counts", "Outcomes", true),
        ("client", "Load generator", true),
        ("definitions", "Definitions", true),
        ("files", "Files", true),
    ];
    html! {
        nav aria-label="Contents" {
            ul { @for (id, title, _) in links.iter().filter(|(_, _, shown)| *shown) { li { a href={ "#" (id) } { (title) } } } }
        }
    }
}

/// The one sentence why, then the others; many are folded away.
fn reasons(report: &Report) -> Markup {
    let (first, others) =
        report.reasons.split_first().map_or((None, &[][..]), |(first, others)| (Some(first), others));
    let (shown, folded) = others.split_at(others.len().min(SHOWN));
    html! {
        div.reasons {
            @if let Some(first) = first { p.why { (ticked(first)) } }
            @if !shown.is_empty() { ul { @for reason in shown { li { (ticked(reason)) } } } }
            @if !folded.is_empty() {
                details {
                    summary { (format::count(folded.len() as u64)) " more" }
                    ul { @for reason in folded { li { (ticked(reason)) } } }
                }
            }
        }
    }
}
