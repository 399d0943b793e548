//! Latency by phase and metric: on the clock that objectives use first, the rest folded away.

use maud::{Markup, html};

use super::{Column, table};
use crate::{Clock, Cohort, Latency, Report, format};

const HEAD: [Column; 12] = [
    Column::text("Phase"),
    Column::text("Metric"),
    Column::figure("Samples"),
    Column::figure("p50"),
    Column::figure("p90"),
    Column::figure("p95"),
    Column::figure("p99"),
    Column::figure("p99.9"),
    Column::figure("Max"),
    Column::figure("Failed"),
    Column::figure("p95 with failures"),
    Column::figure("p99 with failures"),
];

/// The tables.
pub(super) fn section(report: &Report) -> Markup {
    let counted = |row: &&Latency| row.cohort == Cohort::All && row.clock != Clock::Sent;
    let sent = |row: &&Latency| row.cohort == Cohort::All && row.clock == Clock::Sent;
    let faulted = |row: &&Latency| row.cohort == Cohort::Faulted && row.clock != Clock::Sent;
    let collateral = |row: &&Latency| row.cohort == Cohort::Collateral && row.clock != Clock::Sent;
    let content = html! {
        @if report.latency.is_empty() { p.empty { "No latency was measured." } }
        @else {
            p.lead {
                "In ms, counted from the scheduled arrival (ttft, ttfb, e2e). With failures as the largest \
                 samples, a percentile that is itself a failure is a dash."
            }
            (rows(report, "Latency in ms, all requests", counted))
            (folded(report, "From the actual send", "Latency in ms from the actual send", sent))
            (folded(report, "Requests that a fault touched", "Latency in ms, faulted requests", faulted))
            (folded(report, "Requests that no fault touched", "Latency in ms, collateral requests", collateral))
        }
    };
    super::section("latency", "Latency", &content)
}

fn folded(report: &Report, title: &str, caption: &str, shown: impl Fn(&&Latency) -> bool) -> Markup {
    if !report.latency.iter().any(|row| shown(&row)) {
        return html! {};
    }
    html! { details { summary { (title) } (rows(report, caption, shown)) } }
}

fn rows(report: &Report, caption: &str, shown: impl Fn(&&Latency) -> bool) -> Markup {
    let rows: Vec<_> = report.latency.iter().filter(shown).map(row).collect();
    table(caption, &HEAD, &rows)
}

fn row(latency: &Latency) -> Vec<Markup> {
    let ms = |ms: Option<f64>| html! { (format::maybe(ms, format::ms)) };
    let with = &latency.with_failures;
    vec![
        html! { (latency.phase) },
        html! { (latency.metric.as_str()) },
        html! { (format::count(latency.count)) },
        ms(latency.p50_ms),
        ms(latency.p90_ms),
        ms(latency.p95_ms),
        ms(latency.p99_ms),
        ms(latency.p999_ms),
        ms(latency.max_ms),
        html! { (format::count(latency.failed)) },
        ms(with.p95_ms),
        ms(with.p99_ms),
    ]
}
