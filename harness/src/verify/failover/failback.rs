//! Failback: from a node's return until it has its share of the work again.
//!
//! Measured over runs of attempts, not over seconds, so that it means the same at any rate: the node is
//! back at the start of the first run of [`RUN`] attempts for each node that is up, of which it took at
//! least [`NEAR`] of its fair share (one of as many as are up).

use std::collections::VecDeque;
use std::time::Duration;

use super::super::text;
use super::super::view::{Down, View};
use super::Figure;
use crate::clock::Nanos;

/// Attempts in a run, for each node that is up: few enough to be recent, enough not to be chance.
const RUN: usize = 10;
/// Of its fair share; a balancer that looks at load gives no two nodes the same.
const NEAR: f64 = 0.5;

pub(super) fn of(view: &View<'_>, down: Down) -> Figure {
    let open = |why: String| Figure::Open { at_least: Duration::ZERO, why };
    let Some(back) = down.to.filter(|back| *back < view.until) else {
        return open("it did not come back before the load ended".into());
    };
    let limit = down.again.unwrap_or(view.until).min(view.until);
    let up = view.up(back).max(1);
    let fair = 1.0 / up as f64;
    let length = RUN * up;
    let (mut all, mut own) = (0_u64, 0_usize);
    // The last run: the starts of its attempts, and whether they were the node's.
    let mut run: VecDeque<(Nanos, bool)> = VecDeque::with_capacity(length);
    for attempt in view.work_between(back, limit) {
        if run.len() == length && run.pop_front().is_some_and(|(_, is_own)| is_own) {
            own -= 1;
        }
        let is_own = attempt.node == down.node;
        (all, own) = (all + 1, own + usize::from(is_own));
        run.push_back((attempt.start, is_own));
        let returned = run.len() == length && own as f64 >= NEAR * fair * length as f64;
        if let Some((start, _)) = run.front().filter(|_| returned) {
            return Figure::Known(*start - back);
        }
    }
    let then = if down.again.is_some() { "it died again" } else { "the load ended" };
    match run.front().filter(|_| run.len() == length) {
        Some((start, _)) => Figure::Open {
            at_least: *start - back,
            why: format!("it had less than half of its fair share until {then}"),
        },
        None => open(format!("only {} came before {then}", text::count(all, "attempt"))),
    }
}
