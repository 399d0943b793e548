//! Before, during and after the faults; and the nodes' shares of the work in each.

use maud::{Markup, html};

use super::{Column, table};
use crate::{Metric, Node, Percentiles, Period, Report, format};

/// Nodes of a table; more are in `report.json`.
const MOST_NODES: usize = 50;

/// The figures of each period side by side.
pub(super) fn table_of(report: &Report) -> Markup {
    const HEAD: [Column; 9] = [
        Column::text("Period"),
        Column::figure("Of the run"),
        Column::figure("Requests"),
        Column::figure("Success"),
        Column::figure("ttft p50"),
        Column::figure("ttft p95"),
        Column::figure("ttft p99"),
        Column::figure("e2e p50"),
        Column::figure("e2e p95"),
    ];
    let first = report.periods.first();
    let row = |period: &Period| {
        let cell = |metric: Metric, of: fn(&Percentiles) -> Option<f64>| {
            let figure = at(period, metric, of);
            let before =
                first.filter(|first| first.period != period.period).and_then(|first| at(first, metric, of));
            html! { (latency(period, metric, figure)) @if let Some(times) = times(figure, before) { " " span.times { (times) } } }
        };
        vec![
            html! { (period.period.as_str()) },
            html! { (format::span(period.start_s, period.end_s)) },
            html! { (format::count(period.requests)) },
            html! { (format::share_of(period.ok, period.requests)) },
            cell(Metric::Ttft, |p| p.p50_ms),
            cell(Metric::Ttft, |p| p.p95_ms),
            cell(Metric::Ttft, |p| p.p99_ms),
            cell(Metric::E2e, |p| p.p50_ms),
            cell(Metric::E2e, |p| p.p95_ms),
        ]
    };
    let rows: Vec<_> = report.periods.iter().filter(|period| period.requests > 0).map(row).collect();
    table(
        "Before, during and after the faults, beside it times what it was before; failed requests are the largest samples",
        &HEAD,
        &rows,
    )
}

fn at(period: &Period, metric: Metric, of: fn(&Percentiles) -> Option<f64>) -> Option<f64> {
    period
        .latency
        .iter()
        .find(|latency| latency.metric == metric)
        .and_then(|latency| of(&latency.percentiles))
}

fn latency(period: &Period, metric: Metric, figure: Option<f64>) -> String {
    let sampled = period.latency.iter().any(|latency| latency.metric == metric);
    match figure {
        Some(ms) => format::latency(ms),
        None if sampled => "a failure".into(),
        None => format::NONE.into(),
    }
}

/// How many times what it was before, where that says something.
fn times(now: Option<f64>, before: Option<f64>) -> Option<String> {
    let times = now? / before.filter(|before| *before > 0.0)?;
    (times.is_finite() && (0.0..1e6).contains(&times)).then(|| format!("×{times:.2}"))
}

/// The nodes: their shares of the work, and how their attempts ended.
pub(super) fn nodes(report: &Report) -> Markup {
    if report.nodes.is_empty() {
        return html! {};
    }
    let periods: Vec<_> =
        report.periods.iter().filter(|period| period.node_attempts.iter().any(|n| *n > 0)).collect();
    let mut head =
        vec![Column::text("Node"), Column::text("Zone"), Column::figure("Attempts"), Column::figure("Share")];
    head.extend(periods.iter().map(|period| {
        Column::figure(match period.period {
            crate::Around::Before => "Share before",
            crate::Around::During => "Share during",
            crate::Around::After => "Share after",
        })
    }));
    head.extend([
        Column::figure("Whole"),
        Column::figure("Broken"),
        Column::figure("By a fault"),
        Column::figure("Client left"),
    ]);
    let all = report.nodes.iter().fold(0_u64, |sum, node| sum.saturating_add(node.attempts));
    let row = |(index, node): (usize, &Node)| {
        let ends = &node.ends;
        let broken = ends.cut.saturating_add(ends.reset).saturating_add(ends.unreachable);
        let mut row = vec![
            html! { (node.name) },
            html! { (node.zone) },
            html! { (format::count(node.attempts)) },
            html! { (format::share_of(node.attempts, all)) },
        ];
        row.extend(periods.iter().map(|period| {
            let own = period.node_attempts.get(index).copied().unwrap_or_default();
            let all = period.node_attempts.iter().fold(0_u64, |sum, n| sum.saturating_add(*n));
            html! { (format::share_of(own, all)) }
        }));
        row.extend(
            [ends.complete, broken, ends.injected, ends.client_left].map(|n| html! { (format::count(n)) }),
        );
        row
    };
    let rows: Vec<_> = report.nodes.iter().enumerate().take(MOST_NODES).map(row).collect();
    let content = html! {
        p.lead {
            "Attempts as the proxies before the nodes saw them, retries included and probes not. Broken: cut, reset \
             or not reached."
        }
        (table("The nodes' shares of the work, and how their attempts ended", &head, &rows))
        @if report.nodes.len() > MOST_NODES {
            p.empty { (format::count((report.nodes.len() - MOST_NODES) as u64)) " more in " code { "report.json" } "." }
        }
    };
    super::section("nodes", "Nodes", &content)
}
