//! What attempts must be: for a request, few, and before its end.

use std::time::Duration;

use squall_report::Invariant;

use super::{Cases, not_checked, without_proxies};
use crate::fleet::router::Tuning;
use crate::scenario::plan::Entry;
use crate::verify::text;
use crate::verify::view::View;

const BELONG: &str = "every attempt belongs to a request";
const BOUND: &str = "attempts within the retry bound";
const AFTER: &str = "no attempts after the client left";

/// An attempt may be on its way to the node when the client leaves.
const ON_ITS_WAY: Duration = Duration::from_millis(100);

/// An attempt whose request is in no ledger breaks it. One of which the request can't be told leaves it
/// open: whatever joins both sides does not see it.
pub(super) fn belong(view: &View<'_>) -> Invariant {
    if let Some(why) = without_proxies(view) {
        return not_checked(BELONG, why);
    }
    let (mut strays, mut unknown) = (Cases::default(), Cases::default());
    for attempt in view.work() {
        if let Some(request) = attempt.request.filter(|id| !view.has_request(*id)) {
            let node = view.node(attempt.node);
            strays.add(|| format!("attempt {} on {node}: there is no request {request}", attempt.id));
        }
    }
    for attempt in view.untold() {
        unknown.add(|| {
            format!(
                "attempt {} on {} at {}: it can't be told for which request; is the message passed on as it was?",
                attempt.id,
                view.node(attempt.node),
                attempt.start
            )
        });
    }
    if view.no_work() {
        not_checked(BELONG, "no attempt reached a node")
    } else if strays.count > 0 {
        strays.decide(BELONG)
    } else {
        unknown.doubt(BELONG)
    }
}

/// The bound of what is known: the built-in router's own, one without any gateway, and what the scenario
/// says that a gateway promises. The mean may be bounded by `amplification`.
pub(super) fn within_retry_bound(view: &View<'_>) -> Invariant {
    if let Some(why) = without_proxies(view) {
        return not_checked(BOUND, why);
    }
    let attempts = || {
        view.facts
            .requests
            .iter()
            .map(|request| (request.id, view.attempts_of(request.id).count, request.sends.max(1)))
    };
    let bound = match &view.plan.target.entry {
        Entry::Router(policy) if policy.failover => Tuning::default().retries + 1,
        Entry::Router(_) | Entry::Node(_) => 1,
        Entry::Url(_) | Entry::Command(_) => {
            let Some(promised) = view.plan.target.promises.attempts else {
                let most = attempts().map(|(_, count, _)| count).max().unwrap_or_default();
                let most = text::count(u64::from(most), "attempt");
                let why = format!("the gateway promises no bound (`promises.attempts`); the most was {most}");
                return not_checked(BOUND, why);
            };
            promised
        }
    };
    if view.no_work() {
        return not_checked(BOUND, "no attempt reached a node");
    }
    let mut cases = Cases::default();
    for (id, count, sends) in attempts() {
        // What a client sends again is a request of its own to a gateway.
        if count > bound.saturating_mul(sends) {
            cases.add(|| match sends {
                1 => format!("request {id} had {count} attempts, more than {bound}"),
                _ => {
                    format!("request {id}, sent {sends} times, had {count} attempts, more than {bound} each")
                }
            });
        }
    }
    cases.decide_of_all(BOUND, view)
}

/// No attempt begins for a client that has its end already.
pub(super) fn none_after_the_client_left(view: &View<'_>) -> Invariant {
    if let Some(why) = without_proxies(view) {
        return not_checked(AFTER, why);
    }
    if view.no_work() {
        return not_checked(AFTER, "no attempt reached a node");
    }
    let mut cases = Cases::default();
    for attempt in view.work().filter(|attempt| attempt.after_end) {
        let Some(request) = attempt.request.and_then(|id| view.request(id)) else { continue };
        let late = attempt.start - request.end;
        if late > ON_ITS_WAY {
            cases.add(|| {
                format!(
                    "request {}: an attempt on {} came {} after its end ({})",
                    request.id,
                    view.node(attempt.node),
                    text::seconds(late),
                    text::outcome(request.outcome, request.status)
                )
            });
        }
    }
    cases.decide_of_all(AFTER, view)
}
