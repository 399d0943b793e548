//! The top of the page: what was run, the verdict, why, and how to repeat it.

use maud::{Markup, html};

use super::class;
use crate::{Report, Verdict, format};

pub(super) fn header(report: &Report) -> Markup {
    html! {
        header class=(class(report.verdict)) {
            p.brand { "Squall" }
            h1 { (report.scenario.name) }
            div.verdict {
                p.word { span.symbol aria-hidden="true" { (symbol(report.verdict)) } (report.verdict) }
                ul.reasons { @for reason in &report.reasons { li { (reason) } } }
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
    let failover = if report.failover.is_empty() { None } else { Some(("failover", "Failover")) };
    let has_budgets = report.slos.iter().any(|slo| slo.budget.is_some());
    let budgets = has_budgets.then_some(("budgets", "Error budgets"));
    let links = [
        Some(("timeline", "Timeline")),
        Some(("curves", "Percentiles")),
        Some(("slos", "SLOs")),
        budgets,
        failover,
        Some(("invariants", "Invariants")),
        Some(("faults", "Faults")),
        Some(("latency", "Latency")),
        Some(("counts", "Outcomes")),
        Some(("client", "Load generator")),
        Some(("definitions", "Definitions")),
        Some(("files", "Files")),
    ];
    html! {
        nav aria-label="Contents" {
            ul { @for (id, title) in links.into_iter().flatten() { li { a href={ "#" (id) } { (title) } } } }
        }
    }
}
