//! What was lost, and where: the part of a sentence that a reader needs to go and look.

use std::collections::BTreeMap;

use squall_report::Outcome;

use super::text;
use super::view::View;
use crate::record::RequestFact;

/// Requests that a sentence names.
const EXAMPLES: usize = 3;

/// `30 HTTP error 502, 13 cut; 30 reached no node, 13 on `a`; e.g. requests 812, 815, 901`.
pub(super) fn describe<'a>(view: &View<'_>, lost: impl IntoIterator<Item = &'a RequestFact>) -> String {
    let (mut ends, mut places) = (BTreeMap::new(), BTreeMap::new());
    let mut examples = Vec::new();
    for request in lost {
        *ends.entry(text::outcome(request.outcome, request.status)).or_insert(0_u64) += 1;
        *places.entry(place(view, request)).or_insert(0_u64) += 1;
        if examples.len() < EXAMPLES {
            examples.push(request.id.to_string());
        }
    }
    let noun = if examples.len() == 1 { "request" } else { "requests" };
    format!("{}; {}; e.g. {noun} {}", most_first(&ends), most_first(&places), examples.join(", "))
}

fn place(view: &View<'_>, request: &RequestFact) -> String {
    match request.node {
        Some(node) => format!("on {}", view.node(node)),
        None if request.outcome == Outcome::Shed => "never sent".into(),
        None if request.attempts == 0 => "reached no node".into(),
        None => "answered by no node".into(),
    }
}

fn most_first(counts: &BTreeMap<String, u64>) -> String {
    let mut counts: Vec<_> = counts.iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    counts.iter().map(|(what, count)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
}
