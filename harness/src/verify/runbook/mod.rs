//! The runbook: for each check that did not pass, what was seen, what it usually means, what to look at
//! and what to change.
//!
//! A table of rules, one for each metric of an objective, each bound on failover, each invariant and each
//! reason not to trust a run. A rule fills its sentences with figures of this run, and says of causes only
//! what the ledgers show; what they can't tell it names as a thing to look at.

mod evidence;
mod failover;
mod invariants;
mod run;
mod slos;

use std::collections::HashSet;

use squall_report::{Advice, CheckKind, Client, Fault, Invariant, Verdict};

use super::failover::Episode;
use super::pauses::Paused;
use super::slo::Judged;
use super::view::View;

/// What is told at most; what was judged is in the report's tables.
const MOST: usize = 24;

/// All that rules may speak of.
pub(super) struct Scene<'s, 'a> {
    pub(super) view: &'s View<'a>,
    /// Why the run's figures can't be trusted.
    pub(super) untrusted: &'s [String],
    /// Why nothing is proven, when no request succeeded.
    pub(super) nothing_worked: Option<&'s str>,
    pub(super) aborted: Option<&'s str>,
    pub(super) paused: Option<&'s Paused>,
    pub(super) slos: &'s [Judged],
    pub(super) episodes: &'s [Episode],
    pub(super) invariants: &'s [Invariant],
    pub(super) faults: &'s [Fault],
    pub(super) client: &'s Client,
}

/// What a rule has to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Told {
    means: Vec<String>,
    look: Vec<String>,
    change: Vec<String>,
}

impl Told {
    fn means(mut self, sentence: impl Into<String>) -> Self {
        self.means.push(sentence.into());
        self
    }

    fn look(mut self, sentence: impl Into<String>) -> Self {
        self.look.push(sentence.into());
        self
    }

    fn change(mut self, sentence: impl Into<String>) -> Self {
        self.change.push(sentence.into());
        self
    }

    /// Each where there is one.
    fn meaning(mut self, sentences: impl IntoIterator<Item = String>) -> Self {
        self.means.extend(sentences);
        self
    }

    fn looking(mut self, sentences: impl IntoIterator<Item = String>) -> Self {
        self.look.extend(sentences);
        self
    }

    fn on(self, kind: CheckKind, check: impl Into<String>, (verdict, seen): (Verdict, String)) -> Advice {
        let Self { means, look, change } = self;
        Advice { kind, check: check.into(), verdict, seen, means, look, change }
    }
}

/// The advice on all that did not pass, in the order in which reasons are told: why figures can't be
/// trusted, then what failed, then what is not decided.
pub(super) fn advise(scene: &Scene<'_, '_>) -> Vec<Advice> {
    let mut all = run::advise(scene);
    for verdict in [Verdict::Fail, Verdict::Inconclusive] {
        all.extend(failover::advise(scene, verdict));
        all.extend(slos::advise(scene, verdict));
        all.extend(invariants::advise(scene, verdict));
    }
    if let Some(paused) = scene.paused {
        // What each would need is to be seen in a run that nobody pauses.
        all.retain(|advice| advice.kind == CheckKind::Run || !paused.explains(&advice.seen));
    }
    // A node that dies again and again would say the same again and again.
    let mut said = HashSet::new();
    all.retain(|advice| said.insert((advice.kind, advice.check.clone())));
    all.truncate(MOST);
    all
}

/// A rule of its own, for what is judged by this name.
#[cfg(test)]
pub(super) fn has_rule(kind: CheckKind, name: &str) -> bool {
    match kind {
        CheckKind::Run => true,
        CheckKind::Slo => slos::RULES.iter().any(|(metric, _)| metric.as_str() == name),
        CheckKind::Failover => failover::RULES.iter().any(|(of, _)| *of == name),
        CheckKind::Invariant => invariants::RULES.iter().any(|(of, _)| name.starts_with(of)),
    }
}
