//! Rules on the scenario's bounds around a node's death.

use std::time::Duration;

use squall_report::{Advice, Check, CheckKind, Verdict};

use super::evidence::{after, faults_on, gateway, in_ledgers, lost, naive, of, part, places};
use super::{Scene, Told};
use crate::verify::failover::Episode;
use crate::verify::text;

type Rule = fn(&Scene<'_, '_>, &Episode) -> Told;

/// In the order in which they are told: what users lost, before how long it took.
pub(super) const RULES: [(&str, Rule); 7] = [
    ("lost", lost_requests),
    ("silently_truncated", silently_truncated),
    ("duplicated", duplicated),
    ("amplification", amplification),
    ("detection", detection),
    ("recovery", recovery),
    ("failback", failback),
];

pub(super) fn advise(scene: &Scene<'_, '_>, verdict: Verdict) -> Vec<Advice> {
    let mut checks: Vec<(&Episode, &Check)> = Vec::new();
    for episode in scene.episodes {
        checks.extend(episode.row.checks.iter().map(|check| (episode, check)));
    }
    checks.retain(|(_, check)| check.verdict == verdict);
    let place = |check: &Check| RULES.iter().position(|(name, _)| *name == check.name);
    // Bounds that no rule knows come last.
    checks.sort_by_key(|(_, check)| place(check).unwrap_or(RULES.len()));
    let advice = |(episode, check): (&Episode, &Check)| {
        let seen = check.reason.clone().unwrap_or_else(|| check.observed.clone());
        let told = match (place(check).and_then(|place| RULES.get(place)), verdict) {
            (_, Verdict::Inconclusive) => undecided(scene, episode),
            (Some((_, rule)), _) => rule(scene, episode),
            (None, _) => Told::default(),
        };
        told.on(
            CheckKind::Failover,
            format!("{} at the death of `{}`", check.name, episode.row.node),
            (verdict, seen),
        )
    };
    checks.into_iter().map(advice).collect()
}

/// Nothing is known of a bound when the load ended too early, or was too thin.
fn undecided(scene: &Scene<'_, '_>, episode: &Episode) -> Told {
    let left = text::seconds(scene.view.until - episode.window.0);
    Told::default()
        .means(format!(
            "The load went on for {left} after `{}` died; what came in that time does not show it.",
            episode.row.node
        ))
        .look("The chart of work by node: was there load, and did it reach other nodes, while it was down?")
        .change("Let the phase after the fault last longer, or send more requests a second, and run again.")
}

fn lost_requests(scene: &Scene<'_, '_>, episode: &Episode) -> Told {
    let failed = || lost(scene.view, episode.window);
    let lost = places(episode.down.node, failed());
    let node = &episode.row.node;
    let streams = (lost.mid_stream > 0).then(|| {
        format!(
            "{} had begun to stream from `{node}` when it died: no gateway can move such an answer unseen.",
            of(lost.mid_stream, lost.all)
        )
    });
    let refused = (lost.refused > 0).then(|| {
        let who = if naive(scene) {
            "the router runs without failover, so it never tries another node".to_owned()
        } else {
            format!("{} gave up on them instead of asking another node", gateway(scene))
        };
        format!("{} reached no node at all: {who}.", of(lost.refused, lost.all))
    });
    let told = Told::default().meaning(streams).meaning(refused).meaning(elsewhere(scene, episode, &lost));
    let told = told.looking(in_ledgers(failed()));
    let told = if lost.refused > 0 {
        let told = told.change("Ask another node when a connection is refused or reset before the first byte: nothing was said yet, so it is safe.");
        if naive(scene) {
            told.change("Here: give the router its failover back, `router = {}`.")
        } else {
            told
        }
    } else {
        told
    };
    if lost.mid_stream > 0 {
        told.change(format!(
            "Streams that die with their node are the least that can be lost, here {} of {} requests: let \
             clients send these again, keep fewer streams on a node, or set the bound above that.",
            lost.mid_stream, episode.row.requests
        ))
    } else {
        told
    }
}

/// Losses on nodes that lived, and what else was going on there.
fn elsewhere(scene: &Scene<'_, '_>, episode: &Episode, lost: &super::evidence::Lost) -> Option<String> {
    let (node, count) = lost.worst_elsewhere()?;
    let name = scene.view.node(node);
    let faults = faults_on(scene, node, episode.window);
    let faults = if faults.is_empty() {
        "no fault of the scenario was on there at the time".to_owned()
    } else {
        format!("there {} was on as well", text::list(&faults))
    };
    Some(format!("{} were lost on {name}, which lived: {faults}.", of(count, lost.all)))
}

fn silently_truncated(scene: &Scene<'_, '_>, episode: &Episode) -> Told {
    let cut = || {
        lost(scene.view, episode.window)
            .filter(|request| request.clean_end && request.status.is_some_and(|s| s < 400))
    };
    Told::default()
        .means(format!(
            "The stream of `{}` broke, and {} ended the client's answer as if it were whole: users read half \
             an answer and nobody is told.",
            episode.row.node,
            gateway(scene)
        ))
        .looking(in_ledgers(cut()))
        .look("What the gateway does when a node's connection ends before the stream's final marker.")
        .change("End the client's stream by an error event, or break its connection, when a node's stream ends without its final marker.")
        .change("In clients: hold an answer without its final marker for failed.")
}

fn duplicated(scene: &Scene<'_, '_>, episode: &Episode) -> Told {
    let twice = scene.view.judged().filter(|request| request.content == crate::record::Content::Duplicated);
    Told::default()
        .means(format!(
            "After `{}` died the answer was asked for again elsewhere, and sent to a client that had a part of \
             it already.",
            episode.row.node
        ))
        .looking(in_ledgers(twice))
        .change("Retry only until the first byte of an answer has gone to the client; after that, end it with an error.")
}

fn amplification(scene: &Scene<'_, '_>, episode: &Episode) -> Told {
    let row = &episode.row;
    let mean = row.amplification_mean.unwrap_or_default();
    let more = text::percent((mean - 1.0).max(0.0));
    let most = scene.view.facts.requests.iter().max_by_key(|request| request.attempts);
    Told::default()
        .means(format!(
            "Retries added {more} to the load while one of {} nodes was gone; a single request took up to {} \
             attempts.",
            scene.view.plan.nodes.len(),
            row.amplification_max
        ))
        .looking(in_ledgers(most.into_iter()))
        .look("Whether clients, a gateway and an SDK each retry: their numbers multiply.")
        .change("Give retries a budget, such as a tenth of the requests of the last seconds, rather than a number for each request.")
        .change("Wait longer before each retry, with jitter, and retry in one place only.")
}

fn detection(scene: &Scene<'_, '_>, episode: &Episode) -> Told {
    let sends = &episode.detection.sends;
    let node = &episode.row.node;
    let seen = sends.last().map(|last| {
        let certain = sends.iter().filter(|send| send.certain).count();
        format!(
            "{} went to `{node}` after its death, the last {} after it ({certain} by the ledger or the \
             gateway's own count, the others follow from requests that failed).",
            text::count(sends.len() as u64, "attempt"),
            after(episode, last.at)
        )
    });
    let told = Told::default().meaning(seen);
    if naive(scene) {
        return told
            .means("The router runs without failover, as the scenario says: each node gets its turn, dead or not.")
            .look("The attempts on it in `attempts.jsonl`, and the failed requests without any attempt, from its death on.")
            .change("Give the router its failover back, `router = {}`, or put a gateway there that has health checks.");
    }
    let bound = scene.view.plan.failover.and_then(|bounds| bounds.detection);
    let told = told
        .means("Nothing took the node out of its turn in time: neither the errors it gave nor a health check.")
        .look("Whether a refused or reset connection counts against a node, or a failed health check alone.")
        .look("The interval of health checks times the failures that are waited for: the worst case of detection.")
        .change("Take a node out at its first refused connection: that needs no health check.");
    match bound {
        Some(bound) => told.change(format!(
            "Check health at least every {}, so that two failures in a row fit into {}.",
            part(bound, 3),
            text::seconds(bound)
        )),
        None => told,
    }
}

fn recovery(scene: &Scene<'_, '_>, episode: &Episode) -> Told {
    let node = &episode.row.node;
    let nodes = scene.view.plan.nodes.len();
    let (from, to) = episode.window;
    let (told, since) = if let Some(detection) = episode.row.detection_s {
        let since = from + Duration::try_from_secs_f64(detection).unwrap_or_default();
        let late =
            places(episode.down.node, lost(scene.view, (since, to)).filter(|lost| lost.intended >= since));
        let still = format!(
            "`{node}` was out of the way {detection:.2} s after its death, and {} that came after that failed.",
            text::count(late.all, "request")
        );
        (Told::default().means(still).meaning(elsewhere(scene, episode, &late)), since)
    } else if episode.detection.sends.is_empty() {
        (Told::default().means(format!("When work to `{node}` stopped is not known.")), from)
    } else {
        let still = format!(
            "Work went on to `{node}`: while it does, its share of requests fails. Mend detection first."
        );
        (Told::default().means(still), from)
    };
    let told = told.looking(in_ledgers(lost(scene.view, (since, to)).filter(|lost| lost.intended >= since)));
    if nodes < 2 {
        return told.change("There is one node: without another nothing can take over.");
    }
    told.look("The chart of requests around it: do they fail at once (routing), or by timeouts and queues (capacity)?")
        .change(format!(
            "Keep spare capacity: with one of {nodes} nodes gone, each of the others carries {:.2} times its load.",
            nodes as f64 / (nodes as f64 - 1.0)
        ))
}

fn failback(scene: &Scene<'_, '_>, episode: &Episode) -> Told {
    let nodes = scene.view.plan.nodes.len();
    let bound = scene.view.plan.failover.and_then(|bounds| bounds.failback);
    let told = Told::default()
        .means(format!(
            "`{}` was up again and stood idle beside the other {}: load that it could have carried stayed on them.",
            episode.row.node,
            text::count(nodes.saturating_sub(1) as u64, "node")
        ))
        .look("How long a node stays out after its failures, and whether that time doubles with each.")
        .look("Whether sessions or prefix caches hold clients on other nodes.");
    match bound {
        Some(bound) => told.change(format!(
            "Try a node that is out with a single request every {} or so, and let it rise to its share from there.",
            part(bound, 2)
        )),
        None => told,
    }
}
