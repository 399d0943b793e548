//! Rules on invariants, by their names.

use squall_report::{Advice, CheckKind, Invariant, Verdict};

use super::evidence::{gateway, times};
use super::{Scene, Told};

type Rule = fn(&Scene<'_, '_>, &Invariant) -> Told;

/// By the words that an invariant begins with.
pub(super) const RULES: [(&str, Rule); 14] = [
    ("every arrival ends exactly once", arrivals),
    ("every attempt belongs to a request", strays),
    ("no success without a genuine final marker", invented),
    ("no duplicated or spliced content", mixed),
    ("attempts within the retry bound", retries),
    ("no attempts after the client left", after_the_client),
    ("a dead node gets only probes after detection", dead_node),
    ("no herd at failback", herd),
    ("the gateway's own retry headers equal the ledger", headers),
    ("no attempt before a node's Retry-After is over", impatient),
    ("nodes are asked for no model but those promised", another_model),
    ("a session stays on its node while that is well", moved),
    ("connections to nodes are not leaked", leaked),
    ("the fault happened", fault),
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
            "Of some attempts it can't be told which request they serve: {} neither passes on the headers \
             `traceparent` and `x-request-id`, nor the last message as it was.",
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

fn impatient(_: &Scene<'_, '_>, _: &Invariant) -> Told {
    Told::default()
        .means("A node that had enough to do said when to come again, and was asked before then: retries keep it busy with refusals.")
        .look("Whether the gateway reads `Retry-After`, in seconds and as a date, and whether each of its workers knows of it.")
        .change("Leave a node out until the time that it gave; when all of them wait, pass the shortest wait on to the client.")
}

fn another_model(_: &Scene<'_, '_>, _: &Invariant) -> Told {
    Told::default()
        .means("Some of the work was done by a model that the scenario does not name: a fallback, or an alias that was left out.")
        .look("The gateway's list of fallbacks, and its names for the model.")
        .change("Take the other model out of the fallbacks, or add its name to `promises.models` if clients may be served by it.")
}

fn moved(_: &Scene<'_, '_>, _: &Invariant) -> Told {
    Told::default()
        .means("Turns of a session went to another node though theirs was well: its prefix cache is lost, and the prompt is computed anew.")
        .look("What the gateway tells sessions by, and whether that is the same in each turn and in each of its workers.")
        .change("Choose the node by something that stays the same, such as a session header or a hash of the first message.")
}

fn leaked(_: &Scene<'_, '_>, _: &Invariant) -> Told {
    Told::default()
        .means("Connections to a node were opened faster than they were closed or used again: in time descriptors run out, on one side or the other.")
        .look("Whether answers are read to their end, and whether a client is made anew for each request.")
        .change("Share one pool of connections, give it a bound and an idle time-out, and close what is not read to its end.")
}

fn fault(_: &Scene<'_, '_>, _: &Invariant) -> Told {
    Told::default()
        .means("The storm did not happen as planned, so this run says nothing of how the service bears it.")
        .look("The table of faults: what fired, what trapped, and whether load reached its nodes while it was on.")
        .change("Check the nodes, the share and the matching of the fault, and let it be on while there is load.")
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
