//! What must hold in every run, whatever its scenario claims. Always listed, in the same order.
//!
//! Where there was nothing to look at (no fault, no node that died, no header), an invariant is not
//! checked and says why. Where there was something, and it does not decide, it is inconclusive.

mod answers;
mod arrivals;
mod attempts;
mod connections;
mod faults;
mod headers;
mod models;
mod nodes;
mod sessions;
mod told;
mod waits;

use squall_report::{Fault, Invariant, Verdict};

use super::failover::Episode;
use super::pauses::Paused;
use super::view::View;
use crate::record::Recorded;

pub(super) use faults::trapped;

/// Cases that an invariant names.
const EXAMPLES: usize = 5;

/// What the invariants are judged by.
pub(super) struct Sources<'v, 'a> {
    pub(super) view: &'v View<'a>,
    pub(super) recorded: &'v Recorded,
    pub(super) episodes: &'v [Episode],
    pub(super) faults: &'v [Fault],
    pub(super) aborted: Option<&'v str>,
    pub(super) paused: Option<&'v Paused>,
}

/// Judges them all.
pub(super) fn judge(sources: &Sources<'_, '_>) -> Vec<Invariant> {
    let &Sources { view, recorded, episodes, .. } = sources;
    vec![
        arrivals::end_once(view, recorded),
        attempts::belong(view),
        answers::genuine_marker(view),
        answers::no_mixed_content(view),
        attempts::within_retry_bound(view),
        attempts::none_after_the_client_left(view),
        nodes::dead_gets_only_probes(view, episodes),
        nodes::no_herd(view, episodes),
        headers::equal_the_ledger(view),
        waits::kept(view),
        told::of_waits(view),
        models::as_promised(view),
        sessions::stay(view),
        connections::used_again(view),
        faults::happened(sources),
    ]
}

/// The cases in which an invariant was broken.
#[derive(Debug, Default)]
struct Cases {
    count: u64,
    examples: Vec<String>,
}

impl Cases {
    fn add(&mut self, case: impl FnOnce() -> String) {
        self.count += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(case());
        }
    }

    /// Holds when there is no case, and is broken otherwise.
    fn decide(self, name: &str) -> Invariant {
        self.verdict(name, Verdict::Fail)
    }

    /// Holds when there is no case, and each attempt's request is known; what can't be told leaves it open.
    fn decide_of_all(self, name: &str, view: &View<'_>) -> Invariant {
        match view.why_untold().filter(|_| self.count == 0) {
            Some(why) => inconclusive(name, why),
            None => self.decide(name),
        }
    }

    /// Holds when there is no case; a case leaves it open.
    fn doubt(self, name: &str) -> Invariant {
        self.verdict(name, Verdict::Inconclusive)
    }

    fn verdict(self, name: &str, otherwise: Verdict) -> Invariant {
        let verdict = if self.count == 0 { Verdict::Pass } else { otherwise };
        Invariant { name: name.into(), verdict, violations: self.count, examples: self.examples }
    }
}

fn undecided(name: &str, verdict: Verdict, why: impl Into<String>) -> Invariant {
    Invariant { name: name.into(), verdict, violations: 0, examples: vec![why.into()] }
}

/// There was nothing to look at.
fn not_checked(name: &str, why: impl Into<String>) -> Invariant {
    undecided(name, Verdict::NotChecked, why)
}

/// What there was does not decide.
fn inconclusive(name: &str, why: impl Into<String>) -> Invariant {
    undecided(name, Verdict::Inconclusive, why)
}

/// Why nothing is known of attempts, when no proxy stands before any node.
fn without_proxies(view: &View<'_>) -> Option<&'static str> {
    view.plan.nodes.is_empty().then_some("the scenario has no nodes, so no proxy saw any attempt")
}
