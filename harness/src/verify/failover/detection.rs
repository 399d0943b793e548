//! Detection: from a node's death until no more work was sent to it.
//!
//! A dead node's port refuses, and what the kernel refuses no proxy sees. So there are three kinds of
//! evidence of work that was sent to a dead node:
//! - an attempt in the ledger that started on it after its death (on a connection that was kept);
//! - a request whose gateway says that it made more attempts than reached a node;
//! - a request that failed without any attempt, unless its gateway says that it made none.
//!
//! A request that another node served and whose gateway says nothing of its attempts is no evidence that none
//! was refused before; nor is anything that is said by a gateway which said less than the ledger has. Where too
//! little else is left, detection is not known.
//!
//! Of the last two it is not known when the attempt was made; the latest moment that the record allows
//! counts, so that an estimate never makes detection look faster. While two nodes are down, such a
//! request counts against both. Attempts that were under way when the node died were sent to a node
//! that lived.
//!
//! Single attempts are how a gateway finds out that a node is back. They stay within the allowance
//! when each comes [`TRIAL_EVERY`] after the one before, and no more often than one in
//! [`TRIAL_SHARE`] of what would be the node's fair share of the work.

use std::time::Duration;

use squall_report::Outcome;

use super::super::text;
use super::super::view::{Down, View, ok};
use super::Figure;
use crate::clock::Nanos;
use crate::record::RequestFact;
use crate::scenario::plan::Entry;
use crate::table::{Table, packed, sorted};

/// Trials of a dead node are at least this far apart.
const TRIAL_EVERY: Duration = Duration::from_secs(1);
/// Trials take at most one in this many of the attempts of a fair share.
const TRIAL_SHARE: f64 = 5.0;
/// That no work goes to the node is shown by work that went elsewhere: so much of it that a gateway
/// that still sent the node its share would have met it in 95 % of cases.
const RISK: f64 = 0.05;

/// Why detection is not known though enough was served elsewhere.
const UNSEEN: &str = "a dead node's port refuses, which no proxy sees, and the gateway does not say, or not truly, how \
                      often it tried (in `x-squall-attempts`, or in the headers that `promises.retries_in` names)";

/// Work that was sent to a dead node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::verify) struct Send {
    /// When, at the latest.
    pub(in crate::verify) at: Nanos,
    /// And at the earliest: a gateway may try for seconds before it asks another node.
    from: Nanos,
    /// The proxy saw it or the gateway says so; otherwise it follows from a failure.
    pub(in crate::verify) certain: bool,
}
packed!(Send { at, from, certain });

/// What is known of the work that was sent to a node while it was down.
pub(in crate::verify) struct Detection {
    pub(in crate::verify) figure: Figure,
    /// All of it, in order.
    pub(in crate::verify) sends: Table<Send>,
    /// Of it, what was certainly sent, above the allowance, after sending had stopped once.
    pub(in crate::verify) resumed: Table<Send>,
}

pub(super) fn of(view: &View<'_>, down: Down) -> Detection {
    let open = |at_least, why: String| Figure::Open { at_least, why };
    let name = view.node(down.node);
    let share_of = match &view.plan.target.entry {
        Entry::Node(only) if view.plan.nodes.get(usize::from(down.node)).is_none_or(|n| n.name != *only) => {
            let figure = open(Duration::ZERO, format!("the load goes straight to `{only}`, never to {name}"));
            return Detection { figure, sends: Table::default(), resumed: Table::default() };
        }
        Entry::Node(_) => 1,
        Entry::Router(_) | Entry::Url(_) | Entry::Command(_) => view.plan.nodes.len(),
    };
    let end = down.to.unwrap_or(view.until);
    let elsewhere = served_elsewhere(view, down, end);
    let apart = allowance(end - down.from, share_of, elsewhere.len());
    let sends = sends(view, down, end);
    let last = last_above(down.from, &sends, apart);
    let later = || elsewhere.iter().filter(|elsewhere| elsewhere.sent > last);
    let after = later().filter(|elsewhere| elsewhere.told).count() as u64;
    let needed = enough(share_of);
    let took = last - down.from;
    let figure = if let Some(why) = view.why_untold() {
        open(took, why)
    } else if after >= needed {
        Figure::Known(took)
    } else if later().count() as u64 >= needed {
        open(took, UNSEEN.into())
    } else {
        let then = if down.to.is_some() { "it was up again" } else { "the load ended" };
        let went = text::count(after, "request");
        let since = if sends.is_empty() { "" } else { "after the last of it " };
        let why = format!("{since}only {went} went elsewhere before {then}, and {needed} are needed to tell");
        open(took, why)
    };
    let resumed = resumed(view, down.from, &sends, apart);
    Detection { figure, sends, resumed }
}

/// A request that another node served while this one was down.
#[derive(Clone, Copy)]
struct Elsewhere {
    sent: Nanos,
    /// It is known that this one was not tried before: there is no gateway, or it says truly how often it tries.
    told: bool,
}
packed!(Elsewhere { sent, told });

fn served_elsewhere(view: &View<'_>, down: Down, end: Nanos) -> Table<Elsewhere> {
    let direct = matches!(view.plan.target.entry, Entry::Node(_));
    let served = view.judged_between(down.from, end);
    let served = served.filter(|request| ok(request) && request.node.is_some_and(|n| n != down.node));
    let told = |request: &RequestFact| direct || (view.truthful && request.claimed_attempts.is_some());
    let elsewhere = |request: RequestFact| Some(Elsewhere { sent: request.sent?, told: told(&request) });
    let served = served.filter_map(elsewhere);
    view.facts.scratch.table(served.filter(|served| served.sent > down.from && served.sent < end))
}

/// How far apart single attempts must be to be trials.
fn allowance(span: Duration, share_of: usize, served: usize) -> Duration {
    // Without work elsewhere there is no rate to compare with: no attempt is a trial.
    let fair = span.as_secs_f64() * share_of as f64 / (served as f64).max(f64::MIN_POSITIVE);
    Duration::try_from_secs_f64(fair * TRIAL_SHARE).unwrap_or(Duration::MAX).max(TRIAL_EVERY)
}

/// The smallest number of attempts that would have met one node of `share_of` in 95 % of cases.
fn enough(share_of: usize) -> u64 {
    if share_of <= 1 {
        return 1;
    }
    (RISK.ln() / (1.0 - 1.0 / share_of as f64).ln()).ceil() as u64
}

fn sends(view: &View<'_>, down: Down, end: Nanos) -> Table<Send> {
    let attempts = view.work_between(down.from, end);
    let attempts = attempts.filter(|attempt| attempt.node == down.node && attempt.start > down.from);
    let seen = attempts.map(|attempt| Send { at: attempt.start, from: attempt.start, certain: true });
    let unseen = view.judged_between(down.from, end);
    let unseen = unseen.filter_map(|request| refused(view, &request, down.from, end));
    sorted(&view.facts.scratch, seen.chain(unseen), |send| send.at)
}

/// The attempt that this request shows to have been refused between `from` and `end`, if it does.
fn refused(view: &View<'_>, request: &RequestFact, from: Nanos, end: Nanos) -> Option<Send> {
    let sent = request.sent.filter(|_| request.outcome != Outcome::Shed)?;
    let answered = request.first_byte.unwrap_or(request.end);
    if sent >= end || answered <= from {
        return None;
    }
    let at = match (request.attempts, request.claimed_attempts) {
        (0, Some(0)) => return None,
        (0, _) if ok(request) => return None,
        (0, _) => answered,
        (seen, Some(claimed)) if claimed > seen => {
            // What answered came last: the refused attempt was made before it.
            if ok(request) { view.attempts_of(request.id).last_start.min(answered) } else { answered }
        }
        _ => return None,
    };
    let at = at.max(from).min(end);
    Some(Send { at, from: sent.max(from).min(at), certain: request.claimed_attempts.is_some() })
}

/// The last work that was more than trials; the death itself when there was none.
fn last_above(death: Nanos, sends: &Table<Send>, apart: Duration) -> Nanos {
    let mut last = death;
    let mut before = death;
    for send in sends {
        if send.at - before < apart {
            last = send.at;
        }
        before = send.at;
    }
    last
}

fn resumed(view: &View<'_>, death: Nanos, sends: &Table<Send>, apart: Duration) -> Table<Send> {
    let mut resumed = Table::new(&view.facts.scratch);
    let mut before = death;
    let mut stopped = false;
    for send in sends.iter().filter(|send| send.certain) {
        // It had stopped only if not even the earliest moment fills the gap.
        if send.from - before >= apart {
            stopped = true;
        } else if stopped {
            resumed.push(send);
        }
        before = send.at;
    }
    resumed
}
