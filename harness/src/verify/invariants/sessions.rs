//! A session that a gateway promises to keep on its node stays there, as long as the node is well.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use squall_report::Invariant;

use super::{Cases, not_checked, without_proxies};
use crate::clock::Nanos;
use crate::record::{AttemptEnd, RequestFact};
use crate::verify::view::View;

const NAME: &str = "a session stays on its node while that is well";

/// For so long a gateway may spare a node that failed an attempt.
const SPARED_FOR: Duration = Duration::from_secs(30);

/// Turn by turn: the next is served where the one before it was, unless that node was not up all the time
/// between, or failed some attempt lately. A session that had to leave its node may come back to it.
pub(super) fn stay(view: &View<'_>) -> Invariant {
    if let Some(why) = without_proxies(view) {
        return not_checked(NAME, why);
    }
    if !view.plan.target.promises.sticky {
        return not_checked(NAME, "the scenario does not ask for it (`promises.sticky`)");
    }
    let mut sessions: HashMap<u64, Vec<&RequestFact>> = HashMap::new();
    for request in view.judged().filter(|request| request.sub_request.is_none() && request.node.is_some()) {
        if let Some(session) = request.session {
            sessions.entry(session).or_default().push(request);
        }
    }
    let troubles = Troubles::of(view);
    let mut cases = Cases::default();
    let mut seen = false;
    let mut sessions: Vec<_> = sessions.into_iter().collect();
    sessions.sort_unstable_by_key(|(session, _)| *session);
    for (session, mut turns) in sessions {
        turns.sort_by_key(|request| request.turn);
        let mut had_to_leave = HashSet::new();
        for pair in turns.windows(2) {
            let [before, after] = pair else { continue };
            let (Some(from), Some(to)) = (before.node, after.node) else { continue };
            seen = true;
            if from == to || had_to_leave.contains(&to) {
                continue;
            }
            let since = before.sent.unwrap_or(before.intended);
            if view.up_throughout(from, since, after.end) && !troubles.within(from, since, after.end) {
                cases.add(|| {
                    let (from, to) = (view.node(from), view.node(to));
                    format!(
                        "session {session} went from {from} to {to} with request {}, though {from} was well",
                        after.id
                    )
                });
            } else {
                had_to_leave.insert(from);
            }
        }
    }
    if seen || !view.untold.is_empty() {
        cases.decide_of_all(NAME, view)
    } else {
        not_checked(NAME, "no session was answered twice")
    }
}

/// When attempts on each node failed.
struct Troubles(HashMap<u16, Vec<Nanos>>);

impl Troubles {
    fn of(view: &View<'_>) -> Self {
        let mut of: HashMap<u16, Vec<Nanos>> = HashMap::new();
        for attempt in &view.facts.attempts {
            let failed = match attempt.how {
                AttemptEnd::Complete => attempt.status.is_some_and(|status| status == 429 || status >= 500),
                // The other side gave up: on an answer that did not come, perhaps.
                AttemptEnd::ClientLeft
                | AttemptEnd::Cut
                | AttemptEnd::Reset
                | AttemptEnd::Unreachable
                | AttemptEnd::Injected => true,
                AttemptEnd::Aborted => false,
            };
            if failed {
                of.entry(attempt.node).or_default().push(attempt.end);
            }
        }
        for troubles in of.values_mut() {
            troubles.sort_unstable();
        }
        Self(of)
    }

    /// Some attempt failed from `from` to `to`, or so shortly before that it is still held against the node.
    fn within(&self, node: u16, from: Nanos, to: Nanos) -> bool {
        let troubles = self.0.get(&node).map_or(&[][..], Vec::as_slice);
        let first = troubles.partition_point(|at| *at + SPARED_FOR < from);
        troubles.get(first).is_some_and(|at| *at <= to)
    }
}
