//! Failback: from a node's return until it has its share of the work again.
//!
//! Measured over runs of attempts, not over seconds, so that it means the same at any rate: the node is
//! back at the start of the first run of [`RUN`] attempts for each node that is up, of which it took at
//! least [`NEAR`] of its fair share (one of as many as are up).

use super::super::text;
use super::super::view::{Down, View};
use super::Figure;
use std::time::Duration;

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
    let work = view.work_between(back, limit);
    let up = view.up(back).max(1);
    let fair = 1.0 / up as f64;
    let length = RUN * up;
    let returned = work.windows(length).find(|run| {
        let own = run.iter().filter(|attempt| attempt.node == down.node).count();
        own as f64 >= NEAR * fair * length as f64
    });
    if let Some(run) = returned {
        return Figure::Known(run[0].start - back);
    }
    let then = if down.again.is_some() { "it died again" } else { "the load ended" };
    match work.len().checked_sub(length) {
        None => open(format!("only {} came before {then}", text::count(work.len() as u64, "attempt"))),
        Some(last) => Figure::Open {
            at_least: work[last].start - back,
            why: format!("it had less than half of its fair share until {then}"),
        },
    }
}
