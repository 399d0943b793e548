//! The worst requests: what the client saw above what the nodes saw, on one axis, and both ledgers' rows.

use maud::{Markup, html};

use super::runbook::ticked;
use super::section;
use crate::{Outcome, Report, WhyWorst, WorstAttempt, WorstRequest, format};

pub(super) fn section_of(report: &Report) -> Markup {
    if report.worst.is_empty() {
        return html! {};
    }
    let content = html! {
        p.lead {
            "Some of each way of failing, then those that waited longest and those that took the most attempts. \
             Above, what the client saw; below, what the proxies before the nodes saw of it: grey is waiting, blue \
             the answer, orange one that broke off or failed."
        }
        div.requests { @for (index, request) in report.worst.iter().enumerate() { (entry(request, index == 0)) } }
    };
    section("worst", "Worst requests", &content)
}

fn entry(request: &WorstRequest, open: bool) -> Markup {
    html! {
        details.request open[open] {
            summary {
                span.id { "Request " (request.id) }
                span class={ "ended " (tone(request)) } { (ended(request)) }
                span.why { (why(request)) }
            }
            (waterfall(request))
            div.ledgers {
                (client_row(request))
                (attempts(request))
            }
        }
    }
}

fn tone(request: &WorstRequest) -> &'static str {
    if request.outcome == Outcome::Ok { "pass" } else { "fail" }
}

fn ended(request: &WorstRequest) -> String {
    let outcome = format::words(request.outcome.as_str());
    match request.status {
        Some(status) if request.outcome != Outcome::Ok => format!("{outcome}, {status}"),
        _ => outcome,
    }
}

fn why(request: &WorstRequest) -> String {
    let since = |at: Option<f64>| at.map(|at| format::latency((at - request.intended_s) * 1e3));
    let one = |why: &WhyWorst| match why {
        WhyWorst::Failed if request.alike > 1 => {
            format!("one of {} that ended so", format::count(request.alike))
        }
        WhyWorst::Failed => "the only one that ended so".into(),
        WhyWorst::FirstToken => match since(request.first_content_s) {
            Some(waited) => format!("first token after {waited}"),
            None => "late first token".into(),
        },
        WhyWorst::Tokens => match per_token(request) {
            Some(ms) => format!("{} a token", format::latency(ms)),
            None => "slow tokens".into(),
        },
        WhyWorst::Attempts => format::counted(request.attempts.into(), "attempt"),
    };
    request.why.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn per_token(request: &WorstRequest) -> Option<f64> {
    let gaps = request.output_tokens.checked_sub(1).filter(|gaps| *gaps > 0)?;
    Some((request.last_content_s? - request.first_content_s?) * 1e3 / f64::from(gaps))
}

/// Bars on the time of the request, each from a share of it to another.
fn waterfall(request: &WorstRequest) -> Markup {
    let begin = request.intended_s;
    let ends = request.ledger.iter().map(|attempt| attempt.end_s);
    let end = ends.fold(request.end_s, f64::max).max(begin + 1e-6);
    let place = |at: f64| {
        let share = (at - begin) / (end - begin);
        format!("{:.2}%", if share.is_finite() { share.clamp(0.0, 1.0) * 100.0 } else { 0.0 })
    };
    let bar = |from: f64, to: f64, class: &str| {
        html! { span class={ "bar " (class) } style={ "left:" (place(from)) ";right:calc(100% - " (place(to)) ")" } {} }
    };
    let client = html! {
        @let answer = request.first_content_s.unwrap_or(request.end_s);
        (bar(begin, answer, "wait"))
        (bar(answer, request.end_s, if request.outcome == Outcome::Ok { "answer" } else { "answer broken" }))
    };
    html! {
        div.waterfall aria-hidden="true" {
            span.name { "client" } span.track { (client) }
            @for attempt in &request.ledger {
                span.name { (attempt.node) }
                span.track {
                    @let answer = attempt.first_byte_s.unwrap_or(attempt.end_s);
                    (bar(attempt.start_s, answer, "wait"))
                    (bar(answer, attempt.end_s, if attempt.end == "complete" { "answer" } else { "answer broken" }))
                }
            }
            span.name {} span.scale {
                span { (format::run_time(begin)) }
                span { "+ " (format::latency((end - begin) * 1e3)) }
            }
        }
    }
}

fn client_row(request: &WorstRequest) -> Markup {
    let since = |at: Option<f64>| format::maybe(at, |at| format::latency((at - request.intended_s) * 1e3));
    let tokens = match request.expected_tokens {
        Some(expected) => {
            format!("{} of {}", format::count(request.output_tokens.into()), format::count(expected.into()))
        }
        None => format::count(request.output_tokens.into()),
    };
    let attempts = match request.claimed_attempts {
        Some(claimed) => format!("{}, the gateway says {claimed}", request.attempts),
        None => request.attempts.to_string(),
    };
    html! {
        div {
            h3 { "The client's row" }
            dl.row {
                dt { "Due" } dd { (format::run_time(request.intended_s)) ", phase " (request.phase) }
                dt { "Sent" } dd { (sent(request)) }
                dt { "First token" } dd { (since(request.first_content_s)) }
                dt { "Last token" } dd { (since(request.last_content_s)) }
                dt { "Over" } dd { (since(Some(request.end_s))) }
                dt { "Outcome" } dd { (ended(request)) }
                @if let Some(error) = &request.error { dt { "Error" } dd { code { (error) } } }
                dt { "Content" } dd { (request.content) ", " (tokens) " tokens" }
                dt { "Final marker" } dd { (marker(request)) }
                dt { "Node" } dd { (request.node.as_deref().unwrap_or("none")) }
                dt { "Attempts" } dd { (attempts) }
                dt { "Cohort" } dd { (request.cohort.as_str()) }
            }
        }
    }
}

fn sent(request: &WorstRequest) -> String {
    let late = format::maybe(request.sent_s, |at| {
        format!("{} late", format::latency((at - request.intended_s) * 1e3))
    });
    match request.sends {
        0 => "never".into(),
        1 => late,
        sends => format!("{late}, {sends} times in all"),
    }
}

fn marker(request: &WorstRequest) -> &'static str {
    match (request.marker, request.genuine_marker, request.clean_end) {
        (true, true, _) => "seen, and a node sent it",
        (true, false, _) => "seen, but no node sent it",
        (false, _, true) => "none, though the response ended cleanly",
        (false, _, false) => "none",
    }
}

fn attempts(request: &WorstRequest) -> Markup {
    html! {
        div {
            h3 { "The proxies' rows" }
            @if request.ledger.is_empty() { p.empty { "No attempt reached a node." } }
            @for (index, attempt) in request.ledger.iter().enumerate() { (attempt_row(request, index, attempt)) }
            @if request.ledger_left_out > 0 {
                p.empty { (format::counted(request.ledger_left_out, "further attempt")) " in " code { "attempts.jsonl" } "." }
            }
        }
    }
}

fn attempt_row(request: &WorstRequest, index: usize, attempt: &WorstAttempt) -> Markup {
    let since = |at: Option<f64>| format::maybe(at, |at| format::latency((at - request.intended_s) * 1e3));
    let hedge = if attempt.hedge { ", a hedge" } else { "" };
    let late = if attempt.after_end { ", after the client's end" } else { "" };
    let status = attempt.status.map_or_else(|| "no status".into(), |status| status.to_string());
    let more = u64::from(attempt.touched).saturating_sub(attempt.faults.len() as u64);
    html! {
        dl.row {
            dt { "Attempt " (index + 1) } dd { "on " strong { (attempt.node) } (hedge) (late) }
            dt { "Began" } dd { (since(Some(attempt.start_s))) }
            dt { "First byte" } dd { (since(attempt.first_byte_s)) }
            dt { "Over" } dd { (since(Some(attempt.end_s))) }
            dt { "End" } dd { (format::words(&attempt.end)) ", " (status) }
            dt { "Events" } dd { (format::count(attempt.events.into())) @if attempt.marker { ", with the final marker" } }
            @if !attempt.faults.is_empty() {
                dt { "Faults" } dd {
                    (ticked(&attempt.faults.join(", ")))
                    @if more > 0 { " and " (format::count(more)) " more" }
                }
            }
        }
    }
}
