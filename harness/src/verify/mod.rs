//! Verification: pure functions from what was recorded to a report.
//!
//! Invariant: no pass without evidence. A run is inconclusive when its figures can't be trusted (it was
//! ended before its time, the client was saturated, a plugin trapped), whatever they are; it fails when
//! anything that was judged failed; it passes only when all that was judged passed. What is not checked
//! has no say. The verdict is computed from the ledgers on disk, so that it can be repeated from them.

mod answers;
mod budget;
mod clients;
mod failover;
mod invariants;
mod losses;
mod pauses;
mod periods;
mod pieces;
mod pooled;
mod reasons;
mod runbook;
mod sessions;
mod slo;
mod stats;
mod stops;
#[cfg(test)]
mod tests;
mod text;
mod timetable;
mod view;

use squall_report::{
    Calibration, Client, Counts, Fault, Lag, Peak, Phase, Report, SCHEMA, ScenarioInfo, Skipped,
};

use crate::clock::Nanos;
use crate::record::{Facts, Recorded};
use crate::scenario::plan::{OnTrap, Plan};
use invariants::Sources;
pub use pooled::{distrust, pool};
use reasons::Found;
use runbook::Scene;
use view::{View, ok};

/// What is known of a run beside its records.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// Squall's version.
    pub squall: String,
    /// The plan's digest.
    pub digest: String,
    /// The scenario's file, as given.
    pub scenario_path: String,
    /// Wall time of the start, RFC 3339.
    pub started_at: String,
    /// The command that repeats the run.
    pub command: String,
    /// Why the run was ended before its time, if it was.
    pub aborted: Option<String>,
    /// Run time from the start to the last record.
    pub duration: Nanos,
    /// CPU time of the harness, seconds.
    pub cpu_s: f64,
    /// The harness's largest resident size.
    pub peak_rss_bytes: u64,
    /// Rows of the trace that were left out.
    pub skipped: Skipped,
    /// How much later than scheduled requests were sent.
    pub lag: Lag,
    /// How late a task of the client's runtime woke.
    pub stall: Lag,
    /// The most that the client carried.
    pub peak: Peak,
    /// What the machine was measured to carry, where that is known, and what the run went beyond.
    pub calibration: Option<Calibration>,
    /// Why the client could not keep to its schedule, if it could not.
    pub saturated: Option<String>,
    /// What each fault did, in the plan's order.
    pub faults: Vec<Fault>,
}

/// Judges a run. Rows of `facts` that could not be read are missing in what comes of it: nothing rests on it unless
/// [`Facts::whole`] says then that there were none.
pub fn judge(plan: &Plan, recorded: &Recorded, facts: &Facts, evidence: Evidence) -> Report {
    let view = View::new(plan, facts, evidence.duration);
    let aborted = evidence.aborted.as_deref();
    let mut slos = slo::judge(&view, recorded);
    let mut episodes = failover::episodes(&view, aborted.is_some());
    let (pauses, paused) = pauses::found(&view, evidence.duration);
    if let Some(paused) = &paused {
        paused.doubt(&view, &mut slos, &mut episodes);
    }
    let sources = Sources {
        view: &view,
        recorded,
        episodes: &episodes,
        faults: &evidence.faults,
        aborted,
        paused: paused.as_ref(),
    };
    let invariants = invariants::judge(&sources);
    let found = Found {
        untrusted: untrusted(plan, &evidence),
        nothing_worked: nothing_worked(&view),
        paused: paused.as_ref(),
        slos: &slos,
        episodes: &episodes,
        invariants: &invariants,
    };
    let verdict = found.verdict();
    let reasons = found.reasons(&view, verdict);
    let client = client(&evidence);
    let runbook = runbook::advise(&Scene {
        view: &view,
        untrusted: &found.untrusted,
        nothing_worked: found.nothing_worked.as_deref(),
        aborted,
        paused: paused.as_ref(),
        slos: &slos,
        episodes: &episodes,
        invariants: &invariants,
        faults: &evidence.faults,
        client: &client,
    });
    let periods = periods::around(&view, &episodes, &evidence.faults);
    let phases = phases(plan, recorded, evidence.duration);
    Report {
        schema: SCHEMA,
        scenario: ScenarioInfo {
            name: plan.name.clone(),
            seed: plan.seed,
            digest: evidence.digest,
            path: evidence.scenario_path,
        },
        verdict,
        reasons,
        duration_s: evidence.duration.as_secs_f64(),
        counts: total(&phases),
        phases,
        latency: recorded.latency.clone(),
        stops: stops::stood(plan, recorded),
        slos: slos.into_iter().map(|judged| judged.slo).collect(),
        failover: episodes.into_iter().map(|episode| episode.row).collect(),
        invariants,
        faults: evidence.faults,
        pauses,
        fault_log_digest: recorded.fault_log_digest.clone(),
        answers: answers::found(plan, facts),
        skipped: evidence.skipped,
        sessions: sessions::found(plan, facts),
        clients: clients::acted(facts),
        correlation: view.correlation(),
        client,
        control: None,
        squall: evidence.squall,
        aborted: evidence.aborted,
        started_at: evidence.started_at,
        command: evidence.command,
        nodes: recorded.nodes.clone(),
        series: recorded.series.clone(),
        curves: recorded.curves.clone(),
        periods,
        worst: facts.worst.clone(),
        runbook,
    }
}

fn client(evidence: &Evidence) -> Client {
    Client {
        dispatch_lag_us: evidence.lag,
        runtime_stall_us: evidence.stall,
        saturated: evidence.saturated.is_some(),
        peak: evidence.peak,
        calibration: evidence.calibration.clone(),
        cpu_s: evidence.cpu_s,
        peak_rss_bytes: evidence.peak_rss_bytes,
    }
}

/// Why no verdict can rest on the run's figures: empty when one can.
fn untrusted(plan: &Plan, evidence: &Evidence) -> Vec<String> {
    let trapped = plan.faults.iter().zip(&evidence.faults);
    let trapped = trapped.filter(|(fault, did)| fault.on_trap == OnTrap::FailRun && did.traps > 0);
    let trapped: Vec<String> = trapped
        .map(|(fault, did)| {
            invariants::trapped(&format!("`{}` in phase `{}`", fault.plugin.name(), did.phase), did)
        })
        .collect();
    // A trap that ended the run has said so already.
    let by_trap = |why: &&String| evidence.faults.iter().any(|fault| fault.trap.as_ref() == Some(why));
    let aborted = evidence.aborted.iter().filter(|why| !by_trap(why)).map(|why| {
        let at = evidence.duration.as_secs_f64();
        format!("the run was ended before its time, {at:.1} s after its start: {why}")
    });
    let saturated = evidence.saturated.iter().map(|why| {
        format!("the load generator was saturated, so that its figures say nothing of the service: {why}")
    });
    let beyond =
        evidence.calibration.iter().flat_map(|calibration| &calibration.exceeded).map(|why| {
            format!("the load went beyond what this machine's client was measured to carry: {why}")
        });
    trapped.into_iter().chain(aborted).chain(saturated).chain(beyond).collect()
}

/// Says so when not one of the requests succeeded.
fn nothing_worked(view: &View<'_>) -> Option<String> {
    if view.judged().any(|request| ok(&request)) {
        return None;
    }
    let sent = view.judged().count() as u64;
    if sent == 0 {
        return None;
    }
    let ends = losses::describe(view, view.judged());
    Some(format!("not one of {} succeeded: {ends}", text::count(sent, "request")))
}

fn phases(plan: &Plan, recorded: &Recorded, duration: Nanos) -> Vec<Phase> {
    let phases = plan.phases.iter().enumerate();
    // A run of so many requests is over with them, whatever its phases would have had to come.
    let over = plan.traffic.limits.requests.map_or(Nanos(u64::MAX), |_| duration);
    phases
        .map(|(index, phase)| Phase {
            name: phase.name.clone(),
            start_s: phase.start.min(over).as_secs_f64(),
            end_s: phase.end().min(over).as_secs_f64(),
            warmup: phase.warmup,
            counts: Counts {
                scheduled: recorded.scheduled.get(index).copied().unwrap_or_default(),
                ..recorded.counts.get(index).copied().unwrap_or_default()
            },
        })
        .collect()
}

fn total(phases: &[Phase]) -> Counts {
    phases.iter().fold(Counts::default(), |sum, phase| {
        let Counts {
            scheduled,
            sent,
            ok,
            http_error,
            in_band_error,
            connect_failed,
            reset,
            cut,
            invented,
            timeout,
            corrupt,
            empty,
            shed,
            aborted,
        } = phase.counts;
        Counts {
            scheduled: sum.scheduled + scheduled,
            sent: sum.sent + sent,
            ok: sum.ok + ok,
            http_error: sum.http_error + http_error,
            in_band_error: sum.in_band_error + in_band_error,
            connect_failed: sum.connect_failed + connect_failed,
            reset: sum.reset + reset,
            cut: sum.cut + cut,
            invented: sum.invented + invented,
            timeout: sum.timeout + timeout,
            corrupt: sum.corrupt + corrupt,
            empty: sum.empty + empty,
            shed: sum.shed + shed,
            aborted: sum.aborted + aborted,
        }
    })
}
