//! What the verdict rests on, as tables.

use maud::{Markup, html};

use super::{Column, mark, section, table};
use crate::{
    Alert, Budget, Burn, Counts, Failover, Fault, Invariant, Report, Severity, Slo, Verdict, format, told,
};

/// Deaths that are told one by one.
const MOST_DEATHS: usize = 12;

/// The objectives.
pub(super) fn slos(report: &Report) -> Markup {
    const HEAD: [Column; 9] = [
        Column::text("SLO"),
        Column::text("Verdict"),
        Column::text("Objective"),
        Column::text("During"),
        Column::figure("Observed"),
        Column::figure("Good of samples"),
        Column::figure("95% interval"),
        Column::figure("A pass needs"),
        Column::prose("Method"),
    ];
    let row = |slo: &Slo| {
        vec![
            html! { (slo.name) },
            mark(slo.verdict),
            html! { code { (slo.objective) } },
            html! { (format::during(slo)) },
            html! { (format::observed(slo)) },
            html! { (format::count(slo.good)) " of " (format::count(slo.samples)) },
            html! { (format::bounds(slo)) },
            html! { (format::target(slo)) " of " (format::count(slo.needed)) "+" },
            html! { (format::method(slo)) },
        ]
    };
    let rows: Vec<_> = report.slos.iter().map(row).collect();
    let content = html! {
        @if rows.is_empty() { p.empty { "The scenario names no objective." } }
        @else {
            p.lead {
                "An objective passes when even the lower bound of its share of good samples reaches what it \
                 claims, and fails when not even the upper bound does. Failed requests count as misses."
            }
            (table("Objectives and what the samples say of them", &HEAD, &rows))
        }
    };
    section("slos", "SLOs", &content)
}

/// What the run did to error budgets, where objectives have any.
pub(super) fn budgets(report: &Report) -> Markup {
    let budgets: Vec<_> = report.slos.iter().filter_map(|slo| Some((slo, slo.budget.as_ref()?))).collect();
    if budgets.is_empty() {
        return html! {};
    }
    let content = html! {
        p.lead {
            "A burn rate of 1 spends the budget in exactly its window. Traffic is taken as constant over it. The \
             alerts are the multi-window, multi-burn-rate ones of Google's SRE workbook, scaled to the window."
        }
        @for (slo, budget) in budgets { (a_budget(slo, budget)) }
    };
    section("budgets", "Error budgets", &content)
}

fn a_budget(slo: &Slo, budget: &Budget) -> Markup {
    const HEAD: [Column; 5] = [
        Column::text("Phase"),
        Column::figure("Length"),
        Column::figure("Bad of requests"),
        Column::figure("Burn rate"),
        Column::figure("Budget spent"),
    ];
    const ALERTS: [Column; 4] = [
        Column::text("Alert"),
        Column::text("Windows"),
        Column::text("Does"),
        Column::figure("Raised after"),
    ];
    let row = |name: &str, burn: &Burn| {
        vec![
            html! { (name) },
            html! { (format::seconds(burn.length_s)) },
            html! { (format::count(burn.bad)) " of " (format::count(burn.requests)) },
            html! { (format::maybe(burn.burn_rate, format::times)) },
            html! { (format::maybe(burn.spent, format::share)) },
        ]
    };
    let phases = budget.phases.iter().map(|burn| row(burn.phase.as_deref().unwrap_or_default(), burn));
    let rows: Vec<_> = phases.chain(budget.storm.iter().map(|storm| row("the storm", storm))).collect();
    let alert = |alert: &Alert| {
        vec![
            html! { "burn rate " (format::times(alert.burn_rate)) },
            html! { (format::long(alert.long_s)) " and " (format::long(alert.short_s)) },
            html! { (match alert.severity { Severity::Page => "page", Severity::Ticket => "ticket" }) },
            html! { (format::raised(alert)) },
        ]
    };
    let alerts: Vec<_> = budget.alerts.iter().map(alert).collect();
    html! {
        h3 { (slo.name) ": " (format::share(budget.target)) " over " (format::long(budget.window_s)) }
        @for said in format::budget(slo) { p.lead { (said) "." } }
        (table(&format!("What was spent of the budget of {}", slo.name), &HEAD, &rows))
        @if !alerts.is_empty() {
            (table(&format!("Alerts on the budget of {}, at the storm's rate", slo.name), &ALERTS, &alerts))
        }
    }
}

/// What happened when nodes died.
pub(super) fn failover(report: &Report) -> Markup {
    if report.failover.is_empty() {
        return html! {};
    }
    // Those with something to say first, in the order in which they came.
    let mut deaths: Vec<&Failover> = report.failover.iter().collect();
    deaths.sort_by_key(|death| !death.checks.iter().any(|check| check.verdict == Verdict::Fail));
    let more = deaths.len().saturating_sub(MOST_DEATHS);
    let content = html! {
        @for death in deaths.into_iter().take(MOST_DEATHS) { (a_death(death)) }
        @if more > 0 { p.empty { (format::count(more as u64)) " further deaths in " code { "report.json" } "." } }
    };
    section("failover", "Failover", &content)
}

fn a_death(death: &Failover) -> Markup {
    const HEAD: [Column; 5] = [
        Column::text("Bound on"),
        Column::text("Verdict"),
        Column::figure("Observed"),
        Column::figure("Bound"),
        Column::prose("Why"),
    ];
    let s = |seconds| format::maybe(seconds, format::seconds);
    let rows: Vec<_> = death
        .checks
        .iter()
        .map(|check| {
            vec![
                html! { (format::words(&check.name)) },
                mark(check.verdict),
                html! { (check.observed) },
                html! { (check.bound) },
                html! { (check.reason.as_deref().unwrap_or_default()) },
            ]
        })
        .collect();
    // Without reasons, no column for them.
    let why = death.checks.iter().any(|check| check.reason.is_some());
    let head = if why { &HEAD[..] } else { &HEAD[..HEAD.len() - 1] };
    // Each table is a region of its own, which screen readers list by name.
    let caption = format!("Bounds on failover of {}, dead at {}", death.node, format::run_time(death.t0_s));
    let mean = format::maybe(death.amplification_mean, |mean| format!("{mean:.2}"));
    html! {
        h3 {
            "Node " (death.node) " died at " (format::run_time(death.t0_s))
            @if let Some(t1) = death.t1_s { ", back at " (format::run_time(t1)) } @else { ", not back" }
        }
        dl.facts {
            div { dt { "Detection" } dd { (s(death.detection_s)) } }
            div { dt { "First rescue" } dd { (s(death.first_rescue_s)) } }
            div { dt { "Recovery" } dd { (s(death.recovery_s)) } }
            div { dt { "Failback" } dd { (s(death.failback_s)) } }
            div { dt { "Lost" } dd {
                (format::count(death.lost)) " of " (format::count(death.requests))
                @if death.requests > 0 { " (" (format::share_of(death.lost, death.requests)) ")" }
            } }
            div { dt { "Truncated silently" } dd { (format::count(death.silently_truncated)) } }
            div { dt { "Duplicated" } dd { (format::count(death.duplicated)) } }
            div { dt { "Spliced" } dd { (format::count(death.spliced)) } }
            div { dt { "Attempts a request" } dd { (mean) ", at most " (format::count(u64::from(death.amplification_max))) } }
        }
        @if rows.is_empty() { p.empty { "The scenario sets no bound on failover." } }
        @else { (table(&caption, head, &rows)) }
    }
}

/// What must hold in every run.
pub(super) fn invariants(report: &Report) -> Markup {
    const HEAD: [Column; 4] = [
        Column::prose("Invariant"),
        Column::text("Verdict"),
        Column::figure("Violations"),
        Column::prose("Examples, or why it is not decided"),
    ];
    let row = |invariant: &Invariant| {
        vec![
            html! { (invariant.name) },
            mark(invariant.verdict),
            html! { (format::count(invariant.violations)) },
            html! { @if !invariant.examples.is_empty() {
                ul { @for example in &invariant.examples { li { (example) } } }
            } },
        ]
    };
    let rows: Vec<_> = report.invariants.iter().map(row).collect();
    let content = html! {
        @if rows.is_empty() { p.empty { "No invariant was looked at." } }
        @else { (table("What must hold in every run", &HEAD, &rows)) }
    };
    section("invariants", "Invariants", &content)
}

/// The faults and what they did.
pub(super) fn faults(report: &Report) -> Markup {
    const HEAD: [Column; 8] = [
        Column::text("Plugin"),
        Column::text("Nodes"),
        Column::text("Phase"),
        Column::figure("Switched on"),
        Column::figure("Fired"),
        Column::figure("Traps"),
        Column::prose("Its counters"),
        Column::text("SHA-256"),
    ];
    let rows: Vec<_> = report.faults.iter().map(fault).collect();
    let content = html! {
        @if rows.is_empty() { p.empty { "The scenario has no fault." } }
        @else { (table("Faults of the scenario", &HEAD, &rows)) }
        @if let Some(paused) = told::paused(&report.pauses) { p { (paused) "." } }
    };
    section("faults", "Faults", &content)
}

fn fault(fault: &Fault) -> Vec<Markup> {
    let counters: Vec<_> = fault
        .counters
        .iter()
        .map(|counter| format!("{} {}", counter.name, format::count(counter.value)))
        .collect();
    vec![
        html! { (fault.plugin) },
        html! { (fault.nodes.join(", ")) },
        html! { (fault.phase) },
        html! { (format::span(fault.start_s, fault.end_s)) },
        html! { (format::count(fault.fired)) },
        html! { (format::count(fault.traps)) },
        html! {
            (counters.join(", "))
            @if let Some(trap) = &fault.trap { p.trap { "First trap: " (trap) } }
        },
        html! { code title=(fault.sha256) { (format::short(&fault.sha256)) } },
    ]
}

/// Requests by their end, a phase a row.
pub(super) fn counts(report: &Report) -> Markup {
    let occurred: Vec<_> =
        format::FAILURES.into_iter().filter(|outcome| *report.counts.clone().of(*outcome) > 0).collect();
    let mut head = vec![
        Column::text("Phase"),
        Column::figure("Scheduled"),
        Column::figure("Sent"),
        Column::figure("Ok"),
        Column::figure("Success"),
    ];
    head.extend(occurred.iter().map(|outcome| Column::figure(outcome.as_str())));
    let row = |name: Markup, counts: &Counts| {
        let mut counts = *counts;
        let mut row = vec![
            name,
            html! { (format::count(counts.scheduled)) },
            html! { (format::count(counts.sent)) },
            html! { (format::count(counts.ok)) },
            html! { (format::success(&counts)) },
        ];
        row.extend(occurred.iter().map(|outcome| html! { (format::count(*counts.of(*outcome))) }));
        row
    };
    let phases = report.phases.iter().map(|phase| {
        let name = html! { (phase.name) @if phase.warmup { " (warm-up)" } };
        row(name, &phase.counts)
    });
    let rows: Vec<_> = phases.chain([row(html! { "whole run" }, &report.counts)]).collect();
    let content = html! {
        p.lead { "Each request counts in the phase in which it was due. Ends that did not occur are left out." }
        (table("Requests by their end", &head, &rows))
    };
    section("counts", "Outcomes", &content)
}

/// What became of sessions, where the load has any.
pub(super) fn sessions(report: &Report) -> Markup {
    said("sessions", "Sessions", &told::sessions(report.sessions.as_ref()))
}

/// What was found out of the answers' texts, where there is something to say.
pub(super) fn answers(report: &Report) -> Markup {
    said("answers", "Answers", &told::answers(&report.answers))
}

/// Sentences in a section, where there are any.
fn said(id: &str, heading: &str, said: &[String]) -> Markup {
    if said.is_empty() {
        return html! {};
    }
    let content = html! {
        @for text in said {
            p.lead { (text) "." }
        }
    };
    section(id, heading, &content)
}

/// The load generator itself.
pub(super) fn client(report: &Report) -> Markup {
    let client = &report.client;
    let lag = &client.dispatch_lag_us;
    let content = html! {
        p.lead {
            @if client.saturated {
                strong { "It could not keep to its schedule: no verdict can rest on this run's figures." }
            } @else { "It kept to its schedule." }
            " " (told::carried(client))
        }
        @for said in told::skipped(&report.skipped).into_iter().chain(told::clients(&report.clients)).chain(told::correlation(&report.correlation)) {
            p.lead { (said) "." }
        }
        dl.facts {
            div { dt { "Sent late, median" } dd { (format::micros(lag.p50)) } }
            div { dt { "Sent late, p99" } dd { (format::micros(lag.p99)) } }
            div { dt { "Sent late, at most" } dd { (format::micros(lag.max)) } }
            div { dt { "Runtime woke late, p99" } dd { (format::micros(client.runtime_stall_us.p99)) } }
            div { dt { "Runtime woke late, at most" } dd { (format::micros(client.runtime_stall_us.max)) } }
            div { dt { "CPU time" } dd { (format::seconds(client.cpu_s)) } }
            div { dt { "Memory, at most" } dd { (format::bytes(client.peak_rss_bytes)) } }
        }
    };
    section("client", "Load generator", &content)
}
