//! What a node must be spared: work while it is dead, and everybody's when it is back.

use std::time::Duration;

use squall_report::{Invariant, Verdict};

use super::{Cases, not_checked};
use crate::clock::Nanos;
use crate::verify::failover::Episode;
use crate::verify::stats::Share;
use crate::verify::text;
use crate::verify::view::{Down, View};

const DEAD: &str = "a dead node gets only probes after detection";
const HERD: &str = "no herd at failback";

/// A herd comes in the first moments after a node's return.
const HERD_WITHIN: Duration = Duration::from_secs(5);
/// Times its share of what is in flight that a node may hold; see [`largest_share`].
const HERD_TIMES: f64 = 2.0;
/// So few requests at once are a herd nowhere.
const HERD_FLOOR: u64 = 8;
/// A node's share of the work is what it got for so long before it died.
const USUAL_OVER: u64 = 10_000_000_000;

/// Once work has stopped going to a dead node it does not begin again. Only what was certainly sent
/// counts; what goes on without ever having stopped is detection that never came.
pub(super) fn dead_gets_only_probes(view: &View<'_>, episodes: &[Episode]) -> Invariant {
    if episodes.is_empty() {
        return not_checked(DEAD, "no node died");
    }
    let mut cases = Cases::default();
    let mut open = Vec::new();
    for Episode { down, detection, row, .. } in episodes {
        let node = view.node(down.node);
        for send in &detection.resumed {
            let after = text::seconds(send.at - down.from);
            cases.add(|| format!("{node} was sent work {after} after its death, though it had stopped"));
        }
        if detection.figure.is_open() {
            let sent = text::count(detection.sends.len() as u64, "attempt");
            open.push((
                detection.sends.is_empty(),
                format!(
                    "when work to {node}, dead at {:.1}s, stopped is not known; it was sent {sent}",
                    row.t0_s
                ),
            ));
        }
    }
    if cases.count > 0 || open.is_empty() {
        return cases.decide(DEAD);
    }
    let verdict = if open.iter().all(|(nothing_sent, _)| *nothing_sent) {
        Verdict::NotChecked
    } else {
        Verdict::Inconclusive
    };
    let examples = open.into_iter().take(super::EXAMPLES).map(|(_, why)| why).collect();
    Invariant { name: DEAD.into(), verdict, violations: 0, examples }
}

/// In the first seconds after its return a node does not hold many times its share of the work in
/// flight. What is counted is what it has at once, not what it is sent: the least busy node may well be
/// sent all that comes until it has caught up. Where work is spread unevenly (a primary, weights), a node's
/// share is the one that it had before it died; one that had all of it is not checked.
pub(super) fn no_herd(view: &View<'_>, episodes: &[Episode]) -> Invariant {
    let mut cases = Cases::default();
    let (mut seen, mut alone) = (false, false);
    for down in episodes.iter().map(|episode| episode.down) {
        let Some(back) = down.to else { continue };
        let until = down.again.unwrap_or(Nanos(u64::MAX)).min(back + HERD_WITHIN);
        let even = 1.0 / view.up(back).max(1) as f64;
        let share = uneven_share(view, down).map_or(even, |share| share.max(even));
        if share >= 1.0 {
            alone = true;
            continue;
        }
        let node = view.node(down.node);
        for moment in held(view, down.node, back, until) {
            seen = true;
            let most = (largest_share(share) * moment.all as f64).max(HERD_FLOOR as f64);
            // A node with most of the work may well have all of it at once, by chance.
            if moment.own as f64 > most && Share::new(moment.own, moment.all).lower > share {
                let after = text::seconds(moment.at - back);
                cases.add(|| {
                    format!("{node} held {} of {} requests, {after} after its return", moment.own, moment.all)
                });
            }
        }
    }
    if seen {
        cases.decide(HERD)
    } else if alone {
        not_checked(HERD, "the node that came back is the only one that gets work when it is up")
    } else if episodes.iter().any(|episode| episode.down.to.is_some()) {
        not_checked(HERD, "no work went to the node that came back in the seconds after")
    } else if episodes.is_empty() {
        not_checked(HERD, "no node died")
    } else {
        not_checked(HERD, "no node that died came back")
    }
}

/// The node's share of the work before it died, where that was certainly more than an even one.
fn uneven_share(view: &View<'_>, down: Down) -> Option<f64> {
    let from = Nanos(down.from.0.saturating_sub(USUAL_OVER));
    let (own, all) = view
        .work_between(from, down.from)
        .fold((0, 0), |(own, all), attempt| (own + u64::from(attempt.node == down.node), all + 1));
    // A node that was down for a part of that time left its share to the others.
    let others = (0..view.plan.nodes.len() as u16)
        .filter(|node| *node != down.node && view.up_throughout(*node, from, down.from));
    let even = 1.0 / (1 + others.count()) as f64;
    let share = Share::new(own, all);
    share.observed().filter(|_| share.lower > even)
}

/// The largest share of the work in flight that a node may hold: twice its own, or, where that would be nearly all,
/// half way between its own and all.
fn largest_share(own: f64) -> f64 {
    (HERD_TIMES * own).min(f64::midpoint(own, 1.0))
}

/// What was in flight as an attempt on the node began.
struct Moment {
    at: Nanos,
    own: u64,
    all: u64,
}

/// Each beginning of an attempt on `node` from `from` to `until`.
fn held(view: &View<'_>, node: u16, from: Nanos, until: Nanos) -> Vec<Moment> {
    // An attempt that ends as another begins makes room for it: ends come first.
    let mut changes: Vec<(Nanos, bool, u16)> = Vec::new();
    for attempt in view.work_between(Nanos::ZERO, until) {
        if attempt.end > from && attempt.end > attempt.start {
            changes.push((attempt.start, true, attempt.node));
            changes.push((attempt.end, false, attempt.node));
        }
    }
    changes.sort_by_key(|(at, begins, _)| (*at, *begins));
    let (mut own, mut all) = (0_u64, 0_u64);
    let mut moments = Vec::new();
    for (at, begins, of) in changes {
        let is_own = of == node;
        if begins {
            all += 1;
            own += u64::from(is_own);
            if is_own && at >= from {
                moments.push(Moment { at, own, all });
            }
        } else {
            all -= 1;
            own -= u64::from(is_own);
        }
    }
    moments
}
