//! What was lost, and where: the part of a sentence that a reader needs to go and look.

use std::collections::BTreeMap;

use squall_report::Outcome;

use super::text;
use super::view::View;
use crate::name::RequestId;
use crate::record::RequestFact;

/// `30 HTTP error 502 (such as request 812), 13 cut (such as request 815); 30 reached no node, 13 on a`.
pub(super) fn describe(view: &View<'_>, lost: impl IntoIterator<Item = RequestFact>) -> String {
    let mut ends: BTreeMap<String, (u64, RequestId)> = BTreeMap::new();
    let mut places: BTreeMap<String, u64> = BTreeMap::new();
    for request in lost {
        let end = text::outcome(request.outcome, request.status);
        ends.entry(end).or_insert((0, request.id)).0 += 1;
        *places.entry(place(view, &request)).or_default() += 1;
    }
    let ends =
        ends.into_iter().map(|(end, (count, first))| (count, format!("{end} (such as request {first})")));
    let places = places.into_iter().map(|(place, count)| (count, place));
    format!("{}; {}", most_first(ends), most_first(places))
}

fn place(view: &View<'_>, request: &RequestFact) -> String {
    match request.node {
        Some(node) => format!("on {}", view.node(node)),
        None if request.outcome == Outcome::Shed => "never sent".into(),
        None if request.attempts == 0 => "reached no node".into(),
        None => "answered by no node".into(),
    }
}

fn most_first(counts: impl Iterator<Item = (u64, String)>) -> String {
    let mut counts: Vec<_> = counts.collect();
    counts.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    counts.into_iter().map(|(count, what)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
}
