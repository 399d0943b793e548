//! What the ledgers show of requests that did not go well, counted for rules.

use std::collections::BTreeMap;
use std::time::Duration;

use squall_report::Outcome;

use super::Scene;
use crate::clock::Nanos;
use crate::record::RequestFact;
use crate::scenario::plan::Entry;
use crate::verify::failover::Episode;
use crate::verify::text;
use crate::verify::view::{View, ok};

/// Ids that a sentence names.
const NAMED: usize = 3;

/// Failed requests by where they were lost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lost {
    pub(super) all: u64,
    /// The answer had begun, and came from the node that died.
    pub(super) mid_stream: u64,
    /// No attempt reached a node.
    pub(super) refused: u64,
    /// They were lost on other nodes, by node.
    pub(super) elsewhere: BTreeMap<u16, u64>,
    /// The gateway made more than one attempt.
    pub(super) retried: u64,
}

impl Lost {
    /// The other node that lost most.
    pub(super) fn worst_elsewhere(&self) -> Option<(u16, u64)> {
        let most = self.elsewhere.iter().max_by_key(|(_, count)| **count);
        most.map(|(node, count)| (*node, *count))
    }
}

/// Requests that were under way in a stretch and failed.
pub(super) fn lost(view: &View<'_>, (from, to): (Nanos, Nanos)) -> impl Iterator<Item = RequestFact> {
    view.judged().filter(move |request| {
        let under_way = request.sent.is_some_and(|sent| sent < to) && request.end >= from;
        under_way && !ok(request) && request.outcome != Outcome::Shed
    })
}

/// Where they were lost, as seen from a death.
pub(super) fn places(dead: u16, lost: impl Iterator<Item = RequestFact>) -> Lost {
    lost.fold(Lost::default(), |mut sum, request| {
        sum.all += 1;
        sum.retried += u64::from(request.attempts > 1);
        match request.node {
            Some(node) if node == dead => sum.mid_stream += u64::from(request.first_content.is_some()),
            Some(node) => *sum.elsewhere.entry(node).or_default() += 1,
            None if request.attempts == 0 => sum.refused += 1,
            None => {}
        }
        sum
    })
}

/// `requests 812, 815 and 820`; with what else there are.
pub(super) fn named(requests: impl Iterator<Item = RequestFact>) -> Option<String> {
    let ids: Vec<String> = requests.take(NAMED).map(|request| request.id.to_string()).collect();
    let noun = if ids.len() == 1 { "request" } else { "requests" };
    (!ids.is_empty()).then(|| format!("{noun} {}", text::list(&ids)))
}

/// Where to read more of requests.
pub(super) fn in_ledgers(requests: impl Iterator<Item = RequestFact>) -> Option<String> {
    named(requests).map(|named| {
        format!(
            "The rows of {named} in `requests.jsonl`, beside those of their attempts in `attempts.jsonl`."
        )
    })
}

/// Other faults that did something on a node in a stretch, each by its name and how often it fired.
pub(super) fn faults_on(scene: &Scene<'_, '_>, node: u16, (from, to): (Nanos, Nanos)) -> Vec<String> {
    let Some(name) = scene.view.plan.nodes.get(usize::from(node)).map(|node| node.name.to_string()) else {
        return Vec::new();
    };
    let faults = scene.view.plan.faults.iter().zip(scene.faults);
    faults
        .filter(|(plan, did)| plan.on < to && plan.off > from && did.fired > 0 && did.nodes.contains(&name))
        .map(|(_, did)| format!("`{}` (fired {})", did.plugin, times(did.fired)))
        .collect()
}

pub(super) fn times(number: u64) -> String {
    match number {
        1 => "once".into(),
        2 => "twice".into(),
        _ => format!("{number} times"),
    }
}

/// What stands between clients and nodes.
pub(super) fn gateway(scene: &Scene<'_, '_>) -> &'static str {
    match scene.view.plan.target.entry {
        Entry::Router(_) => "the built-in router",
        Entry::Url(_) | Entry::Command(_) => "the gateway",
        Entry::Node(_) => "the node itself, with no gateway before it",
    }
}

/// The built-in router does not fail over, as the scenario wants it.
pub(super) fn naive(scene: &Scene<'_, '_>) -> bool {
    matches!(&scene.view.plan.target.entry, Entry::Router(policy) if !policy.failover)
}

/// How long after a death something was.
pub(super) fn after(episode: &Episode, at: Nanos) -> String {
    text::seconds(at - episode.down.from)
}

/// A part of a duration, to the millisecond.
pub(super) fn part(duration: Duration, of: u32) -> String {
    text::seconds(Duration::from_millis((duration / of).as_millis().try_into().unwrap_or(u64::MAX)))
}

/// `3 of 41 (7.3 %)`.
pub(super) fn of(part: u64, whole: u64) -> String {
    format!("{part} of {whole} ({})", text::percent(part as f64 / whole.max(1) as f64))
}
