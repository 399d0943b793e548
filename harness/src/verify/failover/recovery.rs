//! Recovery: from a death to the first slice from which the service level holds.
//!
//! A slice is a second, counted from the death. A request counts in the slice of its intended send;
//! those that were under way at the death count in the first, since it is then that they are lost. The
//! level holds from a slice on when the share of successes reaches the target in it and in the slices
//! that follow, [`HOLDS_FOR`] in all. A slice without requests says nothing and is passed over.
//!
//! A second has few requests: of twenty, one that fails makes less than 99 %, and a service that is good for
//! 99.5 % would seem to relapse every ten seconds. So a slice below the target still holds when a service at
//! the target would have one as bad in more than [`CHANCE`] of cases.

use std::time::Duration;

use statrs::function::beta::checked_beta_reg;

use super::super::text;
use super::super::view::{View, ok};
use super::Figure;
use crate::clock::Nanos;
use crate::scenario::plan::Objective;

const SLICE: Duration = Duration::from_secs(1);
/// Slices in a row.
const HOLDS_FOR: usize = 3;
/// How much of the run is looked at first; twice as much each time that it does not tell.
const HORIZON: Duration = Duration::from_secs(32);
/// A slice that is worse than this share of the slices of a service at the target is no chance.
const CHANCE: f64 = 0.15;
/// Without an objective on success the level is that from before the first death, less this.
const MARGIN: f64 = 0.05;

/// The share of successes that is the service level at `death`: what the strictest objective on success
/// of its phase claims; without one, the share before the first death of the run less a margin.
pub(super) fn target(view: &View<'_>, death: Nanos) -> f64 {
    let phase = view.plan.phases.iter().position(|phase| death < phase.end());
    let claims = view.plan.slos.iter().filter(|slo| phase.is_some_and(|phase| slo.during.contains(&phase)));
    let claims = claims.filter_map(|slo| match slo.objective {
        // Of some requests only, it says nothing of the rest.
        Objective::Success { share } | Objective::ErrorRate { share } if slo.only.is_all() => Some(share),
        _ => None,
    });
    claims.reduce(f64::max).unwrap_or_else(|| level_before(view) - MARGIN)
}

fn level_before(view: &View<'_>) -> f64 {
    let first = view.downs.first().map_or(view.until, |down| down.from);
    let (mut all, mut good) = (0_u64, 0_u64);
    for request in view.judged_between(Nanos::ZERO, first).filter(|request| request.end < first) {
        all += 1;
        good += u64::from(ok(&request));
    }
    if all == 0 { 1.0 } else { good as f64 / all as f64 }
}

/// Requests of a slice.
#[derive(Clone, Copy, Default)]
struct Slice {
    all: u64,
    good: u64,
}

impl Slice {
    fn holds(self, target: f64) -> bool {
        let bad = self.all - self.good;
        if bad == 0 || self.good as f64 / self.all as f64 >= target {
            return true;
        }
        // I_q(k, n − k + 1) is the chance of k or more failures of n where each fails with chance q.
        let chance = checked_beta_reg(bad as f64, (self.good + 1) as f64, 1.0 - target);
        chance.is_ok_and(|chance| chance > CHANCE)
    }
}

pub(super) fn of(view: &View<'_>, death: Nanos, target: f64) -> Figure {
    // Mostly it takes seconds, and the rest of the run need not be looked at.
    let mut known = horizons(death, view.until).map(|until| within(view, death, until, target));
    known
        .find(|figure| matches!(figure, Figure::Known(_)))
        .unwrap_or_else(|| within(view, death, view.until, target))
}

/// Ever later moments before `until`.
pub(super) fn horizons(from: Nanos, until: Nanos) -> impl Iterator<Item = Nanos> {
    let later = std::iter::successors(Some(HORIZON), |horizon| horizon.checked_mul(2));
    later.map(move |horizon| from + horizon).take_while(move |horizon| *horizon < until)
}

/// As far as what was due until then shows.
fn within(view: &View<'_>, death: Nanos, until: Nanos, target: f64) -> Figure {
    let whole = (until - death).as_nanos() / SLICE.as_nanos();
    let mut slices = vec![Slice::default(); usize::try_from(whole).unwrap_or_default()];
    for request in view.judged_between(death, until).filter(|request| request.end >= death) {
        let since = request.intended.max(death) - death;
        let index = usize::try_from(since.as_nanos() / SLICE.as_nanos()).unwrap_or(usize::MAX);
        if let Some(slice) = slices.get_mut(index) {
            slice.all += 1;
            slice.good += u64::from(ok(&request));
        }
    }
    let telling: Vec<(usize, bool)> = slices
        .iter()
        .enumerate()
        .filter(|(_, slice)| slice.all > 0)
        .map(|(index, slice)| (index, slice.holds(target)))
        .collect();
    if let Some(held) = telling.windows(HOLDS_FOR).find(|held| held.iter().all(|(_, holds)| *holds)) {
        return Figure::Known(from_death(held[0].0));
    }
    let broken = telling.iter().rev().find(|(_, holds)| !holds);
    let target = text::percent(target);
    match broken {
        Some((last, _)) => {
            let at_least = from_death(last + 1);
            let after = text::seconds(at_least);
            let why = format!(
                "in the second up to {after} after the death less than {target} succeeded, and the load \
                 ended before that held for {HOLDS_FOR} s"
            );
            Figure::Open { at_least, why }
        }
        None => Figure::Open {
            at_least: Duration::ZERO,
            why: format!("only {} of its load was left", text::count(telling.len() as u64, "second")),
        },
    }
}

fn from_death(slices: usize) -> Duration {
    SLICE * u32::try_from(slices).unwrap_or(u32::MAX)
}
