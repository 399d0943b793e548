//! The run's verdict, and why: whoever reads only this knows what was lost, where, and what to look at.

use squall_report::{Check, Invariant, Verdict};

use super::failover::Episode;
use super::pauses::Paused;
use super::slo;
use super::text;
use super::view::{View, ok};

/// The order in which checks are told: what users lost, before how long it took.
const TOLD: [&str; 7] =
    ["lost", "silently_truncated", "duplicated", "amplification", "detection", "recovery", "failback"];

/// All that was found.
pub(super) struct Found<'a> {
    /// Why its figures can't be trusted.
    pub(super) untrusted: Vec<String>,
    /// Why nothing is proven, when no request succeeded: what never worked can't be said to hold.
    pub(super) nothing_worked: Option<String>,
    /// The storm was paused by hand, which several checks may say.
    pub(super) paused: Option<&'a Paused>,
    pub(super) slos: &'a [slo::Judged],
    pub(super) episodes: &'a [Episode],
    pub(super) invariants: &'a [Invariant],
}

impl Found<'_> {
    fn verdicts(&self) -> impl Iterator<Item = Verdict> {
        let checks = self.episodes.iter().flat_map(|episode| &episode.row.checks);
        let slos = self.slos.iter().map(|judged| judged.slo.verdict);
        let invariants = self.invariants.iter().map(|invariant| invariant.verdict);
        slos.chain(checks.map(|check| check.verdict)).chain(invariants)
    }

    /// The verdict on the run.
    pub(super) fn verdict(&self) -> Verdict {
        let any = |verdict| self.verdicts().any(|found| found == verdict);
        if !self.untrusted.is_empty() {
            Verdict::Inconclusive
        } else if any(Verdict::Fail) {
            Verdict::Fail
        } else if any(Verdict::Inconclusive) || !any(Verdict::Pass) || self.nothing_worked.is_some() {
            Verdict::Inconclusive
        } else {
            Verdict::Pass
        }
    }

    /// One sentence each, the most important first; never empty.
    pub(super) fn reasons(&self, view: &View<'_>, verdict: Verdict) -> Vec<String> {
        if verdict == Verdict::Pass {
            return self.pass(view);
        }
        let mut reasons = self.untrusted.clone();
        reasons.extend(self.nothing_worked.clone());
        for verdict in [Verdict::Fail, Verdict::Inconclusive] {
            let mut found = self.checks(verdict);
            found.extend(self.objectives(verdict));
            found.extend(self.broken_invariants(verdict));
            if let Some(paused) = self.paused.filter(|_| verdict == Verdict::Inconclusive) {
                // Once, not for each check that rests on the storm.
                found.retain(|reason| !paused.explains(reason));
                found.insert(0, paused.why.clone());
            }
            reasons.extend(found);
        }
        if reasons.is_empty() {
            reasons.push("nothing was judged: the run gave nothing to judge by".into());
        }
        reasons
    }

    fn checks(&self, verdict: Verdict) -> Vec<String> {
        let place = |check: &Check| TOLD.iter().position(|name| *name == check.name);
        let mut checks: Vec<(&Episode, &Check)> = self
            .episodes
            .iter()
            .flat_map(|episode| episode.row.checks.iter().map(move |check| (episode, check)))
            .filter(|(_, check)| check.verdict == verdict)
            .collect();
        checks.sort_by_key(|(_, check)| place(check));
        let sentence = |(episode, check): (&Episode, &Check)| {
            let reason = check.reason.as_deref().unwrap_or(&check.observed);
            match verdict {
                Verdict::Fail => format!("{}: {reason}", check.name),
                _ => format!("{} at the death of `{}`: {reason}", check.name, episode.row.node),
            }
        };
        checks.into_iter().map(sentence).collect()
    }

    fn objectives(&self, verdict: Verdict) -> Vec<String> {
        let judged = self.slos.iter().filter(|judged| judged.slo.verdict == verdict);
        judged.filter_map(|judged| judged.reason.clone()).collect()
    }

    fn broken_invariants(&self, verdict: Verdict) -> Vec<String> {
        let broken = self.invariants.iter().filter(|invariant| invariant.verdict == verdict);
        broken
            .map(|invariant| {
                let example = invariant.examples.first().map_or("no case is known", String::as_str);
                match (verdict, invariant.violations) {
                    (Verdict::Fail, 1) => format!("broken: {}: {example}", invariant.name),
                    (Verdict::Fail, times) => {
                        format!("broken {times} times: {}: such as: {example}", invariant.name)
                    }
                    _ => format!("not decided: {}: {example}", invariant.name),
                }
            })
            .collect()
    }

    /// What held, with figures.
    fn pass(&self, view: &View<'_>) -> Vec<String> {
        let passed = self.invariants.iter().filter(|invariant| invariant.verdict == Verdict::Pass).count();
        let bounds: usize = self.episodes.iter().map(|episode| episode.row.checks.len()).sum();
        let held: Vec<String> =
            [(self.slos.len(), "objective"), (bounds, "bound on failover"), (passed, "invariant")]
                .into_iter()
                .filter(|(number, _)| *number > 0)
                .map(|(number, noun)| plural(number, noun))
                .collect();
        let (all, good) = view
            .judged()
            .fold((0_u64, 0_u64), |(all, good), request| (all + 1, good + u64::from(ok(&request))));
        let requests = text::count(all, "request");
        let mut reasons = vec![format!("all hold: {}; {good} of {requests} succeeded", text::list(&held))];
        if self.slos.is_empty() && bounds == 0 {
            reasons.push("no objective was given, so nothing is claimed of the service".into());
        }
        reasons.extend(self.episodes.iter().map(told));
        reasons
    }
}

/// What a death came to, in a sentence.
fn told(episode: &Episode) -> String {
    let row = &episode.row;
    let took = |what: &str, seconds: Option<f64>| seconds.map(|seconds| format!("{what} {seconds:.2} s"));
    let times = [
        took("detected after", row.detection_s),
        took("first rescue after", row.first_rescue_s),
        took("recovered after", row.recovery_s),
        took("back in its share", row.failback_s).map(|back| format!("{back} after its return")),
    ];
    let times: Vec<String> = times.into_iter().flatten().collect();
    let times = if times.is_empty() { String::new() } else { format!("{}; ", times.join(", ")) };
    let requests = text::count(row.requests, "request");
    format!("`{}` died at {:.1} s: {times}{} of {requests} around it lost", row.node, row.t0_s, row.lost)
}

fn plural(number: usize, noun: &str) -> String {
    match (number, noun.split_once(' ')) {
        (1, _) => format!("1 {noun}"),
        (_, Some((head, rest))) => format!("{number} {head}s {rest}"),
        (_, None) => format!("{number} {noun}s"),
    }
}
