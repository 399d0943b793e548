//! The ledgers of a run, indexed for the questions of a verdict.
//!
//! Nothing is assumed of them: ids may repeat, times may run backwards, names may be unknown. What
//! makes no sense becomes a violation of an invariant, never a panic. Nor is anything assumed of their length:
//! what there is one of for each request or attempt is in tables, and looked up by indices, that are not all in
//! memory.

use std::collections::HashMap;
use std::time::Duration;

use squall_report::{Correlation, Outcome};

use super::pieces::Pieces;
use super::timetable::Timetable;
use crate::clock::Nanos;
use crate::correlation::KnownBy;
use crate::fault::NodeState;
use crate::name::{NodeName, RequestId};
use crate::record::{AttemptEnd, AttemptFact, Facts, RequestFact};
use crate::scenario::plan::Plan;
use crate::table::{Index, Rows, Table, packed, sorted};

/// A run's plan and facts.
pub(super) struct View<'a> {
    pub(super) plan: &'a Plan,
    pub(super) facts: &'a Facts,
    /// Arrivals were watched until then: the plan's end, or the run's where that came first.
    pub(super) until: Nanos,
    /// Every time that a node was down, by its beginning.
    pub(super) downs: Vec<Down>,
    /// The storm's timetable.
    pub(super) timetable: Timetable,
    /// All attempts, by their start.
    attempts: Table<AttemptFact>,
    /// How many of them are at work, and what is known of these.
    work: Work,
    requests: Index<Place>,
    pieces: Pieces,
    /// No answer claims fewer attempts than were seen: what the gateway says of them can be believed.
    pub(super) truthful: bool,
    /// Attempts at work of which the request is known.
    made: Index<Made>,
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

/// Attempts at work, counted.
#[derive(Clone, Copy, Debug, Default)]
struct Work {
    all: u64,
    /// Of which it can't be told which request they serve.
    untold: u64,
    by_header: u64,
    by_message: u64,
    by_trace: u64,
}

impl Work {
    fn and(self, attempt: &AttemptFact) -> Self {
        let by = |known| u64::from(attempt.known_by == Some(known));
        Self {
            all: self.all + 1,
            untold: self.untold + u64::from(is_untold(attempt)),
            by_header: self.by_header + by(KnownBy::Header),
            by_message: self.by_message + by(KnownBy::Message),
            by_trace: self.by_trace + by(KnownBy::Trace),
        }
    }
}

/// Where a request is in the ledger.
#[derive(Clone, Copy)]
struct Place {
    request: RequestId,
    place: u64,
}
packed!(Place { request, place });

/// What is asked of the attempts of a request.
#[derive(Clone, Copy)]
pub(super) struct Made {
    request: RequestId,
    start: Nanos,
    pub(super) retry_after: Option<Duration>,
}
packed!(Made { request, start, retry_after });

/// What the proxies saw of a request, after its end included.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Attempts {
    pub(super) count: u32,
    pub(super) last_start: Nanos,
}

impl<'a> View<'a> {
    pub(super) fn new(plan: &'a Plan, facts: &'a Facts, duration: Nanos) -> Self {
        let scratch = &facts.scratch;
        let attempts = sorted(scratch, &facts.attempts, |attempt| attempt.start);
        let at_work = || attempts.iter().filter(|attempt| !attempt.probe);
        let work = at_work().fold(Work::default(), |sum, attempt| sum.and(&attempt));
        let made = at_work().filter_map(|attempt| {
            Some(Made { request: attempt.request?, start: attempt.start, retry_after: attempt.retry_after })
        });
        let made = Index::new(scratch, made, |made| made.request.0);
        // One pass for what each request adds to all of these.
        let (mut pieces, mut truthful) = (Pieces::default(), true);
        // Only attempts ask for the request that they serve: a million requests without any need no index.
        let asked = !attempts.is_empty();
        let places = facts.requests.iter().enumerate().filter_map(|(place, request)| {
            pieces.add(place, &request);
            truthful &= !is_untrue(&request);
            asked.then_some(Place { request: request.id, place: place as u64 })
        });
        let requests = Index::new(scratch, places, |place| place.request.0);
        let states = states(plan, facts);
        let mut downs: Vec<Down> =
            (0_u16..).zip(&states).flat_map(|(node, states)| downs(node, states)).collect();
        downs.sort_by_key(|down| down.from);
        let until = plan.end().min(duration);
        Self {
            plan,
            facts,
            until,
            timetable: Timetable::new(plan, &downs, until),
            downs,
            attempts,
            work,
            requests,
            pieces,
            truthful,
            made,
            states,
        }
    }

    /// The request with this id; of several the last.
    pub(super) fn request(&self, id: RequestId) -> Option<RequestFact> {
        let place = self.requests.last(id.0)?.place;
        self.facts.requests.get(usize::try_from(place).ok()?)
    }

    /// There is a request with this id.
    pub(super) fn has_request(&self, id: RequestId) -> bool {
        !self.requests.places(id.0).is_empty()
    }

    /// Attempts at work for this request.
    pub(super) fn attempts_of(&self, id: RequestId) -> Attempts {
        let places = self.made.places(id.0);
        let last = places.end.checked_sub(1).filter(|last| places.contains(last));
        let last_start = last.and_then(|last| self.made.get(last)).map_or(Nanos::ZERO, |last| last.start);
        Attempts { count: u32::try_from(places.len()).unwrap_or(u32::MAX), last_start }
    }

    /// Attempts at work for this request, by their start.
    pub(super) fn made_for(&self, id: RequestId) -> impl ExactSizeIterator<Item = Option<Made>> {
        self.made.places(id.0).map(|place| self.made.get(place))
    }

    /// All attempts, those that are no work too, by their start.
    pub(super) fn attempts(&self) -> Rows<'_, AttemptFact> {
        self.attempts.iter()
    }

    /// Attempts at work, by their start.
    pub(super) fn work(&self) -> impl Iterator<Item = AttemptFact> {
        self.attempts.iter().filter(|attempt| !attempt.probe)
    }

    /// No attempt at work reached a node.
    pub(super) fn no_work(&self) -> bool {
        self.work.all == 0
    }

    /// Attempts at work of which it can't be told which request they serve. Not counted are those from before the
    /// load (a gateway that tries its nodes as it starts) and those that a fault ended before they said what
    /// they were for.
    pub(super) fn untold(&self) -> impl Iterator<Item = AttemptFact> {
        let all = if self.work.untold == 0 { 0 } else { self.attempts.len() };
        self.attempts.rows(0..all).filter(|attempt| !attempt.probe && is_untold(attempt))
    }

    /// There are such attempts.
    pub(super) fn any_untold(&self) -> bool {
        self.work.untold > 0
    }

    /// By what attempts are known to serve their requests.
    pub(super) fn correlation(&self) -> Correlation {
        let Work { untold, by_header, by_message, by_trace, .. } = self.work;
        Correlation { by_header, by_message, by_trace, untold }
    }

    /// Why nothing that needs each attempt's request can be known to hold; none where all are told.
    pub(super) fn why_untold(&self) -> Option<String> {
        let number = self.work.untold;
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
    pub(super) fn judged(&self) -> impl Iterator<Item = RequestFact> {
        self.facts.requests.iter().filter(|request| request.outcome != Outcome::Aborted)
    }

    /// Those of them that have a moment (intended, sent, first byte, end) from `from` to `to`; and others.
    pub(super) fn judged_between(&self, from: Nanos, to: Nanos) -> impl Iterator<Item = RequestFact> {
        let between = self.pieces.between(&self.facts.requests, from, to);
        between.filter(|request| request.outcome != Outcome::Aborted)
    }

    /// Attempts at work that started at or after `from` and before `to`, by their start.
    pub(super) fn work_between(&self, from: Nanos, to: Nanos) -> impl Iterator<Item = AttemptFact> {
        let first = self.attempts.partition_point(|attempt| attempt.start < from);
        let last = self.attempts.partition_point(|attempt| attempt.start < to);
        self.attempts.rows(first..last).filter(|attempt| !attempt.probe)
    }
}

fn is_untold(attempt: &AttemptFact) -> bool {
    attempt.request.is_none() && attempt.start > Nanos::ZERO && attempt.how != AttemptEnd::Injected
}

/// The gateway says that it tried less often than was seen, where that was for one send.
fn is_untrue(request: &RequestFact) -> bool {
    let claimed =
        request.claimed_attempts.filter(|_| request.outcome != Outcome::Aborted && request.sends <= 1);
    claimed.is_some_and(|claimed| claimed < request.attempts)
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
