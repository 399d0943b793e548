//! Truth of the verdict, by mutation: a gateway for each thing that a run is to find, and one that is sound.
//!
//! Every gateway is real, before real simulated nodes of which one dies and comes back, and is judged by
//! `squall run`. A broken one is caught by its own check; beside that only by those that the same wrong
//! breaks as well, which its case names. A sound one passes every storm that a broken one is caught in.
//!
//! Two invariants no gateway can break: that every arrival ends exactly once is the load generator's to
//! keep, and that the fault happened the harness's.

mod defect;
mod fleet;
mod gateway;
mod identity;
mod manner;
mod rates;
mod relay;
mod storm;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::scene::Scene;
use crate::support::{Result, SEED};
use defect::Defect;
use gateway::Gateway;
use storm::Storm;
use tokio::sync::Semaphore;

const GENUINE: &str = "no success without a genuine final marker";
const OF_ONE_PIECE: &str = "no duplicated or spliced content";
const BELONG: &str = "every attempt belongs to a request";
const AFTER: &str = "no attempts after the client left";
const DEAD: &str = "a dead node gets only probes after detection";
const HERD: &str = "no herd at failback";
const HEADERS: &str = "the gateway's own retry headers equal the ledger";
const BOUND: &str = "attempts within the retry bound";
const WAITS: &str = "no attempt before a node's Retry-After is over";
const MODELS: &str = "nodes are asked for no model but those promised";
const SESSIONS: &str = "a session stays on its node while that is well";
const LEAKED: &str = "connections to nodes are not leaked";
const TOLD: &str = "clients are told of the wait that nodes asked for";
const AVAILABLE: &str = "availability";

/// A gateway that is broken, and what must find it.
struct Case {
    defect: Defect,
    storm: Storm,
    /// What must not hold; each fails.
    caught_by: &'static [&'static str],
    /// What the same wrong may break as well.
    and_maybe: &'static [&'static str],
}

const fn case(
    defect: Defect,
    storm: Storm,
    caught_by: &'static [&'static str],
    and_maybe: &'static [&'static str],
) -> Case {
    Case { defect, storm, caught_by, and_maybe }
}

/// What a run found of a gateway.
struct Judged {
    report: Value,
    said: String,
    wrongs: u64,
}

/// Runs at once: each is idle most of the time, but a storm is not to starve another.
static RUNS: Semaphore = Semaphore::const_new(4);

fn judge(defect: Option<Defect>, storm: Storm, seed: u64) -> Result<Judged> {
    let gateway = Gateway::start(defect)?;
    let _place = gateway.runtime.block_on(RUNS.acquire())?;
    let scene = Scene::new(&storm.scenario(&gateway, seed))?;
    let output = scene.run_in_peace()?;
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let report = scene.report().map_err(|error| format!("{error}: {said}"))?;
    Ok(Judged { report, said, wrongs: gateway.wrongs() })
}

impl Judged {
    /// What it said, where it fails anything.
    fn fails(self) -> Option<String> {
        let fails = self.report["verdict"] == "fail" || !self.with("fail").is_empty();
        fails.then_some(self.said)
    }

    /// Nothing was found, and that is a verdict unless the client could not keep its schedule.
    fn holds(self) -> std::result::Result<(), String> {
        let unproven = self.with("fail").len() + self.with("inconclusive").len();
        let pass = self.report["verdict"] == "pass" || self.report["client"]["saturated"] == true;
        if pass && unproven == 0 { Ok(()) } else { Err(self.said) }
    }

    /// The names of all that was judged so.
    fn with(&self, verdict: &str) -> BTreeSet<&str> {
        let checks = self.report["failover"].as_array().into_iter().flatten();
        let checks = checks.flat_map(|row| row["checks"].as_array().into_iter().flatten());
        let judged = ["slos", "invariants"].into_iter().filter_map(|part| self.report[part].as_array());
        let all = judged.flatten().chain(checks);
        all.filter(|judged| judged["verdict"] == verdict)
            .filter_map(|judged| judged["name"].as_str())
            .collect()
    }
}

impl Case {
    /// What is wrong with the verdict; nothing when it is true.
    fn untrue(&self, seed: u64) -> Result<Option<String>> {
        let judged = judge(Some(self.defect), self.storm, seed)?;
        let caught_by: BTreeSet<&str> = self.caught_by.iter().copied().collect();
        let found = judged.with("fail");
        let allowed: BTreeSet<&str> = caught_by.iter().chain(self.and_maybe).copied().collect();
        let all: BTreeSet<&str> = found.union(&judged.with("inconclusive")).copied().collect();
        let missed: Vec<_> = caught_by.difference(&found).collect();
        let unrelated: Vec<_> = all.difference(&allowed).collect();
        // A client that could not keep its schedule keeps the run from a verdict, not the checks.
        let true_verdict = judged.report["verdict"] == "fail" || judged.report["client"]["saturated"] == true;
        if judged.wrongs > 0 && missed.is_empty() && unrelated.is_empty() && true_verdict {
            return Ok(None);
        }
        Ok(Some(format!(
            "{:?} in {:?}, done {} times: not found by {missed:?}, but by {unrelated:?}\n{}",
            self.defect, self.storm, judged.wrongs, judged.said
        )))
    }
}

/// Answers that are not what a node gave.
const ANSWERS: &[Case] = &[
    case(Defect::InventsMarkers, Storm::Death, &[GENUINE], &["silently_truncated"]),
    case(Defect::TruncatesSilently, Storm::Death, &["silently_truncated"], &[]),
    // Neither can say in its head how often it will have asked: what the dead node refused is not known.
    case(Defect::DuplicatesAfterRetry, Storm::Death, &[OF_ONE_PIECE, "duplicated"], &["detection", DEAD]),
    case(Defect::SplicesAnswers, Storm::Death, &[OF_ONE_PIECE], &["silently_truncated", "detection", DEAD]),
];

/// Attempts that no client needs, or that are not told of as they were.
const ATTEMPTS: &[Case] = &[
    case(Defect::RetriesWithoutBound, Storm::Errors, &[BOUND], &["amplification"]),
    case(Defect::OutlivesItsClient, Storm::Leaving, &[AFTER], &["amplification"]),
    // What it says is then no evidence of what the dead node refused.
    case(Defect::LiesOfItsAttempts, Storm::Errors, &[HEADERS], &["detection", DEAD]),
    case(Defect::MakesWorkUp, Storm::Death, &[BELONG], &[]),
    case(Defect::AsksTwice, Storm::Death, &["amplification"], &[]),
];

/// Nodes that are not treated as what they are.
const NODES: &[Case] = &[
    // It never stops sending: whether it would begin again is then not decided.
    case(Defect::KeepsSendingToTheDead, Storm::Death, &["detection"], &[DEAD]),
    case(Defect::ForgetsTheDead, Storm::LongDeath, &[DEAD], &["detection"]),
    case(Defect::HerdsToTheReturned, Storm::Death, &[HERD], &[]),
    case(Defect::NeverGoesBack, Storm::Death, &["failback"], &[]),
    case(Defect::RecoversSlowly, Storm::Death, &["recovery", "lost"], &[AVAILABLE]),
    case(Defect::DropsRequests, Storm::Death, &["lost"], &[AVAILABLE]),
];

/// What a gateway promises, and does not keep.
const PROMISES: &[Case] = &[
    case(Defect::IgnoresRetryAfter, Storm::Limits, &[WAITS], &[]),
    case(Defect::ServesAnotherModel, Storm::Models, &[MODELS], &[]),
    case(Defect::LosesSessions, Storm::Sessions, &[SESSIONS], &[]),
    case(Defect::LeaksConnections, Storm::Death, &[LEAKED], &[]),
];

fn are_true(cases: &'static [Case]) -> Result {
    let untrue: Vec<_> = std::thread::scope(|scope| {
        let run = |case: &'static Case| scope.spawn(|| case.untrue(SEED).map_err(|e| e.to_string()));
        let runs: Vec<_> = cases.iter().map(run).collect();
        runs.into_iter().map(|run| run.join().unwrap_or_else(|_| Err("a case panicked".into()))).collect()
    });
    for untrue in untrue {
        assert_eq!(untrue?, None);
    }
    Ok(())
}

#[test]
fn a_sound_gateway_passes_every_storm() -> Result {
    let judged: Vec<_> = std::thread::scope(|scope| {
        let run = |storm| scope.spawn(move || judge(None, storm, SEED).map_err(|e| e.to_string()));
        let runs: Vec<_> = Storm::ALL.into_iter().map(run).collect();
        runs.into_iter().map(|run| run.join().unwrap_or_else(|_| Err("a run panicked".into()))).collect()
    });
    for (storm, judged) in Storm::ALL.into_iter().zip(judged) {
        judged?.holds().map_err(|said| format!("{storm:?}: {said}"))?;
    }
    Ok(())
}

#[test]
fn answers_that_are_not_what_a_node_gave_are_found() -> Result {
    are_true(ANSWERS)
}

#[test]
fn attempts_that_no_client_needs_are_found() -> Result {
    are_true(ATTEMPTS)
}

#[test]
fn nodes_that_are_not_treated_as_what_they_are_are_found() -> Result {
    are_true(NODES)
}

#[test]
fn promises_that_are_not_kept_are_found() -> Result {
    are_true(PROMISES)
}
