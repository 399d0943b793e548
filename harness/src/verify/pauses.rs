//! A storm that was paused by hand is not the storm of the plan.
//!
//! From the first moment at which a pause kept a fault from being on, the run is not the scenario's: what
//! concerns the storm from then on is neither proven nor refuted. Objectives on phases that reach beyond it,
//! and bounds on failovers that do, are inconclusive, whatever their figures; what had come before stands.
//! What is broken stays broken: an invariant holds in any run. A pause in which no fault was due changes
//! nothing.

use squall_report::{Pause, Verdict};

use super::failover::Episode;
use super::slo::Judged;
use super::view::View;
use crate::clock::Nanos;
use crate::record::pauses;

/// A pause that kept a fault from being on.
pub(super) struct Paused {
    /// From when on the run is not the scenario's.
    from: Nanos,
    /// Why nothing is decided from then on.
    pub(super) why: String,
}

/// All pauses of the run, and what they mean for its verdict, if anything.
pub(super) fn found(view: &View<'_>, duration: Nanos) -> (Vec<Pause>, Option<Paused>) {
    let pauses = pauses(&view.facts.pause_events, duration);
    let kept_off: Vec<f64> = pauses.iter().filter_map(|pause| kept_off_from(view, pause)).collect();
    let Some(from) = kept_off.into_iter().reduce(f64::min) else { return (pauses, None) };
    let when: Vec<String> =
        pauses.iter().map(|pause| format!("from {:.1} s to {:.1} s", pause.from_s, pause.to_s)).collect();
    let why =
        format!("the storm was paused by hand {}, so that it was not the scenario's", when.join(" and "));
    let from = Nanos((from * 1e9) as u64);
    (pauses, Some(Paused { from, why }))
}

/// When a pause began to keep a fault from being on.
fn kept_off_from(view: &View<'_>, pause: &Pause) -> Option<f64> {
    let faults = view.plan.faults.iter();
    let overlaps = faults.filter_map(|fault| {
        let from = fault.on.as_secs_f64().max(pause.from_s);
        (from < fault.off.as_secs_f64().min(pause.to_s)).then_some(from)
    });
    overlaps.reduce(f64::min)
}

impl Paused {
    /// Takes every verdict back that rests on the storm from the pause on.
    pub(super) fn doubt(&self, view: &View<'_>, slos: &mut [Judged], episodes: &mut [Episode]) {
        for (plan, judged) in view.plan.slos.iter().zip(slos) {
            let phases = plan.during.iter().filter_map(|phase| view.plan.phases.get(*phase));
            if phases.into_iter().any(|phase| phase.end() > self.from) {
                judged.slo.verdict = Verdict::Inconclusive;
                judged.reason = Some(format!("`{}`: {}", plan.name, self.why));
            }
        }
        for episode in episodes.iter_mut().filter(|episode| episode.window.1 > self.from) {
            for check in &mut episode.row.checks {
                check.verdict = Verdict::Inconclusive;
                check.reason = Some(self.why.clone());
            }
        }
    }

    /// What was found rests on the storm.
    pub(super) fn explains(&self, seen: &str) -> bool {
        seen.contains(&self.why)
    }
}
