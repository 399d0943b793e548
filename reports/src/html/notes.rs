//! What the words mean, and where the records are.

use maud::{Markup, html};

use super::section;

/// Terms in the order in which a reader meets them.
const TERMS: [(&str, &str); 19] = [
    (
        "ttft",
        "Time to first token: to the first event with content. A role or an empty chunk does not count.",
    ),
    ("ttfb", "Time to the first byte of the response."),
    ("itl", "Inter-token latency: each gap between content events, one sample a gap."),
    ("tpot", "Time per output token: (last − first content) / (output tokens − 1), one sample a request."),
    ("e2e", "To the last content event of a complete stream."),
    (
        "success",
        "A complete, honest answer: its final marker, no error in it, the content that was expected.",
    ),
    (
        "intended clock",
        "Latency counts from the scheduled arrival, so that a stalled server or client can't hide waiting.",
    ),
    ("sent clock", "Latency counts from the actual send."),
    (
        "sent late",
        "The dispatch lag: from the scheduled arrival to the actual send, for want of the client's own time.",
    ),
    (
        "runtime woke late",
        "How late a task of the client's runtime woke: events are stamped as late. A tick of its timer, a millisecond, is its floor.",
    ),
    ("failure", "In a latency objective a failed request is a miss: it took longer than any bound."),
    (
        "95% interval",
        "The true share of good samples lies above its lower bound, and below its upper bound, with 95% confidence each (Clopper and Pearson).",
    ),
    (
        "effective samples, design effect",
        "What fails in a storm fails together, so that samples say less than their number. The design effect is how many times the variance between slices of a second is that of independent samples; the bounds are taken on samples divided by it (Korn and Graubard). The storm's timetable is taken as given: slices are compared within its pieces.",
    ),
    ("inconclusive", "The evidence does not decide. It is no pass."),
    ("faulted, collateral", "Requests that a fault touched or whose node was down, and the rest."),
    ("detection", "From a node's death until no more work is sent to it."),
    ("recovery", "From a node's death until the service level holds again."),
    ("failback", "From a node's return until it has its share of the work."),
    ("amplification", "Attempts a request: retries are load that a sick fleet has to bear."),
];

const FILES: [(&str, &str); 8] = [
    ("report.json", "this report, for programs"),
    ("junit.xml", "its verdicts, for CI servers"),
    ("summary.md", "a short form, for a CI job's page"),
    ("latency.hlog", "latency over time, an HdrHistogram log"),
    ("percentiles/*.hgrm", "latency by percentile over the whole run, as HdrHistogram's tools plot it"),
    ("requests.jsonl", "every request, as the load generator saw it"),
    ("attempts.jsonl", "every attempt, as the proxies before the nodes saw it"),
    ("faults.jsonl", "every verdict and action of a fault"),
];

pub(super) fn definitions() -> Markup {
    let content = html! {
        details {
            summary { "What the words on this page mean" }
            dl.terms { @for (term, meaning) in TERMS { dt { (term) } dd { (meaning) } } }
        }
    };
    section("definitions", "Definitions", &content)
}

pub(super) fn files() -> Markup {
    let content = html! {
        p.lead { "In the same folder as this page:" }
        ul.files { @for (file, what) in FILES { li { a href=(file) { (file) } " – " (what) } } }
    };
    section("files", "Files", &content)
}
