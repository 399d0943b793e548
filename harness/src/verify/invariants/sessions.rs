//! A session that a gateway promises to keep on its node stays there, as long as the node is well.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use squall_report::Invariant;

use super::{Cases, not_checked, without_proxies};
use crate::clock::Nanos;
use crate::name::RequestId;
use crate::record::{AttemptEnd, AttemptFact, RequestFact};
use crate::table::{Index, Table, packed, sorted};
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
    let turns = view.judged().filter(|request| request.sub_request.is_none());
    let turns = turns.filter_map(|request| Turn::of(&request));
    let turns = sorted(&view.facts.scratch, turns, |turn| (turn.session, turn.number));
    let troubles = Troubles::of(view);
    let mut cases = Cases::default();
    let mut seen = false;
    let mut had_to_leave = HashSet::new();
    for (before, after) in turns.iter().zip(turns.iter().skip(1)) {
        if before.session != after.session {
            had_to_leave.clear();
            continue;
        }
        let (from, to) = (before.node, after.node);
        seen = true;
        if from == to || had_to_leave.contains(&to) {
            continue;
        }
        if view.up_throughout(from, before.sent, after.end) && !troubles.within(from, before.sent, after.end)
        {
            cases.add(|| {
                let (from, to) = (view.node(from), view.node(to));
                format!(
                    "session {} went from {from} to {to} with request {}, though {from} was well",
                    after.session, after.id
                )
            });
        } else {
            had_to_leave.insert(from);
        }
    }
    if seen || view.any_untold() {
        cases.decide_of_all(NAME, view)
    } else {
        not_checked(NAME, "no session was answered twice")
    }
}

/// A turn of a session that a node answered.
#[derive(Clone, Copy)]
struct Turn {
    session: u64,
    number: Option<u32>,
    id: RequestId,
    node: u16,
    sent: Nanos,
    end: Nanos,
}
packed!(Turn { session, number, id, node, sent, end });

impl Turn {
    fn of(request: &RequestFact) -> Option<Self> {
        let &RequestFact { id, turn: number, end, .. } = request;
        let sent = request.sent.unwrap_or(request.intended);
        Some(Self { session: request.session?, number, id, node: request.node?, sent, end })
    }
}

/// When attempts on each node failed.
struct Troubles(HashMap<u16, Index<Nanos>>);

impl Troubles {
    fn of(view: &View<'_>) -> Self {
        let failed = |attempt: &AttemptFact| {
            match attempt.how {
                AttemptEnd::Complete => attempt.status.is_some_and(|status| status == 429 || status >= 500),
                // The other side gave up: on an answer that did not come, perhaps.
                AttemptEnd::ClientLeft
                | AttemptEnd::Cut
                | AttemptEnd::Reset
                | AttemptEnd::Unreachable
                | AttemptEnd::Injected => true,
                AttemptEnd::Aborted => false,
            }
        };
        let mut of: HashMap<u16, Table<Nanos>> = HashMap::new();
        for attempt in view.attempts().filter(failed) {
            of.entry(attempt.node).or_insert_with(|| Table::new(&view.facts.scratch)).push(attempt.end);
        }
        let index = |ends: &Table<Nanos>| Index::new(&view.facts.scratch, ends, |end| end.0);
        Self(of.iter().map(|(node, ends)| (*node, index(ends))).collect())
    }

    /// Some attempt failed from `from` to `to`, or so shortly before that it is still held against the node.
    fn within(&self, node: u16, from: Nanos, to: Nanos) -> bool {
        let Some(troubles) = self.0.get(&node) else { return false };
        let first = troubles.first_from(from.0.saturating_sub(Nanos::from(SPARED_FOR).0));
        troubles.get(first).is_some_and(|at| at <= to)
    }
}
