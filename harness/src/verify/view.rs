//! The ledgers of a run, indexed for the questions of a verdict.
//!
//! Nothing is assumed of them: ids may repeat, times may run backwards, names may be unknown. What
//! makes no sense becomes a violation of an invariant, never a panic.

use std::collections::HashMap;

use squall_report::{Correlation, Outcome};

use super::timetable::Timetable;
use crate::clock::Nanos;
use crate::correlation::KnownBy;
use crate::fault::NodeState;
use crate::name::{NodeName, RequestId};
use crate::record::{AttemptEnd, AttemptFact, Facts, RequestFact};
use crate::scenario::plan::Plan;

/// A run's plan and facts.
pub(super) struct View<'a> {
    pub(super) plan: &'a Plan,
    pub(super) facts: &'a Facts,
    /// Arrivals were watched until then: the plan's end, or the run's where that came first.
    pub(super) until: Nanos,
    /// Attempts at work, by their start.
    pub(super) work: Vec<&'a AttemptFact>,
    /// Of these, those of which it can't be told which request they serve. Not counted are those from before the
    /// load (a gateway that tries its nodes as it starts) and those that a fault ended before they said what
    /// they were for.
    pub(super) untold: Vec<&'a AttemptFact>,
    /// Every time that a node was down, by its beginning.
    pub(super) downs: Vec<Down>,
    /// The storm's timetable.
    pub(super) timetable: Timetable,
    requests: HashMap<RequestId, &'a RequestFact>,
    attempts: HashMap<RequestId, Attempts>,
    /// The states of each node, in order.
    states: Vec<Vec<(Nanos, NodeState)>>,
}

/// From a node's death until it was up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Down {
    /// By its place in the plan.
    pub(super) node: u16,
    /// When it died.
    pub(super) from: Nanos,
    /// When it was up again, if it was.
    pub(super) to: Option<Nanos>,
    /// When it died the next time.
    pub(super) again: Option<Nanos>,
}

/// What the proxies saw of a request, after its end included.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Attempts {
    pub(super) count: u32,
    pub(super) last_start: Nanos,
}

impl<'a> View<'a> {
    pub(super) fn new(plan: &'a Plan, facts: &'a Facts, duration: Nanos) -> Self {
        let mut work: Vec<&AttemptFact> = facts.attempts.iter().filter(|attempt| !attempt.probe).collect();
        work.sort_by_key(|attempt| attempt.start);
        let mut attempts: HashMap<RequestId, Attempts> = HashMap::new();
        for attempt in &work {
            if let Some(request) = attempt.request {
                let seen = attempts.entry(request).or_default();
                seen.count += 1;
                seen.last_start = attempt.start;
            }
        }
        let states = states(plan, facts);
        let mut downs: Vec<Down> =
            (0_u16..).zip(&states).flat_map(|(node, states)| downs(node, states)).collect();
        downs.sort_by_key(|down| down.from);
        let until = plan.end().min(duration);
        Self {
            plan,
            facts,
            until,
            untold: work.iter().copied().filter(|attempt| is_untold(attempt)).collect(),
            work,
            timetable: Timetable::new(plan, &downs, until),
            downs,
            requests: facts.requests.iter().map(|request| (request.id, request)).collect(),
            attempts,
            states,
        }
    }

    /// The request with this id.
    pub(super) fn request(&self, id: RequestId) -> Option<&'a RequestFact> {
        self.requests.get(&id).copied()
    }

    /// Attempts at work for this request.
    pub(super) fn attempts_of(&self, id: RequestId) -> Attempts {
        self.attempts.get(&id).copied().unwrap_or_default()
    }

    /// By what attempts are known to serve their requests.
    pub(super) fn correlation(&self) -> Correlation {
        let by = |known| self.work.iter().filter(|attempt| attempt.known_by == Some(known)).count() as u64;
        Correlation {
            by_header: by(KnownBy::Header),
            by_message: by(KnownBy::Message),
            by_trace: by(KnownBy::Trace),
            untold: self.untold.len() as u64,
        }
    }

    /// Why nothing that needs each attempt's request can be known to hold; none where all are told.
    pub(super) fn why_untold(&self) -> Option<String> {
        let number = self.untold.len() as u64;
        let attempts = super::text::count(number, "attempt");
        (number > 0).then(|| format!("of {attempts} it can't be told which request they serve"))
    }

    /// A node's name, in quotes as in the scenario's messages.
    pub(super) fn node(&self, node: u16) -> String {
        match self.plan.nodes.get(usize::from(node)) {
            Some(node) => format!("`{}`", node.name),
            None => format!("no. {node}, which the plan does not have"),
        }
    }

    /// The node of a request is the one of this name.
    pub(super) fn is_node(&self, node: Option<u16>, name: &NodeName) -> bool {
        node.and_then(|node| self.plan.nodes.get(usize::from(node))).is_some_and(|node| node.name == *name)
    }

    /// The model that a request's answer named; the one that was asked for, where it named none.
    pub(super) fn model(&self, request: &RequestFact) -> &'a String {
        let named = request.model.and_then(|model| self.facts.models.get(usize::from(model)));
        named.unwrap_or(&self.plan.target.model)
    }

    /// A node's state at a moment; up before anything is known of it.
    pub(super) fn state(&self, node: u16, at: Nanos) -> NodeState {
        let states = self.states.get(usize::from(node)).map_or(&[][..], Vec::as_slice);
        states.iter().take_while(|(from, _)| *from <= at).last().map_or(NodeState::Up, |(_, state)| *state)
    }

    /// A node was up from one moment to another, all the time.
    pub(super) fn up_throughout(&self, node: u16, from: Nanos, to: Nanos) -> bool {
        let states = self.states.get(usize::from(node)).map_or(&[][..], Vec::as_slice);
        let changed = states.iter().any(|(at, _)| *at > from && *at <= to);
        !changed && self.state(node, from) == NodeState::Up
    }

    /// How many nodes were up at a moment.
    pub(super) fn up(&self, at: Nanos) -> usize {
        (0_u16..).zip(&self.states).filter(|(node, _)| self.state(*node, at) == NodeState::Up).count()
    }

    /// Requests that say something of the service: the run's end cut the others off.
    pub(super) fn judged(&self) -> impl Iterator<Item = &'a RequestFact> {
        self.facts.requests.iter().filter(|request| request.outcome != Outcome::Aborted)
    }

    /// Attempts at work that started at or after `from` and before `to`, by their start.
    pub(super) fn work_between(&self, from: Nanos, to: Nanos) -> &[&'a AttemptFact] {
        let first = self.work.partition_point(|attempt| attempt.start < from);
        let last = self.work.partition_point(|attempt| attempt.start < to);
        self.work.get(first..last).unwrap_or_default()
    }
}

fn is_untold(attempt: &AttemptFact) -> bool {
    attempt.request.is_none() && attempt.start > Nanos::ZERO && attempt.how != AttemptEnd::Injected
}

/// A request succeeded.
pub(super) fn ok(request: &RequestFact) -> bool {
    request.outcome == Outcome::Ok
}

fn states(plan: &Plan, facts: &Facts) -> Vec<Vec<(Nanos, NodeState)>> {
    let mut states = vec![Vec::new(); plan.nodes.len()];
    let places: HashMap<_, _> = plan.nodes.iter().zip(0..).map(|(node, place)| (&node.name, place)).collect();
    for event in &facts.node_events {
        if let Some(states) = places.get(&event.node).and_then(|place: &usize| states.get_mut(*place)) {
            states.push((event.at_ns, event.state));
        }
    }
    for states in &mut states {
        states.sort_by_key(|(at, _)| *at);
    }
    states
}

/// The deaths in a node's states. A restart that fails (starting, then down) goes on with the same one.
fn downs(node: u16, states: &[(Nanos, NodeState)]) -> Vec<Down> {
    let mut downs: Vec<Down> = Vec::new();
    for (at, state) in states {
        let open = downs.last_mut().filter(|down| down.to.is_none());
        match (state, open) {
            (NodeState::Up, Some(open)) => open.to = Some(*at),
            (NodeState::Down, None) => {
                if let Some(before) = downs.last_mut() {
                    before.again = Some(*at);
                }
                downs.push(Down { node, from: *at, to: None, again: None });
            }
            _ => {}
        }
    }
    downs
}
