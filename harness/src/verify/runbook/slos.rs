//! Rules on objectives: one for each metric, and one for success.

use std::collections::BTreeMap;
use std::time::Duration;

use squall_report::{Advice, CheckKind, Cohort, Metric, Outcome, Verdict};

use super::evidence::{gateway, in_ledgers, of};
use super::{Scene, Told};
use crate::record::RequestFact;
use crate::scenario::plan::{Objective, Slo};
use crate::table::Table;
use crate::verify::slo::{self, Judged, Which};
use crate::verify::text;
use crate::verify::view::{View, ok};

type Rule = fn(&Scene<'_, '_>, &Misses) -> Told;

/// By metric, for what was too slow.
pub(super) const RULES: [(Metric, Rule); 5] = [
    (Metric::Ttft, first_token),
    (Metric::Ttfb, first_byte),
    (Metric::Itl, gaps),
    (Metric::Tpot, tokens),
    (Metric::E2e, whole),
];
/// A node has more than its share of the misses when it has this many times its share of the answers.
const MUCH_MORE: f64 = 1.5;

/// The samples of an objective that missed it.
pub(super) struct Misses {
    samples: u64,
    /// Requests that failed: misses whatever the bound.
    failed: Table<RequestFact>,
    /// Requests that were answered, too late.
    slow: Table<RequestFact>,
    /// Requests that were answered, by node.
    answered: BTreeMap<u16, u64>,
}

impl Misses {
    fn of(view: &View<'_>, slo: &Slo, late: impl Fn(&RequestFact) -> bool) -> Self {
        let none = || Table::new(&view.facts.scratch);
        let mut misses = Self { samples: 0, failed: none(), slow: none(), answered: BTreeMap::new() };
        for request in slo::selected(view, slo, Which::ItsPhases) {
            misses.samples += 1;
            if !ok(&request) {
                misses.failed.push(request);
                continue;
            }
            if let Some(node) = request.node {
                *misses.answered.entry(node).or_default() += 1;
            }
            if late(&request) {
                misses.slow.push(request);
            }
        }
        misses
    }

    /// The node that has far more of the slow answers than of all answers, if one has.
    fn slow_node(&self, view: &View<'_>) -> Option<String> {
        let mut slow: BTreeMap<u16, u64> = BTreeMap::new();
        for node in self.slow.iter().filter_map(|request| request.node) {
            *slow.entry(node).or_default() += 1;
        }
        let (node, count) = slow.into_iter().max_by_key(|(_, count)| *count)?;
        let all: u64 = self.answered.values().sum();
        let share = self.answered.get(&node).copied().unwrap_or_default() as f64 / all.max(1) as f64;
        let slow = self.slow.len() as u64;
        (count as f64 / slow as f64 > MUCH_MORE * share && self.answered.len() > 1).then(|| {
            format!(
                "{} of the slow answers came from {}, which gave {} of all.",
                of(count, slow),
                view.node(node),
                text::percent(share)
            )
        })
    }

    fn among_slow(&self, is: impl Fn(&RequestFact) -> bool) -> u64 {
        self.slow.iter().filter(|request| is(request)).count() as u64
    }

    /// What the slow ones have in common, as far as the ledgers tell.
    fn in_common(&self, view: &View<'_>) -> Vec<String> {
        let slow = self.slow.len() as u64;
        if slow == 0 {
            return Vec::new();
        }
        let touched = self.among_slow(|request| request.cohort == Cohort::Faulted);
        let again = self.among_slow(|request| request.attempts > 1);
        let touched = (touched > 0).then(|| {
            format!("A fault had touched {} of the slow ones, or their node was down.", of(touched, slow))
        });
        let again = (again > 0).then(|| {
            format!(
                "{} of them took more than one attempt: the time of the first ones is in theirs.",
                of(again, slow)
            )
        });
        self.slow_node(view).into_iter().chain(touched).chain(again).collect()
    }
}

pub(super) fn advise(scene: &Scene<'_, '_>, verdict: Verdict) -> Vec<Advice> {
    let plans = scene.view.plan.slos.iter().zip(scene.slos);
    plans
        .filter(|(_, judged)| judged.slo.verdict == verdict)
        .map(|(plan, judged)| {
            let told = match verdict {
                Verdict::Inconclusive => undecided(scene, plan, judged),
                _ => failed(scene, plan),
            };
            let seen = judged.reason.clone().unwrap_or_else(|| judged.slo.objective.clone());
            told.on(CheckKind::Slo, &judged.slo.name, (verdict, seen))
        })
        .collect()
}

/// What would decide it.
fn undecided(scene: &Scene<'_, '_>, plan: &Slo, judged: &Judged) -> Told {
    let row = &judged.slo;
    let phases = plan.during.iter().filter_map(|phase| scene.view.plan.phases.get(*phase));
    let lasted: Duration = phases.map(|phase| phase.duration).sum();
    if row.samples == 0 {
        return Told::default()
            .means("No request of these phases has such a figure: nothing was sent, or nothing was answered.")
            .look("The table of outcomes: were there requests in these phases, and how did they end?")
            .change("Send load in these phases, or name others in `during`.");
    }
    if row.samples < row.needed {
        let long = Duration::try_from_secs_f64(lasted.as_secs_f64() * row.needed as f64 / row.samples as f64);
        let long =
            long.map_or_else(|_| "far longer".into(), |long| format!("{:.0} s", long.as_secs_f64().ceil()));
        return Told::default()
            .means("Too few samples: with so many, chance alone could have given as good a result.")
            .look("`squall check` says before a run how many samples each objective needs.")
            .change(format!(
                "At this rate {long} of these phases give {} samples, where {} gave {}; or raise the load.",
                row.needed,
                text::seconds(lasted),
                row.samples
            ));
    }
    Told::default()
        .means(format!(
            "The service is too near to what is claimed ({}) for {} to tell on which side it is.",
            text::percent(row.target),
            text::count(row.samples, "sample")
        ))
        .change("Run longer or with more load: four times the samples halve the interval.")
        .change("Or claim what the service can keep with a margin.")
}

fn failed(scene: &Scene<'_, '_>, plan: &Slo) -> Told {
    let view = scene.view;
    let (metric, bound) = match plan.objective {
        Objective::Latency { metric, bound, .. } => (metric, bound),
        Objective::Success { .. } | Objective::ErrorRate { .. } => {
            return success(scene, &Misses::of(view, plan, |_| false));
        }
        Objective::Quality { .. } => return quality(scene, plan),
        Objective::Rate { .. } => return rate(scene, plan),
    };
    let late = |request: &RequestFact| request.latency(metric).is_some_and(|latency| latency > bound);
    let misses = Misses::of(view, plan, late);
    let (failed, slow) = (misses.failed.len() as u64, misses.slow.len() as u64);
    // Gaps are in no ledger: of their misses requests say nothing.
    if failed > slow && metric != Metric::Itl {
        let told = success(scene, &misses);
        let mostly = format!(
            "{} of the misses are requests that failed, not slow ones: each counts as slower than any bound.",
            of(failed, failed + slow)
        );
        return Told { means: std::iter::once(mostly).chain(told.means).collect(), ..told };
    }
    let told = RULES.iter().find(|(of, _)| *of == metric).map(|(_, rule)| rule(scene, &misses));
    told.unwrap_or_default().looking(in_ledgers(misses.slow.iter()))
}

fn first_token(scene: &Scene<'_, '_>, misses: &Misses) -> Told {
    let told = Told::default().meaning(misses.in_common(scene.view));
    told.means("A late first token is time spent in queues and in reading the prompt (prefill), on the way there or in retries.")
        .look("Slots and queue of the nodes at that time, and whether long prompts came together.")
        .look("The table of latency from the actual send: if that is well, the time went by in the client's own queue.")
        .change("Route to the node with the least work in flight, and take slow nodes out of their turn.")
        .change("Limit what waits: refuse early with `Retry-After` rather than queue beyond the objective; or add capacity.")
}

fn first_byte(scene: &Scene<'_, '_>, misses: &Misses) -> Told {
    let told = Told::default().meaning(misses.in_common(scene.view));
    told.means("The first byte waits for connections, queues and retries; unlike the first token not for the prompt, where a node answers its head at once.")
        .look("Whether connections are kept and reused, and the time-out after which another node is tried.")
        .change("Keep connections open, shorten the time-out to connect, and try another node sooner.")
}

fn gaps(scene: &Scene<'_, '_>, misses: &Misses) -> Told {
    let told = Told::default().meaning(misses.in_common(scene.view));
    told.means("Long gaps between tokens come from full batches, from prompts that are read between two steps, or from something that holds the stream back on its way.")
        .look("Batch size and preemptions of the nodes at that time, and whether faults delayed events then.")
        .look("Whether a gateway gathers events: one that buffers gives a few long gaps among many of zero.")
        .change("Limit the batch, read long prompts in chunks (chunked prefill), and pass events on as they come.")
}

fn tokens(scene: &Scene<'_, '_>, misses: &Misses) -> Told {
    let told = Told::default().meaning(misses.in_common(scene.view));
    told.means("Slow tokens over a whole answer mean that the node decodes for too many at once, or that the stream stood still.")
        .look("How many requests each node decoded at once; the memory of its cache, and evictions from it.")
        .change("Lower the number of requests a node decodes at once, or add nodes.")
}

fn whole(scene: &Scene<'_, '_>, misses: &Misses) -> Told {
    let parts = misses.slow.iter().filter_map(|request| {
        let first = request.first_content? - request.intended;
        Some((first.as_secs_f64(), (request.last_content? - request.intended).as_secs_f64()))
    });
    let (first, all) = parts.fold((0.0, 0.0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
    let split = (all > 0.0).then(|| {
        let then = if first > all / 2.0 {
            "they waited more than they streamed"
        } else {
            "most of it went by in the stream"
        };
        format!(
            "Of the slow ones' time {} passed before the first token: {then}.",
            text::percent(first / all)
        )
    });
    Told::default()
        .meaning(split)
        .meaning(misses.in_common(scene.view))
        .look("Lengths of answers: a longer answer takes longer, on a service that is well too.")
        .change("Mend the part that takes the time: queues and prefill before the first token, decoding after it.")
        .change("Hold time to first token and time per token in objectives of their own: they do not depend on lengths.")
}

/// Answers that are whole, and not what was expected.
fn quality(scene: &Scene<'_, '_>, plan: &Slo) -> Told {
    let judged = slo::selected(scene.view, plan, Which::ItsPhases);
    let wrong = scene.view.facts.scratch.table(judged.filter(|request| request.right == Some(false)));
    let again = wrong.iter().filter(|request| request.attempts > 1).count() as u64;
    let again = (again > 0).then(|| {
        format!("{} of the wrong answers took more than one attempt.", of(again, wrong.len() as u64))
    });
    Told::default()
        .meaning(again)
        .means("These answers came whole; their text is not what the corpus expects.")
        .look("Which model answered, and whether a fallback to a smaller one took over (`model` in `requests.jsonl`).")
        .change("Fall back to a model that is as good for these prompts, or expect less of it.")
        .looking(in_ledgers(wrong.iter()))
}

/// Too few good answers a second.
fn rate(scene: &Scene<'_, '_>, plan: &Slo) -> Told {
    let misses = Misses::of(scene.view, plan, |_| false);
    if misses.failed.is_empty() {
        return Told::default()
            .means(
                "No request failed: what was asked for is more than came, or answers came too late to count.",
            )
            .look("The rate that was sent: a target above it can't be met.")
            .look("Whether users or sessions waited for slow answers: in a closed loop they send less then.")
            .change("Send more, or add capacity where latency rises with the load.");
    }
    success(scene, &misses)
}

/// Requests that failed, by how.
fn success(scene: &Scene<'_, '_>, misses: &Misses) -> Told {
    let failed = &misses.failed;
    let all = failed.len() as u64;
    let mut ends: BTreeMap<&'static str, u64> = BTreeMap::new();
    for request in failed {
        *ends.entry(kind(&request)).or_default() += 1;
    }
    let mut ends: Vec<_> = ends.into_iter().collect();
    ends.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let without =
        failed.iter().filter(|request| request.attempts == 0 && request.sent.is_some()).count() as u64;
    let once = failed.iter().filter(|request| request.attempts == 1).count() as u64;
    let told = Told::default().meaning((without > 0 && !scene.view.plan.nodes.is_empty()).then(|| {
        format!(
            "{} of the {all} failed requests reached no node: {} answered for them.",
            without,
            gateway(scene)
        )
    }));
    let told = told.meaning((once > 0).then(|| {
        format!(
            "{} of the failed ones had a single attempt: nobody tried another node for them.",
            of(once, all)
        )
    }));
    let faulted = failed.iter().filter(|request| request.cohort == Cohort::Faulted).count() as u64;
    let told = told.meaning((all > faulted && faulted > 0).then(|| {
        format!(
            "{} of them no fault had touched: the damage spread beyond what was broken.",
            of(all - faulted, all)
        )
    }));
    let told = ends.iter().take(2).fold(told, |told, (kind, count)| advise_end(told, kind, &of(*count, all)));
    told.looking(in_ledgers(failed.iter()))
}

/// Ends that call for the same remedy.
fn kind(request: &RequestFact) -> &'static str {
    match (request.outcome, request.status) {
        (Outcome::HttpError, Some(429)) => "429",
        (Outcome::HttpError, Some(status)) if status < 500 => "4xx",
        (Outcome::HttpError | Outcome::InBandError, _) => "error",
        (Outcome::ConnectFailed, _) => "connect",
        (Outcome::Reset | Outcome::Cut, _) => "cut",
        (Outcome::Invented | Outcome::Corrupt, _) => "untrue",
        (Outcome::Empty, _) => "empty",
        (Outcome::Timeout, _) => "timeout",
        (Outcome::Shed, _) => "shed",
        (Outcome::Ok | Outcome::Aborted, _) => "other",
    }
}

fn advise_end(told: Told, kind: &str, share: &str) -> Told {
    match kind {
        "429" => told
            .means(format!("{share} were refused with 429: a limit on the rate was reached."))
            .look("Whose limit it is: the gateway's, or a provider's behind it.")
            .change("Heed `Retry-After`, spread over more keys or nodes, or send less."),
        "4xx" => told
            .means(format!("{share} were refused with a status of 400 to 499: the request itself was not accepted."))
            .look("What the errors say (`error` in `requests.jsonl`): the model's name, the key, a limit on lengths.")
            .change("Mend the scenario's target or its prompts; a retry would fail in the same way."),
        "error" => told
            .means(format!("{share} were answered with an error (5xx, or inside the stream)."))
            .look("Which side made it up: a status in `requests.jsonl` that no attempt has is the gateway's own.")
            .change("Try another node on 5xx before the first byte has gone out, and take out a node that gives several in a row."),
        "connect" => told
            .means(format!("{share} found nobody listening at the target."))
            .look("Whether the gateway itself was up: `logs/` in this folder has what processes said.")
            .change("Run more than one instance of the gateway, and name the others in `also`."),
        "cut" => told
            .means(format!("{share} broke off in the middle of their stream."))
            .look("Whether their node died then: what streams from a dead node can't be saved by anybody.")
            .change("Let clients send again what broke off; drain nodes before they are stopped on purpose."),
        "untrue" => told
            .means(format!("{share} looked whole to the client and were not: a final marker that no node sent, or other content."))
            .look("The gateway's handling of streams that break: this is the failure that nobody sees in production.")
            .change("End a broken stream with an error; never make up its final marker, never splice a second answer on."),
        "empty" => told
            .means(format!("{share} were finished by their node without a word: it stopped before it said anything."))
            .look("Whether the model is asked in its own chat format: in another's, many stop at once.")
            .look("Whether stop sequences or a limit on tokens leave room for an answer, and which node said nothing.")
            .change("Give the server the model's own template; and in a gateway, count an empty answer as a failure."),
        "timeout" => told
            .means(format!("{share} ran into a limit of time (`limits` of the scenario)."))
            .look("Which limit (`timeout` in `requests.jsonl`), and which node held them.")
            .change("Give up on a silent node sooner than the client does, and ask another."),
        "shed" => told
            .means(format!("{share} were never sent: as many as `limits.in_flight` allows were under way."))
            .look("Whether requests hang, so that they pile up; or whether the limit is too low for this load.")
            .change("Raise `limits.in_flight` if the service is meant to bear it."),
        _ => told,
    }
}
