//! A node that says when to come again is to be left alone until then.

use std::collections::HashMap;
use std::time::Duration;

use squall_report::Invariant;

use super::{Cases, not_checked, without_proxies};
use crate::clock::Nanos;
use crate::name::RequestId;
use crate::record::AttemptFact;
use crate::scenario::plan::Entry;
use crate::table::{packed, sorted};
use crate::verify::text;
use crate::verify::view::View;

const NAME: &str = "no attempt before a node's Retry-After is over";

/// What was sent before the answer could be read was on its way; and clocks round.
const SLACK: Duration = Duration::from_millis(100);
/// Fewer waits are not looked through.
const LEAST_MANY: usize = 4_096;

/// An answer with `Retry-After` is about its own request: sent to that node again before then, it breaks the
/// rule whatever the gateway promises. That the node is spared everybody's requests is what a gateway may
/// promise: a limit may be one of the request's model or its key.
pub(super) fn kept(view: &View<'_>) -> Invariant {
    if let Some(why) = without_proxies(view) {
        return not_checked(NAME, why);
    }
    if matches!(view.plan.target.entry, Entry::Node(_)) {
        return not_checked(NAME, "no gateway stands between: clients wait as the scenario says");
    }
    let answers = view.work().filter_map(|attempt| Answer::of(&attempt));
    let answers = sorted(&view.facts.scratch, answers, |answer| answer.at);
    if answers.is_empty() {
        return not_checked(NAME, "no node asked for a wait");
    }
    let mut answers = answers.iter().peekable();
    let whole_node = view.plan.target.promises.retry_after;
    let mut waits = Waits::default();
    let mut cases = Cases::default();
    for attempt in view.work() {
        while let Some(by) = answers.next_if(|answer| answer.at + SLACK <= attempt.start) {
            // What a client sends again is a request of its own to a gateway.
            let sent_once = by.request.and_then(|id| view.request(id)).is_some_and(|of| of.sends <= 1);
            let own = by.request.filter(|_| sent_once).map(Some);
            for of in own.into_iter().chain(whole_node.then_some(None)) {
                waits.add((by.node, of), Wait { at: by.at, asked: by.asked }, attempt.start);
            }
        }
        let all = waits.of.get(&(attempt.node, None));
        let own = attempt.request.and_then(|request| waits.of.get(&(attempt.node, Some(request))));
        if let Some(wait) = all.into_iter().chain(own).find(|wait| attempt.start + SLACK < wait.until()) {
            cases.add(|| {
                let (node, asked) = (view.node(attempt.node), text::seconds(wait.asked));
                let after = text::seconds(attempt.start - wait.at);
                let what = attempt.request.map_or("work".into(), |request| format!("request {request}"));
                format!("{node} asked for a wait of {asked}, and was sent {what} {after} later")
            });
        }
    }
    cases.decide_of_all(NAME, view)
}

/// An attempt was answered with a wait.
#[derive(Clone, Copy)]
struct Answer {
    at: Nanos,
    asked: Duration,
    node: u16,
    request: Option<RequestId>,
}
packed!(Answer { at, asked, node, request });

impl Answer {
    fn of(attempt: &AttemptFact) -> Option<Self> {
        let &AttemptFact { end: at, node, request, .. } = attempt;
        Some(Self { at, asked: attempt.retry_after?, node, request })
    }
}

/// What is to be left alone: nodes for everybody, or for a request.
#[derive(Default)]
struct Waits {
    of: HashMap<(u16, Option<RequestId>), Wait>,
    /// As many are looked through for those that are over.
    many: usize,
}

impl Waits {
    /// Adds one, or makes one longer. What is over `now` is for nobody to look at any more, and is forgotten from time
    /// to time, so that a service which always refuses some takes no memory for all that it ever refused.
    fn add(&mut self, whose: (u16, Option<RequestId>), wait: Wait, now: Nanos) {
        let known = self.of.entry(whose).or_insert(wait);
        if wait.until() > known.until() {
            *known = wait;
        }
        if self.of.len() > self.many {
            self.of.retain(|_, wait| now + SLACK < wait.until());
            self.many = (2 * self.of.len()).max(LEAST_MANY);
        }
    }
}

/// A node was to be left alone.
#[derive(Clone, Copy)]
struct Wait {
    at: Nanos,
    asked: Duration,
}

impl Wait {
    fn until(self) -> Nanos {
        self.at + self.asked
    }
}
