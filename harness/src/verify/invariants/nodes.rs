//! What a node must be spared: work while it is dead, and everybody's when it is back.

use std::time::Duration;

use squall_report::{Invariant, Verdict};

use super::{Cases, not_checked};
use crate::clock::Nanos;
use crate::verify::failover::Episode;
use crate::verify::text;
use crate::verify::view::View;

const DEAD: &str = "a dead node gets only probes after detection";
const HERD: &str = "no herd at failback";

/// A herd comes in the first moments after a node's return.
const HERD_WITHIN: Duration = Duration::from_secs(5);
/// Times its fair share of what is in flight that a node may hold; see [`largest_share`].
const HERD_TIMES: f64 = 2.0;
/// So few requests at once are a herd nowhere.
const HERD_FLOOR: u64 = 8;

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
/// sent all that comes until it has caught up.
pub(super) fn no_herd(view: &View<'_>, episodes: &[Episode]) -> Invariant {
    let mut cases = Cases::default();
    let mut seen = false;
    for down in episodes.iter().map(|episode| episode.down) {
        let Some(back) = down.to else { continue };
        let until = down.again.unwrap_or(Nanos(u64::MAX)).min(back + HERD_WITHIN);
        let up = view.up(back).max(1);
        let node = view.node(down.node);
        for moment in held(view, down.node, back, until) {
            seen = true;
            let most = (largest_share(up) * moment.all as f64).max(HERD_FLOOR as f64);
            if moment.own as f64 > most {
                let after = text::seconds(moment.at - back);
                cases.add(|| {
                    format!("{node} held {} of {} requests, {after} after its return", moment.own, moment.all)
                });
            }
        }
    }
    if seen {
        cases.decide(HERD)
    } else if episodes.iter().any(|episode| episode.down.to.is_some()) {
        not_checked(HERD, "no work went to the node that came back in the seconds after")
    } else if episodes.is_empty() {
        not_checked(HERD, "no node died")
    } else {
        not_checked(HERD, "no node that died came back")
    }
}

/// The largest share of the work in flight that one of `up` nodes may hold: twice its fair share, or,
/// where that would be nearly all, half way between its fair share and all.
fn largest_share(up: usize) -> f64 {
    let fair = 1.0 / up as f64;
    (HERD_TIMES * fair).min(f64::midpoint(fair, 1.0))
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
