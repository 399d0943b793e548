//! Rules on invariants, by their names.

use squall_report::{Advice, CheckKind, Invariant, Verdict};

use super::evidence::{gateway, times};
use super::{Scene, Told};

type Rule = fn(&Scene<'_, '_>, &Invariant) -> Told;

/// By the words that an invariant begins with.
pub(super) const RULES: [(&str, Rule); 15] = [
    ("every arrival ends exactly once", arrivals),
    ("every attempt belongs to a request", strays),
    ("no success without a genuine final marker", invented),
    ("no duplicated or spliced content", mixed),
    ("attempts within the retry bound", retries),
    ("no attempts after the client left", after_the_client),
    ("a dead node gets only probes after detection", dead_node),
    ("no herd at failback", herd),
    ("the gateway's own retry headers equal the ledger", headers),
    ("the fault happened", fault),
    ("connections to nodes are not leaked", connections),
    ("nodes are asked for no model but those promised", models),
    ("a session stays on its node while that is well", sessions),
    ("no attempt before a node's Retry-After is over", waits),
    ("clients are told of the wait that nodes asked for", told),
];

pub(super) fn advise(scene: &Scene<'_, '_>, verdict: Verdict) -> Vec<Advice> {
    let found = scene.invariants.iter().filter(|invariant| invariant.verdict == verdict);
    found
        .map(|invariant| {
            let rule = RULES.iter().find(|(name, _)| invariant.name.starts_with(name));
            let told = rule.map(|(_, rule)| rule(scene, invariant)).unwrap_or_default();
            told.on(CheckKind::Invariant, &invariant.name, (verdict, seen(invariant)))
        })
        .collect()
}

fn seen(invariant: &Invariant) -> String {
    let example = invariant.examples.first().map_or("no case is known", String::as_str);
    match (invariant.verdict, invariant.violations) {
        (Verdict::Fail, 1) => format!("Broken once: {example}"),
        (Verdict::Fail, number) => format!("Broken {}, first: {example}", times(number)),
        _ => format!("Not decided: {example}"),
    }
}

fn arrivals(_: &Scene<'_, '_>, _: &Invariant) -> Told {
    Told::default()
        .means("Squall's own books do not balance: requests were lost or counted twice. That is a fault of the harness, not of the service.")
        .look("Whether the disk was full, or the process was stopped while the run ended.")
        .change("Do not use this run; run again, and report it as a bug if it happens again.")
}

fn strays(scene: &Scene<'_, '_>, invariant: &Invariant) -> Told {
    if invariant.verdict == Verdict::Fail {
        return Told::default()
            .means("Nodes were asked for something that no client asked for: someone else sends to them, or the gateway makes up requests.")
            .look("What else knows the addresses of the nodes' proxies.")
            .change("Keep other traffic off the nodes for the time of the run.");
    }
    Told::default()
        .means(format!(
            "Of some attempts it can't be told which request they serve: {} passes on neither the header \
             `x-squall-request`, nor the trace of `traceparent`, nor the last message as it was.",
            gateway(scene)
        ))
        .look("Whether the gateway rewrites or summarises messages, or asks nodes on its own account.")
        .change("Let it pass on `traceparent` to the nodes.")
}

fn invented(scene: &Scene<'_, '_>, _: &Invariant) -> Told {
    Told::default()
        .means(format!(
            "Answers broke off at their node, and {} made up the end that was missing: to clients half an \
             answer looks like a whole one.",
            gateway(scene)
        ))
        .look("How the gateway ends a stream whose node went away: look for a finish reason or `[DONE]` that it sends by itself.")
        .change("Pass on the end of a stream only when the node sent it; otherwise end with an error event or break the connection.")
}

fn mixed(_: &Scene<'_, '_>, _: &Invariant) -> Told {
    Told::default()
        .means("An answer was begun again, on another node or the same, and the new one was sent after the part of the first that the client had.")
        .look("Retries in the middle of a stream, and hedges whose answers are both passed on.")
        .change("Retry only until the first byte of an answer has gone out; of two answers pass on one, from its first byte to its last.")
}

fn retries(_: &Scene<'_, '_>, _: &Invariant) -> Told {
    Told::default()
        .means("Requests were tried more often than the gateway's own bound allows: when many fail at once, that multiplies the load on those that are left.")
        .look("Whether two places retry, such as a library below the gateway's own loop.")
        .change("Count attempts in one place, and give all requests together a budget of retries.")
}

fn after_the_client(_: &Scene<'_, '_>, _: &Invariant) -> Told {
    Told::default()
        .means("Nodes were given work for clients that had gone: it takes slots from those who still wait.")
        .look("Whether the gateway notices that a client closed its connection while it waits for a retry.")
        .change("Give up a request, its retries and its stream on the node, as soon as its client is gone.")
}

fn dead_node(scene: &Scene<'_, '_>, invariant: &Invariant) -> Told {
    if invariant.verdict == Verdict::Inconclusive {
        return Told::default()
            .means("It is not known when work to the dead node stopped, so it can't be told whether it began again.")
            .look("Detection, in the section on failover, says what was missing.")
            .change("Send more load while the node is down, or leave it down longer.");
    }
    Told::default()
        .means(format!(
            "{} knew that the node was dead, and sent work there again before it was up: a time-out of its \
             ejection ran out, or one of its workers did not know.",
            capital(gateway(scene))
        ))
        .look("Whether each worker or process of the gateway keeps its own list of dead nodes.")
        .change("Let a node return by single trials or health checks, not by time alone.")
}

fn herd(_: &Scene<'_, '_>, _: &Invariant) -> Told {
    Told::default()
        .means("As the node came back it got far more than its share at once: the least busy of all draws everything, with cold caches.")
        .look("The node's latency in the seconds after its return.")
        .change("Let a node that returns rise to its share over some seconds (slow start), and limit what it holds at once.")
}

fn headers(_: &Scene<'_, '_>, _: &Invariant) -> Told {
    Told::default()
        .means("The gateway tells clients of another number of attempts than its nodes saw: who reads its headers or metrics does not see the load that retries make.")
        .look("Whether retries inside a library are counted, and attempts that ended before they were answered.")
        .change("Count attempts where they are sent, or do not trust the header in alerts.")
}

fn fault(_: &Scene<'_, '_>, _: &Invariant) -> Told {
    Told::default()
        .means("The storm did not happen as planned, so this run says nothing of how the service bears it.")
        .look("The table of faults: what fired, what trapped, and whether load reached its nodes while it was on.")
        .change("Check the nodes, the share and the matching of the fault, and let it be on while there is load.")
}

fn connections(scene: &Scene<'_, '_>, _: &Invariant) -> Told {
    Told::default()
        .means(format!(
            "{} opens more connections to a node than it has work for, and leaves them open: in the end a limit on \
             files or sockets is reached, at either side.",
            capital(gateway(scene))
        ))
        .look("What happens to a connection whose request failed, was cancelled or timed out.")
        .change("Close or reuse a connection whatever became of its request, and limit how many there are to a node.")
}

fn models(scene: &Scene<'_, '_>, _: &Invariant) -> Told {
    Told::default()
        .means(format!(
            "{} asked nodes for another model than was promised: clients got answers of a model that they did not \
             ask for.",
            capital(gateway(scene))
        ))
        .look("Fallbacks that name another model, and when they take over.")
        .change("Tell clients of a fallback, or fail; or name the model in `promises.models` where it is as good.")
}

fn sessions(_: &Scene<'_, '_>, _: &Invariant) -> Told {
    Told::default()
        .means("Conversations moved to other nodes though theirs was well: the caches of their history are on the node that they left.")
        .look("What a session is told by (a header, a cookie, the prompt's beginning), and whether retries or a rebalance forget it.")
        .change("Choose the node by a consistent hash of the session, and move it only when its node is gone.")
}

fn waits(_: &Scene<'_, '_>, _: &Invariant) -> Told {
    Told::default()
        .means("A node asked to be left alone for a time, and was sent work before it was over: what is over its limit stays there.")
        .look("Whether the gateway reads `Retry-After` of its nodes, and whether all of its workers know of it.")
        .change("Leave a node out of the turn until its `Retry-After` is over; where none is left, pass it on to clients.")
}

fn told(scene: &Scene<'_, '_>, _: &Invariant) -> Told {
    Told::default()
        .means(format!(
            "Every node said when to come again, and {} kept that to itself: clients try again when they please, \
             all the sooner the less patient they are.",
            capital(gateway(scene))
        ))
        .look("Which headers of a node's error the gateway passes on, after its last retry as well.")
        .change("Answer with the shortest `Retry-After` of the nodes, or with the rest of a cooldown of the gateway's own.")
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
