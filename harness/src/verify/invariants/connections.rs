//! A gateway's connections to nodes are used again, or closed: their number follows that of its attempts.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use squall_report::Invariant;

use super::{Cases, not_checked, without_proxies};
use crate::clock::Nanos;
use crate::record::AttemptFact;
use crate::scenario::plan::Entry;
use crate::verify::text;
use crate::verify::view::View;

const NAME: &str = "connections to nodes are not leaked";

/// Connections for each attempt that a node ever had at once: a gateway of several processes keeps as many
/// for each of them as that one ever needed.
const TIMES: u32 = 3;
/// So many are a leak nowhere: checks of health, and connections made ahead.
const FLOOR: u32 = 16;

/// At no moment are many more connections to a node open than attempts ever were in flight there.
pub(super) fn used_again(view: &View<'_>) -> Invariant {
    if let Some(why) = without_proxies(view) {
        return not_checked(NAME, why);
    }
    if matches!(view.plan.target.entry, Entry::Node(_)) {
        return not_checked(NAME, "no gateway stands between: the connections are the load generator's own");
    }
    if view.facts.attempts.is_empty() {
        return not_checked(NAME, "no attempt reached a node");
    }
    let mut nodes: Vec<Most> = view.plan.nodes.iter().map(|_| Most::default()).collect();
    let mut cases = Cases::default();
    for attempt in view.attempts() {
        let Some(node) = nodes.get_mut(usize::from(attempt.node)) else { continue };
        node.begins(&attempt);
        let bound = node.at_once.saturating_mul(TIMES).saturating_add(FLOOR);
        if attempt.connections > bound {
            let at_once = text::count(u64::from(node.at_once), "attempt");
            cases.add(|| {
                format!(
                    "{} had {} connections open at {}, and never more than {at_once} at once",
                    view.node(attempt.node),
                    attempt.connections,
                    attempt.start
                )
            });
        }
    }
    cases.decide(NAME)
}

/// The most attempts that a node had at once so far.
#[derive(Default)]
struct Most {
    ends: BinaryHeap<Reverse<Nanos>>,
    at_once: u32,
}

impl Most {
    fn begins(&mut self, attempt: &AttemptFact) {
        while self.ends.peek().is_some_and(|Reverse(end)| *end < attempt.start) {
            self.ends.pop();
        }
        self.ends.push(Reverse(attempt.end));
        self.at_once = self.at_once.max(u32::try_from(self.ends.len()).unwrap_or(u32::MAX));
    }
}
